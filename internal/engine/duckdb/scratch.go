package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Scratch is an engine over in-memory tables made from contracts: for worked cases. Statements run one at a time.
type Scratch struct {
	set *schema.Set
	db  *sql.DB

	mu     sync.Mutex
	se     *session
	loaded map[string]bool
}

var _ engine.Engine = (*Scratch)(nil)

// NewScratch makes an engine in which every table of the set exists and is empty.
func NewScratch(ctx context.Context, set *schema.Set) (*Scratch, error) {
	db, err := openMemory(ctx, []string{
		"SET threads = 1", "SET TimeZone = 'Asia/Shanghai'", "SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false",
		"SET enable_external_access = false", "SET lock_configuration = true",
	})
	if err != nil {
		return nil, err
	}
	se, err := openSession(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Scratch{set: set, db: db, se: se, loaded: map[string]bool{}}
	for _, t := range set.Tables() {
		var cols []string
		for _, c := range t.AllColumns() {
			cols = append(cols, quoteName(c.Name)+" "+c.Type.SQL())
		}
		if _, err := se.conn.ExecContext(ctx, fmt.Sprintf("CREATE TABLE %s (%s)", quoteName(t.Name), strings.Join(cols, ", "))); err != nil {
			return nil, errors.Join(fmt.Errorf("table %s: %w", t.Name, told(err)), s.Close())
		}
	}
	return s, nil
}

// maxInsert is how many rows go into one INSERT.
const maxInsert = 256

// Load adds rows to a table. Keys are column names (unknown ones are refused), missing ones are null; values are what
// YAML or JSON decoding gives and are converted by the contract's type.
func (s *Scratch) Load(table string, rows []map[string]any) error {
	t, ok := s.set.Table(table)
	if !ok {
		return fault.New(fault.NotFound, "table %s: no such contract", table)
	}
	types := map[string]expr.Type{}
	for _, c := range t.AllColumns() {
		types[c.Name] = c.Type
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded[table] = true
	for start := 0; start < len(rows); {
		// One INSERT takes the rows that give the same columns.
		names := slices.Sorted(maps.Keys(rows[start]))
		end := start + 1
		for end < len(rows) && end-start < maxInsert && slices.Equal(names, slices.Sorted(maps.Keys(rows[end]))) {
			end++
		}
		if err := s.insert(t, types, names, rows[start:end], start); err != nil {
			return err
		}
		start = end
	}
	return nil
}

func (s *Scratch) insert(t *schema.Table, types map[string]expr.Type, names []string, rows []map[string]any, first int) error {
	var quoted, holders []string
	for _, name := range names {
		typ, ok := types[name]
		if !ok {
			return fault.New(fault.Invalid, "table %s: row %d: no column %s", t.Name, first+1, name)
		}
		quoted = append(quoted, quoteName(name))
		holders = append(holders, "CAST(? AS "+typ.SQL()+")")
	}
	if len(names) == 0 { // a row of nulls
		quoted, holders = []string{quoteName(t.Columns[0].Name)}, []string{"NULL"}
	}
	var args []any
	var tuples []string
	for i, row := range rows {
		for _, name := range names {
			v, err := textOf(row[name])
			if err != nil {
				return fault.New(fault.Invalid, "table %s: row %d: column %s: %w", t.Name, first+i+1, name, err)
			}
			args = append(args, v)
		}
		tuples = append(tuples, "("+strings.Join(holders, ", ")+")")
	}
	text := fmt.Sprintf("INSERT INTO %s (%s) VALUES %s", quoteName(t.Name), strings.Join(quoted, ", "), strings.Join(tuples, ", "))
	if _, err := s.se.conn.ExecContext(context.Background(), text, args...); err != nil {
		return fault.New(fault.Invalid, "table %s: rows %d to %d: %w", t.Name, first+1, first+len(rows), told(err))
	}
	return nil
}

// textOf writes a decoded YAML or JSON value as the text that DuckDB casts to the column's type; nil stays null.
func textOf(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case json.Number:
		return v.String(), nil
	case time.Time: // YAML reads an unquoted 2025-03-01 as a time
		bound, err := bind([]any{v})
		if err != nil {
			return nil, err
		}
		return bound[0], nil
	default:
		return nil, fmt.Errorf("a %T cannot be a value", v)
	}
}

// Reset empties every table.
func (s *Scratch) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.loaded {
		if _, err := s.se.conn.ExecContext(context.Background(), "DELETE FROM "+quoteName(name)); err != nil {
			return told(err)
		}
	}
	clear(s.loaded)
	return nil
}

// Run answers a statement; its Publication is ignored, and it may name tables that Uses leaves out.
func (s *Scratch) Run(ctx context.Context, st engine.Statement) (*engine.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.se.query(ctx, st.SQL, st.Args, st.MaxRows)
}

// Close stops it.
func (s *Scratch) Close() error { return errors.Join(s.se.close(), s.db.Close()) }
