// Command contracts wrote the first state of schema/tables from a catalogue of columns (a CSV of tables, columns, Chinese
// names, types, keys and rules in words): titles in English, scopes, roles, sort orders, and checks as expressions. What
// it knows beyond the catalogue stands in know*.go. Contracts are edited by hand afterwards; run it again only to take in
// a new catalogue, and read the difference.
//
//	go run ./schema/internal/contracts CATALOGUE.csv schema/tables
package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sanyi-lake/sanyi/schema"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: contracts CATALOGUE.csv FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "contracts:", err)
		os.Exit(1)
	}
}

func run(catalogue, folder string) error {
	tables, err := read(catalogue)
	if err != nil {
		return err
	}
	var faults []error
	for _, t := range tables {
		text := t.yaml()
		file := filepath.Join(folder, t.folder(), t.name+".yaml")
		if _, err := schema.Parse(file, []byte(text)); err != nil {
			faults = append(faults, err)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

// table is one table of the catalogue.
type table struct {
	name, zh, kind, grain, shape string
	columns                      []column
}

// column is one line of the catalogue.
type column struct {
	name, zh, typ, unit, codes, key, class, rule, source string
	nullable, partition                                  bool
}

func read(file string) ([]*table, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	var out []*table
	for _, r := range rows[1:] {
		get := func(name string) string { return strings.TrimSpace(r[at[name]]) }
		if strings.HasPrefix(get("table"), "*") { // lineage: schema.Lineage has it
			continue
		}
		if len(out) == 0 || out[len(out)-1].name != get("table") {
			out = append(out, &table{name: get("table"), zh: get("table_zh"), kind: get("kind"), grain: get("grain"), shape: get("source_shape")})
		}
		t := out[len(out)-1]
		t.columns = append(t.columns, column{
			name: get("column"), zh: get("zh"), typ: get("type"), unit: get("unit"), codes: get("code_system"), key: get("key"),
			class: get("sensitivity")[:1], rule: get("validation"), source: get("source_field"), nullable: get("nullable") == "Y",
			partition: get("is_partition_source") == "Y",
		})
	}
	return out, nil
}

func (t *table) column(name string) *column {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	return nil
}

// first is the first of several names that the table has, "" where it has none.
func (t *table) first(names ...string) string {
	for _, n := range names {
		if t.column(n) != nil {
			return n
		}
	}
	return ""
}

func (t *table) folder() string {
	if t.kind == "dim" {
		return "dim"
	}
	for folder, names := range folders {
		for n := range strings.FieldsSeq(names) {
			if "fact_"+n == t.name {
				return folder
			}
		}
	}
	return "platform"
}
