package reader

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// broken stands in decoded text for bytes that the encoding does not have. It is never valid UTF-8, so the record that
// holds it is rejected; U+FFFD would pass as a character.
const broken = 0xFF

const rawBytes = 256 << 10 // bytes read at a time, and looked at to tell the encoding

// source yields the text of a file as UTF-8 and remembers which byte of the file each line came from. A file is passed
// through as it is while it is ASCII; its first byte ≥ 0x80 decides the encoding where none is declared.
type source struct {
	name    string
	r       io.Reader
	raw     []byte
	ri, rn  int
	rawAt   int64 // offset in the file of raw[ri]
	start   int64 // bytes of the byte order mark
	out     int64 // bytes of text given so far
	eof     bool
	err     error
	enc     string
	declare string // "" = to be told from the bytes
	dec     transcoder
	decided bool
	marks   []linemark
	head    int // first mark not passed yet

	spill    []byte
	spillBuf [64]byte
}

// linemark ties a place in the text to its place in the file.
type linemark struct{ text, file int64 }

// transcoder turns raw bytes into UTF-8. It consumes whole characters only, unless atEOF. mark is called behind each
// line end with the bytes written and read so far in this call.
type transcoder interface {
	decode(dst, src []byte, atEOF bool, mark func(nDst, nSrc int)) (nDst, nSrc int)
}

// openSource reads the beginning of the file and refuses what is no text.
func openSource(name, declared string, r io.Reader) (*source, error) {
	s := &source{name: name, r: r, raw: make([]byte, rawBytes)}
	if declared != "" && !strings.EqualFold(declared, "auto") {
		enc, _, err := lookup(declared)
		if err != nil {
			return nil, err
		}
		s.declare = enc
	}
	s.fill()
	sample := s.raw[:s.rn]
	if len(sample) == 0 {
		if s.err != nil {
			return nil, s.fault()
		}
		return nil, refuse(name, FaultEmpty, nil, "空文件（0 字节）；请重新导出", "empty file (0 bytes); export it again")
	}
	enc := ""
	for _, m := range marks {
		if strings.HasPrefix(string(sample[:min(4, len(sample))]), m.bytes) {
			enc = m.encoding
			s.ri, s.rawAt, s.start = len(m.bytes), int64(len(m.bytes)), int64(len(m.bytes))
			break
		}
	}
	if enc == "" && s.declare == "" {
		enc = detectUTF16(sample)
	}
	if enc != "" {
		if s.declare != "" && s.declare != enc && (!strings.HasPrefix(enc, "utf-16") || !strings.EqualFold(declared, "utf-16")) {
			return nil, refuse(name, FaultEncoding, nil,
				fmt.Sprintf("声明的编码是 %s，但文件开头的标记（BOM）说是 %s", s.declare, enc),
				fmt.Sprintf("%s is declared, but the mark at the file's begin (BOM) says %s", s.declare, enc))
		}
		s.use(enc)
	} else if s.declare != "" && !asciiLike(s.declare) {
		s.use(s.declare)
	}
	if s.dec == nil {
		if err := junk(name, sample[s.ri:]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// use fixes the encoding; nil transcoder = the bytes are UTF-8 already.
func (s *source) use(enc string) {
	s.decided, s.enc = true, enc
	if enc == "utf-8" {
		return
	}
	_, e, _ := lookup(enc) // was looked up before
	switch cm, ok := e.(*charmap.Charmap); {
	case ok:
		s.dec = newSingle(cm)
	case enc == "gb18030":
		s.dec = gb{gbTable()}
	default:
		o := &other{d: e.NewDecoder()}
		if enc == "utf-16le" || enc == "utf-16be" {
			o.wide = enc[len("utf-16")]
		}
		s.dec = o
	}
}

// Read gives the next text. A transcoder wants room for whole characters; the few bytes at the end of a caller's buffer
// are filled from a spill.
func (s *source) Read(p []byte) (int, error) {
	if len(s.spill) > 0 {
		n := copy(p, s.spill)
		s.spill = s.spill[n:]
		return n, nil
	}
	if s.dec != nil && len(p) < len(s.spillBuf) {
		n, err := s.read(s.spillBuf[:])
		s.spill = s.spillBuf[:n]
		n = copy(p, s.spill)
		s.spill = s.spill[n:]
		return n, err
	}
	return s.read(p)
}

func (s *source) read(p []byte) (int, error) {
	for {
		if s.ri == s.rn {
			if s.decided && s.dec == nil && !s.eof { // straight through
				n, err := s.r.Read(p)
				s.out += int64(n)
				s.rawAt += int64(n)
				if err != nil {
					s.stop(err)
				}
				if n > 0 {
					return n, nil
				}
			} else {
				s.fill()
			}
		}
		if s.ri == s.rn {
			if s.eof {
				if s.err != nil {
					return 0, s.fault()
				}
				return 0, io.EOF
			}
			continue
		}
		if !s.decided {
			if run := asciiRun(s.raw[s.ri:s.rn]); run > 0 {
				return s.give(p, run), nil
			}
			if err := s.decide(); err != nil {
				return 0, err
			}
		}
		if s.dec == nil {
			return s.give(p, s.rn-s.ri), nil
		}
		n, m := s.dec.decode(p, s.raw[s.ri:s.rn], s.eof, func(nDst, nSrc int) {
			s.marks = append(s.marks, linemark{s.out + int64(nDst), s.rawAt + int64(nSrc)})
		})
		s.ri += m
		s.rawAt += int64(m)
		s.out += int64(n)
		if n > 0 {
			return n, nil
		}
		if m == 0 { // the rest of raw is part of a character
			s.fill()
		}
	}
}

// give passes up to n raw bytes on as they are.
func (s *source) give(p []byte, n int) int {
	n = copy(p, s.raw[s.ri:s.ri+n])
	s.ri += n
	s.rawAt += int64(n)
	s.out += int64(n)
	return n
}

// fill reads until raw is full or the file ends.
func (s *source) fill() {
	if s.ri > 0 {
		copy(s.raw, s.raw[s.ri:s.rn])
		s.rn -= s.ri
		s.ri = 0
	}
	for s.rn < len(s.raw) && !s.eof {
		n, err := s.r.Read(s.raw[s.rn:])
		s.rn += n
		if err != nil {
			s.stop(err)
		}
	}
}

func (s *source) stop(err error) {
	s.eof = true
	if !errors.Is(err, io.EOF) {
		s.err = err
	}
}

// fault is the read error of the file: a truncated archive keeps its own words.
func (s *source) fault() error {
	if fault.KindOf(s.err) != fault.Internal {
		return s.err
	}
	return refuse(s.name, FaultBroken, s.err, fmt.Sprintf("读取中断：%v", s.err), fmt.Sprintf("reading broke off: %v", s.err))
}

// decide tells the encoding from the first bytes that are not ASCII, or checks the declared one against them.
func (s *source) decide() error {
	s.fill()
	sample := s.raw[s.ri:s.rn]
	if s.declare != "" {
		if u, three := scoreUTF8(sample, s.eof); s.declare != "utf-8" && u.invalid == 0 && three >= 3 {
			return refuse(s.name, FaultEncoding, nil,
				"声明的编码是 "+s.declare+"，但内容是 UTF-8；请改为 encoding: utf-8 或 auto",
				s.declare+" is declared, but the content is UTF-8; declare encoding: utf-8 or auto")
		}
		s.use(s.declare)
		return nil
	}
	enc, candidates := detect(sample, s.eof)
	if enc == "" {
		return ambiguous(s.name, candidates)
	}
	s.use(enc)
	return nil
}

// encoding is the name of the encoding as far as it is known.
func (s *source) encoding() string {
	if s.decided {
		return s.enc
	}
	if s.declare != "" {
		return s.declare
	}
	return "utf-8" // ASCII so far
}

// offset is the byte of the file from which the text at the given place came; places are asked for in rising order.
// It is exact at the beginning of a line, and where all text since then is ASCII.
func (s *source) offset(text int64) int64 {
	for s.head+1 < len(s.marks) && s.marks[s.head+1].text <= text {
		s.head++
	}
	if s.head > 4096 {
		s.marks = slices.Delete(s.marks, 0, s.head)
		s.head = 0
	}
	if len(s.marks) == 0 || s.marks[s.head].text > text {
		if s.dec == nil {
			return s.rawAt - (s.out - text)
		}
		return text + s.start // ASCII before the first line end
	}
	m := s.marks[s.head]
	return m.file + text - m.text
}

// asciiLike says that an encoding has ASCII bytes for ASCII characters, so that a file may be passed through until its
// first other byte.
func asciiLike(enc string) bool {
	return !strings.HasPrefix(enc, "utf-16") && !strings.HasPrefix(enc, "utf-32") && !strings.HasPrefix(enc, "iso-2022") &&
		!strings.HasPrefix(enc, "hz-") && !strings.HasPrefix(enc, "ibm037") && !strings.HasPrefix(enc, "ibm1047") && enc != "utf-7"
}

// aliases that the registers spell otherwise or map to something narrower than what people send under the name.
var encodingAliases = map[string]string{
	"utf8": "utf-8", "ascii": "utf-8", "us-ascii": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "gb-18030": "gb18030",
	"utf16": "utf-16", "utf-16": "utf-16le", "cp1252": "windows-1252", "latin1": "iso-8859-1", "latin-1": "iso-8859-1",
}

// lookup finds an encoding by any of its IANA names.
func lookup(name string) (string, encoding.Encoding, error) {
	key := strings.ToLower(strings.TrimSpace(name))
	if a, ok := encodingAliases[key]; ok {
		key = a
	}
	switch key {
	case "utf-8":
		return key, unicode.UTF8, nil
	case "gb18030":
		return key, simplifiedchinese.GB18030, nil
	case "utf-16le":
		return key, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case "utf-16be":
		return key, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), nil
	}
	e, err := ianaindex.IANA.Encoding(key)
	if err != nil || e == nil {
		if e, err = htmlindex.Get(key); err != nil || e == nil {
			return "", nil, fault.New(fault.Invalid, lang.Pick("编码 %q：没有这个编码；请用 IANA 名称，例如 gb18030、windows-1252",
				"encoding %q: no such encoding; use an IANA name such as gb18030 or windows-1252"), name)
		}
	}
	return key, e, nil
}

// asciiRun is the number of bytes below 0x80 with which b begins.
func asciiRun(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if word(b[i:])&high != 0 {
			break
		}
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}
