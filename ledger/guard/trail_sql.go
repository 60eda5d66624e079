package guard

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// RecordTx writes the deed into the caller's transaction, which should end soon: the trail of the book is locked until then.
// It returns ErrDeedInvalid.
func (t *Trail) RecordTx(ctx context.Context, tx pgx.Tx, d Deed) (Row, error) {
	return Row{}, errors.New("not built")
}

// Record writes a deed that changes nothing else, such as a look at personal data. It returns ErrDeedInvalid.
func (t *Trail) Record(ctx context.Context, d Deed) (Row, error) {
	return Row{}, errors.New("not built")
}

// Rows returns up to limit rows of the book's trail that the filter chooses, after the sequence, in order.
func (t *Trail) Rows(ctx context.Context, book Book, f Filter, after int64, limit int) ([]Row, error) {
	return nil, errors.New("not built")
}

// Verify reads the whole trail of the book, in pages, and returns ErrTrailBroken with the first sequence that is wrong.
func (t *Trail) Verify(ctx context.Context, book Book) (Verified, error) {
	return Verified{}, errors.New("not built")
}
