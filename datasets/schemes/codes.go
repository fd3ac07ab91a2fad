package schemes

import (
	"strings"
	"unicode"
)

// NormalCode brings a code of a table or of a case into one form: no blanks, full-width characters as half-width ones,
// a capital at the beginning, the filler x small (医保版: I10.x00x002). Most codes are already so, and are returned as
// they are.
func NormalCode(code string) string {
	if isNormal(code) {
		return code
	}
	var b strings.Builder
	first := true // of the code, or behind the + of a pair such as A54.301+H13.1*
	for _, r := range code {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E:
			r -= 0xFEE0
		case unicode.IsSpace(r), r == '\ufeff', r == '\u200b': // the last two are left behind by copying from web pages
			continue
		}
		switch {
		case first && r >= 'a' && r <= 'z':
			r += 'A' - 'a'
		case r == 'X' && !first:
			r = 'x'
		}
		b.WriteRune(r)
		first = r == '+'
	}
	return b.String()
}

func isNormal(code string) bool {
	first := true
	for i := range len(code) {
		c := code[i]
		if c <= ' ' || c >= 0x7F || (first && c >= 'a' && c <= 'z') || (!first && c == 'X') {
			return false
		}
		first = c == '+'
	}
	return true
}

// codeColumns hold codes, in whatever table they stand.
var codeColumns = map[string]bool{
	"dx": true, "op": true, "principal_dx": true, "code": true, "from_code": true, "to_code": true, "op_code": true,
	"dx_key": true, "op_expr": true, "dx_prefix": true,
}

// normalCodes brings every code of a table into the form that the codes of cases have. The first column of an overlay
// is its sign, though it is called op.
func (t *Table) normalCodes(signed bool) {
	for at, name := range t.Columns {
		if !codeColumns[name] || (signed && at == 0) {
			continue
		}
		for i := at; i < len(t.cells); i += len(t.Columns) {
			cell := t.cells[i]
			if isNormal(cell) {
				continue
			}
			if from, to, isRange := strings.Cut(cell, "-"); isRange && name == "dx_key" {
				t.cells[i] = NormalCode(from) + "-" + NormalCode(to)
				continue
			}
			t.cells[i] = NormalCode(cell)
		}
	}
}
