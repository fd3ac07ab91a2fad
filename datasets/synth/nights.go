package synth

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
)

// simulation goes through the nights one after the other.
type simulation struct {
	*region
	dir     string
	tally   *tally
	wards   []*ward
	sheets  []*frontSheet
	back    map[day][]back
	refunds map[day][]*settlement
	ip, op  []float64
}

func newSimulation(r *region, dir string) *simulation {
	s := &simulation{region: r, dir: dir, tally: newTally(r), back: map[day][]back{}, refunds: map[day][]*settlement{}}
	for _, o := range r.hospitals {
		s.wards = append(s.wards, newWard(r, o))
		s.sheets = append(s.sheets, r.frontSheet(o))
	}
	s.ip, s.op = r.drugCums()
	return s
}

// warmUp is how many days wards fill before the first night: longer than nearly every stay.
const warmUp = 60

func (s *simulation) run(ctx context.Context, log *slog.Logger) error {
	if err := s.dictionaries(); err != nil {
		return err
	}
	s.fillWards()
	for d := s.first(); d <= s.last; d++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.night(d); err != nil {
			return err
		}
		if d%30 == 0 {
			s.tally.forget(d)
		}
		if log != nil {
			log.DebugContext(ctx, "night written", "date", d.iso(), "files", s.tally.files, "records", s.tally.records.Read)
		}
	}
	return nil
}

// fillWards lets the days before the first night go by.
func (s *simulation) fillWards() {
	for d := s.first() - warmUp; d < s.first(); d++ {
		for i := range s.wards {
			left, _ := s.wardNight(i, d)
			s.plan(left, d)
		}
		delete(s.back, d)
	}
}

// runWards writes dictionaries and front sheets only; each of them is the one that run writes.
func (s *simulation) runWards(ctx context.Context) error {
	if err := s.dictionaries(); err != nil {
		return err
	}
	s.fillWards()
	for d := s.first(); d <= s.last; d++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := newParcel(s.dir, d, false)
		if err != nil {
			return err
		}
		for i, o := range s.hospitals {
			if _, err := s.frontSheets(p, i, o, d, func(*stay) error { return nil }); err != nil {
				return err
			}
		}
		delete(s.back, d)
		if d%30 == 0 {
			s.tally.forget(d)
		}
	}
	return nil
}

// wardNight is one hospital's admissions and discharges on one day.
func (s *simulation) wardNight(i int, d day) ([]*stay, map[string]*flow) {
	var returns []back
	for _, b := range s.back[d] {
		if b.org == s.wards[i].org {
			returns = append(returns, b)
		}
	}
	return s.wards[i].night(s.region, d, returns)
}

// plan decides who of those that left will come back within 30 days, here or in another hospital.
func (s *simulation) plan(left []*stay, d day) {
	for _, st := range left {
		rng := s.rng("return", st.id(), d)
		if st.newborn || st.way == "5" || rng.Float64() > 0.085 {
			continue
		}
		st.plannedBack = rng.Float64() < 0.4
		to := st.org
		if rng.Float64() < 0.3 {
			to = s.hospitals[rng.IntN(len(s.hospitals))]
		}
		on := d + day(1+rng.IntN(24))
		s.back[on] = append(s.back[on], back{org: to, who: st.who, disease: st.disease, planned: st.plannedBack})
	}
}

// night writes one night's folder (or zip).
func (s *simulation) night(d day) error {
	n := int(d - s.first())
	p, err := newParcel(s.dir, d, n%7 == 3)
	if err != nil {
		return err
	}
	claims := s.open(s.bureau, "nhsa_4101_"+s.bureau.code+"_"+d.compact()+".json", "nhsa_settlement", "fact_settlement", d, dirtMissing, dirtDate, dirtMoney, dirtCode, dirtBalance)
	claims.gzip = n%3 == 1
	claims.text.WriteString(`{"infno":"4101","recer_sys_code":"SYNTH","output":{"data":[`)
	settle := func(st *settlement) error {
		if st == nil {
			return nil
		}
		if rng := s.rng("refund", st.id, d); !st.refund && rng.Float64() < 0.012 {
			on := d + day(rng.IntN(4)) + 1
			s.refunds[on] = append(s.refunds[on], refundOf(st, on.at(9*3600+rng.IntN(30_000))))
		}
		return claims.object(st.record, func() { s.tally.settlementIn(claims.lost, st) })
	}
	for i, o := range s.hospitals {
		if err := s.hospitalNight(p, i, o, d, settle); err != nil {
			return err
		}
	}
	if err := s.centresNight(p, d, settle); err != nil {
		return err
	}
	rng := s.rng("away", "", d)
	for i := range poisson(rng, s.awayADay) {
		if err := settle(s.settleAway(rng, d, i)); err != nil {
			return err
		}
	}
	for _, st := range s.refunds[d] {
		if err := settle(st); err != nil {
			return err
		}
	}
	delete(s.refunds, d)
	delete(s.back, d)
	claims.text.WriteString("]}}\n")
	if err := s.deliver(p, claims, s.bureau, d); err != nil {
		return err
	}
	if err := s.drugNight(p, d); err != nil {
		return err
	}
	return p.close()
}

// hospitalNight writes a hospital's visits, dispensing, front sheets and bed days.
func (s *simulation) hospitalNight(p *parcel, i int, o *org, d day, settle func(*settlement) error) error {
	lines := s.dispenseFile(o, d)
	file := s.open(o, "outp_"+o.code+"_"+d.compact()+".csv", "outp_visit_his_a", "fact_outp_visit", d, dirtMissing, dirtDate, dirtMoney, dirtCode, dirtOrder, dirtRagged, dirtNUL, dirtDuplicate)
	if o.ownership == "PRI" {
		file = s.open(o, "MZGH_"+o.code+"_"+d.compact()+".csv", "outp_visit_his_b", "fact_outp_visit", d, dirtMissing, dirtMoney, dirtCode, dirtRagged, dirtNUL, dirtDuplicate)
		file.gb = true
		file.csv(visitHeaderB)
	} else {
		file.text.WriteString("\uFEFF")
		file.csv(visitHeaderA)
	}
	rng := s.rng("patients", o.code, d)
	err := s.visits(o, d, func(v *visit) error {
		var fields []string
		var at map[string]int
		if o.ownership == "PRI" {
			fields, at = v.recordB(rng)
		} else {
			fields, at = v.recordA()
		}
		if file.row(fields, at) && !file.lost {
			s.tally.visit(v)
		}
		return s.afterVisit(rng, v, lines, settle)
	})
	if err != nil {
		return err
	}
	if err := s.deliver(p, file, o, d); err != nil {
		return err
	}
	moves, err := s.frontSheets(p, i, o, d, func(st *stay) error {
		given := s.settleStay(rng, st)
		if err := settle(given); err != nil {
			return err
		}
		base := line{org: o, dept: st.disease.dept, ward: true, who: st.who, stay: st.id(), d: d}
		if st.newborn {
			base.who.id = ""
		}
		if given != nil {
			base.settlement = given.id
		}
		lines.all(s.tally, s.dispense(rng, base, s.ip, 2+rng.IntN(5), "FY"+st.id()))
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.bedDays(p, i, o, d, moves); err != nil {
		return err
	}
	return s.deliver(p, lines, o, d)
}

// frontSheets writes the front sheets of those who left a hospital on a day, and says what moved in its departments.
func (s *simulation) frontSheets(p *parcel, i int, o *org, d day, each func(*stay) error) (moves map[string]*flow, err error) {
	left, moves := s.wardNight(i, d)
	s.plan(left, d)
	sheet := s.sheets[i]
	front := s.open(o, "hqms_"+o.code+"_"+d.compact()+".csv", "hqms_front_sheet", "fact_inp_stay", d, dirtMissing, dirtDate, dirtMoney, dirtCode, dirtOrder)
	front.gb = true
	front.csv(sheet.header)
	for _, st := range left {
		fields, at := sheet.row(st)
		if front.row(fields, at) && !front.lost {
			s.tally.stay(st)
		}
		if err := each(st); err != nil {
			return nil, err
		}
	}
	return moves, s.deliver(p, front, o, d)
}

// bedDays writes a hospital's beds by department at midnight.
func (s *simulation) bedDays(p *parcel, i int, o *org, d day, moves map[string]*flow) error {
	file := s.open(o, "bedday_"+o.code+"_"+d.compact()+".csv", "bed_day", "fact_bed_day", d)
	file.csv([]string{"org_code", "dept_code", "stat_date", "beds_open", "beds_occupied", "admits", "discharges", "discharge_bed_days", "critical_pts", "is_icu"})
	total := 0.0
	for _, n := range o.depts {
		total += s.depts[n].beds
	}
	for _, n := range o.depts {
		dp := s.depts[n]
		if dp.beds == 0 {
			continue
		}
		open := max(2, int(float64(o.beds)*dp.beds/total+0.5))
		in := s.wards[i].occupied[dp.code]
		m := moves[dp.code]
		if m == nil {
			m = &flow{}
		}
		file.row([]string{
			o.code, dp.code, d.iso(), strconv.Itoa(open), strconv.Itoa(in), strconv.Itoa(m.in), strconv.Itoa(m.out), strconv.Itoa(m.outDays), strconv.Itoa(in / 12), yes(dp.icu, "true", "false"),
		}, nil)
		if !file.lost {
			s.tally.bedDay(o, dp.code, d, open, in)
		}
	}
	return s.deliver(p, file, o, d)
}

// centresNight writes the township centres' night: one zip with a file of each.
func (s *simulation) centresNight(p *parcel, d day, settle func(*settlement) error) error {
	inner := p
	if p.zip == nil {
		inner = &parcel{dir: p.dir, when: p.when}
		if err := inner.open(p.dir + "/centres_" + d.compact() + ".zip"); err != nil {
			return err
		}
	}
	for _, o := range s.centres {
		lines := s.dispenseFile(o, d)
		file := s.open(o, "cloudhis_"+o.code+"_"+d.compact()+".ndjson", "outp_visit_cloud", "fact_outp_visit", d, dirtMissing, dirtDate, dirtMoney, dirtCode, dirtOrder, dirtDuplicate)
		rng := s.rng("patients", o.code, d)
		err := s.visits(o, d, func(v *visit) error {
			if err := file.object(v.recordC, func() {
				if !file.lost {
					s.tally.visit(v)
				}
			}); err != nil {
				return err
			}
			return s.afterVisit(rng, v, lines, settle)
		})
		if err != nil {
			return err
		}
		if err := s.deliver(inner, file, o, d); err != nil {
			return err
		}
		if err := s.deliver(inner, lines, o, d); err != nil {
			return err
		}
	}
	if inner == p {
		return nil
	}
	return inner.close()
}

// afterVisit settles a visit and hands out its drugs.
func (s *simulation) afterVisit(rng *rand.Rand, v *visit, lines *extract, settle func(*settlement) error) error {
	given := s.settleVisit(rng, v)
	if err := settle(given); err != nil {
		return err
	}
	if v.status != "DONE" || rng.Float64() > 0.6 {
		return nil
	}
	base := line{org: v.org, dept: v.dept.code, er: v.emergency, who: v.who, d: v.registered.day()}
	if given != nil {
		base.settlement = given.id
	}
	lines.all(s.tally, s.dispense(rng, base, s.op, 1+rng.IntN(3), "FY"+v.id))
	return nil
}

// all writes dispensed lines and counts those that stay.
func (f *extract) all(t *tally, lines []line) {
	for i := range lines {
		fields, at := lines[i].record()
		if f.row(fields, at) && !f.lost {
			t.dispensed(&lines[i])
		}
	}
}

func (s *simulation) dispenseFile(o *org, d day) *extract {
	f := s.open(o, "yf_dispense_"+o.code+"_"+d.compact()+".csv", "drug_dispense", "fact_dispense", d, dirtMissing, dirtDate, dirtMoney, dirtCode, dirtRagged, dirtDuplicate)
	f.csv(dispenseHeader)
	return f
}

// drugNight writes what the drug platform sends for everybody.
func (s *simulation) drugNight(p *parcel, d day) error {
	stock := s.open(s.platform, "yp_stock_"+s.platform.code+"_"+d.compact()+".csv", "drug_stock", "fact_stock_day", d, dirtMissing, dirtDate, dirtMoney)
	stock.csv(stockHeader)
	for _, o := range slices.Concat(s.hospitals, s.centres) {
		s.stock(o, d, func(fields []string, at map[string]int, must, out bool) {
			if stock.row(fields, at) && !stock.lost {
				s.tally.stock(o, d, must, out)
			}
		})
	}
	if err := s.deliver(p, stock, s.platform, d); err != nil {
		return err
	}
	bought := s.open(s.platform, "yp_purchase_"+s.platform.code+"_"+d.compact()+".csv", "drug_purchase", "fact_purchase", d, dirtMissing, dirtDate, dirtMoney, dirtRagged)
	bought.gb = true
	bought.csv(purchaseHeader)
	s.purchases(d, func(fields []string, at map[string]int) { bought.row(fields, at) })
	if err := s.deliver(p, bought, s.platform, d); err != nil {
		return err
	}
	short := s.open(s.platform, "yp_shortage_"+s.platform.code+"_"+d.compact()+".csv", "drug_shortage", "fact_shortage", d)
	short.csv(shortageHeader)
	s.shortages(d, func(o *org, level string, fields []string) {
		short.row(fields, nil)
		if !short.lost {
			s.tally.shortage(o, d, level)
		}
	})
	return s.deliver(p, short, s.platform, d)
}

// open begins an extract and plans its dirt: on the second night every kind comes once in every layout.
func (s *simulation) open(o *org, name, source, table string, d day, kinds ...string) *extract {
	f := &extract{name: name, source: source, table: table, reasons: map[string]int{}, lost: s.lostToday(source, o, d)}
	if len(kinds) > 0 {
		f.plan = &dirt{rng: s.rng("dirt", name, d), kinds: kinds, rate: 1.0 / 180}
		if d == s.first()+1 {
			f.plan.first = slices.Clone(kinds)
		}
	}
	return f
}

// object writes one JSON record, spoilt as planned, and calls count where it stays.
func (f *extract) object(write func(kind string) ([]byte, error), count func()) error {
	kind := f.plan.next(f.records)
	text, err := write(kind)
	if err != nil {
		return err
	}
	times := 1
	if kind == dirtDuplicate {
		times = 2
	}
	for range times {
		if f.source != "outp_visit_cloud" && f.comma {
			f.text.WriteString(",\n")
		}
		f.comma = true
		f.text.Write(text)
		if f.source == "outp_visit_cloud" {
			f.text.WriteByte('\n')
		}
	}
	f.note(kind)
	if !spoilt(kind) {
		count()
	}
	return nil
}

// settlementIn counts a settlement unless its delivery is lost.
func (t *tally) settlementIn(lost bool, s *settlement) {
	if !lost {
		t.settlement(s)
	}
}

// deliver stores a finished file, or forgets it where the delivery never comes.
func (s *simulation) deliver(p *parcel, f *extract, o *org, d day) error {
	if f.lost {
		s.tally.lost(o, f.source, d)
		return nil
	}
	s.tally.delivery(o, d, f)
	for kind, n := range f.reasons {
		s.tally.records.ByReason[kind] += n
	}
	return p.put(f)
}

// lostToday says whether an organisation's delivery of a source never comes. The first and the last night are whole:
// between them every source is expected.
func (s *simulation) lostToday(source string, o *org, d day) bool {
	if d <= s.first() || d >= s.last {
		return false
	}
	switch n := int(d - s.first()); {
	case n == 4 && source == "outp_visit_cloud" && o == s.centres[len(s.centres)-1],
		n == 5 && source == "bed_day" && o == s.hospitals[len(s.hospitals)-1],
		n == 2 && source == "hqms_front_sheet" && o == s.hospitals[0]:
		return true
	case o == s.bureau || o == s.platform:
		return false
	}
	return s.rng("lost "+source, o.code, d).Float64() < 0.006
}
