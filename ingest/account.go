package ingest

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

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

// rejected is the sentence of a record that could not be read.
func rejected(rj reader.Reject) schema.Text {
	zh, en := rj.Explain()
	return schema.Text{ZH: zh, EN: en}
}
