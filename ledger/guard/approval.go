package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
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
	// ErrApprovalAuthor means that somebody wants to take back what others asked for.
	ErrApprovalAuthor = fault.New(fault.Forbidden, "approval-author", "Only somebody who wrote or edited this can withdraw it. Whoever has the right to approve can refuse it.")
	// ErrApprovalNobody means that a key asks for which nobody answers, so that nobody could be kept from approving it.
	ErrApprovalNobody = fault.New(fault.Forbidden, "approval-nobody",
		"Nobody of the staff answers for this key, so nobody could be kept from approving what it asks for. Sign in to ask, or use a key that somebody answers for.")
	// ErrApprovalsFull means that a book has as many open approvals as it can have.
	ErrApprovalsFull = fault.New(fault.Conflict, "approvals-full", "1,000 approvals of this book are open, which is the most there can be. Decide or withdraw some of them first.")
	// ErrApprovalVersions means that an approval has as many versions as it can have.
	ErrApprovalVersions = fault.New(fault.Conflict, "approval-versions", "This approval has changed 100 times, which is the most it can. Withdraw it and ask for a new one.")
)

// States of approvals. They move forward only: from open to one of the others.
const (
	StateOpen      = "open"
	StateDone      = "done"
	StateRefused   = "refused"
	StateWithdrawn = "withdrawn"
	StateExpired   = "expired"
)

// Lifetime is how long an approval stays open after it was written or last edited.
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
	// Entries are what would be posted with balances before and after, at most five hundred, for whoever looks at the act before asking
	// for it; empty for an act that posts nothing. Balances move while an approval waits, so these are never kept, and no part of
	// what is approved.
	Entries []Entry `json:"-"`
	// Seen is what the act wants to know again when it runs: what is too slow to be computed while others wait for its locks. It is
	// that of the effect that was computed just before, in the same decision; it is never kept, and no part of what is approved.
	Seen any `json:"-"`
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

// Entry is one entry that an act would post.
type Entry struct {
	Movement
	// Before and After are the account's balance around the entry, positive on its normal side, signed decimal strings.
	Before, After string
	// Floor is how the account may be below zero, as the chart writes it; Below says that it would be.
	Floor string
	Below bool
}

// Approval is a request with its present version and what became of it.
type Approval struct {
	ID   string
	Book Book
	Request
	// Version counts the edits, and the effects that became others; Hash binds the act, the book, the id, the version, the
	// payload, the effect, the reason and the document.
	Version int
	Hash    [32]byte
	Effect  Effect
	State   string
	// Author wrote the present version; Authors are all who wrote or edited, keys and the people behind them.
	Author               Actor
	Authors              []string
	CreatedAt, ExpiresAt time.Time
	// DecidedBy is the person who approved or refused, at DecidedAt, with the reason Decision; empty and zero before. What was
	// withdrawn has only the reason.
	DecidedBy string
	DecidedAt time.Time
	Decision  string
	// Result is what the act answered when it ran, a JSON document.
	Result json.RawMessage
}

// bounds of approvals, in bytes and numbers.
const (
	maxPayload  = 1 << 20
	maxEvidence = 255
	maxEffect   = 256 << 10
	maxTotals   = 500
	maxLargest  = 10
	maxOpen     = 1000
	maxVersions = 100
)

// check says what is wrong with the form of a request for the act.
func (r *Request) check(act *Act, by Actor, book Book) error {
	fields := act.place(book, r.Payload)
	wrong := func(pointer, code, message string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
	checkReason(r.Reason, true, wrong)
	switch {
	case !line(r.Document, maxEvidence):
		wrong("/document", "text", "The document is named in one line of at most 255 bytes.")
	case act.Evidence && strings.TrimSpace(r.Document) == "":
		wrong("/document", "required", "This act needs evidence. Name the document that shows that it is right.")
	}
	if by.ID == "" || len(by.ID) > maxID {
		wrong("/author", "id", "Whoever asks has an id of 1 to 64 bytes.")
	}
	if fields != nil {
		return ErrApprovalInvalid.WithFields(fields...)
	}
	return nil
}

// place says what is wrong with where an act is asked for, and with the form of its payload.
func (act *Act) place(book Book, payload json.RawMessage) (fields []fault.Field) {
	if act.OfBook != (book.ID != 0) {
		fields = append(fields, fault.Field{Pointer: "/act", Code: "act-place", Message: "Some acts concern one book and are asked for in that book; the others are asked for outside of books."})
	}
	if object, ok := Compact(payload); !ok || len(object) < 2 || object[0] != '{' {
		fields = append(fields, fault.Field{Pointer: "/payload", Code: "payload", Message: "The payload is a JSON object of at most 1 MiB."})
	}
	return fields
}

func checkReason(reason string, required bool, wrong func(pointer, code, message string)) {
	if !prose(reason, maxReason) || required && strings.TrimSpace(reason) == "" {
		wrong("/reason", "text", "The reason is readable text of 1 to 2000 bytes, without control or invisible formatting characters.")
	}
}

// ReadPayload reads the payload of an act, in which nothing is unknown. It returns ErrApprovalInvalid.
func ReadPayload(payload json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return ErrApprovalInvalid.At("/payload", "payload", "The payload does not have the form of this act. The handbook's page on approvals shows it.")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return ErrApprovalInvalid.At("/payload", "payload", "The payload is one JSON object.")
	}
	return nil
}

// byAuthor reports whether the actor, or the person behind, wrote or edited the approval.
func (a *Approval) byAuthor(by Actor) bool {
	return slices.Contains(a.Authors, by.ID) || by.Person != "" && slices.Contains(a.Authors, by.Person)
}

// withAuthor adds the actor and the person behind to the authors.
func withAuthor(authors []string, by Actor) []string {
	authors = slices.Clone(authors)
	for _, id := range []string{by.ID, by.Person} {
		if id != "" && !slices.Contains(authors, id) {
			authors = append(authors, id)
		}
	}
	return authors
}

// decider is the name under which the actor's decision is kept.
func decider(by Actor) string {
	if by.Person != "" {
		return by.Person
	}
	return by.ID
}
