package main

import (
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/queries"
)

// scratchBench is where worked cases run: DuckDB in memory.
type scratchBench struct {
	*duckdb.Scratch
	queries.Runner
}

var _ queries.Bench = scratchBench{}
