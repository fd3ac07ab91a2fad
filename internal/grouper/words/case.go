package words

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// Case is a grouped case with the way it went. It holds what it was grouped by, and no person. Numbers that are exact
// (money, weights) are texts; "" and nil are not known.
type Case struct {
	Scheme, SchemeHash, Kind string // kind is drg or dip, in any case of letters

	Sex                                               int8
	AgeYears, AgeDays, WeightG, LOSDays, DischargeWay *float64
	Dx, Ops                                           []string // principal ones first
	TotalFee                                          string

	MDC, ADRG, Group, Name, Severity, Status, Reason, Weight string
	Official                                                 string // what came with the front sheet

	Names   map[string]string // what the scheme calls its groups
	DRG     []drg.Step
	DIP     []dip.Step
	Settled []Settlement
}

// Settlement is what one parameter set makes of the case, in yuan.
type Settlement struct {
	Params, Tier, Method, Weight, Rate, Coefficient, Standard, CaseStandard, Personal, FundDue, Profit string
}

// Sections of a whole case, beside those of its trace.
const (
	Outcome = "result"
	Codes   = "code"
	Money   = "settlement"
)

// Rows tells the whole case, section by section: where it belongs, by what, by which way, why not its neighbours, which
// complications count, and what is paid.
func (c *Case) Rows(l lang.Language, opt Options) []Row {
	known := opt.Name
	opt.Name = func(code string) string {
		if name := c.Names[code]; name != "" {
			return name
		}
		if name, ok := categories[code]; ok {
			return l.Pick(name[0], name[1])
		}
		if known != nil {
			return known(code)
		}
		return ""
	}
	t := teller{l: l, name: opt.Name}
	out := append(t.outcome(c), t.coded(c)...)
	trace := joined(append(Sentences(c.DRG, l, opt), Sentences(c.DIP, l, opt)...), l)
	for _, section := range []string{Path, Neighbour, Complication} {
		for _, r := range trace {
			if r.Section == section && (r.Step != "candidate" || r.What != c.Group) { // the group found is no neighbour of itself
				out = append(out, r)
			}
		}
	}
	for i := range c.Settled {
		out = append(out, t.settled(&c.Settled[i])...)
	}
	return out
}

// joined makes one row of neighbours in the trace that say the same: the many categories that a case is not in.
func joined(rows []Row, l lang.Language) []Row {
	var out []Row
	var same []string // what the last row of out is about
	for _, r := range rows {
		n := len(out) - 1
		if n < 0 || r.Step != "gate" || r.Verdict != No || out[n].Step != r.Step || out[n].Verdict != No || out[n].Text != r.Text {
			out, same = append(out, r), []string{r.What}
			continue
		}
		same = append(same, r.What)
		out[n].What, out[n].Name = strings.Join(same, l.Pick("、", ", ")), ""
		if len(same) > 3 { // a list of all letters says less than their number
			out[n].What = same[0] + "…" + same[len(same)-1]
			out[n].Name = fmt.Sprintf(l.Pick("依次 %d 个大类", "%d categories in a row"), len(same))
		}
	}
	return out
}

// fact is a row of a thing and its value.
func (t teller) fact(section, step, zh, en, text string) Row {
	return Row{Section: section, Step: step, Title: t.pick(zh, en), Verdict: Info, Text: text}
}

func (t teller) outcome(c *Case) []Row {
	out := make([]Row, 0, 16) // add gives places in it
	add := func(step, zh, en, text string) *Row {
		if text == "" {
			return &Row{}
		}
		out = append(out, t.fact(Outcome, step, zh, en, text))
		return &out[len(out)-1]
	}
	group := add("group", "分组结果", "Group", strings.TrimSpace(c.Group+" "+c.Name))
	group.What, group.Name = c.Group, c.Name
	status := add("status", "入组状态", "Status", t.of(statuses, c.Status))
	group.Verdict, status.Verdict = Yes, Yes
	if c.Status != "OK" {
		group.Verdict, status.Verdict = No, No
		if c.Reason != "" {
			add("reason", "未入组原因", "Why not grouped", t.Reason(c.Reason)).Verdict = No
		}
	}
	if c.MDC != "" && c.MDC != "0000" {
		add("mdc", "主要诊断大类(MDC)", "Main category (MDC)", strings.TrimSpace(c.MDC+" "+t.name(c.MDC))).What = c.MDC
	}
	if dip := t.of(kinds, c.ADRG); strings.EqualFold(c.Kind, "dip") && c.ADRG != "" { // a catalogue has kinds in place of adjacent groups
		add("kind", "病种类别", "Kind", dip).What = c.ADRG
	} else if c.ADRG != "" && c.ADRG != "00" {
		add("adrg", "核心组(ADRG)", "Adjacent group (ADRG)", strings.TrimSpace(c.ADRG+" "+t.name(c.ADRG))).What = c.ADRG
	}
	if c.Severity != "" {
		add("severity", "合并症并发症", "Complications", t.of(severities, c.Severity)).What = c.Severity
	}
	weight := add("weight", t.kindOf(c, "权重(RW)", "分值"), t.kindOf(c, "Weight (RW)", "Points"), c.Weight)
	weight.Amount = number(c.Weight)
	switch c.Official {
	case "":
	case c.Group:
		add("official", "官方分组", "Official group", c.Official+t.pick("，与本结果一致", ": the same")).Verdict = Yes
	default:
		add("official", "官方分组", "Official group", c.Official+t.pick("，与本结果不一致", ": not the same")).Verdict = No
	}
	add("scheme", "分组方案", "Scheme", c.Scheme+t.pick("（指纹 ", " (hash ")+short(c.SchemeHash)+t.pick("）", ")"))
	add("case", "分组依据", "Grouped by", t.inputs(c))
	if fee := add("total_fee", "总费用", "Total fee", t.yuan(c.TotalFee)); fee.Text != "" {
		fee.Amount, fee.Unit = number(c.TotalFee), t.pick("元", "yuan")
	}
	return out
}

var statuses = map[string][2]string{
	"OK": {"已入组", "grouped"}, "0000": {"未入组(0000)", "not grouped (0000)"}, "QY": {"歧义组(QY)", "ambiguous (QY)"}, "UNGROUPED": {"未入组", "not grouped"},
	dip.Ungrouped: {"空白病组", "blank group"},
}

func (t teller) kindOf(c *Case, drgText, dipText string) string {
	if strings.EqualFold(c.Kind, "dip") {
		return dipText
	}
	return drgText
}

func (t teller) inputs(c *Case) string {
	var parts []string
	if sex := map[int8]string{1: t.pick("男", "male"), 2: t.pick("女", "female")}[c.Sex]; sex != "" {
		parts = append(parts, sex)
	}
	add := func(v *float64, zh, en string) {
		if v != nil {
			parts = append(parts, fmt.Sprintf(t.pick(zh, en), strconv.FormatFloat(*v, 'f', -1, 64)))
		}
	}
	add(c.AgeYears, "%s岁", "%s years")
	if c.AgeYears != nil && *c.AgeYears == 0 {
		add(c.AgeDays, "日龄%s天", "%s days old")
		add(c.WeightG, "体重%s克", "%s g")
	}
	add(c.LOSDays, "住院%s天", "%s days in hospital")
	add(c.DischargeWay, "离院方式%s", "way of discharge %s")
	return strings.Join(parts, t.pick("，", ", "))
}

func (t teller) coded(c *Case) []Row {
	var out []Row
	list := func(codes []string, step, firstZH, firstEN, zh, en string) {
		for i, code := range codes {
			r := t.fact(Codes, step, zh+" "+strconv.Itoa(i), en+" "+strconv.Itoa(i), t.name(code))
			if i == 0 {
				r.Title = t.pick(firstZH, firstEN)
			}
			r.What, r.Name = code, r.Text
			out = append(out, r)
		}
	}
	list(c.Dx, "dx", "主要诊断", "Principal diagnosis", "其他诊断", "Diagnosis")
	list(c.Ops, "op", "主要手术操作", "Principal operation", "其他手术操作", "Operation")
	return out
}

// settled is one settlement: its sum as a sentence first, then its parts.
func (t teller) settled(s *Settlement) []Row {
	tier := t.of(tiers, s.Tier)
	head := t.fact(Money, "tier", "倍率类型", "Tier", tier)
	head.What = s.Params
	if s.Method != "" {
		head.Text += t.pick("；", "; ") + t.of(methods, s.Method)
	}
	out := []Row{head}
	add := func(step, zh, en, value, unitZH, unitEN string) {
		if value == "" {
			return
		}
		shown := trimmed(value)
		if unitZH != "" {
			shown = thousands(value) + " " + t.pick(unitZH, unitEN)
		}
		r := t.fact(Money, step, zh, en, shown)
		r.What, r.Amount, r.Unit = s.Params, number(value), t.pick(unitZH, unitEN)
		out = append(out, r)
	}
	add("weight", "权重或分值", "Weight or points", s.Weight, "", "")
	add("rate", "费率或点值", "Yuan for a weight or a point", s.Rate, "元", "yuan")
	add("coefficient", "机构系数", "Coefficient", s.Coefficient, "", "")
	add("standard", "支付标准", "Payment standard", s.Standard, "元", "yuan")
	add("case_standard", "本例应付总额", "Paid for the case in all", s.CaseStandard, "元", "yuan")
	add("personal", "个人负担", "Borne by the person", s.Personal, "元", "yuan")
	add("fund_due", "统筹基金应付", "Due from the fund", s.FundDue, "元", "yuan")
	add("profit_formula", "盈亏(标准减费用)", "Standard less cost", s.Profit, "元", "yuan")
	if p := number(s.Profit); p != nil {
		last := &out[len(out)-1]
		if last.Verdict = Yes; *p < 0 {
			last.Verdict = No
		}
	}
	return out
}

func (t teller) yuan(v string) string {
	if v == "" {
		return ""
	}
	return thousands(v) + t.pick(" 元", " yuan")
}

// trimmed takes the zeros off the end of a number.
func trimmed(v string) string {
	if strings.Contains(v, ".") {
		v = strings.TrimRight(strings.TrimRight(v, "0"), ".")
	}
	return v
}

// thousands writes money as people read it: 29,956.35.
func thousands(v string) string {
	whole, cents, _ := strings.Cut(v, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if cents = strings.TrimRight(cents, "0"); cents == "" {
		return sign + whole
	}
	return sign + whole + "." + (cents + "0")[:max(2, len(cents))]
}

// Tier says in words in which tier of cost a case is.
func Tier(id string, l lang.Language) string { return teller{l: l}.of(tiers, id) }

func number(text string) *float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &v
}

// short is enough of a hash to tell schemes apart.
func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}
