package audit

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func book(t *testing.T, lines int) (*Log, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		at := time.Date(2026, 1, 31, 23, 59, 58+i, 0, time.UTC) // runs over the end of a month
		if err := l.Append(Entry{At: at, Who: "grafana", Decision: Answered}); err != nil {
			t.Fatal(err)
		}
	}
	return l, dir
}

func TestTheChainRunsOverTheEndOfAMonth(t *testing.T) {
	_, dir := book(t, 5)
	files, err := Files(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("got %v %v, want two months", files, err)
	}
	if found, err := Verify(dir); err != nil || found != (Finding{Lines: 5}) {
		t.Errorf("got %+v %v, want 5 good lines", found, err)
	}
}

func TestALineAlteredOrTakenOutShows(t *testing.T) {
	for name, change := range map[string]func([]string) []string{
		"altered":   func(l []string) []string { l[0] = strings.Replace(l[0], "grafana", "nobody!", 1); return l },
		"taken out": func(l []string) []string { return l[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			_, dir := book(t, 4)
			path := filepath.Join(dir, "2026-02.jsonl")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := change(strings.Split(strings.TrimSpace(string(text)), "\n"))
			if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if found, err := Verify(dir); err != nil || found.Broken == "" {
				t.Errorf("got %+v %v, want a broken chain", found, err)
			}
		})
	}
}

func TestAWriterThatDiedWithinItsLineLeavesAStumpThatIsCounted(t *testing.T) {
	l, dir := book(t, 2)
	f, err := os.OpenFile(filepath.Join(dir, "2026-01.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"at":"2026-`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{At: time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC), Decision: Answered}); err != nil {
		t.Fatal(err)
	}
	if found, err := Verify(dir); err != nil || found != (Finding{Lines: 4, Stumps: 1}) {
		t.Errorf("got %+v %v, want 4 lines, one of them a stump, none broken", found, err)
	}
}

func TestTwoServicesMayWriteOneBook(t *testing.T) {
	a, dir := book(t, 0)
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for _, l := range []*Log{a, b} {
		wait.Go(func() {
			for range 20 {
				if err := l.Append(Entry{At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Decision: Answered}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if found, err := Verify(dir); err != nil || found != (Finding{Lines: 40}) {
		t.Errorf("got %+v %v, want 40 good lines", found, err)
	}
}

func TestAMarkStandsForAStayWithoutTellingIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := first.Mark("S0001"), again.Mark("S0001"); a != b || len(a) != 16 || a == first.Mark("S0002") {
		t.Errorf("got %s and %s, want one mark for one stay, and another for another", a, b)
	}
	elsewhere, err := Open(filepath.Join(t.TempDir(), "audit"))
	if err != nil {
		t.Fatal(err)
	}
	if elsewhere.Mark("S0001") == first.Mark("S0001") {
		t.Errorf("two books mark a stay alike: marks could be looked up")
	}
	if info, err := os.Stat(filepath.Join(dir, saltFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("salt: got %v %v, want mode 0600", info, err)
	}
}
