package schemes_test

import (
	"maps"
	"os"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
)

// A package of any bytes is read or refused, and what was read can be listed and compared with itself.
func FuzzRead(f *testing.F) {
	base := fstest.MapFS{}
	entries, err := os.ReadDir("demo_drg")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile("demo_drg/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		if e.Name() != "manifest.json" {
			base[e.Name()] = &fstest.MapFile{Data: data}
		}
	}
	f.Add("adrg.csv", []byte("eval_order,mdc,adrg,name,kind,expr\n1,MDCA,AA1,x,surgical,POP(1)\n"))
	f.Add("mdc.csv", []byte("eval_order,mdc,gate\n\"1\",MDCA,\"POP(valid)\"\n"))
	f.Add("cce.csv", []byte("principal_dx,excl_table\nA,1\nA,2\n"))
	f.Add("manifest.json", []byte(`{"version":"x","effective_from":"2024-01-01"}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		fsys := fstest.MapFS{}
		maps.Copy(fsys, base)
		if fsys[name] == nil && name != "manifest.json" {
			name = "adrg.csv"
		}
		fsys[name] = &fstest.MapFile{Data: data}
		s, err := schemes.Read(fsys, "fuzz")
		if s == nil {
			if err == nil {
				t.Fatal("neither a scheme nor a fault")
			}
			return
		}
		schemes.Lint(s, err)
		if d := schemes.Diff(s, s); !d.Empty() {
			t.Fatalf("a scheme differs from itself: %+v", d)
		}
	})
}
