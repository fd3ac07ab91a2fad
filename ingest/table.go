package ingest

import (
	"path/filepath"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

// tableSource is the source behind --table NAME: headers are the contract's own column names, each file is a delivery
// of its own unless --org and --date say whose it is, and the organisations and days that occur in a file count as
// delivered (clarification 5).
func tableSource(set *schema.Set, opts Options) (*Source, error) {
	t, ok := set.Table(opts.Table)
	if !ok {
		return nil, fault.New(fault.Usage, "no table %s; sanyi catalog tables lists them", opts.Table)
	}
	if t.Kind == schema.Derived {
		return nil, fault.New(fault.Usage, "table %s is derived: the product writes it itself", t.Name)
	}
	s := &Source{
		ID: "table:" + t.Name, Version: t.Version, Format: "csv", Encoding: "auto", File: "--table " + t.Name,
		perFile: opts.Org == "" || opts.Date == "", byTable: true,
	}
	s.Numbers.Decimal = "."
	s.Delivery = Identity{Org: From{Arg: true}, Date: From{Arg: true}, Files: "one", Keep: "all", Covers: Covers{Kind: "rows"}}
	if opts.Org == "" {
		s.Delivery.Org = From{None: true}
	}
	if opts.Date == "" {
		s.Delivery.Date = From{None: true}
	}
	share := 1.0
	s.Gate.MaxQuarantinedShare = &share
	table := Table{Table: t.Name}
	for i, c := range t.Columns {
		table.Columns = append(table.Columns, Assign{Column: c.Name, Line: i + 1, Expr: Expr{Text: `"` + c.Name + `"`, Line: i + 1}})
		if c.Required && !opts.Relaxed {
			s.Columns.Required = append(s.Columns.Required, c.Name)
		}
	}
	s.Tables = []Table{table}
	s.Columns.Extra = "refuse"
	if opts.Relaxed {
		s.Columns.Extra = "allow"
	}
	if err := s.bind(set); err != nil {
		return nil, err
	}
	return s, nil
}

// formatOf is the format of a file loaded by --table, by its name.
func formatOf(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".ndjson", ".jsonl":
		return "ndjson"
	case ".json":
		return "json"
	case ".parquet":
		return "parquet"
	default:
		return "csv"
	}
}
