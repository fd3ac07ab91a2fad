package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	icebergio "github.com/apache/iceberg-go/io"
	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// monthField is the id of the one partition field; Iceberg counts partition fields from 1000.
const monthField = 1000

// properties of every table. Old metadata files stay: older publications are read by them.
var properties = iceberg.Properties{
	"write.delete.mode":                          "copy-on-write",
	"write.update.mode":                          "copy-on-write",
	"write.merge.mode":                           "copy-on-write",
	"write.metadata.compression-codec":           "none",
	"write.metadata.delete-after-commit.enabled": "false",
	"write.metadata.previous-versions-max":       "5",
	"commit.manifest-merge.enabled":              "true",
	"commit.manifest.min-count-to-merge":         "16",
	"write.parquet.compression-codec":            "zstd",
	"history.expire.min-snapshots-to-keep":       "1",
	"gc.enabled":                                 "true",
}

// uri is the form in which Iceberg metadata names a local file.
func uri(path string) string { return "file://" + path }

// localPath undoes uri, and the percent-encoding that iceberg-go gives the names it makes itself.
func localPath(location string) string {
	p := strings.TrimPrefix(location, "file://")
	if decoded, err := url.PathUnescape(p); err == nil {
		return decoded
	}
	return p
}

func (l *Lake) tableDir(name string) string {
	return filepath.Join(l.Warehouse(), Namespace, name)
}

// files is the file system that iceberg-go is given: it tells of each file before making it, and syncs before closing.
type files struct {
	icebergio.LocalFS

	creating func(path string) error // nil: read only
}

func (f files) fsys(context.Context) (icebergio.IO, error) { return f, nil }

// Open opens a file named by a location.
func (f files) Open(name string) (icebergio.File, error) { return os.Open(localPath(name)) }

// ReadFile reads a file named by a location.
func (f files) ReadFile(name string) ([]byte, error) { return os.ReadFile(localPath(name)) }

// Create makes a file named by a location.
func (f files) Create(name string) (icebergio.FileWriter, error) {
	if f.creating == nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrPermission}
	}
	p := localPath(name)
	if err := f.creating(p); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return synced{file}, nil
}

// synced is a file that is on the disk when it is closed.
type synced struct{ *os.File }

func (s synced) Close() error { return errors.Join(s.Sync(), s.File.Close()) }

// noCommits refuses iceberg-go's own commits: a table moves with all others, in a publication, or not at all.
type noCommits struct{}

var errCommit = errors.New("a table of the lake moves only with a publication")

func (noCommits) LoadTable(context.Context, table.Identifier) (*table.Table, error) {
	return nil, errCommit
}

func (noCommits) CommitTable(context.Context, table.Identifier, []table.Requirement, []table.Update) (table.Metadata, string, error) {
	return nil, "", errCommit
}

func identifier(name string) table.Identifier { return table.Identifier{Namespace, name} }

func openTable(ctx context.Context, name, location string, f files) (*table.Table, error) {
	t, err := table.NewFromLocation(ctx, identifier(name), location, f.fsys, noCommits{})
	if err != nil {
		return nil, fmt.Errorf("table %s: metadata %s: %w", name, filepath.Base(location), err)
	}
	return t, nil
}

// newMetadata is the metadata of a table without snapshots, with the contract's own field ids (table.NewMetadata would
// number them anew).
func newMetadata(t *schema.Table, location string) (table.Metadata, error) {
	sc, err := icebergSchema(t)
	if err != nil {
		return nil, err
	}
	spec, err := partitionSpec(t)
	if err != nil {
		return nil, err
	}
	b, err := table.NewMetadataBuilder(2)
	if err != nil {
		return nil, err
	}
	unsorted := table.UnsortedSortOrder
	for _, step := range []func() error{
		func() error { return b.SetUUID(uuid.New()) },
		func() error { return b.AddSchema(sc) },
		func() error { return b.SetCurrentSchemaID(-1) },
		func() error { return b.AddSortOrder(&unsorted) },
		func() error { return b.SetDefaultSortOrderID(-1) },
		func() error { return b.AddPartitionSpec(&spec, true) },
		func() error { return b.SetDefaultSpecID(-1) },
		func() error { return b.SetLoc(location) },
		func() error { return b.SetProperties(properties) },
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return b.Build()
}

func icebergSchema(t *schema.Table) (*iceberg.Schema, error) {
	var fields []iceberg.NestedField
	for _, c := range t.AllColumns() {
		typ, err := icebergType(c.Type)
		if err != nil {
			return nil, fmt.Errorf("table %s: column %s: %w", t.Name, c.Name, err)
		}
		fields = append(fields, iceberg.NestedField{ID: c.ID, Name: c.Name, Type: typ, Doc: c.Title.ZH})
	}
	return iceberg.NewSchema(0, fields...), nil
}

func icebergType(t expr.Type) (iceberg.Type, error) {
	switch t.Kind {
	case expr.Bool:
		return iceberg.PrimitiveTypes.Bool, nil
	case expr.Int32:
		return iceberg.PrimitiveTypes.Int32, nil
	case expr.Int64:
		return iceberg.PrimitiveTypes.Int64, nil
	case expr.Decimal:
		return iceberg.DecimalTypeOf(t.Precision, t.Scale), nil
	case expr.Double:
		return iceberg.PrimitiveTypes.Float64, nil
	case expr.String:
		return iceberg.PrimitiveTypes.String, nil
	case expr.Date:
		return iceberg.PrimitiveTypes.Date, nil
	case expr.Timestamp:
		return iceberg.PrimitiveTypes.Timestamp, nil
	default:
		return nil, fault.New(fault.Invalid, "a column cannot be of type %s", t)
	}
}

func partitionSpec(t *schema.Table) (iceberg.PartitionSpec, error) {
	if t.EventDate == "" {
		return *iceberg.UnpartitionedSpec, nil
	}
	c, ok := t.Column(t.EventDate)
	if !ok {
		return iceberg.PartitionSpec{}, fault.New(fault.Invalid, "table %s: event_date %s: no such column", t.Name, t.EventDate)
	}
	f := iceberg.PartitionField{SourceIDs: []int{c.ID}, FieldID: monthField, Name: c.Name + "_month", Transform: iceberg.MonthTransform{}}
	switch c.Type.Kind {
	case expr.Date, expr.Timestamp:
	case expr.String: // 'YYYY-MM'
		f.Transform = iceberg.IdentityTransform{}
	default:
		return iceberg.PartitionSpec{}, fault.New(fault.Invalid, "table %s: event_date %s: wants date, timestamp or a varchar month, not %s", t.Name, t.EventDate, c.Type)
	}
	return iceberg.NewPartitionSpec(f), nil
}

// evolve adds what the contract gained to the table's schema. Columns that the contract lost stay. What cannot be done
// without rewriting data is refused.
func evolve(base table.Metadata, t *schema.Table) (table.Metadata, error) {
	want, err := icebergSchema(t)
	if err != nil {
		return nil, err
	}
	have := base.CurrentSchema()
	fields := append([]iceberg.NestedField(nil), have.Fields()...)
	changed := false
	for _, w := range want.Fields() {
		h, ok := have.FindFieldByName(w.Name)
		if !ok {
			if other, taken := have.FindFieldByID(w.ID); taken {
				return nil, fault.New(fault.Invalid, "table %s: column %s: its field id %d is that of column %s in the lake; ids never change once published", t.Name, w.Name, w.ID, other.Name)
			}
			fields, changed = append(fields, w), true
			continue
		}
		if h.ID != w.ID {
			return nil, fault.New(fault.Invalid, "table %s: column %s: field id %d in the contract, %d in the lake; ids never change once published", t.Name, w.Name, w.ID, h.ID)
		}
		if h.Type.Equals(w.Type) {
			continue
		}
		if !widens(h.Type, w.Type) {
			return nil, fault.New(fault.Invalid, "table %s: column %s: is %s in the lake and %s in the contract; give the new type a new column", t.Name, w.Name, h.Type, w.Type)
		}
		for i := range fields {
			if fields[i].ID == h.ID {
				fields[i].Type, changed = w.Type, true
			}
		}
	}
	spec, err := partitionSpec(t)
	if err != nil {
		return nil, err
	}
	if baseSpec := base.PartitionSpec(); !baseSpec.CompatibleWith(&spec) {
		return nil, fault.New(fault.Invalid, "table %s: the contract partitions by %q, the lake's files are laid out otherwise; event_date cannot change", t.Name, t.EventDate)
	}
	if !changed {
		return base, nil
	}
	next := iceberg.NewSchema(have.ID+1, fields...)
	return table.UpdateTableMetadata(base, []table.Update{table.NewAddSchemaUpdate(next), table.NewSetCurrentSchemaUpdate(-1)}, "")
}

// keepsColumns refuses a contract that lost a column when files are rewritten by it: their values would be lost.
func keepsColumns(have *iceberg.Schema, t *schema.Table) error {
	for _, h := range have.Fields() {
		if t.FieldID(h.Name) == 0 {
			return fault.New(fault.Invalid, "table %s: column %s: is in the lake and no longer in the contract, and rewriting files would lose its values; keep it in the contract", t.Name, h.Name)
		}
	}
	return nil
}

// widens says whether Iceberg lets a type grow without rewriting files.
func widens(from, to iceberg.Type) bool {
	if from.Equals(iceberg.PrimitiveTypes.Int32) && to.Equals(iceberg.PrimitiveTypes.Int64) {
		return true
	}
	f, fok := from.(iceberg.DecimalType)
	t, tok := to.(iceberg.DecimalType)
	return fok && tok && f.Scale() == t.Scale() && f.Precision() <= t.Precision()
}

// partitionValue is a month as the partition of a table has it.
func partitionValue(spec iceberg.PartitionSpec, month string) (map[int]any, error) {
	if spec.NumFields() == 0 {
		if month != "" {
			return nil, fault.New(fault.Invalid, "month %s: the table has no event date", month)
		}
		return nil, nil
	}
	if month == "" {
		return map[int]any{monthField: nil}, nil
	}
	at, err := time.Parse("2006-01", month)
	if err != nil {
		return nil, fault.New(fault.Invalid, "month %q: wants YYYY-MM", month)
	}
	if _, identity := spec.Field(0).Transform.(iceberg.IdentityTransform); identity {
		return map[int]any{monthField: month}, nil
	}
	return map[int]any{monthField: int32((at.Year()-1970)*12 + int(at.Month()) - 1)}, nil //nolint:gosec // some thousands
}

// monthOf undoes partitionValue.
func monthOf(partition map[int]any) (string, error) {
	switch v := partition[monthField].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int32:
		return time.Date(1970, time.Month(v+1), 1, 0, 0, 0, 0, time.UTC).Format("2006-01"), nil
	default:
		return "", fmt.Errorf("partition value of type %T", v)
	}
}

// writeMetadata writes a metadata file, in the form of name that other clients want: NNNNN-<uuid>.metadata.json.
func (f files) writeMetadata(meta table.Metadata, baseLocation string) (string, error) {
	version := 0
	if baseLocation != "" {
		n, err := strconv.Atoi(strings.SplitN(path.Base(baseLocation), "-", 2)[0])
		if err != nil {
			return "", fmt.Errorf("metadata file %s: its name has no version", path.Base(baseLocation))
		}
		version = n + 1
	}
	location := fmt.Sprintf("%s/metadata/%05d-%s.metadata.json", meta.Location(), version, uuid.New())
	w, err := f.Create(location)
	if err != nil {
		return "", err
	}
	return location, errors.Join(json.NewEncoder(w).Encode(meta), w.Close())
}
