package reader

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// object walks the object that begins at i of a valid record and collects its cells.
func (j *jsonReader) object(b []byte, i int) (reason, column string) {
	_, reason, column = j.fieldsOf(b, i)
	return reason, column
}

func (j *jsonReader) fieldsOf(b []byte, i int) (next int, reason, column string) {
	depth := len(j.path)
	for i++; ; {
		i = skipBlank(b, i)
		switch b[i] {
		case '}':
			return i + 1, "", ""
		case ',':
			i++
			continue
		}
		end := stringEnd(b, i)
		at := len(j.scratch)
		var ok bool
		if j.scratch, ok = unquote(j.scratch, b[i+1:end-1]); !ok {
			return 0, ReasonBadEncoding, ""
		}
		j.path = j.path[:depth]
		if depth > 0 {
			j.path = append(j.path, '.')
		}
		j.path = append(j.path, j.scratch[at:]...)
		j.scratch = j.scratch[:at]
		i = skipBlank(b, skipBlank(b, end)+1) // behind the colon
		if i, reason, column = j.valueOf(b, i); reason != "" {
			return 0, reason, column
		}
		j.path = j.path[:depth]
	}
}

// valueOf takes the value at i for the column of the present path.
func (j *jsonReader) valueOf(b []byte, i int) (next int, reason, column string) {
	switch b[i] {
	case '{':
		if j.flagsOf().whole {
			if reason, column = j.cell(b[i:valueEnd(b, i)]); reason != "" {
				return 0, reason, column
			}
		}
		depth := len(j.path)
		next, reason, column = j.fieldsOf(b, i)
		j.path = j.path[:depth]
		return next, reason, column
	case '[':
		end := valueEnd(b, i)
		if j.flagsOf().elements {
			if reason, column = j.elements(b, i); reason != "" {
				return 0, reason, column
			}
		}
		reason, column = j.cell(b[i:end])
		return end, reason, column
	case '"':
		end := stringEnd(b, i)
		col, reason, column := j.columnOf()
		if reason != "" || col < 0 {
			return end, reason, column
		}
		at := len(j.scratch)
		var ok bool
		if j.scratch, ok = unquote(j.scratch, b[i+1:end-1]); !ok {
			return 0, ReasonBadEncoding, string(j.path)
		}
		if bytes.IndexByte(j.scratch[at:], 0) >= 0 {
			return 0, ReasonNUL, string(j.path)
		}
		j.cells = append(j.cells, jsonCell{col, at, len(j.scratch)})
		return end, "", ""
	case 'n':
		col, reason, column := j.columnOf()
		if reason == "" && col >= 0 {
			j.cells = append(j.cells, jsonCell{col, 0, 0})
		}
		return i + 4, reason, column
	}
	end := valueEnd(b, i)
	reason, column = j.cell(b[i:end])
	return end, reason, column
}

func (j *jsonReader) flagsOf() pathFlags {
	if !j.want {
		return pathFlags{}
	}
	f, ok := j.flags[string(j.path)]
	if !ok {
		fold := foldName(string(j.path))
		f = pathFlags{j.objects[fold], j.arrays[fold]}
		if len(j.flags) < maxJSONColumns {
			j.flags[string(j.path)] = f
		}
	}
	return f
}

// elements takes the wanted elements of an array, as paths such as name[0] and name[1].given.
func (j *jsonReader) elements(b []byte, i int) (reason, column string) {
	depth := len(j.path)
	n := 0
	j.inside++
	defer func() { j.inside-- }()
	for i++; ; {
		i = skipBlank(b, i)
		switch b[i] {
		case ']':
			j.path = j.path[:depth]
			return "", ""
		case ',':
			i++
			continue
		}
		j.path = strconv.AppendInt(append(j.path[:depth], '['), int64(n), 10)
		j.path = append(j.path, ']')
		if j.under(string(j.path)) {
			if i, reason, column = j.valueOf(b, i); reason != "" {
				return reason, column
			}
		} else {
			i = valueEnd(b, i)
		}
		n++
	}
}

// under says that a wanted path lies at or below path.
func (j *jsonReader) under(path string) bool {
	f := foldName(path)
	if j.objects[f] || j.arrays[f] {
		return true
	}
	for name := range j.objects {
		if strings.HasPrefix(name, f) {
			return true
		}
	}
	return false
}

// cell takes raw bytes as they are.
func (j *jsonReader) cell(raw []byte) (reason, column string) {
	col, reason, column := j.columnOf()
	if reason != "" || col < 0 {
		return reason, column
	}
	at := len(j.scratch)
	j.scratch = append(j.scratch, raw...)
	j.cells = append(j.cells, jsonCell{col, at, len(j.scratch)})
	return "", ""
}

// The walk below knows that its bytes are valid JSON.

func skipBlank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd is behind the closing quote of the string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd is behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		for depth := 0; ; {
			switch b[i] {
			case '"':
				i = stringEnd(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(b) && !strings.ContainsRune(",]} \t\r\n", rune(b[i])) {
		i++
	}
	return i
}

// unquote appends the text of a JSON string without its quotes; false = half of a surrogate pair.
func unquote(dst, s []byte) ([]byte, bool) {
	for {
		k := bytes.IndexByte(s, '\\')
		if k < 0 {
			return append(dst, s...), true
		}
		dst = append(dst, s[:k]...)
		c := s[k+1]
		s = s[k+2:]
		if c != 'u' {
			dst = append(dst, "\"\\/\b\f\n\r\t"[strings.IndexByte(`"\/bfnrt`, c)])
			continue
		}
		r := rune(hex4(s))
		s = s[4:]
		if utf16.IsSurrogate(r) {
			if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
				return dst, false
			}
			if r = utf16.DecodeRune(r, rune(hex4(s[2:]))); r == utf8.RuneError {
				return dst, false
			}
			s = s[6:]
		}
		dst = utf8.AppendRune(dst, r)
	}
}

func hex4(s []byte) uint16 {
	n, _ := strconv.ParseUint(string(s[:4]), 16, 16)
	return uint16(n) //nolint:gosec // 16 bits were asked for.
}
