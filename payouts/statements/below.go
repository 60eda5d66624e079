package statements

import (
	"context"
	"math"
	"slices"
	"time"

	"mizan/ledger/commerce"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/payouts"
)

// What stands below the line of a statement: why money of the payee stays back and until when, which payouts were on their way and
// whether they arrived, and what the next payout is expected to pay. It is told beside a statement and is no part of its data form: when
// a payment arrives, and what the next payout pays, is known only later, and an issued statement must be made again byte for byte.

// Below is what stands below the line. Holds and payouts are those of the statement's end; the next payout is that of now.
type Below struct {
	// At is the end of the statement, or now if it reaches that far.
	At time.Time
	// Held are the reasons for which money of the payee stays back: reserves and disputes by order, the newest first, then what is blocked,
	// deposited or in trust as one each, then pauses, which keep no amount, and last campaigns that pay nothing on. Together with Others they
	// come to what the buckets of the statement close with, but for campaigns, whose money is pending or available.
	Held []Held
	// Others is what the reserves and disputes that are not listed keep at the end, by their bucket; those that keep nothing more are left out.
	Others []Balance
	// Payouts are those that were made in the statement, or that moved in it, the latest first.
	Payouts []PaidOut
	// MorePayouts says that there are others: a statement lists up to 100.
	MorePayouts bool
	// CardFees is what card processing took of the gifts of a charity's statement; nil where it took nothing, and where the charity has
	// more than 50 campaigns.
	CardFees *commerce.CardFees
	// Next is what the next payout is expected to pay; nil where the statement does not reach the present, where nobody is paid by runs,
	// such as charities, and where the book has no policy.
	Next *payouts.Expected
}

// Why money stays back. The words stand in files and are never given another meaning.
const (
	HeldReserve           = "reserve"            // a part of a sale, in case it comes back
	HeldDispute           = "dispute"            // the buyer's bank asks for the money
	HeldBlocked           = "blocked"            // a hold blocks it; Categories say why
	HeldPause             = "pause"              // a hold stops payouts and keeps no amount; Categories say why
	HeldDeposit           = "deposit"            // the seller's deposit
	HeldCommissionDeposit = "commission_deposit" // commission, until the creators' tier is known
	HeldTrust             = "minor_trust"        // set aside for a minor
	HeldCampaign          = "campaign"           // a campaign pays nothing on until the charity is checked
)

// What held money waits for.
const (
	WaitsForDay     = "day"      // Until
	WaitsForDispute = "dispute"  // the end of the dispute
	WaitsForPerson  = "person"   // somebody releases the hold
	WaitsForTier    = "tier"     // the month's tier is known
	WaitsForShop    = "shop"     // the shop is closed, or the deposit is agreed anew
	WaitsForAdult   = "majority" // the minor comes of age, or what the law sets aside it for
)

// Held is one reason for which money stays back.
type Held struct {
	// Reason is one of the Held words, WaitsFor one of those of what it waits for.
	Reason, WaitsFor string
	// Bucket is where the money is, empty of a pause and of a campaign; Amount how much of it, 0 of a pause.
	Bucket Bucket
	Amount money.Minor
	// Order is the order that it is of; empty where it is of none.
	Order string
	// Campaign is the campaign that keeps it; empty where none does.
	Campaign string
	// Since is when it was kept first, as the book learned of it; zero where it came bit by bit.
	Since time.Time
	// Until is when it becomes available; zero where nobody knows.
	Until time.Time
	// Categories are those of the holds: kyc, sanctions, legal, fraud or review. What a hold is about in the papers of others is told to nobody.
	Categories []string
}

// PaidOut is a payout as its payee may see it.
type PaidOut struct {
	ID string
	// Amount is what arrives, Fee what was kept for it with its tax; their sum left the payee's money.
	Amount, Fee money.Minor
	Method      string
	// State is its state at the statement's end, StateNow the one of now: one of those of payouts, or Returned.
	State, StateNow string
	CreatedAt       time.Time
	// ExpectedAt is when it should arrive, ArrivedAt when it did; zero while that is not known.
	ExpectedAt, ArrivedAt time.Time
	// ReturnedAt is when it came back after it had arrived.
	ReturnedAt time.Time
	// Trace is what the banks know the payment by, Reference what the processor calls it; empty until they say.
	Trace, Reference string
	// RetryOf is the payout that it pays again.
	RetryOf string
}

// Returned is what payees are told of a payout that came back after it had arrived.
const Returned = "returned"

// Below returns what stands below the line of a statement. It reads a bounded piece of the books, however long the statement is. Below
// the statement of a payout stands the payout.
func (s *Service) Below(ctx context.Context, st *Statement) (*Below, error) {
	if st.Payout != nil {
		return &Below{At: s.now(), Payouts: []PaidOut{*st.Payout}}, nil
	}
	span, err := st.span()
	if err != nil {
		return nil, err
	}
	now := s.now()
	b := &Below{At: span.End}
	if b.At.After(now) {
		b.At = now
	}
	list, err := s.accountsOf(ctx, st)
	if err != nil {
		return nil, err
	}
	if err := s.held(ctx, st, list, b); err != nil {
		return nil, err
	}
	if err := s.campaigns(ctx, st, b); err != nil || s.payouts == nil {
		return b, err
	}
	kind, err := s.kindOf(ctx, st)
	if err != nil {
		return nil, err
	}
	holder := payouts.Holder{PayeeKey: payouts.PayeeKey{Kind: kind, ID: st.Payee}, Currency: st.Currency}
	if err := s.paidOut(ctx, st, holder, span, b); err != nil {
		return nil, err
	}
	if err := s.disbursed(ctx, st, list, b); err != nil {
		return nil, err
	}
	if span.End.After(now) {
		b.Next, err = s.payouts.Expect(ctx, st.book, holder)
	}
	return b, err
}

// span is the piece of the books that the statement covers.
func (s *Statement) span() (payouts.Span, error) {
	first, err := time.Parse(time.DateOnly, s.FirstDay)
	if err != nil {
		return payouts.Span{}, err
	}
	last, err := time.Parse(time.DateOnly, s.LastDay)
	return payouts.Span{From: s.From, To: s.To, Begin: s.book.DayBegins(first.Year(), first.Month(), first.Day()), End: s.book.DayBegins(last.Year(), last.Month(), last.Day()+1)}, err
}

// kindOf is what the payee is: what it is registered as, and if it is not, what its first account says.
func (s *Service) kindOf(ctx context.Context, st *Statement) (string, error) {
	registered, err := s.events.Payee(ctx, st.book, st.Payee)
	if err == nil {
		return registered.Kind, nil
	}
	if fault.KindOf(err) != fault.NotFound {
		return "", err
	}
	for _, a := range st.Accounts {
		if kind := kindOf(a.Account); kind != "" {
			return kind, nil
		}
	}
	return payouts.KindCharity, nil
}

const (
	// mostHeld is how many reserves and disputes are listed of each account, mostLooked how many of its entries are looked at for them.
	mostHeld   = 50
	mostLooked = 2_000
	// mostPaidOut is how many payouts are listed.
	mostPaidOut = 100
)

// held tells why money stays back.
func (s *Service) held(ctx context.Context, st *Statement, list []account, b *Below) error {
	left := map[Bucket]money.Minor{}
	for _, x := range st.Buckets {
		left[x.Bucket] = x.Closing
	}
	var reserves []string
	for _, of := range []struct {
		bucket           Bucket
		reason, waitsFor string
	}{{Reserve, HeldReserve, ""}, {DisputeHold, HeldDispute, WaitsForDispute}} {
		if left[of.bucket] == 0 {
			continue
		}
		for _, a := range list {
			if a.bucket != of.bucket {
				continue
			}
			kept, err := s.keptBy(ctx, st, a)
			if err != nil {
				return err
			}
			for _, h := range kept {
				h.Reason, h.WaitsFor, h.Bucket = of.reason, of.waitsFor, of.bucket
				left[of.bucket] -= h.Amount
				if b.Held = append(b.Held, h); of.bucket == Reserve && h.Order != "" {
					reserves = append(reserves, h.Order)
				}
			}
		}
		if left[of.bucket] != 0 {
			b.Others = append(b.Others, Balance{Bucket: of.bucket, Closing: left[of.bucket]})
		}
	}
	if len(reserves) > 0 {
		until, err := s.events.ReservesUntil(ctx, st.book, reserves, st.To)
		if err != nil {
			return err
		}
		for i := range b.Held {
			if h := &b.Held[i]; h.Reason == HeldReserve {
				if h.Until = until[h.Order]; !h.Until.IsZero() {
					h.WaitsFor = WaitsForDay
				}
			}
		}
	}
	return s.heldWhole(ctx, st, left, b)
}

// heldWhole tells what is held for no single order.
func (s *Service) heldWhole(ctx context.Context, st *Statement, left map[Bucket]money.Minor, b *Below) error {
	blocked, paused := Held{Reason: HeldBlocked, WaitsFor: WaitsForPerson, Bucket: Blocked, Amount: left[Blocked]}, Held{Reason: HeldPause, WaitsFor: WaitsForPerson}
	if s.payouts != nil {
		holds, err := s.payouts.HoldsAt(ctx, st.book, st.Payee, b.At)
		if err != nil {
			return err
		}
		for _, h := range holds {
			to := &blocked
			if h.Effect == payouts.EffectPause {
				to = &paused
			}
			if h.Currency != "" && h.Currency != st.Currency {
				continue
			}
			if to.Since.IsZero() {
				to.Since = h.PlacedAt
			}
			if !slices.Contains(to.Categories, h.Category) {
				to.Categories = append(to.Categories, h.Category)
			}
		}
	}
	// A hold of everything keeps also what is still to come, so it is told even while it keeps nothing.
	if blocked.Amount != 0 || len(blocked.Categories) > 0 {
		b.Held = append(b.Held, blocked)
	}
	for _, h := range []Held{{Reason: HeldDeposit, WaitsFor: WaitsForShop, Bucket: Deposit}, {Reason: HeldCommissionDeposit, WaitsFor: WaitsForTier, Bucket: CommissionDeposit},
		{Reason: HeldTrust, WaitsFor: WaitsForAdult, Bucket: Trust}} {
		if h.Amount = left[h.Bucket]; h.Amount != 0 {
			b.Held = append(b.Held, h)
		}
	}
	if len(paused.Categories) > 0 {
		b.Held = append(b.Held, paused)
	}
	return nil
}

// paidOut tells the payouts of the statement's span.
func (s *Service) paidOut(ctx context.Context, st *Statement, h payouts.Holder, span payouts.Span, b *Below) error {
	list, err := s.payouts.PayoutsWithin(ctx, st.book, h, span, mostPaidOut)
	if err != nil {
		return err
	}
	if b.MorePayouts = len(list) > mostPaidOut; b.MorePayouts {
		list = list[:mostPaidOut]
	}
	for _, p := range list {
		o := paidOutOf(p.Payout)
		if o.State = p.StateThen; p.Returned {
			o.State = Returned
		}
		b.Payouts = append(b.Payouts, o)
	}
	return nil
}

// paidOutOf is a payout as it stands.
func paidOutOf(p payouts.Payout) PaidOut {
	o := PaidOut{ID: p.ID, Amount: p.Amount, Fee: p.Fee, Method: p.Method, State: p.State, StateNow: p.State, CreatedAt: p.CreatedAt, ExpectedAt: p.ExpectedOn, ArrivedAt: p.PaidAt,
		ReturnedAt: p.ReturnedAt, Trace: p.Trace, Reference: p.Outgoing, RetryOf: p.RetryOf}
	if !p.ReturnedAt.IsZero() {
		o.State, o.StateNow = Returned, Returned
	}
	return o
}

// disbursed tells the disbursements of donations that moved in the span.
func (s *Service) disbursed(ctx context.Context, st *Statement, list []account, b *Below) error {
	for _, a := range list {
		if a.bucket != InTransit {
			continue
		}
		ids, err := s.disbursementsOn(ctx, st, a)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			continue
		}
		if len(ids) > mostPaidOut {
			ids, b.MorePayouts = ids[:mostPaidOut], true
		}
		then, err := s.events.Disbursements(ctx, st.book, ids, st.To)
		if err != nil {
			return err
		}
		now, err := s.events.Disbursements(ctx, st.book, ids, math.MaxInt64)
		if err != nil {
			return err
		}
		for _, id := range ids {
			d, known := then[id]
			if !known || d.Beneficiary != st.Payee {
				continue
			}
			is := now[id]
			b.Payouts = append(b.Payouts, PaidOut{ID: id, Amount: d.Amount, State: d.State, StateNow: is.State, CreatedAt: d.CreatedAt, ArrivedAt: is.PaidAt, ReturnedAt: is.ReturnedAt,
				Trace: is.BankReference})
		}
	}
	slices.SortStableFunc(b.Payouts, func(x, y PaidOut) int { return y.CreatedAt.Compare(x.CreatedAt) })
	return nil
}
