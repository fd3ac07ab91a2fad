//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// settleLakeFlags are what settle needs to work on the cases of a lake.
type settleLakeFlags struct {
	lake   lakeFlags
	from   string
	to     string
	mix    string
	as     int64
	asJSON bool
}

func (f *settleLakeFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.lake.dir, "lake", "", lang.Pick("结算湖内病例（只测算，不发布）", "settle the cases of this lake; its figures are not touched"))
	fl.StringVar(&f.from, "from", "", lang.Pick("出院起始日", "with --lake: first day of discharge"))
	fl.StringVar(&f.to, "to", "", lang.Pick("出院截止日的次日", "with --lake: the day after the last one"))
	fl.StringVar(&f.mix, "mix", "", lang.Pick("第二方案的病例结构（CSV：org_code,group_code,cases，每个结算期的出院例数）", "with --lake: other numbers of discharges in each span for the last scenario (CSV: org_code,group_code,cases)"))
	fl.Int64Var(&f.as, "as-of", 0, lang.Pick("以哪次发布为准", "with --lake: as of which publication"))
	fl.BoolVar(&f.asJSON, "json", false, lang.Pick("与 --lake 同用：输出 JSON", "with --lake: JSON"))
}

// scenarios pairs parameters, schemes and payment tables: the last of each goes on for those that are missing, and what
// none is given of is as the lake has it.
func (f *settleFlags) scenarios() ([]cases.Scenario, error) {
	n := max(len(f.params), len(f.schemes), len(f.weights), 1)
	if n > 2 {
		return nil, fault.New(fault.Usage, "%s", lang.Pick("最多比较两个方案：--params、--scheme、--weights 各至多两个", "at most two are compared: --params, --scheme and --weights twice each"))
	}
	var out []cases.Scenario
	for i := range n {
		s := cases.Scenario{}
		for _, p := range []struct {
			to   *string
			from []string
		}{{&s.Params, f.params}, {&s.Scheme, f.schemes}, {&s.Weights, f.weights}} {
			if len(p.from) > 0 {
				*p.to = p.from[min(i, len(p.from)-1)]
			}
		}
		if err := placed(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if f.inLake.mix != "" {
		mix, err := cases.ReadMix(f.inLake.mix)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			out = append(out, out[0])
		}
		out[len(out)-1].Mix = mix
	}
	return out, nil
}

// placed tells a folder from the id of a scheme, by its separator (./mine is a folder), and makes paths absolute: those of
// the command line are of the folder that it was given in, not of the lake.
func placed(s *cases.Scenario) error {
	if strings.ContainsRune(s.Scheme, filepath.Separator) || s.Scheme == "." || s.Scheme == ".." {
		s.Folder, s.Scheme = s.Scheme, ""
	}
	for _, path := range []*string{&s.Folder, &s.Weights, &s.Params} {
		if *path == "" {
			continue
		}
		full, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = full
	}
	return nil
}

// runLake settles the cases of a lake by one scenario, or by two and compares them.
func (f *settleFlags) runLake(ctx context.Context, out io.Writer) error {
	scenarios, err := f.scenarios()
	if err != nil {
		return err
	}
	return f.inLake.lake.with(ctx, func(l *lake.Lake) (err error) {
		set, err := f.inLake.lake.contracts(l)
		if err != nil {
			return err
		}
		w, err := cases.OpenWhatIf(ctx, l, set, f.inLake.as)
		if err != nil {
			return err
		}
		defer func() { err = first(err, w.Close()) }()
		var results []*cases.ScenarioResult
		for _, s := range scenarios {
			r, err := w.Run(ctx, s, f.inLake.from, f.inLake.to)
			if err != nil {
				return err
			}
			if len(r.Spans) == 0 && s.Params == "" {
				return fault.New(fault.Usage, "the lake settles no %s cases in that span (sanyi settle use): name parameters with --params", r.Scheme)
			}
			results = append(results, r)
		}
		if len(results) == 1 {
			return f.inLake.writeOne(out, results[0])
		}
		return f.inLake.writeTwo(out, results)
	})
}

func (f *settleLakeFlags) writeOne(out io.Writer, r *cases.ScenarioResult) error {
	if f.asJSON {
		return writeJSON(out, r)
	}
	f.sayScenario(out, "", r)
	w := tabwriter.NewWriter(out, 2, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, lang.Pick("机构\t病例\t权重\t总费用\t应付总额\t基金应付\t基金记账\t清算\t高倍率\t低倍率\t未入组\t无标准\t",
		"ORG\tCASES\tWEIGHT\tCOST\tPAID FOR\tFUND DUE\tBOOKED\tCLEARED\tHIGH\tLOW\tUNGROUPED\tUNPRICED\t"))
	for _, h := range r.Hospitals {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t\n", h.Org, h.Cases, h.Weight.StringFixed(4), h.Total.StringFixed(2), h.Standard.StringFixed(2),
			h.FundDue.StringFixed(2), h.Booked.StringFixed(2), h.Settlement.StringFixed(2), h.High, h.Low, h.Ungrouped, h.Unpriced)
	}
	return w.Flush()
}

func (f *settleLakeFlags) sayScenario(out io.Writer, name string, r *cases.ScenarioResult) {
	fmt.Fprintf(out, lang.Pick("%s方案 %s（%.12s），参数 %.12s：%d 例，入组 %d，与湖内现行分组不同 %d，结算 %d\n",
		"%sscheme %s (%.12s), parameters %.12s: %d cases, %d grouped, %d in another group than the lake's, %d settled\n"),
		name, r.Scheme, r.SchemeHash, r.ParamsHash, r.Cases, r.Grouped, r.Moved, r.Settled)
	for _, s := range r.Spans {
		fmt.Fprintf(out, lang.Pick("  %s：%s 至 %s 前，%d 例\n", "  %s: from %s to before %s, %d cases\n"), s.Params, s.From, s.To, s.Cases)
	}
}

func (f *settleLakeFlags) writeTwo(out io.Writer, results []*cases.ScenarioResult) error {
	changes := settle.Compare(results[0].Parts, results[1].Parts)
	if f.asJSON {
		return writeJSON(out, struct {
			A       *cases.ScenarioResult `json:"a"`
			B       *cases.ScenarioResult `json:"b"`
			Changes []settle.Change       `json:"changes"`
		}{results[0], results[1], changes})
	}
	f.sayScenario(out, "A ", results[0])
	f.sayScenario(out, "B ", results[1])
	w := tabwriter.NewWriter(out, 2, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, lang.Pick("机构\t病例A\t病例B\tCMI A\tCMI B\t应付A\t应付B\t差额\t数量\t结构\t价格\t按项目\t", "ORG\tCASES A\tCASES B\tCMI A\tCMI B\tPAID A\tPAID B\tDIFFERENCE\tVOLUME\tSTRUCTURE\tPRICE\tBY ITEM\t"))
	money := func(d decimal.Decimal) string { return d.StringFixed(2) }
	for _, c := range changes {
		org := c.Org
		if org == "" {
			org = lang.Pick("全区域", "region")
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", org, c.CasesA, c.CasesB, c.CMIA.StringFixed(4), c.CMIB.StringFixed(4), money(c.AmountA), money(c.AmountB),
			money(c.Difference), money(c.Volume), money(c.Structure), money(c.Price), money(c.ByItem))
	}
	return w.Flush()
}

func settleUseCommand() *cobra.Command {
	var flags lakeFlags
	var given cases.Settlement
	var asJSON bool
	cmd := &cobra.Command{
		Use: "use ID", Args: usage(cobra.ExactArgs(1)),
		Short: lang.Pick("湖内病例今后按此参数结算，结果入表 fact_case_settle", "settle the lake's cases by these parameters from now on, into fact_case_settle"),
		Long: lang.Pick("", `Adds the parameter set to the lake's grouping.yaml and settles the cases discharged from --from to before --to, in a publication of its own; every later
publication keeps them up to date. Of a set that is there already, what is not given stays as it is. What the insurance really paid stays in fact_settlement.`),
		Example: "  sanyi settle use --lake LAKE drg_2025 --scheme chs_drg_11 --params drg_2025.yaml --weights rw_2025.csv --from 2025-01-01 --to 2026-01-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			is := cmd.Flags().Changed
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				for _, path := range []*string{&given.Params, &given.Weights} {
					if *path == "" {
						continue
					}
					kept, err := cases.Keep(l.Dir(), *path)
					if err != nil {
						return err
					}
					*path = kept
				}
				return regroup(cmd, &flags, l, asJSON, func(c *cases.Config) error {
					s := c.Settlement(args[0])
					for _, set := range []struct {
						flag     string
						to, from *string
					}{
						{"scheme", &s.Scheme, &given.Scheme},
						{"params", &s.Params, &given.Params},
						{"weights", &s.Weights, &given.Weights},
						{"from", &s.From, &given.From},
						{"to", &s.To, &given.To},
					} {
						if is(set.flag) {
							*set.to = *set.from
						}
					}
					if s.Params == "" {
						return fault.New(fault.Usage, "--params is wanted (sanyi settle --show-national prints an example to start from)")
					}
					if s.Scheme == "" && len(c.Groupings) > 0 {
						s.Scheme = c.Groupings[0].Scheme
					}
					c.Price(s)
					return nil
				})
			})
		},
	}
	flags.register(cmd)
	flags.registerOverlays(cmd)
	f := cmd.Flags()
	f.StringVar(&given.Scheme, "scheme", "", lang.Pick("所结算的分组方案（默认第一个）", "grouping whose groups are priced (default: the first)"))
	f.StringVar(&given.Params, "params", "", lang.Pick("参数文件", "parameter file (docs/settlement.md)"))
	f.StringVar(&given.Weights, "weights", "", lang.Pick("支付表（默认取分组方案的）", "payment table (default: that of the grouping)"))
	f.StringVar(&given.From, "from", "", lang.Pick("出院起始日", "first day of discharge"))
	f.StringVar(&given.To, "to", "", lang.Pick("出院截止日的次日", "the day after the last one"))
	f.BoolVar(&asJSON, "json", false, "JSON")
	return cmd
}
