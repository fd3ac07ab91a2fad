package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Names of the keyed functions on the loader's connection.
const (
	personKeyFunc = "sanyi_person_key"
	pseudonymFunc = "sanyi_pseudonym"
	personNoFunc  = "sanyi_person_no"
)

// finding is one thing that can be wrong with a row. Its number stands in the lists that the SQL pass makes.
type finding struct {
	check    string // id
	table    string
	column   string // "" = the row as a whole
	category string // of fact_dq_result: COMPLETE CONFORM PLAUSIBLE CONSIST UNIQUE
	warning  bool
	declared bool // a check that the contract declares: its passes are results, too
	message  schema.Text
}

// plan is a source compiled against its contracts: the SQL of one chunk.
type plan struct {
	source   *Source
	dialect  *expr.Dialect
	cast     caster
	relaxed  bool
	today    string
	findings []finding
	rec      string // CREATE TABLE rec: one row a record
	main     []tablePlan
	kids     []tablePlan
	raw      []*sourceColumn      // columns that children need
	used     map[string]bool      // columns of the feed that a statement on it names
	plain    map[string]expr.Type // columns of the feed whose values come beside their texts
	joins    bool                 // an expression names the delivery or the file
	codes    *codeLists
	lists    []*dict.List // that the statements join
}

// tablePlan is one table of the plan.
type tablePlan struct {
	table  *Table
	prefix string                  // of its columns in rec; "" in a child's own temp table
	temp   string                  // rec, or the child's temp table
	create func(live []int) string // children: how the temp table is made of those branches
	probe  string                  // children: which branches have any row; "" where there is one
	values []string                // contract columns that rec (or the child's table) holds
	absent map[string]string       // of values: those that the source cannot fill, with their SQL type; rec does not hold them
	pick   map[string]string       // how a value is taken from the levels, where not by its name: discard_value
	hash   string                  // column of rec that holds the hash of values; "" = there is none
	err    string                  // column that lists the errors
	warn   string
	on     string // column that says whether the record has a row of this table
}

// taken is the item of a SELECT that takes a column's value.
func (tp *tablePlan) taken(column string) string {
	name := ident(tp.prefix + column)
	if text, ok := tp.pick[column]; ok {
		return text + " AS " + name
	}
	return name
}

// ref spells a value of a row of table from, null where the source cannot fill it.
func (tp *tablePlan) ref(from, column string) string {
	if typ, ok := tp.absent[column]; ok {
		return "CAST(NULL AS " + typ + ")"
	}
	if from != "" {
		from += "."
	}
	return from + ident(tp.prefix+column)
}

// refs are all values of a row.
func (tp *tablePlan) refs(from string) []string {
	out := make([]string, len(tp.values))
	for i, v := range tp.values {
		out[i] = tp.ref(from, v)
	}
	return out
}

// held are the columns that rec (or the child's table) has.
func (tp *tablePlan) held() []string {
	return slices.DeleteFunc(slices.Clone(tp.values), func(v string) bool { return !tp.holds(v) })
}

// holds says that rec (or the child's table) has the column.
func (tp *tablePlan) holds(column string) bool {
	_, absent := tp.absent[column]
	return slices.Contains(tp.values, column) && !absent
}

// compile makes the SQL of a source. today is the day of loading, which current_date means in a check.
func compile(s *Source, d *expr.Dialect, codes *codeLists, relaxed bool, lakeZone, today string) (*plan, error) {
	p := &plan{source: s, codes: codes, dialect: d, cast: newCaster(s, lakeZone), relaxed: relaxed, today: today, used: map[string]bool{}}
	p.plain = plainColumns(s, p.cast)
	if err := p.compileRecord(); err != nil {
		return nil, err
	}
	for i := range s.Tables {
		if s.Tables[i].Each == nil {
			continue
		}
		k, err := p.compileChild(&s.Tables[i], i)
		if err != nil {
			return nil, err
		}
		p.kids = append(p.kids, k)
	}
	return p, nil
}

// find adds a finding and gives its number.
func (p *plan) find(f finding) int {
	p.findings = append(p.findings, f)
	return len(p.findings) - 1
}

// name spells the names of a table's expressions.
func (p *plan) name(t *Table) func(*expr.Column) string {
	return func(c *expr.Column) string {
		if c.Qualifier == "file" {
			p.joins = true
			return "f." + ident("g_"+c.Name)
		}
		if c.Qualifier == "" {
			switch c.Name {
			case "_delivery_org":
				p.joins = true
				return "f.org"
			case "_delivery_date":
				p.joins = true
				return "f.biz_date"
			case "_file_name":
				p.joins = true
				return "f.path"
			case "_record_no":
				return "s._src_row"
			}
			if t != nil {
				if i := slices.Index(t.fields(), c.Name); i >= 0 {
					if c.Name == "item_no" {
						return "s.item_no"
					}
					return fmt.Sprintf("s.i%d", i)
				}
			}
		}
		col := p.source.column(columnName(c)).sql
		p.used[col] = true
		return "s." + col
	}
}

// sql spells a mapping expression.
func (p *plan) sql(n expr.Node, t *Table) (string, error) {
	params := &expr.Params{Inline: true, Today: p.today, Columns: p.source.resolver(t), Call: p.call}
	return p.dialect.Print(n, params, p.name(t))
}

// call spells the functions that only ingest knows: keyed hashes, code maps, and conversions by the source's forms.
func (p *plan) call(c *expr.Call, args []string) (string, bool, error) {
	switch c.Name {
	case "person_key":
		for i, a := range args {
			args[i] = "CAST(" + a + " AS VARCHAR)"
		}
		return personKeyFunc + "(" + strings.Join(args, ", ") + ")", true, nil
	case "pseudonym":
		return pseudonymFunc + "(CAST(" + args[0] + " AS VARCHAR))", true, nil
	case "map":
		list, _ := c.Args[1].(*expr.Literal)
		return p.codeMap(args[0], p.source.Maps[list.Text]), true, nil
	case "to_int":
		return p.cast.value(args[0], expr.Int64Type), true, nil
	case "to_double":
		return p.cast.value(args[0], expr.DoubleType), true, nil
	case "to_decimal":
		scale := 2
		if len(c.Args) == 2 {
			if _, err := fmt.Sscanf(args[1], "%d", &scale); err != nil {
				return "", false, &expr.Error{At: c.At, Msg: "to_decimal(x, scale): the scale is a whole number"}
			}
		}
		return p.cast.value(args[0], expr.Type{Kind: expr.Decimal, Precision: 18, Scale: scale}), true, nil
	}
	if len(args) != 1 {
		return "", false, nil
	}
	switch c.Name {
	case "to_date":
		return p.cast.value(args[0], expr.DateType), true, nil
	case "to_timestamp":
		return p.cast.value(args[0], expr.TimestampType), true, nil
	case "is_date":
		return "(" + p.cast.value(args[0], expr.DateType) + " IS NOT NULL)", true, nil
	case "to_bool":
		return p.cast.value(args[0], expr.BoolType), true, nil
	}
	return "", false, nil
}

func (p *plan) codeMap(x string, list map[string]string) string {
	keys := make([]string, 0, len(list))
	for k := range list {
		if k != "*" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var b strings.Builder
	b.WriteString("CASE " + x)
	for _, k := range keys {
		b.WriteString(" WHEN " + quote(k) + " THEN " + quote(list[k]))
	}
	other, ok := list["*"]
	if !ok || len(keys) == 0 {
		if !ok {
			return b.String() + " END"
		}
		return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN %s END", x, quote(other))
	}
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN (%s ELSE %s END) END", x, b.String(), quote(other))
}
