package access

import "slices"

// A role is what somebody of the staff may do. People have no scopes of their own: they hold roles, in one book or in every
// book, and each role is a fixed set of scopes. No role both asks for what needs a second person and decides it.

// Role is the name of a role.
type Role string

const (
	// Finance reads the books, corrects them and asks for what needs a second person.
	Finance Role = "finance"
	// Approver is the second person: it decides what others asked for.
	Approver Role = "approver"
	// Admin looks after people and keys, and asks for roles. It sees no money.
	Admin Role = "admin"
	// Auditor reads everything but personal data, and the trail of who did what.
	Auditor Role = "auditor"
	// Support answers people's questions: it reads the books, and how people are reached. It makes no links: whoever has one
	// is taken for the payee, who may read everything that is stored of itself.
	Support Role = "support"
)

// Grant is a role that somebody holds in a book, or in every book if Book is empty.
type Grant struct {
	Role Role
	Book string
}

// reading is what everybody may read who works with the books.
var reading = []Scope{BooksRead, TransactionsRead, RulesRead, PayeesRead, BalancesRead, ApprovalsRead, JobsRead, PayoutsRead}

var roleScopes = map[Role][]Scope{
	Finance: append(slices.Clone(reading), InboundRead, InboundWrite, ApprovalsWrite, LinksWrite, PersonalRead, PersonalSensitive, PersonalWrite, AuditRead, JobsRun, PayoutsWrite,
		ReconciliationRead, ReconciliationWrite, ReportsRead),
	Approver: append(slices.Clone(reading), ApprovalsDecide, AuditRead, ReconciliationRead, ReportsRead),
	Admin:    {BooksRead, ApprovalsRead, ApprovalsWrite, AuditRead, JobsRead, JobsRun, KeysRead, KeysWrite, PeopleRead, PeopleWrite},
	Auditor:  append(slices.Clone(reading), InboundRead, AuditRead, KeysRead, PeopleRead, ReconciliationRead, ReportsRead),
	Support:  append(slices.Clone(reading), PersonalRead),
}

// Roles returns every role, in a stable order.
func Roles() []Role { return []Role{Finance, Approver, Admin, Auditor, Support} }

// Scopes returns what the role may do; nothing for a role that does not exist. The slice is shared and must not be changed.
func (r Role) Scopes() []Scope { return roleScopes[r] }
