package queries_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

func shipped(tb testing.TB) *queries.Catalog {
	tb.Helper()
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		tb.Fatal(err)
	}
	c, err := queries.Load(set, queries.Shipped())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func at(tb testing.TB, text string) (r queries.Request) {
	tb.Helper()
	now, err := queries.ParseNow(text)
	if err != nil {
		tb.Fatal(err)
	}
	r.Now = now
	return r
}

// TestStatementsReadAsTheyDid compares the SQL of typical questions with files that people read; UPDATE_GOLDEN=1
// rewrites them.
func TestStatementsReadAsTheyDid(t *testing.T) {
	c := shipped(t)
	now := at(t, "2025-06-01").Now
	cases := []struct {
		name  string
		req   queries.Request
		scope queries.Scope
	}{
		{"visits_by_department_with_totals", queries.Request{Indicators: []string{"H001", "H003"}, Period: "2025-03", By: []string{"dept"}, Totals: true}, queries.WholeLake("test")},
		{"visits_beside_last_week_at_the_same_time", queries.Request{Indicators: []string{"H001"}, Period: "2025-06-01", Compare: []string{"wow", "wow_same_time"}, Now: at(t, "2025-06-01 10:30:00").Now}, queries.WholeLake("test")},
		{"year_to_date", queries.Request{Indicators: []string{"H026"}, Period: "2025-02..2025-03", Compare: []string{"ytd_yoy"}}, queries.WholeLake("test")},
		{"peak_hour", queries.Request{Indicators: []string{"H005"}, Period: "2025-03-03..2025-03-04", By: []string{"org_code"}}, queries.WholeLake("test")},
		{"readmission_of_one_hospital", queries.Request{Indicators: []string{"H072"}, Period: "2025-03"}, queries.Organisations("H1")},
		{"defined_daily_doses_of_a_region", queries.Request{Indicators: []string{"D032"}, Period: "2025-Q1", Grain: "month"}, queries.Regions("340100")},
		{"managed_patients_on_the_last_day", queries.Request{Indicators: []string{"P019"}, Period: "2024..2025", By: []string{"region"}}, queries.WholeLake("test")},
		{"stock_at_the_end", queries.Request{Indicators: []string{"D061"}, Period: "2025-03..2025-04"}, queries.WholeLake("test")},
		{"fund_by_month", queries.Request{Indicators: []string{"I059", "I076"}, Period: "2025-Q1"}, queries.WholeLake("test")},
		{"working_days", queries.Request{Indicators: []string{"I063"}, Period: "2025-03"}, queries.WholeLake("test")},
		{"outflow_seen_from_the_insured", queries.Request{Indicators: []string{"I036"}, Period: "2025", By: []string{"region"}, MinCell: 10, Where: map[string][]string{"insutype": {"310", "390"}}}, queries.Regions("340100", "340000")},
		{"cost_index_by_department_each_month", queries.Request{Indicators: []string{"G010", "G014"}, Period: "2025-Q1", Grain: "month", By: []string{"dept"}, Choose: map[string]string{"scheme": "chs_drg_20"}}, queries.WholeLake("test")},
		{"cost_index_through_a_network_door", queries.Request{Indicators: []string{"G010"}, Period: "2025-02-24..2025-03-16", Grain: "total", MinCell: 10, Compare: []string{"yoy"}}, queries.Organisations("H1")},
		{"low_risk_mortality_through_a_network_door", queries.Request{Indicators: []string{"G016"}, Period: "2025-Q1", Guard: 10}, queries.Organisations("H1")},
		{"low_risk_mortality_of_one_hospital", queries.Request{Indicators: []string{"G016"}, Period: "2025-03"}, queries.Organisations("H1")},
		{"schemes_side_by_side", queries.Request{Indicators: []string{"G010", "G016"}, Period: "2025-Q1", By: []string{"scheme"}}, queries.WholeLake("test")},
		{"readmission_of_grouped_cases", queries.Request{Indicators: []string{"G032"}, Period: "2025-03"}, queries.Organisations("H1")},
		{"an_empty_scope_sees_nothing", queries.Request{Indicators: []string{"H001"}, Period: "2025-03-03"}, queries.Scope{}},
	}
	for _, name := range []string{"duckdb", "trino"} {
		d, err := queries.Dialect(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range cases {
			t.Run(name+"/"+k.name, func(t *testing.T) {
				if k.req.Now.IsZero() {
					k.req.Now = now
				}
				p, err := c.Compile(k.req, k.scope, d)
				if err != nil {
					t.Fatal(err)
				}
				var b strings.Builder
				for i, s := range p.Statements() {
					fmt.Fprintf(&b, "-- %d: parameters %v\n%s;\n\n", i+1, s.Args, s.SQL)
				}
				file := filepath.Join("testdata", "sql", name, k.name+".sql")
				if os.Getenv("UPDATE_GOLDEN") != "" {
					if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if b.String() != string(want) {
					t.Errorf("SQL differs from %s; UPDATE_GOLDEN=1 rewrites it\ngot:\n%s", file, b.String())
				}
			})
		}
	}
}

// TestEveryIndicatorCompiles in every dialect, with and without a narrow Scope.
func TestEveryIndicatorCompiles(t *testing.T) {
	c := shipped(t)
	for _, name := range []string{"duckdb", "trino"} {
		d, err := queries.Dialect(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Indicators() {
			for _, scope := range []queries.Scope{queries.WholeLake("test"), queries.Organisations("H1"), queries.Regions("3401"), {}} {
				req := queries.Request{Indicators: []string{x.ID}, Period: "2025-03", Now: at(t, "2025-06-01").Now}
				if x.Model == nil {
					req.Compare = []string{"yoy", "mom"}
				}
				p, err := c.Compile(req, scope, d)
				if err != nil {
					if name == "trino" && strings.Contains(err.Error(), "cannot be said in trino") {
						continue // exact percentiles: the dialect says why
					}
					t.Errorf("%s %s: %v", name, x.ID, err)
					continue
				}
				for _, s := range p.Statements() {
					if scope.String() == "nothing" && !strings.Contains(s.SQL, "FALSE") {
						t.Errorf("%s %s: an empty scope compiles to\n%s", name, x.ID, s.SQL)
					}
				}
			}
		}
	}
}

func TestWrongQuestionsSayWhatIsWrong(t *testing.T) {
	c := shipped(t)
	d, err := queries.Dialect("duckdb")
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		req  queries.Request
		want string
	}{
		{"no such indicator", queries.Request{Indicators: []string{"H999"}, Period: "2025"}, "no indicator H999"},
		{"no period", queries.Request{Indicators: []string{"H001"}}, "say --period"},
		{"sensitive", queries.Request{Indicators: []string{"H001"}, Period: "2025", By: []string{"person_key"}}, "fact_outp_visit.person_key is sensitive (class Q)"},
		{"sensitive filter", queries.Request{Indicators: []string{"H001"}, Period: "2025", Where: map[string][]string{"visit_id": {"1"}}}, "fact_outp_visit.visit_id is sensitive"},
		{"no such dimension", queries.Request{Indicators: []string{"I059"}, Period: "2025", By: []string{"dept"}}, "measure ap_pools (fact_fund_month) has none of that name; there are"},
		{"weekday of a month", queries.Request{Indicators: []string{"H001"}, Period: "2025-03", Compare: []string{"wow"}}, "does not fit periods by month"},
		{"per day of a ratio", queries.Request{Indicators: []string{"H026"}, Period: "2025-03", Compare: []string{"yoy_per_day"}}, "H026 is not a sum"},
		{"unknown comparison", queries.Request{Indicators: []string{"H001"}, Period: "2025-03", Compare: []string{"qoq"}}, "one of yoy, mom"},
		{"days of a monthly table", queries.Request{Indicators: []string{"I059"}, Period: "2025-03-03"}, "is by month"},
		{"hours without a clock", queries.Request{Indicators: []string{"H050"}, Period: "2025-03-03", Grain: "hour"}, "has no clock"},
		{"half a month by month", queries.Request{Indicators: []string{"H001"}, Period: "2025-03-03..2025-04-10", Grain: "month"}, "whole month"},
		{"series of one", queries.Request{Indicators: []string{"P076"}, Period: "2025", Grain: "total"}, "runs on a series"},
		{"a word for a number", queries.Request{Indicators: []string{"H050"}, Period: "2025-03", Where: map[string][]string{"is_icu": {"maybe"}}}, `value "maybe"`},
		{"twice", queries.Request{Indicators: []string{"H001"}, Period: "2025-03", By: []string{"dept", "dept"}}, "asked twice"},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			_, err := c.Compile(k.req, queries.WholeLake("test"), d)
			if err == nil || !strings.Contains(err.Error(), k.want) {
				t.Errorf("got %v, want %q in it", err, k.want)
			}
		})
	}
}
