package weigh

import (
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// yearSum is the exact cost of the used cases of a group (or of several) in one year.
type yearSum struct {
	n, cost int64
	parts   [PartCount]int64
}

// sums by the years of the parameters.
type sums []yearSum

func (l *pool) sums(cases []record) sums {
	s := make(sums, max(1, len(l.years)))
	for i := range cases {
		r := &cases[i]
		y := &s[l.yearIndex(int(r.year))]
		y.n++
		y.cost += r.cost
		if r.part >= 0 {
			for k, v := range l.parts[r.part] {
				y.parts[k] += v
			}
		}
	}
	return s
}

func (s sums) plus(o sums) sums {
	if s == nil {
		return slices.Clone(o)
	}
	for i := range o {
		s[i].n += o[i].n
		s[i].cost += o[i].cost
		for k := range o[i].parts {
			s[i].parts[k] += o[i].parts[k]
		}
	}
	return s
}

func (s sums) cases() (n int64) {
	for _, y := range s {
		n += y.n
	}
	return n
}

// mean is Σ w·mean of a year / Σ w over the years that have cases, in fen; nil without cases.
func (l *pool) mean(s sums, of func(*yearSum) int64) *big.Rat {
	total, weight := new(big.Rat), new(big.Rat)
	for i := range s {
		if s[i].n == 0 {
			continue
		}
		w := big.NewRat(1, 1)
		if len(l.years) > 0 {
			w = l.years[i].weight
		}
		total.Add(total, new(big.Rat).Mul(w, big.NewRat(of(&s[i]), s[i].n)))
		weight.Add(weight, w)
	}
	if weight.Sign() == 0 {
		return nil
	}
	return total.Quo(total, weight)
}

func costOf(y *yearSum) int64 { return y.cost }

// scale is how the mean cost relates to a weight: by factors of the classes of cost where the structure is adjusted.
type scale struct {
	l       *pool
	factors *[PartCount]*big.Rat
	all     *big.Rat // mean of all, after adjustment
}

func (l *pool) scaleOf(all sums) (*scale, error) {
	s := &scale{l: l}
	mean := l.mean(all, costOf)
	if st := l.p.Structure; st != nil {
		s.factors = &[PartCount]*big.Rat{}
		list := st.Factors
		if st.Shares != nil {
			list = st.Shares
		}
		for i, v := range list.list() {
			s.factors[i] = rat(v)
			if st.Shares == nil {
				continue
			}
			part := l.mean(all, func(y *yearSum) int64 { return y.parts[i] })
			switch {
			case part.Sign() > 0: // the share it ought to have, over the share it has
				s.factors[i].Mul(s.factors[i], new(big.Rat).Quo(mean, part))
			case v.IsPositive():
				return nil, fault.New(fault.Invalid, "weigh: structure.shares: no case has cost of class %s", PartNames[i])
			}
		}
	}
	s.all = s.adjusted(all)
	if s.all == nil || s.all.Sign() <= 0 {
		return nil, fault.New(fault.Invalid, "weigh: the mean cost of all cases is not positive")
	}
	return s, nil
}

// adjusted is the mean cost after the structure adjustment.
func (s *scale) adjusted(of sums) *big.Rat {
	if s.factors == nil {
		return s.l.mean(of, costOf)
	}
	total := new(big.Rat)
	for i, f := range s.factors {
		part := s.l.mean(of, func(y *yearSum) int64 { return y.parts[i] })
		if part == nil {
			return nil
		}
		total.Add(total, new(big.Rat).Mul(f, part))
	}
	return total
}

func (s *scale) weight(of sums) *big.Rat {
	mean := s.adjusted(of)
	if mean == nil {
		return nil
	}
	return mean.Quo(mean, s.all)
}

// Places of numbers in the report.
const (
	weightPlaces = 6
	factorPlaces = 10
)

// weights finds the weight of each group: its own, or that of its ADRG, or the experts'.
func (l *pool) weights(out *Result, experts []Expert) error {
	by := make([]sums, len(out.Groups))
	var all sums
	adrg := map[string]sums{}
	for i := range out.Groups {
		g := &out.Groups[i]
		by[i] = l.sums(l.groups[g.Code].cases)
		all = all.plus(by[i])
		if g.ADRG != "" {
			adrg[g.ADRG] = adrg[g.ADRG].plus(by[i])
		}
	}
	sc, err := l.scaleOf(all)
	if err != nil {
		return err
	}
	out.allMean = l.mean(all, costOf)
	out.Mean = l.money(out.allMean)
	for i := range out.Groups {
		g := &out.Groups[i]
		if mean := l.mean(by[i], costOf); mean != nil {
			m := l.money(mean)
			g.Mean = &m
		}
		g.exact, g.From = sc.weight(by[i]), own
		g.Unstable = g.After.Cases < int64(l.p.Small.Below) || (l.p.Small.CVOver != nil && g.After.CV != nil && *g.After.CV > l.p.Small.CVOver.InexactFloat64())
		if g.Unstable {
			switch wide := adrg[g.ADRG]; l.p.Small.Weight {
			case fromADRG:
				if wide.cases() >= max(1, int64(l.p.Small.Below)) { // an ADRG as small says no more than the group itself
					g.exact, g.From = sc.weight(wide), fromADRG
				}
			case noWeight:
				g.exact = nil
			}
		}
		if g.exact == nil {
			g.From = noWeight
		}
		if g.Unstable && (l.p.Small.Flag == nil || *l.p.Small.Flag) {
			g.Flags = append(g.Flags, settle.FlagUnstable)
		}
	}
	moved, err := out.take(experts)
	if err != nil {
		return err
	}
	if moved && l.p.Scheme == settle.SchemePoints {
		return fault.New(fault.Invalid, "weigh: scheme points: settlement draws base points from mean costs, so that experts cannot set weights")
	}
	cases, total := out.totalWeight(func(g *Group) *big.Rat { return g.exact })
	out.KeepFactor = decimal.NewFromInt(1)
	if total.Sign() > 0 && (l.p.KeepTotal == keepAlways || (l.p.KeepTotal == keepExpert && moved)) {
		f := new(big.Rat).Quo(cases, total)
		out.KeepFactor = toDecimal(f, factorPlaces)
		for i := range out.Groups {
			if g := &out.Groups[i]; g.exact != nil {
				g.exact = new(big.Rat).Mul(g.exact, f)
			}
		}
	}
	for i := range out.Groups {
		if g := &out.Groups[i]; g.exact != nil {
			rw := toDecimal(g.exact, places(l.p.Rounding.RW, defaultPlaces))
			g.RW = &rw
			if l.p.Scheme == settle.SchemeDIP {
				score := toDecimal(new(big.Rat).Mul(g.exact, l.p.scale()), places(l.p.Rounding.Score, defaultPlaces))
				g.Score = &score
			}
		}
	}
	if cases, total = out.totalWeight(func(g *Group) *big.Rat { return g.paidWeight(l.p, out.Mean) }); cases.Sign() > 0 {
		out.MeanWeight = toDecimal(total.Quo(total, cases), weightPlaces)
	}
	return nil
}

const defaultPlaces = 4

// scale is the score of a case of mean cost: 1000 for DIP and 100 for the points law, unless said otherwise.
func (p *Params) scale() *big.Rat {
	switch {
	case p.Scale != nil:
		return rat(p.Scale.Decimal)
	case p.Scheme == settle.SchemeDIP:
		return big.NewRat(1000, 1) //nolint:mnd // drg_dip norm: x1000 in most cities
	case p.Scheme == settle.SchemePoints:
		return big.NewRat(100, 1) //nolint:mnd // points law: x100
	}
	return big.NewRat(1, 1)
}

// paidWeight is the weight as it is put out, in units that the rate is paid for; nil where the group is paid by item.
func (g *Group) paidWeight(p *Params, all decimal.Decimal) *big.Rat {
	switch {
	case g.RW == nil, slices.Contains(g.Flags, settle.FlagUnstable), slices.Contains(g.Flags, settle.FlagItem):
		return nil
	case g.Score != nil:
		return rat(*g.Score)
	case p.Scheme == settle.SchemePoints: // as settlement rounds base points
		base := new(big.Rat).Quo(rat(*g.Mean), rat(all))
		return rat(toDecimal(base.Mul(base, p.scale()), places(p.Rounding.Score, defaultPlaces)))
	}
	return rat(*g.RW)
}

// totalWeight is Σ n over the groups with a weight, and Σ n·weight.
func (r *Result) totalWeight(of func(*Group) *big.Rat) (cases, weight *big.Rat) {
	cases, weight = new(big.Rat), new(big.Rat)
	for i := range r.Groups {
		g := &r.Groups[i]
		w := of(g)
		if w == nil {
			continue
		}
		n := big.NewRat(g.After.Cases, 1)
		cases.Add(cases, n)
		weight.Add(weight, n.Mul(n, w))
	}
	return cases, weight
}

// take puts the experts' weights and flags in, also for groups that had no case.
func (r *Result) take(experts []Expert) (moved bool, err error) {
	at := map[string]int{}
	for i := range r.Groups {
		at[r.Groups[i].Code] = i
	}
	for _, e := range experts {
		i, ok := at[e.Group]
		if !ok {
			i = len(r.Groups)
			at[e.Group] = i
			r.Groups = append(r.Groups, Group{Code: e.Group, From: noWeight, Trimmed: make([]int64, len(r.pool.p.Trim))})
		}
		g := &r.Groups[i]
		if e.RW != nil {
			if e.RW.IsNegative() {
				return false, fault.New(fault.Invalid, "weigh: expert weight of group %s is negative", e.Group)
			}
			g.exact, g.From, moved = rat(*e.RW), fromExpert, true
		}
		for _, f := range e.Flags {
			if !slices.Contains(g.Flags, f) {
				g.Flags = append(g.Flags, f)
			}
		}
	}
	slices.SortFunc(r.Groups, func(a, b Group) int { return strings.Compare(a.Code, b.Code) })
	return moved, nil
}

// ReadExperts reads the adjustments of experts: group, rw and flags (joined by |); name and remark are for people.
// An empty rw leaves the weight as computed.
func ReadExperts(in io.Reader, name string) ([]Expert, error) {
	r := csv.NewReader(in)
	head, err := r.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s:1: %w", name, err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	at := map[string]int{}
	for i, h := range head {
		if h = strings.TrimSpace(h); !slices.Contains([]string{"group", "rw", "flags", "name", "remark"}, h) {
			return nil, fault.New(fault.Invalid, "%s:1: column %q is none of group, rw, flags, name, remark", name, h)
		}
		at[strings.TrimSpace(h)] = i
	}
	if _, ok := at["group"]; !ok {
		return nil, fault.New(fault.Invalid, "%s:1: no column group", name)
	}
	var out []Expert
	seen := map[string]bool{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		cell := func(column string) string {
			if i, ok := at[column]; ok {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		e := Expert{Group: cell("group")}
		if e.Group == "" || seen[e.Group] {
			return nil, fault.New(fault.Invalid, "%s:%d: a group that was not named before is wanted", name, line)
		}
		seen[e.Group] = true
		if text := cell("rw"); text != "" {
			d, err := decimal.NewFromString(text)
			if err != nil || d.IsNegative() {
				return nil, fault.New(fault.Invalid, "%s:%d: column rw: a number from 0 on is wanted", name, line)
			}
			e.RW = &d
		}
		if text := cell("flags"); text != "" {
			e.Flags = strings.Split(text, "|")
		}
		out = append(out, e)
	}
}

// reference is the mean cost of a DIP group in the last year, by level of hospital ("" for the region), in fen.
func (l *pool) reference(code string) map[string]*big.Rat {
	g := l.groups[code]
	if g == nil || l.p.Refs == noWeight {
		return nil
	}
	sum := map[string]*yearSum{}
	for i := range g.cases {
		r := &g.cases[i]
		if !l.last(int(r.year)) {
			continue
		}
		for _, level := range []string{"", l.levels.list[r.level]} {
			if sum[level] == nil {
				sum[level] = &yearSum{}
			}
			sum[level].n++
			sum[level].cost += r.cost
			if level == "" && l.levels.list[r.level] == "" {
				break
			}
		}
	}
	out := map[string]*big.Rat{}
	for level, s := range sum {
		if level == "" || l.p.Refs == byLevel {
			out[level] = big.NewRat(s.cost, s.n)
		}
	}
	return out
}

// WriteWeights writes the payment table that settle.ReadWeights takes. A DIP group has a row for each level of
// hospital with the reference of that level, and one for any other.
func (r *Result) WriteWeights(to io.Writer) error {
	w := csv.NewWriter(to)
	if err := w.Write([]string{"group", "level", "insurance", "rw", "mean", "score", "ref", "flags"}); err != nil {
		return err
	}
	text := func(d *decimal.Decimal, places int32) string {
		if d == nil {
			return ""
		}
		return d.StringFixed(places)
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		rw, score := text(g.RW, places(r.rounding.RW, defaultPlaces)), text(g.Score, places(r.rounding.Score, defaultPlaces))
		mean := text(g.Mean, places(r.rounding.Money, moneyPlaces))
		if g.RW == nil && r.Scheme == settle.SchemePoints {
			mean = "" // without a mean settlement pays by item
		}
		refs := map[string]*big.Rat{}
		if r.Scheme == settle.SchemeDIP {
			rw = ""
			refs = r.pool.reference(g.Code)
		}
		levels := append([]string{""}, slices.Sorted(maps.Keys(refs))...)
		for _, level := range slices.Compact(levels) {
			ref := ""
			if v := refs[level]; v != nil {
				ref = r.pool.money(v).StringFixed(places(r.rounding.Money, moneyPlaces))
			}
			if err := w.Write([]string{g.Code, level, "", rw, mean, score, ref, strings.Join(g.Flags, "|")}); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}

const moneyPlaces = 2

func places(n *int32, standard int32) int32 {
	if n == nil {
		return standard
	}
	return *n
}

// money turns fen into yuan, rounded half up.
func (l *pool) money(r *big.Rat) decimal.Decimal {
	return toDecimal(new(big.Rat).Quo(r, big.NewRat(fen, 1)), places(l.p.Rounding.Money, moneyPlaces))
}
