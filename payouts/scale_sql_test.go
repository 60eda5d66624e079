package payouts

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger"
	"mizan/ledger/guard"
	"mizan/ledger/money"
)

// TestManyPayees plans over several pages and chunks: of 1,100 sellers each fifth has only waiting money, and each tenth no
// destination.
func TestManyPayees(t *testing.T) {
	t.Parallel()
	const n, at = 1_100, 400
	h := newRunHouse(t)
	long := h.clock().Add(-60 * 24 * time.Hour)
	h.must(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		for _, sql := range []string{
			`INSERT INTO payees (book_id, id, version, kind, country, currency, minor, recorded_at) SELECT $1, 's' || g, 1, 'seller', 'US', 'USD', false, $3 FROM generate_series(1, $2::int) g`,
			`INSERT INTO payout_standings (book_id, payee, version, verification, business, document, recorded_at) SELECT $1, 's' || g, 1, 'verified', 'open', 'd', $3 FROM generate_series(1, $2::int) g`,
			`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at, first_paid_at)
SELECT $1, 'dst_' || lpad(g::text, 16, '0'), 's' || g, 'connected', 'acct_' || g, '{USD}', 'automatic', 'active', 'match', $3, $3, $3, $3 FROM generate_series(1, $2::int) g WHERE g % 10 <> 0`} {
			if _, err := tx.Exec(t.Context(), sql, h.book.ID, n, long); err != nil {
				return err
			}
		}
		return nil
	}))
	var total money.Minor
	for from := 1; from <= n; from += at {
		d := ledger.Draft{Event: "test.moved"}
		var sum money.Minor
		for i := from; i < min(from+at, n+1); i++ {
			bucket, amount := "available", money.Minor(1000+i)
			if i%5 == 0 {
				bucket = "pending"
			} else {
				total += amount
			}
			sum += amount
			d.Lines = append(d.Lines, ledger.Line{Account: usd("seller", fmt.Sprint("s", i)).bucket(bucket), Amount: -amount, Currency: "USD"})
		}
		d.Lines = append(d.Lines, ledger.Line{Account: "assets:processor:available:main", Amount: sum, Currency: "USD"})
		h.must(h.ledger.Post(t.Context(), h.book, ledger.Submission{Reference: fmt.Sprint("m", from), Drafts: []ledger.Draft{d}}).Err)
	}
	run := h.runOn(runsStart)
	if run.Decided != n || run.Paid != n*4/5 || run.Skipped != n/5 {
		t.Errorf("run %+v", run)
	}
	totals, err := h.Totals(t.Context(), h.book, run.ID)
	h.must(err)
	if len(totals) != 1 || totals[0].Amount != total || totals[0].Payouts != n*4/5 {
		t.Errorf("totals %+v, want %d", totals, total)
	}
	for i, p := range h.payouts(run.ID) {
		if i < 7 {
			_, err := h.Cancel(t.Context(), finance, h.book, p.ID, "a mistake")
			h.must(err)
		}
	}
	exact, err := h.Progress(t.Context(), h.book, run.ID)
	h.must(err)
	if exact.Estimated || exact.Cancelled != 7 || exact.Left != n*4/5-7 {
		t.Errorf("progress %+v", exact)
	}
	for _, x := range []struct {
		few       int
		estimated bool
	}{{n, false}, {50, true}, {5, true}} {
		p, err := h.progressOf(t.Context(), h.book, run.ID, 200, x.few)
		h.must(err)
		if p.Estimated != x.estimated || p.Left+p.Sent != n*4/5 || x.few > 7 && (p.Cancelled != exact.Cancelled || p.Left != exact.Left || p.Paid != 0) || p.Cancelled > 80 {
			t.Errorf("with up to %d counted one by one: %+v", x.few, p)
		}
	}
	// A third that is over lies first by id, as what is sent does, and stands for nothing but itself.
	for _, p := range h.payouts(run.ID)[7 : n*4/15] {
		_, err := h.Cancel(t.Context(), finance, h.book, p.ID, "a mistake")
		h.must(err)
	}
	third, err := h.progressOf(t.Context(), h.book, run.ID, 200, 50)
	h.must(err)
	if want := int64(n * 4 / 15); !third.Estimated || third.Left+third.Sent != n*4/5 || third.Cancelled < want-want/5 || third.Cancelled > want+want/5 || third.Paid > 40 {
		t.Errorf("with the first third over, %d: %+v", want, third)
	}
	for reason, want := range map[string]int{ReasonNothing: n / 5, ReasonNoDestination: n / 10, ReasonDebt: 0} {
		found, after := 0, (*Decided)(nil)
		for {
			page, err := h.Decisions(t.Context(), h.book, DecisionQuery{Run: run.ID, Verdict: VerdictSkip, Reason: reason, After: after, Limit: 100})
			h.must(err)
			found += len(page.Decisions)
			if after = page.Next; after == nil {
				break
			}
		}
		if found != want {
			t.Errorf("%d skipped for %s, want %d", found, reason, want)
		}
	}
	h.sound()
}

// TestRetryIsPaidOnce pays a failed payout again: when its time has come, once, and never one that arrived.
func TestRetryIsPaidOnce(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 5000)
	_, list, err := h.ask("first", who, 2000)
	h.must(err)
	p := list[0]
	retry := func(reference string) (Decided, []Payout, error) {
		return h.RequestPayout(t.Context(), guard.Actor{Kind: guard.Payee, ID: who.ID}, h.book, Request{Reference: reference, Holder: who, Amount: p.Amount, Retry: p.ID})
	}
	if _, _, err := retry("early"); err == nil {
		t.Fatal("a payout that was not sent is paid again")
	}
	policy, err := h.PolicyAt(t.Context(), h.book, h.clock())
	h.must(err)
	h.must(h.db.Pool.Tx(t.Context(), func(tx pgx.Tx) error {
		for _, set := range []string{"state = 'sending'", "state = 'submitted'", "state = 'failed', code = '" + policy.Retry.Transient[0] + "', ended_at = $3"} {
			args := []any{h.book.ID, p.ID}
			if set[len(set)-1] == '3' {
				args = append(args, h.clock())
			}
			if _, err := tx.Exec(t.Context(), `UPDATE payouts SET `+set+` WHERE book_id = $1 AND id = $2`, args...); err != nil {
				return err
			}
		}
		return nil
	}))
	h.move(who, "available", 2000) // as payout.failed gives it back
	d, list, err := retry("at once")
	h.must(err)
	if len(list) != 0 || d.Reasons[0] != ReasonRetryEarly {
		t.Fatalf("before its time: %+v", d)
	}
	h.set(h.clock().Add(25 * time.Hour))
	_, list, err = retry("next day")
	h.must(err)
	if len(list) != 1 || list[0].RetryOf != p.ID || list[0].Retries != 1 {
		t.Fatalf("the next day: %+v", list)
	}
	if _, _, err := retry("again"); err == nil {
		t.Error("paid again twice")
	}
	if _, again, err := retry("next day"); err != nil || len(again) != 1 || again[0].ID != list[0].ID {
		t.Errorf("the same again: %v %+v", err, again)
	}
}
