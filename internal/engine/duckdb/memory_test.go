package duckdb

import "testing"

func TestALoaderTakesAQuarterOfTheMachineWithinBounds(t *testing.T) {
	for total, want := range map[int64]string{0: "1024MiB", 2 << 30: "1024MiB", 16 << 30: "4096MiB", 256 << 30: "8192MiB"} {
		if got := memoryOf(total); got != want {
			t.Errorf("of %d bytes: got %s, want %s", total, got, want)
		}
	}
	loader, err := OpenLoader(t.Context(), LoaderOptions{Work: t.TempDir(), MemoryLimit: defaultMemory()})
	if err != nil {
		t.Fatal(err)
	}
	if err := loader.Close(); err != nil {
		t.Error(err)
	}
}
