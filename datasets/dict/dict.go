// Package dict has the code lists that columns name: what a code is called in Chinese and English, what stands above
// it, and when it is valid. It ships complete lists where they are short and public, and a few dozen codes of the long
// ones; a region imports the full lists into an overlay. It does not know which column uses which list: contracts do.
package dict

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

//go:embed codes
var shipped embed.FS

// Shipped is the lists that come with the program.
func Shipped() fs.FS { return shipped }

// Code is one entry of a list.
type Code struct {
	Code   string `json:"code"`
	ZH     string `json:"name_zh"`
	EN     string `json:"name_en,omitempty"`
	Parent string `json:"parent,omitempty"`
	From   string `json:"valid_from,omitempty"` // first day, 2025-01-31; "" = always
	To     string `json:"valid_to,omitempty"`   // end, exclusive; "" = still valid
}

// List is one code list.
type List struct {
	ID       string `json:"list"`
	ZH       string `json:"title_zh"`
	EN       string `json:"title_en"`
	Issuer   string `json:"issuer"`
	Year     string `json:"year"`
	Complete bool   `json:"complete"` // every valid code is here: others may be refused
	Hash     string `json:"sha256"`   // of the file
	File     string `json:"-"`
	Codes    []Code `json:"codes,omitempty"` // sorted by code, then by first day
}

// Set is every list in force.
type Set struct{ lists map[string]*List }

// List finds a list by id.
func (s *Set) List(id string) (*List, bool) {
	l, ok := s.lists[id]
	return l, ok
}

// Lists is every list, sorted by id.
func (s *Set) Lists() []*List {
	out := make([]*List, 0, len(s.lists))
	for _, id := range slices.Sorted(maps.Keys(s.lists)) {
		out = append(out, s.lists[id])
	}
	return out
}

// Find is the code valid on a day; the zero time takes the newest version.
func (l *List) Find(code string, on time.Time) (Code, bool) {
	i, ok := slices.BinarySearchFunc(l.Codes, code, func(c Code, code string) int { return strings.Compare(c.Code, code) })
	if !ok {
		return Code{}, false
	}
	day := ""
	if !on.IsZero() {
		day = on.Format(time.DateOnly)
	}
	found, has := Code{}, false
	for ; i < len(l.Codes) && l.Codes[i].Code == code; i++ {
		c := l.Codes[i]
		if day == "" || (c.From == "" || c.From <= day) && (c.To == "" || day < c.To) {
			found, has = c, true
		}
	}
	return found, has
}

// Has says whether a code is in the list on a day.
func (l *List) Has(code string, on time.Time) bool {
	_, ok := l.Find(code, on)
	return ok
}

// Load reads the lists of each layer (datasets/dict/codes/… or codes/…), the shipped ones first. A later layer's list
// takes the place of an earlier one of the same id: full lists are imported over the shipped excerpts.
func Load(layers ...fs.FS) (*Set, error) {
	s := &Set{lists: map[string]*List{}}
	var faults []error
	for _, layer := range layers {
		for _, root := range []string{"datasets/dict/codes", "codes"} {
			if _, err := fs.Stat(layer, path.Join(root, index)); err != nil {
				continue
			}
			faults = append(faults, s.read(layer, root))
		}
	}
	return s, fault.Wrap(fault.Invalid, errors.Join(faults...))
}

const index = "lists.csv"

func (s *Set) read(layer fs.FS, root string) error {
	file := path.Join(root, index)
	text, err := fs.ReadFile(layer, file)
	if err != nil {
		return err
	}
	lists, err := parseIndex(file, text)
	if err != nil {
		return err
	}
	var faults []error
	for _, l := range lists {
		l.File = path.Join(root, l.ID+".csv")
		text, err := fs.ReadFile(layer, l.File)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: list %s: %w", file, l.ID, err))
			continue
		}
		if l.Codes, err = parseCodes(l.File, text); err != nil {
			faults = append(faults, err)
			continue
		}
		sum := sha256.Sum256(text)
		l.Hash = hex.EncodeToString(sum[:])
		s.lists[l.ID] = l
	}
	return errors.Join(faults...)
}

var (
	listID    = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,39}$`)
	indexHead = []string{"list", "title_zh", "title_en", "issuer", "year", "complete"}
	codeHead  = []string{"code", "name_zh", "name_en", "parent", "valid_from", "valid_to"}
)

func parseIndex(file string, text []byte) ([]*List, error) {
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], indexHead) {
		return nil, fmt.Errorf("%s:1: the header is %s", file, strings.Join(indexHead, ","))
	}
	var out []*List
	last := ""
	for i, r := range rows[1:] {
		switch {
		case !listID.MatchString(r[0]):
			return nil, fmt.Errorf("%s:%d: list %q: ids are upper case ASCII", file, i+2, r[0])
		case r[0] <= last:
			return nil, fmt.Errorf("%s:%d: list %s: lines are sorted by list, each once", file, i+2, r[0])
		case r[5] != "true" && r[5] != "false":
			return nil, fmt.Errorf("%s:%d: list %s: complete is true or false", file, i+2, r[0])
		case r[1] == "" || r[2] == "" || r[3] == "" || r[4] == "":
			return nil, fmt.Errorf("%s:%d: list %s: wants titles, issuer and year", file, i+2, r[0])
		}
		last = r[0]
		out = append(out, &List{ID: r[0], ZH: r[1], EN: r[2], Issuer: r[3], Year: r[4], Complete: r[5] == "true"})
	}
	return out, nil
}

// parseCodes reads a list's file strictly: header, order, and no code twice for one day.
func parseCodes(file string, text []byte) ([]Code, error) {
	r := csv.NewReader(bytes.NewReader(text))
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(rows) == 0 || len(rows[0]) < 2 || len(rows[0]) > len(codeHead) || !slices.Equal(rows[0], codeHead[:len(rows[0])]) {
		return nil, fmt.Errorf("%s:1: the header is %s (the last ones may be missing)", file, strings.Join(codeHead, ","))
	}
	out := make([]Code, 0, len(rows)-1)
	for i, row := range rows[1:] {
		row = append(row, make([]string, len(codeHead)-len(row))...)
		c := Code{Code: row[0], ZH: row[1], EN: row[2], Parent: row[3], From: row[4], To: row[5]}
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+2, err)
		}
		if i > 0 && compare(out[i-1], c) >= 0 {
			return nil, fmt.Errorf("%s:%d: code %s: lines are sorted by code and first day, each once", file, i+2, c.Code)
		}
		if i > 0 && out[i-1].Code == c.Code && (out[i-1].To == "" || out[i-1].To > c.From) {
			return nil, fmt.Errorf("%s:%d: code %s: is valid twice from %s", file, i+2, c.Code, c.From)
		}
		out = append(out, c)
	}
	return out, nil
}

func (c Code) check() error {
	switch {
	case c.Code == "" || strings.TrimSpace(c.Code) != c.Code:
		return fmt.Errorf("code %q: empty, or with blanks around it", c.Code)
	case c.ZH == "":
		return fmt.Errorf("code %s: without a Chinese name", c.Code)
	}
	for _, day := range []string{c.From, c.To} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return fmt.Errorf("code %s: %q is not a day (2025-01-31)", c.Code, day)
		}
	}
	if c.From != "" && c.To != "" && c.To <= c.From {
		return fmt.Errorf("code %s: ends on %s before it begins on %s", c.Code, c.To, c.From)
	}
	return nil
}

func compare(a, b Code) int {
	if n := strings.Compare(a.Code, b.Code); n != 0 {
		return n
	}
	return strings.Compare(a.From, b.From)
}
