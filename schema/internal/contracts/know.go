package main

// What the catalogue does not say of tables.

// folders is where facts live; dictionaries live in dim, everything else in platform.
var folders = map[string]string{
	"hospital": "slot appointment outp_visit er_episode prehospital inp_stay inp_diag inp_proc bed_day icu_stay rx dispense lab_exam mutual " +
		"fee_item finance_month satisfaction adverse",
	"insurance": "settlement appropriation fund_month violation",
	"drug":      "vbp_contract purchase stock_day shortage trace retail_price adr consumable",
	"publichealth": "referral telemed fd_contract fd_service ehr chronic followup vaccination maternal child infect syndrome_day elder death_cert " +
		"edu supervise",
}

// publicTables are dictionaries of no person: everybody may see every row.
var publicTables = map[string]bool{
	"dim_region": true, "dim_org": true, "dim_dept": true, "dim_drug": true, "dim_icd10": true, "dim_icd9": true, "dim_code": true, "dim_calendar": true,
	"fact_table_health": true,
}

// parents: one source record makes rows of both; children go with the record's key.
var parents = map[string]string{"fact_inp_diag": "fact_inp_stay", "fact_inp_proc": "fact_inp_stay"}

// clocks give the event date its time of day (clarification 9 of the catalogue).
var clocks = map[string]string{
	"fact_outp_visit": "reg_time", "fact_appointment": "slot_start", "fact_er_episode": "arrive_time", "fact_prehospital": "call_time",
	"fact_inp_stay": "discharge_time", "fact_icu_stay": "out_time", "fact_lab_exam": "report_time", "fact_settlement": "setl_time",
	"fact_referral": "request_time", "fact_telemed": "req_time", "fact_infect": "report_time", "fact_api_log": "log_time", "fact_alert": "raised_time",
}

// regionOf: tables whose regions follow no rule.
var regionOf = map[string]map[string]string{
	"dim_org":    {"care": "region_code"},
	"dim_region": {"care": "region_code", "insured": "pool_region_code"},
	"dim_person": {"insured": "insu_region_code", "residence": "region_residence"},
	// region_code of a case card is where the patient lives.
	"fact_infect":        {"care": "via dim_org", "residence": "region_code"},
	"fact_fund_month":    {"care": "pool_region_code", "insured": "pool_region_code"},
	"fact_appropriation": {"care": "via dim_org", "insured": "pool_region_code"},
	"fact_api_log":       {"care": "scope_region"},
}

// residents: tables of registers of residents, whose region_code is both where care is given and where people live.
var residents = map[string]bool{
	"fact_fd_contract": true, "fact_ehr": true, "fact_chronic": true, "fact_followup": true, "fact_vaccination": true, "fact_maternal": true,
	"fact_child": true, "fact_elder": true, "fact_death_cert": true,
}

// roleColumns: the words in which questions name dimensions, and the columns that may play them, best first.
var roleColumns = []struct {
	role    string
	columns []string
}{
	{"org", nil},
	{"dept", []string{"dept_code", "discharge_dept"}},
	{"physician", []string{"physician_id", "attending_id", "surgeon_id"}},
	{"person", []string{"person_key"}},
	{"region", []string{"region_code", "mdtrt_region_code", "pool_region_code"}},
	{"insured_region", []string{"insu_region_code", "pool_region_code"}},
	{"residence", []string{"region_residence"}},
	{"insurance", []string{"insutype"}},
	{"disease", []string{"primary_diag_code", "diag_code", "disease", "disease_code", "cause_code", "syndrome"}},
	{"procedure", []string{"main_proc_code", "proc_code"}},
	{"drg", []string{"drg_code"}},
	{"dip", []string{"dip_code"}},
	{"drug", []string{"drug_code", "product_code"}},
	{"sex", []string{"sex_code"}},
	{"supplier", []string{"supplier_code"}},
	{"dataset", []string{"dataset"}},
	{"date", nil},
}

// groupable: Q, H and M columns by which figures may be shown (clarification 3): no person is told by them, and small
// cells are suppressed. Staff codes group figures of an institution; direct identifiers and person keys never do.
var groupable = map[string]bool{
	"sex_code": true, "insu_region_code": true, "region_residence": true, "insutype": true, "psn_type": true, "physician_id": true, "attending_id": true,
	"surgeon_id": true, "staff_id": true, "primary_diag_code": true, "diag_code": true, "cause_code": true, "disease": true, "disease_code": true,
	"proc_code": true, "main_proc_code": true, "pop_kind": true, "is_key_pop": true, "risk_level": true, "risk_color": true, "severity": true,
	"is_death": true, "is_dead": true, "symptom_code": true,
}

// codeList names the list of datasets/dict that a column's codes come from, or the outside system where none is shipped.
func codeList(table string, c column) string {
	if list, ok := codesOf[table+"."+c.name]; ok {
		return list
	}
	if list, ok := codesOf[c.name]; ok && c.codes == "" {
		return list
	}
	if list, ok := codeSystems[c.codes]; ok {
		return list
	}
	return c.codes
}

var codeSystems = map[string]string{
	"GB/T 2260": "GBT2260", "NHSA admdvs": "GBT2260", "GB/T 2261.1 (RC001)": "RC001", "ICD-10": "ICD10", "ICD-10 国临2.0 或 医保2.0": "ICD10",
	"ICD-9-CM-3": "ICD9CM3", "NHSA insutype": "NHSA_INSUTYPE", "NHSA med_type": "NHSA_MED_TYPE", "NHSA med_chrgitm_type": "NHSA_CHRGITM_TYPE",
	"NHSA chrgitm_lv": "NHSA_CHRGITM_LV", "chrgitm_lv": "", "reg_channel": "REG_CHANNEL", "NHSA 药品代码/YPID": "DRUG", "WHO ATC": "ATC",
}

var codesOf = map[string]string{
	"sex_code": "RC001", "insutype": "NHSA_INSUTYPE", "insu_region_code": "GBT2260", "region_code": "GBT2260", "region_residence": "GBT2260",
	"mdtrt_region_code": "GBT2260", "outp_diag_code": "ICD10", "fact_inp_proc.surg_level": "RC029", "fact_inp_stay.main_surg_level": "RC029",
	"fact_outp_visit.reg_channel": "REG_CHANNEL", "fact_settlement.psn_type": "NHSA_PSN_TYPE",
}
