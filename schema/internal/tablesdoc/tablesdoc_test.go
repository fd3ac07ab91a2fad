package tablesdoc_test

import (
	"os"
	"testing"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/internal/tablesdoc"
)

const page = "../../../docs/tables.md"

func TestThePageOfTablesIsFresh(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	got := tablesdoc.Page(set)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is stale: run UPDATE_GOLDEN=1 go test ./schema/internal/tablesdoc", page)
	}
}
