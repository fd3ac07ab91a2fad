//go:build duckdb_arrow

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/stream"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// schemeFlags say where schemes are looked for.
type schemeFlags struct {
	schemes  []string
	dirs     []string
	overlays []string
}

func (f *schemeFlags) register(cmd *cobra.Command, withScheme bool) {
	if withScheme {
		cmd.Flags().StringArrayVar(&f.schemes, "scheme", nil, lang.Pick("方案编号或文件夹（可重复：按出院日期选用）", "id or folder of a scheme (repeat it: the day of discharge decides)"))
	}
	cmd.Flags().StringArrayVar(&f.dirs, "dir", nil, lang.Pick("存放方案的文件夹", "a folder of schemes, beside those of the program"))
	cmd.Flags().StringArrayVar(&f.overlays, "overlay", nil, lang.Pick("叠加的地方规则文件夹", "a folder of rows to lay over the scheme"))
}

func (f *schemeFlags) library() schemes.Library {
	var l schemes.Library
	for _, dir := range f.dirs {
		l = append(l, schemes.Place{FS: os.DirFS(dir), Name: dir})
	}
	return l
}

// open reads a scheme given as folder or id.
func (f *schemeFlags) open(ref string) (*schemes.Scheme, error) {
	var layers []schemes.Layer
	for _, dir := range f.overlays {
		if !isDir(dir) {
			return nil, fault.New(fault.Usage, "overlay %s: no such folder", dir)
		}
		layers = append(layers, schemes.Layer{FS: os.DirFS(dir), Name: dir})
	}
	if isDir(ref) {
		return append(f.library(), beside(ref)).Read(os.DirFS(ref), filepath.Clean(ref), layers...)
	}
	if p, err := packedScheme(ref); p != nil || err != nil {
		if err != nil {
			return nil, err
		}
		s, err := append(f.library(), beside(ref)).Read(p.FS(), filepath.Clean(ref), layers...)
		if s != nil && s.Manifest.Version == "" {
			s.ID = strings.TrimSuffix(s.ID, filepath.Ext(ref))
		}
		return s, err
	}
	return f.library().Open(ref, layers...)
}

// packedScheme reads a workbook or an archive; nil where the path is neither.
func packedScheme(path string) (schemes.Package, error) {
	ext := strings.ToLower(filepath.Ext(path))
	if ext != ".xlsx" && ext != ".zip" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, err)
	}
	defer file.Close()
	if ext == ".xlsx" {
		return schemes.FromWorkbook(file, path)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return schemes.FromZip(file, info.Size(), path)
}

// beside is the folder that a package stands in: its base is looked for there too.
func beside(dir string) schemes.Place {
	parent := filepath.Dir(filepath.Clean(dir))
	return schemes.Place{FS: os.DirFS(parent), Name: parent}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func groupCommand() *cobra.Command {
	var f schemeFlags
	var qy, invalid, format, inFormat string
	var opt stream.Options
	var poa, basicAfter, strict, asJSON bool
	var lakeAt lakeFlags
	var stay cases.ExplainRequest
	cmd := &cobra.Command{
		Use: "group --scheme ID|DIR|--lake LAKE [FILE]", Args: usage(cobra.MaximumNArgs(1)),
		Short: lang.Pick("病例分组（DRG或DIP）：每行一例，按序输出", "group cases by a DRG or DIP scheme, one a line, results in order"),
		Long: lang.Pick("", `Reads cases as NDJSON (or CSV: one case a line, a header with dx, lists joined by |) and writes one result for each, in order:
  in   {id, sex, age_years, age_days, birth_weight_g, los_days, dx[], ops[], total_fee?, poa[]?, icu_hours?, dept?, discharge_way?, discharge_date?}
  out  {id, mdc, adrg, drg, severity, status, reason, trace?}        for a DRG package
       {id, dip, kind, score, status, reason, auxiliary?, trace?}    for a DIP catalogue
A line that is no case gets the reason BAD_CASE and a message. The layout of a package is in docs/schemes.md.`),
		Example: `  echo '{"id":1,"sex":1,"age_years":60,"dx":["I63.900","J96.000"],"ops":[]}' | sanyi group --scheme demo_drg --trace
  sanyi group --scheme ./chs_drg_11 --qy-mode principal cases.ndjson > grouped.ndjson
  sanyi group --lake LAKE                        # every stay anew, by the lake's grouping.yaml
  sanyi group --lake LAKE --stay 00012345-1      # how this case came to its group`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := lakeOrCases(cmd, args); err != nil {
				return err
			}
			lakeAt.overlays = f.overlays
			switch {
			case cmd.Flags().Changed("lake") && stay.Stay != "":
				if len(f.schemes) > 1 {
					return fault.New(fault.Usage, "--stay: one --scheme, or none for the one in force")
				}
				if len(f.schemes) > 0 {
					stay.Scheme = f.schemes[0]
				}
				return explainCase(cmd.Context(), cmd.OutOrStdout(), &lakeAt, stay, asJSON)
			case cmd.Flags().Changed("lake"):
				// What the lake groups by, and how, is in its grouping.yaml.
				return lakeAt.with(cmd.Context(), func(l *lake.Lake) error { return regroup(cmd, &lakeAt, l, asJSON, nil) })
			}
			if len(f.schemes) == 0 {
				return fault.New(fault.Usage, "--scheme is wanted: an id of sanyi scheme list, or a folder")
			}
			options := cases.Grouping{QYMode: qy, InvalidOp: invalid, CCPOA: poa, BasicLast: basicAfter}
			forDRG, forDIP, err := options.Options()
			if err != nil {
				return fault.Wrap(fault.Usage, err)
			}
			if opt.Guess = inFormat == "auto"; !opt.Guess {
				if opt.CSVIn, err = isCSV("--in", inFormat); err != nil {
					return err
				}
			}
			if opt.CSVOut, err = isCSV("--format", format); err != nil {
				return err
			}
			var using []stream.Scheme
			for _, ref := range f.schemes {
				s, err := compileScheme(&f, ref, forDRG, forDIP)
				if err != nil {
					return err
				}
				using = append(using, s)
			}
			in, closeIn, err := caseInput(cmd, args)
			if err != nil {
				return err
			}
			defer closeIn()
			n, err := stream.Group(cmd.Context(), in, cmd.OutOrStdout(), using, opt)
			if err == nil && strict && n.Bad > 0 {
				return exitError(exitQuarantined)
			}
			return err
		},
	}
	f.register(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&qy, "qy-mode", "off", lang.Pick("歧义组：off 或 principal", "ambiguous cases: off, or principal (result <letter>QY)"))
	flags.StringVar(&invalid, "invalid-principal-op", "shift", lang.Pick("无效主要操作：keep、null 或 shift", "a principal operation that does not count: keep, null, shift"))
	flags.BoolVar(&poa, "cc-requires-poa", false, lang.Pick("入院病情为4的诊断不计为并发症", "diagnoses not present on admission (poa 4) are no complications"))
	flags.BoolVar(&basicAfter, "basic-after-core", false, lang.Pick("DIP：基层病种排在所有核心病种之后", "DIP: groups of basic diseases after all core groups"))
	flags.BoolVar(&opt.Trace, "trace", false, lang.Pick("给出分组路径", "tell the path of each decision"))
	flags.StringVar(&format, "format", "ndjson", "ndjson | csv")
	flags.StringVar(&inFormat, "in", "auto", "auto | ndjson | csv")
	flags.BoolVar(&strict, "strict", false, lang.Pick("有无法读取的行时退出码为3", "exit 3 when a line was no case"))
	flags.StringVar(&lakeAt.dir, "lake", "", lang.Pick("将湖内全部病例按 grouping.yaml 重新分组并发布", "group every stay of this lake anew, by its grouping.yaml, as a publication"))
	flags.StringVar(&stay.Org, "org", "", lang.Pick("与 --stay 合用：哪个机构的住院（多个机构有同一住院ID时）", "with --stay: whose stay, where several organisations have one of that number"))
	flags.StringVar(&stay.Stay, "stay", "", lang.Pick("解释湖内一例的分组过程", "with --lake: explain how this stay came to its group"))
	flags.Int64Var(&stay.Publication, "as-of", 0, lang.Pick("以哪次发布为准", "with --stay: as of which publication"))
	flags.BoolVar(&asJSON, "json", false, lang.Pick("与 --lake 同用：输出 JSON", "with --lake: JSON"))
	return cmd
}

// lakeOrCases refuses flags that would be ignored: a lake says itself what it groups by, and a stay is of a lake.
func lakeOrCases(cmd *cobra.Command, args []string) error {
	is := cmd.Flags().Changed
	refused, why := []string{"stay", "org", "as-of"}, "is of a lake: name it by --lake"
	switch {
	case is("lake") && is("stay"):
		refused, why = []string{"qy-mode", "invalid-principal-op", "cc-requires-poa", "basic-after-core", "trace", "format", "in", "strict", "dir"}, "a stay of a lake is explained by what grouped it"
	case is("lake"):
		refused = []string{"scheme", "qy-mode", "invalid-principal-op", "cc-requires-poa", "basic-after-core", "trace", "format", "in", "strict", "dir", "org", "as-of"}
		why = "a lake is grouped by its " + cases.ConfigFile + " (sanyi scheme use changes it); sanyi settle --lake and sanyi query --what-if-scheme try another scheme"
	}
	for _, name := range refused {
		if is(name) {
			return fault.New(fault.Usage, "--%s: %s", name, why)
		}
	}
	if is("lake") && len(args) > 0 {
		return fault.New(fault.Usage, "%s: cases come from the lake, not from a file", args[0])
	}
	return nil
}

func isCSV(flag, value string) (bool, error) {
	switch value {
	case "ndjson", "json":
		return false, nil
	case "csv":
		return true, nil
	}
	return false, fault.New(fault.Usage, "%s %q: ndjson or csv", flag, value)
}

func compileScheme(f *schemeFlags, ref string, d drg.Options, p dip.Options) (stream.Scheme, error) {
	s, err := f.open(ref)
	if err != nil {
		return stream.Scheme{}, err
	}
	out := stream.Scheme{ID: s.ID, Manifest: s.Manifest}
	if s.Kind == schemes.DIP {
		out.DIP, err = dip.Compile(s, p)
	} else {
		out.DRG, err = drg.Compile(s, d)
	}
	return out, err
}

// caseInput is a file named on the command line, or standard input.
func caseInput(cmd *cobra.Command, args []string) (io.Reader, func(), error) {
	if len(args) == 0 || args[0] == "-" {
		return cmd.InOrStdin(), func() {}, nil
	}
	in, err := os.Open(args[0])
	if err != nil {
		return nil, nil, fault.Wrap(fault.NotFound, err)
	}
	return in, func() { _ = in.Close() }, nil
}
