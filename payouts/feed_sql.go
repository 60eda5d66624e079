package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/commerce"
)

// The feed of a book is its transactions in their order. Reading it notes which subjects have news and what of them waits
// for a time. How far it was read stands in one row, which moves in the transaction that writes what was noted: whoever
// reads beside another finds the row moved, and throws its own reading away.

const (
	cursorClocks = "clocks"
	feedPage     = 1000
	// mostPages bounds the pages of one turn; the next turn goes on.
	mostPages = 10_000
)

// errOvertaken means that another process has read the page meanwhile.
var errOvertaken = errors.New("payouts: another process has read this page of the feed")

// Feed reads the book's news and notes what waits for a time.
func (s *Service) Feed(ctx context.Context, t Turn) (Report, error) {
	var read, subjects int64
	over, stop := lasting(ctx)
	defer stop()
	for range mostPages {
		n, touched, err := s.feedOnce(ctx, t)
		if errors.Is(err, errOvertaken) {
			continue
		}
		if err != nil {
			return Report{}, err
		}
		read, subjects = read+int64(n), subjects+int64(touched)
		if n < feedPage || over() {
			break
		}
	}
	return Report{Text: fmt.Sprintf("Read %d transactions with news of %d subjects.", read, subjects), Items: read}, nil
}

// turnLength is how long a turn begins new pages; the next turn goes on. It is less than a job may take.
const turnLength = 4 * time.Minute

// lasting returns what says that a turn should end rather than begin another page.
func lasting(ctx context.Context) (over func() bool, stop context.CancelFunc) {
	span, stop := context.WithTimeout(ctx, turnLength)
	return func() bool { return span.Err() != nil }, stop
}

// feedOnce reads one page. What it says of subjects is read before the transaction and outside of it.
func (s *Service) feedOnce(ctx context.Context, t Turn) (read, touched int, err error) {
	from, err := s.cursor(ctx, t.Book, cursorClocks)
	if err != nil {
		return 0, 0, err
	}
	page, err := s.newsAfter(ctx, t.Book, from, feedPage)
	if err != nil || len(page) == 0 {
		return 0, 0, err
	}
	subjects := touchedBy(page)
	list, err := s.readSubjects(ctx, t.Book, subjects)
	if err != nil {
		return 0, 0, err
	}
	done, err := s.answeredBy(ctx, t.Book, page)
	if err != nil {
		return 0, 0, err
	}
	err = s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
		if err := t.check(ctx, tx); err != nil {
			return err
		}
		at, err := s.cursorTx(ctx, tx, t.Book, cursorClocks)
		if err != nil {
			return err
		}
		if at != from {
			return errOvertaken
		}
		if len(list) > 0 {
			if err := s.keepTx(ctx, tx, t.Book, list); err != nil {
				return err
			}
		}
		if err := s.answeredTx(ctx, tx, t.Book, done); err != nil {
			return err
		}
		return s.moveCursorTx(ctx, tx, t.Book, cursorClocks, page[len(page)-1].Sequence)
	})
	return len(page), len(subjects), err
}

// touchedBy are the subjects of whose clocks a page may say something, each once.
func touchedBy(page []news) []string {
	seen := map[string]bool{}
	var list []string
	for _, n := range page {
		if n.Subject != "" && !seen[n.Subject] && commerce.Concerns(n.Event, n.Subject) {
			seen[n.Subject] = true
			list = append(list, n.Subject)
		}
	}
	return list
}

// Rebuild forgets all clocks of a book and begins to read its feed again. Clocks come back as the feed is read; what was
// tried and failed is tried again.
func (s *Service) Rebuild(ctx context.Context, book ledger.Book) error {
	for range mostPages {
		more := false
		err := s.pool.TxRetry(ctx, func(tx pgx.Tx) error {
			if _, err := s.cursorTx(ctx, tx, book, cursorClocks); err != nil {
				return err
			}
			var err error
			if more, err = s.dropClocksTx(ctx, tx, book, feedPage); err != nil {
				return err
			}
			return s.moveCursorTx(ctx, tx, book, cursorClocks, 0)
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}
