package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// settle writes the ledger: what became of each file, what it replaces, and what did not come.
func (r *run) settle(ctx context.Context, todo []*delivery, refused []refusedFile) error {
	for _, d := range todo {
		if err := r.settleDelivery(ctx, d); err != nil {
			return err
		}
	}
	if err := r.settleRefused(refused); err != nil {
		return err
	}
	if len(todo) == 0 {
		return nil
	}
	return r.missing(ctx, todo)
}

// repeated says that a delivery was refused, and that the ledger says so already of the same files.
func (r *run) repeated(d *delivery) bool {
	if d.refused == nil {
		return false
	}
	key, _, _ := strings.Cut(d.id, ".")
	sums := map[string]bool{}
	for _, l := range r.live[key] {
		if l.Status == lake.Refused {
			sums[l.SHA256] = true
		}
	}
	files := d.files()
	for _, j := range files {
		if !sums[j.sum] {
			return false
		}
	}
	return len(sums) == len(files)
}

func (r *run) settleDelivery(ctx context.Context, d *delivery) error {
	if d.refused != nil {
		if fault.KindOf(d.refused) == fault.Internal || fault.KindOf(d.refused) == fault.Unavailable {
			return d.refused // our own fault is no verdict on the delivery
		}
		for _, j := range d.jobs {
			r.result.Refused = append(r.result.Refused, Refusal{File: j.member.Path, Delivery: d.name(), Reason: d.refused.Error()})
		}
		if r.repeated(d) {
			return nil
		}
	}
	key, _, _ := strings.Cut(d.id, ".")
	for _, l := range r.live[key] {
		// A delivery that came and was refused leaves the rows of the one before in their place.
		if d.refused == nil || l.Status != lake.Arrived {
			r.supersede(l.Delivery)
		}
	}
	if d.source.Delivery.Keep == "latest" && d.refused == nil && !d.outdated {
		for _, loads := range r.live {
			for _, l := range loads {
				if l.Source == d.source.ID && l.Org == d.org && l.Status == lake.Arrived && l.Date < d.day() {
					r.supersede(l.Delivery)
				}
			}
		}
	}
	r.books.changed = true
	if err := r.recordEarlier(ctx, d); err != nil {
		return err
	}
	status := "OK"
	var loads []lake.Load
	for _, j := range d.jobs {
		l := j.load(r.now)
		if d.refused != nil {
			l.Reason = d.refused.Error()
		}
		if l.Quarantined > 0 {
			status = "PART"
		}
		if err := r.staging.Record(l); err != nil {
			return err
		}
		loads = append(loads, l)
	}
	r.books.loads = append(r.books.loads, loads...)
	if d.refused != nil {
		status = "FAIL"
	}
	if err := r.books.runLog(d.id, "run.p"+strconv.FormatInt(r.staging.Publication(), 10), d, status, loads); err != nil {
		return err
	}
	return r.days(ctx, d)
}

// load is the line of the ledger of one file.
func (j *job) load(now time.Time) lake.Load {
	d, c := j.delivery, j.counts
	l := lake.Load{
		File: j.member.Path, Delivery: d.id, Org: d.org, Source: d.source.ID, Date: d.day(), Status: lake.Arrived,
		Records: j.records, Loaded: c.loaded, Duplicate: c.duplicate, Superseded: c.superseded, Quarantined: c.quarantined, Ignored: c.ignored,
		Columns: j.columns, Nulls: map[string]int64{}, Tables: map[string]int64{}, SHA256: j.sum, Bytes: j.size,
		Format: d.source.Format, Encoding: j.encoding, Due: instant(d.due), Arrived: instant(d.arrived), Done: instant(now),
	}
	if d.source.byTable {
		l.Format = formatOf(j.member.Name)
	}
	for name, n := range j.nulls {
		if n > 0 {
			l.Nulls[name] = n
		}
	}
	switch {
	case d.refused != nil:
		// Nothing of it is in the lake; how much was read before the refusal tells nobody anything.
		l.Status, l.Loaded, l.Duplicate, l.Superseded, l.Ignored, l.Quarantined = lake.Refused, 0, 0, 0, 0, j.records
		return l
	case d.outdated:
		l.Superseded += l.Loaded
		l.Loaded = 0
		return l
	}
	for table, n := range c.tables {
		if n > 0 {
			l.Tables[table] = n
		}
	}
	return l
}

// settleRefused records the files that never became part of a delivery.
func (r *run) settleRefused(files []refusedFile) error {
	for _, f := range files {
		source := ""
		if f.source != nil {
			source = f.source.ID
		}
		r.result.Refused = append(r.result.Refused, Refusal{File: f.member.Path, Reason: f.err.Error()})
		key := identity("?", f.member.Path, f.err.Error())
		if len(r.live[key]) > 0 {
			continue
		}
		r.books.changed = true
		l := lake.Load{
			File: f.member.Path, Delivery: deliveryID(key, r.staging.Publication(), false), Source: source, Status: lake.Refused, Bytes: max(f.member.Size, 0),
			Nulls: map[string]int64{}, Tables: map[string]int64{}, Arrived: instant(r.now), Done: instant(r.now), Reason: f.err.Error(),
		}
		if err := r.staging.Record(l); err != nil {
			return err
		}
		r.books.loads = append(r.books.loads, l)
	}
	return nil
}

// days writes the calendar of a delivery.
func (r *run) days(ctx context.Context, d *delivery) error {
	status := lake.Arrived
	if d.refused != nil {
		status = lake.Refused
	}
	expected, err := r.expected(ctx, d.source)
	if err != nil {
		return err
	}
	tables := map[string]bool{}
	for i := range d.source.Tables {
		tables[d.source.Tables[i].Table] = true
	}
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		rows := map[[2]string]bool{}
		if !d.date.IsZero() && d.org != "" {
			rows[[2]string{d.org, d.day()}] = expected.has(d.org, d.date)
		}
		if d.refused == nil {
			for k := range d.days[table] {
				day := k[1]
				if len(day) == 7 { // a month is delivered when its last day is
					t, err := businessDate(day, "")
					if err != nil {
						continue
					}
					day = t.Format(time.DateOnly)
				}
				k = [2]string{firstOf(k[0], 22), day}
				if !rows[k] {
					rows[k] = false
				}
			}
			if d.source.Delivery.Covers.Kind == "table" && !d.date.IsZero() {
				orgs, err := r.organisations(ctx, d.source, d.source.Delivery.Covers.Orgs)
				if err != nil {
					return err
				}
				for _, o := range orgs {
					if k := [2]string{o.code, d.day()}; o.valid(d.date) && !rows[k] {
						rows[k] = false
					}
				}
			}
		}
		for _, k := range slices.SortedFunc(maps.Keys(rows), func(a, b [2]string) int { return strings.Compare(a[1]+a[0], b[1]+b[0]) }) {
			if err := r.books.day(ctx, d.id, table, k[0], k[1], d.source.ID, status, rows[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// organisation is who must deliver, and since when.
type organisation struct {
	code     string
	from, to string // days; "" = open
}

func (o organisation) valid(day time.Time) bool {
	d := day.Format(time.DateOnly)
	return (o.from == "" || o.from <= d) && (o.to == "" || d < o.to)
}

// expectation is who must deliver a source; nil expects nothing.
type expectation struct {
	orgs []organisation
}

func (e *expectation) has(org string, day time.Time) bool {
	return e != nil && slices.ContainsFunc(e.orgs, func(o organisation) bool { return o.code == org && o.valid(day) })
}

func (r *run) expected(ctx context.Context, s *Source) (*expectation, error) {
	if s.Expects.Cadence == "" {
		return nil, nil //nolint:nilnil // nil expects nothing
	}
	orgs, err := r.organisations(ctx, s, s.Expects.Orgs)
	return &expectation{orgs: orgs}, err
}

// organisations are a list of codes, or those of a table as this publication will show it.
func (r *run) organisations(ctx context.Context, s *Source, o Orgs) ([]organisation, error) {
	if o.Table == "" {
		out := make([]organisation, 0, len(o.List))
		for _, c := range o.List {
			out = append(out, organisation{code: c})
		}
		return out, nil
	}
	if got, ok := r.orgs[o.Table+"\x1f"+o.Where.Text]; ok {
		return got, nil
	}
	t, _ := r.set.Table(o.Table)
	files, err := r.staging.Files(ctx, o.Table)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	if r.loader == nil {
		if err := r.openLoader(ctx); err != nil {
			return nil, err
		}
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	where := "TRUE"
	if o.Where.Text != "" {
		n, err := expr.Parse(o.Where.Text, o.Where.at(s.File))
		if err != nil {
			return nil, err
		}
		if where, err = r.dialect.Print(n, &expr.Params{Inline: true, Columns: contractColumns(t), Today: r.now.Format(time.DateOnly)}, nil); err != nil {
			return nil, err
		}
	}
	from, to := "NULL", "NULL"
	if t.ValidFrom != "" {
		from = "CAST(min(" + ident(t.ValidFrom) + ") AS VARCHAR)"
	}
	if t.ValidTo != "" {
		to = "CASE WHEN bool_or(" + ident(t.ValidTo) + " IS NULL) THEN NULL ELSE CAST(max(" + ident(t.ValidTo) + ") AS VARCHAR) END"
	}
	rows, err := r.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT org_code, %s, %s FROM %s WHERE %s GROUP BY org_code ORDER BY org_code", from, to, duckdb.ReadFiles(t, paths), where))
	if err != nil {
		return nil, sqlFault(err)
	}
	defer rows.Close()
	var out []organisation
	for rows.Next() {
		var code string
		var first, last *string
		if err := rows.Scan(&code, &first, &last); err != nil {
			return nil, err
		}
		org := organisation{code: code}
		if first != nil {
			org.from = *first
		}
		if last != nil {
			org.to = *last
		}
		out = append(out, org)
	}
	if r.orgs == nil {
		r.orgs = map[string][]organisation{}
	}
	r.orgs[o.Table+"\x1f"+o.Where.Text] = out
	return out, rows.Err()
}

// missing finds the deliveries that should have come between the first and the last business date of a source.
func (r *run) missing(ctx context.Context, todo []*delivery) error {
	for _, s := range r.sources.All() {
		if s.Expects.Cadence == "" {
			continue
		}
		var first, last string
		there := map[string]bool{}
		see := func(day, key string) {
			there[key] = true
			if day == "" {
				return
			}
			if first == "" || day < first {
				first = day
			}
			last = max(last, day)
		}
		for key, loads := range r.live {
			for _, l := range loads {
				if l.Source != s.ID {
					continue
				}
				if l.Status == lake.Missing {
					there[key] = true
					continue
				}
				see(l.Date, key)
			}
		}
		for _, d := range todo {
			if d.source == s {
				key, _, _ := strings.Cut(d.id, ".")
				see(d.day(), key)
			}
		}
		if first == "" {
			continue
		}
		e, err := r.expected(ctx, s)
		if err != nil {
			return err
		}
		from, err1 := time.Parse(time.DateOnly, first)
		to, err2 := time.Parse(time.DateOnly, last)
		if err := errors.Join(err1, err2); err != nil {
			return fault.New(fault.Internal, "source %s: business date in the ledger: %w", s.ID, err)
		}
		for _, day := range periodsBetween(s.Expects.Cadence, from, to) {
			for _, o := range e.orgs {
				if key := identity(s.ID, o.code, day.Format(time.DateOnly)); o.valid(day) && !there[key] {
					if err := r.recordMissing(ctx, s, o.code, day, key); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (r *run) recordMissing(ctx context.Context, s *Source, org string, day time.Time, key string) error {
	d := &delivery{source: s, org: org, date: day, id: deliveryID(key, r.staging.Publication(), true)}
	d.due, _ = dueTime(s.Expects.Due, day)
	l := lake.Load{
		Delivery: d.id, Org: org, Source: s.ID, Date: d.day(), Status: lake.Missing, Columns: []string{}, Nulls: map[string]int64{}, Tables: map[string]int64{}, Due: instant(d.due),
	}
	if err := r.staging.Record(l); err != nil {
		return err
	}
	r.books.changed = true
	r.books.loads = append(r.books.loads, l)
	if err := r.books.runLog(d.id, d.id, d, "MISS", nil); err != nil {
		return err
	}
	tables := map[string]bool{}
	for i := range s.Tables {
		if name := s.Tables[i].Table; !tables[name] {
			tables[name] = true
			if err := r.books.day(ctx, d.id, name, org, d.day(), s.ID, lake.Missing, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) supersede(id string) {
	if slices.Contains(r.superseded, id) {
		return
	}
	r.superseded = append(r.superseded, id)
	r.staging.Supersede(id)
}

// tamperRewrite is where tests lose a row of a file that is rewritten.
var tamperRewrite = func(_ context.Context, _ *run, query string) string { return query }

// replace rewrites the files of the head that hold rows of replaced deliveries, without them.
func (r *run) replace(ctx context.Context) error {
	type victim struct {
		table *schema.Table
		file  lake.DataFile
		gone  []string
	}
	victims := map[string]*victim{}
	for _, id := range r.superseded {
		files, err := r.staging.FilesOf(ctx, id)
		if err != nil {
			return err
		}
		for name, list := range files {
			t, ok := r.set.Table(name)
			if !ok {
				return fault.New(fault.Invalid, "table %s: rows of a replaced delivery lie there, and no contract describes it; give its --overlay", name)
			}
			for _, f := range list {
				if victims[f.Path] == nil {
					victims[f.Path] = &victim{table: t, file: f}
				}
				victims[f.Path].gone = append(victims[f.Path].gone, id)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(victims)) {
		v := victims[path]
		left := map[string]int64{}
		var rows int64
		for id, n := range v.file.Deliveries {
			if !slices.Contains(v.gone, id) {
				left[id] = n
				rows += n
			}
		}
		if err := r.staging.Remove(v.table, path); err != nil {
			return err
		}
		if rows == 0 {
			continue
		}
		to, err := r.staging.NewFile(v.table.Name, v.file.Month)
		if err != nil {
			return err
		}
		ids := make([]string, len(v.gone))
		for i, id := range v.gone {
			ids[i] = quote(id)
		}
		query := fmt.Sprintf("SELECT * FROM %s WHERE _batch_id NOT IN (%s)", duckdb.ReadFiles(v.table, []string{path}), strings.Join(ids, ", "))
		if by := order(v.table); by != "" {
			query += " ORDER BY " + by
		}
		n, err := r.loader.CopyParquet(ctx, v.table, tamperRewrite(ctx, r, query), to, duckdb.CopyOptions{})
		if err != nil {
			return sqlFault(err)
		}
		if n != rows {
			return fault.New(fault.Refused, "table %s: month %s: %d rows were to be kept, %d were; nothing was published", v.table.Name, v.file.Month, rows, n)
		}
		if err := r.sameRows(ctx, v.table, path, to, v.gone); err != nil {
			return err
		}
		if err := r.staging.Add(v.table, lake.DataFile{Path: to, Month: v.file.Month, Rows: n, Deliveries: left}); err != nil {
			return err
		}
	}
	return nil
}

// sameRows compares a rewritten file with the one that it replaces: of each delivery that stays the same rows must be
// there, not only as many.
func (r *run) sameRows(ctx context.Context, t *schema.Table, from, to string, gone []string) error {
	rowsOf := func(path string) (map[string]string, error) {
		rows, err := r.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT _batch_id, count(*) || ' ' || sum(hash(_row_hash, _src_file, _src_row)) FROM %s GROUP BY 1",
			duckdb.ReadFiles(t, []string{path})))
		if err != nil {
			return nil, sqlFault(err)
		}
		defer rows.Close()
		out := map[string]string{}
		for rows.Next() {
			var id, sum string
			if err := rows.Scan(&id, &sum); err != nil {
				return nil, err
			}
			out[id] = sum
		}
		return out, sqlFault(rows.Err())
	}
	want, err := rowsOf(from)
	if err != nil {
		return err
	}
	for _, id := range gone {
		delete(want, id)
	}
	got, err := rowsOf(to)
	if err != nil {
		return err
	}
	if !maps.Equal(got, want) {
		return fault.New(fault.Refused, "table %s: file %s: its rewritten form does not hold the same rows of the deliveries that stay; nothing was published", t.Name, filepath.Base(from))
	}
	return nil
}

func order(t *schema.Table) string {
	out := make([]string, len(t.Sort))
	for i, s := range t.Sort {
		out[i] = ident(s)
	}
	return strings.Join(out, ", ")
}
