package queries

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

//go:embed measures indicators benchmarks fixtures dialects
var shipped embed.FS

// Shipped is the definitions that the program carries: measures/, benchmarks/ and indicators/ with the fixtures/ of their
// worked cases. An overlay folder has the same
// layout, at its root or below queries/.
func Shipped() fs.FS { return shipped }

// Dialect is how an engine spells SQL: "duckdb" or "trino". It is read once and not to be changed.
func Dialect(name string) (*expr.Dialect, error) {
	switch name {
	case "duckdb":
		return duckdb()
	default:
		return dialect(name)
	}
}

var duckdb = sync.OnceValues(func() (*expr.Dialect, error) { return dialect("duckdb") })

func dialect(name string) (*expr.Dialect, error) {
	sub, err := fs.Sub(shipped, "dialects")
	if err != nil {
		return nil, fmt.Errorf("dialect %s: %w", name, err)
	}
	return expr.LoadDialect(sub, name)
}

// Catalog is every measure and indicator in force.
type Catalog struct {
	set        *schema.Set
	measures   map[string]*Measure
	indicators map[string]*Indicator
	benchmarks map[string]*Benchmark
	base       *index // of a first layer that is decoded on demand; nil where everything is
}

// Load reads the definitions of the layers, later ones over earlier ones; redefining an id needs replaces:. All faults
// are reported, each with its file and line.
func Load(set *schema.Set, layers ...fs.FS) (*Catalog, error) {
	c := &Catalog{set: set, measures: map[string]*Measure{}, indicators: map[string]*Indicator{}, benchmarks: map[string]*Benchmark{}}
	var faults []error
	for i, layer := range layers {
		faults = append(faults, c.read(layer, i)...)
	}
	return c.finish(faults)
}

// finish types the measures and links the indicators that were read.
func (c *Catalog) finish(faults []error) (*Catalog, error) {
	for _, b := range c.Benchmarks() {
		faults = append(faults, b.prepare(c))
	}
	for _, m := range c.Measures() {
		if err := c.benchmarked(m); err != nil {
			faults = append(faults, err)
			continue
		}
		faults = append(faults, m.prepare(c.set))
	}
	for _, x := range c.Indicators() {
		if err := x.prepare(); err != nil {
			faults = append(faults, err)
			continue
		}
		faults = append(faults, c.link(x))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	for _, x := range c.Indicators() {
		for _, t := range c.choices(x) {
			if t.Choice.Meaning != "" {
				x.Meaning += "。" + t.Choice.Meaning
			}
		}
	}
	return c, nil
}

// Measures lists all measures by id.
func (c *Catalog) Measures() []*Measure { return sortedByKey(c.measures) }

// Indicators lists all indicators by id.
func (c *Catalog) Indicators() []*Indicator { return sortedByKey(c.indicators) }

// Indicator finds an indicator by id.
func (c *Catalog) Indicator(id string) (*Indicator, bool) {
	x, ok := c.indicators[id]
	return x, ok
}

// Measure finds a measure by id.
func (c *Catalog) Measure(id string) (*Measure, bool) {
	m, ok := c.measures[id]
	return m, ok
}

// Definition is a text that figures are made by, with its hash.
type Definition struct {
	Kind string `json:"kind"` // measure, benchmark or indicator
	ID   string `json:"id"`
	Hash string `json:"hash"`
	File string `json:"file"`
	Text string `json:"-"`
}

// Definitions lists every measure, benchmark and indicator with its text, for the publication that freezes them.
func (c *Catalog) Definitions() []Definition {
	var out []Definition
	for _, m := range c.Measures() {
		out = append(out, definition("measure", m.ID, m.At, m.Text))
	}
	for _, b := range c.Benchmarks() {
		out = append(out, definition("benchmark", b.ID, b.At, b.Text))
	}
	for _, x := range c.Indicators() {
		out = append(out, definition("indicator", x.ID, x.At, x.Text))
	}
	return out
}

func definition(kind, id string, at expr.Pos, text string) Definition {
	sum := sha256.Sum256([]byte(text))
	return Definition{Kind: kind, ID: id, Hash: hex.EncodeToString(sum[:]), File: at.File, Text: text}
}

// MeasuresOf lists the measures below an indicator, through other indicators, by id.
func (c *Catalog) MeasuresOf(x *Indicator) []*Measure {
	found := map[string]*Measure{}
	var visit func(x *Indicator)
	visit = func(x *Indicator) {
		for _, f := range x.formulas() {
			for _, name := range references(f) {
				if m, ok := c.measures[name]; ok {
					found[name] = m
				} else if y, ok := c.indicators[name]; ok {
					visit(y)
				}
			}
		}
	}
	visit(x)
	return sortedByKey(found)
}

// link looks up what an indicator's formulas name and refuses circles.
func (c *Catalog) link(x *Indicator) error {
	var path []string
	var visit func(y *Indicator) error
	visit = func(y *Indicator) error {
		if slices.Contains(path, y.ID) {
			return x.fail("formula goes round: %s → %s", strings.Join(path, " → "), y.ID)
		}
		path = append(path, y.ID)
		for _, f := range y.formulas() {
			for _, name := range references(f) {
				if _, ok := c.measures[name]; ok {
					continue
				}
				z, ok := c.indicators[name]
				if !ok {
					return x.fail("no measure or indicator %s", name)
				}
				if err := visit(z); err != nil {
					return err
				}
			}
			var peak error
			walkFormula(f, func(n formula) {
				if p, ok := n.(peakOver); ok && peak == nil {
					if m, ok := c.measures[string(p.of)]; !ok || m.Clock == "" {
						peak = x.fail("peak_over(%s): wants a measure with a clock", p.of)
					}
				}
			})
			if peak != nil {
				return peak
			}
		}
		path = path[:len(path)-1]
		return nil
	}
	return visit(x)
}

// read decodes the files of one layer.
func (c *Catalog) read(layer fs.FS, level int) []error {
	var faults []error
	seen := map[string]string{} // id → file, within this layer
	note := func(kind, id, file string, line int, replaces string, known bool) bool {
		switch {
		case id == "":
			faults = append(faults, fmt.Errorf("%s:%d: %s without id", file, line, kind))
		case seen[kind+id] != "":
			faults = append(faults, fmt.Errorf("%s:%d: %s %s stands in %s already", file, line, kind, id, seen[kind+id]))
		case known && replaces == "":
			faults = append(faults, fmt.Errorf("%s:%d: %s %s is defined already; say replaces: and why", file, line, kind, id))
		case !known && replaces != "":
			faults = append(faults, fmt.Errorf("%s:%d: %s %s replaces nothing", file, line, kind, id))
		default:
			seen[kind+id] = file
			return true
		}
		return false
	}
	for _, file := range yamlFiles(layer, "measures") {
		ms, err := decodeMeasures(layer, file)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, m := range ms {
			known := c.knowsMeasure(m.ID)
			if note("measure", m.ID, file, m.At.Line, m.Replaces, known && level > 0) {
				c.measures[m.ID] = m
			}
		}
	}
	for _, file := range yamlFiles(layer, "benchmarks") {
		b, err := decodeBenchmark(layer, file)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		known := c.benchmarks[b.ID] != nil || c.base != nil && c.base.benchmarks[b.ID] != ""
		if note("benchmark", b.ID, file, b.At.Line, b.Replaces, known && level > 0) {
			c.benchmarks[b.ID] = b
		}
	}
	for _, file := range yamlFiles(layer, "indicators") {
		x, err := decodeIndicator(layer, file)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		known := c.knowsIndicator(x.ID)
		if note("indicator", x.ID, file, x.At.Line, x.Replaces, known && level > 0) {
			c.indicators[x.ID] = x
		}
	}
	return faults
}

func yamlFiles(layer fs.FS, dir string) []string {
	var out []string
	for _, root := range []string{dir, "queries/" + dir} {
		_ = fs.WalkDir(layer, root, func(p string, d fs.DirEntry, err error) error { // a layer need not have all folders
			if err == nil && !d.IsDir() && path.Ext(p) == ".yaml" {
				out = append(out, p)
			}
			return nil
		})
	}
	return out
}

func decodeMeasures(layer fs.FS, file string) ([]*Measure, error) {
	raw, err := fs.ReadFile(layer, file)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Measures []*Measure `yaml:"measures"`
	}
	if err := strict(raw, file, &doc); err != nil {
		return nil, err
	}
	lines, texts := itemsOf(raw, "measures")
	for i, m := range doc.Measures {
		m.At = expr.Pos{File: file, Line: lines[i], Col: 1}
		m.Text = texts[i]
	}
	return doc.Measures, nil
}

func decodeIndicator(layer fs.FS, file string) (*Indicator, error) {
	raw, err := fs.ReadFile(layer, file)
	if err != nil {
		return nil, err
	}
	x := &Indicator{}
	if err := strict(raw, file, x); err != nil {
		return nil, err
	}
	x.At = expr.Pos{File: file, Line: 1, Col: 1}
	x.Text = string(raw)
	x.layer = layer
	lines, _ := itemsOf(raw, "cases")
	for i := range x.Cases {
		x.Cases[i].At = expr.Pos{File: file, Line: lines[i], Col: 1}
	}
	if want := strings.TrimSuffix(path.Base(file), ".yaml"); x.ID != want {
		return nil, fmt.Errorf("%s:1: id %q in a file of that name: one indicator, one file", file, x.ID)
	}
	return x, nil
}

// strict decodes YAML and refuses keys it does not know.
func strict(raw []byte, file string, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	err := dec.Decode(into)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s:1: empty file", file)
	}
	if err == nil {
		return nil
	}
	// yaml says "line 12: …"; people's tools jump to file:12.
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n  ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		return fmt.Errorf("%s:%s", file, strings.ReplaceAll(rest, "\n  line ", "\n"+file+":"))
	}
	return fmt.Errorf("%s:1: %s", file, text)
}

// itemsOf gives line and text of each item of a top-level list.
func itemsOf(raw []byte, key string) (lines []int, texts []string) {
	var doc yaml.Node
	if yaml.Unmarshal(raw, &doc) != nil || len(doc.Content) == 0 {
		return nil, nil
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != key {
			continue
		}
		for _, item := range root.Content[i+1].Content {
			lines = append(lines, item.Line)
			text, _ := yaml.Marshal(item)
			texts = append(texts, string(text))
		}
	}
	return lines, texts
}

func sortedByKey[V any](m map[string]V) []V {
	out := make([]V, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// columnsOf types bare names by the first table and qualified ones by alias.
func columnsOf(tables map[string]*schema.Table, work *Workdays) expr.Resolver {
	return func(qualifier, name string) (expr.Type, bool) {
		if work != nil && qualifier == "" && name == work.As {
			return expr.Int64Type, true
		}
		t, ok := tables[qualifier]
		if !ok {
			return expr.Type{}, false
		}
		c, ok := t.Column(name)
		if !ok {
			return expr.Type{}, false
		}
		return c.Type, true
	}
}
