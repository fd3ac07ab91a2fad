//go:build duckdb_arrow

package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// version is set by the Makefile (-ldflags -X main.version=…).
var version = "dev"

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: lang.Pick("程序、DuckDB 与湖格式的版本", "the program's, DuckDB's and the lake format's version"), Args: cobra.NoArgs,
		Example: "  sanyi version\n  sanyi version --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := duckdb.Version(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{
					"sanyi": version, "duckdb": engine, "lake_format": lake.Format, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "sanyi %s · DuckDB %s · lake format %d · %s %s/%s\n", version, engine, lake.Format, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "JSON")
	return cmd
}
