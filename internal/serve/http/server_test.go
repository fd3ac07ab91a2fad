package http

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/access"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	"github.com/sanyi-lake/sanyi/queries"
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// asker remembers what it was asked and does as it is told.
type asker struct {
	asked *api.Request
	scope queries.Scope
	do    func(context.Context) (*api.Answer, error)
}

func (a *asker) Zone() *time.Location { return shanghai }

func (a *asker) Publication(context.Context) (api.Publication, error) {
	return api.Publication{ID: 7, PublishedAt: time.Unix(0, 0).UTC()}, nil
}

func (a *asker) Catalog(context.Context) (*api.Catalog, error) {
	return &api.Catalog{Publication: api.Publication{ID: 7}, Indicators: []api.Indicator{{ID: "H001", Title: api.Text{ZH: "门急诊人次", EN: "Visits"}}}}, nil
}

func (a *asker) Ask(ctx context.Context, req *api.Request, scope queries.Scope) (*api.Answer, error) {
	a.asked, a.scope = req, scope
	if a.do != nil {
		return a.do(ctx)
	}
	v := 3671.0
	return &api.Answer{Publication: 7, Rows: []api.Row{{Indicator: "H001", Period: "2021-06-08", Start: time.Date(2021, 6, 8, 0, 0, 0, 0, shanghai), Value: &v}}}, nil
}

// door is a running service with one token for one hospital.
type door struct {
	url, token, book, tokens string
	asker                    *asker
	logs                     *bytes.Buffer
}

func open(t *testing.T, opt Options) *door {
	t.Helper()
	dir := t.TempDir()
	d := &door{asker: &asker{}, book: filepath.Join(dir, "audit"), logs: &bytes.Buffer{}}
	d.tokens = filepath.Join(dir, access.FileName)
	var err error
	if d.token, err = access.Add(d.tokens, "grafana", "org:H0001", time.Unix(0, 0), time.Time{}); err != nil {
		t.Fatal(err)
	}
	gate, err := access.Open(d.tokens)
	if err != nil {
		t.Fatal(err)
	}
	book, err := audit.Open(d.book)
	if err != nil {
		t.Fatal(err)
	}
	opt.Logger = slog.New(slog.NewTextHandler(d.logs, nil))
	s := httptest.NewServer(New(d.asker, gate, book, opt))
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

func (d *door) ask(t *testing.T, body, accept string) (int, string, nethttp.Header) {
	t.Helper()
	r, err := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodPost, d.url+api.PathQuery, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", api.JSON)
	r.Header.Set("Accept", accept)
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set(api.CallerHeader, "commission")
	return do(t, r)
}

func do(t *testing.T, r *nethttp.Request) (int, string, nethttp.Header) {
	t.Helper()
	resp, err := nethttp.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func TestAQuestionIsAnsweredWithinTheScopeOfItsToken(t *testing.T) {
	d := open(t, Options{})
	status, body, header := d.ask(t, `{"indicators":["H001"],"period":"2021-06-08","where":{"dept_code":["A1"]}}`, "")
	if status != 200 || !strings.Contains(body, `"value":3671`) || header.Get("X-Sanyi-Publication") != "7" {
		t.Fatalf("got %d %s, want 3671 of publication 7", status, body)
	}
	if !reflect.DeepEqual(d.asker.scope, queries.Organisations("H0001")) {
		t.Errorf("scope: got %+v, want organisation H0001", d.asker.scope)
	}
	if d.asker.asked.MinCell != 10 {
		t.Errorf("min_cell: got %d, want 10: a network door suppresses", d.asker.asked.MinCell)
	}
}

func TestACallerCanOnlyRaiseTheSmallestCell(t *testing.T) {
	d := open(t, Options{})
	for asked, want := range map[string]int{"0": 10, "3": 10, "25": 25} {
		if status, body, _ := d.ask(t, `{"indicators":["H001"],"period":"2021","min_cell":`+asked+`}`, ""); status != 200 || d.asker.asked.MinCell != want {
			t.Errorf("asked %s: got %d %s, min_cell %d, want %d", asked, status, body, d.asker.asked.MinCell, want)
		}
	}
}

// TestFiguresOfFewCasesAreShownToWhoMaySeeThem: the right takes the door's smallest cell away, not the guard of
// benchmarks; the book says that they were shown, and nobody can ask for it.
func TestFiguresOfFewCasesAreShownToWhoMaySeeThem(t *testing.T) {
	d := open(t, Options{})
	quality, err := access.Add(d.tokens, "quality", "org:H0001", time.Unix(0, 0), time.Time{}, access.SmallCells)
	if err != nil {
		t.Fatal(err)
	}
	plain := d.token
	for _, k := range []struct {
		name, token, more string
		cell, shown       int
	}{
		{"without the right", plain, "", 10, 10},
		{"with it", quality, "", 0, 0},
		{"with it, asking for more hiding", quality, `,"min_cell":25`, 25, 0},
	} {
		t.Run(k.name, func(t *testing.T) {
			d.token = k.token
			if status, body, _ := d.ask(t, `{"indicators":["G016"],"period":"2021"`+k.more+`}`, ""); status != 200 || d.asker.asked.MinCell != k.cell || d.asker.asked.Guard != 10 {
				t.Errorf("got %d %s, min_cell %d, guard %d, want %d and 10", status, body, d.asker.asked.MinCell, d.asker.asked.Guard, k.cell)
			}
			r, _ := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodGet, d.url+api.PathCatalog, nil)
			r.Header.Set("Authorization", "Bearer "+k.token)
			var c api.Catalog
			if _, body, _ := do(t, r); json.Unmarshal([]byte(body), &c) != nil || c.MinCell != k.shown {
				t.Errorf("the catalogue says %d, want %d", c.MinCell, k.shown)
			}
		})
	}
	d.token = quality
	for _, body := range []string{`,"guard":1`, `,"Guard":1`, `,"small_cells":true`} {
		if status, text, _ := d.ask(t, `{"indicators":["G016"],"period":"2021"`+body+`}`, ""); status != 400 {
			t.Errorf("%s: got %d %s, want 400: nobody asks for less guarding", body, status, text)
		}
	}
	files, err := filepath.Glob(filepath.Join(d.book, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	lines, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(lines), `"small_cells":true`); got != 2 {
		t.Errorf("the book says of %d questions that few cases were shown, want 2 of %s", got, lines)
	}
}

func TestAnswersComeInTheMediaTypeAskedFor(t *testing.T) {
	d := open(t, Options{})
	question := `{"indicators":["H001"],"period":"2021-06-08"}`
	if _, body, h := d.ask(t, question, api.CSV); h.Get("Content-Type") != api.CSV || !strings.HasPrefix(body, "indicator,period,") {
		t.Errorf("csv: got %s %q", h.Get("Content-Type"), body)
	}
	_, body, h := d.ask(t, question, api.Arrow+", */*;q=0.1")
	if h.Get("Content-Type") != api.Arrow {
		t.Errorf("arrow: got %s", h.Get("Content-Type"))
	}
	r, err := ipc.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() || r.RecordBatch().NumRows() != 1 {
		t.Errorf("arrow: got no row")
	}
	if status, body, _ := d.ask(t, question, "image/png"); status != 400 {
		t.Errorf("image/png: got %d %s, want 400", status, body)
	}
}

func TestNobodyGetsInWithoutAToken(t *testing.T) {
	d := open(t, Options{})
	for _, c := range []struct{ name, path, header string }{
		{"no header", api.PathCatalog, ""},
		{"wrong token", api.PathCatalog, "Bearer sanyi_wrong"},
		{"empty token", api.PathPublication, "Bearer "},
		{"hash instead of token", api.PathPublication, "Bearer " + strings.Repeat("0", 64)},
		{"basic", api.PathCatalog, "Basic " + d.token},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodGet, d.url+c.path, nil)
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			if status, body, _ := do(t, r); status != 401 || !strings.Contains(body, api.Unauthenticated) {
				t.Errorf("got %d %s, want 401", status, body)
			}
		})
	}
	r, _ := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodGet, d.url+api.PathHealth, nil)
	if status, body, _ := do(t, r); status != 200 {
		t.Errorf("health: got %d %s, want 200 for anybody", status, body)
	}
	if strings.Contains(d.logs.String(), d.token) {
		t.Errorf("the log holds the token")
	}
}

func TestTheCatalogueTellsWhoAsksAndWhatHolds(t *testing.T) {
	d := open(t, Options{MinCell: 20})
	r, _ := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodGet, d.url+api.PathCatalog, nil)
	r.Header.Set("Authorization", "Bearer "+d.token)
	_, body, _ := do(t, r)
	var c api.Catalog
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatal(err)
	}
	if c.Identity != "grafana" || c.Scope != "org:H0001" || c.MinCell != 20 || c.TimeZone != "Asia/Shanghai" || len(c.Indicators) != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestWrongQuestionsAreRefusedWithAReason(t *testing.T) {
	d := open(t, Options{MaxBody: 300})
	for _, c := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"not JSON", `select 1`, 400, "usage"},
		{"SQL in a field that is not there", `{"indicators":["H001"],"sql":"select 1"}`, 400, "usage"},
		{"two questions", `{"indicators":["H001"]}{}`, 400, "follows"},
		{"nothing asked", `{}`, 400, "at least one"},
		{"too large", `{"indicators":["` + strings.Repeat("x", 400) + `"]}`, 413, "too_large"},
		{"too many periods", `{"indicators":["H001"],"grain":"hour","from":"2000-01-01T00:00:00Z","to":"2020-01-01T00:00:00Z"}`, 413, "coarser"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, body, _ := d.ask(t, c.body, ""); status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s, want %d with %q", status, body, c.status, c.want)
			}
		})
	}
	if d.asker.asked != nil {
		t.Errorf("a wrong question reached the asker: %+v", d.asker.asked)
	}
}

func TestKindsOfErrorsBecomeStatuses(t *testing.T) {
	d := open(t, Options{})
	for kind, status := range map[fault.Kind]int{fault.Usage: 400, fault.NotFound: 404, fault.Denied: 403, fault.TooLarge: 413} {
		d.asker.do = func(context.Context) (*api.Answer, error) { return nil, fault.New(kind, "indicator H999: because") }
		if got, body, _ := d.ask(t, `{"indicators":["H999"],"period":"2021"}`, ""); got != status || !strings.Contains(body, "because") {
			t.Errorf("kind %s: got %d %s, want %d", api.KindName(kind), got, body, status)
		}
	}
	d.asker.do = func(context.Context) (*api.Answer, error) {
		return nil, fault.New(fault.Internal, "read /srv/lake/warehouse/x.parquet")
	}
	if got, body, _ := d.ask(t, `{"indicators":["H999"],"period":"2021"}`, ""); got != 500 || strings.Contains(body, "warehouse") {
		t.Errorf("internal: got %d %s, want 500 without the path", got, body)
	}
	d.asker.do = func(context.Context) (*api.Answer, error) {
		return nil, fault.New(fault.Unavailable, "duckdb: IO Error: /srv/lake/warehouse/x.parquet")
	}
	if got, body, _ := d.ask(t, `{"indicators":["H999"],"period":"2021"}`, ""); got != 503 || strings.Contains(body, "warehouse") {
		t.Errorf("unavailable: got %d %s, want 503 without the path", got, body)
	}
}

func TestAPanicIsOneQuestionsFault(t *testing.T) {
	d := open(t, Options{})
	d.asker.do = func(context.Context) (*api.Answer, error) { panic("a value of a patient") }
	if status, body, _ := d.ask(t, `{"indicators":["H001"],"period":"2021"}`, ""); status != 500 || strings.Contains(body, "patient") {
		t.Errorf("got %d %s, want 500", status, body)
	}
	if strings.Contains(d.logs.String(), "a value of a patient") {
		t.Errorf("the log holds the panic's text")
	}
	if found, err := audit.Verify(d.book); err != nil || found.Lines != 1 {
		t.Errorf("the audit book has %d lines (%v), want the question that panicked", found.Lines, err)
	}
	d.asker.do = nil
	if status, body, _ := d.ask(t, `{"indicators":["H001"],"period":"2021"}`, ""); status != 200 {
		t.Errorf("after the panic: got %d %s, want 200", status, body)
	}
}

func TestALongQuestionIsCutOff(t *testing.T) {
	d := open(t, Options{Deadline: 20 * time.Millisecond})
	d.asker.do = func(ctx context.Context) (*api.Answer, error) { <-ctx.Done(); return nil, ctx.Err() }
	if status, body, _ := d.ask(t, `{"indicators":["H001"],"period":"2021"}`, ""); status != 413 || !strings.Contains(body, "longer") {
		t.Errorf("got %d %s, want 413", status, body)
	}
}

func TestRowsAreCapped(t *testing.T) {
	d := open(t, Options{MaxRows: 2})
	d.asker.do = func(context.Context) (*api.Answer, error) { return &api.Answer{Rows: make([]api.Row, 3)}, nil }
	if status, body, _ := d.ask(t, `{"indicators":["H001"],"period":"2021"}`, ""); status != 413 {
		t.Errorf("got %d %s, want 413", status, body)
	}
}

func TestASuppressedRowLeavesWithoutAnyFigure(t *testing.T) {
	d := open(t, Options{})
	v := 7.0
	d.asker.do = func(context.Context) (*api.Answer, error) {
		return &api.Answer{Compare: []string{"wow"}, Rows: []api.Row{{
			Indicator: "H005", Suppressed: true, Value: &v, Numerator: &v, Denominator: &v, At: "08:00", Compared: map[string]api.Compared{"wow": {Base: &v, Change: &v, Points: &v}},
		}}}, nil
	}
	if _, body, _ := d.ask(t, `{"indicators":["H005"],"period":"2021","compare":["wow"]}`, ""); strings.Contains(body, "7") || strings.Contains(body, "08:00") || !strings.Contains(body, `"suppressed":true`) {
		t.Errorf("got %s, want no figure", body)
	}
}

func TestEveryQuestionIsInTheBookWithoutItsValues(t *testing.T) {
	d := open(t, Options{})
	d.ask(t, `{"indicators":["H001"],"period":"2021-06-08","by":["org_code"],"where":{"dept_code":["SECRET7"]}}`, "")
	d.ask(t, `{"indicators":["H001"],"grain":"minute"}`, "")
	files, err := audit.Files(d.book)
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v %v, want one file", files, err)
	}
	text := read(t, files[0])
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2", len(lines))
	}
	for i, want := range []string{`"decision":"answered"`, `"decision":"refused","kind":"usage"`} {
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], `"who":"grafana","behind":"commission","scope":"org:H0001"`) {
			t.Errorf("line %d: got %s, want %s", i+1, lines[i], want)
		}
	}
	for _, never := range []string{"3671", "SECRET7", d.token} {
		if strings.Contains(text, never) {
			t.Errorf("the book holds %s", never)
		}
	}
	if found, err := audit.Verify(d.book); err != nil || found.Broken != "" || found.Lines != 2 {
		t.Errorf("got %+v %v, want an unbroken chain of 2", found, err)
	}
}

func TestNothingIsAnsweredWhenTheBookCannotBeWritten(t *testing.T) {
	d := open(t, Options{})
	if err := removeAll(d.book); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := d.ask(t, `{"indicators":["H001"],"period":"2021"}`, ""); status != 503 || strings.Contains(body, "3671") {
		t.Errorf("got %d %s, want 503 and no figure", status, body)
	}
}

func TestARangeBecomesThePeriodsThatItTouches(t *testing.T) {
	at := func(text string) *time.Time {
		v, err := time.ParseInLocation(time.DateTime, text, shanghai)
		if err != nil {
			t.Fatal(err)
		}
		v = v.UTC()
		return &v
	}
	for _, c := range []struct{ grain, from, to, want string }{
		{"day", "2021-06-01 00:00:00", "2021-06-08 17:00:00", "2021-06-01..2021-06-08"},
		{"", "2021-06-01 00:00:00", "2021-06-02 00:00:00", "2021-06-01"}, // half open
		{"week", "2021-01-01 00:00:00", "2021-01-05 00:00:00", "2020-W53..2021-W01"},
		{"month", "2021-05-31 23:00:00", "2021-06-01 01:00:00", "2021-05..2021-06"},
		{"quarter", "2021-01-01 00:00:00", "2021-12-31 00:00:00", "2021-Q1..2021-Q4"},
		{"year", "2020-12-31 23:59:59", "2021-01-01 00:00:00", "2020"},
		{"total", "2021-06-01 00:00:00", "2021-06-08 17:00:00", "2021-06-01..2021-06-08"},
	} {
		req := &api.Request{Grain: c.grain, From: at(c.from), To: at(c.to)}
		if _, err := overlapping(req, shanghai); err != nil || req.Period != c.want {
			t.Errorf("%s %s to %s: got %s %v, want %s", c.grain, c.from, c.to, req.Period, err, c.want)
		}
	}
	req := &api.Request{Grain: "hour", From: at("2021-06-08 06:30:00"), To: at("2021-06-08 09:00:00")}
	keep, err := overlapping(req, shanghai)
	if err != nil || req.Period != "2021-06-08" {
		t.Fatalf("hour: got %s %v", req.Period, err)
	}
	for hour, want := range map[int]bool{5: false, 6: true, 8: true, 9: false} {
		if got := keep(time.Date(2021, 6, 8, hour, 0, 0, 0, shanghai)); got != want {
			t.Errorf("hour %d: got %t, want %t", hour, got, want)
		}
	}
}

func TestOnlyThisMachineMayBeServedInTheClear(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "lake.example:0"} {
		if l, err := Listen(t.Context(), Address{Addr: addr}); err == nil || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: got %v %v, want a usage error", addr, l, err)
		}
	}
	l, err := Listen(t.Context(), Address{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
