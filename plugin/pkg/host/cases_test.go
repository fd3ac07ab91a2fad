package host

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

const june = `{"kind":"case","version":1,"view":"list","order":"loss","orgs":["H0001"]}`

func TestAPanelListsCases(t *testing.T) {
	g := start(t)
	r := g.ask(t, "zh-Hans", june)["A"]
	stay := field(t, r, "stay_id")
	if stay.Len() != 5 || *stay.At(0).(*string) != "S-1005" {
		t.Fatalf("got %d cases, want the five of H0001, the largest loss first", stay.Len())
	}
	for name, want := range map[string]struct{ title, unit string }{
		"stay_id": {"住院ID", ""}, "total_fee": {"总费用", "suffix:元"}, "los_days": {"住院天数", "suffix:天"}, "weight": {"权重", ""}, "group_code": {"病组", ""},
	} {
		if c := field(t, r, name).Config; c.DisplayNameFromDS != want.title || c.Unit != want.unit {
			t.Errorf("%s: got %q in %q, want %q in %q", name, c.DisplayNameFromDS, c.Unit, want.title, want.unit)
		}
	}
	if got := number(field(t, r, "profit_formula"), 0); got != 5500-41200 {
		t.Errorf("profit: got %g, want -35700", got)
	}
	day := field(t, r, "discharge_date").At(0).(*time.Time)
	if day == nil || day.Format(time.DateOnly) != "2021-06-08" {
		t.Errorf("discharge: got %v, want 2021-06-08", day)
	}
	last := stay.Len() - 1
	if got := field(t, r, "reason").At(last).(*string); got == nil || *got != "SEX_CONFLICT" {
		t.Errorf("reason of the case that was not grouped: got %v, want SEX_CONFLICT", got)
	}
	if got := field(t, r, "standard").At(last).(*float64); got != nil {
		t.Errorf("standard of a case that was not settled: got %g, want none", *got)
	}
	if m, ok := field(t, r, "reason").Config.Mappings[0].(data.ValueMapper); !ok || m["SEX_CONFLICT"].Text != "大类与性别不符" {
		t.Errorf("reasons have no Chinese words: %v", field(t, r, "reason").Config.Mappings)
	}
}

func TestAPanelExplainsACase(t *testing.T) {
	g := start(t)
	r := g.ask(t, "zh-Hans", `{"kind":"case","version":1,"view":"explain","stay":"S-1001"}`)["A"]
	section, text := field(t, r, "section"), field(t, r, "text")
	told := map[string][]string{}
	for i := range section.Len() {
		told[section.At(i).(string)] = append(told[section.At(i).(string)], text.At(i).(string))
	}
	for part, want := range map[string]string{
		"result": "BR21", "trace": "符合本大类条件", "neighbour": "未入本组", "severity": "被主要诊断排除", "settlement": "16,200 元",
	} {
		if !strings.Contains(strings.Join(told[part], "\n"), want) {
			t.Errorf("%s: got %v, want %s in it", part, told[part], want)
		}
	}
	only := g.ask(t, "zh-Hans", `{"kind":"case","view":"explain","stay":"S-1001","sections":["neighbour"],"language":"en"}`)["A"]
	if f := field(t, only, "section"); f.Len() == 0 || f.At(0) != "neighbour" || f.At(f.Len()-1) != "neighbour" {
		t.Errorf("sections: got more than the neighbours")
	}
	if got := field(t, only, "text").At(0).(string); !strings.HasPrefix(got, "not this group") {
		t.Errorf("in English: got %s", got)
	}
}

func TestWithoutAStayAPanelAsksToChooseOne(t *testing.T) {
	g := start(t)
	r := g.ask(t, "zh-Hans", `{"kind":"case","view":"explain","stay":""}`)["A"]
	if f := field(t, r, "text"); f.Len() != 0 {
		t.Errorf("got %d rows, want none", f.Len())
	}
	if n := r.Frames[0].Meta.Notices; len(n) != 1 || !strings.Contains(n[0].Text, "点选一个病例") {
		t.Errorf("notices: got %+v, want how to choose a case", n)
	}
}

func TestACaseThatIsNotThereIsSaidSo(t *testing.T) {
	g := start(t)
	r := g.ask(t, "zh-Hans", `{"kind":"case","view":"explain","stay":"S-9999"}`, june, `{"kind":"case","view":"chart"}`, `{"kind":"case","view":"list","order":"person"}`)
	if err := r["A"].Error; err == nil || r["A"].Status != 404 || strings.Contains(err.Error(), "S-9999") {
		t.Errorf("got %v (%d), want 404 without the id", err, r["A"].Status)
	}
	if r["B"].Error != nil {
		t.Errorf("the query beside it: %v", r["B"].Error)
	}
	for _, ref := range []string{"C", "D"} {
		if r[ref].Error == nil || r[ref].Status != 400 {
			t.Errorf("%s: got %v (%d), want 400", ref, r[ref].Error, r[ref].Status)
		}
	}
}
