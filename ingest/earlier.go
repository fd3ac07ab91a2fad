package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/internal/lake"
)

// onlyLast leaves the last file of a delivery of which one file counts; those before it go to the ledger as superseded.
func (d *delivery) onlyLast() {
	if n := len(d.jobs) - 1; d.source.Delivery.Files == "one" && n > 0 {
		d.earlier, d.jobs = d.jobs[:n], d.jobs[n:]
	}
}

// files are all files that came of the delivery.
func (d *delivery) files() []*job { return append(append([]*job(nil), d.earlier...), d.jobs...) }

// countEarlier reads the files that a later file of the same call took the place of: none of their records is loaded,
// and each is accounted for.
func (r *run) countEarlier(ctx context.Context, d *delivery) error {
	for _, j := range d.earlier {
		if err := r.countRecords(ctx, j); err != nil {
			return err
		}
		j.counts.superseded = j.records
		r.result.Warnings = append(r.result.Warnings, j.instead())
	}
	return nil
}

// instead says which file took the place of an earlier one.
func (j *job) instead() string {
	d := j.delivery
	text := fmt.Sprintf("%s: not loaded: %s is a later file of the same delivery %s", j.member.Path, d.jobs[0].member.Path, d.name())
	if j.err != nil {
		text += fmt.Sprintf("; read up to record %d: %v", j.records, j.err)
	}
	return text
}

// countRecords reads a file to its end, or to where it can be read no further.
func (r *run) countRecords(ctx context.Context, j *job) error {
	s := j.delivery.source
	spec := s.spec()
	spec.TempDir = r.work
	if s.byTable {
		spec.Format = formatOf(j.member.Name)
	}
	content, err := j.member.Open()
	if err != nil {
		j.err = err
		return nil
	}
	rd, err := reader.Open(spec, j.member.Path, content, nil)
	if err != nil {
		j.err = errors.Join(err, content.Close())
		return nil
	}
	defer rd.Release()
	for ctx.Err() == nil && rd.Next() {
		rd.Rejects() // of a file that is not loaded nobody is asked to mend a record
	}
	j.records, j.columns, j.nulls, j.encoding = rd.Records(), rd.Columns(), rd.Nulls(), rd.Encoding()
	j.err = rd.Err()
	if j.err == nil {
		j.err = content.Rest()
	}
	return errors.Join(ctx.Err(), content.Close())
}

// recordEarlier writes the ledger's lines of a delivery's earlier files.
func (r *run) recordEarlier(ctx context.Context, d *delivery) error {
	if err := r.countEarlier(ctx, d); err != nil {
		return err
	}
	for _, j := range d.earlier {
		l := j.load(r.now)
		l.Reason = j.instead()
		l.Tables = map[string]int64{}
		if err := r.staging.Record(l); err != nil {
			return err
		}
		r.books.loads = append(r.books.loads, l)
	}
	return nil
}

// unchanged says that exactly these files are the live delivery already. A line of the ledger with a reason is a file
// that a later one took the place of.
func (d *delivery) unchanged(live []lake.Load) bool {
	loaded, known := map[string]bool{}, map[string]bool{}
	for _, l := range live {
		if l.Status != lake.Arrived {
			return false
		}
		known[l.SHA256] = true
		if l.Reason == "" {
			loaded[l.SHA256] = true
		}
	}
	if len(loaded) != len(d.jobs) {
		return false
	}
	for _, j := range d.jobs {
		if !loaded[j.sum] {
			return false
		}
	}
	for _, j := range d.earlier {
		if !known[j.sum] {
			return false
		}
	}
	return true
}
