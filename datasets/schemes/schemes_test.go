package schemes_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/sharedtest"
)

func TestTheNationalTablesLoadWithin200Milliseconds(t *testing.T) {
	dir := sharedtest.File(t, "domain", "drg-data", "chs_drg_11")
	begin := time.Now()
	s, err := schemes.Read(os.DirFS(dir), "chs_drg_11")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("read in %v", time.Since(begin))
	groups := 0
	for _, m := range s.MDCs() {
		for _, a := range m.ADRGs {
			groups += len(a.DRGs)
		}
	}
	if len(s.MDCs()) != 26 || groups != 628 {
		t.Errorf("got %d MDCs and %d groups, want 26 and 628", len(s.MDCs()), groups)
	}
}

func TestZhejiangIsRefusedForItsMissingConditionsAndEmptyLists(t *testing.T) {
	dir := sharedtest.File(t, "domain", "drg-data", "zhejiang_2022")
	_, err := schemes.Read(os.DirFS(dir), "zhejiang_2022")
	if err == nil {
		t.Fatal("read without a fault, but 11 conditions are missing")
	}
	missing, empty := 0, 0
	for l := range strings.SplitSeq(err.Error(), "\n") {
		switch {
		case strings.HasPrefix(l, "zhejiang_2022/drg.csv:") && strings.Contains(l, "condition is missing"):
			missing++
		case strings.HasPrefix(l, "zhejiang_2022/adrg.csv:") && strings.Contains(l, "the list of POP(1) is empty"):
			empty++
		default:
			t.Errorf("unexpected fault: %s", l)
		}
	}
	if missing != 11 || empty != 2 {
		t.Errorf("got %d missing conditions and %d empty lists, want 11 and 2 (DA1, RB1)", missing, empty)
	}
}

func TestTheShippedSchemesRead(t *testing.T) {
	entries, err := schemes.Library(nil).List()
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Fatalf("got %d shipped schemes, want 2", len(entries))
	}
	for _, e := range entries {
		if e.Fault != "" || e.Groups < 50 {
			t.Errorf("%s: %d groups, fault %q", e.ID, e.Groups, e.Fault)
		}
	}
}
