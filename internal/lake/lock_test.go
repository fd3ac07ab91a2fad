package lake_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sanyi-lake/sanyi/internal/lake"
)

// TestAScratchFolderOfADeadProcessGoesWithTheNextOne: what holds parquet of cases must not stay until somebody writes;
// the folder of a process that lives is left alone.
func TestAScratchFolderOfADeadProcessGoesWithTheNextOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	l, err := lake.Create(t.Context(), dir, lake.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	root := filepath.Join(l.Landing(), "work")
	leave := func(name string) *os.File {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, name+".lock.d", "what-if-1"), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(root, name+".lock"))
		if err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(f.Name(), old, old); err != nil {
			t.Fatal(err)
		}
		return f
	}
	dead, alive := leave("pdead"), leave("palive")
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if err := syscall.Flock(int(alive.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Work(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"pdead.lock": false, "pdead.lock.d": false, "palive.lock": true, "palive.lock.d": true} {
		if _, err := os.Stat(filepath.Join(root, name)); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", name, err == nil, want)
		}
	}
}
