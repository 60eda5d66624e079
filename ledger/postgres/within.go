package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Reading within a transaction. Whoever holds a connection and asks the pool for a second one can wait for ever, when all
// that hold one do the same. So who has to read on the way to a commit reads on the transaction it has.

// within is the key under which a context carries the transaction that reads happen in.
type within struct{}

// Within returns a context with which a Pool reads inside the transaction: Query, QueryRow and ReadTx use it instead of a
// connection of their own, and see what it has written. Writes do not: they say themselves where they belong. As with the
// transaction itself, only one goroutine at a time may use it, and not after the transaction has ended.
func Within(ctx context.Context, tx pgx.Tx) context.Context {
	return context.WithValue(ctx, within{}, tx)
}

// IsWithin reports whether reads with the context happen in a transaction: they may see what is rolled back later, so
// nothing of it may be remembered.
func IsWithin(ctx context.Context) bool { return joined(ctx) != nil }

func joined(ctx context.Context) pgx.Tx {
	tx, _ := ctx.Value(within{}).(pgx.Tx)
	return tx
}

// Query runs a query on a connection of its own, or in the transaction of Within.
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if tx := joined(ctx); tx != nil {
		return tx.Query(ctx, sql, args...)
	}
	return p.Pool.Query(ctx, sql, args...)
}

// QueryRow is Query for at most one row.
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if tx := joined(ctx); tx != nil {
		return tx.QueryRow(ctx, sql, args...)
	}
	return p.Pool.QueryRow(ctx, sql, args...)
}
