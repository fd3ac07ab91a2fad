package synth

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// visit is one registration at an outpatient or emergency department.
type visit struct {
	id         string
	org        *org
	dept       dept
	who        person
	card       string // local card number of who has no id number
	registered clock
	seen       clock // 0 where nobody saw them
	kind       string
	emergency  bool
	first      bool
	status     string
	booking    string
	channel    string
	triage     int
	diagnosis  code
	refill     bool
	fee        int64
	drug, herb int64
	material   int64
	exam, lab  int64
	service    int64
	doctor     string
}

// hourWeights is when people register: a morning peak, a smaller one after lunch; emergencies all night.
var hourWeights = [24]float64{3, 2, 1.5, 1, 1.2, 3, 14, 58, 100, 84, 62, 36, 16, 38, 56, 46, 34, 18, 12, 13, 12, 10, 7, 5}

// season is how many more people are ill on a day: winter colds, a dip at Spring Festival and in high summer.
func season(d day) float64 {
	t := d.time()
	winter := [12]float64{1.16, 0.9, 1.05, 1.0, 0.98, 0.96, 0.94, 0.93, 0.97, 1.0, 1.05, 1.14}
	return winter[t.Month()-1]
}

// weekday is how busy clinics are: Monday most, the weekend least.
func weekday(d day) float64 {
	return [7]float64{0.62, 1.22, 1.12, 1.08, 1.05, 1.06, 0.78}[d.weekday()]
}

// visits draws a day's registrations of an organisation.
func (r *region) visits(o *org, d day, each func(*visit) error) error {
	rng := r.rng("visits", o.code, d)
	mean := r.hospitalVisits
	if o.primary {
		mean = r.centreVisits
	}
	n := max(1, poisson(rng, mean*o.size*season(d)*weekday(d)))
	for i := range n {
		v := r.visit(rng, o, d, i)
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}

func (r *region) visit(rng *rand.Rand, o *org, d day, i int) *visit {
	dp := r.depts[o.depts[pick(rng, o.visitCum)]]
	v := &visit{
		id: fmt.Sprintf("MZ%s%s%05d", o.code[6:], d.compact(), i+1), org: o, dept: dp, who: r.someone(rng, o.county, d), kind: "GEN", channel: "WIN", status: "DONE",
		emergency: dp.code == "20", first: rng.Float64() < 0.42, doctor: doctor(o, dp.code, rng.IntN(doctors)),
	}
	hour := drawHour(rng)
	if v.emergency && rng.Float64() < 0.4 {
		hour = (18 + rng.IntN(13)) % 24
	}
	v.registered = d.at(hour*3600 + rng.IntN(3600))
	switch x := rng.Float64(); {
	case v.emergency:
		v.kind, v.triage = "ER", 1+pick(rng, []float64{2, 12, 62, 100})
	case x < 0.16:
		v.kind = "EXP"
	case x < 0.21:
		v.kind = "SPC"
	case x < 0.25 && !o.primary:
		v.kind, v.channel = "NET", "APP"
	case x < 0.27 && !o.primary:
		v.kind = "FEV"
	}
	if booked := 0.52; !v.emergency && rng.Float64() < booked*map[bool]float64{true: 0.4, false: 1}[o.primary] {
		v.booking = fmt.Sprintf("YY%s%s%05d", o.code[6:], d.compact(), i+1)
		v.channel = []string{"WX", "APP", "TEL", "KIOSK"}[pick(rng, []float64{60, 85, 90, 100})]
	}
	switch x := rng.Float64(); {
	case x < 0.045:
		v.status = "CANCEL"
	case x < 0.06:
		v.status = "REG"
	}
	if rng.Float64() < 0.008 { // no id number at hand: a card of the hospital's own
		v.card = fmt.Sprintf("L%s%04d", d.compact(), i+1)
		v.who.number, v.who.id = -(int(d)*1_000_000 + o.index*2_000 + i + 1), ""
		if o.primary {
			v.who.number -= 500_000
		}
	}
	diags := r.complaints[dp.code]
	v.diagnosis = diags[rng.IntN(len(diags))]
	v.refill = (v.diagnosis.code == "I10.x00" || v.diagnosis.code == "E11.900") && !v.first && rng.Float64() < 0.7
	if v.status == "DONE" {
		v.seen = min(v.registered+clock(120+rng.IntN(5400)), d.at(86399))
		r.charge(rng, v)
	}
	return v
}

// charge draws what a visit cost, in parts that add up.
func (r *region) charge(rng *rand.Rand, v *visit) {
	total := cents(rng, v.dept.fee*(0.75+0.35*v.org.size), 0.65)
	part := func(share float64) int64 { return int64(float64(total) * share * (0.7 + 0.6*rng.Float64())) }
	v.drug = part(0.40)
	if v.dept.code == "50" {
		v.herb = v.drug / 2
	}
	v.material, v.exam, v.lab = part(0.06), part(0.14), part(0.13)
	v.service = max(total-v.drug-v.material-v.exam-v.lab, 500)
	v.fee = v.drug + v.material + v.exam + v.lab + v.service
}

func drawHour(rng *rand.Rand) int {
	x := rng.Float64() * hourTotal
	for h, w := range hourWeights {
		if x -= w; x < 0 {
			return h
		}
	}
	return 8
}

var hourTotal = func() (t float64) {
	for _, w := range hourWeights {
		t += w
	}
	return t
}()

// doctors is how many a department has.
const doctors = 6

// doctor is the code of one of a department's doctors.
func doctor(o *org, dept string, n int) string {
	return "D" + o.code[1:] + strings.ReplaceAll(dept, ".", "") + strconv.Itoa(n+1)
}

// Three habits of outpatient systems. A: UTF-8 with BOM, headers in words. B: GB18030, headers from the initials of
// pinyin, times without separators, codes of its own. C: the township centres' shared cloud system, one JSON object
// a line, numbers as numbers.

var visitHeaderA = []string{
	"就诊流水号", "机构代码", "科室代码", "接诊医师", "证件类型", "证件号码", "姓名", "联系电话", "就诊卡号", "挂号时间", "接诊时间", "就诊类型", "急诊标志", "初诊标志", "状态", "预约号", "挂号渠道",
	"急诊分级", "险种", "参保地", "常住地", "年龄", "性别", "主要诊断编码", "慢病复诊", "总费用", "药费", "中药饮片费", "卫生材料费", "检查费", "化验费", "医疗服务费",
}

func (v *visit) recordA() ([]string, map[string]int) {
	idType := "01"
	if v.who.id == "" {
		idType = "99"
	}
	return []string{
			v.id, v.org.code, v.dept.code, v.doctor, idType, v.who.id, v.who.name, v.who.phone, v.card, v.registered.text(), textOr(v.seen, ""), v.kind, yes(v.emergency, "1", "0"), yes(v.first, "1", "0"), v.status,
			v.booking, v.channel, triage(v), v.who.insutype, v.who.insured, v.who.county, strconv.Itoa(v.who.age(v.registered.day())), v.who.sex, v.diagnosis.code, yes(v.refill, "1", "0"),
			yuan(v.fee), yuan(v.drug), yuan(v.herb), yuan(v.material), yuan(v.exam), yuan(v.lab), yuan(v.service),
		},
		map[string]int{dirtMissing: 2, dirtDate: 9, dirtMoney: 25, dirtCode: 14, dirtOrder: 10}
}

var visitHeaderB = []string{
	"JZLSH", "JGDM", "KSDM", "YSDM", "SFZH", "XM", "LXDH", "KH", "GHSJ", "JZSJ", "HBLX", "SFJZ", "SFCZ", "ZT", "YYH", "GHQD", "JZFJ", "XZ", "CBD", "XZZQH", "NL", "XB", "ZDBM", "MBFZ", "ZFY", "YF", "ZYYPF", "CLF", "JCF", "HYF", "FWF",
}

func (v *visit) recordB(rng *rand.Rand) ([]string, map[string]int) {
	id := strings.ToLower(v.who.id)
	if short, ok := v.who.shortID(); ok && rng.Float64() < 0.02 {
		id = short
	}
	kinds := map[string]string{"GEN": "1", "EXP": "2", "SPC": "3", "ER": "4", "NET": "5", "FEV": "6"}
	states := map[string]string{"DONE": "已就诊", "CANCEL": "已退号", "REG": "已挂号"}
	return []string{
			v.id, v.org.code, v.dept.code, v.doctor, id, v.who.name, v.who.phone, v.card, plain(v.registered), plain(v.seen), kinds[v.kind], yes(v.emergency, "是", "否"), yes(v.first, "是", "否"), states[v.status],
			v.booking, v.channel, triage(v), v.who.insutype, v.who.insured, v.who.county, strconv.Itoa(v.who.age(v.registered.day())), yes(v.who.sex == "1", "男", "女"), v.diagnosis.code, yes(v.refill, "是", "否"),
			yuan(v.fee), yuan(v.drug), yuan(v.herb), yuan(v.material), yuan(v.exam), yuan(v.lab), yuan(v.service),
		},
		map[string]int{dirtMissing: 2, dirtMoney: 24, dirtCode: 13}
}

// cloudVisit is habit C; the order of its fields is the order in the file.
type cloudVisit struct {
	VisitNo  string  `json:"visitNo"`
	OrgCode  string  `json:"orgCode"`
	DeptCode string  `json:"deptCode"`
	Doctor   string  `json:"doctor"`
	CertNo   *string `json:"certNo"`
	Name     string  `json:"name"`
	Phone    string  `json:"phone"`
	CardNo   string  `json:"cardNo"`
	RegTime  string  `json:"regTime"`
	SeenTime *string `json:"seenTime"`
	Type     string  `json:"type"`
	First    bool    `json:"isFirst"`
	Status   string  `json:"status"`
	Booking  *string `json:"bookingNo"`
	Channel  string  `json:"channel"`
	Insutype string  `json:"insuType"`
	Insured  string  `json:"insuRegion"`
	Live     string  `json:"residence"`
	Age      int     `json:"age"`
	Sex      string  `json:"sex"`
	Diag     string  `json:"diag"`
	Refill   bool    `json:"chronicRefill"`
	Fees     struct {
		Total, Drug, Herb, Material, Exam, Lab, Service json.Number
	} `json:"fees"`
}

func (v *visit) recordC(kind string) ([]byte, error) {
	c := cloudVisit{
		VisitNo: v.id, OrgCode: v.org.code, DeptCode: v.dept.code, Doctor: v.doctor, Name: v.who.name, Phone: v.who.phone, CardNo: v.card, RegTime: v.registered.text(), Type: v.kind, First: v.first, Status: v.status,
		Channel: v.channel, Insutype: v.who.insutype, Insured: v.who.insured, Live: v.who.township, Age: v.who.age(v.registered.day()), Sex: v.who.sex, Diag: v.diagnosis.code, Refill: v.refill,
	}
	if v.who.id != "" {
		c.CertNo = &v.who.id
	}
	if v.seen != 0 {
		seen := v.seen.text()
		c.SeenTime = &seen
	}
	if v.booking != "" {
		c.Booking = &v.booking
	}
	num := func(fen int64) json.Number { return json.Number(yuan(fen)) }
	c.Fees.Total, c.Fees.Drug, c.Fees.Herb, c.Fees.Material = num(v.fee), num(v.drug), num(v.herb), num(v.material)
	c.Fees.Exam, c.Fees.Lab, c.Fees.Service = num(v.exam), num(v.lab), num(v.service)
	switch kind {
	case dirtMissing:
		c.DeptCode = ""
	case dirtDate:
		c.RegTime = "2025-02-30" + c.RegTime[10:]
	case dirtMoney:
		c.Fees.Total = "12.345"
	case dirtCode:
		c.Status = "Q"
	case dirtOrder:
		old := "2019-01-01 08:00:00"
		c.SeenTime = &old
	}
	return json.Marshal(c)
}

func yes(b bool, t, f string) string {
	if b {
		return t
	}
	return f
}

func textOr(c clock, none string) string {
	if c == 0 {
		return none
	}
	return c.text()
}

// plain is a time without separators.
func plain(c clock) string {
	if c == 0 {
		return ""
	}
	return strings.NewReplacer("-", "", " ", "", ":", "").Replace(c.text())
}

func triage(v *visit) string {
	if v.triage == 0 {
		return ""
	}
	return strconv.Itoa(v.triage)
}
