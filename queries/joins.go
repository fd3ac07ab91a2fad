package queries

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// link registers every table and column that the scan's texts need, before anything is printed.
func (p *Plan) link(s *scan) error {
	for i := range s.dims {
		s.dims[i].alias = s.joinPlace(p, s.dims[i].place)
	}
	for i := range s.filters {
		s.filters[i].alias = s.joinPlace(p, s.filters[i].place)
	}
	for _, l := range s.leaves {
		m := l.measure
		for _, alias := range sortedKeys(m.Join) {
			t, ok := p.catalog.set.Table(m.Join[alias].Table)
			if !ok {
				return fault.New(fault.Internal, "measure %s: no table %s", m.ID, m.Join[alias].Table)
			}
			pairs := joinPairs(s.table, t, m.Join[alias].On)
			if t.Kind != schema.Dim {
				pairs = pairsOf(m.Join[alias].On)
			}
			s.join(t, pairs, alias)
		}
		for _, c := range m.columns() {
			if c.Qualifier != "" {
				s.aliasOf(m, c.Qualifier).use(c.Name)
			}
		}
		for _, alias := range sortedKeys(m.benchmarks) {
			if err := s.addBenchmark(p, m.benchmarks[alias]); err != nil {
				return err
			}
		}
		if m.SeenAgain != nil {
			s.addExists(&exists{alias: "seen_" + m.ID, measure: m, self: true})
		}
		for _, alias := range sortedKeys(m.Exists) {
			s.addExists(&exists{alias: alias + "_" + m.ID, measure: m})
		}
	}
	if len(p.scope.regions) > 0 {
		if at, ok, err := p.catalog.regionOf(region, s.table, s.view); ok && err == nil {
			s.joinPlace(p, at)
		}
	}
	if s.work != nil {
		if _, ok := p.catalog.set.Table("dim_calendar"); !ok {
			return fault.New(fault.Internal, "workdays: no table dim_calendar")
		}
	}
	return nil
}

func (s *scan) addExists(x *exists) {
	if !slices.ContainsFunc(s.exists, func(y *exists) bool { return y.alias == x.alias }) {
		s.exists = append(s.exists, x)
	}
}

// columns are those that a measure's aggregate and filter name.
func (m *Measure) columns() []*expr.Column {
	out := expr.Columns(m.aggregate)
	if m.where != nil {
		out = append(out, expr.Columns(m.where)...)
	}
	return out
}

// joinPlace joins the table that a dimension stands in, and uses its column.
func (s *scan) joinPlace(p *Plan, at place) string {
	if at.table == "" {
		return ""
	}
	t, ok := p.catalog.set.Table(at.table)
	if !ok {
		return ""
	}
	j := s.join(t, at.on, strings.TrimPrefix(at.table, "dim_"))
	j.use(at.column)
	return j.alias
}

// join adds a table once for each way of joining it.
func (s *scan) join(t *schema.Table, on []onPair, want string) *joined {
	for _, j := range s.joins {
		if j.table == t && slices.Equal(j.on, on) {
			return j
		}
	}
	alias := want
	for n := 2; slices.ContainsFunc(s.joins, func(j *joined) bool { return j.alias == alias }) || alias == "base"; n++ {
		alias = want + strconv.Itoa(n)
	}
	j := &joined{alias: alias, table: t, on: on}
	s.joins = append(s.joins, j)
	return j
}

// aliasOf is the scan's join behind an alias of a measure.
func (s *scan) aliasOf(m *Measure, alias string) *joined {
	if b := m.benchmarks[alias]; b != nil {
		return &joined{alias: b.alias()}
	}
	j := m.Join[alias]
	for _, have := range s.joins {
		if on := pairsOf(j.On); have.table.Name == j.Table && len(have.on) >= len(on) && slices.Equal(have.on[:len(on)], on) {
			return have
		}
	}
	return &joined{}
}

func (j *joined) use(column string) {
	if !slices.Contains(j.columns, column) {
		j.columns = append(j.columns, column)
	}
}
