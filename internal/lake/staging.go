package lake

import (
	"context"

	"github.com/sanyi-lake/sanyi/schema"
)

// Staging is a publication in the making. It holds the writer lock from Begin until Publish or Abort; nobody sees what
// is in it. One goroutine at a time, except NewFile.
type Staging struct {
	lake *Lake
}

// Begin takes the writer lock, waits for it if need be, and sweeps what a killed writer left behind.
func (l *Lake) Begin(ctx context.Context) (*Staging, error) { return l.begin(ctx) }

// Publication is the id that this staging will get: head + 1.
func (s *Staging) Publication() int64 { return s.id() }

// NewFile is the path of a data file to be written: of one table and month ("2025-03", or "" for rows without event
// date and tables that have none). Only files made here may be Added.
func (s *Staging) NewFile(table, month string) (string, error) { return s.newFile(table, month) }

// Add makes a written file part of the table.
func (s *Staging) Add(t *schema.Table, f DataFile) error { return s.add(t, f) }

// Remove takes a file of the head out of the table: because it was rewritten (Add the new one) or dropped.
func (s *Staging) Remove(t *schema.Table, path string) error { return s.remove(t, path) }

// FilesOf lists, by table, the files of the head (with what was Added and Removed so far) that hold rows of a delivery.
func (s *Staging) FilesOf(ctx context.Context, delivery string) (map[string][]DataFile, error) {
	return s.filesOf(ctx, delivery)
}

// Files lists the files of a table as staged so far.
func (s *Staging) Files(ctx context.Context, table string) ([]DataFile, error) {
	return s.stagedFiles(ctx, table)
}

// Record writes one line of the ledger. Its Tables say how many rows of the delivery are being added to each table.
func (s *Staging) Record(load Load) error { return s.record(load) }

// Derive says that the product itself adds rows to a table under a delivery id of its own (quarantine pointers, the
// run log, rollups): the table equation counts them as loaded.
func (s *Staging) Derive(table, delivery string, rows int64) { s.derive(table, delivery, rows) }

// Supersede says that a delivery is replaced: all its rows in all tables must be gone from the staged files.
func (s *Staging) Supersede(delivery string) { s.supersede(delivery) }

// Delete says that rows of a delivery are taken out of a table on purpose (an erasure under PIPL art. 47).
func (s *Staging) Delete(table, delivery string, rows int64) { s.del(table, delivery, rows) }

// Definition stores a text that this publication is made by.
func (s *Staging) Definition(kind, id, text string) { s.definition(kind, id, text) }

// Stage writes the new table metadata and opens the result as a view for audits. More may be added afterwards; Publish
// stages again what changed since.
func (s *Staging) Stage(ctx context.Context) (*View, error) { return s.stage(ctx) }

// Publish enforces the record ledger and the table equation, then moves all pointers and writes the ledger in one
// transaction. On an error nothing has moved and the staging can only be Aborted.
func (s *Staging) Publish(ctx context.Context, note Note) (Publication, error) {
	return s.publish(ctx, note)
}

// Abort removes every file of this staging and gives the lock back. After Publish it does nothing, so it can be deferred.
func (s *Staging) Abort() error { return s.abort() }
