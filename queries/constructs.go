package queries

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

const endOfTime = "DATE '9999-12-31'"

// versions reads a dimension so that at any day one row of a key holds: each version lasts until it ends or the next
// one begins; where versions have no dates the newest by name stands.
func (w *writer) versions(alias string, t *schema.Table, columns []string) {
	keys := dimKeys(t)
	cols := slices.Clone(keys)
	for _, c := range columns {
		if !slices.Contains(cols, c) && c != "valid_from" {
			cols = append(cols, c)
		}
	}
	list := w.idents("", cols)
	partition := strings.Join(w.idents("", keys), ", ")
	if _, dated := t.Column("valid_from"); dated {
		end := endOfTime
		if _, ok := t.Column("valid_to"); ok {
			end = "coalesce(valid_to, " + endOfTime + ")"
		}
		from := "coalesce(valid_from, DATE '0001-01-01')"
		w.cte(alias, t.Name+": each version until it ends or the next begins", "SELECT\n    "+strings.Join(append(list, from+" AS valid_from"), ",\n    ")+
			",\n    least("+end+", coalesce(lead(valid_from) OVER (PARTITION BY "+partition+" ORDER BY "+from+"), "+endOfTime+")) AS valid_until\nFROM "+w.ident(t.Name))
		return
	}
	order := "1"
	if _, ok := t.Column("version"); ok {
		order = "version DESC"
	}
	w.cte(alias, t.Name+": the newest version of each code", "SELECT "+strings.Join(list, ", ")+"\nFROM (\n    SELECT\n        "+strings.Join(list, ",\n        ")+
		",\n        row_number() OVER (PARTITION BY "+partition+" ORDER BY "+order+") AS place\n    FROM "+w.ident(t.Name)+"\n) AS version\nWHERE place = 1")
}

// slots lists windows for a join.
func (w *writer) slots() {
	var rows []string
	for i, win := range w.part.slots {
		rows = append(rows, fmt.Sprintf("(%d, %s, %s, %s, %s)", i, dateLiteral(win.From), dateLiteral(ceilDay(win.Until)), dateLiteral(win.AsOf), momentLiteral(win.Until)))
	}
	w.cte("slot", "the periods asked", "SELECT slot, from_date, to_date, as_of, until_time\nFROM (\n    VALUES\n        "+strings.Join(rows, ",\n        ")+
		"\n) AS period(slot, from_date, to_date, as_of, until_time)")
}

func dateLiteral(t time.Time) string   { return "DATE '" + t.Format("2006-01-02") + "'" }
func momentLiteral(t time.Time) string { return "TIMESTAMP '" + t.Format("2006-01-02 15:04:05") + "'" }

// lastDelivered finds the last day within each period that each owner delivered.
func (w *writer) lastDelivered() {
	s := w.scan
	by := w.idents("base", s.stock)
	body := "SELECT\n    " + w.slotExpr() + " AS slot,\n    " + strings.Join(by, ",\n    ") + ",\n    max(" + w.col("base", s.time) + ") AS last_time\n" +
		w.from() + "\nWHERE " + strings.Join(append(w.rangeOf(), w.chosen("base", s.table)...), "\n    AND ") + "\nGROUP BY " + ordinals(1+len(by))
	w.cte("last_delivered", "the last day of each period that each owner delivered", body)
}

func ordinals(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = strconv.Itoa(i + 1)
	}
	return strings.Join(out, ", ")
}

// workdays counts the working days of each pair of dates that occurs, once.
func (w *writer) workdays() {
	s := w.scan
	where := ""
	if conds := w.span(); len(conds) > 0 {
		where = "\n    WHERE " + strings.Join(conds, "\n        AND ")
	}
	w.cte("workday", "working days of the calendar after one day and through another", "SELECT\n    pair.after_date,\n    pair.through_date,\n    count(calendar.cal_date) AS days\nFROM (\n    SELECT DISTINCT\n        "+
		w.dayOf("base", s.work.After)+" AS after_date,\n        "+w.dayOf("base", s.work.Through)+" AS through_date\n    FROM "+w.ident(s.table.Name)+" AS base"+where+
		"\n) AS pair\nLEFT JOIN dim_calendar AS calendar\n    ON calendar.cal_date > pair.after_date\n    AND calendar.cal_date <= pair.through_date\n    AND calendar.is_workday\nGROUP BY 1, 2")
}

// lookUp finds the rows of the table for which another row exists.
func (w *writer) lookUp(x *exists) {
	s, m := w.scan, x.measure
	var other string
	var on []string
	var when expr.Node
	var across bool
	alias := "again"
	var table *schema.Table
	if x.self {
		a := m.SeenAgain
		other, when, across, table = s.table.Name, a.when, a.LooksAcross != "", s.table
		on = []string{
			w.col("again", a.Key) + " = " + w.col("base", a.Key),
			w.col("again", a.Other) + " <> " + w.col("base", a.Other),
		}
		if from, _ := w.bounds(); s.time != "" && s.kind == Event { // who comes back is there after the first day asked
			on = append(on, w.dayOf("again", s.time)+" >= "+w.bindDate(from))
		}
	} else {
		alias = strings.TrimSuffix(x.alias, "_"+m.ID)
		e := m.Exists[alias]
		other, when, across = e.Table, e.when, e.LooksAcross != ""
		table, _ = w.plan.catalog.set.Table(e.Table)
		for _, o := range pairsOf(e.On) {
			on = append(on, w.col(alias, o.that)+" = "+w.col("base", o.this))
		}
	}
	if when != nil {
		on = append(on, w.condition(when, m, func(c *expr.Column) string {
			if c.Qualifier == "" {
				return w.col("base", c.Name)
			}
			return w.col(c.Qualifier, c.Name)
		}))
	}
	on = append(on, w.chosen(alias, table)...)
	keys := w.idents("base", s.table.Key)
	if !w.plan.req.Now.IsZero() && table != nil && table.EventDate != "" {
		on = append(on, w.before(alias, table.EventDate, table.Clock, w.plan.now))
	}
	conds := append(w.span(), w.chosen("base", s.table)...)
	for _, n := range conjuncts(m.where) { // only rows that can count are looked up
		if own := !names(n, asOf); own && !slices.ContainsFunc(expr.Columns(n), func(c *expr.Column) bool { return c.Qualifier != "" || m.Workdays != nil && c.Name == m.Workdays.As }) {
			conds = append(conds, w.condition(n, m, w.inner(m)))
		}
	}
	if !across {
		if org := scopeOrg(table); org != "" && len(w.plan.scope.orgs) > 0 && len(w.plan.scope.regions) == 0 {
			conds = append(conds, w.in(w.col(alias, org), expr.StringType, w.plan.scope.orgs))
		}
	}
	where := ""
	if len(conds) > 0 {
		where = "\nWHERE " + strings.Join(conds, "\n    AND ")
	}
	w.cte(x.alias, "rows for which another one is found", "SELECT DISTINCT\n    "+strings.Join(keys, ",\n    ")+"\nFROM "+w.ident(s.table.Name)+" AS base\nJOIN "+w.ident(other)+" AS "+alias+
		"\n    ON "+strings.Join(on, "\n    AND ")+where)
}

func scopeOrg(t *schema.Table) string {
	if t == nil {
		return ""
	}
	return t.Scope.Org
}

// baseColumns are the scan's own columns that anything of it names.
func (w *writer) baseColumns() []string {
	s := w.scan
	var out []string
	add := func(c string) {
		if c != "" && !slices.Contains(out, c) {
			if _, ok := s.table.Column(c); ok {
				out = append(out, c)
			}
		}
	}
	for _, l := range s.leaves {
		for _, c := range l.measure.columns() {
			if c.Qualifier == "" {
				add(c.Name)
			}
		}
	}
	if s.kind == Version { // the version CTE must carry what joins, filters and scope read
		for _, d := range s.dims {
			if d.alias == "" {
				add(d.column)
			}
		}
		for _, f := range s.filters {
			if f.alias == "" {
				add(f.column)
			}
		}
		for _, j := range s.joins {
			for _, o := range j.on {
				add(o.this)
			}
		}
		add(s.table.Scope.Org)
		for _, v := range sortedKeys(s.table.Scope.Region) {
			add(s.table.Scope.Region[v])
		}
	}
	return out
}
