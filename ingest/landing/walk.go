package landing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

const (
	defaultMaxMembers = 1_000_000
	defaultMaxBytes   = 1 << 40
	defaultMaxRatio   = 500
	defaultMaxDepth   = 5
	ratioGrace        = 64 << 20 // unpacked bytes of one stream before its ratio is looked at
)

// walker holds what one Walk has used up of its bounds.
type walker struct {
	ctx     context.Context
	o       Options
	tree    *Tree
	members int
	bytes   int64 // set down on disk so far
	spooled int
}

func newWalk(ctx context.Context, o Options) *walker {
	if o.MaxMembers <= 0 {
		o.MaxMembers = defaultMaxMembers
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxRatio <= 0 {
		o.MaxRatio = defaultMaxRatio
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = defaultMaxDepth
	}
	return &walker{ctx: ctx, o: o, tree: &Tree{}}
}

// argument walks one path of the command line. A link that the caller names himself is followed; links found below
// are not.
func (w *walker) argument(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.NotFound, "%s: %s", path, lang.Pick("没有这个文件或文件夹", "no such file or folder"))
		}
		return fault.Wrap(fault.Unavailable, err)
	}
	if info.IsDir() {
		return w.folder(path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return fault.Wrap(fault.Internal, err)
	}
	return w.file(path, filepath.Base(abs), info)
}

func (w *walker) folder(root string) error {
	leave, err := ignored(root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fault.Wrap(fault.Unavailable, err)
		}
		if err := w.ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return fault.Wrap(fault.Internal, err)
		}
		rel = filepath.ToSlash(rel)
		if path != root && noise(d.Name()) {
			w.skip(rel, "hidden or made by an operating system")
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case d.IsDir():
			return nil
		case matches(leave, rel):
			w.skip(rel, "named in "+IgnoreFile)
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			w.fail(rel, path, time.Time{}, lang.Pick("符号链接不跟随；请放入真实文件", "a symbolic link is not followed; put the file itself here"))
			return nil
		case !d.Type().IsRegular():
			w.skip(rel, "not a regular file")
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return fault.Wrap(fault.Unavailable, err)
		}
		return w.file(path, rel, info)
	})
}

// file takes one file on disk: an archive is unpacked, a pipe is set down first (it can be read once only).
func (w *walker) file(path, rel string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		f, err := os.Open(path)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err)
		}
		defer f.Close()
		spool, n, err := w.spool(f, nil)
		if err != nil {
			return err
		}
		path, info = spool, sized{info, n}
	}
	open := func() (io.ReadCloser, error) { return os.Open(path) }
	return w.entry(entry{rel: rel, disk: path, size: info.Size(), mod: info.ModTime(), open: open, file: path})
}

// entry is one file on its way through the layers of archives.
type entry struct {
	rel   string
	disk  string
	size  int64
	mod   time.Time
	depth int
	file  string // the file whose whole content this is, "" = only a stream
	open  func() (io.ReadCloser, error)
}

// entry unpacks e where its name says that it is an archive, else it is a member.
func (w *walker) entry(e entry) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	kind := kindOf(e.rel)
	if kind != plain && kind != single && e.depth >= w.o.MaxDepth {
		w.fail(e.rel, e.disk, e.mod, fmt.Sprintf(lang.Pick("压缩包嵌套超过 %d 层", "archives lie more than %d deep within each other"), w.o.MaxDepth))
		return nil
	}
	switch kind {
	case archiveZip:
		return w.zip(e)
	case archiveTar:
		return w.tar(e)
	case single:
		return w.single(e)
	}
	return w.member(e, e.rel)
}

func (w *walker) member(e entry, name string) error {
	if w.members++; w.members > w.o.MaxMembers {
		return fault.New(fault.TooLarge, "%s: %s", e.rel, fmt.Sprintf(
			lang.Pick("文件数超过上限 %d", "more than %d files; load fewer at a time"), w.o.MaxMembers))
	}
	w.tree.Members = append(w.tree.Members, &Member{Path: e.rel, Name: name, Disk: e.disk, Size: e.size, ModTime: e.mod, open: e.open})
	return nil
}

// fail lists a member that cannot be read.
func (w *walker) fail(rel, disk string, mod time.Time, why string) {
	w.tree.Members = append(w.tree.Members, &Member{
		Path: rel, Name: rel, Disk: disk, Size: -1, ModTime: mod,
		Err: fault.New(fault.Refused, "%s: %s", rel, why),
	})
}

func (w *walker) skip(rel, why string) {
	w.tree.Skipped = append(w.tree.Skipped, Skipped{Path: rel, Why: why})
}

// spool sets a stream down under Options.Work and says how many bytes it was. seen counts the packed bytes that were
// read for it, nil where there is no ratio to watch.
func (w *walker) spool(r io.Reader, seen func() int64) (string, int64, error) {
	if w.o.Work == "" {
		return "", 0, fault.New(fault.Internal, "landing: no work folder to unpack to")
	}
	w.spooled++
	f, err := os.CreateTemp(w.o.Work, fmt.Sprintf("member-%06d-*", w.spooled)) // CreateTemp makes it 0600
	if err != nil {
		return "", 0, fault.Wrap(fault.Unavailable, err)
	}
	guard := &guard{r: r, w: w, seen: seen}
	n, err := io.Copy(f, guard)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fault.Wrap(fault.Unavailable, cerr)
	}
	if err != nil {
		os.Remove(f.Name())
		return "", n, err
	}
	return f.Name(), n, nil
}

// guard stops a stream that unpacks to too much.
type guard struct {
	r    io.Reader
	w    *walker
	seen func() int64
	n    int64
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.n += int64(n)
	g.w.bytes += int64(n)
	if g.w.bytes > g.w.o.MaxBytes {
		return 0, tooMuch(g.w.o.MaxBytes)
	}
	if g.seen != nil {
		if err := ratio(g.n, g.seen(), g.w.o.MaxRatio); err != nil {
			return 0, err
		}
	}
	return n, err
}

func tooMuch(limit int64) error {
	return fault.New(fault.TooLarge, lang.Pick("解压后超过 %d 字节的上限", "unpacks to more than the limit of %d bytes"), limit)
}

func ratio(unpacked, packed int64, limit float64) error {
	if unpacked > ratioGrace && float64(unpacked) > limit*float64(max(packed, 1)) {
		return fault.New(fault.TooLarge, lang.Pick("解压比超过 %g，疑似压缩炸弹", "unpacks to more than %g times its size: looks like an archive bomb"), limit)
	}
	return nil
}

type sized struct {
	fs.FileInfo
	n int64
}

func (s sized) Size() int64 { return s.n }

// noise is what operating systems and editors leave between the files.
func noise(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX" || slices.Contains([]string{"thumbs.db", "desktop.ini"}, strings.ToLower(name))
}

// safeName is the logical name of an archive's member, or why it must not have one.
func safeName(name string) (clean, why string) {
	name = strings.ReplaceAll(name, `\`, "/") // zips made on old Windows
	switch {
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return "", lang.Pick("文件名编码无法识别", "the name is in no known encoding")
	case strings.HasPrefix(name, "/"), len(name) > 1 && name[1] == ':':
		return "", lang.Pick("压缩包内的文件名是绝对路径", "the name is an absolute path")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", lang.Pick("压缩包内的文件名指向包外", "the name leads out of the archive")
		}
	}
	return strings.TrimPrefix(name, "./"), ""
}
