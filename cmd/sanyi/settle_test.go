//go:build duckdb_arrow

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

const settleParams = `id: test
scheme: drg
rates:
  - {level: "3", insurance: employee, value: 10000}
  - {level: "3", insurance: resident, value: 9000}
weights:
  - {group: BR23, rw: 0.8}
high: {multiple: 3, method: excess, cap: 0.5}
low: {multiple: 0.3, method: actual}
ungrouped: {method: item}
fund_formula: {formula: B, negative: zero}
tiers:
  - {title: below, up_to: 0.8, exclusive: true}
  - {title: surplus, up_to: 1, surplus_kept: 0.7}
  - {title: overrun, up_to: 1.1, overrun_borne: 0.5}
  - {title: beyond}
`

const settleCSV = `id,org,level,insurance,drg,status,total_fee,los_days,personal_pay,fund_booked,day_surgery
1,H1,3,employee,BR23,OK,8000,7,1000,7350.03,false
2,H1,3,resident,BR23,OK,7000,7,1000,5000,
3,H2,3,employee,BR23,OK,30000.01,7,1000,9000,0
`

func TestEveryArithmeticExampleComesOutOfTheCommand(t *testing.T) {
	data, err := os.ReadFile(sharedtest.File(t, "domain", "drg_dip_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples struct {
		Arithmetic []struct {
			ID     string          `json:"id"`
			Kind   string          `json:"kind"`
			Input  json.RawMessage `json:"input"`
			Expect any             `json:"expect"`
		} `json:"arithmetic"`
	}
	if err := json.Unmarshal(data, &examples); err != nil {
		t.Fatal(err)
	}
	dir := inFolder(t, map[string]string{"jilin.yaml": "scheme: drg\nhigh: {multiple: 2, method: normal}\nlow: {multiple: 0.35, method: actual}\nrounding: {money: 5}\n"})
	tried := 0
	for _, e := range examples.Arithmetic {
		args := []string{"settle", "--kind", e.Kind}
		if e.ID == "A-26" { // the limits of Jilin 2022, which are not those of the norm
			args = append(args, "--params", filepath.Join(dir, "jilin.yaml"))
		}
		var line strings.Builder
		for part := range strings.SplitSeq(string(e.Input), "\n") {
			line.WriteString(strings.TrimSpace(part))
		}
		out, errs, code := sanyi(t, line.String(), args...)
		var got any
		if code != exitOK || json.Unmarshal([]byte(out), &got) != nil {
			t.Errorf("%s: exit %d: %s%s", e.ID, code, out, errs)
			continue
		}
		tried++
		wanted(t, e.ID, got, e.Expect)
	}
	if tried != 21 {
		t.Errorf("got %d examples, want 21", tried)
	}
}

// wanted compares what came out with what is wanted: numbers by value.
func wanted(t *testing.T, at string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for k, v := range want {
			wanted(t, at+"/"+k, g[k], v)
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(want) {
			t.Errorf("%s: got %v, want %v", at, got, want)
			return
		}
		for i := range want {
			wanted(t, at, g[i], want[i])
		}
	default:
		number := func(v any) (decimal.Decimal, error) {
			text, err := json.Marshal(v)
			if err != nil {
				return decimal.Zero, err
			}
			return decimal.NewFromString(strings.Trim(string(text), `"`))
		}
		a, err1 := number(got)
		b, err2 := number(want)
		if (err1 != nil || err2 != nil || !a.Equal(b)) && got != want {
			t.Errorf("%s: got %v, want %v", at, got, want)
		}
	}
}

func TestCasesOfATableAreSettledLikeThoseOfLines(t *testing.T) {
	dir := inFolder(t, map[string]string{"p.yaml": settleParams, "cases.csv": settleCSV})
	p := filepath.Join(dir, "p.yaml")
	lines := `{"id":"1","org":"H1","level":"3","insurance":"employee","group":"BR23","status":"OK","total_fee":8000,"los_days":7,"personal_pay":"1000","fund_booked":7350.03}
{"id":"2","org":"H1","level":"3","insurance":"resident","dip":"","drg":"BR23","total_fee":"7000","los_days":7,"personal_pay":1000,"fund_booked":5000}

{"id":"3","org":"H2","level":"3","insurance":"employee","group":"BR23","total_fee":30000.01,"los_days":7,"personal_pay":1000,"fund_booked":9000}
`
	csv, errs, code := sanyi(t, "", "settle", "--params", p, filepath.Join(dir, "cases.csv"))
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	ndjson, errs, code := sanyi(t, lines, "settle", "--params", p)
	if code != exitOK || csv != ndjson {
		t.Errorf("exit %d %s: a table gives\n%slines give\n%s", code, errs, csv, ndjson)
	}
}

func TestEachFundIsClearedByItselfAndTheySumToTheHospital(t *testing.T) {
	dir := inFolder(t, map[string]string{"p.yaml": settleParams, "one.yaml": settleParams + "clearing: {of: org}\n"})
	rows := func(args ...string) (out []map[string]any) {
		t.Helper()
		text, errs, code := sanyi(t, settleCSV, append([]string{"settle"}, args...)...)
		if code != exitOK {
			t.Fatalf("exit %d: %s", code, errs)
		}
		for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			out = append(out, row)
		}
		return out
	}
	p := filepath.Join(dir, "p.yaml")
	funds, hospitals := rows("--params", p, "--by", "insurance"), rows("--params", p, "--by", "org")
	if len(funds) != 3 || len(hospitals) != 2 {
		t.Fatalf("got %d funds of %d hospitals, want 3 of 2", len(funds), len(hospitals))
	}
	// Due 7000, booked 7350.03: half of 350.03 is borne, half a fen up. Due 6200, booked 5000: 70 % of 1200 is kept.
	for i, want := range []string{"7175.02", "5840"} {
		if got := funds[i]["settlement"]; got != want {
			t.Errorf("fund %v: got %v, want %s", funds[i]["insurance"], got, want)
		}
	}
	if got := hospitals[0]["settlement"]; got != "13015.02" {
		t.Errorf("hospital: got %v, want 13015.02", got)
	}
	if got := rows("--params", filepath.Join(dir, "one.yaml"), "--by", "org")[0]["settlement"]; got != "12945.01" { // due 13200, booked 12350.03
		t.Errorf("cleared as one: got %v, want 12945.01", got)
	}
}

func TestACaseThatCannotBeSettledIsNamedByItsLine(t *testing.T) {
	dir := inFolder(t, map[string]string{"p.yaml": settleParams, "bad.yaml": "scheme: drg\nrates:\n  - {level: \"3\"}\n"})
	p := filepath.Join(dir, "p.yaml")
	good := `{"id":"1","org":"H","level":"3","insurance":"employee","group":"BR23","total_fee":8000}` + "\n"
	for _, test := range []struct {
		in, want string
		code     int
		args     []string
	}{
		{good + `{"id":"2","org":"H","level":"2","insurance":"employee","group":"BR23","total_fee":8000}`, `cases: line 2: parameters test: no rate for level "2"`, exitFailed, nil},
		{good + "\n" + `{"id":"2","level":"3","insurance":"employee","group":"BR23"}`, "cases: line 3: total_fee is wanted", exitFailed, nil},
		{`{"id":"2","level":"3","insurance":"employee","total_fee":1}`, "cases: line 1: group is wanted", exitFailed, nil},
		{`{"id":"2","group":"BR23","total_fee":"8o00"}`, "cases: line 1: a number is wanted", exitFailed, nil},
		{`{"id":"2","group":"BR23","total_fee":"1e300"}`, "cases: line 1: total_fee: a number of a sensible size", exitFailed, nil},
		{`{"id":"2","level":"3","insurance":"employee","group":"BR23","total_fee":-5}`, "cases: line 1: total_fee is negative", exitFailed, nil},
		{`{"id":"2","group":"BR23","status":"ok","total_fee":5}`, "cases: line 1: status: one of", exitFailed, nil},
		{`{"id":"2","group":"BR23","offsite":"abroad","total_fee":5}`, "cases: line 1: offsite: ", exitFailed, nil},
		{`{"id":"2","group":"BR23","bed_day":"psych","level":"3","insurance":"employee","total_fee":5}`, "cases: line 1: bed_day: the parameters have no kind", exitFailed, nil},
		{"id,group,wage\n1,BR23,4\n", `cases: line 1: column "wage"`, exitFailed, nil},
		{"id,group,total_fee,day_surgery\n1,BR23,4,perhaps\n", "cases: line 2: column day_surgery: true or false", exitFailed, nil},
		{"", "bad.yaml:3: rates: entry 1: value: a number above 0", exitFailed, []string{"--params", filepath.Join(dir, "bad.yaml")}},
		{"", "--by \"dept\": case, org or insurance", exitUsage, []string{"--by", "dept"}},
		{"", "--cases-b is for the second", exitUsage, []string{"--cases-b", "x.ndjson"}},
		{"", "no.yaml", exitFailed, []string{"--params", filepath.Join(dir, "no.yaml")}},
	} {
		args := test.args
		if len(args) == 0 || args[0] != "--params" {
			args = append([]string{"--params", p}, args...)
		}
		out, errs, code := sanyi(t, test.in, append([]string{"settle"}, args...)...)
		if code != test.code || out != "" || !strings.Contains(errs, test.want) || strings.Contains(errs, "8o00") {
			t.Errorf("%q %v: exit %d, %q %q, want %d and %q", test.in, test.args, code, out, errs, test.code, test.want)
		}
	}
}

func TestAParameterHashIsOfFileAndTable(t *testing.T) {
	table := "group,rw\nBR23,0.8\n"
	text := strings.ReplaceAll(settleParams, "weights:\n  - {group: BR23, rw: 0.8}\n", "")
	dir := inFolder(t, map[string]string{"p.yaml": text, "w.csv": table})
	out, errs, code := sanyi(t, settleCSV, "settle", "--params", filepath.Join(dir, "p.yaml"), "--weights", filepath.Join(dir, "w.csv"))
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	// As a lake names them: of the hashes of both.
	if want := `"params":"` + hash(hash(text)+hash(table)) + `"`; code != exitOK || !strings.Contains(out, want) {
		t.Errorf("exit %d %s: got %s, want %s", code, errs, out, want)
	}
}

func TestAPublishedTableIsShownWithOurColumns(t *testing.T) {
	dir := inFolder(t, map[string]string{"t.csv": "DRG编码,RW,支付标准（职工）,基础病组\nBR23,0.8,8000,是\n"})
	out, errs, code := sanyi(t, "", "settle", "table", filepath.Join(dir, "t.csv"))
	want := "group,org,level,insurance,rw,mean,score,ref,rate,coefficient,standard,low_limit,high_limit,instead,max_cases,flags\n" +
		"BR23,,,,0.8,,,,,,,,,,,basic\nBR23,,,employee,0.8,,,,,,8000,,,,,basic\n"
	if code != exitOK || out != want {
		t.Errorf("exit %d %s: got\n%swant\n%s", code, errs, out, want)
	}
}
