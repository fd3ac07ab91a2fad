package queries

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// ask resolves one indicator: its measures become leaves of scans.
func (p *Plan) ask(x *Indicator) (*question, error) {
	q := &question{indicator: x, viewpoint: x.Viewpoint, leaves: map[string]*leaf{}, arrivals: map[string]*arrival{}}
	if v := p.req.Viewpoint; v != "" {
		if !slices.Contains([]string{schema.Care, schema.Insured, schema.Residence}, v) {
			return nil, fault.New(fault.Usage, "viewpoint %q: one of care, insured, residence", v)
		}
		q.viewpoint = v
	}
	if !p.scope.looksFrom(q.viewpoint) {
		return nil, fault.New(fault.Denied, "indicator %s counts from viewpoint %s, and your scope is pinned to %s; ask it with viewpoint %s", x.ID, q.viewpoint, p.scope.pinned, p.scope.pinned)
	}
	if err := p.choose(x); err != nil {
		return nil, err
	}
	for _, cmp := range p.compare {
		if cmp.perDay && (x.denominator != nil || x.Model != nil || !p.adds(x)) {
			return nil, fault.New(fault.Usage, "comparison %s: %s is not a sum; a figure per calendar day means nothing", cmp.Name, x.ID)
		}
		if x.Model != nil {
			return nil, fault.New(fault.Usage, "comparison %s: %s is a signal, not a figure", cmp.Name, x.ID)
		}
	}
	if x.Model != nil && (p.grain == Total || p.grain == AnyGrain) {
		return nil, fault.New(fault.Usage, "indicator %s runs on a series; ask it by day, week or month", x.ID)
	}
	all := p.catalog.MeasuresOf(x)
	for _, w := range p.windows {
		for _, f := range x.formulas() {
			if err := p.need(q, f, w, all, false); err != nil {
				return nil, err
			}
		}
		if x.Model != nil {
			for i := 1; i <= x.Model.reach(); i++ {
				if err := p.need(q, x.Model.series, p.before(w, i), all, false); err != nil {
					return nil, err
				}
			}
		}
		for _, cmp := range p.compare {
			current, base, ok := cmp.sides(w, p.grain, p.now)
			if !ok {
				continue
			}
			for _, f := range x.formulas() {
				if err := errors.Join(p.need(q, f, current, all, false), p.need(q, f, base, all, false)); err != nil {
					return nil, err
				}
			}
		}
	}
	return q, nil
}

// adds reports an indicator that is a sum of sums: nothing but measures that add, added and subtracted.
func (p *Plan) adds(x *Indicator) bool {
	linear := true
	walkFormula(x.numerator, func(f formula) {
		switch f := f.(type) {
		case operation:
			_, left := f.l.(constant)
			_, right := f.r.(constant)
			linear = linear && (f.op == '+' || f.op == '-' || right || left && f.op == '*')
		case changeOf, peakOver, atLeast, elapsed:
			linear = false
		case reference:
			if y, ok := p.catalog.indicators[string(f)]; ok {
				linear = linear && y.denominator == nil && y.Model == nil && p.adds(y)
			}
		}
	})
	if !linear {
		return false
	}
	for _, m := range p.catalog.MeasuresOf(x) {
		if m.Additivity != Add {
			return false
		}
	}
	return true
}

// before is the window n units before w.
func (p *Plan) before(w Window, n int) Window {
	from := p.grain.add(w.From, -n)
	return window(from, p.grain.next(from), p.now)
}

// need registers the leaves of a formula for a window.
func (p *Plan) need(q *question, f formula, w Window, all []*Measure, peak bool) error {
	switch f := f.(type) {
	case reference:
		if m, ok := p.catalog.measures[string(f)]; ok {
			return p.leafOf(q, m, w, all, peak)
		}
		for _, g := range p.catalog.indicators[string(f)].formulas() {
			if err := p.need(q, g, w, all, peak); err != nil {
				return err
			}
		}
	case negation:
		return p.need(q, f.of, w, all, peak)
	case operation:
		if err := p.need(q, f.l, w, all, peak); err != nil {
			return err
		}
		return p.need(q, f.r, w, all, peak)
	case atLeast:
		if err := p.need(q, f.of, w, all, peak); err != nil {
			return err
		}
		return p.need(q, f.limit, w, all, peak)
	case peakOver:
		return p.need(q, f.of, w, all, true)
	case changeOf:
		cmp, err := parseComparison(f.comparison)
		if err != nil {
			return err
		}
		if err := cmp.fits(p.grain); err != nil {
			return err
		}
		if err := p.need(q, f.of, w, all, peak); err != nil {
			return err
		}
		if _, base, ok := cmp.sides(w, p.grain, p.now); ok {
			return p.need(q, f.of, base, all, peak)
		}
	}
	return nil
}

func (p *Plan) leafOf(q *question, m *Measure, w Window, all []*Measure, peak bool) error {
	name := m.ID
	if peak {
		name = "peak:" + name
	}
	l, ok := q.leaves[name]
	if !ok {
		var err error
		if l, err = p.newLeaf(q, m, all, peak); err != nil {
			return err
		}
		q.leaves[name] = l
		if err := p.arrivalOf(q, m); err != nil {
			return err
		}
	}
	// What was asked must be whole months; the base of an unfinished month may end within one, and takes all of it.
	if m.TimeKind == Monthly && (p.grain < Month || p.period.From.Day() != 1 || p.period.To.Day() != 1) {
		return fault.New(fault.Usage, "measure %s is by month (%s.%s): ask whole months", m.ID, m.From, m.Time)
	}
	if p.grain == Hour && m.Clock == "" && m.Time != "" {
		return fault.New(fault.Usage, "measure %s has no clock: %s.%s is a whole day; ask by day", m.ID, m.From, m.Time)
	}
	if m.Time == "" && m.Until == "" && p.req.Period != "" {
		return fault.New(fault.Usage, "measure %s: table %s has no date; ask without a period", m.ID, m.From)
	}
	addWindow(l.scan, w)
	if a := q.arrivals[arrivesAs(m.table)]; a != nil {
		addWindow(a.came.scan, deliveryWindow(w))
		addWindow(a.came.scan, a.presence(w))
	}
	return nil
}

func addWindow(s *scan, w Window) {
	if !slices.Contains(s.windows, w) {
		s.windows = append(s.windows, w)
	}
}

// newLeaf resolves a measure's dimensions and filters and puts it on a scan.
func (p *Plan) newLeaf(q *question, m *Measure, all []*Measure, peak bool) (*leaf, error) {
	s := &scan{
		table: m.table, kind: m.TimeKind, time: m.Time, until: m.Until, clock: m.Clock, totals: p.req.Totals && len(p.req.By) > 0, peak: peak, view: q.viewpoint,
	}
	if m.StockAtEnd != nil {
		s.stock = m.StockAtEnd.By
	}
	for i, name := range p.req.By {
		at, err := p.resolve(name, m, all, q.viewpoint)
		if err != nil {
			return nil, err
		}
		s.dims = append(s.dims, dim{place: at, at: i})
	}
	for _, name := range sortedKeys(p.req.Where) {
		at, err := p.resolve(name, m, all, q.viewpoint)
		if err != nil {
			return nil, err
		}
		s.filters = append(s.filters, filter{dim: dim{place: at}, values: p.req.Where[name]})
	}
	if m.Workdays != nil {
		s.work = m.Workdays
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%s|%s|%s|%s|%s|%v|%v|%v|%v|", m.From, m.TimeKind, m.Time, m.Until, m.Clock, s.stock, s.totals, peak, s.work)
	for _, d := range s.dims {
		fmt.Fprintf(&key, "%v;", d.place)
	}
	for _, f := range s.filters {
		fmt.Fprintf(&key, "%v%q;", f.place, f.values)
	}
	if len(p.scope.regions) > 0 {
		key.WriteString(q.viewpoint)
	}
	for _, alias := range sortedKeys(m.Join) {
		if t, ok := p.catalog.set.Table(m.Join[alias].Table); ok && t.Kind != schema.Dim {
			fmt.Fprintf(&key, "join %s %s;", t.Name, m.Join[alias].On)
		}
	}
	if peak {
		key.WriteString(m.ID)
	}
	s.key = key.String()
	for _, have := range p.scans {
		if have.key == s.key {
			for _, l := range have.leaves {
				if l.measure == m {
					return l, nil
				}
			}
			l := &leaf{measure: m, peak: peak, scan: have}
			have.leaves = append(have.leaves, l)
			return l, nil
		}
	}
	l := &leaf{measure: m, peak: peak, scan: s}
	s.leaves = append(s.leaves, l)
	p.scans = append(p.scans, s)
	return l, nil
}

// resolve finds a dimension for a measure; where another table of the same indicator calls the column so, this table's
// column of the same role stands for it (domain/clarifications 13).
func (p *Plan) resolve(name string, m *Measure, all []*Measure, viewpoint string) (place, error) {
	t := m.table
	if _, own := t.Column(name); !own && t.Roles[name] == "" {
		for _, other := range all {
			for _, role := range sortedKeys(other.table.Roles) {
				if other.table.Roles[role] != name || t.Roles[role] == "" {
					continue
				}
				at, err := p.catalog.find(t.Roles[role], t, m, viewpoint)
				at.name = name
				return at, err
			}
		}
	}
	return p.catalog.find(name, t, m, viewpoint)
}
