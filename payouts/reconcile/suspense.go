package reconcile

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What waits in suspense because of breaks, and what a run posts by itself.

// The accounts of suspense.
const (
	suspenseHeld ledger.Address = "assets:suspense"
	suspenseOwed ledger.Address = "liabilities:suspense"
)

// errOvertaken means that the books came to know of a line while it was being put into suspense.
var errOvertaken = fault.New(fault.Conflict, "recon-posting-overtaken", "The books came to know of a line while it was put into suspense. Run the match again.")

// mostLineReference is the longest reference that an entry of suspense takes.
const mostLineReference = 128

// postableReference reports whether suspense can wait under a reference.
func postableReference(s string) bool {
	return s != "" && len(s) <= mostLineReference && s == strings.Trim(s, " ") && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// throughSuspense are the classes whose difference can pass through suspense: one thing under one key, in one currency.
var throughSuspense = []Class{MissingInLedger, MissingAtProcessor, MissingAtBank, AmountDiffers, FeeDiffers, FxDiffers, SignDiffers, Duplicate, Timing, UnknownReceipt,
	PayoutReturned, Unclassified}

// lineKey is what a break's members say of where its difference belongs.
type lineKey struct {
	// reference is what suspense waits under: the key by which both sides meet. Empty if the members have several.
	reference string
	// names are all references by which the books may come to know of it.
	names []string
	// pending says that the processor does not have the money available yet.
	pending bool
}

// placeOf is where the cash of a source is.
func placeOf(source Source, pending bool) (commerce.SuspensePlace, bool) {
	switch source.Kind {
	case KindProcessor:
		w := commerce.SuspensePlace{Processor: source.Name, Bucket: "available"}
		if pending {
			w.Bucket = "pending"
		}
		return w, true
	case KindBank:
		for _, a := range source.Settings.Accounts {
			if parts := strings.Split(string(a), ":"); len(parts) == 4 && parts[0] == "assets" && parts[1] == "bank" {
				return commerce.SuspensePlace{Bank: parts[3], BankKind: parts[2]}, true
			}
		}
	}
	return commerce.SuspensePlace{}, false
}

// accountsOf are the accounts of the ledger that a source's lines are held against.
func accountsOf(source Source) []string {
	var list []string
	for _, a := range source.Settings.Accounts {
		list = append(list, string(a))
	}
	if source.Kind == KindProcessor {
		for _, bucket := range []string{"pending", "available", "reserved"} {
			if a := "assets:processor:" + bucket + ":" + source.Name; !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

// matchOf is the match that holds a source's lines against the ledger.
func matchOf(source Source) Match {
	switch source.Kind {
	case KindProcessor:
		return R1
	case KindBank:
		return R2
	default:
		return R4
	}
}

// sideOf is the side of suspense that a difference waits on: the other side says less than the ledger, so money went; or more.
func sideOf(amount money.Minor) string {
	if amount < 0 {
		return commerce.SideOutflow
	}
	return commerce.SideInflow
}

// terms are what events say of an amount of a break in suspense. The amount is above zero.
func (b *Break) terms(reference, side string, amount money.Minor) commerce.SuspenseTerms {
	return commerce.SuspenseTerms{Break: b.ID, Reference: reference, Side: side, Currency: string(b.Currency), Amount: amount.Format(b.Currency)}
}

// waitingTerms are the terms of all or a part of what waits.
func (b *Break) waitingTerms(amount money.Minor) commerce.SuspenseTerms {
	side := commerce.SideOutflow
	if b.Suspense < 0 {
		side = commerce.SideInflow
	}
	return b.terms(b.SuspenseRef, side, amount)
}

// suspenseEvent puts the whole difference of a break into suspense.
func (b *Break) suspenseEvent(source Source, key lineKey, at time.Time) (commerce.Event, bool) {
	where, ok := placeOf(source, key.pending)
	if !ok || !postableReference(key.reference) || b.Amount == 0 {
		return commerce.Event{}, false
	}
	return commerce.Own(&commerce.SuspenseIn{SuspenseTerms: b.terms(key.reference, sideOf(b.Amount), max(b.Amount, -b.Amount)), Where: where, OriginalPeriod: periodText(b.Original)}, at), true
}

// trueUpEvent corrects the fee of a break.
func (b *Break) trueUpEvent(source Source, key lineKey, at time.Time) (commerce.Event, bool) {
	if source.Kind != KindProcessor || !postableReference(key.reference) || b.Amount == 0 {
		return commerce.Event{}, false
	}
	d := &commerce.FeeTruedUp{Processor: source.Name, Bucket: "available", Currency: string(b.Currency), Amount: max(b.Amount, -b.Amount).Format(b.Currency), Direction: "debit",
		Reference: key.reference, OriginalPeriod: periodText(b.Original)}
	if b.Amount > 0 {
		d.Direction = "credit"
	}
	if key.pending {
		d.Bucket = "pending"
	}
	return commerce.Own(d, at), true
}

func periodText(p ledger.Period) string {
	if p == 0 {
		return ""
	}
	return p.String()
}

// waitsOf is what waits of a break: positive for money that went, negative for money that came, and the reference it waits under.
func waitsOf(list []commerce.Suspended) (sum money.Minor, reference string) {
	for _, w := range list {
		if w.Side == commerce.SideInflow {
			sum -= w.Amount
		} else {
			sum += w.Amount
		}
		reference = w.Reference
	}
	return sum, reference
}

// The reasons why a run leaves to people what it could have posted.
const (
	heldLimit     = "It is above what one run posts by itself. Two people decide."
	heldReference = "Its lines have no one reference under which it could wait in suspense. Look at the lines."
	heldRefused   = "The books refused to post it. Look at the break; two people decide."
)

// Settled is what came of settling.
type Settled struct {
	// Suspended went into suspense, TrueUps are fees that were corrected, Held were left to people, Known were left because the
	// books came to know of them.
	Suspended, TrueUps, Held, Known int
}

// budget counts what a run posts by itself, by currency.
type budget struct {
	rules             Rules
	suspended, trueUp map[money.Currency]money.Minor
}

// allows reports whether a break's amount is within what is left, and takes it.
func (u *budget) allows(b *Break) bool {
	used, most := u.suspended, limit(u.rules.SuspendLimit, b.Currency)
	if b.TrueUp {
		used, most = u.trueUp, limit(u.rules.TrueUpLimit, b.Currency)
	}
	sum, err := money.Add(used[b.Currency], max(b.Amount, -b.Amount))
	if err != nil || sum > most {
		return false
	}
	used[b.Currency] = sum
	return true
}

// wanted reports whether a run posts for the break by itself, now.
func (b *Break) wanted(rules Rules, run int64, at time.Time) bool {
	if b.State != Open || b.Suspense != 0 || b.Held != "" || b.Kept || b.LastRun != run || b.Amount == 0 {
		return false
	}
	if b.TrueUp {
		return max(b.Amount, -b.Amount) <= limit(rules.FeeTrueUp, b.Currency)
	}
	return b.Suspend && rules.Suspend && rules.due(b.HappenedAt, at)
}

// entryKey is the key of an entry that names nothing: its own place.
func entryKey(at EntryID) string {
	return placeMark + strconv.FormatInt(at.Sequence, 10) + "." + strconv.Itoa(at.Line)
}
