package lake

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Rollback publishes the state of an older publication again, ledger included; 0 is the empty lake. Nothing is lost:
// what came between stays readable as of its own publication. It also puts back a table that another program moved.
func (l *Lake) Rollback(ctx context.Context, to int64, note string) (Publication, error) {
	lock, err := l.writerLock(ctx)
	if err != nil {
		return Publication{}, err
	}
	p, err := l.rollback(ctx, to, note)
	return p, errors.Join(err, lock.Close())
}

func (l *Lake) rollback(ctx context.Context, to int64, note string) (Publication, error) {
	if err := l.sweep(ctx); err != nil {
		return Publication{}, err
	}
	var p Publication
	err := l.write(ctx, func(tx *sql.Tx) error {
		head, err := publicationTx(ctx, tx, 0)
		if err != nil {
			return err
		}
		if to < 0 || to > head.ID {
			return fault.New(fault.NotFound, "publication %d: no such publication; see sanyi publish list", to)
		}
		p = Publication{ID: head.ID + 1, Parent: head.ID, Kind: "rollback", Note: note, Of: to, At: time.Now().UTC()}
		if err := insertPublication(ctx, tx, p, head.ID, ""); err != nil {
			return err
		}
		if p.Tables, err = rollbackTables(ctx, tx, p, head.ID, to); err != nil {
			return err
		}
		return rollbackStates(ctx, tx, p.ID, head.ID, to)
	})
	return p, err
}

func rollbackTables(ctx context.Context, tx *sql.Tx, p Publication, head, to int64) ([]string, error) {
	was, err := pointersTx(ctx, tx, head)
	if err != nil {
		return nil, err
	}
	wanted, err := pointersTx(ctx, tx, to)
	if err != nil {
		return nil, err
	}
	theirs, err := icebergPointersTx(ctx, tx)
	if err != nil {
		return nil, err
	}
	rowsWas, err := rowsTx(ctx, tx, head)
	if err != nil {
		return nil, err
	}
	rowsWanted, err := rowsTx(ctx, tx, to)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(was)
	maps.Copy(names, wanted)
	maps.Copy(names, theirs)
	var moved []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if theirs[name] != wanted[name] {
			if err := movePointer(ctx, tx, name, theirs[name], wanted[name]); err != nil {
				return nil, err
			}
		}
		if was[name] == wanted[name] {
			continue
		}
		// The equation of a rollback: what came since is taken out, what was there comes back.
		if _, err := tx.ExecContext(ctx, `INSERT INTO publication_table VALUES (?, ?, ?, ?, ?, ?, 0, ?)`,
			p.ID, name, wanted[name], rowsWas[name], rowsWanted[name], rowsWas[name], rowsWanted[name]); err != nil {
			return nil, err
		}
		moved = append(moved, name)
	}
	return moved, nil
}

// rollbackStates lets the ledger follow: a delivery is what it was then, and one that came later is rolled back.
func rollbackStates(ctx context.Context, tx *sql.Tx, publication, head, to int64) error {
	was, err := statesTx(ctx, tx, head)
	if err != nil {
		return err
	}
	wanted, err := statesTx(ctx, tx, to)
	if err != nil {
		return err
	}
	for _, delivery := range slices.Sorted(maps.Keys(was)) {
		state := wanted[delivery]
		if state == "" {
			state = stateRolledBack
		}
		if state == was[delivery] {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO delivery (delivery, publication, state) VALUES (?, ?, ?)`, delivery, publication, state); err != nil {
			return err
		}
	}
	return nil
}

// rowsTx is the number of rows of every table as of a publication.
func rowsTx(ctx context.Context, tx *sql.Tx, id int64) (map[string]int64, error) {
	rows, err := tx.QueryContext(ctx, `
SELECT t.table_name, t.rows_after
FROM publication_table t
JOIN (SELECT table_name, max(publication) AS publication FROM publication_table WHERE publication <= ? GROUP BY table_name) newest
  ON newest.table_name = t.table_name AND newest.publication = t.publication`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		out[name] = n
	}
	return out, rows.Err()
}
