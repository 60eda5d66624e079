package ledger

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// TestAfterALostCommit flushes batches whose earlier attempt may have been recorded. What is found is the caller's own
// posting if this batch sent it, and a replay if not; nothing is answered as refused that was not looked up.
func TestAfterALostCommit(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ahead := time.Duration(0)
	l := New(db.Pool, Options{Now: func() time.Time { return time.Now().Add(ahead) }, MaxSkew: time.Minute, Log: slog.New(slog.DiscardHandler)})
	defer func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	book, _, err := l.CreateBook(t.Context(), NewBook{Code: "uk", Name: "uk", Currencies: []money.Currency{"GBP"}, TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	s := Submission{Reference: "A", Drafts: []Draft{{Event: "order.captured", Lines: []Line{
		{Account: "assets:processor:pending:main", Amount: 5, Currency: "GBP"}, {Account: "revenue:referral_fee", Amount: -5, Currency: "GBP"}}}}}
	if out := l.Post(t.Context(), book, s); out.Err != nil {
		t.Fatal(out.Err)
	}
	flush := func(tried bool) Outcome {
		c, err := l.check(book, s)
		if err != nil {
			t.Fatal(err)
		}
		it := &item{checked: c, tried: tried}
		(&flusher{ledger: l, book: book}).flush([]*group{{items: []*item{it}}}, true)
		outcomes := make([]Outcome, 1)
		l.resolve(t.Context(), book, []*item{it}, outcomes, nil)
		return outcomes[0]
	}
	if out := flush(true); out.Err != nil || out.Replayed || out.Transactions[0].Sequence != 1 {
		t.Errorf("what this batch sent: %+v", out)
	}
	if out := flush(false); out.Err != nil || !out.Replayed {
		t.Errorf("what was there before: %+v", out)
	}
	ahead = time.Hour
	if out := flush(true); !errors.Is(out.Err, ErrOutcomeUnknown) || !errors.Is(out.Err, ErrClockSkew) {
		t.Errorf("a refusal of the whole batch after a lost commit: %v", out.Err)
	}
	if _, _, err := l.CreateBook(t.Context(), NewBook{Code: "us", Name: "us", Currencies: []money.Currency{"USD"}, TimeZone: "UTC"}); !errors.Is(err, ErrClockSkew) {
		t.Errorf("a new book by a skewed clock: %v", err)
	}
}

// TestLostPartitionsAreMadeAgain takes away partitions that the ledger believes in, as a failover to an older copy does.
func TestLostPartitionsAreMadeAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l := New(db.Pool, Options{Now: time.Now})
	defer func() { _ = l.Close(context.WithoutCancel(t.Context())) }()
	book, _, err := l.CreateBook(t.Context(), NewBook{Code: "uk", Name: "uk", Currencies: []money.Currency{"GBP"}, TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	l.partitions.upper = 1 << 40 // believes in partitions that are not there
	if _, err := db.Pool.Exec(t.Context(), `UPDATE books SET last_sequence = 1400000`); err != nil {
		t.Fatal(err)
	}
	out := l.Post(t.Context(), book, Submission{Reference: "A", Drafts: []Draft{{Event: "order.captured", Lines: []Line{
		{Account: "assets:processor:pending:main", Amount: 5, Currency: "GBP"}, {Account: "revenue:referral_fee", Amount: -5, Currency: "GBP"}}}}})
	if out.Err != nil || out.Transactions[0].Sequence != 1400001 {
		t.Errorf("posting beyond the lost partition: %+v", out)
	}
}
