// Command bridge stands in for Grafana's server in the browser tests: it starts the built plugin over Grafana's gRPC
// protocol and serves the few HTTP calls that a data source's front end makes, and the harness page. Loopback only.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"

	"github.com/sanyi-lake/sanyi/internal/serve/servetest"
	"github.com/sanyi-lake/sanyi/plugin/pkg/host"
)

const id = "sanyi-lakehouse-datasource"

func main() {
	var o options
	flag.StringVar(&o.binary, "plugin", "dist/gpx_sanyi_lakehouse_linux_amd64", "the plugin's binary")
	flag.StringVar(&o.dist, "dist", "dist", "the plugin's folder, served as Grafana serves it")
	flag.StringVar(&o.page, "page", "harness-dist", "the harness page")
	flag.StringVar(&o.service, "service", "", "URL of a running `sanyi serve`; none = the region of the worked case E01")
	flag.StringVar(&o.tokenFile, "token-file", "", "file with the token for -service")
	rows := flag.String("rows", "", "write the test region's rows of a table as NDJSON and stop: fact_outp_visit or dim_dept")
	flag.Parse()
	if *rows != "" {
		write := map[string]func(io.Writer) error{"fact_outp_visit": servetest.WriteRows, "dim_dept": servetest.WriteDepartments}[*rows]
		if write == nil {
			fail(fmt.Errorf("the test region has no rows of %s", *rows))
		}
		if err := write(os.Stdout); err != nil {
			fail(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bridge:", err)
	os.Exit(1)
}

type options struct{ binary, dist, page, service, tokenFile string }

// run serves until the context ends and prints its address as soon as it listens.
func run(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	b := &bridge{url: o.service}
	if o.service == "" {
		dir, err := os.MkdirTemp("", "sanyi-bridge-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		door, token, err := servetest.Door(dir)
		if err != nil {
			return err
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		go func() { _ = door.Serve(ctx, l) }()
		b.url, b.token = "http://"+l.Addr().String(), token
	} else {
		text, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return err
		}
		b.token = strings.TrimSpace(string(text))
	}
	if b.plugin, err = host.Start(o.binary, []string{"GF_VERSION=12.3.0", "GF_PLUGIN_VERSION=0.1.0"}, stderr); err != nil {
		return err
	}
	defer b.plugin.Kill() // else it outlives us
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/ds/query", b.query)
	mux.HandleFunc("GET /api/datasources/uid/{uid}/health", b.health)
	mux.HandleFunc("/api/datasources/uid/{uid}/resources/{path...}", b.resource)
	mux.Handle("/public/plugins/"+id+"/", http.StripPrefix("/public/plugins/"+id+"/", http.FileServer(http.Dir(o.dist))))
	mux.Handle("/", http.FileServer(http.Dir(o.page)))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Fprintf(stdout, "http://%s\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type bridge struct {
	plugin     *host.Plugin
	url, token string
}

func (b *bridge) context() backend.PluginContext {
	return backend.PluginContext{
		PluginID: id, PluginVersion: "0.1.0",
		User: &backend.User{Login: "commission", Name: "卫健委", Role: "Viewer"},
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: 7, UID: "sanyi", Type: id, Name: "三医", URL: b.url, JSONData: []byte(`{}`),
			DecryptedSecureJSONData: map[string]string{"token": b.token}, Updated: time.Unix(1700000000, 0),
		},
		GrafanaConfig: config.NewGrafanaCfg(map[string]string{"GF_APP_URL": "http://127.0.0.1:3000/"}),
	}
}

// query is POST /api/ds/query: 400 with the same body when any query failed, as Grafana 12.3 does.
func (b *bridge) query(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Queries  []json.RawMessage `json:"queries"`
		From, To string
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	moment := func(ms string) time.Time { n, _ := strconv.ParseInt(ms, 10, 64); return time.UnixMilli(n) }
	req := &backend.QueryDataRequest{PluginContext: b.context(), Headers: map[string]string{}}
	for _, raw := range body.Queries {
		var q struct {
			RefID         string `json:"refId"`
			MaxDataPoints int64  `json:"maxDataPoints"`
			IntervalMS    int64  `json:"intervalMs"`
		}
		if err := json.Unmarshal(raw, &q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		req.Queries = append(req.Queries, backend.DataQuery{
			RefID: q.RefID, MaxDataPoints: q.MaxDataPoints, Interval: time.Duration(q.IntervalMS) * time.Millisecond,
			TimeRange: backend.TimeRange{From: moment(body.From), To: moment(body.To)}, JSON: raw,
		})
	}
	resp, err := b.plugin.QueryData(r.Context(), req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	for _, d := range resp.Responses {
		if d.Error != nil {
			status = http.StatusBadRequest
		}
	}
	answer(w, status, resp)
}

func (b *bridge) health(w http.ResponseWriter, r *http.Request) {
	h, err := b.plugin.CheckHealth(r.Context(), b.context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	if h.Status != backend.HealthStatusOk {
		status = http.StatusBadRequest
	}
	answer(w, status, map[string]any{"status": h.Status.String(), "message": h.Message, "details": json.RawMessage(h.JSONDetails)})
}

func (b *bridge) resource(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path := r.PathValue("path")
	resp, err := b.plugin.CallResource(r.Context(), &backend.CallResourceRequest{
		PluginContext: b.context(), Method: r.Method, Path: path, URL: path + "?" + r.URL.RawQuery, Headers: r.Header, Body: body,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(resp.Status)
	_, _ = w.Write(resp.Body)
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
