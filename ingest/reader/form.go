package reader

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Kind of a Form.
type Kind uint8

// The kinds, and what is a plain value of each.
const (
	Int32     Kind = iota + 1 // at most nine digits, with "-" or without a sign
	Int64                     // at most eighteen digits
	Decimal                   // digits, and behind a point at most Scale more
	Date                      // 2025-03-01, also with 08:30:00 behind it, which is cut
	Timestamp                 // 2025-03-01 08:30:00
	Bool                      // one of the words Yes or No
)

// Form asks for the values of a column beside its texts. A cell that is written plainly, with nothing to be guessed,
// trimmed or rounded, becomes a value there and null in the column of texts; any other stays a text, for SQL to judge.
// Most cells of most extracts are plain, and reading their digits here costs a tenth of what it costs in SQL.
type Form struct {
	Kind             Kind
	Precision, Scale int // of Decimal, at most 18 digits
	Yes, No          []string
}

// Type is the Arrow type of the values.
func (f Form) Type() arrow.DataType {
	switch f.Kind {
	case Int32:
		return arrow.PrimitiveTypes.Int32
	case Int64:
		return arrow.PrimitiveTypes.Int64
	case Decimal:
		if f.Precision <= 9 {
			return &arrow.Decimal32Type{Precision: int32(f.Precision), Scale: int32(f.Scale)} //nolint:gosec // at most 9
		}
		return &arrow.Decimal64Type{Precision: int32(f.Precision), Scale: int32(f.Scale)} //nolint:gosec // at most 18
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	default:
		return arrow.FixedWidthTypes.Boolean
	}
}

// width is the bytes of a value, 0 for the bits of Bool.
func (f Form) width() int {
	switch f.Kind {
	case Int32, Date:
		return 4
	case Decimal:
		if f.Precision <= 9 {
			return 4
		}
		return 8
	case Bool:
		return 0
	default:
		return 8
	}
}

// read is the plain value of a cell.
func (f *Form) read(v []byte) (int64, bool) {
	switch f.Kind {
	case Int32:
		return whole(v, 9)
	case Int64:
		return whole(v, 18)
	case Decimal:
		return decimal(v, f.Precision, f.Scale)
	case Date:
		if len(v) == 19 {
			if _, ok := clock(v); !ok {
				return 0, false
			}
			v = v[:10]
		}
		return day(v)
	case Timestamp:
		if len(v) != 19 {
			return 0, false
		}
		seconds, ok := clock(v)
		if !ok {
			return 0, false
		}
		days, ok := day(v[:10])
		return (days*86_400 + seconds) * 1_000_000, ok
	default:
		if slices.Contains(f.Yes, string(v)) {
			return 1, true
		}
		return 0, slices.Contains(f.No, string(v))
	}
}

// whole reads -?[0-9]+ of at most so many digits.
func whole(v []byte, most int) (int64, bool) {
	negative := v[0] == '-'
	if negative {
		v = v[1:]
	}
	if len(v) == 0 || len(v) > most {
		return 0, false
	}
	var n int64
	for _, c := range v {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if negative {
		n = -n
	}
	return n, true
}

// decimal reads -?[0-9]+(.[0-9]+)? as a number of units of the last place.
func decimal(v []byte, precision, scale int) (int64, bool) {
	negative := v[0] == '-'
	if negative {
		v = v[1:]
	}
	var n int64
	places, point := 0, -1
	for i, c := range v {
		if c == '.' && point < 0 && i > 0 {
			point = i
			continue
		}
		if c -= '0'; c > 9 {
			return 0, false
		}
		if places++; places > precision {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	behind := 0
	if point >= 0 {
		behind = len(v) - point - 1
	}
	if places == 0 || places == behind || behind > scale || point >= 0 && behind == 0 || places-behind > precision-scale {
		return 0, false
	}
	for ; behind < scale; behind++ {
		n *= 10
	}
	if negative {
		n = -n
	}
	return n, true
}

// pair reads two digits.
func pair(v []byte) (int64, bool) {
	a, b := v[0]-'0', v[1]-'0'
	return int64(a)*10 + int64(b), a <= 9 && b <= 9
}

// clock reads the seconds of 2025-03-01 08:30:00.
func clock(v []byte) (int64, bool) {
	if v[10] != ' ' || v[13] != ':' || v[16] != ':' {
		return 0, false
	}
	h, ok1 := pair(v[11:])
	m, ok2 := pair(v[14:])
	s, ok3 := pair(v[17:])
	return h*3600 + m*60 + s, ok1 && ok2 && ok3 && h < 24 && m < 60 && s < 60
}

var daysBefore = [13]int64{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

// day reads 2025-03-01 as days since 1970-01-01 in the Gregorian calendar.
func day(v []byte) (int64, bool) {
	if len(v) != 10 || v[4] != '-' || v[7] != '-' {
		return 0, false
	}
	c, ok1 := pair(v)
	y, ok2 := pair(v[2:])
	m, ok3 := pair(v[5:])
	d, ok4 := pair(v[8:])
	y += 100 * c
	if !ok1 || !ok2 || !ok3 || !ok4 || y == 0 || m == 0 || m > 12 || d == 0 {
		return 0, false
	}
	leap := y%4 == 0 && (y%100 != 0 || y%400 == 0)
	length := int64(31)
	switch {
	case m == 2 && leap:
		length = 29
	case m == 2:
		length = 28
	case m == 4 || m == 6 || m == 9 || m == 11:
		length = 30
	}
	if d > length {
		return 0, false
	}
	p := y - 1
	n := p*365 + p/4 - p/100 + p/400 + daysBefore[m] + d - 1
	if leap && m > 2 {
		n++
	}
	return n - 719_162, true
}
