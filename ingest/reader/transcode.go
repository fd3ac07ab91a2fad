package reader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"
)

// single decodes a character set of one byte a character.
type single struct {
	text [256][4]byte
	size [256]uint8
}

func newSingle(cm *charmap.Charmap) *single {
	t := &single{}
	for i := range 256 {
		r := cm.DecodeByte(byte(i))
		if r == utf8.RuneError {
			t.text[i][0], t.size[i] = broken, 1
			continue
		}
		t.size[i] = uint8(utf8.EncodeRune(t.text[i][:], r)) //nolint:gosec // 1 to 4.
	}
	return t
}

func (t *single) decode(dst, src []byte, _ bool, mark func(int, int)) (n, i int) {
	for i < len(src) && n+4 <= len(dst) {
		c := src[i]
		i++
		if t.size[c] == 1 {
			dst[n] = t.text[c][0]
			n++
			if dst[n-1] == '\n' || dst[n-1] == '\r' {
				mark(n, i)
			}
			continue
		}
		n += copy(dst[n:], t.text[c][:t.size[c]])
	}
	return n, i
}

// gb decodes GB18030 (and so GBK and GB 2312) by a table of its two-byte characters.
type gb struct{ table *gbPairs }

func (g gb) decode(dst, src []byte, atEOF bool, mark func(int, int)) (n, i int) {
	for i < len(src) && n+8 <= len(dst) {
		c := src[i]
		if c < utf8.RuneSelf {
			if i+8 <= len(src) {
				if x := word(src[i:]); x&high == 0 && !hasLineEnd(x) {
					copy(dst[n:n+8], src[i:i+8])
					n, i = n+8, i+8
					continue
				}
			}
			dst[n] = c
			n, i = n+1, i+1
			if c == '\n' || c == '\r' {
				mark(n, i)
			}
			continue
		}
		if c == 0x80 || c == 0xFF {
			if c == 0x80 { // code page 936 has the euro sign here
				n += copy(dst[n:], "€")
			} else {
				dst[n] = broken
				n++
			}
			i++
			continue
		}
		if i+1 == len(src) {
			if !atEOF {
				return n, i
			}
			dst[n] = broken
			return n + 1, i + 1
		}
		d := src[i+1]
		if d >= '0' && d <= '9' {
			if i+3 >= len(src) && !atEOF {
				return n, i
			}
			if i+3 < len(src) {
				if r := gbFour(src[i:]); r != utf8.RuneError {
					n += utf8.EncodeRune(dst[n:], r)
					i += 4
					continue
				}
			}
			dst[n] = broken
			n, i = n+1, i+1
			continue
		}
		r := g.table.pair(c, d)
		if r == utf8.RuneError { // the second byte may be a delimiter: leave it
			dst[n] = broken
			n, i = n+1, i+1
			continue
		}
		n += utf8.EncodeRune(dst[n:], r)
		i += 2
	}
	return n, i
}

type gbPairs [126 * 191]rune

// gbTable is built once from x/text, pair by pair.
var gbTable = sync.OnceValue(func() *gbPairs {
	t := new(gbPairs)
	d := simplifiedchinese.GB18030.NewDecoder()
	var out [16]byte
	for lead := 0x81; lead <= 0xFE; lead++ {
		for trail := 0x40; trail <= 0xFE; trail++ {
			d.Reset()
			n, _, err := d.Transform(out[:], []byte{byte(lead), byte(trail)}, true)
			r, size := utf8.DecodeRune(out[:n])
			if err != nil || size != n || n == 0 {
				r = utf8.RuneError
			}
			t[(lead-0x81)*191+trail-0x40] = r
		}
	}
	return t
})

func (t *gbPairs) pair(lead, trail byte) rune {
	if lead < 0x81 || lead == 0xFF || trail < 0x40 || trail == 0xFF {
		return utf8.RuneError
	}
	return t[int(lead-0x81)*191+int(trail-0x40)]
}

// gbFour decodes the four-byte character with which b begins.
func gbFour(b []byte) rune {
	var out [16]byte
	n, m, err := simplifiedchinese.GB18030.NewDecoder().Transform(out[:], b[:4], true)
	r, size := utf8.DecodeRune(out[:n])
	if err != nil || m != 4 || size != n {
		return utf8.RuneError
	}
	return r
}

// other decodes everything else through x/text, a line at a time, so that each line's place is known.
type other struct {
	d    *encoding.Decoder
	wide byte // 'l' or 'b': UTF-16 with the low or the high byte first
}

func (o *other) decode(dst, src []byte, atEOF bool, mark func(int, int)) (n, i int) {
	for i < len(src) && n+utf8.UTFMax*4 <= len(dst) {
		line := src[i:]
		if end := o.lineEnd(line); end > 0 {
			line = line[:end]
		}
		last := atEOF && i+len(line) == len(src)
		written, read, err := o.d.Transform(dst[n:], line, last)
		if err != nil && !errors.Is(err, transform.ErrShortDst) && !errors.Is(err, transform.ErrShortSrc) {
			dst[n] = broken
			return n + 1, i + 1
		}
		written = replaceBad(dst[n : n+written])
		n, i = n+written, i+read
		if written > 0 && dst[n-1] == '\n' {
			mark(n, i)
		}
		if read < len(line) {
			break
		}
	}
	return n, i
}

// lineEnd is the place behind the first line end of b, 0 = none.
func (o *other) lineEnd(b []byte) int {
	if o.wide == 0 {
		return bytes.IndexByte(b, '\n') + 1
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if o.wide == 'b' {
		order = binary.BigEndian
	}
	for i := 0; i+1 < len(b); i += 2 {
		if order.Uint16(b[i:]) == '\n' {
			return i + 2
		}
	}
	return 0
}

// replaceBad puts the mark for bad bytes where x/text put U+FFFD, in place, and gives the new length.
func replaceBad(b []byte) int {
	const bad = "\uFFFD"
	w := 0
	for r := 0; r < len(b); {
		if b[r] == bad[0] && strings.HasPrefix(string(b[r:min(r+3, len(b))]), bad) {
			b[w] = broken
			w, r = w+1, r+3
			continue
		}
		b[w] = b[r]
		w, r = w+1, r+1
	}
	return w
}
