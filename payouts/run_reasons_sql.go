package payouts

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How many payees a run does not pay for which reason. That is added up as the run is planned: nobody has to read a million
// decisions to look at a run.

const (
	sqlCountReasons = `
INSERT INTO payout_run_reasons AS t (book_id, run_id, currency, reason, payees, named_first, amount)
SELECT $1, $2, w.currency, w.reason, w.payees, w.named_first, w.amount
  FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) AS w (currency, reason, payees, named_first, amount)
    ON CONFLICT ON CONSTRAINT payout_run_reasons_pkey DO UPDATE SET payees = t.payees + excluded.payees, named_first = t.named_first + excluded.named_first, amount = t.amount + excluded.amount`
	sqlRunReasons = `
SELECT t.currency, t.reason, t.payees, t.amount FROM payout_run_reasons t
 WHERE t.book_id = $1 AND t.run_id = $2 ORDER BY t.currency, t.payees DESC, t.reason LIMIT $3`
	// A run that a process without these counts planned, whole or in part, has decisions that nobody counted.
	sqlReasonsWhole = `
SELECT coalesce((SELECT r.skipped FROM payout_runs r WHERE r.book_id = $1 AND r.id = $2), 0) =
       coalesce((SELECT sum(t.named_first) FROM payout_run_reasons t WHERE t.book_id = $1 AND t.run_id = $2), 0)`
)

// RunReason says how many payees a run does not pay in a currency for a reason.
type RunReason struct {
	Currency money.Currency
	Reason   string
	// Payees counts decisions not to pay that name the reason; one that names several counts under each of them.
	Payees int64
	// Amount is what could have been paid to them at most, in minor units.
	Amount money.Minor
}

// countReasonsTx adds the reasons of decisions not to pay to those of their run.
func countReasonsTx(ctx context.Context, tx pgx.Tx, book ledger.Book, run string, list []candidate) error {
	type key struct {
		currency money.Currency
		code     string
	}
	type count struct {
		RunReason
		first int64
	}
	counted := map[key]*count{}
	for i := range list {
		c := &list[i]
		d := &c.decision
		if d.Verdict != VerdictSkip {
			continue
		}
		seen := map[string]bool{}
		for i, r := range d.Reasons {
			if seen[r.Code] {
				continue
			}
			seen[r.Code] = true
			k := key{c.Currency, r.Code}
			if counted[k] == nil {
				counted[k] = &count{RunReason: RunReason{Currency: k.currency, Reason: k.code}}
			}
			counted[k].Payees++
			if i == 0 {
				counted[k].first++
			}
			counted[k].Amount += d.Basis
		}
	}
	if len(counted) == 0 {
		return nil
	}
	var currencies, codes []string
	var payees, first, amounts []int64
	// In one order, so that two transactions never wait for each other.
	keys := slices.SortedFunc(maps.Keys(counted), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.code, b.code))
	})
	for _, k := range keys {
		r := counted[k]
		currencies, codes = append(currencies, string(r.Currency)), append(codes, r.Reason)
		payees, first, amounts = append(payees, r.Payees), append(first, r.first), append(amounts, int64(r.Amount))
	}
	_, err := tx.Exec(ctx, sqlCountReasons, book.ID, run, currencies, codes, payees, first, amounts)
	return err
}

// RunReasons returns why a run does not pay, by currency, the reason of most payees first, at most 1,000. Whole is false of a run
// of which not every decision was counted: what is missing is not known then, and there is no list.
func (s *Service) RunReasons(ctx context.Context, book ledger.Book, run string) (list []RunReason, whole bool, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		list = nil
		if err := tx.QueryRow(ctx, sqlReasonsWhole, book.ID, run).Scan(&whole); err != nil || !whole {
			return err
		}
		rows, err := tx.Query(ctx, sqlRunReasons, book.ID, run, maxListed)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x RunReason, err error) {
			err = r.Scan(&x.Currency, &x.Reason, &x.Payees, &x.Amount)
			return x, err
		})
		return err
	})
	return list, whole && err == nil, err
}
