package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/ingest/landing"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Options of Run.
type Options struct {
	Source  string    // only this source, whatever the files are called
	Table   string    // files whose headers are this contract's own column names
	Org     string    // organisation of all files
	Date    string    // business date of all files
	Relaxed bool      // every broken rule but a value that cannot be cast is a warning (clarification 2)
	Key     string    // key file, where it is not the one that sanyi.yaml names
	Codes   *dict.Set // code lists in force; nil = the shipped ones and what was imported into the lake
	Logger  *slog.Logger
	// Progress is told, now and then, what is being done; nil = silent.
	Progress func(Progress)

	MemoryLimit  string // of DuckDB; "" = a quarter of the machine's, 1 to 8 GB
	Threads      int
	ChunkRecords int64     // records that go through one SQL pass; 0 = 500,000
	ChunkBytes   int64     // their text; 0 = 192 MiB
	Now          time.Time // the moment of loading; zero = the wall clock
}

// Progress of a run.
type Progress struct {
	Step           string // what is done: read, write, publish
	Source         string
	Files, AllFile int
	Records        int64
}

// Result is what a run did.
type Result struct {
	Publication int64       `json:"publication"` // 0 = nothing has changed
	Loads       []lake.Load `json:"loads"`       // new lines of the ledger
	Unchanged   int         `json:"unchanged"`   // files that are in the lake already
	Refused     []Refusal   `json:"refused"`     // files and deliveries that a gate kept out, also those of an earlier run
	Warnings    []string    `json:"warnings"`    // for people: what was seen and let through
}

// Refusal is a file or delivery that was kept out, and why.
type Refusal struct {
	File     string `json:"file"`
	Delivery string `json:"delivery"`
	Reason   string `json:"reason"`
}

// Quarantined is the number of records set aside by this run.
func (r *Result) Quarantined() int64 {
	var n int64
	for _, l := range r.Loads {
		if l.Status == lake.Arrived {
			n += l.Quarantined
		}
	}
	return n
}

// Run takes in the files under paths and publishes what they hold, all at once: discover, match to sources, tell whose
// they are, keep the raw files, read and check, write, replace what came before, keep the books, audit, publish. A
// file or delivery that is refused does not stop the others. Where nothing changed, nothing is published.
func Run(ctx context.Context, l *lake.Lake, set *schema.Set, sources *Sources, opts Options, paths []string) (*Result, error) {
	res, err := ingest(ctx, l, set, sources, opts, paths)
	return res, roomFault(l.Dir(), err)
}

func ingest(ctx context.Context, l *lake.Lake, set *schema.Set, sources *Sources, opts Options, paths []string) (*Result, error) {
	if opts.Relaxed && l.Config().Production {
		return nil, fault.New(fault.Denied, "lake %s is in production (sanyi.yaml): --relaxed is for experiments; load without it, or into a lake of your own", l.Dir())
	}
	key, err := l.Key(opts.Key)
	if err != nil {
		return nil, err
	}
	surprises, err := cases.Check(ctx, l)
	if err != nil {
		return nil, err
	}
	codes, err := loadCodes(opts.Codes, l.Dir())
	if err != nil {
		return nil, err
	}
	dialect, err := queries.Dialect("duckdb")
	if err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	for _, text := range surprises {
		opts.Logger.WarnContext(ctx, "grouping may surprise", "lake", l.Dir(), "what", text)
	}
	if opts.Progress == nil {
		opts.Progress = func(Progress) {}
	}
	if opts.ChunkRecords == 0 {
		opts.ChunkRecords = 500_000
	}
	if opts.ChunkBytes == 0 {
		opts.ChunkBytes = 192 << 20
	}
	chosen, err := choose(set, sources, opts)
	if err != nil {
		return nil, err
	}
	work, err := l.Work()
	if err != nil {
		return nil, err
	}
	opts.Progress(Progress{Step: "look"})
	tree, err := landing.Walk(ctx, paths, landing.Options{Work: work})
	if err != nil {
		return nil, err
	}
	// Another writer may publish between our Begin and Publish only by breaking the lock: then we begin again.
	for attempt := 1; ; attempt++ {
		r := &run{lake: l, set: set, opts: opts, codes: codes, key: key, dialect: dialect, work: work, sources: sources, result: &Result{}}
		err := r.load(ctx, chosen, tree)
		if err == nil {
			return r.result, nil
		}
		if fault.KindOf(err) != fault.Conflict || attempt == 5 || ctx.Err() != nil {
			return nil, err
		}
		opts.Logger.WarnContext(ctx, "the lake moved, loading again", "attempt", attempt, "error", err)
	}
}

// choose is which sources may take a file.
func choose(set *schema.Set, sources *Sources, opts Options) ([]*Source, error) {
	switch {
	case opts.Table != "" && opts.Source != "":
		return nil, fault.New(fault.Usage, "--source and --table: give one of them")
	case opts.Table != "":
		s, err := tableSource(set, opts)
		if err != nil {
			return nil, err
		}
		return []*Source{s}, nil
	case opts.Source != "":
		s, ok := sources.Source(opts.Source)
		if !ok {
			return nil, fault.New(fault.Usage, "no source %s; there are %s", opts.Source, strings.Join(sources.ids, ", "))
		}
		return []*Source{s}, nil
	}
	return sources.All(), nil
}

// run is one attempt.
type run struct {
	lake    *lake.Lake
	set     *schema.Set
	sources *Sources
	opts    Options
	key     lake.Key
	dialect *expr.Dialect
	codes   *codeLists
	work    string
	result  *Result

	now     time.Time // in the lake's zone, without one
	staging *lake.Staging
	loader  *duckdb.Loader
	live    map[string][]lake.Load // identity → what the head holds of it
	books   *books
	written []*writtenFile
	orgs    map[string][]organisation // who must deliver, as asked for before

	superseded []string
	codesMade  []string // lists that have their temp table
}

// load is the story of a night.
func (r *run) load(ctx context.Context, chosen []*Source, tree *landing.Tree) (err error) {
	r.now = r.opts.Now
	if r.now.IsZero() {
		r.now = time.Now()
	}
	r.now = wall(r.now)
	sorted, err := sortFiles(ctx, chosen, r.opts, tree.Members)
	if err != nil {
		return err
	}
	for _, s := range tree.Skipped {
		r.opts.Logger.InfoContext(ctx, "left out", "file", s.Path, "why", s.Why)
	}
	if r.staging, err = r.lake.Begin(ctx); err != nil {
		return err
	}
	defer func() {
		if r.loader != nil {
			err = errors.Join(err, r.loader.Close())
		}
		err = errors.Join(err, r.staging.Abort())
	}()
	if err := r.readLedger(ctx); err != nil {
		return err
	}
	todo := r.pick(sorted.all)
	r.books = newBooks(r)
	if len(todo) > 0 {
		if err := r.keepRaw(ctx, todo); err != nil {
			return err
		}
		if err := r.openLoader(ctx); err != nil {
			return err
		}
		if err := r.passes(ctx, todo); err != nil {
			return err
		}
	}
	if err := r.settle(ctx, todo, sorted.refused); err != nil {
		return err
	}
	if !r.books.changed {
		return nil
	}
	if r.loader == nil {
		if err := r.openLoader(ctx); err != nil {
			return err
		}
	}
	if err := r.replace(ctx); err != nil {
		return err
	}
	if err := r.audit(ctx, todo); err != nil {
		return err
	}
	if err := r.deriveCases(ctx); err != nil {
		return err
	}
	if err := r.books.write(ctx); err != nil {
		return err
	}
	r.define(todo)
	r.opts.Progress(Progress{Step: "publish"})
	p, err := r.staging.Publish(ctx, lake.Note{Kind: "ingest", Text: r.note()})
	if err != nil {
		return err
	}
	r.result.Publication = p.ID
	r.result.Loads = r.books.loads
	for i := range r.result.Loads {
		r.result.Loads[i].Publication = p.ID
	}
	return nil
}

// deriveCases groups and settles the stays of the months that this publication touches.
func (r *run) deriveCases(ctx context.Context) error {
	r.opts.Progress(Progress{Step: "group"})
	report, err := cases.Derive(ctx, cases.Job{Lake: r.lake, Staging: r.staging, Loader: r.loader, Set: r.set, Now: r.now, Logger: r.opts.Logger})
	if err != nil {
		return err
	}
	r.result.Warnings = append(r.result.Warnings, report.Warnings...)
	return nil
}

// wall is the clock of the lake's zone, kept as if it were UTC: timestamps of the lake carry no zone.
func wall(t time.Time) time.Time {
	t = t.In(schema.Location())
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// instant is the moment at which the lake's clock shows a wall time.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, schema.Location())
}

// readLedger groups what the lake holds by identity.
func (r *run) readLedger(ctx context.Context) error {
	loads, err := r.lake.LiveLoads(ctx)
	if err != nil {
		return err
	}
	r.live = map[string][]lake.Load{}
	for _, l := range loads {
		key, _, _ := strings.Cut(l.Delivery, ".")
		r.live[key] = append(r.live[key], l)
	}
	return nil
}

// pick leaves the deliveries that are not in the lake as they are.
func (r *run) pick(all []*delivery) []*delivery {
	newest := r.newest(all)
	var todo []*delivery
	for _, d := range all {
		key := d.id
		d.onlyLast()
		if d.unchanged(r.live[key]) {
			r.result.Unchanged += len(d.files())
			continue
		}
		d.index = int32(len(todo)) //nolint:gosec // bounded by the number of files
		d.id = deliveryID(key, r.staging.Publication(), false)
		for _, l := range r.live[key] {
			if !slices.Contains(d.old, l.Delivery) {
				d.old = append(d.old, l.Delivery)
			}
			d.rerun = d.rerun || l.Status == lake.Arrived
		}
		if d.source.Delivery.Keep == "latest" {
			n := newest[d.source.ID+"\x1f"+d.org]
			d.outdated = d.day() < n
		}
		for _, j := range d.jobs {
			if t := j.member.ModTime; t.After(d.arrived) {
				d.arrived = t
			}
		}
		if d.arrived.IsZero() {
			d.arrived = time.Now()
		}
		d.arrived = wall(d.arrived)
		if s := d.source.Expects; s.Cadence != "" && !d.date.IsZero() {
			d.due, _ = dueTime(s.Due, d.date) // its form was checked when the source was loaded
		}
		todo = append(todo, d)
	}
	return todo
}

// newest is the newest business date of each organisation of the sources that keep only that.
func (r *run) newest(all []*delivery) map[string]string {
	out := map[string]string{}
	for _, loads := range r.live {
		for _, l := range loads {
			if k := l.Source + "\x1f" + l.Org; l.Status == lake.Arrived && l.Date > out[k] {
				out[k] = l.Date
			}
		}
	}
	for _, d := range all {
		if k := d.source.ID + "\x1f" + d.org; d.day() > out[k] {
			out[k] = d.day()
		}
	}
	return out
}

// keepers is how many raw files are written side by side: each waits for the disk to say that it is there.
const keepers = 8

// keepRaw stores the raw files under landing/raw, once each.
func (r *run) keepRaw(ctx context.Context, todo []*delivery) error {
	likely := map[string]string{} // file on disk → fingerprint of its content, which an archive does not have
	var files []string
	for _, d := range todo {
		for _, j := range d.files() {
			disk := j.member.Disk
			if _, seen := likely[disk]; !seen {
				likely[disk] = j.sum
				files = append(files, disk)
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(keepers)
	for _, disk := range files {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			_, err := landing.Keep(r.lake.Landing(), disk, likely[disk])
			return err
		})
	}
	return group.Wait()
}

func (r *run) openLoader(ctx context.Context) error {
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: r.work, MemoryLimit: r.opts.MemoryLimit, Threads: r.opts.Threads})
	if err != nil {
		return err
	}
	r.loader = loader
	// DuckDB turns IN lists into hash joins. Of a table's fifty short lists of codes that made fifty joins in one
	// statement, which cost several times the comparisons and most of the memory.
	if err := r.exec(ctx, "SET disabled_optimizers = 'in_clause'"); err != nil {
		return err
	}
	err = loader.RegisterString(personKeyFunc, 4, func() duckdb.StringFunc {
		p := newPersons(r.key)
		return func(args []string, ok []bool) (string, bool, error) {
			for i := range args {
				if !ok[i] {
					args[i] = ""
				}
			}
			v, valid := p.key(args[0], args[1], args[2], args[3])
			return v, valid, nil
		}
	})
	if err != nil {
		return err
	}
	err = loader.RegisterString(personNoFunc, 1, func() duckdb.StringFunc {
		return func(args []string, ok []bool) (string, bool, error) {
			n, valid := lake.Number(args[0])
			return strconv.FormatInt(n, 10), valid && ok[0], nil
		}
	})
	if err != nil {
		return err
	}
	return loader.RegisterString(pseudonymFunc, 1, func() duckdb.StringFunc {
		p := newPersons(r.key)
		return func(args []string, ok []bool) (string, bool, error) {
			if !ok[0] {
				return "", false, nil
			}
			v, valid := p.value(args[0])
			return v, valid, nil
		}
	})
}

// define stores the texts that the publication was made by.
func (r *run) define(todo []*delivery) {
	for _, d := range todo {
		if d.source.Text != "" {
			r.staging.Definition("source", d.source.ID, d.source.Text)
		}
		for i := range d.source.Tables {
			if c := d.source.Tables[i].contract; c.Text != "" {
				r.staging.Definition("table", c.Name, c.Text)
			}
		}
	}
}

func (r *run) note() string {
	n := map[string]int{}
	for _, l := range r.books.loads {
		n[l.Status]++
	}
	var parts []string
	for _, s := range []string{lake.Arrived, lake.Refused, lake.Missing} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], strings.ToLower(s)))
		}
	}
	return strings.Join(parts, ", ")
}

// exec runs a statement on the loader's connection.
func (r *run) exec(ctx context.Context, query string) error {
	_, err := r.loader.Conn().ExecContext(ctx, query)
	return sqlFault(err)
}

// sqlFault gives an error of DuckDB a kind. Its texts may hold a cell's value (a cast that we did not expect), so only
// the first line up to a quote is told.
func sqlFault(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	kind := fault.Internal
	for _, sign := range []string{"No space left", "Out of Memory", "failed to offload", "could not write", "Could not write", "File too large", "IO Error"} {
		if strings.Contains(err.Error(), sign) {
			kind = fault.Unavailable
		}
	}
	if kind == fault.Internal && strings.Contains(text, "Conversion Error") {
		text, _, _ = strings.Cut(text, "'")
	}
	return fault.New(kind, "duckdb: %s", text)
}
