package journal

// A journal is what a book recorded, from its first transaction to a chosen one. Amounts here are signed, debit positive,
// as the tools that read journals expect them.

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

var (
	// ErrFormat means that a format is none of Formats.
	ErrFormat = fault.New(fault.Invalid, "journal-format", "The format is not known. Choose hledger, beancount, csv or jsonl.")
	// ErrBroken means that what was given is no journal: a transaction is missing, comes twice or out of order, or has an
	// amount without meaning. Nothing may rely on the file.
	ErrBroken = fault.New(fault.Conflict, "journal-broken",
		"The journal came with a gap or out of order. Do not use the file: export again, and if it happens twice tell the operator to verify the book.")
	// ErrUntied means that the entries do not come to the turnover of the accounts. Nothing may rely on the file.
	ErrUntied = fault.New(fault.Conflict, "journal-untied",
		"The entries do not add up to what the accounts show. Do not use the file, and tell the operator to verify the book.")
)

// Format is a way of writing a journal. The zero value is invalid.
type Format string

// The formats. The handbook's page on audits describes each.
const (
	Hledger   Format = "hledger"
	Beancount Format = "beancount"
	CSV       Format = "csv"
	JSONL     Format = "jsonl"
)

// Formats returns every format.
func Formats() []Format { return []Format{Hledger, Beancount, CSV, JSONL} }

// ParseFormat accepts the name of a format, or returns ErrFormat.
func ParseFormat(s string) (Format, error) {
	if !slices.Contains(Formats(), Format(s)) {
		return "", ErrFormat
	}
	return Format(s), nil
}

// Head says which journal is written.
type Head struct {
	// Book is the book's code, Name its name for people.
	Book, Name string
	// TimeZone is where the book's accounting periods begin and end.
	TimeZone string
	// Currencies are all the book posts in, the functional one being Functional.
	Currencies []money.Currency
	Functional money.Currency
	// UpTo is the sequence of the last transaction, 0 for a book without any, and LastRecordedAt when it was recorded.
	UpTo           int64
	LastRecordedAt time.Time
}

// Account is one account in one currency, with its turnover from the first transaction to the last of the journal, in
// minor units.
type Account struct {
	Address         string
	Currency        money.Currency
	Debits, Credits *big.Int
}

// Transaction is a recorded transaction. Empty texts and nil maps are what it does not have.
type Transaction struct {
	ID                                      string
	Sequence                                int64
	Reference, Event, Subject               string
	OccurredAt, RecordedAt                  time.Time
	Period, EffectivePeriod, OriginalPeriod string
	LiveSession, Channel, Campaign, Memo    string
	Metadata                                map[string]string
	Reverses, Reposts                       string
	ContentHash                             string
	Entries                                 []Entry
	// JSON is the transaction as the API answers it. Only JSONL needs it.
	JSON []byte
}

// Entry is a line of a transaction.
type Entry struct {
	Line     int
	Account  string
	Currency money.Currency
	// Amount and BalanceAfter are in minor units, debit positive whatever the account's normal side is.
	Amount, BalanceAfter money.Minor
	// AccountVersion counts the account's entries, 1, 2, 3 … without gaps.
	AccountVersion int64
	ExternalRef    string
}

// title is what the transaction is called in one line: what happened, and to what.
func (t *Transaction) title() string {
	if t.Subject == "" {
		return t.Event
	}
	return t.Event + " " + t.Subject
}

// note is a named text about a transaction.
type note struct{ name, value string }

// notes returns what a transaction says about itself besides its date, title and entries, and leaves out what is empty, and
// the effective period where it is the period. Metadata follow separately, because their names are the caller's.
func (t *Transaction) notes() []note {
	effective := t.EffectivePeriod
	if effective == t.Period {
		effective = ""
	}
	all := []note{
		{"reference", t.Reference}, {"period", t.Period}, {"effective_period", effective}, {"original_period", t.OriginalPeriod},
		{"occurred", instant(t.OccurredAt)}, {"recorded", instant(t.RecordedAt)}, {"live_session", t.LiveSession}, {"channel", t.Channel},
		{"campaign", t.Campaign}, {"memo", t.Memo}, {"reverses", t.Reverses}, {"reposts", t.Reposts}, {"hash", t.ContentHash},
	}
	return slices.DeleteFunc(all, func(n note) bool { return n.value == "" })
}

// metadata returns the metadata in order of the keys.
func (t *Transaction) metadata() []note {
	all := make([]note, 0, len(t.Metadata))
	for name, value := range t.Metadata {
		all = append(all, note{name, value})
	}
	slices.SortFunc(all, func(a, b note) int { return strings.Compare(a.name, b.name) })
	return all
}

// instant writes a time as the API does: UTC with microseconds.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// day writes the date of a time in UTC. Recorded times never run backwards and so neither do these dates, which those of
// the book's own zone might: some zones set the clock back at midnight.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
