package lakehouse

import "strings"

// words are the texts that a frame shows, in one language.
type words struct {
	language    string
	period      string
	note        string
	base        string // %s comparison
	change      string // %s comparison
	points      string // %s comparison
	numerator   string // %s indicator
	denominator string // %s indicator
	at          string // %s indicator
	total       string
	null        string
	partial     string
	provisional string
	suppressed  string
	incomplete  string // %s share of the deliveries that came
	unfinished  string // %s name of the series

	noticePartial     string // %s periods, %s moment of asking
	noticeProvisional string
	noticeSuppressed  string // %d figures, %d smallest cell
	noticeIncomplete  string // %d figures, %s smallest share
	healthy           string // publication, indicators, identity, scope
}

var chinese = words{
	language: "zh", period: "时期", note: "备注",
	base: "%s:基期", change: "%s:变化", points: "%s:百分点", numerator: "%s:分子", denominator: "%s:分母", at: "%s:时点",
	total: "合计", null: "(空)", partial: "未完结", provisional: "暂定", suppressed: "为保护隐私不显示", incomplete: "数据到齐 %s", unfinished: "%s(未完结)",
	noticePartial:     "%s 尚未结束,为截至 %s 的数据。",
	noticeProvisional: "部分数值的观察期未满,为暂定值。",
	noticeSuppressed:  "%d 个数值不显示:例数少于 %d,或会泄露这样的数值。",
	noticeIncomplete:  "%d 个数值的数据未到齐(最低 %s)。",
	healthy:           "连接正常:发布 %d,可用指标 %d 个;令牌 %s,范围 %s",
}

var english = words{
	language: "en", period: "Period", note: "Note",
	base: "%s: base", change: "%s: change", points: "%s: points", numerator: "%s: numerator", denominator: "%s: denominator", at: "%s: at",
	total: "Total", null: "(none)", partial: "unfinished", provisional: "provisional", suppressed: "hidden for privacy", incomplete: "%s of the data", unfinished: "%s (unfinished)",
	noticePartial:     "%s is not over: figures up to %s.",
	noticeProvisional: "Some figures are provisional: their follow-up is not over.",
	noticeSuppressed:  "%d figures are not shown: of fewer than %d cases, or they would give such a figure away.",
	noticeIncomplete:  "%d figures lack some of their data (lowest %s).",
	healthy:           "Connected: publication %d, %d indicators; token %s, scope %s",
}

func wordsIn(language string) words {
	if strings.HasPrefix(strings.ToLower(language), "en") {
		return english
	}
	return chinese
}
