package weigh

import (
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/shopspring/decimal"
)

// moments are exact sums of costs, in fen: no order of the cases can change them.
type moments struct {
	n, sum int64
	hi, lo uint64 // sum of squares
}

func newMoments() *moments { return &moments{} }

func (m *moments) add(cost int64) {
	m.n++
	m.sum += cost
	hi, lo := bits.Mul64(uint64(cost), uint64(cost)) //nolint:gosec // costs are positive
	var carry uint64
	m.lo, carry = bits.Add64(m.lo, lo, 0)
	m.hi, _ = bits.Add64(m.hi, hi, carry)
}

func (m *moments) addAll(cases []record) {
	for i := range cases {
		m.add(cases[i].cost)
	}
}

// squares is the sum of squared distances from the mean, fen²: (n·Σc² − (Σc)²) / n, rounded once.
func (m *moments) squares() float64 {
	if m.n == 0 {
		return 0
	}
	sq := new(big.Int).SetUint64(m.hi)
	sq.Lsh(sq, 64).Add(sq, new(big.Int).SetUint64(m.lo))
	n, sum := big.NewInt(m.n), big.NewInt(m.sum)
	sq.Mul(sq, n).Sub(sq, sum.Mul(sum, sum))
	v, _ := new(big.Rat).SetFrac(sq, n).Float64()
	return v
}

func (m *moments) mean() float64 {
	v, _ := big.NewRat(m.sum, m.n).Float64()
	return v
}

// sd is the sample standard deviation, NaN below two cases.
func (m *moments) sd() float64 {
	if m.n < 2 {
		return math.NaN()
	}
	return math.Sqrt(m.squares() / float64(m.n-1))
}

// quantile of sorted values, linear between neighbours (type 7, what DuckDB's quantile_cont and R do).
func quantile(n int, p float64, at func(int) float64) float64 {
	x := p * float64(n-1)
	i := int(math.Floor(x))
	if i+1 >= n {
		return at(n - 1)
	}
	a, b := at(i), at(i+1)
	return a + (b-a)*(x-float64(i))
}

// normal are mean and sample SD of sorted values, in two passes with compensated sums.
func normal(n int, at func(int) float64) (mean, sd float64) {
	var s summer
	for i := range n {
		s.add(at(i))
	}
	mean = s.value() / float64(n)
	if n < 2 {
		return mean, math.NaN()
	}
	var q summer
	for i := range n {
		d := at(i) - mean
		q.add(d * d)
	}
	return mean, math.Sqrt(q.value() / float64(n-1))
}

// summer is Neumaier's compensated sum.
type summer struct{ sum, lost float64 }

func (s *summer) add(v float64) {
	t := s.sum + v
	if math.Abs(s.sum) >= math.Abs(v) {
		s.lost += (s.sum - t) + v
	} else {
		s.lost += (v - t) + s.sum
	}
	s.sum = t
}

func (s *summer) value() float64 { return s.sum + s.lost }

// Spread describes the costs of a group, in yuan. What does not exist (the deviation of one case) is null.
type Spread struct {
	Cases  int64    `json:"cases"`
	Mean   *float64 `json:"mean"`
	SD     *float64 `json:"sd"` // sample
	CV     *float64 `json:"cv"`
	Median *float64 `json:"median"`
	P25    *float64 `json:"p25"`
	P75    *float64 `json:"p75"`
	LOS    *float64 `json:"mean_los"`

	within float64 // fen²
}

const fen = 100

func spreadOf(cases []record) Spread {
	s := Spread{Cases: int64(len(cases))}
	if len(cases) == 0 {
		return s
	}
	m := newMoments()
	costs := make([]int64, len(cases))
	los := int64(0)
	for i := range cases {
		costs[i] = cases[i].cost
		los += int64(cases[i].los)
		m.add(cases[i].cost)
	}
	slices.Sort(costs)
	at := func(i int) float64 { return float64(costs[i]) }
	put := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		return &v
	}
	s.within = m.squares()
	s.Mean, s.SD, s.CV = put(m.mean()/fen), put(m.sd()/fen), put(m.sd()/m.mean())
	s.P25, s.Median, s.P75 = put(quantile(len(costs), 0.25, at)/fen), put(quantile(len(costs), 0.5, at)/fen), put(quantile(len(costs), 0.75, at)/fen)
	s.LOS = put(float64(los) / losPlaces / float64(len(cases)))
	return s
}

// Quality says how well a grouping explains cost.
type Quality struct {
	Cases          int64    `json:"cases"`
	Groups         int      `json:"groups"`          // with at least one case
	RIV            *float64 `json:"riv"`             // 1 − SSW/SST
	GroupsWithCV   int      `json:"groups_with_cv"`  // with two cases or more
	BelowOne       int      `json:"groups_cv_below"` // CV < 1
	ShareBelow     *float64 `json:"share_cv_below"`  // of the groups with a CV
	CaseShareBelow *float64 `json:"case_share_cv_below"`
	Mean           *float64 `json:"mean"`
	SD             *float64 `json:"sd"`
	CV             *float64 `json:"cv"` // of all cases, ungrouped
}

// cvAim is what a group's CV should stay below (DRG technical norm 2019).
const cvAim = 1

func qualityOf(groups []Group, all *moments, of func(*Group) *Spread) Quality {
	q := Quality{Cases: all.n}
	var within summer
	cases, below := int64(0), int64(0)
	for i := range groups {
		s := of(&groups[i])
		if s.Cases == 0 {
			continue
		}
		q.Groups++
		within.add(s.within)
		if s.CV == nil {
			continue
		}
		q.GroupsWithCV++
		cases += s.Cases
		if *s.CV < cvAim {
			q.BelowOne++
			below += s.Cases
		}
	}
	if total := all.squares(); total > 0 {
		riv := min(1, max(0, 1-within.value()/total)) // rounding alone can leave the unit interval
		q.RIV = &riv
	}
	if q.GroupsWithCV > 0 {
		a, b := float64(q.BelowOne)/float64(q.GroupsWithCV), float64(below)/float64(cases)
		q.ShareBelow, q.CaseShareBelow = &a, &b
	}
	if all.n > 1 {
		mean, sd := all.mean()/fen, all.sd()/fen
		cv := sd / mean
		q.Mean, q.SD, q.CV = &mean, &sd, &cv
	}
	return q
}

func rat(d decimal.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic("weigh: a decimal that is no rational number") // cannot be: d.String is one
	}
	return r
}

// toDecimal rounds half up (away from zero) from the exact value.
func toDecimal(r *big.Rat, places int32) decimal.Decimal {
	num := new(big.Int).Mul(r.Num(), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
	neg := num.Sign() < 0
	num.Abs(num).Lsh(num, 1).Add(num, r.Denom())
	num.Quo(num, new(big.Int).Lsh(r.Denom(), 1))
	if neg {
		num.Neg(num)
	}
	return decimal.NewFromBigInt(num, -places)
}
