package queries

import (
	"slices"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Plan is a compiled question: the statements to run and how their rows become an answer.
type Plan struct {
	catalog *Catalog
	req     Request
	scope   Scope
	dialect *expr.Dialect
	now     time.Time

	grain    Grain
	period   Period
	windows  []Window
	labels   []string
	compare  []Comparison
	question []*question
	scans    []*scan
	parts    []*part
}

// question is one indicator of a plan.
type question struct {
	indicator *Indicator
	viewpoint string
	leaves    map[string]*leaf // by measure id; "peak:" + id for peaks
	arrivals  map[string]*arrival
}

// leaf is one measure under one way of grouping: its figures by window and group.
type leaf struct {
	measure *Measure
	peak    bool
	scan    *scan
	cells   map[Window]map[string]cell
}

// cell is what a statement gave for a leaf.
type cell struct {
	value number
	cases float64   // rows behind the figure, where small cells are hidden
	at    time.Time // peaks: the hour
}

// arrival is what was delivered of one table: three leaves of the table delivery_day.
type arrival struct {
	table                   string
	came, expected, arrived *leaf // any delivery; deliveries that were expected; those of them that came
	dims                    []int // which of the request's dimensions delivery_day knows
	byDay                   bool  // false for stocks and dimensions: any delivery counts, whatever its day
	totals                  bool  // groups that add dimensions up are asked, too
	beyond                  bool  // single organisations outside the Scope can be told: see tells
	sums                    map[Window]deliverySums
}

type arrivalSum struct{ came, expected, arrived float64 }

// scan is one pass over a table for all leaves that count the same rows in the same groups.
type scan struct {
	key     string
	table   *schema.Table
	kind    string
	time    string
	until   string
	clock   string
	stock   []string
	dims    []dim
	filters []filter
	view    string
	totals  bool
	peak    bool
	leaves  []*leaf
	joins   []*joined
	exists  []*exists
	work    *Workdays
	windows []Window

	benchmarks []*benchmarkLink
}

// dim is a resolved dimension of a scan; at is its place in the request.
type dim struct {
	place
	alias string // join alias, "" = the table itself
	at    int
}

type filter struct {
	dim
	values []string
}

// joined is one table beside the scan's own.
type joined struct {
	alias   string
	table   *schema.Table
	on      []onPair
	columns []string // used columns, in the order of first use
}

// exists is a look-up of other rows, joined by the scan table's key.
type exists struct {
	alias   string
	measure *Measure
	self    bool // seen_again
}

// plan resolves everything of a request that does not depend on the dialect.
func (c *Catalog) plan(req Request, scope Scope, d *expr.Dialect) (*Plan, error) {
	p := &Plan{catalog: c, req: req, scope: scope, dialect: d, now: req.Now}
	if p.now.IsZero() {
		p.now = wallClock()
	}
	if len(req.Indicators) == 0 {
		return nil, fault.New(fault.Usage, "no indicator asked; `sanyi catalog indicators` lists them")
	}
	if req.MinCell < 0 {
		return nil, fault.New(fault.Usage, "min-cell %d: not below 0", req.MinCell)
	}
	if req.Guard < 0 {
		return nil, fault.New(fault.Usage, "guard %d: not below 0", req.Guard)
	}
	if len(req.By) > 6 {
		return nil, fault.New(fault.Usage, "%d dimensions: at most 6", len(req.By))
	}
	for i, b := range req.By {
		if slices.Contains(req.By[:i], b) {
			return nil, fault.New(fault.Usage, "dimension %s is asked twice", b)
		}
	}
	var indicators []*Indicator
	for _, id := range req.Indicators {
		x, ok := c.indicators[id]
		if !ok {
			return nil, fault.New(fault.Usage, "no indicator %s; `sanyi catalog indicators` lists them", id)
		}
		indicators = append(indicators, x)
	}
	if err := p.cut(indicators); err != nil {
		return nil, err
	}
	for _, x := range indicators {
		q, err := p.ask(x)
		if err != nil {
			return nil, err
		}
		p.question = append(p.question, q)
	}
	return p, nil
}

// cut makes the windows of the request.
func (p *Plan) cut(indicators []*Indicator) error {
	var err error
	if p.grain, err = ParseGrain(p.req.Grain); err != nil {
		return err
	}
	for _, name := range p.req.Compare {
		cmp, err := parseComparison(name)
		if err != nil {
			return err
		}
		p.compare = append(p.compare, cmp)
	}
	if p.req.Period == "" {
		for _, x := range indicators {
			for _, m := range p.catalog.MeasuresOf(x) {
				if m.Time != "" && m.TimeKind != Open && m.TimeKind != Version {
					return fault.New(fault.Usage, "indicator %s: measure %s counts by %s.%s; say --period", x.ID, m.ID, m.From, m.Time)
				}
			}
		}
		if len(p.compare) > 0 {
			return fault.New(fault.Usage, "comparison %s: no period asked", p.compare[0].Name)
		}
		p.grain = Total
		to := Day.next(Day.floor(p.now))
		p.windows, p.labels = []Window{{From: date(1900, 1, 1), To: to, Until: to, AsOf: Day.floor(p.now)}}, []string{""}
		return nil
	}
	if p.period, err = ParsePeriod(p.req.Period); err != nil {
		return err
	}
	if p.grain == AnyGrain {
		p.grain = p.period.Form
	}
	for _, cmp := range p.compare {
		if err := cmp.fits(p.grain); err != nil {
			return err
		}
	}
	p.windows, p.labels, err = windows(p.period, p.grain, p.now)
	return err
}
