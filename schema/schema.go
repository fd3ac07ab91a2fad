// Package schema says what the tables of the lake are: one data contract a file, with the meaning, type, unit, code
// system and sensitivity of each column, the checks that a row must pass, and by which columns a row belongs to
// someone. It opens no lake and runs nothing: ingest compiles contracts to SQL, queries resolves columns by them.
package schema

import (
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// The first state of tables/ came from a catalogue of columns: SANYI_CATALOGUE=…/contracts.csv go generate ./schema
//go:generate go run ./internal/contracts ${SANYI_CATALOGUE} tables

// Text is a title or sentence for people, in Chinese and English.
type Text struct {
	ZH string `yaml:"zh"`
	EN string `yaml:"en"`
}

// Kinds of tables.
const (
	Dim     = "dim"     // a dictionary or master table, usually with versions (valid_from, valid_to)
	Fact    = "fact"    // events, stocks and months; carries the lineage columns
	Derived = "derived" // written by the product itself inside a publication
)

// Viewpoints from which a region looks at a row.
const (
	Care      = "care"      // where care was given (the organisation's region)
	Insured   = "insured"   // where the person is insured
	Residence = "residence" // where the person lives
)

// Table is one data contract.
type Table struct {
	Name      string   `yaml:"table"`
	Title     Text     `yaml:"title"`
	Kind      string   `yaml:"kind"`       // Dim, Fact or Derived
	Grain     string   `yaml:"grain"`      // what one row is, in words
	Basis     string   `yaml:"basis"`      // the standard or extract whose shape this is
	Version   string   `yaml:"version"`    // contract version, stored with each row as _contract_ver
	EventDate string   `yaml:"event_date"` // DATE column (or VARCHAR 'YYYY-MM' column) whose month partitions the table; "" = unpartitioned
	Clock     string   `yaml:"clock"`      // TIMESTAMP column that gives EventDate its time of day; "" = whole days
	ValidFrom string   `yaml:"valid_from"` // first day of a version (versioned dimensions)
	ValidTo   string   `yaml:"valid_to"`   // end of a version, exclusive; null = still valid
	Key       []string `yaml:"key"`        // primary key of a row
	Sort      []string `yaml:"sort"`       // order of rows in a file
	Parent    string   `yaml:"parent"`     // table whose record this table's rows are children of
	BadChild  string   `yaml:"bad_child"`  // what a bad child row sets aside: "child" or "record"
	Mode      string   `yaml:"mode"`       // what a column of the file that nothing names does: "" (is left out), Evolve or Freeze
	Scope     Scope    `yaml:"scope"`
	// CompletenessOf names the table whose deliveries say how complete this one is: for tables that the product derives.
	CompletenessOf string `yaml:"completeness_of"`
	// Choice is set where rows of several methods stand beside each other, of which a figure counts one.
	Choice *Choice `yaml:"choice"`
	// Roles lets a question say dept, org, region, physician … whatever the table calls that column.
	Roles   map[string]string `yaml:"roles"`
	Columns []Column          `yaml:"columns"`
	Checks  []Check           `yaml:"checks"` // a check that is about one column names it
	// Replaces names the table that this contract redefines: an overlay must say so, a new table must not.
	Replaces string `yaml:"replaces"`

	File string `yaml:"-"` // where the contract was read from, for messages
	Text string `yaml:"-"` // the contract's text as read: stored (with its hash) in each publication that used it

	byName map[string]int
}

// Scope says by which columns a row belongs to someone. A region viewpoint is a column of this table, or
// "via dim_org" where the organisation's region decides.
type Scope struct {
	Org    string            `yaml:"org"`    // organisation column; "" = rows belong to no organisation
	Region map[string]string `yaml:"region"` // viewpoint → column name or "via dim_org"
	Public bool              `yaml:"public"` // dictionaries: everybody may see every row
}

// Choice says which rows of a table count where the same thing is there several times, computed by several methods
// (grouping schemes, settlement parameters): those whose Column is what the question chose under Name, or, where it chose
// nothing, those whose Otherwise is true.
type Choice struct {
	Name      string `yaml:"name"`      // what a question calls it: scheme, params
	Column    string `yaml:"column"`    // VARCHAR
	Otherwise string `yaml:"otherwise"` // BOOLEAN
	Meaning   string `yaml:"meaning"`   // which one counts, in the words that every figure of the table adds to its own
}

// Column is one column of a contract.
type Column struct {
	ID          int       `yaml:"id"` // Iceberg field id: never changed, never used again for another column
	Name        string    `yaml:"name"`
	Title       Text      `yaml:"title"`
	Type        expr.Type `yaml:"type"`
	Unit        string    `yaml:"unit"`
	Codes       string    `yaml:"codes"` // code system, e.g. "GB/T 2260"; names a list of datasets/dict where there is one
	Required    bool      `yaml:"required"`
	Ref         string    `yaml:"ref"`         // table that this column refers to by its key
	Sensitivity string    `yaml:"sensitivity"` // I direct identifier, Q quasi identifier, H health, M personal money, O operational, P public
	Pseudonym   bool      `yaml:"pseudonym"`   // a keyed hash replaces the value before the first write, in every way of loading
	Dimension   bool      `yaml:"dimension"`   // may group figures although it is Q, H or M
	Mode        string    `yaml:"mode"`        // what a bad value does: "" or DiscardRow, or DiscardValue
	Source      string    `yaml:"source"`      // field of the official extract
	Checks      []Check   `yaml:"checks"`
}

// Modes of a table, about columns of a file that neither the source nor the contract names.
const (
	Evolve = "evolve" // they are left out, and reported: a warning and a row of fact_dq_result
	Freeze = "freeze" // the file is refused
)

// Modes of a column, about a bad value.
const (
	DiscardRow   = "discard_row"   // the record is set aside, as where no mode is given
	DiscardValue = "discard_value" // the value is left out, the record is loaded, the finding counted
)

// Severities of a check.
const (
	Error   = "error"   // the row is set aside
	Warning = "warning" // the row is loaded and the finding counted
)

// Check is one rule that a row keeps. Expr is true (or null) for a good row.
type Check struct {
	ID       string    `yaml:"id"`
	Column   string    `yaml:"column"` // what the finding points at; "" = the row
	Severity string    `yaml:"severity"`
	Expr     string    `yaml:"expr"`
	Message  Text      `yaml:"message"` // a sentence a hospital can act on; never a cell value
	Parsed   expr.Node `yaml:"-"`
}

// Column finds a column by name.
func (t *Table) Column(name string) (*Column, bool) {
	i, ok := t.byName[name]
	if !ok {
		return nil, false
	}
	return &t.Columns[i], true
}

// Set is every contract in force: the shipped ones and those that overlays add.
type Set struct {
	tables map[string]*Table
	names  []string // sorted
}

// Table finds a contract by table name.
func (s *Set) Table(name string) (*Table, bool) {
	t, ok := s.tables[name]
	return t, ok
}

// Tables lists all contracts, sorted by name.
func (s *Set) Tables() []*Table {
	out := make([]*Table, 0, len(s.names))
	for _, n := range s.names {
		out = append(out, s.tables[n])
	}
	return out
}
