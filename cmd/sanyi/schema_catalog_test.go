//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// said runs the program and gives its exit code and what it printed.
func said(t *testing.T, args ...string) (code int, out, complaints string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestTheCatalogueListsWhatThereIsInBothLanguages(t *testing.T) {
	t.Setenv("SANYI_LAKE", "")
	for _, c := range []struct{ lang, args, want string }{
		{"zh_CN.UTF-8", "catalog tables", "住院病案首页"},
		{"en", "catalog tables", "Inpatient front sheets"},
		{"zh", "catalog tables fact_mutual", "不互认时应填写原因"},
		{"en", "catalog tables fact_mutual", "A rejection wants its reason"},
		{"zh", "catalog indicators", "门急诊人次"},
		{"zh", "catalog sources", "名称"},
		{"en", "catalog sources dict_org", "dim_org"},
		{"zh", "catalog codes RC019", "医嘱离院"},
		{"en", "catalog functions date_diff", "midnights"},
	} {
		t.Setenv("SANYI_LANG", c.lang)
		code, out, complaints := said(t, strings.Fields(c.args)...)
		if code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s %s: exit %d %s\nwant %q in\n%.600s", c.lang, c.args, code, complaints, c.want, out)
		}
	}
}

func TestTheCatalogueAsJSONHasBothLanguages(t *testing.T) {
	t.Setenv("SANYI_LAKE", "")
	for _, what := range []string{"tables", "sources", "indicators"} {
		code, out, complaints := said(t, "catalog", what, "--json")
		var entries []struct{ Title struct{ ZH, EN string } }
		if err := json.Unmarshal([]byte(out), &entries); code != 0 || err != nil || len(entries) == 0 {
			t.Fatalf("%s: exit %d, %v, %s", what, code, err, complaints)
		}
		for _, e := range entries {
			if e.Title.ZH == "" || e.Title.EN == "" {
				t.Errorf("%s: an entry without a title in one of the languages: %+v", what, e)
			}
		}
	}
}

func TestWhatIsNotInTheCatalogueIsAFault(t *testing.T) {
	t.Setenv("SANYI_LAKE", "")
	t.Setenv("SANYI_LANG", "en")
	for args, want := range map[string]int{
		"catalog tables nope": exitFailed, "catalog indicators Z999": exitFailed, "catalog nope": exitUsage, "catalog tables a b": exitUsage, "catalog tables --overlay /nowhere": exitUsage,
		"codes import x.csv --list ICD10": exitUsage,
	} {
		if code, _, complaints := said(t, strings.Fields(args)...); code != want || complaints == "" {
			t.Errorf("%s: exit %d %q, want %d", args, code, complaints, want)
		}
	}
}

func TestAFullListIsImportedIntoAnOverlay(t *testing.T) {
	t.Setenv("SANYI_LAKE", "")
	t.Setenv("SANYI_LANG", "en")
	dir := t.TempDir()
	file := filepath.Join(dir, "full.csv")
	if err := os.WriteFile(file, []byte("编码,名称\nB00,乙\nA00,甲\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	region := filepath.Join(dir, "region")
	code, out, complaints := said(t, "codes", "import", file, "--list", "ICD10", "--issuer", "某机构", "--year", "2024", "--complete", "--overlay", region)
	if code != 0 || !strings.Contains(out, "ICD10: 2 codes") {
		t.Fatalf("exit %d %s%s", code, out, complaints)
	}
	code, out, complaints = said(t, "catalog", "codes", "ICD10", "--overlay", region)
	if code != 0 || !strings.Contains(out, "A00") || strings.Contains(out, "I10") {
		t.Errorf("exit %d %s\n%s", code, complaints, out)
	}
	if err := os.WriteFile(file, []byte("编码,名称\nA00,甲\nA00,乙\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, complaints = said(t, "codes", "import", file, "--list", "ICD10", "--issuer", "某机构", "--year", "2024", "--overlay", region)
	if code != exitFailed || !strings.Contains(complaints, "each once") {
		t.Errorf("a code with two names: exit %d %s", code, complaints)
	}
}
