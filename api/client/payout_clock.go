package client

// What waits for a time, debts, and what is proposed about our own money.

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// Wait is money of a payee that becomes available at a time.
type Wait struct {
	Kind     string `json:"kind"`
	Payee    string `json:"payee"`
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
	// Subject is what it comes from, as kind:id, and Act what makes it available.
	Subject string `json:"subject"`
	Act     string `json:"act"`
	// DueAt is nil while the clock has not started.
	DueAt *time.Time `json:"due_at"`
}

// Clock is something whose time has come and that still stands.
type Clock struct {
	Subject string     `json:"subject"`
	Act     string     `json:"act"`
	DueAt   *time.Time `json:"due_at"`
	Gates   []string   `json:"gates"`
	LookAt  *time.Time `json:"look_at"`
	Tries   int        `json:"tries"`
	// ErrorCode is why it failed last; Parked says that it waits for people.
	ErrorCode string `json:"error_code"`
	Parked    bool   `json:"parked"`
}

// NewLook asks for a subject's clocks to be tried anew.
type NewLook struct {
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
}

// PayeeDebt is what a payee owes.
type PayeeDebt struct {
	Kind     string    `json:"kind"`
	Payee    string    `json:"payee"`
	Currency string    `json:"currency"`
	Amount   string    `json:"amount"`
	Since    time.Time `json:"since"`
	Stage    string    `json:"stage"`
	Tried    []string  `json:"tried"`
	LookedAt time.Time `json:"looked_at"`
}

// Proposal is what people are asked to do about our own money.
type Proposal struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	Currency  string     `json:"currency"`
	Amount    string     `json:"amount"`
	Object    string     `json:"object"`
	Reason    string     `json:"reason"`
	State     string     `json:"state"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at"`
}

// Waits lists what of a payee's money becomes available when, the earliest first.
func (c *Client) Waits(ctx context.Context, book, payee string) iter.Seq2[Wait, error] {
	return walk[Wait](ctx, c, under(book, "payees", payee, "waits"), nil)
}

// Clocks lists what should be available and is not, the oldest first: overdue, gated or parked; overdue if state is empty.
func (c *Client) Clocks(ctx context.Context, book, state string) iter.Seq2[Clock, error] {
	query := url.Values{}
	set(query, "state", state)
	return walk[Clock](ctx, c, under(book, "payout-clocks"), query)
}

// LookAgain has the clocks of a subject tried anew, and returns them.
func (c *Client) LookAgain(ctx context.Context, book string, n NewLook) ([]Clock, error) {
	var list struct {
		Data []Clock `json:"data"`
	}
	err := c.postOnce(ctx, under(book, "payout-clocks", "looks"), n, &list)
	return list.Data, err
}

// Debts lists the payees that owe, the oldest debt first.
func (c *Client) Debts(ctx context.Context, book string) iter.Seq2[PayeeDebt, error] {
	return walk[PayeeDebt](ctx, c, under(book, "payout-debts"), nil)
}

// Proposals lists what is proposed, the newest first; all of it if state is empty.
func (c *Client) Proposals(ctx context.Context, book, state string) iter.Seq2[Proposal, error] {
	query := url.Values{}
	set(query, "state", state)
	return walk[Proposal](ctx, c, under(book, "treasury-proposals"), query)
}
