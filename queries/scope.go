// Package queries says what can be asked: measures and indicators as data files, and the compiler that turns an
// indicator, a request and a Scope into SQL of a dialect. It names tables, never files; it opens and runs nothing.
package queries

import "cmp"

// Scope is whose rows a question may count. The zero Scope sees nothing (it compiles to WHERE FALSE). It confines the
// rows that are counted; a measure that declares looks_across: person may look beyond it without counting there.
type Scope struct {
	whole   bool
	why     string
	orgs    []string
	regions []string // prefixes of GB/T 2260 codes
	pinned  string   // the only viewpoint from which regions may look; "" = each question's
}

// WholeLake is the Scope of somebody who stands inside the machine room; why is written to the audit log.
func WholeLake(why string) Scope { return Scope{whole: true, why: why} }

// Organisations is a Scope of some organisations, by organisation code.
func Organisations(codes ...string) Scope { return Scope{orgs: codes} }

// Regions is a Scope of some regions: GB/T 2260 codes, each standing for itself and all below it (a trailing 00 pair
// is a wildcard: 340100 covers 340123). Which of a row's regions counts is the indicator's viewpoint.
func Regions(codes ...string) Scope { return Scope{regions: codes} }

// Pinned lets the regions of a Scope look from one viewpoint alone: an insurance bureau counts its insured, wherever
// they were treated, and not the patients of its hospitals. A question from another viewpoint is refused: it would be
// another number under the same name.
func (s Scope) Pinned(viewpoint string) Scope {
	s.pinned = viewpoint
	return s
}

// looksFrom reports whether a Scope may count from a viewpoint.
func (s Scope) looksFrom(viewpoint string) bool {
	return s.whole || len(s.regions) == 0 || s.pinned == "" || s.pinned == viewpoint
}

// Union adds another Scope's rows. What one of them is pinned to, the union is.
func (s Scope) Union(o Scope) Scope {
	return Scope{
		whole: s.whole || o.whole, why: s.why + o.why,
		orgs: append(append([]string(nil), s.orgs...), o.orgs...), regions: append(append([]string(nil), s.regions...), o.regions...),
		pinned: cmp.Or(s.pinned, o.pinned),
	}
}
