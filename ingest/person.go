package ingest

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sanyi-lake/sanyi/internal/lake"
)

// Kinds of identifiers that have rules of their own. Any other word is a kind, too: PASSPORT, HKMO, CARD, ….
const (
	kindID      = "ID"      // resident identity card, GB 11643
	kindLocal   = "LOCAL"   // an organisation's own record number
	kindNewborn = "NEWBORN" // always local, never the mother's
	kindValue   = "VALUE"   // a personal number that is no identity card
)

// persons makes pseudonyms: the keyed hash of kind ‖ ":" ‖ normalised identifier. One goroutine at a time.
type persons struct {
	hash *lake.Hasher
	text []byte
}

func newPersons(key lake.Key) *persons { return &persons{hash: key.Hasher()} }

// key is the pseudonym of a person: by identifier where there is a usable one, else by organisation and record number.
func (p *persons) key(kind, id, org, local string) (string, bool) {
	kind = normal(kind)
	if kind == "" {
		kind = kindID
	}
	if kind != kindNewborn {
		if id = usable(kind, id); id != "" {
			return p.of(kind, id), true
		}
	}
	local = normal(local)
	if local == "" {
		return "", false
	}
	if kind != kindNewborn {
		kind = kindLocal
	}
	return p.of(kind, normal(org)+"\x1f"+local), true
}

// value is the pseudonym of any personal number; an identity card number gives the person's key.
func (p *persons) value(text string) (string, bool) {
	if id := usable(kindID, text); id != "" {
		return p.of(kindID, id), true
	}
	text = normal(text)
	if text == "" {
		return "", false
	}
	return p.of(kindValue, text), true
}

func (p *persons) of(kind, id string) string {
	p.text = append(append(append(p.text[:0], kind...), ':'), id...)
	return p.hash.Pseudonym(p.text)
}

// normal is NFKC, upper case, without blanks.
func normal(text string) string {
	plain := true
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	text = norm.NFKC.String(text)
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, text)
}

// nobody are the words that people write where there is no identifier.
var nobody = map[string]bool{
	"-": true, "--": true, "—": true, "——": true, "/": true, "0": true, "无": true, "不详": true, "未知": true, "无身份证": true, "N/A": true, "NA": true,
	"NULL": true, "NONE": true, "UNKNOWN": true,
}

// usable is the normalised identifier, "" where it identifies nobody.
func usable(kind, id string) string {
	id = normal(id)
	if id == "" || nobody[id] {
		return ""
	}
	if kind != kindID {
		return id
	}
	switch {
	case len(id) == 18 && digits(id[:17]) && (digits(id[17:]) || id[17] == 'X'):
	case len(id) == 15 && digits(id):
		id = complete(id)
	default:
		return ""
	}
	if strings.Count(id[:17], id[:1]) == 17 {
		return ""
	}
	return id
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// complete turns the 15 digits of an identity card of the first generation into 18: the century and the check digit of
// GB 11643-1999 (ISO 7064 MOD 11-2).
func complete(id string) string {
	id = id[:6] + "19" + id[6:]
	sum, weight := 0, [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	for i := range 17 {
		sum += int(id[i]-'0') * weight[i]
	}
	return id + string("10X98765432"[sum%11])
}
