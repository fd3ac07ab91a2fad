package queries

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// deliveries is the derived table that says what arrived of which table, organisation and day.
const deliveries = "delivery_day"

// arrivalOf asks beside each table what of it was delivered: for completeness, and for 0 against nothing
// (domain/clarifications 5).
func (p *Plan) arrivalOf(q *question, m *Measure) error {
	t, ok := p.catalog.set.Table(deliveries)
	of := arrivesAs(m.table)
	if !ok || q.arrivals[of] != nil || of == deliveries {
		return nil
	}
	a := &arrival{table: of, byDay: m.TimeKind != Open && m.TimeKind != Version, totals: p.req.Totals}
	s := &scan{table: t, kind: Event, time: "stat_date", view: q.viewpoint}
	if byOrganisation(m.table, q.viewpoint) {
		s.view = schema.Care // where the organisation decides whose a row is, only the region's organisations deliver
	}
	var key strings.Builder
	key.WriteString(deliveries)
	if len(p.scope.regions) > 0 {
		key.WriteString(s.view)
	}
	for i, name := range p.req.By {
		if at, err := p.catalog.find(ownerName(name, m, q.viewpoint), t, nil, schema.Care); err == nil && name != hourOfDay {
			s.dims = append(s.dims, dim{place: at, at: i})
			a.dims = append(a.dims, i)
			fmt.Fprintf(&key, "%v;", at)
		}
	}
	for _, name := range sortedKeys(p.req.Where) {
		if at, err := p.catalog.find(ownerName(name, m, q.viewpoint), t, nil, schema.Care); err == nil && name != hourOfDay {
			s.filters = append(s.filters, filter{dim: dim{place: at}, values: p.req.Where[name]})
			fmt.Fprintf(&key, "where %v%q;", at, p.req.Where[name])
		}
	}
	a.beyond = !p.scope.whole && len(p.scope.regions) > 0 && s.view != schema.Care && len(s.dims)+len(s.filters) > 0
	s.key = key.String()
	for _, have := range p.scans {
		if have.key == s.key {
			s = have
		}
	}
	if len(s.leaves) == 0 {
		p.scans = append(p.scans, s)
	}
	leafFor := func(what, where string) *leaf {
		id := what + "_" + of
		for _, l := range s.leaves {
			if l.measure.ID == id {
				return l
			}
		}
		l := &leaf{measure: deliveryMeasure(t, id, where), scan: s}
		s.leaves = append(s.leaves, l)
		return l
	}
	table := "table_name = '" + of + "'"
	a.came = leafFor("came", table+" and status = 'ARRIVED'")
	a.expected = leafFor("expected", table+" and is_expected")
	a.arrived = leafFor("arrived", table+" and is_expected and status = 'ARRIVED'")
	q.arrivals[of] = a
	return nil
}

// byOrganisation reports a table whose rows are a region's by where care was given, whatever the viewpoint.
func byOrganisation(t *schema.Table, viewpoint string) bool {
	at := t.Scope.Region[viewpoint]
	return at == "" || strings.HasPrefix(at, "via ")
}

// tablesOf keeps the deliveries of several tables: of all others nothing is counted.
func tablesOf(s *scan) expr.Node {
	var names []string
	for _, l := range s.leaves {
		_, of, _ := strings.Cut(l.measure.ID, "_") // came_, expected_ or arrived_ of the table
		if name := "'" + of + "'"; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return expr.MustParse("table_name in (" + strings.Join(names, ", ") + ")")
}

// ownerName translates a fact's organisation column to the one of delivery_day, and leaves alone what only the
// organisation's own attributes can answer.
func ownerName(name string, m *Measure, viewpoint string) string {
	if name == m.table.Scope.Org || m.table.Roles[name] != "" && m.table.Roles[name] == m.table.Scope.Org {
		return "org_code"
	}
	if _, own := m.table.Column(name); own {
		return "" // the fact's own: not the organisation's attribute of the same name
	}
	if name == region || name == "region_code" {
		at := m.table.Scope.Region[viewpoint]
		if at == "" {
			at = m.table.Scope.Region[schema.Care]
		}
		if !strings.HasPrefix(at, "via ") {
			return ""
		}
	}
	return name
}

func deliveryMeasure(t *schema.Table, id, where string) *Measure {
	return &Measure{
		ID: id, From: t.Name, Time: "stat_date", TimeKind: Event, Additivity: Add, table: t,
		aggregate: expr.MustParse("count(*)"), where: expr.MustParse(where),
	}
}

// deliveryWindow is the whole days that a window touches, up to the moment of asking.
func deliveryWindow(w Window) Window {
	from, to := Day.floor(w.From), ceilDay(w.Until)
	if !to.After(from) {
		to = Day.next(from)
	}
	return Window{From: from, To: to, Until: to, AsOf: to.AddDate(0, 0, -1)}
}

// presence is when a delivery makes nothing found a 0: within the period, or at any time for stocks and dimensions.
func (a *arrival) presence(w Window) Window {
	d := deliveryWindow(w)
	if !a.byDay {
		d.From = date(1900, 1, 1)
	}
	return d
}
