package dict_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sanyi-lake/sanyi/datasets/dict"
)

func TestTheShippedListsLoad(t *testing.T) {
	set, err := dict.Load(dict.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"RC001": 4, "RC019": 6, "RC035": 56, "RC036": 34, "NHSA_CHRGITM_TYPE": 14} {
		l, ok := set.List(id)
		if !ok || len(l.Codes) != want {
			t.Errorf("%s: %d codes, want %d", id, len(l.Codes), want)
		}
	}
	way, _ := set.List("RC019")
	if c, ok := way.Find("5", time.Time{}); !ok || c.ZH != "死亡" || c.EN != "Died" {
		t.Errorf("RC019 5 is %+v", c)
	}
	if way.Has("7", time.Time{}) {
		t.Error("RC019 has no 7")
	}
	for _, l := range set.Lists() {
		for _, c := range l.Codes {
			if c.Parent != "" && !l.Has(c.Parent, time.Time{}) {
				t.Errorf("%s: code %s: parent %s is not in the list", l.ID, c.Code, c.Parent)
			}
		}
	}
}

func TestACodeIsValidBetweenItsDays(t *testing.T) {
	set, err := dict.Load(fstest.MapFS{
		"codes/lists.csv": {Data: []byte("list,title_zh,title_en,issuer,year,complete\nX,某表,Some list,某机构,2025,true\n")},
		"codes/X.csv":     {Data: []byte("code,name_zh,name_en,parent,valid_from,valid_to\na,旧,old,,2020-01-01,2025-01-01\na,新,new,,2025-01-01,\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	x, _ := set.List("X")
	for day, want := range map[string]string{"2019-12-31": "", "2024-12-31": "旧", "2025-01-01": "新"} {
		on, _ := time.Parse(time.DateOnly, day)
		if c, _ := x.Find("a", on); c.ZH != want {
			t.Errorf("%s: got %q, want %q", day, c.ZH, want)
		}
	}
}

func TestFaultsOfAListNameFileAndLine(t *testing.T) {
	head := "list,title_zh,title_en,issuer,year,complete\nX,某表,Some list,某机构,2025,true\n"
	for _, c := range []struct{ codes, want string }{
		{"code,name_zh\nb,乙\na,甲\n", "codes/X.csv:3: code a: lines are sorted"},
		{"code,name_zh\na,甲\na,甲\n", "codes/X.csv:3: code a: lines are sorted"},
		{"code,name_zh\na,\n", "codes/X.csv:2: code a: without a Chinese name"},
		{"name,code\na,甲\n", "codes/X.csv:1: the header is code,name_zh"},
		{"code,name_zh,name_en,parent,valid_from\na,甲,,,31.1.2025\n", `codes/X.csv:2: code a: "31.1.2025" is not a day`},
		{"code,name_zh,name_en,parent,valid_from,valid_to\na,甲,,,,2025-01-01\na,甲,,,2024-01-01,\n", "codes/X.csv:3: code a: is valid twice"},
	} {
		_, err := dict.Load(fstest.MapFS{"codes/lists.csv": {Data: []byte(head)}, "codes/X.csv": {Data: []byte(c.codes)}})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestAnImportedListIsSortedHashedAndTakesThePlaceOfTheExcerpt(t *testing.T) {
	dir := t.TempDir()
	meta := dict.List{ID: "ICD10", ZH: "疾病诊断编码", Issuer: "某机构", Year: "2024", Complete: true}
	l, err := dict.Read("full.csv", strings.NewReader("\ufeff诊断名称,诊断代码\n肺炎,J18.900\n高血压,I10.x00\n肺炎,J18.900\n"), meta)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // importing again changes nothing
		if err := dict.Write(dir, l); err != nil {
			t.Fatal(err)
		}
	}
	set, err := dict.Load(dict.Shipped(), os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := set.List("ICD10")
	if len(got.Codes) != 2 || got.Codes[0].Code != "I10.x00" || !got.Complete || len(got.Hash) != 64 {
		t.Errorf("got %+v", got)
	}
	if _, ok := set.List("RC001"); !ok {
		t.Error("the other lists are gone")
	}
	for text, want := range map[string]string{
		"a,b\n1,2\n": "no column code", "code,name\nA,\n": "full.csv:2: code A: without a Chinese name", "code,name\nA,甲\nA,乙\n": "lines are sorted by code and first day, each once",
		"": "no codes",
	} {
		if _, err := dict.Read("full.csv", strings.NewReader(text), meta); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
