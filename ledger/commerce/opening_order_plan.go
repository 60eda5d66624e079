package commerce

import (
	"slices"
	"strings"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How an open order is read, how it goes on from what was posted, and what it posts. Payees' open amounts and taxes are
// posted against the opening equity. Revenue and cost belong to the time before: they are kept with the order, so that a
// later refund takes them from the revenue of its own time.

const (
	eventOpenedOrder  = "opening.order"
	eventOpenedBatch  = "opening.posted"
	openingPostedFact = "opening.fact_recorded"
)

func (d *OpeningOrder) subject() string { return d.Terms.subject() }

// prepare reads the order into the form that is kept; the rule set is chosen when it is planned.
func (d *OpeningOrder) prepare(p *preparation) {
	p.within("/terms", d.Terms.prepare)
	if d.Terms.Capture > 1 {
		p.bad("/terms/capture", "range", "An open order is sent as one capture.")
	}
	c := d.Terms.terms.Currency
	if c == "" {
		return // said with the terms
	}
	p.currency, p.unit = c, c.PostingUnit()
	e := &openedOrder{Terms: d.Terms.terms, Document: d.document}
	d.opened = e
	d.readPosted(p, e)
	placed := d.Terms.PlacedAt
	e.Delivered, e.Settled = p.later("/delivered_at", d.DeliveredAt, placed), p.later("/settled_at", d.SettledAt, placed)
	if r := d.Reserve; r != nil {
		if e.Settled == 0 {
			p.bad("/reserve", "unexpected", "An order has a reserve once it is settled. Send settled_at.")
		}
		e.Reserve = &openedReserve{Amount: cents(p.positive("/reserve/amount", r.Amount)), Rate: r.Rate, ReleaseAt: p.later("/reserve/release_at", r.ReleaseAt, d.SettledAt)}
		p.share("/reserve/rate", r.Rate)
	}
	for i := range d.Refunds {
		r, pointer := &d.Refunds[i], at("/refunds", i)
		p.within(pointer+"/refund", r.Refund.prepare)
		if r.Refund.Order != d.Terms.Order {
			p.bad(pointer+"/refund/order", "order", "The refund is of another order.")
		}
		kept := r.Refund
		e.Refunds = append(e.Refunds, openedRefund{At: p.later(pointer+"/made_at", r.MadeAt, placed), Refund: &kept})
	}
	d.readDispute(p, e)
}

// later reads a moment that may be left out and does not come before another.
func (p *preparation) later(pointer string, t, than time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	if t.Before(than) || t.Year() > 2999 {
		p.bad(pointer, "date-range", "This cannot have been before the order was placed or settled.")
	}
	return t.UnixMicro()
}

// within lets a part of the data be prepared with its pointers below another.
func (p *preparation) within(pointer string, prepare func(*preparation)) {
	_ = p.inside(pointer, func(inner *preparation) error { prepare(inner); return nil })
}

// inside is within for what may also be refused as a whole.
func (p *preparation) inside(pointer string, do func(*preparation) error) error {
	inner := &preparation{book: p.book, currency: p.currency, unit: p.unit}
	err := do(inner)
	for _, f := range inner.fields {
		p.bad(pointer+strings.TrimPrefix(f.Pointer, "/data"), f.Code, f.Message)
	}
	return err
}

// readPosted reads what was posted for each receiver.
func (d *OpeningOrder) readPosted(p *preparation, e *openedOrder) {
	if n := len(d.Posted); n == 0 || n > 200 {
		p.bad("/posted", "count", "Say what was posted for each receiver: without it the order's refunds cannot end at zero.")
		return
	}
	for i := range d.Posted {
		x, pointer := &d.Posted[i], at("/posted", i)
		p.account(pointer+"/account", x.Account)
		account := positionOf(ledger.Address(x.Account))
		if !isPosition(account) {
			p.bad(pointer+"/account", "account", "Only what the order gave to payees, the platform and tax offices stands here. Cash and the processor's costs are balances.")
		}
		if slices.ContainsFunc(e.Posted, func(y openedPart) bool { return y.Account == string(account) }) {
			p.bad(pointer+"/account", "repeated", "Each receiver is named once.")
		}
		sign := money.Minor(1)
		switch x.Direction {
		case "debit":
			sign = -1
		case "credit":
		default:
			p.bad(pointer+"/direction", "enum", "Say which side it is: debit or credit.")
		}
		part := openedPart{Account: string(account), Amount: cents(sign * p.positive(pointer+"/amount", x.Amount))}
		if x.Open != "" {
			open := cents(sign * p.amount(pointer+"/open", x.Open))
			part.Open = &open
			if _, _, _, payee := splitPayee(account); payee || !owedByOrder(account) {
				p.bad(pointer+"/open", "unexpected", "What is open of a payee follows from the order, and of revenue nothing is. Leave it out.")
			} else if max(open, -open) > max(part.Amount, -part.Amount) {
				p.bad(pointer+"/open", "range", "No more can be open than was posted.")
			}
		}
		e.Posted = append(e.Posted, part)
	}
}

// owedByOrder reports whether a position is a debt that lasts beyond the time in which it was posted.
func owedByOrder(a ledger.Address) bool { return strings.HasPrefix(string(a), "liabilities:") }

func (d *OpeningOrder) readDispute(p *preparation, e *openedOrder) {
	if d.Dispute == nil {
		if d.DisputeHeld != "" {
			p.bad("/dispute_held", "unexpected", "Only a dispute holds anything.")
		}
		return
	}
	p.within("/dispute", d.Dispute.prepare)
	if d.Dispute.Order != d.Terms.Order {
		p.bad("/dispute/order", "order", "The dispute is of another order.")
	}
	p.positive("/dispute/amount", d.Dispute.Amount)
	kept := *d.Dispute
	e.Dispute = &kept
	if d.DisputeHeld != "" {
		held := cents(p.amount("/dispute_held", d.DisputeHeld))
		e.Held = &held
	}
}

// open chooses the order's rules and lets it go on from what was posted.
func (d *OpeningOrder) open(p *planner, o *order) (*openedOrder, error) {
	e := d.opened
	set, err := p.service.rules.InForce(p.ctx, p.book, d.Terms.PlacedAt)
	if d.Rules != "" {
		set, err = p.service.rules.ByID(p.ctx, p.book, d.Rules)
	}
	if err != nil {
		return nil, err
	}
	e.Terms.Rules, o.currency = set.ID(), e.Terms.Currency
	if err := o.serve(set, e.Terms); err != nil {
		return nil, err
	}
	prep := &preparation{book: p.book}
	if err := e.apply(o, prep); err != nil {
		return nil, err
	}
	if err := prep.err(); err != nil {
		return nil, err
	}
	e.Opens = e.Opens[:0]
	for _, x := range e.opens {
		e.Opens = append(e.Opens, openedPart{Account: string(x.account), Amount: cents(x.amount)})
	}
	return e, nil
}

// apply builds the order's state: its terms, its history, and what was posted. Its rule set has been chosen before.
func (d *openedOrder) apply(o *order, p *preparation) error {
	if err := d.Terms.apply(o, p); err != nil {
		return err
	}
	p.currency, p.unit = o.currency, o.unit
	if err := d.past(o, p); err != nil || p.err() != nil {
		return err
	}
	s, err := o.compute()
	if err != nil {
		return err
	}
	for _, x := range d.Posted {
		o.posted.add(ledger.Address(x.Account), money.Minor(x.Amount))
	}
	d.differ = nil
	for _, c := range o.changes(s) {
		if c.amount == 0 {
			continue
		}
		d.differ.add(c.account, -c.amount)
	}
	for _, x := range d.differ {
		o.extras.add(x.account, x.amount) // an extra stays whatever is computed again
	}
	if o.settled() {
		o.reserve.offset += d.differ.of(o.sellerPosition())
	}
	d.place(o)
	if err := d.disputed(o, p); err != nil || p.err() != nil {
		return err
	}
	d.begin(o)
	return nil
}

// past replays the order's history in the order in which it happened.
func (d *openedOrder) past(o *order, p *preparation) error {
	type deed struct {
		at int64
		do func() error
	}
	var deeds []deed
	if d.Delivered != 0 {
		delivered := &OrderDelivered{DeliveredAt: time.UnixMicro(d.Delivered), LastParcel: true}
		deeds = append(deeds, deed{d.Delivered, func() error { return delivered.apply(o, p) }})
	}
	if d.Settled != 0 {
		deeds = append(deeds, deed{d.Settled, func() error { return d.settle(o) }})
	}
	for i, r := range d.Refunds {
		refund := func(q *preparation) error { return r.Refund.apply(o, q) }
		deeds = append(deeds, deed{r.At, func() error { return p.inside(at("/refunds", i)+"/refund", refund) }})
	}
	slices.SortStableFunc(deeds, func(a, b deed) int { return int(min(max(a.at-b.at, -1), 1)) })
	for _, x := range deeds {
		if err := x.do(); err != nil || p.err() != nil {
			return err
		}
	}
	return nil
}

// settle notes that the order settled, with the reserve that is left.
func (d *openedOrder) settle(o *order) error {
	o.settledAt = time.UnixMicro(d.Settled).UTC()
	o.reserve.offset = o.extras.of(o.sellerPosition())
	if d.Reserve == nil {
		return nil
	}
	o.reserve.rate = o.set.Policies.Settlement.ReserveRate
	if d.Reserve.Rate != "" {
		rate, err := money.ParseRate(d.Reserve.Rate)
		if err != nil {
			return err
		}
		o.reserve.rate = rate
	}
	if o.reserve.rate.IsZero() {
		return ErrOpeningTerms.With("The order keeps a reserve, but neither the order nor its rules say at which rate. Send the reserve's rate.")
	}
	o.reserve.releaseAt = time.UnixMicro(d.Reserve.ReleaseAt).UTC()
	return nil
}

// place puts what was posted into the buckets in which it sits.
func (d *openedOrder) place(o *order) {
	for _, x := range d.Posted {
		account, amount := ledger.Address(x.Account), money.Minor(x.Amount)
		kind, _, id, payee := splitPayee(account)
		if !payee || !o.settled() {
			o.buckets.add(account, amount)
			continue
		}
		if account == o.sellerPosition() && d.Reserve != nil {
			kept := money.Minor(d.Reserve.Amount)
			o.buckets.add(payeeAccount(kind, bucketReserve, id), kept)
			amount -= kept
		}
		o.buckets.add(payeeAccount(kind, bucketAvailable, id), amount)
	}
}

// disputed opens the dispute and moves what it holds.
func (d *openedOrder) disputed(o *order, p *preparation) error {
	if d.Dispute == nil {
		return nil
	}
	open := func(q *preparation) error { return d.Dispute.apply(o, q) }
	if err := p.inside("/dispute", open); err != nil || p.err() != nil {
		return err
	}
	x := o.dispute(d.Dispute.Dispute)
	if d.Held != nil {
		x.held.take(o.sellerPosition())
		x.held.add(o.sellerPosition(), money.Minor(*d.Held))
	}
	for _, h := range x.held {
		kind, _, id, _ := splitPayee(h.account)
		o.buckets.add(payeeAccount(kind, o.bucket(), id), -h.amount)
		o.buckets.add(payeeAccount(kind, bucketDisputeHold, id), h.amount)
	}
	return nil
}

// begin divides the buckets: what is open begins with the order's transaction, the rest had been posted and paid before.
// What is available to payees is paid out by payee, not by order, so it comes with the balances.
func (d *openedOrder) begin(o *order) {
	d.opens = nil
	for i := range o.buckets {
		b := &o.buckets[i]
		open := b.amount
		if _, bucket, _, payee := splitPayee(b.account); payee && bucket == bucketAvailable || !owedByOrder(b.account) {
			open = 0
		}
		if j := slices.IndexFunc(d.Posted, func(x openedPart) bool { return x.Account == string(b.account) }); j >= 0 && d.Posted[j].Open != nil {
			open = money.Minor(*d.Posted[j].Open)
		}
		if open != 0 {
			d.opens.add(b.account, open)
			b.amount -= open
		}
	}
	if d.Dispute != nil {
		d.opens.add(disputeAccount(d.Dispute.Dispute), -o.dispute(d.Dispute.Dispute).amount)
	}
}

// lines are what the order opens, with the balancing line.
func (d *openedOrder) lines() []ledger.Line {
	var lines []ledger.Line
	for _, x := range d.opens {
		l := ledger.Line{Account: x.account, Amount: -x.amount, Currency: d.Terms.Currency}
		if d.Dispute != nil && x.account == disputeAccount(d.Dispute.Dispute) {
			l.ExternalRef = d.Dispute.Dispute
		}
		lines = append(lines, l)
	}
	if sum := sumOf(lines); sum != 0 {
		lines = append(lines, ledger.Line{Account: accountOpening, Amount: -sum, Currency: d.Terms.Currency})
	}
	return lines
}

// plan posts what the order opens.
func (d *OpeningOrder) plan(p *planner) error {
	o := p.order
	switch {
	case o.edited != nil:
		return o.edited
	case len(o.captures) > 0:
		return ErrRepeated.Withf("Order %s is in the book already. Take it out of the opening; nothing was posted.", o.id)
	}
	e, err := d.open(p, o)
	if err != nil {
		return err
	}
	if e.Dispute != nil {
		if err := e.Dispute.elsewhere(p); err != nil {
			return err
		}
	}
	draft := draftOf{event: eventOpenedOrder, kind: eventOpenedOrder, lines: e.lines(), memo: "document " + e.Document}
	if len(draft.lines) == 0 {
		draft.event = openingPostedFact
	}
	return p.toldDraft(draft, e)
}

func (d *openedOrder) tell() []Step {
	c := d.Terms.Currency
	t := &tale{currency: c}
	sum := money.Minor(0)
	opens := map[string]money.Minor{}
	for _, x := range d.Opens {
		sum += money.Minor(x.Amount)
		opens[x.Account] += money.Minor(x.Amount)
	}
	for _, x := range d.Posted {
		who, name := x.Account, x.Account
		kind, _, id, payee := splitPayee(ledger.Address(x.Account))
		open, held := opens[x.Account], money.Minor(0)
		if payee {
			who, name = kind+":"+id, kind+" "+id
			held = opens[string(payeeAccount(kind, bucketDisputeHold, id))]
			open += opens[string(payeeAccount(kind, bucketReserve, id))] + held
		}
		because := money.Minor(x.Amount).Format(c) + " had been posted before the opening"
		if held != 0 {
			because += ", and the dispute holds " + held.Format(c)
		}
		t.plain("opening", "Open for "+name, who, open, because)
	}
	if d.Dispute != nil {
		account := string(disputeAccount(d.Dispute.Dispute))
		t.plain("opening_dispute", "Open dispute", account, opens[account], "because the processor took "+(-opens[account]).Format(c)+" before the opening")
	}
	t.plain("opening", "Balancing amount", string(accountOpening), -sum, "what the order is owed less what it owes")
	return t.steps
}
