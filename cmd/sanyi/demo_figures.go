//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/synth"
	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/queries"
)

// Figures that the demo shows: of the last night beside the same weekday a week before, and of the last month.
var (
	demoDaily   = []string{"H001", "H002", "H003", "H010", "H005", "H026", "H046", "H050", "I001", "I007"}
	demoMonthly = []string{"H001", "P083", "H013", "H029", "H046", "H052", "H055", "H059", "H061", "H072", "H091", "H093", "I014", "I015", "I036", "I043", "D006", "D032", "D062", "D074", "F008", "F009"}
)

// figures prints real answers.
func (d *demo) figures(ctx context.Context, e engine.Engine) error {
	last := d.truth.Last
	scope := queries.WholeLake("sanyi demo")
	daily, err := d.catalog.Ask(ctx, engine.Runner(e), queries.Request{Indicators: demoDaily, Period: last, Compare: []string{"wow"}}, scope)
	if err != nil {
		return err
	}
	d.table(fmt.Sprintf(lang.Pick("%s，与上周同日比较", "%s beside the same weekday a week before"), last), daily, true)
	monthly, err := d.catalog.Ask(ctx, engine.Runner(e), queries.Request{Indicators: demoMonthly, Period: last[:7]}, scope)
	if err != nil {
		return err
	}
	d.table(last[:7], monthly, false)
	return nil
}

// table prints one line a figure, Chinese and English names beside each other.
func (d *demo) table(title string, a *queries.Answer, compared bool) {
	head := []string{lang.Pick("指标", "indicator"), "", "", lang.Pick("数值", "value"), lang.Pick("单位", "unit")}
	if compared {
		head = append(head, lang.Pick("上周同日", "week before"), lang.Pick("变化", "change"))
	}
	head = append(head, lang.Pick("数据完整", "complete"))
	rows := [][]string{head}
	for _, r := range a.Rows {
		x, ok := d.catalog.Indicator(r.Indicator)
		if !ok {
			continue
		}
		cells := []string{x.ID, x.Title.ZH, x.Title.EN, number(r.Value), r.Unit}
		if r.At != "" {
			cells[4] += " @ " + r.At
		}
		if compared {
			base, change := "", ""
			if len(r.Compared) > 0 {
				base, change = number(r.Compared[0].Base), number(r.Compared[0].Change)
				if change != "" && r.Compared[0].Change != nil {
					change += "%"
				}
			}
			cells = append(cells, base, change)
		}
		complete := ""
		if r.Completeness != nil {
			complete = strconv.FormatFloat(100**r.Completeness, 'f', 1, 64) + "%"
		}
		rows = append(rows, append(cells, complete))
	}
	fmt.Fprintf(d.out, "\n  %s\n", title)
	right := map[int]bool{3: true, 5: compared, 6: compared, len(head) - 1: true}
	for _, line := range aligned(rows, right) {
		fmt.Fprintln(d.out, "  "+line)
	}
}

// number is a figure for people: thousands apart, two decimals where it has any.
func number(v *float64) string {
	if v == nil {
		return "–"
	}
	text := strconv.FormatFloat(*v, 'f', 2, 64)
	if *v == math.Trunc(*v) {
		text = strconv.FormatFloat(*v, 'f', 0, 64)
	}
	whole, rest, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return sign + whole
}

// aligned pads columns; Chinese characters are two cells wide on a terminal.
func aligned(rows [][]string, right map[int]bool) []string {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(c))
		}
	}
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		var b strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-width(c))
			if right[i] {
				b.WriteString(pad + c + "  ")
			} else {
				b.WriteString(c + pad + "  ")
			}
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

func width(s string) (n int) {
	for _, r := range s {
		n++
		if r >= 0x1100 && r != '–' && r != '“' && r != '”' {
			n++
		}
	}
	return n
}

// books sums up the ledger: what was read and what became of it, and who sent nothing.
func (d *demo) books(ctx context.Context) error {
	loads, err := d.lake.LiveLoads(ctx)
	if err != nil {
		return err
	}
	d.step(lang.Pick("账目：每条记录的去向", "the books: what became of every record"))
	type account struct{ files, missing, records, loaded, duplicate, superseded, quarantined, ignored int64 }
	bySource := map[string]*account{}
	total := &account{}
	for _, l := range loads {
		if bySource[l.Source] == nil {
			bySource[l.Source] = &account{}
		}
		for _, a := range []*account{bySource[l.Source], total} {
			if l.Status == lake.Missing {
				a.missing++
				continue
			}
			a.files++
			a.records += l.Records
			a.loaded += l.Loaded
			a.duplicate += l.Duplicate
			a.superseded += l.Superseded
			a.quarantined += l.Quarantined
			a.ignored += l.Ignored
		}
	}
	rows := [][]string{{
		lang.Pick("来源", "source"), lang.Pick("文件", "files"), lang.Pick("读取", "read"), lang.Pick("入湖", "loaded"), lang.Pick("重复", "duplicate"), lang.Pick("隔离", "set aside"), lang.Pick("忽略", "ignored"), lang.Pick("缺报", "missing"),
	}}
	add := func(name string, a *account) {
		row := []string{name}
		for _, n := range []int64{a.files, a.records, a.loaded, a.duplicate + a.superseded, a.quarantined, a.ignored, a.missing} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		rows = append(rows, row)
	}
	for _, id := range slices.Sorted(maps.Keys(bySource)) {
		add(id, bySource[id])
	}
	add(lang.Pick("合计", "all"), total)
	for _, line := range aligned(rows, map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true}) {
		fmt.Fprintln(d.out, "  "+line)
	}
	var missing []string
	for _, l := range loads {
		if l.Status == lake.Missing {
			missing = append(missing, l.Date+" "+l.Source+" "+l.Org)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		shown := missing[max(0, len(missing)-3):]
		d.say(lang.Pick("缺报，如：%s", "missing, among them: %s"), strings.Join(shown, "; "))
	}
	want := d.truth.Records
	if total.records != int64(want.Read) || total.quarantined != int64(want.Quarantined) || total.duplicate != int64(want.Duplicate) || total.missing != int64(d.truth.Missing) {
		return fault.New(fault.Internal, "the books disagree with what was written: read %d of %d, set aside %d of %d, duplicate %d of %d, missing %d of %d",
			total.records, want.Read, total.quarantined, want.Quarantined, total.duplicate, want.Duplicate, total.missing, d.truth.Missing)
	}
	d.say("%s", lang.Pick("读取 = 入湖 + 重复 + 隔离 + 忽略，与生成器埋入的错误和缺报逐一相符", "read = loaded + duplicate + set aside + ignored; the spoilt records and the missing deliveries are exactly those that were planted"))
	return nil
}

// compare asks every question of truth.json, those of one period and grouping together.
func (d *demo) compare(ctx context.Context, e engine.Engine) error {
	d.step(lang.Pick("与生成器的真值逐一比较", "comparing with what the generator counted"))
	type key struct{ period, by string }
	questions := map[key][]synth.Figure{}
	for _, f := range d.truth.Figures {
		k := key{f.Period, strings.Join(f.By, ",")}
		questions[k] = append(questions[k], f)
	}
	figures, wrong := 0, []string{}
	for k, list := range questions {
		req := queries.Request{Period: k.period}
		if k.by != "" {
			req.By = strings.Split(k.by, ",")
		}
		for _, f := range list {
			req.Indicators = append(req.Indicators, f.Indicator)
		}
		answer, err := d.catalog.Ask(ctx, engine.Runner(e), req, queries.WholeLake("sanyi demo"))
		if err != nil {
			return err
		}
		got := map[string]float64{}
		for _, r := range answer.Rows {
			if r.Value != nil {
				got[r.Indicator+fmt.Sprint(r.Dims)] = *r.Value
			}
		}
		for _, f := range list {
			for _, row := range f.Rows {
				figures++
				dims := []any{}
				for _, b := range f.By {
					dims = append(dims, row[b])
				}
				want, _ := row["value"].(float64)
				value, ok := got[f.Indicator+fmt.Sprint(dims)]
				if !ok || math.Abs(value-want) > 1e-6*math.Max(1, math.Abs(want)) {
					wrong = append(wrong, fmt.Sprintf("%s %s %v: %v, want %v", f.Indicator, f.Period, dims, value, want))
				}
			}
		}
	}
	joined, err := d.joined(ctx, e)
	if err != nil {
		return err
	}
	wrong = append(wrong, joined...)
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fault.New(fault.Internal, "%d of %d figures differ from the truth: %s", len(wrong), figures, strings.Join(wrong[:min(5, len(wrong))], "; "))
	}
	d.say(lang.Pick("所有 %d 个数字（%d 个问题）与生成器的真值一致，含跨来源关联的人数", "all %d figures of %d questions equal the generator's truth, the people found in several sources among them"), figures, len(d.truth.Figures))
	return nil
}

// joined counts people whom several sources know, by pseudonym alone.
func (d *demo) joined(ctx context.Context, e engine.Engine) (wrong []string, err error) {
	visits, stays, settled := "SELECT person_key FROM fact_outp_visit WHERE status = 'DONE'", "SELECT person_key FROM fact_inp_stay", "SELECT person_key FROM fact_settlement"
	for name, parts := range map[string][]string{
		"visited": {visits}, "settled": {settled}, "visited_and_settled": {visits, settled}, "stayed_and_settled": {stays, settled}, "visited_and_stayed": {visits, stays}, "visited_stayed_and_settled": {visits, stays, settled},
	} {
		sql := "SELECT count(DISTINCT person_key) AS n FROM (" + strings.Join(parts, " INTERSECT ") + ") AS people"
		res, err := e.Run(ctx, engine.Statement{SQL: sql, Uses: []engine.Use{{Table: "fact_outp_visit"}, {Table: "fact_inp_stay"}, {Table: "fact_settlement"}}})
		if err != nil {
			return nil, err
		}
		for _, b := range res.Batches {
			if got := b.Column(0).ValueStr(0); got != strconv.Itoa(d.truth.Persons[name]) {
				wrong = append(wrong, fmt.Sprintf("people %s: %s, want %d", name, got, d.truth.Persons[name]))
			}
			b.Release()
		}
	}
	return wrong, nil
}
