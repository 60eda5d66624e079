package api

import (
	"encoding/json"
	"net/http"
	"reflect"

	"mizan/api/access"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Whom the house pays, and where: standings and destinations. No bank number passes here.

// StandingJSON is a standing as callers read it.
type StandingJSON struct {
	Payee        string `json:"payee" example:"sel_uk"`
	Version      int    `json:"version" minimum:"0" doc:"Counts its changes, 0 before the first; send it with the next one" example:"1"`
	Verification string `json:"verification" enum:"unverified,pending,verified,rejected"`
	Category     string `json:"category" doc:"Why it is not verified, in a word" example:"document_expired"`
	Business     string `json:"business" enum:"open,closing,closed"`
	Owner        string `json:"owner" doc:"The legal owner, which payees of one owner share" example:"own_1"`
	SetOff       string `json:"set_off" doc:"The document in which the owner consents that one shop pays another's debt; empty without" example:"consent-7"`
	Document     string `json:"document" doc:"The evidence named last; payees are not told" example:"kyc-2026-17"`
	RecordedAt   string `json:"recorded_at,omitempty" format:"date-time" doc:"When it was said; left out before" example:"2026-11-20T10:00:00.000000Z"`
}

// ChangedStanding is the body that changes a standing.
type ChangedStanding struct {
	Version      int     `json:"version" minimum:"0" maximum:"999999" doc:"The version that you have read, 0 for none" example:"0"`
	Verification *string `json:"verification,omitempty" enum:"unverified,pending,verified,rejected" doc:"Verified needs a document, rejected a category" example:"verified"`
	Category     *string `json:"category,omitempty" pattern:"^([a-z][a-z0-9_]{0,63})?$" doc:"Why it is not verified, in a word" example:"document_expired"`
	Business     *string `json:"business,omitempty" enum:"open,closing,closed" doc:"A payee with money, a debt, a payout on its way or a hold is not closed" example:"open"`
	Owner        *string `json:"owner,omitempty" pattern:"^[A-Za-z0-9_.-]{0,64}$" doc:"The legal owner" example:"own_1"`
	SetOff       *string `json:"set_off,omitempty" maxLength:"255" doc:"The owner's consent that one shop pays another's debt, a document's id; empty takes it back" example:"consent-7"`
	Document     string  `json:"document,omitempty" maxLength:"255" doc:"The evidence, by an id of its own" example:"kyc-2026-17"`
	Reason       string  `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it stands in the audit trail" example:"Checked the documents."`
}

type standingListJSON struct {
	Data       []StandingJSON `json:"data" nullable:"false" doc:"In order of the payees' ids; payees of whom nothing was said are left out"`
	NextCursor *string        `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

// PayoutDestinationJSON is a destination as callers read it.
type PayoutDestinationJSON struct {
	ID           string   `json:"id" example:"dst_0123456789abcdef"`
	Payee        string   `json:"payee" example:"sel_uk"`
	Rail         string   `json:"rail" doc:"connected: an account at a processor; bank: the bank data in the vault" example:"connected"`
	Account      string   `json:"account" doc:"As the processor names it, or the payee as the vault names it; never a bank number" example:"acct_1Nv0FGQ9RKHgCVdK"`
	Currencies   []string `json:"currencies" nullable:"false" example:"[\"GBP\"]"`
	Mode         string   `json:"mode" enum:"automatic,manual" doc:"automatic: the processor pays out by itself; manual: each payout is ordered"`
	State        string   `json:"state" enum:"pending,active,disabled,retired"`
	DisabledCode string   `json:"disabled_code" doc:"Why it is disabled, in a word" example:"payouts_not_enabled"`
	NameMatch    string   `json:"name_match" enum:"unknown,match,close,mismatch" doc:"The holder's name compared with the name on record"`
	CreatedAt    string   `json:"created_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	CoolingUntil *string  `json:"cooling_until" format:"date-time" doc:"Nothing is paid there before" example:"2026-11-23T10:00:00.000000Z"`
	ActiveSince  *string  `json:"active_since" format:"date-time" doc:"Null before it could be paid to" example:"2026-11-20T10:00:00.000000Z"`
	FirstPaidAt  *string  `json:"first_paid_at" format:"date-time" doc:"Null before something arrived there" example:"2026-11-24T10:00:00.000000Z"`
	ChangedAt    string   `json:"changed_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	Approval     string   `json:"approval" doc:"By which approval; payees are not told" example:"ap_0123456789abcdef"`
}

type destinationListJSON struct {
	Data       []PayoutDestinationJSON `json:"data" nullable:"false" doc:"Those that stand first, then retired ones, the latest first"`
	NextCursor *string                 `json:"next_cursor" doc:"Always null"`
}

// NewPayoutDestination is the body that gives a payee a destination.
type NewPayoutDestination struct {
	Rail            string   `json:"rail" enum:"connected,bank" doc:"connected: an account at the processor; bank: the bank data in the vault"`
	Account         string   `json:"account,omitempty" pattern:"^acct_[A-Za-z0-9]{1,64}$" doc:"The connected account; left out for a bank" example:"acct_1Nv0FGQ9RKHgCVdK"`
	Currencies      []string `json:"currencies" minItems:"1" maxItems:"50" doc:"The currencies that are paid there" example:"[\"GBP\"]"`
	Mode            string   `json:"mode,omitempty" enum:"automatic,manual" doc:"Left out, what the processor does for the account" example:"manual"`
	HolderConfirmed bool     `json:"holder_confirmed,omitempty" doc:"Whether a document shows that the account is the payee's, whatever the names are"`
	Reason          string   `json:"reason" minLength:"1" maxLength:"2000" doc:"Why" example:"The payee asked for it."`
}

// destinationErrors are what giving a destination may be refused for.
var destinationErrors = []*fault.Error{payouts.ErrDestinationInvalid, payouts.ErrDestinationOwn, payouts.ErrDestinationTaken, payouts.ErrDestinationMinor, payouts.ErrRail,
	payouts.ErrRailUnavailable, payouts.ErrRailStrange, guard.ErrApprovalInvalid, guard.ErrApprovalChanged, commerce.ErrPayeeUnknown, payouts.ErrPolicyMissing, payouts.ErrPolicyInvalid, ErrNotReady}

func standingOperations() []Operation {
	one := reflect.TypeFor[StandingJSON]()
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/standings", ID: "list-standings", Group: "Payees and destinations", Summary: "List the standings of payees",
			Scope: access.PayoutsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of standings.", Body: reflect.TypeFor[standingListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, ErrNotReady}, handle: listStandings,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/standing", ID: "get-standing", Group: "Payees and destinations", Summary: "Read a payee's standing",
			Description: "Whether the payee is verified, whether the business goes on, and to whom it belongs. A payee of whom nobody has said anything is unverified and open, at version 0.",
			Scope:       access.PayoutsRead, Own: "payee",
			Answers: []Answer{{Status: 200, Meaning: "The standing now.", Body: one}}, Errors: []*fault.Error{commerce.ErrPayeeUnknown, ErrNotReady}, handle: getStanding,
		},
		{
			Method: http.MethodPatch, Path: "/v1/books/{book}/payees/{payee}/standing", ID: "change-standing", Group: "Payees and destinations", Summary: "Change a payee's standing",
			Description: "Every version is kept. Closing is begun at any time (closing: the last payout ignores the minimum) and is refused for good (closed) as long as the payee has money, a debt, a payout on its way or a hold.",
			Scope:       access.PayoutsWrite, Body: reflect.TypeFor[ChangedStanding](), BodyLimit: bodyLimit,
			Example: map[string]any{"version": 0, "verification": "verified", "document": "kyc-2026-17", "reason": "Checked the documents."},
			Answers: []Answer{{Status: 200, Meaning: "Changed. The same change sent again is answered in the same way.", Body: one}},
			Errors:  []*fault.Error{commerce.ErrPayeeUnknown, payouts.ErrStandingInvalid, payouts.ErrStandingVersion, payouts.ErrPayeeBusy, guard.ErrDeedInvalid, ErrNotReady}, handle: changeStanding,
		},
	}
}

func destinationOperations() []Operation {
	one := reflect.TypeFor[PayoutDestinationJSON]()
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/destinations", ID: "list-destinations", Group: "Payees and destinations", Summary: "List where a payee is paid",
			Scope: access.PayoutsRead, Own: "payee",
			Answers: []Answer{{Status: 200, Meaning: "The destinations.", Body: reflect.TypeFor[destinationListJSON]()}}, Errors: []*fault.Error{commerce.ErrPayeeUnknown, ErrNotReady}, handle: listDestinations,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/payees/{payee}/destinations", ID: "set-destination", Group: "Payees and destinations", Summary: "Give a payee a destination",
			Description: "The account is read at the processor. The one until now retires, what is under way still arrives there, and nothing is paid to the new one before its cooling-off is over.",
			Scope:       access.PayoutsWrite, SecondPerson: payouts.ActDestination, Body: reflect.TypeFor[NewPayoutDestination](), BodyLimit: bodyLimit,
			Example: map[string]any{"rail": "connected", "account": "acct_1Nv0FGQ9RKHgCVdK", "currencies": []string{"GBP"}, "reason": "The payee asked for it."},
			Answers: []Answer{{Status: 201, Meaning: "It stands.", Body: one}}, Errors: destinationErrors, handle: setDestination,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/destinations/{destination}/refresh", ID: "refresh-destination", Group: "Payees and destinations", Summary: "Read a destination's account again",
			Description: "Takes over what the processor says now. A destination whose bank was mended is active again; another bank behind the account cools off first.",
			Scope:       access.PayoutsWrite, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "The destination now.", Body: one}},
			Errors:  []*fault.Error{payouts.ErrDestinationUnknown, payouts.ErrRail, payouts.ErrRailUnavailable, payouts.ErrRailStrange, payouts.ErrPolicyInvalid, guard.ErrDeedInvalid, ErrNotReady}, handle: refreshDestination,
		},
	}
}

// paying returns the payouts service, or ErrNotReady.
func (c *call) paying() (*payouts.Service, error) {
	if c.service.payouts == nil {
		return nil, ErrNotReady
	}
	return c.service.payouts, nil
}

// payingFor returns the payouts service and the registered payee that the path names.
func (c *call) payingFor() (*payouts.Service, string, error) {
	s, err := c.paying()
	if err != nil {
		return nil, "", err
	}
	id, err := c.segment("payee")
	if err != nil {
		return nil, "", err
	}
	_, err = c.service.commerce.Payee(c.ctx, c.book, id)
	return s, id, err
}

// standingOf is a standing as the caller may read it: payees are not told the house's evidence.
func (c *call) standingOf(s payouts.Standing) StandingJSON {
	out := StandingJSON{Payee: s.Payee, Version: s.Version, Verification: s.Verification, Category: s.Category, Business: s.Business, Owner: s.Owner, SetOff: s.SetOff, Document: s.Document}
	if !s.RecordedAt.IsZero() {
		out.RecordedAt = s.RecordedAt.Format(instantFormat)
	}
	if c.principal.Kind == access.Payee {
		out.Owner, out.SetOff, out.Document = "", "", ""
	}
	return out
}

func getStanding(c *call) (reply, error) {
	s, id, err := c.payingFor()
	if err != nil {
		return reply{}, err
	}
	standing, err := s.Standing(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, c.standingOf(standing))
}

func listStandings(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), c.afterName()
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := s.Standings(c.ctx, c.book, after, limit)
	if err != nil {
		return reply{}, err
	}
	out := standingListJSON{Data: make([]StandingJSON, len(list))}
	for i, standing := range list {
		out.Data[i] = c.standingOf(standing)
	}
	if more {
		cursor := c.nextCursor(list[len(list)-1].Payee)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func changeStanding(c *call) (reply, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body ChangedStanding) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	s, id, err := c.payingFor()
	if err != nil {
		return reply{}, err
	}
	standing, err := s.ChangeStanding(c.ctx, c.actor(), c.book, id, payouts.StandingChange{Version: n.Version, Verification: n.Verification, Category: n.Category,
		Business: n.Business, Owner: n.Owner, SetOff: n.SetOff, Document: n.Document, Why: n.Reason})
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, c.standingOf(standing))
}

// destinationOf is a destination as the caller may read it.
func (c *call) destinationOf(d payouts.Destination) PayoutDestinationJSON {
	out := PayoutDestinationJSON{ID: d.ID, Payee: d.Payee, Rail: d.Rail, Account: d.Account, Currencies: words(d.Currencies), Mode: d.Mode, State: d.State, DisabledCode: d.DisabledCode,
		NameMatch: d.NameMatch, CreatedAt: d.CreatedAt.Format(instantFormat), CoolingUntil: instantOf(d.CoolingUntil), ActiveSince: instantOf(d.ActiveSince),
		FirstPaidAt: instantOf(d.FirstPaidAt), ChangedAt: d.ChangedAt.Format(instantFormat), Approval: d.Approval}
	if c.principal.Kind == access.Payee {
		out.Approval = ""
	}
	return out
}

func listDestinations(c *call) (reply, error) {
	s, id, err := c.payingFor()
	if err != nil {
		return reply{}, err
	}
	list, err := s.Destinations(c.ctx, c.book, id)
	if err != nil {
		return reply{}, err
	}
	out := destinationListJSON{Data: make([]PayoutDestinationJSON, len(list))}
	for i, d := range list {
		out.Data[i] = c.destinationOf(d)
	}
	return document(http.StatusOK, out)
}

func setDestination(c *call) (reply, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewPayoutDestination) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	s, id, err := c.payingFor()
	if err != nil {
		return reply{}, err
	}
	payload, err := json.Marshal(map[string]any{"payee": id, "rail": n.Rail, "account": n.Account, "currencies": currenciesOf(n.Currencies), "mode": n.Mode, "holder_confirmed": n.HolderConfirmed})
	if err != nil {
		return reply{}, err
	}
	d, err := s.ChangeDestination(c.ctx, c.actor(), c.book, payload, n.Reason)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusCreated, c.destinationOf(d))
}

func currenciesOf(codes []string) []money.Currency {
	list := make([]money.Currency, len(codes))
	for i, code := range codes {
		list[i] = money.Currency(code)
	}
	return list
}

func refreshDestination(c *call) (reply, error) {
	s, err := c.paying()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	d, err := s.RefreshBy(c.ctx, c.actor(), c.book, c.param("destination"), why)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, c.destinationOf(d))
}
