// Package dip puts inpatient cases into the groups of a DIP catalogue (按病种分值付费): principal diagnosis and the
// operations that were done decide, core groups before comprehensive ones. It is a pure function of catalogue and
// case. It prices nothing: scores become money in internal/grouper/settle.
package dip

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Ungrouped is the code and the reason of a case that no row of the catalogue takes: the blank group (空白病组).
const Ungrouped = "DIP_UNGROUPED"

// NoPDX is the reason of a case without a diagnosis.
const NoPDX = "NO_PDX"

// Options are the choices that cities make differently.
type Options struct {
	// BasicAfterCore puts every group of basic diseases (基层病种) behind every core group, instead of behind the core
	// groups of the same class of operation.
	BasicAfterCore bool
	// IgnoreCost leaves the case's cost out when two groups fit equally well; the lowest code is taken then.
	IgnoreCost bool
}

// Kind is the place of a group in the catalogue.
type Kind uint8

// The kinds: 核心, 基层, 综合.
const (
	Core Kind = iota
	Basic
	Comprehensive
)

func (k Kind) String() string { return [...]string{"core", "basic", "comprehensive"}[k] }

var kindOf = map[string]Kind{"核心": Core, "核心病种": Core, "core": Core, "基层": Basic, "基层病种": Basic, "basic": Basic, "综合": Comprehensive, "综合病种": Comprehensive, "comprehensive": Comprehensive}

// Class is the class of an operation; the class of a case is that of its highest operation.
type Class uint8

// The classes in their order (DIP technical norm); interventions count as surgery.
const (
	Conservative Class = iota
	Diagnostic
	Therapeutic
	Intervention
	Surgery
)

func (c Class) String() string {
	return [...]string{"conservative", "diagnostic", "therapeutic", "intervention", "surgery"}[c]
}

// level joins intervention and surgery.
func (c Class) level() Class {
	if c == Intervention {
		return Surgery
	}
	return c
}

var classOf = map[string]Class{
	"保守治疗": Conservative, "conservative": Conservative, "诊断性操作": Diagnostic, "diagnostic": Diagnostic,
	"治疗性操作": Therapeutic, "therapeutic": Therapeutic, "介入治疗": Intervention, "intervention": Intervention,
	"手术": Surgery, "相关手术": Surgery, "surgery": Surgery,
}

// Catalogue is a compiled DIP catalogue, read only.
type Catalogue struct {
	id, hash string
	opt      Options
	groups   []Group
	exact    map[string][]int32 // core and basic rows by key of the diagnosis
	longest  int                // of those keys
	category map[string][]int32 // comprehensive rows by 1 to 3 characters
	ranges   []int32
	class    map[string]Class
	dxMap    map[string]string
	opMap    map[string]string
	aux      auxiliary
}

// Group is a row of the catalogue.
type Group struct {
	Code     string
	DxKey    string
	Ops      [][]string // all of the parts; any of the codes of a part
	OpExpr   string
	Kind     Kind
	Class    Class
	Score    decimal.Decimal
	MeanCost int64 // fen, -1 unknown
	MeanLOS  float64
	BaseCoef decimal.Decimal // fixed coefficient of a basic disease, zero without one
	TCM      bool            // 中医优势病种
	from, to string          // of a range of diagnoses
}

// ID is the catalogue's; Hash is that of its tables.
func (c *Catalogue) ID() string { return c.id }

// Hash is the hash of the tables.
func (c *Catalogue) Hash() string { return c.hash }

// Groups are the rows in the order of the file.
func (c *Catalogue) Groups() []Group { return c.groups }

// Compile makes a catalogue of a DIP package.
func Compile(s *schemes.Scheme, opt Options) (*Catalogue, error) {
	if s.Kind != schemes.DIP {
		return nil, fault.New(fault.Invalid, "scheme %s: it is of kind %s, not a DIP catalogue", s.ID, s.Kind)
	}
	c := &Catalogue{
		id: s.ID, hash: s.Hash, opt: opt, exact: map[string][]int32{}, category: map[string][]int32{}, class: map[string]Class{},
		dxMap: mapping(s.Tables["dx_map.csv"]), opMap: mapping(s.Tables["op_map.csv"]),
	}
	t := s.Tables["op_class.csv"]
	code, class := t.Column("op_code"), t.Column("op_class")
	for i := range t.Len() {
		row := t.Row(i)
		k, ok := classOf[row[class]]
		if !ok && row[class] != "" {
			return nil, fault.New(fault.Invalid, "%s: op_class %q is none of 手术 介入治疗 治疗性操作 诊断性操作", t.Pos(i), row[class])
		}
		c.class[row[code]] = k
	}
	if err := c.rows(s.Tables["catalog.csv"]); err != nil {
		return nil, err
	}
	return c, c.auxiliary(s)
}

func mapping(t *schemes.Table) map[string]string {
	m := make(map[string]string, t.Len())
	for i := range t.Len() {
		row := t.Row(i)
		m[row[t.Column("from_code")]] = row[t.Column("to_code")]
	}
	return m
}

// columns reads optional columns by name.
func cell(t *schemes.Table, row []string, name string) string {
	if at := t.Column(name); at >= 0 {
		return row[at]
	}
	return ""
}

func (c *Catalogue) rows(t *schemes.Table) error {
	if t.Len() == 0 {
		return fault.New(fault.Invalid, "%s:1: the catalogue has no rows", t.File)
	}
	seen := map[string]string{}
	for i := range t.Len() {
		row := t.Row(i)
		g := Group{Code: cell(t, row, "group_code"), DxKey: cell(t, row, "dx_key"), OpExpr: cell(t, row, "op_expr"), MeanCost: -1}
		bad := func(column, want string) error {
			return fault.New(fault.Invalid, "%s: %s is %s, found %q", t.Pos(i), column, want, cell(t, row, column))
		}
		var ok bool
		if g.Kind, ok = kindOf[cell(t, row, "kind")]; !ok {
			return bad("kind", "核心 基层 or 综合 (core, basic, comprehensive)")
		}
		if g.Class, ok = classOf[cell(t, row, "op_class")]; !ok {
			return bad("op_class", "保守治疗 诊断性操作 治疗性操作 介入治疗 or 相关手术")
		}
		g.Class = g.Class.level()
		if g.Code == "" || seen[g.Code] != "" {
			return fault.New(fault.Invalid, "%s: group_code %q is empty or was given before (%s)", t.Pos(i), g.Code, seen[g.Code])
		}
		seen[g.Code] = t.Pos(i)
		if err := g.numbers(t, row, bad); err != nil {
			return err
		}
		if err := g.operations(); err != nil {
			return fault.New(fault.Invalid, "%s: %w", t.Pos(i), err)
		}
		if err := c.place(g); err != nil {
			return fault.New(fault.Invalid, "%s: %w", t.Pos(i), err)
		}
	}
	return nil
}

func (g *Group) numbers(t *schemes.Table, row []string, bad func(column, want string) error) error {
	var err error
	if g.Score, err = decimal.NewFromString(cell(t, row, "score")); err != nil || g.Score.IsNegative() {
		return bad("score", "a number")
	}
	if text := cell(t, row, "mean_cost"); text != "" {
		d, err := decimal.NewFromString(text)
		if err != nil {
			return bad("mean_cost", "an amount in yuan")
		}
		g.MeanCost = d.Shift(2).Round(0).IntPart()
	}
	if text := cell(t, row, "mean_los"); text != "" {
		d, err := decimal.NewFromString(text)
		if err != nil {
			return bad("mean_los", "a number of days")
		}
		g.MeanLOS = d.InexactFloat64()
	}
	if text := cell(t, row, "base_coef"); text != "" {
		if g.BaseCoef, err = decimal.NewFromString(text); err != nil {
			return bad("base_coef", "a number")
		}
	}
	g.TCM = slices.Contains([]string{"1", "true", "是"}, cell(t, row, "tcm"))
	return nil
}

// operations reads op_expr: + joins what must all be done, / joins what may stand for each other.
func (g *Group) operations() error {
	if g.OpExpr == "" {
		return nil
	}
	for part := range strings.SplitSeq(g.OpExpr, "+") {
		var one []string
		for code := range strings.SplitSeq(part, "/") {
			code = strings.TrimSpace(code)
			if code == "" {
				return fmt.Errorf("op_expr %q: an operation is missing beside + or /", g.OpExpr)
			}
			one = append(one, code)
		}
		g.Ops = append(g.Ops, one)
	}
	return nil
}

func (c *Catalogue) place(g Group) error {
	at := int32(len(c.groups)) //nolint:gosec // bounded by the size of the file
	from, to, isRange := strings.Cut(g.DxKey, "-")
	switch {
	case g.DxKey == "":
		return errors.New("dx_key is empty")
	case isRange:
		if from == "" || to == "" || from[:1] > to[:1] {
			return fmt.Errorf("dx_key %q is not a range such as A00-Z99", g.DxKey)
		}
		if g.Kind != Comprehensive {
			return fmt.Errorf("dx_key %q: a range is for comprehensive groups; core and basic ones name the beginning of a diagnosis", g.DxKey)
		}
		g.from, g.to = from, to
		c.ranges = append(c.ranges, at)
	case g.Kind == Comprehensive:
		if len(g.DxKey) > 3 {
			return fmt.Errorf("dx_key %q of a comprehensive group is 1 to 3 characters, or a range", g.DxKey)
		}
		c.category[g.DxKey] = append(c.category[g.DxKey], at)
	default:
		c.exact[g.DxKey] = append(c.exact[g.DxKey], at)
		c.longest = max(c.longest, len(g.DxKey))
	}
	c.groups = append(c.groups, g)
	return nil
}

// Case is what a case brings; see NewCase.
type Case struct {
	Dx       []string // first is the principal diagnosis
	Ops      []string
	Fee      int64 // total, fen; -1 unknown
	Facts    Facts
	HasFacts bool
}

// NewCase is a case without a fee.
func NewCase() Case {
	return Case{Fee: -1, Facts: Facts{AgeYears: math.NaN(), AgeDays: math.NaN(), LOSDays: math.NaN()}}
}

// Result is where a case belongs.
type Result struct {
	Code   string
	Group  *Group // nil: ungrouped
	Class  Class  // of the case
	Reason string
	Factor Factor // of the auxiliary catalogue; zero where none applies
}

// Step is one step of a decision as people read it.
type Step struct {
	Step    string   `json:"step"`
	Subject string   `json:"subject"`
	Rule    string   `json:"rule,omitempty"`
	Codes   []string `json:"matched_codes,omitempty"`
	Verdict string   `json:"verdict"`
}
