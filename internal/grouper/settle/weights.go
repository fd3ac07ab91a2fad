package settle

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// ReadWeights reads a payment table: a header naming some of group, level, insurance, rw, mean, score, ref,
// coefficient, standard, low_limit, high_limit, flags (joined by |). Empty cells say nothing.
func ReadWeights(r io.Reader, name string) ([]Weight, error) {
	cr := csv.NewReader(r)
	cr.FieldsPerRecord = -1
	head, err := cr.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s:1: %w", name, err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	known := "group level insurance rw mean score ref coefficient standard low_limit high_limit flags name"
	has := false
	for i, c := range head {
		head[i] = strings.TrimSpace(c)
		if head[i] == "drg" || head[i] == "dip" {
			head[i] = "group"
		}
		has = has || head[i] == "group"
		if !strings.Contains(" "+known+" ", " "+head[i]+" ") {
			return nil, fault.New(fault.Invalid, "%s:1: column %q is none of %s", name, c, known)
		}
	}
	if !has {
		return nil, fault.New(fault.Invalid, "%s:1: no column group", name)
	}
	var out []Weight
	for {
		row, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: %w", name, err)
		}
		line, _ := cr.FieldPos(0)
		if len(row) != len(head) {
			return nil, fault.New(fault.Invalid, "%s:%d: %d cells, the header has %d", name, line, len(row), len(head))
		}
		var w Weight
		for i, cell := range row {
			if err := w.set(head[i], strings.TrimSpace(cell)); err != nil {
				return nil, fault.New(fault.Invalid, "%s:%d: column %s: %w", name, line, head[i], err)
			}
		}
		out = append(out, w)
	}
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
