//go:build duckdb_arrow

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Exit codes of the command line contract (docs/cli.md).
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitQuarantined = 3 // --strict: some records were set aside
	exitRefused     = 4 // a delivery was refused by a gate
	exitDenied      = 5
)

// exitOf is the one table from the kind of an error to an exit code.
var exitOf = map[fault.Kind]int{
	fault.Internal: exitFailed, fault.Invalid: exitFailed, fault.Usage: exitUsage, fault.NotFound: exitFailed, fault.Denied: exitDenied,
	fault.Conflict: exitFailed, fault.TooLarge: exitFailed, fault.Unavailable: exitFailed, fault.Refused: exitRefused,
}

// exitError carries an exit code that is a result, not a fault: exitQuarantined.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// run is the whole program, testable: no globals, no os.Exit.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "sanyi",
		Short:         "三医 regional health lakehouse: ingest, explain, show",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fault.Wrap(fault.Usage, err) })
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(commands()...)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[exitError](err); ok {
		return int(e)
	}
	if errors.Is(err, syscall.EPIPE) {
		return exitFailed // whoever read the answer has gone, and knows it
	}
	fmt.Fprintln(stderr, "sanyi:", err)
	return exitOf[fault.KindOf(err)]
}
