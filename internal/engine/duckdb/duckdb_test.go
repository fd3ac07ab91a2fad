package duckdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/enginetest"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

func TestScratchPassesTheExam(t *testing.T) {
	s, err := NewScratch(t.Context(), enginetest.Contracts())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, rows := range enginetest.Rows() {
		if err := s.Load(name, rows); err != nil {
			t.Fatal(err)
		}
	}
	enginetest.Run(t, s)
	if err := s.Load("exam_place", []map[string]any{{"no_such": 1}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an unknown column: got %v", err)
	}
	if err := s.Reset(); err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(t.Context(), engine.Statement{SQL: "SELECT 1 FROM exam_stay"})
	if err != nil || res.Stats.Rows != 0 {
		t.Errorf("after Reset: got %+v, %v", res, err)
	}
}

func TestLakeEnginePassesTheExam(t *testing.T) {
	l, set := examLake(t)
	e, err := Open(l, set, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	enginetest.Run(t, e)
}

// examLake is a lake that holds the exam's rows, written by a Loader as ingest does it. Publication 1 holds the stays of
// 2024, publication 2 the rest.
func examLake(t *testing.T) (*lake.Lake, *schema.Set) {
	t.Helper()
	ctx := t.Context()
	l, err := lake.Create(ctx, filepath.Join(t.TempDir(), "湖 lake"), lake.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	set := enginetest.Contracts()
	publish(t, l, set, func(month string) bool { return month != "" && month < "2025" })
	publish(t, l, set, func(month string) bool { return month == "" || month >= "2025" })
	return l, set
}

// publish loads the exam's rows of some months as one delivery.
func publish(t *testing.T, l *lake.Lake, set *schema.Set, in func(month string) bool) {
	t.Helper()
	ctx := t.Context()
	work, err := l.Work()
	if err != nil {
		t.Fatal(err)
	}
	loader, err := OpenLoader(ctx, LoaderOptions{Work: work})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	s, err := l.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	delivery := fmt.Sprint("d", s.Publication())
	tables := map[string]int64{}
	for name, rows := range enginetest.Rows() {
		c, _ := set.Table(name)
		byMonth := map[string][]map[string]any{}
		for _, r := range rows {
			month := ""
			if c.EventDate != "" {
				month = r[c.EventDate].(string)[:7]
			}
			r[schema.BatchID] = delivery
			if in(month) {
				byMonth[month] = append(byMonth[month], r)
			}
		}
		for month, rows := range byMonth {
			if err := writeRows(ctx, loader, s, c, month, delivery, rows); err != nil {
				t.Fatal(err)
			}
			tables[name] += int64(len(rows))
		}
	}
	var n int64
	for _, rows := range tables {
		n += rows
	}
	if err := s.Record(lake.Load{File: "exam", Delivery: delivery, Status: lake.Arrived, Records: n, Loaded: n, Tables: tables}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(ctx, lake.Note{}); err != nil {
		t.Fatal(err)
	}
}

func writeRows(ctx context.Context, loader *Loader, s *lake.Staging, c *schema.Table, month, delivery string, rows []map[string]any) error {
	var selects []string
	for _, r := range rows {
		var cols []string
		for _, col := range c.AllColumns() {
			v, err := textOf(r[col.Name])
			if err != nil {
				return err
			}
			if v == nil {
				cols = append(cols, fmt.Sprintf("NULL::%s AS %s", col.Type.SQL(), col.Name))
				continue
			}
			cols = append(cols, fmt.Sprintf("%s::%s AS %s", quoteText(v.(string)), col.Type.SQL(), col.Name))
		}
		selects = append(selects, "SELECT "+strings.Join(cols, ", "))
	}
	path, err := s.NewFile(c.Name, month)
	if err != nil {
		return err
	}
	n, err := loader.CopyParquet(ctx, c, strings.Join(selects, " UNION ALL "), path, CopyOptions{})
	if err != nil {
		return err
	}
	if n != int64(len(rows)) {
		return fmt.Errorf("wrote %d rows of %d", n, len(rows))
	}
	return s.Add(c, lake.DataFile{Path: path, Month: month, Rows: n, Deliveries: map[string]int64{delivery: n}})
}

func count(t *testing.T, e engine.Engine, publication int64) int64 {
	t.Helper()
	res, err := e.Run(t.Context(), engine.Statement{SQL: "SELECT stay_id FROM exam_stay", Uses: []engine.Use{{Table: "exam_stay"}}, Publication: publication})
	if err != nil {
		t.Fatal(err)
	}
	return res.Stats.Rows
}

func TestAnOlderPublicationAnswersAsItDid(t *testing.T) {
	l, set := examLake(t)
	e, err := Open(l, set, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if now, then := count(t, e, 0), count(t, e, 1); now != 200 || then != 61 {
		t.Errorf("got %d rows now and %d as of publication 1; want 200 and 61", now, then)
	}
	if _, err := l.Rollback(t.Context(), 1, ""); err != nil {
		t.Fatal(err)
	}
	if now, before := count(t, e, 0), count(t, e, 2); now != 61 || before != 200 {
		t.Errorf("after rollback: got %d now, %d as of 2; want 61, 200", now, before)
	}
	if _, err := e.Run(t.Context(), engine.Statement{SQL: "SELECT 1", Publication: 77}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("publication 77: got %v", err)
	}
}

func TestPruningReadsFewerFiles(t *testing.T) {
	l, set := examLake(t)
	e, err := Open(l, set, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, c := range []struct {
		use  engine.Use
		want int
	}{
		{engine.Use{Table: "exam_stay"}, 7},
		{engine.Use{Table: "exam_stay", From: at("2024-12-05"), To: at("2024-12-06")}, 1},
		{engine.Use{Table: "exam_stay", From: at("2024-12-05"), To: at("2025-01-02")}, 2},
		{engine.Use{Table: "exam_none"}, 0},
	} {
		res, err := e.Run(t.Context(), engine.Statement{SQL: "SELECT count(*) FROM " + c.use.Table, Uses: []engine.Use{c.use}})
		if err != nil {
			t.Fatal(err)
		}
		if res.Stats.Files != c.want {
			t.Errorf("%+v: read %d files, want %d", c.use, res.Stats.Files, c.want)
		}
	}
}

func TestTheEngineReadsNothingButItsWarehouse(t *testing.T) {
	l, set := examLake(t)
	e, err := Open(l, set, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	outside := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(outside, []byte("a,b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(l.Warehouse(), "link.csv")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"SELECT * FROM read_csv('" + outside + "')", "SELECT * FROM '" + outside + "'", "SELECT * FROM read_text('" + link + "')",
		"SELECT * FROM read_text('" + l.Warehouse() + "/../catalog.db')", "COPY (SELECT 1) TO '" + outside + ".out'",
		"ATTACH '" + outside + ".db' AS x", "SET threads = 7", "SET enable_external_access = true", "INSTALL httpfs", "LOAD httpfs",
	} {
		if _, err := e.Run(t.Context(), engine.Statement{SQL: text}); err == nil {
			t.Errorf("let through: %s", text)
		}
	}
	if got := count(t, e, 0); got != 200 {
		t.Errorf("afterwards: got %d rows, want 200", got)
	}
}

func TestATableOfAnEarlierStatementIsNotSeenByTheNext(t *testing.T) {
	l, set := examLake(t)
	e, err := Open(l, set, Options{Threads: 1, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	count(t, e, 1)
	if _, err := e.Run(t.Context(), engine.Statement{SQL: "SELECT count(*) FROM exam_stay"}); fault.KindOf(err) != fault.Usage {
		t.Errorf("a statement that does not name its table in Uses: got %v, want a usage error", err)
	}
}

func TestAColumnThatCameLaterIsNullInOlderFiles(t *testing.T) {
	l, _ := examLake(t)
	text := strings.Replace(examText(t, "exam_place"), "columns:\n", "columns:\n  - {id: 9, name: beds, title: {zh: 床, en: beds}, type: int32, sensitivity: P}\n", 1)
	c, err := schema.Parse("exam_place.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	loader, err := OpenLoader(t.Context(), LoaderOptions{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	s, err := l.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = writeRows(t.Context(), loader, s, c, "", "late", []map[string]any{{"org_code": "ORG9", "beds": 40, schema.BatchID: "late"}})
	if err != nil {
		t.Fatal(err)
	}
	s.Derive("exam_place", "late", 1)
	if _, err := s.Publish(t.Context(), lake.Note{}); err != nil {
		t.Fatal(err)
	}
	v, err := l.View(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filesOf(t.Context(), v, "exam_place", []engine.Use{{Table: "exam_place"}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := loader.Query(t.Context(), "SELECT org_code, org_name, beds FROM "+ReadFiles(c, paths)+" ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(res.Batches[0].Column(2)), "[(null) (null) (null) 40]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Files of one table differ: an older one lacks a column, has another under its former name, narrower and in another
// place; a source that cannot fill a column leaves it out. Each column is found by its field id.
func TestFilesOfOneTableMayDifferInColumns(t *testing.T) {
	loader, err := OpenLoader(t.Context(), LoaderOptions{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	contract := func(columns string) *schema.Table {
		c, err := schema.Parse("exam_place.yaml", []byte(strings.Replace(examText(t, "exam_place"), "columns:\n", "columns:\n"+columns, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	beds := "  - {id: 9, name: beds, title: {zh: 床, en: beds}, type: int64, sensitivity: P}\n"
	now := contract(beds + "  - {id: 8, name: level, title: {zh: 级, en: level}, type: varchar(3), sensitivity: P}\n")
	var paths []string
	write := func(c *schema.Table, columns string) {
		path := filepath.Join(t.TempDir(), "data.parquet")
		if _, err := loader.CopyParquet(t.Context(), c, "SELECT "+columns, path, CopyOptions{}); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	all := func(c *schema.Table, given map[string]string) string {
		var out []string
		for _, col := range c.AllColumns() {
			v := "NULL"
			if given[col.Name] != "" {
				v = given[col.Name]
			}
			out = append(out, fmt.Sprintf("%s::%s AS %s", v, col.Type.SQL(), quoteName(col.Name)))
		}
		return strings.Join(out, ", ")
	}
	write(now, all(now, map[string]string{"org_code": "'A'", "beds": "40", "level": "'3A'"}))
	old := contract("  - {id: 9, name: level, title: {zh: 床, en: beds}, type: int32, sensitivity: P}\n") // the name now means another column
	write(old, all(old, map[string]string{"org_code": "'B'", "level": "7"}))
	older := contract("")
	write(older, all(older, map[string]string{"org_code": "'C'"}))

	uses := []engine.Use{{Table: "exam_place", Columns: []string{"beds", "org_code"}}, {Table: "exam_place", Columns: []string{"level"}}}
	tables := map[string]string{"exam_place": relation(columnsOf(now, uses), paths)}
	if strings.Contains(tables["exam_place"], "org_name") {
		t.Errorf("a column that the statement does not name is read: %s", tables["exam_place"])
	}
	text, ok := inline("WITH\ncounted AS (SELECT org_code, level, beds FROM exam_place)\nSELECT org_code || ' ' || coalesce(level, '-') || ' ' || coalesce(beds::VARCHAR, '-') AS place FROM counted ORDER BY 1", uses, tables)
	if !ok {
		t.Fatal("a compiled statement is not answered in one")
	}
	res, err := loader.Query(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(res.Batches[0].Column(0)), `["A 3A 40" "B - 7" "C - -"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	res, err = loader.Query(t.Context(), "SELECT count(*) AS n, max(org_name) IS NULL AS none FROM "+ReadFiles(now, paths))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(res.Batches[0].Column(0)); got != "[3]" {
		t.Errorf("over all columns: got %s rows, want 3", got)
	}
}

func TestAuditsSeeWhatIsStaged(t *testing.T) {
	l, set := examLake(t)
	e, err := Open(l, set, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	loader, err := OpenLoader(t.Context(), LoaderOptions{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(e.Close(), loader.Close()) }()
	s, err := l.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	c, _ := set.Table("exam_stay")
	if err := writeRows(t.Context(), loader, s, c, "2025-07", "x", []map[string]any{{"stay_id": "X", "discharge_date": "2025-07-01"}}); err != nil {
		t.Fatal(err)
	}
	v, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if staged, head := count(t, e.Over(v), 0), count(t, e, 0); staged != 201 || head != 200 {
		t.Errorf("got %d staged, %d published; want 201, 200", staged, head)
	}
}

func TestStringFunctionsSeeNullsAndRunChunkByChunk(t *testing.T) {
	loader, err := OpenLoader(t.Context(), LoaderOptions{Work: t.TempDir(), Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	err = loader.RegisterString("glue", 2, func() StringFunc {
		return func(args []string, ok []bool) (string, bool, error) {
			if !ok[0] && !ok[1] {
				return "", false, nil
			}
			if args[0] == "7" {
				return "", true, nil
			}
			return args[0] + "/" + args[1], true, nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := loader.Query(t.Context(), `
SELECT count(*), count(g), count(*) FILTER (g = ''), min(g), count(*) FILTER (g <> range || '/' || coalesce(b, ''))
FROM (SELECT range, b, glue(CASE WHEN range % 10 > 0 THEN range::VARCHAR END, b) AS g
      FROM (SELECT range, CASE WHEN range % 20 > 0 THEN 'b' END AS b FROM range(100000)))`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range int(res.Batches[0].NumCols()) {
		got = append(got, res.Batches[0].Column(i).ValueStr(0))
	}
	// 10,000 rows without a first argument, 5,000 of them without a second; those with a second give "/b".
	if want := "100000 95000 1  5001"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
}

func at(s string) time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return at
}

func examText(t *testing.T, name string) string {
	t.Helper()
	c, ok := enginetest.Contracts().Table(name)
	if !ok {
		t.Fatal(name)
	}
	return c.Text
}
