//go:build duckdb_arrow

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/bench"
)

func benchCommand() *cobra.Command {
	var o bench.Options
	var record, scheme string
	cmd := &cobra.Command{
		Use: "bench [ingest] [queries] [grouping]", Short: "测速 measure loading and asking beside plain DuckDB, in the same run",
		Example:   "  sanyi bench\n  sanyi bench ingest --rows 2000000 --runs 3 --record bench/RESULTS.md",
		ValidArgs: []string{"ingest", "queries", "grouping"}, Args: cobra.OnlyValidArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			o.Log = io.Discard
			if len(args) == 0 {
				args = []string{"ingest", "queries"}
			}
			var pairs []bench.Pair
			for _, what := range args {
				switch what {
				case "ingest":
					pair, err := bench.Ingest(cmd.Context(), self, o)
					if err != nil {
						return fmt.Errorf("bench ingest: %w", err)
					}
					pairs = append(pairs, pair)
				case "queries":
					more, err := bench.Queries(cmd.Context(), self, o)
					if err != nil {
						return fmt.Errorf("bench queries: %w", err)
					}
					pairs = append(pairs, more...)
				case "grouping":
					pair, err := bench.Grouping(cmd.Context(), scheme, o)
					if err != nil {
						return fmt.Errorf("bench grouping: %w", err)
					}
					pairs = append(pairs, pair)
				}
			}
			command := fmt.Sprintf("sanyi bench %s --rows %d --runs %d", strings.Join(args, " "), o.Rows, o.Runs)
			bench.Report(cmd.OutOrStdout(), command, time.Now(), pairs)
			if record == "" {
				return nil
			}
			f, err := os.OpenFile(record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			bench.Report(f, command, time.Now(), pairs)
			return f.Close()
		},
	}
	cmd.Flags().IntVar(&o.Rows, "rows", 2_000_000, "records of the extract")
	cmd.Flags().IntVar(&o.Runs, "runs", 3, "runs of each side; the median by CPU counts")
	cmd.Flags().StringVar(&scheme, "scheme", "demo_drg", "grouping: id or folder of the scheme")
	cmd.Flags().IntVar(&o.Nights, "city-nights", 0, "grouping: stays of so many nights of the generated city (730 are about 1,100,000) in place of made-up ones")
	cmd.Flags().StringVar(&o.Work, "work", "", "folder for extracts and lakes (default: a temporary one)")
	cmd.Flags().StringVar(&record, "record", "", "append the result to this file")
	cmd.AddCommand(plainCopyCommand())
	return cmd
}

// plainCopyCommand is the other side of the ingest bench, a process of its own so that its CPU and memory are its own.
func plainCopyCommand() *cobra.Command {
	var in, out, memory string
	cmd := &cobra.Command{
		Use: "plain-copy", Short: "the plain alternative: DuckDB's own COPY of the extract", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return bench.PlainCopy(cmd.Context(), in, out, memory) },
	}
	cmd.Flags().StringVar(&in, "in", "", "extract")
	cmd.Flags().StringVar(&out, "out", "", "folder")
	cmd.Flags().StringVar(&memory, "memory", "", "DuckDB's memory limit")
	return cmd
}
