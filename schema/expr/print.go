package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Params collects the values that a printed text binds, in the order of their placeholders, and carries what only the
// caller knows. The zero value is ready.
type Params struct {
	Values []any

	// Inline writes values into the text as quoted literals instead of binding them: for statements that an engine
	// cannot prepare (COPY), never for values that came from a request.
	Inline bool
	// Today (2025-01-31) is what current_date means; without it, a text that says current_date is refused.
	Today string
	// Columns gives the types of columns; with it, date + days is spelled right in engines that need to know.
	Columns Resolver
	// Call may spell a call in another way (maps, keyed hashes); false leaves it to the dialect.
	Call func(c *Call, args []string) (string, bool, error)
}

// Bind adds a value and gives its placeholder.
func (d *Dialect) Bind(p *Params, value any) string {
	p.Values = append(p.Values, value)
	if d.Parameter == "?" {
		return "?"
	}
	return fmt.Sprintf("$%d", len(p.Values))
}

// Print spells a tree for the engine. Texts, dates and timestamps become bound parameters; numbers, truth values and
// null are written as they are (a tree holds them checked). name spells a column; nil quotes it with its qualifier.
func (d *Dialect) Print(n Node, p *Params, name func(*Column) string) (string, error) {
	if p == nil {
		p = &Params{Inline: true}
	}
	if name == nil {
		name = func(c *Column) string {
			if c.Qualifier != "" {
				return d.Ident(c.Qualifier) + "." + d.Ident(c.Name)
			}
			return d.Ident(c.Name)
		}
	}
	pr := &printer{d: d, p: p, name: name}
	text := pr.print(n, 0)
	return text, errors.Join(pr.errs...)
}

type printer struct {
	d    *Dialect
	p    *Params
	name func(*Column) string
	errs []error
}

func (pr *printer) fail(at Pos, format string, args ...any) string {
	pr.errs = append(pr.errs, &Error{at, fmt.Sprintf(format, args...)})
	return "NULL"
}

// print spells n for surroundings that bind with above. Parameters are bound from left to right, as "?" needs: no
// template may use an argument with a bound value twice, so such arguments are inlined (see call).
func (pr *printer) print(n Node, above int) string {
	text, own := pr.node(n)
	if own <= above && above > 0 {
		return "(" + text + ")"
	}
	return text
}

func (pr *printer) node(n Node) (string, int) {
	not := func(yes bool) string {
		if yes {
			return " NOT"
		}
		return ""
	}
	switch n := n.(type) {
	case *Literal:
		return pr.literal(n), bpCast
	case *Column:
		return pr.name(n), bpCast
	case *Unary:
		if n.Op == "not" {
			return "NOT " + pr.print(n.X, bpNot), bpNot
		}
		return "-" + pr.print(n.X, bpNeg), bpNeg
	case *Binary:
		return pr.binary(n)
	case *IsNull:
		return pr.print(n.X, bpCompare) + " IS" + not(n.Not) + " NULL", bpCompare
	case *In:
		return pr.print(n.X, bpCompare) + not(n.Not) + " IN (" + strings.Join(pr.list(n.List), ", ") + ")", bpCompare
	case *Between:
		return pr.print(n.X, bpCompare) + not(n.Not) + " BETWEEN " + pr.print(n.Lo, bpCompare) + " AND " + pr.print(n.Hi, bpCompare), bpCompare
	case *Like:
		return pr.print(n.X, bpCompare) + not(n.Not) + " LIKE " + pr.print(n.Pattern, bpCompare), bpCompare
	case *Case:
		return pr.caseOf(n), bpCast
	case *Cast:
		word := "CAST"
		if n.Try {
			word = pr.d.TryCast
		}
		return word + "(" + pr.print(n.X, 0) + " AS " + pr.d.TypeName(n.To) + ")", bpCast
	case *Call:
		return pr.call(n), bpCast
	default:
		return pr.fail(Pos{}, "expression node %T: not of this language", n), bpCast
	}
}

func (pr *printer) list(nodes []Node) []string {
	out := make([]string, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, pr.print(n, 0))
	}
	return out
}

func (pr *printer) binary(n *Binary) (string, int) {
	if text, ok := pr.dateArithmetic(n); ok {
		return text, bpCast
	}
	if t, ok := pr.d.Operators[n.Op]; ok {
		l := pr.print(n.L, 0)
		text := "(" + fill(t, []string{l, pr.print(n.R, 0)}, nil) + ")"
		if len(text) > maxPrinted {
			text = pr.fail(n.At, "%s: too long to be spelled in %s", n.Op, pr.d.Name)
		}
		return text, bpCast
	}
	own := binaryPower[n.Op]
	left := pr.print(n.L, leftMin(own))
	return left + " " + strings.ToUpper(n.Op) + " " + pr.print(n.R, own), own
}

// dateArithmetic spells date ± days and date - date where the types say that it is one.
func (pr *printer) dateArithmetic(n *Binary) (string, bool) {
	if n.Op != "+" && n.Op != "-" || pr.p.Columns == nil {
		return "", false
	}
	left, errL := TypeOf(n.L, pr.p.Columns)
	right, errR := TypeOf(n.R, pr.p.Columns)
	if errL != nil || errR != nil || left.Kind != Date && right.Kind != Date {
		return "", false
	}
	var template string
	switch {
	case left.Kind == Date && right.Kind == Date:
		template = pr.d.DateDiff
	case left.Kind == Date && right.Numeric() && n.Op == "+":
		template = pr.d.DateAdd
	case left.Kind == Date && right.Numeric():
		template = pr.d.DateSub
	default:
		return "", false
	}
	l := pr.print(n.L, bpAdd-1)
	return fill(template, []string{l, pr.print(n.R, bpAdd)}, nil), true
}

var (
	numberText  = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$`)
	plainNumber = regexp.MustCompile(`^[0-9]+$`)
)

func (pr *printer) literal(n *Literal) string {
	value := func(text string) string {
		if pr.p.Inline {
			if strings.ContainsRune(text, 0) {
				return pr.fail(n.At, "text with a NUL character")
			}
			return "'" + strings.ReplaceAll(text, "'", "''") + "'"
		}
		return pr.d.Bind(pr.p, text)
	}
	switch n.Kind {
	case Unknown:
		return "NULL"
	case Bool:
		if n.Text == "true" {
			return "TRUE"
		}
		return "FALSE"
	case Int32, Int64, Decimal, Double:
		if !numberText.MatchString(n.Text) {
			return pr.fail(n.At, "a number literal that is no number")
		}
		return n.Text
	case Date:
		return "CAST(" + value(n.Text) + " AS " + pr.d.TypeName(DateType) + ")"
	case Timestamp:
		return "CAST(" + value(n.Text) + " AS " + pr.d.TypeName(TimestampType) + ")"
	case Interval:
		if !plainNumber.MatchString(n.Text) {
			return pr.fail(n.At, "an interval literal that is no number")
		}
		return strings.NewReplacer("{n}", n.Text, "{unit}", strings.ToUpper(n.Unit)).Replace(pr.d.Interval)
	default:
		return value(n.Text)
	}
}

func (pr *printer) caseOf(n *Case) string {
	var b strings.Builder
	b.WriteString("CASE")
	if n.Operand != nil {
		b.WriteString(" " + pr.print(n.Operand, 0))
	}
	for _, w := range n.Whens {
		b.WriteString(" WHEN " + pr.print(w.Cond, 0))
		b.WriteString(" THEN " + pr.print(w.Then, 0))
	}
	if n.Else != nil {
		b.WriteString(" ELSE " + pr.print(n.Else, 0))
	}
	return b.String() + " END"
}

func (pr *printer) call(n *Call) string {
	if n.Name == "current_date" {
		if pr.p.Today == "" {
			return pr.fail(n.At, "current_date: nothing says which day that is here")
		}
		return pr.literal(&Literal{At: n.At, Kind: Date, Text: pr.p.Today})
	}
	if n.Star {
		return n.Name + "(*)"
	}
	spell, ok := pr.d.Functions[n.Name]
	if !ok && pr.p.Call == nil {
		if why := pr.d.Missing[n.Name]; why != "" {
			return pr.fail(n.At, "%s cannot be said in %s: %s", n.Name, pr.d.Name, why)
		}
		return pr.fail(n.At, "no function %s in %s", n.Name, pr.d.Name)
	}
	args := n.Args
	template := ""
	if ok {
		template = spell.SQL
		if def := functions[n.Name]; def.Units != nil && len(spell.Units) > 0 {
			if unit, isText := args[0].(*Literal); isText {
				template, args = spell.Units[strings.ToLower(unit.Text)], args[1:]
			}
		}
		if t, has := spell.ByLen[len(args)]; has {
			template = t
		}
	}
	printed := pr.args(args, template)
	if pr.p.Call != nil {
		text, done, err := pr.p.Call(n, printed)
		if err != nil {
			pr.errs = append(pr.errs, err)
		}
		if done {
			return text
		}
		if !ok {
			return pr.fail(n.At, "%s cannot be said in %s: %s", n.Name, pr.d.Name, pr.d.Missing[n.Name])
		}
	}
	if n.Distinct {
		return n.Name + "(DISTINCT " + strings.Join(printed, ", ") + ")"
	}
	var each func(string) string
	if spell.Each != "" {
		each = func(a string) string { return strings.ReplaceAll(spell.Each, "{}", a) }
	}
	text := fill(template, printed, each)
	if len(text) > maxPrinted { // a template may use an argument many times: nested, that grows without end
		return pr.fail(n.At, "%s: nested too deeply to be spelled in %s", n.Name, pr.d.Name)
	}
	return text
}

// maxPrinted bounds one call; real ones stay below a few thousand bytes.
const maxPrinted = 1 << 18

// args prints arguments. Where a template uses them other than once each and in order, positional parameters ("?")
// would be bound wrongly: then values are written inline, quoted.
func (pr *printer) args(args []Node, template string) []string {
	if pr.d.Parameter != "?" || inOrder(template, len(args)) {
		return pr.list(args)
	}
	outer := pr.p
	inner := *outer
	inner.Inline = true
	pr.p = &inner
	defer func() { pr.p = outer }()
	return pr.list(args)
}

// inOrder says whether a template names each of n arguments once, from left to right.
func inOrder(template string, n int) bool {
	next := 1
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		switch {
		case m[1] == "args" && next == 1:
			next = n + 1
		case m[1] == "rest" && next == 2:
			next = n + 1
		case len(m[1]) == 1 && int(m[1][0]-'0') == next:
			next++
		default:
			return false
		}
	}
	return next == n+1
}
