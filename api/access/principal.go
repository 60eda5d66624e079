package access

import (
	"slices"

	"mizan/ledger/fault"
)

// A principal is whoever calls, once we know them, with what they may do.

var (
	// ErrUnauthenticated means that we do not know who calls. It is the same for a missing, unknown, wrong, expired or
	// revoked key, so that nobody learns which.
	ErrUnauthenticated = fault.New(fault.Unauthenticated, "unauthenticated",
		"The request carries no valid key. Send the header Authorization: Bearer with a key that is current; ask for a new one if yours was revoked or has expired.")
	// ErrForbidden means that we know who calls, and that they may not do this.
	ErrForbidden = fault.New(fault.Forbidden, "forbidden",
		"This key may not do that. Use a key with the scope that the operation asks for.")
	// ErrBookHidden means that the caller may not touch the book and must not learn whether it exists: answer exactly as
	// for a book that does not exist.
	ErrBookHidden = fault.New(fault.NotFound, "book-unknown", "There is no such book. Check the book's code, or create the book first.")
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
	// Everything is every scope there is and will be.
	Everything Scope = "*"
)

// Scopes returns every scope, in a stable order.
func Scopes() []Scope {
	return []Scope{BooksRead, BooksWrite, TransactionsRead, TransactionsWrite, EventsWrite, SettlementsWrite, RulesRead, RulesWrite, PayeesRead, PayeesWrite, InboundRead, InboundWrite, BalancesRead, Everything}
}

// Kind says what sort of caller a principal is. The zero value is nobody.
type Kind uint8

const (
	// Nobody is the zero Principal, who may do nothing.
	Nobody Kind = iota
	// Program is a service with a bearer key.
	Program
)

// String returns the kind's name as used in logs.
func (k Kind) String() string {
	if k == Program {
		return "program"
	}
	return "nobody"
}

// Principal is a caller we know. The zero value may do nothing. Its slices are shared and must not be changed.
type Principal struct {
	Kind Kind
	// ID names the caller in logs and audit trails: the id of the key, "static" for the key of the command line.
	ID string
	// Name is for people.
	Name string
	// Scopes are what the caller may do.
	Scopes []Scope
	// Books are the codes of the books the caller may touch; nil means every book.
	Books []string
}

// Has reports whether the principal has the scope.
func (p Principal) Has(scope Scope) bool {
	return p.Kind != Nobody && scope != "" && (slices.Contains(p.Scopes, scope) || slices.Contains(p.Scopes, Everything))
}

// Sees reports whether the principal may touch the book.
func (p Principal) Sees(book string) bool {
	return p.Kind != Nobody && (p.Books == nil || slices.Contains(p.Books, book))
}

// Allow returns nil if the principal may use the scope on the book, ErrForbidden if it lacks the scope, and ErrBookHidden
// if it may not touch the book. The empty book stands for an operation that concerns none. The scope is judged first:
// its answer does not depend on the book and so tells nothing about it.
func (p Principal) Allow(scope Scope, book string) error {
	switch {
	case !p.Has(scope):
		return ErrForbidden
	case book != "" && !p.Sees(book):
		return ErrBookHidden
	}
	return nil
}
