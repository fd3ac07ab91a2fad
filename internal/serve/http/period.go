package http

import (
	"fmt"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// maxPeriods is the most periods that a range may be cut into: more than a year of hours.
const maxPeriods = 10_000

// overlapping writes From and To as a Period: every period of the grain that has a moment in common with the range,
// in the time zone of the lake. It returns which rows to keep: hours are asked by whole days, so some lie outside.
func overlapping(req *api.Request, zone *time.Location) (keep func(start time.Time) bool, err error) {
	if req.Grain == "" {
		req.Grain = "day"
	}
	from, to := req.From.In(zone), req.To.In(zone)
	first, last := from, to.Add(-time.Nanosecond)
	if span, one := to.Sub(from), length[req.Grain]; one > 0 && span/one > maxPeriods {
		return nil, fault.New(fault.TooLarge, "request: the range holds more than %d periods of grain %s: take a coarser grain", maxPeriods, req.Grain)
	}
	name := func(t time.Time) string { return t.Format(time.DateOnly) }
	switch req.Grain {
	case "week":
		name = func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprintf("%04d-W%02d", y, w) }
	case "month":
		name = func(t time.Time) string { return t.Format("2006-01") }
	case "quarter":
		name = func(t time.Time) string { return fmt.Sprintf("%04d-Q%d", t.Year(), (int(t.Month())+2)/3) }
	case "year":
		name = func(t time.Time) string { return t.Format("2006") }
	}
	req.From, req.To = nil, nil
	req.Period = name(first)
	if end := name(last); end != req.Period {
		req.Period += ".." + end
	}
	if req.Grain == "hour" {
		return func(start time.Time) bool { return start.Before(to) && start.Add(time.Hour).After(from) }, nil
	}
	return func(time.Time) bool { return true }, nil
}

// length is about how long one period is, for the cap alone.
var length = map[string]time.Duration{
	"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour, "quarter": 91 * 24 * time.Hour, "year": 365 * 24 * time.Hour,
}
