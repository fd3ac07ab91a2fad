package landing

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// What a file's name says about its layers.
const (
	plain      = iota
	single     // one compressed file: x.csv.gz
	archiveTar // x.tar, x.tar.gz, x.tgz …
	archiveZip
)

// packings are the compressions of one stream, by suffix.
var packings = []struct {
	suffix, tar string
	open        func(io.Reader) (io.Reader, error)
}{
	{".gz", ".tgz", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{".xz", ".txz", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{".bz2", ".tbz2", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{".zst", ".tzst", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }},
}

func kindOf(name string) int {
	lower := strings.ToLower(name)
	switch {
	case strings.HasSuffix(lower, ".zip"):
		return archiveZip
	case strings.HasSuffix(lower, ".tar"):
		return archiveTar
	}
	for _, p := range packings {
		if strings.HasSuffix(lower, ".tar"+p.suffix) || strings.HasSuffix(lower, p.tar) {
			return archiveTar
		}
		if strings.HasSuffix(lower, p.suffix) {
			return single
		}
	}
	return plain
}

// unpack opens the compression that name's suffix says; a plain .tar passes as it is.
func unpack(name string, r io.Reader) (io.Reader, error) {
	lower := strings.ToLower(name)
	for _, p := range packings {
		if strings.HasSuffix(lower, p.suffix) || strings.HasSuffix(lower, p.tar) {
			return p.open(r)
		}
	}
	return r, nil
}

// single is one compressed file: opened again and again, never set down.
func (w *walker) single(e entry) error {
	name := e.rel[:strings.LastIndexByte(e.rel, '.')]
	packed := e.open
	limit := w.o
	e.size = -1
	e.open = func() (io.ReadCloser, error) {
		f, err := packed()
		if err != nil {
			return nil, err
		}
		count := &counter{r: f}
		r, err := unpack(e.rel, count)
		if err != nil {
			f.Close()
			return nil, damaged(0, err)
		}
		return &unpacked{r: r, file: f, in: count, limit: limit}, nil
	}
	return w.member(e, name)
}

// unpacked is the content of one compressed stream, with its bounds watched.
type unpacked struct {
	r     io.Reader
	file  io.Closer
	in    *counter
	n     int64
	limit Options
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.n += int64(n)
	switch {
	case u.n > u.limit.MaxBytes:
		return 0, tooMuch(u.limit.MaxBytes)
	case err != nil && err != io.EOF: // Read returns io.EOF bare
		return n, damaged(u.n, err)
	}
	if rerr := ratio(u.n, u.in.n, u.limit.MaxRatio); rerr != nil {
		return 0, rerr
	}
	return n, err
}

func (u *unpacked) Close() error {
	if z, ok := u.r.(*zstd.Decoder); ok {
		z.Close()
	}
	return u.file.Close()
}

// tar sets each member down: a tar can be read in one direction only.
func (w *walker) tar(e entry) error {
	f, err := e.open()
	if err != nil {
		return fault.Wrap(fault.Unavailable, err)
	}
	defer f.Close()
	count := &counter{r: f}
	r, err := unpack(e.rel, count)
	if err != nil {
		w.broken(e, "", damaged(0, err))
		return nil
	}
	if z, ok := r.(*zstd.Decoder); ok {
		defer z.Close()
	}
	out := &counter{r: r}
	t := tar.NewReader(out)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return w.tarEnd(e, out)
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			w.broken(e, "", damaged(out.n, err))
			return nil
		}
		if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		inner := w.inner(e, h.Name)
		if inner == nil {
			continue
		}
		if h.Typeflag != tar.TypeReg {
			w.fail(inner.rel, e.disk, h.ModTime, lang.Pick("压缩包内的链接或特殊文件不读取", "a link or special file inside an archive is not read"))
			continue
		}
		// The packed size is of the whole archive up to here: the ratio of the stream is what counts.
		before := out.n
		file, n, err := w.spool(t, func() int64 { return max(count.n, (out.n-before)/int64(w.o.MaxRatio)) })
		if err != nil {
			if fault.KindOf(err) == fault.TooLarge || fault.KindOf(err) == fault.Unavailable {
				return fmt.Errorf("%s: %w", inner.rel, err)
			}
			w.broken(e, inner.rel, damaged(n, err))
			return nil
		}
		inner.size, inner.mod, inner.file = n, h.ModTime, file
		inner.open = func() (io.ReadCloser, error) { return os.Open(file) }
		if err := w.entry(*inner); err != nil {
			return err
		}
	}
}

// tarEnd reads what follows the end mark, so that a compressed stream cut inside its last bytes is noticed.
func (w *walker) tarEnd(e entry, out *counter) error {
	if _, err := io.Copy(io.Discard, out); err != nil {
		w.broken(e, "", damaged(out.n, err))
	}
	return nil
}

func (w *walker) zip(e entry) error {
	file := e.file
	if file == "" { // a zip inside a gz: zips want random access
		r, err := e.open()
		if err != nil {
			return fault.Wrap(fault.Unavailable, err)
		}
		defer r.Close()
		if file, _, err = w.spool(r, nil); err != nil {
			return err
		}
	}
	z, err := zip.OpenReader(file)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if errors.Is(err, fs.ErrPermission) {
			return fault.Wrap(fault.Unavailable, err)
		}
		w.broken(e, "", damaged(e.size, err))
		return nil
	}
	defer z.Close()
	for i, f := range z.File {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if f.FileInfo().IsDir() || strings.HasSuffix(f.Name, `\`) {
			continue
		}
		inner := w.inner(e, zipName(f))
		if inner == nil {
			continue
		}
		inner.size, inner.mod = int64(f.UncompressedSize64), f.Modified //nolint:gosec // a size on disk.
		switch {
		case f.Flags&1 != 0:
			w.fail(inner.rel, e.disk, inner.mod, lang.Pick("压缩包已加密；请提供未加密的文件", "the archive is encrypted; send it without a password"))
			continue
		case !f.Mode().IsRegular():
			w.fail(inner.rel, e.disk, inner.mod, lang.Pick("压缩包内的链接或特殊文件不读取", "a link or special file inside an archive is not read"))
			continue
		}
		limit := w.o
		inner.open = func() (io.ReadCloser, error) { return openZipped(file, i, limit) }
		if kind := kindOf(inner.rel); kind == archiveZip { // zips want random access
			r, err := inner.open()
			if err != nil {
				w.broken(*inner, "", err)
				continue
			}
			spooled, n, err := w.spool(r, nil)
			r.Close()
			if err != nil {
				if fault.KindOf(err) == fault.TooLarge || fault.KindOf(err) == fault.Unavailable {
					return fmt.Errorf("%s: %w", inner.rel, err)
				}
				w.broken(*inner, "", err)
				continue
			}
			inner.file, inner.size = spooled, n
		}
		if err := w.entry(*inner); err != nil {
			return err
		}
	}
	return nil
}

func openZipped(file string, i int, limit Options) (io.ReadCloser, error) {
	z, err := zip.OpenReader(file)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	f := z.File[i]
	r, err := f.Open()
	if err != nil {
		z.Close()
		return nil, damaged(0, err)
	}
	packed := &counter{n: int64(f.CompressedSize64)} //nolint:gosec // a size on disk.
	return &unpacked{r: r, file: closers{r, z}, in: packed, limit: limit}, nil
}

// inner is the entry for a member of e, nil where it is noise or must not have its name.
func (w *walker) inner(e entry, name string) *entry {
	clean, why := safeName(name)
	if why != "" {
		w.fail(e.rel+"/"+strings.ToValidUTF8(path.Base(strings.ReplaceAll(name, `\`, "/")), "?"), e.disk, e.mod, why)
		return nil
	}
	rel := e.rel + "/" + clean
	for part := range strings.SplitSeq(clean, "/") {
		if noise(part) {
			w.skip(rel, "hidden or made by an operating system")
			return nil
		}
	}
	return &entry{rel: rel, disk: e.disk, depth: e.depth + 1}
}

// broken lists an archive, or the member in which it broke, as unreadable.
func (w *walker) broken(e entry, member string, err error) {
	if member == "" {
		member = e.rel
	}
	w.tree.Members = append(w.tree.Members, &Member{
		Path: member, Name: member, Disk: e.disk, Size: -1, ModTime: e.mod,
		Err: fault.Wrap(fault.Refused, fmt.Errorf("%s: %w", member, err)),
	})
}

// DamagedError is the error of an archive or compressed file that is cut off or spoilt.
type DamagedError struct {
	Bytes int64 // unpacked bytes that came before the fault
	Err   error
}

func (d *DamagedError) Error() string {
	cause := lang.Pick("已损坏", "is damaged")
	if errors.Is(d.Err, io.ErrUnexpectedEOF) || errors.Is(d.Err, io.EOF) {
		cause = lang.Pick("被截断", "is cut off")
	}
	return fmt.Sprintf(lang.Pick("压缩文件%s：解压出 %d 字节后中断（%v）；请重新传送", "the compressed file %s: it broke after %d unpacked bytes (%v); send it again"), cause, d.Bytes, d.Err)
}

func (d *DamagedError) Unwrap() error { return d.Err }

func damaged(n int64, err error) error {
	var d *DamagedError
	if errors.As(err, &d) || fault.KindOf(err) != fault.Internal {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fault.Wrap(fault.Refused, &DamagedError{Bytes: n, Err: err})
}

// zipName is the member's name in UTF-8. Zips made on Chinese Windows carry GBK names without saying so.
func zipName(f *zip.File) string {
	if utf8.ValidString(f.Name) {
		return f.Name
	}
	if s, err := simplifiedchinese.GB18030.NewDecoder().String(f.Name); err == nil && !strings.ContainsRune(s, utf8.RuneError) {
		return s
	}
	return f.Name
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

type closers []io.Closer

func (c closers) Close() error {
	var all error
	for _, one := range c {
		all = errors.Join(all, one.Close())
	}
	return all
}
