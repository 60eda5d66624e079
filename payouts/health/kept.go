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
// again at every look.

// keptFor is how many times as long as reading took a figure is kept.
const keptFor = 20

// kept are the figures of one reader and book as they were last read.
type kept struct {
	// turn is held by whoever reads them; the others wait for what that one finds.
	turn    chan struct{}
	figures []Figure
	// failed is why there are none.
	failed error
	until  time.Time
}

func (s *Service) keeping(name string, read func(context.Context, ledger.Book) ([]Figure, error)) func(context.Context, ledger.Book) ([]Figure, error) {
	type key struct {
		name string
		book ledger.BookID
	}
	return func(ctx context.Context, book ledger.Book) ([]Figure, error) {
		found, _ := s.kept.LoadOrStore(key{name, book.ID}, &kept{turn: make(chan struct{}, 1)})
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
		began := s.Now()
		if began.Before(k.until) {
			return k.figures, k.failed
		}
		list, err := read(ctx, book)
		switch {
		case err != nil && errors.Is(ctx.Err(), context.Canceled): // whoever looked went away, which says nothing of the figures
			return nil, err
		case err != nil && ctx.Err() != nil:
			err = postgres.ErrReadTooLong.Because(err)
		}
		ended := s.Now()
		k.figures, k.failed, k.until = list, err, ended.Add(keptFor*ended.Sub(began))
		return list, err
	}
}
