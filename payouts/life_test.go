package payouts

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mizan/ledger/money"
)

// posted are the entries of the transaction of a payout's last step in a state.
func (h *railHouse) posted(id, state string) []string {
	h.t.Helper()
	list, err := h.Steps(h.t.Context(), h.book, id, 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range slices.Backward(list) {
		if s.State == state && s.Sequence > 0 {
			return h.entries(s.Sequence)
		}
	}
	h.t.Fatalf("payout %s posted nothing as %s:\n%s", id, state, h.steps(id))
	return nil
}

// TestLifeOfPayouts plays S11 as far as payouts go: an instant payout whose account is closed, a standard one that the bank
// returns after two days, and what follows to another account while a hold stands.
func TestLifeOfPayouts(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	same := func(what string, got []string, want ...string) {
		t.Helper()
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	h.fund("sel_x", 50000)
	first := h.account("sel_x", "acct_one", "daily")
	if err := h.sim.FailPayouts("acct_one", "account_closed", time.Hour); err != nil {
		t.Fatal(err)
	}
	instant := h.pay("sel_x", first, "acct_one", "automatic", "instant", 20000, 300)
	same("created", h.posted(instant, Created), "Dr liabilities:seller:available:sel_x 203.00", "Cr liabilities:payout_in_transit:sel_x 200.00", "Cr revenue:payout_fee 3.00")
	h.submit()
	same("submitted", h.posted(instant, Submitted), "Dr assets:cash_in_transit:main 200.00", "Cr assets:processor:available:main 200.00")
	h.clock.Advance(5 * time.Minute)
	h.work(h.Poll)
	if got := h.balances(); got["expenses:processor_fee"] != 200 || got["assets:processor:available:main"] != 29800 {
		t.Fatalf("the cost of the instant payout is not booked: %v\n%s\n%s", got, h.steps(instant), h.logged)
	}
	h.clock.Advance(20 * time.Minute)
	h.followUp()
	h.want(instant, Paid, "") // within minutes, and not for long
	if first := h.read(instant); first.PaidAt.IsZero() {
		t.Error("paid without a time")
	}

	// The same with an account that is known to be closed at once.
	h2 := newRailHouse(t)
	h2.fund("sel_x", 50000)
	one := h2.account("sel_x", "acct_one", "daily")
	if err := h2.sim.FailPayouts("acct_one", "account_closed", 0); err != nil {
		t.Fatal(err)
	}
	instant = h2.pay("sel_x", one, "acct_one", "automatic", "instant", 20000, 300)
	h = h2
	h.submit()
	h.clock.Advance(5 * time.Minute)
	h.work(h.Poll)
	h.followUp()
	h.want(instant, Failed, "account_closed")
	same("failed", h.posted(instant, Failed), "Dr liabilities:payout_in_transit:sel_x 200.00", "Dr revenue:payout_fee 3.00", "Cr liabilities:seller:available:sel_x 203.00",
		"Dr assets:processor:available:main 200.00", "Cr assets:cash_in_transit:main 200.00", "Dr assets:processor:available:main 2.00", "Cr expenses:processor_fee 2.00")
	d, err := h.Destination(t.Context(), h.book, one)
	if err != nil || d.State != "disabled" || d.DisabledCode != "account_closed" {
		t.Fatalf("the destination is %s %q: %v", d.State, d.DisabledCode, err)
	}
	if got := h.balances(); got["liabilities:seller:available:sel_x"] != 50000 || got["assets:processor:available:main"] != 50000 || len(got) != 2 {
		t.Errorf("%v", got)
	}

	two := h.account("sel_x", "acct_two", "manual")
	if err := h.sim.FailPayouts("acct_two", "account_closed", 4*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	standard := h.pay("sel_x", two, "acct_two", "manual", "standard", 30000, 0)
	h.submit()
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	same("paid", h.posted(standard, Paid), "Dr liabilities:payout_in_transit:sel_x 300.00", "Cr assets:cash_in_transit:main 300.00")
	arrived := h.want(standard, Paid, "").PaidAt
	paid := func(since time.Time, want money.Minor) {
		t.Helper()
		if got, known, err := h.PaidSince(t.Context(), h.book, Holder{PayeeKey: PayeeKey{Kind: KindSeller, ID: "sel_x"}, Currency: "USD"}, since); err != nil || !known || got != want {
			t.Errorf("paid since %s: %d, %v, %v, want %d", since, got, known, err, want)
		}
	}
	paid(arrived, 30000)
	h.clock.Advance(48 * time.Hour)
	h.followUp()
	p := h.want(standard, Paid, "account_closed")
	if p.ReturnedAt.IsZero() || p.PaidAt.IsZero() {
		t.Fatalf("not returned: %s", h.steps(standard))
	}
	same("returned", h.posted(standard, Paid), "Dr assets:processor:available:main 300.00", "Cr liabilities:seller:available:sel_x 300.00")
	paid(arrived, 0)
	paid(arrived.Add(time.Second), -30000)

	three := h.account("sel_x", "acct_three", "manual")
	last := h.pay("sel_x", three, "acct_three", "manual", "standard", 38000, 0, standard)
	h.submit()
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	if p := h.want(last, Paid, ""); p.RetryOf != standard {
		t.Error("the retry does not name what it pays again")
	}
	if got := h.balances(); got["liabilities:seller:available:sel_x"] != 12000 || got["assets:processor:available:main"] != 12000 {
		t.Errorf("%v", got)
	}
	for id, n := range h.sim.Transfers() {
		if n.Count != 1 {
			t.Errorf("%d transfers of %s", n.Count, id)
		}
	}
	// A payout that came back is never used again, whatever comes late.
	for _, id := range []string{instant, standard} {
		before := h.read(id)
		h.submit()
		h.followUp()
		if after := h.read(id); after.State != before.State || after.ChangedAt != before.ChangedAt {
			t.Errorf("%s has moved: %s", id, h.steps(id))
		}
	}
	if strings.Contains(h.logged.String(), "ERROR") {
		t.Error(h.logged)
	}
}
