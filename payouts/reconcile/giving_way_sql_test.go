package reconcile

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/payouts"
)

// TestARunGivesWay: while sales are posted a run waits for four times as long as it worked, each time within its bound; on a ledger at rest,
// and with all of its time allowed, it does not wait. It ends when it is told to while it waits. A run for which a person waits, and one that
// is made again, waits no longer than a person would; and a job's run stops waiting when its patience is at an end.
func TestARunGivesWay(t *testing.T) {
	t.Parallel()
	h := newComparing(t)
	for i := range 8 {
		ref := string(rune('a' + i))
		h.take(line{id: "txn_" + ref, key: "ch_" + ref, gross: 100})
		h.post("order:"+ref, leg{amount: 100, ref: "ch_" + ref})
	}
	at, posting := h.Now(), false
	var waits []time.Duration
	stop := error(nil)
	clock := func() time.Time { // each look at the clock is a second of work, and a sale meanwhile
		at = at.Add(time.Second)
		if posting {
			h.post("order:x", leg{amount: 1, ref: "ch_x"})
		}
		return at
	}
	service := func(share int) *Service {
		return New(Options{Pool: h.db.Pool, Ledger: h.books, Trail: guard.NewTrail(h.db.Pool, h.Now), Now: clock, Share: share,
			Wait: func(_ context.Context, until time.Time) error {
				waits = append(waits, until.Sub(at))
				return stop
			}})
	}
	job := payouts.Turn{Book: h.book, Check: func(context.Context, pgx.Tx) error { return nil }}
	var run Run
	by := func(turn payouts.Turn, share int) (err error) {
		waits = nil
		run, err = service(share).compareBy(t.Context(), turn, Asked{Match: R1, Source: 1}, 2)
		return err
	}
	compare := func(share int) error { return by(job, share) }
	inAll := func() (sum time.Duration) {
		for _, w := range waits {
			sum += w
		}
		return sum
	}
	h.ok(compare(0))
	if len(waits) > 0 {
		t.Errorf("nothing is posted, and a run waits %v", waits)
	}
	posting = true
	h.ok(compare(100))
	if len(waits) > 0 {
		t.Errorf("a run that may work all the time waits %v", waits)
	}
	for i := range 8 {
		h.take(line{id: "txn_n" + string(rune('a'+i)), key: "ch_n", gross: 100})
	}
	h.ok(compare(20))
	if len(waits) < 3 {
		t.Errorf("only %d waits", len(waits))
	}
	for _, w := range waits {
		if w < 4*time.Second || w > longestWait {
			t.Errorf("it waits %v", w)
		}
	}
	for i := range 8 {
		h.take(line{id: "txn_m" + string(rune('a'+i)), key: "ch_m", gross: 100})
	}
	h.ok(by(h.turn(), 20))
	if sum := inAll(); sum != patience {
		t.Errorf("a person waits for a run that waits %v", waits)
	}
	waits = nil
	if again, err := service(20).Replay(t.Context(), h.book, run.ID); err != nil || !again.Same || inAll() > patience {
		t.Errorf("a run that is made again waits %v: %v, %v", waits, again.Differs, err)
	}
	waits = nil
	g := service(20).givingFor(true)
	if g.Left != nightPatience {
		t.Errorf("a job's run waits %v in all", g.Left)
	}
	for g.Left = 3*longestWait + 1; len(waits) < 4; {
		at = at.Add(time.Minute)
		h.ok(g.Rest(t.Context()))
	}
	for range 3 {
		h.ok(g.Rest(t.Context()))
	}
	if sum := inAll(); sum != 3*longestWait+1 || len(waits) != 4 {
		t.Errorf("beyond its patience it waits %v", waits)
	}
	stop = errors.New("stopped")
	h.take(line{id: "txn_z", key: "ch_z", gross: 100}, line{id: "txn_z1", key: "ch_z", gross: 100}, line{id: "txn_z2", key: "ch_z", gross: 100})
	if err := compare(20); !errors.Is(err, stop) {
		t.Errorf("it went on: %v", err)
	}
}
