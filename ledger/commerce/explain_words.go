package commerce

import (
	"strconv"
	"strings"

	"mizan/ledger"
	"mizan/ledger/money"
)

// The words of an explanation: a sentence for each step, from which its amount can be computed again, and one for each
// entry.

var componentNames = [components]string{"goods_list", "seller_discount", "platform_discount", "shipping", "gift_wrap", "tax_added", "tax_included"}

var stepTitles = map[string]string{
	"tax":               "Tax owed by the platform",
	"platform_discount": "Discounts paid by the platform",
	"seller":            "Left for the seller",
	"creator":           "Left for the creator",
	"creator_split":     "Split among the creators",
	"agency":            "Agency share",
	"bonus":             "Bonus",
	"duty":              "Duty for customs",
	"donation_round_up": "Donation rounded up",
	"exchange":          "Held for an exchange",
	"tier":              "Commission",
	"pledge":            "Given from the commission",
	"pledge_given":      "Given to a campaign",
	"pledge_released":   "Released to the beneficiary before, so it stays there and the creator bears it",
	"partner":           "Partner share",
	"beside_the_sale":   "Kept and charged beside the sale",
}

func titleOf(st *step) string {
	title := stepTitles[st.id]
	if st.rule != nil && st.rule.Title != "" {
		title = st.rule.Title
	}
	switch {
	case st.id == "commission_deposit":
		return title + ", withheld as a deposit"
	case st.id == "tier":
		return title + ", at the rate of a later tier"
	case title == "":
		return st.id
	}
	return title
}

// headOf is the title with who or what the step is about, where a sheet may have several of the kind.
func headOf(st *step) string {
	title, who := titleOf(st), strings.Replace(st.receiver, ":", " ", 1)
	switch st.id {
	case "tax", "duty", "donation_round_up":
		if parts := strings.Split(st.receiver, ":"); len(parts) > 3 {
			return title + " (" + parts[3] + ")"
		}
	case "seller", "creator":
		return "Left for " + who
	case "exchange":
		return title + " (" + st.of + ")"
	case "pledge":
		if parts := strings.Split(st.receiver, ":"); len(parts) > 4 {
			return title + " to " + parts[3] + " for campaign " + parts[4]
		}
	case "pledge_released":
		return title
	case "pledge_given":
		return title + ", " + who + ", " + st.of
	case "tier":
		return title + ", paid by the " + st.pays
	case "beside_the_sale":
		if parts := strings.Split(st.receiver, ":"); len(parts) > 3 {
			return "Tax that stays owed beside the sale, paid by the seller (" + parts[3] + ")"
		}
		return "Beside the sale, " + who
	case "creator_split", "agency":
		_, id, _ := strings.Cut(st.receiver, ":")
		return title + ", " + id
	case "bonus":
		return title + " for " + who + ", paid by the " + st.pays
	}
	return title
}

// words says a step in a sentence.
func (o *order) words(st *step, out *Step, before money.Minor) string {
	var b strings.Builder
	b.Grow(160)
	b.WriteString(headOf(st))
	b.WriteString(": ")
	amount := st.amount
	if st.id == "platform_discount" || st.id == "pledge_given" { // what the platform gives is below zero in the sheet
		amount, before = -amount, -before
	}
	switch {
	case st.id == "beside_the_sale":
		b.WriteString(st.besideWords(amount, o.currency))
	case st.released:
		b.WriteString("released, so nothing is withheld any more")
	case st.moved:
		b.WriteString("nothing, because the commission belongs to others")
	case (st.rated || len(st.parts) > 0) && st.total == 0:
		b.WriteString(out.Amount)
		b.WriteString(", because nothing is left to compute it on")
	case len(st.parts) > 0:
		o.partsInWords(&b, st, out)
	case st.rated:
		o.rateInWords(&b, st, out)
	case st.weight != "":
		b.WriteString(out.Amount)
		b.WriteString(" of ")
		b.WriteString(out.Total)
		b.WriteString(" by a weight of ")
		b.WriteString(st.weight)
		if st.weights != "" {
			b.WriteString(" in ")
			b.WriteString(st.weights)
		}
		b.WriteString(" and largest remainder")
	case st.flat != 0:
		b.WriteString("a flat ")
		b.WriteString(out.Amount)
	default:
		b.WriteString(amount.Format(o.currency))
	}
	if out.Tax != "" {
		b.WriteString(map[bool]string{true: ", of which ", false: ", plus "}[out.TaxMode == "inclusive"])
		b.WriteString(out.Tax)
		b.WriteString(map[bool]string{true: " is ", false: " for "}[out.TaxMode == "inclusive"])
		b.WriteString(percent(st.rule.Tax.Rate))
		b.WriteString(" tax")
	}
	if before != 0 && before != amount {
		b.WriteString("; before this event ")
		if st.id == "beside_the_sale" {
			b.WriteString(st.besideWords(before, o.currency))
		} else {
			b.WriteString(before.Format(o.currency))
		}
	}
	b.WriteByte('.')
	return b.String()
}

// besideWords says what the seller keeps or is charged apart from the sale, or what tax is owed apart from it.
func (st *step) besideWords(amount money.Minor, c money.Currency) string {
	if strings.HasPrefix(st.receiver, "liabilities:tax:") {
		return amount.Format(c)
	}
	if amount < 0 {
		return (-amount).Format(c) + " charged"
	}
	return amount.Format(c) + " kept"
}

// weights is the sum of the creators' weights.
func (o *order) weights() string {
	var sum money.Weight
	for i := range o.creators {
		var err error
		if sum, err = sum.Add(o.creators[i].weight); err != nil {
			return ""
		}
	}
	return sum.String()
}

// rateInWords says what a rate comes to.
func (o *order) rateInWords(b *strings.Builder, st *step, out *Step) {
	b.WriteString(percent(st.rate))
	b.WriteString(" of ")
	b.WriteString(out.Total)
	switch {
	case len(out.Base) > 0:
		b.WriteString(" (")
		st.baseInWords(b, o.currency)
		b.WriteByte(')')
	case st.of != "":
		b.WriteString(", the ")
		b.WriteString(st.of)
		b.WriteByte(',')
	}
	b.WriteString(" is ")
	rounded := st.amount
	if st.bound == "" {
		rounded -= st.flat
	}
	exact := o.exact(out.Exact)
	b.WriteString(exact)
	if text := rounded.Format(o.currency); st.bound == "" && exact != text {
		b.WriteString(", ")
		b.WriteString("rounded " + roundingWords(st.rounding))
		b.WriteString(" to ")
		b.WriteString(text)
	}
	if st.flat != 0 {
		b.WriteString(", plus ")
		b.WriteString(out.Flat)
		b.WriteString(" flat")
		if st.bound == "" {
			b.WriteString(" is ")
			b.WriteString(out.Amount)
		}
	}
	boundInWords(b, st.bound, out.Amount)
}

// exact is an exact value with the currency's decimals, if they suffice.
func (o *order) exact(s string) string {
	if m, err := money.ParseAmount(s, o.currency); err == nil {
		return m.Format(o.currency)
	}
	return s
}

func boundInWords(b *strings.Builder, bound, amount string) {
	switch bound {
	case "":
		return
	case "cap":
		b.WriteString(", capped at ")
	case "min":
		b.WriteString(", raised to the minimum of ")
	default:
		b.WriteString(", limited to what there is, ")
	}
	b.WriteString(amount)
}

// baseInWords lists what a base is made of. A single component needs no amount beside the total.
func (st *step) baseInWords(b *strings.Builder, c money.Currency) {
	n := 0
	for _, part := range st.base {
		if part != 0 {
			n++
		}
	}
	first := true
	for k, part := range st.base {
		if part == 0 {
			continue
		}
		switch {
		case part < 0:
			b.WriteString(map[bool]string{true: "less ", false: " less "}[first])
		case !first:
			b.WriteString(" plus ")
		}
		first = false
		b.WriteString(componentWords[k])
		if n > 1 || part != st.total {
			b.WriteByte(' ')
			b.WriteString(max(part, -part).Format(c))
		}
	}
}

// maxPartsInWords is how many parts a sentence lists; more are counted, and listed in the step's parts.
const maxPartsInWords = 8

// partsInWords says a step that was rounded in parts.
func (o *order) partsInWords(b *strings.Builder, st *step, out *Step) {
	if len(st.parts) > maxPartsInWords {
		b.WriteString(out.Total)
		b.WriteString(" in ")
		b.WriteString(strconv.Itoa(len(st.parts)))
		b.WriteString(" parts, each rounded by itself")
	} else {
		for i := range st.parts {
			if i > 0 {
				b.WriteString("; ")
			}
			o.partInWords(b, &st.parts[i], &out.Parts[i], st.rounding)
		}
	}
	if st.flat != 0 {
		b.WriteString("; plus ")
		b.WriteString(out.Flat)
		b.WriteString(" flat")
	}
	if st.bound != "" {
		boundInWords(b, st.bound, out.Amount)
	} else if len(st.parts) > 1 || st.flat != 0 {
		b.WriteString("; together ")
		b.WriteString(out.Amount)
	}
}

func (o *order) partInWords(b *strings.Builder, part *stepPart, out *StepPart, rounding money.Rounding) {
	name := ""
	if part.line != 0 {
		name = " (" + lineName(part.line) + ")"
	}
	if part.base == 0 { // several rates in one line, or a line that nothing is left of
		b.WriteString(out.Amount + name)
		return
	}
	exact := o.exact(out.Exact)
	b.WriteString(percent(part.rate) + " of " + out.Total + name + " is " + exact)
	switch {
	case part.bound != "":
		boundInWords(b, part.bound, out.Amount)
	case exact != out.Amount:
		b.WriteString(", rounded " + roundingWords(rounding) + " to " + out.Amount)
	}
}

func lineName(key int) string {
	switch key {
	case lineShipping:
		return "shipping"
	case lineGiftWrap:
		return "gift wrap"
	}
	return "line " + strconv.Itoa(key)
}

// entryWords says why an account of an event is debited or credited.
func entryWords(event string, a ledger.Address, credit bool) string {
	if _, bucket, _, ok := splitPayee(a); ok {
		switch {
		case bucket == bucketPending && waitsForRelease(event):
			return side(credit, sides{"Out of what waits to be released.", "Earned; waits until it is released."})
		case event == "shipping.charged" && credit:
			return "The part that the platform pays."
		}
		return side(credit, bucketWords[bucket])
	}
	account := string(a)
	switch {
	case event == "year.closed" && !strings.HasPrefix(account, "equity:"):
		return "The year's balance."
	case event == "fx.position_closed" && a == accountFXPosition:
		return "What executed conversions left."
	}
	if event == "processor.funds_available" {
		return side(credit, sides{"Available at the processor.", "No longer waiting at the processor."})
	}
	for i := range accountWords {
		if w := &accountWords[i]; strings.HasPrefix(account, w.prefix) {
			return side(credit, w.sides)
		}
	}
	return "As the event says."
}

// waitsForRelease reports whether what an event gives waits until somebody releases it, because no order settles it.
func waitsForRelease(event string) bool {
	family, _, _ := strings.Cut(event, ".")
	switch family {
	case "gift", "tip", "subscription":
		return true
	}
	return family == "commission" && event != "commission.deposit_released" || event == eventReleased
}

// sides are the words for a debit and for a credit.
type sides [2]string

func side(credit bool, s sides) string {
	if credit {
		return s[1]
	}
	return s[0]
}

var bucketWords = map[string]sides{
	bucketPending:     {"Out of what waits for the settlement.", "Earned; becomes available when the order settles."},
	bucketAvailable:   {"Out of what is available.", "Available for payout."},
	bucketReserve:     {"Out of the reserve.", "Kept in reserve until its date."},
	bucketDisputeHold: {"The dispute's hold ends.", "Held while the dispute is open."},
	bucketTrust:       {"Out of the minor's trust.", "Set aside for the minor."},
	bucketBlocked:     {"No longer blocked.", "Blocked by a hold."},
}

// accountWords are the words of the other accounts; the first prefix that fits decides.
var accountWords = []struct {
	prefix string
	sides  sides
}{
	{"assets:processor:", sides{"Money that came to us at the processor.", "Money that left us at the processor."}},
	{"assets:receivable:dispute:", sides{"Taken back by the bank; open until it decides.", "The bank has decided."}},
	{"assets:receivable:appstore", sides{"The app store owes it to us.", "The app store owes it no more."}},
	{"assets:receivable:brand:", sides{"The brand owes it to us.", "The brand owes it no more."}},
	{"assets:receivable:match_sponsor:", sides{"The sponsor has pledged it.", "The sponsor owes it no more."}},
	{"assets:receivable:cod:", sides{"The carrier has collected it for us.", "The carrier owes it no more."}},
	{"assets:receivable:channel:", sides{"The channel owes it.", "The channel owes it no more."}},
	{"assets:bank:safeguarded:", sides{"In the safeguarded account.", "Out of the safeguarded account."}},
	{"assets:bank:trust:", sides{"In the trust account.", "Out of the trust account."}},
	{"assets:bank:", sides{"Money that came to our bank account.", "Money that left our bank account."}},
	{"assets:treasury_in_transit:", sides{"On its way between our own accounts.", "Arrived, or back."}},
	{"assets:cash_in_transit:", sides{"On its way to its receiver.", "Arrived, or back."}},
	{"assets:fx_position", sides{"We hold more of this currency.", "We owe more of this currency."}},
	{string(accountFXMargin), sides{"The platform's margin goes back.", "The platform's margin."}},
	{string(accountFXGainLoss), sides{"A loss of exchange.", "A gain of exchange."}},
	{string(accountFXUnrealised), sides{"A loss of exchange, not realised.", "A gain of exchange, not realised."}},
	{string(accountRetained), sides{"The year's loss.", "The year's profit."}},
	{string(accountOpening), sides{"Debts that the book begins with.", "What the book begins with."}},
	{"assets:fx_revaluation", sides{"Open currency is worth more than when it was taken.", "Open currency is worth less than when it was taken."}},
	{"assets:tax:input:", sides{"Tax on our costs that we get back.", "Tax on our costs that was set off."}},
	{"assets:due_from:", sides{"Another book of ours owes it.", "The other book owes it no more."}},
	{"liabilities:due_to:", sides{"We owe it to the other book no more.", "We owe it to another book of ours."}},
	{"liabilities:accrued:", sides{"Not accrued any more.", "Received, not invoiced yet."}},
	{"liabilities:coins", sides{"Coins that are not to be spent any more.", "Coins to be spent."}},
	{"liabilities:match_fund:", sides{"Out of the money for matching.", "Money for matching."}},
	{"liabilities:match_pledge:", sides{"The pledge is funded, or over.", "Pledged, not funded yet."}},
	{"liabilities:processor_fee_passthrough", sides{"The quoted card fee was used, or passed on.", "The quoted card fee, until the real one is known."}},
	{"liabilities:exchange_clearing:", sides{"What the exchange took.", "What the exchange brought."}},
	{"liabilities:deferred_revenue", sides{"Earned now.", "Paid ahead; earned over time."}},
	{"liabilities:seller_deposit:", sides{"Out of the shop's deposit.", "The shop's deposit."}},
	{"liabilities:unclaimed:", sides{"Not unclaimed any more.", "Unclaimed; kept for whom it belongs to."}},
	{"liabilities:payout_in_transit", sides{"Arrived, or back.", "On its way to its receiver."}},
	{accountSuspenseIn, sides{"It is known whose it is.", "Waits until it is known whose it is."}},
	{"equity:", sides{"Brought forward.", "Brought forward."}},
	{accountSuspense, sides{"Waits until it is known what it is.", "It is known what it was."}},
	{"liabilities:tax:withholding:", sides{"Less is withheld for the tax office.", "Withheld from the payee for the tax office."}},
	{"liabilities:tax:customs:", sides{"Duty that is not owed any more.", "Duty owed to customs."}},
	{"liabilities:tax:", sides{"Tax that is not owed any more.", "Tax owed to the tax office."}},
	{"liabilities:carrier:", sides{"Owed to the carrier no more.", "Owed to the carrier."}},
	{"liabilities:commission_deposit:", sides{"Out of the deposit.", "Withheld until the tier is known."}},
	{"liabilities:customer_refund_due:", sides{"Owed to the buyer no more.", "Owed to the buyer."}},
	{"liabilities:store_credit:", sides{"Paid with store credit.", "The buyer's to spend."}},
	{"liabilities:gift_card:", sides{"Paid with a gift card.", "Back on the gift card."}},
	{"liabilities:donation:", sides{"Back from the campaign.", "For the campaign."}},
	{accountPlatformDiscount, sides{"Discounts at the platform's cost.", "Discounts that the platform need not pay."}},
	{"revenue:", sides{"The platform's fee goes back.", "The platform's fee."}},
	{"expenses:collection_fee:", sides{"What the carrier kept for collecting the cash.", "What the carrier kept is undone."}},
	{accountChargebackLoss, sides{"The platform bears the loss.", "The platform's loss is undone."}},
	{accountDisputeFee, sides{"What the processor charges for the dispute.", "The platform does not bear this fee."}},
	{accountProcessorFee, sides{"What the processor charges.", "What the processor gave back."}},
	{accountGoodwill, sides{"At the platform's cost.", "Taken back by the platform."}},
	{accountBonus, sides{"Paid to creators and agencies by the platform.", "What the platform had paid comes back."}},
	{"expenses:", sides{"The platform's cost.", "The platform's cost falls."}},
}
