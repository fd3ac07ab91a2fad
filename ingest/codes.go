package ingest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// A contract's column may name a list of codes. A value that a complete list does not have on the day of the event sets
// the row aside; one that an imported, incomplete list lacks is a warning. The excerpts that ship with the program say
// nothing about a code that they lack, so they check nothing.

// shortList is how many codes are compared one by one; longer lists are joined.
const shortList = 64

// codeLists are the lists in force, and which of them are the shipped ones.
type codeLists struct {
	set     *dict.Set
	shipped map[string]string // id → hash
}

// loadCodes reads the lists: those of the options, or the shipped ones and what was imported into the lake.
func loadCodes(set *dict.Set, lakeDir string) (*codeLists, error) {
	own, err := dict.Load(dict.Shipped())
	if err != nil {
		return nil, err
	}
	if set == nil {
		if set, err = dict.Load(dict.Shipped(), os.DirFS(lakeDir)); err != nil {
			return nil, err
		}
	}
	c := &codeLists{set: set, shipped: map[string]string{}}
	for _, l := range own.Lists() {
		c.shipped[l.ID] = l.Hash
	}
	return c, nil
}

// of is the list that a column of a contract is checked against, nil where there is none.
func (c *codeLists) of(t *schema.Table, col *schema.Column) *dict.List {
	if c == nil || col.Codes == "" || col.Pseudonym {
		return nil
	}
	l, ok := c.set.List(col.Codes)
	if !ok || len(l.Codes) == 0 {
		return nil
	}
	if l.Hash == c.shipped[l.ID] && (!l.Complete || enumerated(t, col)) {
		return nil
	}
	return l
}

// enumerated says that the contract itself lists the values of the column.
func enumerated(t *schema.Table, col *schema.Column) bool {
	lists := func(k schema.Check) bool {
		n := k.Parsed
		if n == nil {
			n, _ = expr.Parse(k.Expr, expr.Pos{})
		}
		in, ok := n.(*expr.In)
		if !ok || in.Not {
			return false
		}
		x, ok := in.X.(*expr.Column)
		return ok && x.Name == col.Name
	}
	return slices.ContainsFunc(t.Checks, lists) || slices.ContainsFunc(col.Checks, lists)
}

// codeFinding is what a code that the list lacks is called. A dictionary's own key brings codes, it does not use them.
func codeFinding(t *schema.Table, col *schema.Column, l *dict.List) finding {
	return finding{
		check: col.Name + "_in_list", column: col.Name, category: "CONFORM",
		warning: !l.Complete || col.Mode == schema.DiscardValue || t.Kind == schema.Dim && slices.Contains(t.Key, col.Name),
		message: schema.Text{
			ZH: fmt.Sprintf("编码表 %s(%s，%s 年)在事件当日没有该代码，请按编码表改正后重报", l.ID, l.ZH, l.Year),
			EN: fmt.Sprintf("the code list %s (%s, %s) has no such code on the day of the event; correct the code and send the record again", l.ID, l.EN, l.Year),
		},
	}
}

// known is the SQL that says whether the list has the code x on a day (SQL too; "" = whenever); null for null.
func (p *plan) known(l *dict.List, x, day string) string {
	versioned := slices.ContainsFunc(l.Codes, func(c dict.Code) bool { return c.From != "" || c.To != "" })
	if !versioned && len(l.Codes) <= shortList {
		var words []string
		for _, c := range l.Codes {
			words = append(words, quote(c.Code))
		}
		return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN list_contains([%s], %s) END", x, strings.Join(words, ", "), x)
	}
	if !slices.Contains(p.lists, l) {
		p.lists = append(p.lists, l)
	}
	if !versioned || day == "" {
		return fmt.Sprintf("%s IN (SELECT code FROM %s)", x, listTable(l))
	}
	return fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL THEN EXISTS (SELECT 1 FROM %[2]s c WHERE c.code = %[1]s AND c.valid_from <= %[3]s AND c.valid_to > %[3]s) END", x, listTable(l), day)
}

func listTable(l *dict.List) string { return ident("codes_" + l.ID) }

// eventDay is the SQL of the day of a row's event, "" where the contract has none. A row without its date is judged by
// the day of loading.
func (p *plan) eventDay(t *Table, tp *tablePlan) string {
	c := t.contract
	if c.EventDate == "" || !slices.ContainsFunc(t.Columns, func(a Assign) bool { return a.Column == c.EventDate }) {
		return ""
	}
	x := ident(tp.prefix + c.EventDate)
	if c.Monthly() {
		x = fmt.Sprintf("TRY_CAST(left(%s, 7) || '-01' AS DATE)", x)
	}
	return fmt.Sprintf("coalesce(%s, DATE %s)", x, quote(p.today))
}

// codeTables makes the temp tables of the lists that the plan joins, once a run.
func (p *pass) codeTables(ctx context.Context) error {
	for _, l := range p.plan.lists {
		if slices.Contains(p.codesMade, l.ID) {
			continue
		}
		f := newFrame(listTable(l), "code VARCHAR", "valid_from DATE", "valid_to DATE")
		for _, c := range l.Codes {
			from, to := c.From, c.To
			if from == "" {
				from = "0001-01-01"
			}
			if to == "" {
				to = "9999-12-31"
			}
			f.row(c.Code, from, to)
		}
		if err := f.create(ctx, p.loader); err != nil {
			return err
		}
		p.codesMade = append(p.codesMade, l.ID)
	}
	return nil
}
