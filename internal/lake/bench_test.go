package lake

import (
	"testing"
)

// BenchmarkFooter is what one file costs at each publication of its table.
func BenchmarkFooter(b *testing.B) {
	set := contracts(b, visitContract)
	visit, _ := set.Table("fact_visit")
	path := b.TempDir() + "/x.parquet"
	if err := writeParquet(path, visit, days("d", 1000, "2025-03-01")); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := footer(path); err != nil {
			b.Fatal(err)
		}
	}
}
