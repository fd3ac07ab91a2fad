//go:build duckdb_arrow

package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/internal/serve"
	"github.com/sanyi-lake/sanyi/internal/serve/access"
	"github.com/sanyi-lake/sanyi/internal/serve/audit"
	servehttp "github.com/sanyi-lake/sanyi/internal/serve/http"
)

// serveFlags are the words of `sanyi serve`.
type serveFlags struct {
	lakeFlags
	address     servehttp.Address
	tokens      string
	deadline    time.Duration
	connections int
	memory      string
}

func serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: lang.Pick("对外服务：指标查询与目录（Grafana、curl、notebook）", "answer indicator questions over HTTP: Grafana, curl, notebooks"),
		Long: lang.Pick(
			"只回答指标与目录，以及（仅限有 --cases 权限的令牌）单个病例及其分组解释；不接受 SQL。每个请求都要令牌，一个令牌一个范围；例数过少的数值不显示；每个问题记入 LAKE/audit。",
			"Answers indicators, the catalogue and, for tokens made with --cases, single cases and why each was grouped as it was; no SQL.\nEvery request needs a token, and one token is one scope; figures of few cases are suppressed; every question is written\nto LAKE/audit."),
		Args: usage(cobra.NoArgs),
		Example: "  sanyi serve token add --lake lake --name grafana --scope whole\n  sanyi serve --lake lake --http 127.0.0.1:8750\n" +
			"  curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '{\"indicators\":[\"H001\"],\"period\":\"2025-03-03\"}' http://127.0.0.1:8750/v1/query",
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			return f.run(cmd.Context(), logger, func(url string) { printf(cmd.OutOrStdout(), "%s\n", url) })
		},
	}
	f.register(cmd)
	f.registerOverlays(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.address.Addr, "http", "127.0.0.1:8750", lang.Pick("监听地址", "address to listen on"))
	fl.StringVar(&f.address.Cert, "tls-cert", "", lang.Pick("TLS 证书（PEM）", "TLS certificate (PEM)"))
	fl.StringVar(&f.address.Key, "tls-key", "", lang.Pick("TLS 私钥（PEM）", "TLS key (PEM)"))
	fl.BoolVar(&f.address.Insecure, "insecure-http", false, lang.Pick("允许对网络提供明文 HTTP（仅在做 TLS 的代理之后）", "plain HTTP for the network: only behind a proxy that does TLS"))
	fl.StringVar(&f.tokens, "token-file", "", lang.Pick("令牌文件（默认 LAKE/tokens.yaml）", "file of tokens (default: LAKE/tokens.yaml)"))
	fl.DurationVar(&f.deadline, "deadline", time.Minute, lang.Pick("每个问题的时限", "longest time for one question"))
	fl.IntVar(&f.connections, "connections", 4, lang.Pick("同时执行的语句数", "statements that run at once"))
	fl.StringVar(&f.memory, "memory", "", lang.Pick("DuckDB 内存上限，如 4GB", "memory limit of DuckDB, such as 4GB"))
	cmd.AddCommand(tokenCommand())
	return cmd
}

// run serves until the context ends; ready is told the URL.
func (f *serveFlags) run(ctx context.Context, logger *slog.Logger, ready func(url string)) (err error) {
	l, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = first(err, l.Close()) }()
	set, catalog, err := definitions(append(l.Config().Overlays, f.overlays...))
	if err != nil {
		return err
	}
	gate, err := access.Open(f.tokenPath(l))
	if err != nil {
		return err
	}
	log, err := audit.Open(filepath.Join(l.Dir(), "audit"))
	if err != nil {
		return err
	}
	e, err := duckdb.Open(l, set, duckdb.Options{Connections: f.connections, MemoryLimit: f.memory})
	if err != nil {
		return err
	}
	defer func() { err = first(err, e.Close()) }()
	codes, err := f.codes(l)
	if err != nil {
		return err
	}
	asker, err := serve.NewLake(l, set, catalog, codes, e)
	if err != nil {
		return err
	}
	book := serve.NewCases(asker, caseTeller(l, set))
	minCell := l.Config().MinCell
	if minCell <= 0 {
		minCell = -1
	}
	listener, err := servehttp.Listen(ctx, f.address)
	if err != nil {
		return err
	}
	logger.InfoContext(ctx, "serving", "lake", l.Dir(), "address", listener.Addr().String(), "indicators", len(catalog.Indicators()), "min_cell", max(minCell, 0))
	scheme := "http://"
	if f.address.Cert != "" {
		scheme = "https://"
	}
	ready(scheme + listener.Addr().String())
	return servehttp.New(asker, gate, log, servehttp.Options{Logger: logger, MinCell: minCell, Deadline: f.deadline, Concurrent: 2 * f.connections, Cases: book}).Serve(ctx, listener)
}

func (f *serveFlags) tokenPath(l *lake.Lake) string {
	if f.tokens != "" {
		return f.tokens
	}
	return filepath.Join(l.Dir(), access.FileName)
}

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: lang.Pick("管理令牌：一个令牌一个范围，只存哈希", "tokens: one token is one scope; only hashes are kept"), Example: "  sanyi serve token list --lake lake"}
	cmd.AddCommand(tokenAddCommand(), tokenListCommand(), tokenRemoveCommand())
	return cmd
}

func tokenAddCommand() *cobra.Command {
	var f serveFlags
	var name, scope string
	var days int
	var seesCases, seesSmall bool
	cmd := &cobra.Command{
		Use: "add", Short: lang.Pick("新令牌，只显示这一次", "make a token; it is shown this once"), Args: usage(cobra.NoArgs),
		Example: "  sanyi serve token add --lake lake --name grafana --scope whole\n  sanyi serve token add --lake lake --name h0001 --scope org:H0001 --days 365\n  sanyi serve token add --lake lake --name city --scope region:340100\n  sanyi serve token add --lake lake --name h0001-drg --scope org:H0001 --cases --small-cells",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd.Context(), func(l *lake.Lake) error {
				var expires time.Time
				now := time.Now()
				if days > 0 {
					expires = now.AddDate(0, 0, days).Truncate(time.Second)
				}
				var rights []access.Right
				if seesCases {
					rights = append(rights, access.Cases)
				}
				if seesSmall {
					rights = append(rights, access.SmallCells)
				}
				token, err := access.Add(f.tokenPath(l), name, scope, now, expires, rights...)
				if err != nil {
					return err
				}
				printf(cmd.OutOrStdout(), "%s\n", token)
				printf(cmd.ErrOrStderr(), lang.Pick("令牌 %s，范围 %s。请现在保存：湖里只存它的哈希。\n", "token %s, scope %s. Keep it now: the lake holds only its hash.\n"), name, scope)
				if seesCases {
					printf(cmd.ErrOrStderr(), "%s\n", lang.Pick("此令牌可查看范围内的单个病例：谁能看它的数据源，谁就能看病例。每次查看都记入审计。", "It may see single cases of its scope: who can use its data source sees cases. Every look is in the audit book."))
				}
				if seesSmall {
					printf(cmd.ErrOrStderr(), "%s\n", lang.Pick("此令牌可查看范围内不足 min_cell 例的数字：谁能看它的数据源，谁就能看。标杆仍保护他院病例。", "It sees figures of few cases of its scope: who can use its data source sees them. Benchmarks still guard the cases of others."))
				}
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&seesCases, "cases", false, lang.Pick("可查看范围内的单个病例（病例列表与分组解释）", "may see single cases of its scope: lists, and why each was grouped as it was"))
	cmd.Flags().BoolVar(&seesSmall, "small-cells", false, lang.Pick("可查看范围内不足 min_cell 例的数字（如低风险组死亡）；默认隐藏", "sees figures of few cases of its scope, such as deaths in low-risk groups; otherwise they are hidden"))
	cmd.Flags().StringVar(&f.tokens, "token-file", "", lang.Pick("令牌文件（默认 LAKE/tokens.yaml）", "file of tokens (default: LAKE/tokens.yaml)"))
	cmd.Flags().StringVar(&name, "name", "", lang.Pick("名称，写入审计", "name, written to the audit book"))
	cmd.Flags().StringVar(&scope, "scope", "", lang.Pick("范围：whole、org:编码,…、region:编码,…，可用 + 相连", "scope: whole, org:CODE,…, region:CODE,…, several joined by +"))
	cmd.Flags().IntVar(&days, "days", 0, lang.Pick("有效天数，0 为不限", "days until it expires; 0 = never"))
	return cmd
}

func tokenListCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "list", Short: lang.Pick("列出令牌（无密文）", "list tokens, without secrets"), Args: usage(cobra.NoArgs), Example: "  sanyi serve token list --lake lake",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd.Context(), func(l *lake.Lake) error {
				list, err := access.List(f.tokenPath(l))
				if err != nil {
					return err
				}
				for _, e := range list {
					expires := ""
					if !e.Expires.IsZero() {
						expires = lang.Pick("至 ", "until ") + e.Expires.Format(time.DateOnly)
					}
					var rights []string
					for _, r := range e.Rights() {
						rights = append(rights, string(r))
					}
					printf(cmd.OutOrStdout(), "%s\t%s\t%s\t%s\t%s\n", e.Name, e.Scope, e.Created.Format(time.DateOnly), expires, strings.Join(rights, ","))
				}
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.tokens, "token-file", "", lang.Pick("令牌文件（默认 LAKE/tokens.yaml）", "file of tokens (default: LAKE/tokens.yaml)"))
	return cmd
}

func tokenRemoveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "remove NAME", Short: lang.Pick("删除令牌，立即失效", "remove a token; it is refused at once"), Args: usage(cobra.ExactArgs(1)), Example: "  sanyi serve token remove --lake lake h0001",
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), func(l *lake.Lake) error {
				if err := access.Remove(f.tokenPath(l), args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), args[0])
				return err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.tokens, "token-file", "", lang.Pick("令牌文件（默认 LAKE/tokens.yaml）", "file of tokens (default: LAKE/tokens.yaml)"))
	return cmd
}
