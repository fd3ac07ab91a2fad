package lake

import "context"

// Rollback publishes the state of an older publication again, ledger included. Nothing is lost: what came between stays
// readable as of its own publication.
func (l *Lake) Rollback(ctx context.Context, to int64, note string) (Publication, error) {
	return l.rollback(ctx, to, note)
}

// Freeze keeps a publication for good, under a name, whatever is expired.
func (l *Lake) Freeze(ctx context.Context, publication int64, name string) error {
	return l.freeze(ctx, publication, name)
}
