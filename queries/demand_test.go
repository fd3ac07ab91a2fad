package queries_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

func TestADemandedCatalogHasWhatTheWholeOneHas(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	overlay := fstest.MapFS{"indicators/hospital/X901.yaml": {Data: []byte(`id: X901
title: {zh: 试, en: try}
meaning: "门急诊人次除以出院人次"
basis: test
version: "1"
valid_from: "2025-01-01"
unit: "比"
scale: 1
direction: monitor
viewpoint: care
numerator: op_all
denominator: ip_dis
dimensions: [org_code]
grains: [month]
suppression: "no"
`)}}
	whole, err := queries.Load(set, queries.Shipped(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range whole.Indicators() {
		if i%40 != 0 && x.ID != "X901" && x.ID != "H095" {
			continue // each one takes its own decoding
		}
		some, err := queries.LoadFor(set, []string{x.ID}, queries.Shipped(), overlay)
		if err != nil {
			t.Fatalf("%s: %v", x.ID, err)
		}
		got, ok := some.Indicator(x.ID)
		if !ok || got.Text != x.Text {
			t.Fatalf("%s: not there, or another text", x.ID)
		}
		var a, b []string
		for _, m := range whole.MeasuresOf(x) {
			a = append(a, m.ID+m.Text)
		}
		for _, m := range some.MeasuresOf(got) {
			b = append(b, m.ID+m.Text)
		}
		if !slices.Equal(a, b) {
			t.Fatalf("%s: measures %v, want %v", x.ID, b, a)
		}
	}
	if _, err := queries.LoadFor(set, nil, queries.Shipped(), fstest.MapFS{"indicators/hospital/H001.yaml": {Data: []byte(whole.Indicators()[0].Text)}}); err == nil {
		t.Error("an overlay redefined an indicator without replaces:")
	}
}
