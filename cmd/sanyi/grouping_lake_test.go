//go:build duckdb_arrow

package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestARegionIsGroupedWeighedAndSettled walks the whole way by the commands: a region's stays are grouped, weights are
// worked out of them, the year is settled, figures are asked, one case is explained, other prices are tried; a killed
// regrouping leaves the old or the new; a rollback brings back what was.
func TestARegionIsGroupedWeighedAndSettled(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a small region")
	}
	t.Setenv("SANYI_LANG", "en")
	t.Setenv("SANYI_LAKE", "")
	t.Setenv("SANYI_KEY_FILE", "")
	home := t.TempDir()
	dir, extracts := filepath.Join(home, "lake"), filepath.Join(home, "extracts")
	ask(t, exitOK, "init", dir)
	wants(t, ask(t, exitOK, "scheme", "use", "--lake", dir, "demo_drg"), "nothing was published")
	ask(t, exitOK, "synth", "--out", extracts, "--size", "small", "--nights", "3", "--seed", "7")
	ask(t, exitOK, "ingest", "--lake", dir, extracts)
	value := func(query string) string {
		t.Helper()
		lines := strings.Split(strings.TrimSpace(ask(t, exitOK, "sql", "--lake", dir, "--format", "csv", query)), "\n")
		return lines[len(lines)-1]
	}
	stays := value("SELECT count(*) FROM fact_inp_stay")
	if got := value("SELECT count(*) FROM fact_case_group WHERE scheme = 'demo_drg' AND is_current"); got != stays || stays == "0" {
		t.Fatalf("%s stays, %s grouped rows", stays, got)
	}
	params, weights, rates, settle := filepath.Join(home, "weigh.yaml"), filepath.Join(home, "rw.csv"), filepath.Join(home, "rates.yaml"), filepath.Join(home, "settle.yaml")
	writeTree(t, home, map[string]string{
		"weigh.yaml": "id: w\nscheme: drg\nsmall: {below: 1, weight: own, flag: false}\nkeep_total: never\nrates:\n  by: region\n  budgets: [{insurance: \"\", fund: 700000, ratio: 0.7}]\n",
		"rules.yaml": "id: s\nscheme: drg\nhigh: {multiple: 3, method: excess}\nlow: {multiple: 0.3, method: actual}\nungrouped: {method: item}\nfund_formula: {formula: B, negative: zero}\n",
	})
	wants(t, ask(t, exitOK, "scheme", "weigh", "--lake", dir, "--params", params, "--out", weights, "--rates", rates), "RIV", "used")
	rules, err := os.ReadFile(filepath.Join(home, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile(rates)
	if err != nil {
		t.Fatal(err)
	}
	writeTree(t, home, map[string]string{"settle.yaml": string(rules) + string(more)})
	ask(t, exitOK, "scheme", "use", "--lake", dir, "demo_drg", "--weights", weights)
	wants(t, ask(t, exitOK, "settle", "use", "y", "--lake", dir, "--params", settle, "--from", "2025-01-01", "--to", "2026-01-01"), "cases settled")
	if got := value("SELECT count(*) FROM fact_case_group WHERE status = 'OK' AND weight IS NULL"); got != "0" {
		t.Errorf("%s grouped cases have no weight", got)
	}
	if got := value("SELECT count(*) FROM fact_case_settle WHERE tier = 'unpriced'"); got != "0" {
		t.Errorf("%s cases have no price", got)
	}
	for _, file := range []string{weights, settle, rates} { // the lake has its own copies
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	figures := ask(t, exitOK, "query", "--lake", dir, "G001", "G009", "G046", "--period", "2025-06", "--by", "org_code", "--totals", "--format", "csv")
	wants(t, figures, "G001", "G009", "G046", stays)
	stay := value("SELECT stay_id FROM fact_case_group WHERE status = 'OK' AND severity <> 'NONE' ORDER BY stay_id LIMIT 1")
	group := value("SELECT group_code FROM fact_case_group WHERE stay_id = '" + stay + "'")
	wants(t, ask(t, exitOK, "group", "--lake", dir, "--stay", stay), group, "gate", "adrg", "drg")
	cheap := filepath.Join(home, "cheap.yaml")
	writeTree(t, home, map[string]string{"cheap.yaml": string(rules) + "rates: [{value: 1}]\n", "mix.csv": "org_code,group_code,cases\nNOBODY," + group + ",3\n"})
	before := value("SELECT sum(case_standard) FROM fact_case_settle")
	kept := filepath.Join(dir, "payment")
	own, err := filepath.Glob(filepath.Join(kept, "*-settle.yaml"))
	if err != nil || len(own) != 1 {
		t.Fatalf("the lake keeps %v (%v)", own, err)
	}
	wants(t, ask(t, exitOK, "settle", "--lake", dir, "--params", own[0], "--params", cheap), "region", "0 in another group")
	wants(t, ask(t, exitOK, "settle", "--lake", dir, "--params", own[0], "--mix", filepath.Join(home, "mix.csv")), "NOBODY")
	if a, b := ask(t, exitOK, "query", "--lake", dir, "G045", "--period", "2025-06", "--format", "csv", "--what-if-params", cheap), ask(t, exitOK, "query", "--lake", dir, "G045", "--period", "2025-06", "--format", "csv"); a == b {
		t.Error("another price leaves the figure as it is")
	}
	if after := value("SELECT sum(case_standard) FROM fact_case_settle"); after != before {
		t.Errorf("a what-if changed the lake from %s to %s", before, after)
	}
	const all = "SELECT sum(hash(stay_id, scheme_hash, group_code, weight)) FROM fact_case_group"
	old := value(all)
	killRegrouping(t, dir)
	if got := value(all); got != old {
		t.Error("after kills and a rerun the groups are others")
	}
	wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
	ask(t, exitOK, "scheme", "drop", "--lake", dir, "demo_drg")
	if got := value("SELECT (SELECT count(*) FROM fact_case_group) + (SELECT count(*) FROM fact_case_settle)"); got != "0" {
		t.Errorf("%s rows are left of a scheme that was dropped", got)
	}
	ask(t, exitOK, "publish", "rollback", "--lake", dir, "1")
	if got := value("SELECT count(*) FROM fact_case_group"); got != stays {
		t.Errorf("the rollback brought %s grouped rows back, want %s", got, stays)
	}
	wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
	for _, bad := range [][]string{
		{"scheme", "use", "--lake", dir, "no_such_scheme"},
		{"scheme", "use", "--lake", dir, "demo_drg", "--qy-mode", "sometimes"},
		{"scheme", "drop", "--lake", dir, "demo_dip"},
		{"settle", "use", "z", "--lake", dir, "--params", cheap, "--from", "2025-01-01", "--to", "2024-01-01"},
		{"group", "--lake", dir, "--stay", "nobody"},
	} {
		if code := run(t.Context(), bad, strings.NewReader(""), &strings.Builder{}, &strings.Builder{}); code == exitOK {
			t.Errorf("sanyi %s: went well", strings.Join(bad, " "))
		}
	}
}

// killRegrouping kills sanyi group at moments of its run and lets it run through at the end.
func killRegrouping(t *testing.T, dir string) {
	t.Helper()
	regroup := func() *exec.Cmd { return exec.CommandContext(t.Context(), "sanyi", "group", "--lake", dir) }
	start := time.Now()
	if out, err := regroup().CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(start)
	for i := range 3 {
		cmd := regroup()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration((float64(i) + rand.Float64()) / 3 * float64(took)))
		_ = cmd.Process.Kill() // it may be done already
		_ = cmd.Wait()
		wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
	}
	if out, err := regroup().CombinedOutput(); err != nil {
		t.Fatalf("the rerun: %v: %s", err, out)
	}
}
