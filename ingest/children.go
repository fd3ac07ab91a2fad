package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/schema/expr"
)

// compileChild makes the statement for a table with several rows a record.
func (p *plan) compileChild(t *Table, i int) (tablePlan, error) {
	tp := tablePlan{table: t, temp: fmt.Sprintf("kid%d", i), on: "_on", err: "_err", warn: "_warn"}
	from := "rec s"
	if t.Each.JSON != "" {
		from = p.elements(t)
	}
	var selects, wheres []string
	for _, b := range t.branches {
		items := []string{"s._file", "s._del", "s._src_row", "s._src_offset", "CAST(NULL AS SMALLINT) AS _ign", "TRUE AS _when"}
		if t.Each.JSON != "" {
			items = append(items, "s.item_no AS _n")
		} else {
			items = append(items, fmt.Sprintf("%d AS _n", b.n))
		}
		p.joins = false
		xs, err := p.expressions(t, b, "")
		if err != nil {
			return tp, err
		}
		where := "NOT s._bad AND s._ign IS NULL"
		if b.when != nil {
			text, err := p.sql(b.when, t)
			if err != nil {
				return tp, err
			}
			where += " AND (" + text + ")"
		}
		selects = append(selects, "SELECT "+strings.Join(append(items, xs...), ", ")+"\nFROM "+from+p.join()+"\nWHERE "+where)
		wheres = append(wheres, where)
	}
	var levels layers
	if err := p.rows(&tp, &levels); err != nil {
		return tp, err
	}
	keep := []string{"_file", "_del", "_src_row", "_src_offset", "_n", tp.err, tp.warn, tp.on}
	for _, v := range tp.held() {
		keep = append(keep, tp.taken(v))
	}
	tp.create = func(live []int) string {
		chosen := make([]string, 0, len(live))
		for _, i := range live {
			chosen = append(chosen, selects[i])
		}
		return fmt.Sprintf("CREATE OR REPLACE TABLE %s AS\nSELECT %s\nFROM (%s)", tp.temp, strings.Join(keep, ", "), levels.wrap(strings.Join(chosen, "\nUNION ALL ")))
	}
	tp.probe = probe(from+p.join(), wheres)
	return tp, nil
}

// elements is rec with one row an element of a JSON column.
func (p *plan) elements(t *Table) string {
	col := p.source.column(t.Each.JSON).sql
	var fields []string
	names := t.fields()
	nulls := make([]string, 0, 2)
	for _, w := range p.source.nulls() {
		nulls = append(nulls, quote(w))
	}
	for i, f := range names[:len(names)-1] {
		x := fmt.Sprintf("trim(json_extract_string(e, %s))", quote(`$."`+f+`"`))
		if len(t.Each.Fields) == 0 {
			x = "trim(json_extract_string(e, '$'))"
		}
		fields = append(fields, fmt.Sprintf("CASE WHEN %[1]s NOT IN (%[2]s) THEN %[1]s END AS i%[3]d", x, strings.Join(nulls, ", "), i))
	}
	array := fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL AND json_type(%[1]s) = 'OBJECT' THEN '[' || %[1]s || ']' WHEN %[1]s IS NOT NULL AND json_type(%[1]s) = 'ARRAY' THEN %[1]s END", col)
	return fmt.Sprintf(`(SELECT *, %s FROM (
    SELECT *, unnest(l) AS e, unnest(range(1, len(l) + 1)) AS item_no
    FROM (SELECT *, from_json(%s, '["JSON"]') AS l FROM rec WHERE NOT _bad AND _ign IS NULL))) s`, strings.Join(fields, ", "), array)
}

// childColumns finds the source columns that children name.
func (p *plan) childColumns() error {
	seen := map[string]bool{}
	add := func(c *sourceColumn) {
		if !seen[c.sql] {
			seen[c.sql] = true
			p.raw = append(p.raw, c)
		}
	}
	for i := range p.source.Tables {
		t := &p.source.Tables[i]
		if t.Each == nil {
			continue
		}
		if t.Each.JSON != "" {
			add(p.source.column(t.Each.JSON))
		}
		for _, b := range t.branches {
			nodes := b.columns
			if b.when != nil {
				nodes = append(slices.Clone(nodes), b.when)
			}
			for _, n := range nodes {
				for _, c := range expr.Columns(n) {
					if c.Qualifier == "file" || c.Qualifier == "" && (known[c.Name].Kind != expr.Unknown || slices.Contains(t.fields(), c.Name)) {
						continue
					}
					add(p.source.column(columnName(c)))
				}
			}
		}
	}
	return nil
}

// nulls are the words that stand for nothing.
func (s *Source) nulls() []string {
	words := s.Null
	if s.Format == "csv" && len(s.CSV.Null) > 0 {
		words = s.CSV.Null
	}
	if !slices.Contains(words, "") {
		words = append(slices.Clone(words), "")
	}
	return words
}
