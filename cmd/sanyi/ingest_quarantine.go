//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func quarantineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "quarantine",
		Short:   lang.Pick("隔离区：哪些记录被设置在一旁，为什么", "records that were set aside, and why"),
		Example: "  sanyi quarantine list --lake LAKE\n  sanyi quarantine show --lake LAKE DELIVERY",
		Args:    usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return fault.New(fault.Usage, "%s", lang.Pick("请写 list 或 show", "write list or show"))
		},
	}
	cmd.AddCommand(quarantineListCommand(), quarantineShowCommand())
	return cmd
}

func quarantineListCommand() *cobra.Command {
	var flags lakeFlags
	var asJSON bool
	var org, source, date string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   lang.Pick("按交付、表、列与规则计数", "counts by delivery, table, column and check"),
		Args:    usage(cobra.NoArgs),
		Example: "  sanyi quarantine list --lake LAKE --org 12340000X --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				groups, err := ingest.QuarantineList(cmd.Context(), l, ingest.QuarantineFilter{Org: org, Source: source, Date: date})
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), groups)
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, lang.Pick("交付\t数据源\t机构\t日期\t表\t列\t规则\t记录\t原因", "DELIVERY\tSOURCE\tORG\tDATE\tTABLE\tCOLUMN\tCHECK\tRECORDS\tREASON"))
				for _, g := range groups {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", g.Delivery, g.Source, g.Org, g.Date, g.Table, g.Column, g.Check, g.Records, lang.Pick(g.ReasonZH, g.ReasonEN))
				}
				return w.Flush()
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, lang.Pick("输出 JSON", "print JSON"))
	cmd.Flags().StringVar(&org, "org", "", lang.Pick("只看某机构", "of one organisation"))
	cmd.Flags().StringVar(&source, "source", "", lang.Pick("只看某数据源", "of one source"))
	cmd.Flags().StringVar(&date, "date", "", lang.Pick("只看某业务日期", "of one business date"))
	return cmd
}

func quarantineShowCommand() *cobra.Command {
	var flags lakeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show DELIVERY",
		Short: lang.Pick("一次交付中被隔离的每条记录：文件、记录号、字节位置、列、规则", "every record of a delivery that was set aside: file, record, byte, column, check"),
		Args:  usage(cobra.ExactArgs(1)),
		Example: `  sanyi quarantine show --lake LAKE 03d91263d1be9dc6.p1
  sanyi quarantine show --lake LAKE 03d91263d1be9dc6.p1 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				return showQuarantine(cmd.Context(), cmd, l, args[0], asJSON)
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, lang.Pick("输出 JSON", "print JSON"))
	return cmd
}

func showQuarantine(ctx context.Context, cmd *cobra.Command, l *lake.Lake, delivery string, asJSON bool) error {
	pointers, err := ingest.QuarantineShow(ctx, l, delivery)
	if err != nil {
		return err
	}
	if len(pointers) == 0 {
		return fault.New(fault.NotFound, "delivery %s: nothing of it is set aside; sanyi quarantine list names deliveries", delivery)
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), pointers)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, lang.Pick("文件\t记录\t字节\t表\t列\t规则\t原因", "FILE\tRECORD\tBYTE\tTABLE\tCOLUMN\tCHECK\tREASON"))
	for _, p := range pointers {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\n", p.File, p.Record, p.Offset, p.Table, p.Column, p.Check, lang.Pick(p.ReasonZH, p.ReasonEN))
	}
	return w.Flush()
}
