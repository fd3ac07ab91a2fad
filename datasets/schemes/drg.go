package schemes

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

// MDC is a main diagnostic category with its gate.
type MDC struct {
	Order float64
	ID    string
	Gate  rule.Expr
	Pos   string
	ADRGs []*ADRG // in the order of evaluation
}

// ADRG is an adjacent group with the rule that a case has to satisfy.
type ADRG struct {
	Order float64
	MDC   string
	ID    string
	Name  string
	Kind  string // surgical, procedure, medical
	Expr  rule.Expr
	Pos   string
	DRGs  []*Group // in the order of evaluation
}

// Medical says whether the group is one of treatment without an operation. Tables that do not say it follow the
// code: the second letter after Q (CHS-DRG, code anatomy).
func (a *ADRG) Medical() bool {
	if a.Kind != "" {
		return a.Kind == "medical"
	}
	return len(a.ID) > 1 && a.ID[1] > 'Q'
}

// Group is a DRG and its condition.
type Group struct {
	Order     float64
	ADRG      string
	ID        string
	Name      string
	Condition rule.Expr
	Pos       string
}

type drgRows struct {
	mdcs []*MDC
}

// MDCs are the categories in the order of evaluation.
func (s *Scheme) MDCs() []*MDC { return s.drg.mdcs }

// maxFaults is how many lines one refusal names.
const maxFaults = 20

// faults collects refusals, each with file:line.
type faults []error

func (f *faults) add(pos, format string, args ...any) {
	if len(*f) < maxFaults {
		*f = append(*f, fmt.Errorf("%s: %s", pos, fmt.Sprintf(format, args...)))
	}
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return fault.Wrap(fault.Invalid, errors.Join(f...))
}

// resolve turns the tables into categories, groups and conditions, and refuses what cannot be evaluated.
func (s *Scheme) resolve() error {
	var bad faults
	mdcs := s.resolveMDCs(&bad)
	adrgs := s.resolveADRGs(&bad, mdcs)
	s.resolveGroups(&bad, adrgs)
	for _, a := range adrgs {
		if len(a.DRGs) == 0 {
			bad.add(a.Pos, "adrg %s has no DRG in drg.csv", a.ID)
		}
	}
	s.resolveLists(&bad, mdcs, adrgs)
	s.oneTable(&bad)
	s.noBlanks(&bad)
	for _, m := range mdcs {
		slices.SortStableFunc(m.ADRGs, func(a, b *ADRG) int { return cmpFloat(a.Order, b.Order) })
		s.drg.mdcs = append(s.drg.mdcs, m)
	}
	slices.SortStableFunc(s.drg.mdcs, func(a, b *MDC) int { return cmpFloat(a.Order, b.Order) })
	for _, a := range adrgs {
		slices.SortStableFunc(a.DRGs, func(a, b *Group) int { return cmpFloat(a.Order, b.Order) })
	}
	return bad.err()
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s *Scheme) resolveMDCs(bad *faults) map[string]*MDC {
	t := s.Tables["mdc.csv"]
	order, id, gate := t.Column("eval_order"), t.Column("mdc"), t.Column("gate")
	out := make(map[string]*MDC, t.Len())
	for i := range t.Len() {
		row := t.Row(i)
		m := &MDC{ID: row[id], Pos: t.Pos(i)}
		m.Order = number(bad, m.Pos, "eval_order", row[order])
		m.Gate = condition(bad, m.Pos, "gate", row[gate])
		switch {
		case m.ID == "":
			bad.add(m.Pos, "mdc is empty")
		case out[m.ID] != nil:
			bad.add(m.Pos, "mdc %s was already given at %s", m.ID, out[m.ID].Pos)
		default:
			out[m.ID] = m
		}
	}
	if len(out) == 0 {
		bad.add(t.File+":1", "no MDC in it")
	}
	return out
}

func (s *Scheme) resolveADRGs(bad *faults, mdcs map[string]*MDC) map[string]*ADRG {
	t := s.Tables["adrg.csv"]
	order, mdc, id, name, kind, expr := t.Column("eval_order"), t.Column("mdc"), t.Column("adrg"), t.Column("name"), t.Column("kind"), t.Column("expr")
	out := make(map[string]*ADRG, t.Len())
	for i := range t.Len() {
		row := t.Row(i)
		a := &ADRG{MDC: row[mdc], ID: row[id], Name: row[name], Kind: row[kind], Pos: t.Pos(i)}
		a.Order = number(bad, a.Pos, "eval_order", row[order])
		a.Expr = condition(bad, a.Pos, "expr", row[expr])
		switch {
		case a.ID == "":
			bad.add(a.Pos, "adrg is empty")
			continue
		case out[a.ID] != nil:
			bad.add(a.Pos, "adrg %s was already given at %s", a.ID, out[a.ID].Pos)
			continue
		case mdcs[a.MDC] == nil:
			bad.add(a.Pos, "adrg %s stands in mdc %q, which mdc.csv does not have", a.ID, a.MDC)
		default:
			mdcs[a.MDC].ADRGs = append(mdcs[a.MDC].ADRGs, a)
		}
		if !slices.Contains([]string{"", "surgical", "procedure", "medical"}, a.Kind) {
			bad.add(a.Pos, "kind is surgical, procedure or medical, found %q", a.Kind)
		}
		out[a.ID] = a
	}
	return out
}

func (s *Scheme) resolveGroups(bad *faults, adrgs map[string]*ADRG) {
	t := s.Tables["drg.csv"]
	order, mdc, adrg, id, name, cond := t.Column("eval_order"), t.Column("mdc"), t.Column("adrg"), t.Column("drg"), t.Column("name"), t.Column("condition")
	seen := make(map[string]string, t.Len())
	for i := range t.Len() {
		row := t.Row(i)
		g := &Group{ADRG: row[adrg], ID: row[id], Name: row[name], Pos: t.Pos(i)}
		g.Order = number(bad, g.Pos, "eval_order", row[order])
		g.Condition = condition(bad, g.Pos, "condition", row[cond])
		switch {
		case g.ID == "":
			bad.add(g.Pos, "drg is empty")
		case seen[g.ID] != "":
			bad.add(g.Pos, "drg %s was already given at %s", g.ID, seen[g.ID])
		case adrgs[g.ADRG] == nil:
			bad.add(g.Pos, "drg %s stands in adrg %q, which adrg.csv does not have", g.ID, g.ADRG)
		case row[mdc] != "" && row[mdc] != adrgs[g.ADRG].MDC:
			bad.add(g.Pos, "drg %s stands in mdc %s here, and its adrg %s in %s at %s", g.ID, row[mdc], g.ADRG, adrgs[g.ADRG].MDC, adrgs[g.ADRG].Pos)
		default:
			adrgs[g.ADRG].DRGs = append(adrgs[g.ADRG].DRGs, g)
		}
		seen[g.ID] = g.Pos
	}
}

func number(bad *faults, pos, column, text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) {
		bad.add(pos, "%s is a number, found %q", column, text)
	}
	return v
}

func condition(bad *faults, pos, column, text string) rule.Expr {
	if text == "" || text == "MISSING" {
		bad.add(pos, "column %s: the condition is missing: complete the row, or lay an overlay over the package", column)
		return rule.Always
	}
	e, err := rule.Parse(translate(text))
	if err != nil {
		bad.add(pos, "column %s: %v", column, err)
		return rule.Always
	}
	return e
}

// translate reads the few phrases in which public transcriptions still quote the program that they came from
// (OpenDRG's Python: gates and conditions of the 2022 Zhejiang tables). Whatever it does not know stays as it is, and
// is refused by the parser.
func translate(text string) string {
	if !strings.Contains(text, "record.") && !strings.Contains(text, "mdc_zd") {
		return text
	}
	text = foreignMember.ReplaceAllString(text, "ANYOP($1)")
	text = foreignFirst.ReplaceAllString(text, "POP(valid)")
	text = foreignFirstIn.ReplaceAllStringFunc(text, func(m string) string {
		var one []string
		_, codes, _ := strings.Cut(m, " in [")
		for _, code := range foreignCode.FindAllString(codes, -1) {
			one = append(one, "POP("+code+")")
		}
		return "(" + strings.Join(one, " | ") + ")"
	})
	return foreignWords.Replace(text)
}

// resolveLists checks that every list that a condition names has codes in it.
func (s *Scheme) resolveLists(bad *faults, mdcs map[string]*MDC, adrgs map[string]*ADRG) {
	dx := listNames(s.Tables["adrg_dx.csv"], adrgs, bad)
	op := listNames(s.Tables["adrg_op.csv"], adrgs, bad)
	inMDC := map[string]bool{}
	t := s.Tables["mdc_dx.csv"]
	mdc := t.Column("mdc")
	for i := range t.Len() {
		id := t.Row(i)[mdc]
		if mdcs[id] == nil && !inMDC[id] {
			bad.add(t.Pos(i), "mdc %q is not in mdc.csv", id)
		}
		inMDC[id] = true
	}
	check := func(pos, what, own, mdc string, e rule.Expr) {
		rule.Walk(e, func(atom rule.Expr) {
			c, ok := atom.(rule.Codes)
			if !ok || c.List.Code != "" || c.List.Present {
				return
			}
			adrg := c.List.ADRG
			if adrg == "" {
				adrg = own
			}
			var empty bool
			switch {
			case c.List.MDC:
				empty = !inMDC[mdc]
			case c.List.Valid:
				empty = s.Tables["op_valid.csv"].Len() == 0
			case c.Where.Diagnosis():
				empty = !dx[adrg+"."+c.List.No]
			default:
				empty = !op[adrg+"."+c.List.No]
			}
			if empty {
				bad.add(pos, "%s: the list of %s is empty", what, c)
			}
		})
	}
	for _, m := range mdcs {
		check(m.Pos, "mdc "+m.ID, "", m.ID, m.Gate)
	}
	for _, a := range adrgs {
		check(a.Pos, "adrg "+a.ID, a.ID, a.MDC, a.Expr)
		for _, g := range a.DRGs {
			check(g.Pos, "drg "+g.ID, a.ID, a.MDC, g.Condition)
		}
	}
}

func listNames(t *Table, adrgs map[string]*ADRG, bad *faults) map[string]bool {
	adrg, no := t.Column("adrg"), t.Column("list_no")
	out := map[string]bool{}
	var lastA, lastN string
	for i := range t.Len() {
		row := t.Row(i)
		if row[adrg] == lastA && row[no] == lastN {
			continue
		}
		lastA, lastN = row[adrg], row[no]
		if adrgs[lastA] == nil {
			bad.add(t.Pos(i), "adrg %q is not in adrg.csv", lastA)
		}
		out[lastA+"."+lastN] = true
	}
	return out
}

// oneTable refuses a principal diagnosis in two exclusion tables, and a complication in two.
func (s *Scheme) oneTable(bad *faults) {
	for _, name := range []string{"cce.csv", "mcc.csv", "cc.csv"} {
		t := s.Tables[name]
		code := t.Column("dx")
		if name == "cce.csv" {
			code = t.Column("principal_dx")
		}
		table := t.Column("excl_table")
		seen := make(map[string]int32, t.Len())
		for i := range t.Len() {
			row := t.Row(i)
			if row[table] == "" && name == "cce.csv" {
				bad.add(t.Pos(i), "excl_table is empty")
			}
			if first, ok := seen[row[code]]; ok {
				if t.Row(int(first))[table] == row[table] {
					if name == "cce.csv" { // harmless to grouping, and a sign that two versions were pasted together
						bad.add(t.Pos(i), "%s was already given its exclusion table at %s: take one of the rows out", row[code], t.Pos(int(first)))
					}
				} else {
					bad.add(t.Pos(i), "%s is in exclusion table %s here and in %s at %s", row[code], row[table], t.Row(int(first))[table], t.Pos(int(first)))
				}
				continue
			}
			seen[row[code]] = int32(i) //nolint:gosec // bounded by the size of the file
		}
	}
}

// noBlanks refuses rows that stand in a list and name no code.
func (s *Scheme) noBlanks(bad *faults) {
	for _, f := range drgFiles {
		code := f.key[len(f.key)-1]
		t := s.Tables[f.name]
		if f.optional || !codeColumns[code] || t.Len() == 0 {
			continue
		}
		at := t.Column(code)
		for i := range t.Len() {
			if t.Row(i)[at] == "" {
				bad.add(t.Pos(i), "%s is empty", code)
			}
		}
	}
}
