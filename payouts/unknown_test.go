package payouts

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/ledger/guard"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

// one is a house with a payee whose payout of 300.00 is not sent yet.
func one(t *testing.T, interval string, change ...func(*simulator.Options)) (h *railHouse, id string) {
	t.Helper()
	h = newRailHouse(t, change...)
	h.fund("sel_x", 50000)
	mode := map[string]string{"daily": "automatic", "manual": "manual"}[interval]
	return h, h.pay("sel_x", h.account("sel_x", "acct_x", interval), "acct_x", mode, "standard", 30000, 0)
}

// attempts are the attempts of a payout, as "act number state sendings looks".
func (h *railHouse) attempts(id string) string {
	h.t.Helper()
	rows, err := h.db.Pool.Query(h.t.Context(), `SELECT act || ' ' || attempt || ' ' || state || ' ' || sendings || ' ' || cardinality(looked_at)
		FROM payout_attempts WHERE book_id = $1 AND payout = $2 ORDER BY act DESC, attempt`, h.book.ID, id)
	if err != nil {
		h.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Join(list, ", ")
}

// TestUnknownOutcomes breaks the answer to a transfer in every way. The outcome is found out without a second transfer and
// without a second key, before and after the processor has forgotten the first.
func TestUnknownOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind  simulator.Kind
		later time.Duration
		want  string
	}{
		{simulator.ExecuteThenDrop, time.Minute, "transfer 1 done 1 0"},
		{simulator.DropBefore, time.Minute, "transfer 1 done 2 0"},
		{simulator.Truncate, time.Minute, "transfer 1 done 1 0"},
		{simulator.HTML502, time.Minute, "transfer 1 done 2 0"},
		{simulator.ExecuteThenHTML502, time.Minute, "transfer 1 done 1 0"},
		{simulator.HTML200, 6 * time.Minute, "transfer 1 done 1 0"},
		{simulator.Empty200, 6 * time.Minute, "transfer 1 done 1 0"},
		{simulator.ExecuteThen500, 6 * time.Minute, "transfer 1 done 1 0"},
		{simulator.Fail500, 6 * time.Minute, "transfer 1 absent 1 2, transfer 2 done 1 0"},
		{simulator.Conflict409, time.Minute, "transfer 1 done 2 0"},
		{simulator.Limit429, time.Minute, "transfer 1 done 2 0"},
		// The key is forgotten after a day; from then on the order is only looked up.
		{simulator.ExecuteThenDrop, 25 * time.Hour, "transfer 1 done 1 0"},
		{simulator.DropBefore, 25 * time.Hour, "transfer 1 absent 1 2, transfer 2 done 1 0"},
	}
	for _, c := range tests {
		t.Run(fmt.Sprint(c.kind, c.later), func(t *testing.T) {
			t.Parallel()
			h, id := one(t, "daily")
			h.sim.Script(simulator.Fault{Kind: c.kind, Method: http.MethodPost, Path: "/v1/transfers"})
			h.submit()
			if p := h.read(id); p.State != Unknown && p.State != Submitted {
				t.Fatalf("%s", h.steps(id))
			}
			h.clock.Advance(c.later)
			for range 3 {
				h.followUp()
				h.clock.Advance(lookApart)
			}
			h.want(id, Submitted, "")
			if got := h.attempts(id); got != c.want {
				t.Errorf("%s instead of %s\n%s", got, c.want, h.steps(id))
			}
			if n := h.sim.Transfers()[id]; n.Count != 1 {
				t.Errorf("%d transfers", n.Count)
			}
		})
	}
}

// TestClockSetBack: a service whose clock was set back believes that the processor still remembers a key which it has
// forgotten. The order is looked up before it is sent again, so nobody is paid twice.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.sim.Script(simulator.Fault{Kind: simulator.ExecuteThenDrop, Method: http.MethodPost, Path: "/v1/transfers"})
	h.submit()
	h.want(id, Unknown, processor.ReasonNoAnswer)
	h.clock.Advance(25 * time.Hour)
	behind := h.skewed(-20 * time.Hour)
	if _, err := behind.Submit(t.Context(), h.turn()); err != nil {
		t.Fatal(err)
	}
	h.want(id, Submitted, "")
	if n := h.sim.Transfers()[id]; n.Count != 1 {
		t.Errorf("%d transfers: %s\n%s", n.Count, h.attempts(id), h.steps(id))
	}
}

// TestNoNewKeyBesideUnknown: while an outcome is not known, the database takes no other attempt, whoever writes it, and no
// absence without two looks.
func TestNoNewKeyBesideUnknown(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.sim.Script(simulator.Fault{Kind: simulator.ExecuteThen500, Method: http.MethodPost, Path: "/v1/transfers"})
	h.submit()
	h.want(id, Unknown, processor.ReasonProcessor)
	for _, sql := range []string{
		`INSERT INTO payout_attempts (book_id, payout, act, attempt, instruction, amount, currency, digest, state, created_at)
		 SELECT book_id, payout, act, 2, instruction, amount, currency, digest, 'intended', created_at FROM payout_attempts WHERE book_id = $1 AND payout = $2`,
		`UPDATE payout_attempts SET state = 'absent' WHERE book_id = $1 AND payout = $2`,
		`UPDATE payouts SET state = 'created' WHERE book_id = $1 AND id = $2`,
		`UPDATE payouts SET state = 'cancelled' WHERE book_id = $1 AND id = $2`,
		`UPDATE payouts SET state = 'failed' WHERE book_id = $1 AND id = $2`,
		`DELETE FROM payout_attempts WHERE book_id = $1 AND payout = $2`,
	} {
		if _, err := h.db.Pool.Exec(t.Context(), sql, h.book.ID, id); err == nil {
			t.Errorf("taken: %s", sql)
		}
	}
	if _, err := h.Cancel(t.Context(), guard.Actor{Kind: guard.Person, ID: "u"}, h.book, id, "no longer wanted"); err == nil {
		t.Error("a payout was cancelled of which nobody knows whether it was sent")
	}
	health, err := h.Health(t.Context(), h.book)
	if err != nil || health.Unknown != 1 || health.OldestUnknown.IsZero() {
		t.Errorf("%+v, %v", health, err)
	}
}

// TestTakenOver stops a process between the sending of a transfer and its answer. Another takes the payout over when the
// lease is over; what the first one says afterwards changes nothing.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	entered, release := make(chan struct{}), make(chan struct{})
	h.sim.Script(simulator.Fault{Kind: simulator.Hold, Method: http.MethodPost, Path: "/v1/transfers", Entered: entered, Release: release})
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = h.Submit(t.Context(), h.turn()) })
	<-entered
	second := h.another()
	work := func() {
		t.Helper()
		if _, err := second.Submit(t.Context(), h.turn()); err != nil {
			t.Fatal(err)
		}
	}
	work()
	h.want(id, Sending, "") // it is the first one's
	h.exec(`UPDATE payouts SET lease_until = clock_timestamp() - interval '1 second' WHERE book_id = $1 AND id = $2`, h.book.ID, id)
	h.clock.Advance(time.Minute)
	work()
	h.want(id, Unknown, processor.ReasonInFlight)
	close(release)
	wg.Wait()
	h.want(id, Unknown, processor.ReasonInFlight) // the first one has lost it
	h.clock.Advance(time.Hour)
	work()
	h.want(id, Submitted, "")
	if n := h.sim.Transfers()[id]; n.Count != 1 {
		t.Errorf("%d transfers: %s", n.Count, h.attempts(id))
	}
}

// TestDrift: an order that the processor knows with other contents is never sent again, and people are told.
func TestDrift(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.sim.Script(simulator.Fault{Kind: simulator.DropBefore, Method: http.MethodPost, Path: "/v1/transfers"})
	h.submit()
	h.want(id, Unknown, processor.ReasonNoAnswer)
	h.owner(`UPDATE payout_attempts SET account = 'acct_y' WHERE payout = $1`, id)
	h.clock.Advance(time.Hour)
	h.followUp()
	h.want(id, Unknown, codeDigest)
	for range 5 {
		h.clock.Advance(2 * time.Hour)
		h.followUp()
		h.submit()
	}
	h.want(id, Unknown, codeDigest)
	if len(h.sim.Transfers()) != 0 || !strings.Contains(h.logged.String(), "ERROR") {
		t.Errorf("%v, %s", h.sim.Transfers(), h.logged)
	}
}

// TestEntryDiffers: what the processor's own books do not show as ordered is not booked.
func TestEntryDiffers(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.tampered(func(r *http.Request, body []byte) []byte {
		if strings.HasPrefix(r.URL.Path, "/v1/balance_transactions/") {
			return bytes.Replace(body, []byte("-30000"), []byte("-30001"), 2)
		}
		return body
	})
	before := h.balances()
	h.submit()
	h.want(id, Unknown, codeAmountsDiffer)
	if got := h.balances(); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("something was booked: %v", got)
	}
	h.tampered(nil)
	h.clock.Advance(2 * time.Hour)
	h.followUp()
	h.want(id, Submitted, "")
}

// TestUnknownWords (peers' bug 45): a state of the processor's that nobody has heard of changes nothing, and is told.
func TestUnknownWords(t *testing.T) {
	t.Parallel()
	h, id := one(t, "manual")
	h.submit()
	h.tampered(func(r *http.Request, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"status":"paid"`), []byte(`"status":"held_for_review"`))
	})
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	h.want(id, Submitted, "")
	if !strings.Contains(h.logged.String(), "not known here") {
		t.Errorf("nobody was told: %s", h.logged)
	}
	h.tampered(nil)
	h.clock.Advance(2 * time.Hour)
	h.followUp()
	h.want(id, Paid, "")
}

// TestLatePoll (peers' bug 18): an answer from before moves no state backwards.
func TestLatePoll(t *testing.T) {
	t.Parallel()
	h, id := one(t, "manual")
	h.submit()
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	paid := h.want(id, Paid, "")
	h.tampered(func(r *http.Request, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"status":"paid"`), []byte(`"status":"in_transit"`))
	})
	h.clock.Advance(25 * time.Hour)
	h.followUp()
	if p := h.want(id, Paid, ""); p.PaidAt != paid.PaidAt {
		t.Error("paid at another time")
	}
	h.tampered(nil)
	for range 12 {
		h.clock.Advance(24 * time.Hour)
		h.followUp()
	}
	var final bool
	if err := h.db.Pool.QueryRow(t.Context(), `SELECT look_at IS NULL FROM payouts WHERE book_id = $1 AND id = $2`, h.book.ID, id).Scan(&final); err != nil || !final {
		t.Errorf("it is still looked at: %v", err)
	}
}

// TestDroppedInTheMiddle ends the work after each of its transactions. Whoever goes on later ends with one transfer.
func TestDroppedInTheMiddle(t *testing.T) {
	t.Parallel()
	h, id := one(t, "manual")
	for n := 0; n < 12; n++ {
		left := n
		turn := h.turn()
		turn.Check = func(context.Context, pgx.Tx) error {
			if left--; left < 0 {
				return errMoved
			}
			return nil
		}
		_, _ = h.Submit(t.Context(), turn)
		_, _ = h.Follow(t.Context(), turn)
		h.clock.Advance(7 * time.Hour)
	}
	h.submit()
	h.clock.Advance(49 * time.Hour)
	h.followUp()
	h.want(id, Paid, "")
	if n := h.sim.Transfers()[id]; n.Count != 1 {
		t.Errorf("%d transfers", n.Count)
	}
	if n := h.sim.Payouts(processor.MetadataInstruction)[id+instructionOut]; n.Count != 1 {
		t.Errorf("%d payouts from the account", n.Count)
	}
}

// TestALookCountsFromBeforeItWasAsked: the answer to a look-up may be in hand for minutes before it is noted. Two looks a
// minute apart are no evidence then, although they are noted far apart: what was sent can have been carried out in between.
func TestALookCountsFromBeforeItWasAsked(t *testing.T) {
	t.Parallel()
	h, id := one(t, "daily")
	h.sim.Script(simulator.Fault{Kind: simulator.Fail500, Method: http.MethodPost, Path: "/v1/transfers"})
	h.submit()
	look := func(want string) {
		t.Helper()
		if _, err := h.carry(t.Context(), h.turn(), id, statesUnsent); err != nil {
			t.Fatal(err)
		}
		if got := h.attempts(id); got != want {
			t.Fatalf("%s instead of %s", got, want)
		}
	}
	look("transfer 1 unknown 1 1")
	h.clock.Advance(time.Minute)
	h.tampered(func(r *http.Request, body []byte) []byte {
		if r.Method == http.MethodGet && r.URL.Path == "/v1/transfers" {
			h.clock.Advance(2 * lookApart)
		}
		return body
	})
	look("transfer 1 unknown 1 1")
	h.tampered(nil)
	look("transfer 1 absent 1 2, transfer 2 done 1 0")
	h.want(id, Submitted, "")
}
