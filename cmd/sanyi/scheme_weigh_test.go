//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

// inFolder writes files into a folder of the test and gives its path.
func inFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// weighed runs scheme weigh on cases.ndjson and weigh.yaml of a folder and reads what it wrote.
func weighed(t *testing.T, dir string, args ...string) (report map[string]any, table [][]string, rates string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	out, errs, code := sanyi(t, "", append([]string{
		"scheme", "weigh", "--params", in("weigh.yaml"), "--cases", in("cases.ndjson"), "--out", in("weights.csv"), "--rates", in("rates.yaml"), "--report", in("report.json"),
	}, args...)...)
	if code != exitOK || errs != "" || !strings.Contains(out, "cases read") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	text, err := os.ReadFile(in("report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	rows, err := os.Open(in("weights.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if table, err = csv.NewReader(rows).ReadAll(); err != nil {
		t.Fatal(err)
	}
	yaml, err := os.ReadFile(in("rates.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return report, table, string(yaml)
}

// arithmetic are the worked examples of the norms, by id.
func arithmetic(t *testing.T) map[string]struct{ Input, Expect map[string]any } {
	t.Helper()
	text, err := os.ReadFile(sharedtest.File(t, "domain", "drg_dip_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Arithmetic []struct {
			ID            string
			Input, Expect map[string]any
		}
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]struct{ Input, Expect map[string]any }{}
	for _, a := range all.Arithmetic {
		out[a.ID] = struct{ Input, Expect map[string]any }{a.Input, a.Expect}
	}
	return out
}

// pairs makes, for each year, one case of group G at its mean and one of the rest, so that all of them have the mean
// of all.
func pairs(t *testing.T, group, all any, year func(string) int) string {
	t.Helper()
	var b strings.Builder
	for name, mean := range group.(map[string]any) {
		g := decimal.RequireFromString(mean.(string))
		rest := decimal.RequireFromString(all.(map[string]any)[name].(string)).Mul(decimal.NewFromInt(2)).Sub(g)
		fmt.Fprintf(&b, `{"id":"g","year":%d,"group":"G","total_fee":%q}`+"\n"+`{"id":"r","year":%d,"group":"R","total_fee":%q}`+"\n", year(name), g, year(name), rest)
	}
	return b.String()
}

func asYear(name string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(name, "y")) // y-3: the year -3, below
	return n
}

func TestTheNormsExamplesOfWeightsAndRates(t *testing.T) {
	example := arithmetic(t)
	t.Run("A-01 RW of three years", func(t *testing.T) {
		a := example["A-01"]
		dir := inFolder(t, map[string]string{
			"cases.ndjson": pairs(t, a.Input["group_mean_by_year"], a.Input["region_mean_by_year"], asYear),
			"weigh.yaml":   "scheme: drg\nyears: [{back: 2, weight: 0.1}, {back: 1, weight: 0.2}, {back: 0, weight: 0.7}]\n",
		})
		report, table, _ := weighed(t, dir)
		if table[1][0] != "G" || table[1][3] != a.Expect["rw"] || table[1][4] != a.Expect["group_mean"] {
			t.Errorf("got %v, want %v", table[1], a.Expect)
		}
		if got := decimal.RequireFromString(report["all_mean"].(string)).StringFixed(2); got != a.Expect["region_mean"] {
			t.Errorf("mean of all: got %s, want %s", got, a.Expect["region_mean"])
		}
	})
	t.Run("A-10 score of a DIP group", func(t *testing.T) {
		a := example["A-10"]
		dir := inFolder(t, map[string]string{
			"cases.ndjson": pairs(t, a.Input["group_mean"], a.Input["all_mean"], func(name string) int { return 2026 + asYear(name) }),
			"weigh.yaml":   "scheme: dip\nscale: 1000\nyears: [{back: 2, weight: 1}, {back: 1, weight: 2}, {back: 0, weight: 7}]\n",
		})
		report, table, _ := weighed(t, dir)
		if table[1][5] != a.Expect["score"] || table[1][4] != a.Expect["m"] || decimal.RequireFromString(report["all_mean"].(string)).StringFixed(2) != a.Expect["M"] {
			t.Errorf("got %v, want %v", table[1], a.Expect)
		}
	})
	t.Run("A-02 rates by level and of the region", func(t *testing.T) {
		a := example["A-02"]
		var levels []string
		for name, v := range a.Input["levels"].(map[string]any) {
			l := v.(map[string]any)
			levels = append(levels, fmt.Sprintf("{level: %s, cases: %v, cmi: %v, prior_mean_cost: %v}", name, l["cases"], l["cmi"], l["prior_mean_cost"]))
		}
		budget := fmt.Sprintf("budgets: [{fund: %v, ratio: %v, levels: [%s]}]", a.Input["fund_budget"], a.Input["actual_reimbursement_ratio"], strings.Join(levels, ", "))
		for _, by := range []string{"level", "region"} {
			dir := inFolder(t, map[string]string{"cases.ndjson": `{"group":"G","total_fee":1}`, "weigh.yaml": "scheme: drg\nrates: {by: " + by + ", " + budget + "}\n"})
			report, _, rates := weighed(t, dir)
			b := report["budgets"].([]any)[0].(map[string]any)
			for key, want := range map[string]any{"total_cost_budget": a.Expect["total_cost_budget"], "total_weight": a.Expect["total_weight"], "regional_rate": a.Expect["regional_rate"]} {
				if !decimal.RequireFromString(b[key].(string)).Equal(decimal.RequireFromString(want.(string))) {
					t.Errorf("%s: got %v, want %v", key, b[key], want)
				}
			}
			want := []string{`{level: "", insurance: "", value: ` + a.Expect["regional_rate"].(string) + "}"}
			if by == "level" {
				want = nil
				for name := range a.Input["levels"].(map[string]any) {
					want = append(want, fmt.Sprintf(`{level: %q, insurance: "", value: %s}`, name, a.Expect["rate_"+name]))
				}
			}
			for _, row := range want {
				if !strings.Contains(rates, row) {
					t.Errorf("by %s: got %s, want %s", by, rates, row)
				}
			}
		}
	})
	t.Run("A-11 point values of the budget and of the settlement", func(t *testing.T) {
		a := example["A-11"]
		var cases strings.Builder
		for name, cost := range a.Input["total_cost_by_year"].(map[string]any) {
			fmt.Fprintf(&cases, `{"year":%d,"group":"G","total_fee":%q}`+"\n", 2026+asYear(name), cost)
		}
		for score, want := range map[string][2]string{"total_score_budget": {"budget_rate", "budget_point"}, "total_score_year": {"regional_rate", "settlement_point"}} {
			dir := inFolder(t, map[string]string{"cases.ndjson": cases.String(), "weigh.yaml": fmt.Sprintf(`
scheme: dip
years: [{back: 2, weight: 1}, {back: 1, weight: 2}, {back: 0, weight: 7}]
rates: {by: region, budgets: [{fund: %v, ratio: %v, levels: [{cases: %v, cmi: 1, prior_mean_cost: 1}]}]}
`, a.Input["fund_available"], a.Input["reimbursement_ratio"], a.Input[score])})
			report, _, rates := weighed(t, dir)
			b := report["budgets"].([]any)[0].(map[string]any)
			if b[want[0]] != a.Expect[want[1]] || decimal.RequireFromString(b["weighted_cost"].(string)).StringFixed(2) != a.Expect["weighted_cost"] {
				t.Errorf("%s: got %v, want %v", score, b, a.Expect)
			}
			if score == "total_score_year" && !strings.Contains(rates, "point_values:\n  - {level: \"\", insurance: \"\", value: "+a.Expect["settlement_point"].(string)) {
				t.Errorf("got %s", rates)
			}
		}
	})
}

// settled settles cases by the parameters and the table of a folder and gives a row by id.
func settled(t *testing.T, dir, rules, cases string, args ...string) map[string]map[string]any {
	t.Helper()
	fragment, err := os.ReadFile(filepath.Join(dir, "rates.yaml"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "settle.yaml")
	if err := os.WriteFile(path, []byte(rules+string(fragment)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := sanyi(t, cases, append([]string{"settle", "--params", path, "--weights", filepath.Join(dir, "weights.csv")}, args...)...)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	rows := map[string]map[string]any{}
	dec := json.NewDecoder(strings.NewReader(out))
	for dec.More() {
		var row map[string]any
		if err := dec.Decode(&row); err != nil {
			t.Fatal(err)
		}
		key, _ := row["id"].(string)
		if key == "" {
			key = fmt.Sprint(row["org"])
		}
		rows[key] = row
	}
	return rows
}

// year is 400 cases of two levels, two insurances and four groups.
func year(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i := range 400 {
		g := i % 4
		level := 2 + i%3%2
		fmt.Fprintf(&b, `{"id":"c%03d","discharge_date":"2025-03-%02d","org":"H%d","level":"%d","insurance":"%s","group":"%s","total_fee":"%d.%02d","los_days":%d}`+"\n",
			i, 1+i%28, 10*level+i%5, level, []string{"employee", "resident"}[i/2%2], []string{"AB11", "AB13", "CD15", "EE19"}[g], (4000+i*7)*(g+1)/(4-level), i%100, 3+i%9)
	}
	return b.String()
}

func TestWhatIsWeighedIsWhatIsSettled(t *testing.T) {
	const rules = "id: round_trip\nscheme: %s\nhigh: {multiple: 50, method: normal}\nlow: {multiple: 0.001, method: normal}\n"
	sum := func(rows map[string]map[string]any, key string) (total decimal.Decimal) {
		for _, r := range rows {
			total = total.Add(decimal.RequireFromString(r[key].(string)))
		}
		return total
	}
	for _, test := range []struct{ name, scheme, params string }{
		{"rates by level", "drg", "rates: {by: level, budgets: [{insurance: employee, fund: 1400000, ratio: 0.7}, {insurance: resident, fund: 550000, ratio: 0.55}]}\n"},
		{"one rate and coefficients of levels", "drg", "coefficients: {of: level}\nrates: {by: region, neutral: true, budgets: [{insurance: employee, fund: 1400000, ratio: 0.7}, {insurance: resident, fund: 550000, ratio: 0.55}]}\n"},
		{"one rate and coefficients of hospitals", "drg", "coefficients: {of: org}\nrates: {by: region, neutral: true, budgets: [{fund: 2100000, ratio: 0.7}]}\n"},
		{"DIP point values", "dip", "refs: none\nrates: {by: region, budgets: [{insurance: employee, fund: 1400000, ratio: 0.7}, {insurance: resident, fund: 550000, ratio: 0.55}]}\n"},
		{"points law", "points", "coefficients: {of: level}\nrates: {by: region, neutral: true, budgets: [{fund: 2100000, ratio: 0.7}]}\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := inFolder(t, map[string]string{"cases.ndjson": year(t), "weigh.yaml": "scheme: " + test.scheme + "\n" + test.params})
			weighed(t, dir)
			rows := settled(t, dir, fmt.Sprintf(rules, test.scheme), year(t))
			if len(rows) != 400 {
				t.Fatalf("%d rows", len(rows))
			}
			// Settling the very cases again spends the budget of 3 million yuan, but for rounding.
			if got := sum(rows, "case_standard"); got.Sub(decimal.NewFromInt(3_000_000)).Abs().GreaterThan(decimal.NewFromInt(400)) {
				t.Errorf("the cases are paid %s of a budget of 3000000", got)
			}
		})
	}
}

func TestUnstableGroupsArePaidByItemAndSmallOnesByTheirADRG(t *testing.T) {
	cases := year(t) + `{"id":"rare","year":2025,"level":"2","insurance":"employee","group":"AB15","total_fee":99}` + "\n"
	for flag, want := range map[string]string{"true": "item:group", "false": "standard"} {
		dir := inFolder(t, map[string]string{"cases.ndjson": cases, "weigh.yaml": "scheme: drg\nsmall: {below: 15, weight: adrg, flag: " + flag + "}\nrates: {by: level, budgets: [{fund: 2100000, ratio: 0.7}]}\n"})
		weighed(t, dir)
		rows := settled(t, dir, "scheme: drg\n", cases)
		if got := rows["rare"]["method"]; got != want {
			t.Errorf("flag %s: got %v, want %s", flag, got, want)
		}
		if got := rows["c000"]["method"]; got != "standard" {
			t.Errorf("flag %s: a case of a large group is paid by %v", flag, got)
		}
	}
}

func TestDIPReferencesAreOfTheLevel(t *testing.T) {
	const cases = `{"id":"a","year":2025,"level":"3","dip":"I21.4:0","total_fee":300}
{"id":"b","year":2025,"level":"2","dip":"I21.4:0","total_fee":100}
{"id":"old","year":2024,"level":"2","dip":"I21.4:0","total_fee":5000}
`
	dir := inFolder(t, map[string]string{"cases.ndjson": cases, "weigh.yaml": "scheme: dip\nyears: [{back: 1, weight: 1}, {back: 0, weight: 9}]\n"})
	_, table, _ := weighed(t, dir)
	want := [][]string{
		{"I21.4:0", "", "", "", "680.00", "1000.0000", "200.00", ""}, // (5000 + 9·200) / 10
		{"I21.4:0", "2", "", "", "680.00", "1000.0000", "100.00", ""},
		{"I21.4:0", "3", "", "", "680.00", "1000.0000", "300.00", ""},
	}
	if fmt.Sprint(table[1:]) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", table[1:], want)
	}
}

func TestCasesAreGroupedFirstWhereASchemeIsGiven(t *testing.T) {
	const cases = `{"id":"a","year":2025,"sex":1,"age_years":60,"dx":["I63.900","J96.000"],"ops":[],"total_fee":300}
{"id":"b","year":2025,"sex":2,"age_years":30,"dx":["N40.x00"],"total_fee":100}
`
	dir := inFolder(t, map[string]string{"cases.ndjson": cases, "weigh.yaml": "scheme: drg\n"})
	report, table, _ := weighed(t, dir, "--scheme", "demo_drg")
	if len(table) != 2 || table[1][0] != "BR21" || table[1][3] != "1.0000" {
		t.Errorf("got %v", table)
	}
	if got := report["account"].(map[string]any)["ungrouped"]; fmt.Sprint(got) != "map[0000:1]" {
		t.Errorf("ungrouped: got %v", got)
	}
}

func TestWeighRefusesWithThePlace(t *testing.T) {
	dir := inFolder(t, map[string]string{
		"weigh.yaml": "scheme: drg\n", "bad.yaml": "scheme: drg\ntrimm: []\n", "cases.ndjson": `{"group":"AB11","total_fee":"100.00"}` + "\n" + `{"group":"AB11","total_fee":"secret"}` + "\n",
		"good.ndjson": `{"group":"AB11","total_fee":1}`, "expert.csv": "group,rw\nAB11,-1\n",
	})
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"--params", in("weigh.yaml"), "--cases", in("cases.ndjson")}, "cases.ndjson:2", exitFailed},
		{[]string{"--params", in("bad.yaml"), "--cases", in("good.ndjson")}, "line 2", exitFailed},
		{[]string{"--params", in("weigh.yaml"), "--cases", in("good.ndjson"), "--expert", in("expert.csv")}, "expert.csv:2", exitFailed},
		{[]string{"--params", in("weigh.yaml"), "--cases", in("none.ndjson")}, "none.ndjson", exitFailed},
		{[]string{"--cases", in("good.ndjson")}, "--show-national", exitUsage},
	} {
		_, errs, code := sanyi(t, "", append([]string{"scheme", "weigh"}, test.args...)...)
		if code != test.code || !strings.Contains(errs, test.want) || strings.Contains(errs, "secret") {
			t.Errorf("%v: exit %d, %s; want %d and %q", test.args, code, errs, test.code, test.want)
		}
	}
	if _, errs, code := sanyi(t, `{"id":"a","total_fee":"secret"}`, "settle", "--params", in("weigh.yaml")); code != exitFailed || strings.Contains(errs, "secret") {
		t.Errorf("settle: exit %d, %s", code, errs)
	}
	out, _, code := sanyi(t, "", "scheme", "weigh", "--show-national")
	if code != exitOK || !strings.Contains(out, "1:2:7") {
		t.Errorf("--show-national: exit %d, %s", code, out)
	}
}

// payment reads a real payment table of ../shared.
func payment(t *testing.T, name string) [][]string {
	t.Helper()
	file, err := os.Open(sharedtest.File(t, "domain", "drg-data", "payment", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestTheWholeTableOfLinyi(t *testing.T) {
	rows := payment(t, "linyi_2022.csv") // group, name, RW, standards: tertiary employee, resident, secondary employee, resident
	combinations := [4][2]string{{"3", "employee"}, {"3", "resident"}, {"2", "employee"}, {"2", "resident"}}
	const rules = `
id: linyi_2022
scheme: drg
rates:
  - {level: "3", insurance: employee, value: 9865}
  - {level: "3", insurance: resident, value: 9391}
  - {level: "2", insurance: employee, value: 9651}
  - {level: "2", insurance: resident, value: 8501}
ungrouped: {method: rw, rw: 0.2}
`
	weights, cases := bytes.NewBufferString("group,rw\n"), &strings.Builder{}
	want := map[string]string{}
	valued := 0
	for _, row := range rows[1:] {
		if row[2] == "" {
			continue
		}
		valued++
		status := "OK"
		if row[0] == "0000" {
			status = "0000"
		} else {
			fmt.Fprintf(weights, "%s,%s\n", row[0], row[2])
		}
		for i, c := range combinations {
			id := row[0] + "/" + strconv.Itoa(i)
			fmt.Fprintf(cases, `{"id":%q,"org":"H","level":%q,"insurance":%q,"group":%q,"status":%q,"total_fee":"5000"}`+"\n", id, c[0], c[1], row[0], status)
			want[id] = row[3+i]
		}
	}
	if valued != 610 {
		t.Fatalf("%d rows have a weight, want 610", valued)
	}
	got := settled(t, inFolder(t, map[string]string{"weights.csv": weights.String()}), rules, cases.String())
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for id, standard := range want {
		if !decimal.RequireFromString(got[id]["standard"].(string)).Equal(decimal.RequireFromString(standard).Round(2)) {
			t.Errorf("%s: standard %v, the table has %s", id, got[id]["standard"], standard)
		}
	}
}

func TestTheWholeTableOfJilin(t *testing.T) {
	rows := payment(t, "jilin_2022.csv") // group, name, weight, rate, standard, low limit, high limit
	const rules = `
id: jilin_2022
scheme: drg
rates: [{level: "3", value: 9080.56}]
high: {multiple: 2, method: excess}
low: {multiple: 0.35, method: actual}
rounding: {money: 5}
`
	fifth := decimal.New(1, -2) // the table rounds its limits to ten digits
	weights, cases := bytes.NewBufferString("group,rw\n"), &strings.Builder{}
	tiers, standards := map[string]string{}, map[string]decimal.Decimal{}
	groups := 0
	for _, row := range rows[1:] {
		if row[2] == "" {
			continue
		}
		groups++
		fmt.Fprintf(weights, "%s,%s\n", row[0], row[2])
		low, high := decimal.RequireFromString(row[5]), decimal.RequireFromString(row[6])
		for name, test := range map[string]struct {
			cost decimal.Decimal
			tier string
		}{
			"low": {low.Sub(fifth), "low"}, "above_low": {low.Add(fifth), "normal"}, "below_high": {high.Sub(fifth), "normal"}, "high": {high.Add(fifth), "high"},
		} {
			id := row[0] + "/" + name
			fmt.Fprintf(cases, `{"id":%q,"org":"H","level":"3","group":%q,"total_fee":%q}`+"\n", id, row[0], test.cost)
			tiers[id], standards[id] = test.tier, decimal.RequireFromString(row[4])
		}
	}
	if groups < 620 {
		t.Fatalf("%d groups have limits, want more than 620", groups)
	}
	got := settled(t, inFolder(t, map[string]string{"weights.csv": weights.String()}), rules, cases.String())
	for id, tier := range tiers {
		if got[id]["tier"] != tier {
			t.Errorf("%s: tier %v, want %s", id, got[id]["tier"], tier)
		}
		if standard := decimal.RequireFromString(got[id]["standard"].(string)); standard.Sub(standards[id]).Abs().GreaterThan(decimal.New(1, -4)) {
			t.Errorf("%s: standard %s, the table has %s", id, standard, standards[id])
		}
	}
	if len(got) != len(tiers) {
		t.Errorf("%d rows, want %d", len(got), len(tiers))
	}
}
