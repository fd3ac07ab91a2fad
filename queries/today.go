package queries

import "github.com/sanyi-lake/sanyi/schema/expr"

// asOf is the column of counted rows that holds the day of asking: never later than the end of the row's period.
const asOf = "as_of"

// withAsOf puts the column asOf where a text says current_date, and reports whether it did.
func withAsOf(n expr.Node) (expr.Node, bool) {
	found := false
	var swap func(n expr.Node) expr.Node
	list := func(ns []expr.Node) []expr.Node {
		out := make([]expr.Node, 0, len(ns))
		for _, n := range ns {
			out = append(out, swap(n))
		}
		return out
	}
	swap = func(n expr.Node) expr.Node {
		switch n := n.(type) {
		case *expr.Call:
			if n.Name == "current_date" {
				found = true
				return &expr.Column{At: n.At, Name: asOf}
			}
			c := *n
			c.Args = list(n.Args)
			return &c
		case *expr.Unary:
			c := *n
			c.X = swap(n.X)
			return &c
		case *expr.Binary:
			c := *n
			c.L, c.R = swap(n.L), swap(n.R)
			return &c
		case *expr.IsNull:
			c := *n
			c.X = swap(n.X)
			return &c
		case *expr.In:
			c := *n
			c.X, c.List = swap(n.X), list(n.List)
			return &c
		case *expr.Between:
			c := *n
			c.X, c.Lo, c.Hi = swap(n.X), swap(n.Lo), swap(n.Hi)
			return &c
		case *expr.Like:
			c := *n
			c.X, c.Pattern = swap(n.X), swap(n.Pattern)
			return &c
		case *expr.Cast:
			c := *n
			c.X = swap(n.X)
			return &c
		case *expr.Case:
			c := *n
			if n.Operand != nil {
				c.Operand = swap(n.Operand)
			}
			if n.Else != nil {
				c.Else = swap(n.Else)
			}
			c.Whens = nil
			for _, w := range n.Whens {
				c.Whens = append(c.Whens, expr.When{Cond: swap(w.Cond), Then: swap(w.Then)})
			}
			return &c
		default:
			return n
		}
	}
	if n == nil {
		return nil, false
	}
	out := swap(n)
	return out, found
}

// names reports whether a text names a column of its own row.
func names(n expr.Node, column string) bool {
	for _, c := range expr.Columns(n) {
		if c.Qualifier == "" && c.Name == column {
			return true
		}
	}
	return false
}
