//go:build duckdb_arrow

// Command sanyi is the whole service in one binary: it makes a lake, loads nightly extracts into it, answers
// indicator questions and serves them to Grafana.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
