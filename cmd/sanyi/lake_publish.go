//go:build duckdb_arrow

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/ingest/cases"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

func publishCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "publish",
		Short:   lang.Pick("发布：列出、回滚、冻结", "publications: list, roll back, freeze"),
		Example: "  sanyi publish list --lake LAKE\n  sanyi publish rollback --lake LAKE 12",
	}
	cmd.AddCommand(publishListCommand(), publishRollbackCommand(), publishFreezeCommand())
	return cmd
}

func publishListCommand() *cobra.Command {
	var flags lakeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: lang.Pick("列出发布，最新在前", "list publications, newest first"),
		Args: usage(cobra.NoArgs), Example: "  sanyi publish list --lake LAKE --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				all, err := l.Publications(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), all)
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, lang.Pick("发布\t时间\t种类\t冻结\t表\t说明", "ID\tAT\tKIND\tFROZEN\tTABLES\tNOTE"))
				for _, p := range all {
					kind := p.Kind
					if p.Kind == "rollback" {
						kind = fmt.Sprintf("rollback → %d", p.Of)
					}
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", p.ID, lakeTime(l, p.At), kind, p.Frozen, strings.Join(p.Tables, ","), p.Note)
				}
				return w.Flush()
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, lang.Pick("输出 JSON", "print JSON"))
	return cmd
}

func publishRollbackCommand() *cobra.Command {
	var flags lakeFlags
	var note string
	cmd := &cobra.Command{
		Use: "rollback PUBLICATION", Short: lang.Pick("把一次较早的发布再发布一次", "publish the state of an older publication again"),
		Args: usage(cobra.ExactArgs(1)), Example: "  sanyi publish rollback --lake LAKE 12 --note '0303 夜批有误'",
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := publicationArg(args[0])
			if err != nil {
				return err
			}
			return flags.with(cmd.Context(), func(l *lake.Lake) error {
				p, err := l.Rollback(cmd.Context(), to, note)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), lang.Pick("发布 %d：恢复为发布 %d 的状态，动了 %d 张表\n", "publication %d: the state of publication %d again, %d tables moved\n"), p.ID, p.Of, len(p.Tables))
				other, err := cases.Differs(cmd.Context(), l, to)
				if err != nil {
					return err
				}
				if other {
					fmt.Fprintf(cmd.ErrOrStderr(), lang.Pick("注意：%s 与发布 %d 所存不同，下一次发布会按文件重新分组结算；恢复文件：sanyi scheme restore --lake %s\n",
						"note: %s says something else than publication %d stored, and the next publication groups and settles by the file; to take the file back too: sanyi scheme restore --lake %s\n"),
						cases.ConfigFile, to, l.Dir())
				}
				return nil
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&note, "note", "", lang.Pick("原因", "why"))
	return cmd
}

func publishFreezeCommand() *cobra.Command {
	var flags lakeFlags
	cmd := &cobra.Command{
		Use: "freeze PUBLICATION NAME", Short: lang.Pick("永久保留一次发布（如年报）", "keep a publication for good (a yearly report's)"),
		Args: usage(cobra.ExactArgs(2)), Example: "  sanyi publish freeze --lake LAKE 365 annual-2025",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := publicationArg(args[0])
			if err != nil {
				return err
			}
			return flags.with(cmd.Context(), func(l *lake.Lake) error { return l.Freeze(cmd.Context(), id, args[1]) })
		},
	}
	flags.register(cmd)
	return cmd
}

// lakeTime writes an instant in the lake's time zone.
func lakeTime(l *lake.Lake, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	zone, err := time.LoadLocation(l.Config().Timezone)
	if err != nil {
		zone = time.FixedZone("CST", 8*3600)
	}
	return at.In(zone).Format(time.DateTime)
}
