package guard

import (
	"context"
	"math"
	"slices"
	"strings"
)

// The end of the trail, for people who want to know what has just been done.

// newestFirst reads the same rows from the other end. Every statement that chooses rows names its order in the same words,
// with r or x for the table.
func newestFirst(sql string) string {
	return strings.NewReplacer("ORDER BY r.sequence LIMIT", "ORDER BY r.sequence DESC LIMIT", "ORDER BY x.sequence LIMIT", "ORDER BY x.sequence DESC LIMIT").Replace(sql)
}

// Latest returns the last rows, up to limit and at most 1001, of the book's trail that the filter chooses, before the
// sequence, or up to the end for 0. They are in the order in which they were recorded. It fails as Rows does.
func (t *Trail) Latest(ctx context.Context, book Book, f Filter, before int64, limit int) ([]Row, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	rows, err := t.choose(ctx, book, f, 0, before, limit, newestFirst)
	slices.Reverse(rows)
	return rows, err
}
