package journal

// Writer: takes a journal in order, checks that it is one, and renders it.

import (
	"crypto/sha256"
	"hash"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"mizan/ledger/money"
)

// flushAt is how much is rendered before it is handed on.
const flushAt = 64 << 10

// renderer is a format. Each method appends to what was rendered before and returns it.
type renderer interface {
	// head begins the file.
	head(b []byte, h *Head) []byte
	// account is called for each account, in order of address and then currency.
	account(b []byte, h *Head, a *Account) []byte
	// opened is called once after the last account.
	opened(b []byte, h *Head) []byte
	// transaction is called for each transaction in order.
	transaction(b []byte, t *Transaction) []byte
	// trailer ends the file with one line that holds text, which is one line of JSON.
	trailer(b []byte, text string) []byte
}

// sum is what accounts and entries come to in one currency.
type sum struct{ accountDebits, accountCredits, debits, credits big.Int }

// Writer writes one journal: first Account for each account, then Transaction for each transaction from sequence 1, then
// Close. After an error nothing more is written, and every method returns that error. It is not safe for concurrent use.
type Writer struct {
	to     io.Writer
	format Format
	render renderer
	head   Head
	buf    []byte
	digest hash.Hash
	err    error

	opened, closed        bool
	lastAddress           string
	lastCurrency          money.Currency
	lastRecorded          time.Time
	transactions, entries int64
	sums                  map[money.Currency]*sum
}

// NewWriter begins a journal. It returns ErrFormat for an unknown format, and ErrBroken for a head with currencies whose
// digits are not known.
func NewWriter(to io.Writer, f Format, h Head) (*Writer, error) {
	w := &Writer{to: to, format: f, head: h, digest: sha256.New(), sums: map[money.Currency]*sum{}}
	switch f {
	case Hledger:
		w.render = &hledger{}
	case Beancount:
		w.render = &beancount{}
	case CSV:
		w.render = newCSV()
	case JSONL:
		w.render = jsonLines{}
	default:
		return nil, ErrFormat
	}
	for _, c := range h.Currencies {
		if !c.Known() {
			return nil, ErrBroken
		}
		w.sums[c] = &sum{}
	}
	w.buf = w.render.head(w.buf, &w.head)
	return w, nil
}

// Account takes the next account, in byte order of the addresses and then of the currencies. It returns ErrBroken for one
// out of order, of another currency than the book's, or after the first transaction; or the error of the writer.
func (w *Writer) Account(a Account) error {
	if w.err != nil {
		return w.err
	}
	s := w.sums[a.Currency]
	inOrder := a.Address > w.lastAddress || a.Address == w.lastAddress && a.Currency > w.lastCurrency
	if s == nil || !inOrder || w.opened {
		return w.fail(ErrBroken)
	}
	s.accountDebits.Add(&s.accountDebits, a.Debits)
	s.accountCredits.Add(&s.accountCredits, a.Credits)
	w.lastAddress, w.lastCurrency = a.Address, a.Currency
	w.buf = w.render.account(w.buf, &w.head, &a)
	return w.flush(flushAt)
}

// Transaction takes the next transaction. It returns ErrBroken if its sequence is not the next, if it was recorded before
// the one before it, or if an entry is of another currency than the book's; or the error of the writer.
func (w *Writer) Transaction(t *Transaction) error {
	if w.err != nil {
		return w.err
	}
	w.open()
	if w.closed || t.Sequence != w.transactions+1 || t.Sequence > w.head.UpTo || t.RecordedAt.Before(w.lastRecorded) ||
		w.format == JSONL && len(t.JSON) == 0 {
		return w.fail(broken(w.transactions+1, "is missing, or comes out of order"))
	}
	for i := range t.Entries {
		e := &t.Entries[i]
		s := w.sums[e.Currency]
		if s == nil || e.Amount == 0 {
			return w.fail(broken(t.Sequence, "has an entry without amount or of another currency than the book's"))
		}
		if units := big.NewInt(int64(e.Amount)); e.Amount > 0 {
			s.debits.Add(&s.debits, units)
		} else {
			s.credits.Sub(&s.credits, units)
		}
	}
	w.lastRecorded = t.RecordedAt
	w.transactions, w.entries = t.Sequence, w.entries+int64(len(t.Entries))
	w.buf = w.render.transaction(w.buf, t)
	return w.flush(flushAt)
}

// Close ends the journal with its trailer. It returns ErrBroken if transactions are missing, and ErrUntied if the entries
// do not come to the turnover of the accounts; then there is no trailer.
func (w *Writer) Close() (Trailer, error) {
	if w.err != nil {
		return Trailer{}, w.err
	}
	w.open()
	if w.closed || w.transactions != w.head.UpTo {
		return Trailer{}, w.fail(broken(w.transactions+1, "is missing"))
	}
	w.closed = true
	for _, s := range w.sums {
		if s.debits.Cmp(&s.accountDebits) != 0 || s.credits.Cmp(&s.accountCredits) != 0 || s.debits.Cmp(&s.credits) != 0 {
			return Trailer{}, w.fail(ErrUntied)
		}
	}
	if err := w.flush(0); err != nil {
		return Trailer{}, err
	}
	t := w.trailer()
	w.buf = w.render.trailer(w.buf, t.text())
	return t, w.flush(0)
}

// trailer sums up what was written.
func (w *Writer) trailer() Trailer {
	t := Trailer{Version: trailerVersion, Format: w.format, Book: w.head.Book, Transactions: w.transactions, Entries: w.entries,
		Debits: map[money.Currency]string{}, SHA256: hexOf(w.digest.Sum(nil))}
	for c, s := range w.sums {
		if s.debits.Sign() != 0 {
			t.Debits[c] = formatUnits(&s.debits, c)
		}
	}
	return t
}

// open ends the accounts.
func (w *Writer) open() {
	if !w.opened {
		w.opened = true
		w.buf = w.render.opened(w.buf, &w.head)
	}
}

// flush hands on what was rendered once it is at least so many bytes.
func (w *Writer) flush(least int) error {
	if len(w.buf) == 0 || len(w.buf) < least {
		return nil
	}
	w.digest.Write(w.buf)
	if _, err := w.to.Write(w.buf); err != nil {
		return w.fail(err)
	}
	w.buf = w.buf[:0]
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}

// appendAbout writes a comment about the journal, as hledger and beancount both know it, without the end of the line. A name
// that broke the line would be read as a part of the books.
func appendAbout(b []byte, h *Head) []byte {
	about := "; Mizan journal, form 1. Book " + h.Book + ", " + h.Name + ", time zone " + h.TimeZone + ", transactions 1 to "
	about = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, about)
	return append(strconv.AppendInt(append(b, about...), h.UpTo, 10), '.')
}

// broken is ErrBroken with the place where the journal breaks.
func broken(sequence int64, why string) error {
	return ErrBroken.Withf("Transaction %d %s. Do not use the file: export again, and if it happens twice tell the operator to verify the book.", sequence, why)
}

// sorted returns the currencies in order of their codes.
func sorted(currencies []money.Currency) []money.Currency {
	return slices.Sorted(slices.Values(currencies))
}
