package settle

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed published.yaml
var publishedYAML []byte

// wording is published.yaml.
type wording struct {
	Columns   map[string][]string `yaml:"columns"`
	Kinds     map[string][]string `yaml:"kinds"`
	Yes       []string            `yaml:"yes"`
	No        []string            `yaml:"no"`
	Levels    map[string]string   `yaml:"levels"`
	Insurance map[string]string   `yaml:"insurance"`
	Places    []string            `yaml:"places"`
	Codes     map[string]string   `yaml:"codes"`
}

// published is a payment table as a place publishes it: one row a group, and levels and types of insurance in its headers.
type published struct {
	words   wording
	columns []place
	levels  []string // that a header names, "" first
	kinds   []string // of insurance
}

// place is where a column of a published table belongs.
type place struct{ column, level, insurance string }

// publishedHead understands the header of a published table; ok is false where it is none.
func publishedHead(head []string) (t *published, ok bool, err error) {
	t = &published{levels: []string{""}, kinds: []string{""}}
	if err := yaml.Unmarshal(publishedYAML, &t.words); err != nil {
		return nil, false, err
	}
	for _, h := range head {
		at, known := t.place(strings.TrimSpace(h))
		if !known {
			if len(t.columns) == 0 {
				return nil, false, nil
			}
			return nil, true, fmt.Errorf("column %q is none that published tables have; published.yaml lists those, and sanyi settle --help the columns of our own tables", h)
		}
		t.columns = append(t.columns, at)
		if at.level != "" && !slices.Contains(t.levels, at.level) {
			t.levels = append(t.levels, at.level)
		}
		if at.insurance != "" && !slices.Contains(t.kinds, at.insurance) {
			t.kinds = append(t.kinds, at.insurance)
		}
		ok = ok || at.column == "group"
	}
	return t, ok, nil
}

// place reads a header: 支付标准（三级职工）, 二级医院系数, 二级医院支付标准（居民）.
func (t *published) place(head string) (p place, ok bool) {
	head = strings.NewReplacer("（", "(", "）", ")").Replace(head)
	head, inside, _ := strings.Cut(strings.TrimSuffix(head, ")"), "(")
	p.column, ok = listWith(t.words.Columns, head)
	for _, level := range longest(t.words.Levels) {
		if rest, has := strings.CutPrefix(head, level); has && !ok {
			if p.column, ok = listWith(t.words.Columns, rest); ok {
				p.level = t.words.Levels[level]
			}
		}
	}
	if inside == "" || slices.Contains(t.words.Places, inside) {
		return p, ok
	}
	for word, kind := range t.words.Insurance {
		if rest, has := strings.CutSuffix(inside, word); has {
			inside, p.insurance = rest, kind
			break
		}
	}
	if inside != "" {
		p.level = inside // a class of hospitals in the place's own words
		if level := t.words.Levels[inside]; level != "" {
			p.level = level
		}
	}
	return p, ok
}

// listWith is the key of the list that has a word.
func listWith(lists map[string][]string, word string) (string, bool) {
	for key, list := range lists {
		if slices.Contains(list, word) {
			return key, true
		}
	}
	return "", false
}

// longest sorts keys, the longer first: 三级医院 before 三级.
func longest(m map[string]string) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return len(b) - len(a) })
}

// rows are the rows of our own table that a published row comes to: one for every hospital, and one for each level and
// type of insurance that a header names. A published row may end early.
func (t *published) rows(cells []string) ([]Weight, error) {
	var group string
	var flags []string
	values := map[place]string{}
	for i, cell := range cells {
		cell = strings.TrimSpace(cell)
		if i >= len(t.columns) {
			return nil, fmt.Errorf("%d cells, the header has %d", len(cells), len(t.columns))
		}
		at := t.columns[i]
		if cell == "" {
			continue
		}
		flag, number, err := t.cell(at.column, cell)
		switch {
		case err != nil:
			return nil, fmt.Errorf("column %s: %w", at.column, err)
		case at.column == "group":
			group = cell
			if code := t.words.Codes[cell]; code != "" {
				group = code
			}
		case flag != "":
			flags = append(flags, flag)
		case number:
			values[at] = cell
		}
	}
	slices.Sort(flags)
	flags = slices.Compact(flags)
	if slices.Contains(flags, FlagBasic) {
		t.oneStandard(values)
	}
	var out []Weight
	for _, level := range t.levels {
		for _, kind := range t.kinds {
			if level == "" && len(t.levels) > 1 && kind != "" || kind == "" && len(t.kinds) > 1 && level != "" {
				continue // said by the row of both, or by that of all
			}
			w := Weight{Group: group, Level: level, Insurance: kind, Flags: flags}
			for _, column := range slices.Sorted(maps.Keys(w.numbers())) {
				for _, from := range []place{{column, level, kind}, {column, level, ""}, {column, "", kind}, {column, "", ""}} {
					if cell := values[from]; cell != "" {
						if err := w.set(column, cell); err != nil {
							return nil, fmt.Errorf("column %s: %w", column, err)
						}
						break
					}
				}
			}
			out = append(out, w)
		}
	}
	return out, nil
}

// cell is what a cell says: a flag of the group, a number, or nothing.
func (t *published) cell(column, cell string) (flag string, number bool, err error) {
	yes, no := slices.Contains(t.words.Yes, cell), slices.Contains(t.words.No, cell)
	switch column {
	case "group", "name", "nothing":
		return "", false, nil
	case FlagBasic, FlagUnstable, FlagItem, FlagTCM, "stable":
		switch {
		case column == "stable" && no:
			return FlagUnstable, false, nil
		case column != "stable" && yes:
			return column, false, nil
		case yes || no:
			return "", false, nil
		}
		return "", false, fmt.Errorf("%s or %s is wanted", t.words.Yes[0], t.words.No[0])
	}
	kind, known := listWith(t.words.Kinds, cell)
	switch {
	case known && (kind == "none" || kind == "plain"):
		return "", false, nil
	case known:
		return kind, false, nil
	case column == "kind":
		return "", false, errors.New("the kind of group is none that published tables have; published.yaml lists those")
	}
	return "", true, nil
}

// oneStandard drops coefficients that differ by level: a basic group is paid the same at every level, and some places
// print the level's coefficient beside it all the same (Lanzhou 2023, Changzhou 2022; Suzhou prints one value).
func (t *published) oneStandard(values map[place]string) {
	seen := map[string]bool{}
	for at, cell := range values {
		if at.column == "coefficient" {
			seen[cell] = true
		}
	}
	if len(seen) > 1 {
		maps.DeleteFunc(values, func(at place, _ string) bool { return at.column == "coefficient" })
	}
}
