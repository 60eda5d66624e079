package client

// Campaigns: publishing what one promises, and reading what was given and where it is.

import (
	"context"
	"encoding/json"
)

// PublishCampaign records a campaign's first version. The campaign is the JSON document that the API reference describes.
// The same content again is answered as the first time, Replayed.
func (c *Client) PublishCampaign(ctx context.Context, book string, campaign json.RawMessage) (Event, error) {
	var e Event
	replayed, err := c.post(ctx, place("v1", "books", book, "campaigns"), nil, campaign, &e)
	e.Replayed = replayed
	return e, err
}

// PublishCampaignVersion records the next version of a campaign, for later donations.
func (c *Client) PublishCampaignVersion(ctx context.Context, book, id string, campaign json.RawMessage) (Event, error) {
	var e Event
	replayed, err := c.post(ctx, place("v1", "books", book, "campaigns", id, "versions"), nil, campaign, &e)
	e.Replayed = replayed
	return e, err
}

// Campaign is a campaign as it stands. Amounts are decimal strings in its currency.
type Campaign struct {
	Campaign      string            `json:"campaign"`
	Kind          string            `json:"kind"`
	Currency      string            `json:"currency"`
	Totals        CampaignTotals    `json:"totals"`
	Beneficiaries []CampaignShare   `json:"beneficiaries"`
	Versions      []CampaignPromise `json:"versions"`
}

// CampaignPromise is a version of what a campaign promises, in words.
type CampaignPromise struct {
	Version int      `json:"version"`
	Promise []string `json:"promise"`
}

// CampaignTotals are the numbers of a campaign's public page.
type CampaignTotals struct {
	Donations       int64  `json:"donations"`
	Given           string `json:"given"`
	CardFees        string `json:"card_fees"`
	Covered         string `json:"card_fees_covered"`
	PlatformFee     string `json:"platform_fee"`
	Tips            string `json:"tips"`
	Matched         string `json:"matched"`
	Promised        string `json:"promised_not_funded"`
	FromSales       string `json:"from_sales"`
	ToBeneficiaries string `json:"to_beneficiaries"`
	Disbursed       string `json:"disbursed"`
	Held            string `json:"held"`
	Refunds         int64  `json:"refunds"`
	Refunded        string `json:"refunded"`
}

// CampaignShare is what a beneficiary has of a campaign.
type CampaignShare struct {
	Payee     string `json:"payee"`
	Donated   string `json:"donated"`
	Matched   string `json:"matched"`
	Disbursed string `json:"disbursed"`
	Closing   string `json:"closing"`
	Held      string `json:"held,omitempty"`
}

// Campaign returns a campaign as it stands.
func (c *Client) Campaign(ctx context.Context, book, id string) (Campaign, error) {
	var out Campaign
	err := c.get(ctx, place("v1", "books", book, "campaigns", id), nil, &out)
	return out, err
}
