package ingest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/ingest/cases"
)

// TestAWhatIfKeepsTheSchemeOfEachDay: a lake that changed its scheme is settled by the groups that were in force; weights
// alone are nobody's then.
func TestAWhatIfKeepsTheSchemeOfEachDay(t *testing.T) {
	w := newWard(t)
	copyScheme(t, filepath.Join(w.lake.Dir(), cases.SchemesFolder, "mine"))
	w.use(t, &cases.Config{Groupings: []cases.Grouping{{Scheme: "demo_drg", To: "2025-07-01"}, {Scheme: "mine", From: "2025-07-01"}}})
	old := &inpatient{id: "a", org: "HA", day: "2024-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}
	spring := &inpatient{id: "b", org: "HA", day: "2025-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}
	autumn := &inpatient{id: "c", org: "HB", day: "2025-10-05", sex: 1, age: 60, dx: []string{"I63.900"}}
	for _, s := range []*inpatient{old, spring, autumn} {
		w.deliver(t, s.org, s.day, []*inpatient{s}, "fact_inp_stay")
	}
	for _, s := range []*inpatient{old, spring, autumn} {
		w.pay(t, s.day, s.org, s.id)
	}
	params := put(t, filepath.Join(w.dir, "p.yaml"), `id: t
scheme: points
all_mean: 12000
weights: [{group: BR21, mean: 12000}, {group: BR23, mean: 12000}, {group: BR25, mean: 12000}]
point_funds: [{value: 1000}]
`)
	x, err := cases.OpenWhatIf(t.Context(), w.lake, w.set, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r, err := x.Run(t.Context(), cases.Scenario{Params: params}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Scheme != "demo_drg+mine" || r.Cases != 3 || r.Settled != 3 || len(r.Spans) != 2 || r.Spans[1].Cases != 2 {
		t.Errorf("scheme %s, %d cases, %d settled, spans %+v; want both schemes, 3, 3, and two cases of 2025", r.Scheme, r.Cases, r.Settled, r.Spans)
	}
	// The year's fund is shared by both schemes' cases: 1000 of 2024 and half of 2025, and the other half.
	if got := fmt.Sprint(r.Hospitals[0].Standard, r.Hospitals[1].Standard); got != "1500 500" {
		t.Errorf("the hospitals are paid %s, want 1500 500", got)
	}
	table := put(t, filepath.Join(w.dir, "w.csv"), "group,rw\nBR25,1\n")
	if _, err := x.Run(t.Context(), cases.Scenario{Weights: table}, "", ""); err == nil || !strings.Contains(err.Error(), "name the one whose weights these are") {
		t.Errorf("weights of nobody: %v", err)
	}
	if r, err = x.Run(t.Context(), cases.Scenario{Scheme: "mine"}, "", ""); err != nil || len(r.Spans) != 0 || r.Scheme != "mine" || r.Moved != 0 {
		t.Errorf("groups alone: %+v, %v", r, err)
	}
}

// TestAMixIsMadeBeforeQuotasAndPointValues: the cases of a mix share the year's fund with all others, and a high case
// that another hospital's quota let through is counted against the quota of the hospital that it is in.
func TestAMixIsMadeBeforeQuotasAndPointValues(t *testing.T) {
	w := newWard(t)
	w.use(t, &cases.Config{Groupings: []cases.Grouping{{Scheme: "demo_drg"}}})
	a := &inpatient{id: "a", org: "HA", day: "2025-03-05", sex: 1, age: 60, dx: []string{"I63.900"}}
	b := &inpatient{id: "a", org: "HB", day: "2025-03-06", sex: 1, age: 60, dx: []string{"I63.900"}} // the same number elsewhere
	for _, s := range []*inpatient{a, b} {
		w.deliver(t, s.org, s.day, []*inpatient{s}, "fact_inp_stay")
	}
	for _, s := range []*inpatient{a, b} {
		w.pay(t, s.day, s.org, s.id)
	}
	group := strings.Fields(w.read(t, 0, grouped, "fact_case_group")[0])[2]
	fund := put(t, filepath.Join(w.dir, "fund.yaml"), fmt.Sprintf("id: t\nscheme: points\nall_mean: 12000\nweights: [{group: %s, mean: 12000}]\npoint_funds: [{value: 1200}]\n", group))
	capped := put(t, filepath.Join(w.dir, "cap.yaml"), fmt.Sprintf("id: t\nscheme: drg\nrates: [{value: 1000}]\nweights: [{group: %s, rw: 1}]\nhigh: {multiple: 3, method: item, cap: 0.5}\n", group))
	x, err := cases.OpenWhatIf(t.Context(), w.lake, w.set, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	paid := func(params string, mix ...cases.Mix) string {
		t.Helper()
		r, err := x.Run(t.Context(), cases.Scenario{Params: params, Mix: mix}, "", "")
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, h := range r.Hospitals {
			out = append(out, fmt.Sprintf("%s %d %s", h.Org, h.Cases, h.Standard))
		}
		return strings.Join(out, ", ")
	}
	for _, test := range []struct {
		params string
		mix    []cases.Mix
		want   string
	}{
		{fund, nil, "HA 1 600, HB 1 600"},
		{fund, []cases.Mix{{Org: "HA", Group: group, Cases: 1}}, "HA 1 600, HB 1 600"},
		{fund, []cases.Mix{{Org: "HA", Group: group, Cases: 3}}, "HA 3 900, HB 1 300"},
		{fund, []cases.Mix{{Org: "HA", Group: group, Cases: 0}, {Org: "HC", Group: group, Cases: 2}}, "HB 1 400, HC 2 800"},
		// Of three high cases one may be paid by item (half of three), the others get the standard; of one, none.
		{capped, nil, "HA 1 1000, HB 1 1000"},
		{capped, []cases.Mix{{Org: "HA", Group: group, Cases: 3}}, "HA 3 14000, HB 1 1000"},
	} {
		if got := paid(test.params, test.mix...); got != test.want {
			t.Errorf("%s %+v: %s, want %s", filepath.Base(test.params), test.mix, got, test.want)
		}
	}
}
