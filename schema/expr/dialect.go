package expr

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Dialect is how one engine spells the language. It is a data file (queries/dialects/<name>.yaml): what differs
// between engines stands there and nowhere else.
type Dialect struct {
	Name      string               `yaml:"dialect"`
	Title     string               `yaml:"title"`
	Parameter string               `yaml:"parameter"` // "$" numbers parameters ($1, $2), "?" does not
	Quote     string               `yaml:"quote"`     // quotes an identifier, doubled inside
	Interval  string               `yaml:"interval"`  // {n} and {unit}
	DateAdd   string               `yaml:"date_add_days"`
	DateSub   string               `yaml:"date_sub_days"`
	DateDiff  string               `yaml:"date_minus_date"`
	TryCast   string               `yaml:"try_cast"`
	Types     map[string]string    `yaml:"types"`
	Operators map[string]string    `yaml:"operators"` // those that are not written as in the language
	Functions map[string]*spelling `yaml:"functions"`
	Missing   map[string]string    `yaml:"missing"` // functions that the engine cannot do, and why
	Phrases   map[string]string    `yaml:"phrases"` // other pieces of SQL that differ, for compilers: see Phrase
}

// spelling is a template, or one a unit: {1} {2} … are arguments, {args} all of them, {rest} all from the second;
// each wraps every one of {args} or {rest} first ({} is the argument).
type spelling struct {
	SQL   string            `yaml:"sql"`
	Each  string            `yaml:"each"`
	Units map[string]string `yaml:"units"` // by the first argument; arguments then count from {1} after it
	ByLen map[int]string    `yaml:"by_count"`
}

// UnmarshalYAML takes a bare template, too.
func (s *spelling) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		s.SQL = n.Value
		return nil
	}
	type plain spelling
	return n.Decode((*plain)(s))
}

// LoadDialect reads <name>.yaml of a folder of dialects.
func LoadDialect(fsys fs.FS, name string) (*Dialect, error) {
	file := name + ".yaml"
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("dialect %s: %w", name, err)
	}
	d := &Dialect{}
	dec := yaml.NewDecoder(strings.NewReader(string(raw)))
	dec.KnownFields(true)
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("dialect %s: %s: %w", name, file, err)
	}
	return d, d.check(file, name)
}

var placeholder = regexp.MustCompile(`\{([a-z]*|[0-9]+)\}`)

func (d *Dialect) check(file, name string) error {
	if d.Name != name {
		return fmt.Errorf("%s: dialect: %q stands in the file of %q", file, d.Name, name)
	}
	if d.Parameter != "$" && d.Parameter != "?" {
		return fmt.Errorf(`%s: parameter: %q, write "$" or "?"`, file, d.Parameter)
	}
	if d.Quote == "" || d.Interval == "" || d.DateAdd == "" || d.DateSub == "" || d.DateDiff == "" || d.TryCast == "" {
		return fmt.Errorf("%s: one of quote, interval, date_add_days, date_sub_days, date_minus_date, try_cast is missing", file)
	}
	for f, s := range d.Functions {
		def, ok := functions[f]
		if !ok {
			return fmt.Errorf("%s: functions: %s: the language has no such function%s", file, f, suggest(f, functionNames()))
		}
		for _, u := range def.Units {
			if s.Units[u] == "" && s.SQL == "" {
				return fmt.Errorf("%s: functions: %s: no template for unit %s", file, f, u)
			}
		}
	}
	for f, why := range d.Missing {
		if _, ok := functions[f]; !ok || why == "" {
			return fmt.Errorf("%s: missing: %s: not a function of the language, or without a reason", file, f)
		}
	}
	var unspoken []string
	for f := range functions {
		_, spelled := d.Functions[f]
		_, missing := d.Missing[f]
		if !spelled && !missing && f != "current_date" {
			unspoken = append(unspoken, f)
		}
	}
	if len(unspoken) > 0 {
		slices.Sort(unspoken)
		return fmt.Errorf("%s: neither functions: nor missing: says %s", file, strings.Join(unspoken, ", "))
	}
	return nil
}

// Ident quotes an identifier.
func (d *Dialect) Ident(name string) string {
	return d.Quote + strings.ReplaceAll(name, d.Quote, d.Quote+d.Quote) + d.Quote
}

// Phrase is a named piece of SQL for compilers (tie-breaks, ordering) with {1}, {2} … replaced.
func (d *Dialect) Phrase(name string, args ...string) (string, error) {
	t, ok := d.Phrases[name]
	if !ok {
		return "", fmt.Errorf("dialect %s: no phrase %s", d.Name, name)
	}
	return fill(t, args, nil), nil
}

// TypeName is the engine's word for a type.
func (d *Dialect) TypeName(t Type) string {
	base, params, _ := strings.Cut(t.String(), "(")
	word, ok := d.Types[base]
	if !ok {
		return t.SQL()
	}
	if t.Kind == Decimal {
		word += "(" + params
	}
	return word
}

// fill puts arguments into a template.
func fill(template string, args []string, each func(string) string) string {
	list := func(from int) string {
		out := make([]string, 0, len(args))
		for _, a := range args[min(from, len(args)):] {
			if each != nil {
				a = each(a)
			}
			out = append(out, a)
		}
		return strings.Join(out, ", ")
	}
	return placeholder.ReplaceAllStringFunc(template, func(m string) string {
		switch name := m[1 : len(m)-1]; name {
		case "args":
			return list(0)
		case "rest":
			return list(1)
		default:
			if len(name) == 1 && name[0] >= '1' && int(name[0]-'1') < len(args) {
				return args[name[0]-'1']
			}
			return m
		}
	})
}
