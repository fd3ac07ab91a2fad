package weigh

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// Params says how one region weighs its groups in one year. A rule the file does not have is not applied.
type Params struct {
	ID        string          `yaml:"id"`
	Title     settle.Title    `yaml:"title"`
	Source    string          `yaml:"source"` // notice, year
	Region    string          `yaml:"region"`
	Year      int             `yaml:"year"`   // that the weights are for
	Scheme    string          `yaml:"scheme"` // drg, points, dip
	Years     []Year          `yaml:"years"`  // absent: all cases are of one year
	Statuses  []string        `yaml:"statuses"`
	Trim      []Trim          `yaml:"trim"`
	Small     Small           `yaml:"small"`
	Structure *Structure      `yaml:"structure"`
	KeepTotal string          `yaml:"keep_total"` // expert, always, never
	Scale     *settle.Num     `yaml:"scale"`      // DIP: score of the mean case
	Refs      string          `yaml:"refs"`       // DIP: level, region, none
	Coef      *Coefficients   `yaml:"coefficients"`
	Rates     *Rates          `yaml:"rates"`
	Rounding  settle.Rounding `yaml:"rounding"`

	hash string
}

// Year is a year of costs and its weight in the means.
type Year struct {
	Year   *int       `yaml:"year"`
	Back   *int       `yaml:"back"` // or so many years before the latest one found
	Weight settle.Num `yaml:"weight"`
}

// Trim is a rule that sets cases aside before averaging. Exactly one of its criteria is given; a limit itself stays.
type Trim struct {
	ID     string `yaml:"id"`
	Source string `yaml:"source"`

	LOSOver   *settle.Num `yaml:"los_over"`   // days
	LOSUnder  *settle.Num `yaml:"los_under"`  // days
	CostBelow *settle.Num `yaml:"cost_below"` // yuan
	CostAbove *settle.Num `yaml:"cost_above"` // yuan

	IQR         *settle.Num  `yaml:"iqr"`         // outside Q1 − k·IQR and Q3 + k·IQR
	IQRLow      *settle.Num  `yaml:"iqr_low"`     // another k below
	Sigma       *settle.Num  `yaml:"sigma"`       // outside mean ± k·SD (sample)
	Percentiles []settle.Num `yaml:"percentiles"` // [2.5, 97.5]

	On      string `yaml:"on"`       // cost, ln_cost
	Within  string `yaml:"within"`   // group, all
	ByYear  bool   `yaml:"by_year"`  // limits of each year by itself
	AtLeast int    `yaml:"at_least"` // a statistical rule leaves fewer cases than this alone
}

// Small says what becomes of groups with few cases.
type Small struct {
	Below  int         `yaml:"below"`   // used cases; fewer make a group unstable
	CVOver *settle.Num `yaml:"cv_over"` // a CV above this makes it unstable too
	Weight string      `yaml:"weight"`  // own, adrg, none
	Flag   *bool       `yaml:"flag"`    // put the flag unstable into the payment table, which pays by item; default true
}

// Structure re-weights the five classes of cost before weights are drawn: shares they ought to have of all cost, or factors.
type Structure struct {
	Shares  *Parts `yaml:"shares"`
	Factors *Parts `yaml:"factors"`
}

// Parts is a number for each class of cost.
type Parts struct {
	Medical      settle.Num `yaml:"medical"`
	Nursing      settle.Num `yaml:"nursing"`
	Tech         settle.Num `yaml:"tech"`
	DrugMaterial settle.Num `yaml:"drug_material"`
	Admin        settle.Num `yaml:"admin"`
}

func (s *Parts) list() [PartCount]decimal.Decimal {
	return [PartCount]decimal.Decimal{s.Medical.Decimal, s.Nursing.Decimal, s.Tech.Decimal, s.DrugMaterial.Decimal, s.Admin.Decimal}
}

// Coefficients says how levels or hospitals compare with the region.
type Coefficients struct {
	Of       string      `yaml:"of"`        // level, org
	Method   string      `yaml:"method"`    // mean_of_ratios, ratio_of_sums
	MinCases int         `yaml:"min_cases"` // of a level or hospital in a group, for the group to count
	SharedBy int         `yaml:"shared_by"` // levels or hospitals that must have the group; default 2
	Min      *settle.Num `yaml:"min"`
	Max      *settle.Num `yaml:"max"`
}

// Rates turns a budget into yuan for a weight (DIP, points: for a point).
type Rates struct {
	By      string      `yaml:"by"`      // level, region
	Growth  *settle.Num `yaml:"growth"`  // of cases, 0.03: predicted cases are those of the last year and so much more
	Covers  string      `yaml:"covers"`  // weighed: the budget is for cases with a weight; all: also for those paid by item
	Neutral bool        `yaml:"neutral"` // divide by weight times coefficient, so that coefficients do not change the total
	Budgets []Budget    `yaml:"budgets"`
}

// Budget is the fund for inpatients of an insurance type and a year.
type Budget struct {
	Insurance string      `yaml:"insurance"` // empty: of all cases
	Fund      settle.Num  `yaml:"fund"`      // yuan
	Ratio     settle.Num  `yaml:"ratio"`     // actual reimbursement ratio
	Levels    []LevelPlan `yaml:"levels"`    // absent: every level there is, from the cases of the last year
}

// LevelPlan states what the cases of the last year would otherwise say.
type LevelPlan struct {
	Level         string      `yaml:"level"`
	Cases         *settle.Num `yaml:"cases"` // predicted
	CMI           *settle.Num `yaml:"cmi"`
	PriorMeanCost *settle.Num `yaml:"prior_mean_cost"`
}

// Values of keys.
const (
	onCost, onLnCost         = "cost", "ln_cost"
	withinGroup, withinAll   = "group", "all"
	own, fromADRG, noWeight  = "own", "adrg", "none"
	fromExpert               = "expert"
	keepExpert, keepAlways   = "expert", "always"
	keepNever                = "never"
	byLevel, byRegion, byOrg = "level", "region", "org"
	meanOfRatios             = "mean_of_ratios"
	ratioOfSums              = "ratio_of_sums"
	coversWeighed, coversAll = "weighed", "all"
)

//go:embed national.yaml
var nationalYAML []byte

// NationalYAML is an example parameter set with the source of each value.
func NationalYAML() string { return string(nationalYAML) }

// Load reads a parameter file strictly: an unknown key or a value that cannot be is a fault with its line or key.
func Load(data []byte, name string) (*Params, error) {
	p := &Params{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(p); err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "%s: %s", name, strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: "))
	}
	sum := sha256.Sum256(data)
	p.hash = hex.EncodeToString(sum[:])
	if err := p.check(name); err != nil {
		return nil, err
	}
	return p, nil
}

// Hash is that of the file.
func (p *Params) Hash() string { return p.hash }

func (p *Params) statuses() []string {
	if len(p.Statuses) == 0 {
		return []string{statusOK}
	}
	return p.Statuses
}

func (p *Params) check(name string) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, name+": "+format, args...)
	}
	type choice struct {
		key     string
		value   *string
		allowed []string // the first is the default; "" means that a value is wanted
	}
	choices := []choice{
		{"scheme", &p.Scheme, []string{"", settle.SchemeDRG, settle.SchemePoints, settle.SchemeDIP}},
		{"small.weight", &p.Small.Weight, []string{own, fromADRG, noWeight}},
		{"keep_total", &p.KeepTotal, []string{keepExpert, keepAlways, keepNever}},
		{"refs", &p.Refs, []string{byLevel, byRegion, noWeight}},
	}
	if p.Coef != nil {
		choices = append(choices, choice{"coefficients.of", &p.Coef.Of, []string{"", byLevel, byOrg}}, choice{"coefficients.method", &p.Coef.Method, []string{meanOfRatios, ratioOfSums}})
	}
	if p.Rates != nil {
		choices = append(choices, choice{"rates.by", &p.Rates.By, []string{"", byLevel, byRegion}}, choice{"rates.covers", &p.Rates.Covers, []string{coversWeighed, coversAll}})
	}
	for i := range p.Trim {
		t := &p.Trim[i]
		choices = append(choices, choice{"trim " + t.ID + ": on", &t.On, []string{onCost, onLnCost}}, choice{"trim " + t.ID + ": within", &t.Within, []string{withinGroup, withinAll}})
	}
	for _, c := range choices {
		if *c.value == "" && c.allowed[0] != "" {
			*c.value = c.allowed[0]
		}
		if *c.value == "" || !slices.Contains(c.allowed, *c.value) {
			return bad("%s: one of %s is wanted, found %q", c.key, strings.Join(slices.DeleteFunc(c.allowed, func(s string) bool { return s == "" }), ", "), *c.value)
		}
	}
	seen := map[int]bool{}
	for i, y := range p.Years {
		switch {
		case (y.Year == nil) == (y.Back == nil), y.Back != nil && *y.Back < 0:
			return bad("years: entry %d: either year, or back (years before the latest) is wanted", i+1)
		case (y.Year == nil) != (p.Years[0].Year == nil):
			return bad("years: all by year, or all by back")
		case !y.Weight.IsPositive():
			return bad("years: entry %d: a positive weight is wanted", i+1)
		}
		key := y.Back
		if key == nil {
			key = y.Year
		}
		if seen[*key] {
			return bad("years: entry %d is there twice", i+1)
		}
		seen[*key] = true
	}
	ids := map[string]bool{}
	for i := range p.Trim {
		t := &p.Trim[i]
		if t.ID == "" || ids[t.ID] {
			return bad("trim: rule %d: an id of its own is wanted", i+1)
		}
		ids[t.ID] = true
		if err := t.check(); err != nil {
			return bad("trim: rule %s: %w", t.ID, err)
		}
	}
	if p.Small.Below < 0 {
		return bad("small.below: a number of cases is wanted")
	}
	if p.Scale != nil && !p.Scale.IsPositive() {
		return bad("scale: a positive number is wanted")
	}
	if err := p.checkStructure(); err != nil {
		return bad("%w", err)
	}
	if p.Scheme == settle.SchemePoints && (p.Structure != nil || p.KeepTotal == keepAlways || p.Small.Weight == fromADRG) {
		return bad("scheme points: settlement draws base points from mean costs, so that structure, keep_total: always and small.weight: adrg cannot be")
	}
	if p.Rates != nil {
		if p.Rates.By == byLevel && p.Coef != nil && p.Coef.Of == byLevel {
			return bad("rates.by level and coefficients.of level: the level would count twice; one of them is enough")
		}
		for i, b := range p.Rates.Budgets {
			if !b.Fund.IsPositive() || !b.Ratio.IsPositive() || b.Ratio.GreaterThan(decimal.NewFromInt(1)) {
				return bad("rates.budgets: entry %d: a fund above 0 and a ratio above 0 and up to 1 are wanted", i+1)
			}
			for k, l := range b.Levels {
				for _, n := range []*settle.Num{l.Cases, l.CMI, l.PriorMeanCost} {
					if n != nil && !n.IsPositive() {
						return bad("rates.budgets: entry %d, level %d: positive numbers are wanted", i+1, k+1)
					}
				}
			}
		}
	}
	return nil
}

func (p *Params) checkStructure() error {
	s := p.Structure
	if s == nil {
		return nil
	}
	if (s.Shares == nil) == (s.Factors == nil) {
		return errors.New("structure: either shares or factors are wanted")
	}
	list := s.Factors
	if s.Shares != nil {
		list = s.Shares
	}
	sum := decimal.Zero
	for i, v := range list.list() {
		if v.IsNegative() {
			return errors.New("structure: " + PartNames[i] + " is negative")
		}
		sum = sum.Add(v)
	}
	if s.Shares != nil && !sum.Equal(decimal.NewFromInt(1)) {
		return errors.New("structure.shares: they sum to " + sum.String() + ", and 1 is wanted")
	}
	if !sum.IsPositive() {
		return errors.New("structure: all classes are 0")
	}
	return nil
}

func (t *Trim) statistical() bool { return t.IQR != nil || t.Sigma != nil || t.Percentiles != nil }

func (t *Trim) check() error {
	given := 0
	for _, n := range []*settle.Num{t.LOSOver, t.LOSUnder, t.CostBelow, t.CostAbove, t.IQR, t.Sigma} {
		if n != nil {
			given++
			if n.IsNegative() {
				return errors.New("a number from 0 on is wanted")
			}
		}
	}
	hundred := decimal.NewFromInt(100) //nolint:mnd // per cent
	if t.Percentiles != nil {
		given++
		if len(t.Percentiles) != 2 || t.Percentiles[0].IsNegative() || t.Percentiles[0].GreaterThanOrEqual(t.Percentiles[1].Decimal) || t.Percentiles[1].GreaterThan(hundred) {
			return errors.New("percentiles: two of them from 0 to 100 are wanted, the lower first")
		}
	}
	if given != 1 {
		return errors.New("exactly one of los_over, los_under, cost_below, cost_above, iqr, sigma, percentiles is wanted")
	}
	if t.IQRLow != nil && (t.IQR == nil || t.IQRLow.IsNegative()) {
		return errors.New("iqr_low goes with iqr, from 0 on")
	}
	return nil
}
