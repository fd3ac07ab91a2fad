package words

import (
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
)

// condition says a rule in words; a text that is no rule is said as it is.
func (t teller) condition(text string) string {
	if text == "" {
		return ""
	}
	e, err := rule.Parse(text)
	if err != nil {
		return text
	}
	return t.expr(e)
}

func (t teller) expr(e rule.Expr) string {
	switch e := e.(type) {
	case rule.And:
		return t.all(e, t.pick("，且", ", and "))
	case rule.Or:
		return t.all(e, t.pick("，或", ", or "))
	case rule.Not:
		return t.pick("不是：", "not: ") + t.part(e.X)
	case rule.Codes:
		return t.codes(e)
	case rule.Number:
		return t.number(e)
	case rule.OneOf:
		values := make([]string, len(e.Values))
		for i, v := range e.Values {
			values[i] = strconv.FormatFloat(v, 'g', -1, 64)
		}
		return t.of(quantities, e.Of.String()) + t.pick("为 ", " is ") + strings.Join(values, t.pick(" 或 ", " or "))
	case rule.Dept:
		return t.pick("出院科室为 ", "the department is ") + strings.Join(e.Names, t.pick("、", ", "))
	case rule.Flag:
		return t.of(flags, e.String())
	}
	return e.String()
}

func (t teller) all(parts []rule.Expr, by string) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = t.part(p)
	}
	return strings.Join(texts, by)
}

// part is a condition inside another one: what itself has parts stands in brackets, or nobody could tell whose they are.
func (t teller) part(e rule.Expr) string {
	switch e.(type) {
	case rule.And, rule.Or:
		return t.pick("（", "(") + t.expr(e) + t.pick("）", ")")
	}
	return t.expr(e)
}

var positions = map[rule.Position][2]string{
	rule.PDX: {"主要诊断", "the principal diagnosis"}, rule.AnyDX: {"任一诊断", "some diagnosis"}, rule.OtherDX: {"任一其他诊断", "some secondary diagnosis"},
	rule.POP: {"主要手术操作", "the principal operation"}, rule.AnyOP: {"任一手术操作", "some operation"}, rule.OtherOP: {"任一其他手术操作", "some other operation"},
}

func (t teller) codes(c rule.Codes) string {
	where := t.pick(positions[c.Where][0], positions[c.Where][1])
	kind := t.pick("手术操作表", "list of operations")
	if c.Where.Diagnosis() {
		kind = t.pick("诊断表", "list of diagnoses")
	}
	switch {
	case c.List.MDC:
		return where + t.pick("在本大类"+kind, " is in the category's "+kind)
	case c.List.Valid:
		return where + t.pick("是分组用手术操作", " counts for grouping")
	case c.List.Present:
		return t.pick("有"+where, "there is "+where)
	case c.List.Code != "" && c.List.Prefix:
		return where + t.pick("以 "+c.List.Code+" 开头", " begins with "+c.List.Code)
	case c.List.Code != "":
		return where + t.pick("为 ", " is ") + c.List.Code
	}
	no := c.List.No
	if class, ok := strings.CutPrefix(no, "class"); ok {
		kind, no = t.pick("手术操作类", "class of operations"), class
	}
	if c.List.ADRG != "" {
		return where + t.pick("在 "+c.List.ADRG+" 组的"+kind+no, " is in "+kind+" "+no+" of "+c.List.ADRG)
	}
	return where + t.pick("在本组"+kind+no, " is in the group's "+kind+" "+no)
}

var quantities = map[string][2]string{
	"SEX": {"性别", "sex"}, "AGE": {"年龄", "age"}, "AGE_DAYS": {"日龄", "age in days"}, "WT": {"体重", "weight"}, "LOS": {"住院天数", "length of stay"},
	"ICU_HOURS": {"重症监护小时", "hours in intensive care"}, "DISCHARGE": {"离院方式", "way of discharge"}, "PARTS": {"受伤部位数", "body regions hurt"},
}

var unitsOf = map[string][2]string{
	"AGE": {"岁", " years"}, "AGE_DAYS": {"天", " days"}, "WT": {"克", " g"}, "LOS": {"天", " days"}, "ICU_HOURS": {"小时", " h"}, "PARTS": {"个", ""},
}

func (t teller) number(n rule.Number) string {
	of := n.Of.String()
	text := strings.TrimPrefix(n.String(), of)
	if of == "SEX" {
		switch text {
		case "=1":
			return t.pick("性别为男", "the sex is male")
		case "=2":
			return t.pick("性别为女", "the sex is female")
		}
	}
	if lo, hi, ok := strings.Cut(strings.TrimPrefix(text, " IN "), ".."); ok {
		text = lo + t.pick(" 至 ", " to ") + hi
	}
	for _, r := range [][2]string{{">=", "≥ "}, {"<=", "≤ "}, {"=", "= "}, {">", "> "}, {"<", "< "}} {
		if v, ok := strings.CutPrefix(text, r[0]); ok {
			text = r[1] + v
			break
		}
	}
	unit := unitsOf[of]
	return t.of(quantities, of) + " " + text + t.pick(unit[0], unit[1])
}

var flags = map[string][2]string{
	"ALWAYS": {"无附加条件", "no further condition"}, "NEONATE": {"新生儿(日龄≤28天)", "a newborn (28 days or less)"},
	"HAS_MCC": {"有严重合并症并发症(MCC)", "major complications (MCC)"}, "HAS_CC": {"有合并症并发症(CC)", "complications (CC)"},
	"HAS_MCC_OR_CC": {"有严重合并症并发症或合并症并发症(MCC/CC)", "complications of either degree (MCC or CC)"},
	"NEW_TECH":      {"使用新技术", "new technology was used"}, "DAY_SURGERY": {"日间手术", "day surgery"},
}
