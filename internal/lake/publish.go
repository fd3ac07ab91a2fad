package lake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// equation is the account of one table in one publication: after = before + loaded − replaced − deleted.
type equation struct {
	table                                     string
	location                                  string
	before, loaded, replaced, deleted, footer int64
}

// Publish enforces the record ledger and the table equation, then moves all pointers and writes the ledger in one
// transaction of the catalogue. On an error nothing has moved, and the staging can only be Aborted.
func (s *Staging) Publish(ctx context.Context, note Note) (Publication, error) {
	v, err := s.Stage(ctx)
	if err != nil {
		return Publication{}, err
	}
	for _, load := range s.loads {
		if err := checkLoad(load); err != nil {
			return Publication{}, err
		}
	}
	equations, err := s.balance(ctx, v)
	if err != nil {
		return Publication{}, err
	}
	if err := syncFolders(s.journal.paths); err != nil {
		return Publication{}, fault.New(fault.Unavailable, "lake %s: sync: %w", s.lake.dir, err)
	}
	if note.Kind == "" {
		note.Kind = "ingest"
	}
	p := Publication{ID: s.Publication(), Parent: s.head.ID, Kind: note.Kind, Note: note.Text, At: time.Now().UTC()}
	for _, e := range equations {
		p.Tables = append(p.Tables, e.table)
	}
	if err := s.commit(ctx, p, equations); err != nil {
		return Publication{}, err
	}
	s.closed = true
	// From here on the publication stands: what fails below leaves files for a later sweep, nothing worse.
	var unused []string
	referred := map[string]bool{}
	for _, st := range s.tables {
		unused = append(unused, st.leftover...)
		for path := range st.added {
			referred[path] = true
		}
	}
	for path := range s.made {
		if !referred[path] {
			unused = append(unused, path)
		}
	}
	if err := errors.Join(removeFiles(unused), s.journal.close(), s.lock.Close()); err != nil {
		s.lake.log.WarnContext(ctx, "cleaning up after a publication", "publication", p.ID, "error", err)
	}
	s.lake.log.InfoContext(ctx, "published", "publication", p.ID, "kind", p.Kind, "tables", len(p.Tables), "loads", len(s.loads))
	return p, nil
}

// checkLoad is the record ledger: every record that was read is loaded, a duplicate, superseded, quarantined or ignored
// by a named rule.
func checkLoad(load Load) error {
	sum := load.Loaded + load.Duplicate + load.Superseded + load.Quarantined + load.Ignored
	for _, n := range []int64{load.Records, load.Loaded, load.Duplicate, load.Superseded, load.Quarantined, load.Ignored} {
		if n < 0 {
			return fault.New(fault.Refused, "delivery %s: file %s: a negative count of records", load.Delivery, load.File)
		}
	}
	switch load.Status {
	case Missing:
		if load.Records != 0 || sum != 0 {
			return fault.New(fault.Refused, "delivery %s: is missing, yet has %d records", load.Delivery, max(load.Records, sum))
		}
	case Refused:
		if load.Loaded != 0 {
			return fault.New(fault.Refused, "delivery %s: file %s: was refused, yet %d of its records are loaded", load.Delivery, load.File, load.Loaded)
		}
	}
	if load.Status != Arrived {
		if len(load.Tables) > 0 && slices.Max(slices.Collect(maps.Values(load.Tables))) > 0 {
			return fault.New(fault.Refused, "delivery %s: file %s: is %s, yet adds rows", load.Delivery, load.File, load.Status)
		}
	}
	// A refused file may not have been readable to its end: what was read of it is not an account.
	if load.Status == Arrived && load.Records != sum {
		return fault.New(fault.Refused, "delivery %s: file %s: %d records were read, but loaded %d + duplicate %d + superseded %d + quarantined %d + ignored %d = %d; nothing was published",
			load.Delivery, load.File, load.Records, load.Loaded, load.Duplicate, load.Superseded, load.Quarantined, load.Ignored, sum)
	}
	return nil
}

// balance enforces the table equation for every table, by delivery, and by what the footers of the staged snapshot's
// files say.
func (s *Staging) balance(ctx context.Context, v *View) ([]equation, error) {
	loaded := tally{}
	for _, load := range s.loads {
		for name, n := range load.Tables {
			loaded.add(name, load.Delivery, n)
		}
	}
	for name, by := range s.derived {
		for delivery, n := range by {
			loaded.add(name, delivery, n)
		}
	}
	// Tables that this staging speaks of, and tables where a superseded delivery has rows although nobody touched them.
	names := map[string]bool{}
	for _, t := range []tally{loaded, s.deleted} {
		for name := range t {
			names[name] = true
		}
	}
	for name := range s.tables {
		names[name] = true
	}
	for delivery := range s.superseded {
		held, err := s.tablesOf(ctx, delivery)
		if err != nil {
			return nil, err
		}
		for _, name := range held {
			names[name] = true
		}
	}
	var out []equation
	for _, name := range slices.Sorted(maps.Keys(names)) {
		e, err := s.balanceTable(ctx, v, name, loaded[name])
		if err != nil {
			return nil, err
		}
		if s.tables[name].changed() {
			out = append(out, e)
		}
	}
	return out, nil
}

func (s *Staging) balanceTable(ctx context.Context, v *View, name string, loaded map[string]int64) (equation, error) {
	st, err := s.table(ctx, name)
	if err != nil {
		return equation{}, err
	}
	e := equation{table: name, location: st.staged}
	before, after := map[string]int64{}, map[string]int64{}
	for _, f := range st.base {
		for delivery, n := range f.Deliveries {
			before[delivery] += n
		}
		e.before += f.Rows
	}
	// The files that are staged, as the metadata that would be published lists them: not as the staging remembers them.
	files, err := v.Files(ctx, name, time.Time{}, time.Time{})
	if err != nil {
		return e, err
	}
	for _, f := range files {
		known, ok := st.added[f.Path]
		if !ok {
			known, ok = st.base[f.Path]
		}
		if !ok {
			return e, fault.New(fault.Internal, "table %s: staged metadata lists file %s, which nobody added", name, filepath.Base(f.Path))
		}
		rows, size := f.Rows, f.Bytes
		if st.changed() { // a table that does not move was looked at when it did
			if rows, size, err = footer(f.Path); err != nil {
				return e, fmt.Errorf("table %s: %w", name, err)
			}
		}
		var claimed int64
		for delivery, n := range known.Deliveries {
			claimed += n
			after[delivery] += n
		}
		if rows != claimed || rows != f.Rows || size != f.Bytes {
			return e, fault.New(fault.Refused, "table %s: file %s: footer %d rows, metadata %d, deliveries %d (bytes %d, metadata %d); nothing was published",
				name, filepath.Base(f.Path), rows, f.Rows, claimed, size, f.Bytes)
		}
		e.footer += rows
	}
	deliveries := map[string]bool{}
	for _, m := range []map[string]int64{before, after, loaded, s.deleted[name]} {
		for d := range m {
			deliveries[d] = true
		}
	}
	for _, d := range slices.Sorted(maps.Keys(deliveries)) {
		replaced := int64(0)
		if s.superseded[d] {
			replaced = before[d]
		}
		want := before[d] + loaded[d] - replaced - s.deleted[name][d]
		if after[d] != want {
			return e, fault.New(fault.Refused, "table %s: delivery %s: %d rows before + %d loaded - %d replaced - %d deleted = %d, but its files hold %d; nothing was published",
				name, d, before[d], loaded[d], replaced, s.deleted[name][d], want, after[d])
		}
		e.loaded += loaded[d]
		e.replaced += replaced
		e.deleted += s.deleted[name][d]
	}
	if want := e.before + e.loaded - e.replaced - e.deleted; e.footer != want {
		return e, fault.New(fault.Refused, "table %s: %d rows before + %d loaded - %d replaced - %d deleted = %d, but the footers of its files say %d; nothing was published",
			name, e.before, e.loaded, e.replaced, e.deleted, want, e.footer)
	}
	return e, nil
}

// commit is the one moment in which a publication becomes visible.
func (s *Staging) commit(ctx context.Context, p Publication, equations []equation) error {
	return s.lake.write(ctx, func(tx *sql.Tx) error {
		if err := insertPublication(ctx, tx, p, s.head.ID, s.id); err != nil {
			return err
		}
		for _, e := range equations {
			if err := movePointer(ctx, tx, e.table, s.base[e.table], e.location); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO publication_table VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				p.ID, e.table, e.location, e.before, e.loaded, e.replaced, e.deleted, e.footer); err != nil {
				return err
			}
			if err := s.insertFiles(ctx, tx, e.table); err != nil {
				return err
			}
		}
		if err := s.insertLedger(ctx, tx, p.ID); err != nil {
			return err
		}
		for _, d := range s.definitions {
			if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO definition VALUES (?, ?)`, d.Hash, d.Text); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO publication_definition VALUES (?, ?, ?, ?)`, p.ID, d.Kind, d.ID, d.Hash); err != nil {
				return err
			}
		}
		return nil
	})
}

// write runs fn in one write transaction. A sentence about a moved lake stays as it is; all else is told with the lake.
func (l *Lake) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := l.db.BeginTx(ctx, nil) // BEGIN IMMEDIATE, see openCatalog
	if err != nil {
		return fault.New(fault.Unavailable, "catalogue of lake %s: %w", l.dir, err)
	}
	err = fn(tx)
	if err == nil {
		crash("before-commit")
		err = tx.Commit()
		crash("after-commit")
	} else {
		err = errors.Join(err, tx.Rollback())
	}
	if err != nil && fault.KindOf(err) == fault.Internal {
		return fault.New(fault.Unavailable, "catalogue of lake %s: %w", l.dir, err)
	}
	return err
}

// crash is where tests kill the process.
var crash = func(string) {}

func insertPublication(ctx context.Context, tx *sql.Tx, p Publication, wantHead int64, staging string) error {
	var head int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM publication`).Scan(&head); err != nil {
		return err
	}
	if head != wantHead {
		return fault.New(fault.Conflict, "publication %d: the lake moved from publication %d to %d meanwhile; begin again", p.ID, wantHead, head)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO publication (id, parent, kind, at, note, restores, staging) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		p.ID, p.Parent, p.Kind, p.At.Format(time.RFC3339Nano), p.Note, p.Of, staging)
	return err
}

// movePointer moves a table of the Iceberg catalogue by compare-and-swap; "" stands for no table.
func movePointer(ctx context.Context, tx *sql.Tx, name, from, to string) error {
	var res sql.Result
	var err error
	switch {
	case from == "":
		res, err = tx.ExecContext(ctx, `
INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, iceberg_type, metadata_location)
SELECT ?1, ?2, ?3, 'TABLE', ?4 WHERE NOT EXISTS (SELECT 1 FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3)`,
			CatalogName, Namespace, name, to)
	case to == "":
		res, err = tx.ExecContext(ctx, `DELETE FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ?`,
			CatalogName, Namespace, name, from)
	default:
		res, err = tx.ExecContext(ctx, `
UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?
WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ? AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)`,
			to, from, CatalogName, Namespace, name, from)
	}
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fault.New(fault.Conflict, "table %s: another program moved it meanwhile; begin again", name)
	}
	return nil
}

func (s *Staging) insertFiles(ctx context.Context, tx *sql.Tx, name string) error {
	stmt, err := tx.PrepareContext(ctx, `INSERT INTO file_delivery (path, delivery, table_name, rows) VALUES (?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for path, f := range s.tables[name].added {
		rel := strings.TrimPrefix(path, s.lake.Warehouse()+"/")
		for delivery, n := range f.Deliveries {
			if _, err := stmt.ExecContext(ctx, rel, delivery, name, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Staging) insertLedger(ctx context.Context, tx *sql.Tx, publication int64) error {
	states := map[string]string{}
	for _, load := range s.loads {
		detail, err := json.Marshal(load)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
INSERT INTO load (publication, delivery, status, records, loaded, duplicate, superseded, quarantined, ignored, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			publication, load.Delivery, load.Status, load.Records, load.Loaded, load.Duplicate, load.Superseded, load.Quarantined, load.Ignored, string(detail)); err != nil {
			return err
		}
		if s.states[load.Delivery] != stateLive {
			states[load.Delivery] = stateLive
		}
	}
	for _, by := range s.derived {
		for delivery := range by {
			if s.states[delivery] != stateLive {
				states[delivery] = stateLive
			}
		}
	}
	for delivery := range s.superseded {
		// What is written anew under the same id (a rollup) stays live.
		if states[delivery] == "" && s.states[delivery] == stateLive && !s.rewrites(delivery) {
			states[delivery] = stateSuperseded
		}
	}
	for delivery, state := range states {
		if _, err := tx.ExecContext(ctx, `INSERT INTO delivery (delivery, publication, state) VALUES (?, ?, ?)`, delivery, publication, state); err != nil {
			return err
		}
	}
	return nil
}

func (s *Staging) rewrites(delivery string) bool {
	for _, by := range s.derived {
		if _, ok := by[delivery]; ok {
			return true
		}
	}
	return false
}
