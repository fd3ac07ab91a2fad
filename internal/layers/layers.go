// Package layers keeps the drawing of ARCHITECTURE.md true: it reads the floors from the page's table, parses the imports
// of every Go file itself, and says where an import goes up or sideways, which folder stands on no floor, and which
// folder the page names that is not there. It runs as a test only; nothing imports it.
package layers

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Module is the path before every import of ours.
const Module = "github.com/sanyi-lake/sanyi/"

// Floors maps a folder to its floor; what is below a folder stands where the folder stands.
type Floors map[string]int

var (
	row    = regexp.MustCompile(`(?m)^\| *([0-9]) *\|([^|]+)\|`)
	folder = regexp.MustCompile("`([a-z][a-z0-9_/]*)`")
)

// ReadFloors reads the table `| floor | folders | … |` of ARCHITECTURE.md.
func ReadFloors(page string) (Floors, error) {
	out := Floors{}
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		n, _ := strconv.Atoi(m[1])
		for _, f := range folder.FindAllStringSubmatch(m[2], -1) {
			if _, twice := out[f[1]]; twice {
				return nil, fmt.Errorf("ARCHITECTURE.md: %s stands on two floors", f[1])
			}
			out[f[1]] = n
		}
	}
	if len(out) == 0 {
		return nil, errors.New("ARCHITECTURE.md: no table of floors")
	}
	return out, nil
}

// unit is the folder of the drawing that a package belongs to: the longest one above it.
func (f Floors) unit(pkg string) (string, bool) {
	for at := pkg; at != "." && at != "/"; at = path.Dir(at) {
		if _, ok := f[at]; ok {
			return at, true
		}
	}
	return "", false
}

// File is the imports of one Go file.
type File struct {
	Path    string // from the root, with /
	Test    bool
	Imports []string
}

// Parse reads the imports of every Go file below root, except in folders that hold none of ours.
func Parse(root fs.FS) ([]File, error) {
	var out []File
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := path.Base(file); file != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := File{Path: file, Test: strings.HasSuffix(file, "_test.go")}
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.Imports = append(f.Imports, name)
		}
		out = append(out, f)
		return nil
	})
	return out, err
}

// doors may import what stands beside them on their floor: the command line joins the rooms.
const doors = "cmd/sanyi"

// harness runs the plugin against a real service in its tests; it is not part of what is shipped.
const harness = "plugin/harness/"

// foreign are libraries that only some folders may use, whatever their floor.
var foreign = []struct {
	library string
	allowed []string
	why     string
}{
	{"github.com/duckdb/", []string{"internal/engine/duckdb", "bench"}, "DuckDB lives behind internal/engine"},
	{"github.com/apache/iceberg-go", []string{"internal/lake"}, "Iceberg lives behind internal/lake"},
	{"github.com/grafana/grafana-plugin-sdk-go", []string{"plugin"}, "Grafana lives in the plugin"},
	{"github.com/spf13/cobra", []string{"cmd/sanyi"}, "commands live in cmd/sanyi"},
}

// Faults lists everything that contradicts the drawing. Test files may import what they need to look from outside.
func Faults(floors Floors, files []File, exists func(folder string) bool) []string {
	var out []string
	for f := range floors {
		if !exists(f) {
			out = append(out, "ARCHITECTURE.md names "+f+", which does not exist")
		}
	}
	for _, file := range files {
		pkg := path.Dir(file.Path)
		from, ok := floors.unit(pkg)
		if !ok {
			out = append(out, file.Path+": "+pkg+" stands on no floor of ARCHITECTURE.md")
			continue
		}
		if file.Test {
			continue
		}
		for _, name := range file.Imports {
			out = append(out, floors.judge(file.Path, from, name)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (f Floors) judge(file, from, name string) []string {
	to, ours := strings.CutPrefix(name, Module)
	if !ours {
		for _, rule := range foreign {
			inside := slices.ContainsFunc(rule.allowed, func(a string) bool { return file == a || strings.HasPrefix(file, a+"/") })
			if strings.HasPrefix(name, rule.library) && !inside {
				return []string{fmt.Sprintf("%s imports %s: %s", file, name, rule.why)}
			}
		}
		return nil
	}
	unit, ok := f.unit(to)
	switch {
	case !ok:
		return []string{fmt.Sprintf("%s imports %s, which stands on no floor", file, to)}
	case from == "plugin" && unit != "plugin" && unit != "internal/serve/api" && f[unit] > 0 && !strings.HasPrefix(file, harness):
		return []string{fmt.Sprintf("%s imports %s: the plugin knows of ours only internal/serve/api", file, to)}
	case unit == from || f[unit] < f[from] || from == doors && f[unit] == f[from]:
		return nil
	}
	return []string{fmt.Sprintf("%s (floor %d) imports %s (floor %d): imports only go down", file, f[from], to, f[unit])}
}
