package queries

import (
	"fmt"
	"io"
	"strings"
)

// Document writes the list of indicators for people: docs/indicators.md is made by it, and a test says when it is old.
func (c *Catalog) Document(w io.Writer) error {
	var b strings.Builder
	xs := c.Indicators()
	cases := 0
	for _, x := range xs {
		cases += len(x.Cases)
	}
	b.WriteString("# 指标目录 Indicators\n\n<!-- Generated from queries/: UPDATE_GOLDEN=1 go test -tags duckdb_arrow ./queries -run Documented -->\n\n")
	fmt.Fprintf(&b, "%d 个指标、%d 个度量、%d 个算例。`sanyi catalog indicators ID` 给出一个指标的全部内容,`sanyi check` 运行全部算例。\n"+
		"%d indicators over %d measures, with %d worked cases that `sanyi check` runs. An indicator is one file of `queries/indicators`, a measure one entry of `queries/measures`.\n\n", len(xs), len(c.Measures()), cases, len(xs), len(c.Measures()), cases)
	b.WriteString("Shares are parts times the scale; sums are divided last. Viewpoint says whose region counts: care (where it was given), insured, residence.\n" +
		"Where several grouping schemes or parameter sets stand side by side a figure counts one: the one in force, or what `--scheme`, `--params` choose; by scheme or params they stand beside each other.\n\n")
	for _, room := range []struct{ dir, title string }{
		{"hospital", "医疗 Hospital"}, {"insurance", "医保 Insurance"}, {"grouping", "分组与支付 DRG/DIP grouping and payment"}, {"drug", "医药 Drugs and supplies"}, {"publichealth", "公卫/基层 Public health and primary care"}, {"platform", "平台 Platform"},
	} {
		fmt.Fprintf(&b, "## %s\n\n| ID | 名称 | Name | = | 单位 Unit | 视角 Viewpoint | 维度 Dimensions | 算例 Cases |\n|---|---|---|---|---|---|---|---|\n", room.title)
		for _, x := range xs {
			if !strings.Contains(x.At.File, "/"+room.dir+"/") {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` | %s | %s | %s | %d |\n", x.ID, x.Title.ZH, x.Title.EN, x.Formula(), x.Unit, x.Viewpoint, strings.Join(x.Dimensions, ", "), len(x.Cases))
		}
		b.WriteByte('\n')
	}
	if len(c.Benchmarks()) > 0 {
		b.WriteString("## 标杆 Benchmarks\n\nWhat rows that are alike come to over the whole region in the same period, whoever asks: one file of `queries/benchmarks`, whose threshold a region may replace.\n\n" +
			"| ID | 名称 Name | 定义 Definition |\n|---|---|---|\n")
		for _, x := range c.Benchmarks() {
			fmt.Fprintf(&b, "| %s | %s | `%s` |\n", x.ID, x.Title.ZH+" "+x.Title.EN, strings.ReplaceAll(x.Sentence(), "|", "\\|"))
		}
		b.WriteByte('\n')
	}
	b.WriteString("## 度量 Measures\n\n| ID | 名称 Name | 定义 Definition | 可加性 Additivity |\n|---|---|---|---|\n")
	for _, m := range c.Measures() {
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s |\n", m.ID, m.Title.ZH, strings.ReplaceAll(m.Sentence(), "|", "\\|"), m.Additivity)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
