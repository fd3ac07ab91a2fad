package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// harmless are the table functions that free SQL may use: they read nothing. (query(), glob(), read_…(), duckdb_…() and
// pragma_…() do.)
var harmless = map[string]bool{"range": true, "generate_series": true, "unnest": true}

// forbidden are scalar functions that read something other than their arguments, or that can hold a processor for
// minutes within one value, where no cancel reaches them (repeat('x', 2e9): 49 s).
var forbidden = map[string]bool{
	"getenv": true, "getvariable": true, "current_setting": true, "read_text": true, "read_blob": true, "repeat": true, "nextval": true,
	"currval": true, "write_log": true, "parse_duckdb_log_message": true, "add_parquet_key": true, "json_execute_serialized_sql": true,
	"json_serialize_plan": true, "in_search_path": true, "txid_current": true, "sleep_ms": true, "sleep": true,
}

// parser is a DuckDB that holds nothing and can reach nothing: it only turns texts into trees.
var parser = sync.OnceValues(func() (*sql.DB, error) {
	return openMemory(context.Background(), []string{
		"SET threads = 1", "SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false", "SET enable_external_access = false",
		"SET lock_configuration = true",
	})
})

// Gate lets free SQL through: one SELECT over allowed tables and harmless table functions. It returns the tables that
// the text names, sorted; anything else is fault.Denied (fault.Usage where the text does not parse). It asks DuckDB's
// own parser and never prepares the text: preparing "insert …; select 2" would run the insert.
func Gate(ctx context.Context, query string, allow func(table string) bool) ([]string, error) {
	db, err := parser()
	if err != nil {
		return nil, err
	}
	var answer string
	if err := db.QueryRowContext(ctx, "SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)", query).Scan(&answer); err != nil {
		return nil, told(err)
	}
	var tree struct {
		Error      bool             `json:"error"`
		Message    string           `json:"error_message"`
		Type       string           `json:"error_type"`
		Statements []map[string]any `json:"statements"`
	}
	if err := json.Unmarshal([]byte(answer), &tree); err != nil {
		return nil, fmt.Errorf("sql: parse tree: %w", err)
	}
	if tree.Error {
		if strings.Contains(tree.Message, "Only SELECT") {
			return nil, fault.New(fault.Denied, "sql: only SELECT is let through")
		}
		return nil, fault.New(fault.Usage, "sql: %s", tree.Message)
	}
	if len(tree.Statements) != 1 {
		return nil, fault.New(fault.Denied, "sql: one statement at a time, not %d", len(tree.Statements))
	}
	g := gate{allow: allow, tables: map[string]bool{}}
	if err := g.node(tree.Statements[0], nil); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(g.tables)), nil
}

type gate struct {
	allow  func(string) bool
	tables map[string]bool
}

// scope is the CTE names that a place in the tree sees, innermost first.
type scope struct {
	names map[string]bool
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.names[strings.ToLower(name)] {
			return true
		}
	}
	return false
}

// node walks the tree. A name is a CTE only within the query that defines it, after (or, where recursive, in) its
// definition: elsewhere the same name is a table and has to be allowed.
func (g gate) node(v any, s *scope) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := g.node(e, s); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := g.judge(v, s); err != nil {
			return err
		}
		s, err := g.ctes(v, s)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key == "cte_map" {
				continue
			}
			if err := g.node(v[key], s); err != nil {
				return err
			}
		}
	}
	return nil
}

// ctes walks the definitions of a query node's CTEs in their order, each seeing those before it, and returns the scope
// of the query itself.
func (g gate) ctes(v map[string]any, s *scope) (*scope, error) {
	cteMap, _ := v["cte_map"].(map[string]any)
	entries, _ := cteMap["map"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		name, _ := entry["key"].(string)
		inner := s
		if recursive(entry["value"]) {
			inner = &scope{names: map[string]bool{strings.ToLower(name): true}, outer: s}
		}
		if err := g.node(entry["value"], inner); err != nil {
			return nil, err
		}
		s = &scope{names: map[string]bool{strings.ToLower(name): true}, outer: s}
	}
	return s, nil
}

func recursive(v any) bool {
	value, _ := v.(map[string]any)
	query, _ := value["query"].(map[string]any)
	node, _ := query["node"].(map[string]any)
	return node["type"] == "RECURSIVE_CTE_NODE"
}

func (g gate) judge(v map[string]any, s *scope) error {
	text := func(key string) string {
		t, _ := v[key].(string)
		return t
	}
	switch text("type") {
	case "BASE_TABLE":
		name := text("table_name")
		if text("schema_name") != "" || text("catalog_name") != "" {
			return fault.New(fault.Denied, "sql: table %s: name tables without schema or catalogue", strings.Trim(text("catalog_name")+"."+text("schema_name")+"."+name, "."))
		}
		if s.has(name) {
			return nil
		}
		// Contract names are lower case; DuckDB's names know no case.
		if lower := strings.ToLower(name); g.allow(lower) {
			g.tables[lower] = true
			return nil
		}
		return fault.New(fault.Denied, "sql: table %s: no such table, or not allowed; see sanyi catalog tables", name)
	case "TABLE_FUNCTION":
		function, _ := v["function"].(map[string]any)
		name, _ := function["function_name"].(string)
		if !harmless[strings.ToLower(name)] {
			return fault.New(fault.Denied, "sql: table function %s is not let through", name)
		}
	case "SHOW_REF":
		return fault.New(fault.Denied, "sql: only SELECT is let through")
	}
	if name := strings.ToLower(text("function_name")); name != "" {
		if forbidden[name] || strings.HasPrefix(name, "pg_") || strings.HasPrefix(name, "duckdb_") || strings.HasPrefix(name, "pragma_") {
			return fault.New(fault.Denied, "sql: function %s is not let through", name)
		}
		if schemaName := text("schema"); schemaName != "" && schemaName != "main" {
			return fault.New(fault.Denied, "sql: function %s.%s is not let through", schemaName, name)
		}
	}
	return nil
}
