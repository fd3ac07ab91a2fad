//go:build duckdb_arrow

package main

import (
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/queries"
)

// asking is a question to a bench with a few rows of it.
func asking(t *testing.T, tables map[string][]map[string]any, more ...fs.FS) func(req queries.Request, now string) []queries.Row {
	t.Helper()
	c, set, bench := benchOf(t, more...)
	if err := queries.LoadRows(bench, set, tables); err != nil {
		t.Fatal(err)
	}
	return func(req queries.Request, now string) []queries.Row {
		t.Helper()
		if now != "" {
			at, err := queries.ParseNow(now)
			if err != nil {
				t.Fatal(err)
			}
			req.Now = at
		}
		a, err := c.Ask(t.Context(), bench, req, queries.WholeLake("test"))
		if err != nil {
			t.Fatal(err)
		}
		return a.Rows
	}
}

func figureOf(v *float64) float64 {
	if v == nil {
		return -1
	}
	return *v
}

func TestAnHourThatHasNotBegunHasNoFigure(t *testing.T) {
	var visits []map[string]any
	for _, hour := range []string{"08", "09", "10", "15"} {
		visits = append(visits, map[string]any{
			"visit_id": hour, "org_code": "H1", "dept_code": "D1", "person_key": "p" + hour, "visit_date": "2025-03-03", "reg_time": "2025-03-03 " + hour + ":30:00",
			"visit_type": "GEN", "is_emergency": false, "status": "DONE",
		})
	}
	ask := asking(t, map[string][]map[string]any{"fact_outp_visit": visits})
	for now, want := range map[string]map[string]float64{
		"2025-03-03 10:00:00": {"09:00": 1, "10:00": -1, "15:00": -1}, // a full hour cuts like any other moment
		"2025-03-03 10:45:00": {"09:00": 1, "10:00": 1, "11:00": -1, "15:00": -1},
	} {
		for _, r := range ask(queries.Request{Indicators: []string{"H001"}, Period: "2025-03-03", Grain: "hour"}, now) {
			_, hour, _ := strings.Cut(r.Period, " ")
			if w, ok := want[hour]; ok && figureOf(r.Value) != w {
				t.Errorf("at %s the hour %s has %v, want %v", now, hour, figureOf(r.Value), w)
			}
		}
	}
}

// TestTheUnfinishedMonthOfAMonthTableCompares: what is delivered by month has a year to date within a month, too.
func TestTheUnfinishedMonthOfAMonthTableCompares(t *testing.T) {
	var rows []map[string]any
	for month, income := range map[string]float64{"2024-01": 10, "2024-02": 20, "2024-03": 30, "2024-04": 5000, "2025-01": 100, "2025-02": 200, "2025-03": 300} {
		rows = append(rows, map[string]any{"org_code": "H1", "stat_month": month, "outp_insu_income": income, "outp_income": 100})
	}
	ask := asking(t, map[string][]map[string]any{"fact_finance_month": rows})
	got := ask(queries.Request{Indicators: []string{"I072"}, Period: "2025-03", Compare: []string{"ytd_yoy", "yoy"}}, "2025-03-15 12:00:00")
	if r := got[0]; !r.Partial || figureOf(r.Value) != 300 || figureOf(r.Compared[0].Current) != 200 || figureOf(r.Compared[0].Base) != 20 || figureOf(r.Compared[1].Base) != 30 {
		t.Errorf("value %v, to date %v against %v, base %v: want 300, 200 against 20, 30", figureOf(r.Value), figureOf(r.Compared[0].Current), figureOf(r.Compared[0].Base), figureOf(r.Compared[1].Base))
	}
}

func TestAFigurePerDayIsOfSumsAlone(t *testing.T) {
	c, _, bench := benchOf(t)
	for id, refused := range map[string]bool{"H001": false, "H026": true, "H005": true, "H099": true, "I071": true} {
		_, err := c.Ask(t.Context(), bench, queries.Request{Indicators: []string{id}, Period: "2025-03", Compare: []string{"yoy_per_day"}}, queries.WholeLake("test"))
		if (fault.KindOf(err) == fault.Usage && err != nil) != refused {
			t.Errorf("%s per day: %v", id, err)
		}
	}
}

func TestTheEndOfAVersionIsADimension(t *testing.T) {
	ask := asking(t, map[string][]map[string]any{
		"dim_org": {
			{"org_code": "H1", "org_name": "a", "valid_from": "2020-01-01", "valid_to": "2025-03-04"},
			{"org_code": "H1", "org_name": "a", "valid_from": "2025-03-04"},
		},
		"fact_outp_visit": {{"visit_id": "1", "org_code": "H1", "dept_code": "D1", "person_key": "p", "visit_date": "2025-03-03", "visit_type": "GEN", "is_emergency": false, "status": "DONE"}},
	})
	got := ask(queries.Request{Indicators: []string{"H001"}, Period: "2025-03", By: []string{"valid_to"}}, "")
	if len(got) != 1 || got[0].Dims[0] != "2025-03-04" {
		t.Errorf("got %v", got)
	}
}

func TestWhereTakesLists(t *testing.T) {
	for _, k := range []struct {
		flags []string
		want  map[string][]string
	}{
		{[]string{"dept_code=D1,D2"}, map[string][]string{"dept_code": {"D1", "D2"}}},
		{[]string{"dept_code=D1", "dept_code=D2", "sex_code="}, map[string][]string{"dept_code": {"D1", "D2"}, "sex_code": {""}}},
		{[]string{"org_code=A,B,sex_code=1,insutype=310,390"}, map[string][]string{"org_code": {"A", "B"}, "sex_code": {"1"}, "insutype": {"310", "390"}}},
		{[]string{"title=Diseases, other,x>=1=2"}, map[string][]string{"title": {"Diseases, other", "x>=1=2"}}},
	} {
		got, err := filtersOf(k.flags)
		if err != nil || !maps.EqualFunc(got, k.want, slices.Equal[[]string]) {
			t.Errorf("%q is %q (%v), want %q", k.flags, got, err, k.want)
		}
	}
	for _, bad := range []string{"", "dept_code", "=1", "a b=1"} {
		if _, err := filtersOf([]string{bad}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAValueThatItsColumnCannotHaveIsAUsageError(t *testing.T) {
	c, _, bench := benchOf(t)
	for dim, value := range map[string]string{"hour_of_day": "noon", "is_emergency": "maybe", "seen_time": "late", "visit_date": "2025-02-30"} {
		_, err := c.Ask(t.Context(), bench, queries.Request{Indicators: []string{"H001"}, Period: "2025-03", Where: map[string][]string{dim: {value}}}, queries.WholeLake("test"))
		if err == nil || fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), dim) {
			t.Errorf("%s = %s: %v", dim, value, err)
		}
	}
}

func TestAnAnswerOfTooManyFiguresIsRefused(t *testing.T) {
	c, set, bench := benchOf(t)
	var visits []map[string]any
	for i := range 200 {
		visits = append(visits, map[string]any{
			"visit_id": strconv.Itoa(i), "org_code": "H1", "dept_code": strconv.Itoa(i), "person_key": "p", "visit_date": "2025-03-03", "visit_type": "GEN", "is_emergency": false, "status": "DONE",
			"reg_time": "2025-03-03 10:00:00",
		})
	}
	if err := queries.LoadRows(bench, set, map[string][]map[string]any{"fact_outp_visit": visits}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Ask(t.Context(), bench, queries.Request{Indicators: []string{"H001"}, Period: "2025", Grain: "hour", By: []string{"dept_code"}}, queries.WholeLake("test"))
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("200 departments in 8,760 hours: %v", err)
	}
}
