package expr

import "strings"

// Format writes a tree as text of the language, with no more brackets than it needs: Parse(Format(n)) is n again.
// It is the one spelling used in documents and in hashes of definitions.
func Format(n Node) string {
	var b strings.Builder
	format(&b, n, 0)
	return b.String()
}

// power is how tightly a node holds together when it stands inside another.
func power(n Node) int {
	switch n := n.(type) {
	case *Binary:
		return binaryPower[n.Op]
	case *Unary:
		if n.Op == "not" {
			return bpNot
		}
		return bpNeg
	case *IsNull, *In, *Between, *Like:
		return bpCompare
	}
	return bpCast
}

// format writes n where the surroundings bind with above; what binds no tighter gets brackets.
func format(b *strings.Builder, n Node, above int) {
	if power(n) <= above && above > 0 {
		b.WriteByte('(')
		format(b, n, 0)
		b.WriteByte(')')
		return
	}
	not := func(yes bool) string {
		if yes {
			return " not"
		}
		return ""
	}
	switch n := n.(type) {
	case *Literal:
		b.WriteString(formatLiteral(n))
	case *Column:
		if n.Qualifier != "" {
			b.WriteString(formatName(n.Qualifier) + ".")
		}
		b.WriteString(formatName(n.Name))
	case *Unary:
		if n.Op == "not" {
			b.WriteString("not ")
			format(b, n.X, bpNot-1)
			return
		}
		b.WriteByte('-')
		format(b, n.X, bpNeg)
	case *Binary:
		p := binaryPower[n.Op]
		format(b, n.L, leftMin(p))
		b.WriteString(" " + n.Op + " ")
		format(b, n.R, p)
	case *IsNull:
		format(b, n.X, bpCompare)
		b.WriteString(" is" + not(n.Not) + " null")
	case *In:
		format(b, n.X, bpCompare)
		b.WriteString(not(n.Not) + " in (")
		formatList(b, n.List)
		b.WriteByte(')')
	case *Between:
		format(b, n.X, bpCompare)
		b.WriteString(not(n.Not) + " between ")
		format(b, n.Lo, bpCompare)
		b.WriteString(" and ")
		format(b, n.Hi, bpCompare)
	case *Like:
		format(b, n.X, bpCompare)
		b.WriteString(not(n.Not) + " like ")
		format(b, n.Pattern, bpCompare)
	case *Case:
		b.WriteString("case")
		if n.Operand != nil {
			b.WriteByte(' ')
			format(b, n.Operand, 0)
		}
		for _, w := range n.Whens {
			b.WriteString(" when ")
			format(b, w.Cond, 0)
			b.WriteString(" then ")
			format(b, w.Then, 0)
		}
		if n.Else != nil {
			b.WriteString(" else ")
			format(b, n.Else, 0)
		}
		b.WriteString(" end")
	case *Cast:
		if n.Try {
			b.WriteString("try_")
		}
		b.WriteString("cast(")
		format(b, n.X, 0)
		b.WriteString(" as " + n.To.String() + ")")
	case *Call:
		if n.Name == "current_date" {
			b.WriteString(n.Name)
			return
		}
		b.WriteString(n.Name + "(")
		if n.Star {
			b.WriteByte('*')
		}
		if n.Distinct {
			b.WriteString("distinct ")
		}
		formatList(b, n.Args)
		b.WriteByte(')')
	}
}

// leftMin lets a left operand of the same power stand without brackets (a - b - c), except for comparisons, which do
// not chain.
func leftMin(p int) int {
	if p == bpCompare {
		return p
	}
	return p - 1
}

func formatList(b *strings.Builder, list []Node) {
	for i, n := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		format(b, n, 0)
	}
}

func formatLiteral(n *Literal) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	switch n.Kind {
	case Unknown:
		return "null"
	case String:
		return quote(n.Text)
	case Date:
		return "DATE " + quote(n.Text)
	case Timestamp:
		return "TIMESTAMP " + quote(n.Text)
	case Interval:
		return "INTERVAL " + n.Text + " " + strings.ToUpper(n.Unit)
	default:
		return n.Text
	}
}

// formatName quotes a name only where a bare one would be read as something else.
func formatName(s string) string {
	tokens, err := lex(s, Pos{})
	bare := err == nil && len(tokens) == 2 && tokens[0].kind == tokWord && tokens[0].text == s
	if bare {
		lower := tokens[0].lower
		bare = !reserved[lower] && foreign[lower] == "" && lower != "current_date" && lower != "date" && lower != "timestamp" && lower != "interval"
	}
	if bare {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
