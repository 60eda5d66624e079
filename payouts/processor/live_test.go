//go:build stripelive

package processor_test

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"mizan/payouts/processor"
	"mizan/payouts/processor/stripe"
)

// TestStripesTestMode runs against Stripe's own test mode: MIZAN_STRIPE_KEY is a test key of a platform with an available
// balance of at least 1.00 USD, and MIZAN_STRIPE_ACCOUNT a connected account that can receive transfers. What it moves it
// takes back.
func TestStripesTestMode(t *testing.T) {
	key, account := os.Getenv("MIZAN_STRIPE_KEY"), os.Getenv("MIZAN_STRIPE_ACCOUNT")
	if !strings.HasPrefix(key, "sk_test_") && !strings.HasPrefix(key, "rk_test_") {
		t.Fatal("MIZAN_STRIPE_KEY is not a key of the test mode; nothing was sent")
	}
	d := must(stripe.New(stripe.Options{Key: key, Now: time.Now, PlatformSecret: platformSecret, ConnectSecret: connectSecret}))(t)
	begin := time.Now()
	instruction := "live-" + rand.Text()
	kept := &keeper{}
	order := func(attempt, sending int) processor.TransferOrder {
		k := kept.key(t, instruction, attempt, begin, sending)
		return must(processor.NewTransfer(k, account, 100, "USD", map[string]string{"run": "test"}))(t)
	}
	if a := must(d.ReadAccount(t.Context(), account))(t); !a.CanReceive() {
		t.Fatalf("the account cannot receive transfers: %v", a.Capabilities)
	}
	if b := must(d.ReadBalance(t.Context(), ""))(t); b["USD"].Available < 100 {
		t.Fatalf("the platform has %d available", b["USD"].Available)
	}

	made := done(t, d.SendTransfer(t.Context(), order(1, 1)))
	again := d.SendTransfer(t.Context(), order(1, 2))
	if repeated := done(t, again); repeated.ID != made.ID || !again.Replayed {
		t.Errorf("sent again: %+v", again)
	}
	k := kept.key(t, instruction, 1, begin, 3)
	drifted := must(processor.NewTransfer(k, account, 101, "USD", nil))(t)
	expect(t, d.SendTransfer(t.Context(), drifted), processor.Unknown, processor.ReasonDrift, processor.Alarm)
	if found := must(d.FindTransfers(t.Context(), instruction))(t); len(found) != 1 || found[0].ID != made.ID || found[0].Amount != 100 {
		t.Errorf("looked up: %+v", found)
	}
	if e := must(d.ReadEntry(t.Context(), "", made.Entry))(t); e.Category != "transfer" || e.Net != -100 || e.Source != made.ID {
		t.Errorf("the entry is %+v", e)
	}
	huge := must(processor.NewTransfer(kept.key(t, instruction, 2, begin, 1), account, 99_999_999_00, "USD", nil))(t)
	if got := d.SendTransfer(t.Context(), huge); got.Verdict != processor.Refused {
		t.Errorf("more than there is: %+v", got)
	}

	back := must(processor.NewReversal(kept.key(t, instruction+"-back", 1, begin, 1), made.ID, 100, "USD", nil))(t)
	reversal := done(t, d.ReverseTransfer(t.Context(), back))
	if found := must(d.FindReversals(t.Context(), made.ID, instruction+"-back"))(t); len(found) != 1 || found[0].ID != reversal.ID {
		t.Errorf("reversals: %+v", found)
	}
	window := processor.Window{From: begin.Add(-time.Minute), Until: time.Now().Add(time.Minute)}
	seen := map[string]bool{}
	for _, e := range must(d.ListEntries(t.Context(), "", window))(t) {
		seen[e.ID] = true
	}
	if !seen[made.Entry] || !seen[reversal.Entry] {
		t.Error("the window does not show both entries")
	}
	if _, err := d.ListNotices(t.Context(), "", window); err != nil {
		t.Error(err)
	}
	if _, err := d.FindPayouts(t.Context(), account, instruction, window); err != nil {
		t.Error(err)
	}
}
