package drg

import "math/bits"

// codeTable finds the number of a code that is written as the tables write it: one probe of one flat array, where a
// map of strings reads three places. Codes are packed into two words with their length, so that a hit is exact; what is
// longer, or not found, goes the way of the map.
type codeTable struct {
	slots []codeSlot
	shift int
}

type codeSlot struct {
	a, b uint64 // b is 0 in an empty slot: it holds the length of a code
	id   int32
}

// maxPacked is how many bytes fit beside their length.
const maxPacked = 15

func newCodeTable(index map[string]int32) codeTable {
	width := max(1, bits.Len(uint(len(index)+len(index)/3))) // three quarters of the slots at most: a table that stays in the cache is faster than few collisions
	t := codeTable{slots: make([]codeSlot, 1<<width), shift: 64 - width}
	for code, id := range index {
		if len(code) == 0 || len(code) > maxPacked {
			continue
		}
		a, b := pack(code)
		at := t.home(a, b)
		for t.slots[at].b != 0 {
			at = (at + 1) & (len(t.slots) - 1)
		}
		t.slots[at] = codeSlot{a, b, id}
	}
	return t
}

// find needs 1 to maxPacked bytes.
func (t *codeTable) find(code string) (int32, bool) {
	a, b := pack(code)
	for at := t.home(a, b); ; at = (at + 1) & (len(t.slots) - 1) {
		s := &t.slots[at]
		if s.a == a && s.b == b {
			return s.id, true
		}
		if s.b == 0 {
			return 0, false
		}
	}
}

func (t *codeTable) home(a, b uint64) int {
	const odd1, odd2 = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F // of xxHash: any odd numbers with mixed bits
	hi, lo := bits.Mul64(a^odd2, b^odd1)
	return int(((hi ^ lo) * odd1) >> t.shift) //nolint:gosec // a place in the table
}

// pack reads 1 to maxPacked bytes: the first eight, the rest, and the length in the highest byte.
func pack(s string) (a, b uint64) {
	n := len(s)
	b = uint64(n) << 56
	switch {
	case n >= 8:
		a = word(s)
		if n > 8 {
			b |= word(s[n-8:]) >> (8 * (16 - n))
		}
	case n >= 4:
		a = half(s) | half(s[n-4:])<<(8*(n-4))
	default:
		for i := n - 1; i >= 0; i-- {
			a = a<<8 | uint64(s[i])
		}
	}
	return a, b
}

// word and half are little-endian reads; the compiler makes one load of each.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func half(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
