package payouts

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/guard"
	"mizan/ledger/money"
	"mizan/ledger/vault"
	"mizan/payouts/processor/simulator"
)

// payable registers a payee and says that it is verified.
func (h *railHouse) payable(payee string) {
	h.t.Helper()
	person := guard.Actor{Kind: guard.Person, ID: "per_ann", Person: "per_ann"}
	if _, _, err := h.option.Vault.Write(h.t.Context(), person, vault.Owner{Book: int32(h.book.ID)}, guardBook(h.book), "payee:"+payee, map[string]string{"name": "Xenia Ltd"}, "Told."); err != nil {
		h.t.Fatal(err)
	}
	if _, _, err := h.events.RegisterPayee(h.t.Context(), person, h.book, commerce.Payee{ID: payee, Kind: "seller", Country: "US", Currency: "USD"}); err != nil {
		h.t.Fatal(err)
	}
	h.exec(`INSERT INTO payout_standings (book_id, payee, version, verification, business, recorded_at) VALUES ($1, $2, 1, 'verified', 'open', $3)`, h.book.ID, payee, railStart)
}

// withVault gives the house a vault.
func (h *railHouse) withVault() {
	h.t.Helper()
	keys, err := vault.ParseKeys("k1=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n")
	if err != nil {
		h.t.Fatal(err)
	}
	h.option.Vault = vault.New(h.db.Pool, vault.Options{Now: h.clock.Now, Keys: keys, Trail: h.option.Trail})
	h.Service = h.another()
}

// known makes the destination at an account one that was read and paid to before, in the payee's name.
func (h *railHouse) known(account, destination string) {
	h.t.Helper()
	if err := h.sim.ChangeAccount(account, func(a *simulator.Account) { a.Banks[0].Holder = "Xenia Ltd" }); err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.Refresh(h.t.Context(), h.book, destination); err != nil {
		h.t.Fatal(err)
	}
	h.exec(`UPDATE payout_destinations SET first_paid_at = $3 WHERE book_id = $1 AND id = $2`, h.book.ID, destination, railStart)
	h.clock.Advance(4 * 24 * time.Hour) // its cooling-off
}

// after are the payouts that pay another one again.
func (h *railHouse) after(id string) (list []Payout) {
	h.t.Helper()
	all, err := h.Payouts(h.t.Context(), h.book, PayoutQuery{Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range all {
		if p.RetryOf == id {
			list = append(list, p)
		}
	}
	return list
}

// TestRetry: what failed for a passing reason is paid again by a new payout after a day, at most three times; what failed for
// another reason waits for another destination. A payout that came back is never used again.
func TestRetry(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"could_not_process", "account_closed"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h := newRailHouse(t)
			h.withVault()
			h.payable("sel_x")
			h.fund("sel_x", 50000)
			d := h.account("sel_x", "acct_x", "manual")
			h.known("acct_x", d)
			if err := h.sim.FailPayouts("acct_x", code, time.Hour); err != nil {
				t.Fatal(err)
			}
			id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
			h.submit()
			h.clock.Advance(7 * time.Hour)
			h.followUp()
			h.want(id, Failed, code)
			if err := h.sim.FailPayouts("acct_x", "", 0); err != nil {
				t.Fatal(err)
			}
			h.work(h.Retry)
			if list := h.after(id); len(list) != 0 {
				t.Fatalf("tried again at once: %+v", list)
			}
			h.clock.Advance(25 * time.Hour)
			h.work(h.Retry)
			h.work(h.Retry)
			list := h.after(id)
			if code == "account_closed" {
				if len(list) != 0 {
					t.Fatalf("tried again at a closed account: %+v", list)
				}
				two := h.account("sel_x", "acct_y", "manual")
				h.known("acct_y", two)
				h.work(h.Retry)
				h.work(h.Retry)
				list = h.after(id)
			}
			if len(list) != 1 || list[0].Retries != 1 || list[0].Amount != 50000 {
				t.Fatalf("%+v\n%s\n%q", list, h.logged, h.decided("sel_x"))
			}
			h.submit()
			h.clock.Advance(49 * time.Hour)
			h.followUp()
			h.want(list[0].ID, Paid, "")
			h.want(id, Failed, code)
			h.clock.Advance(10 * 24 * time.Hour)
			h.work(h.Retry)
			if again := h.after(id); len(again) != 1 {
				t.Errorf("paid %d times again", len(again))
			}
		})
	}
}

// TestPaidByARunIsNotTriedAgain: of money that came back and that a later payout has paid with all that there was, nothing is asked
// any more: no run, no decision, and no payment of what was earned since. A later payout that left something, was cancelled, or
// was made before the money was back, has not paid it.
func TestPaidByARunIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		before, after money.Minor
		cancel        bool
		want          money.Minor
	}{
		{name: "all of it was paid", after: 50000},
		{name: "a part was paid", after: 10000, want: 45000},
		{name: "it was cancelled", after: 50000, cancel: true, want: 55000},
		{name: "paid before it was back", before: 20000, want: 35000},
		{name: "nothing was paid", want: 55000},
	} {
		t.Run(c.name, func(t *testing.T) {
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
			if c.before > 0 {
				h.pay("sel_x", d, "acct_x", "manual", "standard", c.before, 0)
			}
			h.clock.Advance(7 * time.Hour)
			h.followUp()
			h.want(id, Failed, "could_not_process")
			if err := h.sim.FailPayouts("acct_x", "", 0); err != nil {
				t.Fatal(err)
			}
			if c.after > 0 {
				later := h.pay("sel_x", d, "acct_x", "manual", "standard", c.after, 0)
				if c.cancel {
					if _, err := h.Cancel(t.Context(), guard.Actor{Kind: guard.Person, ID: "per_ann"}, h.book, later, "Not yet."); err != nil {
						t.Fatal(err)
					}
				}
			}
			h.fund("sel_x", 5000) // earned since
			h.clock.Advance(25 * time.Hour)
			h.work(h.Retry)
			list, asked := h.after(id), len(h.decided("sel_x"))
			if c.want == 0 && (len(list) != 0 || asked != 0) || c.want > 0 && (len(list) != 1 || list[0].Amount != c.want) {
				t.Errorf("%d decisions, %+v", asked, list)
			}
		})
	}
}

// decided are the decisions about a payee.
func (h *railHouse) decided(payee string) (list []string) {
	h.t.Helper()
	all, err := h.Decisions(h.t.Context(), h.book, DecisionQuery{Payee: payee, Limit: 100})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range all.Decisions {
		list = append(list, string(d.Decision))
	}
	return list
}
