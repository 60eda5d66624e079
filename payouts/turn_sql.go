package payouts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// A turn is one period of a job, in one book.

// Turn is one period of a job, as the work of this package sees it.
type Turn struct {
	Book ledger.Book
	// Start is when the period became due, End when the next does.
	Start, End time.Time
	// Extra says that people asked for the period beside the schedule.
	Extra bool
	// Check ends a transaction with an error if another process has taken the period over. The work begins every
	// transaction with it; nil outside of jobs.
	Check func(ctx context.Context, tx pgx.Tx) error
	// Actor is who asked for the work: the system, or somebody who ran it by hand.
	Actor guard.Actor
}

// check is Check, or nothing outside of jobs.
func (t Turn) check(ctx context.Context, tx pgx.Tx) error {
	if t.Check == nil {
		return nil
	}
	return t.Check(ctx, tx)
}
