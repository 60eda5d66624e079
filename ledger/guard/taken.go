package guard

import (
	"context"
	"encoding/json"
	"time"
)

// ActExported is the act of taking rows of a trail elsewhere.
const ActExported = "audit.exported"

// taken is what was taken elsewhere: rows after a sequence, and what they were narrowed to.
type taken struct {
	After  int64      `json:"after"`
	Act    string     `json:"act,omitempty"`
	Actor  string     `json:"actor,omitempty"`
	Object string     `json:"object,omitempty"`
	From   *time.Time `json:"from,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
}

// Taken records that somebody takes the rows after a sequence that the filter chooses elsewhere, and reports whether there are any.
// It comes before the first row is read, so that there is no export without its row, and an export of all rows holds its own. Where
// there is nothing to take nothing is recorded: whoever goes on until an answer is empty comes to an end. It returns ErrDeedInvalid.
func (t *Trail) Taken(ctx context.Context, by Actor, book Book, f Filter, after int64) (any bool, err error) {
	rows, err := t.Rows(ctx, book, f, after, 1)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	object := "trail:installation"
	if book.Code != "" {
		object = "trail:" + book.Code
	}
	what := taken{After: after, Act: f.Act, Actor: f.Actor, Object: f.Object}
	if !f.From.IsZero() {
		what.From = &f.From
	}
	if !f.Until.IsZero() {
		what.Until = &f.Until
	}
	told, err := json.Marshal(what)
	if err != nil {
		return false, err
	}
	_, err = t.Record(ctx, Deed{Actor: by, Book: book, Act: ActExported, Object: object, After: told})
	return err == nil, err
}
