// Package oracle groups cases a second time, in plain SQL, so that the fast grouper can be checked by something that
// shares neither its data structures nor its order of work with it: every rule becomes requirement rows (disjunctive
// normal form), every fact of a case a row, and a group is taken where all requirements of a term are met. It is for
// tests and nightly samples. It opens no database: it writes the SQL that the caller runs on DuckDB.
package oracle

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sanyi-lake/sanyi/datasets/schemes"
	"github.com/sanyi-lake/sanyi/datasets/schemes/rule"
	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/grouper/drg"
)

// Script is what to run: Setup makes the scheme's tables, Query groups what stands in the tables
//
//	cases(id BIGINT, sex INT, age_years DOUBLE, age_days DOUBLE, weight DOUBLE, los DOUBLE)
//	case_dx(id BIGINT, pos INT, code VARCHAR)   positions from 1 without gaps
//	case_op(id BIGINT, pos INT, code VARCHAR)
//
// and returns id, mdc, adrg, drg, severity, reason in the order of id.
type Script struct {
	Setup []string
	Query string
}

// literal is an atom of a term, wanted or unwanted.
type literal struct {
	atom rule.Expr
	neg  bool
}

// maxTerms bounds a rule in disjunctive normal form.
const maxTerms = 256

// terms is the disjunctive normal form of a rule.
func terms(e rule.Expr, neg bool) ([][]literal, error) {
	switch e := e.(type) {
	case rule.Not:
		return terms(e.X, !neg)
	case rule.And:
		return combine(e, neg, !neg)
	case rule.Or:
		return combine(e, neg, neg)
	}
	return [][]literal{{{e, neg}}}, nil
}

// combine multiplies (and) or joins (or) the terms of the parts.
func combine(parts []rule.Expr, neg, and bool) ([][]literal, error) {
	out := [][]literal{{}}
	if !and {
		out = nil
	}
	for _, p := range parts {
		ts, err := terms(p, neg)
		if err != nil {
			return nil, err
		}
		if !and {
			out = append(out, ts...)
		} else {
			var product [][]literal
			for _, a := range out {
				for _, b := range ts {
					product = append(product, append(append([]literal(nil), a...), b...))
				}
			}
			out = product
		}
		if len(out) > maxTerms {
			return nil, fault.New(fault.TooLarge, "oracle: a rule of more than %d terms", maxTerms)
		}
	}
	return out, nil
}

type writer struct {
	s     *schemes.Scheme
	atoms map[string]int // text with its context → number
	lists []string       // rows of atom_list: atom, position, table key
	tests []string       // atom, SQL over cases
	terms []string       // term, kind, target, n_pos, wild
	reqs  []string       // term, atom, neg
	multi map[string]bool
}

// Write makes the script of a scheme. It takes rules of codes, lists, sex, age, weight, stay and body regions: what
// the published tables consist of.
func Write(s *schemes.Scheme, opt drg.Options) (Script, error) {
	w := &writer{s: s, atoms: map[string]int{}, multi: map[string]bool{}}
	mdcDx := s.Tables["mdc_dx.csv"]
	for i := range mdcDx.Len() {
		if row := mdcDx.Row(i); row[mdcDx.Column("body_part")] != "" {
			w.multi[row[mdcDx.Column("mdc")]] = true
		}
	}
	var mdcs, adrgs, drgs []string
	for mi, m := range s.MDCs() {
		gate, byDx, sexed, aged, parts := m.Gate, false, false, false, false
		rule.Walk(gate, func(a rule.Expr) {
			switch a := a.(type) {
			case rule.Codes:
				byDx = byDx || a.List.MDC
			case rule.Number:
				sexed = sexed || a.Of == rule.Sex
				aged = aged || a.Of == rule.Age || a.Of == rule.AgeDays
				parts = parts || a.Of == rule.Parts
			}
		})
		if w.multi[m.ID] && !parts {
			gate = rule.And{gate, rule.Number{Of: rule.Parts, Lo: 2, Hi: math.Inf(1)}}
		}
		mdcs = append(mdcs, row(quote(m.ID), mi, byDx, sexed, aged))
		if err := w.rule("gate", m.ID, m.ID, "", gate); err != nil {
			return Script{}, err
		}
		for ai, a := range m.ADRGs {
			adrgs = append(adrgs, row(quote(m.ID), quote(a.ID), ai, a.Medical()))
			if err := w.rule("adrg", a.ID, m.ID, a.ID, a.Expr); err != nil {
				return Script{}, err
			}
			for di, d := range a.DRGs {
				drgs = append(drgs, row(quote(a.ID), quote(d.ID), di))
				if err := w.rule("drg", d.ID, m.ID, a.ID, d.Condition); err != nil {
					return Script{}, err
				}
			}
		}
	}
	setup := []string{
		values("o_mdc(mdc, ord, by_dx, sexed, aged)", mdcs),
		values("o_adrg(mdc, adrg, ord, medical)", adrgs),
		values("o_drg(adrg, drg, ord)", drgs),
		values("o_atom_list(atom, pos, list)", w.lists),
		values("o_term(term, kind, target, n_pos, wild)", w.terms),
		values("o_req(term, atom, neg)", w.reqs),
	}
	return Script{Setup: setup, Query: w.query(opt)}, nil
}

func row(cells ...any) string {
	parts := make([]string, len(cells))
	for i, c := range cells {
		parts[i] = fmt.Sprint(c)
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func values(table string, rows []string) string {
	name, columns, _ := strings.Cut(table, "(")
	return "CREATE OR REPLACE TABLE " + name + " AS SELECT * FROM (VALUES\n" + strings.Join(rows, ",\n") + "\n) AS v(" + columns
}

// rule writes the terms of a rule, and those without the weight for newborns whose weight is missing.
func (w *writer) rule(kind, target, mdc, adrg string, e rule.Expr) error {
	ts, err := terms(e, false)
	if err != nil {
		return err
	}
	for _, t := range ts {
		if err := w.term(kind, target, mdc, adrg, t, false); err != nil {
			return err
		}
		var rest []literal
		for _, l := range t {
			if n, ok := l.atom.(rule.Number); !ok || n.Of != rule.Weight {
				rest = append(rest, l)
			}
		}
		if kind == "adrg" && len(rest) < len(t) {
			if err := w.term(kind, target, mdc, adrg, rest, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) term(kind, target, mdc, adrg string, t []literal, wild bool) error {
	id := len(w.terms)
	always, err := w.atom(rule.Always, mdc, adrg)
	if err != nil {
		return err
	}
	seen := map[int]bool{always: true}
	w.reqs = append(w.reqs, row(id, always, false))
	n := 1
	for _, l := range t {
		atom, err := w.atom(l.atom, mdc, adrg)
		if err != nil {
			return err
		}
		if l.neg {
			w.reqs = append(w.reqs, row(id, atom, true))
			continue
		}
		if !seen[atom] {
			seen[atom] = true
			w.reqs = append(w.reqs, row(id, atom, false))
			n++
		}
	}
	w.terms = append(w.terms, row(id, quote(kind), quote(target), n, wild))
	return nil
}

// atom numbers an atom and writes down how a case comes to have it.
func (w *writer) atom(a rule.Expr, mdc, adrg string) (int, error) {
	key := fmt.Sprintf("%T %s", a, a)
	switch a := a.(type) {
	case rule.Codes:
		var list string
		switch {
		case a.List.MDC:
			list = "mdc " + mdc
		case a.List.Valid:
			list = "valid"
		case a.List.Code != "" || a.List.Present:
			return 0, fault.New(fault.Invalid, "oracle: %s: codes written into a rule are not for the oracle", a)
		case a.List.ADRG != "":
			list = a.List.ADRG + " " + a.List.No
		default:
			list = adrg + " " + a.List.No
		}
		key = a.Where.String() + " " + list
		id, isNew := w.number(key)
		if isNew {
			w.lists = append(w.lists, row(id, quote(a.Where.String()), quote(list)))
		}
		return id, nil
	case rule.Number:
		column := map[rule.Quantity]string{
			rule.Sex: "c.sex", rule.Age: "c.age_years", rule.AgeDays: "CASE WHEN c.age_years = 0 THEN c.age_days END",
			rule.Weight: "CASE WHEN c.weight > 0 THEN c.weight END", rule.LOS: "c.los",
			rule.Parts: "(SELECT count(DISTINCT p.body_part) FROM s_mdc_dx p JOIN case_dx d ON d.code = p.dx WHERE d.id = c.id AND p.body_part <> '' AND p.mdc = " + quote(mdc) + ")",
		}[a.Of]
		if column == "" {
			return 0, fault.New(fault.Invalid, "oracle: %s is not for the oracle", a)
		}
		var parts []string
		if !math.IsInf(a.Lo, 0) {
			parts = append(parts, column+map[bool]string{true: " > ", false: " >= "}[a.LoOpen]+strconv.FormatFloat(a.Lo, 'f', -1, 64))
		}
		if !math.IsInf(a.Hi, 0) {
			parts = append(parts, column+map[bool]string{true: " < ", false: " <= "}[a.HiOpen]+strconv.FormatFloat(a.Hi, 'f', -1, 64))
		}
		if a.Of == rule.Parts {
			key += mdc
		}
		return w.test(key, strings.Join(parts, " AND ")), nil
	case rule.Flag:
		switch a {
		case rule.Always:
			return w.test(key, "true"), nil
		case rule.Neonate:
			return w.test(key, "c.age_years = 0 AND c.age_days <= 28"), nil
		case rule.HasMCC:
			return w.test(key, "c.severity = 'MCC'"), nil
		case rule.HasCC:
			return w.test(key, "c.severity = 'CC'"), nil
		case rule.HasMCCOrCC:
			return w.test(key, "c.severity IN ('MCC', 'CC')"), nil
		case rule.NewTech, rule.DaySurgery: // its cases do not keep them
		}
	}
	return 0, fault.New(fault.Invalid, "oracle: %s is not for the oracle", a)
}

func (w *writer) number(key string) (int, bool) {
	if id, ok := w.atoms[key]; ok {
		return id, false
	}
	id := len(w.atoms)
	w.atoms[key] = id
	return id, true
}

func (w *writer) test(key, sql string) int {
	id, isNew := w.number(key)
	if isNew {
		w.tests = append(w.tests, fmt.Sprintf("    SELECT c.id, %d AS atom FROM graded c WHERE %s", id, sql))
	}
	return id
}

// query is the grouping of all cases at once.
func (w *writer) query(opt drg.Options) string {
	ops := map[drg.InvalidOp]string{
		drg.Keep: "SELECT o.id, o.pos, o.code FROM case_op o",
		// drop leading operations that do not count; what is first then is the principal one
		drg.Shift: `SELECT o.id, o.pos - f.first + 1 AS pos, o.code FROM case_op o
    JOIN (SELECT id, min(pos) AS first FROM case_op JOIN s_op_valid ON op = code GROUP BY id) f USING (id) WHERE o.pos >= f.first`,
		drg.Null: "SELECT o.id, o.pos, o.code FROM case_op o WHERE o.pos > 1 OR o.code IN (SELECT op FROM s_op_valid)",
	}[opt.InvalidOp]
	qy := "false"
	if opt.QY == drg.QYPrincipal {
		qy = "pop_valid"
	}
	return `WITH
-- operations after the rule for an invalid principal one
ops AS (` + ops + `),
-- severity: the highest complication of a secondary diagnosis that the principal's exclusion table does not strike out
complications AS (
    SELECT d.id, max(k.grade) AS grade
    FROM case_dx d
    JOIN (SELECT dx, excl_table, 2 AS grade FROM s_mcc UNION ALL SELECT dx, excl_table, 1 FROM s_cc) k ON k.dx = d.code
    JOIN case_dx p ON p.id = d.id AND p.pos = 1
    LEFT JOIN (SELECT DISTINCT principal_dx, excl_table FROM s_cce) x ON x.principal_dx = p.code
    WHERE d.pos > 1 AND (x.excl_table IS NULL OR x.excl_table <> k.excl_table)
    GROUP BY d.id
),
graded AS (
    SELECT c.*, CASE k.grade WHEN 2 THEN 'MCC' WHEN 1 THEN 'CC' ELSE 'NONE' END AS severity,
        EXISTS (SELECT 1 FROM ops o JOIN s_op_valid v ON v.op = o.code WHERE o.id = c.id AND o.pos = 1) AS pop_valid,
        CASE WHEN c.sex IS NULL OR c.sex NOT IN (1, 2) THEN 'SEX_MISSING' WHEN c.age_years IS NULL THEN 'AGE_MISSING'
            WHEN c.age_years = 0 AND c.age_days IS NULL THEN 'AGE_DAYS_MISSING'
            WHEN NOT EXISTS (SELECT 1 FROM case_dx d WHERE d.id = c.id) THEN 'NO_PDX' END AS precheck
    FROM cases c LEFT JOIN complications k USING (id)
),
lists AS (
    SELECT 'mdc ' || mdc AS list, dx AS code, true AS is_dx FROM s_mdc_dx
    UNION ALL SELECT adrg || ' ' || list_no, dx, true FROM s_adrg_dx
    UNION ALL SELECT adrg || ' ' || list_no, op, false FROM s_adrg_op
    UNION ALL SELECT 'valid', op, false FROM s_op_valid
),
facts AS (
    SELECT DISTINCT d.id, a.atom
    FROM o_atom_list a
    JOIN lists l ON l.list = a.list AND l.is_dx
    JOIN case_dx d ON d.code = l.code AND (a.pos = 'ANYDX' OR (a.pos = 'PDX' AND d.pos = 1) OR (a.pos = 'ODX' AND d.pos > 1))
    WHERE a.pos IN ('PDX', 'ANYDX', 'ODX')
    UNION
    SELECT DISTINCT o.id, a.atom
    FROM o_atom_list a
    JOIN lists l ON l.list = a.list AND NOT l.is_dx
    JOIN ops o ON o.code = l.code AND (a.pos = 'ANYOP' OR (a.pos = 'POP' AND o.pos = 1) OR (a.pos = 'OOP' AND o.pos > 1))
    WHERE a.pos IN ('POP', 'ANYOP', 'OOP')
    UNION ALL
` + strings.Join(w.tests, "\n    UNION ALL\n") + `
),
-- a term is met when all its wanted atoms are facts and none of the unwanted
met AS (
    SELECT f.id, t.kind, t.target, t.wild
    FROM facts f JOIN o_req r ON r.atom = f.atom JOIN o_term t ON t.term = r.term
    GROUP BY f.id, t.term, t.kind, t.target, t.wild, t.n_pos
    HAVING count(*) FILTER (NOT r.neg) = t.n_pos AND count(*) FILTER (r.neg) = 0
),
-- the first group in the order of category and group; a rule that only lacks the weight of a newborn ends the search
found AS (
    SELECT m.id, arg_min({'mdc': o.mdc, 'adrg': a.adrg, 'medical': a.medical, 'wild': h.wild}, o.ord * 100000 + a.ord * 2 + h.wild::INT) AS best
    FROM met m
    JOIN o_mdc o ON m.kind = 'gate' AND o.mdc = m.target
    JOIN o_adrg a ON a.mdc = o.mdc
    JOIN met h ON h.id = m.id AND h.kind = 'adrg' AND h.target = a.adrg
    JOIN cases c ON c.id = m.id
    WHERE NOT h.wild OR (c.age_years = 0 AND c.age_days <= 28 AND NOT coalesce(c.weight > 0, false))
    GROUP BY m.id
),
conditions AS (
    SELECT f.id, arg_min(d.drg, d.ord) AS drg
    FROM found f JOIN o_drg d ON d.adrg = f.best.adrg JOIN met h ON h.id = f.id AND h.kind = 'drg' AND h.target = d.drg
    GROUP BY f.id
),
closed AS (
    SELECT d.id, bool_or(o.sexed AND g.id IS NULL) AS sex, bool_or(o.aged AND g.id IS NULL) AS age, bool_or(g.id IS NOT NULL) AS passed,
        arg_min(o.mdc, o.ord) FILTER (g.id IS NOT NULL) AS first
    FROM case_dx d
    JOIN s_mdc_dx l ON l.dx = d.code
    JOIN o_mdc o ON o.mdc = l.mdc AND o.by_dx
    LEFT JOIN (SELECT DISTINCT id, target FROM met WHERE kind = 'gate') g ON g.id = d.id AND g.target = o.mdc
    WHERE d.pos = 1
    GROUP BY d.id
),
answer AS (
    SELECT g.id, g.severity, g.precheck, f.best AS best, k.drg, x.sex, x.age, x.passed, x.first, g.pop_valid,
        f.id IS NOT NULL AND NOT f.best.wild AND f.best.medical AND ` + qy + ` AS is_qy,
        f.id IS NULL AND coalesce(x.passed, false) AND ` + qy + ` AS is_late_qy
    FROM graded g LEFT JOIN found f USING (id) LEFT JOIN conditions k USING (id) LEFT JOIN closed x USING (id)
)
SELECT id,
    CASE WHEN precheck IS NOT NULL THEN '0000' WHEN is_late_qy THEN first WHEN best IS NULL OR best.wild THEN '0000' ELSE best.mdc END AS mdc,
    CASE WHEN precheck IS NOT NULL THEN '00' WHEN is_qy OR is_late_qy THEN 'QY' WHEN best IS NULL OR best.wild THEN '00' ELSE best.adrg END AS adrg,
    CASE WHEN precheck IS NOT NULL THEN '0000' WHEN is_qy THEN right(best.mdc, 1) || 'QY' WHEN is_late_qy THEN right(first, 1) || 'QY'
        WHEN best IS NULL OR best.wild THEN '0000' ELSE coalesce(drg, '0000') END AS drg,
    CASE WHEN precheck IS NOT NULL OR is_qy OR best IS NULL OR best.wild THEN '' ELSE severity END AS severity,
    CASE WHEN precheck IS NOT NULL THEN precheck WHEN is_qy OR is_late_qy THEN 'QY_UNRELATED_OP' WHEN best IS NOT NULL AND best.wild THEN 'WEIGHT_MISSING'
        WHEN best IS NOT NULL AND drg IS NULL THEN 'NO_DRG_CONDITION' WHEN best IS NOT NULL THEN '' WHEN passed THEN 'NO_ADRG' WHEN sex THEN 'SEX_CONFLICT' WHEN age THEN 'AGE_GATE_MDCP'
        ELSE 'PDX_NOT_IN_ANY_MDC' END AS reason
FROM answer ORDER BY id`
}
