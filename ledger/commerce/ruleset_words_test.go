package commerce

import (
	"testing"
)

// One sentence of each kind of rule, and of each way to write one.
func TestSentences(t *testing.T) {
	t.Parallel()
	const commissionTail = "20 % tax is inside the fee, rounded half-even; no tax where the platform owes the tax on the sale, since the seller accounts for it (reverse charge); computed again when goods come back."
	for _, c := range []struct {
		name, id, want string
		content        []byte
	}{
		{"a fee", "commission", "Commission: 6 % (4 % for books of the category set default) of goods less the seller's discounts, without tax, per order, plus GBP 0.30 once per order, " +
			"at least GBP 0.40 per order, at most GBP 50.00 per order, rounded half-even; " + commissionTail, []byte(sampleRules)},
		{"a fee per line", "commission", "Commission: 6 % (4 % for books of the category set default) of goods less the seller's discounts, without tax, per line, plus GBP 0.30 once per order, " +
			"at least GBP 0.40 per line, at most GBP 50.00 per line, rounded down; " + commissionTail,
			ruleWith(t, "commission", `"half_even"`, `"floor"`, `"granularity": "order"`, `"granularity": "line"`)},
		{"a base in another order", "commission", "Commission: 6 % (4 % for books) of goods less the seller's discounts plus shipping plus tax added to the prices less tax inside the prices, per order, plus EUR 0.35 or GBP 0.30 once per order, " +
			"at least EUR 0.45 or GBP 0.40 per order, at most EUR 60.00 or GBP 50.00 per order, rounded up; " + commissionTail,
			ruleWith(t, "commission", `"half_even"`, `"ceil"`, `["goods_list", "-seller_discount"], "tax": "exclude"`, `["-tax_included", "tax_added", "-seller_discount", "shipping", "goods_list"]`,
				`"category_set": "default", `, ``, `"flat": {"GBP": "0.30"}`, `"flat": {"GBP": "0.30", "EUR": "0.35"}`,
				`"min": {"GBP": "0.40"}, "cap": {"GBP": "50.00"}`, `"min": {"EUR": "0.45", "GBP": "0.40"}, "cap": {"EUR": "60.00", "GBP": "50.00"}`)},
		{"a flat fee", "commission", "Commission: GBP 0.30 once per order, rounded half-up; 20 % tax is added to the fee, rounded half-even; kept when goods come back.",
			ruleWith(t, "commission", `"rounding": "half_even"`, `"rounding": "half_up"`, `"base": {"components": ["goods_list", "-seller_discount"], "tax": "exclude"}, "rate": "0.06",`, ``,
				`"rates": [{"category_set": "default", "category": "books", "rate": "0.04"}],`, ``, `"min": {"GBP": "0.40"}, "cap": {"GBP": "50.00"},`, ``, `, "on_refund": "recompute"`, ``,
				`"inclusive"`, `"exclusive"`, `, "reverse_charge_when": "deemed_supplier"`, ``)},
		{"a base without goods", "affiliate", "Affiliate: 10 % of shipping less tax inside the prices, per order, rounded half-even, shared by the order's creators; the seller pays it; a rate locked on the order takes its place; computed again when goods come back.",
			ruleWith(t, "affiliate", `["goods_list"]`, `["-tax_included", "shipping"]`)},
		{"a fee with tax", "affiliate", "Affiliate: 10 % of goods, with tax, per order, rounded half-even; the fee is outside the scope of tax; kept when goods come back.",
			ruleWith(t, "affiliate", `"commission"`, `"fee"`, `"base": {"components": ["goods_list"]}`, `"to": "revenue:referral_fee", "on_refund": "keep", "tax": {"mode": "out_of_scope", "rate": "0", "rounding": "half_even"}, "base": {"components": ["goods_list"], "tax": "include"}`)},
		{"a commission", "affiliate", "Affiliate: 10 % of goods, without tax, per order, rounded half-even, shared by the order's creators; the seller pays it; a rate locked on the order takes its place; computed again when goods come back.", []byte(sampleRules)},
		{"an agency", "agency", "Agency: the share that the order names of a creator's gross commission, at most 50 %, rounded half-even; computed again when goods come back.", []byte(sampleRules)},
		{"an agency without bound", "agency", "Agency: the share that the order names of a creator's gross commission, rounded half-even; computed again when goods come back.", ruleWith(t, "agency", `, "max_share": "0.5"`, ``)},
		{"a partner", "live_tech", "Live technology: 3 % of goods, without tax, per order, rounded half-even, for the partner in the role live_tech; the seller pays it; a rate named by the order takes its place; computed again when goods come back.", []byte(sampleRules)},
		{"a seller's tax", "pit_seller", "Seller's tax: 1 % of goods, without tax, per order, rounded half-even; withheld from the seller when the sale is captured, for liabilities:tax:withholding:UK:pit; computed again when goods come back.", []byte(sampleRules)},
		{"a creator's tax", "pit_creator", "Creator's tax: 7 % of the creator's commission after the agency's share, rounded half-even; withheld from the creator when the sale is captured, for liabilities:tax:withholding:UK:pit; computed again when goods come back.", []byte(sampleRules)},
		{"a creator's tax before the agency", "pit_creator", "Creator's tax: 7 % of the creator's commission before the agency's share, rounded half-even; withheld from the creator when the sale is captured, for liabilities:tax:withholding:UK:pit; computed again when goods come back.",
			ruleWith(t, "pit_creator", `after_agency`, `before_agency`)},
		{"a refund fee", "refund_admin", "Refund administration: 20 % of what commission gives back, per line, at most GBP 5.00 per line, rounded half-even; charged to the seller when shipped goods come back.", []byte(sampleRules)},
		{"a charge", "storage", "Storage: the amount that is recorded as warehouse.storage_charged; whoever pays the amount accounts for the tax on it (reverse charge).", []byte(sampleRules)},
		{"a charge without tax", "storage", "Storage: the amount that is recorded as warehouse.storage_charged, without tax.",
			ruleWith(t, "storage", `"source": "c",`, `"source": "c"`, `"tax": {"mode": "reverse_charge", "rate": "0", "rounding": "half_even"}}`, `}`)},
	} {
		set, err := ParseRuleSet(c.content)
		if err != nil {
			t.Errorf("%s: %v %+v", c.name, err, fieldsOf(err))
			continue
		}
		if got := set.Rule(c.id).Sentence(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Whatever the sheet reads of a rule stands in its sentence: two rules that differ in an amount differ in words.
func TestSentencesTellRulesApart(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"commission", `"rate": "0.06"`, `"rate": "0.061"`}, {"commission", `"rate": "0.04"`, `"rate": "0.041"`}, {"commission", `"books"`, `"toys"`},
		{"commission", `"category_set": "default"`, `"category_set": "other"`}, {"commission", `"0.30"`, `"0.31"`}, {"commission", `"0.40"`, `"0.41"`},
		{"commission", `"50.00"`, `"50.01"`}, {"commission", `"order"`, `"line"`}, {"commission", `"recompute"`, `"keep"`}, {"commission", `"half_even"`, `"half_up"`},
		{"commission", `"exclude"`, `"include"`}, {"commission", `"-seller_discount"`, `"-platform_discount"`}, {"commission", `"inclusive"`, `"exclusive"`},
		{"commission", `"rate": "0.20"`, `"rate": "0.21"`}, {"commission", `, "reverse_charge_when": "deemed_supplier"`, ``},
		{"agency", `"0.5"`, `"0.4"`}, {"live_tech", `"role": "live_tech"`, `"role": "publisher"`}, {"pit_seller", `:pit"`, `:vat"`},
		{"pit_creator", `after_agency`, `before_agency`}, {"refund_admin", `"5.00"`, `"6.00"`}, {"refund_admin", `"0.20"`, `"0.21"`},
		{"storage", `warehouse.storage_charged`, `warehouse.inbound_charged`}, {"storage", `reverse_charge`, `out_of_scope`},
	} {
		a, err := ParseRuleSet([]byte(sampleRules))
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseRuleSet(ruleWith(t, c[0], c[1], c[2]))
		if err != nil {
			t.Errorf("%v: %v %+v", c, err, fieldsOf(err))
			continue
		}
		if a.Rule(c[0]).Sentence() == b.Rule(c[0]).Sentence() {
			t.Errorf("%v: both are %s", c, a.Rule(c[0]).Sentence())
		}
	}
}
