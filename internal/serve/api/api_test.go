package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// visits is the answer of "visits today by department against last week", with one department too small to show.
func visits(t *testing.T) (*Answer, *time.Location) {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2021, 6, 8, 0, 0, 0, 0, zone)
	return &Answer{
		Publication: 7, By: []string{"dept_code"}, Compare: []string{"wow"},
		Rows: []Row{
			{
				Indicator: "H001", Period: "2021-06-08", Start: day, Dims: map[string]*string{"dept_code": new("=A1")}, Unit: "人次",
				Value: new(3671.0), Numerator: new(3671.0), Completeness: new(1.0), Partial: true,
				Compared: map[string]Compared{"wow": {Base: new(4444.0), Change: new(-17.394239), BasePeriod: "2021-06-01"}},
			},
			{Indicator: "H001", Period: "2021-06-08", Start: day, Dims: map[string]*string{"dept_code": nil}, Total: []string{"dept_code"}, Suppressed: true},
		},
	}, zone
}

func TestAnswerIsJSONOfTheContractWithExplicitNulls(t *testing.T) {
	answer, _ := visits(t)
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"publication":7,"rows":[` +
		`{"indicator":"H001","period":"2021-06-08","period_start":"2021-06-08T00:00:00+08:00","dept_code":"=A1","total":[],"value":3671,"numerator":3671,"denominator":null,"unit":"人次",` +
		`"base_wow":4444,"change_wow":-17.394239,"points_wow":null,"base_period_wow":"2021-06-01","partial":true,"provisional":false,"completeness":1,"suppressed":false,"at":null},` +
		`{"indicator":"H001","period":"2021-06-08","period_start":"2021-06-08T00:00:00+08:00","dept_code":null,"total":["dept_code"],"value":null,"numerator":null,"denominator":null,"unit":"",` +
		`"base_wow":null,"change_wow":null,"points_wow":null,"base_period_wow":null,"partial":false,"provisional":false,"completeness":null,"suppressed":true,"at":null}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestAnswerIsCSVThatASpreadsheetDoesNotRun(t *testing.T) {
	answer, _ := visits(t)
	var b bytes.Buffer
	if err := answer.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if want := "H001,2021-06-08,2021-06-08T00:00:00+08:00,'=A1,,3671,3671,,人次,4444,-17.394239,,2021-06-01,true,false,1,false,"; lines[1] != want {
		t.Errorf("got  %s\nwant %s", lines[1], want)
	}
}

func TestAnswerIsAnArrowStreamWithTypedColumns(t *testing.T) {
	answer, zone := visits(t)
	var b bytes.Buffer
	if err := answer.WriteArrow(&b, zone); err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	meta := r.Schema().Metadata()
	if v, _ := meta.GetValue(MetaPublication); v != "7" {
		t.Errorf("publication: got %q, want 7", v)
	}
	batch, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	start, ok := batch.Column(2).(*array.Timestamp)
	if !ok {
		t.Fatalf("period_start: got %s, want a timestamp", batch.Column(2).DataType())
	}
	unit := start.DataType().(*arrow.TimestampType)
	if got, want := start.Value(0).ToTime(unit.Unit), time.Date(2021, 6, 7, 16, 0, 0, 0, time.UTC); !got.Equal(want) || unit.TimeZone != "Asia/Shanghai" {
		t.Errorf("period_start: got %s %s, want %s Asia/Shanghai", got, unit.TimeZone, want)
	}
	value := batch.Column(batch.Schema().FieldIndices("value")[0]).(*array.Float64)
	if value.Value(0) != 3671 || !value.IsNull(1) {
		t.Errorf("value: got %v, want [3671 null]", value)
	}
}

func TestNamesOfCodesHaveColumnsOfTheirOwn(t *testing.T) {
	answer, zone := visits(t)
	answer.Names = map[string]map[string]string{"dept_code": {"=A1": "内科"}}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"dept_code":"=A1","name_dept_code":"内科","total":[],"value":3671`, `"dept_code":null,"name_dept_code":null,"total":["dept_code"]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("got %s, want %s", text, want)
		}
	}
	fields := answer.ArrowSchema(zone).Fields()
	for i, want := range map[int]string{4: "name_dept_code: type=utf8", 5: "total: type=utf8", 6: "value: type=float64"} {
		if got := fields[i].String(); !strings.HasPrefix(got, want) {
			t.Errorf("field %d: got %s, want %s", i, got, want)
		}
	}
}

func TestAnswerWithoutRowsIsStillAStream(t *testing.T) {
	_, zone := visits(t)
	var b bytes.Buffer
	if err := (&Answer{Publication: 1}).WriteArrow(&b, zone); err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if r.Next() || r.Err() != nil {
		t.Errorf("got a batch or %v, want a schema alone", r.Err())
	}
}

func TestRequestCheckTellsWhatIsWrong(t *testing.T) {
	from, to := time.Unix(0, 0), time.Unix(3600, 0)
	cases := []struct {
		name string
		req  Request
		want string // "" = good
	}{
		{"day with comparison", Request{Indicators: []string{"H001"}, Period: "2021-06-08", Grain: "day", Compare: []string{"wow"}}, ""},
		{"range of a panel", Request{Indicators: []string{"H001"}, From: &from, To: &to, Grain: "hour"}, ""},
		{"nothing asked", Request{}, "at least one"},
		{"two forms of a period", Request{Indicators: []string{"H001"}, Period: "2021", From: &from, To: &to}, "exclude"},
		{"half a range", Request{Indicators: []string{"H001"}, From: &from}, "belong together"},
		{"range backwards", Request{Indicators: []string{"H001"}, From: &to, To: &from}, "before"},
		{"unknown grain", Request{Indicators: []string{"H001"}, Grain: "minute"}, "grain"},
		{"SQL as a dimension", Request{Indicators: []string{"H001"}, By: []string{"1; drop table x"}}, "not an id"},
		{"SQL as a period", Request{Indicators: []string{"H001"}, Period: "2021' or 1=1"}, "period"},
		{"filter without values", Request{Indicators: []string{"H001"}, Where: map[string][]string{"dept_code": nil}}, "dept_code"},
		{"indicator twice", Request{Indicators: []string{"H001", "H001"}}, "twice"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.req.Check()
			if c.want == "" && err != nil {
				t.Fatalf("got %v, want none", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Usage) {
				t.Fatalf("got %v, want a usage error with %q", err, c.want)
			}
		})
	}
}

func TestEveryKindOfErrorTravelsAndComesBack(t *testing.T) {
	for k := fault.Internal; k <= fault.Refused; k++ {
		if KindName(k) == "" || Status(k) < 400 {
			t.Errorf("kind %d: got %q %d, want a name and a status", k, KindName(k), Status(k))
		}
		if got := KindOf(KindName(k)); got != k {
			t.Errorf("kind %d: came back as %d", k, got)
		}
	}
}
