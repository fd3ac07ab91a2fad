//go:build duckdb_arrow

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/weigh"
	told "github.com/sanyi-lake/sanyi/internal/grouper/words"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/queries"
)

// Figures of the DRG page of one hospital, and of its departments.
var (
	demoDRG  = []string{"G001", "G003", "G005", "G007", "G008", "G009", "G010", "G011", "G016", "G042", "G043", "G044", "G046", "G048", "G049"}
	demoDept = []string{"G002", "G008", "G009", "G010", "G011", "G046"}
)

// groupings says by what the stays of the lake are grouped from the first night on: a DRG scheme and, beside it, a DIP
// catalogue. Both are made up.
func (d *demo) groupings() error {
	c := &cases.Config{Groupings: []cases.Grouping{{Scheme: "demo_drg"}, {Scheme: "demo_dip"}}, Offsite: map[string]string{"PROV": "in_province", "NATL": "cross_province"}}
	return c.Write(d.lakeDir)
}

// price works weights and a rate out of the history, and has every case settled by them from now on.
func (d *demo) price(ctx context.Context) error {
	at := time.Now()
	rules, settlement := schemes.DemoPayment()
	p, err := weigh.Load(rules, "demo_payment/weigh.yaml")
	if err != nil {
		return err
	}
	r, err := weigh.Weigh(p, cases.Weighed(ctx, d.lake, d.set, cases.WeighRequest{}), nil)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	if err := r.WriteWeights(&table); err != nil {
		return err
	}
	if !r.MeanWeight.IsPositive() {
		return fault.New(fault.Internal, "demo: no group of the history has a weight")
	}
	rate := r.Mean.DivRound(r.MeanWeight, 2)
	settlement = append(settlement, fmt.Sprintf("rates:\n  - {value: %s}\n", rate)...)
	files := map[string][]byte{"demo_weights.csv": table.Bytes(), "demo_settle.yaml": settlement}
	for name, text := range files {
		path := filepath.Join(d.lakeDir, cases.PaymentFolder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return fault.Wrap(fault.Unavailable, err)
		}
		if err := os.WriteFile(path, text, 0o640); err != nil { //nolint:gosec // rates of a region of nobody
			return fault.Wrap(fault.Unavailable, err)
		}
	}
	c, err := cases.ReadConfig(d.lakeDir)
	if err != nil {
		return err
	}
	g := c.Groupings[0]
	g.Weights = filepath.Join(cases.PaymentFolder, "demo_weights.csv")
	c.Use(g, false)
	for year := d.first().Year(); year <= d.last().Year(); year++ {
		c.Price(cases.Settlement{
			ID: fmt.Sprintf("demo_%d", year), Scheme: g.Scheme, Params: filepath.Join(cases.PaymentFolder, "demo_settle.yaml"),
			From: fmt.Sprintf("%d-01-01", year), To: fmt.Sprintf("%d-01-01", year+1),
		})
	}
	if err := c.Write(d.lakeDir); err != nil {
		return err
	}
	report, publication, err := cases.Regroup(ctx, d.lake, d.set, cases.Options{})
	if err != nil {
		return err
	}
	settled := int64(0)
	for _, n := range report.Settled {
		settled += n
	}
	d.say(lang.Pick("版本 %d  由历史病例测算权重与费率（%s 元/权重，RIV %s）：%d 例分组，%d 例入组，%d 例结算（%.1f 秒）", "publication %d  weights and a rate from the history (%s yuan a weight, RIV %s): %d cases, %d grouped, %d settled (%.1f s)"),
		publication, rate, percent(r.After.RIV), report.Cases, report.Grouped[g.Scheme], settled, time.Since(at).Seconds())
	return nil
}

func (d *demo) first() time.Time { return demoDay(d.truth.First) }
func (d *demo) last() time.Time  { return demoDay(d.truth.Last) }

func demoDay(text string) time.Time {
	t, _ := time.Parse(time.DateOnly, text) // the generator wrote it
	return t
}

// hospital prints the DRG page of the hospital with most cases, and one of its cases with the way to its group.
func (d *demo) hospital(ctx context.Context, e engine.Engine) error {
	month := d.truth.Last[:7]
	scope := queries.WholeLake("sanyi demo")
	byOrg, err := d.catalog.Ask(ctx, engine.Runner(e), queries.Request{Indicators: []string{"G001"}, Period: month, By: []string{"org_code"}}, scope)
	if err != nil {
		return err
	}
	org, most := "", 0.0
	for _, r := range byOrg.Rows {
		if r.Value != nil && *r.Value > most {
			org, most = fmt.Sprint(r.Dims[0]), *r.Value
		}
	}
	if org == "" {
		return fault.New(fault.Internal, "demo: no hospital has a grouped case")
	}
	where := map[string][]string{"org_code": {org}}
	page, err := d.catalog.Ask(ctx, engine.Runner(e), queries.Request{Indicators: demoDRG, Period: month, Where: where}, scope)
	if err != nil {
		return err
	}
	d.table(fmt.Sprintf(lang.Pick("医院 %s 的 DRG 页，%s", "DRG page of hospital %s, %s"), org, month), page, false)
	if err := d.departments(ctx, e, month, where); err != nil {
		return err
	}
	return d.oneCase(ctx, e, org)
}

// departments prints one line a department.
func (d *demo) departments(ctx context.Context, e engine.Engine, month string, where map[string][]string) error {
	a, err := d.catalog.Ask(ctx, engine.Runner(e), queries.Request{Indicators: demoDept, Period: month, By: []string{"discharge_dept"}, Where: where}, queries.WholeLake("sanyi demo"))
	if err != nil {
		return err
	}
	head := []string{lang.Pick("出院科别", "department")}
	right := map[int]bool{}
	for i, id := range demoDept {
		x, _ := d.catalog.Indicator(id)
		head = append(head, lang.Pick(x.Title.ZH, x.Title.EN))
		right[i+1] = true
	}
	rows := [][]string{head}
	at := map[string]int{}
	for _, r := range a.Rows {
		dept := "–"
		if r.Dims[0] != nil {
			dept = fmt.Sprint(r.Dims[0])
		}
		n, ok := at[dept]
		if !ok {
			n = len(rows)
			at[dept] = n
			rows = append(rows, append([]string{dept}, make([]string, len(demoDept))...))
		}
		for i, id := range demoDept {
			if id == r.Indicator {
				rows[n][i+1] = number(r.Value)
			}
		}
	}
	fmt.Fprintln(d.out)
	for _, line := range aligned(rows, right) {
		fmt.Fprintln(d.out, "  "+line)
	}
	return nil
}

// oneCase tells how a surgical case with a complication came to its group.
func (d *demo) oneCase(ctx context.Context, e engine.Engine, org string) error {
	res, err := e.Run(ctx, engine.Statement{
		SQL: `SELECT stay_id FROM fact_case_group WHERE is_current AND org_code = $1 AND status = 'OK'
ORDER BY adrg_kind = 'surgical' DESC, severity IN ('MCC', 'CC') DESC, diag_cnt, stay_id LIMIT 1`,
		Args: []any{org}, Uses: []engine.Use{{Table: "fact_case_group"}},
	})
	if err != nil {
		return err
	}
	stay := ""
	for _, b := range res.Batches {
		if s, ok := b.Column(0).(*array.String); ok && s.Len() > 0 {
			stay = s.Value(0)
		}
		b.Release()
	}
	x, err := cases.Explain(ctx, d.lake, d.set, cases.ExplainRequest{Stay: stay})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, lang.Pick("\n  一例的分组过程（sanyi group --lake %s --stay %s）\n", "\n  how one case came to its group (sanyi group --lake %s --stay %s)\n"), d.lakeDir, stay)
	c := caseInWords(x)
	var rows [][]string
	for _, r := range c.Rows(lang.Of(), told.Options{}) {
		if r.Step == "gate" && r.Verdict == told.No {
			continue // the categories that it is not in fill a screen
		}
		rows = append(rows, []string{map[string]string{told.Yes: "✓", told.No: "✗"}[r.Verdict], r.Title, r.What, r.Text})
	}
	for _, line := range aligned(rows, nil) {
		fmt.Fprintln(d.out, "  "+line)
	}
	return nil
}
