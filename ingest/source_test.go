package ingest_test

import (
	"testing"

	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/schema"
)

func TestShippedSourcesLoad(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ingest.LoadSources(set, ingest.Shipped()); err != nil {
		t.Fatal(err)
	}
}
