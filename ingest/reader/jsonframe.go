package reader

import (
	"encoding/json"
	"fmt"
	"strings"
)

// framer cuts a stream of JSON into records without holding more than one of them. It looks only at brackets, strings
// and commas; whether a record is proper JSON is asked of the record.
type framer struct {
	*scanner
	name  string
	path  []string // keys that lead to the records
	lines bool     // NDJSON: a record is a line

	state   int
	level   int // keys of path gone down
	found   bool
	records int64 // for messages
}

const (
	inDocument = iota // before a document
	inKeys            // in the object at level
	afterValue        // behind a value of that object
	inArray           // before an element of the records' array
	afterItem         // behind an element
)

// frame is one record as it stands in the stream.
type frame struct {
	raw    []byte // valid until the next call; nil where it is too long
	at     int64  // place in the text
	length int64
}

// nextFrame finds the next record; ok is false at the proper end of the file.
func (f *framer) nextFrame() (fr frame, ok bool, err error) {
	f.give()
	if f.lines {
		fr, ok, err = f.nextLine()
	} else {
		fr, ok, err = f.nextItem()
	}
	if ok {
		f.records++
	}
	return fr, ok, err
}

// give gives up the bytes of the last value.
func (f *framer) give() {
	if f.next > 0 {
		f.r, f.next = f.next, 0
	}
}

func (f *framer) nextItem() (fr frame, ok bool, err error) {
	for {
		c, more := f.peek()
		if f.err != nil {
			return frame{}, false, f.err
		}
		if !more {
			if f.state == inDocument {
				return frame{}, false, nil
			}
			return frame{}, false, f.cut()
		}
		switch f.state {
		case inDocument:
			switch {
			case len(f.path) == 0 && c == '{':
				return f.value(true)
			case len(f.path) == 0 && c == '[':
				f.r++
				f.state = inArray
			case len(f.path) > 0 && c == '{':
				f.r++
				f.state, f.level, f.found = inKeys, 0, false
			default:
				return frame{}, false, f.broken()
			}
		case inArray:
			if c == ']' {
				f.endArray()
				continue
			}
			f.state = afterItem
			return f.value(true)
		case afterItem:
			switch c {
			case ',':
				f.r++
				f.state = inArray
			case ']':
				f.endArray()
			default:
				return frame{}, false, f.broken()
			}
		case afterValue:
			switch c {
			case ',':
				f.r++
				f.state = inKeys
			case '}':
				f.state = inKeys
			default:
				return frame{}, false, f.broken()
			}
		case inKeys:
			if c == '}' {
				f.r++
				if err := f.endObject(); err != nil {
					return frame{}, false, err
				}
				continue
			}
			fr, ok, err := f.member(c)
			if err != nil || ok {
				return fr, ok, err
			}
		}
	}
}

// member reads a key and goes down, takes or passes over its value.
func (f *framer) member(c byte) (frame, bool, error) {
	if c != '"' {
		return frame{}, false, f.broken()
	}
	fr, _, err := f.value(true)
	if err != nil {
		return frame{}, false, err
	}
	var key string
	if json.Unmarshal(fr.raw, &key) != nil {
		return frame{}, false, f.broken()
	}
	f.give()
	if c, more := f.peek(); !more || c != ':' {
		return frame{}, false, f.brokenOrCut(more)
	}
	f.r++
	c, more := f.peek()
	if !more {
		return frame{}, false, f.brokenOrCut(false)
	}
	switch {
	case key != f.path[f.level] || f.level < len(f.path)-1 && c != '{':
	case f.level < len(f.path)-1:
		f.r++
		f.level++
		return frame{}, false, nil
	case c == '[':
		f.r++
		f.state, f.found = inArray, true
		return frame{}, false, nil
	case c == '{':
		f.state, f.found = afterValue, true
		return f.value(true)
	case c == 'n':
		f.found = true
	}
	f.state = afterValue
	_, _, err = f.value(false)
	f.give()
	return frame{}, false, err
}

func (f *framer) endArray() {
	f.r++
	f.state = inDocument
	if len(f.path) > 0 {
		f.state = afterValue
	}
}

func (f *framer) endObject() error {
	if f.level > 0 {
		f.level--
		f.state = afterValue
		return nil
	}
	f.state = inDocument
	if !f.found {
		path := strings.Join(f.path, ".")
		return refuse(f.name, FaultBroken, nil, fmt.Sprintf("文档中没有 %s；请检查来源文件的 json.records", path),
			fmt.Sprintf("the document has no %s; check json.records of the source file", path))
	}
	return nil
}

// peek is the next byte that is not blank.
func (f *framer) peek() (byte, bool) {
	for {
		for f.r < f.w {
			switch c := f.buf[f.r]; c {
			case ' ', '\t', '\r', '\n':
				f.r++
			default:
				return c, true
			}
		}
		if !f.fill() {
			return 0, false
		}
	}
}

// value finds the end of the value that begins at r. keep false passes over it, however long.
func (f *framer) value(keep bool) (frame, bool, error) {
	fr := frame{at: f.at + int64(f.r)}
	var depth int
	var inText, escaped bool
	var passed int64 // bytes of this value that are gone from the window
	scalar := true
	i := f.r
	for {
		for ; i < f.w; i++ {
			c := f.buf[i]
			if inText {
				switch {
				case escaped:
					escaped = false
				case c == '\\':
					escaped = true
				case c == '"':
					inText = false
					if depth == 0 {
						return f.taken(fr, i+1, passed), true, nil
					}
				}
				continue
			}
			switch c {
			case '"':
				inText, scalar = true, false
			case '{', '[':
				depth++
				scalar = false
			case '}', ']':
				if depth == 0 { // the end of what holds a number, true, false or null
					return f.taken(fr, i, passed), true, nil
				}
				if depth--; depth == 0 {
					return f.taken(fr, i+1, passed), true, nil
				}
			case ',', ' ', '\t', '\r', '\n':
				if depth == 0 && scalar {
					return f.taken(fr, i, passed), true, nil
				}
			}
		}
		if !keep || passed > 0 || f.w-f.r > f.maxLen {
			passed += int64(i - f.r)
			f.r = f.w
		}
		done := i - f.r
		if !f.fill() {
			if f.err != nil {
				return frame{}, false, f.err
			}
			if !f.eof { // the window is full
				passed += int64(done)
				f.r = f.w
				i = f.r
				continue
			}
			return frame{}, false, f.cut()
		}
		i = f.r + done
	}
}

// taken closes the value before place i.
func (f *framer) taken(fr frame, i int, passed int64) frame {
	fr.length = passed + int64(i-f.r)
	if passed == 0 && fr.length <= int64(f.maxLen) {
		fr.raw = f.buf[f.r:i]
	}
	f.next = i
	return fr
}

func (f *framer) nextLine() (frame, bool, error) {
	for {
		if f.r == f.w && !f.fill() {
			return frame{}, false, f.err
		}
		fr := frame{at: f.at + int64(f.r)}
		for !f.line() {
			if f.w-f.r > f.maxLen {
				fr.length += int64(f.w - f.r)
				f.r = f.w
			}
			if !f.fill() && !f.eof {
				fr.length += int64(f.w - f.r)
				f.r = f.w
			}
			if f.err != nil {
				return frame{}, false, f.err
			}
		}
		n := f.end - f.r
		if fr.length == 0 {
			fr.raw = f.buf[f.r:f.end]
			if n > f.maxLen {
				fr.raw = nil
			}
		}
		fr.length += int64(n)
		f.give()
		if fr.raw == nil || len(trim(fr.raw)) > 0 {
			return fr, true, nil
		}
	}
}

func (f *framer) cut() error {
	return refuse(f.name, FaultTruncated, nil, fmt.Sprintf("JSON 在第 %d 条记录之后中断（文件不完整）；请重新传送", f.records),
		fmt.Sprintf("the JSON ends in its middle, after record %d: the file is not whole; send it again", f.records))
}

func (f *framer) broken() error {
	at := f.src.offset(f.at + int64(f.r))
	return refuse(f.name, FaultBroken, nil, fmt.Sprintf("第 %d 字节处不是合法的 JSON（第 %d 条记录之后）", at, f.records),
		fmt.Sprintf("not JSON at byte %d, after record %d", at, f.records))
}

func (f *framer) brokenOrCut(more bool) error {
	if f.err != nil {
		return f.err
	}
	if more {
		return f.broken()
	}
	return f.cut()
}
