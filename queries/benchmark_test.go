package queries_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

func readBenchmark(t *testing.T, id string) string {
	t.Helper()
	raw, err := fs.ReadFile(queries.Shipped(), "benchmarks/"+id+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestARegionSetsItsOwnThreshold: an overlay replaces one file, and the statement says its number.
func TestARegionSetsItsOwnThreshold(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	own := strings.ReplaceAll(readBenchmark(t, "group_mean"), "min_cases: 15", "min_cases: 30") + "replaces: \"30 by the notice of the region\"\n"
	overlay := fstest.MapFS{"benchmarks/group_mean.yaml": {Data: []byte(own)}}
	d, err := queries.Dialect("duckdb")
	if err != nil {
		t.Fatal(err)
	}
	for want, layers := range map[string][]fs.FS{">= 15": {queries.Shipped()}, ">= 30": {queries.Shipped(), overlay}} {
		c, err := queries.LoadFor(set, []string{"G010"}, layers...)
		if err != nil {
			t.Fatal(err)
		}
		req := queries.Request{Indicators: []string{"G010"}, Period: "2025-03", Now: at(t, "2025-06-01").Now}
		p, err := c.Compile(req, queries.WholeLake("test"), d)
		if err != nil {
			t.Fatal(err)
		}
		if sql := p.Statements()[0].SQL; !strings.Contains(sql, "HAVING count(*) "+want) {
			t.Errorf("want %s in\n%s", want, sql)
		}
		found := false
		for _, def := range p.Explain().Definitions {
			found = found || def.Kind == "benchmark" && def.ID == "group_mean"
		}
		if !found {
			t.Error("the benchmark is no definition of the figure")
		}
	}
	untrimmed := strings.Replace(readBenchmark(t, "group_mean"), "trim: {by: total_fee, lowest: 0.025, highest: 0.025}\n", "", 1) + "replaces: \"this region does not trim\"\n"
	c, err := queries.LoadFor(set, []string{"G010"}, queries.Shipped(), fstest.MapFS{"benchmarks/group_mean.yaml": {Data: []byte(untrimmed)}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Compile(queries.Request{Indicators: []string{"G010"}, Period: "2025-03", Now: at(t, "2025-06-01").Now}, queries.WholeLake("test"), d)
	if err != nil {
		t.Fatal(err)
	}
	if sql := p.Statements()[0].SQL; strings.Contains(sql, "cume_dist") {
		t.Errorf("trimmed although the region does not:\n%s", sql)
	}
	overlay = fstest.MapFS{"benchmarks/group_mean.yaml": {Data: []byte(readBenchmark(t, "group_mean"))}}
	if _, err := queries.LoadFor(set, []string{"G010"}, queries.Shipped(), overlay); err == nil || !strings.Contains(err.Error(), "say replaces: and why") {
		t.Errorf("a benchmark redefined without replaces: %v", err)
	}
}

// TestWrongBenchmarksSayWhatIsWrong, with file and line.
func TestWrongBenchmarksSayWhatIsWrong(t *testing.T) {
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct{ name, file, old, text, want string }{
		{"not declared to look across", "group_mean", "looks_across: region", "", "looks_across: region is wanted"},
		{"schemes mixed", "group_mean", "same: [scheme]", "same: [insutype]", "scheme of fact_case_group is neither in by nor in same"},
		{"no period", "group_mean", "period: month", "", "month (the whole month in which a row stands) or asked"},
		{"nobody guarded", "group_mean", "guard: {others: 1}", "", "guard: wants others, at least 1"},
		{"one other, who has all of their rows", "group_mean", "others: 1", "others: 1, largest: 0.85", "guard: largest is of two or more others"},
		{"trimmed by a text", "group_mean", "by: total_fee", "by: group_code", "trim: group_code is varchar(60), not a number"},
		{"trimmed by nothing", "group_mean", "by: total_fee", "by: price", "trim: no column price"},
		{"trimmed away", "group_mean", "lowest: 0.025, highest: 0.025", "lowest: 0.5, highest: 0.5", "together below 1"},
		{"no threshold", "group_mean", "min_cases: 15", "", "min_cases"},
		{"sensitive group", "group_mean", "by: [group_code]", "by: [person_key]", "is sensitive"},
		{"no aggregate", "group_mean", `"avg(total_fee)"`, "total_fee", "one aggregate such as avg(total_fee)"},
		{"no such column", "group_mean", `"avg(total_fee)"`, "avg(price)", "no column price"},
		{"a name that a measure needs", "group_mean", "cost:", "price:", "no column peers.cost"},
		{"no such spread", "group_risk", "spread: sample", "spread: wide", "spread: sample or population"},
		{"an aggregate in a rank", "group_risk", "rank: \"case", "rank: \"case when max(z) > 1 then 9", "aggregates stand under of"},
		{"unknown key", "group_risk", "by:", "along:", "field along not found"},
	} {
		t.Run(k.name, func(t *testing.T) {
			text := readBenchmark(t, k.file)
			if !strings.Contains(text, k.old) {
				t.Fatalf("%s has no %q", k.file, k.old)
			}
			text = strings.Replace(text, k.old, k.text, 1) + "replaces: test\n"
			_, err := queries.LoadFor(set, []string{"G010", "G016"}, queries.Shipped(), fstest.MapFS{"benchmarks/" + k.file + ".yaml": {Data: []byte(text)}})
			if err == nil || !strings.Contains(err.Error(), k.want) || !strings.Contains(err.Error(), k.file) && k.name != "a name that a measure needs" {
				t.Errorf("got %v, want %q in it", err, k.want)
			}
		})
	}
}
