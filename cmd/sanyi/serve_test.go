//go:build duckdb_arrow

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	"github.com/sanyi-lake/sanyi/internal/serve/servetest"
	"github.com/sanyi-lake/sanyi/plugin/pkg/host"
)

// served is a real lake with the visits of the worked case E01, behind a real `sanyi serve`.
type served struct{ lake, url, whole, other string }

func serveE01(t *testing.T) served {
	t.Helper()
	if testing.Short() {
		t.Skip("loads a lake")
	}
	dir := t.TempDir()
	s := served{lake: filepath.Join(dir, "lake")}
	sanyi := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("sanyi %s: exit %d: %s", strings.Join(args, " "), code, errs.String())
		}
		return strings.TrimSpace(out.String())
	}
	sanyi("init", s.lake)
	for table, write := range map[string]func(io.Writer) error{"dim_dept": servetest.WriteDepartments, "fact_outp_visit": servetest.WriteRows} {
		var rows bytes.Buffer
		if err := write(&rows); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, table+".ndjson")
		if err := os.WriteFile(file, rows.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		sanyi("ingest", "--lake", s.lake, "--table", table, "--relaxed", file)
	}
	s.whole = sanyi("serve", "token", "add", "--lake", s.lake, "--name", "commission", "--scope", "whole")
	s.other = sanyi("serve", "token", "add", "--lake", s.lake, "--name", "elsewhere", "--scope", "org:H0002")
	s.url = serving(t, s.lake)
	return s
}

// serving runs `sanyi serve` on a lake until the test ends.
func serving(t *testing.T, dir string) (url string) {
	t.Helper()
	f := serveFlags{lakeFlags: lakeFlags{dir: dir}, deadline: time.Minute, connections: 2}
	f.address.Addr = "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- f.run(ctx, slog.New(slog.DiscardHandler), func(url string) { ready <- url }) }()
	select {
	case url = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return url
}

func (s served) ask(t *testing.T, token, question string) (int, []map[string]any) {
	t.Helper()
	return s.post(t, token, "/v1/query", question)
}

func (s served) post(t *testing.T, token, path, question string) (int, []map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Rows []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return resp.StatusCode, answer.Rows
}

const e01 = `{"indicators":["H001","H004","H005"],"period":"2021-06-08","grain":"day","compare":["wow"],"now":"2021-06-08 17:00:00"`

func near(got any, want float64) bool {
	v, ok := got.(float64)
	return ok && math.Abs(v-want) < 1e-6
}

func TestServeAnswersE01FromARealLake(t *testing.T) {
	s := serveE01(t)
	status, rows := s.ask(t, s.whole, e01+"}")
	if status != 200 || len(rows) != 3 {
		t.Fatalf("got %d %v, want three figures", status, rows)
	}
	for i, want := range []map[string]float64{{"value": 3671, "base_wow": 4444, "change_wow": -17.394239423942395}, {"value": 215.94117647058823, "denominator": 17}, {"value": 840}} {
		for name, v := range want {
			if !near(rows[i][name], v) {
				t.Errorf("%v %s: got %v, want %g", rows[i]["indicator"], name, rows[i][name], v)
			}
		}
	}
	if rows[2]["at"] != "08:00" || rows[0]["partial"] != true {
		t.Errorf("got at %v, partial %v, want 08:00, true", rows[2]["at"], rows[0]["partial"])
	}
	t.Run("an hour that has not begun has no figure, its base stands", func(t *testing.T) {
		_, rows := s.ask(t, s.whole, `{"indicators":["H001"],"period":"2021-06-08","grain":"hour","compare":["wow"],"now":"2021-06-08 10:00:00"}`)
		if len(rows) != 24 || !near(rows[8]["value"], 840) || rows[10]["value"] != nil || !near(rows[10]["base_wow"], 522) {
			t.Errorf("got %v at 8, %v against %v at 10, want 840, null against 522", rows[8]["value"], rows[10]["value"], rows[10]["base_wow"])
		}
	})
	t.Run("a token of another hospital counts nothing of this one", func(t *testing.T) {
		_, rows := s.ask(t, s.other, e01+"}")
		for _, r := range rows {
			if v, ok := r["value"].(float64); ok && v != 0 {
				t.Errorf("%v: got %v, want nothing", r["indicator"], v)
			}
		}
	})
	t.Run("small figures stay hidden although the caller asks for less hiding", func(t *testing.T) {
		_, rows := s.ask(t, s.whole, e01+`,"by":["dept"],"names":true,"min_cell":1}`)
		seen := false
		for _, r := range rows {
			if r["dept"] == "0900" && r["indicator"] == "H001" {
				seen = true
				if r["name_dept"] != "儿科" {
					t.Errorf("name: got %v, want 儿科", r["name_dept"])
				}
				if r["value"] != nil || r["base_wow"] != nil || r["suppressed"] != true {
					t.Errorf("0900: got %v, want it suppressed", r)
				}
			}
		}
		if !seen {
			t.Error("no row of department 0900")
		}
	})
	t.Run("what does not exist is said so", func(t *testing.T) {
		if status, _ := s.ask(t, s.whole, `{"indicators":["H999"],"period":"2021"}`); status != 404 && status != 400 {
			t.Errorf("got %d, want 404 or 400", status)
		}
		if status, _ := s.ask(t, s.whole, `{"indicators":["H001"],"period":"2021","by":["person_key"]}`); status != 400 && status != 403 {
			t.Errorf("by person: got %d, want a refusal", status)
		}
	})
	if found, err := audit.Verify(filepath.Join(s.lake, "audit")); err != nil || found.Broken != "" || found.Lines < 6 {
		t.Errorf("audit: got %+v %v, want an unbroken chain of every question", found, err)
	}
}

func TestThePluginShowsE01FromARealLake(t *testing.T) {
	s := serveE01(t)
	binary, err := filepath.Abs("../../.cache/plugin/gpx_sanyi_lakehouse_test")
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Build(binary); err != nil {
		t.Fatal(err)
	}
	p, err := host.Start(binary, []string{"GF_VERSION=12.3.0"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	zone := time.FixedZone("Asia/Shanghai", 8*3600)
	resp, err := p.QueryData(t.Context(), &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{PluginID: "sanyi-lakehouse-datasource", DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: 1, UID: "sanyi", Name: "sanyi", URL: s.url, JSONData: []byte(`{}`), DecryptedSecureJSONData: map[string]string{"token": s.whole}, Updated: time.Unix(1, 0),
		}},
		Queries: []backend.DataQuery{{
			RefID: "A", JSON: []byte(`{"indicators":["H001","H004","H005"],"grain":"day","compare":["wow"],"period":{"mode":"today"},"format":"table"}`),
			TimeRange: backend.TimeRange{From: time.Date(2021, 6, 1, 0, 0, 0, 0, zone), To: time.Date(2021, 6, 8, 17, 0, 0, 0, zone)},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := resp.Responses["A"]
	if r.Error != nil {
		t.Fatal(r.Error)
	}
	for name, want := range map[string]float64{"H001": 3671, "H001.base_wow": 4444, "H001.change_wow": -17.394239423942395, "H004": 215.94117647058823, "H005": 840} {
		f, _ := r.Frames[0].FieldByName(name)
		if f == nil {
			t.Errorf("%s: no such field", name)
			continue
		}
		if v, ok := f.At(0).(*float64); !ok || v == nil || math.Abs(*v-want) > 1e-6 {
			t.Errorf("%s: got %v, want %g", name, f.At(0), want)
		}
	}
}
