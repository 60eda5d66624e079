package payouts

import (
	"context"
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
	// Last is what was decided last; nil if nothing was among the latest decisions. Of one to pay, LastRun is the state of its run and
	// Made are its payouts: that it was decided does not mean that anything was paid.
	Last    *Decided
	LastRun string
	Made    []Payout
}

// LastPaid reports whether all that was decided last to be paid has arrived, and stayed.
func (in *WayIn) LastPaid() bool {
	return len(in.Made) > 0 && !slices.ContainsFunc(in.Made, func(p Payout) bool { return p.State != Paid || !p.ReturnedAt.IsZero() })
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
	ExpectNone    = "none"     // nothing is paid, for the reasons that are told
	ExpectBelow   = "below"    // less than the minimum will be
	ExpectUpTo    = "upto"     // at most this, before what is kept in reserve or in trust
	ExpectAbout   = "expected" // this, if nothing changes
)

// NextPayout is what can be known of the next scheduled payout: what Expect says its run decides.
type NextPayout struct {
	// Expect is one of the Expect words.
	Expect string
	// At is when its run starts; Amount what arrives after the fee or, where nothing or not a certain amount does, what is available
	// and comes before the cut-off; and Minimum the policy's, 0 for none.
	At              time.Time
	Amount, Minimum money.Minor
	// Decision is what would be decided, with every reason why nothing is paid, or not all. It has no run where none is scheduled.
	Decision Decision
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

// ErrManyAccounts means that a payee has more accounts than are added up.
var ErrManyAccounts = fault.New(fault.Conflict, "payee-accounts", "The payee has more accounts than are added up. Ask for the balances by account instead.")

// Held reads what a payee holds, by currency and by the name of the holding in HoldingPaths: on the payee's account of each path, and on those
// below it, which are for campaigns. A currency is there if the payee has an account in it.
func Held(ctx context.Context, books *ledger.Ledger, book ledger.Book, payee PayeeKey) (map[money.Currency]map[string]money.Minor, error) {
	var names []string
	var accounts []ledger.Address
	for name, path := range HoldingPaths(payee.Kind) {
		names, accounts = append(names, name), append(accounts, ledger.Address(path+":"+payee.ID))
	}
	under, more, err := books.BalancesUnder(ctx, book, accounts, balancesRead)
	if err == nil && more {
		err = ErrManyAccounts
	}
	if err != nil {
		return nil, err
	}
	held := map[money.Currency]map[string]money.Minor{}
	for i, list := range under {
		for _, b := range list {
			if held[b.Currency] == nil {
				held[b.Currency] = map[string]money.Minor{}
			}
			held[b.Currency][names[i]] += b.Net()
		}
	}
	return held, nil
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
	minor   bool
	next    map[money.Currency]*Expected
	debts   []Debt
	decided []Decided
}

// Way tells the way of a payee's money, from a bounded number of rows of each kind.
func (s *Service) Way(ctx context.Context, book ledger.Book, payee PayeeKey) (*Way, error) {
	w := way{s: s, book: book, payee: payee, now: s.now()}
	if err := w.read(ctx); err != nil {
		return nil, err
	}
	out := &Way{Payee: payee}
	for _, currency := range w.currencies() {
		in := w.in(currency)
		if in.Last != nil && in.Last.Verdict == VerdictPay {
			var err error
			if in.LastRun, in.Made, err = s.madeOf(ctx, book, in.Last); err != nil {
				return nil, err
			}
		}
		out.Currencies = append(out.Currencies, in)
	}
	return out, nil
}

// currencies are those in which the payee has an account or something waits.
func (w *way) currencies() []money.Currency {
	return slices.DeleteFunc(slices.Clone(w.book.Currencies), func(c money.Currency) bool {
		return len(w.held[c]) == 0 && !slices.ContainsFunc(w.waits, func(x Wait) bool { return x.Currency == c })
	})
}

func (w *way) read(ctx context.Context) error {
	var err error
	if w.held, err = Held(ctx, w.s.ledger, w.book, w.payee); err != nil {
		return err
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
	registered, err := w.s.events.Payee(ctx, w.book, w.payee.ID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	w.minor = registered.Minor
	w.next = map[money.Currency]*Expected{}
	for _, currency := range w.currencies() {
		if w.next[currency], err = w.s.Expect(ctx, w.book, Holder{PayeeKey: w.payee, Currency: currency}); err != nil {
			return err
		}
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

// keepsBack reports whether a part of what becomes available may be kept: a seller's reserve, a minor's trust.
func (w *way) keepsBack() bool { return w.payee.Kind == KindSeller || w.minor }

// in tells the way of the money in one currency.
func (w *way) in(currency money.Currency) WayIn {
	out := WayIn{Currency: currency, Held: w.held[currency], More: w.more, Coming: w.days(currency, false), Kept: w.days(currency, true), Next: NextOf(w.next[currency])}
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

// NextOf tells what can be known of the next payout by what is expected of its run; nil is no run.
func NextOf(e *Expected) NextPayout {
	if e == nil {
		return NextPayout{}
	}
	d := &e.Decision
	n := NextPayout{Expect: ExpectNone, At: e.At, Amount: d.Basis, Minimum: e.Policy.Kinds[e.Kind].Minimum[d.Currency], Decision: *d}
	first := ""
	if len(d.Reasons) > 0 {
		first = d.Reasons[0].Code
	}
	switch {
	case slices.ContainsFunc(d.Reasons, func(r Reason) bool { return r.Code == ReasonPaused || r.Code == ReasonBlocked }):
		n.Expect = ExpectPaused
	case e.Coming.More && d.Basis > 0 && (d.Verdict == VerdictPay || first == ReasonBelowMinimum || first == ReasonDust):
		n.Expect = ExpectMany
	case e.UpTo():
		n.Expect, n.Amount = ExpectUpTo, d.Amount
	case d.Verdict == VerdictPay:
		n.Expect, n.Amount = ExpectAbout, d.Amount
	case first == ReasonZero || first == ReasonNothing:
		n.Expect = ExpectNothing
	case first == ReasonBelowMinimum:
		n.Expect = ExpectBelow
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
