package ingest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// What the reader takes for a plain value, SQL must read as the same value.
func TestPlainCellsAreWhatSQLWouldRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	texts := []string{
		"0", "-0", "00", "7", "007", "-12", "+3", "12.", ".5", "-.5", "-", "1e3", "1_0", "12.3", "12.30", "12.345", "12.300", "-0.00", "123456789", "1234567890",
		"999999999999999999", "9999999999999999999", "99999999999999.99", "999999999999999.9", "0000000000000000001.0", "2147483648", "-999999999",
		"2025-03-01", "2025-3-1", "2024-02-29", "2025-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "1969-12-31", "2025-00-10", "2025-13-01",
		"2025-03-01 08:30:00", "2025-03-01 24:00:00", "2025-03-01 08:60:00", "2025-03-01T08:30:00", "2025-03-01 08:30", "1582-10-10 00:00:00", "2025-02-30 00:00:00", "2025-03-01 08:30:61",
		"true", "TRUE", "t", "1", "0", "是", "否", "y", "Yes", "２０２５", "1,234", "--1", "1-1", "1.2.3", "12a", "2025/03/01", "20250301",
	}
	for range 4000 {
		b := []byte(texts[rng.IntN(len(texts))])
		for range 1 + rng.IntN(2) {
			b[rng.IntN(len(b))] = "0123456789-.: "[rng.IntN(14)]
		}
		if s := string(b); strings.TrimSpace(s) == s && strings.ToValidUTF8(s, "") == s && s != "" {
			texts = append(texts, s)
		}
	}
	l, err := duckdb.OpenLoader(t.Context(), duckdb.LoaderOptions{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for _, c := range []struct {
		name   string
		source Source
	}{
		{"as it comes", Source{}},
		{"forms of dates", Source{Dates: []string{"%Y-%m-%d %H:%M:%S", "%d.%m.%Y"}}},
		{"grouped numbers", Source{Numbers: Numbers{Decimal: ".", Thousands: ","}}},
		{"own words", Source{Booleans: Booleans{True: []string{"1", "Yes"}, False: []string{"0", "-"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.source.Numbers.Decimal == "" {
				c.source.Numbers.Decimal = "."
			}
			cast := newCaster(&c.source, "Asia/Shanghai")
			for _, typ := range []expr.Type{
				expr.Int32Type, expr.Int64Type, expr.DateType, expr.TimestampType, expr.BoolType,
				{Kind: expr.Decimal, Precision: 16, Scale: 2},
				{Kind: expr.Decimal, Precision: 8, Scale: 4},
				{Kind: expr.Decimal, Precision: 18},
				{Kind: expr.Decimal, Precision: 9, Scale: 6},
			} {
				if form := cast.form(typ); form != nil {
					plain(t, l, cast, typ, *form, texts)
				}
			}
		})
	}
}

func plain(t *testing.T, l *duckdb.Loader, cast caster, typ expr.Type, form reader.Form, texts []string) {
	t.Helper()
	rd, err := reader.Open(reader.Spec{CSV: reader.CSVSpec{Header: true}, Want: []string{"x"}, Forms: map[string]reader.Form{"x": form}, Encoding: "utf-8"},
		"x.csv", strings.NewReader("x\n\""+strings.Join(texts, "\"\n\"")+"\"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Release()
	var batches []arrow.RecordBatch
	for rd.Next() {
		b := rd.RecordBatch()
		b.Retain()
		defer b.Release()
		batches = append(batches, array.NewRecordBatch(arrow.NewSchema([]arrow.Field{
			{Name: "c", Type: b.Column(0).DataType(), Nullable: true}, {Name: "v", Type: b.Column(1).DataType(), Nullable: true}, {Name: "row", Type: b.Column(2).DataType()},
		}, nil), b.Columns()[:3], b.NumRows()))
	}
	if err := rd.Err(); err != nil {
		t.Fatal(err)
	}
	values, err := array.NewRecordReader(batches[0].Schema(), batches)
	if err != nil {
		t.Fatal(err)
	}
	defer values.Release()
	f := newFrame("cells", "row INTEGER", "x VARCHAR")
	for i, x := range texts {
		f.row(i+1, x)
	}
	if err := f.create(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	release, err := l.RegisterArrow("given", values)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Conn().ExecContext(t.Context(), "CREATE OR REPLACE TEMP TABLE read AS SELECT c, v, row FROM given")
	release()
	if err != nil {
		t.Fatal(err)
	}
	var rows, plain int
	if err := l.Conn().QueryRowContext(t.Context(), "SELECT count(*), count(v) FROM read").Scan(&rows, &plain); err != nil || rows != len(texts) || plain < 5 {
		t.Fatalf("%v: %d rows, %d plain (%v), want %d rows", typ, rows, plain, err, len(texts))
	}
	var typed string
	if err := l.Conn().QueryRowContext(t.Context(), "SELECT any_value(typeof(v)) FROM read").Scan(&typed); err != nil || typed != typ.SQL() {
		t.Errorf("%v: the reader gives %s (%v), want %s", typ, typed, err, typ.SQL())
	}
	differ, err := l.Conn().QueryContext(t.Context(), fmt.Sprintf(
		"SELECT x, coalesce(CAST(v AS VARCHAR), 'none'), coalesce(CAST(%[1]s AS VARCHAR), 'null'), coalesce(c, 'none') FROM read JOIN cells USING (row) WHERE v IS NOT NULL AND v IS DISTINCT FROM %[1]s OR v IS NULL AND c IS DISTINCT FROM x OR v IS NOT NULL AND c IS NOT NULL",
		cast.value("x", typ)))
	if err != nil {
		t.Fatal(err)
	}
	defer differ.Close()
	for differ.Next() {
		var x, value, sql, text string
		if err := differ.Scan(&x, &value, &sql, &text); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%v: %q: the reader says value %s, text %s; SQL says %s", typ, x, value, text, sql)
	}
}
