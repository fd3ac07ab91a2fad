// Package servetest is a small region behind the real door, for tests of whoever asks it: two Tuesdays of one hospital,
// hour by hour, the figures of the worked case E01. It counts them in plain Go, as a second opinion on the compiler's
// SQL, and knows three indicators and a few inpatient cases; everything else is not found.
package servetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/access"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	servehttp "github.com/sanyi-lake/sanyi/internal/serve/http"
	"github.com/sanyi-lake/sanyi/queries"
)

// visits is the number of visits by day and hour.
var visits = map[string][24]int{
	"2021-06-01": {27, 17, 11, 10, 12, 38, 143, 487, 1017, 739, 522, 298, 117, 324, 352, 223, 107},
	"2021-06-08": {22, 14, 9, 8, 10, 31, 118, 402, 840, 612, 431, 246, 97, 268, 291, 184, 88},
}

// departments share an hour's visits: the first takes what the others leave. The smallest has fewer than ten a day.
var departments = []struct {
	code, name string
	share      func(visits int) int
}{
	{"0300", "内科", nil},
	{"0400", "外科", func(v int) int { return v * 3 / 10 }},
	{"0500", "妇产科", func(v int) int { return v / 5 }},
	{"0900", "儿科", func(v int) int { return v / 300 }},
}

// WriteRows writes the region's visits as NDJSON of fact_outp_visit: what a real lake must be loaded with to give the
// same figures.
func WriteRows(w io.Writer) error {
	out := bufio.NewWriter(w)
	n := 0
	for _, day := range slices.Sorted(maps.Keys(visits)) {
		for hour, count := range visits[day] {
			for _, d := range departments {
				for range part(count, d.code) {
					n++
					fmt.Fprintf(out, `{"visit_id":"V%d","org_code":"H0001","dept_code":"%s","person_key":"p%d","visit_date":"%s","reg_time":"%s %02d:00:00","visit_type":"GEN","is_emergency":false,"status":"DONE","total_fee":0}`+"\n",
						n, d.code, n, day, day, hour)
				}
			}
		}
	}
	return out.Flush()
}

// WriteDepartments writes the region's departments as NDJSON of dim_dept.
func WriteDepartments(w io.Writer) error {
	for _, d := range departments {
		if _, err := fmt.Fprintf(w, `{"org_code":"H0001","dept_code":"%s","dept_name":"%s","std_dept_code":"%s","is_clinical":true,"is_icu":false,"valid_from":"2020-01-01"}`+"\n", d.code, d.name, d.code); err != nil {
			return err
		}
	}
	return nil
}

// Region is an Asker.
type Region struct{}

var _ servehttp.Asker = Region{}

// Start runs the region behind the real door with a token for the whole of it, its cases included, until the test ends.
func Start(t *testing.T) (server *servehttp.Server, token string) {
	t.Helper()
	dir := t.TempDir()
	server, token, err := Door(dir)
	if err != nil {
		t.Fatal(err)
	}
	return server, token
}

// Door puts the region behind the real door; tokens and audit book are kept in the folder.
func Door(dir string) (server *servehttp.Server, token string, err error) {
	path := filepath.Join(dir, access.FileName)
	if token, err = access.Add(path, "test", "whole", time.Now(), time.Time{}, access.Cases); err != nil {
		return nil, "", err
	}
	gate, err := access.Open(path)
	if err != nil {
		return nil, "", err
	}
	book, err := audit.Open(filepath.Join(dir, "audit"))
	if err != nil {
		return nil, "", err
	}
	cases, err := NewCases()
	if err != nil {
		return nil, "", err
	}
	return servehttp.New(Region{}, gate, book, servehttp.Options{Cases: cases}), token, nil
}

var zone = func() *time.Location {
	z, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return time.FixedZone("Asia/Shanghai", 8*3600)
	}
	return z
}()

// Zone is the region's.
func (Region) Zone() *time.Location { return zone }

// Publication never changes.
func (Region) Publication(context.Context) (api.Publication, error) {
	return api.Publication{ID: 42, PublishedAt: time.Date(2021, 6, 8, 17, 0, 0, 0, zone)}, nil
}

// Catalog is the three indicators of E01.
func (r Region) Catalog(ctx context.Context) (*api.Catalog, error) {
	publication, err := r.Publication(ctx)
	dims := []api.Named{{ID: "org_code", Title: api.Text{ZH: "机构", EN: "Organisation"}}, {ID: "dept", Title: api.Text{ZH: "科室", EN: "Department"}}}
	compare := []api.Named{{ID: "wow", Title: api.Text{ZH: "较上周同日", EN: "same weekday last week"}}, {ID: "dod", Title: api.Text{ZH: "日环比", EN: "day before"}}}
	list := []api.Indicator{
		{
			ID: "H001", Title: api.Text{ZH: "门急诊人次", EN: "Outpatient and emergency visits"}, Unit: "人次", Grains: []string{"hour", "day", "total"},
			Meaning: api.Text{ZH: "统计期内门急诊人次。只计完成接诊;退号与仅挂号不计", EN: "Completed visits; cancelled ones and mere registrations do not count."},
		},
		{ID: "H004", Title: api.Text{ZH: "每小时平均门急诊人次", EN: "Mean visits per elapsed hour"}, Unit: "人次/小时", Grains: []string{"day", "total"}},
		{ID: "H005", Title: api.Text{ZH: "门急诊高峰小时人次", EN: "Peak-hour visits"}, Unit: "人次", Grains: []string{"day", "total"}},
	}
	for i := range list {
		list[i].Group, list[i].Direction, list[i].Viewpoint, list[i].Dimensions, list[i].Comparisons = "医疗", "monitor", "care", dims, compare
	}
	return &api.Catalog{Publication: publication, Indicators: list}, err
}

// Ask counts.
func (r Region) Ask(_ context.Context, req *api.Request, _ queries.Scope) (*api.Answer, error) {
	first, last, err := days(req.Period)
	if err != nil {
		return nil, err
	}
	now := time.Now().In(zone)
	if req.Now != "" {
		if now, err = time.ParseInLocation(time.DateTime, req.Now, zone); err != nil {
			return nil, fault.New(fault.Usage, "now: %v", err)
		}
	}
	answer := &api.Answer{Publication: 42, By: req.By, Compare: req.Compare}
	if req.Names {
		answer.Names = map[string]map[string]string{"dept": {}}
		for _, d := range departments {
			answer.Names["dept"][d.code] = d.name
		}
	}
	for _, id := range req.Indicators {
		if !slices.Contains([]string{"H001", "H004", "H005"}, id) {
			return nil, fault.New(fault.NotFound, "indicator %s: no such indicator; see `sanyi catalog indicators`", id)
		}
		for _, period := range cut(first, last, req.Grain) {
			for _, group := range groups(req) {
				answer.Rows = append(answer.Rows, row(id, period, group, now, req))
			}
		}
	}
	return answer, nil
}

type span struct {
	name     string
	from, to time.Time
}

func days(period string) (first, last time.Time, err error) {
	a, b := period, period
	if len(period) == 22 {
		a, b = period[:10], period[12:]
	}
	if first, err = time.ParseInLocation(time.DateOnly, a, zone); err == nil {
		last, err = time.ParseInLocation(time.DateOnly, b, zone)
	}
	if err != nil {
		return first, last, fault.New(fault.Usage, "period: this region knows days only")
	}
	return first, last, nil
}

func cut(first, last time.Time, grain string) []span {
	end := last.AddDate(0, 0, 1)
	if grain == "total" {
		return []span{{first.Format(time.DateOnly) + ".." + last.Format(time.DateOnly), first, end}}
	}
	var out []span
	for day := first; day.Before(end); day = day.AddDate(0, 0, 1) {
		if grain != "hour" {
			out = append(out, span{day.Format(time.DateOnly), day, day.AddDate(0, 0, 1)})
			continue
		}
		for hour := range 24 {
			from := day.Add(time.Duration(hour) * time.Hour)
			out = append(out, span{from.Format("2006-01-02 15"), from, from.Add(time.Hour)})
		}
	}
	return out
}

type group struct {
	dims  map[string]*string
	total []string
	only  string // department; "" = all
}

func groups(req *api.Request) []group {
	org := "H0001"
	dims := func(dept *string) map[string]*string {
		out := map[string]*string{}
		for _, by := range req.By {
			out[by] = &org
			if by == "dept" {
				out[by] = dept
			}
		}
		return out
	}
	only := ""
	if v := req.Where["dept"]; len(v) == 1 {
		only = v[0]
	}
	if !slices.Contains(req.By, "dept") {
		return []group{{dims: dims(nil), only: only}}
	}
	var out []group
	for _, d := range departments {
		if only == "" || only == d.code {
			out = append(out, group{dims: dims(&d.code), only: d.code})
		}
	}
	if req.Totals {
		out = append(out, group{dims: map[string]*string{}, total: slices.Sorted(maps.Keys(dims(nil))), only: only})
	}
	return out
}

func row(id string, p span, g group, now time.Time, req *api.Request) api.Row {
	out := api.Row{Indicator: id, Period: p.name, Start: p.from, Dims: g.dims, Total: g.total, Unit: "人次", Partial: now.Before(p.to), Compared: map[string]api.Compared{}}
	value := func(p span, now time.Time) (value, numerator, denominator *float64, at string) {
		count, peak, delivered := 0, -1, false
		for day := p.from; day.Before(p.to); day = day.Add(time.Hour) {
			hours, ok := visits[day.Format(time.DateOnly)]
			if !ok || !day.Before(now) {
				continue
			}
			n := part(hours[day.Hour()], g.only)
			delivered, count = true, count+n
			if n > max(peak, 0) {
				peak, at = n, day.Format("15:04")
			}
		}
		if !delivered {
			return nil, nil, nil, ""
		}
		n := float64(count)
		switch id {
		case "H004":
			elapsed := min(p.to.Sub(p.from), now.Sub(p.from)).Hours()
			v := n / elapsed
			return &v, &n, &elapsed, ""
		case "H005":
			v := float64(max(peak, 0))
			return &v, &v, nil, at
		}
		return &n, &n, nil, ""
	}
	if id == "H004" {
		out.Unit = "人次/小时"
	}
	full := 1.0
	out.Completeness = &full
	out.Value, out.Numerator, out.Denominator, out.At = value(p, now)
	if out.Value == nil {
		none := 0.0
		out.Completeness = &none
	}
	for _, c := range req.Compare {
		back := map[string]int{"wow": -7, "dod": -1}[c]
		base, _, _, _ := value(span{from: p.from.AddDate(0, 0, back), to: p.to.AddDate(0, 0, back)}, now)
		change := api.Compared{Base: base}
		if base != nil && *base != 0 && out.Value != nil {
			percent := (*out.Value - *base) / *base * 100
			change.Change = &percent
		}
		out.Compared[c] = change
	}
	if id != "H004" && out.Value != nil && *out.Value > 0 && *out.Value < float64(req.MinCell) {
		out.Value, out.Numerator, out.Suppressed, out.Compared = nil, nil, true, map[string]api.Compared{}
	}
	return out
}

// part is a department's part of an hour's visits; "" stands for all departments, and the first takes the rest.
func part(n int, department string) int {
	if department == "" {
		return n
	}
	rest := n
	for _, d := range departments[1:] {
		if department == d.code {
			return d.share(n)
		}
		rest -= d.share(n)
	}
	return rest
}
