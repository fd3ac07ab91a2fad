package queries

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Indicator is one governed figure: what is divided by what, in which unit, from whose point of view, by which source.
type Indicator struct {
	ID      string      `yaml:"id"`
	Title   schema.Text `yaml:"title"`
	Meaning string      `yaml:"meaning"`
	Basis   string      `yaml:"basis"` // the standard it follows, and how well that was checked

	Version   string `yaml:"version"`
	ValidFrom string `yaml:"valid_from"`

	Unit        string  `yaml:"unit"`
	Scale       float64 `yaml:"scale"`     // 100 for a share shown in percent; 0 is 1
	Direction   string  `yaml:"direction"` // higher, lower or monitor
	Viewpoint   string  `yaml:"viewpoint"` // care, insured or residence: which of a row's regions counts
	Numerator   string  `yaml:"numerator"`
	Denominator string  `yaml:"denominator"` // "" = the figure is the numerator
	Model       *Model  `yaml:"model"`       // instead of numerator and denominator

	Dimensions  []string `yaml:"dimensions"` // offered first; any column that is not sensitive works
	Grains      []string `yaml:"grains"`
	Comparisons []string `yaml:"comparisons"`
	Suppression string   `yaml:"suppression"` // yes: small cells are hidden; org: only in groups finer than an organisation; no

	Cases    []Case `yaml:"cases"`
	Replaces string `yaml:"replaces"`

	At          expr.Pos `yaml:"-"`
	Text        string   `yaml:"-"`
	layer       fs.FS    // where fixtures of its cases stand
	numerator   formula
	denominator formula // nil without one
}

// Model is a detection algorithm that runs on the series of the asked grain.
type Model struct {
	Name     string  `yaml:"name"`     // ears_c1, ears_c2 or ears_c3
	Series   string  `yaml:"series"`   // a formula
	Baseline int     `yaml:"baseline"` // periods that make the expectation
	Lag      int     `yaml:"lag"`      // periods left out between baseline and the period judged
	Alpha    float64 `yaml:"alpha"`    // probability of a false alarm, one-sided normal
	MinSD    float64 `yaml:"min_sd"`   // a smaller deviation counts as this one
	series   formula
}

// Case is a worked example: rows given, a question, and what must come out. `sanyi check` runs it.
type Case struct {
	ID       string                      `yaml:"id"`
	Rows     map[string][]map[string]any `yaml:"rows"`      // _repeat: n makes n rows, {i} in texts is 1..n
	RowsFrom string                      `yaml:"rows_from"` // and those of fixtures/NAME.yaml, for cases that share them
	Ask      Ask                         `yaml:"ask"`
	Expect   []map[string]any            `yaml:"expect"` // fields of the answer's rows; dims choose the row

	At expr.Pos `yaml:"-"`
}

// Ask is a question as it is written in a case, in the words of the command line.
type Ask struct {
	Period  string              `yaml:"period"`
	Grain   string              `yaml:"grain"`
	By      []string            `yaml:"by"`
	Totals  bool                `yaml:"totals"`
	Where   map[string][]string `yaml:"where"`
	Compare []string            `yaml:"compare"`
	Now     string              `yaml:"now"`
	MinCell int                 `yaml:"min_cell"`
	Choose  map[string]string   `yaml:"choose"`
}

// scale is the factor between the quotient and the figure.
func (x *Indicator) scale() float64 {
	if x.Scale == 0 {
		return 1
	}
	return x.Scale
}

// share reports a figure in percent, whose changes are told in points, too.
func (x *Indicator) share() bool { return x.Unit == "%" }

func (x *Indicator) formulas() []formula {
	var out []formula
	for _, f := range []formula{x.numerator, x.denominator} {
		if f != nil {
			out = append(out, f)
		}
	}
	if x.Model != nil {
		out = append(out, x.Model.series)
	}
	return out
}

func (x *Indicator) fail(format string, args ...any) error {
	return fmt.Errorf("%s:%d: indicator %s: %w", x.At.File, x.At.Line, x.ID, fmt.Errorf(format, args...))
}

// prepare parses the formulas; what they name is looked up when all definitions are there.
func (x *Indicator) prepare() error {
	switch {
	case x.Title.ZH == "" || x.Title.EN == "":
		return x.fail("title: both zh and en are wanted")
	case x.Basis == "":
		return x.fail("basis: every indicator names its standard")
	case x.Unit == "":
		return x.fail("unit is missing")
	case !slices.Contains([]string{"", schema.Care, schema.Insured, schema.Residence}, x.Viewpoint):
		return x.fail("viewpoint %q: one of care, insured, residence", x.Viewpoint)
	case !slices.Contains([]string{"higher", "lower", "monitor"}, x.Direction):
		return x.fail("direction %q: one of higher, lower, monitor", x.Direction)
	case !slices.Contains([]string{"yes", "org", "no"}, x.Suppression):
		return x.fail("suppression %q: one of yes, org, no", x.Suppression)
	case x.Model == nil && x.Numerator == "":
		return x.fail("numerator is missing")
	case x.Model != nil && (x.Numerator != "" || x.Denominator != ""):
		return x.fail("model stands instead of numerator and denominator")
	}
	for _, g := range x.Grains {
		if _, err := ParseGrain(g); err != nil || g == "" {
			return x.fail("grains: no grain %q", g)
		}
	}
	for _, c := range x.Comparisons {
		if _, err := parseComparison(c); err != nil {
			return x.fail("comparisons: %w", err)
		}
	}
	if x.Viewpoint == "" {
		x.Viewpoint = schema.Care
	}
	var err error
	if x.Model != nil {
		if err := x.Model.check(); err != nil {
			return x.fail("model: %w", err)
		}
		if x.Model.series, err = parseFormula(x.Model.Series); err != nil {
			return x.fail("model: %w", err)
		}
		return nil
	}
	if x.numerator, err = parseFormula(x.Numerator); err != nil {
		return x.fail("numerator: %w", err)
	}
	if x.Denominator != "" {
		if x.denominator, err = parseFormula(x.Denominator); err != nil {
			return x.fail("denominator: %w", err)
		}
	}
	return nil
}

func (m *Model) check() error {
	switch {
	case !slices.Contains([]string{"ears_c1", "ears_c2", "ears_c3"}, m.Name):
		return fmt.Errorf("name %q: one of ears_c1, ears_c2, ears_c3", m.Name)
	case m.Baseline < 2 || m.Lag < 0 || m.Baseline+m.Lag > 400:
		return fmt.Errorf("baseline %d with lag %d: at least 2 and 0", m.Baseline, m.Lag)
	case m.Alpha <= 0 || m.Alpha >= 0.5:
		return fmt.Errorf("alpha %g: between 0 and 0.5", m.Alpha)
	default:
		return nil
	}
}
