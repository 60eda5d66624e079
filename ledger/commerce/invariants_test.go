package commerce

import (
	"fmt"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// What must hold after every step of a life, whatever happened.

// How seldom the slow reference is computed, and an explanation written and computed again: each costs more than the step.
const (
	referEvery   = 4
	explainEvery = 16
)

// cash is the buyer's money with us: at the processors, taken from stored value or given as it, disputed, owed back.
func (b *pureBook) cash() (sum money.Minor) {
	for a, m := range b.balances {
		if s := string(a); strings.HasPrefix(s, "assets:") || strings.HasPrefix(s, "liabilities:gift_card:") || strings.HasPrefix(s, "liabilities:store_credit:") || strings.HasPrefix(s, "liabilities:customer_refund_due:") {
			sum += m
		}
	}
	return sum
}

// checkCash compares what an event moved with what its words say, where they say it.
func (l *randomLife) checkCash(data EventData, was lifeState, moved money.Minor) error {
	want := money.Minor(0)
	read := func(s string) money.Minor {
		p := &preparation{book: l.book, currency: l.currency, unit: l.unit}
		return p.amount("", s)
	}
	switch d := data.(type) {
	case *OrderCaptured:
		for _, y := range d.Payments {
			want += read(y.Amount)
		}
	case *RefundMade:
		switch {
		case d.Amount != "":
			want = -read(d.Amount)
		default:
			// What the lots lost, less what was kept back and what the buyer had got before.
			want = -(was.lots - l.order.money(false) - read(d.RestockingFee) - read(d.LabelFee))
			want += was.goodwill - l.order.goodwill + was.loss - l.order.platformLoss
		}
	case *CODRemitted:
		want = -read(d.Orders[0].CarrierFee)
	case *LineCancelled, *ExchangeCaptured, *CODDelivered:
		want = l.order.money(false) - was.lots
	case *OrderCancelled:
		want = -(was.lots - l.order.money(false)) + was.goodwill - l.order.goodwill + was.loss - l.order.platformLoss
	case *DisputeOpened:
		if x := l.order.dispute(d.Dispute); x != nil && x.state == disputeOpen {
			want = -x.fee
			l.disputeFees += x.fee
		}
	case *DisputeClosed, *PaymentFailed, *RefundFailed:
		return nil // checked by the balances of the dispute and of the processor
	}
	if moved != want {
		return fmt.Errorf("the event moved %d of the buyer's money, and its words say %d", moved, want)
	}
	return nil
}

// checkHold: what a dispute held goes back to where it was taken, and what is only held is not what is paid (W-05, A-17).
func (l *randomLife) checkHold(data EventData, before positions) error {
	d, ok := data.(*DisputeClosed)
	if !ok || d.Outcome != "won" || l.order.openDispute() != nil {
		return nil
	}
	held := money.Minor(0)
	for _, p := range before {
		if _, bucket, _, payee := splitPayee(p.account); payee && bucket == bucketDisputeHold {
			held += p.amount
		}
	}
	if held == 0 {
		return nil // it was won after it had been lost
	}
	for _, p := range before {
		kind, bucket, id, payee := splitPayee(p.account)
		if !payee || bucket == bucketDisputeHold {
			continue
		}
		want := p.amount
		if bucket == l.order.bucket() {
			want += before.of(payeeAccount(kind, bucketDisputeHold, id))
		}
		if got := l.order.buckets.of(p.account); got != want {
			return fmt.Errorf("after the hold %s has %d, before it and with what was held %d", p.account, got, want)
		}
	}
	return nil
}

// check holds after every step.
func (l *randomLife) check() error {
	o := l.order
	if len(o.captures) == 0 {
		return nil
	}
	if o.edited != nil {
		return o.edited
	}
	sum := money.Minor(0)
	for a, m := range l.balances {
		sum += m
		if m < 0 && (a == accountDisputeFee || a == accountChargebackLoss) {
			return fmt.Errorf("%s is %d below zero: a cost was recovered twice", a, -m)
		}
	}
	if sum != 0 {
		return fmt.Errorf("money in and money out differ by %d", sum)
	}
	s, err := o.compute()
	if err != nil {
		return err
	}
	for _, c := range o.changes(s) {
		if c.amount != 0 {
			return fmt.Errorf("%s has posted %d less than the sheet and its extras say", c.account, c.amount)
		}
	}
	if err := l.checkPositions(); err != nil {
		return err
	}
	if err := l.checkBuyer(); err != nil {
		return err
	}
	if err := l.checkShares(s); err != nil {
		return err
	}
	if err := l.checkTrusts(s); err != nil {
		return err
	}
	if err := checkCut(o, s); err != nil {
		return err
	}
	if l.IntN(referEvery) == 0 {
		if err := checkReference(o, s); err != nil {
			return err
		}
	}
	if l.IntN(explainEvery) == 0 {
		return checkExplained(o, s)
	}
	return nil
}

// checkPositions compares the balances with what the order believes it has posted.
func (l *randomLife) checkPositions() error {
	balances := positions{}
	for a, m := range l.balances {
		if isPosition(a) {
			balances.add(positionOf(a), -m)
			if l.order.buckets.of(a) != -m {
				return fmt.Errorf("the order believes %d on %s, the book has %d", l.order.buckets.of(a), a, -m)
			}
		}
		if _, bucket, _, ok := splitPayee(a); ok && m > 0 && (bucket == bucketReserve || bucket == bucketDisputeHold) {
			return fmt.Errorf("%s is %d below zero", a, m)
		}
		if _, bucket, _, ok := splitPayee(a); ok && m != 0 && bucket == bucketDisputeHold && l.order.openDispute() == nil {
			return fmt.Errorf("%s holds %d and no dispute is open", a, -m)
		}
		if strings.HasPrefix(string(a), "assets:receivable:dispute:") && m < 0 {
			return fmt.Errorf("%s is %d below zero", a, -m)
		}
	}
	for _, p := range balances {
		if want := l.order.posted.of(p.account) + l.byHand.of(p.account); p.amount != want {
			return fmt.Errorf("%s has %d, of which %d by the sheet and %d by hand", p.account, p.amount, l.order.posted.of(p.account), l.byHand.of(p.account))
		}
	}
	return nil
}

// checkBuyer: no tender gives more than it took, and lots never have less than nothing left.
func (l *randomLife) checkBuyer() error {
	o := l.order
	for i := range o.tenders {
		t := &o.tenders[i]
		disputed := money.Minor(0)
		for _, x := range o.disputes {
			if x.state == disputeLost && x.paymentID == t.paymentID && t.paymentID != "" {
				disputed += x.amount
			}
		}
		if t.returned < 0 || t.returned-disputed > t.captured {
			return fmt.Errorf("the tender %s%s took %d and gave %d", t.account, t.paymentID, t.captured, t.returned)
		}
	}
	if o.goodwill < 0 || o.platformLoss < 0 {
		return fmt.Errorf("the platform's costs are below zero: goodwill %d, losses %d", o.goodwill, o.platformLoss)
	}
	for i := range o.lots {
		x := &o.lots[i]
		p := x.parts(false)
		if p.list < 0 || p.sellerOff < 0 || p.platformOff < 0 || p.list-p.sellerOff-p.platformOff < 0 || x.unitsBack < 0 || x.unitsBack > x.quantity {
			return fmt.Errorf("lot %d has less than nothing left: %+v", i, *x)
		}
		if x.back.list < 0 || x.back.sellerOff < 0 || x.back.platformOff < 0 {
			return fmt.Errorf("lot %d has given back less than nothing: %+v", i, *x)
		}
		for _, t := range x.taxes {
			if t.back < 0 || t.back > t.amount {
				return fmt.Errorf("lot %d has a tax of %d and gave %d back", i, t.amount, t.back)
			}
		}
	}
	return nil
}

// checkShares: nobody but the seller can come out below zero, and the seller only by what is stated: its fees and
// what refunds and disputes cost it.
func (l *randomLife) checkShares(s *sheet) error {
	o := l.order
	for _, p := range s.positions {
		kind, _, _, ok := splitPayee(p.account)
		if p.amount < 0 && p.account != accountPlatformDiscount && p.account != accountBonus && (!ok || kind != "seller") {
			return fmt.Errorf("the sheet gives %s %d", p.account, p.amount)
		}
	}
	stated := l.disputeFees
	for _, fee := range o.refundFee {
		stated += fee
	}
	for _, x := range o.disputes {
		for _, c := range x.charged {
			if c.account == o.sellerPosition() {
				stated -= min(c.amount, 0)
			}
		}
	}
	if o.extras.of(o.sellerPosition()) < -stated {
		return fmt.Errorf("the seller bears %d beside the sheet, and %d is stated", -o.extras.of(o.sellerPosition()), stated)
	}
	for _, p := range o.extras {
		if p.amount < 0 && p.account != o.sellerPosition() && !strings.HasPrefix(string(p.account), "liabilities:tax:") {
			return fmt.Errorf("the extras take %d from %s", -p.amount, p.account)
		}
	}
	return nil
}

// checkNothingLeft: after a full return every position is zero but for what rules keep, and extras.
func (l *randomLife) checkNothingLeft() error {
	o := l.order
	if o.cancelled {
		return nil
	}
	kept := map[ledger.Address]money.Minor{}
	s, err := o.compute()
	if err != nil {
		return err
	}
	for i := range s.steps {
		st := &s.steps[i]
		if st.amount == 0 || st.id == "seller" || st.id == "beside_the_sale" || st.rule != nil && st.rule.Kind == RuleRefundFee {
			continue
		}
		if st.rule == nil || !st.rule.keeps() {
			return fmt.Errorf("after a full return the step %s still gives %s %d", st.id, st.receiver, st.amount)
		}
		kept[o.sellerPosition()] -= st.amount
		net := st.amount
		if st.rule.Tax != nil && st.tax != 0 {
			kept[st.rule.Tax.To] += st.tax
			if st.rule.Tax.Mode == "inclusive" {
				net -= st.tax
			} else {
				kept[o.sellerPosition()] -= st.tax
			}
		}
		kept[st.rule.To] += net
	}
	for _, p := range o.posted {
		if p.amount != kept[p.account]+o.extras.of(p.account) {
			return fmt.Errorf("after a full return %s has %d, of which %d is kept and %d are extras", p.account, p.amount, kept[p.account], o.extras.of(p.account))
		}
	}
	if o.money(false) != 0 {
		return fmt.Errorf("after a full return %d of the lots is left", o.money(false))
	}
	return nil
}

// checkTrusts: what is set aside for a minor is the rate of what remains of the gross earnings, rounded up; less only while
// a part still waits, or if no more was released. What is paid by hand
// is no part of the sale (W-10).
func (l *randomLife) checkTrusts(s *sheet) error {
	o := l.order
	for _, m := range o.minors {
		at := payeeAccount("creator", bucketPending, m.Creator)
		held := o.bucketOf(at, bucketTrust)
		want, err := m.Rate.Of(s.gross.of(at), money.Ceil, o.unit)
		if err != nil {
			return err
		}
		if held < 0 || held > want || held < want && o.bucketOf(at, bucketPending) <= 0 && o.bucketOf(at, bucketAvailable) > max(l.byHand.of(at), 0) {
			return fmt.Errorf("the trust of %s holds %d, and %s of %d is %d", m.Creator, held, m.Rate, s.gross.of(at), want)
		}
	}
	return nil
}
