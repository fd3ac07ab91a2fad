package reader_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/ingest/reader"
)

func TestJSONFlattensObjects(t *testing.T) {
	const one = `{"id": 7, "setl": {"fee": 12.340, "psn": {"name": "王\u4f1f"}}, "dx": [{"c":"I10"}, 2], "old": null, "ok": true, "n": 1e400, "s": ""}`
	names := []string{"id", "setl.fee", "setl.psn.name", "dx", "old", "ok", "n", "s"}
	row := []string{"7", "12.340", "王伟", `[{"c":"I10"}, 2]`, null, "true", "1e400", null}
	for _, c := range []struct{ name, format, records, in string }{
		{"lines", reader.NDJSON, "", one + "\n\n" + one + "\r\n"},
		{"array", reader.JSON, "", "\ufeff [ " + one + ",\n" + one + "]\n"},
		{"deep", reader.JSON, "input.data", `{"infno": "2207", "other": {"data": [1]}, "input": {"data": [` + one + "," + one + `], "n": 2}, "x": [1, {"a": "]}"}]}`},
		{"documents", reader.JSON, "", one + one},
		{"documents with path", reader.JSON, "input", `{"input":` + one + `}{"input":[` + one + `]}{"input":[]}{"input":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, chunk := range []int{1, 1 << 20} {
				spec := reader.Spec{Format: c.format, JSON: reader.JSONSpec{Records: c.records}}
				got := readAll(t, spec, &slowly{strings.NewReader(c.in), chunk})
				if got.err != nil {
					t.Fatal(got.err)
				}
				if want := [][]string{row, row}; !reflect.DeepEqual(got.rows, want) {
					t.Errorf("rows\n got %q\nwant %q", got.rows, want)
				}
				if want := append(slices.Clone(names), reader.RowColumn, reader.OffsetColumn); !slices.Equal(got.names, want) {
					t.Errorf("columns %q, want %q", got.names, want)
				}
				if len(got.rejects) > 0 {
					t.Errorf("rejects %+v", got.rejects)
				}
				for i, at := range got.offsets {
					if !strings.HasPrefix(c.in[at:], one) {
						t.Errorf("offset %d of record %d does not point at the record", at, i+1)
					}
				}
			}
		})
	}
}

func TestJSONTakesWantedPaths(t *testing.T) {
	const in = `{"id":"1","name":[{"family":"A","given":["x","y"]},{"family":"B"}],"class":{"code":"AMB","n":1},"more":2}
{"ID":"2","class":{"code":"IMP"}}
`
	spec := reader.Spec{Format: reader.NDJSON, Want: []string{"id", "class.code", "class", "name[0].given[1]", "name[1].family", "none"}}
	got := readAll(t, spec, strings.NewReader(in))
	if got.err != nil {
		t.Fatal(got.err)
	}
	want := [][]string{{"1", "AMB", `{"code":"AMB","n":1}`, "y", "B", null}, {"2", "IMP", `{"code":"IMP"}`, null, null, null}}
	if !reflect.DeepEqual(got.rows, want) {
		t.Errorf("rows\n got %q\nwant %q", got.rows, want)
	}
	if want := []string{"none"}; !slices.Equal(got.r.Missing(), want) {
		t.Errorf("missing %q, want %q", got.r.Missing(), want)
	}
	if want := []string{"id", "name", "class", "class.code", "class.n", "more", "ID"}; !slices.Equal(got.r.Columns(), want) {
		t.Errorf("columns %q, want %q", got.r.Columns(), want)
	}
	if n := got.r.Extra()["more"]; n != 1 {
		t.Errorf("extra %v: the key nobody wants must be counted", got.r.Extra())
	}
}

func TestJSONRejectsRecordsAndGoesOn(t *testing.T) {
	good := `{"a":"1"}`
	for _, c := range []struct{ name, bad, reason string }{
		{"not JSON", `{"a":1,}`, reader.ReasonBadJSON},
		{"not an object", `[1]`, reader.ReasonBadJSON},
		{"a key twice", `{"a":1,"a":2}`, reader.ReasonDuplicateKey},
		{"zero byte", `{"a":"\u0000"}`, reader.ReasonNUL},
		{"half a character", `{"a":"\ud800"}`, reader.ReasonBadEncoding},
		{"broken UTF-8", "{\"a\":\"\xe4\xbd\"}", reader.ReasonBadEncoding},
		{"too long", `{"a":"` + strings.Repeat("x", 300) + `"}`, reader.ReasonTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, format := range []string{reader.NDJSON, reader.JSON} {
				in := good + "\n" + c.bad + "\n" + good + "\n"
				if format == reader.JSON {
					in = "[" + good + "," + c.bad + "," + good + "]"
				}
				got := readAll(t, reader.Spec{Format: format, Encoding: "utf-8", MaxRecordBytes: 200}, strings.NewReader(in))
				if got.err != nil {
					t.Fatal(got.err)
				}
				if len(got.rows) != 2 || len(got.rejects) != 1 || got.rejects[0].Record != 2 || got.rejects[0].Reason != c.reason ||
					!strings.HasPrefix(in[got.rejects[0].Offset:], c.bad) || got.rejects[0].Length != int64(len(c.bad)) {
					t.Errorf("%s: %d rows, rejects %+v, want one %s", format, len(got.rows), got.rejects, c.reason)
				}
			}
		})
	}
}

func TestJSONFilesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, format, records, in, fault string }{
		{"cut off", reader.JSON, "", `[{"a":1},{"a":`, reader.FaultTruncated},
		{"cut off behind an element", reader.JSON, "", `[{"a":1}`, reader.FaultTruncated},
		{"cut off behind the records", reader.JSON, "r", `{"r":[{"a":1}]`, reader.FaultTruncated},
		{"no such path", reader.JSON, "x.y", `{"x":{"z":[]}}`, reader.FaultBroken},
		{"no comma", reader.JSON, "", `[{"a":1} {"a":2}]`, reader.FaultBroken},
		{"text", reader.JSON, "", `hello`, reader.FaultBroken},
		{"array as lines", reader.NDJSON, "", `[{"a":1}]`, reader.FaultBroken},
		{"web page", reader.JSON, "", `<html></html>`, reader.FaultHTML},
		{"blank", reader.NDJSON, "", " \n", reader.FaultEmpty},
		{"empty", reader.NDJSON, "", "", reader.FaultEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readAll(t, reader.Spec{Format: c.format, JSON: reader.JSONSpec{Records: c.records}}, strings.NewReader(c.in))
			var file *reader.FileError
			if !errors.As(got.err, &file) || file.Fault != c.fault {
				t.Errorf("err %v, want fault %s", got.err, c.fault)
			}
		})
	}
}

// FuzzJSON: whatever the bytes, nothing panics and each record is a row or a reject; a proper object is never rejected
// but for a key that stands twice, a zero byte or half a character.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[{"a":{"b":[1,"]"]}}]`, `{"d":[{"x":"\ud83d\ude00"}]}`, "{\"a\":\"\\\"\"}\n{}\n", `{"a.b":1,"a":{"b":2}}`} {
		f.Add(s, "", true)
		f.Add(s, "d", false)
	}
	f.Fuzz(func(t *testing.T, in, path string, lines bool) {
		spec := reader.Spec{Format: reader.JSON, Encoding: "utf-8", JSON: reader.JSONSpec{Records: path}, MaxRecordBytes: 1000, BatchRecords: 3}
		if lines {
			spec.Format = reader.NDJSON
		}
		got := readAll(t, spec, strings.NewReader(in))
		again := readAll(t, spec, &slowly{strings.NewReader(in), 1})
		if !reflect.DeepEqual(again.rows, got.rows) || !slices.Equal(again.reasons(), got.reasons()) || (again.err == nil) != (got.err == nil) {
			t.Fatalf("other rows when read byte by byte:\n%q %v\n%q %v", got.rows, got.err, again.rows, again.err)
		}
		var object map[string]any
		if !strings.ContainsAny(in, "\r\n") && len(in) < 1000 && path == "" && json.Unmarshal([]byte(in), &object) == nil && object != nil && isText(in) {
			for _, j := range got.rejects {
				if j.Reason == reader.ReasonBadJSON || j.Reason == reader.ReasonTooLong {
					t.Fatalf("a proper object was rejected as %s: %q", j.Reason, in)
				}
			}
			if got.err != nil || len(got.rows)+len(got.rejects) != 1 {
				t.Fatalf("a proper object is not one record: %q: %v", in, got.err)
			}
		}
	})
}
