package client

// Payee: who is paid, and whether it is a minor.

import (
	"context"
	"iter"
	"time"
)

// Payee is a payee. To register one, set what stands above Version.
type Payee struct {
	ID string `json:"id"`
	// Kind is seller, creator, agency, partner, charity or guardian.
	Kind           string `json:"kind"`
	Country        string `json:"country"`
	Currency       string `json:"currency"`
	SettlementTier string `json:"settlement_tier,omitempty"`
	// Minor says that a creator is a child. Guardian is who is paid then, TrustRate the part of the gross earnings that is set
	// aside; "0.15" if it is left out.
	Minor     bool   `json:"minor,omitempty"`
	Guardian  string `json:"guardian,omitempty"`
	TrustRate string `json:"trust_rate,omitempty"`
	// Version counts the changes; RecordedAt is when the payee was registered, ChangedAt when this version was.
	Version    int       `json:"version,omitempty"`
	RecordedAt time.Time `json:"recorded_at,omitzero"`
	ChangedAt  time.Time `json:"changed_at,omitzero"`
	// Replayed says that the payee was registered before.
	Replayed bool `json:"-"`
}

// PayeeChange changes a payee; what is nil stays.
type PayeeChange struct {
	// Version is the version that was read.
	Version        int     `json:"version"`
	Minor          *bool   `json:"minor,omitempty"`
	Guardian       *string `json:"guardian,omitempty"`
	TrustRate      *string `json:"trust_rate,omitempty"`
	SettlementTier *string `json:"settlement_tier,omitempty"`
}

// RegisterPayee registers a payee. The same content again returns the payee as it stands, Replayed.
func (c *Client) RegisterPayee(ctx context.Context, book string, p Payee) (Payee, error) {
	var registered Payee
	replayed, err := c.post(ctx, place("v1", "books", book, "payees"), nil, p, &registered)
	registered.Replayed = replayed
	return registered, err
}

// Payee returns a payee.
func (c *Client) Payee(ctx context.Context, book, id string) (Payee, error) {
	var p Payee
	err := c.get(ctx, place("v1", "books", book, "payees", id), nil, &p)
	return p, err
}

// Payees lists the payees in order of their ids.
func (c *Client) Payees(ctx context.Context, book string) iter.Seq2[Payee, error] {
	return walk[Payee](ctx, c, place("v1", "books", book, "payees"), nil)
}

// ChangePayee changes a payee. The same change sent again finds it made.
func (c *Client) ChangePayee(ctx context.Context, book, id string, change PayeeChange) (Payee, error) {
	var p Payee
	err := c.patch(ctx, place("v1", "books", book, "payees", id), change, &p)
	return p, err
}

// Trust is what is set aside for a minor in one currency.
type Trust struct {
	Currency string `json:"currency"`
	// SetAside is owed to the minor, Deposited is in the trust account, and Due should be there by now and is not.
	SetAside  string `json:"set_aside"`
	Deposited string `json:"deposited"`
	Due       string `json:"due"`
}

// Trust returns what is set aside for a minor, in each currency in which there is any.
func (c *Client) Trust(ctx context.Context, book, payee string) ([]Trust, error) {
	var list page[Trust]
	err := c.get(ctx, place("v1", "books", book, "payees", payee, "trust"), nil, &list)
	return list.Data, err
}
