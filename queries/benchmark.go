package queries

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Benchmark is what rows that are alike come to, all organisations together, in the same period as the row beside which
// it stands: the mean fee of a group of cases, its mortality. It is computed from rows outside the Scope and outside the
// question's filters, so that a hospital's index is the same for the hospital and for the commission; what it gives are
// aggregates of groups of at least MinCases rows, never a row. One benchmark is one file of benchmarks/, so that a region
// may set another threshold by replacing that file.
type Benchmark struct {
	ID      string      `yaml:"id"`
	Title   schema.Text `yaml:"title"`
	Meaning string      `yaml:"meaning"`
	Basis   string      `yaml:"basis"` // the rule it follows, and where its threshold is from

	From        string            `yaml:"from"`         // the table of the measures that use it
	By          []string          `yaml:"by"`           // rows that have these in common are one group: columns, or dimensions of the organisation
	Same        []string          `yaml:"same"`         // groups are compared among those that have these in common: scheme, org_level
	Where       string            `yaml:"where"`        // which rows make it
	MinCases    int               `yaml:"min_cases"`    // groups of fewer rows have no benchmark
	Of          map[string]string `yaml:"of"`           // name → aggregate over a group's rows
	Scores      map[string]*Score `yaml:"scores"`       // name → where a group stands among all groups
	LooksAcross string            `yaml:"looks_across"` // region: it sees rows outside the Scope, and says so
	Replaces    string            `yaml:"replaces"`

	At    expr.Pos `yaml:"-"`
	Text  string   `yaml:"-"`
	table *schema.Table
	where expr.Node
	of    map[string]expr.Node
	types map[string]expr.Type // of every name that a measure may say
}

// Score standardises a figure of the groups: z = (figure − mean over groups) / standard deviation over groups, each
// group counting once, whatever its size. Rank says what a z means; it may name z and the aggregates of the benchmark.
type Score struct {
	Of     string `yaml:"of"`     // over the benchmark's aggregates; groups where it is null do not count for mean and deviation
	Spread string `yaml:"spread"` // sample (n−1) or population (n)
	Rank   string `yaml:"rank"`
	of     expr.Node
	rank   expr.Node
}

// spreads are the deviations that a Score can have; both engines call them so.
var spreads = map[string]string{"sample": "stddev_samp", "population": "stddev_pop"}

// score is the name of z in the text of a rank.
const score = "z"

// alias is the benchmark's name within a statement.
func (b *Benchmark) alias() string { return "bench_" + b.ID }

// prepare parses and types a benchmark against the contracts.
func (b *Benchmark) prepare(c *Catalog) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: benchmark %s: %w", b.At.File, b.At.Line, b.ID, fmt.Errorf(format, args...))
	}
	t, ok := c.set.Table(b.From)
	if !ok {
		return fail("no table %s", b.From)
	}
	b.table = t
	switch {
	case b.Title.ZH == "" || b.Title.EN == "":
		return fail("title: both zh and en are wanted")
	case b.Basis == "":
		return fail("basis: every benchmark names its rule")
	case len(b.By) == 0 || len(b.Of) == 0:
		return fail("by and of: which rows are alike, and what of them")
	case b.MinCases < 1:
		return fail("min_cases: how many rows a group needs to be a benchmark; at least 1")
	case b.LooksAcross != "region":
		return fail("looks_across: region is wanted; a benchmark of the caller's own rows would be another figure for everybody")
	case t.Choice != nil && !slices.Contains(b.names(), t.Choice.Column):
		return fail("%s of %s is neither in by nor in same: groups of several methods are not alike", t.Choice.Column, t.Name)
	}
	for _, name := range b.names() {
		if _, err := c.find(name, t, nil, schema.Care); err != nil {
			return fail("%w", err)
		}
	}
	own := columnsOf(map[string]*schema.Table{"": t}, nil)
	var err error
	if b.where, err = condition(b.Where, b.At, own); err != nil {
		return fail("where: %w", err)
	}
	b.of, b.types = map[string]expr.Node{}, map[string]expr.Type{}
	for _, name := range sortedKeys(b.Of) {
		n, err := expr.Parse(b.Of[name], b.At)
		if err != nil {
			return fail("of %s: %w", name, err)
		}
		if call, ok := n.(*expr.Call); !ok || !expr.IsAggregate(call.Name) {
			return fail("of %s: %q: one aggregate such as avg(total_fee)", name, b.Of[name])
		}
		if b.types[name], err = expr.TypeOf(n, own); err != nil {
			return fail("of %s: %w", name, err)
		}
		b.of[name] = n
	}
	for _, name := range sortedKeys(b.Scores) {
		if err := b.prepareScore(name); err != nil {
			return fail("scores %s: %w", name, err)
		}
	}
	return nil
}

func (b *Benchmark) prepareScore(name string) error {
	s := b.Scores[name]
	if s == nil || s.Of == "" || s.Rank == "" || spreads[s.Spread] == "" {
		return errors.New("wants of, rank, and spread: sample or population")
	}
	if _, taken := b.Of[name]; taken || name == score {
		return errors.New("the name is taken")
	}
	aggregates := func(qualifier, column string) (expr.Type, bool) {
		typ, ok := b.types[column]
		_, isScore := b.Scores[column]
		return typ, ok && qualifier == "" && !isScore
	}
	for _, part := range []struct {
		text string
		into *expr.Node
		z    bool
	}{{s.Of, &s.of, false}, {s.Rank, &s.rank, true}} {
		n, err := expr.Parse(part.text, b.At)
		if err != nil {
			return err
		}
		if expr.HasAggregate(n) {
			return fmt.Errorf("%q: aggregates stand under of", part.text)
		}
		typ, err := expr.TypeOf(n, func(q, c string) (expr.Type, bool) {
			if part.z && q == "" && c == score {
				return expr.DoubleType, true
			}
			return aggregates(q, c)
		})
		if err != nil {
			return err
		}
		if !typ.Numeric() {
			return fmt.Errorf("%q is %s, not a number", part.text, typ)
		}
		*part.into = n
		if part.z {
			b.types[name] = typ
		}
	}
	return nil
}

// names are what a benchmark groups its rows by.
func (b *Benchmark) names() []string { return append(slices.Clone(b.Same), b.By...) }

// Sentence is a benchmark in one line.
func (b *Benchmark) Sentence() string {
	var out strings.Builder
	for i, name := range sortedKeys(b.Of) {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(name + " = " + b.Of[name])
	}
	fmt.Fprintf(&out, " of %s", b.From)
	if b.Where != "" {
		out.WriteString(" where " + b.Where)
	}
	fmt.Fprintf(&out, " by %s over the whole %s in the same period, from %d rows up", strings.Join(b.names(), ", "), b.LooksAcross, b.MinCases)
	for _, name := range sortedKeys(b.Scores) {
		s := b.Scores[name]
		fmt.Fprintf(&out, "; %s = %s, z of %s among groups (%s deviation)", name, s.Rank, s.Of, s.Spread)
	}
	return out.String()
}

// benchmarked checks the benchmarks that a measure names.
func (c *Catalog) benchmarked(m *Measure) error {
	m.benchmarks = map[string]*Benchmark{}
	for _, alias := range sortedKeys(m.Benchmark) {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: measure %s: benchmark %s: %w", m.At.File, m.At.Line, m.ID, alias, fmt.Errorf(format, args...))
		}
		b, ok := c.benchmarks[m.Benchmark[alias]]
		switch {
		case !ok:
			return fail("no benchmark %s", m.Benchmark[alias])
		case b.From != m.From:
			return fail("%s is of %s, the measure of %s", b.ID, b.From, m.From)
		case m.TimeKind != Event || m.Time == "" || m.Clock != "":
			return fail("a measure beside a benchmark is an event of a day: time, time_kind event, no clock")
		case m.Join[alias] != nil || m.Exists[alias] != nil:
			return fail("the alias is taken")
		}
		m.benchmarks[alias] = b
	}
	return nil
}

// benchmarkLink is a benchmark of a scan with where each of its columns stands.
type benchmarkLink struct {
	*Benchmark
	places []dim // in the order of names
}

// addBenchmark puts a benchmark beside a scan, once, and joins the tables in which its columns stand.
func (s *scan) addBenchmark(p *Plan, b *Benchmark) error {
	if slices.ContainsFunc(s.benchmarks, func(have *benchmarkLink) bool { return have.Benchmark == b }) {
		return nil
	}
	link := &benchmarkLink{Benchmark: b}
	for _, name := range b.names() {
		at, err := p.catalog.find(name, s.table, nil, schema.Care)
		if err != nil {
			return err
		}
		link.places = append(link.places, dim{place: at, alias: s.joinPlace(p, at)})
	}
	s.benchmarks = append(s.benchmarks, link)
	return nil
}

// benchmark prints what each group of each period comes to.
func (w *writer) benchmark(b *benchmarkLink) {
	var keys, cols, names []string
	if w.part.form != single {
		keys, cols = append(keys, "slot"), append(cols, w.slotExpr()+" AS slot")
	}
	for _, at := range b.places {
		keys = append(keys, w.ident(at.name))
		cols = append(cols, w.dimension(at)+" AS "+w.ident(at.name))
	}
	own := columnsOf(map[string]*schema.Table{"": b.table}, nil)
	base := func(c *expr.Column) string { return w.col("base", c.Name) }
	for _, name := range sortedKeys(b.of) {
		names = append(names, w.ident(name))
		cols = append(cols, w.typed(b.of[name], own, base)+" AS "+w.ident(name))
	}
	var joins strings.Builder
	for _, j := range w.scan.joins {
		if slices.ContainsFunc(b.places, func(at dim) bool { return at.alias == j.alias }) {
			joins.WriteString(w.joinText(j))
		}
	}
	text := "SELECT\n    " + strings.Join(cols, ",\n    ") + "\n" + w.from() + joins.String()
	conds := append(w.rangeOf(), w.chosen("base", b.table)...)
	for _, n := range conjuncts(b.where) {
		cond := w.typed(n, own, base)
		if o, ok := n.(*expr.Binary); ok && o.Op == "or" {
			cond = "(" + cond + ")"
		}
		conds = append(conds, cond)
	}
	text += "\nWHERE " + strings.Join(conds, "\n    AND ") + fmt.Sprintf("\nGROUP BY %s\nHAVING count(*) >= %d", ordinals(len(keys)), b.MinCases)
	what := "each " + strings.Join(b.By, ", ") + " in each period, whoever asks"
	if len(b.Scores) == 0 {
		w.cte(b.alias(), what, text)
		return
	}
	w.cte(b.alias()+"_of", what, text)
	w.scores(b, append(keys, names...))
}

// scores places the groups of a benchmark among each other.
func (w *writer) scores(b *benchmarkLink, cols []string) {
	var among []string
	if w.part.form != single {
		among = append(among, "slot")
	}
	among = append(among, w.idents("", b.Same)...)
	window := " OVER ()"
	if len(among) > 0 {
		window = " OVER (PARTITION BY " + strings.Join(among, ", ") + ")"
	}
	types := func(_, c string) (expr.Type, bool) {
		if c == score {
			return expr.DoubleType, true
		}
		t, ok := b.types[c]
		return t, ok
	}
	figures, deviations, ranks := slices.Clone(cols), slices.Clone(cols), slices.Clone(cols)
	for _, name := range sortedKeys(b.Scores) {
		s := b.Scores[name]
		figure, z := w.ident(name+"_figure"), w.ident(name+"_z")
		figures = append(figures, w.typed(s.of, types, func(c *expr.Column) string { return w.ident(c.Name) })+" AS "+figure)
		deviations = append(deviations, "("+figure+" - avg("+figure+")"+window+") / nullif("+spreads[s.Spread]+"("+figure+")"+window+", 0) AS "+z)
		ranks = append(ranks, w.typed(s.rank, types, func(c *expr.Column) string {
			if c.Name == score {
				return z
			}
			return w.ident(c.Name)
		})+" AS "+w.ident(name))
	}
	pick := func(cols []string, from string) string {
		return "SELECT\n    " + strings.Join(cols, ",\n    ") + "\nFROM " + from
	}
	w.cte(b.alias()+"_figure", "what is compared among groups", pick(figures, b.alias()+"_of"))
	w.cte(b.alias()+"_z", "how many deviations each group is off the mean of the groups", pick(deviations, b.alias()+"_figure"))
	w.cte(b.alias(), "what that means", pick(ranks, b.alias()+"_z"))
}

// benchmarkJoin puts the benchmark of its own group and period beside each row.
func (w *writer) benchmarkJoin(b *benchmarkLink) string {
	var on []string
	if w.part.form != single {
		on = append(on, b.alias()+".slot = "+w.slotExpr())
	}
	for _, at := range b.places {
		on = append(on, w.col(b.alias(), at.name)+" = "+w.dimension(at))
	}
	return "\nLEFT JOIN " + b.alias() + "\n    ON " + strings.Join(on, "\n    AND ")
}

// typed prints an expression over columns of which a resolver knows the types.
func (w *writer) typed(n expr.Node, types expr.Resolver, name func(*expr.Column) string) string {
	w.params.Columns = types
	text, err := w.d.Print(n, w.params, name)
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

// Benchmarks lists all benchmarks by id.
func (c *Catalog) Benchmarks() []*Benchmark { return sortedByKey(c.benchmarks) }

// benchmarksOf lists the benchmarks beside an indicator's measures, by id.
func (c *Catalog) benchmarksOf(x *Indicator) []*Benchmark {
	found := map[string]*Benchmark{}
	for _, m := range c.MeasuresOf(x) {
		for _, b := range m.benchmarks {
			found[b.ID] = b
		}
	}
	return sortedByKey(found)
}

func decodeBenchmark(layer fs.FS, file string) (*Benchmark, error) {
	raw, err := fs.ReadFile(layer, file)
	if err != nil {
		return nil, err
	}
	b := &Benchmark{}
	if err := strict(raw, file, b); err != nil {
		return nil, err
	}
	b.At = expr.Pos{File: file, Line: 1, Col: 1}
	b.Text = string(raw)
	if want := strings.TrimSuffix(path.Base(file), ".yaml"); b.ID != want {
		return nil, fmt.Errorf("%s:1: id %q in a file of that name: one benchmark, one file", file, b.ID)
	}
	return b, nil
}
