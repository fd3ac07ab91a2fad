package settle

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Case is a grouped case with its money.
type Case struct {
	ID          string `json:"id"`
	Org         string `json:"org"`
	Level       string `json:"level"`
	Insurance   string `json:"insurance"`
	Offsite     string `json:"offsite"` // in_province, cross_province, empty: local
	Group       string `json:"group"`
	Status      string `json:"status"` // OK, 0000, QY, UNGROUPED; empty is OK
	Total       dec    `json:"total_fee"`
	LOS         dec    `json:"los_days"`
	FullSelf    dec    `json:"full_self_pay"`
	PriorSelf   dec    `json:"prior_self_pay"`
	Deductible  dec    `json:"deductible"`
	PolicyRatio dec    `json:"policy_ratio"`
	Personal    dec    `json:"personal_pay"`
	Other       dec    `json:"other_pay"`    // of other payers
	Booked      dec    `json:"fund_booked"`  // what the fund booked for the case during the year
	Special     bool   `json:"special_case"` // 特例单议, applied for and approved
	BedDay      string `json:"bed_day"`      // kind of the bed-day rule
	DaySurgery  bool   `json:"day_surgery"`
	TCMShare    dec    `json:"tcm_share"` // TCM fees over total
	AuxFactor   *dec   `json:"aux_factor"`
	Score       *dec   `json:"score"`     // DIP: of the catalogue, where the payment table has none
	BaseCoef    *dec   `json:"base_coef"` // DIP: fixed coefficient of a basic disease
	Ref         *dec   `json:"ref_cost"`
}

// CaseColumns are the names of a case's fields, with the kind of each.
func CaseColumns() map[string]string {
	out := map[string]string{}
	t := reflect.TypeFor[Case]()
	for field := range t.Fields() {
		kind := "text"
		switch f := field; {
		case f.Type.Kind() == reflect.Bool:
			kind = "bool"
		case f.Type == reflect.TypeFor[dec](), f.Type == reflect.TypeFor[*dec]():
			kind = "number"
		}
		out[field.Tag.Get("json")] = kind
	}
	return out
}

// Check looks for what would be settled wrongly without a word: a status or a class of off-site care that there is not,
// a grouped case without its group, a share above 1, numbers without sense.
func (c *Case) Check() error {
	switch {
	case !slices.Contains([]string{"", statusOK, "0000", "QY", "UNGROUPED"}, c.Status):
		return errors.New("status: one of OK, 0000, QY, UNGROUPED is wanted")
	case !slices.Contains([]string{"", inProvince, crossProvince}, c.Offsite):
		return fmt.Errorf("offsite: %s, %s or nothing is wanted", inProvince, crossProvince)
	case c.Group == "" && (c.Status == "" || c.Status == statusOK) && c.BedDay == "":
		return errors.New("group is wanted (or drg, dip; or --scheme groups the case)")
	case c.TCMShare.IsNegative() || c.TCMShare.GreaterThan(one):
		return errors.New("tcm_share: a share from 0 to 1 is wanted")
	case c.PolicyRatio.IsNegative() || c.PolicyRatio.GreaterThan(one):
		return errors.New("policy_ratio: a share from 0 to 1 is wanted")
	case c.LOS.IsNegative():
		return errors.New("los_days: a number from 0 on is wanted")
	}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		d, ok := reflect.TypeAssert[dec](v.Field(i))
		if some, is := reflect.TypeAssert[*dec](v.Field(i)); is && some != nil {
			d, ok = *some, true
		}
		if ok && !sensible(d) {
			return fmt.Errorf("%s: a number of a sensible size is wanted", v.Type().Field(i).Tag.Get("json"))
		}
	}
	return nil
}

// Row is what a case comes to. Points are the points law's, or the DIP score with all factors.
type Row struct {
	ID             string `json:"id"`
	Org            string `json:"org"`
	Group          string `json:"group"`
	Level          string `json:"level,omitempty"`
	Insurance      string `json:"insurance,omitempty"`
	RW             *dec   `json:"rw"`
	Rate           *dec   `json:"rate"` // yuan for a weight or a point
	Points         *dec   `json:"points,omitempty"`
	Coefficient    dec    `json:"coefficient"`
	Total          dec    `json:"total_fee"`
	Standard       dec    `json:"standard"`
	Ratio          dec    `json:"ratio"`
	Tier           string `json:"tier"`
	Excess         dec    `json:"excess"`
	CaseStandard   dec    `json:"case_standard"` // what is paid for the case in all
	Personal       dec    `json:"personal"`
	FundDue        dec    `json:"fund_due"`
	ProfitFormula  dec    `json:"profit_formula"`  // standard less cost
	ProfitOfficial dec    `json:"profit_official"` // the same, but 0 for high and low cases
	Method         string `json:"method"`
	Review         bool   `json:"review,omitempty"` // DIP: so far above the reference that experts look at it
	Params         string `json:"params"`

	booked  dec
	offsite string
	status  string
	byItem  bool // wants a place in the quota of high cases
	c       *Case
	w       *Weight
	high    dec
	ref     dec  // DIP: cost that the case's is compared with
	days    bool // its points have a price of their own, so that they are no weight beside those of other cases
}

// Settle settles the cases of a region and year: quotas are by hospital, point values by fund.
func (p *Params) Settle(cases []Case) ([]Row, error) {
	return p.settle(cases, false)
}

// SettleAll is Settle for a region's night, which one case must not stop: a case that the parameters have no price for
// comes back with the tier TierUnpriced, and what is missing as its method: unpriced:no_rate.
func (p *Params) SettleAll(cases []Case) ([]Row, error) {
	return p.settle(cases, true)
}

// GapError is what the parameters lack for a case, or what is wrong with the case itself.
type GapError struct {
	Case   int    // its place in the input, from 0
	Reason string // a word for it
	Others int    // how many more cases lack something
	text   string
}

func (g *GapError) Error() string {
	if g.Others > 0 {
		return fmt.Sprintf("%s (%d more cases have no price)", g.text, g.Others)
	}
	return g.text
}

func gap(reason, format string, args ...any) error {
	return &GapError{Reason: reason, text: fmt.Sprintf(format, args...)}
}

func (p *Params) settle(cases []Case, all bool) ([]Row, error) {
	switch {
	case p.Scheme == "":
		return nil, fault.New(fault.Invalid, "parameters %s: scheme is wanted: drg, points or dip", p.ID)
	case p.Scheme == SchemePoints && p.AllMean == nil:
		return nil, fault.New(fault.Invalid, "parameters %s: all_mean is wanted: base points are the mean of a group over that of all cases", p.ID)
	}
	rows := make([]Row, len(cases))
	var first *GapError
	missing := func(i int, err error) {
		r, g := &rows[i], err.(*GapError) //nolint:forcetypeassert,errorlint // of gap, above
		r.Tier, r.Method, r.Points, r.byItem = TierUnpriced, TierUnpriced+":"+g.Reason, nil, false
		r.Standard, r.CaseStandard, r.Excess, r.Ratio = decimal.Zero, decimal.Zero, decimal.Zero, decimal.Zero
		if first == nil {
			first, g.Case = g, i
		} else {
			first.Others++
		}
	}
	for i := range cases {
		r, err := p.first(&cases[i])
		rows[i] = r
		if err != nil {
			missing(i, err)
		}
	}
	p.quotas(rows)
	p.volume(rows)
	p.values(rows, missing)
	if first != nil && !all {
		return nil, fault.Wrap(fault.Invalid, first)
	}
	for i := range rows {
		p.fund(&rows[i])
	}
	return rows, nil
}

// first finds group, standard or points, and tier of one case.
func (p *Params) first(c *Case) (Row, error) {
	r := Row{
		ID: c.ID, Org: c.Org, Group: c.Group, Level: c.Level, Insurance: c.Insurance, Total: c.Total, Tier: TierNormal, Personal: c.Personal, Params: p.hash,
		booked: c.Booked, offsite: c.Offsite, status: c.Status, Coefficient: one, c: c,
	}
	if c.Status == "" {
		r.status = statusOK
	}
	if c.Total.IsNegative() {
		return r, gap("negative_cost", "total_fee is negative: refunds are netted with what they refund before a case is settled")
	}
	switch p.offsite(c.Offsite) {
	case "shadow":
		r.Tier, r.Method = TierShadow, "shadow"
		return r, nil
	case "item":
		return p.byItem(r, TierExcluded, "offsite"), nil
	}
	for _, e := range p.Exclusions {
		// A stay paid by the day is a long one: only a rule that names bed-day cases takes it.
		if e.takes(c) && (c.BedDay == "" || e.BedDay) {
			return p.byItem(r, TierExcluded, e.ID), nil
		}
	}
	if c.BedDay != "" {
		return p.bedDay(r)
	}
	r.w = p.weight(c.Group, c.Org, c.Level, c.Insurance)
	if r.status != statusOK {
		return p.ungrouped(r)
	}
	if has(r.w, FlagTCM) && !p.tcmReached(c) && r.w.Instead != "" {
		group := r.w.Instead
		if r.w = p.weight(group, c.Org, c.Level, c.Insurance); r.w == nil {
			return r, gap("no_group", "group %s is paid as %s where the share of TCM fees is low, and the payment table has no %s", c.Group, group, group)
		}
	}
	if has(r.w, FlagUnstable) || has(r.w, FlagItem) {
		return p.byItem(r, TierExcluded, "group"), nil
	}
	r.Coefficient = p.coefficientOf(&r)
	var err error
	switch p.Scheme {
	case SchemeDRG:
		err = p.byRate(&r)
	case SchemePoints:
		p.byPoints(&r)
	default:
		p.byScore(&r)
	}
	return r, err
}

// coefficientOf is the factor of a hospital for a case: that of the payment table before the hospital's or its level's,
// and for a group that is paid the same at every level the one that is fixed for it, or none.
func (p *Params) coefficientOf(r *Row) dec {
	switch {
	case r.w != nil && r.w.Coef != nil && (has(r.w, FlagBasic) || r.c.BaseCoef == nil || !r.c.BaseCoef.IsPositive()):
		return r.w.Coef.Decimal
	case has(r.w, FlagBasic):
		return one
	case r.c.BaseCoef != nil && r.c.BaseCoef.IsPositive(): // 基层病种: one coefficient for every level
		return *r.c.BaseCoef
	}
	return p.coefficient(r.Org, r.Level)
}

const statusOK = "OK"

func (p *Params) offsite(kind string) string {
	how := ""
	switch kind {
	case inProvince:
		how = p.Offsite.InProvince
	case crossProvince:
		how = p.Offsite.CrossProvince
	}
	if how == "" {
		return "local"
	}
	return how
}

func (p *Params) byItem(r Row, tier, method string) Row {
	r.Tier, r.Method = tier, "item:"+method
	r.Standard = p.Rounding.money(r.Total)
	r.CaseStandard = r.Standard
	return r
}

// unpriced is a case that the parameters have no weight for: what it costs is no standard, so that it makes no profit.
func unpriced(r Row, what string) Row {
	r.Tier, r.Method = TierUnpriced, TierUnpriced+":"+what
	return r
}

func (e Exclusion) takes(c *Case) bool {
	return (!e.Day || c.DaySurgery) && (!e.BedDay || c.BedDay != "") &&
		(e.LOSMin == nil || c.LOS.GreaterThanOrEqual(e.LOSMin.Decimal)) && (e.LOSMax == nil || c.LOS.LessThanOrEqual(e.LOSMax.Decimal))
}

func (p *Params) bedDay(r Row) (Row, error) {
	for _, b := range p.BedDay {
		if b.Kind != r.c.BedDay {
			continue
		}
		points := p.Rounding.score(BedDayPoints(r.c.LOS, b.Tiers))
		r.Tier, r.Method, r.Points = TierBedDay, "bed_day", &points
		if b.Value != nil {
			r.Rate, r.days = &b.Value.Decimal, true
			r.Standard = p.Rounding.money(points.Mul(b.Value.Decimal))
			r.CaseStandard = r.Standard
		}
		return r, nil
	}
	return r, gap("no_bed_day", "bed_day: the parameters have no kind %q under bedday", r.c.BedDay)
}

func (p *Params) ungrouped(r Row) (Row, error) {
	switch p.Ungrouped.Method {
	case "rw":
		// The payment table may have a weight for what is not grouped (0000, or 000P for those of one MDC); coefficients
		// hold as for any weight (Wuxi 2022: 0000 is 0.2 at the standard of each level).
		rw := p.Ungrouped.RW
		if r.w != nil && r.w.RW != nil {
			rw = r.w.RW
		}
		r.Tier, r.Method, r.RW = TierUngrouped, "rw", &rw.Decimal
		r.Coefficient = p.coefficientOf(&r)
		if err := p.standard(&r); err != nil {
			return r, err
		}
		r.CaseStandard = r.Standard
	case "ratio":
		r.Tier, r.Method = TierUngrouped, "ratio"
		r.Standard = p.Rounding.money(r.Total.Mul(p.Ungrouped.Ratio.Decimal))
		r.CaseStandard = r.Standard
	case "refuse":
		r.Tier, r.Method = TierUngrouped, "refuse"
	default:
		r = p.byItem(r, TierUngrouped, "ungrouped")
	}
	return r, nil
}

func (p *Params) tcmReached(c *Case) bool {
	return p.TCM.MinShare != nil && c.TCMShare.GreaterThanOrEqual(p.TCM.MinShare.Decimal)
}

// tcm is the factor of a group with an advantage in traditional medicine, where the share of TCM fees reaches the limit.
func (p *Params) tcm(r *Row) dec {
	if has(r.w, FlagTCM) && p.TCM.Factor != nil && p.tcmReached(r.c) {
		return p.TCM.Factor.Decimal
	}
	return one
}

// standard is what a case of this weight costs here: the payment table's, or weight times rate times coefficient.
func (p *Params) standard(r *Row) error {
	if r.w != nil && r.w.Standard != nil {
		r.Coefficient = one
		r.Standard = p.Rounding.money(r.w.Standard.Mul(p.tcm(r)))
		return nil
	}
	rate, ok := rateOf(p.Rates, r.Level, r.Insurance, r.offsite)
	switch {
	case r.w != nil && r.w.Rate != nil:
		rate = r.w.Rate.Decimal
	case has(r.w, FlagBasic):
		// The same standard at every level: a rate of a level would undo what the flag says.
		if all, found := rateOf(p.Rates, "", r.Insurance, r.offsite); found {
			rate, ok = all, true
		} else if ok {
			return gap("no_rate_of_all_levels", "parameters %s: group %s is paid the same at every level, and every rate is of one level; add a rate without level for insurance %q, or a standard to its row of the payment table",
				p.ID, r.Group, r.Insurance)
		}
		fallthrough
	default:
		if !ok {
			return gap("no_rate", "parameters %s: no rate for level %q, insurance %q, off-site %q; add it to rates", p.ID, r.Level, r.Insurance, r.offsite)
		}
	}
	r.Rate = &rate
	r.Standard = p.Rounding.money(r.RW.Mul(rate).Mul(r.Coefficient).Mul(p.tcm(r)))
	return nil
}

func (p *Params) byRate(r *Row) error {
	if r.w == nil || (r.w.RW == nil && r.w.Standard == nil) {
		*r = unpriced(*r, "no_weight")
		return nil
	}
	if r.w.RW != nil {
		r.RW = &r.w.RW.Decimal
	}
	if err := p.standard(r); err != nil {
		return err
	}
	by := decimal.Zero
	if r.RW != nil {
		by = *r.RW
	}
	r.high = p.High.MultipleOf(by, r.Level)
	low := decimal.Zero
	if p.Low.Multiple != nil {
		low = p.Low.Multiple.Decimal
	}
	r.Ratio = p.Rounding.ratio(div(r.Total, r.Standard))
	r.Tier = r.tierOf(low)
	r.CaseStandard, r.Method = r.Standard, "standard"
	switch r.Tier {
	case TierHigh:
		switch p.High.Method {
		case "excess":
			r.Excess = p.Rounding.money(r.Total.Sub(r.limit()))
			r.CaseStandard, r.Method = r.Standard.Add(r.Excess), "excess"
		case "item":
			r.CaseStandard, r.Method = p.Rounding.money(r.Total), "item:high"
		}
		r.byItem = p.High.Method == "excess" || p.High.Method == "item"
	case TierLow:
		if p.Low.Method != TierNormal {
			r.CaseStandard, r.Method = p.Rounding.money(r.Total), "actual"
		}
	}
	return nil
}

func (r *Row) limit() dec {
	if r.w.HighLimit != nil {
		return r.w.HighLimit.Decimal
	}
	return r.Standard.Mul(r.high)
}

// tierOf compares with the limits in yuan that the payment table has, and with the multiple where it has none.
func (r *Row) tierOf(low dec) string {
	tier := TierOf(r.Total, r.Standard, r.high, low)
	switch {
	case r.w.HighLimit != nil && r.Total.GreaterThan(r.w.HighLimit.Decimal), r.w.HighLimit == nil && tier == TierHigh:
		return TierHigh
	case r.w.LowLimit != nil && r.Total.LessThan(r.w.LowLimit.Decimal), r.w.LowLimit == nil && tier == TierLow:
		return TierLow
	}
	return TierNormal
}

func (p *Params) byPoints(r *Row) {
	if r.w == nil || r.w.Mean == nil {
		*r = unpriced(*r, "no_points")
		return
	}
	mean := r.w.Mean.Decimal
	base := p.Rounding.score(BasePoints(mean, p.AllMean.Decimal))
	points := base.Mul(r.Coefficient).Mul(p.tcm(r))
	r.high = p.High.MultipleOf(base, r.Level)
	low := decimal.Zero
	if p.Low.Multiple != nil {
		low = p.Low.Multiple.Decimal
	}
	r.Ratio = p.Rounding.ratio(div(r.Total, mean))
	r.Tier, r.Method = TierOf(r.Total, mean, r.high, low), "points"
	r.RW = &base
	switch r.Tier {
	case TierHigh:
		r.Excess = p.Rounding.score(ExtraPoints(base, mean, r.Total, r.high)) // in points
		r.byItem = p.High.Method != TierNormal
		if r.byItem {
			points = points.Add(r.Excess)
		}
	case TierLow:
		if p.Low.Method != TierNormal {
			points = ReducedPoints(base, mean, r.Total)
		}
	}
	points = p.Rounding.score(points)
	r.Points = &points
}

func (p *Params) byScore(r *Row) {
	var score *dec
	switch {
	case r.w != nil && r.w.Score != nil:
		score = &r.w.Score.Decimal
	case r.c.Score != nil:
		score = r.c.Score
	default:
		*r = unpriced(*r, "no_score")
		return
	}
	r.RW = score
	ref := decimal.Zero
	switch {
	case r.c.Ref != nil:
		ref = *r.c.Ref
	case r.w != nil && r.w.Ref != nil:
		ref = r.w.Ref.Decimal
	}
	r.ref = ref
	var over, under dec
	r.Tier, over, under = p.DeviationOf(r.Total, ref)
	r.Ratio, r.Method = p.Rounding.ratio(div(r.Total, ref)), "score"
	r.Review = p.Deviation.Review != nil && ref.IsPositive() && r.Total.GreaterThan(ref.Mul(p.Deviation.Review.Decimal))
	product := score.Mul(over).Mul(r.Coefficient).Mul(p.tcm(r))
	if r.c.AuxFactor != nil {
		product = product.Mul(*r.c.AuxFactor)
	}
	points := product.DivRound(under, places(p.Rounding.Score, 4)) //nolint:mnd // the norm's places of a score
	r.Points = &points
}

// quotas gives special and by-item payment to as many cases of each hospital as its discharges allow. Cases that are
// only shown here (shadow) are no discharges of this payment.
func (p *Params) quotas(rows []Row) {
	discharges := map[string]int64{}
	special, high := map[string][]Claim{}, map[string][]Claim{}
	for i := range rows {
		r := &rows[i]
		if r.Tier == TierShadow {
			continue
		}
		discharges[r.Org]++
		if r.c.Special && r.Tier != TierUnpriced {
			special[r.Org] = append(special[r.Org], Claim{r.ID, r.Total.Sub(r.over()), i})
		}
	}
	share := p.Special.DRG
	if p.Scheme == SchemeDIP {
		share = p.Special.DIP
	}
	for org, list := range special {
		if share == nil {
			continue
		}
		within, _ := WithinQuota(list, Quota(discharges[org], share.Decimal))
		for _, claim := range within {
			p.special(&rows[claim.at])
		}
	}
	if p.High.Cap == nil {
		return
	}
	for i := range rows {
		if r := &rows[i]; r.byItem {
			high[r.Org] = append(high[r.Org], Claim{r.ID, p.High.amount(r), i})
		}
	}
	for org, list := range high {
		_, beyond := WithinQuota(list, Quota(discharges[org], p.High.Cap.Decimal))
		for _, claim := range beyond {
			r := &rows[claim.at]
			if r.Points != nil {
				points := p.Rounding.score(r.Points.Sub(r.Excess))
				r.Points = &points
			}
			r.CaseStandard, r.Excess, r.Method = r.Standard, decimal.Zero, "standard:beyond_quota"
		}
	}
}

const uplift = "uplift"

// special pays a case of 特例单议 within the quota: by item, or an uplifted standard.
func (p *Params) special(r *Row) {
	priced := r.Tier == TierNormal || r.Tier == TierHigh || r.Tier == TierLow
	if p.Special.Method != uplift || !priced {
		*r = p.byItem(*r, TierSpecial, "special_case")
		r.Points, r.byItem, r.Excess, r.Review = nil, false, decimal.Zero, false
		return
	}
	r.Tier, r.Method, r.byItem = TierSpecial, uplift, false
	if r.Points != nil {
		points := p.Rounding.score(r.Points.Sub(r.Excess).Mul(p.Special.Factor.Decimal))
		r.Points, r.Excess = &points, decimal.Zero
		return
	}
	r.Excess = decimal.Zero
	r.CaseStandard = p.Rounding.money(r.Standard.Mul(p.Special.Factor.Decimal))
}

// amount is what orders high cases within their cap.
func (h High) amount(r *Row) dec {
	switch h.Order {
	case "cost":
		return r.Total
	case "ratio":
		return div(r.Total, r.over())
	}
	return r.Total.Sub(r.over())
}

// over is what a case is compared with: its standard, or before points have a value the mean of its group or its
// reference. Where there is nothing to compare with it is the cost itself: nobody's excess.
func (r *Row) over() dec {
	switch {
	case r.Points == nil || r.days:
		return r.Standard
	case r.w != nil && r.w.Mean != nil && r.ref.IsZero():
		return r.w.Mean.Decimal
	case r.ref.IsPositive():
		return r.ref
	}
	return r.Total
}

// volume pays the cases of a group whose number is capped (总量控制) the share of the cap in their number.
func (p *Params) volume(rows []Row) {
	type scope struct{ group, org string }
	of := func(r *Row) scope {
		if p.Volume.Of == clearOrg {
			return scope{r.Group, r.Org}
		}
		return scope{r.Group, ""}
	}
	counts := map[scope]int64{}
	capped := func(r *Row) bool {
		return r.w != nil && r.w.MaxCases != nil && (r.Tier == TierNormal || r.Tier == TierHigh || r.Tier == TierLow)
	}
	for i := range rows {
		if r := &rows[i]; capped(r) {
			counts[of(r)]++
		}
	}
	for i := range rows {
		r := &rows[i]
		if !capped(r) {
			continue
		}
		n := decimal.NewFromInt(counts[of(r)])
		if !n.GreaterThan(r.w.MaxCases.Decimal) {
			continue
		}
		r.Method += ":total_control"
		if r.Points != nil {
			points := r.Points.Mul(r.w.MaxCases.Decimal).DivRound(n, places(p.Rounding.Score, 4)) //nolint:mnd // the norm's places of a score
			r.Points = &points
			continue
		}
		r.CaseStandard = r.CaseStandard.Mul(r.w.MaxCases.Decimal).DivRound(n, places(p.Rounding.Money, 2)) //nolint:mnd // a fen
	}
}

// values turns points into yuan: at a fixed value, or at that of the fund they share (of point_funds, the row that says
// most about a case).
func (p *Params) values(rows []Row, missing func(i int, err error)) {
	points, persons := map[int]dec{}, map[int]dec{}
	share := map[int]int{} // of rows without a fixed value: number of the fund
	for i := range rows {
		r := &rows[i]
		if r.Points == nil || r.Rate != nil {
			continue
		}
		if value, ok := rateOf(p.PointValue, r.Level, r.Insurance, r.offsite); ok {
			r.Rate = &value
			continue
		}
		at := find(p.PointFund, func(f *Fund) [][2]string {
			return [][2]string{{f.Level, r.Level}, {f.Insurance, r.Insurance}, {f.Offsite, r.offsite}}
		})
		if at < 0 {
			missing(i, gap("no_point_value", "parameters %s: no point value and no fund for level %q, insurance %q, off-site %q; add it to point_values or point_funds", p.ID, r.Level, r.Insurance, r.offsite))
			continue
		}
		share[i] = at
		points[at] = points[at].Add(*r.Points)
		persons[at] = persons[at].Add(r.c.Personal).Add(r.c.Other)
	}
	for i := range rows {
		r := &rows[i]
		if r.Points == nil {
			continue
		}
		if at, ok := share[i]; ok {
			value := p.Rounding.point(p.PointFund[at].value(points[at], persons[at]))
			r.Rate = &value
		}
		r.CaseStandard = p.Rounding.money(r.Points.Mul(*r.Rate))
		r.Standard = r.CaseStandard
	}
}

// value of a point of a fund.
func (f *Fund) value(points, persons dec) dec {
	switch {
	case f.Ratio != nil:
		return div(f.Value.Decimal, f.Ratio.Mul(points))
	case f.Personal:
		return div(f.Value.Add(persons), points)
	}
	return div(f.Value.Decimal, points)
}

// fund finds the fund's part and the two profits.
func (p *Params) fund(r *Row) {
	if r.Tier == TierShadow || r.Tier == TierUnpriced {
		return
	}
	r.FundDue = p.Rounding.money(p.fundPart(p.Fund.Formula, r.CaseStandard, r.c))
	r.ProfitFormula = p.Rounding.money(r.Standard.Sub(r.Total))
	if r.Tier == TierNormal {
		r.ProfitOfficial = r.ProfitFormula
	}
}

// fundPart is the fund's part of what is paid for a case: A of the technical norm, B of most regions (the default).
func (p *Params) fundPart(formula string, paid dec, c *Case) dec {
	part := paid.Sub(c.Personal).Sub(c.Other)
	if formula == "A" {
		part = paid.Sub(c.FullSelf).Sub(c.PriorSelf).Sub(c.Deductible).Mul(c.PolicyRatio)
	}
	if p.Fund.Negative != "keep" && part.IsNegative() {
		return decimal.Zero
	}
	return part
}

// Hospital is the year of one hospital, or of one type of insurance there.
type Hospital struct {
	Org        string `json:"org"`
	Insurance  string `json:"insurance,omitempty"`
	Cases      int64  `json:"cases"`
	Weight     dec    `json:"weight"` // weights of DRGs, or points
	Total      dec    `json:"total_fee"`
	Standard   dec    `json:"case_standard"`
	FundDue    dec    `json:"fund_due"`
	Booked     dec    `json:"fund_booked"`
	Ratio      dec    `json:"ratio"`
	Tier       string `json:"tier,omitempty"` // absent where types of insurance were cleared in different tiers
	Settlement dec    `json:"settlement"`
	Deposit    dec    `json:"deposit"`                // kept back until the assessment
	Returned   *dec   `json:"deposit_paid,omitempty"` // of the deposit, by the score of the assessment
	High       int64  `json:"high_cases"`
	Low        int64  `json:"low_cases"`
	Ungrouped  int64  `json:"ungrouped_cases"`
	Unpriced   int64  `json:"unpriced_cases,omitempty"` // no price for them: in none of the sums but cases and total_fee
}

const clearOrg = "org"

// Hospitals adds rows up by hospital and clears the year where funds were booked: each type of insurance by itself, unless
// clearing.of says that the hospital is cleared as one.
func (p *Params) Hospitals(rows []Row) []Hospital {
	if p.Clearing.Of == clearOrg {
		out := sums(rows, func(r *Row) (org, insurance string) { return r.Org, "" })
		p.cleared(out)
		return out
	}
	var out []Hospital
	for _, f := range p.Funds(rows) {
		if n := len(out); n > 0 && out[n-1].Org == f.Org {
			out[n-1].Add(&f)
			continue
		}
		f.Insurance = ""
		out = append(out, f)
	}
	for i := range out {
		h := &out[i]
		h.Ratio = decimal.Zero
		if h.Booked.IsPositive() && h.FundDue.IsPositive() {
			h.Ratio = p.Rounding.ratio(div(h.Booked, h.FundDue))
		}
	}
	return out
}

// Funds adds rows up by hospital and type of insurance. They sum to Hospitals; where hospitals are cleared as one, nothing
// is cleared here, and the settlement of a fund is what is due.
func (p *Params) Funds(rows []Row) []Hospital {
	out := sums(rows, func(r *Row) (org, insurance string) { return r.Org, r.Insurance })
	if p.Clearing.Of == clearOrg {
		for i := range out {
			out[i].Settlement = out[i].FundDue
		}
		return out
	}
	p.cleared(out)
	return out
}

// Add puts another part of the same hospital beside the first: another type of insurance, another year. A tier that is
// not that of both is none. Ratio stays as it was.
func (h *Hospital) Add(f *Hospital) {
	h.Cases += f.Cases
	h.High, h.Low, h.Ungrouped, h.Unpriced = h.High+f.High, h.Low+f.Low, h.Ungrouped+f.Ungrouped, h.Unpriced+f.Unpriced
	for _, sum := range []struct{ to, more *dec }{
		{&h.Weight, &f.Weight},
		{&h.Total, &f.Total},
		{&h.Standard, &f.Standard},
		{&h.FundDue, &f.FundDue},
		{&h.Booked, &f.Booked},
		{&h.Settlement, &f.Settlement},
		{&h.Deposit, &f.Deposit},
	} {
		*sum.to = sum.to.Add(*sum.more)
	}
	switch {
	case h.Returned == nil:
		h.Returned = f.Returned
	case f.Returned != nil:
		both := h.Returned.Add(*f.Returned)
		h.Returned = &both
	}
	if f.Tier != h.Tier {
		h.Tier = ""
	}
}

func (p *Params) cleared(list []Hospital) {
	for i := range list {
		h := &list[i]
		h.Settlement = h.FundDue
		if h.Booked.IsPositive() {
			h.Settlement, h.Ratio, h.Tier = p.clear(p.tiersOf(h.Insurance), h.Booked, h.FundDue)
		}
		if p.Deposit.Share == nil {
			continue
		}
		h.Deposit = p.Rounding.money(h.Settlement.Mul(p.Deposit.Share.Decimal))
		if at := find(p.Deposit.Scores, func(s *Score) [][2]string { return [][2]string{{s.Org, h.Org}} }); at >= 0 {
			paid := p.Rounding.money(h.Deposit.Mul(p.Deposit.Scores[at].Value.Decimal))
			h.Returned = &paid
		}
	}
}

// tiersOf are the steps of a type of insurance.
func (p *Params) tiersOf(insurance string) []Tier {
	own := insurance != "" && slices.ContainsFunc(p.Tiers, func(t Tier) bool { return t.Insurance == insurance })
	var out []Tier
	for _, t := range p.Tiers {
		if own && t.Insurance == insurance || !own && t.Insurance == "" {
			out = append(out, t)
		}
	}
	return out
}

// sums adds rows up, sorted by hospital and type of insurance.
func sums(rows []Row, of func(r *Row) (org, insurance string)) []Hospital {
	index := map[[2]string]int{}
	var out []Hospital
	for i := range rows {
		r := &rows[i]
		if r.Tier == TierShadow {
			continue
		}
		org, insurance := of(r)
		at, ok := index[[2]string{org, insurance}]
		if !ok {
			at = len(out)
			index[[2]string{org, insurance}] = at
			out = append(out, Hospital{Org: org, Insurance: insurance})
		}
		h := &out[at]
		h.Cases++
		h.Total = h.Total.Add(r.Total)
		if r.Tier == TierUnpriced {
			h.Unpriced++
			continue
		}
		h.Weight = h.Weight.Add(r.weight())
		h.Standard, h.FundDue, h.Booked = h.Standard.Add(r.CaseStandard), h.FundDue.Add(r.FundDue), h.Booked.Add(r.booked)
		switch r.Tier {
		case TierHigh:
			h.High++
		case TierLow:
			h.Low++
		case TierUngrouped:
			h.Ungrouped++
		}
	}
	slices.SortFunc(out, func(a, b Hospital) int {
		if c := strings.Compare(a.Org, b.Org); c != 0 {
			return c
		}
		return strings.Compare(a.Insurance, b.Insurance)
	})
	return out
}

// weight is what a case weighs: its points, its RW, or its money where it has neither.
func (r *Row) weight() dec {
	switch {
	case r.days:
		return decimal.Zero
	case r.Points != nil:
		return *r.Points
	case r.RW != nil:
		return *r.RW
	}
	return decimal.Zero
}
