package cases

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Write puts the file into the lake's folder, in one step. What people wrote about keys and entries that stay, stays.
func (c *Config) Write(lakeDir string) error {
	path := filepath.Join(lakeDir, ConfigFile)
	if err := c.check(path); err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.Unavailable, err)
	}
	text, err := c.over(before)
	if err != nil {
		return fault.New(fault.Invalid, "%s: %w", path, err)
	}
	return putFile(path, text)
}

// putFile writes a file in one step.
func putFile(path string, text []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, 0o640); err != nil { //nolint:gosec // configuration, no secret
		return fault.Wrap(fault.Unavailable, err)
	}
	return fault.Wrap(fault.Unavailable, os.Rename(tmp, path))
}

const configHead = "Groupings and settlements that every publication of this lake keeps up to date (docs/grouping.md).\n每次发布时更新的病例分组与结算测算。"

// over is the text of the configuration, laid over the text of the file as it is.
func (c *Config) over(before []byte) ([]byte, error) {
	fresh := &yaml.Node{}
	if err := fresh.Encode(c); err != nil {
		return nil, err
	}
	fresh.Style = 0 // not {} for a file that gets entries later
	doc := &yaml.Node{}
	if err := yaml.Unmarshal(before, doc); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if doc.Kind == 0 { // no file, or nothing in it but words
		doc = &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{fresh}}
		if words := bytes.TrimSpace(before); len(words) > 0 {
			out.Write(append(words, "\n\n"...))
		} else {
			doc.HeadComment = configHead
		}
	} else {
		root := doc.Content[0]
		if root.Kind == yaml.MappingNode && len(root.Content) > 0 && doc.HeadComment == "" {
			// The words above the first key are those of the file: they stay when the key goes.
			doc.HeadComment, root.Content[0].HeadComment = root.Content[0].HeadComment, ""
		}
		doc.Content[0] = laid(fresh, root)
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}

// laid is what fresh says, with the words, the order and the writing of old where old says the same.
func laid(fresh, old *yaml.Node) *yaml.Node {
	switch {
	case old.Kind != fresh.Kind || slices.ContainsFunc(old.Content, func(n *yaml.Node) bool { return n.Kind == yaml.AliasNode || n.Tag == "!!merge" }):
		fresh.HeadComment, fresh.LineComment, fresh.FootComment = old.HeadComment, old.LineComment, old.FootComment
		return fresh
	case fresh.Kind == yaml.ScalarNode:
		if old.Value != fresh.Value || old.ShortTag() != fresh.ShortTag() {
			old.Value, old.Tag, old.Style = fresh.Value, fresh.Tag, fresh.Style
		}
	case fresh.Kind == yaml.MappingNode:
		var content []*yaml.Node
		for i := 0; i+1 < len(old.Content); i += 2 {
			if v := valueOf(fresh, old.Content[i].Value); v != nil {
				content = append(content, old.Content[i], laid(v, old.Content[i+1]))
			}
		}
		for i := 0; i+1 < len(fresh.Content); i += 2 {
			if valueOf(old, fresh.Content[i].Value) == nil {
				content = append(content, fresh.Content[i], fresh.Content[i+1])
			}
		}
		old.Content = content
	case fresh.Kind == yaml.SequenceNode:
		entries := old.Content
		old.Content = nil
		for _, e := range fresh.Content {
			if at := slices.IndexFunc(entries, func(o *yaml.Node) bool { return sameEntry(e, o) }); at >= 0 {
				e = laid(e, entries[at])
			}
			old.Content = append(old.Content, e)
		}
		if len(entries) == 0 {
			old.Style = 0
		}
	}
	return old
}

// valueOf is the value of a key, nil without one.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// sameEntry says whether two entries are of the same settlement, or of the same grouping.
func sameEntry(a, b *yaml.Node) bool {
	for _, key := range []string{"id", "scheme"} {
		x, y := valueOf(a, key), valueOf(b, key)
		if x != nil && y != nil {
			return x.Value == y.Value
		}
	}
	return false
}

// change applies a change to the lake's file. The caller holds the writer's lock. back puts the file back as it was, and
// takes it away where there was none.
func change(lakeDir string, do func(*Config) error) (back func() error, err error) {
	path := filepath.Join(lakeDir, ConfigFile)
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		back = func() error { return os.Remove(path) }
	case err != nil:
		return nil, fault.Wrap(fault.Unavailable, err)
	default:
		back = func() error { return putFile(path, before) }
	}
	c, err := ReadConfig(lakeDir)
	if err != nil {
		return nil, err
	}
	if err := do(c); err != nil {
		return nil, err
	}
	return back, c.Write(lakeDir)
}
