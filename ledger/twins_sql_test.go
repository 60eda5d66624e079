package ledger_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// TestTwins: periods close and reopen, and transactions are reversed, inside a transaction of the caller's, and all of it is
// gone when that is rolled back.
func TestTwins(t *testing.T) {
	t.Parallel()
	c := &clock{t: at("2026-12-05T12:00:00Z")}
	b := setupWith(t, ledger.Options{Now: c.now})
	posted := b.mustPost(t, sale("sale", "sel_a", 1000))
	errMine := errors.New("mine")
	steps := func(end error) error {
		return b.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			if err := b.ClosePeriodTx(t.Context(), tx, b.book, 202611); err != nil {
				return err
			}
			if err := b.ClosePeriodTx(t.Context(), tx, b.book, 202610); !errors.Is(err, ledger.ErrPeriodOrder) {
				t.Errorf("closing October after November: %v", err)
			}
			if err := b.ReopenPeriodTx(t.Context(), tx, b.book, 202611); err != nil {
				return err
			}
			if err := b.ClosePeriodTx(t.Context(), tx, b.book, 202609); !errors.Is(err, ledger.ErrPeriodOrder) {
				t.Errorf("closing September while October is closed: %v", err)
			}
			if err := b.LockTx(t.Context(), tx, ledger.Book{ID: 7}); !errors.Is(err, ledger.ErrBookUnknown) {
				t.Errorf("a book that is not there: %v", err)
			}
			out, err := b.ReverseTx(t.Context(), tx, b.book, posted.Sequence, ledger.Correction{Reference: "undo", Memo: "why"})
			if err != nil {
				return err
			}
			if got := out.Transactions[0]; got.Reverses != posted.Sequence || len(got.Entries) != len(posted.Entries) {
				t.Errorf("reversed by %+v", got)
			}
			return end
		})
	}
	if err := steps(errMine); !errors.Is(err, errMine) {
		t.Fatal(err)
	}
	if head, err := b.Head(t.Context(), b.book); err != nil || head.LastSequence != posted.Sequence || head.FirstOpenPeriod != 0 {
		t.Errorf("what was rolled back stands: %+v, %v", head, err)
	}
	if err := steps(nil); err != nil {
		t.Fatal(err)
	}
	head, err := b.Head(t.Context(), b.book)
	if err != nil || head.LastSequence != posted.Sequence+1 || head.FirstOpenPeriod != 202611 {
		t.Errorf("what was committed does not stand: %+v, %v", head, err)
	}
	err = b.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := b.ReverseTx(t.Context(), tx, b.book, posted.Sequence, ledger.Correction{Reference: "undo again"})
		return err
	})
	if !errors.Is(err, ledger.ErrAlreadyReversed) {
		t.Errorf("reversed twice: %v", err)
	}
}
