package settle

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// WeightColumns are those of a payment table, in the order in which one is written.
var WeightColumns = []string{
	"group", "org", "level", "insurance", "rw", "mean", "score", "ref", "rate", "coefficient", "standard", "low_limit", "high_limit", "instead", "max_cases", "flags",
}

// ReadWeights reads a payment table: a header naming some of WeightColumns (flags joined by |), or a table as places
// publish them, whose headers published.yaml lists. Empty cells say nothing, and neither does a zero.
func ReadWeights(r io.Reader, name string) ([]Weight, error) {
	cr := csv.NewReader(r)
	cr.FieldsPerRecord = -1
	head, err := cr.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s:1: %w", name, err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	foreign, is, err := publishedHead(head)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s:1: %w", name, err)
	}
	read := func(row []string) ([]Weight, error) { return foreign.rows(row) }
	if !is {
		if read, err = ownTable(head); err != nil {
			return nil, fault.New(fault.Invalid, "%s:1: %w", name, err)
		}
	}
	var out []Weight
	lines := map[string]int{}
	for {
		row, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: %w", name, err)
		}
		line, _ := cr.FieldPos(0)
		rows, err := read(row)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s:%d: %w", name, line, err)
		}
		for i := range rows {
			w := &rows[i]
			if err := w.check(); err != nil {
				return nil, fault.New(fault.Invalid, "%s:%d: %w", name, line, err)
			}
			key := strings.Join([]string{w.Group, w.Org, w.Level, w.Insurance}, "\x1f")
			if at := lines[key]; at > 0 {
				return nil, fault.New(fault.Invalid, "%s:%d: group %s: line %d is for the same; one of them is enough", name, line, w.Group, at)
			}
			lines[key] = line
		}
		out = append(out, rows...)
	}
}

// ownTable reads rows of a table with our own columns.
func ownTable(head []string) (func(row []string) ([]Weight, error), error) {
	columns := make([]string, len(head))
	for i, c := range head {
		columns[i] = strings.TrimSpace(c)
		if columns[i] == "drg" || columns[i] == "dip" {
			columns[i] = "group"
		}
		switch {
		case slices.Contains(columns[:i], columns[i]):
			return nil, fmt.Errorf("column %q stands twice", c)
		case columns[i] != "name" && !slices.Contains(WeightColumns, columns[i]):
			return nil, fmt.Errorf("column %q is none of %s", c, strings.Join(WeightColumns, ", "))
		}
	}
	if !slices.Contains(columns, "group") {
		return nil, errors.New("no column group")
	}
	return func(row []string) ([]Weight, error) {
		if len(row) != len(columns) {
			return nil, fmt.Errorf("%d cells, the header has %d", len(row), len(columns))
		}
		var w Weight
		for i, cell := range row {
			if err := w.set(columns[i], strings.TrimSpace(cell)); err != nil {
				return nil, fmt.Errorf("column %s: %w", columns[i], err)
			}
		}
		return []Weight{w}, nil
	}, nil
}

// WriteWeights writes a payment table with our own columns.
func WriteWeights(w io.Writer, rows []Weight) error {
	cw := csv.NewWriter(w)
	_ = cw.Write(WeightColumns) // csv keeps the first error for Error
	for i := range rows {
		r := &rows[i]
		cells := make([]string, len(WeightColumns))
		words := map[string]string{"group": r.Group, "org": r.Org, "level": r.Level, "insurance": r.Insurance, "instead": r.Instead, "flags": strings.Join(r.Flags, "|")}
		numbers := r.numbers()
		for k, column := range WeightColumns {
			cells[k] = words[column]
			if n := numbers[column]; n != nil && *n != nil {
				cells[k] = (*n).String()
			}
		}
		_ = cw.Write(cells)
	}
	cw.Flush()
	return cw.Error()
}

// numbers are the columns of a payment table that hold one.
func (w *Weight) numbers() map[string]**Num {
	return map[string]**Num{
		"rw": &w.RW, "mean": &w.Mean, "score": &w.Score, "ref": &w.Ref, "rate": &w.Rate, "coefficient": &w.Coef, "standard": &w.Standard,
		"low_limit": &w.LowLimit, "high_limit": &w.HighLimit, "max_cases": &w.MaxCases,
	}
}

func (w *Weight) set(column, cell string) error {
	if cell == "" {
		return nil
	}
	switch column {
	case "group":
		w.Group = cell
	case "org":
		w.Org = cell
	case "level":
		w.Level = cell
	case "insurance":
		w.Insurance = cell
	case "instead":
		w.Instead = cell
	case "flags":
		w.Flags = strings.FieldsFunc(cell, func(r rune) bool { return r == '|' || r == ' ' })
	default:
		if to := w.numbers()[column]; to != nil {
			d, err := number(cell)
			if err != nil {
				return errors.New("a number is wanted")
			}
			*to = &Num{d}
		}
	}
	return nil
}
