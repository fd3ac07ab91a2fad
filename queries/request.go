package queries

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Request is a question. Its zero fields are the defaults of the command line.
type Request struct {
	Indicators  []string            // at least one
	Period      string              // see ParsePeriod; "" only for tables without a date and for stocks of today
	Grain       string              // "" follows from the form of the period
	By          []string            // dimensions: contract columns, roles (dept, org, region, …) or hour_of_day
	Totals      bool                // adds rows whose dimensions are null: every margin and the grand total
	Where       map[string][]string // dimension → the values that count
	Compare     []string            // yoy, mom, dod, wow, wow_same_time, ytd_yoy, yoy_per_day, …
	Now         time.Time           // moment of asking, wall clock of the lake's zone; zero is the machine's
	Publication int64               // as of which publication; 0 is the newest
	MinCell     int                 // figures of 1 … MinCell-1 cases are hidden, and what would give them away; 0 hides nothing
	Guard       int                 // benchmarks are told only of groups with as many cases of others: see the type Guard; 0 is MinCell
	Viewpoint   string              // "" is the indicator's own
	Choose      map[string]string   // of rows computed by several methods those of one: {"scheme": "chs_drg_20"}
	MaxRows     int64               // most rows that one statement may return; 0 is a million
}

// Use is one lake table that a statement names, with the event dates that are enough to read, and the columns that it
// names of it; nil stands for all.
type Use struct {
	Table    string
	From, To time.Time
	Columns  []string
}

// Statement is one SELECT with its bound values.
type Statement struct {
	SQL         string
	Args        []any
	Uses        []Use
	Publication int64
	MaxRows     int64
}

// Rows is what a statement gave. Whoever asked releases the batches.
type Rows struct {
	Batches     []arrow.RecordBatch
	Publication int64
}

// Runner runs statements on the tables of one publication. An engine is one, through engine.Runner.
type Runner interface {
	RunStatement(ctx context.Context, s Statement) (Rows, error)
}

// Ask compiles a request, runs it and puts the answer together.
func (c *Catalog) Ask(ctx context.Context, run Runner, req Request, scope Scope) (*Answer, error) {
	d, err := Dialect("duckdb")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err)
	}
	p, err := c.Compile(req, scope, d)
	if err != nil {
		return nil, err
	}
	return p.Run(ctx, run)
}

// Compile turns a request within a Scope into a Plan in the words of a dialect. There is no other way to SQL.
func (c *Catalog) Compile(req Request, scope Scope, d *expr.Dialect) (*Plan, error) {
	p, err := c.plan(req, scope, d)
	if err != nil {
		return nil, err
	}
	if err := p.print(); err != nil {
		return nil, err
	}
	return p, nil
}

// zone is the lake's time zone: China has one, without summer time since 1991.
var zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// ParseNow reads the moment of asking: 2025-03-03, "2025-03-03 17:00" or "2025-03-03 17:00:00".
func ParseNow(text string) (time.Time, error) {
	for _, form := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Usage, `moment of asking %q: write "2025-03-03 17:00:00" or 2025-03-03`, text)
}

// wallClock is the machine's time in the lake's zone, as this package carries times.
func wallClock() time.Time {
	t := time.Now().In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}
