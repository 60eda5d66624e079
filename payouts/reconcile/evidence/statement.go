// A statement is what a bank says about one account for some days: the balance before, the booked movements, the balance
// after. Read is the one way in.

package evidence

import (
	"time"

	"mizan/ledger/money"
)

const (
	// MaxBytes is the size of the largest file that is read.
	MaxBytes = 16 << 20
	// MaxLines is how many lines a file may have in all its statements, the parts of lines counted too.
	MaxLines = 100_000
	// MaxStatements is how many statements a file may have.
	MaxStatements = 10_000
)

// Format names how a bank writes its statements.
type Format string

// The formats that are read.
const (
	// CAMT053 is ISO 20022 camt.053 of any version.
	CAMT053 Format = "camt.053"
	// CSV is whatever a bank's web page exports; a Profile says what its columns mean.
	CSV Format = "csv"
	// BAI2 is the cash management format of banks in the United States, version 2.
	BAI2 Format = "bai2"
	// MT940 is the SWIFT customer statement.
	MT940 Format = "mt940"
)

// Formats returns every format that is read.
func Formats() []Format { return []Format{CAMT053, CSV, BAI2, MT940} }

// Statement is one account's statement in one currency. If Proved is set, Opening and the amounts of Lines make Closing.
type Statement struct {
	// ID is the bank's id of the statement: Id of camt.053; :20:, :28C: and the day of mt940; the originator and day of a
	// bai2 group; the profile and the days of a CSV file. It need not be unique among accounts.
	ID string
	// Sequence is the bank's number of the statement, with the page behind a slash if it is one of several pages, "" if there
	// is none.
	Sequence string
	// Account is the IBAN or account number as the bank writes it, without spaces.
	Account string
	// Currency is what all amounts of the statement are in.
	Currency money.Currency
	// From and Until are the first and last day covered, as UTC midnights of the dates that the bank writes. A zero time was
	// not said. In mt940, From is the day of the opening balance, which many banks write as the last day of the statement before.
	From, Until time.Time
	// Opening and Closing are in minor units; more than zero means that the bank owes us. Both are zero in a CSV file whose
	// profile says that it proves nothing.
	Opening, Closing money.Minor
	// Lines are the booked movements, oldest first where the bank says so.
	Lines []Line
	// Proved says that the file carries balances and that they agree with its lines.
	Proved bool
}

// Line is one booked movement.
type Line struct {
	// Row is the line of the file, from 1, or the ordinal of the entry in its statement for camt.053. It is for messages.
	Row int
	// ID is unique among the lines of the statement and stays the same when the bank sends the statement again: the bank's own
	// reference if no other line of the statement has it, otherwise a digest that starts with "line-".
	ID string
	// Amount is in minor units, more than zero if money came in.
	Amount money.Minor
	// Booked and Value are UTC midnights of the bank's dates. Value is Booked where the bank says nothing.
	Booked, Value time.Time
	// EndToEnd is the reference that travels with a payment from one end to the other; Mandate that of a direct debit; Batch
	// that of the batch that was booked as one; Trace the bank's or the network's own. Each is "" if there is none.
	EndToEnd, Mandate, Batch, Trace string
	// Code is the bank's transaction code as its format has it: domain/family/subfamily in camt.053, the type code in bai2,
	// the type and the business code in mt940.
	Code string
	// Text is the remittance text and the name of the other side, at most 500 runes on one line. It may be personal data.
	Text string
	// Parts are the payments of a batch that was booked as one line. Their amounts sum to Amount; what was charged is a part
	// of its own. There are none if the bank does not say all amounts in the account's currency.
	Parts []Part
	// Reversal says that the bank takes back an earlier line. Amount already has the sign of what happened.
	Reversal bool
}

// Part is one payment of a batch.
type Part struct {
	// EndToEnd is the payment's own reference, "" if there is none.
	EndToEnd string
	// Amount is in minor units, more than zero if money came in.
	Amount money.Minor
	// Text is as in a line.
	Text string
}

// Read reads every statement of a file. A CSV file needs its profile; the other formats take none. It reads at most MaxBytes,
// MaxLines and MaxStatements, and returns either all statements or an error.
//
// Errors: ErrTooLarge, ErrProfile, ErrUnreadable, ErrCurrency, ErrUnbalanced. Each names the place and repeats nothing of the
// file but amounts.
func Read(format Format, profile *Profile, content []byte) ([]Statement, error) {
	if len(content) > MaxBytes {
		return nil, tooMany("16 MiB")
	}
	if (profile != nil) != (format == CSV) {
		return nil, wrongProfile("A CSV file needs a profile, and the other formats take none")
	}
	var drafts []draft
	var err error
	switch format {
	case CAMT053:
		drafts, err = readCamt(content)
	case CSV:
		drafts, err = readCSV(profile, content)
	case BAI2:
		drafts, err = readBAI2(content)
	case MT940:
		drafts, err = readMT940(content)
	default:
		return nil, ErrUnreadable.With("The format of the bank statement is not known. Choose camt.053, csv, bai2 or mt940; nothing was stored.")
	}
	if err != nil {
		return nil, err
	}
	return finish(drafts)
}
