package client

// Transaction: posted once under its reference, and never changed.

import (
	"context"
	"iter"
	"net/url"
	"time"

	"mizan/ledger/money"
)

// NewTransaction is a transaction before it is recorded.
type NewTransaction struct {
	// Reference is the caller's own name for the posting, 1 to 255 printable ASCII characters: one namespace per book, for
	// ever. Build it from what the posting is about, so that a restarted program finds the same one again.
	Reference string `json:"reference"`
	// Event is the business name of what happened, such as "order.captured".
	Event string `json:"event"`
	// OccurredAt is when it happened, sent to the microsecond; if zero, the service takes the time of recording.
	OccurredAt time.Time `json:"occurred_at,omitzero"`
	// Subject is the business thing it is about, such as "order:UK-1".
	Subject     string `json:"subject,omitempty"`
	LiveSession string `json:"live_session,omitempty"`
	Channel     string `json:"channel,omitempty"`
	Campaign    string `json:"campaign,omitempty"`
	// Memo and Metadata are kept for ever: nothing personal belongs there.
	Memo     string            `json:"memo,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Entries  []Line            `json:"entries"`
}

// Line is one line of a new transaction. Debit and Credit make one.
type Line struct {
	Account string `json:"account"`
	// Direction is "debit" or "credit".
	Direction string `json:"direction"`
	// Amount is a decimal string above zero, such as "12.34". Amount formats minor units.
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"`
	// ExternalRef is the processor's or bank's own id of the line.
	ExternalRef string `json:"external_ref,omitempty"`
}

// Debit returns a line that debits amount, a decimal string, to account.
func Debit(account, amount string, currency money.Currency) Line {
	return Line{Account: account, Direction: "debit", Amount: amount, Currency: currency}
}

// Credit returns a line that credits amount, a decimal string, to account.
func Credit(account, amount string, currency money.Currency) Line {
	return Line{Account: account, Direction: "credit", Amount: amount, Currency: currency}
}

// Transaction is a recorded transaction.
type Transaction struct {
	// ID is the book's code and the sequence, as in "uk-42".
	ID   string `json:"id"`
	Book string `json:"book"`
	// Sequence counts the book's transactions without gaps.
	Sequence  int64  `json:"sequence"`
	Reference string `json:"reference"`
	Event     string `json:"event"`
	// OccurredAt is when it happened, RecordedAt when the book learned of it.
	OccurredAt time.Time `json:"occurred_at"`
	RecordedAt time.Time `json:"recorded_at"`
	// Period is the accounting month it counts in, EffectivePeriod the one it happened in, OriginalPeriod that of the order
	// or transaction it corrects, if any. Each is written as "2026-11".
	Period          string            `json:"period"`
	EffectivePeriod string            `json:"effective_period"`
	OriginalPeriod  string            `json:"original_period,omitempty"`
	Subject         string            `json:"subject,omitempty"`
	LiveSession     string            `json:"live_session,omitempty"`
	Channel         string            `json:"channel,omitempty"`
	Campaign        string            `json:"campaign,omitempty"`
	Memo            string            `json:"memo,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	// Reverses and Reposts are the ids of the transactions this one corrects, if any.
	Reverses string `json:"reverses,omitempty"`
	Reposts  string `json:"reposts,omitempty"`
	// ContentHash is the SHA-256 of the canonical bytes, in hexadecimal.
	ContentHash string  `json:"content_hash"`
	Entries     []Entry `json:"entries"`
	// Replayed says that the reference had been recorded before and nothing was posted now.
	Replayed bool `json:"-"`
}

// Entry is a recorded line.
type Entry struct {
	Line    int    `json:"line"`
	Account string `json:"account"`
	// Direction is "debit" or "credit".
	Direction string         `json:"direction"`
	Amount    string         `json:"amount"`
	Currency  money.Currency `json:"currency"`
	// BalanceAfter is the account's balance after the entry, positive on the account's normal side.
	BalanceAfter string `json:"balance_after"`
	// AccountVersion counts the account's entries without gaps.
	AccountVersion int64  `json:"account_version"`
	ExternalRef    string `json:"external_ref,omitempty"`
}

// Result is what became of one item of a batch. Exactly one of Transaction and Problem is set.
type Result struct {
	Status      int          `json:"status"`
	Transaction *Transaction `json:"transaction"`
	Problem     *Problem     `json:"problem"`
}

// Post records a transaction and returns once it is durable. Sent again with the same content it returns the same
// transaction, Replayed; with other content, ErrReferenceReused.
func (c *Client) Post(ctx context.Context, book string, t NewTransaction) (Transaction, error) {
	var posted Transaction
	replayed, err := c.post(ctx, place("v1", "books", book, "transactions"), nil, t.wire(), &posted)
	posted.Replayed = replayed
	return posted, err
}

// PostJSON is Post for a transaction written as JSON already. It is sent as it stands, and the service judges it.
func (c *Client) PostJSON(ctx context.Context, book string, transaction []byte) (Transaction, error) {
	var posted Transaction
	replayed, err := c.send(ctx, place("v1", "books", book, "transactions"), nil, transaction, &posted)
	posted.Replayed = replayed
	return posted, err
}

// DryRunJSON is DryRun for a transaction written as JSON already.
func (c *Client) DryRunJSON(ctx context.Context, book string, transaction []byte) (Transaction, error) {
	var forecast Transaction
	_, err := c.send(ctx, place("v1", "books", book, "transactions"), url.Values{"dry_run": {"true"}}, transaction, &forecast)
	return forecast, err
}

// PostBatchJSON is PostBatch for a request written as JSON already: {"atomic":false,"transactions":[…]}.
func (c *Client) PostBatchJSON(ctx context.Context, book string, batch []byte) ([]Result, error) {
	var out results
	if _, err := c.send(ctx, place("v1", "books", book, "transactions", "batch"), nil, batch, &out); err != nil {
		return nil, err
	}
	return out.marked(), nil
}

// DryRun answers what Post would record, and leaves nothing behind. It is a forecast, not a reservation.
func (c *Client) DryRun(ctx context.Context, book string, t NewTransaction) (Transaction, error) {
	var forecast Transaction
	_, err := c.post(ctx, place("v1", "books", book, "transactions"), url.Values{"dry_run": {"true"}}, t.wire(), &forecast)
	return forecast, err
}

// PostBatch records up to 1,000 transactions independently, in order, and returns one result for each. The error is for
// the batch as a whole; an item refused for the moment (status 503) is sent again by the caller, alone or with others.
func (c *Client) PostBatch(ctx context.Context, book string, ts []NewTransaction) ([]Result, error) {
	return c.postBatch(ctx, book, ts, false)
}

// PostAtomic records all transactions or none. If one is refused, the error names it.
func (c *Client) PostAtomic(ctx context.Context, book string, ts []NewTransaction) ([]Result, error) {
	return c.postBatch(ctx, book, ts, true)
}

func (c *Client) postBatch(ctx context.Context, book string, ts []NewTransaction, atomic bool) ([]Result, error) {
	in := struct {
		Atomic       bool             `json:"atomic"`
		Transactions []NewTransaction `json:"transactions"`
	}{Atomic: atomic, Transactions: make([]NewTransaction, len(ts))}
	for i, t := range ts {
		in.Transactions[i] = t.wire()
	}
	var out results
	if _, err := c.post(ctx, place("v1", "books", book, "transactions", "batch"), nil, in, &out); err != nil {
		return nil, err
	}
	if len(out.Results) != len(ts) {
		return nil, errIncomplete
	}
	return out.marked(), nil
}

// results is the answer to a batch.
type results struct {
	Results []Result `json:"results"`
}

// marked returns the results with replays marked, which a batch tells by the status of the item.
func (r results) marked() []Result {
	for i := range r.Results {
		if item := &r.Results[i]; item.Transaction != nil {
			item.Transaction.Replayed = item.Status == 200
		}
	}
	return r.Results
}

// wire returns t as it is sent: times to the microsecond, which is what the book keeps and compares.
func (t NewTransaction) wire() NewTransaction {
	if !t.OccurredAt.IsZero() {
		t.OccurredAt = t.OccurredAt.UTC().Truncate(time.Microsecond)
	}
	if t.Entries == nil {
		t.Entries = []Line{}
	}
	return t
}

// Transaction returns the transaction with the id.
func (c *Client) Transaction(ctx context.Context, book, id string) (Transaction, error) {
	var t Transaction
	err := c.get(ctx, place("v1", "books", book, "transactions", id), nil, &t)
	return t, err
}

// ByReference returns what the reference recorded, in order; nothing if it recorded nothing. It settles what a posting
// without an answer came to.
func (c *Client) ByReference(ctx context.Context, book, reference string) ([]Transaction, error) {
	// A reference records at most a hundred transactions.
	return Collect(walk[Transaction](ctx, c, place("v1", "books", book, "transactions"), url.Values{"reference": {reference}}), 1000)
}

// TransactionQuery selects transactions. The zero value selects all, oldest first.
type TransactionQuery struct {
	// Subject and Event, if set, must match exactly.
	Subject, Event string
	// Descending asks for the newest first.
	Descending bool
}

// Transactions walks the transactions that the query selects.
func (c *Client) Transactions(ctx context.Context, book string, q TransactionQuery) iter.Seq2[Transaction, error] {
	query := url.Values{}
	set(query, "subject", q.Subject)
	set(query, "event", q.Event)
	if q.Descending {
		query.Set("order", "desc")
	}
	return walk[Transaction](ctx, c, place("v1", "books", book, "transactions"), query)
}

// Correction says under which reference, when and why a transaction is reversed or posted again.
type Correction struct {
	Reference  string            `json:"reference"`
	OccurredAt time.Time         `json:"occurred_at,omitzero"`
	Memo       string            `json:"memo,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// Reverse posts the mirror of the transaction with the id, which is possible once.
func (c *Client) Reverse(ctx context.Context, book, id string, why Correction) (Transaction, error) {
	return c.correct(ctx, book, id, "reversal", why)
}

// Repost posts a reversed transaction again, which is possible once.
func (c *Client) Repost(ctx context.Context, book, id string, why Correction) (Transaction, error) {
	return c.correct(ctx, book, id, "repost", why)
}

func (c *Client) correct(ctx context.Context, book, id, kind string, why Correction) (Transaction, error) {
	if !why.OccurredAt.IsZero() {
		why.OccurredAt = why.OccurredAt.UTC().Truncate(time.Microsecond)
	}
	var t Transaction
	replayed, err := c.post(ctx, place("v1", "books", book, "transactions", id, kind), nil, why, &t)
	t.Replayed = replayed
	return t, err
}
