package main

import (
	"fmt"
	"regexp"
	"strings"
)

// check is one rule of a contract.
type check struct{ id, column, severity, expr, zh, en string }

const again = ",请核对后重报"

var (
	rangeRule  = regexp.MustCompile(`^(?:between )?(-?[0-9]+)(?: and |\.\.)(-?[0-9]+)$`)
	lowRule    = regexp.MustCompile(`^(>=|>) ?([0-9]+)$`)
	columnRule = regexp.MustCompile(`^(>=|<=|>|<) ?([a-z_0-9]+)$`)
	inRule     = regexp.MustCompile(`^in ?\((.+)\)$`)
	regexRule  = regexp.MustCompile(`^regex (.+)$`)
	codeToken  = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,8}`)
)

// checks turns the catalogue's rules into expressions: those that need a word of judgement stand in special, the plain
// ones follow from their text.
func (t *table) checks() []check {
	var out []check
	for _, c := range t.columns {
		if found, ok := special[t.name+"."+c.name]; ok {
			for _, k := range found {
				if k.column == "" && k.id == c.name {
					k.column = c.name
				}
				out = append(out, k)
			}
			continue
		}
		if k, ok := t.plain(c); ok {
			out = append(out, k)
		}
		if k, ok := t.domain(c); ok {
			out = append(out, k)
		}
	}
	return append(out, special[t.name]...)
}

// plain reads a rule that is a bound, a set, a pattern or a comparison with another column.
func (t *table) plain(c column) (check, bool) {
	k := check{column: c.name, severity: "error"}
	zh, en := t.chinese(c), t.english(c)
	switch {
	case c.rule == "":
		return k, false
	case lowRule.MatchString(c.rule):
		m := lowRule.FindStringSubmatch(c.rule)
		k.id, k.expr = c.name+"_low", c.name+" "+m[1]+" "+m[2]
		word, than := "小于", "be at least"
		if m[1] == ">" {
			word, than = "小于或等于", "be above"
		}
		k.zh, k.en = zh+"不能"+word+" "+m[2]+again, en+" must "+than+" "+m[2]+"; check it and send the record again"
	case rangeRule.MatchString(c.rule):
		m := rangeRule.FindStringSubmatch(c.rule)
		k.id, k.expr = c.name+"_range", fmt.Sprintf("%s between %s and %s", c.name, m[1], m[2])
		k.zh, k.en = fmt.Sprintf("%s应在 %s 到 %s 之间%s", zh, m[1], m[2], again), fmt.Sprintf("%s must lie between %s and %s; check it and send the record again", en, m[1], m[2])
	case columnRule.MatchString(c.rule):
		m := columnRule.FindStringSubmatch(c.rule)
		other := t.column(m[2])
		if other == nil {
			panic(t.name + "." + c.name + ": " + c.rule)
		}
		late := c.typ == "date" || c.typ == "timestamp"
		words := map[string][4]string{ // of numbers: zh, en; of moments: zh, en
			">=": {"不能小于", "must not be below", "不能早于", "must not be before"}, ">": {"必须大于", "must be above", "必须晚于", "must be after"},
			"<=": {"不能大于", "must not exceed", "不能晚于", "must not be after"}, "<": {"必须小于", "must be below", "必须早于", "must be before"},
		}[m[1]]
		zhWord, enWord := words[0], words[1]
		if late {
			zhWord, enWord = words[2], words[3]
		}
		k.id, k.expr = c.name+"_order", c.name+" "+m[1]+" "+m[2]
		k.zh, k.en = zh+zhWord+t.chinese(*other)+again, en+" "+enWord+" the "+strings.ToLower(t.english(*other)[:1])+t.english(*other)[1:]+"; check both and send the record again"
	case regexRule.MatchString(c.rule):
		// A strange form of an identifier is worth a warning: refusing it would lose the institution's figures.
		k.id, k.severity = c.name+"_form", "warning"
		k.expr = fmt.Sprintf("regexp_matches(%s, '%s')", c.name, strings.ReplaceAll(regexRule.FindStringSubmatch(c.rule)[1], "'", "''"))
		k.zh, k.en = zh+"的写法不符合编码规则,请核对", en+" does not have the form of its code system; please check it"
	case inRule.MatchString(c.rule):
		var codes []string
		for code := range strings.SplitSeq(inRule.FindStringSubmatch(c.rule)[1], ",") {
			codes = append(codes, strings.Trim(code, "' "))
		}
		return t.among(c, codes, "error"), true
	default:
		panic(fmt.Sprintf("%s.%s: no rule for %q", t.name, c.name, c.rule))
	}
	return k, true
}

// domain makes a check of the codes that a column's Chinese name lists: 状态(DONE/CANCEL/REG). An unknown code in a
// column that must be there sets the row aside (the figures filter by it); elsewhere, and in what the platform writes
// itself, it is a warning.
func (t *table) domain(c column) (check, bool) {
	if c.rule != "" || !strings.HasPrefix(c.typ, "varchar") || strings.Contains(c.zh, "DRG/DIP组") {
		return check{}, false
	}
	found := codesInTitle.FindString(c.zh)
	if found == "" {
		return check{}, false
	}
	var codes []string
	for part := range strings.SplitSeq(strings.Trim(found, "()"), "/") {
		codes = append(codes, codeToken.FindString(part))
	}
	severity := "error"
	if c.nullable || t.folder() == "platform" || c.name == "version" {
		severity = "warning"
	}
	return t.among(c, codes, severity), true
}

func (t *table) among(c column, codes []string, severity string) check {
	zh, en := t.chinese(c), t.english(c)
	return check{
		id: c.name + "_code", column: c.name, severity: severity, expr: c.name + " in ('" + strings.Join(codes, "', '") + "')",
		zh: zh + "应为 " + strings.Join(codes, "、") + " 之一,请按编码表改正后重报", en: en + " must be one of " + strings.Join(codes, ", ") + "; correct the code and send the record again",
	}
}

// special: rules that cross columns or need judgement. Under a column's name they replace the catalogue's rule; under a
// table's name they are added. Rules let refunds through: a refund is a row with negative money in every amount column.
var special = map[string][]check{
	"dim_region.valid_to":   {{"valid_to_order", "valid_to", "error", "valid_to >= valid_from", "失效日不能早于生效日,请核对后重报", "Valid until must not be before valid from; check both dates and send the record again"}},
	"dim_org.org_code":      {{"org_code_length", "org_code", "warning", "length(org_code) between 9 and 22", "机构代码应为 9 到 22 位(组织机构代码或统一社会信用代码),请核对", "Institution codes have 9 to 22 characters (organisation or social credit code); please check it"}},
	"dim_org.nhsa_code":     {{"nhsa_code_form", "nhsa_code", "warning", "regexp_full_match(nhsa_code, '[HPM][0-9A-Z]{10,11}')", "定点医药机构编号应以 H、P 或 M 开头,共 11 到 12 位,请核对", "Insurance institution codes begin with H, P or M and have 11 or 12 characters; please check it"}},
	"dim_person.person_key": {}, // a pseudonym: whatever came is replaced by the keyed hash, which has the right form
	"dim_person.birth_year": {{"birth_year_range", "birth_year", "error", "birth_year between 1900 and year(current_date)", "出生年应在 1900 年到今年之间,请核对后重报", "The year of birth must lie between 1900 and this year; check it and send the record again"}},
	"dim_icd10.sens_level":  {{"sens_level_range", "sens_level", "error", "sens_level between 1 and 5", "隐私敏感级应在 1 到 5 之间(艾滋病、性病、精神障碍、吸毒为 5)", "The privacy level lies between 1 and 5 (5: HIV, sexually transmitted, mental, drug use)"}},
	"dim_icd9.surg_level":   {{"surg_level_range", "surg_level", "error", "surg_level between 1 and 4", "手术级别应在 1 到 4 之间", "The operation level lies between 1 and 4"}},

	"fact_outp_visit.visit_date": {
		{"visit_date_future", "visit_date", "error", "visit_date <= current_date", "就诊日期晚于装载日期,请核对后重报", "The visit is later than the day of loading; check the date and send the record again"},
		{"visit_date_reg_time", "visit_date", "warning", "abs(date_diff('day', visit_date, reg_time)) <= 30", "就诊日期与挂号时间相差超过 30 天,请核对", "Visit date and registration are more than 30 days apart; please check them"},
	},
	"fact_outp_visit.chief_complaint": {},
	"fact_outp_visit.total_fee": {
		{"total_fee_sum", "total_fee", "error", "abs(total_fee) + 0.01 >= abs(coalesce(drug_fee, 0) + coalesce(material_fee, 0) + coalesce(exam_fee, 0) + coalesce(lab_fee, 0))", "总费用小于药费、卫生材料费、检查费、化验费之和,请核对后重报", "Total fees are less than drug, material, examination and laboratory fees together; check them and send the record again"},
		{"total_fee_sign", "total_fee", "warning", "total_fee >= 0", "总费用为负:按退费处理,如不是退费请核对", "Total fees are negative: taken as a refund; please check if it is none"},
	},
	"fact_outp_visit.drug_fee": {
		{"drug_fee_sign", "drug_fee", "error", "drug_fee >= 0 or total_fee < 0", "药费为负而总费用不为负,请核对后重报", "Drug fees are negative but total fees are not; check them and send the record again"},
		{"decoct_fee_part", "tcm_decoct_fee", "warning", "abs(tcm_decoct_fee) <= abs(drug_fee) + 0.01", "中药饮片费大于药费,请核对", "Decoction piece fees exceed drug fees; please check them"},
	},
	"fact_outp_visit": sexDiagnosis("primary_diag_code"),

	"fact_inp_stay.admit_time": {
		{"admit_time_order", "admit_time", "error", "admit_time <= discharge_time", "入院时间晚于出院时间,请核对后重报", "Admission is after discharge; check both times and send the record again"},
	},
	"fact_inp_stay.discharge_date": {
		{"discharge_date_time", "discharge_date", "error", "discharge_date = discharge_time::date", "出院日期与出院时间不是同一天,请核对后重报", "Discharge date and discharge time are not the same day; check them and send the record again"},
		{"discharge_date_future", "discharge_date", "error", "discharge_date <= current_date", "出院日期晚于装载日期,请核对后重报", "The discharge is later than the day of loading; check the date and send the record again"},
	},
	"fact_inp_stay.los_days": {
		{"los_days_low", "los_days", "error", "los_days >= 1", "实际住院天数至少为 1(当天出院计 1 天),请核对后重报", "The length of stay is at least 1 (a stay within one day counts 1); check it and send the record again"},
		{"los_days_dates", "los_days", "warning", "los_days = greatest(1, date_diff('day', admit_time, discharge_time))", "实际住院天数与入出院日期不符,请核对", "The length of stay does not agree with the dates; please check it"},
	},
	"fact_inp_stay.transfer_depts":   {{"transfer_depts_form", "transfer_depts", "warning", "regexp_full_match(transfer_depts, '[0-9A-Za-z.]+([,→]+[0-9A-Za-z.]+)*')", "转科科别应为以逗号分隔的科室代码,请核对", "Departments of transfer are department codes separated by commas; please check them"}},
	"fact_inp_stay.receive_org_name": {{"receive_org_name_required", "receive_org_name", "warning", "discharge_way not in ('2', '3') or receive_org_name is not null", "离院方式为转院时应填写拟接收机构", "A transfer (way of discharge 2 or 3) wants the receiving institution"}},
	"fact_inp_stay.age_days": {
		{"age_days_range", "age_days", "error", "age_days between 0 and 364", "不足 1 岁年龄应在 0 到 364 天之间,请核对后重报", "The age in days lies between 0 and 364; check it and send the record again"},
		{"age_days_required", "age_days", "warning", "age_years <> 0 or age_days is not null", "不足 1 周岁的患者应填写天数", "Patients under one year want their age in days"},
	},
	"fact_inp_stay.age_years": {{"age_years_range", "age_years", "error", "age_years between 0 and 130", "年龄应在 0 到 130 岁之间,请核对后重报", "Age must lie between 0 and 130; check it and send the record again"}},
	"fact_inp_stay.is_death":  {{"is_death_way", "is_death", "error", "is_death = (discharge_way = '5')", "死亡标志与离院方式(5 死亡)不一致,请核对后重报", "Death and way of discharge (5 died) contradict each other; check them and send the record again"}},
	"fact_inp_stay.drg_weight": {
		{"drg_weight_low", "drg_weight", "error", "drg_weight > 0", "权重应大于 0,请核对后重报", "The relative weight must be above 0; check it and send the record again"},
		{"drg_weight_grouped", "drg_weight", "warning", "drg_weight is null or is_grouped", "未入组的病例不应有权重,请核对", "A case that was not grouped has no weight; please check it"},
	},
	"fact_inp_stay.total_fee": {
		{"total_fee_low", "total_fee", "error", "total_fee > 0", "总费用应大于 0,请核对后重报", "Total fees must be above 0; check them and send the record again"},
		{"total_fee_sum", "total_fee", "error", "total_fee + 0.01 >= coalesce(general_service_fee, 0) + coalesce(diag_fee, 0) + coalesce(treat_fee, 0) + coalesce(rehab_fee, 0) + coalesce(tcm_fee, 0) + coalesce(west_drug_fee, 0) + coalesce(tcm_patent_fee, 0) + coalesce(tcm_herb_fee, 0) + coalesce(blood_fee, 0) + coalesce(material_fee, 0) + coalesce(other_fee, 0)", "总费用小于各分项费用之和,请核对后重报", "Total fees are less than the items together; check them and send the record again"},
	},
	"fact_inp_stay": append([]check{
		{"drug_fee_sum", "drug_fee", "warning", "abs(drug_fee - coalesce(west_drug_fee, 0) - coalesce(tcm_patent_fee, 0) - coalesce(tcm_herb_fee, 0)) <= 0.01", "药品费不等于西药费、中成药费、中草药费之和,请核对", "Drug fees differ from western, patent and herb fees together; please check them"},
		{"age_diagnosis", "primary_diag_code", "warning", "not (age_years < 12 and left(primary_diag_code, 3) between 'C50' and 'C63')", "12 岁以下患者的主要诊断为成人肿瘤,请核对", "A main diagnosis of adult tumours in a child under 12; please check it"},
		{"level4_surgery", "is_level4", "warning", "is_surgery or not is_level4", "四级手术病例应为手术患者,请核对", "A level 4 operation is an operation; please check it"},
	}, sexDiagnosis("primary_diag_code")...),

	"fact_inp_diag.diag_name": {{"diag_name_pair", "diag_name", "warning", "diag_name is not null", "诊断编码与名称应同时填写", "A diagnosis wants both code and name"}},
	"fact_inp_proc.proc_time": {{"proc_time_stay", "proc_time", "warning", "date_diff('day', proc_time, discharge_date) >= -1", "手术时间晚于出院次日,请核对", "The procedure is later than the day after discharge; please check it"}},

	"fact_bed_day": {
		{"beds_occupied_open", "beds_occupied", "warning", "beds_occupied <= beds_open * 2", "占用床位超过开放床位的两倍,请核对", "More than twice as many beds occupied as open; please check them"},
	},
	"fact_dispense.qty":        {{"qty_zero", "qty", "error", "qty <> 0", "数量不能为 0(退药为负),请核对后重报", "The quantity must not be 0 (returns are negative); check it and send the record again"}},
	"fact_dispense":            {{"amount_sign", "amount", "warning", "qty * amount >= 0", "数量与金额的正负号不一致,请核对", "Quantity and amount have different signs; please check them"}},
	"fact_mutual.reason_code":  {{"reason_code_required", "reason_code", "warning", "decision <> 'REJECT' or reason_code is not null", "不互认时应填写原因", "A rejection wants its reason"}},
	"fact_fee_item.chrg_type":  {{"chrg_type_code", "chrg_type", "error", "chrg_type between '01' and '14' and length(chrg_type) = 2", "收费类别应为 01 到 14,请按编码表改正后重报", "The charge type is one of 01 to 14; correct the code and send the record again"}},
	"fact_fee_item.amount":     {{"amount_product", "amount", "error", "abs(qty * price - amount) <= 0.01", "金额不等于数量乘以单价(误差 0.01),请核对后重报", "The amount differs from quantity times price by more than 0.01; check them and send the record again"}},
	"fact_fee_item.chrgitm_lv": {{"chrgitm_lv_code", "chrgitm_lv", "warning", "chrgitm_lv in ('01', '02', '03')", "收费项目等级应为 01 甲、02 乙、03 自费", "The charge class is 01 (A), 02 (B) or 03 (own-pay)"}},

	"fact_settlement.med_type": {{"med_type_form", "med_type", "warning", "regexp_full_match(med_type, '[0-9]{2,6}')", "医疗类别应为医保编码(如 11 门诊、21 住院),请核对", "The medical category is a code of the insurance (11 outpatient, 21 inpatient); please check it"}},
	"fact_settlement.insutype": {{"insutype_code", "insutype", "warning", "insutype in ('310', '320', '330', '340', '350', '360', '370', '380', '390', '391', '392', '399', '410', '510')", "险种应为医保编码(如 310 职工、390 居民),请核对", "The insurance type is a code of the insurance (310 employees, 390 residents); please check it"}},
	"fact_settlement.cross_type": {
		{"cross_type_code", "cross_type", "error", "cross_type in ('LOC', 'PROV', 'NATL')", "异地类型应为 LOC、PROV、NATL 之一,请按编码表改正后重报", "Local or cross-region must be one of LOC, PROV, NATL; correct the code and send the record again"},
		{"cross_type_local", "cross_type", "warning", "cross_type = 'LOC' or insu_region_code <> mdtrt_region_code", "参保地与就医地相同而标为异地,请核对", "Insured and treated in one pool, but marked as cross-region; please check it"},
	},
	"fact_settlement.medfee_sumamt": {{"medfee_parts", "medfee_sumamt", "error", "abs(medfee_sumamt - fund_pay_sumamt - psn_part_amt - coalesce(hosp_part_amt, 0)) <= 0.01", "医疗费总额不等于基金支付、个人负担、医院负担之和(误差 0.01),请核对后重报", "Total fees differ from fund, person and hospital parts together by more than 0.01; check them and send the record again"}},
	"fact_settlement.inscp_scp_amt": {{"inscp_part", "inscp_scp_amt", "error", "abs(inscp_scp_amt) <= abs(medfee_sumamt) + 0.01", "符合政策范围金额大于医疗费总额,请核对后重报", "The amount within policy scope exceeds total fees; check them and send the record again"}},
	"fact_settlement.fund_pay_sumamt": {
		{"fund_parts", "fund_pay_sumamt", "error", "is_refund or abs(fund_pay_sumamt - hifp_pay - coalesce(cvlserv_pay, 0) - coalesce(hifes_pay, 0) - coalesce(hifmi_pay, 0) - coalesce(hifob_pay, 0) - coalesce(maf_pay, 0) - coalesce(oth_pay, 0)) <= 0.01", "基金支付总额不等于各项基金之和(误差 0.01),请核对后重报", "Fund payments differ from their parts by more than 0.01; check them and send the record again"},
		// Some bureaus reverse the total and leave the parts as they were: counted, not refused.
		{"fund_parts_refund", "fund_pay_sumamt", "warning", "not is_refund or abs(fund_pay_sumamt - hifp_pay - coalesce(cvlserv_pay, 0) - coalesce(hifes_pay, 0) - coalesce(hifmi_pay, 0) - coalesce(hifob_pay, 0) - coalesce(maf_pay, 0) - coalesce(oth_pay, 0)) <= 0.01", "冲正记录的基金支付总额不等于各项基金之和，请核对", "The fund payments of a refund differ from their parts; please check them"},
	},
	"fact_settlement.psn_part_amt": {{"person_parts", "psn_part_amt", "warning", "abs(acct_pay + coalesce(acct_mulaid_pay, 0) + psn_cash_pay) <= abs(psn_part_amt) + 0.01", "个人账户、共济与现金之和大于个人负担总额,请核对", "Account, family account and cash exceed what the person bears; please check them"}},
	"fact_settlement.setl_date": {
		{"setl_date_time", "setl_date", "error", "setl_date = setl_time::date", "结算日期与结算时间不是同一天,请核对后重报", "Settlement date and time are not the same day; check them and send the record again"},
		{"setl_date_future", "setl_date", "error", "setl_date <= current_date", "结算日期晚于装载日期,请核对后重报", "The settlement is later than the day of loading; check the date and send the record again"},
	},
	"fact_settlement":                 {{"refund_sign", "is_refund", "warning", "is_refund = (medfee_sumamt < 0) or medfee_sumamt = 0", "冲正标志与金额正负不一致,请核对", "Refund mark and sign of the amount contradict each other; please check them"}},
	"fact_appropriation.approved_amt": {{"approved_amt_part", "approved_amt", "error", "abs(approved_amt) <= abs(declared_amt)", "核定金额大于申报金额,请核对后重报", "The approved amount exceeds the declared one; check them and send the record again"}},

	"fact_trace.trace_code":       {{"trace_code_length", "trace_code", "warning", "length(trace_code) >= 20", "追溯码至少 20 位,请核对", "Trace codes have at least 20 characters; please check it"}},
	"fact_satisfaction.score_sum": {{"score_sum_range", "score_sum", "error", "score_sum between 0 and 100 * samples", "得分合计应在 0 到样本数的 100 倍之间,请核对后重报", "The sum of scores lies between 0 and 100 a sample; check it and send the record again"}},
	"fact_followup.dbp":           {{"dbp_range", "dbp", "error", "dbp between 30 and 200 and (sbp is null or dbp < sbp)", "舒张压应在 30 到 200 之间且小于收缩压,请核对后重报", "Diastolic pressure lies between 30 and 200 and below the systolic; check them and send the record again"}},
	"fact_vaccination.vacc_date":  {{"vacc_date_future", "vacc_date", "error", "vacc_date <= current_date", "接种日晚于装载日期,请核对后重报", "The vaccination is later than the day of loading; check the date and send the record again"}},
	"fact_syndrome_day.cases":     {{"cases_part", "cases", "error", "cases between 0 and visits", "病例数应在 0 到同期就诊数之间,请核对后重报", "Cases lie between 0 and the visits of the day; check them and send the record again"}},
	"fact_ingest_run.rows_reject": {{"rows_account", "rows_reject", "warning", "rows_ok + rows_reject <= rows_read", "入湖行与拒收行之和大于读取行", "Rows loaded and rejected exceed rows read"}},
}

// sexDiagnosis warns of diagnoses that do not go with the sex: a warning, never a refusal, as the public rule tables do.
func sexDiagnosis(column string) []check {
	return []check{{
		"sex_diagnosis", column, "warning",
		"not (sex_code = '1' and (left(" + column + ", 3) between 'C51' and 'C58' or left(" + column + ", 3) between 'N70' and 'N98' or left(" + column + ", 1) = 'O' or left(" + column + ", 3) between 'Z32' and 'Z37') " +
			"or sex_code = '2' and (left(" + column + ", 3) between 'C60' and 'C63' or left(" + column + ", 3) between 'N40' and 'N51'))",
		"主要诊断与性别不符,请核对", "The main diagnosis does not go with the sex; please check them",
	}}
}
