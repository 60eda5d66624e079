package payouts

import (
	"context"
	"errors"
	"slices"
	"time"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The way of a payee's money: what waits and becomes available when, what the next payout is expected to pay and when, and if it is
// expected to pay nothing, why. Pages and the API tell the same.

// waysWaits bounds what waits is read for a way.
const waysWaits = 500

// Way is the way of one payee's money.
type Way struct {
	Payee PayeeKey
	// Currencies are those in which the payee has an account or something waits, in the order of the book.
	Currencies []WayIn
}

// WayIn is the way of the money in one currency.
type WayIn struct {
	Currency money.Currency
	// Held is what is in each bucket, by the names of HoldingPaths.
	Held map[string]money.Minor
	Next NextPayout
	// Coming is what becomes available by day, Kept the reserves by the day they end; what has no day yet stands last.
	Coming, Kept []WayDay
	// Gross says that a part of what is coming may be kept back when it comes; More that only the earliest 500 waits are told.
	Gross, More bool
	// Debts is what is owed, as it was found last.
	Debts []Debt
	// Last is what was decided last; nil if nothing was among the latest decisions.
	Last *Decided
}

// WayDay is what a day brings: At is its beginning in the zone of the book, zero for what has no day yet.
type WayDay struct {
	At     time.Time
	Amount money.Minor
	Count  int
}

// What is expected of the next payout.
const (
	ExpectUnknown = ""         // there is no scheduled run for this payee
	ExpectPaused  = "paused"   // a hold stops it
	ExpectMany    = "many"     // so much comes before it that only the first is added up
	ExpectNothing = "nothing"  // nothing will be available
	ExpectBelow   = "below"    // less than the minimum will be
	ExpectUpTo    = "upto"     // at most this, before what is kept in reserve or in trust
	ExpectAbout   = "expected" // this, if nothing changes
)

// NextPayout is what can be known of the next scheduled payout.
type NextPayout struct {
	// Expect is one of the Expect words.
	Expect string
	// At is when its run starts; Amount what is available and comes before the cut-off, and Minimum the policy's, 0 for none.
	At              time.Time
	Amount, Minimum money.Minor
}

// HoldingPaths are the paths of the chart of what a kind of payee has, by what it is for: available, pending, paying and so on.
// Nil for kinds that have nothing.
func HoldingPaths(kind string) map[string]string {
	paths := map[string]string{}
	switch kind {
	case KindSeller:
		paths["reserve"] = "liabilities:seller:reserve"
		paths["deposit"], paths["commission_deposit"] = "liabilities:seller_deposit", "liabilities:commission_deposit"
	case KindCreator:
		paths["minor_trust"] = "liabilities:creator:minor_trust"
	case KindAgency, KindPartner:
	case KindCharity:
		return map[string]string{"available": "liabilities:donation:available", "pending": "liabilities:donation:pending", "paying": "liabilities:payout_in_transit"}
	default:
		return nil
	}
	for _, name := range []string{"available", "pending", "dispute_hold", "blocked"} {
		paths[name] = "liabilities:" + kind + ":" + name
	}
	paths["paying"] = "liabilities:payout_in_transit"
	return paths
}

// balancesRead bounds the accounts that are read for one holding of a payee: part of them would be a wrong sum.
const balancesRead = 10_000

var errManyAccounts = errors.New("a payee has more accounts than are added up")

// BalancesOf reads the balances of a payee's account below a path of the chart, and of those below it, which are for campaigns. An
// address that only begins alike belongs to another payee, and others may have any number of those.
func BalancesOf(ctx context.Context, books *ledger.Ledger, book ledger.Book, path, payee string) (all []ledger.Balance, err error) {
	own := path + ":" + payee
	for _, prefix := range []string{own, own + ":"} {
		q := ledger.BalanceQuery{Prefix: prefix, Limit: 200}
		for more := true; more; {
			page, err := books.Balances(ctx, book, q)
			if err != nil {
				return nil, err
			}
			more = page.More
			for _, b := range page.Balances {
				if prefix == own && string(b.Account) != own { // the account itself comes before all that begins like it
					more = false
					break
				}
				all = append(all, b)
			}
			if len(all) > balancesRead {
				return nil, errManyAccounts
			}
			q.AfterAccount, q.AfterCurrency = page.LastAccount, page.LastCurrency
		}
	}
	return all, nil
}

// earns reports whether payees of the kind are paid by orders.
func earns(kind string) bool { return slices.Contains(earningKinds, kind) }

// way is what is read of a payee's money.
type way struct {
	s       *Service
	book    ledger.Book
	payee   PayeeKey
	now     time.Time
	held    map[money.Currency]map[string]money.Minor
	waits   []Wait
	more    bool
	policy  *Policy
	holds   []Hold
	minor   bool
	next    time.Time
	could   map[money.Currency]inNextRun
	debts   []Debt
	decided []Decided
}

// inNextRun is what a run can pay: of what is available, no more than was before the cut-off, and what becomes available until then.
type inNextRun struct {
	available money.Minor
	coming    Coming
}

// Way tells the way of a payee's money, from a bounded number of rows of each kind.
func (s *Service) Way(ctx context.Context, book ledger.Book, payee PayeeKey) (*Way, error) {
	w := way{s: s, book: book, payee: payee, now: s.now(), held: map[money.Currency]map[string]money.Minor{}}
	if err := w.read(ctx); err != nil {
		return nil, err
	}
	out := &Way{Payee: payee}
	for _, currency := range book.Currencies {
		if len(w.held[currency]) > 0 || slices.ContainsFunc(w.waits, func(x Wait) bool { return x.Currency == currency }) {
			out.Currencies = append(out.Currencies, w.in(currency))
		}
	}
	return out, nil
}

func (w *way) read(ctx context.Context) error {
	for bucket, path := range HoldingPaths(w.payee.Kind) {
		balances, err := BalancesOf(ctx, w.s.ledger, w.book, path, w.payee.ID)
		if err != nil {
			return err
		}
		for _, b := range balances {
			if w.held[b.Currency] == nil {
				w.held[b.Currency] = map[string]money.Minor{}
			}
			w.held[b.Currency][bucket] += b.Net()
		}
	}
	waits, err := w.s.Waits(ctx, w.book, w.payee.ID, Wait{}, waysWaits+1)
	if err != nil {
		return err
	}
	if w.more = len(waits) > waysWaits; w.more {
		waits = waits[:waysWaits]
	}
	for _, x := range waits {
		if x.Kind == w.payee.Kind || w.payee.Kind == KindCharity && !earns(x.Kind) {
			w.waits = append(w.waits, x)
		}
	}
	if !earns(w.payee.Kind) {
		return nil
	}
	return w.readPaying(ctx)
}

// readPaying reads what decides about the payee's payouts.
func (w *way) readPaying(ctx context.Context) (err error) {
	if w.policy, err = w.s.PolicyFor(ctx, w.book, w.payee.ID, w.now); err != nil && !refusal(err) {
		return err
	}
	if w.holds, err = w.s.HoldsOf(ctx, w.book, w.payee.ID); err != nil {
		return err
	}
	registered, err := w.s.events.Payee(ctx, w.book, w.payee.ID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	w.minor = registered.Minor
	if err := w.readNext(ctx); err != nil {
		return err
	}
	if w.debts, err = w.s.DebtsOf(ctx, w.book, w.payee); err != nil {
		return err
	}
	page, err := w.s.Decisions(ctx, w.book, DecisionQuery{Payee: w.payee.ID, Kind: w.payee.Kind, Limit: waysDecisions})
	w.decided = page.Decisions
	return err
}

// waysDecisions is among how many of the latest decisions the last one in each currency is looked for.
const waysDecisions = 50

// refusal reports whether an error is an answer, and no failure.
func refusal(err error) bool {
	kind := fault.KindOf(err)
	return kind != fault.Internal && kind != fault.Unavailable
}

// readNext reads what the next run can pay.
func (w *way) readNext(ctx context.Context) error {
	if w.policy == nil {
		return nil
	}
	if w.next = w.policy.NextRun(w.payee.Kind, w.now); w.next.IsZero() {
		return nil
	}
	cutOff, err := w.policy.CutoffOn(w.policy.LocalDate(w.next))
	if err != nil {
		return err
	}
	w.could = map[money.Currency]inNextRun{}
	for _, currency := range w.book.Currencies {
		holder := Holder{PayeeKey: w.payee, Currency: currency}
		could := inNextRun{available: w.held[currency]["available"]}
		if !cutOff.After(w.now) { // what came after the cut-off is for the run after the next
			own := holder.available()
			page, err := w.s.ledger.Balances(ctx, w.book, ledger.BalanceQuery{Prefix: string(own), Currency: currency, AsOf: cutOff.Add(-time.Microsecond), Limit: 1})
			if err != nil {
				return err
			}
			before := money.Minor(0)
			for _, b := range page.Balances {
				if b.Account == own {
					before = b.Net()
				}
			}
			could.available = min(could.available, before)
		} else if could.coming, err = w.s.Coming(ctx, w.book, holder, cutOff); err != nil {
			return err
		}
		w.could[currency] = could
	}
	return nil
}

// paused reports whether a hold stops the payee's payouts in the currency. One of an amount has moved its money and stops nothing else.
func (w *way) paused(currency money.Currency) bool {
	return slices.ContainsFunc(w.holds, func(h Hold) bool {
		return h.Kind == w.payee.Kind && h.ReleasedAt.IsZero() && (h.Currency == "" || h.Currency == currency) && (h.Effect == EffectPause || h.Effect == EffectEverything)
	})
}

// keepsBack reports whether a part of what becomes available may be kept: a seller's reserve, a minor's trust.
func (w *way) keepsBack() bool { return w.payee.Kind == KindSeller || w.minor }

// in tells the way of the money in one currency.
func (w *way) in(currency money.Currency) WayIn {
	out := WayIn{Currency: currency, Held: w.held[currency], More: w.more, Coming: w.days(currency, false), Kept: w.days(currency, true), Next: w.expected(currency)}
	out.Gross = len(out.Coming) > 0 && w.keepsBack()
	for _, d := range w.debts {
		if d.Currency == currency {
			out.Debts = append(out.Debts, d)
		}
	}
	for i := range w.decided {
		if w.decided[i].Holder.Currency == currency {
			out.Last = &w.decided[i]
			break
		}
	}
	return out
}

// expected tells the next payout, as far as it can be known: what is available, and what becomes available before the cut-off of its run.
func (w *way) expected(currency money.Currency) NextPayout {
	if w.next.IsZero() {
		return NextPayout{}
	}
	could := w.could[currency]
	least, bounded := w.policy.Kinds[w.payee.Kind].Minimum[currency]
	n := NextPayout{Expect: ExpectAbout, At: w.next, Amount: could.available + could.coming.Amount, Minimum: least}
	switch {
	case w.paused(currency):
		n.Expect = ExpectPaused
	case could.coming.More:
		n.Expect = ExpectMany
	case n.Amount <= 0:
		n.Expect = ExpectNothing
	case bounded && n.Amount < least:
		n.Expect = ExpectBelow
	case could.coming.Count > 0 && w.keepsBack():
		n.Expect = ExpectUpTo
	}
	return n
}

// days adds up what waits by day, the earliest first and what has no day yet last.
func (w *way) days(currency money.Currency, reserves bool) (days []WayDay) {
	zone := w.book.Location()
	for _, x := range w.waits {
		if x.Currency != currency || (x.Act == commerce.ActReserve) != reserves {
			continue
		}
		at := time.Time{}
		if !x.DueAt.IsZero() && !x.Gated { // what something keeps has no day, whatever its time
			y, m, d := x.DueAt.In(zone).Date()
			at = time.Date(y, m, d, 0, 0, 0, 0, zone)
		}
		i := slices.IndexFunc(days, func(d WayDay) bool { return d.At.Equal(at) })
		if i < 0 {
			i, days = len(days), append(days, WayDay{At: at})
		}
		days[i].Amount, days[i].Count = days[i].Amount+x.Amount, days[i].Count+1
	}
	slices.SortStableFunc(days, func(a, b WayDay) int {
		switch {
		case a.At.IsZero() == b.At.IsZero():
			return a.At.Compare(b.At)
		case a.At.IsZero():
			return 1
		}
		return -1
	})
	return days
}
