// Package access says who is asking: it turns a token into a name and the Scope whose rows that name may count. A token
// is 256 random bits that are shown once; the file keeps only their SHA-256, a name and a scope. It decides nothing
// else: what a Scope means for a question is the compiler's business.
package access

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/serve/api"
	"github.com/sanyi-lake/sanyi/queries"
)

// FileName is where a lake keeps its tokens, beside sanyi.yaml.
const FileName = "tokens.yaml"

// prefix makes a leaked token recognisable to people and to secret scanners.
const prefix = "sanyi_"

// Identity is who asks and whose rows they may count.
type Identity struct {
	Name  string
	Scope queries.Scope
	Words string // the scope as it was written: whole, org:H0001, region:340100
	Cases bool   // may see single cases of that scope, and why each was grouped as it was

	SmallCells bool // sees figures of few cases of that scope
}

// Right is something that a token may do besides asking indicators. None is given unless it is named.
type Right string

// Cases is the right to see single cases. SmallCells is the right to see figures of few cases, which others find
// suppressed: a hospital's deaths in low-risk groups are few where all is well, and somebody has to discuss each of them.
// Benchmarks keep guarding other organisations' cases all the same.
const (
	Cases      Right = "cases"
	SmallCells Right = "small_cells"
)

// Entry is one token of the file.
type Entry struct {
	Name    string    `yaml:"name"`
	Scope   string    `yaml:"scope"`
	Cases   bool      `yaml:"cases,omitempty"`       // the right Cases
	Small   bool      `yaml:"small_cells,omitempty"` // the right SmallCells
	SHA256  string    `yaml:"sha256"`
	Created time.Time `yaml:"created"`
	Expires time.Time `yaml:"expires,omitempty"` // zero = never
}

// Rights are what the entry's token may do besides asking indicators.
func (e *Entry) Rights() []Right {
	var out []Right
	if e.Cases {
		out = append(out, Cases)
	}
	if e.Small {
		out = append(out, SmallCells)
	}
	return out
}

type tokenFile struct {
	Tokens []Entry `yaml:"tokens"`
}

// Tokens is the file of tokens in force. It reads the file anew when that changed, so that a token that was removed
// is refused from the next question on.
type Tokens struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	stamp   fs.FileInfo
	entries []known
}

type known struct {
	Entry
	sum   [sha256.Size]byte
	scope queries.Scope
}

// Open reads the file of tokens. A file that others may read, or that does not exist, is refused.
func Open(path string) (*Tokens, error) {
	t := &Tokens{path: path, now: time.Now}
	if err := t.refresh(); err != nil {
		return nil, err
	}
	return t, nil
}

// Identify finds who holds the token; ok is false for an unknown or expired one.
func (t *Tokens) Identify(token string) (Identity, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(); err != nil {
		return Identity{}, false, err
	}
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range t.entries { // all of them, so that the time taken tells nothing
		if subtle.ConstantTimeCompare(sum[:], t.entries[i].sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Identity{}, false, nil
	}
	e := t.entries[found]
	if !e.Expires.IsZero() && !t.now().Before(e.Expires) {
		return Identity{}, false, nil
	}
	return Identity{Name: e.Name, Scope: e.scope, Words: e.Scope, Cases: e.Cases, SmallCells: e.Small}, true, nil
}

func (t *Tokens) refresh() error {
	info, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "tokens %s: no such file; run `sanyi serve token add`", t.path)
	}
	if err != nil {
		return fmt.Errorf("tokens %s: %w", t.path, err)
	}
	if t.stamp != nil && os.SameFile(info, t.stamp) && info.ModTime().Equal(t.stamp.ModTime()) && info.Size() == t.stamp.Size() {
		return nil
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.Denied, "tokens %s: mode %o lets others read it; run `chmod 600` on it", t.path, info.Mode().Perm())
	}
	list, err := read(t.path)
	if err != nil {
		return err
	}
	entries := make([]known, 0, len(list))
	for _, e := range list {
		k := known{Entry: e}
		sum, err := hex.DecodeString(e.SHA256)
		if err != nil || len(sum) != sha256.Size {
			return fault.New(fault.Invalid, "tokens %s: %s: sha256 is not 64 hex digits", t.path, e.Name)
		}
		copy(k.sum[:], sum)
		if k.scope, err = ParseScope(e.Name, e.Scope); err != nil {
			return fault.New(fault.Invalid, "tokens %s: %s: %w", t.path, e.Name, err)
		}
		entries = append(entries, k)
	}
	t.stamp, t.entries = info, entries
	return nil
}

// List is the file's entries, without secrets.
func List(path string) ([]Entry, error) { return read(path) }

// Add makes a token, keeps its hash in the file and returns the token: the only time that it can be seen.
func Add(path, name, scope string, created, expires time.Time, rights ...Right) (token string, err error) {
	if !namePattern.MatchString(name) {
		return "", fault.New(fault.Usage, "token name: letters, digits, dot, dash and underscore, at most 64")
	}
	if _, err := ParseScope(name, scope); err != nil {
		return "", err
	}
	for _, r := range rights {
		if r != Cases && r != SmallCells {
			return "", fault.New(fault.Usage, "token: no right is called %q", r)
		}
	}
	list, err := read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if slices.ContainsFunc(list, func(e Entry) bool { return e.Name == name }) {
		return "", fault.New(fault.Conflict, "tokens %s: %s is there already; remove it first", path, name)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	token = prefix + base64.RawURLEncoding.EncodeToString(secret)
	sum := sha256.Sum256([]byte(token))
	list = append(list, Entry{
		Name: name, Scope: scope, Cases: slices.Contains(rights, Cases), Small: slices.Contains(rights, SmallCells), SHA256: hex.EncodeToString(sum[:]),
		Created: created.UTC().Truncate(time.Second), Expires: expires.UTC(),
	})
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return token, write(path, list)
}

// Remove takes a token out of the file; a running service refuses it from its next question on.
func Remove(path, name string) error {
	list, err := read(path)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.Name == name })
	if len(rest) == len(list) {
		return fault.New(fault.NotFound, "tokens %s: no token %s", path, name)
	}
	return write(path, rest)
}

var (
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	orgPattern    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	regionPattern = regexp.MustCompile(`^([0-9]{2}){1,6}$`)
)

// ParseScope reads a scope's words: "whole", "org:CODE,CODE", "region:CODE,CODE", or several of them joined by "+".
// "region:CODE@insured" pins the regions to one viewpoint: care, insured or residence.
func ParseScope(name, words string) (queries.Scope, error) {
	var scope queries.Scope
	view := "" // that the regions are pinned to
	for part := range strings.SplitSeq(words, "+") {
		kind, list, _ := strings.Cut(part, ":")
		viewpoint := ""
		pattern := orgPattern
		if kind == "region" {
			pattern = regionPattern
			var pinned bool
			if list, viewpoint, pinned = strings.Cut(list, "@"); pinned && !slices.Contains(api.Viewpoints, viewpoint) {
				return queries.Scope{}, fault.New(fault.Usage, "scope region: after @ one of %s is needed", strings.Join(api.Viewpoints, ", "))
			}
			if view != "" && viewpoint != view {
				return queries.Scope{}, fault.New(fault.Usage, "scope region: all regions of a token look from one viewpoint")
			}
		}
		codes := strings.Split(list, ",")
		switch {
		case part == "whole":
			scope = scope.Union(queries.WholeLake("token " + name))
			continue
		case kind != "org" && kind != "region":
			return queries.Scope{}, fault.New(fault.Usage, "scope: write whole, org:CODE,… or region:CODE,…")
		case slices.ContainsFunc(codes, func(c string) bool { return !pattern.MatchString(c) }):
			return queries.Scope{}, fault.New(fault.Usage, "scope %s: a code is missing or not one of its kind", kind)
		case kind == "org":
			scope = scope.Union(queries.Organisations(codes...))
		default:
			scope, view = scope.Union(queries.Regions(codes...).Pinned(viewpoint)), viewpoint
		}
	}
	return scope, nil
}

func read(path string) ([]Entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, fmt.Errorf("tokens: %w", err))
	}
	var f tokenFile
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, fault.New(fault.Invalid, "tokens %s: %w", path, err)
	}
	return f.Tokens, nil
}

// write replaces the file at once: a reader sees the old list or the new one.
func write(path string, list []Entry) error {
	text, err := yaml.Marshal(tokenFile{Tokens: list})
	if err != nil {
		return fmt.Errorf("tokens %s: %w", path, err)
	}
	text = append([]byte("# Who may ask `sanyi serve`, and for whose rows. Written by `sanyi serve token`; holds hashes, no tokens.\n"), text...)
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("tokens %s: %w", path, err)
	}
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("tokens %s: %w", path, errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}
