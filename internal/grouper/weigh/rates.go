package weigh

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// cell is the cases of the last year of a group in a hospital, by insurance: what a rate will pay for.
type cell struct {
	group      string
	level, ins uint16
	org        int32
}

type count struct{ n, cost int64 }

// volumes are what rates are drawn from: trimmed cases are paid like all others, so they count here.
type volumes struct {
	cells  map[cell]count
	byYear map[insYear]int64 // cost
}

// paid counts the cases that will be paid for, before any is trimmed.
func (l *pool) paid(out *Result) {
	if l.p.Rates == nil {
		return
	}
	v := &volumes{cells: map[cell]count{}, byYear: map[insYear]int64{}}
	for code, g := range l.groups {
		for i := range g.cases {
			r := &g.cases[i]
			v.byYear[insYear{int(r.ins), int(r.year)}] += r.cost
			if !l.last(int(r.year)) {
				continue
			}
			key := cell{code, r.level, r.ins, r.org}
			c := v.cells[key]
			v.cells[key] = count{c.n + 1, c.cost + r.cost}
		}
	}
	out.volumes = v
}

// Coefficient compares a level or a hospital with the region (a hospital with its level, where rates go by level).
type Coefficient struct {
	Org    string          `json:"org,omitempty"`
	Level  string          `json:"level,omitempty"`
	Groups int             `json:"groups"` // shared ones
	Cases  int64           `json:"cases"`  // in them
	Raw    decimal.Decimal `json:"raw"`    // before the bounds
	Value  decimal.Decimal `json:"value"`
}

// coefficients are drawn from the used cases of all years.
func (l *pool) coefficients(out *Result) error {
	p := l.p.Coef
	if p == nil {
		return nil
	}
	type unit struct{ base, name string }
	type tally struct {
		groups      int
		cases       int64
		ratios      decimal.Decimal // Σ n·(mean of the unit / mean of the base)
		costs, base decimal.Decimal // Σ n·mean of either
	}
	units := map[unit]*tally{}
	sharedBy := cmp.Or(p.SharedBy, 2) //nolint:mnd // a group that only one has cannot be compared
	byOwnLevel := p.Of == byOrg && l.p.Rates != nil && l.p.Rates.By == byLevel
	for _, g := range l.groups {
		here, base, sharers := map[unit]count{}, map[string]count{}, map[string]int{}
		for i := range g.cases {
			r := &g.cases[i]
			u := unit{name: l.levels.list[r.level]}
			if p.Of == byOrg {
				u.name = l.orgs.list[r.org]
			}
			if byOwnLevel {
				u.base = l.levels.list[r.level]
			}
			h, b := here[u], base[u.base]
			here[u], base[u.base] = count{h.n + 1, h.cost + r.cost}, count{b.n + 1, b.cost + r.cost}
		}
		enough := func(c count) bool { return c.n >= int64(max(1, p.MinCases)) }
		for u, c := range here {
			if enough(c) {
				sharers[u.base]++
			}
		}
		for u, c := range here {
			if !enough(c) || sharers[u.base] < sharedBy {
				continue
			}
			t := units[u]
			if t == nil {
				t = &tally{}
				units[u] = t
			}
			b := base[u.base]
			t.groups++
			t.cases += c.n
			// Each term is rounded alone, so that the order of the groups cannot matter.
			expected := decimal.NewFromInt(b.cost).Mul(decimal.NewFromInt(c.n)).DivRound(decimal.NewFromInt(b.n), division)
			t.costs, t.base = t.costs.Add(decimal.NewFromInt(c.cost)), t.base.Add(expected)
			t.ratios = t.ratios.Add(decimal.NewFromInt(c.cost).Mul(decimal.NewFromInt(b.n)).DivRound(decimal.NewFromInt(b.cost), division))
		}
	}
	for u, t := range units {
		if u.name == "" {
			continue
		}
		c := Coefficient{Groups: t.groups, Cases: t.cases}
		if p.Method == ratioOfSums {
			c.Raw = t.costs.DivRound(t.base, division)
		} else {
			c.Raw = t.ratios.DivRound(decimal.NewFromInt(t.cases), division)
		}
		c.Value = c.Raw
		if p.Min != nil {
			c.Value = decimal.Max(c.Value, p.Min.Decimal)
		}
		if p.Max != nil {
			c.Value = decimal.Min(c.Value, p.Max.Decimal)
		}
		c.Raw, c.Value = c.Raw.Round(weightPlaces), c.Value.Round(places(l.p.Rounding.Ratio, defaultPlaces))
		if c.Level = u.name; p.Of == byOrg {
			c.Org, c.Level = u.name, u.base
		}
		out.Coefficients = append(out.Coefficients, c)
	}
	slices.SortFunc(out.Coefficients, func(a, b Coefficient) int {
		return cmp.Or(strings.Compare(a.Level, b.Level), strings.Compare(a.Org, b.Org))
	})
	for i, c := range out.Coefficients[:max(0, len(out.Coefficients)-1)] {
		if next := out.Coefficients[i+1]; c.Org != "" && c.Org == next.Org {
			return fault.New(fault.Invalid, "weigh: hospital %s has cases under two levels", c.Org)
		}
	}
	return nil
}

const division = 24

// BudgetResult is what a budget comes to.
type BudgetResult struct {
	Insurance    string           `json:"insurance"`
	Fund         decimal.Decimal  `json:"fund"`
	Ratio        decimal.Decimal  `json:"ratio"`
	Total        decimal.Decimal  `json:"total_cost_budget"`  // fund / reimbursement ratio
	ForWeights   decimal.Decimal  `json:"budget_for_weights"` // less what is paid by item, where the budget covers all
	Cases        decimal.Decimal  `json:"cases"`
	TotalWeight  decimal.Decimal  `json:"total_weight"`
	RegionalRate *decimal.Decimal `json:"regional_rate"`
	WeightedCost decimal.Decimal  `json:"weighted_cost"` // of past years by their weights
	BudgetRate   *decimal.Decimal `json:"budget_rate"`   // weighted cost / total weight: DIP's budget point
	Levels       []LevelResult    `json:"levels"`
}

// LevelResult is a level of hospital in a budget.
type LevelResult struct {
	Level     string           `json:"level"`
	Cases     decimal.Decimal  `json:"cases"` // predicted
	CMI       decimal.Decimal  `json:"cmi"`
	Weight    decimal.Decimal  `json:"weight"`
	PriorCost decimal.Decimal  `json:"prior_cost"`
	Share     decimal.Decimal  `json:"share"`
	Effective decimal.Decimal  `json:"mean_coefficient"` // of the coefficients, by weight
	Rate      *decimal.Decimal `json:"rate"`

	weight, effective, prior *big.Rat
}

// Rate is a row of the settlement parameters.
type Rate struct {
	Level     string          `json:"level,omitempty"`
	Insurance string          `json:"insurance,omitempty"`
	Value     decimal.Decimal `json:"value"`
}

// rates divides each budget by the weight it will have to pay for.
func (l *pool) rates(out *Result) error {
	if l.p.Rates == nil {
		return nil
	}
	weight := map[string]*big.Rat{}
	for i := range out.Groups {
		g := &out.Groups[i]
		weight[g.Code] = g.paidWeight(l.p, out.Mean)
	}
	for i := range l.p.Rates.Budgets {
		b, err := l.budget(out, &l.p.Rates.Budgets[i], weight)
		if err != nil {
			return err
		}
		out.Budgets = append(out.Budgets, b)
		if l.p.Rates.By == byRegion {
			if b.RegionalRate != nil {
				out.Rates = append(out.Rates, Rate{Insurance: b.Insurance, Value: *b.RegionalRate})
			}
			continue
		}
		for _, v := range b.Levels {
			if v.Rate != nil {
				out.Rates = append(out.Rates, Rate{Level: v.Level, Insurance: b.Insurance, Value: *v.Rate})
			}
		}
	}
	return nil
}

// volume is the cases of a level in the last year that a rate pays for.
type volume struct {
	count
	weight, effective *big.Rat
}

func (l *pool) budget(out *Result, b *Budget, weights map[string]*big.Rat) (BudgetResult, error) {
	r := BudgetResult{Insurance: b.Insurance, Fund: b.Fund.Decimal, Ratio: b.Ratio.Decimal}
	mine := func(ins int) bool { return b.Insurance == "" || l.inss.list[ins] == b.Insurance }
	levels := map[string]*volume{}
	coefficient := out.coefficientOf()
	var weighed, everything int64
	for key, c := range out.volumes.cells {
		if !mine(int(key.ins)) {
			continue
		}
		everything += c.cost
		w := weights[key.group]
		if w == nil {
			continue
		}
		weighed += c.cost
		name := l.levels.list[key.level]
		v := levels[name]
		if v == nil {
			v = &volume{weight: new(big.Rat), effective: new(big.Rat)}
			levels[name] = v
		}
		v.n += c.n
		v.cost += c.cost
		w = new(big.Rat).Mul(w, big.NewRat(c.n, 1))
		v.weight.Add(v.weight, w)
		v.effective.Add(v.effective, w.Mul(w, coefficient(l.orgs.list[key.org], name)))
	}
	for key, cost := range l.aside {
		if mine(key.ins) && l.last(key.year) {
			everything += cost
		}
	}
	total := new(big.Rat).Quo(rat(b.Fund.Decimal), rat(b.Ratio.Decimal))
	r.Total = toDecimal(total, l.moneyPlaces())
	if l.p.Rates.Covers == coversAll && everything > 0 {
		total.Mul(total, big.NewRat(weighed, everything))
	}
	r.ForWeights = toDecimal(total, l.moneyPlaces())
	plans := b.Levels
	if len(plans) == 0 {
		for _, name := range slices.Sorted(maps.Keys(levels)) {
			plans = append(plans, LevelPlan{Level: name})
		}
	}
	all, effective, prior, cases := new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
	for i := range plans {
		v, n, err := l.level(&plans[i], levels[plans[i].Level])
		if err != nil {
			return r, fault.New(fault.Invalid, "rates.budgets: insurance %q: %w", b.Insurance, err)
		}
		all.Add(all, v.weight)
		effective.Add(effective, v.effective)
		prior.Add(prior, v.prior)
		cases.Add(cases, n)
		r.Levels = append(r.Levels, v)
	}
	r.Cases, r.TotalWeight = toDecimal(cases, weightPlaces), toDecimal(all, defaultPlaces)
	divide := func(money, weight *big.Rat) *decimal.Decimal {
		if weight.Sign() <= 0 {
			return nil
		}
		d := toDecimal(new(big.Rat).Quo(money, weight), l.valuePlaces())
		return &d
	}
	paidFor := all
	if l.p.Rates.Neutral {
		paidFor = effective
	}
	r.RegionalRate = divide(total, paidFor)
	past := l.pastCost(out.volumes, mine)
	r.WeightedCost, r.BudgetRate = toDecimal(past, l.moneyPlaces()), divide(past, paidFor)
	for i := range r.Levels {
		v := &r.Levels[i]
		if prior.Sign() <= 0 {
			continue
		}
		share := new(big.Rat).Quo(v.prior, prior)
		v.Share = toDecimal(share, weightPlaces)
		by := v.weight
		if l.p.Rates.Neutral {
			by = v.effective
		}
		v.Rate = divide(share.Mul(share, total), by)
	}
	return r, nil
}

// level is one level's prediction: what the plan states, and what the cases of the last year say for the rest.
func (l *pool) level(plan *LevelPlan, v *volume) (LevelResult, *big.Rat, error) {
	r := LevelResult{Level: plan.Level}
	if v == nil {
		if plan.Cases == nil || plan.CMI == nil || plan.PriorMeanCost == nil {
			return r, nil, fault.New(fault.Invalid, "level %q: no case of the last year is paid by weight there: state cases, cmi and prior_mean_cost", plan.Level)
		}
		v = &volume{weight: new(big.Rat), effective: new(big.Rat)}
	}
	cases := new(big.Rat)
	switch {
	case plan.Cases != nil:
		cases = rat(plan.Cases.Decimal)
	default:
		cases.SetInt64(v.n)
		if g := l.p.Rates.Growth; g != nil {
			cases.Mul(cases, rat(g.Add(decimal.NewFromInt(1))))
		}
	}
	cmi := new(big.Rat)
	switch {
	case plan.CMI != nil:
		cmi = rat(plan.CMI.Decimal)
	case v.n > 0:
		cmi.Quo(v.weight, big.NewRat(v.n, 1))
	}
	r.weight = new(big.Rat).Mul(cases, cmi)
	r.effective = new(big.Rat).Set(r.weight)
	if v.weight.Sign() > 0 {
		r.effective.Mul(r.effective, new(big.Rat).Quo(v.effective, v.weight))
	}
	r.prior = big.NewRat(v.cost, fen)
	if plan.PriorMeanCost != nil {
		r.prior = new(big.Rat).Mul(cases, rat(plan.PriorMeanCost.Decimal))
	}
	r.Cases, r.CMI, r.Weight = toDecimal(cases, weightPlaces), toDecimal(cmi, defaultPlaces), toDecimal(r.weight, defaultPlaces)
	r.PriorCost, r.Effective = toDecimal(r.prior, l.moneyPlaces()), decimal.NewFromInt(1)
	if r.weight.Sign() > 0 {
		r.Effective = toDecimal(new(big.Rat).Quo(r.effective, r.weight), weightPlaces)
	}
	return r, cases, nil
}

// pastCost is the total cost of the years by their weights, in yuan.
func (l *pool) pastCost(v *volumes, mine func(int) bool) *big.Rat {
	total, weights := new(big.Rat), new(big.Rat)
	costs := map[int]int64{}
	for key, cost := range v.byYear {
		if mine(key.ins) {
			costs[max(0, l.yearIndex(key.year))] += cost
		}
	}
	for i, cost := range costs {
		w := big.NewRat(1, 1)
		if len(l.years) > 0 {
			w = l.years[i].weight
		}
		total.Add(total, new(big.Rat).Mul(w, big.NewRat(cost, fen)))
		weights.Add(weights, w)
	}
	if weights.Sign() == 0 {
		return total
	}
	return total.Quo(total, weights)
}

// coefficientOf finds the coefficient that settlement will find for a hospital of a level.
func (r *Result) coefficientOf() func(org, level string) *big.Rat {
	orgs, levels, one := map[string]*big.Rat{}, map[string]*big.Rat{}, big.NewRat(1, 1)
	for _, c := range r.Coefficients {
		if c.Org != "" {
			orgs[c.Org] = rat(c.Value)
		} else {
			levels[c.Level] = rat(c.Value)
		}
	}
	return func(org, level string) *big.Rat {
		if v := orgs[org]; v != nil {
			return v
		}
		if v := levels[level]; v != nil {
			return v
		}
		return one
	}
}

func (l *pool) moneyPlaces() int32 { return places(l.p.Rounding.Money, moneyPlaces) }

// valuePlaces: a rate for a weight is money; the value of a point has more places.
func (l *pool) valuePlaces() int32 {
	if l.p.Scheme == settle.SchemeDRG {
		return l.moneyPlaces()
	}
	return places(l.p.Rounding.Point, defaultPlaces)
}
