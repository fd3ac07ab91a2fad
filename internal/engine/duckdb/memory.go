package duckdb

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Bounds of a loader's memory where nobody says how much: a small machine still loads, a large one is shared.
const (
	leastMemory = 1 << 30
	mostMemory  = 8 << 30
)

// defaultMemory is a quarter of the machine's memory within the bounds; the least where the machine does not say.
// Two years of a city of sixty hospitals in one publication did not fit into 1 GB.
func defaultMemory() string {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return memoryOf(0)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		fields := bytes.Fields(s.Bytes())
		if len(fields) < 2 || string(fields[0]) != "MemTotal:" {
			continue
		}
		kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			break
		}
		return memoryOf(kib << 10)
	}
	return memoryOf(0)
}

// memoryOf is the limit for a machine of so many bytes, as DuckDB writes it.
func memoryOf(total int64) string {
	return fmt.Sprintf("%dMiB", min(max(total/4, leastMemory), mostMemory)>>20)
}
