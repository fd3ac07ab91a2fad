package dip

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Facts are what the auxiliary catalogue (辅助目录) looks at beyond diagnosis and operation.
type Facts struct {
	AgeYears, AgeDays, LOSDays float64 // NaN: unknown
	Died                       bool    // 离院方式 5
	Readmitted                 bool    // same diagnosis within 31 days
	LowIndication              bool    // admission was not needed
	DeathRisk                  string  // level, as the region's model gives it
	RecordQuality              string  // level
}

// Factor is the coefficient of the auxiliary catalogue that applies to a case: the highest of those that fit.
type Factor struct {
	Kind  string          `json:"kind"`
	Level string          `json:"level"`
	Value decimal.Decimal `json:"factor"`
}

// Kinds of auxiliary rows (aux.csv, column kind).
const (
	auxCCI           = "cci"            // level: points, 0, 1-2, >=5
	auxSeverity      = "severity"       // I-A I-B II III IV-A IV-B
	auxTumour        = "tumour"         // the same, and metastasis radiotherapy chemotherapy
	auxAge           = "age"            // level: 0-28d, 1-6, >=66
	auxReadmission   = "readmission"    // level: any text
	auxLowIndication = "low_indication" // level: any text
	auxOverstay      = "overstay"       // level: >1.5, length of stay over the group's mean
	auxDeathRisk     = "death_risk"
	auxRecord        = "record_quality"
)

type auxRow struct {
	kind, level string
	value       decimal.Decimal
	in          interval
}

type auxiliary struct {
	rows     map[string][]auxRow // by group code; "*" for all
	charlson []charlsonRow
	lists    map[string][]string // metastasis, radiotherapy, chemotherapy: beginnings of codes
	mcc, cc  map[string]string   // complication → exclusion table
	excl     map[string]string   // principal diagnosis → exclusion table
}

type charlsonRow struct {
	prefix, category string
	points           int
}

// interval is a level that is a range of numbers; days marks ages given in days.
type interval struct {
	lo, hi float64
	open   bool // > lo
	days   bool
}

func (i interval) has(v float64) bool { return v <= i.hi && (v > i.lo || (!i.open && v == i.lo)) }

func (c *Catalogue) auxiliary(s *schemes.Scheme) error {
	a := &c.aux
	a.rows, a.lists = map[string][]auxRow{}, map[string][]string{}
	t := s.Tables["aux.csv"]
	for i := range t.Len() {
		row := t.Row(i)
		r := auxRow{kind: cell(t, row, "kind"), level: cell(t, row, "level")}
		var err error
		if r.value, err = decimal.NewFromString(cell(t, row, "factor")); err != nil {
			return fault.New(fault.Invalid, "%s: factor is a number, found %q", t.Pos(i), cell(t, row, "factor"))
		}
		switch r.kind {
		case auxCCI, auxAge, auxOverstay:
			if r.in, err = parseInterval(r.level); err != nil {
				return fault.New(fault.Invalid, "%s: %w", t.Pos(i), err)
			}
		case auxSeverity, auxTumour, auxReadmission, auxLowIndication, auxDeathRisk, auxRecord:
		default:
			return fault.New(fault.Invalid, "%s: kind %q is none of cci severity tumour age readmission low_indication overstay death_risk record_quality", t.Pos(i), r.kind)
		}
		group := cell(t, row, "group")
		a.rows[group] = append(a.rows[group], r)
	}
	t = s.Tables["charlson.csv"]
	for i := range t.Len() {
		row := t.Row(i)
		points, err := strconv.Atoi(cell(t, row, "points"))
		if err != nil {
			return fault.New(fault.Invalid, "%s: points is a whole number, found %q", t.Pos(i), cell(t, row, "points"))
		}
		a.charlson = append(a.charlson, charlsonRow{cell(t, row, "dx_prefix"), cell(t, row, "category"), points})
	}
	t = s.Tables["aux_codes.csv"]
	for i := range t.Len() {
		row := t.Row(i)
		a.lists[cell(t, row, "list")] = append(a.lists[cell(t, row, "list")], cell(t, row, "code"))
	}
	a.mcc, a.cc, a.excl = pairs(s.Tables["mcc.csv"], "dx"), pairs(s.Tables["cc.csv"], "dx"), pairs(s.Tables["cce.csv"], "principal_dx")
	return nil
}

func pairs(t *schemes.Table, code string) map[string]string {
	m := make(map[string]string, t.Len())
	for i := range t.Len() {
		row := t.Row(i)
		m[cell(t, row, code)] = cell(t, row, "excl_table")
	}
	return m
}

// parseInterval reads 0, 1-2, 0-28d, >=5, >1.5.
func parseInterval(level string) (interval, error) {
	text, days := strings.CutSuffix(level, "d")
	in := interval{lo: math.Inf(-1), hi: math.Inf(1), days: days}
	number := func(text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return math.NaN()
		}
		return v
	}
	switch lo, hi, isRange := strings.Cut(text, "-"); {
	case strings.HasPrefix(text, ">="):
		in.lo = number(text[2:])
	case strings.HasPrefix(text, ">"):
		in.lo, in.open = number(text[1:]), true
	case isRange:
		in.lo, in.hi = number(lo), number(hi)
	default:
		in.lo = number(text)
		in.hi = in.lo
	}
	if math.IsNaN(in.lo) || math.IsNaN(in.hi) {
		return in, fmt.Errorf("level %q is not a range such as 1-2, 0-28d, >=5, >1.5", level)
	}
	return in, nil
}

// factor is the highest of the coefficients that apply to the case among those defined for its group.
func (a *auxiliary) factor(in *Case, g *Group, dx string, ops []string) Factor {
	var best Factor
	if len(a.rows) == 0 || !in.HasFacts {
		return best
	}
	levels := a.levels(in, dx, ops)
	for _, key := range [...]string{g.Code, "*"} {
		for _, r := range a.rows[key] {
			if (best.Kind == "" || r.value.GreaterThan(best.Value)) && a.applies(r, in, g, dx, levels) {
				best = Factor{r.kind, r.level, r.value}
			}
		}
	}
	return best
}

func (a *auxiliary) applies(r auxRow, in *Case, g *Group, dx string, levels map[string]bool) bool {
	f := &in.Facts
	switch r.kind {
	case auxCCI:
		return r.in.has(float64(a.points(in.Dx)))
	case auxAge:
		if r.in.days {
			return f.AgeYears == 0 && r.in.has(f.AgeDays)
		}
		return r.in.has(f.AgeYears)
	case auxOverstay:
		return g.MeanLOS > 0 && r.in.has(f.LOSDays/g.MeanLOS)
	case auxSeverity:
		return levels[r.level]
	case auxTumour:
		return isTumour(dx) && levels[r.level]
	case auxReadmission:
		return f.Readmitted
	case auxLowIndication:
		return f.LowIndication
	case auxDeathRisk:
		return r.level == f.DeathRisk
	case auxRecord:
		return r.level == f.RecordQuality
	}
	return false
}

// isTumour: chapter C and D00 to D48.
func isTumour(dx string) bool {
	return strings.HasPrefix(dx, "C") || (dx >= "D00" && dx < "D49")
}

// shortStay is the longest stay of the levels I-A and IV-A, in days (DIP technical norm, 辅助目录).
const shortStay = 3

// levels of severity of a disease; those of tumours beside them.
func (a *auxiliary) levels(in *Case, dx string, ops []string) map[string]bool {
	short := in.Facts.LOSDays <= shortStay
	out := map[string]bool{}
	mcc, cc := false, false
	own := a.excl[dx]
	for _, code := range in.Dx[min(1, len(in.Dx)):] {
		if table, ok := a.mcc[code]; ok && (own == "" || table != own) {
			mcc = true
		} else if table, ok := a.cc[code]; ok && (own == "" || table != own) {
			cc = true
		}
	}
	switch {
	case in.Facts.Died && short:
		out["IV-A"] = true
	case in.Facts.Died:
		out["IV-B"] = true
	case mcc:
		out["III"] = true
	case cc:
		out["II"] = true
	case short:
		out["I-A"] = true
	default:
		out["I-B"] = true
	}
	for list, prefixes := range a.lists {
		for _, p := range prefixes {
			for _, codes := range [][]string{in.Dx, ops} {
				for _, code := range codes {
					if strings.HasPrefix(code, p) {
						out[list] = true
					}
				}
			}
		}
	}
	return out
}

// points of the Charlson type: each category once, with its highest points.
func (a *auxiliary) points(dx []string) int {
	of := map[string]int{}
	for _, code := range dx[min(1, len(dx)):] {
		for _, r := range a.charlson {
			if strings.HasPrefix(code, r.prefix) {
				of[r.category] = max(of[r.category], r.points)
			}
		}
	}
	sum := 0
	for _, p := range of {
		sum += p
	}
	return sum
}
