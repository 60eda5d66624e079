package payouts

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAnotherAmountArrives: the processor says of a payout that we ordered that another amount, another currency, or money of another
// account arrived or came back. Nothing is booked of that before it says the same as was ordered.
func TestAnotherAmountArrives(t *testing.T) {
	t.Parallel()
	for _, fails := range []string{"", "account_closed"} {
		for from, to := range map[string]string{`"amount":30000`: `"amount":29900`, `"currency":"usd"`: `"currency":"eur"`} {
			h := newRailHouse(t)
			h.fund("sel_x", 50000)
			d := h.account("sel_x", "acct_x", "manual")
			if fails != "" {
				if err := h.sim.FailPayouts("acct_x", fails, time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
			h.submit()
			before := h.balances()
			out := h.want(id, Submitted, "").Outgoing
			if out == "" {
				t.Fatal("it is not on its way", h.steps(id))
			}
			h.tampered(func(r *http.Request, body []byte) []byte {
				if !strings.HasSuffix(r.URL.Path, "/payouts/"+out) {
					return body
				}
				if !bytes.Contains(body, []byte(from)) {
					t.Errorf("%s has no %s", body, from)
				}
				return bytes.Replace(body, []byte(from), []byte(to), 1)
			})
			for range 3 {
				h.clock.Advance(49 * time.Hour)
				h.followUp()
				h.want(id, Submitted, codeAmountsDiffer)
			}
			if got := h.balances(); !maps.Equal(got, before) || got["assets:cash_in_transit:main"] != 30000 {
				t.Errorf("%s booked: %v", to, got)
			}
			if n := h.sim.Transfers()[id]; n.Reversed != 0 || n.Count != 1 || !strings.Contains(h.logged.String(), "another amount of a payout than was ordered") {
				t.Errorf("%+v\n%s", n, h.logged)
			}
			h.tampered(nil)
			h.clock.Advance(2 * time.Hour)
			h.followUp()
			if fails == "" {
				h.want(id, Paid, "")
			} else {
				h.want(id, Failed, fails)
			}
		}
	}
}

// TestAnotherAmountIsOnItsWay: what was told otherwise while the payout was on its way holds no longer when the processor says
// what was ordered, and what was told otherwise after it was paid takes nothing back.
func TestAnotherAmountIsOnItsWay(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "manual")
	id := h.pay("sel_x", d, "acct_x", "manual", "standard", 30000, 0)
	h.submit()
	out := h.read(id).Outgoing
	other := func(r *http.Request, body []byte) []byte {
		if strings.HasSuffix(r.URL.Path, "/payouts/"+out) {
			return bytes.Replace(body, []byte(`"amount":30000`), []byte(`"amount":300`), 1)
		}
		return body
	}
	h.tampered(other)
	h.clock.Advance(7 * time.Hour)
	h.followUp()
	h.want(id, Submitted, codeAmountsDiffer)
	h.tampered(nil)
	h.clock.Advance(2 * time.Hour)
	h.followUp()
	h.want(id, Submitted, "")
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	h.want(id, Paid, "")
	h.tampered(other)
	h.clock.Advance(25 * time.Hour)
	h.followUp()
	h.want(id, Paid, "")
	if n := h.sim.Transfers()[id]; n.Reversed != 0 {
		t.Errorf("%+v", n)
	}
}
