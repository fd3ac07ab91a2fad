//go:build duckdb_arrow

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func initCommand() *cobra.Command {
	var opts lake.CreateOptions
	cmd := &cobra.Command{
		Use:     "init LAKE",
		Short:   lang.Pick("建一个新湖：sanyi.yaml、目录库、warehouse/、landing/", "make a new lake: sanyi.yaml, catalogue, warehouse/, landing/"),
		Args:    usage(cobra.ExactArgs(1)),
		Example: "  sanyi init /data/lake --key /secure/lake.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := lake.Create(cmd.Context(), args[0], opts)
			if err != nil {
				return err
			}
			defer l.Close()
			fmt.Fprintf(cmd.OutOrStdout(), lang.Pick(
				"湖已建好：%s\n密钥（%s）：%s\n密钥不在湖里，请另外备份；丢了它，就再也认不出同一个人。\n",
				"lake: %s\nkey (%s): %s\nThe key is not part of the lake: back it up apart. Without it nobody can be recognised as the same person again.\n"),
				l.Dir(), l.Config().Key.Algorithm, l.KeyFile())
			return nil
		},
	}
	cmd.Flags().StringVar(&opts.KeyFile, "key", "", lang.Pick("密钥文件（默认在湖旁边：LAKE.key）", "key file (default: LAKE.key, beside the lake)"))
	cmd.Flags().BoolVar(&opts.Production, "production", false, lang.Pick("生产环境：拒绝 --relaxed 之类的试验", "production: refuse experiments such as --relaxed"))
	cmd.Flags().StringVar(&opts.Pseudonym, "pseudonym", lake.SHA256, lang.Pick("去标识算法：sha256 或 sm3", "algorithm of pseudonyms: sha256 or sm3"))
	return cmd
}
