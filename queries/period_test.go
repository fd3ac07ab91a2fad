package queries

import (
	"testing"
	"time"
)

func TestPeriodsAreHalfOpen(t *testing.T) {
	for text, want := range map[string][2]string{
		"2025":                   {"2025-01-01", "2026-01-01"},
		"2025-Q4":                {"2025-10-01", "2026-01-01"},
		"2024-02":                {"2024-02-01", "2024-03-01"},
		"2025-W01":               {"2024-12-30", "2025-01-06"},
		"2020-W53":               {"2020-12-28", "2021-01-04"},
		"2024-02-29":             {"2024-02-29", "2024-03-01"},
		"2025-01..2025-03":       {"2025-01-01", "2025-04-01"},
		"2024-12-30..2025-01-02": {"2024-12-30", "2025-01-03"},
		"2024..2025-Q1":          {"2024-01-01", "2025-04-01"},
	} {
		p, err := ParsePeriod(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := [2]string{p.From.Format(time.DateOnly), p.To.Format(time.DateOnly)}; got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "25", "2025-13", "2025-00", "2025-02-29", "2025-W53", "2025-W00", "2025-Q5", "2025-03..2025-01", "2025..", "..2025", "2025-3-3", "0000"} {
		if p, err := ParsePeriod(text); err == nil {
			t.Errorf("%q is taken for %v", text, p)
		}
	}
}

func TestBasesOfComparisons(t *testing.T) {
	now := date(2025, 3, 3).Add(10 * time.Hour)
	cases := []struct{ period, grain, cmp, from, until string }{
		{"2025-02", "month", "yoy", "2024-02-01 00:00", "2024-03-01 00:00"},
		{"2024-02-29", "day", "yoy", "", ""},
		{"2020-W53", "week", "yoy", "", ""},
		{"2025-W10", "week", "yoy", "2024-03-04 00:00", "2024-03-11 00:00"},
		{"2025-03", "month", "mom", "2025-02-01 00:00", "2025-03-01 00:00"},
		{"2025-Q1", "quarter", "mom", "2024-10-01 00:00", "2025-01-01 00:00"},
		{"2025-03-03", "day", "dod", "2025-03-02 00:00", "2025-03-03 00:00"},
		{"2025-03-03", "day", "wow", "2025-02-24 00:00", "2025-02-25 00:00"},
		{"2025-03-03", "day", "wow_same_time", "2025-02-24 00:00", "2025-02-24 10:00"},
		{"2025-03", "month", "ytd_yoy", "2024-01-01 00:00", "2024-03-03 10:00"},
		{"2025-W01", "week", "ytd_yoy", "2024-01-01 00:00", "2024-01-06 00:00"}, // begins in December 2024
		{"2024-02", "month", "ytd_yoy", "2023-01-01 00:00", "2023-03-01 00:00"},
		{"2025-01..2025-02", "total", "mom", "2024-11-01 00:00", "2025-01-01 00:00"},
		{"2025-01-02..2025-01-04", "total", "mom", "2024-12-30 00:00", "2025-01-02 00:00"},
		{"2024", "year", "yoy", "2023-01-01 00:00", "2024-01-01 00:00"},
	}
	for _, k := range cases {
		p, err := ParsePeriod(k.period)
		if err != nil {
			t.Fatal(err)
		}
		g, err := ParseGrain(k.grain)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseComparison(k.cmp)
		if err != nil {
			t.Fatal(err)
		}
		_, base, ok := c.sides(window(p.From, p.To, now), g, now)
		if ok != (k.from != "") {
			t.Errorf("%s %s: base exists: %v", k.period, k.cmp, ok)
			continue
		}
		if got := base.From.Format("2006-01-02 15:04"); ok && (got != k.from || base.Until.Format("2006-01-02 15:04") != k.until) {
			t.Errorf("%s %s: base is %s to %s, want %s to %s", k.period, k.cmp, got, base.Until.Format("2006-01-02 15:04"), k.from, k.until)
		}
	}
}

func TestElapsedTime(t *testing.T) {
	w := window(date(2025, 1, 1), date(2026, 1, 1), date(2025, 7, 2))
	if w.days() != 182 || w.share() != 182.0/365 || w.hours() != 182*24 {
		t.Errorf("days %v, share %v, hours %v on 2 July", w.days(), w.share(), w.hours())
	}
	if m := window(date(2025, 1, 1), date(2025, 4, 1), date(2026, 1, 1)).months(); m != 3 {
		t.Errorf("a quarter has %v months", m)
	}
	day := window(date(2021, 6, 8), date(2021, 6, 9), date(2021, 6, 8).Add(17*time.Hour))
	if day.hours() != 17 || !day.partial() {
		t.Errorf("hours %v, partial %v at five in the afternoon", day.hours(), day.partial())
	}
}

// FuzzPeriod: whatever is taken for a period begins before it ends and its units cover it without gap or overlap.
func FuzzPeriod(f *testing.F) {
	for _, s := range []string{"2025", "2025-Q1", "2025-03", "2025-W10", "2025-03-03", "2024-02-29..2025-W01", "9999-12-31", "2025-03..2025-03"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePeriod(s)
		if err != nil {
			return
		}
		if !p.From.Before(p.To) || p.Text != s {
			t.Fatalf("%q is %v to %v", s, p.From, p.To)
		}
		for g := Hour; g <= Total; g++ {
			ws, labels, err := windows(p, g, time.Time{})
			if err != nil {
				continue
			}
			if len(ws) != len(labels) || !ws[0].From.Equal(p.From) || !ws[len(ws)-1].To.Equal(p.To) {
				t.Fatalf("%q by %s: %d units from %v to %v", s, g, len(ws), ws[0].From, ws[len(ws)-1].To)
			}
			for i := 1; i < len(ws); i++ {
				if !ws[i].From.Equal(ws[i-1].To) {
					t.Fatalf("%q by %s: gap before %v", s, g, ws[i].From)
				}
			}
		}
	})
}

func TestFormulasSayWhereTheyGoWrong(t *testing.T) {
	for src, want := range map[string]string{
		"a - b / (c + 2)":                        "(a - (b / (c + 2)))",
		"-a*3":                                   "(-a * 3)",
		"yoy(H026)":                              "yoy(H026)",
		"peak_over(hour, op_all) / elapsed_days": "(peak_over(hour, op_all) / elapsed_days)",
	} {
		f, err := parseFormula(src)
		if err != nil || f.text() != want {
			t.Errorf("%s is %v (%v), want %s", src, f, err, want)
		}
	}
	for _, src := range []string{"", "a +", "(a", "a b", "f(a)", "peak_over(day, a)", "1.2.3", "a ; drop"} {
		if f, err := parseFormula(src); err == nil {
			t.Errorf("%q is taken for %s", src, f.text())
		}
	}
}

func TestSmallCellsCannotBeSubtracted(t *testing.T) {
	cell := func(n float64) *figure { return &figure{cases: n, small: n > 0 && n < 10} }
	cells := map[string]*figure{}
	groups := map[string]group{}
	add := func(org, sex string, f *figure) {
		g := group{values: []any{org, sex}, total: []bool{org == "", sex == ""}}
		cells[g.key()], groups[g.key()] = f, g
	}
	for org, row := range map[string][2]float64{"HA": {25, 7}, "HB": {40, 33}, "HC": {18, 22}} {
		add(org, "1", cell(row[0]))
		add(org, "2", cell(row[1]))
		add(org, "", cell(row[0]+row[1]))
	}
	add("", "1", cell(83))
	add("", "2", cell(62))
	add("", "", cell(145))
	hide(cells, groups, 2)
	hidden := 0
	for _, f := range cells {
		hidden += btoi(f.hidden())
	}
	if hidden != 4 {
		t.Errorf("%d cells are hidden, want the four of HA and HC", hidden)
	}
}

// TestAHiddenTotalIsNotItsOnlyCell: HB has no visit in D3, so the total of D3 is the cell of HA; with D1's total and the
// grand total it would tell D2's three visits.
func TestAHiddenTotalIsNotItsOnlyCell(t *testing.T) {
	cells := map[string]*figure{}
	groups := map[string]group{}
	add := func(org, dept string, n float64) *figure {
		g := group{values: []any{org, dept}, total: []bool{org == "", dept == ""}}
		cells[g.key()], groups[g.key()] = &figure{cases: n, small: n > 0 && n < 10}, g
		return cells[g.key()]
	}
	add("HA", "D1", 20)
	add("HA", "D2", 3)
	only := add("HA", "D3", 30)
	add("HB", "D1", 50)
	add("HA", "", 53)
	add("HB", "", 50)
	add("", "D1", 70)
	add("", "D2", 3)
	total := add("", "D3", 30)
	add("", "", 103)
	hide(cells, groups, 2)
	if total.hidden() != only.hidden() {
		t.Errorf("total hidden: %v, its only cell: %v", total.hidden(), only.hidden())
	}
}
