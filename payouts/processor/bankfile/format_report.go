// A report is what a bank answers about payments: taken, settled, rejected, returned. It is read whole, with every total
// it repeats checked, or it is refused with the line named and nothing taken from it.

package bankfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"mizan/ledger/fault"
	"mizan/ledger/money"
)

const (
	// ReportBytes is how large a report may be.
	ReportBytes = 16 << 20
	// ReportItems is how many payments a report may name.
	ReportItems = 10_000
)

var (
	// ErrReport means that what the bank sent is no report, or not a sound one. Nothing was taken from it.
	ErrReport = fault.New(fault.Malformed, "bankfile-report",
		"The bank's report is damaged or not of this format. Nothing was taken from it; ask the bank to send it again.")
	// ErrReportSize means that a report is longer than we read.
	ErrReportSize = fault.New(fault.TooLarge, "bankfile-report-size",
		"The bank's report is larger than 16 MiB or names more than 10,000 payments. Ask the bank for several.")
)

// Status is what a bank says of a payment or of a whole file.
type Status string

// The statuses. Only Settled, Rejected and Returned are final, and a Settled payment may still be Returned.
const (
	// Accepted: the bank has it and has not refused it (RCVD, ACTC, ACCP, ACSP, ACWC, PDNG).
	Accepted Status = "accepted"
	// Settled: the bank has paid it (ACSC, ACCC).
	Settled Status = "settled"
	// Rejected: the bank did not pay it (RJCT).
	Rejected Status = "rejected"
	// Returned: the receiver's bank sent the money back.
	Returned Status = "returned"
	// Partial: some payments of the file are rejected and others are not (PART).
	Partial Status = "partial"
	// Other is any word that says none of this. A person looks at it; no money moves for it.
	Other Status = "other"
)

// Report is what a bank answers.
type Report struct {
	// Format is the message's name, such as pain.002.001.10, or nacha-return.
	Format string
	// MessageID is the bank's id of the report: pain.002's MsgId; NACHA's sender, receiver, time and modifier together.
	MessageID string
	// CreatedAt is by the bank's clock; without a zone it is taken for UTC.
	CreatedAt time.Time
	// Original is the MessageID of the file it is about; empty for NACHA, whose returns are of many files.
	Original string
	// Group is the status of the whole file, or empty.
	Group Status
	// GroupCode is the reason the bank gives for the whole file, or empty.
	GroupCode string
	// Counted says that the report repeats the original's number of payments, which is Count.
	Counted bool
	Count   int
	// ControlSum is the original's sum as the report repeats it, a decimal, or empty.
	ControlSum string
	// Sum is ControlSum in minor units if an item names the currency. Agrees compares it in every case.
	Sum   money.Minor
	Items []Item
}

// Item is what a report says of one payment.
type Item struct {
	// EndToEnd is our payment's id; empty in NACHA returns. The store decides whether it knows it.
	EndToEnd string
	// Trace is the trace our Totals have: pain.001's InstrId, NACHA's original trace number.
	Trace  string
	Status Status
	// Code is the bank's reason, such as AC04 or R03, or empty. ReasonWord says it in words.
	Code string
	// OfFile says that the bank gives no reason for this payment alone: Code is that of the whole file.
	OfFile bool
	// Amount and Currency are as the report repeats them; a pain.002 may name none, which leaves both empty.
	Amount   money.Minor
	Currency money.Currency
	// On is the day of the status, or the report's own time.
	On time.Time
	// Correction says that NACHA only notifies of a change: the payment was made, and the destination must be mended.
	Correction bool
	// File and Line are what a NACHA return repeats of our entry: the file's number and the line in it, from 1; else 0.
	File int64
	Line int
	// Company is the company id NACHA's return is for. A return for another company is none of ours.
	Company string
}

// Agrees reports whether the totals that a report repeats of the original are those of our file, in our currency. What a
// report does not repeat does not disagree.
func (r Report) Agrees(t Totals, currency money.Currency) bool {
	if r.Counted && r.Count != t.Lines {
		return false
	}
	if r.ControlSum == "" {
		return true
	}
	sum, err := decimal(r.ControlSum, currency)
	return err == nil && sum == t.Sum
}

// ReadReport reads a report on files of a format. Reports on pain.001 are pain.002.001.03 and later; those on NACHA files
// are returns and notifications of change. It returns ErrReport naming the line, ErrReportSize, or what r returned. No
// error repeats what the report says.
func ReadReport(r io.Reader, format Format) (Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, ReportBytes+1))
	if err != nil {
		return Report{}, fmt.Errorf("bankfile: reading a report: %w", err)
	}
	if len(data) > ReportBytes {
		return Report{}, ErrReportSize
	}
	var report Report
	switch format {
	case Pain001:
		report, err = readPain(data)
	case NACHA:
		report, err = readNACHA(data)
	default:
		return Report{}, ErrReport.With("Reports of this format are not known. Choose pain.001.001.09 or nacha.")
	}
	if err != nil {
		return Report{}, err
	}
	return report, nil
}

// unsound is ErrReport at a line.
func unsound(line int, what string) error {
	return ErrReport.Withf("Line %d of the bank's report: %s Nothing was taken from it; ask the bank to send it again.", line, what)
}

// lineAt returns the line of an offset.
func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

var errDecimal = errors.New("not a decimal")

// decimal reads a number of XML Schema that is not negative. Zeros behind it, even more than the currency has, change
// nothing, and banks do write them.
func decimal(s string, currency money.Currency) (money.Minor, error) {
	if len(s) > 40 || !currency.Known() {
		return 0, errDecimal
	}
	whole, part, point := strings.Cut(s, ".")
	if !digits(whole) || point && !digits(part) {
		return 0, errDecimal
	}
	whole, part = strings.TrimLeft(whole, "0"), strings.TrimRight(part, "0")
	if whole == "" {
		whole = "0"
	}
	if part != "" {
		whole += "." + part
	}
	return money.ParseAmount(whole, currency)
}
