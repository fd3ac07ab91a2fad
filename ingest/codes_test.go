package ingest

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// TestACodeIsJudgedOnTheDayOfTheEvent loads one file against a list that is complete, one that is not, a long one and
// one whose codes come and go.
func TestACodeIsJudgedOnTheDayOfTheEvent(t *testing.T) {
	const head = "code,name_zh,name_en,parent,valid_from,valid_to\n"
	long := func(n int) string {
		var b strings.Builder
		b.WriteString("code,name_zh\n")
		for i := range n {
			fmt.Fprintf(&b, "c%04d,码\n", i)
		}
		return b.String()
	}
	versioned := head + "a,旧,,,,2025-04-01\na,新,,,2025-06-01,\nb,乙,,,2025-04-01,\n"
	for _, c := range []struct {
		name, codes  string
		complete     bool
		relaxed      bool
		values       []string // one record each, in March, April and June by turns
		loaded, warn int64
	}{
		{"a short complete list", "code,name_zh\nx,甲\ny,乙\n", true, false, []string{"x", "y", "z", ""}, 3, 0},
		{"an incomplete list warns", "code,name_zh\nx,甲\n", false, false, []string{"x", "y", "z", ""}, 4, 2},
		{"relaxed warns", "code,name_zh\nx,甲\n", true, true, []string{"x", "y"}, 2, 1},
		{"a long list", long(3000), true, false, []string{"c0000", "c2999", "c3000", "", "C0000"}, 3, 0},
		{"codes come and go", versioned, true, false, []string{"a", "a", "a", "b", "b", "b", "", "z", "a"}, 6, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			region := maps.Clone(small)
			text := string(region["tables/fact_v.yaml"].Data)
			region["tables/fact_v.yaml"] = &fstest.MapFile{Data: []byte(text + `  - {id: 6, name: kind, title: {zh: "类", en: "Kind"}, type: varchar(8), codes: KIND, sensitivity: O}` + "\n")}
			source := string(region["sources/v.yaml"].Data)
			region["sources/v.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(source, "cnt: cnt}", "cnt: cnt, kind: kind}", 1))}
			b := newBench(t)
			var err error
			if b.set, err = schema.Load(schema.Shipped(), region); err != nil {
				t.Fatal(err)
			}
			if b.sources, err = LoadSources(b.set, region); err != nil {
				t.Fatal(err)
			}
			// As sanyi codes import --lake leaves it.
			put(t, filepath.Join(b.lake.Dir(), "codes", "lists.csv"), fmt.Sprintf("list,title_zh,title_en,issuer,year,complete\nKIND,类别,Kinds,某局,2025,%v\n", c.complete))
			put(t, filepath.Join(b.lake.Dir(), "codes", "KIND.csv"), c.codes)
			var in strings.Builder
			in.WriteString("id,day,fee,kind\n")
			for i, v := range c.values {
				fmt.Fprintf(&in, "r%d,2025-0%d-10,1,%s\n", i, []int{3, 4, 6}[i%3], v)
			}
			file := put(t, filepath.Join(t.TempDir(), "v_A_20250303.csv"), in.String())
			res, err := Run(t.Context(), b.lake, b.set, b.sources, Options{Relaxed: c.relaxed}, []string{file})
			if err != nil || len(res.Loads) != 1 || res.Loads[0].Status != lake.Arrived {
				t.Fatalf("got %+v, %v", res, err)
			}
			bad := int64(len(c.values)) - c.loaded
			if l := res.Loads[0]; l.Loaded != c.loaded || l.Quarantined != bad {
				t.Errorf("loaded %d, quarantined %d; want %d, %d", l.Loaded, l.Quarantined, c.loaded, bad)
			}
			got := b.rows(t, "fact_dq_result", "SELECT coalesce(string_agg(severity || ' ' || rows_failed), 'none') FROM %s WHERE check_id = 'kind_in_list'")
			want := fmt.Sprintf("ERROR %d", bad)
			if c.warn > 0 {
				want = fmt.Sprintf("WARN %d", c.warn)
			}
			if got != want {
				t.Errorf("fact_dq_result says %s, want %s", got, want)
			}
			if bad > 0 {
				if got := b.rows(t, "quarantine", "SELECT string_agg(DISTINCT reason_en) FROM %s"); !strings.Contains(got, "KIND") {
					t.Errorf("the reason %q does not name the list", got)
				}
			}
		})
	}
}

// TestAnExcerptChecksNothing: the diagnoses that ship are a few dozen, and say nothing about another.
func TestAnExcerptChecksNothing(t *testing.T) {
	codes, err := loadCodes(nil, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	stays, _ := set.Table("fact_inp_stay")
	visits, _ := set.Table("fact_outp_visit")
	for _, c := range []struct {
		table  *schema.Table
		column string
		want   bool
	}{
		{stays, "primary_diag_code", false}, // an excerpt
		{stays, "discharge_way", false},     // complete, and the contract has the values itself
		{stays, "drg_code", false},          // no list of this name
		{visits, "reg_channel", true},
	} {
		col, ok := c.table.Column(c.column)
		if !ok {
			t.Fatalf("no column %s", c.column)
		}
		if got := codes.of(c.table, col) != nil; got != c.want {
			t.Errorf("%s: checked %v, want %v", c.column, got, c.want)
		}
	}
	full, err := dict.Load(dict.Shipped(), fstest.MapFS{
		"codes/lists.csv": {Data: []byte("list,title_zh,title_en,issuer,year,complete\nICD10,疾病,Diseases,某局,2025,true\n")},
		"codes/ICD10.csv": {Data: []byte("code,name_zh\nJ18.900,肺炎\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if codes, err = loadCodes(full, ""); err != nil {
		t.Fatal(err)
	}
	if col, _ := stays.Column("primary_diag_code"); codes.of(stays, col) == nil {
		t.Error("an imported list checks nothing")
	}
}
