// Package drg puts inpatient cases into diagnosis related groups by the tables of a scheme: main category, adjacent
// group, severity, group, each with the reason when a case finds no place and, on request, with the whole path of the
// decision. It is a pure function of tables, options and case: it reads no file, keeps no clock, prices nothing.
//
// The algorithm is that of the national technical norm as the tables of CHS-DRG 1.0 and 1.1 execute it; what changes
// between versions and regions is in the tables or in Options.
package drg

import (
	"math"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
)

// Options are the choices that regions make differently.
type Options struct {
	// QY says what becomes of a case whose operation has nothing to do with its principal diagnosis.
	QY QYMode
	// InvalidOp says what becomes of a principal operation that does not count for grouping.
	InvalidOp InvalidOp
	// CCRequiresPOA leaves out complications that were not there on admission (入院病情 4); the national scheme counts them.
	CCRequiresPOA bool
}

// QYMode is the treatment of the ambiguous case (歧义组).
type QYMode uint8

// The modes: off is CHS-DRG 1.1 as executed, principal is 2.0 and 3.0.
const (
	QYOff QYMode = iota
	QYPrincipal
)

// InvalidOp is the treatment of a principal operation outside op_valid or inside op_invalid.
type InvalidOp uint8

// Shift drops it and lets the next valid one move up, Keep leaves it in place, Null empties the first place.
const (
	Shift InvalidOp = iota
	Keep
	Null
)

// Missing is the value of a number that a case does not carry.
var Missing = math.NaN()

// Case is what a case brings to be grouped. Start from NewCase: zero is a value for most numbers, Missing is none.
type Case struct {
	Sex         int8    // 1 male, 2 female, anything else missing
	AgeYears    float64 // full years at admission
	AgeDays     float64 // days, where AgeYears is 0
	WeightG     float64 // weight at birth in grams, or on admission where that is unknown
	LOSDays     float64
	ICUHours    float64
	Discharge   float64 // 离院方式 1-5, 9
	Dept        string
	NewTech     bool
	DaySurgery  bool
	Dx          []string // first is the principal diagnosis
	PresentOnAd []byte   // 入院病情 of each diagnosis: '1'..'4', 0 unknown; may be shorter than Dx
	Ops         []string // first is the principal operation
}

// NewCase is a case in which every number is missing.
func NewCase() Case {
	return Case{AgeYears: Missing, AgeDays: Missing, WeightG: Missing, LOSDays: Missing, ICUHours: Missing, Discharge: Missing}
}

// Result is where a case belongs. Its texts are shared with the grouper.
type Result struct {
	MDC, ADRG, DRG string
	Name           string // of the DRG
	Severity       Severity
	Status         Status
	Reason         Reason
	Flags          Flags
}

// Severity is the highest counting complication.
type Severity uint8

// The severities; NoSeverity where the case was not grouped.
const (
	NoSeverity Severity = iota
	None
	CC
	MCC
)

func (s Severity) String() string { return [...]string{"", "NONE", "CC", "MCC"}[s] }

// Status says whether a case was grouped.
type Status uint8

// The statuses.
const (
	OK Status = iota
	Ungrouped
	QY
)

func (s Status) String() string { return [...]string{"OK", "0000", "QY"}[s] }

// Reason says why a case was not grouped.
type Reason uint8

// The reasons, pre-checks in their order first.
const (
	NoReason Reason = iota
	SexMissing
	AgeMissing
	AgeDaysMissing
	WeightMissing
	NoPDX
	PDXInvalid
	POPGrey
	PDXNotInAnyMDC
	SexConflict
	AgeGateMDCP
	NoADRG
	NoDRGCondition
	QYUnrelatedOp
	reasons
)

var reasonNames = [reasons]string{
	"", "SEX_MISSING", "AGE_MISSING", "AGE_DAYS_MISSING", "WEIGHT_MISSING", "NO_PDX", "PDX_INVALID", "POP_GREY",
	"PDX_NOT_IN_ANY_MDC", "SEX_CONFLICT", "AGE_GATE_MDCP", "NO_ADRG", "NO_DRG_CONDITION", "QY_UNRELATED_OP",
}

func (r Reason) String() string { return reasonNames[r] }

// Reasons lists every reason, for catalogues and reports.
func Reasons() []Reason {
	out := make([]Reason, 0, reasons-1)
	for r := NoReason + 1; r < reasons; r++ {
		out = append(out, r)
	}
	return out
}

// Flags are remarks that do not keep a case from its group.
type Flags uint8

// The flags: a code that no table of the scheme knows, and a newborn without weight where no rule asked for it.
const (
	DxUnknown Flags = 1 << iota
	OpUnknown
	NewbornWithoutWeight
)

// Names lists the flags that are set.
func (f Flags) Names() []string {
	var out []string
	for i, name := range []string{"DX_UNKNOWN", "OP_UNKNOWN", "WEIGHT_MISSING"} {
		if f&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// ungrouped is the code of the case that found no group, in all three columns of a result.
const (
	ungroupedCode = "0000"
	ungroupedADRG = "00"
)

// normalise brings a code into the form of the tables.
func normalise(code string) string { return schemes.NormalCode(code) }

// scheme is what the compiler needs of a package.
type scheme = *schemes.Scheme
