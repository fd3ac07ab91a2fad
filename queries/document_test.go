package queries_test

import (
	"bytes"
	"os"
	"testing"
)

// TestIndicatorsAreDocumentedAsTheyAre: docs/indicators.md is generated; UPDATE_GOLDEN=1 writes it anew.
func TestIndicatorsAreDocumentedAsTheyAre(t *testing.T) {
	var b bytes.Buffer
	if err := shipped(t).Document(&b); err != nil {
		t.Fatal(err)
	}
	const file = "../docs/indicators.md"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("%s is old: UPDATE_GOLDEN=1 go test -tags duckdb_arrow ./queries -run Documented", file)
	}
}
