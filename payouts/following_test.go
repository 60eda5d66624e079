package payouts

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// deliver brings all notices of the processor to the house's table.
func (h *railHouse) deliver() {
	h.t.Helper()
	if _, err := h.sim.Deliver(h.t.Context(), http.DefaultClient); err != nil {
		h.t.Fatal(err)
	}
}

// noticed is a house whose notices come in by HTTP.
func noticed(t *testing.T) (h *railHouse, open func()) {
	t.Helper()
	var door string
	relay := func(w http.ResponseWriter, r *http.Request) {
		q, err := http.NewRequestWithContext(r.Context(), r.Method, door, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		q.Header, q.ContentLength = r.Header, r.ContentLength
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = a.Body.Close() // nothing is read of it
		w.WriteHeader(a.StatusCode)
	}
	url := serve(t, relay)
	h = newRailHouse(t, func(o *simulator.Options) {
		o.Endpoints = []simulator.Endpoint{{URL: url, Secret: railPlatform}, {URL: url, Secret: railConnect, Connect: true}}
	})
	door = h.receive()
	return h, h.deliver
}

// outcomes counts the notices by what came of them.
func (h *railHouse) outcomes() map[string]int {
	h.t.Helper()
	rows, err := h.db.Pool.Query(h.t.Context(), `SELECT outcome, count(*) FROM processor_notices GROUP BY outcome`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]int{}
	for rows.Next() {
		var outcome string
		var n int
		if err := rows.Scan(&outcome, &n); err != nil {
			h.t.Fatal(err)
		}
		got[outcome] = n
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return got
}

// TestNoticesHaveOneEffect (peers' bug 17): twenty who read the same notices at once have the effect of one, and notices of
// nobody are noted as such.
func TestNoticesHaveOneEffect(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.fund("sel_x", 50000)
	id := h.pay("sel_x", h.account("sel_x", "acct_x", "manual"), "acct_x", "manual", "standard", 30000, 0)
	h.submit()
	h.clock.Advance(47 * time.Hour)
	h.followUp() // the next look is hours away
	h.clock.Advance(2 * time.Hour)
	deliver()
	h.exec(`UPDATE payouts SET look_at = $2 WHERE book_id = $1`, h.book.ID, h.clock.Now().Add(24*time.Hour))
	h.want(id, Submitted, "")
	var wg sync.WaitGroup
	for range 20 {
		s := h.another()
		wg.Go(func() {
			if _, err := s.ReadNotices(t.Context(), h.turn()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.want(id, Paid, "")
	if got := h.outcomes(); got[""] != 0 || got[noticeLooked] == 0 || got[noticeBuyers] == 0 {
		t.Errorf("%v", got)
	}
	if n := strings.Count(h.steps(id), " paid "); n != 1 {
		t.Errorf("paid %d times:\n%s", n, h.steps(id))
	}
}

// TestUndoneInDebt (peers' bug 48): our balance at the processor is empty when a payout fails. Its money comes back all the
// same, and with it the next payout can be sent, under a new key, which was refused before.
func TestUndoneInDebt(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 30000)
	d := h.account("sel_x", "acct_x", "manual")
	if err := h.sim.FailPayouts("acct_x", "account_closed", time.Hour); err != nil {
		t.Fatal(err)
	}
	first := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
	h.submit()
	h.fund("sel_y", 20000)
	second := h.pay("sel_y", h.account("sel_y", "acct_y", "manual"), "acct_y", "manual", "standard", 20000, 0)
	if err := h.drain(19900); err != nil {
		t.Fatal(err)
	}
	h.submit()
	h.want(second, Refused, "balance_insufficient")
	h.clock.Advance(7 * time.Hour)
	h.followUp()
	h.want(first, Failed, "account_closed")
	h.clock.Advance(time.Hour)
	h.submit()
	h.want(second, Submitted, "")
	if got := h.attempts(second); !strings.HasPrefix(got, "transfer 1 refused 1 0, transfer 2 done 1 0") {
		t.Error(got)
	}
	for id, n := range h.sim.Transfers() {
		if n.Count != 1 && id != "drain" {
			t.Errorf("%d transfers of %s", n.Count, id)
		}
	}
}

// TestEmptyBalance: nothing is ordered while our balance has nothing, and what waited is sent when it has.
func TestEmptyBalance(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	if err := h.drain(50000); err != nil {
		t.Fatal(err)
	}
	h.submit()
	h.want(id, Created, "")
	if got := h.attempts(id); got != "" {
		t.Errorf("ordered: %s", got)
	}
	h.charge(30000)
	h.submit()
	h.want(id, Submitted, "")
}

// key is a key for orders that are given behind the service's back.
func (h *railHouse) key(instruction string, attempt int) processor.Key {
	h.t.Helper()
	key, err := processor.Name(instruction, attempt)
	if err == nil {
		key, err = key.Keep(h.t.Context(), h.clock.Now(), 1, func(context.Context) error { return nil })
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return key
}

// drain takes money out of our balance at the processor.
func (h *railHouse) drain(cents int64) error {
	h.t.Helper()
	if err := h.sim.AddAccount("acct_drain", "US", "usd"); err != nil {
		return err
	}
	r := h.rails["connected"]
	o, err := processor.NewTransfer(h.key("drain", 1), "acct_drain", money.Minor(cents), "USD", nil)
	if err != nil {
		return err
	}
	if out := r.Driver.SendTransfer(h.t.Context(), o); out.Verdict != processor.Done {
		return fmt.Errorf("not drained: %s", out.Code)
	}
	return nil
}

// takeOut pays money out of a connected account behind our back.
func (h *railHouse) takeOut(account string, cents int64) {
	h.t.Helper()
	o, err := processor.NewPayout(h.key("behind-our-back", 1), account, processor.Standard, money.Minor(cents), "USD", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if out := h.rails["connected"].Driver.CreatePayout(h.t.Context(), o); out.Verdict != processor.Done {
		h.t.Fatalf("not taken out: %s", out.Code)
	}
}

// TestPulledBackInParts (M-33): the payee's account has only a part of the money of a payout that failed. What is there
// comes back now, the rest stays in transit until it is there, and both together are the payout.
func TestPulledBackInParts(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "manual")
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.Slow = 3600 }); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_x", d, "acct_x", "manual", "standard", 8010, 120)
	h.submit()
	h.want(id, Submitted, "balance_insufficient") // it is not available at the account yet
	h.clock.Advance(2 * time.Hour)
	h.takeOut("acct_x", 3010)
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.PayoutsEnabled = false }); err != nil {
		t.Fatal(err)
	}
	h.followUp()
	p := h.want(id, AtAccount, "payouts_not_allowed")
	if p.PulledBack != 5000 {
		t.Fatalf("%s came back:\n%s", p.PulledBack.Format("USD"), h.steps(id))
	}
	want := "[Cr assets:cash_in_transit:main 50.00 Cr liabilities:seller:available:sel_x 50.00 Dr assets:processor:available:main 50.00 Dr liabilities:payout_in_transit:sel_x 50.00]"
	if got := fmt.Sprint(h.posted(id, AtAccount)); got != want {
		t.Errorf("%s\ninstead of\n%s", got, want)
	}
	health, err := h.Health(t.Context(), h.book)
	if err != nil || health.AtAccount != 1 {
		t.Errorf("%+v, %v", health, err)
	}
	h.fund("sel_z", 3010)
	more := h.pay("sel_z", d, "acct_x", "automatic", "standard", 3010, 0) // money comes to the account again
	h.owner(`UPDATE payout_destinations SET state = 'active', payee = 'sel_z' WHERE book_id = $1 AND id = $2`, h.book.ID, d)
	h.submit()
	h.want(more, Submitted, "")
	h.clock.Advance(3 * time.Hour)
	h.followUp()
	p = h.want(id, Failed, "payouts_not_allowed")
	got := h.balances()
	if p.PulledBack != 8010 || got["liabilities:seller:available:sel_x"] != 50000 || got["revenue:payout_fee"] != 0 {
		t.Errorf("%+v %v\n%s", p.PulledBack, got, h.steps(id))
	}
	if n := h.sim.Transfers()[id]; n.Reversed != 8010 || n.Count != 1 {
		t.Errorf("%+v", n)
	}
}

// TestDestinationsFault: an account that cannot receive is disabled, and the money goes back to the payee.
func TestDestinationsFault(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "daily")
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.Capabilities["transfers"] = "inactive" }); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_x", d, "acct_x", "automatic", "standard", 30000, 300)
	next := h.pay("sel_x", d, "acct_x", "automatic", "standard", 5000, 0)
	h.submit()
	h.submit()
	for id, code := range map[string]string{id: "insufficient_capabilities_for_transfer", next: "insufficient_capabilities_for_transfer"} {
		if p := h.read(id); p.State != Cancelled || p.Code != code && p.Code != "destination-disabled" {
			t.Errorf("%s %q:\n%s", p.State, p.Code, h.steps(id))
		}
	}
	if got := h.balances(); got["liabilities:seller:available:sel_x"] != 50000 || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if len(h.sim.Transfers()) != 0 {
		t.Error("something was sent")
	}
}

// TestKeptBack: what waits for a second person, belongs to a run that was not released, or to a payee under a hold is not
// sent, and is sent when that is over. One that is cancelled is never sent (bug 16).
func TestKeptBack(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	hold := "hold_1"
	h.exec(`INSERT INTO payout_holds (book_id, id, kind, payee, currency, effect, category, case_id, placed_at) VALUES ($1, $2, 'seller', 'sel_x', '', 'pause', 'review', 'C-1', $3)`,
		h.book.ID, hold, railStart)
	h.submit()
	h.want(id, Created, "")
	h.exec(`UPDATE payout_holds SET released_at = $3, approval = 'ap_1', document = 'D-1' WHERE book_id = $1 AND id = $2`, h.book.ID, hold, railStart)
	for needs, since := range map[string]time.Duration{"{}": time.Hour, "{manual-run}": 3 * time.Hour} { // planned, and released by a person
		h.owner(fmt.Sprintf(`ALTER TABLE payout_runs DISABLE TRIGGER moves_on; UPDATE payout_runs SET needs = '%s', planned_at = '%s', ended_at = '%s'; ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER moves_on`,
			needs, railStart.Add(time.Hour).Format(time.RFC3339), railStart.Add(3*time.Hour).Format(time.RFC3339)))
		if health, err := h.Health(t.Context(), h.book); err != nil || health.Unsent != 1 || !health.OldestUnsent.Equal(railStart.Add(since)) {
			t.Errorf("needing %s: %+v, %v", needs, health, err)
		}
	}
	h.owner(`ALTER TABLE payout_runs DISABLE TRIGGER moves_on; UPDATE payout_runs SET planned_at = NULL, ended_at = NULL; ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER moves_on`)
	h.owner(`ALTER TABLE payout_runs DISABLE TRIGGER moves_on; UPDATE payout_runs SET state = 'waiting', needs = '{manual-run}'; ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER moves_on`)
	h.submit()
	h.want(id, Created, "")
	h.owner(`ALTER TABLE payout_runs DISABLE TRIGGER moves_on; UPDATE payout_runs SET state = 'waiting', needs = '{}'; ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER moves_on`) // for others of the run
	h.owner(`ALTER TABLE payouts DISABLE TRIGGER moves_on; UPDATE payouts SET needs_person = true; ALTER TABLE payouts ENABLE ALWAYS TRIGGER moves_on`)
	h.submit()
	h.want(id, Created, "")
	h.exec(`UPDATE payouts SET released_at = $2 WHERE book_id = $1`, h.book.ID, railStart)
	var wg sync.WaitGroup
	for range 10 {
		s := h.another()
		wg.Go(func() { _, _ = s.Submit(t.Context(), h.turn()) })
		wg.Go(func() { _, _ = s.Cancel(t.Context(), guard.Actor{Kind: guard.Person, ID: "u"}, h.book, id, "raced") })
	}
	wg.Wait()
	p, sent := h.read(id), h.sim.Transfers()[id].Count
	if !(p.State == Cancelled && sent == 0) && !(p.State == Submitted && sent == 1) {
		t.Errorf("%s with %d transfers:\n%s", p.State, sent, h.steps(id))
	}
}

// TestOthersAreSentMeanwhile: a run that waits on account of single payouts keeps nobody else's money.
func TestOthersAreSentMeanwhile(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.owner(`ALTER TABLE payout_runs DISABLE TRIGGER moves_on; UPDATE payout_runs SET state = 'waiting', needs = '{}', ended_at = NULL; ALTER TABLE payout_runs ENABLE ALWAYS TRIGGER moves_on`)
	h.submit()
	h.want(id, Submitted, "")
}

// TestPace: two services together stay within what the processor takes in a second, and the progress of a run says when it
// will be done.
func TestPace(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t, func(o *simulator.Options) { o.Rate = 20 })
	for i := range 60 {
		payee, account := fmt.Sprintf("sel_%d", i), fmt.Sprintf("acct_%d", i)
		h.fund(payee, 1000)
		h.pay(payee, h.account(payee, account, "daily"), account, "automatic", "standard", 1000, 0)
	}
	before, err := h.Progress(t.Context(), h.book, h.run)
	if err != nil || before.Left != 60 || before.Sent != 0 || before.DoneAt.Sub(h.clock.Now()) != 9*time.Second {
		t.Fatalf("%+v, %v", before, err)
	}
	began := h.clock.Now()
	var wg sync.WaitGroup
	for _, s := range []*Service{h.Service, h.another()} {
		wg.Go(func() {
			if _, err := s.Submit(t.Context(), h.turn()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	took := h.clock.Now().Sub(began)
	after, err := h.Progress(t.Context(), h.book, h.run)
	if err != nil || after.Sent != 60 || after.Left != 0 || !after.DoneAt.IsZero() {
		t.Errorf("%+v, %v", after, err)
	}
	if least := 5 * time.Second; took < least {
		t.Errorf("%d requests took %s", h.sim.Requests(), took)
	}
	var limited int
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM payout_attempts WHERE book_id = $1 AND sendings > 1`, h.book.ID).Scan(&limited); err != nil || limited > 0 {
		t.Errorf("%d orders were sent again, because there were too many: %v", limited, err)
	}
}

// TestRetryAfter: what the processor says about waiting holds for everybody.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	refused := 0
	h.tamperedHeader(func(r *http.Request) (int, http.Header) {
		if r.Method == http.MethodPost && refused == 0 {
			refused++
			return http.StatusTooManyRequests, http.Header{"Retry-After": {"60"}}
		}
		return 0, nil
	})
	h.submit()
	h.want(id, Submitted, "")
	if h.clock.Now().Sub(railStart) < time.Minute {
		t.Errorf("asked again after %s", h.clock.Now().Sub(railStart))
	}
}
