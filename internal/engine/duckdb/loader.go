package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/array"
	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// LoaderOptions of a Loader.
type LoaderOptions struct {
	Work        string // folder for DuckDB's spill files: below the lake's landing
	MemoryLimit string // "1GB" where empty; resident memory is up to 0.25 GB more
	Threads     int    // 0 = as many as there are processors
}

// Loader is a trusted DuckDB with one connection for one load. Not safe for concurrent use.
type Loader struct {
	db *sql.DB
	se *session
}

// OpenLoader starts one.
func OpenLoader(ctx context.Context, opts LoaderOptions) (*Loader, error) {
	if opts.MemoryLimit == "" {
		opts.MemoryLimit = "1GB"
	}
	if opts.Threads <= 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	db, err := openMemory(ctx, []string{
		fmt.Sprintf("SET threads = %d", opts.Threads),
		"SET memory_limit = " + quoteText(opts.MemoryLimit),
		"SET temp_directory = " + quoteText(opts.Work),
		"SET TimeZone = 'Asia/Shanghai'",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
	})
	if err != nil {
		return nil, err
	}
	se, err := openSession(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Loader{db: db, se: se}, nil
}

// Conn is the loader's connection: temp tables, views and functions live on it.
func (l *Loader) Conn() *sql.Conn { return l.se.conn }

// RegisterArrow makes r readable as a view, once. Call release when the view has been read.
//
// DuckDB's C interface (1.5.6) asks an Arrow stream for the columns and rows that a statement needs, but the stream
// gives all of them in their own order: a statement that leaves out a column reads the wrong ones, and a simple filter
// is lost. So both optimisers rest until release.
func (l *Loader) RegisterArrow(name string, r array.RecordReader) (release func(), err error) {
	if err := l.optimizers("unused_columns,filter_pushdown"); err != nil {
		return nil, err
	}
	err = l.se.conn.Raw(func(c any) error {
		a, err := duck.NewArrowFromConn(c.(driver.Conn))
		if err != nil {
			return err
		}
		release, err = a.RegisterView(r, name)
		return err
	})
	if err != nil {
		return nil, errors.Join(told(err), l.optimizers(""))
	}
	free := release
	return func() {
		free()
		_ = l.optimizers("") // fails only where the connection is gone
	}, nil
}

func (l *Loader) optimizers(disabled string) error {
	_, err := l.se.conn.ExecContext(context.Background(), "SET disabled_optimizers = "+quoteText(disabled))
	return told(err)
}

// StringFunc computes one value of a string function; ok[i] is false where args[i] is null. The argument strings are
// only valid during the call: clone what must live on.
type StringFunc func(args []string, ok []bool) (value string, valid bool, err error)

// RegisterString makes a scalar function VARCHAR… → VARCHAR, called chunk by chunk (1 to 2 µs a value less than row by
// row). DuckDB calls it from several threads: each uses a StringFunc of its own, made by newFunc.
func (l *Loader) RegisterString(name string, arity int, newFunc func() StringFunc) error {
	text, err := duck.NewTypeInfo(duck.TYPE_VARCHAR)
	if err != nil {
		return fmt.Errorf("function %s: %w", name, err)
	}
	u := &stringUDF{result: text, pool: sync.Pool{New: func() any {
		return &stringCall{fn: newFunc(), args: make([]string, arity), ok: make([]bool, arity), views: make([]duck.VectorView[string], arity)}
	}}}
	for range arity {
		u.inputs = append(u.inputs, text)
	}
	if err := duck.RegisterScalarUDF(l.se.conn, name, u); err != nil {
		return fmt.Errorf("function %s: %w", name, err)
	}
	return nil
}

type stringUDF struct {
	inputs []duck.TypeInfo
	result duck.TypeInfo
	pool   sync.Pool
}

// stringCall is what one thread needs while it works on a chunk.
type stringCall struct {
	fn    StringFunc
	args  []string
	ok    []bool
	views []duck.VectorView[string]
}

// Config tells DuckDB the function's types; nulls are given to the function.
func (u *stringUDF) Config() duck.ScalarFuncConfig {
	return duck.ScalarFuncConfig{InputTypeInfos: u.inputs, ResultTypeInfo: u.result, SpecialNullHandling: true}
}

// Executor works on whole chunks.
func (u *stringUDF) Executor() duck.ScalarFuncExecutor {
	return duck.ScalarFuncExecutor{ChunkContextExecutor: func(_ context.Context, chunk *duck.ChunkIteratorState) error {
		call := u.pool.Get().(*stringCall) //nolint:forcetypeassert // New makes nothing else
		defer u.pool.Put(call)
		return call.chunk(chunk)
	}}
}

func (call *stringCall) chunk(chunk *duck.ChunkIteratorState) error {
	for i := range call.views {
		vector, err := chunk.GetInputChunk().GetVector(i)
		if err != nil {
			return err
		}
		if call.views[i], err = duck.GetVectorView[string](vector); err != nil {
			return err
		}
	}
	out, err := duck.GetVectorWriter[string](chunk.GetResultVector())
	if err != nil {
		return err
	}
	for row := range chunk.GetInputChunk().GetSize() {
		for i, view := range call.views {
			var err error
			if call.args[i], call.ok[i], err = view.GetValueBorrowed(row); err != nil {
				return err
			}
		}
		value, valid, err := call.fn(call.args, call.ok)
		if err != nil {
			return err
		}
		if !valid {
			if err := out.SetNull(row); err != nil {
				return err
			}
			continue
		}
		if err := out.Set(row, value); err != nil {
			return err
		}
	}
	return nil
}

// Query runs a statement on the loader's connection and returns Go-owned Arrow batches.
func (l *Loader) Query(ctx context.Context, query string, args ...any) (*engine.Result, error) {
	return l.se.query(ctx, query, args, 0)
}

// CopyOptions of CopyParquet.
type CopyOptions struct {
	RowGroup int // rows; 0 = 122,880, as measured best on our own extracts
}

// CopyParquet writes the result of a SELECT, whose columns are those of the contract by name (missing ones become
// null, others are refused), to path, with the contract's field ids. It returns the number of rows. The file has to be
// Added to a staging, which syncs it and looks at its footer.
func (l *Loader) CopyParquet(ctx context.Context, t *schema.Table, query, path string, opts CopyOptions) (int64, error) {
	if opts.RowGroup == 0 {
		opts.RowGroup = 122_880
	}
	have, err := l.columns(ctx, query)
	if err != nil {
		return 0, fmt.Errorf("table %s: %w", t.Name, err)
	}
	var cols, ids []string
	for _, c := range t.AllColumns() {
		source := "NULL"
		if have[c.Name] {
			source = quoteName(c.Name)
			delete(have, c.Name)
		}
		cols = append(cols, fmt.Sprintf("%s::%s AS %s", source, c.Type.SQL(), quoteName(c.Name)))
		ids = append(ids, fmt.Sprintf("%s: %d", quoteName(c.Name), c.ID))
	}
	for name := range have {
		return 0, fault.New(fault.Internal, "table %s: no column %s", t.Name, name)
	}
	res, err := l.se.conn.ExecContext(ctx, fmt.Sprintf(
		"COPY (SELECT %s FROM (%s)) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE %d, FIELD_IDS {%s})",
		strings.Join(cols, ", "), query, quoteText(path), opts.RowGroup, strings.Join(ids, ", ")))
	if err != nil {
		return 0, fmt.Errorf("table %s: %w", t.Name, told(err))
	}
	return res.RowsAffected()
}

func (l *Loader) columns(ctx context.Context, query string) (map[string]bool, error) {
	rows, err := l.se.conn.QueryContext(ctx, "SELECT column_name FROM (DESCRIBE "+query+")")
	if err != nil {
		return nil, told(err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		out[name] = true
	}
	return out, rows.Err()
}

// Close ends it.
func (l *Loader) Close() error { return errors.Join(l.se.close(), l.db.Close()) }
