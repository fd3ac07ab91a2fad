package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/sanyi-lake/sanyi/schema/expr"
)

// ViaOrg stands in a scope where the region of the row's organisation decides.
const ViaOrg = "via dim_org"

// Column names of lineage: every row of every table says where it came from.
const (
	SrcOrg      = "_src_org"
	BatchID     = "_batch_id" // the delivery's id: replacing a delivery removes its rows by it
	SrcFile     = "_src_file"
	SrcRow      = "_src_row" // number of the source record, from 1
	IngestedAt  = "_ingested_at"
	Op          = "_op" // I insert, U update, D delete, R reversal
	RowHash     = "_row_hash"
	ContractVer = "_contract_ver"
)

// lineageID is the first field id of the lineage columns: contracts stay below it.
const lineageID = 10000

var lineage = []Column{
	{ID: lineageID + 1, Name: SrcOrg, Title: Text{"来源机构", "Source organisation"}, Type: expr.Type{Kind: expr.String, Length: 22}, Required: true, Sensitivity: "O"},
	{ID: lineageID + 2, Name: BatchID, Title: Text{"入湖批次", "Delivery"}, Type: expr.Type{Kind: expr.String, Length: 40}, Required: true, Sensitivity: "O"},
	{ID: lineageID + 3, Name: SrcFile, Title: Text{"来源文件名(相对)", "Source file"}, Type: expr.Type{Kind: expr.String, Length: 200}, Required: true, Sensitivity: "O"},
	{ID: lineageID + 4, Name: SrcRow, Title: Text{"来源记录号", "Source record number"}, Type: expr.Int64Type, Required: true, Sensitivity: "O"},
	{ID: lineageID + 5, Name: IngestedAt, Title: Text{"入湖时间", "Loaded at"}, Type: expr.TimestampType, Required: true, Sensitivity: "O"},
	{ID: lineageID + 6, Name: Op, Title: Text{"操作 I/U/D/R(冲正)", "Operation"}, Type: expr.Type{Kind: expr.String, Length: 1}, Required: true, Sensitivity: "O"},
	{ID: lineageID + 7, Name: RowHash, Title: Text{"业务列哈希", "Hash of the business columns"}, Type: expr.Type{Kind: expr.String, Length: 64}, Required: true, Sensitivity: "O"},
	{ID: lineageID + 8, Name: ContractVer, Title: Text{"数据契约版本", "Contract version"}, Type: expr.Type{Kind: expr.String, Length: 20}, Required: true, Sensitivity: "O"},
}

// Lineage is the eight columns that every table carries after its own. Replacing a delivery works by them, so
// dictionaries have them, too.
func Lineage() []Column { return slices.Clone(lineage) }

// IsLineage says whether a column is one of the eight.
func IsLineage(name string) bool {
	return slices.ContainsFunc(lineage, func(c Column) bool { return c.Name == name })
}

// AllColumns is the contract's columns and the lineage columns, in the order in which they are written.
func (t *Table) AllColumns() []Column { return append(slices.Clone(t.Columns), lineage...) }

// FieldID is the stable Iceberg field id of a column, 0 for a column that the table has not.
func (t *Table) FieldID(column string) int {
	if c, ok := t.Column(column); ok {
		return c.ID
	}
	for _, c := range lineage {
		if c.Name == column {
			return c.ID
		}
	}
	return 0
}

// Resolver types the contract's columns (lineage included) for expressions; a qualifier is taken for the table's alias.
func (t *Table) Resolver() expr.Resolver {
	return func(_, name string) (expr.Type, bool) {
		if c, ok := t.Column(name); ok {
			return c.Type, true
		}
		for _, c := range lineage {
			if c.Name == name {
				return c.Type, true
			}
		}
		return expr.Type{}, false
	}
}

// AllChecks is every check of the contract, those of its columns first, each with the column it points at.
func (t *Table) AllChecks() []Check {
	var out []Check
	for _, c := range t.Columns {
		out = append(out, c.Checks...)
	}
	return append(out, t.Checks...)
}

// RefKey is the one column by which other tables refer to this one: its key without version columns, "" when several
// columns are left.
func (t *Table) RefKey() string {
	var rest []string
	for _, k := range t.Key {
		within := k == t.Scope.Org && t.Name != "dim_org" && len(t.Key) > 1 // a department's code is its organisation's
		if k != t.ValidFrom && k != "version" && !within {
			rest = append(rest, k)
		}
	}
	if len(rest) != 1 {
		return ""
	}
	return rest[0]
}

// Monthly says that the event date is a 'YYYY-MM' text, not a day.
func (t *Table) Monthly() bool {
	c, ok := t.Column(t.EventDate)
	return ok && c.Type.Kind == expr.String
}

// Role finds the column that plays a role (dept, org, region, physician, disease, drug, date …) in this table.
func (t *Table) Role(role string) (*Column, bool) {
	name, ok := t.Roles[role]
	if !ok {
		return nil, false
	}
	return t.Column(name)
}

// MayGroup says whether figures may be shown by a column: class I never, P and O always, Q, H and M where the contract
// says dimension: true (clarification 3).
func (c *Column) MayGroup() bool {
	return c.Sensitivity != "I" && (c.Sensitivity == "P" || c.Sensitivity == "O" || c.Dimension)
}

// Hash names a contract's text: SHA-256 in hexadecimal.
func (t *Table) Hash() string {
	sum := sha256.Sum256([]byte(t.Text))
	return hex.EncodeToString(sum[:])
}

// FieldIDKey is the metadata key under which Parquet files carry field ids in Arrow schemas.
const FieldIDKey = "PARQUET:field_id"

// ArrowSchema is the schema of the table's files, field ids included.
func (t *Table) ArrowSchema() *arrow.Schema {
	var fields []arrow.Field
	for _, c := range t.AllColumns() {
		fields = append(fields, arrow.Field{
			Name: c.Name, Type: ArrowType(c.Type), Nullable: true,
			Metadata: arrow.NewMetadata([]string{FieldIDKey}, []string{strconv.Itoa(c.ID)}),
		})
	}
	return arrow.NewSchema(fields, nil)
}

// ArrowType is the Arrow type of a contract's type.
func ArrowType(t expr.Type) arrow.DataType {
	switch t.Kind {
	case expr.Bool:
		return arrow.FixedWidthTypes.Boolean
	case expr.Int32:
		return arrow.PrimitiveTypes.Int32
	case expr.Int64:
		return arrow.PrimitiveTypes.Int64
	case expr.Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case expr.Double:
		return arrow.PrimitiveTypes.Float64
	case expr.Date:
		return arrow.FixedWidthTypes.Date32
	case expr.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	default:
		return arrow.BinaryTypes.String
	}
}

// Zone is the time zone of the lake's timestamps, which carry none themselves.
const Zone = "Asia/Shanghai"

// Location loads the lake's time zone; it needs no zone database on the machine (China has had no summer time since
// 1991, and no extract is older than 1992).
func Location() *time.Location {
	if l, err := time.LoadLocation(Zone); err == nil {
		return l
	}
	return time.FixedZone(Zone, 8*60*60)
}
