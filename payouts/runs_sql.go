package payouts

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// Where runs are kept.

const (
	runColumns = `r.id, r.trigger, r.period, r.cut_off, r.at_sequence, r.state, r.reason, r.decided, r.paid, r.skipped, r.needs, r.approval, r.started_by,
       r.created_at, r.planned_at, r.ended_at, r.walked, r.request, r.refused_by, r.refusal`

	sqlAddRun = `
INSERT INTO payout_runs (book_id, id, trigger, period, cut_off, at_sequence, state, reason, started_by, reference, request, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 'planning', $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`
	sqlRun         = `SELECT ` + runColumns + ` FROM payout_runs r WHERE r.book_id = $1 AND r.id = $2`
	sqlLockRun     = sqlRun + ` FOR NO KEY UPDATE`
	sqlRunOfPeriod = `SELECT ` + runColumns + ` FROM payout_runs r WHERE r.book_id = $1 AND r.period = $2 AND r.trigger = 'scheduled'`
	sqlRunOfName   = `SELECT ` + runColumns + ` FROM payout_runs r WHERE r.book_id = $1 AND r.reference = $2 AND r.reference <> ''`
	sqlOpenRuns    = `
SELECT ` + runColumns + ` FROM payout_runs r
 WHERE r.book_id = $1 AND r.ended_at IS NULL AND r.state IN ('planning', 'released', 'refused') ORDER BY r.created_at, r.id LIMIT $2`
	sqlRuns = `
SELECT ` + runColumns + ` FROM payout_runs r
 WHERE r.book_id = $1 AND ($2::timestamptz IS NULL OR (r.created_at, r.id) < ($2, $3)) ORDER BY r.created_at DESC, r.id DESC LIMIT $4`
	sqlRunsIn = `
SELECT ` + runColumns + ` FROM payout_runs r
 WHERE r.book_id = $1 AND r.state = $5 AND ($6 = '' OR r.trigger = $6) AND ($2::timestamptz IS NULL OR (r.created_at, r.id) < ($2, $3))
 ORDER BY r.created_at DESC, r.id DESC LIMIT $4`
	sqlRunsBy = `
SELECT ` + runColumns + ` FROM payout_runs r
 WHERE r.book_id = $1 AND r.trigger = $5 AND ($2::timestamptz IS NULL OR (r.created_at, r.id) < ($2, $3))
 ORDER BY r.created_at DESC, r.id DESC LIMIT $4`

	sqlCountRun = `
UPDATE payout_runs SET decided = decided + $3 + $4, paid = paid + $3, skipped = skipped + $4, walked = CASE WHEN $5 = '' THEN walked ELSE $5 END
 WHERE book_id = $1 AND id = $2`
	sqlAddTotal = `
INSERT INTO payout_run_totals AS t (book_id, run_id, currency, payouts, amount, fee) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT ON CONSTRAINT payout_run_totals_pkey
    DO UPDATE SET payouts = t.payouts + excluded.payouts, amount = t.amount + excluded.amount, fee = t.fee + excluded.fee`
	sqlRunState = `
UPDATE payout_runs SET state = $3, needs = $4, approval = CASE WHEN $5 = '' THEN approval ELSE $5 END, planned_at = coalesce(planned_at, $6), ended_at = $7
 WHERE book_id = $1 AND id = $2`
	sqlRunTotals = `SELECT t.currency, t.payouts, t.amount, t.fee FROM payout_run_totals t WHERE t.book_id = $1 AND t.run_id = $2 ORDER BY t.currency`
	// Runs that were refused say nothing about what is usual.
	sqlEarlierTotals = `
SELECT t.amount + t.fee
  FROM (SELECT r.id, r.planned_at FROM payout_runs r
         WHERE r.book_id = $1 AND r.trigger IN ('scheduled', 'manual') AND r.planned_at IS NOT NULL AND r.id <> $2 AND r.state <> 'refused'
         ORDER BY r.planned_at DESC, r.id DESC LIMIT $4) e
  JOIN payout_run_totals t ON t.book_id = $1 AND t.run_id = e.id AND t.currency = $3
 ORDER BY e.planned_at DESC, e.id DESC`
	sqlAnyNeedsPerson = `SELECT EXISTS (SELECT FROM payouts p WHERE p.book_id = $1 AND p.run_id = $2 AND p.needs_person AND p.state = 'created' AND p.released_at IS NULL)`
)

// scanRun reads a row of runColumns.
func scanRun(row pgx.CollectableRow) (r Run, err error) {
	var period, planned, ended *time.Time
	err = row.Scan(&r.ID, &r.Trigger, &period, &r.CutOff, &r.AtSequence, &r.State, &r.Reason, &r.Decided, &r.Paid, &r.Skipped, &r.Needs, &r.Approval, &r.StartedBy,
		&r.CreatedAt, &planned, &ended, &r.walked, &r.request, &r.RefusedBy, &r.Refusal)
	r.Period, r.PlannedAt, r.EndedAt, r.CutOff, r.CreatedAt = whenOf(period), whenOf(planned), whenOf(ended), r.CutOff.UTC(), r.CreatedAt.UTC()
	return r, err
}

// oneRun reads at most one run; ErrRunUnknown for none.
func oneRun(ctx context.Context, tx pgx.Tx, sql string, args ...any) (Run, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return Run{}, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, ErrRunUnknown
	}
	return r, err
}

// addRunTx begins a run, and reports whether it could: another of the same period, of the same reference, or one that is
// being planned may stand in the way.
func addRunTx(ctx context.Context, tx pgx.Tx, book ledger.Book, r Run) (bool, error) {
	tag, err := tx.Exec(ctx, sqlAddRun, book.ID, r.ID, r.Trigger, unless(r.Period), r.CutOff, r.AtSequence, r.Reason, r.StartedBy, r.reference, r.request, r.CreatedAt)
	return err == nil && tag.RowsAffected() == 1, err
}

// Run returns a run. It returns ErrRunUnknown.
func (s *Service) Run(ctx context.Context, book ledger.Book, id string) (r Run, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		r, err = oneRun(ctx, tx, sqlRun, book.ID, id)
		return err
	})
	return r, err
}

// RunQuery chooses runs.
type RunQuery struct {
	// State and Trigger are compared exactly where they are not empty.
	State, Trigger string
	// Before and BeforeID name the last run already seen; zero for the latest.
	Before   time.Time
	BeforeID string
	// Limit bounds the page, 1 to 1000.
	Limit int
}

// Runs lists runs, the latest first, one more than the limit if there are more.
func (s *Service) Runs(ctx context.Context, book ledger.Book, q RunQuery) (list []Run, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		sql, args := sqlRuns, []any{book.ID, unless(q.Before), q.BeforeID, pageOf(q.Limit) + 1}
		switch {
		case q.State != "":
			sql, args = sqlRunsIn, append(args, q.State, q.Trigger)
		case q.Trigger != "":
			sql, args = sqlRunsBy, append(args, q.Trigger)
		}
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanRun)
		return err
	})
	return list, err
}

// pageOf bounds a page.
func pageOf(limit int) int { return min(max(limit, 1), 1000) }

// openRuns are the runs that somebody has to go on with.
func (s *Service) openRuns(ctx context.Context, book ledger.Book) (list []Run, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlOpenRuns, book.ID, 100)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanRun)
		return err
	})
	return list, err
}

// countTx counts what a transaction of the run decided and created.
func countTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, paid, skipped int, walked string, created []Payout) error {
	if _, err := tx.Exec(ctx, sqlCountRun, book.ID, run, paid, skipped, walked); err != nil {
		return err
	}
	totals := map[money.Currency]*RunTotals{}
	var order []money.Currency
	for _, p := range created {
		t := totals[p.Holder.Currency]
		if t == nil {
			t = &RunTotals{Currency: p.Holder.Currency}
			totals[p.Holder.Currency], order = t, append(order, p.Holder.Currency)
		}
		t.Payouts++
		t.Amount += p.Amount
		t.Fee += p.Fee
	}
	for _, c := range order {
		t := totals[c]
		if _, err := tx.Exec(ctx, sqlAddTotal, book.ID, run, string(c), t.Payouts, t.Amount, t.Fee); err != nil {
			return err
		}
	}
	return nil
}

// RunTotals is what a run created in one currency.
type RunTotals struct {
	Currency money.Currency
	Payouts  int64
	// Amount is what is to arrive, Fee what is kept for it.
	Amount, Fee money.Minor
}

// Totals returns what a run created, by currency.
func (s *Service) Totals(ctx context.Context, book ledger.Book, run string) (list []RunTotals, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		list, err = totalsTx(ctx, tx, book, run)
		return err
	})
	return list, err
}

func totalsTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string) ([]RunTotals, error) {
	rows, err := tx.Query(ctx, sqlRunTotals, book.ID, run)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (t RunTotals, err error) {
		err = r.Scan(&t.Currency, &t.Payouts, &t.Amount, &t.Fee)
		return t, err
	})
}

// comparedRuns bounds how far back a run looks for others that paid.
const comparedRuns = 50

// earlierTx are the totals of earlier runs in a currency, fees included, the latest first.
func earlierTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, c money.Currency) ([]money.Minor, error) {
	rows, err := tx.Query(ctx, sqlEarlierTotals, book.ID, run, string(c), comparedRuns)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[money.Minor])
}

// needsTx finds why a second person has to look at the whole run, and whether single payouts need one.
func (s *Service) needsTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run Run, p *Policy) (needs []string, persons bool, err error) {
	totals, err := totalsTx(ctx, tx, book, run.ID)
	if err != nil {
		return nil, false, err
	}
	if run.Trigger == TriggerManual && len(totals) > 0 {
		needs = append(needs, NeedsManual)
	}
	for _, t := range totals {
		if run.Trigger != TriggerScheduled && run.Trigger != TriggerManual {
			break // one payout is no run that could be compared
		}
		earlier, err := earlierTx(ctx, tx, book, run.ID, t.Currency)
		if err != nil {
			return nil, false, err
		}
		if p.RunNeedsSecondPerson(t.Amount+t.Fee, earlier) {
			needs = append(needs, NeedsTotal+":"+string(t.Currency))
		}
	}
	err = tx.QueryRow(ctx, sqlAnyNeedsPerson, book.ID, run.ID).Scan(&persons)
	return needs, persons, err
}

// endPlanningTx ends the planning of a run: it is done, or it waits for a second person.
func (s *Service) endPlanningTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run *Run, p *Policy) error {
	needs, persons, err := s.needsTx(ctx, tx, book, *run, p)
	if err != nil {
		return err
	}
	now := s.now()
	run.Needs, run.PlannedAt, run.State = needs, now, RunDone
	if run.Needs == nil {
		run.Needs = []string{}
	}
	if len(needs) > 0 || persons {
		run.State = RunWaiting
	} else {
		run.EndedAt = now
	}
	_, err = tx.Exec(ctx, sqlRunState, book.ID, run.ID, run.State, run.Needs, "", now, unless(run.EndedAt))
	return err
}

// StartRun begins a run outside of the schedule, with a reason; CarryOn plans it. Everything that it creates waits for a
// second person. It returns ErrRunBusy while another run is being planned, and ErrRunReason without a reason.
func (s *Service) StartRun(ctx context.Context, by guard.Actor, book ledger.Book, reason string) (run Run, err error) {
	if !plainReason(reason) {
		return Run{}, ErrRunReason
	}
	if _, err := s.PolicyAt(ctx, book, s.now()); err != nil {
		return Run{}, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		now := s.now()
		run = Run{ID: newID("run"), Trigger: TriggerManual, CutOff: now, State: RunPlanning, Reason: reason, StartedBy: actorName(by), CreatedAt: now}
		if run.AtSequence, err = headTx(ctx, tx, book); err != nil {
			return err
		}
		added, err := addRunTx(ctx, tx, book, run)
		if err != nil {
			return err
		}
		if !added {
			return ErrRunBusy
		}
		return s.tellTx(ctx, tx, guard.Deed{Actor: by, Why: reason}, book, "payout_run.started", "run:"+run.ID, nil, map[string]any{"trigger": run.Trigger, "at_sequence": run.AtSequence})
	})
	return run, err
}
