//go:build duckdb_arrow

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/sanyi-lake/sanyi/internal/lake"
)

// badOverlay is one table and one source, small enough to see through.
var badOverlay = map[string]string{
	"tables/fact_v.yaml": `table: fact_v
title: {zh: "就诊", en: "Visits"}
kind: fact
grain: "one visit"
basis: "test"
version: "1"
event_date: visit_date
key: [visit_id]
sort: [visit_date]
scope: {org: org_code, region: {care: via dim_org}}
roles: {org: org_code, date: visit_date}
columns:
  - {id: 1, name: visit_id, title: {zh: "就诊号", en: "Visit"}, type: varchar(20), required: true, sensitivity: O}
  - {id: 2, name: org_code, title: {zh: "机构", en: "Organisation"}, type: varchar(22), required: true, sensitivity: O}
  - {id: 3, name: person_key, title: {zh: "居民", en: "Person"}, type: varchar(64), pseudonym: true, sensitivity: Q}
  - {id: 4, name: visit_date, title: {zh: "日期", en: "Date"}, type: date, required: true, sensitivity: O}
  - {id: 5, name: fee, title: {zh: "费用", en: "Fee"}, type: "decimal(16,2)", sensitivity: O}
`,
	"sources/v_visits.yaml": `id: v_visits
title: {zh: "就诊", en: "Visits"}
meaning: One record is one visit.
basis: test
format: csv
files: ['(^|/)v_(?P<org>[A-Z0-9]+)_(?P<date>[0-9]{8})\.csv$']
delivery: {org: {file: org}, date: {file: date}}
columns: {required: [id, day]}
tables: [{table: fact_v, columns: {visit_id: id, org_code: _delivery_org, person_key: "person_key('ID', card, _delivery_org, id)", visit_date: day, fee: fee}}]
`,
}

func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// badLake is a new lake and the overlay beside it.
func badLake(t *testing.T) (home, dir, region string) {
	t.Helper()
	t.Setenv("SANYI_LANG", "en")
	t.Setenv("SANYI_KEY_FILE", "")
	home = t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(home, "tmp"))
	dir, region = filepath.Join(home, "lake"), filepath.Join(home, "region")
	writeTree(t, region, badOverlay)
	writeTree(t, home, map[string]string{"tmp/.keep": ""})
	ask(t, exitOK, "init", dir)
	return home, dir, region
}

func gz(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBadInputIsAnsweredClearlyAndTheRestIsLoaded(t *testing.T) {
	long := strings.Repeat("x", 17<<20)
	gb, err := simplifiedchinese.GB18030.NewEncoder().String("id,day,fee,就诊科室\ng1,2025-03-03,1,内科\n")
	if err != nil {
		t.Fatal(err)
	}
	lines := "id,day,fee\n" + strings.Repeat("r1,2025-03-03,1\nr2,2025-03-03,1\n", 3000)
	cases := []struct {
		name, file, text string
		code             int
		wants            []string // of what is printed
		status           string   // of the ledger
		loaded, bad      int64
	}{
		{"a missing column", "v_A_20250303.csv", "id,fee\na,1\n", exitRefused, []string{"v_A_20250303.csv", "no column day"}, lake.Refused, 0, 0},
		{"a truncated gz", "v_A_20250303.csv.gz", gz(t, lines)[:60], exitRefused, []string{"v_A_20250303.csv"}, lake.Refused, 0, 0},
		{"an HTML page", "v_A_20250303.csv", "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n", exitRefused, []string{"v_A_20250303.csv", "HTML"}, lake.Refused, 0, 0},
		{"an empty file", "v_A_20250303.csv", "", exitRefused, []string{"v_A_20250303.csv", "empty"}, lake.Refused, 0, 0},
		{"an unknown source", "who_knows.csv", "a,b\n1,2\n", exitRefused, []string{"who_knows.csv", "no source takes this file", "v_visits"}, lake.Refused, 0, 0},
		{"GB18030", "v_A_20250303.csv", gb, exitOK, nil, lake.Arrived, 1, 0},
		{"bytes of no encoding", "v_A_20250303.csv", "id,day,fee\na,2025-03-03,1\xff\xfe\xff\n\x81", exitRefused, []string{"v_A_20250303.csv"}, lake.Refused, 0, 0},
		{"a NUL byte", "v_A_20250303.csv", "id,day,fee\na,2025-03-03,1\nb\x00,2025-03-03,1\n", exitQuarantined, nil, lake.Arrived, 1, 1},
		{"too many fields", "v_A_20250303.csv", "id,day,fee\na,2025-03-03,1\nb,2025-03-03,1,2,3\n", exitQuarantined, nil, lake.Arrived, 1, 1},
		{"an endless line", "v_A_20250303.csv", "id,day,fee\na,2025-03-03,1\nb,2025-03-03," + long + "\nc,2025-03-03,1\n", exitQuarantined, nil, lake.Arrived, 2, 1},
		{"bad values", "v_A_20250303.csv", "id,day,fee\na,2025-02-30,1\nb,2025-03-03,12.345\nc,2025-03-03,1e3\nd,2025-03-03,1\n,2025-03-03,1\n", exitQuarantined, nil, lake.Arrived, 1, 4},
		{"mostly bad records", "v_A_20250303.csv", "id,day,fee\n" + strings.Repeat("a,2025-02-30,1\n", 30), exitRefused, []string{"30 of 30 records are bad"}, lake.Refused, 0, 30},
		{"only a header", "v_A_20250303.csv", "id,day,fee\n", exitOK, nil, lake.Arrived, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			home, dir, region := badLake(t)
			writeTree(t, home, map[string]string{"in/v_B_20250303.csv": "id,day,fee\nz,2025-03-03,1\n", "in/" + c.file: c.text})
			got := ask(t, c.code, "ingest", "--strict", "--lake", dir, "--overlay", region, filepath.Join(home, "in"))
			wants(t, got, c.wants...)
			if strings.Contains(got, "panic") || strings.Contains(got, "xxxxx") || strings.Contains(got, "12.345") {
				t.Errorf("got %.2000s: a panic, or a cell's value", got)
			}
			wants(t, ask(t, exitOK, "verify", "--lake", dir), "whole")
			var loads []lake.Load
			if err := json.Unmarshal([]byte(ask(t, exitOK, "loads", "--lake", dir, "--json")), &loads); err != nil {
				t.Fatal(err)
			}
			seen := false
			for _, l := range loads {
				if sum := l.Loaded + l.Duplicate + l.Superseded + l.Quarantined + l.Ignored; sum != l.Records {
					t.Errorf("%s: %d records, accounted for %d", l.File, l.Records, sum)
				}
				if l.Org == "B" {
					if l.Loaded != 1 {
						t.Errorf("the good file beside it: got %+v", l)
					}
					continue
				}
				seen = true
				if l.Status != c.status || l.Loaded != c.loaded || l.Quarantined != c.bad {
					t.Errorf("got %s, loaded %d, quarantined %d (%s); want %s, %d, %d", l.Status, l.Loaded, l.Quarantined, l.Reason, c.status, c.loaded, c.bad)
				}
			}
			if !seen {
				t.Error("the ledger does not know the file")
			}
			// Loaded twice: nothing changes, and a refusal is said again.
			code := exitOK
			if c.code == exitRefused {
				code = exitRefused
			}
			ask(t, code, "ingest", "--lake", dir, "--overlay", region, filepath.Join(home, "in"))
			if got := ask(t, exitOK, "publish", "list", "--lake", dir, "--json"); strings.Contains(got, `"id": 2`) {
				t.Errorf("the second load published again: %s", got)
			}
		})
	}
}

func TestNoIdentifierLeavesLanding(t *testing.T) {
	home, dir, region := badLake(t)
	canaries := []string{"110101199003070011", "110101900307001", "CANARYCARD7788", "canary note", "330102198805051234"}
	writeTree(t, home, map[string]string{
		"in/v_A_20250303.csv": "id,day,fee,card,name\n1,2025-03-03,1,110101199003070011,canary note\n2,2025-02-30,1,110101900307001,canary note\n3,2025-03-03,330102198805051234,330102198805051234,x\n",
		"in/v_B_20250303.csv": "id,day\n1,2025-03-03,1,110101199003070011\n",
		"t.ndjson":            `{"visit_id":"t1","org_code":"A","person_key":"CANARYCARD7788","visit_date":"2025-03-03"}` + "\n" + `{"visit_id":"t2","org_code":"A","person_key":"110101199003070011","visit_date":"330102198805051234"}` + "\n",
	})
	var said strings.Builder
	said.WriteString(ask(t, exitOK, "ingest", "--verbose", "--json", "--lake", dir, "--overlay", region, filepath.Join(home, "in")))
	said.WriteString(ask(t, exitOK, "ingest", "--verbose", "--lake", dir, "--overlay", region, "--table", "fact_v", filepath.Join(home, "t.ndjson")))
	said.WriteString(ask(t, exitOK, "quarantine", "list", "--lake", dir, "--json"))
	said.WriteString(ask(t, exitOK, "loads", "--lake", dir, "--json"))
	said.WriteString(ask(t, exitOK, "sql", "--lake", dir, "--overlay", region, "SELECT * FROM fact_v"))
	said.WriteString(ask(t, exitOK, "sql", "--lake", dir, "SELECT * FROM quarantine"))
	for _, c := range canaries {
		if strings.Contains(said.String(), c) {
			t.Errorf("identifier %s was printed", c)
		}
	}
	// Parquet is compressed: what SQL shows of it was looked at above; everything else lies open.
	landing := filepath.Join(dir, "landing")
	looked := 0
	for _, root := range []string{dir, filepath.Join(home, "tmp")} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || path == filepath.Join(landing, "raw") {
				if err == nil {
					err = filepath.SkipDir
				}
				return err
			}
			if d.IsDir() {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			looked++
			for _, c := range canaries {
				if bytes.Contains(text, []byte(c)) {
					t.Errorf("identifier %s is in %s", c, path)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 10 {
		t.Errorf("only %d files were looked at", looked)
	}
	if got := ask(t, exitOK, "sql", "--lake", dir, "--overlay", region, "--format", "csv", "SELECT count(DISTINCT person_key) AS n, max(length(person_key)) AS len FROM fact_v"); !strings.Contains(got, "2,22") {
		t.Errorf("got %s, want 2 persons of 22 characters", got)
	}
}

func TestTheWrongKeyIsRefusedBeforeTheFirstRow(t *testing.T) {
	home, dir, region := badLake(t)
	ask(t, exitOK, "init", filepath.Join(home, "other"))
	writeTree(t, home, map[string]string{"in/v_A_20250303.csv": "id,day,fee\na,2025-03-03,1\n"})
	in := filepath.Join(home, "in")
	wants(t, ask(t, exitDenied, "ingest", "--key", filepath.Join(home, "other.key"), "--lake", dir, "--overlay", region, in), "not the key")
	if err := os.Rename(dir+".key", dir+".away"); err != nil {
		t.Fatal(err)
	}
	wants(t, ask(t, exitFailed, "ingest", "--lake", dir, "--overlay", region, in), "no such file")
	wants(t, ask(t, exitOK, "status", "--lake", dir), "nothing published yet")
	t.Setenv("SANYI_KEY_FILE", dir+".away")
	ask(t, exitOK, "ingest", "--lake", dir, "--overlay", region, in)
}

func TestALakeFromANewerVersionIsRefused(t *testing.T) {
	home, dir, region := badLake(t)
	writeTree(t, home, map[string]string{"in/v_A_20250303.csv": "id,day,fee\na,2025-03-03,1\n"})
	file := filepath.Join(dir, "sanyi.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("format: 1"), []byte("format: 99"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, ask(t, exitFailed, "ingest", "--lake", dir, "--overlay", region, filepath.Join(home, "in")), "99")
}
