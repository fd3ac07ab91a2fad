package weigh_test

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/grouper/weigh"
)

// The plain second implementation: lists of numbers, exact fractions for money, nothing shared with the package.

type plain struct {
	kept   map[string][]weigh.Case
	counts map[string][]int64 // by group and rule
}

// plainTrim applies long > 60, tiny < 5 yuan, quartiles of the logarithm within the group (1.5), three deviations of
// the cost within the group and year.
func plainTrim(cases []weigh.Case) plain {
	p := plain{kept: map[string][]weigh.Case{}, counts: map[string][]int64{}}
	for _, c := range cases {
		if c.Status == "" && c.Cost > 0 {
			p.kept[c.Group] = append(p.kept[c.Group], c)
		}
	}
	for group, list := range p.kept {
		filter := func(keep func(weigh.Case) bool) {
			n := len(list)
			list = slices.DeleteFunc(slices.Clone(list), func(c weigh.Case) bool { return !keep(c) })
			p.counts[group] = append(p.counts[group], int64(n-len(list)))
		}
		filter(func(c weigh.Case) bool { return c.LOS <= 60 })
		filter(func(c weigh.Case) bool { return c.Cost >= 500 })
		var logs []float64
		for _, c := range list {
			logs = append(logs, math.Log(float64(c.Cost)))
		}
		slices.Sort(logs)
		if len(logs) > 0 {
			q1, q3 := plainQuantile(logs, 0.25), plainQuantile(logs, 0.75)
			filter(func(c weigh.Case) bool {
				l := math.Log(float64(c.Cost))
				return l >= q1-1.5*(q3-q1) && l <= q3+1.5*(q3-q1)
			})
		} else {
			filter(func(weigh.Case) bool { return true })
		}
		mean, sd, n := map[int]float64{}, map[int]float64{}, map[int]float64{}
		for _, c := range list {
			n[c.Year]++
			mean[c.Year] += float64(c.Cost)
		}
		for y := range n {
			mean[y] /= n[y]
		}
		for _, c := range list {
			sd[c.Year] += (float64(c.Cost) - mean[c.Year]) * (float64(c.Cost) - mean[c.Year])
		}
		filter(func(c weigh.Case) bool {
			y := c.Year
			return n[y] < 2 || math.Abs(float64(c.Cost)-mean[y]) <= 3*math.Sqrt(sd[y]/(n[y]-1))
		})
		p.kept[group] = list
	}
	return p
}

func plainQuantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	low, high := sorted[int(math.Floor(at))], sorted[int(math.Ceil(at))]
	return low + (high-low)*(at-math.Floor(at))
}

// plainMean is the mean of the years by 1:2:7 (2023, 2024, 2025), as an exact fraction of fen.
func plainMean(cases []weigh.Case) *big.Rat {
	total, weights := new(big.Rat), new(big.Rat)
	for year, weight := range map[int]int64{2023: 1, 2024: 2, 2025: 7} {
		n, sum := int64(0), int64(0)
		for _, c := range cases {
			if c.Year == year {
				n++
				sum += c.Cost
			}
		}
		if n > 0 {
			total.Add(total, big.NewRat(weight*sum, n))
			weights.Add(weights, big.NewRat(weight, 1))
		}
	}
	if weights.Sign() == 0 {
		return nil
	}
	return total.Quo(total, weights)
}

func TestAPlainSecondImplementationAgrees(t *testing.T) {
	const params = `
scheme: drg
years: [{year: 2023, weight: 1}, {year: 2024, weight: 2}, {year: 2025, weight: 7}]
trim:
  - {id: long, los_over: 60}
  - {id: tiny, cost_below: 5}
  - {id: iqr, iqr: 1.5, on: ln_cost}
  - {id: sigma, sigma: 3, by_year: true}
rates: {by: level, budgets: [{fund: 987654321.01, ratio: 0.715}]}
`
	for seed := range uint64(25) {
		cases := region(rand.New(rand.NewPCG(seed, 99)), 400+int(seed)*120)
		got := work(t, params, cases)
		in := slices.DeleteFunc(slices.Clone(cases), func(c weigh.Case) bool { return c.Year < 2023 })
		want := plainTrim(in)
		var all []weigh.Case
		within, total, mean := 0.0, 0.0, 0.0
		for _, code := range slices.Sorted(maps.Keys(want.kept)) {
			all = append(all, want.kept[code]...)
		}
		for _, c := range all {
			mean += float64(c.Cost) / float64(len(all))
		}
		exact := plainMean(all)
		rw := map[string]*big.Rat{}
		below, measured := 0, 0
		for code, list := range want.kept {
			g := groupOf(t, got, code)
			if !slices.Equal(g.Trimmed, want.counts[code]) || g.After.Cases != int64(len(list)) {
				t.Fatalf("seed %d, %s: trimmed %v, left %d; want %v, %d", seed, code, g.Trimmed, g.After.Cases, want.counts[code], len(list))
			}
			m := plainMean(list)
			if m == nil {
				continue
			}
			rw[code] = new(big.Rat).Quo(m, exact)
			if yuan := new(big.Rat).Quo(m, big.NewRat(100, 1)).FloatString(2); yuan != g.Mean.StringFixed(2) {
				t.Errorf("seed %d, %s: mean %s, want %s", seed, code, g.Mean, yuan)
			}
			if text := rw[code].FloatString(4); text != g.RW.StringFixed(4) {
				t.Errorf("seed %d, %s: RW %s, want %s", seed, code, g.RW, text)
			}
			gm, ss := 0.0, 0.0
			for _, c := range list {
				gm += float64(c.Cost) / float64(len(list))
			}
			for _, c := range list {
				ss += (float64(c.Cost) - gm) * (float64(c.Cost) - gm)
				total += (float64(c.Cost) - mean) * (float64(c.Cost) - mean)
			}
			within += ss
			if len(list) > 1 {
				cv := math.Sqrt(ss/float64(len(list)-1)) / gm
				measured++
				if cv < 1 {
					below++
				}
				if math.Abs(*g.After.CV-cv) > 1e-9 || math.Abs(*g.After.SD-cv*gm/100) > 1e-9*cv*gm {
					t.Errorf("seed %d, %s: CV %v, want %v", seed, code, *g.After.CV, cv)
				}
			}
		}
		if math.Abs(*got.After.RIV-(1-within/total)) > 1e-9 || got.After.BelowOne != below || got.After.GroupsWithCV != measured {
			t.Errorf("seed %d: RIV %v, %d of %d; want %v, %d of %d", seed, *got.After.RIV, got.After.BelowOne, got.After.GroupsWithCV, 1-within/total, below, measured)
		}
		plainRates(t, got, in, rw)
	}
}

// plainRates divides the budget by level with the rounded weights, over all cases of the last year, trimmed ones too.
func plainRates(t *testing.T, got *weigh.Result, in []weigh.Case, rw map[string]*big.Rat) {
	t.Helper()
	cost, weight, all := map[string]*big.Rat{}, map[string]*big.Rat{}, new(big.Rat)
	for _, c := range in {
		if c.Status != "" || c.Cost <= 0 || c.Year != 2025 || rw[c.Group] == nil {
			continue
		}
		if cost[c.Level] == nil {
			cost[c.Level], weight[c.Level] = new(big.Rat), new(big.Rat)
		}
		w, _ := new(big.Rat).SetString(rw[c.Group].FloatString(4))
		weight[c.Level].Add(weight[c.Level], w)
		cost[c.Level].Add(cost[c.Level], big.NewRat(c.Cost, 100))
		all.Add(all, big.NewRat(c.Cost, 100))
	}
	fund, _ := new(big.Rat).SetString("987654321.01")
	budget := fund.Quo(fund, big.NewRat(715, 1000))
	var want []string
	for _, level := range slices.Sorted(maps.Keys(cost)) {
		rate := new(big.Rat).Mul(budget, cost[level])
		rate.Quo(rate, all).Quo(rate, weight[level])
		want = append(want, level+" "+rate.FloatString(2))
	}
	var have []string
	for _, r := range got.Rates {
		have = append(have, r.Level+" "+r.Value.StringFixed(2))
	}
	if !slices.Equal(have, want) {
		t.Errorf("rates: got %v, want %v", have, want)
	}
}

// asCSV is the cases for DuckDB.
func asCSV(cases []weigh.Case) string {
	var b strings.Builder
	b.WriteString("year,grp,status,cost,los\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "%d,%s,%s,%d,%g\n", c.Year, c.Group, c.Status, c.Cost, c.LOS)
	}
	return b.String()
}
