package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
)

// Releases: earnings without an order become available, and are divided by the payee's standing order.

// NewRelease is the body that releases earnings.
type NewRelease struct {
	Reference string `json:"reference,omitempty" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"Your own name for it; left out, creator.released: and the source" example:"release-T-1"`
	Source    string `json:"source" minLength:"3" maxLength:"128" doc:"What the earnings come from: gift, tip, subscription or commission, a colon and its id" example:"tip:T-1"`
	IfDue     bool   `json:"if_due,omitempty" doc:"Refuses earnings whose days are not over: a gift's hold_days, 7 for the others"`
	When      string `json:"release_when,omitempty" enum:"on_time,store_paid" default:"on_time" doc:"store_paid: refuses a gift of coins that the app store has not paid for"`
}

// NewSplit is the body that divides what a payee has available.
type NewSplit struct {
	Reference string                   `json:"reference,omitempty" minLength:"1" maxLength:"255" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"Your own name for it; left out, payout.split: and the split's id" example:"split-SP-1"`
	Split     string                   `json:"split" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The split's own id" example:"SP-1"`
	Kind      string                   `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	Payee     string                   `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee whose money it is" example:"cre_camp"`
	Currency  string                   `json:"currency" pattern:"^[A-Z]{3}$" doc:"Its currency" example:"USD"`
	Amount    string                   `json:"amount" pattern:"^(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?$" doc:"How much of what is available is split" example:"33.03"`
	Receivers []commerce.SplitReceiver `json:"receivers" nullable:"false" minItems:"1" maxItems:"20" doc:"Who gets what, in order"`
	Source    string                   `json:"source,omitempty" maxLength:"128" doc:"The gift that the money comes from, as gift and its id; its agency cannot be paid once more" example:"gift:G-1"`
	Solicited bool                     `json:"solicited,omitempty" doc:"Whether the money was given for people in need; no agency then takes a share"`
}

// split is what the body asks for.
func (s NewSplit) split() commerce.Split {
	return commerce.Split{Split: s.Split, Kind: s.Kind, Payee: s.Payee, Currency: s.Currency, Amount: s.Amount, Receivers: s.Receivers, Source: s.Source, Solicited: s.Solicited}
}

func releaseOperations() []Operation {
	one := reflect.TypeFor[eventJSON]()
	return []Operation{{
		Method: http.MethodPost, Path: "/v1/books/{book}/releases", ID: "release-earnings", Group: "Events", Summary: "Release earnings without an order",
		Description: "What a gift, a tip, a subscription or a commission without an order has in pending becomes available to each payee. Of a yearly subscription only the months that were served are released. Of a minor's earnings a part is set aside.",
		Scope:       access.SettlementsWrite, Body: reflect.TypeFor[NewRelease](), BodyLimit: bodyLimit,
		Example: map[string]any{"source": "tip:T-1"},
		Answers: []Answer{
			{Status: 201, Meaning: "Released.", Body: one},
			{Status: 200, Meaning: "Released before under this reference; this is what that posted.", Body: one, Replayed: true},
		},
		Errors: append([]*fault.Error{
			commerce.ErrReleaseSource, commerce.ErrOrderUnknown, commerce.ErrNothingWaits, commerce.ErrGiftToMinor, commerce.ErrNotReleasable, commerce.ErrCoinHistory, commerce.ErrOrderState, commerce.ErrRepeated, commerce.ErrStoryTooLong, commerce.ErrOrderEdited,
		}, postingErrors...),
		handle: releaseEarnings,
	}, {
		Method: http.MethodPost, Path: "/v1/books/{book}/splits", ID: "split-earnings", Group: "Events", Summary: "Divide what a payee has available",
		Description: "Receivers get their rates in order, of the whole amount or of what those before left; the payee keeps the remainder. No agency is paid twice for a gift, or out of what was given for people in need.",
		Scope:       access.SettlementsWrite, Body: reflect.TypeFor[NewSplit](), BodyLimit: bodyLimit,
		Example: map[string]any{"split": "SP-1", "kind": "creator", "payee": "cre_amy", "currency": "GBP", "amount": "5.00",
			"receivers": []map[string]any{{"kind": "agency", "id": "mcn_ldn", "base": "gross", "rate": "0.10"}}},
		Answers: []Answer{
			{Status: 201, Meaning: "Divided.", Body: one},
			{Status: 200, Meaning: "Divided before under this reference; this is what that posted.", Body: one, Replayed: true},
		},
		Errors: append([]*fault.Error{
			commerce.ErrSplitAgency, commerce.ErrSplitSource, commerce.ErrOrderUnknown, commerce.ErrOrderState, commerce.ErrRepeated, commerce.ErrStoryTooLong, commerce.ErrOrderEdited,
		}, postingErrors...),
		handle: splitEarnings,
	}}
}

func splitEarnings(c *call) (reply, error) {
	if err := c.service.ledger.Congested(c.book); err != nil {
		return reply{}, err
	}
	body, err := decodeWith(c, func(d *decoder, n int32) (s NewSplit) {
		d.object(n, &s)
		return s
	})
	if err != nil {
		return reply{}, err
	}
	return recordedOf(c.service.commerce.Split(c.ctx, c.book, body.Reference, body.split()), http.StatusCreated)
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
	return recordedOf(c.service.commerce.Release(c.ctx, c.book, commerce.Release{Reference: body.Reference, Source: body.Source, IfDue: body.IfDue, When: body.When}), http.StatusCreated)
}
