package cases

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// Tables that cases come from, and those that they go to.
const (
	stayTable     = "fact_inp_stay"
	diagTable     = "fact_inp_diag"
	procTable     = "fact_inp_proc"
	orgTable      = "dim_org"
	paidTable     = "fact_settlement"
	groupTable    = "fact_case_group"
	settleTable   = "fact_case_settle"
	decisionTable = "fact_case_decision"
)

// Files lists the files of a table: those of a staging, or of a view.
type Files func(ctx context.Context, table string) ([]lake.DataFile, error)

// reader reads stays with their codes.
type reader struct {
	loader      *duckdb.Loader
	set         *schema.Set
	files       Files
	level       map[string]string // words of parameter files
	insure      map[string]string
	offsite     map[string]string
	now         time.Time // written as _ingested_at
	publication int64     // in the delivery ids of what is written
	levels      orgLevels // read when they are first asked for
}

// table is what stands for a table in a FROM, confined to a month where one is given; without files it is an empty
// relation of the right columns.
func (r *reader) table(ctx context.Context, name, month string) (string, error) {
	return r.tableIn(ctx, name, func(m string) bool { return month == "" || m == month })
}

// tableIn is table, confined to the months that are wanted and to columns, where some are named.
func (r *reader) tableIn(ctx context.Context, name string, wanted func(month string) bool, columns ...string) (string, error) {
	files, err := r.files(ctx, name)
	if err != nil {
		return "", err
	}
	var paths []string
	for _, f := range files {
		if wanted(f.Month) {
			paths = append(paths, f.Path)
		}
	}
	return r.relation(name, paths, columns...)
}

// relation reads files of a table, or some columns of them.
func (r *reader) relation(name string, paths []string, columns ...string) (string, error) {
	t, ok := r.set.Table(name)
	if !ok {
		return "", fault.New(fault.Internal, "no contract %s", name)
	}
	if len(paths) > 0 && len(columns) > 0 {
		return duckdb.ReadColumns(t, paths, columns...), nil
	}
	if len(paths) > 0 {
		return duckdb.ReadFiles(t, paths), nil
	}
	var nulls []string
	for _, c := range t.AllColumns() {
		nulls = append(nulls, fmt.Sprintf("CAST(NULL AS %s) AS %s", c.Type.SQL(), quoteName(c.Name)))
	}
	return "(SELECT " + strings.Join(nulls, ", ") + " WHERE false)", nil
}

// months are those in which a table has rows, in order.
func (r *reader) months(ctx context.Context, table string) ([]string, error) {
	files, err := r.files(ctx, table)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range files {
		if !slices.Contains(out, f.Month) {
			out = append(out, f.Month)
		}
	}
	slices.Sort(out)
	return out, nil
}

// gather makes the view case_in, the stays of a month, and reads the codes of each of its rows. The principal diagnosis
// and operation are those of the stay; pathology, external causes and the diagnosis on admission do not take part in
// grouping (docs/grouping.md). Whose a code is, organisation and stay say together: the number of a stay alone would let
// one hospital's delivery reach into the cases of another.
//
// Codes come as rows, not as lists of a stay: to make a million lists costs DuckDB more than everything that the grouper
// does with them. Nor are the stays copied: case_in is read once to be grouped and once to be written, in the same order,
// as one thread reads files (grouped has the proof of it).
func (r *reader) gather(ctx context.Context, month string, which only) (*stays, error) {
	in := func(m string) bool { return m == month }
	stayFiles, err := r.tableIn(ctx, stayTable, in, stayColumns...)
	if err != nil {
		return nil, err
	}
	diags, err := r.tableIn(ctx, diagTable, in, "org_code", "stay_id", "seq", "diag_type", "diag_code", "admit_cond")
	if err != nil {
		return nil, err
	}
	procs, err := r.tableIn(ctx, procTable, in, "org_code", "stay_id", "seq", "proc_code", "surgeon_id")
	if err != nil {
		return nil, err
	}
	if err := r.readLevels(ctx); err != nil {
		return nil, err
	}
	for _, query := range []string{
		fmt.Sprintf("CREATE OR REPLACE TEMP VIEW case_in AS SELECT %s FROM %s WHERE %s", strings.Join(stayColumns, ", "), stayFiles, which.stays()),
		// The organisation is joined by a hash, which is made once for a run of equal codes: organisations are few and come
		// from a register, stays are many and their numbers are the hospitals' own.
		"CREATE OR REPLACE TEMP TABLE case_key AS SELECT stay_id, hash(org_code) AS org FROM case_in",
	} {
		if err := r.exec(ctx, query); err != nil {
			return nil, err
		}
	}
	n, err := r.counts(ctx, "SELECT 'stays', count(*) FROM case_key")
	if err != nil {
		return nil, err
	}
	s := &stays{reader: r, words: newWords(), rows: int(n["stays"])}
	if s.dx, err = s.lists(ctx, "diag_code", "admit_cond", diags, "c.diag_type = 'OTHER' AND c.seq > 0 AND "+which.children()); err != nil {
		return nil, err
	}
	s.px, err = s.lists(ctx, "proc_code", "surgeon_id", procs, which.children())
	return s, err
}

// stayColumns are those of case_in.
var stayColumns = []string{
	"stay_id", "org_code", "discharge_dept", "attending_id", "person_key", "discharge_date", "discharge_time", "discharge_way", "is_death", "sex_code",
	"age_years", "age_days", "birth_weight_g", "insutype", "insu_region_code", "region_residence", "primary_diag_code", "primary_diag_cond", "main_proc_code",
	"is_day_surgery", "los_days", "total_fee", "drug_fee", "material_fee", "drg_code", "drg_weight", "dip_code", "dip_score",
}

// only confines the stays of a month: to days of discharge [from, to), or to one stay. The zero value takes all.
type only struct{ from, to, org, stay string }

// stays is the condition on fact_inp_stay.
func (o only) stays() string {
	conds := []string{"true"}
	if o.from != "" {
		conds = append(conds, "discharge_date >= DATE "+quote(o.from))
	}
	if o.to != "" {
		conds = append(conds, "discharge_date < DATE "+quote(o.to))
	}
	if o.stay != "" {
		conds = append(conds, "org_code = "+quote(o.org), "stay_id = "+quote(o.stay))
	}
	return strings.Join(conds, " AND ")
}

// children is the condition on their diagnoses and operations, as far as it saves reading: those of one stay.
func (o only) children() string {
	if o.stay == "" {
		return "true"
	}
	return "c.org_code = " + quote(o.org) + " AND c.stay_id = " + quote(o.stay)
}

// stays are the cases of a month: the view case_in and the codes of its rows.
type stays struct {
	reader *reader
	rows   int
	words  words
	dx, px lists
	mixed  bool // the rows do not come in the order of fact_case_group
}

// words numbers the texts of a month, which repeats few of them. Number 0 is the empty text.
type words struct {
	number map[string]int32
	short  [256]int32 // of the texts of one byte, as conditions on admission are
	text   []string
}

func newWords() words { return words{number: map[string]int32{"": 0}, text: []string{""}} }

func (w *words) of(text string) int32 {
	switch len(text) {
	case 0:
		return 0
	case 1:
		if n := w.short[text[0]]; n != 0 {
			return n
		}
	}
	n, ok := w.number[text]
	if !ok {
		text = strings.Clone(text) // what an Arrow batch lends is gone with it
		n = int32(len(w.text))     //nolint:gosec // distinct texts of a month
		w.text, w.number[text] = append(w.text, text), n
		if len(text) == 1 {
			w.short[text[0]] = n
		}
	}
	return n
}

// listed is a code of a row of case_in: its place among the row's codes, and the one thing more that is asked of it, the
// condition on admission of a diagnosis or the surgeon of an operation. Code and more are numbers of words.
type listed struct{ row, seq, code, more int32 }

// lists are the codes of all rows, those of row i at from[i] to from[i+1].
type lists struct {
	from   []int32
	codes  []listed
	astray int64 // codes in the month's files that belong to no stay of the month
}

func (l *lists) of(row int) []listed { return l.codes[l.from[row]:l.from[row+1]] }

// lists reads the codes that a table of children has for the rows of case_in, in the order of their numbers; equal
// numbers in the order of their texts, so that the order of rows in a file decides nothing.
func (s *stays) lists(ctx context.Context, code, more, table, where string) (out lists, err error) {
	var all []listed
	out.from = make([]int32, s.rows+1)
	all = make([]listed, 0, 2*s.rows)
	err = s.reader.loader.Scan(ctx, fmt.Sprintf("SELECT k.rowid, coalesce(c.seq, 2147483647), c.%s, c.%s FROM %s c LEFT JOIN case_key k ON k.stay_id = c.stay_id AND k.org = hash(c.org_code) WHERE %s", code, more, table, where),
		func(b arrow.RecordBatch) error {
			row, seq := b.Column(0).(*array.Int64), b.Column(1).(*array.Int32)       //nolint:forcetypeassert // as selected
			codes, mores := b.Column(2).(*array.String), b.Column(3).(*array.String) //nolint:forcetypeassert // as selected
			for i := range int(b.NumRows()) {
				if row.IsNull(i) {
					out.astray++
					continue
				}
				l := listed{row: int32(row.Value(i)), seq: seq.Value(i), code: s.words.of(text(codes, i)), more: s.words.of(text(mores, i))} //nolint:gosec // a month's stays
				out.from[l.row+1]++
				all = append(all, l)
			}
			return nil
		})
	if err != nil {
		return out, sqlFault(err)
	}
	for i := range s.rows {
		out.from[i+1] += out.from[i]
	}
	// Each code moves up to its place among those of its row.
	out.codes = make([]listed, len(all))
	filled := make([]int32, s.rows)
	for _, l := range all {
		start := out.from[l.row]
		at := start + filled[l.row]
		filled[l.row]++
		for ; at > start && s.after(&out.codes[at-1], &l); at-- {
			out.codes[at] = out.codes[at-1]
		}
		out.codes[at] = l
	}
	return out, nil
}

// after says whether a stands behind b.
func (s *stays) after(a, b *listed) bool {
	if a.seq != b.seq {
		return a.seq > b.seq
	}
	if a.code != b.code {
		return s.words.text[a.code] > s.words.text[b.code]
	}
	return s.words.text[a.more] > s.words.text[b.more]
}

// item is one case on its way to the groupers. Its texts are valid until the next one.
type item struct {
	key        key
	row        int
	drg        drg.Case
	dip        dip.Case
	dx, ops    []int32 // the codes of both cases as numbers of words
	words      *words
	level      string
	insurance  string
	surgeon    int32 // of the first operation that names one, a number of words
	diagnoses  int32 // that count for grouping, the principal one among them
	operations int32
}

// each calls do for every row of case_in, in the order of the rows.
func (s *stays) each(ctx context.Context, do func(*item) error) error {
	it := item{drg: drg.NewCase(), dip: dip.NewCase(), words: &s.words}
	var before key
	err := s.reader.loader.Scan(ctx, `SELECT org_code, discharge_date, stay_id, sex_code, age_years, age_days, birth_weight_g, los_days, TRY_CAST(discharge_way AS INTEGER), discharge_dept,
    is_day_surgery, CAST(total_fee * 100 AS BIGINT), insutype, primary_diag_code, primary_diag_cond, main_proc_code FROM case_in`,
		func(b arrow.RecordBatch) error {
			c, err := columnsOf(b)
			if err != nil {
				return err
			}
			for i := range int(b.NumRows()) {
				if it.row >= s.rows {
					return fault.New(fault.Internal, "cases: more rows came than there are stays: %d", s.rows)
				}
				it.key = key{c.org.Value(i), c.date.Value(i), c.stay.Value(i)}
				s.mixed = s.mixed || before.after(&it.key)
				before = it.key
				c.fill(i, &it)
				s.codes(&it, text(c.principal, i), text(c.condition, i), text(c.operation, i))
				it.level = translated(s.reader.level, s.reader.levels.on(it.key.org, it.key.date))
				it.insurance = translated(s.reader.insure, text(c.insurance, i))
				if err := do(&it); err != nil {
					return err
				}
				it.row++
			}
			before = key{strings.Clone(before.org), before.date, strings.Clone(before.stay)}
			return nil
		})
	if err == nil && it.row != s.rows {
		err = fault.New(fault.Internal, "cases: %d rows came of %d stays", it.row, s.rows)
	}
	return err
}

// key is what fact_case_group is sorted by within a scheme.
type key struct {
	org  string
	date arrow.Date32
	stay string
}

func (k *key) after(o *key) bool {
	if c := strings.Compare(k.org, o.org); c != 0 {
		return c > 0
	}
	if k.date != o.date {
		return k.date > o.date
	}
	return k.stay > o.stay
}

func translated(words map[string]string, code string) string {
	if w, ok := words[code]; ok {
		return w
	}
	return code
}

// codes puts the codes of a row into it, the principal ones first.
func (s *stays) codes(it *item, principal, condition, operation string) {
	it.dx, it.ops = append(it.dx[:0], s.words.of(principal)), it.ops[:0]
	it.drg.PresentOnAd = append(it.drg.PresentOnAd[:0], mark(condition))
	others := s.dx.of(it.row)
	for i := range others {
		it.dx = append(it.dx, others[i].code)
		it.drg.PresentOnAd = append(it.drg.PresentOnAd, mark(s.words.text[others[i].more]))
	}
	main := s.words.of(operation)
	if main != 0 {
		it.ops = append(it.ops, main)
	}
	it.surgeon = 0
	done := s.px.of(it.row)
	skipped := main == 0
	for i := range done {
		if it.surgeon == 0 {
			it.surgeon = done[i].more
		}
		if !skipped && done[i].code == main { // the principal operation stands first already
			skipped = true
			continue
		}
		it.ops = append(it.ops, done[i].code)
	}
	it.diagnoses, it.operations = int32(len(others)), int32(len(done)) //nolint:gosec // codes of one stay
	if principal != "" {
		it.diagnoses++
	}
	if len(done) == 0 && main != 0 {
		it.operations = 1
	}
	d := &it.drg
	d.Dx, d.Ops = s.words.texts(d.Dx[:0], it.dx), s.words.texts(d.Ops[:0], it.ops)
	it.dip.Dx, it.dip.Ops = d.Dx, d.Ops
}

// texts appends the texts of numbers.
func (w *words) texts(to []string, numbers []int32) []string {
	for _, n := range numbers {
		to = append(to, w.text[n])
	}
	return to
}

// caseColumns are the arrays of one batch.
type caseColumns struct {
	fee                                                              *array.Int64
	ageYears, ageDays, weight, los, way                              *array.Int32
	org, stay, sex, dept, insurance, principal, condition, operation *array.String
	date                                                             *array.Date32
	day                                                              *array.Boolean
}

func columnsOf(b arrow.RecordBatch) (c caseColumns, err error) {
	// A column of another type is our own fault: the statement above decides them.
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "cases: a column has another type than asked for")
		}
	}()
	return caseColumns{
		org: b.Column(0).(*array.String), date: b.Column(1).(*array.Date32), stay: b.Column(2).(*array.String), sex: b.Column(3).(*array.String), //nolint:forcetypeassert // recovered
		ageYears: b.Column(4).(*array.Int32), ageDays: b.Column(5).(*array.Int32), weight: b.Column(6).(*array.Int32), los: b.Column(7).(*array.Int32), //nolint:forcetypeassert // recovered
		way: b.Column(8).(*array.Int32), dept: b.Column(9).(*array.String), day: b.Column(10).(*array.Boolean), fee: b.Column(11).(*array.Int64), //nolint:forcetypeassert // recovered
		insurance: b.Column(12).(*array.String), principal: b.Column(13).(*array.String), condition: b.Column(14).(*array.String), operation: b.Column(15).(*array.String), //nolint:forcetypeassert // recovered
	}, nil
}

func text(a *array.String, i int) string {
	if a.IsNull(i) {
		return ""
	}
	return a.Value(i)
}

func number(a *array.Int32, i int) float64 {
	if a.IsNull(i) {
		return drg.Missing
	}
	return float64(a.Value(i))
}

// fill puts what row i has beside its codes into it.
func (c *caseColumns) fill(i int, it *item) {
	d := &it.drg
	d.Sex = 0
	switch text(c.sex, i) {
	case "1":
		d.Sex = 1
	case "2":
		d.Sex = 2
	}
	d.AgeYears, d.AgeDays, d.WeightG = number(c.ageYears, i), number(c.ageDays, i), number(c.weight, i)
	d.LOSDays, d.Discharge, d.Dept = number(c.los, i), number(c.way, i), text(c.dept, i)
	d.DaySurgery = !c.day.IsNull(i) && c.day.Value(i)
	p := &it.dip
	p.Fee = -1
	if !c.fee.IsNull(i) {
		p.Fee = c.fee.Value(i)
	}
	p.HasFacts = true
	p.Facts.AgeYears, p.Facts.AgeDays, p.Facts.LOSDays = d.AgeYears, d.AgeDays, d.LOSDays
}

// mark is a condition on admission, 0 where unknown.
func mark(cond string) byte {
	if cond == "" {
		return 0
	}
	return cond[0]
}

func (r *reader) exec(ctx context.Context, query string) error {
	_, err := r.loader.Conn().ExecContext(ctx, query)
	return sqlFault(err)
}

// sqlFault gives an error of DuckDB a kind; its first line up to a quote never holds a cell's value.
func sqlFault(err error) error {
	if err == nil {
		return nil
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	if strings.Contains(line, "Conversion Error") {
		line, _, _ = strings.Cut(line, "'")
	}
	for _, sign := range []string{"No space left", "Out of Memory", "ould not write", "File too large", "IO Error"} {
		if strings.Contains(err.Error(), sign) {
			return fault.New(fault.Unavailable, "cases: duckdb: %s", line)
		}
	}
	return fault.New(fault.Internal, "cases: duckdb: %s", line)
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
