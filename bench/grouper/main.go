//go:build linux

// Command grouper measures the DRG grouper in memory: how long a scheme takes to load, and how many cases a core
// groups in a second, with and without the trace. It counts processor time, so that a busy machine does not matter.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/grouper/oracle"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("grouper", flag.ContinueOnError)
	flags.SetOutput(stderr)
	folder := flags.String("scheme", "", "folder of a DRG package; empty: the shipped demo scheme")
	n := flags.Int("cases", 200_000, "random cases")
	rounds := flags.Int("rounds", 10, "passes over them")
	if flags.Parse(args) != nil {
		return 2
	}
	if err := measure(stdout, *folder, *n, *rounds); err != nil {
		fmt.Fprintln(stderr, "grouper:", err)
		return 1
	}
	return 0
}

func measure(out io.Writer, folder string, n, rounds int) error {
	runtime.LockOSThread()
	read := func() (*schemes.Scheme, error) { return schemes.Library(nil).Open("demo_drg") }
	if folder != "" {
		read = func() (*schemes.Scheme, error) { return schemes.Read(os.DirFS(folder), filepath.Base(folder)) }
	}
	wall, cpu := time.Now(), processorTime()
	s, err := read()
	if err != nil {
		return err
	}
	g, err := drg.Compile(s, drg.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "scheme %s, %d groups: read and compiled in %v of processor time (%v on the clock)\n", g.ID(), g.Groups(), processorTime()-cpu, time.Since(wall).Round(time.Millisecond))
	gen := oracle.NewGenerator(s, 1)
	cases, coded := make([]drg.Case, n), make([]drg.Coded, n)
	codes := 0
	for i := range cases {
		cases[i] = gen.Case()
		g.Code(&cases[i], &coded[i])
		codes += len(cases[i].Dx) + len(cases[i].Ops)
	}
	fmt.Fprintf(out, "%d cases, %.1f codes each\n", n, float64(codes)/float64(n))
	w := g.Worker()
	for _, pass := range []struct {
		name   string
		rounds int
		do     func(i int) bool
	}{
		{"codes looked up before", rounds, func(i int) bool { r := w.GroupCoded(&coded[i]); return r.Status == drg.OK }},
		{"codes as text", rounds, func(i int) bool { r := w.Group(&cases[i]); return r.Status == drg.OK }},
		{"with the trace", max(1, rounds/5), func(i int) bool { r, _ := w.Explain(&cases[i]); return r.Status == drg.OK }},
	} {
		runtime.GC()
		grouped := 0
		cpu := processorTime()
		for range pass.rounds {
			for i := range cases {
				if pass.do(i) {
					grouped++
				}
			}
		}
		took := processorTime() - cpu
		fmt.Fprintf(out, "%-24s %9.0f cases/s a core (%d ns a case, %.1f %% grouped)\n", pass.name, float64(n*pass.rounds)/took.Seconds(),
			took.Nanoseconds()/int64(n*pass.rounds), 100*float64(grouped)/float64(n*pass.rounds))
	}
	return nil
}

// processorTime is what this thread has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
