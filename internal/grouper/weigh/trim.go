package weigh

import (
	"math"
	"slices"

	"github.com/shopspring/decimal"
)

// trim applies the rules in their order, each to what the ones before left, and counts what each took from each group.
func (l *pool) trim(codes []string, groups []Group) {
	for i := range l.p.Trim {
		rule := &l.p.Trim[i]
		var all map[int]limits
		if rule.statistical() && rule.Within == withinAll {
			var cases []record
			for _, code := range codes {
				cases = append(cases, l.groups[code].cases...)
			}
			all = rule.limits(cases)
		}
		for k, code := range codes {
			g := l.groups[code]
			of := all
			if of == nil && rule.statistical() {
				of = rule.limits(g.cases)
			}
			kept := g.cases[:0]
			for _, r := range g.cases {
				if !rule.takes(&r, of) {
					kept = append(kept, r)
				}
			}
			groups[k].Trimmed[i] = int64(len(g.cases) - len(kept))
			g.cases = kept
		}
	}
}

// limits are the costs (or their logarithms) between which a case stays; the limits themselves stay.
type limits struct{ low, high float64 }

// limits of the cases of each year, or of all of them (key 0).
func (t *Trim) limits(cases []record) map[int]limits {
	costs := map[int][]int64{}
	for i := range cases {
		key := 0
		if t.ByYear {
			key = int(cases[i].year)
		}
		costs[key] = append(costs[key], cases[i].cost)
	}
	out := make(map[int]limits, len(costs))
	for key, list := range costs {
		slices.Sort(list)
		if len(list) < t.AtLeast {
			out[key] = limits{math.Inf(-1), math.Inf(1)}
			continue
		}
		out[key] = t.limitsOf(list)
	}
	return out
}

func (t *Trim) limitsOf(sorted []int64) limits {
	at := func(i int) float64 { return t.value(sorted[i]) }
	n := len(sorted)
	switch {
	case t.IQR != nil:
		q1, q3 := quantile(n, 0.25, at), quantile(n, 0.75, at)
		high := t.IQR.InexactFloat64()
		low := high
		if t.IQRLow != nil {
			low = t.IQRLow.InexactFloat64()
		}
		return limits{q1 - low*(q3-q1), q3 + high*(q3-q1)}
	case t.Sigma != nil:
		mean, sd := normal(n, at)
		if math.IsNaN(sd) {
			return limits{math.Inf(-1), math.Inf(1)}
		}
		k := t.Sigma.InexactFloat64()
		return limits{mean - k*sd, mean + k*sd}
	}
	const percent = 100
	return limits{quantile(n, t.Percentiles[0].InexactFloat64()/percent, at), quantile(n, t.Percentiles[1].InexactFloat64()/percent, at)}
}

// value is what a statistical rule looks at: the cost in fen, or its logarithm.
func (t *Trim) value(cost int64) float64 {
	if t.On == onLnCost {
		return math.Log(float64(cost))
	}
	return float64(cost)
}

func (t *Trim) takes(r *record, of map[int]limits) bool {
	switch {
	case t.LOSOver != nil:
		return decimal.New(int64(r.los), -2).GreaterThan(t.LOSOver.Decimal)
	case t.LOSUnder != nil:
		return decimal.New(int64(r.los), -2).LessThan(t.LOSUnder.Decimal)
	case t.CostBelow != nil:
		return decimal.New(r.cost, -2).LessThan(t.CostBelow.Decimal)
	case t.CostAbove != nil:
		return decimal.New(r.cost, -2).GreaterThan(t.CostAbove.Decimal)
	}
	key := 0
	if t.ByYear {
		key = int(r.year)
	}
	lim := of[key]
	v := t.value(r.cost)
	return v < lim.low || v > lim.high
}
