// Package tablesdoc writes docs/tables.md from the contracts: what a person reads who has no program at hand.
package tablesdoc

import (
	"fmt"
	"path"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
)

var groups = []struct{ folder, title string }{
	{"dim", "Dictionaries 字典"},
	{"hospital", "Hospitals 医疗"},
	{"insurance", "Insurance 医保"},
	{"drug", "Drugs 医药"},
	{"publichealth", "Public health and primary care 公卫与基层"},
	{"platform", "Platform 平台"},
	{"derived", "Written by the product 产品自写"},
}

// Page is docs/tables.md.
func Page(set *schema.Set) string {
	var b strings.Builder
	columns, checks := 0, 0
	for _, t := range set.Tables() {
		columns += len(t.Columns)
		checks += len(t.AllChecks())
	}
	fmt.Fprintf(&b, `# Tables 数据表

Generated from schema/tables by `+"`UPDATE_GOLDEN=1 go test ./schema/internal/tablesdoc`"+`; a test fails when it is stale.
%d tables, %d columns, %d checks. `+"`sanyi catalog tables NAME`"+` prints one of them with its checks.

Class 敏感级: I direct identifier 直接标识 · Q quasi identifier 准标识 · H health 敏感健康 · M personal money 个人费用 · O operational 运营 · P public 可公开.
Columns of class Q, H and M group figures only where marked ⊞; columns marked # hold keyed pseudonyms, never what was sent. Bold: required.

Every row also carries where it came from: %s.
`, len(set.Tables()), columns, checks, lineage())
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n", g.title)
		for _, t := range set.Tables() {
			if path.Base(path.Dir(t.File)) == g.folder {
				table(&b, t)
			}
		}
	}
	return b.String()
}

func lineage() string {
	var out []string
	for _, c := range schema.Lineage() {
		out = append(out, fmt.Sprintf("`%s` %s", c.Name, c.Title.ZH))
	}
	return strings.Join(out, ", ")
}

func table(b *strings.Builder, t *schema.Table) {
	fmt.Fprintf(b, "\n### %s\n\n%s · %s. One row: %s. From: %s.\n", t.Name, t.Title.ZH, t.Title.EN, t.Grain, t.Basis)
	fmt.Fprintf(b, "Key `%s`", strings.Join(t.Key, ", "))
	if t.EventDate != "" {
		fmt.Fprintf(b, ", months by `%s`", t.EventDate)
	}
	if t.Clock != "" {
		fmt.Fprintf(b, " (clock `%s`)", t.Clock)
	}
	if t.Parent != "" {
		fmt.Fprintf(b, ", children of `%s`", t.Parent)
	}
	b.WriteString(".\n\n| column | 名称 | title | type | class | codes | source |\n|---|---|---|---|---|---|---|\n")
	for _, c := range t.Columns {
		name := "`" + c.Name + "`"
		if c.Required {
			name = "**" + name + "**"
		}
		class := c.Sensitivity
		if c.Pseudonym {
			class += " #"
		}
		if c.Dimension {
			class += " ⊞"
		}
		codes := c.Codes
		if c.Ref != "" {
			codes = strings.TrimSpace(codes + " → " + c.Ref)
		}
		typ := c.Type.String()
		if c.Unit != "" {
			typ += " " + c.Unit
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", name, cell(c.Title.ZH), cell(c.Title.EN), typ, class, cell(codes), cell(c.Source))
	}
	checks := t.AllChecks()
	if len(checks) == 0 {
		return
	}
	b.WriteString("\n| check | severity | rule |\n|---|---|---|\n")
	for _, c := range checks {
		fmt.Fprintf(b, "| %s | %s | `%s` |\n", c.ID, c.Severity, strings.ReplaceAll(cell(c.Expr), "`", "'"))
	}
}

func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", "\\|"), "\n", " ") }
