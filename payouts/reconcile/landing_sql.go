package reconcile

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/payouts"
)

// Booking what landed, after a run and before suspense: what is known to be own money is no stranger's.

const (
	// transitPage is how many entries of money on its way are read at once, and transitPages how many such pages of an account.
	transitPage  = 5_000
	transitPages = 400
)

const (
	// The open lines of these amounts, in whatever currency. A run leaves no more open than it can carry, so there are no more. Amounts are
	// a list and no table, so that each line looks once whether it has one of them, whatever the statistics say.
	sqlArriving = `
SELECT e.number, e.line_id, e.key, e.currency, e.gross, e.fee, e.net, e.category, e.type, e.source_ref, e.batch, e.trace, e.note, e.rate, e.moved_at
  FROM (SELECT i.a FROM recon_items i
         WHERE i.book_id = $1 AND i.match = $2 AND i.source_id = $3 AND i.open_until IS NULL AND i.side = 'e' AND i.debits - i.credits = ANY ($4::bigint[]) LIMIT $5) i
 CROSS JOIN LATERAL (SELECT x.* FROM evidence_lines x WHERE x.book_id = $1 AND x.source_id = $3 AND x.number = i.a LIMIT 1) e
 ORDER BY e.number`
	sqlTransitAccounts = `
SELECT a.id, a.currency FROM accounts a
 WHERE a.book_id = $1 AND a.address > 'assets:treasury_in_transit:' AND a.address < 'assets:treasury_in_transit:~' ORDER BY a.id LIMIT 1000`
	sqlTransitEntries = `
SELECT y.sequence, y.line, y.amount, y.balance_after, coalesce(t.subject, '')
  FROM (SELECT x.sequence, x.line, x.amount, x.balance_after FROM entries x
         WHERE x.book_id = $1 AND x.account_id = $2 AND x.sequence <= $3 AND (x.sequence, x.line) < ($3, $4) ORDER BY x.sequence DESC, x.line DESC LIMIT $5) y
 CROSS JOIN LATERAL (SELECT x.subject FROM transactions x WHERE x.book_id = $1 AND x.sequence = y.sequence LIMIT 1) t
 ORDER BY y.sequence DESC, y.line DESC`
)

// Arrivals are the open lines of a source that may be arrivals of own money, as they stand now. Of an amount that is on its way all
// open lines and all transfers are looked at; where there are too many to look at, nothing is certain.
func (s *Service) Arrivals(ctx context.Context, book ledger.Book, source Source) ([]Arrival, error) {
	return s.arrivalsWithin(ctx, book, source, transitPage, transitPages)
}

// arrivalsWithin reads so many pages of an account of money on its way.
func (s *Service) arrivalsWithin(ctx context.Context, book ledger.Book, source Source, page, pages int) ([]Arrival, error) {
	match := matchOf(source)
	rules, err := s.RulesAt(ctx, book, s.now())
	if err != nil {
		return nil, err
	}
	waiting, partly, err := s.onTheWay(ctx, book, page, pages)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	amounts := map[sum]bool{}
	var wanted []int64
	for _, w := range waiting {
		if !amounts[w.sum] {
			amounts[w.sum] = true
			wanted = append(wanted, int64(w.amount))
		}
	}
	rows, err := s.pool.Query(ctx, sqlArriving, planNow, book.ID, match, source.ID, wanted, mostCarried)
	if err != nil {
		return nil, err
	}
	var lines []External
	shown := map[sum]bool{}
	if err := scanLines(rows, func(x External) error {
		if is := (sum{x.Currency, x.Net}); amounts[is] {
			lines, shown[is] = append(lines, x), true
		}
		return nil
	}); err != nil || len(lines) == 0 {
		return nil, err
	}
	var sent []commerce.OwnTransfer
	for _, w := range waiting {
		if !shown[w.sum] {
			continue
		}
		t, err := s.events.Transfer(ctx, book, w.subject)
		if err != nil {
			return nil, err
		}
		if !t.Done && source.holds(t.To) {
			sent = append(sent, t)
		}
	}
	if len(sent) == 0 {
		return nil, nil
	}
	all := arrivals(lines, sent, situation{Match: match, Kind: source.Kind, Rules: rules, CutOff: s.now(), Zone: book.Location()})
	for i := range all {
		all[i].Certain = all[i].Certain && !partly[all[i].Currency]
	}
	return all, nil
}

// sum is an amount of a currency.
type sum struct {
	currency money.Currency
	amount   money.Minor
}

// transit is what a subject has on its way.
type transit struct {
	subject string
	sum
}

// onTheWay are the transfers and safeguardings that have not arrived, in the order of their subjects, and the currencies of which there
// may be more.
func (s *Service) onTheWay(ctx context.Context, book ledger.Book, page, pages int) (all []transit, partly map[money.Currency]bool, err error) {
	rows, err := s.pool.Query(ctx, sqlTransitAccounts, book.ID)
	if err != nil {
		return nil, nil, err
	}
	type account struct {
		id       int32
		currency money.Currency
	}
	accounts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a account, err error) { return a, row.Scan(&a.id, &a.currency) })
	if err != nil {
		return nil, nil, err
	}
	partly = map[money.Currency]bool{}
	for _, a := range accounts {
		rests, whole, err := s.restsOf(ctx, book, a.id, page, pages)
		if err != nil {
			return nil, nil, err
		}
		if !whole {
			partly[a.currency] = true
		}
		for subject, rest := range rests {
			if rest > 0 && (strings.HasPrefix(subject, "transfer:") || strings.HasPrefix(subject, "safeguarding:")) {
				all = append(all, transit{subject, sum{a.currency, rest}})
			}
		}
	}
	slices.SortFunc(all, func(a, b transit) int { return strings.Compare(a.subject, b.subject) })
	return all, partly, nil
}

// restsOf is what each subject has left on an account of money on its way, and whether that is the whole. It reads back from the newest
// entry until what it found comes to the balance, beyond which is nothing but what has arrived, or until it read all of its pages.
func (s *Service) restsOf(ctx context.Context, book ledger.Book, account int32, page, pages int) (rests map[string]money.Minor, whole bool, err error) {
	rests = map[string]money.Minor{}
	var balance, found, below money.Minor
	sequence, line := int64(math.MaxInt64), 0
	for n := range pages {
		rows, err := s.pool.Query(ctx, sqlTransitEntries, book.ID, account, sequence, line, page)
		if err != nil {
			return nil, false, err
		}
		read := 0
		var amount, after money.Minor
		var subject string
		if _, err := pgx.ForEachRow(rows, []any{&sequence, &line, &amount, &after, &subject}, func() error {
			if n == 0 && read == 0 {
				balance = after
			}
			read++
			below -= min(rests[subject], 0)
			rests[subject] += amount
			below += min(rests[subject], 0)
			found += amount
			return nil
		}); err != nil {
			return nil, false, err
		}
		if read < page || found == balance && below == 0 {
			return rests, true, nil
		}
	}
	return rests, false, nil
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
