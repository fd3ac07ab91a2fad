package cases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// Kinds of definitions that a publication stores of its groupings and settlements.
const (
	groupingDefinition   = "grouping"
	settlementDefinition = "settlement"
	configDefinition     = "grouping_config" // grouping.yaml itself: spans, words, order
)

// Job is the derivation of one publication.
type Job struct {
	Lake    *lake.Lake
	Staging *lake.Staging
	Loader  *duckdb.Loader
	Set     *schema.Set
	Now     time.Time // written as _ingested_at
	Logger  *slog.Logger
	All     bool // every month anew, not only those that the publication touches

	by *rules // what was read under the writer's lock; nil = to be read
}

// Report is what a derivation did.
type Report struct {
	Months  []string         `json:"months"`  // of discharge, that were grouped anew
	Cases   int64            `json:"cases"`   // stays in those months
	Grouped map[string]int64 `json:"grouped"` // scheme → cases that found a group
	Settled map[string]int64 `json:"settled"` // parameter set → cases
	// Warnings are for people: codes that the lake holds and that no case was grouped by.
	Warnings []string `json:"warnings,omitempty"`
}

// deriver is one run of a Job.
type deriver struct {
	Job
	reader
	rules
	report *Report
}

// put writes the rows of a query as a month's file of a derived table, and adds it to the publication.
func (d *deriver) put(ctx context.Context, t *schema.Table, month, batch, query string) (int64, error) {
	path, err := d.Staging.NewFile(t.Name, month)
	if err != nil {
		return 0, err
	}
	n, err := d.write(ctx, t, query, path)
	if err != nil {
		return 0, err
	}
	d.Staging.Derive(t.Name, batch, n)
	return n, d.Staging.Add(t, lake.DataFile{Path: path, Month: month, Rows: n, Deliveries: map[string]int64{batch: n}})
}

// write writes the rows of a query as a file of a derived table.
func (r *reader) write(ctx context.Context, t *schema.Table, query, path string) (n int64, err error) {
	err = r.loader.AsWritten(func() (err error) {
		n, err = r.loader.CopyParquet(ctx, t, query, path, duckdb.CopyOptions{Level: 1})
		return err
	})
	return n, sqlFault(err)
}

// Derive brings fact_case_group and fact_case_settle up to date with the stays of the staging: months that the
// publication touches are grouped anew, by every scheme of grouping.yaml; where a scheme, its options or its payment
// table changed since the head, all months are. A lake without grouping.yaml has neither table.
//
// Its rows carry the delivery id cases.<month>.p<publication>, so that the table equation accounts for them.
func Derive(ctx context.Context, job Job) (*Report, error) {
	by := job.by
	if by == nil {
		var err error
		if by, err = readRules(job.Lake.Dir()); err != nil {
			return nil, err
		}
	}
	config := by.config
	held, err := job.Staging.Files(ctx, groupTable)
	if err != nil {
		return nil, err
	}
	report := &Report{Grouped: map[string]int64{}, Settled: map[string]int64{}}
	if len(config.Groupings) == 0 && len(held) == 0 {
		return report, nil
	}
	if job.Logger == nil {
		job.Logger = slog.New(slog.DiscardHandler)
	}
	d := &deriver{
		Job: job, rules: *by, report: report,
		reader: reader{
			loader: job.Loader, set: job.Set, files: job.Staging.Plan, level: config.Levels, insure: config.Insurance, offsite: config.Offsite,
			now: job.Now, publication: job.Staging.Publication(),
		},
	}
	changed, err := d.define(ctx)
	if err != nil {
		return nil, err
	}
	months, err := d.touched(ctx, changed)
	if err != nil {
		return nil, err
	}
	for _, month := range months {
		if err := d.month(ctx, month); err != nil {
			return nil, fmt.Errorf("grouping of month %s: %w", month, err)
		}
	}
	report.Months = months
	if err := d.settle(ctx, months, changed); err != nil {
		return nil, err
	}
	return report, nil
}

// define stores the methods with the publication, and says whether they are others than the head's.
func (d *deriver) define(ctx context.Context) (changed bool, err error) {
	before, err := d.Lake.Definitions(ctx, 0)
	if err != nil {
		return false, err
	}
	texts := map[[2]string]string{}
	for _, def := range before {
		if def.Kind == groupingDefinition || def.Kind == settlementDefinition || def.Kind == configDefinition {
			texts[[2]string{def.Kind, def.ID}] = def.Text
		}
	}
	config, err := yaml.Marshal(d.config)
	if err != nil {
		return false, err
	}
	now := map[[2]string]string{{configDefinition, ConfigFile}: string(config)}
	for _, m := range d.methods {
		now[[2]string{groupingDefinition, m.Scheme}] = m.Text
	}
	for id, p := range d.prices {
		now[[2]string{settlementDefinition, id}] = p.text
	}
	for k, text := range now {
		d.Staging.Definition(k[0], k[1], text)
	}
	return !maps.Equal(texts, now), nil
}

// touched are the months to group anew.
func (d *deriver) touched(ctx context.Context, changed bool) ([]string, error) {
	held, err := d.months(ctx, groupTable)
	if err != nil {
		return nil, err
	}
	if d.All || changed {
		have, err := d.months(ctx, stayTable)
		if err != nil {
			return nil, err
		}
		for _, m := range held {
			if !slices.Contains(have, m) {
				have = append(have, m)
			}
		}
		slices.Sort(have)
		return have, nil
	}
	months, err := d.Staging.Touched(ctx, stayTable, diagTable, procTable)
	if err != nil {
		return nil, err
	}
	more, err := d.relevelled(ctx)
	if err != nil {
		return nil, err
	}
	months = append(months, more...)
	slices.Sort(months)
	return slices.Compact(months), nil
}

// relevelled are the months in which this publication gives an organisation another level, where weights or prices
// depend on levels.
func (d *deriver) relevelled(ctx context.Context) ([]string, error) {
	if len(d.config.Settlements) == 0 && !slices.ContainsFunc(d.methods, func(m *Method) bool { return m.Payment != nil }) {
		return nil, nil
	}
	if touched, err := d.Staging.Touched(ctx, orgTable); err != nil || len(touched) == 0 {
		return nil, err
	}
	head, err := d.Lake.View(ctx, 0)
	if err != nil {
		return nil, err
	}
	before := reader{loader: d.loader, set: d.set, files: head.AllFiles}
	if err := errors.Join(before.readLevels(ctx), d.readLevels(ctx)); err != nil {
		return nil, err
	}
	have, err := d.months(ctx, stayTable)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(have, func(month string) bool { return d.levels.same(before.levels, month) }), nil
}

// month groups the stays of one month by all schemes, and puts the result in the place of the old one.
func (d *deriver) month(ctx context.Context, month string) error {
	t, _ := d.set.Table(groupTable)
	if err := d.remove(ctx, t, month); err != nil {
		return err
	}
	if len(d.methods) == 0 {
		return nil
	}
	stays, err := d.gather(ctx, month, only{})
	if err != nil {
		return err
	}
	results := make([]*results, len(d.methods))
	for i, m := range d.methods {
		results[i] = newResults(m)
	}
	err = stays.each(ctx, func(it *item) error {
		for _, r := range results {
			r.group(it)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n := stays.dx.astray + stays.px.astray; n > 0 {
		d.report.Warnings = append(d.report.Warnings, fmt.Sprintf("grouping of %s: %d diagnoses and %d operations of the month belong to no stay of it, and no case was grouped by them: "+
			"org_code, stay_id and discharge_date of a code are those of its stay", month, stays.dx.astray, stays.px.astray))
	}
	if stays.rows == 0 {
		return nil
	}
	rows := int64(stays.rows)
	d.report.Cases += rows
	batch := batchOf("cases", month, d.Staging.Publication())
	current := currentMethod(d.config, d.methods)
	for i, r := range results {
		d.report.Grouped[r.method.Scheme] += r.grouped
		if err := r.hand(ctx, d.loader); err != nil {
			return err
		}
		n, err := d.put(ctx, t, month, batch, stays.grouped(r, current(i), t, batch))
		if err != nil {
			return err
		}
		if n != rows {
			return fault.New(fault.Refused, "table %s: scheme %s: %d stays were read, %d rows were written; nothing was published", t.Name, r.method.Scheme, rows, n)
		}
	}
	return nil
}

// batchOf is the delivery id of derived rows.
func batchOf(what, month string, publication int64) string {
	return fmt.Sprintf("%s.%s.p%d", what, month, publication)
}

// currentMethod gives, for each method, the condition on discharge_date under which it is the one in force: the first
// grouping whose days hold.
func currentMethod(c *Config, methods []*Method) func(i int) string {
	return func(i int) string {
		conds := []string{c.Groupings[i].days()}
		for j := range i {
			if methods[j].Kind == methods[i].Kind {
				conds = append(conds, "NOT "+c.Groupings[j].days())
			}
		}
		if methods[i].Kind != methods[0].Kind {
			// Figures mean one kind of groups: the kind of the first grouping. The other kind stands beside it, by name.
			return "false"
		}
		return strings.Join(conds, " AND ")
	}
}

// days is the condition that a day of discharge lies within the grouping's own.
func (g *Grouping) days() string { return between("discharge_date", g.From, g.To) }

// remove takes the month's files of a derived table out.
func (d *deriver) remove(ctx context.Context, t *schema.Table, month string) error {
	files, err := d.Staging.Files(ctx, t.Name)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Month != month {
			continue
		}
		if err := d.Staging.Remove(t, f.Path); err != nil {
			return err
		}
		for delivery := range f.Deliveries {
			d.Staging.Supersede(delivery)
		}
	}
	return nil
}

// results collects what a scheme made of a month's cases: for each row of case_in, in their order, the number of its
// outcome, how many codes it had, and whose it is where the group is a surgeon's.
type results struct {
	method     *Method
	worker     *drg.Worker
	coded      drg.Coded
	dx, op     []drg.Code        // of the month's words, asked when one comes for the first time
	kinds      map[string]string // adjacent group → surgical, procedure, medical
	keys       *array.StringBuilder
	numbers    *array.Int32Builder
	diagnoses  *array.Int32Builder
	operations *array.Int32Builder
	surgeons   *array.StringBuilder
	outcomes   map[outcomeKey]int32
	list       []outcome
	grouped    int64
}

// outcomeKey tells outcomes apart: cases of one group differ in their weight where the payment table knows levels.
type outcomeKey struct {
	mdc, group       string
	severity         drg.Severity
	reason           string
	level, insurance string
	factor           string
}

// outcome is what the rows of one outcome have in common.
type outcome struct {
	mdc, adrg, kind, group, name, severity, status, reason, weight, factor string
}

// texts are the columns of case_outcome.
func (o *outcome) texts() [10]string {
	return [10]string{o.mdc, o.adrg, o.kind, o.group, o.name, o.severity, o.status, o.reason, o.weight, o.factor}
}

func newResults(m *Method) *results {
	number := func() *array.Int32Builder { return array.NewInt32Builder(memory.DefaultAllocator) }
	r := &results{
		method: m, outcomes: map[outcomeKey]int32{},
		keys: array.NewStringBuilder(memory.DefaultAllocator), numbers: number(), diagnoses: number(), operations: number(), surgeons: array.NewStringBuilder(memory.DefaultAllocator),
	}
	if m.DRG != nil {
		r.worker = m.DRG.Worker()
		r.kinds = m.kinds
	}
	return r
}

// group notes the outcome of a case.
func (r *results) group(it *item) {
	var key outcomeKey
	var build func() outcome
	if r.worker != nil {
		g := r.worker.GroupCoded(r.code(it))
		key = outcomeKey{mdc: g.MDC, group: g.DRG, severity: g.Severity, reason: g.Reason.String()}
		build = func() outcome {
			return outcome{
				mdc: g.MDC, adrg: g.ADRG, kind: r.kinds[g.ADRG], group: g.DRG, name: g.Name, severity: g.Severity.String(), status: g.Status.String(), reason: g.Reason.String(),
			}
		}
		if g.Status == drg.OK {
			r.grouped++
		}
	} else {
		g := r.method.DIP.Group(&it.dip)
		factor := ""
		if g.Factor.Kind != "" {
			factor = g.Factor.Value.String()
		}
		key = outcomeKey{group: g.Code, reason: g.Reason, factor: factor}
		build = func() outcome {
			out := outcome{group: g.Code, kind: g.Class.String(), status: drg.OK.String(), reason: g.Reason}
			if g.Group == nil {
				out.status = drg.Ungrouped.String()
				return out
			}
			out.adrg, out.weight, out.factor = g.Group.Kind.String(), g.Group.Score.String(), factor
			return out
		}
		if g.Group != nil {
			r.grouped++
		}
	}
	if r.method.Payment != nil {
		key.level, key.insurance = it.level, it.insurance
	}
	n, ok := r.outcomes[key]
	if !ok {
		n = r.note(key, build())
	}
	r.keys.Append(it.key.stay)
	r.numbers.Append(n)
	r.diagnoses.Append(it.diagnoses)
	r.operations.Append(it.operations)
	if it.surgeon == 0 || r.list[n].kind != surgicalKind {
		r.surgeons.AppendNull()
	} else {
		r.surgeons.Append(it.words.text[it.surgeon])
	}
}

// surgicalKind is the kind of adjacent group whose cases are the surgeon's; all others are the attending physician's
// (drg_dip.md 3.5).
const surgicalKind = "surgical"

// note adds an outcome, with its weight.
func (r *results) note(key outcomeKey, o outcome) int32 {
	if r.method.Payment != nil {
		if w, ok := r.method.Payment.WeightOf(o.group, key.level, key.insurance); ok {
			o.weight = w.String()
		}
	}
	n := int32(len(r.list)) //nolint:gosec // bounded by groups × levels × insurances
	r.list = append(r.list, o)
	key.level, key.insurance = strings.Clone(key.level), strings.Clone(key.insurance)
	r.outcomes[key] = n
	return n
}

// code is the case with its codes as the scheme numbers them.
func (r *results) code(it *item) *drg.Coded {
	r.coded.Begin(&it.drg)
	for i, w := range it.dx {
		r.coded.AddDx(asked(&r.dx, w, it.words, r.method.DRG.DxCode), it.drg.PresentOnAd[i])
	}
	for _, w := range it.ops {
		r.coded.AddOp(asked(&r.op, w, it.words, r.method.DRG.OpCode))
	}
	return &r.coded
}

// notAsked is none of the numbers that a grouper gives.
const notAsked drg.Code = -2

// asked is the number of a word, looked up when it comes for the first time.
func asked(known *[]drg.Code, word int32, words *words, ask func(string) drg.Code) drg.Code {
	for len(*known) <= int(word) {
		*known = append(*known, notAsked)
	}
	if (*known)[word] == notAsked {
		(*known)[word] = ask(words.text[word])
	}
	return (*known)[word]
}

// hand makes the temp tables case_out, one row for each of case_in in the same order, and case_outcome.
func (r *results) hand(ctx context.Context, l *duckdb.Loader) error {
	columns := []arrow.Array{r.keys.NewArray(), r.numbers.NewArray(), r.diagnoses.NewArray(), r.operations.NewArray(), r.surgeons.NewArray()}
	n := int64(columns[0].Len())
	batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{
		{Name: "key", Type: arrow.BinaryTypes.String},
		{Name: "outcome", Type: arrow.PrimitiveTypes.Int32},
		{Name: "diag_cnt", Type: arrow.PrimitiveTypes.Int32},
		{Name: "proc_cnt", Type: arrow.PrimitiveTypes.Int32},
		{Name: "surgeon", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil), columns, n)
	for _, c := range columns {
		c.Release()
	}
	if err := handOver(ctx, l, "case_out", "key VARCHAR, outcome INTEGER, diag_cnt INTEGER, proc_cnt INTEGER, surgeon VARCHAR", batch); err != nil {
		return err
	}
	names := []string{"mdc", "adrg", "adrg_kind", "group_code", "group_name", "severity", "status", "reason", "weight", "factor"}
	fields := []arrow.Field{{Name: "outcome", Type: arrow.PrimitiveTypes.Int32}}
	table := []string{"outcome INTEGER"}
	for i, name := range names {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
		var kind string
		switch name {
		case "weight":
			kind = "DECIMAL(12, 4)"
		case "factor":
			kind = "DECIMAL(8, 4)"
		default:
			texts := map[string]bool{}
			for j := range r.list {
				texts[r.list[j].texts()[i]] = true
			}
			delete(texts, "")
			kind = enumOf(slices.Sorted(maps.Keys(texts))...)
		}
		table = append(table, name+" "+kind)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, o := range r.list {
		b.Field(0).(*array.Int32Builder).Append(int32(i)) //nolint:forcetypeassert,gosec // made above
		for j, v := range o.texts() {
			s := b.Field(j + 1).(*array.StringBuilder) //nolint:forcetypeassert // made above
			if v == "" {
				s.AppendNull()
			} else {
				s.Append(v)
			}
		}
	}
	if err := handOver(ctx, l, "case_outcome", strings.Join(table, ", "), b.NewRecordBatch()); err != nil {
		return err
	}
	// The part of _row_hash that an outcome's rows share; of texts, because an ENUM's numbers are the month's own.
	_, err := l.Conn().ExecContext(ctx, "ALTER TABLE case_outcome ADD COLUMN hash UBIGINT; UPDATE case_outcome SET hash = hash("+strings.Join(names, "::VARCHAR, ")+"::VARCHAR)")
	return sqlFault(err)
}

// handOver makes a temp table of a batch, and releases the batch.
func handOver(ctx context.Context, l *duckdb.Loader, table, columns string, batch arrow.RecordBatch) error {
	defer batch.Release()
	if _, err := l.Conn().ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+table+" ("+columns+")"); err != nil {
		return sqlFault(err)
	}
	rd, err := array.NewRecordReader(batch.Schema(), []arrow.RecordBatch{batch})
	if err != nil {
		return err
	}
	defer rd.Release()
	release, err := l.RegisterArrow(table+"_rows", rd)
	if err != nil {
		return err
	}
	defer release()
	_, err = l.Conn().ExecContext(ctx, "INSERT INTO "+table+" SELECT * FROM "+table+"_rows")
	return sqlFault(err)
}

// grouped is the SELECT that puts case_in and what a scheme made of it together, row by row. A row whose key is another
// is not given: whoever writes the rows counts them, so that two readings in different orders publish nothing.
func (s *stays) grouped(r *results, current string, t *schema.Table, batch string) string {
	m := r.method
	official, officialWeight := "drg_code", "drg_weight"
	agreesADRG := "CASE WHEN o.status = 'OK' THEN starts_with(drg_code, o.adrg) ELSE drg_code = o.group_code END"
	if m.Kind == schemes.DIP {
		official, officialWeight, agreesADRG = "dip_code", "dip_score", "NULL::BOOLEAN"
	}
	weights := "NULL"
	if m.PayHash != "" {
		weights = same(m.PayHash)
	}
	order := ""
	if s.mixed {
		order = "\nORDER BY org_code, discharge_date, stay_id"
	}
	const own = `discharge_dept, person_key, discharge_date, discharge_time, discharge_way, is_death, sex_code, age_years, insutype, insu_region_code, region_residence,
    primary_diag_code, main_proc_code, c.diag_cnt, c.proc_cnt, los_days, total_fee, drug_fee, material_fee`
	content := strings.Join([]string{
		"stay_id, org_code, attending_id, c.surgeon", own, official, officialWeight, "o.hash", quote(m.Scheme), quote(m.Hash), quote(m.PayHash), current,
	}, ", ")
	return fmt.Sprintf(`SELECT stay_id, %s AS scheme, %s AS scheme_hash, %s AS is_current, %s AS scheme_kind, org_code, coalesce(c.surgeon, attending_id) AS doctor_id,
    %s,
    o.mdc, o.adrg, o.adrg_kind, o.group_code, o.group_name, o.severity, o.status, o.reason, o.weight, o.factor AS aux_factor, %s AS weights_hash,
    %s AS official_code, %s AS official_weight, %s = o.group_code AS agrees, %s AS agrees_adrg,
    %s
FROM case_in i POSITIONAL JOIN case_out c JOIN case_outcome o ON o.outcome = c.outcome
WHERE i.stay_id = c.key%s`,
		same(m.Scheme), same(m.Hash), current, same(strings.ToUpper(m.Kind)), own, weights, official, officialWeight, official, agreesADRG,
		lineage(t, batch, s.reader.now, content), order)
}

// lineage is the columns that every row of the lake carries, for a derived table. content is what the row says: its
// columns, for _row_hash.
func lineage(t *schema.Table, batch string, now time.Time, content string) string {
	return fmt.Sprintf("%s AS _batch_id, org_code AS _src_org, %s AS _src_file, 0 AS _src_row, TIMESTAMP %s AS _ingested_at, %s AS _op, "+
		"lpad(lower(to_hex(hash(%s))), 16, '0') AS _row_hash, %s AS _contract_ver",
		same(batch), same(""), quote(now.Format(time.DateTime)), same("I"), content, same(t.Version))
}

// same is a text that all rows have: as an ENUM it is written without being looked up once a row.
func same(text string) string { return quote(text) + "::" + enumOf(text) }

// enumOf is the type of a column that has only these texts or none.
func enumOf(texts ...string) string {
	if len(texts) == 0 {
		return "VARCHAR"
	}
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quote(t)
	}
	return "ENUM(" + strings.Join(quoted, ", ") + ")"
}
