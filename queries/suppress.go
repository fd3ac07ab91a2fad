package queries

// smallest finds the fewest cases behind a figure's parts and whether any is too few to be shown: a part of 1 … n-1
// cases, or a share whose complement is that small. Zero is safe.
func (a *asker) smallest(x *Indicator, w Window, g group, n float64) (cases float64, small bool) {
	first := true
	for _, m := range a.plan.catalog.MeasuresOf(x) {
		for _, name := range []string{m.ID, "peak:" + m.ID} {
			c, ok := a.cellOf(name, w, g)
			if !ok {
				continue
			}
			behind := c.cases
			if m.Additivity == Distinct && c.value.ok && m.distinctPersons() {
				behind = c.value.v
			}
			if behind > 0 && behind < n {
				small = true
			}
			if behind > 0 && (first || behind < cases) {
				cases, first = behind, false
			}
		}
	}
	num, den := references(x.numerator), []string(nil)
	if x.denominator != nil {
		den = references(x.denominator)
	}
	if len(num) == 1 && len(den) == 1 { // a plain share of cases: what is left over counts, too
		over, under := a.plan.catalog.measures[num[0]], a.plan.catalog.measures[den[0]]
		if over != nil && under != nil && over.counts() && under.counts() && over.From == under.From {
			c, okc := a.cellOf(over.ID, w, g)
			d, okd := a.cellOf(under.ID, w, g)
			if rest := d.cases - c.cases; okc && okd && rest > 0 && rest < n {
				small = true
			}
		}
	}
	return cases, small
}

// distinctPersons reports a count of people.
func (m *Measure) distinctPersons() bool {
	for _, c := range m.columns() {
		if c.Name == "person_key" {
			return true
		}
	}
	return false
}

// hide marks the figures of one indicator and window that would give a small one away by subtraction: in every line of
// the table whose total is shown at least two cells are hidden, or none. The smallest other cell goes first, in rows,
// then columns, until nothing changes. A total is treated as shown even where it was not asked: the next question may.
func hide(cells map[string]*figure, groups map[string]group, dims int) {
	for changed := true; changed; {
		changed = false
		for d := dims - 1; d >= 0; d-- {
			for _, line := range lines(cells, groups, d) {
				changed = line.protect() || changed
			}
		}
	}
}

// line is the cells that add up to one total.
type line struct {
	cells []*figure
	total *figure // nil where it was not asked
}

// lines groups cells by all dimensions but one.
func lines(cells map[string]*figure, groups map[string]group, d int) []line {
	byRest := map[string]*line{}
	for _, key := range sortedKeys(cells) {
		g := groups[key]
		rest := group{values: append([]any(nil), g.values...), total: append([]bool(nil), g.total...)}
		isTotal := g.total[d]
		rest.values[d], rest.total[d] = nil, true
		k := rest.key()
		if byRest[k] == nil {
			byRest[k] = &line{}
		}
		if isTotal {
			byRest[k].total = cells[key]
		} else {
			byRest[k].cells = append(byRest[k].cells, cells[key])
		}
	}
	out := make([]line, 0, len(byRest))
	for _, k := range sortedKeys(byRest) {
		out = append(out, *byRest[k])
	}
	return out
}

// protect hides one more figure of a line in which exactly one is hidden, be it a cell or the total: it would be the
// difference of the others.
func (l line) protect() bool {
	hidden := btoi(l.total != nil && l.total.hidden())
	var next *figure
	for _, c := range l.cells {
		if c.hidden() {
			hidden++
		} else if c.cases > 0 && (next == nil || c.cases < next.cases) {
			next = c
		}
	}
	if hidden != 1 {
		return false
	}
	if next == nil { // nothing to hide behind: the total would be the cell
		next = l.total
	}
	if next == nil || next.hidden() {
		return false
	}
	next.secondary = true
	return true
}

func (f *figure) hidden() bool { return f.small || f.secondary }
