package statements

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
)

// A statement, without its lines: whose it is, what it covers, and what was there before and after.

// Kind is what decides which transactions a statement covers.
type Kind string

// The kinds of statements.
const (
	// Month is a calendar month in the book's time zone. Only these are issued.
	Month Kind = "month"
	// Range is some days in the book's time zone, on demand.
	Range Kind = "range"
)

// Statement is a statement without its lines.
type Statement struct {
	// ID names an issued statement, Number counts those of a payee and currency from 1; empty and 0 for one on demand.
	ID       string
	Number   int64
	Payee    string
	Currency money.Currency
	Kind     Kind
	// Period is the month of a monthly statement. FirstDay and LastDay are the days covered.
	Period            ledger.Period
	FirstDay, LastDay string
	// From and To are the sequences covered: those above From, up to To.
	From, To int64
	// Buckets are what each bucket held before and after, those that ever held anything.
	Buckets []Balance
	// Accounts are what it was made from.
	Accounts []AccountSpan
	// Previous is the statement issued before, and PreviousSHA256 its hash in hexadecimal; empty for the first.
	Previous, PreviousSHA256 string
	IssuedAt                 time.Time
	// Sums are what its lines come to; known of issued statements, and of others once they are summed up.
	Sums
	// SHA256 is the hash of the data form in hexadecimal, Bytes its size; empty and 0 on demand.
	SHA256 string
	Bytes  int64

	// Payout is the payout that it is of; nil of the other kinds.
	Payout *PaidOut

	book ledger.Book
	// open says that its days are not over.
	open   bool
	schema int
	summed bool
	// of is the payout as it is kept.
	of *payouts.Payout
	// head are the bytes of the data form before the lines.
	head []byte
}

// Balance is what a bucket held before the statement and after it, in the payee's favour.
type Balance struct {
	Bucket           Bucket
	Opening, Closing money.Minor
}

// AccountSpan is one account of the payee. Its entries are counted without gaps, so a payee who has one statement after the other
// sees that no entry was left out.
type AccountSpan struct {
	Account ledger.Address
	// FromVersion is the number of the last entry before the statement, ToVersion that of its last one.
	FromVersion, ToVersion int64
	Opening, Closing       money.Minor

	id int32
}

// Total is the sum of the lines with the same type, code and bucket.
type Total struct {
	Type, Code string
	Bucket     Bucket
	Lines      int64
	Amount     money.Minor
}

// NothingLeft is an order of which nothing is left for the payee, and what happened to it.
type NothingLeft struct {
	Order, Event string
	At           time.Time
}

// TaxMemo is tax of the buyers on what the payee sold. The platform collects it and pays it to the tax office; it is not the payee's money.
type TaxMemo struct {
	Jurisdiction        string
	Collected, Returned money.Minor
}

// Opening and Closing are what all buckets held together.
func (s *Statement) Opening() (sum money.Minor) {
	for _, b := range s.Buckets {
		sum += b.Opening
	}
	return sum
}

// Closing is what all buckets held together after the statement.
func (s *Statement) Closing() (sum money.Minor) {
	for _, b := range s.Buckets {
		sum += b.Closing
	}
	return sum
}

// Book is the book that it is of.
func (s *Statement) Book() ledger.Book { return s.book }

func newID() string { return "st_" + strings.ToLower(rand.Text()[:20]) }

// headJSON is the beginning of the data form. Amounts are decimal strings, times have microseconds, and fields stand in this order.
type headJSON struct {
	Schema         int           `json:"schema"`
	ID             string        `json:"statement_id"`
	Number         int64         `json:"number"`
	Book           string        `json:"book"`
	Market         string        `json:"market,omitempty"`
	TimeZone       string        `json:"time_zone"`
	Payee          string        `json:"payee"`
	Currency       string        `json:"currency"`
	Kind           string        `json:"kind"`
	Period         string        `json:"period,omitempty"`
	FirstDay       string        `json:"first_day"`
	LastDay        string        `json:"last_day"`
	From           int64         `json:"from_sequence"`
	To             int64         `json:"to_sequence"`
	IssuedAt       string        `json:"issued_at"`
	Previous       string        `json:"previous_id,omitempty"`
	PreviousSHA256 string        `json:"previous_sha256,omitempty"`
	Buckets        []bucketJSON  `json:"buckets"`
	Accounts       []accountJSON `json:"accounts"`
	Payout         *payoutJSON   `json:"payout,omitempty"`
}

// payoutJSON is the payout that a statement is of: what does not change any more.
type payoutJSON struct {
	ID     string `json:"payout_id"`
	Amount string `json:"amount"`
	Fee    string `json:"fee"`
}

type bucketJSON struct {
	Bucket  string `json:"bucket"`
	Opening string `json:"opening"`
	Closing string `json:"closing"`
}

type accountJSON struct {
	Account string `json:"account"`
	From    int64  `json:"from_version"`
	To      int64  `json:"to_version"`
	Opening string `json:"opening"`
	Closing string `json:"closing"`
}

// lineJSON is a line in the data form.
type lineJSON struct {
	Number         int64  `json:"line_no"`
	PostedAt       string `json:"posted_at"`
	OccurredAt     string `json:"occurred_at"`
	Type           string `json:"type"`
	Code           string `json:"code"`
	Order          string `json:"order_id,omitempty"`
	SKU            string `json:"sku,omitempty"`
	LiveSession    string `json:"live_session_id,omitempty"`
	Channel        string `json:"channel,omitempty"`
	Basis          string `json:"basis,omitempty"`
	Rate           string `json:"rate,omitempty"`
	Amount         string `json:"amount"`
	Rule           string `json:"rule_id,omitempty"`
	RuleVersion    string `json:"rule_version,omitempty"`
	Entry          string `json:"entry_id"`
	OriginalPeriod string `json:"original_period,omitempty"`
	Note           string `json:"note,omitempty"`
	Bucket         string `json:"bucket"`
	Balance        string `json:"balance"`
}

// tailJSON is the end of the data form.
type tailJSON struct {
	Lines        int64         `json:"line_count"`
	Totals       []totalJSON   `json:"totals"`
	Nothing      []nothingJSON `json:"nothing_left"`
	NothingCount int64         `json:"nothing_left_count"`
	Tax          []taxJSON     `json:"tax_memo"`
}

type totalJSON struct {
	Type   string `json:"type"`
	Code   string `json:"code"`
	Bucket string `json:"bucket"`
	Lines  int64  `json:"lines"`
	Amount string `json:"amount"`
}

type nothingJSON struct {
	Order string `json:"order_id"`
	Event string `json:"type"`
	At    string `json:"occurred_at"`
}

type taxJSON struct {
	Jurisdiction string `json:"jurisdiction"`
	Collected    string `json:"collected"`
	Returned     string `json:"returned"`
}

const instant = "2006-01-02T15:04:05.000000Z"

// write makes the head's bytes.
func (s *Statement) write() error {
	h := headJSON{Schema: Schema, ID: s.ID, Number: s.Number, Book: s.book.Code, Market: s.book.Market, TimeZone: s.book.TimeZone, Payee: s.Payee, Currency: string(s.Currency),
		Kind: string(s.Kind), Period: s.Period.String(), FirstDay: s.FirstDay, LastDay: s.LastDay, From: s.From, To: s.To, IssuedAt: s.IssuedAt.Format(instant),
		Previous: s.Previous, PreviousSHA256: s.PreviousSHA256, Buckets: []bucketJSON{}, Accounts: []accountJSON{}}
	for _, b := range s.Buckets {
		h.Buckets = append(h.Buckets, bucketJSON{string(b.Bucket), b.Opening.Format(s.Currency), b.Closing.Format(s.Currency)})
	}
	for _, a := range s.Accounts {
		h.Accounts = append(h.Accounts, accountJSON{string(a.Account), a.FromVersion, a.ToVersion, a.Opening.Format(s.Currency), a.Closing.Format(s.Currency)})
	}
	if p := s.Payout; p != nil {
		h.Payout = &payoutJSON{p.ID, p.Amount.Format(s.Currency), p.Fee.Format(s.Currency)}
	}
	var err error
	s.schema = Schema
	s.head, err = json.Marshal(h)
	return err
}

// read takes over what the head and the tail of the data form say.
func (s *Statement) read(head, tail string) error {
	var h headJSON
	if err := json.Unmarshal([]byte(head), &h); err != nil {
		return err
	}
	var t tailJSON
	if err := json.Unmarshal([]byte(tail), &t); err != nil {
		return err
	}
	s.head, s.schema = []byte(head), h.Schema
	s.FirstDay, s.LastDay, s.Previous, s.PreviousSHA256 = h.FirstDay, h.LastDay, h.Previous, h.PreviousSHA256
	amount := func(text string) money.Minor {
		m, err := signed(text, s.Currency)
		if err != nil {
			h.Schema = 0
		}
		return m
	}
	for _, b := range h.Buckets {
		s.Buckets = append(s.Buckets, Balance{Bucket(b.Bucket), amount(b.Opening), amount(b.Closing)})
	}
	for _, a := range h.Accounts {
		s.Accounts = append(s.Accounts, AccountSpan{Account: ledger.Address(a.Account), FromVersion: a.From, ToVersion: a.To, Opening: amount(a.Opening), Closing: amount(a.Closing)})
	}
	for _, x := range t.Totals {
		s.Totals = append(s.Totals, Total{x.Type, x.Code, Bucket(x.Bucket), x.Lines, amount(x.Amount)})
	}
	for _, x := range t.Nothing {
		at, err := time.Parse(instant, x.At)
		if err != nil {
			return err
		}
		s.Nothing = append(s.Nothing, NothingLeft{x.Order, x.Event, at})
	}
	s.NothingCount = t.NothingCount
	for _, x := range t.Tax {
		s.Tax = append(s.Tax, TaxMemo{x.Jurisdiction, amount(x.Collected), amount(x.Returned)})
	}
	if h.Schema == 0 {
		return errDefect
	}
	return nil
}

// signed reads an amount that may be below zero.
func signed(text string, c money.Currency) (money.Minor, error) {
	digits, below := strings.CutPrefix(text, "-")
	m, err := money.ParseAmount(digits, c)
	if below {
		m = -m
	}
	return m, err
}

// between fills in what the accounts held before and after.
func (s *Statement) between(list []account, before, after map[int32]holding) {
	sums := map[Bucket]*Balance{}
	for _, a := range list {
		from, to := before[a.id], after[a.id]
		if to.version == 0 {
			continue // it was opened later
		}
		s.Accounts = append(s.Accounts, AccountSpan{a.address, from.version, to.version, from.balance, to.balance, a.id})
		if sums[a.bucket] == nil {
			sums[a.bucket] = &Balance{Bucket: a.bucket}
		}
		sums[a.bucket].Opening += from.balance
		sums[a.bucket].Closing += to.balance
	}
	for _, b := range Buckets() {
		if sums[b] != nil {
			s.Buckets = append(s.Buckets, *sums[b])
		}
	}
}

// tail is the end of the data form.
func (s *Statement) tail() ([]byte, error) {
	t := tailJSON{Lines: s.Lines, Totals: []totalJSON{}, Nothing: []nothingJSON{}, NothingCount: s.NothingCount, Tax: []taxJSON{}}
	for _, x := range s.Totals {
		t.Totals = append(t.Totals, totalJSON{x.Type, x.Code, string(x.Bucket), x.Lines, x.Amount.Format(s.Currency)})
	}
	for _, x := range s.Nothing {
		t.Nothing = append(t.Nothing, nothingJSON{x.Order, x.Event, x.At.Format(instant)})
	}
	for _, x := range s.Tax {
		t.Tax = append(t.Tax, taxJSON{x.Jurisdiction, x.Collected.Format(s.Currency), x.Returned.Format(s.Currency)})
	}
	return json.Marshal(t)
}

// json is the line as the data form has it.
func (l *Line) json() lineJSON {
	return lineJSON{l.Number, l.PostedAt.Format(instant), l.OccurredAt.Format(instant), l.Type, l.Code, l.Order, l.SKU, l.LiveSession, l.Channel, l.Basis, l.Rate,
		l.Amount.Format(l.Currency), l.Rule, l.RuleVersion, l.Entry, l.OriginalPeriod, l.Note, string(l.Bucket), l.Balance.Format(l.Currency)}
}

func hexOf(sum []byte) string { return hex.EncodeToString(sum) }

// Headlines are the four figures above a statement, and what they are of.
type Headlines struct {
	// Estimated waits until orders are delivered and cannot be returned easily; it may still change.
	Estimated money.Minor
	// Settled is earned for good and can be paid out, or is a debt if it is below zero.
	Settled money.Minor
	// OnHold is held back: reserves, disputes, blocks, deposits and trusts.
	OnHold money.Minor
	// Paid left for where the payee is paid, within the statement, and InTransit is on its way there. Of a payout it is one of them by how
	// the payout stands, or neither if that did not arrive for good.
	Paid, InTransit money.Minor
	// PaidKnown says that Paid was added up; of days on demand it is once they are summed up.
	PaidKnown bool
}

// Headlines are the figures at the end of the statement.
func (s *Statement) Headlines() (h Headlines) {
	if s.of != nil {
		h.PaidKnown = true
		switch s.Payout.StateNow {
		case payouts.Paid:
			h.Paid = s.of.Amount
		case payouts.Failed, payouts.Cancelled, Returned:
		default:
			h.InTransit = s.of.Amount
		}
		return h
	}
	for _, b := range s.Buckets {
		switch b.Bucket {
		case Pending:
			h.Estimated += b.Closing
		case Available:
			h.Settled += b.Closing
		case InTransit:
			h.InTransit += b.Closing
		default:
			h.OnHold += b.Closing
		}
	}
	for _, t := range s.Totals {
		if t.Code == CodePayout {
			h.Paid -= t.Amount
		}
	}
	h.PaidKnown = s.Summed()
	return h
}
