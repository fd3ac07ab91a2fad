package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow/array"
	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/sanyi-lake/sanyi/internal/engine"
)

// LoaderOptions of a Loader.
type LoaderOptions struct {
	Work        string // folder for DuckDB's spill files: below the lake's landing
	MemoryLimit string // "2GB"; "" = a quarter of the machine's, 1 to 8 GB; resident memory is up to 0.25 GB more
	Threads     int    // 0 = as many as there are processors
}

// Loader is a trusted DuckDB with one connection for one load. Not safe for concurrent use.
//
// A statement runs on one thread. DuckDB's calling thread asks again and again for a task while the others work (1.5.6:
// it does not wait), so that a statement whose end is one thread's work, as the writing of a small file is, burns a
// second processor for nothing: a quarter of all CPU time of a load. Where there is work for many threads, Wide lends
// them; many files are written side by side by CopyAll.
type Loader struct {
	db      *sql.DB
	se      *session
	threads int
	sides   []*session // further connections, for CopyAll
}

// OpenLoader starts one.
func OpenLoader(ctx context.Context, opts LoaderOptions) (*Loader, error) {
	if opts.MemoryLimit == "" {
		opts.MemoryLimit = defaultMemory()
	}
	if opts.Threads <= 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	db, err := openMemory(ctx, []string{
		"SET threads = 1",
		"SET memory_limit = " + quoteText(opts.MemoryLimit),
		"SET temp_directory = " + quoteText(opts.Work),
		"SET GLOBAL TimeZone = 'Asia/Shanghai'",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		"SET disabled_optimizers = " + quoteText(unwanted),
	})
	if err != nil {
		return nil, err
	}
	se, err := openSession(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Loader{db: db, se: se, threads: opts.Threads}, nil
}

// unwanted is an optimiser that turns IN lists into hash joins. Of a table's fifty short lists of codes that made fifty
// joins in one statement, which cost several times the comparisons and most of the memory.
const unwanted = "in_clause"

// Wide runs a statement that makes a table of many rows with all threads. The table's rows are in no order: to keep the
// order of what was read costs a fifth more.
func (l *Loader) Wide(ctx context.Context, run func() error) error {
	if l.threads == 1 {
		return run()
	}
	set := func(ctx context.Context, threads int, ordered bool) error {
		_, err := l.se.conn.ExecContext(ctx, fmt.Sprintf("SET threads = %d; SET preserve_insertion_order = %t", threads, ordered))
		return told(err)
	}
	if err := set(ctx, l.threads, false); err != nil {
		return err
	}
	err := run()
	if serr := set(context.WithoutCancel(ctx), 1, true); err == nil {
		err = serr
	}
	return err
}

// AsWritten runs a statement whose joins stand as they are written, the smaller side on the right. What DuckDB cannot count
// before, as rows that stand side by side by their places, it takes for few, and copies all of it to look up each of a
// hundred.
func (l *Loader) AsWritten(run func() error) error {
	if err := l.optimizers(unwanted + ",join_order,build_side_probe_side"); err != nil {
		return err
	}
	return errors.Join(run(), l.optimizers(unwanted))
}

// Conn is the loader's connection: temp tables, views and functions live on it.
func (l *Loader) Conn() *sql.Conn { return l.se.conn }

// RegisterArrow makes r readable as a view, once. Call release when the view has been read.
//
// DuckDB's C interface (1.5.6) asks an Arrow stream for the columns and rows that a statement needs, but the stream
// gives all of them in their own order: a statement that leaves out a column reads the wrong ones, and a simple filter
// is lost. So both optimisers rest until release.
func (l *Loader) RegisterArrow(name string, r array.RecordReader) (release func(), err error) {
	if err := l.optimizers(unwanted + ",unused_columns,filter_pushdown"); err != nil {
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
		return nil, errors.Join(told(err), l.optimizers(unwanted))
	}
	free := release
	return func() {
		free()
		_ = l.optimizers(unwanted) // fails only where the connection is gone
	}, nil
}

func (l *Loader) optimizers(disabled string) error {
	_, err := l.se.conn.ExecContext(context.Background(), "SET disabled_optimizers = "+quoteText(disabled))
	return told(err)
}

// Query runs a statement on the loader's connection and returns Go-owned Arrow batches.
func (l *Loader) Query(ctx context.Context, query string, args ...any) (*engine.Result, error) {
	return l.se.query(ctx, query, args, 0)
}

// Close ends it.
func (l *Loader) Close() error {
	var errs []error
	for _, se := range l.sides {
		errs = append(errs, se.close())
	}
	return errors.Join(append(errs, l.se.close(), l.db.Close())...)
}
