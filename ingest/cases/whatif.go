package cases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// SettledTable holds the settled cases.
const SettledTable = settleTable

// Scenario is one way to group and to price the stays of a lake. What is empty is as the publication was grouped and
// settled: without a scheme or weights the groups are those in force on each day; without parameters the lake's own
// settlements price them.
type Scenario struct {
	Scheme  string // id of a scheme
	Folder  string // or the folder of one
	Weights string // payment table
	Params  string // parameter file
	Mix     []Mix  // other numbers of discharges for some groups of some hospitals
}

// regroups says whether the scenario has groups or weights of its own.
func (s *Scenario) regroups() bool { return s.Scheme != "" || s.Folder != "" || s.Weights != "" }

// WhatIf is a lake whose figures are not touched: scenarios are grouped and settled beside it, in a folder that goes
// away with Close.
type WhatIf struct {
	lake   *lake.Lake
	config *Config
	stored *stored
	view   *lake.View
	dir    string
	reader reader
	n      int
}

// OpenWhatIf looks at a publication (0 = the newest), and at what it was grouped and settled by.
func OpenWhatIf(ctx context.Context, l *lake.Lake, set *schema.Set, publication int64) (*WhatIf, error) {
	v, err := l.View(ctx, publication)
	if err != nil {
		return nil, err
	}
	was, err := storedAt(ctx, l, v.Publication().ID)
	if err != nil {
		return nil, err
	}
	config := was.config
	if config == nil { // nothing was grouped yet: the file says how it would be
		if config, err = ReadConfig(l.Dir()); err != nil {
			return nil, err
		}
	}
	work, err := l.Work()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(work, "what-if-")
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err)
	}
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: work})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &WhatIf{lake: l, config: config, stored: was, view: v, dir: dir, reader: reader{
		loader: loader, set: set, files: v.AllFiles, level: config.Levels, insure: config.Insurance, offsite: config.Offsite,
		now: time.Now().In(schema.Location()), publication: v.Publication().ID,
	}}, nil
}

// Close removes what the scenarios wrote.
func (w *WhatIf) Close() error { return errors.Join(w.reader.loader.Close(), os.RemoveAll(w.dir)) }

// Dir is the folder of the files of Outcome; the engine that reads them has to be allowed to.
func (w *WhatIf) Dir() string { return w.dir }

// ScenarioResult is what a scenario comes to.
type ScenarioResult struct {
	Scheme     string            `json:"scheme"`
	SchemeHash string            `json:"scheme_hash"`
	ParamsHash string            `json:"params_hash,omitempty"`
	Cases      int64             `json:"cases"`
	Grouped    int64             `json:"grouped"`
	Moved      int64             `json:"moved"`    // cases whose group is another than the lake's own
	Settled    int64             `json:"settled"`  // cases that the insurance settled
	Unpriced   int64             `json:"unpriced"` // those of them that have no price
	Spans      []Span            `json:"spans"`    // settled each by itself; none: the lake has no settlement of this kind, and no parameters were given
	Hospitals  []settle.Hospital `json:"hospitals,omitempty"`

	// Parts are what settle.Compare takes.
	Parts []settle.Part `json:"-"`
	// Files are the tables of the scenario, in the place of those of the publication.
	Files map[string][]lake.DataFile `json:"-"`
}

// Span is a span of days that was settled by itself: quotas and point values are of it.
type Span struct {
	Params     string `json:"params"`
	ParamsHash string `json:"params_hash"`
	From       string `json:"from"`
	To         string `json:"to"` // the day after the last one
	Cases      int64  `json:"cases"`
}

// days are [from, to).
type days struct{ from, to string }

// Run groups and settles the stays discharged in [from, to) (empty = all there are).
func (w *WhatIf) Run(ctx context.Context, s Scenario, from, to string) (*ScenarioResult, error) {
	if err := span(from, to); err != nil {
		return nil, fault.Wrap(fault.Usage, err)
	}
	w.n++
	out := &ScenarioResult{Files: map[string][]lake.DataFile{}}
	into := folder{w: w, n: w.n, out: out}
	r := w.reader
	if s.regroups() {
		m, err := w.method(ctx, s, from, to)
		if err != nil {
			return nil, err
		}
		if err := w.group(ctx, m, from, to, into); err != nil {
			return nil, err
		}
		if out.Moved, err = w.moved(ctx, out, from, to); err != nil {
			return nil, err
		}
		regrouped := out.Files[groupTable]
		r.files = func(ctx context.Context, table string) ([]lake.DataFile, error) {
			if table == groupTable {
				return regrouped, nil
			}
			return w.view.AllFiles(ctx, table)
		}
		return out, w.settle(ctx, &r, s, []*Method{m}, from, to, into)
	}
	methods, err := w.inForce(ctx, from, to, out)
	if err != nil {
		return nil, err
	}
	return out, w.settle(ctx, &r, s, methods, from, to, into)
}

// inForce are the methods of the lake's current groups, as the publications stored them.
func (w *WhatIf) inForce(ctx context.Context, from, to string, out *ScenarioResult) ([]*Method, error) {
	table, err := w.reader.table(ctx, groupTable, "")
	if err != nil {
		return nil, err
	}
	rows, err := w.reader.loader.Conn().QueryContext(ctx, fmt.Sprintf(
		"SELECT scheme, scheme_hash, count(*), count(*) FILTER (status = 'OK') FROM %s WHERE is_current AND %s GROUP BY ALL ORDER BY min(discharge_date), scheme", table, between("discharge_date", from, to)))
	if err != nil {
		return nil, sqlFault(err)
	}
	defer rows.Close()
	var methods []*Method
	for rows.Next() {
		var scheme, hash string
		var n, grouped int64
		if err := rows.Scan(&scheme, &hash, &n, &grouped); err != nil {
			return nil, err
		}
		out.Cases, out.Grouped = out.Cases+n, out.Grouped+grouped
		m, err := methodOf(w.stored.groupings[scheme])
		if err != nil {
			return nil, err
		}
		if m.Hash != hash {
			return nil, fault.New(fault.NotFound, "scheme %s: the tables that publication %d stored are not those of its cases", scheme, w.stored.publication)
		}
		methods = append(methods, m)
	}
	if err := rows.Err(); err != nil {
		return nil, sqlFault(err)
	}
	if len(methods) == 0 {
		return nil, fault.New(fault.NotFound, "publication %d has no grouped case in that span: name a scheme, or group the lake by one (sanyi scheme use)", w.view.Publication().ID)
	}
	for _, m := range methods {
		if !strings.Contains("+"+out.Scheme+"+", "+"+m.Scheme+"+") {
			out.Scheme = strings.TrimPrefix(out.Scheme+"+"+m.Scheme, "+")
		}
		out.SchemeHash = m.Hash
	}
	return methods, nil
}

// method compiles the scenario's scheme, with the options and the weights that the publication had for it.
func (w *WhatIf) method(ctx context.Context, s Scenario, from, to string) (*Method, error) {
	m, err := w.unweighted(ctx, s, from, to)
	if err != nil || s.Weights == "" {
		return m, err
	}
	t, err := readTable(s.Weights)
	if err != nil {
		return nil, err
	}
	m.Weights = s.Weights
	return m, m.pay([]byte(t.text), t.name)
}

func (w *WhatIf) unweighted(ctx context.Context, s Scenario, from, to string) (*Method, error) {
	if s.Folder != "" {
		path := filepath.Clean(s.Folder)
		parent := filepath.Dir(path)
		found, err := append(Library(w.lake.Dir()), schemes.Place{FS: os.DirFS(parent), Name: parent}).Read(os.DirFS(path), path)
		if err != nil {
			return nil, err
		}
		return NewMethod(found, Grouping{Scheme: found.ID}, w.lake.Dir())
	}
	if s.Scheme == "" { // weights alone: of the one scheme in force
		methods, err := w.inForce(ctx, from, to, &ScenarioResult{})
		if err != nil {
			return nil, err
		}
		if len(methods) > 1 {
			return nil, fault.New(fault.Usage, "%d schemes are in force in that span: name the one whose weights these are", len(methods))
		}
		return methods[0], nil
	}
	if text, ok := w.stored.groupings[s.Scheme]; ok {
		return methodOf(text)
	}
	found, err := Library(w.lake.Dir()).Open(s.Scheme)
	if err != nil {
		return nil, err
	}
	return NewMethod(found, w.config.Grouping(s.Scheme), w.lake.Dir())
}

func readTable(path string) (table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return table{}, fault.New(fault.NotFound, "payment table: %w", err)
	}
	return table{path, string(data)}, nil
}

// group writes the scenario's fact_case_group, month by month.
func (w *WhatIf) group(ctx context.Context, m *Method, from, to string, into folder) error {
	t, ok := w.reader.set.Table(groupTable)
	if !ok {
		return fault.New(fault.Internal, "no contract %s", groupTable)
	}
	into.out.Scheme, into.out.SchemeHash, into.out.Files[groupTable] = m.Scheme, m.Hash, []lake.DataFile{}
	months, err := w.reader.months(ctx, stayTable)
	if err != nil {
		return err
	}
	for _, month := range months {
		if from != "" && month < from[:7] || to != "" && month+"-01" >= to {
			continue
		}
		stays, err := w.reader.gather(ctx, month, only{from: from, to: to})
		if err != nil {
			return err
		}
		r := newResults(m)
		err = stays.each(ctx, func(it *item) error {
			r.group(it)
			return nil
		})
		if err != nil {
			return err
		}
		into.out.Cases, into.out.Grouped = into.out.Cases+int64(stays.rows), into.out.Grouped+r.grouped
		if err := r.hand(ctx, w.reader.loader); err != nil {
			return err
		}
		n, err := into.put(ctx, t, month, "", stays.grouped(r, "true", t, batchOf("cases", month, w.reader.publication)))
		if err != nil {
			return err
		}
		if n != int64(stays.rows) {
			return fault.New(fault.Internal, "what if: month %s: %d stays were read, %d rows were written", month, stays.rows, n)
		}
	}
	return nil
}

// moved counts the cases that the lake itself has in another group of the scheme in force.
func (w *WhatIf) moved(ctx context.Context, out *ScenarioResult, from, to string) (int64, error) {
	own, err := w.reader.table(ctx, groupTable, "")
	if err != nil {
		return 0, err
	}
	var paths []string
	for _, f := range out.Files[groupTable] {
		paths = append(paths, f.Path)
	}
	if len(paths) == 0 {
		return 0, nil
	}
	t, _ := w.reader.set.Table(groupTable)
	n, err := w.reader.counts(ctx, fmt.Sprintf("SELECT 'moved', count(*) FROM %s a JOIN %s b ON b.org_code = a.org_code AND b.stay_id = a.stay_id WHERE a.is_current AND %s AND a.group_code <> b.group_code",
		own, duckdb.ReadFiles(t, paths), between("a.discharge_date", from, to)))
	return n["moved"], err
}

// priced is a pricing and the condition under which its rows are those that figures mean.
type priced struct {
	*pricing
	current string
}

// settle prices the scenario's current cases span by span, and gives them another mix before, where one is given.
func (w *WhatIf) settle(ctx context.Context, r *reader, s Scenario, methods []*Method, from, to string, into folder) error {
	spans, owners, err := w.spans(ctx, r, from, to)
	if err != nil {
		return err
	}
	if len(s.Mix) > 0 {
		if err := r.choose(ctx, s.Mix, spans, methods); err != nil {
			return err
		}
	}
	var todo []priced
	if s.Params != "" {
		todo, err = w.byParams(s, methods, spans, owners)
	} else {
		todo, err = w.byOwn(s, methods, from, to)
	}
	if err != nil {
		return err
	}
	into.out.Spans = []Span{}
	if len(todo) > 0 {
		into.out.Files[settleTable] = []lake.DataFile{}
	}
	for _, p := range todo {
		if err := w.price(ctx, r, p, methods, len(s.Mix) > 0, into); err != nil {
			return err
		}
	}
	if s.Params != "" && len(todo) > 0 {
		into.out.ParamsHash = todo[0].params.Hash()
	}
	if len(s.Mix) == 0 {
		return nil
	}
	return r.mixGroups(ctx, spans, into)
}

// spans are the spans that are settled each by itself, and of each the lake's settlement that it is of (-1: none). They
// are those of the lake's settlements, and calendar years where it has none; a span of up to a year that was asked for
// is one.
func (w *WhatIf) spans(ctx context.Context, r *reader, from, to string) (spans []days, owners []int, err error) {
	months, err := r.months(ctx, groupTable)
	if err != nil || len(months) == 0 {
		return nil, nil, err
	}
	if from != "" && to != "" && to <= yearLater(from) {
		owner := slices.IndexFunc(w.config.Settlements, func(s Settlement) bool { return s.From <= from && to <= s.To })
		return []days{{from, to}}, []int{owner}, nil
	}
	add := func(d days, owner int) {
		d.from = max(d.from, from)
		if to != "" {
			d.to = min(d.to, to)
		}
		if d.from < d.to {
			spans, owners = append(spans, d), append(owners, owner)
		}
	}
	var taken []int
	for i, s := range w.config.Settlements {
		if !slices.ContainsFunc(taken, func(j int) bool { return s.From < w.config.Settlements[j].To && w.config.Settlements[j].From < s.To }) {
			taken = append(taken, i)
		}
	}
	slices.SortFunc(taken, func(i, j int) int { return strings.Compare(w.config.Settlements[i].From, w.config.Settlements[j].From) })
	at, end := months[0][:4]+"-01-01", yearLater(months[len(months)-1][:4]+"-01-01")
	years := func(until string) {
		for at < until {
			next := min(yearLater(at[:4]+"-01-01"), until)
			add(days{at, next}, -1)
			at = next
		}
	}
	for _, i := range taken {
		s := &w.config.Settlements[i]
		if s.To <= at || s.From >= end {
			continue
		}
		years(s.From)
		add(days{s.From, s.To}, i)
		at = max(at, s.To)
	}
	years(end)
	return spans, owners, nil
}

// yearLater is the same day of the next year.
func yearLater(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(1, 0, 0).Format(time.DateOnly)
}

// byParams prices every span by the parameter file.
func (w *WhatIf) byParams(s Scenario, methods []*Method, spans []days, owners []int) ([]priced, error) {
	data, err := os.ReadFile(s.Params)
	if err != nil {
		return nil, fault.New(fault.NotFound, "parameters: %w", err)
	}
	var out []priced
	for i, d := range spans {
		var own *Settlement
		if owners[i] >= 0 {
			own = &w.config.Settlements[owners[i]]
		}
		t, err := w.tableOf(s, methods, own)
		if err != nil {
			return nil, err
		}
		p, err := pricingOf(Settlement{ID: fmt.Sprintf("what_if_%d", w.n), From: d.from, To: d.to}, string(data), s.Params, t)
		if err != nil {
			return nil, err
		}
		for _, m := range methods {
			if err := Fits(p.params, m.Scheme, m.Kind); err != nil {
				return nil, err
			}
		}
		out = append(out, priced{p, "true"})
	}
	return out, nil
}

// byOwn prices by the lake's own settlements, those whose parameters are of the kind of the scenario's groups.
func (w *WhatIf) byOwn(s Scenario, methods []*Method, from, to string) ([]priced, error) {
	var out []priced
	list := slices.Clone(w.config.Settlements)
	if s.Scheme != "" { // what the lake has for that very scheme comes before what it has for another
		slices.SortStableFunc(list, func(a, b Settlement) int {
			switch is, than := a.Scheme == s.Scheme, b.Scheme == s.Scheme; {
			case is == than:
				return 0
			case is:
				return -1
			}
			return 1
		})
	}
	for _, own := range list {
		text, name, err := w.own(&own)
		if err != nil {
			return nil, err
		}
		params, _ := split(text)
		t, err := w.tableOf(s, methods, &own)
		if err != nil {
			return nil, err
		}
		own.From = max(own.From, from)
		if to != "" {
			own.To = min(own.To, to)
		}
		if own.From >= own.To {
			continue
		}
		p, err := pricingOf(own, params, name, t)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(methods, func(m *Method) bool { return Fits(p.params, m.Scheme, m.Kind) != nil }) {
			continue
		}
		current := []string{"true"}
		for _, before := range out {
			current = append(current, "NOT "+between("discharge_date", before.From, before.To))
		}
		out = append(out, priced{p, strings.Join(current, " AND ")})
	}
	return out, nil
}

// own is what the publication stored of a settlement; of one that was not in force yet, what its files say.
func (w *WhatIf) own(s *Settlement) (text, name string, err error) {
	if text, ok := w.stored.settlements[s.ID]; ok {
		return text, fmt.Sprintf("settlement %s of publication %d", s.ID, w.stored.publication), nil
	}
	p, err := w.config.params(w.lake.Dir(), s)
	if err != nil {
		return "", "", err
	}
	return p.text, s.Params, nil
}

// tableOf is the payment table: the scenario's, that of the lake's settlement of the same scheme, that of the scheme.
func (w *WhatIf) tableOf(s Scenario, methods []*Method, own *Settlement) (table, error) {
	if s.Weights != "" {
		return readTable(s.Weights)
	}
	var settled table
	if own != nil {
		text, _, err := w.own(own)
		if err != nil {
			return table{}, err
		}
		_, settled = split(text)
		if settled.text != "" && (!s.regroups() || own.Scheme == methods[0].Scheme && s.Folder == "") {
			return settled, nil
		}
	}
	var out table
	for _, m := range methods {
		t, err := m.table()
		if err != nil {
			return table{}, err
		}
		if out.text != "" && t.text != "" && out.text != t.text {
			return table{}, fault.New(fault.Usage, "the schemes in force have a payment table each: name one with --weights, one scheme, or a span of one of them")
		}
		if t.text != "" {
			out = t
		}
	}
	if out.text == "" {
		return settled, nil
	}
	return out, nil
}

// price settles the current cases of a span and writes them. Cases of all schemes in force share the span's quotas.
func (w *WhatIf) price(ctx context.Context, r *reader, p priced, methods []*Method, mixed bool, into folder) error {
	bill := func(m *Method) ([]settle.Case, error) {
		of := *p.pricing
		of.Scheme = m.Scheme
		groups, err := r.groupsOf(ctx, &of, m.Hash)
		if err != nil {
			return nil, err
		}
		if err := r.bill(ctx, &of, "(SELECT * FROM "+groups+" WHERE is_current)"); err != nil {
			return nil, err
		}
		if mixed {
			if err := r.mixBills(ctx); err != nil {
				return nil, err
			}
		}
		return r.bills(ctx, m)
	}
	var cases []settle.Case
	ends := make([]int, len(methods))
	for i, m := range methods {
		of, err := bill(m)
		if err != nil {
			return err
		}
		cases = append(cases, of...)
		ends[i] = len(cases)
	}
	if len(cases) == 0 {
		return nil
	}
	rows, err := p.params.SettleAll(cases)
	if err != nil {
		return err
	}
	var meant []settle.Row // those that figures mean
	start := 0
	for i, m := range methods {
		some := rows[start:ends[i]]
		if len(some) > 0 {
			if len(methods) > 1 { // the bills in the temp table are those of the last method
				if _, err := bill(m); err != nil {
					return err
				}
			}
			if err := handRows(ctx, r.loader, cases[start:ends[i]], some); err != nil {
				return err
			}
			n, err := r.writeSettled(ctx, p.pricing, m, p.current, into)
			if err != nil {
				return err
			}
			into.out.Settled += n
			if meant, err = r.meant(ctx, p.current, some, meant); err != nil {
				return err
			}
		}
		start = ends[i]
	}
	into.out.Spans = append(into.out.Spans, Span{Params: p.ID, ParamsHash: p.params.Hash(), From: p.From, To: p.To, Cases: int64(len(rows))})
	into.out.add(p, meant)
	return nil
}

// meant appends the rows of bill_in that a condition holds for.
func (r *reader) meant(ctx context.Context, condition string, rows, to []settle.Row) ([]settle.Row, error) {
	i := 0
	err := r.loader.Scan(ctx, "SELECT "+condition+" FROM bill_in ORDER BY rowid", func(b arrow.RecordBatch) error {
		is := b.Column(0).(*array.Boolean) //nolint:forcetypeassert // as selected
		for j := range int(b.NumRows()) {
			if is.Value(j) {
				to = append(to, rows[i])
			}
			i++
		}
		return nil
	})
	return to, sqlFault(err)
}

// add puts the hospitals of a span beside those of the spans before.
func (out *ScenarioResult) add(p priced, rows []settle.Row) {
	parts := settle.Parts(rows)
	for i := range parts {
		parts[i].Span = p.From
	}
	out.Parts = append(out.Parts, parts...)
	for _, h := range p.params.Hospitals(rows) {
		out.Unpriced += h.Unpriced
		at := slices.IndexFunc(out.Hospitals, func(o settle.Hospital) bool { return o.Org == h.Org })
		if at < 0 {
			out.Hospitals = append(out.Hospitals, h)
			continue
		}
		o := &out.Hospitals[at]
		o.Add(&h)
		if o.FundDue.IsPositive() {
			o.Ratio = o.Booked.DivRound(o.FundDue, 4) //nolint:mnd // as a ratio is shown
		}
	}
	slices.SortFunc(out.Hospitals, func(a, b settle.Hospital) int { return strings.Compare(a.Org, b.Org) })
}

// folder takes the files of a scenario.
type folder struct {
	w   *WhatIf
	n   int
	out *ScenarioResult
}

func (f folder) put(ctx context.Context, t *schema.Table, month, _, query string) (int64, error) {
	path := filepath.Join(f.w.dir, fmt.Sprintf("%s-%d-%s-%d.parquet", t.Name, f.n, month, len(f.out.Files[t.Name])))
	n, err := f.w.reader.write(ctx, t, query, path)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err)
	}
	f.out.Files[t.Name] = append(f.out.Files[t.Name], lake.DataFile{Path: path, Month: month, Rows: n, Bytes: info.Size()})
	return n, nil
}
