package host

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/servetest"
)

// binary is the plugin as it ships, without cgo; building it again when nothing changed costs nothing.
var binary = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../../.cache/plugin/gpx_sanyi_lakehouse_test")
	if err != nil {
		return "", err
	}
	return path, Build(path)
})

// lockedBuffer takes what the plugin's process logs while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// grafana is a host with the plugin configured for the region of the worked case E01.
type grafana struct {
	plugin *Plugin
	logs   *lockedBuffer
	url    string
	token  string
}

func start(t *testing.T) *grafana {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the plugin")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	server, token := servetest.Start(t)
	http := httptest.NewServer(server)
	t.Cleanup(http.Close)
	g := &grafana{logs: &lockedBuffer{}, url: http.URL, token: token}
	if g.plugin, err = Start(path, []string{"GF_VERSION=12.3.0", "GF_PLUGIN_VERSION=0.1.0"}, g.logs); err != nil {
		t.Fatal(err, g.logs)
	}
	t.Cleanup(g.plugin.Kill)
	return g
}

func (g *grafana) context(language string) backend.PluginContext {
	return backend.PluginContext{
		PluginID: "sanyi-lakehouse-datasource", PluginVersion: "0.1.0",
		User: &backend.User{Login: "commission", Name: "卫健委", Role: "Viewer"},
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: 7, UID: "sanyi", Type: "sanyi-lakehouse-datasource", Name: "三医", URL: g.url,
			JSONData:                []byte(`{"language":"` + language + `"}`),
			DecryptedSecureJSONData: map[string]string{"token": g.token},
			Updated:                 time.Unix(1700000000, 0),
		},
		GrafanaConfig: config.NewGrafanaCfg(map[string]string{"GF_APP_URL": "http://localhost:3000/", "GF_SQL_ROW_LIMIT": "1000000", "GF_SQL_MAX_OPEN_CONNS_DEFAULT": "100", "GF_SQL_MAX_IDLE_CONNS_DEFAULT": "100", "GF_SQL_MAX_CONN_LIFETIME_SECONDS_DEFAULT": "14400"}),
	}
}

func (g *grafana) ask(t *testing.T, language string, queries ...string) backend.Responses {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	req := &backend.QueryDataRequest{PluginContext: g.context(language), Headers: map[string]string{}}
	for i, q := range queries {
		req.Queries = append(req.Queries, backend.DataQuery{
			RefID: string(rune('A' + i)), MaxDataPoints: 1000, Interval: time.Minute, JSON: []byte(q),
			TimeRange: backend.TimeRange{From: time.Date(2021, 6, 1, 0, 0, 0, 0, zone), To: time.Date(2021, 6, 8, 17, 0, 0, 0, zone)},
		})
	}
	resp, err := g.plugin.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err, g.logs)
	}
	return resp.Responses
}

// field finds a field by its stable name.
func field(t *testing.T, r backend.DataResponse, name string) *data.Field {
	t.Helper()
	if r.Error != nil || len(r.Frames) != 1 {
		t.Fatalf("got %v and %d frames, want one frame", r.Error, len(r.Frames))
	}
	f, _ := r.Frames[0].FieldByName(name)
	if f == nil {
		table, _ := r.Frames[0].StringTable(-1, -1)
		t.Fatalf("no field %s in\n%s", name, table)
	}
	return f
}

func number(f *data.Field, row int) float64 {
	if v, ok := f.At(row).(*float64); ok && v != nil {
		return *v
	}
	return math.NaN()
}

const today = `{"kind":"indicator","version":1,"indicators":["H001","H004","H005"],"grain":"day","compare":["wow"],"period":{"mode":"today"},"format":"table"}`

func TestThePanelShowsTheFiguresOfE01(t *testing.T) {
	g := start(t)
	r := g.ask(t, "zh-Hans", today)["A"]
	for name, want := range map[string]float64{"H001": 3671, "H001.base_wow": 4444, "H001.change_wow": -17.394239, "H004": 215.941176, "H005": 840} {
		if got := number(field(t, r, name), 0); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: got %g, want %g", name, got, want)
		}
	}
	if at, ok := field(t, r, "H005.at").At(0).(*string); !ok || *at != "08:00" {
		t.Errorf("peak hour: got %v, want 08:00", at)
	}
	for name, want := range map[string]struct{ title, unit string }{
		"H001":            {"门急诊人次", "suffix:人次"},
		"H001.base_wow":   {"门急诊人次 较上周同日:基期", "suffix:人次"},
		"H001.change_wow": {"门急诊人次 较上周同日:变化", "percent"},
		"H005.at":         {"门急诊高峰小时人次:时点", ""},
	} {
		if c := field(t, r, name).Config; c.DisplayNameFromDS != want.title || c.Unit != want.unit {
			t.Errorf("%s: got %q in %q, want %q in %q", name, c.DisplayNameFromDS, c.Unit, want.title, want.unit)
		}
	}
	meta := r.Frames[0].Meta
	if len(meta.Notices) == 0 || !strings.Contains(meta.Notices[0].Text, "2021-06-08 尚未结束,为截至 2021-06-08 17:00:00 的数据") {
		t.Errorf("notices: got %+v, want that the day is not over", meta.Notices)
	}
	if strings.Contains(meta.ExecutedQueryString, g.token) || !strings.Contains(meta.ExecutedQueryString, `"period": "2021-06-08"`) {
		t.Errorf("executed query: got %s", meta.ExecutedQueryString)
	}
}

func TestTheSamePanelInEnglish(t *testing.T) {
	g := start(t)
	r := g.ask(t, "en", today)["A"]
	if got, want := field(t, r, "H001.base_wow").Config.DisplayNameFromDS, "Outpatient and emergency visits same weekday last week: base"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestATrendHasItsBaseAsALineOfItsOwn(t *testing.T) {
	g := start(t)
	r := g.ask(t, "zh-Hans", `{"indicators":["H001"],"grain":"hour","compare":["wow"],"period":{"mode":"today"},"format":"time_series"}`)["A"]
	frame := r.Frames[0]
	if frame.Meta.Type != data.FrameTypeTimeSeriesWide || frame.Fields[0].Type() != data.FieldTypeTime || frame.Rows() != 24 {
		t.Fatalf("got %s with %d rows, want a wide series of 24 hours", frame.Meta.Type, frame.Rows())
	}
	value, base := field(t, r, "H001"), field(t, r, "H001.base_wow")
	if value.Config.DisplayNameFromDS != "门急诊人次" || base.Config.DisplayNameFromDS != "较上周同日" {
		t.Errorf("names: got %q and %q", value.Config.DisplayNameFromDS, base.Config.DisplayNameFromDS)
	}
	if number(value, 8) != 840 || number(base, 8) != 1017 {
		t.Errorf("08:00: got %g against %g, want 840 against 1017", number(value, 8), number(base, 8))
	}
	if !math.IsNaN(number(value, 20)) {
		t.Errorf("20:00, not yet come: got %g, want null, never 0", number(value, 20))
	}
	if at, _ := frame.Fields[0].At(8).(time.Time); at.UTC().Format(time.RFC3339) != "2021-06-08T00:00:00Z" {
		t.Errorf("08:00 in Shanghai: got %s", at.UTC())
	}
}

func TestDepartmentsAreLabelledSeriesAndSmallOnesAreNotShown(t *testing.T) {
	g := start(t)
	rs := g.ask(t, "zh-Hans",
		`{"indicators":["H001"],"grain":"day","by":["dept"],"period":{"mode":"range"},"format":"time_series"}`,
		`{"indicators":["H001"],"grain":"day","by":["dept"],"totals":true,"compare":["wow"],"period":{"mode":"today"},"format":"table"}`)
	series := rs["A"].Frames[0]
	var found bool
	for _, f := range series.Fields[1:] {
		if f.Labels["dept"] == "0400" {
			found = true
			if f.Config.DisplayNameFromDS != "外科" {
				t.Errorf("name: got %q, want 外科", f.Config.DisplayNameFromDS)
			}
		}
	}
	if !found {
		t.Errorf("no series of department 0400 in %v", series.Fields)
	}
	table := rs["B"]
	dept, value, note := field(t, table, "dept"), field(t, table, "H001"), field(t, table, "note")
	seen := map[string]bool{}
	for i := range dept.Len() {
		name := dept.At(i).(string)
		seen[name] = true
		switch name {
		case "0900":
			if !math.IsNaN(number(value, i)) || !strings.Contains(note.At(i).(string), "保护隐私") {
				t.Errorf("0900: got %g %q, want null and why", number(value, i), note.At(i))
			}
		case "合计":
			if number(value, i) != 3671 {
				t.Errorf("total: got %g, want 3671", number(value, i))
			}
		}
	}
	if m, ok := dept.Config.Mappings[0].(data.ValueMapper); !ok || m["0400"].Text != "外科" {
		t.Errorf("mappings: got %v, want 0400 to be called 外科", dept.Config.Mappings)
	}
	if !seen["0900"] || !seen["合计"] || dept.Config.DisplayNameFromDS != "科室" {
		t.Errorf("got %v under %q, want departments and a total under 科室", seen, dept.Config.DisplayNameFromDS)
	}
}

func TestOneWrongQueryLeavesTheOthersAlone(t *testing.T) {
	g := start(t)
	rs := g.ask(t, "zh-Hans",
		today,
		`{"kind":`,
		`{"kind":"sql","version":1}`,
		`{"indicators":["H999"],"period":{"mode":"today"}}`,
		`{"indicators":["H001"],"version":9}`,
		`{"indicators":[],"period":{"mode":"today"}}`,
		`{"indicators":["H001"],"by":["x; drop table y"]}`)
	if rs["A"].Error != nil {
		t.Errorf("A: got %v, want frames", rs["A"].Error)
	}
	for ref, want := range map[string]struct {
		status backend.Status
		text   string
	}{
		"B": {400, "not as expected"}, "C": {400, "kind"}, "D": {404, "H999"}, "E": {400, "newer"}, "F": {400, "at least one"}, "G": {400, "not an id"},
	} {
		r := rs[ref]
		if r.Error == nil || r.Status != want.status || !strings.Contains(r.Error.Error(), want.text) || r.ErrorSource != backend.ErrorSourceDownstream {
			t.Errorf("%s: got %d %v by %s, want %d with %q, downstream", ref, r.Status, r.Error, r.ErrorSource, want.status, want.text)
		}
	}
}

func TestAlertsReadOnlyTheValue(t *testing.T) {
	g := start(t)
	req := &backend.QueryDataRequest{PluginContext: g.context("zh-Hans"), Headers: map[string]string{"FromAlert": "true"}, Queries: []backend.DataQuery{{
		RefID: "A", JSON: []byte(`{"indicators":["H001"],"grain":"day","period":{"mode":"today"},"format":"time_series"}`),
		TimeRange: backend.TimeRange{From: time.Date(2021, 6, 8, 0, 0, 0, 0, time.UTC), To: time.Date(2021, 6, 8, 9, 0, 0, 0, time.UTC)},
	}}}
	req.PluginContext.User = nil // alerts have none
	resp, err := g.plugin.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if fields := resp.Responses["A"].Frames[0].Fields; len(fields) != 2 || fields[1].Name != "H001" {
		t.Errorf("got %d fields, want time and H001 alone", len(fields))
	}
}

func TestHealthTellsWhatIsWrong(t *testing.T) {
	g := start(t)
	good := g.context("zh-Hans")
	h, err := g.plugin.CheckHealth(t.Context(), good)
	if err != nil || h.Status != backend.HealthStatusOk || h.Message != "连接正常:发布 42,可用指标 3 个;令牌 test,范围 whole" {
		t.Errorf("got %v %v", h, err)
	}
	for name, c := range map[string]struct {
		change func(*backend.DataSourceInstanceSettings)
		want   string
	}{
		"no URL":          {func(s *backend.DataSourceInstanceSettings) { s.URL = "" }, "URL"},
		"no token":        {func(s *backend.DataSourceInstanceSettings) { s.DecryptedSecureJSONData = nil }, "token"},
		"wrong token":     {func(s *backend.DataSourceInstanceSettings) { s.DecryptedSecureJSONData["token"] = "sanyi_no" }, "valid token"},
		"nobody there":    {func(s *backend.DataSourceInstanceSettings) { s.URL = "http://127.0.0.1:1" }, "cannot be reached"},
		"bad jsonData":    {func(s *backend.DataSourceInstanceSettings) { s.JSONData = []byte(`{bad`) }, "jsonData"},
		"not the service": {func(s *backend.DataSourceInstanceSettings) { s.URL += "/elsewhere" }, "not `sanyi serve`"},
	} {
		t.Run(name, func(t *testing.T) {
			pc := g.context("zh-Hans")
			c.change(pc.DataSourceInstanceSettings)
			pc.DataSourceInstanceSettings.Updated = time.Now()
			h, err := g.plugin.CheckHealth(t.Context(), pc)
			if err != nil || h.Status != backend.HealthStatusError || !strings.Contains(h.Message, c.want) {
				t.Errorf("got %v %v, want an error with %q", h, err, c.want)
			}
		})
	}
	if strings.Contains(g.logs.String(), g.token) {
		t.Errorf("the plugin's log holds the token")
	}
}

func TestEditorsGetTheCatalogueAndADimensionsValues(t *testing.T) {
	g := start(t)
	call := func(path string) (int, []byte) {
		r, err := g.plugin.CallResource(context.WithoutCancel(t.Context()), &backend.CallResourceRequest{PluginContext: g.context("zh-Hans"), Method: http.MethodGet, Path: strings.Split(path, "?")[0], URL: path})
		if err != nil {
			t.Fatal(err)
		}
		return r.Status, r.Body
	}
	status, body := call("catalog")
	var c api.Catalog
	if err := json.Unmarshal(body, &c); err != nil || status != 200 || len(c.Indicators) != 3 || c.Indicators[0].Title.ZH != "门急诊人次" {
		t.Errorf("catalogue: got %d %s %v", status, body, err)
	}
	if status, body := call("values?indicator=H001&dimension=dept&period=2021-06-08"); status != 200 || string(body) != `{"values":[{"value":"0300","text":"内科"},{"value":"0400","text":"外科"},{"value":"0500","text":"妇产科"},{"value":"0900","text":"儿科"}]}` {
		t.Errorf("values: got %d %s", status, body)
	}
	if status, body := call("values?indicator=H999&dimension=dept&period=2021-06-08"); status != 404 {
		t.Errorf("values of no indicator: got %d %s, want 404", status, body)
	}
	if status, _ := call("v1/query"); status != 404 {
		t.Errorf("another path: got %d, want 404", status)
	}
}
