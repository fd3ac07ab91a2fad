//go:build duckdb_arrow

package weigh_test

import (
	"database/sql" //nolint:depguard // the second implementation runs on DuckDB, in tests only
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2" // the engine of the second implementation
)

// oracle says the same in SQL: trimming, means of one year, deviations, quartiles and RIV.
const oracle = `
WITH
    -- what can be weighed
    cases AS (
        SELECT grp, cost, los FROM read_csv($1, header = true, all_varchar = false)
        WHERE status IS NULL AND cost > 0
    ),
    plain AS (SELECT * FROM cases WHERE los <= 60 AND cost >= 500),
    quarters AS (
        SELECT grp, quantile_cont(ln(cost), 0.25) AS q1, quantile_cont(ln(cost), 0.75) AS q3 FROM plain GROUP BY grp
    ),
    middle AS (
        SELECT plain.* FROM plain JOIN quarters USING (grp)
        WHERE ln(cost) BETWEEN q1 - 1.5 * (q3 - q1) AND q3 + 1.5 * (q3 - q1)
    ),
    spread AS (SELECT avg(cost) AS mean, stddev_samp(cost) AS sd FROM middle),
    used AS (SELECT middle.* FROM middle, spread WHERE cost BETWEEN mean - 3 * sd AND mean + 3 * sd),
    whole AS (SELECT count(*) AS n, sum(cost)::HUGEINT AS cost, var_pop(cost) * count(*) AS squares FROM used),
    grouped AS (
        SELECT
            grp, count(*) AS n, sum(cost)::HUGEINT AS cost, stddev_samp(cost) / 100 AS sd, var_pop(cost) * count(*) AS squares,
            quantile_cont(cost, 0.25) / 100 AS p25, quantile_cont(cost, 0.5) / 100 AS median, quantile_cont(cost, 0.75) / 100 AS p75
        FROM used GROUP BY grp
    )
-- half up in whole numbers: (2ab + c) // 2c
SELECT
    grp, grouped.n, ((2 * grouped.cost + grouped.n) // (2 * grouped.n))::BIGINT AS mean_fen,
    ((2 * 10000 * grouped.cost * whole.n + grouped.n * whole.cost) // (2 * grouped.n * whole.cost))::BIGINT AS rw_10000,
    sd, sd * 100 / (grouped.cost / grouped.n) AS cv, p25, median, p75,
    1 - (SELECT sum(squares) FROM grouped) / whole.squares AS riv
FROM grouped, whole ORDER BY grp`

func TestSQLAgrees(t *testing.T) {
	const params = `
scheme: drg
trim:
  - {id: long, los_over: 60}
  - {id: tiny, cost_below: 5}
  - {id: iqr, iqr: 1.5, on: ln_cost}
  - {id: sigma, sigma: 3, within: all}
`
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for seed := range uint64(6) {
		agreesWithSQL(t, db, params, seed)
	}
}

func agreesWithSQL(t *testing.T, db *sql.DB, params string, seed uint64) {
	t.Helper()
	cases := region(rand.New(rand.NewPCG(seed, 5)), 20_000)
	path := filepath.Join(t.TempDir(), "cases.csv")
	if err := os.WriteFile(path, []byte(asCSV(cases)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := work(t, params, cases)
	rows, err := db.QueryContext(t.Context(), oracle, path)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	groups := 0
	for rows.Next() {
		var code string
		var n, mean, rw int64
		var cv, sd sql.NullFloat64
		var p25, median, p75, riv float64
		if err := rows.Scan(&code, &n, &mean, &rw, &sd, &cv, &p25, &median, &p75, &riv); err != nil {
			t.Fatal(err)
		}
		groups++
		g := groupOf(t, got, code)
		if g.After.Cases != n || g.Mean.Shift(2).IntPart() != mean || g.RW.Shift(4).IntPart() != rw {
			t.Errorf("seed %d, %s: got %d cases, mean %s, RW %s; SQL has %d, %d fen, %d/10000", seed, code, g.After.Cases, g.Mean, g.RW, n, mean, rw)
		}
		near := func(what string, got *float64, want float64) {
			if got == nil || math.Abs(*got-want) > 1e-9*max(1, math.Abs(want)) {
				t.Errorf("seed %d, %s: %s differs: %v, SQL has %v", seed, code, what, got, want)
			}
		}
		near("p25", g.After.P25, p25)
		near("median", g.After.Median, median)
		near("p75", g.After.P75, p75)
		near("RIV", got.After.RIV, riv)
		if n > 1 {
			near("SD", g.After.SD, sd.Float64)
			near("CV", g.After.CV, cv.Float64)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if groups != got.After.Groups || groups < 20 {
		t.Errorf("seed %d: %d groups, SQL has %d", seed, got.After.Groups, groups)
	}
}
