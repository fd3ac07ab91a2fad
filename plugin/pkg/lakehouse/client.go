package lakehouse

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// client asks one service with one token.
type client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// maxAnswer bounds what the plugin reads of one answer.
const maxAnswer = 64 << 20

func newClient(address, token, ca string) (*client, error) {
	base, err := url.Parse(address)
	switch {
	case address == "":
		return nil, fault.New(fault.Usage, "settings: the URL of `sanyi serve` is missing")
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, fault.New(fault.Usage, "settings: the URL must be http://HOST:PORT or https://HOST:PORT")
	case base.User != nil || base.RawQuery != "":
		return nil, fault.New(fault.Usage, "settings: the URL must hold neither a name nor a query; the token has its own field")
	case token == "":
		return nil, fault.New(fault.Usage, "settings: the token is missing; make one with `sanyi serve token add`")
	}
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 90 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   8,
		ForceAttemptHTTP2:     true,
	}
	if ca != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM([]byte(ca)) {
			return nil, fault.New(fault.Usage, "settings: the CA certificate is not PEM")
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the token goes where it was meant to, nowhere else
	return &client{base: base, token: token, http: &http.Client{Transport: transport, CheckRedirect: stay, Timeout: 2 * time.Minute}}, nil
}

// serviceError is what the service, or the way to it, answered.
type serviceError struct {
	status  int
	kind    fault.Kind
	message string
}

func (e *serviceError) Error() string { return e.message }

func (c *client) catalog(ctx context.Context, caller string) (*api.Catalog, error) {
	body, err := c.do(ctx, http.MethodGet, api.PathCatalog, nil, api.JSON, caller)
	if err != nil {
		return nil, err
	}
	var out api.Catalog
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, remote(http.StatusBadGateway, fault.Unavailable, "what answers at the URL is not `sanyi serve`")
	}
	return &out, nil
}

func (c *client) ask(ctx context.Context, req *api.Request, caller string) (*longAnswer, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	body, err := c.do(ctx, http.MethodPost, api.PathQuery, text, api.Arrow, caller)
	if err != nil {
		return nil, err
	}
	return readLong(bytes.NewReader(body))
}

func (c *client) do(ctx context.Context, method, path string, body []byte, accept, caller string) (answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		r.Header.Set("Content-Type", api.JSON)
	}
	if caller != "" {
		r.Header.Set(api.CallerHeader, caller)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, remote(http.StatusGatewayTimeout, fault.Unavailable, "the service did not answer in time")
		}
		if e, ok := errors.AsType[*url.Error](err); ok { // the cause alone: the address is in the settings
			err = e.Err
		}
		return nil, remote(http.StatusBadGateway, fault.Unavailable, fmt.Sprintf("the service cannot be reached: %v", err))
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, remote(http.StatusBadGateway, fault.Unavailable, fmt.Sprintf("the service's answer broke off: %v", err))
	case len(text) > maxAnswer:
		return nil, remote(http.StatusRequestEntityTooLarge, fault.TooLarge, "the answer is too large: ask for a shorter period or fewer groups")
	case resp.StatusCode == http.StatusOK:
		return text, nil
	}
	var e api.Error
	if json.Unmarshal(text, &e) != nil || e.Message == "" {
		return nil, remote(http.StatusBadGateway, fault.Unavailable, fmt.Sprintf("what answers at the URL is not `sanyi serve`: status %d", resp.StatusCode))
	}
	status := resp.StatusCode
	if status == http.StatusInternalServerError { // its fault, not ours
		status = http.StatusBadGateway
	}
	return nil, remote(status, api.KindOf(e.Kind), e.Message)
}

func remote(status int, kind fault.Kind, message string) error {
	return fault.Wrap(kind, &serviceError{status: status, kind: kind, message: message})
}
