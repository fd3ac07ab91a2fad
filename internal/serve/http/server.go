// Package http is the door for Grafana, curl and notebooks: it knows who asks (a bearer token), lets indicator
// questions, the catalogue and, for those who have the right, single cases through and nothing else, writes every
// question into the audit book, and answers in JSON, CSV or Arrow. It takes no SQL, knows no table and computes no figure: that is the Asker's business.
package http

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	nethttp "net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/access"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	"github.com/sanyi-lake/sanyi/queries"
)

// Asker answers questions. It must confine every answer to the Scope it is given.
type Asker interface {
	Zone() *time.Location
	Publication(ctx context.Context) (api.Publication, error)
	Catalog(ctx context.Context) (*api.Catalog, error)
	Ask(ctx context.Context, req *api.Request, scope queries.Scope) (*api.Answer, error)
}

// Gatekeeper knows who holds a token.
type Gatekeeper interface {
	Identify(token string) (who access.Identity, ok bool, err error)
}

// Book takes down every question.
type Book interface {
	Append(e audit.Entry) error
	Mark(value string) string // stands for a value that must not be in the book
}

var (
	_ Gatekeeper = (*access.Tokens)(nil)
	_ Book       = (*audit.Log)(nil)
)

// Options of the door; the zero value works.
type Options struct {
	Logger     *slog.Logger
	MinCell    int           // default 10: figures from fewer rows are suppressed but for who may see them, and benchmarks guard as many of others; -1 = none
	Deadline   time.Duration // default 60 s a question
	MaxBody    int64         // default 1 MiB
	MaxRows    int           // default 100,000 rows an answer
	Concurrent int           // default 8 questions at once; more wait, and are sent away after their deadline
	Cases      CaseBook      // nil: this door shows no cases
}

// Server is the door; it is a http.Handler.
type Server struct {
	asker Asker
	gate  Gatekeeper
	book  Book
	opt   Options
	seats chan struct{}
	mux   *nethttp.ServeMux
}

// New makes the door in front of an Asker.
func New(asker Asker, gate Gatekeeper, book Book, opt Options) *Server {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.MinCell == 0 {
		opt.MinCell = 10
	}
	opt.MinCell = max(opt.MinCell, 0)
	if opt.Deadline <= 0 {
		opt.Deadline = 60 * time.Second
	}
	if opt.MaxBody <= 0 {
		opt.MaxBody = 1 << 20
	}
	if opt.MaxRows <= 0 {
		opt.MaxRows = 100_000
	}
	if opt.Concurrent <= 0 {
		opt.Concurrent = 8
	}
	s := &Server{asker: asker, gate: gate, book: book, opt: opt, seats: make(chan struct{}, opt.Concurrent), mux: nethttp.NewServeMux()}
	s.mux.HandleFunc("GET "+api.PathHealth, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		s.writeJSON(w, nethttp.StatusOK, api.Health{Status: "ok", Wire: api.WireVersion})
	})
	s.mux.HandleFunc("GET "+api.PathPublication, s.known(s.publication))
	s.mux.HandleFunc("GET "+api.PathCatalog, s.known(s.catalog))
	s.mux.HandleFunc("POST "+api.PathQuery, s.known(s.booked("query", s.query)))
	s.mux.HandleFunc("POST "+api.PathCases, s.known(s.booked("cases", s.cases)))
	s.mux.HandleFunc("POST "+api.PathCase, s.known(s.booked("case", s.explain)))
	return s
}

// ServeHTTP answers one request; a panic of one question is that question's 500 and nobody else's.
func (s *Server) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, nethttp.ErrAbortHandler) {
				panic(p)
			}
			s.opt.Logger.ErrorContext(r.Context(), "question panicked", "path", r.URL.Path, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			s.writeError(w, fault.New(fault.Internal, "panic"))
		}
	}()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.mux.ServeHTTP(w, r)
}

// known lets only holders of a token through.
func (s *Server) known(next func(nethttp.ResponseWriter, *nethttp.Request, access.Identity)) nethttp.HandlerFunc {
	return func(w nethttp.ResponseWriter, r *nethttp.Request) {
		kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		var who access.Identity
		ok := false
		if strings.EqualFold(kind, "Bearer") && token != "" {
			var err error
			if who, ok, err = s.gate.Identify(token); err != nil {
				s.writeError(w, fault.New(fault.Unavailable, "tokens cannot be read: ask the operator of the lake"))
				s.opt.Logger.ErrorContext(r.Context(), "tokens cannot be read", "error", err)
				return
			}
		}
		if !ok {
			s.opt.Logger.WarnContext(r.Context(), "caller without a valid token", "from", r.RemoteAddr, "path", r.URL.Path)
			w.Header().Set("WWW-Authenticate", `Bearer realm="sanyi"`)
			s.writeJSON(w, nethttp.StatusUnauthorized, api.Error{Kind: api.Unauthenticated, Message: "a valid token is needed: Authorization: Bearer …"})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.opt.Deadline)
		defer cancel()
		next(w, r.WithContext(ctx), who)
	}
}

func (s *Server) publication(w nethttp.ResponseWriter, r *nethttp.Request, _ access.Identity) {
	p, err := s.asker.Publication(r.Context())
	if err != nil {
		s.writeError(w, err)
		return
	}
	s.writeJSON(w, nethttp.StatusOK, p)
}

func (s *Server) catalog(w nethttp.ResponseWriter, r *nethttp.Request, who access.Identity) {
	c, err := s.asker.Catalog(r.Context())
	if err != nil {
		s.writeError(w, err)
		return
	}
	mine := *c
	mine.Wire, mine.TimeZone, mine.MinCell, mine.Identity, mine.Scope = api.WireVersion, s.asker.Zone().String(), s.opt.MinCell, who.Name, who.Words
	mine.Cases = who.Cases && s.opt.Cases != nil
	if who.SmallCells {
		mine.MinCell = 0
	}
	s.writeJSON(w, nethttp.StatusOK, mine)
}

// question is a kind of question: it reads and checks it, asks it, and tells the audit line what it learns.
type question func(w nethttp.ResponseWriter, r *nethttp.Request, who access.Identity, line *audit.Entry) (api.Written, string, error)

// booked puts a question to its answerer and lets no answer leave that is not in the book.
func (s *Server) booked(what string, ask question) func(nethttp.ResponseWriter, *nethttp.Request, access.Identity) {
	return func(w nethttp.ResponseWriter, r *nethttp.Request, who access.Identity) {
		began := time.Now()
		line := audit.Entry{At: began, Who: who.Name, Behind: behind(r), Scope: who.Words, Door: "http", From: r.RemoteAddr, What: what}
		answer, media, err := s.guarded(w, r, who, &line, ask)
		var body bytes.Buffer
		if err == nil {
			err = encode(&body, answer, media, s.asker.Zone())
		}
		line.ElapsedMS, line.Decision = time.Since(began).Milliseconds(), audit.Answered
		if err != nil {
			line.Kind, line.Decision = api.KindName(kindOf(err)), audit.Refused
			if k := kindOf(err); k == fault.Internal || k == fault.Unavailable {
				line.Decision = audit.Failed
			}
		}
		if bookErr := s.book.Append(line); bookErr != nil {
			s.opt.Logger.ErrorContext(r.Context(), "audit book cannot be written", "error", bookErr)
			s.writeError(w, fault.New(fault.Unavailable, "the audit book cannot be written, so nothing is answered: ask the operator of the lake"))
			return
		}
		if err != nil {
			s.writeError(w, err)
			return
		}
		s.opt.Logger.InfoContext(r.Context(), "question answered", "who", who.Name, "what", what, "indicators", line.Indicators, "rows", line.Rows, "publication", line.Publication, "elapsed_ms", line.ElapsedMS)
		w.Header().Set("Content-Type", media)
		w.Header().Set("X-Sanyi-Publication", strconv.FormatInt(line.Publication, 10))
		w.WriteHeader(nethttp.StatusOK)
		if _, err := w.Write(body.Bytes()); err != nil {
			s.opt.Logger.WarnContext(r.Context(), "caller went away", "who", who.Name, "error", err)
		}
	}
}

// guarded turns a panic of the question into its error, so that it stands in the audit book like any other.
func (s *Server) guarded(w nethttp.ResponseWriter, r *nethttp.Request, who access.Identity, line *audit.Entry, ask question) (answer api.Written, media string, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.opt.Logger.ErrorContext(r.Context(), "question panicked", "path", r.URL.Path, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "panic")
		}
	}()
	return ask(w, r, who, line)
}

// masked keeps paths of the lake from the caller: an engine that cannot read its files names them.
func (s *Server) masked(r *nethttp.Request, err error) error {
	if kindOf(err) != fault.Unavailable || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	s.opt.Logger.ErrorContext(r.Context(), "lake unavailable", "error", err)
	return fault.New(fault.Unavailable, "the lake cannot be read now; try again later, the service's log tells why")
}

// behind is who the caller says looks at the answer; only plain characters of it, and not many.
func behind(r *nethttp.Request) string {
	claim := r.Header.Get(api.CallerHeader)
	if len(claim) > 200 || strings.ContainsFunc(claim, func(c rune) bool { return c < '!' || c > '~' }) {
		return "?"
	}
	return claim
}

// query is a question after indicators.
func (s *Server) query(w nethttp.ResponseWriter, r *nethttp.Request, who access.Identity, line *audit.Entry) (api.Written, string, error) {
	media, err := wanted(r.Header.Get("Accept"))
	if err != nil {
		return nil, "", err
	}
	req := &api.Request{}
	if err := s.read(w, r, req); err != nil {
		return nil, "", err
	}
	if err := req.Check(); err != nil {
		return nil, "", err
	}
	line.Indicators, line.By, line.Period = req.Indicators, req.By, req.Period
	for dim := range req.Where {
		line.Filters = append(line.Filters, dim)
	}
	for name := range req.Choose {
		line.Filters = append(line.Filters, name)
	}
	slices.Sort(line.Filters)
	keep := func(time.Time) bool { return true }
	if req.From != nil {
		if keep, err = overlapping(req, s.asker.Zone()); err != nil {
			return nil, "", err
		}
		line.Period = req.Period
	}
	req.Guard = s.opt.MinCell
	if line.SmallCells = who.SmallCells; !who.SmallCells {
		req.MinCell = max(req.MinCell, s.opt.MinCell)
	}
	limit := s.opt.MaxRows
	if req.Limit > 0 {
		limit = min(limit, req.Limit)
	}
	req.Limit = limit
	answer, err := seated(s, r, func() (*api.Answer, error) { return s.asker.Ask(r.Context(), req, who.Scope) })
	if err != nil {
		return nil, "", err
	}
	answer.Rows = slices.DeleteFunc(answer.Rows, func(row api.Row) bool { return !row.Start.IsZero() && !keep(row.Start) })
	if len(answer.Rows) > limit {
		return nil, "", fault.New(fault.TooLarge, "the answer has %d rows, %d are allowed: ask for a shorter period, a coarser grain or fewer groups", len(answer.Rows), limit)
	}
	line.Rows, line.Publication = len(answer.Rows), answer.Publication
	for i := range answer.Rows {
		if row := &answer.Rows[i]; row.Suppressed { // whatever the asker left in it
			line.Suppressed++
			row.Value, row.Numerator, row.Denominator, row.Compared, row.At = nil, nil, nil, nil, ""
		}
	}
	return answer, media, nil
}

// seated asks as soon as a seat is free.
func seated[T any](s *Server, r *nethttp.Request, ask func() (T, error)) (answer T, err error) {
	select {
	case s.seats <- struct{}{}:
		defer func() { <-s.seats }()
	case <-r.Context().Done():
		return answer, fault.New(fault.Unavailable, "too many questions at once: try again later")
	}
	if answer, err = ask(); err != nil {
		if errors.Is(r.Context().Err(), context.DeadlineExceeded) {
			return answer, fault.New(fault.TooLarge, "the question took longer than %s: ask for a shorter period or fewer groups", s.opt.Deadline)
		}
		return answer, s.masked(r, err)
	}
	return answer, nil
}

// read decodes the one JSON object of a question.
func (s *Server) read(w nethttp.ResponseWriter, r *nethttp.Request, into any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != api.JSON {
		return fault.New(fault.Usage, "request: send Content-Type: %s", api.JSON)
	}
	d := json.NewDecoder(nethttp.MaxBytesReader(w, r.Body, s.opt.MaxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if _, ok := errors.AsType[*nethttp.MaxBytesError](err); ok {
			return fault.New(fault.TooLarge, "request: more than %d bytes", s.opt.MaxBody)
		}
		return fault.New(fault.Usage, "request: not the JSON of a question: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Usage, "request: something follows the question")
	}
	return nil
}

// wanted picks the media type of the answer; without a wish it is JSON.
func wanted(accept string) (string, error) {
	if strings.TrimSpace(accept) == "" {
		return api.JSON, nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, _, err := mime.ParseMediaType(part)
		switch {
		case err != nil:
		case media == api.Arrow, media == api.CSV, media == api.JSON:
			return media, nil
		case media == "*/*", media == "application/*":
			return api.JSON, nil
		}
	}
	return "", fault.New(fault.Usage, "accept: ask for %s, %s or %s", api.JSON, api.CSV, api.Arrow)
}

func encode(w io.Writer, a api.Written, media string, zone *time.Location) error {
	switch media {
	case api.Arrow:
		return a.WriteArrow(w, zone)
	case api.CSV:
		return a.WriteCSV(w)
	default:
		return json.NewEncoder(w).Encode(a)
	}
}

func kindOf(err error) fault.Kind {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fault.Unavailable
	}
	return fault.KindOf(err)
}

func (s *Server) writeError(w nethttp.ResponseWriter, err error) {
	kind := kindOf(err)
	message := err.Error()
	if kind == fault.Internal { // may hold paths or SQL: the log has it, the caller gets its number
		id := make([]byte, 4)
		_, _ = rand.Read(id)
		message = "internal error " + hex.EncodeToString(id) + ": the service's log tells more"
		s.opt.Logger.Error("question failed", "id", hex.EncodeToString(id), "error", err)
	}
	s.writeJSON(w, api.Status(kind), api.Error{Kind: api.KindName(kind), Message: message})
}

func (s *Server) writeJSON(w nethttp.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.opt.Logger.Error("answer cannot be written as JSON", "error", err)
		status, text = nethttp.StatusInternalServerError, []byte(`{"kind":"internal","message":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", api.JSON)
	w.WriteHeader(status)
	if _, err := w.Write(append(text, '\n')); err != nil {
		s.opt.Logger.Warn("caller went away", "error", err)
	}
}
