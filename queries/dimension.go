package queries

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// hourOfDay is the one dimension that is no column: the hour of a measure's clock.
const hourOfDay = "hour_of_day"

// region is the role whose column depends on the viewpoint.
const region = "region"

// place is where a dimension stands: a column of the measure's own table, or of a dimension joined to it.
type place struct {
	name   string   // as asked
	table  string   // "" = the measure's own table
	on     []onPair // how table is joined
	column string
	typ    expr.Type
	prefix bool // values are GB/T 2260 codes that stand for what lies below them, too
}

// onPair is this table's column = that table's column.
type onPair struct{ this, that string }

// find resolves a dimension on a table, by its column, by the contract's role, or through a dimension that the table
// refers to. extra are tables that the measure joins itself; they come before the ones it merely refers to.
func (c *Catalog) find(name string, t *schema.Table, m *Measure, viewpoint string) (place, error) {
	if name == hourOfDay {
		if m != nil && m.Clock != "" {
			return place{name: name, column: hourOfDay, typ: expr.Int32Type}, nil
		}
		return place{}, c.unknown(name, t, m)
	}
	if col, ok := t.Column(name); ok {
		return open(place{name: name, column: name, typ: col.Type}, t, col)
	}
	if m != nil {
		for _, alias := range sortedKeys(m.Join) {
			j := m.Join[alias]
			jt, ok := c.set.Table(j.Table)
			if !ok || jt.Kind != schema.Dim {
				continue
			}
			if col, ok := jt.Column(name); ok {
				return open(place{name: name, table: jt.Name, on: joinPairs(t, jt, j.On), column: name, typ: col.Type}, jt, col)
			}
		}
	}
	if name == region || name == "region_code" {
		if p, ok, err := c.regionOf(name, t, viewpoint); ok || err != nil {
			return p, err
		}
	}
	if role := t.Roles[name]; role != "" {
		if col, ok := t.Column(role); ok {
			return open(place{name: name, column: role, typ: col.Type}, t, col)
		}
	}
	if p, ok, err := c.through(name, t); ok || err != nil {
		return p, err
	}
	return place{}, c.unknown(name, t, m)
}

// regionOf is the region of a row from a viewpoint: a column of its own, or the organisation's.
func (c *Catalog) regionOf(name string, t *schema.Table, viewpoint string) (place, bool, error) {
	where := t.Scope.Region[viewpoint]
	if where == "" {
		where = t.Scope.Region[schema.Care]
	}
	if where == "" && len(t.Scope.Region) == 1 {
		for _, v := range t.Scope.Region {
			where = v
		}
	}
	if where == "" {
		where = t.Roles[region]
	}
	switch {
	case where == "":
		return place{}, false, nil
	case strings.HasPrefix(where, "via "):
		dim, ok := c.set.Table(strings.TrimSpace(strings.TrimPrefix(where, "via ")))
		if !ok || t.Scope.Org == "" {
			return place{}, false, nil
		}
		col, ok := dim.Column("region_code")
		if !ok {
			return place{}, false, nil
		}
		p, err := open(place{name: name, table: dim.Name, on: joinPairs(t, dim, t.Scope.Org+" = org_code"), column: col.Name, typ: col.Type, prefix: true}, dim, col)
		return p, true, err
	default:
		col, ok := t.Column(where)
		if !ok {
			return place{}, false, nil
		}
		// Where a row's region is a quasi identifier the code of an administrative division still groups figures: it is
		// the very thing a region's figures are about, and small cells are suppressed.
		return place{name: name, column: where, typ: col.Type, prefix: true}, true, nil
	}
}

// through looks for a column in the dimensions that a table refers to.
func (c *Catalog) through(name string, t *schema.Table) (place, bool, error) {
	refs := make([]schema.Column, 0, 4)
	if org, ok := t.Column(t.Scope.Org); ok { // the owner's attributes first
		o := *org
		o.Ref = "dim_org"
		refs = append(refs, o)
	}
	for _, col := range t.Columns {
		if col.Ref != "" {
			refs = append(refs, col)
		}
	}
	for _, ref := range refs {
		dim, ok := c.set.Table(ref.Ref)
		if !ok || dim.Kind != schema.Dim || dim.Name == t.Name {
			continue
		}
		col, ok := dim.Column(name)
		if !ok {
			continue
		}
		keys := dimKeys(dim)
		if len(keys) == 0 {
			continue
		}
		that := keys[len(keys)-1]
		if slices.Contains(keys, ref.Name) {
			that = ref.Name
		}
		p, err := open(place{name: name, table: dim.Name, on: joinPairs(t, dim, ref.Name+" = "+that), column: name, typ: col.Type}, dim, col)
		return p, true, err
	}
	return place{}, false, nil
}

// open refuses sensitive columns: direct identifiers never group figures; quasi identifiers, health and money only
// where the contract says so (domain/clarifications 3).
func open(p place, t *schema.Table, col *schema.Column) (place, error) {
	switch col.Sensitivity {
	case "I":
	case "Q", "H", "M":
		if col.Dimension {
			return p, nil
		}
	default:
		return p, nil
	}
	return place{}, fault.New(fault.Usage, "dimension %s: column %s.%s is sensitive (class %s) and does not group or filter figures; its contract would have to say dimension: true",
		p.name, t.Name, col.Name, col.Sensitivity)
}

func (c *Catalog) unknown(name string, t *schema.Table, m *Measure) error {
	what := t.Name
	if m != nil {
		what = fmt.Sprintf("measure %s (%s)", m.ID, t.Name)
	}
	return fault.New(fault.Usage, "dimension %s: %s has none of that name; there are %s", name, what, strings.Join(c.dimensionsOf(t, m), ", "))
}

// dimensionsOf lists what a measure's figures can be grouped by.
func (c *Catalog) dimensionsOf(t *schema.Table, m *Measure) []string {
	var out []string
	add := func(name string, col *schema.Column, of *schema.Table) {
		if _, err := open(place{}, of, col); err == nil && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, role := range sortedKeys(t.Roles) {
		if col, ok := t.Column(t.Roles[role]); ok {
			add(role, col, t)
		}
	}
	for i := range t.Columns {
		add(t.Columns[i].Name, &t.Columns[i], t)
	}
	if org, ok := c.set.Table("dim_org"); ok && t.Scope.Org != "" {
		for i := range org.Columns {
			add(org.Columns[i].Name, &org.Columns[i], org)
		}
	}
	if m != nil && m.Clock != "" {
		out = append(out, hourOfDay)
	}
	return out
}

// dimKeys are the key columns of a dimension without those that tell versions apart.
func dimKeys(t *schema.Table) []string {
	var out []string
	for _, k := range t.Key {
		if k != t.ValidFrom && k != "valid_from" && k != "version" {
			out = append(out, k)
		}
	}
	return out
}

// joinPairs spells a join on "this = that"; the rest of a composed key joins by equal names.
func joinPairs(t, dim *schema.Table, on string) []onPair {
	pairs := pairsOf(on)
	for _, k := range dimKeys(dim) {
		if slices.ContainsFunc(pairs, func(o onPair) bool { return o.that == k }) {
			continue
		}
		if _, ok := t.Column(k); ok {
			pairs = append(pairs, onPair{k, k})
		}
	}
	return pairs
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
