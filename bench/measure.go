package bench

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// Cost is what one run of a whole process, or of one step inside this process, took.
type Cost struct {
	CPU  time.Duration // user and system, all threads
	Wall time.Duration
	Peak int64 // most resident memory, bytes; 0 where it was not measured
}

// process runs a command to its end and measures it; its output goes to log.
func process(ctx context.Context, log io.Writer, name string, args ...string) (Cost, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return Cost{}, fmt.Errorf("%s %v: %w", name, args, err)
	}
	cost := Cost{CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Wall: time.Since(start)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		cost.Peak = usage.Maxrss * 1024
	}
	return cost, nil
}

// inside measures a step of this very process; nothing else may run beside it.
func inside(step func() error) (Cost, error) {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		return Cost{}, err
	}
	start := time.Now()
	if err := step(); err != nil {
		return Cost{}, err
	}
	wall := time.Since(start)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		return Cost{}, err
	}
	return Cost{CPU: cpu(after) - cpu(before), Wall: wall}, nil
}

func cpu(u syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// median is the run in the middle by CPU time; memory is the largest seen.
func median(runs []Cost) Cost {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b Cost) int { return int(a.CPU - b.CPU) })
	m := sorted[len(sorted)/2]
	for _, r := range runs {
		m.Peak = max(m.Peak, r.Peak)
	}
	return m
}
