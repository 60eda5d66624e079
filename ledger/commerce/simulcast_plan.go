package commerce

import (
	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// What reports, returns and write-offs of simulcast sales post.

var (
	// ErrSaleUnknown means that no sale of this id was reported.
	ErrSaleUnknown = fault.New(fault.NotFound, "sale-unknown", "No sale of this id was reported by a brand. Check its id, or record simulcast.reported first.")
	// ErrSaleState means that the event says more of a sale than is left of it.
	ErrSaleState = fault.New(fault.Conflict, "sale-state", "This cannot follow what has already happened to the sale. Look at the sale and correct the event.")
)

// sale is a reported sale as its story tells it.
type sale struct {
	terms   *saleTerms
	numbers saleNumbers
	// released is what became available of each payee's share, in the order of the shares.
	released []money.Minor
}

// sale reads a sale; nil if none was reported. The plan rests on it.
func (p *planner) sale(id string) (*sale, error) {
	told, err := p.story(saleSubject(id))
	if err != nil {
		return nil, err
	}
	return told.sale()
}

// sale sums up what the story's transactions that stand have changed.
func (s *story) sale() (*sale, error) {
	out := &sale{}
	for i := range s.transactions {
		r, _, ok := recordOf(&s.transactions[i])
		if !ok || len(r.Data) == 0 {
			continue
		}
		if r.Kind == "simulcast.reported" {
			terms, err := storedAs[saleTerms](&s.transactions[i])
			if err != nil {
				return nil, err
			}
			out.terms = &terms
			continue
		}
		change, err := storedAs[saleChange](&s.transactions[i])
		if err != nil || change.Terms == nil {
			continue // a fact of another kind
		}
		out.numbers.Returned += change.After.Returned - change.Before.Returned
		out.numbers.Paid += change.After.Paid - change.Before.Paid
		if out.numbers.Written += change.After.Written - change.Before.Written; out.numbers.Written != 0 {
			out.numbers.Bearer = change.After.Bearer
		}
	}
	if out.terms == nil {
		return nil, nil
	}
	shares, err := out.terms.shares(money.Minor(out.terms.Amount))
	if err != nil {
		return nil, err
	}
	for _, x := range shares.payees {
		kind, _, id, _ := splitPayee(x.account)
		out.released = append(out.released, s.net(payeeAccount(kind, bucketAvailable, id), out.terms.Currency))
	}
	return out, nil
}

// change moves the sale to other numbers and returns what that posts beside money that came.
func (s *sale) change(to saleNumbers) (lines []ledger.Line, err error) {
	before, err := s.terms.stand(s.numbers)
	if err != nil {
		return nil, err
	}
	after, err := s.terms.stand(to)
	if err != nil {
		return nil, err
	}
	released, err := after.release(s.released, s.terms.Currency.PostingUnit())
	if err != nil {
		return nil, err
	}
	add := func(a ledger.Address, amount money.Minor) {
		if amount != 0 {
			lines = append(lines, ledger.Line{Account: a, Amount: -amount, Currency: s.terms.Currency})
		}
	}
	owed := func(x *standing, n saleNumbers) money.Minor { return x.due - money.Minor(n.Written) }
	add(brandAccount(s.terms.Brand), owed(before, s.numbers)-owed(after, to))
	for i, x := range after.payees {
		kind, _, id, _ := splitPayee(x.account)
		add(x.account, after.net[i]-released[i]-before.net[i]+s.released[i])
		add(payeeAccount(kind, bucketAvailable, id), released[i]-s.released[i])
	}
	add(accountSimulcastFee, after.fee-before.fee)
	add(accountBonus, before.funded-after.funded)
	bad := func(x *standing, n saleNumbers) money.Minor { return money.Minor(n.Written) - x.loss }
	add(accountBadDebt, bad(before, s.numbers)-bad(after, to))
	s.numbers, s.released = to, released
	return lines, nil
}

// saleDraft posts a change of a sale. One that moves no money is a fact.
func (p *planner) saleDraft(s *sale, event string, part int, to saleNumbers, document string) error {
	change := &saleChange{Terms: s.terms, Before: s.numbers, After: to, Document: document}
	lines, err := s.change(to)
	if err != nil {
		return err
	}
	lines, blocks, err := p.flagged(lines)
	if err != nil {
		return err
	}
	change.Blocks = blocks
	data, err := keptAs(change)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	d := draftOf{event: event, kind: p.event.Type, part: part, subject: saleSubject(s.terms.Sale), liveSession: s.terms.LiveSession,
		channel: "simulcast:" + s.terms.Brand, lines: lines, data: data, memo: document}
	if part == 0 {
		d.told = change
	}
	if err := p.draft(d); err != nil {
		return err
	}
	return p.fill(d.subject, blocks)
}

func (d *SimulcastReported) plan(p *planner) error {
	told, err := p.story(d.subject())
	if err != nil {
		return err
	}
	if told.begun() {
		return ErrRepeated.With("A sale of this id was reported before.")
	}
	terms, err := d.freeze(p)
	if err != nil {
		return err
	}
	s, err := terms.shares(money.Minor(terms.Amount))
	if err != nil {
		return err
	}
	var lines []ledger.Line
	add := func(a ledger.Address, amount money.Minor) {
		if amount != 0 {
			lines = append(lines, ledger.Line{Account: a, Amount: -amount, Currency: terms.Currency})
		}
	}
	add(brandAccount(d.Brand), -s.due())
	for _, x := range s.payees {
		add(x.account, x.amount)
	}
	add(accountSimulcastFee, s.fee)
	add(accountBonus, -s.funded)
	data, err := keptAs(terms)
	if err != nil {
		return err
	}
	event := "simulcast.reported"
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	return p.draft(draftOf{event: event, kind: "simulcast.reported", liveSession: d.LiveSession, channel: "simulcast:" + d.Brand, lines: lines, data: data, told: terms})
}

// freeze takes over the rates in force when the sale happened.
func (d *SimulcastReported) freeze(p *planner) (*saleTerms, error) {
	prep := &preparation{book: p.book}
	c := prep.useCurrency("/currency", d.Currency)
	read := &captureTerms{}
	(&OrderCaptured{Creators: d.Creators, Partners: d.Partners, CommissionRate: d.CommissionRate}).readShares(prep, read)
	t := &saleTerms{Sale: d.Sale, Brand: d.Brand, Currency: c, Amount: cents(prep.amount("/amount", d.Amount)), LiveSession: d.LiveSession,
		Creators: read.Creators, Agency: money.HalfEven, Fee: frozenRate{Rate: simulcastFeeRate, Rounding: money.HalfEven}}
	if d.FeeRate != "" {
		t.Fee.Rate = prep.share("/fee_rate", d.FeeRate)
	}
	if err := prep.err(); err != nil {
		return nil, err
	}
	if len(d.Creators) == 0 && len(d.Partners) == 0 {
		return t, nil
	}
	at := p.event.OccurredAt
	if at.IsZero() {
		at = p.service.now()
	}
	set, err := p.service.rules.InForce(p.ctx, p.book, at)
	if err != nil {
		return nil, err
	}
	t.Rules = set.ID()
	return t, t.freezeRules(&order{set: set}, read)
}

// freezeRules takes the rates that the report leaves out from the rule set.
func (t *saleTerms) freezeRules(o *order, read *captureTerms) error {
	if len(t.Creators) > 0 {
		r := o.rule(RuleCommission, "")
		switch {
		case r != nil && read.Rate == nil:
			t.Commission = frozenRate{Rate: r.Rate, Rounding: r.Rounding}
		case r != nil:
			t.Commission = frozenRate{Rate: *read.Rate, Rounding: r.Rounding}
		case read.Rate != nil:
			t.Commission = frozenRate{Rate: *read.Rate, Rounding: money.HalfEven}
		default:
			return ErrRuleMissing.With("The rule set has no commission rule. Send the commission's rate, or add a rule set that has one.")
		}
	}
	agency, most := o.rule(RuleAgency, ""), one
	t.Agency = o.agencyRounding()
	if agency != nil && !agency.MaxShare.IsZero() {
		most = agency.MaxShare
	}
	for i := range t.Creators {
		if t.Creators[i].Share.Compare(most) > 0 {
			return ledger.ErrInvalid.At("/data"+at("/creators", i)+"/agency/share", "agency-share", "The agency's share is above the largest that the rules allow, "+most.Percentage()+" %.")
		}
	}
	for i, x := range read.Partners {
		f := frozenRate{ID: x.ID, Role: x.Role, Rounding: money.HalfEven}
		r := o.rule(RulePartner, x.Role)
		if r != nil {
			f.Rate, f.Rounding = r.Rate, r.Rounding
		}
		if x.Rate != nil {
			f.Rate = *x.Rate
		} else if r == nil {
			return ledger.ErrInvalid.At("/data"+at("/partners", i)+"/role", "partner-role", "The rule set has no rate for this role. Send the rate.")
		}
		t.Partners = append(t.Partners, f)
	}
	return nil
}

// plan computes the sale again on what remains. What the brand had paid for what came back is its credit; what had been
// given up of it is owed by nobody any more.
func (d *SimulcastReturn) plan(p *planner) error {
	s, err := p.sale(d.Sale)
	if err != nil {
		return err
	}
	if s == nil {
		return ErrSaleUnknown
	}
	prep := &preparation{book: p.book, currency: s.terms.Currency, unit: s.terms.Currency.PostingUnit()}
	amount := prep.positive("/amount", d.Amount)
	if err := prep.err(); err != nil {
		return err
	}
	if amount > money.Minor(s.terms.Amount-s.numbers.Returned) {
		return ErrSaleState.With("More would be returned than is left of the reported sale. Nothing was posted; correct the amount.")
	}
	to := s.numbers
	to.Returned += cents(amount)
	after, err := s.terms.shares(money.Minor(s.terms.Amount - to.Returned))
	if err != nil {
		return err
	}
	to.Paid = min(to.Paid, cents(after.due()))
	if to.Written = min(to.Written, cents(after.due())-to.Paid); to.Written == 0 {
		to.Bearer = ""
	}
	freed := s.numbers.Paid - to.Paid
	if freed == 0 {
		return p.saleDraft(s, "simulcast.return_reported", 0, to, d.Document)
	}
	b, err := p.brand(s.terms.Brand, s.terms.Currency)
	if err != nil {
		return err
	}
	if err := p.saleDraft(s, "simulcast.return_reported", 0, to, d.Document); err != nil {
		return err
	}
	b.state.Credit += freed
	data, err := keptAs(brandRecord{State: b.state, Currency: s.terms.Currency})
	if err != nil {
		return err
	}
	return p.draft(draftOf{event: "order.fact_recorded", kind: p.event.Type, part: 1, subject: brandSubject(s.terms.Brand, string(s.terms.Currency)), data: data})
}

func (d *BrandWrittenOff) plan(p *planner) error {
	s, err := p.sale(d.Sale)
	if err != nil {
		return err
	}
	if s == nil {
		return ErrSaleUnknown
	}
	now, err := s.terms.stand(s.numbers)
	if err != nil {
		return err
	}
	prep := &preparation{book: p.book, currency: s.terms.Currency, unit: s.terms.Currency.PostingUnit()}
	amount := now.open
	if d.Amount != "" {
		amount = prep.positive("/amount", d.Amount)
	}
	if err := prep.err(); err != nil {
		return err
	}
	switch {
	case amount > now.open || amount <= 0:
		return ErrSaleState.With("More would be given up than the brand owes for this sale. Nothing was posted; correct the amount.")
	case s.numbers.Written != 0 && s.numbers.Bearer != d.BorneBy:
		return ErrSaleState.With("A part of this sale was given up before at the cost of others. One sale is borne in one way.")
	}
	to := s.numbers
	to.Written, to.Bearer = to.Written+cents(amount), d.BorneBy
	return p.saleDraft(s, "brand.written_off", 0, to, d.Document)
}
