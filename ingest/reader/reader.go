// Package reader turns extracts as they arrive (delimited text, NDJSON, JSON, Parquet, in any encoding) into Arrow
// batches of text columns, and accounts for every record it meets: a record becomes one row, or one reject with a
// reason that a hospital can act on. Each row carries its place: `_src_row`, the record's number from 1, and
// `_src_offset`, the byte of the (unpacked) file at which the record begins.
//
// It knows no contract: a cell is the text that stood in the file, null where it was empty or one of the source's words
// for null. Numbers keep their digits. Where it is asked to (Form), it reads plain cells as values. It unpacks nothing either; that is package landing.
package reader

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// The two columns that follow the data columns in every batch.
const (
	RowColumn    = "_src_row"    // INT64, number of the record in its file, from 1; header and blank lines do not count
	OffsetColumn = "_src_offset" // INT64, byte of the unpacked file where the record begins; for Parquet the row's index
)

// Formats that Open reads.
const (
	CSV     = "csv"     // any delimited text
	NDJSON  = "ndjson"  // one JSON object a line
	JSON    = "json"    // one document: an array of records, or an object that holds one (see JSONSpec.Records)
	Parquet = "parquet" // values become their canonical text
)

// Spec says how an extract is laid out. The zero value of each field is the default given with it.
type Spec struct {
	Format   string // CSV, NDJSON, JSON or Parquet; "" = CSV
	Encoding string // "" or "auto" = detected, refused where ambiguous; else any IANA name
	CSV      CSVSpec
	JSON     JSONSpec

	// Want lists the columns that the mapping needs, in the order of the Arrow schema. A wanted column that the file
	// lacks is all null and listed by Missing; one that nobody wants is counted but not copied. Nil = every column.
	// In JSON a column is a dotted path, with [n] for the n-th element of an array (from 0): name[0].family.
	Want []string
	// Aliases gives other names under which a wanted column may come. Names are compared without regard to case,
	// width (Ａ = A) and blanks at their ends.
	Aliases map[string][]string

	// Forms are wanted columns whose values are wanted beside their texts.
	Forms map[string]Form

	Null []string // texts that mean null besides the empty cell, e.g. "-", "—", "NA"
	Trim bool     // cut blanks, TABs, no-break and ideographic spaces from both ends of each cell

	MaxRecordBytes int    // a longer record is rejected as too_long; 0 = 16 MiB
	BatchRecords   int    // records in a batch at most; 0 = 16384
	TempDir        string // where Parquet that comes as a stream is set down; "" = os.TempDir()
}

// CSVSpec is the dialect of delimited text.
type CSVSpec struct {
	Delimiter string   // one or more characters; "" = ","; "auto" = the usual one that stands most often in the first line
	Quote     string   // one ASCII character; "" = `"`, "none" = no quoting
	Escape    string   // one ASCII character before a quote inside quotes; "" = the quote doubled
	Header    bool     // the first record names the columns
	Columns   []string // names where there is no header; with Header they replace the header's
	SkipLines int      // lines before the header (or the first record) to leave out
	Comment   string   // lines that begin with it are left out; "" = none
}

// JSONSpec says where the records are.
type JSONSpec struct {
	Records string // dotted path to the array of records; "" = the document is the array, or is itself one record
}

// Reader yields batches and, beside them, what became of each record. Columns, Missing and Encoding are known once Open
// returns; counts grow as batches are read. A Reader is used by one goroutine.
type Reader interface {
	// RecordReader: Next, RecordBatch, Err, Schema. All columns are STRING; behind them come the values of those that have
	// a Form, then RowColumn and OffsetColumn. Err after
	// Next returned false says whether the file came to its proper end.
	array.RecordReader

	Columns() []string       // the columns of the file, named as in the file (blanks at the ends cut)
	Missing() []string       // wanted columns that the file lacks; in JSON those that no record had so far
	Extra() map[string]int64 // columns of the file that nobody wants → records that had a value there
	Nulls() map[string]int64 // column of the file → rows whose value is null
	Records() int64          // records met: rows yielded + rejects
	Rejects() []Reject       // rejects since the last call of Rejects, in file order
	Encoding() string        // the encoding read: utf-8, gb18030, windows-1252 …; "" for Parquet
}

// Reject is one record that could not be made a row.
type Reject struct {
	Record int64  // its number, from 1
	Offset int64  // its first byte in the unpacked file
	Length int64  // its bytes, line end not counted
	Reason string // one of the Reason… codes; Explain gives the sentence
	Column string // the column at fault, "" where it is the record as a whole
	Got    int    // ragged: fields that the record has
	Want   int    // ragged: fields that it should have
}

const (
	defaultMaxRecord = 16 << 20
	defaultBatch     = 16384
)

// Open begins to read r, which is the unpacked content of the file called name. The reader does not close r. An error
// of kind fault.Refused says that the file as a whole cannot be read and why (a *FileError).
func Open(spec Spec, name string, r io.Reader, mem memory.Allocator) (Reader, error) {
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	if spec.MaxRecordBytes <= 0 {
		spec.MaxRecordBytes = defaultMaxRecord
	}
	if spec.BatchRecords <= 0 {
		spec.BatchRecords = defaultBatch
	}
	switch spec.Format {
	case CSV, "":
		return openCSV(spec, name, r, mem)
	case NDJSON:
		return openNDJSON(spec, name, r, mem)
	case JSON:
		return openJSON(spec, name, r, mem)
	case Parquet:
		return openParquet(spec, name, r, mem)
	}
	return nil, fault.Wrap(fault.Invalid, fmt.Errorf("format %q: no such format; one of csv, ndjson, json, parquet", spec.Format))
}
