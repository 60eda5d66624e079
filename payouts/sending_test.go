package payouts

import (
	"testing"
	"time"
)

// TestPayoutArrives plays the way of a payout whose money the processor pays out by itself, and of one that we order.
func TestPayoutArrives(t *testing.T) {
	t.Parallel()
	for _, interval := range []string{"daily", "manual"} {
		t.Run(interval, func(t *testing.T) {
			t.Parallel()
			h := newRailHouse(t)
			h.fund("sel_x", 50000)
			mode := map[string]string{"daily": "automatic", "manual": "manual"}[interval]
			id := h.pay("sel_x", h.account("sel_x", "acct_x", interval), "acct_x", mode, "standard", 30000, 0)
			h.submit()
			h.want(id, Submitted, "")
			for range 5 {
				h.clock.Advance(24 * time.Hour)
				h.followUp()
			}
			p := h.want(id, Paid, "")
			if p.Trace == "" || p.Outgoing == "" || p.PaidAt.IsZero() {
				t.Errorf("%+v", p)
			}
			if got := h.balances(); got["liabilities:seller:available:sel_x"] != 20000 || got["assets:processor:available:main"] != 20000 || len(got) != 2 {
				t.Errorf("%v\n%s", got, h.steps(id))
			}
			if n := h.sim.Transfers()[id]; n.Count != 1 || n.Amount != 30000 {
				t.Errorf("%+v", n)
			}
		})
	}
}
