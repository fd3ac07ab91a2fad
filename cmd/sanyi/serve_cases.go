//go:build duckdb_arrow

package main

import (
	"context"

	"github.com/sanyi-lake/sanyi/ingest/cases"
	told "github.com/sanyi-lake/sanyi/internal/grouper/words"
	"github.com/sanyi-lake/sanyi/internal/lake"
	"github.com/sanyi-lake/sanyi/internal/serve"
	"github.com/sanyi-lake/sanyi/schema"
)

// caseTeller groups a case once more for the door: what the lake keeps of its cases is ingest's to know, and the door
// does not import it.
func caseTeller(l *lake.Lake, set *schema.Set) serve.Teller {
	explainer := cases.NewExplainer(l, set)
	return func(ctx context.Context, org, stay, scheme string, publication int64) (*serve.Told, error) {
		x, err := explainer.Explain(ctx, cases.ExplainRequest{Stay: stay, Org: org, Scheme: scheme, Publication: publication})
		if err != nil {
			return nil, err
		}
		return &serve.Told{Stay: x.Stay, Org: x.Org, Case: caseInWords(x)}, nil
	}
}

// caseInWords is an explanation as the sentences are made of it.
func caseInWords(x *cases.Explanation) told.Case {
	c := told.Case{
		Scheme: x.Scheme, SchemeHash: x.SchemeHash, Kind: x.Kind,
		Sex: x.Case.Sex, AgeYears: x.Case.AgeYears, AgeDays: x.Case.AgeDays, WeightG: x.Case.BirthWeightG, LOSDays: x.Case.LOSDays, DischargeWay: x.Case.DischargeWay,
		Dx: x.Case.Dx, Ops: x.Case.Ops, TotalFee: x.Case.TotalFee,
		MDC: x.Result.MDC, ADRG: x.Result.ADRG, Group: x.Result.Group, Name: x.Result.Name, Severity: x.Result.Severity, Status: x.Result.Status, Reason: x.Result.Reason,
		Weight: x.Result.Weight, Official: x.Official, Names: x.Names, DRG: x.DRG, DIP: x.DIP,
	}
	for _, s := range x.Settled {
		c.Settled = append(c.Settled, told.Settlement{
			Params: s.Params, Tier: s.Tier, Method: s.Method, Weight: s.Weight, Rate: s.Rate, Coefficient: s.Coefficient, Standard: s.Standard, CaseStandard: s.CaseStandard,
			Personal: s.Personal, FundDue: s.FundDue, Profit: s.Profit,
		})
	}
	return c
}
