package payouts

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// Traps on the rails: what the processor, the payee or a slow machine can do at a bad moment.

// tick has the processor look at its clock.
func (h *railHouse) tick(account string) {
	h.t.Helper()
	if _, err := h.rails["connected"].Driver.ReadBalance(h.t.Context(), account); err != nil {
		h.t.Fatal(err)
	}
}

// TestSweptByTheProcessor: somebody has the processor pay an account out by itself that we used to pay out. It has sent the
// money before we order that, so the payout has arrived: what comes to the account later is not taken back for it.
func TestSweptByTheProcessor(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "manual")
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.Slow, a.Interval = 3600, "daily" }); err != nil {
		t.Fatal(err)
	}
	first := h.pay("sel_x", d, "acct_x", "manual", "standard", 20000, 0)
	h.submit()
	h.want(first, Submitted, "balance_insufficient")
	h.clock.Advance(2 * time.Hour)
	h.tick("acct_x")
	h.clock.Advance(24 * time.Hour)
	h.tick("acct_x") // all that is there leaves
	h.clock.Advance(50 * time.Hour)
	h.tick("acct_x")
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.Interval = "manual" }); err != nil {
		t.Fatal(err)
	}
	second := h.pay("sel_x", d, "acct_x", "manual", "standard", 20000, 0)
	h.submit()
	h.want(second, Submitted, "balance_insufficient")
	h.clock.Advance(2 * time.Hour)
	h.exec(`UPDATE payouts SET look_at = $3 WHERE book_id = $1 AND id = $2`, h.book.ID, second, h.clock.Now().Add(time.Hour))
	for range 3 {
		h.followUp()
		h.clock.Advance(2 * time.Hour)
	}
	h.want(first, Paid, "")
	if n := h.sim.Transfers()[first]; n.Reversed != 0 {
		t.Errorf("money of another payout was taken for it: %+v\n%s", n, h.steps(first))
	}
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	h.want(second, Paid, "")
}

// TestInstantBesideAutomatic: an instant payout fails after the processor has made its daily one, which lists what came in
// before and what the instant one took. The money of the instant one did not leave with it: it is taken back.
func TestInstantBesideAutomatic(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "daily")
	h.clock.Advance(14*time.Hour + 55*time.Minute) // 23:55
	h.tick("acct_x")
	if err := h.sim.FailPayouts("acct_x", "could_not_process", 8*time.Minute); err != nil {
		t.Fatal(err)
	}
	quick := h.pay("sel_x", d, "acct_x", "automatic", "instant", 10000, 0)
	h.submit()
	h.want(quick, Submitted, "")
	if err := h.sim.FailPayouts("acct_x", "", 0); err != nil {
		t.Fatal(err)
	}
	slow := h.pay("sel_x", d, "acct_x", "automatic", "standard", 5000, 0)
	h.submit()
	h.clock.Advance(6 * time.Minute) // 00:01: the daily payout, of 50.00
	h.tick("acct_x")
	h.clock.Advance(10 * time.Minute) // the instant one has failed
	for range 3 {
		h.followUp()
		h.clock.Advance(time.Hour)
	}
	p := h.want(quick, Failed, "could_not_process")
	if n := h.sim.Transfers()[quick]; n.Reversed != 10000 || p.PulledBack != 10000 {
		t.Errorf("%+v\n%s", n, h.steps(quick))
	}
	h.clock.Advance(50 * time.Hour)
	h.followUp()
	h.want(slow, Paid, "")
}

// TestLateReversal: a reversal that was looked up twice and thought never to have happened is carried out after all. It is
// found before another key is used, and counted once.
func TestLateReversal(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "manual")
	if err := h.sim.FailPayouts("acct_x", "account_closed", time.Hour); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_x", d, "acct_x", "manual", "standard", 20000, 0)
	h.submit()
	h.charge(100000)
	h.sim.Script(simulator.Fault{Kind: simulator.Fail500, Method: http.MethodPost, Path: "/v1/transfers/" + h.read(id).Transfer + "/reversals"})
	h.clock.Advance(7 * time.Hour)
	h.followUp()
	p := h.want(id, AtAccount, "account_closed")
	if got := h.attempts(id); !strings.Contains(got, "reversal 1 unknown 1 0") {
		t.Fatal(got)
	}
	looked, late, desk := 0, sync.Once{}, h.key(id+instructionBack, 900)
	h.tampered(func(r *http.Request, body []byte) []byte {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/reversals") {
			if looked++; looked == 2 {
				late.Do(func() {
					o, err := processor.NewReversal(desk, p.Transfer, 20000, "USD", nil)
					if err != nil {
						t.Error(err)
					}
					if out := h.rails["connected"].Driver.ReverseTransfer(t.Context(), o); out.Verdict != processor.Done {
						t.Error(out.Code)
					}
				})
			}
		}
		return body
	})
	for range 6 {
		h.clock.Advance(time.Hour)
		h.followUp()
	}
	p = h.want(id, Failed, "account_closed")
	if n := h.sim.Transfers()[id]; n.Reversed != 20000 || p.PulledBack != 20000 {
		t.Errorf("%+v, %s", n, h.attempts(id))
	}
	if got := h.balances(); got["liabilities:seller:available:sel_x"] != 50000 || len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// TestAskedForALookMeanwhile: a notice that comes while a process holds the payout is heard, even if the payout was due
// already, and even if that process would not have looked again.
func TestAskedForALookMeanwhile(t *testing.T) {
	t.Parallel()
	for _, later := range []time.Duration{6 * time.Hour, 0} {
		h, id := one(t, "manual")
		h.submit()
		h.clock.Advance(12 * time.Hour) // it is due
		c, err := h.claim(t.Context(), h.turn(), id, Submitted)
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		h.clock.Advance(time.Second)
		if err := h.nudge(t.Context(), h.book, []string{id}); err != nil {
			t.Fatal(err)
		}
		ch := change{next: c.Payout}
		if later > 0 {
			ch.lookAt = h.clock.Now().Add(later)
		}
		if err := h.write(t.Context(), h.turn(), c, ch); err != nil {
			t.Fatal(err)
		}
		h.letGo(t.Context(), h.turn(), c)
		var at *time.Time
		if err := h.db.Pool.QueryRow(t.Context(), `SELECT look_at FROM payouts WHERE book_id = $1 AND id = $2`, h.book.ID, id).Scan(&at); err != nil {
			t.Fatal(err)
		}
		if at == nil || at.After(h.clock.Now()) {
			t.Errorf("the look that was asked for is at %v instead of now", at)
		}
	}
}

// TestPaceIsNotUsedUp: who is told that the queue is too long takes no place in it, so that the queue ends when the
// processor said.
func TestPaceIsNotUsedUp(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	for _, wait := range []time.Duration{10 * time.Minute, time.Hour} {
		r := h.rails["connected"]
		if _, err := h.takeSlot(t.Context(), r.Name, time.Second); err != nil {
			t.Fatal(err)
		}
		if err := h.slowDown(t.Context(), r.Name, wait); err != nil {
			t.Fatal(err)
		}
		until := h.clock.Now().Add(wait)
		for range 50 {
			if err := h.slot(t.Context(), r); err != errPaceFull {
				t.Fatalf("a request may be made %s before the processor wants one: %v", until.Sub(h.clock.Now()), err)
			}
			h.clock.Advance(time.Millisecond)
		}
		h.clock.Advance(until.Sub(h.clock.Now()))
		began := h.clock.Now()
		if err := h.slot(t.Context(), r); err != nil || h.clock.Now().Sub(began) > 100*time.Millisecond {
			t.Errorf("%s were waited after the processor had waited enough: %v", h.clock.Now().Sub(began), err)
		}
	}
}

// TestHoldBeforeTheNextSending: an order was sent into nowhere, and the payee's money is kept back since. It is not sent
// again, only looked up; what was carried out goes on, what never happened waits for the end of the hold.
func TestHoldBeforeTheNextSending(t *testing.T) {
	t.Parallel()
	for _, kind := range []simulator.Kind{simulator.DropBefore, simulator.ExecuteThenDrop} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			t.Parallel()
			h, id := one(t, "daily")
			h.sim.Script(simulator.Fault{Kind: kind, Method: http.MethodPost, Path: "/v1/transfers"})
			h.submit()
			h.want(id, Unknown, processor.ReasonNoAnswer)
			h.exec(`INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at) VALUES ($1, 'hold_1', 'seller', 'sel_x', 'USD', 'everything', 'sanctions', 'C-1', $2)`,
				h.book.ID, railStart)
			for range 5 {
				h.clock.Advance(time.Hour)
				h.followUp()
				h.submit()
			}
			if kind == simulator.ExecuteThenDrop {
				h.want(id, Submitted, "")
				return
			}
			h.want(id, Refused, codeAbsent)
			if n := h.sim.Transfers()[id]; n.Count != 0 {
				t.Fatalf("%d transfers to somebody whose money is kept back:\n%s", n.Count, h.steps(id))
			}
			h.exec(`UPDATE payout_holds SET released_at = $2, approval = 'ap_1', document = 'D-1' WHERE book_id = $1`, h.book.ID, railStart)
			h.submit()
			h.want(id, Submitted, "")
			if n := h.sim.Transfers()[id]; n.Count != 1 {
				t.Errorf("%d transfers", n.Count)
			}
		})
	}
}

// TestCoolingBeforeSending: the bank behind an account changed after the payout was decided and before it is sent, as when
// somebody takes an account over. It is not sent before the cooling-off is over.
func TestCoolingBeforeSending(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.exec(`UPDATE payout_destinations SET cooling_until = $2 WHERE book_id = $1`, h.book.ID, railStart.Add(72*time.Hour))
	h.submit()
	h.want(id, Created, "")
	if got := h.attempts(id); got != "" {
		t.Errorf("ordered: %s", got)
	}
	h.clock.Advance(73 * time.Hour)
	h.submit()
	h.want(id, Submitted, "")
}

// TestNoticeThatCannotBeRead: a notice about somebody else's transfer that makes no sense is nobody's, and is not read again
// for ever.
func TestNoticeThatCannotBeRead(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.charge(10000)
	if err := h.drain(1000); err != nil {
		t.Fatal(err)
	}
	deliver()
	h.tampered(func(r *http.Request, body []byte) []byte {
		if strings.HasPrefix(r.URL.Path, "/v1/transfers/") {
			return bytes.ReplaceAll(body, []byte(`"usd"`), []byte(`"xxx"`))
		}
		return body
	})
	h.work(h.ReadNotices)
	if got := h.outcomes(); got[""] != 0 {
		t.Errorf("%v", got)
	}
}

// TestNoticesWithoutRail: a service without a processor leaves notices to one that has it.
func TestNoticesWithoutRail(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.fund("sel_x", 50000)
	h.pay("sel_x", h.account("sel_x", "acct_x", "manual"), "acct_x", "manual", "standard", 30000, 0)
	h.submit()
	deliver()
	before := h.outcomes()
	o := h.option
	o.Rails = nil
	h.work(New(o).ReadNotices)
	if got := h.outcomes(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("%v became %v", before, got)
	}
}

// secondBook is another book with a released run. The house stands in it while f runs.
func (h *railHouse) secondBook() (in func(f func())) {
	h.t.Helper()
	book, _, err := h.ledger.CreateBook(h.t.Context(), ledger.NewBook{Code: "us2", Name: "US 2", Currencies: []money.Currency{"USD"}, TimeZone: "America/Chicago", Market: "US"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.exec(`INSERT INTO payout_runs (book_id, id, trigger, cut_off, at_sequence, state, started_by, created_at) VALUES ($1, $2, 'manual', $3, 0, 'released', 'test', $3)`,
		book.ID, h.run, railStart)
	return func(f func()) {
		first := h.book
		h.book = book
		f()
		h.book = first
	}
}

// shared is a destination of the second book at an account that the first one has.
func (h *railHouse) shared(payee, account string) (destination string) {
	h.t.Helper()
	destination = newID("dst")
	h.exec(`INSERT INTO payout_destinations (book_id, id, payee, rail, account, currencies, mode, state, name_match, created_at, active_since, changed_at)
		VALUES ($1, $2, $3, 'connected', $4, '{USD}', 'automatic', 'active', 'match', $5, $5, $5)`, h.book.ID, destination, payee, account, h.clock.Now())
	return destination
}

// TestAccountOfTwoBooks: one payout of the processor carries money of two books. The bank sends it back long after it was
// final, and later the account gets another bank: one notice is enough for both books.
func TestAccountOfTwoBooks(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	in := h.secondBook()
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "daily")
	if err := h.sim.FailPayouts("acct_x", "account_closed", 20*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	one := h.pay("sel_x", d, "acct_x", "automatic", "standard", 30000, 0)
	var two, d2 string
	in(func() {
		h.fund("sel_x", 50000)
		d2 = h.shared("sel_x", "acct_x")
		two = h.pay("sel_x", d2, "acct_x", "automatic", "standard", 20000, 0)
		h.submit()
	})
	h.submit()
	both := func(f func()) {
		f()
		in(f)
	}
	for range 14 {
		h.clock.Advance(26 * time.Hour)
		h.tick("acct_x")
		both(h.followUp)
	}
	h.want(one, Paid, "")
	in(func() { h.want(two, Paid, "") })
	deliver()
	both(func() { h.work(h.ReadNotices) })
	h.clock.Advance(8 * 24 * time.Hour)
	h.tick("acct_x")
	deliver()
	h.work(h.ReadNotices)
	both(h.followUp)
	if p := h.want(one, Paid, "account_closed"); p.PulledBack != 30000 {
		t.Error(h.steps(one))
	}
	in(func() {
		if p := h.want(two, Paid, "account_closed"); p.PulledBack != 20000 || p.ReturnedAt.IsZero() {
			t.Error(h.steps(two))
		}
	})
	read := func(id string) Destination {
		got, err := h.Refresh(t.Context(), h.book, id)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	var before Destination
	in(func() { before = read(d2) })
	read(d)
	h.clock.Advance(time.Hour)
	if _, err := h.sim.ReplaceBank("acct_x", "usd"); err != nil {
		t.Fatal(err)
	}
	deliver()
	h.work(h.ReadNotices)
	in(func() {
		after, err := h.Destination(t.Context(), h.book, d2)
		if err != nil || after.banks == before.banks || !after.CoolingUntil.After(h.clock.Now()) {
			t.Errorf("a new bank is paid at once in the other book: %+v, %v", after, err)
		}
	})
}

// TestNoticesBehindOthers: notices that stay for another book, whose work does not run, keep nobody's notices back.
func TestNoticesBehindOthers(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.secondBook()(func() { h.account("sel_o", "acct_o", "daily") })
	const pages = 1
	h.exec(`INSERT INTO processor_notices (processor, id, account, connect, type, object, kind, live, ours, created, received_at, says, body)
		SELECT 'stripe', 'evt_' || n, 'acct_o', true, 'account.updated', 'acct_o', 'account', false, true, $2, $2, sha256(n::text::bytea), 'x'
		  FROM generate_series(1, $1) n`, 2*carryPage, railStart)
	h.exec(`INSERT INTO processor_notices (processor, id, connect, type, object, kind, live, ours, created, received_at, says, body)
		VALUES ('stripe', 'evt_last', false, 'charge.updated', 'ch_1', 'charge', false, true, $1, $1, sha256('last'), 'x')`, railStart)
	for range 4 {
		if _, err := h.readNotices(t.Context(), h.turn(), pages); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.outcomes(); got[noticeBuyers] != 1 || got[""] != 2*carryPage {
		t.Errorf("%v", got)
	}
}

// TestAnotherAccountOfTheProcessor: the service is started by mistake with the key of another account of the processor,
// where nothing of what was sent is to be found. That proves nothing: the money is neither sent again nor given back.
func TestAnotherAccountOfTheProcessor(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.sim.Script(simulator.Fault{Kind: simulator.ExecuteThen500, Method: http.MethodPost, Path: "/v1/transfers"})
	h.submit()
	h.want(id, Unknown, processor.ReasonProcessor)
	other, err := simulator.New(simulator.Options{Now: h.clock.Now, Key: railKey, Seed: 12, Rate: -1})
	if err != nil {
		t.Fatal(err)
	}
	right := h.url
	h.url = serve(t, other.ServeHTTP)
	mistaken := h.another()
	h.url = right
	for range 4 {
		h.clock.Advance(time.Hour)
		if _, err := mistaken.Submit(t.Context(), h.turn()); err != nil {
			t.Fatal(err)
		}
	}
	h.want(id, Unknown, processor.ReasonProcessor)
	if !strings.Contains(h.logged.String(), "see that the key") {
		t.Errorf("nobody was told: %s", h.logged)
	}
	h.clock.Advance(time.Hour)
	h.submit()
	h.want(id, Submitted, "")
}

// TestComesBackAfterLeavingAgain: a payout that was paid comes back, leaves again by itself long afterwards, and comes back
// once more, without any notice. What leaves late is looked after as long as what left at first.
func TestComesBackAfterLeavingAgain(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	fail := func(after time.Duration) {
		t.Helper()
		if err := h.sim.FailPayouts("acct_x", "account_closed", after); err != nil {
			t.Fatal(err)
		}
	}
	fail(150 * time.Hour) // it arrives after 48 hours, and comes back after 150
	h.submit()
	h.clock.Advance(24 * time.Hour)
	h.tick("acct_x")
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	h.want(id, Paid, "")
	h.clock.Advance(102 * time.Hour)
	h.tick("acct_x") // it has come back
	if err := h.sim.FailPayouts("acct_x", "", 0); err != nil {
		t.Fatal(err)
	}
	fail(120 * time.Hour)
	h.clock.Advance(12 * time.Hour)
	h.tick("acct_x") // it leaves again, arrives after 48 hours, and comes back after 120
	for range 12 {
		h.clock.Advance(24 * time.Hour)
		h.followUp()
	}
	if p := h.want(id, Paid, "account_closed"); p.PulledBack != 30000 {
		t.Errorf("%s", h.steps(id))
	}
}

// TestRetriedOnce: the work of several processes and a person pay the same failed payout again at once. It has one payout
// after it, and the money leaves once.
func TestRetriedOnce(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.withVault()
	h.payable("sel_x")
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "manual")
	h.known("acct_x", d)
	if err := h.sim.FailPayouts("acct_x", "could_not_process", time.Hour); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
	h.submit()
	h.clock.Advance(7 * time.Hour)
	h.followUp()
	h.want(id, Failed, "could_not_process")
	if err := h.sim.FailPayouts("acct_x", "", 0); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(25 * time.Hour)
	if _, err := h.Refresh(t.Context(), h.book, d); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		s := h.another()
		wg.Go(func() {
			if _, err := s.Retry(t.Context(), h.turn()); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			_, _, err := s.RequestPayout(t.Context(), guard.Actor{Kind: guard.Program, ID: "key_ann", Person: "per_ann"}, h.book,
				Request{Reference: fmt.Sprint("by-hand-", i), Holder: Holder{PayeeKey{"seller", "sel_x"}, "USD"}, Retry: id})
			if err != nil && fault.CodeOf(err) != ErrRetried.Code {
				t.Error(err)
			}
		})
		wg.Go(func() { _, _ = s.Submit(t.Context(), h.turn()) }) // whoever is first sends it
	}
	wg.Wait()
	h.submit()
	list := h.after(id)
	if len(list) != 1 || list[0].Amount != 50000 {
		t.Fatalf("%d payouts after one: %+v", len(list), list)
	}
	if n := h.sim.Transfers()[list[0].ID]; n.Count != 1 {
		t.Errorf("%d transfers", n.Count)
	}
}
