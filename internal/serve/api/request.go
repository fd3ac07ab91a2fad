package api

import (
	"regexp"
	"slices"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Request is one question. It has no room for SQL, tables or files.
type Request struct {
	Indicators []string `json:"indicators"`

	// Period is written as on the command line: 2025, 2025-Q1, 2025-03, 2025-W10, 2025-03-03, or A..B of two of these,
	// both inclusive. Where it is empty, From and To (half open) say which periods of Grain are meant: all that overlap.
	Period string     `json:"period,omitempty"`
	From   *time.Time `json:"from,omitempty"`
	To     *time.Time `json:"to,omitempty"`

	Grain   string              `json:"grain,omitempty"`
	By      []string            `json:"by,omitempty"`
	Totals  bool                `json:"totals,omitempty"`
	Where   map[string][]string `json:"where,omitempty"` // dimension → values, any of them
	Compare []string            `json:"compare,omitempty"`
	Now     string              `json:"now,omitempty"` // moment of asking, 'YYYY-MM-DD HH:MM:SS' in the lake's time zone; "" = wall clock
	AsOf    int64               `json:"as_of,omitempty"`

	Names bool `json:"names,omitempty"` // adds name_<dimension>: what a code is called, where the lake's dictionaries know it
	// Choose says which of several methods counts where a lake holds cases grouped by several schemes, or settled by
	// several parameter sets: {"scheme": ID}, {"params": ID}. Without it the method in force counts.
	Choose map[string]string `json:"choose,omitempty"`

	Viewpoint string `json:"viewpoint,omitempty"` // care, insured or residence; "" = the indicator's own

	MinCell int `json:"min_cell,omitempty"` // can only raise the service's own, which is 0 for who may see figures of few cases
	Guard   int `json:"-"`                  // the service's: benchmarks are of groups with as many cases of others, whatever the caller may see
	Limit   int `json:"limit,omitempty"`    // most rows wanted; can only lower the service's own
}

// Limits of a question; they keep one caller from asking for the whole lake at once.
const (
	MaxIndicators = 50
	MaxBy         = 6
	MaxCompare    = 8
	MaxWhere      = 20
	MaxValues     = 1000
)

// Viewpoints from which a region looks at a row.
var Viewpoints = []string{"care", "insured", "residence"}

// Grains in the order from fine to coarse.
var Grains = []string{"hour", "day", "week", "month", "quarter", "year", "total"}

var (
	idPattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)
	periodPattern = regexp.MustCompile(`^[0-9]{4}(-[0-9QWqw-]{1,6})?(\.\.[0-9]{4}(-[0-9QWqw-]{1,6})?)?$`)
	nowPattern    = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$`)
)

// Check says whether the question is well formed. Whether the indicator exists, has the dimension and may be asked by
// this identity is the catalogue's business.
func (r *Request) Check() error {
	usage := func(format string, args ...any) error { return fault.New(fault.Usage, format, args...) }
	switch {
	case len(r.Indicators) == 0:
		return usage("request: indicators: at least one is needed")
	case len(r.Indicators) > MaxIndicators:
		return usage("request: indicators: %d are more than %d", len(r.Indicators), MaxIndicators)
	case len(r.By) > MaxBy:
		return usage("request: by: %d dimensions are more than %d", len(r.By), MaxBy)
	case len(r.Compare) > MaxCompare:
		return usage("request: compare: %d comparisons are more than %d", len(r.Compare), MaxCompare)
	case len(r.Where) > MaxWhere:
		return usage("request: where: %d filters are more than %d", len(r.Where), MaxWhere)
	case r.Grain != "" && !slices.Contains(Grains, r.Grain):
		return usage("request: grain %q: one of %v is needed", r.Grain, Grains)
	case r.Period != "" && !periodPattern.MatchString(r.Period):
		return usage("request: period: write 2025, 2025-Q1, 2025-03, 2025-W10, 2025-03-03 or A..B")
	case r.Period != "" && (r.From != nil || r.To != nil):
		return usage("request: period and from/to exclude each other")
	case (r.From == nil) != (r.To == nil):
		return usage("request: from and to belong together")
	case r.From != nil && !r.From.Before(*r.To):
		return usage("request: from must be before to")
	case r.Now != "" && !nowPattern.MatchString(r.Now):
		return usage("request: now: write YYYY-MM-DD HH:MM:SS")
	case r.Viewpoint != "" && !slices.Contains(Viewpoints, r.Viewpoint):
		return usage("request: viewpoint: one of %v is needed", Viewpoints)
	case r.MinCell < 0 || r.Limit < 0 || r.AsOf < 0:
		return usage("request: min_cell, limit and as_of are not negative")
	}
	for name, list := range map[string][]string{"indicators": r.Indicators, "by": r.By, "compare": r.Compare} {
		for i, id := range list {
			if !idPattern.MatchString(id) {
				return usage("request: %s: entry %d is not an id", name, i+1)
			}
			if slices.Contains(list[:i], id) {
				return usage("request: %s: %s is there twice", name, id)
			}
		}
	}
	for name, choice := range r.Choose {
		if !idPattern.MatchString(name) || !choicePattern.MatchString(choice) {
			return usage("request: choose: write {\"scheme\": ID} or {\"params\": ID}")
		}
	}
	for dim, values := range r.Where {
		if !idPattern.MatchString(dim) {
			return usage("request: where: a name of a dimension is not an id")
		}
		if len(values) == 0 || len(values) > MaxValues {
			return usage("request: where: %s: 1 to %d values are needed", dim, MaxValues)
		}
	}
	return nil
}
