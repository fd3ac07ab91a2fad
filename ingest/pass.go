package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// writtenFile is a data file of this run.
type writtenFile struct {
	table      *schema.Table
	month      string
	path       string
	rows       int64
	deliveries map[string]int64
}

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
	spec.Format, spec.TempDir = format, r.work
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
	err = p.exec(ctx, p.plan.rec)
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

// keyOf is the record's key as columns of rec, empty where it has none.
func (p *plan) keyOf() []string {
	m := &p.main[0]
	if p.relaxed {
		return nil // nothing is set aside: two rows of one key are a warning of the audit
	}
	var out []string
	for _, k := range m.table.contract.Key {
		if !slices.Contains(m.values, k) {
			return nil
		}
		out = append(out, ident(m.prefix+k))
	}
	return out
}

// content is every column of rec that a record's meaning lies in.
func (p *plan) content() []string {
	var out []string
	for i := range p.main {
		for _, v := range p.main[i].values {
			out = append(out, ident(p.main[i].prefix+v))
		}
	}
	for _, c := range p.raw {
		out = append(out, c.sql)
	}
	return out
}

// duplicates marks the records of a chunk that come again within their delivery: 1 the same record, 2 replaced by a
// later one of the same key.
func (p *pass) duplicates(ctx context.Context) error {
	key := p.plan.keyOf()
	if len(key) == 0 {
		return nil
	}
	keys := strings.Join(key, ", ")
	main := p.plan.main[0]
	group := fmt.Sprintf("SELECT _del, %s FROM rec WHERE %s AND %s GROUP BY ALL HAVING count(*) > 1", keys, good, main.on)
	var n int64
	if err := p.loader.Conn().QueryRowContext(ctx, "SELECT count(*) FROM ("+group+")").Scan(&n); err != nil {
		return sqlFault(err)
	}
	if n == 0 {
		return nil
	}
	var same []string
	for _, k := range append([]string{"_del"}, key...) {
		same = append(same, "rec."+k+" = g."+k)
	}
	return p.exec(ctx, fmt.Sprintf(`UPDATE rec SET _dup = d.kind FROM (
    SELECT _file, _src_row, CASE WHEN h = first_value(h) OVER w THEN 1 ELSE 2 END AS kind, row_number() OVER w AS n
    FROM (SELECT rec._file, rec._src_row, rec._del, %[1]s, hash(%[2]s) AS h FROM rec JOIN (%[3]s) g ON %[4]s WHERE %[5]s AND %[6]s)
    WINDOW w AS (PARTITION BY _del, %[7]s ORDER BY _file DESC, _src_row DESC)
) AS d WHERE d.n > 1 AND rec._file = d._file AND rec._src_row = d._src_row`,
		qualify("rec", key), strings.Join(qualified("rec", p.plan.content()), ", "), group, strings.Join(same, " AND "), strings.ReplaceAll(good, "_dup", "rec._dup"), "rec."+main.on, keys))
}

func qualified(table string, cols []string) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = table + "." + c
	}
	return out
}

func qualify(table string, cols []string) string { return strings.Join(qualified(table, cols), ", ") }

// count adds the chunk's records to the accounts of their files.
func (p *pass) count(ctx context.Context) error {
	var mains strings.Builder
	for _, m := range p.plan.main {
		fmt.Fprintf(&mains, ",\n    count(*) FILTER (%s AND %s)", good, m.on)
	}
	p.due = map[[2]int]int64{}
	rows, err := p.loader.Conn().QueryContext(ctx, `SELECT _file, count(*),
    count(*) FILTER (_ign IS NOT NULL OR NOT _bad AND _norow),
    count(*) FILTER (_ign IS NULL AND _bad),
    count(*) FILTER (_dup = 1), count(*) FILTER (_dup = 2),
    count(*) FILTER (`+good+`)`+mains.String()+`
FROM rec GROUP BY _file`)
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var file int32
		var n, ignored, bad, duplicate, superseded, loaded int64
		each := make([]int64, len(p.plan.main))
		to := []any{&file, &n, &ignored, &bad, &duplicate, &superseded, &loaded}
		for i := range each {
			to = append(to, &each[i])
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		for i, n := range each {
			p.due[[2]int{i, int(file)}] = n
		}
		c := &p.jobs[file].counts
		c.read += n
		c.ignored += ignored
		c.quarantined += bad
		c.duplicate += duplicate
		c.superseded += superseded
		c.loaded += loaded
		p.jobs[file].delivery.read += n
	}
	return rows.Err()
}

// completed are the deliveries whose last record was in this chunk, and those that go on.
func (p *pass) completed(jobs []*job) (complete, open []*delivery) {
	seen := map[*delivery]bool{}
	for _, j := range jobs {
		d := j.delivery
		if seen[d] {
			continue
		}
		seen[d] = true
		if _, ok := p.began[d]; !ok {
			p.began[d] = p.chunks
		}
		done := true
		for _, o := range d.jobs {
			done = done && o.done
		}
		if done {
			complete = append(complete, d)
		} else {
			open = append(open, d)
		}
	}
	return complete, open
}

// gate refuses a delivery as a whole: a file that cannot be read to its end, too few records, too many bad ones.
func (p *pass) gate(d *delivery) {
	s := d.source
	var read, bad int64
	for _, j := range d.jobs {
		if j.err != nil {
			kind := fault.Refused
			if noRoom(j.err) {
				kind = fault.Unavailable // our disk is full, and says nothing about their file
			}
			d.refused = fault.Wrap(kind, j.err)
			return
		}
		j.counts.quarantined += int64(len(j.rejects))
		j.counts.read += int64(len(j.rejects))
		read += j.records
		bad += j.counts.quarantined
		if j.counts.read != j.records {
			d.refused = fault.New(fault.Internal, "%s: the reader met %d records, the pass saw %d", j.member.Path, j.records, j.counts.read)
			return
		}
	}
	share := 0.5
	if s.Gate.MaxQuarantinedShare != nil {
		share = *s.Gate.MaxQuarantinedShare
	}
	switch {
	case read < s.Gate.MinRecords:
		d.refused = fault.New(fault.Refused, "delivery %s: %d records, at least %d are wanted (gate.min_records of source %s)", d.name(), read, s.Gate.MinRecords, s.ID)
	case read >= 20 && float64(bad) > share*float64(read):
		d.refused = fault.New(fault.Refused, "delivery %s: %d of %d records are bad, more than %.0f %% (gate.max_quarantined_share of source %s); see sanyi quarantine list", d.name(), bad, read, share*100, s.ID)
	}
}

// findings counts what the checks found, by delivery, and notes where the bad records are.
func (p *pass) findings(ctx context.Context) error {
	type place struct{ temp, err, warn, on, seq string }
	var places []place
	for _, m := range p.plan.main {
		places = append(places, place{"rec", m.err, m.warn, m.on, "NULL"})
	}
	for _, k := range p.plan.kids {
		places = append(places, place{k.temp, k.err, k.warn, k.on, "_n"})
	}
	var counts []string
	for _, pl := range places {
		counts = append(counts,
			fmt.Sprintf("SELECT _del, unnest(%s) AS f FROM %s WHERE %[1]s IS NOT NULL", pl.err, pl.temp),
			fmt.Sprintf("SELECT _del, unnest(%s) AS f FROM %s WHERE %[1]s IS NOT NULL", pl.warn, pl.temp))
	}
	rows, err := p.loader.Conn().QueryContext(ctx, "SELECT _del, f, count(*) FROM ("+strings.Join(counts, " UNION ALL ")+") GROUP BY ALL")
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var del int32
		var f int
		var n int64
		if err := rows.Scan(&del, &f, &n); err != nil {
			return err
		}
		if p.tally[del] == nil {
			p.tally[del] = map[int]int64{}
		}
		p.tally[del][f] += n
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i, pl := range places {
		var table string
		if i < len(p.plan.main) {
			table = p.plan.main[i].table.Table
		} else {
			table = p.plan.kids[i-len(p.plan.main)].table.Table
		}
		if err := p.checked(ctx, table, pl.temp, pl.on); err != nil {
			return err
		}
		// A child of a record that was set aside for its parent's sake points there, too.
		if err := p.exec(ctx, fmt.Sprintf("INSERT INTO pointers SELECT _del, _file, _src_row, _src_offset, CAST(%s AS INTEGER), unnest(%s) FROM %s WHERE %[2]s IS NOT NULL", pl.seq, pl.err, pl.temp)); err != nil {
			return err
		}
	}
	return nil
}

// checked counts the rows that a table's checks looked at.
func (p *pass) checked(ctx context.Context, table, temp, on string) error {
	rows, err := p.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT _del, count(*) FROM %s WHERE %s GROUP BY _del", temp, on))
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var del int32
		var n int64
		if err := rows.Scan(&del, &n); err != nil {
			return err
		}
		if p.rows[del] == nil {
			p.rows[del] = map[string]int64{}
		}
		p.rows[del][table] += n
	}
	return rows.Err()
}

// write copies the good rows of the chunk to Parquet, one file a table and month.
func (p *pass) write(ctx context.Context, complete, open []*delivery) error {
	var out []string
	for _, d := range append(slices.Clone(complete), open...) {
		if d.refused != nil || d.outdated {
			out = append(out, strconv.Itoa(int(d.index)))
		}
	}
	keep := good
	if len(out) > 0 {
		keep += " AND _del NOT IN (" + strings.Join(out, ", ") + ")"
	}
	if err := tamper(ctx, p, "counted"); err != nil {
		return err
	}
	for i := range p.plan.main {
		m := &p.plan.main[i]
		wrote, err := p.writeTable(ctx, m, "rec t", keep+" AND "+m.on)
		if err != nil {
			return err
		}
		// What the account calls loaded must be what is written, file by file.
		for k, n := range p.due {
			if d := p.jobs[k[1]].delivery; k[0] == i && d.refused == nil && !d.outdated && wrote[k[1]] != n {
				return fault.New(fault.Refused, "table %s: file %s: %d good records, %d were written; nothing was published", m.table.Table, p.jobs[k[1]].member.Path, n, wrote[k[1]])
			}
		}
	}
	for i := range p.plan.kids {
		k := &p.plan.kids[i]
		where := k.err + " IS NULL"
		if len(out) > 0 {
			where += " AND _del NOT IN (" + strings.Join(out, ", ") + ")"
		}
		// Children were made of records that were good themselves; since then some turned out bad or doubled.
		where += " AND NOT EXISTS (SELECT 1 FROM rec b WHERE (b._bad OR b._dup IS NOT NULL) AND b._file = t._file AND b._src_row = t._src_row)"
		if _, err := p.writeTable(ctx, k, k.temp+" t", where); err != nil {
			return err
		}
	}
	return nil
}

// monthOf is the SQL of a row's month as a number, 202503.
func monthOf(c *schema.Table, prefix string, values []string) string {
	if c.EventDate == "" || !slices.Contains(values, c.EventDate) {
		return "CAST(NULL AS INTEGER)"
	}
	d := "t." + ident(prefix+c.EventDate)
	if c.Monthly() {
		return fmt.Sprintf("CASE WHEN regexp_full_match(%[1]s, '[0-9]{4}-[0-9]{2}.*') THEN CAST(left(%[1]s, 4) AS INTEGER) * 100 + CAST(substr(%[1]s, 6, 2) AS INTEGER) END", d)
	}
	return fmt.Sprintf("CAST(year(%[1]s) * 100 + month(%[1]s) AS INTEGER)", d)
}

// inMonth is true of the rows of a month. A range of days lets DuckDB skip what the blocks' own bounds rule out; an
// expression over the date would be computed for every row, once a month of the chunk.
func inMonth(c *schema.Table, prefix, month string, m int) string {
	if c.Monthly() || m == 0 {
		return fmt.Sprintf("coalesce(%s, 0) = %d", month, m)
	}
	first := time.Date(m/100, time.Month(m%100), 1, 0, 0, 0, 0, time.UTC)
	d := "t." + ident(prefix+c.EventDate)
	return fmt.Sprintf("%[1]s >= DATE '%[2]s' AND %[1]s < DATE '%[3]s'", d, first.Format(time.DateOnly), first.AddDate(0, 1, 0).Format(time.DateOnly))
}

func (p *pass) writeTable(ctx context.Context, tp *tablePlan, from, where string) (map[int]int64, error) {
	c := tp.table.contract
	month := monthOf(c, tp.prefix, tp.values)
	type part struct {
		rows int64
		by   map[string]int64
	}
	months := map[int]*part{}
	wrote := map[int]int64{} // by file
	rows, err := p.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT coalesce(%s, 0), t._file, count(*) FROM %s WHERE %s GROUP BY ALL", month, from, where))
	if err != nil {
		return nil, sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var m int
		var file int32
		var n int64
		if err := rows.Scan(&m, &file, &n); err != nil {
			return nil, err
		}
		if months[m] == nil {
			months[m] = &part{by: map[string]int64{}}
		}
		j := p.jobs[file]
		months[m].rows += n
		months[m].by[j.delivery.id] += n
		j.counts.tables[c.Name] += n
		wrote[int(file)] += n
	}
	if err := rows.Err(); err != nil {
		return nil, sqlFault(err)
	}
	if err := p.occurrences(ctx, tp, from, where); err != nil {
		return nil, err
	}
	for _, m := range slices.Sorted(maps.Keys(months)) {
		filter := where
		if len(months) > 1 {
			filter += " AND " + inMonth(c, tp.prefix, month, m)
		}
		name := ""
		if m > 0 {
			name = fmt.Sprintf("%04d-%02d", m/100, m%100)
		}
		path, err := p.staging.NewFile(c.Name, name)
		if err != nil {
			return nil, err
		}
		if err := tamper(ctx, p, "writing"); err != nil {
			return nil, err
		}
		n, err := p.loader.CopyParquet(ctx, c, p.rowsOf(tp, from, filter), path, duckdb.CopyOptions{})
		if err != nil {
			return nil, sqlFault(err)
		}
		if n != months[m].rows {
			return nil, fault.New(fault.Refused, "table %s: month %s: %d rows were to be written, %d were", c.Name, name, months[m].rows, n)
		}
		p.files = append(p.files, &writtenFile{table: c, month: name, path: path, rows: n, deliveries: months[m].by})
	}
	return wrote, nil
}

// rowsOf is the SELECT of a table's rows with their lineage, in the order of the contract.
func (p *pass) rowsOf(tp *tablePlan, from, where string) string {
	c := tp.table.contract
	var items, business []string
	for _, v := range tp.values {
		col := "t." + ident(tp.prefix+v)
		items = append(items, col+" AS "+ident(v))
		business = append(business, col)
	}
	org, op := "f.org", "'I'"
	if slices.Contains(tp.values, c.Scope.Org) && c.Scope.Org != "" {
		org = "coalesce(f.org, t." + ident(tp.prefix+c.Scope.Org) + ")"
	}
	if slices.Contains(tp.values, "is_refund") {
		op = "CASE WHEN t." + ident(tp.prefix+"is_refund") + " THEN 'R' ELSE 'I' END"
	}
	if !slices.Contains(tp.values, "person_no") && slices.Contains(tp.values, "person_key") {
		if _, ok := c.Column("person_no"); ok {
			items = append(items, "CAST("+personNoFunc+"(t."+ident(tp.prefix+"person_key")+") AS BIGINT) AS person_no")
		}
	}
	items = append(items,
		"coalesce("+org+", '') AS "+schema.SrcOrg, "f.delivery AS "+schema.BatchID, "f.path AS "+schema.SrcFile, "t._src_row AS "+schema.SrcRow,
		"TIMESTAMP "+quote(p.now.Format(time.DateTime))+" AS "+schema.IngestedAt, op+" AS "+schema.Op,
		"lpad(lower(to_hex(hash("+strings.Join(business, ", ")+"))), 16, '0') AS "+schema.RowHash, quote(c.Version)+" AS "+schema.ContractVer)
	order := ""
	var by []string
	for _, s := range c.Sort {
		if slices.Contains(tp.values, s) {
			by = append(by, "t."+ident(tp.prefix+s))
		}
	}
	if len(by) > 0 {
		order = " ORDER BY " + strings.Join(by, ", ")
	}
	return "SELECT " + strings.Join(items, ", ") + " FROM " + from + " JOIN files f ON f._file = t._file WHERE " + strings.ReplaceAll(where, "_del ", "t._del ") + order
}

// occurrences notes the organisations and days of the rows, where they count as delivered.
func (p *pass) occurrences(ctx context.Context, tp *tablePlan, from, where string) error {
	c := tp.table.contract
	if p.plan.source.Delivery.Covers.Kind != "rows" || c.EventDate == "" || !slices.Contains(tp.values, c.EventDate) {
		return nil
	}
	org := "''"
	if c.Scope.Org != "" && slices.Contains(tp.values, c.Scope.Org) {
		org = "coalesce(t." + ident(tp.prefix+c.Scope.Org) + ", '')"
	}
	day := "CAST(t." + ident(tp.prefix+c.EventDate) + " AS VARCHAR)"
	rows, err := p.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT DISTINCT t._del, %s, %s FROM %s WHERE %s", org, day, from, where))
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var del int32
		var org, day *string
		if err := rows.Scan(&del, &org, &day); err != nil {
			return err
		}
		if day == nil {
			continue
		}
		d := p.byIndex[del]
		if d.days == nil {
			d.days = map[string]map[[2]string]bool{}
		}
		if d.days[c.Name] == nil {
			d.days[c.Name] = map[[2]string]bool{}
		}
		d.days[c.Name][[2]string{*org, *day}] = true
	}
	return rows.Err()
}

// span looks after deliveries that are larger than a chunk: duplicates across chunks, and gates that close late.
func (p *pass) span(ctx context.Context, complete, open []*delivery) error {
	var over []string
	for _, d := range append(slices.Clone(open), complete...) {
		if slices.Contains(open, d) || p.began[d] < p.chunks {
			over = append(over, strconv.Itoa(int(d.index)))
		}
	}
	if len(over) == 0 {
		return nil
	}
	key := p.plan.keyOf()
	if len(key) > 0 {
		if !p.spanning {
			if err := p.exec(ctx, "CREATE OR REPLACE TEMP TABLE seen (_del INTEGER, k1 UBIGINT, k2 UBIGINT, h UBIGINT, _file INTEGER, _src_row BIGINT)"); err != nil {
				return err
			}
			p.spanning = true
		}
		keys := strings.Join(key, ", ")
		if err := p.exec(ctx, fmt.Sprintf("INSERT INTO seen SELECT _del, hash(%[1]s), hash(%[1]s, 'again'), hash(%[2]s), _file, _src_row FROM rec WHERE %[3]s AND %[4]s AND _del IN (%[5]s)",
			keys, strings.Join(p.plan.content(), ", "), good, p.plan.main[0].on, strings.Join(over, ", "))); err != nil {
			return err
		}
	}
	for _, d := range complete {
		if p.began[d] == p.chunks {
			continue
		}
		if d.refused != nil || d.outdated {
			if err := p.purge(ctx, d, "TRUE"); err != nil {
				return err
			}
			continue
		}
		if len(key) > 0 {
			if err := p.losers(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// losers takes the records out that came again in a later chunk of their delivery. Only the keys that came more than once
// are put in order: ordering all would cost more than the rest of a large delivery's pass.
func (p *pass) losers(ctx context.Context, d *delivery) error {
	if err := p.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE losers AS SELECT f.path, s._file, s._src_row, s.kind FROM (
    SELECT _file, _src_row, CASE WHEN h = first_value(h) OVER w THEN 1 ELSE 2 END AS kind, row_number() OVER w AS n
    FROM seen JOIN (SELECT k1, k2 FROM seen WHERE _del = %[1]d GROUP BY ALL HAVING count(*) > 1) AS again USING (k1, k2)
    WHERE _del = %[1]d WINDOW w AS (PARTITION BY k1, k2 ORDER BY _file DESC, _src_row DESC)) s
JOIN files f ON f._file = s._file WHERE s.n > 1`, d.index)); err != nil {
		return err
	}
	rows, err := p.loader.Conn().QueryContext(ctx, "SELECT _file, kind, count(*) FROM losers GROUP BY ALL")
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	again := false
	for rows.Next() {
		var file int32
		var kind int
		var n int64
		if err := rows.Scan(&file, &kind, &n); err != nil {
			return err
		}
		again = true
		c := &p.jobs[file].counts
		c.loaded -= n
		if kind == 1 {
			c.duplicate += n
		} else {
			c.superseded += n
		}
	}
	if err := rows.Err(); err != nil || !again {
		return err
	}
	return p.purge(ctx, d, "EXISTS (SELECT 1 FROM losers l WHERE l.path = _src_file AND l._src_row = p._src_row)")
}

// purge rewrites the files of this run without the rows of a delivery that fulfil a condition.
func (p *pass) purge(ctx context.Context, d *delivery, condition string) error {
	byPath := map[string]*job{}
	for _, j := range d.jobs {
		byPath[tail(j.member.Path, 200)] = j
	}
	for _, f := range p.files {
		if f.deliveries[d.id] == 0 {
			continue
		}
		read := duckdb.ReadFiles(f.table, []string{f.path})
		hit := fmt.Sprintf("(p._batch_id = %s AND %s)", quote(d.id), condition)
		rows, err := p.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT _src_file, count(*) FROM %s p WHERE %s GROUP BY 1", read, hit))
		if err != nil {
			return sqlFault(err)
		}
		var gone int64
		for rows.Next() {
			var path string
			var n int64
			if err := rows.Scan(&path, &n); err != nil {
				return errors.Join(err, rows.Close())
			}
			gone += n
			byPath[path].counts.tables[f.table.Name] -= n
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return sqlFault(err)
		}
		if gone == 0 {
			continue
		}
		f.rows -= gone
		if f.deliveries[d.id] -= gone; f.deliveries[d.id] == 0 {
			delete(f.deliveries, d.id)
		}
		if f.rows == 0 {
			continue
		}
		if f.path, err = p.staging.NewFile(f.table.Name, f.month); err != nil {
			return err
		}
		n, err := p.loader.CopyParquet(ctx, f.table, fmt.Sprintf("SELECT * FROM %s p WHERE NOT %s", read, hit), f.path, duckdb.CopyOptions{})
		if err != nil {
			return sqlFault(err)
		}
		if n != f.rows {
			return fault.New(fault.Refused, "table %s: %d rows were to be left, %d are", f.table.Name, f.rows, n)
		}
	}
	return nil
}

// rejected is the sentence of a record that could not be read.
func rejected(rj reader.Reject) schema.Text {
	zh, en := rj.Explain()
	return schema.Text{ZH: zh, EN: en}
}
