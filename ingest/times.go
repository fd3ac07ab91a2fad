package ingest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// goLayout turns a layout of package time into strptime's form; longer marks first.
var goLayout = strings.NewReplacer(
	"2006", "%Y", "January", "%B", "Jan", "%b", "Monday", "%A", "Mon", "%a", "15", "%H", "01", "%m", "02", "%d", "03", "%I",
	"04", "%M", "05", "%S", "06", "%y", "PM", "%p", "MST", "%Z",
)

// strptime is the strptime form of a format that may be a Go layout.
func strptime(format string) string {
	if format == "" || strings.Contains(format, "%") {
		return format
	}
	return goLayout.Replace(format)
}

// layout is the Go layout of a strptime form.
func layout(format string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		if i < len(format) && format[i] == '-' {
			i++
		}
		if i >= len(format) {
			return "", fmt.Errorf("date format %q ends in %%", format)
		}
		part, ok := map[byte]string{
			'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'b': "Jan", 'B': "January", 'I': "03", 'p': "PM",
			'j': "002",
		}[format[i]]
		if !ok {
			return "", fmt.Errorf("date format %q: %%%c is not known here", format, format[i])
		}
		if i > 0 && format[i-1] == '-' {
			part = strings.TrimPrefix(part, "0")
		}
		b.WriteString(part)
	}
	return b.String(), nil
}

var yearFirst = regexp.MustCompile(`^([0-9]{4})[-/.年]?([0-9]{1,2})(?:[-/.月]?([0-9]{1,2}))?`)

// businessDate reads the date of a delivery; a month stands for its last day.
func businessDate(text, format string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if format != "" {
		l, err := layout(format)
		if err != nil {
			return time.Time{}, err
		}
		t, err := time.Parse(l, text)
		if err != nil {
			return time.Time{}, fmt.Errorf("business date is not of the form %s", format)
		}
		if !strings.Contains(format, "%d") && !strings.Contains(format, "%-d") && !strings.Contains(format, "%j") {
			t = t.AddDate(0, 1, -1)
		}
		return t.Truncate(24 * time.Hour), nil
	}
	m := yearFirst.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, errors.New("business date is not year-first (2025-01-31, 20250131, 2025-01); give a format")
	}
	year, _ := strconv.Atoi(m[1])
	month, _ := strconv.Atoi(m[2])
	day, _ := strconv.Atoi(m[3])
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if m[3] == "" {
		t = time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC)
		day = t.Day()
	}
	if month < 1 || month > 12 || t.Day() != day || year < 1900 || year > 2200 {
		return time.Time{}, errors.New("business date is no day of the calendar")
	}
	return t, nil
}

var dueForm = regexp.MustCompile(`^T\+([0-9]{1,3})(?: ([0-9]{1,2}):([0-9]{2}))?$`)

// dueTime is until when the delivery of a business date should have come: T+1 08:00.
func dueTime(due string, business time.Time) (time.Time, error) {
	m := dueForm.FindStringSubmatch(due)
	if m == nil {
		return time.Time{}, fmt.Errorf("expects.due %q: write T+1 08:00", due)
	}
	days, _ := strconv.Atoi(m[1])
	hour, _ := strconv.Atoi(m[2])
	minute, _ := strconv.Atoi(m[3])
	y, mo, d := business.Date()
	return time.Date(y, mo, d+days, hour, minute, 0, 0, business.Location()), nil
}

// periodsBetween lists the business dates of a cadence from first to last, both ends included.
func periodsBetween(cadence string, first, last time.Time) []time.Time {
	var out []time.Time
	switch cadence {
	case "monthly":
		for y, m, _ := first.Date(); ; m++ {
			t := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC)
			if t.After(time.Date(last.Year(), last.Month()+1, 0, 0, 0, 0, 0, time.UTC)) {
				return out
			}
			out = append(out, t)
		}
	case "weekly":
		for t := first; !t.After(last); t = t.AddDate(0, 0, 7) {
			out = append(out, t)
		}
	default:
		for t := first; !t.After(last); t = t.AddDate(0, 0, 1) {
			out = append(out, t)
		}
	}
	return out
}
