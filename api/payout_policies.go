package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/payouts"
)

// The terms under which a book pays: its payout policies, and what was agreed with single payees.

// PolicyDocument documents the body that activates a payout policy: the handbook's page on payout policies describes it.
type PolicyDocument struct{}

// Schema describes a policy roughly. It implements huma.SchemaProvider.
func (PolicyDocument) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Description: "One version of a market's payout policy, in the format of the handbook's page on payout policies",
		Required: []string{"policy", "version", "market", "valid_from"},
		Properties: map[string]*huma.Schema{
			"policy": {Type: huma.TypeString, Description: "Its name"}, "version": {Type: huma.TypeInteger, Description: "Counts from 1"},
			"market": {Type: huma.TypeString, Description: "The market of the book"}, "valid_from": {Type: huma.TypeString, Format: "date-time", Description: "The first instant at which it holds"},
		}}
	s.PrecomputeMessages()
	return s
}

// PayoutPolicyJSON is a policy as callers read it.
type PayoutPolicyJSON struct {
	Version    string          `json:"version" doc:"Its name and version" example:"uk-1"`
	ValidFrom  string          `json:"valid_from" format:"date-time" doc:"The first instant at which it holds" example:"2026-12-01T00:00:00.000000Z"`
	Origin     string          `json:"origin" enum:"shipped,book" doc:"Whether it came with the service, or was activated for the book"`
	RecordedAt *string         `json:"recorded_at" format:"date-time" doc:"When it was activated; null for a shipped one" example:"2026-11-20T10:00:00.000000Z"`
	Approval   string          `json:"approval" doc:"By which approval" example:"ap_0123456789abcdef"`
	Document   json.RawMessage `json:"document,omitempty" doc:"The policy; left out in lists"`
}

type payoutPolicyListJSON struct {
	Data       []PayoutPolicyJSON `json:"data" nullable:"false" doc:"Those activated for the book, the latest first; after the last of them the shipped ones of its market"`
	NextCursor *string            `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type policyAtQuery struct {
	At    string `json:"at,omitempty" format:"date-time" doc:"When; left out, now" example:"2026-11-20T10:00:00Z"`
	Payee string `json:"payee,omitempty" doc:"For this payee, with what was agreed with it" example:"sel_uk"`
}

// OverrideJSON is what was agreed with one payee.
type OverrideJSON struct {
	Payee      string          `json:"payee" example:"sel_uk"`
	Version    int             `json:"version" minimum:"1" example:"1"`
	ValidFrom  string          `json:"valid_from" format:"date-time" example:"2026-12-01T00:00:00.000000Z"`
	RecordedAt string          `json:"recorded_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	Approval   string          `json:"approval" doc:"By which approval" example:"ap_0123456789abcdef"`
	Document   json.RawMessage `json:"document" doc:"What is other than in the policy; an empty object ends what was agreed before"`
}

type overrideListJSON struct {
	Data       []OverrideJSON `json:"data" nullable:"false" doc:"Of one payee the latest first, of a book by the payee's id"`
	NextCursor *string        `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

func payoutPolicyOperations() []Operation {
	one := reflect.TypeFor[PayoutPolicyJSON]()
	policyErrors := []*fault.Error{payouts.ErrPolicyInvalid, payouts.ErrPolicyExists, payouts.ErrPolicyMissing, guard.ErrDeedInvalid, ErrNotReady}
	return []Operation{
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/payout_policies", ID: "activate-payout-policy", Group: "Payout policies", Summary: "Give a book a payout policy",
			Description: "The document never changes; it holds from its valid_from on, which lies in the future. A correction is the next version.",
			Scope:       access.PayoutsWrite, SecondPerson: payouts.ActPolicy, Body: reflect.TypeFor[PolicyDocument](), BodyLimit: ruleSetLimit, Example: policyExample(),
			Answers: []Answer{{Status: 201, Meaning: "Activated.", Body: one}}, Errors: policyErrors, handle: activatePayoutPolicy,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payout_policies", ID: "list-payout-policies", Group: "Payout policies", Summary: "List the payout policies of a book",
			Scope: access.PayoutsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of policies.", Body: reflect.TypeFor[payoutPolicyListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listPayoutPolicies,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payout_policies/{version}", ID: "get-payout-policy", Group: "Payout policies", Summary: "Read a payout policy",
			Scope: access.PayoutsRead, Answers: []Answer{{Status: 200, Meaning: "The policy.", Body: one}}, Errors: []*fault.Error{payouts.ErrPolicyUnknown, ErrNotReady}, handle: getPayoutPolicy,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payout_policy", ID: "payout-policy-in-force", Group: "Payout policies", Summary: "Read the payout policy in force",
			Description: "The last one that was activated for the book and has begun, else the one shipped for its market.",
			Scope:       access.PayoutsRead, Query: reflect.TypeFor[policyAtQuery](),
			Answers: []Answer{{Status: 200, Meaning: "The policy.", Body: one}}, Errors: []*fault.Error{payouts.ErrPolicyMissing, payouts.ErrPolicyInvalid, ErrNotReady}, handle: payoutPolicyInForce,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/payout_overrides", ID: "list-payout-overrides", Group: "Payout policies", Summary: "List what was agreed with a payee",
			Scope:   access.PayoutsRead,
			Answers: []Answer{{Status: 200, Meaning: "What was agreed.", Body: reflect.TypeFor[overrideListJSON]()}}, Errors: []*fault.Error{commerce.ErrPayeeUnknown, ErrNotReady}, handle: listPayoutOverrides,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payout_overrides", ID: "list-book-payout-overrides", Group: "Payout policies", Summary: "List what was agreed with single payees",
			Description: "What was agreed last with each payee, by the payee's id. An empty document says that what was agreed ended.",
			Scope:       access.PayoutsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of payees.", Body: reflect.TypeFor[overrideListJSON]()}}, Errors: []*fault.Error{ErrCursor, ErrNotReady}, handle: listBookOverrides,
		},
	}
}

// policyExample is the shipped policy of a market as its own next version.
func policyExample() any {
	for _, p := range payouts.ShippedPolicies() {
		if p.Market == "UK" {
			next := *p
			next.Version, next.ValidFrom = 9, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
			var out map[string]any
			if json.Unmarshal(next.Canonical(), &out) == nil {
				return out
			}
		}
	}
	return nil
}

// policyOf is a policy as callers read it; a list leaves the document out.
func policyOf(a payouts.Activated, full bool) PayoutPolicyJSON {
	out := PayoutPolicyJSON{Version: a.Version, ValidFrom: a.ValidFrom.UTC().Format(instantFormat), Origin: "book", RecordedAt: instantOf(a.RecordedAt), Approval: a.Approval}
	if a.Shipped {
		out.Origin = "shipped"
	}
	if full {
		out.Document = json.RawMessage(a.Document)
	}
	return out
}

func activatePayoutPolicy(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	body, err := c.readDocument()
	if err != nil {
		return reply{}, err
	}
	a, err := s.ActivatePolicy(c.ctx, c.actor(), c.book, body, "")
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusCreated, policyOf(a, true))
}

func listPayoutPolicies(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	limit, before := c.query.limit(), time.Time{}
	if at := c.position(1); at != nil {
		if before, err = time.Parse(time.RFC3339Nano, at[0]); err != nil {
			return reply{}, ErrCursor
		}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := s.Policies(c.ctx, c.book, before, limit)
	if err != nil {
		return reply{}, err
	}
	out := payoutPolicyListJSON{Data: make([]PayoutPolicyJSON, len(list))}
	for i, a := range list {
		out.Data[i] = policyOf(a, false)
	}
	if more {
		cursor := c.nextCursor(list[len(list)-1].ValidFrom.Format(time.RFC3339Nano))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func getPayoutPolicy(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	a, err := s.Policy(c.ctx, c.book, c.param("version"))
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, policyOf(a, true))
}

func payoutPolicyInForce(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	at, payee := c.query.moment("at", c.service.now()), c.query.text("payee")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	p, err := s.PolicyFor(c.ctx, c.book, payee, at)
	if err != nil {
		return reply{}, err
	}
	a, err := s.Policy(c.ctx, c.book, p.Base())
	if err != nil {
		return reply{}, err
	}
	a.Version, a.Document = p.Name(), p.Canonical()
	return document(http.StatusOK, policyOf(a, true))
}

func listPayoutOverrides(c *call) (reply, error) {
	s, id, err := c.payingFor()
	if err != nil {
		return reply{}, err
	}
	list, err := s.Overrides(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, overridesOf(list))
}

func overridesOf(list []payouts.Agreed) overrideListJSON {
	out := overrideListJSON{Data: make([]OverrideJSON, len(list))}
	for i, a := range list {
		out.Data[i] = OverrideJSON{Payee: a.Payee, Version: a.Version, ValidFrom: a.ValidFrom.Format(instantFormat), RecordedAt: a.RecordedAt.Format(instantFormat), Approval: a.Approval, Document: a.Document}
	}
	return out
}

func listBookOverrides(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := s.Exceptions(c.ctx, c.book, after, limit)
	if err != nil {
		return reply{}, err
	}
	out := overridesOf(list)
	if more {
		cursor := c.nextCursor(list[len(list)-1].Payee)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}
