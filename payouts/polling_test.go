package payouts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"mizan/payouts/processor"
)

// quick is a house with an instant payout that was sent and has not been compared since.
func quick(t *testing.T) (h *railHouse, id string) {
	h = newRailHouse(t)
	h.fund("sel_x", 50000)
	d := h.account("sel_x", "acct_x", "daily")
	h.work(h.Poll)
	id = h.pay("sel_x", d, "acct_x", "automatic", "instant", 20000, 300)
	h.submit()
	return h, id
}

// TestPollAfterDowntime: what the processor took while nobody compared its entries is booked, however long that was, and once.
func TestPollAfterDowntime(t *testing.T) {
	t.Parallel()
	for _, down := range []time.Duration{5 * time.Minute, 60 * time.Hour, 61 * time.Hour, 30 * 24 * time.Hour} {
		h, id := quick(t)
		h.clock.Advance(down)
		for range 3 {
			h.work(h.Poll)
			if got := h.balances(); got["expenses:processor_fee"] != 200 || got["assets:processor:available:main"] != 29800 {
				t.Fatalf("after %s the cost of the instant payout is not booked once: %v\n%s\n%s", down, got, h.steps(id), h.logged)
			}
			h.clock.Advance(time.Hour)
		}
	}
}

// TestFirstPoll: who was down before the first comparison finds what was taken as well.
func TestFirstPoll(t *testing.T) {
	t.Parallel()
	h := newRailHouse(t)
	h.fund("sel_x", 50000)
	h.pay("sel_x", h.account("sel_x", "acct_x", "daily"), "acct_x", "automatic", "instant", 20000, 300)
	h.submit()
	h.clock.Advance(80 * time.Hour)
	h.work(h.Poll)
	if got := h.balances(); got["expenses:processor_fee"] != 200 {
		t.Error(got)
	}
}

// listing is a driver of which listings of some windows do not come through.
type listing struct {
	processor.Driver
	refuse func(w processor.Window) error
	// change is done to each entry before it is returned.
	change func(e *processor.Entry)
	asked  []processor.Window
}

func (l *listing) ListEntries(ctx context.Context, account string, w processor.Window) ([]processor.Entry, error) {
	l.asked = append(l.asked, w)
	if err := l.refuse(w); err != nil {
		return nil, err
	}
	all, err := l.Driver.ListEntries(ctx, account, w)
	for i := range all {
		if l.change != nil {
			l.change(&all[i])
		}
	}
	return all, err
}

// listed puts a listing before the house's driver.
func (h *railHouse) listed() *listing {
	r := h.rails["connected"]
	l := &listing{Driver: r.Driver, refuse: func(processor.Window) error { return nil }}
	r.Driver = l
	h.rails["connected"] = r
	return l
}

// TestPollGoesOn: how far comparing has come moves only behind what came through, and a window that cannot be listed keeps the
// later ones back neither from being compared nor for ever.
func TestPollGoesOn(t *testing.T) {
	t.Parallel()
	h, _ := quick(t)
	sent := h.clock.Now()
	l := h.listed()
	poll := func(refuse func(processor.Window) error) error {
		l.refuse, l.asked = refuse, nil
		_, err := h.Poll(t.Context(), h.turn())
		return err
	}
	first := func() time.Time {
		return slices.MinFunc(l.asked, func(a, b processor.Window) int { return a.From.Compare(b.From) }).From
	}
	h.clock.Advance(10 * 24 * time.Hour)
	h.charge(100)
	for range 2 {
		if err := poll(func(processor.Window) error { return processor.ErrUnavailable }); !errors.Is(err, processor.ErrUnavailable) {
			t.Fatal(err)
		}
		if !first().Before(sent) {
			t.Fatalf("what failed is taken for compared: %v", l.asked)
		}
	}
	crowded := func(w processor.Window) error {
		if w.From.Before(sent.Add(-time.Hour)) {
			return processor.ErrTooMany
		}
		return nil
	}
	if err := poll(crowded); !errors.Is(err, processor.ErrTooMany) {
		t.Fatal(err)
	}
	if last := l.asked[len(l.asked)-1]; !last.Until.After(h.clock.Now()) {
		t.Errorf("the latest window was not compared: %v", l.asked)
	}
	if err := poll(crowded); !errors.Is(err, processor.ErrTooMany) || !first().Before(sent) {
		t.Errorf("%v: a crowded window is taken for compared", err)
	}
	h.clock.Advance(pollMost)
	if err := poll(crowded); err != nil {
		t.Errorf("a crowded window holds for ever: %v", err)
	}
	if h.clock.Now().Sub(first()) > pollMost+time.Minute || len(l.asked) > 20 {
		t.Errorf("%d listings from %s", len(l.asked), first())
	}
	// A turn that is over moves nothing.
	h.clock.Advance(100 * time.Hour)
	over := h.turn()
	gone := errors.New("over")
	over.Check = func(context.Context, pgx.Tx) error { return gone }
	l.refuse = func(processor.Window) error { return nil }
	if _, err := h.Poll(t.Context(), over); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	if err := poll(l.refuse); err != nil || h.clock.Now().Sub(first()) < 148*time.Hour-time.Minute {
		t.Errorf("%v: a turn that was over has moved on", err)
	}
	if strings.Contains(h.logged.String(), "canary") {
		t.Error(h.logged)
	}
}

// TestCostNobodyCanBook: a cost that the book cannot hold, as in a currency that it does not use, is told and keeps back no other.
func TestCostNobodyCanBook(t *testing.T) {
	t.Parallel()
	h, first := quick(t)
	h.clock.Advance(time.Minute)
	second := h.pay("sel_x", h.read(first).Destination, "acct_x", "automatic", "instant", 10000, 0)
	h.submit()
	l := h.listed()
	outgoing := h.read(first).Outgoing
	l.change = func(e *processor.Entry) {
		if e.Source == outgoing {
			e.Currency = "GBP"
		}
	}
	h.clock.Advance(10 * time.Minute)
	h.followUp()
	if outgoing = h.read(first).Outgoing; outgoing == "" || h.read(second).Outgoing == "" {
		t.Fatal("not on their way", h.logged)
	}
	for range 2 {
		h.work(h.Poll)
		if got := h.balances(); got["expenses:processor_fee"] != 100 || !strings.Contains(h.logged.String(), "cannot be booked") || strings.Contains(h.logged.String(), `code=""`) {
			t.Fatalf("%v\n%s", got, h.logged)
		}
		h.clock.Advance(time.Hour)
	}
	l.change = nil
	h.work(h.Poll)
	if got := h.balances(); got["expenses:processor_fee"] != 300 {
		t.Error(got)
	}
}

// TestCostOfAWayThatEnded: an instant payout failed, and the processor has sent the money once more by itself. What it took for
// the first way, and what it gave back of that, is booked although the payout names another one by now.
func TestCostOfAWayThatEnded(t *testing.T) {
	t.Parallel()
	h, id := quick(t)
	h.clock.Advance(5 * time.Minute)
	first := h.read(id).Outgoing
	h.exec(`UPDATE payouts SET outgoing = 'po_by_itself' WHERE book_id = $1 AND id = $2`, h.book.ID, id)
	h.exec(`UPDATE payout_attempts SET state = 'failed' WHERE book_id = $1 AND payout = $2 AND act = 'payout'`, h.book.ID, id)
	h.work(h.Poll)
	if got := h.balances(); got["expenses:processor_fee"] != 200 {
		t.Fatalf("the cost is not booked: %v\n%s", got, h.logged)
	}
	l := h.listed()
	l.change = func(e *processor.Entry) {
		if e.Source == first {
			e.ID, e.Amount, e.Net = "txn_back", -e.Amount, -e.Net
		}
	}
	for range 2 {
		h.work(h.Poll)
		if got := h.balances(); got["expenses:processor_fee"] != 0 || got["assets:processor:available:main"] != 30000 {
			t.Fatalf("what came back of it is not booked once: %v\n%s", got, h.logged)
		}
	}
}
