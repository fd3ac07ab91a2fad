package dip

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// DeriveOptions are the rules by which a catalogue is drawn from cases.
type DeriveOptions struct {
	Threshold int       // cases of a combination that make a core group; the national norm has 15 (DIP technical norm 2020)
	Weights   []float64 // of the years, oldest first: 1:2:7
	Trim      string    // percentile (2.5 to 97.5), iqr (1.5 times the quartile range), none
	Scale     float64   // score of a case of mean cost: 1000 in most cities
	Prefix    int       // characters of the comprehensive groups' diagnosis: 3, or 1 for chapters
}

// DefaultDerive is the national way.
func DefaultDerive() DeriveOptions {
	return DeriveOptions{Threshold: 15, Weights: []float64{1, 2, 7}, Trim: "percentile", Scale: 1000, Prefix: 3}
}

// PastCase is a settled case of a past year.
type PastCase struct {
	Year int // 0 is the oldest
	Dx   string
	Ops  []string
	Fee  int64 // fen
	LOS  float64
}

// Derived is a row of a derived catalogue.
type Derived struct {
	Code     string
	DxKey    string
	OpExpr   string
	Kind     Kind
	Class    Class
	Score    decimal.Decimal
	MeanCost decimal.Decimal // yuan
	MeanLOS  float64
	Cases    int // of all years, before trimming
	Trimmed  int
}

// coreKey is how many characters of the principal diagnosis a core group is drawn by: the 4-character subcategory, I21.4.
const coreKey = 5

// Derive draws a catalogue: every combination of diagnosis and operations with enough cases becomes a core group, the
// rest folds into comprehensive groups by category of diagnosis and class of operation, and what is left by class.
// Scores are mean costs of the years by their weights, over the same mean of all cases.
func Derive(cases []PastCase, class map[string]Class, opt DeriveOptions) ([]Derived, error) {
	if len(opt.Weights) == 0 || opt.Threshold < 1 || opt.Scale <= 0 || opt.Prefix < 1 || opt.Prefix > 3 {
		return nil, fault.New(fault.Usage, "derive: weights, threshold, scale and prefix (1 to 3) must be given")
	}
	cells := map[cellKey]*cellData{}
	for i := range cases {
		c := &cases[i]
		if c.Year < 0 || c.Year >= len(opt.Weights) {
			return nil, fault.New(fault.Invalid, "derive: case %d is of year %d, and there are weights for %d", i+1, c.Year, len(opt.Weights))
		}
		k := c.key(class)
		if cells[k] == nil {
			cells[k] = &cellData{}
		}
		cells[k].add(c)
	}
	all := &cellData{}
	rows := map[cellKey]*cellData{}
	for k, d := range cells {
		all.cases = append(all.cases, d.cases...)
		if len(d.cases) < opt.Threshold {
			k = cellKey{kind: Comprehensive, dx: k.dx[:min(opt.Prefix, len(k.dx))], class: k.class}
		}
		if rows[k] == nil {
			rows[k] = &cellData{}
		}
		rows[k].cases = append(rows[k].cases, d.cases...)
	}
	fold(rows, opt)
	mean, _, _ := all.mean(opt)
	if mean.IsZero() {
		return nil, fault.New(fault.Invalid, "derive: no case with a cost")
	}
	keys := make([]cellKey, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b cellKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.dx, b.dx), cmp.Compare(b.class, a.class), strings.Compare(a.ops, b.ops))
	})
	out := make([]Derived, 0, len(keys))
	for _, k := range keys {
		m, los, trimmed := rows[k].mean(opt)
		out = append(out, Derived{
			Code: k.code(), DxKey: k.dx, OpExpr: k.ops, Kind: k.kind, Class: k.class, MeanCost: m.Round(2), MeanLOS: math.Round(los*100) / 100,
			Score: m.Div(mean).Mul(decimal.NewFromFloat(opt.Scale)).Round(4), Cases: len(rows[k].cases), Trimmed: trimmed,
		})
	}
	return out, nil
}

// fold moves comprehensive cells with too few cases up: to the chapter, then to all diagnoses.
func fold(rows map[cellKey]*cellData, opt DeriveOptions) {
	for _, up := range []string{"chapter", everyDx} {
		for k, d := range rows {
			if k.kind != Comprehensive || len(d.cases) >= opt.Threshold || k.dx == everyDx {
				continue
			}
			to := cellKey{kind: Comprehensive, dx: everyDx, class: k.class}
			if up == "chapter" {
				if len(k.dx) == 1 {
					continue
				}
				to.dx = k.dx[:1]
			}
			delete(rows, k)
			if rows[to] == nil {
				rows[to] = &cellData{}
			}
			rows[to].cases = append(rows[to].cases, d.cases...)
		}
	}
}

// everyDx is the range of the last comprehensive groups.
const everyDx = "A00-Z99"

type cellKey struct {
	kind    Kind
	dx, ops string
	class   Class
}

// code is stable from year to year: it is made of what the group is.
func (k cellKey) code() string {
	if k.kind == Core {
		if k.ops == "" {
			return k.dx + ":0"
		}
		return k.dx + ":" + k.ops
	}
	return k.dx + ":" + strings.ToUpper(k.class.String()[:1])
}

func (c *PastCase) key(class map[string]Class) cellKey {
	k := cellKey{kind: Core, dx: c.Dx[:min(coreKey, len(c.Dx))]}
	var known []string
	for _, op := range c.Ops {
		if cl, ok := class[op]; ok {
			known = append(known, op)
			k.class = max(k.class, cl.level())
		}
	}
	if k.class == Conservative {
		return k
	}
	var top []string // operations of lower classes than the case's do not make a group of their own
	for _, op := range known {
		if class[op].level() == k.class {
			top = append(top, op)
		}
	}
	slices.Sort(top)
	k.ops = strings.Join(slices.Compact(top), "+")
	return k
}

type cellData struct{ cases []*PastCase }

func (d *cellData) add(c *PastCase) { d.cases = append(d.cases, c) }

// mean is the weighted mean cost in yuan: the mean of each year after trimming, by the weights of the years that have cases.
func (d *cellData) mean(opt DeriveOptions) (cost decimal.Decimal, los float64, trimmed int) {
	total, weights, days := decimal.Zero, decimal.Zero, 0.0
	for year, weight := range opt.Weights {
		var fees []int64
		for _, c := range d.cases {
			if c.Year == year {
				fees = append(fees, c.Fee)
			}
		}
		if len(fees) == 0 {
			continue
		}
		lo, hi := limits(fees, opt.Trim)
		sum, n, stay := int64(0), int64(0), 0.0
		for _, c := range d.cases {
			if c.Year != year {
				continue
			}
			if c.Fee < lo || c.Fee > hi {
				trimmed++
				continue
			}
			sum += c.Fee
			stay += c.LOS
			n++
		}
		w := decimal.NewFromFloat(weight)
		total = total.Add(decimal.New(sum, -2).Div(decimal.NewFromInt(n)).Mul(w))
		weights = weights.Add(w)
		days += stay / float64(n) * weight
	}
	if weights.IsZero() {
		return decimal.Zero, 0, trimmed
	}
	return total.Div(weights), days / weights.InexactFloat64(), trimmed
}

// Limits of trimming.
const (
	lowPercentile, highPercentile = 0.025, 0.975
	quartileFactor                = 1.5
)

// limits are the costs outside of which a case is left out of a mean.
func limits(fees []int64, trim string) (lo, hi int64) {
	slices.Sort(fees)
	at := func(p float64) float64 { // linear between neighbours
		x := p * float64(len(fees)-1)
		i := int(x)
		if i+1 >= len(fees) {
			return float64(fees[len(fees)-1])
		}
		return float64(fees[i]) + (x-float64(i))*float64(fees[i+1]-fees[i])
	}
	switch trim {
	case "percentile":
		return int64(math.Floor(at(lowPercentile))), int64(math.Ceil(at(highPercentile)))
	case "iqr":
		q1, q3 := at(0.25), at(0.75)
		return int64(math.Floor(q1 - quartileFactor*(q3-q1))), int64(math.Ceil(q3 + quartileFactor*(q3-q1)))
	}
	return math.MinInt64, math.MaxInt64
}

// ClassNamed reads a class as tables write it.
func ClassNamed(text string) (Class, bool) {
	c, ok := classOf[text]
	return c, ok
}
