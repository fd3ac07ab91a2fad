package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse reads one expression. at is where src begins, so that errors name the right line of a YAML or CSV file.
// What the language does not have (statements, sub-selects, windows, table names) is refused with the construct that
// says it instead.
func Parse(src string, at Pos) (Node, error) {
	tokens, err := lex(src, at)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	if p.tok().kind == tokEnd {
		return nil, &Error{p.tok().at, "empty expression"}
	}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.tok(); t.kind != tokEnd {
		return nil, p.unexpected("the end")
	}
	return n, nil
}

// MustParse is Parse for texts embedded in the program.
func MustParse(src string) Node {
	n, err := Parse(src, Pos{File: "embedded", Line: 1, Col: 1})
	if err != nil {
		panic(err)
	}
	return n
}

// ParseList reads expressions separated by commas, such as the arguments of a construct.
func ParseList(src string, at Pos) ([]Node, error) {
	tokens, err := lex(src, at)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	var out []Node
	for {
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if p.op(",") {
			continue
		}
		if p.tok().kind != tokEnd {
			return nil, p.unexpected("a comma or the end")
		}
		return out, nil
	}
}

// maxDepth bounds nesting: a definition that needs more is not one expression.
const maxDepth = 200

type parser struct {
	tokens []token
	i      int
	depth  int
}

func (p *parser) tok() token { return p.tokens[p.i] }

func (p *parser) advance() token {
	t := p.tokens[p.i]
	if t.kind != tokEnd {
		p.i++
	}
	return t
}

func (p *parser) op(text string) bool {
	if t := p.tok(); t.kind == tokOp && t.text == text {
		p.i++
		return true
	}
	return false
}

func (p *parser) word(text string) bool {
	if t := p.tok(); t.kind == tokWord && t.lower == text {
		p.i++
		return true
	}
	return false
}

func (p *parser) nextWord(text string) bool {
	if p.i+1 >= len(p.tokens) {
		return false
	}
	t := p.tokens[p.i+1]
	return t.kind == tokWord && t.lower == text
}

func (p *parser) expectOp(text string) error {
	if !p.op(text) {
		return p.unexpected(text)
	}
	return nil
}

func (p *parser) expectWord(text string) error {
	if !p.word(text) {
		return p.unexpected(text)
	}
	return nil
}

func (p *parser) unexpected(want string) error {
	t := p.tok()
	switch {
	case t.kind == tokEnd:
		return &Error{t.at, "the expression ends where " + want + " was expected"}
	case t.kind == tokWord && foreign[t.lower] != "":
		return &Error{t.at, t.lower + ": " + foreign[t.lower]}
	case t.kind == tokString:
		return &Error{t.at, "a string stands where " + want + " was expected"}
	}
	return &Error{t.at, fmt.Sprintf("%q stands where %s was expected", t.text, want)}
}

// foreign words belong to SQL but not to this language; the text says what to write instead.
var foreign = map[string]string{
	"select": "there are no sub-selects; use a construct of the measure (join, exists, stock_at_end, workdays)",
	"exists": "not in the language; use the measure's construct exists: or seen_again:",
	"over":   "there are no windows; use the measure's construct window:",
	"from":   "an expression names no tables; the measure's table: and join: do",
	"where":  "write the condition in the measure's where:", "join": "use the measure's construct join:",
	"union": "one expression, no statement", "with": "one expression, no statement", "group": "the question groups, not the expression",
	"order": "the question orders, not the expression", "having": "the question filters, not the expression",
	"limit": "the question limits, not the expression", "filter": "write the condition in the measure's where:",
	"using": "use the measure's construct join:", "on": "use the measure's construct join:",
}

// reserved words cannot be columns unless quoted.
var reserved = map[string]bool{
	"and": true, "or": true, "not": true, "is": true, "in": true, "between": true, "like": true, "case": true, "when": true, "then": true,
	"else": true, "end": true, "cast": true, "try_cast": true, "as": true, "distinct": true, "null": true, "true": true, "false": true,
}

// Binding powers, weakest first. not sits between and and the comparisons.
const (
	bpOr = iota + 1
	bpAnd
	bpNot
	bpCompare
	bpConcat
	bpAdd
	bpMul
	bpNeg
	bpCast
)

var binaryPower = map[string]int{
	"or": bpOr, "and": bpAnd, "=": bpCompare, "<>": bpCompare, "<": bpCompare, "<=": bpCompare, ">": bpCompare, ">=": bpCompare,
	"||": bpConcat, "+": bpAdd, "-": bpAdd, "*": bpMul, "/": bpMul, "%": bpMul,
}

// expression reads everything that binds tighter than above.
func (p *parser) expression(above int) (Node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, &Error{p.tok().at, fmt.Sprintf("nested deeper than %d", maxDepth)}
	}
	left, err := p.prefix()
	if err != nil {
		return nil, err
	}
	for chain := 0; ; chain++ {
		if chain > 4*maxDepth {
			return nil, &Error{p.tok().at, fmt.Sprintf("more than %d operators in a row", 4*maxDepth)}
		}
		next, more, err := p.infix(left, above)
		if err != nil {
			return nil, err
		}
		if !more {
			return left, nil
		}
		left = next
	}
}

// infix reads one operator and its right side, if it binds tighter than above.
func (p *parser) infix(left Node, above int) (Node, bool, error) {
	t := p.tok()
	name := t.text
	if t.kind == tokWord {
		name = t.lower
	} else if t.kind != tokOp {
		return nil, false, nil
	}
	if name == "::" {
		if above >= bpCast {
			return nil, false, nil
		}
		p.advance()
		to, err := p.typeName()
		return &Cast{At: t.at, X: left, To: to}, true, err
	}
	if power, ok := binaryPower[name]; ok {
		if power <= above {
			return nil, false, nil
		}
		p.advance()
		right, err := p.expression(power)
		if err == nil && power == bpCompare && p.comparisonNext() {
			err = &Error{p.tok().at, "comparisons do not chain; write a < b and b < c"}
		}
		return &Binary{At: t.at, Op: name, L: left, R: right}, true, err
	}
	if t.kind != tokWord || bpCompare <= above {
		return nil, false, nil
	}
	negated := name == "not" && (p.nextWord("in") || p.nextWord("between") || p.nextWord("like"))
	if negated {
		p.advance()
		name = p.tok().lower
	}
	var n Node
	var err error
	switch name {
	case "is":
		p.advance()
		not := p.word("not")
		err = p.expectWord("null")
		n = &IsNull{At: t.at, X: left, Not: not}
	case "in":
		p.advance()
		n, err = p.inList(t.at, left, negated)
	case "between":
		p.advance()
		n, err = p.between(t.at, left, negated)
	case "like":
		p.advance()
		var pattern Node
		pattern, err = p.expression(bpCompare)
		n = &Like{At: t.at, X: left, Pattern: pattern, Not: negated}
	default:
		return nil, false, nil
	}
	return n, true, err
}

func (p *parser) comparisonNext() bool {
	t := p.tok()
	return t.kind == tokOp && binaryPower[t.text] == bpCompare
}

func (p *parser) inList(at Pos, x Node, not bool) (Node, error) {
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	list, err := p.list()
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, &Error{at, "in () with an empty list"}
	}
	return &In{At: at, X: x, List: list, Not: not}, nil
}

func (p *parser) between(at Pos, x Node, not bool) (Node, error) {
	lo, err := p.expression(bpCompare)
	if err != nil {
		return nil, err
	}
	if err := p.expectWord("and"); err != nil {
		return nil, err
	}
	hi, err := p.expression(bpCompare)
	return &Between{At: at, X: x, Lo: lo, Hi: hi, Not: not}, err
}

// list reads expressions up to the closing bracket; the opening one has been read.
func (p *parser) list() ([]Node, error) {
	if p.op(")") {
		return nil, nil
	}
	var out []Node
	for {
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if p.op(")") {
			return out, nil
		}
		if err := p.expectOp(","); err != nil {
			return nil, err
		}
	}
}

func (p *parser) prefix() (Node, error) {
	t := p.tok()
	switch t.kind {
	case tokString:
		p.advance()
		return &Literal{At: t.at, Kind: String, Text: t.text}, nil
	case tokInt, tokDecimal, tokDouble:
		p.advance()
		return number(t), nil
	case tokQuoted:
		p.advance()
		return p.column(t)
	case tokOp:
		return p.prefixOp(t)
	case tokWord:
		return p.prefixWord(t)
	default:
		return nil, p.unexpected("a value")
	}
}

func number(t token) Node {
	kind := Int64
	switch t.kind {
	case tokDouble:
		kind = Double
	case tokDecimal:
		kind = Decimal
	default:
		if _, err := strconv.ParseInt(t.text, 10, 64); err != nil {
			kind = Decimal
		}
	}
	return &Literal{At: t.at, Kind: kind, Text: t.text}
}

func (p *parser) prefixOp(t token) (Node, error) {
	switch t.text {
	case "(":
		p.advance()
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return n, p.expectOp(")")
	case "-":
		p.advance()
		x, err := p.expression(bpNeg)
		return &Unary{At: t.at, Op: "-", X: x}, err
	case "+":
		p.advance()
		return p.expression(bpNeg)
	default:
		return nil, p.unexpected("a value")
	}
}

func (p *parser) prefixWord(t token) (Node, error) {
	switch t.lower {
	case "true", "false":
		p.advance()
		return &Literal{At: t.at, Kind: Bool, Text: t.lower}, nil
	case "null":
		p.advance()
		return &Literal{At: t.at}, nil
	case "not":
		p.advance()
		x, err := p.expression(bpNot)
		return &Unary{At: t.at, Op: "not", X: x}, err
	case "case":
		p.advance()
		return p.caseOf(t.at)
	case "cast", "try_cast":
		p.advance()
		return p.castOf(t)
	case "date", "timestamp", "interval":
		if next := p.tokens[p.i+1]; next.kind == tokString || t.lower == "interval" && next.kind == tokInt {
			p.advance()
			return p.timeLiteral(t)
		}
	case "current_date":
		p.advance()
		return &Call{At: t.at, Name: "current_date"}, nil
	}
	if foreign[t.lower] != "" && p.tokens[p.i+1].text != "." {
		return nil, p.unexpected("a value")
	}
	if reserved[t.lower] {
		return nil, p.unexpected("a value")
	}
	p.advance()
	if p.op("(") {
		return p.call(t)
	}
	return p.column(t)
}

func (p *parser) column(t token) (Node, error) {
	c := &Column{At: t.at, Name: t.text}
	if p.op(".") {
		name := p.tok()
		if name.kind != tokWord && name.kind != tokQuoted {
			return nil, p.unexpected("a column after " + t.text + ".")
		}
		p.advance()
		c.Qualifier, c.Name = t.text, name.text
		if p.tok().kind == tokOp && p.tok().text == "." {
			return nil, &Error{p.tok().at, "a column has at most one qualifier"}
		}
	}
	return c, nil
}

func (p *parser) call(t token) (Node, error) {
	c := &Call{At: t.at, Name: t.lower}
	if p.op("*") {
		if c.Name != "count" {
			return nil, &Error{t.at, c.Name + "(*): only count takes *"}
		}
		c.Star = true
		return c, p.expectOp(")")
	}
	c.Distinct = p.word("distinct")
	args, err := p.list()
	if err != nil {
		return nil, err
	}
	c.Args = args
	if next := p.tok(); next.kind == tokWord && (next.lower == "over" || next.lower == "filter") {
		return nil, p.unexpected("an operator")
	}
	return c, checkCall(c)
}

func (p *parser) caseOf(at Pos) (Node, error) {
	c := &Case{At: at}
	var err error
	if t := p.tok(); t.kind != tokWord || t.lower != "when" {
		if c.Operand, err = p.expression(0); err != nil {
			return nil, err
		}
	}
	for p.word("when") {
		var w When
		if w.Cond, err = p.expression(0); err != nil {
			return nil, err
		}
		if err = p.expectWord("then"); err != nil {
			return nil, err
		}
		if w.Then, err = p.expression(0); err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		return nil, p.unexpected("when")
	}
	if p.word("else") {
		if c.Else, err = p.expression(0); err != nil {
			return nil, err
		}
	}
	return c, p.expectWord("end")
}

func (p *parser) castOf(t token) (Node, error) {
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	x, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if err := p.expectWord("as"); err != nil {
		return nil, err
	}
	to, err := p.typeName()
	if err != nil {
		return nil, err
	}
	return &Cast{At: t.at, X: x, To: to, Try: t.lower == "try_cast"}, p.expectOp(")")
}

func (p *parser) typeName() (Type, error) {
	t := p.tok()
	if t.kind != tokWord {
		return Type{}, p.unexpected("a type")
	}
	p.advance()
	text := t.lower
	if p.op("(") {
		var params []string
		for {
			n := p.tok()
			if n.kind != tokInt {
				return Type{}, p.unexpected("a number")
			}
			params = append(params, p.advance().text)
			if p.op(")") {
				break
			}
			if err := p.expectOp(","); err != nil {
				return Type{}, err
			}
		}
		text += "(" + strings.Join(params, ",") + ")"
	}
	to, err := ParseType(text)
	if err != nil {
		return Type{}, &Error{t.at, err.Error()}
	}
	return to, nil
}

var (
	intervalText  = regexp.MustCompile(`^\s*([0-9]{1,9})\s*([A-Za-z]*)\s*$`)
	intervalUnits = []string{"second", "minute", "hour", "day", "week", "month", "quarter", "year"}
)

func (p *parser) timeLiteral(t token) (Node, error) {
	v := p.advance()
	switch t.lower {
	case "date":
		if _, err := time.Parse("2006-01-02", v.text); err != nil {
			return nil, &Error{v.at, "not a day of the calendar; write DATE '2025-01-31'"}
		}
		return &Literal{At: t.at, Kind: Date, Text: v.text}, nil
	case "timestamp":
		for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04", "2006-01-02"} {
			if when, err := time.Parse(layout, v.text); err == nil {
				return &Literal{At: t.at, Kind: Timestamp, Text: when.Format("2006-01-02 15:04:05.999999")}, nil
			}
		}
		return nil, &Error{v.at, "not a moment; write TIMESTAMP '2025-01-31 08:00:00'"}
	}
	m := intervalText.FindStringSubmatch(v.text)
	if m == nil {
		return nil, &Error{v.at, "not an interval; write INTERVAL 30 DAY"}
	}
	unit := strings.ToLower(m[2])
	if unit == "" && p.tok().kind == tokWord {
		unit = p.advance().lower
	}
	if unit = strings.TrimSuffix(unit, "s"); !slices.Contains(intervalUnits, unit) {
		return nil, &Error{v.at, "interval without a unit; write INTERVAL 30 DAY (second, minute, hour, day, week, month, quarter, year)"}
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return nil, &Error{v.at, "not an interval; write INTERVAL 30 DAY"}
	}
	switch unit { // not every engine knows these two
	case "week":
		n, unit = 7*n, "day"
	case "quarter":
		n, unit = 3*n, "month"
	}
	return &Literal{At: t.at, Kind: Interval, Text: strconv.Itoa(n), Unit: unit}, nil
}
