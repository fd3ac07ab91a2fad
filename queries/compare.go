package queries

import (
	"fmt"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Comparison is a named base beside which a figure stands. Names matter: 同比, 环比 and 上周同日 are three questions.
type Comparison struct {
	Name     string // as asked
	base     string // yoy, mom, dod, wow, ytd_yoy
	sameTime bool   // the base is cut at the same time of day as the unfinished period
	perDay   bool   // both are divided by their calendar days
}

var comparisonTitles = map[string][2]string{
	"yoy": {"同比", "same period last year"}, "mom": {"环比", "previous period"}, "dod": {"日环比", "day before"},
	"wow": {"较上周同日", "same weekday last week"}, "ytd_yoy": {"累计同比", "year to date against last year"},
}

// ParseComparison reads the name of a comparison: yoy, mom, dod, wow or ytd_yoy, each also with _same_time or _per_day.
func ParseComparison(name string) (Comparison, error) { return parseComparison(name) }

func parseComparison(name string) (Comparison, error) {
	c := Comparison{Name: name, base: name}
	if s, ok := strings.CutSuffix(c.base, "_per_day"); ok {
		c.base, c.perDay = s, true
	}
	if s, ok := strings.CutSuffix(c.base, "_same_time"); ok {
		c.base, c.sameTime = s, true
	}
	if _, ok := comparisonTitles[c.base]; !ok {
		return c, fault.New(fault.Usage, "comparison %q: one of yoy, mom, dod, wow, ytd_yoy, each also with _same_time or _per_day", name)
	}
	return c, nil
}

// Title labels a comparison for people.
func (c Comparison) Title() (zh, en string) {
	t := comparisonTitles[c.base]
	zh, en = t[0], t[1]
	if c.sameTime {
		zh, en = zh+"同时点", en+", same time of day"
	}
	if c.perDay {
		zh, en = "日均"+zh, en+", per calendar day"
	}
	return zh, en
}

// fits refuses comparisons that mean nothing at a grain: the same weekday of last week, of a month.
func (c Comparison) fits(g Grain) error {
	ok := true
	switch c.base {
	case "dod":
		ok = g <= Day
	case "wow":
		ok = g <= Week
	case "mom":
		ok = g != Hour
	case "ytd_yoy":
		ok = g >= Day && g <= Year
	}
	if !ok {
		return fault.New(fault.Usage, "comparison %s does not fit periods by %s", c.Name, g)
	}
	return nil
}

// sides are the two windows that a comparison sets against each other; false where the base does not exist
// (29 February, week 53).
func (c Comparison) sides(w Window, g Grain, now time.Time) (current, base Window, ok bool) {
	current = w
	if c.base == "ytd_yoy" {
		year := w.From.Year()
		if g == Week {
			year, _ = w.From.ISOWeek() // 2025-W01 begins in December 2024
		}
		current = window(date(year, 1, 1), w.To, now)
		from, to := date(year-1, 1, 1), lastYearEnd(current.Until)
		return current, window(from, to, time.Time{}), true
	}
	from, to, ok := c.shift(w.From, w.To, g)
	if !ok {
		return current, Window{}, false
	}
	base = window(from, to, time.Time{})
	if c.sameTime && w.partial() {
		base = window(from, to, from.Add(w.Until.Sub(w.From)))
	}
	return current, base, true
}

func (c Comparison) shift(from, to time.Time, g Grain) (time.Time, time.Time, bool) {
	switch c.base {
	case "dod":
		return from.AddDate(0, 0, -1), to.AddDate(0, 0, -1), true
	case "wow":
		return from.AddDate(0, 0, -7), to.AddDate(0, 0, -7), true
	case "mom":
		if g != Total {
			return g.add(from, -1), from, true
		}
		if from.Day() == 1 && to.Day() == 1 { // whole months before whole months
			months := (to.Year()-from.Year())*12 + int(to.Month()-from.Month())
			return from.AddDate(0, -months, 0), from, true
		}
		return from.Add(-to.Sub(from)), from, true
	}
	// yoy
	switch g {
	case Week:
		y, n := from.ISOWeek()
		monday, ok := isoWeek(y-1, n)
		return monday, monday.AddDate(0, 0, 7), ok
	case Hour, Day:
		f := from.AddDate(-1, 0, 0)
		return f, f.Add(to.Sub(from)), f.Day() == from.Day()
	default:
		f := from.AddDate(-1, 0, 0)
		return f, lastYearEnd(to), f.Day() == from.Day()
	}
}

// lastYearEnd moves the end of a span a year back; the end of 29 February becomes the end of 28 February.
func lastYearEnd(to time.Time) time.Time {
	if isMidnight(to) {
		last := to.AddDate(0, 0, -1)
		if last.Month() == time.February && last.Day() == 29 {
			return date(to.Year()-1, 3, 1)
		}
	}
	t := to.AddDate(-1, 0, 0)
	if t.Day() != to.Day() { // 29 February by the clock
		return date(t.Year(), 3, 1)
	}
	return t
}

// change is the relative change in percent and the difference; null base and zero base give no percentage.
func change(current, base number) (percent, points number) {
	if !current.ok || !base.ok {
		return number{}, number{}
	}
	points = num(current.v - base.v)
	if base.v != 0 {
		percent = num((current.v - base.v) * 100 / abs(base.v))
	}
	return percent, points
}

// perDay divides by calendar days; elapsed ones where the period is not over.
func (w Window) perDay(v number) number {
	days := w.hours() / 24
	if !v.ok || days <= 0 {
		return number{}
	}
	return num(v.v / days)
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

// number is a figure that may not be there.
type number struct {
	v  float64
	ok bool
}

func num(v float64) number { return number{v, true} }

func (n number) pointer() *float64 {
	if !n.ok {
		return nil
	}
	v := n.v
	return &v
}

func (n number) String() string {
	if !n.ok {
		return "—"
	}
	return fmt.Sprint(n.v)
}
