package schemes

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
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
		data, err := readBytes(fsys, name+"/"+file, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p[file] = data
	}
	m, err := readManifest(fsys, name)
	if err != nil {
		return nil, err
	}
	return p, p.seal(m, name)
}

// seal writes the manifest with the hash of every file.
func (p Package) seal(m Manifest, name string) error {
	m.SHA256 = map[string]string{}
	for file, data := range p {
		if file == manifestFile {
			continue
		}
		t, err := parseTable(name+"/"+file, data)
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
			if p[file], err = sheetCSV(book, sheet, rows); err != nil {
				return nil, err
			}
		}
	}
	if len(p) == 0 {
		return nil, fault.New(fault.Invalid, "%s: no sheet is named as a table of the layout (mdc, mdc_dx, adrg, adrg_dx, …): found %s", name, strings.Join(book.GetSheetList(), ", "))
	}
	return p, p.seal(m, name)
}

func manifestOf(rows [][]string) Manifest {
	values := map[string]string{}
	for _, row := range rows {
		if len(row) > 1 {
			values[strings.ToLower(strings.TrimSpace(row[0]))] = strings.TrimSpace(row[1])
		}
	}
	delete(values, "key")
	for _, key := range []string{"effective_from", "effective_to"} { // a cell of a date is stored as the number of its day
		if day, err := strconv.ParseFloat(values[key], 64); err == nil {
			if at, err := excelize.ExcelDateToTime(day, false); err == nil {
				values[key] = at.Format(time.DateOnly)
			}
		}
	}
	return Manifest{
		Version: values["version"], Kind: values["kind"], Base: values["base"], Region: values["region"], EffectiveFrom: values["effective_from"],
		EffectiveTo: values["effective_to"], ICDDx: values["icd_dx"], ICDOp: values["icd_op"], Source: values["source"], Licence: values["licence"],
		Title: Title{ZH: values["title_zh"], EN: values["title_en"]},
	}
}

// sheetCSV writes rows of one width: a workbook leaves empty cells at the end out. Empty rows stay, so that a fault
// names the row that people see.
func sheetCSV(book *excelize.File, sheet string, rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	var header []string
	for i, row := range rows {
		if strings.TrimSpace(strings.Join(row, "")) == "" {
			w.Flush()
			b.WriteByte('\n')
			continue
		}
		if header == nil {
			header = row
		}
		for j, cell := range row {
			text, err := numberCell(book, sheet, header, i, j, cell)
			if err != nil {
				return nil, err
			}
			row[j] = text
		}
		for len(row) < len(header) {
			row = append(row, "")
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// numberCell mends what a workbook does to numbers: 36.0601 is kept as 36.060099999999998, and an operation typed as a
// number loses its zeros, 51.2300 becoming 51.23. A code of 医保版 has two digits, a point and four.
func numberCell(book *excelize.File, sheet string, header []string, row, column int, cell string) (string, error) {
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || v < 0 || column >= len(header) {
		return cell, nil //nolint:nilerr // a text
	}
	name := strings.ToLower(strings.TrimSpace(header[column]))
	isOp := (name == "op" || name == "op_code") && v < 100
	if !isOp && len(cell) < maxDigits {
		return cell, nil
	}
	at, err := excelize.CoordinatesToCellName(column+1, row+1)
	if err != nil {
		return "", err
	}
	kind, err := book.GetCellType(sheet, at)
	if err != nil {
		return "", err
	}
	switch {
	case kind != excelize.CellTypeUnset && kind != excelize.CellTypeNumber:
		return cell, nil
	case isOp:
		return fmt.Sprintf("%07.4f", v), nil
	}
	return strconv.FormatFloat(v, 'f', -1, 64), nil
}

// maxDigits is how long a number is that a workbook has stored with all the digits of its binary form.
const maxDigits = 16

// FromZip reads a package that was packed into an archive: its files at the top, or in the only folder there.
func FromZip(r io.ReaderAt, size int64, name string) (Package, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", name, err)
	}
	var fsys fs.FS = archive
	if _, err := kindOf(fsys, name); err != nil {
		entries, _ := fs.ReadDir(archive, ".")
		folders := slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() || strings.HasPrefix(e.Name(), "__") })
		if len(folders) == 1 {
			if fsys, err = fs.Sub(archive, folders[0].Name()); err != nil {
				return nil, fault.New(fault.Invalid, "%s: %w", name, err)
			}
		}
	}
	return PackageOf(fsys, name)
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
