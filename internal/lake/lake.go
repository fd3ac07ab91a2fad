// Package lake keeps the tables of a region: Iceberg tables over Parquet files whose pointers, together with the ledger
// of every delivery, live in one SQLite catalogue. A night's work is staged where nobody sees it, audited, and then
// becomes visible in one transaction, called a publication; readers always see all tables of one publication. The lake
// also keeps the books: it refuses a publication that lost or doubled a record. It knows files, rows and pointers, not
// what a column means and not how SQL is run.
package lake

import (
	"database/sql"
	"log/slog"
	"sync"
	"time"
)

// Namespace is the Iceberg namespace of all tables.
const Namespace = "sanyi"

// CreateOptions say how a new lake is made.
type CreateOptions struct {
	KeyFile    string // where the pseudonym key is made (or lies already); "" = LAKE.key beside the lake
	Production bool   // refuses experiments such as ingest --relaxed
	Pseudonym  string // "sha256" (default) or "sm3"
	Logger     *slog.Logger
}

// Options say how a lake is opened.
type Options struct {
	Logger   *slog.Logger
	LockWait time.Duration // how long Begin waits for another writer; 0 = 30 s, negative = not at all
}

// Lake is an open lake. It is safe for concurrent use.
type Lake struct {
	dir    string
	config Config
	db     *sql.DB
	log    *slog.Logger
	wait   time.Duration

	mu     sync.Mutex
	work   *workDir
	plans  map[string]*plan            // by metadata location: never changes
	states map[int64]map[string]string // pointers by publication: never change
}

// Publication is one state of the whole lake that became visible at once.
type Publication struct {
	ID     int64     `json:"id"`
	Parent int64     `json:"parent"`
	Kind   string    `json:"kind"` // "init", "ingest", "rollback", …
	At     time.Time `json:"at"`
	Note   string    `json:"note,omitempty"`
	Of     int64     `json:"of,omitempty"`     // rollback: the publication whose state came back
	Frozen string    `json:"frozen,omitempty"` // name under which it is kept for good
	Tables []string  `json:"tables,omitempty"` // tables whose pointer this publication moved
}

// Note says what a publication is.
type Note struct {
	Kind string // "ingest" where empty
	Text string // for people
}

// DataFile is one Parquet file of a table: rows of one month, of one or many deliveries.
type DataFile struct {
	Path       string           // absolute
	Month      string           // "2025-03"; "" where the table has no event date or the rows have none
	Rows       int64            // as the footer says
	Bytes      int64            // 0 in Add: taken from the file
	Deliveries map[string]int64 // delivery → rows of it in this file
}

// Definition is a text that a publication was made by: a contract, a source, an indicator.
type Definition struct {
	Kind, ID, Hash, Text string
}

// Statuses of a load.
const (
	Arrived    = "ARRIVED"    // its good records are in the lake
	Missing    = "MISSING"    // expected, did not come
	Refused    = "REFUSED"    // came, and a gate kept all of it out
	Superseded = "SUPERSEDED" // replaced by a later delivery of the same organisation, source and date
	RolledBack = "ROLLED_BACK"
)

// Load is one line of the ledger: one file of one delivery (or a delivery that did not come). The field names of its
// JSON are those of `sanyi loads --json`.
type Load struct {
	File        string           `json:"file"`
	Delivery    string           `json:"delivery"`
	Org         string           `json:"org"`
	Source      string           `json:"source"`
	Date        string           `json:"date"` // business date 2025-03-03, "" where the source has none
	Status      string           `json:"status"`
	Records     int64            `json:"records"`
	Loaded      int64            `json:"loaded"`
	Duplicate   int64            `json:"duplicate"`
	Superseded  int64            `json:"superseded"`
	Quarantined int64            `json:"quarantined"`
	Ignored     int64            `json:"ignored"`
	Columns     []string         `json:"columns"` // as the file names them, in its order
	Nulls       map[string]int64 `json:"nulls"`   // column → records without a value, where there are any
	Tables      map[string]int64 `json:"tables"`  // table → rows written
	Publication int64            `json:"publication"`

	SHA256   string    `json:"sha256,omitempty"`
	Bytes    int64     `json:"bytes"`
	Format   string    `json:"format,omitempty"`
	Encoding string    `json:"encoding,omitempty"`
	Due      time.Time `json:"due,omitzero"`
	Arrived  time.Time `json:"arrived,omitzero"`
	Done     time.Time `json:"done,omitzero"`
	Reason   string    `json:"reason,omitempty"` // why it was refused
}
