//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/engine"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/queries"
	"github.com/sanyi-lake/sanyi/schema"
)

// whatIfFlags put another scheme, payment table or parameter set in the place of the lake's for one question.
type whatIfFlags struct {
	scenario cases.Scenario
	mix      string
}

func (f *whatIfFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.scenario.Scheme, "what-if-scheme", "", lang.Pick("假如按此方案分组（编号，或文件夹如 ./mine）：只影响本次查询", "as if the stays were grouped by this scheme (id, or folder as ./mine): for this question only"))
	fl.StringVar(&f.scenario.Weights, "what-if-weights", "", lang.Pick("假如用此支付表", "as if this payment table held"))
	fl.StringVar(&f.scenario.Params, "what-if-params", "", lang.Pick("假如按此参数结算", "as if the cases were settled by this parameter file"))
	fl.StringVar(&f.mix, "what-if-mix", "", lang.Pick("假如病例结构如此（CSV：org_code,group_code,cases，每个结算期的出院例数）", "as if hospitals had these numbers of discharges in each span of settlement (CSV: org_code,group_code,cases)"))
}

func (f *whatIfFlags) asked() bool {
	return f.scenario.Scheme != "" || f.scenario.Weights != "" || f.scenario.Params != "" || f.mix != ""
}

// allowed refuses questions that the scenario's rows have no answer to: they are the current ones, of one method.
func (f *whatIfFlags) allowed(scheme, params string) error {
	switch {
	case f.asked() && scheme != "":
		return fault.New(fault.Usage, "--scheme %s counts cases that the lake has grouped, and a what-if has those of its own scenario: name the scheme with --what-if-scheme, and leave --scheme away", scheme)
	case f.scenario.Params != "" && params != "":
		return fault.New(fault.Usage, "--params %s counts cases that the lake has settled, and --what-if-params settles anew: leave one of them away", params)
	}
	return nil
}

// open groups and settles the stays of a view by the scenario and returns an engine that shows the result in the place
// of the lake's own tables, which the question reads. Nothing is published; done takes what was written away.
func (f *whatIfFlags) open(ctx context.Context, l *lake.Lake, set *schema.Set, view *lake.View, plan *queries.Plan) (e engine.Engine, done func() error, err error) {
	s := f.scenario
	if err := placed(&s); err != nil {
		return nil, nil, err
	}
	if f.mix != "" {
		if s.Mix, err = cases.ReadMix(f.mix); err != nil {
			return nil, nil, err
		}
	}
	w, err := cases.OpenWhatIf(ctx, l, set, view.Publication().ID)
	if err != nil {
		return nil, nil, err
	}
	r, err := w.Run(ctx, s, "", "")
	if err == nil && r.Files[cases.SettledTable] == nil && reads(plan, cases.SettledTable) {
		err = fault.New(fault.Usage, "the lake settles no cases of %s (sanyi settle use), so that there is no money to ask for: name parameters with --what-if-params", r.Scheme)
	}
	if err != nil {
		return nil, nil, first(err, w.Close())
	}
	fmt.Fprintf(os.Stderr, lang.Pick("假设：方案 %s（%.12s），%d 例中 %d 例分组不同，结算 %d 例（%d 个结算期），其中无定价 %d 例\n", "what if: scheme %s (%.12s), %d cases, %d of them in another group; %d settled in %d spans, %d of them without a price\n"),
		r.Scheme, r.SchemeHash, r.Cases, r.Moved, r.Settled, len(r.Spans), r.Unpriced)
	locked, err := duckdb.Open(l, set, duckdb.Options{Connections: 1, Also: []string{w.Dir()}})
	if err != nil {
		return nil, nil, first(err, w.Close())
	}
	return locked.Over(view.With(r.Files)), func() error { return first(locked.Close(), w.Close()) }, nil
}

// reads says whether a question reads a table.
func reads(plan *queries.Plan, table string) bool {
	for _, s := range plan.Statements() {
		for _, u := range s.Uses {
			if u.Table == table {
				return true
			}
		}
	}
	return false
}
