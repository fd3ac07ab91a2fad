package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// yaml is the contract as a file: what it is first, then mechanics, then one line a column.
func (t *table) yaml() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("table: %s", t.name)
	line("title: {zh: %s, en: %s}", quote(t.zh), quote(tableTitles[t.name]))
	line("kind: %s", t.kind)
	line("grain: %s", quote(t.grain))
	line("basis: %s", quote(t.shape))
	line(`version: "1"`)
	event := t.event()
	if event != "" {
		line("event_date: %s", event)
	}
	if c := clocks[t.name]; c != "" {
		line("clock: %s", c)
	}
	for _, name := range []string{"valid_from", "valid_to"} {
		if t.kind == "dim" && t.column(name) != nil {
			line("%s: %s", name, name)
		}
	}
	var key []string
	for _, c := range t.columns {
		if c.key == "PK" {
			key = append(key, c.name)
		}
	}
	line("key: [%s]", strings.Join(key, ", "))
	var order []string
	for _, name := range append([]string{t.org(), event}, key...) {
		if name != "" && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	line("sort: [%s]", strings.Join(order, ", "))
	if parent, ok := parents[t.name]; ok {
		line("parent: %s", parent)
		line("bad_child: child")
	}
	t.scope(line)
	t.roles(line)
	line("columns:")
	for i, c := range t.columns {
		t.write(line, i+1, c)
	}
	checks := t.checks()
	if len(checks) > 0 {
		line("checks:")
	}
	for _, c := range checks {
		line("  - id: %s", c.id)
		if c.column != "" {
			line("    column: %s", c.column)
		}
		line("    severity: %s", c.severity)
		line("    expr: %s", quote(c.expr))
		line("    message:")
		line("      zh: %s", quote(strings.ReplaceAll(c.zh, ",", "，")))
		line("      en: %s", quote(c.en))
	}
	return b.String()
}

func (t *table) event() string {
	for _, c := range t.columns {
		if c.partition {
			return c.name
		}
	}
	return ""
}

func (t *table) org() string {
	if t.kind == "dim" && t.name != "dim_org" && t.name != "dim_dept" && t.name != "dim_staff" {
		return ""
	}
	return t.first("org_code", "center_org_code", "from_org", "req_org")
}

func (t *table) scope(line func(string, ...any)) {
	org := t.org()
	regions := t.regions(org)
	public := publicTables[t.name]
	switch {
	case public && org == "" && len(regions) == 0:
		line("scope: {public: true}")
		return
	default:
		line("scope:")
	}
	if org != "" {
		line("  org: %s", org)
	}
	if len(regions) > 0 {
		var parts []string
		for _, v := range []string{"care", "insured", "residence"} {
			if regions[v] != "" {
				parts = append(parts, v+": "+regions[v])
			}
		}
		line("  region: {%s}", strings.Join(parts, ", "))
	}
	if public {
		line("  public: true")
	}
}

// regions says by which column each viewpoint sees a row.
func (t *table) regions(org string) map[string]string {
	out := map[string]string{}
	set := func(viewpoint, column string) {
		if column != "" {
			out[viewpoint] = column
		}
	}
	if r, ok := regionOf[t.name]; ok {
		for v, c := range r {
			set(v, c)
		}
		return out
	}
	if org != "" {
		out["care"] = "via dim_org"
	}
	set("care", t.first("mdtrt_region_code", "region_code"))
	set("insured", t.first("insu_region_code", "pool_region_code"))
	set("residence", t.first("region_residence"))
	if residents[t.name] {
		set("residence", t.first("region_code"))
	}
	return out
}

func (t *table) roles(line func(string, ...any)) {
	var parts []string
	for _, r := range roleColumns {
		names := r.columns
		if r.role == "date" {
			names = []string{t.event()}
		}
		if r.role == "org" {
			names = []string{t.org()}
		}
		if name := t.first(names...); name != "" {
			parts = append(parts, r.role+": "+name)
		}
	}
	if len(parts) > 0 {
		line("roles: {%s}", strings.Join(parts, ", "))
	}
}

// fitting widens a varchar that is narrower than the longest of its own codes (the catalogue has four such columns).
func (t *table) fitting(c column) string {
	k, ok := t.domain(c)
	var width int
	if _, err := fmt.Sscanf(c.typ, "varchar(%d)", &width); !ok || err != nil {
		return c.typ
	}
	for part := range strings.SplitSeq(k.expr, "'") {
		if codeToken.FindString(part) == part && len(part) > width {
			width = (len(part) + 1) / 2 * 2
		}
	}
	return fmt.Sprintf("varchar(%d)", width)
}

func (t *table) write(line func(string, ...any), id int, c column) {
	parts := []string{
		"id: " + strconv.Itoa(id), "name: " + c.name, fmt.Sprintf("title: {zh: %s, en: %s}", quote(t.chinese(c)), quote(t.english(c))), "type: " + flow(t.fitting(c)),
	}
	if c.unit != "" {
		parts = append(parts, "unit: "+quote(c.unit))
	}
	if codes := codeList(t.name, c); codes != "" {
		parts = append(parts, "codes: "+quote(codes))
	}
	if !c.nullable {
		parts = append(parts, "required: true")
	}
	if ref, ok := strings.CutPrefix(c.key, "FK->"); ok {
		parts = append(parts, "ref: "+ref)
	}
	parts = append(parts, "sensitivity: "+c.class)
	if c.name == "person_key" || c.class == "I" {
		parts = append(parts, "pseudonym: true")
	}
	if (c.class == "Q" || c.class == "H" || c.class == "M") && groupable[c.name] {
		parts = append(parts, "dimension: true")
	}
	if c.source != "" {
		parts = append(parts, "source: "+quote(c.source))
	}
	line("  - {%s}", strings.Join(parts, ", "))
}

// flow quotes what has a comma: decimal(16,2) inside a flow mapping.
func flow(s string) string {
	if strings.ContainsAny(s, ",") {
		return `"` + s + `"`
	}
	return s
}

// quote writes a YAML scalar that is always read back as the same text.
func quote(s string) string {
	if s == "" {
		return `""`
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
