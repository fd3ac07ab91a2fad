package cases

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// ExplainRequest names one case.
type ExplainRequest struct {
	Stay        string
	Org         string // "" = whichever organisation has a stay of that number; where several have, it must be told
	Scheme      string // "" = the one that figures mean: the first grouping whose days hold
	Publication int64  // as of which publication; 0 = the newest
}

// Explanation is how one case came to its group. It holds what is needed to follow the decision, and no person.
type Explanation struct {
	Stay        string     `json:"stay_id"`
	Org         string     `json:"org_code"`
	Discharge   string     `json:"discharge_date"`
	Publication int64      `json:"publication"`
	Scheme      string     `json:"scheme"`
	SchemeHash  string     `json:"scheme_hash"`
	Kind        string     `json:"kind"` // drg or dip
	Case        Inputs     `json:"case"`
	Result      Outcome    `json:"result"`
	DRG         []drg.Step `json:"drg_trace,omitempty"`
	DIP         []dip.Step `json:"dip_trace,omitempty"`
	// Names are what the scheme calls the groups that the trace names.
	Names map[string]string `json:"names,omitempty"`
	// Official is the result that came with the front sheet, "" without one.
	Official string `json:"official_code,omitempty"`
	// Settled are the lines of the settlements that priced the case, one a parameter set.
	Settled []SettledLine `json:"settled,omitempty"`
}

// Inputs is what the case was grouped by: principal codes first.
type Inputs struct {
	Sex          int8     `json:"sex,omitempty"`
	AgeYears     *float64 `json:"age_years,omitempty"`
	AgeDays      *float64 `json:"age_days,omitempty"`
	BirthWeightG *float64 `json:"birth_weight_g,omitempty"`
	LOSDays      *float64 `json:"los_days,omitempty"`
	DischargeWay *float64 `json:"discharge_way,omitempty"`
	Dx           []string `json:"dx"`
	Ops          []string `json:"ops"`
	TotalFee     string   `json:"total_fee,omitempty"` // yuan
}

// Outcome is the group.
type Outcome struct {
	MDC      string `json:"mdc,omitempty"`
	ADRG     string `json:"adrg,omitempty"`
	Group    string `json:"group_code"`
	Name     string `json:"group_name,omitempty"`
	Severity string `json:"severity,omitempty"`
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"`
	Weight   string `json:"weight,omitempty"`
}

// SettledLine is a row of fact_case_settle.
type SettledLine struct {
	Params       string `json:"params"`
	ParamsHash   string `json:"params_hash"`
	Tier         string `json:"tier"`
	Method       string `json:"method"`
	Weight       string `json:"weight,omitempty"`
	Rate         string `json:"rate,omitempty"`
	Coefficient  string `json:"coefficient,omitempty"`
	Standard     string `json:"standard"`
	CaseStandard string `json:"case_standard"`
	Personal     string `json:"personal,omitempty"`
	FundDue      string `json:"fund_due"`
	Profit       string `json:"profit_formula"`
}

// Explainer explains cases of a lake. It keeps the methods that it compiled; safe for concurrent use.
type Explainer struct {
	lake *lake.Lake
	set  *schema.Set

	mu      sync.Mutex
	methods map[string]*Method // by the hash of what a publication stored
}

// NewExplainer makes one.
func NewExplainer(l *lake.Lake, set *schema.Set) *Explainer {
	return &Explainer{lake: l, set: set, methods: map[string]*Method{}}
}

// Explain explains one case, once: see Explainer.
func Explain(ctx context.Context, l *lake.Lake, set *schema.Set, req ExplainRequest) (*Explanation, error) {
	return NewExplainer(l, set).Explain(ctx, req)
}

// Explain groups one case of a publication again, by the tables and words that the publication stored, and tells the
// path. The caller has to know that whoever asks may see the case.
func (e *Explainer) Explain(ctx context.Context, req ExplainRequest) (out *Explanation, err error) {
	l := e.lake
	v, err := l.View(ctx, req.Publication)
	if err != nil {
		return nil, err
	}
	work, err := l.Work()
	if err != nil {
		return nil, err
	}
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: work})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	r := reader{loader: loader, set: e.set, files: v.AllFiles}
	out = &Explanation{Stay: req.Stay, Publication: v.Publication().ID}
	if err := r.place(ctx, req, out); err != nil {
		return nil, err
	}
	was, err := storedAt(ctx, l, out.Publication)
	if err != nil {
		return nil, err
	}
	m, err := e.method(was, out.Scheme, out.SchemeHash)
	if err != nil {
		return nil, err
	}
	r.level, r.insure = was.config.Levels, was.config.Insurance
	out.Kind = m.Kind
	stays, err := r.gather(ctx, out.Discharge[:7], only{org: out.Org, stay: req.Stay})
	if err != nil {
		return nil, err
	}
	found := false
	err = stays.each(ctx, func(it *item) error {
		if !found {
			found = true
			out.explain(m, it)
		}
		return nil
	})
	if err == nil && !found {
		err = fault.New(fault.Internal, "table %s: the case is grouped, and its stay is not in %s", groupTable, stayTable)
	}
	if err != nil {
		return nil, err
	}
	return out, r.settledLines(ctx, out)
}

// place finds the case's row in fact_case_group.
func (r *reader) place(ctx context.Context, req ExplainRequest, out *Explanation) error {
	table, err := r.table(ctx, groupTable, "")
	if err != nil {
		return err
	}
	cond, args := "is_current", []any{req.Stay, req.Org}
	if req.Scheme != "" {
		cond, args = "scheme = $3", append(args, req.Scheme)
	}
	rows, err := r.loader.Conn().QueryContext(ctx, fmt.Sprintf(
		"SELECT org_code, discharge_date, scheme, scheme_hash, coalesce(official_code, '') FROM %s WHERE stay_id = $1 AND ($2 = '' OR org_code = $2) AND %s ORDER BY discharge_date DESC", table, cond), args...)
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	found := 0
	for rows.Next() {
		var day time.Time
		var org, scheme, hash, official string
		if err := rows.Scan(&org, &day, &scheme, &hash, &official); err != nil {
			return err
		}
		if found++; found == 1 {
			out.Org, out.Discharge, out.Scheme, out.SchemeHash, out.Official = org, day.Format(time.DateOnly), scheme, hash, official
		} else if org != out.Org {
			return fault.New(fault.Usage, "several organisations have a stay of that number: say whose it is (--org CODE)")
		}
	}
	if err := rows.Err(); err != nil {
		return sqlFault(err)
	}
	if found == 0 {
		return fault.New(fault.NotFound, "no grouped case of that stay id in publication %d (sanyi scheme use says which schemes group the lake's stays)", out.Publication)
	}
	return nil
}

// maxMethods is how many compiled schemes an Explainer keeps: CHS-DRG 1.1 takes about 20 MB.
const maxMethods = 8

// method is the method by which a publication grouped.
func (e *Explainer) method(was *stored, scheme, hash string) (*Method, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text, ok := was.groupings[scheme]
	if !ok || was.config == nil {
		return nil, fault.New(fault.NotFound, "scheme %s: publication %d did not store its tables", scheme, was.publication)
	}
	key := digest(text)
	if m := e.methods[key]; m != nil {
		return m, nil
	}
	m, err := methodOf(text)
	if err != nil {
		return nil, err
	}
	if m.Hash != hash {
		return nil, fault.New(fault.NotFound, "scheme %s: the tables that publication %d stored are not those of this case", scheme, was.publication)
	}
	if len(e.methods) >= maxMethods {
		clear(e.methods)
	}
	e.methods[key] = m
	return m, nil
}

// explain fills in what a method makes of a case.
func (out *Explanation) explain(m *Method, it *item) {
	d := &it.drg
	out.Case = Inputs{
		Sex: d.Sex, AgeYears: known(d.AgeYears), AgeDays: known(d.AgeDays), BirthWeightG: known(d.WeightG), LOSDays: known(d.LOSDays), DischargeWay: known(d.Discharge),
		Dx: cloned(d.Dx), Ops: cloned(d.Ops),
	}
	if it.dip.Fee >= 0 {
		out.Case.TotalFee = fmt.Sprintf("%d.%02d", it.dip.Fee/100, it.dip.Fee%100)
	}
	r := newResults(m)
	r.group(it)
	o := r.list[0]
	out.Result = Outcome{MDC: o.mdc, ADRG: o.adrg, Group: o.group, Name: o.name, Severity: o.severity, Status: o.status, Reason: o.reason, Weight: o.weight}
	if m.DRG != nil {
		out.Names = map[string]string{}
		_, steps := m.DRG.Explain(d)
		for _, s := range steps {
			s.Subject, s.Codes = string([]byte(s.Subject)), cloned(s.Codes)
			out.DRG = append(out.DRG, s)
			if name := m.DRG.Name(s.Subject); name != "" {
				out.Names[s.Subject] = name
			}
		}
		return
	}
	_, steps := m.DIP.Explain(&it.dip)
	for _, s := range steps {
		s.Subject, s.Codes = string([]byte(s.Subject)), cloned(s.Codes)
		out.DIP = append(out.DIP, s)
	}
}

// settledLines adds what the settlements made of the case.
func (r *reader) settledLines(ctx context.Context, out *Explanation) error {
	table, err := r.table(ctx, settleTable, out.Discharge[:7])
	if err != nil {
		return err
	}
	rows, err := r.loader.Conn().QueryContext(ctx, fmt.Sprintf(`SELECT params, params_hash, tier, coalesce(method, ''), coalesce(weight::VARCHAR, ''), coalesce(rate::VARCHAR, ''),
    coalesce(coefficient::VARCHAR, ''), standard::VARCHAR, case_standard::VARCHAR, coalesce(personal::VARCHAR, ''), fund_due::VARCHAR, coalesce(profit_formula::VARCHAR, '')
FROM %s WHERE stay_id = $1 AND scheme = $2 AND org_code = $3 ORDER BY params`, table), out.Stay, out.Scheme, out.Org)
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s SettledLine
		if err := rows.Scan(&s.Params, &s.ParamsHash, &s.Tier, &s.Method, &s.Weight, &s.Rate, &s.Coefficient, &s.Standard, &s.CaseStandard, &s.Personal, &s.FundDue, &s.Profit); err != nil {
			return err
		}
		out.Settled = append(out.Settled, s)
	}
	return sqlFault(rows.Err())
}

// known is a number, nil where missing.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// cloned copies texts that point into a batch of DuckDB.
func cloned(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		if s != "" {
			out = append(out, string([]byte(s)))
		}
	}
	return out
}
