//go:build duckdb_arrow

package main

import (
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/queries"
)

// scratchBench is where worked cases run: DuckDB in memory.
type scratchBench struct {
	*duckdb.Scratch
	queries.Runner
}

var _ queries.Bench = scratchBench{}

func checkCommand() *cobra.Command {
	var overlays []string
	cmd := &cobra.Command{
		Use: "check [INDICATOR...]", Short: "校验 load every definition and run every worked case",
		Long: "Loads every contract, source, measure and indicator, the shipped ones and those of --overlay, and runs the worked cases of the\n" +
			"indicators (all, or the named ones) on an engine in memory. Each fault is printed as file:line: what is wrong.",
		Example: "  sanyi check\n  sanyi check --overlay region/ X001",
		RunE: func(cmd *cobra.Command, args []string) error {
			set, c, err := definitions(overlays)
			if err != nil {
				return err
			}
			layers := []fs.FS{ingest.Shipped()}
			for _, dir := range overlays {
				layers = append(layers, os.DirFS(dir))
			}
			if _, err := ingest.LoadSources(set, layers...); err != nil {
				return err
			}
			for _, id := range args {
				if _, ok := c.Indicator(id); !ok {
					return fault.New(fault.Usage, "no indicator %s", id)
				}
			}
			scratch, err := duckdb.NewScratch(cmd.Context(), set)
			if err != nil {
				return err
			}
			ran, err := c.Check(cmd.Context(), scratchBench{scratch, engine.Runner(scratch)}, args...)
			if err := scratch.Close(); err != nil {
				return err
			}
			if err != nil {
				n := len(strings.Split(err.Error(), "\n"))
				printf(cmd.OutOrStdout(), "%s\n", err)
				return fault.New(fault.Invalid, lang.Pick("%d 个算例中有 %d 处错误", "%[2]d faults in %[1]d worked cases"), ran, n)
			}
			printf(cmd.OutOrStdout(), lang.Pick("%d 张表,%d 个度量,%d 个指标,%d 个算例:无误\n", "%d tables, %d measures, %d indicators, %d worked cases: no fault\n"),
				len(set.Tables()), len(c.Measures()), len(c.Indicators()), ran)
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&overlays, "overlay", nil, "folder with definitions of the region; again for more")
	return cmd
}
