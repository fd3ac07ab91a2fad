package reader_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/ingest/reader/readertest"
)

func TestEveryFormatSitsTheExam(t *testing.T) {
	for name, f := range map[string]readertest.Format{
		"csv":         {Spec: header(), Write: writeCSV},
		"csv gb18030": {Spec: header(), Write: writeGBK},
		"ndjson":      {Spec: reader.Spec{Format: reader.NDJSON}, Write: writeNDJSON},
		"json":        {Spec: reader.Spec{Format: reader.JSON, JSON: reader.JSONSpec{Records: "data.rows"}}, Write: writeJSON},
		"parquet":     {Spec: reader.Spec{Format: reader.Parquet, TempDir: t.TempDir()}, Write: writeParquet},
	} {
		t.Run(name, func(t *testing.T) { readertest.Run(t, f) })
	}
}

func writeCSV(t *testing.T, table readertest.Table) []byte {
	t.Helper()
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.Write(table.Columns); err != nil {
		t.Fatal(err)
	}
	for _, row := range table.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = strings.TrimPrefix(c, readertest.Null)
		}
		if err := w.Write(cells); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	return out.Bytes()
}

func writeGBK(t *testing.T, table readertest.Table) []byte {
	t.Helper()
	out, err := simplifiedchinese.GB18030.NewEncoder().Bytes(writeCSV(t, table))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func objects(t *testing.T, table readertest.Table) []json.RawMessage {
	t.Helper()
	var out []json.RawMessage
	for _, row := range table.Rows {
		var b bytes.Buffer
		for i, cell := range row {
			b.WriteByte("{,"[min(i, 1)])
			value, _ := json.Marshal(cell)
			switch {
			case cell == readertest.Null:
				value = []byte("null")
			case table.Columns[i] == "total_fee":
				value = []byte(cell) // a number: it must keep its digits
			}
			key, _ := json.Marshal(table.Columns[i])
			b.Write(key)
			b.WriteByte(':')
			b.Write(value)
		}
		b.WriteByte('}')
		out = append(out, b.Bytes())
	}
	return out
}

func writeNDJSON(t *testing.T, table readertest.Table) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, o := range objects(t, table) {
		out.Write(o)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func writeJSON(t *testing.T, table readertest.Table) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(`{"code": 0, "data": {"rows": [`)
	for i, o := range objects(t, table) {
		if i > 0 {
			out.WriteString(",\n")
		}
		out.Write(o)
	}
	out.WriteString(`]}, "message": null}`)
	return out.Bytes()
}

func writeParquet(t *testing.T, table readertest.Table) []byte {
	t.Helper()
	var fields []arrow.Field
	for _, c := range table.Columns {
		fields = append(fields, arrow.Field{Name: c, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range table.Rows {
		for i, cell := range row {
			if cell == readertest.Null {
				b.Field(i).AppendNull()
			} else {
				b.Field(i).(*array.StringBuilder).Append(cell)
			}
		}
	}
	return parquetOf(t, schema, b)
}

func parquetOf(t *testing.T, schema *arrow.Schema, b *array.RecordBuilder) []byte {
	t.Helper()
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestParquetValuesBecomeTheirCanonicalText(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "fee", Type: &arrow.Decimal128Type{Precision: 12, Scale: 2}},
		{Name: "share", Type: arrow.PrimitiveTypes.Float64},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us},
		{Name: "local", Type: &arrow.TimestampType{Unit: arrow.Millisecond}},
		{Name: "yes", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "n", Type: arrow.PrimitiveTypes.Int16},
		{Name: "dx", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		{Name: "person", Type: arrow.StructOf(arrow.Field{Name: "sex", Type: arrow.BinaryTypes.String, Nullable: true}), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range []string{
		`{"fee":"12.3","share":0.1,"day":"2025-03-01","at":"2025-03-01T08:00:00.5Z","local":"2025-03-01 08:00:00","yes":true,"n":-7,"dx":["I10",null],"person":{"sex":"1"}}`,
		`{"fee":"-0.05","share":1e300,"day":"1900-01-01","at":"1969-12-31T23:59:59Z","local":"2025-03-01 08:00:00.125","yes":false,"n":0,"dx":[],"person":null}`,
	} {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	got := readAll(t, reader.Spec{Format: reader.Parquet, TempDir: t.TempDir()}, bytes.NewReader(parquetOf(t, schema, b)))
	if got.err != nil {
		t.Fatal(got.err)
	}
	want := [][]string{
		{"12.30", "0.1", "2025-03-01", "2025-03-01T08:00:00.5Z", "2025-03-01 08:00:00", "true", "-7", `["I10",null]`, "1"},
		{"-0.05", "1e+300", "1900-01-01", "1969-12-31T23:59:59Z", "2025-03-01 08:00:00.125", "false", "0", "[]", null},
	}
	for i, row := range want {
		if i >= len(got.rows) || strings.Join(got.rows[i], "|") != strings.Join(row, "|") {
			t.Errorf("rows\n got %q\nwant %q", got.rows, want)
			break
		}
	}
	if c := got.r.Columns(); c[8] != "person.sex" {
		t.Errorf("columns %q", c)
	}
}
