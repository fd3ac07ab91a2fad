package queries

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/internal/lang"
)

// WriteCSV writes all columns, full precision. bom puts the mark in front by which Excel knows UTF-8.
func (a *Answer) WriteCSV(w io.Writer, bom bool) error {
	if bom {
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return err
		}
	}
	out := csv.NewWriter(w)
	if err := out.Write(a.Columns()); err != nil {
		return err
	}
	for i := range a.Rows {
		cells := a.Cells(&a.Rows[i])
		record := make([]string, len(cells))
		for j, c := range cells {
			record[j] = plainText(c)
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return strings.Join(v, ",")
	case time.Time:
		return v.Format("2006-01-02 15:04:05")
	default:
		return fmt.Sprint(v)
	}
}

// WriteTable writes what a person reads first: figures rounded once, half up, comparisons by their names, and what is
// missing said in words.
func (a *Answer) WriteTable(w io.Writer, c *Catalog, l lang.Language) error {
	head := []string{l.Pick("指标", "indicator"), l.Pick("周期", "period")}
	head = append(head, a.By...)
	head = append(head, l.Pick("数值", "value"), l.Pick("单位", "unit"))
	for _, cmp := range a.Compare {
		zh, en := cmp.Title()
		head = append(head, l.Pick(zh, en))
	}
	head = append(head, l.Pick("说明", "notes"))
	rows := [][]string{head}
	for i := range a.Rows {
		r := &a.Rows[i]
		name := r.Indicator
		if x, ok := c.Indicator(r.Indicator); ok {
			name += " " + l.Pick(x.Title.ZH, x.Title.EN)
		}
		row := []string{name, r.Period}
		for j, d := range r.Dims {
			switch {
			case slices.Contains(r.Total, a.By[j]):
				row = append(row, l.Pick("合计", "total"))
			case d == nil:
				row = append(row, l.Pick("(空)", "(null)"))
			default:
				row = append(row, fmt.Sprint(d))
			}
		}
		if row = append(row, shown(r.Value), r.Unit); r.Unit == "指数" && r.Value != nil { // an index of 1.00 may be 0.9967
			row[len(row)-2] = strconv.FormatFloat(*r.Value, 'f', 4, 64)
		}
		for _, cmp := range r.Compared {
			cell := "—"
			if cmp.Change != nil {
				cell = fmt.Sprintf("%+.2f%%", roundHalfUp(*cmp.Change))
				if cmp.Points != nil {
					cell += fmt.Sprintf(" (%+.2f %s)", roundHalfUp(*cmp.Points), l.Pick("个百分点", "points"))
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, append(row, notes(r, l)))
	}
	if err := writeAligned(w, rows); err != nil {
		return err
	}
	for _, made := range a.Choices {
		if _, err := fmt.Fprintf(w, "%s %s: %s\n", l.Pick("口径", "counted by"), made.Name, made.How); err != nil {
			return err
		}
	}
	return nil
}

func notes(r *Row, l lang.Language) string {
	var out []string
	if r.At != "" {
		out = append(out, r.At)
	}
	if r.Suppression != "" {
		out = append(out, l.Pick("小数抑制", "suppressed"))
	}
	if r.Partial {
		out = append(out, l.Pick("周期未完", "unfinished"))
	}
	if r.Provisional {
		out = append(out, l.Pick("暂定", "provisional"))
	}
	if r.Completeness != nil && *r.Completeness < 1 {
		out = append(out, fmt.Sprintf(l.Pick("到数 %.0f%%", "%.0f%% delivered"), math.Floor(*r.Completeness*100)))
	}
	return strings.Join(out, ", ")
}

// shown rounds once, half up, to two places; whole numbers stay whole.
func shown(v *float64) string {
	if v == nil {
		return "—"
	}
	if *v == math.Trunc(*v) && math.Abs(*v) < 1e15 {
		return strconv.FormatFloat(*v, 'f', 0, 64)
	}
	return strconv.FormatFloat(roundHalfUp(*v), 'f', 2, 64)
}

func roundHalfUp(v float64) float64 {
	return math.Copysign(math.Floor(math.Abs(v)*100+0.5+1e-9), v) / 100
}

func writeAligned(w io.Writer, rows [][]string) error {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for j, c := range r {
			width[j] = max(width[j], columnsWide(c))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		for j, c := range r {
			if j == len(r)-1 {
				b.WriteString(c)
				break
			}
			b.WriteString(c + strings.Repeat(" ", width[j]-columnsWide(c)+2))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// columnsWide counts terminal columns: Chinese takes two.
func columnsWide(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x2E80 {
			n++
		}
	}
	return n
}

// Record is the answer as one Arrow batch. Dimensions keep their type where all values have it.
func (a *Answer) Record(mem memory.Allocator) arrow.RecordBatch {
	cols := a.Columns()
	cells := make([][]any, len(a.Rows))
	for i := range a.Rows {
		cells[i] = a.Cells(&a.Rows[i])
	}
	fields := make([]arrow.Field, len(cols))
	arrays := make([]arrow.Array, len(cols))
	for j, name := range cols {
		t := a.typeOf(j, name, cells)
		fields[j] = arrow.Field{Name: name, Type: t, Nullable: true}
		arrays[j] = columnOf(mem, t, cells, j)
		defer arrays[j].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(len(a.Rows)))
}

func (a *Answer) typeOf(j int, name string, cells [][]any) arrow.DataType {
	dims := j >= 3 && j < 3+len(a.By)
	if !dims {
		switch name {
		case "period_start":
			return arrow.FixedWidthTypes.Timestamp_us
		case "partial", "provisional", "suppressed", "alarm":
			return arrow.FixedWidthTypes.Boolean
		case "indicator", "period", "total", "unit", "suppression", "at":
			return arrow.BinaryTypes.String
		}
		if strings.HasPrefix(name, "base_period_") {
			return arrow.BinaryTypes.String
		}
		return arrow.PrimitiveTypes.Float64
	}
	var t arrow.DataType
	for _, row := range cells {
		var own arrow.DataType
		switch row[j].(type) {
		case nil:
			continue
		case int64:
			own = arrow.PrimitiveTypes.Int64
		case bool:
			own = arrow.FixedWidthTypes.Boolean
		case float64:
			own = arrow.PrimitiveTypes.Float64
		default:
			return arrow.BinaryTypes.String
		}
		if t != nil && !arrow.TypeEqual(t, own) {
			return arrow.BinaryTypes.String
		}
		t = own
	}
	if t == nil {
		return arrow.BinaryTypes.String
	}
	return t
}

func columnOf(mem memory.Allocator, t arrow.DataType, cells [][]any, j int) arrow.Array {
	b := array.NewBuilder(mem, t)
	defer b.Release()
	for _, row := range cells {
		v := row[j]
		if v == nil {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(plainText(v))
		case *array.Float64Builder:
			f, _ := asFloat(v)
			b.Append(f)
		case *array.Int64Builder:
			n, _ := v.(int64)
			b.Append(n)
		case *array.BooleanBuilder:
			y, _ := v.(bool)
			b.Append(y)
		case *array.TimestampBuilder:
			s, _ := v.(time.Time)
			b.Append(arrow.Timestamp(s.UnixMicro()))
		}
	}
	return b.NewArray()
}
