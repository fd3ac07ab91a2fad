package reader

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/width"

	"github.com/sanyi-lake/sanyi/internal/lang"
)

// blanks are cut from the ends of names and, with Trim, of cells.
const blanks = " \t\u00a0\u3000\ufeff\v\f\r\n"

// cleanName is a column's name as people mean it: no blanks at the ends, one blank for each run of them inside (some
// exports put no-break spaces and line ends into their headers).
func cleanName(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(blanks, r) }), " ")
}

// foldName is the form in which names are compared: case and width do not matter.
func foldName(s string) string {
	return strings.ToLower(width.Fold.String(cleanName(s)))
}

// headerNames cleans the names of a header, gives a name to nameless columns and refuses a name that stands twice.
func headerNames(file string, raw []string) ([]string, error) {
	names := make([]string, len(raw))
	at := make(map[string]int, len(raw))
	var twice []string
	for i, s := range raw {
		name := cleanName(s)
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		if first, ok := at[name]; ok {
			twice = append(twice, fmt.Sprintf(lang.Pick("%s（第 %d、%d 列）", "%s (columns %d and %d)"), name, first+1, i+1))
		} else {
			at[name] = i
		}
		names[i] = name
	}
	if twice != nil {
		list := strings.Join(twice, ", ")
		return nil, refuse(file, FaultDuplicateColumns, nil,
			"表头中列名重复："+list+"；请改名，或在来源文件中用 csv.columns 给出各列名",
			"the header names a column twice: "+list+"; rename one, or give all names as csv.columns in the source file")
	}
	return names, nil
}

// plan says where each column of the file goes.
type plan struct {
	names   []string // output columns
	to      []int    // file column → output column, -1 = not wanted
	missing []string // wanted, not in the file
	absent  []int    // their output columns
}

// match finds the wanted columns among those of the file, by name or alias.
func match(file string, columns, want []string, aliases map[string][]string) (plan, error) {
	p := plan{names: want, to: make([]int, len(columns))}
	if want == nil {
		p.names = columns
		for i := range columns {
			p.to[i] = i
		}
		return p, nil
	}
	folded := make(map[string][]int, len(columns))
	for i, name := range columns {
		p.to[i] = -1
		f := foldName(name)
		folded[f] = append(folded[f], i)
	}
	for out, name := range want {
		var found []int
		if i := slices.Index(columns, name); i >= 0 {
			found = []int{i}
		} else {
			for _, other := range append([]string{name}, aliases[name]...) {
				for _, i := range folded[foldName(other)] {
					if !slices.Contains(found, i) {
						found = append(found, i)
					}
				}
			}
		}
		switch {
		case len(found) == 0:
			p.missing = append(p.missing, name)
			p.absent = append(p.absent, out)
		case len(found) > 1:
			a, b := columns[found[0]], columns[found[1]]
			return p, refuse(file, FaultDuplicateColumns, nil,
				fmt.Sprintf("列 %s 与 %s 都可作为 %s；请去掉其一", a, b, name),
				fmt.Sprintf("columns %s and %s both stand for %s; remove one", a, b, name))
		case p.to[found[0]] >= 0:
			return p, refuse(file, FaultDuplicateColumns, nil,
				fmt.Sprintf("列 %s 同时对应 %s 与 %s；请检查来源文件的 aliases", columns[found[0]], want[p.to[found[0]]], name),
				fmt.Sprintf("column %s stands for both %s and %s; check the aliases of the source file", columns[found[0]], want[p.to[found[0]]], name))
		default:
			p.to[found[0]] = out
		}
	}
	return p, nil
}

func countsOf(columns []string, counts []int64) map[string]int64 {
	out := make(map[string]int64, len(columns))
	for i, name := range columns {
		out[name] = counts[i]
	}
	return out
}

// extraOf is countsOf for the columns that nobody wants.
func extraOf(columns []string, p plan, counts []int64) map[string]int64 {
	out := map[string]int64{}
	for i, name := range columns {
		if p.to[i] < 0 {
			out[name] = counts[i]
		}
	}
	return out
}

// nullWords answers whether a cell is one of the source's words for null.
type nullWords struct {
	first [256]bool
	words map[string]bool
	max   int
}

func newNullWords(words []string) *nullWords {
	n := &nullWords{words: make(map[string]bool, len(words))}
	for _, w := range words {
		if w == "" {
			continue
		}
		n.first[w[0]] = true
		n.words[w] = true
		n.max = max(n.max, len(w))
	}
	return n
}

// is wants a cell that is not empty.
func (n *nullWords) is(v []byte) bool {
	return n.first[v[0]] && len(v) <= n.max && n.words[string(v)]
}

// trim cuts blanks from both ends of a cell.
func trim(v []byte) []byte {
	for len(v) > 0 {
		n := blankAt(v)
		if n == 0 {
			break
		}
		v = v[n:]
	}
	for len(v) > 0 {
		n := blankBefore(v)
		if n == 0 {
			break
		}
		v = v[:len(v)-n]
	}
	return v
}

// blankAt is the length of the blank with which v begins: ASCII blanks, U+00A0 (C2 A0), U+3000 (E3 80 80), U+FEFF.
func blankAt(v []byte) int {
	switch c := v[0]; {
	case c == ' ' || c >= '\t' && c <= '\r':
		return 1
	case c < 0x80:
		return 0
	case c == 0xC2 && len(v) > 1 && v[1] == 0xA0:
		return 2
	case len(v) > 2 && (c == 0xE3 && v[1] == 0x80 && v[2] == 0x80 || c == 0xEF && v[1] == 0xBB && v[2] == 0xBF):
		return 3
	}
	return 0
}

func blankBefore(v []byte) int {
	n := len(v)
	switch c := v[n-1]; {
	case c == ' ' || c >= '\t' && c <= '\r':
		return 1
	case c < 0x80:
		return 0
	case n > 1 && blankAt(v[n-2:]) == 2:
		return 2
	case n > 2 && blankAt(v[n-3:]) == 3:
		return 3
	}
	return 0
}
