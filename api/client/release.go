package client

// Release: earnings without an order become available, and are divided.

import "context"

// Release is what a release is asked with.
type Release struct {
	// Reference is the caller's own name for it; "creator.released:" and the source if empty.
	Reference string `json:"reference,omitempty"`
	// Source is what the earnings come from: gift, tip, subscription or commission, a colon and its id.
	Source string `json:"source"`
	// IfDue refuses earnings whose days are not over.
	IfDue bool `json:"if_due,omitempty"`
	// When is on_time, or empty; or store_paid, which refuses a gift of coins that the app store has not paid for.
	When string `json:"release_when,omitempty"`
}

// ReleaseEarnings makes what a source has in pending available. The same reference again returns what that posted, Replayed.
func (c *Client) ReleaseEarnings(ctx context.Context, book string, what Release) (Event, error) {
	var released Event
	replayed, err := c.post(ctx, place("v1", "books", book, "releases"), nil, what, &released)
	released.Replayed = replayed
	return released, err
}

// Split divides what a payee has available between receivers.
type Split struct {
	// Reference is the caller's own name for it; "payout.split:" and the split's id if empty.
	Reference string `json:"reference,omitempty"`
	Split     string `json:"split"`
	// Kind and Payee are whose money it is: seller, creator, agency or partner, and the id.
	Kind      string          `json:"kind"`
	Payee     string          `json:"payee"`
	Currency  string          `json:"currency"`
	Amount    string          `json:"amount"`
	Receivers []SplitReceiver `json:"receivers"`
	// Source is the gift that the money comes from, as gift:<id>.
	Source string `json:"source,omitempty"`
	// Solicited says that the money was given for people in need; no agency then takes a share.
	Solicited bool `json:"solicited,omitempty"`
}

// SplitReceiver is one receiver: a rate of gross, or of the rest that those before left.
type SplitReceiver struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Base string `json:"base"`
	Rate string `json:"rate"`
}

// SplitEarnings divides what a payee has available. The same reference again returns what that posted, Replayed.
func (c *Client) SplitEarnings(ctx context.Context, book string, what Split) (Event, error) {
	var split Event
	replayed, err := c.post(ctx, place("v1", "books", book, "splits"), nil, what, &split)
	split.Replayed = replayed
	return split, err
}
