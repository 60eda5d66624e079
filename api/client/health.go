package client

// The health of a book: what stands well, and what needs a person.

import (
	"context"
	"time"
)

// Health is how a book stands, as far as the key may see it.
type Health struct {
	Book   string    `json:"book"`
	ReadAt time.Time `json:"read_at"`
	// State is that of the worst figure: act, unread, watch or well.
	State   string         `json:"state"`
	Figures []HealthFigure `json:"figures"`
	// NotShown are the parts that the key may not read.
	NotShown []string `json:"not_shown"`
}

// HealthFigure is one thing that is looked at.
type HealthFigure struct {
	Code    string `json:"code"`
	Group   string `json:"group"`
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	State   string `json:"state"`
	// Reason is why it could not be read, empty otherwise.
	Reason string `json:"reason"`
	Unit   string `json:"unit"`
	Count  int64  `json:"count"`
	// AtLeast says that there may be more.
	AtLeast bool `json:"at_least"`
	Amounts []struct {
		Currency string `json:"currency"`
		Amount   string `json:"amount"`
	} `json:"amounts"`
	// Since is when the oldest of them began; nil where there is none or nobody knows.
	Since *time.Time `json:"since"`
	Names []string   `json:"names"`
	// See is the path of the operation that tells more.
	See string `json:"see"`
}

// Health reads how a book stands.
func (c *Client) Health(ctx context.Context, book string) (Health, error) {
	var h Health
	err := c.get(ctx, under(book, "health"), nil, &h)
	return h, err
}
