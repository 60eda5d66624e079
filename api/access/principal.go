package access

import (
	"slices"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
)

// A principal is whoever calls, once we know them, with what they may do.

var (
	// ErrUnauthenticated means that we do not know who calls. It is the same for a missing, unknown, wrong, expired or
	// revoked key, so that nobody learns which.
	ErrUnauthenticated = fault.New(fault.Unauthenticated, "unauthenticated",
		"The request carries no valid key. Send the header Authorization: Bearer with a key that is current; ask for a new one if yours was revoked or has expired.")
	// ErrForbidden means that we know who calls, and that they may not do this.
	ErrForbidden = fault.New(fault.Forbidden, "forbidden",
		"You may not do that. Use a key with the scope that the operation asks for, or ask for a role that has it.")
	// ErrBookHidden means that the caller may not touch the book and must not learn whether it exists: answer exactly as
	// for a book that does not exist.
	ErrBookHidden = fault.New(fault.NotFound, "book-unknown", "There is no such book. Check the book's code, or create the book first.")
	// ErrPayeeHidden means that a payee asks about somebody else: answer exactly as for a payee that does not exist.
	ErrPayeeHidden = fault.New(fault.NotFound, "payee-unknown", "There is no such payee. Check its id.")
)

// Scope is one thing that a caller may do, such as "transactions:write". The zero value allows nothing.
type Scope string

// The scopes. A key that may write may not read unless it has that scope too.
const (
	// BooksRead lists books, periods and the chart.
	BooksRead Scope = "books:read"
	// BooksWrite creates books.
	BooksWrite Scope = "books:write"
	// TransactionsRead reads transactions, entries and the feed, and why they are what they are: explanations and orders.
	TransactionsRead Scope = "transactions:read"
	// TransactionsWrite posts transactions and batches, reverses and reposts.
	TransactionsWrite Scope = "transactions:write"
	// EventsWrite posts business events.
	EventsWrite Scope = "events:write"
	// SettlementsWrite settles orders: what their payees earned becomes available.
	SettlementsWrite Scope = "settlements:write"
	// RulesRead reads rule sets.
	RulesRead Scope = "rules:read"
	// RulesWrite gives books rule sets, which decide what sellers and creators are paid.
	RulesWrite Scope = "rules:write"
	// PayeesRead reads what is registered of payees.
	PayeesRead Scope = "payees:read"
	// PayeesWrite registers payees, which decides what minors are paid.
	PayeesWrite Scope = "payees:write"
	// InboundRead reads messages of shops and processors as they came, which may hold personal data.
	InboundRead Scope = "inbound:read"
	// InboundWrite has such messages tried again and says how a shop's orders are read.
	InboundWrite Scope = "inbound:write"
	// BalancesRead reads balances and trial balances.
	BalancesRead Scope = "balances:read"
	// ApprovalsRead reads what waits for a second person, and what became of it.
	ApprovalsRead Scope = "approvals:read"
	// ApprovalsWrite asks for a second person, and edits and withdraws what it asked for.
	ApprovalsWrite Scope = "approvals:write"
	// ApprovalsDecide approves and refuses. Only people can use it.
	ApprovalsDecide Scope = "approvals:decide"
	// AuditRead reads, exports and verifies the trail of privileged acts.
	AuditRead Scope = "audit:read"
	// JobsRead reads what the service does by itself, and what became of it.
	JobsRead Scope = "jobs:read"
	// JobsRun asks for a run of a job.
	JobsRun Scope = "jobs:run"
	// PayoutsRead reads payouts, decisions about them, what waits for a time, and debts.
	PayoutsRead Scope = "payouts:read"
	// PayoutsWrite asks for payouts and cancels them, and has what waits looked at again.
	PayoutsWrite Scope = "payouts:write"
	// ReconciliationRead reads evidence of processors and banks, which may name people, and what it was held against: runs, breaks,
	// suggestions, checklists and closings.
	ReconciliationRead Scope = "reconciliation:read"
	// ReconciliationWrite brings evidence, compares it, and deals with breaks as far as one person may.
	ReconciliationWrite Scope = "reconciliation:write"
	// ReportsRead asks for reports of a whole book and takes their files.
	ReportsRead Scope = "reports:read"
	// KeysRead lists keys, without their secrets.
	KeysRead Scope = "keys:read"
	// KeysWrite rotates and revokes keys.
	KeysWrite Scope = "keys:write"
	// PeopleRead lists people and what they may do.
	PeopleRead Scope = "people:read"
	// PeopleWrite adds and deactivates people, and takes roles away.
	PeopleWrite Scope = "people:write"
	// LinksWrite makes links that sign payees in once.
	LinksWrite Scope = "links:write"
	// PersonalRead reads names and how people are reached. Every look is recorded.
	PersonalRead Scope = "personal:read"
	// PersonalSensitive reads what proves who people are, their tax numbers and bank accounts too. Every look is recorded.
	PersonalSensitive Scope = "personal:sensitive"
	// PersonalWrite stores, holds, closes and erases personal data.
	PersonalWrite Scope = "personal:write"
	// Everything is every scope there is and will be.
	Everything Scope = "*"
	// SignedIn is what everybody has whom we know. It is no scope of a key.
	SignedIn Scope = "signed-in"
)

// Scopes returns every scope of keys, in a stable order.
func Scopes() []Scope {
	return []Scope{BooksRead, BooksWrite, TransactionsRead, TransactionsWrite, EventsWrite, SettlementsWrite, RulesRead, RulesWrite, PayeesRead, PayeesWrite,
		InboundRead, InboundWrite, BalancesRead, ApprovalsRead, ApprovalsWrite, ApprovalsDecide, AuditRead, JobsRead, JobsRun, PayoutsRead, PayoutsWrite,
		ReconciliationRead, ReconciliationWrite, ReportsRead, KeysRead, KeysWrite, PeopleRead, PeopleWrite,
		LinksWrite, PersonalRead, PersonalSensitive, PersonalWrite, Everything}
}

// Kind says what sort of caller a principal is. The zero value is nobody.
type Kind uint8

const (
	// Nobody is the zero Principal, who may do nothing.
	Nobody Kind = iota
	// Program is a service with a bearer key.
	Program
	// Person is somebody of the staff who has signed in.
	Person
	// Payee is a creator, seller, agency, partner, charity or guardian who has signed in.
	Payee
)

var kindNames = [...]string{"nobody", guard.Program, guard.Person, guard.Payee}

// String returns the kind's name as used in logs and in the audit trail.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Nobody]
}

// Principal is a caller we know. The zero value may do nothing. Its slices are shared and must not be changed.
type Principal struct {
	Kind Kind
	// ID names the caller in logs and audit trails: the id of the key, "static" for the key of the command line, the id of
	// the person, or that of the payee.
	ID string
	// Name is for people; empty for people and payees, whose names stand in the vault.
	Name string
	// Person is the id of the person behind the caller: the person's own, or that of whoever answers for the key.
	Person string
	// Scopes are what the caller may do, in at least one book if it is a person.
	Scopes []Scope
	// Books are the codes of the books the caller may touch; nil means every book.
	Books []string
	// Grants are a person's roles.
	Grants []Grant
	// Payees are whom a payee may see: itself, and the minors it is the guardian of. They all belong to the one book of Books.
	Payees []string
	// Alone says that the caller needs no second person, which is for development on one machine.
	Alone bool
}

// Has reports whether the principal has the scope, in at least one book.
func (p Principal) Has(scope Scope) bool {
	switch {
	case p.Kind == Nobody || scope == "":
		return false
	case scope == SignedIn:
		return true
	}
	return slices.Contains(p.Scopes, scope) || slices.Contains(p.Scopes, Everything)
}

// Sees reports whether the principal may touch the book.
func (p Principal) Sees(book string) bool {
	return p.Kind != Nobody && (p.Books == nil || slices.Contains(p.Books, book))
}

// Allow returns nil if the principal may use the scope on the book, ErrForbidden if it lacks the scope, and ErrBookHidden
// if it may not touch the book. The empty book stands for an operation that concerns none: a person needs a role in every
// book for it. The scope is judged first: its answer does not depend on the book and so tells nothing about it.
func (p Principal) Allow(scope Scope, book string) error {
	switch {
	case !p.Has(scope):
		return ErrForbidden
	case book != "" && !p.Sees(book):
		return ErrBookHidden
	case p.Kind == Person && !p.grants(scope, book):
		return ErrForbidden
	}
	return nil
}

// grants reports whether one of the person's roles that hold in the book has the scope. What concerns no book and shows
// each caller only what they may see, such as the list of books, is allowed by a role in any.
func (p Principal) grants(scope Scope, book string) bool {
	return scope == SignedIn || slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return (g.Book == "" || g.Book == book || book == "" && scope == BooksRead) && slices.Contains(g.Role.Scopes(), scope)
	})
}

// AllowOwn returns nil if a payee may read what is about the payee of the book; own says whether the operation is for
// payees at all. Whatever is not the caller's own is answered like what does not exist.
func (p Principal) AllowOwn(own bool, book, payee string) error {
	switch {
	case p.Kind != Payee || !own:
		return ErrForbidden
	case !p.Sees(book):
		return ErrBookHidden
	case !slices.Contains(p.Payees, payee):
		return ErrPayeeHidden
	}
	return nil
}

// Actor returns the caller as the audit trail remembers it, without address and request.
func (p Principal) Actor() guard.Actor {
	return guard.Actor{Kind: p.Kind.String(), ID: p.ID, Person: p.Person}
}
