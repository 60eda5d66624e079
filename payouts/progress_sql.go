package payouts

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// How far the payouts of a run are, and how the payouts of a book do.

const (
	sqlProgressTotal = `
SELECT r.created_at, coalesce((SELECT sum(t.payouts) FROM payout_run_totals t WHERE t.book_id = r.book_id AND t.run_id = r.id), 0)::bigint
  FROM payout_runs r WHERE r.book_id = $1 AND r.id = $2`

	// Payouts leave in the order of their ids, so that the first say nothing of the rest: some are read from each range of ids.
	sqlProgressSample = `
SELECT p.place, count(*) FROM unnest($4::text[], $5::text[]) w (since, until), LATERAL (
    SELECT CASE WHEN x.state = 'created' AND x.needs_person AND x.released_at IS NULL THEN 'waiting' WHEN x.returned_at IS NOT NULL THEN 'failed'
                WHEN x.state IN ('submitted', 'at_account') THEN 'transit' ELSE x.state END AS place
      FROM payouts x WHERE x.book_id = $1 AND x.run_id = $2 AND x.id >= w.since AND x.id < w.until ORDER BY x.id LIMIT $3) p
 GROUP BY p.place`

	// Each row reads the beginning of an index of its own: of the run what is not sent, of the book what stands in a state.
	sqlProgressFew = `SELECT 'waiting', count(*), count(*) FILTER (WHERE x.waits)` + progressOfRun + `
 UNION ALL SELECT 'created', count(*), count(*) FILTER (WHERE NOT x.waits)` + progressOfRun + `
 UNION ALL ` + progressOfState + `
 UNION ALL SELECT 'failed', count(*), count(*) FILTER (WHERE x.run_id = $2)
  FROM (SELECT p.run_id FROM payouts p WHERE p.book_id = $1 AND (p.state = 'failed' OR p.returned_at IS NOT NULL) AND p.changed_at >= $4 ORDER BY p.changed_at, p.id LIMIT $3) x`

	progressOfRun = `
  FROM (SELECT p.needs_person AND p.released_at IS NULL AS waits FROM payouts p WHERE p.book_id = $1 AND p.run_id = $2 AND p.state = 'created' ORDER BY p.id LIMIT $3) x`
	progressOfState = `SELECT CASE WHEN s.state IN ('submitted', 'at_account') THEN 'transit' ELSE s.state END, c.seen, c.mine
  FROM unnest(ARRAY['sending', 'unknown', 'refused', 'submitted', 'at_account', 'cancelled']) s (state),
       LATERAL (SELECT count(*) AS seen, count(*) FILTER (WHERE x.run_id = $2) AS mine
                  FROM (SELECT p.run_id FROM payouts p WHERE p.book_id = $1 AND p.state = s.state AND p.created_at >= $4 ORDER BY p.created_at, p.id LIMIT $3) x) c`

	// Only payouts that are not over are counted, which an index of their own holds.
	sqlHealth = `
SELECT count(*) FILTER (WHERE p.state = 'unknown'), min(p.changed_at) FILTER (WHERE p.state = 'unknown'),
       count(*) FILTER (WHERE p.state = 'at_account'), min(p.changed_at) FILTER (WHERE p.state = 'at_account'),
       count(*) FILTER (WHERE p.state = 'refused'), count(*) FILTER (WHERE p.state = 'refused' AND p.look_at IS NULL)
  FROM payouts p WHERE p.book_id = $1 AND p.state IN ('unknown', 'at_account', 'refused')`
	// A payout may be sent once a person released it, or all of its run, or else once its run was planned. What is of a run is looked up once.
	sqlHealthUnsent = `
SELECT coalesce(sum(u.n), 0)::bigint,
       min(least(u.released, CASE WHEN u.all_along THEN coalesce(CASE WHEN r.needs <> '{}' THEN coalesce((SELECT a.decided_at FROM approvals a WHERE a.book_id = r.book_id AND a.id = r.approval), r.ended_at) END, r.planned_at, u.created) END))
  FROM (SELECT x.run_id, count(*) AS n, min(x.released_at) AS released, bool_or(x.released_at IS NULL) AS all_along, min(x.created_at) FILTER (WHERE x.released_at IS NULL) AS created
          FROM (SELECT p.run_id, p.released_at, p.created_at FROM payouts p JOIN payout_runs r ON r.book_id = p.book_id AND r.id = p.run_id
                 WHERE p.book_id = $1 AND p.state = 'created' AND (NOT p.needs_person OR p.released_at IS NOT NULL) AND ` + runSends + `
                 LIMIT $2) x
         GROUP BY x.run_id) u
  JOIN payout_runs r ON r.book_id = $1 AND r.id = u.run_id`
)

const (
	// progressSample is how many payouts of a run are looked at, as many in each of progressRanges ranges of their ids. Of a run with
	// more, up to progressFew that stand in a place are counted one by one.
	progressSample = 10_000
	progressRanges = 128
	progressFew    = 5_000
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
	// Estimated says that numbers of places with ProgressExact payouts or more, as it counts them, are told from a part of the payouts, to about one in a hundred. Only the total is exact then.
	Estimated bool
}

// ProgressExact is up to how many payouts in one place Progress counts whatever the size of the run: of those that are not sent yet
// up to so many of the run, of those in any other place as long as the whole book has fewer there of this run and those since. Of a run with up to twice as
// many every number is exact.
const ProgressExact = progressFew

// requestsEach is how many requests sending one payout takes at least: the transfer, reading its entry, and the first look at
// what became of it.
const requestsEach = 3

// Progress returns how far the payouts of a run are. What it reads is bounded, however many the run has.
func (s *Service) Progress(ctx context.Context, book ledger.Book, run string) (Progress, error) {
	return s.progressOf(ctx, book, run, progressSample, progressFew)
}

func (s *Service) progressOf(ctx context.Context, book ledger.Book, run string, sample, few int) (p Progress, err error) {
	var places map[string]int64
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		places, p.Estimated, err = placesTx(ctx, tx, book, run, sample, few)
		return err
	})
	if err != nil {
		return Progress{}, err
	}
	p.Waiting, p.Sending, p.Unknown, p.Refused = places["waiting"], places["sending"], places["unknown"], places["refused"]
	p.InTransit, p.Paid, p.Failed, p.Cancelled = places["transit"], places["paid"], places["failed"], places["cancelled"]
	p.Left = p.Waiting + places["created"] + p.Sending + p.Unknown + p.Refused
	p.Sent = p.InTransit + p.Paid + p.Failed + p.Cancelled
	pace := s.rails[RailConnected].pace()
	for _, name := range s.railNames() {
		pace = min(pace, s.rails[name].pace())
	}
	if n := p.Left - p.Waiting; n > 0 {
		p.DoneAt = s.now().Add(time.Duration(n*requestsEach) * time.Second / time.Duration(pace))
	}
	return p, nil
}

// placesTx counts the payouts of a run by where they stand, and says whether numbers are estimated. The total is kept. Of a run with more
// than the sample, places with few payouts are counted, and the others share what remains as the sample does.
func placesTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, sample, few int) (places map[string]int64, estimated bool, err error) {
	places = map[string]int64{}
	var begun time.Time
	var total int64
	if err := tx.QueryRow(ctx, sqlProgressTotal, book.ID, run).Scan(&begun, &total); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return places, false, nil
		}
		return nil, false, err
	}
	var place string
	var seen, mine int64
	since, until, each := []string{""}, []string{idsEnd}, sample
	if total > int64(sample) {
		since, until = idRanges("po", progressRanges)
		each = max(sample/progressRanges, 1)
	}
	rows, err := tx.Query(ctx, sqlProgressSample, book.ID, run, each, since, until)
	if err != nil {
		return nil, false, err
	}
	looked := map[string]int64{}
	if _, err := pgx.ForEachRow(rows, []any{&place, &seen}, func() error { looked[place] = seen; return nil }); err != nil {
		return nil, false, err
	}
	if total <= int64(sample) {
		return looked, false, nil
	}
	many := map[string]bool{"paid": true}
	if rows, err = tx.Query(ctx, sqlProgressFew, book.ID, run, few, begun); err != nil {
		return nil, false, err
	}
	if _, err := pgx.ForEachRow(rows, []any{&place, &seen, &mine}, func() error {
		if seen >= int64(few) {
			many[place] = true
		}
		places[place] += mine
		return nil
	}); err != nil {
		return nil, false, err
	}
	rest, inSample := total, int64(0)
	for place, n := range places {
		if !many[place] {
			rest -= n
		}
	}
	for place := range many {
		inSample += looked[place]
	}
	return shared(places, many, looked, max(rest, 0), inSample), len(many) > 1, nil
}

// shared gives the places with many payouts what remains of the total, as the sample has them, and none fewer than were counted in it.
// Payouts that arrived take what does not divide.
func shared(places map[string]int64, many map[string]bool, looked map[string]int64, rest, inSample int64) map[string]int64 {
	left := rest
	for _, place := range slices.Sorted(maps.Keys(many)) {
		if place == "paid" {
			continue
		}
		n := places[place]
		if inSample > 0 {
			n = max(n, rest*looked[place]/inSample)
		}
		places[place] = min(n, left)
		left -= places[place]
	}
	places["paid"] = left
	return places
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
	// Unsent are payouts that may be sent, counted up to 100,000, the first of them since OldestUnsent.
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
