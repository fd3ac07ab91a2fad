package weigh

import (
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/sanyi-lake/sanyi/internal/grouper/settle"
)

// Result is everything that was worked out; as JSON it is the report.
type Result struct {
	ID           string          `json:"id"`
	Params       string          `json:"params"` // hash of the parameter file
	Scheme       string          `json:"scheme"`
	Years        []YearShare     `json:"years"`
	Account      Account         `json:"account"`
	Before       Quality         `json:"before_trimming"`
	After        Quality         `json:"after_trimming"`
	Mean         decimal.Decimal `json:"all_mean"`    // of the used cases, by the weights of the years, yuan
	KeepFactor   decimal.Decimal `json:"keep_factor"` // that all weights were multiplied by to keep their total
	MeanWeight   decimal.Decimal `json:"mean_weight"` // Σ(n·weight)/Σ n over the groups paid by weight, as put out
	Groups       []Group         `json:"groups"`
	Coefficients []Coefficient   `json:"coefficients"`
	Budgets      []BudgetResult  `json:"budgets"`
	Rates        []Rate          `json:"rates"`

	pool     *pool
	volumes  *volumes
	allMean  *big.Rat // fen
	rounding settle.Rounding
}

// YearShare is a year and its weight.
type YearShare struct {
	Year   int             `json:"year"`
	Weight decimal.Decimal `json:"weight"`
}

// Group is what was found of one group.
type Group struct {
	Code     string           `json:"group"`
	ADRG     string           `json:"adrg"`
	RW       *decimal.Decimal `json:"rw"`
	Score    *decimal.Decimal `json:"score,omitempty"`
	From     string           `json:"from"` // own, adrg, expert, none
	Mean     *decimal.Decimal `json:"mean"` // by the weights of the years, yuan
	Unstable bool             `json:"unstable"`
	Flags    []string         `json:"flags"`
	Trimmed  []int64          `json:"trimmed"` // by rule, in the order of account.trimmed
	Before   Spread           `json:"before"`
	After    Spread           `json:"after"`

	exact *big.Rat
}

// Exact is the weight before rounding, false where the group has none.
func (g *Group) Exact() (float64, bool) {
	if g.exact == nil {
		return 0, false
	}
	v, _ := g.exact.Float64()
	return v, true
}

// WriteRates writes the part of a settlement parameter file that was worked out: rates (points law and DIP: point
// values), coefficients, and the mean of all where base points need it. It is appended to a file that has the rest.
func (r *Result) WriteRates(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# sanyi scheme weigh: parameters %s (%.12s), %d of %d cases used\n", r.ID, r.Params, r.Account.Used, r.Account.Read)
	if r.Scheme == settle.SchemePoints {
		fmt.Fprintf(&b, "all_mean: %s\n", r.Mean.StringFixed(places(r.rounding.Money, moneyPlaces)))
	}
	key, fixed := "rates", places(r.rounding.Money, moneyPlaces)
	if r.Scheme != settle.SchemeDRG {
		key, fixed = "point_values", places(r.rounding.Point, defaultPlaces)
	}
	if len(r.Rates) > 0 {
		fmt.Fprintf(&b, "%s:\n", key)
	}
	for _, v := range r.Rates {
		fmt.Fprintf(&b, "  - {level: %s, insurance: %s, value: %s}\n", strconv.Quote(v.Level), strconv.Quote(v.Insurance), v.Value.StringFixed(fixed))
	}
	if len(r.Coefficients) > 0 {
		b.WriteString("coefficients:\n")
	}
	for _, c := range r.Coefficients {
		name := "level: " + strconv.Quote(c.Level)
		if c.Org != "" {
			name = "org: " + strconv.Quote(c.Org)
		}
		fmt.Fprintf(&b, "  - {%s, value: %s} # %d groups, %d cases\n", name, c.Value.StringFixed(places(r.rounding.Ratio, defaultPlaces)), c.Groups, c.Cases)
	}
	_, err := io.WriteString(to, b.String())
	return err
}
