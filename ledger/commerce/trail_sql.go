package commerce

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
)

// What commerce tells the trail: acts on the rules and the payees of a book. Rows hold ids and terms, never personal data.

type trail struct{ *guard.Trail }

// tell writes a deed into the transaction that does it. The deed's actor, reason and approval are the caller's.
func (t trail) tell(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, act, object string, before, after any) (err error) {
	d := guard.Deed{Actor: by.Actor, Why: by.Why, Approval: by.Approval, Book: guardBook(book), Act: act, Object: object}
	if before != nil {
		if d.Before, err = json.Marshal(before); err != nil {
			return err
		}
	}
	if after != nil {
		if d.After, err = json.Marshal(after); err != nil {
			return err
		}
	}
	_, err = t.RecordTx(ctx, tx, d)
	return err
}

// guardBook is a book as the guard names it.
func guardBook(b ledger.Book) guard.Book { return guard.Book{ID: int32(b.ID), Code: b.Code} }
