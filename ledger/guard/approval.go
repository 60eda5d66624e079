package guard

import (
	"encoding/json"
	"time"

	"mizan/ledger/fault"
)

// An approval is a request for a second person: what shall run, what it will do, who asks, and what was decided.

var (
	// ErrApprovalUnknown means that there is no such approval in the book.
	ErrApprovalUnknown = fault.New(fault.NotFound, "approval-unknown", "There is no such approval. List the approvals of the book to find its id.")
	// ErrApprovalInvalid means that an approval cannot be asked for as described; its fields name what is wrong.
	ErrApprovalInvalid = fault.New(fault.Invalid, "approval-invalid", "The approval cannot be asked for as described. Correct the fields named; nothing was recorded.")
	// ErrActUnknown means that no such act waits for a second person.
	ErrActUnknown = fault.New(fault.Invalid, "act-unknown", "There is no such act. The handbook's page on approvals lists them.")
	// ErrApprovalRequired means that an act needs a second person and was tried alone.
	ErrApprovalRequired = fault.New(fault.Forbidden, "approval-required",
		"This needs a second person. Ask for an approval with the same content; it happens once somebody else has approved it.")
	// ErrSelfApproval means that the approver wrote or edited what is to be approved.
	ErrSelfApproval = fault.New(fault.Forbidden, "self-approval", "Whoever wrote or edited this cannot approve it. Ask somebody else with the right to approve.")
	// ErrApproverPerson means that a program tried to decide.
	ErrApproverPerson = fault.New(fault.Forbidden, "approver-person", "Only a person who has signed in can decide this. A key cannot.")
	// ErrApprovalState means that the approval is no longer open.
	ErrApprovalState = fault.New(fault.Conflict, "state-conflict", "This approval is not open any more. Read it to see what became of it, and ask for a new one if the act is still wanted.")
	// ErrApprovalChanged means that what was looked at is not what would run: it was edited, or its effect is another by now.
	ErrApprovalChanged = fault.New(fault.Conflict, "approval-changed", "What you looked at has changed since: it was edited, or its effect is another by now. Read it again and decide on what you see.")
)

// States of approvals. They move forward only: from open to one of the others.
const (
	StateOpen      = "open"
	StateDone      = "done"
	StateRefused   = "refused"
	StateWithdrawn = "withdrawn"
	StateExpired   = "expired"
)

// Lifetime is how long an approval stays open after it was written or edited.
const Lifetime = 24 * time.Hour

// Request asks for a second person, or edits what was asked for.
type Request struct {
	// Act names what shall happen, one of the acts the Desk knows.
	Act string
	// Payload is what it shall happen with, a JSON document of at most 1 MiB whose shape the act decides.
	Payload json.RawMessage
	// Reason says why, 1 to 2000 bytes; Document names the evidence, at most 255 bytes, empty if the act asks for none.
	Reason, Document string
}

// Effect is what an act would do, computed before anybody agrees to it.
type Effect struct {
	// Summary is one sentence for the second person.
	Summary string `json:"summary"`
	// Totals are what moves by currency, in the order of the currencies; empty for an act that moves nothing.
	Totals []Amount `json:"totals,omitempty"`
	// Count is how many entries, payees or rows it concerns.
	Count int `json:"count"`
	// Largest are the largest movements, at most ten, the largest first.
	Largest []Movement `json:"largest,omitempty"`
	// Difference says how it compares with what is in force or with the last time; empty if there is nothing to compare.
	Difference []string `json:"difference,omitempty"`
	// Warnings are what a careful person would look at twice.
	Warnings []string `json:"warnings,omitempty"`
}

// Amount is an exact amount in a currency, a decimal string in ISO digits.
type Amount struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// Movement is what one account or payee would gain or lose.
type Movement struct {
	// Object is the account's address, or a payee as kind:id.
	Object string `json:"object"`
	// Direction is debit or credit.
	Direction string `json:"direction"`
	Amount
}

// Approval is a request with its present version and what became of it.
type Approval struct {
	ID   string
	Book Book
	Request
	// Version counts the edits; Hash binds the act, the book, the id, the version, the payload and the effect.
	Version int
	Hash    [32]byte
	Effect  Effect
	State   string
	// Author wrote the present version; Authors are all who wrote or edited, keys and the people behind them.
	Author               Actor
	Authors              []string
	CreatedAt, ExpiresAt time.Time
	// DecidedBy is the person who approved or refused, at DecidedAt, with the reason Decision; empty and zero before.
	DecidedBy string
	DecidedAt time.Time
	Decision  string
	// Result is what the act answered when it ran, a JSON document.
	Result json.RawMessage
}
