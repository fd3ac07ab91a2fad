package serve

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

// mostNames is the most codes of one answer that are looked up; a longer list is no chart and no table for people.
const mostNames = 2000

// names says what the codes of a dimension are called, by the dictionary that the contract refers to, as of the
// answer's publication. A code that two organisations use for different things has no name.
func (s *Lake) names(ctx context.Context, a *api.Answer, dim string) (map[string]string, error) {
	dictionary, code, name := s.dictionary(a, dim)
	if dictionary == "" {
		return s.listed(a, dim), nil
	}
	seen := map[string]bool{}
	var codes []any
	var holes []string
	for i := range a.Rows {
		if v := a.Rows[i].Dims[dim]; v != nil && !seen[*v] {
			seen[*v] = true
			codes = append(codes, *v)
			holes = append(holes, fmt.Sprintf("$%d", len(codes)))
		}
	}
	if len(codes) == 0 || len(codes) > mostNames {
		return nil, nil
	}
	statement := fmt.Sprintf(`SELECT
    %[1]s AS code,
    min(%[2]s) AS name
FROM %[3]s
WHERE %[1]s IN (%[4]s)
GROUP BY %[1]s
HAVING min(%[2]s) = max(%[2]s)`, code, name, dictionary, strings.Join(holes, ", "))
	result, err := s.engine.Run(ctx, engine.Statement{SQL: statement, Args: codes, Uses: []engine.Use{{Table: dictionary}}, Publication: a.Publication, MaxRows: mostNames})
	if err != nil {
		return nil, fmt.Errorf("names of %s: %w", dim, err)
	}
	out := map[string]string{}
	for _, batch := range result.Batches {
		codes, ok1 := batch.Column(0).(*array.String)
		names, ok2 := batch.Column(1).(*array.String)
		if !ok1 || !ok2 {
			return nil, fault.New(fault.Internal, "names of %s: got %s, want two texts", dim, batch.Schema())
		}
		for i := range int(batch.NumRows()) {
			if codes.IsValid(i) && names.IsValid(i) {
				name := strings.Clone(names.Value(i))
				if dictionary == groupTable { // people call groups by their code, too
					name = codes.Value(i) + " " + name
				}
				out[strings.Clone(codes.Value(i))] = name
			}
		}
		batch.Release()
	}
	return out, nil
}

// departments is the code list of departments (国家临床专科分类).
const departments = "RC023"

// codeName is what a code list calls a code, "" where it does not.
func (s *Lake) codeName(list, code string) string {
	if s.codes == nil {
		return ""
	}
	if l, ok := s.codes.List(list); ok {
		if c, ok := l.Find(code, time.Time{}); ok {
			return c.ZH
		}
	}
	return ""
}

// listed names the codes of a dimension by the code list of its column, where no table names them.
func (s *Lake) listed(a *api.Answer, dim string) map[string]string {
	list := ""
	for i := 0; i < len(a.Rows) && list == ""; i++ {
		if x, ok := s.catalog.Indicator(a.Rows[i].Indicator); ok {
			for _, m := range s.catalog.MeasuresOf(x) {
				if t, ok := s.set.Table(m.From); ok && list == "" {
					list = columnOf(t, dim).Codes
				}
			}
		}
	}
	out := map[string]string{}
	for i := range a.Rows {
		if v := a.Rows[i].Dims[dim]; v != nil && list != "" {
			if name := s.codeName(list, *v); name != "" {
				out[*v] = name
			}
		}
	}
	return out
}

// dictionary finds the table that names a dimension's codes: the one that the column refers to.
func (s *Lake) dictionary(a *api.Answer, dim string) (table, code, name string) {
	ref := ""
	if dim == "region" {
		ref = "dim_region"
	}
	if s.groups(a, dim) { // what schemes call their groups stands with the cases: scheme tables are no tables of a lake
		return groupTable, "group_code", "group_name"
	}
	for i := 0; i < len(a.Rows) && ref == ""; i++ {
		x, ok := s.catalog.Indicator(a.Rows[i].Indicator)
		if !ok {
			continue
		}
		ref = s.refOf(x, dim)
	}
	t, ok := s.set.Table(ref)
	if !ok || !t.Scope.Public {
		return "", "", ""
	}
	roles := slices.Collect(maps.Values(t.Roles))
	for _, key := range slices.Backward(t.Key) { // the code proper: the last part of the key that plays a role, so no date and no version
		if slices.Contains(roles, key) {
			code = key
			break
		}
	}
	if code == "" {
		return "", "", ""
	}
	for _, c := range t.Columns {
		if (c.Name == "name" || strings.HasSuffix(c.Name, "_name")) && c.Sensitivity == "P" && !c.Pseudonym {
			return t.Name, code, c.Name
		}
	}
	return "", "", ""
}

// groups says whether a dimension is the group of a case.
func (s *Lake) groups(a *api.Answer, dim string) bool {
	for i := range a.Rows {
		if x, ok := s.catalog.Indicator(a.Rows[i].Indicator); ok {
			for _, m := range s.catalog.MeasuresOf(x) {
				if t, ok := s.set.Table(m.From); ok && (t.Name == groupTable || t.Name == settleTable) {
					return columnOf(t, dim).Name == "group_code"
				}
			}
		}
	}
	return false
}

func (s *Lake) refOf(x *queries.Indicator, dim string) string {
	for _, m := range s.catalog.MeasuresOf(x) {
		t, ok := s.set.Table(m.From)
		if !ok {
			continue
		}
		if ref := refIn(t, dim); ref != "" {
			return ref
		}
	}
	return ""
}

func refIn(t *schema.Table, dim string) string { return columnOf(t, dim).Ref }

// columnOf is the column of a table that a dimension stands for; the zero column where there is none.
func columnOf(t *schema.Table, dim string) schema.Column {
	column := dim
	if role := t.Roles[dim]; role != "" {
		column = role
	}
	if c, ok := t.Column(column); ok {
		return *c
	}
	return schema.Column{}
}
