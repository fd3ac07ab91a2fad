package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

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

// content is the columns of rec that a record's meaning lies in: the hash of what each table takes of it, and what
// children take.
func (p *plan) content() []string {
	var out []string
	for i := range p.main {
		out = append(out, p.main[i].hash)
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
	if again, err := p.again(ctx, "rec", "_del, "+keys, good+" AND "+main.on); err != nil || !again {
		return err
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

// again says whether a key may come more than once: by its hash, which is cheaper to count than texts. Two keys of one
// hash only cost a closer look.
func (r *run) again(ctx context.Context, from, keys, where string) (bool, error) {
	var n int64
	err := r.loader.Conn().QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT hash(%s) AS h FROM %s WHERE %s GROUP BY h HAVING count(*) > 1)", keys, from, where)).Scan(&n)
	return n > 0, sqlFault(err)
}

func qualified(table string, cols []string) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = table + "." + c
	}
	return out
}

func qualify(table string, cols []string) string { return strings.Join(qualified(table, cols), ", ") }

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
    FROM seen JOIN (SELECT k1 FROM seen WHERE _del = %[1]d GROUP BY k1 HAVING count(*) > 1) AS again USING (k1)
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
