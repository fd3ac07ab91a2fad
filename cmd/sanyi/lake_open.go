//go:build duckdb_arrow

package main

import (
	"context"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/lang"
	"github.com/sanyi-lake/sanyi/schema"
)

// lakeFlags are the flags of every command on a lake.
type lakeFlags struct {
	dir      string
	overlays []string
}

func (f *lakeFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "lake", os.Getenv("SANYI_LAKE"), lang.Pick("湖的文件夹（默认取 SANYI_LAKE）", "folder of the lake (default: SANYI_LAKE)"))
}

func (f *lakeFlags) registerOverlays(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.overlays, "overlay", nil, lang.Pick("叠加定义的文件夹，可重复", "a folder of definitions laid over the shipped ones (repeatable)"))
}

func (f *lakeFlags) open(ctx context.Context) (*lake.Lake, error) {
	if f.dir == "" {
		return nil, fault.New(fault.Usage, "%s", lang.Pick("哪个湖？请用 --lake DIR 指明", "which lake? name it by --lake DIR"))
	}
	return lake.Open(ctx, f.dir, lake.Options{})
}

// with opens the lake for the time of fn.
func (f *lakeFlags) with(ctx context.Context, fn func(l *lake.Lake) error) error {
	l, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	return fn(l)
}

// layers are the overlays: those that the lake's sanyi.yaml registers, then those of the command line.
func (f *lakeFlags) layers(l *lake.Lake) ([]fs.FS, error) {
	var out []fs.FS
	for _, dir := range append(append([]string(nil), l.Config().Overlays...), f.overlays...) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fault.New(fault.Usage, "overlay %s: no such folder", dir)
		}
		out = append(out, os.DirFS(dir))
	}
	return out, nil
}

// contracts are the shipped contracts with all overlays.
func (f *lakeFlags) contracts(l *lake.Lake) (*schema.Set, error) {
	over, err := f.layers(l)
	if err != nil {
		return nil, err
	}
	return schema.Load(append([]fs.FS{schema.Shipped()}, over...)...)
}

// usage turns a wrong number of arguments into a usage error (exit code 2).
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error { return fault.Wrap(fault.Usage, check(cmd, args)) }
}

func publicationArg(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0, fault.New(fault.Usage, "publication %q: wants its number; see sanyi publish list", text)
	}
	return id, nil
}
