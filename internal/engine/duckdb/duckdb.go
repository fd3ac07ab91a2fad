// Package duckdb runs statements on the files of a lake with DuckDB, in this process. An Engine is locked down: it
// reads the warehouse of its lake and nothing else. A Scratch holds the few rows of a worked case in memory. A Loader
// is trusted and writes: ingest's tool. It is the only package that talks to DuckDB.
package duckdb

import (
	"context"
	"database/sql"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

var errStub = fault.New(fault.Internal, "duckdb: being written")

// Options of an Engine.
type Options struct {
	Threads     int    // 0 = as many as there are processors
	MemoryLimit string // "2GB"; "" = 60 % of the machine
	Timezone    string // "" = the lake's
}

// Engine answers statements from one lake. It is safe for concurrent use.
type Engine struct{}

var _ engine.Engine = (*Engine)(nil)

// Open starts a locked-down DuckDB over the lake's warehouse.
func Open(l *lake.Lake, set *schema.Set, opts Options) (*Engine, error) { return nil, errStub }

// Over is an engine that answers from this view alone, whatever publication a statement names: for audits of what a
// Staging would publish.
func (e *Engine) Over(v *lake.View) engine.Engine { return e }

// Run answers a statement.
func (e *Engine) Run(ctx context.Context, s engine.Statement) (*engine.Result, error) {
	return nil, errStub
}

// Close stops DuckDB.
func (e *Engine) Close() error { return nil }

// Scratch is an engine over in-memory tables made from contracts: for worked cases. Safe for concurrent use after the
// loads.
type Scratch struct{}

var _ engine.Engine = (*Scratch)(nil)

// NewScratch makes an engine in which every table of the set exists and is empty.
func NewScratch(ctx context.Context, set *schema.Set) (*Scratch, error) { return nil, errStub }

// Load adds rows to a table. Keys are column names (unknown ones are refused), missing ones are null; values are what
// YAML or JSON decoding gives and are converted by the contract's type.
func (s *Scratch) Load(table string, rows []map[string]any) error { return errStub }

// Reset empties every table.
func (s *Scratch) Reset() error { return errStub }

// Run answers a statement; Statement.Publication is ignored.
func (s *Scratch) Run(ctx context.Context, st engine.Statement) (*engine.Result, error) {
	return nil, errStub
}

// Close stops it.
func (s *Scratch) Close() error { return nil }

// LoaderOptions of a Loader.
type LoaderOptions struct {
	Work        string // folder for DuckDB's spill files: below the lake's landing
	MemoryLimit string // "1GB" where empty; resident memory is up to 0.25 GB more
	Threads     int    // 0 = as many as there are processors
}

// Loader is a trusted DuckDB with one connection for one load. Not safe for concurrent use.
type Loader struct{}

// OpenLoader starts one.
func OpenLoader(ctx context.Context, opts LoaderOptions) (*Loader, error) { return nil, errStub }

// Conn is the loader's connection: temp tables, views and functions live on it.
func (l *Loader) Conn() *sql.Conn { return nil }

// RegisterArrow makes r readable as a view, once. Call release when the view has been read.
func (l *Loader) RegisterArrow(name string, r array.RecordReader) (release func(), err error) {
	return nil, errStub
}

// StringFunc computes one value of a string function; ok[i] is false where args[i] is null. The argument strings are
// only valid during the call: clone what must live on.
type StringFunc func(args []string, ok []bool) (value string, valid bool, err error)

// RegisterString makes a scalar function VARCHAR… → VARCHAR, called chunk by chunk. DuckDB calls it from several
// threads: each uses a StringFunc of its own, made by newFunc.
func (l *Loader) RegisterString(name string, arity int, newFunc func() StringFunc) error {
	return errStub
}

// Query runs a statement on the loader's connection and returns Go-owned Arrow batches.
func (l *Loader) Query(ctx context.Context, query string, args ...any) (*engine.Result, error) {
	return nil, errStub
}

// CopyOptions of CopyParquet.
type CopyOptions struct {
	RowGroup int // rows; 0 = 122,880
}

// CopyParquet writes the result of a SELECT, whose columns are those of the contract by name (missing ones become
// null), to path, with the contract's field ids. It returns the number of rows.
func (l *Loader) CopyParquet(ctx context.Context, t *schema.Table, query, path string, opts CopyOptions) (int64, error) {
	return 0, errStub
}

// Close ends it.
func (l *Loader) Close() error { return nil }

// Gate lets free SQL through: one SELECT over allowed tables and harmless table functions. It returns the tables that
// the text names, sorted; anything else is fault.Denied (or fault.Usage where the text does not parse).
func Gate(ctx context.Context, query string, allow func(table string) bool) ([]string, error) {
	return nil, errStub
}
