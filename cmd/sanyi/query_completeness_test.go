//go:build duckdb_arrow

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/queries"
)

// TestCompletenessBeyondTheRegion: region 3401 has hospital H1, region 3402 has H2 and H3; H2 treats one person who is
// insured in 3401. H3 did not deliver (docs/decisions/2026-11-23-completeness-beyond-the-region.md).
func TestCompletenessBeyondTheRegion(t *testing.T) {
	c, set, bench := benchOf(t)
	delivery := func(org, status string) map[string]any {
		return map[string]any{"table_name": "fact_inp_stay", "org_code": org, "stat_date": "2025-03-03", "source": "his", "status": status, "is_expected": true}
	}
	stay := func(id, org, insured string) map[string]any {
		return map[string]any{"stay_id": id, "org_code": org, "person_key": "p" + id, "discharge_date": "2025-03-03", "discharge_time": "2025-03-03 10:00:00", "insu_region_code": insured}
	}
	err := queries.LoadRows(bench, set, map[string][]map[string]any{
		"dim_org": {
			{"org_code": "H1", "org_name": "a", "region_code": "340123"},
			{"org_code": "H2", "org_name": "b", "region_code": "340200"},
			{"org_code": "H3", "org_name": "c", "region_code": "340200"},
		},
		"fact_inp_stay": {stay("1", "H1", "340100"), stay("2", "H1", "340200"), stay("3", "H2", "340100")},
		"delivery_day":  {delivery("H1", "ARRIVED"), delivery("H2", "ARRIVED"), delivery("H3", "MISSING")},
	})
	if err != nil {
		t.Fatal(err)
	}
	region := queries.Regions("340100")
	for _, k := range []struct {
		name, viewpoint string
		scope           queries.Scope
		by              []string
		where           map[string][]string
		want            string // group=value/completeness
	}{
		{"care: the region's organisations deliver", "care", region, nil, nil, "=2/1.00"},
		{"insured: all organisations may hold its people", "insured", region, nil, nil, "=2/0.67"},
		{"an organisation that treated them", "insured", region, []string{"org_code"}, nil, "H1=1/1.00 H2=1/1.00"},
		{"asked for by name", "insured", region, nil, map[string][]string{"org_code": {"H2"}}, "=1/1.00"},
		{"of one that did not, not even whether it delivered", "insured", region, nil, map[string][]string{"org_code": {"H3"}}, "=-1/-1.00"},
		{"the commission sees it", "insured", queries.WholeLake("test"), nil, map[string][]string{"org_code": {"H3"}}, "=-1/0.00"},
		{"pinned to what is asked", "insured", region.Pinned("insured"), nil, nil, "=2/0.67"},
	} {
		req := queries.Request{Indicators: []string{"H046"}, Period: "2025-03-03", By: k.by, Where: k.where, Viewpoint: k.viewpoint}
		a, err := c.Ask(t.Context(), bench, req, k.scope)
		if err != nil {
			t.Errorf("%s: %v", k.name, err)
			continue
		}
		var got []string
		for _, r := range a.Rows {
			group := ""
			if len(r.Dims) > 0 {
				group = fmt.Sprint(r.Dims[0])
			}
			got = append(got, fmt.Sprintf("%s=%g/%.2f", group, figureOf(r.Value), figureOf(r.Completeness)))
		}
		if text := strings.Join(got, " "); text != k.want {
			t.Errorf("%s: got %s, want %s", k.name, text, k.want)
		}
	}
	for viewpoint, scope := range map[string]queries.Scope{"care": region.Pinned("insured"), "": queries.Organisations("H9").Union(region.Pinned("insured")), "residence": region.Pinned("insured")} {
		req := queries.Request{Indicators: []string{"H046"}, Period: "2025-03-03", Viewpoint: viewpoint}
		if _, err := c.Ask(t.Context(), bench, req, scope); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "viewpoint insured") {
			t.Errorf("viewpoint %q of a scope pinned to insured: got %v, want a refusal that says which to ask", viewpoint, err)
		}
	}
	condition, _, err := c.Confine("fact_inp_stay", "stay", region.Pinned("insured"), func(any) string { return "?" })
	if err != nil || condition != "FALSE" {
		t.Errorf("single cases of a scope pinned to insured: got %q, %v; want none, they look from care", condition, err)
	}
}
