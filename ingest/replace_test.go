package ingest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// TestAnOldRowLostInARewriteRefusesThePublication: A's delivery comes again, and the file that A shares with B is
// written anew. A rewrite that drops one of B's rows,
// or keeps one of A's in its place, must not be published.
func TestAnOldRowLostInARewriteRefusesThePublication(t *testing.T) {
	defer func() { tamperRewrite = func(_ context.Context, _ *run, query string) string { return query } }()
	for _, c := range []struct{ name, change, with string }{
		{"one of B's rows is lost", " ORDER BY", " AND visit_id <> 'b1' ORDER BY"},
		{"one of B's rows is taken for another", " ORDER BY", " AND visit_id <> 'b1' OR visit_id = 'a1' ORDER BY"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			dir := t.TempDir()
			in := filepath.Join(dir, "in")
			put(t, filepath.Join(in, "v_A_20250303.csv"), "id,day,fee\na1,2025-03-03,1\n")
			put(t, filepath.Join(in, "v_B_20250303.csv"), "id,day,fee\nb1,2025-03-03,1\nb2,2025-03-03,2\n")
			if _, err := Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{in}); err != nil {
				t.Fatal(err)
			}
			again := put(t, filepath.Join(dir, "again", "v_A_20250303.csv"), "id,day,fee\na1,2025-03-03,9\n")
			hit := false
			tamperRewrite = func(_ context.Context, _ *run, query string) string {
				if !strings.Contains(query, "fact_v/") {
					return query
				}
				hit = true
				return strings.Replace(query, c.change, c.with, 1)
			}
			_, err := Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{again})
			if !hit || fault.KindOf(err) != fault.Refused {
				t.Fatalf("rewritten %v: got %v, want a refusal", hit, err)
			}
			tamperRewrite = func(_ context.Context, _ *run, query string) string { return query }
			const all = "SELECT string_agg(visit_id || '=' || CAST(fee AS VARCHAR), ' ' ORDER BY visit_id) FROM %s"
			if got := b.rows(t, "fact_v", all); got != "a1=1.00 b1=1.00 b2=2.00" {
				t.Errorf("after the refusal: %s", got)
			}
			if head, err := b.lake.Head(t.Context()); err != nil || head.ID != 1 {
				t.Errorf("head is %d (%v), want 1", head.ID, err)
			}
			if report, err := b.lake.Verify(t.Context()); err != nil || len(report.Faults) > 0 {
				t.Errorf("verify: %+v, %v", report, err)
			}
			if res, err := Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{again}); err != nil || res.Publication != 2 {
				t.Fatalf("the rerun: %+v, %v", res, err)
			}
			if got := b.rows(t, "fact_v", all); got != "a1=9.00 b1=1.00 b2=2.00" {
				t.Errorf("after the rerun: %s", got)
			}
		})
	}
}
