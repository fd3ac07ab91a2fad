package stream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
)

// Scheme is a compiled package: one of its two is set.
type Scheme struct {
	Manifest schemes.Manifest
	ID       string
	DRG      *drg.Grouper
	DIP      *dip.Catalogue
}

// Options of a stream.
type Options struct {
	CSVIn, CSVOut bool
	Guess         bool // CSVIn is to be seen from the first line
	Trace         bool
	Workers       int // default: as many as there are processors
}

// Counts is what became of the cases.
type Counts struct{ Cases, Grouped, Ungrouped, Bad int64 }

// chunkLines is how many cases travel together.
const chunkLines = 256

// Group reads cases, groups each by the scheme that is valid on its day of discharge (by the only one where one was
// given), and writes results in the order of the cases.
func Group(ctx context.Context, in io.Reader, out io.Writer, using []Scheme, opt Options) (Counts, error) {
	if len(using) == 0 {
		return Counts{}, fault.New(fault.Usage, "no scheme to group by")
	}
	for _, s := range using[1:] {
		if (s.DIP != nil) != (using[0].DIP != nil) {
			return Counts{}, fault.New(fault.Usage, "schemes %s and %s: DRG and DIP cannot answer in one stream", using[0].ID, s.ID)
		}
	}
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	next, err := source(in, opt)
	if err != nil {
		return Counts{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs, order := make(chan *chunk), make(chan *chunk, 4*opt.Workers)
	var readErr error
	go func() {
		defer close(jobs)
		defer close(order)
		for {
			c := &chunk{done: make(chan struct{})}
			more, err := next(c)
			if len(c.lines) > 0 || len(c.rows) > 0 {
				select {
				case order <- c:
				case <-ctx.Done():
					return
				}
				select {
				case jobs <- c:
				case <-ctx.Done():
					return
				}
			}
			if err != nil || !more {
				readErr = err
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range opt.Workers {
		workers.Go(func() {
			w := newWorker(using, opt)
			for c := range jobs {
				w.chunk(c)
				close(c.done)
			}
		})
	}
	counts, err := write(out, order, using[0].DIP != nil, opt)
	cancel()
	workers.Wait()
	return counts, errors.Join(err, readErr)
}

func write(out io.Writer, order <-chan *chunk, isDIP bool, opt Options) (Counts, error) {
	var n Counts
	w := bufio.NewWriterSize(out, 1<<16)
	if opt.CSVOut {
		header := "id,mdc,adrg,drg,severity,status,reason,message,flags,scheme,trace\n"
		if isDIP {
			header = "id,dip,kind,score,status,reason,message,factor,scheme,trace\n"
		}
		if _, err := w.WriteString(header); err != nil {
			return n, err
		}
	}
	for c := range order {
		<-c.done
		n.Cases += c.counts.Cases
		n.Grouped += c.counts.Grouped
		n.Ungrouped += c.counts.Ungrouped
		n.Bad += c.counts.Bad
		if _, err := w.Write(c.out.Bytes()); err != nil {
			return n, err
		}
		if len(order) == 0 {
			if err := w.Flush(); err != nil {
				return n, err
			}
		}
	}
	return n, w.Flush()
}

type chunk struct {
	lines  [][]byte
	rows   [][]string
	header map[string]int
	bad    map[int]string // rows that could not be read
	out    bytes.Buffer
	counts Counts
	done   chan struct{}
}

// maxLine bounds one case.
const maxLine = 16 << 20

// source returns a function that fills chunks.
func source(in io.Reader, opt Options) (func(*chunk) (more bool, err error), error) {
	r := bufio.NewReaderSize(in, 1<<16)
	if bom, err := r.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
		_, _ = r.Discard(3)
	}
	if opt.CSVIn {
		first, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return csvSource(r, first)
	}
	var first []byte
	if next, err := r.Peek(1); opt.Guess && err == nil && next[0] != '{' {
		if first, err = readLine(r); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if _, isHeader := headerOf(first)["dx"]; isHeader {
			return csvSource(r, first)
		}
	}
	return func(c *chunk) (bool, error) {
		if trimmed := bytes.TrimSpace(first); len(trimmed) > 0 {
			c.lines = append(c.lines, trimmed)
		}
		first = nil
		for len(c.lines) < chunkLines {
			line, err := readLine(r)
			if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
				c.lines = append(c.lines, trimmed)
			}
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			if r.Buffered() == 0 { // what has come is answered before waiting for more
				break
			}
		}
		return true, nil
	}, nil
}

// readLine reads one line; of a line longer than maxLine only the beginning is kept, which is then no case.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line) < maxLine {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// csvSource reads one case a line. A line is taken for itself, so that a quote that is not closed spoils its own case
// and not all that follow.
func csvSource(r *bufio.Reader, first []byte) (func(*chunk) (bool, error), error) {
	header := headerOf(first)
	if len(bytes.TrimSpace(first)) == 0 {
		return func(*chunk) (bool, error) { return false, nil }, nil
	}
	if _, ok := header["dx"]; !ok {
		return nil, fault.New(fault.Invalid, "cases: line 1: no column dx (found %s): diagnoses stand in one cell, joined by |", bytes.TrimSpace(first[:min(len(first), 200)]))
	}
	cells, _ := csvCells(first)
	return func(c *chunk) (bool, error) {
		c.header, c.bad = header, map[int]string{}
		for len(c.rows) < chunkLines {
			line, err := readLine(r)
			if len(bytes.Trim(line, ", \t\r\n")) > 0 {
				row, bad := csvCells(line)
				switch {
				case bad != nil:
					c.bad[len(c.rows)] = bad.Error()
				case len(row) != len(cells):
					c.bad[len(c.rows)] = "the row has another number of cells than the header"
				}
				c.rows = append(c.rows, row)
			}
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			if r.Buffered() == 0 {
				break
			}
		}
		return true, nil
	}, nil
}

// headerOf is where each column of a header stands; a line that is none has none.
func headerOf(line []byte) map[string]int {
	cells, err := csvCells(line)
	if err != nil {
		return nil
	}
	header := make(map[string]int, len(cells))
	for i, name := range cells {
		header[strings.ToLower(strings.TrimSpace(name))] = i
	}
	return header
}

// csvCells splits one line. Where its quotes are wrong, it splits at the commas as well as it goes, for the id's sake.
func csvCells(line []byte) ([]string, error) {
	text := strings.TrimRight(string(line), "\r\n")
	plain := strings.Split(text, ",")
	if !strings.Contains(text, `"`) {
		return plain, nil
	}
	cells, err := csv.NewReader(strings.NewReader(text)).Read()
	if pe, ok := errors.AsType[*csv.ParseError](err); ok {
		return plain, pe.Err
	}
	return cells, err
}

// worker groups chunks.
type worker struct {
	using []Scheme
	drg   []*drg.Worker
	opt   Options
	rec   Record
	c     drg.Case
	d     dip.Case
	enc   *json.Encoder
}

func newWorker(using []Scheme, opt Options) *worker {
	w := &worker{using: using, opt: opt}
	for _, s := range using {
		if s.DRG != nil {
			w.drg = append(w.drg, s.DRG.Worker())
		}
	}
	return w
}

func (w *worker) chunk(c *chunk) {
	w.enc = json.NewEncoder(&c.out)
	w.enc.SetEscapeHTML(false)
	for _, line := range c.lines {
		if err := w.rec.decode(line); err != nil {
			w.bad(c, idOf(line), err.Error(), BadCase)
			continue
		}
		w.record(c)
	}
	for i, row := range c.rows {
		if text, isBad := c.bad[i]; isBad {
			w.bad(c, csvID(c, row), text, BadCase)
			continue
		}
		if err := w.rec.row(c.header, row); err != nil {
			w.bad(c, csvID(c, row), err.Error(), BadCase)
			continue
		}
		w.record(c)
	}
}

func csvID(c *chunk, row []string) json.RawMessage {
	at, ok := c.header["id"]
	if !ok || at >= len(row) {
		return json.RawMessage("null")
	}
	id, _ := json.Marshal(row[at]) //nolint:errchkjson // a string
	return id
}

// row reads one row of CSV: lists stand in one cell, joined by |.
func (r *Record) row(header map[string]int, row []string) error {
	*r = Record{fee: -1}
	cell := func(name string) string {
		if at, ok := header[name]; ok {
			return strings.TrimSpace(row[at])
		}
		return ""
	}
	r.ID, _ = json.Marshal(cell("id")) //nolint:errchkjson // a string
	for _, n := range []struct {
		name string
		to   *number
	}{
		{"sex", &r.Sex},
		{"age_years", &r.AgeYears},
		{"age_days", &r.AgeDays},
		{"birth_weight_g", &r.BirthWeight},
		{"admission_weight_g", &r.AdmWeight},
		{"los_days", &r.LOS},
		{"icu_hours", &r.ICUHours},
		{"discharge_way", &r.Discharge},
	} {
		_ = n.to.UnmarshalJSON([]byte(cell(n.name))) // finish tells what is no number
	}
	for _, b := range []struct {
		name string
		to   *truth
	}{{"new_tech", &r.NewTech}, {"day_surgery", &r.DaySurgery}, {"readmitted", &r.Readmitted}, {"low_indication", &r.LowIndication}} {
		_ = b.to.UnmarshalJSON([]byte(cell(b.name)))
	}
	r.Dept.v, r.DischargeDate.v, r.DeathRisk.v, r.RecordQuality.v = cell("dept"), cell("discharge_date"), cell("death_risk"), cell("record_quality")
	r.Dx.list, r.Ops.list, r.POA.list = split(cell("dx")), split(cell("ops")), split(cell("poa"))
	r.TotalFee = json.RawMessage(cell("total_fee"))
	return r.finish()
}

// choose finds the scheme of a case: the only one, or the first that is valid on the day of discharge.
func (w *worker) choose() int {
	if len(w.using) == 1 {
		return 0
	}
	day := dayOf(w.rec.DischargeDate.v)
	for i := range w.using {
		m := &w.using[i].Manifest
		if (day != "" && m.ValidOn(day)) || (m.EffectiveFrom == "" && m.EffectiveTo == "") {
			return i
		}
	}
	return -1
}

// dayOf reads the day of a date or time as extracts write it (2026-03-01 08:30, 2026/3/1, 20260301083000), "" where
// there is none.
func dayOf(text string) string {
	text = strings.TrimSpace(text)
	if at := strings.IndexAny(text, " T"); at >= 0 {
		text = text[:at]
	}
	if len(text) == len("20060102150405") && !strings.ContainsAny(text, "-/") {
		text = text[:len("20060102")]
	}
	for _, layout := range [...]string{"2006-1-2", "20060102", "2006/1/2"} {
		if day, err := time.Parse(layout, text); err == nil {
			return day.Format(time.DateOnly)
		}
	}
	return ""
}

func (w *worker) record(c *chunk) {
	if len(w.rec.ID) == 0 {
		w.rec.ID = json.RawMessage("null")
	}
	at := w.choose()
	if at < 0 {
		w.bad(c, w.rec.ID, "none of the schemes given is valid on the day of discharge", NoScheme)
		return
	}
	s := &w.using[at]
	id := ""
	if len(w.using) > 1 {
		id = s.ID
	}
	if s.DIP != nil {
		w.byDIP(c, s, id)
		return
	}
	w.byDRG(c, at, id)
}

func (w *worker) byDRG(c *chunk, at int, scheme string) {
	w.rec.drgCase(&w.c)
	out := DRGResult{ID: w.rec.ID, Scheme: scheme}
	var r drg.Result
	if w.opt.Trace {
		r, out.Trace = w.drg[at].Explain(&w.c)
	} else {
		r = w.drg[at].Group(&w.c)
	}
	out.MDC, out.ADRG, out.DRG, out.Status, out.Flags = r.MDC, r.ADRG, r.DRG, r.Status.String(), r.Flags.Names()
	if r.Severity != drg.NoSeverity {
		text := r.Severity.String()
		out.Severity = &text
	}
	if r.Reason != drg.NoReason {
		text := r.Reason.String()
		out.Reason = &text
	}
	c.count(r.Status == drg.OK)
	w.emit(c, &out, nil)
}

func (w *worker) byDIP(c *chunk, s *Scheme, scheme string) {
	w.rec.dipCase(&w.d)
	out := DIPResult{ID: w.rec.ID, Scheme: scheme, Status: drg.OK.String()}
	var r dip.Result
	if w.opt.Trace {
		r, out.Trace = s.DIP.Explain(&w.d)
	} else {
		r = s.DIP.Group(&w.d)
	}
	out.DIP = r.Code
	if r.Group != nil {
		kind, score := r.Group.Kind.String(), json.Number(r.Group.Score.String())
		out.Kind, out.Score = &kind, &score
	} else {
		out.Status, out.Reason = dipUngrouped, &r.Reason
	}
	if r.Factor.Kind != "" {
		out.Factor = &r.Factor
	}
	c.count(r.Group != nil)
	w.emit(c, nil, &out)
}

// dipUngrouped is the status of a case outside a DIP catalogue.
const dipUngrouped = "UNGROUPED"

func (c *chunk) count(grouped bool) {
	c.counts.Cases++
	if grouped {
		c.counts.Grouped++
	} else {
		c.counts.Ungrouped++
	}
}

// bad answers a line that is no case.
func (w *worker) bad(c *chunk, id json.RawMessage, message, reason string) {
	c.counts.Cases++
	c.counts.Bad++
	if w.using[0].DIP != nil {
		w.emit(c, nil, &DIPResult{ID: id, DIP: dip.Ungrouped, Status: dipUngrouped, Reason: &reason, Message: message})
		return
	}
	w.emit(c, &DRGResult{ID: id, MDC: "0000", ADRG: "00", DRG: "0000", Status: drg.Ungrouped.String(), Reason: &reason, Message: message}, nil)
}

func (w *worker) emit(c *chunk, d *DRGResult, p *DIPResult) {
	if !w.opt.CSVOut {
		var err error
		if d != nil {
			err = w.enc.Encode(d)
		} else {
			err = w.enc.Encode(p)
		}
		if err != nil {
			c.out.WriteString(`{"id":null,"status":"0000","reason":"` + BadCase + `","message":"the id is no JSON value"}` + "\n")
		}
		return
	}
	cw := csv.NewWriter(&c.out)
	_ = cw.Write(cells(d, p)) // a buffer
	cw.Flush()
}

func cells(d *DRGResult, p *DIPResult) []string {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	asJSON := func(v any, empty bool) string {
		if empty {
			return ""
		}
		b, _ := json.Marshal(v) //nolint:errchkjson // our own types
		return string(b)
	}
	id := func(raw json.RawMessage) string {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
		return string(raw)
	}
	if d != nil {
		return []string{id(d.ID), d.MDC, d.ADRG, d.DRG, text(d.Severity), d.Status, text(d.Reason), d.Message, strings.Join(d.Flags, "|"), d.Scheme, asJSON(d.Trace, d.Trace == nil)}
	}
	score, factor := "", ""
	if p.Score != nil {
		score = p.Score.String()
	}
	if p.Factor != nil {
		factor = p.Factor.Value.String()
	}
	return []string{id(p.ID), p.DIP, text(p.Kind), score, p.Status, text(p.Reason), p.Message, factor, p.Scheme, asJSON(p.Trace, p.Trace == nil)}
}

// PastCases reads NDJSON cases of a past year for the derivation of a catalogue; do may stop the reading with an error.
func PastCases(in io.Reader, do func(line int, c dip.PastCase, err error) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	var rec Record
	for n := 1; ; n++ {
		line, err := readLine(r)
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
			var c dip.PastCase
			bad := rec.decode(trimmed)
			if bad == nil {
				c = dip.PastCase{Ops: append([]string(nil), rec.Ops.list...), Fee: rec.fee}
				if len(rec.Dx.list) > 0 {
					c.Dx = rec.Dx.list[0]
				}
				if rec.LOS.set {
					c.LOS = rec.LOS.v
				}
			}
			if err := do(n, c, bad); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
