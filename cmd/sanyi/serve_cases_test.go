//go:build duckdb_arrow

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	"github.com/sanyi-lake/sanyi/internal/serve/servetest"
)

// serveCases is a real lake with the cases of the test region, grouped by demo_drg, and tokens of several scopes.
func serveCases(t *testing.T) (s served, tokens map[string]string) {
	t.Helper()
	if testing.Short() {
		t.Skip("loads a lake")
	}
	dir := t.TempDir()
	s.lake = filepath.Join(dir, "lake")
	sanyi := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("sanyi %s: exit %d: %s", strings.Join(args, " "), code, errs.String())
		}
		return strings.TrimSpace(out.String())
	}
	sanyi("init", s.lake)
	for _, table := range []string{"dim_org", "fact_inp_stay", "fact_inp_diag", "fact_inp_proc"} {
		var rows bytes.Buffer
		if err := servetest.WriteCases(&rows, table); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, table+".ndjson")
		if err := os.WriteFile(file, rows.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		sanyi("ingest", "--lake", s.lake, "--table", table, "--relaxed", file)
	}
	sanyi("scheme", "use", "--lake", s.lake, "demo_drg")
	tokens = map[string]string{}
	for name, scope := range map[string]string{"whole": "whole", "second": "org:H0002", "city": "region:340100", "nowhere": "region:990000"} {
		tokens[name] = sanyi("serve", "token", "add", "--lake", s.lake, "--name", name, "--scope", scope, "--cases")
	}
	tokens["plain"] = sanyi("serve", "token", "add", "--lake", s.lake, "--name", "plain", "--scope", "whole")
	s.url = serving(t, s.lake)
	return s, tokens
}

func column(rows []map[string]any, name string) []string {
	var out []string
	for _, r := range rows {
		text, _ := r[name].(string)
		out = append(out, text)
	}
	return out
}

func TestServeListsAndExplainsTheCasesOfARealLake(t *testing.T) {
	s, tokens := serveCases(t)
	const june = `{"period":"2021-06","order":"cost"}`
	for _, c := range []struct {
		token, question string
		want            []string
	}{
		{"whole", june, []string{"S-1005", "S-1001", "S-1003", "S-2001", "S-1002", "S-1004"}},
		{"second", june, []string{"S-2001"}},
		{"city", june, []string{"S-1005", "S-1001", "S-1003", "S-1002", "S-1004"}},
		{"nowhere", june, nil},
		{"second", `{"period":"2021-06","orgs":["H0001"]}`, nil},
		{"whole", `{"period":"2021-06-03..2021-06-04"}`, []string{"S-1002", "S-1001"}},
		{"whole", `{"period":"2021-06","depts":["06"],"statuses":["0000"]}`, []string{"S-1004"}},
		{"whole", `{"period":"2021-06","groups":["BR21"]}`, []string{"S-1001"}},
		{"whole", `{"period":"2021-06","agrees":false}`, []string{"S-2001"}},
		{"whole", `{"period":"2021-07"}`, nil},
		{"whole", `{"period":"2021-06","limit":1}`, []string{"S-1005"}},
		{"whole", `{"period":"2021-06","groups":["' OR 1=1 --"]}`, nil},
	} {
		status, rows := s.post(t, tokens[c.token], "/v1/cases", c.question)
		if got := column(rows, "stay_id"); status != 200 || !slices.Equal(got, c.want) {
			t.Errorf("%s %s: got %d %v, want %v", c.token, c.question, status, got, c.want)
		}
	}
	t.Run("a row is what the lake keeps, with names and without the person", func(t *testing.T) {
		_, rows := s.post(t, tokens["whole"], "/v1/cases", `{"period":"2021-06","groups":["BR21"]}`)
		for name, want := range map[string]any{
			"org_name": "第一人民医院", "dept_name": "神经内科专业", "discharge_date": "2021-06-03", "severity": "MCC", "total_fee": 23980.5, "los_days": 8.0, "official_code": "BR21", "agrees": true,
			"scheme": "demo_drg", "standard": nil, "tier": nil,
		} {
			if rows[0][name] != want {
				t.Errorf("%s: got %v, want %v", name, rows[0][name], want)
			}
		}
		for name := range rows[0] {
			if strings.Contains(name, "person") || strings.HasPrefix(name, "age") {
				t.Errorf("a case travels with %s", name)
			}
		}
	})
	t.Run("the test region tells the same", func(t *testing.T) {
		book, err := servetest.NewCases()
		if err != nil {
			t.Fatal(err)
		}
		_, rows := s.post(t, tokens["whole"], "/v1/cases", june)
		for _, r := range rows {
			stay, _ := r["stay_id"].(string)
			if group, reason := book.Group(stay); r["group_code"] != group || (r["reason"] != nil || reason != "") && r["reason"] != reason {
				t.Errorf("%s: the lake says %v %v, the region %s %s", stay, r["group_code"], r["reason"], group, reason)
			}
		}
	})
	t.Run("a case is explained", func(t *testing.T) {
		status, rows := s.post(t, tokens["city"], "/v1/case", `{"stay_id":"S-1001"}`)
		told := strings.Join(column(rows, "text"), "\n")
		for _, want := range []string{"BR21 演示：脑缺血，伴严重并发症或合并症", "符合本大类条件：主要诊断在本大类诊断表（I63.900）", "被主要诊断排除", "BR21，与本结果一致", "男，60岁，住院8天"} {
			if status != 200 || !strings.Contains(told, want) {
				t.Errorf("got %d %s, want %q in it", status, told, want)
			}
		}
		if got := column(rows, "what"); !slices.Contains(got, "BK1") {
			t.Errorf("no neighbour BK1 in %v", got)
		}
	})
	t.Run("a case outside the scope is not there", func(t *testing.T) {
		for _, token := range []string{"second", "nowhere"} {
			if status, _ := s.post(t, tokens[token], "/v1/case", `{"stay_id":"S-1001"}`); status != 404 {
				t.Errorf("%s: got %d, want 404", token, status)
			}
		}
	})
	t.Run("who has no right is refused", func(t *testing.T) {
		for path, question := range map[string]string{"/v1/cases": june, "/v1/case": `{"stay_id":"S-1001"}`} {
			if status, _ := s.post(t, tokens["plain"], path, question); status != 403 {
				t.Errorf("%s: got %d, want 403", path, status)
			}
		}
	})
	found, err := audit.Verify(filepath.Join(s.lake, "audit"))
	if err != nil || found.Broken != "" || found.Lines != 19 {
		t.Errorf("audit: got %+v %v, want an unbroken chain of 19", found, err)
	}
	files, err := audit.Files(filepath.Join(s.lake, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "S-1001") || !strings.Contains(string(text), `"what":"case","case":"`) {
			t.Errorf("the book holds a stay, or no mark of one: %s", text)
		}
	}
}

// TestAStayNumberOpensNoOtherHospitalsCase: a hospital that delivers a stay under the number of another's is told of its own.
func TestAStayNumberOpensNoOtherHospitalsCase(t *testing.T) {
	s, tokens := serveCases(t)
	before := explained(t, s, tokens["city"], `{"stay_id":"S-1001"}`)
	for _, table := range []string{"fact_inp_stay", "fact_inp_diag"} {
		var rows bytes.Buffer
		if err := servetest.WriteCases(&rows, table); err != nil {
			t.Fatal(err)
		}
		var own []string
		for line := range strings.Lines(rows.String()) {
			if strings.Contains(line, "S-2001") {
				own = append(own, line, strings.ReplaceAll(line, "S-2001", "S-1001"))
			}
		}
		file := filepath.Join(t.TempDir(), table+".ndjson")
		if err := os.WriteFile(file, []byte(strings.Join(own, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"ingest", "--lake", s.lake, "--table", table, "--relaxed", "--org", "H0002", "--date", "2021-07-01", file}, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("ingest %s: exit %d: %s", table, code, errs.String())
		}
	}
	own := explained(t, s, tokens["second"], `{"stay_id":"S-2001"}`)
	if got := explained(t, s, tokens["second"], `{"stay_id":"S-1001"}`); !slices.Equal(got, own) {
		t.Errorf("the second hospital is told %q of its copy, want %q", got, own)
	}
	for _, question := range []string{`{"stay_id":"S-1001","orgs":["H0001"]}`, `{"stay_id":"S-1001"}`} {
		if got := explained(t, s, tokens["city"], question); !slices.Equal(got, before) {
			t.Errorf("%s: the first hospital's city is told %q, was %q", question, got, before)
		}
	}
	if got := explained(t, s, tokens["whole"], `{"stay_id":"S-1001","orgs":["H0001"]}`); !slices.Equal(got, before) {
		t.Errorf("asked for the first hospital's case, the region is told %q, want %q", got, before)
	}
}

// explained are the sentences about a case.
func explained(t *testing.T, s served, token, question string) []string {
	t.Helper()
	status, rows := s.post(t, token, "/v1/case", question)
	if status != 200 || len(rows) == 0 {
		t.Fatalf("%s: got %d with %d sentences", question, status, len(rows))
	}
	return column(rows, "text")
}
