package access

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/queries"
)

func TestATokenIsShownOnceAndKeptAsAHash(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	token, err := Add(path, "grafana", "whole", time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), token) || strings.Contains(string(text), strings.TrimPrefix(token, prefix)) {
		t.Errorf("the file holds the token")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v %v, want 0600", info.Mode(), err)
	}
	tokens, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	who, ok, err := tokens.Identify(token)
	if err != nil || !ok || who.Name != "grafana" || !reflect.DeepEqual(who.Scope, queries.WholeLake("token grafana")) {
		t.Errorf("got %+v %t %v, want grafana of the whole lake", who, ok, err)
	}
	if _, ok, _ := tokens.Identify(token + "x"); ok {
		t.Errorf("another token was taken for it")
	}
}

func TestARemovedTokenIsRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	first, err := Add(path, "first", "org:H0001", time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Add(path, "second", "region:340100", time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := tokens.Identify(second); !ok {
		t.Errorf("a token added to the file is not known")
	}
	if err := Remove(path, "first"); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := tokens.Identify(first); ok {
		t.Errorf("a removed token is still known")
	}
}

func TestOnlyATokenThatWasGivenTheRightMaySeeCases(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	plain, err := Add(path, "plain", "whole", time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	coder, err := Add(path, "coder", "org:H0001", time.Now(), time.Time{}, Cases)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Add(path, "other", "whole", time.Now(), time.Time{}, "everything"); fault.KindOf(err) != fault.Usage {
		t.Errorf("a right that is not known: got %v, want a usage error", err)
	}
	tokens, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{plain: false, coder: true} {
		if who, ok, err := tokens.Identify(token); err != nil || !ok || who.Cases != want {
			t.Errorf("%s: got %t %v, want %t", who.Name, who.Cases, err, want)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "cases: true") != 1 {
		t.Errorf("got %s, want the right in the one entry that has it", text)
	}
}

func TestOnlyATokenThatWasGivenTheRightSeesFiguresOfFewCases(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	given := map[string][]Right{"plain": nil, "coder": {Cases}, "quality": {SmallCells}, "head": {Cases, SmallCells}}
	tokens := map[string]string{}
	for name, rights := range given {
		var err error
		if tokens[name], err = Add(path, name, "org:H0001", time.Now(), time.Time{}, rights...); err != nil {
			t.Fatal(err)
		}
	}
	gate, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range tokens {
		who, ok, err := gate.Identify(token)
		if want := slices.Contains(given[name], SmallCells); err != nil || !ok || who.SmallCells != want || who.Cases != slices.Contains(given[name], Cases) {
			t.Errorf("%s: got %+v %v, want small cells %t", name, who, err, want)
		}
	}
	list, err := List(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if !slices.Equal(e.Rights(), given[e.Name]) {
			t.Errorf("%s: the list says %v, want %v", e.Name, e.Rights(), given[e.Name])
		}
	}
}

func TestATokenExpires(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	token, err := Add(path, "guest", "whole", end.AddDate(0, -1, 0), end)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want bool
	}{{end.Add(-time.Second), true}, {end, false}} {
		tokens.now = func() time.Time { return c.at }
		if _, ok, _ := tokens.Identify(token); ok != c.want {
			t.Errorf("at %s: got %t, want %t", c.at, ok, c.want)
		}
	}
}

func TestAFileThatOthersCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if _, err := Add(path, "grafana", "whole", time.Now(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v, want a refusal that says what to do", err)
	}
}

func TestScopeWords(t *testing.T) {
	for words, want := range map[string]queries.Scope{
		"org:H0001,H0002":         queries.Organisations("H0001", "H0002"),
		"region:340100":           queries.Regions("340100"),
		"region:340100@insured":   queries.Regions("340100").Pinned("insured"),
		"org:H0001+region:340100": queries.Organisations("H0001").Union(queries.Regions("340100")),
	} {
		if got, err := ParseScope("x", words); err != nil || !reflect.DeepEqual(got, (queries.Scope{}).Union(want)) {
			t.Errorf("%s: got %+v %v, want %+v", words, got, err, want)
		}
	}
	for _, words := range []string{"", "all", "org:", "org:a b", "org:H1,", "region:34010", "region:x", "whole,org:H1", "org:' or 1=1", "region:340100@", "region:340100@care,3402", "org:H1@care", "region:3401@care+region:3402@insured"} {
		if got, err := ParseScope("x", words); err == nil || !reflect.DeepEqual(got, queries.Scope{}) {
			t.Errorf("%q: got %+v %v, want an error and the empty scope", words, got, err)
		}
	}
}
