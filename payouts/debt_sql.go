package payouts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Finding who owes, and the rows of debts.

const (
	sqlOwingPage = `
SELECT a.address, a.currency, coalesce(b.credits - b.debits, 0), coalesce(b.last_sequence, 0)
  FROM (SELECT x.id, x.address, x.currency FROM accounts x
         WHERE x.book_id = $1 AND x.address >= $2 AND x.address < $3 AND (x.address, x.currency) > ($4, $5)
         ORDER BY x.address, x.currency LIMIT $6) a
  LEFT JOIN LATERAL (SELECT y.debits, y.credits, y.last_sequence FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
 ORDER BY a.address, a.currency`

	sqlHeld = `
SELECT coalesce(b.credits - b.debits, 0), coalesce(b.last_sequence, 0)
  FROM unnest($2::text[]) WITH ORDINALITY AS w (address, n)
  LEFT JOIN LATERAL (SELECT x.id FROM accounts x WHERE x.book_id = $1 AND x.address = w.address AND x.currency = $3 LIMIT 1) a ON true
  LEFT JOIN LATERAL (SELECT y.debits, y.credits, y.last_sequence FROM balances y WHERE y.book_id = $1 AND y.account_id = a.id LIMIT 1) b ON true
 ORDER BY w.n`
)

// accountNow is what an account holds now, in its owner's favour.
type accountNow struct {
	address  ledger.Address
	currency money.Currency
	amount   money.Minor
	sequence int64
}

// accountsPage is a page of the accounts whose addresses begin so, after one of them.
func (s *Service) accountsPage(ctx context.Context, book ledger.Book, prefix string, after accountNow, limit int) ([]accountNow, error) {
	rows, err := s.pool.Query(ctx, sqlOwingPage, book.ID, prefix, prefix+"\x7f", string(after.address), string(after.currency), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a accountNow, err error) {
		return a, row.Scan(&a.address, &a.currency, &a.amount, &a.sequence)
	})
}

// owingNow reads what a holder has now.
func (s *Service) owingNow(ctx context.Context, book ledger.Book, h Holder) (o owing, err error) {
	o.Holder = h
	to := []*money.Minor{&o.available, &o.reserve, &o.dispute, &o.pending}
	addresses := []string{string(h.available()), string(h.bucket("reserve")), string(h.bucket("dispute_hold")), string(h.bucket("pending"))}
	if h.Kind == KindSeller {
		to, addresses = append(to, &o.deposit), append(addresses, "liabilities:seller_deposit:"+h.ID)
	}
	rows, err := s.pool.Query(ctx, sqlHeld, book.ID, addresses, string(h.Currency))
	if err != nil {
		return o, err
	}
	var amount money.Minor
	var sequence int64
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&amount, &sequence}, func() error {
		if *to[n] = amount; n == 0 {
			o.sequence = sequence
		}
		n++
		return nil
	})
	return o, err
}

// ownedBy is what the owner of a shop has agreed to.
type ownedBy struct{ payee, owner, setOff string }

// ownerOf reads the last standing of a payee; the zero value if it has none.
func (s *Service) ownerOf(ctx context.Context, book ledger.Book, payee string) (o ownedBy, err error) {
	list, err := s.owners(ctx, `
		SELECT x.payee, x.owner, x.set_off FROM payout_standings x
		 WHERE x.book_id = $1 AND x.payee = $2 ORDER BY x.version DESC LIMIT 1`, book.ID, payee)
	if len(list) > 0 {
		o = list[0]
	}
	return o, err
}

// shopsOf are the shops of an owner other than one, as their last standings say, without those that a hold stands against.
func (s *Service) shopsOf(ctx context.Context, book ledger.Book, owner, other string, limit int) ([]ownedBy, error) {
	return s.owners(ctx, `
		SELECT k.payee, v.owner, v.set_off
		  FROM (SELECT DISTINCT x.payee FROM payout_standings x WHERE x.book_id = $1 AND x.owner = $2 AND x.owner <> '' AND x.payee <> $3) k
		 CROSS JOIN LATERAL (SELECT y.owner, y.set_off FROM payout_standings y
		                      WHERE y.book_id = $1 AND y.payee = k.payee ORDER BY y.version DESC LIMIT 1) v
		 WHERE v.owner = $2 AND v.set_off <> ''
		   AND NOT EXISTS (SELECT FROM payout_holds h WHERE h.book_id = $1 AND h.payee = k.payee AND h.released_at IS NULL)
		 ORDER BY k.payee
		 LIMIT $4`, book.ID, owner, other, limit)
}

func (s *Service) owners(ctx context.Context, sql string, args ...any) ([]ownedBy, error) {
	rows, err := s.pool.Query(ctx, sql, args...) // every statement handed in mentions book_id
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o ownedBy, err error) {
		return o, row.Scan(&o.payee, &o.owner, &o.setOff)
	})
}

// frozen reports whether a hold of everything stands against a payee.
func (s *Service) frozen(ctx context.Context, book ledger.Book, key PayeeKey) (yes bool, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM payout_holds h
		                WHERE h.book_id = $1 AND h.payee = $2 AND h.kind = $3 AND h.effect = 'everything' AND h.released_at IS NULL)`,
		book.ID, key.ID, key.Kind).Scan(&yes)
	return yes, err
}

const debtColumns = `d.kind, d.payee, d.currency, d.amount, d.since, d.stage, d.tried, d.tried_at, d.looked_at`

func scanDebt(row pgx.CollectableRow) (d Debt, err error) {
	var tried *time.Time
	err = row.Scan(&d.Kind, &d.ID, &d.Currency, &d.Amount, &d.Since, &d.Stage, &d.Tried, &tried, &d.LookedAt)
	d.Since, d.TriedAt, d.LookedAt = d.Since.UTC(), timeOf(tried), d.LookedAt.UTC()
	return d, err
}

// keepDebtTx writes what was found of a debt.
func (s *Service) keepDebtTx(ctx context.Context, tx pgx.Tx, book ledger.Book, d Debt) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO payout_debts (book_id, kind, payee, currency, since, amount, stage, tried_at, tried, looked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		    ON CONFLICT ON CONSTRAINT payout_debts_pkey DO UPDATE
		   SET since = excluded.since, amount = excluded.amount, stage = excluded.stage, tried_at = excluded.tried_at,
		       tried = excluded.tried, looked_at = excluded.looked_at`,
		book.ID, d.Kind, d.ID, string(d.Currency), d.Since, int64(d.Amount), d.Stage, nullTime(d.TriedAt), orNone(d.Tried), d.LookedAt)
	return err
}

// orNone is the list as the database wants it.
func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// debtsIn are the debts of a kind whose payees and currencies stand in a stretch of the walk, after one place and up to
// another; without an end, all that follow.
func (s *Service) debtsIn(ctx context.Context, book ledger.Book, kind string, after, to Holder) ([]Debt, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+debtColumns+` FROM payout_debts d
		 WHERE d.book_id = $1 AND d.kind = $2 AND (d.payee, d.currency) > ($3, $4) AND ($5 = '' OR (d.payee, d.currency) <= ($5, $6))
		 ORDER BY d.payee, d.currency`, book.ID, kind, after.ID, string(after.Currency), to.ID, string(to.Currency))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDebt)
}

// paidTx forgets a debt that is no more.
func (s *Service) paidTx(ctx context.Context, tx pgx.Tx, book ledger.Book, h Holder) error {
	_, err := tx.Exec(ctx, `DELETE FROM payout_debts d WHERE d.book_id = $1 AND d.kind = $2 AND d.payee = $3 AND d.currency = $4`,
		book.ID, h.Kind, h.ID, string(h.Currency))
	return err
}

// debtsAfter is a page of debts, the oldest first.
func (s *Service) debtsAfter(ctx context.Context, book ledger.Book, after Debt, limit int) ([]Debt, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+debtColumns+` FROM payout_debts d
		 WHERE d.book_id = $1 AND (d.since, d.kind, d.payee, d.currency) > ($2, $3, $4, $5)
		 ORDER BY d.since, d.kind, d.payee, d.currency LIMIT $6`, book.ID, after.Since, after.Kind, after.ID, string(after.Currency), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDebt)
}

// holderOf reads whose account of a bucket this is.
func holderOf(a ledger.Address, c money.Currency) (Holder, bool) {
	part := strings.Split(string(a), ":")
	if len(part) != 4 || part[0] != "liabilities" || !slices.Contains(earningKinds, part[1]) {
		return Holder{}, false
	}
	return Holder{PayeeKey{part[1], part[3]}, c}, true
}
