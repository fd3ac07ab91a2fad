package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/sanyi-lake/sanyi/internal/lake"
)

// testKey is a lake's key and its secret.
func testKey(t *testing.T) (lake.Key, []byte) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lake")
	l, err := lake.Create(t.Context(), dir, lake.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	key, err := l.Key("")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + ".key")
	if err != nil {
		t.Fatal(err)
	}
	var secret []byte
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			if _, err := fmt.Sscanf(strings.TrimSpace(line), "%x", &secret); err != nil {
				t.Fatal(err)
			}
		}
	}
	return key, secret
}

// plainKey is the pseudonym once more, as the design words it, by other means: no shared code with persons.
func plainKey(secret []byte, kind, id, org, local string) string {
	squeeze := func(s string) string {
		return strings.ToUpper(strings.Join(strings.Fields(norm.NFKC.String(s)), ""))
	}
	var text string
	id = squeeze(id)
	if kind == "ID" && len(id) == 15 {
		long := id[:6] + "19" + id[6:]
		weight, sum := 1, 0
		for i := 16; i >= 0; i-- { // from the right: 2, 4, 8, 5, 10, … are the powers of 2 modulo 11
			weight = weight * 2 % 11
			sum += weight * int(long[i]-'0')
		}
		id = long + []string{"1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"}[sum%11]
	}
	switch {
	case kind == "NEWBORN" && squeeze(local) == "":
		return ""
	case kind == "NEWBORN":
		text = "NEWBORN:" + squeeze(org) + "\x1f" + squeeze(local)
	case id != "" && (kind != "ID" || len(id) == 18):
		text = kind + ":" + id
	case local != "":
		text = "LOCAL:" + squeeze(org) + "\x1f" + squeeze(local)
	default:
		return ""
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

func TestPseudonymsEqualAPlainImplementation(t *testing.T) {
	key, secret := testKey(t)
	p := newPersons(key)
	rng := rand.New(rand.NewPCG(1, 2))
	number := func(n int) string {
		var b strings.Builder
		b.WriteByte(byte('1' + rng.IntN(9)))
		for range n - 1 {
			b.WriteByte(byte('0' + rng.IntN(10)))
		}
		return b.String()
	}
	full := strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "X", "Ｘ")
	for range 5000 {
		kind := []string{"ID", "ID", "ID", "PASSPORT", "CARD", "NEWBORN"}[rng.IntN(6)]
		var id string
		switch rng.IntN(5) {
		case 0:
		case 1:
			id = number(15)
		case 2:
			id = number(17) + []string{"X", "x", "3"}[rng.IntN(3)]
		case 3:
			id = full.Replace(" " + number(18) + "　")
		default:
			id = number(17) + "0"
		}
		org, local := "H"+number(3), []string{"", number(6), " z" + number(4)}[rng.IntN(3)]
		got, ok := p.key(kind, id, org, local)
		want := plainKey(secret, kind, id, org, local)
		if got != want || ok != (want != "") {
			t.Fatalf("kind %s, id of %d characters, local of %d: got %q, want %q", kind, len(id), len(local), got, want)
		}
	}
}

func TestPersonsAreJoinedAndNeverWrongly(t *testing.T) {
	key, _ := testKey(t)
	p := newPersons(key)
	of := func(kind, id, org, local string) string {
		k, _ := p.key(kind, id, org, local)
		return k
	}
	if of("ID", "110101900307001", "A", "1") != of("id", "１１０１０１１９９００３０７００１１", "B", "2") {
		t.Error("15 digits and 18, in another width, from another hospital: two persons, want one")
	}
	mother := of("ID", "110101199003070011", "A", "1")
	if of("NEWBORN", "110101199003070011", "A", "2") == mother || of("NEWBORN", "110101199003070011", "A", "1") == of("ID", "", "A", "1") {
		t.Error("a newborn with the mother's number was joined to her")
	}
	if of("ID", "不详", "A", "1") == of("ID", "不详", "B", "1") || of("ID", "111111111111111111", "A", "1") != of("ID", "", "A", "1") {
		t.Error("a word for nobody counts as an identifier")
	}
	if v, _ := p.value("110101199003070011"); v != mother {
		t.Error("an identity card number under --table gives another key than in a source")
	}
	if len(mother) != 22 {
		t.Errorf("pseudonym has %d characters, want 22", len(mother))
	}
}
