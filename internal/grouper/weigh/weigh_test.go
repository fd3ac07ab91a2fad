package weigh_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/grouper/weigh"
)

func load(t *testing.T, text string) *weigh.Params {
	t.Helper()
	p, err := weigh.Load([]byte(text), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func from(cases []weigh.Case) iter.Seq2[weigh.Case, error] {
	return func(yield func(weigh.Case, error) bool) {
		for _, c := range cases {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func work(t *testing.T, params string, cases []weigh.Case, experts ...weigh.Expert) *weigh.Result {
	t.Helper()
	r, err := weigh.Weigh(load(t, params), from(cases), experts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everything is all that is written.
func everything(t *testing.T, r *weigh.Result) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	for _, err := range []error{enc.Encode(r), r.WriteWeights(&b), r.WriteRates(&b)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func bills(group string, yuan ...float64) []weigh.Case {
	var out []weigh.Case
	for i, y := range yuan {
		out = append(out, weigh.Case{ID: fmt.Sprint(group, i), Group: group, Level: "3", Org: "H1", Cost: int64(math.Round(y * 100)), LOS: 7})
	}
	return out
}

func rwOf(t *testing.T, r *weigh.Result, code string) string {
	t.Helper()
	g := groupOf(t, r, code)
	if g.RW == nil {
		return ""
	}
	return g.RW.String()
}

func groupOf(t *testing.T, r *weigh.Result, code string) *weigh.Group {
	t.Helper()
	for i := range r.Groups {
		if r.Groups[i].Code == code {
			return &r.Groups[i]
		}
	}
	t.Fatalf("no group %s in the result", code)
	return nil
}

// rich uses every kind of rule there is.
const rich = `
id: rich
scheme: drg
years: [{back: 2, weight: 1}, {back: 1, weight: 2}, {back: 0, weight: 7}]
trim:
  - {id: long, los_over: 60}
  - {id: tiny, cost_below: 5}
  - {id: iqr, iqr: 1.5, iqr_low: 2, on: ln_cost}
  - {id: sigma, sigma: 3, on: cost, within: all, by_year: true}
  - {id: edges, percentiles: [1, 99], at_least: 20}
small: {below: 15, weight: adrg}
keep_total: always
coefficients: {of: org, min_cases: 3, min: 0.5, max: 1.5}
rates:
  by: level
  neutral: true
  covers: all
  growth: 0.03
  budgets: [{insurance: employee, fund: 4000000, ratio: 0.7}, {insurance: resident, fund: 2000000, ratio: 0.55}]
`

// region makes cases of three years, with outliers, ungrouped ones and small groups.
func region(rng *rand.Rand, n int) []weigh.Case {
	var out []weigh.Case
	for i := range n {
		g := int(rng.ExpFloat64() * 6)
		level := 1 + rng.IntN(3)
		c := weigh.Case{
			ID: strconv.Itoa(i), Year: 2022 + rng.IntN(4), Group: fmt.Sprintf("%c%c%d%d", 'A'+g%5, 'B'+g%3, 1+g%4, 1+2*(g%3)), Level: strconv.Itoa(level),
			Org: fmt.Sprintf("H%d%d", level, rng.IntN(4)), Insurance: []string{"employee", "resident"}[rng.IntN(2)], LOS: float64(rng.IntN(30)),
			Cost: int64(math.Exp(rng.NormFloat64()*0.6+math.Log(float64(3000*(1+g))))*100) + 1,
		}
		switch rng.IntN(50) {
		case 0:
			c.LOS = 61 + float64(rng.IntN(200))
		case 1:
			c.Cost = int64(rng.IntN(600))
		case 2:
			c.Cost *= 40
		case 3:
			c.Group, c.Status = "0000", "0000"
		case 4:
			c.Status = "QY"
		}
		part := func() int64 { return c.Cost / int64(5+rng.IntN(4)) }
		parts := [weigh.PartCount]int64{part(), part(), part(), part()}
		parts[weigh.Admin] = c.Cost - parts[0] - parts[1] - parts[2] - parts[3]
		c.Parts = &parts
		out = append(out, c)
	}
	return out
}

func TestTheOrderOfCasesChangesNoByte(t *testing.T) {
	for _, params := range []string{
		rich,
		"scheme: dip\nstructure: {shares: {medical: 0.4, nursing: 0.1, tech: 0.2, drug_material: 0.2, admin: 0.1}}\ncoefficients: {of: level, method: ratio_of_sums}\nrates: {by: region, budgets: [{fund: 1000000, ratio: 0.7}]}\n",
	} {
		rng := rand.New(rand.NewPCG(1, 7))
		cases := region(rng, 4000)
		want := everything(t, work(t, params, cases))
		for range 5 {
			rng.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
			if got := everything(t, work(t, params, cases)); got != want {
				t.Fatal("another order of the same cases gives another result")
			}
		}
	}
}

func TestScalingAllCostsLeavesTheWeights(t *testing.T) {
	const plain = "scheme: drg\ntrim: [{id: iqr, iqr: 1.5, on: ln_cost}, {id: sigma, sigma: 3}]\nsmall: {below: 10, weight: adrg}\n"
	cases := region(rand.New(rand.NewPCG(2, 7)), 3000)
	want := work(t, plain, cases)
	for i := range cases {
		cases[i].Cost *= 3
	}
	got := work(t, plain, cases)
	if len(got.Groups) != len(want.Groups) || got.Account.Used != want.Account.Used {
		t.Fatalf("three times the cost: %d groups, %d used; before %d and %d", len(got.Groups), got.Account.Used, len(want.Groups), want.Account.Used)
	}
	for i := range want.Groups {
		if code := want.Groups[i].Code; rwOf(t, got, code) != rwOf(t, want, code) {
			t.Errorf("%s: three times the cost gives %s, before %s", code, rwOf(t, got, code), rwOf(t, want, code))
		}
	}
}

func TestTotalWeightIsKept(t *testing.T) {
	for seed := range uint64(20) {
		cases := region(rand.New(rand.NewPCG(seed, 3)), 1500)
		two := decimal.RequireFromString("2.5")
		for _, test := range []struct {
			params  string
			experts []weigh.Expert
		}{
			{"scheme: drg\n", nil}, // one year: no scaling is needed
			{"scheme: drg\nsmall: {below: 40, weight: adrg}\nyears: [{back: 1, weight: 3}, {back: 0, weight: 7}]\nkeep_total: always\n", nil},
			{"scheme: drg\nyears: [{back: 1, weight: 3}, {back: 0, weight: 7}]\n", []weigh.Expert{{Group: "AB11", RW: &two}, {Group: "ZZ99", RW: &two}}},
		} {
			r := work(t, test.params, cases, test.experts...)
			n, sum := 0.0, 0.0
			for i := range r.Groups {
				if w, ok := r.Groups[i].Exact(); ok {
					n += float64(r.Groups[i].After.Cases)
					sum += float64(r.Groups[i].After.Cases) * w
				}
			}
			if math.Abs(sum/n-1) > 1e-12 {
				t.Errorf("seed %d, %s: Σ n·RW / Σ n = %.15f, want 1", seed, test.params, sum/n)
			}
		}
	}
}

func TestRIVLiesBetweenNoneAndAll(t *testing.T) {
	for seed := range uint64(30) {
		r := work(t, rich, region(rand.New(rand.NewPCG(seed, 9)), 800))
		for _, q := range []weigh.Quality{r.Before, r.After} {
			if q.RIV == nil || *q.RIV < 0 || *q.RIV > 1 {
				t.Fatalf("seed %d: RIV %v", seed, q.RIV)
			}
		}
	}
	same := work(t, "scheme: drg\n", append(bills("AB11", 100, 100, 100), bills("CD11", 900, 900)...))
	if *same.After.RIV != 1 {
		t.Errorf("groups without spread: RIV %v, want 1", *same.After.RIV)
	}
	none := work(t, "scheme: drg\n", append(bills("AB11", 100, 300), bills("CD11", 100, 300)...))
	if *none.After.RIV != 0 {
		t.Errorf("groups with the same mean: RIV %v, want 0", *none.After.RIV)
	}
}

func TestATrimmedCaseNeverCounts(t *testing.T) {
	const params = "scheme: drg\ntrim: [{id: long, los_over: 60}, {id: tiny, cost_below: 5}, {id: iqr, iqr: 1.5, on: ln_cost}]\ncoefficients: {of: level}\n"
	rng := rand.New(rand.NewPCG(4, 4))
	cases := region(rng, 2000)
	want := work(t, params, cases)
	for i := range 300 { // what the first two rules take out cannot even move the limits of the third
		c := cases[rng.IntN(len(cases))]
		if c.Status != "" {
			continue
		}
		if i%2 == 0 {
			c.LOS, c.Cost = 61, c.Cost*10+1
		} else {
			c.Cost = 1 + int64(rng.IntN(499))
		}
		cases = append(cases, c)
	}
	got := work(t, params, cases)
	if got.Account.Read == want.Account.Read || got.Account.Used != want.Account.Used {
		t.Fatalf("used %d of %d, before %d of %d", got.Account.Used, got.Account.Read, want.Account.Used, want.Account.Read)
	}
	var a, b bytes.Buffer
	if err := want.WriteWeights(&a); err != nil {
		t.Fatal(err)
	}
	if err := got.WriteWeights(&b); err != nil {
		t.Fatal(err)
	}
	if a.String() != b.String() || fmt.Sprint(got.Coefficients) != fmt.Sprint(want.Coefficients) {
		t.Error("cases that were trimmed changed weights or coefficients")
	}
	if x, y := want.After, got.After; *x.RIV != *y.RIV || *x.ShareBelow != *y.ShareBelow {
		t.Errorf("cases that were trimmed changed the quality: %v, before %v", *y.RIV, *x.RIV)
	}
}

func TestEachRuleTakesWhatItSays(t *testing.T) {
	costs := []float64{100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 5000}
	for _, test := range []struct {
		name, rule string
		taken      int64
	}{
		{"a stay of exactly the limit stays", "los_over: 7", 0},
		{"stays above the limit", "los_over: 6.99", 11},
		{"stays below", "los_under: 7.5", 11},
		{"a bill of exactly the limit stays", "cost_below: 100", 0},
		{"bills below", "cost_below: 100.01", 1},
		{"bills above", "cost_above: 190", 1},
		{"quartiles of cost", "iqr: 1.5", 1},
		{"quartiles with their own factor below", "iqr: 100, iqr_low: 0", 3}, // below Q1 = 125
		{"quartiles of the logarithm", "iqr: 1.5, on: ln_cost", 1},
		{"three deviations reach beyond any of eleven cases", "sigma: 3", 1},
		{"four do not", "sigma: 4", 0},
		{"percentiles", "percentiles: [10, 90]", 2}, // below 110 and above 190
		{"too few for statistics", "iqr: 1.5, at_least: 12", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := weigh.Weigh(load(t, "scheme: drg\ntrim: [{id: rule, "+test.rule+"}]\n"), from(append(bills("AB11", costs...), weigh.Case{Group: "CD11", Cost: 15000, LOS: 7.1})), nil)
			if test.taken == 11 && r == nil { // nothing left is a fault, which is right too
				if err == nil || !strings.Contains(err.Error(), "none is left") {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := groupOf(t, r, "AB11").Trimmed[0]; got != test.taken {
				t.Errorf("%s took %d of the group, want %d", test.rule, got, test.taken)
			}
		})
	}
}

func TestRulesFollowEachOther(t *testing.T) {
	// With the bill of 100000 two deviations of all cases reach beyond 600; once it is out they do not.
	cases := append(bills("AB11", 100, 101, 102, 103, 104, 600, 100000), bills("CD11", 90, 95, 99)...)
	first := work(t, "scheme: drg\ntrim: [{id: big, cost_above: 50000}, {id: sigma, sigma: 2, within: all}]\n", cases)
	if got := groupOf(t, first, "AB11").Trimmed; !slices.Equal(got, []int64{1, 1}) {
		t.Errorf("got %v, want one by each rule", got)
	}
	second := work(t, "scheme: drg\ntrim: [{id: sigma, sigma: 2, within: all}, {id: big, cost_above: 50000}]\n", cases)
	if got := groupOf(t, second, "AB11").Trimmed; !slices.Equal(got, []int64{1, 0}) {
		t.Errorf("got %v, want the first rule to take the big bill", got)
	}
}

func TestEveryCaseIsAccountedFor(t *testing.T) {
	cases := append(bills("AB11", 100, 200, 300), bills("CD11", 0, -5, 400)...)
	cases = append(cases, weigh.Case{Group: "0000", Status: "0000", Cost: 1}, weigh.Case{Group: "BQY", Status: "QY", Cost: 1}, weigh.Case{Cost: 7}, weigh.Case{Group: "AB11", Year: 1999, Cost: 7})
	for i := range cases[:6] {
		cases[i].Year = 2024
	}
	r := work(t, "scheme: drg\nyears: [{year: 2024, weight: 1}]\ntrim: [{id: big, cost_above: 250}]\n", cases)
	got, err := json.Marshal(r.Account)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"read":10,"used":2,"trimmed":[{"rule":"big","cases":2}],"ungrouped":{"0000":1,"QY":1,"no_group":1},"no_cost":2,"no_parts":0,"outside_years":1}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSmallGroupsFallBack(t *testing.T) {
	cases := append(bills("AB11", 300), bills("AB13", 100, 100, 100)...)
	cases = append(cases, bills("CD11", 200)...)
	for weight, want := range map[string][3]string{ // means: AB1 150, all 160
		"own":  {"1.875", "0.625", "1.25"},
		"adrg": {"0.9375", "0.625", "1.25"}, // CD1 is as small as its group
		"none": {"", "0.625", ""},
	} {
		r := work(t, "scheme: drg\nsmall: {below: 3, weight: "+weight+"}\n", cases)
		if got := [3]string{rwOf(t, r, "AB11"), rwOf(t, r, "AB13"), rwOf(t, r, "CD11")}; got != want {
			t.Errorf("%s: got %v, want %v", weight, got, want)
		}
		if g := groupOf(t, r, "AB11"); !g.Unstable || !slices.Contains(g.Flags, settle.FlagUnstable) || groupOf(t, r, "AB13").Unstable {
			t.Errorf("%s: flags are wrong", weight)
		}
	}
	quiet := work(t, "scheme: drg\nsmall: {below: 3, weight: own, flag: false}\n", cases)
	if g := groupOf(t, quiet, "AB11"); !g.Unstable || len(g.Flags) != 0 {
		t.Errorf("flag: false still flags %v", g.Flags)
	}
	wide := work(t, "scheme: drg\nsmall: {cv_over: 0.5}\n", append(cases, bills("EE11", 10, 10, 1000)...))
	if !groupOf(t, wide, "EE11").Unstable || groupOf(t, wide, "AB13").Unstable {
		t.Error("a CV above the limit makes a group unstable, one below does not")
	}
}

func TestAnAbsentYearLeavesItsWeightToTheOthers(t *testing.T) {
	cases := append(bills("AB11", 100, 100, 200), bills("CD11", 300)...)
	for i := range cases {
		cases[i].Year = 2023 + i%2 // AB11: 100 and 200 in 2023, 100 in 2024; CD11 in 2024 alone
	}
	r := work(t, "scheme: drg\nyears: [{back: 1, weight: 1}, {back: 0, weight: 3}]\n", cases)
	// AB11 (150 + 3·100)/4 = 112.5; CD11 300; all (150 + 3·200)/4 = 187.5.
	if rwOf(t, r, "AB11") != "0.6" || rwOf(t, r, "CD11") != "1.6" {
		t.Errorf("got %s and %s, want 0.6 and 1.6", rwOf(t, r, "AB11"), rwOf(t, r, "CD11"))
	}
}

func TestStructureOfCost(t *testing.T) {
	parts := func(c weigh.Case, p ...int64) weigh.Case {
		c.Parts = (*[weigh.PartCount]int64)(p)
		return c
	}
	cases := []weigh.Case{
		parts(bills("AB11", 10)[0], 100, 0, 0, 900, 0),
		parts(bills("CD11", 10)[0], 500, 0, 0, 500, 0),
		parts(bills("EE11", 10)[0], 1, 2, 3, 4, 5), // does not sum to the cost
		bills("EE11", 10)[0],
	}
	// Medical work is 600 of 2000 fen and ought to be half: RW = ½·100/300 + ½·900/700 and ½·500/300 + ½·500/700.
	r := work(t, "scheme: drg\nstructure: {shares: {medical: 0.5, nursing: 0, tech: 0, drug_material: 0.5, admin: 0}}\n", cases)
	if rwOf(t, r, "AB11") != "0.8095" || rwOf(t, r, "CD11") != "1.1905" || r.Account.NoParts != 2 {
		t.Errorf("shares: got %s, %s and %d without parts", rwOf(t, r, "AB11"), rwOf(t, r, "CD11"), r.Account.NoParts)
	}
	// Factors: 2·medical + 1·drugs = 1100 and 1500, of a mean of 1300.
	r = work(t, "scheme: drg\nstructure: {factors: {medical: 2, nursing: 1, tech: 1, drug_material: 1, admin: 1}}\n", cases)
	if rwOf(t, r, "AB11") != "0.8462" || rwOf(t, r, "CD11") != "1.1538" {
		t.Errorf("factors: got %s and %s", rwOf(t, r, "AB11"), rwOf(t, r, "CD11"))
	}
}

func TestExpertsMoveWeightsAndTheTotalStays(t *testing.T) {
	cases := append(bills("AB11", 100, 100, 100), bills("CD11", 300)...) // RW 2/3 and 2
	one := decimal.NewFromInt(1)
	experts, err := weigh.ReadExperts(strings.NewReader("group,rw,flags,remark\nAB11,1,basic|tcm,nursing\nCD11,,item,\n"), "e.csv")
	if err != nil || len(experts) != 2 || !experts[0].RW.Equal(one) || experts[1].RW != nil {
		t.Fatalf("got %v %v", experts, err)
	}
	r := work(t, "scheme: drg\n", cases, experts...)
	// Σ n·RW = 3·1 + 2 = 5 for 4 cases: all times 0.8.
	if rwOf(t, r, "AB11") != "0.8" || rwOf(t, r, "CD11") != "1.6" || !r.KeepFactor.Equal(decimal.RequireFromString("0.8")) {
		t.Errorf("got %s, %s, factor %s", rwOf(t, r, "AB11"), rwOf(t, r, "CD11"), r.KeepFactor)
	}
	if g := groupOf(t, r, "AB11"); g.From != "expert" || !slices.Equal(g.Flags, []string{"basic", "tcm"}) {
		t.Errorf("got %s with %v", g.From, g.Flags)
	}
	r = work(t, "scheme: drg\nkeep_total: never\n", cases, experts...)
	if rwOf(t, r, "AB11") != "1" || rwOf(t, r, "CD11") != "2" {
		t.Errorf("never: got %s and %s", rwOf(t, r, "AB11"), rwOf(t, r, "CD11"))
	}
}

func TestCoefficientsCompareOnSharedGroups(t *testing.T) {
	var cases []weigh.Case
	add := func(level, org, group string, yuan ...float64) {
		for _, c := range bills(group, yuan...) {
			c.Level, c.Org = level, org
			cases = append(cases, c)
		}
	}
	add("3", "A", "AB11", 120, 120) // region mean 100
	add("2", "B", "AB11", 80, 80)
	add("3", "A", "CD11", 300) // region mean 240
	add("2", "B", "CD11", 180)
	add("3", "A", "EE11", 9000) // nobody else has it
	for _, test := range []struct{ params, want string }{
		// (2·1.2 + 1.25)/3 and (2·0.8 + 0.75)/3
		{"{of: level}", "[2 0.7833 3 1.2167]"},
		// 540/(200+240), 340/440
		{"{of: level, method: ratio_of_sums}", "[2 0.7727 3 1.2273]"},
		{"{of: level, min_cases: 2}", "[2 0.8 3 1.2]"},
		{"{of: level, max: 1.1, min: 0.9}", "[2 0.9 3 1.1]"},
		{"{of: org}", "[B 0.7833 A 1.2167]"},
		{"{of: level, shared_by: 1}", "[2 0.7833 3 1.1625]"}, // EE11 compares with itself
	} {
		r := work(t, "scheme: drg\ncoefficients: "+test.params+"\n", cases)
		var got []string
		for _, c := range r.Coefficients {
			got = append(got, c.Level+c.Org, c.Value.String())
		}
		if !slices.Contains([]string{test.want, "[A 1.2167 B 0.7833]"}, fmt.Sprint(got)) {
			t.Errorf("%s: got %v, want %s", test.params, got, test.want)
		}
	}
}

func TestNeutralRatesSpendTheBudget(t *testing.T) {
	cases := region(rand.New(rand.NewPCG(8, 8)), 3000)
	for _, coef := range []string{"{of: org}", "{of: level}"} {
		r := work(t, "scheme: drg\ncoefficients: "+coef+"\nrates: {by: region, neutral: true, budgets: [{fund: 10000000, ratio: 0.5}]}\n", cases)
		coefficient := map[string]float64{}
		for _, c := range r.Coefficients {
			v, _ := c.Value.Float64()
			if c.Org != "" {
				coefficient[c.Org] = v
			} else {
				coefficient[c.Level] = v
			}
		}
		rate, _ := r.Rates[0].Value.Float64()
		spent := 0.0
		for _, c := range cases {
			if c.Status != "" || c.Cost <= 0 {
				continue
			}
			rw, _ := groupOf(t, r, c.Group).RW.Float64()
			by := coefficient[c.Level]
			if v, ok := coefficient[c.Org]; ok {
				by = v
			}
			spent += rw * rate * by
		}
		if math.Abs(spent/20_000_000-1) > 1e-5 {
			t.Errorf("%s: the rate spends %.2f of 20000000", coef, spent)
		}
	}
}

func TestAMistakeInTheParametersIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"scheme: drg\nyear_s: []\n":                                          "line 2",
		"scheme: drg\nsmall: {below: few}\n":                                 "line 2",
		"id: x\n":                                                            "scheme",
		"scheme: drg\ntrim: [{id: a, sigma: 3, iqr: 1}]\n":                   "rule a: exactly one",
		"scheme: drg\ntrim: [{sigma: 3}]\n":                                  "an id of its own",
		"scheme: drg\ntrim: [{id: a, sigma: 3, on: log}]\n":                  "trim a: on",
		"scheme: drg\ntrim: [{id: a, percentiles: [97, 2]}]\n":               "the lower first",
		"scheme: drg\ntrim: [{id: a, sigma: -1}]\n":                          "from 0 on",
		"scheme: drg\nyears: [{year: 2024, back: 0, weight: 1}]\n":           "years",
		"scheme: drg\nyears: [{back: 0, weight: 0}]\n":                       "positive weight",
		"scheme: drg\nyears: [{back: 0, weight: 1}, {back: 0, weight: 1}]\n": "twice",
		"scheme: drg\nstructure: {shares: {medical: 0.5}}\n":                 "sum to 0.5",
		"scheme: drg\nstructure: {}\n":                                       "either shares or factors",
		"scheme: drg\nrates: {by: level, budgets: [{fund: 1, ratio: 2}]}\n":  "ratio",
		"scheme: drg\nrates: {by: level}\ncoefficients: {of: level}\n":       "count twice",
		"scheme: points\nkeep_total: always\n":                               "points",
	} {
		if _, err := weigh.Load([]byte(text), "p.yaml"); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "p.yaml") {
			t.Errorf("%q: got %v, want a fault that names %q", text, err, want)
		}
	}
	if _, err := weigh.Load([]byte(weigh.NationalYAML()), "national.yaml"); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{"group,weight\n": "e.csv:1", "rw\n": "no column group", "group,rw\nA,x\n": "e.csv:2", "group,rw\nA,1\nA,2\n": "e.csv:3"} {
		if _, err := weigh.ReadExperts(strings.NewReader(text), "e.csv"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want a fault that names %q", text, err, want)
		}
	}
	for name, c := range map[string]weigh.Case{
		"stay": {Group: "AB11", Cost: 1, LOS: math.NaN()}, "year": {Group: "AB11", Cost: 1, Year: 99999}, "10^10": {Group: "AB11", Cost: math.MaxInt64},
		"two ADRGs": {Group: "AB11", ADRG: "XX1", Cost: 1},
	} {
		_, err := weigh.Weigh(load(t, "scheme: drg\n"), from(append(bills("AB11", 100), c)), nil)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func BenchmarkWeigh(b *testing.B) {
	cases := region(rand.New(rand.NewPCG(1, 1)), 200_000)
	p, err := weigh.Load([]byte(rich), "rich.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := weigh.Weigh(p, from(cases), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(cases)), "ns/case")
}
