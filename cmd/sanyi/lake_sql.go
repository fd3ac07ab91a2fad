//go:build duckdb_arrow

package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// answerFormats write an answer for a person, a program or a notebook.
var answerFormats = map[string]func(io.Writer, *engine.Result) error{
	"table": writeTable, "csv": writeCSV, "json": writeRows, "arrow": writeArrow, "parquet": writeParquet,
}

func sqlCommand() *cobra.Command {
	var flags lakeFlags
	var asOf, maxRows int64
	var format string
	cmd := &cobra.Command{
		Use:     "sql 'SELECT …'",
		Short:   lang.Pick("对湖里的表做一次 SELECT（只读）", "one SELECT over the lake's tables (read only)"),
		Args:    usage(cobra.ExactArgs(1)),
		Example: "  sanyi sql --lake LAKE 'SELECT org_code, count(*) AS n FROM fact_inp_stay GROUP BY org_code' --format csv",
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := answerFormats[format]
			if !ok {
				return fault.New(fault.Usage, "format %q: is none of table, csv, json, arrow, parquet", format)
			}
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				res, err := freeSQL(cmd, &flags, l, engine.Statement{SQL: args[0], Publication: asOf, MaxRows: maxRows})
				if err != nil {
					return err
				}
				return write(cmd.OutOrStdout(), res)
			})
		},
	}
	flags.register(cmd)
	flags.registerOverlays(cmd)
	cmd.Flags().Int64Var(&asOf, "as-of", 0, lang.Pick("按哪次发布（默认最新）", "publication to read (default: the newest)"))
	cmd.Flags().Int64Var(&maxRows, "max-rows", 1_000_000, lang.Pick("答案最多行数，0 为不限", "most rows of an answer, 0 = no cap"))
	cmd.Flags().StringVar(&format, "format", "table", "table|csv|json|arrow|parquet")
	return cmd
}

// freeSQL runs a text of a person's: through the gate, over contract tables alone.
func freeSQL(cmd *cobra.Command, flags *lakeFlags, l *lake.Lake, s engine.Statement) (*engine.Result, error) {
	set, err := flags.contracts(l)
	if err != nil {
		return nil, err
	}
	tables, err := duckdb.Gate(cmd.Context(), s.SQL, func(name string) bool {
		_, ok := set.Table(name)
		return ok
	})
	if err != nil {
		return nil, err
	}
	for _, name := range tables {
		s.Uses = append(s.Uses, engine.Use{Table: name})
	}
	e, err := duckdb.Open(l, set, duckdb.Options{Connections: 1})
	if err != nil {
		return nil, err
	}
	res, err := e.Run(cmd.Context(), s)
	return res, errors.Join(err, e.Close())
}

func writeTable(w io.Writer, res *engine.Result) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var names []string
	for _, f := range res.Schema.Fields() {
		names = append(names, f.Name)
	}
	fmt.Fprintln(tw, strings.Join(names, "\t"))
	err := eachRow(res, func(cells []arrow.Array, row int) error {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(tw, "\t")
			}
			if c.IsValid(row) {
				fmt.Fprint(tw, strings.NewReplacer("\t", " ", "\n", " ").Replace(cellText(c, row)))
			} else {
				fmt.Fprint(tw, "—")
			}
		}
		_, err := fmt.Fprintln(tw)
		return err
	})
	return errors.Join(err, tw.Flush())
}

func writeCSV(w io.Writer, res *engine.Result) error {
	cw := csv.NewWriter(w)
	line := make([]string, res.Schema.NumFields())
	for i, f := range res.Schema.Fields() {
		line[i] = f.Name
	}
	if err := cw.Write(line); err != nil {
		return err
	}
	err := eachRow(res, func(cells []arrow.Array, row int) error {
		for i, c := range cells {
			line[i] = ""
			if c.IsValid(row) {
				line[i] = cellText(c, row)
			}
		}
		return cw.Write(line)
	})
	cw.Flush()
	return errors.Join(err, cw.Error())
}

// writeRows writes {"publication": …, "rows": [{…}]}: numbers are JSON numbers, a missing value is an explicit null.
func writeRows(w io.Writer, res *engine.Result) error {
	bw := bufio.NewWriter(w)
	fmt.Fprintf(bw, "{\"publication\": %d, \"rows\": [", res.Publication)
	var names [][]byte
	for _, f := range res.Schema.Fields() {
		name, err := json.Marshal(f.Name)
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	sep := "\n"
	err := eachRow(res, func(cells []arrow.Array, row int) error {
		bw.WriteString(sep + "{") //nolint:errcheck // kept for Flush
		sep = ",\n"
		for i, c := range cells {
			if i > 0 {
				bw.WriteString(", ") //nolint:errcheck // kept for Flush
			}
			value, err := cellJSON(c, row)
			if err != nil {
				return err
			}
			fmt.Fprintf(bw, "%s: %s", names[i], value)
		}
		return bw.WriteByte('}')
	})
	bw.WriteString("\n]}\n") //nolint:errcheck // kept for Flush
	return errors.Join(err, bw.Flush())
}

func writeArrow(w io.Writer, res *engine.Result) error {
	out := ipc.NewWriter(w, ipc.WithSchema(res.Schema))
	for _, b := range res.Batches {
		if err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Close()
}

func writeParquet(w io.Writer, res *engine.Result) error {
	// The writer closes what it is given if that can be closed; standard output stays open.
	out, err := pqarrow.NewFileWriter(res.Schema, struct{ io.Writer }{w},
		parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	for _, b := range res.Batches {
		if err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Close()
}

func eachRow(res *engine.Result, fn func(cells []arrow.Array, row int) error) error {
	for _, b := range res.Batches {
		for row := range int(b.NumRows()) {
			if err := fn(b.Columns(), row); err != nil {
				return err
			}
		}
	}
	return nil
}

// cellText writes times as SQL does, everything else as Arrow does.
func cellText(a arrow.Array, row int) string {
	switch a := a.(type) {
	case *array.Timestamp:
		typ := a.DataType().(*arrow.TimestampType) //nolint:forcetypeassert // a Timestamp array has no other type
		at := a.Value(row).ToTime(typ.Unit)
		if zone, err := typ.GetZone(); err == nil && zone != nil {
			at = at.In(zone)
		}
		return at.Format("2006-01-02 15:04:05.999999")
	case *array.Decimal128: // ValueStr would drop the cents that are zero
		return a.Value(row).ToString(a.DataType().(*arrow.Decimal128Type).Scale) //nolint:forcetypeassert // as above
	}
	return a.ValueStr(row)
}

func cellJSON(a arrow.Array, row int) ([]byte, error) {
	if a.IsNull(row) {
		return []byte("null"), nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return []byte(a.ValueStr(row)), nil
	case *array.Float64:
		if v := a.Value(row); math.IsNaN(v) || math.IsInf(v, 0) {
			return []byte("null"), nil
		}
		return json.Marshal(a.Value(row))
	case *array.Float32, *array.Struct, *array.List, *array.Map:
		return json.Marshal(a.GetOneForMarshal(row))
	case *array.Int8, *array.Int16, *array.Int32, *array.Int64, *array.Uint8, *array.Uint16, *array.Uint32, *array.Uint64, *array.Decimal128:
		return []byte(cellText(a, row)), nil
	default:
		return json.Marshal(cellText(a, row))
	}
}
