// Package expr is the one small language in which mappings, checks, measures, indicator filters and policies are
// written: scalar SQL expressions without statements, sub-selects or table names. It parses a text to a tree with
// file:line errors, types it against the columns at hand, and prints it for an engine with bound parameters.
package expr

// Kind is the kind of a value.
type Kind int

// Kinds of values.
const (
	Unknown Kind = iota // a bare null
	Bool
	Int32
	Int64
	Decimal // Precision, Scale
	Double
	String // Length in characters, 0 = unbounded
	Date
	Timestamp // microseconds, without zone: the lake's zone is Asia/Shanghai
	Interval
)

// Type is the type of a column or expression. In YAML it is written as in SQL: varchar(22), decimal(16,2), int32,
// int64, double, boolean, date, timestamp.
type Type struct {
	Kind      Kind
	Length    int // String: most characters, 0 = unbounded
	Precision int // Decimal
	Scale     int // Decimal
}

// Pos is where a text came from: errors name it.
type Pos struct {
	File string
	Line int
	Col  int
}

// Node is an expression tree. Its concrete types are exported by this package (Literal, Column, Unary, Binary, In, …).
type Node interface{ Pos() Pos }
