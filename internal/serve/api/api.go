// Package api is what travels between `sanyi serve` and whoever asks it over HTTP: the Grafana plugin, curl, a
// notebook. It says how a question, an answer, the catalogue and an error are written; it asks nothing and holds no
// rule about who may see what. It imports nothing of the lake, so that the plugin can be built without cgo.
//
//	GET  /v1/catalog      → Catalog
//	GET  /v1/publication  → Publication
//	POST /v1/query        Request → Answer, as JSON, CSV or an Arrow IPC stream by the Accept header
//	POST /v1/cases        CaseListRequest → CaseList, for tokens with the right `cases`; media types as above
//	POST /v1/case         CaseRequest → CaseExplanation, for tokens with the right `cases`
//	GET  /healthz         → Health, the only door without a token
package api

import "time"

// Paths of the doors.
const (
	PathCatalog     = "/v1/catalog"
	PathPublication = "/v1/publication"
	PathQuery       = "/v1/query"
	PathCases       = "/v1/cases"
	PathCase        = "/v1/case"
	PathHealth      = "/healthz"
)

// Media types that a question may ask its answer in.
const (
	JSON  = "application/json"
	CSV   = "text/csv"
	Arrow = "application/vnd.apache.arrow.stream"
)

// CallerHeader may name the person behind the token (the login of who looks at a dashboard, URL-escaped). It goes into the
// audit book as what it is, a claim, and gives no rights.
const CallerHeader = "X-Sanyi-Caller"

// WireVersion is the version of everything in this package; it is raised when a reader of the old one would misread.
const WireVersion = 1

// Text is a title or sentence for people.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// In is the text in a language ("zh…" or anything else), or the other one where it is missing.
func (t Text) In(language string) string {
	if len(language) >= 2 && language[:2] == "zh" && t.ZH != "" || t.EN == "" {
		return t.ZH
	}
	return t.EN
}

// Publication is the state of the lake that answers come from.
type Publication struct {
	ID          int64     `json:"id"`
	PublishedAt time.Time `json:"published_at"`
}

// Health is what anybody may know.
type Health struct {
	Status string `json:"status"`
	Wire   int    `json:"wire"`
}

// Catalog is what may be asked.
type Catalog struct {
	Wire        int         `json:"wire"`
	Publication Publication `json:"publication"`
	TimeZone    string      `json:"time_zone"`
	MinCell     int         `json:"min_cell"` // figures from fewer rows than this are suppressed for who asks
	Identity    string      `json:"identity"` // name of the token that asked
	Scope       string      `json:"scope"`    // what that token may count, in the words of `token add`
	Cases       bool        `json:"cases"`    // whether that token may see single cases here
	Indicators  []Indicator `json:"indicators"`
}

// Indicator is one thing to ask.
type Indicator struct {
	ID          string   `json:"id"`
	Title       Text     `json:"title"`
	Meaning     Text     `json:"meaning"`
	Unit        string   `json:"unit"`
	Group       string   `json:"group"`
	Direction   string   `json:"direction"` // higher, lower or monitor: which change is good news
	Viewpoint   string   `json:"viewpoint"` // care, insured, residence: whose region counts
	Grains      []string `json:"grains"`
	Dimensions  []Named  `json:"dimensions"`
	Comparisons []Named  `json:"comparisons"`
	Choices     []string `json:"choices,omitempty"` // what a question may choose: scheme, params
}

// Named is a thing with an id and a title: a dimension, a comparison.
type Named struct {
	ID    string `json:"id"`
	Title Text   `json:"title"`
}
