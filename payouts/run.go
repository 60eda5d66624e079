package payouts

import (
	"strings"
	"time"
	"unicode/utf8"

	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// A run decides about everybody who has a balance in a book, at one place in the book's order, and creates the payouts. One
// that somebody asked for, for one payee, is a run of its own.

// Run is one as it stands.
type Run struct {
	ID, Trigger string
	// Period is the period of the schedule, zero for a run that people asked for.
	Period, CutOff time.Time
	AtSequence     int64
	// State is planning, waiting (for a second person), released, refused or done.
	State, Reason          string
	Decided, Paid, Skipped int64
	// Needs are why a second person has to agree, in codes.
	Needs                         []string
	Approval, StartedBy           string
	CreatedAt, PlannedAt, EndedAt time.Time
	// RefusedBy is who refused it, as kind:id, and Refusal why; both are empty for a run that was not refused.
	RefusedBy, Refusal string

	// walked is the last place that was decided about; reference and request are what was asked for under which name.
	walked, reference, request string
}

// The states of a run.
const (
	RunPlanning = "planning"
	RunWaiting  = "waiting"
	RunReleased = "released"
	RunRefused  = "refused"
	RunDone     = "done"
)

// TriggerSpecial is a run for one payout that no decision is made about: it follows from an act that has decided.
const TriggerSpecial = "special"

// Why a second person has to look at a whole run. The total is followed by its currency.
const (
	NeedsManual = "manual-run"
	NeedsTotal  = "run-total"
)

var (
	// ErrRunReason means that a run is asked for or refused without saying why.
	ErrRunReason = fault.New(fault.Invalid, "payout-run-reason", "Say why, in 1 to 2,000 bytes of plain text.")
	// ErrRunState means that the run is in a state from which this does not follow.
	ErrRunState = fault.New(fault.Conflict, "payout-run-state", "The run is in another state by now, and this cannot follow. Read it again.")
)

// plainReason reports whether a text can stand as a reason.
func plainReason(text string) bool {
	return strings.TrimSpace(text) != "" && len(text) <= 2000 && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f })
}

// actorName is who did it, as runs and steps keep it.
func actorName(a guard.Actor) string {
	if a.ID == "" {
		return a.Kind
	}
	return a.Kind + ":" + a.ID
}

// Decided is a stored decision.
type Decided struct {
	Run     string
	Holder  Holder
	Verdict string
	Amount  money.Minor
	Fee     money.Minor
	// Reasons are codes, the most important first.
	Reasons []string
	// LookAt is when it is looked at again; zero if nobody knows.
	LookAt time.Time
	Policy string
	// Inputs and Decision are canonical JSON.
	Inputs, Decision []byte
	At               time.Time
}

// Request asks for a payout now.
type Request struct {
	// Reference is the caller's own name for it; the same again is answered as the first time.
	Reference string
	Holder    Holder
	// Amount is how much shall leave the balance without the fee; zero for everything.
	Amount money.Minor
	Method string
	// Retry names the payout that this one pays again; empty for none.
	Retry string
	// ByHand tells Quote that somebody of the staff asks; RequestPayout sees by itself who does.
	ByHand bool
}
