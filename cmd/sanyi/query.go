//go:build duckdb_arrow

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

// queryFlags are the words of a question on the command line.
type queryFlags struct {
	lake, format, now              string
	by, compare, filters, overlays []string
	scheme, params                 string
	explain, bom, asJSON           bool
	req                            queries.Request
	whatIf                         whatIfFlags
}

func queryCommand() *cobra.Command {
	var f queryFlags
	cmd := &cobra.Command{
		Use: "query INDICATOR...", Short: "指标查询 ask indicators of a lake", Args: cobra.MinimumNArgs(1),
		Example: "  sanyi query --lake lake H001 H004 --period 2025-03-03 --by dept_code --totals --compare wow,yoy\n" +
			"  sanyi query --lake lake I036 --period 2025-01..2025-06 --where insu_region_code=340100 --format csv --bom > outflow.csv\n" +
			"  sanyi query --lake lake G009 G010 --period 2025-Q1 --by org_code,dept --scheme chs_drg_20\n" +
			"  sanyi query --lake lake H001 --period 2025-03 --explain",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.req.Indicators = splitAll(args)
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.lake, "lake", "", "folder of the lake")
	fl.StringVar(&f.req.Period, "period", "", "2025, 2025-Q1, 2025-03, 2025-W10, 2025-03-03 or A..B, both ends included")
	fl.StringVar(&f.req.Grain, "grain", "", "hour, day, week, month, quarter, year or total; follows from the period")
	fl.StringSliceVar(&f.by, "by", nil, "dimensions: columns of the contract, or dept, org, region, hour_of_day …")
	fl.BoolVar(&f.req.Totals, "totals", false, "add every margin and the grand total; their dimensions are null")
	fl.StringArrayVar(&f.filters, "where", nil, "dimension=value,value,…; again, or after a comma, for another dimension")
	fl.StringSliceVar(&f.compare, "compare", nil, "yoy, mom, dod, wow, ytd_yoy, each also _same_time or _per_day")
	fl.StringVar(&f.now, "now", "", `moment of asking, "2025-03-03 17:00:00"; the clock of the machine`)
	fl.Int64Var(&f.req.Publication, "as-of", 0, "publication to ask; the newest")
	fl.IntVar(&f.req.MinCell, "min-cell", 0, "hide figures of fewer cases, and what would give them away")
	fl.StringVar(&f.req.Viewpoint, "viewpoint", "", "care, insured or residence; the indicator's own")
	fl.StringVar(&f.scheme, "scheme", "", "grouped cases: count this grouping scheme; the one in force on the day of discharge")
	fl.StringVar(&f.params, "params", "", "settled cases: count this parameter set; the one in force")
	fl.StringVar(&f.format, "format", "table", "table, csv, json, arrow (IPC stream) or parquet")
	fl.BoolVar(&f.asJSON, "json", false, "the same as --format json")
	fl.BoolVar(&f.bom, "bom", false, "csv: begin with the mark by which Excel knows UTF-8")
	fl.BoolVar(&f.explain, "explain", false, "instead of figures: definitions, statements, tables and files")
	fl.StringArrayVar(&f.overlays, "overlay", nil, "folder with definitions of the region; again for more")
	f.whatIf.register(cmd)
	return cmd
}

// splitAll takes "H001,H004 I036" and "H001 H004 I036" alike.
func splitAll(args []string) []string {
	var out []string
	for _, a := range args {
		for id := range strings.SplitSeq(a, ",") {
			if id = strings.TrimSpace(id); id != "" {
				out = append(out, id)
			}
		}
	}
	return out
}

func (f *queryFlags) run(ctx context.Context, stdout io.Writer) (err error) {
	if err := f.complete(); err != nil {
		return err
	}
	l, err := lake.Open(ctx, f.lake, lake.Options{})
	if err != nil {
		return err
	}
	defer func() { err = first(err, l.Close()) }()
	set, layers, err := layersOf(append(l.Config().Overlays, f.overlays...))
	if err != nil {
		return err
	}
	catalog, err := queries.LoadFor(set, f.req.Indicators, layers...)
	if err != nil {
		return err
	}
	d, err := queries.Dialect("duckdb")
	if err != nil {
		return err
	}
	view, err := l.View(ctx, f.req.Publication)
	if err != nil {
		return err
	}
	f.req.Publication = view.Publication().ID
	plan, err := catalog.Compile(f.req, queries.WholeLake("local operator"), d)
	if err != nil {
		return err
	}
	if f.explain {
		return f.explainPlan(ctx, stdout, plan, view)
	}
	e, done, err := f.engine(ctx, l, set, view, plan)
	if err != nil {
		return err
	}
	defer func() { err = first(err, done()) }()
	answer, err := plan.Run(ctx, engine.Runner(e))
	if err != nil {
		return err
	}
	return f.write(stdout, answer, catalog)
}

// engine answers from the lake, or from what it would be by the flags of a what-if.
func (f *queryFlags) engine(ctx context.Context, l *lake.Lake, set *schema.Set, view *lake.View, plan *queries.Plan) (engine.Engine, func() error, error) {
	if f.whatIf.asked() {
		return f.whatIf.open(ctx, l, set, view, plan)
	}
	e, err := duckdb.Open(l, set, duckdb.Options{Connections: 1})
	if err != nil {
		return nil, nil, err
	}
	return e, e.Close, nil
}

// complete checks and reads the flags that are more than texts.
func (f *queryFlags) complete() error {
	if f.lake == "" {
		return fault.New(fault.Usage, "--lake is missing: the folder of the lake")
	}
	if f.asJSON {
		f.format = "json"
	}
	switch f.format {
	case "table", "csv", "json", "arrow", "parquet":
	default:
		return fault.New(fault.Usage, "format %q: one of table, csv, json, arrow, parquet", f.format)
	}
	if err := f.whatIf.allowed(f.scheme, f.params); err != nil {
		return err
	}
	f.req.By, f.req.Compare = splitAll(f.by), splitAll(f.compare)
	f.req.Choose = map[string]string{}
	for name, id := range map[string]string{"scheme": f.scheme, "params": f.params} {
		if id != "" {
			f.req.Choose[name] = id
		}
	}
	var err error
	if f.req.Where, err = filtersOf(f.filters); err != nil {
		return err
	}
	if f.now != "" {
		now, err := queries.ParseNow(f.now)
		if err != nil {
			return err
		}
		f.req.Now = now
	}
	return nil
}

// filtersOf reads --where: "dept_code=D1,D2" are two values of a dimension, "sex_code=1,insutype=310" two dimensions; a
// comma with a space behind it belongs to the value ("Diseases, other").
func filtersOf(texts []string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, text := range texts {
		dim, value, ok := strings.Cut(text, "=")
		if !ok || !dimensionName.MatchString(dim) {
			return nil, fault.New(fault.Usage, "--where: write dimension=value, or dimension=value,value")
		}
		for {
			end := separator(value)
			out[dim] = append(out[dim], value[:end])
			if end == len(value) {
				break
			}
			value = value[end+1:]
			if next, rest, ok := strings.Cut(value, "="); ok && dimensionName.MatchString(next) {
				dim, value = next, rest
			}
		}
	}
	return out, nil
}

var dimensionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// separator is where the first value of a list ends.
func separator(list string) int {
	for i := range len(list) {
		if list[i] == ',' && !strings.HasPrefix(list[i+1:], " ") {
			return i
		}
	}
	return len(list)
}

func (f *queryFlags) explainPlan(ctx context.Context, stdout io.Writer, plan *queries.Plan, view *lake.View) error {
	e := plan.Explain()
	for i := range e.Statements {
		for j, u := range plan.Statements()[i].Uses {
			files, err := view.Files(ctx, u.Table, u.From, u.To)
			if fault.KindOf(err) == fault.NotFound {
				continue // a contract without data yet
			}
			if err != nil {
				return err
			}
			for _, file := range files {
				e.Statements[i].Tables[j].Files = append(e.Statements[i].Tables[j].Files, filepath.Base(file.Path))
			}
		}
	}
	if f.format == "json" {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(e)
	}
	return e.Write(stdout)
}

func (f *queryFlags) write(w io.Writer, a *queries.Answer, c *queries.Catalog) error {
	switch f.format {
	case "json":
		text, err := a.MarshalJSON()
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	case "csv":
		return a.WriteCSV(w, f.bom)
	case "arrow":
		rec := a.Record(memory.DefaultAllocator)
		defer rec.Release()
		out := ipc.NewWriter(w, ipc.WithSchema(rec.Schema()))
		return first(out.Write(rec), out.Close())
	case "parquet":
		rec := a.Record(memory.DefaultAllocator)
		defer rec.Release()
		out, err := pqarrow.NewFileWriter(rec.Schema(), w, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.DefaultWriterProps())
		if err != nil {
			return err
		}
		return first(out.Write(rec), out.Close())
	default:
		return a.WriteTable(w, c, lang.Of())
	}
}

// definitions loads contracts, measures and indicators: the shipped ones, then each overlay's.
func definitions(overlays []string) (*schema.Set, *queries.Catalog, error) {
	set, questions, err := layersOf(overlays)
	if err != nil {
		return nil, nil, err
	}
	c, err := queries.Load(set, questions...)
	if err != nil {
		return nil, nil, err
	}
	return set, c, nil
}

// layersOf loads the contracts and says where measures and indicators are: the shipped ones, then each overlay's.
func layersOf(overlays []string) (*schema.Set, []fs.FS, error) {
	contracts, questions := []fs.FS{schema.Shipped()}, []fs.FS{queries.Shipped()}
	for _, dir := range overlays {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, nil, fault.New(fault.Usage, "overlay %s: no such folder", dir)
		}
		contracts, questions = append(contracts, os.DirFS(dir)), append(questions, os.DirFS(dir))
	}
	set, err := schema.Load(contracts...)
	if err != nil {
		return nil, nil, err
	}
	return set, questions, nil
}

// first is the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// printf writes to a person; a closed terminal is nobody's fault.
func printf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
