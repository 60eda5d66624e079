package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Releases: earnings without an order become available.

// NewRelease is the body that releases earnings.
type NewRelease struct {
	Reference string `json:"reference,omitempty" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"Your own name for it; left out, creator.released: and the source" example:"release-T-1"`
	Source    string `json:"source" minLength:"3" maxLength:"128" doc:"What the earnings come from: gift, tip, subscription or commission, a colon and its id" example:"tip:T-1"`
}

func releaseOperations() []Operation {
	one := reflect.TypeFor[eventJSON]()
	return []Operation{{
		Method: http.MethodPost, Path: "/v1/books/{book}/releases", ID: "release-earnings", Group: "Events", Summary: "Release earnings without an order",
		Description: "What a gift, a tip, a subscription or a commission without an order has in pending becomes available to each payee. Of a yearly subscription only the months that were served are released.",
		Scope:       access.SettlementsWrite, Body: reflect.TypeFor[NewRelease](), BodyLimit: bodyLimit,
		Example: map[string]any{"source": "tip:T-1"},
		Answers: []Answer{
			{Status: 201, Meaning: "Released.", Body: one},
			{Status: 200, Meaning: "Released before under this reference; this is what that posted.", Body: one, Replayed: true},
		},
		Errors: append([]*fault.Error{
			commerce.ErrReleaseSource, commerce.ErrOrderUnknown, commerce.ErrNothingWaits, commerce.ErrStoryTooLong, commerce.ErrOrderEdited,
		}, postingErrors...),
		handle: releaseEarnings,
	}}
}

func releaseEarnings(c *call) (reply, error) {
	if err := c.service.ledger.Congested(c.book); err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, func(d *decoder, n int32) (r NewRelease) {
		d.object(n, &r)
		return r
	})
	if err != nil {
		return reply{}, err
	}
	return recorded(c.service.commerce.Release(c.ctx, c.book, commerce.Release{Reference: body.Reference, Source: body.Source}), http.StatusCreated)
}
