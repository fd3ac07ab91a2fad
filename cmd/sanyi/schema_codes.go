//go:build duckdb_arrow

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/dict"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func codesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "codes", Short: "编码表 code lists of the region", Args: usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example: "  sanyi codes import icd10.csv --list ICD10 --issuer 国家医疗保障局 --year 2024 --complete --overlay region/",
	}
	cmd.AddCommand(codesImportCommand())
	return cmd
}

func codesImportCommand() *cobra.Command {
	var meta dict.List
	var lakeDir, overlay string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "导入完整编码表 import a full code list", Args: usage(cobra.ExactArgs(1)),
		Long: lang.Pick("读取 UTF-8 的 CSV(表头含编码与名称,中英文均可),校验、排序、计算校验和,写入叠加文件夹或湖;同名的随附示例由它替代。",
			"Reads a CSV in UTF-8 (its header names code and name, in Chinese or English), checks, sorts and hashes it, and writes it into an\n"+
				"overlay folder or a lake, where it takes the place of the shipped excerpt of the same list."),
		Example: "  sanyi codes import icd10.csv --list ICD10 --issuer 国家医疗保障局 --year 2024 --complete --overlay region/\n" +
			"  sanyi codes import regions.csv --list GBT2260 --issuer 民政部 --year 2024 --lake lake/",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := overlay
			if (dir == "") == (lakeDir == "") {
				return fault.New(fault.Usage, "%s", lang.Pick("请用 --overlay DIR 或 --lake DIR 之一指明写入何处", "say where to: --overlay DIR or --lake DIR"))
			}
			if dir == "" {
				dir = lakeDir
				if _, err := os.Stat(filepath.Join(dir, "sanyi.yaml")); err != nil {
					return fault.New(fault.NotFound, "lake %s: no sanyi.yaml; run sanyi init first", dir)
				}
			}
			if meta.ZH == "" {
				shipped, err := dict.Load(dict.Shipped())
				if err != nil {
					return err
				}
				if l, ok := shipped.List(meta.ID); ok {
					meta.ZH, meta.EN = l.ZH, l.EN
				}
			}
			file, err := os.Open(args[0])
			if err != nil {
				return fault.Wrap(fault.Usage, err)
			}
			defer func() { _ = file.Close() }()
			list, err := dict.Read(args[0], file, meta)
			if err != nil {
				return err
			}
			if err := dict.Write(dir, list); err != nil {
				return err
			}
			set, err := dict.Load(os.DirFS(dir)) // read back as every command will read it
			if err != nil {
				return err
			}
			written, ok := set.List(list.ID)
			if !ok {
				return fault.New(fault.Internal, "list %s: was written to %s and is not there", list.ID, dir)
			}
			if asJSON {
				count := len(written.Codes)
				written.Codes = nil
				return writeJSON(cmd.OutOrStdout(), map[string]any{"list": written.ID, "codes": count, "sha256": written.Hash, "file": filepath.Join(dir, written.File)})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), lang.Pick("%s:%d 条,sha256 %s,写入 %s\n", "%s: %d codes, sha256 %s, written to %s\n"), written.ID, len(written.Codes), written.Hash, filepath.Join(dir, written.File))
			return err
		},
	}
	cmd.Flags().StringVar(&meta.ID, "list", "", lang.Pick("编码表名,如 ICD10、ICD9CM3、GBT2260、DRUG", "list, such as ICD10, ICD9CM3, GBT2260, DRUG"))
	cmd.Flags().StringVar(&meta.ZH, "title", "", lang.Pick("中文名称(随附表可省略)", "Chinese title (may be left out for shipped lists)"))
	cmd.Flags().StringVar(&meta.EN, "title-en", "", lang.Pick("英文名称", "English title"))
	cmd.Flags().StringVar(&meta.Issuer, "issuer", "", lang.Pick("发布者", "issuer"))
	cmd.Flags().StringVar(&meta.Year, "year", "", lang.Pick("年份", "year"))
	cmd.Flags().BoolVar(&meta.Complete, "complete", false, lang.Pick("编码表完整:表外代码可拒收", "the list is complete: other codes may be refused"))
	cmd.Flags().StringVar(&overlay, "overlay", "", lang.Pick("写入此叠加文件夹", "write into this overlay folder"))
	cmd.Flags().StringVar(&lakeDir, "lake", "", lang.Pick("写入此湖", "write into this lake"))
	cmd.Flags().BoolVar(&asJSON, "json", false, lang.Pick("输出 JSON", "print JSON"))
	return cmd
}
