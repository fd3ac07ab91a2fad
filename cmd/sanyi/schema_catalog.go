//go:build duckdb_arrow

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// catalogFlags say which definitions are in force: the shipped ones, those a lake registers, and overlays.
type catalogFlags struct {
	lakeFlags
	json bool
}

func catalogCommand() *cobra.Command {
	f := &catalogFlags{}
	cmd := &cobra.Command{
		Use: "catalog", Short: "目录 what tables, sources, indicators and code lists there are",
		Long: lang.Pick("列出定义:表(数据契约)、数据源、指标、编码表与表达式函数;加上编号则给出全文。不需要湖;--lake 同时读取湖登记的叠加定义。",
			"Lists definitions: tables (data contracts), sources, indicators, code lists and functions of the expression language; with an\n"+
				"id, the whole of one. No lake is needed; with --lake, the overlays that the lake registers are read, too."),
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example: "  sanyi catalog tables\n  sanyi catalog tables fact_inp_stay\n  sanyi catalog indicators --json\n  sanyi catalog codes RC019",
	}
	f.register(cmd)
	cmd.PersistentFlags().AddFlagSet(cmd.Flags())
	cmd.PersistentFlags().StringArrayVar(&f.overlays, "overlay", nil, lang.Pick("叠加定义的文件夹,可重复", "a folder of definitions laid over the shipped ones (repeatable)"))
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, lang.Pick("输出 JSON", "print JSON"))
	cmd.AddCommand(
		f.command("tables", "表 data contracts", (*catalogFlags).tables),
		f.command("sources", "数据源 extract layouts", (*catalogFlags).sources),
		f.command("indicators", "指标 indicators", (*catalogFlags).indicators),
		f.command("codes", "编码表 code lists", (*catalogFlags).codes),
		f.command("functions", "函数 functions of the expression language", (*catalogFlags).functions),
	)
	return cmd
}

func (f *catalogFlags) command(name, short string, run func(*catalogFlags, io.Writer, []fs.FS, string) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " [ID]", Short: short, Args: usage(cobra.MaximumNArgs(1)), Example: "  sanyi catalog " + name + " --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			over, err := f.layersInForce(cmd)
			if err != nil {
				return err
			}
			return run(f, cmd.OutOrStdout(), over, strings.Join(args, ""))
		},
	}
}

// layersInForce are the overlays: those of the lake when one is named, then those of the command line.
func (f *catalogFlags) layersInForce(cmd *cobra.Command) ([]fs.FS, error) {
	if f.dir != "" {
		var out []fs.FS
		err := f.with(cmd.Context(), func(l *lake.Lake) error {
			over, err := f.layers(l)
			out = append([]fs.FS{os.DirFS(l.Dir())}, over...) // sanyi codes import --lake writes lists into the lake's folder
			return err
		})
		return out, err
	}
	var out []fs.FS
	for _, dir := range f.overlays {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fault.New(fault.Usage, "overlay %s: no such folder", dir)
		}
		out = append(out, os.DirFS(dir))
	}
	return out, nil
}

func over(shipped fs.FS, layers []fs.FS) []fs.FS { return append([]fs.FS{shipped}, layers...) }

// text is a title in both languages, as JSON writes it.
type text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

func bothLanguages(t schema.Text) text { return text{t.ZH, t.EN} }

func pick(t schema.Text) string { return lang.Pick(t.ZH, t.EN) }

type columnEntry struct {
	Name        string `json:"name"`
	Title       text   `json:"title"`
	Type        string `json:"type"`
	Unit        string `json:"unit,omitempty"`
	Codes       string `json:"codes,omitempty"`
	Required    bool   `json:"required"`
	Ref         string `json:"ref,omitempty"`
	Sensitivity string `json:"sensitivity"`
	Pseudonym   bool   `json:"pseudonym,omitempty"`
	Dimension   bool   `json:"dimension"`
	Source      string `json:"source,omitempty"`
}

type checkEntry struct {
	ID       string `json:"id"`
	Column   string `json:"column,omitempty"`
	Severity string `json:"severity"`
	Expr     string `json:"expr"`
	Message  text   `json:"message"`
}

type tableEntry struct {
	Table     string            `json:"table"`
	Title     text              `json:"title"`
	Kind      string            `json:"kind"`
	Grain     string            `json:"grain"`
	Basis     string            `json:"basis"`
	Version   string            `json:"version"`
	EventDate string            `json:"event_date,omitempty"`
	Clock     string            `json:"clock,omitempty"`
	Key       []string          `json:"key"`
	Roles     map[string]string `json:"roles,omitempty"`
	File      string            `json:"file"`
	Columns   []columnEntry     `json:"columns"`
	Checks    []checkEntry      `json:"checks"`
}

func (f *catalogFlags) tables(w io.Writer, layers []fs.FS, id string) error {
	set, err := schema.Load(over(schema.Shipped(), layers)...)
	if err != nil {
		return err
	}
	if id != "" {
		t, ok := set.Table(id)
		if !ok {
			return fault.New(fault.NotFound, "no table %s; see sanyi catalog tables", id)
		}
		if f.json {
			return writeJSON(w, tableOf(t))
		}
		return tablePage(w, t)
	}
	var entries []tableEntry
	rows := [][]string{{lang.Pick("表", "table"), lang.Pick("名称", "title"), lang.Pick("类别", "kind"), lang.Pick("粒度", "grain"), lang.Pick("列", "columns"), lang.Pick("规则", "checks")}}
	for _, t := range set.Tables() {
		entries = append(entries, tableOf(t))
		rows = append(rows, []string{t.Name, pick(t.Title), t.Kind, t.Grain, strconv.Itoa(len(t.Columns)), strconv.Itoa(len(t.AllChecks()))})
	}
	return f.print(w, entries, rows)
}

func tableOf(t *schema.Table) tableEntry {
	e := tableEntry{
		Table: t.Name, Title: bothLanguages(t.Title), Kind: t.Kind, Grain: t.Grain, Basis: t.Basis, Version: t.Version, EventDate: t.EventDate, Clock: t.Clock,
		Key: t.Key, Roles: t.Roles, File: t.File, Checks: []checkEntry{},
	}
	for _, c := range t.AllColumns() {
		e.Columns = append(e.Columns, columnEntry{
			c.Name, bothLanguages(c.Title), c.Type.String(), c.Unit, c.Codes, c.Required, c.Ref, c.Sensitivity, c.Pseudonym, c.MayGroup(), c.Source,
		})
	}
	for _, c := range t.AllChecks() {
		e.Checks = append(e.Checks, checkEntry{c.ID, c.Column, c.Severity, c.Expr, bothLanguages(c.Message)})
	}
	return e
}

func tablePage(w io.Writer, t *schema.Table) error {
	fmt.Fprintf(w, "%s  %s\n%s  %s  %s\n\n", t.Name, pick(t.Title), t.Kind, t.Grain, t.Basis)
	rows := [][]string{{lang.Pick("列", "column"), lang.Pick("名称", "title"), lang.Pick("类型", "type"), lang.Pick("必填", "required"), lang.Pick("敏感级", "class"), lang.Pick("编码表", "codes"), lang.Pick("来源", "source")}}
	for _, c := range t.Columns {
		required := ""
		if c.Required {
			required = lang.Pick("是", "yes")
		}
		rows = append(rows, []string{c.Name, pick(c.Title), c.Type.String(), required, c.Sensitivity, c.Codes, c.Source})
	}
	printTable(w, rows)
	if checks := t.AllChecks(); len(checks) > 0 {
		fmt.Fprintln(w)
		rows = [][]string{{lang.Pick("规则", "check"), lang.Pick("级别", "severity"), lang.Pick("说明", "message")}}
		for _, c := range checks {
			rows = append(rows, []string{c.ID, c.Severity, pick(c.Message)})
		}
		printTable(w, rows)
	}
	return nil
}

type sourceEntry struct {
	ID      string   `json:"id"`
	Title   text     `json:"title"`
	Meaning string   `json:"meaning"`
	Basis   string   `json:"basis"`
	Format  string   `json:"format"`
	Tables  []string `json:"tables"`
	Due     string   `json:"due,omitempty"`
	File    string   `json:"file"`
	Text    string   `json:"text,omitempty"`
}

func (f *catalogFlags) sources(w io.Writer, layers []fs.FS, id string) error {
	set, err := schema.Load(over(schema.Shipped(), layers)...)
	if err != nil {
		return err
	}
	all, err := ingest.LoadSources(set, over(ingest.Shipped(), layers)...)
	if err != nil {
		return err
	}
	entry := func(s *ingest.Source) sourceEntry {
		e := sourceEntry{ID: s.ID, Title: bothLanguages(s.Title), Meaning: s.Meaning, Basis: s.Basis, Format: s.Format, Tables: []string{}, Due: s.Expects.Due, File: s.File}
		for _, t := range s.Tables {
			if !slices.Contains(e.Tables, t.Table) {
				e.Tables = append(e.Tables, t.Table)
			}
		}
		return e
	}
	if id != "" {
		s, ok := all.Source(id)
		if !ok {
			return fault.New(fault.NotFound, "no source %s; see sanyi catalog sources", id)
		}
		e := entry(s)
		e.Text = s.Text
		return f.one(w, e, s.File, s.Text)
	}
	var entries []sourceEntry
	rows := [][]string{{lang.Pick("数据源", "source"), lang.Pick("名称", "title"), lang.Pick("格式", "format"), lang.Pick("写入", "fills"), lang.Pick("应到", "due")}}
	for _, s := range all.All() {
		e := entry(s)
		entries = append(entries, e)
		rows = append(rows, []string{s.ID, pick(s.Title), s.Format, strings.Join(e.Tables, " "), s.Expects.Due})
	}
	return f.print(w, entries, rows)
}

type indicatorEntry struct {
	ID          string   `json:"id"`
	Title       text     `json:"title"`
	Meaning     string   `json:"meaning"`
	Basis       string   `json:"basis"`
	Unit        string   `json:"unit"`
	Direction   string   `json:"direction"`
	Viewpoint   string   `json:"viewpoint,omitempty"`
	Numerator   string   `json:"numerator,omitempty"`
	Denominator string   `json:"denominator,omitempty"`
	Dimensions  []string `json:"dimensions"`
	Grains      []string `json:"grains"`
	Comparisons []string `json:"comparisons"`
	Version     string   `json:"version"`
	File        string   `json:"file"`
	Text        string   `json:"text,omitempty"`
}

func (f *catalogFlags) indicators(w io.Writer, layers []fs.FS, id string) error {
	set, err := schema.Load(over(schema.Shipped(), layers)...)
	if err != nil {
		return err
	}
	c, err := queries.Load(set, over(queries.Shipped(), layers)...)
	if err != nil {
		return err
	}
	entry := func(x *queries.Indicator) indicatorEntry {
		return indicatorEntry{
			ID: x.ID, Title: bothLanguages(x.Title), Meaning: x.Meaning, Basis: x.Basis, Unit: x.Unit, Direction: x.Direction, Viewpoint: x.Viewpoint,
			Numerator: x.Numerator, Denominator: x.Denominator, Dimensions: orEmpty(x.Dimensions), Grains: orEmpty(x.Grains), Comparisons: orEmpty(x.Comparisons),
			Version: x.Version, File: x.At.File,
		}
	}
	if id != "" {
		x, ok := c.Indicator(id)
		if !ok {
			return fault.New(fault.NotFound, "no indicator %s; see sanyi catalog indicators", id)
		}
		e := entry(x)
		e.Text = x.Text
		return f.one(w, e, x.At.File, x.Text)
	}
	var entries []indicatorEntry
	rows := [][]string{{lang.Pick("指标", "indicator"), lang.Pick("名称", "title"), lang.Pick("单位", "unit"), lang.Pick("视角", "viewpoint"), lang.Pick("依据", "basis")}}
	for _, x := range c.Indicators() {
		entries = append(entries, entry(x))
		rows = append(rows, []string{x.ID, pick(x.Title), x.Unit, x.Viewpoint, x.Basis})
	}
	return f.print(w, entries, rows)
}

func (f *catalogFlags) codes(w io.Writer, layers []fs.FS, id string) error {
	set, err := dict.Load(over(dict.Shipped(), layers)...)
	if err != nil {
		return err
	}
	if id != "" {
		l, ok := set.List(id)
		if !ok {
			return fault.New(fault.NotFound, "no code list %s; see sanyi catalog codes", id)
		}
		rows := [][]string{{lang.Pick("代码", "code"), "中文", "English", lang.Pick("上级", "parent")}}
		for _, c := range l.Codes {
			rows = append(rows, []string{c.Code, c.ZH, c.EN, c.Parent})
		}
		return f.print(w, l, rows)
	}
	lists := []dict.List{}
	rows := [][]string{{lang.Pick("编码表", "list"), lang.Pick("名称", "title"), lang.Pick("发布者", "issuer"), lang.Pick("年份", "year"), lang.Pick("条数", "codes"), lang.Pick("完整", "complete")}}
	for _, l := range set.Lists() {
		head := *l
		head.Codes = nil
		lists = append(lists, head)
		complete := ""
		if l.Complete {
			complete = lang.Pick("是", "yes")
		}
		rows = append(rows, []string{l.ID, lang.Pick(l.ZH, l.EN), l.Issuer, l.Year, strconv.Itoa(len(l.Codes)), complete})
	}
	return f.print(w, lists, rows)
}

type functionEntry struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	Meaning   text   `json:"meaning"`
	Aggregate bool   `json:"aggregate"`
	Mapping   bool   `json:"mapping"`
}

func (f *catalogFlags) functions(w io.Writer, _ []fs.FS, id string) error {
	var entries []functionEntry
	rows := [][]string{{lang.Pick("函数", "function"), lang.Pick("含义", "meaning")}}
	for _, fn := range expr.Functions() {
		if id != "" && fn.Name != id {
			continue
		}
		entries = append(entries, functionEntry{fn.Name, fn.Signature, text{fn.ZH, fn.EN}, fn.Aggregate, fn.Mapping})
		rows = append(rows, []string{fn.Signature, lang.Pick(fn.ZH, fn.EN)})
	}
	if len(entries) == 0 {
		return fault.New(fault.NotFound, "no function %s; see sanyi catalog functions", id)
	}
	return f.print(w, entries, rows)
}

// one prints a whole definition: its file as it was written, or its entry as JSON.
func (f *catalogFlags) one(w io.Writer, entry any, file, source string) error {
	if f.json {
		return writeJSON(w, entry)
	}
	_, err := fmt.Fprintf(w, "# %s\n%s", file, source)
	return err
}

func (f *catalogFlags) print(w io.Writer, entries any, rows [][]string) error {
	if f.json {
		return writeJSON(w, entries)
	}
	printTable(w, rows)
	return nil
}

func orEmpty(list []string) []string { return append([]string{}, list...) }

// printTable lines up columns by what a terminal shows: a Chinese character is two cells wide.
func printTable(w io.Writer, rows [][]string) {
	var widths []int
	for _, r := range rows {
		for i, cell := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(cell))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-cells(cell)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

func cells(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xffdc) {
			n++
		}
	}
	return n
}
