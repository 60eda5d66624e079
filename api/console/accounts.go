package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Accounts: those of one row of the chart with what they hold, and one account's entries with its running balance.

type accountsPage struct {
	monthPage
	Book        ledger.Book
	Tabs        []tab
	Row         *ledger.ChartRow
	Currency    money.Currency
	AtSequence  int64
	Accounts    []accountLine
	Next, First string
}

type accountLine struct {
	Account         ledger.Address
	Link            string
	Currency        money.Currency
	Normal          ledger.Side
	Debits, Credits amount
	Balance         amount
}

func (c *console) accounts(ctx context.Context, r *http.Request) (answer, error) {
	book, err := c.Ledger.Book(ctx, r.PathValue("book"))
	if err != nil {
		return answer{}, err
	}
	q := r.URL.Query()
	p := accountsPage{Book: book, Tabs: c.bookTabs(ctx, book, "Book"), Currency: money.Currency(q.Get("currency"))}
	query := ledger.BalanceQuery{Currency: p.Currency, AfterCurrency: money.Currency(q.Get("after_currency")), Limit: entriesPerPage}
	if unusable(string(p.Currency)) || unusable(string(query.AfterCurrency)) {
		return answer{}, errQuery
	}
	if after := q.Get("after"); after != "" {
		if query.AfterAccount, err = ledger.ParseAddress(after); err != nil {
			return answer{}, errQuery
		}
	}
	if text := q.Get("code"); text != "" {
		code, err := strconv.Atoi(text)
		if p.Row = c.Ledger.Chart().Row(code); err != nil || p.Row == nil {
			return answer{}, errQuery
		}
		query.Prefix = p.Row.Path
		if p.Row.OwnerRequired {
			query.Prefix += ":"
		}
	}
	if p.Period, err = monthAsked(r); err != nil {
		return answer{}, err
	}
	if p.Period != 0 && p.Row != nil {
		return c.accountsOfMonth(ctx, p, query)
	}
	page, err := c.Ledger.Balances(ctx, book, query)
	if err != nil {
		return answer{}, err
	}
	p.AtSequence = page.AtSequence
	for _, b := range page.Balances {
		if p.Row == nil || b.Code == p.Row.Code { // a prefix of letters may catch the neighbour's accounts, too
			p.Accounts = append(p.Accounts, accountLine{Account: b.Account, Link: accountAddress(book, b.Account, b.Currency), Currency: b.Currency,
				Normal: b.Normal, Debits: minor(money.Minor(b.Debits), b.Currency), Credits: minor(money.Minor(b.Credits), b.Currency),
				Balance: minor(b.Net(), b.Currency)})
		}
	}
	here := func(after ledger.Address, currency money.Currency) string {
		v := url.Values{}
		for name, value := range map[string]string{"code": q.Get("code"), "currency": string(p.Currency), "after": string(after), "after_currency": string(currency)} {
			if value != "" {
				v.Set(name, value)
			}
		}
		return bookAddress(book) + "/accounts?" + v.Encode()
	}
	if query.AfterAccount != "" {
		p.First = here("", "")
	}
	if page.More {
		p.Next = here(page.LastAccount, page.LastCurrency)
	}
	title := tellerOf(ctx).say("trace.accounts")
	if p.Row != nil {
		title = p.Row.Path
	}
	return answer{Title: title, Trail: trail(book), Active: "accounts", Data: p}, nil
}

type accountPage struct {
	monthPage
	Book    ledger.Book
	Tabs    []tab
	Account ledger.Address
	Row     *ledger.ChartRow
	// Choices is set where the account exists in several currencies and none was chosen.
	Choices []accountLine
	Now     accountLine
	// Count is the number of entries the account has.
	Count       int64
	Lines       []historyLine
	Next, First string
}

// historyLine is an entry of an account with what its transaction says.
type historyLine struct {
	entryLine
	ID, Link       string
	Event, Subject string
	Memo           string
	RecordedAt     time.Time
	Version        int64
}

func (c *console) account(ctx context.Context, r *http.Request) (answer, error) {
	book, err := c.Ledger.Book(ctx, r.PathValue("book"))
	if err != nil {
		return answer{}, err
	}
	account, err := ledger.ParseAddress(r.PathValue("address"))
	if err != nil {
		return answer{}, err
	}
	p := accountPage{Book: book, Tabs: c.bookTabs(ctx, book, "Book"), Account: account}
	if p.Row, err = c.Ledger.Chart().Resolve(account); err != nil {
		return answer{}, ledger.ErrAccountNotOpened
	}
	currency := money.Currency(r.URL.Query().Get("currency"))
	if p.Period, err = monthAsked(r); err != nil || unusable(string(currency)) {
		return answer{}, cmp.Or(err, error(errQuery))
	}
	if p.Period != 0 {
		a, err := c.accountOfMonth(ctx, r, p, currency)
		if !errors.Is(err, ledger.ErrCurrencyNeeded) {
			return a, err
		}
	}
	after, line, err := place(r.URL.Query().Get("after"))
	if err != nil || unusable(string(currency)) {
		return answer{}, errQuery
	}
	a := answer{Title: string(account), Active: "accounts", Trail: trail(book, link{p.Row.Path, rowAddressOf(book, p.Row, currency)})}
	page, err := c.Ledger.History(ctx, book, ledger.HistoryQuery{Account: account, Currency: currency, AfterSequence: after, AfterLine: line,
		Descending: true, Limit: entriesPerPage})
	if errors.Is(err, ledger.ErrCurrencyNeeded) {
		p.Choices, err = c.holdings(ctx, book, account, "")
		for i := range p.Choices {
			p.Choices[i].Link = ofMonth(p.Choices[i].Link, p.Period)
		}
		a.Data = p
		return a, err
	}
	if err != nil {
		return answer{}, err
	}
	holdings, err := c.holdings(ctx, book, account, currency)
	if err != nil {
		return answer{}, err
	}
	if len(holdings) == 0 {
		return answer{}, ledger.ErrAccountNotOpened
	}
	p.Now = holdings[0]
	if after > 0 {
		p.First = accountAddress(book, account, p.Now.Currency)
	}
	if page.More {
		last := page.Lines[len(page.Lines)-1]
		p.Next = accountAddress(book, account, p.Now.Currency) + "&after=" + strconv.FormatInt(last.Sequence, 10) + "," + strconv.Itoa(last.Line)
	}
	p.fill(page.Lines)
	a.Data = p
	return a, nil
}

// fill shows the entries read.
func (p *accountPage) fill(lines []ledger.HistoryLine) {
	for _, h := range lines {
		p.Count = max(p.Count, h.Version)
		p.Lines = append(p.Lines, historyLine{entryLine: entryLineOf(p.Book, h.Entry), ID: ledger.TransactionID(p.Book.Code, h.Sequence),
			Link: transactionAddress(p.Book, h.Sequence), Event: h.Event, Subject: h.Subject, Memo: h.Memo, RecordedAt: h.RecordedAt, Version: h.Version})
	}
}

// rowAddressOf leads to the accounts of a row; a row with one account has no list.
func rowAddressOf(book ledger.Book, row *ledger.ChartRow, c money.Currency) string {
	v := url.Values{"code": {strconv.Itoa(row.Code)}}
	if c != "" {
		v.Set("currency", string(c))
	}
	return bookAddress(book) + "/accounts?" + v.Encode()
}

// holdings returns what an account holds, by currency. An account's currencies come first among the addresses that begin
// like it, so one page holds them all: a book has at most 200.
func (c *console) holdings(ctx context.Context, book ledger.Book, account ledger.Address, currency money.Currency) ([]accountLine, error) {
	page, err := c.Ledger.Balances(ctx, book, ledger.BalanceQuery{Prefix: string(account), Currency: currency, Limit: 200})
	if err != nil {
		return nil, err
	}
	var out []accountLine
	for _, b := range page.Balances {
		if b.Account == account {
			out = append(out, accountLine{Account: b.Account, Link: accountAddress(book, account, b.Currency), Currency: b.Currency, Normal: b.Normal,
				Debits: minor(money.Minor(b.Debits), b.Currency), Credits: minor(money.Minor(b.Credits), b.Currency), Balance: minor(b.Net(), b.Currency)})
		}
	}
	return out, nil
}

// place reads "sequence,line" from an address.
func place(s string) (sequence int64, line int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	before, after, ok := strings.Cut(s, ",")
	if sequence, err = positive(before); err != nil || !ok {
		return 0, 0, errQuery
	}
	n, err := positive(after)
	if err != nil || n > ledger.MaxLines {
		return 0, 0, errQuery
	}
	return sequence, int(n), nil
}
