package duckdb

import (
	"context"
	"database/sql/driver"

	"github.com/apache/arrow-go/v18/arrow"
	duck "github.com/duckdb/duckdb-go/v2"
)

// Scan runs a statement and hands its batches to fn one after the other, without copying them: a batch is valid during
// the call only. fn must not use the loader.
func (l *Loader) Scan(ctx context.Context, query string, fn func(arrow.RecordBatch) error) error {
	return l.se.conn.Raw(func(c any) error {
		a, err := duck.NewArrowFromConn(c.(driver.Conn))
		if err != nil {
			return told(err)
		}
		reader, err := a.QueryContext(ctx, query)
		if err != nil {
			return told(err)
		}
		defer reader.Release()
		for reader.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(reader.RecordBatch()); err != nil {
				return err
			}
		}
		return told(reader.Err())
	})
}
