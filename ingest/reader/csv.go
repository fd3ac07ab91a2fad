package reader

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// csvReader reads delimited text: RFC 4180, and what exporters make of it. Tolerated are any delimiter, LF, CRLF and
// CR, blank lines, a delimiter too many at the end, quotes inside unquoted fields, a Ctrl-Z at the end. A record that
// is not whole is rejected, and reading goes on at the next line: one open quote does not swallow the rest of a file.
type csvReader struct {
	base
	s        *scanner
	columns  []string
	plan     plan
	nulls    []int64
	filled   []int64
	words    *nullWords
	comment  []byte
	trailing bool // the header itself ends with a delimiter
}

var _ Reader = (*csvReader)(nil)

func openCSV(spec Spec, name string, r io.Reader, mem memory.Allocator) (Reader, error) {
	s, err := newScanner(spec)
	if err != nil {
		return nil, err
	}
	if s.src, err = openSource(name, spec.Encoding, r); err != nil {
		return nil, err
	}
	c := &csvReader{s: s, words: newNullWords(spec.Null), comment: []byte(spec.CSV.Comment)}
	c.name, c.spec = name, spec
	c.refs.Store(1)
	s.fill()
	if s.err != nil {
		return nil, s.err
	}
	if err := page(name, s.buf[:s.w]); err != nil {
		return nil, err
	}
	s.returns = onlyReturns(s.buf[:s.w])
	if spec.CSV.Delimiter == "auto" {
		s.delim = findDelimiter(s.buf[:s.w], s.quote)
		s.delim8 = low * uint64(s.delim[0])
	}
	if err := c.header(); err != nil {
		return nil, err
	}
	if c.plan, err = match(name, c.columns, spec.Want, spec.Aliases); err != nil {
		return nil, err
	}
	c.nulls, c.filled = make([]int64, len(c.columns)), make([]int64, len(c.columns))
	c.b = newBatcher(mem, c.plan.names, spec.BatchRecords, spec.Forms)
	return c, nil
}

func newScanner(spec Spec) (*scanner, error) {
	d := spec.CSV
	s := &scanner{delim: []byte(d.Delimiter), quote: '"', quoting: true, trim: spec.Trim, maxLen: min(spec.MaxRecordBytes, 1<<30), return8: carriages}
	if d.Delimiter == "" {
		s.delim = []byte{','}
	}
	switch {
	case d.Quote == "none":
		s.quoting = false
	case len(d.Quote) == 1 && d.Quote[0] < utf8.RuneSelf:
		s.quote = d.Quote[0]
	case d.Quote != "":
		return nil, fault.New(fault.Invalid, "csv.quote %q: want one ASCII character or none", d.Quote)
	}
	s.escape = s.quote
	if d.Escape != "" {
		if len(d.Escape) != 1 || d.Escape[0] >= utf8.RuneSelf {
			return nil, fault.New(fault.Invalid, "csv.escape %q: want one ASCII character", d.Escape)
		}
		s.escape = d.Escape[0]
	}
	if bytes.ContainsAny(s.delim, "\r\n\x00") || s.quoting && bytes.IndexByte(s.delim, s.quote) >= 0 || !utf8.Valid(s.delim) {
		return nil, fault.New(fault.Invalid, "csv.delimiter %q: must not hold a line end, a zero byte or the quote", d.Delimiter)
	}
	if !d.Header && len(d.Columns) == 0 {
		return nil, fault.New(fault.Invalid, "csv: no header and no columns: one of header: true and columns: [...] is needed")
	}
	s.delim8 = low * uint64(s.delim[0])
	s.buf = make([]byte, firstWindow)
	return s, nil
}

// onlyReturns says that lines end with a lone CR, as on old systems.
func onlyReturns(b []byte) bool {
	k := bytes.IndexByte(b, '\r')
	return k >= 0 && bytes.IndexByte(b, '\n') < 0 && k+1 < len(b)
}

// findDelimiter takes the one of the usual delimiters that stands most often in the first line, outside quotes.
func findDelimiter(b []byte, quote byte) []byte {
	best, most := byte(','), 0
	for _, d := range []byte{',', '\t', ';', '|', '^', 0x01, 0x1f} {
		n, quoted := 0, false
		for _, c := range b {
			if c == quote {
				quoted = !quoted
			}
			if (c == '\n' || c == '\r') && !quoted {
				break
			}
			if c == d && !quoted {
				n++
			}
		}
		if n > most {
			best, most = d, n
		}
	}
	return []byte{best}
}

// header skips the lines before the header and names the columns.
func (c *csvReader) header() error {
	for range c.spec.CSV.SkipLines {
		for !c.s.line() {
			if !c.s.fill() {
				return c.noHeader(c.s.err)
			}
		}
		c.s.r = c.s.next
	}
	given := c.spec.CSV.Columns
	if !c.spec.CSV.Header {
		var err error
		c.columns, err = headerNames(c.name, given)
		return err
	}
	for {
		status := c.scan()
		if c.s.err != nil {
			return c.s.err
		}
		if status == recordMore || status == recordOK && c.s.r == c.s.w {
			return c.noHeader(nil)
		}
		if status == recordOK && c.blank() {
			c.s.r = c.s.next
			continue
		}
		reason := c.s.reason
		if status == recordOK {
			reason, _ = c.s.unfit()
		}
		if reason == ReasonBadEncoding {
			enc := c.s.src.encoding()
			return refuse(c.name, FaultEncoding, nil,
				fmt.Sprintf("表头不是合法的 %s；请检查来源文件中声明的 encoding", enc),
				fmt.Sprintf("the header is not valid %s; check the encoding declared in the source file", enc))
		}
		if reason != "" {
			zh, en := Explain(reason)
			return refuse(c.name, FaultNoHeader, nil, "表头行无法读取："+zh, "the header line cannot be read: "+en)
		}
		break
	}
	raw := make([]string, len(c.s.fields))
	for i, f := range c.s.fields {
		raw[i] = string(c.s.text(f))
	}
	c.s.r = c.s.next
	c.trailing = len(raw) > 1 && cleanName(raw[len(raw)-1]) == ""
	if len(given) > 0 {
		if len(given) != len(raw) && (!c.trailing || len(given) != len(raw)-1) {
			return refuse(c.name, FaultNoHeader, nil,
				fmt.Sprintf("表头有 %d 列，来源文件的 csv.columns 有 %d 列", len(raw), len(given)),
				fmt.Sprintf("the header has %d columns, csv.columns of the source file has %d", len(raw), len(given)))
		}
		raw = given
	}
	var err error
	c.columns, err = headerNames(c.name, raw)
	return err
}

func (c *csvReader) noHeader(beneath error) error {
	if beneath != nil && fault.KindOf(beneath) != fault.Internal {
		return beneath
	}
	return refuse(c.name, FaultNoHeader, beneath, "没有可读的表头行", "there is no header line that can be read")
}

// scan finds the next record, reading on as needed. At the end of the file it gives recordOK with nothing left.
func (c *csvReader) scan() int {
	s := c.s
	s.reason, s.scratch = "", s.scratch[:0]
	for {
		if s.r == s.w && !s.fill() {
			s.fields, s.end, s.next = s.fields[:0], s.w, s.w
			return recordOK
		}
		status := s.record()
		if status == recordOK && s.end-s.r > s.maxLen {
			status, s.reason = recordLong, ReasonTooLong
		}
		if status != recordMore {
			return status
		}
		if s.w-s.r > s.maxLen {
			s.reason, s.badField = ReasonTooLong, -1
			return recordBad
		}
		if !s.fill() && !s.eof {
			s.reason, s.badField = ReasonTooLong, -1
			return recordBad
		}
		if s.err != nil {
			return recordMore
		}
	}
}

// blank says that the record is an empty line, a comment or the Ctrl-Z with which old systems end a file.
func (c *csvReader) blank() bool {
	rec := c.s.buf[c.s.r:c.s.end]
	switch {
	case len(rec) == 0:
		return true
	case len(c.comment) > 0 && bytes.HasPrefix(rec, c.comment):
		return true
	}
	return len(rec) == 1 && rec[0] == 0x1a && c.s.eof && c.s.next == c.s.w
}

// Next reads the next batch.
func (c *csvReader) Next() bool {
	c.drop()
	if c.err != nil {
		return false
	}
	s := c.s
	for {
		status := c.scan()
		if s.err != nil {
			c.err = s.err
			break
		}
		if s.r == s.w {
			break
		}
		if status == recordOK && c.blank() {
			s.r = s.next
			continue
		}
		c.records++
		switch status {
		case recordBad:
			c.resync()
			continue
		case recordLong:
			c.reject(Reject{Offset: s.src.offset(s.at + int64(s.r)), Length: int64(s.end - s.r), Reason: ReasonTooLong, Want: len(c.columns)})
			s.r = s.next
			continue
		}
		full := c.row()
		s.r = s.next
		if full {
			break
		}
	}
	c.cur = c.b.flush()
	return c.cur != nil
}

// row makes the record under the scanner a row or a reject.
func (c *csvReader) row() (full bool) {
	s := c.s
	reason, at := s.unfit()
	fields := s.fields
	n := len(c.columns)
	if reason == "" && len(fields) != n {
		switch {
		case len(fields) == n+1 && empty(fields[n]):
			fields = fields[:n]
		case c.trailing && len(fields) == n-1:
			fields = append(fields, field{from: s.end, to: s.end})
		default:
			reason, at = ReasonRagged, -1
		}
	}
	offset := s.src.offset(s.at + int64(s.r))
	if reason != "" {
		c.reject(Reject{Offset: offset, Length: int64(s.end - s.r), Reason: reason, Column: c.columnAt(at), Got: len(fields), Want: n})
		return false
	}
	c.b.begin()
	for i := range fields {
		f := &fields[i]
		v := s.buf[f.from:f.to]
		if f.escaped {
			v = s.text(*f)
		}
		if s.trim && len(v) > 0 && (v[0] <= ' ' || v[0] >= 0x80 || v[len(v)-1] <= ' ' || v[len(v)-1] >= 0x80) {
			v = trim(v)
		}
		to := c.plan.to[i]
		if len(v) == 0 || c.words.is(v) {
			c.nulls[i]++
			if to >= 0 {
				c.b.null(to)
			}
			continue
		}
		if to >= 0 {
			c.b.put(to, v)
		} else {
			c.filled[i]++
		}
	}
	for _, to := range c.plan.absent {
		c.b.null(to)
	}
	return c.b.end(c.records, offset)
}

// resync sets a bad record aside and finds where to go on: behind its first line.
func (c *csvReader) resync() {
	s := c.s
	reason, column := s.reason, c.columnAt(s.badField)
	offset := s.src.offset(s.at + int64(s.r))
	var length int64
	for !s.line() {
		length += int64(s.w - s.r) // the line is longer than the window: let it pass
		s.r = s.w
		if !s.fill() {
			if s.err != nil {
				c.err = s.err
			}
			s.end, s.next = s.w, s.w
			break
		}
	}
	length += int64(s.end - s.r)
	s.r = s.next
	if reason == ReasonTooLong && length <= int64(s.maxLen) {
		reason = ReasonUnterminated // the line is not long: it is its quote that never closes
	}
	c.reject(Reject{Offset: offset, Length: length, Reason: reason, Column: column, Want: len(c.columns)})
}

func (c *csvReader) columnAt(i int) string {
	if i < 0 || i >= len(c.columns) {
		return ""
	}
	return c.columns[i]
}

func empty(f field) bool { return f.from == f.to && !f.quoted }

func (c *csvReader) Columns() []string { return c.columns }
func (c *csvReader) Missing() []string { return c.plan.missing }
func (c *csvReader) Encoding() string  { return c.s.src.encoding() }

func (c *csvReader) Nulls() map[string]int64 { return countsOf(c.columns, c.nulls) }

func (c *csvReader) Extra() map[string]int64 { return extraOf(c.columns, c.plan, c.filled) }
