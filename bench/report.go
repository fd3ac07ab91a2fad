package bench

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"
)

// Report writes the pairs as a Markdown table with the command that made them.
func Report(w io.Writer, command string, at time.Time, pairs []Pair) {
	fmt.Fprintf(w, "## %s\n\n`%s` on %d processors, %s, %s/%s\n\n", at.Format(time.DateOnly), command, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintln(w, "| workload | sanyi CPU s | plain CPU s | CPU ratio | sanyi wall s | plain wall s | sanyi peak MiB | plain peak MiB |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, p := range pairs {
		fmt.Fprintf(w, "| %s | %.3f | %.3f | **%.2f** | %.3f | %.3f | %s | %s |\n", p.Name, p.Ours.CPU.Seconds(), p.Plain.CPU.Seconds(), p.Ratio(),
			p.Ours.Wall.Seconds(), p.Plain.Wall.Seconds(), mib(p.Ours.Peak), mib(p.Plain.Peak))
	}
	if len(pairs) > 1 {
		var ours, plain time.Duration
		for _, p := range pairs {
			ours, plain = ours+p.Ours.CPU, plain+p.Plain.CPU
		}
		fmt.Fprintf(w, "| all | %.3f | %.3f | **%.2f** | | | | |\n", ours.Seconds(), plain.Seconds(), float64(ours)/float64(plain))
	}
	fmt.Fprintln(w)
}

func mib(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return strconv.FormatInt(bytes>>20, 10)
}
