package queries

import (
	"errors"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// writer prints one statement. Pieces are printed in the order in which they stand in the text, because parameters of
// some engines are numbered by their place.
type writer struct {
	plan   *Plan
	scan   *scan
	part   *part
	d      *expr.Dialect
	params *expr.Params
	ctes   []string
	errs   []error
}

// statement is the whole text: versions of dimensions, the rows that count, and what is counted of them.
func (w *writer) statement() (string, error) {
	s := w.scan
	for _, j := range s.joins {
		if j.table.Kind == schema.Dim {
			w.versions(j.alias, j.table, append(thatSides(j.on), j.columns...))
		}
	}
	if s.kind == Version {
		w.versions("base_version", s.table, w.baseColumns())
	}
	if w.part.form == bySlot {
		w.slots()
	}
	if len(s.stock) > 0 {
		w.lastDelivered()
	}
	for _, x := range s.exists {
		w.lookUp(x)
	}
	if s.work != nil {
		w.workdays()
	}
	for _, b := range s.benchmarks {
		w.benchmark(b)
	}
	common := w.common()
	w.counted(common)
	body := w.aggregates(common)
	return "WITH\n" + strings.Join(w.ctes, ",\n") + "\n" + body, errors.Join(w.errs...)
}

func (w *writer) cte(name, comment, body string) {
	w.ctes = append(w.ctes, "-- "+comment+"\n"+name+" AS (\n    "+strings.ReplaceAll(body, "\n", "\n    ")+"\n)")
}

func thatSides(on []onPair) []string {
	out := make([]string, 0, len(on))
	for _, o := range on {
		out = append(out, o.that)
	}
	return out
}
