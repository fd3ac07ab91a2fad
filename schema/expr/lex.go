package expr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a fault in a text, with its place.
type Error struct {
	At  Pos
	Msg string
}

func (e *Error) Error() string { return e.At.String() + ": " + e.Msg }

// String is file:line:col, as editors and terminals understand it.
func (p Pos) String() string {
	switch {
	case p.File == "" && p.Line == 0:
		return fmt.Sprintf("col %d", p.Col)
	case p.File == "":
		return fmt.Sprintf("line %d:%d", p.Line, p.Col)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
}

type tokenKind int

const (
	tokEnd tokenKind = iota
	tokWord
	tokQuoted // "identifier"
	tokString
	tokInt
	tokDecimal
	tokDouble
	tokOp
)

type token struct {
	kind  tokenKind
	text  string // without quotes; operators as written
	lower string // words in lower case
	at    Pos
}

// maxText is far above any real expression and keeps a hostile one from costing memory.
const maxText = 1 << 16

// lex cuts a text into tokens. at is where its first character stands.
func lex(src string, at Pos) ([]token, error) {
	if at.Col == 0 {
		at.Col = 1
	}
	if len(src) > maxText {
		return nil, &Error{at, fmt.Sprintf("expression of %d bytes; at most %d", len(src), maxText)}
	}
	if !utf8.ValidString(src) {
		return nil, &Error{at, "expression is not UTF-8"}
	}
	var out []token
	l := lexer{src: src, at: at}
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		if t.kind == tokEnd {
			return out, nil
		}
	}
}

type lexer struct {
	src string
	off int
	at  Pos
}

func (l *lexer) peek() rune {
	if l.off >= len(l.src) {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.off:])
	return r
}

func (l *lexer) take() rune {
	r, size := utf8.DecodeRuneInString(l.src[l.off:])
	l.off += size
	if r == '\n' {
		l.at.Line++
		l.at.Col = 1
	} else {
		l.at.Col++
	}
	return r
}

func (l *lexer) next() (token, error) {
	for {
		r := l.peek()
		if r == '-' && strings.HasPrefix(l.src[l.off:], "--") { // a comment runs to the end of the line
			for r = l.peek(); r != -1 && r != '\n'; r = l.peek() {
				l.take()
			}
			continue
		}
		if r == -1 || !unicode.IsSpace(r) {
			break
		}
		l.take()
	}
	at, start := l.at, l.off
	r := l.peek()
	switch {
	case r == -1:
		return token{kind: tokEnd, at: at}, nil
	case r == '\'':
		text, err := l.quoted('\'', "string")
		return token{kind: tokString, text: text, at: at}, err
	case r == '"':
		text, err := l.quoted('"', "column name")
		if err == nil && text == "" {
			err = &Error{at, `empty column name ""`}
		}
		return token{kind: tokQuoted, text: text, at: at}, err
	case r == '_' || unicode.IsLetter(r):
		for r = l.peek(); r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r); r = l.peek() {
			l.take()
		}
		text := l.src[start:l.off]
		return token{kind: tokWord, text: text, lower: strings.ToLower(text), at: at}, nil
	case isDigit(r) || r == '.' && l.off+1 < len(l.src) && isDigit(rune(l.src[l.off+1])):
		return l.number(at, start)
	}
	for _, op := range []string{"<>", "<=", ">=", "!=", "||", "::"} {
		if strings.HasPrefix(l.src[l.off:], op) {
			l.take()
			l.take()
			if op == "!=" {
				op = "<>"
			}
			return token{kind: tokOp, text: op, at: at}, nil
		}
	}
	if strings.ContainsRune("=<>+-*/%(),.", r) {
		l.take()
		return token{kind: tokOp, text: string(r), at: at}, nil
	}
	if r == ';' {
		return token{}, &Error{at, "; ends a statement; this is one expression"}
	}
	return token{}, &Error{at, fmt.Sprintf("unexpected %q", r)}
}

func (l *lexer) quoted(q rune, what string) (string, error) {
	at := l.at
	l.take()
	var b strings.Builder
	for {
		r := l.peek()
		if r == -1 {
			return "", &Error{at, what + " is not closed"}
		}
		l.take()
		if r == 0 {
			return "", &Error{at, what + " contains a NUL character"}
		}
		if r != q {
			b.WriteRune(r)
			continue
		}
		if l.peek() != q {
			return b.String(), nil
		}
		b.WriteRune(l.take())
	}
}

func (l *lexer) number(at Pos, start int) (token, error) {
	kind := tokInt
	digits := func() {
		for isDigit(l.peek()) {
			l.take()
		}
	}
	digits()
	if l.peek() == '.' {
		kind = tokDecimal
		l.take()
		digits()
	}
	if r := l.peek(); r == 'e' || r == 'E' {
		kind = tokDouble
		l.take()
		if r := l.peek(); r == '+' || r == '-' {
			l.take()
		}
		if !isDigit(l.peek()) {
			return token{}, &Error{at, "number " + l.src[start:l.off] + ": no digits in the exponent"}
		}
		digits()
	}
	if r := l.peek(); r == '_' || unicode.IsLetter(r) {
		return token{}, &Error{at, fmt.Sprintf("number %s runs into %q", l.src[start:l.off], r)}
	}
	text := strings.ToLower(l.src[start:l.off])
	if strings.HasPrefix(text, ".") {
		text = "0" + text
	}
	text = strings.Replace(strings.TrimSuffix(text, "."), ".e", "e", 1)
	if kind == tokDecimal && !strings.Contains(text, ".") {
		kind = tokInt
	}
	if len(text) > 38 {
		return token{}, &Error{at, "number of more than 38 digits"}
	}
	return token{kind: kind, text: text, at: at}, nil
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
