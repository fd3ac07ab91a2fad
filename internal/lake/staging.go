package lake

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// Staging is a publication in the making. It holds the writer lock from Begin until Publish or Abort; nobody sees what
// is in it. One goroutine at a time, except NewFile.
type Staging struct {
	lake    *Lake
	id      string // of this staging: a sweep finds it in the publication row, or knows that it was never published
	head    Publication
	base    map[string]string // table → metadata location of the head
	states  map[string]string // delivery → state at the head
	lock    *os.File
	journal *journal

	mu   sync.Mutex
	made map[string][2]string // path given by NewFile → table, month

	tables      map[string]*stagedTable
	loads       []Load
	superseded  map[string]bool
	derived     tally
	deleted     tally
	definitions map[[2]string]Definition
	closed      bool
}

// tally counts rows by table and delivery.
type tally map[string]map[string]int64

func (t tally) add(table, delivery string, rows int64) {
	if t[table] == nil {
		t[table] = map[string]int64{}
	}
	t[table][delivery] += rows
}

// stagedTable is one table that the staging touches or looked at.
type stagedTable struct {
	contract *schema.Table
	location string // metadata of the head; "" = a new table
	base     map[string]DataFile
	added    map[string]DataFile
	removed  map[string]bool

	staged   string   // metadata written by Stage; "" = not staged since the last change
	written  []string // metadata files that the last Stage wrote and the staged table refers to
	leftover []string // metadata files that nothing refers to any more
}

// Begin takes the writer lock, waits for it if need be, and sweeps what a killed writer left behind.
func (l *Lake) Begin(ctx context.Context) (*Staging, error) {
	lock, err := l.writerLock(ctx)
	if err != nil {
		return nil, err
	}
	s := &Staging{
		lake: l, id: strings.ToLower(rand.Text()), lock: lock, made: map[string][2]string{}, tables: map[string]*stagedTable{},
		superseded: map[string]bool{}, derived: tally{}, deleted: tally{}, definitions: map[[2]string]Definition{},
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (s *Staging) start(ctx context.Context) error {
	l := s.lake
	if err := l.sweep(ctx); err != nil {
		return fmt.Errorf("lake %s: sweep: %w", l.dir, err)
	}
	err := l.read(ctx, func(tx *sql.Tx) (err error) {
		if s.head, err = publicationTx(ctx, tx, 0); err != nil {
			return err
		}
		if s.base, err = pointersTx(ctx, tx, s.head.ID); err != nil {
			return err
		}
		if s.states, err = statesTx(ctx, tx, s.head.ID); err != nil {
			return err
		}
		theirs, err := icebergPointersTx(ctx, tx)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(theirs)) {
			if theirs[name] != s.base[name] {
				return fault.New(fault.Conflict, "table %s: another program moved it after publication %d; put it back with: sanyi publish rollback %d", name, s.head.ID, s.head.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.journal, err = l.newJournal(s.id)
	return err
}

// Publication is the id that this staging will get: head + 1.
func (s *Staging) Publication() int64 { return s.head.ID + 1 }

// Head is the publication that this staging builds on.
func (s *Staging) Head() Publication { return s.head }

// NewFile is the path of a data file to be written: of one table and month ("2025-03", or "" for rows without event
// date and for tables that have none). Only files made here may be Added; those that are not are removed in the end.
func (s *Staging) NewFile(name, month string) (string, error) {
	folder := month
	if folder == "" {
		folder = "all"
	}
	p := filepath.Join(s.lake.tableDir(name), "data", folder, uuid.NewString()+".parquet")
	if err := s.journal.creating(p); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return "", fault.New(fault.Unavailable, "table %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[p] = [2]string{name, month}
	return p, nil
}

// Add makes a written file part of the table. It is synced, and its footer must say the rows that are claimed of it.
func (s *Staging) Add(t *schema.Table, f DataFile) error {
	st, err := s.table(context.Background(), t.Name) // local metadata, some milliseconds
	if err != nil {
		return err
	}
	s.mu.Lock()
	made, ok := s.made[f.Path]
	s.mu.Unlock()
	if !ok || made != [2]string{t.Name, f.Month} {
		return fault.New(fault.Internal, "table %s: file %s was not made by NewFile for it and month %q", t.Name, f.Path, f.Month)
	}
	if err := syncPath(f.Path); err != nil {
		return fault.New(fault.Unavailable, "table %s: file %s: %w", t.Name, f.Path, err)
	}
	rows, size, err := footer(f.Path)
	if err != nil {
		return fmt.Errorf("table %s: %w", t.Name, err)
	}
	if f.Rows != rows {
		return fault.New(fault.Refused, "table %s: file %s: its footer says %d rows, its writer %d", t.Name, filepath.Base(f.Path), rows, f.Rows)
	}
	if rows == 0 {
		return fault.New(fault.Internal, "table %s: file %s has no rows; leave it out", t.Name, filepath.Base(f.Path))
	}
	f.Bytes = size
	f.Deliveries = maps.Clone(f.Deliveries)
	st.contract, st.staged = t, ""
	st.added[f.Path] = f
	return nil
}

// Remove takes a file out of the table: because it was rewritten (Add the new one) or dropped.
func (s *Staging) Remove(t *schema.Table, path string) error {
	st, err := s.table(context.Background(), t.Name)
	if err != nil {
		return err
	}
	st.contract, st.staged = t, ""
	if _, ok := st.added[path]; ok {
		delete(st.added, path)
		return nil
	}
	if _, ok := st.base[path]; !ok || st.removed[path] {
		return fault.New(fault.Internal, "table %s: file %s is not in it", t.Name, path)
	}
	st.removed[path] = true
	return nil
}

// Files lists the files of a table as staged so far, with their deliveries, sorted by month and path.
func (s *Staging) Files(ctx context.Context, name string) ([]DataFile, error) {
	st, err := s.table(ctx, name)
	if err != nil {
		return nil, err
	}
	return st.files(), nil
}

// Plan lists the files of a table as staged so far, sorted by month and path: Files for those who do not ask whose rows a
// file holds. Of a table that the staging has not touched it does not look into the books, which know every delivery.
func (s *Staging) Plan(ctx context.Context, name string) ([]DataFile, error) {
	if s.tables[name] != nil || s.base[name] == "" || s.closed {
		return s.Files(ctx, name)
	}
	p, err := s.lake.plan(ctx, name, s.base[name])
	if err != nil {
		return nil, err
	}
	out := slices.Clone(p.files)
	sortFiles(out)
	return out, nil
}

// Touched are the months of tables in which this staging adds or removes files, in order.
func (s *Staging) Touched(ctx context.Context, names ...string) ([]string, error) {
	months := map[string]bool{}
	for _, name := range names {
		st, err := s.table(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, f := range st.added {
			months[f.Month] = true
		}
		for path := range st.removed {
			months[st.base[path].Month] = true
		}
	}
	return slices.Sorted(maps.Keys(months)), nil
}

// FilesOf lists, by table, the files as staged so far that hold rows of a delivery.
func (s *Staging) FilesOf(ctx context.Context, delivery string) (map[string][]DataFile, error) {
	names, err := s.tablesOf(ctx, delivery)
	if err != nil {
		return nil, err
	}
	out := map[string][]DataFile{}
	for _, name := range names {
		st, err := s.table(ctx, name)
		if err != nil {
			return nil, err
		}
		var held []DataFile
		for p, f := range st.base {
			if f.Deliveries[delivery] > 0 && !st.removed[p] {
				held = append(held, f)
			}
		}
		for _, f := range st.added {
			if f.Deliveries[delivery] > 0 {
				held = append(held, f)
			}
		}
		if len(held) > 0 {
			sortFiles(held)
			out[name] = held
		}
	}
	return out, nil
}

// tablesOf names the tables that may hold rows of a delivery: those it was ever written to, and those touched now.
func (s *Staging) tablesOf(ctx context.Context, delivery string) ([]string, error) {
	names := map[string]bool{}
	for name := range s.tables {
		names[name] = true
	}
	err := s.lake.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT DISTINCT table_name FROM file_delivery WHERE delivery = ?`, delivery)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			names[name] = true
		}
		return rows.Err()
	})
	return slices.Sorted(maps.Keys(names)), err
}

// Record writes one line of the ledger. Its Tables say how many rows of the delivery are being added to each table.
// A load that is Missing or Refused adds none.
func (s *Staging) Record(load Load) error {
	if load.Delivery == "" || len(load.Delivery) > 40 {
		return fault.New(fault.Internal, "load %s: delivery id %q: wants 1 to 40 characters", load.File, load.Delivery)
	}
	if s.superseded[load.Delivery] {
		return fault.New(fault.Internal, "load %s: delivery %s is being superseded; a new delivery wants a new id", load.File, load.Delivery)
	}
	switch load.Status {
	case Arrived, Missing, Refused:
	default:
		return fault.New(fault.Internal, "load %s: status %q", load.File, load.Status)
	}
	load.Publication = s.Publication()
	s.loads = append(s.loads, load)
	return nil
}

// Derive says that the product itself adds rows to a table under a delivery id (a delivery's own, for its quarantine
// pointers and its line of the run log, or an id that stands for a rollup): the table equation counts them as loaded.
func (s *Staging) Derive(table, delivery string, rows int64) { s.derived.add(table, delivery, rows) }

// Supersede says that a delivery is replaced: all its rows in all tables must be gone from the staged files. It also
// serves for what the product wrote under an id of its own and writes anew.
func (s *Staging) Supersede(delivery string) { s.superseded[delivery] = true }

// Delete says that rows of a delivery are taken out of a table on purpose (an erasure under PIPL article 47).
func (s *Staging) Delete(table, delivery string, rows int64) { s.deleted.add(table, delivery, rows) }

// Definition stores a text that this publication is made by.
func (s *Staging) Definition(kind, id, text string) {
	sum := sha256.Sum256([]byte(text))
	s.definitions[[2]string{kind, id}] = Definition{Kind: kind, ID: id, Hash: hex.EncodeToString(sum[:]), Text: text}
}

// Stage writes the new table metadata and opens the result as a view for audits. More may be added afterwards; Publish
// stages again what changed since.
func (s *Staging) Stage(ctx context.Context) (*View, error) {
	if s.closed {
		return nil, fault.New(fault.Internal, "staging %s: is over", s.id)
	}
	v := &View{lake: s.lake, publication: Publication{ID: s.Publication(), Parent: s.head.ID, Kind: "staged"}, staged: true, pointers: maps.Clone(s.base)}
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		st := s.tables[name]
		if !st.changed() {
			continue
		}
		if st.staged == "" {
			if err := s.stageTable(ctx, name, st); err != nil {
				return nil, err
			}
		}
		v.pointers[name] = st.staged
	}
	return v, nil
}

// stageTable writes one snapshot: the head's files, without those removed, with those added.
func (s *Staging) stageTable(ctx context.Context, name string, st *stagedTable) error {
	var created []string
	f := files{creating: func(p string) error {
		created = append(created, p)
		return s.journal.creating(p)
	}}
	st.leftover, st.written = append(st.leftover, st.written...), nil
	defer func() { st.leftover = append(st.leftover, created...) }()
	base, err := s.baseTable(ctx, name, st, f)
	if err != nil {
		return err
	}
	if len(st.removed) > 0 {
		if err := keepsColumns(base.Schema(), st.contract); err != nil {
			return err
		}
	}
	spec := base.Spec()
	data := func(f DataFile) (iceberg.DataFile, error) {
		partition, err := partitionValue(spec, f.Month)
		if err != nil {
			return nil, fmt.Errorf("table %s: file %s: %w", name, f.Path, err)
		}
		b, err := iceberg.NewDataFileBuilder(spec, iceberg.EntryContentData, uri(f.Path), iceberg.ParquetFile, partition, nil, nil, f.Rows, f.Bytes)
		if err != nil {
			return nil, err
		}
		return b.Build(), nil
	}
	var remove, add []iceberg.DataFile
	for _, p := range slices.Sorted(maps.Keys(st.removed)) {
		d, err := data(st.base[p])
		if err != nil {
			return err
		}
		remove = append(remove, d)
	}
	for _, p := range slices.Sorted(maps.Keys(st.added)) {
		d, err := data(st.added[p])
		if err != nil {
			return err
		}
		add = append(add, d)
	}
	tx := base.NewTransaction()
	props := iceberg.Properties{"publication-id": strconv.FormatInt(s.Publication(), 10)}
	if err := tx.ReplaceDataFilesWithDataFiles(ctx, remove, add, props, table.WithoutDuplicateCheck()); err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	if err := tx.ExpireSnapshots(table.WithOlderThan(0), table.WithRetainLast(s.lake.config.KeepSnapshots), table.WithPostCommit(false)); err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	commit, err := tx.TableCommit()
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	meta, err := table.UpdateTableMetadata(base.Metadata(), commit.Updates, base.MetadataLocation())
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	location, err := f.writeMetadata(meta, st.location)
	if err != nil {
		return fmt.Errorf("table %s: metadata: %w", name, err)
	}
	// What was written is read back: the plan that audits and the equation see is exactly what would be published.
	p, err := readPlan(ctx, name, location)
	if err != nil {
		return err
	}
	kept := map[string]bool{localPath(location): true}
	for _, m := range p.metadata {
		kept[m] = true
	}
	for _, p := range created {
		if kept[p] {
			st.written = append(st.written, p)
		}
	}
	created = slices.DeleteFunc(created, func(p string) bool { return kept[p] })
	st.staged = location
	return nil
}

// baseTable opens the head's table with the contract's columns, or makes it.
func (s *Staging) baseTable(ctx context.Context, name string, st *stagedTable, f files) (*table.Table, error) {
	var meta table.Metadata
	if st.location == "" {
		var err error
		if meta, err = newMetadata(st.contract, uri(s.lake.tableDir(name))); err != nil {
			return nil, err
		}
	} else {
		base, err := openTable(ctx, name, st.location, f)
		if err != nil {
			return nil, err
		}
		if meta, err = evolve(base.Metadata(), st.contract); err != nil {
			return nil, err
		}
	}
	return table.New(identifier(name), meta, st.location, f.fsys, noCommits{}), nil
}

// table is the staging's account of a table, made from the head on first use.
func (s *Staging) table(ctx context.Context, name string) (*stagedTable, error) {
	if s.closed {
		return nil, fault.New(fault.Internal, "staging %s: is over", s.id)
	}
	if st := s.tables[name]; st != nil {
		return st, nil
	}
	st := &stagedTable{location: s.base[name], base: map[string]DataFile{}, added: map[string]DataFile{}, removed: map[string]bool{}}
	if st.location != "" {
		p, err := s.lake.plan(ctx, name, st.location)
		if err != nil {
			return nil, err
		}
		err = s.lake.read(ctx, func(tx *sql.Tx) error {
			by, err := s.lake.deliveriesTx(ctx, tx, name)
			for _, f := range p.files {
				f.Deliveries = by[f.Path]
				st.base[f.Path] = f
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	s.tables[name] = st
	return st, nil
}

func (st *stagedTable) changed() bool { return len(st.added)+len(st.removed) > 0 }

func (st *stagedTable) files() []DataFile {
	var out []DataFile
	for p, f := range st.base {
		if !st.removed[p] {
			out = append(out, f)
		}
	}
	for _, f := range st.added {
		out = append(out, f)
	}
	sortFiles(out)
	return out
}

// Abort removes every file of this staging and gives the lock back. After Publish it does nothing, so it can be
// deferred.
func (s *Staging) Abort() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.journal.discard(), s.lock.Close())
}

// syncPath brings a file to the disk.
func syncPath(p string) error {
	f, err := os.OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolders brings the directory entries of files to the disk.
func syncFolders(paths []string) error {
	seen := map[string]bool{}
	var errs []error
	for _, p := range paths {
		for dir := filepath.Dir(p); !seen[dir] && filepath.Base(dir) != "warehouse" && len(dir) > 1; dir = filepath.Dir(dir) {
			seen[dir] = true
			f, err := os.Open(dir)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			errs = append(errs, f.Sync(), f.Close())
		}
	}
	return errors.Join(errs...)
}
