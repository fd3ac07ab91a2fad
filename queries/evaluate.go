package queries

import (
	"strings"
	"time"
)

// figure is one indicator in one window and group.
type figure struct {
	value, numerator, denominator number
	cases                         float64 // fewest rows behind a part that is not empty
	small                         bool    // fewer cases than may be shown
	secondary                     bool    // hidden because it would give a small one away
	at                            time.Time
	detail                        *signal
}

// asker evaluates one question's formulas on what the statements gave.
type asker struct {
	plan     *Plan
	question *question
	late     int        // longest time after a period for which a measure's figure may still change, days
	arrivals []*arrival // by table

	window Window         // whose deliveries are
	came   []deliverySums // one for each of arrivals
}

// deliverySums are those of one window by group, in the dimensions that deliveries know.
type deliverySums map[string]arrivalSum

func (p *Plan) asker(q *question) *asker {
	a := &asker{plan: p, question: q}
	for _, m := range p.catalog.MeasuresOf(q.indicator) {
		a.late = max(a.late, m.provisionalDays())
	}
	for _, name := range sortedKeys(q.arrivals) {
		a.arrivals = append(a.arrivals, q.arrivals[name])
	}
	return a
}

// figureOf evaluates an indicator. Numerator and denominator are whole before they are divided; the scale is multiplied
// first, so that 33.33 % is as exact as it can be.
func (a *asker) figureOf(w Window, g group) figure {
	x := a.question.indicator
	if !w.Until.After(w.From) { // what has not begun has no figure, not even 0
		return figure{}
	}
	if x.Model != nil {
		return a.signalOf(x.Model, w, g)
	}
	var f figure
	f.numerator = a.eval(x.numerator, w, g)
	f.value = f.numerator
	if x.denominator != nil {
		f.denominator = a.eval(x.denominator, w, g)
		f.value = quotient(f.numerator, f.denominator, x.scale())
	} else if f.value.ok {
		f.value.v *= x.scale()
	}
	if p, ok := x.numerator.(peakOver); ok {
		if c, ok := a.cellOf("peak:"+string(p.of), w, g); ok {
			f.at = c.at
		}
	}
	if n := a.plan.req.MinCell; n > 0 && x.Suppression != "no" {
		f.cases, f.small = a.smallest(x, w, g, float64(n))
	}
	return f
}

// quotient is scale·n/d: 0/n is 0, 0/0 and n/0 are nothing.
func quotient(n, d number, scale float64) number {
	if !n.ok || !d.ok || d.v == 0 {
		return number{}
	}
	return num(n.v * scale / d.v)
}

func (a *asker) eval(f formula, w Window, g group) number {
	switch f := f.(type) {
	case constant:
		return num(float64(f))
	case elapsed:
		return elapsedOf(string(f), w)
	case reference:
		if m, ok := a.plan.catalog.measures[string(f)]; ok {
			return a.measureOf(m.ID, w, g)
		}
		x := a.plan.catalog.indicators[string(f)]
		v := a.eval(x.numerator, w, g)
		if x.denominator != nil {
			return quotient(v, a.eval(x.denominator, w, g), x.scale())
		}
		v.v *= x.scale()
		return v
	case negation:
		v := a.eval(f.of, w, g)
		return number{-v.v, v.ok}
	case atLeast:
		of, limit := a.eval(f.of, w, g), a.eval(f.limit, w, g)
		return number{float64(btoi(of.v >= limit.v)), of.ok && limit.ok}
	case peakOver:
		return a.measureOf("peak:"+string(f.of), w, g)
	case changeOf:
		return a.changeIn(f, w, g)
	case operation:
		l, r := a.eval(f.l, w, g), a.eval(f.r, w, g)
		if !l.ok || !r.ok {
			return number{}
		}
		switch f.op {
		case '+':
			return num(l.v + r.v)
		case '-':
			return num(l.v - r.v)
		case '*':
			return num(l.v * r.v)
		default:
			return quotient(l, r, 1)
		}
	default:
		return number{}
	}
}

// changeIn is the relative change of a formula to its base, as a part.
func (a *asker) changeIn(f changeOf, w Window, g group) number {
	cmp, err := parseComparison(f.comparison)
	if err != nil {
		return number{}
	}
	current, base, ok := cmp.sides(w, a.plan.grain, a.plan.now)
	if !ok {
		return number{}
	}
	percent, _ := change(a.eval(f.of, current, g), a.eval(f.of, base, g))
	return number{percent.v / 100, percent.ok}
}

func elapsedOf(name string, w Window) number {
	switch name {
	case "elapsed_hours":
		return num(w.hours())
	case "elapsed_days":
		return num(w.days())
	case "elapsed_months":
		return num(w.months())
	default:
		return num(w.share())
	}
}

// measureOf is a measure's figure. Nothing found is 0 where something was delivered, else nothing.
func (a *asker) measureOf(leafName string, w Window, g group) number {
	l := a.question.leaves[leafName]
	c, found := a.cellOf(leafName, w, g)
	if found && c.value.ok {
		return c.value
	}
	if !l.measure.sums() {
		return number{}
	}
	if found || a.delivered(l.measure, w, g) {
		return num(0)
	}
	return number{}
}

func (a *asker) cellOf(leafName string, w Window, g group) (cell, bool) {
	l := a.question.leaves[leafName]
	if l == nil {
		return cell{}, false
	}
	c, ok := l.cells[w][g.key()]
	return c, ok
}

// delivered reports whether anything of a measure's table came for a window and group.
func (a *asker) delivered(m *Measure, w Window, g group) bool {
	arr := a.question.arrivals[arrivesAs(m.table)]
	if arr == nil || !a.tells(arr, g) {
		return false
	}
	return arr.within(arr.presence(w))[arr.keyOf(g)].came > 0
}

// completeness is the share of expected deliveries that came, over the tables of the indicator; nothing where nothing
// was expected.
func (a *asker) completeness(w Window, g group) number {
	if a.came == nil || a.window != w {
		a.window, a.came = w, nil
		for _, arr := range a.arrivals {
			a.came = append(a.came, arr.within(deliveryWindow(w)))
		}
	}
	var expected, arrived float64
	for i, arr := range a.arrivals {
		if !a.tells(arr, g) {
			continue
		}
		s := a.came[i][arr.keyOf(g)]
		expected += s.expected
		arrived += s.arrived
	}
	if expected == 0 {
		return number{}
	}
	return num(arrived / expected)
}

// tells reports whether the asker may know what was delivered for a group. Insured and resident people are treated
// everywhere, so that a region's figures are complete when all organisations have delivered; but of organisations that
// are asked for by themselves only those are told that had to do with the region's people
// (docs/decisions/2026-11-23-completeness-beyond-the-region.md).
func (a *asker) tells(arr *arrival, g group) bool {
	if !arr.beyond {
		return true
	}
	key := g.key()
	for _, l := range a.question.leaves {
		for _, found := range l.cells {
			if _, ok := found[key]; ok {
				return true
			}
		}
	}
	return false
}

// within adds up the deliveries of a window, once.
func (arr *arrival) within(w Window) deliverySums {
	if arr.sums == nil {
		arr.sums = map[Window]deliverySums{}
	}
	byGroup := arr.sums[w]
	if byGroup == nil {
		byGroup = arr.margins(w)
		arr.sums[w] = byGroup
	}
	return byGroup
}

// keyOf is the key of a group in the dimensions that deliveries know.
func (arr *arrival) keyOf(g group) string {
	if len(arr.dims) == len(g.values) { // all of them
		return g.key()
	}
	sub := group{values: make([]any, len(arr.dims)), total: make([]bool, len(arr.dims))}
	for i, at := range arr.dims {
		if at < len(g.values) {
			sub.values[i], sub.total[i] = g.values[at], g.total[at]
		}
	}
	return sub.key()
}

// margins adds every combination of dimensions up, from the finest rows: deliveries are few.
func (arr *arrival) margins(w Window) deliverySums {
	out := make(deliverySums, len(arr.came.cells[w]))
	add := func(l *leaf, into func(*arrivalSum, float64)) {
		for key, c := range l.cells[w] {
			if !arr.totals {
				s := out[key]
				into(&s, c.value.v)
				out[key] = s
				continue
			}
			parts := splitKey(key)
			for mask := range 1 << len(parts) {
				var b strings.Builder
				for i, part := range parts {
					if mask>>i&1 == 1 {
						part = "*|"
					}
					b.WriteString(part)
				}
				k := b.String()
				s := out[k]
				into(&s, c.value.v)
				out[k] = s
			}
		}
	}
	add(arr.came, func(s *arrivalSum, v float64) { s.came += v })
	add(arr.expected, func(s *arrivalSum, v float64) { s.expected += v })
	add(arr.arrived, func(s *arrivalSum, v float64) { s.arrived += v })
	return out
}

// splitKey splits a group's key into its dimensions.
func splitKey(key string) []string {
	var out []string
	for len(key) > 0 {
		n := 2 // "*|" or "-|"
		if key[0] == '=' {
			size, i := 0, 1
			for ; key[i] != ':'; i++ {
				size = size*10 + int(key[i]-'0')
			}
			n = i + 1 + size + 1
		}
		out = append(out, key[:n])
		key = key[n:]
	}
	return out
}
