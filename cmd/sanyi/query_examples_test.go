//go:build duckdb_arrow

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

// benchOf is an in-memory engine for worked cases with the shipped definitions.
func benchOf(t *testing.T, more ...fs.FS) (*queries.Catalog, *schema.Set, scratchBench) {
	t.Helper()
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	c, err := queries.Load(set, append([]fs.FS{queries.Shipped()}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := duckdb.NewScratch(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, set, scratchBench{s, engine.Runner(s)}
}

type example struct {
	ID         string                      `json:"id"`
	Indicators []string                    `json:"indicators"`
	Tables     map[string][]map[string]any `json:"tables"`
	Request    struct {
		Grain   string            `json:"grain"`
		At      any               `json:"at"`
		From    string            `json:"from_"`
		To      string            `json:"to"`
		AsOf    string            `json:"as_of"`
		Until   string            `json:"data_until"`
		GroupBy []string          `json:"group_by"`
		Totals  bool              `json:"totals"`
		Compare []string          `json:"compare"`
		Filters map[string]string `json:"filters"`
		Policy  *struct {
			MinCell int `json:"min_cell"`
		} `json:"policy"`
	} `json:"request"`
	Expected []map[string]any `json:"expected"`
}

// TestTheWorkedExamplesComeOut asks all fifteen examples of the domain reference, the three with grains and policies
// of their own included.
func TestTheWorkedExamplesComeOut(t *testing.T) {
	raw, err := os.ReadFile(sharedtest.File(t, "domain", "indicator_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Examples []example `json:"examples"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	c, set, bench := benchOf(t)
	checked := 0
	for _, e := range doc.Examples {
		t.Run(e.ID, func(t *testing.T) {
			if err := bench.Reset(); err != nil {
				t.Fatal(err)
			}
			if err := queries.LoadRows(bench, set, e.Tables); err != nil {
				t.Fatal(err)
			}
			for _, want := range e.Expected {
				for _, q := range e.questions(want) {
					a, err := c.Ask(context.Background(), bench, q.req, queries.WholeLake("test"))
					if err != nil {
						t.Errorf("%v: %v", q.req.Indicators, err)
						continue
					}
					checked += len(q.want)
					if err := a.Holds(q.want); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	if checked < 200 {
		t.Errorf("%d fields checked: the examples ask more", checked)
	}
}

type asked struct {
	req  queries.Request
	want map[string]any
}

// questions turns one expectation into requests, one an indicator.
func (e example) questions(want map[string]any) []asked {
	var out []asked
	period := fmt.Sprint(e.Request.At)
	for _, key := range []string{"date", "period"} {
		if v, ok := want[key].(string); ok {
			period = v
		}
	}
	grain, now := e.Request.Grain, e.Request.AsOf+e.Request.Until
	if grain == "contract_to_date" { // the contracts of the example run from 2025-01-01 to 2025-12-31
		grain, now, period = "total", period, "2025-01-01..2025-12-31"
	}
	base := queries.Request{Period: period, Grain: grain, By: e.Request.GroupBy, Totals: e.Request.Totals, Compare: e.Request.Compare, Where: map[string][]string{}}
	if now != "" {
		at, err := queries.ParseNow(now)
		if err != nil {
			panic(err)
		}
		base.Now = at
	}
	if e.Request.Policy != nil {
		base.MinCell = e.Request.Policy.MinCell
	}
	for k, v := range e.Request.Filters {
		base.Where[k] = []string{v}
	}
	keys, _ := want["keys"].(map[string]any)
	for _, name := range e.Indicators {
		if id, ok := want["indicator"]; ok && id != name {
			continue
		}
		fields := map[string]any{}
		if v, ok := want[name]; ok {
			fields["value"] = v
		} else if v, ok := want["value"]; ok {
			fields["value"] = v
		}
		if _, own := want["indicator"]; own || len(e.Indicators) == 1 {
			for _, f := range []string{"numerator", "denominator"} {
				if v, ok := want[f]; ok {
					fields[f] = v
				}
			}
			for from, to := range map[string]string{"base": "base_", "change": "change_"} {
				if v, ok := want[from]; ok && len(base.Compare) > 0 {
					fields[to+base.Compare[0]] = v
				}
			}
			for _, cmp := range base.Compare {
				if v, ok := want[cmp]; ok {
					fields["change_"+cmp] = v
				}
			}
		}
		if name == e.Indicators[0] {
			if v, ok := want["yoy_relative"]; ok {
				fields["change_yoy"], fields["points_yoy"] = v, want["yoy_points"]
			}
		}
		if v, ok := want["at_hour"]; ok {
			fields["at"] = v
		}
		if flag, ok := want["flag"].(string); ok {
			fields["suppressed"] = true
			fields["suppression"] = strings.TrimSuffix(strings.TrimPrefix(flag, "suppressed("), ")")
		}
		if e.ID == "E13" {
			c := map[string]string{"P076": "C1", "P077": "C2"}[name]
			alarm, _ := want[c+"_alarm"].(bool)
			fields = map[string]any{"observed": want["observed"], "mean": want[c+"_mean"], "sd": want[c+"_sd"], "upper": want[c+"_upper"], "alarm": want[c+"_alarm"], "value": 0}
			if alarm {
				fields["value"] = 1
			}
		}
		if len(fields) == 0 {
			continue
		}
		req := base
		req.Indicators = []string{name}
		fields["indicator"] = name
		maps.Copy(fields, keys)
		out = append(out, asked{req, fields})
	}
	slices.SortFunc(out, func(a, b asked) int { return strings.Compare(a.req.Indicators[0], b.req.Indicators[0]) })
	return out
}
