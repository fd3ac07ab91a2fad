package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestTheSameSeedWritesTheSameBytes(t *testing.T) {
	one, two, other := t.TempDir()+"/a", t.TempDir()+"/a", t.TempDir()+"/a"
	write(t, one, Options{Seed: 7, Nights: 5})
	write(t, two, Options{Seed: 7, Nights: 5})
	write(t, other, Options{Seed: 8, Nights: 5})
	if a, b := fingerprint(t, one), fingerprint(t, two); a != b {
		t.Errorf("seed 7 gave %s and %s", a, b)
	}
	if a, b := fingerprint(t, one), fingerprint(t, other); a == b {
		t.Error("seeds 7 and 8 gave the same bytes")
	}
}

func write(t *testing.T, dir string, o Options) *Truth {
	t.Helper()
	truth, err := Write(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// fingerprint is one hash over the names and bytes of every file.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		h.Write([]byte(rel))
		h.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestFrontSheetsAloneAreThoseOfTheWholeRegion(t *testing.T) {
	whole, alone := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "alone")
	o := Options{Seed: 4, Nights: 6}
	if _, err := Write(t.Context(), whole, o); err != nil {
		t.Fatal(err)
	}
	if err := WriteFrontSheets(t.Context(), alone, o); err != nil {
		t.Fatal(err)
	}
	sheets, err := filepath.Glob(filepath.Join(whole, "*", "hqms_*.csv"))
	if err != nil || len(sheets) < 5 {
		t.Fatalf("got %d front sheet files of the whole region (%v), want 5 or more", len(sheets), err)
	}
	for _, path := range sheets {
		name, _ := filepath.Rel(whole, path)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(alone, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes (%v), want the same %d bytes", name, len(got), err, len(want))
		}
	}
}
