package words

import (
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

var severities = map[string][2]string{
	"MCC": {"有严重合并症并发症(MCC)", "with major complications (MCC)"}, "CC": {"有合并症并发症(CC)", "with complications (CC)"},
	"NONE": {"无合并症并发症", "without complications"},
}

var classes = map[string][2]string{
	"conservative": {"保守治疗", "conservative"}, "diagnostic": {"诊断性操作", "diagnostic"}, "therapeutic": {"治疗性操作", "therapeutic"},
	"intervention": {"介入治疗", "intervention"}, "surgery": {"手术", "surgery"},
}

var kinds = map[string][2]string{"core": {"核心病种", "core"}, "basic": {"基层病种", "basic"}, "comprehensive": {"综合病种", "comprehensive"}}

var auxiliaries = map[string][2]string{
	"cci": {"CCI指数", "CCI"}, "severity": {"疾病严重程度", "severity"}, "tumour": {"肿瘤严重程度", "tumour"}, "age": {"年龄特征", "age"},
	"readmission": {"二次入院", "readmission"}, "low_indication": {"低标入院", "low indication"}, "overstay": {"超长住院", "long stay"},
	"death_risk": {"死亡风险", "risk of death"}, "record_quality": {"病案质量指数", "quality of the record"},
}

// reasons are the groupers' reasons, and the sentences by which their traces end.
var reasons = map[string][2]string{
	"SEX_MISSING":        {"性别缺失或不是 1、2", "sex is missing, or neither 1 nor 2"},
	"AGE_MISSING":        {"年龄缺失", "age is missing"},
	"AGE_DAYS_MISSING":   {"不足一岁而日龄缺失", "below one year, and the age in days is missing"},
	"WEIGHT_MISSING":     {"新生儿体重缺失", "a newborn without weight"},
	"NO_PDX":             {"没有主要诊断", "no principal diagnosis"},
	"PDX_INVALID":        {"主要诊断不可用于结算(灰码)", "the principal diagnosis may not be used for settlement (grey code)"},
	"POP_GREY":           {"主要手术操作不可用于结算(灰码)", "the principal operation may not be used for settlement (grey code)"},
	"PDX_NOT_IN_ANY_MDC": {"主要诊断不在任何大类的诊断表中", "the principal diagnosis is in no category's list"},
	"SEX_CONFLICT":       {"主要诊断所属大类与性别不符", "the category of the principal diagnosis is for the other sex"},
	"AGE_GATE_MDCP":      {"主要诊断属新生儿大类，而年龄不是 0 岁", "the principal diagnosis is of the newborns' category, and the age is not 0"},
	"NO_ADRG":            {"大类内没有符合的核心组", "no group of the category fits"},
	"NO_DRG_CONDITION":   {"核心组内没有符合的细分条件", "no condition within the adjacent group holds"},
	"QY_UNRELATED_OP":    {"主要手术操作与主要诊断无关(歧义病案)", "the principal operation has nothing to do with the principal diagnosis (ambiguous)"},
	"DIP_UNGROUPED":      {"目录中没有对应的病种", "no row of the catalogue takes it"},
	"reached, and the weight at birth is missing":                                                   {"条件已到体重一项，而体重缺失", "a rule about weight was reached, and the weight is missing"},
	"no group of the category takes the principal operation: ambiguous":                             {"本大类没有接收该主要手术操作的组：歧义病案", "no group of the category takes the principal operation: ambiguous"},
	"the group is one of treatment without operation, and a principal operation remains: ambiguous": {"内科组而仍有主要手术操作：歧义病案", "a group without operation, and a principal operation remains: ambiguous"},
	"no row of the catalogue takes this diagnosis with this class of operation":                     {"目录中没有该诊断与该类操作的组合", "no row of the catalogue takes this diagnosis with this class of operation"},
}

// Reason says in words why a case was not grouped; a reason that is not known is said as it is.
func Reason(reason string, l lang.Language) string { return teller{l: l}.Reason(reason) }

// Severity says a severity in words.
func Severity(id string, l lang.Language) string { return teller{l: l}.of(severities, id) }

// Reason says in words why a case was not grouped.
func (t teller) Reason(reason string) string { return t.of(reasons, reason) }

// tiers are those of internal/grouper/settle.
var tiers = map[string][2]string{
	settle.TierNormal: {"正常倍率", "normal"}, settle.TierHigh: {"高倍率", "high"}, settle.TierLow: {"低倍率", "low"}, settle.TierUngrouped: {"未入组", "not grouped"},
	settle.TierExcluded: {"除外病例", "excluded"}, settle.TierBedDay: {"按床日", "by bed day"}, settle.TierSpecial: {"特例单议", "special case"},
	settle.TierShadow: {"异地模拟", "off-site, not settled here"}, settle.TierUnpriced: {"无定价", "without a price"},
}

var methods = map[string][2]string{
	"standard": {"按支付标准", "at the standard"}, "standard:beyond_quota": {"超出按项目名额，按支付标准", "beyond the quota of cases by item: at the standard"},
	"excess": {"支付标准加超出部分", "standard plus excess"}, "actual": {"按实际费用", "at cost"}, "points": {"按点数", "by points"}, "score": {"按分值", "by score"},
	"rw": {"按固定权重", "at a fixed weight"}, "ratio": {"按费用比例", "at a share of the cost"}, "refuse": {"不予支付", "not paid"}, "bed_day": {"按床日标准", "by bed day"},
	"shadow": {"不在本地结算", "settled elsewhere"}, "unpriced": {"参数中没有其价格", "the parameters have no price for it"},
	"unpriced:no_weight": {"该组无权重，无定价", "its group has no weight: without a price"}, "unpriced:no_points": {"该组无点数，无定价", "its group has no points: without a price"},
	"unpriced:no_score": {"该病种无分值，无定价", "its group has no score: without a price"},
	"item:high":         {"高倍率，按项目付费", "high cost, paid by item"}, "item:ungrouped": {"未入组，按项目付费", "not grouped, paid by item"},
	"item:offsite": {"异地，按项目付费", "off-site, paid by item"}, "item:group": {"该组按项目付费", "its group is paid by item"},
	"item:no_weight": {"该组无权重，按项目付费", "its group has no weight: paid by item"}, "item:no_points": {"该组无点数，按项目付费", "its group has no points: paid by item"},
	"item:no_score": {"该病种无分值，按项目付费", "its group has no score: paid by item"}, "item:special_case": {"特例单议，按项目付费", "special case, paid by item"},
}

// categories are the names of the main categories (CHS-DRG 分组方案, National Healthcare Security Administration, 2020);
// local schemes keep their letters.
var categories = map[string][2]string{
	"MDCA": {"先期分组疾病及相关操作", "Pre-MDC"},
	"MDCB": {"神经系统疾病及功能障碍", "Nervous system"},
	"MDCC": {"眼疾病及功能障碍", "Eye"},
	"MDCD": {"头颈、耳、鼻、口、咽疾病及功能障碍", "Head, neck, ear, nose, mouth and throat"},
	"MDCE": {"呼吸系统疾病及功能障碍", "Respiratory system"},
	"MDCF": {"循环系统疾病及功能障碍", "Circulatory system"},
	"MDCG": {"消化系统疾病及功能障碍", "Digestive system"},
	"MDCH": {"肝、胆、胰疾病及功能障碍", "Liver, gall bladder and pancreas"},
	"MDCI": {"肌肉、骨骼疾病及功能障碍", "Muscles and bones"},
	"MDCJ": {"皮肤、皮下组织及乳腺疾病及功能障碍", "Skin, subcutaneous tissue and breast"},
	"MDCK": {"内分泌、营养、代谢疾病及功能障碍", "Endocrine, nutritional and metabolic"},
	"MDCL": {"肾脏及泌尿系统疾病及功能障碍", "Kidney and urinary tract"},
	"MDCM": {"男性生殖系统疾病及功能障碍", "Male reproductive system"},
	"MDCN": {"女性生殖系统疾病及功能障碍", "Female reproductive system"},
	"MDCO": {"妊娠、分娩及产褥期", "Pregnancy, childbirth and puerperium"},
	"MDCP": {"新生儿及其他围产期新生儿疾病", "Newborns and the perinatal period"},
	"MDCQ": {"血液、造血器官及免疫疾病和功能障碍", "Blood, blood-forming organs and immunity"},
	"MDCR": {"骨髓增生疾病和功能障碍，低分化肿瘤", "Myeloproliferative diseases, poorly differentiated neoplasms"},
	"MDCS": {"感染及寄生虫病(全身性或不明确部位的)", "Infectious and parasitic diseases"},
	"MDCT": {"精神疾病及功能障碍", "Mental diseases"},
	"MDCU": {"酒精/药物使用及其引起的器质性精神功能障碍", "Alcohol and drug use"},
	"MDCV": {"创伤、中毒及药物毒性反应", "Injuries, poisoning and toxic effects of drugs"},
	"MDCW": {"烧伤", "Burns"},
	"MDCX": {"影响健康因素及其他就医情况", "Factors that influence health"},
	"MDCY": {"HIV感染疾病及相关操作", "HIV infection"},
	"MDCZ": {"多发严重创伤", "Multiple severe trauma"},
}
