package settle

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// Change is what another parameter set, or another case mix, does to one hospital. The three effects sum exactly to
// the difference.
type Change struct {
	Org        string `json:"org"`
	CasesA     int64  `json:"cases_a"`
	CasesB     int64  `json:"cases_b"`
	CMIA       dec    `json:"cmi_a"` // weight of a case
	CMIB       dec    `json:"cmi_b"`
	AmountA    dec    `json:"amount_a"`
	AmountB    dec    `json:"amount_b"`
	Difference dec    `json:"difference"`
	Volume     dec    `json:"volume"`    // more or fewer cases, at the old mix and price
	Structure  dec    `json:"structure"` // heavier or lighter cases, at the new number and the old price
	Price      dec    `json:"price"`     // another payment for a unit of weight, at the new number and mix
}

// Compare decomposes the difference of two settlements by hospital, and adds the whole region under the name "".
//
// With n cases, s weight a case and v payment a weight, the amount is n·s·v, and
// volume = (nB−nA)·sA·vA, structure = nB·(sB−sA)·vA, price = nB·sB·(vB−vA).
func Compare(a, b []Hospital) []Change {
	index := map[string]*[2]Hospital{}
	var names []string
	var all [2]Hospital
	for side, list := range [2][]Hospital{a, b} {
		for _, h := range list {
			if index[h.Org] == nil {
				index[h.Org] = &[2]Hospital{}
				names = append(names, h.Org)
			}
			index[h.Org][side] = h
			t := &all[side]
			t.Cases += h.Cases
			t.Weight, t.Standard = t.Weight.Add(h.Weight), t.Standard.Add(h.Standard)
		}
	}
	slices.SortFunc(names, strings.Compare)
	out := make([]Change, 0, len(names)+1)
	for _, name := range names {
		c := decompose(index[name][0], index[name][1])
		c.Org = name
		out = append(out, c)
	}
	return append(out, decompose(all[0], all[1]))
}

// moneyPlaces of effects.
const moneyPlaces = 2

func decompose(a, b Hospital) Change {
	c := Change{CasesA: a.Cases, CasesB: b.Cases, AmountA: a.Standard, AmountB: b.Standard, Difference: b.Standard.Sub(a.Standard)}
	nA, nB := decimal.NewFromInt(a.Cases), decimal.NewFromInt(b.Cases)
	sA, sB, vA := div(a.Weight, nA), div(b.Weight, nB), div(a.Standard, a.Weight)
	c.CMIA, c.CMIB = sA.Round(4), sB.Round(4)
	switch {
	case a.Cases == 0 || b.Cases == 0: // a hospital that came or went
		c.Volume = c.Difference
	case a.Weight.IsZero() || b.Weight.IsZero(): // nothing was weighed: only number and payment are known
		c.Volume = nB.Sub(nA).Mul(div(a.Standard, nA)).Round(moneyPlaces)
	default:
		c.Volume = nB.Sub(nA).Mul(sA).Mul(vA).Round(moneyPlaces)
		c.Structure = nB.Mul(sB.Sub(sA)).Mul(vA).Round(moneyPlaces)
	}
	c.Price = c.Difference.Sub(c.Volume).Sub(c.Structure) // exact: what rounding leaves stays in the price
	return c
}
