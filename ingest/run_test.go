package ingest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// small is a region of one table with children, and one source.
var small = fstest.MapFS{
	"tables/fact_v.yaml": {Data: []byte(`table: fact_v
title: {zh: "就诊", en: "Visits"}
kind: fact
grain: "one visit"
basis: "test"
version: "1"
event_date: visit_date
key: [visit_id]
sort: [visit_date]
scope: {org: org_code, region: {care: via dim_org}}
roles: {org: org_code, date: visit_date}
columns:
  - {id: 1, name: visit_id, title: {zh: "就诊号", en: "Visit"}, type: varchar(20), required: true, sensitivity: O}
  - {id: 2, name: org_code, title: {zh: "机构", en: "Organisation"}, type: varchar(22), required: true, sensitivity: O}
  - {id: 3, name: visit_date, title: {zh: "日期", en: "Date"}, type: date, required: true, sensitivity: O}
  - {id: 4, name: fee, title: {zh: "费用", en: "Fee"}, type: "decimal(16,2)", sensitivity: O}
  - {id: 5, name: cnt, title: {zh: "次数", en: "Count"}, type: int32, sensitivity: O}
`)},
	"tables/fact_v_item.yaml": {Data: []byte(`table: fact_v_item
title: {zh: "项目", en: "Items"}
kind: fact
grain: "one item of a visit"
basis: "test"
version: "1"
event_date: visit_date
key: [visit_id, seq]
sort: [visit_id, seq]
parent: fact_v
bad_child: record
scope: {org: org_code, region: {care: via dim_org}}
roles: {org: org_code, date: visit_date}
columns:
  - {id: 1, name: visit_id, title: {zh: "就诊号", en: "Visit"}, type: varchar(20), required: true, sensitivity: O}
  - {id: 2, name: seq, title: {zh: "序号", en: "Position"}, type: int32, required: true, sensitivity: O}
  - {id: 3, name: org_code, title: {zh: "机构", en: "Organisation"}, type: varchar(22), required: true, sensitivity: O}
  - {id: 4, name: visit_date, title: {zh: "日期", en: "Date"}, type: date, required: true, sensitivity: O}
  - {id: 5, name: item, title: {zh: "项目", en: "Item"}, type: varchar(4), required: true, sensitivity: O}
`)},
	"sources/v.yaml": {Data: []byte(`id: v_visits
title: {zh: "就诊", en: "Visits"}
meaning: One record is one visit.
basis: test
format: csv
files: ['(^|/)v_(?P<org>[A-Z0-9]+)_(?P<date>[0-9]{8})\.csv$']
delivery: {org: {file: org}, date: {file: date}}
gate: {max_quarantined_share: 1}
columns: {required: [id, day]}
ignore: [{id: test_visit, when: "id like 'T%'", title: {zh: "测试", en: "a test"}}]
tables:
  - table: fact_v
    columns: {visit_id: id, org_code: _delivery_org, visit_date: day, fee: fee, cnt: cnt}
  - table: fact_v_item
    each: {repeat: {from: 1, to: 3}}
    when: "item{n} is not null"
    columns: {visit_id: id, seq: "{n}", org_code: _delivery_org, visit_date: day, item: "item{n}"}
`)},
}

type bench struct {
	lake    *lake.Lake
	set     *schema.Set
	sources *Sources
}

func newBench(t *testing.T) bench {
	t.Helper()
	set, err := schema.Load(schema.Shipped(), small)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := LoadSources(set, small)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Create(t.Context(), filepath.Join(t.TempDir(), "lake"), lake.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return bench{l, set, sources}
}

func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rows counts by a query over the files of a table at the head.
func (b bench) rows(t *testing.T, table, query string) string {
	t.Helper()
	v, err := b.lake.View(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	files, err := v.AllFiles(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	if len(paths) == 0 {
		return ""
	}
	loader, err := duckdb.OpenLoader(t.Context(), duckdb.LoaderOptions{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	contract, _ := b.set.Table(table)
	var out string
	if err := loader.Conn().QueryRowContext(t.Context(), fmt.Sprintf(query, duckdb.ReadFiles(contract, paths))).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestALostRecordRefusesThePublication(t *testing.T) {
	defer func() { tamper = func(context.Context, *pass, string) error { return nil } }()
	text := "id,day,fee,item1\na,2025-03-03,1,x\nb,2025-03-03,2,y\nc,2025-04-03,3,\n"
	for _, stage := range []string{"mapped", "counted", "writing"} {
		t.Run(stage, func(t *testing.T) {
			b := newBench(t)
			in := put(t, filepath.Join(t.TempDir(), "v_A_20250303.csv"), text)
			lost := false
			tamper = func(ctx context.Context, p *pass, at string) error {
				if at != stage || lost {
					return nil
				}
				lost = true
				return p.exec(ctx, "DELETE FROM rec WHERE _src_row = 2")
			}
			_, err := Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{in})
			if err == nil || !lost {
				t.Fatalf("lost %v: got no error, want a refusal", lost)
			}
			if head, err := b.lake.Head(t.Context()); err != nil || head.ID != 0 {
				t.Errorf("head is %d (%v), want nothing published", head.ID, err)
			}
			tamper = func(context.Context, *pass, string) error { return nil }
			if res, err := Run(t.Context(), b.lake, b.set, b.sources, Options{}, []string{in}); err != nil || res.Publication != 1 || res.Loads[0].Loaded != 3 {
				t.Errorf("the rerun: got %+v, %v", res, err)
			}
		})
	}
}

// TestTheAccountOfRandomDirt writes files of random records, knows by a plain count what must become of each record,
// and loads them in chunks of different sizes.
func TestTheAccountOfRandomDirt(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 7))
		dir := t.TempDir()
		type account struct{ records, loaded, duplicate, superseded, quarantined, ignored, items int64 }
		want := map[string]account{}
		for f := range 4 {
			var text strings.Builder
			text.WriteString("id,day,fee,cnt,item1,item2,item3\n")
			type rec struct {
				line  string
				items int64
			}
			var a account
			last := map[string]rec{}
			var good []struct {
				key string
				rec
			}
			for range 400 + rng.IntN(300) {
				id, day, fee, cnt := "k"+strconv.Itoa(rng.IntN(300)), "2025-0"+strconv.Itoa(3+rng.IntN(2))+"-10", []string{"1", "2.50", "", "-3.00"}[rng.IntN(4)], []string{"", "7", "+7"}[rng.IntN(3)]
				items := [3]string{[]string{"", "x"}[rng.IntN(2)], []string{"", "y"}[rng.IntN(2)], ""}
				bad, ignored := false, false
				switch rng.IntN(20) {
				case 0:
					fee, bad = "12.345", true
				case 1:
					cnt, bad = []string{"1e3", "1.5", "x", "99999999999"}[rng.IntN(4)], true
				case 2:
					day, bad = []string{"2025-02-30", "", "soon"}[rng.IntN(3)], true
				case 3:
					id, bad = "", true
				case 4:
					id, ignored = "T1", true
				case 5:
					items[2], bad = "toolong", true
				}
				line := strings.Join([]string{id, day, fee, cnt, items[0], items[1], items[2]}, ",")
				if rng.IntN(30) == 0 {
					line, bad, ignored = line+",more", true, false // a field too many is found before any rule
				}
				text.WriteString(line + "\n")
				a.records++
				switch {
				case ignored:
					a.ignored++
				case bad:
					a.quarantined++
				default:
					var n int64
					for _, i := range items {
						if i != "" {
							n++
						}
					}
					// What a record means: 2.50 and 2.5, +7 and 7 would be the same; the text here is canonical but for +7.
					r := rec{strings.Replace(line, "+7", "7", 1), n}
					last[id] = r
					good = append(good, struct {
						key string
						rec
					}{id, r})
				}
			}
			seen := map[string]int{}
			for _, g := range good {
				seen[g.key]++
			}
			at := map[string]int{}
			for _, g := range good {
				at[g.key]++
				switch {
				case at[g.key] == seen[g.key]:
					a.loaded++
					a.items += g.items
				case g.line == last[g.key].line:
					a.duplicate++
				default:
					a.superseded++
				}
			}
			name := fmt.Sprintf("v_A_2025030%d.csv", f+1)
			put(t, filepath.Join(dir, name), text.String())
			want[name] = a
		}
		for _, chunk := range []int64{1_000_000, 400} {
			b := newBench(t)
			res, err := Run(t.Context(), b.lake, b.set, b.sources, Options{ChunkRecords: chunk}, []string{dir})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Loads) != len(want) {
				t.Fatalf("got %d loads, want %d: %+v", len(res.Loads), len(want), res.Refused)
			}
			var rows, items int64
			for _, l := range res.Loads {
				got := account{l.Records, l.Loaded, l.Duplicate, l.Superseded, l.Quarantined, l.Ignored, l.Tables["fact_v_item"]}
				if got != want[l.File] {
					t.Errorf("seed %d, chunks of %d, %s: got %+v, want %+v", seed, chunk, l.File, got, want[l.File])
				}
				rows += want[l.File].loaded
				items += want[l.File].items
			}
			if got := b.rows(t, "fact_v", "SELECT CAST(count(*) AS VARCHAR) FROM %s"); got != strconv.FormatInt(rows, 10) {
				t.Errorf("seed %d: %s rows, want %d", seed, got, rows)
			}
			if got := b.rows(t, "fact_v_item", "SELECT CAST(count(*) AS VARCHAR) FROM %s"); got != strconv.FormatInt(items, 10) {
				t.Errorf("seed %d: %s items, want %d", seed, got, items)
			}
		}
	}
}

func TestProductionRefusesRelaxed(t *testing.T) {
	b := newBench(t)
	prod, err := lake.Create(t.Context(), filepath.Join(t.TempDir(), "prod"), lake.CreateOptions{Production: true})
	if err != nil {
		t.Fatal(err)
	}
	defer prod.Close()
	if _, err := Run(t.Context(), prod, b.set, b.sources, Options{Relaxed: true, Table: "fact_v"}, nil); fault.KindOf(err) != fault.Denied {
		t.Errorf("got %v, want a denial", err)
	}
}
