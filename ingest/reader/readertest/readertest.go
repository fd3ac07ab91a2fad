// Package readertest is the exam that every format sits: one table, written down in the format, must come back as the
// same rows with the same counts.
package readertest

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/ingest/reader"
)

// Null is how a null cell is written in a table.
const Null = "\x00null"

// Table is what a file holds, as text.
type Table struct {
	Columns []string
	Rows    [][]string
}

// Stays is the table of the exam: leading zeros, decimals that must keep their digits, hanzi, quotes and line ends in
// cells, empty cells.
func Stays() Table {
	t := Table{Columns: []string{"stay_id", "org_code", "dept_name", "admit_time", "total_fee", "note"}}
	for i := range 50 {
		note := Null
		switch i % 5 {
		case 1:
			note = "a, \"b\"\nc"
		case 2:
			note = "－"
		}
		t.Rows = append(t.Rows, []string{
			"S" + strings.Repeat("0", 3) + string(rune('0'+i%10)), "01" + string(rune('0'+i%7)), "心血管内科", "2025-03-0" + string(rune('1'+i%9)) + " 08:00:00",
			[]string{"12.340", "0.10", "1000000", Null, "-3.00"}[i%5], note,
		})
	}
	return t
}

// Format writes a table down and says how to read it.
type Format struct {
	Spec  reader.Spec
	Write func(t *testing.T, table Table) []byte
	// Text gives the canonical text of a cell where the format has types, e.g. a decimal without trailing zeros; nil
	// where every text survives.
	Text func(column, cell string) string
}

// Run is the exam.
func Run(t *testing.T, f Format) {
	t.Helper()
	table := Stays()
	data := f.Write(t, table)
	want := make([][]string, len(table.Rows))
	nulls := map[string]int64{}
	for i, row := range table.Rows {
		want[i] = slices.Clone(row)
		for c, cell := range row {
			switch {
			case cell == Null:
				nulls[table.Columns[c]]++
			case f.Text != nil:
				want[i][c] = f.Text(table.Columns[c], cell)
			}
		}
	}
	t.Run("all columns", func(t *testing.T) {
		r, rows := read(t, f.Spec, data)
		if !slices.Equal(r.Columns(), table.Columns) {
			t.Errorf("columns %q, want %q", r.Columns(), table.Columns)
		}
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("rows\n got %q\nwant %q", rows, want)
		}
		got := r.Nulls()
		maps.DeleteFunc(got, func(_ string, n int64) bool { return n == 0 })
		if !maps.Equal(got, nulls) {
			t.Errorf("nulls %v, want %v", got, nulls)
		}
		if r.Records() != int64(len(want)) || len(r.Rejects()) != 0 {
			t.Errorf("records %d, want %d", r.Records(), len(want))
		}
	})
	t.Run("wanted columns, small batches, word for null", func(t *testing.T) {
		spec := f.Spec
		spec.BatchRecords, spec.Null = 7, []string{"－"}
		spec.Want = []string{"note", "gone", "stay_id"}
		r, rows := read(t, spec, data)
		for i, row := range rows {
			note := want[i][5]
			if note == "－" {
				note = Null
			}
			if expect := []string{note, Null, want[i][0]}; !slices.Equal(row, expect) {
				t.Fatalf("row %d: %q, want %q", i+1, row, expect)
			}
		}
		if len(rows) != len(want) || !slices.Equal(r.Missing(), []string{"gone"}) {
			t.Errorf("%d rows, missing %q", len(rows), r.Missing())
		}
		if n := r.Extra()["org_code"]; n != int64(len(want)) {
			t.Errorf("extra %v", r.Extra())
		}
	})
	t.Run("empty", func(t *testing.T) {
		if _, err := reader.Open(f.Spec, "exam", bytes.NewReader(nil), nil); err == nil {
			t.Error("an empty file was accepted")
		}
	})
	t.Run("cut off", func(t *testing.T) {
		r, err := reader.Open(f.Spec, "exam", bytes.NewReader(data[:len(data)*2/3]), nil)
		if err != nil {
			return
		}
		defer r.Release()
		for r.Next() { // only the account counts
		}
		if r.Err() == nil && len(r.Rejects()) == 0 && r.Records() == int64(len(want)) {
			t.Error("a file that lost its end was read as whole")
		}
	})
}

func read(t *testing.T, spec reader.Spec, data []byte) (reader.Reader, [][]string) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	r, err := reader.Open(spec, "exam", bytes.NewReader(data), mem)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Release(); mem.AssertSize(t, 0) })
	var rows [][]string
	record := int64(0)
	for r.Next() {
		b := r.RecordBatch()
		n := int(b.NumCols()) - 2
		for i := range int(b.NumRows()) {
			row := make([]string, n)
			for c := range n {
				col, ok := b.Column(c).(*array.String)
				switch {
				case !ok:
					t.Fatalf("column %s is no STRING", b.ColumnName(c))
				case col.IsNull(i):
					row[c] = Null
				default:
					row[c] = strings.Clone(col.Value(i))
				}
			}
			rows = append(rows, row)
			record++
			if number := b.Column(n).(*array.Int64).Value(i); number != record {
				t.Fatalf("record number %d, want %d", number, record)
			}
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return r, rows
}
