package dip

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
)

// candidate is a row that takes the case.
type candidate struct {
	at      int32
	matched int // operations of the case that its expression names
}

// Group finds the group of a case; any goroutine may call it.
func (c *Catalogue) Group(in *Case) Result {
	r, _ := c.group(in, false)
	return r
}

// Explain finds the group and tells the path.
func (c *Catalogue) Explain(in *Case) (Result, []Step) { return c.group(in, true) }

func (c *Catalogue) group(in *Case, explain bool) (Result, []Step) {
	var steps []Step
	note := func(step, subject, rule string, codes []string, verdict string) {
		if explain {
			steps = append(steps, Step{step, subject, rule, codes, verdict})
		}
	}
	dx := ""
	for _, code := range in.Dx {
		if dx = mapped(c.dxMap, code); dx != "" {
			break
		}
	}
	if dx == "" {
		note("reason", Ungrouped, "", nil, NoPDX)
		return Result{Code: Ungrouped, Reason: NoPDX}, steps
	}
	ops := make([]string, 0, 16)
	class := Conservative
	for _, code := range in.Ops {
		if code = mapped(c.opMap, code); code == "" {
			continue
		}
		ops = append(ops, code)
		k := c.class[code]
		class = max(class, k)
		note("op_class", code, "", nil, k.String())
	}
	note("op_class", "case", "", nil, class.String())
	found := c.candidates(make([]candidate, 0, 16), dx, ops, class)
	if explain {
		for _, f := range found {
			g := &c.groups[f.at]
			note("candidate", g.Code, g.DxKey+" "+g.OpExpr, g.named(dx, ops), g.Kind.String()+" "+g.Class.String()+", "+strconv.Itoa(f.matched)+" operations named")
		}
	}
	if len(found) == 0 {
		note("reason", Ungrouped, "", nil, "no row of the catalogue takes this diagnosis with this class of operation")
		return Result{Code: Ungrouped, Class: class, Reason: Ungrouped}, steps
	}
	best := found[0]
	for _, f := range found[1:] {
		if c.better(f, best, in.Fee) {
			best = f
		}
	}
	g := &c.groups[best.at]
	if explain {
		note("group", g.Code, g.DxKey+" "+g.OpExpr, g.named(dx, ops), "taken: "+g.Kind.String()+" "+g.Class.String())
	}
	r := Result{Code: g.Code, Group: g, Class: class}
	r.Factor = c.aux.factor(in, g, dx, ops)
	if r.Factor.Kind != "" {
		note("auxiliary", r.Factor.Kind, r.Factor.Level, nil, "factor "+r.Factor.Value.String())
	}
	return r, steps
}

// mapped brings a code into the form of the tables, and applies the package's map of old codes.
func mapped(m map[string]string, code string) string {
	code = schemes.NormalCode(code)
	if to, ok := m[code]; ok {
		return to
	}
	return code
}

func (c *Catalogue) candidates(found []candidate, dx string, ops []string, class Class) []candidate {
	withOps := false
	for n := min(c.longest, len(dx)); n >= 1; n-- {
		for _, at := range c.exact[dx[:n]] {
			g := &c.groups[at]
			if len(g.Ops) == 0 {
				continue
			}
			if matched, ok := g.satisfied(ops); ok {
				found = append(found, candidate{at, matched})
				withOps = true
			}
		}
	}
	for n := min(c.longest, len(dx)); n >= 1 && !withOps; n-- {
		for _, at := range c.exact[dx[:n]] { // no expression: conservative care, or any operation of the class
			if g := &c.groups[at]; len(g.Ops) == 0 && g.Class == class.level() {
				found = append(found, candidate{at, 0})
			}
		}
	}
	for n := min(3, len(dx)); n >= 1; n-- {
		if !utf8.RuneStart(dx[n-1]) {
			continue
		}
		before := len(found)
		for _, at := range c.category[dx[:n]] {
			if c.groups[at].Class == class.level() {
				found = append(found, candidate{at, 0})
			}
		}
		if len(found) > before {
			return found
		}
	}
	for _, at := range c.ranges {
		if g := &c.groups[at]; g.Class == class.level() && g.inRange(dx) {
			found = append(found, candidate{at, 0})
		}
	}
	return found
}

// inRange compares as many characters as the bounds have: I21 lies in A00-Z99, I21.4 in I20-I25.
func (g *Group) inRange(dx string) bool {
	return dx[:min(len(dx), len(g.from))] >= g.from && dx[:min(len(dx), len(g.to))] <= g.to
}

// satisfied says whether the operations of a case contain one of each part, and how many of them are named.
func (g *Group) satisfied(ops []string) (matched int, ok bool) {
	for _, part := range g.Ops {
		if !slices.ContainsFunc(ops, func(op string) bool { return among(part, op) }) {
			return 0, false
		}
	}
	for i, op := range ops {
		if !slices.Contains(ops[:i], op) && slices.ContainsFunc(g.Ops, func(part []string) bool { return among(part, op) }) {
			matched++
		}
	}
	return matched, true
}

// named are the codes of the case that the group's row asks for: the diagnosis, and the operations of its expression.
func (g *Group) named(dx string, ops []string) []string {
	codes := []string{dx}
	for _, op := range ops {
		if slices.ContainsFunc(g.Ops, func(part []string) bool { return among(part, op) }) && !slices.Contains(codes, op) {
			codes = append(codes, op)
		}
	}
	return codes
}

// wholeCode is the length of a full operation code (36.0601); a shorter one in a catalogue stands for all codes that begin so.
const wholeCode = 7

// among says whether an operation is one of a part's.
func among(part []string, op string) bool {
	for _, code := range part {
		if op == code || (len(code) < wholeCode && strings.HasPrefix(op, code)) {
			return true
		}
	}
	return false
}

// better orders two candidates: kind and class first, then more parts joined by +, more named operations, the mean
// cost nearer to the case's, and the lower code.
func (c *Catalogue) better(a, b candidate, fee int64) bool {
	ga, gb := &c.groups[a.at], &c.groups[b.at]
	if x, y := c.rank(ga), c.rank(gb); x != y {
		return x < y
	}
	if x, y := len(ga.Ops), len(gb.Ops); x != y {
		return x > y
	}
	if a.matched != b.matched {
		return a.matched > b.matched
	}
	if !c.opt.IgnoreCost && fee >= 0 {
		if x, y := ga.distance(fee), gb.distance(fee); x != y {
			return x < y
		}
	}
	return ga.Code < gb.Code
}

// distance is how far a cost is from the mean of the group. A group without a mean is farther than any: were it equal
// to every other, the order of the rows would decide.
func (g *Group) distance(fee int64) int64 {
	if g.MeanCost < 0 {
		return math.MaxInt64
	}
	return max(g.MeanCost-fee, fee-g.MeanCost)
}

// rank is the order of public multi-city strategies: core and basic groups with an operation by class, then
// comprehensive ones with an operation, then conservative care.
func (c *Catalogue) rank(g *Group) int {
	class := map[Class]int{Surgery: 0, Therapeutic: 1, Diagnostic: 2, Conservative: 3}[g.Class]
	if c.opt.BasicAfterCore {
		return int(g.Kind)*4 + class
	}
	switch {
	case g.Class == Conservative:
		return 9 + int(g.Kind)
	case g.Kind == Comprehensive:
		return 6 + class
	}
	return class*2 + int(g.Kind)
}
