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
	sqlProvePage = `
SELECT p.run_id, p.id, p.currency, p.amount, p.fee
  FROM payouts p WHERE p.book_id = $1 AND (p.run_id, p.id) > ($2, $3) ORDER BY p.run_id, p.id LIMIT $4`
	// What is open is added up once for the page: asked for receiver by receiver, a table whose statistics are those of a day
	// without payouts has all of them read for each.
	sqlInTransit = `
WITH page AS MATERIALIZED (
    SELECT x.id, x.address, substr(x.address, $5) AS receiver, x.currency FROM accounts x
     WHERE x.book_id = $1 AND x.address >= $2 AND x.address < $3 AND (x.address, x.currency) > ($4, $6) ORDER BY x.address, x.currency LIMIT $7),
opened AS MATERIALIZED (
    SELECT p.receiver, p.currency, sum(p.amount - p.pulled_back)::bigint AS amount FROM payouts p
     WHERE p.book_id = $1 AND p.state IN ('created', 'sending', 'unknown', 'refused', 'submitted', 'at_account')
       AND p.receiver >= (SELECT min(g.receiver) FROM page g) AND p.receiver <= (SELECT max(g.receiver) FROM page g)
     GROUP BY p.receiver, p.currency)
SELECT a.address, a.currency, coalesce(b.credits - b.debits, 0), coalesce(o.amount, 0)
  FROM page a
  LEFT JOIN LATERAL (SELECT y.debits, y.credits FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
  LEFT JOIN opened o ON o.receiver = a.receiver AND o.currency = a.currency
 ORDER BY a.address, a.currency`
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
	prefix := string(inTransit(""))
	address, currency := prefix, ""
	for {
		seen := 0
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlInTransit, book.ID, prefix, prefix+"\x7f", address, len(prefix)+1, currency, verifyPage)
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x struct{}, err error) {
				var balance, open money.Minor
				if err = r.Scan(&address, &currency, &balance, &open); err != nil {
					return x, err
				}
				seen++
				proof.Accounts++
				switch {
				case balance > open:
					proof.Unattached++
				case balance < open:
					proof.find(address+" "+currency, "it holds less than its open payouts")
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
