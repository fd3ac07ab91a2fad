package schemes

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Package is the files of a package, ready to be written into a folder.
type Package map[string][]byte

// PackageOf collects the files of a folder that belong to the layout, and writes their hashes into the manifest.
func PackageOf(fsys fs.FS, name string) (Package, error) {
	p := Package{}
	names := map[string]bool{}
	for _, f := range slices.Concat(drgFiles, dipFiles) {
		names[f.name] = true
		if f.also != "" {
			names[f.also] = true
		}
	}
	for _, file := range sortedKeys(names) {
		data, err := fs.ReadFile(fsys, file)
		if err == nil {
			p[file] = data
		}
	}
	m, err := readManifest(fsys, name)
	if err != nil {
		return nil, err
	}
	return p, p.seal(m)
}

// seal writes the manifest with the hash of every file.
func (p Package) seal(m Manifest) error {
	m.SHA256 = map[string]string{}
	for file, data := range p {
		if file == manifestFile {
			continue
		}
		t, err := parseTable(file, data)
		if err != nil {
			return err
		}
		m.SHA256[file] = t.SHA256
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	p[manifestFile] = append(text, '\n')
	return nil
}

// maxBook bounds an unpacked workbook.
const maxBook = 512 << 20

// FromWorkbook reads a workbook whose sheets are named as the files of the layout (mdc, mdc_dx, adrg, …), a header in
// the first row. A sheet manifest with the columns key and value fills the manifest.
func FromWorkbook(r io.Reader, name string) (Package, error) {
	book, err := excelize.OpenReader(r, excelize.Options{UnzipSizeLimit: maxBook, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", name, err)
	}
	defer book.Close()
	p := Package{}
	var m Manifest
	known := fileNames(DRG)
	known = append(known, fileNames(DIP)...)
	for _, sheet := range book.GetSheetList() {
		file := strings.ToLower(strings.TrimSuffix(strings.TrimSpace(sheet), ".csv")) + ".csv"
		rows, err := book.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: sheet %s: %w", name, sheet, err)
		}
		switch {
		case file == "manifest.csv":
			m = manifestOf(rows)
		case slices.Contains(known, file) && len(rows) > 0:
			if p[file], err = sheetCSV(rows); err != nil {
				return nil, err
			}
		}
	}
	if len(p) == 0 {
		return nil, fault.New(fault.Invalid, "%s: no sheet is named as a table of the layout (mdc, mdc_dx, adrg, adrg_dx, …): found %s", name, strings.Join(book.GetSheetList(), ", "))
	}
	return p, p.seal(m)
}

func manifestOf(rows [][]string) Manifest {
	values := map[string]string{}
	for _, row := range rows {
		if len(row) > 1 {
			values[row[0]] = row[1]
		}
	}
	delete(values, "key")
	return Manifest{
		Version: values["version"], Kind: values["kind"], Base: values["base"], Region: values["region"], EffectiveFrom: values["effective_from"],
		EffectiveTo: values["effective_to"], ICDDx: values["icd_dx"], ICDOp: values["icd_op"], Source: values["source"], Licence: values["licence"],
		Title: Title{ZH: values["title_zh"], EN: values["title_en"]},
	}
}

// sheetCSV writes rows of one width: a workbook leaves empty cells at the end out.
func sheetCSV(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	width := len(rows[0])
	for _, row := range rows {
		if len(strings.Join(row, "")) == 0 {
			continue
		}
		for len(row) < width {
			row = append(row, "")
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// FS shows the files of a package as a folder, so that it can be read before it is written.
func (p Package) FS() fs.FS { return memory(p) }

// memory is a flat file system in memory.
type memory map[string][]byte

// Open implements fs.FS.
func (m memory) Open(name string) (fs.File, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memoryFile{Reader: bytes.NewReader(data), name: name}, nil
}

type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return memoryInfo{f}, nil }
func (f *memoryFile) Close() error               { return nil }

type memoryInfo struct{ f *memoryFile }

func (i memoryInfo) Name() string       { return i.f.name }
func (i memoryInfo) Size() int64        { return i.f.Size() }
func (i memoryInfo) Mode() fs.FileMode  { return 0o444 }
func (i memoryInfo) ModTime() time.Time { return time.Time{} }
func (i memoryInfo) IsDir() bool        { return false }
func (i memoryInfo) Sys() any           { return nil }

// Effective is the tables as they are in force, overlays applied, as CSV by file name, with a manifest: what must be
// kept to group the same way again years later. It reads back as a package with the same rows.
func (s *Scheme) Effective() map[string]string {
	out := make(map[string]string, len(s.Tables)+1)
	for name, t := range s.Tables {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write(t.Columns) // a bytes.Buffer takes everything
		for i := range t.Len() {
			_ = w.Write(t.Row(i))
		}
		w.Flush()
		out[name] = b.String()
	}
	m := s.Manifest
	m.Base, m.SHA256 = "", nil
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		out[manifestFile] = string(text)
	}
	return out
}
