package ingest

import (
	"fmt"
	"strings"

	"github.com/sanyi-lake/sanyi/schema/expr"
)

// caster turns text into typed values in SQL, strictly: null where the text is not exactly such a value. DuckDB's own
// casts are too kind for money and counts ('12.345' becomes 12.35, '1e3' 1000, '1_0' 10), so a value counts only where
// writing it again gives the same text; that comparison is three times as fast as a pattern, which then looks at the
// few texts that are written another way ('12.5', '+3', full-width digits).
type caster struct {
	decimal, thousands string
	dates              []string // strptime forms; nil = year-first forms
	yes, no            []string
	zone, lakeZone     string
}

func newCaster(s *Source, lakeZone string) caster {
	c := caster{decimal: s.Numbers.Decimal, thousands: s.Numbers.Thousands, dates: s.Dates, yes: s.Booleans.True, no: s.Booleans.False, zone: s.Timezone, lakeZone: lakeZone}
	if len(c.yes)+len(c.no) == 0 {
		c.yes = []string{"1", "true", "t", "yes", "y", "是", "有"}
		c.no = []string{"0", "false", "f", "no", "n", "否", "无"}
	}
	return c
}

// value is the SQL of x (a text) as a value of type t.
func (c caster) value(x string, t expr.Type) string {
	switch t.Kind {
	case expr.Bool:
		return c.boolean(x)
	case expr.Int32, expr.Int64:
		return fmt.Sprintf("CASE WHEN CAST(TRY_CAST(%[1]s AS %[2]s) AS VARCHAR) = %[1]s THEN TRY_CAST(%[1]s AS %[2]s) WHEN %[1]s IS NOT NULL THEN %[3]s END",
			x, t.SQL(), c.slowNumber(x, t.SQL(), `[+-]?[0-9]+(\.0*)?`))
	case expr.Decimal:
		fraction := ""
		if t.Scale > 0 {
			fraction = fmt.Sprintf("[0-9]{0,%d}", t.Scale)
		}
		pattern := fmt.Sprintf(`[+-]?[0-9]+(\.%s0*)?|[+-]?\.%s0*`, fraction, fraction)
		slow := c.slowNumber(x, t.SQL(), pattern)
		if c.decimal != "." {
			return slow
		}
		return fmt.Sprintf("CASE WHEN CAST(TRY_CAST(%[1]s AS %[2]s) AS VARCHAR) = %[1]s THEN TRY_CAST(%[1]s AS %[2]s) WHEN %[1]s IS NOT NULL THEN %[3]s END",
			x, t.SQL(), slow)
	case expr.Double:
		return c.slowNumber(x, "DOUBLE", `[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?`)
	case expr.Date:
		return fmt.Sprintf("CAST(%s AS DATE)", c.moment(x, true))
	case expr.Timestamp:
		return c.moment(x, false)
	default:
		return x
	}
}

const fullWidth, halfWidth = "０１２３４５６７８９．，－＋／：　", "0123456789.,-+/: "

// slowNumber reads a number that may be written with full-width digits, a decimal comma or thousands.
func (c caster) slowNumber(x, typ, pattern string) string {
	text := fmt.Sprintf("trim(translate(%s, '%s', '%s'))", x, fullWidth, halfWidth)
	check := pattern
	if c.thousands != "" || c.decimal == "," {
		point, group := `\.`, ""
		if c.decimal == "," {
			point = ","
		}
		if c.thousands != "" {
			group = `[+-]?[0-9]{1,3}(` + regexpQuote(c.thousands) + `[0-9]{3})+(` + point + `[0-9]*)?|`
		}
		// Groups of three only: 1.50 with thousands "." is not 150.
		grouped := fmt.Sprintf("regexp_full_match(%s, %s)", text, quote(group+`[+-]?[0-9]*(`+point+`[0-9]*)?`))
		plain := text
		if c.thousands != "" {
			plain = fmt.Sprintf("replace(%s, %s, '')", plain, quote(c.thousands))
		}
		if c.decimal == "," {
			plain = fmt.Sprintf("replace(%s, ',', '.')", plain)
		}
		return fmt.Sprintf("CASE WHEN %s AND regexp_full_match(%s, %s) THEN TRY_CAST(%s AS %s) END", grouped, plain, quote(check), c.whole(plain, typ), typ)
	}
	return fmt.Sprintf("CASE WHEN regexp_full_match(%s, %s) THEN TRY_CAST(%s AS %s) END", text, quote(check), c.whole(text, typ), typ)
}

// whole cuts ".0" from a whole number, which a cast to an integer would round.
func (c caster) whole(text, typ string) string {
	if typ == "INTEGER" || typ == "BIGINT" {
		return fmt.Sprintf("split_part(%s, '.', 1)", text)
	}
	return text
}

// yearFirstForms are the dates that can mean only one day.
var yearFirstForms = []string{
	"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S.%f", "%Y%m%d%H%M%S",
	"%Y%m%d %H:%M:%S", "%Y%m%d%H%M", "%Y%m%d %H:%M", "%Y%m%d", "%Y年%m月%d日", "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%fZ",
}

// moment is the SQL of x as a timestamp; day says that only its date is wanted.
func (c caster) moment(x string, day bool) string {
	forms, text := c.dates, x
	canonical := len(forms) == 0
	for _, f := range forms {
		canonical = canonical || f == "%Y-%m-%d %H:%M:%S" || day && f == "%Y-%m-%d"
	}
	if len(forms) == 0 {
		forms = yearFirstForms
		text = fmt.Sprintf(`regexp_replace(trim(translate(%s, '%s', '%s')), '[T\s]+', ' ', 'g')`, x, fullWidth, halfWidth)
	}
	quoted := make([]string, len(forms))
	for i, f := range forms {
		quoted[i] = quote(f)
	}
	slow := fmt.Sprintf("try_strptime(%s, [%s])", text, strings.Join(quoted, ", "))
	if len(c.dates) == 0 {
		// Eight and fourteen digits have one form each; strptime alone would read 2025131 as some day.
		slow = fmt.Sprintf("CASE WHEN regexp_full_match(%[1]s, '[0-9]+') AND length(%[1]s) NOT IN (8, 12, 14) THEN NULL ELSE %[2]s END", text, slow)
	}
	var out string
	switch {
	case canonical && day:
		out = fmt.Sprintf("CASE WHEN CAST(TRY_CAST(%[1]s AS DATE) AS VARCHAR) = %[1]s THEN CAST(TRY_CAST(%[1]s AS DATE) AS TIMESTAMP) WHEN CAST(TRY_CAST(%[1]s AS TIMESTAMP) AS VARCHAR) = %[1]s THEN TRY_CAST(%[1]s AS TIMESTAMP) WHEN %[1]s IS NOT NULL THEN %[2]s END", x, slow)
	case canonical:
		out = fmt.Sprintf("CASE WHEN CAST(TRY_CAST(%[1]s AS TIMESTAMP) AS VARCHAR) = %[1]s THEN TRY_CAST(%[1]s AS TIMESTAMP) WHEN %[1]s IS NOT NULL THEN %[2]s END", x, slow)
	default:
		out = slow
	}
	if c.zone != "" && c.zone != c.lakeZone {
		// A date without a clock stays the day that it names.
		out = fmt.Sprintf("CASE WHEN length(trim(%[1]s)) <= 10 THEN %[2]s ELSE timezone(%[3]s, timezone(%[4]s, %[2]s)) END", x, out, quote(c.lakeZone), quote(c.zone))
	}
	return out
}

func (c caster) boolean(x string) string {
	list := func(words []string) string {
		out := make([]string, len(words))
		for i, w := range words {
			out[i] = quote(strings.ToLower(w))
		}
		return strings.Join(out, ", ")
	}
	branches := func(x string) string {
		var b strings.Builder
		if len(c.yes) > 0 {
			fmt.Fprintf(&b, " WHEN list_contains([%s], %s) THEN TRUE", list(c.yes), x)
		}
		if len(c.no) > 0 {
			fmt.Fprintf(&b, " WHEN list_contains([%s], %s) THEN FALSE", list(c.no), x)
		}
		return b.String()
	}
	// Most extracts write the words as they stand in the list: only the others are cut and folded. One call with a
	// constant list is one node; IN with seven words would be a node a word, or a hash join a list.
	return fmt.Sprintf("CASE%s WHEN %s IS NOT NULL THEN CASE%s END END", branches(x), x, branches("lower(trim("+x+"))"))
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func regexpQuote(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
