package intake

import (
	"context"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
)

// The end of what came in, for people who want to know what has just happened.

// newestFirst reads the same rows from the other end. Every statement that lists rows by id names its order in these words.
func newestFirst(sql string) string {
	return strings.NewReplacer("id > $2", "id < $2", "ORDER BY id LIMIT", "ORDER BY id DESC LIMIT").Replace(sql)
}

// LatestMessages lists messages without their bodies, newest first: those before q.After, all if it is 0.
func (s *Service) LatestMessages(ctx context.Context, book ledger.Book, q Query) ([]Message, error) {
	if q.After <= 0 {
		q.After = math.MaxInt64
	}
	sql, args := sqlMessages, []any{book.ID, q.After, q.Source, q.Limit}
	if q.State != "" {
		sql, args = sqlMessagesOf, append(args, string(q.State))
	}
	rows, err := s.store.pool.Query(ctx, newestFirst(sql), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Message, err error) {
		err = m.scan(row, nil)
		return m, err
	})
}

// LatestImports lists imports before an id, all if it is 0, newest first.
func (s *Service) LatestImports(ctx context.Context, book ledger.Book, before int64, limit int) ([]Import, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return s.store.collect(ctx, book.ID, newestFirst(sqlImports), book.ID, before, limit)
}
