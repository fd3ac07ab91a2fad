package queries

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// filters are the request's own conditions.
func (w *writer) filters() []string {
	var out []string
	for _, f := range w.scan.filters {
		column := w.dimension(f.dim)
		if f.prefix && f.name == region {
			out = append(out, w.below(column, f.values))
			continue
		}
		errs := len(w.errs)
		out = append(out, w.in(column, f.typ, f.values))
		for i, err := range w.errs[errs:] {
			w.errs[errs+i] = fmt.Errorf("dimension %s: %w", f.name, err)
		}
	}
	return out
}

// in is column IN (values); an empty value asks for null.
func (w *writer) in(column string, typ expr.Type, values []string) string {
	var list []string
	null := false
	for _, v := range values {
		if v == "" {
			null = true
			continue
		}
		text, err := w.value(typ, v)
		if err != nil {
			w.errs = append(w.errs, err)
		}
		list = append(list, text)
	}
	switch {
	case len(list) == 0 && null:
		return column + " IS NULL"
	case len(list) == 0:
		return "FALSE"
	case null:
		return "(" + column + " IN (" + strings.Join(list, ", ") + ") OR " + column + " IS NULL)"
	default:
		return column + " IN (" + strings.Join(list, ", ") + ")"
	}
}

// value binds a text as a value of a type.
func (w *writer) value(typ expr.Type, text string) (string, error) {
	bad := fault.New(fault.Usage, "value %q: the column is %s", text, typ)
	switch typ.Kind {
	case expr.Int32, expr.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "NULL", bad
		}
		return strconv.FormatInt(n, 10), nil
	case expr.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "NULL", bad
		}
		return strings.ToUpper(strconv.FormatBool(b)), nil
	case expr.Date:
		if _, err := time.Parse("2006-01-02", text); err != nil {
			return "NULL", bad
		}
		return "CAST(" + w.d.Bind(w.params, text) + " AS DATE)", nil
	case expr.Decimal, expr.Double:
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return "NULL", bad
		}
		return "CAST(" + w.d.Bind(w.params, text) + " AS " + w.d.TypeName(typ) + ")", nil
	case expr.Timestamp:
		if _, err := ParseNow(text); err != nil {
			return "NULL", bad
		}
		return "CAST(" + w.d.Bind(w.params, text) + " AS TIMESTAMP)", nil
	default:
		return w.d.Bind(w.params, text), nil
	}
}

// below keeps GB/T 2260 codes that are one of the values or lie below it.
func (w *writer) below(column string, codes []string) string {
	out := make([]string, 0, len(codes))
	for _, code := range codes {
		n := &expr.Call{Name: "starts_with", Args: []expr.Node{&expr.Column{Name: "t"}, &expr.Literal{Kind: expr.String, Text: regionPrefix(code)}}}
		text, err := w.d.Print(n, w.params, func(*expr.Column) string { return column })
		if err != nil {
			w.errs = append(w.errs, err)
		}
		out = append(out, text)
	}
	if len(out) == 1 {
		return out[0]
	}
	return "(" + strings.Join(out, " OR ") + ")"
}

// regionPrefix drops trailing 00 pairs: 340100 stands for all of 3401.
func regionPrefix(code string) string {
	for len(code) > 2 && len(code)%2 == 0 && strings.HasSuffix(code, "00") {
		code = code[:len(code)-2]
	}
	return code
}

// scoped confines the rows to the Scope. An empty Scope sees nothing.
func (w *writer) scoped() []string {
	sc := w.plan.scope
	if sc.whole {
		return nil
	}
	var ways []string
	t := w.scan.table
	if len(sc.orgs) > 0 && t.Scope.Org != "" {
		ways = append(ways, w.in(w.col("base", t.Scope.Org), expr.StringType, sc.orgs))
	}
	if t.Name == deliveries && w.scan.view != schema.Care && len(sc.regions) > 0 {
		return nil // who delivers the rows of insured or resident people need not lie in their region: see arrival.beyond
	}
	if len(sc.regions) > 0 {
		if at, ok, err := w.plan.catalog.regionOf(region, t, w.scan.view); ok && err == nil {
			alias := "base"
			if at.table != "" {
				alias = w.scan.joinPlace(w.plan, at)
			}
			ways = append(ways, w.below(w.col(alias, at.column), sc.regions))
		}
	}
	if len(ways) == 0 {
		if t.Scope.Public && (len(sc.orgs) > 0 || len(sc.regions) > 0) { // a dictionary that belongs to nobody
			return nil
		}
		return []string{"FALSE"}
	}
	if len(ways) == 1 {
		return ways
	}
	return []string{"(" + strings.Join(ways, " OR ") + ")"}
}
