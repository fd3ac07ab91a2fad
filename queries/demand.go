package queries

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
)

// LoadFor reads what some indicators need: of the first layer only their own files and those of the measures and
// indicators below them, of later layers everything. A question is then answered without decoding hundreds of files
// that it does not touch; `sanyi check` and the service read all with Load. An id that nothing defines is left to the
// question that asks for it.
func LoadFor(set *schema.Set, ids []string, layers ...fs.FS) (*Catalog, error) {
	if len(layers) == 0 {
		return Load(set)
	}
	c := &Catalog{set: set, measures: map[string]*Measure{}, indicators: map[string]*Indicator{}, benchmarks: map[string]*Benchmark{}, base: indexOf(layers[0])}
	var faults []error
	for i, layer := range layers[1:] {
		faults = append(faults, c.read(layer, i+1)...)
	}
	todo := slices.Clone(ids)
	for _, x := range c.indicators {
		todo = append(todo, namesIn(x)...)
	}
	decoded := map[string][]*Measure{} // by file
	for seen := map[string]bool{}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		if x, ok := c.indicators[id]; ok {
			todo = append(todo, namesIn(x)...)
			continue
		}
		if _, ok := c.measures[id]; ok {
			continue
		}
		if file, ok := c.base.measures[id]; ok {
			if decoded[file] == nil {
				ms, err := decodeMeasures(layers[0], file)
				if err != nil {
					faults = append(faults, err)
					continue
				}
				decoded[file] = ms
			}
			for _, m := range decoded[file] {
				if m.ID == id {
					c.measures[id] = m
				}
			}
			continue
		}
		if file, ok := c.base.indicators[id]; ok {
			x, err := decodeIndicator(layers[0], file)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			c.indicators[id] = x
			todo = append(todo, namesIn(x)...)
		}
	}
	for _, m := range c.Measures() {
		for _, id := range m.Benchmark {
			if file, ok := c.base.benchmarks[id]; ok && c.benchmarks[id] == nil {
				b, err := decodeBenchmark(layers[0], file)
				if err != nil {
					faults = append(faults, err)
					continue
				}
				c.benchmarks[id] = b
			}
		}
	}
	return c.finish(faults)
}

// namesIn lists what an indicator's formulas name. Formulas that cannot be parsed are reported when it is prepared.
func namesIn(x *Indicator) []string {
	var out []string
	texts := []string{x.Numerator, x.Denominator}
	if x.Model != nil {
		texts = append(texts, x.Model.Series)
	}
	for _, text := range texts {
		out = append(out, word.FindAllString(text, -1)...)
	}
	return out
}

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// index says in which file of a layer a definition stands, from file names and the lines that begin a measure.
type index struct {
	measures, indicators, benchmarks map[string]string
}

var measureLine = regexp.MustCompile(`(?m)^ *- id: *([A-Za-z0-9_]+)`)

func indexOf(layer fs.FS) *index {
	ix := &index{measures: map[string]string{}, indicators: map[string]string{}, benchmarks: map[string]string{}}
	for _, file := range yamlFiles(layer, "indicators") {
		ix.indicators[strings.TrimSuffix(path.Base(file), ".yaml")] = file
	}
	for _, file := range yamlFiles(layer, "benchmarks") {
		ix.benchmarks[strings.TrimSuffix(path.Base(file), ".yaml")] = file
	}
	for _, file := range yamlFiles(layer, "measures") {
		raw, err := fs.ReadFile(layer, file)
		if err != nil {
			continue // Load reports it
		}
		for _, m := range measureLine.FindAllSubmatch(raw, -1) {
			ix.measures[string(m[1])] = file
		}
	}
	return ix
}

func (c *Catalog) knowsMeasure(id string) bool {
	_, ok := c.measures[id]
	return ok || c.base != nil && c.base.measures[id] != ""
}

func (c *Catalog) knowsIndicator(id string) bool {
	_, ok := c.indicators[id]
	return ok || c.base != nil && c.base.indicators[id] != ""
}
