package reader_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/ingest/landing"
	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

// TestPublicFilesAreReadWhole reads every public file at hand and compares records, columns and encoding with its
// manifest, which was written by other programs.
func TestPublicFilesAreReadWhole(t *testing.T) {
	data := sharedtest.File(t, "data")
	f, err := os.Open(filepath.Join(data, "manifest.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	for _, row := range rows[1:] {
		file, count := row[at["file"]], row[at["rows"]]
		want, err := strconv.ParseInt(count, 10, 64)
		if err != nil {
			continue
		}
		t.Run(file, func(t *testing.T) {
			tree, err := landing.Walk(t.Context(), []string{filepath.Join(data, filepath.FromSlash(file))}, landing.Options{Work: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			var records int64
			for _, m := range tree.Members {
				c, err := m.Open()
				if err != nil {
					t.Fatal(err)
				}
				spec := reader.Spec{Trim: true, CSV: reader.CSVSpec{Header: true, Delimiter: "auto"}}
				if strings.HasSuffix(m.Name, ".ndjson") {
					spec.Format = reader.NDJSON
				}
				if row[at["encoding"]] == "windows-1252" {
					spec.Encoding = "windows-1252"
				}
				r, err := reader.Open(spec, m.Path, c, nil)
				if err != nil {
					t.Fatal(err)
				}
				for r.Next() { // only the account counts
				}
				if r.Err() != nil {
					t.Fatal(r.Err())
				}
				if rejects := r.Rejects(); len(rejects) > 0 {
					t.Errorf("%s: %d rejects, the first %+v", m.Path, len(rejects), rejects[0])
				}
				if columns := row[at["columns"]]; columns != "" && strconv.Itoa(len(r.Columns())) != columns {
					t.Errorf("%s: %d columns, want %s", m.Path, len(r.Columns()), columns)
				}
				records += r.Records()
				r.Release()
				c.Close()
			}
			if records != want {
				t.Errorf("%d records, want %d", records, want)
			}
		})
	}
}
