package bench

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

// question is an indicator as it is asked, beside the SQL that somebody who knows the tables would write for it.
type question struct {
	indicator, period, grain string
	by                       []string
	hand                     string // STAYS and VISITS stand for read_parquet of all files of the table
}

var questions = []question{
	{"H001", "2025-03", "day", []string{"org_code"}, `SELECT visit_date, org_code, count(*) FILTER (status = 'DONE') FROM VISITS
WHERE visit_date >= DATE '2025-03-01' AND visit_date < DATE '2025-04-01' GROUP BY ALL`},
	{"H001", "2025", "month", nil, `SELECT date_trunc('month', visit_date), count(*) FILTER (status = 'DONE') FROM VISITS
WHERE visit_date >= DATE '2025-01-01' AND visit_date < DATE '2026-01-01' GROUP BY ALL`},
	{"H013", "2025-06", "month", []string{"org_code"}, `SELECT org_code, 100.0 * count(*) FILTER (status = 'DONE' AND NOT is_emergency AND appt_id IS NOT NULL)
/ nullif(count(*) FILTER (status = 'DONE' AND NOT is_emergency), 0) FROM VISITS WHERE visit_date >= DATE '2025-06-01' AND visit_date < DATE '2025-07-01' GROUP BY ALL`},
	{"H026", "2025", "month", []string{"dept_code"}, `SELECT date_trunc('month', visit_date), dept_code, sum(total_fee) FILTER (status = 'DONE')::DOUBLE
/ nullif(count(*) FILTER (status = 'DONE'), 0) FROM VISITS WHERE visit_date >= DATE '2025-01-01' AND visit_date < DATE '2026-01-01' GROUP BY ALL`},
	{"H046", "2025", "month", []string{"org_code"}, `SELECT date_trunc('month', discharge_date), org_code, count(*) FROM STAYS
WHERE discharge_date >= DATE '2025-01-01' AND discharge_date < DATE '2026-01-01' GROUP BY ALL`},
	{"H052", "2025-03", "month", []string{"discharge_dept"}, `SELECT discharge_dept, sum(los_days)::DOUBLE / count(*) FROM STAYS
WHERE discharge_date >= DATE '2025-03-01' AND discharge_date < DATE '2025-04-01' GROUP BY ALL`},
	{"H055", "2025", "quarter", []string{"org_code"}, `SELECT date_trunc('quarter', discharge_date), org_code, 100.0 * count(*) FILTER (is_surgery) / count(*) FROM STAYS
WHERE discharge_date >= DATE '2025-01-01' AND discharge_date < DATE '2026-01-01' GROUP BY ALL`},
	{"H072", "2025-Q2", "quarter", []string{"org_code"}, `WITH later AS (SELECT person_key, stay_id, admit_time FROM STAYS WHERE admit_time >= TIMESTAMP '2025-04-01' AND admit_time < TIMESTAMP '2025-08-01'),
kept AS (SELECT stay_id, person_key, org_code, discharge_time FROM STAYS WHERE discharge_date >= DATE '2025-04-01' AND discharge_date < DATE '2025-07-01'
AND discharge_way IN ('1', '4', '9') AND NOT coalesce(plan_readmit31, false))
SELECT org_code, 100.0 * count(*) FILTER (EXISTS (SELECT 1 FROM later r WHERE r.person_key = kept.person_key AND r.stay_id <> kept.stay_id AND r.admit_time > kept.discharge_time
AND date_diff('day', kept.discharge_time::DATE, r.admit_time::DATE) BETWEEN 0 AND 30)) / count(*) FROM kept GROUP BY ALL`},
	{"H091", "2025", "year", []string{"org_code"}, `SELECT org_code, sum(total_fee)::DOUBLE / count(*) FROM STAYS
WHERE discharge_date >= DATE '2025-01-01' AND discharge_date < DATE '2026-01-01' GROUP BY ALL`},
	{"H093", "2025", "month", nil, `SELECT date_trunc('month', discharge_date), 100 * sum(coalesce(west_drug_fee, 0) + coalesce(tcm_patent_fee, 0) + coalesce(tcm_herb_fee, 0))::DOUBLE
/ nullif(sum(total_fee)::DOUBLE, 0) FROM STAYS WHERE discharge_date >= DATE '2025-01-01' AND discharge_date < DATE '2026-01-01' GROUP BY ALL`},
}

// Queries asks ten indicators through the compiler and the engine, and as hand-written SQL over the same Parquet files in a
// plain DuckDB, in turn, in this process. Rows are those of each of the two tables.
func Queries(ctx context.Context, sanyi string, o Options) ([]Pair, error) {
	o.defaults()
	work, err := os.MkdirTemp(o.Work, "bench-queries-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	dir := filepath.Join(work, "lake")
	if _, err := process(ctx, o.Log, sanyi, "init", dir); err != nil {
		return nil, err
	}
	for table, write := range map[string]func(io.Writer) error{
		"fact_inp_stay":   func(w io.Writer) error { return writeStays(w, o.Rows, 1) },
		"fact_outp_visit": func(w io.Writer) error { return writeVisits(w, o.Rows, 1) },
	} {
		extract := filepath.Join(work, table+".csv")
		if err := writeFile(extract, write); err != nil {
			return nil, err
		}
		if _, err := process(ctx, o.Log, sanyi, "ingest", "--lake", dir, "--table", table, extract); err != nil {
			return nil, err
		}
	}
	return askBoth(ctx, dir, o.Runs)
}

func askBoth(ctx context.Context, dir string, runs int) ([]Pair, error) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		return nil, err
	}
	catalog, err := queries.Load(set, queries.Shipped())
	if err != nil {
		return nil, err
	}
	l, err := lake.Open(ctx, dir, lake.Options{})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	eng, err := duckdb.Open(l, set, duckdb.Options{})
	if err != nil {
		return nil, err
	}
	defer eng.Close()
	view, err := l.View(ctx, 0)
	if err != nil {
		return nil, err
	}
	stays, err := filesOf(ctx, view, "fact_inp_stay")
	if err != nil {
		return nil, err
	}
	visits, err := filesOf(ctx, view, "fact_outp_visit")
	if err != nil {
		return nil, err
	}
	plain, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	if _, err := plain.ExecContext(ctx, "SET parquet_metadata_cache = true"); err != nil {
		return nil, err
	}
	var pairs []Pair
	for _, q := range questions {
		hand := strings.NewReplacer("STAYS", stays, "VISITS", visits).Replace(q.hand)
		request := queries.Request{Indicators: []string{q.indicator}, Period: q.period, Grain: q.grain, By: q.by, Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
		var ours, theirs []Cost
		for range runs + 1 { // the first of each warms caches and is thrown away
			cost, err := inside(func() error {
				_, err := catalog.Ask(ctx, engine.Runner(eng), request, queries.WholeLake("bench"))
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.indicator, err)
			}
			ours = append(ours, cost)
			if cost, err = inside(func() error { return drain(ctx, plain, hand) }); err != nil {
				return nil, fmt.Errorf("%s by hand: %w", q.indicator, err)
			}
			theirs = append(theirs, cost)
		}
		name := fmt.Sprintf("%s %s by %s %s", q.indicator, q.period, q.grain, strings.Join(q.by, ","))
		pairs = append(pairs, Pair{Name: strings.TrimSpace(name), Ours: median(ours[1:]), Plain: median(theirs[1:])})
	}
	return pairs, nil
}

// filesOf writes read_parquet over every file of a table.
func filesOf(ctx context.Context, view *lake.View, table string) (string, error) {
	files, err := view.Files(ctx, table, time.Time{}, time.Time{})
	if err != nil {
		return "", err
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = "'" + strings.ReplaceAll(f.Path, "'", "''") + "'"
	}
	return "read_parquet([" + strings.Join(paths, ", ") + "], hive_partitioning = false)", nil
}

// drain runs a statement and reads its rows, as a client would.
func drain(ctx context.Context, db *sql.DB, statement string) error {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	cells := make([]any, len(columns))
	for i := range cells {
		cells[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(cells...); err != nil {
			return err
		}
	}
	return rows.Err()
}
