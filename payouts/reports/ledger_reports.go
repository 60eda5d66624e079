package reports

import (
	"slices"
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/tabular"
)

// The reports of the ledger itself.

func ledgerReports() []Report {
	return slices.Concat([]Report{trialBalance()}, generalReports(), []Report{generalJournal()}, lateReports())
}

// transactionID is the public id of a transaction of the book.
func (q *Query) transactionID(sequence int64) tabular.Value {
	return tabular.Text(ledger.TransactionID(q.Book.Code, sequence))
}

// accountCode is the code of a row of the chart, which other systems map by, and so not a number.
func accountCode(code int) tabular.Value { return tabular.Text(strconv.Itoa(code)) }

// day is the day of an instant in the time zone of the book.
func (q *Query) day(at time.Time) tabular.Value { return tabular.Day(at.In(q.Book.Location())) }
