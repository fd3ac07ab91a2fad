package lake

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

func TestANewLakeKeepsItsKeyOutside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	l, err := Create(t.Context(), dir, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(dir + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: got %v, %v; want mode 0600", info, err)
	}
	if info, err := os.Stat(l.Landing()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("landing: got %v, %v; want mode 0700", info.Mode(), err)
	}
	k, err := l.Key("")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, k.secret) || bytes.Contains(bytes.ToLower(text), []byte(hexOf(k.secret))) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), dir, CreateOptions{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the same folder again: got %v", err)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func TestAWrongKeyIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	l, err := Create(t.Context(), dir, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other := filepath.Join(t.TempDir(), "other.key")
	if _, err := makeKeyFile(other); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Key(other); fault.KindOf(err) != fault.Denied {
		t.Errorf("another key: got %v", err)
	}
	t.Setenv("SANYI_KEY_FILE", other)
	if _, err := l.Key(""); fault.KindOf(err) != fault.Denied {
		t.Errorf("another key by SANYI_KEY_FILE: got %v", err)
	}
	if _, err := l.Key(dir + ".key"); err != nil {
		t.Errorf("the flag wins over the environment: %v", err)
	}
	t.Setenv("SANYI_KEY_FILE", "")
	if err := os.Rename(dir+".key", dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Key(""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no key: got %v", err)
	}
	if _, err := l.Key(filepath.Join(dir, "sanyi.yaml")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no key file: got %v", err)
	}
}

func TestPseudonymsAreHMACOfTheKeyFile(t *testing.T) {
	// Made by openssl: printf %s "$TEXT" | openssl dgst -sha256 -mac HMAC -macopt hexkey:0001…1f, and the same with -sm3;
	// the first 16 bytes in base64url.
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(i)
	}
	for algorithm, want := range map[string]string{
		SHA256: "EyMGJ-Skuy5GvBw0sehnow",
		SM3:    "uYDvnZGscN8kBUsQacR10Q",
	} {
		k := Key{Algorithm: algorithm, secret: secret}
		h := k.Hasher()
		for range 2 {
			if got := h.Pseudonym([]byte("01|110101199003070000")); got != want {
				t.Errorf("%s: got %s, want %s", algorithm, got, want)
			}
		}
		if n, ok := Number(want); !ok || n == 0 {
			t.Errorf("%s: number %d, %v", algorithm, n, ok)
		}
	}
	if _, ok := Number("not a pseudonym"); ok {
		t.Error("a number of nothing")
	}
}

func TestALakeThatThisProgramDoesNotKnowIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	l, err := Create(t.Context(), dir, CreateOptions{Pseudonym: SM3, Production: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sanyi.yaml")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"newer", "format: 1", "format: 2\nsomething_new: true", "use a newer sanyi"},
		{"no version", "format: 1", "", "no format version"},
		{"unknown key", "production: true", "produce: true", "field produce not found"},
		{"another lake's catalogue", "lake: ", "lake: x", "catalog.db of lake"},
		{"algorithm", "algorithm: sm3", "algorithm: md5", `algorithm "md5"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(string(good), c.from, c.to, 1)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), dir, Options{}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err = Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c := l.Config(); !c.Production || c.Key.Algorithm != SM3 || c.Timezone != "Asia/Shanghai" {
		t.Errorf("config: got %+v", c)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	moved := dir + "2"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), moved, Options{}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "absolute paths") {
		t.Errorf("a moved lake: got %v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "none"), Options{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no lake: got %v", err)
	}
	if _, err := Create(t.Context(), filepath.Join(t.TempDir(), "a%20b"), CreateOptions{}); fault.KindOf(err) != fault.Usage {
		t.Errorf("a path that is no URI: got %v", err)
	}
}
