package settle_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// The second implementation: fractions, one case after the other, the rules written out as in the norms. It shares no line
// with the first.

const everyRule = `
id: second
scheme: SCHEME
rates:
  - {value: 7126.63}
  - {level: "3", insurance: employee, value: 9865}
  - {level: "3", insurance: resident, value: 9391}
  - {level: "2", value: 8501.07}
coefficients:
  - {level: "3", value: 1.0800}
  - {value: 0.97}
  - {org: H2, value: 1.0537}
weights:
  - {group: A, rw: 0.5765, mean: 9120, score: 812.4, ref: 7200}
  - {group: B, rw: 1, mean: 23750, score: 1402.6, ref: 12500}
  - {group: C, rw: 3.0001, mean: 45200, score: 4981, ref: 44000.01}
  - {group: D, rw: 0.7, mean: 5710, score: 498.1, ref: 4400, flags: [basic], rate: 8000}
  - {group: E, rw: 0.7, mean: 5710, score: 498.1, flags: [unstable]}
  - {group: F, rw: 0.9, mean: 5710, score: 498.1, flags: [item]}
  - {group: G, rw: 0.6667, mean: 6333, score: 700, ref: 6300, flags: [tcm], instead: A}
  - {group: J, rw: 0.8, mean: 8000, score: 800, ref: 8000, standard: 8000.01, low_limit: 2400, high_limit: 20000.02, coefficient: 1.02}
high:
  bands: [{up_to: 1, multiple: 3}, {up_to: 3, multiple: 2.5}, {multiple: 2}, {level: "2", multiple: 2}]
  method: HIGH
  cap: 0.05
low: {multiple: 0.3, method: actual}
deviation: {high: 2, low: 0.5, review: 5}
ungrouped: UNGROUPED
exclusions: [{id: long, los_min: 60}, {id: day, day_surgery: true}]
special_case: {drg: 0.05, dip: 0.005}
fund_formula: {formula: FORMULA, negative: zero}
all_mean: 9500
point_values: [{insurance: resident, value: 8.5746}]
point_funds: [{insurance: employee, value: 1205000.55}, {value: 99}]
bedday: [{kind: psych, value: 31.5, tiers: [{days: 15, points: 42}, {days: 45, points: 30}, {points: 22}]}]
tcm: {min_share: 0.6, factor: 1.05}
offsite: {in_province: item, cross_province: shadow}
tiers:
  - {title: low, up_to: 0.8, exclusive: true}
  - {title: surplus, up_to: 1, surplus_kept: 0.7}
  - {title: overrun, up_to: 1.1, overrun_borne: 0.5}
  - {title: beyond}
deposit: {share: 0.05}
`

func rat(s string) *big.Rat { r, _ := new(big.Rat).SetString(s); return r }

func add(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) }
func sub(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func mul(a ...*big.Rat) *big.Rat {
	out := rat("1")
	for _, x := range a {
		out.Mul(out, x)
	}
	return out
}
func quo(a, b *big.Rat) *big.Rat { return new(big.Rat).Quo(a, b) }

// half rounds half away from zero.
func half(x *big.Rat, places int) *big.Rat {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	y := new(big.Rat).Mul(new(big.Rat).Abs(x), new(big.Rat).SetInt(scale))
	y.Add(y, big.NewRat(1, 2))
	n := new(big.Int).Div(y.Num(), y.Denom())
	if x.Sign() < 0 {
		n.Neg(n)
	}
	return new(big.Rat).SetFrac(n, scale)
}

type plainGroup struct{ rw, mean, score, ref string }

var plainGroups = map[string]plainGroup{
	"A": {"0.5765", "9120", "812.4", "7200"}, "B": {"1", "23750", "1402.6", "12500"}, "C": {"3.0001", "45200", "4981", "44000.01"},
	"D": {"0.7", "5710", "498.1", "4400"}, "G": {"0.6667", "6333", "700", "6300"}, "J": {"0.8", "8000", "800", "8000"},
}

type plainRow struct {
	c                      *settle.Case
	tier                   string
	standard, paid, points *big.Rat // points: not yet in yuan
	excess                 *big.Rat
	wants                  bool
}

func plainSettle(scheme, high, ungrouped, formula string, cases []settle.Case) (due, paid []*big.Rat, tiers []string) {
	rows := make([]plainRow, len(cases))
	for i := range cases {
		rows[i] = plainCase(scheme, high, ungrouped, &cases[i])
	}
	byOrg := map[string][]int{}
	for i, r := range rows {
		if r.tier != "shadow" {
			byOrg[r.c.Org] = append(byOrg[r.c.Org], i)
		}
	}
	for _, list := range byOrg {
		over := func(i int) *big.Rat {
			r := &rows[i]
			against := r.standard
			if r.points != nil {
				g := plainGroups[paidAs(r.c)]
				if against = rat(g.mean); scheme == "dip" {
					against = rat(g.ref)
				}
			}
			return sub(rat(r.c.Total.String()), against)
		}
		first := func(a, b int) int {
			if c := over(b).Cmp(over(a)); c != 0 {
				return c
			}
			return strings.Compare(rows[a].c.ID, rows[b].c.ID)
		}
		var special, want []int
		for _, i := range list {
			if rows[i].c.Special && rows[i].tier != "unpriced" {
				special = append(special, i)
			}
		}
		slices.SortFunc(special, first)
		per := 50 // per thousand
		if scheme == "dip" {
			per = 5
		}
		for k, i := range special {
			if k < len(list)*per/1000 {
				r := &rows[i]
				total := half(rat(r.c.Total.String()), 2)
				r.tier, r.standard, r.paid, r.points, r.wants = "special", total, total, nil, false
			}
		}
		for _, i := range list {
			if rows[i].wants {
				want = append(want, i)
			}
		}
		slices.SortFunc(want, first)
		for k, i := range want {
			r := &rows[i]
			if k >= len(list)*50/1000 {
				if r.points != nil {
					r.points = half(sub(r.points, r.excess), 4)
				}
				r.paid = r.standard
			}
		}
	}
	sum := rat("0")
	for _, r := range rows {
		if r.points != nil && r.c.Insurance == "employee" {
			sum = add(sum, r.points)
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.points != nil {
			value := rat("8.5746")
			if r.c.Insurance == "employee" {
				value = rat("0")
				if sum.Sign() != 0 {
					value = half(quo(rat("1205000.55"), sum), 4)
				}
			}
			r.paid = half(mul(r.points, value), 2)
		}
		c := r.c
		d := rat("0")
		switch {
		case r.tier == "shadow" || r.tier == "unpriced":
			r.paid = rat("0")
		case formula == "A":
			d = mul(sub(sub(sub(r.paid, rat(c.FullSelf.String())), rat(c.PriorSelf.String())), rat(c.Deductible.String())), rat(c.PolicyRatio.String()))
		default:
			d = sub(sub(r.paid, rat(c.Personal.String())), rat(c.Other.String()))
		}
		if d.Sign() < 0 {
			d = rat("0")
		}
		due, paid, tiers = append(due, half(d, 2)), append(paid, r.paid), append(tiers, r.tier)
	}
	return due, paid, tiers
}

func paidAs(c *settle.Case) string {
	if c.Group == "G" && rat(c.TCMShare.String()).Cmp(rat("0.6")) < 0 {
		return "A"
	}
	return c.Group
}

func plainCase(scheme, high, ungrouped string, c *settle.Case) plainRow {
	total := rat(c.Total.String())
	cost := half(total, 2)
	item := func(tier string) plainRow { return plainRow{c: c, tier: tier, standard: cost, paid: cost} }
	los := rat(c.LOS.String())
	coef := rat("0.97")
	if c.Level == "3" {
		coef = rat("1.08")
	}
	if c.Org == "H2" {
		coef = rat("1.0537")
	}
	rate := rat("7126.63")
	switch {
	case c.Level == "3" && c.Insurance == "employee":
		rate = rat("9865")
	case c.Level == "3" && c.Insurance == "resident":
		rate = rat("9391")
	case c.Level == "2":
		rate = rat("8501.07")
	}
	switch {
	case c.Offsite == "cross_province":
		return plainRow{c: c, tier: "shadow", standard: rat("0"), paid: rat("0")}
	case c.Offsite == "in_province":
		return item("excluded")
	case c.BedDay == "" && (los.Cmp(rat("60")) >= 0 || c.DaySurgery):
		return item("excluded")
	case c.BedDay != "":
		points := rat("0")
		for day := 0; rat(strconv.Itoa(day)).Cmp(los) < 0; day++ {
			points = add(points, rat(map[bool]string{true: "42", false: map[bool]string{true: "30", false: "22"}[day < 60]}[day < 15]))
		}
		paid := half(mul(points, rat("31.5")), 2)
		return plainRow{c: c, tier: "bed_day", standard: paid, paid: paid}
	case c.Status != "" && c.Status != "OK":
		if ungrouped == "rw" {
			paid := half(mul(rat("0.2"), rate, coef), 2)
			return plainRow{c: c, tier: "ungrouped", standard: paid, paid: paid}
		}
		paid := half(mul(total, rat("0.85")), 2)
		return plainRow{c: c, tier: "ungrouped", standard: paid, paid: paid}
	case c.Group == "E" || c.Group == "F":
		return item("excluded")
	}
	name := paidAs(c)
	g, ok := plainGroups[name]
	if !ok {
		return plainRow{c: c, tier: "unpriced", standard: rat("0"), paid: rat("0")}
	}
	tcm := rat("1")
	if name == "G" {
		tcm = rat("1.05")
	}
	switch name {
	case "D":
		coef, rate = rat("1"), rat("8000")
	case "J":
		coef = rat("1.02")
	}
	multiple := func(by *big.Rat) *big.Rat {
		switch {
		case c.Level == "2":
			return rat("2")
		case by.Cmp(rat("1")) <= 0:
			return rat("3")
		case by.Cmp(rat("3")) <= 0:
			return rat("2.5")
		}
		return rat("2")
	}
	switch scheme {
	case "dip":
		factor, tier := rat("1"), "normal"
		switch r := quo(total, rat(g.ref)); {
		case r.Cmp(rat("2")) > 0:
			factor, tier = add(sub(r, rat("2")), rat("1")), "high"
		case r.Cmp(rat("0.5")) < 0:
			factor, tier = r, "low"
		}
		return plainRow{c: c, tier: tier, standard: rat("0"), points: half(mul(rat(g.score), factor, coef, tcm), 4)}
	case "points":
		mean := rat(g.mean)
		base := half(mul(quo(mean, rat("9500")), rat("100")), 4)
		k := multiple(base)
		row := plainRow{c: c, tier: "normal", standard: rat("0"), points: half(mul(base, coef, tcm), 4)}
		switch {
		case total.Cmp(mul(k, mean)) > 0:
			row.tier, row.wants = "high", true
			row.excess = half(mul(quo(sub(total, mul(k, mean)), mean), base), 4)
			row.points = half(add(mul(base, coef, tcm), row.excess), 4)
		case total.Cmp(mul(rat("0.3"), mean)) < 0:
			row.tier, row.points = "low", half(mul(base, quo(total, mean)), 4)
		}
		return row
	}
	standard := half(mul(rat(g.rw), rate, coef, tcm), 2)
	top, bottom := mul(multiple(rat(g.rw)), standard), mul(rat("0.3"), standard)
	if name == "J" {
		standard, top, bottom = rat("8000.01"), rat("20000.02"), rat("2400")
	}
	row := plainRow{c: c, tier: "normal", standard: standard, paid: standard}
	switch {
	case total.Cmp(top) > 0 && high == "item":
		row.tier, row.paid, row.wants = "high", cost, true
	case total.Cmp(top) > 0:
		row.tier, row.paid, row.wants = "high", add(standard, half(sub(total, top), 2)), true
	case total.Cmp(bottom) < 0:
		row.tier, row.paid = "low", cost
	}
	return row
}

func plainClear(booked, due *big.Rat) *big.Rat {
	if booked.Sign() <= 0 || due.Sign() <= 0 {
		return due
	}
	ratio := quo(booked, due)
	switch {
	case ratio.Cmp(rat("0.8")) < 0:
		return half(booked, 2)
	case ratio.Cmp(rat("1")) <= 0:
		return half(add(booked, mul(rat("0.7"), sub(due, booked))), 2)
	case ratio.Cmp(rat("1.1")) <= 0:
		return half(add(due, mul(rat("0.5"), sub(booked, due))), 2)
	}
	return half(add(due, mul(rat("0.5"), rat("0.1"), due)), 2)
}

// edges are costs on and beside every limit that some group has.
var edges = []string{
	"0", "0.01", "3600", "14400", "14400.01", "3599.99", "22000.005", "88000.02", "27360", "27360.01", "59375", "59375.01", "2736", "2735.99", "8000", "2400", "2399.99",
	"20000.02", "20000.03", "19591.88", "19591.89", "11200", "16800", "16800.01", "1680", "1679.99",
}

func TestSettlementAgreesWithASecondPlainImplementation(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	amount := func(most int) decimal.Decimal {
		if rng.IntN(4) == 0 {
			return decimal.RequireFromString(edges[rng.IntN(len(edges))])
		}
		return decimal.New(rng.Int64N(int64(most)*100), -2)
	}
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for range rounds {
		scheme, high, formula := pick("drg", "dip", "points"), pick("excess", "item"), pick("A", "B")
		ungrouped, rule := "ratio", "{method: ratio, ratio: 0.85}"
		if scheme == "drg" && rng.IntN(2) == 0 {
			ungrouped, rule = "rw", "{method: rw, rw: 0.2}"
		}
		p := params(t, strings.NewReplacer("SCHEME", scheme, "HIGH", high, "UNGROUPED", rule, "FORMULA", formula).Replace(everyRule))
		cases := make([]settle.Case, rng.IntN(260))
		for i := range cases {
			cases[i] = settle.Case{
				ID: fmt.Sprintf("c%03d", i), Org: pick("H1", "H2", "H3"), Level: pick("3", "2", "1"), Insurance: pick("employee", "resident"),
				Offsite: pick("", "", "", "", "", "", "in_province", "cross_province"), Group: pick("A", "A", "B", "B", "C", "D", "E", "F", "G", "J", "none"),
				Status: pick("", "OK", "OK", "OK", "OK", "OK", "0000", "QY"), Total: amount(60000), LOS: decimal.NewFromInt(rng.Int64N(90)),
				FullSelf: amount(900), PriorSelf: amount(900), Deductible: amount(900), PolicyRatio: decimal.New(rng.Int64N(101), -2), Personal: amount(4000),
				Other: amount(900), Booked: amount(20000), Special: rng.IntN(12) == 0, BedDay: pick("", "", "", "", "", "", "", "", "psych"), DaySurgery: rng.IntN(15) == 0,
				TCMShare: decimal.RequireFromString(pick("0", "0.5999", "0.6", "1")),
			}
		}
		for i := range cases {
			if s := cases[i].Status; s != "" && s != "OK" {
				cases[i].Group = s
			}
		}
		rows, err := p.SettleAll(cases)
		if err != nil {
			t.Fatal(err)
		}
		due, paid, tiers := plainSettle(scheme, high, ungrouped, formula, cases)
		same := func(what string, got decimal.Decimal, want *big.Rat) {
			t.Helper()
			if rat(got.String()).Cmp(want) != 0 {
				t.Fatalf("%s %s %s: %s: got %s, want %s", scheme, high, formula, what, got, want.FloatString(6))
			}
		}
		type key struct{ org, insurance string }
		sumDue, sumBooked, sumPaid := map[key]*big.Rat{}, map[key]*big.Rat{}, map[key]*big.Rat{}
		for i, r := range rows {
			if r.Tier != tiers[i] {
				t.Fatalf("%s: case %s of group %s, cost %s: got tier %s (%s), want %s", scheme, r.ID, r.Group, r.Total, r.Tier, r.Method, tiers[i])
			}
			same("paid for "+r.ID+" "+r.Group+" "+r.Tier+" "+r.Method, r.CaseStandard, paid[i])
			same("due for "+r.ID, r.FundDue, due[i])
			k := key{r.Org, r.Insurance}
			if sumDue[k] == nil {
				sumDue[k], sumBooked[k], sumPaid[k] = rat("0"), rat("0"), rat("0")
			}
			if r.Tier != "shadow" && r.Tier != "unpriced" {
				sumDue[k], sumPaid[k] = add(sumDue[k], due[i]), add(sumPaid[k], paid[i])
				sumBooked[k] = add(sumBooked[k], rat(cases[i].Booked.String()))
			}
		}
		cleared := map[string]*big.Rat{}
		for _, f := range p.Funds(rows) {
			k := key{f.Org, f.Insurance}
			want := plainClear(sumBooked[k], sumDue[k])
			same("fund "+f.Org+" "+f.Insurance, f.Settlement, want)
			same("deposit of "+f.Org+" "+f.Insurance, f.Deposit, half(mul(want, rat("0.05")), 2))
			same("sum of "+f.Org+" "+f.Insurance, f.Standard, sumPaid[k])
			if cleared[f.Org] == nil {
				cleared[f.Org] = rat("0")
			}
			cleared[f.Org] = add(cleared[f.Org], want)
		}
		hospitals := p.Hospitals(rows)
		for _, h := range hospitals {
			same("hospital "+h.Org, h.Settlement, cleared[h.Org])
		}

		// Another order of the cases changes nothing.
		order := rng.Perm(len(cases))
		mixed := make([]settle.Case, len(cases))
		for i, at := range order {
			mixed[i] = cases[at]
		}
		again, err := p.SettleAll(mixed)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range order {
			if a, b := again[i], rows[at]; a.ID != b.ID || !a.FundDue.Equal(b.FundDue) || a.Method != b.Method {
				t.Fatalf("%s: case %s: in another order %s %s, before %s %s", scheme, a.ID, a.FundDue, a.Method, b.FundDue, b.Method)
			}
		}
	}
}
