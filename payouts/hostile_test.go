package payouts

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor/simulator"
	"mizan/payouts/processor/stripe"
)

var hostileSeed = flag.Uint64("hostile.seed", 0, "play the hostile processor of this seed; 0 draws one")

// hostile is how often requests and notices go wrong, in a thousand: every fourth request, and every other notice.
var hostile = map[simulator.Kind]int{simulator.DropBefore: 25, simulator.ExecuteThenDrop: 40, simulator.Truncate: 25, simulator.HTML502: 20,
	simulator.ExecuteThenHTML502: 25, simulator.HTML200: 20, simulator.Empty200: 20, simulator.Fail500: 25, simulator.ExecuteThen500: 25,
	simulator.Limit429: 20, simulator.LockTimeout: 10, simulator.Conflict409: 20}

// receive takes the processor's notices, as the service's door does.
func (h *railHouse) receive() (url string) {
	h.t.Helper()
	driver, err := stripe.New(stripe.Options{Key: railKey, BaseURL: h.url, Now: h.clock.Now, PlatformSecret: railPlatform, ConnectSecret: railConnect})
	if err != nil {
		h.t.Fatal(err)
	}
	notices := NewNotices(h.db.Pool, h.clock.Now, map[string]NoticeReader{"stripe": driver})
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		if _, err := r.Body.Read(body); err != nil && err.Error() != "EOF" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := notices.Receive(r.Context(), "stripe", body, r.Header.Get("Stripe-Signature")); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	h.t.Cleanup(door.Close)
	return door.URL
}

// settled reports whether all payouts are over.
func (h *railHouse) settled(ids []string) (over bool) {
	h.t.Helper()
	row := h.db.Pool.QueryRow(h.t.Context(), `SELECT count(*) = 0 FROM payouts WHERE book_id = $1 AND (state NOT IN ('paid', 'failed', 'cancelled') OR state = 'paid' AND code <> '' AND returned_at IS NULL OR look_at IS NOT NULL)`, h.book.ID)
	if err := row.Scan(&over); err != nil {
		h.t.Fatal(err)
	}
	return over
}

// TestHostileProcessor carries 200 payouts through a processor that breaks every fourth request and loses every other
// notice, by two services at once. When the faults stop everything is resolved, and nobody was paid twice (I6, I11, I20).
func TestHostileProcessor(t *testing.T) {
	t.Parallel()
	const count = 200
	seed := *hostileSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("play it again with -hostile.seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 7))
	var door string
	var o *simulator.Options
	h := newRailHouse(t, func(so *simulator.Options) {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
			defer func() { _ = a.Body.Close() }()
			w.WriteHeader(a.StatusCode)
		}))
		t.Cleanup(proxy.Close)
		so.Seed, so.Chances = seed, map[simulator.Kind]int{}
		so.Notices = simulator.NoticeFaults{Lost: 500, Doubled: 200, Late: 200, Forged: 50, Mixed: true}
		so.Endpoints = []simulator.Endpoint{{URL: proxy.URL, Secret: railPlatform}, {URL: proxy.URL, Secret: railConnect, Connect: true}}
		o = so
	})
	door = h.receive()
	second := h.another()
	ids, amounts := make([]string, count), map[string]money.Minor{}
	for i := range ids {
		payee, account := fmt.Sprintf("sel_%d", i), fmt.Sprintf("acct_%d", i)
		h.fund(payee, 100_000)
		interval := []string{"daily", "manual"}[i%2]
		d := h.account(payee, account, interval)
		if i%10 == 0 {
			if err := h.sim.FailPayouts(account, "account_closed", time.Duration(random.IntN(100))*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		mode, method := map[string]string{"daily": "automatic", "manual": "manual"}[interval], "standard"
		if i%7 == 0 {
			method = "instant"
		}
		amount := money.Minor(1000 + random.IntN(90_000))
		ids[i] = h.pay(payee, d, account, mode, method, amount, money.Minor(random.IntN(300)))
		amounts[ids[i]] = amount
	}
	for kind, n := range hostile {
		o.Chances[kind] = n
	}
	both := func() {
		var wg sync.WaitGroup
		for i, s := range []*Service{h.Service, second} {
			for w, work := range []func(*Service) error{
				func(s *Service) error { _, err := s.Submit(t.Context(), h.turn()); return err },
				func(s *Service) error { _, err := s.Follow(t.Context(), h.turn()); return err },
				func(s *Service) error { _, err := s.ReadNotices(t.Context(), h.turn()); return err },
				func(s *Service) error { _, err := s.Poll(t.Context(), h.turn()); return err },
			} {
				if i == 1 && w > 1 {
					continue
				}
				wg.Go(func() { _ = work(s) }) // a turn may fail; the next one goes on
			}
		}
		wg.Wait()
		if _, err := h.sim.Deliver(t.Context(), http.DefaultClient); err != nil {
			t.Error(err)
		}
		for id, n := range h.sim.Transfers() {
			if n.Count > 1 {
				t.Fatalf("%d transfers of %s:\n%s", n.Count, id, h.steps(id))
			}
		}
	}
	for range 12 {
		both()
		h.clock.Advance(time.Duration(10+random.IntN(600)) * time.Minute)
	}
	clear(o.Chances)
	for n := 0; n < 60 && !h.settled(ids); n++ {
		both()
		h.clock.Advance(6 * time.Hour)
	}
	states := map[string]int{}
	for i, id := range ids {
		p := h.read(id)
		states[p.State]++
		n := h.sim.Transfers()[id]
		switch {
		case p.State == Paid && p.ReturnedAt.IsZero() && n.Amount == int64(amounts[id]) && n.Reversed == 0:
		case (p.State == Failed || p.State == Paid && !p.ReturnedAt.IsZero()) && n.Amount == n.Reversed && n.Count == 1:
		default:
			t.Errorf("payout %d is %s %q, transfers %+v:\n%s", i, p.State, p.Code, n, h.steps(id))
		}
	}
	t.Log(states, h.sim.Requests())
	got := h.balances()
	for _, account := range []string{"assets:cash_in_transit:main", "liabilities:payout_in_transit"} {
		for a, m := range got {
			if m != 0 && len(a) >= len(account) && a[:len(account)] == account {
				t.Errorf("%s has %s", a, m.Format("USD"))
			}
		}
	}
	if strings.Contains(h.logged.String(), "canary") {
		t.Error("a secret is in the log")
	}
	if t.Failed() {
		t.Log(h.logged)
	}
}
