package client

// Receipts: the public ids by which donors, viewers and buyers see where their money went.

import (
	"context"
	"time"
)

// PublicID is the public id of a donation, a gift or an order.
type PublicID struct {
	// ID is what stands behind /r/ in the address of its page.
	ID string `json:"receipt"`
	// Subject is what it is of, as in "donation:D3".
	Subject string    `json:"subject"`
	MadeAt  time.Time `json:"made_at"`
}

// MakeReceipt returns the receipt of a subject, which is made if there is none: asked for again, it is the same.
func (c *Client) MakeReceipt(ctx context.Context, book, subject string) (PublicID, error) {
	var r PublicID
	_, err := c.post(ctx, place("v1", "books", book, "receipts"), nil, map[string]string{"subject": subject}, &r)
	return r, err
}

// PublicReceipt is what a receipt shows to whoever has its id. Amounts are decimal strings in its currency.
type PublicReceipt struct {
	Receipt  string    `json:"receipt"`
	Kind     string    `json:"kind"`
	Currency string    `json:"currency"`
	At       time.Time `json:"at"`
	Given    string    `json:"given"`
	// Divided is what the layers add up to.
	Divided string         `json:"divided"`
	Layers  []ReceiptLayer `json:"layers"`
	State   string         `json:"state,omitempty"`
	Charity *struct {
		Campaign     string         `json:"campaign"`
		CampaignName string         `json:"campaign_name"`
		Shares       []ReceiptShare `json:"beneficiaries"`
		Tip          string         `json:"tip"`
		Charged      string         `json:"charged"`
		ExpectedBy   time.Time      `json:"expected_by"`
	} `json:"charity,omitempty"`
	Returned *struct {
		How    string `json:"how"`
		Amount string `json:"amount"`
	} `json:"returned,omitempty"`
	Transactions []ReceiptProof `json:"transactions"`
}

// ReceiptLayer is what one role has.
type ReceiptLayer struct {
	Role       string `json:"role"`
	Amount     string `json:"amount"`
	Percentage string `json:"percentage,omitempty"`
}

// ReceiptShare is one beneficiary's part of a donation, and how far it is.
type ReceiptShare struct {
	Name       string     `json:"name"`
	Percentage string     `json:"percentage"`
	Amount     string     `json:"amount"`
	Matched    string     `json:"matched"`
	State      string     `json:"state"`
	Reason     string     `json:"reason,omitempty"`
	PaidAt     *time.Time `json:"disbursed_at,omitempty"`
}

// ReceiptProof is a transaction with the hash of its canonical bytes.
type ReceiptProof struct {
	ID    string    `json:"id"`
	Event string    `json:"event"`
	At    time.Time `json:"occurred_at"`
	Hash  string    `json:"content_hash"`
}

// PublicReceipt returns what a receipt shows. The server asks for no key.
func (c *Client) PublicReceipt(ctx context.Context, id string) (PublicReceipt, error) {
	var r PublicReceipt
	err := c.get(ctx, place("r", id+".json"), nil, &r)
	return r, err
}
