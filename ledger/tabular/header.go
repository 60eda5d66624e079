package tabular

// A header says what a table is: the report, the version of its columns, and what it was asked for.

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what the values of a column are. The zero value is none.
type Kind uint8

// The kinds of columns.
const (
	// KindText is text. An empty text and no value are the same.
	KindText Kind = iota + 1
	// KindNumber is a whole number that is not money.
	KindNumber
	// KindAmount is money in the currency that another column of the row names.
	KindAmount
	// KindDate is a calendar day.
	KindDate
	// KindTime is an instant, in UTC, to the microsecond.
	KindTime
	// KindBool is true or false.
	KindBool
)

var kindNames = [...]string{"", "text", "number", "amount", "date", "time", "bool"}

// String returns the kind as files write it, such as "amount".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// MarshalText returns the kind as files write it.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes. It returns ErrUnreadable for anything else.
func (k *Kind) UnmarshalText(b []byte) error {
	i := slices.Index(kindNames[:], string(b))
	if i < 1 {
		return ErrUnreadable
	}
	*k = Kind(i)
	return nil
}

// Column is one column. Programs know it by its name, which is never given another meaning within a schema.
type Column struct {
	// Name is in snake case: ^[a-z][a-z0-9_]{0,62}$. The name "end" is taken by the last line of JSON lines.
	Name string `json:"name"`
	// Title is for people and may be in any language. It is the heading in XLSX; without it the name is.
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
	// Currency is the name of the text column that holds the currency of an amount. Only amounts have it, and all have it.
	Currency string `json:"currency,omitempty"`
	// Sum asks for the totals of an amount, per currency, in the manifest.
	Sum bool `json:"sum,omitempty"`
}

// Parameter is one thing the report was asked for, such as the ledger sequence up to which it looks.
type Parameter struct {
	// Name is in snake case, as that of a column.
	Name string `json:"name"`
	// Value has at most 1,000 bytes.
	Value string `json:"value"`
}

// Dialect is how CSV is written. The zero value is what a program reads best: commas, no byte order mark, no trailer.
type Dialect struct {
	// Separator is "," or ";" or a TAB; "" is ",". Spreadsheets of countries that write 1,50 expect ";".
	Separator string `json:"separator,omitempty"`
	// Mark begins the file with a byte order mark, without which Excel takes UTF-8 for something else.
	Mark bool `json:"mark,omitempty"`
	// Trailer ends the file with a record by which a file that was cut is known without its manifest.
	Trailer bool `json:"trailer,omitempty"`
}

// Header is everything a table says besides its rows.
type Header struct {
	// Report names the kind of table; like Book it is a code, ^[a-z0-9][a-z0-9_-]{0,62}$, so that both fit a file name.
	Report string
	// Schema is the version of the columns, from 1. Other columns, or another meaning of one, are another version.
	Schema int
	// Book is the code of the book.
	Book string
	// Title is for people. It has at most 200 bytes.
	Title string
	// Columns are at least 1 and at most 256.
	Columns []Column
	// Parameters are at most 64, each name once.
	Parameters []Parameter
	// RightToLeft turns the sheets of XLSX round, for readers of Arabic.
	RightToLeft bool
	// CSV is the dialect of CSV and means nothing to the other formats.
	CSV Dialect
}

// Bounds of a table.
const (
	maxColumns    = 256
	maxParameters = 64
	maxTitle      = 200
	maxParameter  = 1000
)

// FileName returns the name of a file with the table, such as "general_journal-uk-v1.csv". Whatever the header holds, the name
// has only letters, digits, underscores and hyphens, and one point: no path and no line break ends up in it.
func (h Header) FileName(f Format) string {
	return fileCode(h.Report) + "-" + fileCode(h.Book) + fmt.Sprintf("-v%d.", h.Schema) + fileCode(string(f))
}

func fileCode(s string) string {
	if code(s) {
		return s
	}
	return "unnamed"
}

// plan is a header that was checked, with what the writer looks up for every row.
type plan struct {
	Header
	// currency is for each column the place of the column with its currency, or -1.
	currency []int
	titles   []string
}

// newPlan checks a header and makes its texts harmless to every format.
func newPlan(h Header) (*plan, error) {
	p := &plan{Header: h}
	p.Columns, p.Parameters = slices.Clone(h.Columns), slices.Clone(h.Parameters)
	p.Title = clean(p.Title)
	if p.CSV.Separator == "" {
		p.CSV.Separator = ","
	}
	switch {
	case !code(p.Report) || !code(p.Book):
		return nil, defect("the report or the book is not a code")
	case p.Schema < 1:
		return nil, defect("the schema is not 1 or more")
	case len(p.Columns) < 1 || len(p.Columns) > maxColumns:
		return nil, defect("there are %d columns; 1 to %d are possible", len(p.Columns), maxColumns)
	case len(p.Title) > maxTitle:
		return nil, defect("the title is too long")
	case !slices.Contains([]string{",", ";", "\t"}, p.CSV.Separator):
		return nil, defect("the separator is not possible")
	}
	if err := p.checkColumns(); err != nil {
		return nil, err
	}
	return p, p.checkParameters()
}

func (p *plan) checkColumns() error {
	places := map[string]int{}
	for i := range p.Columns {
		c := &p.Columns[i]
		c.Title = clean(c.Title)
		if _, twice := places[c.Name]; twice || !snake(c.Name) || c.Name == "end" || len(c.Title) > maxTitle || c.Kind < KindText || c.Kind > KindBool {
			return defect("column %d has no possible name, title or kind, or the name of another one", i+1)
		}
		places[c.Name] = i
		p.titles = append(p.titles, c.Title)
		if c.Title == "" {
			p.titles[i] = c.Name
		}
	}
	for _, c := range p.Columns {
		at := -1
		if c.Kind == KindAmount {
			place, ok := places[c.Currency]
			if !ok || p.Columns[place].Kind != KindText {
				return defect("the amount %s has no text column with its currency", c.Name)
			}
			at = place
		} else if c.Currency != "" || c.Sum {
			return defect("only amounts have a currency and a sum; %s is none", c.Name)
		}
		p.currency = append(p.currency, at)
	}
	return nil
}

func (p *plan) checkParameters() error {
	if len(p.Parameters) > maxParameters {
		return defect("there are more than %d parameters", maxParameters)
	}
	seen := map[string]bool{}
	for i := range p.Parameters {
		q := &p.Parameters[i]
		q.Value = clean(q.Value)
		if seen[q.Name] || !snake(q.Name) || len(q.Value) > maxParameter {
			return defect("parameter %d has no possible name or value, or the name of another one", i+1)
		}
		seen[q.Name] = true
	}
	return nil
}

// adopt takes from a file what the reader could not know before: the book if none was asked for, the title, the titles of the
// columns, and the parameters. What makes it this table must be as expected, or it returns ErrOther.
func (p *plan) adopt(file Header) (*plan, error) {
	same := slices.EqualFunc(p.Columns, file.Columns, func(a, b Column) bool {
		return a.Name == b.Name && a.Kind == b.Kind && a.Currency == b.Currency && a.Sum == b.Sum
	})
	if p.Report != file.Report || p.Schema != file.Schema || p.Book != file.Book || !same {
		return nil, ErrOther
	}
	file.CSV = p.CSV
	q, err := newPlan(file)
	if err != nil {
		return nil, ErrUnreadable
	}
	return q, nil
}

// code reports whether s may name a report or a book.
func code(s string) bool {
	return s != "" && len(s) <= 63 && s[0] != '_' && s[0] != '-' && onlyCode(s)
}

func onlyCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// snake reports whether s may name a column.
func snake(s string) bool {
	return s != "" && len(s) <= 63 && s[0] >= 'a' && s[0] <= 'z' && onlyCode(s) && !strings.Contains(s, "-")
}
