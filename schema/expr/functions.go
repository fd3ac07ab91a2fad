package expr

import (
	"fmt"
	"slices"
	"strings"
)

// Function is one entry of the documented list. How it is spelled for an engine stands in queries/dialects.
type Function struct {
	Name      string
	Signature string // for people: date_diff('unit', from, to)
	ZH, EN    string // what it gives
	Min, Max  int    // number of arguments; Max < 0 = any number
	Aggregate bool
	Mapping   bool     // made for mappings of sources: takes the text of a source column
	Units     []string // the first argument is one of these words, written as a string

	result func(args []Type) (Type, error)
}

// IsAggregate says whether name is an aggregate of the language.
func IsAggregate(name string) bool {
	f, ok := functions[strings.ToLower(name)]
	return ok && f.Aggregate
}

// FunctionOf finds a function of the language by name.
func FunctionOf(name string) (Function, bool) {
	f, ok := functions[strings.ToLower(name)]
	return f, ok
}

// Functions is the documented list, sorted by name.
func Functions() []Function {
	out := make([]Function, 0, len(functions))
	for _, f := range functions {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// checkCall refuses unknown functions and wrong numbers of arguments while the place is at hand.
func checkCall(c *Call) error {
	f, ok := functions[c.Name]
	if !ok {
		return &Error{c.At, "no function " + c.Name + suggest(c.Name, functionNames())}
	}
	if c.Distinct && !f.Aggregate {
		return &Error{c.At, c.Name + "(distinct …): only aggregates take distinct"}
	}
	if c.Distinct && len(c.Args) != 1 {
		return &Error{c.At, c.Name + "(distinct …) takes one argument"}
	}
	if n := len(c.Args); n < f.Min || f.Max >= 0 && n > f.Max {
		return &Error{c.At, fmt.Sprintf("%s has %d arguments; write %s", c.Name, n, f.Signature)}
	}
	if f.Units == nil {
		return nil
	}
	unit, ok := c.Args[0].(*Literal)
	if !ok || unit.Kind != String || !slices.Contains(f.Units, strings.ToLower(unit.Text)) {
		return &Error{c.At, fmt.Sprintf("%s: the first argument is one of '%s'", c.Name, strings.Join(f.Units, "', '"))}
	}
	return nil
}

func functionNames() []string {
	var out []string
	for name := range functions {
		out = append(out, name)
	}
	return out
}

// suggest names the closest known name, or nothing when none is close.
func suggest(name string, known []string) string {
	best, at := "", 3
	slices.Sort(known)
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is Levenshtein's, on short ASCII names.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

var (
	dateUnits = []string{"second", "minute", "hour", "day", "week", "month", "quarter", "year"}
	cutUnits  = []string{"hour", "day", "week", "month", "quarter", "year"}
)

var functions = byName(
	// aggregates
	agg("count", "count(*), count(x), count(distinct x)", "行数、非空数、去重数", "rows, values that are not null, distinct values", 1, 1, always(Int64Type)),
	agg("sum", "sum(x)", "合计", "total", 1, 1, sumType),
	agg("min", "min(x)", "最小值", "smallest", 1, 1, sameAsFirst),
	agg("max", "max(x)", "最大值", "largest", 1, 1, sameAsFirst),
	agg("avg", "avg(x)", "平均值", "mean, as double", 1, 1, numbers(DoubleType)),
	agg("median", "median(x)", "中位数", "median, interpolated, as double", 1, 1, numbers(DoubleType)),
	agg("quantile_cont", "quantile_cont(x, share)", "分位数(线性插值)", "quantile, interpolated, as double; share between 0 and 1", 2, 2, numbers(DoubleType)),
	agg("stddev", "stddev(x)", "样本标准差", "standard deviation of the sample (n-1)", 1, 1, numbers(DoubleType)),
	agg("arg_max", "arg_max(x, by)", "最大者对应的值", "x where by is largest", 2, 2, sameAsFirst),
	agg("arg_min", "arg_min(x, by)", "最小者对应的值", "x where by is smallest", 2, 2, sameAsFirst),
	agg("bool_or", "bool_or(cond)", "任一为真", "true where any row is", 1, 1, conditions),
	agg("bool_and", "bool_and(cond)", "全部为真", "true where all rows are", 1, 1, conditions),

	// any type
	fn("coalesce", "coalesce(a, b, …)", "第一个非空值", "the first that is not null", 1, -1, widest),
	fn("nullif", "nullif(a, b)", "相等则为空", "null where a = b, else a", 2, 2, sameAsFirst),
	fn("greatest", "greatest(a, b, …)", "最大者,忽略空值", "the largest; nulls are passed over", 1, -1, widest),
	fn("least", "least(a, b, …)", "最小者,忽略空值", "the smallest; nulls are passed over", 1, -1, widest),
	fn("if", "if(cond, a, b)", "条件取值", "a where cond is true, else b", 3, 3, ifType),

	// numbers
	fn("abs", "abs(x)", "绝对值", "absolute value", 1, 1, numericSame),
	fn("round", "round(x[, digits])", "四舍五入", "half away from zero", 1, 2, numericSame),
	fn("floor", "floor(x)", "向下取整", "largest whole number not above x", 1, 1, numericSame),
	fn("ceil", "ceil(x)", "向上取整", "smallest whole number not below x", 1, 1, numericSame),
	fn("sign", "sign(x)", "符号", "-1, 0 or 1", 1, 1, numbers(Int32Type)),
	fn("div", "div(a, b)", "整除", "whole part of a / b, towards zero; null where b is 0", 2, 2, numbers(Int64Type)),
	fn("ln", "ln(x)", "自然对数", "natural logarithm, null unless x > 0", 1, 1, numbers(DoubleType)),
	fn("power", "power(x, y)", "乘方", "x to the power of y", 2, 2, numbers(DoubleType)),
	fn("sqrt", "sqrt(x)", "平方根", "square root, null where x < 0", 1, 1, numbers(DoubleType)),

	// texts
	fn("lower", "lower(s)", "小写", "lower case", 1, 1, texts(StringType)),
	fn("upper", "upper(s)", "大写", "upper case", 1, 1, texts(StringType)),
	fn("trim", "trim(s)", "去首尾空白", "without blanks, tabs and full-width blanks at both ends", 1, 1, texts(StringType)),
	fn("length", "length(s)", "字符数", "number of characters", 1, 1, texts(Int64Type)),
	fn("substr", "substr(s, from[, count])", "子串,从 1 起", "part of a text; positions begin with 1", 2, 3, firstText(StringType)),
	fn("left", "left(s, n)", "前 n 个字符", "the first n characters", 2, 2, firstText(StringType)),
	fn("right", "right(s, n)", "后 n 个字符", "the last n characters", 2, 2, firstText(StringType)),
	fn("lpad", "lpad(s, n, fill)", "左侧补齐", "filled on the left to n characters", 3, 3, firstText(StringType)),
	fn("replace", "replace(s, old, new)", "替换", "every old replaced by new", 3, 3, texts(StringType)),
	fn("concat", "concat(a, b, …)", "连接,空值视为空串", "joined; nulls count as empty", 1, -1, always(StringType)),
	fn("split_part", "split_part(s, separator, n)", "按分隔符取第 n 段", "the n-th part, from 1; empty where there is none", 3, 3, firstText(StringType)),
	fn("starts_with", "starts_with(s, prefix)", "以…开头", "whether s begins with prefix", 2, 2, texts(BoolType)),
	fn("contains", "contains(s, part)", "包含", "whether part occurs in s", 2, 2, texts(BoolType)),
	fn("regexp_matches", "regexp_matches(s, pattern)", "正则匹配(任意位置)", "whether the pattern is found anywhere (RE2)", 2, 2, texts(BoolType)),
	fn("regexp_full_match", "regexp_full_match(s, pattern)", "正则整体匹配", "whether all of s fits the pattern (RE2)", 2, 2, texts(BoolType)),
	fn("regexp_extract", "regexp_extract(s, pattern, group)", "正则提取", "what the group found; empty where nothing fits", 3, 3, firstText(StringType)),
	fn("regexp_replace", "regexp_replace(s, pattern, new)", "正则全部替换", "every fit replaced", 3, 3, texts(StringType)),

	// time
	Function{
		Name: "date_diff", Signature: "date_diff('unit', from, to)", ZH: "相差单位数(跨越的边界数)", EN: "number of unit boundaries between from and to (days: midnights)",
		Min: 3, Max: 3, Units: dateUnits, result: dateDiff,
	},
	Function{
		Name: "date_trunc", Signature: "date_trunc('unit', t)", ZH: "截断到单位起点(周从周一起)", EN: "start of the unit, as a date (of an hour: a timestamp); weeks begin on Monday",
		Min: 2, Max: 2, Units: cutUnits, result: dateTrunc,
	},
	Function{
		Name: "date_add", Signature: "date_add('unit', t, n)", ZH: "加 n 个单位", EN: "t moved by n units, as a timestamp",
		Min: 3, Max: 3, Units: dateUnits, result: dateAdd,
	},
	fn("year", "year(t)", "年", "calendar year", 1, 1, moments(Int32Type)),
	fn("quarter", "quarter(t)", "季度", "1 to 4", 1, 1, moments(Int32Type)),
	fn("month", "month(t)", "月", "1 to 12", 1, 1, moments(Int32Type)),
	fn("day", "day(t)", "日", "day of the month", 1, 1, moments(Int32Type)),
	fn("hour", "hour(t)", "时", "0 to 23", 1, 1, moments(Int32Type)),
	fn("minute", "minute(t)", "分", "0 to 59", 1, 1, moments(Int32Type)),
	fn("iso_week", "iso_week(t)", "ISO 周数", "ISO 8601 week, 1 to 53", 1, 1, moments(Int32Type)),
	fn("iso_year", "iso_year(t)", "ISO 周所在年", "year of the ISO 8601 week", 1, 1, moments(Int32Type)),
	fn("iso_weekday", "iso_weekday(t)", "星期几(1=周一)", "1 = Monday … 7 = Sunday", 1, 1, moments(Int32Type)),
	fn("last_day", "last_day(t)", "月末日", "last day of the month", 1, 1, moments(DateType)),
	fn("year_month", "year_month(t)", "年月 YYYY-MM", "the month as YYYY-MM", 1, 1, moments(StringType)),
	fn("current_date", "current_date", "提问(或装载)之日", "the day of asking (in a check: of loading); never later than the end of the period", 0, 0, always(DateType)),
	fn("make_date", "make_date(y, m, d)", "年月日成日期", "null where there is no such day", 3, 3, numbers(DateType)),
	fn("make_timestamp", "make_timestamp(date, hour)", "日期加钟点", "a date and an hour (0 to 23) as a moment", 2, 2, always(TimestampType)),

	// mappings: from the text of a source column to a typed value; null where the text does not fit
	mapping("to_date", "to_date(s[, 'format', …])", "文本转日期", "date from text; formats as in strptime (%Y%m%d); without one: 2025-01-31, 2025/1/31, 20250131, each with or without a time of day", 1, -1, firstText(DateType)),
	mapping("to_timestamp", "to_timestamp(s[, 'format', …])", "文本转时间", "moment from text; without a format: the usual ones, a bare date is midnight", 1, -1, firstText(TimestampType)),
	mapping("to_int", "to_int(s)", "文本转整数", "whole number; 12.0 is 12, 12.5 and 1e3 are null", 1, 1, texts(Int64Type)),
	mapping("to_decimal", "to_decimal(s, scale)", "文本转金额", "exact decimal(18,scale); more decimals than scale, other than zeros, are null, not rounded", 1, 2, firstText(Type{Kind: Decimal, Precision: 18, Scale: 2})),
	mapping("to_double", "to_double(s)", "文本转浮点数", "floating number", 1, 1, texts(DoubleType)),
	mapping("to_bool", "to_bool(s[, 'yes', 'no'])", "文本转是否", "true for yes, false for no; without them 1/0, Y/N, true/false, 是/否, 有/无", 1, 3, firstText(BoolType)),
	mapping("is_date", "is_date(s[, 'format', …])", "是否日期", "whether to_date would give a date", 1, -1, firstText(BoolType)),
	mapping("is_number", "is_number(s)", "是否数字", "whether the text is a plain decimal number", 1, 1, texts(BoolType)),
	mapping("clean", "clean(s)", "清理空值写法", "trimmed text; null for an empty text, - and —", 1, 1, texts(StringType)),
	mapping("halfwidth", "halfwidth(s)", "全角转半角", "full-width letters, digits and signs as ASCII", 1, 1, texts(StringType)),
	mapping("json_text", "json_text(j, '$.path')", "取 JSON 文本", "text at a path of a JSON value; null where there is none", 2, 2, firstText(StringType)),
	mapping("json_length", "json_length(j, '$.path')", "JSON 数组长度", "number of elements at a path", 1, 2, firstText(Int64Type)),
	mapping("person_key", "person_key(kind, id, org, local)", "去标识居民键", "keyed hash of a person: by id where there is a usable one, else by organisation and local number", 4, 4, always(Type{Kind: String, Length: 22})),
	mapping("pseudonym", "pseudonym(s)", "去标识", "keyed hash of another personal number", 1, 1, texts(Type{Kind: String, Length: 22})),
	mapping("map", "map(s, 'LIST')", "按码表转换", "the code that a list gives for s; null where it gives none", 2, 2, texts(StringType)),
	mapping("hash", "hash(a, b, …)", "合成键", "first 32 hexadecimal digits of SHA-256 over the arguments", 1, -1, always(Type{Kind: String, Length: 32})),
)

func byName(list ...Function) map[string]Function {
	out := make(map[string]Function, len(list))
	for _, f := range list {
		out[f.Name] = f
	}
	return out
}

func fn(name, signature, zh, en string, minArgs, maxArgs int, result func([]Type) (Type, error)) Function {
	return Function{Name: name, Signature: signature, ZH: zh, EN: en, Min: minArgs, Max: maxArgs, result: result}
}

func agg(name, signature, zh, en string, minArgs, maxArgs int, result func([]Type) (Type, error)) Function {
	f := fn(name, signature, zh, en, minArgs, maxArgs, result)
	f.Aggregate = true
	return f
}

func mapping(name, signature, zh, en string, minArgs, maxArgs int, result func([]Type) (Type, error)) Function {
	f := fn(name, signature, zh, en, minArgs, maxArgs, result)
	f.Mapping = true
	return f
}
