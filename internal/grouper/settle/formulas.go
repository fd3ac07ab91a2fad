package settle

import (
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// division keeps enough places for every later rounding.
const division = 24

func div(a, b decimal.Decimal) decimal.Decimal {
	if b.IsZero() {
		return decimal.Zero
	}
	return a.DivRound(b, division)
}

var one = decimal.NewFromInt(1)

// WeightedMean is the mean of some years by weights, oldest first: 1:2:7.
func WeightedMean(values, weights []decimal.Decimal) (decimal.Decimal, error) {
	if len(values) != len(weights) || len(values) == 0 {
		return decimal.Zero, fault.New(fault.Invalid, "%d years and %d weights", len(values), len(weights))
	}
	sum, total := decimal.Zero, decimal.Zero
	for i, v := range values {
		sum, total = sum.Add(v.Mul(weights[i])), total.Add(weights[i])
	}
	if !total.IsPositive() {
		return decimal.Zero, fault.New(fault.Invalid, "the weights of the years sum to %s", total)
	}
	return div(sum, total), nil
}

// WeightsFrom reads 1:2:7 or 0.1/0.2/0.7.
func WeightsFrom(text string) ([]decimal.Decimal, error) {
	var out []decimal.Decimal
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '/' }) {
		d, err := decimal.NewFromString(strings.TrimSpace(part))
		if err != nil {
			return nil, fault.New(fault.Invalid, "weights %q: 1:2:7 is wanted", text)
		}
		out = append(out, d)
	}
	return out, nil
}

// Tiers of a case.
const (
	TierNormal    = "normal"
	TierHigh      = "high"
	TierLow       = "low"
	TierUngrouped = "ungrouped"
	TierExcluded  = "excluded"
	TierBedDay    = "bed_day"
	TierSpecial   = "special"
	TierShadow    = "shadow"
	TierUnpriced  = "unpriced" // the parameters have no weight, rate or fund for it: see SettleAll
)

// TierOf compares cost with standard; limits themselves are normal.
func TierOf(cost, standard, high, low decimal.Decimal) string {
	switch {
	case !standard.IsPositive():
		return TierNormal
	case high.IsPositive() && cost.GreaterThan(standard.Mul(high)):
		return TierHigh
	case cost.LessThan(standard.Mul(low)):
		return TierLow
	}
	return TierNormal
}

// MultipleOf is the high multiple for a weight or base points.
func (h High) MultipleOf(by decimal.Decimal) decimal.Decimal {
	for _, b := range h.Bands {
		if b.UpTo == nil || by.LessThanOrEqual(b.UpTo.Decimal) {
			return b.Multiple.Decimal
		}
	}
	if h.Multiple != nil {
		return h.Multiple.Decimal
	}
	return decimal.Zero
}

// DeviationOf is the DIP factor of a case by cost over reference: above the high limit r its excess over the limit plus
// 1, below the low limit r itself.
func (p *Params) DeviationOf(cost, ref decimal.Decimal) (tier string, ratio, factor decimal.Decimal) {
	if !ref.IsPositive() {
		return TierNormal, decimal.Zero, one
	}
	ratio = div(cost, ref)
	switch {
	case p.Deviation.High != nil && cost.GreaterThan(ref.Mul(p.Deviation.High.Decimal)):
		return TierHigh, ratio, ratio.Sub(p.Deviation.High.Decimal).Add(one)
	case p.Deviation.Low != nil && cost.LessThan(ref.Mul(p.Deviation.Low.Decimal)):
		return TierLow, ratio, ratio
	}
	return TierNormal, ratio, one
}

// Quota is how many of a hospital's discharges may be paid in a special way.
func Quota(discharges int64, share decimal.Decimal) int64 {
	return share.Mul(decimal.NewFromInt(discharges)).Floor().IntPart()
}

// Excess is a case with what it cost above its standard.
type Excess struct {
	ID     string
	Amount decimal.Decimal
}

// WithinQuota orders cases by excess, ties by id, and splits them at the quota.
func WithinQuota(cases []Excess, quota int64) (within, beyond []string) {
	sorted := slices.Clone(cases)
	slices.SortFunc(sorted, func(a, b Excess) int {
		if c := b.Amount.Cmp(a.Amount); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for i, c := range sorted {
		if int64(i) < quota {
			within = append(within, c.ID)
		} else {
			beyond = append(beyond, c.ID)
		}
	}
	return within, beyond
}

// BedDayPoints adds the points of a stay tier by tier.
func BedDayPoints(los decimal.Decimal, tiers []DayTier) (points decimal.Decimal) {
	left := los
	for _, t := range tiers {
		days := left
		if t.Days != nil && t.Days.LessThan(left) {
			days = t.Days.Decimal
		}
		points = points.Add(days.Mul(t.Points.Decimal))
		if left = left.Sub(days); !left.IsPositive() {
			break
		}
	}
	return points
}

// Clear is the yearly clearing of one hospital: what the fund pays for the year, by booked fund over due.
//
// Within the surplus the hospital keeps a share on top of what was booked; within the overrun the fund bears a share
// of each tier up to the last one that bears anything.
func (p *Params) Clear(booked, due decimal.Decimal) (settlement, ratio decimal.Decimal, tier string) {
	if !due.IsPositive() {
		return due, decimal.Zero, ""
	}
	exact := div(booked, due)
	ratio = p.Rounding.ratio(exact)
	settlement = due
	if len(p.Tiers) == 0 {
		return p.Rounding.money(settlement), ratio, ""
	}
	from := one
	borne := decimal.Zero
	for _, t := range p.Tiers {
		inside := t.UpTo == nil || exact.LessThan(t.UpTo.Decimal) || (!t.Below && exact.Equal(t.UpTo.Decimal))
		if exact.LessThanOrEqual(one) {
			if !inside {
				continue
			}
			settlement = booked
			if t.Keep != nil {
				settlement = booked.Add(t.Keep.Mul(due.Sub(booked)))
			}
			return p.Rounding.money(settlement), ratio, t.Title
		}
		if t.UpTo != nil && t.UpTo.LessThanOrEqual(one) {
			continue
		}
		to := exact
		if t.UpTo != nil && t.UpTo.LessThan(exact) {
			to = t.UpTo.Decimal
		}
		if t.Bear != nil {
			borne = borne.Add(to.Sub(from).Mul(due).Mul(t.Bear.Decimal))
		}
		from = to
		if inside {
			return p.Rounding.money(due.Add(borne)), ratio, t.Title
		}
	}
	return p.Rounding.money(due.Add(borne)), ratio, ""
}

// Spread is how well a grouping explains cost: RIV (1 − SSW/SST) and the CV of each group.
type Spread struct {
	RIV float64            `json:"riv"`
	CV  map[string]float64 `json:"cv"`
}

// SpreadOf computes RIV and CV of costs by group; statistics, not money, so floating point.
func SpreadOf(costs map[string][]float64) Spread {
	out := Spread{CV: map[string]float64{}}
	n, sum := 0.0, 0.0
	for _, list := range costs {
		for _, c := range list {
			n++
			sum += c
		}
	}
	mean, within, total := sum/n, 0.0, 0.0
	for group, list := range costs {
		s := 0.0
		for _, c := range list {
			s += c
		}
		m, ss := s/float64(len(list)), 0.0
		for _, c := range list {
			ss += (c - m) * (c - m)
			total += (c - mean) * (c - mean)
		}
		within += ss
		if len(list) > 1 && m > 0 {
			out.CV[group] = math.Sqrt(ss/float64(len(list)-1)) / m
		}
	}
	if total > 0 {
		out.RIV = 1 - within/total
	}
	return out
}
