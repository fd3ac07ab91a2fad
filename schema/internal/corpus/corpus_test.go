package corpus_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/sharedtest"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/internal/corpus"
)

// page is the committed list.
const page = "../../../docs/measure_corpus.md"

func TestEveryDraftMeasureIsLanguageOrANamedConstruct(t *testing.T) {
	dir := sharedtest.Dir(t)
	f, err := os.Open(filepath.Join(dir, "domain", "measures.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []corpus.Verdict
	plain, withConstruct, open := 0, 0, 0
	for i, r := range rows[1:] {
		v := corpus.Judge(set, corpus.Draft{ID: r[0], From: r[2], Aggregate: r[3], Where: r[4], Time: r[5], Line: i + 2})
		verdicts = append(verdicts, v)
		switch {
		case v.Reason != "":
			open++
			t.Errorf("%s: %s", v.ID, v.Reason)
		case len(v.Constructs) > 0:
			withConstruct++
		default:
			plain++
		}
	}
	if all, wantPlain, wantConstruct := len(verdicts), 599, 92; all != 691 || plain != wantPlain || withConstruct != wantConstruct || open != 0 {
		t.Errorf("%d drafts: %d language alone, %d with constructs, %d open; want 691: %d, %d, 0", all, plain, withConstruct, open, wantPlain, wantConstruct)
	}
	got := corpus.Report(verdicts)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is stale: run UPDATE_GOLDEN=1 go test ./schema/internal/corpus and read the difference", page)
	}
}
