package reader

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	discoverRecords = 1000    // records looked at to name the columns where none are wanted
	discoverBytes   = 8 << 20 // or as many bytes
	maxJSONColumns  = 20_000  // more different keys than that are data, not names
)

// jsonReader reads objects: one a line, or the elements of an array in a document. Nested objects become dotted
// columns, arrays stay JSON text, numbers keep their digits.
type jsonReader struct {
	base
	f     *framer
	words *nullWords

	columns []jsonColumn
	byPath  map[string]int
	outs    int
	outOf   map[string]int // folded wanted name or alias → output column
	exact   map[string]int // wanted name → output column
	want    bool
	rows    int64

	flags   map[string]pathFlags
	arrays  map[string]bool // paths of arrays of which single elements are wanted
	objects map[string]bool // paths of objects that are wanted as text

	path    []byte
	inside  int // arrays that the walk is inside of
	cells   []jsonCell
	scratch []byte
	stamp   []int64 // output column → record that set it last
	early   []early // records read before the columns were known
}

// pathFlags says what is wanted of the object or array at a path.
type pathFlags struct{ whole, elements bool }

type jsonColumn struct {
	path   string
	out    int   // output column, -1 = none
	filled int64 // rows with a value
	seen   int64 // record that had it last
	part   bool  // an element of an array that is a column itself
}

type jsonCell struct {
	col      int
	from, to int // in scratch
}

type early struct {
	raw    []byte
	offset int64
	length int64
}

var _ Reader = (*jsonReader)(nil)

func openNDJSON(spec Spec, name string, r io.Reader, mem memory.Allocator) (Reader, error) {
	return openObjects(spec, name, r, mem, &framer{name: name, lines: true})
}

func openJSON(spec Spec, name string, r io.Reader, mem memory.Allocator) (Reader, error) {
	f := &framer{name: name}
	if spec.JSON.Records != "" {
		f.path = strings.Split(spec.JSON.Records, ".")
	}
	return openObjects(spec, name, r, mem, f)
}

func openObjects(spec Spec, name string, r io.Reader, mem memory.Allocator, f *framer) (Reader, error) {
	src, err := openSource(name, spec.Encoding, r)
	if err != nil {
		return nil, err
	}
	f.scanner = &scanner{src: src, buf: make([]byte, firstWindow), maxLen: min(spec.MaxRecordBytes, 1<<30), return8: carriages}
	j := &jsonReader{f: f, words: newNullWords(spec.Null), byPath: map[string]int{}, want: spec.Want != nil}
	j.name, j.spec = name, spec
	j.refs.Store(1)
	f.fill()
	if f.err != nil {
		return nil, f.err
	}
	if err := page(name, f.buf[:f.w]); err != nil {
		return nil, err
	}
	head := bytes.TrimLeft(f.buf[:f.w], " \t\r\n")
	if len(head) == 0 {
		return nil, refuse(name, FaultEmpty, nil, "空文件（只有空白）；请重新导出", "empty file (only blanks); export it again")
	}
	if f.lines && head[0] == '[' {
		return nil, refuse(name, FaultBroken, nil, "内容是 JSON 数组，不是每行一个对象；请在来源文件中写 format: json",
			"the content is a JSON array, not one object a line; write format: json in the source file")
	}
	names := spec.Want
	if j.want {
		err = j.wanted()
	} else {
		names, err = j.discover()
	}
	if err != nil {
		return nil, err
	}
	j.outs = len(names)
	j.stamp = make([]int64, len(names))
	j.b = newBatcher(mem, names, spec.BatchRecords, spec.Forms)
	return j, nil
}

// wanted prepares the look-up of wanted paths.
func (j *jsonReader) wanted() error {
	j.outOf, j.exact = map[string]int{}, map[string]int{}
	j.arrays, j.objects, j.flags = map[string]bool{}, map[string]bool{}, map[string]pathFlags{}
	for out, name := range j.spec.Want {
		j.exact[name] = out
		for _, n := range append([]string{name}, j.spec.Aliases[name]...) {
			f := foldName(n)
			if other, ok := j.outOf[f]; ok && other != out {
				return refuse(j.name, FaultDuplicateColumns, nil, fmt.Sprintf("%s 同时对应 %s 与 %s；请检查来源文件的 aliases", n, j.spec.Want[other], name),
					fmt.Sprintf("%s stands for both %s and %s; check the aliases of the source file", n, j.spec.Want[other], name))
			}
			j.outOf[f] = out
			j.objects[f] = true
			for i := strings.IndexByte(f, '['); i >= 0; {
				j.arrays[f[:i]] = true
				k := strings.IndexByte(f[i+1:], '[')
				if k < 0 {
					break
				}
				i += 1 + k
			}
		}
	}
	return nil
}

// discover reads the first records to learn the columns; they are kept and become rows later.
func (j *jsonReader) discover() ([]string, error) {
	var size int64
	for len(j.early) < discoverRecords && size < discoverBytes {
		fr, ok, err := j.f.nextFrame()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		e := early{raw: bytes.Clone(fr.raw), offset: j.f.src.offset(fr.at), length: fr.length}
		j.early = append(j.early, e)
		size += fr.length
		if e.raw == nil || j.check(e.raw) != "" {
			continue
		}
		j.cells, j.scratch, j.path = j.cells[:0], j.scratch[:0], j.path[:0]
		j.object(e.raw, skipBlank(e.raw, 0))
	}
	var names []string
	for i := range j.columns {
		c := &j.columns[i]
		c.out, c.seen = len(names), 0
		names = append(names, c.path)
	}
	return names, nil
}

// Next reads the next batch.
func (j *jsonReader) Next() bool {
	j.drop()
	if j.err != nil {
		return false
	}
	for {
		var e early
		if len(j.early) > 0 {
			e, j.early = j.early[0], j.early[1:]
		} else {
			fr, ok, err := j.f.nextFrame()
			if err != nil {
				j.err = err
				break
			}
			if !ok {
				break
			}
			e = early{raw: fr.raw, offset: j.f.src.offset(fr.at), length: fr.length}
		}
		j.records++
		if j.row(e) {
			break
		}
		if len(j.columns) > maxJSONColumns {
			j.err = refuse(j.name, FaultBroken, nil, fmt.Sprintf("不同的键超过 %d 个：键名里似乎是数据", maxJSONColumns),
				fmt.Sprintf("more than %d different keys: the keys seem to be data", maxJSONColumns))
			break
		}
	}
	j.cur = j.b.flush()
	return j.cur != nil
}

// check says why a record cannot be taken, "" = it can.
func (j *jsonReader) check(raw []byte) string {
	switch {
	case bytes.IndexByte(raw, 0) >= 0:
		return ReasonNUL
	case !utf8.Valid(raw):
		return ReasonBadEncoding
	}
	if i := skipBlank(raw, 0); i == len(raw) || raw[i] != '{' || !json.Valid(raw) {
		return ReasonBadJSON
	}
	return ""
}

func (j *jsonReader) row(e early) (full bool) {
	reason, column := ReasonTooLong, ""
	if e.raw != nil {
		reason = j.check(e.raw)
	}
	if reason == "" {
		j.cells, j.scratch, j.path = j.cells[:0], j.scratch[:0], j.path[:0]
		reason, column = j.object(e.raw, skipBlank(e.raw, 0))
	}
	if reason == "" {
		for _, c := range j.cells {
			if out := j.columns[c.col].out; out >= 0 && j.stamp[out] == j.records {
				reason, column = ReasonDuplicateKey, j.columns[c.col].path
			} else if out >= 0 {
				j.stamp[out] = j.records
			}
		}
	}
	if reason != "" {
		j.reject(Reject{Offset: e.offset, Length: e.length, Reason: reason, Column: column})
		return false
	}
	j.b.begin()
	for _, c := range j.cells {
		col := &j.columns[c.col]
		v := j.scratch[c.from:c.to]
		if j.spec.Trim {
			v = trim(v)
		}
		if len(v) == 0 || j.words.is(v) {
			if col.out >= 0 {
				j.b.null(col.out)
			}
			continue
		}
		col.filled++
		if col.out >= 0 {
			j.b.put(col.out, v)
		}
	}
	for out := range j.outs {
		if j.stamp[out] != j.records {
			j.b.null(out)
		}
	}
	j.rows++
	return j.b.end(j.records, e.offset)
}

// columnOf is the column of the present path; a path met for the first time becomes one. Inside an array only wanted
// paths are columns, others give -1.
func (j *jsonReader) columnOf() (col int, reason, column string) {
	col, ok := j.byPath[string(j.path)]
	if !ok {
		path := string(j.path)
		c := jsonColumn{path: path, out: -1, seen: -1, part: j.inside > 0}
		if j.want {
			if out, ok := j.exact[path]; ok {
				c.out = out
			} else if out, ok := j.outOf[foldName(path)]; ok {
				c.out = out
			}
		}
		if c.part && c.out < 0 {
			return -1, "", ""
		}
		col = len(j.columns)
		j.columns = append(j.columns, c)
		j.byPath[path] = col
	}
	c := &j.columns[col]
	if c.seen == j.records && j.b != nil {
		return col, ReasonDuplicateKey, c.path
	}
	c.seen = j.records
	return col, "", ""
}

func (j *jsonReader) Columns() []string {
	out := make([]string, 0, len(j.columns))
	for i := range j.columns {
		if !j.columns[i].part {
			out = append(out, j.columns[i].path)
		}
	}
	return out
}

func (j *jsonReader) Missing() []string {
	var out []string
	for i, name := range j.spec.Want {
		if !slices.ContainsFunc(j.columns, func(c jsonColumn) bool { return c.out == i }) {
			out = append(out, name)
		}
	}
	return out
}

func (j *jsonReader) Nulls() map[string]int64 {
	out := make(map[string]int64, len(j.columns))
	for i := range j.columns {
		if !j.columns[i].part {
			out[j.columns[i].path] = j.rows - j.columns[i].filled
		}
	}
	return out
}

func (j *jsonReader) Extra() map[string]int64 {
	out := map[string]int64{}
	for i := range j.columns {
		if c := &j.columns[i]; c.out < 0 {
			out[c.path] = c.filled
		}
	}
	return out
}

func (j *jsonReader) Encoding() string { return j.f.src.encoding() }
