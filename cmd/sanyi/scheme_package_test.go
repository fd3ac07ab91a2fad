//go:build duckdb_arrow

package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// demoTables are the tables of the shipped scheme, to be changed.
func demoTables(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../datasets/schemes/demo_drg/*.csv")
	if err != nil || len(files) == 0 {
		t.Fatal("no tables", err)
	}
	tables := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tables[filepath.Base(f)] = string(text)
	}
	return tables
}

func folderOf(t *testing.T, tables map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "changed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range tables {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const strokeWithFailure = `{"id":1,"sex":1,"age_years":60,"dx":["I63.900","J96.000"],"ops":["01.2401"]}
{"id":2,"sex":1,"age_years":60,"dx":["I63.900","J96.000"]}
{"id":3,"sex":1,"age_years":60,"dx":["K80.201"],"ops":["51.2300"]}
`

func TestAPackageGroupsTheSameHoweverItsTablesAreSaved(t *testing.T) {
	want, _, _ := sanyi(t, strokeWithFailure, "group", "--scheme", "demo_drg")
	utf16le := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return string(b)
	}
	for name, change := range map[string]func(file, text string) string{
		"a mark and CRLF": func(_, s string) string { return "\xef\xbb\xbf" + strings.ReplaceAll(s, "\n", "\r\n") },
		"GB18030": func(_, s string) string {
			out, err := simplifiedchinese.GB18030.NewEncoder().String(s)
			if err != nil {
				t.Fatal(err)
			}
			return out
		},
		"UTF-16":                func(_, s string) string { return utf16le(s) },
		"cleared rows":          func(_, s string) string { return ",,\n" + strings.Replace(s, "\n", "\n , \n\n", 1) + ",,,,,,\n" },
		"a header in capitals":  func(_, s string) string { h, rest, _ := strings.Cut(s, "\n"); return strings.ToUpper(h) + "\n" + rest },
		"full-width characters": func(_, s string) string { return strings.ReplaceAll(s, ".", "．") },
		"small letters": func(file, s string) string {
			switch file {
			case "adrg_dx.csv":
				return strings.ReplaceAll(s, ",I6", ",i6")
			case "mcc.csv":
				return strings.ReplaceAll(s, "\nJ", "\nj")
			}
			return s
		},
	} {
		tables := demoTables(t)
		for file, text := range tables {
			tables[file] = change(file, text)
		}
		if name == "full-width characters" { // rules name no code with a point in the shipped scheme
			tables["adrg.csv"], tables["drg.csv"] = demoTables(t)["adrg.csv"], demoTables(t)["drg.csv"]
		}
		if got, errs, _ := sanyi(t, strokeWithFailure, "group", "--scheme", folderOf(t, tables)); got != want {
			t.Errorf("%s: got\n%s%swant\n%s", name, got, errs, want)
		}
	}
}

func TestAPackageThatCannotBeUsedIsRefusedWhereItIsWrong(t *testing.T) {
	add := func(file, row string) func(map[string]string) {
		return func(tables map[string]string) { tables[file] += row + "\n" }
	}
	for _, c := range []struct {
		name   string
		change func(tables map[string]string)
		want   string
	}{
		{"an exclusion row twice", add("cce.csv", "A41.000,40"), "was already given its exclusion table at"},
		{"two exclusion tables", add("cce.csv", "a41.000,41"), "A41.000 is in exclusion table 41 here and in 40 at"},
		{"a blank code", add("adrg_op.csv", "AA1,1, "), "op is empty"},
		{"a group in another category", add("drg.csv", "900,MDCB,AA1,AA17,x,ALWAYS"), "stands in mdc MDCB here, and its adrg AA1 in MDCA"},
		{"an order that is none", add("drg.csv", "NaN,MDCA,AA1,AA17,x,ALWAYS"), "eval_order is a number"},
		{"an open quote", add("drg.csv", "900,MDCA,AA1,AA17,\"x,ALWAYS"), "drg.csv:120: "},
		{"a forgotten table", func(tables map[string]string) { delete(tables, "mdc.csv") }, "mdc.csv: the table is missing: a DRG package has mdc.csv mdc_dx.csv"},
		{"no text", func(tables map[string]string) { tables["cc.csv"] = "dx,excl_table\nA\xff\xff,1\n" }, "neither UTF-8 nor GB18030"},
	} {
		tables := demoTables(t)
		c.change(tables)
		_, errs, code := sanyi(t, "", "group", "--scheme", folderOf(t, tables))
		if code != exitFailed || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d, %s, want %q", c.name, code, errs, c.want)
		}
	}
}

// workbook writes tables as people keep them: sheets in any order, a blank row first, operations typed as numbers.
func workbook(t *testing.T, tables map[string]string) string {
	t.Helper()
	book := excelize.NewFile()
	for _, file := range slices.Backward(slices.Sorted(maps.Keys(tables))) {
		sheet := strings.ToUpper(strings.TrimSuffix(file, ".csv"))
		if _, err := book.NewSheet(sheet); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSpace(tables[file]), "\n") {
			var row []any
			for cell := range strings.SplitSeq(line, ",") {
				if v, err := strconv.ParseFloat(cell, 64); err == nil {
					row = append(row, v)
				} else {
					row = append(row, cell)
				}
			}
			if err := book.SetSheetRow(sheet, fmt.Sprintf("A%d", i+2), &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "rules.xlsx")
	if err := book.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAWorkbookAndAnArchiveArePackagesForEveryCommand(t *testing.T) {
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for file, text := range demoTables(t) {
		w, err := archive.Create("our scheme/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	zipped := filepath.Join(t.TempDir(), "rules.zip")
	if err := os.WriteFile(zipped, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	want, _, _ := sanyi(t, strokeWithFailure, "group", "--scheme", "demo_drg")
	for _, path := range []string{workbook(t, demoTables(t)), zipped} {
		if got, errs, _ := sanyi(t, strokeWithFailure, "group", "--scheme", path); got != want {
			t.Errorf("%s: got\n%s%swant\n%s", path, got, errs, want)
		}
		if got, errs, code := sanyi(t, "", "scheme", "diff", "demo_drg", path); got != "no difference\n" {
			t.Errorf("%s: exit %d: %s%s", path, code, got, errs)
		}
		if got, errs, code := sanyi(t, "", "scheme", "lint", path); code != exitOK || !strings.HasPrefix(got, "rules (drg") {
			t.Errorf("%s: exit %d: %s%s", path, code, got, errs)
		}
		if got, errs, code := sanyi(t, "", "scheme", "add", "--to", t.TempDir(), path); code != exitOK || !strings.HasPrefix(got, "rules\tdrg\t118") {
			t.Errorf("%s: exit %d: %s%s", path, code, got, errs)
		}
	}
	wrong := demoTables(t)
	wrong["drg.csv"] = strings.Replace(wrong["drg.csv"], "HAS_MCC", "HAS_MANY", 1)
	if _, errs, code := sanyi(t, "", "scheme", "lint", workbook(t, wrong)); code != exitFailed && !strings.Contains(errs, "rules.xlsx/drg.csv:4") {
		t.Errorf("exit %d: %s: want the row as the workbook shows it", code, errs)
	}
}

func TestWrongArgumentsOfSchemeAreAUsageFault(t *testing.T) {
	for _, args := range [][]string{{"scheme", "nope"}, {"scheme", "lint"}, {"scheme", "diff", "demo_drg"}, {"scheme", "add"}, {"scheme", "derive", "x"}, {"group", "a", "b"}} {
		if _, errs, code := sanyi(t, "", args...); code != exitUsage {
			t.Errorf("%v: exit %d, want %d: %s", args, code, exitUsage, errs)
		}
	}
}

func TestTheDayOfDischargeIsReadAsExtractsWriteIt(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []struct{ id, from, to string }{{"old", "2020-01-01", "2023-12-31"}, {"new", "2024-01-01", ""}} {
		tables := demoTables(t)
		tables["manifest.json"] = fmt.Sprintf(`{"version":%q,"effective_from":%q,"effective_to":%q}`, v.id, v.from, v.to)
		if err := os.Rename(folderOf(t, tables), filepath.Join(dir, v.id)); err != nil {
			t.Fatal(err)
		}
	}
	for day, want := range map[string]string{
		`"2023-12-31 23:59:59"`: "old", `"2024/1/1"`: "new", `"20240101"`: "new", `20231231`: "old", `"2024-01-01T00:00:00+08:00"`: "new",
		`"20231231235959"`: "old", `"soon"`: "NO_SCHEME_ON_DATE", `null`: "NO_SCHEME_ON_DATE",
	} {
		in := `{"id":1,"sex":1,"age_years":60,"dx":["I63.900"],"discharge_date":` + day + `}`
		if out, errs, _ := sanyi(t, in, "group", "--dir", dir, "--scheme", "old", "--scheme", "new"); !strings.Contains(out, want) {
			t.Errorf("%s: got %s%s, want %s", day, out, errs, want)
		}
	}
}
