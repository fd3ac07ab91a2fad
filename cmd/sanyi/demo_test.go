//go:build duckdb_arrow

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoEndsWithFiguresThatEqualTheTruth walks the whole way: extracts, lake, figures, books, truth.
func TestDemoEndsWithFiguresThatEqualTheTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a small region in six publications")
	}
	t.Setenv("SANYI_LANG", "zh")
	lake := filepath.Join(t.TempDir(), "demo", "lake")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--lake", lake, "--size", "small", "--nights", "6", "--seed", "31"}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit %d: %s\n%s", code, errs.String(), out.String())
	}
	for _, want := range []string{"门急诊人次", "Outpatient and emergency visits", "个问题）与生成器的真值一致", "合计", "缺报，如", lake} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not say %q:\n%s", want, out.String())
		}
	}
	// A second demo replaces the first; a folder that no demo made stays untouched.
	if err := os.RemoveAll(lake); err != nil {
		t.Fatal(err)
	}
	d := &demo{out: &out}
	if err := d.place(lake); err != nil {
		t.Errorf("an earlier demo's place: %v", err)
	}
	theirs := filepath.Join(t.TempDir(), "lake")
	if err := os.MkdirAll(filepath.Join(theirs, "precious"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := d.place(theirs); err == nil {
		t.Error("a folder that no demo made was taken")
	}
	if _, err := os.Stat(filepath.Join(theirs, "precious")); err != nil {
		t.Errorf("what lay there is gone: %v", err)
	}
}

func TestSynthTellsWhatIsWrongWithItsFlags(t *testing.T) {
	for _, args := range [][]string{{"synth"}, {"synth", "--out", t.TempDir() + "/x", "--size", "village"}, {"synth", "--out", t.TempDir() + "/x", "--nights", "-3"}, {"synth", "--out", t.TempDir() + "/x", "--last-night", "yesterday"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, nil, &out, &errs); code != exitUsage {
			t.Errorf("%v: exit %d, want %d: %s", args, code, exitUsage, errs.String())
		}
	}
}
