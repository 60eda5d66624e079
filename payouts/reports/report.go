package reports

import (
	"context"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/tabular"
)

// A report is a value: what it is called, what it means, what it is asked for, what its columns are, and how its rows are found.

var (
	// ErrReportUnknown means that there is no report of this name.
	ErrReportUnknown = fault.New(fault.Invalid, "report-unknown", "There is no such report. Look up the list of reports.")
	// ErrReportLarge means that a sum of a report does not fit an amount.
	ErrReportLarge = fault.New(fault.TooLarge, "report-amount-large",
		"A sum of this report is larger than an amount can say. Ask for it by account, or for a shorter period.")
)

// Report is one report.
type Report struct {
	// Name is what programs call it, in snake case.
	Name string `json:"name"`
	// Title is its name for people, and Meaning what it says, in a sentence or two.
	Title   string `json:"title"`
	Meaning string `json:"meaning"`
	// Schema is the version of its columns, from 1.
	Schema int `json:"schema"`
	// Parameters are what it may be asked for; there are no others.
	Parameters []Parameter `json:"parameters"`
	// Columns are those of its rows, in order.
	Columns []tabular.Column `json:"columns"`

	// check says whether parameters, each good for itself, are good together; nil if they always are.
	check func(p Values) error
	// rows hands all rows of the question to yield, in one order that follows from the rows. It reads in pages, and only what
	// was recorded up to the question's place; it ends with yield's error.
	rows func(ctx context.Context, q *Query, yield func(tabular.Row) error) error
}

// Query is a report as it was asked for, at one place of a book.
type Query struct {
	Book ledger.Book
	// AtSequence is the last transaction that counts, AtStep the last step of breaks that does.
	AtSequence, AtStep int64
	// AskedAt is when it was asked for: what others said later of the book does not count.
	AskedAt time.Time
	// Values are the parameters, all of them good.
	Values

	s *Service
}

// Reports returns all reports, in the order of the handbook. The slice belongs to the caller.
func Reports() []Report { return slices.Concat(ledgerReports(), businessReports()) }

// find returns the report of a name, or ErrReportUnknown.
func find(name string) (Report, error) {
	for _, r := range Reports() {
		if r.Name == name {
			return r, nil
		}
	}
	return Report{}, ErrReportUnknown
}

// Columns in the words of the package tabular.

func textColumn(name, title string) tabular.Column {
	return tabular.Column{Name: name, Title: title, Kind: tabular.KindText}
}

func numberColumn(name, title string) tabular.Column {
	return tabular.Column{Name: name, Title: title, Kind: tabular.KindNumber}
}

func dateColumn(name, title string) tabular.Column {
	return tabular.Column{Name: name, Title: title, Kind: tabular.KindDate}
}

func timeColumn(name, title string) tabular.Column {
	return tabular.Column{Name: name, Title: title, Kind: tabular.KindTime}
}

func boolColumn(name, title string) tabular.Column {
	return tabular.Column{Name: name, Title: title, Kind: tabular.KindBool}
}

// amountColumn is an amount in the currency of the column "currency", which is not added up.
func amountColumn(name, title string) tabular.Column {
	return tabular.Column{Name: name, Title: title, Kind: tabular.KindAmount, Currency: "currency"}
}

// sumColumn is an amount in the currency of the column "currency", whose totals stand in the manifest.
func sumColumn(name, title string) tabular.Column {
	return tabular.Column{Name: name, Title: title, Kind: tabular.KindAmount, Currency: "currency", Sum: true}
}

// sides are an amount, a debit positive, as a debit and a credit, of which one is empty.
func sides(amount money.Minor, c money.Currency) (debit, credit tabular.Value) {
	switch {
	case amount > 0:
		return tabular.Money(amount, c), tabular.Empty()
	case amount < 0:
		return tabular.Empty(), tabular.Money(-amount, c)
	}
	return tabular.Empty(), tabular.Empty()
}

// periodValue is a month such as 2026-11, or empty.
func periodValue(p ledger.Period) tabular.Value { return tabular.Text(p.String()) }
