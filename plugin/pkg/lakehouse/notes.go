package lakehouse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// note says in a table what must be known about a row's figures.
func (s *shaper) note(long *longAnswer, i int) string {
	var notes []string
	if long.flag("partial")(i) {
		notes = append(notes, s.words.partial)
	}
	if long.flag("provisional")(i) {
		notes = append(notes, s.words.provisional)
	}
	if long.flag("suppressed")(i) {
		notes = append(notes, s.words.suppressed)
	}
	if c := long.number("completeness")(i); c != nil && *c < 1 {
		notes = append(notes, fmt.Sprintf(s.words.incomplete, percent(*c)))
	}
	return strings.Join(notes, ";")
}

// notices say the same for the whole frame, in the corner of the panel.
func (s *shaper) notices(long *longAnswer) []data.Notice {
	var periods []string
	suppressed, incomplete, lowest, provisional := 0, 0, 1.0, false
	for i := range long.rows {
		if p := long.text("period")(i); p != nil && long.flag("partial")(i) && !slices.Contains(periods, *p) {
			periods = append(periods, *p)
		}
		if long.flag("suppressed")(i) {
			suppressed++
		}
		if c := long.number("completeness")(i); c != nil && *c < 1 {
			incomplete++
			lowest = min(lowest, *c)
		}
		provisional = provisional || long.flag("provisional")(i)
	}
	var out []data.Notice
	add := func(severity data.NoticeSeverity, text string) {
		out = append(out, data.Notice{Severity: severity, Text: text})
	}
	if len(periods) > 0 {
		now := s.ask.Now
		if now == "" {
			now = s.nowText()
		}
		add(data.NoticeSeverityInfo, fmt.Sprintf(s.words.noticePartial, strings.Join(periods[:min(3, len(periods))], ", "), now))
	}
	if provisional {
		add(data.NoticeSeverityInfo, s.words.noticeProvisional)
	}
	if suppressed > 0 {
		add(data.NoticeSeverityInfo, fmt.Sprintf(s.words.noticeSuppressed, suppressed, s.catalog.MinCell))
	}
	if incomplete > 0 {
		add(data.NoticeSeverityWarning, fmt.Sprintf(s.words.noticeIncomplete, incomplete, percent(lowest)))
	}
	return out
}

func (s *shaper) nowText() string {
	zone, err := time.LoadLocation(s.catalog.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return time.Now().In(zone).Format("2006-01-02 15:04")
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", share*100) }
