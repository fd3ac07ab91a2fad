//go:build integration

package lake

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

// seen is what testdata/count.py says of a table.
type seen struct {
	Rows        int64            `json:"rows"`
	Files       int              `json:"files"`
	Fields      map[string]int   `json:"fields"`
	Deliveries  map[string]int64 `json:"deliveries"`
	PrunedFiles int              `json:"pruned_files"`
	PrunedRows  int64            `json:"pruned_rows"`
}

// python is the interpreter of the venv with testdata/requirements.txt: $SANYI_VENV_PYTHON, or the one that make keeps.
func python(t *testing.T) string {
	t.Helper()
	file := os.Getenv("SANYI_VENV_PYTHON")
	if file == "" {
		file = filepath.Join("..", "..", ".cache", "venv", "bin", "python")
	}
	if _, err := os.Stat(file); err != nil {
		t.Skipf("SKIPPED: no PyIceberg: %s is not there; make test-go makes it, or set SANYI_VENV_PYTHON", file)
	}
	return file
}

func pyiceberg(t *testing.T, l *Lake) map[string]seen {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python(t), filepath.Join("testdata", "count.py"), filepath.Join(l.Dir(), "catalog.db"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("count.py: %v", err)
	}
	var got map[string]seen
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPyIcebergCountsTheSame(t *testing.T) {
	python(t)
	h := newHouse(t)
	h.publishOne("d1", 30, "2025-03-05")
	s := h.begin()
	h.deliver(s, "d2", 4, "2025-03-06")
	h.deliver(s, "d2b", 5, "2025-04-06")
	for _, part := range []struct {
		d    string
		rows []row
	}{{"s1", days("s1", 6, "2025-03-01")}, {"s2", days("s2", 7, "2025-04-01")}} {
		f, err := write(s, h.stock, part.rows)
		if err == nil {
			err = s.Add(h.stock, f)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Derive("fact_stock", part.d, f.Rows)
	}
	f, err := write(s, h.place, days("p", 3, ""))
	if err == nil {
		err = s.Add(h.place, f)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Derive("dim_place", "p", 3)
	h.publish(s)
	// One delivery is replaced by a rewrite: PyIceberg has to see the new file alone.
	s = h.begin()
	files, err := s.FilesOf(t.Context(), "d1")
	if err != nil {
		t.Fatal(err)
	}
	s.Supersede("d1")
	if err := s.Remove(h.visit, files["fact_visit"][0].Path); err != nil {
		t.Fatal(err)
	}
	h.deliver(s, "d1-again", 20, "2025-03-05")
	h.publish(s)

	got := pyiceberg(t, h.lake)
	visit := got["fact_visit"]
	want := seen{Rows: 29, Files: 3, Fields: visit.Fields, Deliveries: map[string]int64{"d1-again": 20, "d2": 4, "d2b": 5}, PrunedFiles: 1, PrunedRows: 5}
	if !reflect.DeepEqual(visit, want) {
		t.Errorf("fact_visit: got %+v, want %+v", visit, want)
	}
	for _, c := range h.visit.AllColumns() {
		if visit.Fields[c.Name] != c.ID {
			t.Errorf("fact_visit: column %s: field id %d, the contract says %d", c.Name, visit.Fields[c.Name], c.ID)
		}
	}
	if got["fact_stock"].Rows != 13 || got["fact_stock"].Files != 2 || got["dim_place"].Rows != 3 || len(got) != 3 {
		t.Errorf("got %+v", got)
	}
	if _, err := h.lake.Rollback(t.Context(), 1, ""); err != nil {
		t.Fatal(err)
	}
	if got := pyiceberg(t, h.lake); got["fact_visit"].Rows != 30 || len(got) != 1 {
		t.Errorf("after rollback: got %+v", got)
	}
}
