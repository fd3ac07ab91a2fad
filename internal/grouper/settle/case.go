package settle

import (
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
	Params         string `json:"params"`

	booked  dec
	offsite string
	status  string
	byItem  bool // wants a place in the quota of high cases
	c       *Case
	w       *Weight
	high    dec
}

// Settle settles the cases of a region and year: quotas are by hospital, point values by fund.
func (p *Params) Settle(cases []Case) ([]Row, error) {
	return p.settle(cases, false)
}

// SettleAll is Settle for a region's night, which one case must not stop: a case that the parameters have no price for
// comes back with the tier TierUnpriced, and what is missing as its method.
func (p *Params) SettleAll(cases []Case) ([]Row, error) {
	return p.settle(cases, true)
}

func (p *Params) settle(cases []Case, all bool) ([]Row, error) {
	if p.Scheme == "" {
		return nil, fault.New(fault.Invalid, "parameters %s: scheme is wanted: drg, points or dip", p.ID)
	}
	rows := make([]Row, len(cases))
	for i := range cases {
		r, err := p.first(&cases[i])
		switch {
		case err != nil && all:
			r.Tier, r.Method = TierUnpriced, "unpriced"
		case err != nil:
			return nil, fault.New(fault.Invalid, "case %d: %w", i+1, err)
		}
		rows[i] = r
	}
	p.quotas(rows)
	if err := p.values(rows, all); err != nil {
		return nil, err
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
	switch p.offsite(c.Offsite) {
	case "shadow":
		r.Tier, r.Method = TierShadow, "shadow"
		return r, nil
	case "item":
		return byItem(r, TierExcluded, "offsite"), nil
	}
	if c.BedDay != "" {
		return p.bedDay(r)
	}
	for _, e := range p.Exclusions {
		if e.takes(c) {
			return byItem(r, TierExcluded, e.ID), nil
		}
	}
	if r.status != statusOK {
		return p.ungrouped(r)
	}
	r.w = p.weight(c.Group, c.Level, c.Insurance)
	if has(r.w, FlagUnstable) || has(r.w, FlagItem) {
		return byItem(r, TierExcluded, "group"), nil
	}
	r.Coefficient = p.coefficient(c.Org, c.Level)
	switch {
	case has(r.w, FlagBasic):
		r.Coefficient = one
		if r.w.Coef != nil {
			r.Coefficient = r.w.Coef.Decimal
		}
	case c.BaseCoef != nil && c.BaseCoef.IsPositive(): // 基层病种: one coefficient for every level
		r.Coefficient = *c.BaseCoef
	case r.w != nil && r.w.Coef != nil:
		r.Coefficient = r.w.Coef.Decimal
	}
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

const statusOK = "OK"

func (p *Params) offsite(kind string) string {
	how := ""
	switch kind {
	case "in_province":
		how = p.Offsite.InProvince
	case "cross_province":
		how = p.Offsite.CrossProvince
	}
	if how == "" {
		return "local"
	}
	return how
}

func byItem(r Row, tier, method string) Row {
	r.Tier, r.Method = tier, "item:"+method
	r.Standard, r.CaseStandard = r.Total, r.Total
	return r
}

// unpriced is a case that the parameters have no weight for: what it costs is no standard, so that it makes no profit.
func unpriced(r Row, what string) Row {
	r.Tier, r.Method = TierUnpriced, TierUnpriced+":"+what
	return r
}

func (e Exclusion) takes(c *Case) bool {
	switch {
	case e.Day:
		return c.DaySurgery
	case e.BedDay:
		return c.BedDay != ""
	case e.LOSMin != nil && e.LOSMax != nil:
		return c.LOS.GreaterThanOrEqual(e.LOSMin.Decimal) && c.LOS.LessThanOrEqual(e.LOSMax.Decimal)
	case e.LOSMin != nil:
		return c.LOS.GreaterThanOrEqual(e.LOSMin.Decimal)
	case e.LOSMax != nil:
		return c.LOS.LessThanOrEqual(e.LOSMax.Decimal)
	}
	return false
}

func (p *Params) bedDay(r Row) (Row, error) {
	for _, b := range p.BedDay {
		if b.Kind != r.c.BedDay {
			continue
		}
		points := p.Rounding.score(BedDayPoints(r.c.LOS, b.Tiers))
		r.Tier, r.Method, r.Points = TierBedDay, "bed_day", &points
		if b.Value != nil {
			r.Rate = &b.Value.Decimal
			r.Standard = p.Rounding.money(points.Mul(b.Value.Decimal))
			r.CaseStandard = r.Standard
		} else if p.Scheme == SchemeDRG {
			return r, fault.New(fault.Invalid, "bedday %s: a value in yuan is wanted where payment is by weight", b.Kind)
		}
		return r, nil
	}
	return r, fault.New(fault.Invalid, "bedday: the parameters have no kind %q", r.c.BedDay)
}

func (p *Params) ungrouped(r Row) (Row, error) {
	switch p.Ungrouped.Method {
	case "rw":
		rate, ok := find(p.Rates, r.Level, r.Insurance, r.offsite)
		if !ok {
			return r, p.noRate(&r)
		}
		r.Tier, r.Method, r.RW, r.Rate = TierUngrouped, "rw", &p.Ungrouped.RW.Decimal, &rate
		r.Standard = p.Rounding.money(p.Ungrouped.RW.Mul(rate))
		r.CaseStandard = r.Standard
	case "ratio":
		r.Tier, r.Method = TierUngrouped, "ratio"
		r.Standard = p.Rounding.money(r.Total.Mul(p.Ungrouped.Ratio.Decimal))
		r.CaseStandard = r.Standard
	case "refuse":
		r.Tier, r.Method = TierUngrouped, "refuse"
	default:
		r = byItem(r, TierUngrouped, "ungrouped")
	}
	return r, nil
}

func (p *Params) noRate(r *Row) error {
	return fault.New(fault.Invalid, "parameters %s: no rate for level %q, insurance %q, off-site %q", p.ID, r.Level, r.Insurance, r.offsite)
}

// tcm is the factor of a group with an advantage in traditional medicine, where the share of TCM fees reaches the limit.
func (p *Params) tcm(r *Row) dec {
	if has(r.w, FlagTCM) && p.TCM.Factor != nil && p.TCM.MinShare != nil && r.c.TCMShare.GreaterThanOrEqual(p.TCM.MinShare.Decimal) {
		return p.TCM.Factor.Decimal
	}
	return one
}

func (p *Params) byRate(r *Row) error {
	if r.w == nil || (r.w.RW == nil && r.w.Standard == nil) {
		*r = unpriced(*r, "no_weight")
		return nil
	}
	if r.w.RW != nil {
		r.RW = &r.w.RW.Decimal
	}
	switch {
	case r.w.Standard != nil:
		r.Standard = p.Rounding.money(r.w.Standard.Mul(p.tcm(r)))
	default:
		rate, ok := find(p.Rates, r.Level, r.Insurance, r.offsite)
		if !ok {
			return p.noRate(r)
		}
		r.Rate = &rate
		r.Standard = p.Rounding.money(r.RW.Mul(rate).Mul(r.Coefficient).Mul(p.tcm(r)))
	}
	by := decimal.Zero
	if r.RW != nil {
		by = *r.RW
	}
	r.high = p.High.MultipleOf(by)
	low := decimal.Zero
	if p.Low.Multiple != nil {
		low = p.Low.Multiple.Decimal
	}
	r.Ratio = p.Rounding.ratio(div(r.Total, r.Standard))
	r.Tier = TierOf(r.Total, r.Standard, r.high, low)
	if r.w.HighLimit != nil || r.w.LowLimit != nil {
		r.Tier = byLimits(r)
	}
	r.CaseStandard, r.Method = r.Standard, "standard"
	switch r.Tier {
	case TierHigh:
		switch p.High.Method {
		case "excess":
			r.Excess = p.Rounding.money(r.Total.Sub(r.limit()))
			r.CaseStandard, r.Method = r.Standard.Add(r.Excess), "excess"
		case "item":
			r.CaseStandard, r.Method = r.Total, "item:high"
		}
		r.byItem = p.High.Method == "excess" || p.High.Method == "item"
	case TierLow:
		if p.Low.Method != TierNormal {
			r.CaseStandard, r.Method = r.Total, "actual"
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

// byLimits compares with limits in yuan.
func byLimits(r *Row) string {
	switch {
	case r.w.HighLimit != nil && r.Total.GreaterThan(r.w.HighLimit.Decimal):
		return TierHigh
	case r.w.LowLimit != nil && r.Total.LessThan(r.w.LowLimit.Decimal):
		return TierLow
	}
	return TierNormal
}

func (p *Params) byPoints(r *Row) {
	if r.w == nil || r.w.Mean == nil || p.AllMean == nil {
		*r = unpriced(*r, "no_points")
		return
	}
	mean := r.w.Mean.Decimal
	base := p.Rounding.score(BasePoints(mean, p.AllMean.Decimal))
	points := base.Mul(r.Coefficient).Mul(p.tcm(r))
	r.high = p.High.MultipleOf(base)
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
	var ratio, factor dec
	r.Tier, ratio, factor = p.DeviationOf(r.Total, ref)
	r.Ratio, r.Method = p.Rounding.ratio(ratio), "score"
	points := score.Mul(factor).Mul(r.Coefficient).Mul(p.tcm(r))
	if r.c.AuxFactor != nil {
		points = points.Mul(*r.c.AuxFactor)
	}
	points = p.Rounding.score(points)
	r.Points = &points
}

// quotas gives special and by-item payment to as many cases of each hospital as its discharges allow.
func (p *Params) quotas(rows []Row) {
	discharges := map[string]int64{}
	special, high := map[string][]Excess{}, map[string][]Excess{}
	at := map[string]int{}
	for i := range rows {
		r := &rows[i]
		discharges[r.Org]++
		at[r.Org+"\x1f"+r.ID] = i
		if r.c.Special && r.Tier != TierShadow {
			special[r.Org] = append(special[r.Org], Excess{r.ID, r.Total.Sub(r.Standard)})
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
		for _, id := range within {
			r := &rows[at[org+"\x1f"+id]]
			*r = byItem(*r, TierSpecial, "special_case")
			r.Points, r.byItem, r.Excess = nil, false, decimal.Zero
		}
	}
	if p.High.Cap == nil {
		return
	}
	for i := range rows {
		if r := &rows[i]; r.byItem {
			high[r.Org] = append(high[r.Org], Excess{r.ID, r.Total.Sub(r.over())})
		}
	}
	for org, list := range high {
		_, beyond := WithinQuota(list, Quota(discharges[org], p.High.Cap.Decimal))
		for _, id := range beyond {
			r := &rows[at[org+"\x1f"+id]]
			if r.Points != nil {
				points := p.Rounding.score(r.Points.Sub(r.Excess))
				r.Points = &points
			}
			r.CaseStandard, r.Excess, r.Method = r.Standard, decimal.Zero, "standard:beyond_quota"
		}
	}
}

// over is what a high case is compared with: its standard, or the mean of its group.
func (r *Row) over() dec {
	if r.Points != nil && r.w != nil && r.w.Mean != nil {
		return r.w.Mean.Decimal
	}
	return r.Standard
}

// values turns points into yuan: at a fixed value, or at that of the fund they share (the first of point_funds that fits).
func (p *Params) values(rows []Row, all bool) error {
	points := map[int]dec{}
	for i := range rows {
		if r := &rows[i]; r.Points != nil && r.Rate == nil {
			at := p.fundRow(r)
			points[at] = points[at].Add(*r.Points)
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.Points == nil || r.Rate != nil {
			continue
		}
		value, ok := find(p.PointValue, r.Level, r.Insurance, r.offsite)
		if !ok {
			at := p.fundRow(r)
			if at < 0 && all {
				r.Tier, r.Method, r.Points = TierUnpriced, "unpriced", nil
				continue
			}
			if at < 0 {
				return fault.New(fault.Invalid, "parameters %s: no point value and no fund for insurance %q, off-site %q", p.ID, r.Insurance, r.offsite)
			}
			value = p.Rounding.point(div(p.PointFund[at].Value.Decimal, points[at]))
		}
		r.Rate = &value
		r.CaseStandard = p.Rounding.money(r.Points.Mul(value))
		r.Standard = r.CaseStandard
	}
	return nil
}

// fundRow is the number of the fund that a case shares in, -1 for none.
func (p *Params) fundRow(r *Row) int {
	for i, f := range p.PointFund {
		if (f.Level == "" || f.Level == r.Level) && (f.Insurance == "" || f.Insurance == r.Insurance) && (f.Offsite == "" || f.Offsite == r.offsite) {
			return i
		}
	}
	return -1
}

// fund finds the fund's part and the two profits.
func (p *Params) fund(r *Row) {
	if r.Tier == TierShadow || r.Tier == TierUnpriced {
		return
	}
	paid := r.CaseStandard
	switch p.Fund.Formula {
	case "A":
		r.FundDue = paid.Sub(r.c.FullSelf).Sub(r.c.PriorSelf).Sub(r.c.Deductible).Mul(r.c.PolicyRatio)
	default:
		r.FundDue = paid.Sub(r.c.Personal).Sub(r.c.Other)
	}
	if p.Fund.Negative != "keep" && r.FundDue.IsNegative() {
		r.FundDue = decimal.Zero
	}
	r.FundDue = p.Rounding.money(r.FundDue)
	r.ProfitFormula = p.Rounding.money(r.Standard.Sub(r.Total))
	if r.Tier == TierNormal {
		r.ProfitOfficial = r.ProfitFormula
	}
}

// Hospital is the year of one hospital.
type Hospital struct {
	Org        string `json:"org"`
	Cases      int64  `json:"cases"`
	Weight     dec    `json:"weight"` // weights of DRGs, or points
	Total      dec    `json:"total_fee"`
	Standard   dec    `json:"case_standard"`
	FundDue    dec    `json:"fund_due"`
	Booked     dec    `json:"fund_booked"`
	Ratio      dec    `json:"ratio"`
	Tier       string `json:"tier,omitempty"`
	Settlement dec    `json:"settlement"`
	Deposit    dec    `json:"deposit"` // kept back until the assessment
	High       int64  `json:"high_cases"`
	Low        int64  `json:"low_cases"`
	Ungrouped  int64  `json:"ungrouped_cases"`
	Unpriced   int64  `json:"unpriced_cases,omitempty"` // no price for them: in none of the sums but cases and total_fee
}

// Hospitals adds rows up and clears the year where funds were booked.
func (p *Params) Hospitals(rows []Row) []Hospital {
	index := map[string]int{}
	var out []Hospital
	for i := range rows {
		r := &rows[i]
		if r.Tier == TierShadow {
			continue
		}
		at, ok := index[r.Org]
		if !ok {
			at = len(out)
			index[r.Org] = at
			out = append(out, Hospital{Org: r.Org})
		}
		h := &out[at]
		h.Cases++
		h.Weight = h.Weight.Add(r.weight())
		h.Total, h.Standard = h.Total.Add(r.Total), h.Standard.Add(r.CaseStandard)
		h.FundDue, h.Booked = h.FundDue.Add(r.FundDue), h.Booked.Add(r.booked)
		switch r.Tier {
		case TierHigh:
			h.High++
		case TierLow:
			h.Low++
		case TierUngrouped:
			h.Ungrouped++
		case TierUnpriced:
			h.Unpriced++
		}
	}
	slices.SortFunc(out, func(a, b Hospital) int { return strings.Compare(a.Org, b.Org) })
	for i := range out {
		h := &out[i]
		h.Settlement = h.FundDue
		if h.Booked.IsPositive() {
			h.Settlement, h.Ratio, h.Tier = p.Clear(h.Booked, h.FundDue)
		}
		if p.Deposit.Share != nil {
			h.Deposit = p.Rounding.money(h.Settlement.Mul(p.Deposit.Share.Decimal))
		}
	}
	return out
}

// weight is what a case weighs: its points, its RW, or its money where it has neither.
func (r *Row) weight() dec {
	switch {
	case r.Points != nil:
		return *r.Points
	case r.RW != nil:
		return *r.RW
	}
	return decimal.Zero
}
