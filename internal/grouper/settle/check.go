package settle

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// checking looks a parameter file through before any case is settled by it: what cannot be meant is a fault with its
// line. The file is read for lines only when there is a fault.
type checking struct {
	name   string
	data   []byte
	doc    *yaml.Node
	faults []error
}

func (p *Params) check(name string, data []byte) error {
	c := &checking{name: name, data: data}
	c.words(p)
	c.rates(p)
	c.table(p.Weights)
	c.high(p)
	c.rules(p)
	c.tiers(p)
	c.days(p)
	return fault.Wrap(fault.Invalid, errors.Join(c.faults...))
}

// say notes a fault of the value at a path of keys and entry numbers.
func (c *checking) say(path []any, format string, args ...any) {
	if c.doc == nil {
		c.doc = &yaml.Node{}
		_ = yaml.Unmarshal(c.data, c.doc) // it was read before
	}
	where := ""
	for i, step := range path {
		switch n, entry := step.(int); {
		case entry:
			where += fmt.Sprintf(": entry %d", n+1)
		case i == 0:
			where = fmt.Sprint(step)
		default:
			if _, after := path[i-1].(int); after {
				where += ": " + fmt.Sprint(step)
			} else {
				where += "." + fmt.Sprint(step)
			}
		}
	}
	c.faults = append(c.faults, fmt.Errorf("%s:%d: %s: %s", c.name, lineOf(c.doc, path), where, fmt.Sprintf(format, args...)))
}

// lineOf is the line of the last part of a path that the file has.
func lineOf(node *yaml.Node, path []any) int {
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	line := max(node.Line, 1)
	for _, step := range path {
		var next *yaml.Node
		switch key := step.(type) {
		case int:
			if node.Kind == yaml.SequenceNode && key < len(node.Content) {
				next = node.Content[key]
				line = next.Line
			}
		case string:
			for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == key {
					next, line = node.Content[i+1], node.Content[i].Line
				}
			}
		}
		if next == nil {
			return line
		}
		node = next
	}
	return line
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): `)

// yamlFault turns what the YAML library says into one error a line, each beginning with file:line.
func yamlFault(name string, err error) error {
	messages := []string{err.Error()}
	if many, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = many.Errors
	}
	var out []error
	for _, m := range messages {
		line := "1"
		if at := yamlLine.FindStringSubmatchIndex(m); at != nil {
			line, m = m[at[2]:at[3]], m[at[1]:]
		}
		m = strings.TrimPrefix(m, "yaml: ")
		if key, ok := strings.CutPrefix(m, "field "); ok {
			if key, _, ok = strings.Cut(key, " not found in type"); ok {
				m = key + ": no such key; docs/settlement.md lists those there are"
			}
		}
		out = append(out, fmt.Errorf("%s:%s: %s", name, line, m))
	}
	return fault.Wrap(fault.Invalid, errors.Join(out...))
}

func at(path ...any) []any { return path }

// positive, share and natural look at one number; what is absent is not looked at.
func (c *checking) positive(n *Num, path ...any) {
	if n != nil && !n.IsPositive() {
		c.say(path, "a number above 0 is wanted")
	}
}

func (c *checking) share(n *Num, path ...any) {
	if n != nil && (n.IsNegative() || n.GreaterThan(one)) {
		c.say(path, "a share from 0 to 1 is wanted")
	}
}

func (c *checking) words(p *Params) {
	for _, w := range []struct {
		value   string
		path    []any
		allowed string
	}{
		{p.Scheme, at("scheme"), "drg points dip"},
		{p.High.Method, at("high", "method"), "excess item normal"},
		{p.High.Order, at("high", "order"), "excess ratio cost"},
		{p.Low.Method, at("low", "method"), "actual normal"},
		{p.Ungrouped.Method, at("ungrouped", "method"), "rw item ratio refuse"},
		{p.Special.Method, at("special_case", "method"), "item uplift"},
		{p.Fund.Formula, at("fund_formula", "formula"), "A B"},
		{p.Fund.Negative, at("fund_formula", "negative"), "zero keep"},
		{p.Clearing.Of, at("clearing", "of"), "insurance org"},
		{p.Volume.Of, at("volume_control", "of"), "region org"},
		{p.Offsite.InProvince, at("offsite", "in_province"), "local item shadow"},
		{p.Offsite.CrossProvince, at("offsite", "cross_province"), "local item shadow"},
	} {
		if w.value != "" && !slices.Contains(strings.Fields(w.allowed), w.value) {
			c.say(w.path, "one of %s is wanted", strings.ReplaceAll(w.allowed, " ", ", "))
		}
	}
	for key, n := range map[string]*int32{"money": p.Rounding.Money, "rw": p.Rounding.RW, "point": p.Rounding.Point, "score": p.Rounding.Score, "ratio": p.Rounding.Ratio} {
		if n != nil && (*n < 0 || *n > mostPlaces) {
			c.say(at("rounding", key), "places from 0 to %d are wanted", mostPlaces)
		}
	}
}

const mostPlaces = 10

// rates looks for values that are missing, and for two rows that say the same.
func (c *checking) rates(p *Params) {
	for key, rows := range map[string][]Rate{"rates": p.Rates, "point_values": p.PointValue} {
		seen := map[Rate]bool{}
		for i, r := range rows {
			c.positive(&r.Value, key, i, "value")
			r.Value = Num{}
			c.once(seen[r], key, i)
			seen[r] = true
			c.offsite(r.Offsite, key, i)
		}
	}
	funds := map[Rate]bool{}
	for i, f := range p.PointFund {
		c.positive(&f.Value, "point_funds", i, "value")
		c.positive(f.Ratio, "point_funds", i, "reimbursement_ratio")
		c.share(f.Ratio, "point_funds", i, "reimbursement_ratio")
		if f.Ratio != nil && f.Personal {
			c.say(at("point_funds", i), "either reimbursement_ratio or plus_personal: the personal part would count twice")
		}
		same := Rate{Level: f.Level, Insurance: f.Insurance, Offsite: f.Offsite}
		c.once(funds[same], "point_funds", i)
		funds[same] = true
		c.offsite(f.Offsite, "point_funds", i)
	}
	coef := map[Coefficient]bool{}
	for i, k := range p.Coef {
		c.positive(&k.Value, "coefficients", i, "value")
		k.Value = Num{}
		c.once(coef[k], "coefficients", i)
		coef[k] = true
		if k.Org != "" && k.Level != "" {
			c.say(at("coefficients", i), "either org or level: a hospital's own holds whatever its level")
		}
	}
	c.positive(p.AllMean, "all_mean")
}

func (c *checking) once(twice bool, path ...any) {
	if twice {
		c.say(path, "an earlier entry is for the same; one of them is enough")
	}
}

func (c *checking) offsite(kind string, path ...any) {
	if kind != "" && kind != inProvince && kind != crossProvince {
		c.say(append(path, "offsite"), "%s or %s is wanted", inProvince, crossProvince)
	}
}

func (c *checking) table(rows []Weight) {
	seen := map[string]bool{}
	for i := range rows {
		w := &rows[i]
		key := strings.Join([]string{w.Group, w.Org, w.Level, w.Insurance}, "\x1f")
		c.once(seen[key], "weights", i)
		seen[key] = true
		if err := w.check(); err != nil {
			c.say(at("weights", i), "%s", err)
		}
	}
}

// check looks at one row of a payment table, from a file of parameters or of its own.
func (w *Weight) check() error {
	if w.Group == "" {
		return errors.New("group: the code of a group is wanted")
	}
	for name, n := range w.numbers() {
		if *n != nil && (*n).IsNegative() {
			return errors.New(name + ": a number from 0 on is wanted")
		}
	}
	for _, f := range w.Flags {
		if !slices.Contains(flags, f) {
			return fmt.Errorf("flags: %q is none of %s", f, strings.Join(flags, ", "))
		}
	}
	if w.LowLimit != nil && w.HighLimit != nil && w.HighLimit.IsPositive() && w.LowLimit.GreaterThan(w.HighLimit.Decimal) {
		return errors.New("low_limit: it is above high_limit")
	}
	return nil
}

func (c *checking) high(p *Params) {
	h := &p.High
	c.positive(h.Multiple, "high", "multiple")
	c.share(h.Cap, "high", "cap")
	switch {
	case h.Method != "" && h.Method != TierNormal && h.Multiple == nil && len(h.Bands) == 0:
		c.say(at("high"), "a multiple or bands are wanted")
	case h.Method == "" && (h.Multiple != nil || len(h.Bands) > 0):
		c.say(at("high"), "a method is wanted: excess, item, normal")
	}
	last := map[string]*Num{}
	begun := map[string]bool{}
	for i, b := range h.Bands {
		c.positive(&b.Multiple, "high", "bands", i, "multiple")
		switch {
		case begun[b.Level] && last[b.Level] == nil:
			c.say(at("high", "bands", i), "an earlier band already takes all above")
		case begun[b.Level] && b.UpTo != nil && !b.UpTo.GreaterThan(last[b.Level].Decimal):
			c.say(at("high", "bands", i, "up_to"), "it is not above that of the band before")
		}
		begun[b.Level], last[b.Level] = true, b.UpTo
	}
	for i, b := range h.Bands {
		if last[b.Level] == b.UpTo && b.UpTo != nil && h.Multiple == nil {
			c.say(at("high", "bands", i), "groups above %s have no multiple: a last band without up_to is wanted, or high.multiple", b.UpTo)
		}
	}
	if p.Low.Multiple == nil { // the payment table may have limits in yuan
		return
	}
	if p.Low.Multiple.IsNegative() {
		c.say(at("low", "multiple"), "a number from 0 on is wanted")
	}
	least := h.Multiple
	for i := range h.Bands {
		if m := &h.Bands[i].Multiple; least == nil || m.LessThan(least.Decimal) {
			least = m
		}
	}
	if least != nil && p.Low.Multiple.GreaterThanOrEqual(least.Decimal) {
		c.say(at("low", "multiple"), "it is not below the multiple of high cases: a case would be both")
	}
}

func (c *checking) rules(p *Params) {
	c.positive(p.Deviation.High, "deviation", "high")
	c.positive(p.Deviation.Review, "deviation", "review")
	if d := p.Deviation; d.Low != nil && (d.Low.IsNegative() || d.High != nil && d.Low.GreaterThanOrEqual(d.High.Decimal)) {
		c.say(at("deviation", "low"), "a number from 0 on and below high is wanted")
	}
	c.positive(p.Ungrouped.RW, "ungrouped", "rw")
	c.share(p.Ungrouped.Ratio, "ungrouped", "ratio")
	switch {
	case p.Ungrouped.Method == "rw" && p.Ungrouped.RW == nil:
		c.say(at("ungrouped", "rw"), "method rw needs a weight")
	case p.Ungrouped.Method == "rw" && p.Scheme != "" && p.Scheme != SchemeDRG:
		c.say(at("ungrouped", "method"), "rw is for payment by weight; item, ratio or refuse is wanted")
	case p.Ungrouped.Method == "ratio" && p.Ungrouped.Ratio == nil:
		c.say(at("ungrouped", "ratio"), "method ratio needs a share")
	}
	ids := map[string]bool{}
	for i, e := range p.Exclusions {
		if e.ID == "" || ids[e.ID] {
			c.say(at("exclusions", i), "an id of its own is wanted")
		}
		ids[e.ID] = true
		switch {
		case e.LOSMin == nil && e.LOSMax == nil && !e.BedDay && !e.Day:
			c.say(at("exclusions", i), "it says nothing: los_min, los_max, bed_day or day_surgery is wanted")
		case e.LOSMin != nil && e.LOSMax != nil && e.LOSMin.GreaterThan(e.LOSMax.Decimal):
			c.say(at("exclusions", i), "los_min is above los_max: no case has both; stays below one and above the other are two entries")
		}
	}
	c.share(p.Special.DRG, "special_case", "drg")
	c.share(p.Special.DIP, "special_case", "dip")
	c.positive(p.Special.Factor, "special_case", "factor")
	if (p.Special.Method == uplift) != (p.Special.Factor != nil) {
		c.say(at("special_case"), "method uplift and a factor go together")
	}
	c.share(p.Deposit.Share, "deposit", "share")
	for i, s := range p.Deposit.Scores {
		c.share(&s.Value, "deposit", "scores", i, "value")
	}
	c.share(p.TCM.MinShare, "tcm", "min_share")
	c.positive(p.TCM.Factor, "tcm", "factor")
	if p.TCM.Factor != nil && p.TCM.MinShare == nil {
		c.say(at("tcm"), "a factor needs min_share: 0 gives it to every case of a group flagged tcm")
	}
}

// tiers looks for gaps and overlaps between the steps of clearing, by type of insurance.
func (c *checking) tiers(p *Params) {
	end := map[string]*Tier{}
	for i := range p.Tiers {
		t := &p.Tiers[i]
		c.share(t.Keep, "tiers", i, "surplus_kept")
		c.share(t.Bear, "tiers", i, "overrun_borne")
		c.positive(t.UpTo, "tiers", i, "up_to")
		before := end[t.Insurance]
		from := decimal.Zero
		switch {
		case before == nil:
		case before.UpTo == nil:
			c.say(at("tiers", i), "overlap: an earlier tier already takes all above")
		case t.UpTo != nil && !t.UpTo.GreaterThan(before.UpTo.Decimal):
			c.say(at("tiers", i, "up_to"), "overlap: it is not above that of the tier before")
		default:
			from = before.UpTo.Decimal
		}
		if t.Keep != nil && from.GreaterThanOrEqual(one) {
			c.say(at("tiers", i, "surplus_kept"), "there is no surplus above 1")
		}
		if t.Bear != nil && t.UpTo != nil && t.UpTo.LessThanOrEqual(one) {
			c.say(at("tiers", i, "overrun_borne"), "there is no overrun up to 1")
		}
		if t.Insurance != "" && p.Clearing.Of == clearOrg {
			c.say(at("tiers", i, "insurance"), "clearing.of says that hospitals are cleared as one")
		}
		end[t.Insurance] = t
	}
	for i := range p.Tiers {
		if t := &p.Tiers[i]; end[t.Insurance] == t && t.UpTo != nil {
			c.say(at("tiers", i), "gap: nothing is said above %s; a last tier without up_to is wanted", t.UpTo)
		}
	}
}

func (c *checking) days(p *Params) {
	kinds := map[string]bool{}
	for i, b := range p.BedDay {
		if b.Kind == "" || kinds[b.Kind] {
			c.say(at("bedday", i), "a kind of its own is wanted")
		}
		kinds[b.Kind] = true
		c.positive(b.Value, "bedday", i, "value")
		if b.Value == nil && p.Scheme == SchemeDRG {
			c.say(at("bedday", i), "a value (yuan for a point) is wanted where payment is by weight")
		}
		for k, t := range b.Tiers {
			c.positive(t.Days, "bedday", i, "tiers", k, "days")
			if t.Points.IsNegative() {
				c.say(at("bedday", i, "tiers", k, "points"), "a number from 0 on is wanted")
			}
			if t.Days == nil && k+1 < len(b.Tiers) {
				c.say(at("bedday", i, "tiers", k+1), "overlap: the tier before already takes the rest")
			}
		}
		if n := len(b.Tiers); n == 0 || b.Tiers[n-1].Days != nil {
			c.say(at("bedday", i, "tiers"), "gap: a last tier without days is wanted, for the rest of the stay (points: 0 if it is not paid)")
		}
	}
}
