package ingest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// compileRecord makes the statement for the tables that stand once a record.
func (p *plan) compileRecord() error {
	s := p.source
	var first, keep []string
	ignored := "CAST(NULL AS SMALLINT)"
	if len(s.Ignore) > 0 {
		var b strings.Builder
		b.WriteString("CAST(CASE")
		for i, r := range s.Ignore {
			when, err := p.sql(r.node, nil)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " WHEN %s THEN %d", when, i)
		}
		ignored = b.String() + " END AS SMALLINT)"
	}
	first = append(first, "s._file", "s._del", "s._src_row", "s._src_offset", ignored+" AS _ign")
	keep = append(keep, "_file", "_del", "_src_row", "_src_offset", "_ign")
	if err := p.childColumns(); err != nil {
		return err
	}
	for _, c := range p.raw {
		p.used[c.sql] = true
		first = append(first, "s."+c.sql)
		keep = append(keep, c.sql)
	}
	var levels layers
	var noRow, hashes []string
	for i := range s.Tables {
		t := &s.Tables[i]
		if t.Each != nil {
			continue
		}
		tp := tablePlan{table: t, prefix: fmt.Sprintf("t%d_", i), temp: "rec"}
		tp.on, tp.err, tp.warn = tp.prefix+"_on", tp.prefix+"_err", tp.prefix+"_warn"
		items, err := p.expressions(t, t.branches[0], tp.prefix)
		if err != nil {
			return err
		}
		when := "TRUE"
		if w := t.branches[0].when; w != nil {
			text, err := p.sql(w, t)
			if err != nil {
				return err
			}
			when = "coalesce(" + text + ", FALSE)"
		}
		items = append(items, when+" AS "+tp.prefix+"_when")
		first = append(first, items...)
		if err := p.rows(&tp, &levels); err != nil {
			return err
		}
		keep = append(keep, tp.on, tp.err, tp.warn)
		for _, v := range tp.held() {
			keep = append(keep, tp.taken(v))
		}
		tp.hash = tp.prefix + "_hash"
		hashes = append(hashes, "hash("+strings.Join(tp.refs(""), ", ")+") AS "+tp.hash)
		noRow = append(noRow, tp.on)
		p.main = append(p.main, tp)
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		if t.Each == nil || t.Each.JSON == "" {
			continue
		}
		// A column that should hold an array and does not is a fault of the record.
		col := s.column(t.Each.JSON).sql
		n := p.find(finding{
			check: "json_array", table: t.Table, column: t.Each.JSON, category: "CONFORM",
			message: schema.Text{ZH: "该列应为 JSON 数组", EN: "the column should hold a JSON array"},
		})
		main := &p.main[0]
		keep[slices.Index(keep, main.err)] = fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL AND _ign IS NULL AND (NOT json_valid(%[1]s) OR json_type(%[1]s) NOT IN ('ARRAY', 'OBJECT', 'NULL')) THEN list_append(coalesce(%[2]s, []), CAST(%[3]d AS SMALLINT)) ELSE %[2]s END AS %[2]s", col, main.err, n)
	}
	// DuckDB asks an Arrow stream for the columns that a statement uses, and the driver hands over all of them: were one
	// unused, every later column would be read as its neighbour. So each column is used.
	for _, c := range s.order {
		if !p.used[c.sql] {
			first = append(first, "s."+c.sql+" IS NULL AS u_"+c.sql)
			keep = append(keep, "u_"+c.sql)
		}
	}
	body := levels.wrap("SELECT " + strings.Join(first, ",\n    ") + "\nFROM feed s" + p.join())
	bad := make([]string, 0, len(p.main))
	for _, tp := range p.main {
		bad = append(bad, tp.err+" IS NOT NULL")
	}
	p.rec = fmt.Sprintf(
		"CREATE OR REPLACE TABLE rec AS\nSELECT *, coalesce(%s, FALSE) AS _bad, CAST(NULL AS TINYINT) AS _dup, NOT (%s) AS _norow, %s FROM (\nSELECT %s\nFROM (%s))",
		strings.Join(bad, " OR "), strings.Join(noRow, " OR "), strings.Join(hashes, ", "), strings.Join(keep, ", "), body)
	return nil
}

// join adds the delivery's and file's facts where an expression names them.
func (p *plan) join() string {
	if !p.joins {
		return ""
	}
	return " JOIN files f ON f._file = s._file"
}

// expressions are the first level: what the mapping says, not yet of the contract's types. Column j of the mapping
// becomes x<j>, and b<j> says that one of its conversions failed.
func (p *plan) expressions(t *Table, b branch, prefix string) ([]string, error) {
	var out []string
	for j, n := range b.columns {
		c, _ := t.contract.Column(t.Columns[j].Column)
		text, err := p.sql(n, t)
		if err != nil {
			return nil, err
		}
		if c.Pseudonym && !hashed(n) {
			text = pseudonymFunc + "(CAST(" + text + " AS VARCHAR))"
		}
		out = append(out, fmt.Sprintf("%s AS %sx%d", text, prefix, j))
		if v, ok := p.plainOf(n); ok {
			out = append(out, fmt.Sprintf("s.%s AS %sy%d", v, prefix, j))
		}
		calls := conversions(n)
		if len(calls) == 0 {
			continue
		}
		var bad []string
		for _, call := range calls {
			arg, err1 := p.sql(call.Args[0], t)
			conv, err2 := p.sql(call, t)
			if err := errors.Join(err1, err2); err != nil {
				return nil, err
			}
			bad = append(bad, fmt.Sprintf("(%s IS NOT NULL AND %s IS NULL)", arg, conv))
		}
		out = append(out, fmt.Sprintf("(%s) AS %sb%d", strings.Join(bad, " OR "), prefix, j))
	}
	return out, nil
}

// layers are the levels of one statement, inside out: each adds columns to all those of the level below.
type layers [3][]string

func (l *layers) add(level int, item string) { l[level] = append(l[level], item) }

func (l *layers) wrap(inner string) string {
	for _, items := range l {
		if len(items) > 0 {
			inner = "SELECT *,\n    " + strings.Join(items, ",\n    ") + "\nFROM (" + inner + ")"
		}
	}
	return inner
}

// conversions are the calls in n whose null means a bad value: those that every row evaluates.
func conversions(n expr.Node) []*expr.Call {
	switch n := n.(type) {
	case *expr.Call:
		switch n.Name {
		case "to_date", "to_timestamp", "to_int", "to_decimal", "to_double", "to_bool", "map":
			return append(conversions(n.Args[0]), n)
		case "if", "coalesce", "nullif", "is_date", "is_number", "greatest", "least":
			return nil
		}
		var out []*expr.Call
		for _, a := range n.Args {
			out = append(out, conversions(a)...)
		}
		return out
	case *expr.Binary:
		if n.Op == "and" || n.Op == "or" {
			return nil
		}
		return append(conversions(n.L), conversions(n.R)...)
	case *expr.Unary:
		return conversions(n.X)
	case *expr.Cast:
		return conversions(n.X)
	}
	return nil
}

// hashed says that n gives nothing but keyed hashes (or null).
func hashed(n expr.Node) bool {
	switch n := n.(type) {
	case *expr.Call:
		switch n.Name {
		case "person_key", "pseudonym":
			return true
		case "coalesce":
			return !slices.ContainsFunc(n.Args, func(a expr.Node) bool { return !hashed(a) })
		case "if":
			return hashed(n.Args[1]) && hashed(n.Args[2])
		case "nullif":
			return hashed(n.Args[0])
		}
	case *expr.Literal:
		return n.Kind == expr.Unknown
	case *expr.Case:
		for _, w := range n.Whens {
			if !hashed(w.Then) {
				return false
			}
		}
		return n.Else == nil || hashed(n.Else)
	}
	return false
}
