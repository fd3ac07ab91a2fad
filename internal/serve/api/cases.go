package api

import (
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Limits of a list of cases.
const (
	DefaultCases = 200
	MaxCases     = 1000
)

// Orders of a list of cases: newest discharge first, dearest first, largest loss first.
const (
	ByDischarge = "discharge"
	ByCost      = "cost"
	ByLoss      = "loss"
)

// Orders lists the orders; the first one holds where none is asked.
var Orders = []string{ByDischarge, ByCost, ByLoss}

// CaseListRequest asks for single cases. Each filter takes any of its values; an empty one takes all.
type CaseListRequest struct {
	Period string     `json:"period,omitempty"` // as of indicators, of the day of discharge
	From   *time.Time `json:"from,omitempty"`   // where Period is empty: the days that From to To (half open) touch
	To     *time.Time `json:"to,omitempty"`

	Orgs     []string `json:"orgs,omitempty"`
	Depts    []string `json:"depts,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	MDCs     []string `json:"mdcs,omitempty"`
	Statuses []string `json:"statuses,omitempty"` // OK, 0000, QY, …
	Reasons  []string `json:"reasons,omitempty"`  // of what was not grouped
	Tiers    []string `json:"tiers,omitempty"`    // normal, high, low, …
	Agrees   *bool    `json:"agrees,omitempty"`   // with the official group

	Scheme string `json:"scheme,omitempty"` // "" = the one in force on the day of discharge
	Params string `json:"params,omitempty"` // settlement parameters; "" = those in force
	Order  string `json:"order,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	AsOf   int64  `json:"as_of,omitempty"`
}

// CaseRequest asks why one case was grouped as it was.
type CaseRequest struct {
	StayID   string   `json:"stay_id"`
	Orgs     []string `json:"orgs,omitempty"` // the organisations that it may be of; none: any in the token's scope
	Scheme   string   `json:"scheme,omitempty"`
	Language string   `json:"language,omitempty"` // zh or en: of the sentences
	AsOf     int64    `json:"as_of,omitempty"`
}

// choicePattern is what ids of schemes and parameter sets look like; filters may hold any text, they travel bound.
var choicePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$`)

// Filters names the filters that are set: what the audit book takes down of them.
func (r *CaseListRequest) Filters() []string {
	var out []string
	for name, list := range r.lists() {
		if len(list) > 0 {
			out = append(out, name)
		}
	}
	if r.Agrees != nil {
		out = append(out, "agrees")
	}
	slices.Sort(out)
	return out
}

func (r *CaseListRequest) lists() map[string][]string {
	return map[string][]string{"orgs": r.Orgs, "depts": r.Depts, "groups": r.Groups, "mdcs": r.MDCs, "statuses": r.Statuses, "reasons": r.Reasons, "tiers": r.Tiers}
}

// Check says whether the question is well formed, and fills in order and limit.
func (r *CaseListRequest) Check() error {
	usage := func(format string, args ...any) error { return fault.New(fault.Usage, format, args...) }
	if r.Order == "" {
		r.Order = Orders[0]
	}
	if r.Limit == 0 {
		r.Limit = DefaultCases
	}
	switch {
	case r.Period == "" && r.From == nil:
		return usage("request: a list of cases needs a period, or from and to")
	case r.Period != "" && !periodPattern.MatchString(r.Period):
		return usage("request: period: write 2025, 2025-Q1, 2025-03, 2025-W10, 2025-03-03 or A..B")
	case r.Period != "" && (r.From != nil || r.To != nil):
		return usage("request: period and from/to exclude each other")
	case (r.From == nil) != (r.To == nil):
		return usage("request: from and to belong together")
	case r.From != nil && !r.From.Before(*r.To):
		return usage("request: from must be before to")
	case !slices.Contains(Orders, r.Order):
		return usage("request: order: one of %v is needed", Orders)
	case r.Limit < 0 || r.Limit > MaxCases:
		return usage("request: limit: 1 to %d cases", MaxCases)
	case r.AsOf < 0:
		return usage("request: as_of is not negative")
	case r.Scheme != "" && !choicePattern.MatchString(r.Scheme):
		return usage("request: scheme is not an id")
	case r.Params != "" && !choicePattern.MatchString(r.Params):
		return usage("request: params is not an id")
	}
	for name, list := range r.lists() {
		if len(list) > MaxValues {
			return usage("request: %s: %d values are more than %d", name, len(list), MaxValues)
		}
		if slices.ContainsFunc(list, func(v string) bool { return v == "" || len(v) > 200 }) {
			return usage("request: %s: a value is empty or longer than 200 bytes", name)
		}
	}
	return nil
}

// Check says whether the question is well formed.
func (r *CaseRequest) Check() error {
	switch {
	case strings.TrimSpace(r.StayID) == "":
		return fault.New(fault.Usage, "request: stay_id is needed")
	case len(r.StayID) > 200:
		return fault.New(fault.Usage, "request: stay_id is longer than 200 bytes")
	case len(r.Orgs) > MaxValues:
		return fault.New(fault.Usage, "request: orgs: %d values are more than %d", len(r.Orgs), MaxValues)
	case r.Language != "" && r.Language != "zh" && r.Language != "en":
		return fault.New(fault.Usage, "request: language: zh or en")
	case r.AsOf < 0:
		return fault.New(fault.Usage, "request: as_of is not negative")
	case r.Scheme != "" && !choicePattern.MatchString(r.Scheme):
		return fault.New(fault.Usage, "request: scheme is not an id")
	}
	return nil
}

// CaseList is some cases of a publication.
type CaseList struct {
	Publication int64
	More        bool // there are more than the limit
	Settled     bool // money is there: the lake settles its cases
	Rows        []CaseRow
}

// CaseRow is one case as it was grouped and settled. Nil is not known; there is no person in it.
type CaseRow struct {
	StayID        string
	OrgCode       string
	OrgName       *string
	DischargeDate time.Time
	DischargeDept *string
	DeptName      *string
	MainDiag      *string
	MainProc      *string
	GroupCode     string
	GroupName     *string
	MDC           *string
	Severity      *string
	Status        string
	Reason        *string
	Weight        *float64
	LOSDays       *float64
	TotalFee      *float64
	Standard      *float64
	Tier          *string
	Profit        *float64
	OfficialCode  *string
	Agrees        *bool
	Scheme        string
}

var caseColumns = []SheetColumn{
	{"stay_id", TextColumn},
	{"org_code", TextColumn},
	{"org_name", TextColumn},
	{"discharge_date", DayColumn},
	{"discharge_dept", TextColumn},
	{"dept_name", TextColumn},
	{"main_diag", TextColumn},
	{"main_proc", TextColumn},
	{"group_code", TextColumn},
	{"group_name", TextColumn},
	{"mdc", TextColumn},
	{"severity", TextColumn},
	{"status", TextColumn},
	{"reason", TextColumn},
	{"weight", NumberColumn},
	{"los_days", NumberColumn},
	{"total_fee", NumberColumn},
	{"standard", NumberColumn},
	{"tier", TextColumn},
	{"profit_formula", NumberColumn},
	{"official_code", TextColumn},
	{"agrees", FlagColumn},
	{"scheme", TextColumn},
}

// Sheet is the list as a table.
func (l *CaseList) Sheet() *Sheet {
	out := &Sheet{Publication: l.Publication, Columns: caseColumns, Rows: make([][]any, 0, len(l.Rows)), Meta: map[string]string{}}
	if l.More {
		out.Meta[MetaMore] = "true"
	}
	if l.Settled {
		out.Meta[MetaSettled] = "true"
	}
	for i := range l.Rows {
		r := &l.Rows[i]
		out.Rows = append(out.Rows, []any{
			r.StayID, r.OrgCode, known(r.OrgName), r.DischargeDate, known(r.DischargeDept), known(r.DeptName), known(r.MainDiag), known(r.MainProc), r.GroupCode,
			known(r.GroupName), known(r.MDC), known(r.Severity), r.Status, known(r.Reason), known(r.Weight), known(r.LOSDays), known(r.TotalFee), known(r.Standard),
			known(r.Tier), known(r.Profit), known(r.OfficialCode), known(r.Agrees), r.Scheme,
		})
	}
	return out
}

// MarshalJSON writes {"publication", "more", "settled", "rows": [{…}]}.
func (l *CaseList) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Publication int64 `json:"publication"`
		More        bool  `json:"more"`
		Settled     bool  `json:"settled"`
		Rows        rows  `json:"rows"`
	}{l.Publication, l.More, l.Settled, rows{l.Sheet()}})
}

// Sections of an explanation, in the order in which they are written.
const (
	SectionResult     = "result"     // where the case belongs, and what it was grouped by
	SectionCode       = "code"       // its diagnoses and operations
	SectionTrace      = "trace"      // how it came there
	SectionNeighbour  = "neighbour"  // groups it came near to, and why it is not in them
	SectionSeverity   = "severity"   // complications that count, and those that do not
	SectionSettlement = "settlement" // what is paid for it
)

// Sections lists the sections.
var Sections = []string{SectionResult, SectionCode, SectionTrace, SectionNeighbour, SectionSeverity, SectionSettlement}

// CaseExplanation is why a case was grouped as it was: rows that people read from top to bottom.
type CaseExplanation struct {
	Publication int64
	StayID      string
	Scheme      string
	SchemeHash  string
	Kind        string // DRG or DIP
	Language    string
	Rows        []ExplanationRow
}

// ExplanationRow is one thing to know about a case.
type ExplanationRow struct {
	Section string // of Sections
	Step    string // id of the step: gate, adrg, severity, group, weight …
	Title   string // what the step is called
	What    string // what was looked at: a category, a group, a code
	Name    string // what that is called
	Verdict string // yes, no, info: the step's outcome in one word
	Text    string // the sentence
	Amount  *float64
	Unit    string // of Amount
}

var explanationColumns = []SheetColumn{
	{"section", TextColumn},
	{"step", TextColumn},
	{"title", TextColumn},
	{"what", TextColumn},
	{"name", TextColumn},
	{"verdict", TextColumn},
	{"text", TextColumn},
	{"amount", NumberColumn},
	{"unit", TextColumn},
}

// Sheet is the explanation as a table.
func (x *CaseExplanation) Sheet() *Sheet {
	out := &Sheet{
		Publication: x.Publication, Columns: explanationColumns, Rows: make([][]any, 0, len(x.Rows)),
		Meta: map[string]string{MetaScheme: x.Scheme, MetaSchemeHash: x.SchemeHash, MetaKind: x.Kind, MetaLanguage: x.Language},
	}
	for _, r := range x.Rows {
		out.Rows = append(out.Rows, []any{r.Section, r.Step, r.Title, r.What, r.Name, r.Verdict, r.Text, known(r.Amount), r.Unit})
	}
	return out
}

// MarshalJSON writes {"publication", "stay_id", "scheme", …, "rows": [{…}]}.
func (x *CaseExplanation) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Publication int64  `json:"publication"`
		StayID      string `json:"stay_id"`
		Scheme      string `json:"scheme"`
		SchemeHash  string `json:"scheme_hash"`
		Kind        string `json:"kind"`
		Language    string `json:"language"`
		Rows        rows   `json:"rows"`
	}{x.Publication, x.StayID, x.Scheme, x.SchemeHash, x.Kind, x.Language, rows{x.Sheet()}})
}

func known[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// Written is an answer of any kind, ready to be written in one of the media types.
type Written interface {
	json.Marshaler
	WriteArrow(w io.Writer, zone *time.Location) error
	WriteCSV(w io.Writer) error
}

var (
	_ Written = (*Answer)(nil)
	_ Written = (*CaseList)(nil)
	_ Written = (*CaseExplanation)(nil)
)

// WriteArrow writes the list as an Arrow IPC stream.
func (l *CaseList) WriteArrow(w io.Writer, _ *time.Location) error { return l.Sheet().WriteArrow(w) }

// WriteCSV writes the list as CSV.
func (l *CaseList) WriteCSV(w io.Writer) error { return l.Sheet().WriteCSV(w) }

// WriteArrow writes the explanation as an Arrow IPC stream.
func (x *CaseExplanation) WriteArrow(w io.Writer, _ *time.Location) error {
	return x.Sheet().WriteArrow(w)
}

// WriteCSV writes the explanation as CSV.
func (x *CaseExplanation) WriteCSV(w io.Writer) error { return x.Sheet().WriteCSV(w) }
