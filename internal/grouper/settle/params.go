// Package settle turns grouped cases into money: what a DRG weight, a point or a DIP score is worth, what the fund owes
// a hospital for each case, and what a year's clearing makes of the sum. Everything is a pure function of cases and one
// parameter set, in decimal money; no rate, limit or share is written in the code. It groups no case and reads no file.
package settle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v3"
)

// Num is a decimal number in a parameter file.
type Num struct{ decimal.Decimal }

// UnmarshalYAML reads a number, quoted or not, exactly as written.
func (n *Num) UnmarshalYAML(node *yaml.Node) error {
	d, err := number(node.Value)
	if err != nil || node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a number is wanted", node.Line)
	}
	n.Decimal = d
	return nil
}

// number reads a decimal of a size that money, weights and shares have: 1e999999 would fill the memory at the first sum.
func number(text string) (decimal.Decimal, error) {
	d, err := decimal.NewFromString(text)
	if err == nil && !sensible(d) {
		err = errors.New("a number of a sensible size is wanted")
	}
	return d, err
}

func sensible(d decimal.Decimal) bool {
	return d.Exponent() <= mostExponent && d.Exponent() >= -mostExponent && d.NumDigits() <= mostDigits
}

const (
	mostExponent = 30
	mostDigits   = 60
)

// N makes a number from its text; it is for defaults and tests.
func N(text string) Num { return Num{decimal.RequireFromString(text)} }

// Schemes of payment.
const (
	SchemeDRG    = "drg"    // weight times rate
	SchemePoints = "points" // points law: shares of a fund
	SchemeDIP    = "dip"    // scores times point value
)

// Params is one region's rules for one year. Values of the national norm are examples of configuration, not defaults:
// a parameter that a scheme needs and the file lacks is a fault.
type Params struct {
	ID         string        `yaml:"id"`
	Title      Title         `yaml:"title"`
	Source     string        `yaml:"source"` // notice, year: where the numbers come from
	Region     string        `yaml:"region"`
	Year       int           `yaml:"year"`
	Scheme     string        `yaml:"scheme"`  // drg, points, dip
	Version    string        `yaml:"version"` // of the grouping, chs_drg_11
	Rates      []Rate        `yaml:"rates"`
	Weights    []Weight      `yaml:"weights"`
	Coef       []Coefficient `yaml:"coefficients"`
	High       High          `yaml:"high"`
	Low        Low           `yaml:"low"`
	Deviation  Deviation     `yaml:"deviation"`
	Ungrouped  Ungrouped     `yaml:"ungrouped"`
	Exclusions []Exclusion   `yaml:"exclusions"`
	Special    Special       `yaml:"special_case"`
	Fund       FundFormula   `yaml:"fund_formula"`
	Tiers      []Tier        `yaml:"tiers"`
	Clearing   Clearing      `yaml:"clearing"`
	Deposit    Deposit       `yaml:"deposit"`
	Offsite    Offsite       `yaml:"offsite"`
	BedDay     []BedDay      `yaml:"bedday"`
	TCM        TCM           `yaml:"tcm"`
	Volume     Volume        `yaml:"volume_control"`
	AllMean    *Num          `yaml:"all_mean"`     // points law: mean cost of all cases
	PointValue []Rate        `yaml:"point_values"` // points law and DIP: fixed values
	PointFund  []Fund        `yaml:"point_funds"`  // or funds that are divided by the points of the year
	Rounding   Rounding      `yaml:"rounding"`

	hash    string
	weights map[string][]*Weight
}

// Title is a name in both languages.
type Title struct {
	ZH string `yaml:"zh"`
	EN string `yaml:"en"`
}

// Rate is a value for a level of hospital, a type of insurance and a class of off-site care; empty means any.
type Rate struct {
	Level     string `yaml:"level"`
	Insurance string `yaml:"insurance"`
	Offsite   string `yaml:"offsite"`
	Value     Num    `yaml:"value"`
}

// Fund is what the points of a year share. Its value is what is there for all of their cost, personal part included; a
// fund of which only the fund's own part is known says how the rest is found (DIP norm: divide by the reimbursement
// ratio; most cities: add what persons and other payers paid for those cases).
type Fund struct {
	Level     string `yaml:"level"`
	Insurance string `yaml:"insurance"`
	Offsite   string `yaml:"offsite"`
	Value     Num    `yaml:"value"`
	Ratio     *Num   `yaml:"reimbursement_ratio"` // value over this
	Personal  bool   `yaml:"plus_personal"`       // and the personal and other payers' part of the cases
}

// Weight is a row of the payment table of a group. A zero is no price: it counts as not given.
type Weight struct {
	Group     string   `yaml:"group"`
	Level     string   `yaml:"level"`
	Insurance string   `yaml:"insurance"`
	Org       string   `yaml:"org"`         // for one hospital: some tables name them
	RW        *Num     `yaml:"rw"`          // weight of a DRG
	Mean      *Num     `yaml:"mean"`        // mean cost of the group, yuan: points law
	Score     *Num     `yaml:"score"`       // of a DIP group
	Ref       *Num     `yaml:"ref"`         // DIP: mean cost of last year in hospitals of the level
	Rate      *Num     `yaml:"rate"`        // yuan for a weight, in place of rates
	Coef      *Num     `yaml:"coefficient"` // in place of the hospital's
	Standard  *Num     `yaml:"standard"`    // in place of weight times rate
	LowLimit  *Num     `yaml:"low_limit"`   // yuan, in place of the multiple
	HighLimit *Num     `yaml:"high_limit"`  // yuan
	Instead   string   `yaml:"instead"`     // group paid where the share of TCM fees is too low for this one
	MaxCases  *Num     `yaml:"max_cases"`   // 总量控制: cases of the year that are paid in full
	Flags     []string `yaml:"flags"`
}

// Flags of a group.
const (
	FlagBasic    = "basic"    // 基础病组, 基层病种: the same standard at every level, no hospital coefficient
	FlagUnstable = "unstable" // few cases: paid by item
	FlagItem     = "item"     // 单议病组
	FlagTCM      = "tcm"      // 中医优势病组
)

var flags = []string{FlagBasic, FlagUnstable, FlagItem, FlagTCM}

// Classes of care away from the place of insurance, as a case names them; a case that names none is local.
const (
	inProvince    = "in_province"
	crossProvince = "cross_province"
)

// Coefficient is a hospital's or a level's factor.
type Coefficient struct {
	Org   string `yaml:"org"`
	Level string `yaml:"level"`
	Value Num    `yaml:"value"`
}

// High is the rule for cases far above their standard.
type High struct {
	Multiple *Num   `yaml:"multiple"` // cost over standard, strictly greater
	Bands    []Band `yaml:"bands"`    // by weight, base points or none
	Method   string `yaml:"method"`   // excess, item, normal
	Cap      *Num   `yaml:"cap"`      // share of a hospital's discharges that may be paid so; DRG 5 %
	Order    string `yaml:"order"`    // who comes first within the cap: excess (cost less standard), ratio, cost
}

// Band gives a multiple to hospitals of a level and groups up to a weight (or base points). Bands of a level stand for
// all its groups; those without one are for the levels that have none of their own.
type Band struct {
	Level    string `yaml:"level"`
	UpTo     *Num   `yaml:"up_to"` // absent: all above
	Multiple Num    `yaml:"multiple"`
}

// Low is the rule for cases far below.
type Low struct {
	Multiple *Num   `yaml:"multiple"`
	Method   string `yaml:"method"` // actual, normal
}

// Deviation are the limits of DIP deviation cases, cost over reference, both exclusive.
type Deviation struct {
	High   *Num `yaml:"high"`
	Low    *Num `yaml:"low"`
	Review *Num `yaml:"review"` // above it a case is marked for experts
}

// Ungrouped is the rule for 0000, QY and blank groups.
type Ungrouped struct {
	Method string `yaml:"method"` // rw, item, ratio, refuse
	RW     *Num   `yaml:"rw"`
	Ratio  *Num   `yaml:"ratio"`
}

// Exclusion takes cases out of payment by group, those for which all holds that it says; they are paid by item.
type Exclusion struct {
	ID     string `yaml:"id"`
	LOSMin *Num   `yaml:"los_min"` // from this stay on
	LOSMax *Num   `yaml:"los_max"` // up to this stay
	BedDay bool   `yaml:"bed_day"`
	Day    bool   `yaml:"day_surgery"`
}

// Special are the quotas of 特例单议, as shares of discharges: DRG 5 %, DIP 5 ‰ (医保办发〔2024〕9号).
type Special struct {
	DRG    *Num   `yaml:"drg"`
	DIP    *Num   `yaml:"dip"`
	Method string `yaml:"method"` // item, or uplift: the standard (or the points) times factor
	Factor *Num   `yaml:"factor"`
}

// FundFormula says how the fund's part is found: A (technical norm) or B (standard less personal burden).
type FundFormula struct {
	Formula  string `yaml:"formula"`
	Negative string `yaml:"negative"` // zero, keep
}

// Clearing says whose booked fund is cleared against whose due: each type of insurance of a hospital by itself, because
// their funds are separate (社会保险基金财务制度: 分账核算), or the hospital as one.
type Clearing struct {
	Of string `yaml:"of"` // insurance, org
}

// Tier is a step of the yearly clearing, by booked fund over due. Tiers of a type of insurance stand in the place of
// those without one.
type Tier struct {
	Title     string `yaml:"title"`
	Insurance string `yaml:"insurance"`
	UpTo      *Num   `yaml:"up_to"`        // ratio, inclusive; absent: all above
	Keep      *Num   `yaml:"surplus_kept"` // below 1: share of the surplus that the hospital keeps
	Bear      *Num   `yaml:"overrun_borne"`
	Below     bool   `yaml:"exclusive"` // up_to itself belongs to the next tier
}

// Deposit is kept back and paid by the score of the assessment.
type Deposit struct {
	Share  *Num    `yaml:"share"`
	Scores []Score `yaml:"scores"` // of the year's assessment, once they are known
}

// Score is a hospital's result of the assessment as a share of 1: 0.96 pays 96 % of its deposit.
type Score struct {
	Org   string `yaml:"org"` // empty: any other
	Value Num    `yaml:"value"`
}

// Offsite says how cases from elsewhere are paid: local, item, shadow (grouped and shown, not paid here).
type Offsite struct {
	InProvince    string `yaml:"in_province"`
	CrossProvince string `yaml:"cross_province"`
}

// BedDay pays long stays by the day, in declining tiers.
type BedDay struct {
	Kind  string    `yaml:"kind"`
	Tiers []DayTier `yaml:"tiers"`
	Value *Num      `yaml:"value"` // yuan for a point; absent: the point value
}

// DayTier is a number of days at points a day; days absent: the rest.
type DayTier struct {
	Days   *Num `yaml:"days"`
	Points Num  `yaml:"points"`
}

// TCM is the rule for groups with an advantage in traditional medicine: a least share of TCM fees, a factor if reached.
type TCM struct {
	MinShare *Num `yaml:"min_share"`
	Factor   *Num `yaml:"factor"`
}

// Volume is the rule for groups whose number of cases is capped (总量控制病组): all cases of such a group are paid the
// same share, so that together they come to what max_cases of them would have. Without an order of cases nobody's depends
// on who was entered first.
type Volume struct {
	Of string `yaml:"of"` // region, org: whose cases the cap counts
}

// Rounding is decimal places, half up.
type Rounding struct {
	Money *int32 `yaml:"money"` // 2
	RW    *int32 `yaml:"rw"`    // 4
	Point *int32 `yaml:"point"` // 4
	Score *int32 `yaml:"score"` // 4
	Ratio *int32 `yaml:"ratio"` // 4
}

func places(n *int32, standard int32) int32 {
	if n == nil {
		return standard
	}
	return *n
}

func (r Rounding) money(d decimal.Decimal) decimal.Decimal { return d.Round(places(r.Money, 2)) }
func (r Rounding) rw(d decimal.Decimal) decimal.Decimal    { return d.Round(places(r.RW, 4)) }
func (r Rounding) point(d decimal.Decimal) decimal.Decimal { return d.Round(places(r.Point, 4)) }
func (r Rounding) score(d decimal.Decimal) decimal.Decimal { return d.Round(places(r.Score, 4)) }
func (r Rounding) ratio(d decimal.Decimal) decimal.Decimal { return d.Round(places(r.Ratio, 4)) }

// Load reads a parameter file strictly: an unknown key, a method that does not exist, or a missing number is a fault
// with its line.
func Load(data []byte, name string) (*Params, error) {
	p := &Params{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(p); err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlFault(name, err)
	}
	sum := sha256.Sum256(data)
	p.hash = hex.EncodeToString(sum[:])
	if err := p.check(name, data); err != nil {
		return nil, err
	}
	p.index()
	return p, nil
}

// Hash is that of the file, and of the weights added to it.
func (p *Params) Hash() string { return p.hash }

// AddWeights adds rows of a payment table that is kept beside the file; hash is that of the table. Where the file has a
// row for the same, the file's is used.
func (p *Params) AddWeights(rows []Weight, hash string) {
	p.Weights = append(p.Weights, rows...)
	sum := sha256.Sum256([]byte(p.hash + hash))
	p.hash = hex.EncodeToString(sum[:])
	p.index()
}

func (p *Params) index() {
	p.weights = make(map[string][]*Weight, len(p.Weights))
	for i := range p.Weights {
		w := &p.Weights[i]
		for name, n := range w.numbers() {
			if *n != nil && (*n).IsZero() && name != "low_limit" && name != "max_cases" {
				*n = nil // no price: published tables write 0 where a group has none
			}
		}
		p.weights[w.Group] = append(p.weights[w.Group], w)
	}
}

// find is the place of the row that says most about a case, -1 where none fits. said gives the pairs of what a row says
// and what the case is; a row that says nothing fits every case. Of two rows that say as much, the first.
func find[R any](rows []R, said func(r *R) [][2]string) int {
	best, at := -1, -1
	for i := range rows {
		score := 0
		for _, pair := range said(&rows[i]) {
			if pair[0] == "" {
				continue
			}
			if pair[0] != pair[1] {
				score = -1
				break
			}
			score++
		}
		if score > best {
			best, at = score, i
		}
	}
	return at
}

// rateOf is the value for a case.
func rateOf(rows []Rate, level, insurance, offsite string) (decimal.Decimal, bool) {
	at := find(rows, func(r *Rate) [][2]string {
		return [][2]string{{r.Level, level}, {r.Insurance, insurance}, {r.Offsite, offsite}}
	})
	if at < 0 {
		return decimal.Zero, false
	}
	return rows[at].Value.Decimal, true
}

// WeightOf is the relative weight of a group in the payment table (for DIP its score), from the row that says most about
// the case; ok is false where the table has none.
func (p *Params) WeightOf(group, level, insurance string) (value decimal.Decimal, ok bool) {
	w := p.weight(group, "", level, insurance)
	switch {
	case w == nil:
		return decimal.Zero, false
	case w.RW != nil:
		return w.RW.Decimal, true
	case w.Score != nil:
		return w.Score.Decimal, true
	}
	return decimal.Zero, false
}

func (p *Params) weight(group, org, level, insurance string) *Weight {
	rows := p.weights[group]
	if len(rows) == 1 && rows[0].Org == "" && rows[0].Level == "" && rows[0].Insurance == "" {
		return rows[0] // most tables have one row a group
	}
	at := find(rows, func(w **Weight) [][2]string {
		return [][2]string{{(*w).Org, org}, {(*w).Level, level}, {(*w).Insurance, insurance}}
	})
	if at < 0 {
		return nil
	}
	return rows[at]
}

func (p *Params) coefficient(org, level string) decimal.Decimal {
	at := find(p.Coef, func(c *Coefficient) [][2]string { return [][2]string{{c.Org, org}, {c.Level, level}} })
	if i := slices.IndexFunc(p.Coef, func(c Coefficient) bool { return c.Org != "" && c.Org == org }); i >= 0 {
		at = i // a hospital's own, whatever its level
	}
	if at < 0 {
		return one
	}
	return p.Coef[at].Value.Decimal
}

func has(w *Weight, flag string) bool {
	return w != nil && slices.Contains(w.Flags, flag)
}
