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
	// A reader that leaves (… | head -1) is an error of the write, and not the end of the process: scratch folders are
	// removed. The channel is never read: the signal is only kept from killing.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
