package api

import (
	"encoding/hex"
	"slices"
	"strconv"

	"mizan/ledger"
	"mizan/ledger/money"
)

// A transaction as callers read it. The structs document the shape and make the OpenAPI schema; the bytes are written by
// appendTransaction, and a test holds the two equal.

type transactionJSON struct {
	ID              string            `json:"id" doc:"The transaction's id: the book's code and its place in the book's order" example:"uk-42"`
	Book            string            `json:"book" example:"uk"`
	Sequence        int64             `json:"sequence" minimum:"1" doc:"Its place in the book's order: 1, 2, 3 … without gaps" example:"42"`
	Reference       string            `json:"reference" doc:"The caller's own name for it, for ever" example:"order-UK-1-captured"`
	Event           string            `json:"event" example:"order.captured"`
	OccurredAt      string            `json:"occurred_at" format:"date-time" doc:"When it happened" example:"2026-11-20T10:00:00.000000Z"`
	RecordedAt      string            `json:"recorded_at" format:"date-time" doc:"When the book learned of it; never runs backwards" example:"2026-11-20T10:00:01.250000Z"`
	Period          string            `json:"period" doc:"The accounting period it counts in" example:"2026-11"`
	EffectivePeriod string            `json:"effective_period" doc:"The accounting period in which it happened" example:"2026-11"`
	OriginalPeriod  string            `json:"original_period,omitempty" doc:"The period of the original order or of the corrected transaction" example:"2026-10"`
	Subject         string            `json:"subject,omitempty" doc:"The business thing it is about, as kind:id" example:"order:UK-1"`
	LiveSession     string            `json:"live_session,omitempty" example:"ls_7"`
	Channel         string            `json:"channel,omitempty" example:"app"`
	Campaign        string            `json:"campaign,omitempty" example:"winter24"`
	Memo            string            `json:"memo,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	Reverses        string            `json:"reverses,omitempty" doc:"The id of the transaction that this one reverses" example:"uk-41"`
	Reposts         string            `json:"reposts,omitempty" doc:"The id of the transaction that this one posts again" example:"uk-40"`
	ContentHash     string            `json:"content_hash" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the canonical bytes, in hex"`
	Entries         []EntryJSON       `json:"entries" nullable:"false" doc:"The lines, in order; empty for a fact that posts nothing"`
}

// EntryJSON is a line as callers read it. It is exported because huma documents embedded structs only then.
type EntryJSON struct {
	Line           int    `json:"line" minimum:"1" example:"1"`
	Account        string `json:"account" example:"assets:processor:pending:stripe_uk"`
	Direction      string `json:"direction" enum:"debit,credit" example:"debit"`
	Amount         string `json:"amount" doc:"More than zero; the direction is the sign" example:"12.34"`
	Currency       string `json:"currency" example:"GBP"`
	BalanceAfter   string `json:"balance_after" doc:"The account's balance after this line, positive on the account's normal side" example:"112.34"`
	AccountVersion int64  `json:"account_version" minimum:"1" doc:"Counts the account's lines: 1, 2, 3 … without gaps" example:"7"`
	ExternalRef    string `json:"external_ref,omitempty" doc:"The processor's or bank's id of the line"`
}

func entryOf(e ledger.Entry) EntryJSON {
	return EntryJSON{
		Line: e.Line, Account: string(e.Account), Direction: e.Direction().String(), Amount: magnitude(e.Amount).Format(e.Currency),
		Currency: string(e.Currency), BalanceAfter: onNormalSide(e).Format(e.Currency), AccountVersion: e.Version, ExternalRef: e.ExternalRef,
	}
}

func magnitude(m money.Minor) money.Minor {
	if m < 0 {
		return -m
	}
	return m
}

// onNormalSide returns the balance after an entry as the account's readers expect it: positive on its normal side.
func onNormalSide(e ledger.Entry) money.Minor {
	if e.Normal == ledger.Credit {
		return -e.BalanceAfter
	}
	return e.BalanceAfter
}

// appendTransaction appends a transactionJSON.
func appendTransaction(b []byte, t *ledger.Transaction) []byte {
	b = append(b, `{"id":"`...)
	b = appendID(b, t.Book, t.Sequence)
	b = appendField(append(b, '"'), "book", t.Book)
	b = strconv.AppendInt(append(b, `,"sequence":`...), t.Sequence, 10)
	b = appendField(b, "reference", t.Reference)
	b = appendField(b, "event", t.Event)
	b = t.OccurredAt.UTC().AppendFormat(append(b, `,"occurred_at":"`...), instantFormat)
	b = t.RecordedAt.UTC().AppendFormat(append(b, `","recorded_at":"`...), instantFormat)
	b = appendPeriod(append(b, `","period":"`...), t.Period)
	b = appendPeriod(append(b, `","effective_period":"`...), t.Effective)
	b = append(b, '"')
	if t.Original != 0 {
		b = append(appendPeriod(append(b, `,"original_period":"`...), t.Original), '"')
	}
	b = appendOptional(b, "subject", t.Subject)
	b = appendOptional(b, "live_session", t.LiveSession)
	b = appendOptional(b, "channel", t.Channel)
	b = appendOptional(b, "campaign", t.Campaign)
	b = appendOptional(b, "memo", t.Memo)
	b = appendMetadata(b, t.Metadata)
	if t.Reverses != 0 {
		b = append(appendID(append(b, `,"reverses":"`...), t.Book, t.Reverses), '"')
	}
	if t.Reposts != 0 {
		b = append(appendID(append(b, `,"reposts":"`...), t.Book, t.Reposts), '"')
	}
	b = hex.AppendEncode(append(b, `,"content_hash":"`...), t.ContentHash[:])
	b = append(b, `","entries":[`...)
	for i := range t.Entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEntry(b, &t.Entries[i])
	}
	return append(b, "]}"...)
}

func appendID(b []byte, book string, sequence int64) []byte {
	return strconv.AppendInt(append(append(b, book...), '-'), sequence, 10)
}

func appendPeriod(b []byte, p ledger.Period) []byte {
	if p < 100001 || p > 999912 {
		return append(b, p.String()...)
	}
	return append(b, byte('0'+p/100000), byte('0'+p/10000%10), byte('0'+p/1000%10), byte('0'+p/100%10), '-', byte('0'+p/10%10), byte('0'+p%10))
}

func appendMetadata(b []byte, m map[string]string) []byte {
	if len(m) == 0 {
		return b
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, `,"metadata":{`...)
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, k), ':')
		b = appendText(b, m[k])
	}
	return append(b, '}')
}

func appendEntry(b []byte, e *ledger.Entry) []byte {
	b = strconv.AppendInt(append(b, `{"line":`...), int64(e.Line), 10)
	b = appendField(b, "account", string(e.Account))
	if e.Amount < 0 {
		b = append(b, `,"direction":"credit","amount":"`...)
	} else {
		b = append(b, `,"direction":"debit","amount":"`...)
	}
	b = magnitude(e.Amount).AppendFormat(b, e.Currency)
	b = appendField(append(b, '"'), "currency", string(e.Currency))
	b = onNormalSide(*e).AppendFormat(append(b, `,"balance_after":"`...), e.Currency)
	b = strconv.AppendInt(append(b, `","account_version":`...), e.Version, 10)
	b = appendOptional(b, "external_ref", e.ExternalRef)
	return append(b, '}')
}

// appendTransactions appends {"data":[…], and leaves the object open for what follows the list.
func appendTransactions(b []byte, ts []ledger.Transaction) []byte {
	b = append(b, `{"data":[`...)
	for i := range ts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTransaction(b, &ts[i])
	}
	return append(b, ']')
}

// appendNext appends the cursor of the next page, null if there is none, and closes the object.
func appendNext(b []byte, cursor string) []byte {
	b = append(b, `,"next_cursor":`...)
	if cursor == "" {
		return append(b, "null}"...)
	}
	return append(appendText(b, cursor), '}')
}
