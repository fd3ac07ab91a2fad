package ingest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// audit looks at the staged tables together with what they join, where one delivery alone cannot see it: one key in
// two deliveries, and codes that no dictionary has. Both are warnings: which of two hospitals is right is not ours to
// say, and a dictionary often comes a day later than the first use of its code.
func (r *run) audit(ctx context.Context, todo []*delivery) error {
	byID := map[string]*delivery{}
	for _, d := range todo {
		if d.refused == nil && !d.outdated {
			byID[d.id] = d
		}
	}
	touched := map[string][]*writtenFile{}
	for _, f := range r.written {
		touched[f.table.Name] = append(touched[f.table.Name], f)
	}
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		if err := r.auditRows(ctx, touched[name]); err != nil {
			return err
		}
		if err := r.auditKey(ctx, touched[name], byID); err != nil {
			return err
		}
		if err := r.auditRefs(ctx, touched[name], byID); err != nil {
			return err
		}
	}
	return nil
}

// auditRows reads the written files again: each must hold the rows of each delivery that the pass counted.
func (r *run) auditRows(ctx context.Context, files []*writtenFile) error {
	want := map[string]int64{}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.path
		for id, n := range f.deliveries {
			want[id] += n
		}
	}
	t := files[0].table
	rows, err := r.loader.Conn().QueryContext(ctx, fmt.Sprintf("SELECT _batch_id, count(*) FROM %s GROUP BY 1", duckdb.ReadFiles(t, paths)))
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		if want[id] != n {
			return fault.New(fault.Refused, "table %s: delivery %s: %d rows were written, %d are in the files; nothing was published", t.Name, id, want[id], n)
		}
		delete(want, id)
	}
	for id, n := range want {
		return fault.New(fault.Refused, "table %s: delivery %s: %d rows were written, none is in the files; nothing was published", t.Name, id, n)
	}
	return sqlFault(rows.Err())
}

// auditKey finds keys that occur more than once in the touched months.
func (r *run) auditKey(ctx context.Context, files []*writtenFile, byID map[string]*delivery) error {
	t := files[0].table
	if len(t.Key) == 0 {
		return nil
	}
	months := map[string]bool{}
	loaded := map[string]int64{}
	for _, f := range files {
		months[f.month] = true
		for id, n := range f.deliveries {
			loaded[id] += n
		}
	}
	staged, err := r.staging.Files(ctx, t.Name)
	if err != nil {
		return err
	}
	var paths []string
	for _, f := range staged {
		if months[f.Month] {
			paths = append(paths, f.Path)
		}
	}
	keys := make([]string, len(t.Key))
	known := make([]string, len(t.Key))
	same := make([]string, len(t.Key))
	for i, k := range t.Key {
		keys[i] = ident(k)
		known[i] = ident(k) + " IS NOT NULL"
		same[i] = "t." + ident(k) + " = k." + ident(k)
	}
	read := duckdb.ReadFiles(t, paths)
	again, err := r.again(ctx, read, strings.Join(keys, ", "), strings.Join(known, " AND "))
	if err != nil {
		return err
	}
	if !again {
		return r.auditResults(ctx, t, "key_unique", t.Key[0], "UNIQUE", loaded, nil, byID)
	}
	if err := r.exec(ctx, fmt.Sprintf("CREATE OR REPLACE TEMP TABLE twice AS SELECT %s FROM %s WHERE %s GROUP BY ALL HAVING count(*) > 1",
		strings.Join(keys, ", "), read, strings.Join(known, " AND "))); err != nil {
		return err
	}
	failed, err := r.byDelivery(ctx, fmt.Sprintf("SELECT t._batch_id, count(*) FROM %s t JOIN twice k ON %s GROUP BY 1", read, strings.Join(same, " AND ")))
	if err != nil {
		return err
	}
	return r.auditResults(ctx, t, "key_unique", t.Key[0], "UNIQUE", loaded, failed, byID)
}

// auditRefs finds values that the table they refer to does not have.
func (r *run) auditRefs(ctx context.Context, files []*writtenFile, byID map[string]*delivery) error {
	t := files[0].table
	loaded := map[string]int64{}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.path
		for id, n := range f.deliveries {
			loaded[id] += n
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Ref == "" || c.Ref == t.Name {
			continue
		}
		to, ok := r.set.Table(c.Ref)
		if !ok || to.RefKey() == "" {
			continue
		}
		dictionary, err := r.staging.Files(ctx, to.Name)
		if err != nil {
			return err
		}
		if len(dictionary) == 0 {
			continue // nothing to compare with: the result is not "failed" but "not applicable", and not worth a row
		}
		var there []string
		for _, f := range dictionary {
			there = append(there, f.Path)
		}
		failed, err := r.byDelivery(ctx, fmt.Sprintf(
			"SELECT t._batch_id, count(*) FROM %s t WHERE t.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s d WHERE d.%s = t.%[2]s) GROUP BY 1",
			duckdb.ReadFiles(t, paths), ident(c.Name), duckdb.ReadFiles(to, there), ident(to.RefKey())))
		if err != nil {
			return err
		}
		if err := r.auditResults(ctx, t, c.Name+"_known", c.Name, "CONSIST", loaded, failed, byID); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) byDelivery(ctx context.Context, query string) (map[string]int64, error) {
	rows, err := r.loader.Conn().QueryContext(ctx, query)
	if err != nil {
		return nil, sqlFault(err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		out[id] = n
	}
	return out, sqlFault(rows.Err())
}

func (r *run) auditResults(ctx context.Context, t *schema.Table, check, column, category string, loaded, failed map[string]int64, byID map[string]*delivery) error {
	for _, id := range slices.Sorted(maps.Keys(loaded)) {
		d := byID[id]
		if d == nil {
			continue
		}
		if err := r.books.result(ctx, d, check, t.Name, column, category, loaded[id], failed[id], true); err != nil {
			return err
		}
		if failed[id] > 0 {
			r.opts.Logger.WarnContext(ctx, "audit finding", "table", t.Name, "check", check, "delivery", d.name(), "rows", failed[id])
		}
	}
	return nil
}
