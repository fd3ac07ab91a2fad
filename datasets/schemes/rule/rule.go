// Package rule reads the small conditions that grouping tables are written in: gates of MDCs, rules of ADRGs and
// conditions of DRGs, such as "PDX(1) & (CLS(1) | !POP(valid)) & AGE<17". It knows the words and their shape. It
// does not know any code list and decides no case: internal/grouper does that.
package rule

import (
	"strconv"
	"strings"
)

// Expr is a parsed condition: an atom, or And, Or, Not over conditions.
type Expr interface {
	String() string
}

// And holds when all of its parts hold.
type And []Expr

// Or holds when one of its parts holds.
type Or []Expr

// Not holds when its part does not.
type Not struct{ X Expr }

// Codes asks whether a code of the case at some position is in a list.
type Codes struct {
	Where Position
	List  List
}

// Position says which codes of a case are looked at.
type Position uint8

// The positions: principal or first, any, all but the first.
const (
	PDX Position = iota
	AnyDX
	OtherDX
	POP
	AnyOP
	OtherOP
)

var positionNames = [...]string{PDX: "PDX", AnyDX: "ANYDX", OtherDX: "ODX", POP: "POP", AnyOP: "ANYOP", OtherOP: "OOP"}

func (p Position) String() string { return positionNames[p] }

// Diagnosis says whether the position looks at diagnoses; otherwise it looks at operations.
func (p Position) Diagnosis() bool { return p <= OtherDX }

// List names a code list: exactly one of its forms is set.
type List struct {
	MDC     bool   // the list of the MDC that the condition stands in
	Valid   bool   // the operations that count as grouping operations (op_valid.csv)
	ADRG    string // another ADRG's list; empty: the own one
	No      string // "1", "2", "class3"
	Code    string // one code, written in quotes
	Prefix  bool   // Code is a beginning: 'I21*'
	Present bool   // any code at all: POP(*)
}

func (l List) String() string {
	switch {
	case l.MDC:
		return "mdc"
	case l.Valid:
		return "valid"
	case l.Present:
		return "*"
	case l.Code != "" && l.Prefix:
		return "'" + l.Code + "*'"
	case l.Code != "":
		return "'" + l.Code + "'"
	case l.ADRG != "":
		return l.ADRG + "." + l.No
	}
	return l.No
}

// Number compares a number of the case with an interval; a number that is missing satisfies nothing.
type Number struct {
	Of     Quantity
	Lo, Hi float64
	LoOpen bool // value > Lo
	HiOpen bool // value < Hi
	text   string
}

// Quantity is a number that a case carries.
type Quantity uint8

// The quantities; sex is 1 male, 2 female; weight is grams; parts are body regions of the MDC's list among all diagnoses.
const (
	Sex Quantity = iota
	Age
	AgeDays
	Weight
	LOS
	ICUHours
	Discharge
	Parts
	quantities
)

// Quantities is how many quantities there are.
const Quantities = int(quantities)

var quantityNames = [...]string{
	Sex: "SEX", Age: "AGE", AgeDays: "AGE_DAYS", Weight: "WT", LOS: "LOS", ICUHours: "ICU_HOURS", Discharge: "DISCHARGE", Parts: "PARTS",
}

func (q Quantity) String() string { return quantityNames[q] }

// OneOf compares a number of the case with a few values: DISCHARGE IN (2,5).
type OneOf struct {
	Of     Quantity
	Values []float64
}

// Dept compares the discharge department.
type Dept struct{ Names []string }

// Flag is a property that holds or does not.
type Flag uint8

// The flags.
const (
	Always Flag = iota
	Neonate
	HasMCC
	HasCC
	HasMCCOrCC
	NewTech
	DaySurgery
)

var flagNames = [...]string{
	Always: "ALWAYS", Neonate: "NEONATE", HasMCC: "HAS_MCC", HasCC: "HAS_CC", HasMCCOrCC: "HAS_MCC_OR_CC",
	NewTech: "NEW_TECH", DaySurgery: "DAY_SURGERY",
}

// NeonateDays is the last day of life on which a child is a newborn (CHS-DRG: "日龄 <= 28 天").
const NeonateDays = 28

func (f Flag) String() string { return flagNames[f] }

func (a And) String() string { return join([]Expr(a), " & ") }

func (o Or) String() string { return "(" + join([]Expr(o), " | ") + ")" }

func (n Not) String() string {
	if and, ok := n.X.(And); ok {
		return "!(" + and.String() + ")"
	}
	return "!" + n.X.String()
}

func (c Codes) String() string {
	if !c.List.MDC && c.Where == AnyOP && strings.HasPrefix(c.List.No, classPrefix) && c.List.ADRG == "" {
		return "CLS(" + strings.TrimPrefix(c.List.No, classPrefix) + ")"
	}
	return c.Where.String() + "(" + c.List.String() + ")"
}

func (n Number) String() string { return n.Of.String() + n.text }

func (o OneOf) String() string {
	parts := make([]string, len(o.Values))
	for i, v := range o.Values {
		parts[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return o.Of.String() + " IN (" + strings.Join(parts, ",") + ")"
}

func (d Dept) String() string {
	if len(d.Names) == 1 {
		return "DEPT='" + d.Names[0] + "'"
	}
	return "DEPT IN ('" + strings.Join(d.Names, "','") + "')"
}

func join(parts []Expr, by string) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.String()
	}
	return strings.Join(texts, by)
}

// Walk visits every atom of a condition, in the order of writing.
func Walk(e Expr, visit func(atom Expr)) {
	switch e := e.(type) {
	case And:
		for _, part := range e {
			Walk(part, visit)
		}
	case Or:
		for _, part := range e {
			Walk(part, visit)
		}
	case Not:
		Walk(e.X, visit)
	default:
		visit(e)
	}
}
