//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sameCases are cases of one hospital that are grouped alike.
type sameCases struct {
	org, day     string
	dx, ops      []string
	n, died, fee int
}

var (
	severe  = []string{"I63.900", "J96.000", "I61.900"} // BR21
	stroke  = []string{"I63.900"}                       // BR25
	fibroid = []string{"D25.900"}                       // NA19 with the operation 68.4100
	lens    = []string{"H25.900"}
)

// serveSame loads cases into a real lake, groups them by demo_drg and serves it; tokens are NAME or NAME+small.
func serveSame(t *testing.T, cases []sameCases, scopes map[string]string) (s served, tokens map[string]string) {
	t.Helper()
	if testing.Short() {
		t.Skip("loads a lake")
	}
	dir := t.TempDir()
	s.lake = filepath.Join(dir, "lake")
	sanyi := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("sanyi %s: exit %d: %s", strings.Join(args, " "), code, errs.String())
		}
		return strings.TrimSpace(out.String())
	}
	tables := map[string]*bytes.Buffer{}
	add := func(table string, row map[string]any) {
		if tables[table] == nil {
			tables[table] = &bytes.Buffer{}
		}
		if err := json.NewEncoder(tables[table]).Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	orgs := map[string]bool{}
	for i, c := range cases {
		if !orgs[c.org] {
			orgs[c.org] = true
			add("dim_org", map[string]any{"org_code": c.org, "org_name": c.org, "org_kind": "HOSP", "org_level": "3", "ownership": "PUB", "region_code": "340102", "is_primary": false, "is_connected": true, "is_insu_online": true, "is_instant_setl": true, "valid_from": "2020-01-01"})
		}
		for j := range c.n {
			id, way := fmt.Sprintf("S-%d-%d", i, j), "1"
			if j < c.died {
				way = "5"
			}
			stay := map[string]any{
				"stay_id": id, "org_code": c.org, "person_key": "p" + id, "admit_time": "2021-05-25 08:00:00", "discharge_time": c.day + " 10:00:00", "discharge_date": c.day, "los_days": 5,
				"admit_dept": "03", "discharge_dept": "03", "admit_route": "2", "discharge_way": way, "sex_code": "2", "age_years": 60, "primary_diag_code": c.dx[0], "total_fee": c.fee,
			}
			for k, code := range c.ops {
				stay["main_proc_code"] = c.ops[0]
				add("fact_inp_proc", map[string]any{"proc_id": fmt.Sprintf("%s-%d", id, k), "stay_id": id, "org_code": c.org, "discharge_date": c.day, "seq": k + 1, "proc_code": code, "proc_class": "SURG", "proc_time": "2021-05-26 09:00:00"})
			}
			add("fact_inp_stay", stay)
			for k, code := range c.dx {
				add("fact_inp_diag", map[string]any{"stay_id": id, "seq": k, "org_code": c.org, "discharge_date": c.day, "diag_type": []string{"MAIN", "OTHER"}[min(k, 1)], "diag_code": code, "admit_cond": "1"})
			}
		}
	}
	sanyi("init", s.lake)
	for _, table := range []string{"dim_org", "fact_inp_stay", "fact_inp_diag", "fact_inp_proc"} {
		if tables[table] == nil {
			continue
		}
		file := filepath.Join(dir, table+".ndjson")
		if err := os.WriteFile(file, tables[table].Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		sanyi("ingest", "--lake", s.lake, "--table", table, "--relaxed", file)
	}
	sanyi("scheme", "use", "--lake", s.lake, "demo_drg")
	tokens = map[string]string{}
	for name, scope := range scopes {
		tokens[name] = sanyi("serve", "token", "add", "--lake", s.lake, "--name", name, "--scope", scope)
		tokens[name+"+small"] = sanyi("serve", "token", "add", "--lake", s.lake, "--name", name+"-small", "--scope", scope, "--small-cells")
	}
	s.url = serving(t, s.lake)
	return s, tokens
}

// TestABenchmarkGivesNobodysCaseAway: HB has 14 cases of a group of which HA has one, and knows what its own cost; the
// index of a group in which three hospitals treat enough cases is the same number for each of them and for the commission.
func TestABenchmarkGivesNobodysCaseAway(t *testing.T) {
	hysterectomy := []string{"68.4100"}
	s, tokens := serveSame(t, []sameCases{
		{org: "HA", day: "2021-06-08", dx: stroke, n: 1, fee: 31337},
		{org: "HB", day: "2021-06-08", dx: stroke, n: 14, fee: 9000},
		{org: "HA", day: "2021-06-08", dx: fibroid, ops: hysterectomy, n: 8, fee: 12000},
		{org: "HB", day: "2021-06-09", dx: fibroid, ops: hysterectomy, n: 12, fee: 15000},
		{org: "HC", day: "2021-06-10", dx: fibroid, ops: hysterectomy, n: 6, fee: 18000},
	}, map[string]string{"HA": "org:HA", "HB": "org:HB", "HC": "org:HC", "commission": "whole", "city": "region:340100"})
	const of = `{"indicators":["G010","G011","G012","G013","G014","G015","G054"],"period":"2021-06","by":["group_code","org_code"]`
	peers := (8*12000 + 12*15000 + 6*18000) / 26.0
	for _, token := range []string{"HB", "HB+small", "commission", "commission+small", "city+small"} {
		status, rows := s.ask(t, tokens[token], of+`,"where":{"org_code":["HB"]}}`)
		seen := map[string]bool{}
		for _, r := range rows {
			if status != 200 || r["org_code"] != "HB" {
				t.Fatalf("%s: %d %v", token, status, r)
			}
			id, _ := r["indicator"].(string)
			switch group, _ := r["group_code"].(string); {
			case strings.HasPrefix(group, "BR"):
				seen["lone"] = true
				if id == "G054" && !near(r["value"], 0) || id != "G054" && (r["value"] != nil || r["denominator"] != nil && !near(r["denominator"], 0)) {
					t.Errorf("%s: %s of the group with one case of another hospital: %v", token, id, r)
				}
			case id == "G010", id == "G012", id == "G014":
				seen[id] = true
				if !near(r["value"], 15000/peers) {
					t.Errorf("%s: %s is %v, want %v for the hospital and for the commission", token, id, r["value"], 15000/peers)
				}
			}
			for name, v := range r {
				if f, ok := v.(float64); ok && (math.Abs(f-31337) < 1 || math.Abs(f-(31337+14*9000)) < 1 || math.Abs(f-14*(31337+14*9000)/15) < 1) {
					t.Errorf("%s: %s.%s gives the case away: %v", token, id, name, f)
				}
			}
		}
		if len(seen) != 4 {
			t.Errorf("%s: only %v was there", token, seen)
		}
	}
	t.Run("two periods that differ by a day show the same benchmark", func(t *testing.T) {
		for _, period := range []string{"2021-06-09", "2021-06-08..2021-06-09", "2021-06-09..2021-06-10", "2021-06"} {
			_, rows := s.ask(t, tokens["HB+small"], `{"indicators":["G010"],"period":"`+period+`","grain":"total","now":"2021-06-09 12:00:00","where":{"group_code":["NA19"]}}`)
			if len(rows) != 1 || !near(rows[0]["value"], 15000/peers) {
				t.Errorf("%s: got %v, want %v", period, rows, 15000/peers)
			}
		}
	})
	t.Run("few cases of one's own are a right", func(t *testing.T) {
		for token, want := range map[string]any{"HC": nil, "HC+small": 6.0} {
			_, rows := s.ask(t, tokens[token], `{"indicators":["G002"],"period":"2021-06"}`)
			if len(rows) != 1 || rows[0]["value"] != want || rows[0]["suppressed"] != (want == nil) {
				t.Errorf("%s: got %v, want %v", token, rows, want)
			}
		}
	})
}

// TestDeathsInLowRiskGroupsAreSeenByWhoMaySeeThem: they are few wherever all is well.
func TestDeathsInLowRiskGroupsAreSeenByWhoMaySeeThem(t *testing.T) {
	s, tokens := serveSame(t, []sameCases{
		{org: "HA", day: "2021-06-08", dx: severe, n: 20, died: 5, fee: 9000},
		{org: "HA", day: "2021-06-08", dx: stroke, n: 200, died: 2, fee: 9000},
		{org: "HA", day: "2021-06-08", dx: fibroid, ops: []string{"68.4100"}, n: 40, died: 1, fee: 9000},
		{org: "HA", day: "2021-06-08", dx: lens, n: 20, died: 1, fee: 9000},
		{org: "HB", day: "2021-06-08", dx: fibroid, n: 20, fee: 9000},
	}, map[string]string{"HA": "org:HA", "HB": "org:HB", "commission": "whole"})
	const question = `{"indicators":["G016","G037"],"period":"2021-06"}`
	for token, want := range map[string][2]any{"HA": {nil, nil}, "commission": {nil, nil}, "HA+small": {1.0, 2.0}, "commission+small": {1.0, 2.0}, "HB+small": {nil, 0.0}} {
		status, rows := s.ask(t, tokens[token], question)
		if status != 200 || len(rows) != 2 || rows[0]["value"] != want[0] || rows[1]["value"] != want[1] {
			t.Errorf("%s: got %d %v, want %v", token, status, rows, want)
		}
	}
}
