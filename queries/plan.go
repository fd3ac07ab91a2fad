package queries

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Plan is a compiled question: the statements to run and how their rows become an answer.
type Plan struct {
	catalog *Catalog
	req     Request
	scope   Scope
	dialect *expr.Dialect
	now     time.Time

	grain    Grain
	period   Period
	windows  []Window
	labels   []string
	compare  []Comparison
	question []*question
	scans    []*scan
	parts    []*part
}

// question is one indicator of a plan.
type question struct {
	indicator *Indicator
	viewpoint string
	leaves    map[string]*leaf // by measure id; "peak:" + id for peaks
	arrivals  map[string]*arrival
}

// leaf is one measure under one way of grouping: its figures by window and group.
type leaf struct {
	measure *Measure
	peak    bool
	scan    *scan
	cells   map[Window]map[string]cell
}

// cell is what a statement gave for a leaf.
type cell struct {
	value number
	cases float64   // rows behind the figure, where small cells are hidden
	at    time.Time // peaks: the hour
}

// arrival is what was delivered of one table: three leaves of the table delivery_day.
type arrival struct {
	table                   string
	came, expected, arrived *leaf // any delivery; deliveries that were expected; those of them that came
	dims                    []int // which of the request's dimensions delivery_day knows
	byDay                   bool  // false for stocks and dimensions: any delivery counts, whatever its day
	sums                    map[Window]map[string]arrivalSum
}

type arrivalSum struct{ came, expected, arrived float64 }

// scan is one pass over a table for all leaves that count the same rows in the same groups.
type scan struct {
	key     string
	table   *schema.Table
	kind    string
	time    string
	until   string
	clock   string
	stock   []string
	dims    []dim
	filters []filter
	view    string
	totals  bool
	peak    bool
	leaves  []*leaf
	joins   []*joined
	exists  []*exists
	work    *Workdays
	windows []Window
}

// dim is a resolved dimension of a scan; at is its place in the request.
type dim struct {
	place
	alias string // join alias, "" = the table itself
	at    int
}

type filter struct {
	dim
	values []string
}

// joined is one table beside the scan's own.
type joined struct {
	alias   string
	table   *schema.Table
	on      []onPair
	columns []string // used columns, in the order of first use
}

// exists is a look-up of other rows, joined by the scan table's key.
type exists struct {
	alias   string
	measure *Measure
	self    bool // seen_again
}

// plan resolves everything of a request that does not depend on the dialect.
func (c *Catalog) plan(req Request, scope Scope, d *expr.Dialect) (*Plan, error) {
	p := &Plan{catalog: c, req: req, scope: scope, dialect: d, now: req.Now}
	if p.now.IsZero() {
		p.now = wallClock()
	}
	if len(req.Indicators) == 0 {
		return nil, fault.New(fault.Usage, "no indicator asked; `sanyi catalog indicators` lists them")
	}
	if req.MinCell < 0 {
		return nil, fault.New(fault.Usage, "min-cell %d: not below 0", req.MinCell)
	}
	if len(req.By) > 6 {
		return nil, fault.New(fault.Usage, "%d dimensions: at most 6", len(req.By))
	}
	for i, b := range req.By {
		if slices.Contains(req.By[:i], b) {
			return nil, fault.New(fault.Usage, "dimension %s is asked twice", b)
		}
	}
	var indicators []*Indicator
	for _, id := range req.Indicators {
		x, ok := c.indicators[id]
		if !ok {
			return nil, fault.New(fault.Usage, "no indicator %s; `sanyi catalog indicators` lists them", id)
		}
		indicators = append(indicators, x)
	}
	if err := p.cut(indicators); err != nil {
		return nil, err
	}
	for _, x := range indicators {
		q, err := p.ask(x)
		if err != nil {
			return nil, err
		}
		p.question = append(p.question, q)
	}
	return p, nil
}

// cut makes the windows of the request.
func (p *Plan) cut(indicators []*Indicator) error {
	var err error
	if p.grain, err = ParseGrain(p.req.Grain); err != nil {
		return err
	}
	for _, name := range p.req.Compare {
		cmp, err := parseComparison(name)
		if err != nil {
			return err
		}
		p.compare = append(p.compare, cmp)
	}
	if p.req.Period == "" {
		for _, x := range indicators {
			for _, m := range p.catalog.MeasuresOf(x) {
				if m.Time != "" && m.TimeKind != Open && m.TimeKind != Version {
					return fault.New(fault.Usage, "indicator %s: measure %s counts by %s.%s; say --period", x.ID, m.ID, m.From, m.Time)
				}
			}
		}
		if len(p.compare) > 0 {
			return fault.New(fault.Usage, "comparison %s: no period asked", p.compare[0].Name)
		}
		p.grain = Total
		to := Day.next(Day.floor(p.now))
		p.windows, p.labels = []Window{{From: date(1900, 1, 1), To: to, Until: to, AsOf: Day.floor(p.now)}}, []string{""}
		return nil
	}
	if p.period, err = ParsePeriod(p.req.Period); err != nil {
		return err
	}
	if p.grain == AnyGrain {
		p.grain = p.period.Form
	}
	for _, cmp := range p.compare {
		if err := cmp.fits(p.grain); err != nil {
			return err
		}
	}
	p.windows, p.labels, err = windows(p.period, p.grain, p.now)
	return err
}

// ask resolves one indicator: its measures become leaves of scans.
func (p *Plan) ask(x *Indicator) (*question, error) {
	q := &question{indicator: x, viewpoint: x.Viewpoint, leaves: map[string]*leaf{}, arrivals: map[string]*arrival{}}
	if v := p.req.Viewpoint; v != "" {
		if !slices.Contains([]string{schema.Care, schema.Insured, schema.Residence}, v) {
			return nil, fault.New(fault.Usage, "viewpoint %q: one of care, insured, residence", v)
		}
		q.viewpoint = v
	}
	for _, cmp := range p.compare {
		if cmp.perDay && (x.denominator != nil || x.Model != nil || !p.adds(x)) {
			return nil, fault.New(fault.Usage, "comparison %s: %s is not a sum; a figure per calendar day means nothing", cmp.Name, x.ID)
		}
		if x.Model != nil {
			return nil, fault.New(fault.Usage, "comparison %s: %s is a signal, not a figure", cmp.Name, x.ID)
		}
	}
	if x.Model != nil && (p.grain == Total || p.grain == AnyGrain) {
		return nil, fault.New(fault.Usage, "indicator %s runs on a series; ask it by day, week or month", x.ID)
	}
	all := p.catalog.MeasuresOf(x)
	for _, w := range p.windows {
		for _, f := range x.formulas() {
			if err := p.need(q, f, w, all, false); err != nil {
				return nil, err
			}
		}
		if x.Model != nil {
			for i := 1; i <= x.Model.reach(); i++ {
				if err := p.need(q, x.Model.series, p.before(w, i), all, false); err != nil {
					return nil, err
				}
			}
		}
		for _, cmp := range p.compare {
			current, base, ok := cmp.sides(w, p.grain, p.now)
			if !ok {
				continue
			}
			for _, f := range x.formulas() {
				if err := errors.Join(p.need(q, f, current, all, false), p.need(q, f, base, all, false)); err != nil {
					return nil, err
				}
			}
		}
	}
	return q, nil
}

// adds reports an indicator that is a sum of sums.
func (p *Plan) adds(x *Indicator) bool {
	for _, m := range p.catalog.MeasuresOf(x) {
		if m.Additivity != Add {
			return false
		}
	}
	return true
}

// before is the window n units before w.
func (p *Plan) before(w Window, n int) Window {
	from := p.grain.add(w.From, -n)
	return window(from, p.grain.next(from), p.now)
}

// need registers the leaves of a formula for a window.
func (p *Plan) need(q *question, f formula, w Window, all []*Measure, peak bool) error {
	switch f := f.(type) {
	case reference:
		if m, ok := p.catalog.measures[string(f)]; ok {
			return p.leafOf(q, m, w, all, peak)
		}
		for _, g := range p.catalog.indicators[string(f)].formulas() {
			if err := p.need(q, g, w, all, peak); err != nil {
				return err
			}
		}
	case negation:
		return p.need(q, f.of, w, all, peak)
	case operation:
		if err := p.need(q, f.l, w, all, peak); err != nil {
			return err
		}
		return p.need(q, f.r, w, all, peak)
	case peakOver:
		return p.need(q, f.of, w, all, true)
	case changeOf:
		cmp, err := parseComparison(f.comparison)
		if err != nil {
			return err
		}
		if err := cmp.fits(p.grain); err != nil {
			return err
		}
		if err := p.need(q, f.of, w, all, peak); err != nil {
			return err
		}
		if _, base, ok := cmp.sides(w, p.grain, p.now); ok {
			return p.need(q, f.of, base, all, peak)
		}
	}
	return nil
}

func (p *Plan) leafOf(q *question, m *Measure, w Window, all []*Measure, peak bool) error {
	name := m.ID
	if peak {
		name = "peak:" + name
	}
	l, ok := q.leaves[name]
	if !ok {
		var err error
		if l, err = p.newLeaf(q, m, all, peak); err != nil {
			return err
		}
		q.leaves[name] = l
		if err := p.arrivalOf(q, m); err != nil {
			return err
		}
	}
	if m.TimeKind == Monthly && (w.From.Day() != 1 || w.To.Day() != 1) {
		return fault.New(fault.Usage, "measure %s is by month (%s.%s): ask whole months", m.ID, m.From, m.Time)
	}
	if p.grain == Hour && m.Clock == "" && m.Time != "" {
		return fault.New(fault.Usage, "measure %s has no clock: %s.%s is a whole day; ask by day", m.ID, m.From, m.Time)
	}
	if m.Time == "" && m.Until == "" && p.req.Period != "" {
		return fault.New(fault.Usage, "measure %s: table %s has no date; ask without a period", m.ID, m.From)
	}
	addWindow(l.scan, w)
	if a := q.arrivals[m.From]; a != nil {
		addWindow(a.came.scan, deliveryWindow(w))
		addWindow(a.came.scan, a.presence(w))
	}
	return nil
}

// presence is when a delivery makes nothing found a 0: within the period, or at any time for stocks and dimensions.
func (a *arrival) presence(w Window) Window {
	d := deliveryWindow(w)
	if !a.byDay {
		d.From = date(1900, 1, 1)
	}
	return d
}

func addWindow(s *scan, w Window) {
	if !slices.Contains(s.windows, w) {
		s.windows = append(s.windows, w)
	}
}

// newLeaf resolves a measure's dimensions and filters and puts it on a scan.
func (p *Plan) newLeaf(q *question, m *Measure, all []*Measure, peak bool) (*leaf, error) {
	s := &scan{
		table: m.table, kind: m.TimeKind, time: m.Time, until: m.Until, clock: m.Clock, totals: p.req.Totals && len(p.req.By) > 0, peak: peak, view: q.viewpoint,
	}
	if m.StockAtEnd != nil {
		s.stock = m.StockAtEnd.By
	}
	for i, name := range p.req.By {
		at, err := p.resolve(name, m, all, q.viewpoint)
		if err != nil {
			return nil, err
		}
		s.dims = append(s.dims, dim{place: at, at: i})
	}
	for _, name := range sortedKeys(p.req.Where) {
		at, err := p.resolve(name, m, all, q.viewpoint)
		if err != nil {
			return nil, err
		}
		s.filters = append(s.filters, filter{dim: dim{place: at}, values: p.req.Where[name]})
	}
	if m.Workdays != nil {
		s.work = m.Workdays
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%s|%s|%s|%s|%s|%v|%v|%v|%v|", m.From, m.TimeKind, m.Time, m.Until, m.Clock, s.stock, s.totals, peak, s.work)
	for _, d := range s.dims {
		fmt.Fprintf(&key, "%v;", d.place)
	}
	for _, f := range s.filters {
		fmt.Fprintf(&key, "%v%q;", f.place, f.values)
	}
	if len(p.scope.regions) > 0 {
		key.WriteString(q.viewpoint)
	}
	for _, alias := range sortedKeys(m.Join) {
		if t, ok := p.catalog.set.Table(m.Join[alias].Table); ok && t.Kind != schema.Dim {
			fmt.Fprintf(&key, "join %s %s;", t.Name, m.Join[alias].On)
		}
	}
	if peak {
		key.WriteString(m.ID)
	}
	s.key = key.String()
	for _, have := range p.scans {
		if have.key == s.key {
			for _, l := range have.leaves {
				if l.measure == m {
					return l, nil
				}
			}
			l := &leaf{measure: m, peak: peak, scan: have}
			have.leaves = append(have.leaves, l)
			return l, nil
		}
	}
	l := &leaf{measure: m, peak: peak, scan: s}
	s.leaves = append(s.leaves, l)
	p.scans = append(p.scans, s)
	return l, nil
}

// resolve finds a dimension for a measure; where another table of the same indicator calls the column so, this table's
// column of the same role stands for it (domain/clarifications 13).
func (p *Plan) resolve(name string, m *Measure, all []*Measure, viewpoint string) (place, error) {
	t := m.table
	if _, own := t.Column(name); !own && t.Roles[name] == "" {
		for _, other := range all {
			for _, role := range sortedKeys(other.table.Roles) {
				if other.table.Roles[role] != name || t.Roles[role] == "" {
					continue
				}
				at, err := p.catalog.find(t.Roles[role], t, m, viewpoint)
				at.name = name
				return at, err
			}
		}
	}
	return p.catalog.find(name, t, m, viewpoint)
}

// deliveries is the derived table that says what arrived of which table, organisation and day.
const deliveries = "delivery_day"

// arrivalOf asks beside each table what of it was delivered: for completeness, and for 0 against nothing
// (domain/clarifications 5).
func (p *Plan) arrivalOf(q *question, m *Measure) error {
	t, ok := p.catalog.set.Table(deliveries)
	if !ok || q.arrivals[m.From] != nil || m.From == deliveries {
		return nil
	}
	a := &arrival{table: m.From, byDay: m.TimeKind != Open && m.TimeKind != Version}
	s := &scan{table: t, kind: Event, time: "stat_date", view: q.viewpoint}
	var key strings.Builder
	key.WriteString(deliveries)
	if len(p.scope.regions) > 0 {
		key.WriteString(q.viewpoint)
	}
	for i, name := range p.req.By {
		if at, err := p.catalog.find(ownerName(name, m, q.viewpoint), t, nil, schema.Care); err == nil && name != hourOfDay {
			s.dims = append(s.dims, dim{place: at, at: i})
			a.dims = append(a.dims, i)
			fmt.Fprintf(&key, "%v;", at)
		}
	}
	for _, name := range sortedKeys(p.req.Where) {
		if at, err := p.catalog.find(ownerName(name, m, q.viewpoint), t, nil, schema.Care); err == nil && name != hourOfDay {
			s.filters = append(s.filters, filter{dim: dim{place: at}, values: p.req.Where[name]})
			fmt.Fprintf(&key, "where %v%q;", at, p.req.Where[name])
		}
	}
	s.key = key.String()
	for _, have := range p.scans {
		if have.key == s.key {
			s = have
		}
	}
	if len(s.leaves) == 0 {
		p.scans = append(p.scans, s)
	}
	leafFor := func(what, where string) *leaf {
		id := what + "_" + m.From
		for _, l := range s.leaves {
			if l.measure.ID == id {
				return l
			}
		}
		l := &leaf{measure: deliveryMeasure(t, id, where), scan: s}
		s.leaves = append(s.leaves, l)
		return l
	}
	table := "table_name = '" + m.From + "'"
	a.came = leafFor("came", table+" and status = 'ARRIVED'")
	a.expected = leafFor("expected", table+" and is_expected")
	a.arrived = leafFor("arrived", table+" and is_expected and status = 'ARRIVED'")
	q.arrivals[m.From] = a
	return nil
}

// ownerName translates a fact's organisation column to the one of delivery_day, and leaves alone what only the
// organisation's own attributes can answer.
func ownerName(name string, m *Measure, viewpoint string) string {
	if name == m.table.Scope.Org || m.table.Roles[name] != "" && m.table.Roles[name] == m.table.Scope.Org {
		return "org_code"
	}
	if _, own := m.table.Column(name); own {
		return "" // the fact's own: not the organisation's attribute of the same name
	}
	if name == region || name == "region_code" {
		at := m.table.Scope.Region[viewpoint]
		if at == "" {
			at = m.table.Scope.Region[schema.Care]
		}
		if !strings.HasPrefix(at, "via ") {
			return ""
		}
	}
	return name
}

func deliveryMeasure(t *schema.Table, id, where string) *Measure {
	return &Measure{
		ID: id, From: t.Name, Time: "stat_date", TimeKind: Event, Additivity: Add, table: t,
		aggregate: expr.MustParse("count(*)"), where: expr.MustParse(where),
	}
}

// deliveryWindow is the whole days that a window touches, up to the moment of asking.
func deliveryWindow(w Window) Window {
	from, to := Day.floor(w.From), ceilDay(w.Until)
	if !to.After(from) {
		to = Day.next(from)
	}
	return Window{From: from, To: to, Until: to, AsOf: to.AddDate(0, 0, -1)}
}
