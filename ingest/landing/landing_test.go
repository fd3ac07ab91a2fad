package landing_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/sanyi-lake/sanyi/ingest/landing"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

// file is one file to be packed, in order.
type file struct{ name, content string }

func zipOf(t *testing.T, files ...file) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if strings.HasPrefix(f.content, "->") {
			h.SetMode(os.ModeSymlink | 0o777)
		}
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(out, f.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarOf(t *testing.T, files ...file) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.content))}
		if link, ok := strings.CutPrefix(f.content, "->"); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, link, 0
			f.content = ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, f.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func xzOf(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func write(t *testing.T, dir string, files ...file) string {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// walk lists what came out: name = content, or name ! error.
func walk(t *testing.T, o landing.Options, paths ...string) []string {
	t.Helper()
	if o.Work == "" {
		o.Work = t.TempDir()
	}
	tree, err := landing.Walk(t.Context(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range tree.Members {
		out = append(out, m.Path+content(m))
	}
	return out
}

func content(m *landing.Member) string {
	c, err := m.Open()
	if err != nil {
		return " ! " + err.Error()
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		return " ! " + err.Error()
	}
	return " = " + string(b)
}

func TestWalkUnpacksWhatArrives(t *testing.T) {
	inner := zipOf(t, file{"b/two.csv", "2"}, file{"three.csv.gz", gz("3")})
	dir := write(t, t.TempDir(),
		file{"one.csv", "1"}, file{"night/four.csv.gz", gz("4")}, file{"night/five.csv.xz", xzOf(t, "5")},
		file{"pack.zip", zipOf(t, file{"inner.zip", inner}, file{"d/", ""}, file{`win\six.csv`, "6"})},
		file{"pack.tar.xz", xzOf(t, tarOf(t, file{"seven.csv", "7"}, file{"./eight.csv", "8"}, file{"inner.zip", inner}))},
		file{"pack.tgz", gz(tarOf(t, file{"nine.csv", "9"}))},
		file{".DS_Store", "x"}, file{"__MACOSX/one.csv", "x"}, file{".git/config", "x"}, file{"Thumbs.db", "x"})
	want := []string{
		"night/five.csv.xz = 5", "night/four.csv.gz = 4", "one.csv = 1",
		"pack.tar.xz/seven.csv = 7", "pack.tar.xz/eight.csv = 8", "pack.tar.xz/inner.zip/b/two.csv = 2", "pack.tar.xz/inner.zip/three.csv.gz = 3",
		"pack.tgz/nine.csv = 9",
		"pack.zip/inner.zip/b/two.csv = 2", "pack.zip/inner.zip/three.csv.gz = 3", "pack.zip/win/six.csv = 6",
	}
	if got := walk(t, landing.Options{}, dir); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := walk(t, landing.Options{}, filepath.Join(dir, "one.csv"), filepath.Join(dir, "pack.tgz")), []string{"one.csv = 1", "pack.tgz/nine.csv = 9"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMembersHaveNamesAndFingerprints(t *testing.T) {
	dir := write(t, t.TempDir(), file{"a/x.csv.gz", gz("abc")}, file{"a/y.csv", "abc"})
	tree, err := landing.Walk(t.Context(), []string{dir}, landing.Options{Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a/x.csv", "a/y.csv"} {
		m := tree.Members[i]
		sum, n, err := m.Fingerprint()
		if err != nil || m.Name != name || n != 3 || sum != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
			t.Errorf("%s: %s %d %v", m.Name, sum, n, err)
		}
	}
}

func TestChineseZipNames(t *testing.T) {
	name, _ := simplifiedchinese.GB18030.NewEncoder().String("病案首页.csv")
	dir := write(t, t.TempDir(), file{"n.zip", zipOf(t, file{name, "1"})})
	if got, want := walk(t, landing.Options{}, dir), []string{"n.zip/病案首页.csv = 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHostileArchivesAreMembersWithAnError(t *testing.T) {
	for _, c := range []struct {
		name  string
		file  func(t *testing.T) file
		o     landing.Options
		wants []string // parts of each line
	}{
		{"a name that leads out of a zip", func(t *testing.T) file {
			t.Helper()
			return file{"x.zip", zipOf(t, file{"../../etc/evil.csv", "1"}, file{"ok.csv", "2"}, file{"/abs.csv", "3"}, file{`..\w.csv`, "4"})}
		}, landing.Options{}, []string{"x.zip/evil.csv ! ", "x.zip/ok.csv = 2", "x.zip/abs.csv ! ", "x.zip/w.csv ! "}},
		{"a name that leads out of a tar", func(t *testing.T) file {
			t.Helper()
			return file{"x.tar", tarOf(t, file{"a/../../evil.csv", "1"}, file{"ok.csv", "2"})}
		}, landing.Options{}, []string{"leads out of the archive", "x.tar/ok.csv = 2"}},
		{"links", func(t *testing.T) file {
			t.Helper()
			return file{"x.tar", tarOf(t, file{"l.csv", "->/etc/passwd"}, file{"ok.csv", "2"})}
		}, landing.Options{}, []string{"x.tar/l.csv ! x.tar/l.csv: a link", "= 2"}},
		{"links in a zip", func(t *testing.T) file {
			t.Helper()
			return file{"x.zip", zipOf(t, file{"l.csv", "->/etc/passwd"})}
		}, landing.Options{}, []string{"a link"}},
		{"a truncated gz", func(*testing.T) file { return file{"x.csv.gz", cut(gz(noise(100_000)))} }, landing.Options{}, []string{"x.csv.gz: the compressed file is cut off"}},
		{"a truncated xz", func(t *testing.T) file {
			t.Helper()
			return file{"x.csv.xz", cut(xzOf(t, noise(100_000)))}
		}, landing.Options{}, []string{"x.csv.xz: the compressed file is cut off"}},
		{"a truncated tar.gz", func(t *testing.T) file {
			t.Helper()
			return file{"x.tar.gz", cut(gz(tarOf(t, file{"ok.csv", "1"}, file{"big.csv", noise(100_000)})))}
		}, landing.Options{}, []string{"x.tar.gz/ok.csv = 1", "x.tar.gz/big.csv ! x.tar.gz/big.csv: the compressed file is cut off: it broke after "}},
		{"a truncated zip", func(t *testing.T) file {
			t.Helper()
			return file{"x.zip", cut(zipOf(t, file{"a.csv", noise(1000)}))}
		}, landing.Options{}, []string{"x.zip ! x.zip: the compressed file is damaged"}},
		{"no gz at all", func(*testing.T) file { return file{"x.csv.gz", "<html><body>not found</body></html>"} }, landing.Options{}, []string{"x.csv.gz: the compressed file is damaged"}},
		{"a spoilt zip member", func(t *testing.T) file {
			t.Helper()
			return file{"x.zip", strings.Replace(zipStored(t, "a.csv", "content"), "content", "c0ntent", 1)}
		}, landing.Options{}, []string{"x.zip/a.csv: the compressed file is damaged"}},
		{"a bomb", func(*testing.T) file { return file{"x.csv.gz", gz(strings.Repeat("0", 70<<20))} }, landing.Options{MaxRatio: 100}, []string{"more than 100 times its size"}},
		{"too many bytes", func(*testing.T) file { return file{"x.csv.gz", gz(strings.Repeat("0", 5000))} }, landing.Options{MaxBytes: 4000}, []string{"more than the limit of 4000 bytes"}},
		{"too deep", func(t *testing.T) file {
			t.Helper()
			return file{"x.zip", zipOf(t, file{"y.zip", zipOf(t, file{"z.zip", zipOf(t, file{"a.csv", "1"})})})}
		}, landing.Options{MaxDepth: 2}, []string{"more than 2 deep"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("SANYI_LANG", "en")
			outside := t.TempDir()
			work := filepath.Join(outside, "a", "b", "work")
			if err := os.MkdirAll(work, 0o700); err != nil {
				t.Fatal(err)
			}
			c.o.Work = work
			got := walk(t, c.o, write(t, t.TempDir(), c.file(t)))
			if len(got) != len(c.wants) {
				t.Fatalf("got %d members, want %d: %.300q", len(got), len(c.wants), got)
			}
			for i, want := range c.wants {
				if !strings.Contains(got[i], want) {
					t.Errorf("member %d: %.300q, want %q", i, got[i], want)
				}
			}
			filepath.WalkDir(outside, func(path string, d os.DirEntry, _ error) error {
				if d != nil && !d.IsDir() && filepath.Dir(path) != work {
					t.Errorf("%s was written outside the work folder", path)
				}
				return nil
			})
		})
	}
}

func zipStored(t *testing.T, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	out, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(out, content)
	w.Close()
	return b.String()
}

func cut(s string) string { return s[:len(s)/2] }

// noise does not compress.
func noise(n int) string {
	x, b := uint32(1), make([]byte, n)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

func TestWalkStopsAtTooManyMembers(t *testing.T) {
	var files []file
	for i := range 20 {
		files = append(files, file{fmt.Sprintf("%d.csv", i), "x"})
	}
	dir := write(t, t.TempDir(), file{"x.zip", zipOf(t, files...)})
	_, err := landing.Walk(t.Context(), []string{dir}, landing.Options{Work: t.TempDir(), MaxMembers: 10})
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("err %v, want kind TooLarge", err)
	}
}

func TestLinksInFoldersAreNotFollowed(t *testing.T) {
	dir := write(t, t.TempDir(), file{"a.csv", "1"})
	secret := filepath.Join(write(t, t.TempDir(), file{"secret.csv", "s"}), "secret.csv")
	if err := os.Symlink(secret, filepath.Join(dir, "b.csv")); err != nil {
		t.Fatal(err)
	}
	got := walk(t, landing.Options{}, dir)
	if len(got) != 2 || !strings.Contains(got[1], "b.csv ! b.csv: ") || strings.Contains(got[1], "= s") {
		t.Errorf("got %q", got)
	}
}

func TestWalkOfNothingSaysSo(t *testing.T) {
	_, err := landing.Walk(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, landing.Options{})
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("err %v, want kind NotFound", err)
	}
}

func TestTruncatedFileSaysHowManyBytesCame(t *testing.T) {
	dir := write(t, t.TempDir(), file{"x.csv.gz", cut(gz(noise(100_000)))})
	tree, err := landing.Walk(t.Context(), []string{dir}, landing.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := tree.Members[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, err := io.Copy(io.Discard, c)
	var d *landing.DamagedError
	if !errors.As(err, &d) || d.Bytes != n || n == 0 || fault.KindOf(err) != fault.Refused {
		t.Errorf("err %v after %d bytes", err, n)
	}
}

func TestKeepStoresRawFilesOnceAndPrivately(t *testing.T) {
	lake := t.TempDir()
	path := filepath.Join(write(t, t.TempDir(), file{"x.csv", "abc"}), "x.csv")
	first, err := landing.Keep(lake, path, "")
	if err != nil || !first.New || first.Bytes != 3 || first.Path != filepath.Join("raw", "ba", first.SHA256) {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := landing.Keep(lake, path, first.SHA256)
	if err != nil || again.New || again.SHA256 != first.SHA256 {
		t.Fatalf("%+v %v", again, err)
	}
	other := filepath.Join(write(t, t.TempDir(), file{"y.csv", "abcd"}), "y.csv")
	if kept, err := landing.Keep(lake, other, strings.Repeat("0", 64)); err != nil || !kept.New || kept.Bytes != 4 || !strings.HasPrefix(kept.SHA256, "88d4266f") {
		t.Fatalf("a file that is not what it was thought to be: %+v %v", kept, err)
	}
	info, err := os.Stat(filepath.Join(lake, first.Path))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v, want 0600", info.Mode(), err)
	}
	entries, _ := os.ReadDir(filepath.Join(lake, "raw", "ba"))
	if len(entries) != 1 {
		t.Errorf("%d files are left, want 1", len(entries))
	}
}
