package guard

import (
	"context"
	"encoding/json"
	"strconv"
)

// ActExported is the act of taking rows of a trail elsewhere.
const ActExported = "audit.exported"

// Taken records that somebody takes the rows after a sequence elsewhere, and reports whether there are any. It comes before
// the first row is read, so that there is no export without its row, and each export holds its own. Where there is nothing
// to take nothing is recorded: whoever goes on until an answer is empty comes to an end. It returns ErrDeedInvalid.
func (t *Trail) Taken(ctx context.Context, by Actor, book Book, after int64) (any bool, err error) {
	rows, err := t.Rows(ctx, book, Filter{}, after, 1)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	object := "trail:installation"
	if book.Code != "" {
		object = "trail:" + book.Code
	}
	_, err = t.Record(ctx, Deed{Actor: by, Book: book, Act: ActExported, Object: object, After: json.RawMessage(`{"after":` + strconv.FormatInt(after, 10) + `}`)})
	return err == nil, err
}
