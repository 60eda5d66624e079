package earnings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Following the book: a page of transactions is read and told apart, and then added to the sums in one transaction that moves the
// cursor on from where the page began. Of two that follow at the same time, the second finds the cursor moved and reads on from there,
// so nothing counts twice; whoever dies in between has added nothing.

const (
	// readPage is how many transactions are read at a time, and writePage about how many are added at a time: the more, the more often
	// several of them are in the same sums.
	readPage  = 1_000
	writePage = 20_000
	// writeRows is how many sums a page ends at, so that the transaction that adds them stays short.
	writeRows = 24_000
	// clearPage is how many sums are removed at a time.
	clearPage = 10_000

	// share is the part of its time, in percent, that a follower works while more than light transactions a second are posted. Fewer leave
	// most of a machine free that posts thousands, and a follower that rested beside them would never come up. longestWait bounds one wait; it
	// is long enough to give way in full for a page that is added. patience bounds all waits of one Follow.
	share       = 4
	light       = 500
	longestWait = 30 * time.Second
	patience    = 55 * time.Second
	// farBehind is how many transactions may wait to be counted before following them takes no more regard of who posts, so that sums come up
	// also while posting does not end.
	farBehind = 1_000_000
)

// givingWay begins to give way.
func (s *Service) givingWay() *ledger.GivingWay {
	return s.ledger.GiveWay(ledger.Courtesy{Share: share, Light: s.light, Longest: longestWait, InAll: patience, Now: s.now, Wait: s.wait})
}

// row is a sum in the making, with what it belongs to.
type row struct {
	kind, payee string
	currency    money.Currency
	dimension   int16
	day         time.Time
	key         string
}

func (r row) compare(o row) int {
	return cmp.Or(strings.Compare(r.kind, o.kind), strings.Compare(r.payee, o.payee), strings.Compare(string(r.currency), string(o.currency)),
		cmp.Compare(r.dimension, o.dimension), r.day.Compare(o.day), strings.Compare(r.key, o.key))
}

// Follow adds what was recorded since the last time, up to the book's last transaction as it begins, and says how many transactions
// counted. It goes on where it ended when it is called again. While much is posted it gives way, as long as its patience lasts.
func (s *Service) Follow(ctx context.Context, book ledger.Book) (counted int64, err error) {
	return s.follow(ctx, book, false)
}

// FollowAWhile is Follow that ends when its patience does, and leaves the rest to the next time: so posting pays no more than the share, and
// no book waits long for another. Sums that are far behind are made whole all the same.
func (s *Service) FollowAWhile(ctx context.Context, book ledger.Book) (counted int64, err error) {
	return s.follow(ctx, book, true)
}

func (s *Service) follow(ctx context.Context, book ledger.Book, awhile bool) (counted int64, err error) {
	if err := s.prepare(ctx, book); err != nil {
		return 0, err
	}
	head, err := s.ledger.Head(ctx, book)
	if err != nil {
		return 0, err
	}
	c, err := s.readCursor(ctx, book)
	if err != nil {
		return 0, err
	}
	way := s.givingWay()
	if awhile && head.LastSequence-c.sequence > farBehind {
		awhile, way.Left = false, 0
	}
	if err := way.Rest(ctx); err != nil {
		return 0, err
	}
	for {
		n, at, err := s.followPage(ctx, book, way, awhile)
		counted += n
		if err != nil || at >= head.LastSequence || awhile && way.Left <= 0 {
			return counted, err
		}
	}
}

// prepare has the cursor stand at a place that this version may go on from. One of a higher version is let alone.
func (s *Service) prepare(ctx context.Context, book ledger.Book) error {
	c, err := s.openCursor(ctx, book, commerce.EarnedVersion)
	if err != nil {
		return err
	}
	if c.version < commerce.EarnedVersion {
		if err := s.Rebuild(ctx, book); err != nil {
			return err
		}
		c.clearing = true
	}
	for more := c.clearing; more; {
		if more, err = s.clearSome(ctx, book, clearPage); err != nil {
			return err
		}
	}
	return nil
}

// Rebuild begins anew: the sums are removed and made again from the first transaction by the next Follow.
func (s *Service) Rebuild(ctx context.Context, book ledger.Book) error {
	return s.beginClearing(ctx, book, commerce.EarnedVersion)
}

// followPage adds the next transactions and returns how many it counted and where the cursor stands. If somebody else was faster it
// counts none. Awhile has it take no more than patience lets it.
func (s *Service) followPage(ctx context.Context, book ledger.Book, way *ledger.GivingWay, awhile bool) (counted, at int64, err error) {
	c, err := s.readCursor(ctx, book)
	if err != nil || c.clearing || c.version > commerce.EarnedVersion {
		return 0, 1 << 62, err
	}
	to, sums := c.sequence, sumsOf{}
	for counted < writePage && len(sums) < writeRows {
		page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{After: to, Limit: s.page})
		if err != nil {
			return 0, c.sequence, err
		}
		if len(page.Transactions) == 0 {
			break
		}
		if err := s.tell(ctx, book, page.Transactions, sums, s.tooSlow(book, to)); err != nil {
			if errors.Is(err, postgres.ErrReadTooLong) {
				if to > c.sequence {
					break // what came before counts, and the next page begins here
				}
				s.slowAfter(book, to)
			}
			return 0, c.sequence, fmt.Errorf("earnings after %s: %w", ledger.TransactionID(book.Code, to), err)
		}
		counted += int64(len(page.Transactions))
		to = page.Transactions[len(page.Transactions)-1].Sequence
		if err := way.Rest(ctx); err != nil {
			return 0, c.sequence, err
		}
		if !page.More || awhile && way.Left <= 0 {
			break
		}
	}
	if to == c.sequence {
		return 0, to, nil
	}
	moved, err := s.add(ctx, book, c.sequence, to, c.version, sums)
	if err == nil {
		err = way.Rest(ctx)
	}
	if !moved {
		return 0, c.sequence, err
	}
	return counted, to, err
}

// mostSlow is how many times Follow ends at a place because an order could not be read in time, before that order counts as adjusted: what
// was slow once must not be wrong for good, and what is always slow must not stop all that comes after it.
const mostSlow = 3

// slow is how many times Follow ended after a sequence.
type slow struct {
	after int64
	times int
}

// slowAfter counts that Follow ended after a sequence.
func (s *Service) slowAfter(book ledger.Book, after int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.slow[book.ID]; x.after == after {
		s.slow[book.ID] = slow{after, x.times + 1}
		return
	}
	s.slow[book.ID] = slow{after, 1}
}

// tooSlow reports whether Follow ended after a sequence too often to be tried again.
func (s *Service) tooSlow(book ledger.Book, after int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.slow[book.ID]
	return x.after == after && x.times >= mostSlow
}

// tell adds a page of transactions to sums. Unless it is given up, it returns postgres.ErrReadTooLong if an order of it could not be read
// in time, and adds nothing.
func (s *Service) tell(ctx context.Context, book ledger.Book, page []ledger.Transaction, sums sumsOf, givenUp bool) error {
	told, unread, err := s.earnedIn(ctx, book, page)
	if err != nil {
		return err
	}
	for _, err := range unread {
		if !givenUp && errors.Is(err, postgres.ErrReadTooLong) {
			return err
		}
	}
	for sequence, err := range unread {
		s.log.Error("a transaction cannot be told apart, so its earnings are counted as adjusted", "transaction", ledger.TransactionID(book.Code, sequence), "err", err)
	}
	for i := range page {
		t := &page[i]
		day := localDay(book, t.OccurredAt)
		month := day.AddDate(0, 0, 1-day.Day())
		for parts := told[t.Sequence]; len(parts) > 0; {
			n := 1 // a transaction of several products is one sale, and one of each product
			for n < len(parts) && sameOwner(parts[0], parts[n]) {
				n++
			}
			var whole commerce.EarnedParts
			for _, e := range parts[:n] {
				whole = whole.Plus(e.EarnedParts)
				sums.add(row{e.Kind, e.ID, e.Currency, dimensionProduct, month, e.SKU}, e.EarnedParts)
			}
			of := row{kind: parts[0].Kind, payee: parts[0].ID, currency: parts[0].Currency}
			for d, key := range [...]string{dimensionDay: "", dimensionLiveSession: t.LiveSession, dimensionChannel: t.Channel} {
				if of.dimension, of.day, of.key = int16(d), month, key; d == dimensionDay {
					of.day = day
				}
				sums.add(of, whole)
			}
			parts = parts[n:]
		}
	}
	return nil
}

// sumsOf are sums in the making.
type sumsOf map[row]*Sum

func (s sumsOf) add(at row, parts commerce.EarnedParts) {
	sum := s[at]
	if sum == nil {
		sum = &Sum{}
		s[at] = sum
	}
	sum.EarnedParts = sum.EarnedParts.Plus(parts)
	if parts.Earned > 0 {
		sum.Sales++
	}
	if parts.GivenBack < 0 {
		sum.Returns++
	}
}

func sameOwner(a, b commerce.Earned) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Currency == b.Currency
}

// localDay is the day of the book's zone, written as its midnight in UTC.
func localDay(book ledger.Book, at time.Time) time.Time {
	y, m, d := at.In(book.Location()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// ordered are the rows in one order, in which all writers lock them.
func ordered(sums sumsOf) []row {
	rows := make([]row, 0, len(sums))
	for r := range sums {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, row.compare)
	return rows
}
