package synth

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// TruthFile is the name of the file with the figures that must come out.
const TruthFile = "truth.json"

// Truth is what a lake must say after it has taken every extract.
type Truth struct {
	Size      string         `json:"size"`
	Seed      uint64         `json:"seed"`
	First     string         `json:"first_night"`
	Last      string         `json:"last_night"`
	Files     int            `json:"files"`
	Records   Records        `json:"records"`
	Missing   int            `json:"missing"`
	Missed    []Missed       `json:"missed"`
	Persons   map[string]int `json:"persons"` // people found in several sources, by pseudonym
	Questions int            `json:"questions"`
	Count     int            `json:"count"`
	Figures   []Figure       `json:"figures"`
}

// Records counts source records: read = loaded + duplicate + quarantined.
type Records struct {
	Read        int            `json:"read"`
	Quarantined int            `json:"quarantined"`
	Duplicate   int            `json:"duplicate"`
	ByReason    map[string]int `json:"by_reason"`
	ByTable     map[string]int `json:"by_table"` // loaded records by the table they become
}

// Missed is a delivery that never came.
type Missed struct {
	Source string `json:"source"`
	Org    string `json:"org_code"`
	Date   string `json:"date"`
}

// Figure is one question and its answer: a row a group, the dimension's value beside the value.
type Figure struct {
	Indicator string           `json:"indicator"`
	Period    string           `json:"period"`
	By        []string         `json:"by"`
	Rows      []map[string]any `json:"rows"`
}

// definition is an indicator as truth counts it: scale × (sum of nums) ÷ (sum of dens); without dens, the sum itself.
type definition struct {
	id     string
	nums   []metric
	dens   []metric
	scale  float64
	by     []string // dimensions that truth has for all its metrics
	fen    bool     // the value is money in fen
	minus  []metric
	period bool // the denominator is the period's hours
}

func definitions() []definition {
	org := []string{"org_code"}
	visit := []string{"org_code", "dept_code", "visit_type"}
	stay := []string{"org_code", "discharge_dept"}
	fund := []string{"org_code", "insu_region_code", "insutype"}
	d := func(id string, scale float64, by []string, num, den []metric) definition {
		return definition{id: id, scale: scale, by: by, nums: num, dens: den}
	}
	m := func(ms ...metric) []metric { return ms }
	money := func(x definition) definition { x.fen = true; return x }
	return []definition{
		d("H001", 1, visit, m(visitsDone), nil),
		d("H002", 1, visit, m(visitsOut), nil),
		d("H003", 1, org, m(visitsER), nil),
		{id: "H004", scale: 1, by: org, nums: m(visitsDone), period: true},
		d("H013", 100, visit, m(visitsBooked), m(visitsOut)),
		money(d("H026", 1, visit, m(visitFee), m(visitsDone))),
		d("H029", 100, visit, m(visitDrugFee), m(visitFee)),
		d("H046", 1, stay, m(discharges), nil),
		d("H047", 1, org, m(visitsOut), m(discharges)),
		d("H050", 100, []string{"org_code", "dept_code"}, m(bedsOccupied), m(bedsOpen)),
		d("H052", 1, stay, m(stayDays), m(discharges)),
		d("H055", 100, stay, m(surgical), m(discharges)),
		d("H056", 100, stay, m(miniInvasive), m(surgical)),
		d("H057", 100, stay, m(level4), m(surgical)),
		d("H059", 100, stay, m(level34), m(surgical)),
		d("H061", 100, org, m(dayOps), m(electiveOps)),
		d("H062", 100, org, m(complications), m(surgical)),
		d("H063", 100, org, m(cleanCutsInfected), m(cleanCuts)),
		d("H067", 100, stay, m(deaths), m(discharges)),
		d("H072", 100, org, m(readmitted), m(readmitBase)),
		money(d("H091", 1, stay, m(stayFee), m(discharges))),
		d("H093", 100, stay, m(stayDrugFee), m(stayFee)),
		d("H094", 100, stay, m(stayMaterialFee), m(stayFee)),
		d("H095", 100, org, m(visitDrugFee, stayDrugFee), m(visitFee, stayFee)),
		d("H096", 100, org, m(visitMaterialFee, stayMaterialFee), m(visitFee, stayFee)),
		d("I001", 1, fund, m(settlements), nil),
		money(d("I007", 1, fund, m(settledFund), nil)),
		d("I014", 100, fund, m(settledFund), m(settledFee)),
		d("I015", 100, fund, m(settledFund), m(settledScope)),
		d("I016", 100, fund, m(settledInpFund), m(settledInpScope)),
		d("I017", 100, fund, m(settledPerson), m(settledFee)),
		d("I020", 100, fund, m(settledOutside), m(settledFee)),
		d("I032", 100, nil, m(settledAwayDirect), m(settledAway)),
		d("I033", 100, nil, m(settledFarInpDirect), m(settledFarInp)),
		d("I036", 100, []string{"insu_region_code"}, m(settledAwayInp), m(settledInp)),
		{id: "I037", scale: 100, by: []string{"insu_region_code"}, nums: m(settledInp), minus: m(settledAwayInp), dens: m(settledInp)},
		d("I043", 100, fund, m(settledByCase), m(settledInp)),
		d("D006", 100, org, m(unitsWinner), m(unitsVBP)),
		d("D032", 100, org, m(dddInp), m(stayDays)),
		d("D062", 100, org, m(stockOut), m(mustStock)),
		d("D067", 1, []string{"org_code", "level"}, m(shortages), nil),
		d("D074", 100, org, m(traceScanned), m(traceExpected)),
		d("P083", 100, nil, m(visitsPrimary), m(visitsDone)),
		d("F004", 100, org, m(batchesOK), m(batches)),
		d("F009", 100, org, m(rowsRejected), m(rowsRead)),
	}
}

// span is a period as it is asked for.
type span struct {
	text     string
	from, to day // both included
	hours    float64
}

// spans are the periods that truth answers: the last three nights, their ISO week, their month, quarter and year.
func (t *tally) spans() (days, longer []span) {
	last := t.region.last
	for d := max(t.region.first(), last-2); d <= last; d++ {
		days = append(days, span{d.iso(), d, d, 24})
	}
	add := func(text string, from, to time.Time) {
		f, e := dayOf(from), dayOf(to)-1
		longer = append(longer, span{text, f, e, 24 * float64(e-f+1)})
	}
	months := 0
	for at := time.Date(last.time().Year(), last.time().Month(), 1, 0, 0, 0, 0, time.UTC); months < 3 && dayOf(at.AddDate(0, 1, 0)) > t.region.first(); at = at.AddDate(0, -1, 0) {
		add(at.Format("2006-01"), at, at.AddDate(0, 1, 0))
		months++
	}
	end := last.time()
	quarter := time.Date(end.Year(), (end.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
	add(fmt.Sprintf("%d-Q%d", quarter.Year(), (quarter.Month()-1)/3+1), quarter, quarter.AddDate(0, 3, 0))
	monday := end.AddDate(0, 0, -((int(end.Weekday())+6)%7)-7) // the last whole week
	year, week := monday.ISOWeek()
	add(fmt.Sprintf("%d-W%02d", year, week), monday, monday.AddDate(0, 0, 7))
	add(strconv.Itoa(end.Year()), time.Date(end.Year(), 1, 1, 0, 0, 0, 0, time.UTC), time.Date(end.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC))
	return days, longer
}

// everyPeriod are the indicators, one of each kind, that truth asks of every day, week, month, quarter and year; all
// others are asked of the last month. A question costs the reader of truth.json a query.
var everyPeriod = []string{"H001", "H026", "H050", "H095", "I036", "D032"}

// splitInSmall are the indicators, besides those, that a small region's truth divides by their dimensions.
var splitInSmall = []string{"H013", "H046", "H072", "H091", "I001", "I014", "D006", "D062", "D067", "F009"}

// truth works the counters up into figures.
func (t *tally) truth(sc scale) *Truth {
	out := &Truth{
		Size: sc.size, Seed: sc.seed, First: sc.first().iso(), Last: sc.last.iso(), Files: t.files, Records: t.records, Missing: t.missing, Missed: t.missed,
		Persons: map[string]int{
			"visited": t.inVisits.size(), "stayed": t.inStays.size(), "settled": t.inSettled.size(), "visited_and_settled": both(&t.inVisits, &t.inSettled),
			"stayed_and_settled": both(&t.inStays, &t.inSettled), "visited_and_stayed": both(&t.inVisits, &t.inStays), "visited_stayed_and_settled": both(&t.inVisits, &t.inStays, &t.inSettled),
		},
	}
	slices.SortFunc(out.Missed, func(a, b Missed) int { return strings.Compare(a.Date+a.Source+a.Org, b.Date+b.Source+b.Org) })
	days, longer := t.spans()
	byDim := t.values()
	for _, def := range definitions() {
		whole, split := longer[:1], longer[:1]
		switch {
		case slices.Contains(everyPeriod, def.id):
			whole, split = slices.Concat(days[len(days)-1:], longer), []span{days[len(days)-1], longer[0]}
		case sc.size == Small && !slices.Contains(splitInSmall, def.id):
			split = nil
		}
		for _, sp := range whole {
			out.add(def, sp, nil, []map[string]any{{}}, []sums{t.sum(group{}, sp)})
		}
		for _, dim := range def.by {
			for _, sp := range split {
				var rows []map[string]any
				var values []sums
				for _, v := range byDim[dim] {
					rows = append(rows, map[string]any{dim: v})
					values = append(values, t.sum(group{dim, v}, sp))
				}
				out.add(def, sp, []string{dim}, rows, values)
			}
		}
	}
	t.peaks(out, days, longer, byDim["org_code"])
	t.people(out)
	t.completeness(out, days, longer)
	sort.SliceStable(out.Figures, func(i, j int) bool { return out.Figures[i].Indicator < out.Figures[j].Indicator })
	out.Questions = len(out.Figures)
	for _, f := range out.Figures {
		out.Count += len(f.Rows)
	}
	return out
}

// add works out a definition for each group; groups without a base have no figure.
func (out *Truth) add(def definition, sp span, by []string, rows []map[string]any, values []sums) {
	f := Figure{Indicator: def.id, Period: sp.text, By: by}
	if by == nil {
		f.By = []string{}
	}
	for i, s := range values {
		num, den := 0.0, 1.0
		for _, m := range def.nums {
			num += s[m]
		}
		for _, m := range def.minus {
			num -= s[m]
		}
		if len(def.dens) > 0 {
			den = 0
			for _, m := range def.dens {
				if s[m] == 0 { // a centre sends no front sheets: what both tables make up is not known there
					den = 0
					break
				}
				den += s[m]
			}
		}
		if den == 0 || len(def.dens) == 0 && num == 0 {
			continue
		}
		v := num / den * def.scale
		if def.fen {
			v /= 100
		}
		if def.period {
			v /= sp.hours
		}
		row := map[string]any{"value": rounded(v)}
		maps.Copy(row, rows[i])
		f.Rows = append(f.Rows, row)
	}
	if len(f.Rows) > 0 {
		out.Figures = append(out.Figures, f)
	}
}

// rounded keeps twelve digits after the point: the same on every machine.
func rounded(v float64) float64 { return math.Round(v*1e9) / 1e9 }

// sum adds a group's days.
func (t *tally) sum(g group, sp span) sums {
	var out sums
	for d := max(sp.from, t.region.first()-200); d <= min(sp.to, t.region.last+200); d++ {
		if c := t.cells[cell{g, d}]; c != nil {
			for m := range out {
				out[m] += c[m]
			}
		}
	}
	return out
}

// values lists the values of each dimension that occurred, sorted.
func (t *tally) values() map[string][]string {
	seen := map[group]bool{}
	for c := range t.cells {
		seen[c.group] = true
	}
	out := map[string][]string{}
	for g := range seen {
		out[g.dim] = append(out[g.dim], g.value)
	}
	for _, v := range out {
		slices.Sort(v)
	}
	return out
}

// peaks are the busiest single hours (H005).
func (t *tally) peaks(out *Truth, days, longer []span, orgs []string) {
	peak := func(g group, sp span) float64 {
		best := int32(0)
		for d := max(sp.from, t.region.first()); d <= min(sp.to, t.region.last); d++ {
			if h := t.hours[cell{g, d}]; h != nil {
				best = max(best, slices.Max(h[:]))
			}
		}
		return float64(best)
	}
	for _, sp := range []span{days[len(days)-1], longer[0]} {
		if v := peak(group{}, sp); v > 0 {
			out.Figures = append(out.Figures, Figure{"H005", sp.text, []string{}, []map[string]any{{"value": v}}})
		}
	}
	sp := longer[0]
	f := Figure{Indicator: "H005", Period: sp.text, By: []string{"org_code"}}
	for _, o := range orgs {
		if v := peak(group{"org_code", o}, sp); v > 0 {
			f.Rows = append(f.Rows, map[string]any{"org_code": o, "value": v})
		}
	}
	if len(f.Rows) > 0 {
		out.Figures = append(out.Figures, f)
	}
}

// people are distinct visitors (H010): one person counts once however many hospitals saw them.
func (t *tally) people(out *Truth) {
	for _, period := range slices.Sorted(maps.Keys(t.visitors)) {
		out.Figures = append(out.Figures, Figure{"H010", period, []string{}, []map[string]any{{"value": float64(t.visitors[period].size())}}})
	}
}

// completeness is how many of the organisations that owed something sent something (F008).
func (t *tally) completeness(out *Truth, days, longer []span) {
	for _, sp := range slices.Concat(days, longer[:1]) {
		sent, owed := map[string]bool{}, map[string]bool{}
		for d := max(sp.from, t.region.first()); d <= min(sp.to, t.region.last); d++ {
			for o := range t.orgDay[d] {
				sent[o] = true
			}
			for o := range t.expect[d] {
				owed[o] = true
			}
		}
		if len(owed) > 0 {
			out.Figures = append(out.Figures, Figure{"F008", sp.text, []string{}, []map[string]any{{"value": rounded(100 * float64(len(sent)) / float64(len(owed)))}}})
		}
	}
}
