package reconcile

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/payouts"
)

// Booking what landed, after a run and before suspense: what is known to be own money is no stranger's.

// mostArriving bounds the open lines and the transfers that are looked at.
const mostArriving = 5_000

const (
	sqlArriving = `
SELECT e.number, e.line_id, e.key, e.currency, e.gross, e.fee, e.net, e.category, e.type, e.source_ref, e.batch, e.trace, e.note, e.rate, e.moved_at
  FROM (SELECT i.a FROM recon_items i
         WHERE i.book_id = $1 AND i.match = $2 AND i.source_id = $3 AND i.open_until IS NULL AND i.side = 'e' AND i.debits > i.credits ORDER BY i.a DESC LIMIT $4) i
 CROSS JOIN LATERAL (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $3 AND x.number = i.a LIMIT 1) e
 ORDER BY e.number`
	sqlOnTheWayOwn = `
SELECT DISTINCT z.subject FROM (
  SELECT t.subject, sum(y.amount) AS rest
    FROM accounts a
   CROSS JOIN LATERAL (SELECT x.sequence, x.amount FROM entries x WHERE x.book_id = $1 AND x.account_id = a.id ORDER BY x.sequence DESC, x.line DESC LIMIT $2) y
    JOIN LATERAL (SELECT x.subject FROM transactions x WHERE x.book_id = $1 AND x.sequence = y.sequence LIMIT 1) t ON true
   WHERE a.book_id = $1 AND a.address > 'assets:treasury_in_transit:' AND a.address < 'assets:treasury_in_transit:~' AND t.subject IS NOT NULL
   GROUP BY t.subject, a.currency) z
 WHERE z.rest > 0 ORDER BY z.subject LIMIT $2`
)

// Arrivals are the open lines of a source that may be arrivals of own money, as they stand now.
func (s *Service) Arrivals(ctx context.Context, book ledger.Book, source Source) ([]Arrival, error) {
	match := matchOf(source)
	rules, err := s.RulesAt(ctx, book, s.now())
	if err != nil {
		return nil, err
	}
	var lines []External
	rows, err := s.pool.Query(ctx, sqlArriving, book.ID, match, source.ID, mostArriving)
	if err != nil {
		return nil, err
	}
	if err := scanLines(rows, func(x External) error { lines = append(lines, x); return nil }); err != nil || len(lines) == 0 {
		return nil, err
	}
	sent, err := s.sentTo(ctx, book, source)
	if err != nil || len(sent) == 0 {
		return nil, err
	}
	return arrivals(lines, sent, situation{Match: match, Kind: source.Kind, Rules: rules, CutOff: s.now(), Zone: book.Location()}), nil
}

// sentTo are the transfers on their way to an account of the source.
func (s *Service) sentTo(ctx context.Context, book ledger.Book, source Source) (list []commerce.OwnTransfer, err error) {
	rows, err := s.pool.Query(ctx, sqlOnTheWayOwn, book.ID, mostArriving)
	if err != nil {
		return nil, err
	}
	subjects, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for _, subject := range subjects {
		if !strings.HasPrefix(subject, "transfer:") && !strings.HasPrefix(subject, "safeguarding:") {
			continue
		}
		t, err := s.events.Transfer(ctx, book, subject)
		if err != nil {
			return nil, err
		}
		if !t.Done && source.holds(t.To) {
			list = append(list, t)
		}
	}
	return list, nil
}

// holds reports whether an account is one of the source's.
func (x Source) holds(address ledger.Address) bool {
	if x.Kind == KindProcessor {
		return address == ledger.Address("assets:processor:available:"+x.Name)
	}
	for _, a := range x.Settings.Accounts {
		if a == address {
			return true
		}
	}
	return false
}

// Landings is what Land did.
type Landings struct {
	// Landed counts what was booked, Suggested what may be one of several.
	Landed, Suggested int
}

// Land books as landed what is certain, if the rules say so. Each is a transaction of its own and is booked once, however often this
// is called: the event is named after the transfer. What the books refuse, because it was booked meanwhile, is left alone. A
// line that waits in suspense already is taken out of it by the event itself.
func (s *Service) Land(ctx context.Context, turn payouts.Turn, book ledger.Book, source Source) (out Landings, err error) {
	rules, err := s.RulesAt(ctx, book, s.now())
	if err != nil {
		return out, err
	}
	all, err := s.Arrivals(ctx, book, source)
	if err != nil {
		return out, err
	}
	for _, a := range all {
		if !a.Certain || !rules.Land {
			out.Suggested++
			continue
		}
		done, err := s.land(ctx, turn, book, a)
		if err != nil {
			return out, err
		}
		if done {
			out.Landed++
		}
	}
	return out, nil
}

func (s *Service) land(ctx context.Context, turn payouts.Turn, book ledger.Book, a Arrival) (done bool, err error) {
	t, err := s.events.Transfer(ctx, book, a.Transfers[0])
	if err != nil || t.Done || t.Amount != a.Amount || t.Currency != a.Currency {
		return false, err
	}
	data := t.Landed(a.Key)
	event := commerce.Event{Type: landedType(data), Reference: "recon:landed:" + t.Subject, OccurredAt: a.MovedAt, Data: data}
	if a.MovedAt.Before(t.SentAt) { // a bank's day begins before the hour at which it left
		event.OccurredAt = t.SentAt
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if turn.Check != nil {
			if err := turn.Check(ctx, tx); err != nil {
				return err
			}
		}
		results, err := s.events.PostTx(ctx, tx, book, []commerce.Event{event})
		if err == nil {
			err = results[0].Err
			done = !results[0].Replayed
		}
		return err
	})
	if isRefusal(err) {
		return false, nil
	}
	return done && err == nil, err
}

func landedType(d commerce.EventData) string {
	switch d.(type) {
	case *commerce.SafeguardLanded:
		return "donation.safeguard_landed"
	case *commerce.TopupLanded:
		return "processor.topup_landed"
	}
	return "treasury.landed"
}
