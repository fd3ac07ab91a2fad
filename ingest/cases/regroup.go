package cases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// Options of Regroup.
type Options struct {
	MemoryLimit string // of DuckDB; "" = a quarter of the machine's, 1 to 8 GB
	Threads     int
	Now         time.Time // zero = the wall clock
	Logger      *slog.Logger
	// Change is made to grouping.yaml first, under the writer's lock; where what follows fails, the file is put back.
	Change func(*Config) error
	Warn   func(string) // hears what is allowed and may surprise; nil is deaf
}

// Regroup groups and settles every stay of the lake anew, by grouping.yaml, in a publication of its own. It returns the
// publication's number, 0 where there was nothing to group.
func Regroup(ctx context.Context, l *lake.Lake, set *schema.Set, opts Options) (report *Report, publication int64, err error) {
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	staging, err := l.Begin(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, staging.Abort()) }()
	if opts.Change != nil {
		if err := present(ctx, l); err != nil {
			return nil, 0, err
		}
		back, changed := change(l.Dir(), opts.Change)
		if changed != nil {
			return nil, 0, changed
		}
		defer func() {
			if err == nil || publication > 0 {
				return
			}
			if werr := back(); werr != nil {
				err = fault.New(fault.KindOf(err), "%w (and %s could not be put back: %w)", err, ConfigFile, werr)
			}
		}()
	}
	by, warnings, err := checked(ctx, l)
	if err != nil {
		return nil, 0, err
	}
	for _, w := range warnings {
		if opts.Warn != nil {
			opts.Warn(w)
		}
	}
	work, err := l.Work()
	if err != nil {
		return nil, 0, err
	}
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: work, MemoryLimit: opts.MemoryLimit, Threads: opts.Threads})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	now := opts.Now.In(schema.Location())
	report, err = Derive(ctx, Job{Lake: l, Staging: staging, Loader: loader, Set: set, Now: now, Logger: opts.Logger, All: true, by: by})
	if err != nil {
		return nil, 0, err
	}
	if len(report.Months) == 0 {
		return report, 0, nil
	}
	p, err := staging.Publish(ctx, lake.Note{Kind: "group", Text: report.note()})
	return report, p.ID, err
}

func (r *Report) note() string {
	var parts []string
	for scheme, n := range r.Grouped {
		parts = append(parts, fmt.Sprintf("%s %d of %d", scheme, n, r.Cases))
	}
	for params, n := range r.Settled {
		parts = append(parts, fmt.Sprintf("%s %d settled", params, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// Grouping is that of a scheme as the file has it, or a new one.
func (c *Config) Grouping(scheme string) Grouping {
	if at := c.find(scheme); at >= 0 {
		return c.Groupings[at]
	}
	return Grouping{Scheme: scheme}
}

// Settlement is that of an id as the file has it, or a new one.
func (c *Config) Settlement(id string) Settlement {
	if at := c.place(id); at >= 0 {
		return c.Settlements[at]
	}
	return Settlement{ID: id}
}

// Use adds a grouping to the lake's file, or takes the place of the one of the same scheme. first puts it before the
// others: figures mean the first whose days hold.
func (c *Config) Use(g Grouping, first bool) {
	at := c.find(g.Scheme)
	switch {
	case at >= 0 && !first:
		c.Groupings[at] = g
		return
	case at >= 0:
		c.Groupings = slices.Delete(c.Groupings, at, at+1)
	}
	if first {
		c.Groupings = slices.Insert(c.Groupings, 0, g)
		return
	}
	c.Groupings = append(c.Groupings, g)
}

// Drop takes a grouping out, with the settlements that price its groups.
func (c *Config) Drop(scheme string) error {
	at := c.find(scheme)
	if at < 0 {
		return fault.New(fault.NotFound, "scheme %s: the lake does not group by it (%s)", scheme, ConfigFile)
	}
	c.Groupings = slices.Delete(c.Groupings, at, at+1)
	c.Settlements = slices.DeleteFunc(c.Settlements, func(s Settlement) bool { return s.Scheme == scheme })
	return nil
}

// Price adds a settlement, or takes the place of the one of the same id.
func (c *Config) Price(s Settlement) {
	if at := c.place(s.ID); at >= 0 {
		c.Settlements[at] = s
		return
	}
	c.Settlements = append(c.Settlements, s)
}

// PaymentFolder is where a lake keeps the payment tables and parameter files that its grouping.yaml names.
const PaymentFolder = "payment"

// Keep copies a file into the lake's folder of payment tables, under a name that begins with its content's hash, and
// returns the path that grouping.yaml takes: a lake must not depend on files that somebody may change or move.
func Keep(lakeDir, path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Wrap(fault.NotFound, err)
	}
	to := filepath.Join(PaymentFolder, digest(string(data))[:12]+"-"+filepath.Base(path))
	full := filepath.Join(lakeDir, to)
	if err := os.MkdirAll(filepath.Dir(full), 0o750); err != nil {
		return "", fault.Wrap(fault.Unavailable, err)
	}
	tmp := full + ".new"
	if err := os.WriteFile(tmp, data, 0o640); err != nil { //nolint:gosec // tables of rates, no secret
		return "", fault.Wrap(fault.Unavailable, err)
	}
	return to, fault.Wrap(fault.Unavailable, os.Rename(tmp, full))
}
