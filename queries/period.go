package queries

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Grain is the length of one period of an answer.
type Grain int

// Grains, finest first. Total is one period from the first day asked to the last.
const (
	AnyGrain Grain = iota // not said: it follows from the form of the period
	Hour
	Day
	Week
	Month
	Quarter
	Year
	Total
)

var grainNames = []string{"", "hour", "day", "week", "month", "quarter", "year", "total"}

func (g Grain) String() string { return grainNames[g] }

// ParseGrain reads hour, day, week, month, quarter, year or total; "" is AnyGrain.
func ParseGrain(s string) (Grain, error) {
	for i, n := range grainNames {
		if n == s {
			return Grain(i), nil
		}
	}
	return AnyGrain, fault.New(fault.Usage, "grain %q: one of hour, day, week, month, quarter, year, total", s)
}

// Period is a span of time as it was asked: a half-open interval [From, To) in the lake's time zone, and the form in
// which it was written. All times of this package are wall-clock times of that zone, carried in UTC.
type Period struct {
	From, To time.Time
	Form     Grain  // Day, Week, Month, Quarter or Year
	Text     string // as asked
}

// IsZero reports a question without a period.
func (p Period) IsZero() bool { return p.From.IsZero() }

var periodForms = []struct {
	form Grain
	re   *regexp.Regexp
}{
	{Year, regexp.MustCompile(`^(\d{4})$`)},
	{Quarter, regexp.MustCompile(`^(\d{4})-Q([1-4])$`)},
	{Week, regexp.MustCompile(`^(\d{4})-W(\d{2})$`)},
	{Month, regexp.MustCompile(`^(\d{4})-(\d{2})$`)},
	{Day, regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})$`)},
}

// ParsePeriod reads 2025, 2025-Q1, 2025-03, 2025-W10, 2025-03-03, or A..B of these with both ends included.
func ParsePeriod(text string) (Period, error) {
	first, last, ranged := strings.Cut(text, "..")
	p, err := parseOne(first)
	if err != nil {
		return Period{}, err
	}
	if ranged {
		end, err := parseOne(last)
		if err != nil {
			return Period{}, err
		}
		if end.To.Before(p.To) || end.From.Before(p.From) {
			return Period{}, fault.New(fault.Usage, "period %q ends before it begins", text)
		}
		p.To = end.To
		p.Form = min(p.Form, end.Form)
	}
	p.Text = text
	return p, nil
}

func parseOne(text string) (Period, error) {
	bad := fault.New(fault.Usage, "period %q: write 2025, 2025-Q1, 2025-03, 2025-W10, 2025-03-03 or A..B of these", text)
	for _, f := range periodForms {
		m := f.re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		n := make([]int, len(m))
		for i := 1; i < len(m); i++ {
			n[i], _ = strconv.Atoi(m[i]) // digits by the pattern
		}
		if n[1] < 1900 {
			return Period{}, fault.New(fault.Usage, "period %q: no year before 1900", text)
		}
		var from time.Time
		switch f.form {
		case Year:
			from = date(n[1], 1, 1)
		case Quarter:
			from = date(n[1], time.Month(3*n[2]-2), 1)
		case Month:
			if n[2] < 1 || n[2] > 12 {
				return Period{}, bad
			}
			from = date(n[1], time.Month(n[2]), 1)
		case Week:
			var ok bool
			if from, ok = isoWeek(n[1], n[2]); !ok {
				return Period{}, fault.New(fault.Usage, "period %q: %d has no week %d", text, n[1], n[2])
			}
		case Day:
			from = date(n[1], time.Month(n[2]), n[3])
			if from.Month() != time.Month(n[2]) || from.Day() != n[3] || n[2] < 1 || n[2] > 12 {
				return Period{}, fault.New(fault.Usage, "period %q: no such day", text)
			}
		default: // periodForms has no other
		}
		return Period{From: from, To: f.form.next(from), Form: f.form, Text: text}, nil
	}
	return Period{}, bad
}

// next is the first moment after the unit of g that begins at t.
func (g Grain) next(t time.Time) time.Time { return g.add(t, 1) }

// add moves t by n units of g.
func (g Grain) add(t time.Time, n int) time.Time {
	switch g {
	case Hour:
		return t.Add(time.Duration(n) * time.Hour)
	case Day:
		return t.AddDate(0, 0, n)
	case Week:
		return t.AddDate(0, 0, 7*n)
	case Month:
		return t.AddDate(0, n, 0)
	case Quarter:
		return t.AddDate(0, 3*n, 0)
	case Year:
		return t.AddDate(n, 0, 0)
	default:
		return t
	}
}

// floor is the beginning of the unit of g that holds t.
func (g Grain) floor(t time.Time) time.Time {
	day := date(t.Year(), t.Month(), t.Day())
	switch g {
	case Hour:
		return day.Add(time.Duration(t.Hour()) * time.Hour)
	case Week:
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case Month:
		return date(t.Year(), t.Month(), 1)
	case Quarter:
		return date(t.Year(), (t.Month()-1)/3*3+1, 1)
	case Year:
		return date(t.Year(), 1, 1)
	default:
		return day
	}
}

// label writes the unit of g that begins at t in the form of the command line.
func (g Grain) label(t time.Time) string {
	switch g {
	case Hour:
		return t.Format("2006-01-02 15:04")
	case Week:
		y, w := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", y, w)
	case Month:
		return t.Format("2006-01")
	case Quarter:
		return fmt.Sprintf("%04d-Q%d", t.Year(), (int(t.Month())+2)/3)
	case Year:
		return t.Format("2006")
	default:
		return t.Format("2006-01-02")
	}
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// isoWeek is the Monday of an ISO 8601 week; false where the year has no such week (53 in most years).
func isoWeek(year, week int) (time.Time, bool) {
	jan4 := date(year, 1, 4)
	monday := Week.floor(jan4).AddDate(0, 0, 7*(week-1))
	y, w := monday.ISOWeek()
	return monday, y == year && w == week
}

// Window is one period of an answer as the compiler counts it: rows of [From, Until) count, To is where the period
// ends on the calendar, and AsOf is the day on which a stock is taken (the last day, or the day of asking).
type Window struct {
	From, To, Until, AsOf time.Time
}

// window makes the Window of [from, to) asked at now. A zero now is after everything.
func window(from, to, now time.Time) Window {
	w := Window{From: from, To: to, Until: to, AsOf: Day.floor(to.Add(-time.Nanosecond))}
	if !now.IsZero() && now.Before(to) {
		w.Until = now
		if now.Before(from) {
			w.Until = from
		}
		w.AsOf = Day.floor(now)
	}
	return w
}

// partial reports a period that was not over when it was asked about.
func (w Window) partial() bool { return w.Until.Before(w.To) }

// hours, days, months and share are elapsed calendar time: an unfinished day counts in hours, not in days.
func (w Window) hours() float64 { return w.Until.Sub(w.From).Hours() }

func (w Window) days() float64 {
	return float64(int(w.Until.Sub(w.From).Hours() / 24))
}

func (w Window) share() float64 { return w.days() / (w.To.Sub(w.From).Hours() / 24) }

func (w Window) months() float64 {
	full := 0.0
	t := w.From
	for !Month.next(t).After(w.To) {
		t, full = Month.next(t), full+1
	}
	if rest := w.To.Sub(t).Hours() / 24; rest > 0 {
		full += rest / (Month.next(t).Sub(t).Hours() / 24)
	}
	return full * w.share()
}

func isMidnight(t time.Time) bool { return t.Equal(Day.floor(t)) }

func ceilDay(t time.Time) time.Time {
	if isMidnight(t) {
		return t
	}
	return Day.next(Day.floor(t))
}

// maxPeriods caps the periods of one question: a year of hours, 24 years of days.
const maxPeriods = 8784

// windows cuts a period into the units of a grain.
func windows(p Period, g Grain, now time.Time) ([]Window, []string, error) {
	if g == Total {
		return []Window{window(p.From, p.To, now)}, []string{p.Text}, nil
	}
	if g == Hour || g == Day || (g.floor(p.From).Equal(p.From) && g.floor(p.To).Equal(p.To)) {
		var ws []Window
		var labels []string
		for t := p.From; t.Before(p.To); t = g.next(t) {
			if len(ws) == maxPeriods {
				return nil, nil, fault.New(fault.Usage, "period %s by %s: more than %d periods; ask for a shorter period or a coarser grain", p.Text, g, maxPeriods)
			}
			ws = append(ws, window(t, g.next(t), now))
			labels = append(labels, g.label(t))
		}
		return ws, labels, nil
	}
	return nil, nil, fault.New(fault.Usage, "period %s does not begin and end with a whole %s; ask for whole ones, a finer grain, or --grain total", p.Text, g)
}
