package payouts

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The rows of proposals.

// proposeTx brings the open proposals of some kinds into line with what is wanted now: what is wanted as before stays, an
// other amount replaces the open one, and what is wanted no more is dropped. With objects, each with its currency after a
// space, only theirs are meant.
func (s *Service) proposeTx(ctx context.Context, tx pgx.Tx, book ledger.Book, kinds, objects []string, wanted []Proposal, now time.Time) error {
	rows, err := tx.Query(ctx, `
		SELECT `+proposalColumns+` FROM treasury_proposals p
		 WHERE p.book_id = $1 AND p.state = 'open' AND p.kind = ANY ($2::text[]) AND ($3::text[] IS NULL OR p.object || ' ' || p.currency = ANY ($3::text[]))
		 ORDER BY p.id FOR UPDATE`, book.ID, kinds, objects)
	if err != nil {
		return err
	}
	open, err := pgx.CollectRows(rows, scanProposal)
	if err != nil {
		return err
	}
	for _, o := range open {
		n := slices.IndexFunc(wanted, func(w Proposal) bool { return w.Kind == o.Kind && w.Currency == o.Currency && w.Object == o.Object })
		state := "dropped"
		if n >= 0 {
			if wanted[n].Amount == o.Amount {
				wanted = slices.Delete(slices.Clone(wanted), n, n+1)
				continue
			}
			state = "replaced"
		}
		if _, err := tx.Exec(ctx, `UPDATE treasury_proposals SET state = $3, ended_at = $4 WHERE book_id = $1 AND id = $2`, book.ID, o.ID, state, now); err != nil {
			return err
		}
	}
	for _, w := range wanted {
		if _, err := tx.Exec(ctx, `
			INSERT INTO treasury_proposals (book_id, id, kind, currency, amount, object, reason, state, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8)
			    ON CONFLICT (book_id, kind, currency, object) WHERE state = 'open' DO NOTHING`,
			book.ID, newID("tp"), w.Kind, string(w.Currency), int64(w.Amount), w.Object, w.Reason, now); err != nil {
			return err
		}
	}
	return nil
}

const proposalColumns = `p.id, p.kind, p.currency, p.amount, p.object, p.reason, p.state, p.created_at, p.ended_at`

func scanProposal(row pgx.CollectableRow) (p Proposal, err error) {
	var ended *time.Time
	err = row.Scan(&p.ID, &p.Kind, &p.Currency, &p.Amount, &p.Object, &p.Reason, &p.State, &p.CreatedAt, &ended)
	p.CreatedAt, p.EndedAt = p.CreatedAt.UTC(), timeOf(ended)
	return p, err
}

// answeredTx ends open proposals that events of the book have answered.
func (s *Service) answeredTx(ctx context.Context, tx pgx.Tx, book ledger.Book, list []answer) error {
	for _, a := range list {
		if _, err := tx.Exec(ctx, `
			UPDATE treasury_proposals p SET state = 'done', ended_at = $6
			 WHERE p.book_id = $1 AND p.kind = $2 AND p.currency = $3 AND ($4 = '' OR p.object = $4) AND p.state = 'open' AND p.created_at <= $5`,
			book.ID, a.kind, string(a.currency), a.object, a.at, a.at); err != nil {
			return err
		}
	}
	return nil
}

// proposalsAfter is a page of proposals, the newest first.
func (s *Service) proposalsAfter(ctx context.Context, book ledger.Book, state string, before Proposal, limit int) ([]Proposal, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+proposalColumns+` FROM treasury_proposals p
		 WHERE p.book_id = $1 AND ($2 = '' OR p.state = $2) AND ($3::timestamptz IS NULL OR (p.created_at, p.id) < ($3, $4))
		 ORDER BY p.created_at DESC, p.id DESC LIMIT $5`, book.ID, state, nullTime(before.CreatedAt), before.ID, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanProposal)
}

// unsent is what the payouts of a processor that are not submitted yet will take from it: those of one book, and of all.
type unsent struct {
	rail        string
	currency    money.Currency
	amount, all money.Minor
}

// unsentPayouts sums the payouts that are created and not submitted, by rail and currency. The books share a processor's
// account, so those of the others count too.
func (s *Service) unsentPayouts(ctx context.Context, book ledger.Book) ([]unsent, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT p.rail, p.currency, coalesce(sum(p.amount) FILTER (WHERE p.book_id = $1), 0)::bigint, sum(p.amount)::bigint FROM payouts p
		 WHERE p.state IN ('created', 'sending', 'unknown', 'refused')
		 GROUP BY p.rail, p.currency ORDER BY p.rail, p.currency`, book.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (u unsent, err error) {
		return u, row.Scan(&u.rail, &u.currency, &u.amount, &u.all)
	})
}
