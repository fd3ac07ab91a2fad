package servetest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/words"
	"github.com/sanyi-lake/sanyi/internal/serve"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	servehttp "github.com/sanyi-lake/sanyi/internal/serve/http"
	"github.com/sanyi-lake/sanyi/queries"
)

// Cases is a book of a few cases of two hospitals, grouped by the shipped scheme demo_drg. It keeps them in memory and
// filters them in plain Go.
type Cases struct {
	groups *drg.Grouper
	scheme *schemes.Scheme
}

var _ servehttp.CaseBook = Cases{}

// stay is a case of the region; standard is 0 where it was not settled.
type stay struct {
	id, org, region, dept, deptName, day string
	sex                                  int8
	age, los                             float64
	dx, ops                              []string
	fee, weight, standard                float64
	official                             string
}

var stays = []stay{
	{"S-1001", "H0001", "340102", "03.03", "神经内科", "2021-06-03", 1, 60, 8, []string{"I63.900", "J96.000", "I61.900"}, []string{"38.9301"}, 23980.5, 1.62, 16200, "BR21"},
	{"S-1002", "H0001", "340102", "03.03", "神经内科", "2021-06-04", 2, 71, 6, []string{"I63.900"}, nil, 7420, 0.81, 8100, "BR25"},
	{"S-1003", "H0001", "340102", "06", "妇科", "2021-06-05", 2, 47, 7, []string{"D25.900"}, []string{"68.4100"}, 15230.75, 1.35, 13500, "NA19"},
	{"S-1004", "H0001", "340102", "06", "妇科", "2021-06-07", 1, 47, 3, []string{"D25.900"}, nil, 3100, 0, 0, ""},
	{"S-1005", "H0001", "340102", "10", "眼科", "2021-06-08", 1, 68, 2, []string{"H25.900"}, nil, 41200, 0.55, 5500, "CR19"},
	{"S-2001", "H0002", "340202", "03.03", "神经内科", "2021-06-06", 2, 66, 9, []string{"I63.900"}, nil, 9120, 0.81, 8100, "BR23"},
}

// NewCases compiles the scheme.
func NewCases() (Cases, error) {
	s, err := schemes.Library(nil).Open("demo_drg")
	if err != nil {
		return Cases{}, err
	}
	g, err := drg.Compile(s, drg.Options{})
	return Cases{groups: g, scheme: s}, err
}

// grouped is a stay with its group.
func (c Cases) grouped(s stay) (drg.Result, []drg.Step) {
	in := drg.NewCase()
	in.Sex, in.AgeYears, in.LOSDays, in.Dx, in.Ops = s.sex, s.age, s.los, s.dx, s.ops
	r, steps := c.groups.Explain(&in)
	return r, slices.Clone(steps)
}

// List filters and sorts the cases.
func (c Cases) List(_ context.Context, req api.CaseListRequest, scope queries.Scope) (*api.CaseList, error) {
	period, err := queries.ParsePeriod(req.Period)
	if err != nil {
		return nil, err
	}
	takes := func(list []string, v *string) bool { return len(list) == 0 || v != nil && slices.Contains(list, *v) }
	out := &api.CaseList{Publication: 42, Rows: []api.CaseRow{}}
	for _, s := range stays {
		row := c.row(s)
		if !scope.Covers(s.org, s.region) || row.DischargeDate.Before(period.From) || !row.DischargeDate.Before(period.To) ||
			!takes(req.Orgs, &row.OrgCode) || !takes(req.Depts, row.DischargeDept) || !takes(req.Groups, &row.GroupCode) || !takes(req.MDCs, row.MDC) ||
			!takes(req.Statuses, &row.Status) || !takes(req.Reasons, row.Reason) || !takes(req.Tiers, row.Tier) ||
			req.Agrees != nil && (row.Agrees == nil || *row.Agrees != *req.Agrees) {
			continue
		}
		out.Settled = out.Settled || row.Standard != nil
		out.Rows = append(out.Rows, row)
	}
	slices.SortStableFunc(out.Rows, func(a, b api.CaseRow) int {
		by := b.DischargeDate.Compare(a.DischargeDate)
		switch req.Order {
		case api.ByCost:
			by = cmp.Compare(*b.TotalFee, *a.TotalFee)
		case api.ByLoss:
			by = cmp.Compare(orMore(a.Profit), orMore(b.Profit))
		}
		return cmp.Or(by, strings.Compare(a.StayID, b.StayID))
	})
	if len(out.Rows) > req.Limit {
		out.Rows, out.More = out.Rows[:req.Limit], true
	}
	return out, nil
}

// orMore puts what was not settled behind all that was.
func orMore(p *float64) float64 {
	if p == nil {
		return 1e12
	}
	return *p
}

func (c Cases) row(s stay) api.CaseRow {
	r, _ := c.grouped(s)
	day, _ := time.Parse(time.DateOnly, s.day)
	org := orgNames[s.org]
	text := func(v string) *string {
		if v == "" {
			return nil
		}
		return &v
	}
	row := api.CaseRow{
		StayID: s.id, OrgCode: s.org, OrgName: &org, DischargeDate: day, DischargeDept: &s.dept, DeptName: &s.deptName, MainDiag: &s.dx[0], GroupCode: r.DRG, GroupName: text(r.Name),
		MDC: text(r.MDC), Severity: text(r.Severity.String()), Status: r.Status.String(), Reason: text(r.Reason.String()), LOSDays: &s.los, TotalFee: &s.fee,
		OfficialCode: text(s.official), Scheme: c.scheme.ID,
	}
	if len(s.ops) > 0 {
		row.MainProc = &s.ops[0]
	}
	if s.official != "" {
		agrees := s.official == r.DRG
		row.Agrees = &agrees
	}
	if s.standard > 0 {
		profit, tier := s.standard-s.fee, tierOf(s)
		row.Weight, row.Standard, row.Profit, row.Tier = &s.weight, &s.standard, &profit, &tier
	}
	return row
}

func tierOf(s stay) string {
	switch {
	case s.fee > 3*s.standard:
		return "high"
	case s.fee < 0.3*s.standard:
		return "low"
	}
	return "normal"
}

// Explain groups the case again and tells the way.
func (c Cases) Explain(_ context.Context, req api.CaseRequest, scope queries.Scope) (*api.CaseExplanation, error) {
	at := slices.IndexFunc(stays, func(s stay) bool {
		return s.id == req.StayID && (len(req.Orgs) == 0 || slices.Contains(req.Orgs, s.org)) && scope.Covers(s.org, s.region)
	})
	if at < 0 {
		return nil, fault.New(fault.NotFound, "case: no grouped case of that stay id in this token's scope")
	}
	s := stays[at]
	r, steps := c.grouped(s)
	row := c.row(s)
	told := &serve.Told{Stay: s.id, Org: s.org, Case: words.Case{
		Scheme: c.scheme.ID, SchemeHash: c.scheme.Hash, Kind: "drg", Sex: s.sex, AgeYears: &s.age, LOSDays: &s.los, Dx: s.dx, Ops: s.ops, TotalFee: yuan(s.fee),
		MDC: r.MDC, ADRG: r.ADRG, Group: r.DRG, Name: r.Name, Severity: r.Severity.String(), Status: r.Status.String(), Reason: r.Reason.String(), Official: s.official, DRG: steps,
	}}
	if row.Standard != nil {
		told.Weight = yuan(s.weight)
		told.Settled = []words.Settlement{{
			Params: "demo", Tier: *row.Tier, Method: "standard", Weight: yuan(s.weight), Rate: "10000.00", Standard: yuan(s.standard), CaseStandard: yuan(s.standard),
			FundDue: yuan(s.standard * 0.7), Profit: yuan(*row.Profit),
		}}
	}
	return serve.Explained(told, 42, req.Language, nil), nil
}

func yuan(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// WriteCases writes the region's cases as NDJSON of a table: dim_org, fact_inp_stay, fact_inp_diag or fact_inp_proc. A
// real lake that is loaded with them and groups by demo_drg tells the same of each case.
func WriteCases(w io.Writer, table string) error {
	out := bufio.NewWriter(w)
	write := json.NewEncoder(out).Encode
	var err error
	add := func(row map[string]any) {
		if err == nil {
			err = write(row)
		}
	}
	seen := map[string]bool{}
	for _, s := range stays {
		at := s.day + " 10:00:00"
		switch table {
		case "dim_org":
			if !seen[s.org] {
				seen[s.org] = true
				add(map[string]any{"org_code": s.org, "org_name": orgNames[s.org], "org_kind": "HOSP", "org_level": "3", "ownership": "PUB", "region_code": s.region, "is_primary": false, "is_connected": true, "is_insu_online": true, "is_instant_setl": true, "valid_from": "2020-01-01"})
			}
		case "fact_inp_stay":
			row := map[string]any{
				"stay_id": s.id, "org_code": s.org, "person_key": "p" + s.id, "admit_time": "2021-05-25 08:00:00", "discharge_time": at, "discharge_date": s.day, "los_days": s.los,
				"admit_dept": s.dept, "discharge_dept": s.dept, "admit_route": "2", "discharge_way": "1", "sex_code": strconv.Itoa(int(s.sex)), "age_years": s.age,
				"primary_diag_code": s.dx[0], "total_fee": yuan(s.fee), "drg_code": s.official,
			}
			if len(s.ops) > 0 {
				row["main_proc_code"] = s.ops[0]
			}
			add(row)
		case "fact_inp_diag":
			for i, code := range s.dx {
				kind := "OTHER"
				if i == 0 {
					kind = "MAIN"
				}
				add(map[string]any{"stay_id": s.id, "seq": i, "org_code": s.org, "discharge_date": s.day, "diag_type": kind, "diag_code": code, "admit_cond": "1"})
			}
		case "fact_inp_proc":
			for i, code := range s.ops {
				add(map[string]any{"proc_id": s.id + "-" + strconv.Itoa(i), "stay_id": s.id, "org_code": s.org, "discharge_date": s.day, "seq": i + 1, "proc_code": code, "proc_class": "SURG", "proc_time": "2021-06-01 09:00:00"})
			}
		default:
			return fault.New(fault.Usage, "the test region has no rows of %s", table)
		}
	}
	return errors.Join(err, out.Flush())
}

var orgNames = map[string]string{"H0001": "第一人民医院", "H0002": "第二人民医院"}

// Group is the group of one of the cases, and why it has none.
func (c Cases) Group(id string) (group, reason string) {
	for _, s := range stays {
		if s.id == id {
			r, _ := c.grouped(s)
			return r.DRG, r.Reason.String()
		}
	}
	return "", ""
}
