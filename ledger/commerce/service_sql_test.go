package commerce

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres/pgtest"
)

// record records the event of a worked example, by Post or in a transaction of its own.
func (w *workbench) record(ctx context.Context, e Event) Result {
	if !w.inTx {
		return w.Post(ctx, w.book, e)
	}
	return w.postTx(ctx, e)
}

// postTx records an event in a transaction of its own.
func (w *workbench) postTx(ctx context.Context, e Event) (r Result) {
	err := w.db.Pool.Tx(ctx, func(tx pgx.Tx) error {
		results, err := w.PostTx(ctx, tx, w.book, []Event{e})
		if err == nil {
			r = results[0]
		}
		return err
	})
	if err != nil {
		return Result{Event: e, Err: err}
	}
	return r
}

// TestPostTxLeavesNothing: what the caller rolls back, or what is refused, leaves nothing, and the same events can be
// recorded afterwards.
func TestPostTxLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	sale, refund := event(t, "order.captured", "c", plainSale("o", "10.00")), event(t, "refund.made", "r", `{"order":"o","refund":"1","full":true}`)
	broken := event(t, "refund.made", "r2", `{"order":"nobody","refund":"2","full":true}`)
	errMine := errors.New("mine")
	both := func(events []Event, end error) error {
		return w.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
			if _, err := w.PostTx(t.Context(), tx, w.book, events); err != nil {
				return err
			}
			return end
		})
	}
	if err := both([]Event{sale, refund}, errMine); !errors.Is(err, errMine) {
		t.Fatal(err)
	}
	if err := both([]Event{sale, refund, broken}, nil); err == nil {
		t.Fatal("the refund of an unknown order was recorded")
	}
	if head, err := w.ledger.Head(t.Context(), w.book); err != nil || head.LastSequence != 0 {
		t.Fatalf("something was recorded: %+v, %v", head, err)
	}
	if err := both([]Event{sale, refund}, nil); err != nil {
		t.Fatal(err)
	}
	head, err := w.ledger.Head(t.Context(), w.book)
	if err != nil || head.LastSequence == 0 {
		t.Fatalf("nothing was recorded: %+v, %v", head, err)
	}
	// Again, in a transaction and outside: answered as the first time.
	for _, again := range []Result{w.postTx(t.Context(), sale), w.Post(t.Context(), w.book, sale), w.postTx(t.Context(), refund)} {
		if again.Err != nil || !again.Replayed || len(again.Transactions) == 0 || again.Explanation == nil {
			t.Errorf("%s again: replayed %v, %v", again.Event.Type, again.Replayed, again.Err)
		}
	}
	other := event(t, "order.captured", "c", plainSale("other", "10.00"))
	if r := w.postTx(t.Context(), other); fault.CodeOf(r.Err) != ledger.ErrReferenceReused.Code {
		t.Errorf("another event under the same reference: %v", r.Err)
	}
	if after, _ := w.ledger.Head(t.Context(), w.book); after.LastSequence != head.LastSequence {
		t.Errorf("the repeats recorded something: %d after %d", after.LastSequence, head.LastSequence)
	}
	w.verified(t)
}

// TestPostTxRaces: refunds of one order in transactions, and others beside them by Post at another replica, on two
// connections. The order's units go back once each.
func TestPostTxRaces(t *testing.T) {
	t.Parallel()
	w := newWorkbenchOn(t, pgtest.New(t, pgtest.MaxConns(2)), "UK", "Europe/London", "GBP")
	w.post(t, "order.captured", "c", `{"order":"o","currency":"GBP","placed_at":"2026-11-20T10:00:00Z","seller":"s","lines":[{"line":1,"sku":"A","quantity":7,"unit_price":"9.99"}],
		"payments":[{"processor":"main","payment_id":"pi","amount":"69.93"}]}`)
	other := w.another(t)
	var mu sync.Mutex
	made, refused := 0, map[string]int{}
	var wg sync.WaitGroup
	for i := range 50 {
		e := event(t, "refund.made", fmt.Sprintf("r-%d", i), fmt.Sprintf(`{"order":"o","refund":"R-%d","lines":[{"line":1,"quantity":1}]}`, i))
		wg.Go(func() {
			var r Result
			if i%2 == 0 {
				r = w.postTx(t.Context(), e)
			} else {
				r = other.Post(t.Context(), w.book, e)
			}
			mu.Lock()
			defer mu.Unlock()
			if r.Err == nil {
				made++
			} else {
				refused[fault.CodeOf(r.Err)]++
			}
		})
	}
	wg.Wait()
	if made != 7 || refused["insufficient-funds"]+refused["units-exceeded"] != 43 {
		t.Errorf("%d refunds were made, refused: %v", made, refused)
	}
	w.verified(t)
}

// TestPostTxPlansAgain: a debt becomes smaller between the first plan and the lock; the plan is made again over what was
// recorded meanwhile, and refused. What is asked for again is answered as the first time, once it can be looked up.
func TestPostTxPlansAgain(t *testing.T) {
	t.Parallel()
	w := newPeerBench(t)
	w.raw(t, "test.debt", "debt", "USD", "liabilities:seller:available:s", 8000, "assets:processor:available:main", -8000)
	w.raw(t, "test.deposit", "deposit", "USD", "liabilities:seller_deposit:s", -50000, "assets:processor:available:main", 50000)
	other := w.another(t)
	apply := func(id, amount string) Event {
		return event(t, "seller_deposit.applied", id, fmt.Sprintf(`{"application":%q,"seller":"s","currency":"USD","amount":%q,"reason":"debt"}`, id, amount))
	}
	balance, looked := w.look.balance, 0
	w.look.balance = func(ctx context.Context, book ledger.Book, a ledger.Address, c money.Currency) (money.Minor, error) {
		m, err := balance(ctx, book, a, c)
		if looked++; looked == 1 {
			if r := other.Post(t.Context(), w.book, apply("meanwhile", "50.00")); r.Err != nil {
				t.Error(r.Err)
			}
		}
		return m, err
	}
	if r := w.postTx(t.Context(), apply("late", "80.00")); fault.CodeOf(r.Err) != ErrDebtSmaller.Code {
		t.Errorf("the debt was paid twice: %v", r.Err)
	}
	if looked != 2 {
		t.Errorf("it was planned %d times, want 2", looked)
	}
	if r := w.postTx(t.Context(), apply("rest", "30.00")); r.Err != nil {
		t.Error(r.Err)
	}
	if got := w.balances(t)["liabilities:seller:available:s USD"]; got != "" {
		t.Errorf("the seller's balance is %s, want nothing", got)
	}
	// Whoever leaves between a plan and the look at what its reference has recorded is told neither of a defect nor of a refusal.
	story := w.look.story
	for _, e := range []Event{apply("rest", "30.00"), apply("more", "1.00")} {
		ctx, leave := context.WithCancel(t.Context())
		w.look.story = func(ctx context.Context, book ledger.Book, q ledger.TransactionQuery) (ledger.TransactionPage, error) {
			page, err := story(ctx, book, q)
			if e.Reference == "rest" { // its story has it already
				leave()
			}
			return page, err
		}
		w.look.balance = func(ctx context.Context, book ledger.Book, a ledger.Address, c money.Currency) (money.Minor, error) {
			m, err := balance(ctx, book, a, c)
			leave() // there is no debt to apply the rest to
			return m, err
		}
		if r := w.Post(ctx, w.book, e); ctx.Err() == nil || !errors.Is(r.Err, context.Canceled) {
			t.Errorf("%s, whose sender has gone: %v", e.Reference, r.Err)
		}
	}
	w.look.story, w.look.balance = story, balance
	if r := w.Post(t.Context(), w.book, apply("rest", "30.00")); r.Err != nil || !r.Replayed {
		t.Errorf("sent again: %v", r.Err)
	}
	if r := w.Post(t.Context(), w.book, apply("more", "1.00")); fault.CodeOf(r.Err) != ErrDebtSmaller.Code {
		t.Errorf("where nothing is owed: %v", r.Err)
	}
	w.verified(t)
}
