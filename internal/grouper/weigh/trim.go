package weigh

import (
	"math"
	"slices"
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
			takes := rule.test(of)
			kept := g.cases[:0]
			for _, r := range g.cases {
				if !takes(&r) {
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
	if !t.ByYear {
		costs[0] = make([]int64, 0, len(cases))
	}
	for i := range cases {
		if t.ByYear {
			costs[int(cases[i].year)] = append(costs[int(cases[i].year)], cases[i].cost)
			continue
		}
		costs[0] = append(costs[0], cases[i].cost)
	}
	out := make(map[int]limits, len(costs))
	for key, list := range costs {
		slices.Sort(list)
		if len(list) < max(1, t.AtLeast) {
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

// test says which cases the rule takes, given the limits of the years.
func (t *Trim) test(of map[int]limits) func(*record) bool {
	switch {
	case t.LOSOver != nil:
		limit := t.LOSOver.Shift(2).Floor().IntPart()
		return func(r *record) bool { return int64(r.los) > limit }
	case t.LOSUnder != nil:
		limit := t.LOSUnder.Shift(2).Ceil().IntPart()
		return func(r *record) bool { return int64(r.los) < limit }
	case t.CostBelow != nil:
		limit := t.CostBelow.Shift(2).Ceil().IntPart()
		return func(r *record) bool { return r.cost < limit }
	case t.CostAbove != nil:
		limit := t.CostAbove.Shift(2).Floor().IntPart()
		return func(r *record) bool { return r.cost > limit }
	case t.ByYear:
		return func(r *record) bool { return of[int(r.year)].outside(t.value(r.cost)) }
	}
	lim := of[0]
	return func(r *record) bool { return lim.outside(t.value(r.cost)) }
}

func (l limits) outside(v float64) bool { return v < l.low || v > l.high }
