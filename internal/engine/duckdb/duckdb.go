// Package duckdb runs statements on the files of a lake with DuckDB, in this process. An Engine is locked down: it
// reads the warehouse of its lake and nothing else. A Scratch holds the few rows of a worked case in memory. A Loader
// is trusted and writes: ingest's tool. This is the only package that talks to DuckDB.
package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// Options of an Engine.
type Options struct {
	Threads     int      // 0 = as many as there are processors
	MemoryLimit string   // "2GB"; "" = DuckDB's own, 80 % of the machine
	Connections int      // statements that run at once; others wait. 0 = 4
	Also        []string // folders beside the warehouse that may be read: of a what-if
}

// Engine answers statements from one lake. It is safe for concurrent use.
type Engine struct {
	lake *lake.Lake
	set  *schema.Set
	db   *sql.DB
	pool chan *session // idle sessions, and nil for those not yet opened
}

var _ engine.Engine = (*Engine)(nil)

// Open starts a locked-down DuckDB over the lake's warehouse.
func Open(l *lake.Lake, set *schema.Set, opts Options) (*Engine, error) {
	if opts.Threads <= 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	if opts.Connections <= 0 {
		opts.Connections = 4
	}
	work, err := l.Work()
	if err != nil {
		return nil, err
	}
	folders := []string{quoteText(l.Warehouse() + "/")}
	for _, dir := range opts.Also {
		folders = append(folders, quoteText(dir+"/"))
	}
	// The order matters: what is set after lock_configuration is refused, and so is what needs access from outside.
	settings := []string{
		fmt.Sprintf("SET threads = %d", opts.Threads),
		"SET temp_directory = " + quoteText(filepath.Join(work, "duckdb")),
		"SET TimeZone = " + quoteText(l.Config().Timezone),
		"SET parquet_metadata_cache = true",
		"SET allow_community_extensions = false",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_unsigned_extensions = false",
		"SET allow_persistent_secrets = false",
		"SET allowed_directories = [" + strings.Join(folders, ", ") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	}
	if opts.MemoryLimit != "" {
		settings = append([]string{"SET memory_limit = " + quoteText(opts.MemoryLimit)}, settings...)
	}
	db, err := openMemory(context.Background(), settings) // of the instance, not of a question
	if err != nil {
		return nil, err
	}
	e := &Engine{lake: l, set: set, db: db, pool: make(chan *session, opts.Connections)}
	for range opts.Connections {
		e.pool <- nil
	}
	return e, nil
}

// openMemory starts an in-memory DuckDB with settings of the whole instance.
func openMemory(ctx context.Context, settings []string) (*sql.DB, error) {
	connector, err := duck.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("duckdb: %w", err)
	}
	db := sql.OpenDB(connector)
	for _, s := range settings {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(fmt.Errorf("duckdb: %s: %w", s, err), db.Close())
		}
	}
	return db, nil
}

// Run answers a statement.
func (e *Engine) Run(ctx context.Context, s engine.Statement) (*engine.Result, error) {
	view, err := e.lake.View(ctx, s.Publication)
	if err != nil {
		return nil, err
	}
	return e.run(ctx, view, s)
}

// Over is an engine that answers from this view alone, whatever publication a statement names: for audits of what a
// staging would publish. Closing it does nothing.
func (e *Engine) Over(v *lake.View) engine.Engine { return over{e, v} }

type over struct {
	engine *Engine
	view   *lake.View
}

func (o over) Run(ctx context.Context, s engine.Statement) (*engine.Result, error) {
	return o.engine.run(ctx, o.view, s)
}

func (o over) Close() error { return nil }

func (e *Engine) run(ctx context.Context, v *lake.View, s engine.Statement) (*engine.Result, error) {
	var se *session
	select {
	case se = <-e.pool:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { e.pool <- se }()
	if se == nil {
		var err error
		if se, err = openSession(ctx, e.db); err != nil {
			return nil, err
		}
	}
	tables, files, err := relations(ctx, e.set, v, s.Uses)
	if err != nil {
		return nil, err
	}
	text, inlined := inline(s.SQL, s.Uses, tables)
	if !inlined {
		text, err = s.SQL, se.provide(ctx, tables)
	}
	var res *engine.Result
	if err == nil {
		res, err = se.query(ctx, text, s.Args, s.MaxRows)
	}
	if err != nil {
		if ctx.Err() != nil { // an interrupted connection is not trusted with another question
			err = errors.Join(ctx.Err(), se.close())
			se = nil
		}
		return nil, err
	}
	res.Publication = v.Publication().ID
	res.Stats.Files = files
	return res, nil
}

// Close stops DuckDB. Statements still running are waited for.
func (e *Engine) Close() error {
	var errs []error
	for range cap(e.pool) {
		if se := <-e.pool; se != nil {
			errs = append(errs, se.close())
		}
	}
	return errors.Join(append(errs, e.db.Close())...)
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// told gives an error of DuckDB its kind, and takes what stands in quotes out of messages that quote cell values.
func told(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var de *duck.Error
	if !errors.As(err, &de) {
		return fmt.Errorf("duckdb: %w", err)
	}
	switch de.Type {
	case duck.ErrorTypeParser, duck.ErrorTypeSyntax, duck.ErrorTypeBinder, duck.ErrorTypeCatalog, duck.ErrorTypeParameterNotResolved,
		duck.ErrorTypeParameterNotAllowed, duck.ErrorTypeExpression, duck.ErrorTypeMissingExtension:
		return fault.New(fault.Usage, "sql: %s", de.Msg)
	case duck.ErrorTypePermission:
		return fault.New(fault.Denied, "sql: %s", firstLine(de.Msg))
	case duck.ErrorTypeOutOfMemory:
		return fault.New(fault.TooLarge, "sql: needs more memory than it may have; ask for a shorter period or fewer groups")
	case duck.ErrorTypeIO, duck.ErrorTypeHTTP, duck.ErrorTypeFatal, duck.ErrorTypeConnection:
		return fault.New(fault.Unavailable, "duckdb: %s", firstLine(de.Msg))
	default: // conversions and overflows quote the value
		return fault.New(fault.Usage, "sql: %s", withoutQuoted(firstLine(de.Msg)))
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// withoutQuoted replaces '…' and "…" by ”: what a message quotes may be a patient's.
func withoutQuoted(s string) string {
	var b strings.Builder
	var open rune
	for _, r := range s {
		switch {
		case open == 0 && (r == '\'' || r == '"'):
			open = r
			b.WriteString("'…'")
		case open == r:
			open = 0
		case open == 0:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Version is that of the DuckDB library inside, as it says itself: v1.5.6.
func Version(ctx context.Context) (string, error) {
	db, err := openMemory(ctx, nil)
	if err != nil {
		return "", err
	}
	var version string
	err = db.QueryRowContext(ctx, "SELECT library_version FROM pragma_version()").Scan(&version)
	return version, errors.Join(err, db.Close())
}
