package queries

import (
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// Choice tells which method's rows an answer counted, of a table in which several stand side by side.
type Choice struct {
	Name  string `json:"name"`            // what a question calls it: scheme, params
	Value string `json:"value,omitempty"` // the method that was chosen; empty: none was
	How   string `json:"how"`             // the condition in words
}

// choices lists what can be chosen in the tables below an indicator, by name.
func (c *Catalog) choices(x *Indicator) []*schema.Table {
	var out []*schema.Table
	add := func(name string) {
		if t, ok := c.set.Table(name); ok && t.Choice != nil && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	for _, m := range c.MeasuresOf(x) {
		add(m.From)
		for _, alias := range sortedKeys(m.Join) {
			add(m.Join[alias].Table)
		}
		for _, alias := range sortedKeys(m.Exists) {
			add(m.Exists[alias].Table)
		}
	}
	return out
}

// Choices lists the names by which a question may choose a method for an indicator: scheme, params.
func (c *Catalog) Choices(x *Indicator) []string {
	var out []string
	for _, t := range c.choices(x) {
		if !slices.Contains(out, t.Choice.Name) {
			out = append(out, t.Choice.Name)
		}
	}
	slices.Sort(out)
	return out
}

// choose checks what the request chose against what an indicator's tables offer. Figures of several methods are never
// added up: each method counts the same cases again.
func (p *Plan) choose(x *Indicator) error {
	offered := p.catalog.Choices(x)
	for _, name := range sortedKeys(p.req.Choose) {
		switch {
		case !slices.Contains(offered, name) && len(offered) == 0:
			return fault.New(fault.Usage, "indicator %s: no %s to choose: its tables hold one method alone", x.ID, name)
		case !slices.Contains(offered, name):
			return fault.New(fault.Usage, "indicator %s: no %s to choose; there is %s", x.ID, name, strings.Join(offered, ", "))
		case p.req.Choose[name] == "":
			return fault.New(fault.Usage, "indicator %s: %s is chosen, but empty", x.ID, name)
		}
	}
	for _, t := range p.catalog.choices(x) {
		value, every := p.chosen(t)
		asked := p.req.Where[t.Choice.Column]
		switch {
		case every && p.req.Totals:
			return fault.New(fault.Usage, "indicator %s: a total over every %s would count each case several times; ask without totals, or choose one", x.ID, t.Choice.Column)
		case value == "" && !every && len(asked) > 1:
			return fault.New(fault.Usage, "indicator %s: several values of %s would count each case several times; ask by %s, or choose one", x.ID, t.Choice.Column, t.Choice.Column)
		}
	}
	return nil
}

// chosen is the method whose rows of a table count; every says that the question tells them apart itself, by grouping.
func (p *Plan) chosen(t *schema.Table) (value string, every bool) {
	if v := p.req.Choose[t.Choice.Name]; v != "" {
		return v, false
	}
	if asked := p.req.Where[t.Choice.Column]; len(asked) == 1 && asked[0] != "" {
		return asked[0], false
	}
	return "", slices.Contains(p.req.By, t.Choice.Column)
}

// chosen keeps the rows of one method, so that the same case does not count once for each.
func (w *writer) chosen(alias string, t *schema.Table) []string {
	if t == nil || t.Choice == nil {
		return nil
	}
	value, every := w.plan.chosen(t)
	own := w.scan.table.Choice
	switch {
	case value != "":
		return []string{w.col(alias, t.Choice.Column) + " = " + w.d.Bind(w.params, value)}
	case every && alias == "base":
		return nil
	case every && own != nil && own.Name == t.Choice.Name: // another row of the same method
		return []string{w.col(alias, t.Choice.Column) + " = " + w.col("base", own.Column)}
	default:
		return []string{w.col(alias, t.Choice.Otherwise)}
	}
}

// choicesMade tells, for the answer and its explanation, which methods were counted.
func (p *Plan) choicesMade() []Choice {
	var out []Choice
	for _, q := range p.question {
		for _, t := range p.catalog.choices(q.indicator) {
			if slices.ContainsFunc(out, func(c Choice) bool { return c.Name == t.Choice.Name }) {
				continue
			}
			value, every := p.chosen(t)
			how := t.Name + "." + t.Choice.Otherwise
			switch {
			case every:
				how = "each " + t.Name + "." + t.Choice.Column + " by itself"
			case value != "":
				how = t.Name + "." + t.Choice.Column + " = '" + value + "'"
			}
			out = append(out, Choice{Name: t.Choice.Name, Value: value, How: how})
		}
	}
	return out
}

// arrivesAs names the table whose deliveries say how complete a measure's is: what the product derives arrives with
// what it is derived from.
func arrivesAs(t *schema.Table) string {
	if t.CompletenessOf != "" {
		return t.CompletenessOf
	}
	return t.Name
}
