package ingest

import (
	"context"
	"fmt"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// QuarantineFilter leaves part of the quarantine; empty fields leave all.
type QuarantineFilter struct {
	Org, Source, Date string
}

// QuarantineGroup is how many records of a delivery broke one check.
type QuarantineGroup struct {
	Delivery string `json:"delivery"`
	Source   string `json:"source"`
	Org      string `json:"org"`
	Date     string `json:"date"`
	Table    string `json:"table"`
	Column   string `json:"column"`
	Check    string `json:"check"`
	Records  int64  `json:"records"`
	ReasonZH string `json:"reason_zh"`
	ReasonEN string `json:"reason_en"`
}

// QuarantinePointer is where one bad record is: never what stands in it.
type QuarantinePointer struct {
	Delivery string `json:"delivery"`
	File     string `json:"file"`
	Record   int64  `json:"record"`
	Offset   int64  `json:"byte_offset"`
	Seq      *int64 `json:"seq,omitempty"` // position of the child row
	Table    string `json:"table"`
	Column   string `json:"column"`
	Check    string `json:"check"`
	ReasonZH string `json:"reason_zh"`
	ReasonEN string `json:"reason_en"`
}

// QuarantineList counts what is set aside at the head of the lake.
func QuarantineList(ctx context.Context, l *lake.Lake, f QuarantineFilter) ([]QuarantineGroup, error) {
	var where []string
	for _, c := range []struct{ column, value string }{{"org_code", f.Org}, {"source", f.Source}, {"CAST(stat_date AS VARCHAR)", f.Date}} {
		if c.value != "" {
			where = append(where, c.column+" = "+quote(c.value))
		}
	}
	out := []QuarantineGroup{}
	query := `SELECT delivery_id, source, org_code, coalesce(CAST(stat_date AS VARCHAR), ''), table_name, coalesce(column_name, ''), check_id,
    count(DISTINCT (file, record)), coalesce(min(reason_zh), ''), coalesce(min(reason_en), '')
FROM %s GROUP BY ALL ORDER BY 4, 2, 3, 1, 5, 6, 7`
	err := readQuarantine(ctx, l, query, strings.Join(where, " AND "), func(scan func(...any) error) error {
		var g QuarantineGroup
		err := scan(&g.Delivery, &g.Source, &g.Org, &g.Date, &g.Table, &g.Column, &g.Check, &g.Records, &g.ReasonZH, &g.ReasonEN)
		out = append(out, g)
		return err
	})
	return out, err
}

// QuarantineShow lists the pointers of one delivery.
func QuarantineShow(ctx context.Context, l *lake.Lake, delivery string) ([]QuarantinePointer, error) {
	out := []QuarantinePointer{}
	query := `SELECT delivery_id, file, record, coalesce(byte_offset, 0), seq, table_name, coalesce(column_name, ''), check_id, coalesce(reason_zh, ''), coalesce(reason_en, '')
FROM %s ORDER BY file, record, table_name, seq, column_name, check_id`
	err := readQuarantine(ctx, l, query, "delivery_id = "+quote(delivery), func(scan func(...any) error) error {
		var p QuarantinePointer
		err := scan(&p.Delivery, &p.File, &p.Record, &p.Offset, &p.Seq, &p.Table, &p.Column, &p.Check, &p.ReasonZH, &p.ReasonEN)
		out = append(out, p)
		return err
	})
	return out, err
}

// readQuarantine runs a query over the quarantine table of the head.
func readQuarantine(ctx context.Context, l *lake.Lake, query, where string, row func(scan func(...any) error) error) error {
	v, err := l.View(ctx, 0)
	if err != nil {
		return err
	}
	files, err := v.AllFiles(ctx, quarantineTable)
	if err != nil || len(files) == 0 {
		return err
	}
	set, err := schema.Load(schema.Shipped())
	if err != nil {
		return err
	}
	t, ok := set.Table(quarantineTable)
	if !ok {
		return fault.New(fault.Internal, "no contract %s", quarantineTable)
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	work, err := l.Work()
	if err != nil {
		return err
	}
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: work})
	if err != nil {
		return err
	}
	defer loader.Close()
	from := duckdb.ReadFiles(t, paths)
	if where != "" {
		from = fmt.Sprintf("(SELECT * FROM %s WHERE %s)", from, where)
	}
	rows, err := loader.Conn().QueryContext(ctx, fmt.Sprintf(query, from))
	if err != nil {
		return sqlFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
