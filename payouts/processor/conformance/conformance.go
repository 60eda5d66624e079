// Package conformance is one suite of tests for every driver: what the payouts rely on, whoever carries an order out. A driver's
// test hands in how a Rig is made, and keeps for itself only what is the processor's own.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// Rig is a driver with what it speaks to.
type Rig struct {
	Driver processor.Driver
	// Account is a payee's account that can be paid in Currency, which has hundredths; Nobody is an account that is not there.
	Account, Nobody string
	Currency        money.Currency
	// Now and Advance are the clock of both sides.
	Now     func() time.Time
	Advance func(time.Duration)
	// Key keeps one sending of an attempt and returns its key; nil where nobody looks at what was kept.
	Key func(t *testing.T, instruction string, attempt int, first time.Time, sending int) processor.Key
	// Pays has a payout arrive, and Fails has the one that create makes sent back for the code. Both take as long as they take.
	Pays  func(t *testing.T, payout string)
	Fails func(t *testing.T, code string, create func() (payout string)) (payout string)
}

// Run runs the suite; every case gets a rig of its own, whose platform has at least 10,000.00 to transfer.
func Run(t *testing.T, newRig func(t *testing.T) *Rig) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*bench)
	}{
		{"a transfer arrives", transferArrives}, {"a key is executed once", keyOnce}, {"other contents under a key alarm", drift},
		{"an expired key is not sent", expired}, {"an order of nobody is refused", nobody}, {"a refusal is repeated for its key", refusal},
		{"a payout arrives", payoutArrives}, {"a payout that was paid comes back", comesBack}, {"a payout is cancelled before it leaves", cancelled},
		{"a transfer is taken back in parts", parts}, {"payouts are found in their window", window}, {"what is absent", absent},
		{"fifty at once are one", fifty}, {"fifty want the money of ten", scarce}, {"an ended context is no refusal", ended}, {"entries are the balance", entries},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			c.run(&bench{T: t, Rig: newRig(t)})
		})
	}
}

// bench is one case.
type bench struct {
	*testing.T
	*Rig
}

func (b *bench) key(instruction string, attempt int) processor.Key {
	b.Helper()
	return b.keyOf(instruction, attempt, b.Now(), 1)
}

func (b *bench) keyOf(instruction string, attempt int, first time.Time, sending int) processor.Key {
	b.Helper()
	if b.Key != nil {
		return b.Key(b.T, instruction, attempt, first, sending)
	}
	k, err := processor.Name(instruction, attempt)
	if err == nil {
		k, err = k.Keep(b.Context(), first, sending, func(context.Context) error { return nil })
	}
	if err != nil {
		b.Fatal(err)
	}
	return k
}

func (b *bench) transferOf(k processor.Key, m money.Minor) processor.TransferOrder {
	b.Helper()
	return made(b, func() (processor.TransferOrder, error) {
		return processor.NewTransfer(k, b.Account, m, b.Currency, map[string]string{"run": "2026-03"})
	})
}

func (b *bench) transfer(instruction string, attempt int, m money.Minor) processor.TransferOrder {
	b.Helper()
	return b.transferOf(b.key(instruction, attempt), m)
}

func (b *bench) payout(instruction string, attempt int, m money.Minor) processor.PayoutOrder {
	b.Helper()
	return made(b, func() (processor.PayoutOrder, error) {
		return processor.NewPayout(b.key(instruction, attempt), b.Account, processor.Standard, m, b.Currency, nil)
	})
}

func (b *bench) reversal(instruction, transfer string, m money.Minor) processor.ReversalOrder {
	b.Helper()
	return made(b, func() (processor.ReversalOrder, error) {
		return processor.NewReversal(b.key(instruction, 1), transfer, m, b.Currency, nil)
	})
}

func (b *bench) cancel(instruction, payout string) processor.CancelOrder {
	b.Helper()
	return made(b, func() (processor.CancelOrder, error) {
		return processor.NewCancel(b.key(instruction, 1), b.Account, payout)
	})
}

// loaded moves money to the payee's account.
func (b *bench) loaded(m money.Minor) processor.Transfer {
	b.Helper()
	return done(b, b.Driver.SendTransfer(b.Context(), b.transfer("load", 1, m)))
}

func made[T any](b *bench, f func() (T, error)) T {
	b.Helper()
	v, err := f()
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func done[T any](b *bench, o processor.Outcome[T]) T {
	b.Helper()
	if o.Verdict != processor.Done || o.Code != "" || o.Next != "" {
		b.Fatalf("not done: %s %q %q", o.Verdict, o.Code, o.Next)
	}
	return o.Object
}

func unknown[T any](b *bench, o processor.Outcome[T], code string, next processor.Next) {
	b.Helper()
	if o.Verdict != processor.Unknown || o.Code != code || o.Next != next {
		b.Errorf("%s %q %q; want unknown %q %q", o.Verdict, o.Code, o.Next, code, next)
	}
}

func refused[T any](b *bench, o processor.Outcome[T], codes ...string) {
	b.Helper()
	for _, code := range codes {
		if o.Verdict == processor.Refused && o.Code == code {
			return
		}
	}
	if o.Verdict != processor.Refused || len(codes) > 0 || o.Code == "" {
		b.Errorf("%s %q %q; want refused %v", o.Verdict, o.Code, o.Next, codes)
	}
}

// noFunds are the codes of a refusal because less is there than was asked for.
var noFunds = []string{"balance_insufficient", "insufficient_funds"}

func (b *bench) balance(want money.Minor) {
	b.Helper()
	got, err := b.Driver.ReadBalance(b.Context(), b.Account)
	if err != nil || got[b.Currency].Available != want {
		b.Errorf("the account has %+v, %v; want %d", got[b.Currency], err, want)
	}
}

// entry reads an entry and compares it.
func (b *bench) entry(account, id string, amount money.Minor, source string) {
	b.Helper()
	e, err := b.Driver.ReadEntry(b.Context(), account, id)
	if err != nil || e.ID != id || e.Amount != amount || e.Currency != b.Currency || e.Source != source || e.Category == "" {
		b.Errorf("the entry is %+v, %v; want %d of %s", e, err, amount, source)
	}
	other := b.Account
	if account != "" {
		other = ""
	}
	if _, err := b.Driver.ReadEntry(b.Context(), other, id); !errors.Is(err, processor.ErrAbsent) {
		b.Errorf("the entry of another account: %v", err)
	}
}

func transferArrives(b *bench) {
	at := b.Now()
	made := b.loaded(30_000)
	if made.Instruction != "load" || made.Account != b.Account || made.Amount != 30_000 || made.Currency != b.Currency || made.Reversed != 0 ||
		made.Payment == "" || made.Metadata["run"] != "2026-03" || made.Metadata[processor.MetadataInstruction] != "load" || made.Created.Sub(at).Abs() > time.Second {
		b.Errorf("made as %+v", made)
	}
	b.entry("", made.Entry, -30_000, made.ID)
	b.balance(30_000)
	found, err := b.Driver.FindTransfers(b.Context(), "load")
	if err != nil || len(found) != 1 || found[0].ID != made.ID {
		b.Errorf("%+v, %v", found, err)
	}
	if read, err := b.Driver.ReadTransfer(b.Context(), made.ID); err != nil || read.Amount != made.Amount || read.Entry != made.Entry {
		b.Errorf("%+v, %v", read, err)
	}
}

func keyOnce(b *bench) {
	o := b.transfer("i", 1, 1234)
	first := done(b, b.Driver.SendTransfer(b.Context(), o))
	for sending := 2; sending < 5; sending++ {
		again := b.Driver.SendTransfer(b.Context(), b.transferOf(b.keyOf("i", 1, b.Now(), sending), 1234))
		if again.Object.ID != first.ID || !again.Replayed || again.Verdict != processor.Done {
			b.Errorf("%+v", again)
		}
	}
	p := b.payout("i", 1, 1000)
	once := done(b, b.Driver.CreatePayout(b.Context(), p))
	if again := b.Driver.CreatePayout(b.Context(), p); again.Object.ID != once.ID || !again.Replayed {
		b.Errorf("%+v", again)
	}
	r := b.reversal("i", first.ID, 200)
	back := done(b, b.Driver.ReverseTransfer(b.Context(), r))
	if again := b.Driver.ReverseTransfer(b.Context(), r); again.Object.ID != back.ID || !again.Replayed {
		b.Errorf("%+v", again)
	}
	b.balance(34)
	// An attempt is another key, and each is done for itself.
	second := done(b, b.Driver.SendTransfer(b.Context(), b.transfer("i", 2, 1234)))
	if found, err := b.Driver.FindTransfers(b.Context(), "i"); err != nil || len(found) != 2 || second.ID == first.ID {
		b.Errorf("%+v, %v", found, err)
	}
}

func drift(b *bench) {
	first := b.loaded(1234)
	unknown(b, b.Driver.SendTransfer(b.Context(), b.transfer("load", 1, 1235)), processor.ReasonDrift, processor.Alarm)
	_ = done(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 1, 100)))
	unknown(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 1, 101)), processor.ReasonDrift, processor.Alarm)
	_ = done(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("r", first.ID, 10)))
	unknown(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("r", first.ID, 11)), processor.ReasonDrift, processor.Alarm)
	b.balance(1234 - 100 - 10)
}

func expired(b *bench) {
	o := b.transfer("i", 1, 1234)
	never := b.transfer("never", 1, 1)
	_ = done(b, b.Driver.SendTransfer(b.Context(), o))
	b.Advance(processor.KeyLifetime - time.Second)
	if got := b.Driver.SendTransfer(b.Context(), o); got.Verdict != processor.Done || !got.Replayed {
		b.Errorf("just before: %+v", got)
	}
	for _, later := range []time.Duration{time.Second, 100 * 24 * time.Hour} {
		b.Advance(later)
		unknown(b, b.Driver.SendTransfer(b.Context(), o), processor.ReasonKeyExpired, processor.LookUp)
		unknown(b, b.Driver.SendTransfer(b.Context(), never), processor.ReasonKeyExpired, processor.LookUp)
	}
	early := b.transferOf(b.keyOf("early", 1, b.Now().Add(time.Hour), 1), 1)
	unknown(b, b.Driver.SendTransfer(b.Context(), early), processor.ReasonKeyExpired, processor.LookUp)
	for instruction, want := range map[string]int{"i": 1, "never": 0, "early": 0} {
		if found, err := b.Driver.FindTransfers(b.Context(), instruction); err != nil || len(found) != want {
			b.Errorf("%s: %+v, %v", instruction, found, err)
		}
	}
}

func nobody(b *bench) {
	refused(b, b.Driver.SendTransfer(b.Context(), processor.TransferOrder{}), processor.ReasonInvalidOrder)
	refused(b, b.Driver.ReverseTransfer(b.Context(), processor.ReversalOrder{}), processor.ReasonInvalidOrder)
	refused(b, b.Driver.CreatePayout(b.Context(), processor.PayoutOrder{}), processor.ReasonInvalidOrder)
	refused(b, b.Driver.CancelPayout(b.Context(), processor.CancelOrder{}), processor.ReasonInvalidOrder)
	// A key that only names an attempt was not stored: what is made with it is not sent.
	k := made(b, func() (processor.Key, error) { return processor.Name("named", 1) })
	refused(b, b.Driver.SendTransfer(b.Context(), b.transferOf(k, 1)), processor.ReasonInvalidOrder)
	foreign := made(b, func() (processor.TransferOrder, error) {
		return processor.NewTransfer(b.key("foreign", 1), "elsewhere_1", 1, b.Currency, nil)
	})
	refused(b, b.Driver.SendTransfer(b.Context(), foreign), processor.ReasonInvalidOrder)
	if found, err := b.Driver.FindTransfers(b.Context(), "named"); err != nil || len(found) != 0 {
		b.Errorf("%+v, %v", found, err)
	}
}

func refusal(b *bench) {
	b.loaded(100)
	o := b.payout("i", 1, 500)
	first := b.Driver.CreatePayout(b.Context(), o)
	refused(b, first, noFunds...)
	if !first.AnotherAttempt || first.Replayed {
		b.Errorf("%+v", first)
	}
	_ = done(b, b.Driver.SendTransfer(b.Context(), b.transfer("more", 1, 900)))
	again := b.Driver.CreatePayout(b.Context(), o)
	refused(b, again, first.Code)
	if !again.Replayed {
		b.Error("the refusal was not a repeated one")
	}
	_ = done(b, b.Driver.CreatePayout(b.Context(), b.payout("i", 2, 500)))
	b.balance(500)
}

func payoutArrives(b *bench) {
	b.loaded(30_000)
	p := done(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 1, 20_000)))
	if p.State != processor.PayoutPending || p.Instruction != "p" || p.Account != b.Account || p.Method != processor.Standard || p.Automatic || p.Amount != 20_000 ||
		p.Currency != b.Currency || p.Entry == "" || p.Destination == "" || p.FailureEntry != "" || p.FailureCode != "" || !p.Arrival.After(b.Now()) {
		b.Errorf("made as %+v", p)
	}
	b.entry(b.Account, p.Entry, -20_000, p.ID)
	b.balance(10_000)
	b.Pays(b.T, p.ID)
	got, err := b.Driver.ReadPayout(b.Context(), b.Account, p.ID)
	if err != nil || got.State != processor.PayoutPaid || got.Trace == "" || got.FailureEntry != "" {
		b.Errorf("%+v, %v", got, err)
	}
	b.announced(p.ID, "payout.created", "payout.paid")
	refused(b, b.Driver.CancelPayout(b.Context(), b.cancel("late", p.ID)))
	b.balance(10_000)
}

// announced wants notices of a payout of these types, in this order, whatever is announced between them.
func (b *bench) announced(payout string, types ...string) {
	b.Helper()
	all, err := b.Driver.ListNotices(b.Context(), b.Account, processor.Window{})
	if err != nil {
		b.Fatal(err)
	}
	for i := len(all) - 1; i >= 0; i-- { // newest first
		n := all[i]
		if n.Object != payout || len(types) == 0 || n.Type != types[0] {
			continue
		}
		if n.ID == "" || n.Kind != "payout" || n.Account != b.Account || n.Created.IsZero() {
			b.Errorf("%+v", n)
		}
		types = types[1:]
	}
	if len(types) > 0 {
		b.Errorf("not announced: %v", types)
	}
}

func comesBack(b *bench) {
	load := b.loaded(30_000)
	const code = "account_closed"
	id := b.Fails(b.T, code, func() string {
		return done(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 1, 20_000))).ID
	})
	got, err := b.Driver.ReadPayout(b.Context(), b.Account, id)
	if err != nil || got.State != processor.PayoutFailed || got.FailureCode == "" || got.FailureEntry == "" {
		b.Fatalf("%+v, %v", got, err)
	}
	b.entry(b.Account, got.FailureEntry, 20_000, id)
	b.balance(30_000)
	b.announced(id, "payout.created", "payout.failed")
	_ = done(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("back", load.ID, 30_000)))
	b.balance(0)
}

func cancelled(b *bench) {
	b.loaded(2000)
	early := done(b, b.Driver.CreatePayout(b.Context(), b.payout("early", 1, 1000)))
	o := b.cancel("c", early.ID)
	got := done(b, b.Driver.CancelPayout(b.Context(), o))
	if got.ID != early.ID || got.State != processor.PayoutCancelled || got.FailureEntry == "" {
		b.Errorf("cancelled as %+v", got)
	}
	b.entry(b.Account, got.FailureEntry, 1000, early.ID)
	if again := b.Driver.CancelPayout(b.Context(), o); !again.Replayed || again.Verdict != processor.Done {
		b.Errorf("again: %+v", again)
	}
	refused(b, b.Driver.CancelPayout(b.Context(), b.cancel("d", early.ID)))
	refused(b, b.Driver.CancelPayout(b.Context(), b.cancel("e", "po_nobody")), "resource_missing")
	b.balance(2000)
}

func parts(b *bench) {
	t := b.loaded(1000)
	first := done(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("a", t.ID, 300)))
	if first.Transfer != t.ID || first.Instruction != "a" || first.Amount != 300 || first.Currency != b.Currency {
		b.Errorf("reversed as %+v", first)
	}
	e, err := b.Driver.ReadEntry(b.Context(), "", first.Entry)
	if err != nil || e.Amount != 300 || e.Source != first.ID && e.Source != t.ID {
		b.Errorf("%+v, %v", e, err)
	}
	_ = done(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("b", t.ID, 700)))
	refused(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("c", t.ID, 1)))
	if read, err := b.Driver.ReadTransfer(b.Context(), t.ID); err != nil || read.Reversed != 1000 {
		b.Errorf("%+v, %v", read, err)
	}
	if found, err := b.Driver.FindReversals(b.Context(), t.ID, "b"); err != nil || len(found) != 1 || found[0].Amount != 700 {
		b.Errorf("%+v, %v", found, err)
	}
	b.balance(0)
	// The account must still have the money.
	t = done(b, b.Driver.SendTransfer(b.Context(), b.transfer("more", 1, 500)))
	_ = done(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 1, 400)))
	refused(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("d", t.ID, 101)), noFunds...)
	refused(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("e", "tr_nobody", 1)), "resource_missing")
	// In another currency the amount would be in other units.
	wrong := made(b, func() (processor.ReversalOrder, error) {
		return processor.NewReversal(b.key("f", 1), t.ID, 1, "JPY", nil)
	})
	if o := b.Driver.ReverseTransfer(b.Context(), wrong); o.Verdict == processor.Done {
		b.Errorf("%+v", o)
	}
}

func window(b *bench) {
	b.loaded(2000)
	start := b.Now()
	_ = done(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 1, 100)))
	b.Advance(time.Hour)
	_ = done(b, b.Driver.CreatePayout(b.Context(), b.payout("q", 1, 100)))
	_ = done(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 2, 200)))
	for name, c := range map[string]struct {
		instruction string
		window      processor.Window
		found       int
	}{
		"no window":   {"p", processor.Window{}, 2},
		"until not":   {"p", processor.Window{From: start, Until: start.Add(time.Hour)}, 1},
		"from":        {"p", processor.Window{From: start.Add(time.Hour), Until: start.Add(time.Hour + time.Second)}, 1},
		"before":      {"p", processor.Window{Until: start}, 0},
		"another":     {"q", processor.Window{}, 1},
		"one of none": {"nobody", processor.Window{}, 0},
	} {
		if found, err := b.Driver.FindPayouts(b.Context(), b.Account, c.instruction, c.window); err != nil || len(found) != c.found {
			b.Errorf("%s: %d found, want %d, %v", name, len(found), c.found, err)
		}
	}
	all, err := b.Driver.ListPayouts(b.Context(), b.Account, processor.Window{From: start})
	if err != nil || len(all) != 3 || all[0].Created.Before(all[2].Created) {
		b.Errorf("%+v, %v", all, err)
	}
}

func absent(b *bench) {
	b.loaded(1)
	ctx, d := b.Context(), b.Driver
	if found, err := d.FindTransfers(ctx, "nobody"); err != nil || len(found) != 0 {
		b.Errorf("%v, %v", found, err)
	}
	for name, err := range map[string]error{
		"transfer":             second(d.ReadTransfer(ctx, "tr_nobody")),
		"payout":               second(d.ReadPayout(ctx, b.Account, "po_nobody")),
		"account":              second(d.ReadAccount(ctx, b.Nobody)),
		"balance":              second(d.ReadBalance(ctx, b.Nobody)),
		"payouts of nobody":    second(d.FindPayouts(ctx, b.Nobody, "p", processor.Window{})),
		"a path":               second(d.ReadAccount(ctx, "../x")),
		"no id":                second(d.ReadTransfer(ctx, "")),
		"reversals of nothing": second(d.FindReversals(ctx, "tr_nobody", "i")),
		"an entry":             second(d.ReadEntry(ctx, "", "txn_nobody")),
	} {
		if !errors.Is(err, processor.ErrAbsent) {
			b.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"transfers of none": second(d.FindTransfers(ctx, "")),
		"payouts of none":   second(d.FindPayouts(ctx, b.Account, "", processor.Window{})),
	} {
		if !errors.Is(err, processor.ErrKey) {
			b.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.ReadNotice([]byte("{}"), "t=1,v1=00"); !errors.Is(err, processor.ErrNotice) {
		b.Errorf("a notice of nobody: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func fifty(b *bench) {
	o := b.transfer("i", 1, 1234)
	var wait sync.WaitGroup
	outcomes := make(chan processor.Outcome[processor.Transfer], 50)
	for range 50 {
		wait.Go(func() { outcomes <- b.Driver.SendTransfer(b.Context(), o) })
	}
	wait.Wait()
	close(outcomes)
	first, ids := 0, map[string]bool{}
	for o := range outcomes {
		switch {
		case o.Verdict == processor.Done:
			ids[o.Object.ID] = true
			if !o.Replayed {
				first++
			}
		case o.Verdict == processor.Refused || o.Next != processor.SendAgain:
			b.Errorf("%s %s %s", o.Verdict, o.Code, o.Next)
		}
	}
	found, err := b.Driver.FindTransfers(b.Context(), "i")
	if err != nil || len(found) != 1 || len(ids) != 1 || first != 1 {
		b.Errorf("%d found, %d ids, %d first, %v", len(found), len(ids), first, err)
	}
	b.balance(1234)
}

func scarce(b *bench) {
	b.loaded(1000)
	var orders []processor.PayoutOrder
	for i := range 50 {
		orders = append(orders, b.payout(fmt.Sprintf("p%d", i), 1, 100))
	}
	var wait sync.WaitGroup
	outcomes := make(chan processor.Outcome[processor.Payout], len(orders))
	for _, o := range orders {
		wait.Go(func() { outcomes <- b.Driver.CreatePayout(b.Context(), o) })
	}
	wait.Wait()
	close(outcomes)
	paid := 0
	for o := range outcomes {
		if o.Verdict == processor.Done {
			paid++
			continue
		}
		refused(b, o, noFunds...)
	}
	if paid != 10 {
		b.Errorf("%d were paid", paid)
	}
	b.balance(0)
}

func ended(b *bench) {
	load := b.loaded(1000)
	ctx, stop := context.WithCancel(b.Context())
	stop()
	if o := b.Driver.SendTransfer(ctx, b.transfer("i", 1, 1)); o.Verdict != processor.Unknown {
		b.Errorf("%s %s", o.Verdict, o.Code)
	}
	if o := b.Driver.CreatePayout(ctx, b.payout("i", 1, 1)); o.Verdict != processor.Unknown {
		b.Errorf("%s %s", o.Verdict, o.Code)
	}
	if o := b.Driver.ReverseTransfer(ctx, b.reversal("i", load.ID, 1)); o.Verdict != processor.Unknown {
		b.Errorf("%s %s", o.Verdict, o.Code)
	}
	if _, err := b.Driver.FindTransfers(ctx, "i"); err == nil {
		b.Error("what was not read is not nothing")
	}
	if _, err := b.Driver.ReadAccount(ctx, b.Account); err == nil || errors.Is(err, processor.ErrAbsent) {
		b.Errorf("what was not read is not absent: %v", err)
	}
}

func entries(b *bench) {
	load := b.loaded(5000)
	b.Advance(time.Minute)
	p := done(b, b.Driver.CreatePayout(b.Context(), b.payout("p", 1, 1000)))
	b.Advance(time.Minute)
	_ = done(b, b.Driver.CancelPayout(b.Context(), b.cancel("c", p.ID)))
	_ = done(b, b.Driver.ReverseTransfer(b.Context(), b.reversal("r", load.ID, 700)))
	all, err := b.Driver.ListEntries(b.Context(), b.Account, processor.Window{})
	if err != nil {
		b.Fatal(err)
	}
	var sum money.Minor
	for i, e := range all {
		sum += e.Net
		if e.Amount-e.Fee != e.Net || e.ID == "" || e.Currency != b.Currency || i > 0 && e.Created.After(all[i-1].Created) {
			b.Errorf("%+v", e)
		}
	}
	if len(all) != 4 || sum != 4300 {
		b.Errorf("%d entries sum to %d", len(all), sum)
	}
	b.balance(4300)
}
