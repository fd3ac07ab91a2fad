//go:build duckdb_arrow

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// answers groups cases by the shipped scheme and gives what matters of each answer: group, reason and message.
func answers(t *testing.T, in string, args ...string) []string {
	t.Helper()
	out, errs, code := sanyi(t, in, append([]string{"group", "--scheme", "demo_drg"}, args...)...)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var got []string
	for line := range strings.Lines(out) {
		var r struct {
			ID                   json.RawMessage
			DRG, Reason, Message string
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimRight(string(r.ID)+" "+r.DRG+" "+r.Reason+" "+r.Message, " "))
	}
	return got
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d answers, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("case %d: got %q, want %q", i+1, got[i], want[i])
		}
	}
}

func TestACaseIsReadHoweverItsFieldsAreWritten(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"id":1,"sex":"1","age_years":"60","dx":["i63.900"," J96.000 "],"ops":null}`, `1 BR21`},
		{`{"id":2,"sex":1,"age_years":60,"dx":["Ｉ６３.９００",null,"","J96.000"],"poa":[1,null,"",3],"ops":[""],"unknown":{}}`, `2 BR21`},
		{`{"id":3,"sex":1,"age_years":60,"dx":["I63.900"],"new_tech":1,"day_surgery":"否","dept":3,"discharge_date":20260101}`, `3 BR25`},
		{`{"sex":1,"age_years":60,"dx":"I63.900|J96.000"}`, `null BR21`},
		{`{"id":{"a":1},"sex":1,"age_years":60,"dx":["I63.900"],"los_days":null,"discharge_way":"5"}`, `{"a":1} BR25`},
		{`{"id":6,"sex":"男","age_years":60,"dx":["I63.900"]}`, `6 0000 SEX_MISSING`}, // 1 and 2 are the codes; no word is guessed
		{`{"id":7,"sex":true,"age_years":60,"dx":["I63.900"]}`, `7 0000 SEX_MISSING`},
		{`{"id":8,"sex":1,"age_years":0.5,"dx":["P22.000"]}`, `8 0000 AGE_DAYS_MISSING`},
		{`{"id":9,"sex":1,"age_years":0.5,"age_days":190,"dx":["P22.000"]}`, `9 PV15`},
		{`{"id":10,"sex":1,"age_years":"sixty","dx":["I63.900"]}`, `10 0000 BAD_CASE age_years: a number is wanted`},
		{`{"id":11,"sex":1,"age_years":60,"dx":[{"code":"I63.900"}]}`, `11 0000 BAD_CASE dx: a list of codes is wanted`},
		{`{"id":12,"sex":1,"age_years":60,"dx":["I63.900"],"new_tech":"perhaps"}`, `12 0000 BAD_CASE new_tech: true or false is wanted`},
		{`{"id":13,"sex":1,"age_years":6`, `13 0000 BAD_CASE not JSON at byte 30`}, // cut off: the id is saved
		{`[1]`, `null 0000 BAD_CASE an object {…} is wanted`},
		{`null`, `null 0000 BAD_CASE an object {…} is wanted`},
	} {
		same(t, answers(t, "\xef\xbb\xbf"+c.in+"\r\n\r\n"), []string{c.want})
	}
}

func TestAQuoteThatIsNotClosedSpoilsItsOwnRowOfCSVOnly(t *testing.T) {
	in := "\xef\xbb\xbfID,sex,age_years,dx,ops,ward\r\n" +
		"1,1,60,I63.900|J96.000,,\"3, north\"\r\n" +
		"2,1,60,\"I63.900,,\r\n" +
		"3,1,60\r\n" +
		",,,,,\r\n" +
		"4,男,60,I63.900,,\r\n" +
		"5,1,60,I63.900,,\r\n"
	want := []string{`"1" BR21`, `"2" 0000 BAD_CASE extraneous or missing " in quoted-field`, `"3" 0000 BAD_CASE the row has another number of cells than the header`, `"4" 0000 SEX_MISSING`, `"5" BR25`}
	same(t, answers(t, in, "--in", "csv"), want)
	same(t, answers(t, in), want) // seen from the first line
	same(t, answers(t, "this is no case\n{\"id\":1,\"sex\":1,\"age_years\":60,\"dx\":[\"I63.900\"]}\n"), []string{`null 0000 BAD_CASE not JSON at byte 2`, `1 BR25`})
}

func TestALineLongerThanAnyCaseIsAnsweredAndTheNextOnesToo(t *testing.T) {
	long := `{"id":"long","sex":1,"age_years":60,"dx":["I63.900"],"note":"` + strings.Repeat("x", 17<<20) + `"}`
	got := answers(t, long+"\n"+`{"id":2,"sex":1,"age_years":60,"dx":["I63.900"]}`)
	same(t, got, []string{`"long" 0000 BAD_CASE not JSON at byte 16777216`, `2 BR25`})
}
