package reconcile

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/payouts"
)

// deedTx writes a deed into the trail, in the transaction that does it. The deed's actor, reason and approval are the caller's.
// Rows hold ids, amounts and states, never personal data.
func (s *Service) deedTx(ctx context.Context, tx pgx.Tx, by guard.Deed, book ledger.Book, act, object string, before, after any) (err error) {
	d := guard.Deed{Actor: by.Actor, Why: by.Why, Approval: by.Approval, Book: guard.Book{ID: int32(book.ID), Code: book.Code}, Act: act, Object: object}
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
	_, err = s.trail.RecordTx(ctx, tx, d)
	return err
}

// somebody reports whether a person, a program or an operator asked for what a turn does. What jobs do each night stands in the
// receipts and the runs, and is no privileged act.
func somebody(t payouts.Turn) bool {
	return t.Actor.ID != "" && slices.Contains([]string{guard.Person, guard.Program, guard.Operator}, t.Actor.Kind)
}
