package processor_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// inbox takes notices as the service will: what is not signed is refused, what came before is not counted again.
type inbox struct {
	rig     *rig
	mu      sync.Mutex
	refused int
	copies  int
	order   []string
	byID    map[string]processor.Notice
	down    bool
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	n, refused := b.rig.driver.ReadNotice(body, q.Header.Get("Stripe-Signature"))
	switch {
	case err != nil || b.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case refused != nil:
		b.refused++
		w.WriteHeader(http.StatusBadRequest)
	default:
		if _, known := b.byID[n.ID]; known {
			b.copies++
		} else {
			b.order = append(b.order, n.ID)
		}
		b.byID[n.ID] = n
	}
}

func newInbox(t *testing.T, faults simulator.NoticeFaults) (*rig, *inbox) {
	t.Helper()
	b := &inbox{byID: map[string]processor.Notice{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.rig = newRig(t, func(o *simulator.Options) {
		o.Notices = faults
		o.Endpoints = []simulator.Endpoint{{URL: server.URL, Secret: platformSecret}, {URL: server.URL, Secret: connectSecret, Connect: true}}
	})
	return b.rig, b
}

func (r *rig) deliver() int {
	r.t.Helper()
	return must(r.sim.Deliver(r.t.Context(), http.DefaultClient))(r.t)
}

func TestNoticesSayWhatToRead(t *testing.T) {
	t.Parallel()
	r, b := newInbox(t, simulator.NoticeFaults{})
	r.loaded(1000)
	if err := r.sim.FailPayouts(payee, "account_closed", 96*time.Hour); err != nil {
		t.Fatal(err)
	}
	p := done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 1000, processor.Standard)))
	r.deliver()
	r.clock.Advance(100 * time.Hour)
	r.deliver()
	var kinds []string
	for _, id := range b.order {
		n := b.byID[id]
		if n.Kind == "payout" {
			kinds = append(kinds, n.Type)
			if n.Object != p.ID || n.Account != payee || !n.Connect || !n.Ours {
				t.Errorf("%+v", n)
			}
		}
		if n.Type == "transfer.created" && (n.Connect || n.Account != "") {
			t.Errorf("%+v", n)
		}
	}
	if want := []string{"payout.created", "payout.updated", "payout.paid", "payout.failed"}; len(kinds) != len(want) || kinds[3] != want[3] || kinds[2] != want[2] {
		t.Errorf("%v", kinds)
	}
	if b.refused != 0 || b.copies != 0 || r.deliver() != 0 {
		t.Errorf("%d refused, %d copies", b.refused, b.copies)
	}
}

// TestNoticesAreLostDoubledLateAndForged: what was lost is in the list of what was announced.
func TestNoticesAreLostDoubledLateAndForged(t *testing.T) {
	t.Parallel()
	r, b := newInbox(t, simulator.NoticeFaults{Lost: 200, Doubled: 300, Late: 300, Forged: 100, Mixed: true})
	for i := range 100 {
		_ = r.done(r.driver.SendTransfer(t.Context(), r.transfer("i", i+1, 10)))
	}
	atOnce := r.deliver()
	for range 20 {
		r.clock.Advance(7 * time.Hour)
		r.deliver()
	}
	announced := must(r.driver.ListNotices(t.Context(), "", whole))(t)
	have, mixed := 0, false
	for _, n := range announced {
		if got, ok := b.byID[n.ID]; ok {
			have++
			if got.Object != n.Object || got.Type != n.Type {
				t.Errorf("announced as %+v, and told %+v", n, got)
			}
		}
	}
	for i := 1; i < len(b.order); i++ {
		mixed = mixed || len(b.order[i]) < len(b.order[i-1])
	}
	if have == len(announced) || have < len(announced)/2 || b.copies == 0 || b.refused == 0 || atOnce >= have+b.copies || !mixed {
		t.Errorf("%d announced, %d came, %d twice, %d forged, %d at once, mixed %t", len(announced), have, b.copies, b.refused, atOnce, mixed)
	}
}

// TestNoticesAreTriedAgain while we are down, for days but not for ever.
func TestNoticesAreTriedAgain(t *testing.T) {
	t.Parallel()
	r, b := newInbox(t, simulator.NoticeFaults{})
	b.down = true
	if n := r.deliver(); n != 0 {
		t.Errorf("%d taken", n)
	}
	b.down = false
	if n := r.deliver(); n != 0 {
		t.Errorf("%d taken at once", n)
	}
	r.clock.Advance(time.Hour)
	if n := r.deliver(); n == 0 {
		t.Error("nothing came an hour later")
	}
	r.loaded(10)
	b.down = true
	for range 20 {
		r.clock.Advance(48 * time.Hour)
		r.deliver()
	}
	b.down = false
	r.clock.Advance(48 * time.Hour)
	if n := r.deliver(); n != 0 {
		t.Errorf("%d came after all tries", n)
	}
}
