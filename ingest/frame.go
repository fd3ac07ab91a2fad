package ingest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
)

// frame carries rows that Go made into a table of DuckDB, a temporary one but where it is shared. Its columns are SQL types; values are int64, bool or
// text (dates and timestamps too), nil for null.
type frame struct {
	table   string
	names   []string
	types   []string
	build   *array.RecordBuilder
	rows    int
	created bool
	shared  bool // for CopyAll's connections, too: no temp table
}

// frameRows is how many rows wait before they are handed over: books of a large history must not fill the memory.
const frameRows = 50_000

func newFrame(table string, columns ...string) *frame {
	f := &frame{table: table}
	for _, c := range columns {
		f.column(c)
	}
	return f
}

// column adds "name TYPE".
func (f *frame) column(c string) {
	i := strings.LastIndexByte(c, ' ')
	f.names = append(f.names, c[:i])
	f.types = append(f.types, c[i+1:])
}

func (f *frame) builder() *array.RecordBuilder {
	if f.build != nil {
		return f.build
	}
	fields := make([]arrow.Field, len(f.names))
	for i, t := range f.types {
		fields[i] = arrow.Field{Name: fmt.Sprintf("v%d", i), Type: arrow.BinaryTypes.String, Nullable: true}
		switch t {
		case "INTEGER", "BIGINT", "SMALLINT":
			fields[i].Type = arrow.PrimitiveTypes.Int64
		case "BOOLEAN":
			fields[i].Type = arrow.FixedWidthTypes.Boolean
		}
	}
	f.build = array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	return f.build
}

func (f *frame) row(values ...any) {
	b := f.builder()
	for i, v := range values {
		switch col := b.Field(i).(type) {
		case *array.Int64Builder:
			switch v := v.(type) {
			case int64:
				col.Append(v)
			case int:
				col.Append(int64(v))
			default:
				col.AppendNull()
			}
		case *array.BooleanBuilder:
			if v, ok := v.(bool); ok {
				col.Append(v)
			} else {
				col.AppendNull()
			}
		case *array.StringBuilder:
			if v, ok := v.(string); ok {
				col.Append(v)
			} else {
				col.AppendNull()
			}
		}
	}
	f.rows++
}

// create makes the temp table anew with the rows that were added.
func (f *frame) create(ctx context.Context, l *duckdb.Loader) error {
	f.created = false
	return f.flush(ctx, l)
}

// flush hands the rows over; the first time it makes the table.
func (f *frame) flush(ctx context.Context, l *duckdb.Loader) error {
	if !f.created {
		cols := make([]string, len(f.names))
		for i := range f.names {
			cols[i] = f.names[i] + " " + f.types[i]
		}
		kind := "TEMP TABLE "
		if f.shared {
			kind = "TABLE "
		}
		if _, err := l.Conn().ExecContext(ctx, "CREATE OR REPLACE "+kind+f.table+" ("+strings.Join(cols, ", ")+")"); err != nil {
			return sqlFault(err)
		}
		f.created = true
	}
	if f.rows == 0 {
		return nil
	}
	batch := f.builder().NewRecordBatch()
	defer batch.Release()
	f.rows = 0
	reader, err := array.NewRecordReader(batch.Schema(), []arrow.RecordBatch{batch})
	if err != nil {
		return err
	}
	defer reader.Release()
	release, err := l.RegisterArrow("frame_rows", reader)
	if err != nil {
		return err
	}
	defer release()
	items := make([]string, len(f.names))
	for i, t := range f.types {
		items[i] = fmt.Sprintf("CAST(v%d AS %s)", i, t)
	}
	_, err = l.Conn().ExecContext(ctx, "INSERT INTO "+f.table+" SELECT "+strings.Join(items, ", ")+" FROM frame_rows")
	return sqlFault(err)
}

// full hands the rows over when there are many.
func (f *frame) full(ctx context.Context, l *duckdb.Loader) error {
	if f.rows < frameRows {
		return nil
	}
	return f.flush(ctx, l)
}

// text is a text value, null where empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// moment is a timestamp value, null where zero.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Format(time.DateTime)
}
