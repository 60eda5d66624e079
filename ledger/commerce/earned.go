package commerce

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
	"mizan/ledger/postgres"
)

// Earned is what one transaction did to a payee's money, and as what: earned, given back, taken as a fee, shared with others,
// withheld, adjusted or paid. The parts of a payee sum to what the transaction moved on all its accounts together, so money
// that only changes its bucket is nothing. Orders are told apart by the difference of their sheets, all else by its event.

// EarnedVersion is the version of the way in which transactions are told apart. Whoever keeps sums makes them anew when it rises.
const EarnedVersion = 2

// KindCharity is the kind of whom donations are for.
const KindCharity = "charity"

// Earned is one payee's part of a transaction, in its favour.
type Earned struct {
	// Kind is seller, creator, agency, partner or charity, ID whose money it is, and Currency its currency.
	Kind, ID string
	Currency money.Currency
	// SKU is the product it is about; empty if it is about none. What concerns several products of an order is shared out by what
	// the buyer paid, or gets back, for each.
	SKU string
	EarnedParts
}

// EarnedParts are the parts of a movement in minor units, each in the payee's favour: what it costs the payee is below zero.
type EarnedParts struct {
	// Earned is what sales, commissions, gifts and donations brought before anything was taken; GivenBack what refunds, disputes
	// and cancellations took again; Fees what the platform and carriers charged; Shared what creators, agencies and partners got
	// of it; Withheld is tax; Adjusted is everything else, such as corrections, deposits and debts; Paid is what was paid out.
	Earned, GivenBack, Fees, Shared, Withheld, Adjusted, Paid money.Minor
}

// Kept is what remains of the earnings: without adjustments and payouts.
func (p EarnedParts) Kept() money.Minor {
	return p.Earned + p.GivenBack + p.Fees + p.Shared + p.Withheld
}

// Moved is the sum of all parts: what the payee's accounts moved by.
func (p EarnedParts) Moved() money.Minor { return p.Kept() + p.Adjusted + p.Paid }

// Plus is the sum of both, part by part.
func (p EarnedParts) Plus(o EarnedParts) EarnedParts {
	a := p.each()
	for i, x := range o.each() {
		*a[i] += *x
	}
	return p
}

// each are the parts in one order.
func (p *EarnedParts) each() [7]*money.Minor {
	return [7]*money.Minor{&p.Earned, &p.GivenBack, &p.Fees, &p.Shared, &p.Withheld, &p.Adjusted, &p.Paid}
}

// EarnedIn tells what each of a page of transactions did to whom, by sequence. Transactions that moved nobody's money are left out.
// The orders among them are read together, or in halves if that takes longer than one read may. Of a transaction whose order cannot
// be read what moved is adjusted; unread says which they are, so that one of them does not stop all that come after it. What is unread
// for postgres.ErrReadTooLong may be read another time.
func (s *Service) EarnedIn(ctx context.Context, book ledger.Book, page []ledger.Transaction) (all map[int64][]Earned, unread map[int64]error, err error) {
	all, unread = make(map[int64][]Earned, len(page)), map[int64]error{}
	var orders []*ledger.Transaction
	for i := range page {
		t := &page[i]
		moved := movedBy(t)
		if len(moved) == 0 {
			continue
		}
		if id, isOrder := orderID(t.Subject); isOrder && id != "" && t.Reverses == 0 && t.Reposts == 0 {
			orders = append(orders, t)
		}
		classify(t, moved)
		all[t.Sequence] = moved
	}
	within, err := s.storiesWithin(ctx, book, page, orders)
	if err != nil {
		return nil, nil, err
	}
	return all, unread, s.earnedOfOrders(ctx, book, orders, within, all, unread)
}

// storiesWithin are the histories of orders that began on the page, up to its end, so that they need not be read again: most orders have
// one transaction. A page that leaves out transactions of the book has none.
func (s *Service) storiesWithin(ctx context.Context, book ledger.Book, page []ledger.Transaction, orders []*ledger.Transaction) (map[string][]ledger.Transaction, error) {
	if len(orders) == 0 || page[len(page)-1].Sequence-page[0].Sequence != int64(len(page)-1) {
		return nil, nil
	}
	begun, err := s.ledger.Begun(ctx, book, subjectsOf(orders))
	switch {
	case errors.Is(err, postgres.ErrReadTooLong) && ctx.Err() == nil:
		return nil, nil
	case err != nil:
		return nil, err
	}
	within := map[string][]ledger.Transaction{}
	for i := range page {
		if first, ok := begun[page[i].Subject]; ok && first >= page[0].Sequence {
			within[page[i].Subject] = append(within[page[i].Subject], page[i])
		}
	}
	maps.DeleteFunc(within, func(_ string, story []ledger.Transaction) bool { return len(story) > maxStory })
	return within, nil
}

// subjectsOf are the subjects of transactions, each once.
func subjectsOf(ts []*ledger.Transaction) []string {
	subjects := make([]string, len(ts))
	for i, t := range ts {
		subjects[i] = t.Subject
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// earnedOfOrders tells apart what orders did, by their sheets. within are histories that are known.
func (s *Service) earnedOfOrders(ctx context.Context, book ledger.Book, ts []*ledger.Transaction, within map[string][]ledger.Transaction, all map[int64][]Earned, unread map[int64]error) error {
	if len(ts) == 0 {
		return nil
	}
	subjects := slices.DeleteFunc(subjectsOf(ts), func(subject string) bool { return within[subject] != nil })
	stories, err := s.storiesOf(ctx, book, subjects, ts[len(ts)-1].Sequence)
	if half := len(ts) / 2; half > 0 && errors.Is(err, postgres.ErrReadTooLong) && ctx.Err() == nil {
		if err := s.earnedOfOrders(ctx, book, ts[:half], within, all, unread); err != nil {
			return err
		}
		return s.earnedOfOrders(ctx, book, ts[half:], within, all, unread)
	}
	if errors.Is(err, postgres.ErrReadTooLong) && ctx.Err() == nil {
		cannotRead(ts[0].Sequence, err, all, unread)
		return nil
	}
	if err != nil {
		return err
	}
	for _, t := range ts {
		if story := within[t.Subject]; story != nil {
			stories.together[t.Subject] = story
		}
		told, err := s.earnedOfOrder(ctx, book, t, stories, all[t.Sequence])
		switch {
		case err == nil:
			all[t.Sequence] = told
		case passes(ctx, err) && (ctx.Err() != nil || !errors.Is(err, postgres.ErrReadTooLong)):
			return err
		default:
			cannotRead(t.Sequence, err, all, unread)
		}
	}
	return nil
}

// passes reports whether an error is of the moment or of the database, so that the same read may succeed later.
func passes(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || fault.KindOf(err) == fault.Unavailable || postgres.Failed(err)
}

// cannotRead keeps what a transaction moved without telling as what.
func cannotRead(sequence int64, err error, all map[int64][]Earned, unread map[int64]error) {
	for i := range all[sequence] {
		e := &all[sequence][i]
		e.EarnedParts = EarnedParts{Adjusted: e.Moved()}
	}
	unread[sequence] = err
}

// earnedOfOrder tells one transaction of an order apart. An order whose history was changed by hand keeps what its event says.
func (s *Service) earnedOfOrder(ctx context.Context, book ledger.Book, t *ledger.Transaction, stories *stories, moved []Earned) ([]Earned, error) {
	id, _ := orderID(t.Subject)
	r, _, ok := recordOf(t)
	if !ok || r.Part != 0 {
		return moved, nil
	}
	x := &explained{event: t.Event}
	story, err := stories.of(ctx, t.Subject)
	if err == nil {
		x.order, err = s.loaded(ctx, book, id, t.Sequence, story)
	}
	switch o := x.order; {
	case err != nil:
	case r.Kind == eventCaptured && len(o.transactions) == 1 && o.edited == nil: // most are: nothing was before it
		x.after, err = o.compute()
	default:
		err = s.sheetsAround(ctx, book, x, t.Sequence)
	}
	switch {
	case err != nil && (fault.CodeOf(err) == "" || fault.KindOf(err) == fault.Unavailable):
		return nil, err
	case err != nil || x.after == nil || isFee(t.Event):
		return moved, nil
	}
	before, after, disputeFee := x.before.takings(), x.after.takings(), x.order.disputeFee(r, t)
	for i := range moved {
		e := &moved[i]
		if e.Currency != x.order.currency {
			continue
		}
		at := payeeAccount(e.Kind, bucketPending, e.ID)
		was, is := before[at], after[at]
		fees, shared, withheld := is.fees-was.fees, is.shared-was.shared, is.withheld-was.withheld
		if at == x.order.sellerPosition() {
			fees += disputeFee
		}
		gross := e.Moved() - fees - shared - withheld
		e.EarnedParts = EarnedParts{Fees: fees, Shared: shared, Withheld: withheld}
		if isGivenBack(t.Event) {
			e.GivenBack = gross
		} else {
			e.Earned = gross
		}
	}
	bear(t, moved)
	return byProduct(moved, x.before, x.after), nil
}

// disputeFee is what the end of a dispute took from the seller for the processor's fee, or gave back of it.
func (o *order) disputeFee(r record, t *ledger.Transaction) money.Minor {
	if !strings.HasPrefix(t.Event, "dispute.") {
		return 0
	}
	e, err := storedEvent(r, t)
	d, closed := e.(*DisputeClosed)
	if err != nil || !closed {
		return 0
	}
	switch x := o.dispute(d.Dispute); {
	case x == nil || x.feeBy != "seller":
		return 0
	case t.Event == "dispute.lost":
		return -x.fee
	case d.FeeReturned:
		return x.fee
	}
	return 0
}

// bear tells what an event costs a payee who earned nothing by it as fees, as far as there is revenue in it, and the rest as shared.
func bear(t *ledger.Transaction, moved []Earned) {
	for i := range moved {
		e := &moved[i]
		if e.Earned >= 0 {
			continue
		}
		charged := money.Minor(0) // below zero, with the tax on it
		for _, x := range t.Entries {
			if a := string(x.Account); x.Currency == e.Currency && (strings.HasPrefix(a, "revenue:") || strings.HasPrefix(a, "liabilities:tax:") && !strings.HasPrefix(a, "liabilities:tax:withholding:")) {
				charged += x.Amount
			}
		}
		for _, other := range moved {
			if other.Currency == e.Currency {
				charged -= other.Fees
			}
		}
		fee := max(e.Earned, min(charged, 0))
		e.Fees, e.Shared, e.Earned = e.Fees+fee, e.Shared+e.Earned-fee, 0
	}
}

// takings are what a sheet takes from one payee, below zero.
type takings struct{ fees, shared, withheld money.Minor }

// takings tells of the order's seller and its creators what is taken from them. A commission that is only withheld as a deposit is
// still the seller's.
func (s *sheet) takings() map[ledger.Address]takings {
	all := map[ledger.Address]takings{}
	for _, p := range s.cut() {
		kind, id, _ := strings.Cut(p.payee, ":")
		if kind != "seller" && kind != "creator" {
			continue
		}
		at := payeeAccount(kind, bucketPending, id)
		own := all[at]
		switch p.kind {
		case ShareFee, ShareFeeTax:
			own.fees += p.amount
		case ShareTaxWithheld:
			own.withheld += p.amount
		case ShareAgency, ShareGiven, SharePartner:
			own.shared += p.amount
		case ShareCommission, ShareBonus:
			if kind == "seller" {
				own.shared += p.amount
			}
		}
		all[at] = own
	}
	return all
}

// byProduct shares each payee's part out over the order's products, by what the event changed of the buyer's money for each.
func byProduct(moved []Earned, before, after *sheet) []Earned {
	var skus []string
	var weights []money.Minor
	add := func(s *sheet, sign money.Minor) {
		if s == nil || s.order.cancelled {
			return
		}
		for i := range s.order.lots {
			l := &s.order.lots[i]
			if l.kind != lotGoods || l.sku == "" {
				continue
			}
			at := slices.Index(skus, l.sku)
			if at < 0 {
				at, skus, weights = len(skus), append(skus, l.sku), append(weights, 0)
			}
			weights[at] += sign * l.money(false)
		}
	}
	add(after, 1)
	add(before, -1)
	some := false
	for i, w := range weights {
		weights[i] = max(w, -w)
		some = some || w != 0
	}
	if !some {
		return moved
	}
	var out []Earned
	for _, e := range moved {
		if len(skus) == 1 {
			e.SKU = skus[0]
			out = append(out, e)
			continue
		}
		parts := make([]Earned, len(skus))
		for k, part := range e.each() {
			shares, err := money.AllocateOver(max(*part, -*part), weights, 1)
			if err != nil {
				return moved
			}
			for i, share := range shares {
				if *part < 0 {
					share = -share
				}
				*parts[i].each()[k] = share
			}
		}
		for i := range parts {
			if parts[i].EarnedParts != (EarnedParts{}) {
				parts[i].Kind, parts[i].ID, parts[i].Currency, parts[i].SKU = e.Kind, e.ID, e.Currency, skus[i]
				out = append(out, parts[i])
			}
		}
	}
	return out
}

// movedBy adds a transaction up by payee and currency, the sum under Adjusted, without those of whom nothing moved.
func movedBy(t *ledger.Transaction) []Earned {
	var moved []Earned
	for _, e := range t.Entries {
		kind, id, ok := EarnerOf(e.Account)
		if !ok {
			continue
		}
		at := slices.IndexFunc(moved, func(x Earned) bool { return x.Kind == kind && x.ID == id && x.Currency == e.Currency })
		if at < 0 {
			at, moved = len(moved), append(moved, Earned{Kind: kind, ID: id, Currency: e.Currency})
		}
		moved[at].Adjusted -= e.Amount
	}
	moved = slices.DeleteFunc(moved, func(x Earned) bool { return x.Adjusted == 0 })
	slices.SortFunc(moved, func(a, b Earned) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID), strings.Compare(string(a.Currency), string(b.Currency)))
	})
	return moved
}

// EarnerOf says whose money an account holds, as far as anybody earns on it; ok is false for any other account.
func EarnerOf(a ledger.Address) (kind, id string, ok bool) {
	if kind, _, id, ok = splitPayee(a); ok {
		return kind, id, true
	}
	part := strings.Split(string(a), ":")
	switch {
	case len(part) == 3 && part[0] == "liabilities" && (part[1] == "seller_deposit" || part[1] == "commission_deposit"):
		return "seller", part[2], true
	case len(part) >= 4 && part[0] == "liabilities" && part[1] == "donation":
		return KindCharity, part[3], true
	}
	return "", "", false
}

// EarnerAccounts are the addresses of all accounts on which a payee of a kind earns. Those of charities go on with a campaign.
func EarnerAccounts(kind, id string) (list []ledger.Address) {
	buckets := map[string][]string{
		"seller": {bucketPending, bucketAvailable, bucketReserve, bucketDisputeHold, "blocked"}, "creator": {bucketPending, bucketAvailable, bucketDisputeHold, "blocked", bucketTrust},
		"agency": {bucketPending, bucketAvailable, bucketDisputeHold, "blocked"}, "partner": {bucketPending, bucketAvailable, bucketDisputeHold, "blocked"},
	}
	for _, bucket := range buckets[kind] {
		list = append(list, payeeAccount(kind, bucket, id))
	}
	switch kind {
	case "seller":
		list = append(list, ledger.Address("liabilities:seller_deposit:"+id), ledger.Address("liabilities:commission_deposit:"+id))
	case KindCharity:
		list = append(list, payeeAccount("donation", bucketPending, id), payeeAccount("donation", bucketAvailable, id))
	}
	return list
}

// classify moves each payee's sum to the part that the event stands for.
func classify(t *ledger.Transaction, moved []Earned) {
	fees, withheld := money.Minor(0), money.Minor(0)
	pays := strings.HasPrefix(t.Event, "payout.") || strings.HasPrefix(t.Event, "donation.disburse")
	if pays && len(moved) == 1 {
		for _, e := range t.Entries {
			switch {
			case e.Currency != moved[0].Currency:
			case strings.HasPrefix(string(e.Account), "revenue:"):
				fees += e.Amount
			case strings.HasPrefix(string(e.Account), "liabilities:tax:withholding:"):
				withheld += e.Amount
			}
		}
	}
	for i := range moved {
		e := &moved[i]
		sum := e.Adjusted
		e.Adjusted = 0
		switch {
		case t.Reverses != 0 || t.Reposts != 0:
			e.Adjusted = sum
		case pays:
			e.Fees, e.Withheld, e.Paid = fees, withheld, sum-fees-withheld
		case isGivenBack(t.Event):
			e.GivenBack = sum
		case isEarning(t.Event):
			e.Earned = sum
		case isFee(t.Event):
			e.Fees = sum
		default:
			e.Adjusted = sum
		}
		if e.Kind == "creator" && slices.Contains(eventsOfGifts, t.Event) {
			e.shareOfAgencies(t)
		}
	}
	bear(t, moved)
}

// eventsOfGifts are those in which an agency's part comes out of the creator's. A bonus by the platform is an event of its own.
var eventsOfGifts = []string{"gift.sent", "gift.trued_up", "gift.reversed", eventReduced}

// shareOfAgencies tells a creator's part of a gift before its agency's share, and the share.
func (e *Earned) shareOfAgencies(t *ledger.Transaction) {
	share := money.Minor(0)
	for _, x := range t.Entries {
		if kind, _, ok := EarnerOf(x.Account); ok && kind == "agency" && x.Currency == e.Currency {
			share += x.Amount
		}
	}
	e.Shared += share
	if isGivenBack(t.Event) {
		e.GivenBack -= share
	} else {
		e.Earned -= share
	}
}

// eventsBack are the events by which earnings go back, beside those of refunds and disputes.
var eventsBack = []string{"order.cancelled", "order.line_cancelled", "exchange.returned", "payment.failed", "gift.reversed", eventReduced, "gift.agency_bonus_reversed",
	"tip.refunded", "subscription.refunded", "coins.purchase_refunded", "coins.disputed", "donation.refunded", "donation.disputed", "donation.match_reversed", "commission.clawback",
	"import.refund_created", "simulcast.return_reported"}

func isGivenBack(event string) bool {
	return slices.Contains(eventsBack, event) || strings.HasPrefix(event, "refund.") || strings.HasPrefix(event, "dispute.") && event != "dispute.appeal_fee"
}

// eventsEarning are the events by which something is earned.
var eventsEarning = []string{eventCaptured, eventCODDelivered, eventOpenedOrder, "exchange.captured", "creator.bonus", "attribution.moved", "commission.earned", "commission.tier_adjusted",
	"commission.deposit_released", "gift.sent", "gift.trued_up", "gift.agency_bonus", "tip.sent", "subscription.charged", "subscription.earned", eventReceived, "donation.from_sale", eventMatched,
	eventSurplus, "simulcast.reported", "import.order_paid", "import.settlement_line"}

func isEarning(event string) bool { return slices.Contains(eventsEarning, event) }

func isFee(event string) bool {
	return event == eventFeeAttributed || event == "donation.fee_funded" || event == "order.cod_refused" || slices.ContainsFunc(chargeKinds, func(k chargeKind) bool { return k.kind == event })
}
