// Package engine runs compiled statements on the tables of one publication and hands back Arrow batches with
// statistics. It knows how table names become files (through internal/lake), not what a statement means.
package engine

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Use is one lake table that a statement names, with the half-open interval of event dates that is enough to read.
// Zero times leave the interval open. Columns are those that the statement may name; nil stands for all of the table's.
// Pruning by either must never change a result.
type Use struct {
	Table    string
	From, To time.Time
	Columns  []string
}

// Statement is one SELECT that names lake tables by their bare contract names, with values bound as $1, $2, ….
type Statement struct {
	SQL         string
	Args        []any
	Uses        []Use
	Publication int64 // 0 = the newest
	MaxRows     int64 // 0 = no cap; above it the engine answers fault.TooLarge
}

// Stats says what a run cost.
type Stats struct {
	Rows    int64
	Files   int
	Elapsed time.Duration
}

// Result is a whole answer. Batches own their memory (Go-allocated; strings stay valid after Release of any other
// batch); the caller releases each.
type Result struct {
	Schema      *arrow.Schema
	Batches     []arrow.RecordBatch
	Publication int64 // the publication that was read
	Stats       Stats
}

// Engine runs statements. Implementations must pass engine/enginetest.
type Engine interface {
	Run(ctx context.Context, s Statement) (*Result, error)
	Close() error
}
