package client

// Balance: what accounts hold, how they came to it, and the proof that the book balances.

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"

	"mizan/ledger/money"
)

// Balance is what one account holds.
type Balance struct {
	Account  string         `json:"account"`
	Currency money.Currency `json:"currency"`
	// Debits and Credits are the turnover since the account was opened.
	Debits  string `json:"debits"`
	Credits string `json:"credits"`
	// NormalSide is "debit" or "credit"; Balance is positive on it.
	NormalSide string `json:"normal_side"`
	Balance    string `json:"balance"`
}

// Minor returns the balance in minor units, positive on the normal side.
func (b Balance) Minor() (money.Minor, error) { return parseSigned(b.Balance, b.Currency) }

// parseSigned reads an amount of the service, which unlike an amount sent to it may carry a sign.
func parseSigned(s string, c money.Currency) (money.Minor, error) {
	if len(s) > 0 && s[0] == '-' {
		m, err := money.ParseAmount(s[1:], c)
		return -m, err
	}
	return money.ParseAmount(s, c)
}

// BalanceQuery selects balances. At most one of AtSequence and AsOf may be set; without either it is the balances now.
type BalanceQuery struct {
	// Prefix is the beginning of the addresses wanted; empty for all.
	Prefix   string
	Currency money.Currency
	// AtSequence asks for the balances right after that transaction.
	AtSequence int64
	// AsOf asks for the balances at that recorded time.
	AsOf time.Time
}

// Balances walks the balances that the query selects, in order of address and currency, all of one moment.
func (c *Client) Balances(ctx context.Context, book string, q BalanceQuery) iter.Seq2[Balance, error] {
	query := url.Values{}
	set(query, "prefix", q.Prefix)
	set(query, "currency", string(q.Currency))
	if q.AtSequence != 0 {
		query.Set("at_sequence", strconv.FormatInt(q.AtSequence, 10))
	}
	if !q.AsOf.IsZero() {
		query.Set("as_of", q.AsOf.UTC().Format(time.RFC3339Nano))
	}
	return walk[Balance](ctx, c, place("v1", "books", book, "balances"), query)
}

// TrialBalance proves that a book balances: per currency its debit and credit columns have the same sum.
type TrialBalance struct {
	// Period is the month it is for, empty for everything up to now.
	Period string `json:"period"`
	// AtSequence is the last transaction it holds.
	AtSequence int64        `json:"at_sequence"`
	Rows       []TrialRow   `json:"data"`
	Totals     []TrialTotal `json:"totals"`
}

// TrialRow is one row of the chart of accounts, or one account.
type TrialRow struct {
	// Code is the chart's number of the row.
	Code     int            `json:"code"`
	Account  string         `json:"account"`
	Currency money.Currency `json:"currency"`
	// NormalSide is "debit" or "credit"; Balance and OpeningBalance are positive on it.
	NormalSide     string `json:"normal_side"`
	OpeningBalance string `json:"opening_balance,omitempty"`
	// Debits and Credits are the turnover.
	Debits  string `json:"debits"`
	Credits string `json:"credits"`
	Balance string `json:"balance"`
	// DebitBalance and CreditBalance are the columns of the trial balance; one of them is zero.
	DebitBalance  string `json:"debit_balance"`
	CreditBalance string `json:"credit_balance"`
}

// TrialTotal is the sum of the columns in one currency.
type TrialTotal struct {
	Currency      money.Currency `json:"currency"`
	Debits        string         `json:"debits"`
	Credits       string         `json:"credits"`
	DebitBalance  string         `json:"debit_balance"`
	CreditBalance string         `json:"credit_balance"`
}

// Balanced reports whether both columns and both turnovers are the same.
func (t TrialTotal) Balanced() bool {
	return t.Debits == t.Credits && t.DebitBalance == t.CreditBalance
}

// TrialBalance returns the trial balance by rows of the chart, of one month ("2026-11") or, if period is empty, of
// everything up to now.
func (c *Client) TrialBalance(ctx context.Context, book, period string) (TrialBalance, error) {
	query := url.Values{}
	set(query, "period", period)
	var tb TrialBalance
	err := c.get(ctx, place("v1", "books", book, "trial-balance"), query, &tb)
	return tb, err
}

// TrialBalanceByAccount walks the trial balance account by account. Its pages are read one after the other: sums of them
// prove something only while nothing is posted.
func (c *Client) TrialBalanceByAccount(ctx context.Context, book, period string) iter.Seq2[TrialRow, error] {
	query := url.Values{"detail": {"account"}}
	set(query, "period", period)
	return walk[TrialRow](ctx, c, place("v1", "books", book, "trial-balance"), query)
}

// TrialBalanceOfRow is TrialBalanceByAccount of the accounts of one row of the chart.
func (c *Client) TrialBalanceOfRow(ctx context.Context, book, period string, code int) iter.Seq2[TrialRow, error] {
	query := url.Values{"detail": {"account"}, "code": {strconv.Itoa(code)}}
	set(query, "period", period)
	return walk[TrialRow](ctx, c, place("v1", "books", book, "trial-balance"), query)
}

// AccountEntry is one entry of an account, with what its transaction says about it.
type AccountEntry struct {
	Entry
	// TransactionID and Sequence name the transaction.
	TransactionID string    `json:"transaction"`
	Sequence      int64     `json:"sequence"`
	Reference     string    `json:"reference"`
	Event         string    `json:"event"`
	Subject       string    `json:"subject,omitempty"`
	Memo          string    `json:"memo,omitempty"`
	OccurredAt    time.Time `json:"occurred_at"`
	RecordedAt    time.Time `json:"recorded_at"`
	Period        string    `json:"period"`
}

// EntryQuery selects entries of one account.
type EntryQuery struct {
	// Currency may be empty if the account exists in one currency only.
	Currency money.Currency
	// Period asks for what counts in one month, such as "2026-11", the oldest first; empty for everything.
	Period string
	// Descending asks for the newest first, which a month is not listed by.
	Descending bool
}

// Entries walks an account's entries with the running balance.
func (c *Client) Entries(ctx context.Context, book, account string, q EntryQuery) iter.Seq2[AccountEntry, error] {
	query := url.Values{}
	set(query, "currency", string(q.Currency))
	set(query, "period", q.Period)
	if q.Descending {
		query.Set("order", "desc")
	}
	return walk[AccountEntry](ctx, c, place("v1", "books", book, "accounts", account, "entries"), query)
}
