package cases

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lake"
)

// Mix says how many discharges of a group a hospital shall have in each span of settlement.
type Mix struct {
	Org   string
	Group string
	Cases int64
}

// ReadMix reads a CSV with the columns org_code, group_code, cases.
func ReadMix(path string) ([]Mix, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, err)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	columns := []string{"org_code", "group_code", "cases"}
	head, err := r.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "%s: %w", path, err)
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(head, c); at[i] < 0 {
			return nil, fault.New(fault.Invalid, "%s:1: no column %s; wanted are %s", path, c, strings.Join(columns, ", "))
		}
	}
	var out []Mix
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: %w", path, err)
		}
		line, _ := r.FieldPos(0)
		m := Mix{Org: strings.TrimSpace(row[at[0]]), Group: strings.TrimSpace(row[at[1]])}
		n, err := decimal.NewFromString(strings.TrimSpace(row[at[2]]))
		if err != nil || !n.IsInteger() || n.IsNegative() || n.GreaterThan(decimal.NewFromInt(mostCases)) {
			return nil, fault.New(fault.Invalid, "%s:%d: column cases: a whole number up to %d is wanted", path, line, mostCases)
		}
		if slices.ContainsFunc(out, func(o Mix) bool { return o.Org == m.Org && o.Group == m.Group }) {
			return nil, fault.New(fault.Invalid, "%s:%d: hospital and group are there twice", path, line)
		}
		m.Cases = n.IntPart()
		out = append(out, m)
	}
}

// mostCases of a line: more than any hospital discharges, and few enough to be made.
const mostCases = 1_000_000

// choose makes the temp tables mix_wanted and mix_in: for each discharge that a hospital shall have, the one that it is
// like. That is one of its own in the group, taken evenly over the span, so that the mix that is there changes nothing;
// of a group that the hospital has none of, one of the region.
func (r *reader) choose(ctx context.Context, mix []Mix, spans []days, methods []*Method) error {
	groups, err := r.table(ctx, groupTable, "")
	if err != nil {
		return err
	}
	var wanted, when []string
	for _, m := range mix {
		wanted = append(wanted, fmt.Sprintf("(%s, %s, %d)", quote(m.Org), quote(m.Group), m.Cases))
	}
	for _, s := range spans {
		when = append(when, fmt.Sprintf("(DATE %s, DATE %s)", quote(s.from), quote(s.to)))
	}
	if len(when) == 0 {
		when = []string{"(NULL::DATE, NULL::DATE)"}
	}
	for _, query := range []string{
		"CREATE OR REPLACE TEMP TABLE mix_wanted AS SELECT * FROM (VALUES " + strings.Join(wanted, ", ") + ") v(org_code, group_code, cases)",
		"CREATE OR REPLACE TEMP TABLE mix_span AS SELECT * FROM (VALUES " + strings.Join(when, ", ") + ") v(day_from, day_to)",
		fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE mix_in AS
WITH pool AS (
    SELECT s.day_from, g.org_code, g.stay_id, g.group_code,
        row_number() OVER own - 1 AS own_no, count(*) OVER (PARTITION BY s.day_from, g.org_code, g.group_code) AS own_n,
        row_number() OVER region - 1 AS region_no, count(*) OVER (PARTITION BY s.day_from, g.group_code) AS region_n
    FROM %s g JOIN mix_span s ON g.discharge_date >= s.day_from AND g.discharge_date < s.day_to
    WHERE g.is_current AND g.group_code IN (SELECT group_code FROM mix_wanted)
    WINDOW own AS (PARTITION BY s.day_from, g.org_code, g.group_code ORDER BY g.discharge_date, g.stay_id),
        region AS (PARTITION BY s.day_from, g.group_code ORDER BY g.discharge_date, g.org_code, g.stay_id)
),
have AS (SELECT DISTINCT day_from, org_code, group_code FROM pool),
each AS (
    SELECT s.day_from, w.org_code, w.group_code, w.cases, unnest(range(w.cases)) AS k, h.org_code IS NOT NULL AS own
    FROM mix_wanted w CROSS JOIN mix_span s
    LEFT JOIN have h ON h.day_from = s.day_from AND h.org_code = w.org_code AND h.group_code = w.group_code
)
SELECT e.org_code, e.group_code, e.own, p.org_code AS from_org, p.stay_id AS from_stay, row_number() OVER (PARTITION BY e.org_code, p.org_code, p.stay_id ORDER BY e.k) AS copy
FROM each e JOIN pool p ON p.day_from = e.day_from AND p.group_code = e.group_code
    AND CASE WHEN e.own THEN p.org_code = e.org_code AND p.own_no = e.k * p.own_n // e.cases ELSE p.region_no = e.k * p.region_n // e.cases END`, groups),
	} {
		if err := r.exec(ctx, query); err != nil {
			return err
		}
	}
	lacking, err := r.counts(ctx, "SELECT org_code || ': group ' || group_code, cases FROM mix_wanted w WHERE cases > 0 AND NOT EXISTS (SELECT 1 FROM mix_in i WHERE i.group_code = w.group_code) ORDER BY 1 LIMIT 1")
	if err != nil {
		return err
	}
	for what := range lacking {
		return fault.New(fault.Invalid, "mix: hospital %s has no case in the region to take cost and length of stay from", what)
	}
	return r.weighMix(ctx, groups, methods)
}

// weighMix gives the likenesses of other hospitals' cases the weight that the payment table has for the level of the
// hospital that they are in.
func (r *reader) weighMix(ctx context.Context, groups string, methods []*Method) error {
	if err := r.readLevels(ctx); err != nil {
		return err
	}
	if err := r.exec(ctx, "CREATE OR REPLACE TEMP TABLE mix_weight (scheme VARCHAR, org_code VARCHAR, group_code VARCHAR, insutype VARCHAR, discharge_date DATE, weight DECIMAL(12, 4))"); err != nil {
		return err
	}
	var values []string
	like := "mix_in m JOIN " + groups + " g ON NOT m.own AND g.org_code = m.from_org AND g.stay_id = m.from_stay AND g.is_current"
	err := r.loader.Scan(ctx, "SELECT DISTINCT g.scheme, m.org_code, g.group_code, coalesce(g.insutype, ''), g.discharge_date FROM "+like, func(b arrow.RecordBatch) error {
		day := b.Column(4).(*array.Date32) //nolint:forcetypeassert // as selected
		for i := range int(b.NumRows()) {
			var t [4]string
			for j := range t {
				t[j] = text(b.Column(j).(*array.String), i) //nolint:forcetypeassert // as selected
			}
			at := slices.IndexFunc(methods, func(m *Method) bool { return m.Scheme == t[0] && m.Payment != nil })
			if at < 0 {
				continue // weights are of the scheme, or there are none
			}
			weight := "NULL"
			if w, ok := methods[at].Payment.WeightOf(t[2], translated(r.level, r.levels.on(t[1], day.Value(i))), translated(r.insure, t[3])); ok {
				weight = w.String()
			} else if methods[at].DIP != nil {
				continue // the score of the catalogue, at every level
			}
			values = append(values, fmt.Sprintf("(%s, %s, %s, %s, DATE %s, %s)", quote(t[0]), quote(t[1]), quote(t[2]), quote(t[3]), quote(day.Value(i).ToTime().Format(time.DateOnly)), weight))
		}
		return nil
	})
	if err != nil {
		return sqlFault(err)
	}
	for some := range slices.Chunk(values, 1000) {
		if err := r.exec(ctx, "INSERT INTO mix_weight VALUES "+strings.Join(some, ", ")); err != nil {
			return err
		}
	}
	return r.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE mix_in AS
WITH own AS (
    SELECT DISTINCT m.org_code, m.from_org, m.from_stay, w.weight
    FROM %s JOIN mix_weight w ON w.scheme = g.scheme AND w.org_code = m.org_code AND w.group_code = g.group_code
        AND w.insutype = coalesce(g.insutype, '') AND w.discharge_date = g.discharge_date
)
SELECT m.*, own.weight, own.org_code IS NOT NULL AS weighed
FROM mix_in m LEFT JOIN own ON own.org_code = m.org_code AND own.from_org = m.from_org AND own.from_stay = m.from_stay`, like))
}

// What a case of a mix is called, and whose it is: the first likeness of a hospital's own case is that case itself; the
// others are persons of their own, and in another hospital they are no department's and no physician's.
const (
	mixStay   = "CASE WHEN m.own AND m.copy = 1 THEN g.stay_id WHEN m.own THEN g.stay_id || '~' || m.copy ELSE g.stay_id || '~' || m.from_org || '~' || m.copy END AS stay_id"
	mixPerson = "CASE WHEN m.own AND m.copy = 1 THEN g.person_key ELSE g.person_key || '~' || m.org_code || '~' || m.copy END AS person_key"
	mixWhose  = "m.org_code AS org_code, CASE WHEN m.own THEN g.discharge_dept END AS discharge_dept, CASE WHEN m.own THEN g.doctor_id END AS doctor_id"
	mixWeight = "CASE WHEN m.weighed THEN m.weight ELSE g.weight END AS weight"
	mixGone   = "EXISTS (SELECT 1 FROM mix_wanted w WHERE w.org_code = g.org_code AND w.group_code = g.group_code)"
)

// mixBills gives bill_in the cases of the mix: each is the hospital's that it is in, with its level, coefficient and rate,
// and what follows (tiers, quotas, values of points) is found with all others.
func (r *reader) mixBills(ctx context.Context) error {
	return r.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE bill_in AS
WITH mixed AS (
    SELECT g.* FROM bill_in g WHERE NOT %s
    UNION ALL BY NAME
    SELECT g.* REPLACE (%s, %s, %s) FROM mix_in m JOIN bill_in g ON g.org_code = m.from_org AND g.stay_id = m.from_stay
)
SELECT * FROM mixed ORDER BY org_code, discharge_date, stay_id`, mixGone, mixStay, mixWhose, mixWeight))
}

// mixGroups writes the months of fact_case_group that the mix changes, and keeps the others.
func (r *reader) mixGroups(ctx context.Context, spans []days, into folder) error {
	t, ok := r.set.Table(groupTable)
	if !ok {
		return fault.New(fault.Internal, "no contract %s", groupTable)
	}
	files, err := r.files(ctx, groupTable)
	if err != nil {
		return err
	}
	months, err := r.months(ctx, groupTable)
	if err != nil {
		return err
	}
	into.out.Files[groupTable] = []lake.DataFile{}
	for _, month := range months {
		if !slices.ContainsFunc(spans, func(s days) bool { return month >= s.from[:7] && month+"-01" < s.to }) {
			for _, f := range files {
				if f.Month == month {
					into.out.Files[groupTable] = append(into.out.Files[groupTable], f)
				}
			}
			continue
		}
		own, err := r.table(ctx, groupTable, month)
		if err != nil {
			return err
		}
		gone := "(g.is_current AND EXISTS (SELECT 1 FROM mix_span s WHERE g.discharge_date >= s.day_from AND g.discharge_date < s.day_to) AND " + mixGone + ")"
		like := "mix_in m JOIN " + own + " g ON g.org_code = m.from_org AND g.stay_id = m.from_stay AND g.group_code = m.group_code AND g.is_current"
		n, err := r.counts(ctx, fmt.Sprintf("SELECT 'rows', count(*) FROM %s g WHERE NOT %s UNION ALL SELECT 'like', count(*) FROM %s UNION ALL SELECT 'gone', count(*) FROM %s g WHERE %s", own, gone, like, own, gone))
		if err != nil {
			return err
		}
		into.out.Cases += n["like"] - n["gone"]
		wrote, err := into.put(ctx, t, month, "", fmt.Sprintf("SELECT g.* FROM %s g WHERE NOT %s UNION ALL BY NAME SELECT g.* REPLACE (%s, %s, %s, %s) FROM %s", own, gone, mixStay, mixPerson, mixWhose, mixWeight, like))
		if err != nil {
			return err
		}
		if wrote != n["rows"]+n["like"] {
			return fault.New(fault.Internal, "what if: month %s: %d cases are in the mix, %d rows were written", month, n["rows"]+n["like"], wrote)
		}
	}
	return nil
}
