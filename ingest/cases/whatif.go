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

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// Scenario is one way to group and to price the stays of a lake. What is empty is as the lake's grouping.yaml says.
type Scenario struct {
	Scheme  string // id of a scheme, or a folder
	Weights string // payment table
	Params  string // parameter file; without one nothing is priced
	Mix     []Mix  // another number of cases for some groups of some hospitals
}

// Mix says how many cases of a group a hospital shall have.
type Mix struct {
	Org   string
	Group string
	Cases int64
}

// WhatIf is a lake whose figures are not touched: scenarios are grouped and settled beside it, in a folder that goes
// away with Close.
type WhatIf struct {
	lake   *lake.Lake
	config *Config
	view   *lake.View
	dir    string
	reader reader
	n      int
}

// OpenWhatIf looks at a publication (0 = the newest).
func OpenWhatIf(ctx context.Context, l *lake.Lake, set *schema.Set, publication int64) (*WhatIf, error) {
	v, err := l.View(ctx, publication)
	if err != nil {
		return nil, err
	}
	config, err := ReadConfig(l.Dir())
	if err != nil {
		return nil, err
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
	return &WhatIf{lake: l, config: config, view: v, dir: dir, reader: reader{
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
	Moved      int64             `json:"moved"`   // cases whose group is another than the lake's own
	Settled    int64             `json:"settled"` // cases that were priced
	Hospitals  []settle.Hospital `json:"hospitals,omitempty"`

	// Files are the tables of the scenario, in the place of those of the publication.
	Files map[string][]lake.DataFile `json:"-"`
}

// Run groups and settles the stays discharged in [from, to) (empty = all there are).
func (w *WhatIf) Run(ctx context.Context, s Scenario, from, to string) (*ScenarioResult, error) {
	if err := span(from, to); err != nil {
		return nil, fault.Wrap(fault.Usage, err)
	}
	m, err := w.method(s)
	if err != nil {
		return nil, err
	}
	w.n++
	out := &ScenarioResult{Scheme: m.Scheme, SchemeHash: m.Hash, Files: map[string][]lake.DataFile{}}
	into := folder{w: w, n: w.n, out: out}
	if err := w.group(ctx, m, from, to, into); err != nil {
		return nil, err
	}
	if out.Moved, err = w.moved(ctx, out, from, to); err != nil {
		return nil, err
	}
	if s.Params == "" {
		return out, nil
	}
	weights := s.Weights
	if weights == "" {
		weights = m.Weights
	}
	p, err := readPricing(Settlement{ID: fmt.Sprintf("what_if_%d", w.n), Scheme: m.Scheme, From: orDay(from, "0001-01-01"), To: orDay(to, "9999-12-31")}, within(w.lake.Dir(), s.Params), weights, w.lake.Dir())
	if err != nil {
		return nil, err
	}
	r := w.reader
	r.files = func(ctx context.Context, table string) ([]lake.DataFile, error) {
		if table == groupTable {
			return out.Files[groupTable], nil
		}
		return w.view.AllFiles(ctx, table)
	}
	rows, err := r.settled(ctx, p, m)
	if err != nil {
		return nil, err
	}
	out.ParamsHash = p.params.Hash()
	if out.Settled, err = r.writeSettled(ctx, p, m, "true", into); err != nil {
		return nil, err
	}
	if rows, err = mixed(rows, s.Mix); err != nil {
		return nil, err
	}
	out.Hospitals = p.params.Hospitals(rows)
	return out, nil
}

func orDay(day, otherwise string) string {
	if day == "" {
		return otherwise
	}
	return day
}

// method compiles the scenario's scheme, with the options that the lake has for it.
func (w *WhatIf) method(s Scenario) (*Method, error) {
	g := Grouping{Scheme: s.Scheme}
	if s.Scheme == "" {
		if len(w.config.Groupings) == 0 {
			return nil, fault.New(fault.Usage, "the lake has no %s: name a scheme", ConfigFile)
		}
		g = w.config.Groupings[0]
	} else if at := w.config.find(s.Scheme); at >= 0 {
		g = w.config.Groupings[at]
	}
	if s.Weights != "" {
		g.Weights = s.Weights
	}
	if info, err := os.Stat(g.Scheme); err == nil && info.IsDir() {
		path := filepath.Clean(g.Scheme)
		parent := filepath.Dir(path)
		found, err := append(Library(w.lake.Dir()), schemes.Place{FS: os.DirFS(parent), Name: parent}).Read(os.DirFS(path), path)
		if err != nil {
			return nil, err
		}
		g.Scheme = found.ID
		return NewMethod(found, g, w.lake.Dir())
	}
	found, err := Library(w.lake.Dir()).Open(g.Scheme)
	if err != nil {
		return nil, err
	}
	return NewMethod(found, g, w.lake.Dir())
}

// group writes the scenario's fact_case_group, month by month.
func (w *WhatIf) group(ctx context.Context, m *Method, from, to string, into folder) error {
	t, ok := w.reader.set.Table(groupTable)
	if !ok {
		return fault.New(fault.Internal, "no contract %s", groupTable)
	}
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
			into.out.Cases++
			r.group(it)
			return nil
		})
		if err != nil {
			return err
		}
		into.out.Grouped += r.grouped
		if err := r.hand(ctx, w.reader.loader); err != nil {
			return err
		}
		if _, err := into.put(ctx, t, month, "", stays.grouped(r, "true", lineage(t, batchOf("cases", month, w.reader.publication), w.reader.now))); err != nil {
			return err
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
	n, err := w.reader.counts(ctx, fmt.Sprintf("SELECT 'moved', count(*) FROM %s a JOIN %s b ON b.stay_id = a.stay_id WHERE a.is_current AND %s AND a.group_code <> b.group_code",
		own, duckdb.ReadFiles(t, paths), strings.ReplaceAll((&Grouping{From: from, To: to}).days(), "discharge_date", "a.discharge_date")))
	return n["moved"], err
}

// folder takes the files of a scenario.
type folder struct {
	w   *WhatIf
	n   int
	out *ScenarioResult
}

func (f folder) put(ctx context.Context, t *schema.Table, month, _, query string) (int64, error) {
	path := filepath.Join(f.w.dir, fmt.Sprintf("%s-%d-%s.parquet", t.Name, f.n, month))
	n, err := f.w.reader.loader.CopyParquet(ctx, t, query, path, duckdb.CopyOptions{})
	if err != nil {
		return 0, sqlFault(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err)
	}
	f.out.Files[t.Name] = append(f.out.Files[t.Name], lake.DataFile{Path: path, Month: month, Rows: n, Bytes: info.Size()})
	return n, nil
}

// mixed gives hospitals another number of cases in some groups: the group's cases there are counted as many times as it
// takes, or fewer; a group that the hospital does not have yet costs what it does in the region.
func mixed(rows []settle.Row, mix []Mix) ([]settle.Row, error) {
	if len(mix) == 0 {
		return rows, nil
	}
	type place struct{ org, group string }
	own, region := map[place][]int{}, map[string][]int{}
	for i := range rows {
		own[place{rows[i].Org, rows[i].Group}] = append(own[place{rows[i].Org, rows[i].Group}], i)
		region[rows[i].Group] = append(region[rows[i].Group], i)
	}
	drop := map[int]bool{}
	var more []settle.Row
	for _, m := range mix {
		have := own[place{m.Org, m.Group}]
		from := have
		if len(from) == 0 {
			from = region[m.Group]
		}
		if len(from) == 0 && m.Cases > 0 {
			return nil, fault.New(fault.Invalid, "mix: hospital %s: group %s has no case in the region to take the cost and price from", m.Org, m.Group)
		}
		for _, i := range have {
			drop[i] = true
		}
		for k := range m.Cases {
			// The cases in turn: their mean is kept as nearly as whole cases can, and each stays a case with its own tier.
			r := rows[from[int(k)%len(from)]]
			r.Org = m.Org
			more = append(more, r)
		}
	}
	out := make([]settle.Row, 0, len(rows)+len(more))
	for i := range rows {
		if !drop[i] {
			out = append(out, rows[i])
		}
	}
	return append(out, more...), nil
}

// ReadMix reads a CSV with the columns org_code, group_code, cases.
func ReadMix(path string) ([]Mix, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, err)
	}
	rows, err := csvRows(text, path, []string{"org_code", "group_code", "cases"})
	if err != nil {
		return nil, err
	}
	out := make([]Mix, 0, len(rows))
	for i, r := range rows {
		n, err := decimal.NewFromString(r[2])
		if err != nil || !n.IsInteger() || n.IsNegative() {
			return nil, fault.New(fault.Invalid, "%s:%d: column cases: a whole number is wanted", path, i+2)
		}
		if slices.ContainsFunc(out, func(m Mix) bool { return m.Org == r[0] && m.Group == r[1] }) {
			return nil, fault.New(fault.Invalid, "%s:%d: hospital and group are there twice", path, i+2)
		}
		out = append(out, Mix{Org: r[0], Group: r[1], Cases: n.IntPart()})
	}
	return out, nil
}
