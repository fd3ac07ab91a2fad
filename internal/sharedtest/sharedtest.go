// Package sharedtest finds the reference material that lies beside the repository (../shared): real public data,
// known answers, grouping tables and the acceptance scripts. It is never committed; tests that need it say clearly
// that they were skipped where it is absent, and fail instead of skipping where CI promises it.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir is the path of ../shared, or the test is skipped. SANYI_SHARED overrides the place. With CI=true an absent
// folder fails the test.
func Dir(tb testing.TB) string {
	tb.Helper()
	if dir := find(); dir != "" {
		return dir
	}
	if os.Getenv("CI") == "true" {
		tb.Fatal("../shared is not here, and CI=true promises it")
	}
	tb.Skip("skipped: ../shared is not here (set SANYI_SHARED to its path)")
	return ""
}

// File is the path of one file or folder of ../shared, or the test is skipped.
func File(tb testing.TB, path ...string) string {
	tb.Helper()
	return filepath.Join(append([]string{Dir(tb)}, path...)...)
}

func find() string {
	if dir := os.Getenv("SANYI_SHARED"); dir != "" {
		if abs, err := filepath.Abs(dir); err == nil && exists(abs) {
			return abs
		}
		return ""
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if exists(filepath.Join(dir, "go.mod")) {
			if shared := filepath.Join(filepath.Dir(dir), "shared"); exists(filepath.Join(shared, "accept")) {
				return shared
			}
			return ""
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
