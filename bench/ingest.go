package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Options of a bench run; the zero value works.
type Options struct {
	Rows   int    // records of the extract; 0 = 2,000,000
	Runs   int    // runs of each side, taken in turn; 0 = 3
	Nights int    // of Grouping: stays of so many nights of the generated city in place of Rows made-up ones
	Work   string // folder for extracts and lakes, removed at the end; "" = a temporary one
	Memory string // DuckDB's memory limit for the plain side; "" = its default
	Log    io.Writer
}

func (o *Options) defaults() {
	if o.Rows == 0 {
		o.Rows = 2_000_000
	}
	if o.Runs == 0 {
		o.Runs = 3
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
}

// Pair is our way beside the plain way, on the same input in the same run.
type Pair struct {
	Name        string
	Ours, Plain Cost
}

// Ratio is our CPU time as a multiple of the plain way's.
func (p Pair) Ratio() float64 { return float64(p.Ours.CPU) / float64(p.Plain.CPU) }

// Ingest loads an extract of 40 columns through the whole way of a night (checks, pseudonyms, ledger, publication) and
// through PlainCopy, each as a process of its own, in turn. sanyi is the path of the program.
func Ingest(ctx context.Context, sanyi string, o Options) (Pair, error) {
	o.defaults()
	work, err := os.MkdirTemp(o.Work, "bench-ingest-")
	if err != nil {
		return Pair{}, err
	}
	defer os.RemoveAll(work)
	extract := filepath.Join(work, "stays.csv")
	if err := writeFile(extract, func(w io.Writer) error { return writeStays(w, o.Rows, 1) }); err != nil {
		return Pair{}, err
	}
	var ours, plain []Cost
	for i := range o.Runs {
		lake, out := filepath.Join(work, "lake"+strconv.Itoa(i)), filepath.Join(work, "plain"+strconv.Itoa(i))
		if _, err := process(ctx, o.Log, sanyi, "init", lake); err != nil {
			return Pair{}, err
		}
		cost, err := process(ctx, o.Log, sanyi, "ingest", "--lake", lake, "--table", "fact_inp_stay", extract)
		if err != nil {
			return Pair{}, err
		}
		ours = append(ours, cost)
		if cost, err = process(ctx, o.Log, sanyi, "bench", "plain-copy", "--in", extract, "--out", out, "--memory", o.Memory); err != nil {
			return Pair{}, err
		}
		plain = append(plain, cost)
		if err := os.RemoveAll(lake); err != nil {
			return Pair{}, err
		}
		if err := os.RemoveAll(out); err != nil {
			return Pair{}, err
		}
	}
	return Pair{Name: fmt.Sprintf("ingest %d records × %d columns", o.Rows, len(stayColumns)), Ours: median(ours), Plain: median(plain)}, nil
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
