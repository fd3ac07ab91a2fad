package queries

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Answer is what a question gets: one row per indicator, period and group.
type Answer struct {
	Publication int64
	By          []string     // dimensions in the order asked; each is a column
	Compare     []Comparison // comparisons in the order asked; each makes base_, change_ and points_
	Choices     []Choice     // of tables in which several methods stand, which was counted
	Rows        []Row
}

// Row is one figure. Nil means that there is none: nothing was delivered, the base is missing, or it is hidden.
type Row struct {
	Indicator    string
	Period       string    // in the form that was asked
	Start        time.Time // first moment of the period, wall clock of the lake's zone; zero without a period
	Dims         []any     // by By: string, int64, bool, float64 or nil
	Total        []string  // dimensions that this row adds up
	Value        *float64
	Numerator    *float64
	Denominator  *float64
	Unit         string
	Compared     []Compared // by Compare
	Partial      bool       // the period is not over
	Provisional  bool       // a window that the definition needs is not over
	Completeness *float64   // share of the expected deliveries that have come, 0 to 1
	Suppressed   bool
	Suppression  string  // primary: too few cases; secondary: would give another away
	At           string  // the hour of a peak
	Signal       *Signal // what a model saw
}

// Compared is a figure beside its base.
type Compared struct {
	BasePeriod string
	Current    *float64 // what is compared, where it is not the row's value (year to date, per day)
	Base       *float64
	Change     *float64 // percent
	Points     *float64 // percentage points, for shares
}

// Signal is what a detection model saw.
type Signal struct {
	Observed, Mean, SD, Upper *float64
	Alarm                     bool
}

// answer puts the rows together, in the order of the question: indicator, period, group.
func (p *Plan) answer(r *result) *Answer {
	a := &Answer{Rows: make([]Row, 0, len(p.question)*len(p.windows)*max(1, len(r.groups))), Publication: r.publication, By: p.req.By, Compare: p.compare, Choices: p.choicesMade()}
	groups := p.groupsOf(r)
	byKey := map[string]group{}
	for _, g := range groups {
		byKey[g.key()] = g
	}
	for _, q := range p.question {
		as := p.asker(q)
		memo := map[Window]map[string]*figure{}
		figures := func(w Window) map[string]*figure {
			if memo[w] == nil {
				cells := make(map[string]*figure, len(groups))
				for _, g := range groups {
					f := as.figureOf(w, g)
					cells[g.key()] = &f
				}
				if p.req.MinCell > 0 && len(p.req.By) > 0 {
					hide(cells, byKey, len(p.req.By))
				}
				memo[w] = cells
			}
			return memo[w]
		}
		for i, w := range p.windows {
			for _, g := range groups {
				a.Rows = append(a.Rows, p.row(as, w, p.labels[i], g, figures))
			}
		}
	}
	return a
}

// groupsOf lists the groups that any statement named: single values first, then margins, then the grand total.
func (p *Plan) groupsOf(r *result) []group {
	if len(p.req.By) == 0 {
		return []group{{values: []any{}, total: []bool{}}}
	}
	if p.req.Totals { // the grand total stands even where nothing was found
		all := group{values: make([]any, len(p.req.By)), total: make([]bool, len(p.req.By))}
		for i := range all.total {
			all.total[i] = true
		}
		all.id = all.key()
		r.groups[all.id] = all
	}
	out := make([]group, 0, len(r.groups))
	for _, key := range sortedKeys(r.groups) {
		out = append(out, r.groups[key])
	}
	slices.SortStableFunc(out, compareGroups)
	return out
}

func compareGroups(a, b group) int {
	count := func(g group) int {
		n := 0
		for _, t := range g.total {
			n += btoi(t)
		}
		return n
	}
	if d := count(a) - count(b); d != 0 {
		return d
	}
	for i := range a.values {
		if d := compareValues(a.values[i], b.values[i], a.total[i], b.total[i]); d != 0 {
			return d
		}
	}
	return 0
}

func compareValues(a, b any, aTotal, bTotal bool) int {
	if aTotal != bTotal {
		return 1 - 2*btoi(bTotal)
	}
	if (a == nil) != (b == nil) { // nulls last
		return 1 - 2*btoi(b == nil)
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return int(max(-1, min(1, x-y)))
		}
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func (p *Plan) row(as *asker, w Window, label string, g group, figures func(Window) map[string]*figure) Row {
	x := as.question.indicator
	f := figures(w)[g.key()]
	r := Row{
		Indicator: x.ID, Period: label, Unit: x.Unit, Partial: w.partial(), Completeness: as.completeness(w, g).pointer(),
		Dims: make([]any, len(g.values)), Total: []string{}, Compared: make([]Compared, len(p.compare)),
	}
	if !p.period.IsZero() {
		r.Start = w.From
	}
	for i, v := range g.values {
		if g.total[i] {
			r.Total = append(r.Total, p.req.By[i])
			continue
		}
		if t, ok := v.(time.Time); ok {
			v = strings.TrimSuffix(t.Format("2006-01-02 15:04:05"), " 00:00:00")
		}
		r.Dims[i] = v
	}
	r.Provisional = as.late > 0 && w.To.AddDate(0, 0, as.late).After(p.now)
	r.Suppressed = f.hidden()
	switch {
	case f.small:
		r.Suppression = "primary"
	case f.secondary:
		r.Suppression = "secondary"
	default:
		r.Value, r.Numerator, r.Denominator = f.value.pointer(), f.numerator.pointer(), f.denominator.pointer()
		if s := f.detail; s != nil {
			r.Signal = &Signal{Observed: s.observed.pointer(), Mean: s.mean.pointer(), SD: s.sd.pointer(), Upper: s.upper.pointer(), Alarm: s.alarm}
		}
		if !f.at.IsZero() {
			r.At = f.at.Format("15:04")
			if w.To.Sub(w.From) > 24*time.Hour {
				r.At = f.at.Format("2006-01-02 15:04")
			}
		}
	}
	for i, cmp := range p.compare {
		r.Compared[i] = p.compared(cmp, x, w, g, figures)
	}
	return r
}

func (p *Plan) compared(cmp Comparison, x *Indicator, w Window, g group, figures func(Window) map[string]*figure) Compared {
	current, base, ok := cmp.sides(w, p.grain, p.now)
	if !ok {
		return Compared{}
	}
	out := Compared{BasePeriod: p.spanLabel(base)}
	key := g.key()
	c, b := figures(current)[key], figures(base)[key]
	if c.hidden() || b.hidden() {
		return out
	}
	cv, bv := c.value, b.value
	if cmp.perDay {
		cv, bv = current.perDay(cv), base.perDay(bv)
	}
	if cmp.perDay || current != w {
		out.Current = cv.pointer()
	}
	percent, points := change(cv, bv)
	out.Base, out.Change = bv.pointer(), percent.pointer()
	if x.share() {
		out.Points = points.pointer()
	}
	return out
}

// spanLabel writes a base period in the form of the grain, or as first and last day.
func (p *Plan) spanLabel(w Window) string {
	if p.grain != Total && p.grain.floor(w.From).Equal(w.From) && p.grain.next(w.From).Equal(w.To) {
		return p.grain.label(w.From)
	}
	last := Day.floor(w.To.Add(-time.Nanosecond))
	return Day.label(w.From) + ".." + Day.label(last)
}

// Columns are the names of the answer's columns, in order, for every format.
func (a *Answer) Columns() []string {
	cols := append([]string{"indicator", "period", "period_start"}, a.By...)
	cols = append(cols, "total", "value", "numerator", "denominator", "unit")
	for _, c := range a.Compare {
		cols = append(cols, "base_"+c.Name, "change_"+c.Name, "points_"+c.Name, "base_period_"+c.Name)
		if c.perDay || c.base == "ytd_yoy" {
			cols = append(cols, "value_"+c.Name)
		}
	}
	cols = append(cols, "partial", "provisional", "completeness", "suppressed", "suppression", "at")
	if a.hasSignals() {
		cols = append(cols, "observed", "mean", "sd", "upper", "alarm")
	}
	return cols
}

func (a *Answer) hasSignals() bool {
	return slices.ContainsFunc(a.Rows, func(r Row) bool { return r.Signal != nil })
}

// Cells are a row's values in the order of Columns: nil, string, float64, int64, bool, time.Time or []string.
func (a *Answer) Cells(r *Row) []any {
	out := []any{r.Indicator, text(r.Period), nil}
	if !r.Start.IsZero() {
		out[2] = r.Start
	}
	out = append(out, r.Dims...)
	out = append(out, r.Total, figureCell(r.Value), figureCell(r.Numerator), figureCell(r.Denominator), r.Unit)
	for i, c := range a.Compare {
		v := r.Compared[i]
		out = append(out, figureCell(v.Base), figureCell(v.Change), figureCell(v.Points), text(v.BasePeriod))
		if c.perDay || c.base == "ytd_yoy" {
			out = append(out, figureCell(v.Current))
		}
	}
	out = append(out, r.Partial, r.Provisional, figureCell(r.Completeness), r.Suppressed, text(r.Suppression), text(r.At))
	if a.hasSignals() {
		s := r.Signal
		if s == nil {
			return append(out, nil, nil, nil, nil, nil)
		}
		out = append(out, figureCell(s.Observed), figureCell(s.Mean), figureCell(s.SD), figureCell(s.Upper), s.Alarm)
	}
	return out
}

func figureCell(p *float64) any {
	if p == nil {
		return nil
	}
	return *p
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// MarshalJSON writes the command line contract's shape; a missing value is an explicit null.
func (a *Answer) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"publication":%d,`, a.Publication)
	if len(a.Choices) > 0 {
		choices, err := json.Marshal(a.Choices)
		if err != nil {
			return nil, fmt.Errorf("answer: choices: %w", err)
		}
		fmt.Fprintf(&b, `"choices":%s,`, choices)
	}
	b.WriteString(`"rows":[`)
	cols := a.Columns()
	for i := range a.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n{")
		for j, v := range a.Cells(&a.Rows[i]) {
			if t, ok := v.(time.Time); ok {
				v = t.Format("2006-01-02T15:04:05")
			}
			cell, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("answer: row %d column %s: %w", i+1, cols[j], err)
			}
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q:", cols[j])
			b.Write(cell)
		}
		b.WriteByte('}')
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), nil
}
