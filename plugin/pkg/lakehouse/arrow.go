package lakehouse

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// longAnswer is the service's answer as it came, one row per indicator, period and group, by column. The SDK's own
// FromArrowRecord is not used: it reads a timestamp in microseconds as one in nanoseconds, and knows no decimal or date.
type longAnswer struct {
	rows        int
	publication int64
	by, compare []string
	columns     map[string]column
	meta        map[string]string // of the Arrow schema
}

// column holds one of the slices; the others are nil.
type column struct {
	texts   []*string
	numbers []*float64
	times   []*time.Time
	flags   []*bool
}

func readLong(r io.Reader) (*longAnswer, error) {
	stream, err := ipc.NewReader(r)
	if err != nil {
		return nil, remote(502, fault.Unavailable, "the service's answer is not an Arrow stream")
	}
	defer stream.Release()
	meta := stream.Schema().Metadata()
	out := &longAnswer{columns: map[string]column{}, meta: meta.ToMap()}
	list := func(key string) []string {
		if v, _ := meta.GetValue(key); v != "" {
			return strings.Split(v, ",")
		}
		return nil
	}
	out.by, out.compare = list(api.MetaBy), list(api.MetaCompare)
	if v, ok := meta.GetValue(api.MetaPublication); ok {
		if out.publication, err = strconv.ParseInt(v, 10, 64); err != nil {
			return nil, remote(502, fault.Unavailable, "the service's answer names no publication")
		}
	}
	for stream.Next() {
		batch := stream.RecordBatch()
		for i, field := range batch.Schema().Fields() {
			c := out.columns[field.Name]
			if err := c.add(batch.Column(i)); err != nil {
				return nil, fault.New(fault.Internal, "answer: column %s: %w", field.Name, err)
			}
			out.columns[field.Name] = c
		}
		out.rows += int(batch.NumRows())
	}
	if err := stream.Err(); err != nil {
		return nil, remote(502, fault.Unavailable, "the service's answer broke off within the Arrow stream")
	}
	return out, nil
}

// add takes the values of one batch. Texts are copied: a batch's memory is the reader's.
func (c *column) add(a arrow.Array) error {
	switch a := a.(type) {
	case *array.String:
		c.texts = append(c.texts, each(a, func(i int) string { return strings.Clone(a.Value(i)) })...)
	case *array.LargeString:
		c.texts = append(c.texts, each(a, func(i int) string { return strings.Clone(a.Value(i)) })...)
	case *array.Dictionary:
		c.texts = append(c.texts, each(a, func(i int) string { return strings.Clone(a.ValueStr(i)) })...)
	case *array.Boolean:
		c.flags = append(c.flags, each(a, a.Value)...)
	case *array.Float64:
		c.numbers = append(c.numbers, each(a, a.Value)...)
	case *array.Float32:
		c.numbers = append(c.numbers, each(a, func(i int) float64 { return float64(a.Value(i)) })...)
	case *array.Int64:
		c.numbers = append(c.numbers, each(a, func(i int) float64 { return float64(a.Value(i)) })...)
	case *array.Int32:
		c.numbers = append(c.numbers, each(a, func(i int) float64 { return float64(a.Value(i)) })...)
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		c.numbers = append(c.numbers, each(a, func(i int) float64 { return a.Value(i).ToFloat64(scale) })...)
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		c.times = append(c.times, each(a, func(i int) time.Time { return a.Value(i).ToTime(unit) })...)
	case *array.Date32:
		c.times = append(c.times, each(a, func(i int) time.Time { return a.Value(i).ToTime() })...)
	default:
		return fault.New(fault.Internal, "type %s is not known to the plugin", a.DataType())
	}
	return nil
}

func each[T any](a arrow.Array, value func(i int) T) []*T {
	out := make([]*T, a.Len())
	for i := range out {
		if a.IsValid(i) {
			v := value(i)
			out[i] = &v
		}
	}
	return out
}

// text, number, moment and flag read a column; a column that is not there, or is of another type, is all null.
func (l *longAnswer) text(name string) func(i int) *string { return at(l.columns[name].texts) }

func (l *longAnswer) number(name string) func(i int) *float64 {
	return at(l.columns[name].numbers)
}

func (l *longAnswer) moment(name string) func(i int) *time.Time { return at(l.columns[name].times) }

func (l *longAnswer) flag(name string) func(i int) bool {
	get := at(l.columns[name].flags)
	return func(i int) bool { v := get(i); return v != nil && *v }
}

func at[T any](list []*T) func(i int) *T {
	return func(i int) *T {
		if i >= len(list) {
			return nil
		}
		return list[i]
	}
}
