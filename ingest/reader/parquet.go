package reader

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// parquetReader turns the values of a Parquet file into their canonical texts: plain decimals, ISO dates and times,
// true and false, JSON for lists. Fields of a group become dotted columns.
type parquetReader struct {
	base
	file    *os.File // the file set down for random access
	rows    pqarrow.RecordReader
	columns []string
	plan    plan
	nulls   []int64
	filled  []int64
	words   *nullWords
	in      arrow.RecordBatch
	leaves  []arrow.Array
	at      int
	cells   [][2]int
	scratch []byte
}

var _ Reader = (*parquetReader)(nil)

func openParquet(spec Spec, name string, r io.Reader, mem memory.Allocator) (_ Reader, err error) {
	p := &parquetReader{words: newNullWords(spec.Null)}
	p.name, p.spec = name, spec
	p.refs.Store(1)
	defer func() {
		if e := recover(); e != nil { // the library panics on some broken files
			err = p.broken(fmt.Errorf("%v", e))
		}
		if err != nil {
			p.closeFile()
		}
	}()
	if err := p.setDown(r); err != nil {
		return nil, err
	}
	f, err := file.NewParquetReader(p.file, file.WithReadProps(parquet.NewReaderProperties(mem)))
	if err != nil {
		return nil, p.broken(err)
	}
	fr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: int64(spec.BatchRecords)}, mem)
	if err != nil {
		return nil, p.broken(err)
	}
	if p.rows, err = fr.GetRecordReader(context.Background(), nil, nil); err != nil {
		return nil, p.broken(err)
	}
	if p.columns, err = headerNames(name, leafNames("", p.rows.Schema().Fields())); err != nil {
		return nil, err
	}
	if p.plan, err = match(name, p.columns, spec.Want, spec.Aliases); err != nil {
		return nil, err
	}
	p.nulls, p.filled = make([]int64, len(p.columns)), make([]int64, len(p.columns))
	p.b = newBatcher(mem, p.plan.names, spec.BatchRecords, spec.Forms)
	return p, nil
}

// setDown copies the stream to a file that is gone when it is closed.
func (p *parquetReader) setDown(r io.Reader) error {
	f, err := os.CreateTemp(p.spec.TempDir, "parquet-*")
	if err != nil {
		return fault.Wrap(fault.Unavailable, err)
	}
	p.file = f
	_ = os.Remove(f.Name())
	n, err := io.Copy(f, r)
	switch {
	case err != nil && fault.KindOf(err) != fault.Internal:
		return err
	case err != nil:
		return fault.Wrap(fault.Unavailable, err)
	case n == 0:
		return refuse(p.name, FaultEmpty, nil, "空文件（0 字节）；请重新导出", "empty file (0 bytes); export it again")
	}
	return nil
}

func (p *parquetReader) broken(err error) error {
	return refuse(p.name, FaultBroken, err, fmt.Sprintf("不是完整的 Parquet 文件（%v）；请重新传送", err),
		fmt.Sprintf("not a whole Parquet file (%v); send it again", err))
}

func (p *parquetReader) closeFile() {
	if p.rows != nil {
		p.rows.Release()
		p.rows = nil
	}
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

// Release gives up the file with the last reference.
func (p *parquetReader) Release() {
	if p.refs.Load() == 1 {
		p.closeFile()
	}
	p.base.Release()
}

// leafNames lists the columns; a group's fields stand under its name.
func leafNames(prefix string, fields []arrow.Field) []string {
	var out []string
	for _, f := range fields {
		if s, ok := f.Type.(*arrow.StructType); ok {
			out = append(out, leafNames(prefix+f.Name+".", s.Fields())...)
			continue
		}
		out = append(out, prefix+f.Name)
	}
	return out
}

// leafArrays lists the arrays in the order of leafNames. A null group makes its fields null.
func leafArrays(out, arrays []arrow.Array) []arrow.Array {
	for _, a := range arrays {
		s, ok := a.(*array.Struct)
		if !ok {
			out = append(out, a)
			continue
		}
		fields := make([]arrow.Array, s.NumField())
		for i := range fields {
			fields[i] = s.Field(i)
		}
		out = leafArrays(out, fields)
	}
	return out
}

// Next reads the next batch.
func (p *parquetReader) Next() (more bool) {
	p.drop()
	if p.err != nil {
		return false
	}
	defer func() {
		if e := recover(); e != nil {
			p.err, more = p.broken(fmt.Errorf("%v", e)), false
		}
	}()
	for {
		if p.in == nil || p.at == int(p.in.NumRows()) {
			if p.rows == nil || !p.rows.Next() {
				if p.rows != nil && p.rows.Err() != nil && p.rows.Err() != io.EOF { //nolint:errorlint // pqarrow gives it bare.
					p.err = p.broken(p.rows.Err())
				}
				break
			}
			p.in, p.at = p.rows.RecordBatch(), 0
			p.leaves = leafArrays(p.leaves[:0], p.in.Columns())
		}
		full := p.row()
		p.at++
		if full {
			break
		}
	}
	p.cur = p.b.flush()
	return p.cur != nil
}

func (p *parquetReader) row() (full bool) {
	p.records++
	offset := p.records - 1
	p.scratch, p.cells = p.scratch[:0], p.cells[:0]
	for i, a := range p.leaves {
		from := len(p.scratch)
		if a.IsValid(p.at) {
			p.scratch = appendText(p.scratch, a, p.at)
		}
		v := p.scratch[from:]
		reason := ""
		switch {
		case !utf8.Valid(v):
			reason = ReasonBadEncoding
		case bytes.IndexByte(v, 0) >= 0:
			reason = ReasonNUL
		case len(v) > p.spec.MaxRecordBytes:
			reason = ReasonTooLong
		}
		if reason != "" {
			p.reject(Reject{Offset: offset, Length: int64(len(v)), Reason: reason, Column: p.columns[i], Want: len(p.columns)})
			return false
		}
		p.cells = append(p.cells, [2]int{from, len(p.scratch)})
	}
	p.b.begin()
	for i, c := range p.cells {
		v := p.scratch[c[0]:c[1]]
		if p.spec.Trim {
			v = trim(v)
		}
		to := p.plan.to[i]
		switch {
		case len(v) == 0 || p.words.is(v):
			p.nulls[i]++
			if to >= 0 {
				p.b.null(to)
			}
		case to >= 0:
			p.b.put(to, v)
		default:
			p.filled[i]++
		}
	}
	for _, to := range p.plan.absent {
		p.b.null(to)
	}
	return p.b.end(p.records, offset)
}

// appendText appends the canonical text of one value.
func appendText(dst []byte, a arrow.Array, i int) []byte {
	switch a := a.(type) {
	case *array.String:
		return append(dst, a.Value(i)...)
	case *array.LargeString:
		return append(dst, a.Value(i)...)
	case *array.Binary:
		return append(dst, a.Value(i)...)
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(i), 10)
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Float64:
		return appendFloat(dst, a.Value(i), 64)
	case *array.Float32:
		return appendFloat(dst, float64(a.Value(i)), 32)
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i))
	case *array.Decimal128:
		t, _ := a.DataType().(*arrow.Decimal128Type)
		return append(dst, a.Value(i).ToString(t.Scale)...)
	case *array.Decimal256:
		t, _ := a.DataType().(*arrow.Decimal256Type)
		return append(dst, a.Value(i).ToString(t.Scale)...)
	case *array.Date32:
		return a.Value(i).ToTime().AppendFormat(dst, "2006-01-02")
	case *array.Date64:
		return a.Value(i).ToTime().AppendFormat(dst, "2006-01-02")
	case *array.Timestamp:
		t, _ := a.DataType().(*arrow.TimestampType)
		if t.TimeZone != "" {
			return a.Value(i).ToTime(t.Unit).UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999999Z07:00")
		}
		return a.Value(i).ToTime(t.Unit).AppendFormat(dst, "2006-01-02 15:04:05.999999999")
	case *array.Time32:
		t, _ := a.DataType().(*arrow.Time32Type)
		return a.Value(i).ToTime(t.Unit).AppendFormat(dst, "15:04:05.999999999")
	case *array.Time64:
		t, _ := a.DataType().(*arrow.Time64Type)
		return a.Value(i).ToTime(t.Unit).AppendFormat(dst, "15:04:05.999999999")
	case *array.Dictionary:
		return appendText(dst, a.Dictionary(), a.GetValueIndex(i))
	case *array.List, *array.LargeList, *array.Map, *array.FixedSizeList:
		text, err := json.Marshal(a.GetOneForMarshal(i))
		if err != nil {
			return append(dst, a.ValueStr(i)...)
		}
		return append(dst, text...)
	}
	return append(dst, a.ValueStr(i)...)
}

// appendFloat writes plain decimals where people would; 1e300 keeps its exponent.
func appendFloat(dst []byte, v float64, bits int) []byte {
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, v, 'g', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}

func (p *parquetReader) Columns() []string { return p.columns }
func (p *parquetReader) Missing() []string { return p.plan.missing }
func (p *parquetReader) Encoding() string  { return "" }

func (p *parquetReader) Nulls() map[string]int64 { return countsOf(p.columns, p.nulls) }

func (p *parquetReader) Extra() map[string]int64 { return extraOf(p.columns, p.plan, p.filled) }
