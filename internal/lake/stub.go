package lake

import (
	"context"
	"time"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

var errStub = fault.New(fault.Internal, "lake: being written")

type (
	workDir struct{}
	plan    struct{}
)

// Create makes a new lake in dir, which must be absent or empty.
func Create(ctx context.Context, dir string, opts CreateOptions) (*Lake, error) { return nil, errStub }

// Open opens the lake in dir.
func Open(ctx context.Context, dir string, opts Options) (*Lake, error) { return nil, errStub }

// Landing is the folder of raw files (0700).
func (l *Lake) Landing() string { return "" }

// Work is this process's scratch folder below landing/work; it is removed by Close, or swept by a later writer.
func (l *Lake) Work() (string, error) { return "", errStub }

func (l *Lake) close() error { return nil }
func (l *Lake) publication(ctx context.Context, id int64) (Publication, error) {
	return Publication{}, errStub
}
func (l *Lake) publications(ctx context.Context) ([]Publication, error) { return nil, errStub }
func (l *Lake) view(ctx context.Context, id int64) (*View, error)       { return nil, errStub }
func (l *Lake) loads(ctx context.Context, id int64) ([]Load, error)     { return nil, errStub }
func (l *Lake) liveLoads(ctx context.Context) ([]Load, error)           { return nil, errStub }
func (l *Lake) definitions(ctx context.Context, id int64) ([]Definition, error) {
	return nil, errStub
}
func (l *Lake) begin(ctx context.Context) (*Staging, error) { return nil, errStub }
func (l *Lake) rollback(ctx context.Context, to int64, note string) (Publication, error) {
	return Publication{}, errStub
}
func (l *Lake) freeze(ctx context.Context, id int64, name string) error { return errStub }
func (l *Lake) verify(ctx context.Context) (Report, error)              { return Report{}, errStub }
func (v *View) tables() []string                                        { return nil }
func (v *View) files(ctx context.Context, table string, from, to time.Time) ([]DataFile, error) {
	return nil, errStub
}
func (v *View) rows(ctx context.Context, table string) (int64, error) { return 0, errStub }
func (s *Staging) id() int64                                          { return 0 }
func (s *Staging) newFile(table, month string) (string, error)        { return "", errStub }
func (s *Staging) add(t *schema.Table, f DataFile) error              { return errStub }
func (s *Staging) remove(t *schema.Table, path string) error          { return errStub }
func (s *Staging) filesOf(ctx context.Context, d string) (map[string][]DataFile, error) {
	return nil, errStub
}
func (s *Staging) stagedFiles(ctx context.Context, table string) ([]DataFile, error) {
	return nil, errStub
}
func (s *Staging) record(load Load) error                    { return errStub }
func (s *Staging) derive(table, delivery string, rows int64) {}
func (s *Staging) supersede(delivery string)                 {}
func (s *Staging) del(table, delivery string, rows int64)    {}
func (s *Staging) definition(kind, id, text string)          {}
func (s *Staging) stage(ctx context.Context) (*View, error)  { return nil, errStub }
func (s *Staging) publish(ctx context.Context, note Note) (Publication, error) {
	return Publication{}, errStub
}
func (s *Staging) abort() error { return nil }
