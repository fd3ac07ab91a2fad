package synth

import (
	"fmt"
	"strconv"
	"strings"
)

// frontSheet lays out a hospital's 病案首页 extract (HQMS, the codes of its 2020 form) with its exporter's habits.
type frontSheet struct {
	header []string
	at     map[string]int
	habit  exporter
}

// exporter is one program's way to write a front sheet.
type exporter struct {
	empty      string // what stands for nothing
	tabs       bool   // a TAB before every field, and no commas inside any
	wideGap    bool   // two blanks between date and time
	diagnoses  int    // how many repeats of other diagnoses the header has
	operations int
}

var exporters = []exporter{
	{empty: "-", diagnoses: 40, operations: 40},
	{empty: "—", tabs: true, diagnoses: 12, operations: 4},
	{empty: "-", wideGap: true, diagnoses: 15, operations: 8},
}

func (r *region) frontSheet(o *org) *frontSheet {
	e := exporters[o.index%len(exporters)]
	if o.index >= r.wideFrontSheetFrom && e.diagnoses > 15 {
		e.diagnoses, e.operations = 15, 8 // the full width once is enough: 600 columns of nothing
	}
	s := &frontSheet{habit: e, at: map[string]int{}}
	add := func(codes ...string) {
		for _, c := range codes {
			s.at[c] = len(s.header)
			s.header = append(s.header, c)
		}
	}
	words := func(t string) { add(strings.Fields(t)...) }
	words("A01 A02 A48 A49 B12 B15 A47 A46C A11 A12C A13 A14 A15C A21C A38C A19C A20N A20 A22 A23C A24 A25C A26 A27 A28C A29 A30 A31C A32 A33C A34 A35 B11C B13C B14 B21C B16C B17 B20 B38")
	words("C01C C02N F01 F02C F03N F04 C03C C04N C05C")
	for i := 1; i <= e.diagnoses; i++ {
		add(fmt.Sprintf("C06x%02dC", i), fmt.Sprintf("C07x%02dN", i), fmt.Sprintf("C08x%02dC", i))
	}
	words("C09C C10N C11 F07x01C F08x01N F09x01 C12C C13N C24C C25 B22 B22C B23 B23C B24 B24C B25 B25C B26 B26C B27 B28 B29 B30C B31 B32 B33 C34C C26C C27C F10 F11")
	words("C14x01C C15x01N C16x01 C17x01 C18x01 C19x01 C20x01 C21x01C C22x01C C23x01 F13 F15")
	for i := 1; i <= e.operations; i++ {
		for _, c := range []string{"C35x%02dC", "C36x%02dN", "C37x%02d", "C38x%02d", "C39x%02d", "C40x%02d", "C41x%02d", "C42x%02dC", "C43x%02dC", "C44x%02d"} {
			add(fmt.Sprintf(c, i))
		}
	}
	words("A16 A18x01 A18x02 A18x03 A18x04 A18x05 A17 C28 C29 C30 C31 C32 C33 C47 C48x01C C49x01 C50x01 F17 F18 F19 F20 F21 F22 F23 F24 F25 F26 B36C B37 B34C B35")
	words("D01 D09 D11 D12 D13 D14 D15 D16 D17 D18 D19 D19x01 D20 D20x01 D20x02 D21 D22 D23 D23x01 D24 D25 D26 D27 D28 D29 D30 D31 D32 D33 D34")
	return s
}

// row is a stay as one record, and the fields that each kind of dirt hits.
func (h *frontSheet) row(s *stay) ([]string, map[string]int) {
	fields := make([]string, len(h.header))
	set := func(code, v string) {
		if i, ok := h.at[code]; ok {
			fields[i] = v
		}
	}
	set("A01", s.org.code)
	set("A02", s.org.name)
	set("A48", s.record)
	set("A49", strconv.Itoa(s.times))
	set("B12", h.time(s.admit))
	set("B15", h.time(s.discharge))
	set("A46C", s.pay)
	set("A12C", s.who.sex)
	set("A15C", "CHN")
	set("A21C", "2")
	set("A38C", "27")
	set("A19C", "1")
	if s.newborn {
		born := s.admit.day() - day(s.ageDays)
		set("A11", s.who.name[:3]+"婴")
		set("A13", born.iso())
		set("A14", "0")
		set("A16", strconv.Itoa(s.ageDays))
		set("A18x01", strconv.Itoa(s.weightAtBirth))
		set("A17", strconv.Itoa(s.weightAtBirth+50))
		set("A20N", "9")
	} else {
		set("A11", s.who.name)
		set("A13", s.who.birth.iso())
		age := s.who.age(s.admit.day())
		set("A14", strconv.Itoa(age))
		if age == 0 {
			set("A16", strconv.Itoa(int(min(364, s.admit.day()-s.who.birth))))
		}
		set("A20N", "1")
		set("A20", s.who.id)
	}
	set("A22", "三医省三医市")
	set("A23C", "99")
	set("A24", "三医省三医市")
	set("A25C", s.who.county)
	set("A26", "三医省三医市"+h.text("幸福路1号,2单元"))
	set("A27", s.who.phone)
	set("A28C", s.who.county) // in the region of nobody postcodes are the codes of the places
	set("A32", s.who.name)
	set("A33C", "0")
	set("A34", "三医省三医市")
	set("A35", s.who.phone)
	set("B11C", s.route)
	set("B13C", s.disease.dept)
	set("B14", "一病区")
	set("B16C", s.disease.dept)
	set("B17", "一病区")
	set("B20", strconv.Itoa(s.los))
	if len(s.moved) > 0 {
		set("B21C", h.text(strings.Join(s.moved, ",")))
	}
	set("B38", yes(s.daySurgery, "1", "2"))
	set("C01C", s.disease.code)
	set("C02N", s.disease.name)
	set("C03C", s.disease.code)
	set("C04N", s.disease.name)
	set("C05C", "1")
	for i, o := range s.others {
		n := fmt.Sprintf("x%02d", i+1)
		set("C06"+n+"C", o.code)
		set("C07"+n+"N", o.name)
		set("C08"+n+"C", o.cond)
	}
	if s.disease.code[0] == 'S' {
		set("C12C", "W19.x00")
		set("C13N", "跌倒")
	}
	set("C24C", "1")
	for _, c := range []string{"B22", "B23", "B24", "B25", "B26", "B29"} {
		set(c, "医"+c[1:])
	}
	set("B22C", s.doctor[:len(s.doctor)-1]+"1")
	set("B23C", s.doctor)
	set("B24C", s.doctor)
	set("B30C", "1")
	set("C26C", "6")
	set("C27C", "4")
	if s.hasProc {
		set("C14x01C", s.disease.proc)
		set("C15x01N", s.disease.procName)
		set("C16x01", h.time(s.operated))
		set("C17x01", s.disease.level)
		if s.surgery() {
			set("C18x01", "医"+s.doctor[len(s.doctor)-1:])
			set("C21x01C", s.incision())
			set("C22x01C", s.anaesthesia())
			set("F13", strconv.Itoa(30+40*int(s.disease.level[0]-'0')))
		}
	}
	set("C28", "0")
	set("C29", "0")
	set("C30", "0")
	set("C31", "0")
	set("C32", "0")
	set("C33", "0")
	if s.ventHours > 0 {
		set("C47", strconv.Itoa(s.ventHours))
	}
	set("B36C", yes(s.plannedBack, "2", "1"))
	if s.plannedBack {
		set("B37", "继续治疗")
	}
	set("B34C", s.way)
	if s.way == "2" || s.way == "3" {
		set("B35", "三医市中心医院")
	}
	h.money(s, set)
	for i, v := range fields {
		if v == "" {
			fields[i] = h.habit.empty
		}
		if h.habit.tabs {
			fields[i] = "\t" + fields[i]
		}
	}
	at := map[string]int{dirtMissing: h.at["A48"], dirtDate: h.at["B15"], dirtMoney: h.at["D01"], dirtCode: h.at["B34C"], dirtOrder: h.at["B15"]}
	return fields, at
}

func (h *frontSheet) money(s *stay, set func(code, v string)) {
	f := s.fees
	for _, item := range []struct {
		code string
		fen  int64
	}{
		{"D01", f.total},
		{"D09", f.total / 4},
		{"D11", f.service},
		{"D12", f.treatment},
		{"D13", f.nursing},
		{"D14", f.otherService},
		{"D15", f.pathology},
		{"D16", f.laboratory},
		{"D17", f.imaging},
		{"D18", f.clinical},
		{"D19", f.nonSurgical},
		{"D20", f.surgical},
		{"D20x01", f.anaesthesia},
		{"D20x02", f.surgeryItself},
		{"D21", f.rehab},
		{"D22", f.tcm},
		{"D23", f.west},
		{"D23x01", f.antibiotics},
		{"D24", f.patent},
		{"D25", f.herb},
		{"D26", f.blood},
		{"D27", f.albumin},
		{"D31", f.examMaterial},
		{"D32", f.treatMaterial},
		{"D33", f.surgeryMaterial},
		{"D34", f.other},
	} {
		if item.fen != 0 {
			set(item.code, yuan(item.fen))
		}
	}
}

// incision is RC014: class of the cut and how it healed (2 I/甲, 4 I/丙, 6 II/甲, 10 III/甲).
func (s *stay) incision() string {
	switch {
	case s.disease.incision == "1" && s.infected:
		return "4"
	case s.disease.incision == "1":
		return "2"
	case s.disease.incision == "2":
		return "6"
	case s.disease.incision == "3":
		return "10"
	}
	return "1"
}

func (h *frontSheet) time(c clock) string {
	if h.habit.wideGap {
		return strings.Replace(c.text(), " ", "  ", 1)
	}
	return c.text()
}

// text drops commas where the exporter does.
func (h *frontSheet) text(v string) string {
	if h.habit.tabs {
		return strings.ReplaceAll(v, ",", "")
	}
	return v
}
