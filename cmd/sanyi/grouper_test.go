//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

// sanyi runs the program in the test.
func sanyi(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	t.Setenv("SANYI_LANG", "en")
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), code
}

func TestGroupAnswersEveryLineInOrder(t *testing.T) {
	in := `{"id":"a","sex":1,"age_years":60,"dx":["I63.900","J96.000"],"ops":[]}
this is no case
{"id":7,"sex":"2","age_years":"30","dx":["N40.x00"]}

{"id":"bad","dx":{"no":"list"}}
`
	out, errs, code := sanyi(t, in, "group", "--scheme", "demo_drg")
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	want := `{"id":"a","mdc":"MDCB","adrg":"BR2","drg":"BR21","severity":"MCC","status":"OK","reason":null}
{"id":null,"mdc":"0000","adrg":"00","drg":"0000","severity":null,"status":"0000","reason":"BAD_CASE","message":"not JSON at byte 2"}
{"id":7,"mdc":"0000","adrg":"00","drg":"0000","severity":null,"status":"0000","reason":"SEX_CONFLICT"}
{"id":"bad","mdc":"0000","adrg":"00","drg":"0000","severity":null,"status":"0000","reason":"BAD_CASE","message":"dx: a list of codes is wanted"}
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	if _, _, code := sanyi(t, in, "group", "--scheme", "demo_drg", "--strict"); code != exitQuarantined {
		t.Errorf("--strict: exit %d, want %d", code, exitQuarantined)
	}
}

func TestGroupReadsAndWritesCSVAndKeepsTheOrderOfManyCases(t *testing.T) {
	var in strings.Builder
	in.WriteString("id,sex,age_years,dx,ops\n")
	for i := range 3000 {
		fmt.Fprintf(&in, "c%d,1,%d,I63.900|J96.000,\n", i, 20+i%60)
	}
	out, errs, code := sanyi(t, in.String(), "group", "--scheme", "demo_drg", "--in", "csv", "--format", "csv")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(lines) != 3001 {
		t.Fatalf("exit %d, %d lines: %s", code, len(lines), errs)
	}
	for i, l := range lines[1:] {
		if want := fmt.Sprintf("c%d,MDCB,BR2,BR21,MCC,OK,,,,,", i); l != want {
			t.Fatalf("line %d: got %s, want %s", i+2, l, want)
		}
	}
}

func TestABadPackageIsRefusedWithFileAndLine(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../datasets/schemes/demo_drg")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "adrg.csv")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("PDX(1) & NEONATE"), []byte("PDX(1) & NEONAT"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := sanyi(t, "", "group", "--scheme", dir)
	if code != exitFailed || !strings.Contains(errs, "adrg.csv:6: column expr") || !strings.Contains(errs, "NEONAT") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestAnOverlayChangesTheGroup(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("drg.csv", "op,eval_order,mdc,adrg,drg,name,condition\n-,,,,BR25,,\n+,999,MDCB,BR2,BR2D,地方组,AGE<=14\n+,1000,MDCB,BR2,BR25,其他,ALWAYS\n")
	write("op_valid.csv", "op,op\n-,51.2300\n")
	for age, want := range map[int]string{10: "BR2D", 60: "BR25"} {
		out, errs, _ := sanyi(t, fmt.Sprintf(`{"id":1,"sex":1,"age_years":%d,"dx":["I63.900"]}`, age), "group", "--scheme", "demo_drg", "--overlay", dir)
		if !strings.Contains(out, `"drg":"`+want+`"`) {
			t.Errorf("age %d: got %s %s, want %s", age, out, errs, want)
		}
	}
	write("op_valid.csv", "op,op\n-,00.0000\n")
	if _, errs, code := sanyi(t, "", "group", "--scheme", "demo_drg", "--overlay", dir); code == exitOK || !strings.Contains(errs, "op_valid.csv:2") {
		t.Errorf("an overlay that takes away what is not there: exit %d, %s", code, errs)
	}
}

func TestTheDayOfDischargeChoosesTheScheme(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []struct{ id, from, to string }{{"old", "2020-01-01", "2023-12-31"}, {"new", "2024-01-01", ""}} {
		to := filepath.Join(dir, v.id)
		if err := os.CopyFS(to, os.DirFS("../../datasets/schemes/demo_drg")); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf(`{"version":%q,"effective_from":%q,"effective_to":%q}`, v.id, v.from, v.to)
		if err := os.WriteFile(filepath.Join(to, "manifest.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for day, want := range map[string]string{"2023-12-31": `"scheme":"old"`, "2024-01-01": `"scheme":"new"`, "2019-01-01": "NO_SCHEME_ON_DATE"} {
		in := `{"id":1,"sex":1,"age_years":60,"dx":["I63.900"],"discharge_date":"` + day + `"}`
		out, errs, _ := sanyi(t, in, "group", "--dir", dir, "--scheme", "old", "--scheme", "new")
		if !strings.Contains(out, want) {
			t.Errorf("%s: got %s %s, want %s", day, out, errs, want)
		}
	}
}

func TestAWorkbookIsImportedAndGroupsLikeItsFolder(t *testing.T) {
	book := excelize.NewFile()
	files, err := filepath.Glob("../../datasets/schemes/demo_drg/*.csv")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		sheet := strings.TrimSuffix(filepath.Base(f), ".csv")
		if _, err := book.NewSheet(sheet); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			cells := strings.Split(line, ",")
			if err := book.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &cells); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.xlsx")
	if err := book.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "schemes")
	if _, errs, code := sanyi(t, "", "scheme", "add", "--to", to, "--id", "mine", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	out, errs, _ := sanyi(t, `{"id":1,"sex":1,"age_years":60,"dx":["I63.900","J96.000"]}`, "group", "--dir", to, "--scheme", "mine")
	if !strings.Contains(out, `"drg":"BR21"`) {
		t.Errorf("got %s %s", out, errs)
	}
	if out, _, _ := sanyi(t, "", "scheme", "diff", "demo_drg", filepath.Join(to, "mine")); out != "no difference\n" {
		t.Errorf("the workbook differs from the folder: %s", out)
	}
	if _, _, code := sanyi(t, "", "scheme", "add", "--to", to, "--id", "mine", path); code != exitFailed {
		t.Errorf("added twice: exit %d", code)
	}
}

func TestTheLintFindsWhatWasFoundInTheNationalTables(t *testing.T) {
	out, errs, code := sanyi(t, "", "scheme", "lint", "--json", sharedtest.File(t, "domain", "drg-data", "chs_drg_11"))
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var reports []struct {
		Findings []struct {
			Check string
			Count int
		}
	}
	if err := json.Unmarshal([]byte(out), &reports); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range reports[0].Findings {
		got[f.Check] = f.Count
	}
	for check, want := range map[string]int{
		"adrg_dx_not_in_mdc": 252, "mdc_dx_without_medical_adrg": 154, "op_listed_not_valid": 1097, "op_valid_not_listed": 1735, "op_in_many_mdcs": 6974, "dx_in_two_mdcs": 9,
	} {
		if got[check] != want {
			t.Errorf("%s: got %d, want %d", check, got[check], want)
		}
	}
}

func TestEveryArithmeticExampleThroughSettle(t *testing.T) {
	data, err := os.ReadFile(sharedtest.File(t, "domain", "drg_dip_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ex struct {
		Arithmetic []struct {
			ID, Kind string
			Input    json.RawMessage
			Expect   map[string]any
		}
	}
	if err := json.Unmarshal(data, &ex); err != nil {
		t.Fatal(err)
	}
	jilin := filepath.Join(t.TempDir(), "jilin.yaml")
	if err := os.WriteFile(jilin, []byte("scheme: drg\nhigh: {multiple: 2, method: normal}\nlow: {multiple: 0.35, method: actual}\nrounding: {money: 5}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range ex.Arithmetic {
		var line bytes.Buffer
		if err := json.Compact(&line, e.Input); err != nil {
			t.Fatal(err)
		}
		args := []string{"settle", "--kind", e.Kind}
		if e.ID == "A-26" {
			args = append(args, "--params", jilin)
		}
		out, errs, code := sanyi(t, line.String(), args...)
		var got map[string]any
		if code != exitOK || json.Unmarshal([]byte(out), &got) != nil {
			t.Errorf("%s: exit %d: %s%s", e.ID, code, out, errs)
			continue
		}
		for k, want := range e.Expect { // settle's own tests compare every level; here the text as people get it
			if text, ok := want.(string); ok && !strings.HasSuffix(e.Kind, ".real") && got[k] != text {
				t.Errorf("%s %s: got %v, want %s", e.ID, k, got[k], text)
			}
		}
	}
}

func TestTwoParameterFilesAreCompared(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for name, rate := range map[string]string{"a.yaml": "10000", "b.yaml": "11000"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("scheme: drg\nrates: [{value: "+rate+"}]\nweights: [{group: BR21, rw: 1.5}]\nlow: {multiple: 0.3}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, path)
	}
	if strings.HasSuffix(names[0], "b.yaml") {
		names[0], names[1] = names[1], names[0]
	}
	in := `{"id":"1","org":"H","total_fee":"12000","sex":1,"age_years":60,"dx":["I63.900","J96.000"]}`
	out, errs, code := sanyi(t, in, "settle", "--scheme", "demo_drg", "--params", names[0], "--params", names[1])
	if code != exitOK || !strings.Contains(out, `"difference":"1500","volume":"0","structure":"0","price":"1500"`) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
