package processor_test

import (
	"testing"
	"time"

	"mizan/payouts/processor/conformance"
)

// TestStripeConforms runs the suite of all drivers. What follows in this package is Stripe's own: its wire, its failure modes,
// how long it remembers keys, instant payouts, currencies in its units, webhooks.
func TestStripeConforms(t *testing.T) {
	t.Parallel()
	conformance.Run(t, func(t *testing.T) *conformance.Rig {
		r := newRig(t)
		return &conformance.Rig{Driver: r.driver, Account: payee, Nobody: "acct_nobody", Currency: "USD", Now: r.clock.Now, Advance: func(d time.Duration) { r.clock.Advance(d) },
			Key:  r.keeper.key,
			Pays: func(t *testing.T, _ string) { r.clock.Advance(72 * time.Hour) },
			Fails: func(t *testing.T, code string, create func() string) string {
				if err := r.sim.FailPayouts(payee, code, 96*time.Hour); err != nil {
					t.Fatal(err)
				}
				id := create()
				r.clock.Advance(96 * time.Hour)
				return id
			}}
	})
}
