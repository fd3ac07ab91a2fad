package queries

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/schema"
)

// uses names the tables of a statement, the days that are enough to read, and the columns that its text names.
func (w *writer) uses(sql string) []Use {
	s := w.scan
	out := w.ownUses()
	whole := func(table string) {
		out = slices.DeleteFunc(out, func(u Use) bool { return u.Table == table })
		out = append(out, Use{Table: table})
	}
	if slices.ContainsFunc(s.exists, func(x *exists) bool { return x.self }) { // who comes back does so later
		out = []Use{{Table: s.table.Name, From: out[0].From}}
	}
	for _, j := range s.joins {
		whole(j.table.Name)
	}
	for _, x := range s.exists {
		if !x.self {
			whole(x.measure.Exists[strings.TrimSuffix(x.alias, "_"+x.measure.ID)].Table)
		}
	}
	if s.work != nil {
		whole("dim_calendar")
	}
	words := wordsOf(sql)
	for i := range out {
		if t, ok := w.plan.catalog.set.Table(out[i].Table); ok {
			out[i].Columns = columnsIn(t, words)
		}
	}
	return out
}

// ownUses is the scan's own table: each span of days that is asked.
func (w *writer) ownUses() []Use {
	s := w.scan
	dated := s.kind == Event || s.kind == Snapshot || s.kind == Monthly
	if !dated || s.time == "" || s.time != s.table.EventDate {
		return []Use{{Table: s.table.Name}}
	}
	if slices.ContainsFunc(s.benchmarks, func(b *benchmarkLink) bool { return b.Period == ofMonth }) {
		var out []Use
		for _, sp := range monthsOf(w.part.slots) {
			out = append(out, w.spanned(sp.From, sp.To))
		}
		return out
	}
	if len(s.stock) > 0 || len(s.exists) > 0 || s.work != nil { // these read from the first day to the last
		from, to := w.bounds()
		return []Use{w.spanned(from, to)}
	}
	var out []Use
	for _, sp := range merged(w.part.slots) {
		out = append(out, w.spanned(Day.floor(sp.From), ceilDay(sp.Until)))
	}
	return out
}

func (w *writer) spanned(from, to time.Time) Use {
	if w.scan.kind == Monthly {
		from, to = Month.floor(from), ceilMonth(to)
	}
	return Use{Table: w.scan.table.Name, From: from, To: to}
}

var sqlWord = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

func wordsOf(sql string) map[string]bool {
	out := map[string]bool{}
	for _, m := range sqlWord.FindAllString(sql, -1) {
		out[strings.ToLower(m)] = true
	}
	return out
}

// columnsIn are the columns of a table whose names stand in a statement, and at least one. A compiled statement never
// says *, so that no other can be read; one too many does no harm.
func columnsIn(t *schema.Table, words map[string]bool) []string {
	var out []string
	for _, c := range t.AllColumns() {
		if words[strings.ToLower(c.Name)] {
			out = append(out, c.Name)
		}
	}
	if len(out) == 0 {
		out = []string{t.AllColumns()[0].Name}
	}
	return out
}
