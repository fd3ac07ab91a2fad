package duckdb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// CopyOptions of CopyParquet.
type CopyOptions struct {
	RowGroup int // rows; 0 = 122,880, as measured best on our own extracts
	Level    int // of zstd; 0 = 3. Level 1 takes a sixth less time than 3 for wide rows of short texts, and no more space
}

// Copy is a Parquet file to be written.
type Copy struct {
	Table   *schema.Table
	Query   string   // its columns are those of the contract by name; others are refused
	Columns []string // that the query gives; nil = DuckDB is asked, which costs as much as planning the query, and ENUMs stay what they are: their texts are written without looking up each
	Path    string
	CopyOptions
}

// CopyParquet writes the result of a SELECT, whose columns are those of the contract by name (others are refused), to
// path, with the contract's field ids. A column that the query does not give is not in the file: readers find columns by
// field id, and null where there is none. It returns the number of rows. The file has to be Added to a staging, which
// syncs it and looks at its footer.
func (l *Loader) CopyParquet(ctx context.Context, t *schema.Table, query, path string, opts CopyOptions) (int64, error) {
	return l.se.copyParquet(ctx, Copy{Table: t, Query: query, Path: path, CopyOptions: opts})
}

// CopyAll writes several files, as many at once as there are threads, each by a connection of its own: their queries may
// name tables, and no temporary ones. It returns the number of rows of each.
func (l *Loader) CopyAll(ctx context.Context, files []Copy) ([]int64, error) {
	rows := make([]int64, len(files))
	for len(l.sides) < min(l.threads, len(files))-1 {
		se, err := openSession(ctx, l.db)
		if err != nil {
			return nil, err
		}
		l.sides = append(l.sides, se)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	write := func(se *session) {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(files) {
				return
			}
			var err error
			if rows[i], err = se.copyParquet(ctx, files[i]); err != nil {
				cancel(err)
			}
		}
	}
	var wg sync.WaitGroup
	for _, se := range l.sides[:max(0, min(len(l.sides), len(files)-1))] {
		wg.Go(func() { write(se) })
	}
	write(l.se)
	wg.Wait()
	return rows, context.Cause(ctx)
}

func (se *session) copyParquet(ctx context.Context, f Copy) (int64, error) {
	if f.RowGroup == 0 {
		f.RowGroup = 122_880
	}
	if f.Level == 0 {
		f.Level = 3
	}
	have := map[string]bool{} // whether it is an ENUM
	for _, name := range f.Columns {
		have[name] = false
	}
	if f.Columns == nil {
		var err error
		if have, err = se.columns(ctx, f.Query); err != nil {
			return 0, fmt.Errorf("table %s: %w", f.Table.Name, err)
		}
	}
	var cols, ids []string
	for _, c := range f.Table.AllColumns() {
		enum, ok := have[c.Name]
		if !ok {
			continue
		}
		delete(have, c.Name)
		if enum && c.Type.SQL() == "VARCHAR" {
			cols = append(cols, quoteName(c.Name))
		} else {
			cols = append(cols, fmt.Sprintf("%[1]s::%[2]s AS %[1]s", quoteName(c.Name), c.Type.SQL()))
		}
		ids = append(ids, fmt.Sprintf("%s: %d", quoteName(c.Name), c.ID))
	}
	for name := range have {
		return 0, fault.New(fault.Internal, "table %s: no column %s", f.Table.Name, name)
	}
	res, err := se.conn.ExecContext(ctx, fmt.Sprintf(
		"COPY (SELECT %s FROM (%s)) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL %d, ROW_GROUP_SIZE %d, FIELD_IDS {%s})",
		strings.Join(cols, ", "), f.Query, quoteText(f.Path), f.Level, f.RowGroup, strings.Join(ids, ", ")))
	if err != nil {
		return 0, fmt.Errorf("table %s: %w", f.Table.Name, told(err))
	}
	return res.RowsAffected()
}

// columns are the names of the columns of a query, and whether each is an ENUM.
func (se *session) columns(ctx context.Context, query string) (map[string]bool, error) {
	rows, err := se.conn.QueryContext(ctx, "SELECT column_name, starts_with(column_type, 'ENUM') FROM (DESCRIBE "+query+")")
	if err != nil {
		return nil, told(err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var name string
		var enum bool
		if err := rows.Scan(&name, &enum); err != nil {
			return nil, err
		}
		out[name] = enum
	}
	return out, rows.Err()
}
