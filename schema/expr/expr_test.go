package expr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/schema/expr"
)

func dialect(tb testing.TB, name string) *expr.Dialect {
	tb.Helper()
	d, err := expr.LoadDialect(os.DirFS("../../queries/dialects"), name)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func parse(tb testing.TB, src string) expr.Node {
	tb.Helper()
	n, err := expr.Parse(src, expr.Pos{File: "t.yaml", Line: 3, Col: 9})
	if err != nil {
		tb.Fatalf("%s: %v", src, err)
	}
	return n
}

// texts reads testdata/texts.txt: one expression a line, # comments.
func texts(tb testing.TB) []string {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "texts.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func TestFormatIsReadBackAsTheSameTree(t *testing.T) {
	for _, src := range texts(t) {
		once := expr.Format(parse(t, src))
		if twice := expr.Format(parse(t, once)); once != twice {
			t.Errorf("%s\n got %s\nwant %s", src, twice, once)
		}
	}
}

func TestEachDialectSpellsTheTextsAsInItsGoldenFile(t *testing.T) {
	for _, name := range []string{"duckdb", "trino"} {
		t.Run(name, func(t *testing.T) {
			d := dialect(t, name)
			var b strings.Builder
			for _, src := range texts(t) {
				p := &expr.Params{Today: "2025-06-12", Columns: columns}
				sql, err := d.Print(parse(t, src), p, nil)
				if err != nil {
					sql = "-- " + err.Error()
				}
				b.WriteString("-- " + src + "\n" + sql + ";")
				for _, v := range p.Values {
					b.WriteString(" -- " + v.(string))
				}
				b.WriteString("\n\n")
			}
			golden(t, filepath.Join("testdata", name+".sql"), b.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is printed now; look at the difference, then UPDATE_GOLDEN=1 go test", file)
		for i, line := range strings.Split(got, "\n") {
			if w := strings.Split(string(want), "\n"); i >= len(w) || w[i] != line {
				t.Fatalf("line %d\n got %s", i+1, line)
			}
		}
	}
}

// columns types the columns that texts.txt uses.
func columns(_, name string) (expr.Type, bool) {
	t, ok := map[string]string{
		"status": "varchar(8)", "is_emergency": "boolean", "total_fee": "decimal(16,2)", "drug_fee": "decimal(16,2)", "los_days": "int32",
		"discharge_date": "date", "admit_date": "date", "admit_time": "timestamp", "discharge_time": "timestamp", "person_key": "varchar(22)",
		"qty": "int64", "region_code": "varchar(12)", "s": "varchar", "x": "double", "code": "varchar(20)", "机构": "varchar", "from": "varchar", "j": "varchar",
	}[name]
	if !ok {
		return expr.Type{}, false
	}
	parsed, err := expr.ParseType(t)
	return parsed, err == nil
}

func TestEveryTextHasAType(t *testing.T) {
	for _, src := range texts(t) {
		if _, err := expr.TypeOf(parse(t, src), columns); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestFaultsNameTheirPlace(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"", "t.yaml:3:9: empty expression"},
		{"a =", "t.yaml:3:12: the expression ends where a value was expected"},
		{"a = 1\nand (b", "t.yaml:4:7: the expression ends where ) was expected"},
		{"exists(select 1)", "t.yaml:3:9: exists: not in the language; use the measure's construct exists: or seen_again:"},
		{"a = (select max(b) from t)", "t.yaml:3:14: select: there are no sub-selects; use a construct of the measure (join, exists, stock_at_end, workdays)"},
		{"sum(a) over (partition by b)", "t.yaml:3:16: over: there are no windows; use the measure's construct window:"},
		{"a; drop table t", "t.yaml:3:10: ; ends a statement; this is one expression"},
		{"coalesc(a, 0)", "t.yaml:3:9: no function coalesc; did you mean coalesce?"},
		{"left(a)", "t.yaml:3:9: left has 1 arguments; write left(s, n)"},
		{"date_diff('fortnight', a, b)", "t.yaml:3:9: date_diff: the first argument is one of 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'"},
		{"a < b < c", "t.yaml:3:15: comparisons do not chain; write a < b and b < c"},
		{"DATE '2025-02-30'", "t.yaml:3:14: not a day of the calendar; write DATE '2025-01-31'"},
		{"'open", "t.yaml:3:9: string is not closed"},
		{"12abc", "t.yaml:3:9: number 12 runs into 'a'"},
		{"a.b.c", "t.yaml:3:12: a column has at most one qualifier"},
		{"a in ()", "t.yaml:3:11: in () with an empty list"},
		{"cast(a as money)", `t.yaml:3:19: type "money": no such type; write varchar, decimal, int32, int64, double, boolean, date or timestamp`},
	} {
		_, err := expr.Parse(c.src, expr.Pos{File: "t.yaml", Line: 3, Col: 9})
		if err == nil || err.Error() != c.want {
			t.Errorf("%q\n got %v\nwant %s", c.src, err, c.want)
		}
	}
}

func TestTypesThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"nothing = 1", "no column nothing"},
		{"status = 1", "= compares values of one kind, this is varchar(8) = int64"},
		{"discharge_date = '2025-01-01'", "= compares values of one kind, this is date = varchar"},
		{"not total_fee", "not needs a condition, this is decimal(16,2)"},
		{"status + 1", "+ needs numbers (or a date and days or an interval), this is varchar(8) + int64"},
		{"sum(status)", "sum: argument 1 is varchar(8), not a number; write sum(x)"},
		{"sum(max(los_days))", "sum of an aggregate"},
		{"case when is_emergency then 1 else 'a' end", "case gives int64 in one branch and varchar in another"},
		{"los_days like '1%'", "like compares texts, this is int32"},
		{"los_days::date", "int32 cannot become date"},
	} {
		_, err := expr.TypeOf(parse(t, c.src), columns)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant … %s", c.src, err, c.want)
		}
	}
}

func TestTypes(t *testing.T) {
	for src, want := range map[string]string{
		"total_fee - coalesce(drug_fee, 0)": "decimal(22,2)", "sum(total_fee)": "decimal(38,2)", "los_days / 7": "double", "los_days + 1": "int64",
		"discharge_date + 1": "date", "discharge_date - admit_date": "int64", "discharge_date + INTERVAL 1 DAY": "timestamp",
		"avg(total_fee)": "double", "to_decimal(s, 4)": "decimal(18,4)", "case when true then null end": "null", "count(distinct person_key)": "int64",
		"coalesce(discharge_date, discharge_time)": "timestamp",
	} {
		got, err := expr.TypeOf(parse(t, src), columns)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v; want %s", src, got, err, want)
		}
	}
}

func FuzzParsingNeverPanicsAndFormatIsReadBack(f *testing.F) {
	for _, src := range texts(f) {
		f.Add(src)
	}
	d := dialect(f, "duckdb")
	f.Fuzz(func(t *testing.T, src string) {
		n, err := expr.Parse(src, expr.Pos{})
		if err != nil {
			return
		}
		once := expr.Format(n)
		again, err := expr.Parse(once, expr.Pos{})
		if err != nil {
			t.Fatalf("%q is written as %q: %v", src, once, err)
		}
		if !expr.Equal(n, again) {
			t.Fatalf("%q is written as %q, read back as %q", src, once, expr.Format(again))
		}
		_, _ = expr.TypeOf(n, expr.Texts)
		_, _ = d.Print(n, &expr.Params{Today: "2025-01-01"}, nil)
	})
}
