package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanyi-lake/sanyi/internal/lake"
)

// TestEveryFileOfADeliveryStandsInTheLedger sends one delivery twice in one call: the later file is loaded, the records
// of the earlier one are superseded, and nobody has to ask where they went.
func TestEveryFileOfADeliveryStandsInTheLedger(t *testing.T) {
	b := newBench(t)
	in := t.TempDir()
	first := put(t, filepath.Join(in, "early", "v_A_20250303.csv"), "id,day,fee\na,2025-03-03,1\nb,2025-03-03,x\nc,2025-03-03,1,2,3,4\n")
	torn := put(t, filepath.Join(in, "torn", "v_A_20250303.csv"), "id,day,fee\na,2025-03-03,1\n\xff\xfe\x81")
	last := put(t, filepath.Join(in, "late", "v_A_20250303.csv"), "id,day,fee\na,2025-03-03,7\n")
	for i, path := range []string{first, torn, last} {
		at := time.Date(2025, 3, 4, i, 0, 0, 0, time.UTC)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	res, err := Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{in})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Warnings) != 2 || !strings.Contains(res.Warnings[0], "late/v_A_20250303.csv is a later file") {
		t.Errorf("got warnings %q", res.Warnings)
	}
	loads, err := b.lake.Loads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]lake.Load{
		"early/v_A_20250303.csv": {Records: 3, Superseded: 3},
		"torn/v_A_20250303.csv":  {},
		"late/v_A_20250303.csv":  {Records: 1, Loaded: 1},
	}
	if len(loads) != len(want) {
		t.Fatalf("got %d lines, want %d: %+v", len(loads), len(want), loads)
	}
	for _, l := range loads {
		name := ""
		for n := range want {
			if strings.HasSuffix(l.File, n) {
				name = n
			}
		}
		w := want[name]
		sum := l.Loaded + l.Duplicate + l.Superseded + l.Quarantined + l.Ignored
		if l.Status != lake.Arrived || sum != l.Records || name != "torn/v_A_20250303.csv" && (l.Records != w.Records || l.Loaded != w.Loaded || l.Superseded != w.Superseded) {
			t.Errorf("%s: got %+v, want %+v", name, l, w)
		}
		if (l.Reason == "") != (w.Loaded == 1) || len(l.SHA256) != 64 || l.Delivery != loads[0].Delivery {
			t.Errorf("%s: reason %q, sha256 %q, delivery %s", name, l.Reason, l.SHA256, l.Delivery)
		}
	}
	if got := b.rows(t, "fact_v", "SELECT string_agg(visit_id || CAST(fee AS VARCHAR), ',') FROM %s"); got != "a7.00" {
		t.Errorf("rows are %s, want those of the last file", got)
	}
	for _, again := range []string{in, filepath.Dir(last)} {
		res, err = Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{again})
		if err != nil || res.Publication != 0 {
			t.Errorf("the same again: publication %d (%v), want nothing new", res.Publication, err)
		}
	}
	// The earlier file alone is a delivery that comes again, and replaces all three lines.
	if res, err = Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{filepath.Dir(first)}); err != nil || res.Publication != 2 {
		t.Fatalf("got publication %d, %v", res.Publication, err)
	}
	live, err := b.lake.LiveLoads(t.Context())
	if err != nil || len(live) != 1 || live[0].Loaded != 1 || live[0].Quarantined != 2 {
		t.Errorf("got %+v (%v), want one line: one loaded, two set aside", live, err)
	}
	if report, err := b.lake.Verify(t.Context()); err != nil || len(report.Faults) > 0 {
		t.Errorf("verify: %+v, %v", report, err)
	}
}
