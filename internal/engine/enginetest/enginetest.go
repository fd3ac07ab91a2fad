// Package enginetest is the exam that every engine sits: the same rows, the same questions, the same answers. An engine
// over files, one over memory and one behind a process boundary have to be the same to whoever asks.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

const stays = `table: exam_stay
title: {zh: 住院, en: Stays}
kind: fact
version: "1"
event_date: discharge_date
key: [stay_id]
scope: {org: org_code}
columns:
  - {id: 1, name: stay_id, title: {zh: 号, en: id}, type: varchar(30), sensitivity: O}
  - {id: 2, name: org_code, title: {zh: 机构, en: org}, type: varchar(22), sensitivity: O}
  - {id: 3, name: discharge_date, title: {zh: 出院, en: day}, type: date, sensitivity: O}
  - {id: 4, name: discharge_time, title: {zh: 时间, en: time}, type: timestamp, sensitivity: O}
  - {id: 5, name: total_fee, title: {zh: 费用, en: fee}, type: "decimal(16,2)", sensitivity: M}
  - {id: 6, name: los, title: {zh: 床日, en: days}, type: int32, sensitivity: O}
  - {id: 7, name: person_no, title: {zh: 人, en: person}, type: int64, sensitivity: O}
  - {id: 8, name: score, title: {zh: 分, en: score}, type: double, sensitivity: O}
  - {id: 9, name: died, title: {zh: 死亡, en: died}, type: boolean, sensitivity: O}
`

const places = `table: exam_place
title: {zh: 机构, en: Places}
kind: dim
version: "1"
key: [org_code]
scope: {public: true}
columns:
  - {id: 1, name: org_code, title: {zh: 机构, en: org}, type: varchar(22), sensitivity: P}
  - {id: 2, name: org_name, title: {zh: 名称, en: name}, type: varchar(80), sensitivity: P}
`

// Contracts are the exam's tables: exam_stay with rows of many months, exam_place with three rows, and exam_none, which
// nobody ever fills.
func Contracts() *schema.Set {
	layer := fstest.MapFS{}
	for name, text := range map[string]string{
		"exam_stay": stays, "exam_place": places, "exam_none": strings.Replace(stays, "exam_stay", "exam_none", 1),
	} {
		layer["tables/"+name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	set, err := schema.Load(layer)
	if err != nil {
		panic(err) // the texts above are part of the program
	}
	return set
}

// Rows are the exam's rows: table → rows, values as YAML or JSON decoding gives them. The loader splits them by month
// where it keeps months.
func Rows() map[string][]map[string]any {
	var stay []map[string]any
	first := time.Date(2024, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := range 200 {
		day := first.AddDate(0, 0, i)
		r := map[string]any{
			"stay_id": fmt.Sprintf("S%04d", i), "org_code": fmt.Sprintf("ORG%d", i%3), "discharge_date": day.Format(time.DateOnly),
			"discharge_time": day.Format(time.DateOnly) + fmt.Sprintf(" %02d:30:00", i%24), "total_fee": fmt.Sprintf("%d.%02d", 1000+i, i%100),
			"los": i % 17, "person_no": int64(1) << 62, "score": float64(i) / 8, "died": i%50 == 0,
		}
		if i%10 == 9 {
			delete(r, "total_fee")
			r["died"] = nil
		}
		stay = append(stay, r)
	}
	return map[string][]map[string]any{
		"exam_stay": stay,
		"exam_place": {
			{"org_code": "ORG0", "org_name": "县人民医院"}, {"org_code": "ORG1", "org_name": "O'Brien 中医院"}, {"org_code": "ORG2", "org_name": nil},
		},
	}
}

// Run is the exam. The engine holds Rows in Contracts.
func Run(t *testing.T, e engine.Engine) {
	t.Helper()
	whole := []engine.Use{{Table: "exam_stay"}, {Table: "exam_place"}, {Table: "exam_none"}}
	for _, c := range []struct {
		name, sql string
		args      []any
		want      string
	}{
		{"counts and money", "SELECT count(*), sum(total_fee), sum(los) FROM exam_stay", nil, "200|197908.2|1574"},
		{
			"types", "SELECT typeof(stay_id), typeof(discharge_date), typeof(discharge_time), typeof(total_fee), typeof(los), typeof(person_no), typeof(score), typeof(died) FROM exam_stay LIMIT 1", nil,
			"VARCHAR|DATE|TIMESTAMP|DECIMAL(16,2)|INTEGER|BIGINT|DOUBLE|BOOLEAN",
		},
		{"a sum beyond 64 bits", "SELECT sum(person_no) FROM exam_stay", nil, "922337203685477580800"},
		{
			"values as they are", "SELECT discharge_date, discharge_time, total_fee, los, score, died FROM exam_stay WHERE stay_id = $1",
			[]any{"S0050"},
			"2024-12-21|2024-12-21 02:30:00|1050.5|16|6.25|true",
		},
		{"nulls", "SELECT count(*), count(total_fee), count(died) FROM exam_stay WHERE total_fee IS NULL OR died IS NULL", nil, "20|0|0"},
		{"missing is null, not zero", "SELECT total_fee FROM exam_stay WHERE stay_id = 'S0009'", nil, "(null)"},
		{"a table without data", "SELECT count(*), sum(total_fee), min(discharge_date) FROM exam_none", nil, "0|(null)|(null)"},
		{"and its types", "SELECT typeof(total_fee), typeof(_src_row) FROM (SELECT total_fee, _src_row FROM exam_none UNION ALL SELECT NULL, NULL)", nil, "DECIMAL(16,2)|BIGINT"},
		{"no rows", "SELECT stay_id, los FROM exam_stay WHERE los > 1000", nil, ""},
		{
			"join, chinese and quotes", "SELECT org_name, count(*) FROM exam_stay JOIN exam_place USING (org_code) WHERE org_name IS NOT NULL GROUP BY ALL ORDER BY 2, 1", nil,
			"O'Brien 中医院|67\n县人民医院|67",
		},
		{"a text argument", "SELECT count(*) FROM exam_place WHERE org_name = $1", []any{"O'Brien 中医院"}, "1"},
		{"a day as argument", "SELECT count(*) FROM exam_stay WHERE discharge_date >= $1 AND discharge_date < $2", []any{day("2024-12-01"), day("2025-01-01")}, "31"},
		{"a day in another zone", "SELECT count(*) FROM exam_stay WHERE discharge_date = $1", []any{day("2024-12-01").In(time.FixedZone("CST", 8*3600)).Add(-8 * time.Hour)}, "1"},
		{"an instant as argument", "SELECT count(*) FROM exam_stay WHERE discharge_time >= $1 AND discharge_date < $2", []any{day("2024-12-21").Add(150 * time.Minute), day("2024-12-22")}, "1"},
		{"numbers as arguments", "SELECT count(*) FROM exam_stay WHERE los = $1 AND score < $2 AND died = $3", []any{16, 7.5, true}, "1"},
		{"a null argument", "SELECT count(*) FROM exam_stay WHERE los = $1", []any{nil}, "0"},
		{"arithmetic in the lake's zone", "SELECT CAST(TIMESTAMP '2025-03-01 00:30:00' AS DATE)", nil, "2025-03-01"},
		{"duplicate names", "SELECT 1 AS a, 2 AS a", nil, "1|2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, e, engine.Statement{SQL: c.sql, Args: c.args, Uses: whole})
			if got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.sql, got, c.want)
			}
		})
	}
	t.Run("pruning never changes a result", func(t *testing.T) { pruning(t, e) })
	t.Run("naming columns never changes a result", func(t *testing.T) { named(t, e) })
	t.Run("a cap", func(t *testing.T) { capped(t, e) })
	t.Run("a cancelled question", func(t *testing.T) { cancelled(t, e) })
	t.Run("a wrong question", func(t *testing.T) {
		_, err := e.Run(t.Context(), engine.Statement{SQL: "SELECT nothing_like_it FROM exam_place", Uses: whole})
		if fault.KindOf(err) != fault.Usage {
			t.Errorf("got %v, want a usage error", err)
		}
	})
	t.Run("an error shows no value", func(t *testing.T) {
		_, err := e.Run(t.Context(), engine.Statement{SQL: "SELECT CAST(stay_id AS INTEGER) FROM exam_stay", Uses: whole})
		if err == nil || strings.Contains(err.Error(), "S0") {
			t.Errorf("got %v, want an error without the value", err)
		}
	})
	t.Run("answers outlive one another", func(t *testing.T) { outlive(t, e, whole) })
	t.Run("many at once", func(t *testing.T) { together(t, e, whole) })
}

func day(s string) time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return at
}

// ask gives an answer as text: | between columns, a line a row.
func ask(t *testing.T, e engine.Engine, s engine.Statement) string {
	t.Helper()
	res, err := e.Run(t.Context(), s)
	if err != nil {
		t.Fatalf("%s: %v", s.SQL, err)
	}
	return text(res)
}

func text(res *engine.Result) string {
	var lines []string
	for _, b := range res.Batches {
		for row := range int(b.NumRows()) {
			var cells []string
			for col := range int(b.NumCols()) {
				cells = append(cells, cell(b.Column(col), row))
			}
			lines = append(lines, strings.Join(cells, "|"))
		}
		b.Release()
	}
	return strings.Join(lines, "\n")
}

func cell(a arrow.Array, row int) string {
	if ts, ok := a.DataType().(*arrow.TimestampType); ok && a.IsValid(row) {
		return strings.TrimSuffix(strings.TrimSuffix(strings.Replace(a.ValueStr(row), "T", " ", 1), "Z"), ".000000") + strings.Repeat("?", len(ts.TimeZone))
	}
	return a.ValueStr(row)
}

// pruning asks for every interval of a grid twice: with the interval told to the engine, and without.
func pruning(t *testing.T, e engine.Engine) {
	t.Helper()
	var edges []time.Time
	for at := day("2024-10-20"); at.Before(day("2025-06-10")); at = at.AddDate(0, 0, 23) {
		edges = append(edges, at, time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC))
	}
	slices.SortFunc(edges, time.Time.Compare)
	const question = "SELECT count(*), sum(total_fee), min(discharge_date), max(discharge_date) FROM exam_stay WHERE discharge_date >= $1 AND discharge_date < $2"
	for i, from := range edges {
		for _, to := range edges[i:] {
			s := engine.Statement{SQL: question, Args: []any{from, to}, Uses: []engine.Use{{Table: "exam_stay"}}}
			want := ask(t, e, s)
			s.Uses[0].From, s.Uses[0].To = from, to
			if got := ask(t, e, s); got != want {
				t.Fatalf("[%s, %s): pruned %s, whole %s", from.Format(time.DateOnly), to.Format(time.DateOnly), got, want)
			}
		}
	}
	// Two intervals of one table, as a comparison needs them.
	got := ask(t, e, engine.Statement{
		SQL:  "SELECT count(*) FROM exam_stay WHERE discharge_date < DATE '2024-12-01' OR discharge_date >= DATE '2025-03-01' AND discharge_date < DATE '2025-04-01'",
		Uses: []engine.Use{{Table: "exam_stay", To: day("2024-12-01")}, {Table: "exam_stay", From: day("2025-03-01"), To: day("2025-04-01")}},
	})
	if got != "61" {
		t.Errorf("two intervals: got %s, want 61", got)
	}
}

// named asks with the columns told to the engine and without, in the words of the compiler and in others.
func named(t *testing.T, e engine.Engine) {
	t.Helper()
	for _, sql := range []string{
		"WITH\ncounted AS (SELECT stay.org_code, stay.los FROM exam_stay AS stay WHERE stay.discharge_date >= $1)\nSELECT org_code, sum(los) AS days FROM counted GROUP BY 1 ORDER BY 1",
		"WITH\nlast AS (SELECT max(discharge_date) AS discharge_date FROM exam_stay WHERE discharge_date >= $1)\nSELECT count(*) AS n, min(stay.los) AS los, min(stay.org_code) AS org_code FROM exam_stay AS stay JOIN last USING (discharge_date)",
		"WITH\nexam_stay AS (SELECT org_code, los, discharge_date FROM exam_stay)\nSELECT count(*) AS n, sum(los) AS days, min(org_code) AS org_code FROM exam_stay WHERE discharge_date >= $1",
		"SELECT org_code, sum(los) AS days FROM exam_stay WHERE discharge_date >= $1 GROUP BY 1 ORDER BY 1",
	} {
		s := engine.Statement{SQL: sql, Args: []any{day("2025-01-10")}, Uses: []engine.Use{{Table: "exam_stay", From: day("2025-01-10")}}}
		want := ask(t, e, s)
		s.Uses[0].Columns = []string{"org_code", "los", "discharge_date"}
		if got := ask(t, e, s); got != want {
			t.Errorf("%s\nwith its columns named: got %s, want %s", sql, got, want)
		}
	}
	none := engine.Statement{SQL: "WITH\ncounted AS (SELECT 0 AS slot FROM exam_none)\nSELECT count(*) AS n FROM counted", Uses: []engine.Use{{Table: "exam_none", Columns: []string{}}}}
	if got := ask(t, e, none); got != "0" {
		t.Errorf("rows of a table of which no column is named: got %s, want 0", got)
	}
	none.SQL, none.Uses[0].Table = "WITH\ncounted AS (SELECT 0 AS slot FROM exam_stay)\nSELECT count(*) AS n FROM counted", "exam_stay"
	if got := ask(t, e, none); got != "200" {
		t.Errorf("rows of a table of which no column is named: got %s, want 200", got)
	}
}

func capped(t *testing.T, e engine.Engine) {
	t.Helper()
	s := engine.Statement{SQL: "SELECT stay_id FROM exam_stay", Uses: []engine.Use{{Table: "exam_stay"}}, MaxRows: 200}
	if n := strings.Count(ask(t, e, s), "\n") + 1; n != 200 {
		t.Errorf("at the cap: got %d rows, want 200", n)
	}
	s.MaxRows = 199
	if _, err := e.Run(t.Context(), s); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("above the cap: got %v, want it too large", err)
	}
}

func cancelled(t *testing.T, e engine.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := e.Run(ctx, engine.Statement{SQL: "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %s to stop", took)
	}
	if got := ask(t, e, engine.Statement{SQL: "SELECT 1"}); got != "1" {
		t.Errorf("the next question: got %s", got)
	}
}

// outlive keeps the batches of one answer while others are computed: memory that the engine took back would show.
func outlive(t *testing.T, e engine.Engine, uses []engine.Use) {
	t.Helper()
	res, err := e.Run(t.Context(), engine.Statement{SQL: "SELECT stay_id || '-a string too long to be inlined' FROM exam_stay ORDER BY 1", Uses: uses})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		ask(t, e, engine.Statement{SQL: "SELECT repeat('x', 100), * FROM exam_stay", Uses: uses})
	}
	lines := strings.Split(text(res), "\n")
	if len(lines) != 200 || lines[7] != "S0007-a string too long to be inlined" || lines[199] != "S0199-a string too long to be inlined" {
		t.Errorf("got %d lines, %q", len(lines), lines[7])
	}
}

func together(t *testing.T, e engine.Engine, uses []engine.Use) {
	t.Helper()
	errs := make(chan error)
	const askers = 8
	for i := range askers {
		go func() {
			var err error
			for j := 0; j < 10 && err == nil; j++ {
				s := engine.Statement{SQL: "SELECT count(*) FROM exam_stay WHERE los = $1", Args: []any{i}, Uses: uses[:1+(i+j)%3]}
				var res *engine.Result
				if res, err = e.Run(t.Context(), s); err == nil {
					if got := text(res); got != "12" && got != "11" {
						err = fmt.Errorf("got %s", got)
					}
				}
			}
			errs <- err
		}()
	}
	for range askers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
