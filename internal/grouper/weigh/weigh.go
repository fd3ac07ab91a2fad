// Package weigh finds what groups of cases are worth: the relative weight (DIP: score) of each group from one to three
// years of costs, how well the grouping explains cost, what a weight is paid in each level of hospital, and the
// coefficients of levels and hospitals. Everything is a pure function of grouped cases and one parameter set; which
// cases are set aside before averaging, the weights of the years and the threshold of small groups are configuration.
// The order of the cases changes nothing: sums are exact, and what is not a sum is computed on sorted costs. It groups
// no case, pays none (package settle does) and reads no file.
package weigh

import (
	"iter"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// The five classes of cost of the structure adjustment (DRG technical norm 2019: 医疗 护理 医技 药耗 管理).
const (
	Medical = iota
	Nursing
	Tech
	DrugMaterial
	Admin
	PartCount
)

// PartNames are the keys of the classes in files.
var PartNames = [PartCount]string{"medical", "nursing", "tech", "drug_material", "admin"}

// Case is a grouped discharge.
type Case struct {
	ID        string
	Year      int
	Org       string
	Level     string // of the hospital, as the settlement parameters write it
	Insurance string
	Group     string
	ADRG      string // empty: the first three characters of a DRG
	Status    string // OK, 0000, QY, UNGROUPED; empty is OK
	Cost      int64  // total cost in fen
	LOS       float64
	Parts     *[PartCount]int64 // the cost by class, fen; needed where the parameters adjust the structure
}

// MaxCost bounds a case, in fen (10¹⁰ yuan), so that no sum overflows.
const MaxCost = 1_000_000_000_000

// losPlaces: stays are kept in hundredths of a day.
const losPlaces = 100

// record is what is kept of a case; 32 bytes, because a province has 10⁷ of them in three years.
type record struct {
	cost  int64
	los   int32
	part  int32 // index into parts
	org   int32
	year  int16
	level uint16
	ins   uint16
}

// group is a group with its cases.
type group struct {
	code, adrg string
	cases      []record
}

// names numbers texts in the order they come; nothing that is put out depends on the numbers.
type names struct {
	id   map[string]int
	list []string
}

func (n *names) number(s string) int {
	if id, ok := n.id[s]; ok {
		return id
	}
	if n.id == nil {
		n.id = map[string]int{}
	}
	id := len(n.list)
	s = strings.Clone(s)
	n.id[s], n.list = id, append(n.list, s)
	return id
}

type insYear struct {
	ins, year int
}

// pool is all cases of a run.
type pool struct {
	p       *Params
	groups  map[string]*group
	parts   [][PartCount]int64
	orgs    names
	levels  names
	inss    names
	account Account
	aside   map[insYear]int64 // cost of cases without a group
	years   []yearWeight      // oldest first
}

type yearWeight struct {
	year   int
	weight *big.Rat
}

// Account says what became of every case that was read.
type Account struct {
	Read      int64            `json:"read"`
	Used      int64            `json:"used"`
	Trimmed   []RuleCount      `json:"trimmed"` // in the order of the rules
	Ungrouped map[string]int64 `json:"ungrouped"`
	NoCost    int64            `json:"no_cost"`       // grouped, and the cost is not positive
	NoParts   int64            `json:"no_parts"`      // structure adjustment: the classes do not sum to the cost
	Outside   int64            `json:"outside_years"` // of a year without a weight
}

// RuleCount is what one rule of trimming took out.
type RuleCount struct {
	Rule  string `json:"rule"`
	Cases int64  `json:"cases"`
}

func (a *Account) balance() error {
	sum := a.Used + a.NoCost + a.NoParts + a.Outside
	for _, t := range a.Trimmed {
		sum += t.Cases
	}
	for _, n := range a.Ungrouped {
		sum += n
	}
	if sum != a.Read {
		return fault.New(fault.Internal, "weigh: %d cases were read and %d are accounted for", a.Read, sum)
	}
	return nil
}

// Expert is a weight set by experts for a group, and flags of the payment table.
type Expert struct {
	Group string
	RW    *decimal.Decimal
	Flags []string
}

// Weigh reads all cases and works out everything the parameters ask for.
func Weigh(p *Params, cases iter.Seq2[Case, error], experts []Expert) (*Result, error) {
	l := &pool{p: p, groups: map[string]*group{}, aside: map[insYear]int64{}, account: Account{Ungrouped: map[string]int64{}}}
	for c, err := range cases {
		if err != nil {
			return nil, err
		}
		if err := l.add(&c); err != nil {
			return nil, err
		}
	}
	l.settleYears()
	out := &Result{ID: p.ID, Params: p.hash, Scheme: p.Scheme, pool: l, rounding: p.Rounding}
	for _, y := range l.years {
		out.Years = append(out.Years, YearShare{Year: y.year, Weight: toDecimal(y.weight, weightPlaces)})
	}
	codes := slices.Sorted(maps.Keys(l.groups))
	out.Groups = make([]Group, len(codes))
	before := newMoments()
	l.paid(out) // before trimming: what was trimmed will be paid all the same
	for i, code := range codes {
		g := l.groups[code]
		out.Groups[i] = Group{Code: code, ADRG: g.adrg, Before: spreadOf(g.cases), Trimmed: make([]int64, len(p.Trim))}
		before.addAll(g.cases)
	}
	out.Before = qualityOf(out.Groups, before, func(g *Group) *Spread { return &g.Before })
	l.trim(codes, out.Groups)
	after := newMoments()
	for i, code := range codes {
		g := l.groups[code]
		out.Groups[i].After = spreadOf(g.cases)
		l.account.Used += int64(len(g.cases))
		after.addAll(g.cases)
	}
	out.After = qualityOf(out.Groups, after, func(g *Group) *Spread { return &g.After })
	for i, rule := range p.Trim {
		n := int64(0)
		for k := range out.Groups {
			n += out.Groups[k].Trimmed[i]
		}
		l.account.Trimmed = append(l.account.Trimmed, RuleCount{rule.ID, n})
	}
	if err := l.account.balance(); err != nil {
		return nil, err
	}
	out.Account = l.account
	if out.Account.Used == 0 {
		return nil, fault.New(fault.Invalid, "weigh: of %d cases none is left to average: see the years, the statuses and the trimming rules of parameters %s", out.Account.Read, p.ID)
	}
	if err := l.weights(out, experts); err != nil {
		return nil, err
	}
	if err := l.coefficients(out); err != nil {
		return nil, err
	}
	return out, l.rates(out)
}

// add files a case under its group, or counts why it cannot be.
func (l *pool) add(c *Case) error {
	l.account.Read++
	if c.Cost > MaxCost || c.Cost < -MaxCost {
		return fault.New(fault.Invalid, "weigh: case %d: the cost is beyond 10^10 yuan", l.account.Read)
	}
	status := c.Status
	if status == "" {
		status = statusOK
	}
	ins := l.inss.number(c.Insurance)
	switch {
	case !slices.Contains(l.p.statuses(), status) || c.Group == "":
		if c.Group == "" && status == statusOK {
			status = "no_group"
		}
		l.account.Ungrouped[status]++
		l.aside[insYear{ins, c.Year}] += max(0, c.Cost)
		return nil
	case c.Cost <= 0:
		l.account.NoCost++
		return nil
	}
	r := record{cost: c.Cost, org: int32(l.orgs.number(c.Org)), year: int16(c.Year), ins: uint16(ins), part: -1} //nolint:gosec // few names
	los := c.LOS*losPlaces + 0.5
	if !(los >= 0 && los < 1<<31) { // true for NaN too
		return fault.New(fault.Invalid, "weigh: case %d: the stay is not a number of days", l.account.Read)
	}
	r.los = int32(los)
	r.level = uint16(l.levels.number(c.Level)) //nolint:gosec // few names
	if c.Year < 0 || c.Year > 1<<15-1 {
		return fault.New(fault.Invalid, "weigh: case %d: the year is not a year", l.account.Read)
	}
	if l.p.Structure != nil {
		sum := int64(0)
		if c.Parts != nil {
			for _, v := range c.Parts {
				sum += v
			}
		}
		if c.Parts == nil || sum != c.Cost {
			l.account.NoParts++
			l.aside[insYear{ins, c.Year}] += c.Cost
			return nil
		}
		r.part = int32(len(l.parts)) //nolint:gosec // bounded by memory
		l.parts = append(l.parts, *c.Parts)
	}
	g := l.groups[c.Group]
	if g == nil {
		g = &group{code: strings.Clone(c.Group), adrg: strings.Clone(l.adrgOf(c))}
		l.groups[g.code] = g
	}
	if a := l.adrgOf(c); a != g.adrg {
		return fault.New(fault.Invalid, "weigh: case %d: group %s belongs to two ADRGs, %q and %q", l.account.Read, g.code, min(a, g.adrg), max(a, g.adrg))
	}
	g.cases = append(g.cases, r)
	return nil
}

const (
	statusOK   = "OK"
	adrgLength = 3 // of CHS-DRG codes
)

func (l *pool) adrgOf(c *Case) string {
	if c.ADRG == "" && l.p.Scheme != settle.SchemeDIP {
		return c.Group[:min(adrgLength, len(c.Group))]
	}
	return c.ADRG
}

// settleYears turns "two years back" into years by the latest one there is, and counts cases of years without a weight.
func (l *pool) settleYears() {
	if len(l.p.Years) == 0 {
		return
	}
	latest := 0
	for _, g := range l.groups {
		for i := range g.cases {
			latest = max(latest, int(g.cases[i].year))
		}
	}
	for _, y := range l.p.Years {
		year := latest
		if y.Year != nil {
			year = *y.Year
		} else {
			year -= *y.Back
		}
		l.years = append(l.years, yearWeight{year, rat(y.Weight.Decimal)})
	}
	slices.SortFunc(l.years, func(a, b yearWeight) int { return a.year - b.year })
	for code, g := range l.groups {
		kept := g.cases[:0]
		for _, r := range g.cases {
			if l.yearIndex(int(r.year)) >= 0 {
				kept = append(kept, r)
			}
		}
		l.account.Outside += int64(len(g.cases) - len(kept))
		if g.cases = kept; len(kept) == 0 {
			delete(l.groups, code)
		}
	}
}

// yearIndex is the place of a year among the weights; where the parameters name no years, all cases are of one.
func (l *pool) yearIndex(year int) int {
	if len(l.years) == 0 {
		return 0
	}
	return slices.IndexFunc(l.years, func(y yearWeight) bool { return y.year == year })
}

// last says whether a case is of the last year: the one that rates and references are drawn from.
func (l *pool) last(year int) bool {
	return len(l.years) == 0 || year == l.years[len(l.years)-1].year
}
