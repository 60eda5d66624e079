package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
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
}

// Plan is the job: the run of the period.
func (s *Service) Plan(ctx context.Context, t Turn) (Report, error) { return Report{}, errNotBuilt }

// RequestPayout decides about one payee now, and creates the payout if the decision says so. A decision not to pay is an
// answer, no error; it returns ErrBalance for more than is available.
func (s *Service) RequestPayout(ctx context.Context, by guard.Actor, book ledger.Book, r Request) (Decided, []Payout, error) {
	return Decided{}, nil, errNotBuilt
}

// StartRun begins a run outside of the schedule, with a reason; the plan job carries it on. It returns ErrRunBusy.
func (s *Service) StartRun(ctx context.Context, by guard.Actor, book ledger.Book, reason string) (Run, error) {
	return Run{}, errNotBuilt
}

// Cancel cancels a payout of which nothing was ever sent, or which was definitely refused: its money goes back.
func (s *Service) CancelTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, id, why string) (Payout, error) {
	return Payout{}, errNotBuilt
}
