package queries

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A formula is a small arithmetic over measures, indicators and elapsed time:
//
//	st_ip - st_x_ip        (vb_old - vb_new) / vb_old        bd_open / bd_days        yoy(H026)        peak_over(hour, op_all)
//	at_least(G009, 1)
//
// + − × ÷ and brackets; yoy(x) is the relative change to the same period a year earlier; peak_over(hour, x) the largest
// single hour; at_least(x, y) is 1 where x is y or more, else 0, and nothing where one of them is; elapsed_hours, elapsed_days, elapsed_months and elapsed_share are calendar time of the period.
type formula interface{ text() string }

type (
	constant  float64
	reference string // a measure or an indicator
	elapsed   string
	negation  struct{ of formula }
	operation struct {
		op   byte // + - * /
		l, r formula
	}
	changeOf struct {
		comparison string // yoy, mom
		of         formula
	}
	atLeast  struct{ of, limit formula }
	peakOver struct {
		unit string // hour
		of   reference
	}
)

var elapsedNames = []string{"elapsed_hours", "elapsed_days", "elapsed_months", "elapsed_share"}

func (c constant) text() string  { return strconv.FormatFloat(float64(c), 'g', -1, 64) }
func (r reference) text() string { return string(r) }
func (e elapsed) text() string   { return string(e) }
func (n negation) text() string  { return "-" + n.of.text() }
func (o operation) text() string {
	return "(" + o.l.text() + " " + string(o.op) + " " + o.r.text() + ")"
}
func (c changeOf) text() string { return c.comparison + "(" + c.of.text() + ")" }
func (a atLeast) text() string  { return "at_least(" + a.of.text() + ", " + a.limit.text() + ")" }
func (p peakOver) text() string { return "peak_over(" + p.unit + ", " + p.of.text() + ")" }

// parseFormula reads a formula; its errors say at which character.
func parseFormula(src string) (formula, error) {
	p := &formulaParser{src: src}
	f, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.src) {
		return nil, p.fail("an operator")
	}
	return f, nil
}

// references lists what a formula names, in order of appearance.
func references(f formula) []string {
	var out []string
	walkFormula(f, func(n formula) {
		if r, ok := n.(reference); ok && !slices.Contains(out, string(r)) {
			out = append(out, string(r))
		}
	})
	return out
}

func walkFormula(f formula, visit func(formula)) {
	visit(f)
	switch f := f.(type) {
	case negation:
		walkFormula(f.of, visit)
	case operation:
		walkFormula(f.l, visit)
		walkFormula(f.r, visit)
	case changeOf:
		walkFormula(f.of, visit)
	case atLeast:
		walkFormula(f.of, visit)
		walkFormula(f.limit, visit)
	case peakOver:
		walkFormula(f.of, visit)
	}
}

type formulaParser struct {
	src string
	at  int
}

func (p *formulaParser) sum() (formula, error) {
	l, err := p.product()
	for err == nil {
		p.space()
		op := p.peek()
		if op != '+' && op != '-' {
			return l, nil
		}
		p.at++
		var r formula
		if r, err = p.product(); err == nil {
			l = operation{op, l, r}
		}
	}
	return nil, err
}

func (p *formulaParser) product() (formula, error) {
	l, err := p.factor()
	for err == nil {
		p.space()
		op := p.peek()
		if op != '*' && op != '/' {
			return l, nil
		}
		p.at++
		var r formula
		if r, err = p.factor(); err == nil {
			l = operation{op, l, r}
		}
	}
	return nil, err
}

func (p *formulaParser) factor() (formula, error) {
	p.space()
	switch c := p.peek(); {
	case c == '-':
		p.at++
		of, err := p.factor()
		return negation{of}, err
	case c == '(':
		p.at++
		f, err := p.sum()
		if err != nil {
			return nil, err
		}
		return f, p.expect(')')
	case c >= '0' && c <= '9' || c == '.':
		start := p.at
		for p.at < len(p.src) && strings.IndexByte("0123456789.", p.src[p.at]) >= 0 {
			p.at++
		}
		v, err := strconv.ParseFloat(p.src[start:p.at], 64)
		if err != nil {
			p.at = start
			return nil, p.fail("a number")
		}
		return constant(v), nil
	case isWord(c):
		return p.named()
	default:
		return nil, p.fail("a measure, an indicator, a number or a bracket")
	}
}

func (p *formulaParser) named() (formula, error) {
	name := p.word()
	p.space()
	if p.peek() != '(' {
		if slices.Contains(elapsedNames, name) {
			return elapsed(name), nil
		}
		return reference(name), nil
	}
	p.at++
	switch name {
	case "yoy", "mom":
		of, err := p.sum()
		if err != nil {
			return nil, err
		}
		return changeOf{name, of}, p.expect(')')
	case "at_least":
		of, err := p.sum()
		if err != nil {
			return nil, err
		}
		if err := p.expect(','); err != nil {
			return nil, err
		}
		limit, err := p.sum()
		if err != nil {
			return nil, err
		}
		return atLeast{of, limit}, p.expect(')')
	case "peak_over":
		p.space()
		unit := p.word()
		if unit != "hour" {
			return nil, p.fail("hour")
		}
		if err := p.expect(','); err != nil {
			return nil, err
		}
		p.space()
		of := p.word()
		if of == "" {
			return nil, p.fail("a measure")
		}
		return peakOver{unit, reference(of)}, p.expect(')')
	default:
		return nil, fmt.Errorf("formula %q: no function %q; there are yoy, mom, at_least and peak_over", p.src, name)
	}
}

func (p *formulaParser) word() string {
	start := p.at
	for p.at < len(p.src) && isWord(p.src[p.at]) {
		p.at++
	}
	return p.src[start:p.at]
}

func (p *formulaParser) space() {
	for p.at < len(p.src) && unicode.IsSpace(rune(p.src[p.at])) {
		p.at++
	}
}

func (p *formulaParser) peek() byte {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

func (p *formulaParser) expect(c byte) error {
	p.space()
	if p.peek() != c {
		return p.fail(string(c))
	}
	p.at++
	return nil
}

func (p *formulaParser) fail(want string) error {
	return fmt.Errorf("formula %q: wants %s at character %d", p.src, want, p.at+1)
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
