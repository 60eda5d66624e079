package commerce

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mizan/ledger"
	"mizan/ledger/fault"
	"mizan/ledger/money"
)

// The bridge leads from what buyers paid for a seller's goods to what the seller was paid out (domain 5.5). Tax forms work
// on the gross, bank deposits on the net; sellers who see a form that is higher than their deposits ask why, and every
// step of the answer comes from the same entries.

// Bridge is a seller's bridge over some months in one currency. Amounts are decimal strings; what lowers the payout is
// negative. Gross plus all lines plus payouts is what is carried forward.
type Bridge struct {
	Seller   string `json:"seller" example:"sel_wh"`
	Currency string `json:"currency" example:"USD"`
	From     string `json:"from" doc:"First month" example:"2026-11"`
	To       string `json:"to" doc:"Last month" example:"2026-12"`
	// Gross is what buyers paid, tax and shipping included, before fees and refunds.
	Gross string `json:"gross" doc:"What buyers paid, tax and shipping included" example:"227.33"`
	// GrossWithoutTax leaves out the tax that the platform owes to the authority: whether a form's gross holds it differs
	// (errata C-10).
	GrossWithoutTax string `json:"gross_without_tax" doc:"The gross less the tax that the platform owes to the authority, for forms that leave it out" example:"210.00"`
	// Payments counts the captures behind it, less those that a correction reversed: these never were payments.
	Payments int64           `json:"payments" doc:"How many captures, less those that a correction reversed" example:"2"`
	Months   []BridgeMonth   `json:"months" nullable:"false" doc:"The gross by month"`
	Quarters []BridgeQuarter `json:"quarters" nullable:"false" doc:"What platforms report per quarter"`
	Lines    []BridgeLine    `json:"lines" nullable:"false" doc:"From the gross to the payouts"`
	Payouts  string          `json:"payouts" doc:"Paid out, negative" example:"-100.88"`
	// Carried is what the seller's accounts hold more after the months than before.
	Carried []BridgeCarried `json:"carried" nullable:"false" doc:"What the seller's accounts hold more than before"`
}

// BridgeMonth is the gross of a month.
type BridgeMonth struct {
	Month string `json:"month" example:"2026-11"`
	Gross string `json:"gross" example:"64.95"`
	// GrossWithoutTax is the gross less the tax that the platform owes to the authority.
	GrossWithoutTax string `json:"gross_without_tax" example:"60.00"`
	Payments        int64  `json:"payments" example:"1"`
}

// BridgeQuarter is a quarter as DAC7 asks for it.
type BridgeQuarter struct {
	Quarter string `json:"quarter" example:"2026-Q4"`
	// Consideration is what the seller got for goods: the gross less refunds, fees and taxes.
	Consideration string `json:"consideration" example:"128.36"`
	Payments      int64  `json:"payments" example:"2"`
	Fees          string `json:"fees" doc:"Fees and commissions that the seller bore" example:"36.38"`
	TaxWithheld   string `json:"tax_withheld" example:"0.00"`
	TaxCollected  string `json:"tax_collected" doc:"Tax that the platform owes to the authority" example:"12.38"`
}

// BridgeLine is one step: what was taken and what came back.
type BridgeLine struct {
	// Step is the kind of the step.
	Step    string `json:"step" enum:"tax_collected,refunds,platform_funding,fees,fee_tax,commissions,tax_withheld,shipping,disputes,deposits,other" example:"fees"`
	Account string `json:"account" doc:"The account on the other side" example:"revenue:referral_fee"`
	Taken   string `json:"taken" doc:"What lowered the payout, as a negative amount" example:"-12.60"`
	Given   string `json:"given" doc:"What raised it" example:"3.60"`
	Net     string `json:"net" example:"-9.00"`
}

// BridgeCarried is the change of one of the seller's accounts.
type BridgeCarried struct {
	Bucket string `json:"bucket" example:"reserve"`
	Change string `json:"change" example:"13.74"`
}

var (
	// ErrBridgeRange means that the months asked for are not a range of up to thirteen.
	ErrBridgeRange = fault.New(fault.Invalid, "bridge-range", "Ask for one to thirteen months, the first one first.")
	// errBridge means that a bridge does not add up, which its arithmetic excludes.
	errBridge = "commerce: the bridge of %s leaves %s"
)

// sellerBuckets are the accounts that hold a seller's own money.
var sellerBuckets = []string{bucketPending, bucketAvailable, bucketReserve, bucketDisputeHold, "blocked"}

// Bridge adds up a seller's bridge. It returns ErrBridgeRange, or ledger.ErrAccountNotOpened for a seller that never had
// money in the currency.
func (s *Service) Bridge(ctx context.Context, book ledger.Book, seller string, c money.Currency, from, to ledger.Period) (*Bridge, error) {
	months := 1
	for p := from; p < to; p = p.Next() {
		if months++; months > 13 {
			break
		}
	}
	if to < from || months > 13 {
		return nil, ErrBridgeRange
	}
	q := ledger.ContraQuery{Currency: c, From: from, To: to}
	for _, bucket := range sellerBuckets {
		q.Accounts = append(q.Accounts, payeeAccount("seller", bucket, seller))
	}
	contras, err := s.ledger.Contras(ctx, book, q)
	if err != nil {
		return nil, err
	}
	if len(contras) == 0 {
		return nil, ledger.ErrAccountNotOpened
	}
	b := &bridging{currency: c, months: map[ledger.Period]*bridgeSums{}, steps: map[bridgeStep]*bridgeSums{}, carried: map[string]money.Minor{}}
	for i := range contras {
		b.add(&contras[i])
	}
	out := b.bridge()
	out.Seller, out.From, out.To = seller, from.String(), to.String()
	if b.left != 0 {
		return nil, fmt.Errorf(errBridge, seller, b.left.Format(c))
	}
	return out, nil
}

// bridging is a bridge while it is added up.
type bridging struct {
	currency money.Currency
	months   map[ledger.Period]*bridgeSums
	steps    map[bridgeStep]*bridgeSums
	carried  map[string]money.Minor
	payouts  money.Minor
	// left is everything added up: gross, steps and payouts less what is carried. It must be zero.
	left money.Minor
}

type bridgeStep struct {
	step    string
	account ledger.Address
}

type bridgeSums struct {
	taken, given                             money.Minor
	payments                                 int64
	refunds, fees, taxes, withheld, platform money.Minor // of a month
	captured                                 money.Minor // tax that captures brought
}

// month returns a month's sums.
func (b *bridging) month(p ledger.Period) *bridgeSums {
	if b.months[p] == nil {
		b.months[p] = &bridgeSums{}
	}
	return b.months[p]
}

// add puts a contra account into its step. What stands as a debit on the other side raised the seller's money.
func (b *bridging) add(c *ledger.Contra) {
	if c.Own {
		_, bucket, _, _ := splitPayee(c.Account)
		change := c.Credits - c.Debits
		b.carried[bucket] += change
		b.left -= change
		return
	}
	net := c.Debits - c.Credits
	b.left += net
	m := b.month(c.Period)
	step := bridgeStepOf(c)
	switch step {
	case "gross":
		m.given += net
		m.payments += c.Transactions
		return
	case "payouts":
		b.payouts += net
		return
	case "refunds":
		m.refunds += net
	case "fees", "fee_tax", "commissions":
		m.fees -= net
	case "tax_collected":
		m.taxes -= net
		if isCapture(c.Event) {
			m.captured -= net
		}
	case "tax_withheld":
		m.withheld -= net
	case "platform_funding":
		m.platform += net
	}
	k := bridgeStep{step, c.Account}
	if step == "refunds" { // whoever paid it back
		k.account = "assets:processor"
	}
	if c.Event == eventRemitted { // the cash against what of it reached the bank: what the carrier kept
		k.account = "assets:receivable:cod"
	}
	if b.steps[k] == nil {
		b.steps[k] = &bridgeSums{}
	}
	b.steps[k].taken -= c.Credits
	b.steps[k].given += c.Debits
}

// stepsByPrefix says which step an account belongs to; the first prefix decides.
var stepsByPrefix = []struct{ prefix, step string }{
	{accountPlatformDiscount, "platform_funding"},
	{"revenue:dispute_handling_fee", "disputes"},
	{"revenue:", "fees"},
	{"liabilities:tax:withholding:", "tax_withheld"},
	{"liabilities:tax:", "tax_collected"},
	{"liabilities:creator:", "commissions"},
	{"liabilities:agency:", "commissions"},
	{"liabilities:partner:", "commissions"},
	{"liabilities:commission_deposit:", "commissions"},
	{"liabilities:carrier:", "shipping"},
	{accountShippingSubsidy, "shipping"},
	{"assets:receivable:dispute", "disputes"},
	{accountDisputeFee, "disputes"},
	{"liabilities:seller_deposit:", "deposits"},
	{"liabilities:payout_in_transit", "payouts"},
}

// bridgeStepOf says which step a contra account belongs to. The buyer's money is gross when it is captured and a refund
// otherwise.
func bridgeStepOf(c *ledger.Contra) string {
	a := string(c.Account)
	switch {
	case c.Event == eventRemitted:
		return "shipping"
	case strings.HasSuffix(a, ":on-fees"):
		return "fee_tax"
	case strings.HasPrefix(a, "assets:processor:"), strings.HasPrefix(a, "liabilities:gift_card:"), strings.HasPrefix(a, "liabilities:store_credit:"),
		strings.HasPrefix(a, codPrefix), strings.HasPrefix(a, "liabilities:customer_refund_due:"), strings.HasPrefix(a, "liabilities:exchange_clearing:"), a == accountSuspense, a == accountSuspenseIn:
		if isCapture(c.Event) {
			return "gross"
		}
		return "refunds"
	}
	for _, s := range stepsByPrefix {
		if strings.HasPrefix(a, s.prefix) {
			return s.step
		}
	}
	return "other"
}

// isCapture reports whether an event brings a buyer's money.
func isCapture(event string) bool {
	return event == eventCaptured || event == eventCODDelivered || event == "exchange.captured"
}

// bridgeSteps is the order of the steps.
var bridgeSteps = []string{"tax_collected", "refunds", "platform_funding", "fees", "fee_tax", "commissions", "tax_withheld", "shipping", "disputes", "deposits", "other"}

// bridge writes the sums down.
func (b *bridging) bridge() *Bridge {
	c := b.currency
	out := &Bridge{Currency: string(c), Months: []BridgeMonth{}, Quarters: []BridgeQuarter{}, Lines: []BridgeLine{}, Carried: []BridgeCarried{}, Payouts: b.payouts.Format(c)}
	gross, captured := money.Minor(0), money.Minor(0)
	periods := make([]ledger.Period, 0, len(b.months))
	for p := range b.months {
		periods = append(periods, p)
	}
	slices.Sort(periods)
	quarter, sums := "", bridgeSums{}
	flush := func() {
		if quarter != "" {
			out.Quarters = append(out.Quarters, BridgeQuarter{Quarter: quarter, Payments: sums.payments, Fees: sums.fees.Format(c), TaxWithheld: sums.withheld.Format(c),
				TaxCollected: sums.taxes.Format(c), Consideration: (sums.given + sums.refunds + sums.platform - sums.fees - sums.taxes - sums.withheld).Format(c)})
		}
		sums = bridgeSums{}
	}
	for _, p := range periods {
		m := b.months[p]
		if name := fmt.Sprintf("%04d-Q%d", p/100, (p%100+2)/3); name != quarter {
			flush()
			quarter = name
		}
		sums.given, sums.payments, sums.refunds, sums.platform = sums.given+m.given, sums.payments+m.payments, sums.refunds+m.refunds, sums.platform+m.platform
		sums.fees, sums.taxes, sums.withheld = sums.fees+m.fees, sums.taxes+m.taxes, sums.withheld+m.withheld
		gross += m.given
		captured += m.captured
		out.Payments += m.payments
		out.Months = append(out.Months, BridgeMonth{Month: p.String(), Gross: m.given.Format(c), GrossWithoutTax: (m.given - m.captured).Format(c), Payments: m.payments})
	}
	flush()
	out.Gross, out.GrossWithoutTax = gross.Format(c), (gross - captured).Format(c)
	for k, s := range b.steps {
		out.Lines = append(out.Lines, BridgeLine{Step: k.step, Account: string(k.account), Taken: s.taken.Format(c), Given: s.given.Format(c), Net: (s.taken + s.given).Format(c)})
	}
	slices.SortFunc(out.Lines, func(a, b BridgeLine) int {
		if d := slices.Index(bridgeSteps, a.Step) - slices.Index(bridgeSteps, b.Step); d != 0 {
			return d
		}
		return strings.Compare(a.Account, b.Account)
	})
	for _, bucket := range sellerBuckets {
		if change := b.carried[bucket]; change != 0 {
			out.Carried = append(out.Carried, BridgeCarried{Bucket: bucket, Change: change.Format(c)})
		}
	}
	return out
}

// BridgeStep says which step of a seller's bridge belongs to an account on the other side of an event: "gross", "payouts", or the
// step of a line.
func BridgeStep(event string, account ledger.Address) string {
	return bridgeStepOf(&ledger.Contra{Event: event, Account: account})
}

// BridgeSteps returns the steps of a bridge's lines, in order.
func BridgeSteps() []string { return slices.Clone(bridgeSteps) }

// BringsPayment reports whether an event brings a buyer's money for a seller's goods.
func BringsPayment(event string) bool { return isCapture(event) }
