package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts"
	"mizan/payouts/processor"
)

// A payout that the processor made by itself consists of lines, and the processor says of which: together they must come to what it paid
// out. Of a payout that was ordered it does not know the lines, and there is nothing to hold. The lines count as they are kept here, so
// that one that never came, or came with another amount, shows in the payout that it is part of.
//
// The processor may name lines late, so a payout whose lines do not come to it is asked of again until they do, however old it is. One of
// which it names more lines than are read at once, or gave no answer, was not held, and people are told so.

const (
	// Payouts of the last weeks that were not asked of.
	sqlPayoutsToAsk = `
SELECT l.source_ref, l.currency, -l.gross, l.moved_at
  FROM evidence_lines l
  LEFT JOIN LATERAL (SELECT x.payout FROM evidence_payouts x WHERE x.book_id = $1 AND x.source_id = $2 AND x.payout = l.source_ref LIMIT 1) p ON true
 WHERE l.book_id = $1 AND l.source_id = $2 AND l.moved_at >= $3 AND l.category = 'payout' AND l.gross < 0 AND l.source_ref <> '' AND p.payout IS NULL
 ORDER BY l.moved_at, l.number LIMIT $4`
	// Those that are asked of again, the one that was asked of longest ago first.
	sqlPayoutsAgain = `
SELECT p.payout, p.currency, p.paid, p.moved_at
  FROM evidence_payouts p
 WHERE p.book_id = $1 AND p.source_id = $2 AND p.state IN ('differs', 'unanswered') ORDER BY p.asked_at, p.payout LIMIT $3`
	sqlLinesOfPayout = `
SELECT count(l.net), coalesce(sum(l.net), 0)::bigint, coalesce((array_agg(u.id ORDER BY u.n) FILTER (WHERE l.net IS NULL))[1:$4], '{}')
  FROM unnest($3::text[]) WITH ORDINALITY u (id, n)
  LEFT JOIN LATERAL (SELECT x.net FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $2 AND x.line_id = u.id LIMIT 1) l ON true`
	sqlNotePayout = `
INSERT INTO evidence_payouts AS e (book_id, source_id, payout, currency, paid, moved_at, state, named, known, known_net, not_known, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (book_id, source_id, payout) DO UPDATE SET state = excluded.state, named = excluded.named, known = excluded.known, known_net = excluded.known_net,
   not_known = excluded.not_known, asked_at = excluded.asked_at WHERE e.asked_at <= excluded.asked_at`
	// What was known of a payout stays where the processor gives no answer.
	sqlNoteUnanswered = `
INSERT INTO evidence_payouts AS e (book_id, source_id, payout, currency, paid, moved_at, state, named, known, known_net, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, 'unanswered', 0, 0, 0, $7)
ON CONFLICT (book_id, source_id, payout) DO UPDATE SET asked_at = excluded.asked_at WHERE e.asked_at <= excluded.asked_at`
	sqlPayoutsTold = `
SELECT p.payout, p.currency, p.paid, p.known_net, p.named, p.known, p.not_known, p.moved_at, p.state
  FROM evidence_payouts p
 WHERE p.book_id = $1 AND p.source_id = $2 AND p.state IN ('differs', 'too_large', 'unanswered') AND p.payout > $3 ORDER BY p.payout LIMIT $4`
)

const (
	// payoutLinesDays is how far back payouts are asked of the first time. payoutsAtOnce is how many of these are asked of at once, and how
	// many of those that are asked of again.
	payoutLinesDays = 35
	payoutsAtOnce   = 100
	// payoutsInVain is after how many payouts in a row without an answer no others are asked of.
	payoutsInVain = 5
	// payoutsTime bounds the asking after a pull that somebody asked for.
	payoutsTime = 5 * time.Second
	// mostNotKnown is how many of the lines of a payout that are not known are kept, and mostNotKnownText how long a text of them may be.
	mostNotKnown     = 20
	mostNotKnownText = 800
)

// The states of a payout whose lines were asked for.
const (
	payoutTies       = "ties"
	payoutDiffers    = "differs"
	payoutOrdered    = "ordered"
	payoutTooLarge   = "too_large"
	payoutUnanswered = "unanswered"
)

// paidOut is a payout that a processor made.
type paidOut struct {
	id       string
	currency money.Currency
	amount   money.Minor
	at       time.Time
}

// AskPayoutLines asks a processor for the lines of the payouts that it made by itself, and notes whether they come to what was paid out.
// It asks only of those of which that is not known, so many at a time, and is to be asked only when all lines were pulled. It returns of
// how many that were asked of they do not. One that the processor does not answer keeps no other from being asked of. Errors:
// ErrNoDriver, those of the driver, and that of the turn if another process has taken it over.
func (s *Service) AskPayoutLines(ctx context.Context, t payouts.Turn, source Source) (differ int, err error) {
	driver := s.driver(t.Book, source.Name)
	if driver == nil {
		return 0, ErrNoDriver
	}
	fresh, err := s.payoutsOf(ctx, sqlPayoutsToAsk, t.Book.ID, source.ID, s.now().AddDate(0, 0, -payoutLinesDays), payoutsAtOnce)
	if err != nil {
		return 0, err
	}
	again, err := s.payoutsOf(ctx, sqlPayoutsAgain, t.Book.ID, source.ID, payoutsAtOnce)
	if err != nil {
		return 0, err
	}
	differ, failed := s.askEach(ctx, t, source, driver, fresh)
	if ctx.Err() != nil || errors.Is(failed, errNotNoted) {
		return differ, failed
	}
	// People are told of those that had no answer before: that there is none again is nothing new.
	more, err := s.askEach(ctx, t, source, driver, again)
	if ctx.Err() != nil || errors.Is(err, errNotNoted) {
		failed = errors.Join(failed, err)
	}
	return differ + more, failed
}

// errNotNoted means that what was answered could not be written down.
var errNotNoted = errors.New("the answer about a payout is not noted")

// askEach asks for the lines of payouts, until some in a row have no answer.
func (s *Service) askEach(ctx context.Context, t payouts.Turn, source Source, driver processor.Driver, list []paidOut) (differ int, failed error) {
	inVain := 0
	for _, p := range list {
		asked := s.now()
		entries, silent := linesOf(ctx, driver, p.id)
		if ctx.Err() != nil {
			return differ, errors.Join(failed, context.Cause(ctx))
		}
		state, err := s.notePayout(ctx, t, source, p, asked, entries, silent)
		if err != nil {
			return differ, errors.Join(failed, errNotNoted, err)
		}
		if state == payoutDiffers {
			differ++
		}
		if inVain++; state != payoutUnanswered {
			inVain = 0
			continue
		}
		failed = errors.Join(failed, fmt.Errorf("ask for the lines of payout %s: %w", p.id, silent))
		if inVain == payoutsInVain {
			break
		}
	}
	return differ, failed
}

// payoutsOf are the payouts that are asked of by one of the two statements above.
func (s *Service) payoutsOf(ctx context.Context, sql string, args ...any) ([]paidOut, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p paidOut, err error) {
		err = row.Scan(&p.id, &p.currency, &p.amount, &p.at)
		return p, err
	})
}

// errOrdered means that a payout was ordered, so that the processor does not know of which lines it is.
var errOrdered = errors.New("the payout was ordered and has no lines")

// linesOf are the lines of a payout, or errOrdered. A key that may not read payouts is told of each that there is none: that it was
// ordered is only known of one that can be read.
func linesOf(ctx context.Context, driver processor.Driver, payout string) ([]processor.Entry, error) {
	entries, err := driver.ListPayoutEntries(ctx, "", payout)
	if !errors.Is(err, processor.ErrAbsent) {
		return entries, err
	}
	read, err := driver.ReadPayout(ctx, "", payout)
	switch {
	case err != nil:
		return nil, err
	case read.Automatic:
		return nil, processor.ErrStrange
	}
	return nil, errOrdered
}

// notePayout notes what the processor answered of a payout, unless a later answer was noted, and returns what that comes to.
func (s *Service) notePayout(ctx context.Context, t payouts.Turn, source Source, p paidOut, asked time.Time, entries []processor.Entry, silent error) (state string, err error) {
	ids := []string{}
	for _, e := range entries {
		if e.Source != p.id { // the payout is none of its own lines
			ids = append(ids, clean(e.ID, maxID))
		}
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := checkTurn(ctx, tx, t); err != nil {
			return err
		}
		known, net, unknown := 0, money.Minor(0), []string{}
		switch {
		case errors.Is(silent, errOrdered):
			state = payoutOrdered
		case errors.Is(silent, processor.ErrTooMany):
			state = payoutTooLarge
		case silent != nil:
			state = payoutUnanswered
			_, err := tx.Exec(ctx, sqlNoteUnanswered, t.Book.ID, source.ID, p.id, string(p.currency), p.amount, p.at, asked)
			return err
		default:
			if err := tx.QueryRow(ctx, sqlLinesOfPayout, t.Book.ID, source.ID, ids, mostNotKnown).Scan(&known, &net, &unknown); err != nil {
				return err
			}
			if state = payoutTies; net != p.amount || known != len(ids) {
				state = payoutDiffers
			}
		}
		_, err := tx.Exec(ctx, sqlNotePayout, t.Book.ID, source.ID, p.id, string(p.currency), p.amount, p.at, state, len(ids), known, net, unknown, asked)
		return err
	})
	return state, err
}

// payoutTold is a payout whose lines do not come to it, or were not held against it.
type payoutTold struct {
	paidOut
	net          money.Minor
	named, known int
	notKnown     []string
	state        string
}

// payoutsTold are up to a page of payouts of a source, after an id, of which people are told.
func (s *Service) payoutsTold(ctx context.Context, book ledger.Book, source Source, after string) (list []payoutTold, err error) {
	rows, err := s.pool.Query(ctx, sqlPayoutsTold, book.ID, source.ID, after, insidePage)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p payoutTold, err error) {
		err = row.Scan(&p.id, &p.currency, &p.amount, &p.net, &p.named, &p.known, &p.notKnown, &p.at, &p.state)
		return p, err
	})
}

// seePayout sees what is told of a payout of a source.
func seePayout(f *facts, source string, p payoutTold) {
	switch p.state {
	case payoutTooLarge:
		x := f.see(checkUnheld, source+":"+p.id, p.currency, p.amount, p.amount, p.at, true)
		x.Left, x.Right = p.id, fmt.Sprintf("more than %d lines", processor.MaxRows)
	case payoutUnanswered:
		x := f.see(checkUnheld, source+":"+p.id, p.currency, p.amount, p.amount, p.at, true)
		x.Left, x.Right = p.id, "the processor did not answer"
	default:
		x := f.see(checkLines, source+":"+p.id, p.currency, p.amount, p.net, p.at, true)
		x.Left, x.Right = p.id, fmt.Sprintf("%d lines, of which %d are known", p.named, p.known)
		if len(p.notKnown) > 0 {
			x.NotKnown = clipText(strings.Join(p.notKnown, ", "), mostNotKnownText)
		}
	}
}
