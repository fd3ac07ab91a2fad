// Package serve is how a lake answers people who are not inside the machine room: it turns a question that came through
// a door into one of the catalogue's, runs it on one publication within the caller's Scope, and writes the answer as it
// travels. The doors are folders below; what may be seen is access's to say, what it means is queries'.
package serve

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/http"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

// Lake answers from a lake. It is safe for concurrent use.
type Lake struct {
	lake    *lake.Lake
	set     *schema.Set
	catalog *queries.Catalog
	codes   *dict.Set
	engine  engine.Engine
	zone    *time.Location
	list    []api.Indicator
}

var _ http.Asker = (*Lake)(nil)

// NewLake puts a lake, its definitions, its code lists (nil: none) and an engine behind the doors.
func NewLake(l *lake.Lake, set *schema.Set, catalog *queries.Catalog, codes *dict.Set, e engine.Engine) (*Lake, error) {
	zone, err := time.LoadLocation(l.Config().Timezone)
	if err != nil {
		return nil, fault.New(fault.Invalid, "sanyi.yaml: timezone %q: %w", l.Config().Timezone, err)
	}
	s := &Lake{lake: l, set: set, catalog: catalog, codes: codes, engine: e, zone: zone}
	for _, x := range catalog.Indicators() {
		entry, err := s.describe(x)
		if err != nil {
			return nil, err
		}
		s.list = append(s.list, entry)
	}
	return s, nil
}

// Zone is the lake's time zone.
func (s *Lake) Zone() *time.Location { return s.zone }

// Publication is the newest.
func (s *Lake) Publication(ctx context.Context) (api.Publication, error) {
	head, err := s.lake.Head(ctx)
	return api.Publication{ID: head.ID, PublishedAt: head.At}, err
}

// Catalog is every indicator that is defined.
func (s *Lake) Catalog(ctx context.Context) (*api.Catalog, error) {
	p, err := s.Publication(ctx)
	if err != nil {
		return nil, err
	}
	return &api.Catalog{Publication: p, Indicators: s.list}, nil
}

// Ask answers one question from one publication.
func (s *Lake) Ask(ctx context.Context, r *api.Request, scope queries.Scope) (*api.Answer, error) {
	req := queries.Request{
		Indicators: r.Indicators, Period: r.Period, Grain: r.Grain, By: r.By, Totals: r.Totals, Where: r.Where, Compare: r.Compare, Choose: r.Choose,
		MinCell: r.MinCell, Guard: r.Guard, Viewpoint: r.Viewpoint, MaxRows: int64(r.Limit) + 1,
	}
	if r.Now != "" {
		now, err := queries.ParseNow(r.Now)
		if err != nil {
			return nil, err
		}
		req.Now = now
	}
	view, err := s.lake.View(ctx, r.AsOf) // all statements of the question see the same state, whatever is published meanwhile
	if err != nil {
		return nil, err
	}
	req.Publication = view.Publication().ID
	a, err := s.catalog.Ask(ctx, engine.Runner(s.engine), req, scope)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if !req.Now.IsZero() {
		now = s.wall(req.Now)
	}
	out := s.travelling(a, now)
	if r.Names {
		out.Names = map[string]map[string]string{}
		for _, dim := range out.By {
			if out.Names[dim], err = s.names(ctx, out, dim); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// travelling writes the catalogue's answer in the doors' words.
func (s *Lake) travelling(a *queries.Answer, now time.Time) *api.Answer {
	out := &api.Answer{Publication: a.Publication, By: a.By, Rows: make([]api.Row, 0, len(a.Rows))}
	for _, c := range a.Compare {
		out.Compare = append(out.Compare, c.Name)
	}
	for _, c := range a.Choices {
		out.Choices = append(out.Choices, api.Choice(c))
	}
	for i := range a.Rows {
		r := &a.Rows[i]
		row := api.Row{
			Indicator: r.Indicator, Period: r.Period, Dims: make(map[string]*string, len(a.By)), Total: r.Total, Value: r.Value, Numerator: r.Numerator,
			Denominator: r.Denominator, Unit: r.Unit, Compared: make(map[string]api.Compared, len(a.Compare)), Partial: r.Partial, Provisional: r.Provisional,
			Completeness: r.Completeness, Suppressed: r.Suppressed, At: r.At,
		}
		if !r.Start.IsZero() {
			row.Start = s.wall(r.Start)
		}
		for j, dim := range a.By {
			row.Dims[dim] = text(r.Dims[j])
		}
		for j, c := range a.Compare {
			v := r.Compared[j]
			row.Compared[c.Name] = api.Compared{Base: v.Base, Change: v.Change, Points: v.Points, BasePeriod: v.BasePeriod}
		}
		if row.Partial && !row.Start.Before(now) { // what has not begun has no figure, not even 0; its base stands
			row.Value, row.Numerator, row.Denominator, row.At = nil, nil, nil, ""
			for name, v := range row.Compared {
				row.Compared[name] = api.Compared{Base: v.Base, BasePeriod: v.BasePeriod}
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// wall is a moment in the lake's zone: the catalogue carries its wall clock.
func (s *Lake) wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, s.zone)
}

func text(v any) *string {
	var out string
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		out = v
	case float64:
		out = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		out = fmt.Sprint(v)
	}
	return &out
}

// groups are the parts of the catalogue by the letter that an indicator's id begins with.
var groups = map[byte]string{'G': "病组付费", 'H': "医疗", 'I': "医保", 'D': "医药", 'P': "公共卫生", 'F': "平台"}

func (s *Lake) describe(x *queries.Indicator) (api.Indicator, error) {
	out := api.Indicator{
		ID: x.ID, Title: api.Text(x.Title), Meaning: api.Text{ZH: x.Meaning}, Unit: x.Unit, Group: groups[x.ID[0]], Direction: x.Direction, Viewpoint: x.Viewpoint,
		Grains: append(slices.Clone(x.Grains), "total"), Dimensions: []api.Named{}, Comparisons: []api.Named{},
		Choices: s.catalog.Choices(x),
	}
	for _, dim := range x.Dimensions {
		out.Dimensions = append(out.Dimensions, api.Named{ID: dim, Title: s.dimensionTitle(x, dim)})
	}
	for _, name := range x.Comparisons {
		c, err := queries.ParseComparison(name)
		if err != nil {
			return out, fmt.Errorf("indicator %s: %w", x.ID, err)
		}
		zh, en := c.Title()
		out.Comparisons = append(out.Comparisons, api.Named{ID: name, Title: api.Text{ZH: zh, EN: en}})
	}
	return out, nil
}

// roles are titles of dimensions that are no column anywhere.
var roles = map[string]api.Text{
	"region":      {ZH: "地区", EN: "Region"},
	"org":         {ZH: "机构", EN: "Institution"},
	"hour_of_day": {ZH: "时段(小时)", EN: "Hour of day"},
}

// dimensionTitle is the title of the column that a dimension stands for: of the measure's own table first, then of any
// other table that has it.
func (s *Lake) dimensionTitle(x *queries.Indicator, dim string) api.Text {
	if t, ok := roles[dim]; ok {
		return t
	}
	var tables []*schema.Table
	for _, m := range s.catalog.MeasuresOf(x) {
		if t, ok := s.set.Table(m.From); ok {
			tables = append(tables, t)
		}
	}
	for _, t := range append(tables, s.set.Tables()...) {
		name := dim
		if role := t.Roles[dim]; role != "" {
			name = role
		}
		if c, ok := t.Column(name); ok {
			return api.Text(c.Title)
		}
	}
	return api.Text{ZH: dim, EN: dim}
}
