package settle

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// dec writes decimals as text with fixed places: money never passes through a binary float.
type dec = decimal.Decimal

// text is a remark in an input: shown to people, not computed with.
type text = json.RawMessage

// Worksheet computes one formula of the norms from one JSON object; its output names are those of the norm's examples.
func (p *Params) Worksheet(kind string, in []byte) (map[string]any, error) {
	f, ok := worksheets[kind]
	if !ok {
		return nil, fault.New(fault.Usage, "kind %q: one of %s", kind, strings.Join(Worksheets(), ", "))
	}
	out, err := f(p, in)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", kind, err)
	}
	return out, nil
}

// Worksheets are the kinds there are.
func Worksheets() []string { return slices.Sorted(maps.Keys(worksheets)) }

var worksheets = map[string]func(*Params, []byte) (map[string]any, error){
	"drg.rw": sheetRW, "drg.rate": sheetRate, "drg.case.normal": sheetCase, "drg.case.high": sheetCase, "drg.case.low": sheetCase, "drg.case": sheetCase,
	"drg.high.cap": sheetCap, "drg.hospital": sheetHospital, "drg.cei_tei": sheetIndex, "drg.lowrisk": sheetLowRisk, "dip.score": sheetScore,
	"dip.point": sheetPoint, "dip.deviation": sheetDeviation, "dip.annual": sheetAnnual, "drg.points": sheetPoints, "bedday": sheetBedDay,
	"special.cap": sheetSpecial, "whatif": sheetWhatIf, "drg.standard.real": sheetStandards, "drg.threshold.real": sheetThreshold,
}

// strictly decodes an input; an unknown name is a fault.
func strictly(in []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(in))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// byYear is a value for each year, in the order of the names: 2022 < 2023, y-3 before y-1.
func byYear(values map[string]dec) []dec {
	names := slices.Sorted(maps.Keys(values))
	if len(names) > 0 && strings.HasPrefix(names[0], "y-") { // y-3 is the oldest and sorts last
		slices.Reverse(names)
	}
	out := make([]dec, len(names))
	for i, n := range names {
		out[i] = values[n]
	}
	return out
}

func money(p *Params, d dec) string {
	return p.Rounding.money(d).StringFixed(places(p.Rounding.Money, 2))
}
func fixed4(d dec) string { return d.StringFixed(4) }

func sheetRW(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Group   map[string]dec `json:"group_mean_by_year"`
		Region  map[string]dec `json:"region_mean_by_year"`
		Weights string         `json:"weights"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	g, r, err := twoMeans(v.Group, v.Region, v.Weights)
	if err != nil {
		return nil, err
	}
	return map[string]any{"group_mean": money(p, g), "region_mean": money(p, r), "rw": fixed4(p.Rounding.rw(div(g, r)))}, nil
}

func twoMeans(a, b map[string]dec, weights string) (dec, dec, error) {
	w, err := WeightsFrom(weights)
	if err != nil {
		return dec{}, dec{}, err
	}
	x, err := WeightedMean(byYear(a), w)
	if err != nil {
		return dec{}, dec{}, err
	}
	y, err := WeightedMean(byYear(b), w)
	if err == nil && !y.IsPositive() {
		err = fault.New(fault.Invalid, "the mean of all is not positive")
	}
	return x, y, err
}

func sheetRate(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Fund   dec `json:"fund_budget"`
		Ratio  dec `json:"actual_reimbursement_ratio"`
		Levels map[string]struct {
			Cases dec `json:"cases"`
			CMI   dec `json:"cmi"`
			Mean  dec `json:"prior_mean_cost"`
		} `json:"levels"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	if !v.Ratio.IsPositive() || len(v.Levels) == 0 {
		return nil, fault.New(fault.Invalid, "actual_reimbursement_ratio and levels are wanted")
	}
	total, prior, weight := div(v.Fund, v.Ratio), decimal.Zero, decimal.Zero
	for _, l := range v.Levels {
		prior = prior.Add(l.Cases.Mul(l.Mean))
		weight = weight.Add(l.Cases.Mul(l.CMI))
	}
	out := map[string]any{"total_cost_budget": money(p, total), "total_weight": fixed4(weight), "regional_rate": money(p, div(total, weight))}
	for name, l := range v.Levels {
		out["rate_"+name] = money(p, div(v.Fund.Mul(l.Cases).Mul(l.Mean), v.Ratio.Mul(prior).Mul(l.Cases).Mul(l.CMI)))
	}
	return out, nil
}

func sheetCase(p *Params, in []byte) (map[string]any, error) {
	v := struct {
		RW           dec  `json:"rw"`
		Rate         dec  `json:"rate"`
		Coef         *dec `json:"hospital_coefficient"`
		Cost         dec  `json:"total_cost"`
		FullSelf     dec  `json:"full_self_pay"`
		PriorSelf    dec  `json:"prior_self_pay"`
		Deductible   dec  `json:"deductible"`
		PolicyRatio  dec  `json:"policy_ratio"`
		Personal     dec  `json:"personal_pay_actual"`
		HighMultiple *dec `json:"high_multiple"`
		LowMultiple  *dec `json:"low_multiple"`
		Method       text `json:"method"`
	}{}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	coef, high, low := one, p.High.MultipleOf(v.RW, ""), dec{}
	if v.Coef != nil {
		coef = *v.Coef
	}
	if p.Low.Multiple != nil {
		low = p.Low.Multiple.Decimal
	}
	if v.HighMultiple != nil {
		high = *v.HighMultiple
	}
	if v.LowMultiple != nil {
		low = *v.LowMultiple
	}
	standard := p.Rounding.money(v.RW.Mul(v.Rate).Mul(coef))
	tier := TierOf(v.Cost, standard, high, low)
	paid := standard
	out := map[string]any{
		"standard": money(p, standard), "ratio": fixed4(p.Rounding.ratio(div(v.Cost, standard))), "tier": tier, "result": money(p, standard.Sub(v.Cost)),
	}
	switch tier {
	case TierHigh:
		excess := p.Rounding.money(v.Cost.Sub(standard.Mul(high)))
		paid = standard.Add(excess)
		out["excess"], out["alt_paid_by_item"] = money(p, excess), money(p, v.Cost)
	case TierLow:
		paid = v.Cost
	}
	c := Case{FullSelf: v.FullSelf, PriorSelf: v.PriorSelf, Deductible: v.Deductible, PolicyRatio: v.PolicyRatio, Personal: v.Personal}
	out["paid"], out["fund_A"], out["fund_B"] = money(p, paid), money(p, p.fundPart("A", paid, &c)), money(p, p.fundPart("B", paid, &c))
	return out, nil
}

func sheetCap(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Discharges int64          `json:"discharges"`
		Candidates map[string]dec `json:"candidates"`
		Rule       text           `json:"cap_rule"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	if p.High.Cap == nil {
		return nil, fault.New(fault.Invalid, "high.cap is wanted in the parameters")
	}
	var list []Claim
	for id, amount := range v.Candidates {
		list = append(list, Claim{ID: id, Amount: amount})
	}
	ids := func(claims []Claim) []string {
		out := make([]string, len(claims))
		for i, c := range claims {
			out[i] = c.ID
		}
		return out
	}
	quota := Quota(v.Discharges, p.High.Cap.Decimal)
	within, beyond := WithinQuota(list, quota)
	return map[string]any{"cap": quota, "paid_by_item": ids(within), "back_to_standard": ids(beyond)}, nil
}

func sheetHospital(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Groups []struct {
			DRG   string `json:"drg"`
			Cases int64  `json:"cases"`
			RW    dec    `json:"rw"`
		} `json:"groups"`
		Ungrouped int64 `json:"ungrouped_0000"`
		QY        int64 `json:"qy"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	cases, weight := int64(0), decimal.Zero
	groups := map[string]bool{}
	for _, g := range v.Groups {
		cases += g.Cases
		weight = weight.Add(decimal.NewFromInt(g.Cases).Mul(g.RW))
		if g.Cases > 0 {
			groups[g.DRG] = true
		}
	}
	n := decimal.NewFromInt(cases)
	return map[string]any{
		"drg_groups": len(groups), "grouped": cases, "total_weight": fixed4(weight), "cmi": fixed4(p.Rounding.ratio(div(weight, n))),
		"grouping_rate": fixed4(p.Rounding.ratio(div(n, decimal.NewFromInt(cases+v.Ungrouped+v.QY)))),
	}, nil
}

func sheetIndex(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Groups []struct {
			DRG        string `json:"drg"`
			Cases      dec    `json:"cases"`
			HospCost   dec    `json:"hosp_cost"`
			HospLOS    dec    `json:"hosp_los"`
			RegionCost dec    `json:"region_cost"`
			RegionLOS  dec    `json:"region_los"`
		} `json:"groups"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	var n, cei, tei, hc, rc, hl, rl dec
	for _, g := range v.Groups {
		n = n.Add(g.Cases)
		cei, tei = cei.Add(g.Cases.Mul(div(g.HospCost, g.RegionCost))), tei.Add(g.Cases.Mul(div(g.HospLOS, g.RegionLOS)))
		hc, rc = hc.Add(g.Cases.Mul(g.HospCost)), rc.Add(g.Cases.Mul(g.RegionCost))
		hl, rl = hl.Add(g.Cases.Mul(g.HospLOS)), rl.Add(g.Cases.Mul(g.RegionLOS))
	}
	r := func(d dec) string { return fixed4(p.Rounding.ratio(d)) }
	return map[string]any{"cei": r(div(cei, n)), "tei": r(div(tei, n)), "cei_ratio_of_sums": r(div(hc, rc)), "tei_ratio_of_sums": r(div(hl, rl))}, nil
}

// sheetLowRisk scores groups by the logarithm of their mortality; statistics, not money, so floating point.
func sheetLowRisk(_ *Params, in []byte) (map[string]any, error) {
	type row struct {
		DRG    string  `json:"drg"`
		Cases  float64 `json:"cases"`
		Deaths float64 `json:"deaths"`
	}
	var v struct {
		Region   []row          `json:"region"`
		Hospital map[string]row `json:"hospital"`
		SD       text           `json:"sd"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	var logs []float64
	for _, r := range v.Region {
		if r.Deaths > 0 {
			logs = append(logs, math.Log(r.Deaths/r.Cases))
		}
	}
	mean, ss := 0.0, 0.0
	for _, l := range logs {
		mean += l / float64(len(logs))
	}
	for _, l := range logs {
		ss += (l - mean) * (l - mean)
	}
	sample, population := math.Sqrt(ss/float64(len(logs)-1)), math.Sqrt(ss/float64(len(logs)))
	sd := sample
	if strings.Contains(string(v.SD), "population") {
		sd = population
	}
	scores, low := map[string]any{}, []string{}
	var cases, deaths float64
	for _, r := range v.Region {
		score, z := 0, any(nil)
		if r.Deaths > 0 {
			x := (math.Log(r.Deaths/r.Cases) - mean) / sd
			z = round(x, 4)
			switch {
			case x < -1:
				score = 1
			case x < 0:
				score = 2
			case x <= 1:
				score = 3
			default:
				score = 4
			}
		}
		scores[r.DRG] = map[string]any{"z": z, "score": score}
		if score == 1 {
			low = append(low, r.DRG)
			cases += v.Hospital[r.DRG].Cases
			deaths += v.Hospital[r.DRG].Deaths
		}
	}
	mortality := any(nil)
	if cases > 0 {
		mortality = round(deaths/cases, 6)
	}
	return map[string]any{
		"mean_ln": round(mean, 6), "sd_sample": round(sample, 6), "sd_population": round(population, 6), "scores": scores, "low_risk_groups": low,
		"hospital_low_risk_cases": cases, "hospital_low_risk_deaths": deaths, "hospital_low_risk_mortality": mortality,
	}, nil
}

func round(v float64, places int) float64 {
	f := math.Pow10(places)
	return math.Round(v*f) / f
}

func sheetScore(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Group   map[string]dec `json:"group_mean"`
		All     map[string]dec `json:"all_mean"`
		Weights string         `json:"weights"`
		Scale   dec            `json:"scale"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	m, all, err := twoMeans(v.Group, v.All, v.Weights)
	if err != nil {
		return nil, err
	}
	return map[string]any{"m": money(p, m), "M": money(p, all), "score": fixed4(p.Rounding.score(div(m.Mul(v.Scale), all)))}, nil
}

func sheetPoint(p *Params, in []byte) (map[string]any, error) {
	v := struct {
		Cost    map[string]dec `json:"total_cost_by_year"`
		Weights string         `json:"weights"`
		Budget  dec            `json:"total_score_budget"`
		Fund    dec            `json:"fund_available"`
		Ratio   dec            `json:"reimbursement_ratio"`
		Score   dec            `json:"total_score_year"`
	}{Weights: "1:2:7"}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	w, err := WeightsFrom(v.Weights)
	if err != nil {
		return nil, err
	}
	cost, err := WeightedMean(byYear(v.Cost), w)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"weighted_cost": money(p, cost), "budget_point": fixed4(p.Rounding.point(div(cost, v.Budget))),
		"settlement_point": fixed4(p.Rounding.point(div(v.Fund, v.Ratio.Mul(v.Score)))),
	}, nil
}

func sheetDeviation(p *Params, in []byte) (map[string]any, error) {
	v := struct {
		Score  dec  `json:"score"`
		Ref    dec  `json:"ref_mean_same_level_last_year"`
		Cost   dec  `json:"total_cost"`
		Coef   *dec `json:"hospital_coefficient"`
		Factor *dec `json:"aux_factor"`
		Point  dec  `json:"point_value"`
	}{}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	tier, over, under := p.DeviationOf(v.Cost, v.Ref)
	score := v.Score.Mul(over)
	for _, f := range []*dec{v.Coef, v.Factor} {
		if f != nil {
			score = score.Mul(*f)
		}
	}
	score = p.Rounding.score(div(score, under))
	return map[string]any{
		"tier": tier, "ratio": fixed4(p.Rounding.ratio(div(v.Cost, v.Ref))), "factor": fixed4(p.Rounding.ratio(div(over, under))), "case_score": fixed4(score), "payment": money(p, score.Mul(v.Point)),
	}, nil
}

func sheetAnnual(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Fund      dec `json:"fund_for_dip"`
		Hospitals map[string]struct {
			Score    dec `json:"score"`
			Booked   dec `json:"actual_fund_booked"`
			Personal dec `json:"personal_pay"`
		} `json:"hospitals"`
		Tiers text `json:"tiers"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	if len(p.Tiers) == 0 {
		return nil, fault.New(fault.Invalid, "tiers are wanted in the parameters")
	}
	pool, score := v.Fund, decimal.Zero
	for _, h := range v.Hospitals {
		pool, score = pool.Add(h.Personal), score.Add(h.Score)
	}
	point := p.Rounding.point(div(pool, score))
	rows := map[string]any{}
	for name, h := range v.Hospitals {
		due := p.Rounding.money(h.Score.Mul(point).Sub(h.Personal))
		settlement, ratio, tier := p.Clear(h.Booked, due)
		rows[name] = map[string]any{"due": money(p, due), "actual": h.Booked.String(), "ratio": fixed4(ratio), "tier": tier, "settlement": money(p, settlement)}
	}
	return map[string]any{"point": fixed4(point), "hospitals": rows}, nil
}

func sheetPoints(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Mean   map[string]dec   `json:"group_mean"`
		All    dec              `json:"all_mean"`
		Coef   dec              `json:"coefficient"`
		Normal map[string]int64 `json:"normal_cases"`
		High   struct {
			DRG      string `json:"drg"`
			Cost     dec    `json:"cost"`
			Multiple dec    `json:"multiple"`
		} `json:"high_case"`
		Low struct {
			DRG   string `json:"drg"`
			Cost  dec    `json:"cost"`
			Limit dec    `json:"limit"`
		} `json:"low_case"`
		Fund   dec `json:"region_fund"`
		Points dec `json:"region_points"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	base, shown := map[string]dec{}, map[string]string{}
	for g, m := range v.Mean {
		base[g] = p.Rounding.score(BasePoints(m, v.All))
		shown[g] = fixed4(base[g])
	}
	sum := decimal.Zero
	for g, n := range v.Normal {
		sum = sum.Add(base[g].Mul(v.Coef).Mul(decimal.NewFromInt(n)))
	}
	extra := p.Rounding.score(ExtraPoints(base[v.High.DRG], v.Mean[v.High.DRG], v.High.Cost, v.High.Multiple))
	low := p.Rounding.score(ReducedPoints(base[v.Low.DRG], v.Mean[v.Low.DRG], v.Low.Cost))
	sum = p.Rounding.score(sum.Add(base[v.High.DRG].Mul(v.Coef)).Add(extra).Add(low))
	value := p.Rounding.point(div(v.Fund, v.Points))
	return map[string]any{
		"base_points": shown, "extra_points": fixed4(extra), "low_points": fixed4(low), "hospital_points": fixed4(sum), "point_value": fixed4(value),
		"hospital_amount": money(p, sum.Mul(value)),
	}, nil
}

// BasePoints of a group: its mean cost over that of all, times 100.
func BasePoints(mean, all dec) dec { return div(mean.Mul(decimal.NewFromInt(100)), all) }

// ExtraPoints of a high case: what it cost above the multiple, in points of its group.
func ExtraPoints(base, mean, cost, multiple dec) dec {
	return div(cost.Sub(multiple.Mul(mean)).Mul(base), mean)
}

// ReducedPoints of a low case: by cost, never above the base.
func ReducedPoints(base, mean, cost dec) dec { return decimal.Min(base, div(base.Mul(cost), mean)) }

func sheetBedDay(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		LOS   dec `json:"los"`
		Tiers []struct {
			Days   json.RawMessage `json:"days"`
			Points dec             `json:"points"`
		} `json:"tiers"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	tiers := make([]DayTier, 0, len(v.Tiers))
	for _, t := range v.Tiers {
		tier := DayTier{Points: Num{t.Points}}
		if string(t.Days) != `"rest"` && len(t.Days) > 0 {
			days, err := decimal.NewFromString(strings.Trim(string(t.Days), `"`))
			if err != nil {
				return nil, fault.New(fault.Invalid, "tiers: days is a number or rest")
			}
			tier.Days = &Num{days}
		}
		tiers = append(tiers, tier)
	}
	return map[string]any{"points": fixed4(p.Rounding.score(BedDayPoints(v.LOS, tiers)))}, nil
}

func sheetSpecial(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		DRG int64 `json:"drg_discharges"`
		DIP int64 `json:"dip_discharges"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	if p.Special.DRG == nil || p.Special.DIP == nil {
		return nil, fault.New(fault.Invalid, "special_case.drg and special_case.dip are wanted in the parameters")
	}
	return map[string]any{"drg_cap": Quota(v.DRG, p.Special.DRG.Decimal), "dip_cap": Quota(v.DIP, p.Special.DIP.Decimal)}, nil
}

func sheetWhatIf(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		From dec `json:"rw_from"`
		To   dec `json:"rw_to"`
		Rate dec `json:"rate"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	return map[string]any{"delta": money(p, v.To.Sub(v.From).Mul(v.Rate))}, nil
}

func sheetStandards(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		Rates map[string]dec `json:"rates"`
		Rows  []struct {
			DRG string `json:"drg"`
			RW  dec    `json:"rw"`
		} `json:"rows"`
		File text `json:"file"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	var rows []any
	for _, r := range v.Rows {
		row := map[string]any{"drg": r.DRG, "rw": r.RW.String()}
		for name, rate := range v.Rates {
			row[name] = p.Rounding.money(r.RW.Mul(rate)).String()
		}
		rows = append(rows, row)
	}
	return map[string]any{"rows": rows}, nil
}

func sheetThreshold(p *Params, in []byte) (map[string]any, error) {
	var v struct {
		DRG    string `json:"drg"`
		Weight dec    `json:"weight"`
		Rate   dec    `json:"rate"`
	}
	if err := strictly(in, &v); err != nil {
		return nil, err
	}
	if p.High.Multiple == nil || p.Low.Multiple == nil {
		return nil, fault.New(fault.Invalid, "high.multiple and low.multiple are wanted in the parameters")
	}
	standard := v.Weight.Mul(v.Rate)
	return map[string]any{
		"standard": money(p, standard), "low_limit": money(p, standard.Mul(p.Low.Multiple.Decimal)), "high_limit": money(p, standard.Mul(p.High.Multiple.Decimal)),
	}, nil
}
