package schemes

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Table is one CSV file of a package as it was written: header, cells and the line of each row.
type Table struct {
	File    string // as people find it: folder/name.csv
	Columns []string
	SHA256  string
	cells   []string // row after row, len(Columns) each
	lines   []int32
	files   []string // of each row, where an overlay brought rows of its own; nil: all from File
}

// Len is the number of rows.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.lines)
}

// Row is the cells of a row.
func (t *Table) Row(i int) []string {
	n := len(t.Columns)
	return t.cells[i*n : (i+1)*n : (i+1)*n]
}

// Pos says where a row was written: file:line.
func (t *Table) Pos(i int) string {
	file := t.File
	if t.files != nil {
		file = t.files[i]
	}
	return fmt.Sprintf("%s:%d", file, t.lines[i])
}

// Column is the number of a column, -1 where there is none.
func (t *Table) Column(name string) int { return slices.Index(t.Columns, name) }

// maxTableBytes bounds one file of a package (the largest real one has 0.6 MB).
const maxTableBytes = 64 << 20

// readTable reads a CSV file strictly: a header with every required column, and as many cells in each row as in the header.
func readTable(fsys fs.FS, folder, name string, required ...string) (*Table, error) {
	where := name
	if folder != "" {
		where = folder + "/" + name
	}
	data, err := readBytes(fsys, where, name)
	if err != nil {
		return nil, err
	}
	return parseTable(where, data, required...)
}

// readBytes reads one file of a package; where is what errors call it.
func readBytes(fsys fs.FS, where, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fault.New(fault.NotFound, "%s: %w", where, plainCause(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTableBytes+1))
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", where, err)
	}
	if len(data) > maxTableBytes {
		return nil, fault.New(fault.TooLarge, "%s: more than %d MB", where, maxTableBytes>>20)
	}
	return data, nil
}

// plainCause drops the path that fs errors repeat.
func plainCause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

func parseTable(where string, data []byte, required ...string) (*Table, error) {
	sum := sha256.Sum256(data)
	t := &Table{File: where, SHA256: hex.EncodeToString(sum[:])}
	data, err := utf8Of(data)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", where, err)
	}
	if bytes.IndexByte(data, '"') >= 0 {
		err = t.quoted(data)
	} else {
		err = t.plain(string(data))
	}
	if err != nil {
		return nil, err
	}
	if len(t.Columns) == 0 {
		return nil, fault.New(fault.Invalid, "%s:1: no header line", where)
	}
	for i, c := range t.Columns {
		first := slices.Index(t.Columns, c)
		if first == 0 && c == "op" { // the sign column of an overlay stands before a column of operations
			continue
		}
		if first < i {
			return nil, fault.New(fault.Invalid, "%s:1: column %q is named twice", where, c)
		}
	}
	for _, c := range required {
		if t.Column(c) < 0 {
			return nil, fault.New(fault.Invalid, "%s:1: no column %q (found %s)", where, c, strings.Join(t.Columns, ","))
		}
	}
	return t, nil
}

// plain reads text without quotes: cells are parts of one string, no copy is made.
func (t *Table) plain(text string) error {
	line := int32(0)
	if n := strings.Count(text, "\n"); n > 0 {
		t.lines = make([]int32, 0, n)
	}
	for text != "" {
		line++
		row, rest, _ := strings.Cut(text, "\n")
		text = rest
		row = strings.TrimSuffix(row, "\r")
		if strings.Trim(row, ", \t") == "" { // what a spreadsheet leaves behind where rows were cleared
			continue
		}
		if t.Columns == nil {
			t.header(strings.Split(row, ","))
			t.cells = make([]string, 0, cap(t.lines)*len(t.Columns))
			continue
		}
		n := 0
		for more := true; more; n++ {
			var cell string
			cell, row, more = strings.Cut(row, ",")
			t.cells = append(t.cells, strings.TrimSpace(cell))
		}
		if n != len(t.Columns) {
			return fault.New(fault.Invalid, "%s:%d: %d cells, the header has %d", t.File, line, n, len(t.Columns))
		}
		t.lines = append(t.lines, line)
	}
	return nil
}

func (t *Table) quoted(data []byte) error {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if pe, ok := errors.AsType[*csv.ParseError](err); ok {
			return fault.New(fault.Invalid, "%s:%d: %w", t.File, pe.StartLine, pe.Err)
		}
		if err != nil {
			return fault.New(fault.Invalid, "%s: %w", t.File, err)
		}
		line, _ := r.FieldPos(0)
		if strings.TrimSpace(strings.Join(row, "")) == "" {
			continue
		}
		if t.Columns == nil {
			t.header(row)
			continue
		}
		if len(row) != len(t.Columns) {
			return fault.New(fault.Invalid, "%s:%d: %d cells, the header has %d", t.File, line, len(row), len(t.Columns))
		}
		for _, c := range row {
			t.cells = append(t.cells, strings.TrimSpace(c))
		}
		t.lines = append(t.lines, int32(line)) //nolint:gosec // a file of 64 MB has fewer lines
	}
}

// header takes the names of the columns, in small letters: a workbook made by people has them as they please.
func (t *Table) header(cells []string) {
	for _, c := range cells {
		t.Columns = append(t.Columns, strings.ToLower(strings.TrimSpace(c)))
	}
}

// utf8Of reads what spreadsheets save: UTF-8 with or without a mark, UTF-16 with one, and GB18030. A text in none of
// them is refused: a name of a body region or of a kind must not be guessed.
func utf8Of(data []byte) ([]byte, error) {
	var dec *encoding.Decoder
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		dec = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()
	case utf8.Valid(data):
		return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
	default:
		dec = simplifiedchinese.GB18030.NewDecoder()
	}
	text, err := dec.Bytes(data)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return nil, errors.New("the text is neither UTF-8 nor GB18030: save it as UTF-8")
	}
	return text, nil
}
