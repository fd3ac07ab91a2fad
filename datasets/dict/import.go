package dict

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// headings are the names under which the columns of a list arrive, in lower case.
var headings = map[string][]string{
	"code":       {"code", "编码", "代码", "diag_code", "proc_code", "drug_code", "region_code", "医保代码", "诊断代码", "手术操作代码", "药品代码", "区划代码"},
	"name_zh":    {"name_zh", "name", "名称", "中文名称", "诊断名称", "手术操作名称", "药品名称", "注册名称", "diag_name", "proc_name", "generic_name", "region_name"},
	"name_en":    {"name_en", "英文名称", "english"},
	"parent":     {"parent", "parent_code", "上级", "上级代码", "父级编码"},
	"valid_from": {"valid_from", "生效日期", "启用日期"},
	"valid_to":   {"valid_to", "失效日期", "停用日期"},
}

// Read takes a full list from CSV text in UTF-8 (a byte order mark is passed over) whose header names at least code and
// name, in any order, in Chinese or English. Codes are sorted; a code that comes twice with the same name is taken once.
func Read(name string, r io.Reader, meta List) (*List, error) {
	if !listID.MatchString(meta.ID) {
		return nil, fault.New(fault.Usage, "list %q: an id is upper case ASCII such as ICD10", meta.ID)
	}
	if meta.ZH == "" || meta.Issuer == "" || meta.Year == "" {
		return nil, fault.New(fault.Usage, "list %s: wants a title, an issuer and a year", meta.ID)
	}
	if meta.EN == "" {
		meta.EN = meta.ZH
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	c.FieldsPerRecord = -1
	rows, err := c.ReadAll()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", name, err)
	}
	if len(rows) < 2 {
		return nil, fault.New(fault.Invalid, "%s: no codes", name)
	}
	at, err := columns(rows[0])
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s:1: %w", name, err)
	}
	list := &meta
	list.Codes = nil
	var faults []error
	for i, row := range rows[1:] {
		get := func(column string) string {
			j, ok := at[column]
			if !ok || j >= len(row) {
				return ""
			}
			return strings.TrimSpace(row[j])
		}
		code := Code{Code: get("code"), ZH: get("name_zh"), EN: get("name_en"), Parent: get("parent"), From: get("valid_from"), To: get("valid_to")}
		if code.Code == "" && code.ZH == "" {
			continue
		}
		if err := code.check(); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", name, i+2, err))
		}
		list.Codes = append(list.Codes, code)
	}
	if len(faults) > 0 {
		return nil, fault.Wrap(fault.Invalid, errors.Join(faults[:min(len(faults), 20)]...))
	}
	slices.SortStableFunc(list.Codes, compare)
	list.Codes = slices.CompactFunc(list.Codes, func(a, b Code) bool { return a == b })
	// What was written is read back by the same strict rules as every other list.
	if _, err := parseCodes(name, list.csv()); err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	return list, nil
}

func columns(header []string) (map[string]int, error) {
	at := map[string]int{}
	for column, names := range headings {
		for i, h := range header {
			if _, ok := at[column]; !ok && slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) {
				at[column] = i
			}
		}
	}
	for _, column := range []string{"code", "name_zh"} {
		if _, ok := at[column]; !ok {
			return nil, fmt.Errorf("no column %s: the header wants one of %s", column, strings.Join(headings[column], ", "))
		}
	}
	return at, nil
}

func (l *List) csv() []byte {
	width := 4
	for _, c := range l.Codes {
		if c.From != "" || c.To != "" {
			width = len(codeHead)
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(codeHead[:width]) // a bytes.Buffer takes everything
	for _, c := range l.Codes {
		_ = w.Write([]string{c.Code, c.ZH, c.EN, c.Parent, c.From, c.To}[:width])
	}
	w.Flush()
	return b.Bytes()
}

// Write puts a list into an overlay folder (dir/codes): its file, and its line in lists.csv.
func Write(dir string, l *List) error {
	folder := filepath.Join(dir, "codes")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fault.Wrap(fault.Unavailable, err)
	}
	lists := []*List{}
	text, err := os.ReadFile(filepath.Join(folder, index))
	switch {
	case err == nil:
		if lists, err = parseIndex(index, text); err != nil {
			return fault.Wrap(fault.Invalid, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(fault.Unavailable, err)
	}
	lists = slices.DeleteFunc(lists, func(o *List) bool { return o.ID == l.ID })
	lists = append(lists, l)
	slices.SortFunc(lists, func(a, b *List) int { return strings.Compare(a.ID, b.ID) })
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(indexHead)
	for _, o := range lists {
		_ = w.Write([]string{o.ID, o.ZH, o.EN, o.Issuer, o.Year, strconv.FormatBool(o.Complete)})
	}
	w.Flush()
	// The list first: an index that names a missing file would stop every command that reads the overlay.
	if err := replace(filepath.Join(folder, l.ID+".csv"), l.csv()); err != nil {
		return err
	}
	return replace(filepath.Join(folder, index), b.Bytes())
}

// replace writes a file whole or not at all.
func replace(file string, text []byte) error {
	tmp := file + ".new"
	if err := os.WriteFile(tmp, text, 0o644); err != nil {
		return fault.Wrap(fault.Unavailable, err)
	}
	return fault.Wrap(fault.Unavailable, os.Rename(tmp, file))
}
