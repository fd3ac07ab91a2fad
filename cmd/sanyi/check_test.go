//go:build duckdb_arrow

package main

import "testing"

// TestEveryWorkedCaseComesOut is `sanyi check`: each indicator is shipped with rows given and a figure wanted.
func TestEveryWorkedCaseComesOut(t *testing.T) {
	if testing.Short() {
		t.Skip("some ten seconds")
	}
	c, _, bench := benchOf(t)
	ran, err := c.Check(t.Context(), bench)
	if err != nil {
		t.Error(err)
	}
	if want := len(c.Indicators()); ran < want {
		t.Errorf("%d cases for %d indicators", ran, want)
	}
	for _, x := range c.Indicators() {
		if len(x.Cases) == 0 {
			t.Errorf("%s has no worked case", x.ID)
		}
	}
}
