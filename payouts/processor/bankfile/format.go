// The formats of files are pure: the same payments make the same bytes, and nothing in them knows a clock, a database or a
// network. What does not fit a field is refused and never cut, except the name of a receiver in a NACHA file, whose field has
// 22 characters and is read by people only. A report is taken whole or refused.

package bankfile

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Format is how a bank takes files.
type Format string

// The formats.
const (
	// Pain001 is ISO 20022's customer credit transfer, which most of the world's banks take.
	Pain001 Format = "pain.001.001.09"
	// NACHA is the file of the American clearing house: US dollars to accounts in the United States.
	NACHA Format = "nacha"
)

// MaxLines is how many payments a file may hold: the traces of a NACHA file number its lines with four digits.
const MaxLines = 9_999

var (
	// ErrDebtor means that the company's own account is not described as its bank's format needs.
	ErrDebtor = fault.New(fault.Invalid, "bankfile-debtor",
		"The company's account is not complete for this format. Correct the fields that are named, as the bank has them.")
	// ErrCreditor means that a receiver cannot be paid by this format.
	ErrCreditor = fault.New(fault.Invalid, "bankfile-creditor",
		"The receiver cannot be paid by this bank file. Correct the fields that are named, as the receiver's bank has them.")
	// ErrFile means that a file cannot be written as it was asked for. Nothing was written.
	ErrFile = fault.New(fault.Invalid, "bankfile-file",
		"The bank file cannot be made. Correct the fields that are named; nothing was written.")
)

// Debtor is the company's own account, and how the bank knows it. Check says what each format needs.
type Debtor struct {
	// Format is how the bank takes files.
	Format Format
	// Currency is that of the account and of every payment.
	Currency money.Currency
	// Name is the company's name as the bank has it: at most 140 characters, 70 in euros, 16 for NACHA.
	Name string
	// Account is an IBAN or a local number. NACHA files do not name it.
	Account string
	// Bank is a BIC or the local code of the bank; for NACHA the nine digits of its routing number, the destination.
	Bank string
	// Originator is the company's id with the bank: optional for pain.001, ten characters for NACHA, the origin.
	Originator string
	// BankName is the destination's name in NACHA files, at most 23 characters.
	BankName string
	// Country is the country of the account, ISO 3166 alpha-2.
	Country string
	// Urgent asks for the service level URGP in pain.001, instead of SEPA or NURG.
	Urgent bool
}

// Creditor is where one payment goes. It is personal data, and stands in no error and no log.
type Creditor struct {
	Name, Account, Bank, Country string
	// Company makes a NACHA entry one of CCD instead of PPD.
	Company bool
	// Savings says for NACHA that the account is one of savings.
	Savings bool
}

// Line is one payment of a file. EndToEnd is our payment's id, letters, digits and underscores, and Reference what the receiver reads; it may be empty.
type Line struct {
	EndToEnd, Reference string
	Amount              money.Minor
	Creditor            Creditor
}

// File is what is sent to the bank: made once, and the same bytes for the same input.
type File struct {
	// Number is the file's number with this bank, from 1.
	Number int64
	// MessageID is the file's id, at most 35 characters, which the bank repeats.
	MessageID string
	MadeAt    time.Time
	// ExecuteOn is the day, of which the hours do not count. A NACHA file names the next banking day on or after it.
	ExecuteOn time.Time
	Lines     []Line
}

// Totals are the control totals that stand in the file, and for each line its trace there: pain.001's InstrId, NACHA's
// trace number.
type Totals struct {
	Lines int
	// Sum is in minor units of the debtor's currency.
	Sum money.Minor
	// EntryHash is NACHA's sum of the receivers' routing numbers; 0 in pain.001.
	EntryHash int64
	Traces    []string
}

// faults collects the fields that are wrong.
type faults []fault.Field

func (f *faults) need(ok bool, pointer, code, message string) bool {
	if !ok {
		*f = append(*f, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
	return ok
}

// as returns nil if nothing is wrong, otherwise the declared error with the fields.
func (f faults) as(declared *fault.Error) error {
	if len(f) == 0 {
		return nil
	}
	return declared.WithFields(f...)
}

// Check returns ErrDebtor with the fields that are missing or wrong for the format.
func (d Debtor) Check() error {
	var wrong faults
	wrong.need(d.Currency.Active(), "/currency", "currency", "Give the currency of the account, such as EUR.")
	wrong.need(countryCode(d.Country), "/country", "country", "Give the country of the account in two capital letters.")
	switch d.Format {
	case Pain001:
		d.checkPain(&wrong)
	case NACHA:
		d.checkNACHA(&wrong)
	default:
		wrong.need(false, "/format", "format", "Choose pain.001.001.09 or nacha.")
	}
	return wrong.as(ErrDebtor)
}

// CheckCreditor returns ErrCreditor with the fields that keep a receiver from being paid from this account. It expects a
// debtor that passes Check. No error repeats what was given.
func (d Debtor) CheckCreditor(c Creditor) error {
	var wrong faults
	if d.Format == NACHA {
		checkNACHACreditor(&wrong, c)
	} else {
		d.checkPainCreditor(&wrong, c)
	}
	return wrong.as(ErrCreditor)
}

// Write writes the file, whole or not at all, and returns the totals that stand in it. It returns ErrDebtor, ErrFile
// naming the line, or what w returned.
func (d Debtor) Write(w io.Writer, f File) (Totals, error) {
	if err := d.Check(); err != nil {
		return Totals{}, err
	}
	totals, err := d.check(f)
	if err != nil {
		return Totals{}, err
	}
	var out bytes.Buffer
	if d.Format == NACHA {
		err = d.writeNACHA(&out, f, &totals)
	} else {
		err = d.writePain(&out, f, &totals)
	}
	if err != nil {
		return Totals{}, err
	}
	_, err = w.Write(out.Bytes())
	return totals, err
}

// check checks everything of a file and adds it up.
func (d Debtor) check(f File) (Totals, error) {
	var wrong faults
	wrong.need(f.Number > 0, "/number", "number", "Number the files of a bank from 1.")
	wrong.need(identifier(f.MessageID, 35), "/message_id", "id",
		"Give an id of at most 35 Latin letters, digits and hyphens, without underscores, which banks refuse.")
	year := func(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2100 }
	wrong.need(year(f.MadeAt), "/made_at", "time", "Give the time the file is made.")
	day := date(f.ExecuteOn)
	wrong.need(year(day) && !day.Before(date(f.MadeAt.UTC()).AddDate(0, 0, -1)) && day.Before(f.MadeAt.AddDate(1, 0, 0)),
		"/execute_on", "date", "Give a day that is not past and less than a year ahead.")
	wrong.need(len(f.Lines) > 0 && len(f.Lines) <= MaxLines, "/lines", "lines", "Put between 1 and 9,999 payments in a file.")
	if len(wrong) > 0 {
		return Totals{}, wrong.as(ErrFile)
	}
	totals := Totals{Lines: len(f.Lines)}
	seen := make(map[string]bool, len(f.Lines))
	for i, line := range f.Lines {
		d.checkLine(&wrong, fmt.Sprintf("/lines/%d", i), line)
		wrong.need(!seen[line.EndToEnd], fmt.Sprintf("/lines/%d/end_to_end", i), "twice", "Put each payment in a file once.")
		seen[line.EndToEnd] = true
		sum, err := money.Add(totals.Sum, line.Amount)
		wrong.need(err == nil && sum <= money.Max, "/lines", "sum", "The file's sum is beyond its field. Make two files.")
		totals.Sum = sum
		if len(wrong) > 0 {
			return Totals{}, wrong.as(ErrFile)
		}
	}
	return totals, nil
}

// checkLine checks one payment.
func (d Debtor) checkLine(wrong *faults, at string, line Line) {
	wrong.need(ours(line.EndToEnd), at+"/end_to_end", "id", "Give our payment's id: at most 35 letters, digits and underscores.")
	limit, length := money.Max, 140
	switch {
	case d.Format == NACHA:
		limit, length = nachaMost, 80
	case d.sepa():
		limit = sepaMost
	}
	wrong.need(line.Amount > 0, at+"/amount", "amount", "Pay an amount above zero.")
	wrong.need(line.Amount <= limit, at+"/amount", "amount-large", "The amount is beyond the format's field. Pay it in parts.")
	if line.Reference != "" {
		text, ok := d.text(line.Reference)
		wrong.need(ok && size(text) <= length, at+"/reference", "reference",
			"Shorten the reference, and use letters, digits and plain punctuation.")
	}
	if err := d.CheckCreditor(line.Creditor); err != nil {
		for _, field := range err.(*fault.Error).Fields {
			field.Pointer = at + "/creditor" + field.Pointer
			*wrong = append(*wrong, field)
		}
	}
}

// date returns the day of a time at midnight UTC, by the time's own calendar.
func date(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
