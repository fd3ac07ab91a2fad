package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Answer is what a question gets: one row per indicator, period and group.
type Answer struct {
	Publication int64
	By          []string // dimensions in the order asked; each is a column
	Compare     []string // comparisons in the order asked; each makes base_, change_, points_ and base_period_
	Choices     []Choice // of several methods whose rows stand side by side (grouping schemes, parameter sets), which was counted
	Rows        []Row

	Names map[string]map[string]string // dimension → code → what it is called; not nil: each dimension has a column name_<dimension>
}

// Choice is the method that was counted: the one that the question chose, or the lake's own.
type Choice struct {
	Name  string `json:"name"`            // scheme, params
	Value string `json:"value,omitempty"` // empty: the question chose none
	How   string `json:"how"`             // the condition in words
}

// Row is one figure. Nil means that there is none: nothing was delivered, the base is missing, or it is suppressed.
type Row struct {
	Indicator    string
	Period       string             // in the form that was asked: 2025-03, 2025-03-03, 2025-03-03 08, A..B
	Start        time.Time          // first moment of the period, in the lake's time zone; zero for tables without a date
	Dims         map[string]*string // by dimension; nil for a null value and for what a total adds up
	Total        []string           // dimensions that this row adds up
	Value        *float64
	Numerator    *float64
	Denominator  *float64
	Unit         string
	Compared     map[string]Compared // by comparison
	Partial      bool                // the period is not over
	Provisional  bool                // a window that the figure needs is not over
	Completeness *float64            // share of the expected deliveries that have come, 0 to 1
	Suppressed   bool                // a figure of too few cases
	At           string              // the hour of a peak
}

// Compared is a figure beside its base.
type Compared struct {
	Base       *float64
	Change     *float64 // percent
	Points     *float64 // percentage points, for shares
	BasePeriod string   // the period that the base is of
}

// Columns are the names of the answer's columns, in order, for every format.
func (a *Answer) Columns() []string {
	cols := append([]string{"indicator", "period", "period_start"}, a.By...)
	if a.Names != nil {
		for _, dim := range a.By {
			cols = append(cols, "name_"+dim)
		}
	}
	cols = append(cols, "total", "value", "numerator", "denominator", "unit")
	for _, c := range a.Compare {
		cols = append(cols, "base_"+c, "change_"+c, "points_"+c, "base_period_"+c)
	}
	return append(cols, "partial", "provisional", "completeness", "suppressed", "at")
}

// cell is the row's value in a column of Columns: nil, string, float64, bool, time.Time or []string.
func (r *Row) cell(column int, a *Answer) any {
	number := func(p *float64) any {
		if p == nil {
			return nil
		}
		return *p
	}
	switch column {
	case 0:
		return r.Indicator
	case 1:
		return r.Period
	case 2:
		if r.Start.IsZero() {
			return nil
		}
		return r.Start
	}
	column -= 3
	if column < len(a.By) {
		if v := r.Dims[a.By[column]]; v != nil {
			return *v
		}
		return nil
	}
	column -= len(a.By)
	if a.Names != nil {
		if column < len(a.By) {
			return a.nameOf(r, a.By[column])
		}
		column -= len(a.By)
	}
	switch column {
	case 0:
		return r.Total
	case 1:
		return number(r.Value)
	case 2:
		return number(r.Numerator)
	case 3:
		return number(r.Denominator)
	case 4:
		return r.Unit
	}
	column -= 5
	if column < 4*len(a.Compare) {
		c := r.Compared[a.Compare[column/4]]
		if column%4 < 3 {
			return number([]*float64{c.Base, c.Change, c.Points}[column%4])
		}
		if c.BasePeriod == "" {
			return nil
		}
		return c.BasePeriod
	}
	switch column - 4*len(a.Compare) {
	case 0:
		return r.Partial
	case 1:
		return r.Provisional
	case 2:
		return number(r.Completeness)
	case 3:
		return r.Suppressed
	default:
		if r.At == "" {
			return nil
		}
		return r.At
	}
}

func (a *Answer) nameOf(r *Row, dim string) any {
	if code := r.Dims[dim]; code != nil {
		if name, ok := a.Names[dim][*code]; ok {
			return name
		}
	}
	return nil
}

// MarshalJSON writes the command line contract's shape: {"publication", "rows": [{…}]}, a missing value as null, and
// "choices" where there was something to choose.
func (a *Answer) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"publication":%d,`, a.Publication)
	if len(a.Choices) > 0 {
		choices, err := json.Marshal(a.Choices)
		if err != nil {
			return nil, fmt.Errorf("answer: choices: %w", err)
		}
		fmt.Fprintf(&b, `"choices":%s,`, choices)
	}
	b.WriteString(`"rows":[`)
	cols := a.Columns()
	for i := range a.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for j, name := range cols {
			v := a.Rows[i].cell(j, a)
			if list, ok := v.([]string); ok && list == nil {
				v = []string{}
			}
			if t, ok := v.(time.Time); ok {
				v = t.Format(time.RFC3339)
			}
			text, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("answer: row %d column %s: %w", i+1, name, err)
			}
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q:", name)
			b.Write(text)
		}
		b.WriteByte('}')
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}
