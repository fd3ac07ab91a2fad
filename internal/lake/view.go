package lake

import (
	"context"
	"time"
)

// View is one consistent state of all tables: a publication, or what a Staging would publish. It never changes and is
// safe for concurrent use.
type View struct {
	lake        *Lake
	publication Publication
	staged      bool
	pointers    map[string]string // table → metadata location
}

// View opens the state of a publication; 0 is the head.
func (l *Lake) View(ctx context.Context, publication int64) (*View, error) {
	return l.view(ctx, publication)
}

// Publication is what the view shows. A staged view has the id that it will get.
func (v *View) Publication() Publication { return v.publication }

// Staged says that nobody else can see this view yet.
func (v *View) Staged() bool { return v.staged }

// Tables lists the tables that have ever held a row, sorted.
func (v *View) Tables() []string { return v.tables() }

// Files lists the files of a table that may hold rows with from <= event date < to (zero times leave the side open),
// sorted by month and path. A table that has no data yet has no files.
func (v *View) Files(ctx context.Context, table string, from, to time.Time) ([]DataFile, error) {
	return v.files(ctx, table, from, to)
}

// Rows is the number of rows of a table.
func (v *View) Rows(ctx context.Context, table string) (int64, error) { return v.rows(ctx, table) }
