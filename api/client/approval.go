package client

// Approval: what needs a second person. The empty book stands for the installation, whose approvals concern people and keys.

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// NewApproval asks for a second person.
type NewApproval struct {
	// Act is one of those that Acts returns, Payload an object of the shape that the act takes.
	Act     string          `json:"act"`
	Payload json.RawMessage `json:"payload"`
	Reason  string          `json:"reason"`
	// Document is the evidence; some acts ask for it.
	Document string `json:"document,omitempty"`
}

// Approval is what was asked for, and what became of it.
type Approval struct {
	ID string `json:"id"`
	// Book is empty for the installation.
	Book string `json:"book"`
	NewApproval
	Version int `json:"version"`
	// Hash binds everything that will run and its effect; whoever approves sends it back.
	Hash   string         `json:"hash"`
	Effect ApprovalEffect `json:"effect"`
	// State is open, done, refused, withdrawn or expired.
	State string `json:"state"`
	// Author wrote this version; none of Authors can approve it.
	Author    Actor     `json:"author"`
	Authors   []string  `json:"authors"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// DecidedBy is the person who approved or refused, nil before.
	DecidedBy *string    `json:"decided_by"`
	DecidedAt *time.Time `json:"decided_at"`
	Decision  string     `json:"decision"`
	// Result is what the act answered when it ran.
	Result json.RawMessage `json:"result,omitempty"`
}

// ApprovalEffect is what an act would do.
type ApprovalEffect struct {
	Summary    string             `json:"summary"`
	Totals     []ApprovalTotal    `json:"totals"`
	Count      int                `json:"count"`
	Largest    []ApprovalMovement `json:"largest"`
	Difference []string           `json:"difference"`
	Warnings   []string           `json:"warnings"`
}

// ApprovalTotal is what moves in a currency.
type ApprovalTotal struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// ApprovalMovement is what one account or payee would gain or lose.
type ApprovalMovement struct {
	Object    string `json:"object"`
	Direction string `json:"direction"`
	Currency  string `json:"currency"`
	Amount    string `json:"amount"`
}

// Actor is who did something.
type Actor struct {
	// Kind is program, person, payee, operator or system.
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// Act is one kind of thing that needs a second person.
type Act struct {
	Name     string `json:"name"`
	Meaning  string `json:"meaning"`
	OfBook   bool   `json:"of_book"`
	Evidence bool   `json:"evidence"`
}

// reason is the body of what needs nothing else.
type reason struct {
	Reason string `json:"reason,omitempty"`
}

// under joins the segments of a path of the book, or of the installation if the book is empty.
func under(book string, segments ...string) string {
	if book == "" {
		return place(append([]string{"v1"}, segments...)...)
	}
	return place(append([]string{"v1", "books", book}, segments...)...)
}

// Ask asks for a second person. It is not sent again when an answer was lost: list the approvals to see whether it was asked.
func (c *Client) Ask(ctx context.Context, book string, n NewApproval) (Approval, error) {
	var a Approval
	err := c.postOnce(ctx, under(book, "approvals"), n, &a)
	return a, err
}

// Adjustment asks a second person for entries by hand.
type Adjustment struct {
	// Reference is its name, unique in the book for ever.
	Reference string `json:"reference"`
	// ReasonCode is one of those that the handbook lists; Reason says why in words.
	ReasonCode string `json:"reason_code"`
	Reason     string `json:"reason"`
	// Document names the evidence; SHA256 is the hash of its file in hexadecimal digits, empty for none.
	Document string `json:"document"`
	SHA256   string `json:"document_sha256,omitempty"`
	// OccurredAt is when it takes effect, nil for when it is recorded.
	OccurredAt *time.Time        `json:"occurred_at,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	Entries    []AdjustmentEntry `json:"entries"`
}

// AdjustmentEntry is a line of an adjustment.
type AdjustmentEntry struct {
	Account string `json:"account"`
	// Direction is debit or credit.
	Direction string `json:"direction"`
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
}

// Forecast is what an act would do.
type Forecast struct {
	Act     string          `json:"act"`
	Payload json.RawMessage `json:"payload"`
	Effect  ApprovalEffect  `json:"effect"`
	Entries []ForecastEntry `json:"entries"`
}

// ForecastEntry is an entry that would be posted. Balances are positive on the account's normal side.
type ForecastEntry struct {
	Account       string `json:"account"`
	Direction     string `json:"direction"`
	Currency      string `json:"currency"`
	Amount        string `json:"amount"`
	BalanceBefore string `json:"balance_before"`
	BalanceAfter  string `json:"balance_after"`
	// Floor is none, mirror, payee or decision; BelowZero says that the account would be below zero though it should not be.
	Floor     string `json:"floor"`
	BelowZero bool   `json:"below_zero"`
}

// dryRun is the query of what nobody is asked for.
var dryRun = url.Values{"dry_run": {"true"}}

// Forecast answers what an act would do now, and asks nobody.
func (c *Client) Forecast(ctx context.Context, book string, n NewApproval) (Forecast, error) {
	var f Forecast
	_, err := c.post(ctx, under(book, "approvals"), dryRun, n, &f)
	return f, err
}

// AskAdjustment asks a second person to post entries by hand. It is not sent again when an answer was lost.
func (c *Client) AskAdjustment(ctx context.Context, book string, a Adjustment) (Approval, error) {
	var asked Approval
	err := c.postOnce(ctx, under(book, "adjustments"), a, &asked)
	return asked, err
}

// ForecastAdjustment answers what an adjustment would do now, and asks nobody.
func (c *Client) ForecastAdjustment(ctx context.Context, book string, a Adjustment) (Forecast, error) {
	var f Forecast
	_, err := c.post(ctx, under(book, "adjustments"), dryRun, a, &f)
	return f, err
}

// Approval returns one.
func (c *Client) Approval(ctx context.Context, book, id string) (Approval, error) {
	var a Approval
	err := c.get(ctx, under(book, "approvals", id), nil, &a)
	return a, err
}

// Approvals lists approvals, the oldest first; only those of the state if it is not empty.
func (c *Client) Approvals(ctx context.Context, book, state string) iter.Seq2[Approval, error] {
	query := url.Values{}
	set(query, "state", state)
	return walk[Approval](ctx, c, under(book, "approvals"), query)
}

// ApprovalSearch narrows a list of approvals. What is empty narrows nothing.
type ApprovalSearch struct {
	State, Act string
	// Author is the id of a person or a key that wrote or edited them.
	Author string
}

// LatestApprovals lists the approvals that the search chooses, the newest first.
func (c *Client) LatestApprovals(ctx context.Context, book string, s ApprovalSearch) iter.Seq2[Approval, error] {
	query := newestFirst()
	set(query, "state", s.State)
	set(query, "act", s.Act)
	set(query, "author", s.Author)
	return walk[Approval](ctx, c, under(book, "approvals"), query)
}

// EditApproval replaces what an open approval asks for; version is the one that was read.
func (c *Client) EditApproval(ctx context.Context, book, id string, version int, n NewApproval) (Approval, error) {
	var a Approval
	err := c.patch(ctx, under(book, "approvals", id), struct {
		Version int `json:"version"`
		NewApproval
	}{version, n}, &a)
	return a, err
}

// Approve lets it run; hash is that of the version that was looked at. Only people can.
func (c *Client) Approve(ctx context.Context, book, id, hash, why string) (Approval, error) {
	var a Approval
	_, err := c.post(ctx, under(book, "approvals", id, "approval"), nil, struct {
		Hash string `json:"hash"`
		reason
	}{hash, reason{why}}, &a)
	return a, err
}

// RefuseApproval ends it with a reason. Only people can.
func (c *Client) RefuseApproval(ctx context.Context, book, id, why string) (Approval, error) {
	var a Approval
	_, err := c.post(ctx, under(book, "approvals", id, "refusal"), nil, reason{why}, &a)
	return a, err
}

// WithdrawApproval takes it back, which only its authors can.
func (c *Client) WithdrawApproval(ctx context.Context, book, id, why string) (Approval, error) {
	var a Approval
	_, err := c.post(ctx, under(book, "approvals", id, "withdrawal"), nil, reason{why}, &a)
	return a, err
}

// Acts lists what needs a second person.
func (c *Client) Acts(ctx context.Context) ([]Act, error) {
	var list page[Act]
	err := c.get(ctx, place("v1", "acts"), nil, &list)
	return list.Data, err
}
