//go:build duckdb_arrow

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	incases "github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/grouper/stream"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

type settleFlags struct {
	schemeFlags
	format  string
	params  []string
	weights []string
	kind    string
	by      string
	casesB  string
	show    bool
	inLake  settleLakeFlags
	pricing []*settle.Params // what params and weights say
}

func settleCommand() *cobra.Command {
	var f settleFlags
	cmd := &cobra.Command{
		Use: "settle --params FILE [--params B] [FILE]", Args: cobra.MaximumNArgs(1),
		Short: lang.Pick("DRG/DIP结算：逐例、按医院、清算、方案比较", "DRG and DIP settlement: by case, by hospital, yearly clearing, what-if"),
		Long: lang.Pick("", `Settles grouped cases (NDJSON, one a line) by a parameter file of a region and year; docs/settlement.md describes both.
  in    {id, org, level, insurance, group, status, total_fee, los_days, personal_pay, other_pay, fund_booked, …}, or CSV with these columns;
        drg or dip may stand for group, as sanyi group writes them; with --scheme also {sex, age_years, …, dx[], ops[]}: the case is grouped first
  out   one object a case; with --by org one a hospital, cleared by the tiers of the parameter file where funds were booked;
        with --by insurance one a hospital and type of insurance, whose sums are those of the hospital
  two --params: by hospital, the difference and its parts volume, structure, price and by item, which sum to it exactly
  with --lake the cases of the lake, grouped by --scheme (an id, or a folder as ./mine; default: as the lake groups) and settled by --params (default: as the lake
  settles), year by year: nothing is published
  --kind drg.rw, dip.annual, …: one formula of the norms for each JSON object of the input (--kind list names them)
Money comes and goes as decimal text or numbers; it is never rounded except as the parameter file says.`),
		Example: `  sanyi settle --params suzhou_2025.yaml --by org grouped.ndjson
  sanyi settle --params a.yaml --params b.yaml grouped.ndjson
  sanyi settle --lake LAKE --params a.yaml --params b.yaml --scheme chs_drg_11 --scheme chs_drg_20 --from 2025-01-01 --to 2026-01-01
  echo '{"rw_from":"0.5765","rw_to":"0.7290","rate":"12252.70"}' | sanyi settle --kind whatif`,
		RunE: f.run,
	}
	cmd.AddCommand(settleUseCommand(), settleTableCommand())
	f.register(cmd, true)
	f.inLake.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.params, "params", nil, lang.Pick("参数文件（YAML）；给两个则比较", "parameter file (YAML); two of them are compared"))
	flags.StringArrayVar(&f.weights, "weights", nil, lang.Pick("支付表（CSV），与 --params 依次对应", "payment table (CSV: "+strings.Join(settle.WeightColumns, ",")+"; or as places publish them), one for each --params or one for all"))
	flags.StringVar(&f.kind, "kind", "", lang.Pick("单个公式；list 列出", "one formula of the norms; list names them"))
	flags.StringVar(&f.by, "by", "case", "case | org | insurance")
	flags.StringVar(&f.format, "in", "auto", lang.Pick("病例格式：ndjson、csv（默认按首字符判断）", "format of the cases: ndjson, csv; auto tells them apart by the first character"))
	flags.StringVar(&f.casesB, "cases-b", "", lang.Pick("第二套参数使用的另一组病例", "other cases for the second parameter set"))
	flags.BoolVar(&f.show, "show-national", false, lang.Pick("显示国家规范示例参数", "print the example parameter file of the national norms"))
	return cmd
}

func (f *settleFlags) run(cmd *cobra.Command, args []string) error {
	out := cmd.OutOrStdout()
	switch {
	case f.show:
		_, err := io.WriteString(out, settle.NationalYAML())
		return err
	case f.kind == "list":
		_, err := fmt.Fprintln(out, strings.Join(settle.Worksheets(), "\n"))
		return err
	}
	if cmd.Flags().Changed("lake") {
		return f.runLake(cmd.Context(), out)
	}
	params, err := f.load()
	if err != nil {
		return err
	}
	in, closeIn, err := caseInput(cmd, args)
	if err != nil {
		return err
	}
	defer closeIn()
	if f.kind != "" {
		return worksheets(out, in, params[0], f.kind)
	}
	if len(f.params) == 0 {
		return fault.New(fault.Usage, "--params is wanted (--show-national prints an example to start from)")
	}
	if !slices.Contains([]string{"case", "org", "insurance"}, f.by) {
		return fault.New(fault.Usage, "--by %q: case, org or insurance", f.by)
	}
	if !slices.Contains([]string{"auto", "ndjson", "csv"}, f.format) {
		return fault.New(fault.Usage, "--in %q: ndjson or csv", f.format)
	}
	if f.casesB != "" && len(params) < 2 { //nolint:mnd // two sides
		return fault.New(fault.Usage, "--cases-b is for the second of two --params (give the same file twice where the rules are the same)")
	}
	if len(f.schemes) > 1 {
		return fault.New(fault.Usage, "--scheme: a file's cases are grouped by one scheme; group them by the other with sanyi group and give the result as --cases-b, or compare schemes in a lake (--lake)")
	}
	f.pricing = params
	cases, err := f.cases(in, "cases")
	if err != nil {
		return err
	}
	if len(params) == 2 {
		return f.compare(out, params, cases)
	}
	rows, err := cases.settled(params[0])
	if err != nil {
		return err
	}
	switch f.by {
	case "org":
		return writeLines(out, params[0].Hospitals(rows))
	case "insurance":
		return writeLines(out, params[0].Funds(rows))
	}
	return writeLines(out, rows)
}

// writeLines writes one JSON object a line.
func writeLines[R any](out io.Writer, rows []R) error {
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range rows {
		if err := enc.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (f *settleFlags) load() ([]*settle.Params, error) {
	if len(f.params) == 0 {
		return []*settle.Params{settle.National()}, nil
	}
	if len(f.params) > 2 {
		return nil, fault.New(fault.Usage, "%d parameter files: one settles, two are compared", len(f.params))
	}
	if n := len(f.weights); n > 1 && n != len(f.params) {
		return nil, fault.New(fault.Usage, "%d payment tables for %d parameter files", n, len(f.params))
	}
	var out []*settle.Params
	for i, name := range f.params {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fault.Wrap(fault.NotFound, err)
		}
		p, err := settle.Load(data, name)
		if err != nil {
			return nil, err
		}
		if len(f.weights) > 0 {
			table := f.weights[min(i, len(f.weights)-1)]
			text, err := os.ReadFile(table)
			if err != nil {
				return nil, fault.Wrap(fault.NotFound, err)
			}
			rows, err := settle.ReadWeights(bytes.NewReader(text), table)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(text)
			p.AddWeights(rows, hex.EncodeToString(sum[:])) // as in a lake, so that both name the same parameters alike
		}
		out = append(out, p)
	}
	return out, nil
}

// eachLine calls do for every line that is not empty.
func eachLine(in io.Reader, do func(n int, line []byte) error) error {
	r := bufio.NewReader(in) // in itself, where it is one
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := do(n, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func worksheets(out io.Writer, in io.Reader, p *settle.Params, kind string) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return eachLine(in, func(n int, line []byte) error {
		row, err := p.Worksheet(kind, line)
		if err != nil {
			return fault.New(fault.KindOf(err), "line %d: %w", n, err)
		}
		return enc.Encode(row)
	})
}

// settleCases are cases with the lines of the input on which they stand.
type settleCases struct {
	name  string
	list  []settle.Case
	lines []int
}

// settled settles them; a case without a price is named by its line.
func (c *settleCases) settled(p *settle.Params) ([]settle.Row, error) {
	rows, err := p.Settle(c.list)
	if gap, ok := errors.AsType[*settle.GapError](err); ok {
		return nil, fault.New(fault.Invalid, "%s: line %d: %w", c.name, c.lines[gap.Case], gap)
	}
	return rows, err
}

// cases reads cases, and groups them where a scheme is given.
func (f *settleFlags) cases(in io.Reader, name string) (*settleCases, error) {
	var using *stream.Scheme
	if len(f.schemes) > 0 {
		s, err := compileScheme(&f.schemeFlags, f.schemes[0], drg.Options{}, dip.Options{})
		if err != nil {
			return nil, err
		}
		kind := schemes.DRG
		if s.DIP != nil {
			kind = schemes.DIP
		}
		for _, p := range f.pricing {
			if err := incases.Fits(p, s.ID, kind); err != nil {
				return nil, err
			}
		}
		using = &s
	}
	out := &settleCases{name: name}
	lines := bufio.NewReader(in)
	each := eachLine
	if f.format == "csv" || f.format == "auto" && startsCSV(lines) {
		if using != nil {
			return nil, fault.New(fault.Usage, "--scheme reads cases from NDJSON; sanyi group --in csv groups those of a CSV")
		}
		each = eachCaseRow
	}
	err := each(lines, func(n int, line []byte) error {
		c, err := settleCase(line, using)
		if err != nil {
			return fault.New(fault.Invalid, "%s: line %d: %w", name, n, err)
		}
		out.list, out.lines = append(out.list, *c), append(out.lines, n)
		return nil
	})
	return out, err
}

// settleCase reads one case and groups it where there is a scheme. What a settlement cannot do without must be there: a
// cost that is missing would be paid as a low one, a group that is missing by item.
func settleCase(line []byte, using *stream.Scheme) (*settle.Case, error) {
	var c struct {
		settle.Case
		Money *decimal.Decimal `json:"total_fee"`
		DRG   string           `json:"drg"`
		DIP   string           `json:"dip"`
	}
	if err := json.Unmarshal(line, &c); err != nil {
		return nil, plainNumber(err)
	}
	if c.Money == nil {
		return nil, errors.New("total_fee is wanted")
	}
	c.Total = *c.Money
	c.Group = cmp.Or(c.Group, c.DRG, c.DIP)
	if using != nil {
		r, err := using.One(line)
		if err != nil {
			return nil, err
		}
		c.Group, c.Status, c.Score, c.BaseCoef, c.AuxFactor = r.Group, r.Status, orOwn(r.Score, c.Score), orOwn(r.BaseCoef, c.BaseCoef), orOwn(r.Factor, c.AuxFactor)
	}
	return &c.Case, c.Check()
}

// plainNumber says what is wrong with an object without what stands in it.
func plainNumber(err error) error {
	if strings.Contains(err.Error(), "decimal") {
		return errors.New("a number is wanted where another text stands")
	}
	return stream.Plain(err)
}

// startsCSV looks for a first character that begins no object.
func startsCSV(in *bufio.Reader) bool {
	for n := 1; ; n++ {
		seen, err := in.Peek(n)
		if err != nil {
			return false
		}
		if c := seen[n-1]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c != '{'
		}
	}
}

// eachCaseRow calls do for every row of a CSV, as an object whose names are those of the header. Empty cells are left out.
func eachCaseRow(in io.Reader, do func(n int, line []byte) error) error {
	r := csv.NewReader(in)
	head, err := r.Read()
	if err != nil {
		return fault.New(fault.Invalid, "cases: line 1: %w", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	known := settle.CaseColumns()
	for i, h := range head {
		head[i] = strings.TrimSpace(h)
		if slices.Contains(head[:i], head[i]) {
			return fault.New(fault.Invalid, "cases: line 1: column %q stands twice", head[i])
		}
		if _, ok := known[head[i]]; !ok && head[i] != "drg" && head[i] != "dip" {
			return fault.New(fault.Invalid, "cases: line 1: column %q is none of %s", head[i], strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "cases: %w", err)
		}
		n, _ := r.FieldPos(0)
		object := map[string]any{}
		for i, cell := range row {
			switch cell = strings.TrimSpace(cell); {
			case cell == "":
			case known[head[i]] == "bool":
				yes, err := strconv.ParseBool(cell)
				if err != nil {
					return fault.New(fault.Invalid, "cases: line %d: column %s: true or false is wanted", n, head[i])
				}
				object[head[i]] = yes
			default:
				object[head[i]] = cell
			}
		}
		line, err := json.Marshal(object)
		if err != nil {
			return err
		}
		if err := do(n, line); err != nil {
			return err
		}
	}
}

func orOwn(found, own *decimal.Decimal) *decimal.Decimal {
	if found != nil {
		return found
	}
	return own
}

// compare settles both ways and decomposes the difference by hospital.
func (f *settleFlags) compare(out io.Writer, params []*settle.Params, cases *settleCases) error {
	other := cases
	if f.casesB != "" {
		in, err := os.Open(f.casesB)
		if err != nil {
			return fault.Wrap(fault.NotFound, err)
		}
		other, err = f.cases(in, "cases-b")
		_ = in.Close()
		if err != nil {
			return err
		}
	}
	a, err := cases.settled(params[0])
	if err != nil {
		return err
	}
	b, err := other.settled(params[1])
	if err != nil {
		return err
	}
	return writeLines(out, settle.Compare(settle.Parts(a), settle.Parts(b)))
}
