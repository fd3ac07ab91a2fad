package queries

import (
	"fmt"
	"slices"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// part is one statement of a plan and how its rows are read.
type part struct {
	scan      *scan
	statement Statement
	form      form
	grain     Grain    // byBucket
	slots     []Window // by slot number
	cases     bool     // a count of rows stands beside each measure
}

// form is how rows are told to windows.
type form int

const (
	byBucket form = iota // windows are calendar units: date_trunc
	single               // one window: WHERE
	byCase               // a few windows that do not overlap: CASE
	bySlot               // any windows: a join with a list of them
)

// maxCases is the most windows that a CASE spells out.
const maxCases = 24

// print turns every scan into statements of the dialect.
func (p *Plan) print() error {
	for _, s := range p.scans {
		if err := p.link(s); err != nil {
			return err
		}
		for _, group := range p.forms(s) {
			w := &writer{plan: p, scan: s, part: group, d: p.dialect, params: &expr.Params{}}
			sql, err := w.statement()
			if err != nil {
				if fault.KindOf(err) == fault.Usage { // a value of the question that its column cannot have
					return fmt.Errorf("table %s: %w", s.table.Name, err)
				}
				return fault.New(fault.Internal, "table %s: %w", s.table.Name, err)
			}
			group.statement = Statement{SQL: sql, Args: w.params.Values, Uses: w.uses(sql), Publication: p.req.Publication, MaxRows: p.req.MaxRows}
			if group.statement.MaxRows == 0 {
				group.statement.MaxRows = 1_000_000
			}
			p.parts = append(p.parts, group)
		}
	}
	return nil
}

// Statements lists what the plan runs, in order.
func (p *Plan) Statements() []Statement {
	out := make([]Statement, 0, len(p.parts))
	for _, g := range p.parts {
		out = append(out, g.statement)
	}
	return out
}

// forms chooses the fewest and cheapest statements for the windows of a scan.
func (p *Plan) forms(s *scan) []*part {
	cases := p.req.MinCell > 0 && s.table.Name != deliveries
	rest := slices.Clone(s.windows)
	slices.SortFunc(rest, func(a, b Window) int {
		return firstNonZero(a.From.Compare(b.From), a.Until.Compare(b.Until), a.AsOf.Compare(b.AsOf), a.To.Compare(b.To))
	})
	if len(rest) == 1 {
		return []*part{{scan: s, form: single, slots: rest, cases: cases}}
	}
	stock := s.kind == Open || s.kind == Version || s.asksToday()
	if !stock {
		best, most := AnyGrain, 0
		for g := Hour; g <= Year; g++ {
			n := 0
			for _, w := range rest {
				if p.aligned(w, g) {
					n++
				}
			}
			if n > most {
				best, most = g, n
			}
		}
		if disjoint(rest) && most < len(rest) && len(rest) <= maxCases {
			return []*part{{scan: s, form: byCase, slots: rest, cases: cases}}
		}
		if most > 1 {
			var out []*part
			var bucket, other []Window
			for _, w := range rest {
				if p.aligned(w, best) {
					bucket = append(bucket, w)
				} else {
					other = append(other, w)
				}
			}
			out = append(out, &part{scan: s, form: byBucket, grain: best, slots: bucket, cases: cases})
			switch {
			case len(other) == 1:
				out = append(out, &part{scan: s, form: single, slots: other, cases: cases})
			case len(other) > 1 && disjoint(other) && len(other) <= maxCases:
				out = append(out, &part{scan: s, form: byCase, slots: other, cases: cases})
			case len(other) > 1:
				out = append(out, &part{scan: s, form: bySlot, slots: other, cases: cases})
			}
			return out
		}
	}
	return []*part{{scan: s, form: bySlot, slots: rest, cases: cases}}
}

func firstNonZero(ns ...int) int {
	for _, n := range ns {
		if n != 0 {
			return n
		}
	}
	return 0
}

// aligned reports a window that is a calendar unit, cut by nothing but the moment of asking.
func (p *Plan) aligned(w Window, g Grain) bool {
	want := window(w.From, w.To, p.now)
	return g.floor(w.From).Equal(w.From) && g.next(w.From).Equal(w.To) && w.Until.Equal(want.Until)
}

func disjoint(sorted []Window) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i].From.Before(sorted[i-1].Until) {
			return false
		}
	}
	return true
}

func (s *scan) asksToday() bool {
	return slices.ContainsFunc(s.leaves, func(l *leaf) bool { return l.measure.today })
}
