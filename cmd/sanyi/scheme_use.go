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
	var g cases.Grouping
	var first, asJSON bool
	cmd := &cobra.Command{
		Use: "use SCHEME", Args: usage(cobra.ExactArgs(1)),
		Short: lang.Pick("湖内病例今后按此方案分组，并将已有病例重新分组", "group the lake's stays by a scheme from now on, and those that are there anew"),
		Long: lang.Pick("", `Adds the scheme to the lake's grouping.yaml and groups every stay of the lake, in a publication of its own. Several schemes stand beside each other;
figures mean the first of the file whose days hold, unless they are asked with --scheme. docs/grouping.md has the whole file.`),
		Example: "  sanyi scheme use --lake LAKE chs_drg_11 --weights rw_2025.csv\n  sanyi scheme use --lake LAKE chs_drg_20 --from 2026-01-01 --qy-mode principal --first",
		RunE: func(cmd *cobra.Command, args []string) error {
			g.Scheme = args[0]
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				if g.Weights != "" {
					kept, err := cases.Keep(l.Dir(), g.Weights)
					if err != nil {
						return err
					}
					g.Weights = kept
				}
				return changeGrouping(cmd.Context(), cmd.OutOrStdout(), &flags, l, asJSON, func(c *cases.Config) error {
					c.Use(g, first)
					return nil
				})
			})
		},
	}
	flags.register(cmd)
	flags.registerOverlays(cmd)
	f := cmd.Flags()
	f.StringVar(&g.From, "from", "", lang.Pick("适用的首个出院日", "first day of discharge for which it is the scheme in force (default: always was)"))
	f.StringVar(&g.To, "to", "", lang.Pick("适用期末日的次日", "the day after the last one (default: still is)"))
	f.StringVar(&g.Weights, "weights", "", lang.Pick("支付表（CSV），给出各组权重", "payment table (CSV) with the weight of each group; sanyi scheme weigh makes one"))
	f.StringVar(&g.QYMode, "qy-mode", "", "off | principal")
	f.StringVar(&g.InvalidOp, "invalid-principal-op", "", "keep | null | shift")
	f.BoolVar(&g.CCPOA, "cc-requires-poa", false, lang.Pick("院内获得的并发症不计", "complications acquired in hospital do not count"))
	f.BoolVar(&first, "first", false, lang.Pick("置于首位：指标默认取它", "put it before the others: figures mean it"))
	f.BoolVar(&asJSON, "json", false, "JSON")
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
				return changeGrouping(cmd.Context(), cmd.OutOrStdout(), &flags, l, asJSON, func(c *cases.Config) error { return c.Drop(args[0]) })
			})
		},
	}
	flags.register(cmd)
	flags.registerOverlays(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON")
	return cmd
}

// changeGrouping changes grouping.yaml and regroups; where that fails the file is put back.
func changeGrouping(ctx context.Context, out io.Writer, flags *lakeFlags, l *lake.Lake, asJSON bool, change func(*cases.Config) error) error {
	before, err := cases.ReadConfig(l.Dir())
	if err != nil {
		return err
	}
	after := *before
	after.Groupings, after.Settlements = slices.Clone(before.Groupings), slices.Clone(before.Settlements)
	if err := change(&after); err != nil {
		return err
	}
	if _, err := after.Methods(l.Dir()); err != nil {
		return err
	}
	if err := after.Write(l.Dir()); err != nil {
		return err
	}
	if err := regroup(ctx, out, flags, l, asJSON); err != nil {
		if werr := before.Write(l.Dir()); werr != nil {
			return fault.New(fault.KindOf(err), "%w (and %s could not be put back: %w)", err, cases.ConfigFile, werr)
		}
		return err
	}
	return nil
}

// regroup groups every stay of the lake anew and says what came of it.
func regroup(ctx context.Context, out io.Writer, flags *lakeFlags, l *lake.Lake, asJSON bool) error {
	set, err := flags.contracts(l)
	if err != nil {
		return err
	}
	report, publication, err := cases.Regroup(ctx, l, set, cases.Options{})
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
