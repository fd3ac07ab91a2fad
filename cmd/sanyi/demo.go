//go:build duckdb_arrow

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/synth"
	"github.com/sanyi-lake/sanyi/ingest"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

func demoCommand() *cobra.Command {
	var flags synthFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "演示：虚构区域从原始数据到指标 a region of nobody, from extracts to figures",
		Long: "Generates a made-up region, makes a lake, loads the history as one publication and the last seven nights one by one, asks the lake\n" +
			"and compares every answer with what the generator counted. Works offline; nothing outside the demo's folder is touched.",
		Example: "  sanyi demo\n  sanyi demo --lake demo/lake --size small --seed 7",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := flags.options()
			if err != nil {
				return err
			}
			if o.Size == synth.County && o.Nights == 0 {
				o.Nights = demoNights
			}
			d := &demo{out: cmd.OutOrStdout(), options: o, began: time.Now()}
			if err := d.place(dir); err != nil {
				return err
			}
			return d.run(cmd.Context())
		},
	}
	flags.add(cmd, synth.County)
	cmd.Flags().StringVar(&dir, "lake", "", lang.Pick("湖的文件夹（默认为新的临时文件夹）；之前的演示会被替换", "folder of the lake (default: a new temporary one); an earlier demo there is replaced"))
	return cmd
}

// demoNights of a county is what two cores load within the minute that a first look may take; --nights asks for more.
const demoNights = 14

// demo is one run through the whole house, by the doors that everybody uses.
type demo struct {
	out     io.Writer
	options synth.Options
	began   time.Time

	lakeDir, extracts string

	set     *schema.Set
	sources *ingest.Sources
	catalog *queries.Catalog
	lake    *lake.Lake
	truth   *synth.Truth
}

// place finds room for lake and extracts. A folder is emptied only where an earlier demo left its mark.
func (d *demo) place(dir string) error {
	if dir == "" {
		base, err := os.MkdirTemp("", "sanyi-demo-")
		if err != nil {
			return fault.Wrap(fault.Unavailable, err)
		}
		dir = filepath.Join(base, "lake")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fault.Wrap(fault.Usage, err)
	}
	d.lakeDir, d.extracts = dir, dir+"-extracts"
	mark := dir + ".demo"
	if _, err := os.Stat(mark); err == nil {
		for _, old := range []string{dir, d.extracts, dir + ".key"} {
			if err := os.RemoveAll(old); err != nil {
				return fault.Wrap(fault.Unavailable, err)
			}
		}
	}
	for _, taken := range []string{dir, d.extracts} {
		if _, err := os.Stat(taken); !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Usage, lang.Pick("%s 已存在，且不是演示留下的：请另选 --lake", "%s is there and no demo made it: choose another --lake"), taken)
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fault.Wrap(fault.Unavailable, err)
	}
	return fault.Wrap(fault.Unavailable, os.WriteFile(mark, []byte("sanyi demo made lake, extracts and key beside this file; all of it may go\n"), 0o644))
}

func (d *demo) run(ctx context.Context) (err error) {
	if err := d.definitions(); err != nil {
		return err
	}
	d.step(lang.Pick("生成虚构区域的原始数据", "writing the extracts of a region of nobody"))
	if d.truth, err = synth.Write(ctx, d.extracts, d.options); err != nil {
		return err
	}
	d.say(lang.Pick("%s 至 %s，%d 个文件，%d 条记录，埋入 %d 条错误记录、%d 批缺报", "%s to %s, %d files, %d records, %d of them spoilt on purpose, %d deliveries missing"),
		d.truth.First, d.truth.Last, d.truth.Files, d.truth.Records.Read, d.truth.Records.Quarantined, d.truth.Missing)
	if d.lake, err = lake.Create(ctx, d.lakeDir, lake.CreateOptions{}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.lake.Close()) }()
	if err := d.groupings(); err != nil {
		return err
	}
	if err := d.load(ctx); err != nil {
		return err
	}
	engine, err := duckdb.Open(d.lake, d.set, duckdb.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	d.step(lang.Pick("向湖提问", "asking the lake"))
	if err := d.figures(ctx, engine); err != nil {
		return err
	}
	if err := d.hospital(ctx, engine); err != nil {
		return err
	}
	if err := d.books(ctx); err != nil {
		return err
	}
	if err := d.compare(ctx, engine); err != nil {
		return err
	}
	d.farewell()
	return nil
}

func (d *demo) definitions() (err error) {
	if d.set, err = schema.Load(schema.Shipped()); err != nil {
		return err
	}
	if d.sources, err = ingest.LoadSources(d.set, ingest.Shipped()); err != nil {
		return err
	}
	d.catalog, err = queries.Load(d.set, queries.Shipped())
	return err
}

// load takes the history in as one publication and the last seven nights one by one.
func (d *demo) load(ctx context.Context) error {
	parts, err := d.nights()
	if err != nil {
		return err
	}
	d.step(lang.Pick("入湖", "loading"))
	for i, part := range parts {
		at := time.Now()
		result, err := ingest.Run(ctx, d.lake, d.set, d.sources, ingest.Options{}, part)
		if err != nil {
			return err
		}
		var records, loaded int64
		for _, l := range result.Loads {
			records, loaded = records+l.Records, loaded+l.Loaded
		}
		what := filepath.Base(part[len(part)-1])
		if i == 0 {
			what = lang.Pick("历史数据至 ", "history up to ") + what
		}
		d.say(lang.Pick("版本 %d  %s：%d 条记录，入湖 %d，隔离 %d（%.1f 秒）", "publication %d  %s: %d records, %d loaded, %d set aside (%.1f s)"), result.Publication, what, records, loaded, result.Quarantined(), time.Since(at).Seconds())
		for _, r := range result.Refused {
			d.say(lang.Pick("拒收 %s：%s", "refused %s: %s"), r.File, r.Reason)
		}
		if i == 0 {
			if err := d.price(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// nights splits the extracts: dictionaries and history, then each of the last seven nights.
func (d *demo) nights() ([][]string, error) {
	list, err := os.ReadDir(d.extracts)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err)
	}
	var nights, history []string
	for _, e := range list {
		path := filepath.Join(d.extracts, e.Name())
		switch {
		case e.Name()[0] >= '0' && e.Name()[0] <= '9':
			nights = append(nights, path)
		case e.IsDir():
			history = append(history, path)
		}
	}
	slices.Sort(nights)
	last := max(1, len(nights)-7)
	parts := [][]string{append(history, nights[:last]...)}
	for _, n := range nights[last:] {
		parts = append(parts, []string{n})
	}
	return parts, nil
}

func (d *demo) step(title string) {
	fmt.Fprintf(d.out, "\n%s %s\n", stamp(time.Since(d.began)), title)
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "        "+format+"\n", args...)
}

func stamp(t time.Duration) string { return fmt.Sprintf("[%4.1fs]", t.Seconds()) }

func (d *demo) farewell() {
	day := d.truth.Last
	fmt.Fprintf(d.out, lang.Pick(`
%s 完成。湖：%s（密钥在旁边的 %s，原始数据在 %s）
接着试：
  sanyi query --lake %[2]s H001 --period %[5]s --by dept_code --compare wow
  sanyi query --lake %[2]s I036 --period %[6]s --by insu_region_code --explain
  sanyi loads --lake %[2]s        sanyi quarantine list --lake %[2]s
在 Grafana 里看：
  sanyi serve token add --lake %[2]s --name grafana --scope whole --cases --small-cells
  sanyi serve --lake %[2]s --http 127.0.0.1:8750
  再用该令牌和地址配置数据源 sanyi-lakehouse-datasource（见 plugin/README.md），时间范围选 %[7]s 至 %[5]s；面板：门急诊运行、医院DRG运行
`, `
%s done. Lake: %s (key beside it: %s; extracts: %s)
Try next:
  sanyi query --lake %[2]s H001 --period %[5]s --by dept_code --compare wow
  sanyi query --lake %[2]s I036 --period %[6]s --by insu_region_code --explain
  sanyi loads --lake %[2]s        sanyi quarantine list --lake %[2]s
In Grafana:
  sanyi serve token add --lake %[2]s --name grafana --scope whole --cases --small-cells
  sanyi serve --lake %[2]s --http 127.0.0.1:8750
  then give that token and address to the data source sanyi-lakehouse-datasource (plugin/README.md), time range %[7]s to %[5]s;
  dashboards 门急诊运行 and 医院DRG运行 (--cases lets the token's holder see single cases, --small-cells figures of few)
`), stamp(time.Since(d.began)), d.lakeDir, d.lake.KeyFile(), d.extracts, day, day[:7], d.truth.First)
}
