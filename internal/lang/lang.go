// Package lang picks the language that the command line speaks to a person: Chinese or English. Logs are English
// always; titles of data come in both languages from their definitions.
package lang

import (
	"os"
	"strings"
)

// Language is one of the two languages of the product.
type Language int

// The languages.
const (
	EN Language = iota
	ZH
)

// Of reads SANYI_LANG, then LC_ALL, LC_MESSAGES and LANG; zh… is Chinese, all else English.
func Of() Language {
	for _, name := range []string{"SANYI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "zh") {
				return ZH
			}
			return EN
		}
	}
	return EN
}

// Pick gives the text of the language in force.
func Pick(zh, en string) string { return Of().Pick(zh, en) }

// Pick gives the text of this language; where the Chinese text is missing the English one stands in, and the other
// way round.
func (l Language) Pick(zh, en string) string {
	if (l == ZH && zh != "") || en == "" {
		return zh
	}
	return en
}
