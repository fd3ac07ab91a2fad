package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/ingest/landing"
	"github.com/sanyi-lake/sanyi/ingest/reader"
)

// feed reads the files of a source one after the other as one stream of Arrow batches, in chunks that fit in memory:
// one SQL pass per file would cost more than the files are worth.
type feed struct {
	spec    reader.Spec
	columns int // texts and values
	jobs    []*job
	limit   chunkLimit
	mem     memory.Allocator
	schema  *arrow.Schema

	accept func(j *job, missing []string, extra map[string]int64) error // refuses a file by its columns; may be nil

	next    int // job to be opened
	open    *job
	content *landing.Content
	reader  reader.Reader
}

// chunkLimit is where a chunk ends: softly at the end of a delivery, hard within one.
type chunkLimit struct {
	records int64
	bytes   int64
}

// job is one file of one delivery.
type job struct {
	index    int32
	delivery *delivery
	member   *landing.Member
	sum      string // SHA-256 of the unpacked file
	size     int64
	groups   map[string]string // named groups of the file pattern

	done     bool
	err      error // why the file cannot be read (to its end)
	records  int64
	rejects  []reader.Reject
	columns  []string
	missing  []string
	extra    map[string]int64
	nulls    map[string]int64
	encoding string
	counts   counts
}

// counts is the account of a file's records.
type counts struct {
	read, loaded, duplicate, superseded, quarantined, ignored int64
	tables                                                    map[string]int64
}

func newFeed(spec reader.Spec, jobs []*job, limit chunkLimit) *feed {
	f := &feed{spec: spec, jobs: jobs, limit: limit, mem: &reader.Pool{}}
	fields := make([]arrow.Field, 0, len(spec.Want)+4)
	for i := range spec.Want {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: arrow.BinaryTypes.String, Nullable: true})
	}
	for i, name := range spec.Want {
		if form, ok := spec.Forms[name]; ok {
			fields = append(fields, arrow.Field{Name: fmt.Sprintf("v%d", i), Type: form.Type(), Nullable: true})
		}
	}
	f.columns = len(fields)
	for _, name := range []string{"_src_row", "_src_offset"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64})
	}
	for _, name := range []string{"_file", "_del"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int32})
	}
	f.schema = arrow.NewSchema(fields, nil)
	return f
}

// more says whether there is anything left to read.
func (f *feed) more() bool { return f.open != nil || f.next < len(f.jobs) }

// batch is the next batch, nil at the end of the feed, or before a new delivery where stop says so. Faults of a file
// stay with its job: the feed goes on.
func (f *feed) batch(ctx context.Context, stop bool) (arrow.RecordBatch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.open == nil {
			if f.next >= len(f.jobs) || stop && f.boundary() {
				return nil, nil //nolint:nilnil // nil is the end
			}
			j := f.jobs[f.next]
			f.next++
			if !f.begin(j) {
				continue
			}
		}
		j := f.open
		if f.reader.Next() {
			j.rejects = append(j.rejects, f.reader.Rejects()...)
			b := f.reader.RecordBatch()
			if b.NumRows() == 0 {
				continue
			}
			return f.dress(b, j), nil
		}
		f.end()
	}
}

func (f *feed) begin(j *job) bool {
	content, err := j.member.Open()
	if err != nil {
		j.err, j.done = err, true
		return false
	}
	r, err := reader.Open(f.spec, j.member.Path, content, f.mem)
	if err != nil {
		j.err, j.done = errors.Join(err, content.Close()), true
		return false
	}
	j.encoding, j.columns = r.Encoding(), r.Columns()
	if f.accept != nil && (f.spec.Format == reader.CSV || f.spec.Format == reader.Parquet) {
		if err := f.accept(j, r.Missing(), nil); err != nil {
			r.Release()
			j.err, j.done = errors.Join(err, content.Close()), true
			return false
		}
	}
	f.open, f.content, f.reader = j, content, r
	return true
}

// end closes the account of a file.
func (f *feed) end() {
	j, r := f.open, f.reader
	j.rejects = append(j.rejects, r.Rejects()...)
	j.records, j.columns, j.missing, j.extra, j.nulls, j.encoding = r.Records(), r.Columns(), r.Missing(), r.Extra(), r.Nulls(), r.Encoding()
	j.err, j.done = r.Err(), true
	if j.err == nil {
		if err := f.content.Rest(); err != nil {
			j.err = err
		} else if j.sum != "" && f.content.SHA256() != j.sum {
			j.err = fmt.Errorf("%s: changed while it was read; wait until its sender has finished", j.member.Path)
		}
	}
	if j.err == nil && f.accept != nil {
		j.err = f.accept(j, j.missing, j.extra)
	}
	r.Release()
	if err := f.content.Close(); j.err == nil && err != nil {
		j.err = err
	}
	f.open, f.reader, f.content = nil, nil, nil
}

// dress adds file and delivery to a batch and gives the columns their names in SQL.
func (f *feed) dress(b arrow.RecordBatch, j *job) arrow.RecordBatch {
	cols := make([]arrow.Array, 0, f.columns+4)
	cols = append(cols, b.Columns()[:f.columns+2]...)
	n := int(b.NumRows())
	for _, v := range []int32{j.index, j.delivery.index} {
		builder := array.NewInt32Builder(f.mem)
		builder.Reserve(n)
		for range n {
			builder.UnsafeAppend(v)
		}
		a := builder.NewArray()
		builder.Release()
		defer a.Release() // the record keeps it
		cols = append(cols, a)
	}
	return array.NewRecordBatch(f.schema, cols, b.NumRows())
}

// close gives up what is open.
func (f *feed) close() {
	if f.open != nil {
		f.reader.Release()
		f.content.Close()
		f.open = nil
	}
}

// chunk is one part of a feed, as the array.RecordReader that DuckDB scans.
type chunk struct {
	ctx     context.Context //nolint:containedctx // RecordReader has no other way to hear of a cancellation
	feed    *feed
	first   int // first job of the chunk
	records int64
	bytes   int64
	current arrow.RecordBatch
	err     error
	over    bool
}

var _ array.RecordReader = (*chunk)(nil)

func (f *feed) chunk(ctx context.Context) *chunk {
	first := f.next
	if f.open != nil {
		first--
	}
	return &chunk{ctx: ctx, feed: f, first: first}
}

// jobs are the files of which records may be in the chunk. Only after the chunk was read.
func (c *chunk) jobs() []*job { return c.feed.jobs[c.first:c.feed.next] }

func (c *chunk) Retain()                        {}
func (c *chunk) Release()                       {}
func (c *chunk) Schema() *arrow.Schema          { return c.feed.schema }
func (c *chunk) Record() arrow.RecordBatch      { return c.current }
func (c *chunk) RecordBatch() arrow.RecordBatch { return c.current }
func (c *chunk) Err() error                     { return c.err }

func (c *chunk) Next() bool {
	if c.current != nil {
		c.current.Release()
		c.current = nil
	}
	f := c.feed
	full := c.records >= f.limit.records || c.bytes >= f.limit.bytes
	most := c.records >= f.limit.records*7/10 || c.bytes >= f.limit.bytes*7/10
	if c.over || full {
		return false
	}
	b, err := f.batch(c.ctx, most)
	if err != nil || b == nil {
		c.err, c.over = err, true
		return false
	}
	c.current = b
	c.records += b.NumRows()
	for _, col := range b.Columns() {
		for _, buf := range col.Data().Buffers() {
			if buf != nil {
				c.bytes += int64(buf.Len())
			}
		}
	}
	return true
}

// boundary says that the next record belongs to another delivery than the last.
func (f *feed) boundary() bool {
	return f.next > 0 && f.jobs[f.next].delivery != f.jobs[f.next-1].delivery
}
