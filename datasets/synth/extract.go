package synth

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// extract is one file of one night while it is being written, and what of its records will be taken.
type extract struct {
	name     string // inside the night's folder
	source   string
	table    string // where its records go
	gb       bool   // GB18030, what Windows calls GBK; else UTF-8
	gzip     bool
	text     bytes.Buffer
	records  int
	rejected int
	repeated int
	reasons  map[string]int
	plan     *dirt
	lost     bool // it never comes
	comma    bool // a record of a JSON array came before
}

func (f *extract) clean() int { return f.records - f.rejected - f.repeated }

// csv appends one record of delimited text, quoted where it must be.
func (f *extract) csv(fields []string) {
	for i, v := range fields {
		if i > 0 {
			f.text.WriteByte(',')
		}
		if strings.ContainsAny(v, ",\"\r\n") {
			f.text.WriteByte('"')
			f.text.WriteString(strings.ReplaceAll(v, `"`, `""`))
			f.text.WriteByte('"')
		} else {
			f.text.WriteString(v)
		}
	}
	f.text.WriteString("\r\n")
}

// bytes is the file as it lies on the disk.
func (f *extract) bytes() ([]byte, error) {
	out := f.text.Bytes()
	if f.gb {
		enc, err := simplifiedchinese.GB18030.NewEncoder().Bytes(out)
		if err != nil {
			return nil, fmt.Errorf("synth %s: %w", f.name, err)
		}
		out = enc
	} else if !utf8.Valid(out) {
		return nil, fmt.Errorf("synth %s: not UTF-8", f.name)
	}
	if f.gzip {
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestSpeed)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(out); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		out = z.Bytes()
	}
	return out, nil
}

// parcel is where a night's files go: a folder, or one zip for the whole night.
type parcel struct {
	dir  string
	zip  *zip.Writer
	file *os.File
	when time.Time
}

func newParcel(dir string, d day, zipped bool) (*parcel, error) {
	p := &parcel{dir: filepath.Join(dir, d.iso()), when: d.time().Add(26 * time.Hour)}
	if !zipped {
		return p, os.MkdirAll(p.dir, 0o755)
	}
	return p, p.open(p.dir + ".zip")
}

func (p *parcel) open(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("synth: %w", err)
	}
	p.file, p.zip = f, zip.NewWriter(f)
	return nil
}

// put stores a finished file.
func (p *parcel) put(f *extract) error {
	out, err := f.bytes()
	if err != nil {
		return err
	}
	name := f.name
	if f.gzip {
		name += ".gz"
	}
	if p.zip == nil {
		return os.WriteFile(filepath.Join(p.dir, name), out, 0o644)
	}
	w, err := p.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: p.when})
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

func (p *parcel) close() error {
	if p.zip == nil {
		return nil
	}
	if err := p.zip.Close(); err != nil {
		return err
	}
	return p.file.Close()
}

// Kinds of dirt that is planted. Each spoils a record in one way that a contract's checks must find; repeated records
// are no fault but count as duplicates.
const (
	dirtMissing   = "missing_required"
	dirtDate      = "bad_date"
	dirtMoney     = "bad_money"
	dirtCode      = "unknown_code"
	dirtOrder     = "end_before_start"
	dirtBalance   = "amounts_disagree"
	dirtRagged    = "ragged_row"
	dirtNUL       = "nul_byte"
	dirtDuplicate = "duplicate"
)

// dirt decides which records of a file are spoilt and how.
type dirt struct {
	rng   *rand.Rand
	kinds []string
	rate  float64
	first []string // kinds that must come once, at the file's first records
}

// next says how the next record is spoilt; "" for a clean one.
func (p *dirt) next(record int) string {
	if p == nil || len(p.kinds) == 0 {
		return ""
	}
	if record > 2 && len(p.first) > 0 {
		kind := p.first[0]
		p.first = p.first[1:]
		return kind
	}
	if p.rng.Float64() < p.rate {
		return p.kinds[p.rng.IntN(len(p.kinds))]
	}
	return ""
}

// note counts a written record and what will become of it.
func (f *extract) note(kind string) {
	f.records++
	switch kind {
	case "":
	case dirtDuplicate: // written twice: the second one is not loaded
		f.records++
		f.repeated++
		f.reasons[kind]++
	default:
		f.rejected++
		f.reasons[kind]++
	}
}

// spoilt says whether a record of this kind is lost to every figure.
func spoilt(kind string) bool { return kind != "" && kind != dirtDuplicate }

// row writes one record of a CSV extract, spoilt as planned: at names the fields that each kind of dirt hits.
// It says whether the record counts.
func (f *extract) row(fields []string, at map[string]int) bool {
	kind := f.plan.next(f.records)
	if i, ok := at[kind]; ok {
		fields[i] = spoil(kind, fields[i])
	}
	switch kind {
	case dirtRagged:
		if f.plan.rng.IntN(2) == 0 {
			fields = fields[:len(fields)-2]
		} else {
			fields = append(fields, "?", "?", "?")
		}
	case dirtNUL:
		i := f.plan.rng.IntN(len(fields))
		fields[i] += "\x00"
	case dirtDuplicate:
		f.csv(fields)
	}
	f.csv(fields)
	f.note(kind)
	return !spoilt(kind)
}

// spoil is a value with a fault in it.
func spoil(kind, value string) string {
	tab := ""
	if strings.HasPrefix(value, "\t") {
		tab = "\t"
	}
	switch kind {
	case dirtMissing:
		return tab
	case dirtDate:
		return tab + "2025-02-30" + afterDate(strings.TrimPrefix(value, "\t"))
	case dirtMoney:
		return tab + "12.345"
	case dirtCode:
		return tab + "Q"
	case dirtOrder:
		return tab + "2019-01-01" + afterDate(strings.TrimPrefix(value, "\t"))
	case dirtBalance:
		return tab + "987654.32"
	}
	return value
}

// afterDate is the part of a date and time behind the date.
func afterDate(v string) string {
	if len(v) > 10 {
		return v[10:]
	}
	return ""
}
