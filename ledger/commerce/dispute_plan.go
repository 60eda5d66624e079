package commerce

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// How disputes change an order, and what they post.

type disputeState string

const (
	disputeOpen disputeState = "open"
	disputeWon  disputeState = "won"
	disputeLost disputeState = "lost"
)

// dispute is a dispute of the order.
type dispute struct {
	id, paymentID, processor, reason string
	amount, fee                      money.Minor
	state                            disputeState
	liable                           string
	// held is what it holds of each payee, by position.
	held positions
	// took are the lots as they were before a loss took from them, left as it left them: what lies between comes back if
	// the dispute is won after all.
	took, left []lot
	taken      money.Minor
	// charged are the extras that the loss brought.
	charged positions
	double  money.Minor // what the buyer got twice, at the platform's cost
	// recovered and owed are what becomes of a loss that was won after all: what the platform had borne of it comes back to
	// it; what a refund or cancellation in between counted as paid belongs to the buyer.
	recovered, owed money.Minor
	feeBy           string // who bore the fee of a loss
	feeBack         bool   // the processor gave the fee back, which it does once
}

// ErrDisputeUnknown means that there is no such dispute.
var ErrDisputeUnknown = fault.New(fault.NotFound, "dispute-unknown", "No dispute of this id was opened. Check its id, or record its opening first.")

func (d *DisputeOpened) subject() string { return "order:" + d.Order }

// subject of a closing is found by its dispute.
func (d *DisputeClosed) subject() string {
	if d.order == "" {
		return ""
	}
	return "order:" + d.order
}

func (d *DisputeOpened) prepare(p *preparation) {
	p.id("/order", d.Order, true)
	p.id("/dispute", d.Dispute, true)
	p.id("/payment_id", d.PaymentID, true)
	p.id("/reason", d.Reason, false)
}

func (d *DisputeClosed) prepare(p *preparation) {
	p.id("/dispute", d.Dispute, true)
	p.oneOf("/outcome", d.Outcome, "won", "lost")
	p.oneOf("/liable", d.Liable, "seller", "platform")
	if d.Outcome == "" {
		p.bad("/outcome", "required", "A closed dispute was won or lost.")
	}
	if d.Liable != "" && d.Outcome == "won" {
		p.bad("/liable", "unexpected", "Nobody bears a dispute that was won.")
	}
}

func (o *order) dispute(id string) *dispute {
	for i := range o.disputes {
		if o.disputes[i].id == id {
			return &o.disputes[i]
		}
	}
	return nil
}

// apply opens the dispute, or opens it again after it was won.
func (d *DisputeOpened) apply(o *order, p *preparation) error {
	if len(o.captures) == 0 {
		return ErrOrderUnknown
	}
	amount, fee := p.amount("/amount", d.Amount), p.amount("/fee", d.Fee)
	i := slices.IndexFunc(o.tenders, func(t tender) bool { return t.paymentID == d.PaymentID && t.processor != "" })
	if i < 0 {
		p.bad("/payment_id", "payment-unknown", "The order was not paid by this payment. Check its id.")
	}
	known := o.dispute(d.Dispute)
	if known != nil && known.state != disputeWon {
		return ErrRepeated.With("This dispute was opened before. Close it, or give a new one an id of its own.")
	}
	if p.err() != nil || amount == 0 { // an inquiry moves no money
		return nil
	}
	held := o.exposure(d.PaymentID, fee)
	n := dispute{id: d.Dispute, paymentID: d.PaymentID, processor: o.tenders[i].processor, reason: d.Reason, amount: amount, fee: fee, state: disputeOpen, held: held}
	if known != nil {
		*known = n
		return nil
	}
	o.disputes = append(o.disputes, n)
	return nil
}

// exposure is what a new dispute of a payment holds of the payees: of a settled order the seller's net and the fee,
// of an unsettled one the fee only, because not settling holds the rest. A second dispute of the same payment holds its
// fee only.
func (o *order) exposure(paymentID string, fee money.Minor) (held positions) {
	seller := fee
	first := !slices.ContainsFunc(o.disputes, func(x dispute) bool { return x.paymentID == paymentID && x.state == disputeOpen })
	if o.settled() && first {
		seller += max(o.net(o.sellerPosition()), 0)
		if o.set.Policies.Dispute.NoTaxRelief {
			seller += o.taxOwed()
		}
		if o.set.Policies.Dispute.HoldCreators {
			for _, at := range o.payees() {
				if at != o.sellerPosition() && o.bucketOf(at, bucketAvailable) > 0 {
					held.add(at, o.bucketOf(at, bucketAvailable))
				}
			}
		}
	}
	held.add(o.sellerPosition(), seller)
	return held
}

// taxOwed is what the platform owes of the order's taxes.
func (o *order) taxOwed() (sum money.Minor) {
	for i := range o.lots {
		for j := range o.lots[i].taxes {
			if t := &o.lots[i].taxes[j]; t.platform {
				sum += t.left(false)
			}
		}
	}
	return sum
}

// plan posts what the processor took, and the hold as a transaction of its own.
func (d *DisputeOpened) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	if err := d.elsewhere(p); err != nil {
		return err
	}
	return d.open(p)
}

// open posts the opening, which nothing outside its order decides.
func (d *DisputeOpened) open(p *planner) error {
	o := p.order
	if _, _, err := p.apply(d); err != nil {
		return err
	}
	data, err := p.stored()
	if err != nil {
		return err
	}
	x := o.dispute(d.Dispute)
	if x == nil || !moreThanZero(d.Amount) {
		return p.draft(draftOf{event: "order.fact_recorded", kind: p.event.Type, data: data, memo: "inquiry " + d.Dispute})
	}
	cash := processorAccount(bucketAvailable, x.processor)
	lines := []ledger.Line{o.credit(disputeAccount(x.id), -x.amount)}
	if x.fee > 0 {
		lines = append(lines, o.credit(accountDisputeFee, -x.fee))
	}
	lines = append(lines, ledger.Line{Account: cash, Amount: -x.amount, Currency: o.currency, ExternalRef: x.id})
	if x.fee > 0 {
		lines = append(lines, ledger.Line{Account: cash, Amount: -x.fee, Currency: o.currency, ExternalRef: x.id})
	}
	if err := p.draft(draftOf{event: "dispute.opened", lines: lines, data: data, memo: "dispute " + x.id}); err != nil {
		return err
	}
	var hold []ledger.Line
	for _, h := range x.held {
		if h.amount > 0 {
			kind, _, id, _ := splitPayee(h.account)
			hold = append(hold, o.credit(payeeAccount(kind, o.bucket(), id), -h.amount), o.credit(payeeAccount(kind, bucketDisputeHold, id), h.amount))
		}
	}
	if len(hold) == 0 {
		return nil
	}
	return p.draft(draftOf{event: "dispute.held", kind: p.event.Type, part: 1, lines: hold, memo: "dispute " + x.id})
}

// elsewhere refuses a dispute that another order has already.
func (d *DisputeOpened) elsewhere(p *planner) error {
	subject, err := p.service.look.disputed(p.ctx, p.book, d.Dispute, p.order.currency)
	if other := p.group.disputed(d.Dispute); other != "" {
		subject, err = other, nil
	}
	if err == nil && subject != "order:"+d.Order {
		err = ErrRepeated.With("Another order has a dispute of this id. Check the order.")
	}
	if errors.Is(err, ErrDisputeUnknown) {
		return nil
	}
	return err
}

// apply closes the dispute.
func (d *DisputeClosed) apply(o *order, _ *preparation) error {
	x := o.dispute(d.Dispute)
	if x == nil {
		return ErrDisputeUnknown
	}
	switch {
	case d.Outcome == "won" && x.state == disputeOpen:
		x.state, x.held, x.feeBack = disputeWon, nil, d.FeeReturned
		return nil
	case d.Outcome == "won" && x.state == disputeLost:
		return d.reopen(o, x)
	case d.Outcome == "lost" && x.state == disputeOpen:
		return d.lose(o, x)
	}
	return ErrRepeated.With("This dispute was closed before. Look at the order.")
}

func (d *DisputeClosed) computes() bool { return true }

// liable is who bears a loss: as said, or by the reason (domain 6).
func (d *DisputeClosed) liable(o *order, x *dispute) string {
	if d.Liable != "" {
		return d.Liable
	}
	if slices.Contains(o.set.Policies.Dispute.PlatformReasons, x.reason) {
		return "platform"
	}
	return "seller"
}

// lose takes a lost dispute's money: from the order, if the seller is liable, up to what the order still gives; otherwise
// from the platform (M-17).
func (d *DisputeClosed) lose(o *order, x *dispute) error {
	x.state, x.liable = disputeLost, d.liable(o, x)
	x.held, x.feeBack = nil, d.FeeReturned
	i := slices.IndexFunc(o.tenders, func(t tender) bool { return t.paymentID == x.paymentID })
	o.tenders[i].returned += x.amount
	if x.liable == "platform" {
		o.platformLoss += x.amount
		return nil
	}
	x.took = cloneLots(o.lots)
	left, tax := o.money(false), o.taxOwed()
	x.taken = min(x.amount, left)
	if err := o.takeAmount(x.taken, true); err != nil {
		return err
	}
	x.left = cloneLots(o.lots)
	policy := o.set.Policies.Dispute
	if twice := x.amount - x.taken; twice > 0 {
		if policy.DoublePayment == "seller" {
			x.charged.add(o.sellerPosition(), -twice)
		} else {
			x.double = twice
			o.platformLoss += twice
		}
	}
	if kept := tax - o.taxOwed(); kept > 0 && policy.NoTaxRelief {
		x.charged.add(o.sellerPosition(), -kept)
		for i := range o.lots {
			for j := range o.lots[i].taxes {
				if t := &o.lots[i].taxes[j]; t.platform {
					x.charged.add(t.account(), x.took[i].taxes[j].left(false)-t.left(false))
				}
			}
		}
	}
	if x.fee > 0 && !d.FeeReturned {
		x.feeBy = "seller"
		x.charged.add(o.sellerPosition(), -x.fee)
		if policy.FeeRecovery == "gross" {
			x.charged.add(accountDisputeHandling, x.fee)
		}
	}
	for _, c := range x.charged {
		o.extras.add(c.account, c.amount)
	}
	return nil
}

func cloneLots(lots []lot) []lot {
	clone := slices.Clone(lots)
	for i := range clone {
		clone[i].taxes = slices.Clone(clone[i].taxes)
	}
	return clone
}

// reopen gives back what a loss took, because the dispute was won after all.
func (d *DisputeClosed) reopen(o *order, x *dispute) error {
	x.state = disputeWon
	x.feeBack = x.feeBack || d.FeeReturned
	i := slices.IndexFunc(o.tenders, func(t tender) bool { return t.paymentID == x.paymentID })
	borne := x.double
	if x.liable == "platform" {
		borne = x.amount
	}
	x.recovered = min(borne, o.platformLoss)
	x.owed = borne - x.recovered
	o.platformLoss -= x.recovered
	if o.cancelled {
		x.owed += moneyOf(x.took) - moneyOf(x.left) // there is no sale for it to come back to
	}
	o.tenders[i].returned -= x.amount - x.owed
	if x.liable == "platform" {
		return nil
	}
	if !o.cancelled {
		x.restore(o.lots)
	}
	for _, c := range x.charged {
		amount := c.amount
		if x.feeBy == "seller" && !d.FeeReturned {
			// The fee stays with who bore it.
			switch c.account {
			case o.sellerPosition():
				amount += x.fee
			case accountDisputeHandling:
				amount = 0
			}
		}
		o.extras.add(c.account, -amount)
	}
	return nil
}

// restore gives back to the lots what the loss took from them.
func (x *dispute) restore(lots []lot) {
	for i := range x.took {
		l, before, after := &lots[i], &x.took[i], &x.left[i]
		l.back.list -= after.back.list - before.back.list
		l.back.sellerOff -= after.back.sellerOff - before.back.sellerOff
		l.back.platformOff -= after.back.platformOff - before.back.platformOff
		for j := range l.taxes {
			l.taxes[j].back -= after.taxes[j].back - before.taxes[j].back
		}
		l.unitsBack -= after.unitsBack - before.unitsBack
	}
}

// moneyOf is what the buyer paid for lots and has not got back.
func moneyOf(lots []lot) (sum money.Minor) {
	for i := range lots {
		sum += lots[i].money(false)
	}
	return sum
}

// plan posts the end of the dispute.
func (d *DisputeClosed) plan(p *planner) error {
	if err := p.known(); err != nil {
		return err
	}
	o := p.order
	x := o.dispute(d.Dispute)
	if x == nil {
		return ErrDisputeUnknown
	}
	was := *x
	before, after, err := p.apply(d)
	if err != nil {
		return err
	}
	x = o.dispute(d.Dispute)
	changes := o.changes(after)
	for _, h := range was.held {
		changes.add(h.account, 0) // a hold ends even if nothing else changes
	}
	lines := o.entries(changes, was.held)
	lines = append(lines, d.money(o, &was, x)...)
	kept := *d // what was asked for stays as it was
	if d.Outcome == "lost" {
		kept.Liable = x.liable
	}
	data, err := json.Marshal(&kept)
	if err != nil {
		return err
	}
	event := "dispute." + d.Outcome
	if was.state == disputeLost {
		event = "dispute.reopened_won"
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: data, memo: "dispute " + x.id, computed: true, before: before, after: after})
}

// money are the entries of the disputed amount and its fee.
func (d *DisputeClosed) money(o *order, was, x *dispute) (lines []ledger.Line) {
	cash := processorAccount(bucketAvailable, x.processor)
	add := func(a ledger.Address, amount money.Minor) {
		if amount != 0 {
			l := o.credit(a, amount)
			if a == cash {
				l.ExternalRef = x.id
			}
			lines = append(lines, l)
		}
	}
	returned := money.Minor(0)
	if d.FeeReturned && !was.feeBack {
		returned = x.fee
	}
	switch {
	case was.state == disputeOpen && d.Outcome == "won":
		add(cash, -x.amount)
		add(cash, -returned)
		add(disputeAccount(x.id), x.amount)
		add(accountDisputeFee, returned)
	case was.state == disputeOpen:
		add(cash, -returned)
		add(accountDisputeFee, returned)
		if x.liable == "platform" {
			add(accountChargebackLoss, -x.amount)
		} else {
			add(accountChargebackLoss, -x.double)
			if x.feeBy == "seller" && o.set.Policies.Dispute.FeeRecovery != "gross" {
				add(accountDisputeFee, x.fee)
			}
		}
		add(disputeAccount(x.id), x.amount)
	default: // won after it had been lost
		add(cash, -x.amount)
		add(cash, -returned)
		switch {
		case x.liable == "platform":
			add(accountChargebackLoss, x.recovered)
			add(accountDisputeFee, returned)
		default:
			add(accountChargebackLoss, x.recovered)
			if x.feeBy != "seller" || o.set.Policies.Dispute.FeeRecovery == "gross" {
				add(accountDisputeFee, returned)
			}
		}
		add(ledger.Address("liabilities:customer_refund_due:"+o.id), x.owed)
	}
	return lines
}

// disputed finds the subject that a dispute belongs to, by its account.
func (s *Service) disputed(ctx context.Context, book ledger.Book, id string, c money.Currency) (string, error) {
	page, err := s.ledger.History(ctx, book, ledger.HistoryQuery{Account: disputeAccount(id), Currency: c, Descending: true, Limit: 1})
	if errors.Is(err, ledger.ErrAccountNotOpened) || err == nil && len(page.Lines) == 0 {
		return "", ErrDisputeUnknown
	}
	if err != nil {
		return "", err
	}
	return page.Lines[0].Subject, nil
}
