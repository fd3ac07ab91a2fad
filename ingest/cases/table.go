package cases

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// csvRows reads a small CSV file with exactly these columns, in any order.
func csvRows(text []byte, path string, columns []string) ([][]string, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	all, err := r.ReadAll()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", path, err)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "%s:1: a header with %s is wanted", path, strings.Join(columns, ", "))
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(all[0], c); at[i] < 0 {
			return nil, fault.New(fault.Invalid, "%s:1: no column %s; wanted are %s", path, c, strings.Join(columns, ", "))
		}
	}
	out := make([][]string, 0, len(all)-1)
	for _, row := range all[1:] {
		picked := make([]string, len(columns))
		for i, j := range at {
			picked[i] = strings.TrimSpace(row[j])
		}
		out = append(out, picked)
	}
	return out, nil
}
