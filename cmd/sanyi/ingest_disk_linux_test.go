//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/lake"
)

func countRows(t *testing.T, dir, region string) string {
	t.Helper()
	return strings.TrimSpace(ask(t, exitOK, "sql", "--lake", dir, "--overlay", region, "--format", "csv", "SELECT count(*) AS n, sum(fee) AS f FROM fact_v"))
}

// TestAFullDiskPublishesNothing lays a lake on a tiny file system and lets it grow step by step: landing, scratch,
// Parquet and the catalogue each meet the end of the disk. Each time nothing is published, the lake is whole, and with
// room enough the same command gives the same rows as anywhere else.
func TestAFullDiskPublishesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: a dozen ingests")
	}
	home, other, region := badLake(t)
	in := filepath.Join(home, "in")
	const n = 20_000
	writeTree(t, in, map[string]string{"v_A_20250303.csv": visits(n), "packed/v_B_20250303.csv.gz": gz(t, visits(n/4))})
	disk := filepath.Join(home, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	size := 768 << 10
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+strconv.Itoa(size)); err != nil {
		t.Skipf("skipped: no tiny file system can be mounted here (%v); the test of a limit on files stands in", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(disk, "lake")
	ask(t, exitOK, "init", dir)
	causes := map[string]bool{}
	for step := 0; ; step++ {
		if step > 40 {
			t.Fatal("the ingest fails on and on")
		}
		size += 192 << 10
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size="+strconv.Itoa(size)); err != nil {
			t.Fatal(err)
		}
		var out, stderr bytes.Buffer
		code := run(t.Context(), []string{"ingest", "--lake", dir, "--overlay", region, in}, strings.NewReader(""), &out, &stderr)
		text := stderr.String()
		if code == exitOK {
			break
		}
		if code != exitFailed || !strings.Contains(text, "disk is full, nothing was published") || !strings.Contains(text, "run the same command again") || strings.Contains(text, "panic") {
			t.Fatalf("%d KiB: got exit %d, %s", size>>10, code, text)
		}
		causes[cause(text)] = true
		wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
		if got := ask(t, exitOK, "loads", "--lake", dir, "--json"); strings.TrimSpace(got) != "[]" {
			t.Fatalf("%d KiB: the ledger has %s", size>>10, got)
		}
	}
	t.Logf("with %d KiB there was room; before: %v", size>>10, causes)
	if len(causes) < 2 {
		t.Errorf("the disk was full at %d places, want landing and Parquet at least", len(causes))
	}
	wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
	ask(t, exitOK, "ingest", "--lake", other, "--overlay", region, in)
	if got, want := countRows(t, dir, region), countRows(t, other, region); got != want || !strings.Contains(got, strconv.Itoa(n+n/4)) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// cause is what a fault says in brackets, without names.
func cause(text string) string {
	for _, word := range []string{"duckdb", "catalogue", "landing", "table"} {
		if strings.Contains(text[strings.LastIndex(text, "("):], word) {
			return word
		}
	}
	return "other"
}

// TestAFileThatMayNotGrowPublishesNothing is the same where nothing can be mounted: the process may write no file
// larger than a limit.
func TestAFileThatMayNotGrowPublishesNothing(t *testing.T) {
	home, dir, region := badLake(t)
	in := filepath.Join(home, "in")
	writeTree(t, in, map[string]string{"v_A_20250303.csv": visits(20_000)})
	for _, blocks := range []int{400, 1200} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf(`ulimit -f %d; exec sanyi ingest --lake "$1" --overlay "$2" "$3"`, blocks), "sh", dir, region, in)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != exitFailed || !bytes.Contains(out, []byte("nothing was published")) || bytes.Contains(out, []byte("goroutine")) {
			t.Errorf("%d blocks: got %v, %.600s", blocks, err, out)
		}
		wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
	}
	ask(t, exitOK, "ingest", "--lake", dir, "--overlay", region, in)
	var loads []lake.Load
	if err := json.Unmarshal([]byte(ask(t, exitOK, "loads", "--lake", dir, "--json")), &loads); err != nil {
		t.Fatal(err)
	}
	if len(loads) != 1 || loads[0].Loaded != 20_000 {
		t.Errorf("got %+v", loads)
	}
}
