package drg

import (
	"math"
	"math/bits"
	"slices"

	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
)

// Worker groups one case after the other without allocating. It belongs to one goroutine.
type Worker struct {
	g         *Grouper
	bits      [6][]uint64 // sets of lists at each rule.Position
	num       [rule.Quantities]float64
	dx        []int32
	op        []int32 // all but the principal one
	poa       []byte
	dept      string
	tech      bool
	day       bool
	sev       Severity // NoSeverity: not yet computed
	tr        *trace   // nil: nobody asks why
	own       Coded
	buffer    trace
	principal int32 // operation, -1 none
	wild      bool  // a missing weight satisfies every comparison: would a weight rule be reached?
}

// Worker makes a worker.
func (g *Grouper) Worker() *Worker {
	w := &Worker{g: g}
	for i := range w.bits {
		n := g.op.words
		if rule.Position(i).Diagnosis() { //nolint:gosec // six positions
			n = g.dx.words
		}
		w.bits[i] = make([]uint64, n)
	}
	return w
}

// Group groups one case; any goroutine may call it.
func (g *Grouper) Group(c *Case) Result {
	w := g.pool.Get().(*Worker) //nolint:forcetypeassert // the pool holds nothing else
	r := w.Group(c)
	g.pool.Put(w)
	return r
}

// Explain groups one case and tells the path of the decision; any goroutine may call it.
func (g *Grouper) Explain(c *Case) (Result, []Step) {
	return g.Worker().Explain(c)
}

// Coded is a case whose codes are already the numbers of one grouper: what regrouping a year in memory uses.
type Coded struct {
	Case
	dx, op []int32
	poa    []byte
	flags  Flags
}

// Code looks the codes of a case up once. buffers of into are used again.
func (g *Grouper) Code(c *Case, into *Coded) {
	into.Begin(c)
	for i, code := range c.Dx {
		poa := byte(0)
		if i < len(c.PresentOnAd) {
			poa = c.PresentOnAd[i]
		}
		into.AddDx(g.DxCode(code), poa)
	}
	for _, code := range c.Ops {
		into.AddOp(g.OpCode(code))
	}
}

// Group groups a case.
func (w *Worker) Group(c *Case) Result {
	w.g.Code(c, &w.own)
	return w.GroupCoded(&w.own)
}

// GroupCoded groups a case whose codes were looked up before.
func (w *Worker) GroupCoded(c *Coded) Result {
	if reason := w.load(c); reason != NoReason {
		return w.refuse(c, reason)
	}
	r := w.decide()
	r.Flags |= c.flags
	return r
}

func (w *Worker) refuse(c *Coded, reason Reason) Result {
	return Result{MDC: ungroupedCode, ADRG: ungroupedADRG, DRG: ungroupedCode, Status: Ungrouped, Reason: reason, Flags: c.flags}
}

// load runs the pre-checks in their order and spreads the case out for the rules.
func (w *Worker) load(c *Coded) Reason {
	g := w.g
	if c.Sex != 1 && c.Sex != 2 {
		return SexMissing
	}
	if !(c.AgeYears >= 0) { // true for NaN too
		return AgeMissing
	}
	if c.AgeYears == 0 && !(c.AgeDays >= 0) { // true for NaN too
		return AgeDaysMissing
	}
	if len(c.dx) == 0 {
		return NoPDX
	}
	if g.dxInfo[c.dx[0]].invalid {
		return PDXInvalid
	}
	if len(c.op) > 0 && g.opInfo[c.op[0]].grey {
		return POPGrey
	}
	w.dx, w.poa, w.sev, w.wild = c.dx, c.poa, NoSeverity, false
	w.dept, w.tech, w.day = c.Dept, c.NewTech, c.DaySurgery
	w.num = [rule.Quantities]float64{
		rule.Sex: float64(c.Sex), rule.Age: c.AgeYears, rule.AgeDays: c.AgeDays, rule.Weight: c.WeightG, rule.LOS: c.LOSDays,
		rule.ICUHours: c.ICUHours, rule.Discharge: c.Discharge,
	}
	if c.AgeYears > 0 {
		w.num[rule.AgeDays] = Missing // days count in the first year only
	}
	if !(c.WeightG > 0) { // a weight must be present and positive
		w.num[rule.Weight] = Missing
		if w.newborn() {
			c.flags |= NewbornWithoutWeight
		}
	}
	w.principal = w.placeOps(c.op)
	spread(&g.dx, w.dx[0], w.dx[1:], w.bits[rule.PDX], w.bits[rule.AnyDX], w.bits[rule.OtherDX])
	spread(&g.op, w.principal, w.op, w.bits[rule.POP], w.bits[rule.AnyOP], w.bits[rule.OtherOP])
	return NoReason
}

func (w *Worker) newborn() bool { return w.num[rule.AgeDays] <= rule.NeonateDays }

// placeOps returns the principal operation, -1 for an empty place, and leaves the others in w.op.
func (w *Worker) placeOps(ops []int32) int32 {
	if len(ops) == 0 {
		w.op = ops
		return -1
	}
	switch w.g.opt.InvalidOp {
	case Shift:
		for len(ops) > 0 && !w.g.opInfo[ops[0]].valid {
			ops = ops[1:]
		}
		if len(ops) == 0 {
			w.op = ops
			return -1
		}
	case Null:
		if !w.g.opInfo[ops[0]].valid {
			w.op = ops[1:]
			return -1
		}
	case Keep:
	}
	w.op = ops[1:]
	return ops[0]
}

// spread fills the sets of lists for the principal code, any code, and the others.
func spread(v *vocabulary, principal int32, others []int32, first, all, rest []uint64) {
	clear(rest)
	for _, id := range others {
		bits := v.of(id)
		for i, b := range bits {
			rest[i] |= b
		}
	}
	if principal < 0 {
		clear(first)
		copy(all, rest)
		return
	}
	copy(first, v.of(principal))
	for i := range all {
		all[i] = first[i] | rest[i]
	}
}

// principalValid says whether a principal operation remains that counts for grouping.
func (w *Worker) principalValid() bool { return w.principal >= 0 && w.g.opInfo[w.principal].valid }

// search is what decide remembers on its way.
type search struct {
	passed   *mdc // first category that took the diagnosis and had no group for it
	sex, age bool // a category has the diagnosis, and its gate is closed to the sex or age
}

// decide walks the categories in their order; those that the principal diagnosis cannot open are passed over.
func (w *Worker) decide() Result {
	g := w.g
	var s search
	if w.tr != nil || len(g.mdcs) > maxOpen {
		for i := range g.mdcs {
			if r, done := w.category(&g.mdcs[i], &s); done {
				return r
			}
		}
		return w.none(&s)
	}
	for open := g.open[w.dx[0]]; open != 0; open &= open - 1 {
		if r, done := w.category(&g.mdcs[bits.TrailingZeros64(open)], &s); done {
			return r
		}
	}
	return w.none(&s)
}

// category tries one main category.
func (w *Worker) category(m *mdc, s *search) (Result, bool) {
	open := w.holds(&m.gate, m)
	if w.tr != nil {
		w.traceGate(m, open)
	}
	if !open {
		if (m.sexGated || m.ageGated) && w.has(m) {
			s.sex, s.age = s.sex || m.sexGated, s.age || m.ageGated
		}
		return Result{}, false
	}
	dx, op := w.g.dx.fitting(w.dx[0]), w.g.op.fitting(w.principal)
	end := m.first + len(m.adrgs)
	for at := m.first; at < end; at++ {
		if w.tr == nil { // the next group that neither principal code rules out
			word := dx[at>>6] & op[at>>6] >> (at & 63)
			if word == 0 {
				at |= 63
				continue
			}
			if at += bits.TrailingZeros64(word); at >= end {
				break
			}
		}
		a := w.g.adrgs[at]
		fits := w.holds(&a.expr, m)
		if w.tr != nil {
			w.traceADRG(m, a, fits)
		}
		if fits {
			r := w.inADRG(m, a)
			if w.tr != nil {
				w.traceLater(m, at-m.first)
			}
			return r, true
		}
		if a.expr.weight && w.reachedWeight(&a.expr, m) {
			w.tr.add(stepReason, a.id, a.expr.text, "reached, and the weight at birth is missing")
			return Result{MDC: ungroupedCode, ADRG: ungroupedADRG, DRG: ungroupedCode, Status: Ungrouped, Reason: WeightMissing}, true
		}
	}
	if s.passed == nil && w.has(m) { // a gate may also open for another diagnosis, or by another word
		s.passed = m
	}
	return Result{}, false
}

// has says whether the principal diagnosis is in the category's list.
func (w *Worker) has(m *mdc) bool {
	return m.mdcList >= 0 && w.bits[rule.PDX][m.mdcList>>6]&(1<<(m.mdcList&63)) != 0
}

// none is the result of a case that found no group, with the reason that says most.
func (w *Worker) none(s *search) Result {
	reason := PDXNotInAnyMDC
	switch {
	case s.passed != nil && w.g.opt.QY == QYPrincipal && w.principalValid():
		w.tr.add(stepReason, s.passed.qy, "qy_mode=principal", "no group of the category takes the principal operation: ambiguous")
		return Result{MDC: s.passed.id, ADRG: "QY", DRG: s.passed.qy, Status: QY, Reason: QYUnrelatedOp, Flags: w.weightFlag()}
	case s.passed != nil:
		reason = NoADRG
	case s.sex:
		reason = SexConflict
	case s.age:
		reason = AgeGateMDCP
	}
	return Result{MDC: ungroupedCode, ADRG: ungroupedADRG, DRG: ungroupedCode, Status: Ungrouped, Reason: reason, Flags: w.weightFlag()}
}

// reachedWeight says whether only the missing weight of a newborn keeps a rule from holding.
func (w *Worker) reachedWeight(p *program, m *mdc) bool {
	if !math.IsNaN(w.num[rule.Weight]) || !w.newborn() {
		return false
	}
	w.wild = true
	reached := w.holds(p, m)
	w.wild = false
	return reached
}

func (w *Worker) weightFlag() Flags {
	if math.IsNaN(w.num[rule.Weight]) && w.newborn() {
		return NewbornWithoutWeight
	}
	return 0
}

// inADRG chooses the DRG of an adjacent group by severity and local conditions.
func (w *Worker) inADRG(m *mdc, a *adrg) Result {
	if w.g.opt.QY == QYPrincipal && a.medical && w.principalValid() {
		w.tr.add(stepReason, m.qy, "qy_mode=principal", "the group is one of treatment without operation, and a principal operation remains: ambiguous")
		return Result{MDC: m.id, ADRG: "QY", DRG: m.qy, Status: QY, Reason: QYUnrelatedOp, Flags: w.weightFlag()}
	}
	sev := w.severity()
	if w.tr != nil {
		w.traceSeverity(sev)
	}
	for k := range a.drgs {
		d := &a.drgs[k]
		ok := w.holds(&d.cond, m)
		if w.tr != nil {
			w.traceDRG(m, d, ok)
		}
		if ok {
			return Result{MDC: m.id, ADRG: a.id, DRG: d.id, Name: d.name, Severity: sev, Status: OK, Flags: w.weightFlag()}
		}
	}
	return Result{MDC: m.id, ADRG: a.id, DRG: ungroupedCode, Severity: sev, Status: Ungrouped, Reason: NoDRGCondition, Flags: w.weightFlag()}
}

// severity is the highest complication among the secondary diagnoses that the principal's exclusion table does not strike out.
func (w *Worker) severity() Severity {
	if w.sev != NoSeverity {
		return w.sev
	}
	info := w.g.dxInfo
	own := info[w.dx[0]].pdxExcl
	sev := None
	for i, id := range w.dx[1:] {
		d := &info[id]
		if d.severity <= sev || (own != 0 && d.excl == own) {
			continue
		}
		if w.g.opt.CCRequiresPOA && i+1 < len(w.poa) && w.poa[i+1] == notOnAdmission {
			continue
		}
		sev = d.severity
		if sev == MCC {
			break
		}
	}
	w.sev = sev
	return sev
}

// notOnAdmission is 入院病情 4: 无.
const notOnAdmission = '4'

// holds evaluates a condition.
func (w *Worker) holds(p *program, m *mdc) bool {
	if p.always {
		return true
	}
	at := int16(0)
	for at >= 0 {
		n := &p.nodes[at]
		var ok bool
		if n.kind == codesNode {
			ok = (w.bits[n.pos][n.word]&n.mask != 0) != n.neg
		} else {
			ok = w.test(n, &p.details[at], m)
		}
		if ok {
			at = n.yes
		} else {
			at = n.no
		}
	}
	return at == endYes
}

func (w *Worker) test(n *node, d *detail, m *mdc) bool {
	switch n.kind {
	case codesNode:
		return (w.bits[n.pos][n.word]&n.mask != 0) != n.neg
	case flagNode:
		return w.flag(d.flag) != n.neg
	case numberNode:
		v := w.number(d.of, m)
		if v != v { // missing: no comparison holds, not even a negated one
			return w.wild && d.of == rule.Weight
		}
		return (v >= d.lo && v <= d.hi) != n.neg
	case oneOfNode:
		v := w.number(d.of, m)
		if v != v { // missing
			return w.wild && d.of == rule.Weight
		}
		return slices.Contains(d.values, v) != n.neg
	case deptNode:
		if slices.Contains(d.names, w.dept) {
			return !n.neg
		}
		return n.neg && w.dept != ""
	}
	return false
}

func (w *Worker) number(of rule.Quantity, m *mdc) float64 {
	if of != rule.Parts {
		return w.num[of]
	}
	var parts uint64
	for _, id := range w.dx {
		parts |= w.g.dxInfo[id].parts
	}
	n := 0
	for parts &= m.parts; parts != 0; parts &= parts - 1 {
		n++
	}
	return float64(n)
}

func (w *Worker) flag(f rule.Flag) bool {
	switch f {
	case rule.Always:
		return true
	case rule.Neonate:
		return w.newborn()
	case rule.HasMCC:
		return w.severity() == MCC
	case rule.HasCC:
		return w.severity() == CC
	case rule.HasMCCOrCC:
		return w.severity() >= CC
	case rule.NewTech:
		return w.tech
	case rule.DaySurgery:
		return w.day
	}
	return false
}
