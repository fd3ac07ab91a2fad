package synth

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// line is one dispensed line; a return has a negative quantity.
type line struct {
	id         string
	org        *org
	dept       string
	ward       bool
	er         bool
	who        person
	stay       string
	drug       drug
	d          day
	qty        int
	scanned    int
	expected   int
	settlement string
	batch      string
}

func (l *line) fen() int64 { return int64(float64(l.qty)*l.drug.price*100 + 0.5*sign(l.qty)) }

func sign(n int) float64 {
	if n < 0 {
		return -1
	}
	return 1
}

var dispenseHeader = []string{"明细流水号", "机构代码", "科室代码", "场景", "证件号码", "住院号", "国家药品代码", "发药时间", "数量", "金额", "批号", "已扫追溯码数", "应扫追溯码数", "结算编号"}

func (l *line) record() ([]string, map[string]int) {
	scene := "OP"
	if l.ward {
		scene = "IP"
	} else if l.er {
		scene = "ER"
	}
	return []string{
			l.id, l.org.code, l.dept, scene, l.who.id, l.stay, l.drug.code, l.d.iso() + " 10:15:00", strconv.Itoa(l.qty), yuan(l.fen()), l.batch, strconv.Itoa(l.scanned), strconv.Itoa(l.expected), l.settlement,
		},
		map[string]int{dirtMissing: 6, dirtDate: 7, dirtMoney: 9, dirtCode: 3}
}

// drugCums are the chances of drugs in wards and for outpatients.
func (r *region) drugCums() (ip, op []float64) {
	a, b := 0.0, 0.0
	for _, d := range r.drugs {
		a, b = a+d.ip, b+d.op
		ip, op = append(ip, a), append(op, b)
	}
	return ip, op
}

// dispense draws the lines of a prescription of about n drugs.
func (r *region) dispense(rng *rand.Rand, base line, cum []float64, n int, id string) []line {
	var out []line
	for i := range n {
		l := base
		l.drug = r.drugs[pick(rng, cum)]
		l.qty = 1 + rng.IntN(3)
		if l.drug.unit == "片" || l.drug.unit == "粒" {
			l.qty = 7 * (1 + rng.IntN(6))
		}
		if l.drug.unit == "克" {
			l.qty = 10 * (3 + rng.IntN(12))
		}
		if l.ward && l.drug.abx == "" { // antibiotics of wards are counted by the gram, and watched
			l.qty *= 2
		}
		l.id = fmt.Sprintf("%s-%02d", id, i+1)
		l.batch = fmt.Sprintf("B%d", 240100+rng.IntN(900))
		l.expected = 1 + rng.IntN(2)
		l.scanned = l.expected
		if rng.Float64() < 0.09 {
			l.scanned = 0
		}
		out = append(out, l)
		if rng.Float64() < 0.008 { // brought back: the same line with a minus
			back := l
			back.id, back.qty, back.scanned, back.expected = l.id+"R", -l.qty, 0, 0
			out = append(out, back)
		}
	}
	return out
}

var stockHeader = []string{"org_code", "drug_code", "stat_date", "qty", "amount", "avg_daily_use30", "near_expiry_amt", "expired_amt", "is_stockout", "is_must_stock"}

// stock draws what an organisation's pharmacy holds at the end of a day.
func (r *region) stock(o *org, d day, each func(fields []string, at map[string]int, must, out bool)) {
	rng := r.rng("stock", o.code, d)
	for i := range min(r.drugsHeld, len(r.drugs)) {
		g := r.drugs[i]
		steady := r.rng("stockout", o.code+g.code, d/6) // a shortage lasts some days
		out := steady.Float64() < 0.022
		use := (g.ip + g.op) * o.size * 6
		qty := 0
		if !out {
			qty = int(use * (6 + 30*rng.Float64()))
			out = qty == 0
		}
		must := i%3 != 2
		amount := int64(float64(qty) * g.price * 100)
		fields := []string{
			o.code, g.code, d.iso(), strconv.Itoa(qty), yuan(amount), strconv.FormatFloat(use, 'f', 2, 64), yuan(amount / 20), "0.00", yes(out, "true", "false"), yes(must, "true", "false"),
		}
		each(fields, map[string]int{dirtMissing: 1, dirtDate: 2, dirtMoney: 4}, must, out)
	}
}

var purchaseHeader = []string{
	"po_id", "org_code", "kind", "product_code", "generic_key", "supplier_code", "order_date", "due_date", "deliver_date", "receive_date", "pay_due_date", "pay_date", "qty_ordered", "qty_received", "unit_price", "amount",
	"is_online", "is_vbp", "is_vbp_winner", "is_essential", "is_negotiated", "is_key_monitor", "is_emergency",
}

// purchases draws the order lines of one day, of all organisations.
func (r *region) purchases(d day, each func(fields []string, at map[string]int)) {
	if d.weekday() == 0 {
		return // the platform takes no orders on Sundays
	}
	for _, o := range append(append([]*org(nil), r.hospitals...), r.centres...) {
		rng := r.rng("purchase", o.code, d)
		for i := range poisson(rng, 5*o.size) {
			g := r.drugs[rng.IntN(len(r.drugs))]
			qty := 20 * (1 + rng.IntN(60))
			got := qty
			if rng.Float64() < 0.06 {
				got = qty / 2
			}
			received := d + day(1+rng.IntN(6))
			paid := ""
			if rng.Float64() < 0.8 {
				paid = (received + day(20+rng.IntN(30))).iso()
			}
			fields := []string{
				fmt.Sprintf("PO%s%s%03d", o.code[6:], d.compact(), i+1), o.code, "DRUG", g.code, g.generic, fmt.Sprintf("PS%03d", rng.IntN(9)+1), d.iso(), (d + 5).iso(), (received - 1).iso(), received.iso(),
				(received + 30).iso(), paid, strconv.Itoa(qty), strconv.Itoa(got), strconv.FormatFloat(g.price, 'f', 4, 64), yuan(int64(float64(qty)*g.price*100 + 0.5)),
				yes(rng.Float64() < 0.93, "是", "否"), yes(g.is("V"), "是", "否"), yes(g.is("W"), "是", "否"), yes(g.is("E"), "是", "否"), yes(g.is("N"), "是", "否"), yes(g.is("K"), "是", "否"), "否",
			}
			each(fields, map[string]int{dirtMissing: 1, dirtDate: 6, dirtMoney: 15})
		}
	}
}

var shortageHeader = []string{"report_id", "org_code", "sentinel_kind", "drug_code", "region_code", "report_date", "level", "reason_code", "is_verified", "response_date", "resolved_date", "on_list"}

// shortages draws the shortage reports of one day.
func (r *region) shortages(d day, each func(o *org, level string, fields []string)) {
	for _, o := range append(append([]*org(nil), r.hospitals...), r.centres...) {
		rng := r.rng("shortage", o.code, d)
		for i := range poisson(rng, 0.35*o.size) {
			g := r.drugs[rng.IntN(min(r.drugsHeld, len(r.drugs)))]
			level := []string{"TIGHT", "SHORT", "OUT"}[pick(rng, []float64{60, 90, 100})]
			answered := ""
			if rng.Float64() < 0.7 {
				answered = (d + day(rng.IntN(4))).iso()
			}
			each(o, level, []string{
				fmt.Sprintf("SR%s%s%02d", o.code[6:], d.compact(), i+1), o.code, "HOSP", g.code, o.region, d.iso(), level, fmt.Sprintf("R%02d", rng.IntN(6)+1), "true", answered, "", yes(rng.Float64() < 0.3, "true", "false"),
			})
		}
	}
}
