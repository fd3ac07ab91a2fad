//go:build duckdb_arrow

package main

import "github.com/spf13/cobra"

// commands is every command of the program; one file each.
func commands() []*cobra.Command {
	return []*cobra.Command{
		groupCommand(),
		schemeCommand(),
		settleCommand(),
		demoCommand(),
		synthCommand(),
		initCommand(),
		ingestCommand(),
		loadsCommand(),
		quarantineCommand(),
		publishCommand(),
		checkCommand(),
		queryCommand(),
		sqlCommand(),
		serveCommand(),
		statusCommand(),
		verifyCommand(),
		benchCommand(),
		catalogCommand(),
		codesCommand(),
		versionCommand(),
	}
}
