package guard

// An actor is whoever acts, as the trail remembers them: ids only, never a name.

// Kinds of actors.
const (
	// Program is a service with a key.
	Program = "program"
	// Person is somebody of the staff who has signed in.
	Person = "person"
	// Payee is a creator, seller, agency, charity or guardian who has signed in.
	Payee = "payee"
	// Operator is somebody at the command line with the database's address.
	Operator = "operator"
	// System is Mizan itself, such as a scheduled job.
	System = "system"
)

// Actor is who acts, and from where.
type Actor struct {
	// Kind is one of the kinds above.
	Kind string
	// ID is the key's, the person's or the payee's id, or the name of an operator's account on the machine.
	ID string
	// Person is the id of the person behind it: the person's own, or that of whoever answers for a key; empty if nobody is
	// known.
	Person string
	// Address is the network address the request came from, RequestID its id; both empty for what came otherwise.
	Address, RequestID string
}

// Book says whose trail and approvals are meant. The zero value is the installation: keys, people and what concerns
// every book.
type Book struct {
	// ID is the book's number in the database, 0 for the installation.
	ID int32
	// Code is its code, empty for the installation.
	Code string
}
