package payouts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Where payouts are read.

const (
	payoutColumns = `p.id, p.run_id, p.part_no, p.kind, p.payee, p.receiver, p.currency, p.amount, p.fee, p.fee_tax, p.method, p.state, p.account_id, p.number,
       p.created_sequence, p.consumed_from, p.consumed_through, p.left_after, p.destination, p.rail, p.rail_account, p.mode, p.needs_person, p.released_at,
       p.retry_of, p.retries, p.code, p.transfer, p.transfer_entry, p.arrived, p.outgoing, p.trace, p.expected_on, p.pulled_back, p.created_at, p.changed_at,
       p.submitted_at, p.paid_at, p.returned_at, p.ended_at,
       (SELECT a.address FROM accounts a WHERE a.book_id = p.book_id AND a.id = p.account_id)`

	sqlPayout     = `SELECT ` + payoutColumns + ` FROM payouts p WHERE p.book_id = $1 AND p.id = $2`
	sqlLockPayout = sqlPayout + ` FOR NO KEY UPDATE`
	sqlOfHolder   = `SELECT ` + payoutColumns + ` FROM payouts p WHERE p.book_id = $1 AND p.run_id = $2 AND p.kind = $3 AND p.payee = $4 AND p.currency = $5 ORDER BY p.part_no`
	sqlOfRun      = `SELECT ` + payoutColumns + ` FROM payouts p WHERE p.book_id = $1 AND p.run_id = $2 AND p.id > $3 ORDER BY p.id LIMIT $4`
	sqlPayoutsIn  = `
SELECT ` + payoutColumns + ` FROM payouts p
 WHERE p.book_id = $1 AND ($2::timestamptz IS NULL OR (p.created_at, p.id) < ($2, $3)) AND p.state = $4
 ORDER BY p.created_at DESC, p.id DESC LIMIT $5`
	sqlPayouts = `
SELECT ` + payoutColumns + ` FROM payouts p
 WHERE p.book_id = $1 AND ($2::timestamptz IS NULL OR (p.created_at, p.id) < ($2, $3)) ORDER BY p.created_at DESC, p.id DESC LIMIT $4`
	sqlPayoutsOfPayee = `
SELECT ` + payoutColumns + ` FROM payouts p
 WHERE p.book_id = $1 AND p.payee = $7 AND ($2::timestamptz IS NULL OR (p.created_at, p.id) < ($2, $3)) AND ($4 = '' OR p.state = $4) AND ($5 = '' OR p.kind = $5)
 ORDER BY p.created_at DESC, p.id DESC LIMIT $6`
	sqlSteps = `
SELECT t.number, t.state, t.at, t.code, t.evidence, t.sequence, t.actor FROM payout_steps t
 WHERE t.book_id = $1 AND t.payout = $2 AND t.number > $3 ORDER BY t.number LIMIT $4`
	// A filter looks at so many decisions and no further; the last one that was looked at comes along to go on from.
	sqlDecisionsOfRun = `
SELECT ` + decisionColumns + `, d.chosen
  FROM (SELECT l.*, ($6 = '' OR l.verdict = $6) AND ($7 = '' OR $7 = ANY (l.reasons)) AS chosen, lead(l.payee) OVER (ORDER BY l.kind, l.payee, l.currency) IS NULL AS last
          FROM (SELECT * FROM payout_decisions x WHERE x.book_id = $1 AND x.run_id = $2 AND (x.kind, x.payee, x.currency) > ($3, $4, $5)
                 ORDER BY x.kind, x.payee, x.currency LIMIT $8) l) d
 WHERE d.chosen OR d.last
 ORDER BY d.kind, d.payee, d.currency LIMIT $9`
	sqlDecisionsOfPayee = `
SELECT ` + decisionColumns + `, true FROM payout_decisions d
 WHERE d.book_id = $1 AND d.payee = $2 AND ($6 = '' OR d.kind = $6)
   AND ($3::timestamptz IS NULL OR (d.decided_at, d.run_id, d.kind, d.currency) < ($3, $4, $7, $8))
 ORDER BY d.decided_at DESC, d.run_id DESC, d.kind DESC, d.currency DESC LIMIT $5`
)

// scanPayout reads a row of payoutColumns.
func scanPayout(row pgx.CollectableRow) (Payout, error) { return scanPayoutAnd(row) }

// scanPayoutAnd reads a row of payoutColumns and of what comes after them.
func scanPayoutAnd(row pgx.CollectableRow, more ...any) (p Payout, err error) {
	var released, expected, submitted, paid, returned, ended *time.Time
	var address string
	err = row.Scan(append([]any{&p.ID, &p.Run, &p.Part, &p.Holder.Kind, &p.Holder.ID, &p.Receiver, &p.Holder.Currency, &p.Amount, &p.Fee, &p.FeeTax, &p.Method, &p.State, &p.Account, &p.Number,
		&p.CreatedSequence, &p.ConsumedFrom, &p.ConsumedThrough, &p.LeftAfter, &p.Destination, &p.Rail, &p.RailAccount, &p.Mode, &p.NeedsPerson, &released,
		&p.RetryOf, &p.Retries, &p.Code, &p.Transfer, &p.TransferEntry, &p.Arrived, &p.Outgoing, &p.Trace, &expected, &p.PulledBack, &p.CreatedAt, &p.ChangedAt,
		&submitted, &paid, &returned, &ended, &address}, more...)...)
	p.ReleasedAt, p.ExpectedOn, p.SubmittedAt, p.PaidAt, p.ReturnedAt, p.EndedAt = whenOf(released), whenOf(expected), whenOf(submitted), whenOf(paid), whenOf(returned), whenOf(ended)
	p.CreatedAt, p.ChangedAt, p.Source = p.CreatedAt.UTC(), p.ChangedAt.UTC(), sourceOf(p.Holder, ledger.Address(address))
	return p, err
}

// onePayout reads at most one payout; ErrPayoutUnknown for none.
func onePayout(ctx context.Context, tx pgx.Tx, sql string, args ...any) (Payout, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return Payout{}, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPayout)
	if errors.Is(err, pgx.ErrNoRows) {
		return Payout{}, ErrPayoutUnknown
	}
	return p, err
}

// manyPayouts reads payouts.
func manyPayouts(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]Payout, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanPayout)
}

// Payout returns one. It returns ErrPayoutUnknown.
func (s *Service) Payout(ctx context.Context, book ledger.Book, id string) (p Payout, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		p, err = onePayout(ctx, tx, sqlPayout, book.ID, id)
		return err
	})
	return p, err
}

// PayoutQuery chooses payouts.
type PayoutQuery struct {
	// Run, State, Kind and Payee are compared exactly where they are not empty. With a run the others do not count, and the
	// kind only with a payee.
	Run, State, Kind, Payee string
	// Before and BeforeID name the last payout already seen; zero for the latest. Of a run, AfterID does, in order of the ids.
	Before            time.Time
	BeforeID, AfterID string
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// Payouts lists payouts, the latest first, or those of a run in order of their ids; one more than the limit if there are more.
func (s *Service) Payouts(ctx context.Context, book ledger.Book, q PayoutQuery) (list []Payout, err error) {
	limit := pageOf(q.Limit) + 1
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		switch {
		case q.Run != "":
			list, err = manyPayouts(ctx, tx, sqlOfRun, book.ID, q.Run, q.AfterID, limit)
		case q.Payee != "":
			list, err = manyPayouts(ctx, tx, sqlPayoutsOfPayee, book.ID, unless(q.Before), q.BeforeID, q.State, q.Kind, limit, q.Payee)
		case q.State != "":
			list, err = manyPayouts(ctx, tx, sqlPayoutsIn, book.ID, unless(q.Before), q.BeforeID, q.State, limit)
		default:
			list, err = manyPayouts(ctx, tx, sqlPayouts, book.ID, unless(q.Before), q.BeforeID, limit)
		}
		return err
	})
	return list, err
}

// madeOf reads what became of a decision to pay: the state of its run, and its payouts.
func (s *Service) madeOf(ctx context.Context, book ledger.Book, d *Decided) (state string, list []Payout, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		run, err := oneRun(ctx, tx, sqlRun, book.ID, d.Run)
		if err != nil {
			return err
		}
		state = run.State
		list, err = manyPayouts(ctx, tx, sqlOfHolder, book.ID, d.Run, d.Holder.Kind, d.Holder.ID, string(d.Holder.Currency))
		return err
	})
	return state, list, err
}

// Steps returns what happened to a payout, in order, after a step's number; one more than the limit if there is more.
func (s *Service) Steps(ctx context.Context, book ledger.Book, id string, after, limit int) (list []Step, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlSteps, book.ID, id, after, pageOf(limit)+1)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (t Step, err error) {
			err = r.Scan(&t.Number, &t.State, &t.At, &t.Code, &t.Evidence, &t.Sequence, &t.Actor)
			t.At = t.At.UTC()
			return t, err
		})
		return err
	})
	return list, err
}

// DecisionQuery chooses decisions of a run, or of a payee.
type DecisionQuery struct {
	// Run is the run whose decisions are wanted; if it is empty, Payee's are, with Kind where it is not empty.
	Run, Kind, Payee string
	// Verdict and Reason are compared where they are not empty; of a run only.
	Verdict, Reason string
	// After is the last decision already seen, nil for none.
	After *Decided
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// DecisionPage is a page of decisions.
type DecisionPage struct {
	Decisions []Decided
	// Next is where the next page begins after, nil on the last. A page can have fewer decisions than its limit while others
	// follow: a filter looks at a bounded number.
	Next *Decided
}

// decisionScan is how many decisions of a run a filter looks at for a page.
const decisionScan = 5_000

// Decisions lists decisions: of a run in order of kind, payee and currency; of a payee the latest first.
func (s *Service) Decisions(ctx context.Context, book ledger.Book, q DecisionQuery) (page DecisionPage, err error) {
	limit := pageOf(q.Limit)
	var after Decided
	if q.After != nil {
		after = *q.After
	}
	scan := decisionScan
	if q.Verdict == "" && q.Reason == "" {
		scan = limit + 1
	}
	sql, args := sqlDecisionsOfRun, []any{book.ID, q.Run, after.Holder.Kind, after.Holder.ID, string(after.Holder.Currency), q.Verdict, q.Reason, scan, limit + 1}
	if q.Run == "" {
		scan = limit + 1
		sql, args = sqlDecisionsOfPayee, []any{book.ID, q.Payee, unless(after.At), after.Run, limit + 1, q.Kind, after.Holder.Kind, string(after.Holder.Currency)}
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		var last Decided
		_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x struct{}, err error) {
			d, chosen, err := scanChosen(r)
			if last = d; chosen && err == nil {
				page.Decisions = append(page.Decisions, d)
			}
			return x, err
		})
		switch {
		case err != nil:
		case len(page.Decisions) > limit:
			page.Decisions = page.Decisions[:limit]
			page.Next = &page.Decisions[limit-1]
		case scan == decisionScan && last.Run != "":
			page.Next = &last
		}
		return err
	})
	return page, err
}

// Gross is what left the payee's balance for the payout.
func (p Payout) Gross() money.Minor { return p.Amount + p.Fee }
