package reader

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	batchBytes = 64 << 20 // a batch is full at this many bytes of text, however few its records are
	overCopy   = 16       // short cells are copied in one move of this size; every data buffer keeps that much slack
)

// column grows one Arrow string array in place: offsets, validity and text in buffers of the caller's allocator.
type column struct {
	data   *memory.Buffer
	text   []byte // data's whole capacity
	n      int    // bytes used
	offs   *memory.Buffer
	off    []int32
	bits   *memory.Buffer
	valid  []byte
	nulls  int
	expect int // bytes that the last batch needed
	form   *Form
	texts  int // of a column with a form, which begins all null
	values values
}

// values are those of a column's cells that are plain.
type values struct {
	width int // bytes; 0 = bits
	data  *memory.Buffer
	buf   []byte
	bits  *memory.Buffer
	set   []byte
	n     int
}

// batcher builds batches of string columns with the two place columns.
type batcher struct {
	mem    memory.Allocator
	schema *arrow.Schema
	limit  int
	cols   []column
	rowBuf *memory.Buffer
	offBuf *memory.Buffer
	row    []int64
	off    []int64
	n      int
	bytes  int
	open   bool
}

func newBatcher(mem memory.Allocator, names []string, limit int, forms map[string]Form) *batcher {
	cols := make([]column, len(names))
	fields := make([]arrow.Field, 0, len(names)+2)
	for _, name := range names {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	for i, name := range names {
		if f, ok := forms[name]; ok {
			cols[i].form = &f
			fields = append(fields, arrow.Field{Name: name, Type: f.Type(), Nullable: true})
		}
	}
	fields = append(fields,
		arrow.Field{Name: RowColumn, Type: arrow.PrimitiveTypes.Int64},
		arrow.Field{Name: OffsetColumn, Type: arrow.PrimitiveTypes.Int64})
	return &batcher{mem: mem, schema: arrow.NewSchema(fields, nil), limit: limit, cols: cols}
}

func (b *batcher) begin() {
	if b.open {
		return
	}
	b.open, b.n, b.bytes = true, 0, 0
	for i := range b.cols {
		c := &b.cols[i]
		c.data, c.offs, c.bits = memory.NewResizableBuffer(b.mem), memory.NewResizableBuffer(b.mem), memory.NewResizableBuffer(b.mem)
		c.data.Reserve(max(c.expect+c.expect/8, 1024) + overCopy)
		c.text, c.n, c.nulls, c.texts = c.data.Buf(), 0, 0, 0
		c.offs.Resize((b.limit + 1) * arrow.Int32SizeBytes)
		c.off = arrow.Int32Traits.CastFromBytes(c.offs.Bytes())
		c.off[0] = 0
		c.bits.Resize((b.limit + 7) / 8)
		c.valid = c.bits.Bytes()
		if c.form != nil { // most texts are null
			clear(c.valid)
			c.values.begin(b.mem, c.form.width(), b.limit)
			continue
		}
		for j := range c.valid {
			c.valid[j] = 0xFF
		}
	}
	b.rowBuf, b.offBuf = memory.NewResizableBuffer(b.mem), memory.NewResizableBuffer(b.mem)
	b.rowBuf.Resize(b.limit * arrow.Int64SizeBytes)
	b.offBuf.Resize(b.limit * arrow.Int64SizeBytes)
	b.row = arrow.Int64Traits.CastFromBytes(b.rowBuf.Bytes())
	b.off = arrow.Int64Traits.CastFromBytes(b.offBuf.Bytes())
}

// put sets the cell of the row under way; every column is set once a row, by put or null.
func (b *batcher) put(col int, v []byte) {
	c := &b.cols[col]
	if c.form != nil {
		if value, ok := c.form.read(v); ok {
			c.values.put(b.n, value)
			c.off[b.n+1] = int32(c.n) //nolint:gosec // as below.
			return
		}
		c.valid[b.n>>3] |= 1 << (b.n & 7)
		c.texts++
	}
	n := c.n
	if n+len(v)+overCopy > len(c.text) {
		c.grow(len(v))
	}
	if len(v) <= overCopy && cap(v) >= overCopy {
		*(*[overCopy]byte)(c.text[n:]) = [overCopy]byte(v[:overCopy])
	} else {
		copy(c.text[n:], v)
	}
	c.n = n + len(v)
	c.off[b.n+1] = int32(c.n) //nolint:gosec // batchBytes and MaxRecordBytes keep it far below 2 GiB.
	b.bytes += len(v)
}

func (b *batcher) null(col int) {
	c := &b.cols[col]
	c.off[b.n+1] = int32(c.n) //nolint:gosec // as in put.
	if c.form != nil {
		return
	}
	c.valid[b.n>>3] &^= 1 << (b.n & 7)
	c.nulls++
}

func (v *values) begin(mem memory.Allocator, width, limit int) {
	v.data, v.bits, v.n, v.width = memory.NewResizableBuffer(mem), memory.NewResizableBuffer(mem), 0, width
	size := width * limit
	if width == 0 {
		size = (limit + 7) / 8
	}
	v.data.Resize(size)
	v.bits.Resize((limit + 7) / 8)
	v.buf, v.set = v.data.Bytes(), v.bits.Bytes()
	clear(v.buf)
	clear(v.set)
}

func (v *values) put(row int, value int64) {
	switch v.width {
	case 8:
		binary.LittleEndian.PutUint64(v.buf[8*row:], uint64(value)) //nolint:gosec // the bits are wanted
	case 4:
		binary.LittleEndian.PutUint32(v.buf[4*row:], uint32(value)) //nolint:gosec // at most nine digits, or a day
	default:
		v.buf[row>>3] |= byte(value) << (row & 7)
	}
	v.set[row>>3] |= 1 << (row & 7)
	v.n++
}

func (v *values) flush(f *Form, rows int) arrow.Array {
	if v.width == 0 {
		v.data.Resize((rows + 7) / 8)
	} else {
		v.data.Resize(rows * v.width)
	}
	v.bits.Resize((rows + 7) / 8)
	bits := v.bits
	if v.n == rows {
		bits = nil
	}
	d := array.NewData(f.Type(), rows, []*memory.Buffer{bits, v.data}, nil, rows-v.n, 0)
	defer d.Release()
	v.data.Release()
	v.bits.Release()
	v.data, v.bits = nil, nil
	return array.MakeFromData(d)
}

func (c *column) grow(need int) {
	c.data.Resize(c.n)
	c.data.Reserve(2*len(c.text) + need + overCopy)
	c.text = c.data.Buf()
}

// end closes the row under way and says whether the batch is full.
func (b *batcher) end(record, offset int64) (full bool) {
	b.row[b.n], b.off[b.n] = record, offset
	b.n++
	return b.n == b.limit || b.bytes >= batchBytes
}

// flush gives the batch and forgets it; nil when there are no rows.
func (b *batcher) flush() arrow.RecordBatch {
	if !b.open {
		return nil
	}
	b.open = false
	arrays := make([]arrow.Array, 0, 2*len(b.cols)+2)
	for i := range b.cols {
		c := &b.cols[i]
		c.expect = c.n
		c.data.Resize(c.n)
		c.offs.Resize((b.n + 1) * arrow.Int32SizeBytes)
		c.bits.Resize((b.n + 7) / 8)
		bits := c.bits
		if c.form != nil {
			c.nulls = b.n - c.texts
		}
		if c.nulls == 0 {
			bits = nil
		}
		d := array.NewData(arrow.BinaryTypes.String, b.n, []*memory.Buffer{bits, c.offs, c.data}, nil, c.nulls, 0)
		arrays = append(arrays, array.NewStringData(d))
		d.Release()
		c.data.Release()
		c.offs.Release()
		c.bits.Release()
		c.data, c.offs, c.bits = nil, nil, nil
	}
	for i := range b.cols {
		if c := &b.cols[i]; c.form != nil {
			arrays = append(arrays, c.values.flush(c.form, b.n))
		}
	}
	for _, buf := range []*memory.Buffer{b.rowBuf, b.offBuf} {
		buf.Resize(b.n * arrow.Int64SizeBytes)
		d := array.NewData(arrow.PrimitiveTypes.Int64, b.n, []*memory.Buffer{nil, buf}, nil, 0, 0)
		arrays = append(arrays, array.NewInt64Data(d))
		d.Release()
		buf.Release()
	}
	var batch arrow.RecordBatch
	if b.n > 0 {
		batch = array.NewRecordBatch(b.schema, arrays, int64(b.n))
	}
	for _, a := range arrays {
		a.Release()
	}
	return batch
}

// base is what the readers of all formats have in common: the Arrow side and the account of records.
type base struct {
	refs    atomic.Int64
	b       *batcher
	cur     arrow.RecordBatch
	err     error
	name    string
	spec    Spec
	records int64
	rejects []Reject
}

func (r *base) Retain() { r.refs.Add(1) }

func (r *base) Release() {
	if r.refs.Add(-1) == 0 {
		r.drop()
		if r.b != nil {
			if rest := r.b.flush(); rest != nil {
				rest.Release()
			}
		}
	}
}

func (r *base) drop() {
	if r.cur != nil {
		r.cur.Release()
		r.cur = nil
	}
}

func (r *base) Schema() *arrow.Schema          { return r.b.schema }
func (r *base) RecordBatch() arrow.RecordBatch { return r.cur }
func (r *base) Record() arrow.RecordBatch      { return r.cur }
func (r *base) Err() error                     { return r.err }
func (r *base) Records() int64                 { return r.records }

func (r *base) Rejects() []Reject {
	out := r.rejects
	r.rejects = nil
	return out
}

func (r *base) reject(j Reject) {
	j.Record = r.records
	r.rejects = append(r.rejects, j)
}
