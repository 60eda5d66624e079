package statements

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Reading a payee's accounts. Every statement probes for each account by the key of its entries, so that a page costs a page however
// much others have, and no reading takes long.

const (
	// The accounts of a payee by their addresses, and by what their addresses begin with: those for campaigns.
	sqlAccounts = `
SELECT a.id, a.address, y.last_sequence
  FROM (SELECT x.id, x.address FROM unnest($2::text[]) AS p (address)
         CROSS JOIN LATERAL (SELECT z.id, z.address FROM accounts z WHERE z.book_id = $1 AND z.address = p.address AND z.currency = $4 LIMIT 1) x
         UNION ALL
        SELECT x.id, x.address FROM unnest($3::text[]) AS p (prefix)
         CROSS JOIN LATERAL (SELECT z.id, z.address FROM accounts z
                              WHERE z.book_id = $1 AND z.address > p.prefix AND z.address < p.prefix || '~' AND z.currency = $4
                              ORDER BY z.address, z.currency LIMIT $5) x) a
 CROSS JOIN LATERAL (SELECT b.last_sequence FROM balances b WHERE b.book_id = $1 AND b.account_id = a.id LIMIT 1) y
 ORDER BY a.address`

	// With the place of the last account of a currency among those of its path, which tells whether all were looked at.
	sqlCurrencies = `
SELECT a.currency, max(a.place)
  FROM (SELECT x.currency, 0 AS place FROM unnest($2::text[]) AS p (address)
         CROSS JOIN LATERAL (SELECT z.currency FROM accounts z WHERE z.book_id = $1 AND z.address = p.address LIMIT 200) x
         UNION ALL
        SELECT x.currency, row_number() OVER (PARTITION BY p.prefix ORDER BY x.address, x.currency) FROM unnest($3::text[]) AS p (prefix)
         CROSS JOIN LATERAL (SELECT z.address, z.currency FROM accounts z WHERE z.book_id = $1 AND z.address > p.prefix AND z.address < p.prefix || '~'
                              ORDER BY z.address, z.currency LIMIT $4) x) a
 GROUP BY a.currency ORDER BY a.currency`

	// What accounts held right after a transaction, by the last entry up to it.
	sqlStandings = `
SELECT k.account_id, coalesce(e.balance_after, 0), coalesce(e.account_version, 0)
  FROM unnest($2::integer[]) AS k (account_id)
  LEFT JOIN LATERAL (SELECT x.balance_after, x.account_version FROM entries x
                      WHERE x.book_id = $1 AND x.account_id = k.account_id AND x.sequence <= $3
                      ORDER BY x.sequence DESC, x.line DESC LIMIT 1) e ON true`

	// The transactions that come next on any of the accounts.
	sqlNext = `
SELECT DISTINCT s.sequence
  FROM unnest($2::integer[]) AS k (account_id)
 CROSS JOIN LATERAL (SELECT e.sequence FROM entries e
                      WHERE e.book_id = $1 AND e.account_id = k.account_id AND e.sequence > $3 AND e.sequence <= $4
                      ORDER BY e.sequence LIMIT $5) s
 ORDER BY s.sequence LIMIT $5`

	// The last transaction recorded before a time.
	sqlRecordedBefore = `
SELECT t.sequence FROM transactions t
 WHERE t.book_id = $1 AND t.recorded_at < $2 ORDER BY t.recorded_at DESC, t.sequence DESC LIMIT 1`

	sqlRecordedAt = `SELECT t.recorded_at FROM transactions t WHERE t.book_id = $1 AND t.sequence = $2`

	// Who comes next among the owners of accounts, by what stands behind the path of an account; of a campaign's account that is the
	// owner and the campaign, so an owner may come twice.
	sqlOwners = `
WITH RECURSIVE walk AS (
    SELECT $3::text COLLATE "C" AS place, 0 AS n
  UNION ALL
    SELECT (SELECT min(l.owner)
              FROM unnest($2::text[]) AS p (path)
             CROSS JOIN LATERAL (SELECT substr(x.address, length(p.path) + 1) COLLATE "C" AS owner FROM accounts x
                                  WHERE x.book_id = $1 AND x.address > p.path || w.place AND x.address < p.path || '~'
                                  ORDER BY x.address, x.currency LIMIT 1) l), w.n + 1
      FROM walk w WHERE w.place IS NOT NULL AND w.n < $4)
SELECT w.place FROM walk w WHERE w.place IS NOT NULL AND w.n > 0 ORDER BY w.n`
)

// maxAccounts bounds the accounts that one statement tells of. A page of transactions probes each of them for a page of entries, and must
// stay well below the bound of a reading. A charity has two for each campaign, for ever: mostAccounts bounds those among which the ones are
// found that a statement tells of.
const (
	maxAccounts  = 1_000
	mostAccounts = 5_000
)

// account is an account of a payee.
type account struct {
	id      int32
	address ledger.Address
	bucket  Bucket
	// last is the last sequence that moved it.
	last int64
}

// holding is what an account held: in the payee's favour, after its version-th entry.
type holding struct {
	balance money.Minor
	version int64
}

// ownAddresses are the addresses that a payee's accounts have, and what those for campaigns begin with.
func ownAddresses(payee string) (exact, begin []string) {
	for _, p := range ownPaths {
		exact = append(exact, p.path+payee)
		if p.divided {
			begin = append(begin, p.path+payee+":")
		}
	}
	return exact, begin
}

// accounts reads the accounts of a payee in a currency, in order of their addresses. It returns ErrLarge for more than mostAccounts.
func (s *Service) accounts(ctx context.Context, book ledger.Book, payee string, c money.Currency) (list []account, err error) {
	exact, begin := ownAddresses(payee)
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlAccounts, book.ID, exact, begin, string(c), mostAccounts+1)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (a account, err error) {
			err = r.Scan(&a.id, &a.address, &a.last)
			a.bucket = bucketOf(a.address)
			return a, err
		})
		return err
	})
	if err == nil && len(list) > mostAccounts {
		err = ErrLarge
	}
	return list, err
}

// told are the accounts that a statement after a sequence tells of: all of them, or of more than maxAccounts those that held something
// then or moved since. It returns ErrLarge if these are more.
func (s *Service) told(ctx context.Context, book ledger.Book, list []account, from int64) ([]account, error) {
	if len(list) <= maxAccounts {
		return list, nil
	}
	still := slices.DeleteFunc(slices.Clone(list), func(a account) bool { return a.last > from })
	held, err := s.heldAt(ctx, book, still, from)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(a account) bool { return a.last <= from && held[a.id].balance == 0 })
	if len(list) > maxAccounts {
		return nil, ErrLarge
	}
	return list, nil
}

// Currencies returns the currencies in which a payee has accounts. It returns ErrLarge if these are more than mostAccounts.
func (s *Service) Currencies(ctx context.Context, book ledger.Book, payee string) (list []money.Currency, err error) {
	exact, begin := ownAddresses(payee)
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		list = nil
		rows, err := tx.Query(ctx, sqlCurrencies, book.ID, exact, begin, mostAccounts+1)
		if err != nil {
			return err
		}
		var c money.Currency
		var place int64
		_, err = pgx.ForEachRow(rows, []any{&c, &place}, func() error {
			if place > mostAccounts {
				return ErrLarge
			}
			list = append(list, c)
			return nil
		})
		return err
	})
	return list, err
}

// heldAt reads what accounts held right after a sequence.
func (s *Service) heldAt(ctx context.Context, book ledger.Book, list []account, sequence int64) (map[int32]holding, error) {
	held := make(map[int32]holding, len(list))
	for page := range slices.Chunk(idsOf(list), 500) {
		err := s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlStandings, book.ID, page, sequence)
			if err != nil {
				return err
			}
			var id int32
			var h holding
			_, err = pgx.ForEachRow(rows, []any{&id, &h.balance, &h.version}, func() error {
				held[id] = holding{-h.balance, h.version}
				return nil
			})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

// next reads the sequences that come after one on any of the accounts, at most limit of them and fewer where that takes too long; none only
// if there are none.
func (s *Service) next(ctx context.Context, book ledger.Book, list []account, after, upTo int64, limit int) (sequences []int64, err error) {
	moved := slices.DeleteFunc(slices.Clone(list), func(a account) bool { return a.last <= after })
	if len(moved) == 0 {
		return nil, nil
	}
	for ; ; limit /= 2 {
		err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlNext, book.ID, idsOf(moved), after, upTo, limit)
			if err != nil {
				return err
			}
			sequences, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
		if limit < 2 || !errors.Is(err, postgres.ErrReadTooLong) {
			return sequences, err
		}
	}
}

// recordedBefore is the last sequence recorded before a time, 0 for none.
func (s *Service) recordedBefore(ctx context.Context, book ledger.Book, at time.Time) (sequence int64, err error) {
	err = s.pool.QueryRow(ctx, sqlRecordedBefore, book.ID, at).Scan(&sequence)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return sequence, err
}

func (s *Service) recordedAt(ctx context.Context, book ledger.Book, sequence int64) (at time.Time, err error) {
	err = s.pool.QueryRow(ctx, sqlRecordedAt, book.ID, sequence).Scan(&at)
	return at.UTC(), err
}

// owners reads the places of owners after one, in order, at most limit of them.
func (s *Service) owners(ctx context.Context, book ledger.Book, after string, limit int) (places []string, err error) {
	paths := make([]string, len(ownPaths))
	for i, p := range ownPaths {
		paths[i] = p.path
	}
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlOwners, book.ID, paths, after, limit)
		if err != nil {
			return err
		}
		places, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return places, err
}

func idsOf(list []account) []int32 {
	ids := make([]int32, len(list))
	for i, a := range list {
		ids[i] = a.id
	}
	return ids
}
