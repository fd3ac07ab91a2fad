//go:build duckdb_arrow

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/internal/sharedtest"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// TestEachMeasureCountsWhatItsDraftCounted asks every measure of the catalogue twice on the same random rows: compiled
// from its definition, and as the SQL text of the draft. Where domain/clarifications say that the draft is wrong
// (stocks, versions, the day of asking) the two may differ and the measure only has to run.
func TestEachMeasureCountsWhatItsDraftCounted(t *testing.T) {
	file, err := os.Open(sharedtest.File(t, "domain", "measures.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	drafts, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	shipped, set, bench := benchOf(t)
	layer := fstest.MapFS{}
	for _, d := range drafts[1:] {
		layer["indicators/X_"+d[0]+".yaml"] = &fstest.MapFile{Data: []byte("id: X_" + d[0] + "\ntitle: {zh: x, en: x}\nbasis: test\nunit: x\ndirection: monitor\nsuppression: \"no\"\nnumerator: " + d[0] + "\n")}
	}
	c, err := queries.Load(set, queries.Shipped(), layer)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 11))
	for _, table := range set.Tables() {
		if table.Kind == schema.Derived {
			continue
		}
		rows := 120
		if table.Kind == schema.Dim {
			rows = 12
		}
		if err := queries.LoadRows(bench, set, map[string][]map[string]any{table.Name: randomRows(rng, table, rows)}); err != nil {
			t.Fatal(err)
		}
	}
	compared, ran, nonzero := 0, 0, 0
	for _, d := range drafts[1:] {
		id, from, aggregate, where, day := d[0], d[2], d[3], d[4], d[5]
		m, ok := shipped.Measure(id)
		if !ok {
			t.Errorf("measure %s of the draft is not shipped", id)
			continue
		}
		a, err := c.Ask(t.Context(), bench, queries.Request{Indicators: []string{"X_" + id}, Period: "2025-02..2025-03", Grain: "total"}, queries.WholeLake("test"))
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		ran++
		if draftIsWrong(m, where+aggregate) {
			continue
		}
		low, high := "DATE '2025-02-01'", "DATE '2025-04-01'"
		if m.TimeKind == queries.Monthly {
			low, high = "'2025-02'", "'2025-04'"
		}
		sql := fmt.Sprintf("SELECT CAST(%s AS DOUBLE) AS v FROM %s WHERE (%s) AND %s >= %s AND %s < %s", aggregate, from, where, day, low, day, high)
		want, err := one(t, bench, sql)
		if err != nil {
			t.Errorf("%s: draft: %v", id, err)
			continue
		}
		compared++
		got := a.Rows[0].Value
		if want == nil && (m.Additivity != queries.Quantile) {
			zero := 0.0
			want = &zero // the draft's sum of nothing
		}
		switch {
		case got == nil && want == nil:
		case got == nil || want == nil || math.Abs(*got-*want) > 1e-6*math.Max(1, math.Abs(*want)):
			t.Errorf("%s: got %v, draft %v\n%s", id, figureText(got), figureText(want), sql)
		default:
			if *want != 0 {
				nonzero++
			}
		}
	}
	t.Logf("%d measures ran, %d compared with their drafts, %d of them not zero", ran, compared, nonzero)
	if ran < 680 || compared < 550 || nonzero < 420 {
		t.Errorf("%d ran, %d compared, %d not zero: the catalogue has 691, most of them plain", ran, compared, nonzero)
	}
}

var draftAsOf = regexp.MustCompile(`current_date|valid_to is null|end_date is null|select max\(stat_date\)`)

// draftIsWrong says where the clarifications overrule the draft.
func draftIsWrong(m *queries.Measure, text string) bool {
	return draftAsOf.MatchString(text) || m.TimeKind == queries.Open || m.TimeKind == queries.Version || m.StockAtEnd != nil
}

func figureText(v *float64) any {
	if v == nil {
		return "null"
	}
	return *v
}

func one(t *testing.T, bench scratchBench, sql string) (*float64, error) {
	t.Helper()
	rows, err := bench.RunStatement(t.Context(), queries.Statement{SQL: sql})
	if err != nil {
		return nil, err
	}
	for _, b := range rows.Batches {
		defer b.Release()
		if b.NumRows() > 0 {
			col, ok := b.Column(0).(*array.Float64)
			if !ok {
				return nil, fmt.Errorf("column of type %s", b.Column(0).DataType())
			}
			if col.IsNull(0) {
				return nil, nil //nolint:nilnil // SQL's null
			}
			v := col.Value(0)
			return &v, nil
		}
	}
	return nil, errors.New("no row")
}

// words are values that the drafts' filters look for, so that random rows pass some of them.
var words = strings.Fields("DONE CANCEL EXP NET SPC FEV NOSHOW ATTEND WX APP EMS DEATH SUR INT I II ACCEPT REJECT NONE 11 13 14 21 22 24 41 52 LOC NATL PROV DRG DIP BED TCM " +
	"CODE FACE MOBILE 310 390 INST PRE MON CONFIRM MID POST FRAUD OP ER IP PASS BLOCK PHARM S DRUG CONS ADR AEFI MDE SER GEN HOSP TCMH UP DOWN IMG ECG PATH EDU CONS ACTIVE " +
	"HTN DM COPD SMD TB FACE NET CS VAG A B C ILI SARI DIARR FOOD TECH OK PART MISS FAIL COMPLETE CONFORM PLAUSIBLE TIMELY CONSIST UNIQUE ERROR EXACT PROB NEW REVIEW " +
	"PANEL SQL EXPORT API EHR EMR LAB CARD LEAK VULN RED OUTP INP STAFF 1 2 3 4 5 9 4A 5B DOC GP NUR PHA ANES SR ASR UTF8 GBK C34 I21 J44 E11 340100 340121 110100")

// randomRows makes rows that fit a contract: few organisations, persons and codes, some nulls, moments in five months.
// Keys of dimensions do not repeat: a second version would be joined by the draft twice.
func randomRows(rng *rand.Rand, t *schema.Table, n int) []map[string]any {
	var out []map[string]any
	for i := range n {
		day := rng.IntN(150)
		row := map[string]any{}
		for _, c := range t.Columns {
			row[c.Name] = nil // all rows give the same columns: they load in few statements
			if rng.IntN(8) == 0 && !c.Required && c.Name != t.EventDate {
				continue
			}
			row[c.Name] = randomValue(rng, t, c, i, day)
		}
		out = append(out, row)
	}
	return out
}

func randomValue(rng *rand.Rand, t *schema.Table, c schema.Column, i, day int) any {
	key := len(t.Key) > 0 && t.Key[0] == c.Name
	switch c.Type.Kind {
	case expr.Bool:
		return rng.IntN(2) == 0
	case expr.Int32, expr.Int64:
		return rng.IntN(9)
	case expr.Decimal, expr.Double:
		if c.Type.Kind == expr.Decimal && c.Type.Precision-c.Type.Scale < 2 {
			return float64(rng.IntN(4)) / 4
		}
		return float64(rng.IntN(90)) / 4
	case expr.Date:
		switch c.Name {
		case "valid_from":
			return "2020-01-01"
		case "valid_to":
			return nil
		case "cal_date":
			return fmt.Sprintf("2025-02-%02d", i+1)
		case t.EventDate:
			return days(day)
		}
		return days(day + rng.IntN(30) - 10)
	case expr.Timestamp:
		return fmt.Sprintf("%s %02d:%02d:00", days(day+rng.IntN(3)), rng.IntN(24), rng.IntN(60))
	default: // a text, by its name
	}
	switch {
	case strings.HasSuffix(c.Name, "_month"):
		return days(day)[:7]
	case c.Name == "org_code" || strings.HasSuffix(c.Name, "_org") || strings.HasSuffix(c.Name, "org_code"):
		if t.Name == "dim_org" {
			return fmt.Sprintf("H%d", i)
		}
		return fmt.Sprintf("H%d", rng.IntN(12))
	case c.Name == "drug_code" || c.Name == "diag_code" || c.Name == "primary_diag_code":
		if key {
			return fmt.Sprintf("K%d", i)
		}
		return fmt.Sprintf("K%d", rng.IntN(12))
	case c.Name == "visit_id" || c.Name == "stay_id":
		return fmt.Sprintf("k%d", i)
	case key:
		return fmt.Sprintf("k%d", i)
	case c.Name == "person_key":
		return fmt.Sprintf("p%d", rng.IntN(40))
	case strings.Contains(c.Name, "region"):
		return []string{"340100", "340121", "110100"}[rng.IntN(3)]
	}
	w := words[rng.IntN(len(words))]
	if c.Type.Length > 0 && len(w) > c.Type.Length {
		return w[:c.Type.Length]
	}
	return w
}

func days(n int) string {
	return fmt.Sprintf("2025-%02d-%02d", 1+n/28%12, 1+(n%28+28)%28)
}
