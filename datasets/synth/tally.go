package synth

import (
	"math/bits"
	"slices"
)

// metric is something that truth counts. Each stands for a plain rule of the catalogue, written down here a second
// time on purpose: truth must not come from the definitions that it examines.
type metric int

const (
	visitsDone metric = iota
	visitsOut         // not emergency
	visitsER
	visitsBooked
	visitsPrimary // at township centres
	visitFee
	visitDrugFee
	visitMaterialFee

	discharges
	stayDays
	surgical
	miniInvasive
	level4
	level34
	complications
	deaths
	stayFee
	stayDrugFee
	stayMaterialFee
	readmitBase // left alive, not sent on, not planned back
	readmitted  // of those, back within 30 days anywhere in the region
	electiveOps
	dayOps
	cleanCuts // class I incisions
	cleanCutsInfected

	bedsOpen
	bedsOccupied

	settlements
	settledFee
	settledFund
	settledPerson
	settledScope
	settledOutside // outside the catalogue
	settledInp
	settledInpFund
	settledInpScope
	settledAway
	settledAwayDirect
	settledAwayInp
	settledFarInp
	settledFarInpDirect
	settledByCase // DRG or DIP

	unitsVBP
	unitsWinner
	dddInp
	traceScanned
	traceExpected
	mustStock
	stockOut
	shortages

	batches // deliveries due
	batchesOK
	rowsRead
	rowsRejected

	metrics
)

// sums is one value a metric.
type sums [metrics]float64

// add is one metric of one record.
type add struct {
	m metric
	v float64
}

// group is a dimension of truth's tables and one of its values; the zero group is the whole region.
type group struct{ dim, value string }

type cell struct {
	group
	d day
}

// tally counts what survives: records that are delivered, clean and not repeated.
type tally struct {
	region                       *region
	cells                        map[cell]*sums
	hours                        map[cell]*[24]int32 // DONE visits by hour of registration, whole region and by organisation
	visitors                     map[string]*crowd   // distinct visitors by month and by day
	inVisits, inStays, inSettled crowd
	orgDay                       map[day]map[string]bool // organisation → sent something that was taken
	expect                       map[day]map[string]bool // organisation → sent something or should have
	stays                        map[int][]stayMark      // last discharges of a person
	records                      Records
	missing                      int
	missed                       []Missed
	files                        int
}

// stayMark is what readmission needs of a stay.
type stayMark struct {
	admit, discharge clock
	groups           []group
	eligible, done   bool
}

func newTally(r *region) *tally {
	return &tally{
		region: r, cells: map[cell]*sums{}, hours: map[cell]*[24]int32{}, visitors: map[string]*crowd{},
		orgDay: map[day]map[string]bool{}, expect: map[day]map[string]bool{}, stays: map[int][]stayMark{},
		records: Records{ByReason: map[string]int{}, ByTable: map[string]int{}},
	}
}

// count adds a record's metrics to the whole region and to each of its groups on a day.
func (t *tally) count(d day, groups []group, what ...add) {
	for i := -1; i < len(groups); i++ {
		var g group
		if i >= 0 {
			g = groups[i]
		}
		c := t.cells[cell{g, d}]
		if c == nil {
			c = new(sums)
			t.cells[cell{g, d}] = c
		}
		for _, a := range what {
			c[a.m] += a.v
		}
	}
}

func (t *tally) visit(v *visit) {
	groups := []group{{"org_code", v.org.code}, {"dept_code", v.dept.code}, {"visit_type", v.kind}}
	if v.status != "DONE" {
		return
	}
	what := []add{{visitsDone, 1}, {visitFee, float64(v.fee)}, {visitDrugFee, float64(v.drug)}, {visitMaterialFee, float64(v.material)}}
	if v.emergency {
		what = append(what, add{visitsER, 1})
	} else {
		what = append(what, add{visitsOut, 1})
		if v.booking != "" {
			what = append(what, add{visitsBooked, 1})
		}
	}
	if v.org.primary {
		what = append(what, add{visitsPrimary, 1})
	}
	t.count(v.registered.day(), groups, what...)
	for _, g := range []group{{}, groups[0]} {
		k := cell{g, v.registered.day()}
		if t.hours[k] == nil {
			t.hours[k] = new([24]int32)
		}
		t.hours[k][v.registered.hour()]++
	}
	for _, period := range []string{v.registered.day().month(), v.registered.day().iso()} {
		if len(period) == 10 && v.registered.day() <= t.region.last-3 {
			continue // days are kept for the last three only
		}
		if t.visitors[period] == nil {
			t.visitors[period] = new(crowd)
		}
		t.visitors[period].see(v.who.number)
	}
	t.inVisits.see(v.who.number)
}

func (t *tally) stay(s *stay) {
	groups := []group{{"org_code", s.org.code}, {"discharge_dept", s.disease.dept}}
	f := s.fees
	what := []add{
		{discharges, 1}, {stayDays, float64(s.los)}, {stayFee, float64(f.total)}, {stayDrugFee, float64(f.west + f.patent + f.herb)}, {stayMaterialFee, float64(f.examMaterial + f.treatMaterial + f.surgeryMaterial)},
	}
	if s.surgery() {
		what = append(what, add{surgical, 1})
		if s.disease.level >= "3" {
			what = append(what, add{level34, 1})
		}
		if s.complication {
			what = append(what, add{complications, 1})
		}
		if s.disease.level == "4" {
			what = append(what, add{level4, 1})
		}
		if s.elective() {
			what = append(what, add{electiveOps, 1})
			if s.daySurgery {
				what = append(what, add{dayOps, 1})
			}
		}
		if s.disease.incision == "1" {
			what = append(what, add{cleanCuts, 1})
			if s.infected {
				what = append(what, add{cleanCutsInfected, 1})
			}
		}
	}
	if s.hasProc && s.disease.mini {
		what = append(what, add{miniInvasive, 1})
	}
	if s.way == "5" {
		what = append(what, add{deaths, 1})
	}
	eligible := (s.way == "1" || s.way == "4" || s.way == "9") && !s.plannedBack
	if eligible {
		what = append(what, add{readmitBase, 1})
	}
	t.count(s.discharge.day(), groups, what...)
	if s.newborn {
		return // has no number of its own yet: never joined to anybody
	}
	t.inStays.see(s.who.number)
	t.readmission(s, groups, eligible)
}

// readmissionSpan is longer than the longest stay and its 30 days: older discharges can be followed by nothing new.
const readmissionSpan = 120

// forget drops discharges that nothing can follow any more.
func (t *tally) forget(today day) {
	for who, marks := range t.stays {
		if today-marks[len(marks)-1].discharge.day() > readmissionSpan {
			delete(t.stays, who)
		}
	}
}

// readmission marks discharges that another stay of the same person follows within 30 days, whichever is told first.
func (t *tally) readmission(s *stay, groups []group, eligible bool) {
	now := stayMark{admit: s.admit, discharge: s.discharge, groups: groups, eligible: eligible}
	kept := t.stays[s.who.number][:0]
	for _, old := range t.stays[s.who.number] {
		if s.discharge.day()-old.discharge.day() > readmissionSpan {
			continue
		}
		t.followed(&old, now)
		t.followed(&now, old)
		kept = append(kept, old)
	}
	t.stays[s.who.number] = append(kept, now)
}

func (t *tally) followed(first *stayMark, then stayMark) {
	if !first.eligible || first.done || then.admit <= first.discharge || then.admit.day()-first.discharge.day() > 30 {
		return
	}
	first.done = true
	t.count(first.discharge.day(), first.groups, add{readmitted, 1})
}

func (t *tally) bedDay(o *org, dept string, d day, open, occupied int) {
	t.count(d, []group{{"org_code", o.code}, {"dept_code", dept}}, add{bedsOpen, float64(open)}, add{bedsOccupied, float64(occupied)})
}

func (t *tally) settlement(s *settlement) {
	n := 1.0
	if s.refund {
		n = -1
	}
	f := s.money
	what := []add{
		{settlements, n},
		{settledFee, float64(f.total)},
		{settledFund, float64(f.fund())},
		{settledPerson, float64(f.person())},
		{settledScope, float64(f.scope())},
		{settledOutside, float64(f.ownPay + f.overLimit)},
	}
	away, far := s.at[:4] != s.who.insured[:4], s.at[:2] != s.who.insured[:2]
	if away {
		what = append(what, add{settledAway, n})
		if s.direct {
			what = append(what, add{settledAwayDirect, n})
		}
	}
	if s.inpatient() {
		what = append(what, add{settledInp, n}, add{settledInpFund, float64(f.fund())}, add{settledInpScope, float64(f.scope())})
		if away {
			what = append(what, add{settledAwayInp, n})
		}
		if far {
			what = append(what, add{settledFarInp, n})
			if s.direct {
				what = append(what, add{settledFarInpDirect, n})
			}
		}
		if s.payMode == "DRG" || s.payMode == "DIP" {
			what = append(what, add{settledByCase, n})
		}
	}
	t.count(s.when.day(), []group{{"org_code", s.orgCode}, {"insu_region_code", s.who.insured}, {"insutype", s.who.insutype}}, what...)
	t.inSettled.see(s.who.number)
}

func (t *tally) dispensed(l *line) {
	var what []add
	if l.drug.is("V") {
		what = append(what, add{unitsVBP, float64(l.qty)})
	}
	if l.drug.is("W") {
		what = append(what, add{unitsWinner, float64(l.qty)})
	}
	if l.ward && l.drug.abx != "" && l.drug.ddd > 0 {
		what = append(what, add{dddInp, float64(l.qty) * l.drug.strength / l.drug.ddd})
	}
	if l.settlement != "" {
		what = append(what, add{traceScanned, float64(l.scanned)}, add{traceExpected, float64(l.expected)})
	}
	t.count(l.d, []group{{"org_code", l.org.code}}, what...)
}

func (t *tally) stock(o *org, d day, must, out bool) {
	var what []add
	if must {
		what = append(what, add{mustStock, 1})
		if out {
			what = append(what, add{stockOut, 1})
		}
	}
	t.count(d, []group{{"org_code", o.code}}, what...)
}

func (t *tally) shortage(o *org, d day, level string) {
	t.count(d, []group{{"org_code", o.code}, {"level", level}}, add{shortages, 1})
}

// delivery notes what became of an extract that came.
func (t *tally) delivery(o *org, d day, f *extract) {
	t.files++
	t.records.Read += f.records
	t.records.Quarantined += f.rejected
	t.records.Duplicate += f.repeated
	t.records.ByTable[f.table] += f.clean()
	ok := 1.0
	if f.rejected > 0 {
		ok = 0
	}
	t.count(d, []group{{"org_code", o.code}}, add{batches, 1}, add{batchesOK, ok}, add{rowsRead, float64(f.records)}, add{rowsRejected, float64(f.rejected)})
	t.due(o, d)
	if t.orgDay[d] == nil {
		t.orgDay[d] = map[string]bool{}
	}
	t.orgDay[d][o.code] = true
}

// lost notes an extract that should have come and did not.
func (t *tally) lost(o *org, source string, d day) {
	t.missing++
	t.missed = append(t.missed, Missed{Source: source, Org: o.code, Date: d.iso()})
	t.count(d, []group{{"org_code", o.code}}, add{batches, 1})
	t.due(o, d)
}

func (t *tally) due(o *org, d day) {
	if t.expect[d] == nil {
		t.expect[d] = map[string]bool{}
	}
	t.expect[d][o.code] = true
}

// crowd is a set of people by number: one bit a person.
type crowd struct {
	bits  []uint64
	local map[int]bool // people without a number of their own (negative)
}

func (c *crowd) see(n int) {
	if n < 0 {
		if c.local == nil {
			c.local = map[int]bool{}
		}
		c.local[n] = true
		return
	}
	if n>>6 >= len(c.bits) {
		c.bits = slices.Grow(c.bits, n>>6+1-len(c.bits))[:n>>6+1]
	}
	c.bits[n>>6] |= 1 << (n & 63)
}

func (c *crowd) size() int {
	n := len(c.local)
	for _, w := range c.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// both counts people who are in each of the crowds.
func both(crowds ...*crowd) int {
	n := 0
	for i := range crowds[0].bits {
		w := crowds[0].bits[i]
		for _, c := range crowds[1:] {
			if i < len(c.bits) {
				w &= c.bits[i]
			} else {
				w = 0
			}
		}
		n += bits.OnesCount64(w)
	}
	return n
}
