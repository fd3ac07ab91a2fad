// Package lakehouse is the Grafana data source's back end: it turns a panel's query and time range into a question to
// `sanyi serve`, and the answer's Arrow stream into Grafana's frames with titles, units and notices in the reader's
// language. It decides nothing about figures or permission: any viewer can send any query, so the service decides.
package lakehouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// PluginID is the id in plugin.json.
const PluginID = "sanyi-lakehouse-datasource"

// Settings are what an administrator chose, besides the address; visible to every viewer.
type Settings struct {
	Language  string `json:"language"`          // zh-Hans or en: for queries that name none (alerts)
	OwnCA     bool   `json:"tlsAuthWithCACert"` // trust secureJsonData.tlsCACert as well
	Viewpoint string `json:"viewpoint"`         // which indicators the editor offers first: care, insured, residence
}

// Source is one configured data source.
type Source struct {
	backend.CallResourceHandler
	client   *client
	settings Settings
	now      func() time.Time

	mu        sync.Mutex
	catalog   *api.Catalog
	fetchedAt time.Time
	cases     map[string]*explaining // questions after cases that are under way
}

var (
	_ backend.QueryDataHandler      = (*Source)(nil)
	_ backend.CheckHealthHandler    = (*Source)(nil)
	_ backend.CallResourceHandler   = (*Source)(nil)
	_ instancemgmt.InstanceDisposer = (*Source)(nil)
)

// catalogFor is how long a catalogue is good; definitions change with publications, at night.
const catalogFor = time.Minute

// New makes a data source of its settings; Grafana calls it again when they change.
func New(_ context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	source := &Source{settings: Settings{Language: "zh-Hans"}, now: time.Now}
	if len(s.JSONData) > 0 {
		if err := json.Unmarshal(s.JSONData, &source.settings); err != nil {
			return nil, backend.DownstreamErrorf("settings: jsonData is not as expected: %w", err)
		}
	}
	ca := ""
	if source.settings.OwnCA {
		ca = s.DecryptedSecureJSONData["tlsCACert"]
	}
	var err error
	if source.client, err = newClient(s.URL, s.DecryptedSecureJSONData["token"], ca); err != nil {
		return nil, backend.DownstreamError(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /catalog", source.serveCatalog)
	mux.HandleFunc("GET /values", source.serveValues)
	source.CallResourceHandler = httpadapter.New(mux)
	return source, nil
}

// Dispose lets the connections of an outdated data source go.
func (s *Source) Dispose() { s.client.http.CloseIdleConnections() }

// queriesAtOnce bounds how many of a dashboard's questions one panel puts to the service at the same time.
const queriesAtOnce = 4

// QueryData answers each query on its own: a query that fails, or panics, takes no other with it.
func (s *Source) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	responses := backend.NewQueryDataResponse()
	var mu sync.Mutex
	var wait sync.WaitGroup
	seats := make(chan struct{}, queriesAtOnce)
	for _, q := range req.Queries {
		wait.Go(func() {
			seats <- struct{}{}
			defer func() { <-seats }()
			r := s.query(ctx, req, q)
			mu.Lock()
			defer mu.Unlock()
			responses.Responses[q.RefID] = r
		})
	}
	wait.Wait()
	return responses, nil
}

func (s *Source) query(ctx context.Context, req *backend.QueryDataRequest, q backend.DataQuery) (response backend.DataResponse) {
	defer func() {
		if p := recover(); p != nil {
			log.DefaultLogger.Error("query panicked", "ref_id", q.RefID, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			response = backend.ErrDataResponseWithSource(backend.StatusInternal, backend.ErrorSourcePlugin, "the plugin panicked; its log tells more")
		}
	}()
	if kindOf(q.JSON) == KindCase {
		frame, err := s.caseFrame(ctx, req, q)
		if err != nil {
			return failed(err)
		}
		if frame == nil {
			return backend.DataResponse{}
		}
		frame.RefID = q.RefID
		return backend.DataResponse{Frames: []*data.Frame{frame}}
	}
	model, err := parseQuery(q.JSON)
	if err != nil {
		return failed(err)
	}
	if model.Hide {
		return backend.DataResponse{}
	}
	catalog, err := s.currentCatalog(ctx, callerOf(req.PluginContext))
	if err != nil {
		return failed(err)
	}
	zone, err := time.LoadLocation(catalog.TimeZone)
	if err != nil {
		return failed(fault.New(fault.Internal, "catalogue: time zone %q: %w", catalog.TimeZone, err))
	}
	ask, err := model.request(q.TimeRange, s.now(), zone)
	if err != nil {
		return failed(err)
	}
	ask.Limit = rowLimit(ctx)
	long, err := s.client.ask(ctx, ask, callerOf(req.PluginContext))
	if err != nil {
		return failed(err)
	}
	language := model.Language
	if language == "" {
		language = s.settings.Language
	}
	shape := shaper{catalog: catalog, model: model, ask: ask, words: wordsIn(language), forAlert: req.Headers["FromAlert"] == "true"}
	frame, err := shape.frame(long)
	if err != nil {
		return failed(err)
	}
	frame.RefID = q.RefID
	return backend.DataResponse{Frames: []*data.Frame{frame}}
}

// defaultRows is the most rows of an answer; Grafana's own limit can only lower it.
const defaultRows = 50_000

func rowLimit(ctx context.Context) int {
	if cfg := config.GrafanaConfigFromContext(ctx); cfg != nil {
		if sql, err := cfg.SQL(); err == nil && sql.RowLimit > 0 {
			return int(min(sql.RowLimit, defaultRows))
		}
	}
	return defaultRows
}

// CheckHealth tells an administrator whether address and token work, and what the token may see.
func (s *Source) CheckHealth(ctx context.Context, req *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	words := wordsIn(s.settings.Language)
	s.mu.Lock()
	s.catalog = nil // the button asks the service, not our memory
	s.mu.Unlock()
	c, err := s.currentCatalog(ctx, callerOf(req.PluginContext))
	if err != nil {
		return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: err.Error()}, nil //nolint:nilerr // the error is the answer
	}
	details, err := json.Marshal(map[string]any{"publication": c.Publication.ID, "indicators": len(c.Indicators), "identity": c.Identity, "scope": c.Scope})
	if err != nil {
		return nil, err
	}
	return &backend.CheckHealthResult{
		Status:      backend.HealthStatusOk,
		Message:     fmt.Sprintf(words.healthy, c.Publication.ID, len(c.Indicators), c.Identity, c.Scope),
		JSONDetails: details,
	}, nil
}

// serveCatalog is the editors' list of what may be asked.
func (s *Source) serveCatalog(w http.ResponseWriter, r *http.Request) {
	c, err := s.currentCatalog(r.Context(), callerOf(backend.PluginConfigFromContext(r.Context())))
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, c)
}

// serveValues lists the values that a dimension of an indicator took: /values?indicator=&dimension=, and &period= as on
// the command line, or &from=&to= in milliseconds; without either, in the last 90 days.
func (s *Source) serveValues(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	ask := &api.Request{Indicators: []string{query.Get("indicator")}, By: []string{query.Get("dimension")}, Grain: "total", Period: query.Get("period"), Names: true, Limit: 1000}
	if ask.Period == "" {
		to := s.now()
		from := to.AddDate(0, 0, -90)
		first, err1 := strconv.ParseInt(query.Get("from"), 10, 64)
		last, err2 := strconv.ParseInt(query.Get("to"), 10, 64)
		if err1 == nil && err2 == nil {
			from, to = time.UnixMilli(first), time.UnixMilli(last)
		}
		ask.From, ask.To = &from, &to
	}
	long, err := s.client.ask(r.Context(), ask, callerOf(backend.PluginConfigFromContext(r.Context())))
	if err != nil {
		writeError(w, err)
		return
	}
	values := []dimensionValue{}
	seen := map[string]bool{}
	column, names := long.text(ask.By[0]), long.text("name_"+ask.By[0])
	for i := range long.rows {
		if v := column(i); v != nil && !seen[*v] {
			seen[*v] = true
			one := dimensionValue{Value: *v, Text: *v}
			if name := names(i); name != nil {
				one.Text = *name
			}
			values = append(values, one)
		}
	}
	writeJSON(w, http.StatusOK, map[string][]dimensionValue{"values": values})
}

// dimensionValue is a value of a dimension and what people call it.
type dimensionValue struct {
	Value string `json:"value"`
	Text  string `json:"text"`
}

func (s *Source) currentCatalog(ctx context.Context, caller string) (*api.Catalog, error) {
	s.mu.Lock()
	defer s.mu.Unlock() // one fetch at a time: the others of the dashboard wait for it
	if s.catalog != nil && s.now().Sub(s.fetchedAt) < catalogFor {
		return s.catalog, nil
	}
	c, err := s.client.catalog(ctx, caller)
	if err != nil {
		return nil, err
	}
	if c.Wire != api.WireVersion {
		return nil, fault.New(fault.Unavailable, "service speaks wire version %d, the plugin %d: bring both to one release", c.Wire, api.WireVersion)
	}
	s.catalog, s.fetchedAt = c, s.now()
	return c, nil
}

// callerOf is who looks at the dashboard, for the service's audit book; it gives no rights.
func callerOf(pc backend.PluginContext) string {
	if pc.User == nil || pc.User.Login == "" {
		return ""
	}
	return url.QueryEscape(strings.ToValidUTF8(pc.User.Login, ""))
}

// failed says whose fault an error is: what the service or the person who asked did wrong is downstream, and only what
// this plugin did wrong is the plugin's.
func failed(err error) backend.DataResponse {
	source := backend.ErrorSourceDownstream
	status := backend.Status(api.Status(fault.KindOf(err)))
	if fault.KindOf(err) == fault.Internal {
		source = backend.ErrorSourcePlugin
	}
	if remote, ok := errors.AsType[*serviceError](err); ok {
		source, status = backend.ErrorSourceDownstream, backend.Status(remote.status)
	}
	if source == backend.ErrorSourcePlugin {
		log.DefaultLogger.Error("query failed in the plugin", "error", err)
	}
	return backend.ErrDataResponseWithSource(status, source, err.Error())
}

func writeError(w http.ResponseWriter, err error) {
	status := api.Status(fault.KindOf(err))
	if remote, ok := errors.AsType[*serviceError](err); ok {
		status = remote.status
	}
	writeJSON(w, status, api.Error{Kind: api.KindName(fault.KindOf(err)), Message: err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"kind":"internal","message":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", api.JSON)
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		log.DefaultLogger.Debug("caller went away", "error", err)
	}
}
