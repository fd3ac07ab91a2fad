// Package ingest answers how a row got into the lake. It takes the files that hospitals, bureaus and platforms send,
// tells whose they are and of which day, reads them record by record, maps and checks them by data files (sources) and
// contracts, sets aside what is bad, replaces identifiers by keyed pseudonyms, writes Parquet, and publishes the whole
// of it at once with an account of every record. It knows no single extract by name: a source is a YAML file. It does
// not answer questions, and it never changes a row that is in the lake: a delivery is replaced as a whole.
package ingest

import (
	"regexp"

	"github.com/sanyi-lake/sanyi/schema"
	"github.com/sanyi-lake/sanyi/schema/expr"
)

// Source is one extract layout: ingest/sources/README.md describes every field.
type Source struct {
	ID       string      `yaml:"id"`
	Title    schema.Text `yaml:"title"`
	Meaning  string      `yaml:"meaning"`
	Basis    string      `yaml:"basis"`
	Version  string      `yaml:"version"`
	Replaces string      `yaml:"replaces"`

	Format   string   `yaml:"format"`
	CSV      CSV      `yaml:"csv"`
	JSON     JSON     `yaml:"json"`
	Null     []string `yaml:"null"`
	Encoding string   `yaml:"encoding"`
	Timezone string   `yaml:"timezone"`

	Files    []string `yaml:"files"`
	Delivery Identity `yaml:"delivery"`
	Expects  Expects  `yaml:"expects"`
	Gate     Gate     `yaml:"gate"`

	Columns  Headers                      `yaml:"columns"`
	Numbers  Numbers                      `yaml:"numbers"`
	Dates    []string                     `yaml:"dates"`
	Booleans Booleans                     `yaml:"booleans"`
	Maps     map[string]map[string]string `yaml:"maps"`

	Ignore []Rule  `yaml:"ignore"`
	Tables []Table `yaml:"tables"`

	File string `yaml:"-"` // where it was read from, for messages
	Text string `yaml:"-"` // as read: stored with each publication that used it

	perFile  bool // --table without --org and --date: each file is a delivery of its own
	byTable  bool // --table: the file names say the format
	patterns []*regexp.Regexp
	columns  map[string]*sourceColumn // by folded name: every column that a mapping names
	order    []*sourceColumn
}

// CSV says how delimited text is written.
type CSV struct {
	Delimiter  string   `yaml:"delimiter"`
	Quote      *string  `yaml:"quote"`
	Escape     string   `yaml:"escape"`
	Comment    string   `yaml:"comment"`
	Header     *bool    `yaml:"header"`
	Columns    []string `yaml:"columns"`
	Skip       int      `yaml:"skip"`
	Trim       *bool    `yaml:"trim"`
	Null       []string `yaml:"null"`
	LazyQuotes bool     `yaml:"lazy_quotes"`
	Decimal    string   `yaml:"decimal"` // the same as numbers.decimal
}

// JSON says where the records of a JSON document are.
type JSON struct {
	Records string `yaml:"records"`
}

// Identity says whose delivery a file belongs to.
type Identity struct {
	Org    From   `yaml:"org"`
	Date   From   `yaml:"date"`
	Files  string `yaml:"files"`  // one (default) or many
	Keep   string `yaml:"keep"`   // all (default) or latest
	Covers Covers `yaml:"covers"` // for whom the delivery says "nothing happened"
}

// From says where an organisation or a business date comes from: exactly one field is given.
type From struct {
	File   string `yaml:"file"`
	Format string `yaml:"format"`
	Column string `yaml:"column"`
	Take   string `yaml:"take"` // only (default), min, max
	Const  string `yaml:"const"`
	Arg    bool   `yaml:"arg"`
	None   bool   `yaml:"none"`
}

// Covers is "delivery", "rows" or a list of organisations from a table.
type Covers struct {
	Kind string // delivery, rows, table
	Orgs Orgs
}

// Orgs is a list of organisation codes, or those of a table.
type Orgs struct {
	List  []string `yaml:"-"`
	Table string   `yaml:"table"`
	Where Expr     `yaml:"where"`
}

// Expects says who must deliver, how often and until when.
type Expects struct {
	Orgs    Orgs   `yaml:"orgs"`
	Cadence string `yaml:"cadence"` // daily, weekly, monthly; "" = nothing is expected
	Due     string `yaml:"due"`     // T+1 08:00
}

// Gate keeps a whole delivery out.
type Gate struct {
	MaxQuarantinedShare *float64 `yaml:"max_quarantined_share"`
	MinRecords          int64    `yaml:"min_records"`
}

// Headers says what a file's columns are called.
type Headers struct {
	Required []string            `yaml:"required"`
	Aliases  map[string][]string `yaml:"aliases"`
	Extra    string              `yaml:"extra"` // allow (default) or refuse
}

// Numbers says how numbers are written.
type Numbers struct {
	Decimal   string `yaml:"decimal"`
	Thousands string `yaml:"thousands"`
}

// Booleans are the words for true and false.
type Booleans struct {
	True  []string `yaml:"true"`
	False []string `yaml:"false"`
}

// Rule leaves records out by name.
type Rule struct {
	ID    string      `yaml:"id"`
	When  Expr        `yaml:"when"`
	Title schema.Text `yaml:"title"`

	node expr.Node
}

// Table is what a record becomes in one table.
type Table struct {
	Table   string   `yaml:"table"`
	Each    *Each    `yaml:"each"`
	When    Expr     `yaml:"when"`
	Columns Mapping  `yaml:"columns"`
	Lacks   []string `yaml:"lacks"`

	contract *schema.Table
	branches []branch
}

// Each makes children: one per n of a repeat, or one per element of a JSON array.
type Each struct {
	Repeat *Repeat  `yaml:"repeat"`
	JSON   string   `yaml:"json"`
	Fields []string `yaml:"fields"`
}

// Repeat is a range of numbers, both ends included.
type Repeat struct {
	From int `yaml:"from"`
	To   int `yaml:"to"`
}

// Expr is the text of an expression and where it stands.
type Expr struct {
	Text string
	Line int
	Col  int
}

// Assign gives one column of a contract its expression.
type Assign struct {
	Column string
	Line   int
	Expr   Expr
}

// Mapping is the columns of a table, in the order they were written.
type Mapping []Assign

// sourceColumn is one column of the extract that a mapping names.
type sourceColumn struct {
	name     string // canonical, as the source writes it
	sql      string // its column in the SQL pass: c0, c1, …
	required bool
}

func (e Expr) at(file string) expr.Pos { return expr.Pos{File: file, Line: e.Line, Col: e.Col} }
