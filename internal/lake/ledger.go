package lake

import "context"

// Loads is the ledger as of the head: the last word on each file of each delivery, oldest first, statuses as they stand
// now (a replaced delivery is SUPERSEDED, one that a rollback took out ROLLED_BACK).
func (l *Lake) Loads(ctx context.Context) ([]Load, error) { return l.loads(ctx, 0) }

// LoadsAt is the ledger as of a publication.
func (l *Lake) LoadsAt(ctx context.Context, publication int64) ([]Load, error) {
	return l.loads(ctx, publication)
}

// LiveLoads is the ledger without what was superseded or rolled back: what the head's rows come from, and which
// deliveries are missing now.
func (l *Lake) LiveLoads(ctx context.Context) ([]Load, error) { return l.liveLoads(ctx) }

// Definitions are the texts that a publication was made by.
func (l *Lake) Definitions(ctx context.Context, publication int64) ([]Definition, error) {
	return l.definitions(ctx, publication)
}
