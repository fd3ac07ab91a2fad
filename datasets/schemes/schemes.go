// Package schemes reads DRG and DIP schemes: folders of CSV tables that say which codes make which group, with a
// manifest of version, region and dates of validity. It checks them line by line, hashes them, lays regional rows
// over a national base, and compares two versions. It groups no case: internal/grouper does that.
package schemes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Kinds of schemes.
const (
	DRG     = "drg"
	DIP     = "dip"
	Catalog = "drg-catalog" // names of groups without the code lists: can be listed and compared, cannot group
)

// Scheme is a package as read: its tables, in the order of evaluation, and where each row stands.
type Scheme struct {
	ID       string
	Kind     string
	Manifest Manifest
	Hash     string // SHA-256 over names and hashes of all tables, overlays included
	Files    map[string]string
	Layers   []string // folders of the overlays laid over the base, in order
	Warnings []string // what reading noticed and lint repeats
	Tables   map[string]*Table

	drg drgRows
}

// Manifest is manifest.json: what the package is, and the days of discharge that it is meant for.
type Manifest struct {
	Version       string            `json:"version,omitempty"`
	Kind          string            `json:"kind,omitempty"`
	Title         Title             `json:"title,omitzero"`
	Base          string            `json:"base,omitempty"` // the scheme whose rows this one adds to and takes from
	Region        string            `json:"region,omitempty"`
	EffectiveFrom string            `json:"effective_from,omitempty"` // 2024-01-01, inclusive
	EffectiveTo   string            `json:"effective_to,omitempty"`   // inclusive
	ICDDx         string            `json:"icd_dx,omitempty"`
	ICDOp         string            `json:"icd_op,omitempty"`
	SHA256        map[string]string `json:"sha256,omitempty"`
	Source        string            `json:"source,omitempty"`
	Licence       string            `json:"licence,omitempty"`
}

// Title is a name in both languages.
type Title struct {
	ZH string `json:"zh,omitempty"`
	EN string `json:"en,omitempty"`
}

// ValidOn says whether the scheme is meant for cases discharged on that day (2006-01-02). Without dates it always is.
func (m Manifest) ValidOn(day string) bool {
	return (m.EffectiveFrom == "" || day >= m.EffectiveFrom) && (m.EffectiveTo == "" || day <= m.EffectiveTo)
}

// file describes one table of the layout.
type file struct {
	name     string
	required []string
	key      []string // of a row, for overlays and duplicates
	optional bool
	also     string            // another name of the file: aux.csv cannot be kept on Windows, nor inside a Go program
	aliases  map[string]string // other headers that mean a column
}

// manifestFile is the name of the manifest inside a package.
const manifestFile = "manifest.json"

var drgFiles = []file{
	{name: "mdc.csv", required: []string{"eval_order", "mdc", "gate"}, key: []string{"mdc"}},
	{name: "mdc_dx.csv", required: []string{"mdc", "dx", "body_part"}, key: []string{"mdc", "dx"}},
	{name: "adrg.csv", required: []string{"eval_order", "mdc", "adrg", "name", "kind", "expr"}, key: []string{"adrg"}},
	{name: "adrg_dx.csv", required: []string{"adrg", "list_no", "dx"}, key: []string{"adrg", "list_no", "dx"}},
	{name: "adrg_op.csv", required: []string{"adrg", "list_no", "op"}, key: []string{"adrg", "list_no", "op"}},
	{name: "drg.csv", required: []string{"eval_order", "mdc", "adrg", "drg", "name", "condition"}, key: []string{"drg"}},
	{name: "mcc.csv", required: []string{"dx", "excl_table"}, key: []string{"dx"}},
	{name: "cc.csv", required: []string{"dx", "excl_table"}, key: []string{"dx"}},
	{name: "cce.csv", required: []string{"principal_dx", "excl_table"}, key: []string{"principal_dx"}},
	{name: "op_valid.csv", required: []string{"op"}, key: []string{"op"}},
	{name: "dx_invalid.csv", required: []string{"dx"}, key: []string{"dx"}, optional: true, aliases: map[string]string{"code": "dx"}},
	{name: "op_invalid.csv", required: []string{"op"}, key: []string{"op"}, optional: true, aliases: map[string]string{"code": "op"}},
	{name: "dx_grey.csv", required: []string{"dx"}, key: []string{"dx"}, optional: true, aliases: map[string]string{"code": "dx"}},
	{name: "op_grey.csv", required: []string{"op"}, key: []string{"op"}, optional: true, aliases: map[string]string{"code": "op"}},
	{name: "dx_map.csv", required: []string{"from_code", "to_code"}, key: []string{"from_code"}, optional: true},
	{name: "op_map.csv", required: []string{"from_code", "to_code"}, key: []string{"from_code"}, optional: true},
	{name: "icd_dx.csv", required: []string{"code"}, key: []string{"code"}, optional: true},
	{name: "icd_op.csv", required: []string{"code"}, key: []string{"code"}, optional: true},
}

var dipFiles = []file{
	{name: "catalog.csv", required: []string{"group_code", "dx_key", "op_expr", "kind", "op_class", "score"}, key: []string{"group_code"}},
	{name: "op_class.csv", required: []string{"op_code", "op_class"}, key: []string{"op_code"}},
	{name: "aux.csv", required: []string{"group", "kind", "level", "factor"}, key: []string{"group", "kind", "level"}, optional: true, also: "auxiliary.csv"},
	{name: "aux_codes.csv", required: []string{"list", "code"}, key: []string{"list", "code"}, optional: true},
	{name: "charlson.csv", required: []string{"dx_prefix", "category", "points"}, key: []string{"dx_prefix"}, optional: true},
	{name: "ref_cost.csv", required: []string{"group", "hospital_level", "mean_cost"}, key: []string{"group", "hospital_level"}, optional: true},
	{name: "mcc.csv", required: []string{"dx", "excl_table"}, key: []string{"dx"}, optional: true},
	{name: "cc.csv", required: []string{"dx", "excl_table"}, key: []string{"dx"}, optional: true},
	{name: "cce.csv", required: []string{"principal_dx", "excl_table"}, key: []string{"principal_dx"}, optional: true},
	{name: "dx_map.csv", required: []string{"from_code", "to_code"}, key: []string{"from_code"}, optional: true},
	{name: "op_map.csv", required: []string{"from_code", "to_code"}, key: []string{"from_code"}, optional: true},
}

func filesOf(kind string) []file {
	if kind == DIP {
		return dipFiles
	}
	return drgFiles
}

// IsOverlay says whether a folder adds to and takes from another scheme (its manifest names a base, or its tables have an op column).
func IsOverlay(fsys fs.FS) bool {
	m, err := readManifest(fsys, "")
	return err == nil && m.Base != ""
}

// Read reads a package and the overlays laid over it. name is what people call its folder; errors begin with it.
func Read(fsys fs.FS, name string, overlays ...Layer) (*Scheme, error) {
	s := &Scheme{ID: path.Base(name), Files: map[string]string{}, Tables: map[string]*Table{}}
	m, err := readManifest(fsys, name)
	if err != nil {
		return nil, err
	}
	s.Manifest = m
	if m.Version != "" {
		s.ID = m.Version
	}
	if s.Kind, err = kindOf(fsys, name); err != nil {
		return nil, err
	}
	if err := s.readTables(fsys, name); err != nil {
		return nil, err
	}
	for _, o := range overlays {
		if err := s.lay(o); err != nil {
			return nil, err
		}
	}
	s.Hash = s.hash()
	if s.Kind == DRG {
		return s, s.resolve()
	}
	return s, nil
}

// Layer is an overlay: a folder of rows to add and to take away.
type Layer struct {
	FS   fs.FS
	Name string
}

func kindOf(fsys fs.FS, name string) (string, error) {
	has := func(file string) bool {
		_, err := fs.Stat(fsys, file)
		return err == nil
	}
	switch {
	case has("catalog.csv"):
		return DIP, nil
	case has("mdc.csv") && has("adrg.csv"):
		return DRG, nil
	case has("adrg.csv") && has("drg.csv") && !has("adrg_dx.csv") && !has("adrg_op.csv"):
		return Catalog, nil
	case has("adrg.csv") || has("mdc.csv"): // one of the two was forgotten: reading says which
		return DRG, nil
	}
	return "", fault.New(fault.NotFound, "%s: not a scheme package: neither adrg.csv and mdc.csv (DRG) nor catalog.csv (DIP) is here (see docs/schemes.md)", name)
}

func (s *Scheme) readTables(fsys fs.FS, name string) error {
	for _, f := range filesOf(s.Kind) {
		required, optional := f.required, f.optional
		if s.Kind == Catalog {
			switch f.name {
			case "adrg.csv":
				required = []string{"mdc", "adrg", "name"}
			case "drg.csv":
				required = []string{"mdc", "adrg", "drg", "name", "condition"}
			default:
				continue
			}
		}
		file, ok := f.in(fsys)
		if optional && !ok {
			continue
		}
		if !ok {
			return fault.New(fault.NotFound, "%s/%s: the table is missing: a %s package has %s (see docs/schemes.md)", name, file, strings.ToUpper(s.Kind), strings.Join(requiredFiles(s.Kind), " "))
		}
		t, err := readTable(fsys, name, file)
		if err != nil {
			return err
		}
		if err := f.check(t, required); err != nil {
			return err
		}
		t.normalCodes(false)
		if want := s.Manifest.SHA256[file]; want != "" && !strings.EqualFold(want, t.SHA256) {
			return fault.New(fault.Invalid, "%s: its sha256 is %s, %s names another: the file was changed after the manifest was written", t.File, t.SHA256, manifestFile)
		}
		s.Tables[f.name] = t
		s.Files[f.name] = t.SHA256
	}
	return nil
}

// requiredFiles are the tables that a package of the kind cannot do without.
func requiredFiles(kind string) []string {
	var names []string
	for _, f := range filesOf(kind) {
		if !f.optional {
			names = append(names, f.name)
		}
	}
	return names
}

// in finds the file under one of its names.
func (f file) in(fsys fs.FS) (name string, ok bool) {
	for _, name := range []string{f.name, f.also} {
		if name == "" {
			continue
		}
		if _, err := fs.Stat(fsys, name); !errors.Is(err, fs.ErrNotExist) {
			return name, true
		}
	}
	return f.name, false
}

// check makes sure that every required column is there, under its own name or an alias.
func (f file) check(t *Table, required []string) error {
	for i, c := range t.Columns {
		if name, ok := f.aliases[c]; ok && t.Column(name) < 0 {
			t.Columns[i] = name
		}
	}
	for _, c := range required {
		if t.Column(c) < 0 {
			return fault.New(fault.Invalid, "%s:1: no column %q (found %s)", t.File, c, strings.Join(t.Columns, ","))
		}
	}
	return nil
}

func readManifest(fsys fs.FS, name string) (Manifest, error) {
	var m Manifest
	data, err := fs.ReadFile(fsys, manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	where := path.Join(name, manifestFile)
	if err != nil {
		return m, fault.New(fault.Invalid, "%s: %w", where, plainCause(err))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		line := 1 + bytes.Count(data[:min(int(dec.InputOffset()), len(data))], []byte("\n"))
		return m, fault.New(fault.Invalid, "%s:%d: %w", where, line, err)
	}
	for _, day := range []string{m.EffectiveFrom, m.EffectiveTo} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return m, fault.New(fault.Invalid, "%s: a date is written 2024-01-31, found %q", where, day)
		}
	}
	if m.EffectiveTo != "" && m.EffectiveTo < m.EffectiveFrom {
		return m, fault.New(fault.Invalid, "%s: effective_to lies before effective_from", where)
	}
	return m, nil
}

// hash covers every cell in use, so that base plus overlay differs from base, and a remark in the manifest does not matter.
func (s *Scheme) hash() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		fmt.Fprintf(h, "%s %s\n", name, s.Files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}
