package settle

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// Part is what the cases of one group, insurance and off-site class of a hospital come to: cases of one price.
type Part struct {
	Span      string // that it was settled in, where years are settled one by one
	Org       string
	Group     string
	Level     string
	Insurance string
	Offsite   string

	Cases  int64
	All    dec // weights or points of all cases, for the weight of a case
	Weight dec // of what is paid by weight
	Paid   dec // by weight
	ByItem dec // paid by item, in place of a weight or beside it
}

// Parts adds rows up for Compare. Cases that are only shown here (shadow) are left out.
func Parts(rows []Row) []Part {
	type key struct{ org, group, level, insurance, offsite string }
	index := map[key]int{}
	var out []Part
	for i := range rows {
		r := &rows[i]
		if r.Tier == TierShadow {
			continue
		}
		k := key{r.Org, r.Group, r.Level, r.Insurance, r.offsite}
		at, ok := index[k]
		if !ok {
			at = len(out)
			index[k] = at
			out = append(out, Part{Org: k.org, Group: k.group, Level: k.level, Insurance: k.insurance, Offsite: k.offsite})
		}
		weight, paid := r.byWeight()
		out[at].add(&Part{Cases: 1, All: r.weight(), Weight: weight, Paid: paid, ByItem: r.CaseStandard.Sub(paid)})
	}
	return out
}

func (p *Part) add(o *Part) {
	p.Cases += o.Cases
	p.All, p.Weight, p.Paid, p.ByItem = p.All.Add(o.All), p.Weight.Add(o.Weight), p.Paid.Add(o.Paid), p.ByItem.Add(o.ByItem)
}

// byWeight is the weight by which a case is paid, and how much of the payment it makes. What follows the cost of the
// case, or has no weight, is paid by item: both are zero. The excess of a high case is paid beside its weight.
func (r *Row) byWeight() (weight, paid dec) {
	weight = r.weight()
	if weight.IsZero() || r.Tier == TierUnpriced || strings.HasPrefix(r.Method, "actual") || r.Method == "ratio" || strings.HasPrefix(r.Method, "item:") {
		return decimal.Zero, decimal.Zero
	}
	if r.Points == nil { // excess points are points: a fund's value is of all of them
		return weight, r.CaseStandard.Sub(r.Excess)
	}
	return weight, r.CaseStandard
}

// Change is what another parameter set, scheme or case mix does to one hospital. The four effects sum exactly to the
// difference, and hospitals to the region.
type Change struct {
	Org        string `json:"org"`
	CasesA     int64  `json:"cases_a"`
	CasesB     int64  `json:"cases_b"`
	CMIA       dec    `json:"cmi_a"` // weight of a case
	CMIB       dec    `json:"cmi_b"`
	AmountA    dec    `json:"amount_a"`
	AmountB    dec    `json:"amount_b"`
	Difference dec    `json:"difference"`
	Volume     dec    `json:"volume"`    // more or fewer cases, of the old mix at the old prices
	Structure  dec    `json:"structure"` // other groups and weights, for the new number of cases at the old prices
	Price      dec    `json:"price"`     // another payment for a unit of weight
	ByItem     dec    `json:"by_item"`   // what follows the cost of cases, or has no weight
}

// Compare decomposes the difference of two settlements by hospital, and adds the whole region under the name "".
//
// Of the cases of one group, insurance and off-site class of a hospital in one span of settlement, W is the weight that is paid and v = P/W what is
// paid for a unit of it; n counts all cases of the hospital, P and W are its sums:
//
//	volume    = (nB − nA) · PA/nA
//	price     = Σ WB · (vB − vA)
//	by item   = IB − IA
//	structure = Σ WB · vA − nB · PA/nA
//
// so that the price effect is zero where no unit of weight is paid differently, and the volume effect where no case came
// or went. For cases that A has none of, vA is what A pays the hospital for that insurance, else what it pays hospitals of
// the level, and where it pays none of those either vA = vB. In a hospital that A does not know everything at A's prices
// is volume.
func Compare(a, b []Part) []Change {
	old := newPrices(a)
	sides := map[string]*[2][]Part{}
	for side, list := range [2][]Part{merged(a), merged(b)} {
		for i := range list {
			p := &list[i]
			if sides[p.Org] == nil {
				sides[p.Org] = &[2][]Part{}
			}
			sides[p.Org][side] = append(sides[p.Org][side], *p)
		}
	}
	names := make([]string, 0, len(sides))
	for name := range sides {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]Change, 0, len(names)+1)
	var all Change
	var weights [2]dec
	for _, name := range names {
		c, w := decompose(sides[name][0], sides[name][1], old)
		c.Org = name
		out = append(out, c)
		all.CasesA, all.CasesB = all.CasesA+c.CasesA, all.CasesB+c.CasesB
		for _, sum := range []struct{ to, more *dec }{
			{&all.AmountA, &c.AmountA},
			{&all.AmountB, &c.AmountB},
			{&all.Difference, &c.Difference},
			{&all.Volume, &c.Volume},
			{&all.Structure, &c.Structure},
			{&all.Price, &c.Price},
			{&all.ByItem, &c.ByItem},
			{&weights[0], &w[0]},
			{&weights[1], &w[1]},
		} {
			*sum.to = sum.to.Add(*sum.more)
		}
	}
	all.index(weights)
	return append(out, all)
}

// index is the weight of a case.
func (c *Change) index(weights [2]dec) {
	c.CMIA, c.CMIB = div(weights[0], decimal.NewFromInt(c.CasesA)).Round(4), div(weights[1], decimal.NewFromInt(c.CasesB)).Round(4)
}

// moneyPlaces of effects.
const moneyPlaces = 2

func decompose(a, b []Part, old prices) (c Change, weights [2]dec) {
	var sums [2]Part
	for side, list := range [2][]Part{a, b} {
		for i := range list {
			sums[side].add(&list[i])
		}
	}
	sumA, sumB := &sums[0], &sums[1]
	c = Change{
		CasesA: sumA.Cases, CasesB: sumB.Cases, AmountA: sumA.Paid.Add(sumA.ByItem), AmountB: sumB.Paid.Add(sumB.ByItem), ByItem: sumB.ByItem.Sub(sumA.ByItem),
	}
	weights = [2]dec{sumA.All, sumB.All}
	c.index(weights)
	c.Difference = c.AmountB.Sub(c.AmountA)
	atOld := decimal.Zero // what B's weights come to at A's prices
	for i := range b {
		atOld = atOld.Add(old.of(&b[i]))
	}
	c.Price = sumB.Paid.Sub(atOld).Round(moneyPlaces)
	rest := c.Difference.Sub(c.ByItem).Sub(c.Price) // exact: what rounding leaves stays in the structure
	if sumA.Cases == 0 {
		c.Volume = rest
		return c, weights
	}
	nA, nB := decimal.NewFromInt(sumA.Cases), decimal.NewFromInt(sumB.Cases)
	c.Volume = nB.Sub(nA).Mul(sumA.Paid).DivRound(nA, moneyPlaces)
	c.Structure = rest.Sub(c.Volume)
	return c, weights
}

// merged adds up parts of the same cases: a year and the next one.
func merged(list []Part) []Part {
	index := map[Part]int{}
	var out []Part
	for i := range list {
		k := list[i].key()
		at, ok := index[k]
		if !ok {
			at = len(out)
			index[k] = at
			out = append(out, k)
		}
		out[at].add(&list[i])
	}
	slices.SortFunc(out, func(a, b Part) int {
		return cmp.Or(strings.Compare(a.Org, b.Org), strings.Compare(a.Span, b.Span), strings.Compare(a.Group, b.Group), strings.Compare(a.Level, b.Level), strings.Compare(a.Insurance, b.Insurance), strings.Compare(a.Offsite, b.Offsite))
	})
	return out
}

func (p *Part) key() Part {
	return Part{Span: p.Span, Org: p.Org, Group: p.Group, Level: p.Level, Insurance: p.Insurance, Offsite: p.Offsite}
}

// prices are what a settlement pays for a unit of weight, by what is known of the cases: the most first.
type prices []map[Part]*Part

// kinds of keys, from the one that says most.
var kinds = []func(p *Part) Part{
	(*Part).key,
	func(p *Part) Part {
		return Part{Span: p.Span, Org: p.Org, Insurance: p.Insurance, Offsite: p.Offsite}
	},
	func(p *Part) Part {
		return Part{Span: p.Span, Group: p.Group, Level: p.Level, Insurance: p.Insurance, Offsite: p.Offsite}
	},
	func(p *Part) Part {
		return Part{Span: p.Span, Level: p.Level, Insurance: p.Insurance, Offsite: p.Offsite}
	},
	func(p *Part) Part { return Part{Span: p.Span, Org: p.Org} },
	func(p *Part) Part { return Part{Org: p.Org} },
}

func newPrices(list []Part) prices {
	out := make(prices, len(kinds))
	for i, of := range kinds {
		out[i] = map[Part]*Part{}
		for j := range list {
			k := of(&list[j])
			if out[i][k] == nil {
				out[i][k] = &Part{}
			}
			out[i][k].add(&list[j])
		}
	}
	return out
}

// of is what the weight of a part comes to at these prices; at its own where nothing is paid by weight.
func (old prices) of(p *Part) dec {
	if p.Weight.IsZero() {
		return decimal.Zero
	}
	for i, of := range kinds {
		if have := old[i][of(p)]; have != nil && !have.Weight.IsZero() {
			return have.Paid.Mul(p.Weight).DivRound(have.Weight, 8) //nolint:mnd // places enough before the sum is rounded to fen
		}
	}
	return p.Paid
}
