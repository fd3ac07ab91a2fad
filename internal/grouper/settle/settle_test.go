package settle_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

// local are parameters of a place where an example is not one of the national norms.
var local = map[string]string{
	"A-26": "scheme: drg\nhigh: {multiple: 2, method: normal}\nlow: {multiple: 0.35, method: actual}\nrounding: {money: 5}\n", // Jilin 2022
}

func params(t *testing.T, text string) *settle.Params {
	t.Helper()
	p, err := settle.Load([]byte(text), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryArithmeticExampleComesOutToTheFen(t *testing.T) {
	data, err := os.ReadFile(sharedtest.File(t, "domain", "drg_dip_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples struct {
		Arithmetic []struct {
			ID     string          `json:"id"`
			Kind   string          `json:"kind"`
			Input  json.RawMessage `json:"input"`
			Expect map[string]any  `json:"expect"`
		} `json:"arithmetic"`
	}
	if err := json.Unmarshal(data, &examples); err != nil {
		t.Fatal(err)
	}
	if len(examples.Arithmetic) < 21 {
		t.Fatalf("got %d examples, want at least 21", len(examples.Arithmetic))
	}
	for _, e := range examples.Arithmetic {
		t.Run(e.ID+" "+e.Kind, func(t *testing.T) {
			p := settle.National()
			if text := local[e.ID]; text != "" {
				p = params(t, text)
			}
			out, err := p.Worksheet(e.Kind, e.Input)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			within(t, "", got, e.Expect)
		})
	}
}

// within compares what is wanted with what came out: numbers by value, all else as it stands.
func within(t *testing.T, at string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: got %v, want an object", at, got)
			return
		}
		for k, v := range want {
			within(t, at+"/"+k, g[k], v)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			t.Errorf("%s: got %v, want %v", at, got, want)
			return
		}
		for i := range want {
			within(t, fmt.Sprintf("%s/%d", at, i), g[i], want[i])
		}
	default:
		a, err1 := decimal.NewFromString(fmt.Sprint(got))
		b, err2 := decimal.NewFromString(fmt.Sprint(want))
		if err1 == nil && err2 == nil && a.Equal(b) {
			return
		}
		if got != want {
			t.Errorf("%s: got %v, want %v", at, got, want)
		}
	}
}

const regional = `
id: test
scheme: drg
rates:
  - {level: "3", insurance: employee, value: 10000}
  - {level: "2", insurance: employee, value: 9000}
weights:
  - {group: BR23, rw: 0.8}
  - {group: ES31, rw: 1.2}
  - {group: IC29, rw: 4}
  - {group: GZ99, rw: 0.5, flags: [unstable]}
high: {multiple: 3, method: excess, cap: 0.05}
low: {multiple: 0.3, method: actual}
ungrouped: {method: rw, rw: 0.2}
exclusions: [{id: long_stay, los_min: 60}]
special_case: {drg: 0.05, dip: 0.005}
fund_formula: {formula: B, negative: zero}
tiers:
  - {title: low, up_to: 0.8, exclusive: true}
  - {title: surplus, up_to: 1, surplus_kept: 0.7}
  - {title: overrun, up_to: 1.1, overrun_borne: 0.5}
  - {title: beyond}
deposit: {share: 0.05}
`

func c(id, group, total string) settle.Case {
	return settle.Case{ID: id, Org: "H1", Level: "3", Insurance: "employee", Group: group, Total: decimal.RequireFromString(total), LOS: decimal.NewFromInt(7)}
}

func TestOneCaseOfEachTier(t *testing.T) {
	long := c("long", "BR23", "50000")
	long.LOS = decimal.NewFromInt(60)
	blank := c("blank", "0000", "5000")
	blank.Status = "0000"
	cases := []settle.Case{c("normal", "BR23", "8000"), c("high", "BR23", "30000"), c("low", "BR23", "2000"), c("unstable", "GZ99", "700"), long, blank}
	for i := range 20 { // discharges enough for one by-excess case
		cases = append(cases, c(fmt.Sprintf("n%02d", i), "ES31", "12000"))
	}
	rows, err := params(t, regional).Settle(cases)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ tier, standard, paid, method string }{
		{"normal", "8000", "8000", "standard"},
		{"high", "8000", "14000", "excess"}, // 8000 + (30000 - 3*8000)
		{"low", "8000", "2000", "actual"},
		{"excluded", "700", "700", "item:group"},
		{"excluded", "50000", "50000", "item:long_stay"},
		{"ungrouped", "2000", "2000", "rw"},
	} {
		r := rows[i]
		if r.Tier != want.tier || r.Standard.String() != want.standard || r.CaseStandard.String() != want.paid || r.Method != want.method {
			t.Errorf("case %s: got %s %s %s %s, want %v", r.ID, r.Tier, r.Standard, r.CaseStandard, r.Method, want)
		}
	}
	if !rows[1].ProfitOfficial.IsZero() || rows[1].ProfitFormula.String() != "-22000" {
		t.Errorf("profits of a high case: got %s official and %s, want 0 and -22000", rows[1].ProfitOfficial, rows[1].ProfitFormula)
	}
}

func TestHighCasesBeyondTheQuotaFallBackToTheStandard(t *testing.T) {
	var cases []settle.Case
	for i := range 40 { // quota floor(40*0.05) = 2
		cases = append(cases, c(fmt.Sprintf("c%02d", i), "BR23", map[bool]string{true: "4" + strconv.Itoa(i) + "000", false: "8000"}[i < 4]))
	}
	rows, err := params(t, regional).Settle(cases)
	if err != nil {
		t.Fatal(err)
	}
	var paid, back []string
	for _, r := range rows[:4] {
		if r.Method == "excess" {
			paid = append(paid, r.ID)
		} else {
			back = append(back, r.ID+" "+r.CaseStandard.String())
		}
	}
	if !slices.Equal(paid, []string{"c02", "c03"}) || !slices.Equal(back, []string{"c00 8000", "c01 8000"}) {
		t.Errorf("got paid %v and back %v", paid, back)
	}
}

func TestPointsShareAFundToTheLastYuanButRounding(t *testing.T) {
	p := params(t, `
scheme: points
all_mean: 9500
weights: [{group: BR23, mean: 9120}, {group: ES35, mean: 5710}]
high: {bands: [{up_to: 100, multiple: 3}, {up_to: 300, multiple: 2.5}, {multiple: 2}], method: excess}
low: {multiple: 0.4, method: actual}
coefficients: [{level: "3", value: 1.08}]
point_funds: [{insurance: employee, value: 1000000}]
`)
	rows, err := p.Settle([]settle.Case{c("a", "BR23", "9000"), c("b", "BR23", "31800"), c("c", "ES35", "1900")})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{rows[0].Points.String(), rows[1].Points.String(), rows[2].Points.String()}
	if want := []string{"103.68", "150.4168", "20"}; !slices.Equal(got, want) {
		t.Errorf("points: got %v, want %v", got, want)
	}
	sum := rows[0].CaseStandard.Add(rows[1].CaseStandard).Add(rows[2].CaseStandard)
	if sum.Sub(decimal.NewFromInt(1000000)).Abs().GreaterThan(decimal.RequireFromString("0.05")) {
		t.Errorf("the cases share %s of a fund of 1000000", sum)
	}
}

func TestDIPBasicDiseaseHasOneCoefficientForEveryLevel(t *testing.T) {
	p := params(t, "scheme: dip\ndeviation: {high: 2, low: 0.5}\ncoefficients: [{level: \"3\", value: 1.1}]\npoint_values: [{value: 10}]\n")
	score, basic := decimal.NewFromInt(400), decimal.RequireFromString("0.9")
	a, b := c("a", "H1", "4000"), c("b", "J1", "4000")
	a.Score, b.Score, b.BaseCoef = &score, &score, &basic
	rows, err := p.Settle([]settle.Case{a, b})
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].CaseStandard.String() != "4400" || rows[1].CaseStandard.String() != "3600" {
		t.Errorf("got %s and %s, want 4400 and 3600", rows[0].CaseStandard, rows[1].CaseStandard)
	}
}

// TestACaseWithoutAWeightHasNoPrice, and makes no profit: to pay its cost would hide it.
func TestACaseWithoutAWeightHasNoPrice(t *testing.T) {
	for name, p := range map[string]*settle.Params{
		"no_weight": params(t, regional),
		"no_points": params(t, "scheme: points\nall_mean: 10000\npoint_values: [{value: 100}]\n"),
		"no_score":  params(t, "scheme: dip\npoint_values: [{value: 100}]\n"),
	} {
		rows, err := p.SettleAll([]settle.Case{c("1", "XX99", "12000")})
		if err != nil {
			t.Fatal(err)
		}
		r, h := rows[0], p.Hospitals(rows)[0]
		if r.Tier != settle.TierUnpriced || r.Method != "unpriced:"+name || !r.Standard.IsZero() || !r.FundDue.IsZero() || !r.ProfitFormula.IsZero() || h.Unpriced != 1 {
			t.Errorf("%s: tier %s, method %s, standard %s, due %s, profit %s, %d unpriced", name, r.Tier, r.Method, r.Standard, r.FundDue, r.ProfitFormula, h.Unpriced)
		}
	}
}

func TestClearingByTiers(t *testing.T) {
	p := params(t, regional)
	for _, test := range []struct{ booked, due, want, tier string }{
		{"700", "1000", "700", "low"},
		{"800", "1000", "940", "surplus"},
		{"1000", "1000", "1000", "surplus"},
		{"1050", "1000", "1025", "overrun"},
		{"1100", "1000", "1050", "overrun"},
		{"1500", "1000", "1050", "beyond"},
	} {
		got, _, tier := p.Clear(decimal.RequireFromString(test.booked), decimal.RequireFromString(test.due))
		if got.String() != test.want || tier != test.tier {
			t.Errorf("booked %s of %s due: got %s (%s), want %s (%s)", test.booked, test.due, got, tier, test.want, test.tier)
		}
	}
}

func TestAParameterFileWithAMistakeIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"scheme: drg\nhihg: {}\n":                                  "p.yaml:2: hihg",
		"scheme: drg\nrates: [{value: many}]\n":                    "p.yaml:2: a number",
		"scheme: drg\nyear: many\n":                                "p.yaml:2: ",
		"scheme: guess\n":                                          "p.yaml:1: scheme",
		"scheme: drg\nungrouped: {method: rw}\n":                   "p.yaml:2: ungrouped.rw",
		"scheme: dip\nungrouped: {method: rw, rw: 0.2}\n":          "p.yaml:2: ungrouped.method",
		"scheme: drg\nhigh: {method: excess}\n":                    "p.yaml:2: high",
		"scheme: drg\nhigh: {multiple: 3}\n":                       "p.yaml:2: high: a method",
		"scheme: drg\nhigh: {multiple: 3, method: item, cap: 5}\n": "p.yaml:2: high.cap",
		"scheme: drg\nhigh:\n  method: item\n  bands:\n  - {up_to: 3, multiple: 2}\n  - {up_to: 1, multiple: 3}\n": "p.yaml:6: high.bands: entry 2: up_to",
		"scheme: drg\nhigh:\n  method: item\n  bands:\n  - {up_to: 3, multiple: 2}\n":                              "p.yaml:5: high.bands: entry 1: groups above 3",
		"scheme: drg\nhigh: {multiple: 3, method: item}\nlow: {multiple: 3}\n":                                     "p.yaml:3: low.multiple",
		"scheme: drg\nfund_formula: {formula: C}\n":                                                                "p.yaml:2: fund_formula.formula",
		"scheme: drg\nrates:\n- {level: a, value: 1}\n- {level: b}\n":                                              "p.yaml:4: rates: entry 2: value",
		"scheme: drg\nrates:\n- {level: a, value: 1}\n- {level: a, value: 2}\n":                                    "p.yaml:4: rates: entry 2: an earlier entry",
		"scheme: drg\nrates: [{offsite: abroad, value: 1}]\n":                                                      "p.yaml:2: rates: entry 1: offsite",
		"scheme: drg\nweights:\n- {group: A, rw: 1}\n- {group: A, rw: 2}\n":                                        "p.yaml:4: weights: entry 2",
		"scheme: drg\nweights: [{group: A, rw: 1, flags: [basicc]}]\n":                                             "p.yaml:2: weights: entry 1: flags",
		"scheme: drg\nweights: [{rw: 1}]\n":                                                                        "p.yaml:2: weights: entry 1: group",
		"scheme: drg\nweights: [{group: A, rw: -1}]\n":                                                             "p.yaml:2: weights: entry 1: rw",
		"scheme: drg\nrates: [{value: 1e999999999}]\n":                                                             "p.yaml:2: a number",
		"scheme: drg\ntiers:\n- {up_to: 0.8}\n":                                                                    "p.yaml:3: tiers: entry 1: gap",
		"scheme: drg\ntiers:\n- {up_to: 1}\n- {up_to: 0.8}\n- {}\n":                                                "p.yaml:4: tiers: entry 2: up_to: overlap",
		"scheme: drg\ntiers:\n- {up_to: 1}\n- {}\n- {up_to: 2}\n":                                                  "p.yaml:5: tiers: entry 3: overlap",
		"scheme: drg\nclearing: {of: org}\ntiers:\n- {insurance: employee}\n":                                      "p.yaml:4: tiers: entry 1: insurance",
		"scheme: dip\nbedday:\n- {kind: psych, tiers: [{days: 15, points: 4}]}\n":                                  "p.yaml:3: bedday: entry 1: tiers: gap",
		"scheme: dip\nbedday:\n- {kind: psych, tiers: [{points: 4}, {days: 3, points: 1}, {points: 1}]}\n":         "p.yaml:3: bedday: entry 1: tiers: entry 2: overlap",
		"scheme: drg\nbedday:\n- {kind: psych, tiers: [{points: 4}]}\n":                                            "p.yaml:3: bedday: entry 1: a value",
		"scheme: drg\nexclusions: [{id: none}]\n":                                                                  "p.yaml:2: exclusions: entry 1",
		"scheme: drg\ntcm: {factor: 1.1}\n":                                                                        "p.yaml:2: tcm",
		"scheme: drg\nrounding: {money: 50}\n":                                                                     "p.yaml:2: rounding.money",
		"scheme: dip\npoint_funds: [{value: 5, reimbursement_ratio: 0.7, plus_personal: true}]\n":                  "p.yaml:2: point_funds: entry 1",
	} {
		if _, err := settle.Load([]byte(text), "p.yaml"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want a fault that names %q", text, err, want)
		}
	}
}
