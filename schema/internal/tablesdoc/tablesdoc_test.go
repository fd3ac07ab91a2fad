package tablesdoc_test

import (
	"os"
	"testing"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/internal/tablesdoc"
)

func TestThePagesAreFresh(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	for page, got := range map[string]string{"tables.md": tablesdoc.Page(set), "expressions.md": tablesdoc.Expressions()} {
		page = "../../../docs/" + page
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
}
