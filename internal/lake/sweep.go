package lake

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// journal lists the files of one staging, each before it is made. A writer that is killed leaves its journal, and the
// next one removes what it lists: no walk over the warehouse, no guessing by age.
type journal struct {
	mu    sync.Mutex
	file  *os.File
	root  string // the warehouse: nothing outside it is ever listed
	paths []string
}

const journalSuffix = ".staging"

func (l *Lake) newJournal(id string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(l.Landing(), id+journalSuffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "lake %s: staging journal: %w", l.dir, err)
	}
	return &journal{file: f, root: l.Warehouse() + "/"}, nil
}

// creating notes a file that is about to be made. The note need not reach the disk: against a killed process the
// page cache is enough, and after a power cut unlisted files are found by verify.
func (j *journal) creating(p string) error {
	if !strings.HasPrefix(p, j.root) {
		return fault.New(fault.Internal, "file %s: outside the warehouse", p)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.WriteString(strings.TrimPrefix(p, j.root) + "\n"); err != nil {
		return fault.New(fault.Unavailable, "staging journal: %w", err)
	}
	j.paths = append(j.paths, p)
	return nil
}

// discard removes the files and the journal.
func (j *journal) discard() error {
	return errors.Join(removeFiles(j.paths), j.close())
}

// close removes the journal: its files are published, or gone.
func (j *journal) close() error {
	return errors.Join(j.file.Close(), os.Remove(j.file.Name()))
}

func removeFiles(paths []string) error {
	var errs []error
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sweep removes what killed processes left: files of stagings that were never published, and scratch folders. The
// caller holds the writer lock, so every journal found is of a process that is gone.
func (l *Lake) sweep(ctx context.Context) error {
	journals, err := filepath.Glob(filepath.Join(l.Landing(), "*"+journalSuffix))
	if err != nil {
		return err
	}
	for _, name := range journals {
		if err := l.sweepJournal(ctx, name); err != nil {
			return err
		}
	}
	return l.sweepWork()
}

func (l *Lake) sweepJournal(ctx context.Context, name string) error {
	id := strings.TrimSuffix(filepath.Base(name), journalSuffix)
	listed, err := readLines(name)
	if err != nil {
		return err
	}
	var removed []string
	err = l.read(ctx, func(tx *sql.Tx) error {
		var published bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM publication WHERE staging = ?)`, id).Scan(&published); err != nil || published {
			return err
		}
		for _, rel := range listed {
			// A second look, though the id says enough: what a publication refers to is never removed.
			var referred bool
			p := filepath.Join(l.Warehouse(), rel)
			err := tx.QueryRowContext(ctx, `
SELECT EXISTS (SELECT 1 FROM file_delivery WHERE path = ?) OR EXISTS (SELECT 1 FROM publication_table WHERE metadata_location = ?)`, rel, uri(p)).Scan(&referred)
			if err != nil {
				return err
			}
			if !referred && filepath.IsLocal(rel) {
				removed = append(removed, p)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(removed) > 0 {
		l.log.InfoContext(ctx, "swept what a killed writer left", "staging", id, "files", len(removed))
	}
	return errors.Join(removeFiles(removed), os.Remove(name))
}

func readLines(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if s.Text() != "" {
			out = append(out, s.Text())
		}
	}
	return out, nil
}
