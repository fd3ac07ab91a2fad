package lakehouse

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

// caseFields are the fields of a list of cases, in their order.
var caseFields = []string{
	"stay_id", "discharge_date", "org_code", "org_name", "discharge_dept", "dept_name", "main_diag", "main_proc", "group_code", "group_name", "mdc", "severity", "weight",
	"status", "reason", "los_days", "total_fee", "standard", "profit_formula", "tier", "official_code", "agrees", "scheme",
}

// caseWords are the texts of lists and explanations of cases, in one language.
type caseWords struct {
	language        string // zh or en
	titles, units   map[string]string
	values          map[string]data.ValueMappings
	agrees, differs string
	choose          string
	more            string // %d cases shown
	unsettled       string
}

var caseChinese = caseWords{
	language: "zh",
	titles: map[string]string{
		"stay_id": "住院ID", "discharge_date": "出院日期", "org_code": "机构编码", "org_name": "机构", "discharge_dept": "科室编码", "dept_name": "出院科室", "main_diag": "主要诊断",
		"main_proc": "主要手术操作", "group_code": "病组", "group_name": "病组名称", "mdc": "MDC", "severity": "合并症", "weight": "权重", "status": "入组状态", "reason": "未入组原因",
		"los_days": "住院天数", "total_fee": "总费用", "standard": "支付标准", "profit_formula": "盈亏", "tier": "倍率", "official_code": "官方分组", "agrees": "与官方", "scheme": "分组方案",
		"section": "部分", "title": "步骤", "what": "对象", "name": "名称", "verdict": "结论", "text": "说明",
	},
	units: map[string]string{"discharge_date": "time:YYYY-MM-DD", "los_days": "suffix:天", "total_fee": "suffix:元", "standard": "suffix:元", "profit_formula": "suffix:元"},
	values: map[string]data.ValueMappings{
		"status":   named("OK", "已入组", "0000", "0000组", "QY", "歧义组"),
		"severity": named("MCC", "MCC", "CC", "CC", "NONE", "无"),
		"tier": named("normal", "正常", "high", "高倍率", "low", "低倍率", "ungrouped", "未入组", "excluded", "除外", "bed_day", "按床日", "special", "特例单议",
			"shadow", "异地模拟", "unpriced", "无定价"),
		"reason": named("SEX_MISSING", "性别缺失", "AGE_MISSING", "年龄缺失", "AGE_DAYS_MISSING", "日龄缺失", "WEIGHT_MISSING", "新生儿体重缺失", "NO_PDX", "无主要诊断",
			"PDX_INVALID", "主要诊断为灰码", "POP_GREY", "主要手术操作为灰码", "PDX_NOT_IN_ANY_MDC", "主要诊断不在任何大类", "SEX_CONFLICT", "大类与性别不符",
			"AGE_GATE_MDCP", "新生儿大类而年龄不符", "NO_ADRG", "大类内无符合的核心组", "NO_DRG_CONDITION", "无符合的细分条件", "QY_UNRELATED_OP", "手术与主要诊断无关",
			"DIP_UNGROUPED", "目录无对应病种"),
		"section": named(api.SectionResult, "结果", api.SectionCode, "编码", api.SectionTrace, "分组过程", api.SectionNeighbour, "相邻病组", api.SectionSeverity, "合并症并发症",
			api.SectionSettlement, "结算"),
		"verdict": verdicts("是", "否", "—"),
	},
	agrees: "一致", differs: "不一致",
	choose:    "请在病例清单中点选一个病例，或在上方「病例」处填写住院ID。",
	more:      "病例多于上限，只显示前 %d 例；请缩短时间范围或加筛选。",
	unsettled: "湖中尚无结算测算，支付标准与盈亏为空。",
}

var caseEnglish = caseWords{
	language: "en",
	titles: map[string]string{
		"stay_id": "Stay", "discharge_date": "Discharged", "org_code": "Institution code", "org_name": "Institution", "discharge_dept": "Department code", "dept_name": "Department",
		"main_diag": "Main diagnosis", "main_proc": "Main procedure", "group_code": "Group", "group_name": "Name of the group", "mdc": "MDC", "severity": "Severity", "weight": "Weight",
		"status": "Status", "reason": "Why not grouped", "los_days": "Days", "total_fee": "Total fee", "standard": "Standard", "profit_formula": "Standard less cost", "tier": "Tier",
		"official_code": "Official group", "agrees": "Agrees", "scheme": "Scheme",
		"section": "Part", "title": "Step", "what": "Of", "name": "Name", "verdict": "Outcome", "text": "In words",
	},
	units: map[string]string{"discharge_date": "time:YYYY-MM-DD", "los_days": "suffix:d", "total_fee": "suffix:CNY", "standard": "suffix:CNY", "profit_formula": "suffix:CNY"},
	values: map[string]data.ValueMappings{
		"status":   named("OK", "grouped", "0000", "0000", "QY", "ambiguous"),
		"severity": named("NONE", "none"),
		"tier":     named("bed_day", "bed day"),
		"reason": named("SEX_MISSING", "sex missing", "AGE_MISSING", "age missing", "AGE_DAYS_MISSING", "age in days missing", "WEIGHT_MISSING", "weight of a newborn missing",
			"NO_PDX", "no principal diagnosis", "PDX_INVALID", "grey principal diagnosis", "POP_GREY", "grey principal operation", "PDX_NOT_IN_ANY_MDC", "diagnosis in no category",
			"SEX_CONFLICT", "category of the other sex", "AGE_GATE_MDCP", "newborns' category, other age", "NO_ADRG", "no group of the category fits",
			"NO_DRG_CONDITION", "no condition holds", "QY_UNRELATED_OP", "operation unrelated to the diagnosis", "DIP_UNGROUPED", "no row of the catalogue"),
		"section": named(api.SectionResult, "Result", api.SectionCode, "Codes", api.SectionTrace, "Way", api.SectionNeighbour, "Neighbours", api.SectionSeverity, "Complications",
			api.SectionSettlement, "Settlement"),
		"verdict": verdicts("yes", "no", "—"),
	},
	agrees: "same", differs: "differs",
	choose:    "Choose a case in the list, or write its stay id above.",
	more:      "There are more cases than the limit: the first %d are shown. Take a shorter range or a filter.",
	unsettled: "This lake settles no cases: standard and profit are empty.",
}

func caseWordsIn(language string) caseWords {
	if strings.HasPrefix(strings.ToLower(language), "en") {
		return caseEnglish
	}
	return caseChinese
}

// named maps codes to what people call them; pairs are code, words, code, words.
func named(pairs ...string) data.ValueMappings {
	out := data.ValueMapper{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = data.ValueMappingResult{Text: pairs[i+1], Index: i / 2}
	}
	return data.ValueMappings{out}
}

// verdicts are yes and no in words and colours; colours that both themes have.
func verdicts(yes, no, info string) data.ValueMappings {
	return data.ValueMappings{data.ValueMapper{
		"yes": {Text: yes, Color: "green", Index: 0}, "no": {Text: no, Color: "orange", Index: 1}, "info": {Text: info, Color: "text", Index: 2},
	}}
}
