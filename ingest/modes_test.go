package ingest

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// TestAFrozenTableRefusesWhatAnEvolvingOneReports sends a file with a column that nobody named.
func TestAFrozenTableRefusesWhatAnEvolvingOneReports(t *testing.T) {
	for mode, want := range map[string]struct{ status, warning, reason, rows string }{
		"":       {lake.Arrived, "", "", "none"},
		"evolve": {lake.Arrived, "column surprise is not in the contract of table fact_v", "", "column_unknown surprise 1"},
		"freeze": {lake.Refused, "", "column surprise is not known to source v_visits, and table fact_v is frozen", "none"},
	} {
		t.Run("mode "+mode, func(t *testing.T) {
			region := maps.Clone(small)
			if mode != "" {
				text := string(region["tables/fact_v.yaml"].Data)
				region["tables/fact_v.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(text, "kind: fact\n", "kind: fact\nmode: "+mode+"\n", 1))}
			}
			b := newBench(t)
			var err error
			if b.set, err = schema.Load(schema.Shipped(), region); err != nil {
				t.Fatal(err)
			}
			if b.sources, err = LoadSources(b.set, region); err != nil {
				t.Fatal(err)
			}
			in := t.TempDir()
			put(t, filepath.Join(in, "v_A_20250303.csv"), "id,day,fee,surprise\na,2025-03-03,1,\nb,2025-03-03,1,x\n")
			put(t, filepath.Join(in, "v_B_20250303.csv"), "id,day,fee\nc,2025-03-03,1\n")
			res, err := Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{in})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range res.Loads {
				switch l.Org {
				case "A":
					if l.Status != want.status || !strings.Contains(l.Reason, want.reason) {
						t.Errorf("got %s (%s), want %s (%s)", l.Status, l.Reason, want.status, want.reason)
					}
				case "B":
					if l.Status != lake.Arrived || l.Loaded != 1 {
						t.Errorf("the file beside it: %+v", l)
					}
				}
			}
			if got := strings.Join(res.Warnings, "; "); (got == "") != (want.warning == "") || !strings.Contains(got, want.warning) {
				t.Errorf("warnings %q, want %q", got, want.warning)
			}
			if got := b.rows(t, "fact_dq_result", "SELECT coalesce(string_agg(check_id || ' ' || column_name || ' ' || rows_failed), 'none') FROM %s WHERE check_id = 'column_unknown'"); got != want.rows {
				t.Errorf("fact_dq_result: %s, want %s", got, want.rows)
			}
		})
	}
}
