package ingest

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

//go:embed all:sources
var shipped embed.FS

// Shipped is the sources that come with the program.
func Shipped() fs.FS { return shipped }

// Sources are all source files in force.
type Sources struct {
	byID map[string]*Source
	ids  []string
}

// Source finds one by id.
func (s *Sources) Source(id string) (*Source, bool) {
	src, ok := s.byID[id]
	return src, ok
}

// All lists the sources, sorted by id.
func (s *Sources) All() []*Source {
	out := make([]*Source, 0, len(s.ids))
	for _, id := range s.ids {
		out = append(out, s.byID[id])
	}
	return out
}

// LoadSources reads the source files of each layer (ingest/sources/… or sources/…), the shipped ones first, and types
// them against the contracts. All faults are reported together, each with file and line.
func LoadSources(set *schema.Set, layers ...fs.FS) (*Sources, error) {
	out := &Sources{byID: map[string]*Source{}}
	var faults []error
	for i, layer := range layers {
		files, err := sourceFiles(layer)
		if err != nil {
			return nil, err
		}
		inLayer := map[string]string{}
		for _, name := range files {
			text, err := fs.ReadFile(layer, name)
			if err != nil {
				return nil, err
			}
			src, err := ParseSource(set, name, text)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			old, redefined := out.byID[src.ID]
			switch {
			case inLayer[src.ID] != "":
				faults = append(faults, fmt.Errorf("%s: source %s: %s has this id too", name, src.ID, inLayer[src.ID]))
				continue
			case redefined && i > 0 && src.Replaces != src.ID:
				faults = append(faults, fmt.Errorf("%s: source %s: %s has this id; write replaces: %s to stand in for it", name, src.ID, old.File, src.ID))
				continue
			}
			if src.Replaces != "" {
				if _, ok := out.byID[src.Replaces]; !ok {
					faults = append(faults, fmt.Errorf("%s: source %s: replaces %s, which no earlier layer has", name, src.ID, src.Replaces))
					continue
				}
				delete(out.byID, src.Replaces)
			}
			inLayer[src.ID] = name
			out.byID[src.ID] = src
		}
	}
	if len(faults) > 0 {
		return nil, fault.Wrap(fault.Invalid, errors.Join(faults...))
	}
	out.ids = slices.Sorted(maps.Keys(out.byID))
	return out, nil
}

func sourceFiles(layer fs.FS) ([]string, error) {
	var out []string
	for _, root := range []string{"ingest/sources", "sources"} {
		if _, err := fs.Stat(layer, root); err != nil {
			continue
		}
		err := fs.WalkDir(layer, root, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (path.Ext(name) == ".yaml" || path.Ext(name) == ".yml") {
				out = append(out, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return out, nil
}

// nullKey is the key null written without quotes: YAML takes it for no key at all, and the decoder passes over it
// without a word.
var nullKey = regexp.MustCompile(`(?m)(^\s*|[{,]\s*)null:`)

// ParseSource reads one source file and checks it against the contracts.
func ParseSource(set *schema.Set, file string, text []byte) (*Source, error) {
	s := &Source{File: file, Text: string(text)}
	d := yaml.NewDecoder(bytes.NewReader(nullKey.ReplaceAll(text, []byte(`$1"null":`))))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: empty source file", file)
		}
		return nil, yamlError(file, err)
	}
	if err := s.settle(); err != nil {
		return nil, err
	}
	if err := s.bind(set); err != nil {
		return nil, err
	}
	return s, nil
}

var lineOf = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): (.*)$`)

// yamlError puts file:line in front of each fault that the decoder found.
func yamlError(file string, err error) error {
	var lines []string
	if te, ok := errors.AsType[*yaml.TypeError](err); ok {
		lines = te.Errors
	} else {
		lines = append(lines, err.Error())
	}
	var out []error
	for _, l := range lines {
		if m := lineOf.FindStringSubmatch(l); m != nil {
			out = append(out, fmt.Errorf("%s:%s: %s", file, m[1], m[2]))
			continue
		}
		out = append(out, fmt.Errorf("%s: %s", file, strings.TrimPrefix(l, "yaml: ")))
	}
	return errors.Join(out...)
}

var asciiID = regexp.MustCompile(`^[a-z][a-z0-9_]{1,59}$`)

// settle fills defaults and refuses what no file could mean.
func (s *Source) settle() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s: source %s: %s", s.File, s.ID, fmt.Sprintf(format, args...))
	}
	if !asciiID.MatchString(s.ID) {
		return bad("id must be ASCII snake_case of at most 60 characters")
	}
	if s.Version == "" {
		s.Version = "1"
	}
	if !slices.Contains([]string{"csv", "ndjson", "json", "parquet"}, s.Format) {
		return bad("format %q: csv, ndjson, json or parquet", s.Format)
	}
	if s.Encoding == "" {
		s.Encoding = "auto"
	}
	if s.Numbers.Decimal == "" {
		s.Numbers.Decimal = s.CSV.Decimal
	}
	if s.Numbers.Decimal == "" {
		s.Numbers.Decimal = "."
	}
	if s.Numbers.Decimal != "." && s.Numbers.Decimal != "," {
		return bad("numbers.decimal %q: . or ,", s.Numbers.Decimal)
	}
	if len(s.Numbers.Thousands) > 2 || s.Numbers.Thousands == s.Numbers.Decimal {
		return bad("numbers.thousands %q: one character other than numbers.decimal", s.Numbers.Thousands)
	}
	if s.Timezone != "" {
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			return bad("timezone %q: no such zone", s.Timezone)
		}
	}
	for i, d := range s.Dates {
		s.Dates[i] = strptime(d)
	}
	for _, p := range s.Files {
		re, err := regexp.Compile(p)
		if err != nil {
			return bad("files: %v", err)
		}
		s.patterns = append(s.patterns, re)
	}
	if err := s.settleDelivery(); err != nil {
		return bad("%v", err)
	}
	if len(s.Tables) == 0 {
		return bad("no tables")
	}
	if s.Tables[0].Each != nil {
		return bad("table %s: the first table is the record itself and has no each", s.Tables[0].Table)
	}
	return nil
}

func (s *Source) settleDelivery() error {
	d := &s.Delivery
	for _, f := range []struct {
		name string
		from *From
	}{{"org", &d.Org}, {"date", &d.Date}} {
		n := 0
		for _, given := range []bool{f.from.File != "", f.from.Column != "", f.from.Const != "", f.from.Arg, f.from.None} {
			if given {
				n++
			}
		}
		if n == 0 {
			return fmt.Errorf("delivery.%s: say where it comes from: file, column, const or arg", f.name)
		}
		if n > 1 {
			return fmt.Errorf("delivery.%s: one of file, column, const, arg and none", f.name)
		}
		if f.from.Take == "" {
			f.from.Take = "only"
		}
		if !slices.Contains([]string{"only", "min", "max"}, f.from.Take) {
			return fmt.Errorf("delivery.%s.take %q: only, min or max", f.name, f.from.Take)
		}
		if f.from.File != "" && !slices.ContainsFunc(s.patterns, func(re *regexp.Regexp) bool { return re.SubexpIndex(f.from.File) >= 0 }) {
			return fmt.Errorf("delivery.%s.file %s: no pattern of files has the group (?P<%s>…)", f.name, f.from.File, f.from.File)
		}
	}
	if d.Org.None {
		return errors.New("delivery.org: a delivery belongs to an organisation; use const for a national one")
	}
	d.Date.Format = strptime(d.Date.Format)
	for _, c := range []struct {
		name  string
		value *string
		words []string
	}{
		{"delivery.files", &d.Files, []string{"one", "many"}},
		{"delivery.keep", &d.Keep, []string{"all", "latest"}},
		{"columns.extra", &s.Columns.Extra, []string{"allow", "refuse"}},
	} {
		if *c.value == "" {
			*c.value = c.words[0]
		}
		if !slices.Contains(c.words, *c.value) {
			return fmt.Errorf("%s %q: %s", c.name, *c.value, strings.Join(c.words, " or "))
		}
	}
	if d.Covers.Kind == "" {
		d.Covers.Kind = "delivery"
	}
	if s.Expects.Cadence == "" {
		return nil
	}
	if !slices.Contains([]string{"daily", "weekly", "monthly"}, s.Expects.Cadence) {
		return fmt.Errorf("expects.cadence %q: daily, weekly or monthly", s.Expects.Cadence)
	}
	if s.Expects.Due == "" {
		s.Expects.Due = "T+1 08:00"
	}
	if _, err := dueTime(s.Expects.Due, time.Now()); err != nil {
		return err
	}
	return nil
}

// UnmarshalYAML reads an expression with its place.
func (e *Expr) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: an expression is one text", n.Line)
	}
	e.Text, e.Line, e.Col = n.Value, n.Line, n.Column
	if n.Style == yaml.DoubleQuotedStyle || n.Style == yaml.SingleQuotedStyle {
		e.Col++
	}
	return nil
}

// UnmarshalYAML keeps the order of columns.
func (m *Mapping) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: columns is a mapping of contract column to expression", n.Line)
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		a := Assign{Column: n.Content[i].Value, Line: n.Content[i].Line}
		if seen[a.Column] {
			return fmt.Errorf("line %d: column %s is given twice", a.Line, a.Column)
		}
		seen[a.Column] = true
		if err := a.Expr.UnmarshalYAML(n.Content[i+1]); err != nil {
			return err
		}
		*m = append(*m, a)
	}
	return nil
}

// UnmarshalYAML reads a list of codes, or table and where.
func (o *Orgs) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode(&o.List)
	}
	return strictFields(n, map[string]any{"table": &o.Table, "where": &o.Where})
}

// UnmarshalYAML reads delivery, rows, or table and where.
func (c *Covers) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		c.Kind = n.Value
		if c.Kind != "delivery" && c.Kind != "rows" {
			return fmt.Errorf("line %d: covers is delivery, rows or {table, where}", n.Line)
		}
		return nil
	}
	c.Kind = "table"
	return c.Orgs.UnmarshalYAML(n)
}

// UnmarshalYAML reads the words as texts, whatever YAML would take them for.
func (b *Booleans) UnmarshalYAML(n *yaml.Node) error {
	return strictFields(n, map[string]any{"true": &b.True, "false": &b.False})
}

// strictFields decodes a mapping whose keys are all known.
func strictFields(n *yaml.Node, fields map[string]any) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: wants a mapping of %s", n.Line, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	}
	for i := 0; i < len(n.Content); i += 2 {
		to, ok := fields[n.Content[i].Value]
		if !ok {
			return fmt.Errorf("line %d: unknown key %s", n.Content[i].Line, n.Content[i].Value)
		}
		if err := n.Content[i+1].Decode(to); err != nil {
			return err
		}
	}
	return nil
}
