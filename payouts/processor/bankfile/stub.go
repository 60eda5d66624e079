package bankfile

import (
	"io"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Format is how a bank takes files.
type Format string

// The formats.
const (
	Pain001 Format = "pain.001.001.09"
	NACHA   Format = "nacha"
)

// Debtor is the company's own account and how the bank knows it.
type Debtor struct {
	Format     Format
	Currency   money.Currency
	Name       string
	Account    string
	Bank       string
	Originator string
	BankName   string
	Country    string
	Urgent     bool
}

// Check says what is wrong with it.
func (d Debtor) Check() error { return nil }

// Creditor is where one payment goes.
type Creditor struct {
	Name, Account, Bank, Country string
	Company                      bool
}

// CheckCreditor says whether it can be paid.
func (d Debtor) CheckCreditor(c Creditor) error { return nil }

// Line is one payment of a file.
type Line struct {
	EndToEnd, Reference string
	Amount              money.Minor
	Creditor            Creditor
}

// File is what is sent to the bank.
type File struct {
	Number    int64
	MessageID string
	MadeAt    time.Time
	ExecuteOn time.Time
	Lines     []Line
}

// Totals are the control totals.
type Totals struct {
	Lines     int
	Sum       money.Minor
	EntryHash int64
	Traces    []string
}

// Write writes the file.
func (d Debtor) Write(w io.Writer, f File) (Totals, error) { return Totals{}, nil }

// Status is what a bank says of a payment.
type Status string

// The statuses.
const (
	StatusAccepted Status = "accepted"
	StatusSettled  Status = "settled"
	StatusRejected Status = "rejected"
	StatusReturned Status = "returned"
	StatusPartial  Status = "partial"
	StatusOther    Status = "other"
)

// Report is what a bank answers.
type Report struct {
	Format    string
	MessageID string
	CreatedAt time.Time
	Original  string
	Group     Status
	Count     int
	Sum       money.Minor
	Counted   bool
	Items     []Item
}

// Item is what it says of one payment.
type Item struct {
	EndToEnd, Trace string
	Status          Status
	Code            string
	Amount          money.Minor
	Currency        money.Currency
	On              time.Time
	Correction      bool
}

// ReadReport reads a report.
func ReadReport(r io.Reader, format Format) (Report, error) { return Report{}, nil }

// ReasonWord is the sentence for a code.
func ReasonWord(code string) string { return "" }

// Permanent reports whether the account is wrong.
func Permanent(code string) bool { return false }

// BankingDay is the first banking day.
func BankingDay(day time.Time) time.Time { return day }

func bic(s string) bool       { return len(s) == 8 || len(s) == 11 }
func looksIBAN(s string) bool { return len(s) > 14 && s[0] >= 'A' && s[1] >= 'A' && s[2] <= '9' && s[3] <= '9' }

// ErrFile means that a file cannot be written.
var ErrFile = fault.New(fault.Invalid, "bankfile-file", "x")
