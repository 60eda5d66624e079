package api

import (
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Balances of accounts, now, at a sequence or as of a time; and the trial balance, which proves that a book balances.

type balanceJSON struct {
	Account    string `json:"account" example:"liabilities:seller:available:sel_uk"`
	Currency   string `json:"currency" example:"GBP"`
	Debits     string `json:"debits" doc:"The sum of all debits" example:"0.00"`
	Credits    string `json:"credits" doc:"The sum of all credits" example:"12.34"`
	NormalSide string `json:"normal_side" enum:"debit,credit"`
	Balance    string `json:"balance" doc:"Positive on the normal side" example:"12.34"`
}

type balanceListJSON struct {
	AtSequence int64         `json:"at_sequence" minimum:"0" doc:"The balances are those right after this transaction, on every page" example:"42"`
	Data       []balanceJSON `json:"data" nullable:"false" doc:"In order of address and currency"`
	NextCursor *string       `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

type listBalancesQuery struct {
	Prefix     string `json:"prefix,omitempty" minLength:"1" maxLength:"584" doc:"The beginning of the addresses wanted" example:"liabilities:seller:"`
	Currency   string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" example:"GBP"`
	AtSequence int64  `json:"at_sequence,omitempty" minimum:"1" doc:"The balances right after this transaction" example:"42"`
	AsOf       string `json:"as_of,omitempty" format:"date-time" doc:"The balances at this recorded time; not together with at_sequence" example:"2026-11-20T10:00:00Z"`
	Limit      int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor     string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type trialBalanceQuery struct {
	Period string `json:"period,omitempty" pattern:"^2[0-9]{3}-(0[1-9]|1[0-2])$" doc:"One accounting period; left out, everything up to now" example:"2026-11"`
	Detail string `json:"detail,omitempty" enum:"row,account" default:"row" doc:"row: by row of the chart, on one page; account: by account, in pages"`
	Code   int64  `json:"code,omitempty" minimum:"1" maximum:"9999" doc:"One row of the chart, together with detail=account; a page may be empty and still have a next one" example:"2110"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"Accounts per page; by row there is one page"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type trialRowJSON struct {
	Code           int     `json:"code" doc:"The row of the chart" example:"1010"`
	Account        string  `json:"account" doc:"The row's path, or the account's address" example:"assets:processor:pending:stripe_uk"`
	Currency       string  `json:"currency" example:"GBP"`
	NormalSide     string  `json:"normal_side" enum:"debit,credit"`
	OpeningBalance *string `json:"opening_balance,omitempty" nullable:"false" doc:"Before the period, positive on the normal side; only with period" example:"0.00"`
	Debits         string  `json:"debits" doc:"Of the period, or since the beginning" example:"12.34"`
	Credits        string  `json:"credits" doc:"Of the period, or since the beginning" example:"0.00"`
	Balance        string  `json:"balance" doc:"At the end, positive on the normal side" example:"12.34"`
	DebitBalance   string  `json:"debit_balance" doc:"The balance if it is a debit, else zero" example:"12.34"`
	CreditBalance  string  `json:"credit_balance" doc:"The balance if it is a credit, else zero" example:"0.00"`
}

type trialTotalJSON struct {
	Currency      string `json:"currency" example:"GBP"`
	Debits        string `json:"debits" doc:"Of all rows of the book; equal to credits" example:"12.34"`
	Credits       string `json:"credits" example:"12.34"`
	DebitBalance  string `json:"debit_balance,omitempty" doc:"Of all rows, equal to credit_balance; only by row, because accounts of one row may stand on both sides" example:"12.34"`
	CreditBalance string `json:"credit_balance,omitempty" example:"12.34"`
}

type trialBalanceJSON struct {
	Period     string           `json:"period,omitempty" example:"2026-11"`
	AtSequence int64            `json:"at_sequence" minimum:"0" doc:"What is recorded up to this transaction is in it" example:"42"`
	Data       []trialRowJSON   `json:"data" nullable:"false"`
	Totals     []trialTotalJSON `json:"totals" nullable:"false" doc:"Per currency, of the whole book"`
	NextCursor *string          `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

func balanceOperations() []Operation {
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/balances", ID: "list-balances", Group: "Balances", Summary: "List balances",
			Description: "All pages hold the balances of the same moment, however much is posted in between. A page may be empty and still have a next one.",
			Scope:       access.BalancesRead, Query: reflect.TypeFor[listBalancesQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page.", Body: reflect.TypeFor[balanceListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, ledger.ErrInvalid, ledger.ErrSequenceAhead}, handle: listBalances,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/trial-balance", ID: "get-trial-balance", Group: "Balances", Summary: "Read the trial balance",
			Scope: access.BalancesRead, Query: reflect.TypeFor[trialBalanceQuery](),
			Answers: []Answer{{Status: 200, Meaning: "The trial balance.", Body: reflect.TypeFor[trialBalanceJSON]()}},
			Errors:  []*fault.Error{ErrCursor, ledger.ErrInvalid}, handle: getTrialBalance,
		},
	}
}

func listBalances(c *call) (reply, error) {
	q := ledger.BalanceQuery{
		Prefix: c.query.text("prefix"), Currency: c.query.currency(), AtSequence: c.query.integer("at_sequence", 1, 1<<53, 0),
		AsOf: c.query.instant("as_of", c.service.now()), Limit: c.query.limit(),
	}
	if q.AtSequence != 0 && !q.AsOf.IsZero() {
		c.query.invalid("as_of", "exclusive", "Send as_of or at_sequence, not both.")
	}
	if strings.Trim(q.Prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-:") != "" || len(q.Prefix) > ledger.MaxAddressBytes {
		c.query.invalid("prefix", "account-address", "A prefix holds letters, digits, _ . - and colons only.")
	}
	if at := c.position(3); at != nil {
		q.AfterAccount, q.AfterCurrency = ledger.Address(at[0]), money.Currency(at[1])
		q.AtSequence, _ = strconv.ParseInt(at[2], 10, 64) // the MAC vouches for it
		q.AsOf = time.Time{}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	page, err := c.service.ledger.Balances(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	out := balanceListJSON{AtSequence: page.AtSequence, Data: make([]balanceJSON, len(page.Balances))}
	for i, b := range page.Balances {
		out.Data[i] = balanceJSON{
			Account: string(b.Account), Currency: string(b.Currency), Debits: money.Minor(b.Debits).Format(b.Currency),
			Credits: money.Minor(b.Credits).Format(b.Currency), NormalSide: b.Normal.String(), Balance: b.Net().Format(b.Currency),
		}
	}
	// Before the first transaction there is nothing to page through, and sequence 0 would mean "now".
	if page.More && page.AtSequence > 0 {
		next := c.nextCursor(string(page.LastAccount), string(page.LastCurrency), strconv.FormatInt(page.AtSequence, 10))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func getTrialBalance(c *call) (reply, error) {
	period, byAccount, limit := c.query.period(), c.query.choice("detail", "row", "account") == "account", c.query.limit()
	row := c.service.ledger.Chart().Row(int(c.query.integer("code", 1, 9999, 0)))
	if c.query.text("code") != "" && (row == nil || !byAccount) {
		c.query.invalid("code", "chart-code", "Send the number of a row of the chart, together with detail=account.")
	}
	var after ledger.Address
	var afterCurrency money.Currency
	if at := c.position(2); at != nil {
		after, afterCurrency = ledger.Address(at[0]), money.Currency(at[1])
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	rows, err := c.service.ledger.TrialBalance(c.ctx, c.book, period)
	if err != nil {
		return reply{}, err
	}
	out := trialBalanceJSON{Period: period.String(), AtSequence: rows.AtSequence, Totals: totalsOf(rows.Rows, byAccount), Data: []trialRowJSON{}}
	switch {
	case byAccount && row != nil:
		if rows, err = c.service.ledger.TrialBalanceOfRow(c.ctx, c.book, period, row, "", after, afterCurrency, limit); err != nil {
			return reply{}, err
		}
		out.AtSequence = rows.AtSequence
	case byAccount:
		if rows, err = c.service.ledger.TrialBalanceByAccount(c.ctx, c.book, period, after, afterCurrency, limit); err != nil {
			return reply{}, err
		}
		out.AtSequence = rows.AtSequence
	}
	for _, r := range rows.Rows {
		out.Data = append(out.Data, trialRowOf(r, period))
	}
	if rows.More {
		next := c.nextCursor(string(rows.LastAccount), string(rows.LastCurrency))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func trialRowOf(r ledger.TrialRow, period ledger.Period) trialRowJSON {
	closing := r.Closing()
	debit, credit := columns(closing)
	out := trialRowJSON{
		Code: r.Code, Account: string(r.Account), Currency: string(r.Currency), NormalSide: r.Normal.String(),
		Debits: formatBig(r.Debits, r.Currency), Credits: formatBig(r.Credits, r.Currency), Balance: formatBig(normal(closing, r.Normal), r.Currency),
		DebitBalance: formatBig(debit, r.Currency), CreditBalance: formatBig(credit, r.Currency),
	}
	if period != 0 {
		opening := formatBig(normal(r.Opening, r.Normal), r.Currency)
		out.OpeningBalance = &opening
	}
	return out
}

// columns puts a balance, debit positive, into the debit or the credit column.
func columns(balance *big.Int) (debit, credit *big.Int) {
	if balance.Sign() < 0 {
		return new(big.Int), new(big.Int).Neg(balance)
	}
	return balance, new(big.Int)
}

// normal turns a balance that is debit positive into one that is positive on the normal side.
func normal(balance *big.Int, side ledger.Side) *big.Int {
	if side == ledger.Credit {
		return new(big.Int).Neg(balance)
	}
	return balance
}

// totalsOf adds up the rows per currency.
func totalsOf(rows []ledger.TrialRow, turnoverOnly bool) []trialTotalJSON {
	type sums struct{ debits, credits, debit, credit big.Int }
	totals := map[money.Currency]*sums{}
	var currencies []money.Currency
	for _, r := range rows {
		s := totals[r.Currency]
		if s == nil {
			s = &sums{}
			totals[r.Currency] = s
			currencies = append(currencies, r.Currency)
		}
		debit, credit := columns(r.Closing())
		s.debits.Add(&s.debits, r.Debits)
		s.credits.Add(&s.credits, r.Credits)
		s.debit.Add(&s.debit, debit)
		s.credit.Add(&s.credit, credit)
	}
	slices.Sort(currencies)
	out := make([]trialTotalJSON, len(currencies))
	for i, c := range currencies {
		s := totals[c]
		out[i] = trialTotalJSON{Currency: string(c), Debits: formatBig(&s.debits, c), Credits: formatBig(&s.credits, c)}
		if !turnoverOnly {
			out[i].DebitBalance, out[i].CreditBalance = formatBig(&s.debit, c), formatBig(&s.credit, c)
		}
	}
	return out
}

// formatBig writes minor units as money.Minor does; sums of many accounts may pass its 64 bits.
func formatBig(v *big.Int, c money.Currency) string {
	if v.IsInt64() {
		return money.Minor(v.Int64()).Format(c)
	}
	digits, sign := new(big.Int).Abs(v).String(), ""
	if v.Sign() < 0 {
		sign = "-"
	}
	if n := c.Digits(); n > 0 {
		digits = digits[:len(digits)-n] + "." + digits[len(digits)-n:]
	}
	return sign + digits
}
