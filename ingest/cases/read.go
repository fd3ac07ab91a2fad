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
	stayTable   = "fact_inp_stay"
	diagTable   = "fact_inp_diag"
	procTable   = "fact_inp_proc"
	orgTable    = "dim_org"
	paidTable   = "fact_settlement"
	groupTable  = "fact_case_group"
	settleTable = "fact_case_settle"
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
}

// table is what stands for a table in a FROM, confined to a month where one is given; without files it is an empty
// relation of the right columns.
func (r *reader) table(ctx context.Context, name, month string) (string, error) {
	t, ok := r.set.Table(name)
	if !ok {
		return "", fault.New(fault.Internal, "no contract %s", name)
	}
	files, err := r.files(ctx, name)
	if err != nil {
		return "", err
	}
	var paths []string
	for _, f := range files {
		if month == "" || f.Month == month {
			paths = append(paths, f.Path)
		}
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

// gather makes the temp table case_in: the stays of a month, each with its diagnoses and operations as lists. The
// principal diagnosis and operation are those of the stay; pathology, external causes and the diagnosis on admission do
// not take part in grouping (docs/grouping.md). where confines the stays further; "" takes all.
func (r *reader) gather(ctx context.Context, month, where string) error {
	stays, err := r.table(ctx, stayTable, month)
	if err != nil {
		return err
	}
	diags, err := r.table(ctx, diagTable, month)
	if err != nil {
		return err
	}
	procs, err := r.table(ctx, procTable, month)
	if err != nil {
		return err
	}
	orgs, err := r.table(ctx, orgTable, "")
	if err != nil {
		return err
	}
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return fault.New(fault.Internal, "month %q: %w", month, err)
	}
	if where == "" {
		where = "true"
	}
	query := fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE case_in AS
WITH stay AS (SELECT * FROM %s WHERE %s),
dx AS (
    SELECT stay_id, list({'seq': seq, 'code': diag_code, 'cond': admit_cond}) AS dx
    FROM %s WHERE diag_type = 'OTHER' AND seq > 0 %s GROUP BY stay_id
),
px AS (
    SELECT stay_id, list({'seq': seq, 'code': proc_code}) AS px, arg_min(surgeon_id, seq) AS surgeon
    FROM %s WHERE %s GROUP BY stay_id
),
org AS (
    SELECT org_code, arg_max(org_level, valid_from) AS org_level FROM %s
    WHERE valid_from < DATE '%s' AND (valid_to IS NULL OR valid_to > DATE '%s') GROUP BY org_code
)
SELECT stay.stay_id, stay.org_code, discharge_dept, attending_id, surgeon, person_key, discharge_date, discharge_time, discharge_way, is_death, sex_code,
    age_years, age_days, birth_weight_g, insutype, insu_region_code, region_residence, primary_diag_code, primary_diag_cond, main_proc_code,
    is_day_surgery, los_days, total_fee, drug_fee, material_fee, drg_code, drg_weight, dip_code, dip_score,
    coalesce(tcm_fee, 0) + coalesce(tcm_patent_fee, 0) + coalesce(tcm_herb_fee, 0) AS tcm_all, org.org_level, dx.dx, px.px,
    coalesce(len(dx.dx), 0) + (primary_diag_code IS NOT NULL)::INTEGER AS diag_cnt, coalesce(len(px.px), (main_proc_code IS NOT NULL)::INTEGER) AS proc_cnt
FROM stay LEFT JOIN dx ON dx.stay_id = stay.stay_id LEFT JOIN px ON px.stay_id = stay.stay_id LEFT JOIN org ON org.org_code = stay.org_code`,
		stays, where, diags, childOf(where), procs, "true "+childOf(where), orgs, first.AddDate(0, 1, 0).Format(time.DateOnly), first.Format(time.DateOnly))
	return r.exec(ctx, query)
}

// childOf repeats a condition on the stay for its children, where they can be confined by the same column.
func childOf(where string) string {
	if strings.HasPrefix(where, "stay_id = ") {
		return "AND " + where
	}
	return ""
}

// item is one case on its way to the groupers. Its texts are valid until the next one.
type item struct {
	row       int64
	drg       drg.Case
	dip       dip.Case
	level     string
	insurance string
}

// each calls do for every row of case_in.
func (r *reader) each(ctx context.Context, do func(*item) error) error {
	it := item{drg: drg.NewCase(), dip: dip.NewCase()}
	var order []int
	return r.loader.Scan(ctx, `SELECT rowid, sex_code, age_years, age_days, birth_weight_g, los_days, TRY_CAST(discharge_way AS INTEGER), discharge_dept, is_day_surgery,
    CAST(total_fee * 100 AS BIGINT), org_level, insutype, primary_diag_code, primary_diag_cond, main_proc_code, dx, px FROM case_in`,
		func(b arrow.RecordBatch) error {
			c, err := columnsOf(b)
			if err != nil {
				return err
			}
			for i := range int(b.NumRows()) {
				order = c.fill(i, &it, order)
				it.level = translated(r.level, text(c.level, i))
				it.insurance = translated(r.insure, text(c.insurance, i))
				if err := do(&it); err != nil {
					return err
				}
			}
			return nil
		})
}

func translated(words map[string]string, code string) string {
	if w, ok := words[code]; ok {
		return w
	}
	return code
}

// caseColumns are the arrays of one batch.
type caseColumns struct {
	row, fee                                                     *array.Int64
	ageYears, ageDays, weight, los, way                          *array.Int32
	sex, dept, level, insurance, principal, condition, operation *array.String
	day                                                          *array.Boolean
	dx, px                                                       *codeList
}

// codeList is a list of numbered codes.
type codeList struct {
	list *array.List
	seq  *array.Int32
	code *array.String
	cond *array.String
}

func columnsOf(b arrow.RecordBatch) (c caseColumns, err error) {
	// A column of another type is our own fault: the statement above decides them.
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "cases: a column has another type than asked for")
		}
	}()
	lists := func(i int) *codeList {
		l := b.Column(i).(*array.List)                                                              //nolint:forcetypeassert // recovered
		s := l.ListValues().(*array.Struct)                                                         //nolint:forcetypeassert // recovered
		out := &codeList{list: l, seq: s.Field(0).(*array.Int32), code: s.Field(1).(*array.String)} //nolint:forcetypeassert // recovered
		if s.NumField() > 2 {
			out.cond = s.Field(2).(*array.String) //nolint:forcetypeassert // recovered
		}
		return out
	}
	return caseColumns{
		row: b.Column(0).(*array.Int64), sex: b.Column(1).(*array.String), ageYears: b.Column(2).(*array.Int32), ageDays: b.Column(3).(*array.Int32), //nolint:forcetypeassert // recovered
		weight: b.Column(4).(*array.Int32), los: b.Column(5).(*array.Int32), way: b.Column(6).(*array.Int32), dept: b.Column(7).(*array.String), //nolint:forcetypeassert // recovered
		day: b.Column(8).(*array.Boolean), fee: b.Column(9).(*array.Int64), level: b.Column(10).(*array.String), insurance: b.Column(11).(*array.String), //nolint:forcetypeassert // recovered
		principal: b.Column(12).(*array.String), condition: b.Column(13).(*array.String), operation: b.Column(14).(*array.String), //nolint:forcetypeassert // recovered
		dx: lists(15), px: lists(16),
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

// fill puts row i into it; order is a buffer for sorting.
func (c *caseColumns) fill(i int, it *item, order []int) []int {
	it.row = c.row.Value(i)
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
	d.Dx, d.PresentOnAd, d.Ops = append(d.Dx[:0], text(c.principal, i)), append(d.PresentOnAd[:0], mark(text(c.condition, i))), d.Ops[:0]
	order = c.dx.sorted(i, order)
	for _, at := range order {
		d.Dx = append(d.Dx, text(c.dx.code, at))
		d.PresentOnAd = append(d.PresentOnAd, mark(text(c.dx.cond, at)))
	}
	main := text(c.operation, i)
	if main != "" {
		d.Ops = append(d.Ops, main)
	}
	order = c.px.sorted(i, order)
	skipped := main == ""
	for _, at := range order {
		code := text(c.px.code, at)
		if !skipped && code == main { // the principal operation stands first already
			skipped = true
			continue
		}
		d.Ops = append(d.Ops, code)
	}
	p := &it.dip
	p.Dx, p.Ops, p.Fee = d.Dx, d.Ops, -1
	if !c.fee.IsNull(i) {
		p.Fee = c.fee.Value(i)
	}
	p.HasFacts = true
	p.Facts.AgeYears, p.Facts.AgeDays, p.Facts.LOSDays = d.AgeYears, d.AgeDays, d.LOSDays
	return order
}

// mark is a condition on admission, 0 where unknown.
func mark(cond string) byte {
	if cond == "" {
		return 0
	}
	return cond[0]
}

// sorted are the places of a row's codes in the order of their numbers; equal numbers in the order of their codes, so
// that the order of rows in a file decides nothing.
func (l *codeList) sorted(i int, order []int) []int {
	order = order[:0]
	if l.list.IsNull(i) {
		return order
	}
	from, to := l.list.ValueOffsets(i)
	for at := int(from); at < int(to); at++ {
		j := len(order)
		order = append(order, at)
		for ; j > 0 && l.after(order[j-1], at); j-- {
			order[j] = order[j-1]
		}
		order[j] = at
	}
	return order
}

func (l *codeList) after(a, b int) bool {
	x, y := l.seq.Value(a), l.seq.Value(b)
	return x > y || x == y && text(l.code, a) > text(l.code, b)
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
