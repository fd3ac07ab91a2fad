package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// Tables that the product itself writes with every publication.
const (
	runTable        = "fact_ingest_run"
	qualityTable    = "fact_dq_result"
	quarantineTable = "quarantine"
	calendarTable   = "delivery_day"
)

// books is what a run writes about itself: the ledger, the run log, the results of the checks, the pointers to bad
// records, and the calendar of delivered days.
type books struct {
	run     *run
	changed bool
	loads   []lake.Load
	frames  map[string]*frame
}

func newBooks(r *run) *books { return &books{run: r, frames: map[string]*frame{}} }

// product is the frame of one of the product's tables: its own columns, then the lineage that is not the same in all
// rows.
func (b *books) product(table string) (*frame, error) {
	if f := b.frames[table]; f != nil {
		return f, nil
	}
	t, ok := b.run.set.Table(table)
	if !ok {
		return nil, fault.New(fault.Internal, "no contract %s", table)
	}
	f := newFrame("out_" + table)
	for _, c := range t.Columns {
		f.column(ident(c.Name) + " " + c.Type.SQL())
	}
	for _, c := range []string{schema.BatchID, schema.SrcOrg, schema.SrcFile} {
		f.column(c + " VARCHAR")
	}
	f.column(schema.SrcRow + " BIGINT")
	b.frames[table] = f
	return f, nil
}

// pass writes what one pass over a source found.
func (b *books) pass(ctx context.Context, p *pass) error {
	quarantine, err := b.product(quarantineTable)
	if err != nil {
		return err
	}
	s := p.plan.source
	names := newFrame("finding_names", "finding SMALLINT", "table_name VARCHAR", "column_name VARCHAR", "check_id VARCHAR", "zh VARCHAR", "en VARCHAR")
	for i, f := range p.plan.findings {
		names.row(i, f.table, text(f.column), f.check, text(f.message.ZH), text(f.message.EN))
	}
	if err := names.create(ctx, p.loader); err != nil {
		return err
	}
	var skip []string
	for _, d := range p.deliveries {
		if b.run.repeated(d) {
			skip = append(skip, strconv.Itoa(int(d.index)))
			continue
		}
		for _, j := range d.jobs {
			for _, rj := range j.rejects {
				m := rejected(rj)
				column := rj.Column
				quarantine.row(d.id, s.ID, d.org, text(d.day()), tail(j.member.Path, 200), rj.Record, rj.Offset, nil, s.Tables[0].Table, text(column),
					rj.Reason, schema.Error, text(m.ZH), text(m.EN), d.id, d.org, tail(j.member.Path, 200), rj.Record)
				if err := quarantine.full(ctx, p.loader); err != nil {
					return err
				}
			}
		}
		if err := b.quality(ctx, p, d); err != nil {
			return err
		}
	}
	if err := quarantine.flush(ctx, p.loader); err != nil {
		return err
	}
	where := ""
	if len(skip) > 0 {
		where = " WHERE q._del NOT IN (" + strings.Join(skip, ", ") + ")"
	}
	return p.exec(ctx, `INSERT INTO out_quarantine BY NAME
SELECT f.delivery AS delivery_id, f.source, coalesce(f.org, '') AS org_code, f.biz_date AS stat_date, f.path AS file, q._src_row AS record,
    q._src_offset AS byte_offset, q.seq, n.table_name, n.column_name, n.check_id, 'error' AS severity, n.zh AS reason_zh, n.en AS reason_en,
    f.delivery AS _batch_id, coalesce(f.org, '') AS _src_org, f.path AS _src_file, q._src_row
FROM pointers q JOIN files f ON f._file = q._file JOIN finding_names n ON n.finding = q.finding`+where)
}

// quality writes the results of a delivery's checks. Each declared check has a row; of the many that follow from types,
// lengths and required columns those that failed have one, and one row a table stands for all that passed.
func (b *books) quality(ctx context.Context, p *pass, d *delivery) error {
	passed := map[[2]string]int64{} // table, category → checks
	for i, f := range p.plan.findings {
		rows := p.rows[d.index][f.table]
		failed := p.tally[d.index][i]
		if f.declared || failed > 0 {
			if err := b.result(ctx, d, f.check, f.table, f.column, f.category, rows, min(failed, rows), f.warning); err != nil {
				return err
			}
			continue
		}
		passed[[2]string{f.table, f.category}]++
	}
	for _, k := range slices.SortedFunc(maps.Keys(passed), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
		name := "types_and_lengths"
		if k[1] == "COMPLETE" {
			name = "required_values"
		}
		if err := b.result(ctx, d, name, k[0], "", k[1], p.rows[d.index][k[0]]*passed[k], 0, false); err != nil {
			return err
		}
	}
	for i := range p.plan.source.Tables {
		t := &p.plan.source.Tables[i]
		rows := p.rows[d.index][t.Table]
		for _, c := range t.Lacks {
			if p.plan.source.byTable {
				continue // found row by row
			}
			col, _ := t.contract.Column(c)
			if col.Required {
				if err := b.result(ctx, d, c+"_required", t.Table, c, "COMPLETE", rows, rows, true); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range p.missingColumns(d) {
		if err := b.result(ctx, d, "column_missing", p.plan.source.Tables[0].Table, tail(name, 60), "CONFORM", d.read, d.read, true); err != nil {
			return err
		}
	}
	if t := p.plan.source.mode(schema.Evolve); t != nil {
		extra := map[string]int64{}
		for _, j := range d.jobs {
			for name, n := range j.extra {
				extra[name] += n
			}
		}
		for _, name := range slices.Sorted(maps.Keys(extra)) {
			if err := b.result(ctx, d, "column_unknown", t.Name, tail(name, 60), "CONFORM", d.read, extra[name], true); err != nil {
				return err
			}
			b.run.result.Warnings = append(b.run.result.Warnings, fmt.Sprintf("%s: column %s is not in the contract of table %s (version %s), and was left out", d.name(), name, t.Name, t.Version))
		}
	}
	return nil
}

// missingColumns are the columns that a mapping names and the delivery's files lack.
func (p *pass) missingColumns(d *delivery) []string {
	names := map[string]bool{}
	for _, j := range d.jobs {
		for _, m := range j.missing {
			names[m] = true
		}
	}
	if p.plan.source.byTable {
		return nil
	}
	return slices.Sorted(maps.Keys(names))
}

// result writes one row of fact_dq_result.
func (b *books) result(ctx context.Context, d *delivery, check, table, column, category string, rows, failed int64, warning bool) error {
	f, err := b.product(qualityTable)
	if err != nil {
		return err
	}
	status, severity := "PASS", "ERROR"
	switch {
	case rows == 0:
		status = "NA" // an empty table must not score 100 %
	case failed > 0:
		status = "FAIL"
	}
	if warning {
		severity = "WARN"
	}
	day := d.day()
	if day == "" {
		day = b.run.now.Format(time.DateOnly)
	}
	f.row(short(d.id, check, table, column), day, tail(check, 60), d.source.ID, table, text(column), text(d.org), category, rows, failed, "0", status, severity,
		d.id, d.org, "", nil)
	return f.full(ctx, b.run.loader)
}

// short is an id of 32 characters for a combination of names.
func short(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x1f")))
	return hex.EncodeToString(sum[:16])
}

// day writes one row of the calendar of deliveries.
func (b *books) day(ctx context.Context, delivery, table, org, day, source, status string, expected bool) error {
	f, err := b.product(calendarTable)
	if err != nil {
		return err
	}
	f.row(table, org, day, source, status, expected, delivery, org, "", nil)
	if b.run.loader == nil {
		return nil
	}
	return f.full(ctx, b.run.loader)
}

// formats of fact_ingest_run.
var runFormats = map[string]string{"csv": "CSV", "ndjson": "JSON", "json": "JSON", "parquet": "DUMP"}

// runLog writes one row of fact_ingest_run.
func (b *books) runLog(id, batch string, d *delivery, status string, loads []lake.Load) error {
	f, err := b.product(runTable)
	if err != nil {
		return err
	}
	if d.date.IsZero() {
		return nil // its grain is a business date
	}
	var bytes, read, ok, reject, dup int64
	encoding, format := "UTF8", "CSV"
	for _, l := range loads {
		bytes += l.Bytes
		read += l.Records
		ok += l.Loaded
		reject += l.Quarantined
		dup += l.Duplicate
		if l.Encoding != "" {
			encoding = strings.ToUpper(strings.ReplaceAll(l.Encoding, "utf-8", "UTF8"))
		}
	}
	if f := runFormats[d.source.Format]; f != "" {
		format = f
	}
	due := d.due
	if due.IsZero() {
		due = d.date.AddDate(0, 0, 1)
	}
	var done, arrived any
	if status != "MISS" {
		done, arrived = moment(b.run.now), moment(d.arrived)
	}
	version := d.source.Tables[0].contract.Version
	f.row(id, d.source.ID, d.org, d.day(), moment(due), arrived, done, format, firstOf(encoding, 10), len(loads), bytes, read, ok, reject, dup,
		d.rerun && status != "MISS", status, firstOf(version, 20), batch, d.org, "", nil)
	return nil
}

func firstOf(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// write makes Parquet of the product's tables and adds it to the publication.
func (b *books) write(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(b.frames)) {
		t, _ := b.run.set.Table(name)
		if err := b.frames[name].flush(ctx, b.run.loader); err != nil {
			return err
		}
		if err := b.writeTable(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (b *books) writeTable(ctx context.Context, t *schema.Table) error {
	r := b.run
	temp := "out_" + t.Name
	values := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		values = append(values, c.Name)
	}
	month := fmt.Sprintf("coalesce(%s, 0)", monthOf(t, "", values))
	rows, err := r.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT %s, _batch_id, count(*) FROM %s t GROUP BY ALL", month, temp))
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	months := map[int]map[string]int64{}
	for rows.Next() {
		var m int
		var batch string
		var n int64
		if err := rows.Scan(&m, &batch, &n); err != nil {
			return err
		}
		if months[m] == nil {
			months[m] = map[string]int64{}
		}
		months[m][batch] += n
		r.staging.Derive(t.Name, batch, n)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var items, order []string
	for _, v := range values {
		items = append(items, ident(v))
	}
	for _, s := range t.Sort {
		order = append(order, ident(s))
	}
	for _, m := range slices.Sorted(maps.Keys(months)) {
		name := ""
		if m > 0 {
			name = fmt.Sprintf("%04d-%02d", m/100, m%100)
		}
		path, err := r.staging.NewFile(t.Name, name)
		if err != nil {
			return err
		}
		query := fmt.Sprintf("SELECT %s, _batch_id, coalesce(_src_org, '') AS _src_org, coalesce(_src_file, '') AS _src_file, coalesce(_src_row, 0) AS _src_row, TIMESTAMP %s AS _ingested_at, 'I' AS _op, lpad(lower(to_hex(hash(%s))), 16, '0') AS _row_hash, %s AS _contract_ver FROM %s t WHERE %s = %d",
			strings.Join(items, ", "), quote(r.now.Format(time.DateTime)), strings.Join(items, ", "), quote(t.Version), temp, month, m)
		if len(order) > 0 {
			query += " ORDER BY " + strings.Join(order, ", ")
		}
		n, err := r.loader.CopyParquet(ctx, t, query, path, duckdb.CopyOptions{})
		if err != nil {
			return sqlFault(err)
		}
		if err := r.staging.Add(t, lake.DataFile{Path: path, Month: name, Rows: n, Deliveries: months[m]}); err != nil {
			return err
		}
	}
	return nil
}
