package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/postgres"
	"mizan/ledger/postgres/pgtest"
)

// TestWithin reads in a transaction that holds the only connection: every way of reading sees what it wrote, none waits for
// another connection, and other contexts see nothing of it.
func TestWithin(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.MaxConns(1))
	words(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const count = `SELECT count(*) FROM words`
	var before, n int
	if err := db.Pool.QueryRow(ctx, count).Scan(&before); err != nil {
		t.Fatal(err)
	}
	errMine := errors.New("mine")
	err := db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO words VALUES ('within')`); err != nil {
			return err
		}
		inside := postgres.Within(ctx, tx)
		if !postgres.IsWithin(inside) || postgres.IsWithin(ctx) {
			t.Error("a context does not say whether it reads in a transaction")
		}
		if err := db.Pool.QueryRow(inside, count).Scan(&n); err != nil || n != before+1 {
			t.Errorf("QueryRow sees %d rows, %v", n, err)
		}
		rows, err := db.Pool.Query(inside, count)
		if err != nil {
			return err
		}
		if n, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int]); err != nil || n != before+1 {
			t.Errorf("Query sees %d rows, %v", n, err)
		}
		err = db.Pool.ReadTx(inside, func(tx pgx.Tx) error { return tx.QueryRow(inside, count).Scan(&n) })
		if err != nil || n != before+1 {
			t.Errorf("ReadTx sees %d rows, %v", n, err)
		}
		return errMine
	})
	if !errors.Is(err, errMine) {
		t.Fatal(err)
	}
	if err := db.Pool.QueryRow(ctx, count).Scan(&n); err != nil || n != before {
		t.Errorf("%d rows stay, %v", n, err)
	}
}
