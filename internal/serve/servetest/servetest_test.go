package servetest

import (
	"math"
	"slices"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/queries"
)

func TestTheRegionHasTheFiguresOfE01(t *testing.T) {
	answer, err := Region{}.Ask(t.Context(), &api.Request{
		Indicators: []string{"H001", "H004", "H005"}, Period: "2021-06-08", Grain: "day", Compare: []string{"wow"}, Now: "2021-06-08 17:00:00",
	}, queries.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	visits, mean, peak := answer.Rows[0], answer.Rows[1], answer.Rows[2]
	if *visits.Value != 3671 || *visits.Compared["wow"].Base != 4444 || math.Abs(*visits.Compared["wow"].Change+17.394239) > 1e-6 || !visits.Partial {
		t.Errorf("visits: got %+v, want 3671 against 4444, -17.394239 %%, partial", visits)
	}
	if math.Abs(*mean.Value-215.941176) > 1e-6 || *mean.Denominator != 17 {
		t.Errorf("mean: got %g of %g hours, want 215.941176 of 17", *mean.Value, *mean.Denominator)
	}
	if *peak.Value != 840 || peak.At != "08:00" {
		t.Errorf("peak: got %g at %s, want 840 at 08:00", *peak.Value, peak.At)
	}
}

func TestTheRegionsCasesAreThoseOfTheShippedScheme(t *testing.T) {
	book, err := NewCases()
	if err != nil {
		t.Fatal(err)
	}
	list, err := book.List(t.Context(), api.CaseListRequest{Period: "2021-06", Order: api.ByLoss, Limit: 10}, queries.Organisations("H0001"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list.Rows {
		got = append(got, r.StayID+" "+r.GroupCode)
	}
	want := []string{"S-1005 CR19", "S-1001 BR21", "S-1003 NA19", "S-1002 BR25", "S-1004 0000"}
	if !slices.Equal(got, want) {
		t.Errorf("by loss: got %v, want %v", got, want)
	}
}
