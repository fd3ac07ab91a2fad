package lang

import "testing"

func TestSanyiLangWinsOverLocale(t *testing.T) {
	for _, c := range []struct {
		sanyi, lcAll, lang string
		want               Language
	}{
		{"", "", "zh_CN.UTF-8", ZH},
		{"", "", "C.UTF-8", EN},
		{"zh-CN", "en_US.UTF-8", "en_US.UTF-8", ZH},
		{"en", "", "zh_CN.UTF-8", EN},
		{"", "", "", EN},
	} {
		t.Setenv("SANYI_LANG", c.sanyi)
		t.Setenv("LC_ALL", c.lcAll)
		t.Setenv("LC_MESSAGES", "")
		t.Setenv("LANG", c.lang)
		if got := Of(); got != c.want {
			t.Errorf("SANYI_LANG=%q LC_ALL=%q LANG=%q: got %v, want %v", c.sanyi, c.lcAll, c.lang, got, c.want)
		}
	}
}

func TestMissingTextFallsBackToTheOther(t *testing.T) {
	if got := ZH.Pick("", "visits"); got != "visits" {
		t.Errorf("got %q, want visits", got)
	}
	if got := EN.Pick("人次", ""); got != "人次" {
		t.Errorf("got %q, want 人次", got)
	}
}
