package schemes

import (
	"path"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// lay puts an overlay over the scheme: first every row marked - is taken away, then every row marked + is added.
// Taking what is not there, or adding what is already there, is a fault: a base that has moved on must not go unnoticed.
func (s *Scheme) lay(o Layer) error {
	m, err := readManifest(o.FS, o.Name)
	if err != nil {
		return err
	}
	found := false
	for _, f := range filesOf(s.Kind) {
		file, ok := f.in(o.FS)
		if !ok {
			continue
		}
		over, err := readTable(o.FS, o.Name, file)
		if err != nil {
			return err
		}
		if over.Columns[0] != "op" {
			return fault.New(fault.Invalid, "%s:1: the first column of an overlay is op (+ adds a row, - takes one away)", over.File)
		}
		over.normalCodes(true)
		if err := s.layTable(f, over); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fault.New(fault.Invalid, "%s: an overlay without tables: none of %s is here", o.Name, strings.Join(fileNames(s.Kind), " "))
	}
	s.Layers = append(s.Layers, o.Name)
	if m.Version != "" {
		s.ID = m.Version
		s.Manifest.Version, s.Manifest.Title, s.Manifest.Base = m.Version, m.Title, m.Base
	} else {
		s.ID += "+" + path.Base(o.Name)
	}
	if m.Region != "" {
		s.Manifest.Region = m.Region
	}
	if m.EffectiveFrom != "" || m.EffectiveTo != "" {
		s.Manifest.EffectiveFrom, s.Manifest.EffectiveTo = m.EffectiveFrom, m.EffectiveTo
	}
	if m.Source != "" {
		s.Manifest.Source = m.Source
	}
	return nil
}

func fileNames(kind string) []string {
	var names []string
	for _, f := range filesOf(kind) {
		names = append(names, f.name)
	}
	return names
}

// layTable changes one table. In an overlay the leading op column is the sign; op_valid and adrg_op have an op column
// of codes beside it, so the sign is always column 0 and the others are found behind it.
func (s *Scheme) layTable(f file, over *Table) error {
	base := s.Tables[f.name]
	columns := over.Columns[1:]
	if base == nil {
		base = &Table{File: over.File, Columns: slices.Clone(columns)}
	}
	column := func(name string) int {
		if i := slices.Index(columns, name); i >= 0 {
			return i + 1
		}
		for from, to := range f.aliases {
			if to == name && slices.Contains(columns, from) {
				return slices.Index(columns, from) + 1
			}
		}
		return -1
	}
	for _, c := range f.key {
		if column(c) < 0 {
			return fault.New(fault.Invalid, "%s:1: no column %q (found %s)", over.File, c, strings.Join(over.Columns, ","))
		}
	}
	keyOf := func(cell func(name string) string) string {
		parts := make([]string, len(f.key))
		for i, c := range f.key {
			parts[i] = cell(c)
		}
		return strings.Join(parts, "\x1f")
	}
	index := make(map[string]int, base.Len())
	for i := range base.Len() {
		row := base.Row(i)
		index[keyOf(func(c string) string { return row[base.Column(c)] })] = i
	}
	gone := map[int]bool{}
	for i := range over.Len() {
		row := over.Row(i)
		key := keyOf(func(c string) string { return row[column(c)] })
		switch row[0] {
		case "-":
			at, ok := index[key]
			if !ok {
				return fault.New(fault.Invalid, "%s: takes away a row that the base does not have: is it made for another base?", over.Pos(i))
			}
			gone[at] = true
			delete(index, key)
		case "+":
		default:
			return fault.New(fault.Invalid, "%s: op is + or -", over.Pos(i))
		}
	}
	out := &Table{File: base.File, Columns: base.Columns}
	add := func(cells []string, pos string, line int32) {
		out.cells = append(out.cells, cells...)
		out.lines = append(out.lines, line)
		out.files = append(out.files, pos)
	}
	for i := range base.Len() {
		if !gone[i] {
			name := base.File
			if base.files != nil {
				name = base.files[i]
			}
			add(base.Row(i), name, base.lines[i])
		}
	}
	for i := range over.Len() {
		row := over.Row(i)
		if row[0] != "+" {
			continue
		}
		key := keyOf(func(c string) string { return row[column(c)] })
		if _, ok := index[key]; ok {
			return fault.New(fault.Invalid, "%s: adds a row that is already there: take it away (-) first", over.Pos(i))
		}
		index[key] = -1
		cells := make([]string, len(base.Columns))
		for c, name := range base.Columns {
			if at := column(name); at >= 0 {
				cells[c] = row[at]
			} else if slices.Contains(f.required, name) {
				return fault.New(fault.Invalid, "%s:1: no column %q, which an added row needs", over.File, name)
			}
		}
		add(cells, over.File, over.lines[i])
	}
	s.Tables[f.name] = out
	s.Files[f.name+"+"+over.File] = over.SHA256
	return nil
}
