package client

// Release: earnings without an order become available.

import "context"

// Release is what a release is asked with.
type Release struct {
	// Reference is the caller's own name for it; "creator.released:" and the source if empty.
	Reference string `json:"reference,omitempty"`
	// Source is what the earnings come from: gift, tip, subscription or commission, a colon and its id.
	Source string `json:"source"`
}

// ReleaseEarnings makes what a source has in pending available. The same reference again returns what that posted, Replayed.
func (c *Client) ReleaseEarnings(ctx context.Context, book string, what Release) (Event, error) {
	var released Event
	replayed, err := c.post(ctx, place("v1", "books", book, "releases"), nil, what, &released)
	released.Replayed = replayed
	return released, err
}
