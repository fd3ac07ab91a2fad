// Package corpus reads the draft measures of the catalogue (measures.csv: from, aggregate, where) with the expression
// language and says of each what it becomes: language alone, language with named constructs, or not yet possible, with
// the reason. It is the exam of the language, not a part of the product.
package corpus

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Draft is one line of the catalogue.
type Draft struct {
	ID, From, Aggregate, Where, Time string
	Line                             int
}

// Verdict is what a draft becomes.
type Verdict struct {
	ID         string
	Constructs []string // sorted; none = language alone
	Reason     string   // why it is not possible yet, "" = possible
}

// Judge reads one draft.
func Judge(set *schema.Set, d Draft) Verdict {
	v := Verdict{ID: d.ID}
	pos := expr.Pos{File: "measures.csv", Line: d.Line, Col: 1}
	tables, err := v.from(set, d.From, pos)
	if err != nil {
		v.Reason = err.Error()
		return v
	}
	resolve := resolver(tables)
	for _, text := range []struct {
		src  string
		cond bool
	}{{d.Aggregate, false}, {d.Where, true}, {d.Time, false}} {
		rest := v.constructs(text.src)
		n, err := expr.Parse(rest, pos)
		switch {
		case err != nil:
		case text.cond:
			err = expr.Condition(n, resolve)
		default:
			_, err = expr.TypeOf(n, resolve)
		}
		if err != nil {
			v.Reason = err.Error()
			return v
		}
		expr.Walk(n, func(n expr.Node) bool {
			if c, ok := n.(*expr.Call); ok && c.Name == "current_date" {
				v.note("current_date")
			}
			if c, ok := n.(*expr.IsNull); ok && !c.Not && text.cond {
				if col, ok := c.X.(*expr.Column); ok && (col.Name == "valid_to" || col.Name == "end_date") {
					v.note("time_kind")
				}
			}
			return true
		})
	}
	slices.Sort(v.Constructs)
	return v
}

func (v *Verdict) note(construct string) {
	if !slices.Contains(v.Constructs, construct) {
		v.Constructs = append(v.Constructs, construct)
	}
}

// Constructs are the named constructs and what each replaces, in the order they are looked for.
var Constructs = []struct {
	Name, Says string
	text       *regexp.Regexp
	put        string // what stands in its place in the expression
}{
	{
		"seen_again", "a later event of the same person, anywhere in the region (exists over the same table)",
		regexp.MustCompile(`exists\(select 1 from [a-z_]+ r where .*?\)(?: and|$)`), "true and",
	},
	{
		"workdays", "working days of the calendar between two dates",
		regexp.MustCompile(`\(select count\(\*\) from dim_calendar c where c\.is_workday and c\.cal_date>([a-z_.]+) and c\.cal_date<=([a-z_.]+)\)`), "date_diff('day', $1, $2)",
	},
	{
		"stock_at_end", "the last delivered day within the period, per organisation (not the last day of the whole lake)",
		regexp.MustCompile(`([a-z_]+)=\(select max\([a-z_]+\) from [a-z_]+\)`), "$1 is not null",
	},
}

// constructs takes the named constructs out of a text and leaves an expression of the right types.
func (v *Verdict) constructs(src string) string {
	for _, c := range Constructs {
		if c.text.MatchString(src) {
			v.note(c.Name)
			src = c.text.ReplaceAllString(src, c.put)
		}
	}
	return src
}

var (
	fromText = regexp.MustCompile(`^([a-z_0-9]+)(?: ([a-z]+))?(.*)$`)
	joinText = regexp.MustCompile(`^ (left )?join ([a-z_0-9]+) ([a-z]+) (?:using\(([a-z_,]+)\)|on (.+?))( (?:left )?join .*)?$`)
)

// from reads `table [alias] [join table alias using(columns) | on condition]…`.
func (v *Verdict) from(set *schema.Set, src string, pos expr.Pos) (map[string]*schema.Table, error) {
	tables := map[string]*schema.Table{}
	add := func(name, alias string) error {
		t, ok := set.Table(name)
		if !ok {
			return fmt.Errorf("no table %s", name)
		}
		tables[alias] = t
		return nil
	}
	m := fromText.FindStringSubmatch(src)
	if m == nil {
		return nil, fmt.Errorf("from %q is not read", src)
	}
	if err := add(m[1], m[2]); err != nil {
		return nil, err
	}
	for rest := m[3]; rest != ""; {
		j := joinText.FindStringSubmatch(rest)
		if j == nil {
			return nil, fmt.Errorf("join %q is not read", rest)
		}
		v.note("join")
		if err := add(j[2], j[3]); err != nil {
			return nil, err
		}
		for column := range strings.SplitSeq(j[4], ",") {
			if column == "" {
				continue
			}
			if _, ok := tables[j[3]].Column(column); !ok {
				return nil, fmt.Errorf("join %s using(%s): no such column", j[2], column)
			}
		}
		if j[5] != "" {
			n, err := expr.Parse(j[5], pos)
			if err != nil {
				return nil, err
			}
			if err := expr.Condition(n, resolver(tables)); err != nil {
				return nil, err
			}
		}
		rest = j[6]
	}
	return tables, nil
}

// resolver finds a column by its alias, or without one in the only table that has it.
func resolver(tables map[string]*schema.Table) expr.Resolver {
	return func(alias, name string) (expr.Type, bool) {
		if t, ok := tables[alias]; ok {
			return t.Resolver()("", name)
		}
		for _, t := range tables {
			if typ, ok := t.Resolver()("", name); ok && alias == "" {
				return typ, true
			}
		}
		return expr.Type{}, false
	}
}

// Report is the committed page: numbers first, then what is not plain language.
func Report(verdicts []Verdict) string {
	var b strings.Builder
	var plain, possible, open []Verdict
	for _, v := range verdicts {
		switch {
		case v.Reason != "":
			open = append(open, v)
		case len(v.Constructs) > 0:
			possible = append(possible, v)
		default:
			plain = append(plain, v)
		}
	}
	fmt.Fprintf(&b, "# The draft measures as corpus of the expression language\n\n"+
		"Generated by `UPDATE_GOLDEN=1 go test ./schema/internal/corpus`; the test recomputes it where the catalogue is at hand.\n"+
		"Every text of a draft (aggregate, where, time column, join conditions) is parsed and typed against the contracts.\n\n"+
		"| | drafts |\n|---|---|\n| all | %d |\n| language alone | %d |\n| language with named constructs | %d |\n| not yet possible | %d |\n",
		len(verdicts), len(plain), len(possible), len(open))
	b.WriteString("\n## Named constructs\n\n| construct | says | drafts |\n|---|---|---|\n")
	says := map[string]string{
		"join":         "another table of the measure; a dimension joins in the version valid on the measure's time column",
		"current_date": "the day of asking, never later than the end of the period (the language spells it; the compiler says which day)",
		"time_kind":    "`valid_to is null`, `end_date is null`: today's stock, whatever the period; the compiler writes the as-of test instead",
	}
	for _, c := range Constructs {
		says[c.Name] = c.Says
	}
	for _, name := range []string{"join", "seen_again", "stock_at_end", "workdays", "current_date", "time_kind"} {
		var ids []string
		for _, v := range possible {
			if slices.Contains(v.Constructs, name) {
				ids = append(ids, v.ID)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d: %s |\n", name, says[name], len(ids), strings.Join(ids, ", "))
	}
	b.WriteString("\n## Not yet possible\n\n")
	for _, v := range open {
		fmt.Fprintf(&b, "- `%s`: %s\n", v.ID, v.Reason)
	}
	if len(open) == 0 {
		b.WriteString("None.\n")
	}
	b.WriteString("\n## Language alone\n\n")
	line := ""
	for _, v := range plain {
		if len(line)+len(v.ID) > 150 {
			b.WriteString(strings.TrimSpace(line) + "\n")
			line = ""
		}
		line += v.ID + " "
	}
	b.WriteString(strings.TrimSpace(line) + "\n")
	return b.String()
}
