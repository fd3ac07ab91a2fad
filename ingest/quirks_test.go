package ingest_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// TestQuirkyTextByYAMLAlone loads one row written in ways that exporters have: what differs is a few keys of a source.
func TestQuirkyTextByYAMLAlone(t *testing.T) {
	table := `table: quirk
title: {zh: "怪", en: "Quirk"}
kind: fact
grain: "one row"
basis: "test"
version: "1"
event_date: day
key: [id]
sort: [id]
scope: {org: org_code}
columns:
  - {id: 1, name: id, title: {zh: "号", en: "Number"}, type: varchar(20), required: true, sensitivity: O}
  - {id: 2, name: org_code, title: {zh: "机构", en: "Institution"}, type: varchar(22), required: true, sensitivity: O}
  - {id: 3, name: day, title: {zh: "日", en: "Day"}, type: date, required: true, sensitivity: O}
  - {id: 4, name: fee, title: {zh: "费用", en: "Fee"}, type: "decimal(12,2)", sensitivity: O}
  - {id: 5, name: note, title: {zh: "备注", en: "Note"}, type: varchar(40), sensitivity: O}
`
	source := func(keys string) string {
		return `id: quirk
title: {zh: "怪", en: "Quirk"}
meaning: One record is one row.
basis: test
files: ['(^|/)x\.(csv|json|ndjson)$']
delivery: {org: {const: A}, date: {const: 2025-03-03}}
tables: [{table: quirk, columns: {id: id, org_code: "'A'", day: day, fee: fee, note: note}}]
` + keys
	}
	for _, c := range []struct{ name, file, text, keys string }{
		{"plain", "x.csv", "id,day,fee,note\n007,2025-03-03,1234.50,a;b\n", "format: csv\n"},
		{"semicolons, decimal comma, thousands", "x.csv", "id;day;fee;note\n007;03.03.2025;1.234,50;\"a;b\"\n", "format: csv\ncsv: {delimiter: ';'}\nnumbers: {decimal: ',', thousands: '.'}\ndates: ['%d.%m.%Y']\n"},
		{"delimiter of two characters, no header", "x.csv", "007||2025/3/3||1234.5||a;b\n", "format: csv\ncsv: {delimiter: '||', header: false, columns: [id, day, fee, note]}\n"},
		{"lines before the header, comments", "x.csv", "Report\nof today\n# columns\nid,day,fee,note\n# one row\n007,20250303,1234.50,a;b\n", "format: csv\ncsv: {skip: 2, comment: '#'}\n"},
		{"backslash and single quotes", "x.csv", `id,day,fee,note` + "\n'007','2025-03-03','1234.50','a\\;b'\n", "format: csv\ncsv: {quote: \"'\", escape: '\\'}\n"},
		{"tabs to be found, other names", "x.csv", "NO.\tDay \tFEE\tNote\n 007\t2025-03-03\t1234.50\ta;b\n", "format: csv\ncsv: {delimiter: auto}\ncolumns: {aliases: {id: ['no.']}}\n"},
		{"deep JSON", "x.json", `{"code":0,"data":{"rows":[{"ID":"007","day":"2025-03-03T00:00:00","fee":1234.50,"note":"a;b"}]}}`, "format: json\njson: {records: data.rows}\n"},
		{"NDJSON", "x.ndjson", `{"id":"007","day":"2025-03-03","fee":"1234.50","note":"a;b","more":[1]}` + "\n", "format: ndjson\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			overlay := fstest.MapFS{"tables/quirk.yaml": {Data: []byte(table)}, "sources/quirk.yaml": {Data: []byte(source(c.keys))}}
			set, err := schema.Load(schema.Shipped(), overlay)
			if err != nil {
				t.Fatal(err)
			}
			sources, err := ingest.LoadSources(set, ingest.Shipped(), overlay)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			l, err := lake.Create(t.Context(), filepath.Join(dir, "lake"), lake.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			path := filepath.Join(dir, c.file)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			res, err := ingest.Run(t.Context(), l, set, sources, ingest.Options{}, []string{path})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range res.Refused {
				t.Fatal(r.Reason)
			}
			e, err := duckdb.Open(l, set, duckdb.Options{Connections: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			_, rows := ask(t, e, set, "SELECT id, day::VARCHAR AS day, fee::VARCHAR AS fee, note FROM quirk")
			if want := [][]string{{"007", "2025-03-03", "1234.50", "a;b"}}; !reflect.DeepEqual(rows, want) {
				t.Errorf("rows %q, want %q (loads %+v)", rows, want, res.Loads)
			}
		})
	}
}
