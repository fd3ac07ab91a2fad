package cases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/lake"
)

// Check reads grouping.yaml and everything that it names: a fault there must be told before a night is read, not after.
// Warnings are what is allowed and may surprise.
func Check(ctx context.Context, l *lake.Lake) (warnings []string, err error) {
	_, warnings, err = checked(ctx, l)
	return warnings, err
}

// rules are what a lake groups and settles by, compiled.
type rules struct {
	config  *Config
	methods []*Method
	prices  map[string]*pricing // by the id of the settlement
}

// readRules reads and compiles grouping.yaml and everything that it names.
func readRules(dir string) (*rules, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	out := &rules{config: c, prices: map[string]*pricing{}}
	if out.methods, err = c.Methods(dir); err != nil {
		return nil, err
	}
	for i := range c.Settlements {
		s := &c.Settlements[i]
		if out.prices[s.ID], err = c.params(dir, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checked is Check, with what it read.
func checked(ctx context.Context, l *lake.Lake) (*rules, []string, error) {
	if err := present(ctx, l); err != nil {
		return nil, nil, err
	}
	by, err := readRules(l.Dir())
	if err != nil {
		return nil, nil, err
	}
	c := by.config
	for i := range c.Settlements {
		s := &c.Settlements[i]
		m := by.methods[c.find(s.Scheme)]
		if err := Fits(by.prices[s.ID].params, m.Scheme, m.Kind); err != nil {
			return nil, nil, fault.New(fault.Invalid, "settlement %s: %w", s.ID, err)
		}
	}
	return by, c.surprises(by.methods), nil
}

// present refuses a lake whose file went away: to group by nothing from now on is a decision, a lost file is none.
func present(ctx context.Context, l *lake.Lake) error {
	_, err := os.Stat(filepath.Join(l.Dir(), ConfigFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return nil // there, or a fault that reading it will tell
	}
	was, err := storedAt(ctx, l, 0)
	if err != nil || was.config == nil || len(was.config.Groupings) == 0 {
		return err
	}
	var names []string
	for _, g := range was.config.Groupings {
		names = append(names, g.Scheme)
	}
	return fault.New(fault.Invalid, "lake %s: %s is gone, and publication %d groups by %s: put it back by sanyi scheme restore --lake %s; an empty file says that nothing is grouped from now on",
		l.Dir(), ConfigFile, was.publication, strings.Join(names, ", "), l.Dir())
}

// Fits says whether parameters can price the groups of a scheme of this kind.
func Fits(p *settle.Params, scheme, kind string) error {
	wanted := schemes.DRG // settle.SchemePoints prices DRGs too
	switch p.Scheme {
	case "":
		return fault.New(fault.Invalid, "parameters %s: scheme is wanted: drg, points or dip", p.ID)
	case settle.SchemeDIP:
		wanted = schemes.DIP
	}
	if wanted != kind {
		return fault.New(fault.Invalid, "parameters %s are of scheme %s, and %s has %s groups: take a parameter file of its kind", p.ID, p.Scheme, scheme, strings.ToUpper(kind))
	}
	return nil
}

// surprises are settlements that price a scheme on days on which figures of groups mean another.
func (c *Config) surprises(methods []*Method) []string {
	var out []string
	for i := range c.Settlements {
		s := &c.Settlements[i]
		// What is in force changes on the first days of spans only.
		days := []string{s.From}
		for _, g := range c.Groupings {
			days = append(days, g.From, g.To)
		}
		for j := range i {
			days = append(days, c.Settlements[j].To)
		}
		slices.Sort(days)
		for _, day := range days {
			if day < s.From || day >= s.To || slices.ContainsFunc(c.Settlements[:i], func(o Settlement) bool { return o.From <= day && day < o.To }) {
				continue
			}
			if in := c.current(methods, day); in != s.Scheme {
				if in == "" {
					in = "none"
				}
				out = append(out, fmt.Sprintf("settlement %s prices the groups of %s, and on %s the scheme in force is %s: figures of money and figures of groups are of different schemes (sanyi scheme use %s --first puts it before the others)",
					s.ID, s.Scheme, day, in, s.Scheme))
				break
			}
		}
	}
	return out
}

// current is the scheme in force on a day: that of the first grouping whose days hold, of the kind of the first.
func (c *Config) current(methods []*Method, day string) string {
	for i, g := range c.Groupings {
		if methods[i].Kind == methods[0].Kind && (g.From == "" || g.From <= day) && (g.To == "" || day < g.To) {
			return g.Scheme
		}
	}
	return ""
}
