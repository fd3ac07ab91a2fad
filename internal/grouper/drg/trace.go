package drg

import (
	"slices"

	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
)

// Step is one step of a decision as people read it: what was looked at, by which rule, which codes of the case
// satisfied it, and what came of it.
type Step struct {
	Step    string   `json:"step"`
	Subject string   `json:"subject"`
	Rule    string   `json:"rule,omitempty"`
	Codes   []string `json:"matched_codes,omitempty"`
	Verdict string   `json:"verdict"`
}

// Kinds of steps, in the order in which they can appear.
const (
	stepCode     = "code"
	stepReason   = "reason"
	stepPOP      = "principal_op"
	stepGate     = "gate"
	stepADRG     = "adrg"
	stepSeverity = "severity"
	stepDRG      = "drg"
)

// trace collects steps; its buffers are used again for the next case of the same worker.
type trace struct {
	steps []Step
	codes []string
}

// add notes a step without codes; a nil trace notes nothing.
func (t *trace) add(step, subject, by, verdict string) {
	if t != nil {
		t.steps = append(t.steps, Step{Step: step, Subject: subject, Rule: by, Verdict: verdict})
	}
}

// Explain groups a case and tells the path. The steps are valid until the worker's next case.
func (w *Worker) Explain(c *Case) (Result, []Step) {
	t := &w.buffer
	t.steps, t.codes = t.steps[:0], t.codes[:0]
	w.tr = t
	w.g.Code(c, &w.own)
	w.traceCodes(c)
	r := w.GroupCoded(&w.own)
	if r.Reason != NoReason {
		t.add(stepReason, r.DRG, "", r.Reason.String())
	}
	w.tr = nil
	return r, t.steps
}

// traceCodes notes codes that were normalised, mapped or are unknown, and a principal operation that does not count.
func (w *Worker) traceCodes(c *Case) {
	note := func(v *vocabulary, raw string, id int32) {
		switch {
		case id == 0:
			w.tr.add(stepCode, raw, "", "unknown to every table of the scheme")
		case v.codes[id] == raw || v.isPrefix(id):
		case normalise(raw) == v.codes[id]:
			w.tr.steps = append(w.tr.steps, Step{Step: stepCode, Subject: raw, Rule: "normalised", Codes: w.tr.one(v.codes[id]), Verdict: "read as"})
		default:
			w.tr.steps = append(w.tr.steps, Step{Step: stepCode, Subject: raw, Rule: "map", Codes: w.tr.one(v.codes[id]), Verdict: "read as"})
		}
	}
	for _, code := range c.Dx {
		if code != "" {
			note(&w.g.dx, code, w.g.dx.find(code))
		}
	}
	for _, code := range c.Ops {
		if code != "" {
			note(&w.g.op, code, w.g.op.find(code))
		}
	}
	if len(w.own.op) > 0 && !w.g.opInfo[w.own.op[0]].valid {
		verdict := [...]string{Shift: "does not count for grouping: the next one that does moves up", Keep: "does not count for grouping: kept in its place", Null: "does not count for grouping: the place is emptied"}
		w.tr.add(stepPOP, w.g.op.show(w.own.op[0]), "op_valid", verdict[w.g.opt.InvalidOp])
	}
}

func (v *vocabulary) isPrefix(id int32) bool {
	code := v.codes[id]
	for _, p := range v.prefixes {
		if code == p+"*" {
			return true
		}
	}
	return false
}

func (v *vocabulary) show(id int32) string {
	if id == 0 {
		return "(unknown)"
	}
	return v.codes[id]
}

// one keeps a code in the buffer of the trace.
func (t *trace) one(code string) []string {
	t.codes = append(t.codes, code)
	n := len(t.codes)
	return t.codes[n-1 : n : n]
}

const (
	passes    = "passes"
	fits      = "fits"
	laterFits = "would fit too, but stands behind the group found"
)

func (w *Worker) traceGate(m *mdc, open bool) {
	verdict := passes
	if !open {
		verdict = w.failing(&m.gate, m)
	}
	w.tr.steps = append(w.tr.steps, Step{Step: stepGate, Subject: m.id, Rule: m.gate.text, Codes: w.matched(&m.gate), Verdict: verdict})
}

// traceADRG notes the group found, and each group that the case came near to: one of its lists has a code of the case.
func (w *Worker) traceADRG(m *mdc, a *adrg, ok bool) {
	verdict := fits
	if !ok {
		if !w.near(&a.expr) {
			return
		}
		verdict = w.failing(&a.expr, m)
	}
	w.tr.steps = append(w.tr.steps, Step{Step: stepADRG, Subject: a.id, Rule: a.expr.text, Codes: w.matched(&a.expr), Verdict: verdict})
}

// traceLater notes groups behind the one found that the case would have fitted as well.
func (w *Worker) traceLater(m *mdc, found int) {
	for j := found + 1; j < len(m.adrgs); j++ {
		a := &m.adrgs[j]
		if w.holds(&a.expr, m) {
			w.tr.steps = append(w.tr.steps, Step{Step: stepADRG, Subject: a.id, Rule: a.expr.text, Codes: w.matched(&a.expr), Verdict: laterFits})
		}
	}
}

func (w *Worker) traceDRG(m *mdc, d *drgRow, ok bool) {
	verdict := fits
	if !ok {
		verdict = w.failing(&d.cond, m)
	}
	w.tr.add(stepDRG, d.id, d.cond.text, verdict)
}

// traceSeverity notes each secondary diagnosis that is a complication, whether it counts, and the severity.
func (w *Worker) traceSeverity(sev Severity) {
	info := w.g.dxInfo
	own := info[w.dx[0]].pdxExcl
	for i, id := range w.dx[1:] {
		d := &info[id]
		if d.severity < CC {
			continue
		}
		verdict := "counts"
		switch {
		case own != 0 && d.excl == own:
			verdict = "excluded by the principal diagnosis"
		case w.g.opt.CCRequiresPOA && i+1 < len(w.poa) && w.poa[i+1] == notOnAdmission:
			verdict = "not there on admission: does not count"
		}
		w.tr.add(stepSeverity, w.g.dx.show(id), w.g.excl[d.severity][d.excl], verdict)
	}
	w.tr.add(stepSeverity, sev.String(), "", "is the severity of the case")
}

// failing is the verdict of the test at which a condition ended.
func (w *Worker) failing(p *program, m *mdc) string {
	at := int16(0)
	for {
		n, d := &p.nodes[at], &p.details[at]
		if w.test(n, d, m) {
			at = n.yes
		} else {
			at = n.no
		}
		if at < 0 {
			return d.fails
		}
	}
}

// near says whether some list of a condition has a code of the case in it.
func (w *Worker) near(p *program) bool {
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.kind == codesNode && !n.neg && !p.details[i].codes.List.Valid && !p.details[i].codes.List.Present && w.bits[n.pos][n.word]&n.mask != 0 {
			return true
		}
	}
	return false
}

// matched lists the codes of the case that satisfied the tests of a condition.
func (w *Worker) matched(p *program) []string {
	begin := len(w.tr.codes)
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.kind != codesNode || n.neg || w.bits[n.pos][n.word]&n.mask == 0 {
			continue
		}
		v := &w.g.op
		first, rest := w.principal, w.op
		if n.pos.Diagnosis() {
			v, first, rest = &w.g.dx, w.dx[0], w.dx[1:]
		}
		if n.pos != rule.OtherDX && n.pos != rule.OtherOP && first >= 0 && v.of(first)[n.word]&n.mask != 0 {
			w.keep(begin, v.show(first))
		}
		if n.pos == rule.PDX || n.pos == rule.POP {
			continue
		}
		for _, id := range rest {
			if v.of(id)[n.word]&n.mask != 0 {
				w.keep(begin, v.show(id))
			}
		}
	}
	if len(w.tr.codes) == begin {
		return nil
	}
	return w.tr.codes[begin:len(w.tr.codes):len(w.tr.codes)]
}

// keep adds a code once.
func (w *Worker) keep(begin int, code string) {
	if !slices.Contains(w.tr.codes[begin:], code) {
		w.tr.codes = append(w.tr.codes, code)
	}
}
