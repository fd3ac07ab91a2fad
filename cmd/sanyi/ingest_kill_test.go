//go:build duckdb_arrow

package main

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAnIngestKilledAtAnyMomentLeavesTheOldOrTheNew kills the program while it replaces one delivery and adds others:
// what is published is the state before or the state after, the lake is whole, and the rerun comes to the same rows.
func TestAnIngestKilledAtAnyMomentLeavesTheOldOrTheNew(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: seven ingests by a process of their own")
	}
	home, dir, region := badLake(t)
	writeTree(t, home, map[string]string{
		"first/v_A_20250303.csv": "id,day,fee,card\na,2025-03-03,1,\nb,2025-04-03,2,\n",
		"first/v_B_20250303.csv": "id,day,fee,card\nz,2025-03-03,1,\n",
		"night/v_A_20250303.csv": visits(30_000), // comes again: the files that A shares with B are rewritten
		"night/v_A_20250304.csv": "id,day,fee,card\nc,2025-03-04,x,\nd,2025-03-04,4,\n",
		"night/v_C_20250304.csv": visits(20_000),
	})
	night := func(dir string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "sanyi", "ingest", "--lake", dir, "--overlay", region, filepath.Join(home, "night"))
	}
	state := func(dir string) string {
		return ask(t, exitOK, "sql", "--lake", dir, "--overlay", region, "--format", "csv",
			"SELECT org_code, visit_date, _src_file, count(*) AS n, sum(fee) AS fee, min(visit_id) AS lo, max(visit_id) AS hi, count(DISTINCT person_key) AS p FROM fact_v GROUP BY ALL ORDER BY ALL") +
			ask(t, exitOK, "sql", "--lake", dir, "--overlay", region, "--format", "csv",
				"SELECT table_name, org_code, stat_date, status FROM delivery_day ORDER BY ALL") +
			ask(t, exitOK, "sql", "--lake", dir, "--overlay", region, "--format", "csv", "SELECT org_code, record, check_id FROM quarantine ORDER BY ALL")
	}
	undisturbed := filepath.Join(home, "undisturbed")
	ask(t, exitOK, "init", "--key", dir+".key", undisturbed) // one key: the same persons
	for _, lake := range []string{dir, undisturbed} {
		ask(t, exitOK, "ingest", "--lake", lake, "--overlay", region, filepath.Join(home, "first"))
	}
	before := state(dir)
	start := time.Now()
	if out, err := night(undisturbed).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(start)
	after := state(undisturbed)
	if before == after {
		t.Fatal("the night changes nothing: nothing is tested")
	}
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	old := 0
	const kills = 5
	for i := range kills {
		cmd := night(dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		moment := time.Duration((float64(i) + rng.Float64()) / kills * 1.4 * float64(took))
		time.Sleep(moment)
		_ = cmd.Process.Kill() // it may be done already
		_ = cmd.Wait()
		wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
		switch got := state(dir); got {
		case before:
			old++
		case after:
		default:
			t.Fatalf("seed %d, killed after %s of %s: neither old nor new:\n%s", seed, moment, took, got)
		}
	}
	t.Logf("%d kills within %s: %d left the old state", kills, took, old)
	for range 2 { // the second changes nothing
		if out, err := night(dir).CombinedOutput(); err != nil {
			t.Fatalf("the rerun: %v: %s", err, out)
		}
	}
	if got := state(dir); got != after {
		t.Errorf("seed %d: after the rerun\n%s\nwant\n%s", seed, got, after)
	}
	report := ask(t, exitOK, "verify", "--lake", dir)
	wants(t, report, "whole")
	if head := ask(t, exitOK, "publish", "list", "--lake", dir); strings.Count(head, "  ingest  ") != 2 {
		t.Errorf("want two publications: %s", head)
	}
}

// visits is a file of n records that no compression makes small.
func visits(n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("id,day,fee,card\n")
	for i := range n {
		var id [8]byte
		for k := range id {
			id[k] = byte(rng.Uint32())
		}
		fmt.Fprintf(&b, "%s,2025-03-03,%d.%02d,%d\n", hex.EncodeToString(id[:]), rng.IntN(1e6), i%100, rng.Int64())
	}
	return b.String()
}
