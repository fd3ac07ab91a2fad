package cases

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// orgLevels are the levels of organisations over time (dim_org.org_level), versions in the order of their first days.
type orgLevels map[string][]levelFrom

type levelFrom struct {
	day   arrow.Date32
	level string
}

// on is the level on a day: that of the last version that began by then. Before the first version it is the first
// one's: a region's first list of hospitals begins on the day it was made, and its history is older. "" where unknown.
func (o orgLevels) on(org string, day arrow.Date32) string {
	for i, v := range slices.Backward(o[org]) {
		if i == 0 || v.day <= day {
			return v.level
		}
	}
	return ""
}

// same says whether every organisation has the same levels in a month.
func (o orgLevels) same(other orgLevels, month string) bool {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return false
	}
	from, to := arrow.Date32FromTime(first), arrow.Date32FromTime(first.AddDate(0, 1, 0))
	for _, some := range []orgLevels{o, other} {
		for org := range some {
			if slices.Equal(o[org], other[org]) {
				continue
			}
			for day := from; day < to; day++ {
				if o.on(org, day) != other.on(org, day) {
					return false
				}
			}
		}
	}
	return true
}

// readLevels reads the levels, once.
func (r *reader) readLevels(ctx context.Context) error {
	if r.levels != nil {
		return nil
	}
	table, err := r.tableIn(ctx, orgTable, func(string) bool { return true }, "org_code", "org_level", "valid_from")
	if err != nil {
		return err
	}
	levels := orgLevels{}
	err = r.loader.Scan(ctx, "SELECT org_code, coalesce(valid_from, DATE '0001-01-01'), org_level FROM "+table, func(b arrow.RecordBatch) error {
		org, from, level := b.Column(0).(*array.String), b.Column(1).(*array.Date32), b.Column(2).(*array.String) //nolint:forcetypeassert // as selected
		for i := range int(b.NumRows()) {
			code := strings.Clone(org.Value(i))
			levels[code] = append(levels[code], levelFrom{from.Value(i), strings.Clone(text(level, i))})
		}
		return nil
	})
	if err != nil {
		return sqlFault(err)
	}
	for _, versions := range levels {
		slices.SortFunc(versions, func(a, b levelFrom) int {
			if a.day != b.day {
				return int(a.day) - int(b.day)
			}
			return strings.Compare(a.level, b.level)
		})
	}
	r.levels = levels
	return nil
}
