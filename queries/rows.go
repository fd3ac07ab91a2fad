package queries

import (
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/schema/expr"
)

// from is the scan's table with what decides its rows.
func (w *writer) from() string {
	table := w.ident(w.scan.table.Name)
	if w.scan.kind == Version {
		table = "base_version"
	}
	text := "FROM " + table + " AS base"
	if w.part.form == bySlot {
		text += "\nJOIN slot\n    ON " + strings.Join(w.slotJoin(), "\n    AND ")
	}
	return text
}

// slotJoin are the conditions by which a row belongs to a window of the list.
func (w *writer) slotJoin() []string {
	s := w.scan
	switch {
	case s.kind == Open || s.kind == Version:
		return w.holds("slot.as_of")
	case s.kind == Monthly:
		return []string{w.day() + " >= slot.from_date", w.day() + " < slot.to_date"}
	case s.time == "":
		return []string{"slot.slot >= 0"}
	default:
		out := []string{w.day() + " >= slot.from_date", w.day() + " < slot.to_date"}
		if slices.ContainsFunc(w.part.slots, func(win Window) bool { return !isMidnight(win.Until) }) {
			out = append(out, w.moment("base", s.time, s.clock)+" < slot.until_time")
		}
		return out
	}
}

// holds are the conditions of a row that lasts: it holds on the day asked.
func (w *writer) holds(asOf string) []string {
	s := w.scan
	if s.kind == Version {
		if _, dated := s.table.Column("valid_from"); !dated {
			return []string{"1 = 1"}
		}
		return []string{"base.valid_from <= " + asOf, "base.valid_until > " + asOf}
	}
	var out []string
	if s.time != "" {
		out = append(out, w.dayOf("base", s.time)+" <= "+asOf)
	}
	if s.until != "" {
		out = append(out, "("+w.col("base", s.until)+" IS NULL OR "+w.dayOf("base", s.until)+" > "+asOf+")")
	}
	return out
}

// day is the scan's date.
func (w *writer) day() string {
	if w.scan.kind == Monthly {
		return "CAST(" + w.col("base", w.scan.time) + " || '-01' AS DATE)"
	}
	return w.dayOf("base", w.scan.time)
}

func (w *writer) dayOf(alias, column string) string {
	if c, ok := w.scan.table.Column(column); ok && c.Type.Kind == expr.Timestamp {
		return "CAST(" + w.col(alias, column) + " AS DATE)"
	}
	return w.col(alias, column)
}

// moment is the row's time of day: its clock, or midnight where it has none.
func (w *writer) moment(alias, day, clock string) string {
	if clock == "" {
		return "CAST(" + w.col(alias, day) + " AS TIMESTAMP)"
	}
	return "coalesce(" + w.col(alias, clock) + ", CAST(" + w.col(alias, day) + " AS TIMESTAMP))"
}

// before keeps rows that happened before a moment.
func (w *writer) before(alias, day, clock string, t time.Time) string {
	if isMidnight(t) {
		return w.col(alias, day) + " < " + w.bindDate(t)
	}
	return "(" + w.col(alias, day) + " < " + w.bindDate(t) + " OR " + w.col(alias, day) + " < " + w.bindDate(ceilDay(t)) + " AND " + w.moment(alias, day, clock) + " < " + w.bindMoment(t) + ")"
}

func (w *writer) bindDate(t time.Time) string {
	return "CAST(" + w.d.Bind(w.params, Day.floor(t).Format("2006-01-02")) + " AS DATE)"
}

func (w *writer) bindMoment(t time.Time) string {
	return "CAST(" + w.d.Bind(w.params, t.Format("2006-01-02 15:04:05")) + " AS TIMESTAMP)"
}

// rangeOf are the conditions that keep the rows of this statement's windows.
func (w *writer) rangeOf() []string {
	s := w.scan
	if s.kind == Open || s.kind == Version {
		if w.part.form == single {
			return w.holds(w.bindDate(w.part.slots[0].AsOf))
		}
		return []string{"1 = 1"}
	}
	if s.time == "" {
		return []string{"1 = 1"}
	}
	var spans []string
	for _, sp := range merged(w.part.slots) {
		if s.kind == Monthly {
			spans = append(spans, w.col("base", s.time)+" >= "+w.d.Bind(w.params, sp.From.Format("2006-01"))+" AND "+w.col("base", s.time)+" < "+w.d.Bind(w.params, ceilMonth(sp.Until).Format("2006-01")))
			continue
		}
		spans = append(spans, w.dayOf("base", s.time)+" >= "+w.bindDate(sp.From)+" AND "+w.dayOf("base", s.time)+" < "+w.bindDate(ceilDay(sp.Until)))
	}
	out := []string{spans[0]}
	if len(spans) > 1 {
		out = []string{"(" + strings.Join(spans, " OR ") + ")"}
	}
	if cut := w.cutAt(); !cut.IsZero() {
		out = append(out, w.before("base", s.time, s.clock, cut))
	}
	if s.clock != "" && w.part.form == single && !isMidnight(w.part.slots[0].From) {
		out = append(out, w.moment("base", s.time, s.clock)+" >= "+w.bindMoment(w.part.slots[0].From))
	}
	return out
}

// span is rangeOf without the windows' own detail: the days from the first to the last.
func (w *writer) span() []string {
	s := w.scan
	if s.time == "" || s.kind != Event && s.kind != Snapshot {
		return nil
	}
	from, to := w.bounds()
	return []string{w.dayOf("base", s.time) + " >= " + w.bindDate(from), w.dayOf("base", s.time) + " < " + w.bindDate(to)}
}

func (w *writer) bounds() (from, to time.Time) {
	for i, win := range w.part.slots {
		if i == 0 || win.From.Before(from) {
			from = Day.floor(win.From)
		}
		if i == 0 || ceilDay(win.Until).After(to) {
			to = ceilDay(win.Until)
		}
	}
	return from, to
}

// cutAt is the moment within a day that cuts all windows of the statement: only single windows and buckets.
func (w *writer) cutAt() time.Time {
	if w.scan.kind == Monthly {
		return time.Time{}
	}
	switch w.part.form {
	case single:
		if u := w.part.slots[0].Until; !isMidnight(u) {
			return u
		}
	case byBucket:
		for _, win := range w.part.slots { // hours that have not begun are cut, too, where the clock stands at a full hour
			if win.partial() && !isMidnight(w.plan.now) {
				return w.plan.now
			}
		}
	case byCase, bySlot: // each window has its own
	}
	return time.Time{}
}

func ceilMonth(t time.Time) time.Time {
	if t.Equal(Month.floor(t)) {
		return t
	}
	return Month.next(Month.floor(t))
}

// merged joins windows that touch.
func merged(sorted []Window) []Window {
	out := []Window{sorted[0]}
	for _, w := range sorted[1:] {
		last := &out[len(out)-1]
		if !Day.floor(w.From).After(ceilDay(last.Until)) {
			if w.Until.After(last.Until) {
				last.Until = w.Until
			}
			continue
		}
		out = append(out, w)
	}
	return out
}
