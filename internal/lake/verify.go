package lake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Report is what Verify found.
type Report struct {
	Publication  int64    `json:"publication"` // the head
	Publications int      `json:"publications"`
	Tables       int      `json:"tables"`
	Files        int      `json:"files"`     // data files of the head and all older publications
	Rows         int64    `json:"rows"`      // of the head
	Loads        int      `json:"loads"`     // lines of the ledger
	Leftovers    int      `json:"leftovers"` // files in the warehouse that no publication refers to
	Faults       []string `json:"faults"`    // empty: the lake is whole
}

// verifier carries what one Verify has seen.
type verifier struct {
	lake     *Lake
	report   Report
	files    map[string]DataFile // data files seen, by path; Rows and Bytes from the file itself
	referred map[string]bool     // every file that some publication refers to
}

// Verify reads every file and metadata file of the head and of all older publications and checks sizes, footers, both
// equations and the catalogue itself. An error means that it could not look; what is wrong with the lake is in Faults.
func (l *Lake) Verify(ctx context.Context) (Report, error) {
	v := &verifier{lake: l, files: map[string]DataFile{}, referred: map[string]bool{}}
	v.report.Faults = []string{}
	err := l.read(ctx, func(tx *sql.Tx) error {
		for _, step := range []func(context.Context, *sql.Tx) error{v.database, v.pointers, v.ledger, v.equations, v.publications} {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = v.leftovers()
	}
	v.report.Files = len(v.files)
	return v.report, err
}

func (v *verifier) fault(format string, args ...any) {
	v.report.Faults = append(v.report.Faults, fmt.Sprintf(format, args...))
}

func (v *verifier) database(ctx context.Context, tx *sql.Tx) error {
	var answer string
	if err := tx.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&answer); err != nil {
		return err
	}
	if answer != "ok" {
		v.fault("catalogue: integrity check: %s", answer)
	}
	return tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0), count(*), (SELECT count(*) FROM load) FROM publication`).
		Scan(&v.report.Publication, &v.report.Publications, &v.report.Loads)
}

// pointers: what other programs see is the head, table by table.
func (v *verifier) pointers(ctx context.Context, tx *sql.Tx) error {
	ours, err := pointersTx(ctx, tx, v.report.Publication)
	if err != nil {
		return err
	}
	theirs, err := icebergPointersTx(ctx, tx)
	if err != nil {
		return err
	}
	names := maps.Clone(ours)
	maps.Copy(names, theirs)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if ours[name] != theirs[name] {
			v.fault("table %s: the catalogue points to %s, publication %d to %s", name, filepath.Base(theirs[name]), v.report.Publication, filepath.Base(ours[name]))
		}
	}
	v.report.Tables = len(ours)
	return nil
}

// ledger: every record of every arrived file is accounted for.
func (v *verifier) ledger(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `
SELECT delivery, publication, records, loaded + duplicate + superseded + quarantined + ignored
FROM load WHERE status = ? AND records <> loaded + duplicate + superseded + quarantined + ignored`, Arrived)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var delivery string
		var publication, records, sum int64
		if err := rows.Scan(&delivery, &publication, &records, &sum); err != nil {
			return err
		}
		v.fault("delivery %s (publication %d): %d records read, %d accounted for", delivery, publication, records, sum)
	}
	return rows.Err()
}

// equations: each publication's account of each table holds, and continues the one before.
func (v *verifier) equations(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `
SELECT publication, table_name, rows_before, loaded, replaced, deleted, rows_after,
       coalesce(lag(rows_after) OVER (PARTITION BY table_name ORDER BY publication), 0)
FROM publication_table ORDER BY publication, table_name`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var publication, before, loaded, replaced, deleted, after, previous int64
		var name string
		if err := rows.Scan(&publication, &name, &before, &loaded, &replaced, &deleted, &after, &previous); err != nil {
			return err
		}
		if before != previous {
			v.fault("publication %d: table %s: begins with %d rows, the one before ended with %d", publication, name, before, previous)
		}
		if want := before + loaded - replaced - deleted; want != after {
			v.fault("publication %d: table %s: %d + %d loaded - %d replaced - %d deleted is not %d", publication, name, before, loaded, replaced, deleted, after)
		}
	}
	return rows.Err()
}

// publications: every state that can be asked for can be read, and holds the rows of its live deliveries alone.
func (v *verifier) publications(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT publication, table_name, metadata_location, rows_after FROM publication_table WHERE metadata_location <> '' ORDER BY publication, table_name`)
	if err != nil {
		return err
	}
	defer rows.Close()
	type moved struct {
		publication    int64
		name, location string
		rows           int64
	}
	var all []moved
	for rows.Next() {
		var m moved
		if err := rows.Scan(&m.publication, &m.name, &m.location, &m.rows); err != nil {
			return err
		}
		all = append(all, m)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	deliveries := map[string]map[string]map[string]int64{}
	states := map[int64]map[string]string{}
	head, err := pointersTx(ctx, tx, v.report.Publication)
	if err != nil {
		return err
	}
	for _, m := range all {
		if deliveries[m.name] == nil {
			if deliveries[m.name], err = v.lake.deliveriesTx(ctx, tx, m.name); err != nil {
				return err
			}
		}
		if states[m.publication] == nil {
			if states[m.publication], err = statesTx(ctx, tx, m.publication); err != nil {
				return err
			}
		}
		n, err := v.table(ctx, m.publication, m.name, m.location, deliveries[m.name], states[m.publication])
		if err != nil {
			v.fault("publication %d: %v", m.publication, err)
			continue
		}
		if n != m.rows {
			v.fault("publication %d: table %s: its files hold %d rows, its equation says %d", m.publication, m.name, n, m.rows)
		}
		if head[m.name] == m.location {
			v.report.Rows += n
			delete(head, m.name)
		}
	}
	return nil
}

func (v *verifier) table(ctx context.Context, publication int64, name, location string, deliveries map[string]map[string]int64, states map[string]string) (int64, error) {
	p, err := readPlan(ctx, name, location) // not from the cache: the files themselves are looked at
	if err != nil {
		return 0, err
	}
	v.referred[localPath(location)] = true
	for _, m := range p.metadata {
		v.referred[m] = true
	}
	var total int64
	for _, f := range p.files {
		v.referred[f.Path] = true
		seen, ok := v.files[f.Path]
		if !ok {
			if seen.Rows, seen.Bytes, err = footer(f.Path); err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					v.fault("table %s: file %s is gone", name, f.Path)
					continue
				}
				v.fault("table %s: file %s: %v", name, f.Path, err)
				continue
			}
			v.files[f.Path] = seen
		}
		if seen.Rows != f.Rows || seen.Bytes != f.Bytes {
			v.fault("table %s: file %s: has %d rows and %d bytes, the metadata says %d and %d", name, f.Path, seen.Rows, seen.Bytes, f.Rows, f.Bytes)
		}
		var claimed int64
		for delivery, n := range deliveries[f.Path] {
			claimed += n
			if states[delivery] != stateLive {
				v.fault("publication %d: table %s: file %s holds %d rows of delivery %s, which is %s", publication, name, f.Path, n, delivery, states[delivery])
			}
		}
		if claimed != seen.Rows {
			v.fault("table %s: file %s: has %d rows, its deliveries %d", name, f.Path, seen.Rows, claimed)
		}
		total += seen.Rows
	}
	return total, nil
}

func (v *verifier) leftovers() error {
	err := filepath.WalkDir(v.lake.Warehouse(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // a writer removed it just now
				return nil
			}
			return err
		}
		if !d.IsDir() && !v.referred[p] && !strings.HasPrefix(d.Name(), ".") {
			v.report.Leftovers++
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.New(fault.Unavailable, "lake %s: %w", v.lake.dir, err)
	}
	return nil
}
