package reader_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

// null is how a null cell is written in the wants below.
const null = "∅"

// result is all that a reader says about a file.
type result struct {
	names   []string
	rows    [][]string
	numbers []int64
	offsets []int64
	rejects []reader.Reject
	r       reader.Reader
	err     error
}

// readAll opens and drains a reader, with an allocator that notices a lost buffer.
func readAll(tb testing.TB, spec reader.Spec, in io.Reader) result {
	tb.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(tb, 0)
	r, err := reader.Open(spec, "f.csv", in, mem)
	if err != nil {
		return result{err: err}
	}
	defer r.Release()
	out := result{r: r}
	for _, f := range r.Schema().Fields() {
		out.names = append(out.names, f.Name)
	}
	for r.Next() {
		b := r.RecordBatch()
		n := int(b.NumCols())
		for i := range int(b.NumRows()) {
			row := make([]string, 0, n-2)
			for c := range n - 2 {
				col := b.Column(c).(*array.String)
				if col.IsNull(i) {
					row = append(row, null)
				} else {
					row = append(row, strings.Clone(col.Value(i)))
				}
			}
			out.rows = append(out.rows, row)
			out.numbers = append(out.numbers, b.Column(n-2).(*array.Int64).Value(i))
			out.offsets = append(out.offsets, b.Column(n-1).(*array.Int64).Value(i))
		}
		out.rejects = append(out.rejects, r.Rejects()...)
	}
	out.rejects = append(out.rejects, r.Rejects()...)
	out.err = r.Err()
	if got, want := r.Records(), int64(len(out.rows)+len(out.rejects)); got != want {
		tb.Errorf("records %d, want rows + rejects = %d", got, want)
	}
	return out
}

func header() reader.Spec { return reader.Spec{CSV: reader.CSVSpec{Header: true}} }

func (r result) reasons() []string {
	var out []string
	for _, j := range r.rejects {
		out = append(out, fmt.Sprintf("%d %s", j.Record, j.Reason))
	}
	return out
}

func TestCSVReadsWhatExportersWrite(t *testing.T) {
	for _, c := range []struct {
		name, in string
		spec     func(*reader.Spec)
		rows     [][]string
		rejects  []string
	}{
		{"plain", "a,b\n1,2\n3,4\n", nil, [][]string{{"1", "2"}, {"3", "4"}}, nil},
		{"no line end at the end", "a,b\n1,2", nil, [][]string{{"1", "2"}}, nil},
		{"CRLF", "a,b\r\n1,2\r\n\"x\",\"y\"\r\n", nil, [][]string{{"1", "2"}, {"x", "y"}}, nil},
		{"CR", "a,b\r1,2\r3,4\r", nil, [][]string{{"1", "2"}, {"3", "4"}}, nil},
		{"quotes, line ends and delimiters inside quotes", "a,b\n\"x,\"\"y\"\"\r\nz\",2\n", nil, [][]string{{"x,\"y\"\r\nz", "2"}}, nil},
		{"a quote inside an unquoted field", "a,b\n5\" nail,2\n", nil, [][]string{{"5\" nail", "2"}}, nil},
		{"empty and words for null", "a,b,c\n,\"\",NA\nNAN,-,x\n", func(s *reader.Spec) { s.Null = []string{"NA", "-"} }, [][]string{{null, null, null}, {"NAN", null, "x"}}, nil},
		{"too few and too many fields", "a,b\n1\n1,2\n1,2,3\n", nil, [][]string{{"1", "2"}}, []string{"1 ragged", "3 ragged"}},
		{"one delimiter too many", "a,b\n1,2,\n", nil, [][]string{{"1", "2"}}, nil},
		{"header with one delimiter too many", "a,b,\n1,2,\n3,4\n", nil, [][]string{{"1", "2", null}, {"3", "4", null}}, nil},
		{"blank lines and Ctrl-Z", "\n\na,b\n\n1,2\n\n\x1a", nil, [][]string{{"1", "2"}}, nil},
		{"zero byte", "a,b\n1,\x002\n3,4\n", nil, [][]string{{"3", "4"}}, []string{"1 nul_byte"}},
		{"tab before every field", "a,b\n\t1,\t2 \n \t\"x\" ,\u00a0y\u3000\n", func(s *reader.Spec) { s.Trim = true }, [][]string{{"1", "2"}, {"x", "y"}}, nil},
		{"semicolon", "a;b\n1,5;2\n", func(s *reader.Spec) { s.CSV.Delimiter = ";" }, [][]string{{"1,5", "2"}}, nil},
		{"two-character delimiter", "a||b||c\n1|2||3||\"x||y\"\n||\n||||\n", func(s *reader.Spec) { s.CSV.Delimiter = "||" }, [][]string{{"1|2", "3", "x||y"}, {null, null, null}}, []string{"2 ragged"}},
		{"delimiter outside ASCII", "a¦b\n1¦2\n", func(s *reader.Spec) { s.CSV.Delimiter = "¦" }, [][]string{{"1", "2"}}, nil},
		{"control character as delimiter", "a\x01b\n1\x012\n", func(s *reader.Spec) { s.CSV.Delimiter = "\x01" }, [][]string{{"1", "2"}}, nil},
		{"tab", "a\tb\n1\t\n\t2\n", func(s *reader.Spec) { s.CSV.Delimiter = "\t"; s.Trim = true }, [][]string{{"1", null}, {null, "2"}}, nil},
		{"delimiter to be found", "\"a,x\";b\n1,5;2\n", func(s *reader.Spec) { s.CSV.Delimiter = "auto" }, [][]string{{"1,5", "2"}}, nil},
		{"no quoting", "a,b\n\"1,2\n", func(s *reader.Spec) { s.CSV.Quote = "none" }, [][]string{{"\"1", "2"}}, nil},
		{"single quotes and backslash", "a,b\n'it\\'s \\\\',2\n", func(s *reader.Spec) { s.CSV.Quote = "'"; s.CSV.Escape = "\\" }, [][]string{{"it's \\", "2"}}, nil},
		{"columns declared", "1,2\n", func(s *reader.Spec) { s.CSV.Header = false; s.CSV.Columns = []string{"a", "b"} }, [][]string{{"1", "2"}}, nil},
		{"lines to skip and comments", "report of today\n\"\na,b\n#x\n1,2\n", func(s *reader.Spec) { s.CSV.SkipLines = 2; s.CSV.Comment = "#" }, [][]string{{"1", "2"}}, nil},
		{"an open quote costs one line", "a,b\n1,\"x\n2,y\n3,\"z\"\n4,w\n", nil, [][]string{{"2", "y"}, {"3", "z"}, {"4", "w"}}, []string{"1 bad_quote"}},
		{"an open quote at the end costs one line", "a,b\n1,\"x\n2,y\n", nil, [][]string{{"2", "y"}}, []string{"1 unterminated_quote"}},
		{"text behind a closing quote", "a,b\n\"x\"y,1\n2,3\n", nil, [][]string{{"2", "3"}}, []string{"1 bad_quote"}},
		{"broken UTF-8", "a,b\n名,字名字名字名字名字名字名字名字名字名字名字\n1,\xe5\x90\n3,4\n", nil, [][]string{{"名", "字名字名字名字名字名字名字名字名字名字名字"}, {"3", "4"}}, []string{"2 bad_encoding"}},
		{"a long record", "a,b\n1," + strings.Repeat("x", 200) + "\n3,4\n", func(s *reader.Spec) { s.MaxRecordBytes = 100 }, [][]string{{"3", "4"}}, []string{"1 too_long"}},
		{"header only", "a,b\n", nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := header()
			if c.spec != nil {
				c.spec(&spec)
			}
			for _, chunk := range []int{1, 3, 1 << 20} { // wherever the window happens to end
				got := readAll(t, spec, &slowly{strings.NewReader(c.in), chunk})
				if got.err != nil {
					t.Fatal(got.err)
				}
				if !reflect.DeepEqual(got.rows, c.rows) {
					t.Errorf("rows\n got %q\nwant %q", got.rows, c.rows)
				}
				if reasons := got.reasons(); !slices.Equal(reasons, c.rejects) {
					t.Errorf("rejects %q, want %q", reasons, c.rejects)
				}
			}
		})
	}
}

// slowly gives n bytes at a time.
type slowly struct {
	r io.Reader
	n int
}

func (s *slowly) Read(p []byte) (int, error) { return s.r.Read(p[:min(s.n, len(p))]) }

func TestCSVKeepsThePlaceOfEachRecord(t *testing.T) {
	const text = "编号,姓名\n1,王\n2,\"李\n四\"\n3\n5,赵\n"
	gbk, _ := simplifiedchinese.GB18030.NewEncoder().String(text)
	utf16, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	for _, c := range []struct{ name, in, encoding string }{
		{"UTF-8", text, "utf-8"}, {"UTF-8 with mark", "\ufeff" + text, "utf-8"}, {"GB18030", gbk, "gb18030"}, {"UTF-16", utf16, "utf-16le"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readAll(t, header(), strings.NewReader(c.in))
			if got.err != nil {
				t.Fatal(got.err)
			}
			if want := [][]string{{"1", "王"}, {"2", "李\n四"}, {"5", "赵"}}; !reflect.DeepEqual(got.rows, want) {
				t.Errorf("rows %q, want %q", got.rows, want)
			}
			if got.r.Encoding() != c.encoding {
				t.Errorf("encoding %s, want %s", got.r.Encoding(), c.encoding)
			}
			var places []int64
			for _, mark := range []string{"1,", "2,", "5,"} {
				if c.name == "UTF-16" {
					mark = mark[:1] + "\x00" + mark[1:] + "\x00"
				}
				places = append(places, int64(strings.Index(c.in, mark)))
			}
			if !slices.Equal(got.offsets, places) {
				t.Errorf("offsets %v, want %v", got.offsets, places)
			}
			if want := []int64{1, 2, 4}; !slices.Equal(got.numbers, want) {
				t.Errorf("record numbers %v, want %v", got.numbers, want)
			}
			if j := got.rejects[0]; j.Record != 3 || j.Got != 1 || j.Want != 2 || c.in[j.Offset] != '3' {
				t.Errorf("reject %+v", j)
			}
		})
	}
}

func TestCSVTakesWantedColumns(t *testing.T) {
	spec := header()
	spec.Want = []string{"B", "gone", "name"}
	spec.Aliases = map[string][]string{"name": {"Generic\u00a0 Name"}}
	got := readAll(t, spec, strings.NewReader("ａ,b,generic  name,c\n1,2,x,\n3,,y,4\n"))
	if got.err != nil {
		t.Fatal(got.err)
	}
	if want := [][]string{{"2", null, "x"}, {null, null, "y"}}; !reflect.DeepEqual(got.rows, want) {
		t.Errorf("rows %q, want %q", got.rows, want)
	}
	if want := []string{"ａ", "b", "generic name", "c"}; !slices.Equal(got.r.Columns(), want) {
		t.Errorf("columns %q, want %q", got.r.Columns(), want)
	}
	if want := []string{"gone"}; !slices.Equal(got.r.Missing(), want) {
		t.Errorf("missing %q, want %q", got.r.Missing(), want)
	}
	if want := map[string]int64{"ａ": 2, "c": 1}; !reflect.DeepEqual(got.r.Extra(), want) {
		t.Errorf("extra %v, want %v", got.r.Extra(), want)
	}
	if want := map[string]int64{"ａ": 0, "b": 1, "generic name": 0, "c": 1}; !reflect.DeepEqual(got.r.Nulls(), want) {
		t.Errorf("nulls %v, want %v", got.r.Nulls(), want)
	}
}

func TestARejectExplainsItself(t *testing.T) {
	got := readAll(t, header(), strings.NewReader("a,b\n1,2,3\n"))
	zh, en := got.rejects[0].Explain()
	if !strings.HasPrefix(en, "3 fields where the header has 2: ") || !strings.HasPrefix(zh, "应有 2 个字段，实有 3 个：") {
		t.Errorf("%s %s", zh, en)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	gbk := func(s string) string { out, _ := simplifiedchinese.GB18030.NewEncoder().String(s); return out }
	for _, c := range []struct{ name, in, encoding, fault, says string }{
		{"empty", "", "", reader.FaultEmpty, "0 bytes"},
		{"web page", "\r\n <!DOCTYPE html><html><body>404</body></html>", "", reader.FaultHTML, "web page"},
		{"web page in GBK", gbk("<html><title>用户登录页面</title></html>"), "", reader.FaultHTML, "web page"},
		{"gzip under the name of csv", "\x1f\x8b\x08\x00\x00\x00\x00\x00", "", reader.FaultBinary, "gzip"},
		{"workbook under the name of csv", "PK\x03\x04\x14\x00\x06\x00", "", reader.FaultBinary, "xlsx"},
		{"binary", strings.Repeat("\x05\x06\x07\x0e\x81ab", 50), "", reader.FaultBinary, "not a text file"},
		{"a name twice", "a,b,a\n1,2,3\n", "", reader.FaultDuplicateColumns, "a (columns 1 and 3)"},
		{"western text", "name\nJos\xe9 Mu\xf1oz\n", "", reader.FaultAmbiguous, "encoding: windows-1252"},
		{"two characters that fit GB18030 and UTF-8", "a\n\xd2\xbd\xd4\xba\n", "", reader.FaultAmbiguous, "utf-8, gb18030"},
		{"declared UTF-8, is GB18030", gbk("姓名,性别\n王伟,男\n"), "utf-8", reader.FaultEncoding, "header is not valid utf-8"},
		{"declared GB18030, is UTF-8", "姓名,性别\n王伟,男\n", "gb18030", reader.FaultEncoding, "the content is UTF-8"},
		{"declared GB18030, marked UTF-8", "\ufeff姓名\n王伟\n", "gb18030", reader.FaultEncoding, "BOM"},
		{"only blank lines", "\n\n\n", "", reader.FaultNoHeader, "no header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := header()
			spec.Encoding = c.encoding
			got := readAll(t, spec, strings.NewReader(c.in))
			var file *reader.FileError
			if !errors.As(got.err, &file) {
				t.Fatalf("err %v, want a FileError", got.err)
			}
			if file.Fault != c.fault || !strings.Contains(got.err.Error(), c.says) || !strings.HasPrefix(got.err.Error(), "f.csv: ") {
				t.Errorf("fault %s: %v\nwant %s, saying %q", file.Fault, got.err, c.fault, c.says)
			}
			if fault.KindOf(got.err) != fault.Refused {
				t.Errorf("kind %v, want Refused", fault.KindOf(got.err))
			}
			if file.ZH == "" || file.EN == "" {
				t.Error("a text is missing in one language")
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	const text = "编码,名称\nI10.x00,原发性高血压\nE11.900,2型糖尿病\n"
	gbk, _ := simplifiedchinese.GB18030.NewEncoder().String(text)
	u16be, _ := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(text)
	u16le, _ := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(text)
	rows := [][]string{{"I10.x00", "原发性高血压"}, {"E11.900", "2型糖尿病"}}
	for _, c := range []struct {
		name, in, declare, encoding string
		rows                        [][]string
		rejects                     []string
	}{
		{"UTF-8", text, "", "utf-8", rows, nil},
		{"GBK", gbk, "auto", "gb18030", rows, nil},
		{"GBK declared", gbk, "gbk", "gb18030", rows, nil},
		{"UTF-16BE, no mark", u16be, "", "utf-16be", rows, nil},
		{"UTF-16LE, no mark", u16le, "", "utf-16le", rows, nil},
		{"ASCII", "a,b\n1,2\n", "", "utf-8", [][]string{{"1", "2"}}, nil},
		{"windows-1252 declared", "a,b\nJos\xe9,\x80\n", "windows-1252", "windows-1252", [][]string{{"José", "€"}}, nil},
		{"ISO-8859-15 by IANA name", "a,b\nJos\xe9,\xa4\n", "ISO-8859-15", "iso-8859-15", [][]string{{"José", "€"}}, nil},
		{"Big5 declared", "a,b\n\xc2\xe5\xb0\x7c,1\n", "Big5", "big5", [][]string{{"醫院", "1"}}, nil},
		{"a hanzi cut in half", gbk + "J45.900,\xcf\nI20,\xd0\xc4\xbd\xca\xcd\xb4\n", "", "gb18030", append(slices.Clone(rows), []string{"I20", "心绞痛"}), []string{"3 bad_encoding"}},
		{"GB18030 with four bytes", "a,b\n\x81\x36\xa5\x32,\xd0\xc4\xbd\xca\xcd\xb4\xd0\xc4\xbd\xca\xcd\xb4\n", "gb18030", "gb18030", [][]string{{"\u2011", "心绞痛心绞痛"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := header()
			spec.Encoding = c.declare
			for _, chunk := range []int{1, 1 << 20} {
				got := readAll(t, spec, &slowly{strings.NewReader(c.in), chunk})
				if got.err != nil {
					t.Fatal(got.err)
				}
				if !reflect.DeepEqual(got.rows, c.rows) || !slices.Equal(got.reasons(), c.rejects) {
					t.Errorf("rows %q %q\nwant %q %q", got.rows, got.reasons(), c.rows, c.rejects)
				}
				if got.r.Encoding() != c.encoding {
					t.Errorf("encoding %s, want %s", got.r.Encoding(), c.encoding)
				}
			}
		})
	}
	spec := header()
	spec.Encoding = "klingon-8"
	if got := readAll(t, spec, strings.NewReader("a\n1\n")); fault.KindOf(got.err) != fault.Invalid {
		t.Errorf("unknown encoding: %v", got.err)
	}
}

// endless is a file of one line, without end until its bytes are given.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.left))
	for i := range n {
		p[i] = 'x'
	}
	e.left -= int64(n)
	return n, nil
}

func TestAnEndlessLineIsOneRejectAndLittleMemory(t *testing.T) {
	size := int64(2 << 30)
	if testing.Short() {
		size = 64 << 20
	}
	in := io.MultiReader(strings.NewReader("a,b\n1,2\n"), &endless{size}, strings.NewReader("\n3,4\n"))
	got := readAll(t, header(), in)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if want := [][]string{{"1", "2"}, {"3", "4"}}; !reflect.DeepEqual(got.rows, want) {
		t.Errorf("rows %q, want %q", got.rows, want)
	}
	if len(got.rejects) != 1 || got.rejects[0].Reason != reader.ReasonTooLong || got.rejects[0].Length != size || got.rejects[0].Offset != 8 {
		t.Errorf("rejects %+v", got.rejects)
	}
}

// FuzzCSV: whatever the bytes, nothing panics and each record is a row or a reject.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a;b\r\n\"x\"\"\";\r\n", "a,b\n\"x\ny\",\"", "\xff\xfea\x00\n\x001\x00", "a\n\xc4\xe3\xba\xc3\n", "a,b\r1,2\r", "a||b\n1||2|||\n"} {
		f.Add(s, ",", false)
		f.Add(s, "||", true)
	}
	f.Fuzz(func(t *testing.T, in, delimiter string, trim bool) {
		spec := header()
		spec.CSV.Delimiter, spec.Trim, spec.MaxRecordBytes, spec.BatchRecords = delimiter, trim, 1000, 7
		got := readAll(t, spec, strings.NewReader(in))
		for i := 1; i < len(got.numbers); i++ {
			if got.numbers[i] <= got.numbers[i-1] || got.offsets[i] < got.offsets[i-1] {
				t.Fatalf("places do not rise: %v %v", got.numbers, got.offsets)
			}
		}
		if got.err == nil && len(in) > 0 {
			again := readAll(t, spec, &slowly{strings.NewReader(in), 1})
			if !reflect.DeepEqual(again.rows, got.rows) || !slices.Equal(again.reasons(), got.reasons()) {
				t.Fatalf("other rows when read byte by byte:\n%q\n%q", got.rows, again.rows)
			}
		}
	})
}

// FuzzCSVRoundTrip: what encoding/csv writes is read back cell by cell.
func FuzzCSVRoundTrip(f *testing.F) {
	f.Add("x", "a,b", "c\"d", "e\nf")
	f.Add("\t", "名字", " ", "\"\"")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		cells := [][]string{{a, b, "1"}, {c, d, "2"}}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		_ = w.Write([]string{"h1", "h2", "h3"})
		for _, row := range cells {
			for _, cell := range row {
				if strings.ContainsFunc(cell, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) || !isText(cell) {
					t.Skip() // many control bytes make a file no text
				}
			}
			_ = w.Write(row)
		}
		w.Flush()
		spec := header()
		spec.Encoding = "utf-8"
		got := readAll(t, spec, &out)
		if got.err != nil {
			t.Fatal(got.err)
		}
		for i := range cells {
			for j := range cells[i] {
				if cells[i][j] == "" {
					cells[i][j] = null
				}
			}
		}
		if !reflect.DeepEqual(got.rows, cells) {
			t.Fatalf("got %q, want %q", got.rows, cells)
		}
	})
}

func isText(s string) bool { return strings.ToValidUTF8(s, "") == s }

// night writes an extract such as a hospital sends: 40 columns, 420 bytes a record.
func night(records int) []byte {
	var b bytes.Buffer
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "C%02d", i)
	}
	b.WriteByte('\n')
	for i := range records {
		for c := range 40 {
			if c > 0 {
				b.WriteByte(',')
			}
			switch c % 5 {
			case 0:
				fmt.Fprintf(&b, "%d", 1_000_000_000+i)
			case 1:
				fmt.Fprintf(&b, "2025-03-%02d 08:%02d:00", 1+i%28, c)
			case 2:
				fmt.Fprintf(&b, "%d.%02d", rng.IntN(20000), rng.IntN(100))
			case 3:
				if i%50 == 0 {
					b.WriteString("\"I10.x00, other\"")
				} else {
					b.WriteString("I10.x00x002")
				}
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func BenchmarkCSV(b *testing.B) {
	in := night(50_000)
	gbk, _ := simplifiedchinese.GB18030.NewEncoder().Bytes(bytes.ReplaceAll(in, []byte("I10.x00x002"), []byte("原发性高血压")))
	for _, c := range []struct {
		name string
		in   []byte
	}{{"ascii", in}, {"gb18030", gbk}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.in)))
			spec := header()
			spec.Null = []string{"-", "—"}
			for b.Loop() {
				r, err := reader.Open(spec, "night.csv", bytes.NewReader(c.in), memory.DefaultAllocator)
				if err != nil {
					b.Fatal(err)
				}
				for r.Next() {
				}
				if r.Err() != nil || len(r.Rejects()) > 0 {
					b.Fatal(r.Err())
				}
				r.Release()
			}
		})
	}
}
