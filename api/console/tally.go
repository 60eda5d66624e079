package console

import (
	"math/big"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A tally is a trial balance of one currency as people read it: each row's balance in the debit or the credit column,
// and the two sums that prove the book.

// tally is one currency of a trial balance.
type tally struct {
	Currency money.Currency
	Period   bool
	Groups   []tallyGroup
	// Debits and Credits are the sums of the balance columns; TurnoverDebits and TurnoverCredits those of the turnover.
	Debits, Credits                 amount
	TurnoverDebits, TurnoverCredits amount
	// Ties says that both pairs are equal.
	Ties bool
	// Difference is debits less credits, for the case that must not be.
	Difference amount
}

// tallyGroup is the rows of one root of the chart.
type tallyGroup struct {
	Root string
	Rows []tallyRow
}

type tallyRow struct {
	Code                            int
	Account                         ledger.Address
	Meaning                         string
	Link                            string
	Opening                         amount
	TurnoverDebits, TurnoverCredits amount
	Debit, Credit                   amount
	Alarm                           bool
}

// tallies groups the rows of a trial balance by currency, in the book's order of currencies.
func tallies(book ledger.Book, chart *ledger.Chart, tb ledger.TrialBalance) []tally {
	byCurrency := map[money.Currency]*tallying{}
	for _, row := range tb.Rows {
		t := byCurrency[row.Currency]
		if t == nil {
			t = newTallying(row.Currency, tb.Period != 0)
			byCurrency[row.Currency] = t
		}
		t.add(book, chart, row)
	}
	place := map[money.Currency]int{}
	for i, c := range book.Currencies {
		place[c] = i
	}
	out := make([]tally, 0, len(byCurrency))
	for _, t := range byCurrency {
		out = append(out, t.finish())
	}
	sort.Slice(out, func(i, j int) bool { return place[out[i].Currency] < place[out[j].Currency] })
	return out
}

// tallying is a tally being added up.
type tallying struct {
	tally
	debits, credits, turnoverDebits, turnoverCredits big.Int
}

func newTallying(c money.Currency, period bool) *tallying {
	return &tallying{tally: tally{Currency: c, Period: period}}
}

func (t *tallying) add(book ledger.Book, chart *ledger.Chart, row ledger.TrialRow) {
	closing := row.Closing()
	r := tallyRow{Code: row.Code, Account: row.Account, Opening: amount{row.Opening, row.Currency},
		TurnoverDebits: amount{row.Debits, row.Currency}, TurnoverCredits: amount{row.Credits, row.Currency}}
	t.turnoverDebits.Add(&t.turnoverDebits, row.Debits)
	t.turnoverCredits.Add(&t.turnoverCredits, row.Credits)
	var side ledger.Side
	switch closing.Sign() {
	case 1:
		side, r.Debit = ledger.Debit, amount{closing, row.Currency}
		t.debits.Add(&t.debits, closing)
	case -1:
		side, r.Credit = ledger.Credit, amount{new(big.Int).Neg(closing), row.Currency}
		t.credits.Sub(&t.credits, closing)
	default:
		if row.Normal == ledger.Credit {
			r.Credit = amount{closing, row.Currency}
		} else {
			r.Debit = amount{closing, row.Currency}
		}
	}
	if c := chart.Row(row.Code); c != nil {
		r.Meaning = c.Meaning
		r.Alarm = side != 0 && side != row.Normal && c.Floor.Alarms()
		r.Link = rowAddress(book, c, row.Currency)
	}
	root, _, _ := strings.Cut(string(row.Account), ":")
	if n := len(t.Groups); n == 0 || t.Groups[n-1].Root != root {
		t.Groups = append(t.Groups, tallyGroup{Root: root})
	}
	g := &t.Groups[len(t.Groups)-1]
	g.Rows = append(g.Rows, r)
}

func (t *tallying) finish() tally {
	c := t.Currency
	t.Debits, t.Credits = amount{&t.debits, c}, amount{&t.credits, c}
	t.TurnoverDebits, t.TurnoverCredits = amount{&t.turnoverDebits, c}, amount{&t.turnoverCredits, c}
	t.Ties = t.debits.Cmp(&t.credits) == 0 && t.turnoverDebits.Cmp(&t.turnoverCredits) == 0
	t.Difference = amount{new(big.Int).Sub(&t.debits, &t.credits), c}
	return t.tally
}

// rowAddress leads from a row of the chart to its accounts, or straight to the only one it has.
func rowAddress(book ledger.Book, row *ledger.ChartRow, c money.Currency) string {
	if row.Owner == "" {
		return accountAddress(book, ledger.Address(row.Path), c)
	}
	return bookAddress(book) + "/accounts?" + url.Values{"code": {strconv.Itoa(row.Code)}, "currency": {string(c)}}.Encode()
}

func bookAddress(book ledger.Book) string { return "/books/" + url.PathEscape(book.Code) }

func accountAddress(book ledger.Book, a ledger.Address, c money.Currency) string {
	return bookAddress(book) + "/accounts/" + url.PathEscape(string(a)) + "?" + url.Values{"currency": {string(c)}}.Encode()
}

func transactionAddress(book ledger.Book, sequence int64) string {
	return bookAddress(book) + "/transactions/" + ledger.TransactionID(book.Code, sequence)
}

// allTie reports whether every currency ties.
func allTie(ts []tally) bool {
	for _, t := range ts {
		if !t.Ties {
			return false
		}
	}
	return true
}
