package lake

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/parquet-go/parquet-go"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// plan is what one metadata file of a table says: the files of its current snapshot. It never changes.
type plan struct {
	location string
	files    []DataFile // sorted by month and path; without Deliveries
	rows     int64
	metadata []string // manifest list and manifests of the current snapshot, as paths
}

// maxPlans bounds the cache: 64 tables × some as-of publications.
const maxPlans = 1024

func (l *Lake) plan(ctx context.Context, name, location string) (*plan, error) {
	l.mu.Lock()
	p := l.plans[location]
	l.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := readPlan(ctx, name, location)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.plans) >= maxPlans {
		clear(l.plans)
	}
	l.plans[location] = p
	return p, nil
}

func readPlan(ctx context.Context, name, location string) (*plan, error) {
	f := files{}
	t, err := openTable(ctx, name, location, f)
	if err != nil {
		return nil, err
	}
	p := &plan{location: location}
	snapshot := t.CurrentSnapshot()
	if snapshot == nil {
		return p, nil
	}
	manifests, err := snapshot.Manifests(f)
	if err != nil {
		return nil, fmt.Errorf("table %s: manifest list: %w", name, err)
	}
	p.metadata = append(p.metadata, localPath(snapshot.ManifestList))
	for _, m := range manifests {
		p.metadata = append(p.metadata, localPath(m.FilePath()))
		for e, err := range m.Entries(f, true) {
			if err != nil {
				return nil, fmt.Errorf("table %s: manifest: %w", name, err)
			}
			d := e.DataFile()
			if d.ContentType() != iceberg.EntryContentData {
				return nil, fault.New(fault.Invalid, "table %s: snapshot %d has delete files, written by another program; rewrite the table copy-on-write", name, snapshot.SnapshotID)
			}
			month, err := monthOf(d.Partition())
			if err != nil {
				return nil, fmt.Errorf("table %s: %w", name, err)
			}
			p.files = append(p.files, DataFile{Path: localPath(d.FilePath()), Month: month, Rows: d.Count(), Bytes: d.FileSizeBytes()})
			p.rows += d.Count()
		}
	}
	sortFiles(p.files)
	return p, nil
}

func sortFiles(fs []DataFile) {
	slices.SortFunc(fs, func(a, b DataFile) int {
		if c := strings.Compare(a.Month, b.Month); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
}

// View is one consistent state of all tables: a publication, or what a Staging would publish. It never changes and is
// safe for concurrent use.
type View struct {
	lake        *Lake
	publication Publication
	staged      bool
	pointers    map[string]string // table → metadata location
	instead     map[string][]DataFile
}

// With is the same view with other files in the place of some tables: what a question would give if they held that.
func (v *View) With(tables map[string][]DataFile) *View {
	out := *v
	out.instead = tables
	return &out
}

// View opens the state of a publication; 0 is the head.
func (l *Lake) View(ctx context.Context, publication int64) (*View, error) {
	v := &View{lake: l}
	err := l.read(ctx, func(tx *sql.Tx) (err error) {
		if v.publication, err = publicationTx(ctx, tx, publication); err != nil {
			return err
		}
		v.pointers, err = l.pointers(ctx, tx, v.publication.ID)
		return err
	})
	return v, err
}

// maxStates bounds the cache of publications' states.
const maxStates = 64

// pointers is pointersTx with a cache: what a publication points to never changes.
func (l *Lake) pointers(ctx context.Context, tx *sql.Tx, id int64) (map[string]string, error) {
	l.mu.Lock()
	p, ok := l.states[id]
	l.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := pointersTx(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.states) >= maxStates {
		clear(l.states)
	}
	l.states[id] = p
	return p, nil
}

// Publication is what the view shows. A staged view has the id that it will get.
func (v *View) Publication() Publication { return v.publication }

// Staged says that nobody else can see this view yet.
func (v *View) Staged() bool { return v.staged }

// Tables lists the tables that have ever held a row, sorted.
func (v *View) Tables() []string { return slices.Sorted(maps.Keys(v.pointers)) }

// Snapshot names the state of one table: equal snapshots hold equal rows. It is "" where there is no data yet.
func (v *View) Snapshot(table string) string { return v.pointers[table] }

// Files lists the files of a table that may hold rows with from <= event date < to (zero times leave a side open),
// sorted by month and path. A table that has no data yet has no files. Deliveries are not filled in: see Sources.
func (v *View) Files(ctx context.Context, table string, from, to time.Time) ([]DataFile, error) {
	files, replaced := v.instead[table]
	if location := v.pointers[table]; !replaced && location != "" {
		p, err := v.lake.plan(ctx, table, location)
		if err != nil {
			return nil, err
		}
		files = p.files
	}
	if from.IsZero() && to.IsZero() {
		return slices.Clone(files), nil
	}
	var out []DataFile
	for _, f := range files {
		if f.Month != "" && !monthMeets(f.Month, from, to) {
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// monthMeets says whether a month has an instant in [from, to). It compares calendar days, whatever zone the times are
// in: an event date has none.
func monthMeets(month string, from, to time.Time) bool {
	if !from.IsZero() && month < from.Format("2006-01") {
		return false
	}
	if to.IsZero() {
		return true
	}
	// to is exclusive: 1 March 00:00 still needs no day of March.
	first := month + "-01 00:00:00.000000000"
	return first < to.Format("2006-01-02 15:04:05.000000000")
}

// Rows is the number of rows of a table.
func (v *View) Rows(ctx context.Context, table string) (int64, error) {
	location := v.pointers[table]
	if location == "" {
		return 0, nil
	}
	p, err := v.lake.plan(ctx, table, location)
	if err != nil {
		return 0, err
	}
	return p.rows, nil
}

// Sources fills in the deliveries of files of a table, as far as they are published.
func (v *View) Sources(ctx context.Context, table string, fs []DataFile) error {
	return v.lake.read(ctx, func(tx *sql.Tx) error {
		by, err := v.lake.deliveriesTx(ctx, tx, table)
		if err != nil {
			return err
		}
		for i := range fs {
			fs[i].Deliveries = by[fs[i].Path]
		}
		return nil
	})
}

// deliveriesTx is every published file's rows by delivery: path → delivery → rows.
func (l *Lake) deliveriesTx(ctx context.Context, tx *sql.Tx, table string) (map[string]map[string]int64, error) {
	rows, err := tx.QueryContext(ctx, `SELECT path, delivery, rows FROM file_delivery WHERE table_name = ? ORDER BY path`, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]map[string]int64{}
	for rows.Next() {
		var rel, delivery string
		var n int64
		if err := rows.Scan(&rel, &delivery, &n); err != nil {
			return nil, err
		}
		p := l.Warehouse() + "/" + rel
		if out[p] == nil {
			out[p] = map[string]int64{}
		}
		out[p][delivery] = n
	}
	return out, rows.Err()
}

// footer is the number of rows of a Parquet file, and its size, from the file itself.
func footer(path string) (rows, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	p, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.OptimisticRead(true))
	if err != nil {
		return 0, 0, fmt.Errorf("file %s: %w", path, err)
	}
	var groups int64
	for _, g := range p.Metadata().RowGroups {
		groups += g.NumRows
	}
	if groups != p.NumRows() {
		return 0, 0, fmt.Errorf("file %s: its footer says %d rows, its row groups %d", path, p.NumRows(), groups)
	}
	return groups, info.Size(), nil
}

// AllFiles lists all files of a table.
func (v *View) AllFiles(ctx context.Context, table string) ([]DataFile, error) {
	return v.Files(ctx, table, time.Time{}, time.Time{})
}
