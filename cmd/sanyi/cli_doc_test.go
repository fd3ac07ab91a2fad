//go:build duckdb_arrow

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// docs/cli.md is the help of every command; it is written from the commands and stale as soon as one differs.
func TestTheListOfCommandsIsWhatTheProgramSays(t *testing.T) {
	for _, name := range []string{"SANYI_LAKE", "SANYI_KEY_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("SANYI_LANG", "en")
	var page strings.Builder
	page.WriteString("# Commands\n\nGenerated from the program: `UPDATE_GOLDEN=1 go test -tags duckdb_arrow -run ListOfCommands ./cmd/sanyi`.\n" +
		"`SANYI_LANG=zh` gives the same in Chinese, by `sanyi COMMAND --help`.\n")
	for _, c := range commands() {
		describe(&page, c, "sanyi ")
	}
	const file = "../../docs/cli.md"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page.String() {
		t.Error("docs/cli.md is not what the commands say: UPDATE_GOLDEN=1 go test -tags duckdb_arrow -run ListOfCommands ./cmd/sanyi")
	}
}

func describe(page *strings.Builder, c *cobra.Command, parents string) {
	if c.Hidden {
		return
	}
	page.WriteString("\n## " + parents + c.Name() + "\n\n")
	about := c.Long
	if about == "" {
		about = c.Short
	}
	page.WriteString("```\n" + strings.TrimSpace(about) + "\n")
	if c.Runnable() {
		page.WriteString("\n  " + parents + c.Use + "\n")
	}
	if flags := c.LocalFlags().FlagUsages(); flags != "" {
		page.WriteString("\n" + flags)
	}
	if c.Example != "" {
		page.WriteString("\n" + strings.TrimRight(c.Example, "\n ") + "\n")
	}
	page.WriteString("```\n")
	for _, sub := range c.Commands() {
		describe(page, sub, parents+c.Name()+" ")
	}
}
