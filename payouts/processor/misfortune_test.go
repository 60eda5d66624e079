package processor_test

import (
	"slices"
	"testing"
	"time"

	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// TestTheDriverSeesWhatIsCovered: an account below zero, what the platform has reserved for it, and the entries of both.
func TestTheDriverSeesWhatIsCovered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(1_000)
	if _, err := r.sim.AddDebit(payee, 2_500, "usd"); err != nil {
		t.Fatal(err)
	}
	r.balance(payee, "USD", -1_500, 0)
	if got := must(r.driver.ReadBalance(t.Context(), ""))(t)["USD"]; got.Available != 1_000_000-1_000-1_500 || got.Reserved != 1_500 {
		t.Errorf("the platform: %+v", got)
	}
	e := must(r.driver.ListEntries(t.Context(), "", whole))(t)[0]
	if e.Type != "reserve_transaction" || e.Category != "connect_reserved_funds" || e.Net != -1_500 || e.Source != "" {
		t.Errorf("the reserve: %+v", e)
	}
	expect(t, r.driver.CreatePayout(t.Context(), r.payout("below", 1, 100, processor.Standard)), processor.Refused, "balance_insufficient", "")
	r.done(r.driver.SendTransfer(t.Context(), r.transfer("mend", 1, 2_000)))
	r.balance(payee, "USD", 500, 0)
	if got := must(r.driver.ReadBalance(t.Context(), ""))(t)["USD"]; got.Available != 1_000_000-3_000 || got.Reserved != 0 {
		t.Errorf("the platform afterwards: %+v", got)
	}
}

// TestTheDriverSeesAnotherBank: payouts are refused until the destination that failed is replaced, and then go to the new one.
func TestTheDriverSeesAnotherBank(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(30_000)
	if err := r.sim.FailPayouts(payee, "account_closed", time.Minute); err != nil {
		t.Fatal(err)
	}
	failed := done(t, r.driver.CreatePayout(t.Context(), r.payout("a", 1, 10_000, processor.Standard)))
	r.clock.Advance(time.Minute)
	expect(t, r.driver.CreatePayout(t.Context(), r.payout("b", 1, 10_000, processor.Standard)), processor.Refused, "payouts_not_allowed", "")
	bank, err := r.sim.ReplaceBank(payee, "usd")
	if err != nil {
		t.Fatal(err)
	}
	paid := done(t, r.driver.CreatePayout(t.Context(), r.payout("b", 2, 10_000, processor.Standard)))
	if paid.Destination != bank || failed.Destination == bank {
		t.Errorf("to %s and %s, the new one is %s", failed.Destination, paid.Destination, bank)
	}
	r.clock.Advance(72 * time.Hour)
	if got := must(r.driver.ReadPayout(t.Context(), payee, paid.ID))(t); got.State != processor.PayoutPaid {
		t.Errorf("%+v", got)
	}
}

// TestTheDriverSeesADisabledAccount, and that it is refused what it may no longer do.
func TestTheDriverSeesADisabledAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(30_000)
	before := must(r.driver.ReadAccount(t.Context(), payee))(t)
	if err := r.sim.DisableAccount(payee, "requirements.past_due"); err != nil {
		t.Fatal(err)
	}
	got := must(r.driver.ReadAccount(t.Context(), payee))(t)
	if !before.PayoutsEnabled || !before.CanReceive() || got.PayoutsEnabled || got.CanReceive() || got.DisabledReason != "requirements.past_due" || len(got.Due) == 0 {
		t.Errorf("%+v, before %+v", got, before)
	}
	expect(t, r.driver.SendTransfer(t.Context(), r.transfer("c", 1, 100)), processor.Refused, "insufficient_capabilities_for_transfer", "")
	expect(t, r.driver.CreatePayout(t.Context(), r.payout("c", 1, 100, processor.Standard)), processor.Refused, "payouts_not_allowed", "")
	notices := must(r.driver.ListNotices(t.Context(), payee, whole))(t)
	if !slices.ContainsFunc(notices, func(n processor.Notice) bool { return n.Type == "account.updated" && n.Object == payee }) {
		t.Errorf("nothing was announced: %+v", notices)
	}
}

// TestTheDriverSeesWhatInstantCosts: the account's entry carries the fee, or the platform's own bill does.
func TestTheDriverSeesWhatInstantCosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(30_000)
	first := done(t, r.driver.CreatePayout(t.Context(), r.payout("i", 1, 1_000, processor.Instant)))
	if e := must(r.driver.ListEntries(t.Context(), payee, whole))(t)[0]; e.Source != first.ID || e.Amount != -1_000 || e.Fee != 50 || e.Net != -1_050 {
		t.Errorf("%+v", e)
	}
	if err := r.sim.ChangeAccount(payee, func(a *simulator.Account) { a.PlatformPays = true }); err != nil {
		t.Fatal(err)
	}
	done(t, r.driver.CreatePayout(t.Context(), r.payout("j", 1, 10_000, processor.Instant)))
	if e := must(r.driver.ListEntries(t.Context(), payee, whole))(t)[0]; e.Fee != 0 || e.Net != -10_000 {
		t.Errorf("%+v", e)
	}
	if e := must(r.driver.ListEntries(t.Context(), "", whole))(t)[0]; e.Type != "stripe_fee" || e.Category != "fee" || e.Net != -100 || e.Source != "" {
		t.Errorf("%+v", e)
	}
}
