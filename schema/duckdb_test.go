package schema_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

func duck(t *testing.T) (*sql.DB, *expr.Dialect) {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	d, err := expr.LoadDialect(os.DirFS("../queries/dialects"), "duckdb")
	if err != nil {
		t.Fatal(err)
	}
	return db, d
}

func TestEveryCheckRunsInDuckDB(t *testing.T) {
	db, d := duck(t)
	for _, table := range load(t).Tables() {
		var columns []string
		for _, c := range table.AllColumns() {
			columns = append(columns, d.Ident(c.Name)+" "+c.Type.SQL())
		}
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE "+d.Ident(table.Name)+" ("+strings.Join(columns, ", ")+")"); err != nil {
			t.Fatal(err)
		}
		for _, c := range table.AllChecks() {
			for _, inline := range []bool{false, true} {
				p := &expr.Params{Inline: inline, Today: "2025-06-12", Columns: table.Resolver()}
				text, err := d.Print(c.Parsed, p, nil)
				if err != nil {
					t.Fatal(err)
				}
				var bad int
				query := "SELECT count(*) FROM " + d.Ident(table.Name) + " WHERE NOT (" + text + ")"
				if err := db.QueryRowContext(t.Context(), query, p.Values...).Scan(&bad); err != nil {
					t.Errorf("%s: check %s: %v\n%s", table.Name, c.ID, err, text)
				}
			}
		}
	}
}

// value evaluates a text of the language in DuckDB.
func value(t *testing.T, db *sql.DB, d *expr.Dialect, src string) string {
	t.Helper()
	n, err := expr.Parse(src, expr.Pos{})
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	if _, err := expr.TypeOf(n, nil); err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	p := &expr.Params{Today: "2025-06-12"}
	text, err := d.Print(n, p, nil)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	var got sql.NullString
	if err := db.QueryRowContext(t.Context(), "SELECT CAST(("+text+") AS VARCHAR)", p.Values...).Scan(&got); err != nil {
		t.Fatalf("%s: %v\n%s", src, err, text)
	}
	if !got.Valid {
		return "null"
	}
	return got.String
}

func TestFunctionsMeanInDuckDBWhatTheListSays(t *testing.T) {
	db, d := duck(t)
	for _, c := range []struct{ src, want string }{
		{"7 / 2", "3.5"},
		{"1 / 0", "null"},
		{"0 / 0", "null"},
		{"div(7, 2)", "3"},
		{"div(-7, 2)", "-3"},
		{"div(1, 0)", "null"},
		{"7 % 0", "null"},
		{"date_diff('day', TIMESTAMP '2025-01-01 23:59:00', TIMESTAMP '2025-01-02 00:01:00')", "1"},
		{"date_diff('minute', TIMESTAMP '2025-01-01 08:00:59', TIMESTAMP '2025-01-01 08:01:00')", "1"},
		{"date_diff('month', DATE '2025-01-31', DATE '2025-02-01')", "1"},
		{"greatest(1, null, 3)", "3"},
		{"least(2, null)", "2"},
		{"concat('a', null, 'b')", "ab"},
		{"'a' || null", "null"},
		{"left('340123', 4)", "3401"},
		{"right('340123', 2)", "23"},
		{"substr('340123', 5)", "23"},
		{"trim('\t 　内科　 ')", "内科"},
		{"halfwidth('Ａ１２３，x　y')", "A123,x y"},
		{"clean(' — ')", "null"},
		{"clean('-')", "null"},
		{"clean(' a ')", "a"},
		{"to_int('12')", "12"},
		{"to_int('12.0')", "12"},
		{"to_int('12.5')", "null"},
		{"to_int('1e3')", "null"},
		{"to_int('x')", "null"},
		{"to_int('99999999999999999999')", "null"},
		{"to_decimal('12.34')", "12.34"},
		{"to_decimal('12.345')", "null"},
		{"to_decimal('12.3400')", "12.34"},
		{"to_decimal('1e3')", "null"},
		{"to_decimal('12.345', 3)", "12.345"},
		{"to_decimal('-0.5')", "-0.50"},
		{"to_decimal('.5')", "0.50"},
		{"to_decimal('1,234.00')", "null"},
		{"to_decimal('')", "null"},
		{"to_decimal('.')", "null"},
		{"to_decimal('1_000')", "null"},
		{"to_decimal('1E3')", "null"},
		{"to_decimal('12.', 0)", "12"},
		{"to_decimal('12.500', 0)", "null"},
		{"to_int('1_000')", "null"},
		{"to_int('0x1A')", "null"},
		{"to_int('-7')", "-7"},
		{"to_int('')", "null"},
		{"to_double('1e3')", "1000.0"},
		{"to_double('NaN')", "null"},
		{"is_number('12.')", "true"},
		{"is_number('1e3')", "false"},
		{"to_date('2025-01-31')", "2025-01-31"},
		{"to_date('2025/1/5')", "2025-01-05"},
		{"to_date('20250131')", "2025-01-31"},
		{"to_date('2025131')", "null"},
		{"to_date('2025-02-30')", "null"},
		{"to_date('2025-01-31 08:00:00')", "2025-01-31"},
		{"to_date('31.01.2025', '%d.%m.%Y')", "2025-01-31"},
		{"to_date('')", "null"},
		{"to_timestamp('2025-01-31 08:05:06')", "2025-01-31 08:05:06"},
		{"to_timestamp('2025-01-31')", "2025-01-31 00:00:00"},
		{"to_timestamp('20250131080506')", "2025-01-31 08:05:06"},
		{"to_timestamp('2025-01-31T08:05:06')", "2025-01-31 08:05:06"},
		{"to_timestamp('2025013108', '%Y%m%d%H')", "2025-01-31 08:00:00"},
		{"is_date('20251301')", "false"},
		{"to_bool('是')", "true"},
		{"to_bool('N')", "false"},
		{"to_bool('2')", "null"},
		{"to_bool('2', '2', '1')", "true"},
		{"to_bool('1', '2')", "false"},
		{"json_text('{\"a\": {\"b\": 5}}', '$.a.b')", "5"},
		{"json_length('[1,2]')", "2"},
		{"lpad('7', 2, '0')", "07"},
		{"iso_week(DATE '2024-12-30')", "1"},
		{"iso_year(DATE '2024-12-30')", "2025"},
		{"iso_weekday(DATE '2025-01-05')", "7"},
		{"year_month(DATE '2025-03-09')", "2025-03"},
		{"make_date(2025, 2, 30)", "null"},
		{"make_date(2025, 2, 28)", "2025-02-28"},
		{"make_timestamp(DATE '2025-01-31', 8)", "2025-01-31 08:00:00"},
		{"date_add('month', DATE '2025-01-31', 1)", "2025-02-28 00:00:00"},
		{"date_trunc('week', DATE '2025-01-05')", "2024-12-30"},
		{"last_day(DATE '2024-02-01')", "2024-02-29"},
		{"round(2.5)", "3"},
		{"ln(0)", "null"},
		{"sqrt(-1)", "null"},
		{"hash('a', null) = hash('a', '')", "false"},
		{"length(hash('a'))", "32"},
		{"current_date", "2025-06-12"},
		{"DATE '2025-01-31' + INTERVAL 1 MONTH", "2025-02-28 00:00:00"},
		{"regexp_extract('abc', '(x)', 1)", ""},
		{"split_part('a|b', '|', 3)", ""},
		{"if(1 > 2, 'a', 'b')", "b"},
		{"case 2 when 1 then 'x' when 2 then 'y' end", "y"},
		{"not (1 = 1 and 2 = 3)", "true"},
		{"null is null", "true"},
	} {
		if got := value(t, db, d, c.src); got != c.want {
			t.Errorf("%s: got %s, want %s", c.src, got, c.want)
		}
	}
}

func TestAggregatesMeanInDuckDBWhatTheListSays(t *testing.T) {
	db, d := duck(t)
	for _, c := range []struct{ src, want string }{
		{"count(*)", "5"},
		{"count(x)", "4"},
		{"count(distinct x)", "3"},
		{"sum(x)", "7.50"},
		{"avg(x)", "1.875"},
		{"median(x)", "1.75"},
		{"quantile_cont(x, 0.5)", "1.75"},
		{"min(x)", "1.00"},
		{"max(x)", "3.00"},
		{"arg_max(s, x)", "d"},
		{"arg_min(s, x)", "a"},
		{"bool_or(x > 2)", "true"},
		{"bool_and(x > 2)", "false"},
	} {
		n, err := expr.Parse(c.src, expr.Pos{})
		if err != nil {
			t.Fatal(err)
		}
		p := &expr.Params{}
		text, err := d.Print(n, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		query := fmt.Sprintf("SELECT CAST((%s) AS VARCHAR) FROM (VALUES (1.00::DECIMAL(16,2), 'b'), (1.00, 'a'), (2.50, 'c'), (3.00, 'd'), (NULL, 'e')) AS v(x, s)", text)
		if err := db.QueryRowContext(t.Context(), query, p.Values...).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.src, got, err, c.want)
		}
	}
	_ = schema.Zone
}
