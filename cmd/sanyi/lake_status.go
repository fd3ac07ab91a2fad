//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// status is what a person on call wants to know first.
type status struct {
	Lake        string           `json:"lake"`
	Publication lake.Publication `json:"publication"`
	Tables      []tableStatus    `json:"tables"`
	Files       map[string]int   `json:"files"`   // lines of the ledger by status
	Records     recordStatus     `json:"records"` // of what is in force
	Missing     []missing        `json:"missing"`
}

type tableStatus struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
	From  string `json:"from,omitempty"` // first month
	To    string `json:"to,omitempty"`   // last month
}

type recordStatus struct {
	Read        int64 `json:"read"`
	Loaded      int64 `json:"loaded"`
	Duplicate   int64 `json:"duplicate"`
	Superseded  int64 `json:"superseded"`
	Quarantined int64 `json:"quarantined"`
	Ignored     int64 `json:"ignored"`
}

type missing struct {
	Org    string `json:"org"`
	Source string `json:"source"`
	Date   string `json:"date"`
	Due    string `json:"due"`
}

func statusCommand() *cobra.Command {
	var flags lakeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   lang.Pick("湖的现状：最新发布、各表行数、缺报", "the lake now: newest publication, rows by table, what is missing"),
		Args:    usage(cobra.NoArgs),
		Example: "  sanyi status --lake LAKE --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				s, err := lakeStatus(cmd.Context(), l)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), s)
				}
				return s.print(cmd, l)
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, lang.Pick("输出 JSON", "print JSON"))
	return cmd
}

func lakeStatus(ctx context.Context, l *lake.Lake) (status, error) {
	s := status{Lake: l.Dir(), Tables: []tableStatus{}, Files: map[string]int{}, Missing: []missing{}}
	v, err := l.View(ctx, 0)
	if err != nil {
		return s, err
	}
	s.Publication = v.Publication()
	for _, name := range v.Tables() {
		files, err := v.AllFiles(ctx, name)
		if err != nil {
			return s, err
		}
		t := tableStatus{Table: name, Files: len(files)}
		for _, f := range files {
			t.Rows += f.Rows
			t.Bytes += f.Bytes
			if f.Month != "" && t.From == "" {
				t.From = f.Month
			}
			t.To = max(t.To, f.Month)
		}
		s.Tables = append(s.Tables, t)
	}
	loads, err := l.LoadsAt(ctx, s.Publication.ID)
	if err != nil {
		return s, err
	}
	for _, load := range loads {
		s.Files[load.Status]++
		switch load.Status {
		case lake.Missing:
			s.Missing = append(s.Missing, missing{load.Org, load.Source, load.Date, lakeTime(l, load.Due)})
		case lake.Arrived:
			s.Records.Read += load.Records
			s.Records.Loaded += load.Loaded
			s.Records.Duplicate += load.Duplicate
			s.Records.Superseded += load.Superseded
			s.Records.Quarantined += load.Quarantined
			s.Records.Ignored += load.Ignored
		}
	}
	return s, nil
}

// shownMissing is how many missing deliveries fit a screen; --json has them all.
const shownMissing = 20

func (s status) print(cmd *cobra.Command, l *lake.Lake) error {
	out := cmd.OutOrStdout()
	if s.Publication.ID == 0 {
		fmt.Fprintf(out, lang.Pick("湖 %s：还没有发布\n", "lake %s: nothing published yet\n"), s.Lake)
		return nil
	}
	fmt.Fprintf(out, lang.Pick("湖 %s：发布 %d，%s，%s\n", "lake %s: publication %d, %s, %s\n"), s.Lake, s.Publication.ID, s.Publication.Kind, lakeTime(l, s.Publication.At))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, lang.Pick("表\t行\t文件\tMB\t起\t止\t", "TABLE\tROWS\tFILES\tMB\tFROM\tTO\t"))
	for _, t := range s.Tables {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%s\t%s\t\n", t.Table, t.Rows, t.Files, float64(t.Bytes)/1e6, t.From, t.To)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	r := s.Records
	fmt.Fprintf(out, lang.Pick("记录：读入 %d = 入湖 %d + 重复 %d + 被替代 %d + 隔离 %d + 忽略 %d\n",
		"records: read %d = loaded %d + duplicate %d + superseded %d + quarantined %d + ignored %d\n"),
		r.Read, r.Loaded, r.Duplicate, r.Superseded, r.Quarantined, r.Ignored)
	fmt.Fprintf(out, lang.Pick("缺报：%d\n", "missing: %d\n"), len(s.Missing))
	for _, m := range s.Missing[:min(len(s.Missing), shownMissing)] {
		fmt.Fprintf(out, "  %s %s %s\n", m.Date, m.Org, m.Source)
	}
	return nil
}
