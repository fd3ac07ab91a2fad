package queries

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Kinds of time: how rows of a measure belong to a period (domain/clarifications 1).
const (
	Event    = "event"    // the row happened on its day
	Open     = "open"     // the row began at time and lasts until until: counted while it lasts
	Version  = "version"  // a dimension's version that holds at the end of the period
	Snapshot = "snapshot" // the row is the state of its day
	Monthly  = "month"    // the row is of a month, written YYYY-MM
)

// Kinds of additivity: what may be done with figures of parts.
const (
	Add      = "add"      // sums over groups and periods
	Distinct = "distinct" // counted anew for each group and period
	Quantile = "quantile" // computed anew from the rows
	Semi     = "semi"     // adds over organisations, not over time
)

// Measure is one countable thing: an aggregate over the rows of one table, without numerator and denominator.
type Measure struct {
	ID         string      `yaml:"id"`
	Title      schema.Text `yaml:"title"`
	From       string      `yaml:"from"`
	Aggregate  string      `yaml:"aggregate"`
	Where      string      `yaml:"where"`
	Time       string      `yaml:"time"`      // column by which a row belongs to a period
	TimeKind   string      `yaml:"time_kind"` // Event, Open, Version, Snapshot or Monthly
	Until      string      `yaml:"until"`     // Open and Version: column of the end, exclusive; null = lasts
	Clock      string      `yaml:"clock"`     // timestamp that gives Time its hour
	Additivity string      `yaml:"additivity"`
	Empty      string      `yaml:"empty"`  // unknown: a sum is nothing, not 0, where no row has a value
	Refund     string      `yaml:"refund"` // boolean column: such a row counts as −1 (its money is negative already)

	Join       map[string]*Join   `yaml:"join"`       // alias → table whose columns this measure names
	Exists     map[string]*Exists `yaml:"exists"`     // alias → rows that must be there
	SeenAgain  *SeenAgain         `yaml:"seen_again"` // the same person comes back
	Benchmark  map[string]string  `yaml:"benchmark"`  // alias → benchmark whose figures of the row's group this measure names
	Workdays   *Workdays          `yaml:"workdays"`
	StockAtEnd *StockAtEnd        `yaml:"stock_at_end"`
	Replaces   string             `yaml:"replaces"` // why this takes the place of a definition of a lower layer

	At         expr.Pos  `yaml:"-"` // where it was read
	Text       string    `yaml:"-"`
	aggregate  expr.Node // parsed, with refunds
	where      expr.Node // nil = every row
	benchmarks map[string]*Benchmark
	table      *schema.Table
	today      bool // a text says current_date
}

// Join names another table. A dimension with versions is joined in the version that held at the measure's time.
type Join struct {
	Table string `yaml:"table"` // the alias where empty
	On    string `yaml:"on"`    // columns of both tables, comma-separated, each a name of both or "this = that"
}

// Exists asks for a row of another table.
type Exists struct {
	Table       string `yaml:"table"`
	On          string `yaml:"on"`           // as of a join
	When        string `yaml:"when"`         // further condition; the other row's columns carry the alias
	WindowDays  int    `yaml:"window_days"`  // how long it takes until the answer stands, where the other row comes later
	LooksAcross string `yaml:"looks_across"` // "person": the look-up sees rows outside the Scope
	when        expr.Node
}

// SeenAgain asks whether the same key occurs again in the measure's own table; the other row is called again. The
// figure of a period whose window is not over is flagged provisional.
type SeenAgain struct {
	Key         string `yaml:"key"`          // column that is the same in both rows: person_key
	Other       string `yaml:"other"`        // column that differs: stay_id
	When        string `yaml:"when"`         // condition between the two
	WindowDays  int    `yaml:"window_days"`  // how long it takes until the answer stands
	LooksAcross string `yaml:"looks_across"` // "person"
	when        expr.Node
}

// Workdays counts the working days of dim_calendar between two dates, the first excluded, the last included.
type Workdays struct {
	As      string `yaml:"as"` // name under which aggregate and where use it
	After   string `yaml:"after"`
	Through string `yaml:"through"`
}

// StockAtEnd keeps the rows of the last day (or month) within the period that each owner delivered.
type StockAtEnd struct {
	By []string `yaml:"by"` // columns that tell the owners apart
}

// unknown says of a sum of values that rows may lack that without any it is not 0: weights of groups that the payment
// table does not know.
const unknown = "unknown"

// sums reports an aggregate of which nothing is 0.
func (m *Measure) sums() bool {
	c, ok := m.aggregate.(*expr.Call)
	return ok && m.Empty != unknown && (c.Name == "count" || c.Name == "sum")
}

// counts reports an aggregate that counts rows or things: its value is a number of cases.
func (m *Measure) counts() bool {
	c, ok := m.aggregate.(*expr.Call)
	return ok && (c.Name == "count" || m.Refund != "")
}

// provisionalDays is how long after a period its figure may still change by the measure's own definition.
func (m *Measure) provisionalDays() int {
	days := 0
	if m.SeenAgain != nil {
		days = m.SeenAgain.WindowDays
	}
	for _, x := range m.Exists {
		days = max(days, x.WindowDays)
	}
	return days
}

// prepare parses and types a measure against the contracts.
func (m *Measure) prepare(set *schema.Set) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: measure %s: %w", m.At.File, m.At.Line, m.ID, fmt.Errorf(format, args...))
	}
	t, ok := set.Table(m.From)
	if !ok {
		return fail("no table %s", m.From)
	}
	m.table = t
	if m.Title.ZH == "" || m.Title.EN == "" {
		return fail("title: both zh and en are wanted")
	}
	if !slices.Contains([]string{Event, Open, Version, Snapshot, Monthly}, m.TimeKind) {
		return fail("time_kind %q: one of event, open, version, snapshot, month", m.TimeKind)
	}
	if !slices.Contains([]string{Add, Distinct, Quantile, Semi}, m.Additivity) {
		return fail("additivity %q: one of add, distinct, quantile, semi", m.Additivity)
	}
	if err := m.checkTime(t); err != nil {
		return fail("%w", err)
	}
	resolve, err := m.resolver(set)
	if err != nil {
		return fail("%w", err)
	}
	if m.aggregate, err = expr.Parse(m.Aggregate, m.At); err != nil {
		return fail("aggregate: %w", err)
	}
	call, ok := m.aggregate.(*expr.Call)
	if !ok || !expr.IsAggregate(call.Name) {
		return fail("aggregate %q: one aggregate such as count(*) or sum(total_fee)", m.Aggregate)
	}
	if m.Refund != "" {
		if call.Name != "count" || call.Distinct {
			return fail("refund: only count(*) needs a sign; the money of a refund row is negative already")
		}
		m.aggregate = signed(m.Refund, m.At)
	}
	if _, err := expr.TypeOf(m.aggregate, resolve); err != nil {
		return fail("aggregate: %w", err)
	}
	if m.Empty != "" && (m.Empty != unknown || call.Name != "sum") {
		return fail("empty %q: unknown or nothing, of a sum", m.Empty)
	}
	if m.where, err = condition(m.Where, m.At, resolve); err != nil {
		return fail("where: %w", err)
	}
	var inAggregate, inWhere bool
	m.aggregate, inAggregate = withAsOf(m.aggregate)
	m.where, inWhere = withAsOf(m.where)
	m.today = inAggregate || inWhere
	if s := m.SeenAgain; s != nil {
		if s.when, err = condition(s.When, m.At, resolve); err != nil {
			return fail("seen_again: %w", err)
		}
		for _, c := range append([]string{s.Key, s.Other}, t.Key...) {
			if _, ok := t.Column(c); !ok {
				return fail("seen_again: %s has no column %s", t.Name, c)
			}
		}
		if s.LooksAcross != "" && s.LooksAcross != "person" {
			return fail("seen_again: looks_across %q: person or nothing", s.LooksAcross)
		}
	}
	for alias, x := range m.Exists {
		if x.when, err = condition(x.When, m.At, resolve); err != nil {
			return fail("exists %s: %w", alias, err)
		}
	}
	return nil
}

// condition parses a filter; nil for none or true.
func condition(text string, at expr.Pos, r expr.Resolver) (expr.Node, error) {
	if text == "" || text == "true" {
		return nil, nil //nolint:nilnil // no condition is not an error
	}
	n, err := expr.Parse(text, at)
	if err != nil {
		return nil, err
	}
	if expr.HasAggregate(n) {
		return nil, fmt.Errorf("%q: an aggregate cannot filter rows", text)
	}
	typ, err := expr.TypeOf(n, r)
	if err != nil {
		return nil, err
	}
	if typ.Kind != expr.Bool {
		return nil, fmt.Errorf("%q is %s, not a condition", text, typ)
	}
	return n, nil
}

func signed(refund string, at expr.Pos) expr.Node {
	one := func(s string) expr.Node { return &expr.Literal{At: at, Kind: expr.Int32, Text: s} }
	return &expr.Call{At: at, Name: "sum", Args: []expr.Node{&expr.Case{
		At:    at,
		Whens: []expr.When{{Cond: &expr.Column{At: at, Name: refund}, Then: &expr.Unary{At: at, Op: "-", X: one("1")}}},
		Else:  one("1"),
	}}}
}

func (m *Measure) checkTime(t *schema.Table) error {
	want := func(what, name string, kinds ...expr.Kind) error {
		if name == "" {
			return nil
		}
		c, ok := t.Column(name)
		if !ok {
			return fmt.Errorf("%s: %s has no column %s", what, t.Name, name)
		}
		if !slices.Contains(kinds, c.Type.Kind) {
			return fmt.Errorf("%s: %s.%s is %s", what, t.Name, name, c.Type)
		}
		return nil
	}
	kinds := []expr.Kind{expr.Date, expr.Timestamp}
	switch m.TimeKind {
	case Monthly:
		kinds = []expr.Kind{expr.String}
	case Open, Version:
		if m.Time == "" && m.Until == "" {
			return fmt.Errorf("time_kind %s wants the key time or until", m.TimeKind)
		}
	default:
		if m.Until != "" {
			return fmt.Errorf("until: belongs to time_kind open or version, not %s", m.TimeKind)
		}
	}
	if m.Refund != "" {
		if err := want("refund", m.Refund, expr.Bool); err != nil {
			return err
		}
	}
	if m.StockAtEnd != nil {
		if m.Time == "" || len(m.StockAtEnd.By) == 0 {
			return errors.New("stock_at_end wants a time and by: the columns that tell the owners apart")
		}
		for _, c := range m.StockAtEnd.By {
			if _, ok := t.Column(c); !ok {
				return fmt.Errorf("stock_at_end: %s has no column %s", t.Name, c)
			}
		}
	}
	if w := m.Workdays; w != nil {
		for _, c := range []string{w.After, w.Through} {
			if err := want("workdays", c, expr.Date, expr.Timestamp); err != nil {
				return err
			}
		}
	}
	if err := want("time", m.Time, kinds...); err != nil {
		return err
	}
	if err := want("until", m.Until, expr.Date, expr.Timestamp); err != nil {
		return err
	}
	return want("clock", m.Clock, expr.Timestamp)
}

// resolver types the columns that the measure's texts may name: its own table's bare, others' by alias.
func (m *Measure) resolver(set *schema.Set) (expr.Resolver, error) {
	tables := map[string]*schema.Table{"": m.table}
	for alias, j := range m.Join {
		if j == nil {
			return nil, fmt.Errorf("join %s: on: is missing", alias)
		}
		if j.Table == "" {
			j.Table = alias
		}
		t, ok := set.Table(j.Table)
		if !ok {
			return nil, fmt.Errorf("join %s: no table %s", alias, j.Table)
		}
		for _, o := range pairsOf(j.On) {
			if _, ok := m.table.Column(o.this); !ok {
				return nil, fmt.Errorf("join %s: %s has no column %s", alias, m.From, o.this)
			}
			if _, ok := t.Column(o.that); !ok {
				return nil, fmt.Errorf("join %s: %s has no column %s", alias, t.Name, o.that)
			}
		}
		tables[alias] = t
	}
	if m.SeenAgain != nil {
		tables["again"] = m.table
	}
	for alias, x := range m.Exists {
		t, ok := set.Table(x.Table)
		if !ok {
			return nil, fmt.Errorf("exists %s: no table %s", alias, x.Table)
		}
		tables[alias] = t
	}
	own := columnsOf(tables, m.Workdays)
	return func(qualifier, name string) (expr.Type, bool) {
		if b := m.benchmarks[qualifier]; b != nil {
			typ, ok := b.types[name]
			return typ, ok
		}
		return own(qualifier, name)
	}, nil
}

// pairsOf reads by which columns two tables are joined: "org_code, stay_id", each a column of both or "this = that".
func pairsOf(on string) []onPair {
	var out []onPair
	for part := range strings.SplitSeq(on, ",") {
		this, that, ok := strings.Cut(part, "=")
		if !ok {
			that = this
		}
		out = append(out, onPair{strings.TrimSpace(this), strings.TrimSpace(that)})
	}
	return out
}
