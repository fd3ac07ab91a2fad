//go:build duckdb_arrow

package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/synth"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// synthFlags are what synth and demo both ask.
type synthFlags struct {
	size   string
	seed   uint64
	nights int
	last   string
}

func (f *synthFlags) add(cmd *cobra.Command, size string) {
	cmd.Flags().StringVar(&f.size, "size", size, "small (2 hospitals, 10 nights), county (3 hospitals, 90 nights) or city (60 hospitals, 2 years)")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "the same seed gives the same bytes")
	cmd.Flags().IntVar(&f.nights, "nights", 0, "how many nights (default: the size's own)")
	cmd.Flags().StringVar(&f.last, "last-night", "", "business date of the last night, e.g. 2025-06-30 (the default)")
}

func (f *synthFlags) options() (synth.Options, error) {
	o := synth.Options{Size: f.size, Seed: f.seed, Nights: f.nights}
	if f.last != "" {
		t, err := time.Parse(time.DateOnly, f.last)
		if err != nil {
			return o, fault.New(fault.Usage, "--last-night %s: write a date like 2025-06-30", f.last)
		}
		o.LastNight = t
	}
	return o, nil
}

func synthCommand() *cobra.Command {
	var flags synthFlags
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "synth --out DIR",
		Short: "生成虚构区域的每夜数据 write the extracts of a region of nobody, with the figures that must come out",
		Long: "Writes nightly extracts of a made-up region in the shapes that really arrive (HQMS front sheets in GB18030, NHSA settlement JSON,\n" +
			"visits of three systems, drug purchases, stocks and dispensing), with a known amount of dirt and missing deliveries, and truth.json:\n" +
			"the figures, records and deliveries that a lake must come to.",
		Example: "  sanyi synth --out /tmp/extracts --size county --seed 7 --nights 30",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := flags.options()
			if err != nil {
				return err
			}
			if out == "" {
				return fault.New(fault.Usage, "synth: --out DIR says where the extracts go")
			}
			truth, err := synth.Write(cmd.Context(), out, o)
			if err != nil {
				return err
			}
			if asJSON {
				truth.Figures = nil // they are in the file
				return json.NewEncoder(cmd.OutOrStdout()).Encode(truth)
			}
			fmt.Fprintf(cmd.OutOrStdout(), lang.Pick(
				"%s: %s 至 %s, %d 个文件, %d 条记录 (其中埋入错误 %d 条, 重复 %d 条), 缺报 %d 批; %d 个问题的 %d 个数字在 %s\n",
				"%s: %s to %s, %d files, %d records (%d spoilt, %d repeated on purpose), %d deliveries missing; %[10]d figures of %[9]d questions in %[11]s\n",
			), out, truth.First, truth.Last, truth.Files, truth.Records.Read, truth.Records.Quarantined, truth.Records.Duplicate, truth.Missing, truth.Questions, truth.Count, synth.TruthFile)
			return nil
		},
	}
	flags.add(cmd, synth.Small)
	cmd.Flags().StringVar(&out, "out", "", "folder for the extracts; it must be new or empty")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	return cmd
}
