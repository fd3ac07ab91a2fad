package oracle

import (
	"math/rand/v2"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
)

// Generator makes random cases that reach into every corner of a scheme: it takes a group, builds a case towards its
// rule, and adds noise.
type Generator struct {
	rng   *rand.Rand
	dx    map[string][]string // list → codes
	op    map[string][]string
	mcc   []string
	cc    []string
	anyDx []string
	anyOp []string
	goals []goal
}

type goal struct {
	mdc   *schemes.MDC
	adrg  *schemes.ADRG
	group *schemes.Group
}

// NewGenerator makes a generator; the same seed makes the same cases.
func NewGenerator(s *schemes.Scheme, seed uint64) *Generator {
	g := &Generator{rng: rand.New(rand.NewPCG(seed, seed)), dx: map[string][]string{}, op: map[string][]string{}} //nolint:gosec // test data
	collect := func(into map[string][]string, all *[]string, table, code string, key func(row func(string) string) string) {
		t := s.Tables[table]
		for i := range t.Len() {
			row := t.Row(i)
			cell := func(name string) string { return row[t.Column(name)] }
			if into != nil {
				into[key(cell)] = append(into[key(cell)], cell(code))
			}
			*all = append(*all, cell(code))
		}
	}
	byADRG := func(row func(string) string) string { return row("adrg") + " " + row("list_no") }
	collect(g.dx, &g.anyDx, "mdc_dx.csv", "dx", func(row func(string) string) string { return "mdc " + row("mdc") })
	collect(g.dx, &g.anyDx, "adrg_dx.csv", "dx", byADRG)
	collect(g.op, &g.anyOp, "adrg_op.csv", "op", byADRG)
	collect(g.op, &g.anyOp, "op_valid.csv", "op", func(func(string) string) string { return "valid" })
	collect(nil, &g.mcc, "mcc.csv", "dx", nil)
	collect(nil, &g.cc, "cc.csv", "dx", nil)
	for _, m := range s.MDCs() {
		for _, a := range m.ADRGs {
			for _, d := range a.DRGs {
				g.goals = append(g.goals, goal{m, a, d})
			}
		}
	}
	return g
}

// Goals is how many groups there are to reach.
func (g *Generator) Goals() int { return len(g.goals) }

// Goal is the code of a group.
func (g *Generator) Goal(i int) string { return g.goals[i].group.ID }

func (g *Generator) pick(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[g.rng.IntN(len(list))]
}

// Case makes a case towards a random group, or one of loose codes.
func (g *Generator) Case() drg.Case {
	c := g.Towards(g.rng.IntN(len(g.goals)))
	if g.rng.IntN(8) == 0 {
		c.Dx[0] = g.pick(g.anyDx)
	}
	for g.rng.IntN(3) == 0 {
		c.Ops = append(c.Ops, g.pick(g.anyOp))
	}
	for g.rng.IntN(3) == 0 {
		c.Dx = append(c.Dx, g.pick(g.anyDx))
	}
	switch g.rng.IntN(40) {
	case 0:
		c.Sex = 3 - c.Sex
	case 1:
		c.WeightG = drg.Missing
	case 2:
		c.AgeYears = drg.Missing
	case 3:
		c.Dx[0] = "Z99.999x9"
	case 4:
		c.Dx = nil
	case 5:
		c.Ops = append([]string{"99.9999"}, c.Ops...)
	case 6:
		c.Sex = 0
	}
	return c
}

// Towards makes a case that may well be in a group.
func (g *Generator) Towards(i int) drg.Case {
	goal := g.goals[i]
	c := drg.NewCase()
	c.Sex, c.AgeYears, c.LOSDays = int8(1+g.rng.IntN(2)), float64(18+g.rng.IntN(70)), float64(1+g.rng.IntN(30)) //nolint:gosec // small
	var pdx, odx, pop, op []string
	satisfy := func(e rule.Expr, own string) {
		ts, err := terms(e, false)
		if err != nil || len(ts) == 0 {
			return
		}
		for _, l := range ts[g.rng.IntN(len(ts))] {
			if l.neg {
				continue
			}
			switch a := l.atom.(type) {
			case rule.Codes:
				list := own + " " + a.List.No
				if a.List.ADRG != "" {
					list = a.List.ADRG + " " + a.List.No
				}
				if a.List.MDC {
					list = "mdc " + goal.mdc.ID
				}
				if a.List.Valid {
					list = "valid"
				}
				switch a.Where {
				case rule.PDX:
					pdx = append(pdx, g.pick(g.dx[list]))
				case rule.AnyDX, rule.OtherDX:
					odx = append(odx, g.pick(g.dx[list]))
				case rule.POP:
					pop = append(pop, g.pick(g.op[list]))
				default:
					op = append(op, g.pick(g.op[list]))
				}
			case rule.Number:
				g.number(&c, a)
			case rule.Flag:
				switch a {
				case rule.Neonate:
					c.AgeYears, c.AgeDays = 0, float64(g.rng.IntN(31))
				case rule.HasMCC:
					odx = append(odx, g.pick(g.mcc))
				case rule.HasMCCOrCC, rule.HasCC:
					odx = append(odx, g.pick(g.cc))
				case rule.NewTech:
					c.NewTech = true
				case rule.DaySurgery:
					c.DaySurgery = true
				case rule.Always:
				}
			}
		}
	}
	satisfy(goal.adrg.Expr, goal.adrg.ID)
	if len(pdx) == 0 { // the gate's own choice, unless the rule has one
		satisfy(goal.mdc.Gate, "")
		if len(pdx) == 0 {
			pdx = append(pdx, g.pick(g.anyDx))
		}
	} else {
		keep, keepOps := pdx, pop
		satisfy(goal.mdc.Gate, "")
		pdx = keep
		if len(keepOps) > 0 {
			pop = keepOps
		}
	}
	satisfy(goal.group.Condition, goal.adrg.ID)
	if len(odx) > 0 && g.rng.IntN(2) == 0 && goal.mdc.ID == "MDCP" { // ANYDX may be the principal one
		pdx = odx[:1]
	}
	for g.rng.IntN(3) == 0 {
		odx = append(odx, g.pick(g.dx["mdc "+goal.mdc.ID]))
	}
	if c.AgeYears == 0 {
		if c.AgeDays != c.AgeDays { // missing
			c.AgeDays = float64(g.rng.IntN(366))
		}
		if c.WeightG != c.WeightG { // missing
			c.WeightG = float64(900 + g.rng.IntN(3500))
		}
	}
	c.Dx = append(append(c.Dx, pdx[0]), odx...)
	c.Ops = append(append(c.Ops, pop...), op...)
	return c
}

// number brings a number of the case into an interval.
func (g *Generator) number(c *drg.Case, n rule.Number) {
	inside := func(lo, hi float64) float64 {
		lo, hi = max(lo, n.Lo), min(hi, n.Hi)
		if n.HiOpen && hi == n.Hi {
			hi--
		}
		if hi <= lo {
			return lo
		}
		return lo + float64(g.rng.IntN(int(hi-lo)+1))
	}
	switch n.Of {
	case rule.Sex:
		c.Sex = int8(n.Lo)
	case rule.Age:
		c.AgeYears = inside(0, 100)
	case rule.AgeDays:
		c.AgeYears, c.AgeDays = 0, inside(0, 365)
	case rule.Weight:
		if c.WeightG != c.WeightG { // missing
			c.WeightG = inside(600, 4500)
		} else if c.WeightG < n.Lo || c.WeightG > n.Hi || (n.HiOpen && c.WeightG >= n.Hi) {
			c.WeightG = inside(600, 4500)
		}
	case rule.LOS:
		c.LOSDays = inside(1, 90)
	default: // the oracle refuses rules with other numbers
	}
}
