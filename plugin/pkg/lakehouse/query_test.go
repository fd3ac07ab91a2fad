package lakehouse

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func clock(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation(time.DateTime, text, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC()
}

func TestTodayIsThePeriodThatThePanelsRangeEndsIn(t *testing.T) {
	for _, c := range []struct{ name, grain, to, wall, period, now string }{
		{"a moment of a past day", "day", "2021-06-08 17:00:00", "2026-01-01 00:00:00", "2021-06-08", "2021-06-08 17:00:00"},
		{"a past day to its end", "day", "2021-06-08 23:59:59", "2026-01-01 00:00:00", "2021-06-08", "2021-06-09 00:00:00"},
		{"midnight ends the day before", "day", "2021-06-09 00:00:00", "2026-01-01 00:00:00", "2021-06-08", "2021-06-09 00:00:00"},
		{"the day that runs", "hour", "2021-06-08 23:59:59", "2021-06-08 09:30:00", "2021-06-08", "2021-06-08 09:30:00"},
		{"week", "week", "2021-01-03 12:00:00", "2026-01-01 00:00:00", "2020-W53", "2021-01-03 12:00:00"},
		{"quarter", "quarter", "2021-06-08 17:00:00", "2026-01-01 00:00:00", "2021-Q2", "2021-06-08 17:00:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &Query{Indicators: []string{"H001"}, Grain: c.grain, Period: Period{Mode: ModeToday}}
			r, err := q.request(backend.TimeRange{From: clock(t, "2021-01-01 00:00:00"), To: clock(t, c.to)}, clock(t, c.wall), shanghai)
			if err != nil || r.Period != c.period || r.Now != c.now {
				t.Errorf("got %+v %v, want period %s asked at %s", r, err, c.period, c.now)
			}
		})
	}
}

func TestMacrosWriteThePanelsRangeIntoAPeriod(t *testing.T) {
	panel := backend.TimeRange{From: clock(t, "2021-02-15 10:00:00"), To: clock(t, "2021-05-31 23:59:59")}
	for text, want := range map[string]string{
		"2021-03":                       "2021-03",
		"$__from(month)..$__to(month)":  "2021-02..2021-05",
		"$__to(month-3)":                "2021-02",
		"$__to(day)":                    "2021-05-31",
		"$__to(day-7)":                  "2021-05-24",
		"$__from(quarter)..$__to(year)": "2021-Q1..2021",
		"$__to(week)":                   "2021-W22",
	} {
		q := &Query{Indicators: []string{"H001"}, Period: Period{Mode: ModeFixed, Text: text}}
		if r, err := q.request(panel, time.Now(), shanghai); err != nil || r.Period != want {
			t.Errorf("%s: got %+v %v, want %s", text, r, err, want)
		}
	}
	for _, text := range []string{"", "$__from(minute)", "$__from", "$__to(day*2)"} {
		q := &Query{Indicators: []string{"H001"}, Period: Period{Mode: ModeFixed, Text: text}}
		if _, err := q.request(panel, time.Now(), shanghai); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: got %v, want a usage error", text, err)
		}
	}
}

func TestAnEmptyFilterFiltersNothing(t *testing.T) {
	q := &Query{Indicators: []string{"H001"}, Where: map[string][]string{"dept_code": {""}, "org_code": {"H0001", ""}}}
	r, err := q.request(backend.TimeRange{From: clock(t, "2021-01-01 00:00:00"), To: clock(t, "2021-01-02 00:00:00")}, time.Now(), shanghai)
	if err != nil || len(r.Where) != 1 || strings.Join(r.Where["org_code"], ",") != "H0001" {
		t.Errorf("got %+v %v, want org_code=H0001 alone", r, err)
	}
}

func TestAQueryOfNothingButAnIndicatorIsADailySeries(t *testing.T) {
	q, err := parseQuery([]byte(`{"indicators":["H001"],"refId":"A","datasource":{"uid":"x"},"intervalMs":1000}`))
	if err != nil || q.Format != FormatSeries || q.Grain != "day" || q.Period.Mode != ModeRange || q.Version != QueryVersion {
		t.Errorf("got %+v %v", q, err)
	}
	for _, text := range []string{`{"format":"pie"}`, `{"period":{"mode":"yesterday"}}`, `{"figures":["sql"]}`, `{"grain":"total"}`, `[]`} {
		if _, err := parseQuery([]byte(text)); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: got %v, want a usage error", text, err)
		}
	}
}
