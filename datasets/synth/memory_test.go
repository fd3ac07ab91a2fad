package synth

import (
	"runtime"
	"testing"
)

// TestMemoryDoesNotGrowWithTheNights: a region of three times the nights must not need three times the memory.
func TestMemoryDoesNotGrowWithTheNights(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 24 nights of a county")
	}
	heap := func(nights int) uint64 {
		dir := t.TempDir() + "/region"
		sc, err := Options{Size: County, Seed: 5, Nights: nights}.scale()
		if err != nil {
			t.Fatal(err)
		}
		reg, err := newRegion(sc)
		if err != nil {
			t.Fatal(err)
		}
		sim := newSimulation(reg, dir)
		if err := sim.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(sim)
		return m.HeapAlloc
	}
	few, many := heap(6), heap(18)
	if many > few+24<<20 {
		t.Errorf("6 nights keep %d MiB, 18 nights %d MiB", few>>20, many>>20)
	}
	t.Logf("6 nights keep %d MiB, 18 nights %d MiB", few>>20, many>>20)
}

func TestIdentityNumbersKeepTheStandard(t *testing.T) {
	// the worked example of GB 11643-1999
	if got := checkDigit("11010519491231002"); got != "X" {
		t.Errorf("check digit of 11010519491231002: got %s, want X", got)
	}
	if got := checkDigit("44052418800101001"); got != "4" {
		t.Errorf("check digit of 44052418800101001: got %s, want 4", got)
	}
	sc, _ := Options{Size: County}.scale()
	reg, err := newRegion(sc)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for n := range sc.people {
		p := reg.person(n)
		if old, ok := seen[p.id]; ok || len(p.id) != 18 || p.id[:2] != "99" {
			t.Fatalf("person %d: number %s (person %d has it too: %v)", n, p.id, old, ok)
		}
		seen[p.id] = n
		if man := (p.id[16]-'0')%2 == 1; man != (p.sex == "1") {
			t.Fatalf("person %d: sex %s does not fit %s", n, p.sex, p.id)
		}
	}
}
