package payouts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// Special payouts follow from an act that has decided already: blocked money to a court, a deposit that goes back, a minor's
// trust to its custodian. No decision is made about them; the act is the reason.

// Special is such a payout.
type Special struct {
	// Holder is whose money it is, Receiver who gets it.
	Holder   Holder
	Receiver string
	// Source is where the money comes from: blocked, deposit or minor_trust.
	Source string
	// Sequence is the transaction that has put the money in transit already; 0 for blocked money, which this puts in transit.
	Sequence int64
	Amount   money.Minor
	// To is where it is sent. It must be active.
	To Destination
	// Reference makes it happen once; Reason says why.
	Reference, Reason string
}

// ErrSpecial means that a payout cannot follow from the act as described.
var ErrSpecial = fault.New(fault.Invalid, "payout-special-invalid", "This payout needs an amount, a source that it can come from, and an active destination of its receiver. Correct the request.")

func (x *Special) check() error {
	posts := x.Source == commerce.SourceBlocked
	waits := x.Source == commerce.SourceDeposit || x.Source == commerce.SourceTrust
	switch {
	case !posts && !waits, posts != (x.Sequence == 0), x.Amount <= 0, x.To.ID == "", x.To.State != DestinationActive, x.Receiver == "", x.Reference == "", !plainReason(x.Reason):
		return ErrSpecial
	}
	return nil
}

// PaySpecialTx creates the payout in the caller's transaction, as a run of its own. The act that leads here needed two
// people, so the payout needs no further one. The same reference again returns the payout that there is. It returns
// ErrSpecial, ErrRequestReused, or ledger.ErrFloor if less is there.
func (s *Service) PaySpecialTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, x Special) (Payout, error) {
	if err := x.check(); err != nil {
		return Payout{}, err
	}
	if err := s.ledger.LockTx(ctx, tx, book); err != nil {
		return Payout{}, err
	}
	now := s.now()
	asked := Request{Holder: x.Holder, Amount: x.Amount, Method: x.Source, Retry: x.Receiver}
	run := Run{ID: newID("run"), Trigger: TriggerSpecial, CutOff: now, Reason: x.Reason, StartedBy: actorName(by.Actor), CreatedAt: now, reference: x.Reference, request: asked.document()}
	var err error
	if run.AtSequence, err = headTx(ctx, tx, book); err != nil {
		return Payout{}, err
	}
	added, err := addRunTx(ctx, tx, book, run)
	if err != nil {
		return Payout{}, err
	}
	if !added {
		return s.specialTx(ctx, tx, book, x, run.request)
	}
	list, err := s.createTx(ctx, tx, run.StartedBy, book, run.ID, []order{{holder: x.Holder, receiver: x.Receiver, source: x.Source, sequence: x.Sequence, part: 1,
		amount: x.Amount, method: MethodStandard, destination: x.To.ID, rail: x.To.Rail, account: x.To.Account, mode: x.To.Mode}})
	if err != nil {
		return Payout{}, err
	}
	if err := countTx(ctx, tx, book, run.ID, 0, 0, x.Holder.place(), list); err != nil {
		return Payout{}, err
	}
	if _, err := tx.Exec(ctx, sqlRunState, book.ID, run.ID, RunDone, []string{}, by.Approval, now, now); err != nil {
		return Payout{}, err
	}
	return list[0], nil
}

// specialTx answers the same reference as the first time.
func (s *Service) specialTx(ctx context.Context, tx pgx.Tx, book ledger.Book, x Special, asked string) (Payout, error) {
	run, err := oneRun(ctx, tx, sqlRunOfName, book.ID, x.Reference)
	if err != nil {
		return Payout{}, err
	}
	if run.request != asked {
		return Payout{}, ErrRequestReused
	}
	return onePayout(ctx, tx, sqlOfHolder, book.ID, run.ID, x.Holder.Kind, x.Holder.ID, string(x.Holder.Currency))
}
