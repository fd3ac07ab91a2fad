// Package audit keeps the book of who asked what: one JSON line a question, appended and never changed, each line
// holding the SHA-256 of the line before it, so that a line taken out or altered shows. It holds names, indicators,
// scopes, counts and times; never a figure, a filter's value or a token.
package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Decisions.
const (
	Answered = "answered"
	Refused  = "refused"
	Failed   = "failed"
)

// Entry is one line of the book.
type Entry struct {
	At          time.Time `json:"at"`
	Who         string    `json:"who"`
	Behind      string    `json:"behind,omitempty"` // who the caller says looks at the answer: a claim
	Scope       string    `json:"scope"`
	Door        string    `json:"door"` // http
	From        string    `json:"from"` // address of the caller
	What        string    `json:"what"` // query, cases, case
	Indicators  []string  `json:"indicators,omitempty"`
	Period      string    `json:"period,omitempty"`
	By          []string  `json:"by,omitempty"`
	Filters     []string  `json:"filters,omitempty"` // names of the dimensions, not the values
	Case        string    `json:"case,omitempty"`    // mark of the stay that was looked at, by Log.Mark
	Publication int64     `json:"publication,omitempty"`
	Rows        int       `json:"rows"`
	Suppressed  int       `json:"suppressed,omitempty"`
	SmallCells  bool      `json:"small_cells,omitempty"` // figures of few cases were shown: the token has that right
	Decision    string    `json:"decision"`
	Kind        string    `json:"kind,omitempty"` // kind of the error, where there was one
	ElapsedMS   int64     `json:"elapsed_ms"`
	Prev        string    `json:"prev"` // SHA-256 of the line before; "" in the very first
}

// Log is the book of one lake.
type Log struct {
	dir  string
	salt []byte // of marks
	mu   sync.Mutex
}

// saltFile holds 32 random bytes, by which the marks of stays are made; who has it can tell whether a known stay was
// looked at, who has the book alone cannot try stays out.
const saltFile = ".salt"

// Open opens the book in a folder and makes the folder (0700) where there is none.
func Open(dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	salt, err := saltOf(filepath.Join(dir, saltFile))
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return &Log{dir: dir, salt: salt}, nil
}

// Mark stands for a value in the book without telling it: the same value has the same mark in this book.
func (l *Log) Mark(value string) string {
	m := hmac.New(sha256.New, l.salt)
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// saltOf reads the salt, or makes it; of two that make it at once, the first one's stays.
func saltOf(path string) ([]byte, error) {
	if salt, err := os.ReadFile(path); err == nil && len(salt) == sha256.Size {
		return salt, nil
	} else if err == nil {
		return nil, fault.New(fault.Invalid, "%s: %d bytes, want %d", filepath.Base(path), len(salt), sha256.Size)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".salt-*")
	if err != nil {
		return nil, err
	}
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt)
	_, err = tmp.Write(salt)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		if err = os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err = errors.Join(err, os.Remove(tmp.Name())); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Append writes one line and waits until the disk has it. Several processes may write to one book.
func (l *Log) Append(e Entry) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock, err := os.OpenFile(filepath.Join(l.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fault.New(fault.Unavailable, "audit: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // closing also unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fault.New(fault.Unavailable, "audit: lock: %w", err)
	}
	last, err := l.lastLine()
	if err != nil {
		return err
	}
	if last != nil {
		e.Prev = hash(bytes.TrimSuffix(last, []byte("\n")))
	}
	e.At = e.At.UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if last != nil && !bytes.HasSuffix(last, []byte("\n")) { // a writer died within its line: the stump stays and is counted
		line = append([]byte("\n"), line...)
	}
	path := filepath.Join(l.dir, e.At.Format("2006-01")+".jsonl")
	if stump := last != nil && line[0] == '\n'; stump { // the stump's file ends its own line
		files, err := Files(l.dir)
		if err != nil {
			return err
		}
		path = files[len(files)-1]
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fault.New(fault.Unavailable, "audit: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New(fault.Unavailable, "audit: %w", err)
	}
	return nil
}

// Finding is what Verify saw.
type Finding struct {
	Lines  int
	Stumps int    // lines that a dying writer left unfinished
	Broken string // place of the first line that does not follow from the one before; "" = the chain holds
}

// Verify reads the whole book and follows its chain.
func Verify(dir string) (Finding, error) {
	var found Finding
	files, err := Files(dir)
	if err != nil {
		return found, err
	}
	prev := ""
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return found, fmt.Errorf("audit: %w", err)
		}
		for i, line := range slices.Collect(bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))) {
			found.Lines++
			var e Entry
			if json.Unmarshal(line, &e) != nil {
				found.Stumps++
			} else if e.Prev != prev && found.Broken == "" {
				found.Broken = fmt.Sprintf("%s:%d", filepath.Base(path), i+1)
			}
			prev = hash(line)
		}
	}
	return found, nil
}

// Files are the book's files, oldest first.
func Files(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "????-??.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// lastLine is the last line of the newest file, with its line end where it has one; nil for an empty book.
func (l *Log) lastLine() ([]byte, error) {
	files, err := Files(l.dir)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Backward(files) {
		line, err := tail(path)
		if err != nil {
			return nil, fault.New(fault.Unavailable, "audit: %w", err)
		}
		if line != nil {
			return line, nil
		}
	}
	return nil, nil
}

func tail(path string) (line []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return nil, err
	}
	for window := int64(4096); ; window *= 4 {
		from := max(0, size-window)
		buf := make([]byte, size-from)
		if _, err := f.ReadAt(buf, from); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if i := bytes.LastIndexByte(buf[:len(buf)-1], '\n'); i >= 0 {
			return buf[i+1:], nil
		}
		if from == 0 {
			return buf, nil
		}
	}
}

func hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
