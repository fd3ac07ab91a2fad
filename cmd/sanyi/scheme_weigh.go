//go:build duckdb_arrow

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/stream"
	"github.com/sanyi-lake/sanyi/internal/grouper/weigh"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

type weighFlags struct {
	schemeFlags
	cases  []string
	params string
	expert string
	out    string
	rates  string
	report string
	show   bool
	lake   lakeFlags
	of     cases.WeighRequest
}

func schemeWeighCommand() *cobra.Command {
	var f weighFlags
	cmd := &cobra.Command{
		Use: "weigh --params FILE --lake LAKE|--cases FILE", Args: cobra.NoArgs,
		Short: lang.Pick("由已分组病例测算权重（分值）、费率、系数，并评价分组效能", "weights (scores), rates and coefficients from grouped cases, and how well the grouping explains cost"),
		Long: lang.Pick("", `Reads grouped cases (NDJSON, one a line) and a parameter file; docs/weights.md describes both.
  in    {id, year or discharge_date, org, level, insurance, group (or drg, dip), adrg, status, total_fee, los_days, parts{medical, nursing, tech, drug_material, admin}}
        with --scheme also {sex, age_years, …, dx[], ops[]}: the case is grouped first
  out   --out the payment table for sanyi settle --weights, --rates the rates and coefficients to append to its parameter file,
        --report everything: what became of every case, RIV and CV before and after trimming, each group
The order of the cases changes nothing in what is written.`),
		Example: `  sanyi scheme weigh --show-national > weigh.yaml
  sanyi scheme weigh --params weigh.yaml --lake LAKE --from 2022-01-01 --to 2025-01-01 --out weights.csv --rates rates.yaml
  sanyi scheme weigh --params weigh.yaml --cases grouped.ndjson --out weights.csv --rates rates.yaml --report report.json
  cat rules.yaml rates.yaml > suzhou_2026.yaml && sanyi settle --params suzhou_2026.yaml --weights weights.csv --by org grouped.ndjson`,
		RunE: f.run,
	}
	f.register(cmd, true)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.cases, "cases", nil, lang.Pick("已分组病例（NDJSON，可多个；- 为标准输入）", "grouped cases (NDJSON, repeatable; - is the standard input)"))
	flags.StringVar(&f.lake.dir, "lake", "", lang.Pick("取湖内已分组病例", "in place of --cases: the grouped cases of this lake (--scheme: by this scheme of its grouping.yaml)"))
	flags.StringVar(&f.of.From, "from", "", lang.Pick("出院起始日", "with --lake: first day of discharge"))
	flags.StringVar(&f.of.To, "to", "", lang.Pick("出院截止日的次日", "with --lake: the day after the last one"))
	flags.Int64Var(&f.of.Publication, "as-of", 0, lang.Pick("以哪次发布为准", "with --lake: as of which publication"))
	flags.StringVar(&f.params, "params", "", lang.Pick("参数文件（YAML）", "parameter file (YAML)"))
	flags.StringVar(&f.expert, "expert", "", lang.Pick("专家调整（CSV：group,rw,flags）", "adjustments of experts (CSV: group,rw,flags)"))
	flags.StringVar(&f.out, "out", "-", lang.Pick("支付表（CSV）", "payment table (CSV)"))
	flags.StringVar(&f.rates, "rates", "", lang.Pick("费率与系数（YAML片段）", "rates and coefficients (YAML, to append to a settlement parameter file)"))
	flags.StringVar(&f.report, "report", "", lang.Pick("测算报告（JSON）", "report (JSON)"))
	flags.BoolVar(&f.show, "show-national", false, lang.Pick("显示示例参数", "print an example parameter file with its sources"))
	return cmd
}

func (f *weighFlags) run(cmd *cobra.Command, _ []string) error {
	if f.show {
		_, err := io.WriteString(cmd.OutOrStdout(), weigh.NationalYAML())
		return err
	}
	if f.params == "" || (len(f.cases) == 0) != cmd.Flags().Changed("lake") {
		return fault.New(fault.Usage, "--params is wanted, and --cases or --lake (--show-national prints parameters to start from)")
	}
	if cmd.Flags().Changed("lake") {
		if len(f.schemes) > 0 {
			f.of.Scheme = f.schemes[0]
		}
		return f.lake.with(cmd.Context(), func(l *lake.Lake) error {
			set, err := f.lake.contracts(l)
			if err != nil {
				return err
			}
			return f.weigh(cmd, cases.Weighed(cmd.Context(), l, set, f.of))
		})
	}
	var using *stream.Scheme
	if len(f.schemes) > 0 {
		s, err := compileScheme(&f.schemeFlags, f.schemes[0], drg.Options{}, dip.Options{})
		if err != nil {
			return err
		}
		using = &s
	}
	return f.weigh(cmd, casesFromFiles(f.cases, cmd.InOrStdin(), using))
}

// weigh works out and writes everything from cases of any origin.
func (f *weighFlags) weigh(cmd *cobra.Command, from iter.Seq2[weigh.Case, error]) error {
	data, err := os.ReadFile(f.params)
	if err != nil {
		return fault.Wrap(fault.NotFound, err)
	}
	p, err := weigh.Load(data, f.params)
	if err != nil {
		return err
	}
	var experts []weigh.Expert
	if f.expert != "" {
		in, err := os.Open(f.expert)
		if err != nil {
			return fault.Wrap(fault.NotFound, err)
		}
		experts, err = weigh.ReadExperts(in, f.expert)
		_ = in.Close()
		if err != nil {
			return err
		}
	}
	r, err := weigh.Weigh(p, from, experts)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for _, file := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{f.rates, r.WriteRates},
		{f.report, func(w io.Writer) error { return writeJSON(w, r) }},
		{f.out, r.WriteWeights},
	} {
		switch file.path {
		case "":
		case "-":
			err = file.write(out)
		default:
			err = writeWhole(file.path, file.write)
		}
		if err != nil {
			return err
		}
	}
	if f.out == "-" || f.report == "-" || f.rates == "-" {
		return nil
	}
	return printWeighing(out, r)
}

// writeWhole writes beside the file and moves it in, so that a reader never finds half of it.
func writeWhole(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".writing-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())                                                      // gone already after the rename
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil { //nolint:gosec // figures of groups, no case
		return err
	}
	return os.Rename(file.Name(), path)
}

// weighLine is a grouped case as it comes; other keys are left alone.
type weighLine struct {
	ID        json.RawMessage `json:"id"`
	Year      int             `json:"year"`
	Date      string          `json:"discharge_date"`
	Org       string          `json:"org"`
	Level     string          `json:"level"`
	Insurance string          `json:"insurance"`
	Group     string          `json:"group"`
	DRG       string          `json:"drg"` // what sanyi group calls it
	DIP       string          `json:"dip"`
	ADRG      string          `json:"adrg"`
	Status    string          `json:"status"`
	Total     decimal.Decimal `json:"total_fee"`
	LOS       decimal.Decimal `json:"los_days"`
	Parts     *struct {
		Medical      decimal.Decimal `json:"medical"`
		Nursing      decimal.Decimal `json:"nursing"`
		Tech         decimal.Decimal `json:"tech"`
		DrugMaterial decimal.Decimal `json:"drug_material"`
		Admin        decimal.Decimal `json:"admin"`
	} `json:"parts"`
}

// casesFromFiles reads NDJSON, and groups the cases where a scheme is given.
func casesFromFiles(paths []string, stdin io.Reader, using *stream.Scheme) iter.Seq2[weigh.Case, error] {
	return func(yield func(weigh.Case, error) bool) {
		for _, path := range paths {
			in, done := stdin, func() {}
			if path != "-" {
				file, err := os.Open(path)
				if err != nil {
					yield(weigh.Case{}, fault.Wrap(fault.NotFound, err))
					return
				}
				in, done = file, func() { _ = file.Close() }
			}
			var l weighLine
			err := eachLine(in, func(n int, line []byte) error {
				l = weighLine{}
				c, err := l.read(line, using)
				if err != nil {
					return fault.New(fault.Invalid, "%s:%d: %w", path, n, err)
				}
				if !yield(c, nil) {
					return errStopped
				}
				return nil
			})
			done()
			if errors.Is(err, errStopped) {
				return
			}
			if err != nil {
				yield(weigh.Case{}, err)
				return
			}
		}
	}
}

var errStopped = errors.New("no more cases are wanted")

func (l *weighLine) read(line []byte, using *stream.Scheme) (weigh.Case, error) {
	if err := json.Unmarshal(line, l); err != nil {
		return weigh.Case{}, stream.Plain(err)
	}
	c := weigh.Case{Year: l.Year, Org: l.Org, Level: l.Level, Insurance: l.Insurance, Group: l.Group, ADRG: l.ADRG, Status: l.Status, LOS: l.LOS.InexactFloat64()}
	for _, name := range []string{l.DRG, l.DIP} {
		if c.Group == "" {
			c.Group = name
		}
	}
	if c.Year == 0 && len(l.Date) >= len("2006") {
		year, err := strconv.Atoi(l.Date[:4])
		if err != nil {
			return c, errors.New("discharge_date: a date that begins with its year is wanted")
		}
		c.Year = year
	}
	if using != nil {
		g, err := using.One(line)
		if err != nil {
			return c, err
		}
		c.Group, c.ADRG, c.Status = g.Group, g.ADRG, g.Status
	}
	var err error
	if c.Cost, err = inFen(l.Total); err != nil {
		return c, fmt.Errorf("total_fee: %w", err)
	}
	if l.Parts != nil {
		c.Parts = &[weigh.PartCount]int64{}
		for i, d := range []decimal.Decimal{l.Parts.Medical, l.Parts.Nursing, l.Parts.Tech, l.Parts.DrugMaterial, l.Parts.Admin} {
			if c.Parts[i], err = inFen(d); err != nil {
				return c, fmt.Errorf("parts.%s: %w", weigh.PartNames[i], err)
			}
		}
	}
	return c, nil
}

func inFen(d decimal.Decimal) (int64, error) {
	if d.Abs().GreaterThan(decimal.New(weigh.MaxCost, -2)) {
		return 0, errors.New("an amount in yuan below 10^10 is wanted")
	}
	return d.Shift(2).Round(0).IntPart(), nil
}

// printWeighing is what a person wants to see at once.
func printWeighing(out io.Writer, r *weigh.Result) error {
	w := tabwriter.NewWriter(out, 2, 4, 2, ' ', 0)
	row := func(zh, en string, cells ...any) {
		fmt.Fprint(w, lang.Pick(zh, en))
		for _, c := range cells {
			fmt.Fprintf(w, "\t%v", c)
		}
		fmt.Fprintln(w)
	}
	a := &r.Account
	row("读入病例", "cases read", a.Read)
	for _, status := range slices.Sorted(func(yield func(string) bool) {
		for s := range a.Ungrouped {
			if !yield(s) {
				return
			}
		}
	}) {
		row("  未入组 "+status, "  not grouped: "+status, a.Ungrouped[status])
	}
	for _, n := range []struct {
		zh, en string
		n      int64
	}{{"  费用不为正", "  cost not positive", a.NoCost}, {"  五类费用缺失或不合计", "  classes of cost missing", a.NoParts}, {"  年度不在测算范围", "  outside the years", a.Outside}} {
		if n.n > 0 {
			row(n.zh, n.en, n.n)
		}
	}
	for _, t := range a.Trimmed {
		row("  裁剪 "+t.Rule, "  trimmed: "+t.Rule, t.Cases)
	}
	row("用于测算", "used", a.Used)
	row("例均费用", "mean cost, yuan", r.Mean)
	row("", "", lang.Pick("裁剪前", "before"), lang.Pick("裁剪后", "after"))
	row("病组数", "groups", r.Before.Groups, r.After.Groups)
	row("RIV", "RIV", percent(r.Before.RIV), percent(r.After.RIV))
	row("CV<1 的病组", "groups with CV < 1", percent(r.Before.ShareBelow), percent(r.After.ShareBelow))
	unstable := 0
	for i := range r.Groups {
		if r.Groups[i].Unstable {
			unstable++
		}
	}
	row("不稳定病组", "unstable groups", unstable)
	row("例均权重", "mean weight", r.MeanWeight)
	for _, v := range r.Rates {
		row("费率", "rate", strings.TrimSpace(v.Level+" "+v.Insurance), v.Value)
	}
	for _, c := range r.Coefficients {
		row("系数", "coefficient", c.Level+c.Org, c.Value)
	}
	return w.Flush()
}

func percent(v *float64) string {
	if v == nil {
		return "—"
	}
	return strconv.FormatFloat(100**v, 'f', 2, 64) + " %" //nolint:mnd // per cent
}
