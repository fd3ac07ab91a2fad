package reader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"unicode/utf8"
)

const (
	low       = 0x0101010101010101
	high      = 0x8080808080808080
	lineEnds  = low * '\n'
	carriages = low * '\r'

	firstWindow = 64 << 10
	fullWindow  = 1 << 20
)

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// hasLineEnd is not zero where one of the eight bytes is LF or CR.
func hasLineEnd(x uint64) bool {
	a, b := x^lineEnds, x^carriages
	return ((a-low)&^a|(b-low)&^b)&high != 0
}

// field is one field of the record under way, as a piece of the window; escaped fields hold quotes still doubled.
type field struct {
	from, to int
	escaped  bool
	quoted   bool
}

// Outcomes of scanning one record.
const (
	recordOK = iota
	recordMore
	recordBad  // not whole: reading goes on at its next line
	recordLong // whole, and longer than the limit
)

// scanner cuts text into records and fields. It looks at eight bytes at a time and copies nothing.
type scanner struct {
	src    *source
	buf    []byte
	r, w   int   // buf[r:w] is not consumed yet
	at     int64 // place in the text of buf[0]
	eof    bool
	err    error
	maxLen int

	delim    []byte
	delim8   uint64
	quote    byte
	quoting  bool
	escape   byte // == quote: doubled
	trim     bool
	returns  bool // a lone CR ends a record
	return8  uint64
	fields   []field
	end      int    // behind the record's last byte, line end not counted
	next     int    // where the next record begins
	reason   string // of recordBad
	badField int    // the field at fault, -1 = the record as a whole
	scratch  []byte
}

// fill makes room and reads; it reports whether there is more to look at.
func (s *scanner) fill() bool {
	if s.eof {
		return false
	}
	if s.r > 0 {
		copy(s.buf, s.buf[s.r:s.w])
		s.at += int64(s.r)
		s.w -= s.r
		s.r = 0
	}
	if s.w == len(s.buf) {
		size := min(2*len(s.buf), s.maxLen+fullWindow)
		if size <= len(s.buf) {
			return false
		}
		s.buf = append(s.buf, make([]byte, size-len(s.buf))...)
	} else if len(s.buf) < fullWindow && s.at > int64(len(s.buf)) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	got := s.w
	for s.w < len(s.buf) {
		n, err := s.src.Read(s.buf[s.w:])
		s.w += n
		if err != nil {
			s.eof = true
			if !errors.Is(err, io.EOF) {
				s.err = err
			}
			break
		}
	}
	return s.w > got
}

// record finds the record that begins at r. With recordMore the window holds only part of it.
func (s *scanner) record() int {
	buf, w := s.buf[:s.w], s.w
	i := s.r
	s.fields = s.fields[:0]
	s.badField = -1
	first := s.delim[0]
	for {
		from := i
		if s.trim && s.quoting && i < w && (buf[i] == ' ' || buf[i] == '\t') { // blanks before a quote
			for i < w && (buf[i] == ' ' || buf[i] == '\t') && buf[i] != first {
				i++
			}
			if i == w && !s.eof {
				return recordMore
			}
			if i < w && buf[i] != s.quote {
				i = from
			}
		}
		if s.quoting && i < w && buf[i] == s.quote {
			next, status := s.quoted(i)
			if status != recordOK {
				return status
			}
			if next < 0 {
				return recordOK
			}
			i = next
			continue
		}
		if i == w && !s.eof {
			return recordMore
		}
		// An unquoted field: up to the next delimiter or line end.
	search:
		for {
			for i+8 <= w {
				x := word(buf[i:])
				a, b := x^s.delim8, x^lineEnds
				m := ((a-low)&^a | (b-low)&^b)
				if s.returns {
					c := x ^ s.return8
					m |= (c - low) &^ c
				}
				if m &= high; m != 0 {
					i += bits.TrailingZeros64(m) >> 3
					break
				}
				i += 8
			}
			for ; i < w; i++ {
				switch c := buf[i]; {
				case c == '\n':
					s.finish(from, i, i+1)
					return recordOK
				case c == '\r' && s.returns:
					next := i + 1
					if next < w && buf[next] == '\n' {
						next++
					} else if next == w && !s.eof {
						return recordMore
					}
					s.finish(from, i, next)
					return recordOK
				case c == first:
					if len(s.delim) == 1 {
						s.fields = append(s.fields, field{from: from, to: i})
						i++
						break search
					}
					if bytes.HasPrefix(buf[i:], s.delim) {
						s.fields = append(s.fields, field{from: from, to: i})
						i += len(s.delim)
						break search
					}
					if w-i < len(s.delim) && !s.eof {
						return recordMore
					}
				}
				if i+9 <= w {
					i++
					continue search
				}
			}
			if !s.eof {
				return recordMore
			}
			s.finish(from, w, w)
			return recordOK
		}
	}
}

// finish closes the record with an unquoted field.
func (s *scanner) finish(from, to, next int) {
	if to > from && s.buf[to-1] == '\r' { // of CRLF, or of a last line that lost its LF
		to--
	}
	s.fields = append(s.fields, field{from: from, to: to})
	s.end, s.next = to, next
}

// quoted scans a field whose quote stands at i. It gives the place of the next field, -1 where the record is complete.
func (s *scanner) quoted(i int) (next, status int) {
	buf, w := s.buf[:s.w], s.w
	f := field{from: i + 1, quoted: true}
	j := i + 1
	for {
		k := s.closing(buf[j:w])
		if k < 0 {
			return 0, s.short(ReasonUnterminated)
		}
		j += k
		if buf[j] != s.quote { // an escape: it takes the next byte with it
			if j+1 >= w {
				return 0, s.short(ReasonUnterminated)
			}
			f.escaped = true
			j += 2
			continue
		}
		if s.escape == s.quote {
			if j+1 >= w && !s.eof {
				return 0, recordMore
			}
			if j+1 < w && buf[j+1] == s.quote {
				f.escaped = true
				j += 2
				continue
			}
		}
		break
	}
	f.to = j
	j++
	if s.trim {
		for j < w && (buf[j] == ' ' || buf[j] == '\t') && buf[j] != s.delim[0] {
			j++
		}
	}
	if j+len(s.delim) > w && !s.eof || j+2 > w && !s.eof {
		return 0, recordMore
	}
	s.fields = append(s.fields, f)
	switch {
	case j == w:
		s.end, s.next = w, w
		return -1, recordOK
	case bytes.HasPrefix(buf[j:], s.delim):
		return j + len(s.delim), recordOK
	case buf[j] == '\n':
		s.end, s.next = j, j+1
		return -1, recordOK
	case buf[j] == '\r' && j+1 < w && buf[j+1] == '\n':
		s.end, s.next = j, j+2
		return -1, recordOK
	case buf[j] == '\r' && (s.returns || j+1 == w):
		s.end, s.next = j, j+1
		return -1, recordOK
	}
	s.reason, s.badField = ReasonBadQuote, len(s.fields)-1
	return 0, recordBad
}

// closing finds the next quote or escape.
func (s *scanner) closing(b []byte) int {
	if s.escape == s.quote {
		return bytes.IndexByte(b, s.quote)
	}
	for k, c := range b {
		if c == s.quote || c == s.escape {
			return k
		}
	}
	return -1
}

// short is the outcome of running out of bytes inside a field.
func (s *scanner) short(reason string) int {
	if !s.eof {
		return recordMore
	}
	s.reason, s.badField = reason, len(s.fields)
	return recordBad
}

// line sets end and next to the line that begins at r, as if there were no quotes; false = the window holds no line
// end.
func (s *scanner) line() bool {
	rest := s.buf[s.r:s.w]
	k := bytes.IndexByte(rest, '\n')
	if s.returns {
		if c := bytes.IndexByte(rest, '\r'); c >= 0 && (k < 0 || c < k) {
			k = c
		}
	}
	if k < 0 {
		if !s.eof {
			return false
		}
		s.end, s.next = s.w, s.w
		return true
	}
	s.end, s.next = s.r+k, s.r+k+1
	if s.end > s.r && s.buf[s.end-1] == '\r' {
		s.end--
	}
	if s.returns && s.buf[s.r+k] == '\r' && s.next < s.w && s.buf[s.next] == '\n' {
		s.next++
	}
	return true
}

// text is the content of a field.
func (s *scanner) text(f field) []byte {
	if !f.escaped {
		return s.buf[f.from:f.to]
	}
	at := len(s.scratch)
	raw := s.buf[f.from:f.to]
	for i := 0; i < len(raw); i++ {
		if c := raw[i]; (c == s.escape || c == s.quote) && i+1 < len(raw) {
			i++
		}
		s.scratch = append(s.scratch, raw[i])
	}
	return s.scratch[at:]
}

// unfit says why the bytes of a complete record cannot be taken, and in which field; "" = they can.
func (s *scanner) unfit() (reason string, at int) {
	rec := s.buf[s.r:s.end]
	if k := bytes.IndexByte(rec, 0); k >= 0 {
		return ReasonNUL, s.fieldAt(s.r + k)
	}
	if !utf8.Valid(rec) {
		for i, f := range s.fields {
			if !utf8.Valid(s.buf[f.from:f.to]) {
				return ReasonBadEncoding, i
			}
		}
		return ReasonBadEncoding, -1
	}
	return "", -1
}

func (s *scanner) fieldAt(place int) int {
	for i, f := range s.fields {
		if place < f.to {
			return i
		}
	}
	return -1
}
