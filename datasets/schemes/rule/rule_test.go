package rule_test

import (
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
)

func TestARuleReadsAsItIsMeant(t *testing.T) {
	for text, want := range map[string]string{
		"PDX(1)":                                              "PDX(1)",
		"PDX(1) & (CLS(1) | (CLS(2) & CLS(3)))":               "PDX(1) & (CLS(1) | CLS(2) & CLS(3))",
		"(!ANYOP(valid))":                                     "!ANYOP(valid)",
		"ANYDX(1) & WT>=1500 & WT<2000 & NEONATE":             "ANYDX(1) & WT>=1500 & WT<2000 & NEONATE",
		"POP('96.7201') | ANYDX('I21*')":                      "(POP('96.7201') | ANYDX('I21*'))",
		"ANYOP(FA1.2) & OOP(FA1)":                             "ANYOP(FA1.2) & OOP(FA1.1)",
		"DEPT='ICU' & DISCHARGE IN (2,5) & LOS IN 3..7":       "DEPT='ICU' & DISCHARGE IN (2,5) & LOS IN 3..7",
		"DEPT IN ('ICU','CCU')":                               "DEPT IN ('ICU','CCU')",
		"!(PDX(1) & POP(1)) | !(AGE<1 | LOS>3)":               "(!(PDX(1) & POP(1)) | !(AGE<1 | LOS>3))",
		"los in {2,5} & Dept In {'ICU'} & pop(VALID)":         "LOS IN (2,5) & DEPT='ICU' & POP(valid)",
		"MULTI_SITE & HAS_MCC_OR_CC & NEW_TECH & DAY_SURGERY": "PARTS>=2 & HAS_MCC_OR_CC & NEW_TECH & DAY_SURGERY",
		"POP(*) & ICU_HOURS>120 & AGE_DAYS<365 & SEX='1'":     "POP(*) & ICU_HOURS>120 & AGE_DAYS<365 & SEX=1",
	} {
		e, err := rule.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if e.String() != want {
			t.Errorf("%s: got %s, want %s", text, e, want)
		}
	}
}

func TestAMistakeIsNamedWithItsColumn(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "column 1",
		"PDX(1":                 "column 6",
		"PDX(1) &":              "column 9",
		"PDX(1) POP(1)":         "column 8",
		"PDY(1)":                "column 1",
		"WT~5":                  "want = < <= > >= or IN after WT",
		"LOS IN 7..3":           "IN a..b",
		"POP('96":               "quote is not closed",
		"PDX(valid)":            "want a list",
		strings.Repeat("(", 99): "brackets deep",
		strings.Repeat("!", 99): "brackets deep",
	} {
		if _, err := rule.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want a fault that names %q", text, err, want)
		}
	}
}

// What a parsed rule prints parses again to the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"PDX(1) & !POP(valid) | AGE<17", "CLS(1)&(CLS(2)|DEPT IN ('a','b'))", "LOS IN 3..7", "ANYDX('I21*')", "((", "MULTI_SITE"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := rule.Parse(text)
		if err != nil {
			return
		}
		again, err := rule.Parse(e.String())
		if err != nil {
			t.Fatalf("%q printed as %q does not parse: %v", text, e, err)
		}
		if again.String() != e.String() {
			t.Fatalf("%q prints as %q, then as %q", text, e, again)
		}
	})
}
