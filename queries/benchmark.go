package queries

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Benchmark is what rows that are alike come to, all organisations together, in the month of the row beside which it
// stands (or in the period asked): the mean fee of a group of cases, its mortality. It is computed from rows outside the
// Scope and outside the question's filters, so that a hospital's index is the same for the hospital and for the
// commission; what it gives are aggregates of groups of at least MinCases rows, never a row, and over a network door only
// of groups that Guard lets pass. One benchmark is one file of benchmarks/, so that a region may set other limits by
// replacing that file.
type Benchmark struct {
	ID      string      `yaml:"id"`
	Title   schema.Text `yaml:"title"`
	Meaning string      `yaml:"meaning"`
	Basis   string      `yaml:"basis"` // the rule it follows, and where its threshold is from

	From        string            `yaml:"from"`         // the table of the measures that use it
	By          []string          `yaml:"by"`           // rows that have these in common are one group: columns, or dimensions of the organisation
	Same        []string          `yaml:"same"`         // groups are compared among those that have these in common: scheme, org_level
	Where       string            `yaml:"where"`        // which rows make it
	Period      string            `yaml:"period"`       // month or asked: of which rows, see ofMonth
	Trim        *Trim             `yaml:"trim"`         // which of them are too far out to make it; nil = none
	Guard       Guard             `yaml:"guard"`        // of which groups nobody can work out what another organisation's rows come to
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

// The periods of a benchmark. That of a month is frozen: it is made of the whole calendar month in which a row stands,
// whatever the question's period and moment, so that a quarter's index is the sum of its months', days and weeks have
// one, and nobody learns of a single day by asking for two periods that differ by it.
const (
	ofMonth = "month"
	ofAsked = "asked" // the question's own period, where a month has too few rows for what is computed
)

// Trim leaves out of a group, at either end, the rows whose value is so rare that fewer than a share of the group's rows
// reach it. Rows of one value stay or go together; rows without a value are left out. A group of no more than 1/share
// rows loses none.
type Trim struct {
	By      string  `yaml:"by"`      // a column: total_fee
	Lowest  float64 `yaml:"lowest"`  // 0.025: fewer than 2.5 % of the group have this value or a lower one
	Highest float64 `yaml:"highest"` // and the same from above
}

// Guard says of which groups an aggregate can be told to one of those who contribute to it, who knows his own part and
// could subtract it: there are none others, or at least Others of them with as many rows as the door's smallest cell,
// none with Largest or more of those. The smallest cell keeps single cases; the other two keep hospitals. It looks from each contributor in turn and not from the one who asks, so that the
// figure is the same for all (docs/decisions/2026-11-28-benchmarks-guard-the-others.md).
type Guard struct {
	Others int `yaml:"others"` // other organisations; with 1, two hospitals of a county may work out each other's mean
	// Largest is the share of the others' rows that one of them may not reach; 0 = any may.
	Largest float64 `yaml:"largest"`
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
	case b.Period != ofMonth && b.Period != ofAsked:
		return fail("period %q: month (the whole month in which a row stands) or asked (the question's period)", b.Period)
	case b.Guard.Others < 1 || b.Guard.Largest < 0 || b.Guard.Largest >= 1:
		return fail("guard: wants others, at least 1, and may have largest, a share below 1: of which groups nobody can work out another's rows")
	case b.Guard.Others < 2 && b.Guard.Largest > 0:
		return fail("guard: largest is of two or more others; one alone has all of their rows")
	case t.Scope.Org == "":
		return fail("%s has no organisation whose rows could be guarded", t.Name)
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
	if b.Trim != nil {
		if err := b.Trim.check(own); err != nil {
			return fail("trim: %w", err)
		}
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

func (t *Trim) check(own expr.Resolver) error {
	typ, ok := own("", t.By)
	switch {
	case !ok:
		return fmt.Errorf("no column %s", t.By)
	case !typ.Numeric():
		return fmt.Errorf("%s is %s, not a number", t.By, typ)
	case t.Lowest < 0 || t.Highest < 0 || t.Lowest+t.Highest >= 1 || t.Lowest+t.Highest == 0:
		return fmt.Errorf("lowest %g and highest %g: shares of a group, together below 1", t.Lowest, t.Highest)
	default:
		return nil
	}
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
	if t := b.Trim; t != nil {
		fmt.Fprintf(&out, ", less the lowest %g and highest %g of each group's %s", t.Lowest, t.Highest, t.By)
	}
	span := "the month in which the row stands"
	if b.Period == ofAsked {
		span = "the period asked"
	}
	fmt.Fprintf(&out, " by %s over the whole %s in %s, from %d rows up", strings.Join(b.names(), ", "), b.LooksAcross, span, b.MinCases)
	fmt.Fprintf(&out, "; over a network door where each organisation is alone or sees at least %d others, none with %g of their rows", b.Guard.Others, b.Guard.Largest)
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

// benchmark prints what each group of each period comes to: the rows that make it, who may not be told of it, its
// aggregates, where it stands among the groups.
func (w *writer) benchmark(b *benchmarkLink) {
	keys := w.benchmarkCases(b)
	guarded := w.plan.guard() > 0
	if guarded {
		w.guarded(b, keys)
	}
	cols, names := slices.Clone(keys), []string(nil)
	own := columnsOf(map[string]*schema.Table{"": b.table}, nil)
	for _, name := range sortedKeys(b.of) {
		names = append(names, w.ident(name))
		cols = append(cols, w.typed(b.of[name], own, func(c *expr.Column) string { return w.ident(c.Name) })+" AS "+w.ident(name))
	}
	text := selected(cols, b.alias()+"_case")
	if t := b.Trim; t != nil {
		text += fmt.Sprintf("\nWHERE from_below >= %s\n    AND from_above >= %s", share(t.Lowest), share(t.Highest))
	}
	text += fmt.Sprintf("\nGROUP BY %s\nHAVING count(*) >= %d", ordinals(len(keys)), b.MinCases)
	name := func(last bool) string {
		if last && !guarded {
			return b.alias()
		}
		return b.alias() + "_all"
	}
	what := "each " + strings.Join(b.By, ", ") + " in each period, whoever asks"
	all := append(slices.Clone(keys), names...)
	if len(b.Scores) == 0 {
		w.cte(name(true), what, text)
	} else {
		w.cte(b.alias()+"_of", what, text)
		w.scores(b, name(true), keys, all)
		all = append(all, w.idents("", sortedKeys(b.Scores))...)
	}
	if guarded {
		var on []string
		for _, key := range keys {
			on = append(on, b.alias()+"_told."+key+" IS NOT DISTINCT FROM "+name(false)+"."+key)
		}
		cols := make([]string, 0, len(all))
		for _, col := range all {
			cols = append(cols, name(false)+"."+col+" AS "+col)
		}
		w.cte(b.alias(), "those of which nobody learns what another's rows come to", selected(cols, name(false))+"\nJOIN "+b.alias()+"_told\n    ON "+strings.Join(on, "\n    AND "))
	}
}

// benchmarkCases prints the rows that make a benchmark and says by which columns they make groups.
func (w *writer) benchmarkCases(b *benchmarkLink) (keys []string) {
	var cols, groups []string
	key := func(text, name string) {
		keys, cols, groups = append(keys, name), append(cols, text+" AS "+name), append(groups, text)
	}
	from := "FROM " + w.ident(b.table.Name) + " AS base"
	span := w.months
	if b.Period == ofMonth {
		key(w.monthOf(), "month")
	} else {
		from, span = w.from(), w.rangeOf
		if w.part.form != single {
			key(w.slotExpr(), "slot")
		}
	}
	for _, at := range b.places {
		key(w.dimension(at), w.ident(at.name))
	}
	if w.plan.guard() > 0 {
		cols = append(cols, w.col("base", b.table.Scope.Org)+" AS owner")
	}
	own := columnsOf(map[string]*schema.Table{"": b.table}, nil)
	base := func(c *expr.Column) string { return w.col("base", c.Name) }
	named := map[string]bool{}
	for _, at := range b.places {
		named[at.name] = true
	}
	for _, name := range sortedKeys(b.of) {
		for _, c := range expr.Columns(b.of[name]) {
			if !named[c.Name] {
				named[c.Name] = true
				cols = append(cols, base(c)+" AS "+w.ident(c.Name))
			}
		}
	}
	if t := b.Trim; t != nil {
		for _, end := range []struct{ name, order string }{{"from_below", ""}, {"from_above", " DESC"}} {
			cols = append(cols, "cume_dist() OVER (PARTITION BY "+strings.Join(groups, ", ")+" ORDER BY "+w.col("base", t.By)+end.order+") AS "+end.name)
		}
	}
	var joins strings.Builder
	for _, j := range w.scan.joins {
		if slices.ContainsFunc(b.places, func(at dim) bool { return at.alias == j.alias }) {
			joins.WriteString(w.joinText(j))
		}
	}
	conds := append(span(), w.chosen("base", b.table)...)
	for _, n := range conjuncts(b.where) {
		cond := w.typed(n, own, base)
		if o, ok := n.(*expr.Binary); ok && o.Op == "or" {
			cond = "(" + cond + ")"
		}
		conds = append(conds, cond)
	}
	if b.Trim != nil {
		conds = append(conds, w.col("base", b.Trim.By)+" IS NOT NULL")
	}
	w.cte(b.alias()+"_case", "the rows of everybody that make it", "SELECT\n    "+strings.Join(cols, ",\n    ")+"\n"+from+joins.String()+"\nWHERE "+strings.Join(conds, "\n    AND "))
	return keys
}

// guarded prints the groups of which an aggregate may be told: see Guard.
func (w *writer) guarded(b *benchmarkLink, keys []string) {
	list := strings.Join(keys, ", ")
	cols := append(slices.Clone(keys), "owner", "count(*) AS rows_of", "row_number() OVER (PARTITION BY "+list+" ORDER BY count(*) DESC, owner) AS place")
	text := selected(cols, b.alias()+"_case")
	if t := b.Trim; t != nil {
		text += fmt.Sprintf("\nWHERE from_below >= %s\n    AND from_above >= %s", share(t.Lowest), share(t.Highest))
	}
	w.cte(b.alias()+"_owner", "whose they are, the largest owner first", text+"\nGROUP BY "+ordinals(len(keys)+1))
	first, second := "max(CASE WHEN place = 1 THEN rows_of END)", "max(CASE WHEN place = 2 THEN rows_of END)"
	conds := []string{fmt.Sprintf("count(*) > %d", b.Guard.Others), fmt.Sprintf("sum(rows_of) - %s >= %d", first, w.plan.guard())}
	if b.Guard.Largest > 0 {
		// To all but itself the largest is the largest of the others; to the largest, the second is.
		conds = append(conds, fmt.Sprintf("%s < %s * (sum(rows_of) - %s)", first, share(b.Guard.Largest), second), fmt.Sprintf("%s < %s * (sum(rows_of) - %s)", second, share(b.Guard.Largest), first))
	}
	having := "count(*) = 1\n    OR (\n        " + strings.Join(conds, "\n        AND ") + "\n    )"
	w.cte(b.alias()+"_told", "groups of one owner, or in which each sees enough of the others", selected(keys, b.alias()+"_owner")+"\nGROUP BY "+ordinals(len(keys))+"\nHAVING "+having)
}

// guard is how many rows of others have to be in a group for one of its owners to be told of it; 0 = no guard.
func (p *Plan) guard() int { return cmp.Or(p.req.Guard, p.req.MinCell) }

func selected(cols []string, from string) string {
	return "SELECT\n    " + strings.Join(cols, ",\n    ") + "\nFROM " + from
}

func share(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// monthOf is the first day of the month in which a row stands.
func (w *writer) monthOf() string {
	n := &expr.Call{Name: "date_trunc", Args: []expr.Node{&expr.Literal{Kind: expr.String, Text: Month.String()}, &expr.Column{Name: "t"}}}
	return w.typed(n, func(_, _ string) (expr.Type, bool) { return expr.DateType, true }, func(*expr.Column) string { return w.day() })
}

// months are the conditions that keep the rows of the whole months that the statement's windows touch.
func (w *writer) months() []string {
	spans := monthsOf(w.part.slots)
	out := make([]string, 0, len(spans))
	for _, sp := range spans {
		out = append(out, w.dayOf("base", w.scan.time)+" >= "+w.bindDate(sp.From)+" AND "+w.dayOf("base", w.scan.time)+" < "+w.bindDate(sp.To))
	}
	if len(out) == 1 {
		return out
	}
	return []string{"(" + strings.Join(out, " OR ") + ")"}
}

// monthsOf are windows made whole months, merged where they touch.
func monthsOf(windows []Window) []Window {
	whole := make([]Window, 0, len(windows))
	for _, win := range windows {
		to := ceilMonth(ceilDay(win.To))
		whole = append(whole, Window{From: Month.floor(win.From), To: to, Until: to})
	}
	slices.SortFunc(whole, func(a, b Window) int { return a.From.Compare(b.From) })
	out := merged(whole)
	for i := range out {
		out[i].To = out[i].Until
	}
	return out
}

// scores places the groups of a benchmark among each other.
func (w *writer) scores(b *benchmarkLink, name string, keys, cols []string) {
	among := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { // by are the groups, compared within the rest
		return slices.ContainsFunc(b.By, func(by string) bool { return w.ident(by) == key })
	})
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
	for _, id := range sortedKeys(b.Scores) {
		s := b.Scores[id]
		figure, z := w.ident(id+"_figure"), w.ident(id+"_z")
		figures = append(figures, w.typed(s.of, types, func(c *expr.Column) string { return w.ident(c.Name) })+" AS "+figure)
		deviations = append(deviations, "("+figure+" - avg("+figure+")"+window+") / nullif("+spreads[s.Spread]+"("+figure+")"+window+", 0) AS "+z)
		ranks = append(ranks, w.typed(s.rank, types, func(c *expr.Column) string {
			if c.Name == score {
				return z
			}
			return w.ident(c.Name)
		})+" AS "+w.ident(id))
	}
	w.cte(b.alias()+"_figure", "what is compared among groups", selected(figures, b.alias()+"_of"))
	w.cte(b.alias()+"_z", "how many deviations each group is off the mean of the groups", selected(deviations, b.alias()+"_figure"))
	w.cte(name, "what that means", selected(ranks, b.alias()+"_z"))
}

// benchmarkJoin puts the benchmark of its own group and period beside each row.
func (w *writer) benchmarkJoin(b *benchmarkLink) string {
	var on []string
	switch {
	case b.Period == ofMonth:
		on = append(on, b.alias()+".month = "+w.monthOf())
	case w.part.form != single:
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
