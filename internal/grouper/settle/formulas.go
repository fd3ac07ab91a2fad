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
	return div(sum, total), nil // weights sum to 1 or 10 as a rule, so that this is exact
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

// MultipleOf is the high multiple for a weight or base points in hospitals of a level.
func (h High) MultipleOf(by decimal.Decimal, level string) decimal.Decimal {
	own := level != "" && slices.ContainsFunc(h.Bands, func(b Band) bool { return b.Level == level })
	for _, b := range h.Bands {
		if (b.Level == level && own || b.Level == "" && !own) && (b.UpTo == nil || by.LessThanOrEqual(b.UpTo.Decimal)) {
			return b.Multiple.Decimal
		}
	}
	if h.Multiple != nil {
		return h.Multiple.Decimal
	}
	return decimal.Zero
}

// DeviationOf is the DIP factor of a case by cost over reference, as a fraction: above the high limit r its excess over
// the limit plus 1, below the low limit r itself. A fraction, because a score times a rounded factor would miss halves.
func (p *Params) DeviationOf(cost, ref decimal.Decimal) (tier string, over, under decimal.Decimal) {
	if !ref.IsPositive() {
		return TierNormal, one, one
	}
	d := p.Deviation
	switch {
	case d.High != nil && cost.GreaterThan(ref.Mul(d.High.Decimal)):
		return TierHigh, cost.Sub(ref.Mul(d.High.Decimal)).Add(ref), ref
	case d.Low != nil && cost.LessThan(ref.Mul(d.Low.Decimal)):
		return TierLow, cost, ref
	}
	return TierNormal, one, one
}

// Quota is how many of a hospital's discharges may be paid in a special way.
func Quota(discharges int64, share decimal.Decimal) int64 {
	return share.Mul(decimal.NewFromInt(discharges)).Floor().IntPart()
}

// Claim is a case that asks for a place in a quota; the larger amount comes first, ties by id.
type Claim struct {
	ID     string
	Amount decimal.Decimal
	at     int
}

// WithinQuota orders claims and splits them at the quota.
func WithinQuota(claims []Claim, quota int64) (within, beyond []Claim) {
	sorted := slices.Clone(claims)
	slices.SortFunc(sorted, func(a, b Claim) int {
		if c := b.Amount.Cmp(a.Amount); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	n := min(max(quota, 0), int64(len(sorted)))
	return sorted[:n], sorted[n:]
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
// of each tier up to the last one that bears anything. Limits are compared and shared in yuan: a ratio cut off at some
// place, times the due, would miss halves of a fen. Where nothing is due, all that was booked lies above the last tier.
func (p *Params) Clear(booked, due decimal.Decimal) (settlement, ratio decimal.Decimal, tier string) {
	return p.clear(p.Tiers, booked, due)
}

func (p *Params) clear(tiers []Tier, booked, due decimal.Decimal) (settlement, ratio decimal.Decimal, tier string) {
	if !due.IsPositive() {
		if len(tiers) > 0 && booked.IsPositive() {
			tier = tiers[len(tiers)-1].Title
		}
		return p.Rounding.money(due), decimal.Zero, tier
	}
	ratio = p.Rounding.ratio(div(booked, due))
	from, borne := due, decimal.Zero
	for _, t := range tiers {
		to := booked // where this tier ends, or the case within it
		inside := true
		if t.UpTo != nil {
			limit := due.Mul(t.UpTo.Decimal)
			if inside = booked.LessThan(limit) || !t.Below && booked.Equal(limit); !inside {
				to = limit
			}
		}
		if booked.LessThanOrEqual(due) {
			if !inside {
				continue
			}
			settlement = booked
			if t.Keep != nil {
				settlement = booked.Add(t.Keep.Mul(due.Sub(booked)))
			}
			return p.Rounding.money(settlement), ratio, t.Title
		}
		if to.LessThanOrEqual(due) && !inside {
			continue
		}
		if t.Bear != nil {
			borne = borne.Add(to.Sub(from).Mul(t.Bear.Decimal))
		}
		from = to
		if inside {
			return p.Rounding.money(due.Add(borne)), ratio, t.Title
		}
	}
	return p.Rounding.money(due.Add(borne)), ratio, "" // no tiers
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
