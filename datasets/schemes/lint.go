package schemes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
)

// Finding is one kind of defect of a scheme, with its number and the first places.
type Finding struct {
	Level  string   `json:"level"` // E: the scheme is refused. W: counted, it groups all the same
	Check  string   `json:"check"`
	Title  string   `json:"title"`
	Count  int      `json:"count"`
	Places []string `json:"places,omitempty"`
	ByMDC  []Tally  `json:"by_mdc,omitempty"`
}

// Tally is a number for a category.
type Tally struct {
	MDC   string `json:"mdc"`
	Count int    `json:"count"`
}

// Lint lists the defects of a scheme as read; readErr is what Read refused it for, nil if it did not.
func Lint(s *Scheme, readErr error) []Finding {
	var out []Finding
	if readErr != nil {
		lines := strings.Split(readErr.Error(), "\n")
		out = append(out, Finding{Level: "E", Check: "refused", Title: "rows that cannot be used", Count: len(lines), Places: lines})
	}
	if s == nil || s.Kind != DRG || s.Tables["op_valid.csv"] == nil {
		return out
	}
	l := &linter{s: s}
	l.index()
	for _, check := range []func() Finding{
		l.orphanADRG, l.orphanMDC, l.twoMDCs, l.opsNotValid, l.opsUnlisted, l.opsInManyMDCs, l.noLastGroup, l.mccAndCC, l.duplicates,
		l.selfExclusion, l.greyInMDC, l.greyValid, l.inNoMDC, l.unusedLists,
	} {
		if f := check(); f.Count > 0 {
			f.Level = "W"
			out = append(out, f)
		}
	}
	return out
}

// maxPlaces is how many places a finding names.
const maxPlaces = 10

type linter struct {
	s     *Scheme
	adrgs map[string]*ADRG
	mdcDx map[string]map[string]bool // mdc → dx
	dxIn  map[string][]string        // dx → mdc
	valid map[string]bool
	opIn  map[string]map[string]bool // op → mdc of the lists it is in
}

func (l *linter) index() {
	l.adrgs, l.mdcDx, l.dxIn = map[string]*ADRG{}, map[string]map[string]bool{}, map[string][]string{}
	l.valid, l.opIn = map[string]bool{}, map[string]map[string]bool{}
	for _, m := range l.s.MDCs() {
		for _, a := range m.ADRGs {
			l.adrgs[a.ID] = a
		}
	}
	l.each("mdc_dx.csv", []string{"mdc", "dx"}, func(_ string, c []string) {
		if l.mdcDx[c[0]] == nil {
			l.mdcDx[c[0]] = map[string]bool{}
		}
		if !l.mdcDx[c[0]][c[1]] {
			l.mdcDx[c[0]][c[1]] = true
			l.dxIn[c[1]] = append(l.dxIn[c[1]], c[0])
		}
	})
	l.each("op_valid.csv", []string{"op"}, func(_ string, c []string) { l.valid[c[0]] = true })
	l.each("adrg_op.csv", []string{"adrg", "op"}, func(_ string, c []string) {
		if l.opIn[c[1]] == nil {
			l.opIn[c[1]] = map[string]bool{}
		}
		if a := l.adrgs[c[0]]; a != nil {
			l.opIn[c[1]][a.MDC] = true
		}
	})
}

// each walks the rows of a table, where it is there.
func (l *linter) each(table string, columns []string, do func(pos string, cells []string)) {
	t := l.s.Tables[table]
	if t.Len() == 0 {
		return
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = t.Column(c)
	}
	cells := make([]string, len(columns))
	for i := range t.Len() {
		row := t.Row(i)
		for j, c := range at {
			cells[j] = row[c]
		}
		do(t.Pos(i), cells)
	}
}

func (f *Finding) at(mdc, format string, args ...any) {
	f.Count++
	if len(f.Places) < maxPlaces {
		f.Places = append(f.Places, fmt.Sprintf(format, args...))
	}
	if mdc == "" {
		return
	}
	for i := range f.ByMDC {
		if f.ByMDC[i].MDC == mdc {
			f.ByMDC[i].Count++
			return
		}
	}
	f.ByMDC = append(f.ByMDC, Tally{mdc, 1})
	slices.SortFunc(f.ByMDC, func(a, b Tally) int { return strings.Compare(a.MDC, b.MDC) })
}

// orphanADRG: a group's own diagnosis that its category does not let in yields 0000 (252 in CHS-DRG 1.1, 166 of them burns in MDCW).
func (l *linter) orphanADRG() Finding {
	f := Finding{Check: "adrg_dx_not_in_mdc", Title: "diagnoses of an ADRG that are missing from the list of its MDC"}
	l.each("adrg_dx.csv", []string{"adrg", "dx"}, func(pos string, c []string) {
		if a := l.adrgs[c[0]]; a != nil && !l.mdcDx[a.MDC][c[1]] {
			f.at(a.MDC, "%s: %s of %s is not in %s", pos, c[1], c[0], a.MDC)
		}
	})
	return f
}

// orphanMDC: a diagnosis that its category lets in and no medical group takes (154 in CHS-DRG 1.1). A category with a
// medical group that asks for no diagnosis takes all.
func (l *linter) orphanMDC() Finding {
	f := Finding{Check: "mdc_dx_without_medical_adrg", Title: "diagnoses of an MDC that no medical ADRG takes"}
	takes, all := map[string]bool{}, map[string]bool{}
	for _, a := range l.adrgs {
		if !a.Medical() {
			continue
		}
		byDx := false
		rule.Walk(a.Expr, func(atom rule.Expr) {
			if c, ok := atom.(rule.Codes); ok && c.Where.Diagnosis() {
				byDx = true
			}
		})
		if !byDx {
			all[a.MDC] = true
		}
	}
	l.each("adrg_dx.csv", []string{"adrg", "dx"}, func(_ string, c []string) {
		if a := l.adrgs[c[0]]; a != nil && a.Medical() {
			takes[a.MDC+" "+c[1]] = true
		}
	})
	l.each("mdc_dx.csv", []string{"mdc", "dx"}, func(pos string, c []string) {
		if !all[c[0]] && !takes[c[0]+" "+c[1]] {
			f.at(c[0], "%s: %s", pos, c[1])
		}
	})
	return f
}

func (l *linter) twoMDCs() Finding {
	f := Finding{Check: "dx_in_two_mdcs", Title: "diagnoses in two ordinary MDCs: the order of evaluation decides"}
	special := map[string]bool{"MDCA": true, "MDCP": true, "MDCY": true, "MDCZ": true}
	for _, dx := range sortedKeys(l.dxIn) {
		var in []string
		for _, m := range l.dxIn[dx] {
			if !special[m] {
				in = append(in, m)
			}
		}
		if len(in) > 1 {
			f.at("", "%s: %s", dx, strings.Join(in, " "))
		}
	}
	return f
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (l *linter) opsNotValid() Finding {
	f := Finding{Check: "op_listed_not_valid", Title: "operations of an ADRG that are not in op_valid"}
	for _, op := range sortedKeys(l.opIn) {
		if !l.valid[op] {
			f.at("", "%s", op)
		}
	}
	return f
}

func (l *linter) opsUnlisted() Finding {
	f := Finding{Check: "op_valid_not_listed", Title: "operations in op_valid that no ADRG lists: they can only make a case ambiguous"}
	for _, op := range sortedKeys(l.valid) {
		if l.opIn[op] == nil {
			f.at("", "%s", op)
		}
	}
	return f
}

func (l *linter) opsInManyMDCs() Finding {
	f := Finding{Check: "op_in_many_mdcs", Title: "operations that lead into more than one MDC"}
	for _, op := range sortedKeys(l.opIn) {
		if n := len(l.opIn[op]); n > 1 {
			f.at("", "%s: %d MDCs", op, n)
		}
	}
	return f
}

func (l *linter) noLastGroup() Finding {
	f := Finding{Check: "adrg_without_last_drg", Title: "ADRGs whose last DRG has a condition: a case may find none (NO_DRG_CONDITION)"}
	for _, id := range sortedKeys(l.adrgs) {
		a := l.adrgs[id]
		if n := len(a.DRGs); n > 0 && a.DRGs[n-1].Condition != rule.Expr(rule.Always) {
			f.at(a.MDC, "%s: %s", a.DRGs[n-1].Pos, a.DRGs[n-1].ID)
		}
	}
	return f
}

func (l *linter) mccAndCC() Finding {
	f := Finding{Check: "mcc_and_cc", Title: "diagnoses that are MCC and CC: taken as MCC"}
	mcc := map[string]bool{}
	l.each("mcc.csv", []string{"dx"}, func(_ string, c []string) { mcc[c[0]] = true })
	l.each("cc.csv", []string{"dx"}, func(pos string, c []string) {
		if mcc[c[0]] {
			f.at("", "%s: %s", pos, c[0])
		}
	})
	return f
}

func (l *linter) duplicates() Finding {
	f := Finding{Check: "duplicate_rows", Title: "rows that say the same twice"}
	for _, table := range drgFiles {
		seen := map[string]bool{}
		l.each(table.name, table.key, func(pos string, c []string) {
			key := strings.Join(c, "\x1f")
			if seen[key] {
				f.at("", "%s", pos)
			}
			seen[key] = true
		})
	}
	return f
}

// selfExclusion: most complications stand in their own exclusion table, so that a repeated principal diagnosis does not count.
func (l *linter) selfExclusion() Finding {
	f := Finding{Check: "complication_not_self_excluding", Title: "complications that do not exclude themselves: repeated as a secondary diagnosis they count"}
	excl := map[string]string{}
	l.each("cce.csv", []string{"principal_dx", "excl_table"}, func(_ string, c []string) { excl[c[0]] = c[1] })
	for _, table := range []string{"mcc.csv", "cc.csv"} {
		l.each(table, []string{"dx", "excl_table"}, func(pos string, c []string) {
			if excl[c[0]] != c[1] || c[1] == "" {
				f.at("", "%s: %s", pos, c[0])
			}
		})
	}
	return f
}

func (l *linter) greyInMDC() Finding {
	f := Finding{Check: "grey_dx_in_mdc", Title: "grey diagnoses (灰码) in the list of an MDC"}
	l.each("dx_grey.csv", []string{"dx"}, func(pos string, c []string) {
		if len(l.dxIn[c[0]]) > 0 {
			f.at("", "%s: %s", pos, c[0])
		}
	})
	return f
}

func (l *linter) greyValid() Finding {
	f := Finding{Check: "grey_op_valid", Title: "grey operations (灰码) that are still in op_valid"}
	l.each("op_grey.csv", []string{"op"}, func(pos string, c []string) {
		if l.valid[c[0]] {
			f.at("", "%s: %s", pos, c[0])
		}
	})
	return f
}

func (l *linter) inNoMDC() Finding {
	f := Finding{Check: "icd_dx_in_no_mdc", Title: "diagnoses of the code list that are in no MDC: as principal diagnosis they yield 0000"}
	l.each("icd_dx.csv", []string{"code"}, func(pos string, c []string) {
		if len(l.dxIn[c[0]]) == 0 {
			f.at("", "%s: %s", pos, c[0])
		}
	})
	return f
}

// unusedLists are lists that no rule asks for.
func (l *linter) unusedLists() Finding {
	f := Finding{Check: "list_without_rule", Title: "code lists that no rule asks for"}
	asked := map[string]bool{}
	note := func(own string, e rule.Expr) {
		rule.Walk(e, func(atom rule.Expr) {
			if c, ok := atom.(rule.Codes); ok && c.List.No != "" {
				adrg := c.List.ADRG
				if adrg == "" {
					adrg = own
				}
				asked[fmt.Sprint(c.Where.Diagnosis(), adrg, c.List.No)] = true
			}
		})
	}
	for _, a := range l.adrgs {
		note(a.ID, a.Expr)
		for _, g := range a.DRGs {
			note(a.ID, g.Condition)
		}
	}
	for _, m := range l.s.MDCs() {
		note("", m.Gate)
	}
	for _, table := range []string{"adrg_dx.csv", "adrg_op.csv"} {
		seen := map[string]bool{}
		l.each(table, []string{"adrg", "list_no"}, func(pos string, c []string) {
			key := fmt.Sprint(table == "adrg_dx.csv", c[0], c[1])
			if !asked[key] && !seen[key] {
				f.at("", "%s: list %s of %s", pos, c[1], c[0])
			}
			seen[key] = true
		})
	}
	return f
}
