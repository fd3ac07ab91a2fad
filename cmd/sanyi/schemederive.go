//go:build duckdb_arrow

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/stream"
)

// derivation is what a derived catalogue says of itself.
type derivation struct {
	Catalogue     string `json:"catalogue"`
	Cases         int    `json:"cases"`
	Core          int    `json:"core_groups"`
	Comprehensive int    `json:"comprehensive_groups"`
	Trimmed       int    `json:"cases_trimmed"`
}

// deriveCatalogue reads the years in the order given, oldest first, and writes the package of a catalogue.
func deriveCatalogue(years []string, classFile, id string, opt dip.DeriveOptions) (schemes.Package, derivation, error) {
	report := derivation{Catalogue: id}
	if len(years) != len(opt.Weights) {
		return nil, report, fault.New(fault.Usage, "%d years and %d weights: give one --year for each weight, oldest first", len(years), len(opt.Weights))
	}
	table, err := os.ReadFile(classFile)
	if err != nil {
		return nil, report, fault.Wrap(fault.NotFound, err)
	}
	classes, err := readClasses(classFile, table)
	if err != nil {
		return nil, report, err
	}
	var cases []dip.PastCase
	for i, y := range years {
		_, file, ok := strings.Cut(y, "=")
		if !ok {
			return nil, report, fault.New(fault.Usage, "--year %q: YEAR=FILE is wanted", y)
		}
		in, err := os.Open(file)
		if err != nil {
			return nil, report, fault.Wrap(fault.NotFound, err)
		}
		err = stream.PastCases(in, func(line int, c dip.PastCase, err error) error {
			if err == nil && (c.Dx == "" || c.Fee < 0) {
				err = errNoFee
			}
			if err != nil {
				return fault.New(fault.Invalid, "%s:%d: %w", file, line, err)
			}
			c.Year = i
			cases = append(cases, c)
			return nil
		})
		_ = in.Close()
		if err != nil {
			return nil, report, err
		}
	}
	rows, err := dip.Derive(cases, classes, opt)
	if err != nil {
		return nil, report, err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"version", "region", "group_code", "dx_key", "op_expr", "kind", "op_class", "score", "mean_cost", "mean_los", "base_coef", "cases"})
	for _, r := range rows {
		_ = w.Write([]string{
			id, "", r.Code, r.DxKey, r.OpExpr, r.Kind.String(), r.Class.String(), r.Score.String(), r.MeanCost.StringFixed(2),
			strconv.FormatFloat(r.MeanLOS, 'f', -1, 64), "", strconv.Itoa(r.Cases),
		})
		report.Trimmed += r.Trimmed
		if r.Kind == dip.Core {
			report.Core++
		} else {
			report.Comprehensive++
		}
	}
	w.Flush()
	report.Cases = len(cases)
	manifest, err := json.MarshalIndent(schemes.Manifest{
		Version: id, Kind: schemes.DIP, Title: schemes.Title{ZH: "由病例测算的DIP目录", EN: "DIP catalogue derived from cases"},
		Source: "sanyi scheme derive, threshold " + strconv.Itoa(opt.Threshold) + ", trim " + opt.Trim,
	}, "", "  ")
	if err != nil {
		return nil, report, err
	}
	return schemes.Package{"catalog.csv": b.Bytes(), "op_class.csv": table, "manifest.json": append(manifest, '\n')}, report, w.Error()
}

func readClasses(file string, table []byte) (map[string]dip.Class, error) {
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(table, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fault.New(fault.Invalid, "%s: %w", file, err)
	}
	out := make(map[string]dip.Class, len(rows))
	for i, row := range rows[1:] {
		class, ok := dip.ClassNamed(row[1])
		if !ok && row[1] != "" {
			return nil, fault.New(fault.Invalid, "%s:%d: op_class %q is none of 手术 介入治疗 治疗性操作 诊断性操作", file, i+2, row[1])
		}
		out[row[0]] = class
	}
	return out, nil
}
