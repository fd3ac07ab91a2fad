package landing

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// IgnoreFile lists what lies in a folder beside the extracts and is none: one pattern a line, as in path.Match, on
// the path below that folder; an empty line or one that begins with # says nothing. It stands in the folder that is
// named on the command line. What it leaves out is reported, never silently gone.
const IgnoreFile = ".sanyiignore"

// ignored reads a folder's IgnoreFile; without one nothing is left out.
func ignored(root string) ([]string, error) {
	f, err := os.Open(filepath.Join(root, IgnoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err)
	}
	defer f.Close()
	var patterns []string
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		p := strings.TrimSpace(lines.Text())
		if p == "" || p[0] == '#' {
			continue
		}
		if _, err := path.Match(p, ""); err != nil {
			return nil, fault.New(fault.Invalid, "%s:%d: pattern %q: %w", f.Name(), n, p, err)
		}
		patterns = append(patterns, p)
	}
	return patterns, fault.Wrap(fault.Unavailable, lines.Err())
}

func matches(patterns []string, rel string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, rel); ok {
			return true
		}
	}
	return false
}
