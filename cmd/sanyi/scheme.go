//go:build duckdb_arrow

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func schemeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "scheme", Short: lang.Pick("DRG/DIP方案：导入、列出、检查、比较、测算、启用", "DRG and DIP schemes: add, list, lint, diff, derive, weigh, use"),
		Example: "  sanyi scheme list\n  sanyi scheme lint ./chs_drg_11",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(schemeAddCommand(), schemeListCommand(), schemeLintCommand(), schemeDiffCommand(), schemeDeriveCommand(), schemeWeighCommand(), schemeUseCommand(), schemeDropCommand(), schemeRestoreCommand())
	return cmd
}

// schemesFolder is where a lake keeps the schemes that were added to it.
const schemesFolder = "schemes"

func schemeAddCommand() *cobra.Command {
	var dir, lake, id string
	var replace, asJSON bool
	var f schemeFlags
	cmd := &cobra.Command{
		Use: "add PATH...", Args: usage(cobra.MinimumNArgs(1)),
		Short: lang.Pick("导入方案文件夹、压缩包或同名工作表的工作簿", "check packages (folders, .zip, or .xlsx workbooks with the same sheets) and copy them into a folder of schemes"),
		Example: `  sanyi scheme add --lake ./lake ./chs_drg_11
  sanyi scheme add --to ./schemes --id suzhou_2025 rules.xlsx`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (dir == "") == (lake == "") {
				return fault.New(fault.Usage, "say where to: --lake LAKE, or --to DIR")
			}
			if id != "" && len(args) > 1 {
				return fault.New(fault.Usage, "--id names one package, and %d were given", len(args))
			}
			if lake != "" {
				if _, err := os.Stat(filepath.Join(lake, "sanyi.yaml")); err != nil {
					return fault.New(fault.NotFound, "%s: no lake is here (run sanyi init)", lake)
				}
				dir = filepath.Join(lake, schemesFolder)
			}
			f.dirs = append(f.dirs, dir)
			var done []schemes.Entry
			for _, path := range args {
				e, err := addScheme(&f, path, dir, id, replace)
				if err != nil {
					return err
				}
				done = append(done, e)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			for _, e := range done {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\t%s\t%d\t%s\n", e.ID, e.Kind, e.Groups, e.Place)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "to", "", lang.Pick("方案存放的文件夹", "the folder of schemes to copy into"))
	cmd.Flags().StringVar(&lake, "lake", "", lang.Pick("导入到数据湖", "the lake to add to (its schemes folder)"))
	cmd.Flags().StringVar(&id, "id", "", lang.Pick("方案编号（默认为清单中的版本或文件夹名）", "id of the package (default: version of its manifest, else the name of the folder)"))
	cmd.Flags().BoolVar(&replace, "replace", false, lang.Pick("替换同名方案", "replace a package of that id"))
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON")
	f.register(cmd, false)
	return cmd
}

// addScheme checks one package and writes it beside its place, then moves it in.
func addScheme(f *schemeFlags, path, dir, id string, replace bool) (schemes.Entry, error) {
	var p schemes.Package
	var err error
	name := strings.TrimSuffix(filepath.Base(filepath.Clean(path)), filepath.Ext(path))
	switch {
	case isDir(path):
		name = filepath.Base(filepath.Clean(path))
		p, err = schemes.PackageOf(os.DirFS(path), path)
	default:
		if p, err = packedScheme(path); p == nil && err == nil {
			err = fault.New(fault.Usage, "%s: neither a folder nor an .xlsx workbook nor a .zip", path)
		}
	}
	if err != nil {
		return schemes.Entry{}, err
	}
	s, err := append(f.library(), beside(path)).Read(p.FS(), path)
	if err != nil {
		return schemes.Entry{}, err
	}
	if err := compiles(s); err != nil {
		return schemes.Entry{}, err
	}
	if s.Manifest.Version != "" {
		name = s.Manifest.Version
	}
	if id != "" {
		name = id
	}
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return schemes.Entry{}, fault.New(fault.Usage, "%q cannot be the id of a scheme: it must be the name of a folder", name)
	}
	to := filepath.Join(dir, name)
	if err := install(p, to, replace); err != nil {
		return schemes.Entry{}, err
	}
	return schemes.Entry{ID: name, Place: to, Kind: s.Kind, Manifest: s.Manifest, Hash: s.Hash, Groups: s.Groups()}, nil
}

func compiles(s *schemes.Scheme) (err error) {
	switch s.Kind {
	case schemes.DRG:
		_, err = drg.Compile(s, drg.Options{})
	case schemes.DIP:
		_, err = dip.Compile(s, dip.Options{})
	}
	return err
}

func install(p schemes.Package, to string, replace bool) error {
	if _, err := os.Stat(to); err == nil && !replace {
		return fault.New(fault.Conflict, "%s: a scheme of that id is already there (--replace, or another --id)", to)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(to), ".adding-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone already after the rename
	for file, data := range p {
		if err := os.WriteFile(filepath.Join(tmp, file), data, 0o640); err != nil { //nolint:gosec // public tables
			return err
		}
	}
	if replace {
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
	return os.Rename(tmp, to)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func schemeListCommand() *cobra.Command {
	var f schemeFlags
	var lake string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list [DIR...]", Short: lang.Pick("列出方案（含程序自带）", "list the schemes there are, those of the program included"), Example: "  sanyi scheme list --lake ./lake --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.dirs = append(f.dirs, args...)
			if lake != "" {
				f.dirs = append(f.dirs, filepath.Join(lake, schemesFolder))
			}
			entries, err := f.library().List()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), entries)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 2, 4, 2, ' ', 0)
			fmt.Fprintln(w, lang.Pick("编号\t类型\t组数\t适用\t指纹\t名称", "ID\tKIND\tGROUPS\tVALID\tHASH\tTITLE"))
			for _, e := range entries {
				title := lang.Pick(e.Title.ZH, e.Title.EN)
				if e.Fault != "" {
					title = e.Fault
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s..%s\t%.12s\t%s\n", e.ID, e.Kind, e.Groups, e.EffectiveFrom, e.EffectiveTo, e.Hash, title)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&lake, "lake", "", lang.Pick("数据湖", "a lake whose schemes are listed too"))
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON")
	f.register(cmd, false)
	return cmd
}

func schemeLintCommand() *cobra.Command {
	var f schemeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "lint PATH...", Args: usage(cobra.MinimumNArgs(1)),
		Short: lang.Pick("检查方案：E 级拒用，W 级计数", "find defects: E refuses the scheme, W is counted"), Example: "  sanyi scheme lint ./chs_drg_11",
		RunE: func(cmd *cobra.Command, args []string) error {
			type report struct {
				ID       string            `json:"id"`
				Kind     string            `json:"kind"`
				Hash     string            `json:"hash"`
				Findings []schemes.Finding `json:"findings"`
			}
			var reports []report
			defects := false
			for _, path := range args {
				s, err := f.open(path)
				if s == nil {
					return err
				}
				if err == nil {
					err = compiles(s)
				}
				r := report{ID: s.ID, Kind: s.Kind, Hash: s.Hash, Findings: schemes.Lint(s, err)}
				defects = defects || slices.ContainsFunc(r.Findings, func(f schemes.Finding) bool { return f.Level == "E" })
				reports = append(reports, r)
			}
			if asJSON {
				if err := writeJSON(cmd.OutOrStdout(), reports); err != nil {
					return err
				}
			} else {
				for _, r := range reports {
					fmt.Fprintf(cmd.OutOrStdout(), "%s (%s, %.12s)\n", r.ID, r.Kind, r.Hash)
					for _, f := range r.Findings {
						printFinding(cmd.OutOrStdout(), f)
					}
				}
			}
			if defects {
				return exitError(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON")
	f.register(cmd, false)
	return cmd
}

func printFinding(w io.Writer, f schemes.Finding) {
	fmt.Fprintf(w, "  %s %5d  %s: %s\n", f.Level, f.Count, f.Check, f.Title)
	if len(f.ByMDC) > 0 {
		var parts []string
		for _, t := range f.ByMDC {
			parts = append(parts, fmt.Sprintf("%s %d", t.MDC, t.Count))
		}
		fmt.Fprintf(w, "           %s\n", strings.Join(parts, ", "))
	}
	shown := f.Places
	if f.Level == "W" {
		shown = shown[:min(3, len(shown))]
	}
	for _, p := range shown {
		fmt.Fprintf(w, "           %s\n", p)
	}
}

func schemeDiffCommand() *cobra.Command {
	var f schemeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "diff FROM TO", Args: usage(cobra.ExactArgs(2)),
		Short: lang.Pick("比较两个方案：组的增减与更名、规则、编码去向", "compare two schemes: groups added, removed, renamed; rules; codes moved"), Example: "  sanyi scheme diff ./chs_drg_10 ./chs_drg_11",
		RunE: func(cmd *cobra.Command, args []string) error {
			var read [2]*schemes.Scheme
			for i, path := range args {
				s, err := f.open(path)
				if s == nil {
					return err
				}
				if err != nil { // a scheme with defects can still be compared
					fmt.Fprintln(cmd.ErrOrStderr(), firstLine(err))
				}
				read[i] = s
			}
			if (read[0].Kind == schemes.DIP) != (read[1].Kind == schemes.DIP) {
				return fault.New(fault.Usage, "%s is %s and %s is %s: only like can be compared with like", read[0].ID, read[0].Kind, read[1].ID, read[1].Kind)
			}
			d := schemes.Diff(read[0], read[1])
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), d)
			}
			printDifference(cmd.OutOrStdout(), d)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON")
	f.register(cmd, false)
	return cmd
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func printDifference(w io.Writer, d schemes.Difference) {
	if d.Empty() {
		fmt.Fprintln(w, lang.Pick("两个方案没有差别", "no difference"))
		return
	}
	named := func(title string, list []schemes.Named, sign string) {
		if len(list) > 0 {
			fmt.Fprintf(w, "%s: %d\n", title, len(list))
		}
		for _, n := range list {
			fmt.Fprintf(w, "  %s %s %s\n", sign, n.Code, n.Name)
		}
	}
	changed := func(title string, list []schemes.Change, limit int) {
		if len(list) > 0 {
			fmt.Fprintf(w, "%s: %d\n", title, len(list))
		}
		for i, c := range list {
			if i == limit {
				fmt.Fprintf(w, "  … %d more (--json shows all)\n", len(list)-limit)
				break
			}
			fmt.Fprintf(w, "  %s: %s → %s\n", c.What, dash(c.From), dash(c.To))
		}
	}
	named(lang.Pick("新增的组", "groups added"), d.Added, "+")
	named(lang.Pick("取消的组", "groups removed"), d.Removed, "-")
	changed(lang.Pick("更换编码的组", "groups recoded"), d.Recoded, 1000)
	changed(lang.Pick("更名的组", "groups renamed"), d.Retitled, 1000)
	changed(lang.Pick("规则变化", "rules changed"), d.Rules, 50)
	changed(lang.Pick("诊断去向变化", "diagnoses moved"), d.Dx, 20)
	changed(lang.Pick("手术操作去向变化", "operations moved"), d.Ops, 20)
	changed(lang.Pick("并发症变化", "complications changed"), d.Severity, 20)
	changed(lang.Pick("有效手术操作变化", "op_valid changed"), d.Valid, 20)
	changed(lang.Pick("分值变化", "scores changed"), d.Scores, 20)
}

func dash(s string) string {
	if s == "" {
		return "—"
	}
	return s
}

// schemeDeriveCommand derives a DIP catalogue from cases.
func schemeDeriveCommand() *cobra.Command {
	var opt dip.DeriveOptions
	var to, classes, id string
	var years []string
	cmd := &cobra.Command{
		Use: "derive --op-class FILE --to DIR --year Y=FILE...", Args: usage(cobra.NoArgs),
		Short: lang.Pick("由三年病例测算DIP目录", "derive a DIP catalogue from cases of three years (weights 1:2:7)"),
		Example: `  sanyi scheme derive --op-class op_class.csv --to ./schemes/dip_2025 --id dip_2025 \
    --year 2022=c22.ndjson --year 2023=c23.ndjson --year 2024=c24.ndjson`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" || classes == "" || len(years) == 0 {
				return fault.New(fault.Usage, "--op-class, --to and at least one --year are wanted")
			}
			p, report, err := deriveCatalogue(years, classes, id, opt)
			if err != nil {
				return err
			}
			if err := install(p, to, false); err != nil {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), report)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", lang.Pick("写入的文件夹", "the folder to write"))
	flags.StringVar(&id, "id", "dip_derived", lang.Pick("目录编号", "id of the catalogue"))
	flags.StringVar(&classes, "op-class", "", "op_class.csv (op_code,op_class)")
	flags.StringArrayVar(&years, "year", nil, lang.Pick("年度=病例文件（NDJSON，含 dx ops total_fee los_days），由远及近", "YEAR=FILE of NDJSON cases with dx, ops, total_fee, los_days; oldest first"))
	opt = dip.DefaultDerive()
	flags.IntVar(&opt.Threshold, "threshold", opt.Threshold, lang.Pick("核心病种的病例数下限（国家15）", "cases that make a core group (national 15)"))
	flags.Float64SliceVar(&opt.Weights, "weights", opt.Weights, lang.Pick("年度权重，由远及近", "weights of the years, oldest first"))
	flags.StringVar(&opt.Trim, "trim", opt.Trim, "percentile | iqr | none")
	flags.Float64Var(&opt.Scale, "scale", opt.Scale, lang.Pick("分值倍数", "score of the mean case"))
	return cmd
}

var errNoFee = errors.New("a case without dx or total_fee")
