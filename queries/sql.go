package queries

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// part is one statement of a plan and how its rows are read.
type part struct {
	scan      *scan
	statement Statement
	form      form
	grain     Grain    // byBucket
	slots     []Window // by slot number
	cases     bool     // a count of rows stands beside each measure
}

// form is how rows are told to windows.
type form int

const (
	byBucket form = iota // windows are calendar units: date_trunc
	single               // one window: WHERE
	byCase               // a few windows that do not overlap: CASE
	bySlot               // any windows: a join with a list of them
)

// maxCases is the most windows that a CASE spells out.
const maxCases = 24

// print turns every scan into statements of the dialect.
func (p *Plan) print() error {
	for _, s := range p.scans {
		if err := p.link(s); err != nil {
			return err
		}
		for _, group := range p.forms(s) {
			w := &writer{plan: p, scan: s, part: group, d: p.dialect, params: &expr.Params{}}
			sql, err := w.statement()
			if err != nil {
				return fault.New(fault.Internal, "table %s: %w", s.table.Name, err)
			}
			group.statement = Statement{SQL: sql, Args: w.params.Values, Uses: w.uses(), Publication: p.req.Publication, MaxRows: p.req.MaxRows}
			if group.statement.MaxRows == 0 {
				group.statement.MaxRows = 1_000_000
			}
			p.parts = append(p.parts, group)
		}
	}
	return nil
}

// Statements lists what the plan runs, in order.
func (p *Plan) Statements() []Statement {
	out := make([]Statement, 0, len(p.parts))
	for _, g := range p.parts {
		out = append(out, g.statement)
	}
	return out
}

// forms chooses the fewest and cheapest statements for the windows of a scan.
func (p *Plan) forms(s *scan) []*part {
	cases := p.req.MinCell > 0 && s.table.Name != deliveries
	rest := slices.Clone(s.windows)
	slices.SortFunc(rest, func(a, b Window) int {
		return errorsFirst(a.From.Compare(b.From), a.Until.Compare(b.Until), a.AsOf.Compare(b.AsOf), a.To.Compare(b.To))
	})
	if len(rest) == 1 {
		return []*part{{scan: s, form: single, slots: rest, cases: cases}}
	}
	stock := s.kind == Open || s.kind == Version || s.asksToday()
	if !stock {
		best, most := AnyGrain, 0
		for g := Hour; g <= Year; g++ {
			n := 0
			for _, w := range rest {
				if p.aligned(w, g) {
					n++
				}
			}
			if n > most {
				best, most = g, n
			}
		}
		if disjoint(rest) && most < len(rest) && len(rest) <= maxCases {
			return []*part{{scan: s, form: byCase, slots: rest, cases: cases}}
		}
		if most > 1 {
			var out []*part
			var bucket, other []Window
			for _, w := range rest {
				if p.aligned(w, best) {
					bucket = append(bucket, w)
				} else {
					other = append(other, w)
				}
			}
			out = append(out, &part{scan: s, form: byBucket, grain: best, slots: bucket, cases: cases})
			switch {
			case len(other) == 1:
				out = append(out, &part{scan: s, form: single, slots: other, cases: cases})
			case len(other) > 1 && disjoint(other) && len(other) <= maxCases:
				out = append(out, &part{scan: s, form: byCase, slots: other, cases: cases})
			case len(other) > 1:
				out = append(out, &part{scan: s, form: bySlot, slots: other, cases: cases})
			}
			return out
		}
	}
	return []*part{{scan: s, form: bySlot, slots: rest, cases: cases}}
}

func errorsFirst(ns ...int) int {
	for _, n := range ns {
		if n != 0 {
			return n
		}
	}
	return 0
}

// aligned reports a window that is a calendar unit, cut by nothing but the moment of asking.
func (p *Plan) aligned(w Window, g Grain) bool {
	want := window(w.From, w.To, p.now)
	return g.floor(w.From).Equal(w.From) && g.next(w.From).Equal(w.To) && w.Until.Equal(want.Until)
}

func disjoint(sorted []Window) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i].From.Before(sorted[i-1].Until) {
			return false
		}
	}
	return true
}

func (s *scan) asksToday() bool {
	return slices.ContainsFunc(s.leaves, func(l *leaf) bool { return l.measure.today })
}

// link registers every table and column that the scan's texts need, before anything is printed.
func (p *Plan) link(s *scan) error {
	for i := range s.dims {
		s.dims[i].alias = s.joinPlace(p, s.dims[i].place)
	}
	for i := range s.filters {
		s.filters[i].alias = s.joinPlace(p, s.filters[i].place)
	}
	for _, l := range s.leaves {
		m := l.measure
		for _, alias := range sortedKeys(m.Join) {
			t, ok := p.catalog.set.Table(m.Join[alias].Table)
			if !ok {
				return fault.New(fault.Internal, "measure %s: no table %s", m.ID, m.Join[alias].Table)
			}
			pairs := joinPairs(s.table, t, m.Join[alias].On)
			if t.Kind != schema.Dim {
				pairs = pairs[:1]
			}
			s.join(t, pairs, alias)
		}
		for _, c := range m.columns() {
			if c.Qualifier != "" {
				s.aliasOf(m, c.Qualifier).use(c.Name)
			}
		}
		if m.SeenAgain != nil {
			s.addExists(&exists{alias: "seen_" + m.ID, measure: m, self: true})
		}
		for _, alias := range sortedKeys(m.Exists) {
			s.addExists(&exists{alias: alias + "_" + m.ID, measure: m})
		}
	}
	if len(p.scope.regions) > 0 {
		if at, ok, err := p.catalog.regionOf(region, s.table, s.view); ok && err == nil {
			s.joinPlace(p, at)
		}
	}
	if s.work != nil {
		if _, ok := p.catalog.set.Table("dim_calendar"); !ok {
			return fault.New(fault.Internal, "workdays: no table dim_calendar")
		}
	}
	return nil
}

func (s *scan) addExists(x *exists) {
	if !slices.ContainsFunc(s.exists, func(y *exists) bool { return y.alias == x.alias }) {
		s.exists = append(s.exists, x)
	}
}

// columns are those that a measure's aggregate and filter name.
func (m *Measure) columns() []*expr.Column {
	out := expr.Columns(m.aggregate)
	if m.where != nil {
		out = append(out, expr.Columns(m.where)...)
	}
	return out
}

// joinPlace joins the table that a dimension stands in, and uses its column.
func (s *scan) joinPlace(p *Plan, at place) string {
	if at.table == "" {
		return ""
	}
	t, ok := p.catalog.set.Table(at.table)
	if !ok {
		return ""
	}
	j := s.join(t, at.on, strings.TrimPrefix(at.table, "dim_"))
	j.use(at.column)
	return j.alias
}

// join adds a table once for each way of joining it.
func (s *scan) join(t *schema.Table, on []onPair, want string) *joined {
	for _, j := range s.joins {
		if j.table == t && slices.Equal(j.on, on) {
			return j
		}
	}
	alias := want
	for n := 2; slices.ContainsFunc(s.joins, func(j *joined) bool { return j.alias == alias }) || alias == "base"; n++ {
		alias = want + strconv.Itoa(n)
	}
	j := &joined{alias: alias, table: t, on: on}
	s.joins = append(s.joins, j)
	return j
}

// aliasOf is the scan's join behind an alias of a measure.
func (s *scan) aliasOf(m *Measure, alias string) *joined {
	j := m.Join[alias]
	for _, have := range s.joins {
		if have.table.Name == j.Table && len(have.on) > 0 {
			if this, that := j.sides(); have.on[0] == (onPair{this, that}) {
				return have
			}
		}
	}
	return &joined{}
}

func (j *joined) use(column string) {
	if !slices.Contains(j.columns, column) {
		j.columns = append(j.columns, column)
	}
}

// writer prints one statement. Pieces are printed in the order in which they stand in the text, because parameters of
// some engines are numbered by their place.
type writer struct {
	plan   *Plan
	scan   *scan
	part   *part
	d      *expr.Dialect
	params *expr.Params
	ctes   []string
	errs   []error
}

// statement is the whole text: versions of dimensions, the rows that count, and what is counted of them.
func (w *writer) statement() (string, error) {
	s := w.scan
	for _, j := range s.joins {
		if j.table.Kind == schema.Dim {
			w.versions(j.alias, j.table, append(thatSides(j.on), j.columns...))
		}
	}
	if s.kind == Version {
		w.versions("base_version", s.table, w.baseColumns())
	}
	if w.part.form == bySlot {
		w.slots()
	}
	if len(s.stock) > 0 {
		w.lastDelivered()
	}
	for _, x := range s.exists {
		w.lookUp(x)
	}
	if s.work != nil {
		w.workdays()
	}
	common := w.common()
	w.counted(common)
	body := w.aggregates(common)
	return "WITH\n" + strings.Join(w.ctes, ",\n") + "\n" + body, errors.Join(w.errs...)
}

func (w *writer) cte(name, comment, body string) {
	w.ctes = append(w.ctes, "-- "+comment+"\n"+name+" AS (\n    "+strings.ReplaceAll(body, "\n", "\n    ")+"\n)")
}

func thatSides(on []onPair) []string {
	out := make([]string, 0, len(on))
	for _, o := range on {
		out = append(out, o.that)
	}
	return out
}

const endOfTime = "DATE '9999-12-31'"

// versions reads a dimension so that at any day one row of a key holds: each version lasts until it ends or the next
// one begins; where versions have no dates the newest by name stands.
func (w *writer) versions(alias string, t *schema.Table, columns []string) {
	keys := dimKeys(t)
	cols := slices.Clone(keys)
	for _, c := range columns {
		if !slices.Contains(cols, c) && c != "valid_from" && c != "valid_to" {
			cols = append(cols, c)
		}
	}
	list := w.idents("", cols)
	partition := strings.Join(w.idents("", keys), ", ")
	if _, dated := t.Column("valid_from"); dated {
		end := endOfTime
		if _, ok := t.Column("valid_to"); ok {
			end = "coalesce(valid_to, " + endOfTime + ")"
		}
		from := "coalesce(valid_from, DATE '0001-01-01')"
		w.cte(alias, t.Name+": each version until it ends or the next begins", "SELECT\n    "+strings.Join(append(list, from+" AS valid_from"), ",\n    ")+
			",\n    least("+end+", coalesce(lead(valid_from) OVER (PARTITION BY "+partition+" ORDER BY "+from+"), "+endOfTime+")) AS valid_until\nFROM "+w.ident(t.Name))
		return
	}
	order := "1"
	if _, ok := t.Column("version"); ok {
		order = "version DESC"
	}
	w.cte(alias, t.Name+": the newest version of each code", "SELECT "+strings.Join(list, ", ")+"\nFROM (\n    SELECT\n        "+strings.Join(list, ",\n        ")+
		",\n        row_number() OVER (PARTITION BY "+partition+" ORDER BY "+order+") AS place\n    FROM "+w.ident(t.Name)+"\n) AS version\nWHERE place = 1")
}

// slots lists windows for a join.
func (w *writer) slots() {
	var rows []string
	for i, win := range w.part.slots {
		rows = append(rows, fmt.Sprintf("(%d, %s, %s, %s, %s)", i, dateLiteral(win.From), dateLiteral(ceilDay(win.Until)), dateLiteral(win.AsOf), momentLiteral(win.Until)))
	}
	w.cte("slot", "the periods asked", "SELECT slot, from_date, to_date, as_of, until_time\nFROM (\n    VALUES\n        "+strings.Join(rows, ",\n        ")+
		"\n) AS period(slot, from_date, to_date, as_of, until_time)")
}

func dateLiteral(t time.Time) string   { return "DATE '" + t.Format("2006-01-02") + "'" }
func momentLiteral(t time.Time) string { return "TIMESTAMP '" + t.Format("2006-01-02 15:04:05") + "'" }

// lastDelivered finds the last day within each period that each owner delivered.
func (w *writer) lastDelivered() {
	s := w.scan
	by := w.idents("base", s.stock)
	body := "SELECT\n    " + w.slotExpr() + " AS slot,\n    " + strings.Join(by, ",\n    ") + ",\n    max(" + w.col("base", s.time) + ") AS last_time\n" +
		w.from() + "\nWHERE " + strings.Join(w.rangeOf(), "\n    AND ") + "\nGROUP BY " + ordinals(1+len(by))
	w.cte("last_delivered", "the last day of each period that each owner delivered", body)
}

func ordinals(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = strconv.Itoa(i + 1)
	}
	return strings.Join(out, ", ")
}

// workdays counts the working days of each pair of dates that occurs, once.
func (w *writer) workdays() {
	s := w.scan
	where := ""
	if conds := w.span(); len(conds) > 0 {
		where = "\n    WHERE " + strings.Join(conds, "\n        AND ")
	}
	w.cte("workday", "working days of the calendar after one day and through another", "SELECT\n    pair.after_date,\n    pair.through_date,\n    count(calendar.cal_date) AS days\nFROM (\n    SELECT DISTINCT\n        "+
		w.dayOf("base", s.work.After)+" AS after_date,\n        "+w.dayOf("base", s.work.Through)+" AS through_date\n    FROM "+w.ident(s.table.Name)+" AS base"+where+
		"\n) AS pair\nLEFT JOIN dim_calendar AS calendar\n    ON calendar.cal_date > pair.after_date\n    AND calendar.cal_date <= pair.through_date\n    AND calendar.is_workday\nGROUP BY 1, 2")
}

// lookUp finds the rows of the table for which another row exists.
func (w *writer) lookUp(x *exists) {
	s, m := w.scan, x.measure
	other, on, when, across := "", []string(nil), expr.Node(nil), false
	alias := "again"
	var table *schema.Table
	if x.self {
		a := m.SeenAgain
		other, when, across, table = s.table.Name, a.when, a.LooksAcross != "", s.table
		on = []string{
			w.col("again", a.Key) + " = " + w.col("base", a.Key),
			w.col("again", a.Other) + " <> " + w.col("base", a.Other),
		}
	} else {
		alias = strings.TrimSuffix(x.alias, "_"+m.ID)
		e := m.Exists[alias]
		other, when, across = e.Table, e.when, e.LooksAcross != ""
		table, _ = w.plan.catalog.set.Table(e.Table)
		this, that := bothSides(e.On)
		on = []string{w.col(alias, that) + " = " + w.col("base", this)}
	}
	if when != nil {
		on = append(on, w.condition(when, m, func(c *expr.Column) string {
			if c.Qualifier == "" {
				return w.col("base", c.Name)
			}
			return w.col(c.Qualifier, c.Name)
		}))
	}
	keys := w.idents("base", s.table.Key)
	if !w.plan.req.Now.IsZero() && table != nil && table.EventDate != "" {
		on = append(on, w.before(alias, table.EventDate, table.Clock, w.plan.now))
	}
	conds := w.span()
	for _, n := range conjuncts(m.where) { // only rows that can count are looked up
		if own := !names(n, asOf); own && !slices.ContainsFunc(expr.Columns(n), func(c *expr.Column) bool { return c.Qualifier != "" || m.Workdays != nil && c.Name == m.Workdays.As }) {
			conds = append(conds, w.condition(n, m, w.inner(m)))
		}
	}
	if !across {
		if org := scopeOrg(table); org != "" && len(w.plan.scope.orgs) > 0 && len(w.plan.scope.regions) == 0 {
			conds = append(conds, w.in(w.col(alias, org), expr.StringType, w.plan.scope.orgs))
		}
	}
	where := ""
	if len(conds) > 0 {
		where = "\nWHERE " + strings.Join(conds, "\n    AND ")
	}
	w.cte(x.alias, "rows for which another one is found", "SELECT DISTINCT\n    "+strings.Join(keys, ",\n    ")+"\nFROM "+w.ident(s.table.Name)+" AS base\nJOIN "+w.ident(other)+" AS "+alias+
		"\n    ON "+strings.Join(on, "\n    AND ")+where)
}

func scopeOrg(t *schema.Table) string {
	if t == nil {
		return ""
	}
	return t.Scope.Org
}

// baseColumns are the scan's own columns that anything of it names.
func (w *writer) baseColumns() []string {
	s := w.scan
	var out []string
	add := func(c string) {
		if c != "" && !slices.Contains(out, c) {
			if _, ok := s.table.Column(c); ok {
				out = append(out, c)
			}
		}
	}
	for _, l := range s.leaves {
		for _, c := range l.measure.columns() {
			if c.Qualifier == "" {
				add(c.Name)
			}
		}
	}
	if s.kind == Version { // the version CTE must carry what joins, filters and scope read
		for _, d := range s.dims {
			if d.alias == "" {
				add(d.column)
			}
		}
		for _, f := range s.filters {
			if f.alias == "" {
				add(f.column)
			}
		}
		for _, j := range s.joins {
			for _, o := range j.on {
				add(o.this)
			}
		}
		add(s.table.Scope.Org)
		for _, v := range sortedKeys(s.table.Scope.Region) {
			add(s.table.Scope.Region[v])
		}
	}
	return out
}

// from is the scan's table with what decides its rows.
func (w *writer) from() string {
	table := w.ident(w.scan.table.Name)
	if w.scan.kind == Version {
		table = "base_version"
	}
	text := "FROM " + table + " AS base"
	if w.part.form == bySlot {
		text += "\nJOIN slot\n    ON " + strings.Join(w.slotJoin(), "\n    AND ")
	}
	return text
}

// slotJoin are the conditions by which a row belongs to a window of the list.
func (w *writer) slotJoin() []string {
	s := w.scan
	switch {
	case s.kind == Open || s.kind == Version:
		return w.holds("slot.as_of")
	case s.kind == Monthly:
		return []string{w.day() + " >= slot.from_date", w.day() + " < slot.to_date"}
	case s.time == "":
		return []string{"slot.slot >= 0"}
	default:
		out := []string{w.day() + " >= slot.from_date", w.day() + " < slot.to_date"}
		if slices.ContainsFunc(w.part.slots, func(win Window) bool { return !isMidnight(win.Until) }) {
			out = append(out, w.moment("base", s.time, s.clock)+" < slot.until_time")
		}
		return out
	}
}

// holds are the conditions of a row that lasts: it holds on the day asked.
func (w *writer) holds(asOf string) []string {
	s := w.scan
	if s.kind == Version {
		if _, dated := s.table.Column("valid_from"); !dated {
			return []string{"1 = 1"}
		}
		return []string{"base.valid_from <= " + asOf, "base.valid_until > " + asOf}
	}
	var out []string
	if s.time != "" {
		out = append(out, w.dayOf("base", s.time)+" <= "+asOf)
	}
	if s.until != "" {
		out = append(out, "("+w.col("base", s.until)+" IS NULL OR "+w.dayOf("base", s.until)+" > "+asOf+")")
	}
	return out
}

// day is the scan's date.
func (w *writer) day() string {
	if w.scan.kind == Monthly {
		return "CAST(" + w.col("base", w.scan.time) + " || '-01' AS DATE)"
	}
	return w.dayOf("base", w.scan.time)
}

func (w *writer) dayOf(alias, column string) string {
	if c, ok := w.scan.table.Column(column); ok && c.Type.Kind == expr.Timestamp {
		return "CAST(" + w.col(alias, column) + " AS DATE)"
	}
	return w.col(alias, column)
}

// moment is the row's time of day: its clock, or midnight where it has none.
func (w *writer) moment(alias, day, clock string) string {
	if clock == "" {
		return "CAST(" + w.col(alias, day) + " AS TIMESTAMP)"
	}
	return "coalesce(" + w.col(alias, clock) + ", CAST(" + w.col(alias, day) + " AS TIMESTAMP))"
}

// before keeps rows that happened before a moment.
func (w *writer) before(alias, day, clock string, t time.Time) string {
	if isMidnight(t) {
		return w.col(alias, day) + " < " + w.bindDate(t)
	}
	return "(" + w.col(alias, day) + " < " + w.bindDate(t) + " OR " + w.col(alias, day) + " < " + w.bindDate(ceilDay(t)) + " AND " + w.moment(alias, day, clock) + " < " + w.bindMoment(t) + ")"
}

func (w *writer) bindDate(t time.Time) string {
	return "CAST(" + w.d.Bind(w.params, Day.floor(t).Format("2006-01-02")) + " AS DATE)"
}

func (w *writer) bindMoment(t time.Time) string {
	return "CAST(" + w.d.Bind(w.params, t.Format("2006-01-02 15:04:05")) + " AS TIMESTAMP)"
}

// rangeOf are the conditions that keep the rows of this statement's windows.
func (w *writer) rangeOf() []string {
	s := w.scan
	if s.kind == Open || s.kind == Version {
		if w.part.form == single {
			return w.holds(w.bindDate(w.part.slots[0].AsOf))
		}
		return []string{"1 = 1"}
	}
	if s.time == "" {
		return []string{"1 = 1"}
	}
	var spans []string
	for _, sp := range merged(w.part.slots) {
		if s.kind == Monthly {
			spans = append(spans, w.col("base", s.time)+" >= "+w.d.Bind(w.params, sp.From.Format("2006-01"))+" AND "+w.col("base", s.time)+" < "+w.d.Bind(w.params, ceilMonth(sp.Until).Format("2006-01")))
			continue
		}
		spans = append(spans, w.dayOf("base", s.time)+" >= "+w.bindDate(sp.From)+" AND "+w.dayOf("base", s.time)+" < "+w.bindDate(ceilDay(sp.Until)))
	}
	out := []string{spans[0]}
	if len(spans) > 1 {
		out = []string{"(" + strings.Join(spans, " OR ") + ")"}
	}
	if cut := w.cutAt(); !cut.IsZero() {
		out = append(out, w.before("base", s.time, s.clock, cut))
	}
	if s.clock != "" && w.part.form == single && !isMidnight(w.part.slots[0].From) {
		out = append(out, w.moment("base", s.time, s.clock)+" >= "+w.bindMoment(w.part.slots[0].From))
	}
	return out
}

// span is rangeOf without the windows' own detail: the days from the first to the last.
func (w *writer) span() []string {
	s := w.scan
	if s.time == "" || s.kind != Event && s.kind != Snapshot {
		return nil
	}
	from, to := w.bounds()
	return []string{w.dayOf("base", s.time) + " >= " + w.bindDate(from), w.dayOf("base", s.time) + " < " + w.bindDate(to)}
}

func (w *writer) bounds() (from, to time.Time) {
	for i, win := range w.part.slots {
		if i == 0 || win.From.Before(from) {
			from = Day.floor(win.From)
		}
		if i == 0 || ceilDay(win.Until).After(to) {
			to = ceilDay(win.Until)
		}
	}
	return from, to
}

// cutAt is the moment within a day that cuts all windows of the statement: only single windows and buckets.
func (w *writer) cutAt() time.Time {
	if w.scan.kind == Monthly {
		return time.Time{}
	}
	switch w.part.form {
	case single:
		if u := w.part.slots[0].Until; !isMidnight(u) {
			return u
		}
	case byBucket:
		for _, win := range w.part.slots {
			if win.partial() && win.Until.After(win.From) && !isMidnight(win.Until) {
				return win.Until
			}
		}
	}
	return time.Time{}
}

func ceilMonth(t time.Time) time.Time {
	if t.Equal(Month.floor(t)) {
		return t
	}
	return Month.next(Month.floor(t))
}

// merged joins windows that touch.
func merged(sorted []Window) []Window {
	out := []Window{sorted[0]}
	for _, w := range sorted[1:] {
		last := &out[len(out)-1]
		if !Day.floor(w.From).After(ceilDay(last.Until)) {
			if w.Until.After(last.Until) {
				last.Until = w.Until
			}
			continue
		}
		out = append(out, w)
	}
	return out
}

// slotExpr tells a row's window.
func (w *writer) slotExpr() string {
	switch w.part.form {
	case single:
		return "0"
	case bySlot:
		return "slot.slot"
	case byBucket:
		if w.part.grain <= Day {
			return w.day()
		}
		if w.scan.kind == Monthly {
			if w.part.grain == Month {
				return w.day()
			}
			return w.truncated(w.part.grain, w.day())
		}
		return w.truncated(w.part.grain, w.dayOf("base", w.scan.time))
	default:
		var b strings.Builder
		b.WriteString("CASE")
		for i, win := range w.part.slots {
			cond := w.day() + " >= " + dateLiteral(win.From) + " AND " + w.day() + " < " + dateLiteral(ceilDay(win.Until))
			if w.scan.kind != Monthly && !isMidnight(win.Until) {
				cond += " AND " + w.moment("base", w.scan.time, w.scan.clock) + " < " + momentLiteral(win.Until)
			}
			if w.scan.clock != "" && !isMidnight(win.From) {
				cond += " AND " + w.moment("base", w.scan.time, w.scan.clock) + " >= " + momentLiteral(win.From)
			}
			fmt.Fprintf(&b, " WHEN %s THEN %d", cond, i)
		}
		return b.String() + " END"
	}
}

// truncated cuts a date to the beginning of its unit, as a date.
func (w *writer) truncated(g Grain, of string) string {
	n := &expr.Call{Name: "date_trunc", Args: []expr.Node{&expr.Literal{Kind: expr.String, Text: g.String()}, &expr.Column{Name: "t"}}}
	text, err := w.d.Print(n, w.params, func(*expr.Column) string { return of })
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

func (w *writer) hourOf(column string) string {
	n := &expr.Call{Name: "hour", Args: []expr.Node{&expr.Column{Name: "t"}}}
	text, err := w.d.Print(n, w.params, func(*expr.Column) string { return w.col("base", column) })
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

// counted is the rows that count, with what they are grouped by and what is counted of them.
func (w *writer) counted(common []expr.Node) {
	s := w.scan
	var cols []string
	has := map[string]bool{}
	add := func(text, name string) {
		if !has[name] {
			has[name] = true
			cols = append(cols, text+" AS "+w.ident(name))
		}
	}
	add(w.slotExpr(), w.slotName())
	if w.hourly() {
		add(w.hourOf(s.clock), "clock_hour")
	}
	if s.peak {
		add(w.day(), "clock_day")
		add(w.hourOf(s.clock), "peak_hour")
	}
	for _, d := range s.dims {
		add(w.dimension(d), d.name)
	}
	for _, l := range s.leaves {
		for _, c := range w.read(l, common) {
			switch {
			case c.Qualifier == "" && (c.Name == asOf || s.work != nil && c.Name == s.work.As):
			case c.Qualifier == "":
				add(w.col("base", c.Name), c.Name)
			default:
				alias := s.aliasOf(l.measure, c.Qualifier).alias
				add(w.col(alias, c.Name), alias+"__"+c.Name)
			}
		}
	}
	if s.asksToday() {
		day := "slot.as_of"
		if w.part.form != bySlot {
			day = dateLiteral(w.part.slots[0].AsOf)
		}
		add(day, asOf)
	}
	if s.work != nil {
		add("workday.days", s.work.As)
	}
	for _, x := range s.exists {
		add(w.col(x.alias, s.table.Key[0])+" IS NOT NULL", x.alias)
	}
	text := "SELECT\n    " + strings.Join(cols, ",\n    ") + "\n" + w.from()
	if len(s.stock) > 0 {
		text += "\nJOIN last_delivered\n    ON last_delivered.last_time = " + w.col("base", s.time)
		for _, c := range s.stock {
			text += "\n    AND " + w.col("last_delivered", c) + " IS NOT DISTINCT FROM " + w.col("base", c)
		}
		if w.part.form == bySlot {
			text += "\n    AND last_delivered.slot = slot.slot"
		}
	}
	for _, j := range s.joins {
		text += w.joinText(j)
	}
	if s.work != nil {
		text += "\nLEFT JOIN workday\n    ON workday.after_date = " + w.dayOf("base", s.work.After) + "\n    AND workday.through_date = " + w.dayOf("base", s.work.Through)
	}
	for _, x := range s.exists {
		text += "\nLEFT JOIN " + x.alias
		for i, k := range s.table.Key {
			text += []string{"\n    AND ", "\n    ON "}[btoi(i == 0)] + w.col(x.alias, k) + " = " + w.col("base", k)
		}
	}
	conds := slices.DeleteFunc(w.rangeOf(), func(c string) bool { return c == "1 = 1" })
	conds = append(conds, w.filters()...)
	for _, n := range common {
		conds = append(conds, w.condition(n, s.leaves[0].measure, w.inner(s.leaves[0].measure)))
	}
	conds = append(conds, w.scoped()...)
	if s.peak || w.hourly() {
		conds = append(conds, w.col("base", s.clock)+" IS NOT NULL")
	}
	if len(conds) > 0 {
		text += "\nWHERE " + strings.Join(conds, "\n    AND ")
	}
	w.cte("counted", "the rows that count", text)
}

// read are the columns that a leaf's aggregate and what is left of its filter name.
func (w *writer) read(l *leaf, common []expr.Node) []*expr.Column {
	out := expr.Columns(l.measure.aggregate)
	for _, n := range conjuncts(l.measure.where) {
		if !slices.ContainsFunc(common, func(c expr.Node) bool { return expr.Equal(c, n) }) {
			out = append(out, expr.Columns(n)...)
		}
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *writer) slotName() string {
	if w.part.form == byBucket {
		return "period"
	}
	return "slot"
}

func (w *writer) hourly() bool { return w.part.form == byBucket && w.part.grain == Hour }

// joinText joins a table: dimensions in the version of the row's own time.
func (w *writer) joinText(j *joined) string {
	name := w.ident(j.table.Name) + " AS " + j.alias
	if j.table.Kind == schema.Dim {
		name = j.alias
	}
	text := "\nLEFT JOIN " + name
	for i, o := range j.on {
		text += []string{"\n    AND ", "\n    ON "}[btoi(i == 0)] + w.col(j.alias, o.that) + " = " + w.col("base", o.this)
	}
	if _, dated := j.table.Column("valid_from"); !dated || j.table.Kind != schema.Dim {
		return text
	}
	at := w.timeOfRow()
	if at == "" {
		return text + "\n    AND " + j.alias + ".valid_until = " + endOfTime
	}
	return text + "\n    AND " + j.alias + ".valid_from <= " + at + "\n    AND " + j.alias + ".valid_until > " + at
}

// timeOfRow is the day whose version of a dimension a row takes: its own; for what lasts, the day asked; for months
// their last day.
func (w *writer) timeOfRow() string {
	s := w.scan
	switch {
	case s.kind == Open || s.kind == Version:
		if w.part.form == bySlot {
			return "slot.as_of"
		}
		return dateLiteral(w.part.slots[0].AsOf)
	case s.time == "":
		return ""
	case s.kind == Monthly:
		n := &expr.Call{Name: "last_day", Args: []expr.Node{&expr.Column{Name: "t"}}}
		text, err := w.d.Print(n, w.params, func(*expr.Column) string { return w.day() })
		if err != nil {
			w.errs = append(w.errs, err)
		}
		return text
	default:
		return w.day()
	}
}

func (w *writer) dimension(d dim) string {
	if d.column == hourOfDay && d.table == "" && d.name == hourOfDay {
		return w.hourOf(w.scan.clock)
	}
	alias := d.alias
	if alias == "" {
		alias = "base"
	}
	return w.col(alias, d.column)
}

// filters are the request's own conditions.
func (w *writer) filters() []string {
	var out []string
	for _, f := range w.scan.filters {
		column := w.dimension(f.dim)
		if f.prefix && f.name == region {
			out = append(out, w.below(column, f.values))
			continue
		}
		out = append(out, w.in(column, f.typ, f.values))
	}
	return out
}

// in is column IN (values); an empty value asks for null.
func (w *writer) in(column string, typ expr.Type, values []string) string {
	var list []string
	null := false
	for _, v := range values {
		if v == "" {
			null = true
			continue
		}
		text, err := w.value(typ, v)
		if err != nil {
			w.errs = append(w.errs, err)
		}
		list = append(list, text)
	}
	switch {
	case len(list) == 0 && null:
		return column + " IS NULL"
	case len(list) == 0:
		return "FALSE"
	case null:
		return "(" + column + " IN (" + strings.Join(list, ", ") + ") OR " + column + " IS NULL)"
	default:
		return column + " IN (" + strings.Join(list, ", ") + ")"
	}
}

// value binds a text as a value of a type.
func (w *writer) value(typ expr.Type, text string) (string, error) {
	bad := fault.New(fault.Usage, "value %q: the column is %s", text, typ)
	switch typ.Kind {
	case expr.Int32, expr.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "NULL", bad
		}
		return strconv.FormatInt(n, 10), nil
	case expr.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "NULL", bad
		}
		return strings.ToUpper(strconv.FormatBool(b)), nil
	case expr.Date:
		if _, err := time.Parse("2006-01-02", text); err != nil {
			return "NULL", bad
		}
		return "CAST(" + w.d.Bind(w.params, text) + " AS DATE)", nil
	case expr.Decimal, expr.Double:
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return "NULL", bad
		}
		return "CAST(" + w.d.Bind(w.params, text) + " AS " + w.d.TypeName(typ) + ")", nil
	case expr.Timestamp:
		return "CAST(" + w.d.Bind(w.params, text) + " AS TIMESTAMP)", nil
	default:
		return w.d.Bind(w.params, text), nil
	}
}

// below keeps GB/T 2260 codes that are one of the values or lie below it.
func (w *writer) below(column string, codes []string) string {
	out := make([]string, 0, len(codes))
	for _, code := range codes {
		n := &expr.Call{Name: "starts_with", Args: []expr.Node{&expr.Column{Name: "t"}, &expr.Literal{Kind: expr.String, Text: regionPrefix(code)}}}
		text, err := w.d.Print(n, w.params, func(*expr.Column) string { return column })
		if err != nil {
			w.errs = append(w.errs, err)
		}
		out = append(out, text)
	}
	if len(out) == 1 {
		return out[0]
	}
	return "(" + strings.Join(out, " OR ") + ")"
}

// regionPrefix drops trailing 00 pairs: 340100 stands for all of 3401.
func regionPrefix(code string) string {
	for len(code) > 2 && len(code)%2 == 0 && strings.HasSuffix(code, "00") {
		code = code[:len(code)-2]
	}
	return code
}

// scoped confines the rows to the Scope. An empty Scope sees nothing.
func (w *writer) scoped() []string {
	sc := w.plan.scope
	if sc.whole {
		return nil
	}
	var ways []string
	t := w.scan.table
	if len(sc.orgs) > 0 && t.Scope.Org != "" {
		ways = append(ways, w.in(w.col("base", t.Scope.Org), expr.StringType, sc.orgs))
	}
	if t.Name == deliveries && w.scan.view != schema.Care && len(sc.regions) > 0 {
		return nil // who delivers the rows of insured or resident people need not lie in their region
	}
	if len(sc.regions) > 0 {
		if at, ok, err := w.plan.catalog.regionOf(region, t, w.scan.view); ok && err == nil {
			alias := "base"
			if at.table != "" {
				alias = w.scan.joinPlace(w.plan, at)
			}
			ways = append(ways, w.below(w.col(alias, at.column), sc.regions))
		}
	}
	if len(ways) == 0 {
		if t.Scope.Public && (len(sc.orgs) > 0 || len(sc.regions) > 0) { // a dictionary that belongs to nobody
			return nil
		}
		return []string{"FALSE"}
	}
	if len(ways) == 1 {
		return ways
	}
	return []string{"(" + strings.Join(ways, " OR ") + ")"}
}

// common are the conditions that every leaf of the scan asks. They go into WHERE, where files are pruned by them,
// unless groups are asked: a group of which nothing counts is still a group.
func (w *writer) common() []expr.Node {
	s := w.scan
	if len(s.dims) > 0 || w.part.cases || s.table.Name == deliveries {
		return nil
	}
	var out []expr.Node
	for i, l := range s.leaves {
		own := conjuncts(l.measure.where)
		if i == 0 {
			out = own
			continue
		}
		out = slices.DeleteFunc(out, func(n expr.Node) bool {
			return !slices.ContainsFunc(own, func(o expr.Node) bool { return expr.Equal(n, o) })
		})
	}
	return slices.DeleteFunc(out, func(n expr.Node) bool { // derived columns are not there yet in WHERE
		return slices.ContainsFunc(expr.Columns(n), func(c *expr.Column) bool {
			return c.Qualifier != "" && len(s.leaves) > 1 || s.work != nil && c.Name == s.work.As
		}) || names(n, asOf)
	})
}

func conjuncts(n expr.Node) []expr.Node {
	if n == nil {
		return nil
	}
	if b, ok := n.(*expr.Binary); ok && b.Op == "and" {
		return append(conjuncts(b.L), conjuncts(b.R)...)
	}
	return []expr.Node{n}
}

// aggregates counts the rows.
func (w *writer) aggregates(common []expr.Node) string {
	s := w.scan
	group := []string{w.slotName()}
	if w.hourly() {
		group = append(group, "clock_hour")
	}
	names := make([]string, 0, len(s.dims))
	for _, d := range s.dims {
		names = append(names, w.ident(d.name))
	}
	cols := append(slices.Clone(group), names...)
	if s.totals {
		cols = append(cols, "grouping("+strings.Join(names, ", ")+") AS totals")
	}
	if s.peak {
		return w.peaks(group, names, cols, common)
	}
	for _, l := range s.leaves {
		cols = append(cols, w.aggregate(l, common)+" AS "+w.ident(l.measure.ID))
	}
	if w.part.cases {
		for _, l := range s.leaves {
			cols = append(cols, w.filtered("count(*)", l, common)+" AS "+w.ident("cases_"+l.measure.ID))
		}
	}
	return "SELECT\n    " + strings.Join(cols, ",\n    ") + "\nFROM counted\nGROUP BY " + grouping(group, names, s.totals) + "\nORDER BY " + ordinals(len(group)+len(names))
}

// grouping is GROUP BY's list: with totals every margin.
func grouping(group, names []string, totals bool) string {
	if !totals {
		return strings.Join(append(slices.Clone(group), names...), ", ")
	}
	var sets []string
	for mask := range 1 << len(names) {
		set := slices.Clone(group)
		for i, n := range names {
			if mask>>(len(names)-1-i)&1 == 0 {
				set = append(set, n)
			}
		}
		sets = append(sets, "("+strings.Join(set, ", ")+")")
	}
	return "GROUPING SETS (\n    " + strings.Join(sets, ",\n    ") + "\n)"
}

// peaks finds the largest single hour of each period and group; the earliest wins a tie.
func (w *writer) peaks(group, names, cols []string, common []expr.Node) string {
	s := w.scan
	l := s.leaves[0]
	inner := append(slices.Clone(cols), "clock_day", "peak_hour", w.aggregate(l, common)+" AS figure", w.filtered("count(*)", l, common)+" AS cases")
	text := "SELECT\n    " + strings.Join(inner, ",\n    ") + "\nFROM counted\nGROUP BY " + grouping(append(slices.Clone(group), "clock_day", "peak_hour"), names, s.totals)
	w.cte("hourly", "figures of single hours", text)
	outer := append(slices.Clone(group), names...)
	if s.totals {
		outer = append(outer, "totals")
	}
	ranked := append(slices.Clone(outer), "clock_day", "peak_hour", "figure", "cases",
		"row_number() OVER (PARTITION BY "+strings.Join(outer, ", ")+" ORDER BY figure DESC, clock_day, peak_hour) AS place")
	w.cte("ranked", "the largest first, the earliest of equals", "SELECT\n    "+strings.Join(ranked, ",\n    ")+"\nFROM hourly\nWHERE figure > 0")
	return "SELECT\n    " + strings.Join(append(outer, "clock_day", "peak_hour", "figure", "cases"), ",\n    ") + "\nFROM ranked\nWHERE place = 1\nORDER BY " + ordinals(len(group)+len(names))
}

// aggregate spells a measure over counted.
func (w *writer) aggregate(l *leaf, common []expr.Node) string {
	return w.filtered(w.print(l.measure.aggregate, l.measure, w.outer(l.measure)), l, common)
}

// filtered adds FILTER (WHERE …) of what is not in WHERE already.
func (w *writer) filtered(aggregate string, l *leaf, common []expr.Node) string {
	var conds []string
	for _, n := range conjuncts(l.measure.where) {
		if slices.ContainsFunc(common, func(c expr.Node) bool { return expr.Equal(c, n) }) {
			continue
		}
		conds = append(conds, w.condition(n, l.measure, w.outer(l.measure)))
	}
	if l.measure.SeenAgain != nil {
		conds = append(conds, w.ident("seen_"+l.measure.ID))
	}
	for _, alias := range sortedKeys(l.measure.Exists) {
		conds = append(conds, w.ident(alias+"_"+l.measure.ID))
	}
	if len(conds) == 0 {
		return aggregate
	}
	text, err := w.d.Phrase("filter", aggregate, strings.Join(conds, " AND "))
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

// inner names columns where the tables are at hand, outer where counted is.
func (w *writer) inner(m *Measure) func(*expr.Column) string {
	return func(c *expr.Column) string {
		if c.Qualifier == "" {
			return w.col("base", c.Name)
		}
		return w.col(w.scan.aliasOf(m, c.Qualifier).alias, c.Name)
	}
}

func (w *writer) outer(m *Measure) func(*expr.Column) string {
	return func(c *expr.Column) string {
		if c.Qualifier == "" {
			return w.ident(c.Name)
		}
		return w.ident(w.scan.aliasOf(m, c.Qualifier).alias + "__" + c.Name)
	}
}

// condition is print for one of several conditions joined by AND.
func (w *writer) condition(n expr.Node, m *Measure, name func(*expr.Column) string) string {
	text := w.print(n, m, name)
	if b, ok := n.(*expr.Binary); ok && b.Op == "or" {
		return "(" + text + ")"
	}
	return text
}

// print spells an expression of a measure.
func (w *writer) print(n expr.Node, m *Measure, name func(*expr.Column) string) string {
	if r, err := m.resolver(w.plan.catalog.set); err == nil {
		w.params.Columns = func(qualifier, name string) (expr.Type, bool) {
			if qualifier == "" && name == asOf {
				return expr.DateType, true
			}
			return r(qualifier, name)
		}
	}
	text, err := w.d.Print(n, w.params, name)
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return text
}

var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// reserved are words that neither engine takes as a bare name.
var reserved = []string{
	"all", "and", "as", "between", "by", "case", "cast", "check", "column", "constraint", "create", "cross", "default", "desc", "distinct", "else", "end", "escape", "exists",
	"extract", "false", "for", "from", "full", "group", "grouping", "having", "in", "inner", "into", "is", "join", "left", "like", "limit", "natural", "not", "null", "offset",
	"on", "or", "order", "outer", "primary", "right", "select", "skip", "table", "then", "to", "true", "union", "unique", "user", "using", "values", "when", "where", "window", "with",
}

func (w *writer) ident(name string) string {
	if plain.MatchString(name) && !slices.Contains(reserved, name) {
		return name
	}
	return w.d.Ident(name)
}

func (w *writer) col(alias, column string) string { return alias + "." + w.ident(column) }

func (w *writer) idents(alias string, names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if alias == "" {
			out = append(out, w.ident(n))
		} else {
			out = append(out, w.col(alias, n))
		}
	}
	return out
}

// uses names the tables of the statement and the days that are enough to read.
func (w *writer) uses() []Use {
	s := w.scan
	own := Use{Table: s.table.Name}
	if (s.kind == Event || s.kind == Snapshot || s.kind == Monthly) && s.time != "" && s.time == s.table.EventDate {
		own.From, own.To = w.bounds()
		if s.kind == Monthly {
			own.From, own.To = Month.floor(own.From), ceilMonth(own.To)
		}
	}
	out := []Use{own}
	add := func(u Use) {
		for i, have := range out {
			if have.Table == u.Table {
				out[i].From, out[i].To = time.Time{}, time.Time{}
				return
			}
		}
		out = append(out, u)
	}
	for _, j := range s.joins {
		add(Use{Table: j.table.Name})
	}
	for _, x := range s.exists {
		if x.self {
			out[0].To = time.Time{} // who comes back does so later
		} else {
			add(Use{Table: x.measure.Exists[strings.TrimSuffix(x.alias, "_"+x.measure.ID)].Table})
		}
	}
	if s.work != nil {
		add(Use{Table: "dim_calendar"})
	}
	return out
}
