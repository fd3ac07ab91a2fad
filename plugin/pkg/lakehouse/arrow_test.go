package lakehouse

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// stream writes one batch of one column with a value and a null.
func stream(t *testing.T, dt arrow.DataType, value string) *bytes.Buffer {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: dt, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer b.Release()
	if err := b.Field(0).AppendValueFromString(value); err != nil {
		t.Fatal(err)
	}
	b.Field(0).AppendNull()
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestEveryTypeThatAnEngineWritesIsRead(t *testing.T) {
	for _, c := range []struct {
		dt    arrow.DataType
		value string
		want  float64
	}{
		{arrow.PrimitiveTypes.Float64, "840.5", 840.5},
		{arrow.PrimitiveTypes.Int64, "840", 840},
		{arrow.PrimitiveTypes.Int32, "-3", -3},
		{&arrow.Decimal128Type{Precision: 38, Scale: 2}, "1234567.89", 1234567.89},
		{&arrow.Decimal128Type{Precision: 38, Scale: 0}, "3671", 3671}, // what a HUGEINT sum is cast to
	} {
		long, err := readLong(stream(t, c.dt, c.value))
		if err != nil {
			t.Fatalf("%s: %v", c.dt, err)
		}
		get := long.number("x")
		if v := get(0); v == nil || math.Abs(*v-c.want) > 1e-9*math.Abs(c.want) || get(1) != nil || long.rows != 2 {
			t.Errorf("%s: got %v, want %g and a null", c.dt, v, c.want)
		}
	}
	want := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, unit := range []arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond} { // the SDK's own reader takes microseconds for nanoseconds
		long, err := readLong(stream(t, &arrow.TimestampType{Unit: unit, TimeZone: "UTC"}, "2025-01-01T00:00:00Z"))
		if err != nil {
			t.Fatal(err)
		}
		if v := long.moment("x")(0); v == nil || !v.Equal(want) {
			t.Errorf("timestamp %s: got %v, want %s", unit, v, want)
		}
	}
	long, err := readLong(stream(t, arrow.FixedWidthTypes.Date32, "2025-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	if v := long.moment("x")(0); v == nil || !v.Equal(want) {
		t.Errorf("date: got %v, want %s", v, want)
	}
	if long, err = readLong(stream(t, arrow.BinaryTypes.String, "门诊")); err != nil || *long.text("x")(0) != "门诊" {
		t.Errorf("text: got %v %v", long, err)
	}
}

func TestATypeThatIsNotKnownIsAnErrorAndNotAWrongFigure(t *testing.T) {
	if _, err := readLong(stream(t, arrow.FixedWidthTypes.Duration_ms, "5ms")); fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "column x") {
		t.Errorf("got %v, want an error that names the column", err)
	}
}

func TestABrokenStreamIsTheServicesFault(t *testing.T) {
	whole := stream(t, arrow.PrimitiveTypes.Float64, "840.5").Bytes()
	for _, text := range [][]byte{[]byte("<html>"), nil, whole[:len(whole)/2]} {
		if _, err := readLong(bytes.NewReader(text)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%d bytes: got %v, want unavailable", len(text), err)
		}
	}
}
