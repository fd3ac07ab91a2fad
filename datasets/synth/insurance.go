package synth

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// settlement is one insurance settlement; a refund is a settlement of its own with every amount negative.
type settlement struct {
	id, visit string
	who       person
	orgCode   string
	orgName   string
	at        string // region where care was given: digits 2 to 7 of the NHSA code
	dept      string
	when      clock
	medType   string // NHSA: 11 outpatient, 13 emergency, 14 chronic, 21 inpatient
	payMode   string
	direct    bool // paid at the counter, not claimed by hand
	filed     bool
	refund    bool
	channel   string
	money     bill
	stay      *stay
}

func (s *settlement) inpatient() bool { return s.medType == "21" }

// bill is a settlement's money in fen: total = fund + person; scope = total less what the catalogue leaves out.
type bill struct {
	total, ownPay, overLimit, preSelf, deductible int64
	pooled, civil, major, large, aid              int64 // parts of the fund
	account, cash                                 int64 // parts of the person's
}

func (b bill) fund() int64   { return b.pooled + b.civil + b.major + b.large + b.aid }
func (b bill) person() int64 { return b.account + b.cash }
func (b bill) scope() int64  { return b.total - b.ownPay - b.overLimit - b.preSelf }

func (b bill) negative() bill {
	return bill{-b.total, -b.ownPay, -b.overLimit, -b.preSelf, -b.deductible, -b.pooled, -b.civil, -b.major, -b.large, -b.aid, -b.account, -b.cash}
}

// settleVisit settles a visit where the person is insured and came with a card.
func (r *region) settleVisit(rng *rand.Rand, v *visit) *settlement {
	if v.status != "DONE" || v.who.id == "" || rng.Float64() > 0.62 {
		return nil
	}
	med := "11"
	switch {
	case v.emergency:
		med = "13"
	case v.refill:
		med = "14"
	}
	s := &settlement{
		id: "S" + v.id[2:], visit: v.id, who: v.who, orgCode: v.org.code, orgName: v.org.name, at: v.org.code[1:7], dept: v.dept.code, when: v.seen, medType: med, payMode: "FFS", direct: true,
		channel: []string{"CARD", "CODE", "FACE", "MOBILE", "WIN"}[pick(rng, []float64{30, 70, 78, 95, 100})],
	}
	rate := 0.5
	if v.org.primary {
		rate = 0.65
	}
	s.money = share(rng, v.fee, rate, s.who, 0)
	return s
}

// settleStay settles a stay of an insured person.
func (r *region) settleStay(rng *rand.Rand, s *stay) *settlement {
	if s.newborn || rng.Float64() > 0.94 {
		return nil
	}
	st := &settlement{
		id: "S" + s.id(), visit: "ZY" + s.id(), who: s.who, orgCode: s.org.code, orgName: s.org.name, at: s.org.code[1:7], dept: s.disease.dept, when: s.discharge, medType: "21", payMode: "DRG", direct: true,
		channel: "WIN", stay: s,
	}
	if x := rng.Float64(); x < 0.12 {
		st.payMode = "FFS"
	} else if x < 0.16 {
		st.payMode = "BED"
	}
	st.money = share(rng, s.fees.total, 0.72, st.who, 60_000)
	return st
}

// settleAway draws a settlement of one of the region's insured somewhere else.
func (r *region) settleAway(rng *rand.Rand, d day, i int) *settlement {
	o := r.outside[rng.IntN(len(r.outside))]
	s := &settlement{
		id: fmt.Sprintf("SW%s%05d", d.compact(), i+1), who: r.someone(rng, -1, d), orgCode: o.code, orgName: o.name, at: o.code[1:7], when: d.at(8*3600 + rng.IntN(36_000)), payMode: "FFS",
		medType: "11", direct: rng.Float64() < 0.83, filed: rng.Float64() < 0.9, channel: "CODE",
	}
	s.visit = "W" + s.id[1:]
	fee := cents(rng, 420, 0.7)
	if rng.Float64() < 0.6 {
		s.medType, fee = "21", cents(rng, 21_000, 0.7)
		if rng.Float64() < 0.25 {
			s.payMode = "DRG"
		}
	}
	if !s.direct {
		s.channel = ""
	}
	s.money = share(rng, fee, 0.55, s.who, 100_000)
	return s
}

// refundOf takes a settlement back some days later.
func refundOf(s *settlement, when clock) *settlement {
	back := *s
	back.id, back.refund, back.when, back.money = s.id+"T", true, when, s.money.negative()
	return &back
}

// share divides a bill between the funds and the person.
func share(rng *rand.Rand, total int64, rate float64, p person, deductible int64) bill {
	b := bill{total: total}
	part := func(of int64, lo, hi float64) int64 { return int64(float64(of) * (lo + (hi-lo)*rng.Float64())) }
	b.ownPay, b.overLimit, b.preSelf = part(total, 0.02, 0.11), part(total, 0, 0.015), part(total, 0.01, 0.07)
	b.deductible = min(deductible, b.scope())
	if p.insutype == "310" {
		rate += 0.1
	}
	covered := part(b.scope()-b.deductible, rate-0.06, rate+0.06)
	b.pooled = covered
	if p.insutype == "390" && total > 3_000_000 {
		b.major = covered / 9
		b.pooled -= b.major
	}
	if p.insutype == "310" && total > 4_000_000 {
		b.large = covered / 8
		b.pooled -= b.large
	}
	if p.number%83 == 0 {
		b.civil = covered / 20
		b.pooled -= b.civil
	}
	if p.number%47 == 0 && p.insutype == "390" {
		b.aid = (total - covered) / 4
	}
	left := total - b.fund()
	if p.insutype == "310" {
		b.account = part(left, 0.3, 0.9)
	}
	b.cash = left - b.account
	return b
}

// claim is a settlement list in the shape of NHSA 4101 with the money of 2304: numbers as strings, blanks for nothing.
type claim struct {
	Setlinfo claimHead    `json:"setlinfo"`
	Payinfo  []claimFund  `json:"payinfo"`
	Diseinfo []claimDisea `json:"diseinfo"`
	Iteminfo []claimItem  `json:"iteminfo"`
	Oprninfo []claimOprn  `json:"oprninfo"`
	Icuinfo  []any        `json:"icuinfo"`
}

type claimFund struct {
	FundPayType string `json:"fund_pay_type"`
	FundPayamt  string `json:"fund_payamt"`
}

type claimDisea struct {
	DiagType     string `json:"diag_type"`
	DiagCode     string `json:"diag_code"`
	DiagName     string `json:"diag_name"`
	AdmCondType  string `json:"adm_cond_type"`
	MaindiagFlag string `json:"maindiag_flag"`
}

type claimItem struct {
	MedChrgitm      string `json:"med_chrgitm"`
	Amt             string `json:"amt"`
	ClaaSumfee      string `json:"claa_sumfee"`
	ClabAmt         string `json:"clab_amt"`
	FulamtOwnpayAmt string `json:"fulamt_ownpay_amt"`
	OthAmt          string `json:"oth_amt"`
}

type claimOprn struct {
	OprnOprtType string `json:"oprn_oprt_type"`
	OprnOprtName string `json:"oprn_oprt_name"`
	OprnOprtCode string `json:"oprn_oprt_code"`
	OprnOprtDate string `json:"oprn_oprt_date"`
	AnstWay      string `json:"anst_way"`
	OperDrName   string `json:"oper_dr_name"`
	OperDrCode   string `json:"oper_dr_code"`
}

type claimHead struct {
	MdtrtID         string `json:"mdtrt_id"`
	SetlID          string `json:"setl_id"`
	FixmedinsName   string `json:"fixmedins_name"`
	FixmedinsCode   string `json:"fixmedins_code"`
	HiNo            string `json:"hi_no"`
	Medcasno        string `json:"medcasno"`
	DclaTime        string `json:"dcla_time"`
	PsnName         string `json:"psn_name"`
	Gend            string `json:"gend"`
	Brdy            string `json:"brdy"`
	Age             string `json:"age"`
	PatnCertType    string `json:"patn_cert_type"`
	Certno          string `json:"certno"`
	ConerTel        string `json:"coner_tel"`
	Insutype        string `json:"insutype"`
	PsnType         string `json:"psn_type"`
	Insuplc         string `json:"insuplc"`
	MedType         string `json:"med_type"`
	AdmTime         string `json:"adm_time"`
	AdmCaty         string `json:"adm_caty"`
	RefldeptDept    string `json:"refldept_dept"`
	DscgTime        string `json:"dscg_time"`
	DscgCaty        string `json:"dscg_caty"`
	ActIptDays      string `json:"act_ipt_days"`
	VentUsedDura    string `json:"vent_used_dura"`
	PwcryBfadmComa  string `json:"pwcry_bfadm_coma_dura"`
	DscgWay         string `json:"dscg_way"`
	BillCode        string `json:"bill_code"`
	BillNo          string `json:"bill_no"`
	BizSn           string `json:"biz_sn"`
	SetlBegnDate    string `json:"setl_begn_date"`
	SetlEndDate     string `json:"setl_end_date"`
	SetlTime        string `json:"setl_time"`
	HiPaymtd        string `json:"hi_paymtd"`
	Hsorg           string `json:"hsorg"`
	ClrWay          string `json:"clr_way"`
	MdtrtCertType   string `json:"mdtrt_cert_type"`
	RefdSetlFlag    string `json:"refd_setl_flag"`
	OutFlag         string `json:"out_flag"`
	MedfeeSumamt    string `json:"medfee_sumamt"`
	FulamtOwnpayAmt string `json:"fulamt_ownpay_amt"`
	OverlmtSelfpay  string `json:"overlmt_selfpay"`
	PreselfpayAmt   string `json:"preselfpay_amt"`
	InscpScpAmt     string `json:"inscp_scp_amt"`
	ActPayDedc      string `json:"act_pay_dedc"`
	HifpPay         string `json:"hifp_pay"`
	CvlservPay      string `json:"cvlserv_pay"`
	HifesPay        string `json:"hifes_pay"`
	HifmiPay        string `json:"hifmi_pay"`
	HifobPay        string `json:"hifob_pay"`
	MafPay          string `json:"maf_pay"`
	OthPay          string `json:"oth_pay"`
	FundPaySumamt   string `json:"fund_pay_sumamt"`
	HospPartAmt     string `json:"hosp_part_amt"`
	PsnPartAmt      string `json:"psn_part_amt"`
	AcctPay         string `json:"acct_pay"`
	AcctMulaidPay   string `json:"acct_mulaid_pay"`
	PsnCashPay      string `json:"psn_cash_pay"`
	Balc            string `json:"balc"`
}

// payMethods are NHSA's codes of hi_paymtd.
var payMethods = map[string]string{"FFS": "1", "DIP": "3", "DRG": "4", "BED": "5", "CAP": "6"}

// channels are NHSA's codes of mdtrt_cert_type.
var channels = map[string]string{"CODE": "01", "WIN": "02", "CARD": "03", "MOBILE": "04", "FACE": "05", "": ""}

func (s *settlement) record(kind string) ([]byte, error) {
	f, d := s.money, s.when.day()
	h := claimHead{
		MdtrtID: s.visit, SetlID: s.id, FixmedinsName: s.orgName, FixmedinsCode: s.orgCode, HiNo: "P" + s.who.id[6:17], PsnName: s.who.name, Gend: s.who.sex, Brdy: s.who.birth.iso(),
		Age: strconv.Itoa(s.who.age(d)), PatnCertType: "01", Certno: s.who.id, ConerTel: s.who.phone, Insutype: s.who.insutype, PsnType: yes(s.who.insutype == "310", "11", "15"), Insuplc: s.who.insured,
		MedType: s.medType, VentUsedDura: "", BillCode: "99" + d.compact(), BillNo: s.id, BizSn: s.id, SetlBegnDate: d.iso(), SetlEndDate: d.iso(), SetlTime: s.when.text(), HiPaymtd: payMethods[s.payMode], Hsorg: pool,
		ClrWay: yes(s.direct, "1", "9"), MdtrtCertType: channels[s.channel], RefdSetlFlag: yes(s.refund, "1", "0"), OutFlag: yes(s.filed, "1", ""),
		MedfeeSumamt: yuan(f.total), FulamtOwnpayAmt: yuan(f.ownPay), OverlmtSelfpay: yuan(f.overLimit), PreselfpayAmt: yuan(f.preSelf), InscpScpAmt: yuan(f.scope()), ActPayDedc: yuan(f.deductible), HifpPay: yuan(f.pooled),
		CvlservPay: yuan(f.civil), HifesPay: "", HifmiPay: yuan(f.major), HifobPay: yuan(f.large), MafPay: yuan(f.aid), OthPay: "", FundPaySumamt: yuan(f.fund()), HospPartAmt: "0", PsnPartAmt: yuan(f.person()),
		AcctPay: yuan(f.account), AcctMulaidPay: "", PsnCashPay: yuan(f.cash), Balc: " ", AdmCaty: s.dept, DscgCaty: s.dept,
	}
	c := claim{Payinfo: []claimFund{{"310100", yuan(f.pooled)}}, Diseinfo: []claimDisea{}, Iteminfo: []claimItem{}, Oprninfo: []claimOprn{}, Icuinfo: []any{}}
	if st := s.stay; st != nil {
		h.Medcasno, h.AdmTime, h.DscgTime, h.ActIptDays, h.DscgWay = st.record, st.admit.text(), st.discharge.text(), strconv.Itoa(st.los), st.way
		h.RefldeptDept = strings.Join(st.moved, "→")
		h.DclaTime = (s.when + 2*86400).text()
		h.PwcryBfadmComa = "0/0/0"
		if st.ventHours > 0 {
			h.VentUsedDura = fmt.Sprintf("%d/%d/0", st.ventHours/24, st.ventHours%24)
		}
		c.Diseinfo = append(c.Diseinfo, claimDisea{"1", st.disease.code, st.disease.name, "1", "1"})
		for _, o := range st.others {
			c.Diseinfo = append(c.Diseinfo, claimDisea{"1", o.code, o.name, o.cond, "0"})
		}
		if st.hasProc {
			c.Oprninfo = append(c.Oprninfo, claimOprn{"1", st.disease.procName, st.disease.proc, st.operated.text(), st.anaesthesia(), "", st.doctor})
		}
		if s.refund {
			h.DclaTime = ""
		}
	}
	item := func(code string, fen int64) {
		c.Iteminfo = append(c.Iteminfo, claimItem{code, yuan(fen), yuan(fen / 2), yuan(fen - fen/2), "0.00", ""})
	}
	item("09", f.total*2/5)
	item("03", f.total/5)
	item("14", f.total-f.total*2/5-f.total/5)
	switch kind {
	case dirtMissing:
		h.SetlID = ""
	case dirtDate:
		h.SetlTime = "2025-02-30" + h.SetlTime[10:]
	case dirtMoney:
		h.MedfeeSumamt = "12.345"
	case dirtCode:
		h.MedType = "Q7"
	case dirtBalance:
		h.PsnPartAmt = yuan(f.person() + 10_000)
	}
	c.Setlinfo = h
	return json.Marshal(c)
}
