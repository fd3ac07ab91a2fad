package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// passes takes the deliveries source by source.
func (r *run) passes(ctx context.Context, todo []*delivery) error {
	for len(todo) > 0 {
		s, n := todo[0].source, 1
		for n < len(todo) && todo[n].source == s {
			n++
		}
		byFormat := map[string][]*delivery{}
		for _, d := range todo[:n] {
			f := s.Format
			if s.byTable {
				f = formatOf(d.jobs[0].member.Name)
			}
			byFormat[f] = append(byFormat[f], d)
		}
		for _, f := range slices.Sorted(maps.Keys(byFormat)) {
			if err := r.pass(ctx, s, f, byFormat[f]); err != nil {
				return fmt.Errorf("source %s: %w", s.ID, err)
			}
		}
		todo = todo[n:]
	}
	return nil
}

// pass is one source's deliveries: read chunk by chunk, each chunk mapped and checked by one statement.
type pass struct {
	*run
	plan       *plan
	feed       *feed
	jobs       []*job
	deliveries []*delivery
	byIndex    map[int32]*delivery
	began      map[*delivery]int // chunk in which a delivery's first record came
	chunks     int
	spanning   bool // temp table seen exists
	tally      map[int32]map[int]int64
	rows       map[int32]map[string]int64 // delivery → table → rows checked
	due        map[[2]int]int64           // main table, file → good rows of the chunk that must be written
	files      []*writtenFile
}

func (r *run) pass(ctx context.Context, s *Source, format string, ds []*delivery) error {
	p := &pass{
		run: r, deliveries: ds, byIndex: map[int32]*delivery{}, began: map[*delivery]int{}, tally: map[int32]map[int]int64{},
		rows: map[int32]map[string]int64{},
	}
	var err error
	if s.byTable {
		if s, err = r.narrow(s, format, ds); err != nil {
			return err
		}
	}
	if p.plan, err = compile(s, r.dialect, r.codes, r.opts.Relaxed, schema.Zone, r.now.Format(time.DateOnly)); err != nil {
		return err
	}
	for _, d := range ds {
		p.byIndex[d.index] = d
		for _, j := range d.jobs {
			j.index = int32(len(p.jobs)) //nolint:gosec // bounded by the number of files
			p.jobs = append(p.jobs, j)
		}
	}
	spec := s.spec()
	spec.Format, spec.TempDir, spec.Forms = format, r.work, p.plan.forms()
	p.feed = newFeed(spec, p.jobs, chunkLimit{records: r.opts.ChunkRecords, bytes: r.opts.ChunkBytes})
	p.feed.accept = s.accept
	defer p.feed.close()
	if err := p.fileTable(ctx); err != nil {
		return err
	}
	if err := p.codeTables(ctx); err != nil {
		return err
	}
	if err := r.exec(ctx, "CREATE OR REPLACE TEMP TABLE pointers (_del INTEGER, _file INTEGER, _src_row BIGINT, _src_offset BIGINT, seq INTEGER, finding SMALLINT)"); err != nil {
		return err
	}
	for p.feed.more() {
		if err := p.chunk(ctx); err != nil {
			return err
		}
	}
	for _, f := range p.files {
		if f.rows == 0 {
			continue
		}
		if err := r.staging.Add(f.table, lake.DataFile{Path: f.path, Month: f.month, Rows: f.rows, Deliveries: f.deliveries}); err != nil {
			return err
		}
		r.written = append(r.written, f)
	}
	return r.books.pass(ctx, p)
}

// accept refuses a file by its header.
func (s *Source) accept(j *job, missing []string, extra map[string]int64) error {
	var lacks []string
	for _, name := range missing {
		if s.column(name).required {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		return fault.New(fault.Refused, "%s: no column %s, which source %s requires; send the file with it, or give its other name under columns.aliases", j.member.Path, strings.Join(lacks, ", "), s.ID)
	}
	if len(extra) == 0 {
		return nil
	}
	if s.Columns.Extra == "refuse" {
		return fault.New(fault.Refused, "%s: column %s is not known to source %s", j.member.Path, strings.Join(slices.Sorted(maps.Keys(extra)), ", "), s.ID)
	}
	if t := s.mode(schema.Freeze); t != nil {
		return fault.New(fault.Refused, "%s: column %s is not known to source %s, and table %s is frozen (mode: freeze); send the file without it, or add it to the contract",
			j.member.Path, strings.Join(slices.Sorted(maps.Keys(extra)), ", "), s.ID, t.Name)
	}
	return nil
}

// mode is the first contract of the source that has the mode, nil where none has.
func (s *Source) mode(mode string) *schema.Table {
	for i := range s.Tables {
		if c := s.Tables[i].contract; c.Mode == mode {
			return c
		}
	}
	return nil
}

// fileTable tells DuckDB what is known about each file: lineage, and what expressions may ask.
func (p *pass) fileTable(ctx context.Context) error {
	names := map[string]bool{}
	for _, j := range p.jobs {
		for g := range j.groups {
			names[g] = true
		}
	}
	groups := slices.Sorted(maps.Keys(names))
	fr := newFrame("files", "_file INTEGER", "_del INTEGER", "delivery VARCHAR", "org VARCHAR", "biz_date DATE", "path VARCHAR", "source VARCHAR")
	for _, re := range p.plan.source.patterns {
		for _, g := range re.SubexpNames() {
			if g != "" && !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	for _, g := range groups {
		fr.column(ident("g_"+g) + " VARCHAR")
	}
	for _, j := range p.jobs {
		d := j.delivery
		row := []any{int64(j.index), int64(d.index), d.id, text(d.org), text(d.day()), tail(j.member.Path, 200), d.source.ID}
		for _, g := range groups {
			row = append(row, text(j.groups[g]))
		}
		fr.row(row...)
	}
	fr.shared = true
	return fr.create(ctx, p.loader)
}

// tail keeps the end of a long path: the file's own name says more than the folder's.
func tail(path string, n int) string {
	runes := []rune(path)
	if len(runes) <= n {
		return path
	}
	return "…" + string(runes[len(runes)-n+1:])
}

// chunk takes one chunk from the feed to Parquet.
func (p *pass) chunk(ctx context.Context) error {
	c := p.feed.chunk(ctx)
	p.chunks++
	release, err := p.loader.RegisterArrow("feed", c)
	if err != nil {
		return err
	}
	err = p.loader.Wide(ctx, func() error { return p.exec(ctx, p.plan.rec) })
	release()
	if err := errors.Join(c.err, err); err != nil {
		return err
	}
	if err := tamper(ctx, p, "mapped"); err != nil {
		return err
	}
	jobs := c.jobs()
	p.report(c)
	for i := range p.plan.kids {
		live, err := p.liveBranches(ctx, &p.plan.kids[i])
		if err != nil {
			return err
		}
		if err := p.exec(ctx, p.plan.kids[i].create(live)); err != nil {
			return err
		}
	}
	if err := p.badChildren(ctx); err != nil {
		return err
	}
	if err := p.duplicates(ctx); err != nil {
		return err
	}
	if err := p.count(ctx); err != nil {
		return err
	}
	complete, open := p.completed(jobs)
	for _, d := range complete {
		p.gate(d)
	}
	if err := p.findings(ctx); err != nil {
		return err
	}
	if err := p.write(ctx, complete, open); err != nil {
		return err
	}
	return p.span(ctx, complete, open)
}

func (p *pass) report(c *chunk) {
	done := 0
	var records int64
	for _, j := range p.jobs {
		if j.done {
			done++
			records += j.records
		}
	}
	p.opts.Progress(Progress{Step: "read", Source: p.plan.source.ID, Files: done, AllFile: len(p.jobs), Records: max(records, c.records)})
}

// tamper is where tests lose a record.
var tamper = func(context.Context, *pass, string) error { return nil }

const good = "_ign IS NULL AND NOT _bad AND NOT _norow AND _dup IS NULL"

// badChildren sets a record aside where the contract of a bad child says so.
func (p *pass) badChildren(ctx context.Context) error {
	for i := range p.plan.kids {
		k := &p.plan.kids[i]
		if k.table.contract.BadChild != "record" {
			continue
		}
		if err := p.exec(ctx, fmt.Sprintf("UPDATE rec SET _bad = TRUE FROM (SELECT DISTINCT _file, _src_row FROM %s WHERE %s IS NOT NULL) AS k WHERE rec._file = k._file AND rec._src_row = k._src_row", k.temp, k.err)); err != nil {
			return err
		}
	}
	return nil
}
