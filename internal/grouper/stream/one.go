package stream

import (
	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/grouper/dip"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
)

// Grouped is what settlement needs of a grouped case.
type Grouped struct {
	Group    string
	ADRG     string // DRG
	Status   string
	Score    *decimal.Decimal // DIP
	BaseCoef *decimal.Decimal // DIP, of a basic disease
	Factor   *decimal.Decimal // DIP, of the auxiliary catalogue
}

// One groups a single line.
func (s *Scheme) One(line []byte) (Grouped, error) {
	r := Record{}
	if err := r.decode(line); err != nil {
		return Grouped{}, err
	}
	if s.DIP == nil {
		var c drg.Case
		r.drgCase(&c)
		g := s.DRG.Group(&c)
		return Grouped{Group: g.DRG, ADRG: g.ADRG, Status: g.Status.String()}, nil
	}
	var c dip.Case
	r.dipCase(&c)
	g := s.DIP.Group(&c)
	if g.Group == nil {
		return Grouped{Group: g.Code, Status: dipUngrouped}, nil
	}
	out := Grouped{Group: g.Code, Status: drg.OK.String(), Score: &g.Group.Score}
	if g.Group.BaseCoef.IsPositive() {
		out.BaseCoef = &g.Group.BaseCoef
	}
	if g.Factor.Kind != "" {
		out.Factor = &g.Factor.Value
	}
	return out, nil
}

// Plain says what is wrong with a line of JSON without repeating what stands in it.
func Plain(err error) error { return plain(err) }
