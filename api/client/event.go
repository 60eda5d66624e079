package client

// Event: what has happened in the market, which the service turns into transactions by its rules.

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// NewEvent is an event before it is recorded.
type NewEvent struct {
	// Type says what happened, such as "order.captured". The handbook lists the types with their data.
	Type string `json:"type"`
	// Reference is the caller's own name for the event, 1 to 255 printable ASCII characters: one namespace per book with the
	// references of transactions, for ever.
	Reference string `json:"reference"`
	// OccurredAt is when it happened, sent to the microsecond; if zero, the service takes the time of recording.
	OccurredAt time.Time `json:"occurred_at,omitzero"`
	// Data is anything that encoding/json writes as the type's data: a struct, a map, or json.RawMessage. Amounts and rates
	// are decimal strings.
	Data any `json:"data"`
}

// Event is a recorded event.
type Event struct {
	Reference string `json:"reference"`
	Type      string `json:"type"`
	// Transactions are what it posted: none for a fact that moves no money.
	Transactions []Transaction `json:"transactions"`
	// Explanation says why the amounts are what they are.
	Explanation *Explanation `json:"explanation,omitempty"`
	// Replayed says that the reference had been recorded before and nothing was posted now.
	Replayed bool `json:"-"`
}

// EventResult is what became of one item of a batch. Exactly one of Event and Problem is set.
type EventResult struct {
	Status  int      `json:"status"`
	Event   *Event   `json:"event"`
	Problem *Problem `json:"problem"`
}

// PostEvent records an event and returns once it is durable. Sent again with the same content it returns the same
// transactions, Replayed; with other content, ErrReferenceReused.
func (c *Client) PostEvent(ctx context.Context, book string, e NewEvent) (Event, error) {
	return c.postEvent(ctx, book, nil, e.wire())
}

// DryRunEvent answers what PostEvent would record, and leaves nothing behind. It is a forecast, not a reservation.
func (c *Client) DryRunEvent(ctx context.Context, book string, e NewEvent) (Event, error) {
	return c.postEvent(ctx, book, url.Values{"dry_run": {"true"}}, e.wire())
}

func (c *Client) postEvent(ctx context.Context, book string, query url.Values, e NewEvent) (Event, error) {
	var recorded Event
	replayed, err := c.post(ctx, place("v1", "books", book, "events"), query, e, &recorded)
	recorded.Replayed = replayed
	return recorded, err
}

// PostEvents records up to 1,000 events independently, in order, and returns one result for each. The error is for the
// batch as a whole; an item refused for the moment (status 503) is sent again by the caller, alone or with others.
func (c *Client) PostEvents(ctx context.Context, book string, events []NewEvent) ([]EventResult, error) {
	return c.postEvents(ctx, book, events, false)
}

// PostEventsAtomic records all events or none. If one is refused, the error names it.
func (c *Client) PostEventsAtomic(ctx context.Context, book string, events []NewEvent) ([]EventResult, error) {
	return c.postEvents(ctx, book, events, true)
}

func (c *Client) postEvents(ctx context.Context, book string, events []NewEvent, atomic bool) ([]EventResult, error) {
	in := struct {
		Atomic bool       `json:"atomic"`
		Events []NewEvent `json:"events"`
	}{Atomic: atomic, Events: make([]NewEvent, len(events))}
	for i, e := range events {
		in.Events[i] = e.wire()
	}
	body, err := encode(in)
	if err != nil {
		return nil, err
	}
	results, err := c.PostEventsJSON(ctx, book, body, false)
	if err == nil && len(results) != len(events) {
		return nil, errIncomplete
	}
	return results, err
}

// PostEventsJSON sends a batch that is written as JSON already, {"atomic":false,"events":[…]}; as a dry run it leaves
// nothing behind.
func (c *Client) PostEventsJSON(ctx context.Context, book string, batch []byte, dryRun bool) ([]EventResult, error) {
	query := url.Values{}
	if dryRun {
		query.Set("dry_run", "true")
	}
	var out struct {
		Results []EventResult `json:"results"`
	}
	if _, err := c.send(ctx, place("v1", "books", book, "events", "batch"), query, batch, &out); err != nil {
		return nil, err
	}
	for i := range out.Results {
		if item := &out.Results[i]; item.Event != nil {
			item.Event.Replayed = item.Status == 200 && !dryRun
		}
	}
	return out.Results, nil
}

// PostEventJSON sends an event that is written as JSON already; as a dry run it leaves nothing behind.
func (c *Client) PostEventJSON(ctx context.Context, book string, event json.RawMessage, dryRun bool) (Event, error) {
	query := url.Values{}
	if dryRun {
		query.Set("dry_run", "true")
	}
	var recorded Event
	replayed, err := c.send(ctx, place("v1", "books", book, "events"), query, event, &recorded)
	recorded.Replayed = replayed
	return recorded, err
}

// wire returns e as it is sent: times to the microsecond, which is what the book keeps and compares.
func (e NewEvent) wire() NewEvent {
	if !e.OccurredAt.IsZero() {
		e.OccurredAt = e.OccurredAt.UTC().Truncate(time.Microsecond)
	}
	return e
}
