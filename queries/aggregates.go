package queries

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema/expr"
)

// common are the conditions that every leaf of the scan asks. They go into WHERE, where files are pruned by them,
// unless groups are asked: a group of which nothing counts is still a group.
func (w *writer) common() []expr.Node {
	s := w.scan
	if (len(s.dims) > 0 || w.part.cases) && s.table.Name != deliveries { // deliveries make no groups
		return nil
	}
	var out []expr.Node
	for i, l := range s.leaves {
		own := conjuncts(l.measure.where)
		if i == 0 {
			out = own
			continue
		}
		out = slices.DeleteFunc(out, func(n expr.Node) bool {
			return !slices.ContainsFunc(own, func(o expr.Node) bool { return expr.Equal(n, o) })
		})
	}
	if s.table.Name == deliveries && len(out) == 0 {
		return []expr.Node{tablesOf(s)}
	}
	return slices.DeleteFunc(out, func(n expr.Node) bool { // derived columns are not there yet in WHERE
		return slices.ContainsFunc(expr.Columns(n), func(c *expr.Column) bool {
			return c.Qualifier != "" && len(s.leaves) > 1 || s.work != nil && c.Name == s.work.As
		}) || names(n, asOf)
	})
}

func conjuncts(n expr.Node) []expr.Node {
	if n == nil {
		return nil
	}
	if b, ok := n.(*expr.Binary); ok && b.Op == "and" {
		return append(conjuncts(b.L), conjuncts(b.R)...)
	}
	return []expr.Node{n}
}

// aggregates counts the rows.
func (w *writer) aggregates(common []expr.Node) string {
	s := w.scan
	group := []string{w.slotName()}
	if w.alone() {
		group = nil
	}
	if w.hourly() {
		group = append(group, "clock_hour")
	}
	names := make([]string, 0, len(s.dims))
	for _, d := range s.dims {
		names = append(names, w.ident(d.name))
	}
	cols := append(slices.Clone(group), names...)
	if w.alone() {
		cols = append([]string{"0 AS slot"}, cols...)
	}
	if s.totals {
		cols = append(cols, "grouping("+strings.Join(names, ", ")+") AS totals")
	}
	if s.peak {
		return w.peaks(group, names, cols, common)
	}
	for _, l := range s.leaves {
		cols = append(cols, w.aggregate(l, common)+" AS "+w.ident(l.measure.ID))
	}
	if w.part.cases {
		for _, l := range s.leaves {
			cols = append(cols, w.filtered("count(*)", l, common)+" AS "+w.ident("cases_"+l.measure.ID))
		}
	}
	text := "SELECT\n    " + strings.Join(cols, ",\n    ") + "\nFROM counted"
	if len(group)+len(names) > 0 {
		text += "\nGROUP BY " + grouping(group, names, s.totals)
	}
	if w.alone() && (len(names) == 0 || s.totals) {
		text += "\nHAVING count(*) > 0" // of nothing there is no group, not even that of everything
	}
	if s.table.Name == deliveries || len(group)+len(names) == 0 {
		return text // sums, whatever their order
	}
	return text + "\nORDER BY " + ordinals(btoi(w.alone())+len(group)+len(names))
}

// grouping is GROUP BY's list: with totals every margin.
func grouping(group, names []string, totals bool) string {
	if !totals {
		return strings.Join(append(slices.Clone(group), names...), ", ")
	}
	var sets []string
	for mask := range 1 << len(names) {
		set := slices.Clone(group)
		for i, n := range names {
			if mask>>(len(names)-1-i)&1 == 0 {
				set = append(set, n)
			}
		}
		sets = append(sets, "("+strings.Join(set, ", ")+")")
	}
	return "GROUPING SETS (\n    " + strings.Join(sets, ",\n    ") + "\n)"
}

// peaks finds the largest single hour of each period and group; the earliest wins a tie.
func (w *writer) peaks(group, names, cols []string, common []expr.Node) string {
	s := w.scan
	l := s.leaves[0]
	inner := append(slices.Clone(cols), "clock_day", "peak_hour", w.aggregate(l, common)+" AS figure", w.filtered("count(*)", l, common)+" AS cases")
	text := "SELECT\n    " + strings.Join(inner, ",\n    ") + "\nFROM counted\nGROUP BY " + grouping(append(slices.Clone(group), "clock_day", "peak_hour"), names, s.totals)
	w.cte("hourly", "figures of single hours", text)
	outer := append(slices.Clone(group), names...)
	if s.totals {
		outer = append(outer, "totals")
	}
	ranked := append(slices.Clone(outer), "clock_day", "peak_hour", "figure", "cases",
		"row_number() OVER (PARTITION BY "+strings.Join(outer, ", ")+" ORDER BY figure DESC, clock_day, peak_hour) AS place")
	w.cte("ranked", "the largest first, the earliest of equals", "SELECT\n    "+strings.Join(ranked, ",\n    ")+"\nFROM hourly\nWHERE figure > 0")
	return "SELECT\n    " + strings.Join(append(outer, "clock_day", "peak_hour", "figure", "cases"), ",\n    ") + "\nFROM ranked\nWHERE place = 1\nORDER BY " + ordinals(len(group)+len(names))
}

// aggregate spells a measure over counted.
func (w *writer) aggregate(l *leaf, common []expr.Node) string {
	return w.filtered(w.print(l.measure.aggregate, l.measure, w.outer(l.measure)), l, common)
}

// filtered adds FILTER (WHERE …) of what is not in WHERE already.
func (w *writer) filtered(aggregate string, l *leaf, common []expr.Node) string {
	var conds []string
	for _, n := range conjuncts(l.measure.where) {
		if slices.ContainsFunc(common, func(c expr.Node) bool { return expr.Equal(c, n) }) {
			continue
		}
		conds = append(conds, w.condition(n, l.measure, w.outer(l.measure)))
	}
	if l.measure.SeenAgain != nil {
		conds = append(conds, w.ident("seen_"+l.measure.ID))
	}
	for _, alias := range sortedKeys(l.measure.Exists) {
		conds = append(conds, w.ident(alias+"_"+l.measure.ID))
	}
	if len(conds) == 0 {
		return aggregate
	}
	text, err := w.d.Phrase("filter", aggregate, strings.Join(conds, " AND "))
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

// inner names columns where the tables are at hand, outer where counted is.
func (w *writer) inner(m *Measure) func(*expr.Column) string {
	return func(c *expr.Column) string {
		if c.Qualifier == "" {
			return w.col("base", c.Name)
		}
		return w.col(w.scan.aliasOf(m, c.Qualifier).alias, c.Name)
	}
}

func (w *writer) outer(m *Measure) func(*expr.Column) string {
	return func(c *expr.Column) string {
		if c.Qualifier == "" {
			return w.ident(c.Name)
		}
		return w.ident(w.scan.aliasOf(m, c.Qualifier).alias + "__" + c.Name)
	}
}

// condition is print for one of several conditions joined by AND.
func (w *writer) condition(n expr.Node, m *Measure, name func(*expr.Column) string) string {
	text := w.print(n, m, name)
	if b, ok := n.(*expr.Binary); ok && b.Op == "or" {
		return "(" + text + ")"
	}
	return text
}

// print spells an expression of a measure.
func (w *writer) print(n expr.Node, m *Measure, name func(*expr.Column) string) string {
	if r, err := m.resolver(w.plan.catalog.set); err == nil {
		w.params.Columns = func(qualifier, name string) (expr.Type, bool) {
			if qualifier == "" && name == asOf {
				return expr.DateType, true
			}
			return r(qualifier, name)
		}
	}
	text, err := w.d.Print(n, w.params, name)
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// reserved are words that neither engine takes as a bare name.
var reserved = []string{
	"all", "and", "as", "between", "by", "case", "cast", "check", "column", "constraint", "create", "cross", "default", "desc", "distinct", "else", "end", "escape", "exists",
	"extract", "false", "for", "from", "full", "group", "grouping", "having", "in", "inner", "into", "is", "join", "left", "like", "limit", "natural", "not", "null", "offset",
	"on", "or", "order", "outer", "primary", "right", "select", "skip", "table", "then", "to", "true", "union", "unique", "user", "using", "values", "when", "where", "window", "with",
}

func (w *writer) ident(name string) string {
	if plain.MatchString(name) && !slices.Contains(reserved, name) {
		return name
	}
	return w.d.Ident(name)
}

func (w *writer) col(alias, column string) string { return alias + "." + w.ident(column) }

func (w *writer) idents(alias string, names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if alias == "" {
			out = append(out, w.ident(n))
		} else {
			out = append(out, w.col(alias, n))
		}
	}
	return out
}
