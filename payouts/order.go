package payouts

import (
	"strconv"

	"mizan/ledger"
	"mizan/ledger/commerce"
	"mizan/ledger/money"
)

// An order is a payout that shall be created: everything about it but its number and what it pays for, which follow from
// the account at the moment in which the money is taken.

type order struct {
	holder   Holder
	receiver string
	// source is the bucket that the money leaves, one of commerce's Source words.
	source string
	// sequence is the transaction that has put the money in transit already; 0 for what createTx posts itself.
	sequence int64
	part     int
	// amount and fee leave the source; feeTax is the part of the fee that is tax.
	amount, fee, feeTax              money.Minor
	method                           string
	destination, rail, account, mode string
	needsPerson                      bool
	retryOf                          string
	retries                          int
}

// ordersOf are the payouts of a decision to pay, one for each part.
func ordersOf(c *candidate, method string, retry *Payout) []order {
	to := c.to
	list := make([]order, 0, len(c.decision.Parts))
	for _, part := range c.decision.Parts {
		o := order{holder: c.Holder, receiver: c.ID, source: commerce.SourceAvailable, part: part.Number, amount: part.Amount, fee: part.Fee, method: method,
			destination: to.ID, rail: to.Rail, account: to.Account, mode: to.Mode, needsPerson: len(c.decision.SecondPerson) > 0}
		if retry != nil {
			o.retryOf, o.retries = retry.ID, retry.Retries+1
		}
		list = append(list, o)
	}
	return list
}

// from is the account that the money leaves.
func (o *order) from() ledger.Address { return sourceAddress(o.holder, o.source) }

// sourceAddress is the account of a source of payouts.
func sourceAddress(h Holder, source string) ledger.Address {
	if source == commerce.SourceDeposit {
		return ledger.Address("liabilities:seller_deposit:" + h.ID)
	}
	return h.bucket(source)
}

// sourceOf is the source that an account of the ledger is.
func sourceOf(h Holder, account ledger.Address) string {
	for _, source := range []string{commerce.SourceAvailable, commerce.SourceBlocked, commerce.SourceDeposit, commerce.SourceTrust} {
		if sourceAddress(h, source) == account {
			return source
		}
	}
	return ""
}

// created is the event that takes the money.
func (o *order) created(id, run string) *commerce.PayoutCreated {
	p := Payout{ID: id, Holder: o.holder, Receiver: o.receiver, Source: o.source, Amount: o.amount, Fee: o.fee, FeeTax: o.feeTax}
	return &commerce.PayoutCreated{PayoutTerms: p.terms(), Method: o.method, Run: run, Part: o.part, RetryOf: o.retryOf}
}

// terms are what every event of the payout carries.
func (p *Payout) terms() commerce.PayoutTerms {
	t := commerce.PayoutTerms{Payout: p.ID, Kind: p.Holder.Kind, Payee: p.Holder.ID, Currency: string(p.Holder.Currency), Amount: p.Amount.Format(p.Holder.Currency), Source: p.Source}
	if net := p.Fee - p.FeeTax; net != 0 {
		t.Fee = net.Format(p.Holder.Currency)
	}
	if p.FeeTax != 0 {
		t.FeeTax = p.FeeTax.Format(p.Holder.Currency)
	}
	if p.Receiver != p.Holder.ID {
		t.Receiver = p.Receiver
	}
	return t
}

// String names the order for errors: the place of the holder and the part.
func (o *order) String() string { return o.holder.place() + "/" + strconv.Itoa(o.part) }
