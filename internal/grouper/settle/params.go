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
	"strings"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Num is a decimal number in a parameter file.
type Num struct{ decimal.Decimal }

// UnmarshalYAML reads a number, quoted or not, exactly as written.
func (n *Num) UnmarshalYAML(node *yaml.Node) error {
	d, err := decimal.NewFromString(node.Value)
	if err != nil || node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a number is wanted", node.Line)
	}
	n.Decimal = d
	return nil
}

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
	Deposit    Deposit       `yaml:"deposit"`
	Offsite    Offsite       `yaml:"offsite"`
	BedDay     []BedDay      `yaml:"bedday"`
	TCM        TCM           `yaml:"tcm"`
	AllMean    *Num          `yaml:"all_mean"`     // points law: mean cost of all cases
	PointValue []Rate        `yaml:"point_values"` // points law and DIP: fixed values
	PointFund  []Rate        `yaml:"point_funds"`  // or funds that are divided by the points of the year
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

// Weight is a row of the payment table of a group.
type Weight struct {
	Group     string   `yaml:"group"`
	Level     string   `yaml:"level"`
	Insurance string   `yaml:"insurance"`
	RW        *Num     `yaml:"rw"`          // weight of a DRG
	Mean      *Num     `yaml:"mean"`        // mean cost of the group, yuan: points law
	Score     *Num     `yaml:"score"`       // of a DIP group
	Ref       *Num     `yaml:"ref"`         // DIP: mean cost of last year in hospitals of the level
	Coef      *Num     `yaml:"coefficient"` // in place of the hospital's
	Standard  *Num     `yaml:"standard"`    // in place of weight times rate
	LowLimit  *Num     `yaml:"low_limit"`   // yuan, in place of the multiple
	HighLimit *Num     `yaml:"high_limit"`  // yuan
	Flags     []string `yaml:"flags"`
}

// Flags of a group.
const (
	FlagBasic    = "basic"    // 基础病组, 基层病种: the same standard at every level, no hospital coefficient
	FlagUnstable = "unstable" // few cases: paid by item
	FlagItem     = "item"     // 单议病组
	FlagTCM      = "tcm"      // 中医优势病组
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
}

// Band gives a multiple to groups up to a weight (or base points).
type Band struct {
	UpTo     *Num `yaml:"up_to"` // absent: all above
	Multiple Num  `yaml:"multiple"`
}

// Low is the rule for cases far below.
type Low struct {
	Multiple *Num   `yaml:"multiple"`
	Method   string `yaml:"method"` // actual, normal
}

// Deviation are the limits of DIP deviation cases, cost over reference, both exclusive.
type Deviation struct {
	High *Num `yaml:"high"`
	Low  *Num `yaml:"low"`
}

// Ungrouped is the rule for 0000, QY and blank groups.
type Ungrouped struct {
	Method string `yaml:"method"` // rw, item, ratio, refuse
	RW     *Num   `yaml:"rw"`
	Ratio  *Num   `yaml:"ratio"`
}

// Exclusion takes cases out of payment by group; they are paid by item.
type Exclusion struct {
	ID     string `yaml:"id"`
	LOSMin *Num   `yaml:"los_min"` // from this stay on
	LOSMax *Num   `yaml:"los_max"` // up to this stay
	BedDay bool   `yaml:"bed_day"`
	Day    bool   `yaml:"day_surgery"`
}

// Special are the quotas of 特例单议, as shares of discharges: DRG 5 %, DIP 5 ‰ (医保办发〔2024〕9号).
type Special struct {
	DRG *Num `yaml:"drg"`
	DIP *Num `yaml:"dip"`
}

// FundFormula says how the fund's part is found: A (technical norm) or B (standard less personal burden).
type FundFormula struct {
	Formula  string `yaml:"formula"`
	Negative string `yaml:"negative"` // zero, keep
}

// Tier is a step of the yearly clearing, by booked fund over due.
type Tier struct {
	Title string `yaml:"title"`
	UpTo  *Num   `yaml:"up_to"`        // ratio, inclusive; absent: all above
	Keep  *Num   `yaml:"surplus_kept"` // below 1: share of the surplus that the hospital keeps
	Bear  *Num   `yaml:"overrun_borne"`
	Below bool   `yaml:"exclusive"` // up_to itself belongs to the next tier
}

// Deposit is kept back and paid by the score of the assessment.
type Deposit struct {
	Share *Num `yaml:"share"`
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
		return nil, fault.New(fault.Invalid, "%s: %s", name, strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: "))
	}
	sum := sha256.Sum256(data)
	p.hash = hex.EncodeToString(sum[:])
	if err := p.check(name); err != nil {
		return nil, err
	}
	p.index()
	return p, nil
}

// Hash is that of the file, and of the weights added to it.
func (p *Params) Hash() string { return p.hash }

// AddWeights adds rows of a payment table that is kept beside the file; hash is that of the table.
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
		p.weights[w.Group] = append(p.weights[w.Group], w)
	}
}

func (p *Params) check(name string) error {
	oneOf := func(key, value string, allowed ...string) error {
		if slices.Contains(allowed, value) {
			return nil
		}
		return fault.New(fault.Invalid, "%s: %s: one of %s is wanted, found %q", name, key, strings.Join(allowed, ", "), value)
	}
	for _, err := range []error{
		oneOf("scheme", p.Scheme, "", SchemeDRG, SchemePoints, SchemeDIP),
		oneOf("high.method", p.High.Method, "", "excess", "item", "normal"),
		oneOf("low.method", p.Low.Method, "", "actual", "normal"),
		oneOf("ungrouped.method", p.Ungrouped.Method, "", "rw", "item", "ratio", "refuse"),
		oneOf("fund_formula.formula", p.Fund.Formula, "", "A", "B"),
		oneOf("fund_formula.negative", p.Fund.Negative, "", "zero", "keep"),
		oneOf("offsite.in_province", p.Offsite.InProvince, "", "local", "item", "shadow"),
		oneOf("offsite.cross_province", p.Offsite.CrossProvince, "", "local", "item", "shadow"),
	} {
		if err != nil {
			return err
		}
	}
	if p.Ungrouped.Method == "rw" && p.Ungrouped.RW == nil {
		return fault.New(fault.Invalid, "%s: ungrouped.rw: method rw needs a weight", name)
	}
	if p.Ungrouped.Method == "ratio" && p.Ungrouped.Ratio == nil {
		return fault.New(fault.Invalid, "%s: ungrouped.ratio: method ratio needs a share", name)
	}
	if p.High.Method != "" && p.High.Method != "normal" && p.High.Multiple == nil && len(p.High.Bands) == 0 {
		return fault.New(fault.Invalid, "%s: high: a multiple or bands are wanted", name)
	}
	return nil
}

// rate finds the value for a case: the row that says most about it.
func find(rows []Rate, level, insurance, offsite string) (decimal.Decimal, bool) {
	best, at := -1, -1
	for i, r := range rows {
		score := 0
		for _, m := range [...][2]string{{r.Level, level}, {r.Insurance, insurance}, {r.Offsite, offsite}} {
			switch m[0] {
			case "":
			case m[1]:
				score++
			default:
				score = -10
			}
		}
		if score > best {
			best, at = score, i
		}
	}
	if at < 0 {
		return decimal.Zero, false
	}
	return rows[at].Value.Decimal, true
}

// WeightOf is the relative weight of a group in the payment table (for DIP its score), from the row that says most about
// the case; ok is false where the table has none.
func (p *Params) WeightOf(group, level, insurance string) (value decimal.Decimal, ok bool) {
	w := p.weight(group, level, insurance)
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

func (p *Params) weight(group, level, insurance string) *Weight {
	var found *Weight
	best := -1
	for _, w := range p.weights[group] {
		score := 0
		for _, m := range [...][2]string{{w.Level, level}, {w.Insurance, insurance}} {
			switch m[0] {
			case "":
			case m[1]:
				score++
			default:
				score = -10
			}
		}
		if score > best {
			best, found = score, w
		}
	}
	return found
}

func (p *Params) coefficient(org, level string) decimal.Decimal {
	value := decimal.NewFromInt(1)
	for _, c := range p.Coef {
		if c.Org != "" && c.Org == org {
			return c.Value.Decimal
		}
		if c.Org == "" && (c.Level == level || c.Level == "") {
			value = c.Value.Decimal
		}
	}
	return value
}

func has(w *Weight, flag string) bool {
	return w != nil && slices.Contains(w.Flags, flag)
}
