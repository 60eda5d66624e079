package commerce

import (
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The calculation sheet of a sale (errata part 4, normative order), computed over what remains of an order: taxes as the
// checkout delivered them, fees from their bases, the gross commission, agencies, withholding, partners, and the seller as
// the remainder. It is a pure function of the order's state; what is posted is its difference to what was posted before.

// sheet is the result: a position per account, and the steps that lead there.
type sheet struct {
	order     *order
	positions positions
	steps     []step
	// seller is what remains for the seller.
	seller money.Minor
	// commissionBase and goods are kept for the rules that build on them.
	commissionBase money.Minor
	// earned is what each creator gets of the commission, and given what each pledge gives of it.
	earned positions
	given  []money.Minor
	// gross is what each creator earns before any agency's share and any withholding.
	gross positions
	err   error
}

// step is one line of the sheet, in numbers; its words are made when it is read.
type step struct {
	rule     *Rule
	id       string // the rule's, or that of a built-in step
	receiver string // who gets it: an account, or a payee as kind:id
	base     [components]money.Minor
	of       string // what base is, if it is no components
	total    money.Minor
	rate     money.Rate
	rated    bool // rate is meant, even if it is zero
	flat     money.Minor
	weight   string
	weights  string // their sum when the sheet was computed
	rounding money.Rounding
	bound    string
	amount   money.Minor
	tax      money.Minor
	pays     string // who bears it: seller, creator, platform, buyer
	party    string // the creator, as kind:id, out of whose commission it is
	// parts are what the amount was rounded in, if that is more than one: lines, or categories with rates of their own.
	parts []stepPart
	// released says that a deposit ended because its tier is known.
	released bool
	// moved says that what it gave belongs to other creators.
	moved bool
	// taxMode is how a fee was taxed.
	taxMode string
}

// stepPart is a part of a step that was rounded by itself.
type stepPart struct {
	line   int // of the order, 0 for a part by rate
	rate   money.Rate
	base   money.Minor
	amount money.Minor
	bound  string
}

// line keys of allocations: goods by their line number, the others apart.
const (
	lineShipping = -1
	lineGiftWrap = -2
)

// measure is a base evaluated over the lots of an order.
type measure struct {
	components [components]money.Minor
	total      money.Minor
	// lots are the parts of each lot in the base, in the order of the order's lots.
	lots []money.Minor
}

// fail keeps the first error; the arithmetic cannot fail within the bounds that preparation sets.
func (s *sheet) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// measureBase evaluates a base over what remains of the order, or what was captured.
func (o *order) measureBase(b *Base, captured bool) measure {
	var sign [components]money.Minor
	taxed := false
	for _, t := range b.Components {
		sign[t.Component] = 1
		if t.Negative {
			sign[t.Component] = -1
		}
		taxed = taxed || t.Component == TaxAdded || t.Component == TaxIncluded
	}
	if !taxed {
		if b.Tax == "include" {
			sign[TaxAdded] = 1
		} else {
			sign[TaxIncluded] = -1
		}
	}
	m := measure{lots: make([]money.Minor, len(o.lots))}
	for i := range o.lots {
		l := &o.lots[i]
		var c [components]money.Minor
		p := l.parts(captured)
		in := false
		switch l.kind {
		case lotGoods:
			c[GoodsList], c[SellerDiscount], c[PlatformDiscount] = p.list, p.sellerOff, p.platformOff
			in = sign[GoodsList] != 0
		case lotShipping:
			c[Shipping], in = p.list, sign[Shipping] != 0
		case lotGiftWrap:
			c[GiftWrap], in = p.list, sign[GiftWrap] != 0
		}
		if !in {
			continue
		}
		for j := range l.taxes {
			if t := &l.taxes[j]; t.included {
				c[TaxIncluded] += t.left(captured)
			} else {
				c[TaxAdded] += t.left(captured)
			}
		}
		for k := range c {
			part := sign[k] * c[k]
			m.components[k] += part
			m.lots[i] += part
		}
		if short := -m.lots[i]; short > 0 {
			// Refunds of amounts may leave a unit more of tax than of price; a base is never below zero.
			m.components[TaxIncluded] += short
			m.lots[i] = 0
		}
		m.total += m.lots[i]
	}
	return m
}

// rateOf is a rule's rate for a lot's category.
func (o *order) rateOf(r *Rule, l *lot) money.Rate {
	for i := range r.Rates {
		if c := &r.Rates[i]; c.Category == l.category && l.kind == lotGoods && (c.Set == "" || c.Set == o.categorySet) {
			return c.Rate
		}
	}
	return r.Rate
}

// keeps reports whether a rule's value stays as captured when goods go back.
func (r *Rule) keeps() bool {
	if r.OnRefund == "" {
		return r.Rate.IsZero() && len(r.Rates) == 0 && len(r.Flat) > 0
	}
	return r.OnRefund == "keep"
}

// bounded applies a rule's minimum and cap to a rounded value.
func (o *order) bounded(r *Rule, amount money.Minor) (money.Minor, string) {
	if least, ok := r.Min[o.currency]; ok && amount < least {
		return least, "min"
	}
	if most, ok := r.Cap[o.currency]; ok && amount > most {
		return most, "cap"
	}
	return amount, ""
}

// value computes a rule on its base: per line or per order as the rule says, categories with rates of their own apart. The
// parts are returned if the rule may have several.
func (o *order) value(r *Rule, m measure) (amount money.Minor, bound string, parts []stepPart, err error) {
	if m.total == 0 {
		return 0, "", nil, nil
	}
	flat := r.Flat[o.currency]
	if r.Granularity == "line" {
		for _, lots := range o.byLine(m) {
			v, of, err := o.rated(r, lots)
			if err != nil {
				return 0, "", nil, err
			}
			line := o.keyOf(lots)
			bounded, by := o.bounded(r, v)
			amount += bounded
			if len(of) == 1 {
				parts = append(parts, stepPart{line: line, rate: of[0].rate, base: of[0].base, amount: bounded, bound: by})
				continue
			}
			for _, part := range of { // the captures of one line in two categories
				part.line = line
				parts = append(parts, part)
			}
			if by != "" { // and what the bound of the line changes
				parts = append(parts, stepPart{line: line, amount: bounded - v, bound: by})
			}
		}
		return amount + flat, "", parts, nil
	}
	if amount, parts, err = o.rated(r, m.lots); err != nil {
		return 0, "", nil, err
	}
	if len(r.Rates) == 0 {
		parts = nil
	}
	amount, bound = o.bounded(r, amount+flat)
	return amount, bound, parts, nil
}

// rated applies the rates to the parts of the lots, rounding once for each rate.
func (o *order) rated(r *Rule, lots []money.Minor) (sum money.Minor, parts []stepPart, err error) {
	if len(r.Rates) == 0 {
		part := stepPart{rate: r.Rate}
		for _, amount := range lots {
			part.base += amount
		}
		part.amount, err = r.Rate.Of(part.base, r.Rounding, o.unit)
		return part.amount, []stepPart{part}, err
	}
next:
	for i, amount := range lots {
		if amount == 0 {
			continue
		}
		rate := o.rateOf(r, &o.lots[i])
		for j := range parts {
			if parts[j].rate == rate {
				parts[j].base += amount
				continue next
			}
		}
		parts = append(parts, stepPart{rate: rate, base: amount})
	}
	for i := range parts {
		if parts[i].amount, err = parts[i].rate.Of(parts[i].base, r.Rounding, o.unit); err != nil {
			return 0, nil, err
		}
		sum += parts[i].amount
	}
	return sum, parts, nil
}

// byLine divides a measure by the order's lines: the captures of one line belong together.
func (o *order) byLine(m measure) [][]money.Minor {
	var keys []int
	var lines [][]money.Minor
next:
	for i := range o.lots {
		if m.lots[i] == 0 {
			continue
		}
		key := o.lots[i].key()
		for j := range keys {
			if keys[j] == key {
				lines[j][i] = m.lots[i]
				continue next
			}
		}
		line := make([]money.Minor, len(o.lots))
		line[i] = m.lots[i]
		keys, lines = append(keys, key), append(lines, line)
	}
	return lines
}

// key names the line that a lot belongs to.
func (l *lot) key() int {
	switch l.kind {
	case lotShipping:
		return lineShipping
	case lotGiftWrap:
		return lineGiftWrap
	default:
		return l.line
	}
}

// compute fills in the sheet of the order as it stands.
func (o *order) compute() (*sheet, error) {
	s := &sheet{order: o, positions: make(positions, 0, 16), steps: make([]step, 0, 16)}
	if o.cancelled || o.set == nil {
		return s, nil
	}
	s.seller = s.prices()
	for i := range o.set.Rules {
		if r := &o.set.Rules[i]; r.Kind == RuleFee {
			s.fee(r)
		}
	}
	s.commission()
	s.pledged()
	s.partners()
	s.bonuses()
	for i := range o.set.Rules {
		if r := &o.set.Rules[i]; r.Kind == RuleWithholding && r.Party == "seller" {
			s.withholdSeller(r)
		}
	}
	s.positions.add(o.sellerPosition(), s.seller)
	s.steps = append(s.steps, step{id: "seller", receiver: "seller:" + o.seller, amount: s.seller, pays: "buyer"})
	s.refundFees()
	if beside := o.extras.of(o.sellerPosition()); beside != 0 {
		s.steps = append(s.steps, step{id: "beside_the_sale", receiver: "seller:" + o.seller, amount: beside, pays: "seller"})
	}
	for _, x := range o.extras { // tax that a lost dispute does not reduce (W-26.4)
		if x.amount != 0 && strings.HasPrefix(string(x.account), "liabilities:tax:") {
			s.steps = append(s.steps, step{id: "beside_the_sale", receiver: string(x.account), amount: x.amount, pays: "seller"})
		}
	}
	return s, s.err
}

// refundFees explains what was charged for refunds, line by line. The amounts are extras of the order already.
func (s *sheet) refundFees() {
	o := s.order
	for i := range o.set.Rules {
		r := &o.set.Rules[i]
		memory := o.refundFees[r.ID]
		if r.Kind != RuleRefundFee || len(memory) == 0 {
			continue
		}
		st := step{rule: r, id: r.ID, receiver: string(r.To), of: "fee given back", rounding: r.Rounding, amount: o.refundFee[r.ID], pays: "seller"}
		for _, l := range memory {
			part := stepPart{line: l.key, rate: r.Rate, base: max(l.returned, 0)}
			fee, err := r.Rate.Of(part.base, r.Rounding, o.unit)
			s.fail(err)
			part.amount, part.bound = o.bounded(r, fee)
			st.total += part.base
			st.parts = append(st.parts, part)
		}
		s.steps = append(s.steps, st)
	}
}

// prices posts what the checkout delivered: taxes that the platform owes, duty, donations, and the platform's discounts.
// It returns what of the buyer's money and of the discounts is the seller's before any fee.
func (s *sheet) prices() (seller money.Minor) {
	o := s.order
	discount := money.Minor(0)
	for i := range o.lots {
		l := &o.lots[i]
		seller += l.money(false)
		discount += l.parts(false).platformOff
	}
	seller += discount
	for i := range o.lots {
		l := &o.lots[i]
		switch l.kind {
		case lotDuty, lotRoundUp, lotExchange:
			amount := l.parts(false).list
			s.positions.add(ledger.Address(l.owner), amount)
			id := map[lotKind]string{lotDuty: "duty", lotRoundUp: "donation_round_up", lotExchange: "exchange"}[l.kind]
			s.steps = append(s.steps, step{id: id, receiver: l.owner, of: l.sku, amount: amount, pays: "buyer"})
			seller -= amount
			continue
		}
		for j := range l.taxes {
			t := &l.taxes[j]
			if !t.platform {
				continue
			}
			amount := t.left(false)
			s.tax(t.account(), amount)
			seller -= amount
		}
	}
	if discount != 0 || o.discounted {
		s.positions.add(accountPlatformDiscount, -discount)
		s.steps = append(s.steps, step{id: "platform_discount", receiver: accountPlatformDiscount, amount: -discount, pays: "platform"})
	}
	return seller
}

// tax adds an amount of delivered tax to its account; taxes of several lines are one step.
func (s *sheet) tax(account ledger.Address, amount money.Minor) {
	s.positions.add(account, amount)
	for i := range s.steps {
		if s.steps[i].id == "tax" && s.steps[i].receiver == string(account) {
			s.steps[i].amount += amount
			return
		}
	}
	s.steps = append(s.steps, step{id: "tax", receiver: string(account), amount: amount, pays: "buyer"})
}

// account is where the platform owes a tax (decisions on the open points).
func (t *lotTax) account() ledger.Address {
	if t.kind == "sales" {
		return ledger.Address("liabilities:tax:sales:" + t.jurisdiction)
	}
	return ledger.Address("liabilities:tax:vat:" + t.jurisdiction + ":deemed")
}

// evaluate computes a rule over what remains, or over what was captured if the rule keeps its value.
func (s *sheet) evaluate(r *Rule) (step, measure) {
	o := s.order
	m := o.measureBase(&r.Base, r.keeps())
	if len(r.Base.Components) == 0 { // a flat amount depends on there being goods
		m = o.measureBase(&goodsBase, r.keeps())
	}
	amount, bound, parts, err := o.value(r, m)
	s.fail(err)
	st := step{rule: r, id: r.ID, base: m.components, total: m.total, rate: r.Rate, rated: parts == nil && !r.Rate.IsZero(), rounding: r.Rounding,
		bound: bound, amount: amount, pays: "seller", parts: parts}
	if m.total > 0 {
		st.flat = r.Flat[o.currency]
	}
	if len(r.Base.Components) == 0 {
		st.base, st.total, st.parts = [components]money.Minor{}, 0, nil
	}
	return st, m
}

var goodsBase = Base{Components: []Term{{Component: GoodsList}}, Tax: "include"}

// fee charges one fee to the seller, with the tax on it (W-23, M-15).
func (s *sheet) fee(r *Rule) {
	st, _ := s.evaluate(r)
	st.receiver = string(r.To)
	if st.amount == 0 && r.keeps() {
		return
	}
	net := st.amount
	st.taxMode = s.order.taxMode(r.Tax)
	switch st.taxMode {
	case "inclusive":
		var err error
		net, st.tax, err = money.SplitInclusive(st.amount, r.Tax.Rate, r.Tax.Rounding, s.order.unit)
		s.fail(err)
		s.seller -= st.amount
	case "exclusive":
		var err error
		st.tax, err = r.Tax.Rate.Of(st.amount, r.Tax.Rounding, s.order.unit)
		s.fail(err)
		s.seller -= st.amount + st.tax
	default:
		s.seller -= st.amount
	}
	s.positions.add(r.To, net)
	if r.Tax != nil && r.Tax.To != "" {
		s.positions.add(r.Tax.To, st.tax)
	}
	s.steps = append(s.steps, st)
}

// taxMode is how a fee is taxed for this order.
func (o *order) taxMode(t *Tax) string {
	if t == nil {
		return ""
	}
	if t.ReverseChargeWhen == "deemed_supplier" && o.deemed {
		return "reverse_charge"
	}
	return t.Mode
}

// commission is step 9 to 11: the gross commission, its split among the creators, their agencies, and tax withheld.
func (s *sheet) commission() {
	o := s.order
	if len(o.creators) == 0 {
		return
	}
	r := o.rule(RuleCommission, "")
	if r == nil {
		s.fail(ErrRuleMissing.With("The rule set has no commission rule, so a sale with creators cannot be computed. Add a rule set that has one."))
		return
	}
	priced := *o.firstCommission()
	if o.depositRate != nil {
		if o.finalRate == nil {
			priced.Rate, priced.Rates = *o.depositRate, nil
			st, m := s.evaluate(&priced)
			s.commissionBase = m.total
			st.rule, st.id, st.receiver = r, "commission_deposit", "liabilities:commission_deposit:"+o.seller
			s.seller -= st.amount
			s.positions.add(ledger.Address(st.receiver), st.amount)
			s.steps = append(s.steps, st)
			return
		}
		s.positions.add(ledger.Address("liabilities:commission_deposit:"+o.seller), 0)
	}
	st, m := s.evaluate(&priced)
	s.commissionBase = m.total
	st.rule, st.receiver = r, "creators"
	s.seller -= st.amount
	s.steps = append(s.steps, st)
	gross := s.tiers(st.amount)
	weights := make([]money.Weight, len(o.creators))
	for i := range o.creators {
		weights[i] = o.creators[i].weight
	}
	shares, err := money.Allocate(gross, weights, o.unit)
	if err != nil {
		s.fail(err)
		return
	}
	for i := range o.creators {
		s.creator(&o.creators[i], shares[i], gross)
	}
}

// creator divides one creator's gross commission.
func (s *sheet) creator(c *creator, gross, whole money.Minor) {
	o := s.order
	net := gross
	s.gross.add(payeeAccount("creator", bucketPending, c.id), gross)
	if len(o.creators) > 1 {
		s.steps = append(s.steps, step{id: "creator_split", receiver: "creator:" + c.id, total: whole, weight: c.weight.String(), weights: o.weights(), amount: gross, pays: "creators"})
	}
	if c.agency != "" {
		share, err := c.share.Of(gross, o.agencyRounding(), o.unit)
		s.fail(err)
		position := payeeAccount("agency", bucketPending, c.agency)
		s.positions.add(position, share)
		st := step{rule: o.rule(RuleAgency, ""), id: "agency", receiver: "agency:" + c.agency, of: "gross commission of " + c.id, total: gross, rate: c.share, rated: true,
			rounding: o.agencyRounding(), amount: share, pays: c.paidBy, party: "creator:" + c.id}
		switch c.paidBy {
		case "seller":
			s.seller -= share
		case "platform":
			s.positions.add(accountBonus, -share)
		default:
			st.pays = "creator"
			net -= share
		}
		s.steps = append(s.steps, st)
	}
	after := net
	for i := range o.set.Rules {
		r := &o.set.Rules[i]
		if r.Kind != RuleWithholding || r.Party != "creator" {
			continue
		}
		base := after
		if r.Base.Of == "before_agency" {
			base = gross
		}
		tax, err := r.Rate.Of(base, r.Rounding, o.unit)
		s.fail(err)
		bound := ""
		if base > 0 { // nothing is withheld from nothing, whatever the minimum
			tax, bound = o.bounded(r, tax)
		}
		if most := max(net, 0); tax > most {
			tax, bound = most, "base" // nor more than there is
		}
		s.positions.add(r.To, tax)
		s.steps = append(s.steps, step{rule: r, id: r.ID, receiver: string(r.To), of: "commission of " + c.id, total: base, rate: r.Rate, rated: true,
			rounding: r.Rounding, bound: bound, amount: tax, pays: "creator", party: "creator:" + c.id})
		net -= tax
	}
	s.positions.add(payeeAccount("creator", bucketPending, c.id), net)
	s.earned.add(payeeAccount("creator", bucketPending, c.id), net)
	s.steps = append(s.steps, step{id: "creator", receiver: "creator:" + c.id, amount: net, pays: "seller"})
}

// partners get a part of the commission's base, paid by the seller.
func (s *sheet) partners() {
	o := s.order
	for i := range o.partners {
		p := &o.partners[i]
		r := o.rule(RulePartner, p.role)
		priced := Rule{ID: "partner", Kind: RulePartner, Base: commissionBaseOf(o.set)}
		if r != nil {
			priced = *r
		}
		if p.rate != nil {
			priced.Rate, priced.Rates = *p.rate, nil
		}
		st, _ := s.evaluate(&priced)
		st.rule, st.receiver = r, "partner:"+p.id
		s.seller -= st.amount
		s.positions.add(payeeAccount("partner", bucketPending, p.id), st.amount)
		s.steps = append(s.steps, st)
	}
}

// commissionBaseOf is the base of the set's commission rule, or of goods less discounts and tax.
func commissionBaseOf(set *RuleSet) Base {
	for i := range set.Rules {
		if set.Rules[i].Kind == RuleCommission {
			return set.Rules[i].Base
		}
	}
	return Base{Components: []Term{{Component: GoodsList}, {SellerDiscount, true}, {PlatformDiscount, true}}}
}

// bonuses are extras for creators: rates are computed again on what remains, amounts return only with everything.
func (s *sheet) bonuses() {
	o := s.order
	if len(o.bonuses) == 0 {
		return
	}
	base := commissionBaseOf(o.set)
	m := o.measureBase(&base, false)
	for i := range o.bonuses {
		b := &o.bonuses[i]
		for _, f := range b.funders {
			amount := f.amount
			st := step{id: "bonus", receiver: "creator:" + b.creator, pays: f.funder}
			if f.rate != nil {
				var err error
				amount, err = f.rate.Of(m.total, money.HalfEven, o.unit)
				s.fail(err)
				st.base, st.total, st.rate, st.rated = m.components, m.total, *f.rate, true
			} else if o.goodsGone() {
				amount = 0
			}
			st.amount = amount
			s.positions.add(payeeAccount("creator", bucketPending, b.creator), amount)
			s.gross.add(payeeAccount("creator", bucketPending, b.creator), amount)
			if f.funder == "seller" {
				s.seller -= amount
			} else {
				s.positions.add(accountBonus, -amount)
			}
			s.steps = append(s.steps, st)
		}
	}
}

// withholdSeller withholds a tax from the seller on its own base.
func (s *sheet) withholdSeller(r *Rule) {
	st, _ := s.evaluate(r)
	st.receiver = string(r.To)
	s.seller -= st.amount
	s.positions.add(r.To, st.amount)
	s.steps = append(s.steps, st)
}

// allocation divides a fee among the order's lines for display and refund fees.
func (o *order) allocation(r *Rule) (keys []int, amounts []money.Minor, err error) {
	m := o.measureBase(&r.Base, r.keeps())
	total, _, _, err := o.value(r, m)
	if err != nil || m.total == 0 {
		return nil, nil, err
	}
	var bases []money.Minor
	if r.Granularity == "line" {
		for _, lots := range o.byLine(m) {
			v, _, err := o.rated(r, lots)
			if err != nil {
				return nil, nil, err
			}
			v, _ = o.bounded(r, v)
			keys, amounts = append(keys, o.keyOf(lots)), append(amounts, v)
		}
		return keys, amounts, nil
	}
	for _, lots := range o.byLine(m) {
		sum := money.Minor(0)
		for _, part := range lots {
			sum += part
		}
		keys, bases = append(keys, o.keyOf(lots)), append(bases, sum)
	}
	amounts, err = money.AllocateOver(total, bases, o.unit)
	return keys, amounts, err
}

// keyOf is the line of a division made by byLine.
func (o *order) keyOf(lots []money.Minor) int {
	for i, part := range lots {
		if part != 0 {
			return o.lots[i].key()
		}
	}
	return 0
}
