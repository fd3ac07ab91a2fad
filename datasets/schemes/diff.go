package schemes

import (
	"slices"
	"strings"
)

// Difference is what changed from one scheme to another.
type Difference struct {
	From, To string   `json:"-"`
	Added    []Named  `json:"groups_added"`
	Removed  []Named  `json:"groups_removed"`
	Recoded  []Change `json:"groups_recoded"` // same name, other code
	Retitled []Change `json:"groups_renamed"` // same code, other name
	Rules    []Change `json:"rules_changed"`  // gates, rules and conditions
	Dx       []Change `json:"dx_moved"`       // categories and groups that a diagnosis leads to
	Ops      []Change `json:"ops_moved"`
	Severity []Change `json:"severity_changed"` // MCC, CC, exclusion tables
	Valid    []Change `json:"op_valid_changed"`
	Scores   []Change `json:"scores_changed,omitempty"` // DIP
}

// Named is a group with its name.
type Named struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Change is a thing that was one way and is another.
type Change struct {
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Empty says whether nothing changed.
func (d Difference) Empty() bool {
	return len(d.Added)+len(d.Removed)+len(d.Recoded)+len(d.Retitled)+len(d.Rules)+len(d.Dx)+len(d.Ops)+len(d.Severity)+len(d.Valid)+len(d.Scores) == 0
}

// Diff compares two schemes of one kind; catalogues without code lists are compared by their groups.
func Diff(a, b *Scheme) Difference {
	d := Difference{From: a.ID, To: b.ID}
	if a.Kind == DIP || b.Kind == DIP {
		d.groups(a.names("catalog.csv", "group_code", "dx_key"), b.names("catalog.csv", "group_code", "dx_key"))
		d.Rules = changes(a.column("catalog.csv", []string{"group_code"}, []string{"dx_key", "op_expr", "kind", "op_class"}), b.column("catalog.csv", []string{"group_code"}, []string{"dx_key", "op_expr", "kind", "op_class"}), false)
		d.Scores = changes(a.column("catalog.csv", []string{"group_code"}, []string{"score"}), b.column("catalog.csv", []string{"group_code"}, []string{"score"}), false)
		d.Ops = changes(a.column("op_class.csv", []string{"op_code"}, []string{"op_class"}), b.column("op_class.csv", []string{"op_code"}, []string{"op_class"}), true)
		return d
	}
	d.groups(a.names("drg.csv", "drg", "name"), b.names("drg.csv", "drg", "name"))
	for _, r := range []struct {
		table  string
		key    []string
		values []string
	}{{"mdc.csv", []string{"mdc"}, []string{"gate"}}, {"adrg.csv", []string{"adrg"}, []string{"expr"}}, {"drg.csv", []string{"drg"}, []string{"condition"}}} {
		d.Rules = append(d.Rules, changes(a.column(r.table, r.key, r.values), b.column(r.table, r.key, r.values), false)...)
	}
	d.Dx = changes(join(a.column("mdc_dx.csv", []string{"dx"}, []string{"mdc", "body_part"}), a.column("adrg_dx.csv", []string{"dx"}, []string{"adrg"})),
		join(b.column("mdc_dx.csv", []string{"dx"}, []string{"mdc", "body_part"}), b.column("adrg_dx.csv", []string{"dx"}, []string{"adrg"})), true)
	d.Ops = changes(a.column("adrg_op.csv", []string{"op"}, []string{"adrg", "list_no"}), b.column("adrg_op.csv", []string{"op"}, []string{"adrg", "list_no"}), true)
	d.Severity = changes(a.severities(), b.severities(), true)
	d.Valid = changes(a.column("op_valid.csv", []string{"op"}, nil), b.column("op_valid.csv", []string{"op"}, nil), true)
	return d
}

func (s *Scheme) names(table, code, name string) map[string]string {
	t := s.Tables[table]
	out := make(map[string]string, t.Len())
	for i := range t.Len() {
		out[t.Row(i)[t.Column(code)]] = t.Row(i)[t.Column(name)]
	}
	return out
}

// column collects, for each key, the sorted values beside it.
func (s *Scheme) column(table string, key, values []string) map[string][]string {
	t := s.Tables[table]
	out := make(map[string][]string, t.Len())
	if t.Len() == 0 {
		return out
	}
	for _, c := range slices.Concat(key, values) {
		if t.Column(c) < 0 {
			return out
		}
	}
	for i := range t.Len() {
		row := t.Row(i)
		var k, v []string
		for _, c := range key {
			k = append(k, row[t.Column(c)])
		}
		for _, c := range values {
			if row[t.Column(c)] != "" {
				v = append(v, row[t.Column(c)])
			}
		}
		text := strings.Join(v, ".")
		if len(values) == 0 {
			text = "valid"
		}
		name := strings.Join(k, " ")
		out[name] = append(out[name], text)
	}
	for k := range out {
		slices.Sort(out[k])
	}
	return out
}

func (s *Scheme) severities() map[string][]string {
	out := map[string][]string{}
	for _, t := range []struct{ table, key, name string }{{"mcc.csv", "dx", "MCC "}, {"cc.csv", "dx", "CC "}, {"cce.csv", "principal_dx", "excluded by "}} {
		for code, tables := range s.column(t.table, []string{t.key}, []string{"excl_table"}) {
			for _, table := range tables {
				out[code] = append(out[code], t.name+table)
			}
		}
	}
	return out
}

func join(a, b map[string][]string) map[string][]string {
	for k, v := range b {
		a[k] = append(a[k], v...)
	}
	return a
}

// changes lists keys whose values differ; both says whether keys of one side only count too.
func changes(a, b map[string][]string, both bool) []Change {
	var out []Change
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	for _, k := range sortedKeys(keys) {
		_, inA := a[k]
		_, inB := b[k]
		if !both && (!inA || !inB) {
			continue
		}
		if !slices.Equal(a[k], b[k]) {
			out = append(out, Change{What: k, From: strings.Join(a[k], " "), To: strings.Join(b[k], " ")})
		}
	}
	return out
}

// groups sorts what is on one side only into recoded, added and removed.
func (d *Difference) groups(a, b map[string]string) {
	byName := map[string]string{}
	for _, code := range sortedKeys(b) {
		if _, ok := a[code]; !ok {
			byName[b[code]] = code
		}
	}
	recoded := map[string]bool{}
	for _, code := range sortedKeys(a) {
		name, ok := b[code]
		switch {
		case ok && name != a[code]:
			d.Retitled = append(d.Retitled, Change{code, a[code], name})
		case !ok && byName[a[code]] != "" && !recoded[byName[a[code]]]:
			recoded[byName[a[code]]] = true
			d.Recoded = append(d.Recoded, Change{a[code], code, byName[a[code]]})
		case !ok:
			d.Removed = append(d.Removed, Named{code, a[code]})
		}
	}
	for _, code := range sortedKeys(b) {
		if _, ok := a[code]; !ok && !recoded[code] {
			d.Added = append(d.Added, Named{code, b[code]})
		}
	}
}
