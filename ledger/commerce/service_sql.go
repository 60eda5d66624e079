package commerce

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/postgres"
)

// Events inside a transaction of the caller's, where what they post must stand or fall with something else.

// maxTxAttempts bounds the plans of PostTx: the first is made without the book's lock, and those after it while nobody else
// can post.
const maxTxAttempts = 3

// PostTx records events as PostAtomic does, inside the caller's own transaction: all of them or, with the first refusal,
// none, in which case it returns that refusal and the caller must roll back. An event that was recorded before is answered
// as the first time. The book stays locked until the caller's transaction ends, so post last, and at most
// ledger.MaxTxSubmissions events.
func (s *Service) PostTx(ctx context.Context, tx pgx.Tx, book ledger.Book, events []Event) ([]Result, error) {
	ready, _, err := s.prepareAll(book, events)
	if err != nil {
		return nil, err
	}
	ctx = postgres.Within(ctx, tx)
	for attempt := range maxTxAttempts {
		if attempt > 0 {
			if err := s.ledger.LockTx(ctx, tx, book); err != nil {
				return nil, err
			}
			for _, e := range ready {
				e.fresh = false
			}
		}
		var results []Result
		if results, err = s.attemptTx(ctx, tx, book, ready); fault.CodeOf(err) != ledger.ErrStale.Code {
			return results, err
		}
	}
	return nil, err
}

// attemptTx plans the events over each other and posts them. An event alone is planned as Post plans it.
func (s *Service) attemptTx(ctx context.Context, tx pgx.Tx, book ledger.Book, ready []*prepared) ([]Result, error) {
	var known *group
	if len(ready) > 1 {
		known = newGroup()
	}
	results := make([]Result, len(ready))
	var plans []*planner
	var at []int
	var submissions []ledger.Submission
	for i, e := range ready {
		p, done := s.plan(ctx, book, e, e.fresh, known)
		if done != nil {
			if done.Err != nil {
				return nil, done.Err
			}
			results[i] = *done
			continue
		}
		submission, err := p.submission()
		if err != nil {
			return nil, err
		}
		plans, at, submissions = append(plans, p), append(at, i), append(submissions, submission)
	}
	if len(submissions) == 0 {
		return results, nil
	}
	outcomes, err := s.ledger.PostTx(ctx, tx, book, submissions)
	if err != nil {
		for _, p := range plans {
			p.doubtIf(err)
		}
		if known == nil {
			err = plans[0].outrun(ledger.Outcome{Err: err}).Err
		}
		return nil, err
	}
	for j, out := range outcomes {
		if results[at[j]] = plans[j].result(out); results[at[j]].Err != nil {
			return nil, results[at[j]].Err
		}
	}
	return results, nil
}
