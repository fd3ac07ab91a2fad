//go:build duckdb_arrow

package main

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/schema"
)

func ingestCommand() *cobra.Command {
	var flags lakeFlags
	var opts ingest.Options
	var strict, asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "ingest PATH...",
		Short: lang.Pick("装载抽取文件：识别、核对、去标识、写入、一次发布", "load extracts: recognise, check, de-identify, write, publish at once"),
		Args:  usage(cobra.MinimumNArgs(1)),
		Example: `  sanyi ingest --lake LAKE nights/2025-03-03
  sanyi ingest --lake LAKE --source hqms_front_sheet --org 12340000X --date 2025-03-03 file.csv
  sanyi ingest --lake LAKE --table fact_outp_visit --relaxed visits.ndjson`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				set, sources, err := flags.sources(l)
				if err != nil {
					return err
				}
				if opts.Codes, err = flags.codes(l); err != nil {
					return err
				}
				if verbose {
					opts.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
				}
				opts.Progress = progressOn(cmd.ErrOrStderr())
				res, err := ingest.Run(cmd.Context(), l, set, sources, opts, paths)
				if err != nil {
					return err
				}
				return tellIngest(cmd, res, strict, asJSON)
			})
		},
	}
	flags.register(cmd)
	flags.registerOverlays(cmd)
	f := cmd.Flags()
	f.StringVar(&opts.Source, "source", "", lang.Pick("数据源，文件名不论", "load as this source, whatever the files are called"))
	f.StringVar(&opts.Table, "table", "", lang.Pick("表名：文件表头即契约列名", "load into this table: headers are the contract's own column names"))
	f.StringVar(&opts.Org, "org", "", lang.Pick("机构代码", "organisation of the files"))
	f.StringVar(&opts.Date, "date", "", lang.Pick("业务日期，如 2025-03-03", "business date of the files, such as 2025-03-03"))
	f.StringVar(&opts.Key, "key", "", lang.Pick("密钥文件（默认取 sanyi.yaml）", "key file (default: as sanyi.yaml says)"))
	f.BoolVar(&opts.Relaxed, "relaxed", false, lang.Pick("规则只作警告（试验用，生产湖拒绝）", "broken rules are warnings (experiments; refused by a lake in production)"))
	f.BoolVar(&strict, "strict", false, lang.Pick("有记录被隔离时退出码为 3", "exit with 3 where records were set aside"))
	f.BoolVar(&asJSON, "json", false, lang.Pick("输出台账 JSON", "print the ledger as JSON"))
	f.BoolVar(&verbose, "verbose", false, lang.Pick("日志写到标准错误", "log to standard error"))
	f.StringVar(&opts.MemoryLimit, "memory", "", lang.Pick("DuckDB 内存上限，如 2GB（默认为机器内存的四分之一，1 至 8 GB）", "memory for DuckDB, such as 2GB (default: a quarter of the machine's, 1 to 8 GB)"))
	return cmd
}

// sources are contracts and sources with all overlays.
func (f *lakeFlags) sources(l *lake.Lake) (*schema.Set, *ingest.Sources, error) {
	over, err := f.layers(l)
	if err != nil {
		return nil, nil, err
	}
	set, err := schema.Load(append([]fs.FS{schema.Shipped()}, over...)...)
	if err != nil {
		return nil, nil, err
	}
	sources, err := ingest.LoadSources(set, append([]fs.FS{ingest.Shipped()}, over...)...)
	return set, sources, err
}

// codes are the code lists: the shipped ones, then what was imported into the lake, then those of the overlays.
func (f *lakeFlags) codes(l *lake.Lake) (*dict.Set, error) {
	over, err := f.layers(l)
	if err != nil {
		return nil, err
	}
	return dict.Load(append([]fs.FS{dict.Shipped(), os.DirFS(l.Dir())}, over...)...)
}

// progressOn writes one line over and over, on a terminal only.
func progressOn(w io.Writer) func(ingest.Progress) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(p ingest.Progress) {
		switch p.Step {
		case "read":
			fmt.Fprintf(w, lang.Pick("\r\033[K%s：%d/%d 个文件，%d 条记录", "\r\033[K%s: %d of %d files, %d records"), p.Source, p.Files, p.AllFile, p.Records)
		case "publish":
			fmt.Fprint(w, lang.Pick("\r\033[K发布…\r\033[K", "\r\033[Kpublishing…\r\033[K"))
		}
	}
}

// tellIngest prints what became of every file.
func tellIngest(cmd *cobra.Command, res *ingest.Result, strict, asJSON bool) error {
	out, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if asJSON {
		if res.Loads == nil {
			res.Loads = []lake.Load{}
		}
		if err := writeJSON(out, res); err != nil {
			return err
		}
	} else if err := printIngest(out, res); err != nil {
		return err
	}
	for _, w := range res.Warnings {
		fmt.Fprintln(stderr, "sanyi:", w)
	}
	for _, r := range res.Refused {
		fmt.Fprintln(stderr, "sanyi:", lang.Pick("拒收：", "refused: ")+strings.ReplaceAll(r.Reason, "\n", "; "))
	}
	switch {
	case len(res.Refused) > 0:
		return exitError(exitRefused)
	case strict && res.Quarantined() > 0:
		return exitError(exitQuarantined)
	}
	return nil
}

// shownLoads is how many lines of the ledger fit a screen.
const shownLoads = 40

func printIngest(out io.Writer, res *ingest.Result) error {
	if res.Publication == 0 {
		_, err := fmt.Fprintf(out, lang.Pick("没有变化：%d 个文件已在湖中\n", "nothing changed: %d files are in the lake already\n"), res.Unchanged)
		return err
	}
	var sum lake.Load
	n := map[string]int{}
	for _, l := range res.Loads {
		n[l.Status]++
		if l.Status != lake.Arrived {
			continue
		}
		sum.Records += l.Records
		sum.Loaded += l.Loaded
		sum.Duplicate += l.Duplicate
		sum.Superseded += l.Superseded
		sum.Quarantined += l.Quarantined
		sum.Ignored += l.Ignored
	}
	if len(res.Loads) <= shownLoads {
		if err := printLoads(out, res.Loads); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, lang.Pick(
		"发布 %d：到达 %d 个文件，拒收 %d，缺报 %d，已在湖中 %d；记录：读入 %d = 入湖 %d + 重复 %d + 被替代 %d + 隔离 %d + 忽略 %d\n",
		"publication %d: %d files arrived, %d refused, %d missing, %d already there; records: read %d = loaded %d + duplicate %d + superseded %d + quarantined %d + ignored %d\n"),
		res.Publication, n[lake.Arrived], n[lake.Refused], n[lake.Missing], res.Unchanged, sum.Records, sum.Loaded, sum.Duplicate, sum.Superseded, sum.Quarantined, sum.Ignored)
	return err
}

func printLoads(out io.Writer, loads []lake.Load) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, lang.Pick("状态\t数据源\t机构\t日期\t记录\t入湖\t重复\t被替代\t隔离\t忽略\t文件", "STATUS\tSOURCE\tORG\tDATE\tRECORDS\tLOADED\tDUPLICATE\tSUPERSEDED\tQUARANTINED\tIGNORED\tFILE"))
	for _, l := range loads {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", l.Status, l.Source, l.Org, l.Date, l.Records, l.Loaded, l.Duplicate, l.Superseded, l.Quarantined, l.Ignored, l.File)
	}
	return w.Flush()
}

func loadsCommand() *cobra.Command {
	var flags lakeFlags
	var asJSON, all bool
	var at int64
	var org, source, date string
	cmd := &cobra.Command{
		Use:   "loads",
		Short: lang.Pick("台账：每个文件的每条记录去了哪里，哪些没有来", "the ledger: what became of every record of every file, and what did not come"),
		Args:  usage(cobra.NoArgs),
		Example: `  sanyi loads --lake LAKE --json
  sanyi loads --lake LAKE --org 12340000X --date 2025-03-03`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				read := l.Loads
				if at > 0 {
					if _, err := l.View(cmd.Context(), at); err != nil {
						return err
					}
				}
				loads, err := read(cmd.Context())
				if at > 0 {
					loads, err = l.LoadsAt(cmd.Context(), at)
				}
				if err != nil {
					return err
				}
				shown := []lake.Load{}
				for _, x := range loads {
					if !all && (x.Status == lake.Superseded || x.Status == lake.RolledBack) ||
						org != "" && x.Org != org || source != "" && x.Source != source || date != "" && x.Date != date {
						continue
					}
					shown = append(shown, x)
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), shown)
				}
				return printLoads(cmd.OutOrStdout(), shown)
			})
		},
	}
	flags.register(cmd)
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, lang.Pick("输出 JSON", "print JSON"))
	f.BoolVar(&all, "all", false, lang.Pick("也列出被替代和已回退的", "also what was replaced or rolled back"))
	f.Int64Var(&at, "as-of", 0, lang.Pick("某次发布时的台账", "the ledger as of a publication"))
	f.StringVar(&org, "org", "", lang.Pick("只看某机构", "of one organisation"))
	f.StringVar(&source, "source", "", lang.Pick("只看某数据源", "of one source"))
	f.StringVar(&date, "date", "", lang.Pick("只看某业务日期", "of one business date"))
	return cmd
}
