package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

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
