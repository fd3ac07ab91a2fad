package ingest

import (
	"path/filepath"
	"strings"

	"github.com/sanyi-lake/sanyi/ingest/reader"
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

// narrow leaves out the contract's columns that none of the files has: a column that is always null costs as much to
// read, cast and check as any other. What JSON holds is known only after reading, so it keeps all.
func (r *run) narrow(s *Source, format string, ds []*delivery) (*Source, error) {
	if format != reader.CSV && format != reader.Parquet {
		return s, nil
	}
	have := map[string]bool{}
	for _, d := range ds {
		for _, j := range d.jobs {
			for _, name := range r.header(s, format, j) {
				have[strings.ToLower(name)] = true
			}
		}
	}
	narrow := *s
	narrow.order, narrow.columns = nil, nil
	t := s.Tables[0]
	t.Columns, t.branches, t.Lacks = nil, nil, nil
	for _, a := range s.Tables[0].Columns {
		c, _ := t.contract.Column(a.Column)
		switch {
		case have[strings.ToLower(a.Column)]:
			t.Columns = append(t.Columns, a)
		case c.Required:
			t.Lacks = append(t.Lacks, a.Column)
		}
	}
	if len(t.Columns) == 0 {
		return s, nil
	}
	narrow.Tables = []Table{t}
	return &narrow, narrow.bind(r.set)
}

// header is the columns of a file; none where it cannot be read, which the pass will find and tell.
func (r *run) header(s *Source, format string, j *job) []string {
	content, err := j.member.Open()
	if err != nil {
		return nil
	}
	defer content.Close()
	spec := s.spec()
	spec.Format, spec.TempDir = format, r.work
	rd, err := reader.Open(spec, j.member.Path, content, nil)
	if err != nil {
		return nil
	}
	defer rd.Release()
	return rd.Columns()
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
