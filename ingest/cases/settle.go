package cases

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
	"github.com/sanyi-lake/sanyi/schema"
)

// pricing is a parameter set with the payment table that goes with it.
type pricing struct {
	Settlement
	params *settle.Params
	text   string // of file and table: what a publication stores
}

// params reads the files of a settlement; paths are relative to the lake.
func (c *Config) params(lakeDir string, s *Settlement) (*pricing, error) {
	weights := s.Weights
	if at := c.find(s.Scheme); weights == "" && at >= 0 {
		weights = c.Groupings[at].Weights
	}
	return readPricing(*s, within(lakeDir, s.Params), weights, lakeDir)
}

func readPricing(s Settlement, path, weights, dir string) (*pricing, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.NotFound, "settlement %s: parameters: %w", s.ID, err)
	}
	p := &pricing{Settlement: s, text: string(data)}
	if p.params, err = settle.Load(data, path); err != nil {
		return nil, err
	}
	if weights == "" {
		return p, nil
	}
	name := within(dir, weights)
	table, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.New(fault.NotFound, "settlement %s: payment table: %w", s.ID, err)
	}
	rows, err := settle.ReadWeights(strings.NewReader(string(table)), name)
	if err != nil {
		return nil, err
	}
	p.params.AddWeights(rows, digest(string(table)))
	p.text += tableMark + weights + "\n" + string(table)
	return p, nil
}

// settle writes the settled cases of the spans that the touched months lie in: quotas and point values are of a span.
func (d *deriver) settle(ctx context.Context, grouped []string, changed bool) error {
	held, err := d.months(ctx, settleTable)
	if err != nil {
		return err
	}
	if len(d.config.Settlements) == 0 && len(held) == 0 {
		return nil
	}
	paid, err := d.Staging.Touched(ctx, paidTable)
	if err != nil {
		return err
	}
	stays, err := d.monthsOfPaid(ctx, paid)
	if err != nil {
		return err
	}
	decided, err := d.Staging.Touched(ctx, decisionTable)
	if err != nil {
		return err
	}
	touched := slices.Concat(grouped, stays, decided)
	gone := map[string]bool{}
	if d.All || changed {
		for _, m := range held {
			gone[m] = true
		}
	}
	var todo []*pricing
	for again := true; again; {
		again = false
		for i := range d.config.Settlements {
			s := &d.config.Settlements[i]
			if slices.ContainsFunc(todo, func(p *pricing) bool { return p.ID == s.ID }) {
				continue
			}
			if !changed && !d.All && !slices.ContainsFunc(touched, s.covers) {
				continue
			}
			todo, again = append(todo, d.prices[s.ID]), true
			for _, m := range held {
				// Whoever shares a month is settled again, because the month's files are written anew.
				if s.covers(m) {
					gone[m] = true
					touched = append(touched, m)
				}
			}
		}
	}
	t, _ := d.set.Table(settleTable)
	for _, m := range slices.Sorted(maps.Keys(gone)) {
		if err := d.remove(ctx, t, m); err != nil {
			return err
		}
	}
	slices.SortFunc(todo, func(a, b *pricing) int { return d.config.place(a.ID) - d.config.place(b.ID) })
	for _, p := range todo {
		if err := d.price(ctx, p); err != nil {
			return fmt.Errorf("settlement %s: %w", p.ID, err)
		}
	}
	return nil
}

// monthsOfPaid are the months of discharge of the stays that settlements of some months are about, as they are now and as
// they were before this publication: a settlement may come long after its stay.
func (d *deriver) monthsOfPaid(ctx context.Context, paid []string) ([]string, error) {
	if len(paid) == 0 || len(d.config.Settlements) == 0 {
		return nil, nil
	}
	head, err := d.Lake.View(ctx, 0)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, files := range []Files{d.files, head.AllFiles} {
		list, err := files(ctx, paidTable)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			if slices.Contains(paid, f.Month) && !slices.Contains(paths, f.Path) {
				paths = append(paths, f.Path)
			}
		}
	}
	settlements, err := d.relation(paidTable, paths, "org_code", "stay_id")
	if err != nil {
		return nil, err
	}
	stays, err := d.tableIn(ctx, stayTable, func(month string) bool {
		return slices.ContainsFunc(d.config.Settlements, func(s Settlement) bool { return s.covers(month) })
	}, "org_code", "stay_id", "discharge_date")
	if err != nil {
		return nil, err
	}
	found, err := d.counts(ctx, fmt.Sprintf(`SELECT strftime(discharge_date, '%%Y-%%m'), count(*)
FROM %s s SEMI JOIN %s p ON p.org_code = s.org_code AND p.stay_id = s.stay_id GROUP BY 1`, stays, settlements))
	return slices.Sorted(maps.Keys(found)), err
}

// place is the number of a settlement in the file.
func (c *Config) place(id string) int {
	return slices.IndexFunc(c.Settlements, func(s Settlement) bool { return s.ID == id })
}

// covers says whether some day of a month lies in the span.
func (s *Settlement) covers(month string) bool { return month >= s.From[:7] && month+"-01" < s.To }

// price settles the cases of one parameter set and writes them.
func (d *deriver) price(ctx context.Context, p *pricing) error {
	m := d.methods[d.config.find(p.Scheme)]
	if _, err := d.settled(ctx, p, m); err != nil {
		return err
	}
	current := []string{"true"}
	for i := range d.config.place(p.ID) {
		s := &d.config.Settlements[i]
		current = append(current, fmt.Sprintf("NOT (discharge_date >= DATE %s AND discharge_date < DATE %s)", quote(s.From), quote(s.To)))
	}
	n, err := d.writeSettled(ctx, p, m, strings.Join(current, " AND "), d)
	d.report.Settled[p.ID] += n
	return err
}

// sink takes the files of derived tables.
type sink interface {
	put(ctx context.Context, t *schema.Table, month, batch, query string) (int64, error)
}

// groupsOf is the relation of a method's grouped cases within a span. A stay that a hospital delivered under two days of
// discharge is grouped twice, as it stands twice in fact_inp_stay (the audit says so), but nobody is paid for it twice.
func (r *reader) groupsOf(ctx context.Context, p *pricing, hash string) (string, error) {
	table, err := r.tableIn(ctx, groupTable, p.covers)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(SELECT * FROM %s WHERE scheme = %s AND scheme_hash = %s AND discharge_date >= DATE %s AND discharge_date < DATE %s "+
		"QUALIFY row_number() OVER (PARTITION BY org_code, stay_id ORDER BY discharge_date DESC, total_fee DESC) = 1)",
		table, quote(p.Scheme), quote(hash), quote(p.From), quote(p.To)), nil
}

// bill makes the temp table bill_in: the grouped cases that the insurance settled, one row a stay, refunds netted. A stay
// without a settlement (a person who paid alone) or with all of it refunded is not there. What a stay is insured as is
// what its last settlement says that was no refund; what the bureau decided of it stands in fact_case_decision.
func (r *reader) bill(ctx context.Context, p *pricing, groups string) error {
	paid, err := r.table(ctx, paidTable, "")
	if err != nil {
		return err
	}
	stays, err := r.tableIn(ctx, stayTable, p.covers, "org_code", "stay_id", "discharge_date", "is_day_surgery", "tcm_fee", "tcm_patent_fee", "tcm_herb_fee")
	if err != nil {
		return err
	}
	decisions, err := r.tableIn(ctx, decisionTable, p.covers)
	if err != nil {
		return err
	}
	if err := r.readLevels(ctx); err != nil {
		return err
	}
	fen := func(expr string) string { return "CAST(100 * (" + expr + ") AS BIGINT)" }
	last := func(column string) string {
		return "arg_max(" + column + ", (setl_time, " + column + ")) FILTER (WHERE NOT coalesce(is_refund, false)) AS " + column
	}
	return r.exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE bill_in AS
WITH paid AS (
    SELECT org_code, stay_id, %s, %s, %s,
        %s AS total, %s AS own, %s AS prior, %s AS dedc, %s AS person, %s AS other, %s AS booked, %s AS scope
    FROM %s WHERE stay_id IS NOT NULL GROUP BY org_code, stay_id HAVING sum(CASE WHEN is_refund THEN -1 ELSE 1 END) > 0
),
stay AS (SELECT org_code, stay_id, any_value(is_day_surgery) AS is_day_surgery,
        any_value(coalesce(tcm_fee, 0) + coalesce(tcm_patent_fee, 0) + coalesce(tcm_herb_fee, 0)) AS tcm
    FROM %s WHERE discharge_date >= DATE %s AND discharge_date < DATE %s GROUP BY org_code, stay_id),
decided AS (
    SELECT org_code, stay_id, coalesce(bool_or(decision = 'SPECIAL'), false) AS special, max(bed_day_kind) FILTER (WHERE decision = 'BEDDAY') AS bed_day
    FROM %s WHERE is_approved GROUP BY org_code, stay_id
)
SELECT g.stay_id, g.org_code, g.discharge_dept, g.doctor_id, g.discharge_date, g.group_code, g.status, g.los_days, g.weight, g.aux_factor,
    paid.* EXCLUDE (org_code, stay_id), coalesce(stay.is_day_surgery, false) AS day_surgery, CAST(100 * stay.tcm AS BIGINT) AS tcm,
    coalesce(decided.special, false) AS special, decided.bed_day
FROM %s g JOIN paid ON paid.stay_id = g.stay_id AND paid.org_code = g.org_code LEFT JOIN stay ON stay.stay_id = g.stay_id AND stay.org_code = g.org_code
LEFT JOIN decided ON decided.stay_id = g.stay_id AND decided.org_code = g.org_code
ORDER BY g.org_code, g.discharge_date, g.stay_id`,
		last("insutype"), last("insu_region_code"), last("cross_type"),
		fen("sum(medfee_sumamt)"), fen("sum(fulamt_ownpay_amt)"), fen("sum(preselfpay_amt + overlmt_selfpay)"), fen("sum(coalesce(act_pay_dedc, 0))"), fen("sum(psn_part_amt)"),
		fen("sum(fund_pay_sumamt - hifp_pay)"), fen("sum(hifp_pay)"), fen("sum(inscp_scp_amt)"), paid, stays, quote(p.From), quote(p.To), decisions, groups))
}

// settled settles the cases of a span, into the temp tables bill_in (cases) and case_paid (what became of them).
func (r *reader) settled(ctx context.Context, p *pricing, m *Method) ([]settle.Row, error) {
	groups, err := r.groupsOf(ctx, p, m.Hash)
	if err != nil {
		return nil, err
	}
	if err := r.bill(ctx, p, groups); err != nil {
		return nil, err
	}
	cases, err := r.bills(ctx, m)
	if err != nil {
		return nil, err
	}
	rows, err := p.params.SettleAll(cases)
	if err != nil {
		return nil, err
	}
	return rows, handRows(ctx, r.loader, cases, rows)
}

// writeSettled writes what settled left, month by month, and says how many rows.
func (r *reader) writeSettled(ctx context.Context, p *pricing, m *Method, current string, to sink) (rows int64, err error) {
	t, ok := r.set.Table(settleTable)
	if !ok {
		return 0, fault.New(fault.Internal, "no contract %s", settleTable)
	}
	months, err := r.counts(ctx, "SELECT strftime(discharge_date, '%Y-%m'), count(*) FROM bill_in GROUP BY 1")
	if err != nil {
		return 0, err
	}
	content := strings.Join([]string{
		"stay_id, org_code, discharge_dept, doctor_id, discharge_date, b.insutype, b.insu_region_code, group_code, status", "c." + strings.Join(settleColumns, ", c."),
		quote(p.ID), quote(p.params.Hash()), quote(m.Scheme), quote(m.Hash), current,
	}, ", ")
	for _, month := range slices.Sorted(maps.Keys(months)) {
		batch := batchOf("settled", month, r.publication)
		query := fmt.Sprintf(`SELECT stay_id, %s AS params, %s AS params_hash, %s AS scheme, %s AS scheme_hash, %s AS is_current, org_code, discharge_dept, doctor_id, discharge_date,
    b.insutype, b.insu_region_code, c.offsite, c.level, group_code, status,
    CAST(c.weight AS DECIMAL(16, 4)) AS weight, CAST(c.rate AS DECIMAL(16, 4)) AS rate, CAST(c.coefficient AS DECIMAL(12, 6)) AS coefficient,
    CAST(c.total_fee AS DECIMAL(16, 2)) AS total_fee, CAST(c.standard AS DECIMAL(16, 2)) AS standard, CAST(c.ratio AS DECIMAL(16, 4)) AS ratio, c.tier,
    CAST(c.excess AS DECIMAL(16, 2)) AS excess, CAST(c.case_standard AS DECIMAL(16, 2)) AS case_standard, CAST(c.personal AS DECIMAL(16, 2)) AS personal,
    CAST(c.other_pay AS DECIMAL(16, 2)) AS other_pay, CAST(c.fund_due AS DECIMAL(16, 2)) AS fund_due, CAST(c.fund_booked AS DECIMAL(16, 2)) AS fund_booked,
    CAST(c.profit_formula AS DECIMAL(16, 2)) AS profit_formula, CAST(c.profit_official AS DECIMAL(16, 2)) AS profit_official, c.method,
    %s
FROM bill_in b JOIN case_paid c ON c.row_no = b.rowid WHERE strftime(discharge_date, '%%Y-%%m') = %s ORDER BY org_code, discharge_date, stay_id`,
			quote(p.ID), quote(p.params.Hash()), quote(m.Scheme), quote(m.Hash), current, lineage(t, batch, r.now, content), quote(month))
		n, err := to.put(ctx, t, month, batch, query)
		if err != nil {
			return rows, err
		}
		if n != months[month] {
			return rows, fault.New(fault.Refused, "table %s: month %s: %d cases were settled, %d rows were written; nothing was published", t.Name, month, months[month], n)
		}
		rows += n
	}
	return rows, nil
}

// counts reads pairs of a name and a number.
func (r *reader) counts(ctx context.Context, query string) (map[string]int64, error) {
	rows, err := r.loader.Conn().QueryContext(ctx, query)
	if err != nil {
		return nil, sqlFault(err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		out[name] = n
	}
	return out, sqlFault(rows.Err())
}

// settleColumns are those of case_paid, beside row_no.
var settleColumns = []string{
	"level", "insurance", "offsite", "weight", "rate", "coefficient", "total_fee", "standard", "ratio", "tier", "excess", "case_standard", "personal", "other_pay",
	"fund_due", "fund_booked", "profit_formula", "profit_official", "method",
}

// bills reads bill_in in the order of its rows.
func (r *reader) bills(ctx context.Context, m *Method) ([]settle.Case, error) {
	base := map[string]*decimal.Decimal{}
	if m.DIP != nil {
		base = baseCoefficients(m.DIP)
	}
	offsite := r.offsite
	var out []settle.Case
	err := r.loader.Scan(ctx, `SELECT stay_id, org_code, discharge_date, insutype, cross_type, group_code, status, los_days, total, own, prior, dedc, person, other, booked, scope, day_surgery, tcm,
    CAST(weight * 10000 AS BIGINT), CAST(aux_factor * 10000 AS BIGINT), special, bed_day FROM bill_in ORDER BY rowid`, func(b arrow.RecordBatch) error {
		str := func(col int) func(i int) string {
			a := b.Column(col).(*array.String) //nolint:forcetypeassert // as selected
			return func(i int) string { return text(a, i) }
		}
		fen := func(col int) func(i int) decimal.Decimal {
			a := b.Column(col).(*array.Int64) //nolint:forcetypeassert // as selected
			return func(i int) decimal.Decimal {
				if a.IsNull(i) {
					return decimal.Zero
				}
				return decimal.New(a.Value(i), -2)
			}
		}
		some := func(col int) func(i int) *decimal.Decimal {
			a := b.Column(col).(*array.Int64) //nolint:forcetypeassert // as selected
			return func(i int) *decimal.Decimal {
				if a.IsNull(i) {
					return nil
				}
				d := decimal.New(a.Value(i), -4)
				return &d
			}
		}
		id, org, insurance, cross, group, status := str(0), str(1), str(3), str(4), str(5), str(6)
		date := b.Column(2).(*array.Date32) //nolint:forcetypeassert // as selected
		los := b.Column(7).(*array.Int32)   //nolint:forcetypeassert // as selected
		total, own, prior, dedc, person, other, booked, scope := fen(8), fen(9), fen(10), fen(11), fen(12), fen(13), fen(14), fen(15)
		day := b.Column(16).(*array.Boolean) //nolint:forcetypeassert // as selected
		tcm, weight, factor := fen(17), some(18), some(19)
		special, bedDay := b.Column(20).(*array.Boolean), str(21) //nolint:forcetypeassert // as selected
		for i := range int(b.NumRows()) {
			c := settle.Case{
				ID: strings.Clone(id(i)), Org: strings.Clone(org(i)), Level: translated(r.level, r.levels.on(org(i), date.Value(i))), Insurance: strings.Clone(translated(r.insure, insurance(i))),
				Offsite: offsite[cross(i)], Group: strings.Clone(group(i)), Status: strings.Clone(status(i)), Total: total(i), LOS: decimal.NewFromInt32(los.Value(i)),
				FullSelf: own(i), PriorSelf: prior(i), Deductible: dedc(i), Personal: person(i), Other: other(i), Booked: booked(i), DaySurgery: day.Value(i), AuxFactor: factor(i),
				Special: special.Value(i), BedDay: strings.Clone(bedDay(i)),
			}
			if s := scope(i).Sub(c.Deductible); s.IsPositive() {
				c.PolicyRatio = c.Booked.Div(s)
			}
			if c.Total.IsPositive() {
				c.TCMShare = tcm(i).Div(c.Total)
			}
			if m.DIP != nil {
				c.Score, c.BaseCoef = weight(i), base[c.Group]
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// baseCoefficients are the fixed coefficients of basic diseases, by group.
func baseCoefficients(c *dip.Catalogue) map[string]*decimal.Decimal {
	out := map[string]*decimal.Decimal{}
	groups := c.Groups()
	for i := range groups {
		if groups[i].BaseCoef.IsPositive() {
			out[groups[i].Code] = &groups[i].BaseCoef
		}
	}
	return out
}

// handRows makes the temp table case_paid: what became of each row of bill_in.
func handRows(ctx context.Context, l *duckdb.Loader, cases []settle.Case, rows []settle.Row) error {
	fields := []arrow.Field{{Name: "row_no", Type: arrow.PrimitiveTypes.Int64}}
	columns := []string{"row_no BIGINT"}
	for _, c := range settleColumns {
		fields = append(fields, arrow.Field{Name: c, Type: arrow.BinaryTypes.String, Nullable: true})
		columns = append(columns, c+" VARCHAR")
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	maybe := func(d *decimal.Decimal) string {
		if d == nil {
			return ""
		}
		return d.String()
	}
	for i := range rows {
		r, c := &rows[i], &cases[i]
		weight := r.RW
		switch {
		case r.Tier == settle.TierBedDay: // points of days are no weight of a group
			weight = nil
		case r.Points != nil:
			weight = r.Points
		}
		b.Field(0).(*array.Int64Builder).Append(int64(i)) //nolint:forcetypeassert // made above
		for j, v := range []string{
			r.Level, r.Insurance, c.Offsite, maybe(weight), maybe(r.Rate), r.Coefficient.String(), r.Total.String(), r.Standard.String(), r.Ratio.String(), r.Tier, r.Excess.String(),
			r.CaseStandard.String(), r.Personal.String(), c.Other.String(), r.FundDue.String(), c.Booked.String(), r.ProfitFormula.String(), r.ProfitOfficial.String(), r.Method,
		} {
			s := b.Field(j + 1).(*array.StringBuilder) //nolint:forcetypeassert // made above
			if v == "" {
				s.AppendNull()
			} else {
				s.Append(v)
			}
		}
	}
	return handOver(ctx, l, "case_paid", strings.Join(columns, ", "), b.NewRecordBatch())
}
