package client

// Inbound: messages that arrived by themselves, how a shop's orders are read, and the release of imported orders.

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// InboundMessage is a message as it stands. Body is base64, and empty in lists.
type InboundMessage struct {
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	MessageID  string    `json:"message_id"`
	Topic      string    `json:"topic"`
	Origin     string    `json:"origin"`
	SHA256     string    `json:"sha256"`
	ReceivedAt time.Time `json:"received_at"`
	// State is received, applied, parked or ignored; Reason and Detail say why, for programs and for people.
	State  string `json:"state"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	// About is the imported order that it concerns, Reference that of its event.
	About     string `json:"about"`
	Reference string `json:"reference"`
	Attempts  int    `json:"attempts"`
	// Conflicts counts how often another body came under the same id.
	Conflicts   int        `json:"conflicts"`
	NextAttempt *time.Time `json:"next_attempt"`
	Body        string     `json:"body,omitempty"`
}

// Inbound lists the messages of a state, or all if it is empty, oldest first.
func (c *Client) Inbound(ctx context.Context, book, state string) iter.Seq2[InboundMessage, error] {
	query := url.Values{}
	set(query, "state", state)
	return walk[InboundMessage](ctx, c, place("v1", "books", book, "inbound"), query)
}

// LatestInbound lists the messages of a state, or all if it is empty, newest first.
func (c *Client) LatestInbound(ctx context.Context, book, state string) iter.Seq2[InboundMessage, error] {
	query := newestFirst()
	set(query, "state", state)
	return walk[InboundMessage](ctx, c, place("v1", "books", book, "inbound"), query)
}

// newestFirst asks for a list from its end.
func newestFirst() url.Values { return url.Values{"order": {"desc"}} }

// RetryInbound has a message tried again at once. The reason, which may be empty, is kept in the audit trail.
func (c *Client) RetryInbound(ctx context.Context, book, id, why string) (InboundMessage, error) {
	var m InboundMessage
	_, err := c.post(ctx, place("v1", "books", book, "inbound", "messages", id, "retry"), nil, reason{why}, &m)
	return m, err
}

// ReleaseImported makes what the creators of an imported order earned available. An empty reference is made of the order's
// id.
func (c *Client) ReleaseImported(ctx context.Context, book, order, reference string) (Event, error) {
	var released Event
	replayed, err := c.post(ctx, place("v1", "books", book, "imported_orders", order, "release"), nil, struct {
		Reference string `json:"reference,omitempty"`
	}{reference}, &released)
	released.Replayed = replayed
	return released, err
}
