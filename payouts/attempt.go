package payouts

import (
	"context"
	"slices"
	"strconv"
	"time"

	"mizan/ledger/money"
	"mizan/payouts/processor"
)

// An attempt is one order to a processor, with one key. What is sent stands in the database before it is sent; while its
// outcome is not known there is no other attempt of the same act.

// The states of an attempt.
const (
	attemptIntended = "intended"
	attemptSending  = "sending"
	attemptUnknown  = "unknown"
	attemptDone     = "done"
	attemptFailed   = "failed" // it was done, and what it made has failed since
	attemptRefused  = "refused"
	attemptAbsent   = "absent" // it was looked up twice and never happened
)

// Our own reasons why an attempt is not settled, or is over.
const (
	codeAmountsDiffer = "amounts-differ"
	codeEntryUnread   = "entry-unread"
	codeAbsent        = "absent"
	codeSeveral       = "several-found"
	codeDigest        = "digest-differs"
	codeKept          = "kept-back"
)

const (
	// lookApart is the least time between two looks that prove absence.
	lookApart = 5 * time.Minute
	// maxLooks bounds the looks that are noted.
	maxLooks = 100
)

// attempt is one, as it stands.
type attempt struct {
	act                                  processor.Act
	number                               int
	instruction, account, object, method string
	amount                               money.Minor
	currency                             money.Currency
	digest, state                        string
	first                                time.Time
	sendings                             int
	code                                 string
	next                                 processor.Next
	again                                bool
	made, entry, request                 string
	looked                               []time.Time
	createdAt, endedAt                   time.Time
	// since is when its payout was created; fresh says that the attempt is not stored yet.
	since time.Time
	fresh bool
}

// open reports whether its outcome is still to come.
func (a *attempt) open() bool {
	return a != nil && (a.state == attemptIntended || a.state == attemptSending || a.state == attemptUnknown)
}

// thing is what a processor made of an order.
type thing struct {
	id, entry, account, object, arrived string
	amount                              money.Minor
	currency                            money.Currency
	payout                              processor.Payout
}

// told is the outcome of an order of any act.
type told struct {
	verdict    processor.Verdict
	code       string
	again      bool
	next       processor.Next
	request    string
	retryAfter time.Duration
	made       thing
}

func tell[T any](o processor.Outcome[T], made func(T) thing) told {
	w := told{verdict: o.Verdict, code: word60(o.Code), again: o.AnotherAttempt, next: o.Next, request: o.RequestID, retryAfter: o.RetryAfter}
	if o.Verdict == processor.Done {
		w.made = made(o.Object)
	}
	return w
}

func thingOfTransfer(t processor.Transfer) thing {
	return thing{id: t.ID, entry: t.Entry, account: t.Account, arrived: t.Payment, amount: t.Amount, currency: t.Currency}
}

func thingOfReversal(r processor.Reversal) thing {
	return thing{id: r.ID, entry: r.Entry, object: r.Transfer, amount: r.Amount, currency: r.Currency}
}

func thingOfPayout(p processor.Payout) thing {
	return thing{id: p.ID, entry: p.Entry, account: p.Account, amount: p.Amount, currency: p.Currency, payout: p}
}

// is reports whether a thing is what was ordered.
func (a *attempt) is(m thing) bool {
	return m.id != "" && m.entry != "" && m.amount == a.amount && m.currency == a.currency &&
		(a.act == processor.ActReversal || m.account == a.account) && (a.act != processor.ActReversal || m.object == a.object)
}

// keep counts one more sending of the attempt and writes that down. Only then there is a key that it can be sent with.
func (s *Service) keep(ctx context.Context, t Turn, c *carried, e errand, a *attempt) (processor.Key, error) {
	name, err := processor.Name(a.instruction, a.number)
	if err != nil {
		return processor.Key{}, err
	}
	a.state, a.sendings = attemptSending, a.sendings+1
	if a.first.IsZero() {
		a.first = s.now()
	}
	return name.Keep(ctx, a.first, a.sendings, func(ctx context.Context) error {
		return s.write(ctx, t, c, change{next: c.Payout, lookAt: s.now(), before: e.allowed}, a)
	})
}

// send makes the order of the attempt's stored parameters and sends it once, with the key of a kept sending. Parameters that
// would send other bytes than were stored are not sent.
func (a *attempt) send(ctx context.Context, d processor.Driver, key processor.Key) told {
	drift := told{code: codeDigest, next: processor.Alarm}
	switch a.act {
	case processor.ActTransfer:
		o, err := processor.NewTransfer(key, a.account, a.amount, a.currency, nil)
		if err != nil || o.Digest() != a.digest {
			return drift
		}
		return tell(d.SendTransfer(ctx, o), thingOfTransfer)
	case processor.ActReversal:
		o, err := processor.NewReversal(key, a.object, a.amount, a.currency, nil)
		if err != nil || o.Digest() != a.digest {
			return drift
		}
		return tell(d.ReverseTransfer(ctx, o), thingOfReversal)
	case processor.ActPayout:
		o, err := processor.NewPayout(key, a.account, a.method, a.amount, a.currency, nil)
		if err != nil || o.Digest() != a.digest {
			return drift
		}
		return tell(d.CreatePayout(ctx, o), thingOfPayout)
	}
	return drift
}

// seal computes the digest of what the attempt will send. An order that cannot be made is an error.
func (a *attempt) seal() error {
	key, err := processor.Name(a.instruction, a.number)
	if err != nil {
		return err
	}
	switch a.act {
	case processor.ActTransfer:
		o, err := processor.NewTransfer(key, a.account, a.amount, a.currency, nil)
		a.digest = o.Digest()
		return err
	case processor.ActReversal:
		o, err := processor.NewReversal(key, a.object, a.amount, a.currency, nil)
		a.digest = o.Digest()
		return err
	case processor.ActPayout:
		o, err := processor.NewPayout(key, a.account, a.method, a.amount, a.currency, nil)
		a.digest = o.Digest()
		return err
	}
	return processor.ErrOrder
}

// find looks the instruction up.
func (a *attempt) find(ctx context.Context, d processor.Driver) (all []thing, err error) {
	switch a.act {
	case processor.ActTransfer:
		found, err := d.FindTransfers(ctx, a.instruction)
		return things(found, thingOfTransfer), err
	case processor.ActReversal:
		found, err := d.FindReversals(ctx, a.object, a.instruction)
		return things(found, thingOfReversal), err
	case processor.ActPayout:
		// The window begins before any attempt's first sending, by more than clocks differ.
		found, err := d.FindPayouts(ctx, a.account, a.instruction, processor.Window{From: a.since.Add(-time.Hour)})
		return things(found, thingOfPayout), err
	}
	return nil, processor.ErrOrder
}

func things[T any](found []T, of func(T) thing) (all []thing) {
	for _, f := range found {
		all = append(all, of(f))
	}
	return all
}

// expired reports whether the order may no longer be sent.
func (a *attempt) expired(now time.Time) bool {
	return !a.first.IsZero() && now.Sub(a.first) >= processor.KeyLifetime
}

// mayRepeat reports whether the same order may be sent again: it was never answered in a way that the same key would only
// repeat, nobody has to look at it first, and the processor still remembers the key.
func (a *attempt) mayRepeat(now time.Time) bool {
	return a.state == attemptIntended || a.next != processor.LookUp && a.next != processor.Alarm && !a.expired(now)
}

// look notes that it was looked up and not found, and reports whether that proves that it never happened.
func (a *attempt) look(now time.Time) bool {
	if n := len(a.looked); n == 0 || now.Sub(a.looked[n-1]) >= lookApart {
		if n == maxLooks {
			a.looked = slices.Delete(a.looked, 1, 2)
		}
		a.looked = append(a.looked, now)
	}
	return len(a.looked) >= 2
}

// patience is how long to wait before the outcome is looked at again.
func (a *attempt) patience(w told) time.Duration {
	switch {
	case w.next == processor.Alarm:
		return time.Hour
	case w.next == processor.LookUp:
		return lookApart
	case w.retryAfter > 0:
		return min(w.retryAfter, time.Hour)
	}
	return min(30*time.Second<<min(max(a.sendings-1, 0), 6), 30*time.Minute)
}

// instructionOf names what is ordered: the payout itself for its transfer, and with an ending for what follows.
func instructionOf(payout string, act processor.Act, number int) string {
	switch act {
	case processor.ActPayout:
		return payout + instructionOut
	case processor.ActReversal:
		if number > 1 { // each part that is taken back is looked up by itself
			return payout + instructionBack + "-" + strconv.Itoa(number)
		}
		return payout + instructionBack
	}
	return payout
}

const (
	instructionOut  = "-out"
	instructionBack = "-back"
)
