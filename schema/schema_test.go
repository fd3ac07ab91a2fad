package schema_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

func load(t *testing.T) *schema.Set {
	t.Helper()
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTheShippedContractsLoad(t *testing.T) {
	set := load(t)
	columns, checks := 0, 0
	for _, table := range set.Tables() {
		columns += len(table.Columns)
		checks += len(table.AllChecks())
		for _, c := range table.AllChecks() {
			if c.Parsed == nil {
				t.Errorf("%s: check %s was not parsed", table.Name, c.ID)
			}
		}
		if schemaFields := table.ArrowSchema().NumFields(); schemaFields != len(table.Columns)+8 {
			t.Errorf("%s: Arrow schema of %d fields, want the columns and 8 of lineage", table.Name, schemaFields)
		}
	}
	if n := len(set.Tables()); n != 69 || columns != 931+6+14+41+32+7 {
		t.Errorf("%d tables with %d columns; want the catalogue's 64 and 931, and five of our own", n, columns)
	}
	if checks < 190 {
		t.Errorf("only %d checks", checks)
	}
}

const small = `table: fact_tiny
title: {zh: 小表, en: Tiny}
kind: fact
version: "1"
event_date: day
key: [id]
scope: {org: org_code}
columns:
  - {id: 1, name: id, title: {zh: 编号, en: Id}, type: varchar(40), required: true, sensitivity: O}
  - {id: 2, name: org_code, title: {zh: 机构, en: Institution}, type: varchar(22), required: true, sensitivity: O}
  - {id: 3, name: day, title: {zh: 日期, en: Day}, type: date, required: true, sensitivity: O}
checks:
  - id: day_low
    severity: error
    expr: "day >= DATE '2000-01-01'"
    message: {zh: 太早, en: too early}
`

func TestFaultsOfAContractNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "kind: fact", "kind: fact\ncolour: red", "tables/fact_tiny.yaml:4: field colour not found in type schema.Table"},
		{"no type", "type: date", "type: day", `tables/fact_tiny.yaml:11: type "day": no such type; write varchar, decimal, int32, int64, double, boolean, date or timestamp`},
		{"no class", "required: true, sensitivity: O}\nchecks", "required: true}\nchecks", `tables/fact_tiny.yaml:11: table fact_tiny: column day: sensitivity "" is none of I, Q, H, M, O, P`},
		{"a table's mode", "required: true, sensitivity: O}\nchecks", "required: true, sensitivity: O, mode: freeze}\nchecks", `tables/fact_tiny.yaml:11: table fact_tiny: column day: mode "freeze" is none of discard_row, discard_value (freeze and evolve are modes of a table)`},
		{"column twice", "name: org_code", "name: id", "tables/fact_tiny.yaml:10: table fact_tiny: column id: is here twice"},
		{"id twice", "id: 2,", "id: 1,", "tables/fact_tiny.yaml:10: table fact_tiny: column org_code: id 1 is id's"},
		{"check names nothing", "day >= DATE", "dya >= DATE", "tables/fact_tiny.yaml:15:12: no column dya"},
		{"check is no condition", "day >= DATE '2000-01-01'", "day + 1", "tables/fact_tiny.yaml:15:16: a condition is wanted, this is date"},
		{"check does not parse", "day >= DATE '2000-01-01'", "day >=", "tables/fact_tiny.yaml:15:18: the expression ends where a value was expected"},
		{"no scope", "scope: {org: org_code}", "scope: {}", "tables/fact_tiny.yaml:7: table fact_tiny: scope: a row belongs to an org, a region, or is public"},
		{"event date", "event_date: day", "event_date: dy", "tables/fact_tiny.yaml:5: table fact_tiny: event_date: no column dy"},
		{"not YAML", "key: [id]", "key: [id", "tables/fact_tiny.yaml:"},
		{"ref to nowhere", "sensitivity: O}\n  - {id: 3", "ref: dim_nowhere, sensitivity: O}\n  - {id: 3", "tables/fact_tiny.yaml:1: table fact_tiny: column org_code: ref: no table dim_nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.old, c.new, 1)
			if text == small {
				t.Fatal("the text was not changed")
			}
			_, err := schema.Load(fstest.MapFS{"tables/fact_tiny.yaml": {Data: []byte(text)}})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAnOverlayAddsATableAndRedefinesOnlyWhenItSaysSo(t *testing.T) {
	overlay := func(text string) fstest.MapFS {
		return fstest.MapFS{"schema/tables/region/fact_tiny.yaml": {Data: []byte(text)}}
	}
	set, err := schema.Load(schema.Shipped(), overlay(small))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := set.Table("fact_tiny"); !ok {
		t.Error("the overlay's table is not there")
	}
	if _, err = schema.Load(overlay(small), overlay(small)); err == nil || !strings.Contains(err.Error(), "to redefine it, add replaces: fact_tiny") {
		t.Errorf("redefinition without replaces: got %v", err)
	}
	changed := strings.Replace(small, "kind: fact", "kind: fact\nreplaces: fact_tiny", 1)
	if _, err = schema.Load(overlay(small), overlay(changed)); err != nil {
		t.Errorf("redefinition with replaces: %v", err)
	}
	if _, err = schema.Load(overlay(changed)); err == nil {
		t.Error("replacing what is not there was accepted")
	}
}

func TestFieldIDsAreStable(t *testing.T) {
	table, _ := load(t).Table("fact_inp_stay")
	for column, want := range map[string]int{"stay_id": 1, "person_key": 3, "drug_fee": 80, "_src_org": 10001, "_contract_ver": 10008, "nothing": 0} {
		if got := table.FieldID(column); got != want {
			t.Errorf("%s: got %d, want %d", column, got, want)
		}
	}
}

func TestAColumnIsAsWideAsItsOwnCodes(t *testing.T) {
	found := 0
	for _, table := range load(t).Tables() {
		for _, check := range table.AllChecks() {
			in, ok := check.Parsed.(*expr.In)
			if !ok {
				continue
			}
			named, ok := in.X.(*expr.Column)
			if !ok {
				continue
			}
			c, _ := table.Column(named.Name)
			for _, n := range in.List {
				if code, ok := n.(*expr.Literal); ok && c.Type.Kind == expr.String && len(code.Text) > c.Type.Length {
					t.Errorf("%s: column %s is %s, its code %s is longer", table.Name, c.Name, c.Type, code.Text)
				}
				found++
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d codes were looked at", found)
	}
}
