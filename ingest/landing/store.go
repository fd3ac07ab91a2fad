package landing

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Content is a member being read; it takes the fingerprint as the bytes pass.
type Content struct {
	name string
	r    io.ReadCloser
	h    hash.Hash
	n    int64
	err  error
}

func newContent(name string, r io.ReadCloser) *Content {
	return &Content{name: name, r: r, h: sha256.New()}
}

// Read reads unpacked bytes. A fault names the member and the bytes that came.
func (c *Content) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.h.Write(p[:n])
	c.n += int64(n)
	if err != nil {
		if err != io.EOF { //nolint:errorlint // io.EOF is returned bare by Read.
			err = fmt.Errorf("%s: %w", c.name, err)
		}
		c.err = err
	}
	return n, err
}

// Close ends the reading.
func (c *Content) Close() error { return c.r.Close() }

// Bytes is how many unpacked bytes were read so far.
func (c *Content) Bytes() int64 { return c.n }

// Rest reads what the caller left unread, so that SHA256 is that of the whole content.
func (c *Content) Rest() error {
	if errors.Is(c.err, io.EOF) {
		return nil
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

// SHA256 is the fingerprint of the bytes read so far, in hex: that of the content once Read has returned io.EOF.
func (c *Content) SHA256() string { return hex.EncodeToString(c.h.Sum(nil)) }

// Fingerprint reads the whole member once and gives the SHA-256 and the number of its unpacked bytes.
func (m *Member) Fingerprint() (sum string, size int64, err error) {
	c, err := m.Open()
	if err != nil {
		return "", 0, err
	}
	defer c.Close()
	if err := c.Rest(); err != nil {
		return "", c.n, err
	}
	return c.SHA256(), c.n, nil
}

// Raw is one kept raw file.
type Raw struct {
	SHA256 string // of the file as it arrived, packed or not
	Bytes  int64
	Path   string // below the landing folder: raw/ab/ab12…
	New    bool   // false = the same bytes were there already
}

// Keep stores the file on disk (an archive as it came) once under landing/raw/<first two digits>/<sha256>, readable
// by the owner only. landing is the lake's landing folder. A file that is there already is not written again: likely is
// the fingerprint that the file probably has, "" where nobody knows; with a new file it saves one reading.
func Keep(landing, disk, likely string) (Raw, error) {
	f, err := os.Open(disk)
	if err != nil {
		return Raw{}, fault.Wrap(fault.Unavailable, err)
	}
	defer f.Close()
	if likely != "" {
		if _, err := os.Stat(filepath.Join(landing, rawPath(likely))); errors.Is(err, fs.ErrNotExist) {
			return copyOnce(f, landing)
		}
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Raw{}, fault.Wrap(fault.Unavailable, fmt.Errorf("%s: %w", disk, err))
	}
	sum := hex.EncodeToString(h.Sum(nil))
	raw := Raw{SHA256: sum, Bytes: n, Path: rawPath(sum)}
	if info, err := os.Stat(filepath.Join(landing, raw.Path)); err == nil && info.Size() == n {
		return raw, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Raw{}, fault.Wrap(fault.Unavailable, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Raw{}, fault.Wrap(fault.Unavailable, err)
	}
	kept, err := copyOnce(f, landing)
	if err == nil && kept.SHA256 != sum {
		err = fault.New(fault.Unavailable, "%s changed while it was read; wait until its sender has finished", disk)
	}
	return kept, err
}

func rawPath(sum string) string { return filepath.Join("raw", sum[:2], sum) }

// copyOnce writes f under the fingerprint of what it wrote, whole or not at all.
func copyOnce(f io.Reader, landing string) (raw Raw, err error) {
	defer func() { err = fault.Wrap(fault.Unavailable, err) }()
	if err := os.MkdirAll(filepath.Join(landing, "raw"), 0o700); err != nil {
		return raw, err
	}
	tmp, err := os.CreateTemp(filepath.Join(landing, "raw"), ".part-*")
	if err != nil {
		return raw, err
	}
	defer os.Remove(tmp.Name()) // gone after the rename
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, h), f)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return raw, err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	raw = Raw{SHA256: sum, Bytes: n, Path: rawPath(sum), New: true}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(landing, raw.Path)), 0o700); err != nil {
		return raw, err
	}
	return raw, os.Rename(tmp.Name(), filepath.Join(landing, raw.Path))
}
