package duckdb_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
)

// A statement that uses only some columns of an Arrow view, or filters it, must see those columns and rows: DuckDB's own
// interface gives the first columns and all rows.
func TestArrowViewGivesTheColumnsAndRowsAskedFor(t *testing.T) {
	l, err := duckdb.OpenLoader(t.Context(), duckdb.LoaderOptions{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.BinaryTypes.String}, {Name: "b", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	for query, want := range map[string]string{
		"SELECT string_agg(b, ' ') FROM feed":                              "b1 b2",
		"SELECT string_agg(b || a, ' ') FROM feed WHERE a = 'a2'":          "b2a2",
		"SELECT sum(n)::VARCHAR FROM feed":                                 "3",
		"SELECT string_agg(b, ' ') FROM (SELECT * FROM feed) WHERE n > 1":  "b2",
		"SELECT string_agg(n::VARCHAR, ' ') FROM feed WHERE b IS NOT NULL": "1 2",
	} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		b.Field(0).(*array.StringBuilder).AppendValues([]string{"a1", "a2"}, nil)
		b.Field(1).(*array.StringBuilder).AppendValues([]string{"b1", "b2"}, nil)
		b.Field(2).(*array.Int64Builder).AppendValues([]int64{1, 2}, nil)
		r, err := array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
		if err != nil {
			t.Fatal(err)
		}
		release, err := l.RegisterArrow("feed", r)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		err = l.Conn().QueryRowContext(t.Context(), query).Scan(&got)
		release()
		if err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", query, got, err, want)
		}
	}
}
