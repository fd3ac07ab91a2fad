package http

import (
	"context"
	nethttp "net/http"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/access"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	"github.com/sanyi-lake/sanyi/queries"
)

// CaseBook shows single cases. It must confine every answer to the Scope it is given, and say of a case outside it what
// it says of one that does not exist.
type CaseBook interface {
	List(ctx context.Context, req api.CaseListRequest, scope queries.Scope) (*api.CaseList, error)
	Explain(ctx context.Context, req api.CaseRequest, scope queries.Scope) (*api.CaseExplanation, error)
}

// mayLook refuses who has no right to see cases, before the question is even read.
func (s *Server) mayLook(who access.Identity) error {
	switch {
	case !who.Cases:
		return fault.New(fault.Denied, "token %s may ask indicators, not single cases: the operator of the lake gives that right with `sanyi serve token add … --cases`", who.Name)
	case s.opt.Cases == nil:
		return fault.New(fault.NotFound, "this service shows no cases")
	}
	return nil
}

// cases is a question after a list of cases.
func (s *Server) cases(w nethttp.ResponseWriter, r *nethttp.Request, who access.Identity, line *audit.Entry) (api.Written, string, error) {
	media, err := wanted(r.Header.Get("Accept"))
	if err == nil {
		err = s.mayLook(who)
	}
	var req api.CaseListRequest
	if err == nil {
		err = s.read(w, r, &req)
	}
	if err == nil {
		err = req.Check()
	}
	if err != nil {
		return nil, "", err
	}
	if req.From != nil {
		span := api.Request{From: req.From, To: req.To, Grain: "day"}
		if _, err := overlapping(&span, s.asker.Zone()); err != nil {
			return nil, "", err
		}
		req.Period, req.From, req.To = span.Period, nil, nil
	}
	line.Period, line.Filters = req.Period, req.Filters()
	list, err := seated(s, r, func() (*api.CaseList, error) { return s.opt.Cases.List(r.Context(), req, who.Scope) })
	if err != nil {
		return nil, "", err
	}
	if len(list.Rows) > req.Limit { // whatever the book thinks of limits
		list.Rows, list.More = list.Rows[:req.Limit], true
	}
	line.Rows, line.Publication = len(list.Rows), list.Publication
	return list, media, nil
}

// explain is the question why a case was grouped as it was.
func (s *Server) explain(w nethttp.ResponseWriter, r *nethttp.Request, who access.Identity, line *audit.Entry) (api.Written, string, error) {
	media, err := wanted(r.Header.Get("Accept"))
	if err == nil {
		err = s.mayLook(who)
	}
	var req api.CaseRequest
	if err == nil {
		err = s.read(w, r, &req)
	}
	if err == nil {
		err = req.Check()
	}
	if err != nil {
		return nil, "", err
	}
	line.Case = s.book.Mark(req.StayID)
	found, err := seated(s, r, func() (*api.CaseExplanation, error) { return s.opt.Cases.Explain(r.Context(), req, who.Scope) })
	if err != nil {
		return nil, "", err
	}
	line.Rows, line.Publication = 1, found.Publication
	return found, media, nil
}
