package drg

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestTheTableOfCodesSaysWhatTheMapSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, 1+rng.IntN(maxPacked))
		for i := range b {
			b[i] = "AB0\x00.x"[rng.IntN(6)] // few letters and zero bytes: near misses
		}
		return string(b)
	}
	for _, size := range []int{0, 1, 2, 3, 100, 40_000} {
		index := map[string]int32{"": 7, "longer than fifteen bytes": 8}
		for i := range size {
			index[text()] = int32(i)
			index["I10.x00x"+strconv.Itoa(i)] = int32(i)
		}
		table := newCodeTable(index)
		for code, want := range index {
			if len(code) == 0 || len(code) > maxPacked {
				continue
			}
			if got, ok := table.find(code); !ok || got != want {
				t.Fatalf("%d codes: %q has number %d (%v), want %d", size, code, got, ok, want)
			}
		}
		for range 20_000 {
			code := text()
			want, in := index[code]
			if got, ok := table.find(code); ok != in || got != want {
				t.Fatalf("%d codes: %q: got %d (%v), want %d (%v)", size, code, got, ok, want, in)
			}
		}
	}
}

func FuzzPackedCodesAreDifferent(f *testing.F) {
	f.Add("I10.x00x002", "I10.x00x003")
	f.Add("A00", "A00\x00")
	f.Fuzz(func(t *testing.T, x, y string) {
		if len(x) == 0 || len(y) == 0 || len(x) > maxPacked || len(y) > maxPacked {
			return
		}
		a, b := pack(x)
		c, d := pack(y)
		if (a == c && b == d) != (x == y) {
			t.Errorf("%q and %q", x, y)
		}
	})
}
