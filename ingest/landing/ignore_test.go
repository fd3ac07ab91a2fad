package landing

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhatTheIgnoreFileNamesIsLeftOutAndReported(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{IgnoreFile: "# notes\ntruth.json\nnotes/*.txt\n", "truth.json": "{}", "notes/a.txt": "x", "a.csv": "a\n1\n", "deep/truth.json": "{}"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := Walk(t.Context(), []string{dir}, Options{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range tree.Members {
		got = append(got, m.Path)
	}
	if len(got) != 2 || got[0] != "a.csv" || got[1] != "deep/truth.json" {
		t.Errorf("members %v, want a.csv and deep/truth.json", got)
	}
	left := map[string]bool{}
	for _, s := range tree.Skipped {
		left[s.Path] = true
	}
	if !left["truth.json"] || !left["notes/a.txt"] {
		t.Errorf("left out %v, want truth.json and notes/a.txt among them", tree.Skipped)
	}
}
