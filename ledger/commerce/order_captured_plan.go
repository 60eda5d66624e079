package commerce

import (
	"strconv"
	"time"

	"mizan/ledger"
	"mizan/ledger/money"
)

// How a capture is read, and what it posts.

func (d *OrderCaptured) subject() string { return "order:" + d.Order }

// prepare reads the capture into its terms; the rule set is chosen when it is planned.
func (d *OrderCaptured) prepare(p *preparation) {
	if d.readSale(p) {
		d.readPayments(p, d.terms)
	}
}

// readSale reads everything but how the buyer paid. It reports whether there is a currency to read amounts in.
func (d *OrderCaptured) readSale(p *preparation) bool {
	p.id("/order", d.Order, true)
	p.id("/seller", d.Seller, true)
	p.id("/category_set", d.CategorySet, false)
	p.id("/live_session", d.LiveSession, false)
	if d.Capture < 0 || d.Capture > 1000 {
		p.bad("/capture", "range", "Captures of an order are numbered from 1 to 1000.")
	}
	if d.PlacedAt.Year() < 2000 || d.PlacedAt.Year() > 2999 {
		p.bad("/placed_at", "date-range", "An order is placed after 2000-01-01.")
	}
	t := &captureTerms{Seller: d.Seller, CategorySet: d.CategorySet, Placed: d.PlacedAt.UnixMicro(), liveSession: d.LiveSession, channel: d.Channel}
	if d.Capture > 1 {
		t.Capture = d.Capture
	}
	d.terms = t
	if t.Currency = p.useCurrency("/currency", d.Currency); t.Currency == "" {
		return false
	}
	d.readLines(p, t)
	d.readOrderDiscounts(p, t)
	t.Shipping = readExtra(p, "/shipping", d.Shipping)
	t.GiftWrap = readExtra(p, "/gift_wrap", d.GiftWrap)
	if d.Duty != nil {
		p.id("/duty/jurisdiction", d.Duty.Jurisdiction, true)
		if a := p.amount("/duty/amount", d.Duty.Amount); a > 0 {
			t.Duty = &termExtra{Amount: cents(a), To: "liabilities:tax:customs:" + d.Duty.Jurisdiction}
		}
	}
	if r := d.DonationRoundUp; r != nil {
		p.id("/donation_round_up/beneficiary", r.Beneficiary, true)
		p.id("/donation_round_up/campaign", r.Campaign, true)
		if a := p.amount("/donation_round_up/amount", r.Amount); a > 0 {
			t.RoundUp = &termExtra{Amount: cents(a), To: "liabilities:donation:pending:" + r.Beneficiary + ":" + r.Campaign}
		}
	}
	d.readShares(p, t)
	return true
}

// readLines reads the goods with their own discounts and taxes (calculation sheet, steps 1, 2, 4 and 6).
func (d *OrderCaptured) readLines(p *preparation, t *captureTerms) {
	if len(d.Lines) == 0 || len(d.Lines) > 200 {
		p.bad("/lines", "count", "A capture has 1 to 200 lines.")
		return
	}
	seen := make(map[int]bool, len(d.Lines))
	total := money.Minor(0)
	t.Lines = make([]termLine, len(d.Lines))
	for i := range d.Lines {
		l, pointer := &d.Lines[i], at("/lines", i)
		out := &t.Lines[i]
		if seen[l.Line] || l.Line < 1 {
			p.bad(pointer+"/line", "line", "Lines are numbered from 1, each number once in a capture.")
		}
		seen[l.Line] = true
		p.id(pointer+"/sku", l.SKU, true)
		p.id(pointer+"/category", l.Category, false)
		if l.Quantity < 1 || l.Quantity > 1_000_000 {
			p.bad(pointer+"/quantity", "range", "A quantity is 1 to 1,000,000.")
			continue
		}
		price := p.amount(pointer+"/unit_price", l.UnitPrice)
		if price > maxEventAmount/money.Minor(l.Quantity) || total > maxEventAmount-price*money.Minor(l.Quantity) {
			p.because(pointer+"/unit_price", money.ErrOverflow)
			continue
		}
		list := price * money.Minor(l.Quantity)
		total += list
		*out = termLine{Line: l.Line, SKU: l.SKU, Category: l.Category, Quantity: l.Quantity, Price: cents(price)}
		for j := range l.Discounts {
			out.discount(p, at(pointer+"/discounts", j), &l.Discounts[j], p.amount(at(pointer+"/discounts", j)+"/amount", l.Discounts[j].Amount))
		}
		if money.Minor(out.SellerOff+out.PlatformOff) > list {
			p.bad(pointer+"/discounts", "discount-too-large", "The discounts are larger than the line. Correct the amounts.")
			continue
		}
		out.Taxes = readTaxes(p, pointer+"/tax", l.Tax, list-money.Minor(out.SellerOff+out.PlatformOff))
	}
}

// discount adds a discount to its line by funder: of a co-funded one the platform's part is rounded, the seller's
// is the rest.
func (l *termLine) discount(p *preparation, pointer string, d *Discount, amount money.Minor) {
	p.oneOf(pointer+"/funder", d.Funder, "seller", "platform", "cofunded")
	if d.Funder != "cofunded" && d.PlatformShare != "" {
		p.bad(pointer+"/platform_share", "unexpected", "Only a cofunded discount has a platform share.")
	}
	switch d.Funder {
	case "seller":
		l.SellerOff += cents(amount)
	case "platform":
		l.PlatformOff += cents(amount)
	case "cofunded":
		if d.PlatformShare == "" {
			p.bad(pointer+"/platform_share", "required", "A cofunded discount needs the platform's share.")
			return
		}
		part, err := p.share(pointer+"/platform_share", d.PlatformShare).Of(amount, money.HalfEven, p.unit)
		if err != nil {
			p.because(pointer+"/amount", err)
			return
		}
		l.PlatformOff += cents(part)
		l.SellerOff += cents(amount - part)
	default:
		p.bad(pointer+"/funder", "required", "A discount needs a funder: seller, platform or cofunded.")
	}
}

// readOrderDiscounts allocates discounts of the whole order to its lines by what each still costs: the seller's first,
// then vouchers, which are split between their funders per line (A-01, steps 3 and 4).
func (d *OrderCaptured) readOrderDiscounts(p *preparation, t *captureTerms) {
	for _, vouchers := range []bool{false, true} {
		for i := range d.OrderDiscounts {
			od, pointer := &d.OrderDiscounts[i], at("/order_discounts", i)
			if (od.Funder != "seller") != vouchers {
				continue
			}
			amount := p.amount(pointer+"/amount", od.Amount)
			if amount == 0 || len(p.fields) > 0 {
				var none termLine
				none.discount(p, pointer, od, 0)
				continue
			}
			costs := make([]money.Minor, len(t.Lines))
			sum := money.Minor(0)
			for j := range t.Lines {
				l := &t.Lines[j]
				costs[j] = money.Minor(l.Price)*money.Minor(l.Quantity) - money.Minor(l.SellerOff+l.PlatformOff)
				sum += costs[j]
			}
			if amount > sum {
				p.bad(pointer+"/amount", "discount-too-large", "The discount is larger than what the lines cost. Correct the amount.")
				return
			}
			shares, err := money.AllocateOver(amount, costs, p.unit)
			if err != nil {
				p.because(pointer+"/amount", err)
				return
			}
			for j, share := range shares {
				t.Lines[j].discount(p, pointer, od, share)
			}
		}
	}
}

// readTaxes reads the taxes of a line whose buyer pays net before tax on top.
func readTaxes(p *preparation, pointer string, taxes []LineTax, net money.Minor) (out []termTax) {
	included, added := money.Minor(0), money.Minor(0)
	for i := range taxes {
		t, pointer := &taxes[i], at(pointer, i)
		p.id(pointer+"/jurisdiction", t.Jurisdiction, true)
		p.oneOf(pointer+"/kind", t.Kind, "sales", "vat", "gst", "sst")
		p.oneOf(pointer+"/owed_by", t.OwedBy, "seller", "platform")
		if t.Kind == "" || t.OwedBy == "" {
			p.bad(pointer, "required", "A tax needs its kind and who owes it.")
		}
		amount := p.amount(pointer+"/amount", t.Amount)
		if amount == 0 && (t.OwedBy != "platform" || t.Kind != "vat") {
			continue // a rate of zero for which the platform answers still says that the seller is abroad (M-15)
		}
		if t.Included {
			included += amount
		} else if added += amount; added > maxEventAmount {
			p.because(pointer+"/amount", money.ErrOverflow)
		}
		out = append(out, termTax{Jurisdiction: t.Jurisdiction, Kind: t.Kind, Platform: t.OwedBy == "platform", Included: t.Included, Amount: cents(amount)})
	}
	if included > net {
		p.bad(pointer, "tax-too-large", "The tax inside the price is larger than the price. Correct the amounts.")
	}
	return out
}

func readExtra(p *preparation, pointer string, e *Extra) *termExtra {
	if e == nil {
		return nil
	}
	amount := p.amount(pointer+"/amount", e.Amount)
	taxes := readTaxes(p, pointer+"/tax", e.Tax, amount)
	if amount == 0 && taxes == nil {
		return nil
	}
	return &termExtra{Amount: cents(amount), Taxes: taxes}
}

// readShares reads who takes part in the sale.
func (d *OrderCaptured) readShares(p *preparation, t *captureTerms) {
	rate := func(pointer, s string) *money.Rate {
		if s == "" {
			return nil
		}
		r := p.share(pointer, s)
		return &r
	}
	t.Rate, t.Deposit = rate("/commission_rate", d.CommissionRate), rate("/commission_deposit_rate", d.CommissionDeposit)
	if t.Deposit != nil && len(d.Creators) == 0 {
		p.bad("/commission_deposit_rate", "unexpected", "A deposit withholds a commission; name the creators.")
	}
	t.Creators = readCreators(p, d.Creators)
	for i := range d.Partners {
		c, pointer := &d.Partners[i], at("/partners", i)
		p.id(pointer+"/partner", c.Partner, true)
		p.id(pointer+"/role", c.Role, true)
		t.Partners = append(t.Partners, termPartner{ID: c.Partner, Role: c.Role, Rate: rate(pointer+"/rate", c.Rate)})
	}
}

// readCreators reads the creators of a sale with their agencies.
func readCreators(p *preparation, creators []Creator) (terms []termCreator) {
	weighty := false
	for i := range creators {
		c, pointer := &creators[i], at("/creators", i)
		p.id(pointer+"/creator", c.Creator, true)
		out := termCreator{ID: c.Creator, Weight: p.weight(pointer+"/weight", c.Weight)}
		weighty = weighty || !out.Weight.IsZero()
		if a := c.Agency; a != nil {
			p.id(pointer+"/agency/id", a.ID, true)
			p.oneOf(pointer+"/agency/paid_by", a.PaidBy, "creator", "seller", "platform")
			if a.Share == "" {
				p.bad(pointer+"/agency/share", "required", "An agency needs its share.")
			}
			out.Agency, out.Share = a.ID, p.share(pointer+"/agency/share", a.Share)
			if out.PaidBy = a.PaidBy; a.PaidBy == "creator" {
				out.PaidBy = ""
			}
		}
		terms = append(terms, out)
	}
	if len(creators) > 0 && !weighty {
		p.because("/creators", money.ErrWeights)
	}
	return terms
}

// readTenders reads how the buyer paid, and what it comes to.
func readTenders(p *preparation, t *captureTerms, payments []Payment) (paid money.Minor) {
	for i := range payments {
		y, pointer := &payments[i], at("/payments", i)
		out := termPayment{Amount: cents(p.amount(pointer+"/amount", y.Amount))}
		named := 0
		if y.Processor != "" || y.PaymentID != "" {
			named++
			p.id(pointer+"/processor", y.Processor, true)
			p.id(pointer+"/payment_id", y.PaymentID, true)
			out.Processor, out.ID = y.Processor, y.PaymentID
		}
		if y.GiftCard != "" {
			named++
			p.id(pointer+"/gift_card", y.GiftCard, true)
			out.Stored = "liabilities:gift_card:" + y.GiftCard
		}
		if y.StoreCredit != "" {
			named++
			p.id(pointer+"/store_credit", y.StoreCredit, true)
			out.Stored = "liabilities:store_credit:" + y.StoreCredit
		}
		if named != 1 {
			p.bad(pointer, "tender", "A payment is one thing: a processor's with its payment_id, a gift_card, or store_credit.")
		}
		paid += money.Minor(out.Amount)
		if paid > maxEventAmount {
			p.because(pointer+"/amount", money.ErrOverflow)
			return 0
		}
		if out.Amount > 0 {
			t.Payments = append(t.Payments, out)
		}
	}
	return paid
}

// readPayments reads the tenders, whose sum is what the lines say (A43 of the bad inputs: nothing is made up).
func (d *OrderCaptured) readPayments(p *preparation, t *captureTerms) {
	paid := readTenders(p, t, d.Payments)
	if len(p.fields) > 0 {
		return
	}
	if due := t.due(p); len(p.fields) == 0 && due != paid {
		p.bad("/payments", "payments-differ", "The payments come to "+paid.Format(p.currency)+" and the lines to "+due.Format(p.currency)+
			". The sum of the payments must be what the lines, shipping, duty and taxes say.")
	}
}

// due is what the buyer pays for the capture.
func (t *captureTerms) due(p *preparation) (due money.Minor) {
	for _, l := range t.lotsOf() {
		due += l.money(true)
	}
	if due > maxEventAmount {
		p.because("/lines", money.ErrOverflow)
	}
	return due
}

// plan posts the difference the capture makes.
func (d *OrderCaptured) plan(p *planner) error { return p.capture(d.terms) }

// capture posts the difference that a capture, or a delivery paid in cash, makes.
func (p *planner) capture(t *captureTerms) error {
	o := p.order
	before, err := o.compute()
	if err != nil {
		return err
	}
	if err := t.apply(o, nil); err != nil {
		return err
	}
	if len(o.captures) == 1 {
		if err := p.freezeRules(t); err != nil {
			return err
		}
	}
	after, err := o.compute()
	if err != nil {
		return err
	}
	o.give(after)
	lines := make([]ledger.Line, 0, 12)
	for _, y := range t.Payments {
		lines = append(lines, ledger.Line{Account: y.tender().account, Amount: money.Minor(y.Amount), Currency: o.currency, ExternalRef: y.ID})
	}
	lines = append(lines, o.entries(o.changes(after), nil)...)
	stored, err := t.marshal()
	if err != nil {
		return err
	}
	event := p.event.Type
	if len(lines) == 0 {
		event = "order.fact_recorded"
	}
	memo := ""
	switch {
	case t.number() > 1:
		memo = "capture " + strconv.Itoa(t.number())
	case len(lines) == 0:
		memo = "sample" // an order of value zero
	}
	return p.draft(draftOf{event: event, kind: p.event.Type, lines: lines, data: stored, memo: memo, before: before, after: after, computed: true})
}

// freezeRules chooses the rule set in force when the order was placed and checks the order against it.
func (p *planner) freezeRules(t *captureTerms) error {
	o := p.order
	placed := time.UnixMicro(t.Placed).UTC()
	set, err := p.service.rules.InForce(p.ctx, p.book, placed)
	if err != nil {
		return err
	}
	t.Rules = set.ID()
	return o.serve(set, t)
}

// serve takes the rule set for the order, if it can serve its terms.
func (o *order) serve(set *RuleSet, t *captureTerms) error {
	o.set, o.tier = set, set.Policies.Settlement.Tier
	for i := range set.Rules {
		if err := set.Rules[i].usableIn(o.currency); err != nil {
			return err
		}
	}
	if err := o.allowAgencies(t.Creators); err != nil {
		return err
	}
	for i := range t.Partners {
		if t.Partners[i].Rate == nil && o.rule(RulePartner, t.Partners[i].Role) == nil {
			return ledger.ErrInvalid.At("/data"+at("/partners", i)+"/role", "partner-role", "The rule set has no rate for this role. Send the rate.")
		}
	}
	return nil
}

// allowAgencies refuses an agency's share above the largest that the order's rules allow.
func (o *order) allowAgencies(creators []termCreator) error {
	most := one
	if agency := o.rule(RuleAgency, ""); agency != nil && !agency.MaxShare.IsZero() {
		most = agency.MaxShare
	}
	for i := range creators {
		if creators[i].Share.Compare(most) > 0 {
			return ledger.ErrInvalid.At("/data"+at("/creators", i)+"/agency/share", "agency-share", "The agency's share is above the largest that the rules allow, "+most.Percentage()+" %.")
		}
	}
	return nil
}
