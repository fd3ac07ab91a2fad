package drg_test

import (
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/oracle"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

func demo(tb testing.TB) *schemes.Scheme {
	tb.Helper()
	s, err := schemes.Library(nil).Open("demo_drg")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// every is the shipped scheme, and the national one where it is at hand.
func every(t *testing.T, do func(t *testing.T, s *schemes.Scheme)) {
	t.Helper()
	t.Run("demo_drg", func(t *testing.T) { do(t, demo(t)) })
	t.Run("chs_drg_11", func(t *testing.T) {
		s, err := schemes.Read(os.DirFS(sharedtest.File(t, "domain", "drg-data", "chs_drg_11")), "chs_drg_11")
		if err != nil {
			t.Fatal(err)
		}
		do(t, s)
	})
}

func compile(tb testing.TB, s *schemes.Scheme, opt drg.Options) *drg.Grouper {
	tb.Helper()
	g, err := drg.Compile(s, opt)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func adult(dx, ops []string) drg.Case {
	c := drg.NewCase()
	c.Sex, c.AgeYears, c.LOSDays, c.Dx, c.Ops = 1, 60, 8, dx, ops
	return c
}

func TestACaseFindsItsGroupOrAReason(t *testing.T) {
	g := compile(t, demo(t), drg.Options{})
	newborn := func(days, weight float64, dx string) drg.Case {
		c := adult([]string{dx}, nil)
		c.AgeYears, c.AgeDays, c.WeightG = 0, days, weight
		return c
	}
	female, noAge, noDays := adult([]string{"N40.x00"}, nil), adult([]string{"I63.900"}, nil), newborn(drg.Missing, 3000, "P22.000")
	female.Sex, noAge.AgeYears = 2, drg.Missing
	toddler, sexless := newborn(3, 3000, "P59.900"), adult([]string{"I63.900"}, nil)
	toddler.AgeYears, toddler.AgeDays, sexless.Sex = 1, drg.Missing, 9
	for _, test := range []struct {
		name   string
		c      drg.Case
		drg    string
		sev    drg.Severity
		reason drg.Reason
	}{
		{"stroke with respiratory failure", adult([]string{"I63.900", "J96.000"}, nil), "BR21", drg.MCC, 0},
		{"stroke with heart failure", adult([]string{"I63.900", "I50.900"}, nil), "BR23", drg.CC, 0},
		{"stroke with a haemorrhage that its own table excludes", adult([]string{"I63.900", "I61.900"}, nil), "BR25", drg.None, 0},
		{"codes as hospitals type them", adult([]string{" i63.９00 ", "j96.000"}, nil), "BR21", drg.MCC, 0},
		{"an old code that the map renews", adult([]string{"K80.201"}, nil), "HR15", drg.None, 0},
		{"two injured regions", adult([]string{"S06.000", "S72.000"}, nil), "ZZ15", drg.None, 0},
		{"one injured region", adult([]string{"S06.000", "S06.500"}, nil), "BS13", drg.CC, 0},
		{"a list borrowed from another group", adult([]string{"I20.000"}, []string{"36.0700"}), "FA29", drg.None, 0},
		{"both members of a transplant pair", adult([]string{"N18.501"}, []string{"52.8000", "55.6901"}), "AC19", drg.None, 0},
		{"weight 1499", newborn(3, 1499, "P59.900"), "PS19", drg.None, 0},
		{"weight 1500", newborn(3, 1500, "P59.900"), "PS29", drg.None, 0},
		{"day 28 is newborn", newborn(28, 1400, "P59.900"), "PS19", drg.None, 0},
		{"day 29 is not", newborn(29, 1400, "P59.900"), "PV15", drg.None, 0},
		{"newborn whose weight decides and is missing", newborn(3, drg.Missing, "P59.900"), "0000", 0, drg.WeightMissing},
		{"newborn whose weight does not matter", newborn(3, drg.Missing, "P22.000"), "PR19", drg.None, 0},
		{"male organ of a woman", female, "0000", 0, drg.SexConflict},
		{"newborn's diagnosis at one year", toddler, "0000", 0, drg.AgeGateMDCP},
		{"no sex", sexless, "0000", 0, drg.SexMissing},
		{"no age", noAge, "0000", 0, drg.AgeMissing},
		{"no days of life", noDays, "0000", 0, drg.AgeDaysMissing},
		{"no diagnosis", adult(nil, nil), "0000", 0, drg.NoPDX},
		{"principal diagnosis out of use", adult([]string{"R69.x00"}, nil), "0000", 0, drg.PDXInvalid},
		{"unknown principal diagnosis", adult([]string{"Q99.999"}, nil), "0000", 0, drg.PDXNotInAnyMDC},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := g.Group(&test.c)
			if r.DRG != test.drg || r.Severity != test.sev || r.Reason != test.reason {
				t.Errorf("got %s %s %s, want %s %s %s", r.DRG, r.Severity, r.Reason, test.drg, test.sev, test.reason)
			}
		})
	}
}

func TestOptionsOfRegions(t *testing.T) {
	s := demo(t)
	invalidFirst := adult([]string{"K80.200"}, []string{"38.9301", "51.2300"})
	unrelated := adult([]string{"I63.900"}, []string{"51.2300"})
	late := adult([]string{"J18.900", "I50.900"}, nil)
	late.PresentOnAd = []byte("14")
	for _, test := range []struct {
		name string
		opt  drg.Options
		c    drg.Case
		want string
	}{
		{"shift moves the next operation up", drg.Options{InvalidOp: drg.Shift}, invalidFirst, "HA15"},
		{"keep leaves the invalid one in place", drg.Options{InvalidOp: drg.Keep}, invalidFirst, "HR15"},
		{"null empties the place", drg.Options{InvalidOp: drg.Null}, invalidFirst, "HR15"},
		{"unrelated operation, QY off", drg.Options{}, unrelated, "BR25"},
		{"unrelated operation, QY on", drg.Options{QY: drg.QYPrincipal}, unrelated, "BQY"},
		{"a complication of the stay counts", drg.Options{}, late, "ES23"},
		{"and does not where presence on admission is asked for", drg.Options{CCRequiresPOA: true}, late, "ES25"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := compile(t, s, test.opt).Group(&test.c); r.DRG != test.want {
				t.Errorf("got %s (%s), want %s", r.DRG, r.Reason, test.want)
			}
		})
	}
}

func TestProperties(t *testing.T) {
	every(t, func(t *testing.T, s *schemes.Scheme) {
		t.Helper()
		for _, opt := range []drg.Options{{InvalidOp: drg.Keep}, {QY: drg.QYPrincipal}} {
			g := compile(t, s, opt)
			gen, rng := oracle.NewGenerator(s, 5), rand.New(rand.NewPCG(5, 5))
			surgical := map[string]bool{}
			for _, m := range s.MDCs() {
				for _, a := range m.ADRGs {
					surgical[a.ID] = !a.Medical()
				}
			}
			for range 6000 {
				c := gen.Case()
				r := g.Group(&c)
				if again := g.Group(&c); again != r {
					t.Fatalf("the same case twice: %v, then %v", r, again)
				}
				if why, _ := g.Explain(&c); why != r {
					t.Fatalf("explained it is %v, grouped it is %v", why, r)
				}
				if len(c.Dx) > 2 {
					other := c
					other.Dx = slices.Clone(c.Dx)
					rng.Shuffle(len(other.Dx)-1, func(i, j int) { other.Dx[i+1], other.Dx[j+1] = other.Dx[j+1], other.Dx[i+1] })
					if o := g.Group(&other); o.DRG != r.DRG || o.Severity != r.Severity {
						t.Fatalf("order of secondary diagnoses %v: %s, %v: %s", c.Dx, r.DRG, other.Dx, o.DRG)
					}
				}
				more := c
				more.Dx = append(slices.Clone(c.Dx), gen.Case().Dx...)
				if len(c.Dx) > 0 {
					if o := g.Group(&more); r.Status == drg.OK && o.MDC != "MDCZ" && o.MDC == r.MDC && o.Severity < r.Severity && o.Status == drg.OK {
						t.Fatalf("with more diagnoses severity fell from %s to %s", r.Severity, o.Severity)
					}
				}
				none := c
				none.Ops = nil
				if o := g.Group(&none); surgical[o.ADRG] {
					t.Fatalf("no operation, and a surgical group: %s", o.ADRG)
				}
			}
		}
	})
}

func TestAPassAllocatesNothing(t *testing.T) {
	every(t, func(t *testing.T, s *schemes.Scheme) {
		t.Helper()
		w := compile(t, s, drg.Options{}).Worker()
		gen := oracle.NewGenerator(s, 1)
		cases := make([]drg.Case, 500)
		for i := range cases {
			cases[i] = gen.Case()
			w.Group(&cases[i])
		}
		i := 0
		if n := testing.AllocsPerRun(2000, func() {
			w.Group(&cases[i%len(cases)])
			i++
		}); n > 0.2 { // a code that has to be normalised, one case in forty, may allocate
			t.Errorf("%v allocations a case", n)
		}
		plain := adult([]string{"I63.900", "J96.000"}, []string{"51.2300"})
		if n := testing.AllocsPerRun(200, func() { w.Group(&plain) }); n != 0 {
			t.Errorf("%v allocations for a case of known codes", n)
		}
	})
}

func TestManyGoroutinesShareAGrouper(t *testing.T) {
	s := demo(t)
	g := compile(t, s, drg.Options{})
	gen := oracle.NewGenerator(s, 9)
	cases := make([]drg.Case, 2000)
	want := make([]drg.Result, len(cases))
	for i := range cases {
		cases[i] = gen.Case()
		want[i] = g.Group(&cases[i])
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range cases {
				if r := g.Group(&cases[i]); r != want[i] {
					t.Errorf("case %d: %v and %v", i, r, want[i])
					return
				}
			}
		})
	}
	all.Wait()
}

func TestTheTraceTellsGateRuleCodesAndComplications(t *testing.T) {
	g := compile(t, demo(t), drg.Options{})
	c := adult([]string{"I63.900", "J96.000", "I61.900"}, []string{"38.9301"})
	_, steps := g.Explain(&c)
	for _, want := range []drg.Step{
		{Step: "gate", Subject: "MDCB", Rule: "PDX(mdc)", Codes: []string{"I63.900"}, Verdict: "passes"},
		{Step: "adrg", Subject: "BK1", Rule: "PDX(1) & ANYOP(1)", Codes: []string{"I63.900"}, Verdict: "fails at ANYOP(1)"},
		{Step: "adrg", Subject: "BR2", Rule: "PDX(1)", Codes: []string{"I63.900"}, Verdict: "fits"},
		{Step: "severity", Subject: "J96.000", Rule: "MCC table 20", Verdict: "counts"},
		{Step: "severity", Subject: "I61.900", Rule: "MCC table 30", Verdict: "excluded by the principal diagnosis"},
		{Step: "drg", Subject: "BR21", Rule: "HAS_MCC", Verdict: "fits"},
	} {
		if !slices.ContainsFunc(steps, func(s drg.Step) bool { return reflect.DeepEqual(s, want) }) {
			t.Errorf("no step %v in\n%v", want, steps)
		}
	}
}

func BenchmarkGroup(b *testing.B) {
	s := benchScheme(b)
	w := compile(b, s, drg.Options{}).Worker()
	cases := benchCases(s)
	i := 0
	for b.Loop() {
		w.Group(&cases[i%len(cases)])
		i++
	}
}

func BenchmarkGroupCoded(b *testing.B) {
	s := benchScheme(b)
	g := compile(b, s, drg.Options{})
	w := g.Worker()
	cases := benchCases(s)
	coded := make([]drg.Coded, len(cases))
	for i := range cases {
		g.Code(&cases[i], &coded[i])
	}
	i := 0
	for b.Loop() {
		w.GroupCoded(&coded[i%len(coded)])
		i++
	}
}

func BenchmarkExplain(b *testing.B) {
	s := benchScheme(b)
	w := compile(b, s, drg.Options{}).Worker()
	cases := benchCases(s)
	i := 0
	for b.Loop() {
		w.Explain(&cases[i%len(cases)])
		i++
	}
}

func benchScheme(b *testing.B) *schemes.Scheme {
	b.Helper()
	s, err := schemes.Read(os.DirFS(sharedtest.File(b, "domain", "drg-data", "chs_drg_11")), "chs_drg_11")
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func benchCases(s *schemes.Scheme) []drg.Case {
	gen := oracle.NewGenerator(s, 1)
	cases := make([]drg.Case, 20000)
	for i := range cases {
		cases[i] = gen.Case()
	}
	return cases
}

func TestACaseIsAmbiguousInTheCategoryOfItsPrincipalDiagnosis(t *testing.T) {
	table := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	s, err := schemes.Read(fstest.MapFS{
		"mdc.csv":     table("eval_order,mdc,gate\n1,MDCY,ANYDX(mdc)\n2,MDCX,PDX(mdc) | AGE>50\n3,MDCF,PDX(mdc)\n"),
		"mdc_dx.csv":  table("mdc,dx,body_part\nMDCY,B20.x00,\nMDCX,R69.x00,\nMDCF,I33.000,\n"),
		"adrg.csv":    table("eval_order,mdc,adrg,name,kind,expr\n1,MDCY,YR1,,medical,PDX(1)\n2,MDCX,XR1,,medical,PDX(mdc)\n3,MDCF,FR1,,medical,PDX(1) & !POP(valid)\n"),
		"adrg_dx.csv": table("adrg,list_no,dx\nYR1,1,B20.x00\nFR1,1,I33.000\n"),
		"adrg_op.csv": table("adrg,list_no,op\n"),
		"drg.csv":     table("eval_order,mdc,adrg,drg,name,condition\n1,MDCY,YR1,YR19,,ALWAYS\n2,MDCX,XR1,XR19,,ALWAYS\n3,MDCF,FR1,FR19,,ALWAYS\n"),
		"mcc.csv":     table("dx,excl_table\n"), "cc.csv": table("dx,excl_table\n"), "cce.csv": table("principal_dx,excl_table\n"),
		"op_valid.csv": table("op\n51.2300\n"),
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	c := adult([]string{"I33.000", "B20.x00"}, []string{"51.2300"})
	for mode, want := range map[drg.QYMode]string{drg.QYOff: "0000 NO_ADRG", drg.QYPrincipal: "FQY QY_UNRELATED_OP"} {
		r := compile(t, s, drg.Options{QY: mode}).Group(&c)
		if got := r.DRG + " " + r.Reason.String(); got != want {
			t.Errorf("mode %d: got %s, want %s: the categories of the other diagnosis and of the age are not the principal's", mode, got, want)
		}
	}
	c = adult([]string{"Z99.900"}, nil)
	if r := compile(t, s, drg.Options{}).Group(&c); r.Reason != drg.PDXNotInAnyMDC {
		t.Errorf("got %s, want PDX_NOT_IN_ANY_MDC though a gate opened", r.Reason)
	}
}
