package lake

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Algorithms of pseudonyms. SM3 (GB/T 32905-2016) costs about twice the time of SHA-256.
const (
	SHA256 = "sha256"
	SM3    = "sm3"
)

var algorithms = map[string]func() hash.Hash{SHA256: sha256.New, SM3: sm3.New}

// fingerprinted is the constant whose HMAC tells keys apart without giving them away.
const fingerprinted = "sanyi key fingerprint v1"

// Key turns identifiers into pseudonyms. The secret lies in a file outside the lake.
type Key struct {
	ID        string // recorded with what was hashed by it
	Algorithm string // SHA256 or SM3
	secret    []byte
}

// Hasher makes pseudonyms without allocating a new MAC for each; one goroutine at a time.
type Hasher struct {
	mac hash.Hash
	sum []byte
}

// Hasher is a new hasher of this key.
func (k Key) Hasher() *Hasher {
	return &Hasher{mac: hmac.New(algorithms[k.Algorithm], k.secret)}
}

// Pseudonym is the first 128 bits of the HMAC of text, as 22 base64url characters.
func (h *Hasher) Pseudonym(text []byte) string {
	h.mac.Reset()
	h.mac.Write(text)
	h.sum = h.mac.Sum(h.sum[:0])
	var out [22]byte
	base64.RawURLEncoding.Encode(out[:], h.sum[:16])
	return string(out[:])
}

// Number is the person_no of a pseudonym: its first 64 bits. Distinct counts run on it.
func Number(pseudonym string) (int64, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(pseudonym)
	if err != nil || len(raw) < 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(raw)), true //nolint:gosec // the bits are wanted, not the value
}

// Pseudonym is Hasher().Pseudonym for a single text.
func (k Key) Pseudonym(text string) string { return k.Hasher().Pseudonym([]byte(text)) }

func (k Key) fingerprint() string {
	mac := hmac.New(algorithms[k.Algorithm], k.secret)
	mac.Write([]byte(fingerprinted))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Key reads the lake's key: from override, else SANYI_KEY_FILE, else from where sanyi.yaml says. A key that is not the
// lake's is refused, before the first row could be hashed with it.
func (l *Lake) Key(override string) (Key, error) {
	file := override
	if file == "" {
		file = os.Getenv("SANYI_KEY_FILE")
	}
	if file == "" {
		file = l.config.Key.File
		if !filepath.IsAbs(file) {
			file = filepath.Join(l.dir, file)
		}
	}
	secret, err := readKeyFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Key{}, fault.New(fault.NotFound, "key %s of lake %s: no such file; bring it back from its backup, or name it by --key or SANYI_KEY_FILE", l.config.Key.ID, l.dir)
	}
	if err != nil {
		return Key{}, err
	}
	k := Key{ID: l.config.Key.ID, Algorithm: l.config.Key.Algorithm, secret: secret}
	if subtle.ConstantTimeCompare([]byte(k.fingerprint()), []byte(l.config.Key.Fingerprint)) != 1 {
		return Key{}, fault.New(fault.Denied, "key file %s: not the key %s of lake %s (its fingerprint differs); persons would get other pseudonyms, so nothing is read with it", file, k.ID, l.dir)
	}
	return k, nil
}

// readKeyFile reads 256 bits written as 64 hexadecimal digits; lines that begin with # are remarks.
func readKeyFile(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		secret, err := hex.DecodeString(line)
		if err != nil || len(secret) != 32 {
			break
		}
		return secret, nil
	}
	return nil, fault.New(fault.Invalid, "key file %s: wants one line of 64 hexadecimal digits", file)
}

// makeKeyFile writes a new random key; it never overwrites one.
func makeKeyFile(file string) ([]byte, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails since Go 1.24
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("# sanyi pseudonym key: keep it secret, keep a copy apart from the lake\n" + hex.EncodeToString(secret) + "\n")
	return secret, errors.Join(err, f.Sync(), f.Close())
}
