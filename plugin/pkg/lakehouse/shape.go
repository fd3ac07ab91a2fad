package lakehouse

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// shaper makes the frame of one query out of the long answer.
type shaper struct {
	catalog  *api.Catalog
	model    *Query
	ask      *api.Request
	words    words
	forAlert bool // an alert rule reads the frame: no series that are there for the eye alone
}

// figure is one number that each row of an indicator has: its value, or its base in a comparison.
type figure struct {
	id     string // stable name of the field: H001, H001.change_wow
	column string // of the long answer
	title  string
	short  string // title where the frame holds one indicator alone
	unit   string
	kind   string
}

// cell is where a figure stands: a period and a group.
type cell struct {
	period string
	start  *time.Time
	dims   []*string
	names  []*string // what the codes in dims are called
	total  map[string]bool
}

func (s *shaper) frame(long *longAnswer) (*data.Frame, error) {
	frame := data.NewFrame("")
	if s.model.Format == FormatTable {
		s.table(frame, long)
	} else {
		s.series(frame, long)
	}
	asked, err := json.MarshalIndent(s.ask, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	frame.Meta.ExecutedQueryString = string(asked)
	frame.Meta.Custom = map[string]any{"publication": long.publication}
	frame.Meta.Notices = s.notices(long)
	return frame, nil
}

// series is a wide frame: one time axis, one field per indicator, group and figure, labelled with the group's values.
func (s *shaper) series(frame *data.Frame, long *longAnswer) {
	frame.SetMeta(&data.FrameMeta{Type: data.FrameTypeTimeSeriesWide, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeGraph})
	start, partial, indicator := long.moment("period_start"), long.flag("partial"), long.text("indicator")
	cells := s.cells(long)
	var axis []time.Time
	for i := range long.rows {
		if t := start(i); t != nil {
			axis = append(axis, *t)
		}
	}
	slices.SortFunc(axis, time.Time.Compare)
	axis = slices.CompactFunc(axis, time.Time.Equal)
	place := make(map[int64]int, len(axis))
	for i, t := range axis {
		place[t.UnixMicro()] = i
	}
	frame.Fields = append(frame.Fields, data.NewField("time", nil, axis))
	type key struct{ figure, group string }
	fields := map[key]*data.Field{}
	unfinished := map[key]*data.Field{}
	for _, id := range s.ask.Indicators {
		for _, fig := range s.figuresOf(id, long) {
			if fig.kind == "at" { // a text has no place in a chart
				continue
			}
			value := long.number(fig.column)
			for i := range long.rows {
				if v := indicator(i); v == nil || *v != id || start(i) == nil {
					continue
				}
				c := cells[i]
				k := key{fig.id, s.groupText(c)}
				title := s.seriesTitle(fig, s.groupTitle(c))
				f, ok := fields[k]
				if !ok {
					f = data.NewField(fig.id, s.labels(c), make([]*float64, len(axis)))
					f.Config = s.config(fig, title)
					fields[k] = f
					frame.Fields = append(frame.Fields, f)
				}
				at := place[start(i).UnixMicro()]
				f.Set(at, value(i))
				if fig.kind == "value" && partial(i) && value(i) != nil && !s.forAlert && len(s.ask.By) == 0 {
					u, ok := unfinished[k]
					if !ok {
						u = data.NewField(fig.id+".unfinished", s.labels(c), make([]*float64, len(axis)))
						u.Config = s.config(fig, fmt.Sprintf(s.words.unfinished, title))
						unfinished[k] = u
					}
					u.Set(at, value(i))
				}
			}
		}
	}
	for _, f := range slices.Clone(frame.Fields[1:]) { // in the order of what they mark
		for k, u := range unfinished {
			if fields[k] == f {
				frame.Fields = append(frame.Fields, u)
			}
		}
	}
	for _, f := range frame.Fields[1:] {
		wholeNumbers(f)
	}
}

// table has one row per period and group and, side by side, the figures of every indicator asked.
func (s *shaper) table(frame *data.Frame, long *longAnswer) {
	frame.SetMeta(&data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeTable})
	indicator := long.text("indicator")
	cells := s.cells(long)
	rowOf := make([]int, long.rows)
	var rows []cell
	place := map[string]int{}
	for i, c := range cells {
		k := c.period + "\x00" + s.groupText(c)
		n, ok := place[k]
		if !ok {
			n = len(rows)
			place[k] = n
			rows = append(rows, c)
		}
		rowOf[i] = n
	}
	if s.ask.Grain != "total" {
		f := data.NewField("period", nil, make([]string, len(rows)))
		f.Config = &data.FieldConfig{DisplayNameFromDS: s.words.period}
		for n, c := range rows {
			f.Set(n, c.period)
		}
		frame.Fields = append(frame.Fields, f)
	}
	for d, dim := range s.ask.By {
		f := data.NewField(dim, nil, make([]string, len(rows)))
		filterable := true
		f.Config = &data.FieldConfig{DisplayNameFromDS: s.dimensionTitle(dim), Filterable: &filterable}
		names := data.ValueMapper{} // the value stays the code, which links and filters go by
		for n, c := range rows {
			f.Set(n, s.dimText(c, d))
			if c.names[d] != nil && !c.total[dim] {
				names[*c.dims[d]] = data.ValueMappingResult{Text: *c.names[d]}
			}
		}
		if len(names) > 0 {
			f.Config.Mappings = data.ValueMappings{names}
		}
		frame.Fields = append(frame.Fields, f)
	}
	for _, id := range s.ask.Indicators {
		for _, fig := range s.figuresOf(id, long) {
			var f *data.Field
			if fig.kind == "at" {
				f = data.NewField(fig.id, nil, make([]*string, len(rows)))
			} else {
				f = data.NewField(fig.id, nil, make([]*float64, len(rows)))
			}
			text, value := long.text(fig.column), long.number(fig.column)
			for i := range long.rows {
				if v := indicator(i); v == nil || *v != id {
					continue
				}
				if fig.kind == "at" {
					f.Set(rowOf[i], text(i))
				} else {
					f.Set(rowOf[i], value(i))
				}
			}
			f.Config = s.config(fig, s.seriesTitle(fig, ""))
			wholeNumbers(f)
			frame.Fields = append(frame.Fields, f)
		}
	}
	notes := data.NewField("note", nil, make([]string, len(rows)))
	notes.Config = &data.FieldConfig{DisplayNameFromDS: s.words.note}
	noted := false
	for i := range long.rows {
		note := s.note(long, i)
		if old, _ := notes.At(rowOf[i]).(string); note != "" && !strings.Contains(old, note) {
			noted = true
			notes.Set(rowOf[i], strings.TrimPrefix(old+";"+note, ";"))
		}
	}
	if noted {
		frame.Fields = append(frame.Fields, notes)
	}
}

// figuresOf are the figures of an indicator that the query wants and the answer has.
func (s *shaper) figuresOf(id string, long *longAnswer) []figure {
	ind := s.indicator(id)
	title := ind.Title.In(s.words.language)
	var out []figure
	for _, kind := range s.model.Figures {
		switch kind {
		case "value":
			out = append(out, figure{id: id, column: "value", title: title, short: title, unit: unitOf(ind.Unit), kind: kind})
		case "numerator", "denominator":
			words := map[string]string{"numerator": s.words.numerator, "denominator": s.words.denominator}[kind]
			out = append(out, figure{id: id + "." + kind, column: kind, title: fmt.Sprintf(words, title), short: fmt.Sprintf(words, title), kind: kind})
		case "at":
			if at, of := long.text("at"), long.text("indicator"); slices.ContainsFunc(slices.Collect(upTo(long.rows)), func(i int) bool { return at(i) != nil && of(i) != nil && *of(i) == id }) {
				out = append(out, figure{id: id + ".at", column: "at", title: fmt.Sprintf(s.words.at, title), short: fmt.Sprintf(s.words.at, title), kind: kind})
			}
		default:
			for _, c := range long.compare {
				out = append(out, s.compared(id, title, ind.Unit, kind, c, long)...)
			}
		}
	}
	return out
}

func (s *shaper) compared(id, title, unit, kind, comparison string, long *longAnswer) []figure {
	name := s.comparisonTitle(id, comparison)
	f := figure{id: id + "." + kind + "_" + comparison, column: kind + "_" + comparison, kind: kind}
	switch kind {
	case "base":
		f.short, f.unit = fmt.Sprintf(s.words.base, name), unitOf(unit)
		if s.model.Format == FormatSeries { // a line in a chart is called by its comparison alone
			f.short = name
		}
	case "change":
		f.short, f.unit = fmt.Sprintf(s.words.change, name), "percent"
	default:
		value := long.number(f.column)
		if !slices.ContainsFunc(slices.Collect(upTo(long.rows)), func(i int) bool { return value(i) != nil }) { // only shares have points
			return nil
		}
		f.short, f.unit = fmt.Sprintf(s.words.points, name), "none"
	}
	f.title = title + " " + f.short
	return []figure{f}
}

// seriesTitle names a field: by the indicator, by the group, or by both where there are several of both.
func (s *shaper) seriesTitle(f figure, group string) string {
	title := f.title
	if len(s.ask.Indicators) == 1 {
		title = f.short
		if group != "" && f.kind == "value" {
			return group
		}
	}
	return strings.TrimSpace(title + " " + group)
}

func (s *shaper) config(f figure, title string) *data.FieldConfig {
	c := &data.FieldConfig{DisplayNameFromDS: title, Unit: f.unit}
	if f.kind == "change" || f.kind == "points" {
		two := uint16(2)
		c.Decimals = &two
	}
	return c
}

// wholeNumbers shows counts as counts; a field with fractions is left to Grafana.
func wholeNumbers(f *data.Field) {
	if f.Config == nil || f.Config.Decimals != nil || f.Type() != data.FieldTypeNullableFloat64 {
		return
	}
	for i := range f.Len() {
		if v, _ := f.At(i).(*float64); v != nil && *v != math.Trunc(*v) {
			return
		}
	}
	none := uint16(0)
	f.Config.Decimals = &none
}

func (s *shaper) cells(long *longAnswer) []cell {
	period, start, total := long.text("period"), long.moment("period_start"), long.text("total")
	dims, names := make([]func(int) *string, len(s.ask.By)), make([]func(int) *string, len(s.ask.By))
	for d, dim := range s.ask.By {
		dims[d], names[d] = long.text(dim), long.text("name_"+dim)
	}
	out := make([]cell, long.rows)
	for i := range out {
		c := cell{start: start(i), total: map[string]bool{}}
		if p := period(i); p != nil {
			c.period = *p
		}
		for d := range dims {
			c.dims, c.names = append(c.dims, dims[d](i)), append(c.names, names[d](i))
		}
		if t := total(i); t != nil && *t != "" {
			for dim := range strings.SplitSeq(*t, ",") {
				c.total[dim] = true
			}
		}
		out[i] = c
	}
	return out
}

// dimText is a group's value for people: a total says so, and so does a value that is missing.
func (s *shaper) dimText(c cell, d int) string {
	switch {
	case c.total[s.ask.By[d]]:
		return s.words.total
	case c.dims[d] == nil:
		return s.words.null
	}
	return *c.dims[d]
}

func (s *shaper) groupText(c cell) string {
	parts := make([]string, len(c.dims))
	for d := range c.dims {
		parts[d] = s.dimText(c, d)
	}
	return strings.Join(parts, " ")
}

// groupTitle is the group as people call it.
func (s *shaper) groupTitle(c cell) string {
	parts := make([]string, len(c.dims))
	for d := range c.dims {
		parts[d] = s.dimText(c, d)
		if c.names[d] != nil && !c.total[s.ask.By[d]] {
			parts[d] = *c.names[d]
		}
	}
	return strings.Join(parts, " ")
}

func (s *shaper) labels(c cell) data.Labels {
	labels := data.Labels{}
	for d, dim := range s.ask.By {
		labels[dim] = s.dimText(c, d)
	}
	return labels
}

func (s *shaper) indicator(id string) api.Indicator {
	for _, i := range s.catalog.Indicators {
		if i.ID == id {
			return i
		}
	}
	return api.Indicator{ID: id, Title: api.Text{ZH: id, EN: id}}
}

func (s *shaper) dimensionTitle(dim string) string {
	for _, id := range s.ask.Indicators {
		for _, d := range s.indicator(id).Dimensions {
			if d.ID == dim {
				return d.Title.In(s.words.language)
			}
		}
	}
	return dim
}

func (s *shaper) comparisonTitle(id, comparison string) string {
	for _, c := range s.indicator(id).Comparisons {
		if c.ID == comparison {
			return c.Title.In(s.words.language)
		}
	}
	return comparison
}

// unitOf is Grafana's name of a unit: shares in percent, everything else behind the number in its own words.
func unitOf(unit string) string {
	switch unit {
	case "":
		return ""
	case "%", "％":
		return "percent"
	}
	return "suffix:" + unit
}

func upTo(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
