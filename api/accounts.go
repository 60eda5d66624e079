package api

import (
	"net/http"
	"reflect"
	"strconv"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
)

// The entries of one account, each with the balance after it.

type accountEntryJSON struct {
	Transaction string `json:"transaction" doc:"The id of the transaction it is a line of" example:"uk-42"`
	Sequence    int64  `json:"sequence" minimum:"1" example:"42"`
	EntryJSON
	Reference  string `json:"reference" example:"order-UK-1-captured"`
	Event      string `json:"event" example:"order.captured"`
	Subject    string `json:"subject,omitempty" example:"order:UK-1"`
	Memo       string `json:"memo,omitempty"`
	OccurredAt string `json:"occurred_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	RecordedAt string `json:"recorded_at" format:"date-time" example:"2026-11-20T10:00:01.250000Z"`
	Period     string `json:"period" example:"2026-11"`
}

type accountEntryListJSON struct {
	Data       []accountEntryJSON `json:"data" nullable:"false"`
	NextCursor *string            `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last one"`
}

type listEntriesQuery struct {
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Needed if the account exists in several currencies" example:"GBP"`
	Period   string `json:"period,omitempty" pattern:"^2[0-9]{3}-(0[1-9]|1[0-2])$" doc:"Only what counts in this accounting period, the oldest first; a page may be empty and still have a next one" example:"2026-11"`
	Order    string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the oldest first; desc: the newest first, not together with period"`
	Limit    int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor   string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

func accountOperations() []Operation {
	return []Operation{{
		Method: http.MethodGet, Path: "/v1/books/{book}/accounts/{address}/entries", ID: "list-entries", Group: "Balances",
		Summary: "List the entries of an account with its running balance", Scope: access.TransactionsRead, Query: reflect.TypeFor[listEntriesQuery](),
		Answers: []Answer{{Status: 200, Meaning: "A page, in the book's order.", Body: reflect.TypeFor[accountEntryListJSON]()}},
		Errors:  []*fault.Error{ErrCursor, ledger.ErrInvalid, ledger.ErrAddress, ledger.ErrAccountNotOpened, ledger.ErrCurrencyNeeded}, handle: listEntries,
	}}
}

func listEntries(c *call) (reply, error) {
	address, err := ledger.ParseAddress(c.param("address"))
	if err != nil {
		return reply{}, ledger.ErrAddress.At("path:address", ledger.ErrAddress.Code, ledger.ErrAddress.Message)
	}
	period := c.query.period()
	if period != 0 && c.query.descending() {
		c.query.invalid("order", "exclusive", "The entries of a period are listed the oldest first. Leave order out.")
	}
	if period != 0 {
		return monthEntries(c, address, period)
	}
	q := ledger.HistoryQuery{Account: address, Currency: c.query.currency(), Descending: c.query.descending(), Limit: c.query.limit()}
	if at := c.position(3); at != nil && at[0] == string(address) {
		q.AfterSequence, _ = strconv.ParseInt(at[1], 10, 64) // the MAC vouches for it
		q.AfterLine, _ = strconv.Atoi(at[2])
	} else if at != nil {
		c.query.fail(ErrCursor)
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	page, err := c.service.ledger.History(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	lines, more := page.Lines, page.More
	out := accountEntryListJSON{Data: c.accountEntries(lines)}
	if more {
		last := lines[len(lines)-1]
		next := c.nextCursor(string(address), strconv.FormatInt(last.Sequence, 10), strconv.Itoa(last.Line))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}

func (c *call) accountEntries(lines []ledger.HistoryLine) []accountEntryJSON {
	out := make([]accountEntryJSON, len(lines))
	for i, l := range lines {
		out[i] = accountEntryJSON{
			Transaction: ledger.TransactionID(c.book.Code, l.Sequence), Sequence: l.Sequence, EntryJSON: entryOf(l.Entry),
			Reference: l.Reference, Event: l.Event, Subject: l.Subject, Memo: l.Memo,
			OccurredAt: l.OccurredAt.UTC().Format(instantFormat), RecordedAt: l.RecordedAt.UTC().Format(instantFormat), Period: l.Period.String(),
		}
	}
	return out
}

// monthEntries lists what counts in a period on an account.
func monthEntries(c *call, address ledger.Address, period ledger.Period) (reply, error) {
	q := ledger.MonthQuery{Account: address, Currency: c.query.currency(), Period: period, Limit: c.query.limit()}
	if at := c.position(6); at != nil && at[0] == string(address) && at[1] == period.String() {
		for i, to := range []*int64{&q.AfterSequence, nil, &q.SeenDebits, &q.SeenCredits} {
			if to != nil {
				*to, _ = strconv.ParseInt(at[i+2], 10, 64) // the MAC vouches for it
			}
		}
		q.AfterLine, _ = strconv.Atoi(at[3])
	} else if at != nil {
		c.query.fail(ErrCursor)
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	page, err := c.service.ledger.Month(c.ctx, c.book, q)
	if err != nil {
		return reply{}, err
	}
	out := accountEntryListJSON{Data: c.accountEntries(page.Lines)}
	if page.More {
		next := c.nextCursor(string(address), period.String(), strconv.FormatInt(page.AfterSequence, 10), strconv.Itoa(page.AfterLine),
			strconv.FormatInt(page.SeenDebits, 10), strconv.FormatInt(page.SeenCredits, 10))
		out.NextCursor = &next
	}
	return document(http.StatusOK, out)
}
