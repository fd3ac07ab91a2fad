package queries_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/queries"
)

func TestAListOfRowsIsConfinedToItsScope(t *testing.T) {
	c := shipped(t)
	for _, x := range []struct {
		name  string
		scope queries.Scope
		want  []string // parts of the condition
		bound []any
		uses  []string
	}{
		{"nobody", queries.Scope{}, []string{"FALSE"}, nil, nil},
		{"the whole lake", queries.WholeLake("test"), []string{"TRUE"}, nil, nil},
		{"two hospitals", queries.Organisations("H1", "' OR 1=1"), []string{"grouped.org_code IN ($1, $2)"}, []any{"H1", "' OR 1=1"}, nil},
		{"a city", queries.Regions("340100"), []string{"EXISTS", "FROM dim_org", "starts_with(place.region_code, $1)", "place.valid_until > grouped.discharge_date"}, []any{"3401"}, []string{"dim_org"}},
		{"a hospital and a city", queries.Organisations("H1").Union(queries.Regions("34")), []string{"IN ($1) OR EXISTS", "$2"}, []any{"H1", "34"}, []string{"dim_org"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var bound []any
			got, uses, err := c.Confine("fact_case_group", "grouped", x.scope, func(v any) string {
				bound = append(bound, v)
				return fmt.Sprintf("$%d", len(bound))
			})
			if err != nil || !slices.Equal(bound, x.bound) || !slices.Equal(uses, x.uses) {
				t.Errorf("got %v, bound %v, uses %v, want %v, %v", err, bound, uses, x.bound, x.uses)
			}
			for _, part := range x.want {
				if !strings.Contains(got, part) {
					t.Errorf("got %s, want %s in it", got, part)
				}
			}
			if strings.Contains(got, "OR 1=1") {
				t.Errorf("a code stands in the text: %s", got)
			}
		})
	}
	if got, _, err := c.Confine("no_such_table", "x", queries.WholeLake("test"), nil); err == nil || got != "FALSE" {
		t.Errorf("a table that is not there: got %s %v, want FALSE and an error", got, err)
	}
}

func TestAScopeCoversTheRowsThatItConfinesTo(t *testing.T) {
	both := queries.Organisations("H1").Union(queries.Regions("340100"))
	for _, x := range []struct {
		scope       queries.Scope
		org, region string
		want        bool
	}{
		{queries.Scope{}, "H1", "340101", false}, {queries.WholeLake("test"), "H9", "", true}, {both, "H1", "999999", true}, {both, "H2", "340123", true}, {both, "H2", "340200", false},
	} {
		if got := x.scope.Covers(x.org, x.region); got != x.want {
			t.Errorf("%+v %s %s: got %t", x.scope, x.org, x.region, got)
		}
	}
}
