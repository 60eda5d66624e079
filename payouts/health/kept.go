package health

import (
	"context"
	"errors"
	"time"

	"mizan/ledger"
	"mizan/ledger/postgres"
)

// Figures that add up every balance of a book take longer the more accounts there are, and many people look at once. They are kept
// for a multiple of the time that reading took, so that reading never takes more than a small part of the database's time, and are
// fresh at every look while a book is small. A failure is kept alike: what takes longer than anybody waits for would else be begun
// again at every look. A reading that ran out of time says so only if it had that time to itself.

// keptFor is how many times as long as reading took a figure is kept.
const keptFor = 20

// nearly is how much of the patience, in percent, a reading must have had before its running out of time counts as a failure of its own.
const nearly = 90

// kept are the figures of one reader and book as they were last read.
type kept struct {
	// turn is held by whoever reads them; the others wait for what that one finds.
	turn    chan struct{}
	figures []Figure
	// failed is why there are none.
	failed error
	until  time.Time
}

// keeping has what a reader reads be kept.
func (s *Service) keeping(r reader) reader {
	type key struct {
		code string
		book ledger.BookID
	}
	read := r.read
	r.read = func(ctx context.Context, book ledger.Book) ([]Figure, error) {
		found, _ := s.kept.LoadOrStore(key{r.codes[0], book.ID}, &kept{turn: make(chan struct{}, 1)})
		k := found.(*kept)
		if err := ctx.Err(); err != nil { // a reading that nobody waits for says nothing of the figures
			return nil, err
		}
		select {
		case k.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { <-k.turn }()
		if s.Now().Before(k.until) {
			return k.figures, k.failed
		}
		if err := s.reached(ctx, book); err != nil { // the time until the database answers at all is none of the reading's
			return nil, err
		}
		began := s.Now()
		list, err := read(ctx, book)
		ended := s.Now()
		took := ended.Sub(began)
		switch {
		case err != nil && errors.Is(ctx.Err(), context.Canceled): // whoever looked went away, which says nothing of the figures
			return nil, err
		case err != nil && ctx.Err() != nil:
			if took < s.Patience*nearly/100 {
				return nil, err
			}
			err = postgres.ErrReadTooLong.Because(err)
		}
		k.figures, k.failed, k.until = list, err, ended.Add(keptFor*took)
		return list, err
	}
	return r
}
