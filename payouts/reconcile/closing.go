package reconcile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A closing says what a month came to when it was closed, and by whom: its control totals, and the evidence that they rest on. Each
// row is chained to the one before it, so that none can be changed or left out unseen. A month that is reopened and closed again
// has further rows.

var (
	// ErrPeriodBlocked means that a month cannot be closed yet.
	ErrPeriodBlocked = fault.New(fault.Conflict, "period-blocked", "Something keeps the month from closing. Do what the fields name; what two people may accept can be named in accept.")
	// ErrClosingLarge means that a month has more to list than one closing can hold.
	ErrClosingLarge = fault.New(fault.Conflict, "closing-large", "The month has more tax accounts than one closing can list. Report it, and keep the month open until then.")
)

// Acts of a closing.
const (
	actClose  = "close"
	actReopen = "reopen"
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// Closing is a month that was closed or reopened.
type Closing struct {
	// Number counts the rows of a book: 1, 2, 3 …
	Number int
	// Act is close or reopen.
	Act    string
	Period ledger.Period
	// AtSequence is the last transaction of the book then.
	AtSequence int64
	// Document is canonical JSON: the control totals, and for a close what they rest on.
	// It is not there in a row of Chain.
	Document []byte
	// DocumentSum is its hash.
	DocumentSum Digest
	// Totals is the hash of the control totals alone: a month that is closed again unchanged has the same.
	Totals Digest
	// Previous is the hash of the row before, zero for the first; Hash is over it and everything else here.
	Previous, Hash Digest
	// Preparer asked, Approver decided, by the approval and for the reason.
	Preparer, Approver, Approval, Reason string
	RecordedAt                           time.Time
}

// ControlTotals are what a month comes to. They follow from the ledger's totals alone, so that they can be made again at any time.
type ControlTotals struct {
	Period string `json:"period"`
	// Rows are the rows of the chart that have a balance at the end of the month or moved in it.
	Rows []ControlRow `json:"rows"`
	// Taxes are the accounts of taxes, one by one: what was owed, came, was remitted, and is owed.
	Taxes []TaxTotal `json:"taxes"`
}

// ControlRow is a row of the chart in one currency. The balance is debit positive.
type ControlRow struct {
	Account  string         `json:"account"`
	Currency money.Currency `json:"currency"`
	Debits   Amount         `json:"debits"`
	Credits  Amount         `json:"credits"`
	Balance  Amount         `json:"balance"`
}

// TaxTotal is one account of a tax office. Opening and closing are what we owe it, a credit positive.
type TaxTotal struct {
	Account   string         `json:"account"`
	Currency  money.Currency `json:"currency"`
	Opening   Amount         `json:"opening"`
	Collected Amount         `json:"collected"`
	Remitted  Amount         `json:"remitted"`
	Closing   Amount         `json:"closing"`
}

// closingDocument is what a closing keeps. The totals are kept as they were rendered, so that their hash stays what it was.
type closingDocument struct {
	Totals json.RawMessage `json:"totals"`
	Basis  *closingBasis   `json:"basis,omitempty"`
}

// closingBasis is what a close rests on.
type closingBasis struct {
	Rules int `json:"rules"`
	// Runs are the last runs of each match and source before it.
	Runs []basisRun `json:"runs"`
	// Breaks are what was open, by match, class and state.
	Breaks []basisBreaks `json:"breaks"`
	// CoverageAt is the transaction up to which was judged whether donations and the money kept for others are covered.
	CoverageAt int64 `json:"coverage_at"`
	// Accepted are the items of the checklist that two people accepted as they stood.
	Accepted []acceptedItem `json:"accepted"`
}

// acceptedItem is an item of the checklist by its code, and how it stood.
type acceptedItem struct {
	Item  string `json:"item"`
	Stood string `json:"stood"`
}

// mostAccepted bounds what is told of an accepted item, in bytes.
const mostAccepted = 2_000

type basisRun struct {
	Match  Match     `json:"match"`
	Source string    `json:"source"`
	ID     string    `json:"id"`
	Number int64     `json:"number"`
	CutOff time.Time `json:"cut_off"`
	Digest string    `json:"digest"`
}

type basisBreaks struct {
	Match    Match          `json:"match"`
	Class    Class          `json:"class"`
	State    State          `json:"state"`
	Currency money.Currency `json:"currency"`
	Count    int64          `json:"count"`
	Amount   Amount         `json:"amount"`
	Suspense Amount         `json:"suspense"`
}

// render returns the totals' bytes: the same for the same month.
func (t *ControlTotals) render() []byte { return closingJSON(t) }

// closingJSON writes a value whose fields have a fixed order.
func closingJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("reconcile: a closing cannot be written: " + err.Error())
	}
	return b
}

// sum is the hash of the row, which covers the row before it: SHA-256 over its parts in this order, each after its length in eight
// bytes. Numbers are eight bytes, the most significant first. Nothing in it is known to the database alone, so that an outsider can
// compute it; the handbook tells how.
func (c *Closing) sum(book ledger.Book) (d Digest) {
	h := sha256.New()
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	number := func(n int64) { put(binary.BigEndian.AppendUint64(nil, uint64(n))) } // #nosec G115 -- the bits of the number are hashed
	put([]byte("mizan period closing 1"))
	put([]byte(book.Code))
	number(int64(c.Number))
	put(c.Previous[:])
	put([]byte(c.Act))
	number(int64(c.Period))
	number(c.AtSequence)
	put(c.DocumentSum[:])
	put(c.Totals[:])
	for _, text := range []string{c.Preparer, c.Approver, c.Approval, c.Reason} {
		put([]byte(text))
	}
	number(c.RecordedAt.UnixMicro())
	h.Sum(d[:0])
	return d
}

// totalsOf returns the control totals' bytes that a document keeps.
func totalsOf(document []byte) ([]byte, error) {
	var d closingDocument
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, err
	}
	return d.Totals, nil
}

// maxCompared bounds the differences that are listed.
const maxCompared = 100

// compareTotals says how a month differs from what it was, row by row; nothing if it is the same.
func compareTotals(was, is []byte) (list []string) {
	var a, b ControlTotals
	if json.Unmarshal(was, &a) != nil || json.Unmarshal(is, &b) != nil {
		return []string{"The control totals cannot be read."}
	}
	type key struct {
		account  string
		currency money.Currency
	}
	index := func(t *ControlTotals) map[key]ControlRow {
		m := map[key]ControlRow{}
		for _, r := range t.Rows {
			m[key{r.Account, r.Currency}] = r
		}
		return m
	}
	before, after := index(&a), index(&b)
	zero := func(c money.Currency) ControlRow {
		z := Amount(money.Minor(0).Format(c))
		return ControlRow{Debits: z, Credits: z, Balance: z}
	}
	tell := func(k key, x, y ControlRow) {
		if x.Debits != y.Debits || x.Credits != y.Credits || x.Balance != y.Balance {
			list = append(list, fmt.Sprintf("%s %s: debits %s became %s, credits %s became %s, the balance %s became %s",
				k.account, k.currency, x.Debits, y.Debits, x.Credits, y.Credits, x.Balance, y.Balance))
		}
	}
	for k, x := range before {
		y, ok := after[k]
		if !ok {
			y = zero(k.currency)
		}
		tell(k, x, y)
	}
	for k, y := range after {
		if _, ok := before[k]; !ok {
			tell(k, zero(k.currency), y)
		}
	}
	slices.Sort(list)
	switch {
	case len(list) == 0 && string(was) != string(is):
		return []string{"The accounts of taxes differ, though the rows of the chart do not."}
	case len(list) > maxCompared:
		return append(list[:maxCompared], "and more, which is not listed")
	}
	return list
}

// ClosingsReport says whether closed months are still what they were when they were closed.
type ClosingsReport struct {
	// Rows are the rows of the chain, Closed the months that stand closed by it.
	Rows, Closed int
	// Head is the hash of the last row, zero if there is none.
	Head Digest
	// Findings are what is wrong, at most maxClosingFindings.
	Findings []ClosingFinding
}

// ClosingFinding is something that does not hold.
type ClosingFinding struct {
	// Number is the row of the chain, 0 for none.
	Number int
	Period ledger.Period
	// Sequence is the transaction, 0 for none.
	Sequence int64
	// What says it in a sentence.
	What string
}

// maxClosingFindings bounds what is listed.
const maxClosingFindings = 100

// Sound reports whether everything holds.
func (r *ClosingsReport) Sound() bool { return len(r.Findings) == 0 }

func (r *ClosingsReport) bad(number int, period ledger.Period, sequence int64, what string) {
	if len(r.Findings) < maxClosingFindings {
		r.Findings = append(r.Findings, ClosingFinding{number, period, sequence, what})
	}
}

// chainState is what a chain says after its rows so far.
type chainState struct {
	last Closing
	// open is the first open month after the last row, 0 before the first.
	open ledger.Period
	// closed holds the row of each month that stands closed.
	closed map[ledger.Period]Closing
}

// check judges the next row, and goes on from it.
func (s *chainState) check(book ledger.Book, c Closing, r *ClosingsReport) {
	r.Rows++
	totals, err := totalsOf(c.Document)
	switch {
	case c.Number != s.last.Number+1:
		r.bad(c.Number, c.Period, 0, "rows are missing before this one")
	case c.Previous != s.last.Hash:
		r.bad(c.Number, c.Period, 0, "the row does not follow from the one before it")
	}
	if c.sum(book) != c.Hash {
		r.bad(c.Number, c.Period, 0, "the row was changed after it was written")
	}
	if err != nil || sha256.Sum256(totals) != c.Totals {
		r.bad(c.Number, c.Period, 0, "its hash is not that of its control totals")
	}
	if c.AtSequence < s.last.AtSequence || c.RecordedAt.Before(s.last.RecordedAt) {
		r.bad(c.Number, c.Period, 0, "the row lies before the one before it")
	}
	_, stands := s.closed[c.Period]
	switch {
	case c.Act == actClose && stands:
		r.bad(c.Number, c.Period, 0, "the month was closed twice without being reopened")
	case c.Act == actReopen && !stands && len(s.closed) > 0 && c.Period >= s.open:
		r.bad(c.Number, c.Period, 0, "a month was reopened that was open")
	}
	if c.Act == actClose {
		s.closed[c.Period] = c
		s.open = c.Period.Next()
	} else {
		delete(s.closed, c.Period)
		s.open = c.Period
	}
	s.last = c
}
