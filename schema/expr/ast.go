package expr

// The concrete nodes. Each carries where it was written (At); trees are never changed after parsing.

// Literal is a constant. Text is its value without quotes: digits for numbers ("12", "0.50", "1e3"), the string itself,
// 2025-01-31 for a date, "2025-01-31 08:00:00" for a timestamp, "true" or "false". Kind Unknown is null.
// An interval has its number in Text and its unit (day, month, …) in Unit.
type Literal struct {
	At   Pos
	Kind Kind
	Text string
	Unit string
}

// Column is a column, with the alias of its table where one was written.
type Column struct {
	At        Pos
	Qualifier string
	Name      string
}

// Unary is not x or -x (Op "not" or "-").
type Unary struct {
	At Pos
	Op string
	X  Node
}

// Binary is l op r; Op is one of and or = <> < <= > >= + - * / % ||.
type Binary struct {
	At   Pos
	Op   string
	L, R Node
}

// IsNull is x is [not] null.
type IsNull struct {
	At  Pos
	X   Node
	Not bool
}

// In is x [not] in (list).
type In struct {
	At   Pos
	X    Node
	List []Node
	Not  bool
}

// Between is x [not] between lo and hi, both ends included.
type Between struct {
	At     Pos
	X      Node
	Lo, Hi Node
	Not    bool
}

// Like is x [not] like pattern, with % and _.
type Like struct {
	At      Pos
	X       Node
	Pattern Node
	Not     bool
}

// When is one branch of a Case.
type When struct{ Cond, Then Node }

// Case is case [operand] when … then … [else …] end.
type Case struct {
	At      Pos
	Operand Node // nil for the searched form
	Whens   []When
	Else    Node // nil = null
}

// Cast is cast(x as type), x::type, or try_cast(x as type), which gives null where the value does not fit.
type Cast struct {
	At  Pos
	X   Node
	To  Type
	Try bool
}

// Call is a function of the documented list, aggregates included: count(*) has Star, count(distinct x) Distinct.
type Call struct {
	At       Pos
	Name     string // lower case
	Args     []Node
	Star     bool
	Distinct bool
}

// Pos says where the node was written.
func (n *Literal) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Column) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Unary) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Binary) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *IsNull) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *In) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Between) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Like) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Case) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Cast) Pos() Pos { return n.At }

// Pos says where the node was written.
func (n *Call) Pos() Pos { return n.At }

// Children are the nodes directly below n, in the order they were written.
func Children(n Node) []Node {
	switch n := n.(type) {
	case *Unary:
		return []Node{n.X}
	case *Binary:
		return []Node{n.L, n.R}
	case *IsNull:
		return []Node{n.X}
	case *In:
		return append([]Node{n.X}, n.List...)
	case *Between:
		return []Node{n.X, n.Lo, n.Hi}
	case *Like:
		return []Node{n.X, n.Pattern}
	case *Case:
		var out []Node
		if n.Operand != nil {
			out = append(out, n.Operand)
		}
		for _, w := range n.Whens {
			out = append(out, w.Cond, w.Then)
		}
		if n.Else != nil {
			out = append(out, n.Else)
		}
		return out
	case *Cast:
		return []Node{n.X}
	case *Call:
		return n.Args
	}
	return nil
}

// Walk calls f for n and everything below it, parents first; where f says false, it does not go deeper.
func Walk(n Node, f func(Node) bool) {
	if n == nil || !f(n) {
		return
	}
	for _, c := range Children(n) {
		Walk(c, f)
	}
}

// Columns lists the columns that n names, each once, in the order they are first named.
func Columns(n Node) []*Column {
	var out []*Column
	seen := map[[2]string]bool{}
	Walk(n, func(n Node) bool {
		if c, ok := n.(*Column); ok && !seen[[2]string{c.Qualifier, c.Name}] {
			seen[[2]string{c.Qualifier, c.Name}] = true
			out = append(out, c)
		}
		return true
	})
	return out
}

// HasAggregate says whether an aggregate is called anywhere in n.
func HasAggregate(n Node) bool {
	found := false
	Walk(n, func(n Node) bool {
		if c, ok := n.(*Call); ok && IsAggregate(c.Name) {
			found = true
		}
		return !found
	})
	return found
}

// Equal says whether two trees mean the same text, wherever they were written.
func Equal(a, b Node) bool { return Format(a) == Format(b) }

// And joins conditions; nil conditions are left out, and no condition at all is true.
func And(conds ...Node) Node {
	var out Node
	for _, c := range conds {
		switch {
		case c == nil:
		case out == nil:
			out = c
		default:
			out = &Binary{At: c.Pos(), Op: "and", L: out, R: c}
		}
	}
	if out == nil {
		return &Literal{Kind: Bool, Text: "true"}
	}
	return out
}
