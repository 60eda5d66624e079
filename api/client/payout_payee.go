package client

// Payees and payouts: standings, destinations, holds and the terms under which a book pays.

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// Standing is what the house knows of a payee.
type Standing struct {
	Payee   string `json:"payee"`
	Version int    `json:"version"`
	// Verification is unverified, pending, verified or rejected; Business open, closing or closed.
	Verification string     `json:"verification"`
	Category     string     `json:"category"`
	Business     string     `json:"business"`
	Owner        string     `json:"owner"`
	SetOff       string     `json:"set_off"`
	Document     string     `json:"document"`
	RecordedAt   *time.Time `json:"recorded_at,omitempty"`
}

// StandingChange changes a standing; what is nil stays.
type StandingChange struct {
	// Version is the version that was read, 0 for none.
	Version      int     `json:"version"`
	Verification *string `json:"verification,omitempty"`
	Category     *string `json:"category,omitempty"`
	Business     *string `json:"business,omitempty"`
	Owner        *string `json:"owner,omitempty"`
	SetOff       *string `json:"set_off,omitempty"`
	Document     string  `json:"document,omitempty"`
	Reason       string  `json:"reason"`
}

// Destination is where a payee is paid.
type Destination struct {
	ID         string   `json:"id"`
	Payee      string   `json:"payee"`
	Rail       string   `json:"rail"`
	Account    string   `json:"account"`
	Currencies []string `json:"currencies"`
	Mode       string   `json:"mode"`
	// State is pending, active, disabled or retired.
	State        string     `json:"state"`
	DisabledCode string     `json:"disabled_code"`
	NameMatch    string     `json:"name_match"`
	CreatedAt    time.Time  `json:"created_at"`
	CoolingUntil *time.Time `json:"cooling_until"`
	ActiveSince  *time.Time `json:"active_since"`
	FirstPaidAt  *time.Time `json:"first_paid_at"`
	ChangedAt    time.Time  `json:"changed_at"`
	Approval     string     `json:"approval"`
}

// Hold keeps a payee's money back.
type Hold struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Payee    string `json:"payee"`
	Currency string `json:"currency"`
	// Effect is pause, amount or everything.
	Effect     string     `json:"effect"`
	Category   string     `json:"category"`
	Case       string     `json:"case"`
	Wanted     *string    `json:"wanted"`
	Holding    string     `json:"holding"`
	PlacedAt   time.Time  `json:"placed_at"`
	ReleasedAt *time.Time `json:"released_at"`
	Approval   string     `json:"approval"`
	Document   string     `json:"document"`
}

// NewHold places a hold.
type NewHold struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Payee    string `json:"payee"`
	Currency string `json:"currency,omitempty"`
	Effect   string `json:"effect"`
	Amount   string `json:"amount,omitempty"`
	Category string `json:"category"`
	Case     string `json:"case"`
	Reason   string `json:"reason"`
}

// PayoutPolicy is a policy of a book.
type PayoutPolicy struct {
	Version   string    `json:"version"`
	ValidFrom time.Time `json:"valid_from"`
	// Origin is shipped or book.
	Origin     string          `json:"origin"`
	RecordedAt *time.Time      `json:"recorded_at"`
	Approval   string          `json:"approval"`
	Document   json.RawMessage `json:"document,omitempty"`
}

// PayoutOverride is what was agreed with one payee.
type PayoutOverride struct {
	Payee      string          `json:"payee"`
	Version    int             `json:"version"`
	ValidFrom  time.Time       `json:"valid_from"`
	RecordedAt time.Time       `json:"recorded_at"`
	Approval   string          `json:"approval"`
	Document   json.RawMessage `json:"document"`
}

// Standing returns a payee's standing.
func (c *Client) Standing(ctx context.Context, book, payee string) (Standing, error) {
	var s Standing
	err := c.get(ctx, place("v1", "books", book, "payees", payee, "standing"), nil, &s)
	return s, err
}

// Standings lists the standings that somebody has said, in order of the payees' ids.
func (c *Client) Standings(ctx context.Context, book string) iter.Seq2[Standing, error] {
	return walk[Standing](ctx, c, place("v1", "books", book, "standings"), nil)
}

// ChangeStanding changes a payee's standing.
func (c *Client) ChangeStanding(ctx context.Context, book, payee string, change StandingChange) (Standing, error) {
	var s Standing
	err := c.patch(ctx, place("v1", "books", book, "payees", payee, "standing"), change, &s)
	return s, err
}

// Destinations lists where a payee is paid, those that stand first.
func (c *Client) Destinations(ctx context.Context, book, payee string) ([]Destination, error) {
	return whole[Destination](ctx, c, place("v1", "books", book, "payees", payee, "destinations"))
}

// RefreshDestination has a destination's account read again at its processor.
func (c *Client) RefreshDestination(ctx context.Context, book, id, why string) (Destination, error) {
	var d Destination
	_, err := c.post(ctx, place("v1", "books", book, "destinations", id, "refresh"), nil, map[string]string{"reason": why}, &d)
	return d, err
}

// PlaceHold places a hold. The same content again finds it placed.
func (c *Client) PlaceHold(ctx context.Context, book string, n NewHold) (Hold, error) {
	var h Hold
	_, err := c.post(ctx, place("v1", "books", book, "holds"), nil, n, &h)
	return h, err
}

// PayeeHolds lists the holds that stand on a payee, the oldest first.
func (c *Client) PayeeHolds(ctx context.Context, book, payee string) iter.Seq2[Hold, error] {
	return walk[Hold](ctx, c, place("v1", "books", book, "payees", payee, "holds"), nil)
}

// Holds lists the holds of a book, released ones included, the latest first.
func (c *Client) Holds(ctx context.Context, book string) iter.Seq2[Hold, error] {
	return walk[Hold](ctx, c, place("v1", "books", book, "holds"), nil)
}

// PayoutPolicies lists the policies of a book, the latest first.
func (c *Client) PayoutPolicies(ctx context.Context, book string) iter.Seq2[PayoutPolicy, error] {
	return walk[PayoutPolicy](ctx, c, place("v1", "books", book, "payout_policies"), nil)
}

// PayoutPolicy returns a policy of a book by its version.
func (c *Client) PayoutPolicy(ctx context.Context, book, version string) (PayoutPolicy, error) {
	var p PayoutPolicy
	err := c.get(ctx, place("v1", "books", book, "payout_policies", version), nil, &p)
	return p, err
}

// PayoutPolicyInForce returns the policy that holds for a payee now, or in general for the empty payee.
func (c *Client) PayoutPolicyInForce(ctx context.Context, book, payee string) (PayoutPolicy, error) {
	var p PayoutPolicy
	query := url.Values{}
	if payee != "" {
		query.Set("payee", payee)
	}
	err := c.get(ctx, place("v1", "books", book, "payout_policy"), query, &p)
	return p, err
}

// PayoutOverrides lists what was agreed with a payee, the latest first.
func (c *Client) PayoutOverrides(ctx context.Context, book, payee string) ([]PayoutOverride, error) {
	return whole[PayoutOverride](ctx, c, place("v1", "books", book, "payees", payee, "payout_overrides"))
}

// BookPayoutOverrides lists what was agreed last with each payee of a book with whom anything was, by the payee's id.
func (c *Client) BookPayoutOverrides(ctx context.Context, book string) iter.Seq2[PayoutOverride, error] {
	return walk[PayoutOverride](ctx, c, under(book, "payout_overrides"), nil)
}

// whole reads a list that has one page.
func whole[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var page struct {
		Data []T `json:"data"`
	}
	err := c.get(ctx, path, nil, &page)
	return page.Data, err
}
