package reports

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// read runs fn on one snapshot, for at most two seconds.
func (q *Query) read(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return q.s.pool.ReadTx(ctx, fn)
}
