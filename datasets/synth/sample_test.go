package synth

import (
	"os"
	"testing"
)

// The committed sample lets people look at the extracts without running anything. It is what the generator writes.
func TestTheCommittedSampleIsWhatSeedOneWrites(t *testing.T) {
	const committed = "../county/sample"
	dir := t.TempDir() + "/sample"
	write(t, dir, Options{Seed: 1, Nights: 2})
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.RemoveAll(committed); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(committed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := fingerprint(t, committed), fingerprint(t, dir); got != want {
		t.Error("datasets/county/sample is not what the generator writes; look at the difference and run UPDATE_GOLDEN=1 go test ./datasets/synth")
	}
}
