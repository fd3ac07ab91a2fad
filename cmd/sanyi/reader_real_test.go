//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

// An overlay brings a table, a source and an indicator of its own; the whole way goes through the command line.
// 0.793447 and the changes are answer S3.3 of the known answers, computed independently.
func TestAnOverlaysOwnIndicatorOverPublicData(t *testing.T) {
	data := sharedtest.File(t, "data", "outpatient_ed", "nhs_ae_attendances_2016_2019.csv.gz")
	t.Setenv("SANYI_LANG", "en")
	overlay := filepath.Join("..", "..", "ingest", "testdata", "overlays", "nhs_ae")
	dir := filepath.Join(t.TempDir(), "lake")
	say := func(args ...string) string {
		t.Helper()
		var out, problems bytes.Buffer
		if code := run(t.Context(), args, bytes.NewReader(nil), &out, &problems); code != exitOK {
			t.Fatalf("sanyi %q: exit %d: %s", args, code, problems.String())
		}
		return out.String()
	}
	say("init", dir)
	say("ingest", "--lake", dir, "--overlay", overlay, data)
	var loads []struct {
		Records, Loaded int64
		Date            string
		Columns         []string
	}
	if err := json.Unmarshal([]byte(say("loads", "--lake", dir, "--json")), &loads); err != nil {
		t.Fatal(err)
	}
	if len(loads) != 1 || loads[0].Records != 12765 || loads[0].Loaded != 12765 || loads[0].Date != "2019-03-01" || len(loads[0].Columns) != 6 {
		t.Errorf("loads %+v", loads)
	}
	var answer struct {
		Rows []struct {
			Value, Denominator float64
			BaseMom            float64 `json:"base_mom"`
		}
	}
	text := say("query", "--lake", dir, "--overlay", overlay, "NHS4H", "--period", "2018-12", "--where", "dept_type=1", "--compare", "mom,yoy", "--format", "json")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Rows) != 1 || math.Abs(answer.Rows[0].Value-79.3447) > 1e-4 || answer.Rows[0].Denominator != 1307359 || answer.Rows[0].BaseMom == 0 {
		t.Errorf("answer %s", text)
	}
}
