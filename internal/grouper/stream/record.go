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
	Dept          text            `json:"dept"`
	NewTech       truth           `json:"new_tech"`
	DaySurgery    truth           `json:"day_surgery"`
	Dx            codes           `json:"dx"`
	POA           codes           `json:"poa"`
	Ops           codes           `json:"ops"`
	TotalFee      json.RawMessage `json:"total_fee"`
	DischargeDate text            `json:"discharge_date"`
	Readmitted    truth           `json:"readmitted"`
	LowIndication truth           `json:"low_indication"`
	DeathRisk     text            `json:"death_risk"`
	RecordQuality text            `json:"record_quality"`

	fee int64
}

// number is a number that may be null, absent, empty, or written as text. What is none is told by finish, which knows
// the name of the field: the fields of a line are read in any order, and each keeps its own fault.
type number struct {
	v   float64
	set bool
	bad bool
}

func (n *number) UnmarshalJSON(b []byte) error {
	*n = number{}
	text := strings.TrimSpace(strings.Trim(string(b), `"`))
	if text == "null" || text == "" {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		n.bad = true
		return nil //nolint:nilerr // the case says that it cannot be read, the stream goes on
	}
	n.v, n.set = v, true
	return nil
}

func (n number) orMissing() float64 {
	if !n.set {
		return drg.Missing
	}
	return n.v
}

// text is a word that may be null, or written as a number.
type text struct {
	v   string
	bad bool
}

func (t *text) UnmarshalJSON(b []byte) error {
	*t = text{}
	if len(b) > 0 && b[0] != '"' { // a number as it is written; an object or a list is neither
		t.v, t.bad = string(b), b[0] == '{' || b[0] == '['
		return nil
	}
	return json.Unmarshal(b, &t.v)
}

// truth is yes or no, as JSON, as a number, or as a word.
type truth struct{ v, bad bool }

func (t *truth) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(strings.TrimSpace(strings.Trim(string(b), `"`))) {
	case "true", "1", "y", "yes", "是":
		*t = truth{v: true}
	case "false", "0", "n", "no", "否", "", "null":
		*t = truth{}
	default:
		*t = truth{bad: true}
	}
	return nil
}

// codes is a list of codes; null is an empty list, a null entry an empty code, one text is a list of one, and a number
// (入院病情 is often written so) its digits as they stand.
type codes struct {
	list []string
	bad  bool
}

func (c *codes) UnmarshalJSON(b []byte) error {
	c.list, c.bad = c.list[:0], false
	if len(b) > 0 && b[0] == '"' {
		var one string
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		c.list = split(one)
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		c.bad = true
		return nil //nolint:nilerr // as a number
	}
	for _, raw := range list {
		var one text
		if err := one.UnmarshalJSON(raw); err != nil {
			return err
		}
		if one.v == "null" {
			one.v = ""
		}
		c.bad = c.bad || one.bad || one.v == "true" || one.v == "false"
		c.list = append(c.list, one.v)
	}
	return nil
}

// split reads a list written in one cell.
func split(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == '|' || r == ';' || r == '；' })
}

// decode reads one line of NDJSON.
func (r *Record) decode(line []byte) error {
	*r = Record{Dx: codes{list: r.Dx.list[:0]}, Ops: codes{list: r.Ops.list[:0]}, POA: codes{list: r.POA.list[:0]}, fee: -1}
	if string(line) == "null" {
		return errNoObject
	}
	if err := json.Unmarshal(line, r); err != nil {
		return plain(err)
	}
	return r.finish()
}

var errNoObject = errors.New("an object {…} is wanted")

// finish checks what no rule could use. Missing numbers are the grouper's business, and so is a sex that is neither 1 nor 2.
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
	for _, n := range [...]struct {
		name string
		*number
	}{
		{"age_years", &r.AgeYears},
		{"age_days", &r.AgeDays},
		{"los_days", &r.LOS},
		{"birth_weight_g", &r.BirthWeight},
		{"admission_weight_g", &r.AdmWeight},
		{"icu_hours", &r.ICUHours},
		{"discharge_way", &r.Discharge},
	} {
		if n.bad {
			return errors.New(n.name + ": a number is wanted")
		}
		if n.set && n.v < 0 {
			return errors.New(n.name + ": it is negative")
		}
	}
	for _, c := range [...]struct {
		name string
		bad  bool
		want string
	}{
		{"dx", r.Dx.bad, "a list of codes"},
		{"ops", r.Ops.bad, "a list of codes"},
		{"poa", r.POA.bad, "a list of codes"},
		{"dept", r.Dept.bad, "a text"},
		{"discharge_date", r.DischargeDate.bad, "a date"},
		{"death_risk", r.DeathRisk.bad, "a text"},
		{"record_quality", r.RecordQuality.bad, "a text"},
		{"new_tech", r.NewTech.bad, "true or false"},
		{"day_surgery", r.DaySurgery.bad, "true or false"},
		{"readmitted", r.Readmitted.bad, "true or false"},
		{"low_indication", r.LowIndication.bad, "true or false"},
	} {
		if c.bad {
			return errors.New(c.name + ": " + c.want + " is wanted")
		}
	}
	// Ages are full years and days: the claim's half year (nl 0.5) is a child of no year, whose days are asked for.
	r.AgeYears.v, r.AgeDays.v = math.Floor(r.AgeYears.v), math.Floor(r.AgeDays.v)
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
		if e.Field == "" {
			return errNoObject
		}
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
	if !weight.set || weight.v == 0 {
		weight = r.AdmWeight
	}
	*c = drg.Case{
		Sex: sex, AgeYears: r.AgeYears.orMissing(), AgeDays: r.AgeDays.orMissing(), WeightG: weight.orMissing(), LOSDays: r.LOS.orMissing(),
		ICUHours: r.ICUHours.orMissing(), Discharge: r.Discharge.orMissing(), Dept: r.Dept.v, NewTech: r.NewTech.v, DaySurgery: r.DaySurgery.v,
		Dx: r.Dx.list, Ops: r.Ops.list, PresentOnAd: c.PresentOnAd[:0],
	}
	for _, p := range r.POA.list {
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
	c.Dx, c.Ops, c.Fee = r.Dx.list, r.Ops.list, r.fee
	c.HasFacts = r.AgeYears.set || r.LOS.set
	c.Facts = dip.Facts{
		AgeYears: r.AgeYears.orMissing(), AgeDays: r.AgeDays.orMissing(), LOSDays: r.LOS.orMissing(), Died: r.Discharge.set && r.Discharge.v == diedWay,
		Readmitted: r.Readmitted.v, LowIndication: r.LowIndication.v, DeathRisk: r.DeathRisk.v, RecordQuality: r.RecordQuality.v,
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

// idOf finds the id of a line that is not a case, so that its result can still be told apart: also in a line that was
// cut off, where the id stands before the cut.
func idOf(line []byte) json.RawMessage {
	none := json.RawMessage("null")
	dec := json.NewDecoder(bytes.NewReader(line))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return none
	}
	for dec.More() {
		key, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return none
		}
		if name, ok := key.(string); ok && strings.EqualFold(name, "id") {
			return value
		}
	}
	return none
}
