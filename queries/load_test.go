package queries_test

import (
	"strings"
	"testing"
	"testing/fstest"

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

// TestAFigureOfSeveralMethodsSaysWhichOneCounts, in the words of the contract, after its own.
func TestAFigureOfSeveralMethodsSaysWhichOneCounts(t *testing.T) {
	c := shipped(t)
	for id, want := range map[string]string{"G002": "--scheme", "G046": "--params", "H001": ""} {
		x, _ := c.Indicator(id)
		if strings.Contains(x.Meaning, "--") != (want != "") || !strings.Contains(x.Meaning, want) {
			t.Errorf("%s: %s", id, x.Meaning)
		}
	}
}

func TestAFormulaThatGoesRoundIsRefused(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	one := func(id, numerator string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("id: " + id + "\ntitle: {zh: 甲, en: a}\nbasis: none\nunit: 例\ndirection: monitor\nsuppression: \"no\"\nnumerator: \"" + numerator + "\"\n")}
	}
	round := fstest.MapFS{"indicators/X001.yaml": one("X001", "at_least(X002, 1)"), "indicators/X002.yaml": one("X002", "X001 + 1")}
	if _, err := queries.Load(set, queries.Shipped(), round); err == nil || !strings.Contains(err.Error(), "formula goes round") {
		t.Errorf("got %v, want the circle", err)
	}
	for text, want := range map[string]string{"at_least(dg_ok)": "wants ,", "at_least(dg_ok, 1": "wants )", "at_most(dg_ok, 1)": "at_least and peak_over"} {
		if _, err := queries.Load(set, queries.Shipped(), fstest.MapFS{"indicators/X001.yaml": one("X001", text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
}
