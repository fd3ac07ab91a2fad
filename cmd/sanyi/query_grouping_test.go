//go:build duckdb_arrow

package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/queries"
)

// groupedCase is a case as two schemes group it.
type groupedCase struct {
	id, org, dept, doctor, day string
	group                      [2]string // by chs_drg_11, in force, and by chs_drg_20
	weight                     float64
	los                        int
	fee                        int
	died                       bool
}

var schemeNames = [2]string{"chs_drg_11", "chs_drg_20"}

// levelOf is the level of each organisation.
var levelOf = map[string]string{"H1": "3", "H2": "3", "H3": "2", "H4": "2"}

func randomGrouped(rng *rand.Rand, n int) []groupedCase {
	groups := []string{"FM39", "BR23", "ES35", "IC29", "OB19", "RE19", "GB19"}
	var out []groupedCase
	for i := range n {
		g := rng.IntN(len(groups))
		c := groupedCase{
			id: fmt.Sprint("s", i), org: fmt.Sprint("H", 1+rng.IntN(4)), dept: fmt.Sprint("D", 1+rng.IntN(3)), doctor: fmt.Sprint("doc", rng.IntN(5)),
			day: fmt.Sprintf("2025-%02d-%02d", 1+rng.IntN(3), 1+rng.IntN(28)), group: [2]string{groups[g], groups[(g+rng.IntN(2))%len(groups)]},
			weight: float64(1+g) / 2, los: 1 + rng.IntN(12), fee: 1000 + rng.IntN(20000), died: rng.IntN(30) < g,
		}
		switch groups[g] {
		case "RE19": // two hospitals alone treat it
			c.org = fmt.Sprint("H", 1+rng.IntN(2))
		case "GB19": // one of them nearly alone
			if rng.IntN(8) > 0 {
				c.org = "H3"
			}
		}
		switch rng.IntN(25) {
		case 0:
			c.group[0] = "0000"
		case 1:
			c.group[0] = "AH19" // so rare that it has no benchmark
			c.weight = 20
		}
		out = append(out, c)
	}
	return out
}

// rowsOf are the cases as the lake holds them, by the schemes asked; the first is in force.
func rowsOf(cs []groupedCase, schemes ...int) []map[string]any {
	var out []map[string]any
	for _, c := range cs {
		for _, s := range schemes {
			status, way := "OK", "1"
			if c.group[s] == "0000" {
				status = "0000"
			}
			if c.died {
				way = "5"
			}
			row := map[string]any{
				"stay_id": c.id, "scheme": schemeNames[s], "scheme_hash": "h", "is_current": s == schemes[0], "scheme_kind": "DRG", "org_code": c.org, "discharge_dept": c.dept,
				"doctor_id": c.doctor, "discharge_date": c.day, "discharge_way": way, "group_code": c.group[s], "status": status, "los_days": c.los, "total_fee": c.fee,
				"adrg_kind": "medical", "drug_fee": c.fee / 4, "material_fee": c.fee / 5, "agrees": c.los%2 == 0, "agrees_adrg": c.los%3 > 0,
			}
			if status == "OK" {
				row["weight"] = c.weight
			}
			out = append(out, row)
		}
	}
	return out
}

// orgsOf are the organisations of the cases.
func orgsOf() []map[string]any {
	var out []map[string]any
	for _, code := range slices.Sorted(maps.Keys(levelOf)) {
		out = append(out, map[string]any{"org_code": code, "org_level": levelOf[code], "region_code": "34010" + code[1:], "org_kind": "HOSP", "valid_from": "2020-01-01"})
	}
	return out
}

// guarding is when a group is told: where each of its hospitals is alone in it, or has cell cases and so many hospitals
// beside it, none with largest or more of those cases. The zero value tells all.
type guarding struct {
	cell, others int
	largest      float64
}

func (g guarding) tells(of map[string]float64) bool {
	n := 0.0
	for _, some := range of {
		n += some
	}
	for mine, some := range of {
		for other, theirs := range of {
			rest := n - some
			if g.cell > 0 && other != mine && (len(of)-1 < g.others || rest < float64(g.cell) || g.largest > 0 && theirs >= g.largest*rest) {
				return false
			}
		}
	}
	return true
}

// plainPeers are the mean fee and days of each group in each month, trimmed: the lowest and highest fortieth of its fees
// are left out, by counting off ranks.
func plainPeers(all []groupedCase, scheme int, g guarding, key func(groupedCase) string) map[string][2]float64 {
	byGroup := map[string][]groupedCase{}
	for _, c := range all {
		if c.group[scheme] != "0000" {
			k := c.day[:7] + c.group[scheme] + key(c)
			byGroup[k] = append(byGroup[k], c)
		}
	}
	out := map[string][2]float64{}
	for k, cs := range byGroup {
		slices.SortFunc(cs, func(a, b groupedCase) int { return a.fee - b.fee })
		rank := (len(cs)*25 + 999) / 1000
		low, high := cs[rank-1].fee, cs[len(cs)-rank].fee
		fees, days, n, of := 0, 0, 0, map[string]float64{}
		for _, c := range cs {
			if c.fee >= low && c.fee <= high {
				fees, days, n = fees+c.fee, days+c.los, n+1
				of[c.org]++
			}
		}
		if n >= 15 && g.tells(of) {
			out[k] = [2]float64{float64(fees) / float64(n), float64(days) / float64(n)}
		}
	}
	return out
}

// plainFigures is section 3.5 once more, by loops: numerators and denominators of some cases beside the region's, whose
// fees and days are those of their month, whose deaths those of the period asked.
func plainFigures(all, region, mine []groupedCase, scheme int, guard guarding) map[string][2]float64 {
	byGroup := plainPeers(all, scheme, guard, func(groupedCase) string { return "" })
	byLevel := plainPeers(all, scheme, guard, func(c groupedCase) string { return levelOf[c.org] })
	type sums struct {
		n, died float64
		of      map[string]float64
	}
	risk := map[string]sums{}
	for _, c := range region {
		g := c.group[scheme]
		if g == "0000" {
			continue
		}
		s := risk[g]
		if s.of == nil {
			s.of = map[string]float64{}
		}
		s.n++
		s.of[c.org]++
		if c.died {
			s.died++
		}
		risk[g] = s
	}
	logs := map[string]float64{}
	mean, sq := 0.0, 0.0
	for g, s := range risk {
		if s.n >= 15 && s.died > 0 {
			logs[g] = math.Log(s.died / s.n)
			mean += logs[g]
		}
	}
	mean /= float64(len(logs))
	for _, l := range logs {
		sq += (l - mean) * (l - mean)
	}
	sd := math.Sqrt(sq / float64(len(logs)-1))
	out := map[string][2]float64{}
	put := func(id string, num, den float64) { out[id] = [2]float64{out[id][0] + num, out[id][1] + den} }
	for _, c := range mine {
		g := c.group[scheme]
		put("G001", 1, 0)
		if g == "0000" {
			put("G003", 0, 1)
			continue
		}
		fee, los, one := float64(c.fee), float64(c.los), 0.0
		if c.died {
			one = 1
		}
		put("G003", 1, 1)
		put("G009", c.weight, 1)
		put("G028", los, 1)
		put("G054", 0, 1)
		if peers, ok := byGroup[c.day[:7]+g]; ok {
			put("G010", fee/peers[0], 1)
			put("G011", los/peers[1], 1)
			put("G012", fee, peers[0])
			put("G013", los, peers[1])
			put("G054", 1, 0)
		}
		if peers, ok := byLevel[c.day[:7]+g+levelOf[c.org]]; ok {
			put("G014", fee/peers[0], 1)
			put("G015", los/peers[1], 1)
		}
		if l, ok := logs[g]; ok && guard.tells(risk[g].of) {
			switch z := (l - mean) / sd; {
			case z < -1:
				put("G016", one, 1)
			case z < 0:
				put("G017", one, 1)
			}
		}
	}
	return out
}

var scaleOf = map[string]float64{"G003": 100, "G016": 100, "G017": 100, "G054": 100}

// agreesWith compares a row with the plain figures.
func agreesWith(t *testing.T, r *queries.Row, want map[string][2]float64) {
	t.Helper()
	w, ok := want[r.Indicator]
	scale := max(1, scaleOf[r.Indicator])
	figure := w[0] * scale / w[1]
	if r.Indicator == "G001" {
		figure = w[0]
	}
	if !ok {
		if r.Value != nil && *r.Value != 0 {
			t.Errorf("%s %s %v: got %v, want none", r.Indicator, r.Period, r.Dims, *r.Value)
		}
		return
	}
	if r.Value == nil || math.Abs(*r.Value-figure) > 1e-9*math.Max(1, math.Abs(figure)) {
		t.Errorf("%s %s %v: got %v, want %v", r.Indicator, r.Period, r.Dims, figureText(r.Value), figure)
	}
}

var plainIDs = []string{"G001", "G003", "G009", "G010", "G011", "G012", "G013", "G014", "G015", "G016", "G017", "G028", "G054"}

// guardedBy is a region that guards its benchmarks otherwise.
func guardedBy(t *testing.T, guard string) fs.FS {
	t.Helper()
	layer := fstest.MapFS{}
	for _, id := range []string{"group_mean", "group_mean_of_level", "group_risk"} {
		name := "benchmarks/" + id + ".yaml"
		text, err := fs.ReadFile(queries.Shipped(), name)
		if err != nil || !strings.Contains(string(text), "guard: {others: 1}") {
			t.Fatalf("%s: %v, or another guard than this test changes", name, err)
		}
		layer[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(text), "guard: {others: 1}", "guard: "+guard, 1) + "replaces: a test\n")}
	}
	return layer
}

// TestIndexesEqualAPlainCount: indexes beside the benchmark of their own month, by hospital, department and both, with
// every margin, with and without a guard, against loops; the what-if scheme beside them changes nothing.
func TestIndexesEqualAPlainCount(t *testing.T) {
	cs := randomGrouped(rand.New(rand.NewPCG(5, 6)), 1600)
	ask := asking(t, map[string][]map[string]any{"fact_case_group": rowsOf(cs, 0, 1), "dim_org": orgsOf()})
	months := []string{"2025-01", "2025-02", "2025-03"}
	in := func(keep func(groupedCase) bool) []groupedCase {
		return slices.DeleteFunc(slices.Clone(cs), func(c groupedCase) bool { return !keep(c) })
	}
	for _, g := range []guarding{{}, {cell: 10, others: 1}, {cell: 10, others: 2, largest: 0.85}} {
		ask := ask
		if g.others > 1 {
			ask = asking(t, map[string][]map[string]any{"fact_case_group": rowsOf(cs, 0, 1), "dim_org": orgsOf()}, guardedBy(t, fmt.Sprintf("{others: %d, largest: %g}", g.others, g.largest)))
		}
		rows := ask(queries.Request{Indicators: plainIDs, Period: "2025-Q1", Grain: "month", By: []string{"org_code", "dept"}, Totals: true, Guard: g.cell}, "2025-06-01")
		if len(rows) != len(plainIDs)*len(months)*5*4 {
			t.Errorf("%d rows", len(rows))
		}
		found, fewer := map[string]bool{}, false // fewer: of a hospital's cases some have no benchmark
		for i := range rows {
			r := &rows[i]
			found[r.Indicator] = found[r.Indicator] || r.Value != nil
			fewer = fewer || r.Indicator == "G054" && figureOf(r.Value) < 60
			region := in(func(c groupedCase) bool { return strings.HasPrefix(c.day, r.Period) })
			mine := slices.DeleteFunc(slices.Clone(region), func(c groupedCase) bool {
				return r.Dims[0] != nil && r.Dims[0] != c.org || r.Dims[1] != nil && r.Dims[1] != c.dept
			})
			agreesWith(t, r, plainFigures(cs, region, mine, 0, g))
		}
		for _, id := range plainIDs {
			if !found[id] {
				t.Errorf("%s with %+v: no figure at all: the rows prove nothing", id, g)
			}
		}
		if g.others > 1 && !fewer {
			t.Errorf("%+v leaves no group out: the rows prove nothing", g)
		}
	}
	// A quarter is the sum of its months' fees and days; its deaths, and the other scheme, have a benchmark of their own.
	for scheme, choose := range []map[string]string{nil, {"scheme": "chs_drg_20"}} {
		rows := ask(queries.Request{Indicators: plainIDs, Period: "2025-Q1", Grain: "total", By: []string{"doctor_id"}, Where: map[string][]string{"org_code": {"H2", "H3"}}, Choose: choose}, "2025-06-01")
		for i := range rows {
			r := &rows[i]
			agreesWith(t, r, plainFigures(cs, cs, in(func(c groupedCase) bool { return c.doctor == r.Dims[0] && (c.org == "H2" || c.org == "H3") }), scheme, guarding{}))
		}
	}
	// Weeks stand beside the whole month of each case, whatever the moment of asking.
	week := ask(queries.Request{Indicators: []string{"G010"}, Period: "2025-02-24..2025-03-02", Grain: "total", By: []string{"org_code"}}, "2025-03-01 12:00:00")
	for i := range week {
		r := &week[i]
		agreesWith(t, r, plainFigures(cs, nil, in(func(c groupedCase) bool { return c.org == r.Dims[0] && c.day >= "2025-02-24" && c.day < "2025-03-02" }), 0, guarding{}))
	}
	// Windows that overlap are read in one statement, each beside its own benchmark.
	for _, r := range ask(queries.Request{Indicators: []string{"G010", "G016"}, Period: "2025-02..2025-03", Grain: "month", Compare: []string{"ytd_yoy"}, Where: map[string][]string{"org_code": {"H1"}}}, "2025-06-01") {
		region := in(func(c groupedCase) bool { return c.day[:7] <= r.Period })
		w := plainFigures(cs, region, slices.DeleteFunc(slices.Clone(region), func(c groupedCase) bool { return c.org != "H1" }), 0, guarding{})[r.Indicator]
		if want := w[0] * max(1, scaleOf[r.Indicator]) / w[1]; math.Abs(figureOf(r.Compared[0].Current)-want) > 1e-9*want {
			t.Errorf("%s year to %s: %v, want %v", r.Indicator, r.Period, figureOf(r.Compared[0].Current), want)
		}
	}
}

// groupingIDs are all indicators of grouped cases.
func groupingIDs(c *queries.Catalog) []string {
	var out []string
	for _, x := range c.Indicators() {
		if slices.Contains(c.Choices(x), "scheme") {
			out = append(out, x.ID)
		}
	}
	return out
}

// TestAHospitalsOwnAnswerIsItsRowOfTheRegions: the benchmark sees the region whoever asks, and by whichever filter.
func TestAHospitalsOwnAnswerIsItsRowOfTheRegions(t *testing.T) {
	c, set, bench := benchOf(t)
	cs := randomGrouped(rand.New(rand.NewPCG(7, 8)), 900)
	if err := queries.LoadRows(bench, set, map[string][]map[string]any{"fact_case_group": rowsOf(cs, 0, 1), "dim_org": orgsOf()}); err != nil {
		t.Fatal(err)
	}
	ids := groupingIDs(c)
	if len(ids) < 38 {
		t.Fatalf("%d indicators of grouped cases", len(ids))
	}
	answer := func(req queries.Request, scope queries.Scope) map[string]queries.Row {
		t.Helper()
		req.Indicators, req.Period, req.Grain, req.Guard = ids, "2025-Q1", "month", 10
		out := map[string]queries.Row{}
		a, err := c.Ask(t.Context(), bench, req, scope)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range a.Rows {
			out[fmt.Sprint(r.Indicator, r.Period, r.Dims)] = r
		}
		return out
	}
	by := []string{"org_code", "dept"}
	whole := answer(queries.Request{By: by}, queries.WholeLake("test"))
	for name, narrow := range map[string]map[string]queries.Row{
		"scope of the organisation": answer(queries.Request{By: by}, queries.Organisations("H1")),
		"scope of its region":       answer(queries.Request{By: by}, queries.Regions("340101")),
		"filter by organisation":    answer(queries.Request{By: by, Where: map[string][]string{"org_code": {"H1"}}}, queries.WholeLake("test")),
		"filter by region":          answer(queries.Request{By: by, Where: map[string][]string{"region": {"340101"}}}, queries.WholeLake("test")),
	} {
		if len(narrow) != len(ids)*3*3 {
			t.Errorf("%s: %d rows", name, len(narrow))
		}
		for key, r := range narrow {
			if w := whole[key]; math.Abs(figureOf(r.Value)-figureOf(w.Value)) > 1e-9*math.Max(1, math.Abs(figureOf(w.Value))) {
				t.Errorf("%s: %s is %v, in the region's answer %v", name, key, figureOf(r.Value), figureOf(w.Value))
			}
		}
	}
}

// TestDepartmentsAddUpToTheHospital: numerators and denominators of every indicator that is a sum of sums.
func TestDepartmentsAddUpToTheHospital(t *testing.T) {
	c, set, bench := benchOf(t)
	cs := randomGrouped(rand.New(rand.NewPCG(9, 10)), 300)
	if err := queries.LoadRows(bench, set, map[string][]map[string]any{"fact_case_group": rowsOf(cs, 0, 1), "dim_org": orgsOf()}); err != nil {
		t.Fatal(err)
	}
	for _, dim := range []string{"dept", "doctor_id"} {
		a, err := c.Ask(t.Context(), bench, queries.Request{Indicators: groupingIDs(c), Period: "2025-01", By: []string{"org_code", dim}, Totals: true}, queries.WholeLake("test"))
		if err != nil {
			t.Fatal(err)
		}
		parts, wholes := map[string][2]float64{}, map[string][2]float64{}
		for _, r := range a.Rows {
			if r.Indicator == "G007" || len(r.Total) > 0 && r.Total[0] != dim { // groups of departments overlap
				continue
			}
			into := parts
			if len(r.Total) == 1 {
				into = wholes
			}
			key := fmt.Sprint(r.Indicator, r.Dims[0])
			value := func(p *float64) float64 {
				if p == nil {
					return 0
				}
				return *p
			}
			into[key] = [2]float64{into[key][0] + value(r.Numerator), into[key][1] + value(r.Denominator)}
		}
		for key, whole := range wholes {
			for i := range whole {
				if math.Abs(parts[key][i]-whole[i]) > 1e-9*math.Max(1, whole[i]) {
					t.Errorf("%s by %s: parts make %v, the hospital is %v", key, dim, parts[key], whole)
				}
			}
		}
	}
}

// TestSchemesSideBySideDoNotDouble: the answer is that of a lake with one scheme alone, of either.
func TestSchemesSideBySideDoNotDouble(t *testing.T) {
	cs := randomGrouped(rand.New(rand.NewPCG(11, 12)), 300)
	c, _, _ := benchOf(t)
	req := queries.Request{Indicators: groupingIDs(c), Period: "2025-Q1", By: []string{"org_code"}, Totals: true}
	asker := func(schemes ...int) func(queries.Request) []queries.Row {
		ask := asking(t, map[string][]map[string]any{"fact_case_group": rowsOf(cs, schemes...), "dim_org": orgsOf()})
		return func(req queries.Request) []queries.Row { return ask(req, "2025-06-01") }
	}
	same := func(what string, got, want []queries.Row) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
		}
		for i := range got {
			if math.Abs(figureOf(got[i].Value)-figureOf(want[i].Value)) > 1e-12*math.Max(1, math.Abs(figureOf(want[i].Value))) || figureOf(got[i].Completeness) != figureOf(want[i].Completeness) {
				t.Errorf("%s: %s %v is %v, want %v", what, got[i].Indicator, got[i].Dims, figureOf(got[i].Value), figureOf(want[i].Value))
			}
		}
	}
	both, one, other := asker(0, 1), asker(0), asker(1)
	same("the scheme in force", both(req), one(req))
	chosen := req
	chosen.Choose = map[string]string{"scheme": "chs_drg_20"}
	same("the scheme chosen", both(chosen), other(req))
	filtered := req
	filtered.Where = map[string][]string{"scheme": {"chs_drg_20"}}
	same("the scheme filtered by", both(filtered), other(req))
	beside := req
	beside.By, beside.Totals = []string{"scheme"}, false
	total := req
	total.By, total.Totals = nil, false
	got := both(beside)
	for i, want := range []([]queries.Row){one(total), other(total)} {
		same(schemeNames[i]+" beside the other", slices.DeleteFunc(slices.Clone(got), func(r queries.Row) bool { return r.Dims[0] != schemeNames[i] }), want)
	}
}

// TestWhatCannotBeChosenIsSaid: a wrong choice is a usage error that names what there is.
func TestWhatCannotBeChosenIsSaid(t *testing.T) {
	c, _, bench := benchOf(t)
	for want, req := range map[string]queries.Request{
		"no scheme to choose: its tables hold one method alone":         {Indicators: []string{"H001"}, Choose: map[string]string{"scheme": "x"}},
		"no scheme to choose; there is params":                          {Indicators: []string{"G046"}, Choose: map[string]string{"scheme": "x"}},
		"no version to choose; there is scheme":                         {Indicators: []string{"G009"}, Choose: map[string]string{"version": "x"}},
		"scheme is chosen, but empty":                                   {Indicators: []string{"G009"}, Choose: map[string]string{"scheme": ""}},
		"a total over every scheme would count each case several times": {Indicators: []string{"G009"}, By: []string{"scheme"}, Totals: true},
		"several values of scheme would count each case several times":  {Indicators: []string{"G009"}, Where: map[string][]string{"scheme": {"a", "b"}}},
	} {
		req.Period = "2025-03"
		if _, err := c.Ask(t.Context(), bench, req, queries.WholeLake("test")); err == nil || fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a usage error with %q", err, want)
		}
	}
	a, err := c.Ask(t.Context(), bench, queries.Request{Indicators: []string{"G009", "G046", "H001"}, Period: "2025-03"}, queries.WholeLake("test"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []queries.Choice{{Name: "scheme", How: "fact_case_group.is_current"}, {Name: "params", How: "fact_case_settle.is_current"}}; !slices.Equal(a.Choices, want) {
		t.Errorf("choices %v, want %v", a.Choices, want)
	}
}
