package bench

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the plain alternative is DuckDB by hand, as a user would run it
)

// PlainCopy is the alternative that the ingest bench is measured against: DuckDB's own COPY of the extract, typed,
// partitioned by month and sorted as the lake sorts, without any check, ledger or pseudonym. memory is DuckDB's limit
// ("" = its default).
func PlainCopy(ctx context.Context, in, out, memory string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	if memory != "" {
		if _, err := db.ExecContext(ctx, "SET memory_limit = '"+memory+"'"); err != nil {
			return err
		}
	}
	types := make([]string, len(stayColumns))
	for i, c := range stayColumns {
		types[i] = fmt.Sprintf("'%s': '%s'", c.name, c.duckdb)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	statement := fmt.Sprintf(`COPY (
    SELECT *, strftime(discharge_date, '%%Y-%%m') AS month
    FROM read_csv('%s', header = true, columns = {%s})
    ORDER BY month, org_code, discharge_date
) TO '%s' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month))`, in, strings.Join(types, ", "), out)
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("plain copy: %w", err)
	}
	return nil
}
