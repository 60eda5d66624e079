package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Holds: what keeps a payee's money back. Payees are told the amount and the category, and nothing of the case (C-13).

// HoldJSON is a hold as callers read it.
type HoldJSON struct {
	ID         string  `json:"id" doc:"Payees are not told" example:"hold_17"`
	Kind       string  `json:"kind" enum:"seller,creator,agency,partner"`
	Payee      string  `json:"payee" example:"sel_uk"`
	Currency   string  `json:"currency" doc:"Empty for a pause of every currency" example:"GBP"`
	Effect     string  `json:"effect" enum:"pause,amount,everything" doc:"pause: payouts stop and nothing moves; amount and everything: money is blocked"`
	Category   string  `json:"category" enum:"kyc,sanctions,legal,fraud,review"`
	Case       string  `json:"case" doc:"What it is about in the papers of whoever asked for it; payees are not told" example:"case-17"`
	Wanted     *string `json:"wanted" doc:"How much is to be blocked; null unless the effect is amount" example:"120.00"`
	Holding    string  `json:"holding" doc:"What it holds now; empty for a pause and for a hold that is over" example:"80.00"`
	PlacedAt   string  `json:"placed_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	ReleasedAt *string `json:"released_at" format:"date-time" doc:"Null while it stands" example:"2026-11-24T10:00:00.000000Z"`
	Approval   string  `json:"approval" doc:"By which approval it was released" example:"ap_0123456789abcdef"`
	Document   string  `json:"document" doc:"The document that showed that it is over" example:"release-3"`
}

// NewPayeeHold is the body that places a hold.
type NewPayeeHold struct {
	ID       string `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Your own id of it; the same content again is found, not placed" example:"hold_17"`
	Kind     string `json:"kind" enum:"seller,creator,agency,partner" doc:"As whom the payee has the money"`
	Payee    string `json:"payee" pattern:"^[A-Za-z0-9_.-]{1,64}$" example:"sel_uk"`
	Currency string `json:"currency,omitempty" pattern:"^[A-Z]{3}$" doc:"Only a pause may leave it out" example:"GBP"`
	Effect   string `json:"effect" enum:"pause,amount,everything" doc:"pause: payouts stop and nothing moves; amount and everything: what is available is blocked now, and the rest when it becomes available"`
	Amount   string `json:"amount,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]+)?$" doc:"How much, for the effect amount" example:"120.00"`
	Category string `json:"category" enum:"kyc,sanctions,legal,fraud,review" doc:"A review can only pause"`
	Case     string `json:"case" minLength:"1" maxLength:"128" doc:"The case by its id, not by a person's name" example:"case-17"`
	Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it stands in the audit trail" example:"The identity document has expired."`
}

// HoldRelease is the body that releases a hold.
type HoldRelease struct {
	Document     string `json:"document" minLength:"1" maxLength:"255" doc:"The document that shows that it is over" example:"release-3"`
	Reason       string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why" example:"The documents were renewed."`
	ToWrittenOff string `json:"to_written_off,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]+)?$" doc:"The part that pays a debt which was written off before" example:"12.00"`
}

type holdListJSON struct {
	Data       []HoldJSON `json:"data" nullable:"false" doc:"The latest first; of one payee those that stand, the oldest first"`
	NextCursor *string    `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type holdQuery struct {
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"A page has at most 100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

func holdOperations() []Operation {
	one, list := reflect.TypeFor[HoldJSON](), reflect.TypeFor[holdListJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/holds", ID: "place-hold", Group: "Holds", Summary: "Place a hold on a payee",
			Description: "Blocked money pays no debt, no fee and nobody else until the hold is released. A payout that is on its way is not stopped.",
			Scope:       access.PayoutsWrite, Body: reflect.TypeFor[NewPayeeHold](), BodyLimit: bodyLimit,
			Example: map[string]any{"id": "hold_17", "kind": "seller", "payee": "sel_uk", "currency": "GBP", "effect": "amount", "amount": "120.00", "category": "kyc", "case": "case-17", "reason": "The identity document has expired."},
			Answers: []Answer{{Status: 200, Meaning: "It stands. The same content sent again is answered in the same way.", Body: one}},
			Errors:  []*fault.Error{payouts.ErrHoldInvalid, payouts.ErrHoldExists, ledger.ErrInvalid, guard.ErrDeedInvalid, ErrNotReady}, handle: placeHold,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/holds", ID: "list-holds", Group: "Holds", Summary: "List holds",
			Scope: access.PayoutsRead, Query: reflect.TypeFor[holdQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of holds, released ones included.", Body: list}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listHolds,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/holds/{hold}", ID: "get-hold", Group: "Holds", Summary: "Read a hold",
			Scope: access.PayoutsRead, Answers: []Answer{{Status: 200, Meaning: "The hold now.", Body: one}}, Errors: []*fault.Error{payouts.ErrHoldUnknown, ErrNotReady}, handle: getHold,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/holds/{hold}/release", ID: "release-hold", Group: "Holds", Summary: "Release a hold",
			Description: "What it holds is the payee's again.", Scope: access.PayoutsWrite, SecondPerson: payouts.ActHoldReleased, Body: reflect.TypeFor[HoldRelease](), BodyLimit: bodyLimit,
			Example: map[string]any{"document": "release-3", "reason": "The documents were renewed."},
			Answers: []Answer{{Status: 200, Meaning: "It is over.", Body: one}},
			Errors:  []*fault.Error{payouts.ErrHoldUnknown, payouts.ErrHoldOver, payouts.ErrHoldInvalid, commerce.ErrWrittenOffSmaller, guard.ErrApprovalChanged, guard.ErrDeedInvalid, ErrNotReady}, handle: releaseHold,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/holds", ID: "list-payee-holds", Group: "Holds", Summary: "List the holds that stand on a payee",
			Description: "A payee reads of itself the amount and the category only.", Scope: access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[holdQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of the holds.", Body: list}}, Errors: []*fault.Error{commerce.ErrPayeeUnknown, ErrCursor, ErrNotReady}, handle: listPayeeHolds,
		},
	}
}

// holdOf is a hold as the caller may read it, with what it holds.
func (c *call) holdOf(s *payouts.Service, h payouts.Hold) (HoldJSON, error) {
	out := HoldJSON{ID: h.ID, Kind: h.Kind, Payee: h.PayeeKey.ID, Currency: string(h.Currency), Effect: h.Effect, Category: h.Category, Case: h.Case,
		PlacedAt: h.PlacedAt.Format(instantFormat), ReleasedAt: instantOf(h.ReleasedAt), Approval: h.Approval, Document: h.Document}
	if h.Wanted > 0 {
		wanted := h.Wanted.Format(h.Currency)
		out.Wanted = &wanted
	}
	if h.Effect != payouts.EffectPause && h.ReleasedAt.IsZero() {
		holds, err := s.Holding(c.ctx, c.book, h)
		if err != nil {
			return HoldJSON{}, err
		}
		out.Holding = holds.Format(h.Currency)
	}
	if c.principal.Kind == access.Payee {
		out.ID, out.Case, out.Approval, out.Document = "", "", "", ""
	}
	return out, nil
}

func (c *call) answerHold(s *payouts.Service, h payouts.Hold, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	out, err := c.holdOf(s, h)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, out)
}

// answerHolds answers with a page of holds, and with what the next one begins after, if there is one.
func (c *call) answerHolds(s *payouts.Service, list []payouts.Hold, next ...string) (reply, error) {
	out := holdListJSON{Data: make([]HoldJSON, len(list))}
	for i, h := range list {
		var err error
		if out.Data[i], err = c.holdOf(s, h); err != nil {
			return reply{}, err
		}
	}
	if len(next) > 0 {
		cursor := c.nextCursor(next...)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func placeHold(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewPayeeHold) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	h := payouts.Hold{ID: n.ID, PayeeKey: payouts.PayeeKey{Kind: n.Kind, ID: n.Payee}, Currency: money.Currency(n.Currency), Effect: n.Effect, Category: n.Category, Case: n.Case}
	if n.Amount != "" {
		if h.Wanted, err = money.ParsePositive(n.Amount, h.Currency); err != nil {
			return reply{}, payouts.ErrHoldInvalid.At("/amount", "amount-digits", "This is an amount above zero in the hold's currency, with at most its decimals.")
		}
	}
	placed, err := s.PlaceHold(c.ctx, c.actor(), c.book, h, n.Reason)
	return c.answerHold(s, placed, err)
}

// maxShownHolds bounds a page of holds, each of which is summed up from its story.
const maxShownHolds = 100

func listHolds(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	limit, after := min(c.query.limit(), maxShownHolds), payouts.Hold{}
	if at := c.position(2); at != nil {
		var err error
		if after.PlacedAt, err = time.Parse(time.RFC3339Nano, at[0]); err != nil {
			return reply{}, ErrCursor
		}
		after.ID = at[1]
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := s.Holds(c.ctx, c.book, after, limit)
	switch {
	case err != nil:
		return reply{}, err
	case !more:
		return c.answerHolds(s, list)
	}
	last := list[len(list)-1]
	return c.answerHolds(s, list, last.PlacedAt.Format(time.RFC3339Nano), last.ID)
}

func getHold(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	h, err := s.Hold(c.ctx, c.book, c.param("hold"))
	return c.answerHold(s, h, err)
}

func releaseHold(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body HoldRelease) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	payload, err := json.Marshal(map[string]string{"hold": c.param("hold"), "to_written_off": strings.TrimSpace(n.ToWrittenOff)})
	if err != nil {
		return reply{}, err
	}
	h, err := s.ReleaseHold(c.ctx, c.actor(), c.book, payload, n.Document, n.Reason)
	return c.answerHold(s, h, err)
}

func listPayeeHolds(c *call) (reply, error) {
	s, id, err := c.payingFor()
	if err != nil {
		return reply{}, err
	}
	limit, from := min(c.query.limit(), maxShownHolds), payouts.HoldPlace{}
	if at := c.position(2); at != nil {
		if from.PlacedAt, err = momentOf(at[0]); err != nil {
			return reply{}, err
		}
		if from.Nth, err = strconv.Atoi(at[1]); err != nil {
			return reply{}, ErrCursor
		}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, next, err := s.HoldsOf(c.ctx, c.book, id, from, limit)
	switch {
	case err != nil:
		return reply{}, err
	case next == nil:
		return c.answerHolds(s, list)
	}
	return c.answerHolds(s, list, markOf(next.PlacedAt), strconv.Itoa(next.Nth)) // no cursor tells a payee what a hold is called
}
