package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Keys of the Arrow schema's metadata, beside those of indicators.
const (
	MetaMore       = "sanyi.more"    // "true": there are more rows than the limit
	MetaSettled    = "sanyi.settled" // "true": money is there
	MetaScheme     = "sanyi.scheme"
	MetaSchemeHash = "sanyi.scheme_hash"
	MetaKind       = "sanyi.scheme_kind"
	MetaLanguage   = "sanyi.language"
)

// Sheet is a table as it travels where the answer is no figure of an indicator.
type Sheet struct {
	Publication int64
	Columns     []SheetColumn
	Rows        [][]any           // string, float64, bool, time.Time (a day) or nil
	Meta        map[string]string // by the keys above
}

// SheetColumn is a column of a Sheet.
type SheetColumn struct {
	Name string
	Kind ColumnKind
}

// ColumnKind is what a column holds.
type ColumnKind uint8

// The kinds. A day is written 2026-03-01 and travels as date32.
const (
	TextColumn ColumnKind = iota
	NumberColumn
	FlagColumn
	DayColumn
)

var arrowTypes = [...]arrow.DataType{
	TextColumn: arrow.BinaryTypes.String, NumberColumn: arrow.PrimitiveTypes.Float64, FlagColumn: arrow.FixedWidthTypes.Boolean, DayColumn: arrow.FixedWidthTypes.Date32,
}

// WriteArrow writes the table as an Arrow IPC stream.
func (s *Sheet) WriteArrow(w io.Writer) error {
	fields := make([]arrow.Field, len(s.Columns))
	for i, c := range s.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowTypes[c.Kind], Nullable: true}
	}
	keys, values := []string{MetaWire, MetaPublication}, []string{strconv.Itoa(WireVersion), strconv.FormatInt(s.Publication, 10)}
	for _, k := range slices.Sorted(maps.Keys(s.Meta)) {
		keys, values = append(keys, k), append(values, s.Meta[k])
	}
	meta := arrow.NewMetadata(keys, values)
	schema := arrow.NewSchema(fields, &meta)
	out := ipc.NewWriter(w, ipc.WithSchema(schema))
	builder := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer builder.Release()
	for _, row := range s.Rows {
		for j := range s.Columns {
			appendCell(builder.Field(j), row[j])
		}
	}
	if len(s.Rows) > 0 { // at most MaxCases: one batch
		batch := builder.NewRecordBatch()
		defer batch.Release()
		if err := out.Write(batch); err != nil {
			return fmt.Errorf("answer: arrow: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("answer: arrow: %w", err)
	}
	return nil
}

// WriteCSV writes the table as CSV: a header, a missing value as an empty field, formulas disarmed.
func (s *Sheet) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	line := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		line[i] = c.Name
	}
	err := out.Write(line)
	for _, row := range s.Rows {
		for i := range s.Columns {
			if day, ok := row[i].(time.Time); ok {
				line[i] = day.Format(time.DateOnly)
			} else {
				line[i] = csvText(row[i])
			}
		}
		if err == nil {
			err = out.Write(line)
		}
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil {
		return fmt.Errorf("answer: csv: %w", err)
	}
	return nil
}

// rows writes a table as a list of objects, a missing value as null.
type rows struct{ of *Sheet }

func (r rows) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("[")
	for i, row := range r.of.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for j, c := range r.of.Columns {
			v := row[j]
			if day, ok := v.(time.Time); ok {
				v = day.Format(time.DateOnly)
			}
			text, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("answer: row %d column %s: %w", i+1, c.Name, err)
			}
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, "%q:%s", c.Name, text)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}
