package reader

import (
	"fmt"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// Reasons for which one record is rejected.
const (
	ReasonRagged       = "ragged"             // too few or too many fields
	ReasonTooLong      = "too_long"           // longer than MaxRecordBytes
	ReasonNUL          = "nul_byte"           // holds a zero byte
	ReasonBadEncoding  = "bad_encoding"       // bytes that the file's encoding does not have
	ReasonUnterminated = "unterminated_quote" // a quote opens and never closes
	ReasonBadQuote     = "bad_quote"          // text between a closing quote and the next delimiter
	ReasonBadJSON      = "bad_json"           // not a JSON object
	ReasonDuplicateKey = "duplicate_key"      // one key twice in a JSON object
)

type sentence struct{ zh, en string }

var reasons = map[string]sentence{
	ReasonRagged:       {"字段个数与表头不符；请检查该行的分隔符与引号", "the number of fields differs from the header; check delimiters and quotes of this record"},
	ReasonTooLong:      {"记录超过长度上限；请检查是否缺少换行或引号未闭合", "the record is longer than the limit; check for a missing line end or an open quote"},
	ReasonNUL:          {"记录中含有空字节（0x00）；请重新导出该记录", "the record holds a zero byte (0x00); export it again"},
	ReasonBadEncoding:  {"记录中有不属于文件编码的字节（常见于按字节截断的汉字）；请重新导出", "the record holds bytes that the file's encoding does not have (often a character cut in half); export it again"},
	ReasonUnterminated: {"引号未闭合", "a quote is opened and never closed"},
	ReasonBadQuote:     {"右引号之后、分隔符之前还有文字；引号内的引号请双写", "text follows a closing quote before the next delimiter; double the quotes inside a quoted field"},
	ReasonBadJSON:      {"不是合法的 JSON 对象", "not a JSON object"},
	ReasonDuplicateKey: {"同一个键出现两次", "one key occurs twice"},
}

// Explain is the sentence of a reject's reason in Chinese and English. It never holds a value of the record.
func Explain(reason string) (zh, en string) {
	s := reasons[reason]
	return s.zh, s.en
}

// Explain is the sentence of this reject, with the numbers of fields where they are at fault.
func (j Reject) Explain() (zh, en string) {
	zh, en = Explain(j.Reason)
	if j.Reason == ReasonRagged {
		zh = fmt.Sprintf("应有 %d 个字段，实有 %d 个：%s", j.Want, j.Got, zh)
		en = fmt.Sprintf("%d fields where the header has %d: %s", j.Got, j.Want, en)
	}
	return zh, en
}

// Faults for which a whole file is refused.
const (
	FaultEmpty            = "empty_file"
	FaultHTML             = "html_page"
	FaultBinary           = "binary"
	FaultEncoding         = "encoding"           // wrong or unknown
	FaultAmbiguous        = "ambiguous_encoding" // several encodings fit
	FaultDuplicateColumns = "duplicate_columns"
	FaultNoHeader         = "no_header"
	FaultTruncated        = "truncated"
	FaultBroken           = "broken" // cannot be read further: broken JSON, Parquet, read error
)

// FileError says why a file as a whole cannot be read.
type FileError struct {
	Name   string // the file
	Fault  string // one of the Fault… codes
	ZH, EN string // the cause and what to do, without the file's name
	Err    error  // what lies beneath, may be nil
}

func (e *FileError) Error() string { return fmt.Sprintf("%s: %s", e.Name, lang.Pick(e.ZH, e.EN)) }
func (e *FileError) Unwrap() error { return e.Err }

// refuse makes a FileError of kind Refused.
func refuse(name, code string, beneath error, zh, en string) error {
	return fault.Wrap(fault.Refused, &FileError{Name: name, Fault: code, ZH: zh, EN: en, Err: beneath})
}
