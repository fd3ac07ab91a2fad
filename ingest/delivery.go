package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanyi-lake/sanyi/ingest/landing"
	"github.com/sanyi-lake/sanyi/ingest/reader"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

// delivery is what one organisation sent of one source for one business date.
type delivery struct {
	source *Source
	org    string
	date   time.Time // zero where the source has none
	index  int32
	id     string // in this publication
	jobs   []*job
	// earlier files of the same call, where one file is the delivery: the last one is
	earlier []*job

	due      time.Time
	arrived  time.Time
	rerun    bool
	old      []string // live deliveries that this one replaces
	refused  error
	outdated bool // keep: latest, and a newer one is in the lake
	read     int64
	days     map[string]map[[2]string]bool // table → (organisation, day) that occur in its rows, where they count as delivered
}

// day is the business date as text, "" where there is none.
func (d *delivery) day() string {
	if d.date.IsZero() {
		return ""
	}
	return d.date.Format(time.DateOnly)
}

// identity names organisation × source × business date in 16 characters.
func identity(source, org, day string) string {
	sum := sha256.Sum256([]byte(source + "\x1f" + org + "\x1f" + day))
	return hex.EncodeToString(sum[:8])
}

// name is how people call the delivery.
func (d *delivery) name() string {
	return strings.TrimSuffix(d.source.ID+"/"+d.org+"/"+d.day(), "/")
}

// refusedFile is a file that never became part of a delivery.
type refusedFile struct {
	member *landing.Member
	source *Source // nil where none, or several, take it
	err    error
}

// sorter finds out whose files are whose.
type sorter struct {
	sources []*Source
	opts    Options
	refused []refusedFile
	byKey   map[string]*delivery
	all     []*delivery
}

// sortFiles matches members to sources and groups them into deliveries.
func sortFiles(ctx context.Context, sources []*Source, opts Options, members []*landing.Member) (*sorter, error) {
	st := &sorter{sources: sources, opts: opts, byKey: map[string]*delivery{}}
	for _, m := range members {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if st.take(m); len(st.refused) > 0 && noRoom(st.refused[len(st.refused)-1].err) {
			return nil, st.refused[len(st.refused)-1].err // our disk is full, and says nothing about their file
		}
	}
	for _, d := range st.all {
		slices.SortStableFunc(d.jobs, func(a, b *job) int {
			return cmp.Or(a.member.ModTime.Compare(b.member.ModTime), cmp.Compare(a.member.Path, b.member.Path))
		})
	}
	slices.SortFunc(st.all, func(a, b *delivery) int {
		return cmp.Or(cmp.Compare(a.source.ID, b.source.ID), a.date.Compare(b.date), cmp.Compare(a.org, b.org))
	})
	return st, nil
}

func (st *sorter) refuse(m *landing.Member, s *Source, err error) {
	st.refused = append(st.refused, refusedFile{m, s, fault.Wrap(fault.Refused, err)})
}

func (st *sorter) take(m *landing.Member) {
	if m.Err != nil {
		st.refuse(m, nil, m.Err)
		return
	}
	src, groups, err := st.match(m)
	if err != nil {
		st.refuse(m, src, err)
		return
	}
	sum, size, err := m.Fingerprint()
	if err != nil {
		st.refuse(m, src, err)
		return
	}
	org, day, err := st.identify(src, m, groups)
	if err != nil {
		st.refuse(m, src, fmt.Errorf("%s: source %s: %w", m.Path, src.ID, err))
		return
	}
	text := ""
	if !day.IsZero() {
		text = day.Format(time.DateOnly)
	}
	key := identity(src.ID, org, text)
	if src.perFile {
		key = identity(src.ID, sum, "")
	}
	d := st.byKey[key]
	if d == nil {
		d = &delivery{source: src, org: org, date: day, id: key}
		st.byKey[key] = d
		st.all = append(st.all, d)
	}
	j := &job{delivery: d, member: m, sum: sum, size: size, groups: groups}
	j.counts.tables = map[string]int64{}
	if slices.ContainsFunc(d.jobs, func(o *job) bool { return o.sum == sum }) {
		return // the same bytes twice in one call
	}
	d.jobs = append(d.jobs, j)
}

// match finds the one source that takes a file.
func (st *sorter) match(m *landing.Member) (*Source, map[string]string, error) {
	var found *Source
	var groups map[string]string
	for _, s := range st.sources {
		for _, re := range s.patterns {
			caught := re.FindStringSubmatch(m.Name)
			if caught == nil {
				caught = re.FindStringSubmatch(m.Path)
			}
			if caught == nil {
				continue
			}
			if found != nil && found != s {
				return nil, nil, fmt.Errorf("%s: sources %s and %s both take this file; name one by --source, or narrow their patterns", m.Path, found.ID, s.ID)
			}
			found, groups = s, caughtGroups(re, caught)
			break
		}
	}
	if found != nil {
		return found, groups, nil
	}
	if st.opts.Source != "" || st.opts.Table != "" {
		return st.sources[0], nil, nil
	}
	return nil, nil, fmt.Errorf("%s: no source takes this file (there are %s); name one by --source, or a table by --table", m.Path, strings.Join(candidates(st.sources, m.Name), ", "))
}

// candidates are the sources that a person may have meant: those of the file's format.
func candidates(sources []*Source, name string) []string {
	var near, all []string
	for _, s := range sources {
		all = append(all, s.ID)
		if strings.HasSuffix(strings.ToLower(name), s.Format) || strings.HasSuffix(name, ".txt") && s.Format == "csv" {
			near = append(near, s.ID)
		}
	}
	if len(near) > 0 {
		all = near
	}
	if len(all) == 0 {
		return []string{"none"}
	}
	if len(all) > 12 {
		all = append(all[:12:12], "…")
	}
	return all
}

func caughtGroups(re *regexp.Regexp, caught []string) map[string]string {
	out := map[string]string{}
	for i, name := range re.SubexpNames() {
		if name != "" && caught[i] != "" {
			out[name] = caught[i]
		}
	}
	return out
}

// identify finds organisation and business date of a file.
func (st *sorter) identify(s *Source, m *landing.Member, groups map[string]string) (org string, day time.Time, err error) {
	var columns []string
	for _, f := range []From{s.Delivery.Org, s.Delivery.Date} {
		if f.Column != "" {
			columns = append(columns, f.Column)
		}
	}
	var values map[string][]string
	if len(columns) > 0 && (st.opts.Org == "" || st.opts.Date == "") {
		if values, err = peek(s, m, columns); err != nil {
			return "", day, err
		}
	}
	text := func(f From, given, flag string) (string, error) {
		switch {
		case given != "":
			return given, nil
		case f.Const != "":
			return f.Const, nil
		case f.File != "":
			if groups[f.File] == "" {
				return "", fmt.Errorf("the file's name has no %s; give %s", f.File, flag)
			}
			return groups[f.File], nil
		case f.Column != "":
			return one(f, values[f.Column], flag)
		case f.Arg:
			return "", fmt.Errorf("give %s", flag)
		default:
			return "", nil
		}
	}
	if org, err = text(s.Delivery.Org, st.opts.Org, "--org"); err != nil {
		return "", day, err
	}
	org = strings.TrimSpace(org)
	if org == "" && !s.perFile {
		return "", day, errors.New("no organisation; give --org")
	}
	if len(org) > 22 {
		return "", day, errors.New("the organisation code is longer than 22 characters")
	}
	date, err := text(s.Delivery.Date, st.opts.Date, "--date")
	if err != nil || date == "" {
		return org, day, err
	}
	format := s.Delivery.Date.Format
	if st.opts.Date != "" {
		format = ""
	}
	day, err = businessDate(date, format)
	return org, day, err
}

// one takes the value of a delivery from a column of its records.
func one(f From, values []string, flag string) (string, error) {
	if len(values) == 0 {
		return "", fmt.Errorf("column %s has no value; give %s", f.Column, flag)
	}
	switch f.Take {
	case "min":
		return slices.MinFunc(values, byTime(f)), nil
	case "max":
		return slices.MaxFunc(values, byTime(f)), nil
	}
	if len(values) > 1 {
		return "", fmt.Errorf("column %s has %d values, and a delivery has one; give %s, or say take: min or max in the source", f.Column, len(values), flag)
	}
	return values[0], nil
}

func byTime(f From) func(a, b string) int {
	return func(a, b string) int {
		s, err1 := businessDate(a, f.Format)
		t, err2 := businessDate(b, f.Format)
		switch {
		case err1 == nil && err2 == nil:
			return s.Compare(t)
		case err1 == nil:
			return 1
		case err2 == nil:
			return -1
		}
		return cmp.Compare(a, b)
	}
}

// peek reads the distinct values of a few columns of a file.
func peek(s *Source, m *landing.Member, columns []string) (map[string][]string, error) {
	const most = 10000
	content, err := m.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	spec := s.spec()
	spec.Want = columns
	r, err := reader.Open(spec, m.Path, content, nil)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	seen := map[string]map[string]bool{}
	for r.Next() {
		b := r.RecordBatch()
		for i, name := range columns {
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			col := b.Column(i)
			for k := range col.Len() {
				if !col.IsNull(k) && len(seen[name]) < most {
					if v := col.ValueStr(k); !seen[name][v] {
						seen[name][strings.Clone(v)] = true
					}
				}
			}
		}
	}
	out := map[string][]string{}
	for name, set := range seen {
		for v := range set {
			out[name] = append(out[name], v)
		}
		slices.Sort(out[name])
	}
	if len(r.Missing()) > 0 {
		return nil, fmt.Errorf("no column %s", strings.Join(r.Missing(), ", "))
	}
	return out, nil // a fault further down is found, and told, when the file is loaded
}

// spec is how the reader shall read files of the source.
func (s *Source) spec() reader.Spec {
	spec := reader.Spec{Format: s.Format, Encoding: s.Encoding, Trim: true}
	if s.CSV.Trim != nil {
		spec.Trim = *s.CSV.Trim
	}
	spec.CSV.Delimiter = strings.NewReplacer(`\t`, "\t").Replace(s.CSV.Delimiter)
	if s.CSV.Quote != nil {
		spec.CSV.Quote = *s.CSV.Quote
		if spec.CSV.Quote == "" {
			spec.CSV.Quote = "none"
		}
	}
	spec.CSV.Header = s.CSV.Header == nil || *s.CSV.Header
	spec.CSV.Columns = s.CSV.Columns
	spec.CSV.SkipLines = s.CSV.Skip
	spec.CSV.Escape, spec.CSV.Comment = s.CSV.Escape, s.CSV.Comment
	spec.JSON.Records = s.JSON.Records
	for _, w := range s.nulls() {
		if w != "" {
			spec.Null = append(spec.Null, w)
		}
	}
	spec.Want = make([]string, 0, len(s.order))
	for _, c := range s.order {
		spec.Want = append(spec.Want, c.name)
	}
	spec.Aliases = s.Columns.Aliases
	return spec
}

// deliveryID is the id of a delivery in a publication: at most 40 characters, and never used before.
func deliveryID(key string, publication int64, missing bool) string {
	if missing {
		return key + ".m" + strconv.FormatInt(publication, 10)
	}
	return key + ".p" + strconv.FormatInt(publication, 10)
}
