package schema

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

//go:embed all:tables
var shipped embed.FS

// Shipped is the contracts that come with the program.
func Shipped() fs.FS { return shipped }

// Load reads the contracts of each layer (schema/tables/… or tables/…), the shipped ones first; later layers add
// tables, or redefine one when they say replaces:. All faults are reported together, each with file and line.
func Load(layers ...fs.FS) (*Set, error) {
	set := &Set{tables: map[string]*Table{}}
	var faults []error
	for _, layer := range layers {
		files, err := tableFiles(layer)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err)
		}
		inLayer := map[string]string{}
		for _, file := range files {
			text, err := fs.ReadFile(layer, file)
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, fmt.Errorf("contract %s: %w", file, err))
			}
			t, err := Parse(file, text)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			if err := set.add(t, inLayer); err != nil {
				faults = append(faults, err)
			}
		}
	}
	set.names = slices.Sorted(maps.Keys(set.tables))
	for _, t := range set.Tables() {
		faults = append(faults, set.link(t)...)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	return set, nil
}

// tableFiles lists the contract files of a layer, sorted by path.
func tableFiles(layer fs.FS) ([]string, error) {
	var out []string
	for _, root := range []string{"schema/tables", "tables"} {
		if _, err := fs.Stat(layer, root); err != nil {
			continue
		}
		err := fs.WalkDir(layer, root, func(file string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (path.Ext(file) == ".yaml" || path.Ext(file) == ".yml") {
				out = append(out, file)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("contracts in %s: %w", root, err)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (s *Set) add(t *Table, inLayer map[string]string) error {
	if other, ok := inLayer[t.Name]; ok {
		return fmt.Errorf("%s:1: table %s: is in %s, too", t.File, t.Name, other)
	}
	inLayer[t.Name] = t.File
	old, exists := s.tables[t.Name]
	switch {
	case exists && t.Replaces != t.Name:
		return fmt.Errorf("%s:1: table %s: is defined in %s; to redefine it, add replaces: %s", t.File, t.Name, old.File, t.Name)
	case !exists && t.Replaces != "":
		return fmt.Errorf("%s:1: table %s: replaces %s, which no earlier layer has", t.File, t.Name, t.Replaces)
	}
	s.tables[t.Name] = t
	return nil
}

// Parse reads one contract and checks everything that can be checked without the other tables.
func Parse(file string, text []byte) (*Table, error) {
	t := &Table{File: file, Text: string(text)}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(t); err != nil {
		return nil, yamlFault(file, err)
	}
	p := &parsing{table: t}
	p.identity()
	p.columns()
	p.named()
	p.checks()
	return t, errors.Join(p.faults...)
}

var yamlLine = regexp.MustCompile(`(?:yaml: )?line ([0-9]+): `)

// yamlFault turns what the YAML library says into one error a line, each beginning with file:line.
func yamlFault(file string, err error) error {
	messages := []string{err.Error()}
	if many, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = many.Errors
	}
	var out []error
	for _, m := range messages {
		if at := yamlLine.FindStringSubmatchIndex(m); at != nil && at[0] == 0 {
			out = append(out, fmt.Errorf("%s:%s: %s", file, m[at[2]:at[3]], m[at[1]:]))
			continue
		}
		out = append(out, fmt.Errorf("%s:1: %s", file, strings.TrimPrefix(m, "yaml: ")))
	}
	return errors.Join(out...)
}

// parsing is one contract being checked. doc knows the lines; it is read at the first fault, since parsing the text
// once more would double the time that every command takes to start.
type parsing struct {
	table  *Table
	doc    *yaml.Node
	faults []error
}

// fail reports a fault at the line where a path of keys and indexes leads.
func (p *parsing) fail(at []any, format string, args ...any) {
	line := 1
	if n := p.node(at); n != nil {
		line = n.Line
	}
	p.faults = append(p.faults, fmt.Errorf("%s:%d: table %s: %s", p.table.File, line, p.table.Name, fmt.Sprintf(format, args...)))
}

// node is the place in the document where a path of keys and indexes leads.
func (p *parsing) node(at []any) *yaml.Node {
	if p.doc == nil {
		p.doc = &yaml.Node{}
		_ = yaml.Unmarshal([]byte(p.table.Text), p.doc) // it was decoded before
	}
	return find(p.doc, at)
}

// find goes down from a document by keys (string) and indexes (int), as far as it can.
func find(n *yaml.Node, at []any) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for _, step := range at {
		next := (*yaml.Node)(nil)
		switch step := step.(type) {
		case string:
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == step {
					next = n.Content[i+1]
				}
			}
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func (p *parsing) identity() {
	t := p.table
	if !identifier.MatchString(t.Name) {
		p.fail([]any{"table"}, "the name is ASCII lower case with _")
	}
	if base := strings.TrimSuffix(path.Base(t.File), path.Ext(t.File)); base != t.Name {
		p.fail([]any{"table"}, "the file is called %s; one table, one file of its name", path.Base(t.File))
	}
	if t.Kind != Dim && t.Kind != Fact && t.Kind != Derived {
		p.fail([]any{"kind"}, "kind %q is none of dim, fact, derived", t.Kind)
	}
	if t.Title.ZH == "" || t.Title.EN == "" {
		p.fail([]any{"title"}, "wants a title in zh and en")
	}
	if t.Version == "" {
		p.fail([]any{"version"}, "wants a version")
	}
	if len(t.Columns) == 0 {
		p.fail([]any{"columns"}, "has no columns")
	}
	if t.BadChild != "" && t.BadChild != "child" && t.BadChild != "record" {
		p.fail([]any{"bad_child"}, "bad_child %q is none of child, record", t.BadChild)
	}
	if !slices.Contains([]string{"", Evolve, Freeze}, t.Mode) {
		p.fail([]any{"mode"}, "mode %q is none of evolve, freeze", t.Mode)
	}
	if (t.BadChild == "") != (t.Parent == "") {
		p.fail([]any{"parent"}, "parent and bad_child come together")
	}
}

func (p *parsing) columns() {
	t := p.table
	t.byName = map[string]int{}
	ids := map[int]string{}
	for i := range t.Columns {
		c, at := &t.Columns[i], []any{"columns", i}
		if !identifier.MatchString(c.Name) {
			p.fail(at, "column %q: the name is ASCII lower case with _", c.Name)
		}
		if _, twice := t.byName[c.Name]; twice {
			p.fail(at, "column %s: is here twice", c.Name)
		}
		t.byName[c.Name] = i
		switch other, twice := ids[c.ID]; {
		case c.ID < 1 || c.ID >= lineageID:
			p.fail(at, "column %s: wants an id of its own from 1 to %d", c.Name, lineageID-1)
		case twice:
			p.fail(at, "column %s: id %d is %s's", c.Name, c.ID, other)
		}
		ids[c.ID] = c.Name
		if c.Type.Kind == expr.Unknown {
			p.fail(at, "column %s: wants a type", c.Name)
		}
		if c.Title.ZH == "" || c.Title.EN == "" {
			p.fail(at, "column %s: wants a title in zh and en", c.Name)
		}
		if !slices.Contains([]string{"I", "Q", "H", "M", "O", "P"}, c.Sensitivity) {
			p.fail(at, "column %s: sensitivity %q is none of I, Q, H, M, O, P", c.Name, c.Sensitivity)
		}
		if c.Sensitivity == "I" && !c.Pseudonym {
			p.fail(at, "column %s: a direct identifier wants pseudonym: true", c.Name)
		}
		if c.Sensitivity == "I" && c.Dimension {
			p.fail(at, "column %s: a direct identifier never groups figures", c.Name)
		}
		if c.Pseudonym && c.Type.Kind != expr.String {
			p.fail(at, "column %s: a pseudonym is a varchar of at least 22", c.Name)
		}
		if !slices.Contains([]string{"", DiscardRow, DiscardValue}, c.Mode) {
			p.fail(at, "column %s: mode %q is none of discard_row, discard_value (freeze and evolve are modes of a table)", c.Name, c.Mode)
		}
		for j := range c.Checks {
			c.Checks[j].Column = c.Name
		}
	}
}

// named checks every place of a contract that names a column of it.
func (p *parsing) named() {
	t := p.table
	want := func(name string, kinds []expr.Kind, at ...any) {
		c, ok := t.Column(name)
		switch {
		case name == "":
		case !ok:
			p.fail(at, "%v: no column %s", at[0], name)
		case kinds != nil && !slices.Contains(kinds, c.Type.Kind):
			p.fail(at, "%v: column %s is %s", at[0], name, c.Type)
		}
	}
	day := []expr.Kind{expr.Date}
	want(t.EventDate, []expr.Kind{expr.Date, expr.String}, "event_date")
	want(t.Clock, []expr.Kind{expr.Timestamp}, "clock")
	want(t.ValidFrom, day, "valid_from")
	want(t.ValidTo, day, "valid_to")
	for i, k := range t.Key {
		want(k, nil, "key", i)
	}
	for i, k := range t.Sort {
		want(k, nil, "sort", i)
	}
	for role, name := range t.Roles {
		want(name, nil, "roles", role)
	}
	if len(t.Key) == 0 {
		p.fail(nil, "wants a key")
	}
	want(t.Scope.Org, nil, "scope", "org")
	for viewpoint, name := range t.Scope.Region {
		if viewpoint != Care && viewpoint != Insured && viewpoint != Residence {
			p.fail([]any{"scope", "region", viewpoint}, "viewpoint %q is none of care, insured, residence", viewpoint)
		}
		if name == ViaOrg {
			if t.Scope.Org == "" {
				p.fail([]any{"scope", "region", viewpoint}, "%s: via dim_org, but scope names no org", viewpoint)
			}
			continue
		}
		want(name, []expr.Kind{expr.String}, "scope", "region", viewpoint)
	}
	if c := t.Choice; c != nil {
		if c.Name == "" || c.Column == "" || c.Otherwise == "" {
			p.fail([]any{"choice"}, "choice: wants name, column and otherwise")
		}
		want(c.Column, []expr.Kind{expr.String}, "choice", "column")
		want(c.Otherwise, []expr.Kind{expr.Bool}, "choice", "otherwise")
	}
	if !t.Scope.Public && t.Scope.Org == "" && len(t.Scope.Region) == 0 {
		p.fail([]any{"scope"}, "scope: a row belongs to an org, a region, or is public")
	}
}

func (p *parsing) checks() {
	t := p.table
	seen := map[string]bool{}
	one := func(c *Check, at ...any) {
		switch {
		case c.ID == "" || !identifier.MatchString(c.ID):
			p.fail(at, "check %q: the id is ASCII lower case with _", c.ID)
		case seen[c.ID]:
			p.fail(at, "check %s: is here twice", c.ID)
		}
		seen[c.ID] = true
		if c.Severity != Error && c.Severity != Warning {
			p.fail(at, "check %s: severity %q is none of error, warning", c.ID, c.Severity)
		}
		if c.Message.ZH == "" || c.Message.EN == "" {
			p.fail(at, "check %s: wants a message in zh and en", c.ID)
		}
		if _, ok := t.Column(c.Column); c.Column != "" && !ok {
			p.fail(at, "check %s: no column %s", c.ID, c.Column)
		}
		parsed, err := check(c.Expr, expr.Pos{File: t.File, Line: 1, Col: 1}, t)
		if err != nil { // once more, now with the place where it stands
			parsed, err = check(c.Expr, p.textAt(append(slices.Clone(at), "expr")), t)
		}
		if err != nil {
			p.faults = append(p.faults, err)
			return
		}
		c.Parsed = parsed
	}
	for i := range t.Columns {
		for j := range t.Columns[i].Checks {
			one(&t.Columns[i].Checks[j], "columns", i, "checks", j)
		}
	}
	for i := range t.Checks {
		one(&t.Checks[i], "checks", i)
	}
}

// check parses and types the text of a check.
func check(text string, pos expr.Pos, t *Table) (expr.Node, error) {
	parsed, err := expr.Parse(text, pos)
	if err == nil {
		err = expr.Condition(parsed, t.Resolver())
	}
	if err == nil && expr.HasAggregate(parsed) {
		err = &expr.Error{At: pos, Msg: "a check looks at one row; no aggregates"}
	}
	return parsed, err
}

// textAt is where a scalar's text begins.
func (p *parsing) textAt(at []any) expr.Pos {
	pos := expr.Pos{File: p.table.File, Line: 1, Col: 1}
	if n := p.node(at); n != nil {
		pos.Line, pos.Col = n.Line, n.Column
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			pos.Col++
		}
	}
	return pos
}

// link checks what a contract says of other tables.
func (s *Set) link(t *Table) []error {
	var faults []error
	bad := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s:1: table %s: %s", t.File, t.Name, fmt.Sprintf(format, args...)))
	}
	if t.Parent != "" {
		parent, ok := s.tables[t.Parent]
		if !ok {
			bad("parent: no table %s", t.Parent)
		} else {
			for _, k := range parent.Key {
				if _, ok := t.Column(k); !ok {
					bad("parent %s: column %s of its key is missing here", t.Parent, k)
				}
			}
		}
	}
	if _, ok := s.tables[t.CompletenessOf]; t.CompletenessOf != "" && !ok {
		bad("completeness_of: no table %s", t.CompletenessOf)
	}
	for _, c := range t.Columns {
		if c.Ref == "" {
			continue
		}
		ref, ok := s.tables[c.Ref]
		switch {
		case !ok:
			bad("column %s: ref: no table %s", c.Name, c.Ref)
		case ref.RefKey() == "":
			bad("column %s: ref: table %s has no single key to refer to", c.Name, c.Ref)
		}
	}
	if t.Kind == Fact {
		for viewpoint, name := range t.Scope.Region {
			if _, ok := s.tables["dim_org"]; name == ViaOrg && !ok {
				bad("scope: region: %s: no table dim_org", viewpoint)
			}
		}
	}
	return faults
}
