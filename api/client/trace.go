package client

// Trace: from a transaction to what processors and banks say of it and back, and from an order to the payouts of its parts.

import (
	"context"
	"iter"
	"strconv"
	"time"

	"mizan/ledger/money"
)

// EntryEvidence is an entry on an account of a processor or a bank, and what that says of it. The standing is agrees, open or waits.
type EntryEvidence struct {
	TransactionID string         `json:"transaction"`
	Line          int            `json:"line"`
	Account       string         `json:"account"`
	Currency      money.Currency `json:"currency"`
	// Amount is signed, a debit positive.
	Amount      string         `json:"amount"`
	ExternalRef string         `json:"external_ref"`
	SourceKind  string         `json:"source_kind"`
	SourceName  string         `json:"source_name"`
	Standing    string         `json:"standing"`
	Basis       string         `json:"basis"`
	Lines       []EvidenceLine `json:"lines"`
	Breaks      []BreakName    `json:"breaks"`
}

// BreakName names a break.
type BreakName struct {
	ID    string `json:"id"`
	Class string `json:"class"`
	State string `json:"state"`
}

// LineEntry is an entry that a line of a source is evidence of.
type LineEntry struct {
	TransactionID string         `json:"transaction"`
	Line          int            `json:"line"`
	Event         string         `json:"event"`
	Reference     string         `json:"reference"`
	Subject       string         `json:"subject"`
	Account       string         `json:"account"`
	Currency      money.Currency `json:"currency"`
	Amount        string         `json:"amount"`
}

// PaidPart is what a transaction of an order made available to a payee, and the payout that it went out with, if any.
type PaidPart struct {
	TransactionID string         `json:"transaction"`
	Kind          string         `json:"kind"`
	Payee         string         `json:"payee"`
	Currency      money.Currency `json:"currency"`
	Amount        string         `json:"amount"`
	Payout        string         `json:"payout"`
	State         string         `json:"state"`
	PaidAt        *time.Time     `json:"paid_at"`
	ReturnedAt    *time.Time     `json:"returned_at"`
}

// TransactionEvidence lists what processors and banks say of a transaction.
func (c *Client) TransactionEvidence(ctx context.Context, book, id string) iter.Seq2[EntryEvidence, error] {
	return walkWhole[EntryEvidence](ctx, c, under(book, "transactions", id, "evidence"))
}

// LineEntries lists the entries that a line of a source is evidence of.
func (c *Client) LineEntries(ctx context.Context, book, kind, name string, number int64) iter.Seq2[LineEntry, error] {
	return walkWhole[LineEntry](ctx, c, sourceUnder(book, kind, name, "lines", strconv.FormatInt(number, 10), "entries"))
}

// OrderPayouts lists what an order made available to its payees, and the payouts that paid it.
func (c *Client) OrderPayouts(ctx context.Context, book, order string) iter.Seq2[PaidPart, error] {
	return walkWhole[PaidPart](ctx, c, under(book, "orders", order, "payouts"))
}
