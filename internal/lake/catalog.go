package lake

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// CatalogName is the name under which the Iceberg tables stand in the catalogue database.
const CatalogName = "sanyi"

// ddl makes the catalogue. The first two tables are those of the Iceberg SQL catalogue as PyIceberg, Trino and Spark
// read it; the rest is ours. A publication row, its pointers, its ledger lines and the moved pointers of iceberg_tables
// are always written by one transaction.
const ddl = `
CREATE TABLE iceberg_tables (
    catalog_name VARCHAR(255) NOT NULL,
    table_namespace VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL,
    metadata_location VARCHAR(1000),
    previous_metadata_location VARCHAR(1000),
    iceberg_type VARCHAR(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
);
CREATE TABLE iceberg_namespace_properties (
    catalog_name VARCHAR(255) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    property_key VARCHAR(255) NOT NULL,
    property_value VARCHAR(1000) NOT NULL,
    PRIMARY KEY (catalog_name, namespace, property_key)
);
-- one state of the whole lake; staging is the id of the staging it was made by, so that a sweep knows it was committed
CREATE TABLE publication (
    id INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    note TEXT NOT NULL,
    restores INTEGER NOT NULL,
    staging TEXT NOT NULL
);
-- a pointer that the publication moved ('' = the table went away), with its table equation
CREATE TABLE publication_table (
    publication INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    metadata_location TEXT NOT NULL,
    rows_before INTEGER NOT NULL,
    loaded INTEGER NOT NULL,
    replaced INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    rows_after INTEGER NOT NULL,
    PRIMARY KEY (publication, table_name)
);
CREATE INDEX publication_table_by_table ON publication_table (table_name, publication);
CREATE TABLE definition (hash TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE publication_definition (
    publication INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    hash TEXT NOT NULL REFERENCES definition (hash),
    PRIMARY KEY (publication, kind, id)
);
-- one file of one delivery; detail is the whole line as JSON
CREATE TABLE load (
    id INTEGER PRIMARY KEY,
    publication INTEGER NOT NULL,
    delivery TEXT NOT NULL,
    status TEXT NOT NULL,
    records INTEGER NOT NULL,
    loaded INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    superseded INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    ignored INTEGER NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX load_by_delivery ON load (delivery);
-- what became of a delivery, by publication: the newest row at or before a publication holds there
CREATE TABLE delivery (
    delivery TEXT NOT NULL,
    publication INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (delivery, publication)
) WITHOUT ROWID;
-- rows of a delivery in a data file (path below the warehouse); files never change, so this holds for good
CREATE TABLE file_delivery (
    path TEXT NOT NULL,
    delivery TEXT NOT NULL,
    table_name TEXT NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (path, delivery)
) WITHOUT ROWID;
CREATE INDEX file_delivery_by_delivery ON file_delivery (delivery);
CREATE INDEX file_delivery_by_table ON file_delivery (table_name, path);
CREATE TABLE frozen (publication INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE lake (key TEXT PRIMARY KEY, value TEXT NOT NULL);
`

// States of a delivery.
const (
	stateLive       = "live"
	stateSuperseded = "superseded"
	stateRolledBack = "rolled_back"
)

func openCatalog(path string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate"
	return sql.Open("sqlite", dsn)
}

// read runs fn in one read transaction: one consistent state, however many publications happen meanwhile.
func (l *Lake) read(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := l.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fault.New(fault.Unavailable, "catalogue of lake %s: %w", l.dir, err)
	}
	defer tx.Rollback() //nolint:errcheck // a read transaction has nothing to lose
	if err := fn(tx); err != nil {
		if fault.KindOf(err) != fault.Internal {
			return err
		}
		return fmt.Errorf("catalogue of lake %s: %w", l.dir, err)
	}
	return nil
}

const publicationColumns = `p.id, p.parent, p.kind, p.at, p.note, p.restores, coalesce(f.name, '')
    FROM publication p LEFT JOIN frozen f ON f.publication = p.id`

func scanPublication(row interface{ Scan(dest ...any) error }) (Publication, error) {
	var p Publication
	var at string
	if err := row.Scan(&p.ID, &p.Parent, &p.Kind, &at, &p.Note, &p.Of, &p.Frozen); err != nil {
		return p, err
	}
	var err error
	p.At, err = time.Parse(time.RFC3339Nano, at)
	return p, err
}

// publicationTx reads a publication; 0 is the head, and the zero Publication where nothing was published yet.
func publicationTx(ctx context.Context, tx *sql.Tx, id int64) (Publication, error) {
	p, err := scanPublication(tx.QueryRowContext(ctx,
		`SELECT `+publicationColumns+` WHERE p.id = CASE WHEN ?1 > 0 THEN ?1 ELSE (SELECT max(id) FROM publication) END`, id))
	if errors.Is(err, sql.ErrNoRows) {
		if id > 0 {
			return p, fault.New(fault.NotFound, "publication %d: no such publication; see sanyi publish list", id)
		}
		return Publication{Kind: "empty"}, nil
	}
	return p, err
}

// pointersTx is the state of all tables as of a publication: table → metadata location.
func pointersTx(ctx context.Context, tx *sql.Tx, id int64) (map[string]string, error) {
	rows, err := tx.QueryContext(ctx, `
SELECT t.table_name, t.metadata_location
FROM publication_table t
JOIN (SELECT table_name, max(publication) AS publication FROM publication_table WHERE publication <= ? GROUP BY table_name) newest
  ON newest.table_name = t.table_name AND newest.publication = t.publication
WHERE t.metadata_location <> ''`, id)
	if err != nil {
		return nil, err
	}
	return scanPairs(rows)
}

// icebergPointersTx is what other readers of the catalogue see.
func icebergPointersTx(ctx context.Context, tx *sql.Tx) (map[string]string, error) {
	rows, err := tx.QueryContext(ctx, `
SELECT table_name, metadata_location FROM iceberg_tables
WHERE catalog_name = ? AND table_namespace = ? AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)`, CatalogName, Namespace)
	if err != nil {
		return nil, err
	}
	return scanPairs(rows)
}

// statesTx is the state of every delivery as of a publication.
func statesTx(ctx context.Context, tx *sql.Tx, id int64) (map[string]string, error) {
	rows, err := tx.QueryContext(ctx, `
SELECT d.delivery, d.state
FROM delivery d
JOIN (SELECT delivery, max(publication) AS publication FROM delivery WHERE publication <= ? GROUP BY delivery) newest
  ON newest.delivery = d.delivery AND newest.publication = d.publication`, id)
	if err != nil {
		return nil, err
	}
	return scanPairs(rows)
}

func scanPairs(rows *sql.Rows) (map[string]string, error) {
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			return nil, err
		}
		out[k] = v
	}
	return out, rows.Err()
}

// Head is the newest publication; a new lake's has ID 0.
func (l *Lake) Head(ctx context.Context) (Publication, error) {
	return l.publication(ctx, 0)
}

func (l *Lake) publication(ctx context.Context, id int64) (p Publication, err error) {
	err = l.read(ctx, func(tx *sql.Tx) error {
		p, err = publicationTx(ctx, tx, id)
		return err
	})
	return p, err
}

// Publications lists what was published, newest first.
func (l *Lake) Publications(ctx context.Context) ([]Publication, error) {
	out := []Publication{}
	err := l.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+publicationColumns+` ORDER BY p.id DESC`)
		if err != nil {
			return err
		}
		defer rows.Close()
		at := map[int64]int{}
		for rows.Next() {
			p, err := scanPublication(rows)
			if err != nil {
				return err
			}
			at[p.ID] = len(out)
			out = append(out, p)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		moved, err := tx.QueryContext(ctx, `SELECT publication, table_name FROM publication_table ORDER BY publication, table_name`)
		if err != nil {
			return err
		}
		defer moved.Close()
		for moved.Next() {
			var id int64
			var name string
			if err := moved.Scan(&id, &name); err != nil {
				return err
			}
			if i, ok := at[id]; ok {
				out[i].Tables = append(out[i].Tables, name)
			}
		}
		return moved.Err()
	})
	return out, err
}

// Loads is the ledger as of the head, oldest first, statuses as they stand now: a replaced delivery is SUPERSEDED, one
// that a rollback took out ROLLED_BACK; a missing delivery that came later is no longer listed.
func (l *Lake) Loads(ctx context.Context) ([]Load, error) {
	return l.LoadsAt(ctx, 0)
}

// LoadsAt is the ledger as of a publication; 0 is the head.
func (l *Lake) LoadsAt(ctx context.Context, publication int64) ([]Load, error) {
	out := []Load{}
	err := l.read(ctx, func(tx *sql.Tx) error {
		p, err := publicationTx(ctx, tx, publication)
		if err != nil {
			return err
		}
		states, err := statesTx(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT publication, detail FROM load WHERE publication <= ? ORDER BY id`, p.ID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id int64
			var detail []byte
			if err := rows.Scan(&id, &detail); err != nil {
				return err
			}
			var load Load
			if err := json.Unmarshal(detail, &load); err != nil {
				return err
			}
			load.Publication = id
			switch states[load.Delivery] {
			case stateSuperseded:
				if load.Status == Missing {
					continue
				}
				load.Status = Superseded
			case stateRolledBack:
				if load.Status == Missing {
					continue
				}
				load.Status = RolledBack
			}
			out = append(out, load)
		}
		return rows.Err()
	})
	return out, err
}

// LiveLoads is the ledger as of the head without what was superseded or rolled back: what the head's rows come from,
// what was refused, and what is missing now.
func (l *Lake) LiveLoads(ctx context.Context) ([]Load, error) {
	all, err := l.Loads(ctx)
	live := all[:0]
	for _, load := range all {
		if load.Status != Superseded && load.Status != RolledBack {
			live = append(live, load)
		}
	}
	return live, err
}

// Definitions are the texts that a publication was made by, sorted by kind and id; 0 is the head.
func (l *Lake) Definitions(ctx context.Context, publication int64) ([]Definition, error) {
	out := []Definition{}
	err := l.read(ctx, func(tx *sql.Tx) error {
		p, err := publicationTx(ctx, tx, publication)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `
SELECT d.kind, d.id, d.hash, t.text FROM publication_definition d JOIN definition t ON t.hash = d.hash
WHERE d.publication = ? ORDER BY d.kind, d.id`, p.ID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var d Definition
			if err := rows.Scan(&d.Kind, &d.ID, &d.Hash, &d.Text); err != nil {
				return err
			}
			out = append(out, d)
		}
		return rows.Err()
	})
	return out, err
}

// Freeze keeps a publication for good, under a name, whatever is expired.
func (l *Lake) Freeze(ctx context.Context, publication int64, name string) error {
	if name == "" {
		return fault.New(fault.Usage, "freeze publication %d: wants a name", publication)
	}
	p, err := l.publication(ctx, publication)
	if err != nil {
		return err
	}
	if p.ID == 0 {
		return fault.New(fault.NotFound, "lake %s: nothing was published yet", l.dir)
	}
	if p.Frozen != "" {
		return fault.New(fault.Conflict, "publication %d: is frozen already, as %s", p.ID, p.Frozen)
	}
	return l.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO frozen (publication, name, at) VALUES (?, ?, ?)`, p.ID, name, now())
		return err
	})
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
