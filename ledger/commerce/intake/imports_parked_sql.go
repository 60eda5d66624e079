package intake

import (
	"context"
	"time"

	"mizan/ledger"
)

// Imports that wait for people: those with rows that could not be applied.

// The index of parked rows is read by steps from one import to the next, however many rows are parked of each and however many
// imports have none.
const sqlImportsParked = `
WITH RECURSIVE waiting AS (
    (SELECT r.import_id FROM import_rows r WHERE r.book_id = $1 AND r.state = 'parked' ORDER BY r.import_id LIMIT 1)
    UNION ALL
    SELECT n.import_id
      FROM waiting w
     CROSS JOIN LATERAL (SELECT r.import_id FROM import_rows r WHERE r.book_id = $1 AND r.state = 'parked' AND r.import_id > w.import_id
                          ORDER BY r.import_id LIMIT 1) n)
SELECT c.imports, (SELECT i.recorded_at FROM imports i WHERE i.book_id = $1 AND i.id = c.oldest)
  FROM (SELECT count(*) AS imports, min(w.import_id) AS oldest FROM waiting w) c`

// ImportsParked counts the imports of a book that have parked rows, and says when the oldest of them came; the zero time if there are
// none.
func (s *Service) ImportsParked(ctx context.Context, book ledger.Book) (n int64, oldest time.Time, err error) {
	var at *time.Time
	if err := s.store.pool.QueryRow(ctx, sqlImportsParked, book.ID).Scan(&n, &at); err != nil {
		return 0, time.Time{}, err
	}
	if at != nil {
		oldest = at.UTC()
	}
	return n, oldest, nil
}
