package layers_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/internal/layers"
)

const root = "../.."

func TestTheHouseStandsAsItIsDrawn(t *testing.T) {
	page, err := os.ReadFile(root + "/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	floors, err := layers.ReadFloors(string(page))
	if err != nil {
		t.Fatal(err)
	}
	files, err := layers.Parse(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Errorf("only %d Go files were found", len(files))
	}
	for _, fault := range layers.Faults(floors, files, func(f string) bool {
		info, err := os.Stat(root + "/" + f)
		return err == nil && info.IsDir()
	}) {
		t.Error(fault)
	}
}

const drawing = "| floor | folders | answers |\n|---|---|---|\n| 6 | `cmd/sanyi`, `bench`, `plugin` | doors |\n| 3 | `queries`, `internal/lake` | asks |\n| 3 | `internal/serve/api` | travels |\n| 2 | `schema` | is |\n| 0 | `internal/fault` | kinds |\n"

func TestAContradictionToTheDrawingIsFound(t *testing.T) {
	floors, err := layers.ReadFloors(drawing)
	if err != nil {
		t.Fatal(err)
	}
	file := func(imports string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("package p\n\nimport \"" + imports + "\"\n")}
	}
	for _, c := range []struct{ path, imports, want string }{
		{"queries/a.go", layers.Module + "schema", ""},
		{"queries/a/b/c.go", layers.Module + "queries", ""},
		{"schema/a.go", layers.Module + "queries", "schema/a.go (floor 2) imports queries (floor 3): imports only go down"},
		{"queries/a.go", layers.Module + "internal/lake", "queries/a.go (floor 3) imports internal/lake (floor 3): imports only go down"},
		{"cmd/sanyi/a.go", layers.Module + "bench", ""},
		{"bench/a.go", layers.Module + "cmd/sanyi", "bench/a.go (floor 6) imports cmd/sanyi (floor 6): imports only go down"},
		{"attic/a.go", "fmt", "attic/a.go: attic stands on no floor of ARCHITECTURE.md"},
		{"queries/a.go", layers.Module + "attic", "queries/a.go imports attic, which stands on no floor"},
		{"plugin/pkg/a.go", layers.Module + "schema", "plugin/pkg/a.go imports schema: the plugin knows of ours only internal/serve/api"},
		{"plugin/pkg/a.go", layers.Module + "internal/serve/api", ""},
		{"plugin/pkg/a.go", layers.Module + "internal/fault", ""},
		{"plugin/harness/bridge/a.go", layers.Module + "queries", ""},
		{"queries/a.go", "github.com/duckdb/duckdb-go/v2", "queries/a.go imports github.com/duckdb/duckdb-go/v2: DuckDB lives behind internal/engine"},
		{"schema/a_test.go", layers.Module + "queries", ""},
		{"schema/testdata/a.go", layers.Module + "queries", ""},
	} {
		files, err := layers.Parse(fstest.MapFS{c.path: file(c.imports)})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(layers.Faults(floors, files, func(string) bool { return true }), "; ")
		if got != c.want {
			t.Errorf("%s imports %s\n got %q\nwant %q", c.path, c.imports, got, c.want)
		}
	}
	if got := layers.Faults(floors, nil, func(f string) bool { return f != "bench" }); len(got) != 1 || got[0] != "ARCHITECTURE.md names bench, which does not exist" {
		t.Errorf("a missing folder: got %v", got)
	}
	if _, err := layers.Parse(fstest.MapFS{"a.go": {Data: []byte("package")}}); err == nil {
		t.Error("a file that does not parse was passed over")
	}
	if _, err := layers.ReadFloors("# no table"); err == nil {
		t.Error("a page without a table was accepted")
	}
}
