package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/datasets/synth"
	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// Grouping regroups the stays of a lake, beside a plain DuckDB that reads the same stays with their lists of codes and
// writes them as the same monthly files, without grouping: what is above 1 is the grouping itself. scheme is an id or a
// folder. The stays are made up, o.Rows of them, with codes drawn from the scheme's own lists, three further diagnoses
// each and every second one an operation; or, where o.Nights says for how many, those of the generated city, loaded from
// its front sheets.
func Grouping(ctx context.Context, scheme string, o Options) (p Pair, err error) {
	o.defaults()
	work, err := os.MkdirTemp(o.Work, "bench-grouping-")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	l, err := lake.Create(ctx, filepath.Join(work, "lake"), lake.CreateOptions{})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		return p, err
	}
	s, err := addScheme(l, scheme)
	if err != nil {
		return p, err
	}
	sources, err := ingest.LoadSources(set, ingest.Shipped())
	if err != nil {
		return p, err
	}
	rows, what := int64(o.Rows), "made-up stays"
	if o.Nights > 0 {
		what = fmt.Sprintf("stays of %d nights of the generated city", o.Nights)
		rows, err = loadCity(ctx, l, set, sources, work, o.Nights)
	} else {
		err = loadMadeUp(ctx, l, set, sources, work, s, o.Rows)
	}
	if err != nil {
		return p, err
	}
	if err := (&cases.Config{Groupings: []cases.Grouping{{Scheme: s.ID}}}).Write(l.Dir()); err != nil {
		return p, err
	}
	var ours, plain []Cost
	for range o.Runs {
		cost, err := inside(func() error {
			report, _, err := cases.Regroup(ctx, l, set, cases.Options{})
			if err == nil && report.Cases != rows {
				err = fmt.Errorf("%d of %d stays were grouped", report.Cases, rows)
			}
			return err
		})
		if err != nil {
			return p, err
		}
		ours = append(ours, cost)
		if cost, err = inside(func() error { return plainLists(ctx, l, set, work) }); err != nil {
			return p, err
		}
		plain = append(plain, cost)
	}
	return Pair{Name: fmt.Sprintf("regrouping of %d %s by %s", rows, what, s.ID), Ours: median(ours), Plain: median(plain)}, nil
}

// loadMadeUp loads rows stays of contract columns.
func loadMadeUp(ctx context.Context, l *lake.Lake, set *schema.Set, sources *ingest.Sources, work string, s *schemes.Scheme, rows int) error {
	if err := writeCases(ctx, work, s, rows); err != nil {
		return err
	}
	for _, table := range []string{"fact_inp_stay", "fact_inp_diag", "fact_inp_proc"} {
		path := filepath.Join(work, table+".parquet")
		if _, err := ingest.Run(ctx, l, set, sources, ingest.Options{Table: table, Relaxed: true}, []string{path}); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// loadCity loads the city's front sheets, a quarter of a year at a time, and says how many stays there are.
func loadCity(ctx context.Context, l *lake.Lake, set *schema.Set, sources *ingest.Sources, work string, nights int) (int64, error) {
	extracts := filepath.Join(work, "extracts")
	if err := synth.WriteFrontSheets(ctx, extracts, synth.Options{Size: synth.City, Seed: 1, Nights: nights}); err != nil {
		return 0, err
	}
	found, err := filepath.Glob(filepath.Join(extracts, "*"))
	if err != nil {
		return 0, err
	}
	for paths := range slices.Chunk(found, 91) {
		if _, err := ingest.Run(ctx, l, set, sources, ingest.Options{}, paths); err != nil {
			return 0, err
		}
	}
	if err := os.RemoveAll(extracts); err != nil {
		return 0, err
	}
	v, err := l.View(ctx, 0)
	if err != nil {
		return 0, err
	}
	files, err := v.AllFiles(ctx, "fact_inp_stay")
	rows := int64(0)
	for _, f := range files {
		rows += f.Rows
	}
	return rows, err
}

// addScheme puts the scheme into the lake, where it is a folder.
func addScheme(l *lake.Lake, scheme string) (*schemes.Scheme, error) {
	info, err := os.Stat(scheme)
	if err != nil || !info.IsDir() {
		return cases.Library(l.Dir()).Open(scheme)
	}
	s, err := schemes.Read(os.DirFS(scheme), filepath.Base(scheme))
	if err != nil {
		return nil, err
	}
	to := filepath.Join(l.Dir(), cases.SchemesFolder, s.ID)
	if err := os.MkdirAll(to, 0o750); err != nil {
		return nil, err
	}
	for name, text := range s.Effective() {
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// writeCases makes Parquet files of contract columns: a year of stays in sixty hospitals.
func writeCases(ctx context.Context, dir string, s *schemes.Scheme, rows int) (err error) {
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	rng := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // made-up cases
	list := func(table, column string) string {
		t := s.Tables[table]
		at := t.Column(column)
		var codes []string
		for range 2000 {
			codes = append(codes, "'"+strings.ReplaceAll(t.Row(rng.IntN(t.Len()))[at], "'", "''")+"'")
		}
		return "[" + strings.Join(codes, ", ") + "]"
	}
	for _, q := range []string{
		"CREATE TEMP TABLE lists AS SELECT " + list("adrg_dx.csv", "dx") + " AS pdx, " + list("cc.csv", "dx") + " AS odx, " + list("adrg_op.csv", "op") + " AS ops",
		fmt.Sprintf(`CREATE TEMP TABLE stay AS SELECT i, 'S' || i AS stay_id, 'H' || (i %% 60) AS org_code, DATE '2025-01-01' + (i * 365 // %d)::INTEGER AS discharge_date FROM range(%[1]d) t(i)`, rows),
		"COPY (SELECT stay_id, org_code, 'p' || (i * 7919 % 999983) AS person_key, (discharge_date - 5)::TIMESTAMP AS admit_time, discharge_date + INTERVAL 10 HOUR AS discharge_time, discharge_date, " +
			"5 AS los_days, 'D' || (i % 17) AS discharge_dept, (1 + i % 2)::VARCHAR AS sex_code, (1 + i * 31 % 90)::INTEGER AS age_years, pdx[(1 + hash(i) % 2000)::BIGINT] AS primary_diag_code, " +
			"CASE WHEN i % 2 = 0 THEN ops[(1 + hash(i + 1) % 2000)::BIGINT] END AS main_proc_code, (500 + hash(i + 2) % 30000)::DECIMAL(16, 2) AS total_fee, false AS is_death " +
			"FROM stay, lists) TO '" + dir + "/fact_inp_stay.parquet'",
		"COPY (SELECT stay_id, seq::INTEGER AS seq, org_code, discharge_date, CASE WHEN seq = 0 THEN 'MAIN' ELSE 'OTHER' END AS diag_type, " +
			"CASE WHEN seq = 0 THEN pdx[(1 + hash(i) % 2000)::BIGINT] ELSE odx[(1 + hash(i * 4 + seq) % 2000)::BIGINT] END AS diag_code FROM stay, lists, range(4) s(seq)) TO '" + dir + "/fact_inp_diag.parquet'",
		"COPY (SELECT 'P' || i AS proc_id, stay_id, org_code, discharge_date, 1 AS seq, ops[(1 + hash(i + 1) % 2000)::BIGINT] AS proc_code, '手术' AS proc_class FROM stay, lists WHERE i % 2 = 0) TO '" + dir + "/fact_inp_proc.parquet'",
	} {
		if _, err := loader.Conn().ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// plainLists is the same reading and writing in plain SQL.
func plainLists(ctx context.Context, l *lake.Lake, set *schema.Set, dir string) (err error) {
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	v, err := l.View(ctx, 0)
	if err != nil {
		return err
	}
	byMonth := map[string]map[string][]string{}
	for _, table := range []string{"fact_inp_stay", "fact_inp_diag", "fact_inp_proc"} {
		files, err := v.AllFiles(ctx, table)
		if err != nil {
			return err
		}
		for _, f := range files {
			if byMonth[f.Month] == nil {
				byMonth[f.Month] = map[string][]string{}
			}
			byMonth[f.Month][table] = append(byMonth[f.Month][table], f.Path)
		}
	}
	for month, tables := range byMonth {
		read := func(table string) string {
			t, _ := set.Table(table)
			return duckdb.ReadFiles(t, tables[table])
		}
		_, err := loader.Conn().ExecContext(ctx, fmt.Sprintf(`COPY (SELECT s.*, dx, px FROM %s s
LEFT JOIN (SELECT stay_id, list(diag_code) AS dx FROM %s GROUP BY stay_id) d USING (stay_id) LEFT JOIN (SELECT stay_id, list(proc_code) AS px FROM %s GROUP BY stay_id) p USING (stay_id)
ORDER BY org_code, discharge_date, stay_id) TO '%s/plain-%s.parquet' (FORMAT parquet, COMPRESSION zstd)`, read("fact_inp_stay"), read("fact_inp_diag"), read("fact_inp_proc"), dir, month))
		if err != nil {
			return err
		}
	}
	return nil
}
