package client

// Gifts: where a gift went, from what the viewer paid to the last receiver.

import (
	"context"
	"time"
)

// Gift is a gift with its chain.
type Gift struct {
	Gift        string    `json:"gift"`
	Creator     string    `json:"creator"`
	LiveSession string    `json:"live_session,omitempty"`
	Currency    string    `json:"currency"`
	GivenAt     time.Time `json:"given_at"`
	// Given is what its coins were worth, Stands what of it still stands.
	Given  string `json:"given"`
	Stands string `json:"stands"`
	// State is held, available or reversed.
	State string `json:"state"`
	// Traced says that the purchases that paid for it were found; otherwise the platform's leg has the store's in it.
	Traced bool `json:"traced"`
	// Legs add up to what stands.
	Legs []GiftLeg `json:"legs"`
	Lots []GiftLot `json:"lots"`
	// Receipt is the id of its public receipt, empty until it has one.
	Receipt string `json:"receipt,omitempty"`
}

// GiftLeg is what one receiver has of a gift.
type GiftLeg struct {
	// Kind is store, platform, creator, agency, seller or partner.
	Kind         string   `json:"kind"`
	Receiver     string   `json:"receiver,omitempty"`
	Amount       string   `json:"amount"`
	Percentage   string   `json:"percentage,omitempty"`
	Transactions []string `json:"transactions"`
}

// GiftLot is what a purchase of coins paid of a gift.
type GiftLot struct {
	Purchase string `json:"purchase,omitempty"`
	Store    string `json:"store,omitempty"`
	Amount   string `json:"amount"`
	StoreFee string `json:"store_fee"`
}

// Gift returns a gift with its chain.
func (c *Client) Gift(ctx context.Context, book, id string) (Gift, error) {
	var out Gift
	err := c.get(ctx, place("v1", "books", book, "gifts", id), nil, &out)
	return out, err
}
