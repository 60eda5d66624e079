package commerce

import (
	"context"
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// Looking at an order: its state from the replay, and the waterfall from its entries and those of its payments.

// maxPaymentFacts bounds the processor's facts shown per payment of an order.
const maxPaymentFacts = 100

// Order returns an order as it stands, or ErrOrderUnknown.
func (s *Service) Order(ctx context.Context, book ledger.Book, id string) (*Order, error) {
	if !ledger.IsSegment(id) {
		return nil, ErrOrderUnknown
	}
	o, err := s.load(ctx, book, id, 0)
	if err != nil {
		return nil, err
	}
	if len(o.transactions) == 0 {
		return nil, ErrOrderUnknown
	}
	all := slices.Clone(o.transactions)
	for i := range o.tenders {
		if o.tenders[i].paymentID == "" {
			continue
		}
		page, err := s.ledger.Transactions(ctx, book, ledger.TransactionQuery{Subject: "payment:" + o.tenders[i].paymentID, Limit: maxPaymentFacts})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Transactions...)
	}
	slices.SortFunc(all, func(a, b ledger.Transaction) int { return int(a.Sequence - b.Sequence) })
	all = slices.CompactFunc(all, func(a, b ledger.Transaction) bool { return a.Sequence == b.Sequence })
	return o.view(all), nil
}

// view describes the order with the transactions that concern it.
func (o *order) view(all []ledger.Transaction) *Order {
	c := o.currency
	v := &Order{Order: o.id, State: o.state(), Seller: o.seller, PlacedAt: o.placedAt, Gates: o.gates(), LastSequence: o.last,
		Disputes: []OrderDispute{}, Waterfall: []Receiver{}, Transactions: []OrderTransaction{}, SettlementTier: o.tier}
	for i := range all {
		t := &all[i]
		v.Transactions = append(v.Transactions, OrderTransaction{ID: t.ID(), Event: t.Event, Reference: t.Reference, OccurredAt: t.OccurredAt, Posted: len(t.Entries) > 0})
	}
	if c == "" {
		zero := "0"
		v.Paid, v.Returned, v.Refundable = zero, zero, zero
		return v
	}
	v.Currency = string(c)
	if o.set != nil {
		v.RuleSet = o.set.ID()
	}
	if n := len(o.tiers); n > 0 {
		v.CommissionRate = o.tiers[n-1].rate.String()
	} else if o.commissionRate != nil {
		v.CommissionRate = o.commissionRate.String()
	} else if o.set != nil && len(o.creators) > 0 {
		if r := o.rule(RuleCommission, ""); r != nil {
			v.CommissionRate = r.Rate.String()
		}
	}
	paid, returned := money.Minor(0), money.Minor(0)
	for i := range o.tenders {
		paid += o.tenders[i].captured
		returned += o.tenders[i].returned
	}
	v.Paid, v.Returned, v.Refundable = paid.Format(c), returned.Format(c), o.refundable().Format(c)
	v.DeliveredAt, v.SettledAt = instant(o.delivered), instant(o.settledAt)
	if due, ok := o.due(); ok {
		v.DueAt = &due
	}
	if held := o.reserved(); held != 0 {
		v.Reserve = &OrderReserve{Amount: held.Format(c), Rate: o.reserve.rate.String(), ReleaseAt: o.reserve.releaseAt}
	}
	for i := range o.disputes {
		d := &o.disputes[i]
		held := money.Minor(0)
		for _, h := range d.held {
			held += h.amount
		}
		v.Disputes = append(v.Disputes, OrderDispute{Dispute: d.id, State: string(d.state), Amount: d.amount.Format(c), Held: held.Format(c), Liable: d.liable})
	}
	v.Waterfall = waterfall(all, c)
	return v
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// state is how far the order's money is.
func (o *order) state() string {
	switch {
	case o.cancelled:
		return "cancelled"
	case len(o.captures) == 0 && o.refused:
		return "refused"
	case len(o.captures) == 0:
		return "placed"
	case o.goodsGone() && o.money(false) == 0:
		return "refunded"
	case o.settled():
		return "settled"
	case o.complete:
		return "delivered"
	default:
		return "captured"
	}
}

// waterfall adds the entries up by receiver. Every transaction balances, so the receivers' nets sum to zero.
func waterfall(all []ledger.Transaction, c money.Currency) []Receiver {
	var who []string
	parts := map[string]*positions{}
	for i := range all {
		t := &all[i]
		carrier := remitter(t)
		for _, e := range t.Entries {
			if e.Currency != c {
				continue
			}
			r := receiverOf(t.Event, e.Account)
			if carrier != "" && (r == "buyer" || strings.HasPrefix(r, "assets:bank:")) {
				r = carrier
			}
			p := parts[r]
			if p == nil {
				p = &positions{}
				parts[r] = p
				who = append(who, r)
			}
			p.add(e.Account, -e.Amount)
		}
	}
	slices.SortStableFunc(who, func(a, b string) int { return rank(a) - rank(b) })
	list := make([]Receiver, 0, len(who))
	for _, r := range who {
		out := Receiver{Who: r, Parts: []ReceiverAccount{}}
		net := money.Minor(0)
		for _, p := range *parts[r] {
			net += p.amount
			if p.amount != 0 {
				out.Parts = append(out.Parts, ReceiverAccount{Account: string(p.account), Amount: p.amount.Format(c)})
			}
		}
		out.Net = net.Format(c)
		list = append(list, out)
	}
	return list
}

// remitter is the carrier that handed cash over with a transaction, or whose remittance it reverses. The cash had been the
// buyer's when it was taken; what of it does not reach the bank is the carrier's.
func remitter(t *ledger.Transaction) string {
	carrier, remits := "", t.Event == eventRemitted
	for _, e := range t.Entries {
		if id, ok := strings.CutPrefix(string(e.Account), codPrefix); ok {
			carrier = "carrier:" + id
		}
		remits = remits || strings.HasPrefix(string(e.Account), "assets:bank:")
	}
	if !remits {
		return ""
	}
	return carrier
}

// receiverOf says whose money an entry is. Cash at the processor stands for the other side of its event: the buyer's
// money in a sale or refund, the processor's in a fee.
func receiverOf(event string, a ledger.Address) string {
	s := string(a)
	if kind, _, id, ok := splitPayee(a); ok {
		return kind + ":" + id
	}
	switch {
	case strings.HasPrefix(s, "assets:processor:"), strings.HasPrefix(s, codPrefix), s == accountSuspense, s == accountSuspenseIn:
		if event == "processor.fee_recorded" {
			return "processor"
		}
		return "buyer"
	case strings.HasPrefix(s, "assets:receivable:dispute:"), strings.HasPrefix(s, "liabilities:store_credit:"),
		strings.HasPrefix(s, "liabilities:gift_card:"), strings.HasPrefix(s, "liabilities:customer_refund_due:"), strings.HasPrefix(s, "liabilities:exchange_clearing:"):
		return "buyer"
	case strings.HasPrefix(s, "liabilities:carrier:"):
		return "carrier:" + s[len("liabilities:carrier:"):]
	case strings.HasPrefix(s, "liabilities:tax:"):
		parts := strings.Split(s, ":")
		return "tax:" + parts[min(3, len(parts)-1)]
	case strings.HasPrefix(s, "liabilities:donation:"):
		return "beneficiary:" + strings.Split(s, ":")[3]
	case strings.HasPrefix(s, "liabilities:commission_deposit:"):
		return "deposit:" + s[len("liabilities:commission_deposit:"):]
	case strings.HasPrefix(s, "revenue:"), strings.HasPrefix(s, "expenses:"):
		return "platform"
	}
	return s
}

// rank orders receivers as a reader looks for them.
func rank(who string) int {
	kind, _, _ := strings.Cut(who, ":")
	order := []string{"buyer", "platform", "processor", "seller", "creator", "agency", "partner", "deposit", "beneficiary", "carrier", "tax"}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}
