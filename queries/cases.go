package queries

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Bench is where worked cases run: empty tables of every contract, in memory.
type Bench interface {
	Runner
	Reset() error
	Load(table string, rows []map[string]any) error
}

// Check runs every worked case of the indicators (all where none is named) and reports each fault with file and line.
// It returns how many cases ran.
func (c *Catalog) Check(ctx context.Context, bench Bench, ids ...string) (int, error) {
	ran := 0
	var faults []error
	for _, x := range c.Indicators() {
		if len(ids) > 0 && !slices.Contains(ids, x.ID) {
			continue
		}
		for _, d := range x.Dimensions {
			if err := c.offers(x, d); err != nil {
				faults = append(faults, fmt.Errorf("%s:%d: indicator %s: dimensions: %w", x.At.File, x.At.Line, x.ID, err))
			}
		}
		for i := range x.Cases {
			ran++
			if err := c.checkCase(ctx, bench, x, &x.Cases[i]); err != nil {
				faults = append(faults, fmt.Errorf("%s:%d: indicator %s: case %s: %w", x.Cases[i].At.File, x.Cases[i].At.Line, x.ID, x.Cases[i].ID, err))
			}
			if ctx.Err() != nil {
				return ran, errors.Join(append(faults, ctx.Err())...)
			}
		}
	}
	return ran, errors.Join(faults...)
}

// offers reports whether every measure of an indicator has a dimension that it promises.
func (c *Catalog) offers(x *Indicator, name string) error {
	p := &Plan{catalog: c}
	all := c.MeasuresOf(x)
	for _, m := range all {
		if _, err := p.resolve(name, m, all, x.Viewpoint); err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalog) checkCase(ctx context.Context, bench Bench, x *Indicator, k *Case) error {
	if len(k.Expect) == 0 {
		return errors.New("expect: a case wants something")
	}
	if err := bench.Reset(); err != nil {
		return err
	}
	rows, err := rowsGiven(x.layer, k)
	if err != nil {
		return err
	}
	if err := LoadRows(bench, c.set, rows); err != nil {
		return err
	}
	req := Request{
		Indicators: []string{x.ID}, Period: k.Ask.Period, Grain: k.Ask.Grain, By: k.Ask.By, Totals: k.Ask.Totals, Where: k.Ask.Where, Compare: k.Ask.Compare, MinCell: k.Ask.MinCell,
		Choose: k.Ask.Choose,
	}
	if k.Ask.Now != "" {
		now, err := ParseNow(k.Ask.Now)
		if err != nil {
			return err
		}
		req.Now = now
	}
	a, err := c.Ask(ctx, bench, req, WholeLake("worked case"))
	if err != nil {
		return err
	}
	for _, want := range k.Expect {
		if err := a.Holds(want); err != nil {
			return err
		}
	}
	return nil
}

// rowsGiven are a case's own rows and those of the fixture that it names: of its own layer, else of those shipped.
func rowsGiven(layer fs.FS, k *Case) (map[string][]map[string]any, error) {
	if k.RowsFrom == "" {
		return k.Rows, nil
	}
	for _, from := range []fs.FS{layer, shipped} {
		for _, file := range []string{"fixtures/" + k.RowsFrom + ".yaml", "queries/fixtures/" + k.RowsFrom + ".yaml"} {
			raw, err := fs.ReadFile(from, file)
			if err != nil {
				continue
			}
			rows := map[string][]map[string]any{}
			if err := strict(raw, file, &rows); err != nil {
				return nil, err
			}
			for table, own := range k.Rows {
				rows[table] = append(rows[table], own...)
			}
			return rows, nil
		}
	}
	return nil, fmt.Errorf("rows_from: no file fixtures/%s.yaml", k.RowsFrom)
}

// LoadRows fills a bench with the rows of a case and notes the days they cover as delivered, as loading them would.
func LoadRows(bench Bench, set *schema.Set, rows map[string][]map[string]any) error {
	var arrived []map[string]any
	for _, table := range sortedKeys(rows) {
		t, ok := set.Table(table)
		if !ok {
			return fmt.Errorf("rows: no table %s", table)
		}
		full := expand(rows[table])
		if err := bench.Load(table, full); err != nil {
			return fmt.Errorf("rows: %w", err)
		}
		if _, given := rows[deliveries]; !given {
			arrived = append(arrived, daysOf(t, full)...)
		}
	}
	if len(arrived) == 0 {
		return nil
	}
	return bench.Load(deliveries, arrived)
}

// daysOf are the organisations and days that occur in rows (domain/clarifications 5).
func daysOf(t *schema.Table, rows []map[string]any) []map[string]any {
	col, ok := t.Column(t.EventDate)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	var out []map[string]any
	for _, r := range rows {
		day, _ := r[t.EventDate].(string)
		if col.Type.Kind == expr.String && len(day) == len("2025-03") {
			day += "-01"
		}
		if len(day) < len("2025-03-03") {
			continue
		}
		org, _ := r[t.Scope.Org].(string)
		day = day[:len("2025-03-03")]
		if seen[org+day] {
			continue
		}
		seen[org+day] = true
		out = append(out, map[string]any{"table_name": arrivesAs(t), "org_code": org, "stat_date": day, "source": "case", "status": "ARRIVED", "is_expected": false})
	}
	return out
}

// expand makes _repeat: n rows of one, with {i} in texts replaced by 1 … n.
func expand(rows []map[string]any) []map[string]any {
	var out []map[string]any
	for _, r := range rows {
		n := 1
		switch v := r["_repeat"].(type) {
		case int:
			n = v
		case float64:
			n = int(v)
		}
		for i := 1; i <= n; i++ {
			c := maps.Clone(r)
			delete(c, "_repeat")
			for k, v := range c {
				if s, ok := v.(string); ok {
					c[k] = strings.ReplaceAll(s, "{i}", strconv.Itoa(i))
				}
			}
			out = append(out, c)
		}
	}
	return out
}

// Holds compares an answer with what is wanted of one of its rows: indicator, period and dimensions choose the row (a
// dimension that is not named is a total, or null), the other fields are compared; numbers within a millionth.
func (a *Answer) Holds(want map[string]any) error {
	cols := a.Columns()
	var hits [][]any
	for i := range a.Rows {
		cells := a.Cells(&a.Rows[i])
		ok := true
		for j, name := range cols {
			w, named := want[name]
			chooses := name == "indicator" || name == "period" || slices.Contains(a.By, name)
			if chooses && (named || slices.Contains(a.By, name)) && !same(cells[j], w) {
				ok = false
			}
		}
		if ok {
			hits = append(hits, cells)
		}
	}
	if len(hits) != 1 {
		return fmt.Errorf("%d rows answer %v, one is wanted", len(hits), want)
	}
	for _, name := range sortedKeys(want) {
		j := slices.Index(cols, name)
		if j < 0 {
			return fmt.Errorf("expect: no field %s; there are %s", name, strings.Join(cols, ", "))
		}
		if !same(hits[0][j], want[name]) {
			return fmt.Errorf("%s is %v, want %v (of %v)", name, show(hits[0][j]), show(want[name]), want)
		}
	}
	return nil
}

func show(v any) any {
	if v == nil {
		return "null"
	}
	return v
}

func same(got, want any) bool {
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	g, gok := asFloat(got)
	w, wok := asFloat(want)
	if gok && wok {
		return math.Abs(g-w) <= 1e-6*math.Max(1, math.Abs(w))
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}
