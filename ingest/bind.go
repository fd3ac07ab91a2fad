package ingest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Names that expressions may use beside the source's columns.
var known = map[string]expr.Type{
	"_delivery_org": expr.StringType, "_delivery_date": expr.DateType, "_file_name": expr.StringType, "_record_no": expr.Int64Type,
}

// branch is one SELECT of a table's rows: the table itself, or one n of a repeat.
type branch struct {
	n       int
	when    expr.Node
	columns []expr.Node // in the order of Table.Columns
}

// fields are the names of a JSON element that a table's expressions use like columns.
func (t *Table) fields() []string {
	if t.Each == nil || t.Each.JSON == "" {
		return nil
	}
	if len(t.Each.Fields) == 0 {
		return []string{"item", "item_no"}
	}
	return append(slices.Clone(t.Each.Fields), "item_no")
}

// bind parses and types every expression of the source against the contracts.
func (s *Source) bind(set *schema.Set) error {
	s.columns = map[string]*sourceColumn{}
	for name, others := range s.Columns.Aliases {
		s.column(name)
		for _, o := range others {
			if strings.TrimSpace(o) == "" {
				return fmt.Errorf("%s: source %s: columns.aliases.%s: an empty name", s.File, s.ID, name)
			}
		}
	}
	for _, name := range s.Columns.Required {
		s.column(name).required = true
	}
	for _, f := range []From{s.Delivery.Org, s.Delivery.Date} {
		if f.Column != "" {
			s.column(f.Column)
		}
	}
	var faults []error
	fail := func(line int, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: source %s: %s", s.File, line, s.ID, fmt.Sprintf(format, args...)))
	}
	for i := range s.Ignore {
		r := &s.Ignore[i]
		if !asciiID.MatchString(r.ID) {
			fail(r.When.Line, "ignore %q: a rule has an id in ASCII snake_case", r.ID)
		}
		n, err := s.condition(r.When, 0, nil)
		if err != nil {
			faults = append(faults, err)
		}
		r.node = n
	}
	seen := map[string]bool{}
	for i := range s.Tables {
		t := &s.Tables[i]
		contract, ok := set.Table(t.Table)
		if !ok {
			fail(t.line(), "no table %s", t.Table)
			continue
		}
		if contract.Kind == schema.Derived {
			fail(t.line(), "table %s is derived: the product writes it itself", t.Table)
			continue
		}
		t.contract = contract
		if t.Each != nil {
			if (t.Each.Repeat == nil) == (t.Each.JSON == "") {
				fail(t.line(), "table %s: each is repeat or json", t.Table)
				continue
			}
			if r := t.Each.Repeat; r != nil && (r.From < 0 || r.To < r.From || r.To-r.From > 999) {
				fail(t.line(), "table %s: each.repeat from %d to %d", t.Table, r.From, r.To)
				continue
			}
			if t.Each.JSON != "" {
				s.column(t.Each.JSON)
			}
		} else if seen[t.Table] {
			fail(t.line(), "table %s is filled twice by one record; give one of them each", t.Table)
		}
		seen[t.Table] = true
		faults = append(faults, s.bindTable(t)...)
	}
	for _, o := range []Orgs{s.Expects.Orgs, s.Delivery.Covers.Orgs} {
		if o.Table == "" {
			continue
		}
		t, ok := set.Table(o.Table)
		if !ok {
			fail(o.Where.Line, "no table %s", o.Table)
			continue
		}
		if _, ok := t.Column("org_code"); !ok {
			fail(o.Where.Line, "table %s has no org_code", o.Table)
		}
		if o.Where.Text == "" {
			continue
		}
		n, err := expr.Parse(o.Where.Text, o.Where.at(s.File))
		if err == nil {
			err = expr.Condition(n, contractColumns(t))
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func contractColumns(t *schema.Table) expr.Resolver {
	return func(q, name string) (expr.Type, bool) {
		c, ok := t.Column(name)
		if q != "" || !ok {
			return expr.Type{}, false
		}
		return c.Type, true
	}
}

func (t *Table) line() int {
	if len(t.Columns) > 0 {
		return t.Columns[0].Line
	}
	return t.When.Line
}

func (s *Source) bindTable(t *Table) []error {
	var faults []error
	fail := func(line int, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: source %s: table %s: %s", s.File, line, s.ID, t.Table, fmt.Sprintf(format, args...)))
	}
	given := map[string]bool{}
	for _, a := range t.Columns {
		c, ok := t.contract.Column(a.Column)
		if !ok || strings.HasPrefix(a.Column, "_") {
			fail(a.Line, "no column %s in the contract", a.Column)
			continue
		}
		given[c.Name] = true
	}
	for _, name := range t.Lacks {
		if _, ok := t.contract.Column(name); !ok {
			fail(t.line(), "lacks %s: no such column in the contract", name)
		}
		if given[name] {
			fail(t.line(), "lacks %s, and a mapping gives it", name)
		}
		given[name] = true
	}
	for _, c := range t.contract.Columns {
		if c.Required && !given[c.Name] {
			fail(t.line(), "column %s is required by the contract: map it, or name it in lacks", c.Name)
		}
	}
	if len(faults) > 0 {
		return faults
	}
	numbers := []int{0}
	if t.Each != nil && t.Each.Repeat != nil {
		numbers = numbers[:0]
		for n := t.Each.Repeat.From; n <= t.Each.Repeat.To; n++ {
			numbers = append(numbers, n)
		}
	}
	for _, n := range numbers {
		b := branch{n: n}
		if t.When.Text != "" {
			when, err := s.condition(t.When, n, t)
			if err != nil {
				return append(faults, err)
			}
			b.when = when
		}
		for _, a := range t.Columns {
			node, err := s.parse(a.Expr, n, t)
			if err != nil {
				return append(faults, err)
			}
			typ, err := expr.TypeOf(node, s.resolver(t))
			if err != nil {
				return append(faults, err)
			}
			c, _ := t.contract.Column(a.Column)
			if typ.Kind != expr.String && !expr.Assignable(typ, c.Type) {
				fail(a.Line, "column %s is %s, the expression gives %s", a.Column, c.Type, typ)
				continue
			}
			b.columns = append(b.columns, node)
		}
		if len(faults) > 0 {
			return faults
		}
		t.branches = append(t.branches, b)
	}
	return faults
}

var numberMark = regexp.MustCompile(`\{n(?::0([1-9]))?\}`)

// parse reads an expression in which {n} stands for a number of a repeat, and notes the source columns it names.
func (s *Source) parse(e Expr, n int, t *Table) (expr.Node, error) {
	text := e.Text
	if t != nil && t.Each != nil && t.Each.Repeat != nil {
		text = numberMark.ReplaceAllStringFunc(text, func(m string) string {
			width := 1
			if w := numberMark.FindStringSubmatch(m)[1]; w != "" {
				width, _ = strconv.Atoi(w)
			}
			return fmt.Sprintf("%0*d", width, n)
		})
	}
	node, err := expr.Parse(text, e.at(s.File))
	if err != nil {
		return nil, err
	}
	if expr.HasAggregate(node) {
		return nil, &expr.Error{At: e.at(s.File), Msg: "a mapping has no aggregates"}
	}
	var bad error
	expr.Walk(node, func(n expr.Node) bool {
		switch n := n.(type) {
		case *expr.Column:
			if err := s.note(n, t); err != nil && bad == nil {
				bad = err
			}
		case *expr.Call:
			if err := s.checkMap(n); err != nil && bad == nil {
				bad = err
			}
		}
		return true
	})
	return node, bad
}

func (s *Source) checkMap(n *expr.Call) error {
	if n.Name != "map" {
		return nil
	}
	list, ok := n.Args[1].(*expr.Literal)
	if !ok || s.Maps[list.Text] == nil {
		return &expr.Error{At: n.At, Msg: "map(x, 'name') wants the name of a list under maps:"}
	}
	return nil
}

// note makes a source column of a name that is nothing else.
func (s *Source) note(c *expr.Column, t *Table) error {
	if c.Qualifier == "file" {
		if !slices.ContainsFunc(s.patterns, func(re *regexp.Regexp) bool { return re.SubexpIndex(c.Name) >= 0 }) {
			return &expr.Error{At: c.At, Msg: "file." + c.Name + ": no pattern of files has this group"}
		}
		return nil
	}
	if c.Qualifier == "" {
		if _, ok := known[c.Name]; ok {
			return nil
		}
		if t != nil && slices.Contains(t.fields(), c.Name) {
			return nil
		}
	}
	s.column(columnName(c))
	return nil
}

// columnName is the column of the extract that an expression means: a.b is a path in JSON.
func columnName(c *expr.Column) string {
	if c.Qualifier != "" {
		return c.Qualifier + "." + c.Name
	}
	return c.Name
}

func (s *Source) resolver(t *Table) expr.Resolver {
	return func(q, name string) (expr.Type, bool) {
		if q == "" {
			if typ, ok := known[name]; ok {
				return typ, true
			}
			if t != nil && name == "item_no" && t.Each != nil && t.Each.JSON != "" {
				return expr.Int64Type, true
			}
		}
		return expr.StringType, true
	}
}

func (s *Source) condition(e Expr, n int, t *Table) (expr.Node, error) {
	node, err := s.parse(e, n, t)
	if err != nil {
		return nil, err
	}
	return node, expr.Condition(node, s.resolver(t))
}

// column finds or makes the source column of a name.
func (s *Source) column(name string) *sourceColumn {
	key := strings.ToLower(strings.TrimSpace(name))
	if c, ok := s.columns[key]; ok {
		return c
	}
	c := &sourceColumn{name: name, sql: "c" + strconv.Itoa(len(s.order))}
	s.columns[key] = c
	s.order = append(s.order, c)
	return c
}
