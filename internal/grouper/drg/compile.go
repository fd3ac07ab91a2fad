package drg

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Grouper is a compiled scheme. It is read only: any number of goroutines may group with it, each through its own
// Worker for speed, or through Group and Explain.
type Grouper struct {
	id, hash string
	opt      Options
	dx       vocabulary
	op       vocabulary
	dxInfo   []dxInfo
	opInfo   []opInfo
	excl     [MCC + 1][]string // "MCC table 93", for people
	mdcs     []mdc
	adrgs    []*adrg  // of all categories, in the order of evaluation
	open     []uint64 // by diagnosis: categories that it may open as principal diagnosis
	pool     sync.Pool
}

// ID is the scheme's; Hash is that of its tables.
func (g *Grouper) ID() string { return g.id }

// Hash is the hash of the tables that the grouper was compiled from.
func (g *Grouper) Hash() string { return g.hash }

// Name is what the scheme calls an adjacent group or a group, "" where it does not.
func (g *Grouper) Name(id string) string {
	for _, a := range g.adrgs {
		if a.id == id {
			return a.name
		}
		if !strings.HasPrefix(id, a.id) {
			continue
		}
		for k := range a.drgs {
			if a.drgs[k].id == id {
				return a.drgs[k].name
			}
		}
	}
	return ""
}

// Groups is how many DRGs there are.
func (g *Grouper) Groups() int {
	n := 0
	for _, m := range g.mdcs {
		for _, a := range m.adrgs {
			n += len(a.drgs)
		}
	}
	return n
}

// vocabulary gives every code of the tables a number. Number 0 is any code that no table knows.
type vocabulary struct {
	index    map[string]int32
	known    codeTable // the same as index, for codes as they are usually written
	codes    []string
	prefixes []string // longest first; the pseudo code of each is in index under prefix + "*"
	words    int      // of a code's set of lists
	fit      []uint64 // by code as principal: groups whose rule it does not rule out, fitWords each
	fitNone  []uint64 // the same for no code
	bits     []uint64 // words for each code
	lists    map[string]int32
}

type dxInfo struct {
	parts    uint64 // body regions
	severity Severity
	invalid  bool
	excl     int32 // exclusion table of the complication, 0 none
	pdxExcl  int32 // exclusion table of the principal diagnosis, 0 none
}

type opInfo struct{ valid, grey bool }

type mdc struct {
	id, qy   string
	gate     program
	byDx     bool // the gate asks for the principal diagnosis
	sexGated bool
	ageGated bool
	mdcList  int32 // bit of the MDC's own list of diagnoses, -1 without one
	parts    uint64
	adrgs    []adrg
	first    int // of adrgs among those of all categories
}

type adrg struct {
	id, name string
	medical  bool
	expr     program
	drgs     []drgRow
}

type drgRow struct {
	id, name string
	cond     program
}

// Compile makes a grouper of a DRG package.
func Compile(s *schemes.Scheme, opt Options) (*Grouper, error) {
	if s.Kind != schemes.DRG {
		return nil, fault.New(fault.Invalid, "scheme %s: it is of kind %s and cannot group into DRGs: import the full tables (see docs/schemes.md)", s.ID, s.Kind)
	}
	c := &compiler{s: s, g: &Grouper{id: s.ID, hash: s.Hash, opt: opt}}
	c.vocabulary()
	for _, m := range s.MDCs() {
		c.mdc(m)
	}
	if err := c.err; err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	c.fill()
	g := c.g
	c.shortcuts()
	g.dx.known, g.op.known = newCodeTable(g.dx.index), newCodeTable(g.op.index)
	g.pool.New = func() any { return g.Worker() }
	return g, nil
}

type compiler struct {
	s       scheme
	g       *Grouper
	dxLists []listDef
	opLists []listDef
	err     error
	mdcOf   string // while compiling
	adrgOf  string
	partsOf map[string]uint64
}

// listDef is a list of codes that some rule asks for.
type listDef struct {
	key  string // of rows in the table: MDCB, AA1.1, valid
	list rule.List
}

func newVocabulary() vocabulary {
	return vocabulary{index: map[string]int32{}, codes: []string{""}, lists: map[string]int32{}}
}

func (v *vocabulary) intern(code string) int32 {
	if id, ok := v.index[code]; ok {
		return id
	}
	id := int32(len(v.codes)) //nolint:gosec // bounded by the size of the tables
	v.codes = append(v.codes, code)
	v.index[code] = id
	return id
}

// vocabulary numbers the codes of all tables.
func (c *compiler) vocabulary() {
	g := c.g
	g.dx, g.op = newVocabulary(), newVocabulary()
	c.partsOf = map[string]uint64{}
	size := 0
	for _, t := range c.s.Tables {
		size = max(size, t.Len())
	}
	g.dx.index = make(map[string]int32, size+size/4)
	type column struct {
		v           *vocabulary
		table, name string
	}
	for _, col := range []column{
		{&g.dx, "mdc_dx.csv", "dx"},
		{&g.dx, "adrg_dx.csv", "dx"},
		{&g.dx, "mcc.csv", "dx"},
		{&g.dx, "cc.csv", "dx"},
		{&g.dx, "cce.csv", "principal_dx"},
		{&g.dx, "dx_invalid.csv", "dx"},
		{&g.dx, "dx_grey.csv", "dx"},
		{&g.dx, "icd_dx.csv", "code"},
		{&g.dx, "dx_map.csv", "to_code"},
		{&g.op, "op_valid.csv", "op"},
		{&g.op, "adrg_op.csv", "op"},
		{&g.op, "op_invalid.csv", "op"},
		{&g.op, "op_grey.csv", "op"},
		{&g.op, "icd_op.csv", "code"},
		{&g.op, "op_map.csv", "to_code"},
	} {
		t := c.s.Tables[col.table]
		if t.Len() == 0 {
			continue
		}
		at := t.Column(col.name)
		for i := range t.Len() {
			col.v.intern(t.Row(i)[at])
		}
	}
	for _, m := range []struct {
		v     *vocabulary
		table string
	}{{&g.dx, "dx_map.csv"}, {&g.op, "op_map.csv"}} {
		t := c.s.Tables[m.table]
		if t.Len() == 0 {
			continue
		}
		from, to := t.Column("from_code"), t.Column("to_code")
		for i := range t.Len() {
			m.v.index[t.Row(i)[from]] = m.v.intern(t.Row(i)[to])
		}
	}
	c.bodyParts()
}

// bodyParts gives each body region of each MDC a bit.
func (c *compiler) bodyParts() {
	t := c.s.Tables["mdc_dx.csv"]
	mdc, part := t.Column("mdc"), t.Column("body_part")
	bit := map[string]uint64{}
	for i := range t.Len() {
		row := t.Row(i)
		if row[part] == "" {
			continue
		}
		key := row[mdc] + "\x1f" + row[part]
		if bit[key] == 0 {
			if len(bit) == 64 {
				c.fail(t.Pos(i), "more than 64 body regions in mdc_dx.csv")
				return
			}
			bit[key] = 1 << len(bit)
			c.partsOf[row[mdc]] |= bit[key]
		}
	}
	c.partBits(bit)
}

func (c *compiler) fail(pos, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %s", pos, fmt.Sprintf(format, args...))
	}
}

func (c *compiler) partBits(bit map[string]uint64) {
	g := c.g
	g.dxInfo = make([]dxInfo, len(g.dx.codes))
	t := c.s.Tables["mdc_dx.csv"]
	mdc, part, dx := t.Column("mdc"), t.Column("body_part"), t.Column("dx")
	for i := range t.Len() {
		if row := t.Row(i); row[part] != "" {
			g.dxInfo[g.dx.index[row[dx]]].parts |= bit[row[mdc]+"\x1f"+row[part]]
		}
	}
}

func (c *compiler) mdc(m *schemes.MDC) {
	c.mdcOf, c.adrgOf = m.ID, ""
	gate := m.Gate
	parts := c.partsOf[m.ID]
	asks := false
	out := mdc{id: m.ID, qy: m.ID[len(m.ID)-1:] + "QY", parts: parts, mdcList: -1}
	rule.Walk(gate, func(atom rule.Expr) {
		switch a := atom.(type) {
		case rule.Number:
			switch a.Of {
			case rule.Parts:
				asks = true
			case rule.Sex:
				out.sexGated = true
			case rule.Age, rule.AgeDays:
				out.ageGated = true
			default: // asked by the rule alone; no shortcut hangs on it
			}
		case rule.Codes:
			if a.List.MDC {
				out.byDx = true
			}
		}
	})
	if parts != 0 && !asks { // the published gate of MDCZ: injuries of two or more body regions
		multi, _ := rule.Parse("MULTI_SITE")
		gate = rule.And{gate, multi}
	}
	out.gate = c.program(m.Pos, gate)
	if out.byDx {
		out.mdcList = c.list(rule.Codes{Where: rule.PDX, List: rule.List{MDC: true}})
	}
	for _, a := range m.ADRGs {
		c.adrgOf = a.ID
		row := adrg{id: a.ID, name: a.Name, medical: a.Medical(), expr: c.program(a.Pos, a.Expr)}
		for _, d := range a.DRGs {
			row.drgs = append(row.drgs, drgRow{id: d.ID, name: d.Name, cond: c.program(d.Pos, d.Condition)})
		}
		out.adrgs = append(out.adrgs, row)
	}
	c.g.mdcs = append(c.g.mdcs, out)
}

// list gives a list of codes its bit.
func (c *compiler) list(codes rule.Codes) int32 {
	v, defs := &c.g.op, &c.opLists
	if codes.Where.Diagnosis() {
		v, defs = &c.g.dx, &c.dxLists
	}
	l := codes.List
	l.Code = normalise(l.Code)
	var key string
	switch {
	case l.MDC:
		key = c.mdcOf
	case l.Valid, l.Present, l.Code != "":
		key = l.String()
	case l.ADRG != "":
		key = l.ADRG + "." + l.No
	default:
		key = c.adrgOf + "." + l.No
	}
	if bit, ok := v.lists[key]; ok {
		return bit
	}
	bit := int32(len(*defs)) //nolint:gosec // a scheme has a few hundred lists
	*defs = append(*defs, listDef{key: key, list: l})
	v.lists[key] = bit
	switch {
	case l.Prefix:
		v.intern(l.Code + "*")
		v.prefixes = append(v.prefixes, l.Code)
	case l.Code != "":
		v.intern(l.Code)
	}
	return bit
}

// fill sets the bits of every code and what severity needs.
func (c *compiler) fill() {
	g := c.g
	info := make([]dxInfo, len(g.dx.codes))
	copy(info, g.dxInfo)
	g.dxInfo = info
	g.opInfo = make([]opInfo, len(g.op.codes))
	g.dx.size(len(c.dxLists))
	g.op.size(len(c.opLists))
	rows := func(v *vocabulary, table, code string, key func(row []string) string) {
		t := c.s.Tables[table]
		at := t.Column(code)
		last, bit := "", int32(-1)
		for i := range t.Len() {
			row := t.Row(i)
			if k := key(row); k != last || i == 0 {
				last, bit = k, -1
				if b, ok := v.lists[k]; ok {
					bit = b
				}
			}
			if bit >= 0 {
				v.set(v.index[row[at]], bit)
			}
		}
	}
	mdc := c.s.Tables["mdc_dx.csv"].Column("mdc")
	rows(&g.dx, "mdc_dx.csv", "dx", func(row []string) string { return row[mdc] })
	ad, an := c.s.Tables["adrg_dx.csv"].Column("adrg"), c.s.Tables["adrg_dx.csv"].Column("list_no")
	rows(&g.dx, "adrg_dx.csv", "dx", pairKey(ad, an))
	oa, on := c.s.Tables["adrg_op.csv"].Column("adrg"), c.s.Tables["adrg_op.csv"].Column("list_no")
	rows(&g.op, "adrg_op.csv", "op", pairKey(oa, on))
	rows(&g.op, "op_valid.csv", "op", func([]string) string { return "valid" })
	g.dx.literals(c.dxLists)
	g.op.literals(c.opLists)
	c.severity()
	c.each("op_valid.csv", "op", func(code string, _ []string) { g.opInfo[g.op.index[code]].valid = true })
	c.each("op_invalid.csv", "op", func(code string, _ []string) { g.opInfo[g.op.index[code]].valid = false })
	c.each("op_grey.csv", "op", func(code string, _ []string) { g.opInfo[g.op.index[code]].grey = true })
	for _, name := range []string{"dx_invalid.csv", "dx_grey.csv"} {
		c.each(name, "dx", func(code string, _ []string) { g.dxInfo[g.dx.index[code]].invalid = true })
	}
}

// pairKey is the name of a list, remembered from row to row: tables are sorted by list.
func pairKey(adrg, no int) func(row []string) string {
	var a, n, key string
	return func(row []string) string {
		if row[adrg] != a || row[no] != n {
			a, n = row[adrg], row[no]
			key = a + "." + n
		}
		return key
	}
}

func (c *compiler) each(table, column string, do func(code string, row []string)) {
	t := c.s.Tables[table]
	if t.Len() == 0 {
		return
	}
	at := t.Column(column)
	for i := range t.Len() {
		row := t.Row(i)
		do(row[at], row)
	}
}

func (c *compiler) severity() {
	g := c.g
	numbers := map[string]int32{"": 0}
	g.excl[CC], g.excl[MCC] = []string{"CC"}, []string{"MCC"}
	table := func(text string) int32 {
		n, ok := numbers[text]
		if !ok {
			n = int32(len(numbers)) //nolint:gosec // a few hundred tables
			numbers[text] = n
			for _, sev := range [...]Severity{CC, MCC} {
				g.excl[sev] = append(g.excl[sev], sev.String()+" table "+text)
			}
		}
		return n
	}
	for _, t := range []struct {
		name string
		sev  Severity
	}{{"cc.csv", CC}, {"mcc.csv", MCC}} { // a code in both is an MCC
		rows := c.s.Tables[t.name]
		excl := rows.Column("excl_table")
		c.each(t.name, "dx", func(code string, row []string) {
			d := &g.dxInfo[g.dx.index[code]]
			d.severity, d.excl = t.sev, table(row[excl])
		})
	}
	cce := c.s.Tables["cce.csv"]
	excl := cce.Column("excl_table")
	c.each("cce.csv", "principal_dx", func(code string, row []string) { g.dxInfo[g.dx.index[code]].pdxExcl = table(row[excl]) })
}

func (v *vocabulary) size(lists int) {
	v.words = max(1, (lists+63)/64)
	v.bits = make([]uint64, v.words*len(v.codes))
}

func (v *vocabulary) set(code, list int32) {
	v.bits[int(code)*v.words+int(list)>>6] |= 1 << (list & 63)
}

// of is the set of lists that a code is in.
func (v *vocabulary) of(code int32) []uint64 {
	return v.bits[int(code)*v.words : (int(code)+1)*v.words]
}

// literals sets the bits of lists that are written into a rule: one code, a beginning, any code at all.
func (v *vocabulary) literals(defs []listDef) {
	for bit, def := range defs {
		l := def.list
		switch {
		case l.Present:
			for id := range v.codes { // number 0, the unknown code, included
				v.set(int32(id), int32(bit)) //nolint:gosec // bounded
			}
		case l.Prefix:
			for id, code := range v.codes {
				if strings.HasPrefix(code, l.Code) {
					v.set(int32(id), int32(bit)) //nolint:gosec // bounded
				}
			}
		case l.Code != "":
			v.set(v.index[l.Code], int32(bit)) //nolint:gosec // bounded
		}
	}
	slices.SortFunc(v.prefixes, func(a, b string) int { return len(b) - len(a) })
}

// find is the number of a code as a case brings it; changed says that it had to be normalised or mapped.
func (v *vocabulary) find(code string) int32 {
	if len(code) > 0 && len(code) <= maxPacked {
		if id, ok := v.known.find(code); ok {
			return id
		}
	} else if id, ok := v.index[code]; ok {
		return id
	}
	return v.findSlow(code)
}

func (v *vocabulary) findSlow(code string) int32 {
	code = normalise(code)
	if id, ok := v.index[code]; ok {
		return id
	}
	for _, p := range v.prefixes {
		if strings.HasPrefix(code, p) {
			return v.index[p+"*"]
		}
	}
	return 0
}

// program is a compiled condition: tests that lead to one another and end in yes or no.
type program struct {
	nodes   []node
	details []detail
	text    string
	weight  bool // asks for the weight at birth
	always  bool
}

// node is one test and where it leads: what grouping needs, small and close together.
type node struct {
	mask    uint64
	yes, no int16 // next node, or one of the two ends
	word    int16
	kind    nodeKind
	pos     rule.Position
	neg     bool
}

// detail is what only some tests, and traces, need of a node.
type detail struct {
	of     rule.Quantity
	lo, hi float64
	values []float64
	names  []string
	flag   rule.Flag
	fails  string // verdict when a condition ends here
	codes  rule.Codes
}

type nodeKind uint8

const (
	codesNode nodeKind = iota
	numberNode
	oneOfNode
	deptNode
	flagNode
)

const (
	endYes int16 = -1
	endNo  int16 = -2
)

func (c *compiler) program(pos string, e rule.Expr) program {
	p := program{text: e.String()}
	if e == rule.Expr(rule.Always) {
		p.always = true
		return p
	}
	start := c.compile(&p, e, false, endYes, endNo)
	if len(p.nodes) > math.MaxInt16/2 {
		c.fail(pos, "the condition is too long")
		return p
	}
	if start >= 0 && start != int16(len(p.nodes))-1 { //nolint:gosec // bounded above
		c.fail(pos, "internal: the condition does not begin at its last test")
	}
	slices.Reverse(p.nodes)
	slices.Reverse(p.details)
	last := int16(len(p.nodes)) - 1 //nolint:gosec // bounded above
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.yes >= 0 {
			n.yes = last - n.yes
		}
		if n.no >= 0 {
			n.no = last - n.no
		}
	}
	return p
}

// compile writes the tests of e backwards, so that each knows where to go next, and returns where e begins.
func (c *compiler) compile(p *program, e rule.Expr, neg bool, yes, no int16) int16 {
	switch e := e.(type) {
	case rule.Not:
		return c.compile(p, e.X, !neg, yes, no)
	case rule.And:
		return c.sequence(p, e, neg, !neg, yes, no)
	case rule.Or:
		return c.sequence(p, e, neg, neg, yes, no)
	}
	n, d := node{neg: neg, yes: yes, no: no}, detail{fails: "fails at " + e.String()}
	if neg {
		d.fails = "fails at !" + e.String()
	}
	switch e := e.(type) {
	case rule.Codes:
		bit := c.list(e)
		n.kind, n.pos, n.word, n.mask, d.codes = codesNode, e.Where, int16(bit>>6), 1<<(bit&63), e //nolint:gosec // bounded
	case rule.Number:
		n.kind, d.of, d.lo, d.hi = numberNode, e.Of, e.Lo, e.Hi
		if e.LoOpen {
			d.lo = math.Nextafter(d.lo, math.Inf(1))
		}
		if e.HiOpen {
			d.hi = math.Nextafter(d.hi, math.Inf(-1))
		}
		p.weight = p.weight || e.Of == rule.Weight
	case rule.OneOf:
		n.kind, d.of, d.values = oneOfNode, e.Of, e.Values
		p.weight = p.weight || e.Of == rule.Weight
	case rule.Dept:
		n.kind, d.names = deptNode, e.Names
	case rule.Flag:
		n.kind, d.flag = flagNode, e
	}
	p.nodes, p.details = append(p.nodes, n), append(p.details, d)
	return int16(len(p.nodes)) - 1 //nolint:gosec // checked by program
}

// sequence chains parts: all must hold (and), or one (or).
func (c *compiler) sequence(p *program, parts []rule.Expr, neg, and bool, yes, no int16) int16 {
	at := yes
	if !and {
		at = no
	}
	for _, part := range slices.Backward(parts) {
		if and {
			at = c.compile(p, part, neg, at, no)
		} else {
			at = c.compile(p, part, neg, yes, at)
		}
	}
	return at
}

// shortcuts prepare what keeps a case from trying every rule: which categories a principal diagnosis can open, and
// which groups a principal diagnosis or operation does not rule out. They only leave out what must fail.
func (c *compiler) shortcuts() {
	g := c.g
	var nodes []node
	programs := c.programs()
	for _, p := range programs {
		nodes = append(nodes, p.nodes...)
	}
	at := 0
	for _, p := range programs { // one block of memory, in the order of evaluation
		n := len(p.nodes)
		p.nodes = nodes[at : at+n : at+n]
		at += n
	}
	for i := range g.mdcs {
		m := &g.mdcs[i]
		m.first = len(g.adrgs)
		for j := range m.adrgs {
			g.adrgs = append(g.adrgs, &m.adrgs[j])
		}
	}
	g.dx.fits(g.adrgs, rule.PDX)
	g.op.fits(g.adrgs, rule.POP)
	g.open = make([]uint64, len(g.dx.codes))
	for i := range min(len(g.mdcs), maxOpen) {
		bit := g.mdcs[i].gate.needs(rule.PDX)
		for id := range g.open {
			if bit == nil || g.dx.of(int32(id))[bit.word]&bit.mask != 0 { //nolint:gosec // bounded
				g.open[id] |= 1 << i
			}
		}
	}
}

// maxOpen is how many categories fit into one word; those behind are always tried.
const maxOpen = 64

func (c *compiler) programs() []*program {
	var out []*program
	for i := range c.g.mdcs {
		m := &c.g.mdcs[i]
		out = append(out, &m.gate)
	}
	for i := range c.g.mdcs {
		m := &c.g.mdcs[i]
		for j := range m.adrgs {
			out = append(out, &m.adrgs[j].expr)
			for k := range m.adrgs[j].drgs {
				out = append(out, &m.adrgs[j].drgs[k].cond)
			}
		}
	}
	return out
}

// needs is a test for the principal code without which the condition fails whatever else holds, nil if there is none:
// one of the tests that a straight row of and begins with.
func (p *program) needs(pos rule.Position) *node {
	for at := int16(0); !p.always && at >= 0; at = p.nodes[at].yes {
		n := &p.nodes[at]
		if n.no != endNo {
			return nil
		}
		if n.kind == codesNode && n.pos == pos && !n.neg {
			return n
		}
	}
	return nil
}

func fitWords(groups int) int { return (groups + 63) / 64 }

// fits marks, for each code as principal, the groups that it does not rule out.
func (v *vocabulary) fits(adrgs []*adrg, pos rule.Position) {
	words := fitWords(len(adrgs))
	v.fit, v.fitNone = make([]uint64, words*len(v.codes)), make([]uint64, words)
	for i, a := range adrgs {
		need := a.expr.needs(pos)
		if need == nil {
			v.fitNone[i>>6] |= 1 << (i & 63)
		}
		for id := range v.codes {
			if need == nil || v.of(int32(id))[need.word]&need.mask != 0 { //nolint:gosec // bounded
				v.fit[id*words+i>>6] |= 1 << (i & 63)
			}
		}
	}
}

// fitting is the set of groups that a principal code does not rule out; -1 is no code.
func (v *vocabulary) fitting(id int32) []uint64 {
	if id < 0 {
		return v.fitNone
	}
	words := len(v.fitNone)
	return v.fit[int(id)*words : (int(id)+1)*words]
}
