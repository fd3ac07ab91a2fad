// Package stream groups cases that come as text, one a line: it reads NDJSON or CSV, groups on all cores, and writes
// the results in the order of the cases. A line that cannot be read gets a result with a reason; nothing stops the
// stream but the end of it. It knows no file: it reads a reader and writes a writer.
package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
)

// BadCase is the reason of a line that is no case.
const BadCase = "BAD_CASE"

// NoScheme is the reason of a case discharged on a day for which no scheme was given.
const NoScheme = "NO_SCHEME_ON_DATE"

// Record is a case as it comes: the union of what DRG and DIP look at. Other keys are left alone.
type Record struct {
	ID            json.RawMessage `json:"id"`
	Sex           number          `json:"sex"`
	AgeYears      number          `json:"age_years"`
	AgeDays       number          `json:"age_days"`
	BirthWeight   number          `json:"birth_weight_g"`
	AdmWeight     number          `json:"admission_weight_g"`
	LOS           number          `json:"los_days"`
	ICUHours      number          `json:"icu_hours"`
	Discharge     number          `json:"discharge_way"`
	Dept          string          `json:"dept"`
	NewTech       bool            `json:"new_tech"`
	DaySurgery    bool            `json:"day_surgery"`
	Dx            codes           `json:"dx"`
	POA           codes           `json:"poa"`
	Ops           codes           `json:"ops"`
	TotalFee      json.RawMessage `json:"total_fee"`
	DischargeDate string          `json:"discharge_date"`
	Readmitted    bool            `json:"readmitted"`
	LowIndication bool            `json:"low_indication"`
	DeathRisk     string          `json:"death_risk"`
	RecordQuality string          `json:"record_quality"`

	fee int64
}

// number is a number that may be null, absent, empty, or written as text.
type number struct {
	v   float64
	set bool
}

func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.TrimSpace(strings.Trim(string(b), `"`))
	if text == "null" || text == "" {
		n.set = false
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return errNumber
	}
	n.v, n.set = v, true
	return nil
}

var errNumber = errors.New("a number is wanted")

func (n number) orMissing() float64 {
	if !n.set {
		return drg.Missing
	}
	return n.v
}

// codes is a list of codes; null is an empty list, null entries are dropped, one text is a list of one.
type codes []string

func (c *codes) UnmarshalJSON(b []byte) error {
	*c = (*c)[:0]
	if len(b) > 0 && b[0] == '"' {
		var one string
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*c = split(one)
		return nil
	}
	var list []*string
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("a list of codes is wanted")
	}
	for _, s := range list {
		if s == nil {
			*c = append(*c, "")
			continue
		}
		*c = append(*c, *s)
	}
	return nil
}

// split reads a list written in one cell.
func split(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == '|' || r == ';' || r == '；' })
}

// decode reads one line of NDJSON.
func (r *Record) decode(line []byte) error {
	*r = Record{Dx: r.Dx[:0], Ops: r.Ops[:0], POA: r.POA[:0], fee: -1}
	if err := json.Unmarshal(line, r); err != nil {
		return plain(err)
	}
	return r.finish()
}

// finish checks what no rule could use. Missing numbers are the grouper's business.
func (r *Record) finish() error {
	if text := strings.TrimSpace(strings.Trim(string(r.TotalFee), `"`)); text != "" && text != "null" {
		d, err := decimal.NewFromString(text)
		if err != nil || d.Abs().GreaterThan(maxFee) {
			return errors.New("total_fee: an amount in yuan is wanted")
		}
		if !d.IsNegative() {
			r.fee = d.Shift(2).Round(0).IntPart()
		}
	}
	for _, n := range []struct {
		name string
		number
	}{{"age_years", r.AgeYears}, {"age_days", r.AgeDays}, {"los_days", r.LOS}, {"birth_weight_g", r.BirthWeight}} {
		if n.set && n.v < 0 {
			return fmt.Errorf("%s: it is negative", n.name)
		}
	}
	return nil
}

// maxFee keeps fen inside 64 bits.
var maxFee = decimal.New(1, 15)

// plain says what is wrong with a line without repeating what stands in it.
func plain(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d", e.Offset)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: %s is wanted", e.Field, e.Type)
	}
	if strings.HasPrefix(err.Error(), "error decoding string") { // package decimal repeats what it could not read
		return errors.New("a number is wanted where there is none")
	}
	return err
}

func (r *Record) drgCase(c *drg.Case) {
	sex := int8(0)
	if r.Sex.set && (r.Sex.v == 1 || r.Sex.v == 2) {
		sex = int8(r.Sex.v)
	}
	weight := r.BirthWeight
	if !weight.set {
		weight = r.AdmWeight
	}
	*c = drg.Case{
		Sex: sex, AgeYears: r.AgeYears.orMissing(), AgeDays: r.AgeDays.orMissing(), WeightG: weight.orMissing(), LOSDays: r.LOS.orMissing(),
		ICUHours: r.ICUHours.orMissing(), Discharge: r.Discharge.orMissing(), Dept: r.Dept, NewTech: r.NewTech, DaySurgery: r.DaySurgery,
		Dx: r.Dx, Ops: r.Ops, PresentOnAd: c.PresentOnAd[:0],
	}
	for _, p := range r.POA {
		b := byte('0')
		if p != "" {
			b = p[0]
		}
		c.PresentOnAd = append(c.PresentOnAd, b)
	}
}

// diedWay is 离院方式 5.
const diedWay = 5

func (r *Record) dipCase(c *dip.Case) {
	*c = dip.NewCase()
	c.Dx, c.Ops, c.Fee = r.Dx, r.Ops, r.fee
	c.HasFacts = r.AgeYears.set || r.LOS.set
	c.Facts = dip.Facts{
		AgeYears: r.AgeYears.orMissing(), AgeDays: r.AgeDays.orMissing(), LOSDays: r.LOS.orMissing(), Died: r.Discharge.set && r.Discharge.v == diedWay,
		Readmitted: r.Readmitted, LowIndication: r.LowIndication, DeathRisk: r.DeathRisk, RecordQuality: r.RecordQuality,
	}
}

// DRGResult is a line of the answer for a DRG package, as the command line contract has it.
type DRGResult struct {
	ID       json.RawMessage `json:"id"`
	MDC      string          `json:"mdc"`
	ADRG     string          `json:"adrg"`
	DRG      string          `json:"drg"`
	Severity *string         `json:"severity"`
	Status   string          `json:"status"`
	Reason   *string         `json:"reason"`
	Message  string          `json:"message,omitempty"`
	Flags    []string        `json:"flags,omitempty"`
	Scheme   string          `json:"scheme,omitempty"`
	Trace    []drg.Step      `json:"trace,omitempty"`
}

// DIPResult is a line of the answer for a DIP catalogue.
type DIPResult struct {
	ID      json.RawMessage `json:"id"`
	DIP     string          `json:"dip"`
	Kind    *string         `json:"kind"`
	Score   *json.Number    `json:"score"`
	Status  string          `json:"status"`
	Reason  *string         `json:"reason"`
	Message string          `json:"message,omitempty"`
	Factor  *dip.Factor     `json:"auxiliary,omitempty"`
	Scheme  string          `json:"scheme,omitempty"`
	Trace   []dip.Step      `json:"trace,omitempty"`
}

// idOf finds the id of a line that is not a case, so that its result can still be told apart.
func idOf(line []byte) json.RawMessage {
	var only struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &only) != nil || len(bytes.TrimSpace(only.ID)) == 0 {
		return json.RawMessage("null")
	}
	return only.ID
}
