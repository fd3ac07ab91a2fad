package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// session is one connection with the temporary views that stand for lake tables on it.
type session struct {
	conn  *sql.Conn
	views map[string]string // table → what the view shows, so that it is made again only when that changed
}

func openSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("duckdb: %w", err)
	}
	return &session{conn: conn, views: map[string]string{}}, nil
}

// close ends the connection for good: it does not go back to database/sql's pool, views and all.
func (se *session) close() error {
	err := se.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) {
		err = nil
	}
	if cerr := se.conn.Close(); cerr != nil && !errors.Is(cerr, sql.ErrConnDone) {
		err = errors.Join(err, cerr)
	}
	return err
}

// relations is what each table of a statement is read by, and how many files they have together.
func relations(ctx context.Context, set *schema.Set, v *lake.View, uses []engine.Use) (map[string]string, int, error) {
	out, total := map[string]string{}, 0
	for _, name := range usedTables(uses) {
		t, ok := set.Table(name)
		if !ok {
			return nil, 0, fault.New(fault.NotFound, "table %s: no such contract", name)
		}
		files, err := filesOf(ctx, v, name, uses)
		if err != nil {
			return nil, 0, err
		}
		total += len(files)
		out[name] = relation(columnsOf(t, uses), files)
	}
	return out, total, nil
}

// compiledHead begins every statement of the compiler, whose tables are named in Uses with their columns.
const compiledHead = "WITH\n"

// inline puts the tables of a compiled statement into its own WITH: that spares making and dropping views for each
// question. It reports false where the text is of another kind, which is then answered over views.
func inline(text string, uses []engine.Use, tables map[string]string) (string, bool) {
	rest, ok := strings.CutPrefix(text, compiledHead)
	if !ok {
		return "", false
	}
	for _, u := range uses {
		if u.Columns == nil {
			return "", false
		}
	}
	var b strings.Builder
	b.WriteString(compiledHead)
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if strings.Contains(text, "\n"+name+" AS (") { // a part of the statement of that very name
			return "", false
		}
		b.WriteString(quoteName(name) + " AS NOT MATERIALIZED (" + tables[name] + "),\n")
	}
	b.WriteString(rest)
	return b.String(), true
}

// provide makes the tables of a statement, and no others, visible as views on this connection.
func (se *session) provide(ctx context.Context, wanted map[string]string) error {
	for name := range se.views {
		if wanted[name] == "" {
			if _, err := se.conn.ExecContext(ctx, "DROP VIEW temp.main."+quoteName(name)); err != nil {
				return told(err)
			}
			delete(se.views, name)
		}
	}
	for name, text := range wanted {
		if se.views[name] == text {
			continue
		}
		if _, err := se.conn.ExecContext(ctx, "CREATE OR REPLACE TEMP VIEW "+quoteName(name)+" AS "+text); err != nil {
			return fmt.Errorf("table %s: %w", name, told(err))
		}
		se.views[name] = text
	}
	return nil
}

func usedTables(uses []engine.Use) []string {
	names := map[string]bool{}
	for _, u := range uses {
		names[u.Table] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// filesOf is the union of what the uses of one table need: a comparison reads two periods.
func filesOf(ctx context.Context, v *lake.View, name string, uses []engine.Use) ([]string, error) {
	paths := map[string]bool{}
	for _, u := range uses {
		if u.Table != name {
			continue
		}
		files, err := v.Files(ctx, name, u.From, u.To)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			paths[f.Path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths)), nil
}

// columnsOf are the columns of one table that its uses name together: all, where one does not say.
func columnsOf(t *schema.Table, uses []engine.Use) []schema.Column {
	all := t.AllColumns()
	named := map[string]bool{}
	for _, u := range uses {
		if u.Table != t.Name {
			continue
		}
		if u.Columns == nil {
			return all
		}
		for _, c := range u.Columns {
			named[c] = true
		}
	}
	some := slices.DeleteFunc(slices.Clone(all), func(c schema.Column) bool { return !named[c.Name] })
	if len(some) == 0 { // rows without columns cannot be read
		return all[:1]
	}
	return some
}

// relation is a SELECT of columns of a contract from data files, or of no row where there are none.
func relation(columns []schema.Column, paths []string) string {
	if len(paths) == 0 {
		var cols []string
		for _, c := range columns {
			cols = append(cols, fmt.Sprintf("NULL::%s AS %s", c.Type.SQL(), quoteName(c.Name)))
		}
		return "SELECT " + strings.Join(cols, ", ") + " WHERE false"
	}
	return "SELECT * FROM " + readFiles(columns, paths)
}

// ReadFiles is the table function that reads data files of a contract with its columns, by field id.
func ReadFiles(t *schema.Table, paths []string) string { return readFiles(t.AllColumns(), paths) }

// ReadColumns is ReadFiles of a few columns: of a table with hundreds, to name all costs more than to read a month.
func ReadColumns(t *schema.Table, paths []string, names ...string) string {
	var columns []schema.Column
	for _, c := range t.AllColumns() {
		if slices.Contains(names, c.Name) {
			columns = append(columns, c)
		}
	}
	return readFiles(columns, paths)
}

// readFiles finds columns by field id, whatever name and place they have in a file: one that a file lacks is null there.
// Each column in the list costs 0.07 ms of every statement, so that naming the few that are read is no slower than a
// bare list of files.
func readFiles(columns []schema.Column, paths []string) string {
	var fields, texts []string
	for _, c := range columns {
		fields = append(fields, fmt.Sprintf("%d: {name: %s, type: %s, default_value: NULL}", c.ID, quoteText(c.Name), quoteText(c.Type.SQL())))
	}
	for _, p := range paths {
		texts = append(texts, quoteText(p))
	}
	return fmt.Sprintf("read_parquet([%s], hive_partitioning = false, schema = MAP {%s})", strings.Join(texts, ", "), strings.Join(fields, ", "))
}

// query runs one statement and copies its answer to Go memory.
func (se *session) query(ctx context.Context, text string, args []any, maxRows int64) (*engine.Result, error) {
	start := time.Now()
	bound, err := bind(args)
	if err != nil {
		return nil, err
	}
	res := &engine.Result{}
	err = se.conn.Raw(func(c any) error {
		a, err := duck.NewArrowFromConn(c.(driver.Conn))
		if err != nil {
			return err
		}
		reader, err := a.QueryContext(ctx, text, bound...)
		if err != nil {
			return err
		}
		defer reader.Release()
		res.Schema = reader.Schema()
		res.Batches, res.Stats.Rows, err = copyBatches(reader, maxRows)
		return err
	})
	if err != nil {
		return nil, told(err)
	}
	res.Stats.Elapsed = time.Since(start)
	return res, nil
}

// bind gives arguments the form in which DuckDB compares them as they are meant. The driver would bind a time as
// TIMESTAMPTZ, and midnight UTC is 8 o'clock in Shanghai: times go as text of their wall clock, days as text of the day.
func bind(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case time.Time:
			if h, m, s := v.Clock(); h == 0 && m == 0 && s == 0 && v.Nanosecond() == 0 {
				out[i] = v.Format(time.DateOnly)
			} else {
				out[i] = v.Format("2006-01-02 15:04:05.999999")
			}
		case nil, string, bool, int, int32, int64, float64, []byte:
			out[i] = v
		case fmt.Stringer: // decimals
			out[i] = v.String()
		default:
			return nil, fault.New(fault.Internal, "sql: argument %d: a %T cannot be bound", i+1, a)
		}
	}
	return out, nil
}

// batchRows is how many rows a batch of an answer has: DuckDB gives 2,048 at a time, which costs consumers dearly.
const batchRows = 32 * 1024

// copyBatches copies what DuckDB gives: its memory is freed behind Arrow's back, and strings that point into it turn
// into garbage. Copies are made by concatenation, which also merges small batches.
func copyBatches(reader array.RecordReader, maxRows int64) ([]arrow.RecordBatch, int64, error) {
	var out, held []arrow.RecordBatch
	var rows, heldRows int64
	fail := func(err error) ([]arrow.RecordBatch, int64, error) {
		for _, b := range append(out, held...) {
			b.Release()
		}
		return nil, 0, err
	}
	flush := func() error {
		if len(held) == 0 {
			return nil
		}
		b, err := concatenate(reader.Schema(), held, heldRows)
		if err != nil {
			return err
		}
		for _, h := range held {
			h.Release()
		}
		out, held, heldRows = append(out, b), nil, 0
		return nil
	}
	for reader.Next() {
		b := reader.RecordBatch()
		rows += b.NumRows()
		if maxRows > 0 && rows > maxRows {
			return fail(fault.New(fault.TooLarge, "sql: the answer has more than %d rows; ask for less, or write it to a file", maxRows))
		}
		if b.NumRows() == 0 {
			continue
		}
		b.Retain()
		held, heldRows = append(held, b), heldRows+b.NumRows()
		if heldRows >= batchRows {
			if err := flush(); err != nil {
				return fail(err)
			}
		}
	}
	if err := reader.Err(); err != nil {
		return fail(err)
	}
	if err := flush(); err != nil {
		return fail(err)
	}
	return out, rows, nil
}

func concatenate(sc *arrow.Schema, batches []arrow.RecordBatch, rows int64) (arrow.RecordBatch, error) {
	mem := memory.NewGoAllocator()
	cols := make([]arrow.Array, sc.NumFields())
	for i := range cols {
		parts := make([]arrow.Array, len(batches))
		for j, b := range batches {
			parts[j] = b.Column(i)
		}
		col, err := array.Concatenate(parts, mem)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", sc.Field(i).Name, err)
		}
		cols[i] = col
	}
	b := array.NewRecordBatch(sc, cols, rows)
	for _, c := range cols {
		c.Release()
	}
	return b, nil
}
