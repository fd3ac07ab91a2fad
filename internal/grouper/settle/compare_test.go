package settle_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// settled settles and adds up.
func settled(t *testing.T, p *settle.Params, cases []settle.Case) []settle.Part {
	t.Helper()
	rows, err := p.Settle(cases)
	if err != nil {
		t.Fatal(err)
	}
	return settle.Parts(rows)
}

// TestTheEffectsSumToTheDifferenceAndHospitalsToTheRegion on random cases of every tier, with other cases and other rates
// on the second side.
func TestTheEffectsSumToTheDifferenceAndHospitalsToTheRegion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := params(t, regional)
	q := params(t, strings.ReplaceAll(regional, "value: 10000", "value: 10433.21"))
	groups := []string{"BR23", "ES31", "IC29", "GZ99"}
	for range 200 {
		var a, b []settle.Case
		for i := range rng.IntN(60) {
			x := c(strconv.Itoa(i), groups[rng.IntN(len(groups))], fmt.Sprintf("%d.%02d", 500+rng.IntN(60000), rng.IntN(100)))
			x.Org = fmt.Sprintf("H%d", rng.IntN(4))
			if rng.IntN(9) == 0 {
				x.Status = "0000"
			}
			if rng.IntN(3) > 0 {
				a = append(a, x)
			}
			if rng.IntN(3) > 0 {
				b = append(b, x)
			}
		}
		changes := settle.Compare(settled(t, p, a), settled(t, q, b))
		var sum settle.Change
		for i, ch := range changes {
			if parts := ch.Volume.Add(ch.Structure).Add(ch.Price).Add(ch.ByItem); !parts.Equal(ch.Difference) || !ch.AmountB.Sub(ch.AmountA).Equal(ch.Difference) {
				t.Fatalf("%s: parts sum to %s, the difference is %s", ch.Org, parts, ch.Difference)
			}
			if i < len(changes)-1 {
				sum.Volume, sum.Structure, sum.Price, sum.ByItem = sum.Volume.Add(ch.Volume), sum.Structure.Add(ch.Structure), sum.Price.Add(ch.Price), sum.ByItem.Add(ch.ByItem)
				sum.CasesA, sum.CasesB = sum.CasesA+ch.CasesA, sum.CasesB+ch.CasesB
			}
		}
		region := changes[len(changes)-1]
		if region.Org != "" || !region.Volume.Equal(sum.Volume) || !region.Structure.Equal(sum.Structure) || !region.Price.Equal(sum.Price) || !region.ByItem.Equal(sum.ByItem) ||
			region.CasesA != sum.CasesA || region.CasesB != sum.CasesB {
			t.Fatalf("the region is %+v, its hospitals sum to %+v", region, sum)
		}
	}
}

// TestEachEffectIsItsOwn: what did not change has no effect.
func TestEachEffectIsItsOwn(t *testing.T) {
	two := func(list ...settle.Case) []settle.Case { return list }
	uncapped := strings.ReplaceAll(regional, ", cap: 0.05", "")
	p := params(t, uncapped)
	dearer := params(t, strings.ReplaceAll(uncapped, "value: 10000", "value: 11000"))
	normal, heavy := c("1", "BR23", "8000"), c("2", "ES31", "8000")
	unstable := c("3", "GZ99", "5000")
	high, low := c("4", "BR23", "90000"), c("5", "BR23", "100")
	for _, test := range []struct {
		name                                string
		with                                *settle.Params
		a, b                                []settle.Case
		volume, structure, price, byItemToo bool
	}{
		{name: "nothing", with: p, a: two(normal, heavy, high, low, unstable), b: two(normal, heavy, high, low, unstable)},
		{name: "a new rate", with: dearer, a: two(normal, heavy), b: two(normal, heavy), price: true},
		{name: "twice as many", with: p, a: two(normal, heavy), b: two(normal, heavy, c("6", "BR23", "8000"), c("7", "ES31", "8000")), volume: true},
		{name: "heavier", with: p, a: two(normal, c("6", "BR23", "8000")), b: two(normal, heavy), structure: true},
		{name: "one more that is paid by item", with: p, a: two(normal), b: two(normal, unstable), volume: true, structure: true, byItemToo: true},
		{name: "a low one more", with: p, a: two(normal, heavy), b: two(normal, heavy, low), volume: true, structure: true, byItemToo: true},
		{name: "a high one more", with: p, a: two(normal, heavy), b: two(normal, heavy, high), volume: true, structure: true, byItemToo: true},
		{name: "a group that the hospital did not have", with: p, a: two(normal), b: two(normal, heavy), volume: true, structure: true},
	} {
		ch := settle.Compare(settled(t, p, test.a), settled(t, test.with, test.b))[0]
		got := [4]bool{!ch.Volume.IsZero(), !ch.Structure.IsZero(), !ch.Price.IsZero(), !ch.ByItem.IsZero()}
		if want := [4]bool{test.volume, test.structure, test.price, test.byItemToo}; got != want {
			t.Errorf("%s: volume %s, structure %s, price %s, by item %s", test.name, ch.Volume, ch.Structure, ch.Price, ch.ByItem)
		}
	}
	// A worked case: two of weight w at 10000 become three, one of them of another weight, at 11000.
	rows, err := p.Settle(two(normal, heavy))
	if err != nil {
		t.Fatal(err)
	}
	light, weighty := *rows[0].RW, *rows[1].RW
	ch := settle.Compare(settled(t, p, two(normal, c("6", "BR23", "8000"))), settled(t, dearer, two(normal, c("6", "BR23", "8000"), heavy)))[0]
	k := rows[0].Rate.Mul(rows[0].Coefficient)
	if want := light.Mul(k); !ch.Volume.Equal(want) {
		t.Errorf("volume %s, want %s: one more of the old mix", ch.Volume, want)
	}
	if want := weighty.Sub(light).Mul(k); !ch.Structure.Equal(want) {
		t.Errorf("structure %s, want %s: the third is heavier", ch.Structure, want)
	}
	if want := light.Add(light).Add(weighty).Mul(k).Shift(-1); !ch.Price.Equal(want) {
		t.Errorf("price %s, want %s: a tenth more for all three", ch.Price, want)
	}
}
