// Package host starts the built data source as Grafana does and speaks Grafana's gRPC plugin protocol with it, so that
// tests and the browser harness need no Grafana. It is never part of the plugin.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// Build builds the plugin as it ships, without cgo, at a path; doing it again when nothing changed costs nothing.
func Build(path string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/sanyi-lake/sanyi/plugin/pkg") //nolint:noctx // a test's tool
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, text)
	}
	return nil
}

// Plugin is a running plugin process. Kill it, or it outlives its host.
type Plugin struct {
	client *plugin.Client
	data   grpcplugin.DataClient
	health grpcplugin.DiagnosticsClient
	calls  grpcplugin.ResourceClient
}

// Start runs the binary with a chosen environment; what it logs goes to logs as JSON lines.
func Start(binary string, env []string, logs io.Writer) (*Plugin, error) {
	cmd := exec.Command(binary) //nolint:noctx // its life is the host's: Kill ends it
	cmd.Env = env
	client := plugin.NewClient(&plugin.ClientConfig{
		Cmd:         cmd,
		SkipHostEnv: true, // else the whole environment of the host leaks in
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data":        &grpcplugin.DataGRPCPlugin{},
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource":    &grpcplugin.ResourceGRPCPlugin{},
		}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Output: logs, Level: hclog.Debug, JSONFormat: true}),
	})
	p := &Plugin{client: client}
	rpc, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, fmt.Errorf("plugin %s: %w", binary, err)
	}
	p.data, err = dispense[grpcplugin.DataClient](rpc, "data")
	if err == nil {
		p.health, err = dispense[grpcplugin.DiagnosticsClient](rpc, "diagnostics")
	}
	if err == nil {
		p.calls, err = dispense[grpcplugin.ResourceClient](rpc, "resource")
	}
	if err != nil {
		client.Kill()
		return nil, fmt.Errorf("plugin %s: %w", binary, err)
	}
	return p, nil
}

func dispense[T any](rpc plugin.ClientProtocol, name string) (T, error) {
	raw, err := rpc.Dispense(name)
	client, ok := raw.(T)
	if err == nil && !ok {
		err = fmt.Errorf("%s: got %T", name, raw)
	}
	return client, err
}

// Kill ends the plugin.
func (p *Plugin) Kill() { p.client.Kill() }

// QueryData asks for frames.
func (p *Plugin) QueryData(ctx context.Context, r *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	resp, err := p.data.QueryData(ctx, backend.ToProto().QueryDataRequest(r))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().QueryDataResponse(resp)
}

// CheckHealth is the button "save and test".
func (p *Plugin) CheckHealth(ctx context.Context, pc backend.PluginContext) (*backend.CheckHealthResult, error) {
	resp, err := p.health.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: backend.ToProto().PluginContext(pc)})
	if err != nil {
		return nil, err
	}
	return backend.FromProto().CheckHealthResponse(resp), nil
}

// CallResource is what editors ask; the answer's chunks are joined.
func (p *Plugin) CallResource(ctx context.Context, r *backend.CallResourceRequest) (*backend.CallResourceResponse, error) {
	stream, err := p.calls.CallResource(ctx, backend.ToProto().CallResourceRequest(r))
	if err != nil {
		return nil, err
	}
	var out *backend.CallResourceResponse
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		chunk := backend.FromProto().CallResourceResponse(m)
		if out == nil {
			out = chunk
		} else {
			out.Body = append(out.Body, chunk.Body...)
		}
	}
}
