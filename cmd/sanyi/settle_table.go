//go:build duckdb_arrow

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func settleTableCommand() *cobra.Command {
	return &cobra.Command{
		Use: "table FILE", Args: usage(cobra.ExactArgs(1)),
		Short: lang.Pick("查看支付表：各地公布的表头转为本系统的列", "show a payment table as it is understood, with our own columns"),
		Long: lang.Pick("", `Reads a payment table as --weights does and writes it with our own columns, so that a published table (权重, 费率（职工）, 二级医院系数,
支付标准（三级居民）, 基础病组, …) can be looked through before anybody is paid by it.`),
		Example: "  sanyi settle table published_2025.csv > weights_2025.csv",
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := os.Open(args[0])
			if err != nil {
				return fault.Wrap(fault.NotFound, err)
			}
			defer in.Close()
			rows, err := settle.ReadWeights(in, args[0])
			if err != nil {
				return err
			}
			if err := settle.WriteWeights(cmd.OutOrStdout(), rows); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
}
