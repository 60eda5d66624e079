package client

// Earnings of a payee over time.

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// EarningsQuery asks what a payee earned. What is empty is chosen by the service.
type EarningsQuery struct {
	// From and To are the first and the last day, as 2026-11-30.
	From, To string
	// By is day, week, month, live_session, channel or product.
	By string
	// Currency is the one wanted, and Kind what the payee earned as.
	Currency, Kind string
	// Top is how many live sessions, channels or products are told one by one, at most 100.
	Top int
}

// EarningsSum is what a payee earned on a day or with something. What it costs the payee is below zero.
type EarningsSum struct {
	// Key is the first day of the day, week or month, or the name.
	Key string `json:"key"`
	// First and Last are the days that a day, week or month covers within the question.
	First     string `json:"first"`
	Last      string `json:"last"`
	Sales     int64  `json:"sales"`
	Returns   int64  `json:"returns"`
	Earned    string `json:"earned"`
	GivenBack string `json:"given_back"`
	Fees      string `json:"fees"`
	Shared    string `json:"shared"`
	Withheld  string `json:"withheld"`
	// Kept is the sum of those above; with Adjusted and Paid it comes to Moved, which is what the payee's accounts moved by.
	Kept     string `json:"kept"`
	Adjusted string `json:"adjusted"`
	Paid     string `json:"paid"`
	Moved    string `json:"moved"`
}

// Earnings is what a payee earned.
type Earnings struct {
	Kind       string        `json:"kind"`
	Payee      string        `json:"payee"`
	Currency   string        `json:"currency"`
	Currencies []string      `json:"currencies"`
	By         string        `json:"by"`
	From       string        `json:"from"`
	To         string        `json:"to"`
	Data       []EarningsSum `json:"data"`
	// Others is the sum over OtherCount names that are not in Data.
	Others     EarningsSum `json:"others"`
	OtherCount int64       `json:"other_count"`
	Total      EarningsSum `json:"total"`
	// AsOf is the last transaction that counts, nil if none does yet; NotCounted counts those of the book that came since.
	AsOf       *string    `json:"as_of"`
	RecordedAt *time.Time `json:"recorded_at"`
	NotCounted int64      `json:"not_counted"`
	Rebuilding bool       `json:"rebuilding"`
}

// Earnings tells what a payee earned.
func (c *Client) Earnings(ctx context.Context, book, payee string, q EarningsQuery) (Earnings, error) {
	query := url.Values{}
	for name, value := range map[string]string{"from": q.From, "to": q.To, "by": q.By, "currency": q.Currency, "kind": q.Kind} {
		set(query, name, value)
	}
	if q.Top != 0 {
		query.Set("top", strconv.Itoa(q.Top))
	}
	var e Earnings
	err := c.get(ctx, under(book, "payees", payee, "earnings"), query, &e)
	return e, err
}
