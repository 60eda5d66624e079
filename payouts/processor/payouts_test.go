package processor_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
	"mizan/payouts/processor/simulator"
)

func TestAPayoutArrives(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	loaded := r.loaded(30_000)
	if loaded.Instruction != "load" || loaded.Account != payee || loaded.Payment == "" || loaded.Metadata["run"] != "2026-03" ||
		!loaded.Created.Equal(start) {
		t.Errorf("the transfer is %+v", loaded)
	}
	p := done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 30_000, processor.Standard)))
	if p.State != processor.PayoutPending || p.Instruction != "p" || p.Account != payee || p.Method != processor.Standard || p.Automatic ||
		p.Entry == "" || p.Destination == "" || p.FailureEntry != "" || !p.Arrival.Equal(start.Add(48*time.Hour)) {
		t.Errorf("made as %+v", p)
	}
	for _, step := range []struct {
		after time.Duration
		state string
	}{{23 * time.Hour, processor.PayoutPending}, {time.Hour, processor.PayoutInTransit}, {24 * time.Hour, processor.PayoutPaid},
		{30 * 24 * time.Hour, processor.PayoutPaid}} {
		r.clock.Advance(step.after)
		if got := must(r.driver.ReadPayout(t.Context(), payee, p.ID))(t); got.State != step.state {
			t.Errorf("after %s: %s", step.after, got.State)
		}
	}
	r.balance(payee, "USD", 0, 0)
}

func (r *rig) balance(account string, c money.Currency, available, pending money.Minor) {
	r.t.Helper()
	got := must(r.driver.ReadBalance(r.t.Context(), account))(r.t)[c]
	if got.Available != available || got.Pending != pending {
		r.t.Errorf("%s has %+v %s; want %d and %d pending", account, got, c, available, pending)
	}
}

// TestAPaidPayoutFails: paid is not final, and the bank is closed to further payouts until it is mended.
func TestAPaidPayoutFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(30_000)
	if err := r.sim.FailPayouts(payee, "account_closed", 96*time.Hour); err != nil {
		t.Fatal(err)
	}
	p := done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 20_000, processor.Instant)))
	r.balance(payee, "USD", 30_000-20_000-200, 0) // an instant payout costs one percent
	r.clock.Advance(95 * time.Hour)
	if got := must(r.driver.ReadPayout(t.Context(), payee, p.ID))(t); got.State != processor.PayoutPaid {
		t.Errorf("before: %+v", got)
	}
	r.clock.Advance(time.Hour)
	got := must(r.driver.ReadPayout(t.Context(), payee, p.ID))(t)
	if got.State != processor.PayoutFailed || got.FailureCode != "account_closed" || got.FailureEntry == "" {
		t.Errorf("after: %+v", got)
	}
	r.balance(payee, "USD", 30_000, 0)
	entries := must(r.driver.ListEntries(t.Context(), payee, whole))(t)
	if e := entries[0]; e.ID != got.FailureEntry || e.Type != "payout_failure" || e.Category != "payout_reversal" || e.Net != 20_200 ||
		e.Fee != -200 || e.Source != p.ID {
		t.Errorf("what brought it back: %+v", e)
	}
	if e := must(r.driver.ReadEntry(t.Context(), payee, got.FailureEntry))(t); e.ID != got.FailureEntry || e.Net != 20_200 || e.Source != p.ID {
		t.Errorf("read alone: %+v", e)
	}
	if _, err := r.driver.ReadEntry(t.Context(), "", got.FailureEntry); !errors.Is(err, processor.ErrAbsent) {
		t.Errorf("of another account: %v", err)
	}
	refused := r.driver.CreatePayout(t.Context(), r.payout("q", 1, 1000, processor.Standard))
	expect(t, refused, processor.Refused, "payouts_not_allowed", "")
	a := must(r.driver.ReadAccount(t.Context(), payee))(t)
	if i := slices.IndexFunc(a.Banks, func(b processor.Bank) bool { return b.Currency == "USD" }); a.Banks[i].State != "errored" ||
		a.Banks[i].Fingerprint == "" || !a.Banks[i].Default || a.Banks[i].ID != p.Destination {
		t.Errorf("the bank is %+v", a.Banks[i])
	}
	if err := r.sim.FailPayouts(payee, "", 0); err != nil {
		t.Fatal(err)
	}
	_ = done(t, r.driver.CreatePayout(t.Context(), r.payout("q", 2, 1000, processor.Standard)))
}

func TestAPayoutIsCancelledOnlyBeforeItLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(2000)
	early := done(t, r.driver.CreatePayout(t.Context(), r.payout("early", 1, 1000, processor.Standard)))
	late := done(t, r.driver.CreatePayout(t.Context(), r.payout("late", 1, 1000, processor.Standard)))
	o := must(processor.NewCancel(r.key("c", 1), payee, early.ID))(t)
	if got := done(t, r.driver.CancelPayout(t.Context(), o)); got.State != processor.PayoutCancelled || got.FailureEntry == "" {
		t.Errorf("cancelled as %+v", got)
	}
	if got := r.driver.CancelPayout(t.Context(), o); !got.Replayed || got.Verdict != processor.Done {
		t.Errorf("again: %+v", got)
	}
	r.balance(payee, "USD", 1000, 0)
	r.clock.Advance(48 * time.Hour)
	expect(t, r.driver.CancelPayout(t.Context(), must(processor.NewCancel(r.key("d", 1), payee, late.ID))(t)), processor.Refused, "http-400", "")
	expect(t, r.driver.CancelPayout(t.Context(), must(processor.NewCancel(r.key("e", 1), payee, "po_nobody"))(t)), processor.Refused, "resource_missing", "")
	if n := r.sim.Payouts(processor.MetadataInstruction); n["early"].Count != 0 || n["late"].Count != 1 {
		t.Errorf("%+v", n)
	}
}

func TestATransferIsTakenBackInParts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	transfer := r.loaded(1000)
	reverse := func(instruction string, m money.Minor) processor.Outcome[processor.Reversal] {
		return r.driver.ReverseTransfer(t.Context(), must(processor.NewReversal(r.key(instruction, 1), transfer.ID, m, "USD", nil))(t))
	}
	if got := done(t, reverse("a", 300)); got.Transfer != transfer.ID || got.Instruction != "a" || got.Amount != 300 || got.Entry == "" {
		t.Errorf("reversed as %+v", got)
	}
	_ = done(t, reverse("b", 700))
	expect(t, reverse("c", 1), processor.Refused, "http-400", "")
	if got := must(r.driver.ReadTransfer(t.Context(), transfer.ID))(t); got.Reversed != 1000 {
		t.Errorf("%+v", got)
	}
	found := must(r.driver.FindReversals(t.Context(), transfer.ID, "b"))(t)
	if len(found) != 1 || found[0].Amount != 700 {
		t.Errorf("%+v", found)
	}
	r.balance(payee, "USD", 0, 0)
	r.balance("", "USD", 1_000_000, 0)
	// The account must still have the money.
	transfer = r.done(r.driver.SendTransfer(t.Context(), r.transfer("more", 1, 500)))
	_ = done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 400, processor.Standard)))
	expect(t, reverse("d", 101), processor.Refused, "balance_insufficient", "")
	// A wrong currency is noticed: the amount would be in other units.
	wrong := must(processor.NewReversal(r.key("e", 1), transfer.ID, 1, "JPY", nil))(t)
	expect(t, r.driver.ReverseTransfer(t.Context(), wrong), processor.Unknown, processor.ReasonStrangeAnswer, processor.LookUp)
}

func TestPayoutsAreFoundByInstructionInTheirWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(2000)
	_ = done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 100, processor.Standard)))
	r.clock.Advance(time.Hour)
	_ = done(t, r.driver.CreatePayout(t.Context(), r.payout("q", 1, 100, processor.Standard)))
	_ = done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 2, 200, processor.Standard)))
	for name, c := range map[string]struct {
		instruction string
		window      processor.Window
		found       int
	}{
		"all":         {"p", whole, 2},
		"no window":   {"p", processor.Window{}, 2},
		"until not":   {"p", processor.Window{From: start, Until: start.Add(time.Hour)}, 1},
		"from":        {"p", processor.Window{From: start.Add(time.Hour), Until: start.Add(time.Hour + time.Second)}, 1},
		"before":      {"p", processor.Window{Until: start}, 0},
		"another":     {"q", whole, 1},
		"one of none": {"nobody", whole, 0},
	} {
		if found := must(r.driver.FindPayouts(t.Context(), payee, c.instruction, c.window))(t); len(found) != c.found {
			t.Errorf("%s: %d found, want %d", name, len(found), c.found)
		}
	}
	if _, err := r.driver.FindPayouts(t.Context(), "acct_nobody", "p", whole); !errors.Is(err, processor.ErrAbsent) {
		t.Errorf("of an account that is not there: %v", err)
	}
}

func TestNothingIsFoundIsNoError(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if found, err := r.driver.FindTransfers(t.Context(), "nobody"); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	for name, err := range map[string]error{
		"transfer":             second(r.driver.ReadTransfer(t.Context(), "tr_nobody")),
		"payout":               second(r.driver.ReadPayout(t.Context(), payee, "po_nobody")),
		"account":              second(r.driver.ReadAccount(t.Context(), "acct_nobody")),
		"balance":              second(r.driver.ReadBalance(t.Context(), "acct_nobody")),
		"a path":               second(r.driver.ReadAccount(t.Context(), "../x")),
		"no id":                second(r.driver.ReadTransfer(t.Context(), "")),
		"reversals of nothing": second(r.driver.FindReversals(t.Context(), "tr_nobody", "i")),
	} {
		if !errors.Is(err, processor.ErrAbsent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"transfers of none": second(r.driver.FindTransfers(t.Context(), "")),
		"payouts of none":   second(r.driver.FindPayouts(t.Context(), payee, "", whole)),
	} {
		if !errors.Is(err, processor.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnAccountThatMayDoLess holds what an account's state refuses.
func TestAnAccountThatMayDoLess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(1000)
	change := func(f func(*simulator.Account)) {
		if err := r.sim.ChangeAccount(payee, f); err != nil {
			t.Fatal(err)
		}
	}
	a := must(r.driver.ReadAccount(t.Context(), payee))(t)
	if !a.PayoutsEnabled || !a.CanReceive() || !a.Manual || a.DisabledReason != "" || len(a.Banks) != 5 || a.Country != "US" {
		t.Errorf("%+v", a)
	}
	change(func(a *simulator.Account) {
		a.PayoutsEnabled, a.DisabledReason, a.Due = false, "requirements.past_due", []string{"individual.id_number"}
	})
	expect(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 100, processor.Standard)), processor.Refused, "payouts_not_allowed", "")
	a = must(r.driver.ReadAccount(t.Context(), payee))(t)
	if a.PayoutsEnabled || a.DisabledReason != "requirements.past_due" || !slices.Equal(a.Due, []string{"individual.id_number"}) {
		t.Errorf("%+v", a)
	}
	change(func(a *simulator.Account) { a.Capabilities["transfers"] = "inactive" })
	expect(t, r.driver.SendTransfer(t.Context(), r.transfer("i", 1, 100)), processor.Refused, "insufficient_capabilities_for_transfer", "")
	if a = must(r.driver.ReadAccount(t.Context(), payee))(t); a.CanReceive() {
		t.Errorf("%+v", a)
	}
	nobody := must(processor.NewTransfer(r.key("n", 1), "acct_nobody", 100, "USD", nil))(t)
	expect(t, r.driver.SendTransfer(t.Context(), nobody), processor.Refused, "resource_missing", "")
}

// TestCurrenciesGoThereAndBack compares the driver's rules with the simulator's, which were written apart.
func TestCurrenciesGoThereAndBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		currency  money.Currency
		transfer  money.Minor
		payout    money.Minor
		processor int64
	}{{"JPY", 500, 500, 500}, {"KWD", 5120, 5120, 5120}, {"HUF", 1045, 1000, 1045}, {"ISK", 7, 7, 700}, {"USD", 1, 1, 1}} {
		name := string(c.currency)
		o := must(processor.NewTransfer(r.key("t"+name, 1), payee, c.transfer, c.currency, nil))(t)
		if got := r.done(r.driver.SendTransfer(t.Context(), o)); got.Amount != c.transfer || got.Currency != c.currency {
			t.Errorf("%s: %+v", name, got)
		}
		if tally := r.sim.Transfers()["t"+name]; tally.Amount != c.processor {
			t.Errorf("%s: the processor has moved %d", name, tally.Amount)
		}
		p := must(processor.NewPayout(r.key("p"+name, 1), payee, processor.Standard, c.payout, c.currency, nil))(t)
		if got := done(t, r.driver.CreatePayout(t.Context(), p)); got.Amount != c.payout || got.Currency != c.currency {
			t.Errorf("%s: %+v", name, got)
		}
		r.balance(payee, c.currency, c.transfer-c.payout, 0)
	}
}

// TestALateEntryIsSeenInTheOverlap: a row can appear behind what was read before, and a state can change.
func TestALateEntryIsSeenInTheOverlap(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.sim.AddCharge(500, 45, "usd", 48*time.Hour, nil); err != nil {
		t.Fatal(err)
	}
	first := must(r.driver.ListEntries(t.Context(), "", whole))(t)
	if e := first[0]; e.State != "pending" || e.Amount != 500 || e.Fee != 45 || e.Net != 455 || !e.AvailableOn.Equal(start.Add(48*time.Hour)) {
		t.Errorf("%+v", e)
	}
	r.balance("", "USD", 1_000_000, 455)
	r.clock.Advance(49 * time.Hour)
	late := must(r.sim.AddEntry(simulator.Platform, "stripe_fee", "fee", "usd", -12, start.Add(-time.Hour), ""))(t)
	second := must(r.driver.ListEntries(t.Context(), "", whole))(t)
	if len(second) != len(first)+1 || second[len(second)-1].ID != late || second[0].State != "available" {
		t.Errorf("%d entries, the oldest %+v", len(second), second[len(second)-1])
	}
	for i := 1; i < len(second); i++ {
		if second[i].Created.After(second[i-1].Created) {
			t.Error("not newest first")
		}
	}
	r.balance("", "USD", 1_000_455-12, 0)
}

// TestTooManyRowsAreNoPart: more than a listing may hold is an error.
func TestTooManyRowsAreNoPart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range processor.MaxRows {
		if _, err := r.sim.AddEntry(simulator.Platform, "charge", "charge", "usd", 1, start.Add(time.Duration(i-20_000)*time.Second), ""); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := r.driver.ListEntries(t.Context(), "", whole); !errors.Is(err, processor.ErrTooMany) || all != nil {
		t.Errorf("%d rows, %v", len(all), err)
	}
	shorter := processor.Window{From: start.Add(-20_000 * time.Second), Until: start.Add(-10_000 * time.Second)}
	if all, err := r.driver.ListEntries(t.Context(), "", shorter); err != nil || len(all) != processor.MaxRows {
		t.Errorf("%d rows, %v", len(all), err)
	}
}

// TestAListingThatMovesIsAnError: pages that overlap or do not end are no whole.
func TestAListingThatMovesIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := `{"id":"txn_1","object":"balance_transaction","amount":1,"fee":0,"net":1,"currency":"usd","created":1,"type":"charge","status":"available"}`
	for name, body := range map[string]string{
		"the same page again": fmt.Sprintf(`{"object":"list","has_more":true,"data":[%s]}`, row),
		"the same row twice":  fmt.Sprintf(`{"object":"list","has_more":false,"data":[%s,%s]}`, row, row),
		"more, and nothing":   `{"object":"list","has_more":true,"data":[]}`,
		"no word about more":  `{"object":"list","data":[]}`,
		"no rows":             `{"object":"list","has_more":false}`,
		"no list":             `{"object":"balance","has_more":false,"data":[]}`,
		"a row without an id": `{"object":"list","has_more":false,"data":[{"object":"balance_transaction"}]}`,
		"a sum that is wrong": `{"object":"list","has_more":false,"data":[{"id":"txn_1","object":"balance_transaction","amount":2,"fee":0,"net":1,"currency":"usd","created":1,"type":"charge","status":"available"}]}`,
		"hundredths of króna": `{"object":"list","has_more":false,"data":[{"id":"txn_1","object":"balance_transaction","amount":150,"fee":0,"net":150,"currency":"isk","created":1,"type":"charge","status":"available"}]}`,
	} {
		d := newDriver(t, answering(t, 200, []byte(body)), r.clock.Now)
		if all, err := d.ListEntries(t.Context(), "", whole); err == nil || all != nil {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	d := newDriver(t, answering(t, 200, []byte(fmt.Sprintf(`{"object":"list","has_more":false,"data":[%s]}`, row))), r.clock.Now)
	if all, err := d.ListEntries(t.Context(), "", whole); err != nil || len(all) != 1 {
		t.Errorf("a good page: %v, %v", all, err)
	}
	if _, err := d.FindTransfers(t.Context(), "i"); err == nil {
		t.Error("an entry was taken for a transfer")
	}
	// A processor that does not understand the filter would answer with transfers of others.
	other := `{"object":"list","has_more":false,"data":[{"id":"tr_1","object":"transfer","amount":1,"currency":"usd","created":1,"transfer_group":%q}]}`
	for group, ok := range map[string]bool{"i": true, "j": false, "": false} {
		d := newDriver(t, answering(t, 200, []byte(fmt.Sprintf(other, group))), r.clock.Now)
		if all, err := d.FindTransfers(t.Context(), "i"); (err == nil) != ok || (len(all) == 1) != ok {
			t.Errorf("of the group %q: %v, %v", group, all, err)
		}
	}
}

// TestThePayoutsTheProcessorMakesSayWhatTheyConsistOf, to the last cent; those that were ordered do not.
func TestThePayoutsTheProcessorMakesSayWhatTheyConsistOf(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.loaded(500)
	ordered := done(t, r.driver.CreatePayout(t.Context(), r.payout("p", 1, 200, processor.Standard)))
	if err := r.sim.ChangeAccount(payee, func(a *simulator.Account) { a.Interval = "daily" }); err != nil {
		t.Fatal(err)
	}
	total := money.Minor(-200)
	for day := range 4 {
		for i := range day + 1 {
			_ = r.done(r.driver.SendTransfer(t.Context(), r.transfer(fmt.Sprintf("d%d-%d", day, i), 1, 100)))
		}
		left := money.Minor(100 * (day + 1))
		if day == 0 {
			left += 300 // of what was loaded, less what was ordered
		}
		r.clock.Advance(time.Hour)
		r.balance(payee, "USD", left, 0)
		r.clock.Advance(23 * time.Hour)
		r.balance(payee, "USD", 0, 0)
	}
	automatic := 0
	for _, p := range must(r.driver.ListPayouts(t.Context(), payee, whole))(t) {
		entries, err := r.driver.ListPayoutEntries(t.Context(), payee, p.ID)
		if p.ID == ordered.ID {
			if !errors.Is(err, processor.ErrAbsent) || p.Automatic {
				t.Errorf("of one that was ordered: %d entries, %v", len(entries), err)
			}
			continue
		}
		automatic++
		sum, own := money.Minor(0), false
		for _, e := range entries {
			sum += e.Net
			own = own || e.ID == p.Entry
		}
		if err != nil || sum != 0 || !own || !p.Automatic || p.Instruction != "" {
			t.Errorf("%+v: %d entries that add up to %d, %v", p, len(entries), sum, err)
		}
		total += p.Amount
	}
	if automatic != 4 || total != 500-200-200+1000 {
		t.Errorf("%d payouts of %d", automatic, total)
	}
	if a := must(r.driver.ReadAccount(t.Context(), payee))(t); a.Manual {
		t.Error("an account that is paid out every day is called manual")
	}
}
