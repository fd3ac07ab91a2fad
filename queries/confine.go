package queries

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// Confine is the condition that keeps rows of a table, called alias in the statement, within a Scope: for lists of rows,
// which no measure counts. Regions look from where care was given. bind puts a value into the statement and gives its
// place. It is never empty: what a Scope does not cover is FALSE. uses are the tables that the condition reads.
func (c *Catalog) Confine(table, alias string, scope Scope, bind func(value any) string) (condition string, uses []string, err error) {
	t, ok := c.set.Table(table)
	if !ok {
		return "FALSE", nil, fault.New(fault.Internal, "confine: no table %s", table)
	}
	if scope.whole {
		return "TRUE", nil, nil
	}
	var ways []string
	if len(scope.orgs) > 0 && t.Scope.Org != "" {
		places := make([]string, len(scope.orgs))
		for i, org := range scope.orgs {
			places[i] = bind(org)
		}
		ways = append(ways, fmt.Sprintf("%s.%s IN (%s)", alias, t.Scope.Org, strings.Join(places, ", ")))
	}
	if len(scope.regions) > 0 && scope.looksFrom(schema.Care) {
		below := func(column string) string {
			parts := make([]string, len(scope.regions))
			for i, code := range scope.regions {
				parts[i] = fmt.Sprintf("starts_with(%s, %s)", column, bind(regionPrefix(code)))
			}
			return "(" + strings.Join(parts, " OR ") + ")"
		}
		switch where := t.Scope.Region[schema.Care]; {
		case where == "":
		case strings.HasPrefix(where, "via "):
			dim, ok := c.set.Table(strings.TrimSpace(strings.TrimPrefix(where, "via ")))
			if !ok || t.Scope.Org == "" || t.EventDate == "" {
				return "FALSE", nil, fault.New(fault.Internal, "confine: table %s: the contract's region of care leads nowhere", table)
			}
			uses = append(uses, dim.Name)
			// The version in force on the day of the row, as figures count it: each holds until it ends or the next begins.
			ways = append(ways, fmt.Sprintf(`EXISTS (
        SELECT 1
        FROM (
            SELECT
                org_code,
                region_code,
                coalesce(valid_from, DATE '0001-01-01') AS valid_from,
                least(coalesce(valid_to, %[4]s), coalesce(lead(valid_from) OVER (PARTITION BY org_code ORDER BY coalesce(valid_from, DATE '0001-01-01')), %[4]s)) AS valid_until
            FROM %[1]s
        ) AS place
        WHERE
            place.org_code = %[2]s
            AND place.valid_from <= %[3]s
            AND place.valid_until > %[3]s
            AND %[5]s
    )`, dim.Name, alias+"."+t.Scope.Org, alias+"."+t.EventDate, endOfTime, below("place.region_code")))
		default:
			ways = append(ways, below(alias+"."+where))
		}
	}
	if len(ways) == 0 {
		return "FALSE", nil, nil
	}
	return "(" + strings.Join(ways, " OR ") + ")", uses, nil
}

// Covers says whether rows of an organisation that lies in a region are within the Scope, looked at from where care was
// given: what Confine says in SQL, for books of rows that are no lake.
func (s Scope) Covers(org, region string) bool {
	return s.whole || slices.Contains(s.orgs, org) ||
		slices.ContainsFunc(s.regions, func(code string) bool { return strings.HasPrefix(region, regionPrefix(code)) })
}
