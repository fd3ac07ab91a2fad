//go:build duckdb_arrow

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func verifyCommand() *cobra.Command {
	var flags lakeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "verify",
		Short:   lang.Pick("核对整个湖：文件、行数、台账、指针", "look at every file, count, ledger line and pointer of the lake"),
		Args:    usage(cobra.NoArgs),
		Example: "  sanyi verify --lake LAKE",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				r, err := l.Verify(cmd.Context())
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if asJSON {
					err = writeJSON(out, r)
				} else {
					fmt.Fprintf(out, lang.Pick("发布 %d（共 %d 次） · 表 %d · 数据文件 %d · 行 %d · 台账 %d 行 · 无主文件 %d\n",
						"publication %d (of %d) · tables %d · data files %d · rows %d · ledger lines %d · unreferenced files %d\n"),
						r.Publication, r.Publications, r.Tables, r.Files, r.Rows, r.Loads, r.Leftovers)
					for _, f := range r.Faults {
						fmt.Fprintln(out, f)
					}
					if len(r.Faults) == 0 {
						fmt.Fprintln(out, lang.Pick("完好", "whole"))
					}
				}
				if err == nil && len(r.Faults) > 0 {
					return exitError(exitFailed)
				}
				return err
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, lang.Pick("输出 JSON", "print JSON"))
	return cmd
}
