package lakehouse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// CaseQuery is what a panel of single cases keeps; src/types.ts has the same shape.
type CaseQuery struct {
	Kind    string `json:"kind"`
	Version int    `json:"version"`
	View    string `json:"view"` // list or explain

	// Of a list: each filter takes any of its values, and none takes all.
	Period   Period   `json:"period"`
	Orgs     []string `json:"orgs"`
	Depts    []string `json:"depts"`
	Groups   []string `json:"groups"`
	MDCs     []string `json:"mdcs"`
	Statuses []string `json:"statuses"`
	Reasons  []string `json:"reasons"`
	Tiers    []string `json:"tiers"`
	Order    string   `json:"order"`
	Limit    int      `json:"limit"`

	// Of an explanation: which stay, and which sections of what there is to say; none takes all.
	Stay     string   `json:"stay"`
	Sections []string `json:"sections"`

	Scheme   string `json:"scheme"`
	Language string `json:"language"`
	Hide     bool   `json:"hide"`
}

// Kinds and views of queries after cases.
const (
	KindCase    = "case"
	ViewList    = "list"
	ViewExplain = "explain"
)

// kindOf is the kind of a panel's query; a query without one asks indicators.
func kindOf(text []byte) string {
	var q struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(text, &q) != nil || q.Kind == "" {
		return KindIndicator
	}
	return q.Kind
}

func parseCaseQuery(text []byte) (*CaseQuery, error) {
	q := &CaseQuery{Version: QueryVersion, View: ViewList, Order: api.ByDischarge}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(q); err != nil {
		return nil, fault.New(fault.Usage, "query: not as expected: %v", err)
	}
	if q.Period.Mode == "" {
		q.Period.Mode = ModeRange
	}
	switch {
	case q.Version > QueryVersion:
		return nil, fault.New(fault.Usage, "query: version %d was made by a newer plugin: bring this one up to date", q.Version)
	case q.View != ViewList && q.View != ViewExplain:
		return nil, fault.New(fault.Usage, "query: view must be %s or %s", ViewList, ViewExplain)
	case !slices.Contains([]string{ModeRange, ModeFixed}, q.Period.Mode):
		return nil, fault.New(fault.Usage, "query: period.mode of a list of cases must be %s or %s", ModeRange, ModeFixed)
	}
	for _, s := range q.Sections {
		if !slices.Contains(api.Sections, s) {
			return nil, fault.New(fault.Usage, "query: sections must be of %v", api.Sections)
		}
	}
	return q, nil
}

// list is the question behind a list of cases.
func (q *CaseQuery) list(panel backend.TimeRange, zone *time.Location) (*api.CaseListRequest, error) {
	r := &api.CaseListRequest{
		Orgs: given(q.Orgs), Depts: given(q.Depts), Groups: given(q.Groups), MDCs: given(q.MDCs), Statuses: given(q.Statuses), Reasons: given(q.Reasons), Tiers: given(q.Tiers),
		Scheme: q.Scheme, Order: q.Order, Limit: q.Limit,
	}
	from, to := panel.From.In(zone), endOf(panel.To.In(zone))
	if q.Period.Mode == ModeFixed {
		text, err := expand(q.Period.Text, from, to)
		if err != nil {
			return nil, err
		}
		r.Period = text
		return r, r.Check()
	}
	r.From, r.To = &from, &to
	return r, r.Check()
}

// given is a filter without its empty values: a variable that is not set filters nothing.
func given(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return strings.TrimSpace(v) == "" })
}

// cases answers a query after cases.
func (s *Source) caseFrame(ctx context.Context, req *backend.QueryDataRequest, q backend.DataQuery) (*data.Frame, error) {
	model, err := parseCaseQuery(q.JSON)
	if err != nil || model.Hide {
		return nil, err
	}
	language := model.Language
	if language == "" {
		language = s.settings.Language
	}
	words := caseWordsIn(language)
	caller := callerOf(req.PluginContext)
	if model.View == ViewExplain {
		stay := strings.TrimSpace(model.Stay)
		if stay == "" {
			frame := explanationFrame(&longAnswer{columns: map[string]column{}}, model.Sections, words)
			frame.Meta.Notices = []data.Notice{{Severity: data.NoticeSeverityInfo, Text: words.choose}}
			return frame, nil
		}
		ask := &api.CaseRequest{StayID: stay, Orgs: given(model.Orgs), Scheme: model.Scheme, Language: words.language}
		long, err := s.explained(ctx, ask, caller)
		if err != nil {
			return nil, err
		}
		return explanationFrame(long, model.Sections, words), nil
	}
	catalog, err := s.currentCatalog(ctx, caller)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(catalog.TimeZone)
	if err != nil {
		return nil, fault.New(fault.Internal, "catalogue: time zone %q: %w", catalog.TimeZone, err)
	}
	ask, err := model.list(q.TimeRange, zone)
	if err != nil {
		return nil, err
	}
	long, err := s.client.sheet(ctx, api.PathCases, ask, ask.Check, caller)
	if err != nil {
		return nil, err
	}
	return listFrame(long, ask, words)
}

// explaining is a question after a case that is under way.
type explaining struct {
	done chan struct{}
	long *longAnswer
	err  error
}

// explained asks why a case was grouped as it was. The panels of one page that ask for the same case at the same time,
// in the name of the same person, share one question, which is one look in the audit book; nothing is kept after it.
func (s *Source) explained(ctx context.Context, ask *api.CaseRequest, caller string) (*longAnswer, error) {
	key := strings.Join([]string{ask.StayID, strings.Join(ask.Orgs, "\x01"), ask.Scheme, ask.Language, caller}, "\x00")
	s.mu.Lock()
	if s.cases == nil {
		s.cases = map[string]*explaining{}
	}
	x, asked := s.cases[key]
	if !asked {
		x = &explaining{done: make(chan struct{}), err: fault.New(fault.Internal, "the question panicked")}
		s.cases[key] = x
	}
	s.mu.Unlock()
	if !asked {
		defer func() {
			s.mu.Lock()
			delete(s.cases, key)
			s.mu.Unlock()
			close(x.done)
		}()
		// Others wait for the answer, too: it does not end with the panel that happened to ask first.
		x.long, x.err = s.client.sheet(context.WithoutCancel(ctx), api.PathCase, ask, ask.Check, caller)
		return x.long, x.err
	}
	select {
	case <-x.done:
		return x.long, x.err
	case <-ctx.Done():
		return nil, remote(http.StatusGatewayTimeout, fault.Unavailable, "the service did not answer in time")
	}
}

// sheet asks one of the doors of single cases.
func (c *client) sheet(ctx context.Context, path string, req any, check func() error, caller string) (*longAnswer, error) {
	if err := check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	body, err := c.do(ctx, http.MethodPost, path, text, api.Arrow, caller)
	if err != nil {
		return nil, err
	}
	return readLong(bytes.NewReader(body))
}

// listFrame is one row a case. Codes keep their values, which links go by; what they are called is beside them.
func listFrame(long *longAnswer, ask *api.CaseListRequest, w caseWords) (*data.Frame, error) {
	frame := tableFrame()
	for _, name := range caseFields {
		f := w.field(name, long)
		if name == "weight" {
			two := uint16(2)
			f.Config.Decimals = &two
		}
		switch name {
		case "status", "tier", "severity", "reason":
			f.Config.Mappings = w.values[name]
		case "agrees":
			f.Config.Mappings = data.ValueMappings{data.ValueMapper{"true": {Text: w.agrees}, "false": {Text: w.differs}}}
		}
		frame.Fields = append(frame.Fields, f)
	}
	asked, err := json.MarshalIndent(ask, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	frame.Meta.ExecutedQueryString = string(asked)
	frame.Meta.Custom = map[string]any{"publication": long.publication}
	notice := func(text string) {
		frame.Meta.Notices = append(frame.Meta.Notices, data.Notice{Severity: data.NoticeSeverityInfo, Text: text})
	}
	if long.meta[api.MetaMore] == "true" {
		notice(fmt.Sprintf(w.more, long.rows))
	}
	if long.rows > 0 && long.meta[api.MetaSettled] != "true" {
		notice(w.unsettled)
	}
	return frame, nil
}

// explanationFrame is the rows of the wanted sections.
func explanationFrame(long *longAnswer, sections []string, w caseWords) *data.Frame {
	frame := tableFrame()
	section := long.text("section")
	var keep []int
	for i := range long.rows {
		if v := section(i); v != nil && (len(sections) == 0 || slices.Contains(sections, *v)) {
			keep = append(keep, i)
		}
	}
	for _, name := range []string{"section", "title", "what", "name", "verdict", "text"} {
		get := long.text(name)
		f := data.NewField(name, nil, make([]string, len(keep)))
		f.Config = &data.FieldConfig{DisplayNameFromDS: w.titles[name]}
		for n, i := range keep {
			if v := get(i); v != nil {
				f.Set(n, *v)
			}
		}
		switch name {
		case "section":
			f.Config.Mappings = w.values["section"]
		case "verdict":
			f.Config.Mappings = w.values["verdict"]
		}
		frame.Fields = append(frame.Fields, f)
	}
	frame.Meta.Custom = map[string]any{"publication": long.publication, "scheme": long.meta[api.MetaScheme], "scheme_hash": long.meta[api.MetaSchemeHash]}
	return frame
}

func tableFrame() *data.Frame {
	frame := data.NewFrame("")
	frame.SetMeta(&data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeTable})
	return frame
}

// field is a column of a list as a field of its type.
func (w caseWords) field(name string, long *longAnswer) *data.Field {
	var f *data.Field
	switch name {
	case "discharge_date":
		f = data.NewField(name, nil, make([]*time.Time, long.rows))
		fill(f, long.moment(name))
	case "weight", "los_days", "total_fee", "standard", "profit_formula":
		f = data.NewField(name, nil, make([]*float64, long.rows))
		fill(f, long.number(name))
	case "agrees":
		f = data.NewField(name, nil, make([]*bool, long.rows))
		fill(f, at(long.columns[name].flags))
	default:
		f = data.NewField(name, nil, make([]*string, long.rows))
		fill(f, long.text(name))
	}
	f.Config = &data.FieldConfig{DisplayNameFromDS: w.titles[name], Unit: w.units[name]}
	if name == "los_days" {
		none := uint16(0)
		f.Config.Decimals = &none
	}
	if strings.HasPrefix(f.Config.Unit, "suffix:") && name != "los_days" {
		two := uint16(2)
		f.Config.Decimals = &two
	}
	filterable := true
	f.Config.Filterable = &filterable
	return f
}

func fill[T any](f *data.Field, get func(i int) *T) {
	for i := range f.Len() {
		f.Set(i, get(i))
	}
}
