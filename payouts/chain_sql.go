package payouts

import (
	"context"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// What people follow from one row to the next: the payouts that paid another one again, and what one payee owes.

// RetriesOf returns the payouts that pay a payout again, the first first. That is one, and those that were cancelled before.
func (s *Service) RetriesOf(ctx context.Context, book ledger.Book, id string) (list []Payout, err error) {
	err = s.pool.ReadTx(ctx, func(tx pgx.Tx) error {
		list, err = manyPayouts(ctx, tx, sqlRetriesOf, book.ID, id)
		return err
	})
	return list, err
}

// DebtsOf returns what a payee owes as it was found last, by currency.
func (s *Service) DebtsOf(ctx context.Context, book ledger.Book, payee PayeeKey) ([]Debt, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+debtColumns+` FROM payout_debts d
		 WHERE d.book_id = $1 AND d.kind = $2 AND d.payee = $3 ORDER BY d.currency LIMIT 200`, book.ID, payee.Kind, payee.ID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDebt)
}

// PolicyChanges lists what of two policies is not the same, at most 200. One without a place says that there are more.
func PolicyChanges(before, after Activated) []Change {
	return changesOf(before.Document, after.Document)
}
