package api

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Keys of the Arrow schema's metadata.
const (
	MetaWire        = "sanyi.wire"
	MetaPublication = "sanyi.publication"
	MetaBy          = "sanyi.by"      // comma-separated
	MetaCompare     = "sanyi.compare" // comma-separated
	MetaChoices     = "sanyi.choices" // semicolon-separated conditions in words, by which rows of one method were counted; not there where nothing was to choose
)

// batchRows bounds the memory of one record batch on either side.
const batchRows = 8192

// ArrowSchema is the stream's schema. Timestamps are microseconds in the time zone of the lake; figures are doubles;
// `total` holds the names of the added-up dimensions, comma-separated.
func (a *Answer) ArrowSchema(zone *time.Location) *arrow.Schema {
	compared := map[string]bool{}
	for _, c := range a.Compare {
		compared["base_"+c], compared["change_"+c], compared["points_"+c] = true, true, true
	}
	dims := len(a.By)
	if a.Names != nil {
		dims *= 2
	}
	var fields []arrow.Field
	for i, name := range a.Columns() {
		var t arrow.DataType = arrow.BinaryTypes.String
		switch {
		case i == 2:
			t = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: zone.String()}
		case i < 3+dims:
		case compared[name], name == "value", name == "numerator", name == "denominator", name == "completeness":
			t = arrow.PrimitiveTypes.Float64
		case name == "partial", name == "provisional", name == "suppressed":
			t = arrow.FixedWidthTypes.Boolean
		}
		fields = append(fields, arrow.Field{Name: name, Type: t, Nullable: true})
	}
	keys := []string{MetaWire, MetaPublication, MetaBy, MetaCompare}
	values := []string{strconv.Itoa(WireVersion), strconv.FormatInt(a.Publication, 10), strings.Join(a.By, ","), strings.Join(a.Compare, ",")}
	if len(a.Choices) > 0 {
		made := make([]string, 0, len(a.Choices))
		for _, c := range a.Choices {
			made = append(made, c.Name+": "+c.How)
		}
		keys, values = append(keys, MetaChoices), append(values, strings.Join(made, "; "))
	}
	meta := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &meta)
}

// WriteArrow writes the answer as an Arrow IPC stream.
func (a *Answer) WriteArrow(w io.Writer, zone *time.Location) error {
	schema := a.ArrowSchema(zone)
	out := ipc.NewWriter(w, ipc.WithSchema(schema))
	builder := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer builder.Release()
	flush := func() error {
		batch := builder.NewRecordBatch()
		defer batch.Release()
		return out.Write(batch)
	}
	for i := range a.Rows {
		for j := range schema.NumFields() {
			appendCell(builder.Field(j), a.Rows[i].cell(j, a))
		}
		if (i+1)%batchRows == 0 {
			if err := flush(); err != nil {
				return fmt.Errorf("answer: arrow: %w", err)
			}
		}
	}
	if len(a.Rows)%batchRows != 0 {
		if err := flush(); err != nil {
			return fmt.Errorf("answer: arrow: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("answer: arrow: %w", err)
	}
	return nil
}

func appendCell(b array.Builder, v any) {
	switch b := b.(type) {
	case *array.StringBuilder:
		switch v := v.(type) {
		case string:
			b.Append(v)
		case []string:
			b.Append(strings.Join(v, ","))
		default:
			b.AppendNull()
		}
	case *array.Float64Builder:
		if f, ok := v.(float64); ok {
			b.Append(f)
		} else {
			b.AppendNull()
		}
	case *array.BooleanBuilder:
		if t, ok := v.(bool); ok {
			b.Append(t)
		} else {
			b.AppendNull()
		}
	case *array.TimestampBuilder:
		if t, ok := v.(time.Time); ok {
			b.Append(arrow.Timestamp(t.UnixMicro()))
		} else {
			b.AppendNull()
		}
	case *array.Date32Builder:
		if t, ok := v.(time.Time); ok {
			b.Append(arrow.Date32FromTime(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)))
		} else {
			b.AppendNull()
		}
	default:
		b.AppendNull()
	}
}

// WriteCSV writes the answer as CSV: a header, a missing value as an empty field. A text that a spreadsheet would run
// as a formula gets an apostrophe in front.
func (a *Answer) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	cols := a.Columns()
	if err := out.Write(cols); err != nil {
		return fmt.Errorf("answer: csv: %w", err)
	}
	line := make([]string, len(cols))
	for i := range a.Rows {
		for j := range cols {
			line[j] = csvText(a.Rows[i].cell(j, a))
		}
		if err := out.Write(line); err != nil {
			return fmt.Errorf("answer: csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("answer: csv: %w", err)
	}
	return nil
}

func csvText(v any) string {
	switch v := v.(type) {
	case string:
		if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
			return "'" + v
		}
		return v
	case []string:
		return strings.Join(v, ",")
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(time.RFC3339)
	default:
		return ""
	}
}
