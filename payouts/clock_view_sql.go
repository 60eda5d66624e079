package payouts

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// Reading what waits, who owes, and what is proposed; and having somebody look at a clock again.

// The states by which clocks are listed.
const (
	ClocksOverdue = "overdue" // whose time has come
	ClocksGated   = "gated"   // whose time has come and that something else keeps
	ClocksParked  = "parked"  // that wait for people
)

// Clocks lists the clocks of a book whose time has come and that still stand, the oldest first, after one of them.
func (s *Service) Clocks(ctx context.Context, book ledger.Book, state string, after Clock, limit int) ([]Clock, error) {
	return s.listClocks(ctx, book, s.now(), after.DueAt, after.Subject, after.Act, state == ClocksGated, state == ClocksParked, limit)
}

// Waits lists what waits for a payee, whatever kind it is: the earliest first, and what has no time yet last.
func (s *Service) Waits(ctx context.Context, book ledger.Book, payee string, after Wait, limit int) ([]Wait, error) {
	return s.waitsAfter(ctx, book, append(earningKinds[:len(earningKinds):len(earningKinds)], kindBeneficiary), payee, after, limit)
}

// Debts lists the debts of a book, the oldest first, after one of them.
func (s *Service) Debts(ctx context.Context, book ledger.Book, after Debt, limit int) ([]Debt, error) {
	return s.debtsAfter(ctx, book, after, limit)
}

// Proposals lists what was proposed in a book, the newest first, before one of them; in a state, if one is named.
func (s *Service) Proposals(ctx context.Context, book ledger.Book, state string, before Proposal, limit int) ([]Proposal, error) {
	return s.proposalsAfter(ctx, book, state, before, limit)
}

// LookAgain has the clocks of a subject tried anew at the next turn, also those that wait for people. It returns
// ErrClockUnknown if there are none. It moves no money, and is told to the trail.
func (s *Service) LookAgain(ctx context.Context, by guard.Actor, book ledger.Book, subject, why string) (list []Clock, err error) {
	readings, err := s.readSubjects(ctx, book, []string{subject})
	if err != nil {
		return nil, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		stood, err := s.anewTx(ctx, tx, book, subject, s.now())
		if err != nil {
			return err
		}
		if err := s.keepTx(ctx, tx, book, readings); err != nil {
			return err
		}
		if list, err = s.anewTx(ctx, tx, book, subject, s.now()); err != nil {
			return err
		}
		// One that stood and has nothing to wait for any more is gone, which is an answer too.
		if len(stood)+len(list) == 0 {
			return ErrClockUnknown
		}
		after, err := json.Marshal(map[string]any{"clocks": len(list), "reason": why})
		if err != nil {
			return err
		}
		_, err = s.trail.RecordTx(ctx, tx, guard.Deed{Actor: by, Book: guardBook(book), Act: "payout_clock.looked_again", Object: "subject:" + subject, After: after})
		return err
	})
	return list, err
}

// anewAt is when a clock that starts anew is looked at.
func anewAt(book ledger.Book, c Clock, now time.Time) time.Time {
	return lookAt(book, c.DueAt, len(c.Gates) > 0, now)
}
