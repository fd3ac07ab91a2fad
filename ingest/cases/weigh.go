package cases

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sanyi-lake/sanyi/internal/engine/duckdb"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/weigh"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/schema"
)

// WeighRequest says which grouped cases of a lake weights are worked out from.
type WeighRequest struct {
	Scheme      string // "" = the scheme in force on each day of discharge
	From, To    string // days of discharge, [From, To); empty = all there are
	Publication int64  // 0 = the newest
}

// errEnough ends a scan that nobody wants to go on.
var errEnough = errors.New("no more cases are wanted")

// Weighed are the grouped cases of a lake as weights are worked out from them: the five classes of cost are those of the
// front sheet (medical: treatment, operations, rehabilitation, Chinese medicine and general services without nursing;
// nursing; tech: diagnostics; drug and material with blood; admin: other). Levels and insurances carry the words of
// grouping.yaml.
func Weighed(ctx context.Context, l *lake.Lake, set *schema.Set, req WeighRequest) iter.Seq2[weigh.Case, error] {
	return func(yield func(weigh.Case, error) bool) {
		err := weighed(ctx, l, set, req, func(c weigh.Case) bool { return yield(c, nil) })
		if err != nil && !errors.Is(err, errEnough) {
			yield(weigh.Case{}, err)
		}
	}
}

func weighed(ctx context.Context, l *lake.Lake, set *schema.Set, req WeighRequest, yield func(weigh.Case) bool) (err error) {
	if err := span(req.From, req.To); err != nil {
		return fault.Wrap(fault.Usage, err)
	}
	v, err := l.View(ctx, req.Publication)
	if err != nil {
		return err
	}
	config, err := configAt(ctx, l, v.Publication().ID)
	if err != nil {
		return err
	}
	work, err := l.Work()
	if err != nil {
		return err
	}
	loader, err := duckdb.OpenLoader(ctx, duckdb.LoaderOptions{Work: work})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	r := reader{loader: loader, set: set, files: v.AllFiles}
	months, err := r.months(ctx, groupTable)
	if err != nil {
		return err
	}
	if len(months) == 0 {
		return fault.New(fault.NotFound, "no stay of the lake is grouped: sanyi scheme use --lake %s SCHEME", l.Dir())
	}
	which := "g.is_current"
	if req.Scheme != "" {
		which = "g.scheme = " + quote(req.Scheme)
	}
	if err := r.readLevels(ctx); err != nil {
		return err
	}
	days := between("g.discharge_date", req.From, req.To)
	for _, month := range months {
		if req.From != "" && month < req.From[:7] || req.To != "" && month+"-01" >= req.To {
			continue
		}
		groups, err := r.table(ctx, groupTable, month)
		if err != nil {
			return err
		}
		stays, err := r.table(ctx, stayTable, month)
		if err != nil {
			return err
		}
		fen := func(expr string) string { return "CAST(100 * (" + expr + ") AS BIGINT)" }
		err = loader.Scan(ctx, fmt.Sprintf(`WITH parts AS (SELECT org_code, stay_id, any_value(%s) AS medical, any_value(%s) AS nursing, any_value(%s) AS tech, any_value(%s) AS drug, any_value(%s) AS admin FROM %s GROUP BY org_code, stay_id)
SELECT g.discharge_date, g.org_code, g.insutype, g.group_code, g.adrg, g.status, %s, g.los_days, medical, nursing, tech, drug, admin
FROM %s g LEFT JOIN parts ON parts.org_code = g.org_code AND parts.stay_id = g.stay_id WHERE %s AND %s`,
			fen("coalesce(treat_fee, 0) + coalesce(rehab_fee, 0) + coalesce(tcm_fee, 0) + coalesce(general_service_fee, 0) - coalesce(nursing_fee, 0)"), fen("coalesce(nursing_fee, 0)"),
			fen("coalesce(diag_fee, 0)"), fen("coalesce(drug_fee, 0) + coalesce(blood_fee, 0) + coalesce(material_fee, 0)"), fen("coalesce(other_fee, 0)"), stays,
			fen("g.total_fee"), groups, which, days), func(b arrow.RecordBatch) error { return weighBatch(b, config, r.levels, yield) })
		if err != nil {
			if errors.Is(err, errEnough) {
				return err
			}
			return sqlFault(err)
		}
	}
	return nil
}

// weighBatch hands the rows of a batch on.
func weighBatch(b arrow.RecordBatch, config *Config, levels orgLevels, yield func(weigh.Case) bool) error {
	date, los := b.Column(0).(*array.Date32), b.Column(7).(*array.Int32) //nolint:forcetypeassert // as selected
	cost := b.Column(6).(*array.Int64)                                   //nolint:forcetypeassert // as selected
	var texts [5]*array.String
	for i := range texts {
		texts[i] = b.Column(i + 1).(*array.String) //nolint:forcetypeassert // as selected
	}
	var parts [weigh.PartCount]*array.Int64
	for i := range parts {
		parts[i] = b.Column(i + 8).(*array.Int64) //nolint:forcetypeassert // as selected
	}
	for i := range int(b.NumRows()) {
		org := strings.Clone(text(texts[0], i))
		c := weigh.Case{
			Year: date.Value(i).ToTime().Year(), Org: org, Level: translated(config.Levels, levels.on(org, date.Value(i))),
			Insurance: strings.Clone(translated(config.Insurance, text(texts[1], i))), Group: strings.Clone(text(texts[2], i)), ADRG: strings.Clone(text(texts[3], i)),
			Status: strings.Clone(text(texts[4], i)), Cost: cost.Value(i), LOS: float64(los.Value(i)), Parts: &[weigh.PartCount]int64{},
		}
		for j, p := range parts {
			c.Parts[j] = p.Value(i)
		}
		if !yield(c) {
			return errEnough
		}
	}
	return nil
}
