package ingest

import (
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Most columns of most extracts go into a number or a date of a contract as they stand, and most of their cells are
// written plainly. Those cells the reader turns into values; SQL sees null as their text, and judges the rest.

// plainColumns are the columns of a source, by their name in SQL, that nothing but such mappings uses.
func plainColumns(s *Source, c caster) map[string]expr.Type {
	out, other := map[string]expr.Type{}, map[string]bool{}
	look := func(n expr.Node, t *Table) {
		for _, col := range expr.Columns(n) {
			if col.Qualifier == "" && (known[col.Name].Kind != expr.Unknown || t != nil && slices.Contains(t.fields(), col.Name)) || col.Qualifier == "file" {
				continue
			}
			other[s.column(columnName(col)).sql] = true
		}
	}
	for i := range s.Ignore {
		look(s.Ignore[i].node, nil)
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		if t.Each != nil && t.Each.JSON != "" {
			other[s.column(t.Each.JSON).sql] = true
		}
		for _, b := range t.branches {
			if b.when != nil {
				look(b.when, t)
			}
			for j, n := range b.columns {
				to, _ := t.contract.Column(t.Columns[j].Column)
				col, ok := n.(*expr.Column)
				if !ok || t.Each != nil || to.Pseudonym || col.Qualifier == "file" || col.Qualifier == "" && known[col.Name].Kind != expr.Unknown || c.form(to.Type) == nil {
					look(n, t)
					continue
				}
				name := s.column(columnName(col)).sql
				if had, ok := out[name]; ok && had != to.Type {
					other[name] = true
				}
				out[name] = to.Type
			}
		}
	}
	for name := range other {
		delete(out, name)
	}
	return out
}

// plainOf is the column of values that stands for a bare column of the source, in the feed.
func (p *plan) plainOf(n expr.Node) (string, bool) {
	col, ok := n.(*expr.Column)
	if !ok || col.Qualifier == "file" || col.Qualifier == "" && known[col.Name].Kind != expr.Unknown {
		return "", false
	}
	name := p.source.column(columnName(col)).sql
	_, ok = p.plain[name]
	return strings.Replace(name, "c", "v", 1), ok
}

// forms are what the reader is asked for.
func (p *plan) forms() map[string]reader.Form {
	out := map[string]reader.Form{}
	for _, c := range p.source.order {
		if t, ok := p.plain[c.sql]; ok {
			out[c.name] = *p.cast.form(t)
		}
	}
	return out
}

// form is how the reader may read plain values of a type: only where SQL (value) would give the same. Nil = not at all.
func (c caster) form(t expr.Type) *reader.Form {
	dated := func(forms ...string) bool {
		return len(c.dates) == 0 || slices.ContainsFunc(c.dates, func(f string) bool { return slices.Contains(forms, f) })
	}
	shifted := c.zone != "" && c.zone != c.lakeZone
	switch {
	case t.Kind == expr.Bool:
		return &reader.Form{Kind: reader.Bool, Yes: lowered(c.yes), No: lowered(c.no)}
	case t.Kind == expr.Int32:
		return &reader.Form{Kind: reader.Int32}
	case t.Kind == expr.Int64:
		return &reader.Form{Kind: reader.Int64}
	case t.Kind == expr.Decimal && c.decimal == "." && t.Precision <= 18:
		return &reader.Form{Kind: reader.Decimal, Precision: t.Precision, Scale: t.Scale}
	case t.Kind == expr.Date && !shifted && dated("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
		return &reader.Form{Kind: reader.Date}
	case t.Kind == expr.Timestamp && !shifted && dated("%Y-%m-%d %H:%M:%S"):
		return &reader.Form{Kind: reader.Timestamp}
	}
	return nil
}

func lowered(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(w)
	}
	return out
}
