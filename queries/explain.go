package queries

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Explanation is everything that a figure can be reproduced from: definitions with version, source and hash, the
// statements with their values, and the tables and days that they read.
type Explanation struct {
	Indicators  []Explained          `json:"indicators"`
	Definitions []Definition         `json:"definitions"`
	Statements  []ExplainedStatement `json:"statements"`
	Publication int64                `json:"publication"`
	Now         string               `json:"now"`
	Scope       string               `json:"scope"`
	Choices     []Choice             `json:"choices,omitempty"` // of tables in which several methods stand, which was counted
}

// Explained is one indicator's definition in words.
type Explained struct {
	ID          string            `json:"id"`
	TitleZH     string            `json:"title_zh"`
	TitleEN     string            `json:"title_en"`
	Meaning     string            `json:"meaning"`
	Basis       string            `json:"basis"`
	Version     string            `json:"version"`
	ValidFrom   string            `json:"valid_from"`
	Viewpoint   string            `json:"viewpoint"`
	Formula     string            `json:"formula"`
	Measures    map[string]string `json:"measures"` // id → aggregate, table and filter
	Benchmarks  map[string]string `json:"benchmarks,omitempty"`
	Comparisons []string          `json:"comparisons,omitempty"`
}

// ExplainedStatement is one statement with what it reads.
type ExplainedStatement struct {
	SQL        string          `json:"sql"`
	Parameters []any           `json:"parameters"`
	Tables     []ExplainedUses `json:"tables"`
}

// ExplainedUses is a table with the days that are read and, where somebody knows them, the files.
type ExplainedUses struct {
	Table string   `json:"table"`
	From  string   `json:"from,omitempty"`
	To    string   `json:"to,omitempty"`
	Files []string `json:"files"`
}

// Explain tells how the plan computes. Files are for the caller to fill in: this package knows tables only.
func (p *Plan) Explain() *Explanation {
	e := &Explanation{Publication: p.req.Publication, Now: p.now.Format("2006-01-02 15:04:05"), Scope: p.scope.String(), Choices: p.choicesMade()}
	seen := map[string]bool{}
	note := func(d Definition) {
		if !seen[d.Kind+d.ID] {
			seen[d.Kind+d.ID] = true
			e.Definitions = append(e.Definitions, d)
		}
	}
	for _, q := range p.question {
		x := q.indicator
		out := Explained{
			ID: x.ID, TitleZH: x.Title.ZH, TitleEN: x.Title.EN, Meaning: x.Meaning, Basis: x.Basis, Version: x.Version, ValidFrom: x.ValidFrom,
			Viewpoint: q.viewpoint, Formula: x.Formula(), Measures: map[string]string{},
		}
		for _, c := range p.compare {
			zh, en := c.Title()
			out.Comparisons = append(out.Comparisons, c.Name+": "+zh+", "+en)
		}
		note(definition("indicator", x.ID, x.At, x.Text))
		for _, m := range p.catalog.MeasuresOf(x) {
			out.Measures[m.ID] = m.Sentence()
			note(definition("measure", m.ID, m.At, m.Text))
		}
		for _, b := range p.catalog.benchmarksOf(x) {
			if out.Benchmarks == nil {
				out.Benchmarks = map[string]string{}
			}
			out.Benchmarks[b.ID] = b.Sentence()
			note(definition("benchmark", b.ID, b.At, b.Text))
		}
		e.Indicators = append(e.Indicators, out)
	}
	for _, s := range p.Statements() {
		st := ExplainedStatement{SQL: s.SQL, Parameters: s.Args}
		for _, u := range s.Uses {
			st.Tables = append(st.Tables, ExplainedUses{Table: u.Table, From: day(u.From), To: day(u.To)})
		}
		e.Statements = append(e.Statements, st)
	}
	return e
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02")
}

// Formula is what an indicator divides by what, in the words of its definition.
func (x *Indicator) Formula() string {
	if m := x.Model; m != nil {
		return fmt.Sprintf("%s(%s, baseline %d, lag %d, alpha %g, min_sd %g)", m.Name, m.Series, m.Baseline, m.Lag, m.Alpha, m.MinSD)
	}
	out := x.Numerator
	if x.Denominator != "" {
		out = "(" + out + ") / (" + x.Denominator + ")"
	}
	if x.scale() != 1 {
		out = fmt.Sprintf("%g * %s", x.scale(), out)
	}
	return out
}

// Sentence is a measure in one line.
func (m *Measure) Sentence() string {
	var out strings.Builder
	out.WriteString(m.Aggregate + " of " + m.From)
	if m.Where != "" {
		out.WriteString(" where " + m.Where)
	}
	switch {
	case m.Time == "":
	case m.Until != "":
		fmt.Fprintf(&out, ", lasting from %s to %s", m.Time, m.Until)
	default:
		out.WriteString(", by " + m.Time)
	}
	if m.Refund != "" {
		out.WriteString(", refunds count -1")
	}
	if m.Empty == unknown {
		out.WriteString(", nothing where no row has a value")
	}
	if m.StockAtEnd != nil {
		out.WriteString(", on the last day that each " + strings.Join(m.StockAtEnd.By, ", ") + " delivered")
	}
	if m.SeenAgain != nil {
		out.WriteString(", seen again where " + m.SeenAgain.When)
	}
	for _, alias := range sortedKeys(m.Exists) {
		fmt.Fprintf(&out, ", for which %s has one on %s", m.Exists[alias].Table, m.Exists[alias].On)
		if m.Exists[alias].When != "" {
			out.WriteString(" where " + m.Exists[alias].When)
		}
	}
	for _, alias := range sortedKeys(m.Benchmark) {
		fmt.Fprintf(&out, ", %s is the benchmark %s of the row's group", alias, m.Benchmark[alias])
	}
	for _, alias := range sortedKeys(m.Join) {
		fmt.Fprintf(&out, ", %s is %s on %s in the version of the day", alias, m.Join[alias].Table, m.Join[alias].On)
	}
	return out.String()
}

// String describes a Scope for logs and explanations.
func (s Scope) String() string {
	switch {
	case s.whole:
		return "whole lake (" + s.why + ")"
	case len(s.orgs) == 0 && len(s.regions) == 0:
		return "nothing"
	default:
		return fmt.Sprintf("organisations %v, regions %v", s.orgs, s.regions)
	}
}

// Write prints an explanation for people.
func (e *Explanation) Write(w io.Writer) error {
	var b strings.Builder
	for _, x := range e.Indicators {
		fmt.Fprintf(&b, "%s  %s  %s\n  %s\n  basis: %s\n  version %s, valid from %s, viewpoint %s\n  = %s\n", x.ID, x.TitleZH, x.TitleEN, x.Meaning, x.Basis, x.Version, x.ValidFrom, x.Viewpoint, x.Formula)
		for _, id := range sortedKeys(x.Measures) {
			fmt.Fprintf(&b, "    %s = %s\n", id, x.Measures[id])
		}
		for _, id := range sortedKeys(x.Benchmarks) {
			fmt.Fprintf(&b, "    benchmark %s = %s\n", id, x.Benchmarks[id])
		}
		for _, c := range x.Comparisons {
			fmt.Fprintf(&b, "  compared: %s\n", c)
		}
	}
	fmt.Fprintf(&b, "publication %d, asked at %s, scope: %s\n", e.Publication, e.Now, e.Scope)
	for _, c := range e.Choices {
		fmt.Fprintf(&b, "%s: rows where %s\n", c.Name, c.How)
	}
	for i, s := range e.Statements {
		fmt.Fprintf(&b, "\n-- statement %d, parameters %v\n%s\n", i+1, s.Parameters, s.SQL)
		for _, t := range s.Tables {
			fmt.Fprintf(&b, "-- reads %s", t.Table)
			if t.From != "" || t.To != "" {
				fmt.Fprintf(&b, " from %s to before %s", t.From, t.To)
			}
			b.WriteByte('\n')
			for _, f := range t.Files {
				fmt.Fprintf(&b, "--   %s\n", f)
			}
		}
	}
	b.WriteString("\ndefinitions (sha256)\n")
	for _, d := range e.Definitions {
		fmt.Fprintf(&b, "  %s %s %s %s\n", d.Hash, d.Kind, d.ID, d.File)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
