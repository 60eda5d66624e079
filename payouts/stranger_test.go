package payouts

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

// stranger is a service that asks another account of the processor, as with a key that was mixed up.
func (h *railHouse) stranger() *Service {
	h.t.Helper()
	sim, err := simulator.New(simulator.Options{Now: h.clock.Now, Key: railKey, Seed: 12, Rate: -1})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := sim.AddCharge(1_000_000, 0, "usd", 0, nil); err != nil {
		h.t.Fatal(err)
	}
	driver, err := stripe.New(stripe.Options{Key: railKey, BaseURL: serve(h.t, sim.ServeHTTP), Now: h.clock.Now, PlatformSecret: railPlatform, ConnectSecret: railConnect})
	if err != nil {
		h.t.Fatal(err)
	}
	o := h.option
	o.Rails = []Rail{{Name: "connected", Processor: "main", Driver: driver, PerSecond: 20}}
	return New(o)
}

// TestRefusedByAStranger: an order was carried out and its answer was lost. Then a key of another account comes into use,
// where nobody knows the payee. That says nothing about what was carried out, so that the money stays in transit and is paid once.
func TestRefusedByAStranger(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.tampered(func(r *http.Request, body []byte) []byte {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/transfers") {
			return body[:len(body)/2]
		}
		return body
	})
	h.submit()
	h.tampered(nil)
	if p := h.read(id); p.State != Unknown || h.sim.Transfers()[id].Count != 1 {
		t.Fatalf("%s with %d transfers", p.State, h.sim.Transfers()[id].Count)
	}
	s := h.stranger()
	for range 6 {
		h.clock.Advance(40 * time.Minute)
		_, _ = s.Submit(t.Context(), h.turn())
		_, _ = s.Follow(t.Context(), h.turn())
		if p := h.read(id); p.State != Unknown {
			t.Fatalf("%s %s after a stranger was asked:\n%s", p.State, p.Code, h.steps(id))
		}
	}
	h.clock.Advance(time.Hour)
	h.submit()
	for range 4 {
		h.clock.Advance(25 * time.Hour)
		h.followUp()
	}
	h.want(id, Paid, "")
	if n := h.sim.Transfers()[id]; n.Count != 1 {
		t.Errorf("%d transfers", n.Count)
	}
}
