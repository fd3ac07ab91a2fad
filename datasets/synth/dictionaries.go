package synth

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// dictionaries writes the commission's dictionaries, once, with the first night's date: their headers are the
// contracts' own column names, as a commission that builds such a lake would send them.
func (s *simulation) dictionaries() error {
	p := &parcel{dir: s.dir + "/dictionaries"}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	since := "2020-01-01"
	for _, dict := range []struct {
		id     string
		header []string
		rows   [][]string
	}{
		{"region", []string{"region_code", "region_name", "region_level", "parent_code", "pool_region_code", "pop_resident", "pop_registered", "pop_65plus", "pop_0_6", "valid_from"}, s.regionRows(since)},
		{"org", []string{"org_code", "nhsa_code", "org_name", "org_kind", "org_level", "org_grade", "ownership", "region_code", "consortium_id", "consortium_role", "is_primary", "beds_authorized", "is_connected", "is_insu_online", "is_instant_setl", "valid_from"}, s.orgRows(since)},
		{"dept", []string{"org_code", "dept_code", "dept_name", "std_dept_code", "is_clinical", "is_icu", "valid_from"}, s.deptRows(since)},
		{"staff", []string{"staff_id", "org_code", "dept_code", "staff_type", "title_level", "specialty_code", "valid_from"}, s.staffRows(since)},
		{"drug", []string{"drug_code", "generic_name", "atc_code", "dosage_form", "spec", "min_unit", "strength_g", "ddd_g", "is_antibiotic", "abx_level", "is_essential", "is_vbp", "is_vbp_winner", "is_negotiated", "is_key_monitor", "is_tcm_decoct", "is_injection", "is_narcotic", "insu_class", "valid_from"}, s.drugRows(since)},
		{"icd10", []string{"diag_code", "version", "diag_name", "sens_level"}, s.diagnosisRows()},
		{"calendar", []string{"cal_date", "is_workday", "holiday_name", "iso_week", "stat_month"}, s.calendarRows()},
	} {
		f := s.open(s.commission, "dict_"+dict.id+"_"+s.commission.code+"_"+s.first().compact()+".csv", "dict_"+dict.id, "dim_"+dict.id, s.first())
		f.text.WriteString("\uFEFF")
		f.csv(dict.header)
		for _, row := range dict.rows {
			f.row(row, nil)
		}
		s.tally.delivery(s.commission, s.first(), f)
		if err := p.put(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulation) regionRows(since string) [][]string {
	people := strconv.Itoa(s.people)
	rows := [][]string{
		{province, "三医省", "1", "", "", people, people, share100(s.people, 18), share100(s.people, 6), since},
		{pool, "三医市", "2", province, pool, people, people, share100(s.people, 18), share100(s.people, 6), since},
		{nearPool, "邻水市", "2", province, nearPool, "", "", "", "", since},
		{nearPool[:4] + "01", "邻水区", "3", nearPool, nearPool, "", "", "", "", since},
		{farPool[:2] + "0000", "远方省", "1", "", "", "", "", "", "", since},
		{farPool, "远方市", "2", farPool[:2] + "0000", farPool, "", "", "", "", since},
		{farPool[:4] + "01", "远方区", "3", farPool, farPool, "", "", "", "", since},
	}
	for _, c := range append(slices.Clone(s.counties), s.townships...) {
		n := strconv.Itoa(c.people)
		rows = append(rows, []string{c.code, c.name, strconv.Itoa(c.level), c.parent, pool, n, n, share100(c.people, 18), share100(c.people, 6), since})
	}
	return rows
}

func share100(n, percent int) string { return strconv.Itoa(n * percent / 100) }

func (s *simulation) orgRows(since string) [][]string {
	var rows [][]string
	for _, o := range slices.Concat(s.hospitals, s.centres, s.outside, []*org{s.bureau, s.platform, s.commission}) {
		nhsa, consortium, role, beds := "", "", "", ""
		if o.code[0] == 'H' {
			nhsa = o.code
		}
		if o.connected {
			consortium, role = "YGT"+o.code[1:7], "MEMB"
			if o.kind == "HOSP" && o.ownership == "PUB" {
				role = "LEAD"
			}
		}
		if o.beds > 0 {
			beds = strconv.Itoa(o.beds)
		}
		care := yes(o.kind == "HOSP" || o.kind == "TCMH" || o.kind == "THC", "true", "false")
		rows = append(rows, []string{
			o.code, nhsa, o.name, o.kind, o.level, o.grade, o.ownership, o.region, consortium, role, yes(o.primary, "true", "false"), beds, yes(o.connected, "true", "false"), care, yes(o.connected, "true", "false"), since,
		})
	}
	return rows
}

func (s *simulation) deptRows(since string) [][]string {
	var rows [][]string
	for _, o := range slices.Concat(s.hospitals, s.centres) {
		for _, i := range o.depts {
			d := s.depts[i]
			rows = append(rows, []string{o.code, d.code, d.name, d.code, "true", yes(d.icu, "true", "false"), since})
		}
	}
	for _, o := range s.outside {
		rows = append(rows, []string{o.code, "03", "内科", "03", "true", "false", since})
	}
	return rows
}

// staffRows has each department's doctors by code; the region of nobody keeps no register of names.
func (s *simulation) staffRows(since string) [][]string {
	titles := []string{"SR", "ASR", "ASR", "MID", "MID", "JUN"}
	var rows [][]string
	for _, o := range slices.Concat(s.hospitals, s.centres) {
		for _, i := range o.depts {
			for n := range doctors {
				rows = append(rows, []string{doctor(o, s.depts[i].code, n), o.code, s.depts[i].code, yes(o.primary, "GP", "DOC"), titles[n], s.depts[i].code, since})
			}
		}
	}
	return rows
}

func (s *simulation) drugRows(since string) [][]string {
	var rows [][]string
	for _, d := range s.drugs {
		flag := func(f string) string { return yes(d.is(f), "true", "false") }
		rows = append(rows, []string{
			d.code, d.generic, d.atc, d.form, d.spec, d.unit, d.strengthText, d.dddText, yes(d.abx != "", "true", "false"), d.abx, flag("E"), flag("V"), flag("W"), flag("N"), flag("K"), flag("D"), flag("I"), flag("T"), d.insu, since,
		})
	}
	return rows
}

// diagnosisRows is every diagnosis that the region uses, sorted by code.
func (s *simulation) diagnosisRows() [][]string {
	names := map[string]string{"T81.000": "并发于操作的出血和血肿", "W19.x00": "跌倒"}
	for _, d := range s.diseases {
		names[d.code] = d.name
	}
	for _, list := range s.complaints {
		for _, c := range list {
			names[c.code] = c.name
		}
	}
	for _, c := range commonOthers {
		names[c.code] = c.name
	}
	var codes []string
	for c := range names {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	var rows [][]string
	for _, c := range codes {
		rows = append(rows, []string{c, "YB2", names[c], "1"})
	}
	return rows
}

// calendarRows has the weekdays and the holidays that fall on fixed days; moved working days are not in it.
func (s *simulation) calendarRows() [][]string {
	var rows [][]string
	for d := s.first() - 400; d <= s.last+40; d++ {
		t := d.time()
		holiday := map[string]string{"01-01": "元旦", "05-01": "劳动节", "10-01": "国庆节", "10-02": "国庆节", "10-03": "国庆节"}[t.Format("01-02")]
		year, week := t.ISOWeek()
		work := t.Weekday() != time.Sunday && t.Weekday() != time.Saturday && holiday == ""
		rows = append(rows, []string{d.iso(), yes(work, "true", "false"), holiday, fmt.Sprintf("%d-W%02d", year, week), d.month()})
	}
	return rows
}
