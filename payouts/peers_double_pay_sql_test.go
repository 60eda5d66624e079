package payouts

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// How others have paid twice, or not at all, as tests.

// TestSpreeAnErrorReleasesNothing (spree #14500: any error released the items, and the next sweep paid them under a new key): as
// long as an outcome is no definite refusal, the money stays in transit, the payout cannot be cancelled, and no sweep makes a new key.
func TestSpreeAnErrorReleasesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []simulator.Kind{simulator.DropBefore, simulator.ExecuteThenDrop, simulator.HTML502, simulator.Fail500, simulator.Conflict409, simulator.LockTimeout} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h, id := one(t, "daily")
			before := h.balances()
			h.sim.Script(simulator.Fault{Kind: kind, Method: http.MethodPost, Path: "/v1/transfers", Times: 100})
			if kind == simulator.ExecuteThenDrop { // it would be found
				h.sim.Script(simulator.Fault{Kind: simulator.DropBefore, Method: http.MethodGet, Path: "/v1/transfers", Times: 100})
			}
			for range 4 {
				h.submit()
				h.clock.Advance(time.Minute)
				h.followUp()
				if p := h.read(id); p.State != Unknown {
					t.Fatalf("%s", h.steps(id))
				}
				if got := h.attempts(id); strings.Contains(got, "transfer 2") {
					t.Fatalf("another key: %s", got)
				}
				if _, err := h.Cancel(t.Context(), guard.Actor{Kind: guard.Person, ID: "per_ann"}, h.book, id, "It is an error."); !errors.Is(err, ErrState) {
					t.Fatalf("cancelled: %v", err)
				}
				if got := h.balances(); fmt.Sprint(got) != fmt.Sprint(before) {
					t.Fatalf("something was given back: %v", got)
				}
			}
			if n := h.sim.Transfers()[id]; n.Count > 1 {
				t.Errorf("%d transfers", n.Count)
			}
		})
	}
}

// TestElizaACancelledReferenceIsSpent (elizaOS #11022: the hold was given back, and its key stayed good for a payout that nothing
// paid for): a payout is cancelled and its money given back. The same request again is answered with the cancelled payout, and pays
// nothing; a new one takes the money once.
func TestElizaACancelledReferenceIsSpent(t *testing.T) {
	t.Parallel()
	h := newRunHouse(t)
	h.set(runsStart)
	who := usd("seller", "sel_1")
	h.ready(who, true)
	h.move(who, "available", 10_000)
	_, first, err := h.ask("click", who, 10_000)
	h.must(err)
	_, err = h.Cancel(t.Context(), finance, h.book, first[0].ID, "Not wanted.")
	h.must(err)
	for range 2 {
		_, again, err := h.ask("click", who, 10_000)
		if err != nil || len(again) != 1 || again[0].ID != first[0].ID || again[0].State != Cancelled {
			t.Fatalf("%+v, %v", again, err)
		}
		if _, err := h.Cancel(t.Context(), finance, h.book, first[0].ID, "Again."); !errors.Is(err, ErrState) {
			t.Fatalf("given back twice: %v", err)
		}
	}
	_, second, err := h.ask("another", who, 10_000)
	if err != nil || len(second) != 1 || second[0].LeftAfter != 0 {
		t.Fatalf("%+v, %v", second, err)
	}
	if paid, err := h.Paying(t.Context(), h.book, who, []money.Minor{10_000}); err != nil || paid[10_000].Payout != second[0].ID {
		t.Errorf("the money that came back is paid by %+v, %v", paid, err)
	}
	_, again, err := h.ask("click", who, 10_000)
	if err != nil || again[0].State != Cancelled {
		t.Errorf("%+v, %v", again, err)
	}
	h.sound()
}

// TestElizaARetryTakesTheMoneyAgain: a payout was pulled back, and its money given back. What pays it again takes the money from
// the payee once, under a key of its own, however often it is asked for; the first one is never sent again.
func TestElizaARetryTakesTheMoneyAgain(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.withVault()
	h.payable("sel_x")
	h.fund("sel_x", 30000)
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
	for range 3 {
		h.work(h.Retry)
		h.submit()
		h.followUp()
	}
	list := h.after(id)
	if len(list) != 1 || list[0].Amount != 30000 || list[0].LeftAfter != 0 {
		t.Fatalf("%+v", list)
	}
	if got := h.balances(); got["liabilities:seller:available:sel_x"] != 0 || got["assets:processor:available:main"] != 0 {
		t.Errorf("%v", got)
	}
	all := h.sim.Transfers()
	if first, second := all[id], all[list[0].ID]; len(all) != 2 || first.Count != 1 || first.Reversed != 30000 || second.Count != 1 || second.Reversed != 0 {
		t.Errorf("%+v", all)
	}
}

// TestGumroadATimeoutOrdersOnce (gumroad #7109: a timeout after the processor had accepted, and a second top-up): each of the three
// acts is carried out and its answer lost, and is looked into soon, or only when the processor has forgotten the key. It is ordered once.
func TestGumroadATimeoutOrdersOnce(t *testing.T) {
	t.Parallel()
	for _, act := range []processor.Act{processor.ActTransfer, processor.ActPayout, processor.ActReversal} {
		for _, later := range []time.Duration{time.Minute, 25 * time.Hour} {
			t.Run(fmt.Sprint(act, later), func(t *testing.T) {
				t.Parallel()
				h := newRailHouse(t)
				h.fund("sel_x", 50000)
				d := h.account("sel_x", "acct_x", "manual")
				if act == processor.ActReversal {
					if err := h.sim.FailPayouts("acct_x", "account_closed", time.Hour); err != nil {
						t.Fatal(err)
					}
				}
				id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
				lost := simulator.Fault{Kind: simulator.ExecuteThenDrop, Method: http.MethodPost, Path: map[processor.Act]string{
					processor.ActTransfer: "/v1/transfers", processor.ActPayout: "/v1/payouts", processor.ActReversal: "/v1/transfers/"}[act]}
				h.sim.Script(lost)
				h.submit()
				if act == processor.ActReversal {
					h.clock.Advance(7 * time.Hour)
					h.followUp()
				}
				if got := h.attempts(id); !strings.Contains(got, string(act)+" 1 unknown 1") {
					t.Fatalf("nothing was lost: %s", got)
				}
				for range 4 {
					h.clock.Advance(later)
					h.submit()
					h.followUp()
				}
				h.clock.Advance(49 * time.Hour)
				h.followUp()
				want := map[bool]string{true: Failed, false: Paid}[act == processor.ActReversal]
				if p := h.read(id); p.State != want {
					t.Errorf("%s", h.steps(id))
				}
				n, out := h.sim.Transfers()[id], h.sim.Payouts(processor.MetadataInstruction)[id+instructionOut]
				if got := h.attempts(id); n.Count != 1 || act == processor.ActReversal && n.Reversed != 30000 || act != processor.ActReversal && (n.Reversed != 0 || out.Count != 1) || strings.Contains(got, string(act)+" 2") {
					t.Errorf("%+v, %+v: %s", n, out, got)
				}
			})
		}
	}
}

// TestGumroadAFailedReversalGivesNothingBack (gumroad #6620: the reversal had failed, and the balances were returned to unpaid): as
// long as the processor has not given the money back, it is in transit and not the payee's.
func TestGumroadAFailedReversalGivesNothingBack(t *testing.T) {
	t.Parallel()
	for _, kind := range []simulator.Kind{simulator.Fail500, simulator.DropBefore, simulator.Refuse403} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := newRailHouse(t)
			h.fund("sel_x", 50000)
			d := h.account("sel_x", "acct_x", "manual")
			if err := h.sim.FailPayouts("acct_x", "account_closed", time.Hour); err != nil {
				t.Fatal(err)
			}
			id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
			h.submit()
			before := h.balances()
			h.tamperedHeader(func(r *http.Request) (int, http.Header) { // nothing else is in the way
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/reversals") {
					return map[simulator.Kind]int{simulator.Fail500: 500, simulator.DropBefore: 502, simulator.Refuse403: 400}[kind], nil
				}
				return 0, nil
			})
			for range 6 {
				h.clock.Advance(7 * time.Hour)
				h.followUp()
				h.work(h.Retry)
				if p := h.read(id); p.State != AtAccount || p.PulledBack != 0 {
					t.Fatalf("%s", h.steps(id))
				}
				if got := h.balances(); fmt.Sprint(got) != fmt.Sprint(before) {
					t.Fatalf("given back: %v", got)
				}
				if list := h.after(id); len(list) != 0 {
					t.Fatalf("paid again: %+v", list)
				}
			}
			h.tamperedHeader(nil)
			for range 6 {
				h.clock.Advance(25 * time.Hour)
				h.followUp()
			}
			h.want(id, Failed, "account_closed")
			if got, n := h.balances(), h.sim.Transfers()[id]; got["liabilities:seller:available:sel_x"] != 50000 || n.Count != 1 || n.Reversed != 30000 {
				t.Errorf("%v, %+v", got, n)
			}
		})
	}
}

// TestLiberapayDriftStops (liberapay #1533: what was repeated had other parameters): an order that was sent into nowhere and whose
// stored parameters have changed since is not sent, under its own key or another, and people are told.
func TestLiberapayDriftStops(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"amount = amount + 1", "currency = 'EUR'", "account = 'acct_y'", "digest = repeat('0', 64)"} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			h, id := one(t, "daily")
			h.sim.Script(simulator.Fault{Kind: simulator.DropBefore, Method: http.MethodPost, Path: "/v1/transfers"})
			h.submit()
			h.want(id, Unknown, processor.ReasonNoAnswer)
			before := h.balances()
			h.owner(`ALTER TABLE payout_attempts DISABLE TRIGGER USER; UPDATE payout_attempts SET ` + change)
			for range 8 {
				h.clock.Advance(5 * time.Hour) // beyond the life of the key
				h.followUp()
				h.submit()
			}
			h.want(id, Unknown, codeDigest)
			if got := h.attempts(id); !strings.HasPrefix(got, "transfer 1 unknown") || strings.Contains(got, ", ") {
				t.Errorf("%s", got)
			}
			if len(h.sim.Transfers()) != 0 || !strings.Contains(h.logged.String(), "ERROR") || fmt.Sprint(h.balances()) != fmt.Sprint(before) {
				t.Errorf("%v, %v\n%s", h.sim.Transfers(), h.balances(), h.logged)
			}
		})
	}
}

// TestOmiARefusalForMoneyIsNotForADay (omi #7184: the processor repeated its cached balance_insufficient for a day): our balance was
// too small. When it is filled up, a new attempt with a key of its own follows within the hour, and the reason of the first is kept.
func TestOmiARefusalForMoneyIsNotForADay(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	if err := h.drain(40000); err != nil {
		t.Fatal(err)
	}
	h.submit()
	h.want(id, Refused, "balance_insufficient")
	before := h.balances()
	h.charge(40000)
	for range 4 {
		h.clock.Advance(15 * time.Minute)
		h.submit()
	}
	h.want(id, Submitted, "")
	if got := h.attempts(id); got != "transfer 1 refused 1 0, transfer 2 done 1 0" {
		t.Errorf("%s", got)
	}
	if steps := h.steps(id); strings.Count(steps, "refused balance_insufficient ["+id+", attempt 1") != 1 || !strings.Contains(steps, "attempt 2") {
		t.Errorf("%s", steps)
	}
	if n, got := h.sim.Transfers()[id], h.balances(); n.Count != 1 || before["liabilities:seller:available:sel_x"] != got["liabilities:seller:available:sel_x"] {
		t.Errorf("%+v, %v", n, got)
	}
}
