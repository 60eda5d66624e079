package api

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"mizan/api/access"
	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// Approvals: asking for a second person, looking at what was asked for, and deciding it. The same operations exist for a
// book and for the installation, whose approvals concern people and keys.

// NewApproval is the body that asks for a second person.
type NewApproval struct {
	Act      string          `json:"act" pattern:"^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$" maxLength:"64" doc:"What shall happen, one of the acts that GET /v1/acts lists" example:"period.reopen"`
	Payload  json.RawMessage `json:"payload" doc:"What it shall happen with, an object; the handbook's page on approvals says what each act takes"`
	Reason   string          `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, for the second person" example:"A supplier's invoice of October came late."`
	Document string          `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"The evidence; some acts ask for it" example:"DOC-17"`
}

// ChangedApproval is the body that edits what was asked for.
type ChangedApproval struct {
	Version  int             `json:"version" minimum:"1" maximum:"1000" doc:"The version that you have read" example:"1"`
	Act      string          `json:"act" pattern:"^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)+$" maxLength:"64" doc:"The act, which stays the same" example:"period.reopen"`
	Payload  json.RawMessage `json:"payload" doc:"What it shall happen with instead"`
	Reason   string          `json:"reason" minLength:"1" maxLength:"2000" doc:"Why" example:"It was the month before."`
	Document string          `json:"document,omitempty" pattern:"^[!-~]([ -~]{0,253}[!-~])?$" doc:"The evidence" example:"DOC-17"`
}

// NewConsent is the body that approves.
type NewConsent struct {
	Hash   string `json:"hash" pattern:"^[0-9a-f]{64}$" doc:"The hash of what you have looked at" example:"0c9a5f0b1dd0f1ea6cbd1b2ab0e0a9a6b8f7d50d3b4b0e6e4c1ad8f6d5f3a2b1"`
	Reason string `json:"reason,omitempty" minLength:"1" maxLength:"2000" doc:"A remark for those who look later"`
}

// NewReason is the body of an act that needs nothing but a reason.
type NewReason struct {
	Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why; it is kept in the audit trail for ever, so nothing personal belongs here" example:"Asked for twice."`
}

// ApprovalJSON is an approval as callers read it.
type ApprovalJSON struct {
	ID        string          `json:"id" example:"ap_0123456789abcdef"`
	Act       string          `json:"act" doc:"What shall happen" example:"period.reopen"`
	Book      string          `json:"book" doc:"The code of the book; empty for the installation" example:"uk"`
	Version   int             `json:"version" minimum:"1" doc:"Counts the edits and every other change of its effect" example:"1"`
	Hash      string          `json:"hash" pattern:"^[0-9a-f]{64}$" doc:"Binds everything that will run and its effect; whoever approves sends it back"`
	Payload   json.RawMessage `json:"payload" doc:"What it shall happen with"`
	Reason    string          `json:"reason" doc:"Why, in the words of the author"`
	Document  string          `json:"document" doc:"The evidence; empty if none was named"`
	Effect    effectJSON      `json:"effect" doc:"What it would do"`
	State     string          `json:"state" enum:"open,done,refused,withdrawn,expired"`
	Author    actorJSON       `json:"author" doc:"Who wrote this version"`
	Authors   []string        `json:"authors" nullable:"false" doc:"All who wrote or edited it, keys and the people behind them; none of them can approve it"`
	CreatedAt string          `json:"created_at" format:"date-time" example:"2026-11-20T10:00:00.000000Z"`
	ExpiresAt string          `json:"expires_at" format:"date-time" example:"2026-11-21T10:00:00.000000Z"`
	DecidedBy *string         `json:"decided_by" doc:"The person who approved or refused; null before"`
	DecidedAt *string         `json:"decided_at" format:"date-time" doc:"When; null before"`
	Decision  string          `json:"decision" doc:"The reason given with the decision"`
	Result    json.RawMessage `json:"result,omitempty" doc:"What the act answered when it ran"`
}

type effectJSON struct {
	Summary    string           `json:"summary" doc:"One sentence for the second person"`
	Totals     []effectSumJSON  `json:"totals" nullable:"false" doc:"What moves, by currency"`
	Count      int              `json:"count" doc:"How many entries, payees or rows it concerns"`
	Largest    []effectMoveJSON `json:"largest" nullable:"false" maxItems:"10" doc:"The largest movements, the largest first"`
	Difference []string         `json:"difference" nullable:"false" doc:"How it compares with what is in force, or with the last time"`
	Warnings   []string         `json:"warnings" nullable:"false" doc:"What deserves a second look"`
}

type effectSumJSON struct {
	Currency string `json:"currency" example:"GBP"`
	Amount   string `json:"amount" example:"12.00"`
}

type effectMoveJSON struct {
	Object    string `json:"object" doc:"The account's address, or a payee as kind:id" example:"liabilities:seller:available:sel_uk"`
	Direction string `json:"direction" enum:"debit,credit"`
	Currency  string `json:"currency" example:"GBP"`
	Amount    string `json:"amount" example:"12.00"`
}

type actorJSON struct {
	Kind string `json:"kind" enum:"program,person,payee,operator,system"`
	ID   string `json:"id" doc:"Of the key, the person or the payee; or the name of an operator's account on the machine" example:"per_0123456789abcdef"`
}

type approvalListJSON struct {
	Data       []ApprovalJSON `json:"data" nullable:"false" doc:"The oldest first, unless order asks for the newest"`
	NextCursor *string        `json:"next_cursor" doc:"Send it as cursor for the next page, with the same filters; null on the last one"`
}

type approvalQuery struct {
	State  string `json:"state,omitempty" enum:"open,done,refused,withdrawn,expired" doc:"Only those of this state"`
	Act    string `json:"act,omitempty" maxLength:"64" doc:"Only those that ask for this act" example:"period.close"`
	Author string `json:"author,omitempty" maxLength:"128" doc:"Only those that the person or the key of this id wrote or edited" example:"per_0123456789abcdef"`
	Order  string `json:"order,omitempty" enum:"asc,desc" default:"asc" doc:"asc: the oldest first; desc: the newest first"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the page before"`
}

type actJSON struct {
	Name     string `json:"name" example:"period.reopen"`
	Meaning  string `json:"meaning" doc:"One sentence for people"`
	OfBook   bool   `json:"of_book" doc:"Whether it concerns one book, or else the installation"`
	Evidence bool   `json:"evidence" doc:"Whether a document must be named"`
}

type actListJSON struct {
	Data       []actJSON `json:"data" nullable:"false" doc:"In order of their names"`
	NextCursor *string   `json:"next_cursor" doc:"Always null"`
}

func approvalOperations() []Operation {
	ops := append(approvalsUnder("/v1/books/{book}/approvals", "", " of a book", map[string]any{
		"act": "period.close", "payload": map[string]any{"period": "2026-10"}, "reason": "October is reconciled.",
	}), approvalsUnder("/v1/approvals", "installation-", " of the installation", map[string]any{
		"act": "key.grant", "payload": map[string]any{"name": "checkout", "scopes": []string{"events:write"}, "books": []string{"uk"}, "owner": "per_0123456789abcdef"}, "reason": "A second checkout begins.",
	})...)
	return append(ops, Operation{
		Method: http.MethodGet, Path: "/v1/acts", ID: "list-acts", Group: "Approvals", Summary: "List what needs a second person", Scope: access.BooksRead,
		Answers: []Answer{{Status: 200, Meaning: "The acts.", Body: reflect.TypeFor[actListJSON]()}}, Errors: []*fault.Error{ErrNotReady}, handle: listActs,
	})
}

// approvalsUnder makes the operations under a path; infix keeps their names apart, and of says whose they are.
func approvalsUnder(path, infix, of string, example any) []Operation {
	one, each := reflect.TypeFor[ApprovalJSON](), path+"/{approval}"
	installation := infix != ""
	list := []Operation{
		{
			Method: http.MethodPost, Path: path, ID: "ask-" + infix + "approval", Summary: "Ask for an approval" + of,
			Description: "What is asked for is judged and its effect computed; nothing happens yet. With dry_run=true nobody is asked, and the answer is the effect with the entries that would be posted and the balances around them; in a book that needs the scope balances:read too. It stays open for a day. Whoever answers for the key that asks counts as an author too.",
			Scope:       access.ApprovalsWrite, Query: reflect.TypeFor[forecastQuery](), Body: reflect.TypeFor[NewApproval](), BodyLimit: approvalLimit, Example: example,
			Answers: []Answer{{Status: 201, Meaning: "It waits for a second person.", Body: one}, {Status: 200, Meaning: "What it would do, for dry_run=true.", Body: reflect.TypeFor[ForecastJSON]()}},
			Errors:  append([]*fault.Error{guard.ErrActUnknown, guard.ErrApprovalInvalid, guard.ErrApprovalsFull, guard.ErrApprovalNobody}, actErrors...), handle: askApproval,
		},
		{
			Method: http.MethodGet, Path: path, ID: "list-" + infix + "approvals", Summary: "List approvals" + of,
			Description: "A page that act or author narrows may have few approvals, or none, before the last.",
			Scope:       access.ApprovalsRead, Query: reflect.TypeFor[approvalQuery](),
			Answers: []Answer{{Status: 200, Meaning: "A page of approvals.", Body: reflect.TypeFor[approvalListJSON]()}},
			Errors:  []*fault.Error{ErrCursor, ledger.ErrInvalid}, handle: listApprovals,
		},
		{
			Method: http.MethodGet, Path: each, ID: "get-" + infix + "approval", Summary: "Read an approval" + of,
			Scope: access.ApprovalsRead, Answers: []Answer{{Status: 200, Meaning: "The approval as it stands.", Body: one}},
			Errors: []*fault.Error{guard.ErrApprovalUnknown}, handle: getApproval,
		},
		{
			Method: http.MethodPatch, Path: each, ID: "edit-" + infix + "approval", Summary: "Edit an approval" + of,
			Description: "Whoever looked at it has to look again, and whoever edits it becomes an author. It is open for another day.",
			Scope:       access.ApprovalsWrite, Body: reflect.TypeFor[ChangedApproval](), BodyLimit: approvalLimit,
			Answers: []Answer{{Status: 200, Meaning: "Edited.", Body: one}},
			Errors:  append([]*fault.Error{guard.ErrApprovalUnknown, guard.ErrApprovalState, guard.ErrApprovalChanged, guard.ErrApprovalInvalid, guard.ErrActUnknown, guard.ErrApprovalVersions, guard.ErrApprovalNobody}, actErrors...), handle: editApproval,
		},
		{
			Method: http.MethodPost, Path: each + "/approval", ID: "approve-" + infix + "approval", Summary: "Approve an approval" + of,
			Description: "It happens in the same moment, or not at all. The effect is computed again before: if it is another by now, the answer is approval-changed, and the approval shows the new one.",
			Scope:       access.ApprovalsDecide, Body: reflect.TypeFor[NewConsent](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "It has happened; result says what.", Body: one}},
			Errors:  append(slicesOf(decisionErrors, guard.ErrApprovalChanged, guard.ErrApprovalVersions), actErrors...), handle: approve,
		},
		{
			Method: http.MethodPost, Path: each + "/refusal", ID: "refuse-" + infix + "approval", Summary: "Refuse an approval" + of,
			Scope: access.ApprovalsDecide, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Refused.", Body: one}}, Errors: slicesOf(decisionErrors), handle: refuse,
		},
		{
			Method: http.MethodPost, Path: each + "/withdrawal", ID: "withdraw-" + infix + "approval", Summary: "Withdraw an approval" + of,
			Description: "Only its authors can.", Scope: access.ApprovalsWrite, Body: reflect.TypeFor[NewReason](), BodyLimit: bodyLimit,
			Answers: []Answer{{Status: 200, Meaning: "Withdrawn.", Body: one}}, Errors: slicesOf(decisionErrors, guard.ErrApprovalAuthor), handle: withdraw,
		},
	}
	for i := range list {
		list[i].Group, list[i].Installation = "Approvals", installation
		list[i].Errors = append(list[i].Errors, ErrNotReady)
	}
	return list
}

// approvalLimit bounds a request for an approval: a payload of 1 MiB, and what stands around it.
const approvalLimit = 1<<20 + 8<<10

// decisionErrors are what a decision may be refused for.
var decisionErrors = []*fault.Error{guard.ErrApprovalUnknown, guard.ErrApprovalState, guard.ErrApproverPerson, guard.ErrSelfApproval, guard.ErrApprovalInvalid}

// actErrors are what acts say against what is asked for, besides what posting says.
var actErrors = slicesOf(slicesOf(eventErrors, vaultErrors...),
	access.ErrPersonInvalid, access.ErrPersonUnknown, access.ErrKeyInvalid,
	ledger.ErrPeriod, ledger.ErrPeriodOrder, commerce.ErrPeriodClosed, ledger.ErrTransactionUnknown, ledger.ErrAlreadyReversed, ledger.ErrReversalOfReversal, ledger.ErrNothingToReverse,
	commerce.ErrRuleSetInvalid, commerce.ErrRuleSetPast, commerce.ErrRuleSetMarket, commerce.ErrRuleSetExists, commerce.ErrRuleSetsFull,
	commerce.ErrPayeeUnknown, commerce.ErrPayeeVersion, commerce.ErrGuardian, commerce.ErrCampaignVersion)

// slicesOf is a copy of the list with more at its end.
func slicesOf(list []*fault.Error, more ...*fault.Error) []*fault.Error {
	return append(append([]*fault.Error(nil), list...), more...)
}

// guarded is the book of the path as approvals and the trail name it; the installation if the path names none.
func (c *call) guarded() guard.Book {
	return guard.Book{ID: int32(c.book.ID), Code: c.book.Code}
}

// desk is where approvals are kept.
func (c *call) desk() (*guard.Desk, error) {
	if c.service.desk == nil {
		return nil, ErrNotReady
	}
	return c.service.desk, nil
}

var approvalID = regexp.MustCompile(`^ap_[a-z0-9]{16}$`)

// approvalAt returns the desk and the id that the path names. What cannot be an id is answered like one that is unknown.
func (c *call) approvalAt() (*guard.Desk, string, error) {
	id := c.param("approval")
	if !approvalID.MatchString(id) {
		return nil, "", guard.ErrApprovalUnknown
	}
	desk, err := c.desk()
	return desk, id, err
}

func askApproval(c *call) (reply, error) {
	dry := c.query.boolean("dry_run")
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewApproval) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	return c.askOrForecast(guard.Request{Act: n.Act, Payload: n.Payload, Reason: n.Reason, Document: n.Document}, dry)
}

// author is the caller as the author of what a second person is asked for. It returns guard.ErrApprovalNobody.
func (c *call) author() (guard.Actor, error) {
	by := c.actor()
	if by.Person == "" && !c.principal.Alone {
		return guard.Actor{}, guard.ErrApprovalNobody
	}
	return by, nil
}

// ask records a request for a second person and answers with it.
func (c *call) ask(r guard.Request) (reply, error) {
	desk, err := c.desk()
	if err != nil {
		return reply{}, err
	}
	by, err := c.author()
	if err != nil {
		return reply{}, err
	}
	a, err := desk.Ask(c.ctx, by, c.guarded(), r)
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusCreated, approvalOf(a))
}

func listApprovals(c *call) (reply, error) {
	desk, err := c.desk()
	if err != nil {
		return reply{}, err
	}
	limit, after := c.query.limit(), guard.Place{}
	search := guard.Search{State: c.query.text("state"), Act: c.query.text("act"), Author: c.query.text("author"), Newest: c.query.descending()}
	if search.State != "" {
		search.State = c.query.choice("state", guard.StateOpen, guard.StateDone, guard.StateRefused, guard.StateWithdrawn, guard.StateExpired)
	}
	for name, most := range map[string]int{"act": 64, "author": 128} {
		if len(c.query.text(name)) > most {
			c.query.invalid(name, "text", "This is longer than any that is recorded.")
		}
	}
	if at := c.position(2); at != nil {
		micros, err := strconv.ParseInt(at[0], 10, 64)
		if err != nil {
			return reply{}, ErrCursor
		}
		after = guard.Place{At: time.UnixMicro(micros).UTC(), ID: at[1]}
	}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	list, next, err := desk.Find(c.ctx, c.guarded(), search, after, limit)
	if err != nil {
		return reply{}, err
	}
	out := approvalListJSON{Data: make([]ApprovalJSON, len(list))}
	for i, a := range list {
		out.Data[i] = approvalOf(a)
	}
	if next.ID != "" {
		cursor := c.nextCursor(strconv.FormatInt(next.At.UnixMicro(), 10), next.ID)
		out.NextCursor = &cursor
	}
	return document(http.StatusOK, out)
}

func getApproval(c *call) (reply, error) {
	desk, id, err := c.approvalAt()
	if err != nil {
		return reply{}, err
	}
	a, err := desk.Approval(c.ctx, c.guarded(), id)
	return approved(a, err)
}

func editApproval(c *call) (reply, error) {
	desk, id, err := c.approvalAt()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body ChangedApproval) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	by, err := c.author()
	if err != nil {
		return reply{}, err
	}
	a, err := desk.Edit(c.ctx, by, c.guarded(), id, n.Version, guard.Request{Act: n.Act, Payload: n.Payload, Reason: n.Reason, Document: n.Document})
	return approved(a, err)
}

func approve(c *call) (reply, error) {
	desk, id, err := c.approvalAt()
	if err != nil {
		return reply{}, err
	}
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewConsent) {
		d.object(at, &body)
		return body
	})
	if err != nil {
		return reply{}, err
	}
	var hash [32]byte
	if _, err := hex.Decode(hash[:], []byte(n.Hash)); err != nil {
		return reply{}, err // the body's pattern allows nothing else
	}
	a, err := desk.Approve(c.ctx, c.actor(), c.guarded(), id, hash, n.Reason)
	return approved(a, err)
}

func refuse(c *call) (reply, error) {
	desk, id, err := c.approvalAt()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	a, err := desk.Refuse(c.ctx, c.actor(), c.guarded(), id, why)
	return approved(a, err)
}

func withdraw(c *call) (reply, error) {
	desk, id, err := c.approvalAt()
	if err != nil {
		return reply{}, err
	}
	why, err := c.reason()
	if err != nil {
		return reply{}, err
	}
	a, err := desk.Withdraw(c.ctx, c.actor(), c.guarded(), id, why)
	return approved(a, err)
}

// reason reads a body that holds nothing but a reason.
func (c *call) reason() (string, error) {
	n, err := decodeWith(c, func(d *decoder, at int32) (body NewReason) {
		d.object(at, &body)
		return body
	})
	return n.Reason, err
}

// approved answers with an approval, or with what was said against it.
func approved(a guard.Approval, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return document(http.StatusOK, approvalOf(a))
}

func listActs(c *call) (reply, error) {
	desk, err := c.desk()
	if err != nil {
		return reply{}, err
	}
	out := actListJSON{Data: []actJSON{}}
	for _, a := range desk.Acts() {
		out.Data = append(out.Data, actJSON{Name: a.Name, Meaning: a.Meaning, OfBook: a.OfBook, Evidence: a.Evidence})
	}
	return document(http.StatusOK, out)
}

// approvalOf is an approval as callers read it.
func approvalOf(a guard.Approval) ApprovalJSON {
	out := ApprovalJSON{
		ID: a.ID, Act: a.Act, Book: a.Book.Code, Version: a.Version, Hash: hex.EncodeToString(a.Hash[:]), Payload: a.Payload, Reason: a.Reason, Document: a.Document,
		Effect: effectOf(a.Effect), State: a.State, Author: actorJSON{Kind: a.Author.Kind, ID: a.Author.ID}, Authors: append([]string{}, a.Authors...),
		CreatedAt: a.CreatedAt.UTC().Format(instantFormat), ExpiresAt: a.ExpiresAt.UTC().Format(instantFormat), Decision: a.Decision, Result: a.Result,
	}
	if a.DecidedBy != "" {
		out.DecidedBy, out.DecidedAt = &a.DecidedBy, instantOf(a.DecidedAt)
	}
	return out
}

func effectOf(e guard.Effect) effectJSON {
	out := effectJSON{
		Summary: e.Summary, Totals: make([]effectSumJSON, len(e.Totals)), Count: e.Count, Largest: make([]effectMoveJSON, len(e.Largest)),
		Difference: append([]string{}, e.Difference...), Warnings: append([]string{}, e.Warnings...),
	}
	for i, t := range e.Totals {
		out.Totals[i] = effectSumJSON{Currency: t.Currency, Amount: t.Amount}
	}
	for i, m := range e.Largest {
		out.Largest[i] = effectMoveJSON{Object: m.Object, Direction: m.Direction, Currency: m.Currency, Amount: m.Amount.Amount}
	}
	return out
}

// instantOf is an instant as callers read it, null for one that has not come.
func instantOf(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := at.UTC().Format(instantFormat)
	return &text
}
