//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ask runs one command line and returns what it printed.
func ask(t *testing.T, wantCode int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != wantCode {
		t.Fatalf("sanyi %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, wantCode, stdout.String(), stderr.String())
	}
	return stdout.String() + stderr.String()
}

func wants(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("got %s\nwant %q in it", got, p)
		}
	}
}

func TestALakeFromInitToRollback(t *testing.T) {
	t.Setenv("SANYI_LANG", "en")
	t.Setenv("SANYI_LAKE", "")
	t.Setenv("SANYI_KEY_FILE", "")
	home := t.TempDir()
	lake := filepath.Join(home, "lake")
	csv := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte("region_code,region_name,region_level,valid_from\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wants(t, ask(t, exitOK, "init", lake), "back it up apart", lake+".key")
	wants(t, ask(t, exitFailed, "init", lake), "not empty")
	wants(t, ask(t, exitUsage, "init"), "accepts 1 arg")
	wants(t, ask(t, exitUsage, "status"), "--lake")
	wants(t, ask(t, exitFailed, "status", "--lake", home), "no lake there")
	wants(t, ask(t, exitOK, "status", "--lake", lake), "nothing published yet")
	wants(t, ask(t, exitOK, "sql", "--lake", lake, "SELECT count(*) AS n FROM dim_region", "--format", "csv"), "n\n0\n")

	ask(t, exitOK, "ingest", "--lake", lake, "--table", "dim_region", csv("a.csv", "110101,东城区,3,2020-01-01\n110102,西城区,3,2020-01-01\n"))
	ask(t, exitOK, "ingest", "--lake", lake, "--table", "dim_region", csv("b.csv", "110105,朝阳区,3,2020-01-01\n"))
	wants(t, ask(t, exitOK, "verify", "--lake", lake), "whole", "publication 2 (of 2)")
	wants(t, ask(t, exitOK, "status", "--lake", lake), "dim_region     3", "read 3 = loaded 3")
	var publications []struct {
		ID     int64
		Kind   string
		Tables []string
	}
	if err := json.Unmarshal([]byte(ask(t, exitOK, "publish", "list", "--lake", lake, "--json")), &publications); err != nil {
		t.Fatal(err)
	}
	if len(publications) != 2 || publications[0].ID != 2 || publications[0].Kind != "ingest" {
		t.Errorf("publish list: got %+v", publications)
	}

	const regions = "SELECT region_code, region_name, region_level, valid_from, valid_to FROM dim_region ORDER BY region_code"
	wants(t, ask(t, exitOK, "sql", "--lake", lake, regions, "--format", "json"), `"publication": 2`,
		`{"region_code": "110101", "region_name": "东城区", "region_level": 3, "valid_from": "2020-01-01", "valid_to": null}`, "110105")
	if got, want := ask(t, exitOK, "sql", "--lake", lake, regions, "--format", "csv", "--as-of", "1"),
		"region_code,region_name,region_level,valid_from,valid_to\n110101,东城区,3,2020-01-01,\n110102,西城区,3,2020-01-01,\n"; got != want {
		t.Errorf("as of 1: got %s, want %s", got, want)
	}
	wants(t, ask(t, exitOK, "sql", "--lake", lake, regions), "—", "朝阳区")
	if got := ask(t, exitOK, "sql", "--lake", lake, regions, "--format", "parquet"); !strings.HasPrefix(got, "PAR1") || !strings.HasSuffix(got, "PAR1") {
		t.Errorf("parquet: got %d bytes", len(got))
	}
	wants(t, ask(t, exitFailed, "sql", "--lake", lake, regions, "--max-rows", "2"), "more than 2 rows")
	wants(t, ask(t, exitDenied, "sql", "--lake", lake, "SELECT * FROM read_text('"+lake+".key')"), "read_text")
	wants(t, ask(t, exitDenied, "sql", "--lake", lake, "COPY dim_region TO '"+home+"/x.csv'"), "only SELECT")
	wants(t, ask(t, exitUsage, "sql", "--lake", lake, "SELECT nothing FROM dim_region"), "nothing")
	wants(t, ask(t, exitUsage, "sql", "--lake", lake, "SELECT 1", "--format", "xml"), "xml")
	wants(t, ask(t, exitFailed, "sql", "--lake", lake, "SELECT 1", "--as-of", "9"), "no such publication")

	wants(t, ask(t, exitOK, "publish", "freeze", "--lake", lake, "2", "annual-2025"))
	wants(t, ask(t, exitFailed, "publish", "freeze", "--lake", lake, "2", "again"), "annual-2025")
	wants(t, ask(t, exitOK, "publish", "rollback", "--lake", lake, "1", "--note", "b.csv was wrong"), "publication 3")
	wants(t, ask(t, exitOK, "publish", "list", "--lake", lake), "rollback → 1", "annual-2025", "b.csv was wrong")
	wants(t, ask(t, exitUsage, "publish", "rollback", "--lake", lake, "one"), `"one"`)
	wants(t, ask(t, exitOK, "sql", "--lake", lake, "SELECT count(*) AS n FROM dim_region", "--format", "csv"), "n\n2\n")
	wants(t, ask(t, exitOK, "verify", "--lake", lake), "whole")
	// What was rolled back may come again.
	ask(t, exitOK, "ingest", "--lake", lake, "--table", "dim_region", filepath.Join(home, "b.csv"))
	wants(t, ask(t, exitOK, "sql", "--lake", lake, "SELECT count(*) AS n FROM dim_region", "--format", "csv"), "n\n3\n")

	// A file that shrank behind the lake's back is found.
	files, err := filepath.Glob(filepath.Join(lake, "warehouse", "sanyi", "dim_region", "data", "*", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	wants(t, ask(t, exitFailed, "verify", "--lake", lake), "is gone", files[0])
}
