package serve

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/words"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/http"
	"github.com/sanyi-lake/sanyi/queries"
)

// Tables of cases.
const (
	groupTable  = "fact_case_group"
	settleTable = "fact_case_settle"
)

// Told is a case that was grouped once more, and where it was: the book holds that against what the lake keeps of it.
type Told struct {
	words.Case
	Stay, Org string
}

// Teller groups one case of a publication once more and tells the way it goes. It asks nobody's permission: the Cases
// that call it have looked whether the case is within the caller's Scope. A case is its organisation and its stay.
type Teller func(ctx context.Context, org, stay, scheme string, publication int64) (*Told, error)

// Cases shows single cases of a lake. It is safe for concurrent use.
type Cases struct {
	of   *Lake
	tell Teller
	name func(code string) string
}

var _ http.CaseBook = (*Cases)(nil)

// NewCases puts the cases of a lake behind the door; tell explains one of them.
func NewCases(of *Lake, tell Teller) *Cases {
	name := func(code string) string {
		for _, list := range []string{"ICD10", "ICD9CM3"} {
			if found := of.codeName(list, code); found != "" {
				return found
			}
		}
		return ""
	}
	return &Cases{of: of, tell: tell, name: name}
}

// List finds the cases of a period within the Scope.
func (c *Cases) List(ctx context.Context, req api.CaseListRequest, scope queries.Scope) (*api.CaseList, error) {
	period, err := queries.ParsePeriod(req.Period)
	if err != nil {
		return nil, err
	}
	s := statement{}
	confined, uses, err := c.of.catalog.Confine(groupTable, "grouped", scope, s.bind)
	if err != nil {
		return nil, err
	}
	where := []string{
		confined,
		"grouped.discharge_date >= CAST(" + s.bind(period.From.Format(time.DateOnly)) + " AS DATE)",
		"grouped.discharge_date < CAST(" + s.bind(period.To.Format(time.DateOnly)) + " AS DATE)",
	}
	pick := func(table, column, value string) string {
		if value == "" {
			return table + ".is_current"
		}
		return table + "." + column + " = " + s.bind(value)
	}
	where = append(where, pick("grouped", "scheme", req.Scheme))
	for _, f := range []struct {
		column string
		values []string
	}{
		{"grouped.org_code", req.Orgs},
		{"grouped.discharge_dept", req.Depts},
		{"grouped.group_code", req.Groups},
		{"grouped.mdc", req.MDCs},
		{"grouped.status", req.Statuses},
		{"grouped.reason", req.Reasons},
		{"settled.tier", req.Tiers},
	} {
		if len(f.values) > 0 {
			where = append(where, f.column+" IN ("+s.list(f.values)+")")
		}
	}
	if req.Agrees != nil {
		where = append(where, "grouped.agrees = "+strings.ToUpper(strconv.FormatBool(*req.Agrees)))
	}
	s.text = fmt.Sprintf(caseList, pick("settled", "params", req.Params), strings.Join(where, "\n    AND "), caseOrder[req.Order], req.Limit+1)
	s.uses = []engine.Use{
		{Table: groupTable, From: period.From, To: period.To}, {Table: settleTable, From: period.From, To: period.To}, {Table: "dim_org"}, {Table: "dim_dept"},
	}
	for _, t := range uses {
		if !slices.ContainsFunc(s.uses, func(u engine.Use) bool { return u.Table == t }) {
			s.uses = append(s.uses, engine.Use{Table: t})
		}
	}
	out := &api.CaseList{Rows: []api.CaseRow{}}
	if out.Publication, err = c.run(ctx, s, req.AsOf, func(r record) error {
		row := caseOf(r)
		if row.DeptName == nil && row.DischargeDept != nil {
			if name := c.of.codeName(departments, *row.DischargeDept); name != "" {
				row.DeptName = &name
			}
		}
		out.Settled = out.Settled || row.Standard != nil
		out.Rows = append(out.Rows, row)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	if len(out.Rows) > req.Limit {
		out.Rows, out.More = out.Rows[:req.Limit], true
	}
	return out, nil
}

// caseList finds cases; what it leaves open is: which parameter set, which cases, in what order, and how many. A stay is
// settled by the group that a scheme gave it, so both are joined by stay and scheme.
const caseList = `WITH
-- what departments are called at their hospital, by their code there and by the standard one
dept AS (
    SELECT org_code, code, min(dept_name) AS dept_name
    FROM (
        SELECT org_code, dept_code AS code, dept_name FROM dim_dept
        UNION
        SELECT org_code, std_dept_code AS code, dept_name FROM dim_dept
    ) AS named
    GROUP BY org_code, code
    HAVING count(DISTINCT dept_name) = 1
),
-- the newest name of each hospital
org AS (
    SELECT org_code, max_by(org_name, coalesce(valid_from, DATE '0001-01-01')) AS org_name
    FROM dim_org
    GROUP BY org_code
)
SELECT
    grouped.stay_id,
    grouped.org_code,
    org.org_name,
    grouped.discharge_date,
    grouped.discharge_dept,
    dept.dept_name,
    grouped.primary_diag_code AS main_diag,
    grouped.main_proc_code AS main_proc,
    grouped.group_code,
    grouped.group_name,
    grouped.mdc,
    grouped.severity,
    grouped.status,
    grouped.reason,
    CAST(grouped.weight AS DOUBLE) AS weight,
    CAST(grouped.los_days AS DOUBLE) AS los_days,
    CAST(grouped.total_fee AS DOUBLE) AS total_fee,
    CAST(settled.standard AS DOUBLE) AS standard,
    settled.tier,
    CAST(settled.profit_formula AS DOUBLE) AS profit_formula,
    grouped.official_code,
    grouped.agrees,
    grouped.scheme
FROM fact_case_group AS grouped
LEFT JOIN fact_case_settle AS settled
    ON settled.org_code = grouped.org_code
    AND settled.stay_id = grouped.stay_id
    AND settled.scheme = grouped.scheme
    AND settled.scheme_hash = grouped.scheme_hash
    AND %s
LEFT JOIN org ON org.org_code = grouped.org_code
LEFT JOIN dept ON dept.org_code = grouped.org_code AND dept.code = grouped.discharge_dept
WHERE
    %s
ORDER BY %s
LIMIT %d`

// caseOrder is ORDER BY of each order; the stay id breaks ties.
var caseOrder = map[string]string{
	api.ByDischarge: "grouped.discharge_date DESC, grouped.stay_id",
	api.ByCost:      "grouped.total_fee DESC NULLS LAST, grouped.stay_id",
	api.ByLoss:      "settled.profit_formula ASC NULLS LAST, grouped.stay_id",
}

func caseOf(r record) api.CaseRow {
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	row := api.CaseRow{
		StayID: text(r.text("stay_id")), OrgCode: text(r.text("org_code")), OrgName: r.text("org_name"), DischargeDept: r.text("discharge_dept"), DeptName: r.text("dept_name"),
		MainDiag: r.text("main_diag"), MainProc: r.text("main_proc"), GroupCode: text(r.text("group_code")), GroupName: r.text("group_name"), MDC: r.text("mdc"),
		Severity: r.text("severity"), Status: text(r.text("status")), Reason: r.text("reason"), Weight: r.number("weight"), LOSDays: r.number("los_days"),
		TotalFee: r.number("total_fee"), Standard: r.number("standard"), Tier: r.text("tier"), Profit: r.number("profit_formula"), OfficialCode: r.text("official_code"),
		Agrees: r.flag("agrees"), Scheme: text(r.text("scheme")),
	}
	if day, ok := r.cell("discharge_date").(*array.Date32); ok && day.IsValid(r.at) {
		row.DischargeDate = day.Value(r.at).ToTime()
	}
	return row
}

// Explain tells why a case was grouped as it was. A case outside the Scope is not found, as one that does not exist.
func (c *Cases) Explain(ctx context.Context, req api.CaseRequest, scope queries.Scope) (*api.CaseExplanation, error) {
	missing := fault.New(fault.NotFound, "case: no grouped case of that stay id in this token's scope")
	s := statement{}
	confined, uses, err := c.of.catalog.Confine(groupTable, "grouped", scope, s.bind)
	if err != nil {
		return nil, err
	}
	chosen := "grouped.is_current"
	if req.Scheme != "" {
		chosen = "grouped.scheme = " + s.bind(req.Scheme)
	}
	if len(req.Orgs) > 0 {
		var orgs []string
		for _, org := range req.Orgs {
			orgs = append(orgs, s.bind(org))
		}
		chosen += " AND grouped.org_code IN (" + strings.Join(orgs, ", ") + ")"
	}
	s.text = fmt.Sprintf(`SELECT
    grouped.org_code,
    grouped.scheme
FROM fact_case_group AS grouped
WHERE
    %s
    AND grouped.stay_id = %s
    AND %s
ORDER BY grouped.discharge_date DESC, grouped.org_code
LIMIT 1`, confined, s.bind(req.StayID), chosen)
	s.uses = []engine.Use{{Table: groupTable}}
	for _, t := range uses {
		s.uses = append(s.uses, engine.Use{Table: t})
	}
	var org, scheme string
	publication, err := c.run(ctx, s, req.AsOf, func(r record) error {
		if p := r.text("org_code"); p != nil {
			org = *p
		}
		if p := r.text("scheme"); p != nil {
			scheme = *p
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("case: %w", err)
	}
	if org == "" {
		return nil, missing
	}
	told, err := c.tell(ctx, org, req.StayID, scheme, publication)
	if err != nil {
		return nil, fmt.Errorf("case: %w", err)
	}
	if told.Org != org || told.Stay != req.StayID { // never tell of another case than the one that was looked up
		return nil, missing
	}
	return Explained(told, publication, req.Language, c.name), nil
}

// Explained writes a case that was told as it travels.
func Explained(told *Told, publication int64, language string, name func(code string) string) *api.CaseExplanation {
	l := lang.ZH
	if language == "en" {
		l = lang.EN
	} else {
		language = "zh"
	}
	out := &api.CaseExplanation{Publication: publication, StayID: told.Stay, Scheme: told.Scheme, SchemeHash: told.SchemeHash, Kind: strings.ToUpper(told.Kind), Language: language}
	for _, r := range told.Rows(l, words.Options{Name: name}) {
		out.Rows = append(out.Rows, api.ExplanationRow(r))
	}
	return out
}

// statement is SQL in the making, with its bound values.
type statement struct {
	text string
	args []any
	uses []engine.Use
}

func (s *statement) bind(v any) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

func (s *statement) list(values []string) string {
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = s.bind(v)
	}
	return strings.Join(places, ", ")
}

func (c *Cases) run(ctx context.Context, s statement, publication int64, each func(record) error) (int64, error) {
	result, err := c.of.engine.Run(ctx, engine.Statement{SQL: s.text, Args: s.args, Uses: s.uses, Publication: publication, MaxRows: api.MaxCases + 1})
	if err != nil {
		return 0, err
	}
	for _, batch := range result.Batches {
		for i := range int(batch.NumRows()) {
			if err == nil {
				err = each(record{batch, i})
			}
		}
		batch.Release()
	}
	return result.Publication, err
}

// record is one row of a batch.
type record struct {
	batch arrow.RecordBatch
	at    int
}

func (r record) cell(name string) arrow.Array {
	if at := r.batch.Schema().FieldIndices(name); len(at) == 1 {
		return r.batch.Column(at[0])
	}
	return nil
}

func (r record) text(name string) *string {
	if a, ok := r.cell(name).(*array.String); ok && a.IsValid(r.at) {
		v := strings.Clone(a.Value(r.at))
		return &v
	}
	return nil
}

func (r record) number(name string) *float64 {
	if a, ok := r.cell(name).(*array.Float64); ok && a.IsValid(r.at) {
		v := a.Value(r.at)
		return &v
	}
	return nil
}

func (r record) flag(name string) *bool {
	if a, ok := r.cell(name).(*array.Boolean); ok && a.IsValid(r.at) {
		v := a.Value(r.at)
		return &v
	}
	return nil
}
