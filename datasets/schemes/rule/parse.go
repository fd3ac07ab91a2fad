package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const classPrefix = "class"

// maxDepth bounds brackets, so that no text can exhaust the stack.
const maxDepth = 64

// Parse reads a condition. Operators are & | ! and brackets; & binds closer than |.
func Parse(text string) (Expr, error) {
	p := &parser{text: text}
	p.next()
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.kind != 0 {
		return nil, p.fault("nothing may follow here")
	}
	return e, nil
}

type parser struct {
	text string
	pos  int    // after tok
	at   int    // of tok
	tok  string // "" at the end
	kind byte   // 'w'ord, 'n'umber, 's'tring, 'p'unctuation
	err  error
}

func (p *parser) fault(format string, args ...any) error {
	if p.err != nil {
		return p.err
	}
	found := "the end"
	if p.kind != 0 {
		found = strconv.Quote(p.tok)
	}
	return fmt.Errorf("condition %q: column %d: %s, found %s", p.text, p.at+1, fmt.Sprintf(format, args...), found)
}

func (p *parser) or(depth int) (Expr, error) {
	if depth > maxDepth {
		return nil, p.fault("more than %d brackets deep", maxDepth)
	}
	var parts Or
	for {
		part, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if !p.is("|") {
			break
		}
		p.next()
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return parts, nil
}

func (p *parser) and(depth int) (Expr, error) {
	var parts And
	for {
		part, err := p.not(depth)
		if err != nil {
			return nil, err
		}
		if inner, ok := part.(And); ok { // a & (b & c) is a & b & c
			parts = append(parts, inner...)
		} else {
			parts = append(parts, part)
		}
		if !p.is("&") {
			break
		}
		p.next()
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return parts, nil
}

func (p *parser) not(depth int) (Expr, error) {
	switch {
	case p.is("!"):
		if depth > maxDepth {
			return nil, p.fault("more than %d brackets deep", maxDepth)
		}
		p.next()
		x, err := p.not(depth + 1)
		if err != nil {
			return nil, err
		}
		return Not{x}, nil
	case p.is("("):
		p.next()
		x, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return x, p.expect(")")
	case p.kind == 'w':
		return p.atom()
	}
	return nil, p.fault("want a condition")
}

// is compares the token; what stands in quotes is never an operator.
func (p *parser) is(tok string) bool { return p.tok == tok && p.kind != 's' }

func (p *parser) expect(tok string) error {
	if !p.is(tok) {
		return p.fault("want %q", tok)
	}
	p.next()
	return p.err
}

func (p *parser) atom() (Expr, error) {
	word := strings.ToUpper(p.tok) // people write words as they please
	if word == "CLS" {
		p.next()
		return p.class()
	}
	if word == "MULTI_SITE" { // injuries of two or more body regions
		p.next()
		return Number{Of: Parts, Lo: 2, Hi: math.Inf(1), text: ">=2"}, p.err
	}
	for i, name := range positionNames {
		if word == name {
			p.next()
			return p.codes(Position(i))
		}
	}
	for i, name := range quantityNames {
		if word == name {
			p.next()
			return p.number(Quantity(i))
		}
	}
	for i, name := range flagNames {
		if word == name {
			p.next()
			return Flag(i), p.err
		}
	}
	if word == "DEPT" {
		p.next()
		return p.dept()
	}
	return nil, p.fault("no such word in the language of grouping rules (see docs/schemes.md)")
}

func (p *parser) class() (Expr, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if p.kind != 'n' {
		return nil, p.fault("want the number of a class")
	}
	c := Codes{Where: AnyOP, List: List{No: classPrefix + p.tok}}
	p.next()
	return c, p.expect(")")
}

func (p *parser) codes(where Position) (Expr, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var list List
	switch {
	case p.kind == 's':
		list.Code, list.Prefix = strings.CutSuffix(p.tok, "*")
		if list.Prefix && strings.Contains(list.Code, "+") { // a dagger pair ends in a star of its own
			list.Code, list.Prefix = p.tok, false
		}
		if list.Code == "" {
			return nil, p.fault("want a code")
		}
	case p.kind == 'n':
		list.No = p.tok
	case p.is("*"):
		list.Present = true
	case strings.EqualFold(p.tok, "mdc") && where.Diagnosis():
		list.MDC = true
	case strings.EqualFold(p.tok, "valid") && !where.Diagnosis():
		list.Valid = true
	case p.kind == 'w' && !strings.EqualFold(p.tok, "mdc") && !strings.EqualFold(p.tok, "valid"):
		adrg, no, found := strings.Cut(p.tok, ".")
		switch {
		case found && no != "":
			list.ADRG, list.No = adrg, no
		case strings.HasPrefix(p.tok, classPrefix):
			list.No = p.tok
		default:
			list.ADRG, list.No = p.tok, "1"
		}
	default:
		return nil, p.fault("want a list: a number, mdc, valid, ADRG.number, 'code' or 'beginning*'")
	}
	p.next()
	return Codes{Where: where, List: list}, p.expect(")")
}

func (p *parser) number(of Quantity) (Expr, error) {
	op := p.tok
	if p.kind == 's' {
		return nil, p.fault("want a comparison")
	}
	p.next()
	if strings.EqualFold(op, "IN") {
		return p.in(of)
	}
	n := Number{Of: of, Lo: math.Inf(-1), Hi: math.Inf(1)}
	if op != "=" && op != "==" && op != "<" && op != "<=" && op != ">" && op != ">=" {
		return nil, p.fault("want = < <= > >= or IN after %s", of)
	}
	text := p.tok
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	n.text = op + text
	switch op {
	case "=", "==":
		n.Lo, n.Hi = v, v
	case "<":
		n.Hi, n.HiOpen = v, true
	case "<=":
		n.Hi = v
	case ">":
		n.Lo, n.LoOpen = v, true
	case ">=":
		n.Lo = v
	}
	return n, nil
}

// in reads IN (2,5), also written IN {2,5}, and the closed interval IN 3..7.
func (p *parser) in(of Quantity) (Expr, error) {
	end := ")"
	if p.is("{") {
		end = "}"
	} else if !p.is("(") {
		from, to, found := strings.Cut(p.tok, "..")
		lo, err1 := strconv.ParseFloat(from, 64)
		hi, err2 := strconv.ParseFloat(to, 64)
		if !found || p.kind != 'n' || err1 != nil || err2 != nil || lo > hi {
			return nil, p.fault("want IN (a,b) or IN a..b")
		}
		n := Number{Of: of, Lo: lo, Hi: hi, text: " IN " + p.tok}
		p.next()
		return n, p.err
	}
	p.next()
	one := OneOf{Of: of}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		one.Values = append(one.Values, v)
		if !p.is(",") {
			return one, p.expect(end)
		}
		p.next()
	}
}

func (p *parser) value() (float64, error) {
	if p.kind != 'n' && p.kind != 's' { // SEX='1' is written in some tables
		return 0, p.fault("want a number")
	}
	v, err := strconv.ParseFloat(p.tok, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, p.fault("want a number")
	}
	p.next()
	return v, p.err
}

func (p *parser) dept() (Expr, error) {
	in := strings.EqualFold(p.tok, "IN") && p.kind != 's'
	if !in && p.tok != "=" && p.tok != "==" {
		return nil, p.fault("want = or IN after DEPT")
	}
	p.next()
	var d Dept
	end := ")"
	if in && p.is("{") {
		end = "}"
		p.next()
	} else if in {
		if err := p.expect("("); err != nil {
			return nil, err
		}
	}
	for {
		if p.tok == "" || p.kind == 'p' {
			return nil, p.fault("want the name of a department in quotes")
		}
		d.Names = append(d.Names, p.tok)
		p.next()
		if !in {
			return d, p.err
		}
		if !p.is(",") {
			return d, p.expect(end)
		}
		p.next()
	}
}

// next reads one token; a character of no token is a fault that the following expect or fault reports.
func (p *parser) next() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
	p.at = p.pos
	if p.pos == len(p.text) {
		p.tok, p.kind = "", 0
		return
	}
	c := p.text[p.pos]
	switch {
	case c == '\'' || c == '"':
		end := strings.IndexByte(p.text[p.pos+1:], c)
		if end < 0 {
			p.tok, p.kind = p.text[p.pos:], 'p'
			p.pos = len(p.text)
			p.err = fmt.Errorf("condition %q: column %d: the quote is not closed", p.text, p.at+1)
			return
		}
		p.tok, p.kind = p.text[p.pos+1:p.pos+1+end], 's'
		p.pos += end + 2
	case c >= '0' && c <= '9':
		p.take('n', func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })
	case isLetter(c):
		p.take('w', func(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '.' })
	default:
		n := 1
		if two := p.text[p.pos:min(p.pos+2, len(p.text))]; two == "<=" || two == ">=" || two == "==" {
			n = 2
		}
		p.tok, p.kind = p.text[p.pos:p.pos+n], 'p'
		p.pos += n
	}
}

func (p *parser) take(kind byte, ok func(byte) bool) {
	for p.pos < len(p.text) && ok(p.text[p.pos]) {
		p.pos++
	}
	p.tok, p.kind = p.text[p.at:p.pos], kind
}

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' }
