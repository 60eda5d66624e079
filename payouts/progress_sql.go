package payouts

import (
	"context"
	"time"

	"mizan/ledger"
)

// How far the payouts of a run are, and how the payouts of a book do.

const (
	sqlProgress = `
SELECT count(*) FILTER (WHERE p.state NOT IN ('created', 'sending', 'unknown', 'refused')), count(*) FILTER (WHERE p.state = 'created'),
       count(*) FILTER (WHERE p.state = 'sending'), count(*) FILTER (WHERE p.state = 'unknown'), count(*) FILTER (WHERE p.state = 'refused'),
       count(*) FILTER (WHERE p.state = 'created' AND p.needs_person AND p.released_at IS NULL),
       count(*) FILTER (WHERE p.state IN ('submitted', 'at_account')), count(*) FILTER (WHERE p.state = 'paid' AND p.returned_at IS NULL),
       count(*) FILTER (WHERE p.state = 'failed' OR p.returned_at IS NOT NULL), count(*) FILTER (WHERE p.state = 'cancelled')
  FROM (SELECT x.state, x.needs_person, x.released_at, x.returned_at FROM payouts x WHERE x.book_id = $1 AND x.run_id = $2 AND x.id > $3 ORDER BY x.id LIMIT $4) p`
	sqlProgressEnd = `
SELECT coalesce(max(p.id), '') FROM (SELECT x.id FROM payouts x WHERE x.book_id = $1 AND x.run_id = $2 AND x.id > $3 ORDER BY x.id LIMIT $4) p`

	// Only payouts that are not over are counted, which an index of their own holds.
	sqlHealth = `
SELECT count(*) FILTER (WHERE p.state = 'unknown'), min(p.changed_at) FILTER (WHERE p.state = 'unknown'),
       count(*) FILTER (WHERE p.state = 'at_account'), min(p.changed_at) FILTER (WHERE p.state = 'at_account'),
       count(*) FILTER (WHERE p.state = 'refused'), count(*) FILTER (WHERE p.state = 'refused' AND p.look_at IS NULL)
  FROM payouts p WHERE p.book_id = $1 AND p.state IN ('unknown', 'at_account', 'refused')`
	sqlHealthUnsent = `
SELECT count(*), min(u.created_at) FROM (
    SELECT p.created_at FROM payouts p JOIN payout_runs r ON r.book_id = p.book_id AND r.id = p.run_id
     WHERE p.book_id = $1 AND p.state = 'created' AND (NOT p.needs_person OR p.released_at IS NOT NULL) AND ` + runSends + `
     LIMIT $2) u`
)

const (
	progressPage = 50_000
	// healthMost bounds what is counted of the payouts that were not sent.
	healthMost = 100_000
)

// Progress says how far the payouts of a run are.
type Progress struct {
	// Sent are those that left, or are over otherwise; the rest is Left, of which Waiting need a second person first.
	Sent, Left, Waiting       int64
	Sending, Unknown, Refused int64
	// Of those sent, InTransit are on their way, Paid have arrived, Failed came back before or after that, and Cancelled were
	// never sent.
	InTransit, Paid, Failed, Cancelled int64
	// DoneAt is when the last will be sent at the pace of the rail, if nothing waits; zero if nothing is left.
	DoneAt time.Time
}

// requestsEach is how many requests sending one payout takes at least: the transfer, reading its entry, and the first look at
// what became of it.
const requestsEach = 3

// Progress returns how far the payouts of a run are. It reads them in pages, so that no reading lasts long.
func (s *Service) Progress(ctx context.Context, book ledger.Book, run string) (p Progress, err error) {
	for after := ""; ; {
		var sent, created, sending, unknown, refused, waiting, transit, paid, failed, cancelled int64
		row := s.pool.QueryRow(ctx, sqlProgress, book.ID, run, after, progressPage)
		if err := row.Scan(&sent, &created, &sending, &unknown, &refused, &waiting, &transit, &paid, &failed, &cancelled); err != nil {
			return Progress{}, err
		}
		p.Sent, p.Left, p.Waiting = p.Sent+sent, p.Left+created+sending+unknown+refused, p.Waiting+waiting
		p.Sending, p.Unknown, p.Refused = p.Sending+sending, p.Unknown+unknown, p.Refused+refused
		p.InTransit, p.Paid, p.Failed, p.Cancelled = p.InTransit+transit, p.Paid+paid, p.Failed+failed, p.Cancelled+cancelled
		if sent+created+sending+unknown+refused < progressPage {
			break
		}
		if err := s.pool.QueryRow(ctx, sqlProgressEnd, book.ID, run, after, progressPage).Scan(&after); err != nil {
			return Progress{}, err
		}
	}
	pace := s.rails[RailConnected].pace()
	for _, name := range s.railNames() {
		pace = min(pace, s.rails[name].pace())
	}
	if n := p.Left - p.Waiting; n > 0 {
		p.DoneAt = s.now().Add(time.Duration(n*requestsEach) * time.Second / time.Duration(pace))
	}
	return p, nil
}

// Health are numbers by which people see that payouts do not go on by themselves.
type Health struct {
	// Unknown are payouts of which it is not known whether they were taken, since OldestUnknown.
	Unknown       int64
	OldestUnknown time.Time
	// AtAccount are payouts that failed and whose money is still at the payee's account.
	AtAccount       int64
	OldestAtAccount time.Time
	// Refused are payouts that the rail did not take; Stuck those of them that need a person.
	Refused, Stuck int64
	// Unsent are payouts that may be sent, counted up to 100,000, the oldest created at OldestUnsent.
	Unsent       int64
	OldestUnsent time.Time
}

// Health returns the numbers of a book.
func (s *Service) Health(ctx context.Context, book ledger.Book) (h Health, err error) {
	var unknown, stuck, unsent *time.Time
	if err := s.pool.QueryRow(ctx, sqlHealth, book.ID).Scan(&h.Unknown, &unknown, &h.AtAccount, &stuck, &h.Refused, &h.Stuck); err != nil {
		return Health{}, err
	}
	if err := s.pool.QueryRow(ctx, sqlHealthUnsent, book.ID, healthMost).Scan(&h.Unsent, &unsent); err != nil {
		return Health{}, err
	}
	h.OldestUnknown, h.OldestAtAccount, h.OldestUnsent = givenTime(unknown), givenTime(stuck), givenTime(unsent)
	return h, nil
}
