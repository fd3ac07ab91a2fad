// Package words tells a grouper's decision to people: each step of a DRG or DIP trace becomes a sentence in Chinese or
// English, for coders, for a hospital's insurance office and for who answers its questions. It decides nothing, and
// never says what else to code: it tells what was looked at and what came of it.
package words

import (
	"strings"

	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// Row is one step as people read it.
type Row struct {
	Section string // Path, Neighbour or Complication
	Step    string // id of the step: gate, adrg, severity, drg, candidate …
	Title   string // what the step is called
	What    string // the category, group or code that was looked at
	Name    string // what that is called, where Options know it
	Verdict string // Yes, No or Info
	Text    string
	Amount  *float64 // the number that Text tells, where it is one
	Unit    string   // of Amount
}

// Sections of rows: the way the case went, groups that it came near to, complications.
const (
	Path         = "trace"
	Neighbour    = "neighbour"
	Complication = "severity"
)

// Verdicts.
const (
	Yes  = "yes"
	No   = "no"
	Info = "info"
)

// Options of the sentences; the zero value works.
type Options struct {
	// Name says what a category, a group or a code is called; "" where it is not known.
	Name func(code string) string
}

// step is what the traces of both groupers hold.
type step struct {
	Step    string   `json:"step"`
	Subject string   `json:"subject"`
	Rule    string   `json:"rule,omitempty"`
	Codes   []string `json:"matched_codes,omitempty"`
	Verdict string   `json:"verdict"`
}

// Sentences writes a trace, in its order.
func Sentences[S drg.Step | dip.Step](trace []S, l lang.Language, opt Options) []Row {
	t := teller{l: l, name: opt.Name}
	if t.name == nil {
		t.name = func(string) string { return "" }
	}
	out := make([]Row, 0, len(trace))
	for _, s := range trace {
		out = append(out, t.row(step(s)))
	}
	return out
}

// teller writes in one language.
type teller struct {
	l    lang.Language
	name func(code string) string
}

// titles are what the steps are called.
var titles = map[string][2]string{
	"code":         {"编码规范化", "Code"},
	"principal_op": {"主要手术操作", "Principal operation"},
	"gate":         {"主要诊断大类(MDC)", "Main category (MDC)"},
	"adrg":         {"核心组(ADRG)", "Adjacent group (ADRG)"},
	"severity":     {"合并症并发症", "Complications"},
	"drg":          {"细分组(DRG)", "Group (DRG)"},
	"reason":       {"未入组原因", "Why not grouped"},
	"op_class":     {"操作分类", "Class of operation"},
	"candidate":    {"候选病种", "Candidate"},
	"group":        {"入选病种", "Group"},
	"auxiliary":    {"辅助目录", "Auxiliary catalogue"},
}

func (t teller) pick(zh, en string) string { return t.l.Pick(zh, en) }

func (t teller) row(s step) Row {
	title := titles[s.Step]
	r := Row{Section: Path, Step: s.Step, Title: t.pick(title[0], title[1]), What: s.Subject, Name: t.name(s.Subject), Verdict: Info}
	if r.Title == "" {
		r.Title = s.Step
	}
	switch s.Step {
	case "code":
		t.code(s, &r)
	case "principal_op":
		r.Verdict, r.Text = No, t.principalOp(s)
	case "gate":
		t.gate(s, &r)
	case "adrg":
		t.adjacent(s, &r)
	case "severity":
		t.severity(s, &r)
	case "drg":
		t.group(s, &r)
	case "op_class":
		t.class(s, &r)
	case "candidate":
		r.Section, r.Text = Neighbour, t.candidate(s)
	case "group":
		r.Verdict, r.Text = Yes, t.taken(s)
	case "auxiliary":
		r.What, r.Text = t.of(auxiliaries, s.Subject), t.auxiliary(s)
		r.Name = ""
	case "reason":
		r.Verdict, r.Text = No, t.Reason(s.Verdict)
	default:
		r.Text = s.Verdict
	}
	return r
}

func (t teller) code(s step, r *Row) {
	switch {
	case s.Rule == "map" && len(s.Codes) > 0:
		r.Text = t.pick("按对照表读作 ", "read by the crosswalk as ") + s.Codes[0]
	case len(s.Codes) > 0:
		r.Text = t.pick("规范写法为 ", "written properly as ") + s.Codes[0]
	default:
		r.Verdict, r.Text = No, t.pick("方案的所有编码表均无此编码", "no table of the scheme knows this code")
	}
}

func (t teller) principalOp(s step) string {
	switch {
	case strings.Contains(s.Verdict, "moves up"):
		return t.pick("不作为分组用手术操作，由下一个有效操作递补", "does not count for grouping: the next operation that does moves up")
	case strings.Contains(s.Verdict, "emptied"):
		return t.pick("不作为分组用手术操作，主要手术操作按空处理", "does not count for grouping: the principal operation is taken as none")
	}
	return t.pick("不作为分组用手术操作，仍保留在首位", "does not count for grouping: it keeps its place")
}

func (t teller) gate(s step, r *Row) {
	if s.Verdict == "passes" {
		r.Verdict, r.Text = Yes, t.pick("符合本大类条件：", "meets the condition of this category: ")+t.because(s)
		return
	}
	r.Verdict, r.Text = No, t.pick("不符合本大类条件：", "not this category: ")+t.failed(s)
}

func (t teller) adjacent(s step, r *Row) {
	switch {
	case s.Verdict == "fits":
		r.Verdict, r.Text = Yes, t.pick("入本核心组：", "goes into this group: ")+t.because(s)
	case strings.HasPrefix(s.Verdict, "fails"):
		r.Section, r.Verdict, r.Text = Neighbour, No, t.pick("未入本组：", "not this group: ")+t.failed(s)
		if len(s.Codes) > 0 {
			r.Text += t.pick("（已符合的编码：", " (codes that do fit: ") + strings.Join(s.Codes, t.pick("、", ", ")) + t.pick("）", ")")
		}
	default:
		r.Section, r.Verdict, r.Text = Neighbour, No, t.pick("也符合本组条件，但分组顺序在已入组之后：", "would fit too, but stands behind the group found: ")+t.because(s)
	}
}

func (t teller) severity(s step, r *Row) {
	if s.Verdict == "is the severity of the case" {
		r.Verdict, r.What = Info, s.Subject
		r.Text = t.pick("本例严重程度：", "severity of the case: ") + t.of(severities, s.Subject)
		return
	}
	r.Section = Complication
	table := ""
	if degree, no, ok := strings.Cut(s.Rule, " table "); ok {
		table = t.pick("（"+degree+"，排除表 "+no+"）", " ("+degree+", exclusion table "+no+")")
	}
	switch {
	case s.Verdict == "counts":
		r.Verdict, r.Text = Yes, t.pick("计入合并症并发症", "counts as a complication")+table
	case strings.HasPrefix(s.Verdict, "excluded"):
		r.Verdict, r.Text = No, t.pick("被主要诊断排除，不计入：与主要诊断同在一张排除表", "does not count: it stands in one exclusion table with the principal diagnosis")+table
	default:
		r.Verdict, r.Text = No, t.pick("入院时无此病情，不计入", "does not count: it was not there on admission")+table
	}
}

func (t teller) group(s step, r *Row) {
	if s.Verdict == "fits" {
		r.Verdict, r.Text = Yes, t.pick("入本组：", "goes into this group: ")+t.because(s)
		return
	}
	r.Verdict, r.Text = No, t.pick("未入本组：", "not this group: ")+t.failed(s)
}

func (t teller) class(s step, r *Row) {
	class := t.of(classes, s.Verdict)
	if s.Subject == "case" {
		r.What, r.Name = "", ""
		r.Text = t.pick("本例操作分类："+class+"（取各操作的最高类）", "class of the case: "+class+" (the highest of its operations)")
		return
	}
	r.Text = class
}

func (t teller) candidate(s step) string {
	kind, rest, _ := strings.Cut(s.Verdict, ", ")
	n, _, _ := strings.Cut(rest, " ")
	return t.pick("候选："+t.kind(kind)+"，命中操作 "+n+" 个", "candidate: "+t.kind(kind)+", "+n+" of its operations were done") + t.rule(s)
}

func (t teller) taken(s step) string {
	return t.pick("入本病种：", "goes into this group: ") + t.kind(strings.TrimPrefix(s.Verdict, "taken: ")) + t.rule(s)
}

// kind is "core surgery" in words.
func (t teller) kind(text string) string {
	kind, class, _ := strings.Cut(text, " ")
	return t.of(kinds, kind) + t.pick("·", ", ") + t.of(classes, class)
}

func (t teller) rule(s step) string {
	key, ops, _ := strings.Cut(s.Rule, " ")
	out := t.pick("；诊断 "+key, "; diagnosis "+key)
	if ops != "" {
		out += t.pick("，操作 "+ops, ", operations "+ops)
	}
	return out
}

func (t teller) auxiliary(s step) string {
	out := t.pick("系数 ", "factor ") + strings.TrimPrefix(s.Verdict, "factor ")
	if s.Rule != "" {
		out = t.pick("分级 ", "level ") + s.Rule + t.pick("，", ", ") + out
	}
	return out
}

// because lists the codes that satisfied a condition, or the condition where no code did.
func (t teller) because(s step) string {
	rule := t.condition(s.Rule)
	if len(s.Codes) == 0 {
		return rule
	}
	codes := strings.Join(s.Codes, t.pick("、", ", "))
	if rule == "" {
		return codes
	}
	return rule + t.pick("（", " (") + codes + t.pick("）", ")")
}

// failed says at which part of its condition a group or category was left.
func (t teller) failed(s step) string {
	at, ok := strings.CutPrefix(s.Verdict, "fails at ")
	if !ok {
		return s.Verdict
	}
	return t.pick("不满足「", "“") + t.condition(at) + t.pick("」", "” does not hold")
}

func (t teller) of(table map[string][2]string, id string) string {
	if v, ok := table[id]; ok {
		return t.pick(v[0], v[1])
	}
	return id
}
