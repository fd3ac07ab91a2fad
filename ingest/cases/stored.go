package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/internal/lake"
)

// stored is by what the state of a publication was grouped and settled.
type stored struct {
	publication int64   // the one that stored it: a rollback has what it went back to
	config      *Config // nil: it kept no groupings
	text        []byte
	groupings   map[string]string // scheme → what define stored of its method
	settlements map[string]string // id → what define stored of its parameters and payment table
}

// storedAt reads the definitions of a publication (0 = the head).
func storedAt(ctx context.Context, l *lake.Lake, publication int64) (*stored, error) {
	all, err := l.Publications(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[int64]lake.Publication{}
	head := int64(0)
	for _, p := range all {
		byID[p.ID] = p
		head = max(head, p.ID)
	}
	if publication == 0 {
		publication = head
	}
	out := &stored{groupings: map[string]string{}, settlements: map[string]string{}}
	for publication > 0 && out.config == nil {
		defs, err := l.Definitions(ctx, publication)
		if err != nil {
			return nil, err
		}
		for _, d := range defs {
			switch d.Kind {
			case groupingDefinition:
				out.groupings[d.ID] = d.Text
			case settlementDefinition:
				out.settlements[d.ID] = d.Text
			case configDefinition:
				out.publication, out.text = publication, []byte(d.Text)
				if out.config, err = parseConfig(out.text, fmt.Sprintf("publication %d: %s", publication, ConfigFile)); err != nil {
					return nil, err
				}
			}
		}
		switch p := byID[publication]; p.Kind {
		case "rollback":
			publication = p.Of
		case "ingest", "group":
			publication = 0 // it would have stored it
		default:
			publication = p.Parent
		}
	}
	return out, nil
}

// configAt is the configuration of a publication; of one that stored none, that of the file.
func configAt(ctx context.Context, l *lake.Lake, publication int64) (*Config, error) {
	was, err := storedAt(ctx, l, publication)
	if err != nil {
		return nil, err
	}
	if was.config != nil {
		return was.config, nil
	}
	return ReadConfig(l.Dir())
}

// Restore writes grouping.yaml as the state of a publication (0 = the head) was grouped and settled by, and says which
// publication stored it. A file that is there is kept beside it, under the name that it returns.
func Restore(ctx context.Context, l *lake.Lake, publication int64) (from int64, kept string, err error) {
	staging, err := l.Begin(ctx) // for the writer's lock: no publication is on its way
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, staging.Abort()) }()
	was, err := storedAt(ctx, l, publication)
	if err != nil {
		return 0, "", err
	}
	if was.config == nil {
		return 0, "", fault.New(fault.NotFound, "lake %s: that publication stored no %s; sanyi publish list shows what there is", l.Dir(), ConfigFile)
	}
	path := filepath.Join(l.Dir(), ConfigFile)
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, "", fault.Wrap(fault.Unavailable, err)
	case !bytes.Equal(before, was.text):
		kept = path + ".before"
		if err := putFile(kept, before); err != nil {
			return 0, "", err
		}
	}
	text, err := was.config.over(nil)
	if err != nil {
		return 0, "", err
	}
	return was.publication, kept, putFile(path, text)
}

// Differs says whether the lake's file groups or settles otherwise than the state of a publication (0 = the head) was:
// then the next publication does it all anew, by the file.
func Differs(ctx context.Context, l *lake.Lake, publication int64) (bool, error) {
	was, err := storedAt(ctx, l, publication)
	if err != nil {
		return false, err
	}
	c, err := ReadConfig(l.Dir())
	if err != nil {
		return false, err
	}
	if was.config == nil {
		return len(c.Groupings) > 0, nil
	}
	text, err := yaml.Marshal(c)
	return !bytes.Equal(text, was.text), err
}

// table is a payment table: its name, and its text.
type table struct{ name, text string }

// table is the payment table that a method's weights are from.
func (m *Method) table() (table, error) {
	var t methodText
	if err := json.Unmarshal([]byte(m.Text), &t); err != nil {
		return table{}, fault.New(fault.Internal, "scheme %s: %w", m.Scheme, err)
	}
	return table{m.Weights, t.Weights}, nil
}

// tableMark begins the payment table in what a publication stores of a settlement: see readPricing.
const tableMark = "\n--- "

// split takes apart what a publication stored of a settlement.
func split(text string) (params string, t table) {
	params, rest, found := strings.Cut(text, tableMark)
	if found {
		t.name, t.text, _ = strings.Cut(rest, "\n")
	}
	return params, t
}

// pricingOf makes a pricing of texts, in place of files.
func pricingOf(s Settlement, params, name string, t table) (*pricing, error) {
	p := &pricing{Settlement: s, text: params}
	var err error
	if p.params, err = settle.Load([]byte(params), name); err != nil {
		return nil, err
	}
	if t.text == "" {
		return p, nil
	}
	rows, err := settle.ReadWeights(strings.NewReader(t.text), t.name)
	if err != nil {
		return nil, err
	}
	p.params.AddWeights(rows, digest(t.text))
	p.text += tableMark + t.name + "\n" + t.text
	return p, nil
}
