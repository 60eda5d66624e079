package reconcile

import (
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// A break is a difference that somebody has to deal with.

// State is where a break stands.
type State string

// The states of a break. Explained is still open: somebody knows why, and it waits. Cleared means that both sides agreed later.
const (
	Open       State = "open"
	Explained  State = "explained"
	Fixed      State = "fixed"
	WrittenOff State = "written_off"
	Cleared    State = "cleared"
)

var (
	// ErrBreakUnknown means that a book has no such break.
	ErrBreakUnknown = fault.New(fault.NotFound, "break-unknown", "The book has no such break. Check its id.")
	// ErrBreakState means that a break cannot be dealt with so as it stands.
	ErrBreakState = fault.New(fault.Conflict, "break-state", "The break does not stand so that this can be done. Look at it again.")
	// ErrBreakInvalid means that what is said of a break cannot be used.
	ErrBreakInvalid = fault.New(fault.Invalid, "break-invalid", "What is said of the break cannot be used.")
)

// Break is a break as it stands.
type Break struct {
	ID       string
	Match    Match
	Source   int16
	Identity string
	Class    Class
	State    State
	Currency money.Currency
	// Amount is what the other side says less what the ledger says.
	Amount      money.Minor
	Left, Right string
	// Detail says in a sentence what was found.
	Detail string
	// External and Entries are the lines of the source and the entries that it is about, at most mostBreakMembers of each; the
	// counts are of all.
	External                    []int64
	Entries                     []EntryID
	ExternalCount, EntriesCount int
	// Suspend and TrueUp say what a run may post by itself because of it. Held says why it did not, and empty that nothing
	// speaks against it.
	Suspend, TrueUp bool
	Held            string
	// Kept says that a person reopened it: no run ends it, only a person.
	Kept bool
	// Accepted says that two people ended it and nothing was posted: it stays what it is. Then Kept goes on to say that a person had
	// reopened it before.
	Accepted          bool
	HappenedAt        time.Time
	Original          ledger.Period
	FirstRun, LastRun int64
	FirstSeen         time.Time
	ExpectedBy        time.Time
	Owner             string
	Note, Document    string
	// Suspense is what waits in suspense because of it: positive for money that went, negative for money that came.
	Suspense    money.Minor
	SuspenseRef string
	// Fix is the transaction that ended it, empty if none did.
	Fix                string
	ChangedAt, EndedAt time.Time
	// Step is the number of the last step that changed it. Whoever changes it says which one they have seen.
	Step int64
}

// Ended reports whether nothing is left to do.
func (b *Break) Ended() bool { return b.State == Fixed || b.State == WrittenOff || b.State == Cleared }

// end ends it.
func (b *Break) end(state State, fix string, at time.Time) {
	b.State, b.Fix, b.EndedAt, b.Suspense = state, fix, at, 0
}

// reopen opens it again. What was posted because of it stays posted, and Fix goes on to name it.
func (b *Break) reopen() { b.State, b.EndedAt, b.Accepted = Open, time.Time{}, false }

// Age is the break's age in whole days at a moment, from when it was first seen to when it ended.
func (b Break) Age(at time.Time) int {
	if !b.EndedAt.IsZero() {
		at = b.EndedAt
	}
	return max(int(at.Sub(b.FirstSeen)/(24*time.Hour)), 0)
}

// Step is something that happened to a break.
type Step struct {
	Number   int64
	Break    string
	Act      string
	By       string
	At       time.Time
	Run      int64
	Note     string
	Approval string
	Fix      string
	// Standing is the break as it stood after the step, in canonical JSON.
	Standing []byte
}

// The acts of steps.
const (
	StepFound      = "found"
	StepChanged    = "changed"
	StepAssigned   = "assigned"
	StepExplained  = "explained"
	StepSuspended  = "suspended"
	StepFixed      = "fixed"
	StepWrittenOff = "written_off"
	StepCleared    = "cleared"
	StepReopened   = "reopened"
	StepNoted      = "noted"
)
