package reconcile

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/payouts/statements"
)

// What R3 looks at as it stands: payouts, suspense, our other books, evidence. Each comparison is made on one short snapshot, so
// that what is posted meanwhile is no difference.

const (
	sqlTransitPage = `
SELECT a.id, a.address, a.currency, coalesce(b.debits - b.credits, 0), a.opened_at
  FROM (SELECT x.id, x.address, x.currency, x.opened_at FROM accounts x
         WHERE x.book_id = $1 AND x.address > 'liabilities:payout_in_transit:' AND x.address < 'liabilities:payout_in_transit:~'
           AND (x.address, x.currency) > ($2, $3) AND x.address >= $2
         ORDER BY x.address, x.currency LIMIT $4) a
  LEFT JOIN LATERAL (SELECT y.debits, y.credits FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
 ORDER BY a.address, a.currency`
	sqlTransitOpen = `
SELECT p.receiver, p.currency, sum(p.amount - p.pulled_back)::bigint FROM payouts p
 WHERE p.book_id = $1 AND p.receiver >= $2 AND p.receiver <= $3
   AND p.state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account')
 GROUP BY p.receiver, p.currency`
	// Receivers of open payouts, and whether the ledger has an account of what is in transit to them at all.
	sqlTransitWithout = `
SELECT g.receiver, g.currency, g.due, g.since,
       EXISTS (SELECT FROM accounts a WHERE a.book_id = $1 AND a.address = 'liabilities:payout_in_transit:' || g.receiver AND a.currency = g.currency)
  FROM (SELECT p.receiver, p.currency, sum(p.amount - p.pulled_back)::bigint AS due, min(p.created_at) AS since FROM payouts p
         WHERE p.book_id = $1 AND (p.receiver, p.currency) > ($2, $3) AND p.receiver >= $2
           AND p.state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account')
         GROUP BY p.receiver, p.currency ORDER BY p.receiver, p.currency LIMIT $4) g
 ORDER BY g.receiver, g.currency`
	// What an account has that no payout is behind: disbursements of donations go the same way. Each is a story of its own.
	sqlTransitStories = `
SELECT coalesce(sum(z.rest), 0)::bigint, coalesce(min(z.since), 'epoch') FROM (
  SELECT sum(y.amount) AS rest, min(t.occurred_at) AS since
    FROM (SELECT x.sequence, x.amount FROM entries x WHERE x.book_id = $1 AND x.account_id = $2 ORDER BY x.sequence DESC, x.line DESC LIMIT 10000) y
    JOIN LATERAL (SELECT x.subject, x.occurred_at FROM transactions x WHERE x.book_id = $1 AND x.sequence = y.sequence LIMIT 1) t ON true
   WHERE t.subject >= 'disbursement:' AND t.subject < 'disbursement;'
   GROUP BY t.subject HAVING sum(y.amount) <> 0) z`
	sqlLastMoved = `
SELECT t.occurred_at FROM (SELECT y.sequence FROM entries y WHERE y.book_id = $1 AND y.account_id = $2 ORDER BY y.sequence DESC LIMIT 1) e
  JOIN LATERAL (SELECT x.occurred_at FROM transactions x WHERE x.book_id = $1 AND x.sequence = e.sequence LIMIT 1) t ON true`
	sqlOnTheWay = `
SELECT p.rail, p.currency, sum(p.amount - p.pulled_back)::bigint FROM payouts p
 WHERE p.book_id = $1 AND p.state IN ('submitted', 'at_account') GROUP BY p.rail, p.currency ORDER BY p.rail, p.currency`
	sqlCashInTransit = `
SELECT a.id, a.address, a.currency, coalesce(b.debits - b.credits, 0), a.opened_at FROM accounts a
  LEFT JOIN balances b ON b.book_id = a.book_id AND b.account_id = a.id
 WHERE a.book_id = $1 AND a.address > 'assets:cash_in_transit:' AND a.address < 'assets:cash_in_transit:~'
 ORDER BY a.address, a.currency LIMIT 10000`
	sqlWaitingPayouts = `
SELECT p.id, p.currency, p.amount - p.pulled_back, coalesce(p.submitted_at, p.created_at), p.trace FROM payouts p
 WHERE p.book_id = $1 AND p.state = $2 AND (p.created_at, p.id) > ($3, $4) ORDER BY p.created_at, p.id LIMIT $5`
	sqlWaitingAfter = `SELECT p.created_at FROM payouts p WHERE p.book_id = $1 AND p.id = $2`
	// A payout that came back is done with once a later one of the same account is on its way.
	sqlCameBack = `
SELECT p.id, p.currency, p.amount, coalesce(p.returned_at, p.changed_at), p.changed_at, p.code FROM payouts p
 WHERE p.book_id = $1 AND (p.state = 'failed' OR p.returned_at IS NOT NULL) AND p.changed_at >= $2 AND (p.changed_at, p.id) > ($3, $4)
   AND NOT EXISTS (SELECT FROM payouts q WHERE q.book_id = $1 AND q.account_id = p.account_id AND q.number > p.number AND q.state NOT IN ('failed', 'cancelled'))
   AND NOT EXISTS (SELECT FROM payouts q WHERE q.book_id = $1 AND q.retry_of = p.id AND q.state NOT IN ('failed', 'cancelled'))
 ORDER BY p.changed_at, p.id LIMIT $5`
	// What one book of ours owes another stands in both, on either side.
	sqlPairs = `
SELECT o.code, p.mine, p.other, a.address, a.currency, sum(coalesce(b.debits - b.credits, 0))::bigint, max(a.opened_at),
       coalesce((SELECT sum(z.debits - z.credits) FROM accounts y JOIN balances z ON z.book_id = y.book_id AND z.account_id = y.id
                  WHERE y.book_id = o.id AND y.address = p.other || m.code AND y.currency = a.currency), 0)::bigint
  FROM books m
 CROSS JOIN (VALUES ('assets:due_from:', 'liabilities:due_to:'), ('liabilities:due_to:', 'assets:due_from:')) p(mine, other)
  JOIN accounts a ON a.book_id = m.id AND a.address > p.mine AND a.address < p.mine || '~'
  JOIN books o ON o.code = substr(a.address, length(p.mine) + 1)
  LEFT JOIN balances b ON b.book_id = a.book_id AND b.account_id = a.id
 WHERE m.id = $1
 GROUP BY m.code, o.id, o.code, p.mine, p.other, a.address, a.currency
 ORDER BY a.address, a.currency LIMIT 10000`
)

// readLive sees what moves on.
func (s *Service) readLive(ctx context.Context, book ledger.Book, in inputs, f *facts) error {
	for _, read := range []func(context.Context, ledger.Book, inputs, *facts) error{
		s.readTransit, s.readTransitWithout, s.readRails, s.readWaiting, s.readReturned, s.readPairs, s.readSuspense, s.readStatements, s.readEvidence,
	} {
		if err := read(ctx, book, in, f); err != nil {
			return err
		}
	}
	return nil
}

type payeeAccount struct {
	id       int32
	receiver string
	address  string
	currency money.Currency
	balance  money.Minor
	opened   time.Time
}

// readTransit holds what is in transit to each receiver against its open payouts (invariant 5).
func (s *Service) readTransit(ctx context.Context, book ledger.Book, _ inputs, f *facts) error {
	last := payeeAccount{address: "liabilities:payout_in_transit:"}
	for {
		var page []payeeAccount
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlTransitPage, book.ID, last.address, string(last.currency), insidePage)
			if err != nil {
				return err
			}
			if page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a payeeAccount, err error) {
				err = row.Scan(&a.id, &a.address, &a.currency, &a.balance, &a.opened)
				a.receiver = strings.TrimPrefix(a.address, "liabilities:payout_in_transit:")
				return a, err
			}); err != nil || len(page) == 0 {
				return err
			}
			if rows, err = tx.Query(ctx, sqlTransitOpen, book.ID, page[0].receiver, page[len(page)-1].receiver); err != nil {
				return err
			}
			open := map[string]money.Minor{}
			var receiver, c string
			var due money.Minor
			if _, err := pgx.ForEachRow(rows, []any{&receiver, &c, &due}, func() error { open[receiver+" "+c] = due; return nil }); err != nil {
				return err
			}
			return seeTransit(ctx, tx, book, page, open, f)
		})
		if err != nil || len(page) < insidePage {
			return err
		}
		last = page[len(page)-1]
	}
}

// readTransitWithout sees open payouts of which nothing is in transit: their receiver has no account.
func (s *Service) readTransitWithout(ctx context.Context, book ledger.Book, _ inputs, f *facts) error {
	var receiver string
	var c money.Currency
	for {
		rows, err := s.pool.Query(ctx, sqlTransitWithout, book.ID, receiver, string(c), insidePage)
		if err != nil {
			return err
		}
		n := 0
		var due money.Minor
		var since time.Time
		var has bool
		if _, err := pgx.ForEachRow(rows, []any{&receiver, &c, &due, &since, &has}, func() error {
			if n++; !has && due != 0 {
				f.see(checkPayouts, "liabilities:payout_in_transit:"+receiver, c, -due, 0, since, true).Left = "open payouts of " + receiver
			}
			return nil
		}); err != nil || n < insidePage {
			return err
		}
	}
}

func seeTransit(ctx context.Context, tx pgx.Tx, book ledger.Book, page []payeeAccount, open map[string]money.Minor, f *facts) error {
	for _, a := range page {
		due := open[a.receiver+" "+string(a.currency)]
		if a.balance == -due {
			continue
		}
		var told money.Minor
		var since time.Time
		if err := tx.QueryRow(ctx, sqlTransitStories, book.ID, a.id).Scan(&told, &since); err != nil {
			return err
		}
		rest := a.balance - told
		if rest == -due {
			continue
		}
		which, at := checkPayouts, a.opened
		if -rest > due {
			which = checkUnattached
			// The newest entry is when it became so at the latest.
			if err := tx.QueryRow(ctx, sqlLastMoved, book.ID, a.id).Scan(&at); err != nil {
				return err
			}
		}
		f.see(which, a.address, a.currency, -due, rest, at, true).Left = "open payouts of " + a.receiver
	}
	return nil
}

// readRails holds what left through each processor or bank and did not arrive against the account in transit.
func (s *Service) readRails(ctx context.Context, book ledger.Book, _ inputs, f *facts) error {
	return s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlCashInTransit, book.ID)
		if err != nil {
			return err
		}
		accounts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a payeeAccount, err error) {
			err = row.Scan(&a.id, &a.address, &a.currency, &a.balance, &a.opened)
			return a, err
		})
		if err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, sqlOnTheWay, book.ID); err != nil {
			return err
		}
		due := map[string]money.Minor{}
		var rail string
		var c money.Currency
		var sum money.Minor
		if _, err := pgx.ForEachRow(rows, []any{&rail, &c, &sum}, func() error {
			due["assets:cash_in_transit:"+s.processorOf(rail)+" "+string(c)] += sum
			return nil
		}); err != nil {
			return err
		}
		for _, a := range accounts {
			at := a.address + " " + string(a.currency)
			want := due[at]
			delete(due, at)
			if a.balance == want {
				continue
			}
			var told money.Minor
			var since time.Time
			if err := tx.QueryRow(ctx, sqlTransitStories, book.ID, a.id).Scan(&told, &since); err != nil {
				return err
			}
			if a.balance-told != want {
				f.see(checkRail, a.address, a.currency, want, a.balance-told, a.opened, true).Left = "payouts on their way"
			}
		}
		for at, want := range due {
			if address, c, _ := strings.Cut(at, " "); want != 0 {
				f.see(checkRail, address, money.Currency(c), want, 0, book.CreatedAt, true).Left = "payouts on their way"
			}
		}
		return nil
	})
}

// processorOf is the segment of the ledger's accounts that a rail's payouts leave through.
func (s *Service) processorOf(rail string) string {
	if s.payouts == nil {
		return rail
	}
	return s.payouts.ProcessorOf(rail)
}

// readWaiting sees the payouts that left and that nobody confirmed; the rules say from when on that is too long.
func (s *Service) readWaiting(ctx context.Context, book ledger.Book, in inputs, f *facts) error {
	rules, err := rulesOf(in.Rules.Document)
	if err != nil {
		return err
	}
	told, err := s.returnsTold(ctx, book)
	if err != nil {
		return err
	}
	x := situation{Match: R3, Rules: rules, CutOff: in.CutOff, Zone: book.Location(), Holiday: holidaysOf(in.Calendar)}
	for _, state := range []string{"unknown", "submitted", "at_account"} {
		after, id := time.Time{}, ""
		for {
			rows, err := s.pool.Query(ctx, sqlWaitingPayouts, book.ID, state, after, id, insidePage)
			if err != nil {
				return err
			}
			n := 0
			var c money.Currency
			var amount money.Minor
			var since time.Time
			var trace string
			if _, err := pgx.ForEachRow(rows, []any{&id, &c, &amount, &since, &trace}, func() error {
				n++
				if !told[id] && !in.CutOff.Before(transitDays(x, since)) {
					y := f.see(checkStale, id, c, 0, amount, since, true)
					y.Left = trace
				}
				return nil
			}); err != nil {
				return err
			}
			if n < insidePage {
				break
			}
			if err := s.pool.QueryRow(ctx, sqlWaitingAfter, book.ID, id).Scan(&after); err != nil {
				return err
			}
		}
	}
	return nil
}

// returnedDays is how far back payouts are looked at that came back and were not followed by another.
const returnedDays = 400

func (s *Service) readReturned(ctx context.Context, book ledger.Book, in inputs, f *facts) error {
	told, err := s.returnsTold(ctx, book)
	if err != nil {
		return err
	}
	after, id := time.Time{}, ""
	for {
		rows, err := s.pool.Query(ctx, sqlCameBack, book.ID, in.CutOff.AddDate(0, 0, -returnedDays), after, id, insidePage)
		if err != nil {
			return err
		}
		n := 0
		var c money.Currency
		var amount money.Minor
		var since time.Time
		var code string
		if _, err := pgx.ForEachRow(rows, []any{&id, &c, &amount, &since, &after, &code}, func() error {
			if n++; !told[id] {
				f.see(checkReturned, id, c, amount, 0, since, true).Left = code
			}
			return nil
		}); err != nil || n < insidePage {
			return err
		}
	}
}

// readPairs holds what our books owe each other against each other (invariant 18). A book of another database cannot be seen.
func (s *Service) readPairs(ctx context.Context, book ledger.Book, _ inputs, f *facts) error {
	rows, err := s.pool.Query(ctx, sqlPairs, book.ID)
	if err != nil {
		return err
	}
	var code, mine, other, address string
	var c money.Currency
	var here, there money.Minor
	var since time.Time
	_, err = pgx.ForEachRow(rows, []any{&code, &mine, &other, &address, &c, &here, &since, &there}, func() error {
		if here != -there {
			f.see(checkPair, address, c, -there, here, since, true).Left = code + " " + other + book.Code
		}
		return nil
	})
	return err
}

func (s *Service) readSuspense(ctx context.Context, book ledger.Book, _ inputs, f *facts) error {
	if s.events == nil {
		return nil
	}
	found, err := s.CheckSuspense(ctx, book)
	if err != nil {
		return err
	}
	for _, x := range found.Findings {
		f.see(checkSuspense, strings.TrimPrefix(x.Identity, "suspense:"), x.Currency, x.Amount, 0, book.CreatedAt, true).Left = "breaks"
	}
	return nil
}

// readStatements sees accounts of which a payee's last statement says something else than the books.
func (s *Service) readStatements(ctx context.Context, book ledger.Book, _ inputs, f *facts) error {
	if s.statements == nil {
		return nil
	}
	return s.statements.Disagreements(ctx, book, func(d statements.Disagreement) error {
		right := string(d.Account)
		if d.Unread != nil {
			right = "unread"
		}
		x := f.see(checkStatements, d.Statement+":"+right, d.Currency, d.Stated, d.Booked, d.IssuedAt, true)
		x.Left, x.Right = d.Statement, right
		return nil
	})
}

// evidenceName is how a source is named in differences of the book itself.
func evidenceName(x Source) string { return string(x.Kind) + ":" + x.Name }

// balanceGapIdentity is the identity of the difference that a source's lines do not come to its balance in a currency.
func balanceGapIdentity(x Source, c money.Currency) string {
	return fact{Check: checkEvidence, Of: evidenceName(x) + ":" + GapBalance, Currency: c}.identity()
}

// readEvidence sees gaps of evidence, and lines of which the source says something else now.
func (s *Service) readEvidence(ctx context.Context, book ledger.Book, in inputs, f *facts) error {
	sources, err := s.Sources(ctx, book)
	if err != nil {
		return err
	}
	for _, source := range sources {
		if source.Kind == KindChannel {
			continue
		}
		name := evidenceName(source)
		gaps, err := s.Completeness(ctx, book, source)
		if err != nil {
			return err
		}
		if source.Kind == KindBank {
			more, err := s.Continuity(ctx, book, source)
			if err != nil {
				return err
			}
			gaps = append(gaps, more...)
		}
		for _, g := range gaps {
			of := name + ":" + g.Kind
			since := in.CutOff
			if !g.Until.IsZero() {
				of, since = of+":"+g.Until.Format(time.DateOnly), dayBegins(book, g.Until)
				if g.Kind == GapContradiction { // several may contradict each other about one day
					for _, n := range g.Receipts {
						of += "." + strconv.FormatInt(n, 10)
					}
				}
			} else if !g.At.IsZero() {
				since = g.At
			}
			f.see(checkEvidence, of, g.Currency, g.Amount, 0, since, true).Left = name
		}
		for after := ""; source.Kind == KindProcessor; {
			page, err := s.payoutsTold(ctx, book, source, after)
			if err != nil {
				return err
			}
			for _, p := range page {
				after = p.id
				seePayout(f, name, p)
			}
			if len(page) < insidePage {
				break
			}
		}
		if err := s.readChanged(ctx, book, in, source, name, f); err != nil {
			return err
		}
	}
	return nil
}
