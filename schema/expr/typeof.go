package expr

import (
	"errors"
	"fmt"
	"strings"
)

// Resolver says what type a column has; false where there is no such column.
type Resolver func(qualifier, name string) (Type, bool)

// Texts is the Resolver of a source whose columns are all text, whatever they are called.
func Texts(string, string) (Type, bool) { return StringType, true }

// TypeOf checks that n makes sense on the columns at hand and says what it gives. A nil Resolver knows no columns.
func TypeOf(n Node, r Resolver) (Type, error) {
	switch n := n.(type) {
	case *Literal:
		return literalType(n), nil
	case *Column:
		if r != nil {
			if t, ok := r(n.Qualifier, n.Name); ok {
				return t, nil
			}
		}
		name := n.Name
		if n.Qualifier != "" {
			name = n.Qualifier + "." + name
		}
		return Type{}, &Error{n.At, "no column " + name}
	case *Unary:
		return unaryType(n, r)
	case *Binary:
		return binaryType(n, r)
	case *IsNull:
		_, err := TypeOf(n.X, r)
		return BoolType, err
	case *In:
		return comparedWith(n.At, "in", n.X, n.List, r)
	case *Between:
		return comparedWith(n.At, "between", n.X, []Node{n.Lo, n.Hi}, r)
	case *Like:
		for _, x := range []Node{n.X, n.Pattern} {
			t, err := TypeOf(x, r)
			if err != nil {
				return Type{}, err
			}
			if t.Kind != String && t.Kind != Unknown {
				return Type{}, &Error{x.Pos(), "like compares texts, this is " + t.String()}
			}
		}
		return BoolType, nil
	case *Case:
		return caseType(n, r)
	case *Cast:
		return castType(n, r)
	case *Call:
		return callType(n, r)
	default:
		return Type{}, fmt.Errorf("expression node %T: not of this language", n)
	}
}

// Condition checks that n is a condition (boolean, or null).
func Condition(n Node, r Resolver) error {
	t, err := TypeOf(n, r)
	if err != nil {
		return err
	}
	if t.Kind != Bool && t.Kind != Unknown {
		return &Error{n.Pos(), "a condition is wanted, this is " + t.String()}
	}
	return nil
}

// Assignable says whether a value of type from may be stored in a column of type to without losing anything; texts may
// be longer than the column (the contract's checks find that) and numbers are checked by value when they are stored.
func Assignable(from, to Type) bool {
	switch {
	case from.Kind == Unknown || from.Kind == to.Kind:
		return true
	case from.Kind == Date && to.Kind == Timestamp:
		return true
	case from.Kind == Double:
		return false
	}
	return from.Numeric() && to.Numeric()
}

func literalType(n *Literal) Type {
	t := Type{Kind: n.Kind}
	if n.Kind == Decimal {
		point, digits := -1, 0
		for i, r := range n.Text {
			switch {
			case r == '.':
				point = i
			case isDigit(r):
				digits++
			}
		}
		t.Precision = max(digits, 1)
		if point >= 0 {
			t.Scale = len(n.Text) - point - 1
		}
	}
	return t
}

func unaryType(n *Unary, r Resolver) (Type, error) {
	t, err := TypeOf(n.X, r)
	if err != nil {
		return Type{}, err
	}
	if n.Op == "not" {
		if t.Kind != Bool && t.Kind != Unknown {
			return Type{}, &Error{n.At, "not needs a condition, this is " + t.String()}
		}
		return BoolType, nil
	}
	if !t.Numeric() && t.Kind != Interval && t.Kind != Unknown {
		return Type{}, &Error{n.At, "- needs a number, this is " + t.String()}
	}
	return t, nil
}

func binaryType(n *Binary, r Resolver) (Type, error) {
	left, err := TypeOf(n.L, r)
	if err != nil {
		return Type{}, err
	}
	right, err := TypeOf(n.R, r)
	if err != nil {
		return Type{}, err
	}
	wrong := func(want string) error {
		return &Error{n.At, fmt.Sprintf("%s %s, this is %s %s %s", n.Op, want, left, n.Op, right)}
	}
	switch n.Op {
	case "and", "or":
		if left.Kind != Bool && left.Kind != Unknown || right.Kind != Bool && right.Kind != Unknown {
			return Type{}, wrong("needs two conditions")
		}
		return BoolType, nil
	case "=", "<>", "<", "<=", ">", ">=":
		if _, ok := common(left, right); !ok {
			return Type{}, wrong("compares values of one kind")
		}
		return BoolType, nil
	case "||":
		if left.Kind != String && left.Kind != Unknown || right.Kind != String && right.Kind != Unknown {
			return Type{}, wrong("joins texts (use concat for other types)")
		}
		return StringType, nil
	}
	if t, ok := arithmetic(n.Op, left, right); ok {
		return t, nil
	}
	return Type{}, wrong("needs numbers (or a date and days or an interval)")
}

// arithmetic gives the type of left op right for + - * / %.
func arithmetic(op string, left, right Type) (Type, bool) {
	temporal := func(t Type) bool { return t.Kind == Date || t.Kind == Timestamp }
	whole := func(t Type) bool { return t.Kind == Int32 || t.Kind == Int64 }
	switch {
	case left.Kind == Unknown:
		return right, right.Numeric() || right.Kind == Unknown
	case right.Kind == Unknown:
		return left, left.Numeric() || temporal(left)
	case op == "-" && left.Kind == Date && right.Kind == Date:
		return Int64Type, true
	case (op == "+" || op == "-") && left.Kind == Date && whole(right):
		return DateType, true
	case op == "+" && whole(left) && right.Kind == Date:
		return DateType, true
	case (op == "+" || op == "-") && temporal(left) && right.Kind == Interval:
		return TimestampType, true
	case !left.Numeric() || !right.Numeric():
		return Type{}, false
	case op == "/" || left.Kind == Double || right.Kind == Double:
		return DoubleType, true
	case left.Kind == Decimal || right.Kind == Decimal:
		return decimalResult(op, left, right), true
	default:
		return Int64Type, true
	}
}

// decimalResult keeps every digit that the result can have, up to 38.
func decimalResult(op string, left, right Type) Type {
	left, right = asDecimal(left), asDecimal(right)
	scale := max(left.Scale, right.Scale)
	whole := max(left.Precision-left.Scale, right.Precision-right.Scale) + 1
	if op == "*" {
		scale = left.Scale + right.Scale
		whole = left.Precision - left.Scale + right.Precision - right.Scale
	}
	return Type{Kind: Decimal, Precision: min(whole+scale, 38), Scale: min(scale, 38)}
}

func asDecimal(t Type) Type {
	switch t.Kind {
	case Int32:
		return Type{Kind: Decimal, Precision: 10}
	case Int64:
		return Type{Kind: Decimal, Precision: 19}
	default:
		return t
	}
}

// common is the type in which two values can be compared or stand as alternatives.
func common(a, b Type) (Type, bool) {
	switch {
	case a.Kind == Unknown:
		return b, true
	case b.Kind == Unknown:
		return a, true
	case a.Numeric() && b.Numeric():
		switch {
		case a.Kind == Double || b.Kind == Double:
			return DoubleType, true
		case a.Kind == Decimal || b.Kind == Decimal:
			a, b = asDecimal(a), asDecimal(b)
			scale := max(a.Scale, b.Scale)
			return Type{Kind: Decimal, Precision: min(max(a.Precision-a.Scale, b.Precision-b.Scale)+scale, 38), Scale: scale}, true
		case a.Kind == Int64 || b.Kind == Int64:
			return Int64Type, true
		}
		return Int32Type, true
	case a.Kind == String && b.Kind == String:
		if a.Length == 0 || b.Length == 0 {
			return StringType, true
		}
		return Type{Kind: String, Length: max(a.Length, b.Length)}, true
	case a.Kind == b.Kind:
		return a, true
	case a.Kind == Date && b.Kind == Timestamp || a.Kind == Timestamp && b.Kind == Date:
		return TimestampType, true
	}
	return Type{}, false
}

func comparedWith(at Pos, what string, x Node, others []Node, r Resolver) (Type, error) {
	t, err := TypeOf(x, r)
	if err != nil {
		return Type{}, err
	}
	for _, o := range others {
		u, err := TypeOf(o, r)
		if err != nil {
			return Type{}, err
		}
		if _, ok := common(t, u); !ok {
			return Type{}, &Error{at, fmt.Sprintf("%s compares values of one kind, these are %s and %s", what, t, u)}
		}
	}
	return BoolType, nil
}

func caseType(n *Case, r Resolver) (Type, error) {
	operand := BoolType
	var err error
	if n.Operand != nil {
		if operand, err = TypeOf(n.Operand, r); err != nil {
			return Type{}, err
		}
	}
	var out Type
	branch := func(x Node) error {
		t, err := TypeOf(x, r)
		if err != nil {
			return err
		}
		joined, ok := common(out, t)
		if !ok {
			return &Error{x.Pos(), fmt.Sprintf("case gives %s in one branch and %s in another", out, t)}
		}
		out = joined
		return nil
	}
	for _, w := range n.Whens {
		t, err := TypeOf(w.Cond, r)
		if err != nil {
			return Type{}, err
		}
		if _, ok := common(operand, t); !ok {
			return Type{}, &Error{w.Cond.Pos(), fmt.Sprintf("when compares with %s, this is %s", operand, t)}
		}
		if err := branch(w.Then); err != nil {
			return Type{}, err
		}
	}
	if n.Else != nil {
		if err := branch(n.Else); err != nil {
			return Type{}, err
		}
	}
	return out, nil
}

func castType(n *Cast, r Resolver) (Type, error) {
	from, err := TypeOf(n.X, r)
	if err != nil {
		return Type{}, err
	}
	moment := func(t Type) bool { return t.Kind == Date || t.Kind == Timestamp }
	number := func(t Type) bool { return t.Numeric() || t.Kind == Bool }
	if number(from) && moment(n.To) || moment(from) && number(n.To) || from.Kind == Interval {
		return Type{}, &Error{n.At, fmt.Sprintf("%s cannot become %s", from, n.To)}
	}
	return n.To, nil
}

func callType(n *Call, r Resolver) (Type, error) {
	if err := checkCallStar(n); err != nil {
		return Type{}, err
	}
	f := functions[n.Name]
	args := make([]Type, 0, len(n.Args))
	for _, a := range n.Args {
		if f.Aggregate && HasAggregate(a) {
			return Type{}, &Error{a.Pos(), n.Name + " of an aggregate"}
		}
		t, err := TypeOf(a, r)
		if err != nil {
			return Type{}, err
		}
		args = append(args, t)
	}
	if n.Star {
		return Int64Type, nil
	}
	if n.Name == "date_trunc" && isMoment(args[1]) && strings.EqualFold(n.Args[0].(*Literal).Text, "hour") {
		return TimestampType, nil
	}
	if n.Name == "to_decimal" {
		if t := args[0]; t.Kind != String && t.Kind != Unknown {
			return Type{}, &Error{n.At, "to_decimal: argument 1 is " + t.String() + ", not a text"}
		}
		return toDecimal(n)
	}
	t, err := f.result(args)
	if err != nil {
		return Type{}, &Error{n.At, n.Name + ": " + err.Error() + "; write " + f.Signature}
	}
	return t, nil
}

// checkCallStar checks calls that were built by a program, not parsed.
func checkCallStar(n *Call) error {
	if n.Star && n.Name == "count" && len(n.Args) == 0 {
		return nil
	}
	return checkCall(n)
}

// The rules of result types that the list of functions uses.

func always(t Type) func([]Type) (Type, error) { return func([]Type) (Type, error) { return t, nil } }

func sameAsFirst(args []Type) (Type, error) { return args[0], nil }

func every(ok func(Type) bool, want string, result Type) func([]Type) (Type, error) {
	return func(args []Type) (Type, error) {
		for i, a := range args {
			if !ok(a) && a.Kind != Unknown {
				return Type{}, fmt.Errorf("argument %d is %s, not %s", i+1, a, want)
			}
		}
		return result, nil
	}
}

func numbers(result Type) func([]Type) (Type, error) { return every(Type.Numeric, "a number", result) }

func texts(result Type) func([]Type) (Type, error) {
	return every(func(t Type) bool { return t.Kind == String }, "a text", result)
}

func moments(result Type) func([]Type) (Type, error) {
	return every(func(t Type) bool { return t.Kind == Date || t.Kind == Timestamp }, "a date or timestamp", result)
}

func conditions(args []Type) (Type, error) {
	return every(func(t Type) bool { return t.Kind == Bool }, "a condition", BoolType)(args)
}

func firstText(result Type) func([]Type) (Type, error) {
	return func(args []Type) (Type, error) {
		if args[0].Kind != String && args[0].Kind != Unknown {
			return Type{}, fmt.Errorf("argument 1 is %s, not a text", args[0])
		}
		return result, nil
	}
}

func numericSame(args []Type) (Type, error) {
	if _, err := numbers(args[0])(args); err != nil {
		return Type{}, err
	}
	return args[0], nil
}

func sumType(args []Type) (Type, error) {
	switch args[0].Kind {
	case Decimal:
		return Type{Kind: Decimal, Precision: 38, Scale: args[0].Scale}, nil
	case Double:
		return DoubleType, nil
	case Int32, Int64, Unknown:
		return Int64Type, nil
	default:
		return Type{}, fmt.Errorf("argument 1 is %s, not a number", args[0])
	}
}

func widest(args []Type) (Type, error) {
	var out Type
	for i, a := range args {
		t, ok := common(out, a)
		if !ok {
			return Type{}, fmt.Errorf("argument %d is %s beside %s", i+1, a, out)
		}
		out = t
	}
	return out, nil
}

func ifType(args []Type) (Type, error) {
	if args[0].Kind != Bool && args[0].Kind != Unknown {
		return Type{}, fmt.Errorf("argument 1 is %s, not a condition", args[0])
	}
	return widest(args[1:])
}

var errMoments = errors.New("dates or timestamps are wanted")

func isMoment(t Type) bool { return t.Kind == Date || t.Kind == Timestamp || t.Kind == Unknown }

func dateDiff(args []Type) (Type, error) {
	if !isMoment(args[1]) || !isMoment(args[2]) {
		return Type{}, errMoments
	}
	return Int64Type, nil
}

func dateTrunc(args []Type) (Type, error) {
	if !isMoment(args[1]) {
		return Type{}, errMoments
	}
	return DateType, nil
}

func dateAdd(args []Type) (Type, error) {
	if !isMoment(args[1]) || !args[2].Numeric() {
		return Type{}, errors.New("a date or timestamp and a number are wanted")
	}
	return TimestampType, nil
}

// toDecimal promises the scale that the second argument names; 2 (fen) without one.
func toDecimal(c *Call) (Type, error) {
	scale := 2
	if len(c.Args) == 2 {
		lit, ok := c.Args[1].(*Literal)
		if !ok || lit.Kind != Int64 || len(lit.Text) != 1 || lit.Text > "6" {
			return Type{}, &Error{c.Args[1].Pos(), "to_decimal: the scale is a number from 0 to 6"}
		}
		scale = int(lit.Text[0] - '0')
	}
	return Type{Kind: Decimal, Precision: 18, Scale: scale}, nil
}
