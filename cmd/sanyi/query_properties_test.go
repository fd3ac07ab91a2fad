//go:build duckdb_arrow

package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/queries"
)

// visit is a row of the plain second implementation below.
type visit struct {
	org, dept, day, status, sex string
	hour                        int
	fee, drug                   float64
}

var orgRegion = map[string]string{"H0": "340121", "H1": "340104", "H2": "110101", "H3": "340200"}

func randomVisits(rng *rand.Rand, n int) ([]visit, []map[string]any) {
	var vs []visit
	var rows []map[string]any
	for i := range n {
		v := visit{
			org: fmt.Sprintf("H%d", rng.IntN(4)), dept: fmt.Sprintf("D%d", rng.IntN(3)), day: fmt.Sprintf("2025-%02d-%02d", 1+rng.IntN(3), 1+rng.IntN(28)),
			status: []string{"DONE", "DONE", "CANCEL"}[rng.IntN(3)], sex: strconv.Itoa(1 + rng.IntN(2)), hour: rng.IntN(24), fee: float64(rng.IntN(90000)) / 100, drug: float64(rng.IntN(20000)) / 100,
		}
		vs = append(vs, v)
		rows = append(rows, map[string]any{
			"visit_id": strconv.Itoa(i), "org_code": v.org, "dept_code": v.dept, "person_key": strconv.Itoa(i % 50), "visit_date": v.day, "reg_time": fmt.Sprintf("%s %02d:30:00", v.day, v.hour),
			"visit_type": "GEN", "is_emergency": false, "status": v.status, "sex_code": v.sex, "total_fee": v.fee, "drug_fee": v.drug,
		})
	}
	return vs, rows
}

// plain counts done visits, fees and drug fees the slow way.
func plain(vs []visit, keep func(visit) bool) (n, fee, drug float64) {
	for _, v := range vs {
		if v.status == "DONE" && keep(v) {
			n, fee, drug = n+1, fee+v.fee, drug+v.drug
		}
	}
	return n, fee, drug
}

// TestFiguresEqualAPlainCount: sums and ratios by month, department and sex, with every margin, against a loop; and the
// sums of the groups are the totals.
func TestFiguresEqualAPlainCount(t *testing.T) {
	c, set, bench := benchOf(t)
	vs, rows := randomVisits(rand.New(rand.NewPCG(1, 2)), 400)
	if err := queries.LoadRows(bench, set, map[string][]map[string]any{"fact_outp_visit": rows}); err != nil {
		t.Fatal(err)
	}
	a, err := c.Ask(t.Context(), bench, queries.Request{Indicators: []string{"H001", "H026", "H029"}, Period: "2025-Q1", Grain: "month", By: []string{"dept_code", "sex_code"}, Totals: true}, queries.WholeLake("test"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Rows) != 3*3*(3*2+3+2+1) {
		t.Errorf("%d rows: want 3 indicators, 3 months, 6 groups and 6 margins", len(a.Rows))
	}
	sums := map[string]float64{}
	for _, r := range a.Rows {
		n, fee, drug := plain(vs, func(v visit) bool {
			return strings.HasPrefix(v.day, r.Period) && (r.Dims[0] == nil || r.Dims[0] == v.dept) && (r.Dims[1] == nil || r.Dims[1] == v.sex)
		})
		want := map[string]float64{"H001": n, "H026": fee / n, "H029": drug * 100 / fee}[r.Indicator]
		if r.Value == nil || math.Abs(*r.Value-want) > 1e-9*math.Max(1, want) {
			t.Errorf("%s %s %v: got %v, want %v", r.Indicator, r.Period, r.Dims, figureText(r.Value), want)
		}
		if r.Indicator == "H001" && r.Value != nil {
			sums[fmt.Sprint(r.Period, len(r.Total))] += *r.Value
		}
	}
	for _, month := range []string{"2025-01", "2025-02", "2025-03"} {
		whole := sums[month+"2"]
		if sums[month+"0"] != whole || sums[month+"1"] != 2*whole || whole == 0 {
			t.Errorf("%s: groups add up to %v, margins to %v, the total is %v", month, sums[month+"0"], sums[month+"1"], whole)
		}
	}
}

// TestAScopeIsNeverWidened: whatever is asked, by whichever dimension or filter, nobody's figure holds rows of others.
func TestAScopeIsNeverWidened(t *testing.T) {
	c, set, bench := benchOf(t)
	vs, rows := randomVisits(rand.New(rand.NewPCG(3, 4)), 300)
	var orgs []map[string]any
	for code, region := range orgRegion {
		orgs = append(orgs, map[string]any{"org_code": code, "region_code": region, "org_level": "3", "org_kind": "HOSP", "valid_from": "2020-01-01"})
	}
	if err := queries.LoadRows(bench, set, map[string][]map[string]any{"fact_outp_visit": rows, "dim_org": orgs}); err != nil {
		t.Fatal(err)
	}
	scopes := []struct {
		scope queries.Scope
		sees  func(visit) bool
	}{
		{queries.Organisations("H1"), func(v visit) bool { return v.org == "H1" }},
		{queries.Regions("340100"), func(v visit) bool { return strings.HasPrefix(orgRegion[v.org], "3401") }},
		{queries.Regions("340000").Union(queries.Organisations("H2")), func(visit) bool { return true }},
		{queries.Regions("340104"), func(v visit) bool { return v.org == "H1" }},
		{queries.Regions("3401%"), func(visit) bool { return false }},
		{queries.Organisations("H1' OR '1'='1"), func(visit) bool { return false }},
		{queries.Scope{}, func(visit) bool { return false }},
	}
	for i, s := range scopes {
		for _, req := range []queries.Request{
			{Period: "2025-Q1"},
			{Period: "2025-Q1", By: []string{"org_code"}, Totals: true},
			{Period: "2025-Q1", By: []string{"region"}, Totals: true},
			{Period: "2025-Q1", Where: map[string][]string{"org_code": {"H0", "H1", "H2", "H3"}}},
			{Period: "2025-Q1", Where: map[string][]string{"region": {"110000", "340000"}}},
		} {
			req.Indicators, req.Grain = []string{"H001"}, "total"
			a, err := c.Ask(t.Context(), bench, req, s.scope)
			if err != nil {
				t.Fatal(err)
			}
			want, _, _ := plain(vs, s.sees)
			got := 0.0
			for _, r := range a.Rows {
				if r.Value != nil && len(r.Total) == 0 {
					got += *r.Value
				}
			}
			if got != want {
				t.Errorf("scope %d, %+v: counted %v, may see %v", i, req, got, want)
			}
		}
	}
}

// TestCheckNamesFileAndLine of every fault: a wrong figure, a wrong column, an unknown key, a circle.
func TestCheckNamesFileAndLine(t *testing.T) {
	indicator := func(id, rest string) string {
		return "id: " + id + "\ntitle: {zh: x, en: x}\nbasis: test\nunit: x\ndirection: monitor\nsuppression: \"no\"\n" + rest
	}
	cases := []struct{ name, file, text, want string }{
		{"a wrong figure", "queries/indicators/X1.yaml", indicator("X1", "numerator: op_all\ncases:\n  - id: two\n    rows: {fact_outp_visit: [{visit_id: a, org_code: H, visit_date: \"2025-03-03\", status: DONE}]}\n    ask: {period: \"2025-03\"}\n    expect: [{value: 2}]\n"), "queries/indicators/X1.yaml:9: indicator X1: case two: value is 1, want 2"},
		{"a wrong column", "queries/measures/m.yaml", "measures:\n  - id: m1\n    title: {zh: x, en: x}\n    from: fact_outp_visit\n    aggregate: count(*)\n    where: colour = 'red'\n    time: visit_date\n    time_kind: event\n    additivity: add\n", "queries/measures/m.yaml:2: measure m1: where:"},
		{"an unknown key", "queries/indicators/X2.yaml", indicator("X2", "numerater: op_all\n"), "queries/indicators/X2.yaml:7: field numerater not found"},
		{"a circle", "queries/indicators/X3.yaml", indicator("X3", "numerator: X3 + 1\n"), "queries/indicators/X3.yaml:1: indicator X3: formula goes round: X3 → X3"},
		{"a name of nothing", "queries/indicators/X4.yaml", indicator("X4", "numerator: nothing\n"), "no measure or indicator nothing"},
		{"taken already", "queries/indicators/H001.yaml", indicator("H001", "numerator: op_all\n"), "say replaces:"},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, filepath.FromSlash(k.file))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(k.text), 0o600); err != nil {
				t.Fatal(err)
			}
			id := strings.TrimSuffix(filepath.Base(file), ".yaml")
			if !strings.HasPrefix(id, "X") {
				id = "H001"
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"check", "--overlay", dir, id}, strings.NewReader(""), &out, &errs)
			if code == exitOK || !strings.Contains(out.String()+errs.String(), k.want) {
				t.Errorf("exit %d, want %q in\n%s%s", code, k.want, out.String(), errs.String())
			}
		})
	}
}
