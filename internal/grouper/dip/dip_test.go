package dip_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

func compile(t *testing.T, catalog, classes string, opt dip.Options) *dip.Catalogue {
	t.Helper()
	s, err := schemes.Read(fstest.MapFS{"catalog.csv": {Data: []byte(catalog)}, "op_class.csv": {Data: []byte(classes)}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	c, err := dip.Compile(s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheSharedExamples(t *testing.T) {
	data, err := os.ReadFile(sharedtest.File(t, "domain", "drg_dip_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ex struct {
		Grouping []struct {
			ID      string                     `json:"id"`
			Version string                     `json:"version"`
			Input   struct{ Dx, Ops []string } `json:"input"`
			Expect  struct{ Group string }     `json:"expect"`
		} `json:"grouping"`
		Catalog []struct {
			Group, Dx, Ops, Kind string
			OpClass              string `json:"op_class"`
			Score                json.Number
		} `json:"dip_mini_catalog"`
		Class map[string]string `json:"dip_op_class"`
	}
	if err := json.Unmarshal(data, &ex); err != nil {
		t.Fatal(err)
	}
	var catalog, classes strings.Builder
	catalog.WriteString("group_code,dx_key,op_expr,kind,op_class,score\n")
	classes.WriteString("op_code,op_class\n")
	for _, r := range ex.Catalog {
		catalog.WriteString(strings.Join([]string{r.Group, r.Dx, r.Ops, r.Kind, r.OpClass, r.Score.String()}, ",") + "\n")
	}
	for op, class := range ex.Class {
		classes.WriteString(op + "," + class + "\n")
	}
	c := compile(t, catalog.String(), classes.String(), dip.Options{})
	n := 0
	for _, e := range ex.Grouping {
		if e.Version != "dip_mini" {
			continue
		}
		n++
		in := dip.NewCase()
		in.Dx, in.Ops = e.Input.Dx, e.Input.Ops
		if r := c.Group(&in); r.Code != e.Expect.Group {
			t.Errorf("%s: got %s, want %s", e.ID, r.Code, e.Expect.Group)
		}
	}
	if n == 0 {
		t.Error("no DIP case among the examples")
	}
}

const catalog = `group_code,dx_key,op_expr,kind,op_class,score,mean_cost,mean_los
C1,I21.4,36.0601,核心,相关手术,3000,30000,8
C2,I21.4,36.0601+88.5500,核心,相关手术,3300,33000,8
C3,I21.4,88.55/88.56,核心,诊断性操作,1100,11000,6
C4,I21.4,,核心,保守治疗,800,8000,7
C5,J18.9,,核心,保守治疗,400,4000,7
B5,J18.9,,基层,保守治疗,380,3800,7
T1,K80.1,51.2300,核心,相关手术,1400,14000,6
T2,K80.1,51.2300/51.2400,核心,相关手术,1500,15000,6
B1,K80.1,51.8803,基层,治疗性操作,900,9000,6
Z1,I21,,综合,相关手术,2800,28000,9
Z2,I2,,综合,治疗性操作,1600,16000,9
Z3,I,,综合,诊断性操作,1000,10000,9
Z9,A00-Z99,,综合,相关手术,1444,14440,9
Z8,A00-Z99,,综合,保守治疗,450,4500,9
`

const classes = `op_code,op_class
36.0601,介入治疗
88.5500,诊断性操作
88.5600,诊断性操作
51.2300,手术
51.8803,治疗性操作
39.6100,治疗性操作
86.2200,手术
`

func TestTheOrderOfMatching(t *testing.T) {
	c := compile(t, catalog, classes, dip.Options{})
	for _, test := range []struct {
		name    string
		dx, ops string
		fee     int64
		want    string
	}{
		{"one operation", "I21.401", "36.0601", -1, "C1"},
		{"more parts win", "I21.401", "88.5500 36.0601", -1, "C2"},
		{"a subcategory of operations stands for its codes", "I21.401", "88.5600", -1, "C3"},
		{"surgery before diagnosis", "I21.401", "88.5600 36.0601", -1, "C1"},
		{"conservative core", "I21.401", "", -1, "C4"},
		{"an operation without a row: comprehensive, two characters", "I21.401", "39.6100", -1, "Z2"},
		{"core before basic", "J18.900", "", -1, "C5"},
		{"an unknown operation is conservative", "J18.900", "99.9999", -1, "C5"},
		{"equal rows: the nearer mean cost", "K80.101", "51.2300", 1490000, "T2"},
		{"equal rows without a fee: the lower code", "K80.101", "51.2300", -1, "T1"},
		{"three characters before fewer", "I21.900", "86.2200", -1, "Z1"},
		{"one character", "I63.900", "88.5500", -1, "Z3"},
		{"a range", "L03.100", "86.2200", -1, "Z9"},
		{"outside of every row", "L03.100", "39.6100", -1, dip.Ungrouped},
		{"basic with an operation before comprehensive", "K80.101", "51.8803", -1, "B1"},
		{"no diagnosis", "", "86.2200", -1, dip.Ungrouped},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := dip.NewCase()
			in.Dx, in.Ops, in.Fee = []string{test.dx}, strings.Fields(test.ops), test.fee
			r, steps := c.Explain(&in)
			if r.Code != test.want {
				t.Errorf("got %s, want %s: %v", r.Code, test.want, steps)
			}
			if again := c.Group(&in); again.Code != r.Code {
				t.Errorf("explained %s, grouped %s", r.Code, again.Code)
			}
		})
	}
}

func TestTheHighestAuxiliaryFactorApplies(t *testing.T) {
	s, err := schemes.Library(nil).Open("demo_dip")
	if err != nil {
		t.Fatal(err)
	}
	c, err := dip.Compile(s, dip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := dip.NewCase()
	in.Dx, in.HasFacts = []string{"J18.900", "J96.000"}, true
	in.Facts.AgeYears, in.Facts.LOSDays = 80, 10
	r := c.Group(&in)
	if r.Factor.Kind != "severity" || r.Factor.Level != "III" || r.Factor.Value.String() != "1.15" {
		t.Errorf("an old case with an MCC: got %v, want severity III 1.15", r.Factor)
	}
	in.Dx = []string{"J18.900"}
	if r = c.Group(&in); r.Factor.Kind != "age" || r.Factor.Value.String() != "1.05" {
		t.Errorf("an old case without: got %v, want age 1.05", r.Factor)
	}
}

func TestACatalogueWithAMistakeIsRefusedWithItsLine(t *testing.T) {
	for row, want := range map[string]string{
		"X,I21.4,,核心病,保守治疗,1":           "test/catalog.csv:2: kind",
		"X,I21.4,,核心,治疗,1":              "test/catalog.csv:2: op_class",
		"X,I21.4,,核心,保守治疗,many":         "test/catalog.csv:2: score",
		"X,I21.4,36.06+,核心,相关手术,1":      "test/catalog.csv:2: op_expr",
		"X,I21.4,,综合,相关手术,1":            "test/catalog.csv:2: dx_key",
		",I21.4,,核心,相关手术,1":             "test/catalog.csv:2: group_code",
		"X,I21,,综合,手术,1\nX,I2,,综合,手术,1": "test/catalog.csv:3: group_code",
	} {
		s, err := schemes.Read(fstest.MapFS{"catalog.csv": {Data: []byte("group_code,dx_key,op_expr,kind,op_class,score\n" + row + "\n")}, "op_class.csv": {Data: []byte(classes)}}, "test")
		if err == nil {
			_, err = dip.Compile(s, dip.Options{})
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s…", row, err, want)
		}
	}
}

// The generator knows the mean of each group; the derived catalogue must find groups, means and scores again.
func TestADerivedCatalogueFindsWhatTheCasesWereMadeOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	class := map[string]dip.Class{"36.0601": dip.Intervention, "88.5500": dip.Diagnostic, "51.2300": dip.Surgery}
	var cases []dip.PastCase
	add := func(n, year int, dx string, ops []string, mean int64) {
		for range n {
			cases = append(cases, dip.PastCase{Year: year, Dx: dx, Ops: ops, Fee: mean + rng.Int64N(201) - 100, LOS: 7})
		}
	}
	for year, factor := range []int64{90, 95, 100} {
		add(200, year, "I21.401", []string{"36.0601", "88.5500"}, 3000000*factor/100) // the lower operation makes no group of its own
		add(200, year, "I21.900", nil, 800000*factor/100)
		add(200, year, "K80.101", []string{"51.2300"}, 1400000*factor/100)
		add(3, year, "K81.000", []string{"51.2300"}, 1600000*factor/100) // 9 cases: folds into K8… then K
		add(2, year, "K82.900", []string{"51.2300"}, 1800000*factor/100)
	}
	cases = append(cases, dip.PastCase{Year: 2, Dx: "I21.901", Fee: 90000000, LOS: 90}) // one absurd bill is trimmed
	rows, err := dip.Derive(cases, class, dip.DefaultDerive())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]dip.Derived{}
	for _, r := range rows {
		got[r.Code] = r
	}
	if len(rows) != 4 {
		t.Fatalf("got %d rows, want 3 core and 1 comprehensive: %v", len(rows), rows)
	}
	// 0.1*90 + 0.2*95 + 0.7*100 = 98 percent of the last year's mean
	for code, want := range map[string]float64{"I21.4:36.0601": 29400, "I21.9:0": 7840, "K80.1:51.2300": 13720, "K:S": 16464} {
		near := 0.001
		if code == "K:S" { // of two costs, and trimming takes the outer ones
			near = 0.01
		}
		if m := got[code].MeanCost.InexactFloat64(); m < want*(1-near) || m > want*(1+near) {
			t.Errorf("%s: mean %v, want about %v (of %v)", code, m, want, got)
		}
	}
	if k := got["K:S"]; k.Kind != dip.Comprehensive || k.Cases != 15 {
		t.Errorf("cases below the threshold: got %v with %d cases, want a comprehensive group of 15", k.Kind, k.Cases)
	}
	if r := got["I21.9:0"]; r.Trimmed == 0 {
		t.Error("the absurd bill was not trimmed")
	}
	ratio := got["I21.4:36.0601"].Score.Div(got["K80.1:51.2300"].Score)
	if d := ratio.Sub(decimal.NewFromFloat(3000.0 / 1400)).Abs(); d.GreaterThan(decimal.NewFromFloat(0.01)) {
		t.Errorf("scores are not in the ratio of the means: %s", ratio)
	}
	// what was derived groups what it was derived from
	var text strings.Builder
	text.WriteString("group_code,dx_key,op_expr,kind,op_class,score\n")
	for _, r := range rows {
		fmt.Fprintf(&text, "%s,%s,%s,%s,%s,%s\n", r.Code, r.DxKey, r.OpExpr, r.Kind, r.Class, r.Score)
	}
	c := compile(t, text.String(), "op_code,op_class\n36.0601,介入治疗\n88.5500,诊断性操作\n51.2300,手术\n", dip.Options{})
	for _, p := range cases {
		in := dip.NewCase()
		in.Dx, in.Ops = []string{p.Dx}, p.Ops
		if r := c.Group(&in); r.Group == nil {
			t.Fatalf("%s %v is in no group of the catalogue derived from it", p.Dx, p.Ops)
		}
	}
}

func TestTheOrderOfTheRowsDecidesNothing(t *testing.T) {
	const header = "group_code,dx_key,op_expr,kind,op_class,score,mean_cost\n"
	rows := []string{"N3,I21.4,,核心,保守治疗,1,900\n", "N2,I21.4,,核心,保守治疗,1,\n", "N1,I21.4,,核心,保守治疗,1,5000\n"}
	in := dip.NewCase()
	in.Dx, in.Fee = []string{"I21.401"}, 100000
	for i := range rows {
		for j := range rows {
			if i == j {
				continue
			}
			c := compile(t, header+rows[i]+rows[j]+rows[3-i-j], "op_code,op_class\n36.0601,手术\n", dip.Options{})
			if got := c.Group(&in).Code; got != "N3" {
				t.Errorf("rows %d %d %d: got %s, want N3, whose mean is nearest; a group without a mean is never nearer", i, j, 3-i-j, got)
			}
		}
	}
}

func TestCodesOfACatalogueAreReadAsThoseOfCases(t *testing.T) {
	c := compile(t, "group_code,dx_key,op_expr,kind,op_class,score\n"+
		"C1,i21.4,36.0601＋88.5500,核心,手术,1\n"+
		"C2,I21.4,36.06,核心,手术,1\n"+
		"C3,I21.4,36.0601,核心,手术,1\n"+
		"C4,K35,,核心,保守治疗,1\n"+
		"Z1,a00-z99,,综合,保守治疗,1\n", "op_code,op_class\n36.0601,手术\n36.0602,手术\n88.5500,诊断性操作\n", dip.Options{})
	for _, test := range []struct {
		dx, want string
		ops      []string
	}{
		{"ｉ２１．４０１", "C1", []string{"36.0601", " 88．5500"}},
		{"I21.401", "C2", []string{"36.0601", "36.0602"}}, // the beginning names two operations of the case, the whole code one
		{"I21.401", "C2", []string{"36.0601", "36.0601"}}, // one operation, though it stands twice: the lower code
		{"K35.800", "C4", nil},
		{"J18.900", "Z1", nil},
	} {
		in := dip.NewCase()
		in.Dx, in.Ops = []string{test.dx}, test.ops
		if got := c.Group(&in).Code; got != test.want {
			t.Errorf("%s %v: got %s, want %s", test.dx, test.ops, got, test.want)
		}
	}
}
