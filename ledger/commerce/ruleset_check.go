package commerce

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// Checking rule sets: what would make a rule ambiguous, impossible, or a trap for whoever reads it, is refused when the
// set is added, not when money depends on it.

const maxRules = 200

var (
	setName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	ruleID  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	country = regexp.MustCompile(`^[A-Z]{2}$`)
)

// readableText reports whether people can be shown a text that is for them: something, within a length, and nothing that
// moves a terminal's cursor or turns the direction of writing around.
func readableText(text string, most int) bool {
	return strings.TrimSpace(text) != "" && utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checker collects what is wrong with a rule set.
type checker struct {
	set    *RuleSet
	fields []fault.Field
}

func (c *checker) bad(pointer, code, message string) {
	if len(c.fields) < maxFields {
		c.fields = append(c.fields, fault.Field{Pointer: pointer, Code: code, Message: message})
	}
}

// Check returns what is wrong with the set, nothing if it can be used.
func (s *RuleSet) Check() []fault.Field {
	c := &checker{set: s}
	if !setName.MatchString(s.Set) {
		c.bad("/set", "set", "A set's name is a lower-case letter and up to 31 of a-z 0-9 _")
	}
	if s.Version < 1 || s.Version > 1_000_000 {
		c.bad("/version", "range", "Versions count from 1.")
	}
	if !country.MatchString(s.Market) {
		c.bad("/market", "market", "A market is a country code in two capital letters.")
	}
	if s.ValidFrom.Year() < 2000 || s.ValidFrom.Year() > 2999 {
		c.bad("/valid_from", "date-range", "A set is in force from a moment after 2000-01-01 on.")
	}
	if s.ValidFrom.Nanosecond()%1000 != 0 {
		c.bad("/valid_from", "precision", "Times are exact to the microsecond. Leave the further decimals out.")
	}
	if !readableText(s.Title, 500) {
		c.bad("/title", "text", "A set needs a title of up to 500 printable characters.")
	}
	if g := s.Signature; g != nil && (!readableText(g.By, 500) || !readableText(g.Document, 500) || g.At.IsZero()) {
		c.bad("/signature", "signature", "A signature says who answers for the values, when, and in which document.")
	}
	sources := map[string]bool{}
	for i, source := range s.Sources {
		if !readableText(source.ID, 64) || !readableText(source.Text, 2000) || !slices.Contains([]string{"O", "P", "T", "A"}, source.Trust) || sources[source.ID] {
			c.bad(at("/sources", i), "source", "A source has an id of its own, a text of up to 2,000 printable characters, and a trust mark: O, P, T or A.")
		}
		sources[source.ID] = true
	}
	if len(s.Rules) > maxRules {
		c.bad("/rules", "too-many", "A set has at most 200 rules.")
		return c.fields
	}
	c.rules(sources)
	c.policies()
	return c.fields
}

func (c *checker) rules(sources map[string]bool) {
	ids, roles, kinds := map[string]bool{}, map[string]bool{}, map[RuleKind]int{}
	events := map[string]bool{}
	for i := range c.set.Rules {
		r, pointer := &c.set.Rules[i], at("/rules", i)
		kinds[r.Kind]++
		if !ruleID.MatchString(r.ID) || ids[r.ID] || slices.Contains(builtIn, r.ID) {
			c.bad(pointer+"/id", "rule-id", "A rule's id is lower-case words, unique in the set, and none of the sheet's own steps.")
		}
		ids[r.ID] = true
		if !readableText(r.Title, 200) {
			c.bad(pointer+"/title", "text", "A rule needs a title of up to 200 printable characters.")
		}
		if !sources[r.Source] {
			c.bad(pointer+"/source", "source-unknown", "A rule names one of the set's sources.")
		}
		if r.Rounding.String() == "unknown" {
			c.bad(pointer+"/rounding", "rounding-unknown", "The rounding is half_even, half_up, floor or ceil.")
		}
		if r.Remainder != "" && !readableText(r.Remainder, 200) {
			c.bad(pointer+"/remainder", "text", "Who bears the remainder is said in up to 200 printable characters.")
		}
		c.rule(pointer, r)
		switch r.Kind {
		case RulePartner:
			if roles[r.Role] {
				c.bad(pointer+"/role", "repeated", "Each role has one rule.")
			}
			roles[r.Role] = true
		case RuleCharge:
			if events[r.Event] {
				c.bad(pointer+"/event", "repeated", "Each kind of charge has one rule.")
			}
			events[r.Event] = true
		}
	}
	for _, kind := range []RuleKind{RuleCommission, RuleAgency} {
		if kinds[kind] > 1 {
			c.bad("/rules", "repeated", "A set has at most one rule of the kind "+string(kind)+".")
		}
	}
}

// builtIn are the ids of the sheet's own steps, which no rule may take.
var builtIn = []string{"seller", "creator", "creator_split", "tax", "platform_discount", "duty", "donation_round_up", "bonus", "commission_deposit", "partner", "beside_the_sale"}

// rule checks one rule by its kind.
func (c *checker) rule(pointer string, r *Rule) {
	c.unread(pointer, r)
	if r.Rate.Compare(one) > 0 {
		c.bad(pointer+"/rate", "rate-range", "A rate is a fraction of at most 1: 0.065 is 6.5 %.")
	}
	if r.MaxShare.Compare(one) > 0 {
		c.bad(pointer+"/max_share", "rate-range", "A share is a fraction of at most 1: 0.5 is a half.")
	}
	c.rates(pointer, r)
	if r.Granularity != "" && r.Granularity != "order" && r.Granularity != "line" {
		c.bad(pointer+"/granularity", "enum", "The granularity is order or line.")
	}
	if !slices.Contains([]string{"", "recompute", "keep", "charge"}, r.OnRefund) || (r.OnRefund == "charge") != (r.Kind == RuleRefundFee) && r.OnRefund != "" {
		c.bad(pointer+"/on_refund", "enum", "on_refund is recompute or keep; charge belongs to refund fees.")
	}
	c.currencies(pointer, r)
	for currency, least := range r.Min {
		if most, ok := r.Cap[currency]; ok && most < least {
			c.bad(pointer+"/cap", "cap-below-min", "The cap lies below the minimum.")
		}
	}
	c.tax(pointer, r)
	switch r.Kind {
	case RuleFee:
		c.priced(pointer, r)
		c.base(pointer, &r.Base, len(r.Flat) == 0 || !r.Rate.IsZero() || len(r.Rates) > 0)
		c.account(pointer, r.To, "revenue:")
	case RuleCommission, RulePartner:
		c.base(pointer, &r.Base, true)
		if r.Kind == RulePartner && !ledger.IsSegment(r.Role) {
			c.bad(pointer+"/role", "required", "A partner's rule names the role.")
		}
	case RuleAgency:
	case RuleWithholding:
		c.priced(pointer, r)
		c.withholding(pointer, r)
	case RuleRefundFee:
		c.priced(pointer, r)
		c.account(pointer, r.To, "revenue:")
		if !slices.ContainsFunc(c.set.Rules, func(f Rule) bool { return f.Kind == RuleFee && f.ID == r.Base.Of }) {
			c.bad(pointer+"/base/of", "rule-unknown", "A refund fee names the fee it is charged on.")
		}
	case RuleCharge:
		if !slices.ContainsFunc(chargeKinds, func(k chargeKind) bool { return k.kind == r.Event }) {
			c.bad(pointer+"/event", "charge-kind", "There is no such kind of charge.")
		}
	default:
		c.bad(pointer+"/kind", "enum", "The kind is fee, commission, agency, partner, withholding, refund_fee or charge.")
	}
}

// readBy are the fields that each kind of rule reads beside those of every rule. A creator's withholding and a refund fee
// have no base of components, and no minimum: it would be due on nothing.
var readBy = map[RuleKind][]string{
	RuleFee:         {"to", "base/components", "base/tax", "base/of", "rate", "rates", "flat", "min", "cap", "granularity", "tax", "on_refund"},
	RuleCommission:  {"base/components", "base/tax", "base/of", "rate", "rates", "flat", "min", "cap", "granularity", "tax", "on_refund"},
	RuleAgency:      {"tax", "max_share"},
	RulePartner:     {"role", "base/components", "base/tax", "base/of", "rate", "rates", "flat", "min", "cap", "granularity", "tax", "on_refund"},
	RuleWithholding: {"party", "to", "base/components", "base/tax", "base/of", "rate", "rates", "flat", "min", "cap", "granularity", "tax", "on_refund", "moment"},
	RuleRefundFee:   {"to", "base/of", "rate", "cap", "granularity", "tax", "on_refund"},
	RuleCharge:      {"event", "tax"},
}

var readOfCreator = []string{"party", "to", "base/of", "rate", "cap", "tax", "on_refund", "moment"}

// unread refuses the fields that a rule has and nothing reads: whoever wrote them meant something by them.
func (c *checker) unread(pointer string, r *Rule) {
	read, known := readBy[r.Kind]
	if !known {
		return
	}
	if r.Kind == RuleWithholding && r.Party == "creator" {
		read = readOfCreator
	}
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"to", r.To != ""}, {"party", r.Party != ""}, {"role", r.Role != ""}, {"event", r.Event != ""},
		{"base/components", len(r.Base.Components) > 0}, {"base/tax", r.Base.Tax != ""}, {"base/of", r.Base.Of != ""},
		{"rate", !r.Rate.IsZero()}, {"rates", len(r.Rates) > 0}, {"flat", len(r.Flat) > 0}, {"min", len(r.Min) > 0}, {"cap", len(r.Cap) > 0},
		{"granularity", r.Granularity != ""}, {"tax", r.Tax != nil}, {"on_refund", r.OnRefund != ""}, {"max_share", !r.MaxShare.IsZero()},
		{"moment", r.Moment != ""},
	} {
		if field.given && !slices.Contains(read, field.name) {
			c.bad(pointer+"/"+field.name, "unexpected", "Nothing reads this field in a rule of this kind. Leave it out.")
		}
	}
	switch {
	case r.Kind == RuleWithholding && r.Party == "creator" && r.OnRefund == "keep":
		c.bad(pointer+"/on_refund", "unexpected", "A creator's tax is computed again when goods go back. Leave it out, or write recompute.")
	case r.Kind == RuleRefundFee && r.Granularity == "order":
		c.bad(pointer+"/granularity", "unexpected", "A refund fee is computed per line. Leave it out, or write line.")
	}
}

// priced checks that a rule takes something: one that was meant to cost nothing is left out, one that forgot its rate is
// found here.
func (c *checker) priced(pointer string, r *Rule) {
	if r.Rate.IsZero() && len(r.Rates) == 0 && len(r.Flat) == 0 {
		c.bad(pointer+"/rate", "required", "The rule needs a rate or a flat amount.")
	}
}

// currencies checks that a rule's amounts are of the same currencies: in one that is missing anywhere no order could be
// computed, although the set looks as if it could.
func (c *checker) currencies(pointer string, r *Rule) {
	named := map[money.Currency]bool{}
	amounts := map[string]Amounts{"/flat": r.Flat, "/min": r.Min, "/cap": r.Cap}
	for _, a := range amounts {
		for currency := range a {
			named[currency] = true
		}
	}
	for _, field := range []string{"/flat", "/min", "/cap"} {
		switch a := amounts[field]; {
		case a == nil:
		case len(a) == 0:
			c.bad(pointer+field, "required", "Name an amount for each currency, or leave the field out.")
		case len(a) < len(named):
			c.bad(pointer+field, "currency-missing", "The rule has other amounts in a currency that is missing here. Name the amount for each currency.")
		}
	}
}

// rates checks the rates of categories.
func (c *checker) rates(pointer string, r *Rule) {
	seen := map[CategoryRate]bool{}
	for i, rate := range r.Rates {
		key := CategoryRate{Set: rate.Set, Category: rate.Category}
		if !ledger.IsSegment(rate.Category) || rate.Set != "" && !ledger.IsSegment(rate.Set) || seen[key] || rate.Rate.Compare(one) > 0 {
			c.bad(at(pointer+"/rates", i), "category-rate", "A category has one rate of at most 1 in each category set.")
		}
		seen[key] = true
	}
}

// base checks a base of components. Without components only a flat amount makes sense.
func (c *checker) base(pointer string, b *Base, required bool) {
	if b.Of != "" {
		c.bad(pointer+"/base/of", "unexpected", "This kind of rule has a base of components.")
	}
	if len(b.Components) == 0 && required {
		c.bad(pointer+"/base", "required", "The rule needs a base.")
	}
	seen := map[Component]bool{}
	taxed := false
	for i, t := range b.Components {
		if seen[t.Component] {
			c.bad(at(pointer+"/base/components", i), "repeated", "A component stands in a base once.")
		}
		seen[t.Component] = true
		taxed = taxed || t.Component == TaxAdded || t.Component == TaxIncluded
	}
	if b.Tax != "" && b.Tax != "exclude" && b.Tax != "include" {
		c.bad(pointer+"/base/tax", "enum", "The base's tax is exclude or include.")
	}
	if taxed && b.Tax != "" {
		c.bad(pointer+"/base/tax", "ambiguous", "The base names taxes among its components, so it cannot say exclude or include as well.")
	}
	c.sides(pointer+"/base/components", b)
}

// sides refuses a base that says something else than it measures: discounts and taxes are those of the goods, shipping and
// gift wrap that are in the base, and a base is never below zero.
func (c *checker) sides(pointer string, b *Base) {
	goods, any := false, false
	for _, t := range b.Components {
		place := t.Component == GoodsList || t.Component == Shipping || t.Component == GiftWrap
		any = any || place && !t.Negative
		goods = goods || t.Component == GoodsList
	}
	for i, t := range b.Components {
		switch t.Component {
		case GoodsList, Shipping, GiftWrap:
			if t.Negative {
				c.bad(at(pointer, i), "base-side", "Goods, shipping and gift wrap are put on, not taken off. Leave out what does not count.")
			}
		case SellerDiscount, PlatformDiscount:
			if !goods {
				c.bad(at(pointer, i), "base-side", "Discounts are those of goods, so a base with a discount has goods_list too.")
			}
		}
	}
	if len(b.Components) > 0 && !any {
		c.bad(pointer, "base-side", "A base has goods_list, shipping or gift_wrap: without them it is always zero.")
	}
}

// account checks that a value goes to an account of the right kind.
func (c *checker) account(pointer string, a ledger.Address, prefix string) {
	if !strings.HasPrefix(string(a), prefix) || strings.HasPrefix(string(a), "revenue:contra:") {
		c.bad(pointer+"/to", "account-kind", "The value of this rule goes to an account under "+prefix)
		return
	}
	if _, err := ledger.StandardChart().Resolve(a); err != nil {
		c.bad(pointer+"/to", fault.CodeOf(err), "The chart has no such account.")
	}
}

func (c *checker) tax(pointer string, r *Rule) {
	t := r.Tax
	if t == nil {
		return
	}
	if r.Kind != RuleFee && r.Kind != RuleCharge {
		c.bad(pointer+"/tax", "unexpected", "Only fees and charges bear tax of their own.")
	}
	if t.ReverseChargeWhen != "" && t.ReverseChargeWhen != "deemed_supplier" {
		c.bad(pointer+"/tax/reverse_charge_when", "enum", "reverse_charge_when is deemed_supplier.")
	}
	switch t.Mode {
	case "inclusive", "exclusive":
		if t.Rate.IsZero() || t.Rate.Compare(one) > 0 {
			c.bad(pointer+"/tax/rate", "rate-range", "The tax needs a rate of at most 1.")
		}
		if _, err := ledger.StandardChart().Resolve(t.To); err != nil || !strings.HasPrefix(string(t.To), "liabilities:tax:vat:") {
			c.bad(pointer+"/tax/to", "account-kind", "Tax on our fees goes to an account under liabilities:tax:vat:")
		}
	case "reverse_charge": // a rate is told for the record: the seller owes it
	case "out_of_scope":
		if !t.Rate.IsZero() || t.To != "" {
			c.bad(pointer+"/tax/mode", "unexpected", "Nothing is taxed in this mode. Write a rate of 0 and no account, or another mode.")
		}
	default:
		c.bad(pointer+"/tax/mode", "enum", "The tax's mode is inclusive, exclusive, reverse_charge or out_of_scope.")
	}
	if r.Kind == RuleCharge && t.ReverseChargeWhen != "" {
		c.bad(pointer+"/tax/reverse_charge_when", "unexpected", "Nothing reads this field in a charge. Leave it out.")
	}
}

func (c *checker) withholding(pointer string, r *Rule) {
	c.account(pointer, r.To, "liabilities:tax:withholding:")
	if r.Moment != "" && r.Moment != "capture" {
		c.bad(pointer+"/moment", "enum", "Rule sets withhold at capture; what is withheld from payouts is a payout policy.")
	}
	switch r.Party {
	case "seller":
		c.base(pointer, &r.Base, true)
	case "creator":
		if r.Base.Of != "before_agency" && r.Base.Of != "after_agency" {
			c.bad(pointer+"/base/of", "enum", "A creator's withholding is of before_agency or after_agency.")
		}
	default:
		c.bad(pointer+"/party", "enum", "Tax is withheld from a seller or a creator.")
	}
}

func (c *checker) policies() {
	p := &c.set.Policies
	if days, ok := p.Settlement.Tiers[p.Settlement.Tier]; !ok || days < 0 {
		c.bad("/policies/settlement/tier", "tier-unknown", "The default tier is one of the tiers.")
	}
	for name, days := range p.Settlement.Tiers {
		if !ledger.IsSegment(name) || days < 0 || days > 365 {
			c.bad("/policies/settlement/tiers", "range", "A tier has a name and 0 to 365 days.")
		}
	}
	if p.Settlement.ReserveRate.Compare(one) > 0 || p.Settlement.ReserveDays < 0 || p.Settlement.ReserveDays > 3650 ||
		!p.Settlement.ReserveRate.IsZero() && p.Settlement.ReserveDays == 0 {
		c.bad("/policies/settlement", "range", "A reserve is a rate of at most 1 for 1 to 3650 days.")
	}
	reasons := map[string]bool{}
	for i, reason := range p.Dispute.PlatformReasons {
		if !readableText(reason, 64) || reasons[reason] {
			c.bad(at("/policies/dispute/platform_reasons", i), "reason", "A reason is up to 64 printable characters, and stands in the list once.")
		}
		reasons[reason] = true
	}
	if !slices.Contains([]string{"net", "gross"}, p.Dispute.FeeRecovery) {
		c.bad("/policies/dispute/fee_recovery", "enum", "The fee's recovery is net or gross.")
	}
	if !slices.Contains([]string{"platform", "seller"}, p.Dispute.DoublePayment) {
		c.bad("/policies/dispute/double_payment", "enum", "What the buyer gets twice is borne by platform or seller.")
	}
	if !slices.Contains([]string{"platform", "seller"}, p.PaymentFailure.Liability) {
		c.bad("/policies/payment_failure/liability", "enum", "A failed payment is borne by platform or seller.")
	}
}

// Warnings says what deserves a second look before a set is used, although it can be.
func (s *RuleSet) Warnings() []string {
	var list []string
	trust := map[string]string{}
	for _, source := range s.Sources {
		trust[source.ID] = source.Trust
	}
	largest := money.Rate{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if trust[r.Source] == "A" {
			list = append(list, r.ID+" rests on an assumption.")
		}
		rate := r.Rate
		for _, c := range r.Rates {
			if c.Rate.Compare(rate) > 0 {
				rate = c.Rate
			}
		}
		if r.Kind == RuleFee || r.Kind == RuleCommission || r.Kind == RulePartner || r.Kind == RuleWithholding && r.Party == "seller" {
			if sum, err := largest.Add(rate); err == nil {
				largest = sum
			}
		}
	}
	if largest.Compare(one) > 0 {
		list = append(list, "Together the rates take more than the whole price from the seller.")
	}
	if s.Signature == nil && (len(s.Set) > shippedNames || !s.Researched) {
		list = append(list, "Nobody has signed the set; it cannot be used without a signature.")
	}
	return list
}
