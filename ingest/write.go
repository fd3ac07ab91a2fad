package ingest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
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

// write copies the good rows of the chunk to Parquet, one file a table and month, side by side.
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
	var parts []*part
	for i := range p.plan.main {
		m := &p.plan.main[i]
		of, err := p.partsOf(ctx, m, "rec t", keep+" AND "+m.on)
		if err != nil {
			return err
		}
		// What the account calls loaded must be what is written, file by file.
		wrote := map[int]int64{}
		for _, pt := range of {
			for file, n := range pt.files {
				wrote[int(file)] += n
			}
		}
		for k, n := range p.due {
			if d := p.jobs[k[1]].delivery; k[0] == i && d.refused == nil && !d.outdated && wrote[k[1]] != n {
				return fault.New(fault.Refused, "table %s: file %s: %d good records, %d were written; nothing was published", m.table.Table, p.jobs[k[1]].member.Path, n, wrote[k[1]])
			}
		}
		parts = append(parts, of...)
	}
	for i := range p.plan.kids {
		k := &p.plan.kids[i]
		where := k.err + " IS NULL"
		if len(out) > 0 {
			where += " AND _del NOT IN (" + strings.Join(out, ", ") + ")"
		}
		// Children were made of records that were good themselves; since then some turned out bad or doubled.
		where += " AND NOT EXISTS (SELECT 1 FROM rec b WHERE (b._bad OR b._dup IS NOT NULL) AND b._file = t._file AND b._src_row = t._src_row)"
		of, err := p.partsOf(ctx, k, k.temp+" t", where)
		if err != nil {
			return err
		}
		parts = append(parts, of...)
	}
	return p.copy(ctx, parts)
}

// part is the rows of one table and month in a chunk: a data file to be.
type part struct {
	table       *tablePlan
	month       int // 202503; 0 = without one
	from, where string
	rows        int64
	deliveries  map[string]int64
	files       map[int32]int64 // rows by file
}

// name is the month as the lake writes it, 2025-03.
func (pt *part) name() string {
	if pt.month == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d", pt.month/100, pt.month%100)
}

// partsOf counts the rows of a table that where leaves, by month and file.
func (p *pass) partsOf(ctx context.Context, tp *tablePlan, from, where string) ([]*part, error) {
	c := tp.table.contract
	month := monthOf(c, tp.prefix, tp.held())
	months := map[int]*part{}
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
			months[m] = &part{table: tp, month: m, from: from, deliveries: map[string]int64{}, files: map[int32]int64{}}
		}
		j := p.jobs[file]
		months[m].rows += n
		months[m].deliveries[j.delivery.id] += n
		months[m].files[file] += n
		j.counts.tables[c.Name] += n
	}
	if err := rows.Err(); err != nil {
		return nil, sqlFault(err)
	}
	if err := p.occurrences(ctx, tp, from, where); err != nil {
		return nil, err
	}
	var out []*part
	for _, m := range slices.Sorted(maps.Keys(months)) {
		pt := months[m]
		pt.where = where
		if len(months) > 1 {
			pt.where += " AND " + inMonth(c, tp, month, m)
		}
		out = append(out, pt)
	}
	return out, nil
}

// copy writes the parts; each file must hold the rows that were counted.
func (p *pass) copy(ctx context.Context, parts []*part) error {
	copies := make([]duckdb.Copy, len(parts))
	for i, pt := range parts {
		c := pt.table.table.contract
		path, err := p.staging.NewFile(c.Name, pt.name())
		if err != nil {
			return err
		}
		query, columns := p.rowsOf(pt)
		copies[i] = duckdb.Copy{Table: c, Query: query, Columns: columns, Path: path}
	}
	if err := tamper(ctx, p, "writing"); err != nil {
		return err
	}
	wrote, err := p.loader.CopyAll(ctx, copies)
	if err != nil {
		return sqlFault(err)
	}
	for i, pt := range parts {
		c := pt.table.table.contract
		if wrote[i] != pt.rows {
			return fault.New(fault.Refused, "table %s: month %s: %d rows were to be written, %d were", c.Name, pt.name(), pt.rows, wrote[i])
		}
		p.files = append(p.files, &writtenFile{table: c, month: pt.name(), path: copies[i].Path, rows: pt.rows, deliveries: pt.deliveries})
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
func inMonth(c *schema.Table, tp *tablePlan, month string, m int) string {
	if c.Monthly() || m == 0 {
		return fmt.Sprintf("coalesce(%s, 0) = %d", month, m)
	}
	first := time.Date(m/100, time.Month(m%100), 1, 0, 0, 0, 0, time.UTC)
	d := "t." + ident(tp.prefix+c.EventDate)
	return fmt.Sprintf("%[1]s >= DATE '%[2]s' AND %[1]s < DATE '%[3]s'", d, first.Format(time.DateOnly), first.AddDate(0, 1, 0).Format(time.DateOnly))
}

// rowsOf is the SELECT of a part's rows with their lineage, in the order of the contract, and the columns that it gives:
// not those that the source cannot fill. What is the same for all rows is added above the sort, which then does not
// carry it; so is the text of the row's hash.
func (p *pass) rowsOf(pt *part) (query string, columns []string) {
	tp := pt.table
	c := tp.table.contract
	var inner, outer []string
	add := func(name, text string) {
		outer = append(outer, text+" AS "+ident(name))
		columns = append(columns, name)
	}
	for _, v := range tp.held() {
		col := ident(tp.prefix + v)
		inner = append(inner, "t."+col)
		add(v, "r."+col)
	}
	if !slices.Contains(tp.values, "person_no") && slices.Contains(tp.values, "person_key") {
		if _, ok := c.Column("person_no"); ok {
			add("person_no", "CAST("+personNoFunc+"(r."+ident(tp.prefix+"person_key")+") AS BIGINT)")
		}
	}
	from, org, delivery, path := pt.from, "r._f_org", "r._f_delivery", "r._f_path"
	if len(pt.files) == 1 {
		for file := range pt.files {
			j := p.jobs[file]
			org, delivery, path = "NULL", quote(j.delivery.id), quote(tail(j.member.Path, 200))
			if j.delivery.org != "" {
				org = quote(j.delivery.org)
			}
		}
	} else {
		inner = append(inner, "f.org AS _f_org", "f.delivery AS _f_delivery", "f.path AS _f_path")
		from += " JOIN files f ON f._file = t._file"
	}
	if o := c.Scope.Org; o != "" && slices.Contains(tp.values, o) {
		org += ", " + tp.ref("r", o)
	}
	op := "'I'"
	if slices.Contains(tp.values, "is_refund") {
		op = "CASE WHEN " + tp.ref("r", "is_refund") + " THEN 'R' ELSE 'I' END"
	}
	hash := "hash(" + strings.Join(tp.refs("t"), ", ") + ")"
	if tp.hash != "" {
		hash = "t." + tp.hash
	}
	inner = append(inner, hash+" AS _row_hash")
	inner = append(inner, "t._src_row")
	add(schema.SrcOrg, "coalesce("+org+", '')")
	add(schema.BatchID, delivery)
	add(schema.SrcFile, path)
	add(schema.SrcRow, "r._src_row")
	add(schema.IngestedAt, "TIMESTAMP "+quote(p.now.Format(time.DateTime)))
	add(schema.Op, op)
	// Fifteen of sixteen hashes need no zero in front (they are 1<<60 or more), and lpad costs as much as the rest.
	add(schema.RowHash, "CASE WHEN r._row_hash >= 1152921504606846976 THEN lower(to_hex(r._row_hash)) ELSE lpad(lower(to_hex(r._row_hash)), 16, '0') END")
	add(schema.ContractVer, quote(c.Version))
	order := ""
	var by []string
	for _, s := range c.Sort {
		if tp.holds(s) {
			by = append(by, "t."+ident(tp.prefix+s))
		}
	}
	if len(by) > 0 {
		order = " ORDER BY " + strings.Join(by, ", ")
	}
	return "SELECT " + strings.Join(outer, ", ") + " FROM (SELECT " + strings.Join(inner, ", ") + " FROM " + from +
		" WHERE " + strings.ReplaceAll(pt.where, "_del ", "t._del ") + order + ") r", columns
}

// occurrences notes the organisations and days of the rows, where they count as delivered.
func (p *pass) occurrences(ctx context.Context, tp *tablePlan, from, where string) error {
	c := tp.table.contract
	if p.plan.source.Delivery.Covers.Kind != "rows" || c.EventDate == "" || !tp.holds(c.EventDate) {
		return nil
	}
	org := "''"
	if c.Scope.Org != "" && tp.holds(c.Scope.Org) {
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
