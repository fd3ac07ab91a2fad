// Package cases keeps the grouped and the settled cases of a lake: it reads stays with their diagnoses and operations,
// groups them by the schemes that the lake's grouping.yaml names, and writes the results into tables of their own, month
// by month, inside the publication that brought the stays. It also settles those cases by the parameter sets named
// there, explains one case, and computes what another scheme or parameter set would come to, without writing anything.
//
// How cases are grouped and settled is the business of internal/grouper; what becomes visible when, of internal/lake.
package cases

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// ConfigFile is the lake's file that says which schemes and parameter sets are kept, beside sanyi.yaml. Paths in it are
// relative to the lake.
const ConfigFile = "grouping.yaml"

// SchemesFolder is where a lake keeps the schemes that were added to it.
const SchemesFolder = "schemes"

// Config is grouping.yaml.
type Config struct {
	// Groupings are the schemes by which every stay is grouped. Several may hold for the same day: they stand beside each
	// other, and the first one whose days hold is the one that figures mean unless they are asked for another.
	Groupings []Grouping `yaml:"groupings,omitempty"`
	// Settlements are the parameter sets by which insured stays are settled.
	Settlements []Settlement `yaml:"settlements,omitempty"`
	// Levels and Insurance translate dim_org.org_level and fact_settlement.insutype to the words of parameter files and
	// payment tables; what is not named keeps its code.
	Levels    map[string]string `yaml:"levels,omitempty"`
	Insurance map[string]string `yaml:"insurance,omitempty"`
	// Offsite translates fact_settlement.cross_type to "", in_province or cross_province; what is not named is local.
	Offsite map[string]string `yaml:"offsite,omitempty"`
}

// Grouping is a scheme in use.
type Grouping struct {
	Scheme  string `yaml:"scheme"`            // id of sanyi scheme list
	From    string `yaml:"from,omitempty"`    // first day of discharge for which it is the scheme in force; "" = always was
	To      string `yaml:"to,omitempty"`      // the day after the last one; "" = still is
	Weights string `yaml:"weights,omitempty"` // payment table (CSV of sanyi settle --weights): RW of each group

	QYMode    string `yaml:"qy_mode,omitempty"`              // off or principal
	InvalidOp string `yaml:"invalid_principal_op,omitempty"` // shift, keep or null
	CCPOA     bool   `yaml:"cc_requires_poa,omitempty"`      // complications acquired in hospital do not count
	BasicLast bool   `yaml:"basic_after_core,omitempty"`     // DIP: see dip.Options
}

// Settlement is a parameter set in use.
type Settlement struct {
	ID      string `yaml:"id"`                // name under which its rows stand
	Scheme  string `yaml:"scheme"`            // grouping whose groups it prices
	Params  string `yaml:"params"`            // parameter file of docs/settlement.md
	Weights string `yaml:"weights,omitempty"` // payment table; "" = that of the grouping
	From    string `yaml:"from"`              // first day of discharge
	To      string `yaml:"to"`                // the day after the last one: quotas and point values are of this span
}

// ReadConfig reads a lake's grouping.yaml; a lake without one groups nothing.
func ReadConfig(lakeDir string) (*Config, error) {
	path := filepath.Join(lakeDir, ConfigFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Config{}, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err)
	}
	return parseConfig(text, path)
}

var yamlLine = regexp.MustCompile(`(?:yaml: )?line ([0-9]+): `)

func parseConfig(text []byte, path string) (*Config, error) {
	c := &Config{}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && len(bytes.TrimSpace(text)) > 0 {
		line, what := "1", strings.TrimPrefix(err.Error(), "yaml: ")
		if at := yamlLine.FindStringSubmatch(err.Error()); at != nil {
			line = at[1]
			_, what, _ = strings.Cut(err.Error(), at[0])
		}
		return nil, fault.New(fault.Invalid, "%s:%s: %s", path, line, what)
	}
	return c, c.check(path)
}

func (c *Config) check(path string) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "%s: "+format, append([]any{path}, args...)...)
	}
	seen := map[string]bool{}
	for _, g := range c.Groupings {
		if g.Scheme == "" {
			return bad("groupings: scheme is wanted (an id of sanyi scheme list)")
		}
		if seen[g.Scheme] {
			return bad("groupings: scheme %s is there twice", g.Scheme)
		}
		seen[g.Scheme] = true
		if err := span(g.From, g.To); err != nil {
			return bad("groupings: %s: %w", g.Scheme, err)
		}
		if _, _, err := g.Options(); err != nil {
			return bad("groupings: %s: %w", g.Scheme, err)
		}
	}
	named := map[string]bool{}
	for _, s := range c.Settlements {
		if s.ID == "" || s.Params == "" {
			return bad("settlements: id and params are wanted")
		}
		if named[s.ID] {
			return bad("settlements: %s is there twice", s.ID)
		}
		named[s.ID] = true
		if !seen[s.Scheme] {
			return bad("settlements: %s: scheme %q is not among the groupings", s.ID, s.Scheme)
		}
		if s.From == "" || s.To == "" {
			return bad("settlements: %s: from and to are wanted: quotas and point values are of a span of days", s.ID)
		}
		if err := span(s.From, s.To); err != nil {
			return bad("settlements: %s: %w", s.ID, err)
		}
	}
	for _, kind := range c.Offsite {
		if kind != "" && kind != "in_province" && kind != "cross_province" {
			return bad("offsite: %q is none of in_province, cross_province", kind)
		}
	}
	return nil
}

// span checks two days, either of which may be empty.
func span(from, to string) error {
	for _, d := range []string{from, to} {
		if _, err := time.Parse(time.DateOnly, d); d != "" && err != nil {
			return fault.New(fault.Invalid, "%q is no day (YYYY-MM-DD)", d)
		}
	}
	if from != "" && to != "" && from >= to {
		return fault.New(fault.Invalid, "it begins on %s and ends on %s, which is not later", from, to)
	}
	return nil
}

// Names of options, as on the command line.
var (
	qyModes    = map[string]drg.QYMode{"": drg.QYOff, "off": drg.QYOff, "principal": drg.QYPrincipal}
	invalidOps = map[string]drg.InvalidOp{"": drg.Shift, "shift": drg.Shift, "keep": drg.Keep, "null": drg.Null}
)

// Options are those of the groupers.
func (g *Grouping) Options() (drg.Options, dip.Options, error) {
	qy, ok := qyModes[g.QYMode]
	if !ok {
		return drg.Options{}, dip.Options{}, fault.New(fault.Invalid, "qy_mode %q: off or principal", g.QYMode)
	}
	op, ok := invalidOps[g.InvalidOp]
	if !ok {
		return drg.Options{}, dip.Options{}, fault.New(fault.Invalid, "invalid_principal_op %q: shift, keep or null", g.InvalidOp)
	}
	return drg.Options{QY: qy, InvalidOp: op, CCRequiresPOA: g.CCPOA}, dip.Options{BasicAfterCore: g.BasicLast}, nil
}

// plain is the grouping with each option spelled in one way, and without those that are not of the kind of its scheme:
// what means the same has the same hash.
func (g Grouping) plain(kind string) Grouping {
	if qyModes[g.QYMode] == drg.QYOff {
		g.QYMode = ""
	}
	if invalidOps[g.InvalidOp] == drg.Shift {
		g.InvalidOp = ""
	}
	if kind == schemes.DIP {
		g.QYMode, g.InvalidOp, g.CCPOA = "", "", false
	} else {
		g.BasicLast = false
	}
	return g
}

// Method is a scheme ready to group with, and where its weights come from.
type Method struct {
	Grouping
	Kind    string // schemes.DRG or schemes.DIP
	Hash    string // of tables and options: that of the tables alone where all options are the national ones
	Text    string // tables and options: enough to group again, years later
	DRG     *drg.Grouper
	DIP     *dip.Catalogue
	Payment *settle.Params // holds the payment table; nil without one
	PayHash string

	kinds map[string]string // adjacent group → surgical, procedure, medical
}

// methodText is what a publication stores of a method.
type methodText struct {
	Scheme  string            `json:"scheme"`
	Kind    string            `json:"kind"`
	Hash    string            `json:"hash"`
	Options Grouping          `json:"options"`
	Files   map[string]string `json:"files"`
	Weights string            `json:"weights,omitempty"`
}

// Library is where the schemes of a lake are looked for: its own, then those of the program.
func Library(lakeDir string) schemes.Library {
	dir := filepath.Join(lakeDir, SchemesFolder)
	return schemes.Library{{FS: os.DirFS(dir), Name: dir}}
}

// Methods compiles every grouping of a lake.
func (c *Config) Methods(lakeDir string) ([]*Method, error) {
	out := make([]*Method, 0, len(c.Groupings))
	for _, g := range c.Groupings {
		s, err := Library(lakeDir).Open(g.Scheme)
		if err != nil {
			return nil, err
		}
		m, err := NewMethod(s, g, lakeDir)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// NewMethod compiles one scheme. Weights are looked for relative to dir.
func NewMethod(s *schemes.Scheme, g Grouping, dir string) (*Method, error) {
	m := &Method{Grouping: g, Kind: s.Kind, Hash: s.Hash}
	drgOptions, dipOptions, err := g.Options()
	if err != nil {
		return nil, err
	}
	switch s.Kind {
	case schemes.DRG:
		m.DRG, err = drg.Compile(s, drgOptions)
		m.kinds = kindsOf(s)
	case schemes.DIP:
		m.DIP, err = dip.Compile(s, dipOptions)
	default:
		err = fault.New(fault.Invalid, "scheme %s: is a catalogue of names without code lists: it cannot group", s.ID)
	}
	if err != nil {
		return nil, err
	}
	if told := g.plain(s.Kind); told.QYMode != "" || told.InvalidOp != "" || told.CCPOA || told.BasicLast {
		m.Hash = digest(s.Hash, told.QYMode, told.InvalidOp, flag(told.CCPOA), flag(told.BasicLast))
	}
	var weights []byte
	if g.Weights != "" {
		path := within(dir, g.Weights)
		if weights, err = os.ReadFile(path); err != nil {
			return nil, fault.New(fault.NotFound, "grouping %s: payment table: %w", g.Scheme, err)
		}
		if err := m.pay(weights, path); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(methodText{Scheme: g.Scheme, Kind: s.Kind, Hash: m.Hash, Options: g.plain(s.Kind), Files: s.Effective(), Weights: string(weights)})
	if err != nil {
		return nil, err
	}
	m.Text = string(text)
	return m, nil
}

// kindsOf is the kind of each adjacent group.
func kindsOf(s *schemes.Scheme) map[string]string {
	out := map[string]string{}
	t := s.Tables["adrg.csv"]
	adrg, kind := t.Column("adrg"), t.Column("kind")
	for i := range t.Len() {
		row := t.Row(i)
		out[row[adrg]] = row[kind]
	}
	return out
}

func (m *Method) pay(text []byte, name string) error {
	rows, err := settle.ReadWeights(bytes.NewReader(text), name)
	if err != nil {
		return err
	}
	m.Payment, m.PayHash = settle.National(), digest(string(text))
	m.Payment.AddWeights(rows, m.PayHash)
	return nil
}

// methodOf makes a method of what a publication stored.
func methodOf(text string) (*Method, error) {
	var t methodText
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return nil, fault.New(fault.Invalid, "stored grouping: %w", err)
	}
	files := schemes.Package{}
	for name, csv := range t.Files {
		files[name] = []byte(csv)
	}
	s, err := schemes.Read(files.FS(), t.Scheme)
	if err != nil {
		return nil, err
	}
	g := t.Options
	g.Weights = ""
	m, err := NewMethod(s, g, "")
	if err != nil {
		return nil, err
	}
	if t.Weights != "" {
		if err := m.pay([]byte(t.Weights), t.Scheme+" weights"); err != nil {
			return nil, err
		}
	}
	m.Grouping, m.Hash, m.Text = t.Options, t.Hash, text
	return m, nil
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// digest is the SHA-256 of texts, told apart.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x1f")))
	return hex.EncodeToString(sum[:])
}

// between is the condition that a column's day lies in [from, to); either may be open.
func between(column, from, to string) string {
	conds := []string{"true"}
	if from != "" {
		conds = append(conds, column+" >= DATE "+quote(from))
	}
	if to != "" {
		conds = append(conds, column+" < DATE "+quote(to))
	}
	return "(" + strings.Join(conds, " AND ") + ")"
}

// find is the grouping of a scheme.
func (c *Config) find(scheme string) int {
	return slices.IndexFunc(c.Groupings, func(g Grouping) bool { return g.Scheme == scheme })
}
