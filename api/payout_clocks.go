package api

import (
	"net/http"
	"reflect"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Clocks, debts and proposals: what waits for a time, who owes, and what Mizan proposes about our own money.

type waitJSON struct {
	Kind     string  `json:"kind" enum:"seller,creator,agency,partner,beneficiary" doc:"What the payee is"`
	Payee    string  `json:"payee" example:"cre_amy"`
	Currency string  `json:"currency" example:"USD"`
	Amount   string  `json:"amount" doc:"What waits; below zero, it lowers what becomes available" example:"54.31"`
	Subject  string  `json:"subject" doc:"What it comes from, as kind:id" example:"order:UK-1001"`
	Act      string  `json:"act" enum:"settle,reserve,release,import_release,donation_release" doc:"What makes it available"`
	DueAt    *string `json:"due_at" format:"date-time" doc:"When it becomes available; null while its clock has not started, such as before a delivery"`
}

type waitListJSON struct {
	Data       []waitJSON `json:"data" nullable:"false" doc:"The earliest first, and what has no time yet last"`
	NextCursor *string    `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type clockJSON struct {
	Subject string   `json:"subject" doc:"What waits, as kind:id" example:"order:UK-1001"`
	Act     string   `json:"act" enum:"settle,reserve,release,import_release,donation_release" doc:"What is done when its time has come"`
	DueAt   *string  `json:"due_at" format:"date-time" doc:"Its time; null while it has not started"`
	Gates   []string `json:"gates" nullable:"false" doc:"What keeps it although its time has come, such as an open case"`
	LookAt  *string  `json:"look_at" format:"date-time" doc:"When it is tried next; null if people have to mend something first"`
	Tries   int      `json:"tries" minimum:"0" doc:"How often it was tried in vain since the last news of the subject" example:"0"`
	Code    string   `json:"error_code" doc:"Why it failed last; empty if it did not"`
	Parked  bool     `json:"parked" doc:"It failed as often as it may, and waits for people"`
}

type clockListJSON struct {
	Data       []clockJSON `json:"data" nullable:"false" doc:"The oldest first"`
	NextCursor *string     `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type clockQuery struct {
	State  string `json:"state,omitempty" enum:"overdue,gated,parked" default:"overdue" doc:"overdue: whose time has come; gated: of these, what something else keeps; parked: what waits for people"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

// NewLook is the body that has a subject's clocks tried anew.
type NewLook struct {
	Subject string `json:"subject" minLength:"1" maxLength:"129" doc:"Whose clocks, as kind:id" example:"order:UK-1001"`
	Reason  string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it is kept in the audit trail for ever, so nothing personal belongs here" example:"The account is open again."`
}

type payeeDebtJSON struct {
	Kind     string   `json:"kind" enum:"seller,creator,agency,partner" doc:"What the payee is"`
	Payee    string   `json:"payee" example:"sel_wh"`
	Currency string   `json:"currency" example:"USD"`
	Amount   string   `json:"amount" doc:"What is owed beyond all that is available, reserved and held for disputes" example:"77.00"`
	Since    string   `json:"since" format:"date-time" doc:"When the payee's money fell below zero"`
	Stage    string   `json:"stage" enum:",stop_perks,freeze,close" doc:"The highest threshold of the policy that it is above; empty for none"`
	Tried    []string `json:"tried" nullable:"false" doc:"The ways by which something was recovered when it was looked at last"`
	LookedAt string   `json:"looked_at" format:"date-time" doc:"When it was looked at last"`
}

type payeeDebtListJSON struct {
	Data       []payeeDebtJSON `json:"data" nullable:"false" doc:"The oldest first"`
	NextCursor *string         `json:"next_cursor" doc:"Send it as cursor for the next page; null on the last"`
}

type proposalJSON struct {
	ID        string  `json:"id" example:"tp_0123456789abcdef"`
	Kind      string  `json:"kind" enum:"sweep,top_up,trust_deposit,card,write_off" doc:"sweep: our own money to the bank; top_up: ours to the processor; trust_deposit: a minor's money to its trust account; card: charge a debt; write_off: give a debt up, with a second person"`
	Currency  string  `json:"currency" example:"USD"`
	Amount    string  `json:"amount" example:"24.09"`
	Object    string  `json:"object" doc:"What it is about: a processor, or a payee as kind:id; empty for the book" example:"seller:sel_wh"`
	Reason    string  `json:"reason" doc:"Why, and what to do" example:"Post treasury.swept."`
	State     string  `json:"state" enum:"open,done,dropped,replaced" doc:"done: its event was posted; dropped: nothing has to be done any more; replaced: by another amount"`
	CreatedAt string  `json:"created_at" format:"date-time"`
	EndedAt   *string `json:"ended_at" format:"date-time" doc:"Null while it is open"`
}

type proposalListJSON struct {
	Data       []proposalJSON `json:"data" nullable:"false" doc:"The newest first"`
	NextCursor *string        `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last"`
}

type proposalQuery struct {
	State  string `json:"state,omitempty" enum:"open,done,dropped,replaced" doc:"Only those in this state"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

func payoutClockOperations() []Operation {
	page := []*fault.Error{ErrCursor, ledger.ErrInvalid, ErrNotReady}
	return []Operation{
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payees/{payee}/waits", ID: "list-payee-waits", Group: "Payouts", Summary: "List what of a payee's money becomes available when",
			Description: "Every order, gift, import and donation of which something waits for the payee, with its time. It follows the book within about a minute. Of an order that settles, a part may stay in reserve.",
			Scope:       access.PayoutsRead, Own: "payee", Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of what waits.", Body: reflect.TypeFor[waitListJSON]()}}, Errors: page, handle: listWaits,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payout-clocks", ID: "list-payout-clocks", Group: "Payouts", Summary: "List what should be available and is not",
			Description: "Clocks whose time has come and that still stand: because something keeps them, because their act failed, or because the next turn is still to come.",
			Scope:       access.PayoutsRead, Query: reflect.TypeFor[clockQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of clocks.", Body: reflect.TypeFor[clockListJSON]()}}, Errors: page, handle: listClocks,
		},
		{
			Method: http.MethodPost, Path: "/v1/books/{book}/payout-clocks/looks", ID: "look-at-payout-clock", Group: "Payouts", Summary: "Have a subject's clocks tried anew",
			Description: "For what waits for people, once its cause is mended. It moves no money by itself: the next turn of the release job tries it.",
			Scope:       access.PayoutsWrite, Body: reflect.TypeFor[NewLook](), BodyLimit: bodyLimit, Example: map[string]any{"subject": "order:UK-1001", "reason": "The account is open again."},
			Answers: []Answer{{Status: 200, Meaning: "The clocks as they stand.", Body: reflect.TypeFor[clockListJSON]()}},
			Errors:  []*fault.Error{payouts.ErrClockUnknown, ErrNotReady}, handle: lookAtClock,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/payout-debts", ID: "list-payout-debts", Group: "Payouts", Summary: "List payees that owe",
			Description: "Debts as the recovery job found them last, with since when they stand and what was recovered.",
			Scope:       access.PayoutsRead, Query: reflect.TypeFor[pageQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of debts.", Body: reflect.TypeFor[payeeDebtListJSON]()}}, Errors: page, handle: listDebts,
		},
		{
			Method: http.MethodGet, Path: "/v1/books/{book}/treasury-proposals", ID: "list-treasury-proposals", Group: "Payouts", Summary: "List what is proposed about our own money",
			Description: "Sweeps, top-ups, deposits into trusts, cards to charge and debts to give up. A proposal moves nothing: do it, and post its event.",
			Scope:       access.PayoutsRead, Query: reflect.TypeFor[proposalQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of proposals.", Body: reflect.TypeFor[proposalListJSON]()}}, Errors: page, handle: listProposals,
		},
	}
}

// shownOrNull is a moment as callers read it, null for the zero time.
func shownOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.Format(instantFormat)
	return &s
}

// markOf writes a moment into a cursor, and momentOf reads it back; the zero time is empty.
func markOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

func momentOf(mark string) (time.Time, error) {
	if mark == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(mark, 10, 64)
	if err != nil {
		return time.Time{}, ErrCursor
	}
	return time.UnixMicro(n).UTC(), nil
}

func listWaits(c *call) (reply, error) {
	service, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	payee, err := c.segment("payee")
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), payouts.Wait{}
	if at := c.position(5); at != nil {
		if after.DueAt, err = momentOf(at[0]); err != nil {
			return reply{}, err
		}
		after.Subject, after.Act, after.Kind, after.Currency = at[1], at[2], at[3], money.Currency(at[4])
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]payouts.Wait, error) { return service.Waits(c.ctx, c.book, payee, after, limit) })
	if err != nil {
		return reply{}, err
	}
	out := waitListJSON{Data: make([]waitJSON, len(list))}
	for i, w := range list {
		out.Data[i] = waitJSON{w.Kind, w.ID, string(w.Currency), w.Amount.Format(w.Currency), w.Subject, w.Act, shownOrNull(w.DueAt)}
	}
	if more {
		last := list[len(list)-1]
		cursor := c.nextCursor(markOf(last.DueAt), last.Subject, last.Act, last.Kind, string(last.Currency))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func clockListOf(list []payouts.Clock) clockListJSON {
	out := clockListJSON{Data: make([]clockJSON, len(list))}
	for i, k := range list {
		out.Data[i] = clockJSON{k.Subject, k.Act, shownOrNull(k.DueAt), append([]string{}, k.Gates...), shownOrNull(k.LookAt), k.Tries, k.Why, k.Parked()}
	}
	return out
}

func listClocks(c *call) (reply, error) {
	service, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), payouts.Clock{}
	state := c.query.choice("state", payouts.ClocksOverdue, payouts.ClocksGated, payouts.ClocksParked)
	if at := c.position(3); at != nil {
		if after.DueAt, err = momentOf(at[0]); err != nil {
			return reply{}, err
		}
		after.Subject, after.Act = at[1], at[2]
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]payouts.Clock, error) { return service.Clocks(c.ctx, c.book, state, after, limit) })
	if err != nil {
		return reply{}, err
	}
	out := clockListOf(list)
	if more {
		last := list[len(list)-1]
		cursor := c.nextCursor(markOf(last.DueAt), last.Subject, last.Act)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func lookAtClock(c *call) (reply, error) {
	service, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewLook) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	list, err := service.LookAgain(c.ctx, c.actor(), c.book, n.Subject, n.Reason)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, clockListOf(list))
}

func listDebts(c *call) (reply, error) {
	service, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), payouts.Debt{}
	if at := c.position(4); at != nil {
		if after.Since, err = momentOf(at[0]); err != nil {
			return reply{}, err
		}
		after.Kind, after.ID, after.Currency = at[1], at[2], money.Currency(at[3])
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]payouts.Debt, error) { return service.Debts(c.ctx, c.book, after, limit) })
	if err != nil {
		return reply{}, err
	}
	out := payeeDebtListJSON{Data: make([]payeeDebtJSON, len(list))}
	for i, d := range list {
		out.Data[i] = payeeDebtJSON{d.Kind, d.ID, string(d.Currency), d.Amount.Format(d.Currency), d.Since.Format(instantFormat), d.Stage, append([]string{}, d.Tried...), d.LookedAt.Format(instantFormat)}
	}
	if more {
		last := list[len(list)-1]
		cursor := c.nextCursor(markOf(last.Since), last.Kind, last.ID, string(last.Currency))
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func listProposals(c *call) (reply, error) {
	service, err := c.payouts()
	if err != nil {
		return reply{}, err
	}
	limit, before, state := c.query.limit(), payouts.Proposal{}, ""
	if c.query.text("state") != "" {
		state = c.query.choice("state", "open", "done", "dropped", "replaced")
	}
	if at := c.position(2); at != nil {
		if before.CreatedAt, err = momentOf(at[0]); err != nil {
			return reply{}, err
		}
		before.ID = at[1]
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, more, err := oneMore(limit, func(limit int) ([]payouts.Proposal, error) {
		return service.Proposals(c.ctx, c.book, state, before, limit)
	})
	if err != nil {
		return reply{}, err
	}
	out := proposalListJSON{Data: make([]proposalJSON, len(list))}
	for i, p := range list {
		out.Data[i] = proposalJSON{p.ID, p.Kind, string(p.Currency), p.Amount.Format(p.Currency), p.Object, p.Reason, p.State, p.CreatedAt.Format(instantFormat), shownOrNull(p.EndedAt)}
	}
	if more {
		last := list[len(list)-1]
		cursor := c.nextCursor(markOf(last.CreatedAt), last.ID)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}
