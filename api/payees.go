package api

import (
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Payees: who is paid, and whether it is a child. Nothing personal belongs here.

// NewPayee is the body that registers a payee.
type NewPayee struct {
	ID             string `json:"id" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"The payee's opaque id, as events name it" example:"cre_minor"`
	Kind           string `json:"kind" enum:"seller,creator,agency,partner,charity,guardian" doc:"What the payee is, for ever"`
	Country        string `json:"country" pattern:"^[A-Z]{2}$" doc:"Where it is paid" example:"US"`
	Currency       string `json:"currency" pattern:"^[A-Z]{3}$" doc:"The currency it is paid in, one of the book's" example:"GBP"`
	SettlementTier string `json:"settlement_tier,omitempty" pattern:"^[a-z][a-z0-9_]{0,31}$" doc:"The tier agreed with it; left out, the rule set's. It is kept for your own use: orders settle by their rule set." example:"standard"`
	Minor          bool   `json:"minor,omitempty" doc:"Whether a creator is a child"`
	Guardian       string `json:"guardian,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who is paid for a minor: a registered payee of kind guardian" example:"gua_pat"`
	TrustRate      string `json:"trust_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" default:"0.15" doc:"The part of a minor's gross earnings that is set aside, rounded up" example:"0.15"`
}

// ChangedPayee is the body that changes a payee.
type ChangedPayee struct {
	Version        int     `json:"version" minimum:"1" maximum:"999999" doc:"The version that you have read" example:"1"`
	Minor          *bool   `json:"minor,omitempty" doc:"Whether a creator is a child; whoever comes of age has no guardian any more"`
	Guardian       *string `json:"guardian,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"Who is paid for a minor" example:"gua_pat"`
	TrustRate      *string `json:"trust_rate,omitempty" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]{1,12})?$" doc:"The part that is set aside; what was released before keeps its rate" example:"0.15"`
	SettlementTier *string `json:"settlement_tier,omitempty" pattern:"^[a-z][a-z0-9_]{0,31}$" doc:"The tier agreed with it" example:"standard"`
}

// PayeeJSON is a payee as callers read it.
type PayeeJSON struct {
	ID             string `json:"id" example:"cre_minor"`
	Kind           string `json:"kind" enum:"seller,creator,agency,partner,charity,guardian" doc:"What the payee is, for ever"`
	Country        string `json:"country" example:"US"`
	Currency       string `json:"currency" doc:"The currency it is paid in" example:"GBP"`
	SettlementTier string `json:"settlement_tier" doc:"The tier agreed with it; empty for the rule set's" example:"standard"`
	Minor          bool   `json:"minor" doc:"Whether it is a child: gifts are refused, and a part of its earnings is set aside"`
	Guardian       string `json:"guardian" doc:"Who is paid for a minor; empty for anybody else" example:"gua_pat"`
	TrustRate      string `json:"trust_rate" doc:"The part of a minor's gross earnings that is set aside; empty for anybody else" example:"0.15"`
	Version        int    `json:"version" minimum:"1" doc:"Counts its changes; send it with the next one" example:"1"`
	RecordedAt     string `json:"recorded_at" format:"date-time" doc:"When it was registered" example:"2026-11-20T10:00:00.000000Z"`
	ChangedAt      string `json:"changed_at" format:"date-time" doc:"When this version was recorded" example:"2026-11-20T10:00:00.000000Z"`
}

type payeeListJSON struct {
	Data       []PayeeJSON `json:"data" nullable:"false" doc:"In order of their ids"`
	NextCursor *string     `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type trustListJSON struct {
	Data []commerce.Trust `json:"data" nullable:"false" doc:"For each currency in which something is set aside or deposited"`
}

func payeeOperations() []Operation {
	one := reflect.TypeFor[PayeeJSON]()
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/payees", ID: "register-payee", Group: "Payees", Summary: "Register a payee",
			Description: "Say what a payee is, and whether it is a minor. A payee that is not registered earns all the same. Personal data never belong here.",
			Scope:       access.PayeesWrite, Body: reflect.TypeFor[NewPayee](), BodyLimit: bodyLimit,
			Example: map[string]any{"id": "cre_amy", "kind": "creator", "country": "UK", "currency": "GBP"},
			Answers: []Answer{{Status: 201, Meaning: "Registered.", Body: one}, {Status: 200, Meaning: "Registered before with this content; this is how it stands now.", Body: one, Replayed: true}},
			Errors:  []*fault.Error{commerce.ErrPayeeExists, commerce.ErrGuardian, ledger.ErrInvalid}, handle: registerPayee,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees", ID: "list-payees", Group: "Payees", Summary: "List payees",
			Scope: access.PayeesRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of payees.", Body: reflect.TypeFor[payeeListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, ledger.ErrInvalid}, handle: listPayees,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}", ID: "get-payee", Group: "Payees", Summary: "Read a payee",
			Scope: access.PayeesRead, Own: "payee",
			Answers: []Answer{{Status: 200, Meaning: "The payee as it stands.", Body: one}}, Errors: []*fault.Error{commerce.ErrPayeeUnknown, ledger.ErrInvalid}, handle: getPayee,
		},
		{
			Method: http.MethodPatch, Path: "/v1/books/{book}/payees/{payee}", ID: "change-payee", Group: "Payees", Summary: "Change a payee",
			Description: "Every version is kept. Whether it is a minor, its guardian and its trust rate are changed with a second person: ask for an approval of the act payee.change. It holds for what is recorded from then on; what was set aside before stays set aside until the trust is released.",
			Scope:       access.PayeesWrite, Body: reflect.TypeFor[ChangedPayee](), BodyLimit: bodyLimit,
			Example: map[string]any{"version": 1, "settlement_tier": "short"},
			Answers: []Answer{{Status: 200, Meaning: "Changed. The same change sent again is answered in the same way.", Body: one}},
			Errors:  []*fault.Error{commerce.ErrPayeeUnknown, commerce.ErrPayeeVersion, commerce.ErrGuardian, ledger.ErrInvalid, guard.ErrApprovalRequired}, handle: changePayee,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/trust", ID: "get-trust", Group: "Payees", Summary: "Read what is set aside for a minor",
			Description: "What is owed to the child, what of it is in the trust account, and what should be there by now. Ask on every business day, and deposit what is due.",
			Scope:       access.BalancesRead, Own: "payee",
			Answers: []Answer{{Status: 200, Meaning: "The trust now.", Body: reflect.TypeFor[trustListJSON]()}}, Errors: []*fault.Error{ledger.ErrInvalid}, handle: getTrust,
		},
	}
}

// payeeOf is a payee as callers read it.
func payeeOf(p commerce.Payee) PayeeJSON {
	return PayeeJSON{ID: p.ID, Kind: p.Kind, Country: p.Country, Currency: p.Currency, SettlementTier: p.SettlementTier, Minor: p.Minor, Guardian: p.Guardian,
		TrustRate: p.TrustRate, Version: p.Version, RecordedAt: p.RecordedAt.Format(instantFormat), ChangedAt: p.ChangedAt.Format(instantFormat)}
}

func registerPayee(c *call) (reply, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewPayee) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	p, created, err := c.service.commerce.RegisterPayee(c.ctx, c.actor(), c.book, commerce.Payee{ID: n.ID, Kind: n.Kind, Country: n.Country, Currency: n.Currency,
		SettlementTier: n.SettlementTier, Minor: n.Minor, Guardian: n.Guardian, TrustRate: n.TrustRate})
	if err != nil {
		return reply{}, err
	}
	status := http.StatusCreated
	if !created {
		status = http.StatusOK
	}
	r, err := document(status, payeeOf(p))
	r.replayed = !created
	return r, err
}

func listPayees(c *call) (reply, error) {
	limit, after := c.query.limit(), c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := c.service.commerce.Payees(c.ctx, c.book, after, limit)
	if err != nil {
		return reply{}, err
	}
	out := payeeListJSON{Data: make([]PayeeJSON, len(list))}
	for i, p := range list {
		out.Data[i] = payeeOf(p)
	}
	if more {
		cursor := c.nextCursor(list[len(list)-1].ID)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func getPayee(c *call) (reply, error) {
	id, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	p, err := c.service.commerce.Payee(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, payeeOf(p))
}

func getTrust(c *call) (reply, error) {
	id, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	list, err := c.service.commerce.Trusts(c.ctx, c.book, id, c.service.now())
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, trustListJSON{list})
}

func changePayee(c *call) (reply, error) {
	id, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body ChangedPayee) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	change := commerce.PayeeChange{Version: n.Version, SettlementTier: n.SettlementTier, Minor: n.Minor, Guardian: n.Guardian, TrustRate: n.TrustRate}
	if change.NeedsSecondPerson() && !c.principal.Alone {
		return reply{}, guard.ErrApprovalRequired.With("What protects a child needs a second person. Ask for an approval of the act payee.change.")
	}
	p, err := c.service.commerce.ChangePayee(c.ctx, c.actor(), c.book, id, change)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, payeeOf(p))
}
