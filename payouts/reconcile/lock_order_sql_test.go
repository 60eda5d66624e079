package reconcile

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestPullWaitsWithEmptyHands: whoever holds the breaks of a book, as a close does, gets the book too while the first pull of a
// processor waits to set its source up. Two locks taken in two orders would have each wait for the other.
func TestPullWaitsWithEmptyHands(t *testing.T) {
	t.Parallel()
	h := newEvidenceHouse(t)
	pulled := make(chan error, 1)
	h.ok(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := lockSteps(t.Context(), tx, h.book); err != nil {
			return err
		}
		go func() {
			_, err := h.pullSource(t.Context(), h.turn(), "main")
			pulled <- err
		}()
		for waits := 0; waits == 0; {
			if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waits); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(t.Context(), `SET LOCAL lock_timeout = '300ms'`); err != nil {
			return err
		}
		if err := h.books.LockTx(t.Context(), tx, h.book); err != nil {
			t.Errorf("the book is held by whoever waits for the breaks: %v", err)
		}
		return nil
	}))
	h.ok(<-pulled)
	if list, err := h.Sources(t.Context(), h.book); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}
