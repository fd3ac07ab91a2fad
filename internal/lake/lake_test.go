package lake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/schema"
)

const visitContract = `table: fact_visit
title: {zh: 门诊, en: Visits}
kind: fact
version: "1"
event_date: visit_date
key: [visit_id]
scope: {org: org_code}
columns:
  - {id: 1, name: visit_id, title: {zh: 号, en: id}, type: varchar(30), sensitivity: O}
  - {id: 2, name: org_code, title: {zh: 机构, en: org}, type: varchar(22), sensitivity: O}
  - {id: 3, name: visit_date, title: {zh: 日期, en: date}, type: date, sensitivity: O}
  - {id: 4, name: fee, title: {zh: 费用, en: fee}, type: "decimal(12,2)", sensitivity: M}
`

const orgContract = `table: dim_place
title: {zh: 机构, en: Places}
kind: dim
version: "1"
key: [org_code]
scope: {public: true}
columns:
  - {id: 1, name: org_code, title: {zh: 机构, en: org}, type: varchar(22), sensitivity: P}
`

const stockContract = `table: fact_stock
title: {zh: 库存, en: Stock}
kind: fact
version: "1"
event_date: stat_month
key: [org_code, stat_month]
scope: {org: org_code}
columns:
  - {id: 1, name: org_code, title: {zh: 机构, en: org}, type: varchar(22), sensitivity: O}
  - {id: 2, name: stat_month, title: {zh: 月, en: month}, type: varchar(7), sensitivity: O}
`

func contracts(tb testing.TB, texts ...string) *schema.Set {
	tb.Helper()
	layer := fstest.MapFS{}
	for _, text := range texts {
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "table: "), "\n")
		layer["tables/"+name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	set, err := schema.Load(layer)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// house is a lake with three contracts.
type house struct {
	*testing.T
	lake                *Lake
	visit, place, stock *schema.Table
}

func newHouse(t *testing.T) house {
	t.Helper()
	l, err := Create(t.Context(), filepath.Join(t.TempDir(), "lake"), CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return furnished(t, l)
}

func furnished(t *testing.T, l *Lake) house {
	t.Helper()
	set := contracts(t, visitContract, orgContract, stockContract)
	h := house{T: t, lake: l}
	h.visit, _ = set.Table("fact_visit")
	h.place, _ = set.Table("dim_place")
	h.stock, _ = set.Table("fact_stock")
	return h
}

func (h house) begin() *Staging {
	h.Helper()
	s, err := h.lake.Begin(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// row is a visit: delivery and day.
type row struct{ delivery, day string }

// write writes a data file of a table into a staging; the rows' days lie in one month.
func write(s *Staging, t *schema.Table, rows []row) (DataFile, error) {
	month := ""
	if t.EventDate != "" {
		month = rows[0].day[:7]
	}
	path, err := s.NewFile(t.Name, month)
	if err != nil {
		return DataFile{}, err
	}
	f := DataFile{Path: path, Month: month, Rows: int64(len(rows)), Deliveries: map[string]int64{}}
	for _, r := range rows {
		f.Deliveries[r.delivery]++
	}
	return f, writeParquet(path, t, rows)
}

func writeParquet(path string, t *schema.Table, rows []row) error {
	sc := t.ArrowSchema()
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	for i, r := range rows {
		for j, f := range sc.Fields() {
			switch v := b.Field(j).(type) {
			case *array.Date32Builder:
				day, err := time.Parse(time.DateOnly, r.day)
				if err != nil {
					return err
				}
				v.Append(arrow.Date32FromTime(day))
			case *array.StringBuilder:
				switch f.Name {
				case schema.BatchID:
					v.Append(r.delivery)
				case "stat_month":
					v.Append(r.day[:7])
				default:
					v.Append(fmt.Sprint(f.Name, i))
				}
			default:
				v.AppendNull()
			}
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := pqarrow.NewFileWriter(sc, file, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	return errors.Join(w.Write(b.NewRecordBatch()), w.Close())
}

func days(delivery string, n int, day string) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{delivery, day}
	}
	return rows
}

// deliver stages one delivery of visits: a file of n rows, and its line of the ledger.
func (h house) deliver(s *Staging, delivery string, n int, day string) DataFile {
	h.Helper()
	f, err := write(s, h.visit, days(delivery, n, day))
	if err == nil {
		err = s.Add(h.visit, f)
	}
	if err == nil {
		err = s.Record(Load{
			File: delivery + ".csv", Delivery: delivery, Org: "O", Source: "visits", Date: day, Status: Arrived,
			Records: int64(n), Loaded: int64(n), Tables: map[string]int64{h.visit.Name: int64(n)},
		})
	}
	if err != nil {
		h.Fatal(err)
	}
	return f
}

func (h house) publish(s *Staging) Publication {
	h.Helper()
	p, err := s.Publish(h.Context(), Note{})
	if err != nil {
		h.Fatal(err)
	}
	return p
}

// publishOne publishes one delivery of visits.
func (h house) publishOne(delivery string, n int, day string) Publication {
	h.Helper()
	s := h.begin()
	h.deliver(s, delivery, n, day)
	return h.publish(s)
}

func (h house) rows(publication int64, table string) int64 {
	h.Helper()
	v, err := h.lake.View(h.Context(), publication)
	if err != nil {
		h.Fatal(err)
	}
	n, err := v.Rows(h.Context(), table)
	if err != nil {
		h.Fatal(err)
	}
	return n
}

func (h house) whole() Report {
	h.Helper()
	r, err := h.lake.Verify(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	if len(r.Faults) > 0 {
		h.Fatalf("verify: %s", strings.Join(r.Faults, "\n"))
	}
	return r
}

func (h house) statuses() map[string]string {
	h.Helper()
	loads, err := h.lake.Loads(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	out := map[string]string{}
	for _, load := range loads {
		out[load.Delivery] = load.Status
	}
	return out
}

func TestAStagedDeliveryIsSeenByNobodyUntilItIsPublished(t *testing.T) {
	h := newHouse(t)
	s := h.begin()
	h.deliver(s, "d1", 10, "2025-03-05")
	staged, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := staged.Rows(t.Context(), "fact_visit"); n != 10 || err != nil {
		t.Errorf("staged view: got %d rows, %v; want 10", n, err)
	}
	if n := h.rows(0, "fact_visit"); n != 0 {
		t.Errorf("head before publication: got %d rows, want 0", n)
	}
	h.deliver(s, "d2", 5, "2025-04-01") // after an audit more may come
	if p := h.publish(s); p.ID != 1 || !slices.Equal(p.Tables, []string{"fact_visit"}) {
		t.Errorf("publication: got %+v", p)
	}
	if n := h.rows(0, "fact_visit"); n != 15 {
		t.Errorf("head: got %d rows, want 15", n)
	}
	if r := h.whole(); r.Rows != 15 || r.Files != 2 || r.Loads != 2 || r.Leftovers != 0 {
		t.Errorf("verify: got %+v", r)
	}
}

func TestAnAbortedStagingLeavesNoFile(t *testing.T) {
	h := newHouse(t)
	h.publishOne("d1", 3, "2025-03-05")
	s := h.begin()
	h.deliver(s, "d2", 10, "2025-03-05")
	if _, err := s.Stage(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if r := h.whole(); r.Leftovers != 0 || r.Rows != 3 || r.Publication != 1 {
		t.Errorf("verify: got %+v", r)
	}
	h.publishOne("d2", 4, "2025-03-06") // the lock was given back
}

func TestAReplacedDeliveryIsRewrittenOutOfItsFiles(t *testing.T) {
	h := newHouse(t)
	s := h.begin()
	// One file of two deliveries, as a night that loads many hospitals writes it.
	f, err := write(s, h.visit, append(days("a", 4, "2025-03-05"), days("b", 6, "2025-03-06")...))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(h.visit, f); err != nil {
		t.Fatal(err)
	}
	for d, n := range map[string]int64{"a": 4, "b": 6} {
		if err := s.Record(Load{File: d, Delivery: d, Status: Arrived, Records: n, Loaded: n, Tables: map[string]int64{"fact_visit": n}}); err != nil {
			t.Fatal(err)
		}
	}
	h.publish(s)

	s = h.begin()
	files, err := s.FilesOf(t.Context(), "a")
	if err != nil || len(files["fact_visit"]) != 1 || !maps.Equal(files["fact_visit"][0].Deliveries, map[string]int64{"a": 4, "b": 6}) {
		t.Fatalf("files of a: got %v, %v", files, err)
	}
	s.Supersede("a")
	if err := s.Remove(h.visit, files["fact_visit"][0].Path); err != nil {
		t.Fatal(err)
	}
	kept, err := write(s, h.visit, days("b", 6, "2025-03-06"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(h.visit, kept); err != nil {
		t.Fatal(err)
	}
	h.deliver(s, "a2", 5, "2025-03-05")
	h.publish(s)
	if n := h.rows(0, "fact_visit"); n != 11 {
		t.Errorf("head: got %d rows, want 11", n)
	}
	if n := h.rows(1, "fact_visit"); n != 10 {
		t.Errorf("as of publication 1: got %d rows, want 10", n)
	}
	if got := h.statuses(); !maps.Equal(got, map[string]string{"a": Superseded, "b": Arrived, "a2": Arrived}) {
		t.Errorf("ledger: got %v", got)
	}
	h.whole()
}

func TestAPublicationThatLosesOrDoublesARecordIsRefused(t *testing.T) {
	// Each case stages a good night with one fault in it.
	for _, c := range []struct {
		name string
		do   func(h house, s *Staging, base DataFile) error
		want string
	}{
		{"a record is read and forgotten", func(_ house, s *Staging, _ DataFile) error {
			return s.Record(Load{File: "x.csv", Delivery: "x", Status: Arrived, Records: 10, Loaded: 8, Quarantined: 1})
		}, "10 records were read"},
		{"a row is lost between ledger and file", func(h house, s *Staging, _ DataFile) error {
			f, err := write(s, h.visit, days("x", 9, "2025-03-07"))
			return errors.Join(err, s.Add(h.visit, f), s.Record(Load{File: "x.csv", Delivery: "x", Status: Arrived, Records: 10, Loaded: 10, Tables: map[string]int64{"fact_visit": 10}}))
		}, "its files hold 9"},
		{"the writer claims a row that the file has not", func(h house, s *Staging, _ DataFile) error {
			f, err := write(s, h.visit, days("x", 9, "2025-03-07"))
			f.Rows, f.Deliveries["x"] = 10, 10
			return errors.Join(err, s.Add(h.visit, f))
		}, "its footer says 9 rows, its writer 10"},
		{"rows are claimed for a delivery beyond the footer", func(h house, s *Staging, _ DataFile) error {
			f, err := write(s, h.visit, days("x", 9, "2025-03-07"))
			f.Deliveries["x"] = 10
			return errors.Join(err, s.Add(h.visit, f), s.Record(Load{File: "x.csv", Delivery: "x", Status: Arrived, Records: 10, Loaded: 10, Tables: map[string]int64{"fact_visit": 10}}))
		}, "footer 9 rows, metadata 9, deliveries 10"},
		{"a rewrite loses an old row", func(h house, s *Staging, base DataFile) error {
			f, err := write(s, h.visit, days("base", 19, "2025-03-05"))
			return errors.Join(err, s.Remove(h.visit, base.Path), s.Add(h.visit, f))
		}, "20 rows before + 0 loaded"},
		{"a rewrite loses an old row and lies about it", func(h house, s *Staging, base DataFile) error {
			f, err := write(s, h.visit, days("base", 19, "2025-03-05"))
			f.Deliveries["base"] = 20
			return errors.Join(err, s.Remove(h.visit, base.Path), s.Add(h.visit, f))
		}, "footer 19 rows"},
		{"a rewrite doubles an old row", func(h house, s *Staging, base DataFile) error {
			f, err := write(s, h.visit, days("base", 21, "2025-03-05"))
			return errors.Join(err, s.Remove(h.visit, base.Path), s.Add(h.visit, f))
		}, "its files hold 21"},
		{"an old file is dropped", func(h house, s *Staging, base DataFile) error {
			return s.Remove(h.visit, base.Path)
		}, "its files hold 0"},
		{"rows appear that no load speaks of", func(h house, s *Staging, _ DataFile) error {
			f, err := write(s, h.visit, days("x", 1, "2025-03-07"))
			return errors.Join(err, s.Add(h.visit, f))
		}, "its files hold 1"},
		{"a load speaks of rows that nobody wrote", func(_ house, s *Staging, _ DataFile) error {
			return s.Record(Load{File: "x.csv", Delivery: "x", Status: Arrived, Records: 1, Loaded: 1, Tables: map[string]int64{"dim_place": 1}})
		}, "table dim_place: delivery x"},
		{"a superseded delivery stays in its file", func(_ house, s *Staging, _ DataFile) error {
			s.Supersede("base")
			return nil
		}, "20 replaced"},
		{"an old file shrinks on the disk", func(h house, _ *Staging, base DataFile) error {
			return writeParquet(base.Path, h.visit, days("base", 19, "2025-03-05"))
		}, "footer 19 rows"},
		{"a missing delivery has records", func(_ house, s *Staging, _ DataFile) error {
			return s.Record(Load{Delivery: "x", Status: Missing, Records: 1})
		}, "is missing"},
		{"a refused delivery adds rows", func(_ house, s *Staging, _ DataFile) error {
			return s.Record(Load{Delivery: "x", Status: Refused, Tables: map[string]int64{"fact_visit": 1}})
		}, "is REFUSED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			s := h.begin()
			base := h.deliver(s, "base", 20, "2025-03-05")
			h.publish(s)
			s = h.begin()
			defer s.Abort()
			h.deliver(s, "good", 7, "2025-03-09")
			err := c.do(h, s, base)
			if err == nil {
				_, err = s.Publish(t.Context(), Note{})
			}
			if fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v (kind %v); want a refusal with %q", err, fault.KindOf(err), c.want)
			}
			if head, err := h.lake.Head(t.Context()); head.ID != 1 || err != nil {
				t.Errorf("head: got %d, %v; want 1", head.ID, err)
			}
		})
	}
}

func TestAnErasureIsDeclaredAndHoldsTheEquation(t *testing.T) {
	h := newHouse(t)
	s := h.begin()
	base := h.deliver(s, "d1", 20, "2025-03-05")
	h.publish(s)
	s = h.begin()
	f, err := write(s, h.visit, days("d1", 17, "2025-03-05"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Remove(h.visit, base.Path), s.Add(h.visit, f)); err != nil {
		t.Fatal(err)
	}
	s.Delete("fact_visit", "d1", 3)
	h.publish(s)
	if n := h.rows(0, "fact_visit"); n != 17 {
		t.Errorf("got %d rows, want 17", n)
	}
	h.whole()
}

func TestRollbackBringsTablesAndLedgerBack(t *testing.T) {
	h := newHouse(t)
	h.publishOne("d1", 3, "2025-03-05")
	h.publishOne("d2", 4, "2025-03-06")
	s := h.begin()
	f, err := write(s, h.place, days("d3", 2, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Add(h.place, f), s.Record(Load{File: "p", Delivery: "d3", Status: Arrived, Records: 2, Loaded: 2, Tables: map[string]int64{"dim_place": 2}})); err != nil {
		t.Fatal(err)
	}
	h.publish(s)

	p, err := h.lake.Rollback(t.Context(), 1, "bad night")
	if err != nil || p.ID != 4 || p.Of != 1 {
		t.Fatalf("rollback: got %+v, %v", p, err)
	}
	if v, p := h.rows(0, "fact_visit"), h.rows(0, "dim_place"); v != 3 || p != 0 {
		t.Errorf("head: got %d visits, %d places; want 3, 0", v, p)
	}
	if v, p := h.rows(3, "fact_visit"), h.rows(3, "dim_place"); v != 7 || p != 2 {
		t.Errorf("as of 3: got %d visits, %d places; want 7, 2", v, p)
	}
	if got := h.statuses(); !maps.Equal(got, map[string]string{"d1": Arrived, "d2": RolledBack, "d3": RolledBack}) {
		t.Errorf("ledger: got %v", got)
	}
	h.whole()
	h.publishOne("d4", 5, "2025-03-07")
	if _, err := h.lake.Rollback(t.Context(), 3, "it was good after all"); err != nil {
		t.Fatal(err)
	}
	if v, p := h.rows(0, "fact_visit"), h.rows(0, "dim_place"); v != 7 || p != 2 {
		t.Errorf("head after the second rollback: got %d visits, %d places; want 7, 2", v, p)
	}
	if got := h.statuses(); !maps.Equal(got, map[string]string{"d1": Arrived, "d2": Arrived, "d3": Arrived, "d4": RolledBack}) {
		t.Errorf("ledger: got %v", got)
	}
	h.whole()
	if _, err := h.lake.Rollback(t.Context(), 99, ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("rollback to 99: got %v", err)
	}
}

func TestPruningByMonthNeverLosesADay(t *testing.T) {
	h := newHouse(t)
	s := h.begin()
	for i, day := range []string{"2024-12-31", "2025-01-01", "2025-02-28", "2025-03-01"} {
		h.deliver(s, fmt.Sprint("d", i), 1, day)
	}
	for i, day := range []string{"2024-12-01", "2025-01-01"} {
		f, err := write(s, h.stock, days(fmt.Sprint("s", i), 1, day))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(h.stock, f); err != nil {
			t.Fatal(err)
		}
		s.Derive("fact_stock", fmt.Sprint("s", i), 1)
	}
	h.publish(s)
	v, err := h.lake.View(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		at, err := time.ParseInLocation("2006-01-02 15:04", s, time.FixedZone("CST", 8*3600))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct{ table, from, to, want string }{
		{"fact_visit", "", "", "2024-12 2025-01 2025-02 2025-03"},
		{"fact_visit", "2025-01-01 00:00", "2025-02-01 00:00", "2025-01"},
		{"fact_visit", "2025-01-31 23:59", "2025-02-01 00:01", "2025-01 2025-02"},
		{"fact_visit", "2025-02-28 00:00", "2025-03-01 00:00", "2025-02"},
		{"fact_visit", "2025-02-28 00:00", "", "2025-02 2025-03"},
		{"fact_visit", "", "2025-01-01 00:00", "2024-12"},
		{"fact_stock", "2025-01-01 00:00", "2025-02-01 00:00", "2025-01"},
		{"fact_stock", "2023-01-01 00:00", "2024-02-01 00:00", ""},
		{"dim_place", "", "", ""},
	} {
		fs, err := v.Files(t.Context(), c.table, at(c.from), at(c.to))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range fs {
			got = append(got, f.Month)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s [%s, %s): got %v, want %s", c.table, c.from, c.to, got, c.want)
		}
	}
}

func TestAContractMayGainAColumnButNotChangeOne(t *testing.T) {
	h := newHouse(t)
	h.publishOne("d1", 3, "2025-03-05")
	with := func(text string) *schema.Table {
		v, ok := contracts(t, text).Table("fact_visit")
		if !ok {
			t.Fatal("no contract")
		}
		return v
	}
	gained := with(visitContract + "  - {id: 5, name: dept, title: {zh: 科室, en: dept}, type: varchar(20), sensitivity: O}\n")
	h.visit = gained
	h.publishOne("d2", 4, "2025-03-06")
	if n := h.rows(0, "fact_visit"); n != 7 {
		t.Errorf("got %d rows, want 7", n)
	}
	h.whole()
	for name, text := range map[string]string{
		"type":     strings.Replace(visitContract, `"decimal(12,2)"`, "int32", 1),
		"field id": strings.Replace(visitContract, "{id: 4,", "{id: 9,", 1),
		"id twice": strings.Replace(visitContract, "id: 4, name: fee", "id: 5, name: fee2", 1),
		"month":    strings.Replace(visitContract, "event_date: visit_date\n", "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := h.begin()
			defer s.Abort()
			changed := with(text)
			f, err := write(s, changed, days("d3", 1, "2025-03-07"))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Add(changed, f); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Stage(t.Context()); fault.KindOf(err) != fault.Invalid {
				t.Errorf("got %v, want it refused", err)
			}
		})
	}
}

func TestASecondWriterWaitsAndThenSeesTheFirst(t *testing.T) {
	h := newHouse(t)
	other, err := Open(t.Context(), h.lake.Dir(), Options{LockWait: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := h.begin()
	if _, err := other.Begin(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("second writer: got %v, want it unavailable", err)
	}
	h.deliver(s, "d1", 3, "2025-03-05")
	h.publish(s)
	o := furnished(t, other)
	o.publishOne("d2", 4, "2025-03-05")
	if n := h.rows(0, "fact_visit"); n != 7 {
		t.Errorf("got %d rows, want 7", n)
	}
	h.whole()
}

func TestAWriterThatLostItsLockCannotPublish(t *testing.T) {
	// Should two writers ever get past the lock (a file system without locks), compare-and-swap stands behind it.
	h := newHouse(t)
	s := h.begin()
	h.deliver(s, "d1", 3, "2025-03-05")
	if err := s.lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.journal.file.Name(), s.journal.file.Name()+".aside"); err != nil {
		t.Fatal(err)
	}
	h.publishOne("d2", 4, "2025-03-05")
	if _, err := s.Publish(context.WithoutCancel(t.Context()), Note{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v, want a conflict", err)
	}
	if n := h.rows(0, "fact_visit"); n != 4 {
		t.Errorf("got %d rows, want 4", n)
	}
}
