package lakehouse

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
)

func TestAListOfCasesAsksForThePanelsRange(t *testing.T) {
	panel := backend.TimeRange{From: clock(t, "2021-06-01 00:00:00"), To: clock(t, "2021-06-30 23:59:59")}
	q, err := parseCaseQuery([]byte(`{"kind":"case","depts":["03.03",""],"stay":"x","unknown":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := q.list(panel, shanghai)
	if err != nil || !r.From.Equal(clock(t, "2021-06-01 00:00:00")) || !r.To.Equal(clock(t, "2021-07-01 00:00:00")) || len(r.Depts) != 1 || r.Order != api.ByDischarge || r.Limit != api.DefaultCases {
		t.Errorf("got %+v %v, want June, one department, newest first, 200", r, err)
	}
	q.Period = Period{Mode: ModeFixed, Text: "$__to(month)"}
	if r, err := q.list(panel, shanghai); err != nil || r.Period != "2021-06" || r.From != nil {
		t.Errorf("fixed: got %+v %v, want 2021-06", r, err)
	}
}

func TestWrongQueriesAfterCasesAreRefused(t *testing.T) {
	for _, text := range []string{`{"kind":"case","view":"all"}`, `{"kind":"case","version":9}`, `{"kind":"case","sections":["person"]}`, `{"kind":"case","period":{"mode":"today"}}`, `{"kind":"case","limit":"x"}`} {
		if _, err := parseCaseQuery([]byte(text)); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: got %v, want a usage error", text, err)
		}
	}
	q, err := parseCaseQuery([]byte(`{"kind":"case","limit":5000}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.list(backend.TimeRange{From: time.Unix(0, 0), To: time.Unix(86400, 0)}, shanghai); fault.KindOf(err) != fault.Usage {
		t.Errorf("limit 5000: got %v, want a usage error", err)
	}
}

func TestOldQueriesAskIndicators(t *testing.T) {
	for text, want := range map[string]string{`{"indicators":["H001"]}`: KindIndicator, `{"kind":"indicator"}`: KindIndicator, `{"kind":"case"}`: KindCase, `[]`: KindIndicator} {
		if got := kindOf([]byte(text)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestWordsOfCasesAreCompleteInBothLanguages(t *testing.T) {
	for _, w := range []caseWords{caseChinese, caseEnglish} {
		for _, name := range append(caseFields, "section", "title", "what", "name", "verdict", "text") {
			if w.titles[name] == "" {
				t.Errorf("%s: no title of %s", w.language, name)
			}
		}
		if w.choose == "" || w.more == "" || w.unsettled == "" || w.agrees == "" || w.differs == "" {
			t.Errorf("%s: a sentence is missing", w.language)
		}
	}
}

// service answers every question after a case with one row, as soon as it is let.
type service struct {
	asked atomic.Int32
	let   chan struct{}
}

func (s *service) RoundTrip(*http.Request) (*http.Response, error) {
	s.asked.Add(1)
	<-s.let
	var body bytes.Buffer
	err := (&api.CaseExplanation{Publication: 1, Rows: []api.ExplanationRow{{Section: api.SectionTrace, Text: "x"}}}).WriteArrow(&body, shanghai)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(&body)}, err
}

func TestPanelsThatAskForTheSameCaseAtOnceShareOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lake := &service{let: make(chan struct{})}
		c, err := newClient("http://lake.example", "token", "")
		if err != nil {
			t.Fatal(err)
		}
		c.http.Transport = lake
		s := &Source{client: c, now: time.Now}
		ask := func(stay, caller string) {
			if long, err := s.explained(t.Context(), &api.CaseRequest{StayID: stay}, caller); err != nil || long.rows != 1 {
				t.Errorf("%s for %s: got %v, want one row", stay, caller, err)
			}
		}
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() { ask("S-1", "li") })
		}
		wait.Go(func() { ask("S-1", "wang") }) // another person's look is one of its own
		wait.Go(func() { ask("S-2", "li") })
		synctest.Wait() // until all of them ask or wait
		close(lake.let)
		wait.Wait()
		if n := lake.asked.Load(); n != 3 || len(s.cases) != 0 {
			t.Errorf("got %d questions and %d kept, want 3 and none", n, len(s.cases))
		}
		ask("S-1", "li")
		if n := lake.asked.Load(); n != 4 {
			t.Errorf("a later look: got %d questions in all, want 4", n)
		}
	})
}
