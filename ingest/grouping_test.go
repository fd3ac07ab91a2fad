package ingest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// ward is a lake of the shipped contracts with stays made for the test, and a plain second account of what must be in it.
type ward struct {
	bench
	dir   string
	stays map[string]*inpatient // as last delivered
}

type inpatient struct {
	id, org, day string
	sex          int
	age          int
	dx, px       []string
}

func newWard(t *testing.T) *ward {
	t.Helper()
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	sources, err := LoadSources(set, Shipped())
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(t.Context(), filepath.Join(t.TempDir(), "lake"), lake.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &ward{bench: bench{l, set, sources}, dir: t.TempDir(), stays: map[string]*inpatient{}}
}

func (w *ward) use(t *testing.T, c *cases.Config) {
	t.Helper()
	if err := c.Write(w.lake.Dir()); err != nil {
		t.Fatal(err)
	}
}

// deliver hands in one organisation's day as three files of contract columns: stays, diagnoses, operations. A name that
// is not given is not delivered, and its rows stay as they were.
func (w *ward) deliver(t *testing.T, org, day string, list []*inpatient, tables ...string) {
	t.Helper()
	text := map[string]*strings.Builder{}
	for _, name := range tables {
		text[name] = &strings.Builder{}
	}
	line := func(table, format string, args ...any) {
		if b := text[table]; b != nil {
			fmt.Fprintf(b, format+"\n", args...)
		}
	}
	line("fact_inp_stay", "stay_id,org_code,person_key,admit_time,discharge_time,discharge_date,los_days,discharge_dept,sex_code,age_years,primary_diag_code,main_proc_code,total_fee,is_death")
	line("fact_inp_diag", "stay_id,seq,org_code,discharge_date,diag_type,diag_code")
	line("fact_inp_proc", "proc_id,stay_id,org_code,discharge_date,seq,proc_code,proc_class")
	for _, s := range list {
		main := ""
		if len(s.px) > 0 {
			main = s.px[0]
		}
		line("fact_inp_stay", "%s,%s,p%s,%s 08:00:00,%[4]s 18:00:00,%[4]s,1,D1,%d,%d,%s,%s,1234.56,false", s.id, org, s.id, day, s.sex, s.age, s.dx[0], main)
		for i, code := range s.dx {
			kind := "OTHER"
			if i == 0 {
				kind = "MAIN"
			}
			line("fact_inp_diag", "%s,%d,%s,%s,%s,%s", s.id, i, org, day, kind, code)
		}
		for i, code := range s.px {
			line("fact_inp_proc", "%s-%d,%s,%s,%s,%d,%s,手术", s.id, i+1, s.id, org, day, i+1, code)
		}
	}
	for _, table := range tables {
		if strings.Count(text[table].String(), "\n") < 2 && table == "fact_inp_proc" {
			continue // nobody was operated on
		}
		file := put(t, filepath.Join(w.dir, org+day, table+".csv"), text[table].String())
		res, err := Run(t.Context(), w.lake, w.set, w.sources, Options{Table: table, Org: org, Date: day, Relaxed: true}, []string{file})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Refused) > 0 || res.Quarantined() > 0 {
			t.Fatalf("%s: refused %v, quarantined %d", table, res.Refused, res.Quarantined())
		}
	}
}

// read is a query over the files of tables at a publication.
func (w *ward) read(t *testing.T, publication int64, query string, tables ...string) []string {
	t.Helper()
	v, err := w.lake.View(t.Context(), publication)
	if err != nil {
		t.Fatal(err)
	}
	var args []any
	for _, name := range tables {
		contract, _ := w.set.Table(name)
		files, err := v.AllFiles(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, f := range files {
			paths = append(paths, f.Path)
		}
		if len(paths) == 0 {
			return nil
		}
		args = append(args, duckdb.ReadFiles(contract, paths))
	}
	loader, err := duckdb.OpenLoader(t.Context(), duckdb.LoaderOptions{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	rows, err := loader.Conn().QueryContext(t.Context(), fmt.Sprintf(query, args...))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

const grouped = "SELECT concat_ws(' ', stay_id, scheme, group_code, severity, status, reason) FROM %s ORDER BY 1"

// plain groups the ward's stays one by one, without a lake.
func (w *ward) plain(t *testing.T, scheme string) []string {
	t.Helper()
	s, err := schemes.Library{}.Open(scheme)
	if err != nil {
		t.Fatal(err)
	}
	g, err := drg.Compile(s, drg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range w.stays {
		c := drg.NewCase()
		c.Sex, c.AgeYears, c.LOSDays, c.Dept, c.Dx, c.Ops = int8(p.sex), float64(p.age), 1, "D1", p.dx, p.px
		r := g.Group(&c)
		parts := []string{p.id, scheme, r.DRG}
		for _, more := range []string{r.Severity.String(), r.Status.String(), r.Reason.String()} {
			if more != "" {
				parts = append(parts, more)
			}
		}
		out = append(out, strings.Join(parts, " "))
	}
	slices.Sort(out)
	return out
}

var (
	someDx = []string{"I63.900", "S72.000", "I10.x00", "J44.900", "N18.900", "A41.900", "E87.600", "Z51.100", "K80.100", "I21.900"}
	somePx = []string{"81.5201", "51.2300", "38.9300x001", "99.9999"}
)

// TestGroupsFollowTheStays: whatever is delivered, in whatever order, again and again, the grouped cases are those of the
// stays that the lake has, and only months that a delivery touches are written anew.
func TestGroupsFollowTheStays(t *testing.T) {
	w := newWard(t)
	w.use(t, &cases.Config{Groupings: []cases.Grouping{{Scheme: "demo_drg"}}})
	rng := rand.New(rand.NewPCG(7, 11))
	days := []string{"2025-03-05", "2025-03-06", "2025-04-02"}
	some := func(list []string, n int) []string {
		var out []string
		for range n {
			out = append(out, list[rng.IntN(len(list))])
		}
		return out
	}
	for range 6 {
		org, day := []string{"HA", "HB"}[rng.IntN(2)], days[rng.IntN(len(days))]
		for id, p := range w.stays {
			if p.org == org && p.day == day {
				delete(w.stays, id)
			}
		}
		var list []*inpatient
		for i := range 1 + rng.IntN(6) {
			p := &inpatient{
				id: fmt.Sprintf("%s%s-%d", org, day, i), org: org, day: day, sex: 1 + rng.IntN(2), age: 1 + rng.IntN(90), dx: some(someDx, 1+rng.IntN(4)), px: some(somePx, rng.IntN(3)),
			}
			slices.Sort(p.px)
			p.px = slices.Compact(p.px)
			list = append(list, p)
			w.stays[p.id] = p
		}
		w.deliver(t, org, day, list, "fact_inp_stay", "fact_inp_diag", "fact_inp_proc")
		if operated := slices.ContainsFunc(list, func(p *inpatient) bool { return len(p.px) > 0 }); !operated {
			// The day's earlier operations are still in the lake: no file said that they are gone. A stay without a main
			// operation keeps those that stand under its number, as a front sheet does.
			for _, p := range list {
				p.px = w.read(t, 0, "SELECT proc_code FROM %s WHERE stay_id = '"+p.id+"' ORDER BY seq", "fact_inp_proc")
			}
		}
		if got, want := w.read(t, 0, grouped, "fact_case_group"), w.plain(t, "demo_drg"); !slices.Equal(got, want) {
			t.Fatalf("after %s %s:\n got %s\nwant %s", org, day, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
	april := w.filesOf(t, "2025-04")
	w.deliver(t, "HA", "2025-03-06", []*inpatient{{id: "last", org: "HA", day: "2025-03-06", sex: 1, age: 50, dx: []string{"I63.900"}}}, "fact_inp_stay")
	if !slices.Equal(april, w.filesOf(t, "2025-04")) || len(april) == 0 {
		t.Error("a delivery of March wrote April's groups anew")
	}
	if report, err := w.lake.Verify(t.Context()); err != nil || len(report.Faults) > 0 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	before := w.read(t, 0, grouped, "fact_case_group")
	if _, p, err := cases.Regroup(t.Context(), w.lake, w.set, cases.Options{}); err != nil || p == 0 {
		t.Fatalf("regroup: publication %d, %v", p, err)
	}
	if after := w.read(t, 0, grouped, "fact_case_group"); !slices.Equal(before, after) {
		t.Error("grouping all anew gave other groups than the nights did")
	}
}

func (w *ward) filesOf(t *testing.T, month string) []string {
	t.Helper()
	v, err := w.lake.View(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	files, err := v.AllFiles(t.Context(), "fact_case_group")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if f.Month == month {
			out = append(out, f.Path)
		}
	}
	return out
}

// TestACaseIsExplainedAsOfItsPublication: a late diagnosis changes the group; the old publication still tells the old
// path, also after the scheme itself was replaced.
func TestACaseIsExplainedAsOfItsPublication(t *testing.T) {
	w := newWard(t)
	mine := filepath.Join(w.lake.Dir(), cases.SchemesFolder, "mine")
	copyScheme(t, mine)
	w.use(t, &cases.Config{Groupings: []cases.Grouping{{Scheme: "mine"}, {Scheme: "demo_drg"}}})
	p := &inpatient{id: "x1", org: "HA", day: "2025-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}
	w.deliver(t, "HA", p.day, []*inpatient{p}, "fact_inp_stay", "fact_inp_diag")
	first, err := w.lake.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	late := *p
	late.dx = []string{"I63.900", "A41.900"}
	w.deliver(t, "HA", p.day, []*inpatient{&late}, "fact_inp_diag")
	explain := func(publication int64, scheme string) *cases.Explanation {
		t.Helper()
		e, err := cases.Explain(t.Context(), w.lake, w.set, cases.ExplainRequest{Stay: "x1", Publication: publication, Scheme: scheme})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	old, now := explain(first.ID, ""), explain(0, "")
	if old.Result.Severity != "NONE" || now.Result.Severity != "MCC" || len(now.DRG) == 0 || now.Scheme != "mine" {
		t.Fatalf("severity was %q, is %q by %s", old.Result.Severity, now.Result.Severity, now.Scheme)
	}
	if other := explain(0, "demo_drg"); other.Result.Group != now.Result.Group || other.SchemeHash == "" {
		t.Errorf("the scheme beside it gives %s, want %s", other.Result.Group, now.Result.Group)
	}
	// The region takes sepsis off its list: the next publication, though it is about something else, groups all anew.
	mcc := filepath.Join(mine, "mcc.csv")
	text, err := os.ReadFile(mcc)
	if err != nil {
		t.Fatal(err)
	}
	put(t, mcc, strings.Replace(string(text), "A41.900,40\n", "", 1))
	w.deliver(t, "HB", "2025-07-01", []*inpatient{{id: "y1", org: "HB", day: "2025-07-01", sex: 2, age: 40, dx: []string{"J44.900"}}}, "fact_inp_stay")
	if e := explain(0, ""); e.Result.Severity == "MCC" || e.SchemeHash == now.SchemeHash {
		t.Errorf("after the list changed the case is still %s", e.Result.Severity)
	}
	if e := explain(now.Publication, ""); e.Result.Severity != "MCC" || e.SchemeHash != now.SchemeHash {
		t.Errorf("the old publication tells %s by %.8s, want MCC by %.8s", e.Result.Severity, e.SchemeHash, now.SchemeHash)
	}
	if _, err := cases.Explain(t.Context(), w.lake, w.set, cases.ExplainRequest{Stay: "nobody"}); err == nil || strings.Contains(err.Error(), "nobody") {
		t.Errorf("an unknown stay: %v; want an error that does not repeat the id", err)
	}
}

// copyScheme writes the shipped scheme as a package of the region's own.
func copyScheme(t *testing.T, to string) {
	t.Helper()
	s, err := schemes.Library{}.Open("demo_drg")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range s.Effective() {
		put(t, filepath.Join(to, name), strings.ReplaceAll(text, `"version": "demo_drg"`, `"version": "mine"`))
	}
}

const settled = "SELECT concat_ws(' ', stay_id, params, tier, standard, case_standard, fund_due, fund_booked, profit_formula) FROM %s ORDER BY 1"

// pay delivers the insurance's settlement of a stay.
func (w *ward) pay(t *testing.T, day, org, stay string) {
	t.Helper()
	w.settle(t, day, org, stay, "false", "")
}

// refund takes it back.
func (w *ward) refund(t *testing.T, day, org, stay string) {
	t.Helper()
	w.settle(t, day, org, stay, "true", "-")
}

func (w *ward) settle(t *testing.T, day, org, stay, refund, sign string) {
	t.Helper()
	text := "setl_id,mdtrt_id,person_key,org_code,stay_id,setl_time,setl_date,med_type,insutype,insu_region_code,mdtrt_region_code,cross_type,is_direct,pay_mode,is_refund,medfee_sumamt,fulamt_ownpay_amt,overlmt_selfpay,preselfpay_amt,inscp_scp_amt,hifp_pay,fund_pay_sumamt,psn_part_amt,acct_pay,psn_cash_pay\n" +
		fmt.Sprintf("s%s,m,p1,%s,%s,%[1]s 10:00:00,%[1]s,21,310,990101,990101,LOC,true,DRG,%[4]s,%[5]s12000.00,%[5]s100.00,0,%[5]s200.00,%[5]s11700.00,%[5]s8000.00,%[5]s8500.00,%[5]s3500.00,0,%[5]s3500.00\n", day, org, stay, refund, sign)
	file := put(t, filepath.Join(w.dir, "pay"+day, "fact_settlement.csv"), text)
	res, err := Run(t.Context(), w.lake, w.set, w.sources, Options{Table: "fact_settlement", Org: "BUREAU", Date: day, Relaxed: true}, []string{file})
	if err != nil || res.Quarantined() > 0 || len(res.Refused) > 0 {
		t.Fatalf("settlements: %+v, %v", res, err)
	}
}

// TestSettlementFollowsGroupsAndPayments: cases are settled when the insurance's own settlement arrives, netted when it
// is refunded, and anew when a diagnosis changes the group; a what-if touches nothing.
func TestSettlementFollowsGroupsAndPayments(t *testing.T) {
	w := newWard(t)
	params := put(t, filepath.Join(w.dir, "p.yaml"), `id: t
scheme: drg
rates: [{value: 10000}]
high: {multiple: 3, method: excess}
low: {multiple: 0.3, method: actual}
ungrouped: {method: item}
fund_formula: {formula: B, negative: zero}
`)
	weights := put(t, filepath.Join(w.dir, "w.csv"), "group,rw\nBR21,2\nBR23,1.5\nBR25,1\n")
	c := &cases.Config{
		Groupings:   []cases.Grouping{{Scheme: "demo_drg", Weights: weights}},
		Settlements: []cases.Settlement{{ID: "y2025", Scheme: "demo_drg", Params: params, From: "2025-01-01", To: "2026-01-01"}},
	}
	w.use(t, c)
	p := &inpatient{id: "x1", org: "HA", day: "2025-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}
	w.deliver(t, "HA", p.day, []*inpatient{p}, "fact_inp_stay", "fact_inp_diag")
	group := strings.Fields(w.read(t, 0, grouped, "fact_case_group")[0])[2]
	if !strings.HasPrefix(group, "BR2") {
		t.Fatalf("the case went to %s, the payment table of this test is about BR2", group)
	}
	if got := w.read(t, 0, settled, "fact_case_settle"); len(got) != 0 {
		t.Fatalf("settled without a settlement: %v", got)
	}
	w.pay(t, "2025-03-20", "HA", "x1")
	want := map[string]string{"BR25": "10000.00 10000.00 6000.00 8000.00 -2000.00", "BR23": "15000.00 15000.00 11000.00 8000.00 3000.00", "BR21": "20000.00 20000.00 16000.00 8000.00 8000.00"}
	if got := w.read(t, 0, settled, "fact_case_settle"); !slices.Equal(got, []string{"x1 y2025 normal " + want[group]}) {
		t.Fatalf("settled %v, want %s", got, want[group])
	}
	before := w.read(t, 0, grouped, "fact_case_group")
	whatIf(t, w, params, weights)
	if after := w.read(t, 0, grouped, "fact_case_group"); !slices.Equal(before, after) {
		t.Error("a what-if changed the lake")
	}
	worse := *p
	worse.dx = []string{"I63.900", "A41.900"}
	w.deliver(t, "HA", p.day, []*inpatient{&worse}, "fact_inp_diag")
	now := strings.Fields(w.read(t, 0, grouped, "fact_case_group")[0])[2]
	if got := w.read(t, 0, settled, "fact_case_settle"); now == group || !slices.Equal(got, []string{"x1 y2025 normal " + want[now]}) {
		t.Fatalf("the case is in %s now and settled as %v, want %s", now, got, want[now])
	}
	w.refund(t, "2025-04-11", "HA", "x1")
	if got := w.read(t, 0, settled, "fact_case_settle"); len(got) != 0 {
		t.Errorf("refunded, and still settled: %v", got)
	}
	if report, err := w.lake.Verify(t.Context()); err != nil || len(report.Faults) > 0 {
		t.Errorf("verify: %+v, %v", report, err)
	}
}

// TestACaseIsItsOrganisationAndItsStay: a hospital that delivers a stay, a diagnosis or a settlement under the number of
// another's stay changes nothing of it, takes none of its money and reads nothing of its patient.
func TestACaseIsItsOrganisationAndItsStay(t *testing.T) {
	w := newWard(t)
	params := put(t, filepath.Join(w.dir, "p.yaml"), "id: t\nscheme: drg\nrates: [{value: 10000}]\nungrouped: {method: item}\nfund_formula: {formula: B, negative: zero}\n")
	weights := put(t, filepath.Join(w.dir, "w.csv"), "group,rw\nBR21,2\nBR23,1.5\nBR25,1\n")
	w.use(t, &cases.Config{
		Groupings:   []cases.Grouping{{Scheme: "demo_drg", Weights: weights}},
		Settlements: []cases.Settlement{{ID: "y2025", Scheme: "demo_drg", Params: params, From: "2025-01-01", To: "2026-01-01"}},
	})
	w.deliver(t, "HA", "2025-03-05", []*inpatient{{id: "x1", org: "HA", day: "2025-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}}, "fact_inp_stay", "fact_inp_diag")
	// Half a year later, as the settlement of a stay may come.
	w.pay(t, "2025-09-20", "HA", "x1")
	own := func(table, query string) []string {
		return w.read(t, 0, query+" WHERE org_code = 'HA' ORDER BY 1", table)
	}
	groups, money := strings.TrimSuffix(grouped, " ORDER BY 1"), strings.TrimSuffix(settled, " ORDER BY 1")
	group, paid := own("fact_case_group", groups), own("fact_case_settle", money)
	if len(group) != 1 || len(paid) != 1 || !strings.Contains(group[0], "BR25") {
		t.Fatalf("grouped %q, settled %q; want one of each, in BR25", group, paid)
	}
	w.deliver(t, "HB", "2025-03-28", []*inpatient{{id: "x1", org: "HB", day: "2025-03-28", sex: 2, age: 33, dx: []string{"J44.900", "A41.900"}}}, "fact_inp_stay", "fact_inp_diag")
	if got := own("fact_case_group", groups); !slices.Equal(got, group) {
		t.Errorf("grouped %q, was %q", got, group)
	}
	if got := own("fact_case_settle", money); !slices.Equal(got, paid) {
		t.Errorf("settled %q, was %q", got, paid)
	}
	if got := w.read(t, 0, settled, "fact_case_settle"); len(got) != 1 {
		t.Errorf("settled %q in all, want the one that was paid", got)
	}
	for org, sex := range map[string]int8{"HA": 1, "HB": 2} {
		e, err := cases.Explain(t.Context(), w.lake, w.set, cases.ExplainRequest{Stay: "x1", Org: org})
		if err != nil {
			t.Fatal(err)
		}
		if e.Org != org || e.Case.Sex != sex || len(e.Case.Dx) != int(sex) || (len(e.Settled) > 0) != (org == "HA") {
			t.Errorf("%s was told of a case of %s, sex %d, with %d diagnoses and %d settlements", org, e.Org, e.Case.Sex, len(e.Case.Dx), len(e.Settled))
		}
	}
	if _, err := cases.Explain(t.Context(), w.lake, w.set, cases.ExplainRequest{Stay: "x1"}); err == nil || !strings.Contains(err.Error(), "--org") {
		t.Errorf("a number of two stays: %v, want a question whose it is", err)
	}
}

// TestWhatTheBureauDecidesOfACaseIsFollowed: an approved special case is paid by item and a stay that is paid by the day
// by its days, from the publication that brings the decision; a refused application changes nothing.
func TestWhatTheBureauDecidesOfACaseIsFollowed(t *testing.T) {
	w := newWard(t)
	params := put(t, filepath.Join(w.dir, "p.yaml"), `id: t
scheme: drg
rates: [{value: 10000}]
special_case: {drg: 1, method: item}
bedday: [{kind: psychiatry, value: 300, tiers: [{points: 1}]}]
ungrouped: {method: item}
fund_formula: {formula: B, negative: zero}
`)
	weights := put(t, filepath.Join(w.dir, "w.csv"), "group,rw\nBR21,2\nBR23,1.5\nBR25,1\n")
	w.use(t, &cases.Config{
		Groupings:   []cases.Grouping{{Scheme: "demo_drg", Weights: weights}},
		Settlements: []cases.Settlement{{ID: "y2025", Scheme: "demo_drg", Params: params, From: "2025-01-01", To: "2026-01-01"}},
	})
	w.deliver(t, "HA", "2025-03-05", []*inpatient{{id: "x1", org: "HA", day: "2025-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}}, "fact_inp_stay", "fact_inp_diag")
	w.pay(t, "2025-03-20", "HA", "x1")
	decide := func(day, org, decision, approved, kind string) {
		t.Helper()
		text := "stay_id,org_code,discharge_date,decision,is_approved,bed_day_kind,decided_date\n" + fmt.Sprintf("x1,%s,2025-03-05,%s,%s,%s,%s\n", org, decision, approved, kind, day)
		file := put(t, filepath.Join(w.dir, "decided"+day+org, "fact_case_decision.csv"), text)
		res, err := Run(t.Context(), w.lake, w.set, w.sources, Options{Table: "fact_case_decision", Org: "BUREAU", Date: day, Relaxed: true}, []string{file})
		if err != nil || res.Quarantined() > 0 || len(res.Refused) > 0 {
			t.Fatalf("decisions: %+v, %v", res, err)
		}
	}
	const query = "SELECT concat_ws(' ', tier, case_standard, method) FROM %s"
	is := func(when, want string) {
		t.Helper()
		if got := w.read(t, 0, query, "fact_case_settle"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: settled %q, want %q", when, got, want)
		}
	}
	is("before", "normal 10000.00 standard")
	decide("2025-04-01", "HA", "SPECIAL", "false", "")
	is("refused", "normal 10000.00 standard")
	decide("2025-04-02", "HB", "SPECIAL", "true", "")
	is("another hospital's of that number", "normal 10000.00 standard")
	decide("2025-04-01", "HA", "SPECIAL", "true", "") // the delivery again, corrected
	is("approved", "special 12000.00 item:special_case")
	decide("2025-04-01", "HA", "SPECIAL", "false", "")
	is("withdrawn", "normal 10000.00 standard")
	decide("2025-04-03", "HA", "BEDDAY", "true", "psychiatry")
	is("paid by the day", "bed_day 300.00 bed_day")
	if got := w.read(t, 0, "SELECT coalesce(weight::VARCHAR, 'none') FROM %s", "fact_case_settle"); !slices.Equal(got, []string{"none"}) {
		t.Errorf("a stay paid by the day has weight %q, want none", got)
	}
}

// TestWhatAWeightRestsOnIsFollowed: a hospital that gets another level gets its level's weights, in the publication that
// says so; a diagnosis that belongs to no stay of its month is told of.
func TestWhatAWeightRestsOnIsFollowed(t *testing.T) {
	w := newWard(t)
	weights := put(t, filepath.Join(w.dir, "w.csv"), "group,level,rw\nBR25,3,1\nBR25,2,0.8\n")
	w.use(t, &cases.Config{Groupings: []cases.Grouping{{Scheme: "demo_drg", Weights: weights}}})
	level := func(day, level string) *Result {
		file := put(t, filepath.Join(w.dir, "org"+day, "dim_org.csv"), "org_code,org_name,org_level,region_code,valid_from\nHA,A,"+level+",990101,2020-01-01\n")
		res, err := Run(t.Context(), w.lake, w.set, w.sources, Options{Table: "dim_org", Org: "COMMISSION", Date: day, Relaxed: true}, []string{file})
		if err != nil || res.Quarantined() > 0 || len(res.Refused) > 0 {
			t.Fatalf("organisations: %+v, %v", res, err)
		}
		return res
	}
	level("2025-01-01", "3")
	w.deliver(t, "HA", "2025-03-05", []*inpatient{{id: "x1", org: "HA", day: "2025-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}}, "fact_inp_stay", "fact_inp_diag")
	weight := func() string {
		return strings.Join(w.read(t, 0, "SELECT weight::VARCHAR FROM %s", "fact_case_group"), " ")
	}
	if got := weight(); got != "1.0000" {
		t.Fatalf("weight %s at level 3, want 1.0000", got)
	}
	level("2025-01-01", "2")
	if got := weight(); got != "0.8000" {
		t.Errorf("weight %s at level 2, want 0.8000", got)
	}
	stray := put(t, filepath.Join(w.dir, "stray", "fact_inp_diag.csv"), "stay_id,seq,org_code,discharge_date,diag_type,diag_code\nx1,3,HA,2025-02-05,OTHER,A41.900\n")
	res, err := Run(t.Context(), w.lake, w.set, w.sources, Options{Table: "fact_inp_diag", Org: "HA", Date: "2025-02-05", Relaxed: true}, []string{stray})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(res.Warnings, "; "); !strings.Contains(got, "grouping of 2025-02: 1 diagnoses and 0 operations") {
		t.Errorf("warnings %q, want one of the diagnosis of another month", got)
	}
}

// whatIf doubles the rate beside the lake.
func whatIf(t *testing.T, w *ward, params, weights string) {
	t.Helper()
	text, err := os.ReadFile(params)
	if err != nil {
		t.Fatal(err)
	}
	double := put(t, filepath.Join(w.dir, "double.yaml"), strings.Replace(string(text), "10000", "20000", 1))
	x, err := cases.OpenWhatIf(t.Context(), w.lake, w.set, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(x.Dir()); err == nil {
			t.Error("the what-if left its files behind")
		}
	}()
	run := func(s cases.Scenario) *cases.ScenarioResult {
		t.Helper()
		r, err := x.Run(context.Background(), s, "2025-01-01", "2026-01-01")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := run(cases.Scenario{Params: params}), run(cases.Scenario{Params: double, Weights: weights})
	if got, want := b.Hospitals[0].Standard, a.Hospitals[0].Standard.Add(a.Hospitals[0].Standard); !got.Equal(want) || a.Moved != 0 || a.Settled != 1 {
		t.Errorf("at twice the rate the standard is %s, want %s (moved %d, settled %d)", got, want, a.Moved, a.Settled)
	}
	c := run(cases.Scenario{Params: params, Mix: []cases.Mix{{Org: "HA", Group: a.Hospitals[0].Org, Cases: 0}, {Org: "HB", Group: "BR25", Cases: 0}}})
	if c.Hospitals[0].Cases != 1 || len(c.Spans) != 1 {
		t.Errorf("a mix that names other groups changed the cases to %d", c.Hospitals[0].Cases)
	}
}

// TestABadGroupingFileStopsTheNightBeforeItIsRead: what a publication must derive is checked first, with file and line.
func TestABadGroupingFileStopsTheNightBeforeItIsRead(t *testing.T) {
	w := newWard(t)
	file := put(t, filepath.Join(w.dir, "fact_inp_stay.csv"), "stay_id,org_code,discharge_date\ns1,HA,2025-03-05\n")
	for text, want := range map[string]string{
		"groupings:\n  - scheme: demo_drg\n    weight: x.csv\n":                                      cases.ConfigFile + ":3:",
		"groupings:\n  - scheme: nobodys\n":                                                          "nobodys",
		"groupings:\n  - scheme: demo_drg\n    from: 2025-13-01\n":                                   "no day",
		"groupings:\n  - scheme: demo_drg\n    weights: missing.csv\n":                               "payment table",
		"settlements:\n  - {id: a, scheme: demo_drg, params: p, from: 2025-01-01, to: 2026-01-01}\n": "not among the groupings",
	} {
		put(t, filepath.Join(w.lake.Dir(), cases.ConfigFile), text)
		_, err := Run(t.Context(), w.lake, w.set, w.sources, Options{Table: "fact_inp_stay", Org: "HA", Date: "2025-03-05", Relaxed: true}, []string{file})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
	if head, err := w.lake.Head(t.Context()); err != nil || head.ID != 0 {
		t.Errorf("head is %d (%v), want none", head.ID, err)
	}
	if _, err := os.Stat(filepath.Join(w.lake.Landing(), "raw")); err == nil {
		t.Error("the night was read all the same")
	}
}
