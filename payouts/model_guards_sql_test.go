package payouts

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
)

// TestTheDatabaseMovesAsTheModel tries every change of state as the service's own role, of payouts and of attempts: the
// database takes those of the model's tables, and no other.
func TestTheDatabaseMovesAsTheModel(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	const insert = `INSERT INTO payout_attempts (book_id, payout, act, attempt, instruction, account, amount, currency, digest, state, created_at)
		SELECT p.book_id, p.id, 'transfer', 1, p.id, p.rail_account, p.amount, p.currency, repeat('0', 64), 'intended', now() FROM payouts p WHERE p.book_id = $1 AND p.id = $2`
	for what, table := range map[string]struct {
		first  string
		names  []string
		moves  map[string][]string
		update string
	}{
		"a payout": {Created, modelStates[1:], modelForward, `UPDATE payouts SET state = $3 WHERE book_id = $1 AND id = $2`},
		"an attempt": {attemptIntended, modelTries[1:], modelTryForward,
			`UPDATE payout_attempts SET state = $3, looked_at = ARRAY[now(), now()] WHERE book_id = $1 AND payout = $2`},
	} {
		ways := waysTo(table.first, table.moves)
		for _, from := range table.names {
			for _, to := range table.names {
				if from == to {
					continue
				}
				var taken bool
				err := pgx.BeginFunc(t.Context(), h.db.Pool, func(tx pgx.Tx) error {
					if what != "a payout" {
						if _, err := tx.Exec(t.Context(), insert, h.book.ID, id); err != nil {
							return err
						}
					}
					for _, state := range ways[from] {
						if _, err := tx.Exec(t.Context(), table.update, h.book.ID, id, state); err != nil {
							return err
						}
					}
					_, err := tx.Exec(t.Context(), table.update, h.book.ID, id, to)
					if taken = err == nil; !taken && postgres.SQLState(err) != "42501" {
						return err
					}
					return context.Canceled // nothing stays
				})
				if !errors.Is(err, context.Canceled) || t.Context().Err() != nil {
					t.Fatalf("%s from %s to %s: %v", what, from, to, err)
				}
				if may := slices.Contains(table.moves[from], to); may != taken {
					t.Errorf("%s goes from %s to %s in the database: %v, in the model: %v", what, from, to, taken, may)
				}
			}
		}
	}
	if p := h.read(id); p.State != Created || h.attempts(id) != "" {
		t.Errorf("something stayed: %+v", p)
	}
}

// waysTo are the shortest ways from the first state to each, without the first.
func waysTo(first string, moves map[string][]string) map[string][]string {
	ways := map[string][]string{first: {}}
	for queue := []string{first}; len(queue) > 0; queue = queue[1:] {
		for _, to := range moves[queue[0]] {
			if _, known := ways[to]; !known {
				ways[to] = append(append([]string{}, ways[queue[0]]...), to)
				queue = append(queue, to)
			}
		}
	}
	return ways
}
