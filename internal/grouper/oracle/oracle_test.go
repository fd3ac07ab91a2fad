//go:build duckdb_arrow

package oracle_test

import (
	"context"
	"database/sql" //nolint:depguard // the oracle runs on DuckDB, in tests only
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2" // the oracle's engine

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/oracle"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

// agree groups random cases with both engines and reports where they differ; it returns how often each group came up.
func agree(t *testing.T, s *schemes.Scheme, opt drg.Options, cases int, seed uint64) map[string]int {
	t.Helper()
	g, err := drg.Compile(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	script, err := oracle.Write(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := t.Context()
	dir := t.TempDir()
	for name, table := range s.Tables {
		rows := [][]string{table.Columns}
		for i := range table.Len() {
			rows = append(rows, table.Row(i))
		}
		load(ctx, t, db, dir, "s_"+name[:len(name)-4], rows, "all_varchar = true")
	}
	for _, sql := range script.Setup {
		run(ctx, t, db, sql)
	}
	gen := oracle.NewGenerator(s, seed)
	worker := g.Worker()
	want := make([]drg.Result, cases)
	count := map[string]int{}
	heads := [][]string{{"id", "sex", "age_years", "age_days", "weight", "los"}}
	dx, ops := [][]string{{"id", "pos", "code"}}, [][]string{{"id", "pos", "code"}}
	for i := range cases {
		c := gen.Case()
		if i < gen.Goals()*20 {
			c = gen.Towards(i % gen.Goals())
		}
		want[i] = worker.Group(&c)
		count[want[i].DRG]++
		id := strconv.Itoa(i)
		heads = append(heads, []string{id, strconv.Itoa(int(c.Sex)), number(c.AgeYears), number(c.AgeDays), number(c.WeightG), number(c.LOSDays)})
		for p, code := range c.Dx {
			dx = append(dx, []string{id, strconv.Itoa(p + 1), code})
		}
		for p, code := range c.Ops {
			ops = append(ops, []string{id, strconv.Itoa(p + 1), code})
		}
	}
	load(ctx, t, db, dir, "cases", heads, "types = {'id': 'BIGINT', 'sex': 'INT', 'age_years': 'DOUBLE', 'age_days': 'DOUBLE', 'weight': 'DOUBLE', 'los': 'DOUBLE'}")
	load(ctx, t, db, dir, "case_dx", dx, "types = {'id': 'BIGINT', 'pos': 'INT', 'code': 'VARCHAR'}")
	load(ctx, t, db, dir, "case_op", ops, "types = {'id': 'BIGINT', 'pos': 'INT', 'code': 'VARCHAR'}")
	rows, err := db.QueryContext(ctx, script.Query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n, wrong := 0, 0
	for rows.Next() {
		var id int
		var got [5]string
		if err := rows.Scan(&id, &got[0], &got[1], &got[2], &got[3], &got[4]); err != nil {
			t.Fatal(err)
		}
		w := want[id]
		if is := [5]string{w.MDC, w.ADRG, w.DRG, w.Severity.String(), w.Reason.String()}; got != is {
			if wrong++; wrong <= 5 {
				t.Errorf("case %d: the grouper says %v, the oracle %v (case %v)", id, is, got, heads[id+1])
			}
		}
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if n != cases || wrong > 0 {
		t.Errorf("%d of %d cases differ (%d asked)", wrong, n, cases)
	}
	return count
}

func number(v float64) string {
	if v != v { // missing
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func load(ctx context.Context, t *testing.T, db *sql.DB, dir, table string, rows [][]string, how string) {
	t.Helper()
	path := filepath.Join(dir, table+".csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(f)
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	null := "nullstr = ''"
	if how == "all_varchar = true" {
		null = "nullstr = '\x01'"
	}
	run(ctx, t, db, fmt.Sprintf("CREATE TABLE %s AS SELECT * FROM read_csv('%s', header = true, delim = ',', quote = '\"', %s, %s)", table, path, null, how))
}

func run(ctx context.Context, t *testing.T, db *sql.DB, sql string) {
	t.Helper()
	if _, err := db.ExecContext(ctx, sql); err != nil {
		t.Fatalf("%v\n%.400s", err, sql)
	}
}

func reaches(t *testing.T, s *schemes.Scheme, count map[string]int) {
	t.Helper()
	gen := oracle.NewGenerator(s, 1)
	var missed []string
	for i := range gen.Goals() {
		if count[gen.Goal(i)] == 0 {
			missed = append(missed, gen.Goal(i))
		}
	}
	if len(missed) > 0 {
		t.Errorf("%d of %d groups were never reached: %v", len(missed), gen.Goals(), missed[:min(len(missed), 20)])
	}
}

func TestGrouperAndOracleAgreeOnTheShippedScheme(t *testing.T) {
	s, err := schemes.Library(nil).Open("demo_drg")
	if err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]drg.Options{
		"keep":     {InvalidOp: drg.Keep},
		"shift qy": {InvalidOp: drg.Shift, QY: drg.QYPrincipal},
		"null":     {InvalidOp: drg.Null},
	} {
		t.Run(name, func(t *testing.T) {
			count := agree(t, s, opt, 20000, 7)
			if opt.QY == drg.QYOff {
				reaches(t, s, count)
			}
		})
	}
}

// national reads a national table set of ../shared.
func national(t *testing.T, version string) *schemes.Scheme {
	t.Helper()
	s, err := schemes.Read(os.DirFS(sharedtest.File(t, "domain", "drg-data", version)), version)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGrouperAndOracleAgreeOnAllGroupsOfTheNationalScheme(t *testing.T) {
	s := national(t, "chs_drg_11")
	cases := 100_000
	if testing.Short() {
		cases = 15_000
	}
	count := agree(t, s, drg.Options{InvalidOp: drg.Keep}, cases, 11)
	if !testing.Short() { // fewer cases need not come to every group
		reaches(t, s, count)
	}
	var ungrouped int
	for code, n := range count {
		if code == "0000" {
			ungrouped = n
		}
	}
	t.Logf("%d cases, %d results, %d of them ungrouped", cases, len(count), ungrouped)
	if !testing.Short() {
		agree(t, s, drg.Options{InvalidOp: drg.Shift, QY: drg.QYPrincipal}, 20_000, 13)
		agree(t, s, drg.Options{InvalidOp: drg.Null}, 20_000, 17)
	}
}

func TestGrouperAndOracleAgreeOnTheOlderNationalScheme(t *testing.T) {
	count := agree(t, national(t, "chs_drg_10"), drg.Options{InvalidOp: drg.Keep}, 15_000, 19)
	if len(count) < 500 {
		t.Errorf("only %d results came up", len(count))
	}
}

func TestEveryGroupHasAWitness(t *testing.T) {
	s := national(t, "chs_drg_11")
	g, err := drg.Compile(s, drg.Options{InvalidOp: drg.Keep})
	if err != nil {
		t.Fatal(err)
	}
	gen := oracle.NewGenerator(s, 3)
	var missed []string
	for i := range gen.Goals() {
		found := false
		for range 3000 {
			c := gen.Towards(i)
			if found = g.Group(&c).DRG == gen.Goal(i); found {
				break
			}
		}
		if !found {
			missed = append(missed, gen.Goal(i))
		}
	}
	if gen.Goals() != 628 || len(missed) > 0 {
		t.Errorf("%d groups, without a witness: %v", gen.Goals(), slices.Sorted(slices.Values(missed)))
	}
}
