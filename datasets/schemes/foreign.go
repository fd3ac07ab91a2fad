package schemes

import (
	"regexp"
	"strings"
)

// Phrases of OpenDRG's Python that transcribed tables still carry.
var (
	foreignMember  = regexp.MustCompile(`('[^']+') in record\.ssList`)
	foreignFirst   = regexp.MustCompile(`record\.ssList\[0\] in SS_VALID`)
	foreignFirstIn = regexp.MustCompile(`record\.ssList\[0\] in \[[^\]]*\]`)
	foreignCode    = regexp.MustCompile(`'[^']+'`)
	foreignWords   = strings.NewReplacer(
		"intersect(record.zdList, mdc_zd)", "ANYDX(mdc)",
		"record.age", "AGE",
		"record.dept", "DEPT",
		"record.ssList", "POP(*)",
		" and ", " & ",
		" or ", " | ",
	)
)
