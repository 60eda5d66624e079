package commerce

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Where payees are kept: each version is a row that never changes.

const (
	payeeColumns = `p.id, p.version, p.kind, p.country, p.currency, p.settlement_tier, p.minor, p.guardian, p.trust_rate, p.recorded_at,
       (SELECT f.recorded_at FROM payees f WHERE f.book_id = p.book_id AND f.id = p.id AND f.version = 1)`

	sqlAddPayee = `
INSERT INTO payees (book_id, id, version, kind, country, currency, settlement_tier, minor, guardian, trust_rate, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT DO NOTHING`

	sqlLatestPayee  = `SELECT ` + payeeColumns + ` FROM payees p WHERE p.book_id = $1 AND p.id = $2 ORDER BY p.version DESC LIMIT 1`
	sqlPayeeVersion = `SELECT ` + payeeColumns + ` FROM payees p WHERE p.book_id = $1 AND p.id = $2 AND p.version = $3`
	sqlListPayees   = `
SELECT DISTINCT ON (p.id) ` + payeeColumns + `
  FROM payees p WHERE p.book_id = $1 AND p.id > $2 ORDER BY p.id, p.version DESC LIMIT $3`
	sqlWards = `
SELECT DISTINCT w.id
  FROM payees w WHERE w.book_id = $1 AND w.guardian = $2
   AND (SELECT l.minor AND l.guardian = $2 FROM payees l WHERE l.book_id = $1 AND l.id = w.id ORDER BY l.version DESC LIMIT 1)
 ORDER BY w.id LIMIT $3`
	sqlPayeesOf = `
SELECT ` + payeeColumns + `
  FROM unnest($2::text[]) AS wanted (id)
 CROSS JOIN LATERAL (SELECT l.* FROM payees l WHERE l.book_id = $1 AND l.id = wanted.id ORDER BY l.version DESC LIMIT 1) p`
	sqlMinors = `
SELECT l.id, l.trust_rate
  FROM unnest($2::text[]) AS wanted (id)
 CROSS JOIN LATERAL (SELECT p.id, p.minor, p.trust_rate FROM payees p
                      WHERE p.book_id = $1 AND p.id = wanted.id ORDER BY p.version DESC LIMIT 1) l
 WHERE l.minor`
)

// payeeTable is the payees in the database.
type payeeTable struct{ pool *postgres.Pool }

// add adds a version, and reports whether there was none of it yet.
func (t payeeTable) add(ctx context.Context, tx pgx.Tx, book ledger.Book, p Payee) (bool, error) {
	tag, err := tx.Exec(ctx, sqlAddPayee, book.ID, p.ID, p.Version, p.Kind, p.Country, p.Currency, p.SettlementTier, p.Minor, p.Guardian, p.TrustRate, p.ChangedAt)
	return err == nil && tag.RowsAffected() == 1, err
}

// RegisterPayee registers a payee, and tells the trail who did. The same content again is found, not registered. It returns
// ErrPayeeExists, ErrGuardian or ledger.ErrInvalid.
func (s *Service) RegisterPayee(ctx context.Context, by guard.Actor, book ledger.Book, ask Payee) (p Payee, created bool, err error) {
	err = s.payees.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		p, created, err = s.RegisterPayeeTx(ctx, tx, guard.Deed{Actor: by}, book, ask)
		return err
	})
	if err != nil {
		return Payee{}, false, err
	}
	return p, created, nil
}

// RegisterPayeeTx is RegisterPayee inside the caller's transaction. Of the deed it takes the actor, the reason and the
// approval.
func (s *Service) RegisterPayeeTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, ask Payee) (_ Payee, created bool, err error) {
	ctx = postgres.Within(ctx, tx)
	if err := s.judgePayee(ctx, book, &ask); err != nil {
		return Payee{}, false, err
	}
	ask.Version = 1
	ask.RecordedAt = s.now().UTC().Truncate(time.Microsecond)
	ask.ChangedAt = ask.RecordedAt
	if created, err = s.payees.add(ctx, tx, book, ask); err != nil {
		return Payee{}, false, err
	}
	if created {
		return ask, true, s.rules.trail.tell(ctx, tx, by, book, "payee.registered", "payee:"+ask.ID, nil, ask)
	}
	first, err := s.payees.version(ctx, book, ask.ID, 1)
	if err != nil {
		return Payee{}, false, err
	}
	ask.RecordedAt, ask.ChangedAt = first.RecordedAt, first.ChangedAt
	if first != ask {
		return Payee{}, false, ErrPayeeExists
	}
	now, err := s.Payee(ctx, book, ask.ID)
	return now, false, err
}

// ChangePayee changes a payee, and tells the trail who did. The same change again finds it made. It returns ErrPayeeUnknown,
// ErrPayeeVersion, ErrGuardian or ledger.ErrInvalid.
func (s *Service) ChangePayee(ctx context.Context, by guard.Actor, book ledger.Book, id string, ask PayeeChange) (p Payee, err error) {
	err = s.payees.pool.TxRetry(ctx, func(tx pgx.Tx) (err error) {
		p, err = s.ChangePayeeTx(ctx, tx, guard.Deed{Actor: by}, book, id, ask)
		return err
	})
	if err != nil {
		return Payee{}, err
	}
	return p, nil
}

// ChangePayeeTx is ChangePayee inside the caller's transaction. Of the deed it takes the actor, the reason and the approval.
func (s *Service) ChangePayeeTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, id string, ask PayeeChange) (Payee, error) {
	ctx = postgres.Within(ctx, tx)
	now, next, err := s.nextPayee(ctx, book, id, ask)
	if err != nil || next.Version == now.Version {
		return next, err
	}
	added, err := s.payees.add(ctx, tx, book, next)
	if err != nil {
		return Payee{}, err
	}
	if !added {
		return Payee{}, ErrPayeeVersion
	}
	return next, s.rules.trail.tell(ctx, tx, by, book, "payee.changed", "payee:"+id, now, next)
}

func (t payeeTable) latest(ctx context.Context, book ledger.Book, id string) (Payee, error) {
	return payeeOf(t.pool.QueryRow(ctx, sqlLatestPayee, book.ID, id))
}

func (t payeeTable) version(ctx context.Context, book ledger.Book, id string, version int) (Payee, error) {
	return payeeOf(t.pool.QueryRow(ctx, sqlPayeeVersion, book.ID, id, version))
}

func (t payeeTable) list(ctx context.Context, book ledger.Book, after string, limit int) ([]Payee, error) {
	rows, err := t.pool.Query(ctx, sqlListPayees, book.ID, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Payee, error) { return payeeOf(row) })
}

// payeeOf reads a row of payeeColumns.
func payeeOf(row pgx.Row) (p Payee, err error) {
	err = row.Scan(&p.ID, &p.Version, &p.Kind, &p.Country, &p.Currency, &p.SettlementTier, &p.Minor, &p.Guardian, &p.TrustRate, &p.ChangedAt, &p.RecordedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrPayeeUnknown
	}
	p.RecordedAt, p.ChangedAt = p.RecordedAt.UTC(), p.ChangedAt.UTC()
	return p, err
}

// maxWards bounds for how many minors one guardian is shown to act.
const maxWards = 100

// MinorsOf returns the minors of the book whose guardian the payee is now, in order of their ids, at most 100.
func (s *Service) MinorsOf(ctx context.Context, book ledger.Book, guardian string) ([]string, error) {
	rows, err := s.payees.pool.Query(ctx, sqlWards, book.ID, guardian, maxWards)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// maxPayeesOf bounds how many payees are read at once by their ids.
const maxPayeesOf = 10_000

// PayeesOf returns those of the payees that are registered, as they stand, by id: at most 10,000 in one statement.
func (s *Service) PayeesOf(ctx context.Context, book ledger.Book, ids []string) (map[string]Payee, error) {
	if len(ids) > maxPayeesOf {
		return nil, ledger.ErrInvalid.With("At most 10,000 payees are read at once. Ask for fewer.")
	}
	found := map[string]Payee{}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := s.payees.pool.Query(ctx, sqlPayeesOf, book.ID, ids)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Payee, error) { return payeeOf(row) })
	for _, p := range list {
		found[p.ID] = p
	}
	return found, err
}

// minors returns those of the payees that are minors, with the rates of what is set aside for them.
func (t payeeTable) minors(ctx context.Context, book ledger.Book, ids []string) ([]minor, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := t.pool.Query(ctx, sqlMinors, book.ID, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m minor, err error) {
		var rate string
		if err = row.Scan(&m.Creator, &rate); err == nil {
			m.Rate, err = money.ParseRate(rate)
		}
		return m, err
	})
}
