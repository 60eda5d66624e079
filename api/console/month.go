package console

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A month of accounts: those of one row of the chart with what the month began, moved and ended with, and one account's entries that
// count in it. The figures of both come to those of the trial balance that led here.

// monthLine is an account in a month. Amounts are positive on the account's normal side.
type monthLine struct {
	Account                           ledger.Address
	Link                              string
	Currency                          money.Currency
	Normal                            ledger.Side
	Opening, Debits, Credits, Closing amount
}

// monthPage is what the pages of accounts have besides where they show a month.
type monthPage struct {
	Period ledger.Period
	// Month is the account, or Months those of the row.
	Month  *monthLine
	Months []monthLine
	// Whole leads to the same accounts without the month.
	Whole string
}

func monthLineOf(book ledger.Book, p ledger.Period, account ledger.Address, c money.Currency, normal ledger.Side, opening, debits, credits *big.Int) monthLine {
	on := func(v *big.Int) amount {
		if normal == ledger.Credit {
			v = new(big.Int).Neg(v)
		}
		return amount{v, c}
	}
	closing := new(big.Int).Sub(debits, credits)
	closing.Add(closing, opening)
	return monthLine{Account: account, Link: ofMonth(accountAddress(book, account, c), p), Currency: c, Normal: normal, Opening: on(opening), Debits: amount{debits, c},
		Credits: amount{credits, c}, Closing: on(closing)}
}

// accountsOfMonth shows the accounts of a row of the chart in a month.
func (c *console) accountsOfMonth(ctx context.Context, p accountsPage, query ledger.BalanceQuery) (answer, error) {
	tb, err := c.Ledger.TrialBalanceOfRow(ctx, p.Book, p.Period, p.Row, p.Currency, query.AfterAccount, query.AfterCurrency, query.Limit)
	if err != nil {
		return answer{}, err
	}
	p.AtSequence = tb.AtSequence
	for _, x := range tb.Rows {
		p.Months = append(p.Months, monthLineOf(p.Book, p.Period, x.Account, x.Currency, x.Normal, x.Opening, x.Debits, x.Credits))
	}
	here := ofMonth(rowAddressOf(p.Book, p.Row, p.Currency), p.Period)
	p.Whole = rowAddressOf(p.Book, p.Row, p.Currency)
	if query.AfterAccount != "" {
		p.First = here
	}
	if tb.More {
		p.Next = here + "&" + url.Values{"after": {string(tb.LastAccount)}, "after_currency": {string(tb.LastCurrency)}}.Encode()
	}
	return answer{Title: p.Row.Path + " " + p.Period.String(), Trail: trail(p.Book, c.monthTrail(ctx, p.Book, p.Period)...), Active: "accounts", Data: p}, nil
}

// accountOfMonth shows the entries of an account that count in a month, oldest first.
func (c *console) accountOfMonth(ctx context.Context, r *http.Request, p accountPage, currency money.Currency) (answer, error) {
	q := ledger.MonthQuery{Account: p.Account, Currency: currency, Period: p.Period, Limit: entriesPerPage}
	var err error
	if text := r.URL.Query().Get("after"); text != "" {
		if q.AfterSequence, q.AfterLine, q.SeenDebits, q.SeenCredits, err = placeOfMonth(text); err != nil {
			return answer{}, err
		}
		// What the pages before came to ends the list, so it counts only as this console wrote it. Without it no list ends too early.
		if !hmac.Equal([]byte(r.URL.Query().Get("seen")), []byte(c.seenOfMonth(p, currency, text))) {
			q.SeenDebits, q.SeenCredits = 0, 0
		}
	}
	page, err := c.Ledger.Month(ctx, p.Book, q)
	if err != nil {
		return answer{}, err
	}
	line := monthLineOf(p.Book, p.Period, p.Account, page.Currency, p.Row.Normal, page.Opening, page.Debits, page.Credits)
	p.Month, p.Whole = &line, accountAddress(p.Book, p.Account, page.Currency)
	if q.AfterSequence > 0 {
		p.First = line.Link
	}
	if page.More {
		after := placeMark(page.AfterSequence, page.AfterLine) + "," + strconv.FormatInt(page.SeenDebits, 10) + "," + strconv.FormatInt(page.SeenCredits, 10)
		p.Next = line.Link + "&after=" + after + "&seen=" + c.seenOfMonth(p, page.Currency, after)
	}
	p.fill(page.Lines)
	for i := range p.Lines {
		p.Lines[i].Link = p.Lines[i].Link + "?period=" + p.Period.String()
	}
	back := append(c.monthTrail(ctx, p.Book, p.Period), link{p.Row.Path, ofMonth(rowAddressOf(p.Book, p.Row, page.Currency), p.Period)})
	return answer{Title: string(p.Account) + " " + p.Period.String(), Active: "accounts", Trail: trail(p.Book, back...), Data: p}, nil
}

// seenOfMonth authenticates a place in the entries of an account that count in a month.
func (c *console) seenOfMonth(p accountPage, currency money.Currency, after string) string {
	mac := hmac.New(sha256.New, c.FormKey)
	mac.Write([]byte("mizan month 1\x00" + strings.Join([]string{p.Book.Code, string(p.Account), string(currency), p.Period.String(), after}, "\x00")))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// placeOfMonth reads "sequence,line,debits,credits" from an address.
func placeOfMonth(s string) (sequence int64, line int, debits, credits int64, err error) {
	parts := strings.Split(s, ",")
	if len(parts) != 4 {
		return 0, 0, 0, 0, errQuery
	}
	n := make([]int64, 4)
	for i, text := range parts {
		if n[i], err = strconv.ParseInt(text, 10, 64); err != nil || n[i] < 0 || n[i] > 1<<61 {
			return 0, 0, 0, 0, errQuery
		}
	}
	if n[0] == 0 || n[1] > 1<<15-1 {
		return 0, 0, 0, 0, errQuery
	}
	return n[0], int(n[1]), n[2], n[3], nil
}
