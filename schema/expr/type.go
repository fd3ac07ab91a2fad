package expr

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Types without parameters, for callers that build or compare types.
var (
	BoolType      = Type{Kind: Bool}
	Int32Type     = Type{Kind: Int32}
	Int64Type     = Type{Kind: Int64}
	DoubleType    = Type{Kind: Double}
	StringType    = Type{Kind: String}
	DateType      = Type{Kind: Date}
	TimestampType = Type{Kind: Timestamp}
	IntervalType  = Type{Kind: Interval}
)

var typeText = regexp.MustCompile(`^([a-z0-9_]+)(?:\s*\(\s*([0-9]{1,4})\s*(?:,\s*([0-9]{1,2})\s*)?\))?$`)

// typeNames maps what people write to a kind; the first name of a kind is the one contracts use.
var typeNames = map[string]Kind{
	"boolean": Bool, "bool": Bool, "int32": Int32, "integer": Int32, "int": Int32, "int64": Int64, "bigint": Int64,
	"decimal": Decimal, "numeric": Decimal, "double": Double, "varchar": String, "text": String, "string": String,
	"date": Date, "timestamp": Timestamp,
}

// ParseType reads a type as contracts and casts write it: varchar(22), decimal(16,2), int32, date.
func ParseType(text string) (Type, error) {
	m := typeText.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return Type{}, fmt.Errorf("type %q: not a type; write varchar(22), decimal(16,2), int32, int64, double, boolean, date or timestamp", text)
	}
	kind, ok := typeNames[m[1]]
	if !ok {
		return Type{}, fmt.Errorf("type %q: no such type; write varchar, decimal, int32, int64, double, boolean, date or timestamp", text)
	}
	first, _ := strconv.Atoi(m[2])
	second, _ := strconv.Atoi(m[3])
	t := Type{Kind: kind}
	switch {
	case kind == String && m[3] == "":
		t.Length = first
	case kind == Decimal && m[2] != "":
		t.Precision, t.Scale = first, second
		if first < 1 || first > 38 || second > first {
			return Type{}, fmt.Errorf("type %q: precision is 1 to 38, scale at most the precision", text)
		}
	case kind == Decimal:
		return Type{}, fmt.Errorf("type %q: write precision and scale, such as decimal(16,2)", text)
	case m[2] != "":
		return Type{}, fmt.Errorf("type %q: this type has no parameters", text)
	}
	return t, nil
}

// String is the type as contracts write it.
func (t Type) String() string {
	switch t.Kind {
	case Bool:
		return "boolean"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case Double:
		return "double"
	case String:
		if t.Length > 0 {
			return fmt.Sprintf("varchar(%d)", t.Length)
		}
		return "varchar"
	case Date:
		return "date"
	case Timestamp:
		return "timestamp"
	case Interval:
		return "interval"
	default:
		return "null"
	}
}

// SQL is the type in DuckDB's words. Lengths are left out: DuckDB does not enforce them, the contract's checks do.
func (t Type) SQL() string {
	switch t.Kind {
	case Bool:
		return "BOOLEAN"
	case Int32:
		return "INTEGER"
	case Int64:
		return "BIGINT"
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case Double:
		return "DOUBLE"
	case Date:
		return "DATE"
	case Timestamp:
		return "TIMESTAMP"
	case Interval:
		return "INTERVAL"
	default:
		return "VARCHAR"
	}
}

// Numeric says whether the type can be added up.
func (t Type) Numeric() bool {
	return t.Kind == Int32 || t.Kind == Int64 || t.Kind == Decimal || t.Kind == Double
}

// UnmarshalYAML reads a type from a contract.
func (t *Type) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a type is one word such as varchar(22)", n.Line)
	}
	parsed, err := ParseType(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*t = parsed
	return nil
}

// MarshalYAML writes a type as contracts write it.
func (t Type) MarshalYAML() (any, error) { return t.String(), nil }

// MarshalText writes a type as contracts write it.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
