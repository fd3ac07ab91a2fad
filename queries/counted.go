package queries

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// slotExpr tells a row's window.
func (w *writer) slotExpr() string {
	switch w.part.form {
	case single:
		return "0"
	case bySlot:
		return "slot.slot"
	case byBucket:
		if !w.numbered() {
			return w.day()
		}
		return w.unitsSince(w.part.grain, w.part.slots[0].From, w.day())
	default:
		var b strings.Builder
		b.WriteString("CASE")
		for i, win := range w.part.slots {
			cond := w.day() + " >= " + dateLiteral(win.From) + " AND " + w.day() + " < " + dateLiteral(ceilDay(win.Until))
			if w.scan.kind != Monthly && !isMidnight(win.Until) {
				cond += " AND " + w.moment("base", w.scan.time, w.scan.clock) + " < " + momentLiteral(win.Until)
			}
			if w.scan.clock != "" && !isMidnight(win.From) {
				cond += " AND " + w.moment("base", w.scan.time, w.scan.clock) + " >= " + momentLiteral(win.From)
			}
			fmt.Fprintf(&b, " WHEN %s THEN %d", cond, i)
		}
		return b.String() + " END"
	}
}

// unitsSince counts the weeks, months, quarters or years that begin after first and up to a date. Grouping by that
// number takes DuckDB half the time of cutting each date to the beginning of its unit.
func (w *writer) unitsSince(g Grain, first time.Time, of string) string {
	n := &expr.Call{Name: "date_diff", Args: []expr.Node{&expr.Literal{Kind: expr.String, Text: g.String()}, &expr.Column{Name: "first"}, &expr.Column{Name: "t"}}}
	text, err := w.d.Print(n, w.params, func(c *expr.Column) string {
		if c.Name == "first" {
			return dateLiteral(first)
		}
		return of
	})
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

func (w *writer) hourOf(column string) string {
	n := &expr.Call{Name: "hour", Args: []expr.Node{&expr.Column{Name: "t"}}}
	text, err := w.d.Print(n, w.params, func(*expr.Column) string { return w.col("base", column) })
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

// counted is the rows that count, with what they are grouped by and what is counted of them.
func (w *writer) counted(common []expr.Node) {
	s := w.scan
	var cols []string
	has := map[string]bool{}
	add := func(text, name string) {
		if !has[name] {
			has[name] = true
			cols = append(cols, text+" AS "+w.ident(name))
		}
	}
	if !w.alone() {
		add(w.slotExpr(), w.slotName())
	}
	if w.hourly() {
		add(w.hourOf(s.clock), "clock_hour")
	}
	if s.peak {
		add(w.day(), "clock_day")
		add(w.hourOf(s.clock), "peak_hour")
	}
	for _, d := range s.dims {
		add(w.dimension(d), d.name)
	}
	for _, l := range s.leaves {
		for _, c := range w.read(l, common) {
			switch {
			case c.Qualifier == "" && (c.Name == asOf || s.work != nil && c.Name == s.work.As):
			case c.Qualifier == "":
				add(w.col("base", c.Name), c.Name)
			default:
				alias := s.aliasOf(l.measure, c.Qualifier).alias
				add(w.col(alias, c.Name), alias+"__"+c.Name)
			}
		}
	}
	if s.asksToday() {
		day := "slot.as_of"
		if w.part.form != bySlot {
			day = dateLiteral(w.part.slots[0].AsOf)
		}
		add(day, asOf)
	}
	if s.work != nil {
		add("workday.days", s.work.As)
	}
	for _, x := range s.exists {
		add(w.col(x.alias, s.table.Key[0])+" IS NOT NULL", x.alias)
	}
	if len(cols) == 0 { // bare rows
		add("0", "slot")
	}
	var text strings.Builder
	text.WriteString("SELECT\n    " + strings.Join(cols, ",\n    ") + "\n" + w.from())
	if len(s.stock) > 0 {
		text.WriteString("\nJOIN last_delivered\n    ON last_delivered.last_time = " + w.col("base", s.time))
		for _, c := range s.stock {
			text.WriteString("\n    AND " + w.col("last_delivered", c) + " IS NOT DISTINCT FROM " + w.col("base", c))
		}
		if w.part.form == bySlot {
			text.WriteString("\n    AND last_delivered.slot = slot.slot")
		}
	}
	for _, j := range s.joins {
		text.WriteString(w.joinText(j))
	}
	for _, b := range s.benchmarks {
		text.WriteString(w.benchmarkJoin(b))
	}
	if s.work != nil {
		text.WriteString("\nLEFT JOIN workday\n    ON workday.after_date = " + w.dayOf("base", s.work.After) + "\n    AND workday.through_date = " + w.dayOf("base", s.work.Through))
	}
	for _, x := range s.exists {
		text.WriteString("\nLEFT JOIN " + x.alias)
		for i, k := range s.table.Key {
			text.WriteString([]string{"\n    AND ", "\n    ON "}[btoi(i == 0)] + w.col(x.alias, k) + " = " + w.col("base", k))
		}
	}
	conds := slices.DeleteFunc(w.rangeOf(), func(c string) bool { return c == "1 = 1" })
	conds = append(conds, w.chosen("base", s.table)...)
	conds = append(conds, w.filters()...)
	for _, n := range common {
		conds = append(conds, w.condition(n, s.leaves[0].measure, w.inner(s.leaves[0].measure)))
	}
	conds = append(conds, w.scoped()...)
	if s.peak || w.hourly() {
		conds = append(conds, w.col("base", s.clock)+" IS NOT NULL")
	}
	if len(conds) > 0 {
		text.WriteString("\nWHERE " + strings.Join(conds, "\n    AND "))
	}
	w.cte("counted", "the rows that count", text.String())
}

// read are the columns that a leaf's aggregate and what is left of its filter name.
func (w *writer) read(l *leaf, common []expr.Node) []*expr.Column {
	out := expr.Columns(l.measure.aggregate)
	for _, n := range conjuncts(l.measure.where) {
		if !slices.ContainsFunc(common, func(c expr.Node) bool { return expr.Equal(c, n) }) {
			out = append(out, expr.Columns(n)...)
		}
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// slotName is period where the column is a day, slot where it numbers windows.
func (w *writer) slotName() string {
	if w.part.form == byBucket && !w.numbered() {
		return "period"
	}
	return "slot"
}

// numbered says that rows are told to buckets by a number: weeks, months, quarters or years since the first window.
func (w *writer) numbered() bool { return w.part.form == byBucket && w.part.grain > Day }

// alone says that all rows are of one window: grouping by a constant is not free.
func (w *writer) alone() bool { return w.part.form == single && !w.scan.peak }

func (w *writer) hourly() bool { return w.part.form == byBucket && w.part.grain == Hour }

// joinText joins a table: dimensions in the version of the row's own time.
func (w *writer) joinText(j *joined) string {
	name := w.ident(j.table.Name) + " AS " + j.alias
	if j.table.Kind == schema.Dim {
		name = j.alias
	}
	var on []string
	for _, o := range j.on {
		on = append(on, w.col(j.alias, o.that)+" = "+w.col("base", o.this))
	}
	on = append(on, w.chosen(j.alias, j.table)...)
	text := "\nLEFT JOIN " + name + "\n    ON " + strings.Join(on, "\n    AND ")
	if _, dated := j.table.Column("valid_from"); !dated || j.table.Kind != schema.Dim {
		return text
	}
	at := w.timeOfRow()
	if at == "" {
		return text + "\n    AND " + j.alias + ".valid_until = " + endOfTime
	}
	return text + "\n    AND " + j.alias + ".valid_from <= " + at + "\n    AND " + j.alias + ".valid_until > " + at
}

// timeOfRow is the day whose version of a dimension a row takes: its own; for what lasts, the day asked; for months
// their last day.
func (w *writer) timeOfRow() string {
	s := w.scan
	switch {
	case s.kind == Open || s.kind == Version:
		if w.part.form == bySlot {
			return "slot.as_of"
		}
		return dateLiteral(w.part.slots[0].AsOf)
	case s.time == "":
		return ""
	case s.kind == Monthly:
		n := &expr.Call{Name: "last_day", Args: []expr.Node{&expr.Column{Name: "t"}}}
		text, err := w.d.Print(n, w.params, func(*expr.Column) string { return w.day() })
		if err != nil {
			w.errs = append(w.errs, err)
		}
		return text
	default:
		return w.day()
	}
}

func (w *writer) dimension(d dim) string {
	if d.column == hourOfDay && d.table == "" && d.name == hourOfDay {
		return w.hourOf(w.scan.clock)
	}
	alias := d.alias
	if alias == "" {
		alias = "base"
	}
	return w.col(alias, d.column)
}
