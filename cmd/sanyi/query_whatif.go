//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/schema"
)

// whatIfFlags put another scheme, payment table or parameter set in the place of the lake's for one question.
type whatIfFlags struct {
	scenario cases.Scenario
}

func (f *whatIfFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.scenario.Scheme, "what-if-scheme", "", lang.Pick("假如按此方案分组（编号或文件夹）：只影响本次查询", "as if the stays were grouped by this scheme (id or folder): for this question only"))
	fl.StringVar(&f.scenario.Weights, "what-if-weights", "", lang.Pick("假如用此支付表", "as if this payment table held"))
	fl.StringVar(&f.scenario.Params, "what-if-params", "", lang.Pick("假如按此参数结算", "as if the cases were settled by this parameter file"))
}

func (f *whatIfFlags) asked() bool {
	return f.scenario.Scheme != "" || f.scenario.Weights != "" || f.scenario.Params != ""
}

// open groups and settles the stays of a view by the scenario and returns an engine that shows the result in the place
// of the lake's own tables. Nothing is published; done takes what was written away.
func (f *whatIfFlags) open(ctx context.Context, l *lake.Lake, set *schema.Set, view *lake.View) (e engine.Engine, done func() error, err error) {
	s := f.scenario
	for _, path := range []*string{&s.Weights, &s.Params} {
		if *path != "" {
			if *path, err = filepath.Abs(*path); err != nil {
				return nil, nil, err
			}
		}
	}
	w, err := cases.OpenWhatIf(ctx, l, set, view.Publication().ID)
	if err != nil {
		return nil, nil, err
	}
	r, err := w.Run(ctx, s, "", "")
	if err != nil {
		return nil, nil, first(err, w.Close())
	}
	fmt.Fprintf(os.Stderr, lang.Pick("假设：方案 %s（%.12s），参数 %.12s；%d 例中 %d 例分组不同\n", "what if: scheme %s (%.12s), parameters %.12s; %d cases, %d of them in another group\n"),
		r.Scheme, r.SchemeHash, r.ParamsHash, r.Cases, r.Moved)
	locked, err := duckdb.Open(l, set, duckdb.Options{Connections: 1, Also: []string{w.Dir()}})
	if err != nil {
		return nil, nil, first(err, w.Close())
	}
	return locked.Over(view.With(r.Files)), func() error { return first(locked.Close(), w.Close()) }, nil
}
