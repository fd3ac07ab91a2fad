package engine

import (
	"context"

	"github.com/sanyi-lake/sanyi/queries"
)

// Runner lets a compiled question (queries.Plan) run on an engine.
func Runner(e Engine) queries.Runner { return runner{e} }

type runner struct{ e Engine }

// RunStatement hands a statement over and its batches back.
func (r runner) RunStatement(ctx context.Context, s queries.Statement) (queries.Rows, error) {
	st := Statement{SQL: s.SQL, Args: s.Args, Publication: s.Publication, MaxRows: s.MaxRows}
	for _, u := range s.Uses {
		st.Uses = append(st.Uses, Use(u))
	}
	res, err := r.e.Run(ctx, st)
	if err != nil {
		return queries.Rows{}, err
	}
	return queries.Rows{Batches: res.Batches, Publication: res.Publication}, nil
}
