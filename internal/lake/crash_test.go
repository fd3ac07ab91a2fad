package lake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the writer that is killed: it publishes nights until somebody ends it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SANYI_TEST_WRITER"); dir != "" {
		if err := publishUntilKilled(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// publishUntilKilled publishes night after night: visits of two months and a stock, with the same number of rows in
// each, and every third night replaces the one before. SANYI_TEST_CRASH names a place where it kills itself.
func publishUntilKilled(ctx context.Context, dir string) error {
	crash = func(place string) {
		if place == os.Getenv("SANYI_TEST_CRASH") {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			time.Sleep(time.Minute)
			panic(err)
		}
	}
	l, err := Open(ctx, dir, Options{})
	if err != nil {
		return err
	}
	set := contracts(&testing.T{}, visitContract, orgContract, stockContract)
	visit, _ := set.Table("fact_visit")
	stock, _ := set.Table("fact_stock")
	fmt.Println("ready")
	for {
		s, err := l.Begin(ctx)
		if err != nil {
			return err
		}
		delivery := fmt.Sprintf("night%d", s.Publication())
		tables := map[string]int64{}
		for _, part := range []struct {
			month string
			n     int
		}{{"2025-03-05", 3}, {"2025-04-05", 4}} {
			f, err := write(s, visit, days(delivery, part.n, part.month))
			if err := errors.Join(err, s.Add(visit, f)); err != nil {
				return err
			}
			tables[visit.Name] += int64(part.n)
		}
		f, err := write(s, stock, days(delivery, 7, "2025-03-01"))
		if err := errors.Join(err, s.Add(stock, f)); err != nil {
			return err
		}
		tables[stock.Name] = 7
		if before := fmt.Sprintf("night%d", s.Publication()-1); s.Publication()%3 == 0 {
			s.Supersede(before)
			files, err := s.FilesOf(ctx, before)
			if err != nil {
				return err
			}
			for _, t := range []string{visit.Name, stock.Name} {
				c, _ := set.Table(t)
				for _, f := range files[t] {
					if err := s.Remove(c, f.Path); err != nil {
						return err
					}
				}
			}
		}
		if err := s.Record(Load{File: delivery, Delivery: delivery, Status: Arrived, Records: 14, Loaded: 14, Tables: tables}); err != nil {
			return err
		}
		p, err := s.Publish(ctx, Note{})
		if err != nil {
			return err
		}
		fmt.Println(p.ID)
		if os.Getenv("SANYI_TEST_POLITE") != "" { // lets another writer in: the lock knows no queue
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// writer is a child process that publishes.
type writer struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	last int64 // publication that it told of
}

func startWriter(t *testing.T, dir, crashAt string) *writer {
	t.Helper()
	w := &writer{cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")}
	w.cmd.Env = append(os.Environ(), "SANYI_TEST_WRITER="+dir, "SANYI_TEST_CRASH="+crashAt)
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewScanner(out)
	if !w.out.Scan() || w.out.Text() != "ready" {
		t.Fatalf("the writer did not start: %q", w.out.Text())
	}
	return w
}

// end waits for the writer and reads what it told of.
func (w *writer) end() {
	for w.next() {
	}
	_ = w.cmd.Wait() // it was killed
}

// next waits until the writer tells of a publication; false: it has ended.
func (w *writer) next() bool {
	if !w.out.Scan() {
		return false
	}
	if id, err := strconv.ParseInt(w.out.Text(), 10, 64); err == nil {
		w.last = id
	}
	return true
}

func TestKilledWritersLeaveTheOldPublicationOrTheNew(t *testing.T) {
	if testing.Short() {
		t.Skip("kills some twenty processes")
	}
	h := newHouse(t)
	dir := h.lake.Dir()
	var told int64
	took := 50 * time.Millisecond
	for round := range 20 {
		crashAt := ""
		if round < 4 {
			crashAt = []string{"before-commit", "after-commit"}[round%2]
		}
		w := startWriter(t, dir, crashAt)
		if crashAt == "" {
			// Every other writer is let publish once; how long that took says how long a moment to kill at may be.
			if start := time.Now(); round%2 == 0 && w.next() {
				took = time.Since(start)
			}
			time.Sleep(time.Duration(rand.Int64N(2 * int64(took))))
			if err := w.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		w.end()
		told = max(told, w.last)
		r := h.whole()
		if r.Publication < told {
			t.Fatalf("round %d: publication %d was told of, the head is %d", round, told, r.Publication)
		}
		// 7 visits and 7 stocks a night; a night whose number is divisible by three replaced the one before it.
		nights := r.Publication - r.Publication/3
		if v, s := h.rows(0, "fact_visit"), h.rows(0, "fact_stock"); v != 7*nights || s != 7*nights {
			t.Fatalf("round %d: publication %d: %d visits and %d stocks, want %d of each", round, r.Publication, v, s, 7*nights)
		}
	}
	// The next writer sweeps what the killed ones left.
	s := h.begin()
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if r := h.whole(); r.Leftovers != 0 {
		t.Errorf("after the sweep: %d files that nothing refers to", r.Leftovers)
	}
	if left, err := filepath.Glob(filepath.Join(h.lake.Landing(), "*"+journalSuffix)); err != nil || len(left) > 0 {
		t.Errorf("after the sweep: journals %v, %v", left, err)
	}
	if told == 0 {
		t.Error("no writer ever published: the test proves nothing")
	}
}

func TestTwoProcessesPublishInTurn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	h := newHouse(t)
	t.Setenv("SANYI_TEST_POLITE", "1")
	a, b := startWriter(t, h.lake.Dir(), ""), startWriter(t, h.lake.Dir(), "")
	if !a.next() || !b.next() { // both got the lock
		t.Error("a writer ended by itself")
	}
	for _, w := range []*writer{a, b} {
		if err := w.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		w.end()
	}
	r := h.whole()
	if r.Publication < max(a.last, b.last) || r.Publication < 2 {
		t.Errorf("head %d; the writers told of %d and %d", r.Publication, a.last, b.last)
	}
	nights := r.Publication - r.Publication/3
	if n := h.rows(0, "fact_visit"); n != 7*nights {
		t.Errorf("publication %d: %d visits, want %d", r.Publication, n, 7*nights)
	}
}

func TestScratchOfTheLivingIsNotSwept(t *testing.T) {
	h := newHouse(t)
	reader, err := Open(t.Context(), h.lake.Dir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	mine, err := reader.Work()
	if err != nil {
		t.Fatal(err)
	}
	// A process that was killed a while ago left its folder and an unlocked lock.
	dead := filepath.Join(h.lake.Landing(), "work", "p77.lock")
	old := time.Now().Add(-time.Hour)
	if err := errors.Join(os.WriteFile(dead, nil, 0o600), os.Chtimes(dead, old, old), os.Mkdir(dead+".d", 0o700),
		os.WriteFile(filepath.Join(dead+".d", "spill"), []byte("x"), 0o600), os.Chtimes(strings.TrimSuffix(mine, ".d"), old, old)); err != nil {
		t.Fatal(err)
	}
	if err := h.begin().Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("the living reader's scratch: %v", err)
	}
	if _, err := os.Stat(dead + ".d"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead one's scratch: got %v, want it gone", err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: got %v, want it gone", err)
	}
}
