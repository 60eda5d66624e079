package commerce

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A rehearsal plays recorded orders again under proposed rules, before anybody activates them, and says what every payee,
// fee and tax would have come to. Nothing is posted.

var (
	// ErrRehearsalRange means that a rehearsal's moments make no range.
	ErrRehearsalRange = fault.New(fault.Invalid, "rehearsal-range", "A rehearsal needs the moment it begins at and a later one it ends before. Correct from and to.")
	// ErrRehearsalLarge means that one page of a rehearsal touches too many payees and accounts.
	ErrRehearsalLarge = fault.New(fault.Conflict, "rehearsal-too-large",
		"These orders touch more payees and accounts than one page of a rehearsal holds. Ask for fewer orders at a time.")
)

const (
	// maxRehearsedLines bounds the payees and accounts of one page.
	maxRehearsedLines = 20_000
	// maxRehearsedOrders bounds the orders of one page, maxLargest its list of largest changes.
	maxRehearsedOrders = 500
	maxLargest         = 20
	// rehearsalPage is how many transactions are read at once, rehearsalReads how many such pages a page of the rehearsal
	// reads when it finds few orders among them.
	rehearsalPage  = 500
	rehearsalReads = 40
)

// RehearsalQuery asks for a page of a rehearsal.
type RehearsalQuery struct {
	// From and To bound the moments at which orders were placed and charges happened; To is outside.
	From, To time.Time
	// Limit bounds the orders and charges of the page: 1 to 500; 0 is 500.
	Limit int
	// After is where the page begins: the Next of the page before.
	After RehearsalPlace
}

// RehearsalPlace is a place in a rehearsal: what is looked for, and the last sequence looked at. The zero place is the
// beginning.
type RehearsalPlace struct {
	Event    string
	Sequence int64
}

// Rehearsal is a page of a rehearsal. The sums of several pages are the rehearsal of their orders together.
type Rehearsal struct {
	RuleSet string `json:"rule_set" doc:"The proposed set" example:"contract-1"`
	// Orders and Charges count what was played again, Changed how many of them come to something else.
	Orders  int `json:"orders" doc:"Orders that were played again"`
	Charges int `json:"charges" doc:"Charges that were computed again"`
	Changed int `json:"changed" doc:"How many of them come to something else for somebody"`
	// Payees are each payee's sums, Accounts those of every other account that rules decide about, Totals those of each
	// kind of receiver.
	Payees   []RehearsedSum     `json:"payees" nullable:"false" doc:"Every payee of these orders and charges, as kind:id"`
	Accounts []RehearsedSum     `json:"accounts" nullable:"false" doc:"Every account of fees, taxes, discounts and costs, and every other one that comes to something else"`
	Totals   []RehearsedSum     `json:"totals" nullable:"false" doc:"Each kind of receiver"`
	Largest  []RehearsedOrder   `json:"largest" nullable:"false" doc:"The largest changes of one payee by one order or charge, at most twenty"`
	Failed   []RehearsalFailure `json:"failed" nullable:"false" doc:"Orders that could not be played again; they are in no sum"`
	// Next is where the next page begins; nil on the last.
	Next *RehearsalPlace `json:"-"`
}

// RehearsedSum is what a receiver got, in its favour, and what it would have got.
type RehearsedSum struct {
	Who        string         `json:"who" doc:"A payee as kind:id, an account, or a kind of receiver" example:"seller:sel_uk"`
	Currency   money.Currency `json:"currency" example:"GBP"`
	Orders     int            `json:"orders" doc:"The orders and charges that touched it"`
	Now        string         `json:"now" doc:"What was posted, signed, in its favour" example:"35.10"`
	Proposed   string         `json:"proposed" doc:"What the proposed rules come to" example:"34.65"`
	Difference string         `json:"difference" doc:"Proposed less now" example:"-0.45"`
}

// RehearsedOrder is a payee's change by one order or charge.
type RehearsedOrder struct {
	Order      string         `json:"order,omitempty" doc:"The order; left out for a charge" example:"UK-1"`
	Charge     string         `json:"charge,omitempty" doc:"The charge's transaction" example:"uk-42"`
	Who        string         `json:"who" example:"seller:sel_uk"`
	Currency   money.Currency `json:"currency" example:"GBP"`
	Now        string         `json:"now" example:"35.10"`
	Proposed   string         `json:"proposed" example:"34.65"`
	Difference string         `json:"difference" example:"-0.45"`
}

// RehearsalFailure is an order that could not be played again.
type RehearsalFailure struct {
	Order  string `json:"order" doc:"The order, or the transaction of the charge" example:"UK-1"`
	Code   string `json:"code" doc:"The code of the problem" example:"rule-currency"`
	Reason string `json:"reason"`
}

// rehearsed are what a life came to, in the favour of each account: as posted, and as proposed.
type rehearsed struct{ now, then map[balanceKey]money.Minor }

func newRehearsed() *rehearsed {
	return &rehearsed{now: map[balanceKey]money.Minor{}, then: map[balanceKey]money.Minor{}}
}

// recorded adds what a transaction posted.
func (r *rehearsed) recorded(t *ledger.Transaction, as map[balanceKey]money.Minor) {
	for _, e := range t.Entries {
		as[balanceKey{e.Account, e.Currency}] -= e.Amount
	}
}

// proposed adds what drafts would post.
func (r *rehearsed) proposed(drafts []ledger.Draft) {
	for i := range drafts {
		for _, l := range drafts[i].Lines {
			r.then[balanceKey{l.Account, l.Currency}] -= l.Amount
		}
	}
}
