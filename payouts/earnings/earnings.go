// Package earnings keeps what payees earned over time: by day, and for each month by live session, channel and product. It follows
// the book in its order behind the posting, to which it gives way, and every answer says up to which transaction it counts.
package earnings

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Options are what a service needs.
type Options struct {
	Pool   *postgres.Pool
	Ledger *ledger.Ledger
	Events *commerce.Service
	Now    func() time.Time
	// Wait waits by the clock of Now; nil for the machine's.
	Wait func(ctx context.Context, until time.Time) error
	// Log takes what needs to be looked at; nil for nowhere.
	Log *slog.Logger
}

// Service keeps and reads earnings. It is safe for concurrent use, in one process or many.
type Service struct {
	pool   *postgres.Pool
	ledger *ledger.Ledger
	events *commerce.Service
	now    func() time.Time
	wait   func(ctx context.Context, until time.Time) error
	// page is readPage, and light that of the same name.
	page, light int
	log         *slog.Logger
	// earnedIn is that of the events, which tests have be slow.
	earnedIn func(ctx context.Context, book ledger.Book, page []ledger.Transaction) (map[int64][]commerce.Earned, map[int64]error, error)

	mu sync.Mutex
	// slow is by the book's id where its sums do not come on.
	slow map[ledger.BookID]slow
}

// New returns a service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{pool: o.Pool, ledger: o.Ledger, events: o.Events, now: o.Now, wait: o.Wait, log: o.Log, earnedIn: o.Events.EarnedIn, page: readPage, light: light, slow: map[ledger.BookID]slow{}}
}

// By says by what earnings are told apart.
type By string

// Days, weeks and months are of the book's zone; a week begins on Monday. A live session, channel or product that nobody named is the
// empty key.
const (
	ByDay         By = "day"
	ByWeek        By = "week"
	ByMonth       By = "month"
	ByLiveSession By = "live_session"
	ByChannel     By = "channel"
	ByProduct     By = "product"
)

// Ways lists them.
func Ways() []By { return []By{ByDay, ByWeek, ByMonth, ByLiveSession, ByChannel, ByProduct} }

// The dimensions of the rows.
const (
	dimensionDay = iota
	dimensionLiveSession
	dimensionChannel
	dimensionProduct
	dimensions
)

func (b By) dimension() int16 {
	switch b {
	case ByLiveSession:
		return dimensionLiveSession
	case ByChannel:
		return dimensionChannel
	case ByProduct:
		return dimensionProduct
	}
	return dimensionDay
}

// Dated reports whether the keys are days rather than names.
func (b By) Dated() bool { return b.dimension() == dimensionDay }

// Kinds are the kinds of payees that earn.
func Kinds() []string {
	return []string{"seller", "creator", "agency", "partner", commerce.KindCharity}
}

// Bounds of a question.
const (
	// MaxDays bounds the days between the first and the last.
	MaxDays = 1_100
	// MaxRanked bounds the names of a month among which those that kept most are looked for.
	MaxRanked = 20_000
	// MaxTop bounds the names that are told one by one.
	MaxTop = 100
)

// ErrQuery means that the question cannot be answered as it is put; its fields say why.
var ErrQuery = fault.New(fault.Invalid, "earnings-query-invalid", "Earnings cannot be told like that. Correct the parameters named.")

// Sum is what a payee earned on a day or with something.
type Sum struct {
	// Key is the first day of a day, week or month as 2006-01-02, or the name of the live session, channel or product.
	Key string
	// First and Last are the days that a day, week or month covers within the question; empty for a name.
	First, Last string
	// Sales counts the transactions by which something was earned, Returns those by which something went back.
	Sales, Returns int64
	commerce.EarnedParts
}

func (s Sum) plus(o Sum) Sum {
	s.Sales, s.Returns = s.Sales+o.Sales, s.Returns+o.Returns
	s.EarnedParts = s.EarnedParts.Plus(o.EarnedParts)
	return s
}

// Standing is how far the sums of a book have come.
type Standing struct {
	// Sequence is the last transaction that counts, 0 for none, and RecordedAt when it was recorded.
	Sequence   int64
	RecordedAt time.Time
	// Behind counts the transactions of the book that do not count yet.
	Behind int64
	// Rebuilding says that the sums have not yet come to where the book was when they began: what is told is a part of what was earned,
	// or nothing while the sums are removed to be made again.
	Rebuilding bool
	// clearing says that rows of before are still there.
	clearing bool
}

// Query is a question about one payee.
type Query struct {
	// Kind is what the payee earns as; empty for what it is registered as, else the first kind as which it earned.
	Kind, Payee string
	// Currency may be empty: then it is the one the payee is paid in, else the first of the book in which it earned.
	Currency money.Currency
	By       By
	// From and To are the first and the last day, in the book's zone, as 2006-01-02. By names they are the first of a month and the
	// last of one.
	From, To string
	// Top bounds the names told one by one, 1 to MaxTop; the others are one sum.
	Top int
}

// Answer is what a payee earned.
type Answer struct {
	Query
	Standing
	// Currencies are those in which the payee ever earned.
	Currencies []money.Currency
	// Latest is the last day on which anything happened in the currency; zero for none.
	Latest time.Time
	// Sums are in order of days, or by what was kept, the largest first. Days on which nothing happened are left out.
	Sums []Sum
	// Others is the sum over Named names that are not told one by one. By product it counts no sales and returns: one sale may be of
	// several products.
	Others Sum
	Named  int64
	// Total is the sum over all.
	Total Sum
}
