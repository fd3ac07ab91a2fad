package ingest

import (
	"errors"
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

// childColumns finds the source columns that children name.
func (p *plan) childColumns() error {
	seen := map[string]bool{}
	add := func(c *sourceColumn) {
		if !seen[c.sql] {
			seen[c.sql] = true
			p.raw = append(p.raw, c)
		}
	}
	for i := range p.source.Tables {
		t := &p.source.Tables[i]
		if t.Each == nil {
			continue
		}
		if t.Each.JSON != "" {
			add(p.source.column(t.Each.JSON))
		}
		for _, b := range t.branches {
			nodes := b.columns
			if b.when != nil {
				nodes = append(slices.Clone(nodes), b.when)
			}
			for _, n := range nodes {
				for _, c := range expr.Columns(n) {
					if c.Qualifier == "file" || c.Qualifier == "" && (known[c.Name].Kind != expr.Unknown || slices.Contains(t.fields(), c.Name)) {
						continue
					}
					add(p.source.column(columnName(c)))
				}
			}
		}
	}
	return nil
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

// rows adds the levels that turn expressions into a checked row of the contract: values of the contract's types, the
// list of errors and the list of warnings.
func (p *plan) rows(tp *tablePlan, l *layers) error {
	t, c := tp.table, tp.table.contract
	l.add(0, fmt.Sprintf("(_ign IS NULL AND %s_when) AS %s", tp.prefix, tp.on))
	type condition struct {
		sql string
		n   int
	}
	var errs, warns []condition
	report := func(f finding, sql string, alwaysError bool) {
		f.table = t.Table
		f.warning = f.warning || p.relaxed && !alwaysError
		n := p.find(f)
		if f.warning {
			warns = append(warns, condition{sql, n})
		} else {
			errs = append(errs, condition{sql, n})
		}
	}
	given := map[string]int{}
	discarded := map[string][]string{} // column → conditions under which its value is dropped
	tp.pick, tp.absent = map[string]string{}, map[string]string{}
	for j, a := range t.Columns {
		given[a.Column] = j
	}
	for i := range c.Columns {
		col := &c.Columns[i]
		name := ident(tp.prefix + col.Name)
		j, ok := given[col.Name]
		if !ok {
			if usedByChecks(c, col.Name) || slices.Contains(c.Key, col.Name) {
				l.add(0, fmt.Sprintf("CAST(NULL AS %s) AS %s", col.Type.SQL(), name))
				tp.values = append(tp.values, col.Name)
				if !slices.Contains(c.Key, col.Name) {
					tp.absent[col.Name] = col.Type.SQL()
				}
			}
			if col.Required && p.relaxed {
				report(required(col), "TRUE", false)
			}
			continue
		}
		tp.values = append(tp.values, col.Name)
		x := fmt.Sprintf("%sx%d", tp.prefix, j)
		node := t.branches[0].columns[j]
		from, err := expr.TypeOf(node, p.source.resolver(t))
		if err != nil {
			return err
		}
		value, badType := x, ""
		switch {
		case from.Kind == expr.String && col.Type.Kind != expr.String:
			value = p.cast.value(x, col.Type)
			if _, ok := p.plainOf(node); ok {
				value = fmt.Sprintf("CASE WHEN %s IS NULL THEN %sy%d ELSE %s END", x, tp.prefix, j, value)
			}
			badType = fmt.Sprintf("%s IS NOT NULL AND %s IS NULL", x, name)
		case from.Kind != expr.String && from != col.Type:
			value = fmt.Sprintf("TRY_CAST(%s AS %s)", x, col.Type.SQL())
			badType = fmt.Sprintf("%s IS NOT NULL AND %s IS NULL", x, name)
			if from.Kind == expr.Decimal || from.Kind == expr.Double {
				// Rounding is the mapping's business: write round() where it is meant.
				badType += fmt.Sprintf(" OR %s <> %s", x, name)
			}
		}
		if len(conversions(node)) > 0 {
			b := fmt.Sprintf("%sb%d", tp.prefix, j)
			if badType != "" {
				badType = "(" + badType + ") OR " + b
			} else {
				badType = b
			}
		}
		discard := col.Mode == schema.DiscardValue
		l.add(0, value+" AS "+name)
		discarded[col.Name] = nil
		if badType != "" {
			f := finding{
				check: col.Name + "_type", column: col.Name, category: "CONFORM", warning: discard,
				message: schema.Text{ZH: "该值不是 " + col.Type.String() + " 类型(不作四舍五入),请改正后重报", EN: "the value is no " + col.Type.String() + " (nothing is rounded); correct it and send the record again"},
			}
			report(f, badType, true)
		}
		if col.Required && !slices.Contains(t.Lacks, col.Name) {
			sql := name + " IS NULL"
			if badType != "" && !discard {
				sql = "(" + name + " IS NULL AND NOT coalesce(" + badType + ", FALSE))"
			}
			report(required(col), sql, false)
		}
		if col.Type.Kind == expr.String && col.Type.Length > 0 && (!col.Pseudonym || col.Type.Length < 22) {
			f := finding{
				check: col.Name + "_length", column: col.Name, category: "CONFORM", warning: discard,
				message: schema.Text{ZH: fmt.Sprintf("超过 %d 个字符", col.Type.Length), EN: fmt.Sprintf("longer than %d characters", col.Type.Length)},
			}
			sql := fmt.Sprintf("strlen(%[1]s) > %[2]d AND length(%[1]s) > %[2]d", name, col.Type.Length)
			report(f, sql, false)
			discarded[col.Name] = append(discarded[col.Name], sql)
		}
		if list := p.codes.of(c, col); list != nil {
			code := name
			if col.Type.Kind != expr.String {
				code = "CAST(" + name + " AS VARCHAR)"
			}
			sql := fmt.Sprintf("NOT %scode%d", tp.prefix, j)
			l.add(1, fmt.Sprintf("%s AS %scode%d", p.known(list, code, p.eventDay(t, tp)), tp.prefix, j))
			report(codeFinding(c, col, list), sql, false)
			if list.Complete {
				discarded[col.Name] = append(discarded[col.Name], "coalesce("+sql+", FALSE)")
			}
		}
	}
	checks := slices.Clone(c.Checks)
	for i := range c.Columns {
		for _, k := range c.Columns[i].Checks {
			k.Column = c.Columns[i].Name
			checks = append(checks, k)
		}
	}
	once := p.once(c, checks, tp.prefix, l)
	for i := range checks {
		k := &checks[i]
		category, discard := "PLAUSIBLE", false
		if k.Column != "" {
			if _, ok := given[k.Column]; !ok {
				continue // nothing to look at
			}
			col, _ := c.Column(k.Column)
			discard = col != nil && col.Mode == schema.DiscardValue
			category = "CONFORM"
		}
		sql, err := p.check(c, k, tp.prefix, once)
		if err != nil {
			return err
		}
		report(finding{
			check: k.ID, column: k.Column, category: category, declared: true, message: k.Message, warning: k.Severity == schema.Warning || discard,
		}, sql, false)
		if discard {
			discarded[k.Column] = append(discarded[k.Column], sql)
		}
	}
	for name, conds := range discarded {
		if col, _ := c.Column(name); col.Mode == schema.DiscardValue && len(conds) > 0 && !p.relaxed {
			tp.pick[name] = fmt.Sprintf("CASE WHEN NOT (%s) THEN %s END", strings.Join(conds, " OR "), ident(tp.prefix+name))
		}
	}
	list := func(name string, conds []condition) {
		if len(conds) == 0 {
			l.add(2, "CAST(NULL AS SMALLINT[]) AS "+name)
			return
		}
		var failed, each []string
		for _, c := range conds {
			failed = append(failed, "("+c.sql+")")
			each = append(each, fmt.Sprintf("CASE WHEN %s THEN CAST(%d AS SMALLINT) END", c.sql, c.n))
		}
		l.add(2, fmt.Sprintf("CASE WHEN %s AND (%s) THEN list_filter([%s], lambda z: z IS NOT NULL) END AS %s",
			tp.on, strings.Join(failed, " OR "), strings.Join(each, ", "), name))
	}
	list(tp.err, errs)
	list(tp.warn, warns)
	return nil
}

func required(col *schema.Column) finding {
	return finding{
		check: col.Name + "_required", column: col.Name, category: "COMPLETE",
		message: schema.Text{ZH: "必填项为空", EN: "a required value is missing"},
	}
}

// check spells a contract's check as "this row breaks it"; a check that gives null is kept.
func (p *plan) check(c *schema.Table, k *schema.Check, prefix string, call func(*expr.Call, []string) (string, bool, error)) (string, error) {
	n, err := parsed(c, k)
	if err != nil {
		return "", err
	}
	text, err := p.dialect.Print(n, p.checkParams(c, call), func(col *expr.Column) string { return ident(prefix + col.Name) })
	if err != nil {
		return "", fmt.Errorf("table %s: check %s: %w", c.Name, k.ID, err)
	}
	return "NOT coalesce(" + text + ", TRUE)", nil
}

func (p *plan) checkParams(c *schema.Table, call func(*expr.Call, []string) (string, bool, error)) *expr.Params {
	return &expr.Params{Inline: true, Today: p.today, Columns: contractColumns(c), Call: call}
}

func parsed(c *schema.Table, k *schema.Check) (expr.Node, error) {
	if k.Parsed != nil {
		return k.Parsed, nil
	}
	return expr.Parse(k.Expr, expr.Pos{File: c.File, Line: 1, Col: 1})
}

// once makes a column of what several checks compute of a text, as left(code, 3), and gives the spelling of such calls.
// DuckDB would compute each for itself: one check of sex and diagnosis by eight ranges of codes cost as much as all
// others.
func (p *plan) once(c *schema.Table, checks []schema.Check, prefix string, l *layers) func(*expr.Call, []string) (string, bool, error) {
	name := func(col *expr.Column) string { return ident(prefix + col.Name) }
	times := map[string]int{}
	var order []string
	for i := range checks {
		n, err := parsed(c, &checks[i])
		if err != nil {
			continue // check tells of it
		}
		expr.Walk(n, func(n expr.Node) bool {
			if call, ok := n.(*expr.Call); ok && textual[call.Name] {
				if text, err := p.dialect.Print(call, p.checkParams(c, nil), name); err == nil {
					if times[text]++; times[text] == 2 {
						order = append(order, text)
					}
					return false
				}
			}
			return true
		})
	}
	for i, text := range order {
		l.add(1, fmt.Sprintf("%s AS %sonce%d", text, prefix, i))
	}
	return func(call *expr.Call, _ []string) (string, bool, error) {
		if !textual[call.Name] {
			return "", false, nil
		}
		text, err := p.dialect.Print(call, p.checkParams(c, nil), name)
		i := slices.Index(order, text)
		return fmt.Sprintf("%sonce%d", prefix, i), i >= 0, err
	}
}

// textual are the functions worth computing once: they never fail.
var textual = map[string]bool{"left": true, "right": true, "substr": true, "length": true, "upper": true, "lower": true, "trim": true}

func usedByChecks(c *schema.Table, column string) bool {
	uses := func(k schema.Check) bool {
		n := k.Parsed
		if n == nil {
			n, _ = expr.Parse(k.Expr, expr.Pos{})
		}
		return n != nil && slices.ContainsFunc(expr.Columns(n), func(x *expr.Column) bool { return x.Name == column })
	}
	if slices.ContainsFunc(c.Checks, uses) {
		return true
	}
	for i := range c.Columns {
		if slices.ContainsFunc(c.Columns[i].Checks, uses) {
			return true
		}
	}
	return false
}

// compileChild makes the statement for a table with several rows a record.
func (p *plan) compileChild(t *Table, i int) (tablePlan, error) {
	tp := tablePlan{table: t, temp: fmt.Sprintf("kid%d", i), on: "_on", err: "_err", warn: "_warn"}
	from := "rec s"
	if t.Each.JSON != "" {
		from = p.elements(t)
	}
	var selects, wheres []string
	for _, b := range t.branches {
		items := []string{"s._file", "s._del", "s._src_row", "s._src_offset", "CAST(NULL AS SMALLINT) AS _ign", "TRUE AS _when"}
		if t.Each.JSON != "" {
			items = append(items, "s.item_no AS _n")
		} else {
			items = append(items, fmt.Sprintf("%d AS _n", b.n))
		}
		p.joins = false
		xs, err := p.expressions(t, b, "")
		if err != nil {
			return tp, err
		}
		where := "NOT s._bad AND s._ign IS NULL"
		if b.when != nil {
			text, err := p.sql(b.when, t)
			if err != nil {
				return tp, err
			}
			where += " AND (" + text + ")"
		}
		selects = append(selects, "SELECT "+strings.Join(append(items, xs...), ", ")+"\nFROM "+from+p.join()+"\nWHERE "+where)
		wheres = append(wheres, where)
	}
	var levels layers
	if err := p.rows(&tp, &levels); err != nil {
		return tp, err
	}
	keep := []string{"_file", "_del", "_src_row", "_src_offset", "_n", tp.err, tp.warn, tp.on}
	for _, v := range tp.held() {
		keep = append(keep, tp.taken(v))
	}
	tp.create = func(live []int) string {
		chosen := make([]string, 0, len(live))
		for _, i := range live {
			chosen = append(chosen, selects[i])
		}
		return fmt.Sprintf("CREATE OR REPLACE TABLE %s AS\nSELECT %s\nFROM (%s)", tp.temp, strings.Join(keep, ", "), levels.wrap(strings.Join(chosen, "\nUNION ALL ")))
	}
	tp.probe = probe(from+p.join(), wheres)
	return tp, nil
}

// elements is rec with one row an element of a JSON column.
func (p *plan) elements(t *Table) string {
	col := p.source.column(t.Each.JSON).sql
	var fields []string
	names := t.fields()
	nulls := make([]string, 0, 2)
	for _, w := range p.source.nulls() {
		nulls = append(nulls, quote(w))
	}
	for i, f := range names[:len(names)-1] {
		x := fmt.Sprintf("trim(json_extract_string(e, %s))", quote(`$."`+f+`"`))
		if len(t.Each.Fields) == 0 {
			x = "trim(json_extract_string(e, '$'))"
		}
		fields = append(fields, fmt.Sprintf("CASE WHEN %[1]s NOT IN (%[2]s) THEN %[1]s END AS i%[3]d", x, strings.Join(nulls, ", "), i))
	}
	array := fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL AND json_type(%[1]s) = 'OBJECT' THEN '[' || %[1]s || ']' WHEN %[1]s IS NOT NULL AND json_type(%[1]s) = 'ARRAY' THEN %[1]s END", col)
	return fmt.Sprintf(`(SELECT *, %s FROM (
    SELECT *, unnest(l) AS e, unnest(range(1, len(l) + 1)) AS item_no
    FROM (SELECT *, from_json(%s, '["JSON"]') AS l FROM rec WHERE NOT _bad AND _ign IS NULL))) s`, strings.Join(fields, ", "), array)
}

// nulls are the words that stand for nothing.
func (s *Source) nulls() []string {
	words := s.Null
	if s.Format == "csv" && len(s.CSV.Null) > 0 {
		words = s.CSV.Null
	}
	if !slices.Contains(words, "") {
		words = append(slices.Clone(words), "")
	}
	return words
}
