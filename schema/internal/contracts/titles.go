package main

import (
	"regexp"
	"strings"
)

var codesInTitle = regexp.MustCompile(`\(?[A-Z][A-Z0-9]{0,8}[\p{Han}]*(?:/[A-Z][A-Z0-9]{0,8}[\p{Han}]*)+\)?`)

// chinese is the catalogue's name without the codes that it lists (the check lists them).
func (t *table) chinese(c column) string {
	if zh, ok := chineseTitles[t.name+"."+c.name]; ok {
		return zh
	}
	zh := c.zh
	if !strings.Contains(zh, "DRG/DIP组") {
		zh = strings.TrimSpace(codesInTitle.ReplaceAllString(zh, ""))
	}
	if named, ok := chineseTitles[c.name]; ok && (zh == "" || zh == "ID") {
		return named
	}
	if zh == "" || zh == "ID" {
		return "编号"
	}
	return zh
}

// english is a short title made from the words of the column's name; columnTitles has those that would read badly.
func (t *table) english(c column) string {
	if en, ok := columnTitles[t.name+"."+c.name]; ok {
		return en
	}
	if en, ok := columnTitles[c.name]; ok {
		return en
	}
	var out []string
	parts := strings.Split(c.name, "_")
	for i, w := range parts {
		if i == 0 && w == "is" {
			continue
		}
		if full, ok := words[w]; ok {
			w = full
		}
		if w != "" {
			out = append(out, w)
		}
	}
	s := strings.Join(out, " ")
	return strings.ToUpper(s[:1]) + s[1:]
}
