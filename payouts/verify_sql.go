package payouts

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Proving payouts (invariant I8), page by page and without locks: every payout is the sum of its lines, every run is the sum
// of its payouts, and what is in transit is what is open.

const (
	sqlProvePayouts = `
SELECT p.id, p.account_id, p.number, p.consumed_from, p.consumed_through, p.amount + p.fee, p.left_after,
       coalesce(q.consumed_through, 0), q.consumed_through IS NOT NULL OR p.number = 1,
       coalesce(e.amount, 0), coalesce(e.debits_after, 0), coalesce(-e.balance_after, 0), coalesce(e.lines, 0)
  FROM (SELECT * FROM payouts x WHERE x.book_id = $1 AND (x.account_id, x.number) > ($2, $3) ORDER BY x.account_id, x.number LIMIT $4) p
  LEFT JOIN LATERAL (SELECT x.consumed_through FROM payouts x WHERE x.book_id = $1 AND x.account_id = p.account_id AND x.number = p.number - 1 LIMIT 1) q ON true
  LEFT JOIN LATERAL (SELECT sum(x.amount)::bigint AS amount, max(x.debits_after) AS debits_after, (array_agg(x.balance_after ORDER BY x.line DESC))[1] AS balance_after, count(*) AS lines
                       FROM entries x WHERE x.book_id = $1 AND x.account_id = p.account_id AND x.sequence = p.created_sequence) e ON true
 ORDER BY p.account_id, p.number`
	// What of a payout's life the books have, each under the reference that it has for ever, and whether its destination is where it goes.
	sqlProveStates = `
SELECT p.id, p.state, p.returned_at IS NOT NULL, d.account IS NOT NULL, coalesce(string_agg(split_part(k.reference, ':', 1), ' ' ORDER BY k.n), '')
  FROM (SELECT x.id, x.state, x.returned_at, x.destination, x.rail, x.rail_account FROM payouts x WHERE x.book_id = $1 AND x.id > $2 ORDER BY x.id LIMIT $3) p
  LEFT JOIN LATERAL (
       SELECT e.n, r.reference FROM unnest(ARRAY['payout.submitted', 'payout.paid', 'payout.failed', 'payout.cancelled', 'payout.returned']) WITH ORDINALITY e (name, n)
         JOIN LATERAL (SELECT y.reference FROM transaction_references y WHERE y.book_id = $1 AND y.reference = e.name || ':' || p.id LIMIT 1) r ON true) k ON true
  LEFT JOIN LATERAL (SELECT y.account FROM payout_destinations y WHERE y.book_id = $1 AND y.id = p.destination AND y.rail = p.rail AND y.account = p.rail_account LIMIT 1) d ON true
 GROUP BY p.id, p.state, p.returned_at, d.account ORDER BY p.id`
	sqlProvePage = `
SELECT p.run_id, p.id, p.currency, p.amount, p.fee
  FROM payouts p WHERE p.book_id = $1 AND (p.run_id, p.id) > ($2, $3) ORDER BY p.run_id, p.id LIMIT $4`
	sqlInTransit = `
SELECT substr(a.address, $5), a.currency, coalesce(b.credits - b.debits, 0)
  FROM (SELECT x.id, x.address, x.currency FROM accounts x
         WHERE x.book_id = $1 AND x.address >= $2 AND x.address < $3 AND (x.address, x.currency) > ($4, $6) AND x.address >= $4
         ORDER BY x.address, x.currency LIMIT $7) a
  LEFT JOIN LATERAL (SELECT y.debits, y.credits FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
 ORDER BY a.address, a.currency`
	sqlOpenBetween = `
SELECT p.receiver, p.currency, sum(p.amount - p.pulled_back)::bigint FROM payouts p
 WHERE p.book_id = $1 AND p.receiver >= $2 AND p.receiver <= $3
   AND p.state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account')
 GROUP BY p.receiver, p.currency`
)

// Broken is something about payouts that does not hold.
type Broken struct {
	// Object is the payout, the run or the account; What says what is wrong with it.
	Object, What string
}

// Proof is the outcome of Verify.
type Proof struct {
	Payouts, Accounts int64
	Broken            []Broken
	// Unattached are accounts in transit that hold more than their open payouts: money that waits for a payout to be made.
	Unattached int64
}

// Sound reports whether everything holds.
func (p *Proof) Sound() bool { return len(p.Broken) == 0 }

// maxBroken bounds what is listed.
const maxBroken = 1_000

const verifyPage = 1_000

func (p *Proof) find(object, what string) {
	if len(p.Broken) < maxBroken {
		p.Broken = append(p.Broken, Broken{object, what})
	}
}

// Verify proves the payouts of a book. Each page is read on one snapshot, so that what is
// posted meanwhile is no difference.
func (s *Service) Verify(ctx context.Context, book ledger.Book) (*Proof, error) {
	proof := &Proof{}
	if err := s.proveLines(ctx, book, proof); err != nil {
		return nil, err
	}
	if err := s.proveStates(ctx, book, proof); err != nil {
		return nil, err
	}
	if err := s.proveRuns(ctx, book, proof); err != nil {
		return nil, err
	}
	return proof, s.proveTransit(ctx, book, proof)
}

// proveLines proves that each payout takes what its entry took, and begins where the one before has ended. By the entries'
// own sums, which the ledger proves, its lines then sum to it.
func (s *Service) proveLines(ctx context.Context, book ledger.Book, proof *Proof) error {
	var account int32
	number := 0
	for {
		seen := 0
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlProvePayouts, book.ID, account, number, verifyPage)
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x struct{}, err error) {
				var id string
				var from, through, gross, left, before, taken, debits, rest money.Minor
				var follows bool
				var lines int64
				if err = r.Scan(&id, &account, &number, &from, &through, &gross, &left, &before, &follows, &taken, &debits, &rest, &lines); err != nil {
					return x, err
				}
				seen++
				proof.Payouts++
				switch {
				case !follows || from != before:
					proof.find(id, "it does not begin where the payout before it ends")
				case lines != 1 || taken != gross:
					proof.find(id, "the ledger took another amount for it")
				case debits != through || rest != left:
					proof.find(id, "it does not end where its entry does")
				case left < 0 || through-from < gross:
					proof.find(id, "its lines cannot sum to it")
				}
				return x, nil
			})
			return err
		})
		if err != nil || seen < verifyPage {
			return err
		}
	}
}

// postedOf is what the books have of a payout in each state, in the order of its life. A payout whose state says more than the books
// was not paid, though it seems to be; one whose state says less could be sent although its money went back.
var postedOf = map[string]string{
	Created: "", Sending: "", Unknown: "", Refused: "", Cancelled: "payout.cancelled", Submitted: "payout.submitted", AtAccount: "payout.submitted",
	Paid: "payout.submitted payout.paid", Failed: "payout.submitted payout.failed",
}

// proveStates proves that each payout is as far as the books say: a state and what it posts are of one transaction. And that it goes to the
// account of its destination, which no act changes.
func (s *Service) proveStates(ctx context.Context, book ledger.Book, proof *Proof) error {
	for id := ""; ; {
		seen := 0
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlProveStates, book.ID, id, verifyPage)
			if err != nil {
				return err
			}
			var state, posted string
			var returned, decided bool
			_, err = pgx.ForEachRow(rows, []any{&id, &state, &returned, &decided, &posted}, func() error {
				seen++
				if !decided {
					proof.find(id, "it is sent to another account than its destination's")
				}
				due := postedOf[state]
				if returned {
					due += " payout.returned"
				}
				if posted != due {
					proof.find(id, "it is "+state+", and the books say otherwise")
				}
				return nil
			})
			return err
		})
		if err != nil || seen < verifyPage {
			return err
		}
	}
}

// proveRuns proves that the totals of each run are those of its payouts.
func (s *Service) proveRuns(ctx context.Context, book ledger.Book, proof *Proof) error {
	type key struct {
		run      string
		currency money.Currency
	}
	sums := map[key]*RunTotals{}
	var order []key
	run, id := "", ""
	settle := func(upTo string) error {
		for len(order) > 0 && (upTo == "" || order[0].run < upTo) {
			k := order[0]
			if err := s.proveRun(ctx, book, proof, k.run, k.currency, *sums[k]); err != nil {
				return err
			}
			delete(sums, k)
			order = order[1:]
		}
		return nil
	}
	for {
		seen := 0
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlProvePage, book.ID, run, id, verifyPage)
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x struct{}, err error) {
				var k key
				var amount, fee money.Minor
				if err = r.Scan(&k.run, &id, &k.currency, &amount, &fee); err != nil {
					return x, err
				}
				seen++
				run = k.run
				if sums[k] == nil {
					sums[k], order = &RunTotals{}, append(order, k)
				}
				sums[k].Payouts++
				sums[k].Amount += amount
				sums[k].Fee += fee
				return x, nil
			})
			return err
		})
		if err != nil {
			return err
		}
		if seen < verifyPage {
			return settle("")
		}
		if err := settle(run); err != nil {
			return err
		}
	}
}

// proveRun compares a run's totals with the sum of its payouts. A run that is being planned may be ahead.
func (s *Service) proveRun(ctx context.Context, book ledger.Book, proof *Proof, id string, c money.Currency, sum RunTotals) error {
	run, err := s.Run(ctx, book, id)
	if err != nil {
		return err
	}
	totals, err := s.Totals(ctx, book, id)
	if err != nil {
		return err
	}
	if run.State == RunPlanning {
		return nil
	}
	for _, t := range totals {
		if t.Currency == c && t.Payouts == sum.Payouts && t.Amount == sum.Amount && t.Fee == sum.Fee {
			return nil
		}
	}
	proof.find(id, fmt.Sprintf("its total in %s is not the sum of its payouts", c))
	return nil
}

// proveTransit proves that what is in transit to each receiver is what its open payouts have. More is money whose payout was
// not made yet; less is missing.
func (s *Service) proveTransit(ctx context.Context, book ledger.Book, proof *Proof) error {
	var last transitRow
	for {
		var page []transitRow
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) (err error) {
			var open map[transitKey]money.Minor
			if page, open, err = transitPageTx(ctx, tx, book, last); err != nil {
				return err
			}
			for _, row := range page {
				proof.Accounts++
				switch due := open[row.transitKey]; {
				case row.balance > due:
					proof.Unattached++
				case row.balance < due:
					proof.find(string(inTransit(row.receiver))+" "+row.currency, "it holds less than its open payouts")
				}
			}
			return nil
		})
		if err != nil || len(page) < verifyPage {
			return err
		}
		last = page[len(page)-1]
	}
}

// transitKey is a receiver in a currency, transitRow with what is in transit to it.
type transitKey struct{ receiver, currency string }

type transitRow struct {
	transitKey
	balance money.Minor
}

// transitPageTx reads a page of accounts in transit, and what the open payouts of their receivers have.
func transitPageTx(ctx context.Context, tx pgx.Tx, book ledger.Book, after transitRow) ([]transitRow, map[transitKey]money.Minor, error) {
	prefix := string(inTransit(""))
	rows, err := tx.Query(ctx, sqlInTransit, book.ID, prefix, prefix+"\x7f", prefix+after.receiver, len(prefix)+1, after.currency, verifyPage)
	if err != nil {
		return nil, nil, err
	}
	page, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (x transitRow, err error) {
		err = r.Scan(&x.receiver, &x.currency, &x.balance)
		return x, err
	})
	if err != nil || len(page) == 0 {
		return nil, nil, err
	}
	if rows, err = tx.Query(ctx, sqlOpenBetween, book.ID, page[0].receiver, page[len(page)-1].receiver); err != nil {
		return nil, nil, err
	}
	open := map[transitKey]money.Minor{}
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x struct{}, err error) {
		var k transitKey
		var due money.Minor
		err = r.Scan(&k.receiver, &k.currency, &due)
		open[k] = due
		return x, err
	})
	return page, open, err
}
