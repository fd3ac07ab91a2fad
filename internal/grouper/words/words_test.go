package words_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/words"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// stroke is a case with a complication that counts and one that the principal diagnosis strikes out.
func stroke(t *testing.T) []drg.Step {
	t.Helper()
	s, err := schemes.Library(nil).Open("demo_drg")
	if err != nil {
		t.Fatal(err)
	}
	g, err := drg.Compile(s, drg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := drg.NewCase()
	c.Sex, c.AgeYears, c.LOSDays, c.Dx, c.Ops = 1, 60, 8, []string{"I63.900", "J96.000", "I61.900", "ZZZ.999"}, []string{"38.9301"}
	_, steps := g.Explain(&c)
	return slices.Clone(steps)
}

func TestATraceIsToldInSentences(t *testing.T) {
	names := words.Options{Name: func(code string) string { return map[string]string{"MDCB": "神经系统疾病及功能障碍"}[code] }}
	rows := words.Sentences(stroke(t), lang.ZH, names)
	for _, want := range []words.Row{
		{Section: words.Path, Step: "code", Title: "编码规范化", What: "ZZZ.999", Verdict: words.No, Text: "方案的所有编码表均无此编码"},
		{Section: words.Path, Step: "gate", Title: "主要诊断大类(MDC)", What: "MDCB", Name: "神经系统疾病及功能障碍", Verdict: words.Yes, Text: "符合本大类条件：主要诊断在本大类诊断表（I63.900）"},
		{
			Section: words.Neighbour, Step: "adrg", Title: "核心组(ADRG)", What: "BK1", Verdict: words.No,
			Text: "未入本组：不满足「任一手术操作在本组手术操作表1」（已符合的编码：I63.900）",
		},
		{Section: words.Path, Step: "adrg", Title: "核心组(ADRG)", What: "BR2", Verdict: words.Yes, Text: "入本核心组：主要诊断在本组诊断表1（I63.900）"},
		{Section: words.Complication, Step: "severity", Title: "合并症并发症", What: "J96.000", Verdict: words.Yes, Text: "计入合并症并发症（MCC，排除表 20）"},
		{
			Section: words.Complication, Step: "severity", Title: "合并症并发症", What: "I61.900", Verdict: words.No,
			Text: "被主要诊断排除，不计入：与主要诊断同在一张排除表（MCC，排除表 30）",
		},
		{Section: words.Path, Step: "severity", Title: "合并症并发症", What: "MCC", Verdict: words.Info, Text: "本例严重程度：有严重合并症并发症(MCC)"},
		{Section: words.Path, Step: "drg", Title: "细分组(DRG)", What: "BR21", Verdict: words.Yes, Text: "入本组：有严重合并症并发症(MCC)"},
	} {
		if !slices.Contains(rows, want) {
			t.Errorf("no row %+v in\n%+v", want, rows)
		}
	}
}

func TestEnglishSentencesHoldNoChinese(t *testing.T) {
	for _, r := range words.Sentences(stroke(t), lang.EN, words.Options{}) {
		if strings.ContainsFunc(r.Title+r.Text, func(c rune) bool { return c > 0x2E7F }) {
			t.Errorf("%s %s: got %q %q", r.Step, r.What, r.Title, r.Text)
		}
		if r.Title == "" || r.Text == "" {
			t.Errorf("%+v: a row says nothing", r)
		}
	}
}

func TestADIPTraceIsToldInSentences(t *testing.T) {
	steps := []dip.Step{
		{Step: "op_class", Subject: "51.2300", Verdict: "surgery"},
		{Step: "op_class", Subject: "case", Verdict: "surgery"},
		{Step: "candidate", Subject: "K80.0:51.2300", Rule: "K80.0 51.2300", Verdict: "core surgery, 1 operations named"},
		{Step: "group", Subject: "K80.0:51.2300", Rule: "K80.0 51.2300", Verdict: "taken: core surgery"},
		{Step: "auxiliary", Subject: "overstay", Rule: "2", Verdict: "factor 0.9"},
		{Step: "reason", Subject: dip.Ungrouped, Verdict: dip.NoPDX},
	}
	for i, want := range []string{
		"手术", "本例操作分类：手术（取各操作的最高类）", "候选：核心病种·手术，命中操作 1 个；诊断 K80.0，操作 51.2300", "入本病种：核心病种·手术；诊断 K80.0，操作 51.2300", "分级 2，系数 0.9", "没有主要诊断",
	} {
		if got := words.Sentences(steps, lang.ZH, words.Options{})[i].Text; got != want {
			t.Errorf("%s: got %s, want %s", steps[i].Step, got, want)
		}
	}
}

func TestConditionsAreSaidInWords(t *testing.T) {
	for text, want := range map[string][2]string{
		"fails at WT>=1500":                {"未入本组：不满足「体重 ≥ 1500克」", "not this group: “weight ≥ 1500 g” does not hold"},
		"fails at SEX=2":                   {"未入本组：不满足「性别为女」", "not this group: “the sex is female” does not hold"},
		"fails at !POP(valid)":             {"未入本组：不满足「不是：主要手术操作是分组用手术操作」", "not this group: “not: the principal operation counts for grouping” does not hold"},
		"fails at CLS(2)":                  {"未入本组：不满足「任一手术操作在本组手术操作类2」", "not this group: “some operation is in the group's class of operations 2” does not hold"},
		"fails at ANYOP(GB1.1)":            {"未入本组：不满足「任一手术操作在 GB1 组的手术操作表1」", "not this group: “some operation is in list of operations 1 of GB1” does not hold"},
		"fails at LOS IN 3..7":             {"未入本组：不满足「住院天数 3 至 7天」", "not this group: “length of stay 3 to 7 days” does not hold"},
		"fails at DISCHARGE IN (2,5)":      {"未入本组：不满足「离院方式为 2 或 5」", "not this group: “way of discharge is 2 or 5” does not hold"},
		"fails at (HAS_MCC | PDX('I21*'))": {"未入本组：不满足「有严重合并症并发症(MCC)，或主要诊断以 I21 开头」", "not this group: “major complications (MCC), or the principal diagnosis begins with I21” does not hold"},
	} {
		step := []drg.Step{{Step: "drg", Subject: "X", Verdict: text}}
		for i, l := range []lang.Language{lang.ZH, lang.EN} {
			if got := words.Sentences(step, l, words.Options{})[0].Text; got != want[i] {
				t.Errorf("%s: got %s, want %s", text, got, want[i])
			}
		}
	}
}

func TestEveryReasonIsSaidInBothLanguages(t *testing.T) {
	for _, r := range drg.Reasons() {
		for _, l := range []lang.Language{lang.ZH, lang.EN} {
			if got := words.Reason(r.String(), l); got == "" || got == r.String() {
				t.Errorf("%s: got %q", r, got)
			}
		}
	}
}

func TestAWholeCaseIsToldSectionBySection(t *testing.T) {
	age, los := 60.0, 8.0
	c := words.Case{
		Scheme: "demo_drg", SchemeHash: "0123456789abcdef", Kind: "drg", Sex: 1, AgeYears: &age, LOSDays: &los, Dx: []string{"I63.900", "J96.000"}, Ops: []string{"38.9301"},
		TotalFee: "23980.50", MDC: "MDCB", ADRG: "BR2", Group: "BR21", Name: "脑缺血，伴严重并发症或合并症", Severity: "MCC", Status: "OK", Weight: "1.6200", Official: "BR25",
		Names: map[string]string{"BK1": "缺血性卒中静脉溶栓"}, DRG: stroke(t),
		Settled: []words.Settlement{{Params: "p2025", Tier: "normal", Method: "standard", Weight: "1.6200", Rate: "10000.0000", Coefficient: "1.000000", Standard: "16200.00", CaseStandard: "16200.00", FundDue: "11340.00", Profit: "-7780.50"}},
	}
	rows := c.Rows(lang.ZH, words.Options{})
	var sections []string
	for _, r := range rows {
		if len(sections) == 0 || sections[len(sections)-1] != r.Section {
			sections = append(sections, r.Section)
		}
	}
	if want := []string{words.Outcome, words.Codes, words.Path, words.Neighbour, words.Complication, words.Money}; !slices.Equal(sections, want) {
		t.Errorf("sections: got %v, want %v", sections, want)
	}
	for _, want := range []struct{ step, what, verdict, text string }{
		{"group", "BR21", words.Yes, "BR21 脑缺血，伴严重并发症或合并症"},
		{"mdc", "MDCB", words.Info, "MDCB 神经系统疾病及功能障碍"},
		{"case", "", words.Info, "男，60岁，住院8天"},
		{"official", "", words.No, "BR25，与本结果不一致"},
		{"total_fee", "", words.Info, "23,980.50 元"},
		{"gate", "MDCP…MDCN", words.No, "不符合本大类条件：不满足「主要诊断在本大类诊断表」"},
		{"tier", "p2025", words.Info, "正常倍率；按支付标准"},
		{"coefficient", "p2025", words.Info, "1"},
		{"rate", "p2025", words.Info, "10,000 元"},
		{"profit_formula", "p2025", words.No, "-7,780.50 元"},
	} {
		if !slices.ContainsFunc(rows, func(r words.Row) bool {
			return r.Step == want.step && r.What == want.what && r.Verdict == want.verdict && r.Text == want.text
		}) {
			t.Errorf("no row %v in\n%+v", want, rows)
		}
	}
	if at := slices.IndexFunc(rows, func(r words.Row) bool { return r.What == "BK1" }); at < 0 || rows[at].Name != "缺血性卒中静脉溶栓" {
		t.Errorf("the neighbour BK1 has no name")
	}
}

func TestAWholeDIPCaseNamesItsKindAndOnlyItsNeighbours(t *testing.T) {
	c := words.Case{Kind: "dip", Group: "Z019", ADRG: "comprehensive", Status: "OK", DIP: []dip.Step{
		{Step: "candidate", Subject: "Z019", Rule: "C ", Verdict: "comprehensive conservative, 0 operations named"},
		{Step: "candidate", Subject: "Z020", Rule: "C16 ", Verdict: "comprehensive conservative, 0 operations named"},
		{Step: "group", Subject: "Z019", Rule: "C ", Verdict: "taken: comprehensive conservative"},
	}}
	var neighbours []string
	kind := ""
	for _, r := range c.Rows(lang.ZH, words.Options{}) {
		if r.Section == words.Neighbour {
			neighbours = append(neighbours, r.What)
		}
		if r.Step == "kind" {
			kind = r.Text
		}
	}
	if !slices.Equal(neighbours, []string{"Z020"}) || kind != "综合病种" {
		t.Errorf("got neighbours %v, kind %s, want Z020 alone, 综合病种", neighbours, kind)
	}
}

func TestAWholeCaseInEnglishHoldsNoChinese(t *testing.T) {
	c := words.Case{Kind: "drg", Sex: 2, Group: "0000", Status: "0000", Reason: "SEX_CONFLICT", MDC: "MDCN", Weight: "1", TotalFee: "1", DRG: stroke(t), Settled: []words.Settlement{{Tier: "high", Method: "item:high", Standard: "1"}}}
	for _, r := range c.Rows(lang.EN, words.Options{}) {
		if strings.ContainsFunc(r.Title+r.Name+r.Text+r.Unit, func(c rune) bool { return c > 0x2E7F }) {
			t.Errorf("%s: got %+v", r.Step, r)
		}
	}
}
