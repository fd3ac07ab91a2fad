package lakehouse

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// Query is what a panel of indicators keeps; src/types.ts has the same shape. Kind tells the members of the union
// apart; CaseQuery is the other one.
type Query struct {
	Kind       string              `json:"kind"`
	Version    int                 `json:"version"`
	Indicators []string            `json:"indicators"`
	Grain      string              `json:"grain"`
	By         []string            `json:"by"`
	Compare    []string            `json:"compare"`
	Where      map[string][]string `json:"where"`
	Totals     bool                `json:"totals"`
	Choose     map[string]string   `json:"choose"`    // of several methods the one that counts: {"scheme": ID}, {"params": ID}
	Viewpoint  string              `json:"viewpoint"` // care, insured, residence; "" = the indicator's own
	Period     Period              `json:"period"`
	Format     string              `json:"format"`   // time_series or table
	Figures    []string            `json:"figures"`  // which numbers of a row to show; "" = what the format shows
	Language   string              `json:"language"` // of the reader; "" = the data source's
	Hide       bool                `json:"hide"`
}

// Period says which time the query is about.
type Period struct {
	Mode string `json:"mode"` // range: the panel's · today: the day (week, month … by grain) that the panel's range ends in, asked at that moment · fixed: Text
	Text string `json:"text"` // as on the command line; may hold macros such as $__from(month)
}

// Formats, modes and figures of a query.
const (
	KindIndicator = "indicator"
	QueryVersion  = 1

	FormatSeries = "time_series"
	FormatTable  = "table"

	ModeRange = "range"
	ModeToday = "today"
	ModeFixed = "fixed"
)

// Figures that a row may show.
var figures = []string{"value", "base", "change", "points", "numerator", "denominator", "at"}

func parseQuery(text []byte) (*Query, error) {
	q := &Query{Kind: KindIndicator, Version: QueryVersion, Format: FormatSeries, Grain: "day"}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(q); err != nil { // Grafana adds keys of its own, so unknown ones are let be
		return nil, fault.New(fault.Usage, "query: not as expected: %v", err)
	}
	if q.Period.Mode == "" {
		q.Period.Mode = ModeRange
	}
	switch {
	case q.Kind != KindIndicator:
		return nil, fault.New(fault.Usage, "query: kind %q is not known to this version of the plugin", q.Kind)
	case q.Version > QueryVersion:
		return nil, fault.New(fault.Usage, "query: version %d was made by a newer plugin: bring this one up to date", q.Version)
	case !slices.Contains([]string{FormatSeries, FormatTable}, q.Format):
		return nil, fault.New(fault.Usage, "query: format must be %s or %s", FormatSeries, FormatTable)
	case !slices.Contains([]string{ModeRange, ModeToday, ModeFixed}, q.Period.Mode):
		return nil, fault.New(fault.Usage, "query: period.mode must be %s, %s or %s", ModeRange, ModeToday, ModeFixed)
	case q.Format == FormatSeries && q.Grain == "total":
		return nil, fault.New(fault.Usage, "query: a total has no time axis: choose the table format or another grain")
	}
	for _, f := range q.Figures {
		if !slices.Contains(figures, f) {
			return nil, fault.New(fault.Usage, "query: figures must be of %v", figures)
		}
	}
	if len(q.Figures) == 0 {
		q.Figures = []string{"value", "base"}
		if q.Format == FormatTable {
			q.Figures = []string{"value", "base", "change", "points", "at"}
		}
	}
	return q, nil
}

// request is the question behind the query.
func (q *Query) request(panel backend.TimeRange, wall time.Time, zone *time.Location) (*api.Request, error) {
	r := &api.Request{Indicators: q.Indicators, Grain: q.Grain, By: q.By, Totals: q.Totals, Names: len(q.By) > 0, Viewpoint: q.Viewpoint, Where: map[string][]string{}, Compare: q.Compare}
	for dim, values := range q.Where {
		if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 {
			r.Where[dim] = values
		}
	}
	for name, id := range q.Choose {
		if id != "" {
			if r.Choose == nil {
				r.Choose = map[string]string{}
			}
			r.Choose[name] = id
		}
	}
	from, to := panel.From.In(zone), endOf(panel.To.In(zone))
	switch q.Period.Mode {
	case ModeFixed:
		text, err := expand(q.Period.Text, from, to)
		if err != nil {
			return nil, err
		}
		if text == "" {
			return nil, fault.New(fault.Usage, "query: a fixed period needs its text, such as 2025-03 or $__from(month)..$__to(month)")
		}
		r.Period = text
	case ModeToday:
		now := to
		if wall.Before(now) {
			now = wall.In(zone)
		}
		now = now.Truncate(time.Second)
		r.Period, r.Now = name(q.Grain, now.Add(-time.Nanosecond)), now.Format(time.DateTime)
	default:
		if !from.Before(to) {
			return nil, fault.New(fault.Usage, "query: the panel's range is empty")
		}
		r.From, r.To = &from, &to
	}
	return r, nil
}

// endOf makes the inclusive ends that Grafana writes (23:59:59, or its last millisecond) the half-open end that is meant.
func endOf(to time.Time) time.Time {
	if to.Hour() == 23 && to.Minute() == 59 && to.Second() == 59 {
		return to.Truncate(time.Second).Add(time.Second)
	}
	return to
}

var macro = regexp.MustCompile(`\$__(from|to)\((day|week|month|quarter|year)([+-][0-9]{1,4})?\)`)

// expand writes the panel's range into a period: $__from(month) is the month that the range begins in, $__to(month-1)
// the month before the one it ends in.
func expand(text string, from, to time.Time) (string, error) {
	out := macro.ReplaceAllStringFunc(strings.TrimSpace(text), func(m string) string {
		part := macro.FindStringSubmatch(m)
		at := from
		if part[1] == "to" {
			at = to.Add(-time.Nanosecond)
		}
		step, _ := strconv.Atoi(part[3]) // "" is 0
		return name(part[2], shift(at, part[2], step))
	})
	if strings.Contains(out, "$") {
		return "", fault.New(fault.Usage, "query: period: write macros as $__from(month) or $__to(day-7), of day, week, month, quarter, year")
	}
	return out, nil
}

func shift(t time.Time, grain string, n int) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location()) // so that 31 March less a month is February
	switch grain {
	case "week":
		return t.AddDate(0, 0, 7*n)
	case "month":
		return first.AddDate(0, n, 0)
	case "quarter":
		return first.AddDate(0, 3*n, 0)
	case "year":
		return first.AddDate(n, 0, 0)
	}
	return t.AddDate(0, 0, n)
}

// name is how the command line writes the period of a grain that a moment is in.
func name(grain string, t time.Time) string {
	switch grain {
	case "week":
		year, week := t.ISOWeek()
		return strconv.Itoa(year) + "-W" + two(week)
	case "month":
		return t.Format("2006-01")
	case "quarter":
		return t.Format("2006") + "-Q" + strconv.Itoa((int(t.Month())+2)/3)
	case "year":
		return t.Format("2006")
	}
	return t.Format(time.DateOnly)
}

func two(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
