package payouts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// TestLeavesAgain: the processor's own payout fails, the bank is mended, and the processor pays the same money again by
// itself before anybody looks. It is not taken back, and arrives once.
func TestLeavesAgain(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	if err := h.sim.FailPayouts("acct_x", "account_closed", time.Hour); err != nil {
		t.Fatal(err)
	}
	h.submit()
	pass := func(d time.Duration) {
		t.Helper()
		h.clock.Advance(d)
		if _, err := h.rails["connected"].Driver.ReadBalance(t.Context(), "acct_x"); err != nil { // the processor's day begins when somebody asks
			t.Fatal(err)
		}
	}
	pass(24 * time.Hour) // it leaves
	pass(2 * time.Hour)  // and comes back
	if err := h.sim.FailPayouts("acct_x", "", 0); err != nil {
		t.Fatal(err)
	}
	pass(24 * time.Hour) // it leaves again
	h.followUp()
	p := h.want(id, Submitted, "")
	if !strings.Contains(h.steps(id), "at_account account_closed") || p.Outgoing == "" {
		t.Fatalf("%s", h.steps(id))
	}
	pass(24 * time.Hour)
	pass(25 * time.Hour)
	h.followUp()
	h.want(id, Paid, "")
	if n := h.sim.Transfers()[id]; n.Count != 1 || n.Reversed != 0 {
		t.Errorf("%+v", n)
	}
	if got := h.balances(); len(got) != 2 || got["liabilities:seller:available:sel_x"] != 20000 {
		t.Errorf("%v", got)
	}
}

// TestTakenBackByOthers: money that somebody takes back at the processor's own desk is told, and not booked.
func TestTakenBackByOthers(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.submit()
	before := h.balances()
	h.work(h.Poll)
	if strings.Contains(h.logged.String(), "ERROR") {
		t.Fatal(h.logged)
	}
	o, err := processor.NewReversal(h.key("desk", 1), h.read(id).Transfer, 1000, "USD", nil)
	if err != nil {
		t.Fatal(err)
	}
	if out := h.rails["connected"].Driver.ReverseTransfer(t.Context(), o); out.Verdict != processor.Done {
		t.Fatal(out.Code)
	}
	h.work(h.Poll)
	if !strings.Contains(h.logged.String(), "taken back, but not by this service") {
		t.Errorf("nobody was told: %s", h.logged)
	}
	if got := h.balances(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("%v", got)
	}
}

// TestAccountNotices: a notice about an account has its destination read again, and a payout that the bank sends back long
// after it was final is returned all the same.
func TestAccountNotices(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "manual")
	if err := h.sim.FailPayouts("acct_x", "account_closed", 20*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 300)
	h.submit()
	for range 12 {
		h.clock.Advance(26 * time.Hour)
		h.followUp()
	}
	h.want(id, Paid, "")
	deliver()
	h.work(h.ReadNotices)
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.PayoutsEnabled = false }); err != nil {
		t.Fatal(err)
	}
	deliver()
	h.work(h.ReadNotices)
	if got, err := h.Destination(t.Context(), h.book, d); err != nil || got.State != DestinationDisabled || got.DisabledCode != CodePayoutsOff {
		t.Errorf("%+v, %v", got, err)
	}
	h.clock.Advance(10 * 24 * time.Hour)
	h.followUp()
	if p := h.want(id, Paid, ""); !p.ReturnedAt.IsZero() {
		t.Fatal("returned without a reason")
	}
	if _, err := h.rails["connected"].Driver.ReadBalance(t.Context(), "acct_x"); err != nil {
		t.Fatal(err)
	}
	deliver()
	h.work(h.ReadNotices)
	if p := h.want(id, Paid, "account_closed"); p.ReturnedAt.IsZero() || p.PulledBack != 30000 {
		t.Errorf("%s", h.steps(id))
	}
	if got := h.balances(); got["liabilities:seller:available:sel_x"] != 49700 || got["revenue:payout_fee"] != 300 {
		t.Errorf("the fee of a returned payout is kept: %v", got)
	}
}

// tellAgain brings every notice that was ever received once more, under another id.
func (h *railHouse) tellAgain(word string) {
	h.t.Helper()
	h.exec(`INSERT INTO processor_notices (processor, id, account, connect, type, object, kind, version, live, ours, created, received_at, says, body)
		SELECT processor, id || '~' || $1, account, connect, type, object, kind, version, live, ours, created, received_at, says, body FROM processor_notices WHERE strpos(id, '~') = 0`, word)
}

// TestReturnedIsOver: what is told of a payout whose money came back, after everything about it is settled, changes nothing: the
// destination that was mended since stays active, and the payout has no more steps.
func TestReturnedIsOver(t *testing.T) {
	t.Parallel()
	h, deliver := noticed(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "manual")
	if err := h.sim.FailPayouts("acct_x", "account_closed", 4*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
	h.submit()
	returned := func(end time.Time) bool {
		t.Helper()
		list, err := h.PayoutsWithin(t.Context(), h.book, h.read(id).Holder, Span{To: 1 << 40, Begin: end.Add(-time.Hour), End: end}, 10)
		if err != nil || len(list) != 1 || list[0].StateThen != Paid {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0].Returned
	}
	for range 3 {
		h.clock.Advance(49 * time.Hour)
		h.followUp()
	}
	back := h.want(id, Paid, "account_closed").ReturnedAt
	if back.IsZero() || !returned(back.Add(time.Second)) {
		t.Fatal(h.steps(id))
	}
	// Had it been taken back later than the bank sent it back, it would have come back then only.
	h.owner(`ALTER TABLE payouts DISABLE TRIGGER USER`)
	h.owner(`UPDATE payouts SET returned_at = returned_at + interval '1 hour' WHERE book_id = $1 AND id = $2`, h.book.ID, id)
	if returned(back.Add(time.Minute)) || !returned(back.Add(2*time.Hour)) {
		t.Errorf("it has come back while it is at the account:\n%s", h.steps(id))
	}
	if err := h.sim.FailPayouts("acct_x", "", 0); err != nil {
		t.Fatal(err)
	}
	if err := h.sim.ChangeAccount("acct_x", func(a *simulator.Account) { a.Banks[0].Fingerprint += "_of_another_bank" }); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Refresh(t.Context(), h.book, d); err != nil || got.State != DestinationActive {
		t.Fatalf("not mended: %+v, %v", got, err)
	}
	steps, balances := h.steps(id), h.balances()
	deliver()
	h.work(h.ReadNotices)
	h.tellAgain("again")
	h.work(h.ReadNotices)
	h.followUp()
	if left := h.outcomes()[""]; left != 0 {
		t.Fatalf("%d notices were not handled", left)
	}
	if got := h.steps(id); got != steps {
		t.Errorf("more happened:\n%s", got)
	}
	if got, err := h.Destination(t.Context(), h.book, d); err != nil || got.State != DestinationActive {
		t.Errorf("the mended destination is %s %q, %v", got.State, got.DisabledCode, err)
	}
	if got := h.balances(); fmt.Sprint(got) != fmt.Sprint(balances) {
		t.Errorf("%v instead of %v", got, balances)
	}
}
