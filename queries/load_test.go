package queries_test

import (
	"testing"

	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

func TestEveryShippedDefinitionLoads(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	c, err := queries.Load(set, queries.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Measures()); got < 600 {
		t.Errorf("%d measures, want the catalogue's 600 and more", got)
	}
}
