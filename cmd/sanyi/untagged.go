//go:build !duckdb_arrow

// Command sanyi, built without its engine: DuckDB's Arrow interface stands behind the build tag duckdb_arrow, and a plain
// `go build ./cmd/sanyi` leaves it out. This file says so in one line where the compiler would say it in thirty.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "sanyi: this binary was built without DuckDB; use: make build (or go build -tags duckdb_arrow ./cmd/sanyi)")
	os.Exit(1)
}
