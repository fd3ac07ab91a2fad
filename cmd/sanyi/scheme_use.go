//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func schemeUseCommand() *cobra.Command {
	var flags lakeFlags
	var given cases.Grouping
	var first, noWeights, asJSON bool
	cmd := &cobra.Command{
		Use: "use SCHEME", Args: usage(cobra.ExactArgs(1)),
		Short: lang.Pick("湖内病例今后按此方案分组，并将已有病例重新分组", "group the lake's stays by a scheme from now on, and those that are there anew"),
		Long: lang.Pick("", `Adds the scheme to the lake's grouping.yaml and groups every stay of the lake, in a publication of its own. Of a scheme that is there already, what is not
given stays as it is: --from '' or --no-weights takes off. Several schemes stand beside each other; figures mean the first of the file whose days hold, unless they are
asked with --scheme. docs/grouping.md has the whole file.`),
		Example: "  sanyi scheme use --lake LAKE chs_drg_11 --weights rw_2025.csv\n  sanyi scheme use --lake LAKE chs_drg_20 --from 2026-01-01 --qy-mode principal --first",
		RunE: func(cmd *cobra.Command, args []string) error {
			is := cmd.Flags().Changed
			if noWeights && is("weights") {
				return fault.New(fault.Usage, "--weights and --no-weights: one of them")
			}
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				if given.Weights != "" {
					kept, err := cases.Keep(l.Dir(), given.Weights)
					if err != nil {
						return err
					}
					given.Weights = kept
				}
				return regroup(cmd, &flags, l, asJSON, func(c *cases.Config) error {
					g := c.Grouping(args[0])
					for _, set := range []struct {
						flag     string
						to, from *string
					}{
						{"from", &g.From, &given.From},
						{"to", &g.To, &given.To},
						{"weights", &g.Weights, &given.Weights},
						{"qy-mode", &g.QYMode, &given.QYMode},
						{"invalid-principal-op", &g.InvalidOp, &given.InvalidOp},
					} {
						if is(set.flag) {
							*set.to = *set.from
						}
					}
					if is("cc-requires-poa") {
						g.CCPOA = given.CCPOA
					}
					if is("basic-after-core") {
						g.BasicLast = given.BasicLast
					}
					if noWeights {
						g.Weights = ""
					}
					c.Use(g, first)
					return nil
				})
			})
		},
	}
	flags.register(cmd)
	flags.registerOverlays(cmd)
	f := cmd.Flags()
	f.StringVar(&given.From, "from", "", lang.Pick("适用的首个出院日", "first day of discharge for which it is the scheme in force (default: always was)"))
	f.StringVar(&given.To, "to", "", lang.Pick("适用期末日的次日", "the day after the last one (default: still is)"))
	f.StringVar(&given.Weights, "weights", "", lang.Pick("支付表（CSV），给出各组权重", "payment table (CSV) with the weight of each group; sanyi scheme weigh makes one"))
	f.BoolVar(&noWeights, "no-weights", false, lang.Pick("不再用支付表", "take the payment table off"))
	f.StringVar(&given.QYMode, "qy-mode", "", "off | principal")
	f.StringVar(&given.InvalidOp, "invalid-principal-op", "", "keep | null | shift")
	f.BoolVar(&given.CCPOA, "cc-requires-poa", false, lang.Pick("院内获得的并发症不计", "complications acquired in hospital do not count"))
	f.BoolVar(&given.BasicLast, "basic-after-core", false, lang.Pick("DIP：基层病种排在所有核心病种之后", "DIP: groups of basic diseases after all core groups"))
	f.BoolVar(&first, "first", false, lang.Pick("置于首位：指标默认取它", "put it before the others: figures mean it"))
	f.BoolVar(&asJSON, "json", false, "JSON")
	return cmd
}

func schemeRestoreCommand() *cobra.Command {
	var flags lakeFlags
	cmd := &cobra.Command{
		Use: "restore [PUBLICATION]", Args: usage(cobra.MaximumNArgs(1)),
		Short: lang.Pick("把 grouping.yaml 恢复为某次发布所存（默认最新一次）", "write grouping.yaml as a publication stored it (default: the newest)"),
		Long: lang.Pick("", `Writes the lake's grouping.yaml as the state of a publication was grouped and settled by: after the file was lost, or after a rollback. A file that is
there is kept as grouping.yaml.before. The next publication groups by it; sanyi group --lake LAKE does so at once.`),
		Example: "  sanyi scheme restore --lake LAKE\n  sanyi scheme restore --lake LAKE 12",
		RunE: func(cmd *cobra.Command, args []string) error {
			publication := int64(0)
			if len(args) > 0 {
				var err error
				if publication, err = publicationArg(args[0]); err != nil {
					return err
				}
			}
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				from, kept, err := cases.Restore(cmd.Context(), l, publication)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), lang.Pick("%s 已恢复为第 %d 次发布所存\n", "%s is again as publication %d stored it\n"), cases.ConfigFile, from)
				if kept != "" {
					fmt.Fprintf(cmd.OutOrStdout(), lang.Pick("原文件存为 %s\n", "the file before is %s\n"), kept)
				}
				return nil
			})
		},
	}
	flags.register(cmd)
	return cmd
}

func schemeDropCommand() *cobra.Command {
	var flags lakeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "drop SCHEME", Args: usage(cobra.ExactArgs(1)),
		Short:   lang.Pick("湖内病例不再按此方案分组", "no longer group the lake's stays by a scheme; earlier publications keep what they had"),
		Example: "  sanyi scheme drop --lake LAKE demo_drg",
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				return regroup(cmd, &flags, l, asJSON, func(c *cases.Config) error { return c.Drop(args[0]) })
			})
		},
	}
	flags.register(cmd)
	flags.registerOverlays(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON")
	return cmd
}

// regroup groups every stay of the lake anew, after a change of grouping.yaml where one is given, and says what came of it.
func regroup(cmd *cobra.Command, flags *lakeFlags, l *lake.Lake, asJSON bool, change func(*cases.Config) error) error {
	set, err := flags.contracts(l)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	report, publication, err := cases.Regroup(cmd.Context(), l, set, cases.Options{
		Change: change, Warn: func(text string) { fmt.Fprintf(cmd.ErrOrStderr(), lang.Pick("注意：%s\n", "note: %s\n"), text) },
	})
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(out, struct {
			Publication int64 `json:"publication"`
			*cases.Report
		}{publication, report})
	}
	if publication == 0 {
		_, err := fmt.Fprintln(out, lang.Pick("湖内没有住院病例，未发布", "no stays in the lake: nothing was published"))
		return err
	}
	fmt.Fprintf(out, lang.Pick("发布 %d：%d 例，%d 个月\n", "publication %d: %d cases of %d months\n"), publication, report.Cases, len(report.Months))
	for _, s := range slices.Sorted(maps.Keys(report.Grouped)) {
		share := 0.0
		if report.Cases > 0 {
			share = 100 * float64(report.Grouped[s]) / float64(report.Cases)
		}
		fmt.Fprintf(out, lang.Pick("  %s：入组 %d（%.2f%%）\n", "  %s: %d grouped (%.2f %%)\n"), s, report.Grouped[s], share)
	}
	for _, s := range slices.Sorted(maps.Keys(report.Settled)) {
		fmt.Fprintf(out, lang.Pick("  %s：结算 %d 例\n", "  %s: %d cases settled\n"), s, report.Settled[s])
	}
	return nil
}

// explainCase prints how one case of the lake came to its group.
func explainCase(ctx context.Context, out io.Writer, flags *lakeFlags, req cases.ExplainRequest, asJSON bool) error {
	return flags.with(ctx, func(l *lake.Lake) error {
		set, err := flags.contracts(l)
		if err != nil {
			return err
		}
		e, err := cases.Explain(ctx, l, set, req)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(out, e)
		}
		r := e.Result
		fmt.Fprintf(out, lang.Pick("%s %s 出院，方案 %s（%.12s），第 %d 次发布\n", "%s discharged on %s, scheme %s (%.12s), publication %d\n"), e.Org, e.Discharge, e.Scheme, e.SchemeHash, e.Publication)
		fmt.Fprintf(out, lang.Pick("诊断 %s；手术操作 %s\n", "diagnoses %s; procedures %s\n"), strings.Join(e.Case.Dx, " "), strings.Join(e.Case.Ops, " "))
		fmt.Fprintf(out, "%s %s %s %s %s %s\n", r.Group, r.Name, r.Severity, r.Status, r.Reason, r.Weight)
		for _, s := range e.DRG {
			fmt.Fprintf(out, "  %-12s %-10s %s %s → %s\n", s.Step, s.Subject, s.Rule, strings.Join(s.Codes, " "), s.Verdict)
		}
		for _, s := range e.DIP {
			fmt.Fprintf(out, "  %-12s %-10s %s %s → %s\n", s.Step, s.Subject, s.Rule, strings.Join(s.Codes, " "), s.Verdict)
		}
		for _, s := range e.Settled {
			fmt.Fprintf(out, lang.Pick("结算 %s：%s（%s），标准 %s，应付 %s，盈亏 %s\n", "settled by %s: %s (%s), standard %s, due from the fund %s, standard less cost %s\n"), s.Params, s.Tier, s.Method, s.Standard, s.FundDue, s.Profit)
		}
		return nil
	})
}
