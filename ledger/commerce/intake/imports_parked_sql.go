package intake

import (
	"context"
	"time"

	"mizan/ledger"
)

// Imports that wait for people: those with rows that could not be applied.

// The newest imports are asked one by one whether they have such a row, which an index knows.
const sqlImportsParked = `
SELECT count(*), min(i.recorded_at), coalesce((SELECT true FROM imports o WHERE o.book_id = $1 ORDER BY o.id DESC OFFSET $2 LIMIT 1), false)
  FROM (SELECT x.id, x.recorded_at FROM imports x WHERE x.book_id = $1 ORDER BY x.id DESC LIMIT $2) i
 CROSS JOIN LATERAL (SELECT FROM import_rows r WHERE r.book_id = $1 AND r.import_id = i.id AND r.state = 'parked' LIMIT 1) r`

// importsLooked is how many imports are looked at.
const importsLooked = 1_000

// ImportsParked counts the imports of a book that have parked rows, of the newest 1,000, and says when the oldest of them came. More
// says that there are older imports, at which nobody looked.
func (s *Service) ImportsParked(ctx context.Context, book ledger.Book) (n int64, oldest time.Time, more bool, err error) {
	return s.importsParked(ctx, book, importsLooked)
}

func (s *Service) importsParked(ctx context.Context, book ledger.Book, looked int) (n int64, oldest time.Time, more bool, err error) {
	var at *time.Time
	if err := s.store.pool.QueryRow(ctx, sqlImportsParked, book.ID, looked).Scan(&n, &at, &more); err != nil {
		return 0, time.Time{}, false, err
	}
	if at != nil {
		oldest = at.UTC()
	}
	return n, oldest, more, nil
}
