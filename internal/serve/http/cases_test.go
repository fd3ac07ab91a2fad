package http

import (
	"context"
	"encoding/json"
	nethttp "net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/access"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	"github.com/sanyi-lake/sanyi/queries"
)

// book remembers what it was asked and knows one case.
type book struct {
	listed *api.CaseListRequest
	asked  *api.CaseRequest
	scope  queries.Scope
	rows   int
}

func (b *book) List(_ context.Context, req api.CaseListRequest, scope queries.Scope) (*api.CaseList, error) {
	b.listed, b.scope = &req, scope
	out := &api.CaseList{Publication: 7, Settled: true}
	for range b.rows {
		out.Rows = append(out.Rows, api.CaseRow{
			StayID: "S-SECRET", OrgCode: "H0001", DischargeDate: time.Date(2021, 6, 3, 0, 0, 0, 0, time.UTC), GroupCode: "BR21", Status: "OK", TotalFee: new(23980.5), Scheme: "demo_drg",
		})
	}
	return out, nil
}

func (b *book) Explain(_ context.Context, req api.CaseRequest, scope queries.Scope) (*api.CaseExplanation, error) {
	b.asked, b.scope = &req, scope
	if req.StayID != "S-SECRET" {
		return nil, fault.New(fault.NotFound, "case: no grouped case of that stay id in this token's scope")
	}
	return &api.CaseExplanation{Publication: 7, StayID: req.StayID, Scheme: "demo_drg", Kind: "DRG", Language: "zh", Rows: []api.ExplanationRow{
		{Section: api.SectionTrace, Step: "gate", Title: "主要诊断大类(MDC)", What: "MDCB", Verdict: "yes", Text: "进入本大类"},
	}}, nil
}

// coder opens the door and makes a second token, with the right to see cases.
func coder(t *testing.T) (*door, *book, string) {
	t.Helper()
	b := &book{rows: 1}
	d := open(t, Options{Cases: b})
	token, err := access.Add(d.tokens, "coder", "org:H0001", time.Unix(0, 0), time.Time{}, access.Cases)
	if err != nil {
		t.Fatal(err)
	}
	return d, b, token
}

func (d *door) post(t *testing.T, token, path, body, accept string) (int, string, nethttp.Header) {
	t.Helper()
	r, err := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodPost, d.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", api.JSON)
	r.Header.Set("Accept", accept)
	r.Header.Set("Authorization", "Bearer "+token)
	return do(t, r)
}

func TestATokenWithoutTheRightSeesNoCase(t *testing.T) {
	d, b, _ := coder(t)
	for path, body := range map[string]string{api.PathCases: `{"period":"2021-06"}`, api.PathCase: `{"stay_id":"S-SECRET"}`} {
		status, text, _ := d.post(t, d.token, path, body, "")
		if status != 403 || !strings.Contains(text, "--cases") || !strings.Contains(text, `"kind":"denied"`) {
			t.Errorf("%s: got %d %s, want 403 and what to do", path, status, text)
		}
	}
	if b.listed != nil || b.asked != nil {
		t.Errorf("the question reached the book of cases")
	}
	found, err := audit.Verify(d.book)
	if err != nil || found.Lines != 2 {
		t.Errorf("the audit book has %d lines (%v), want both refusals", found.Lines, err)
	}
}

func TestADoorWithoutABookOfCasesShowsNone(t *testing.T) {
	d := open(t, Options{})
	token, err := access.Add(d.tokens, "coder", "whole", time.Unix(0, 0), time.Time{}, access.Cases)
	if err != nil {
		t.Fatal(err)
	}
	if status, text, _ := d.post(t, token, api.PathCases, `{"period":"2021-06"}`, ""); status != 404 {
		t.Errorf("got %d %s, want 404", status, text)
	}
}

func TestCasesAreListedWithinTheScopeOfTheToken(t *testing.T) {
	d, b, token := coder(t)
	status, body, header := d.post(t, token, api.PathCases, `{"from":"2021-05-31T16:00:00Z","to":"2021-06-30T15:59:59Z","depts":["03.03"],"order":"loss"}`, "")
	if status != 200 || header.Get("X-Sanyi-Publication") != "7" {
		t.Fatalf("got %d %s", status, body)
	}
	if !reflect.DeepEqual(b.scope, queries.Organisations("H0001")) {
		t.Errorf("scope: got %+v, want organisation H0001", b.scope)
	}
	if b.listed.Period != "2021-06-01..2021-06-30" || b.listed.Limit != api.DefaultCases || b.listed.Order != api.ByLoss {
		t.Errorf("asked: got %+v, want the days of June in the lake's zone, 200 cases, by loss", b.listed)
	}
	var list struct {
		More bool             `json:"more"`
		Rows []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Rows) != 1 || list.Rows[0]["discharge_date"] != "2021-06-03" || list.Rows[0]["total_fee"] != 23980.5 || list.Rows[0]["tier"] != nil || list.More {
		t.Errorf("got %s", body)
	}
	for name := range list.Rows[0] {
		if strings.Contains(name, "person") || strings.Contains(name, "birth") || strings.Contains(name, "age_") {
			t.Errorf("a case travels with %s", name)
		}
	}
}

func TestCasesTravelAsArrow(t *testing.T) {
	d, _, token := coder(t)
	_, body, header := d.post(t, token, api.PathCases, `{"period":"2021-06"}`, api.Arrow)
	if header.Get("Content-Type") != api.Arrow {
		t.Fatalf("got %s %s", header.Get("Content-Type"), body)
	}
	r, err := ipc.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if v, _ := r.Schema().Metadata().GetValue(api.MetaSettled); v != "true" || !r.Next() || r.RecordBatch().NumRows() != 1 {
		t.Errorf("got %s", r.Schema())
	}
	_, body, _ = d.post(t, token, api.PathCase, `{"stay_id":"S-SECRET"}`, api.CSV)
	if !strings.HasPrefix(body, "section,step,title,what,name,verdict,text,amount,unit\ntrace,gate,") {
		t.Errorf("csv: got %s", body)
	}
}

func TestAListOfCasesIsCutAtItsLimit(t *testing.T) {
	d, b, token := coder(t)
	b.rows = 3
	if _, body, _ := d.post(t, token, api.PathCases, `{"period":"2021","limit":2}`, ""); strings.Count(body, "S-SECRET") != 2 || !strings.Contains(body, `"more":true`) {
		t.Errorf("got %s, want two cases and that there are more", body)
	}
	for _, body := range []string{`{"period":"2021","limit":1001}`, `{"period":"2021","limit":-1}`, `{}`, `{"period":"2021","order":"person"}`, `{"period":"2021","orgs":[""]}`, `{"period":"2021","scheme":"x' or 1=1"}`, `{"period":"2021","person_key":"x"}`} {
		if status, text, _ := d.post(t, token, api.PathCases, body, ""); status != 400 {
			t.Errorf("%s: got %d %s, want 400", body, status, text)
		}
	}
}

func TestAnExplanationIsInTheBookWithoutItsStay(t *testing.T) {
	d, b, token := coder(t)
	status, body, _ := d.post(t, token, api.PathCase, `{"stay_id":"S-SECRET","language":"zh"}`, "")
	if status != 200 || !strings.Contains(body, "进入本大类") || !reflect.DeepEqual(b.scope, queries.Organisations("H0001")) {
		t.Fatalf("got %d %s", status, body)
	}
	status, body, _ = d.post(t, token, api.PathCase, `{"stay_id":"S-OTHER"}`, "")
	if status != 404 || strings.Contains(body, "S-OTHER") {
		t.Errorf("another case: got %d %s, want 404 without its id", status, body)
	}
	for _, body := range []string{`{}`, `{"stay_id":" "}`, `{"stay_id":"S","language":"fr"}`} {
		if status, text, _ := d.post(t, token, api.PathCase, body, ""); status != 400 {
			t.Errorf("%s: got %d %s, want 400", body, status, text)
		}
	}
	files, err := audit.Files(d.book)
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v %v, want one file", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 5 || !strings.Contains(lines[0], `"what":"case","case":"`) || !strings.Contains(lines[1], `"decision":"refused","kind":"not_found"`) {
		t.Errorf("got %s", text)
	}
	for _, never := range []string{"S-SECRET", "S-OTHER"} {
		if strings.Contains(string(text)+d.logs.String(), never) {
			t.Errorf("book or log hold %s", never)
		}
	}
}

func TestTheCatalogueTellsWhetherCasesMayBeSeen(t *testing.T) {
	d, _, token := coder(t)
	for token, want := range map[string]bool{d.token: false, token: true} {
		r, _ := nethttp.NewRequestWithContext(t.Context(), nethttp.MethodGet, d.url+api.PathCatalog, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, body, _ := do(t, r)
		var c api.Catalog
		if err := json.Unmarshal([]byte(body), &c); err != nil || c.Cases != want {
			t.Errorf("%s: got %t %v, want %t", c.Identity, c.Cases, err, want)
		}
	}
}
