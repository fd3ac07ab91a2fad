package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Address is where the door stands.
type Address struct {
	Addr     string // host:port; the host must be of this machine alone unless Cert or Insecure is given
	Cert     string // TLS certificate and key, PEM files
	Key      string
	Insecure bool // plain HTTP for the network: only behind a proxy that does TLS
}

// Listen opens the door's address. Tokens do not travel a network in the clear: an address that others can reach
// needs TLS, or the operator's word that something in front does it.
func Listen(ctx context.Context, a Address) (net.Listener, error) {
	host, _, err := net.SplitHostPort(a.Addr)
	if err != nil {
		return nil, fault.New(fault.Usage, "http address %s: write HOST:PORT", a.Addr)
	}
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	if (a.Cert == "") != (a.Key == "") {
		return nil, fault.New(fault.Usage, "TLS: certificate and key belong together")
	}
	if !loopback && a.Cert == "" && !a.Insecure {
		return nil, fault.New(fault.Usage, "http address %s: others can reach it; give --tls-cert and --tls-key, or --insecure-http behind a proxy that does TLS", a.Addr)
	}
	var config *tls.Config
	if a.Cert != "" {
		pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
		if err != nil {
			return nil, fault.New(fault.Invalid, "TLS: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.Addr)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "http address %s: %w", a.Addr, err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}

// Serve answers on the listener until the context ends, then lets running questions finish for ten seconds.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &nethttp.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      s.opt.Deadline + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.opt.Logger.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		return fmt.Errorf("http: %w", errors.Join(err, server.Close()))
	}
	return nil
}
