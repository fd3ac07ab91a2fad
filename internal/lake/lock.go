package lake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// writerLock takes the lake's one writer lock. The kernel gives it back when the process dies, however it dies.
func (l *Lake) writerLock(ctx context.Context) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(l.dir, "writer.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "lake %s: writer lock: %w", l.dir, err)
	}
	deadline := time.Now().Add(l.wait)
	for told := false; ; told = true {
		err := tryLock(f)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fault.New(fault.Unavailable, "lake %s: writer lock: %w", l.dir, err), f.Close())
		}
		if !time.Now().Before(deadline) {
			return nil, errors.Join(fault.New(fault.Unavailable, "lake %s: another process is writing to it; try again when it has finished", l.dir), f.Close())
		}
		if !told {
			l.log.InfoContext(ctx, "waiting for another writer", "lake", l.dir)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor fits an int
}

// workDir is a scratch folder of one process, marked as in use by a lock that dies with the process.
type workDir struct {
	path string
	lock *os.File
}

// Work is this process's scratch folder below landing/work. Close removes it; what a process that was killed left is
// removed by the next one that makes a folder, or writes.
func (l *Lake) Work() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.work != nil {
		return l.work.path, nil
	}
	root := filepath.Join(l.Landing(), "work")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", fault.New(fault.Unavailable, "lake %s: scratch folder: %w", l.dir, err)
	}
	if _, err := sweepDead(root); err != nil {
		return "", fault.New(fault.Unavailable, "lake %s: scratch folders of processes that are gone: %w", l.dir, err)
	}
	// The lock stands beside the folder and is taken before the folder exists, so that no sweep can come between.
	lock, err := os.CreateTemp(root, "p*.lock")
	if err != nil {
		return "", fault.New(fault.Unavailable, "lake %s: scratch folder: %w", l.dir, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil { //nolint:gosec // a descriptor fits an int
		return "", errors.Join(fault.New(fault.Unavailable, "lake %s: scratch folder: %w", l.dir, err), lock.Close())
	}
	path := lock.Name() + ".d"
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", errors.Join(fault.New(fault.Unavailable, "lake %s: scratch folder: %w", l.dir, err), lock.Close())
	}
	l.work = &workDir{path: path, lock: lock}
	return path, nil
}

// sweepWork removes the scratch folders of processes that are gone, and what else lies about there.
func (l *Lake) sweepWork() error {
	root := filepath.Join(l.Landing(), "work")
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	seen, err := sweepDead(root)
	errs := []error{err}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".lock" && !seen[e.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(root, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// sweepDead removes the folders whose lock nobody holds, and says which folders have a lock.
func sweepDead(root string) (seen map[string]bool, err error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	seen = map[string]bool{}
	var errs []error
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".lock" {
			continue
		}
		f, err := os.Open(filepath.Join(root, e.Name()))
		if err != nil {
			continue // its owner, or another sweep, removed it just now
		}
		seen[e.Name()+".d"] = true
		// Younger than a second: perhaps made but not yet locked.
		if info, err := f.Stat(); tryLock(f) == nil && err == nil && time.Since(info.ModTime()) >= time.Second {
			errs = append(errs, os.RemoveAll(f.Name()+".d"), gone(os.Remove(f.Name())))
		}
		errs = append(errs, f.Close())
	}
	return seen, errors.Join(errs...)
}

// gone takes it that somebody else removed the file.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (w *workDir) close() error {
	return errors.Join(os.RemoveAll(w.path), os.Remove(w.lock.Name()), w.lock.Close())
}
